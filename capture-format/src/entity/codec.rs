//! Entity segments: per class a table of columns, one per field.
//!
//! ```text
//! head: count of classes; of each: class, count of definitions, count of columns
//! columns: per class the numbers, then the fields in the order of `fields`
//! ```
//! A column of texts is its length, its pool and its references. A list field is two columns: counts, and the items
//! of all lists.

use std::collections::HashMap;
use std::sync::Arc;

use crate::codec::bytes::{Cursor, put_varint};
use crate::codec::ints::{self, Parts};
use crate::codec::payload::{ColumnParts, Directory, Squeezer, write_payload};
use crate::codec::predict::{self, Context, Predictor};
use crate::codec::strings::{Pool, PoolWriter, Value};
use crate::codec::{Broken, Decoded, malformed};
use crate::entity::fields::{Fields, Stored};
use crate::entity::{ENTITIES_MAX, ITEMS_MAX, TEXT_BYTES_MAX};
use crate::model::{
    Class, Container, Descriptor, Entity, EventKind, Group, Process, Ref, Text, Texts, Thread, User,
};
use crate::segment::{EncodedSegment, SegmentType};

/// Gathers columns from entities shown one after the other.
#[derive(Default)]
struct Gather {
    columns: Vec<Gathered>,
    next: usize,
}

enum Gathered {
    Ints(Vec<u64>),
    Texts(Vec<Text>),
}

impl Gather {
    fn push_int(&mut self, value: u64) {
        if self.next == self.columns.len() {
            self.columns.push(Gathered::Ints(Vec::new()));
        }
        if let Some(Gathered::Ints(values)) = self.columns.get_mut(self.next) {
            values.push(value);
        }
        self.next += 1;
    }

    fn push_texts(&mut self, texts: impl IntoIterator<Item = Text>) {
        if self.next == self.columns.len() {
            self.columns.push(Gathered::Texts(Vec::new()));
        }
        if let Some(Gathered::Texts(values)) = self.columns.get_mut(self.next) {
            values.extend(texts);
        }
        self.next += 1;
    }
}

impl Fields for Gather {
    fn int(&mut self, value: &mut u64) -> Decoded<()> {
        self.push_int(*value);
        Ok(())
    }

    fn text(&mut self, value: &mut Text) -> Decoded<()> {
        self.push_texts([value.clone()]);
        Ok(())
    }

    fn list(&mut self, value: &mut Texts) -> Decoded<()> {
        self.push_int(value.len() as u64);
        self.push_texts(value.iter().cloned());
        Ok(())
    }
}

/// Definitions of one batch, sorted into classes.
#[derive(Default)]
struct Sorted {
    kinds: Vec<(Ref, EventKind)>,
    threads: Vec<(Ref, Thread)>,
    processes: Vec<(Ref, Process)>,
    descriptors: Vec<(Ref, Descriptor)>,
    containers: Vec<(Ref, Container)>,
    users: Vec<(Ref, User)>,
    groups: Vec<(Ref, Group)>,
}

#[derive(Default)]
struct Encoder {
    classes: u64,
    head: Vec<u8>,
    columns: Vec<ColumnParts>,
}

impl Encoder {
    fn class<T: Stored>(&mut self, class: Class, mut rows: Vec<(Ref, T)>) {
        if rows.is_empty() {
            return;
        }
        let mut gather = Gather::default();
        for (number, entity) in &mut rows {
            gather.next = 0;
            gather.push_int(u64::from(*number));
            // Gathering itself never fails; what a walk may complain about is found when reading.
            let _ = entity.visit(&mut gather);
        }
        self.classes += 1;
        self.head.push(class as u8);
        put_varint(&mut self.head, rows.len() as u64);
        put_varint(&mut self.head, gather.columns.len() as u64);
        let candidates = [Predictor::None, Predictor::Previous];
        for column in &gather.columns {
            self.columns.push(match column {
                Gathered::Ints(values) => predict::encode(values, &candidates, &Context::default()),
                Gathered::Texts(texts) => {
                    let mut pool = PoolWriter::default();
                    let mut out = ColumnParts::default();
                    put_varint(&mut out.header, texts.len() as u64);
                    let references = pool.column(texts.iter().map(|text| Value::Bytes(text)));
                    for ColumnParts { header, parts } in [pool.finish(), references] {
                        out.header.extend(header);
                        out.parts.extend(parts);
                    }
                    out
                }
            });
        }
    }
}

/// Encodes definitions.
pub(super) fn encode_entities(definitions: Vec<(Ref, Entity)>, squeezer: &mut Squeezer) -> EncodedSegment {
    let mut sorted = Sorted::default();
    for (number, entity) in definitions {
        match entity {
            Entity::Kind(kind) => sorted.kinds.push((number, kind)),
            Entity::Thread(thread) => sorted.threads.push((number, thread)),
            Entity::Process(process) => sorted.processes.push((number, process)),
            Entity::Descriptor(descriptor) => sorted.descriptors.push((number, descriptor)),
            Entity::Container(container) => sorted.containers.push((number, container)),
            Entity::User(user) => sorted.users.push((number, user)),
            Entity::Group(group) => sorted.groups.push((number, group)),
        }
    }
    let mut encoder = Encoder::default();
    encoder.class(Class::Kind, sorted.kinds);
    encoder.class(Class::Container, sorted.containers);
    encoder.class(Class::Process, sorted.processes);
    encoder.class(Class::Thread, sorted.threads);
    encoder.class(Class::Descriptor, sorted.descriptors);
    encoder.class(Class::User, sorted.users);
    encoder.class(Class::Group, sorted.groups);
    let mut head = Vec::new();
    put_varint(&mut head, encoder.classes);
    head.append(&mut encoder.head);
    let payload = write_payload(&head, &encoder.columns, squeezer);
    EncodedSegment { kind: SegmentType::Entities, payload, summary: None }
}

/// Hands the columns of a class back to entities.
struct Scatter<'a> {
    directory: &'a Directory,
    payload: &'a [u8],
    rows: usize,
    row: usize,
    /// The class's columns in the directory.
    first: usize,
    count: usize,
    decoded: Vec<Scattered>,
    next: usize,
    /// Bytes of text that the segment may still have.
    text_bytes_left: usize,
    /// The last list of each column that has such.
    lists: HashMap<usize, Texts>,
}

enum Scattered {
    Ints(Vec<u64>),
    Texts {
        pool: Pool,
        codes: Vec<u32>,
        /// How many of them have been handed out.
        used: usize,
    },
    /// The segment was written by an older program, which had no such field.
    Absent,
}

impl Scatter<'_> {
    /// The next column, decoded when it is asked for the first time.
    fn column(&mut self, is_text: bool) -> Decoded<&mut Scattered> {
        let index = self.next;
        self.next += 1;
        if index == self.decoded.len() {
            let decoded = self.decode(index, is_text)?;
            self.decoded.push(decoded);
        }
        self.decoded.get_mut(index).ok_or(Broken::Malformed("a class lacks a column"))
    }

    fn decode(&self, index: usize, is_text: bool) -> Decoded<Scattered> {
        if index >= self.count {
            return Ok(Scattered::Absent);
        }
        let column = self.directory.column(self.payload, self.first + index)?;
        let (mut header, mut parts) = (Cursor::new(&column.header), Parts::new(&column.parts));
        if is_text {
            return match usize::try_from(header.varint()?) {
                Ok(items) if items <= ITEMS_MAX => {
                    let pool = Pool::decode(&mut header, &mut parts, items)?;
                    let codes = pool.column(&mut header, &mut parts, items)?;
                    Ok(Scattered::Texts { pool, codes, used: 0 })
                }
                _ => malformed("a list of texts is too long"),
            };
        }
        let predictor = Predictor::parse(&mut header)?;
        let mut values = ints::decode(&mut header, &mut parts, self.rows)?;
        predictor.undo(&mut values, &Context::default())?;
        Ok(Scattered::Ints(values))
    }

    fn next_text(&mut self, count: usize, out: &mut Vec<Text>) -> Decoded<()> {
        let mut left = self.text_bytes_left;
        match self.column(true)? {
            Scattered::Texts { pool, codes, used } => {
                let codes = used.checked_add(count).and_then(|end| codes.get(*used..end));
                let Some(codes) = codes else { return malformed("a class lacks texts") };
                for &code in codes {
                    let Value::Bytes(text) = pool.value(code) else {
                        return malformed("a text of an entity is no text");
                    };
                    let Some(rest) = left.checked_sub(text.len()) else {
                        return malformed("entities have too much text");
                    };
                    left = rest;
                    out.push(text.to_vec());
                }
                *used += count;
            }
            Scattered::Ints(_) => return malformed("a column is not of its field's type"),
            Scattered::Absent => {}
        }
        self.text_bytes_left = left;
        Ok(())
    }
}

impl Fields for Scatter<'_> {
    fn int(&mut self, value: &mut u64) -> Decoded<()> {
        let row = self.row;
        match self.column(false)? {
            Scattered::Ints(values) => {
                *value = *values.get(row).ok_or(Broken::Malformed("a class lacks a row"))?;
                Ok(())
            }
            Scattered::Texts { .. } => malformed("a column is not of its field's type"),
            Scattered::Absent => Ok(()),
        }
    }

    fn text(&mut self, value: &mut Text) -> Decoded<()> {
        let mut texts = Vec::with_capacity(1);
        self.next_text(1, &mut texts)?;
        if let Some(text) = texts.pop() {
            *value = text;
        }
        Ok(())
    }

    fn list(&mut self, value: &mut Texts) -> Decoded<()> {
        let mut count = 0;
        self.int(&mut count)?;
        // More than there are items is refused by `next_text`.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let column = self.next;
        let mut texts = Vec::new();
        self.next_text(count, &mut texts)?;
        // Versions of one process stand close together and mostly have the same.
        match self.lists.get(&column) {
            Some(last) if **last == *texts => *value = Arc::clone(last),
            _ => {
                *value = texts.into();
                self.lists.insert(column, Arc::clone(value));
            }
        }
        Ok(())
    }
}

fn read_class<T: Stored>(scatter: &mut Scatter<'_>, out: &mut Vec<(Ref, Entity)>) -> Decoded<()>
where
    Entity: From<T>,
{
    for row in 0..scatter.rows {
        scatter.row = row;
        scatter.next = 0;
        let mut number = 0;
        scatter.u32(&mut number)?;
        let mut entity = T::default();
        entity.visit(scatter)?;
        out.push((number, entity.into()));
    }
    Ok(())
}

/// Decodes the payload of an entities segment.
pub(crate) fn parse_entities(payload: &[u8]) -> Decoded<Vec<(Ref, Entity)>> {
    let directory = Directory::parse(payload, payload.len() as u64)?;
    let mut cursor = Cursor::new(&directory.head);
    let mut out = Vec::new();
    let mut first = 0usize;
    let mut text_bytes_left = TEXT_BYTES_MAX;
    let mut seen = [false; 256];
    for _ in 0..cursor.count()? {
        let (class, rows, count) = (cursor.u8()?, cursor.varint32()? as usize, cursor.varint32()? as usize);
        if rows > ENTITIES_MAX {
            return malformed("a class has too many entities");
        }
        if std::mem::replace(&mut seen[usize::from(class)], true) {
            return malformed("a class comes twice");
        }
        if count == 0 && rows > 0 {
            return malformed("a class lacks its numbers");
        }
        let end = first.saturating_add(count);
        if end > directory.column_count() {
            return malformed("a class lacks columns");
        }
        let mut scatter = Scatter {
            directory: &directory,
            payload,
            rows,
            row: 0,
            first,
            count,
            decoded: Vec::new(),
            next: 0,
            text_bytes_left,
            lists: HashMap::new(),
        };
        let out = &mut out;
        match class {
            1 => read_class::<EventKind>(&mut scatter, out)?,
            2 => read_class::<Thread>(&mut scatter, out)?,
            3 => read_class::<Process>(&mut scatter, out)?,
            4 => read_class::<Descriptor>(&mut scatter, out)?,
            5 => read_class::<Container>(&mut scatter, out)?,
            6 => read_class::<User>(&mut scatter, out)?,
            7 => read_class::<Group>(&mut scatter, out)?,
            // A class of a later version.
            _ => {}
        }
        text_bytes_left = scatter.text_bytes_left;
        first = end;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::payload::write_payload;

    fn refusal(payload: &[u8]) -> Broken {
        parse_entities(payload).expect_err("it is refused")
    }

    fn classes(classes: &[[u64; 3]]) -> Vec<u8> {
        let mut head = Vec::new();
        put_varint(&mut head, classes.len() as u64);
        classes.iter().flatten().for_each(|&number| put_varint(&mut head, number));
        head
    }

    #[test]
    fn a_few_bytes_do_not_become_millions_of_entities() {
        let mut squeezer = Squeezer::new(1);
        let rows = ENTITIES_MAX as u64;
        let head = classes(&[[3, rows, 0]]);
        let refused = refusal(&write_payload(&head, &[], &mut squeezer));
        assert_eq!(refused, Broken::Malformed("a class lacks its numbers"));
        let numbers = predict::encode(&[1], &[Predictor::None], &Context::default());
        let head = classes(&[[7, 1, 1], [7, 1, 1]]);
        let refused = refusal(&write_payload(&head, &[numbers.clone(), numbers], &mut squeezer));
        assert_eq!(refused, Broken::Malformed("a class comes twice"));
    }

    #[test]
    fn a_long_text_is_not_shared_by_more_than_fit_memory() {
        let group = |number| Group { gid: number, name: vec![b'x'; 1 << 20] };
        let batch = |count| (1..=count).map(|number| (number, group(number).into())).collect();
        let mut squeezer = Squeezer::new(1);
        let fits = encode_entities(batch(32), &mut squeezer);
        assert_eq!(parse_entities(&fits.payload).map(|definitions| definitions.len()), Ok(32));
        let exceeds = encode_entities(batch(33), &mut squeezer);
        assert!(exceeds.payload.len() < 4096, "{}", exceeds.payload.len());
        assert_eq!(refusal(&exceeds.payload), Broken::Malformed("entities have too much text"));
    }

    #[test]
    fn versions_of_a_process_share_their_arguments() {
        let process = |number: u32, args: &[&[u8]]| {
            let args = args.iter().map(|arg| arg.to_vec()).collect();
            (number, Process { args, pid: number, ..Process::default() }.into())
        };
        let batch = vec![process(1, &[b"-a", b"-b"]), process(2, &[b"-a", b"-b"]), process(3, &[b"-a"])];
        let segment = encode_entities(batch, &mut Squeezer::new(1));
        let read = parse_entities(&segment.payload).expect("what was written");
        let args: Vec<&Texts> = read
            .iter()
            .filter_map(|(_, entity)| match entity {
                Entity::Process(process) => Some(&process.args),
                _ => None,
            })
            .collect();
        let [first, second, third] = args[..] else { panic!("three processes, not {}", args.len()) };
        assert!(Arc::ptr_eq(first, second));
        assert_eq!((first.len(), third.len()), (2, 1));
    }
}
