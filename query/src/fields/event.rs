//! Fields of events: `evt.*`.

use capture_format::model::{Arg, Descriptor, DescriptorType};
use capture_format::{ReadError, schema};

use super::{Argument, Field, Read, Takes, Type, Usage, field};
use crate::render::{self, Clock};
use crate::value::{Value, known, owned, text};
use crate::view::{KindView, RowView};

use Read::{Kind, Never, Recording, Row};
use Type::{Bool, Bytes, Duration, Dynamic, Number, Text, Time};

type Maybe<'a> = Result<Option<Value<'a>>, ReadError>;

const NS_PER_S: u64 = 1_000_000_000;

/// 1 when the event failed and `about` holds, 0 when it did not fail, missing without a result.
fn error_count<'a>(row: &RowView<'a>, about: impl Fn(&str) -> bool) -> Maybe<'a> {
    let Some(result) = row.result()? else { return Ok(None) };
    Ok(Some(Value::Uint((result < 0 && about(category(row)?)).into())))
}

/// The category; that of reads and writes is told by what the descriptor refers to.
fn category<'a>(row: &RowView<'a>) -> Result<&'a str, ReadError> {
    let Some(view) = row.kind() else { return Ok("unknown") };
    if !view.is_io() {
        return Ok(&view.kind.category);
    }
    Ok(io_category(row.descriptor()?))
}

/// The category of a read or write.
pub(crate) fn io_category(descriptor: Option<&Descriptor>) -> &'static str {
    use DescriptorType as T;
    match descriptor.map(|descriptor| descriptor.kind) {
        None | Some(T::Unknown) => "unknown",
        Some(T::File | T::Directory | T::Memfd) => "file",
        Some(T::Ipv4 | T::Ipv6 | T::Netlink | T::Packet | T::Socket) => "net",
        Some(T::Unix | T::Pipe | T::Event | T::Mqueue) => "ipc",
        Some(T::Signalfd) => "signal",
        Some(T::Timerfd) => "time",
        Some(_) => "other",
    }
}

/// The number of bytes read or written by calls that `about` accepts.
fn length<'a>(row: &RowView<'a>, about: impl Fn(&KindView<'a>, &str) -> bool) -> Maybe<'a> {
    let Some(view) = row.kind().filter(KindView::is_io) else { return Ok(None) };
    if !about(&view, category(row)?) || !(view.reads() || view.writes()) {
        return Ok(None);
    }
    Ok(row.result()?.and_then(|result| u64::try_from(result).ok()).map(Value::Uint))
}

/// Flags of a call that opens a path.
fn open_flags(row: &RowView<'_>) -> Result<Option<u64>, ReadError> {
    const O_CREAT_WRONLY_TRUNC: u64 = 0o1101;
    let Some(view) = row.kind().filter(KindView::opens) else { return Ok(None) };
    if view.kind.name == "creat" {
        return Ok(Some(O_CREAT_WRONLY_TRUNC));
    }
    if let Some(index) = view.arg("flags") {
        return Ok(match row.arg(index)? {
            Some(Arg::Int(flags)) => Some(flags),
            _ => None,
        });
    }
    Ok(open_how(row, &view)?.map(|how| how.0))
}

/// Flags and mode in the structure that openat2 takes.
fn open_how<'a>(row: &RowView<'a>, view: &KindView<'a>) -> Result<Option<(u64, u64)>, ReadError> {
    let Some(index) = view.arg("how") else { return Ok(None) };
    let Some(Arg::Bytes(bytes)) = row.arg(index)? else { return Ok(None) };
    let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    Ok(word(0).zip(word(8)))
}

fn opens_with<'a>(row: &RowView<'a>, holds: impl Fn(u64) -> bool) -> Maybe<'a> {
    if row.kind().is_none() {
        return Ok(None);
    }
    Ok(Some(Value::Bool(open_flags(row)?.is_some_and(holds))))
}

fn creates_executable(row: &RowView<'_>) -> Result<bool, ReadError> {
    const ANY_EXECUTE: u64 = 0o111;
    if !open_flags(row)?.is_some_and(render::makes_file) {
        return Ok(false);
    }
    let Some(view) = row.kind() else { return Ok(false) };
    let mode = match view.arg("mode") {
        Some(index) => match row.arg(index)? {
            Some(Arg::Int(mode)) => mode,
            _ => 0,
        },
        None => open_how(row, &view)?.map_or(0, |how| how.1),
    };
    Ok(mode & ANY_EXECUTE != 0)
}

/// A time of day or date.
fn clock<'a>(row: &RowView<'a>, style: Clock) -> Maybe<'a> {
    let mut out = Vec::with_capacity(32);
    render::write_clock(&mut out, row.wall_ns()?, row.zone_offset_s(), style);
    Ok(Some(owned(out)))
}

fn since_first(row: &RowView<'_>) -> Result<u64, ReadError> {
    Ok(row.time_ns()?.saturating_sub(row.recording.first_time_ns))
}

fn since_before(row: &RowView<'_>) -> Result<u64, ReadError> {
    let now = row.time_ns()?;
    Ok(row.time_before_ns()?.map_or(0, |before| now.saturating_sub(before)))
}

fn latency<'a>(row: &RowView<'a>, of: impl Fn(u64) -> Value<'a>) -> Maybe<'a> {
    Ok(row.latency_ns()?.map(of))
}

/// What the argument given stands for in this event's kind.
pub(crate) fn parameter(view: &KindView<'_>, which: &Argument) -> Option<render::Parameter> {
    match which {
        Argument::None => None,
        // The result comes first, as it does when all are printed.
        Argument::Index(index) => {
            let index = usize::try_from(*index).ok()?;
            match (view.kind.result.is_some(), index) {
                (true, 0) => Some(render::Parameter::Result),
                (true, index) => Some(render::Parameter::Arg(index - 1)),
                (false, index) => Some(render::Parameter::Arg(index)),
            }
            .filter(|parameter| match parameter {
                render::Parameter::Result => true,
                render::Parameter::Arg(index) => *index < view.kind.args.len(),
            })
        }
        Argument::Name(name) => match view.arg(name) {
            Some(index) => Some(render::Parameter::Arg(index)),
            None => {
                let result = view.kind.result.as_ref()?;
                // Calls that make a descriptor name it `fd`.
                let made = name == "fd" && result.shape == schema::Shape::Fd;
                (name == "res" || made).then_some(render::Parameter::Result)
            }
        },
    }
}

fn argument_text<'a>(row: &RowView<'a>, which: &Argument) -> Maybe<'a> {
    let Some(parameter) = row.kind().and_then(|view| parameter(&view, which)) else { return Ok(None) };
    let mut out = Vec::new();
    Ok(render::write_resolved(row, parameter, &mut out)?.then(|| owned(out)))
}

fn argument_value<'a>(row: &RowView<'a>, which: &Argument) -> Maybe<'a> {
    match row.kind().and_then(|view| parameter(&view, which)) {
        Some(parameter) => render::parameter_value(row, parameter),
        None => Ok(None),
    }
}

/// Everything but the call's number and name may be asked of any event; only calls have a `syscall.type`.
fn is_call(view: &KindView<'_>) -> bool {
    view.kind.nr.is_some()
}

/// Calls that may sleep until something happens.
fn waits(view: &KindView<'_>) -> bool {
    matches!(view.kind.category.as_str(), "wait" | "sleep") || view.is_io()
}

fn boolean<'a>(value: bool) -> Option<Value<'a>> {
    Some(Value::Bool(value))
}

/// The path argument asked for: the first, or with `src` and `dst` those of calls with two.
fn absolute<'a>(row: &RowView<'a>, which: &Argument) -> Maybe<'a> {
    let Some(view) = row.kind() else { return Ok(None) };
    let mut paths = view.paths();
    let index = match which {
        Argument::None => paths.next(),
        Argument::Name(name) if name == "src" => paths.next().filter(|_| paths.next().is_some()),
        Argument::Name(name) if name == "dst" => paths.nth(1),
        Argument::Index(index) => usize::try_from(*index).ok().and_then(|index| paths.nth(index)),
        Argument::Name(_) => None,
    };
    Ok(match index {
        Some(index) => row.absolute_path(index)?.map(Value::Text),
        None => None,
    })
}

pub(super) const FIELDS: &[Field] = &[
    field(
        "evt.abi",
        Text,
        Row(|row, _| Ok(row.kind().and_then(|view| known(view.kind.abi.as_bytes())))),
        "Table of calls that the call belongs to: `x86_64`, `aarch64`; `i386` and `arm` of 32-bit programs, and of others \
         that use their entry; `io_uring` of operations, `io_uring.i386` and `io_uring.arm` where the ring is such a program's.",
    ),
    field(
        "evt.abspath",
        Text,
        Row(absolute),
        "Path given to the call, made absolute with the directory descriptor or working directory; `.src` and \
         `.dst` for calls with two.",
    )
    .takes(Takes::MaybeName),
    field(
        "evt.arg",
        Text,
        Row(argument_text),
        "One argument by name (`evt.arg.flags`) or index (`evt.arg[0]`; the result comes first) as text: names \
         of flags and errors, what a descriptor refers to. Numbers compare as numbers with `<` and `>`.",
    )
    .takes(Takes::Name),
    field(
        "evt.args",
        Text,
        Row(|row, _| {
            let mut out = Vec::new();
            render::write_info(row, &mut out)?;
            Ok(Some(owned(out)))
        }),
        "Result and arguments as `name=value`.",
    ),
    field(
        "evt.around",
        Duration,
        Row(|row, around| {
            let Argument::Index(centre) = around else { return Ok(None) };
            Ok(Some(Value::Uint(row.wall_ns()?.abs_diff(*centre))))
        }),
        "`evt.around[NS]=MS`: within so many milliseconds of a time in ns since the epoch.",
    )
    .takes(Takes::Index)
    .usage(Usage::FilterOnly),
    field("evt.asynctype", Text, Never, "Name of an asynchronous event: there are none."),
    field("evt.buffer", Bytes, Row(|row, _| render::buffer(row)), "Bytes read or written, as far as recorded."),
    field(
        "evt.buflen",
        Number,
        Row(|row, _| length(row, |_, _| true)),
        "Number of bytes read or written, recorded or not.",
    ),
    field("evt.buflen.file", Number, Row(|row, _| length(row, |_, of| of == "file")), "`evt.buflen` of files.")
        .usage(Usage::Hidden),
    field(
        "evt.buflen.file.in",
        Number,
        Row(|row, _| length(row, |view, of| of == "file" && view.reads())),
        "`evt.buflen` of reads from files.",
    )
    .usage(Usage::Hidden),
    field(
        "evt.buflen.file.out",
        Number,
        Row(|row, _| length(row, |view, of| of == "file" && view.writes())),
        "`evt.buflen` of writes to files.",
    )
    .usage(Usage::Hidden),
    field("evt.buflen.in", Number, Row(|row, _| length(row, |view, _| view.reads())), "`evt.buflen` of reads.")
        .usage(Usage::Hidden),
    field("evt.buflen.net", Number, Row(|row, _| length(row, |_, of| of == "net")), "`evt.buflen` of sockets.")
        .usage(Usage::Hidden),
    field(
        "evt.buflen.net.in",
        Number,
        Row(|row, _| length(row, |view, of| of == "net" && view.reads())),
        "`evt.buflen` of reads from sockets.",
    )
    .usage(Usage::Hidden),
    field(
        "evt.buflen.net.out",
        Number,
        Row(|row, _| length(row, |view, of| of == "net" && view.writes())),
        "`evt.buflen` of writes to sockets.",
    )
    .usage(Usage::Hidden),
    field("evt.buflen.out", Number, Row(|row, _| length(row, |view, _| view.writes())), "`evt.buflen` of writes.")
        .usage(Usage::Hidden),
    field(
        "evt.category",
        Text,
        Row(|row, _| Ok(Some(text(category(row)?.as_bytes())))),
        "Category of the call: `file`, `net`, `process`, `memory`, ...; of reads and writes the kind of \
         descriptor.",
    ),
    field("evt.count", Number, Recording(|_| Some(Value::Uint(1))), "Always 1."),
    field(
        "evt.count.error",
        Number,
        Row(|row, _| error_count(row, |_| true)),
        "1 when the call failed, 0 when not, missing when it has no result.",
    ),
    field(
        "evt.count.error.file",
        Number,
        Row(|row, _| error_count(row, |about| about == "file")),
        "1 when a call about files failed.",
    ),
    field(
        "evt.count.error.memory",
        Number,
        Row(|row, _| error_count(row, |about| about == "memory")),
        "1 when a call about memory failed.",
    ),
    field(
        "evt.count.error.net",
        Number,
        Row(|row, _| error_count(row, |about| about == "net")),
        "1 when a call about the network failed.",
    ),
    field(
        "evt.count.error.other",
        Number,
        Row(|row, _| error_count(row, |about| !["file", "memory", "net"].contains(&about))),
        "1 when another call failed.",
    ),
    field("evt.count.exit", Number, Recording(|_| Some(Value::Uint(1))), "Always 1: events are made when calls end."),
    field("evt.count.procinfo", Number, Recording(|_| Some(Value::Uint(0))), "Always 0.").usage(Usage::Hidden),
    field("evt.count.threadinfo", Number, Recording(|_| Some(Value::Uint(0))), "Always 0.").usage(Usage::Hidden),
    field(
        "evt.cpu",
        Number,
        Row(|row, _| Ok(Some(Value::Uint(row.rows.events.cpus()?[row.row].into())))),
        "CPU the event happened on.",
    ),
    field(
        "evt.datetime",
        Text,
        Row(|row, _| clock(row, Clock::DateTimeNs)),
        "Date and time with 9 decimals, in the recorded host's zone.",
    ),
    field(
        "evt.datetime.s",
        Text,
        Row(|row, _| clock(row, Clock::DateTime)),
        "Date and time, in the recorded host's zone.",
    ),
    field(
        "evt.deltatime",
        Duration,
        Row(|row, _| Ok(Some(Value::Uint(since_before(row)?)))),
        "ns since the event before.",
    ),
    field(
        "evt.deltatime.ns",
        Duration,
        Row(|row, _| Ok(Some(Value::Uint(since_before(row)? % NS_PER_S)))),
        "ns part of `evt.deltatime`, printed with 9 digits.",
    ),
    field(
        "evt.deltatime.s",
        Duration,
        Row(|row, _| Ok(Some(Value::Uint(since_before(row)? / NS_PER_S)))),
        "Whole seconds of `evt.deltatime`.",
    ),
    field(
        "evt.dir",
        Text,
        Recording(|_| Some(text(b"<"))),
        "Always `<`: there is one event per call, made when it ends.",
    ),
    field(
        "evt.failed",
        Bool,
        Row(|row, _| Ok(row.result()?.map(|result| Value::Bool(result < 0)))),
        "The result is negative.",
    ),
    field("evt.hostname", Text, Recording(|recording| known(&recording.host.hostname)), "Name of the recorded host."),
    field(
        "evt.info",
        Text,
        Row(|row, _| {
            let mut out = Vec::new();
            render::write_info(row, &mut out)?;
            Ok(Some(owned(out)))
        }),
        "As `evt.args`.",
    ),
    field(
        "evt.io_dir",
        Text,
        Kind(|view, _| match (view.reads(), view.writes()) {
            (true, _) => Some(text(b"read")),
            (_, true) => Some(text(b"write")),
            _ => None,
        }),
        "`read` or `write`; missing for other events.",
    ),
    field("evt.is_async", Bool, Recording(|_| boolean(false)), "Always false."),
    field(
        "evt.is_io",
        Bool,
        Kind(|view, _| boolean(view.reads() || view.writes())),
        "The call reads from or writes to a descriptor.",
    ),
    field("evt.is_io_read", Bool, Kind(|view, _| boolean(view.reads())), "The call reads from a descriptor."),
    field("evt.is_io_write", Bool, Kind(|view, _| boolean(view.writes())), "The call writes to a descriptor."),
    field(
        "evt.is_open_create",
        Bool,
        Row(|row, _| opens_with(row, render::makes_file)),
        "The call opens a path and makes the file if needed.",
    ),
    field(
        "evt.is_open_exec",
        Bool,
        Row(|row, _| Ok(boolean(creates_executable(row)?))),
        "The call makes a file with an execute bit in its mode.",
    ),
    field(
        "evt.is_open_read",
        Bool,
        // O_RDONLY is 0 and O_RDWR 2 in the lowest two bits.
        Row(|row, _| opens_with(row, |flags| matches!(flags & 3, 0 | 2))),
        "The call opens a path for reading.",
    ),
    field(
        "evt.is_open_write",
        Bool,
        Row(|row, _| opens_with(row, |flags| matches!(flags & 3, 1 | 2))),
        "The call opens a path for writing.",
    ),
    field(
        "evt.is_syslog",
        Bool,
        Row(|row, _| {
            let writes = row.kind().is_some_and(|view| view.writes());
            let to_log = row.descriptor()?.is_some_and(|descriptor| {
                descriptor.kind == DescriptorType::Unix
                    && matches!(descriptor.name.as_slice(), b"/dev/log" | b"/run/systemd/journal/dev-log")
            });
            Ok(boolean(writes && to_log))
        }),
        "The call writes to the system log's socket.",
    ),
    field("evt.is_wait", Bool, Kind(|view, _| boolean(waits(view))), "The call may wait for something."),
    field(
        "evt.latency",
        Duration,
        Row(|row, _| latency(row, Value::Uint)),
        "Duration of the call, ns, also while the machine was suspended; missing when it was not measured.",
    ),
    field(
        "evt.latency.human",
        Text,
        Row(|row, _| {
            latency(row, |ns| {
                let mut out = Vec::new();
                render::write_span(&mut out, ns);
                owned(out)
            })
        }),
        "Duration of the call with its unit, as `1.5ms`.",
    ),
    field(
        "evt.latency.ns",
        Duration,
        Row(|row, _| latency(row, |ns| Value::Uint(ns % NS_PER_S))),
        "ns part of `evt.latency`, printed with 9 digits.",
    ),
    field(
        "evt.latency.quantized",
        Number,
        Row(|row, _| latency(row, |ns| Value::Uint(ns.max(1).ilog10().into()))),
        "Power of ten of `evt.latency`.",
    )
    .usage(Usage::Hidden),
    field(
        "evt.latency.s",
        Duration,
        Row(|row, _| latency(row, |ns| Value::Uint(ns / NS_PER_S))),
        "Whole seconds of `evt.latency`.",
    ),
    field(
        "evt.num",
        Number,
        Row(|row, _| Ok(Some(Value::Uint(row.number())))),
        "Number of the event in the capture, from 1 on, whether others are shown or not.",
    ),
    field(
        "evt.outputtime",
        Time,
        Row(|row, _| Ok(Some(Value::Uint(row.wall_ns()?)))),
        "Time as `-t` asks for it.",
    )
    .usage(Usage::OutputOnly),
    field("evt.plugininfo", Text, Never, "There are no plugin events."),
    field("evt.pluginname", Text, Never, "There are no plugin events."),
    field(
        "evt.rawarg",
        Dynamic,
        Row(argument_value),
        "One argument by name in its own type: numbers compare as numbers, `res` is the result.",
    )
    .takes(Takes::Name),
    field(
        "evt.rawres",
        Number,
        Row(|row, _| Ok(row.result()?.map(Value::Int))),
        "Result as a number, negative for errors.",
    ),
    field("evt.rawtime", Time, Row(|row, _| Ok(Some(Value::Uint(row.wall_ns()?)))), "ns since the epoch."),
    field(
        "evt.rawtime.ns",
        Time,
        Row(|row, _| Ok(Some(Value::Uint(row.wall_ns()? % NS_PER_S)))),
        "ns part of `evt.rawtime`, printed with 9 digits.",
    ),
    field(
        "evt.rawtime.s",
        Time,
        Row(|row, _| Ok(Some(Value::Uint(row.wall_ns()? / NS_PER_S)))),
        "Whole seconds of `evt.rawtime`.",
    ),
    field(
        "evt.reltime",
        Duration,
        Row(|row, _| Ok(Some(Value::Uint(since_first(row)?)))),
        "ns since the first event of the capture, printed with at least 9 digits.",
    ),
    field(
        "evt.reltime.ns",
        Duration,
        Row(|row, _| Ok(Some(Value::Uint(since_first(row)? % NS_PER_S)))),
        "ns part of `evt.reltime`, printed with 9 digits.",
    ),
    field(
        "evt.reltime.s",
        Duration,
        Row(|row, _| Ok(Some(Value::Uint(since_first(row)? / NS_PER_S)))),
        "Whole seconds of `evt.reltime`.",
    ),
    field(
        "evt.res",
        Text,
        Row(|row, _| {
            let Some(result) = row.result()? else { return Ok(None) };
            if result >= 0 {
                return Ok(Some(text(b"SUCCESS")));
            }
            Ok(Some(match render::errno_of(result) {
                Some(name) => text(name.as_bytes()),
                None => owned(result.to_string()),
            }))
        }),
        "`SUCCESS`, or the error's name.",
    ),
    field(
        "evt.source",
        Text,
        Kind(|view, _| Some(text(if view.is_of_ring() { b"io_uring" } else { b"syscall" }))),
        "How it was asked for: `io_uring` for operations submitted to a ring, which have the names of the calls that \
         do the same; `syscall` for all else.",
    ),
    field("evt.time", Text, Row(|row, _| clock(row, Clock::TimeNs)), "Time of day with 9 decimals, in the recorded host's zone."),
    field(
        "evt.time.iso8601",
        Text,
        Row(|row, _| clock(row, Clock::Iso8601)),
        "Date and time with 9 decimals, UTC.",
    ),
    field("evt.time.s", Text, Row(|row, _| clock(row, Clock::Time)), "Time of day, in the recorded host's zone."),
    field(
        "evt.type",
        Text,
        Kind(|view, _| Some(text(view.kind.name.as_bytes()))),
        "Name of the call, or of the kernel's event.",
    ),
    field(
        "evt.type.is",
        Number,
        Kind(|view, name| match name {
            Argument::Name(name) => Some(Value::Uint((view.kind.name == *name).into())),
            _ => None,
        }),
        "1 when the event's type is the one named, else 0.",
    )
    .takes(Takes::Name),
    field(
        "evt.wait_latency",
        Duration,
        Row(|row, _| if row.kind().is_some_and(|view| waits(&view)) { latency(row, Value::Uint) } else { Ok(None) }),
        "Duration of calls that may wait, ns; missing for others.",
    ),
    field(
        "syscall.type",
        Text,
        Kind(|view, _| is_call(view).then(|| text(view.kind.name.as_bytes()))),
        "Name of the call; missing for events that are none.",
    ),
];
