//! The kind of an argument or result: what it means, and what the kernel side must fetch for it.
//!
//! A kind has a text form, which is what the schema file and captures hold:
//!
//! ```text
//! int uint                 32 bits of the raw value
//! long ulong hex pointer size offset
//!                          all 64 bits
//! fd dirfd pid uid gid mode device signal errno bool
//! sigset wait_status       set of signals, status of a child
//! flags(SET) enum(SET)     names of a set (flags.tsv); an argument has 32 bits of them
//! sockopt(N)               socket option of the level in argument N
//! by(N,TABLE) by(N+M,TABLE)
//!                          what TABLE (choices.tsv) says for the value of argument N, or of N and M; what is fetched
//!                          depends on it as well, or with <FETCH> does not
//! num(N,TABLE)             as by, of kinds that fetch nothing
//! path path(N)             string, relative to the directory descriptor in argument N
//! text                     string; with <FETCH>, one that is counted instead of ended by NUL
//! strings                  vector of strings
//! bytes<FETCH> bits<FETCH> sockaddr<FETCH> struct(NAME)<FETCH> parts<FETCH> msghdr<FETCH> mmsghdr<FETCH>
//!
//! FETCH = in:SIZE | out:SIZE            a fixed number of bytes, before or only on success
//!       | in:argN | out:argN            counted by argument N
//!       | in:argN*SIZE | out:argN*SIZE  elements of SIZE bytes counted by argument N
//!       | in:argN@SIZE                   SIZE bytes at each of the pointers that argument N counts
//!       | in:16& | out:16&             16 bytes, of which the first 8 are an address and the next 4 a length, and so many bytes from
//!                                       there: with `out` those that the kernel filled, as many as the result says at most
//!       | in:argN/COUNT | out:argN/COUNT
//!                                       a byte for each COUNT of argument N; of bits, in whole words of 8 bytes
//!       | out:ret | out:ret*SIZE        counted by the result
//!       | in:argN+SIZE | out:ret+SIZE   SIZE bytes more than counted
//!       | out:*argN                     counted by the 32-bit length that argument N points to
//!       | in | out                      msghdr
//! ```
//! For parts (and `iovec`, which captures from before have instead, without lengths), `in:argN`/`out:argN` name the argument that counts the parts; for mmsghdr, the one that counts the messages, and
//! `out:ret` says that the result counts them.

use std::fmt;
use std::str::FromStr;

/// What a value means, so how it is printed and compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Signed number of 32 bits.
    Int,
    /// Unsigned number of 32 bits.
    Uint,
    /// Signed number of 64 bits.
    Long,
    /// Unsigned number of 64 bits.
    Ulong,
    /// 64 bits printed in hexadecimal.
    Hex,
    /// A user-space address whose target is not fetched.
    Pointer,
    /// Descriptor number.
    Fd,
    /// Descriptor number of a directory, or AT_FDCWD.
    DirFd,
    /// Process or thread id.
    Pid,
    /// User id.
    Uid,
    /// Group id.
    Gid,
    /// File mode, octal.
    Mode,
    /// Device number as user space encodes it (`makedev`).
    Device,
    /// Signal number.
    Signal,
    /// Length in bytes.
    Size,
    /// File position, signed.
    Offset,
    /// 0 or a negative errno.
    Errno,
    /// Truth value.
    Bool,
    /// Set of signals: bit N - 1 stands for signal N.
    SignalSet,
    /// Status of a child as `wait4` gives it.
    WaitStatus,
    /// Socket option; its names depend on the level, which is in this argument ([`super::socket_options`]).
    SocketOption(u8),
    /// What a table ([`super::choices`]) says for the value of one argument or two.
    By(Selector, String),
    /// Bits named by a set.
    Flags(String),
    /// One value named by a set.
    Enum(String),
    /// A path; relative ones start at the descriptor in this argument, or at the working directory.
    Path(Option<u8>),
    /// A string.
    Text,
    /// A vector of strings, each ended by NUL.
    Strings,
    /// Raw bytes.
    Bytes,
    /// A set of small numbers, a bit each.
    Bits,
    /// `struct sockaddr` of any family.
    Sockaddr,
    /// A named structure.
    Struct(String),
    /// The data of an iovec, joined, as captures had it before they had [`Shape::Parts`].
    Iovec,
    /// The data of an iovec with the lengths of its parts: see `docs/format.md`.
    Parts,
    /// A message: see `docs/format.md`.
    Msghdr,
    /// Several messages: see `docs/format.md`.
    Messages,
}

/// The argument that decides about another one; or two, of which the first is the upper half of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    /// The argument, or the upper half.
    pub arg: u8,
    /// The lower half, where there are two.
    pub lower: Option<u8>,
}

/// What the kernel side copies from user memory for an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fetch {
    /// Nothing: the raw value is the value.
    None,
    /// NUL-terminated string.
    String,
    /// Vector of strings.
    Strings,
    /// This many bytes.
    Fixed {
        /// Filled by the kernel, so read only on success.
        out: bool,
        /// Bytes.
        bytes: u32,
    },
    /// Argument `arg` times `element` bytes.
    Counted {
        /// Filled by the kernel, so read only on success.
        out: bool,
        /// The argument that counts.
        arg: u8,
        /// Bytes per element.
        element: u32,
        /// Bytes that are not counted.
        extra: u8,
    },
    /// A byte for each `per` that argument `arg` counts; of bits (8), in whole words.
    Share {
        /// Filled by the kernel, so read only on success.
        out: bool,
        /// The argument that counts.
        arg: u8,
        /// How many a byte stands for: a power of two.
        per: u32,
    },
    /// Result times `element` bytes.
    Result {
        /// Bytes per element.
        element: u32,
        /// Bytes that are not counted.
        extra: u8,
    },
    /// As long as the 32-bit number that argument `arg` points to.
    LengthPointer {
        /// The argument that points to the length.
        arg: u8,
    },
    /// The data of an iovec.
    Iovec {
        /// Filled by the kernel: as long as the result.
        out: bool,
        /// The argument that counts the parts.
        arg: u8,
    },
    /// A `msghdr`.
    Msghdr {
        /// Filled by the kernel.
        out: bool,
    },
    /// Several of them, in `mmsghdr`s: filled by the kernel where the result counts them, else to send.
    Messages {
        /// The argument that counts those to send.
        arg: Option<u8>,
    },
    /// `element` bytes at each pointer of a vector that argument `arg` counts.
    Pointed {
        /// The argument that counts.
        arg: u8,
        /// Bytes at each.
        element: u8,
    },
    /// 16 bytes that begin with an address (8 bytes) and a length (4), and what is there.
    Led {
        /// What is there was filled by the kernel, no more of it than the result says.
        out: bool,
    },
    /// What a table says for the value of argument `arg`.
    Choice {
        /// The argument that decides.
        arg: u8,
    },
}

/// Meaning of an argument, and what is fetched for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArgKind {
    /// What it means.
    pub shape: Shape,
    /// What is copied from user memory.
    pub fetch: Fetch,
}

/// A kind's text could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an argument kind: {reason}")]
pub struct KindError {
    /// The whole text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ArgKind {
    /// A kind whose value is the raw argument.
    pub fn plain(shape: Shape) -> Self {
        ArgKind { shape, fetch: Fetch::None }
    }

    /// Whether values are byte strings ([`crate::model::Arg::Bytes`] and its empty forms), not numbers.
    pub fn is_data(&self) -> bool {
        self.fetch != Fetch::None
    }
}

fn split_parameter(text: &str) -> (&str, Option<&str>) {
    match text.strip_suffix(')').and_then(|open| open.split_once('(')) {
        Some((name, parameter)) => (name, Some(parameter)),
        None => (text, None),
    }
}

fn parse_selector(text: &str) -> Option<Selector> {
    let (arg, lower) = match text.split_once('+') {
        Some((upper, lower)) => (upper, Some(lower.parse().ok()?)),
        None => (text, None),
    };
    Some(Selector { arg: arg.parse().ok()?, lower })
}

fn parse_by(parameter: Option<&str>) -> Option<Shape> {
    let (selector, table) = parameter?.split_once(',')?;
    Some(Shape::By(parse_selector(selector)?, Some(table.to_owned()).filter(|table| !table.is_empty())?))
}

fn parse_fetch(shape: &Shape, text: &str) -> Option<Fetch> {
    if *shape == Shape::Msghdr {
        return match text {
            "in" => Some(Fetch::Msghdr { out: false }),
            "out" => Some(Fetch::Msghdr { out: true }),
            _ => None,
        };
    }
    if *shape == Shape::Messages {
        return match text.strip_prefix("in:arg") {
            Some(arg) => Some(Fetch::Messages { arg: Some(arg.parse().ok()?) }),
            None => (text == "out:ret").then_some(Fetch::Messages { arg: None }),
        };
    }
    let (direction, length) = text.split_once(':')?;
    let out = match direction {
        "in" => false,
        "out" => true,
        _ => return None,
    };
    if let Some(arg) = length.strip_prefix("*arg") {
        return out.then_some(Fetch::LengthPointer { arg: arg.parse().ok()? });
    }
    let (length, extra) = match length.split_once('+') {
        Some((length, extra)) => (length, extra.parse().ok()?),
        None => (length, 0),
    };
    if length == "16&" {
        return Some(Fetch::Led { out });
    }
    if let Some((arg, element)) = length.split_once('@') {
        let (arg, element) = (arg.strip_prefix("arg")?.parse().ok()?, element.parse().ok()?);
        return (!out).then_some(Fetch::Pointed { arg, element });
    }
    if let Some((arg, per)) = length.split_once('/') {
        let per = per.parse().ok().filter(|per: &u32| per.is_power_of_two())?;
        return Some(Fetch::Share { out, arg: arg.strip_prefix("arg")?.parse().ok()?, per });
    }
    let (count, element) = match length.split_once('*') {
        Some((count, element)) => (count, element.parse().ok()?),
        None => (length, 1),
    };
    if count == "ret" {
        return out.then_some(Fetch::Result { element, extra });
    }
    if let Some(arg) = count.strip_prefix("arg") {
        let arg = arg.parse().ok()?;
        return Some(match shape {
            Shape::Iovec | Shape::Parts => Fetch::Iovec { out, arg },
            _ => Fetch::Counted { out, arg, element, extra },
        });
    }
    Some(Fetch::Fixed { out, bytes: length.parse().ok()? })
}

impl FromStr for ArgKind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        let error = |reason| KindError { text: text.to_owned(), reason };
        let (head, fetch) = match text.strip_suffix('>').and_then(|open| open.split_once('<')) {
            Some((head, fetch)) => (head, Some(fetch)),
            None => (text, None),
        };
        let (name, parameter) = split_parameter(head);
        let named = || parameter.filter(|p| !p.is_empty()).map(str::to_owned);
        let shape = match name {
            "int" => Shape::Int,
            "uint" => Shape::Uint,
            "hex" => Shape::Hex,
            "pointer" => Shape::Pointer,
            "fd" => Shape::Fd,
            "dirfd" => Shape::DirFd,
            "pid" => Shape::Pid,
            "uid" => Shape::Uid,
            "gid" => Shape::Gid,
            "mode" => Shape::Mode,
            "device" => Shape::Device,
            "signal" => Shape::Signal,
            "size" => Shape::Size,
            "offset" => Shape::Offset,
            "errno" => Shape::Errno,
            "bool" => Shape::Bool,
            "long" => Shape::Long,
            "ulong" => Shape::Ulong,
            "sigset" => Shape::SignalSet,
            "wait_status" => Shape::WaitStatus,
            "sockopt" => Shape::SocketOption(
                parameter
                    .and_then(|p| p.parse().ok())
                    .ok_or_else(|| error("sockopt takes an argument index"))?,
            ),
            "by" | "num" => {
                parse_by(parameter).ok_or_else(|| error("it takes an argument index and a table"))?
            }
            "flags" => Shape::Flags(named().ok_or_else(|| error("flags needs the name of a set"))?),
            "enum" => Shape::Enum(named().ok_or_else(|| error("enum needs the name of a set"))?),
            "path" => Shape::Path(match parameter {
                Some(index) => Some(index.parse().map_err(|_| error("path takes an argument index"))?),
                None => None,
            }),
            "text" => Shape::Text,
            "strings" => Shape::Strings,
            "bytes" => Shape::Bytes,
            "bits" => Shape::Bits,
            "sockaddr" => Shape::Sockaddr,
            "struct" => Shape::Struct(named().ok_or_else(|| error("struct needs a name"))?),
            "iovec" => Shape::Iovec,
            "parts" => Shape::Parts,
            "msghdr" => Shape::Msghdr,
            "mmsghdr" => Shape::Messages,
            _ => return Err(error("unknown name")),
        };
        let fetch = match (&shape, fetch) {
            (Shape::Path(_) | Shape::Text, None) => Fetch::String,
            (Shape::Strings, None) => Fetch::Strings,
            (Shape::By(..), None) if name == "num" => Fetch::None,
            (Shape::By(Selector { arg, lower: None }, _), None) => Fetch::Choice { arg: *arg },
            (
                Shape::Text
                | Shape::Bytes
                | Shape::Bits
                | Shape::Sockaddr
                | Shape::Struct(_)
                | Shape::Iovec
                | Shape::Parts
                | Shape::Msghdr
                | Shape::Messages
                | Shape::By(..),
                Some(text),
            ) => parse_fetch(&shape, text).ok_or_else(|| error("the part in <> is not a fetch"))?,
            (
                Shape::Bytes
                | Shape::Bits
                | Shape::Sockaddr
                | Shape::Struct(_)
                | Shape::Iovec
                | Shape::Parts
                | Shape::Msghdr
                | Shape::Messages
                | Shape::By(..),
                None,
            ) => {
                return Err(error("it needs <...> to say how much to fetch"));
            }
            (_, None) => Fetch::None,
            (_, Some(_)) => return Err(error("it takes no <...>")),
        };
        Ok(ArgKind { shape, fetch })
    }
}

impl fmt::Display for ArgKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.shape {
            Shape::Int => "int",
            Shape::Uint => "uint",
            Shape::Hex => "hex",
            Shape::Pointer => "pointer",
            Shape::Fd => "fd",
            Shape::DirFd => "dirfd",
            Shape::Pid => "pid",
            Shape::Uid => "uid",
            Shape::Gid => "gid",
            Shape::Mode => "mode",
            Shape::Device => "device",
            Shape::Signal => "signal",
            Shape::Size => "size",
            Shape::Offset => "offset",
            Shape::Errno => "errno",
            Shape::Bool => "bool",
            Shape::Long => "long",
            Shape::Ulong => "ulong",
            Shape::SignalSet => "sigset",
            Shape::WaitStatus => "wait_status",
            Shape::SocketOption(arg) => return write!(f, "sockopt({arg})"),
            Shape::By(Selector { arg, lower }, table) => {
                let name = if self.fetch == Fetch::None { "num" } else { "by" };
                let lower = lower.map_or(String::new(), |lower| format!("+{lower}"));
                return write!(f, "{name}({arg}{lower},{table}){}", self.fetch);
            }
            Shape::Flags(set) => return write!(f, "flags({set})"),
            Shape::Enum(set) => return write!(f, "enum({set})"),
            Shape::Path(None) => "path",
            Shape::Path(Some(arg)) => return write!(f, "path({arg})"),
            Shape::Text => "text",
            Shape::Strings => "strings",
            Shape::Bytes => "bytes",
            Shape::Bits => "bits",
            Shape::Sockaddr => "sockaddr",
            Shape::Struct(name) => return write!(f, "struct({name}){}", self.fetch),
            Shape::Iovec => "iovec",
            Shape::Parts => "parts",
            Shape::Msghdr => "msghdr",
            Shape::Messages => "mmsghdr",
        };
        write!(f, "{name}{}", self.fetch)
    }
}

impl fmt::Display for Fetch {
    /// The part in `<>`, empty where the shape alone tells.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = |out| if out { "out" } else { "in" };
        let more = |extra| if extra == 0 { String::new() } else { format!("+{extra}") };
        let times = |element| if element == 1 { String::new() } else { format!("*{element}") };
        match *self {
            Fetch::None | Fetch::String | Fetch::Strings | Fetch::Choice { .. } => Ok(()),
            Fetch::Fixed { out, bytes } => write!(f, "<{}:{bytes}>", direction(out)),
            Fetch::Counted { out, arg, element, extra } => {
                write!(f, "<{}:arg{arg}{}{}>", direction(out), times(element), more(extra))
            }
            Fetch::Pointed { arg, element } => write!(f, "<in:arg{arg}@{element}>"),
            Fetch::Led { out } => write!(f, "<{}:16&>", direction(out)),
            Fetch::Share { out, arg, per } => write!(f, "<{}:arg{arg}/{per}>", direction(out)),
            Fetch::Result { element, extra } => write!(f, "<out:ret{}{}>", times(element), more(extra)),
            Fetch::LengthPointer { arg } => write!(f, "<out:*arg{arg}>"),
            Fetch::Iovec { out, arg } => write!(f, "<{}:arg{arg}>", direction(out)),
            Fetch::Msghdr { out } => write!(f, "<{}>", direction(out)),
            Fetch::Messages { arg: Some(arg) } => write!(f, "<in:arg{arg}>"),
            Fetch::Messages { arg: None } => write!(f, "<out:ret>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_survive_their_text_form() {
        for text in [
            "int",
            "fd",
            "flags(open)",
            "enum(whence)",
            "path",
            "path(0)",
            "text",
            "text<out:ret>",
            "sockopt(1)",
            "ulong",
            "sigset",
            "strings",
            "bytes<in:arg2>",
            "bytes<out:ret>",
            "sockaddr<in:arg2>",
            "sockaddr<out:*arg2>",
            "struct(timespec)<in:16>",
            "struct(epoll_event)<out:ret*12>",
            "struct(pollfd)<in:arg1*8>",
            "struct(iocb)<in:arg1@64>",
            "struct(xattr_args)<in:16&>",
            "struct(xattr_args)<out:16&>",
            "iovec<in:arg2>",
            "iovec<out:arg2>",
            "parts<in:arg2>",
            "msghdr<in>",
            "msghdr<out>",
            "mmsghdr<in:arg2>",
            "mmsghdr<out:ret>",
            "by(1,ioctl)",
            "by(1+2,sockopt)<in:arg4>",
            "num(1,futex_val3)",
            "bits<in:arg0/8>",
            "bytes<out:arg1/4096>",
            "struct(msgbuf)<out:ret+8>",
        ] {
            assert_eq!(text.parse::<ArgKind>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "flags",
            "flags()",
            "bytes",
            "bytes<>",
            "bytes<in:*arg1>",
            "int<in:4>",
            "path(x)",
            "path<out:ret>",
            "sockopt",
            "struct()<in:1>",
            "struct(iocb)<out:arg1@64>",
            "struct(xattr_args)<in:8&>",
            "struct(iocb)<in:arg1@256>",
            "mmsghdr<in>",
            "mmsghdr<out:arg2>",
            "by(1)",
            "by(x,ioctl)",
            "by(1+2,sockopt)",
        ] {
            assert!(text.parse::<ArgKind>().is_err(), "{text}");
        }
    }
}
