//! From the tree of a filter's text to conditions that can be evaluated: finds fields, checks types, turns
//! values into them.

use std::sync::LazyLock;

use capture_format::schema;
use memchr::memmem::Finder;
use regex::bytes::RegexBuilder;

use super::access::Access;
use super::literal::Literal;
use super::peer_names;
use super::test::{Pattern, Relation, Test};
use super::{FilterError, Node};
use crate::fields::{self, Argument, Field, Takes, Type, Usage};
use crate::syntax::{
    self, Check, Expr, FieldName, Operand, Operator, Quantifier, Right, Span, Transformer, nearest,
};

/// Bytes a compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Checks a tree.
pub(crate) fn check(text: &str, expr: &Expr) -> Result<Node, FilterError> {
    Checker { text }.node(expr)
}

/// Checks an operand on its own, for formats.
pub(crate) fn access_of(text: &str, operand: &Operand) -> Result<Access, FilterError> {
    Checker { text }.access(operand)
}

struct Checker<'t> {
    text: &'t str,
}

/// Names of event types: ours, and those that filters written for others use.
static EVENT_NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names = schema::known_event_names();
    names.extend_from_slice(peer_names::EVENTS);
    names.sort_unstable();
    names
});

/// Names of arguments, likewise.
static ARGUMENT_NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let calls = schema::Abi::ALL.into_iter().flat_map(schema::syscalls).map(|(_, call)| call);
    let operations = schema::operations(schema::Abi::X86_64).map(|operation| &operation.call);
    let mut names: Vec<&'static str> =
        calls.chain(operations).flat_map(|call| call.args.iter().map(|(name, _)| *name)).collect();
    for event in schema::KernelEvent::ALL {
        // Kinds are made on the spot: their few names are kept for good.
        let args = schema::kernel_event(event).args;
        names.extend(args.into_iter().map(|arg| &*arg.name.leak()));
    }
    let completion = schema::completion_kind(schema::Abi::X86_64, None).args;
    names.extend(completion.into_iter().map(|arg| &*arg.name.leak()));
    names.extend_from_slice(peer_names::ARGUMENTS);
    names.extend_from_slice(&["res", "fd"]);
    names.sort_unstable();
    names.dedup();
    names
});

/// Types whose values have an order and compare as numbers.
fn is_number(kind: Type) -> bool {
    matches!(kind, Type::Number | Type::Port | Type::Time | Type::Duration | Type::Percent)
}

fn is_text(kind: Type) -> bool {
    matches!(kind, Type::Text | Type::Bytes)
}

fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::Number => "a number",
        Type::Bool => "a bool",
        Type::Text => "a text",
        Type::Bytes => "bytes",
        Type::Address => "an address",
        Type::Port => "a port",
        Type::Time => "a time",
        Type::Duration => "a duration",
        Type::Percent => "a percentage",
        Type::List => "a list",
        Type::Dynamic => "of the argument's type",
    }
}

/// The operators that values of a type take.
fn takes(kind: Type, operator: Operator) -> bool {
    use Operator as O;
    let sets = matches!(operator, O::In | O::Intersects | O::Exists);
    let equality = sets || matches!(operator, O::Equal | O::NotEqual);
    let order = matches!(operator, O::Less | O::LessEqual | O::Greater | O::GreaterEqual);
    match kind {
        Type::Text | Type::Bytes | Type::Dynamic => true,
        Type::List => sets,
        Type::Bool | Type::Address => equality,
        Type::Number | Type::Port | Type::Time | Type::Duration | Type::Percent => equality || order,
    }
}

/// Whether two fields can be compared.
fn comparable(left: Type, right: Type) -> bool {
    left == right
        || left == Type::Dynamic
        || right == Type::Dynamic
        || is_number(left) && is_number(right)
        || is_text(left) && is_text(right)
        || left == Type::List && is_text(right)
        || is_text(left) && right == Type::List
}

/// Bytes as pairs of hexadecimal digits.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

impl Checker<'_> {
    fn error(&self, span: Span, message: impl Into<String>) -> FilterError {
        FilterError::new(self.text, span, message)
    }

    fn unknown(
        &self,
        span: Span,
        message: String,
        name: &str,
        known: impl Iterator<Item = &'static str>,
    ) -> FilterError {
        let error = self.error(span, message);
        match nearest(name, known) {
            Some(like) => error.help(format!("did you mean '{like}'?")),
            None => error,
        }
    }

    fn node(&self, expr: &Expr) -> Result<Node, FilterError> {
        let all = |terms: &[Expr]| terms.iter().map(|term| self.node(term)).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::And(terms) => Node::And(all(terms)?),
            Expr::Or(terms) => Node::Or(all(terms)?),
            Expr::Not(inner) => Node::Not(Box::new(self.node(inner)?)),
            Expr::Check(check) => Node::Test(Box::new(self.test(check)?)),
        })
    }

    /// The field a name stands for, and the argument in the name or in brackets.
    fn field(&self, name: &FieldName) -> Result<(&'static Field, Argument), FilterError> {
        let bracketed =
            name.argument.as_ref().map(|argument| String::from_utf8_lossy(&argument.text).into_owned());
        if let Some(field) = fields::find(&name.name) {
            return Ok((field, self.argument(name, field, bracketed)?));
        }
        // `evt.arg.NAME`: the longest field in front of a dot that takes an argument.
        let dots = name.name.rmatch_indices('.').map(|(at, _)| at);
        for at in dots {
            if let Some(field) = fields::find(&name.name[..at])
                && matches!(field.takes, Takes::Name | Takes::MaybeName)
                && bracketed.is_none()
            {
                let argument = self.argument(name, field, Some(name.name[at + 1..].to_owned()))?;
                self.check_argument_name(name, field, &argument)?;
                return Ok((field, argument));
            }
        }
        if let Some(class) = peer_names::CLASSES.iter().find(|class| name.name.starts_with(**class)) {
            let message = format!("fields like '{}' exist elsewhere, but captures do not hold it", name.name);
            let held = fields::fields().iter().map(|field| field.name).filter(|held| held.starts_with(class));
            let held: Vec<&str> = held.collect();
            let error = self.error(name.span.clone(), message);
            return Err(match held.is_empty() {
                true => error,
                false => error.help(format!("they hold {}", held.join(", "))),
            });
        }
        let error = self.error(name.span.clone(), format!("there is no field '{}'", name.name));
        Err(match fields::find_like(&name.name) {
            Some(like) => error.help(format!("did you mean '{like}'?")),
            None => error.help("`sysreel --list` shows every field"),
        })
    }

    fn argument(
        &self,
        name: &FieldName,
        field: &Field,
        given: Option<String>,
    ) -> Result<Argument, FilterError> {
        let error = |message: &str| Err(self.error(name.span.clone(), format!("{} {message}", field.name)));
        let index = given.as_ref().and_then(|text| text.parse().ok()).map(Argument::Index);
        match (field.takes, given, index) {
            (Takes::Nothing, None, _) | (Takes::MaybeIndex | Takes::MaybeName, None, _) => Ok(Argument::None),
            (Takes::Nothing, Some(_), _) => error("takes no argument"),
            (Takes::Name, None, _) => error("needs an argument, as in evt.arg.flags"),
            (Takes::Index, None, _) => error("needs a number in brackets"),
            (Takes::MaybeIndex | Takes::Index, _, None) => error("takes a number in brackets"),
            // The name of an event type is never a number.
            (_, Some(text), None) => Ok(Argument::Name(text)),
            (_, _, Some(index)) => Ok(index),
        }
    }

    /// Names behind a dot are checked; one in brackets may belong to a newer capture.
    fn check_argument_name(
        &self,
        name: &FieldName,
        field: &Field,
        given: &Argument,
    ) -> Result<(), FilterError> {
        let Argument::Name(given) = given else { return Ok(()) };
        let (known, what): (&[&'static str], _) = match field.name {
            "evt.arg" | "evt.rawarg" => (&ARGUMENT_NAMES, "argument"),
            "evt.type.is" => (&EVENT_NAMES, "event type"),
            "evt.abspath" => (&["src", "dst"], "path"),
            _ => return Ok(()),
        };
        if known.contains(&given.as_str()) {
            return Ok(());
        }
        let message = format!("there is no {what} '{given}'");
        let error = self.unknown(name.span.clone(), message, given, known.iter().copied());
        Err(match error.help {
            Some(_) => error,
            None => error.help(format!("if newer captures have it, write {}[{given}]", field.name)),
        })
    }

    fn access(&self, operand: &Operand) -> Result<Access, FilterError> {
        match operand {
            Operand::Field(name) => self.field(name).map(|(field, argument)| Access::Field(field, argument)),
            Operand::Literal(literal) => Ok(Access::Text(literal.text.clone())),
            Operand::Transform { by, of, span } => {
                let accesses =
                    of.iter().map(|operand| self.access(operand)).collect::<Result<Vec<_>, _>>()?;
                self.check_transform(*by, &accesses, span)?;
                Ok(Access::Transform(*by, accesses))
            }
        }
    }

    fn check_transform(&self, by: Transformer, of: &[Access], span: &Span) -> Result<(), FilterError> {
        let error = |message: String| Err(self.error(span.clone(), format!("{} {message}", by.word())));
        let first = match (by, of) {
            (Transformer::Join, [_, _, ..]) => return Ok(()),
            (Transformer::Join, _) => return error("takes a separator and a list or texts".to_owned()),
            (Transformer::Concat, of) => match of.iter().find(|access| !is_text(access.kind())) {
                Some(access) => {
                    return error(format!("takes texts, and this is {}", type_name(access.kind())));
                }
                None => return Ok(()),
            },
            (_, [first]) => first.kind(),
            _ => return error("takes one argument".to_owned()),
        };
        let fits = match by {
            Transformer::Val => true,
            Transformer::Len => is_text(first) || matches!(first, Type::List | Type::Dynamic),
            Transformer::ToLower | Transformer::ToUpper | Transformer::Basename => {
                matches!(first, Type::Text | Type::Dynamic)
            }
            _ => is_text(first) || first == Type::Dynamic,
        };
        if fits { Ok(()) } else { error(format!("takes a text, and this is {}", type_name(first))) }
    }

    fn test(&self, check: &Check) -> Result<Test, FilterError> {
        let mut left = self.access(&check.left)?;
        let (kind, operator) = (left.kind(), check.operator);
        if let Access::Field(field, _) = &left
            && field.usage == Usage::OutputOnly
        {
            let message = format!("{} can be printed, not compared", field.name);
            return Err(self.error(check.left.span(), message));
        }
        if !takes(kind, operator) {
            let message =
                format!("'{}' cannot be used here: the left side is {}", operator.word(), type_name(kind));
            return Err(self.error(check.operator_span.clone(), message));
        }
        if let Access::Field(field, argument) = &left {
            match (field.name, &check.right) {
                ("evt.around", _) => return self.around(check, left),
                // A text with an order: as numbers where that is what was typed.
                ("evt.arg", Right::Value(value)) if is_order(operator) => {
                    if let (Some(literal), Some(raw)) =
                        (Literal::number(&value.text), fields::find("evt.rawarg"))
                    {
                        left = Access::Field(raw, argument.clone());
                        return Ok(Test { left, relation: Relation::Compare(operator, literal) });
                    }
                }
                _ => {}
            }
        }
        let relation = self.relation(check, &left, kind)?;
        Ok(Test { left, relation })
    }

    /// `evt.around[NS]=MS`: the field is the distance in ns.
    fn around(&self, check: &Check, left: Access) -> Result<Test, FilterError> {
        let Right::Value(value) = &check.right else {
            return Err(self.error(check.operator_span.clone(), "evt.around takes = and a number of ms"));
        };
        if check.operator != Operator::Equal {
            return Err(self.error(check.operator_span.clone(), "evt.around takes = only"));
        }
        let mut literal = self.literal(value, Type::Number, false)?;
        literal.milliseconds_to_ns();
        Ok(Test { left, relation: Relation::Compare(Operator::LessEqual, literal) })
    }

    fn relation(&self, check: &Check, left: &Access, kind: Type) -> Result<Relation, FilterError> {
        use Operator as O;
        let operator = check.operator;
        let event_type =
            matches!(left, Access::Field(field, _) if ["evt.type", "syscall.type"].contains(&field.name));
        let literals = |values: &[syntax::Literal]| {
            values.iter().map(|value| self.literal(value, kind, event_type)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match (&check.right, operator) {
            (Right::Nothing, _) => Relation::Exists,
            (Right::Operand(operand), _) => self.other(check, operand, kind)?,
            (Right::List(_, values), O::In | O::Intersects) => {
                Relation::In(literals(values)?.into_iter().collect())
            }
            (Right::List(_, values), O::PMatch) => {
                Relation::Below(values.iter().map(|value| value.text.clone()).collect())
            }
            (
                Right::Value(value),
                O::Equal | O::NotEqual | O::Less | O::LessEqual | O::Greater | O::GreaterEqual,
            ) => Relation::Compare(operator, self.literal(value, kind, event_type && !is_order(operator))?),
            (Right::Value(value), _) => {
                Relation::Patterns(Quantifier::Any, vec![self.pattern(operator, value)?])
            }
            (Right::List(quantifier, values), _) => {
                if is_order(operator) {
                    return Err(
                        self.error(check.operator_span.clone(), "an order takes one value, not a list")
                    );
                }
                let patterns = values.iter().map(|value| self.pattern(operator, value));
                Relation::Patterns(*quantifier, patterns.collect::<Result<_, _>>()?)
            }
        })
    }

    /// The right side is read as well.
    fn other(&self, check: &Check, operand: &Operand, kind: Type) -> Result<Relation, FilterError> {
        use Operator as O;
        let right = self.access(operand)?;
        if !comparable(kind, right.kind()) {
            let (left, right) = (type_name(kind), type_name(right.kind()));
            return Err(self.error(operand.span(), format!("the left side is {left}, this is {right}")));
        }
        if matches!(check.operator, O::Regex | O::BContains | O::BStartsWith) {
            let message = format!("'{}' takes a value, not a field", check.operator.word());
            return Err(self.error(operand.span(), message));
        }
        Ok(Relation::Other(check.operator, right))
    }

    fn literal(&self, value: &syntax::Literal, kind: Type, event_type: bool) -> Result<Literal, FilterError> {
        let shown = String::from_utf8_lossy(&value.text);
        if event_type {
            // What has no name has its number: syscall_1000, io_uring_op_70.
            let is_numbered = ["syscall_", "io_uring_op_"].iter().any(|prefix| shown.starts_with(prefix));
            if !EVENT_NAMES.contains(&&*shown) && !is_numbered {
                let message = format!("there is no event type '{shown}'");
                let error = self.unknown(value.span.clone(), message, &shown, EVENT_NAMES.iter().copied());
                return Err(match error.help {
                    Some(_) => error,
                    None => error.help("for types of newer captures write evt.type glob ..."),
                });
            }
            return Ok(Literal::event_type(&value.text));
        }
        Literal::parse(&value.text, kind)
            .map_err(|wanted| self.error(value.span.clone(), format!("'{shown}' is not {wanted}")))
    }

    fn pattern(&self, operator: Operator, value: &syntax::Literal) -> Result<Pattern, FilterError> {
        let text = &value.text;
        let hex = || {
            let message = "the value must be pairs of hexadecimal digits";
            from_hex(text).ok_or_else(|| self.error(value.span.clone(), message))
        };
        let finder = |bytes: &[u8]| Finder::new(bytes).into_owned();
        Ok(match operator {
            Operator::Contains => Pattern::Contains(finder(text)),
            Operator::IContains => Pattern::IContains(finder(&text.to_ascii_lowercase())),
            Operator::BContains => Pattern::Contains(finder(&hex()?)),
            Operator::BStartsWith => Pattern::StartsWith(hex()?),
            Operator::StartsWith => Pattern::StartsWith(text.clone()),
            Operator::EndsWith => Pattern::EndsWith(text.clone()),
            Operator::Glob => Pattern::Glob(super::glob::Glob::new(text, false)),
            Operator::IGlob => Pattern::Glob(super::glob::Glob::new(text, true)),
            _ => Pattern::Regex(self.regex(value)?),
        })
    }

    /// A regular expression that must fit the whole value.
    fn regex(&self, value: &syntax::Literal) -> Result<regex::bytes::Regex, FilterError> {
        let pattern = std::str::from_utf8(&value.text)
            .map_err(|_| self.error(value.span.clone(), "a regular expression must be UTF-8"))?;
        let build = |pattern: &str, unicode: bool| {
            RegexBuilder::new(pattern)
                // `.` stands for any byte: values are not lines, and need not be UTF-8.
                .dot_matches_new_line(true)
                .unicode(unicode)
                .size_limit(REGEX_BYTES_MAX)
                .build()
        };
        // Letters beyond ASCII in classes need Unicode.
        let build = |pattern: &str| build(pattern, false).or_else(|_| build(pattern, true));
        // Alone first: `a)|(b` is no expression, though it would be one between parentheses.
        build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z"))).map_err(|cause| {
            let cause = cause.to_string();
            let reason = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            self.error(value.span.clone(), format!("bad regular expression: {reason}"))
        })
    }
}

fn is_order(operator: Operator) -> bool {
    matches!(operator, Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual)
}
