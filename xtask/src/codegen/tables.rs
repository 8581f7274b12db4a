//! Reads the tables of `capture-format/schema`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// The tables of calls, as the columns of `syscalls.tsv` have them.
pub(crate) const MACHINES: [&str; 4] = ["x86_64", "aarch64", "i386", "arm"];

/// A line of `syscalls.tsv`.
pub(crate) struct Call {
    pub(crate) name: String,
    /// Number on each of [`MACHINES`].
    pub(crate) numbers: [Option<u32>; 4],
    pub(crate) category: String,
    pub(crate) fd: String,
    pub(crate) marks: Vec<String>,
    pub(crate) result: String,
    pub(crate) args: Vec<(String, String)>,
}

/// A line of `events.tsv`.
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) args: Vec<(String, String)>,
}

/// A line of `structs.tsv`.
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) machine: String,
    pub(crate) bytes: u32,
    pub(crate) fields: Vec<Field>,
}

/// `name@offset:type[:kind]`.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) offset: u32,
    pub(crate) storage: String,
    pub(crate) kind: String,
}

/// A line of `flags.tsv` below the set's name.
pub(crate) struct Flag {
    pub(crate) name: String,
    pub(crate) value: u64,
    pub(crate) mask: Option<u64>,
    pub(crate) machine: String,
}

/// Everything.
pub(crate) struct Tables {
    pub(crate) calls: Vec<Call>,
    pub(crate) events: Vec<Event>,
    pub(crate) structs: Vec<Struct>,
    /// By name; `open.arm` beside `open` where arm machines have other values.
    pub(crate) sets: BTreeMap<String, Vec<Flag>>,
    /// What each set is about.
    pub(crate) set_docs: BTreeMap<String, String>,
}

impl Tables {
    /// Reads the tables in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let structs = lines(folder, "structs.tsv", structure)?;
        let calls = lines(folder, "syscalls.tsv", call)?;
        let events = lines(folder, "events.tsv", event)?;
        let (sets, set_docs) = sets(folder)?;
        Ok(Tables { calls, events, structs, sets, set_docs })
    }
}

fn lines<T>(folder: &Path, file: &str, parse: impl Fn(&[&str]) -> Result<T>) -> Result<Vec<T>> {
    let text = fs::read_to_string(folder.join(file)).with_context(|| format!("cannot read {file}"))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let columns: Vec<&str> = line.split('\t').collect();
            parse(&columns).with_context(|| format!("{file}, line {}: {line}", index + 1))
        })
        .collect()
}

fn call(columns: &[&str]) -> Result<Call> {
    let [name, x86_64, aarch64, i386, arm, category, fd, marks, result, rest @ ..] = columns else {
        bail!("fewer than 9 columns");
    };
    let number = |text: &str| match text {
        "-" => Ok(None),
        digits => digits.parse().map(Some),
    };
    Ok(Call {
        name: (*name).to_owned(),
        numbers: [number(x86_64)?, number(aarch64)?, number(i386)?, number(arm)?],
        category: (*category).to_owned(),
        fd: (*fd).to_owned(),
        marks: marks.split(',').filter(|mark| *mark != "-").map(str::to_owned).collect(),
        result: (*result).to_owned(),
        args: arguments(rest.first().copied().unwrap_or(""))?,
    })
}

fn event(columns: &[&str]) -> Result<Event> {
    let [name, category, args] = columns else { bail!("not 3 columns") };
    Ok(Event { name: (*name).to_owned(), category: (*category).to_owned(), args: arguments(args)? })
}

fn arguments(text: &str) -> Result<Vec<(String, String)>> {
    text.split_whitespace()
        .map(|argument| {
            let (name, kind) = argument.split_once(':').context("an argument is name:kind")?;
            Ok((name.to_owned(), kind.to_owned()))
        })
        .collect()
}

fn structure(columns: &[&str]) -> Result<Struct> {
    let [name, machine, bytes, fields] = columns else { bail!("not 4 columns") };
    let bytes = bytes.parse()?;
    let fields = fields.split_whitespace().map(|text| field(text, bytes)).collect::<Result<_>>()?;
    Ok(Struct { name: (*name).to_owned(), machine: (*machine).to_owned(), bytes, fields })
}

fn field(text: &str, bytes: u32) -> Result<Field> {
    let (name, rest) = text.split_once('@').context("a field is name@offset:type[:kind]")?;
    let (offset, rest) = rest.split_once(':').context("a field is name@offset:type[:kind]")?;
    let (storage, kind) = rest.split_once(':').unwrap_or((rest, ""));
    let offset: u32 = offset.parse()?;
    let (size, usual_kind) = match storage {
        "i16" => (2, "int"),
        "u16" => (2, "uint"),
        "i32" => (4, "int"),
        "u32" => (4, "uint"),
        "i64" => (8, "long"),
        "u64" => (8, "ulong"),
        _ => bail!("'{storage}' is not a type"),
    };
    ensure!(offset + size <= bytes, "{name} reaches beyond the structure");
    let kind = if kind.is_empty() { usual_kind } else { kind };
    Ok(Field { name: name.to_owned(), offset, storage: storage.to_owned(), kind: kind.to_owned() })
}

fn value(text: &str) -> Result<u64> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None if text.starts_with('-') => text.parse().map(|value: i64| value as u64),
        None => text.parse(),
    };
    parsed.with_context(|| format!("'{text}' is not a number"))
}

type Sets = (BTreeMap<String, Vec<Flag>>, BTreeMap<String, String>);

fn sets(folder: &Path) -> Result<Sets> {
    enum Line {
        Set(String, String),
        Flag(Flag),
    }
    let lines = lines(folder, "flags.tsv", |columns| match columns {
        [head] => {
            let (name, doc) = head.split_once(": ").context("a set begins with `name: what it is`")?;
            Ok(Line::Set(name.to_owned(), doc.to_owned()))
        }
        [name, number, rest @ ..] => Ok(Line::Flag(Flag {
            name: (*name).to_owned(),
            value: value(number)?,
            mask: rest.first().filter(|mask| **mask != "-").map(|mask| value(mask)).transpose()?,
            machine: rest.get(1).copied().unwrap_or("-").to_owned(),
        })),
        [] => bail!("an empty line is no line"),
    })?;
    let mut sets: BTreeMap<String, Vec<Flag>> = BTreeMap::new();
    let mut docs = BTreeMap::new();
    let mut current = String::new();
    for line in lines {
        match line {
            Line::Set(name, doc) => {
                ensure!(docs.insert(name.clone(), doc).is_none(), "flags.tsv has {name} twice");
                current = name;
            }
            Line::Flag(flag) => {
                ensure!(!current.is_empty(), "flags.tsv begins without a set");
                sets.entry(current.clone()).or_default().push(flag);
            }
        }
    }
    split_by_machine(&mut sets);
    Ok((sets, docs))
}

/// Gives every set with values of one machine only a variant for arm, and leaves the x86 values in the set itself.
fn split_by_machine(sets: &mut BTreeMap<String, Vec<Flag>>) {
    let differing: Vec<String> = sets
        .iter()
        .filter(|(_, flags)| flags.iter().any(|flag| flag.machine != "-"))
        .map(|(name, _)| name.clone())
        .collect();
    for name in differing {
        let flags = sets.remove(&name).expect("the name was just read from the map");
        let (mut x86, mut arm) = (Vec::new(), Vec::new());
        for flag in flags {
            if flag.machine != "x86" {
                arm.push(Flag { name: flag.name.clone(), machine: "-".to_owned(), ..flag });
            }
            if flag.machine != "arm" {
                x86.push(flag);
            }
        }
        sets.insert(format!("{name}.arm"), arm);
        sets.insert(name, x86);
    }
}
