//! One argument's value as text.

use capture_format::ReadError;
use capture_format::message::{Message, Parts};
use capture_format::model::{Arg, DescriptorType, FdSource};
use capture_format::schema::{self, ArgKind, Choices, Fetch, NameSet, Selector, Shape, Structure};

use super::buffer::{write_buffer, write_digits};
use super::descriptor::write_descriptor;
use super::escape::escape_tail;
use super::message::{data_of_messages, write_message, write_messages, write_parts};
use super::names::{errno_of, write_flag_names, write_mode_names, write_signal_set, write_wait_status};
use super::number::{write_hex, write_int, write_uint};
use super::path::{AT_FDCWD, absolute_path};
use super::sockaddr::write_sockaddr;
use super::structure::write_structures;
use crate::value::{Value, owned, text};
use crate::view::RowView;

/// Number and meaning, or the meaning alone where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `2(O_RDWR)`, as lists of arguments have it.
    Both,
    /// `O_RDWR`, as `evt.arg` has it.
    Meaning,
}

/// A shape with its names looked up.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Signed32,
    Unsigned32,
    Signed,
    Unsigned,
    Hex,
    Pointer,
    Fd,
    DirFd,
    Pid,
    Uid,
    Gid,
    Mode,
    /// The mode of a call that opens a path, and where its flags stand: unless they ask for a new file, the
    /// register holds whatever was in it.
    OpenMode(Option<u8>),
    Device,
    Signal,
    Errno,
    Bool,
    SignalSet,
    WaitStatus,
    SocketOption(u8),
    /// What a table says for the value of another argument, or of two.
    By(Selector, Option<&'static Choices>),
    Flags(Option<&'static NameSet>),
    Enum(Option<&'static NameSet>),
    /// What is asked of a file, as whoever made the file numbers it.
    Command,
    Path,
    Text,
    Strings,
    Bytes,
    Bits,
    Sockaddr,
    Struct(Option<&'static Structure>),
    Parts,
    Msghdr,
    Messages,
}

impl Shown {
    pub(crate) fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Int => Shown::Signed32,
            Shape::Uint => Shown::Unsigned32,
            Shape::Long | Shape::Offset => Shown::Signed,
            Shape::Ulong | Shape::Size => Shown::Unsigned,
            Shape::Hex => Shown::Hex,
            Shape::Pointer => Shown::Pointer,
            Shape::Fd => Shown::Fd,
            Shape::DirFd => Shown::DirFd,
            Shape::Pid => Shown::Pid,
            Shape::Uid => Shown::Uid,
            Shape::Gid => Shown::Gid,
            Shape::Mode => Shown::Mode,
            Shape::Device => Shown::Device,
            Shape::Signal => Shown::Signal,
            Shape::Errno => Shown::Errno,
            Shape::Bool => Shown::Bool,
            Shape::SignalSet => Shown::SignalSet,
            Shape::WaitStatus => Shown::WaitStatus,
            Shape::SocketOption(level) => Shown::SocketOption(*level),
            Shape::Flags(name) => Shown::Flags(schema::set(name)),
            shape if is_command(shape) => Shown::Command,
            Shape::Enum(name) => Shown::Enum(schema::set(name)),
            Shape::Path(_) => Shown::Path,
            Shape::Text => Shown::Text,
            Shape::Strings => Shown::Strings,
            Shape::Bytes | Shape::Iovec => Shown::Bytes,
            Shape::Bits => Shown::Bits,
            Shape::By(selector, table) => Shown::By(*selector, schema::choices(table)),
            Shape::Sockaddr => Shown::Sockaddr,
            Shape::Struct(name) => Shown::Struct(schema::structure(name)),
            Shape::Parts => Shown::Parts,
            Shape::Msghdr => Shown::Msghdr,
            Shape::Messages => Shown::Messages,
        }
    }

    /// A raw argument as the call understands it: most use 32 bits of the register. Signed ones are extended to 64.
    pub(crate) fn widened(&self, raw: u64) -> u64 {
        match self {
            Shown::Signed32 | Shown::Fd | Shown::DirFd | Shown::Pid | Shown::Errno | Shown::Signal => {
                i64::from(raw as i32) as u64
            }
            Shown::Signed
            | Shown::Unsigned
            | Shown::Hex
            | Shown::Pointer
            | Shown::SignalSet
            | Shown::Path
            | Shown::Text
            | Shown::Strings
            | Shown::Bytes
            | Shown::Bits
            | Shown::By(..)
            | Shown::Sockaddr
            | Shown::Struct(_)
            | Shown::Parts
            | Shown::Msghdr
            | Shown::Messages => raw,
            Shown::Bool
            | Shown::Unsigned32
            | Shown::Uid
            | Shown::Gid
            | Shown::Mode
            | Shown::OpenMode(_)
            | Shown::Device
            | Shown::WaitStatus
            | Shown::SocketOption(_)
            | Shown::Flags(_)
            | Shown::Enum(_)
            | Shown::Command => u64::from(raw as u32),
        }
    }

    /// As [`Self::widened`], for comparisons.
    pub(crate) fn number(&self, raw: u64) -> Value<'static> {
        let wide = self.widened(raw);
        match self {
            Shown::Signed32
            | Shown::Fd
            | Shown::DirFd
            | Shown::Pid
            | Shown::Errno
            | Shown::Signal
            | Shown::Signed => Value::Int(wide as i64),
            Shown::Bool => Value::Bool(wide != 0),
            _ => Value::Uint(wide),
        }
    }
}

/// Puts a meaning behind a number in parentheses, or in its place.
fn explain(
    out: &mut Vec<u8>,
    mode: Mode,
    number: impl FnOnce(&mut Vec<u8>),
    meaning: impl FnOnce(&mut Vec<u8>) -> bool,
) {
    let start = out.len();
    if mode == Mode::Meaning {
        if !meaning(out) {
            out.truncate(start);
            number(out);
        }
        return;
    }
    number(out);
    let before = out.len();
    out.push(b'(');
    if meaning(out) {
        out.push(b')');
    } else {
        out.truncate(before);
    }
}

fn push(out: &mut Vec<u8>, text: Option<&str>) -> bool {
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
    text.is_some()
}

/// Appends a text of unknown origin, escaped when the row is printed.
fn write_text(row: &RowView<'_>, out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    out.extend_from_slice(text);
    if row.escape {
        escape_tail(out, start);
    }
}

/// Appends a number: `raw` is a register or a field of a structure, already as wide as it should be.
pub(crate) fn write_number(row: &RowView<'_>, out: &mut Vec<u8>, shown: &Shown, raw: u64, mode: Mode) {
    let decimal = |out: &mut Vec<u8>| write_uint(out, raw);
    let signed = |out: &mut Vec<u8>| write_int(out, i64::from(raw as i32));
    match shown {
        Shown::Signed32 | Shown::Fd => signed(out),
        Shown::Unsigned | Shown::Unsigned32 => decimal(out),
        Shown::Signed => write_int(out, raw as i64),
        Shown::Bool => out.extend_from_slice(if raw != 0 { b"true" } else { b"false" }),
        Shown::DirFd => {
            explain(out, mode, signed, |out| push(out, (raw as i32 == AT_FDCWD).then_some("AT_FDCWD")))
        }
        Shown::Pid => explain(out, mode, signed, |out| {
            let name = process_name(row, raw as u32);
            write_text(row, out, name.unwrap_or_default());
            name.is_some()
        }),
        Shown::Uid | Shown::Gid if raw as u32 == u32::MAX => {
            explain(out, mode, |out| out.extend_from_slice(b"-1"), |out| push(out, Some("<NONE>")));
        }
        Shown::Uid => explain(out, mode, decimal, |out| {
            let user = row.recording.entities.user(raw as u32).filter(|user| !user.name.is_empty());
            write_text(row, out, user.map(|user| user.name.as_slice()).unwrap_or_default());
            user.is_some()
        }),
        Shown::Gid => explain(out, mode, decimal, |out| {
            let group = row.recording.entities.group(raw as u32).filter(|group| !group.name.is_empty());
            write_text(row, out, group.map(|group| group.name.as_slice()).unwrap_or_default());
            group.is_some()
        }),
        Shown::OpenMode(_) => write_octal(out, raw),
        Shown::Mode => explain(out, mode, |out| write_octal(out, raw), |out| write_mode_names(out, raw)),
        Shown::Signal => explain(out, mode, signed, |out| push(out, schema::signal_name(raw as u32))),
        Shown::Errno => explain(out, mode, signed, |out| push(out, errno_of(i64::from(raw as i32)))),
        Shown::SignalSet => explain(
            out,
            mode,
            |out| write_prefixed_hex(out, raw),
            |out| {
                write_signal_set(out, raw);
                true
            },
        ),
        Shown::WaitStatus => explain(out, mode, decimal, |out| {
            write_wait_status(out, raw);
            true
        }),
        Shown::Flags(Some(set)) => explain(out, mode, decimal, |out| write_flag_names(out, set, raw)),
        Shown::Command => {
            let set = schema::set(if is_about_socket(row) { SOCKET_COMMANDS } else { DEVICE_COMMANDS });
            explain(out, mode, decimal, |out| push(out, set.and_then(|set| set.name(raw))));
        }
        Shown::Enum(Some(set)) => explain(out, mode, decimal, |out| push(out, set.name(raw))),
        Shown::Flags(None) | Shown::Enum(None) | Shown::SocketOption(_) => decimal(out),
        Shown::Pointer if raw == 0 => out.extend_from_slice(b"NULL"),
        Shown::Hex
        | Shown::Pointer
        | Shown::Device
        | Shown::Path
        | Shown::Text
        | Shown::Strings
        | Shown::Bytes
        | Shown::Bits
        | Shown::By(..)
        | Shown::Sockaddr
        | Shown::Struct(_)
        | Shown::Parts
        | Shown::Msghdr
        | Shown::Messages => write_prefixed_hex(out, raw),
    }
}

/// What an operation of `io_uring` asks of a file is numbered by whoever made the file: of sockets with small numbers, which
/// mean something else elsewhere.
const DEVICE_COMMANDS: &str = "io_uring_cmd";
const SOCKET_COMMANDS: &str = "io_uring_cmd_socket";

/// Whether the name of a number depends on the file that the event is about.
pub(crate) fn is_command(shape: &Shape) -> bool {
    matches!(shape, Shape::Enum(name) if name == DEVICE_COMMANDS)
}

fn is_about_socket(row: &RowView<'_>) -> bool {
    use DescriptorType as T;
    let kind = row.descriptor().ok().flatten().map(|descriptor| descriptor.kind);
    matches!(kind, Some(T::Ipv4 | T::Ipv6 | T::Unix | T::Netlink | T::Packet | T::Socket))
}

fn write_prefixed_hex(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(b"0x");
    write_hex(out, value);
}

fn write_octal(out: &mut Vec<u8>, mode: u64) {
    if mode == 0 {
        out.push(b'0');
        return;
    }
    let digits = (66 - mode.leading_zeros() as usize) / 3;
    out.push(b'0');
    out.extend((0..digits).rev().map(|digit| b'0' + (mode >> (3 * digit) & 7) as u8));
}

/// The name of a process near the event's: other numbers may have been used for several processes.
fn process_name<'a>(row: &RowView<'a>, pid: u32) -> Option<&'a [u8]> {
    let view = row.thread().ok()?;
    let own = view.thread.filter(|thread| thread.tid == pid).map(|thread| thread.comm.as_slice());
    let named =
        own.or_else(|| view.nearest(|process| process.pid == pid).map(|process| process.comm.as_slice()));
    named.filter(|name| !name.is_empty())
}

/// Appends the descriptor that the event is about: `9(<f>/path)`.
fn write_own_fd(row: &RowView<'_>, out: &mut Vec<u8>, fd: i64, mode: Mode) -> Result<(), ReadError> {
    let descriptor = if fd < 0 { None } else { row.descriptor()? };
    explain(
        out,
        mode,
        |out| write_int(out, fd),
        |out| {
            let Some(descriptor) = descriptor else { return false };
            let start = out.len();
            write_descriptor(out, descriptor);
            if row.escape {
                escape_tail(out, start);
            }
            true
        },
    );
    Ok(())
}

/// Appends the result, of whatever kind.
pub(crate) fn write_result(
    row: &RowView<'_>,
    out: &mut Vec<u8>,
    shown: &Shown,
    result: i64,
    mode: Mode,
) -> Result<(), ReadError> {
    match shown {
        _ if errno_of(result).is_some() => {
            explain(out, mode, |out| write_int(out, result), |out| push(out, errno_of(result)));
        }
        Shown::Fd if row.kind().is_some_and(|view| view.kind.fd == FdSource::Result) => {
            write_own_fd(row, out, result, mode)?;
        }
        Shown::Signed32 | Shown::Errno | Shown::Fd => write_int(out, result),
        shown => write_number(row, out, shown, result as u64, mode),
    }
    Ok(())
}

/// Appends an argument.
pub(crate) fn write_value(
    row: &RowView<'_>,
    out: &mut Vec<u8>,
    shown: &Shown,
    index: usize,
    arg: Arg<'_>,
    mode: Mode,
) -> Result<(), ReadError> {
    if let Shown::By(selector, table) = shown {
        return write_chosen(row, out, *selector, *table, index, arg, mode);
    }
    let bytes = match arg {
        Arg::Int(raw) => {
            if matches!(shown, Shown::Fd | Shown::DirFd) && is_own_fd(row, index) && raw as i32 != AT_FDCWD {
                return write_own_fd(row, out, i64::from(raw as i32), mode);
            }
            if let Shown::SocketOption(level) = shown {
                write_socket_option(row, out, *level, raw, mode)?;
                return Ok(());
            }
            let raw = meant(row, shown, raw)?;
            write_number(row, out, shown, shown.widened(raw), mode);
            return Ok(());
        }
        Arg::Bytes(bytes) => bytes,
        Arg::Null => {
            out.extend_from_slice(b"NULL");
            return Ok(());
        }
        // What it points to could not be read, or the call left nothing there.
        Arg::Unread(pointer) => {
            write_prefixed_hex(out, pointer);
            return Ok(());
        }
    };
    match shown {
        Shown::Path => {
            write_text(row, out, bytes);
            if mode == Mode::Both
                && !bytes.starts_with(b"/")
                && let Some(absolute) = absolute_path(row, index)?.filter(|absolute| **absolute != *bytes)
            {
                out.push(b'(');
                write_text(row, out, &absolute);
                out.push(b')');
            }
        }
        Shown::Strings => {
            let strings = bytes.strip_suffix(b"\0").unwrap_or(bytes);
            for (index, string) in strings.split(|&byte| byte == 0).enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                write_text(row, out, string);
            }
        }
        Shown::Bytes => write_buffer(out, bytes, row.options),
        Shown::Bits => write_bits(out, bytes),
        Shown::Parts => write_parts(row, out, bytes, mode == Mode::Both),
        Shown::Msghdr => write_message(row, out, bytes, mode == Mode::Both),
        Shown::Messages => write_messages(row, out, bytes),
        Shown::Sockaddr => write_sockaddr(row, out, bytes),
        Shown::Struct(Some(structure)) => write_structures(row, out, structure, bytes),
        Shown::Struct(None) => write_buffer(out, bytes, row.options),
        _ => write_text(row, out, bytes),
    }
    Ok(())
}

fn is_own_fd(row: &RowView<'_>, index: usize) -> bool {
    row.kind().is_some_and(|view| view.kind.fd == FdSource::Arg(index as u8))
}

/// Whether flags of a call that opens a path ask for a new file.
pub(crate) fn makes_file(flags: u64) -> bool {
    const O_CREAT: u64 = 0o100;
    // O_TMPFILE without the O_DIRECTORY bit that comes with it and differs between machines.
    const O_TMPFILE_BIT: u64 = 0o20_000_000;
    flags & (O_CREAT | O_TMPFILE_BIT) != 0
}

/// What a register means: nothing where other arguments say so.
fn meant(row: &RowView<'_>, shown: &Shown, raw: u64) -> Result<u64, ReadError> {
    let Shown::OpenMode(Some(flags)) = shown else { return Ok(raw) };
    let means = match row.arg((*flags).into())? {
        Some(Arg::Int(flags)) => makes_file(flags),
        _ => true,
    };
    Ok(if means { raw } else { 0 })
}

/// The number in another argument.
fn number_of(row: &RowView<'_>, index: u8) -> Result<u64, ReadError> {
    Ok(match row.arg(index.into())? {
        Some(Arg::Int(raw)) => u64::from(raw as u32),
        _ => 0,
    })
}

/// What a table says that an argument is, given the others.
pub(crate) fn chosen(
    row: &RowView<'_>,
    selector: Selector,
    table: Option<&'static Choices>,
) -> Result<ArgKind, ReadError> {
    let value = match selector.lower {
        Some(lower) => schema::joined(number_of(row, selector.arg)?, number_of(row, lower)?),
        None => number_of(row, selector.arg)?,
    };
    Ok(table.map_or(ArgKind::plain(Shape::Hex), |table| table.kind(value)))
}

/// The value itself, where a kind that fetches nothing was chosen for an argument that is stored like data.
pub(crate) fn plain(kind: &ArgKind, arg: Arg<'_>) -> Option<u64> {
    match arg {
        Arg::Int(raw) | Arg::Unread(raw) if kind.fetch == Fetch::None => Some(raw),
        Arg::Null if kind.fetch == Fetch::None => Some(0),
        _ => None,
    }
}

fn write_chosen(
    row: &RowView<'_>,
    out: &mut Vec<u8>,
    selector: Selector,
    table: Option<&'static Choices>,
    index: usize,
    arg: Arg<'_>,
    mode: Mode,
) -> Result<(), ReadError> {
    let kind = chosen(row, selector, table)?;
    let (shown, arg) = (shown_of(&kind, arg), cut(&kind, arg));
    match (plain(&kind, arg), &shown, arg) {
        (Some(raw), ..) => write_value(row, out, &shown, index, Arg::Int(raw), mode),
        (None, Shown::Bytes, Arg::Bytes(bytes)) => {
            write_digits(out, bytes, row.options);
            Ok(())
        }
        (None, shown, _) => write_value(row, out, shown, index, arg, mode),
    }
}

/// A text that was captured by size ends at its NUL.
fn cut<'a>(kind: &ArgKind, arg: Arg<'a>) -> Arg<'a> {
    match arg {
        Arg::Bytes(bytes) if kind.shape == Shape::Text => {
            Arg::Bytes(bytes.split(|&byte| byte == 0).next().unwrap_or_default())
        }
        arg => arg,
    }
}

/// How a chosen kind is shown. Numbers are as long as the program says, most often 4 bytes: of another length they
/// are bytes.
fn shown_of(kind: &ArgKind, arg: Arg<'_>) -> Shown {
    match (Shown::of(&kind.shape), arg) {
        (Shown::By(..), _) => Shown::Hex,
        (Shown::Struct(Some(structure)), Arg::Bytes(bytes))
            if structure.fields.len() == 1
                && structure.fields[0].storage.bytes() > 1
                && bytes.len() != structure.bytes =>
        {
            if bytes.len() == 1 {
                Shown::Struct(schema::structure("byte"))
            } else {
                Shown::Bytes
            }
        }
        (shown, _) => shown,
    }
}

/// Appends the numbers of the bits that are set: `[0 3]`.
fn write_bits(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'[');
    let mut first = true;
    for (at, byte) in bytes.iter().enumerate() {
        for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
            if !std::mem::take(&mut first) {
                out.push(b' ');
            }
            write_uint(out, at as u64 * 8 + bit);
        }
    }
    out.push(b']');
}

/// Appends a socket option, whose names depend on the level in another argument.
fn write_socket_option(
    row: &RowView<'_>,
    out: &mut Vec<u8>,
    level: u8,
    raw: u64,
    mode: Mode,
) -> Result<(), ReadError> {
    let raw = u64::from(raw as u32);
    let set = match row.arg(level.into())? {
        Some(Arg::Int(level)) => schema::socket_options(u64::from(level as u32)),
        _ => None,
    };
    explain(out, mode, |out| write_uint(out, raw), |out| push(out, set.and_then(|set| set.name(raw))));
    Ok(())
}

/// An argument's value for comparisons; `None` when it is null or was not read.
pub(crate) fn argument_value<'a>(
    row: &RowView<'a>,
    shown: &Shown,
    index: usize,
    arg: Arg<'a>,
) -> Result<Option<Value<'a>>, ReadError> {
    if let Shown::By(selector, table) = shown {
        let kind = chosen(row, *selector, *table)?;
        let arg = plain(&kind, arg).map_or(cut(&kind, arg), Arg::Int);
        return argument_value(row, &shown_of(&kind, arg), index, arg);
    }
    let bytes = match arg {
        Arg::Int(raw) => return Ok(Some(shown.number(meant(row, shown, raw)?))),
        Arg::Bytes(bytes) => bytes,
        Arg::Null | Arg::Unread(_) => return Ok(None),
    };
    Ok(Some(match shown {
        Shown::Bytes => Value::Bytes(bytes.into()),
        Shown::Parts => Value::Bytes(Parts::parse(bytes).data.into()),
        Shown::Msghdr => Value::Bytes(Message::parse(bytes).data.into()),
        Shown::Messages => Value::Bytes(data_of_messages(bytes).into()),
        Shown::Strings | Shown::Sockaddr | Shown::Bits | Shown::Struct(_) => {
            if let Shown::Struct(Some(structure)) = shown
                && let [only] = structure.fields
                && only.name == "_"
                && only.count == 1
                && let Some(value) = only.read(bytes)
            {
                // One number in memory compares as a number.
                return Ok(Some(super::structure::number(only, value)));
            }
            let mut out = Vec::new();
            write_value(row, &mut out, shown, index, arg, Mode::Both)?;
            owned(out)
        }
        _ => text(bytes),
    }))
}
