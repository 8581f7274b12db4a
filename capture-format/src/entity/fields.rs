//! The fields of each class in the order in which they are stored.
//!
//! One walk serves both directions: a [`Fields`] that writes appends what it is shown to columns, one that reads
//! replaces it by what the columns hold. New fields are added at the end of a class; readers skip columns they do
//! not know and leave fields for which there is no column as they are by default.

use crate::codec::{Decoded, malformed};
use crate::model::{
    ArgDef, Container, Credentials, Descriptor, DescriptorType, Endpoint, EventKind, FdSource, FileMarks,
    Group, Process, Role, Text, Texts, Thread, User,
};
use crate::schema::{ArgKind, Fetch, Shape};

/// Shown the fields of one entity after the other, always in the same order.
pub(super) trait Fields {
    fn int(&mut self, value: &mut u64) -> Decoded<()>;
    fn text(&mut self, value: &mut Text) -> Decoded<()>;
    fn list(&mut self, value: &mut Texts) -> Decoded<()>;

    fn u32(&mut self, value: &mut u32) -> Decoded<()> {
        let mut wide = u64::from(*value);
        self.int(&mut wide)?;
        match u32::try_from(wide) {
            Ok(narrow) => *value = narrow,
            Err(_) => return malformed("a field of an entity exceeds 32 bits"),
        }
        Ok(())
    }

    fn u16(&mut self, value: &mut u16) -> Decoded<()> {
        let mut wide = u32::from(*value);
        self.u32(&mut wide)?;
        match u16::try_from(wide) {
            Ok(narrow) => *value = narrow,
            Err(_) => return malformed("a field of an entity exceeds 16 bits"),
        }
        Ok(())
    }

    fn u8(&mut self, value: &mut u8) -> Decoded<()> {
        let mut wide = u32::from(*value);
        self.u32(&mut wide)?;
        match u8::try_from(wide) {
            Ok(narrow) => *value = narrow,
            Err(_) => return malformed("a field of an entity exceeds 8 bits"),
        }
        Ok(())
    }

    fn string(&mut self, value: &mut String) -> Decoded<()> {
        let mut bytes = std::mem::take(value).into_bytes();
        self.text(&mut bytes)?;
        *value = String::from_utf8_lossy(&bytes).into_owned();
        Ok(())
    }

    /// Truth values as the bits of one number, first lowest.
    fn bits<const N: usize>(&mut self, values: [&mut bool; N]) -> Decoded<()> {
        let mut word = 0;
        for (bit, value) in values.iter().enumerate() {
            word |= u64::from(**value) << bit;
        }
        self.int(&mut word)?;
        for (bit, value) in values.into_iter().enumerate() {
            *value = word >> bit & 1 == 1;
        }
        Ok(())
    }
}

/// A class of entities.
pub(super) trait Stored: Default {
    fn visit(&mut self, fields: &mut impl Fields) -> Decoded<()>;
}

impl Stored for EventKind {
    fn visit(&mut self, f: &mut impl Fields) -> Decoded<()> {
        f.string(&mut self.name)?;
        f.string(&mut self.category)?;
        // One more than the number, so that 0 is none.
        let mut nr = self.nr.map_or(0, |nr| u64::from(nr) + 1);
        f.int(&mut nr)?;
        self.nr = nr.checked_sub(1).and_then(|nr| u32::try_from(nr).ok());
        f.string(&mut self.abi)?;
        let mut names: Texts = self.args.iter().map(|arg| arg.name.clone().into_bytes()).collect();
        let mut kinds: Texts = self.args.iter().map(|arg| arg.kind.to_string().into_bytes()).collect();
        f.list(&mut names)?;
        f.list(&mut kinds)?;
        if names.len() != kinds.len() {
            return malformed("an event kind has not as many names as arguments");
        }
        self.args.clear();
        for (name, kind) in names.iter().zip(kinds.iter()) {
            self.args
                .push(ArgDef { name: String::from_utf8_lossy(name).into_owned(), kind: arg_kind(kind)? });
        }
        let mut result = self.result.as_ref().map_or(Text::new(), |kind| kind.to_string().into_bytes());
        f.text(&mut result)?;
        self.result = if result.is_empty() { None } else { Some(arg_kind(&result)?) };
        // 0 none, 1 result, 2 and up: argument 0 and up.
        let mut fd = match self.fd {
            FdSource::None => 0,
            FdSource::Result => 1,
            FdSource::Arg(index) => u64::from(index) + 2,
        };
        f.int(&mut fd)?;
        self.fd = match fd {
            0 => FdSource::None,
            1 => FdSource::Result,
            _ => u8::try_from(fd - 2).map_or(FdSource::None, FdSource::Arg),
        };
        Ok(())
    }
}

/// A kind that a later version has is shown as bytes, or as a number where nothing is fetched for it.
fn arg_kind(text: &[u8]) -> Decoded<ArgKind> {
    let Ok(text) = std::str::from_utf8(text) else {
        return malformed("an event kind has an argument whose kind is no text");
    };
    Ok(text.parse().unwrap_or_else(|_| match text.contains('<') {
        true => ArgKind { shape: Shape::Bytes, fetch: Fetch::Fixed { out: false, bytes: 0 } },
        false => ArgKind::plain(Shape::Hex),
    }))
}

impl Stored for Thread {
    fn visit(&mut self, f: &mut impl Fields) -> Decoded<()> {
        f.u32(&mut self.tid)?;
        f.u32(&mut self.vtid)?;
        f.text(&mut self.comm)?;
        f.u32(&mut self.process)?;
        let Credentials {
            uid,
            euid,
            suid,
            fsuid,
            gid,
            egid,
            sgid,
            fsgid,
            cap_permitted,
            cap_effective,
            cap_inheritable,
        } = &mut self.credentials;
        for id in [uid, euid, suid, fsuid, gid, egid, sgid, fsgid] {
            f.u32(id)?;
        }
        for set in [cap_permitted, cap_effective, cap_inheritable] {
            f.int(set)?;
        }
        Ok(())
    }
}

impl Stored for Process {
    fn visit(&mut self, f: &mut impl Fields) -> Decoded<()> {
        for id in [
            &mut self.pid,
            &mut self.vpid,
            &mut self.ppid,
            &mut self.parent,
            &mut self.pgid,
            &mut self.vpgid,
            &mut self.sid,
            &mut self.tty,
            &mut self.loginuid,
        ] {
            f.u32(id)?;
        }
        f.text(&mut self.comm)?;
        f.text(&mut self.exe)?;
        f.text(&mut self.exe_path)?;
        f.list(&mut self.args)?;
        f.u32(&mut self.args_bytes_full)?;
        f.list(&mut self.env)?;
        f.text(&mut self.cwd)?;
        f.int(&mut self.exe_ino)?;
        f.u32(&mut self.exe_dev)?;
        f.int(&mut self.exe_mtime_ns)?;
        f.int(&mut self.exe_ctime_ns)?;
        let FileMarks { deleted, memfd, overlay_upper, overlay_lower, writable } = &mut self.exe_marks;
        f.bits([deleted, memfd, overlay_upper, overlay_lower, writable])?;
        f.int(&mut self.start_ns)?;
        f.text(&mut self.cgroup)?;
        for namespace in &mut self.namespaces {
            f.u32(namespace)?;
        }
        f.u32(&mut self.container)?;
        f.int(&mut self.fd_limit)?;
        f.bits([&mut self.is_uncertain])
    }
}

impl Stored for Descriptor {
    fn visit(&mut self, f: &mut impl Fields) -> Decoded<()> {
        let mut kind = self.kind as u8;
        f.u8(&mut kind)?;
        self.kind = descriptor_type(kind);
        f.text(&mut self.name)?;
        f.text(&mut self.name_raw)?;
        f.int(&mut self.ino)?;
        f.u32(&mut self.dev)?;
        f.u32(&mut self.mode)?;
        f.bits([&mut self.overlay_upper, &mut self.overlay_lower, &mut self.connected])?;
        f.u16(&mut self.protocol)?;
        f.u8(&mut self.socktype)?;
        endpoint(&mut self.local, f)?;
        endpoint(&mut self.remote, f)?;
        let mut role = self.role as u8;
        f.u8(&mut role)?;
        self.role = match role {
            1 => Role::Client,
            2 => Role::Server,
            _ => Role::Unknown,
        };
        f.text(&mut self.name_opened)
    }
}

/// The address as two numbers of its big-endian halves, then the port.
fn endpoint(endpoint: &mut Endpoint, f: &mut impl Fields) -> Decoded<()> {
    for half in endpoint.address.chunks_exact_mut(8) {
        let mut word = u64::from_be_bytes((&*half).try_into().unwrap_or_default());
        f.int(&mut word)?;
        half.copy_from_slice(&word.to_be_bytes());
    }
    let mut port = u32::from(endpoint.port);
    f.u32(&mut port)?;
    endpoint.port = port as u16;
    Ok(())
}

fn descriptor_type(number: u8) -> DescriptorType {
    use DescriptorType as T;
    const TYPES: [T; 24] = [
        T::Unknown,
        T::File,
        T::Directory,
        T::Ipv4,
        T::Ipv6,
        T::Unix,
        T::Pipe,
        T::Event,
        T::Signalfd,
        T::Eventpoll,
        T::Inotify,
        T::Timerfd,
        T::Netlink,
        T::Bpf,
        T::Userfaultfd,
        T::IoUring,
        T::Memfd,
        T::Pidfd,
        T::Fanotify,
        T::Packet,
        T::PerfEvent,
        T::Mqueue,
        T::Anonymous,
        T::Socket,
    ];
    TYPES.get(usize::from(number)).copied().unwrap_or(T::Unknown)
}

impl Stored for Container {
    fn visit(&mut self, f: &mut impl Fields) -> Decoded<()> {
        f.text(&mut self.full_id)?;
        f.string(&mut self.runtime)?;
        f.text(&mut self.pod_uid)?;
        f.text(&mut self.name)?;
        f.text(&mut self.image)
    }
}

impl Stored for User {
    fn visit(&mut self, f: &mut impl Fields) -> Decoded<()> {
        f.u32(&mut self.uid)?;
        f.u32(&mut self.gid)?;
        f.text(&mut self.name)?;
        f.text(&mut self.home)?;
        f.text(&mut self.shell)
    }
}

impl Stored for Group {
    fn visit(&mut self, f: &mut impl Fields) -> Decoded<()> {
        f.u32(&mut self.gid)?;
        f.text(&mut self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_later_versions_are_bytes_or_numbers() {
        assert_eq!(arg_kind(b"flags(open)").ok(), "flags(open)".parse().ok());
        let later = arg_kind(b"novelty(3)<in:arg2>").expect("it is a text");
        assert!(later.shape == Shape::Bytes && later.is_data());
        assert_eq!(arg_kind(b"novelty").ok(), Some(ArgKind::plain(Shape::Hex)));
        assert!(arg_kind(b"\xff").is_err());
    }

    #[test]
    fn every_descriptor_type_is_read_back() {
        for number in 0..24 {
            assert_eq!(descriptor_type(number) as u8, number);
        }
        assert_eq!(descriptor_type(24), DescriptorType::Unknown);
    }
}
