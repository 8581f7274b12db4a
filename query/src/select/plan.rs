//! The order in which a filter's conditions are evaluated.

use crate::filter::{Node, Scope};

/// A filter ready to run.
#[derive(Debug)]
pub(super) enum Plan {
    /// The same for every event.
    Recording(Node),
    /// About an entity: what it found out stands in the memory with this number.
    Entity {
        scope: Scope,
        memory: usize,
        node: Node,
    },
    /// About a row. What was found out about all rows of a kind has this number.
    Row {
        memory: usize,
        node: Node,
    },
    And(Vec<Plan>),
    Or(Vec<Plan>),
    Not(Box<Plan>),
}

/// How many conditions of a plan remember something.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memories {
    /// About entities.
    pub(super) entities: usize,
    /// About rows.
    pub(super) rows: usize,
}

impl Plan {
    /// Plans a filter; `memories` counts the conditions that remember.
    pub(super) fn new(node: &Node, memories: &mut Memories) -> Self {
        match node.scope() {
            Scope::Recording => return Plan::Recording(node.clone()),
            scope @ (Scope::Kind | Scope::Thread | Scope::Descriptor | Scope::Path) => {
                memories.entities += 1;
                return Plan::Entity { scope, memory: memories.entities - 1, node: node.clone() };
            }
            Scope::Row => {}
        }
        match node {
            Node::And(nodes) => Plan::And(Plan::parts(nodes, Node::And, memories)),
            Node::Or(nodes) => Plan::Or(Plan::parts(nodes, Node::Or, memories)),
            Node::Not(inner) => Plan::Not(Box::new(Plan::new(inner, memories))),
            Node::Test(_) => {
                memories.rows += 1;
                Plan::Row { memory: memories.rows - 1, node: node.clone() }
            }
        }
    }

    /// Parts about the same kind of entity become one, and cheap ones come first: their order changes nothing
    /// about what is selected.
    fn parts(nodes: &[Node], join: fn(Vec<Node>) -> Node, memories: &mut Memories) -> Vec<Plan> {
        let mut plans = Vec::new();
        for scope in [Scope::Recording, Scope::Kind, Scope::Thread, Scope::Descriptor, Scope::Path] {
            let mut group: Vec<Node> = nodes.iter().filter(|node| node.scope() == scope).cloned().collect();
            match group.len() {
                0 => {}
                1 => plans.extend(group.pop().map(|node| Plan::new(&node, memories))),
                _ => plans.push(Plan::new(&join(group), memories)),
            }
        }
        let rows = nodes.iter().filter(|node| node.scope() == Scope::Row);
        plans.extend(rows.map(|node| Plan::new(node, memories)));
        plans
    }
}
