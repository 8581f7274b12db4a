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
    /// Numbers on each of [`MACHINES`].
    pub(crate) numbers: [Vec<Number>; 4],
    pub(crate) category: String,
    pub(crate) fd: String,
    pub(crate) marks: Vec<String>,
    pub(crate) result: String,
    pub(crate) args: Vec<(String, String)>,
}

/// A number of a call.
pub(crate) struct Number {
    pub(crate) nr: u32,
    /// Which of the calls behind the number.
    pub(crate) sub: u32,
    /// Where the arguments are: `m` in memory, digits in these registers, empty where others have them.
    pub(crate) place: String,
}

impl Number {
    /// As records and captures have it.
    pub(crate) fn joined(&self) -> u32 {
        self.sub << 9 | self.nr
    }

    /// As the table has it, without the place.
    pub(crate) fn text(&self) -> String {
        if self.sub == 0 { self.nr.to_string() } else { format!("{}.{}", self.nr, self.sub) }
    }
}

/// `102`, `90m`, `102.3`, `117.1@142`, several with commas.
fn numbers(text: &str) -> Result<Vec<Number>> {
    let one = |text: &str| {
        let (text, place) = match (text.split_once('@'), text.strip_suffix('m')) {
            (Some((text, order)), _) => (text, order),
            (None, Some(text)) => (text, "m"),
            (None, None) => (text, ""),
        };
        let (nr, sub) = text.split_once('.').unwrap_or((text, "0"));
        let place = if place.is_empty() && sub != "0" { "s" } else { place };
        Ok(Number { nr: nr.parse()?, sub: sub.parse()?, place: place.to_owned() })
    };
    if text == "-" { Ok(Vec::new()) } else { text.split(',').map(one).collect() }
}

/// A line of `events.tsv`.
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) args: Vec<(String, String)>,
}

/// A line of `io_uring.tsv`, with what it takes from the call of its name filled in.
pub(crate) struct Operation {
    pub(crate) opcode: u32,
    pub(crate) operation: String,
    pub(crate) call: Call,
    /// The member of the queue's entry that holds each argument.
    pub(crate) members: Vec<String>,
}

/// A line of `structs.tsv`.
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) machine: String,
    pub(crate) bytes: u32,
    /// The field that holds the length of one that has no fixed length.
    pub(crate) length: Option<String>,
    pub(crate) fields: Vec<Field>,
}

/// `name@offset:type[*count][:kind]`.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) offset: u32,
    pub(crate) storage: String,
    pub(crate) count: u32,
    pub(crate) kind: String,
}

/// A table of `choices.tsv`: kinds by value.
pub(crate) struct Choices {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) entries: Vec<Choice>,
    /// The kind of all other values.
    pub(crate) otherwise: String,
}

/// A value and the kind it asks for.
pub(crate) struct Choice {
    pub(crate) value_name: String,
    pub(crate) value: u64,
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
    pub(crate) operations: Vec<Operation>,
    pub(crate) structs: Vec<Struct>,
    pub(crate) choices: Vec<Choices>,
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
        let operations = lines(folder, "io_uring.tsv", |columns| operation(columns, &calls))?;
        let (sets, set_docs) = sets(folder)?;
        let choices = choices(folder, &sets)?;
        Ok(Tables { calls, events, operations, structs, choices, sets, set_docs })
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
    Ok(Call {
        name: (*name).to_owned(),
        numbers: [numbers(x86_64)?, numbers(aarch64)?, numbers(i386)?, numbers(arm)?],
        category: (*category).to_owned(),
        fd: (*fd).to_owned(),
        marks: marks.split(',').filter(|mark| *mark != "-").map(str::to_owned).collect(),
        result: (*result).to_owned(),
        args: arguments(rest.first().copied().unwrap_or(""))?,
    })
}

/// Arguments that every operation has, behind its own. The flags of the completion stand in no entry.
const COMMON: &str =
    "sqe_flags:flags(io_uring_sqe)=flags user_data:hex=user_data cqe_flags:flags(io_uring_cqe)=none";
/// How many these are.
pub(crate) const COMMON_ARGS: usize = 3;

fn operation(columns: &[&str], calls: &[Call]) -> Result<Operation> {
    let [opcode, operation, name, category, fd, result, args] = columns else { bail!("not 7 columns") };
    // Calls of both machines come first in their table: those of 32-bit programs have other arguments.
    let call = calls.iter().find(|call| call.name == *name);
    let of_call = |text: &str, own: fn(&Call) -> &str| match (text, call) {
        ("=", Some(call)) => Ok(own(call).to_owned()),
        ("=", None) => bail!("there is no call {name}"),
        (text, _) => Ok(text.to_owned()),
    };
    let (mut args_of, mut members) = (Vec::new(), Vec::new());
    for text in args.split_whitespace().chain(COMMON.split_whitespace()) {
        let (argument, member) = text.split_once('=').context("an argument is name=MEMBER")?;
        let (argument, kind) = match argument.split_once(':') {
            Some((argument, kind)) => (argument, kind.to_owned()),
            None => (argument, kind_in_call(call, argument)?),
        };
        args_of.push((argument.to_owned(), kind));
        members.push(member.to_owned());
    }
    let place = |at: &str| place_of(call, at, &args_of).unwrap_or_else(|| at.to_owned());
    let fd = match *fd {
        "=" => place(&of_call(fd, |call| &call.fd)?),
        own => own.to_owned(),
    };
    // Counts and directories are named by their place, which is another one here.
    let args = args_of.iter().map(|(name, kind)| (name.clone(), replaced(call, kind, &args_of))).collect();
    Ok(Operation {
        opcode: opcode.parse()?,
        operation: (*operation).to_owned(),
        call: Call {
            name: (*name).to_owned(),
            numbers: Default::default(),
            category: of_call(category, |call| &call.category)?,
            fd,
            marks: call.filter(|_| *category == "=").map_or(Vec::new(), |call| call.marks.clone()),
            result: of_call(result, |call| &call.result)?,
            args,
        },
        members,
    })
}

fn kind_in_call(call: Option<&Call>, argument: &str) -> Result<String> {
    let found = call.and_then(|call| call.args.iter().find(|(name, _)| name == argument));
    Ok(found.with_context(|| format!("the call has no argument {argument}"))?.1.clone())
}

/// `argN` of a call, where the argument of that name stands among `args`.
fn place_of(call: Option<&Call>, at: &str, args: &[(String, String)]) -> Option<String> {
    let (name, _) = call?.args.get(at.strip_prefix("arg")?.parse::<usize>().ok()?)?;
    Some(format!("arg{}", args.iter().position(|(own, _)| own == name)?))
}

/// A kind in which every `argN` and `path(N)` of the call stands for its place among `args`.
fn replaced(call: Option<&Call>, kind: &str, args: &[(String, String)]) -> String {
    if let Some(base) = kind.strip_prefix("path(").and_then(|rest| rest.strip_suffix(')')) {
        let place = place_of(call, &format!("arg{base}"), args).unwrap_or_else(|| format!("arg{base}"));
        return format!("path({})", &place[3..]);
    }
    let Some(at) = kind.find(":arg").map(|at| at + 1) else { return kind.to_owned() };
    let digits = kind[at + 3..].chars().take_while(char::is_ascii_digit).count();
    let (before, rest) = kind.split_at(at);
    let (old, after) = rest.split_at(3 + digits);
    format!("{before}{}{after}", place_of(call, old, args).unwrap_or_else(|| old.to_owned()))
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
    // One that says its length itself: so many bytes, and what its length is called.
    let (bytes, length) = match bytes.split_once('+') {
        Some((bytes, length)) => (bytes, Some(length.to_owned())),
        None => (*bytes, None),
    };
    let bytes = bytes.parse()?;
    let fields: Vec<Field> =
        fields.split_whitespace().map(|text| field(text, bytes)).collect::<Result<_>>()?;
    if let Some(length) = &length {
        ensure!(fields.iter().any(|field| field.name == *length), "it has no field {length}");
    }
    Ok(Struct { name: (*name).to_owned(), machine: (*machine).to_owned(), bytes, length, fields })
}

fn field(text: &str, bytes: u32) -> Result<Field> {
    let (name, rest) = text.split_once('@').context("a field is name@offset:type[:kind]")?;
    let (offset, rest) = rest.split_once(':').context("a field is name@offset:type[:kind]")?;
    let (storage, kind) = rest.split_once(':').unwrap_or((rest, ""));
    let (storage, count) = match storage.split_once('*') {
        Some((storage, "")) => (storage, 0),
        Some((storage, count)) => (storage, count.parse()?),
        None => (storage, 1),
    };
    let offset: u32 = offset.parse()?;
    let inner = |begin: &str| storage.strip_prefix(begin).and_then(|rest| rest.strip_suffix(')'));
    if let Some(structure) = inner("struct(") {
        let (storage, kind) = ("inner".to_owned(), structure.to_owned());
        return Ok(Field { name: name.to_owned(), offset, storage, count, kind });
    }
    if let Some(choice) = inner("by(") {
        let (storage, kind) = ("by".to_owned(), choice.to_owned());
        return Ok(Field { name: name.to_owned(), offset, storage, count, kind });
    }
    let (size, usual_kind) = match storage {
        "i8" => (1, "int"),
        "u8" => (1, "uint"),
        "text" | "bytes" => (1, "text"),
        "i16" => (2, "int"),
        "u16" | "be16" => (2, "uint"),
        "i32" => (4, "int"),
        "u32" => (4, "uint"),
        "i64" => (8, "long"),
        "u64" => (8, "ulong"),
        _ => bail!("'{storage}' is not a type"),
    };
    // The last byte of a structure that says its length.
    let is_last = offset == u32::from(u16::MAX);
    ensure!(is_last || offset + size * count <= bytes, "{name} reaches beyond the structure");
    let kind = if kind.is_empty() { usual_kind } else { kind };
    Ok(Field { name: name.to_owned(), offset, storage: storage.to_owned(), count, kind: kind.to_owned() })
}

/// `choices.tsv`: a table begins with `name(SET): what it is`, a line of it is value and kind.
fn choices(folder: &Path, sets: &BTreeMap<String, Vec<Flag>>) -> Result<Vec<Choices>> {
    let mut tables: Vec<Choices> = Vec::new();
    let mut set = String::new();
    let text = fs::read_to_string(folder.join("choices.tsv")).context("cannot read choices.tsv")?;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some((names, kind)) = line.split_once('\t') else {
            let (head, doc) = line.split_once(": ").context("a table begins with `name(SET): what it is`")?;
            let (name, of) = head.split_once('(').context("a table begins with `name(SET): what it is`")?;
            set = of.trim_end_matches(')').to_owned();
            let (name, doc) = (name.to_owned(), doc.to_owned());
            ensure!(tables.iter().all(|table| table.name != name), "choices.tsv has {name} twice");
            tables.push(Choices { name, doc, entries: Vec::new(), otherwise: "hex".to_owned() });
            continue;
        };
        let table = tables.last_mut().context("choices.tsv begins without a table")?;
        for name in names.split(',') {
            if name == "*" {
                table.otherwise = kind.to_owned();
                continue;
            }
            let value = chosen(sets, &set, name).with_context(|| format!("choices.tsv: {line}"))?;
            let (value_name, kind) = (name.to_owned(), kind.to_owned());
            table.entries.push(Choice { value_name, value, kind });
        }
    }
    for table in &mut tables {
        table.entries.sort_by_key(|choice| choice.value);
        let mut values = table.entries.windows(2);
        ensure!(values.all(|pair| pair[0].value != pair[1].value), "{} has a value twice", table.name);
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

/// The number of a value: of names joined by `|`, of a socket option (`SOL_TCP.TCP_INFO`), or written as a number.
fn chosen(sets: &BTreeMap<String, Vec<Flag>>, set: &str, name: &str) -> Result<u64> {
    if let Some((level, option)) = name.split_once('.') {
        let options = format!("sockopt_{}", level.trim_start_matches("SOL_").to_ascii_lowercase());
        return Ok(chosen(sets, "sol", level)? << 32 | chosen(sets, &options, option)?);
    }
    let flags = sets.get(set);
    name.split('|').try_fold(0, |all, name| {
        let flag = flags.and_then(|flags| flags.iter().find(|flag| flag.name == name));
        Ok(all | flag.map_or_else(|| value(name), |flag| Ok(flag.value))?)
    })
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
