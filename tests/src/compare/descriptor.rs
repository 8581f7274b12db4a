//! What a descriptor refers to, as strace's `-yy` and as our `fd.name` and `fd.typechar` say it.

use std::os::unix::fs::MetadataExt;

use super::call::unescape;
use crate::listing::Event;

/// What comes of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Different,
    /// One side cannot know it.
    Unknown,
}

impl From<bool> for Verdict {
    fn from(same: bool) -> Verdict {
        if same { Verdict::Same } else { Verdict::Different }
    }
}

/// Calls that change what strace showed at their beginning; we tell what holds at their end.
const CHANGES: &[&str] = &["connect", "bind", "listen", "sendto", "sendmsg", "sendmmsg", "dup2", "dup3"];

/// Whether `theirs` is what the event's descriptor refers to.
pub(super) fn same(call: &str, theirs: &[u8], event: &Event, chrooted: bool) -> Verdict {
    if event.result() == Some(-i64::from(libc::EBADF)) {
        // One of several descriptors is bad; strace names the others as well.
        return Verdict::Unknown;
    }
    let theirs = String::from_utf8_lossy(theirs);
    let (name, kind) = (event.text("fd.name"), event.text("fd.typechar"));
    if name.is_empty() && kind.is_empty() && is_untracked(&theirs) {
        return Verdict::Unknown;
    }
    if let Some(path) = theirs.strip_prefix("/memfd:") {
        return name.trim_start_matches('/').trim_start_matches("memfd:").starts_with(path).into();
    }
    if theirs.starts_with('/') {
        let detached_mount = theirs == "/" || name == "mount";
        return match same_path(&theirs, name, event) {
            Verdict::Different if chrooted || detached_mount => Verdict::Unknown,
            verdict => verdict,
        };
    }
    if let Some(inode) = theirs.strip_prefix("pipe:[") {
        return (kind == "p" && is_inode(inode, event)).into();
    }
    if let Some(what) = theirs.strip_prefix("anon_inode:") {
        let what = what.trim_matches(['[', ']']);
        return is_anonymous(what, kind, name);
    }
    if let Some(of) = theirs.strip_prefix("pid:") {
        let _ = of;
        return (kind == "P" || name.contains("pidfd")).into();
    }
    match theirs.split_once(":[") {
        Some((
            family @ ("TCP" | "UDP" | "TCPv6" | "UDPv6" | "UNIX" | "UNIX-STREAM" | "UNIX-DGRAM"
            | "UNIX-SEQPACKET"),
            rest,
        )) => same_socket(call, family, rest.trim_end_matches(']'), kind, name),
        _ => Verdict::Unknown,
    }
}

/// Descriptors that come from calls whose result does not tell of them: `clone3` writes its pidfd to memory.
fn is_untracked(theirs: &str) -> bool {
    theirs == "anon_inode:[pidfd]" || theirs.starts_with("pid:")
}

/// strace shows where a path led, we how the program named it: they may differ by symbolic links.
fn same_path(theirs: &str, name: &str, event: &Event) -> Verdict {
    let plain = String::from_utf8_lossy(&unescape(name)).into_owned();
    let own = format!("/proc/{}/", event.number("proc.pid").unwrap_or(0));
    if plain == theirs || plain.replacen("/proc/self/", &own, 1) == theirs || format!("/{plain}") == theirs {
        return Verdict::Same;
    }
    if name.is_empty() && event.number("fd.num").is_some() {
        // Opened by handle, or what it was is not known: nothing false is said.
        return Verdict::Unknown;
    }
    let inode = std::fs::metadata(theirs).map(|facts| facts.ino());
    inode.is_ok_and(|inode| event.number("fd.ino") == i64::try_from(inode).ok()).into()
}

fn is_inode(text: &str, event: &Event) -> bool {
    let digits = text.trim_end_matches(']');
    match event.number("fd.ino") {
        Some(0) | None => true,
        Some(inode) => digits.parse() == Ok(inode),
    }
}

fn is_anonymous(what: &str, kind: &str, name: &str) -> Verdict {
    let expected = match what {
        "eventpoll" => "l",
        "eventfd" => "e",
        "timerfd" => "t",
        "signalfd" => "s",
        "inotify" => "i",
        "userfaultfd" => "u",
        "io_uring" => "r",
        "pidfd" => "P",
        "bpf-prog" | "bpf-map" => "b",
        _ => {
            return if name.contains(what) || name.is_empty() {
                Verdict::Unknown
            } else {
                Verdict::Different
            };
        }
    };
    (kind == expected).into()
}

fn same_socket(call: &str, family: &str, ends: &str, kind: &str, name: &str) -> Verdict {
    let expected = match family {
        "TCP" | "UDP" => "4",
        "TCPv6" | "UDPv6" => "6",
        _ => "u",
    };
    if kind != expected {
        return Verdict::Different;
    }
    if expected == "u" || CHANGES.contains(&call) {
        return Verdict::Same;
    }
    match ends.split_once("->") {
        // We write the client first, strace the side it looks from.
        Some((near, far)) => (name == format!("{near}->{far}")
            || name == format!("{far}->{near}")
            || unbracketed(name, near, far))
        .into(),
        // Bound only, or not even that: an inode number.
        None => Verdict::Same,
    }
}

/// Addresses of IPv6 stand in brackets in strace only.
fn unbracketed(name: &str, near: &str, far: &str) -> bool {
    let plain = |end: &str| end.replace(['[', ']'], "");
    let name = plain(name);
    name == format!("{}->{}", plain(near), plain(far)) || name == format!("{}->{}", plain(far), plain(near))
}
