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
    pub(crate) result: Option<String>,
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
    let (mut args_of, mut members, mut of_the_call) = (Vec::new(), Vec::new(), Vec::new());
    for text in args.split_whitespace().chain(COMMON.split_whitespace()) {
        let (argument, member) = text.split_once('=').context("an argument is name=MEMBER")?;
        let (argument, kind) = match argument.split_once(':') {
            Some((argument, kind)) => (argument, Some(kind.to_owned())),
            None => (argument, None),
        };
        of_the_call.push(kind.is_none());
        args_of.push((argument.to_owned(), kind.map_or_else(|| kind_in_call(call, argument), Ok)?));
        members.push(member.to_owned());
    }
    let fd = match (*fd, call) {
        ("=", Some(call)) if call.fd.starts_with("arg") => with_places(&call.fd, call, &args_of)?,
        ("=", _) => of_call(fd, |call| &call.fd)?,
        (own, _) => own.to_owned(),
    };
    // Counts and directories are named by their place, which is another one here.
    let moved = |((name, kind), of_the_call): (&(String, String), bool)| match call.filter(|_| of_the_call) {
        Some(call) => Ok((name.clone(), moved(call, kind, &args_of)?)),
        None => Ok((name.clone(), kind.clone())),
    };
    let args = args_of.iter().zip(of_the_call).map(moved).collect::<Result<_>>()?;
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

/// The place among `args` of what is argument `number` of the call.
fn place_of(number: &str, call: &Call, args: &[(String, String)]) -> Result<String> {
    let (name, _) =
        call.args.get(number.parse::<usize>()?).with_context(|| format!("there is no argument {number}"))?;
    let place = args.iter().position(|(own, _)| own == name);
    Ok(place.with_context(|| format!("argument {number} of the call, {name}, is none here"))?.to_string())
}

/// A text with every `argN` of the call as its place among `args`.
fn with_places(text: &str, call: &Call, args: &[(String, String)]) -> Result<String> {
    let mut parts = text.split("arg");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        out = format!("{out}arg{}{rest}", place_of(number, call, args)?);
    }
    Ok(out)
}

/// A kind of the call in which every argument that it names stands for its place among `args`.
fn moved(call: &Call, kind: &str, args: &[(String, String)]) -> Result<String> {
    let (head, fetch) = kind.split_at(kind.find('<').unwrap_or(kind.len()));
    let fetch = with_places(fetch, call, args)?;
    let Some((name, parameter)) =
        head.split_once('(').filter(|(name, _)| ["path", "sockopt", "by", "num"].contains(name))
    else {
        return Ok(format!("{head}{fetch}"));
    };
    let stays = call.args.iter().zip(args).all(|((old, _), (new, _))| old == new);
    if ["by", "num"].contains(&name) {
        // The kinds in the table name arguments as well.
        ensure!(stays, "{kind}: the arguments of the call do not stand where a table is asked about them");
    }
    let (numbers, rest) = parameter.split_at(parameter.find([',', ')']).context("a bracket is open")?);
    let numbers: Vec<String> =
        numbers.split('+').map(|number| place_of(number, call, args)).collect::<Result<_>>()?;
    Ok(format!("{name}({}{rest}{fetch}", numbers.join("+")))
}

fn event(columns: &[&str]) -> Result<Event> {
    let (name, category, args, result) = match columns {
        [name, category, args] => (name, category, args, None),
        [name, category, args, result] => (name, category, args, Some((*result).to_owned())),
        _ => bail!("neither 3 nor 4 columns"),
    };
    Ok(Event { name: (*name).to_owned(), category: (*category).to_owned(), args: arguments(args)?, result })
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
        "text" | "bytes" | "sockaddr" | "mac" => (1, "text"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn args(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), "int".to_owned())).collect()
    }

    #[test]
    fn what_a_kind_says_of_arguments_goes_along_with_them() {
        let call = Call {
            name: "call".to_owned(),
            numbers: Default::default(),
            category: "other".to_owned(),
            fd: "arg0".to_owned(),
            marks: Vec::new(),
            result: "int".to_owned(),
            args: args(&["a", "b", "c"]),
        };
        let (turned, less) = (args(&["c", "b", "a"]), args(&["a", "b"]));
        for (kind, there) in [
            ("int", "int"),
            ("path(0)", "path(2)"),
            ("path", "path"),
            ("sockopt(0)", "sockopt(2)"),
            ("flags(open)", "flags(open)"),
            ("parts<in:arg2>", "parts<in:arg0>"),
            ("struct(pollfd)<in:arg0*8>", "struct(pollfd)<in:arg2*8>"),
            ("bits<out:arg0/8>", "bits<out:arg2/8>"),
            ("bytes<in:arg2+8>", "bytes<in:arg0+8>"),
            ("sockaddr<out:*arg2>", "sockaddr<out:*arg0>"),
            ("bytes<out:ret*4>", "bytes<out:ret*4>"),
        ] {
            assert_eq!(moved(&call, kind, &turned).expect(kind), there);
        }
        assert_eq!(with_places("arg0", &call, &turned).expect("it is there"), "arg2");
        // An argument that is not there, and a table whose kinds may name others.
        for kind in ["parts<in:arg2>", "sockaddr<out:*arg2>", "path(2)", "sockopt(2)", "by(2,t)"] {
            assert!(moved(&call, kind, &less).is_err(), "{kind}");
        }
        assert!(moved(&call, "by(0,t)<in:arg1>", &turned).is_err());
        assert_eq!(moved(&call, "by(0+1,t)<in:arg1>", &less).expect("all stay"), "by(0+1,t)<in:arg1>");
    }
}
