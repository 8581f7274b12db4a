//! Where the arguments of `io_uring` operations stand in what the kernel programs send of them.
//!
//! They send the entry of the submission queue, which is memory that the program can change after the kernel has read it,
//! and the beginning of the request, where the kernel keeps what it took. Which structure that is, and where the fields
//! are, the kernel's type information says; an argument is taken from there where that is known, and from the entry
//! otherwise. Start at [`Operations`].

use capture_format::schema::{self, Abi, SqeMember};
use wire::uring::{COMMAND_BYTES, SQE_BYTES};

/// Operations, the member that holds an argument, and the structure and field in which the kernel keeps it.
type Kept = (&'static [&'static str], &'static str, &'static str, &'static str);

const READ_WRITE: &[&str] = &[
    "READV",
    "WRITEV",
    "READ_FIXED",
    "WRITE_FIXED",
    "READ",
    "WRITE",
    "READ_MULTISHOT",
    "READV_FIXED",
    "WRITEV_FIXED",
];
const SEND_RECEIVE: &[&str] = &["SEND", "RECV", "SENDMSG", "RECVMSG", "SEND_ZC", "SENDMSG_ZC"];
const OPEN: &[&str] = &["OPENAT", "OPENAT2"];

/// Values that the kernel keeps. Flags are not among them: it adds some of its own.
const VALUES: &[Kept] = &[
    (READ_WRITE, "addr", "io_rw", "addr"),
    (READ_WRITE, "len", "io_rw", "len"),
    (SEND_RECEIVE, "addr", "io_sr_msg", "buf"),
    (SEND_RECEIVE, "len", "io_sr_msg", "len"),
    (OPEN, "fd", "io_open", "dfd"),
    (OPEN, "file_index", "io_open", "file_slot"),
    (&["ACCEPT"], "addr", "io_accept", "addr"),
    (&["ACCEPT"], "addr2", "io_accept", "addr_len"),
    (&["ACCEPT"], "file_index", "io_accept", "file_slot"),
    (&["SOCKET"], "off", "io_socket", "type"),
    (&["SOCKET"], "file_index", "io_socket", "file_slot"),
    (&["PIPE"], "addr", "io_pipe", "fds"),
    (&["PIPE"], "file_index", "io_pipe", "file_slot"),
    (&["CLOSE"], "fd", "io_close", "fd"),
    (&["CLOSE"], "file_index", "io_close", "file_slot"),
    (&["STATX"], "fd", "io_statx", "dfd"),
    (&["STATX"], "off", "io_statx", "buffer"),
    (&["UNLINKAT"], "fd", "io_unlink", "dfd"),
    (&["RENAMEAT"], "fd", "io_rename", "old_dfd"),
    (&["RENAMEAT"], "len", "io_rename", "new_dfd"),
    (&["MKDIRAT"], "fd", "io_mkdir", "dfd"),
    (&["SYMLINKAT"], "fd", "io_link", "new_dfd"),
    (&["LINKAT"], "fd", "io_link", "old_dfd"),
    (&["LINKAT"], "len", "io_link", "new_dfd"),
    (&["GETXATTR", "FGETXATTR"], "addr2", "io_xattr", "ctx.value"),
    (&["WAITID"], "addr2", "io_waitid", "infop"),
    (&["EPOLL_WAIT"], "addr", "io_epoll_wait", "events"),
    (&["EPOLL_WAIT"], "len", "io_epoll_wait", "maxevents"),
];

/// Strings that the kernel has copied: pointers to a `struct filename`.
const FILENAMES: &[Kept] = &[
    (OPEN, "addr", "io_open", "filename"),
    (&["STATX"], "addr", "io_statx", "filename"),
    (&["UNLINKAT"], "addr", "io_unlink", "filename"),
    (&["RENAMEAT"], "addr", "io_rename", "oldpath"),
    (&["RENAMEAT"], "addr2", "io_rename", "newpath"),
    (&["MKDIRAT"], "addr", "io_mkdir", "filename"),
    (&["SYMLINKAT", "LINKAT"], "addr", "io_link", "oldpath"),
    (&["SYMLINKAT", "LINKAT"], "addr2", "io_link", "newpath"),
    (&["SETXATTR", "GETXATTR"], "addr3", "io_xattr", "filename"),
];

/// Where one argument of an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In the entry; `None` for what stands in none.
    pub member: Option<SqeMember>,
    /// Position of the kernel's own copy in the image (`wire::uring`), if it keeps one.
    pub kept_at: Option<u8>,
    /// Position of a pointer to a `struct filename` in the image, if that is how the kernel keeps it.
    pub filename_at: Option<u8>,
}

impl Place {
    /// The value in an image of an operation.
    pub fn read(&self, image: &[u8]) -> u64 {
        let Some(member) = self.member else { return 0 };
        match self.kept_at {
            Some(at) => SqeMember { offset: at, ..member }.read(image),
            None => member.read(image),
        }
    }

    /// Position in the image.
    pub fn at(&self) -> Option<u8> {
        self.kept_at.or(self.member.map(|member| member.offset))
    }
}

/// Where the arguments of every operation are.
#[derive(Clone, Debug)]
pub struct Operations {
    abi: Abi,
    places: Vec<Vec<Place>>,
    /// Of those that no table knows.
    unknown: Vec<Place>,
}

impl Operations {
    /// With what `find(structure, field)` says of the running kernel: where a field is.
    pub fn new(abi: Abi, find: impl Fn(&str, &str) -> Option<u32>) -> Self {
        let kept = |table: &[Kept], operation: &str, member: &str| {
            let is_it = |kept: &&Kept| kept.0.contains(&operation) && kept.1 == member;
            let (_, _, structure, field) = table.iter().find(is_it)?;
            // The last of an image that 8 bytes can be read at.
            let at = usize::try_from(find(structure, field)?).ok().filter(|at| *at <= COMMAND_BYTES - 8)?;
            u8::try_from(SQE_BYTES + at).ok()
        };
        let place = |operation: &schema::Operation, member: &str| Place {
            member: SqeMember::from_name(member),
            kept_at: kept(VALUES, operation.name, member),
            filename_at: kept(FILENAMES, operation.name, member),
        };
        let places = schema::operations(abi)
            .map(|operation| operation.members.iter().map(|member| place(operation, member)).collect())
            .collect();
        let unknown = schema::UNKNOWN_OPERATION.iter().map(|(name, _)| Place {
            member: SqeMember::from_name(name),
            kept_at: None,
            filename_at: None,
        });
        Operations { abi, places, unknown: unknown.collect() }
    }

    /// Structures that are looked into.
    pub fn structures() -> impl Iterator<Item = &'static str> {
        VALUES.iter().chain(FILENAMES).map(|(_, _, structure, _)| *structure)
    }

    /// The machine.
    pub fn abi(&self) -> Abi {
        self.abi
    }

    /// The places of an operation's arguments; those of the entry's members for one that is not known.
    pub fn places(&self, opcode: u16) -> &[Place] {
        self.places.get(usize::from(opcode)).unwrap_or(&self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(table: &[Kept]) {
        for (names, member, structure, field) in table {
            for name in *names {
                let operation = schema::operations(Abi::X86_64).find(|operation| operation.name == *name);
                let members = operation.unwrap_or_else(|| panic!("no operation {name}")).members;
                // Operations that share a structure need not share every member.
                let is_shared = names.len() > 2;
                assert!(is_shared || members.contains(member), "{name} has no {member}: {structure}.{field}");
            }
        }
    }

    #[test]
    fn what_is_kept_is_an_argument() {
        is_known(VALUES);
        is_known(FILENAMES);
    }

    #[test]
    fn the_kernels_copy_goes_before_the_entry() {
        let operations = Operations::new(Abi::X86_64, |structure, field| match (structure, field) {
            ("io_rw", "len") => Some(56),
            ("io_rw", "addr") => Some(4096),
            _ => None,
        });
        let read = operations.places(22);
        let mut image = [0; SQE_BYTES + COMMAND_BYTES];
        image[4..8].copy_from_slice(&(-3_i32).to_ne_bytes());
        image[16] = 9;
        image[24] = 7;
        image[SQE_BYTES + 56] = 5;
        let values: Vec<u64> = read.iter().take(3).map(|place| place.read(&image)).collect();
        assert_eq!(values, [-3_i64 as u64, 9, 5]);
        assert_eq!(operations.places(999).len(), schema::UNKNOWN_OPERATION.len());
    }
}
