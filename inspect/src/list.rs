//! `sysreel fields` and `sysreel events`: the tables behind filters and formats.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use anyhow::Result;
use capture_format::model::EventKind;
use capture_format::schema::{self, Abi, KernelEvent};
use query::{Field, Usage};
use serde_json::{Map, Value, json};

use crate::cli::{EventsArgs, FieldsArgs};
use crate::exit::Exit;
use crate::output::Output;
use crate::talk;

/// Prints the table of fields.
pub(crate) fn fields(args: &FieldsArgs) -> Result<Exit> {
    let wanted = args.text.as_deref().unwrap_or("");
    let listed = query::fields()
        .iter()
        .filter(|field| field.usage != Usage::Hidden)
        .filter(|field| field.name.contains(wanted));
    let mut text = String::new();
    let mut class = "";
    for field in listed {
        if args.json {
            let object = json!({
                "name": field.name, "type": field.type_name(), "use": usage(field), "doc": field.doc,
            });
            let _ = writeln!(text, "{object}");
            continue;
        }
        if field.class() != class {
            let _ = writeln!(text, "{}{}", if class.is_empty() { "" } else { "\n" }, heading(field.class()));
            class = field.class();
        }
        let limit = match field.usage {
            Usage::FilterOnly => " (filters only)",
            Usage::OutputOnly => " (formats only)",
            _ => "",
        };
        let _ = writeln!(text, "{:<28}{:<10}{}{limit}", field.name, field.type_name(), field.doc);
    }
    print("field", wanted, &text)
}

/// Prints what was found of the wanted; nothing is worth a word.
fn print(what: &str, wanted: &str, text: &str) -> Result<Exit> {
    if text.is_empty() {
        talk::say(format_args!("no {what} has '{wanted}' in its name"));
    }
    Output::stdout()?.write(text.as_bytes())?;
    Ok(Exit::Done)
}

fn heading(class: &str) -> String {
    format!("{class}\n{}", "-".repeat(class.len()))
}

fn usage(field: &Field) -> &'static str {
    match field.usage {
        Usage::FilterOnly => "filter",
        Usage::OutputOnly => "format",
        _ => "both",
    }
}

/// Prints the event types: kernel events, then system calls and operations of io_uring by name.
pub(crate) fn events(args: &EventsArgs) -> Result<Exit> {
    let wanted = args.text.as_deref().unwrap_or("");
    let mut text = String::new();
    for entry in event_types().iter().filter(|entry| entry.kind.name.contains(wanted)) {
        if args.json {
            let _ = writeln!(text, "{}", entry.object());
        } else {
            let _ = writeln!(text, "{entry}");
        }
    }
    print("event", wanted, &text)
}

/// An event type, and the number it has on each machine if it is a call, or its opcode.
struct EventType {
    kind: EventKind,
    numbers: Vec<(&'static str, u32)>,
    /// Recorded only when it is named: in a filter, or in the list of calls.
    is_on_request: bool,
}

fn event_types() -> Vec<EventType> {
    let mut calls: BTreeMap<(String, String), EventType> = BTreeMap::new();
    // A call whose arguments differ between machines is listed once for each form.
    let mut add = |kind: EventKind, place: &'static str, nr: u32| {
        let key = (kind.name.clone(), signature(&kind));
        let entry = EventType { kind, numbers: Vec::new(), is_on_request: false };
        calls.entry(key).or_insert(entry).numbers.push((place, nr));
    };
    for abi in Abi::ALL {
        for (nr, _) in schema::syscalls(abi) {
            add(schema::event_kind(abi, nr), abi.name(), nr);
        }
    }
    for opcode in 0..schema::operations(Abi::X86_64).len() as u32 {
        add(schema::operation_kind(Abi::X86_64, opcode), schema::IO_URING, opcode);
    }
    let unknown = EventType {
        kind: schema::completion_kind(Abi::X86_64, None),
        numbers: Vec::new(),
        is_on_request: false,
    };
    calls.entry((unknown.kind.name.clone(), String::new())).or_insert(unknown);
    let kernel = KernelEvent::ALL.into_iter();
    let kernel = kernel.map(|event| EventType {
        kind: schema::kernel_event(event),
        numbers: Vec::new(),
        is_on_request: event.is_on_request(),
    });
    kernel.chain(calls.into_values()).collect()
}

fn signature(kind: &EventKind) -> String {
    let args: Vec<String> = kind.args.iter().map(|arg| format!("{}: {}", arg.name, arg.kind)).collect();
    let result = kind.result.as_ref().map_or(String::new(), |result| format!(" -> {result}"));
    format!("({}){result}", args.join(", "))
}

impl EventType {
    fn object(&self) -> Value {
        let args: Vec<Value> = self
            .kind
            .args
            .iter()
            .map(|arg| json!({"name": arg.name, "type": arg.kind.to_string()}))
            .collect();
        let numbers: Map<String, Value> =
            self.numbers.iter().map(|(place, nr)| ((*place).to_owned(), (*nr).into())).collect();
        json!({
            "name": self.kind.name,
            "category": self.kind.category,
            "args": args,
            "result": self.kind.result.as_ref().map(ToString::to_string),
            "numbers": numbers,
            "on_request": self.is_on_request,
        })
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10} {}{}", self.kind.category, self.kind.name, signature(&self.kind))?;
        for (index, (place, nr)) in self.numbers.iter().enumerate() {
            write!(f, "{}{place} {nr}", if index == 0 { "   " } else { ", " })?;
        }
        if self.is_on_request {
            write!(f, "   on request")?;
        }
        Ok(())
    }
}
