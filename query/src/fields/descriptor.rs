//! Fields of what a descriptor refers to: `fd.*`.

use std::net::IpAddr;

use capture_format::model::{Descriptor, DescriptorType, Endpoint, Role};

use super::{Field, Read, Takes, Type, Usage, field, service_name};
use crate::render::{descriptor_name, ip_address, type_letter};
use crate::value::{Value, known, owned, text};
use crate::view::DescriptorView;

use Read::{Never, Path, Row};
use Type::{Address, Bool, List, Number, Port, Text};

/// Which end of a connection.
#[derive(Clone, Copy)]
enum End {
    Client,
    Server,
    Local,
    Remote,
}

/// An end of an IP socket. Client and server are known once the socket connected, listened or was accepted.
fn end<'a>(view: &DescriptorView<'a>, end: End) -> Option<(&'a Descriptor, &'a Endpoint)> {
    let descriptor = view.descriptor;
    if !matches!(descriptor.kind, DescriptorType::Ipv4 | DescriptorType::Ipv6) {
        return None;
    }
    let local = match (end, descriptor.role) {
        (End::Local, _) | (End::Client, Role::Client) | (End::Server, Role::Server) => true,
        (End::Remote, _) | (End::Client, Role::Server) | (End::Server, Role::Client) => false,
        (End::Client | End::Server, Role::Unknown) => return None,
    };
    Some((descriptor, if local { &descriptor.local } else { &descriptor.remote }))
}

fn address<'a>(view: &DescriptorView<'a>, which: End) -> Option<Value<'a>> {
    let (descriptor, end) = end(view, which)?;
    Some(Value::Ip(ip(descriptor, end)))
}

fn ip(descriptor: &Descriptor, end: &Endpoint) -> IpAddr {
    ip_address(&end.address, descriptor.kind == DescriptorType::Ipv6)
}

fn port<'a>(view: &DescriptorView<'a>, which: End) -> Option<Value<'a>> {
    Some(Value::Uint(end(view, which)?.1.port.into()))
}

fn service<'a>(view: &DescriptorView<'a>, which: End) -> Option<Value<'a>> {
    service_name(end(view, which)?.1.port).map(|name| text(name.as_bytes()))
}

/// Both ends, for fields that look at either.
fn both<'a>(
    view: &DescriptorView<'a>,
    read: impl Fn(&DescriptorView<'a>, End) -> Option<Value<'a>>,
) -> Option<Value<'a>> {
    let ends: Vec<_> = [End::Local, End::Remote].into_iter().filter_map(|end| read(view, end)).collect();
    (!ends.is_empty()).then_some(Value::Ends(ends))
}

/// Whether it has a path with directories.
fn has_path(descriptor: &Descriptor) -> bool {
    matches!(descriptor.kind, DescriptorType::File | DescriptorType::Directory)
}

/// Splits a path before its last component.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) => (b"/", &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

pub(super) fn type_name(kind: DescriptorType) -> Option<&'static str> {
    Some(match kind {
        DescriptorType::Unknown => return None,
        DescriptorType::File => "file",
        DescriptorType::Directory => "directory",
        DescriptorType::Ipv4 => "ipv4",
        DescriptorType::Ipv6 => "ipv6",
        DescriptorType::Unix => "unix",
        DescriptorType::Pipe => "pipe",
        DescriptorType::Event => "event",
        DescriptorType::Signalfd => "signalfd",
        DescriptorType::Eventpoll => "eventpoll",
        DescriptorType::Inotify => "inotify",
        DescriptorType::Timerfd => "timerfd",
        DescriptorType::Netlink => "netlink",
        DescriptorType::Bpf => "bpf",
        DescriptorType::Userfaultfd => "userfaultfd",
        DescriptorType::IoUring => "io_uring",
        DescriptorType::Memfd => "memfd",
        DescriptorType::Pidfd => "pidfd",
        DescriptorType::Fanotify => "fanotify",
        DescriptorType::Packet => "packet",
        DescriptorType::PerfEvent => "perf_event",
        DescriptorType::Mqueue => "mqueue",
        DescriptorType::Anonymous => "anonymous",
        DescriptorType::Socket => "socket",
    })
}

fn protocol(descriptor: &Descriptor) -> Option<&'static str> {
    const SOCK_RAW: u8 = 3;
    Some(match descriptor.protocol {
        _ if descriptor.socktype == SOCK_RAW => "raw",
        1 | 58 => "icmp",
        6 => "tcp",
        17 => "udp",
        132 => "sctp",
        262 => "mptcp",
        _ => return None,
    })
}

fn is_socket(descriptor: &Descriptor) -> bool {
    use DescriptorType as T;
    matches!(descriptor.kind, T::Ipv4 | T::Ipv6 | T::Unix | T::Netlink | T::Packet | T::Socket)
}

/// The kernel's own packing of a device number, which is what `stat` shows.
pub(super) fn encoded_device(dev: u32) -> u64 {
    let (major, minor) = (u64::from(dev >> 20), u64::from(dev & 0xf_ffff));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// Adds the container's id to a text of the descriptor.
fn with_container<'a>(
    row: &crate::view::RowView<'a>,
    read: impl Fn(&Descriptor) -> Option<Vec<u8>>,
) -> Result<Option<Value<'a>>, capture_format::ReadError> {
    let Some(of_fd) = row.descriptor()?.and_then(read) else { return Ok(None) };
    let Some(id) = super::container::short_id(&row.thread()?) else { return Ok(None) };
    let mut joined = id.bytes().unwrap_or_default().to_vec();
    joined.push(b':');
    joined.extend_from_slice(&of_fd);
    Ok(Some(owned(joined)))
}

pub(super) const FIELDS: &[Field] = &[
    field(
        "fd.cip",
        Address,
        Read::Descriptor(|view| address(view, End::Client)),
        "Address of the client. Compares with addresses and with networks (`10.0.0.0/8`).",
    ),
    field("fd.cip.name", Text, Never, "Name of the client's address: names are not looked up."),
    field(
        "fd.cnet",
        Address,
        Read::Descriptor(|view| address(view, End::Client)),
        "As `fd.cip`: the network the client is in.",
    )
    .usage(Usage::FilterOnly),
    field(
        "fd.connected",
        Bool,
        Read::Descriptor(|view| is_socket(view.descriptor).then_some(Value::Bool(view.descriptor.connected))),
        "The socket is connected, being connected, or was accepted.",
    ),
    field(
        "fd.containerdirectory",
        Text,
        Row(|row, _| {
            with_container(row, |fd| {
                has_path(fd).then(|| split(&fd.name).0.to_vec()).filter(|directory| !directory.is_empty())
            })
        }),
        "Container id, colon, directory.",
    ),
    field(
        "fd.containername",
        Text,
        Row(|row, _| {
            with_container(row, |fd| {
                let mut name = Vec::new();
                descriptor_name(fd, &mut name);
                Some(name)
            })
        }),
        "Container id, colon, name.",
    ),
    field("fd.cport", Port, Read::Descriptor(|view| port(view, End::Client)), "Port of the client."),
    field(
        "fd.cproto",
        Text,
        Read::Descriptor(|view| service(view, End::Client)),
        "Service name of the client's port.",
    ),
    field(
        "fd.dev",
        Number,
        Read::Descriptor(|view| {
            let dev = view.descriptor.dev;
            (dev != 0).then_some(Value::Uint(encoded_device(dev)))
        }),
        "Device number, packed as `stat` shows it; printed in hexadecimal.",
    ),
    field(
        "fd.dev.major",
        Number,
        Read::Descriptor(|view| {
            (view.descriptor.dev != 0).then_some(Value::Uint((view.descriptor.dev >> 20).into()))
        }),
        "Major device number.",
    ),
    field(
        "fd.dev.minor",
        Number,
        Read::Descriptor(|view| {
            (view.descriptor.dev != 0).then_some(Value::Uint((view.descriptor.dev & 0xf_ffff).into()))
        }),
        "Minor device number.",
    ),
    field(
        "fd.directory",
        Text,
        Path(|view| if has_path(view.descriptor) { known(split(&view.descriptor.name).0) } else { None }),
        "Directory that the file or directory lies in.",
    ),
    field(
        "fd.filename",
        Text,
        Path(|view| match view.descriptor.kind {
            DescriptorType::File => known(split(&view.descriptor.name).1),
            _ => None,
        }),
        "Last component of the file's path.",
    ),
    field(
        "fd.ino",
        Number,
        Read::Descriptor(|view| (view.descriptor.ino != 0).then_some(Value::Uint(view.descriptor.ino))),
        "Inode number.",
    ),
    field(
        "fd.ip",
        Address,
        Read::Descriptor(|view| both(view, address)),
        "Address of either end: `=` is true when either fits, `!=` when neither does.",
    )
    .usage(Usage::FilterOnly),
    field(
        "fd.is_lower_layer",
        Bool,
        Read::Descriptor(|view| {
            has_path(view.descriptor).then_some(Value::Bool(view.descriptor.overlay_lower))
        }),
        "The file lies in a lower layer of an overlay file system.",
    ),
    field(
        "fd.is_server",
        Bool,
        Read::Descriptor(|view| {
            is_socket(view.descriptor).then_some(Value::Bool(view.descriptor.role == Role::Server))
        }),
        "The process is the server's end: it listens, or accepted the connection.",
    ),
    field(
        "fd.is_upper_layer",
        Bool,
        Read::Descriptor(|view| {
            has_path(view.descriptor).then_some(Value::Bool(view.descriptor.overlay_upper))
        }),
        "The file lies in the upper layer of an overlay file system.",
    ),
    field(
        "fd.l4proto",
        Text,
        Read::Descriptor(|view| protocol(view.descriptor).map(|name| text(name.as_bytes()))),
        "Transport of an IP socket: `tcp`, `mptcp`, `udp`, `icmp`, `sctp`, `raw`.",
    ),
    field("fd.lip", Address, Read::Descriptor(|view| address(view, End::Local)), "Local address."),
    field("fd.lip.name", Text, Never, "Name of the local address: names are not looked up."),
    field(
        "fd.lnet",
        Address,
        Read::Descriptor(|view| address(view, End::Local)),
        "As `fd.lip`: the network the local end is in.",
    )
    .usage(Usage::FilterOnly),
    field("fd.lport", Port, Read::Descriptor(|view| port(view, End::Local)), "Local port."),
    field(
        "fd.lproto",
        Text,
        Read::Descriptor(|view| service(view, End::Local)),
        "Service name of the local port.",
    ),
    field(
        "fd.name",
        Text,
        Path(|view| {
            let mut name = Vec::new();
            descriptor_name(view.descriptor, &mut name);
            (!name.is_empty() || view.descriptor.kind != DescriptorType::Unknown).then(|| owned(name))
        }),
        "Path, socket tuple (`client->server`) or other name; for a failed open the path.",
    ),
    field("fd.name_changed", Bool, Never, "This event changed the descriptor's name."),
    field(
        "fd.nameopened",
        Text,
        Path(|view| known(first_of(&view.descriptor.name_opened, &view.descriptor.name))),
        "Path as the kernel has it for the file that was opened, however it was named: not that of a link, nor one that was \
         only shown.",
    ),
    field(
        "fd.nameraw",
        Text,
        Path(|view| known(first_of(&view.descriptor.name_raw, &view.descriptor.name))),
        "Path as the program gave it.",
    ),
    field(
        "fd.net",
        Address,
        Read::Descriptor(|view| both(view, address)),
        "As `fd.ip`: the network either end is in.",
    )
    .usage(Usage::FilterOnly),
    field(
        "fd.num",
        Number,
        Row(|row, _| Ok(row.fd()?.map(Value::Int))),
        "Number of the descriptor the event is about; negative when a call that makes one failed.",
    ),
    field(
        "fd.port",
        Port,
        Read::Descriptor(|view| both(view, port)),
        "Port of either end. Service names may be compared with (`fd.port=https`).",
    )
    .usage(Usage::FilterOnly),
    field("fd.proto", Port, Read::Descriptor(|view| both(view, port)), "As `fd.port`.")
        .usage(Usage::FilterOnly),
    field("fd.rip", Address, Read::Descriptor(|view| address(view, End::Remote)), "Remote address."),
    field("fd.rip.name", Text, Never, "Name of the remote address: names are not looked up."),
    field(
        "fd.rnet",
        Address,
        Read::Descriptor(|view| address(view, End::Remote)),
        "As `fd.rip`: the network the remote end is in.",
    )
    .usage(Usage::FilterOnly),
    field("fd.rport", Port, Read::Descriptor(|view| port(view, End::Remote)), "Remote port."),
    field(
        "fd.rproto",
        Text,
        Read::Descriptor(|view| service(view, End::Remote)),
        "Service name of the remote port.",
    ),
    field("fd.sip", Address, Read::Descriptor(|view| address(view, End::Server)), "Address of the server."),
    field("fd.sip.name", Text, Never, "Name of the server's address: names are not looked up."),
    field(
        "fd.snet",
        Address,
        Read::Descriptor(|view| address(view, End::Server)),
        "As `fd.sip`: the network the server is in.",
    )
    .usage(Usage::FilterOnly),
    field(
        "fd.sockfamily",
        Text,
        Read::Descriptor(|view| match view.descriptor.kind {
            DescriptorType::Ipv4 | DescriptorType::Ipv6 => Some(text(b"ip")),
            DescriptorType::Unix => Some(text(b"unix")),
            _ => None,
        }),
        "`ip` or `unix`.",
    ),
    field("fd.sport", Port, Read::Descriptor(|view| port(view, End::Server)), "Port of the server."),
    field(
        "fd.sproto",
        Text,
        Read::Descriptor(|view| service(view, End::Server)),
        "Service name of the server's port.",
    ),
    field(
        "fd.type",
        Text,
        Read::Descriptor(|view| type_name(view.descriptor.kind).map(|name| text(name.as_bytes()))),
        "Type: `file`, `directory`, `ipv4`, `ipv6`, `unix`, `pipe`, `event`, `signalfd`, `eventpoll`, `inotify`, \
         `timerfd`, `netlink`, `bpf`, `userfaultfd`, `io_uring`, `memfd`, `pidfd`, `fanotify`, `packet`, \
         `perf_event`, `mqueue`, `anonymous`, `socket`.",
    ),
    field(
        "fd.typechar",
        Text,
        Read::Descriptor(|view| Some(owned([type_letter(view.descriptor.kind)]))),
        "Type as one letter, as in `9(<f>/path)`.",
    ),
    field("fd.types", List, Never, "Types of all descriptors the process has open; `fd.types[N]` of one.")
        .takes(Takes::MaybeIndex),
    field(
        "fd.uid",
        Text,
        Row(|row, _| {
            let (Some(thread), Some(fd)) = (row.thread()?.thread, row.fd()?) else { return Ok(None) };
            Ok(Some(owned(format!("{}{fd}", thread.tid))))
        }),
        "Thread id and descriptor number as one text.",
    ),
];
/// The text, or the name where there is none: it is the same then.
fn first_of<'a>(text: &'a [u8], name: &'a [u8]) -> &'a [u8] {
    if text.is_empty() { name } else { text }
}
