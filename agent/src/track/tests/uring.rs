//! Operations of `io_uring`: two records become one event, and change what a call would have changed.

use wire::record::{
    SECTION_FILE, SECTION_OPERATION, SECTION_REGISTERED, SECTION_REGISTERED_PATH, SECTION_SOCKET,
};
use wire::uring::{IMAGE_BYTES, OPCODE_NONE};
use wire::{FileFacts, RecordType, SocketFacts};

use super::machine::{CWD, Call, Machine, bytes_of_file, components};

const ACCEPT: u16 = 13;
const OPENAT: u16 = 18;
const CLOSE: u16 = 19;
const READ: u16 = 22;
const SEND: u16 = 26;
const MKDIRAT: u16 = 37;

const FIXED_FILE: u8 = 1;
const SKIP_SUCCESS: u8 = 0x40;
const MORE: u64 = 2;
const NOTIFICATION: u64 = 8;

const RING: u64 = 0x5000;

/// An entry as the program wrote it.
#[derive(Clone, Copy)]
struct Entry {
    opcode: u16,
    flags: u8,
    fd: u64,
    user_data: u64,
    slot: u32,
}

fn entry(opcode: u16, fd: u64, user_data: u64) -> Entry {
    Entry { opcode, flags: 0, fd, user_data, slot: 0 }
}

fn submit(m: &mut Machine, request: u64, entry: Entry, path: Option<&str>) {
    let mut image = [0; IMAGE_BYTES];
    (image[0], image[1]) = (entry.opcode as u8, entry.flags);
    image[4..8].copy_from_slice(&(entry.fd as u32).to_ne_bytes());
    image[32..40].copy_from_slice(&entry.user_data.to_ne_bytes());
    image[44..48].copy_from_slice(&entry.slot.to_ne_bytes());
    let mut sections = vec![(SECTION_OPERATION, &image[..])];
    sections.extend(path.map(|path| (1, path.as_bytes())));
    m.uring(RecordType::UringSubmit, entry.opcode, 10, 0, &[request, RING], &sections);
}

fn complete(m: &mut Machine, request: u64, entry: Entry, result: i64, flags: u64, sections: &[(u8, &[u8])]) {
    let opcode = if request == 0 { OPCODE_NONE } else { entry.opcode };
    let args = [request, RING, entry.user_data, flags];
    // In whatever context: it is the submission that tells whose it is.
    m.uring(RecordType::UringComplete, opcode, 4000, result, &args, sections);
}

#[test]
fn an_open_through_a_ring_opens_a_descriptor_and_a_close_frees_it() {
    let mut m = Machine::with_shell();
    let open = entry(OPENAT, CWD, 1);
    submit(&mut m, 0x100, open, Some("notes"));
    assert_eq!(m.lines(), "");
    let file = bytes_of_file(&FileFacts { ino: 7, mode: 0o100644, ..FileFacts::default() });
    complete(&mut m, 0x100, open, 5, 0, &[(SECTION_FILE, &file)]);
    assert_eq!(m.lines(), "bash:10 openat = 5 file /home/ann/notes (notes) #7");
    assert_eq!((m.fd(10, 5), m.left_out()), ("file /home/ann/notes (notes) #7".to_owned(), 1));
    let close = entry(CLOSE, 5, 2);
    submit(&mut m, 0x100, close, None);
    complete(&mut m, 0x100, close, 0, 0, &[]);
    assert_eq!(m.lines(), "bash:10 close = 0 file /home/ann/notes (notes) #7");
    assert_eq!(m.fd(10, 5), "");
    // What was not there is named as well.
    submit(&mut m, 0x100, entry(OPENAT, CWD, 3), Some("/etc/shadow"));
    complete(&mut m, 0x100, entry(OPENAT, CWD, 3), -2, 0, &[]);
    assert_eq!(m.lines(), "bash:10 openat = -2 file /etc/shadow");
}

#[test]
fn what_goes_into_the_rings_table_leaves_that_of_the_process() {
    let mut m = Machine::with_shell();
    m.open(10, "/etc/passwd", 0, 0);
    m.lines();
    let open = Entry { slot: 1, ..entry(OPENAT, CWD, 1) };
    submit(&mut m, 0x100, open, Some("/etc/shadow"));
    complete(&mut m, 0x100, open, 0, 0, &[]);
    assert_eq!(m.lines(), "bash:10 openat = 0 file /etc/shadow");
    let read = Entry { flags: FIXED_FILE, ..entry(READ, 0, 2) };
    submit(&mut m, 0x100, read, None);
    let facts = bytes_of_file(&FileFacts { ino: 9, mode: 0o100600, ..FileFacts::default() });
    let facts = [facts, 0xf000_u64.to_ne_bytes().to_vec()].concat();
    let path = components("/etc/shadow");
    let told = [(SECTION_REGISTERED, &facts[..]), (SECTION_REGISTERED_PATH, &path)];
    complete(&mut m, 0x100, read, 20, 0, &told);
    assert_eq!(m.lines(), "bash:10 read = 20 file /etc/shadow #9");
    // The path is told once in a while only.
    submit(&mut m, 0x100, read, None);
    complete(&mut m, 0x100, read, 0, 0, &told[..1]);
    assert_eq!(m.lines(), "bash:10 read = 0 file /etc/shadow #9");
    let close = Entry { slot: 1, ..entry(CLOSE, 0, 3) };
    submit(&mut m, 0x100, close, None);
    complete(&mut m, 0x100, close, 0, 0, &[]);
    assert_eq!(m.lines(), "bash:10 close = 0");
    assert_eq!(m.fd(10, 0), "file /etc/passwd");
}

#[test]
fn several_completions_are_several_events() {
    let mut m = Machine::with_shell();
    let accept = entry(ACCEPT, 3, 1);
    submit(&mut m, 0x100, accept, None);
    complete(&mut m, 0, accept, 7, MORE, &[]);
    complete(&mut m, 0, accept, 8, MORE, &[]);
    complete(&mut m, 0x100, accept, -125, 0, &[]);
    let expected = "bash:10 accept4 = 7 unknown server connected\n\
                    bash:10 accept4 = 8 unknown server connected\n\
                    bash:10 accept4 = -125";
    assert_eq!((m.lines().as_str(), m.left_out()), (expected, 1));
    // Only tells that a buffer is free again.
    complete(&mut m, 0x900, accept, 0, NOTIFICATION, &[]);
    assert_eq!((m.lines().as_str(), m.left_out()), ("", 2));
}

#[test]
fn of_several_that_go_on_the_oldest_is_told_until_it_ends() {
    let mut m = Machine::with_shell();
    m.open(10, "/a", 0, 3);
    m.open(10, "/b", 0, 4);
    m.lines();
    // Nothing but the user data tells one from the other.
    let (first, second) = (entry(READ, 3, 5), entry(READ, 4, 5));
    submit(&mut m, 0x100, first, None);
    submit(&mut m, 0x200, second, None);
    for result in [1, 2] {
        complete(&mut m, 0, first, result, MORE, &[]);
    }
    complete(&mut m, 0x100, first, 3, 0, &[]);
    complete(&mut m, 0, second, 4, MORE, &[]);
    let expected = "bash:10 read = 1 file /a\nbash:10 read = 2 file /a\nbash:10 read = 3 file /a\nbash:10 read = 4 file /b";
    assert_eq!((m.lines().as_str(), m.left_out()), (expected, 2));
}

#[test]
fn kernels_that_do_not_tell_the_request_are_told_by_the_user_data() {
    let mut m = Machine::with_shell();
    let open = entry(OPENAT, CWD, 5);
    submit(&mut m, 0x100, open, Some("/a"));
    submit(&mut m, 0x200, open, Some("/b"));
    complete(&mut m, 0, open, -2, 0, &[]);
    complete(&mut m, 0, open, -13, 0, &[]);
    assert_eq!(m.lines(), "bash:10 openat = -2 file /a\nbash:10 openat = -13 file /b");
}

#[test]
fn silence_is_told_when_it_begins() {
    let mut m = Machine::with_shell();
    m.open(10, "/etc/passwd", 0, 5);
    m.lines();
    let close = Entry { flags: SKIP_SUCCESS, ..entry(CLOSE, 5, 1) };
    submit(&mut m, 0x100, close, None);
    assert_eq!((m.lines().as_str(), m.fd(10, 5)), ("bash:10 close file /etc/passwd", String::new()));
    // Its request is another's before long.
    submit(&mut m, 0x100, entry(MKDIRAT, CWD, 2), Some("/a"));
    complete(&mut m, 0x100, entry(MKDIRAT, CWD, 2), 0, 0, &[]);
    m.finish();
    assert_eq!((m.lines().as_str(), m.left_out()), ("bash:10 mkdirat = 0", 1));
}

#[test]
fn a_half_is_told_as_such() {
    let mut m = Machine::with_shell();
    complete(&mut m, 0x100, entry(OPENAT, CWD, 1), 5, 0, &[]);
    complete(&mut m, 0, entry(OPENAT, CWD, 1), 5, 0, &[]);
    assert_eq!(m.lines(), ":4000 openat = 5\n:4000 io_uring_complete = 5");
    // A completion that was lost, and an operation that goes on.
    submit(&mut m, 0x100, entry(OPENAT, CWD, 1), Some("/a"));
    submit(&mut m, 0x100, entry(OPENAT, CWD, 2), Some("/b"));
    assert_eq!(m.lines(), "bash:10 openat file /a");
    m.finish();
    assert_eq!((m.lines().as_str(), m.left_out()), ("bash:10 openat file /b", 0));
}

#[test]
fn an_operation_outlives_its_thread() {
    let mut m = Machine::with_shell();
    m.open(10, "/etc/passwd", 0, 5);
    submit(&mut m, 0x100, entry(READ, 5, 1), None);
    m.exit(10, 10, true);
    m.lines();
    complete(&mut m, 0x100, entry(READ, 5, 1), -125, 0, &[]);
    assert_eq!(m.lines(), "bash:10 read = -125 file /etc/passwd");
}

#[test]
fn what_is_sent_without_an_address_is_told_of_the_socket_as_it_was() {
    let mut m = Machine::with_shell();
    let (local, remote) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let address = |bytes: [u8; 4]| std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(0));
    let socket = SocketFacts { family: 2, socktype: 2, protocol: 17, ino: 77, ..SocketFacts::default() };
    m.call(Call::new(10, "socket", &[2, 2, 0], 3).socket(socket));
    let connected = SocketFacts {
        local_port: 40000,
        remote_port: 53,
        local_address: address(local),
        remote_address: address(remote),
        ..socket
    };
    // Another process has connected it, which is not known here.
    let before = m.fd(10, 3);
    let facts = connected.to_bytes();
    submit(&mut m, 0x100, entry(SEND, 3, 1), None);
    complete(&mut m, 0x100, entry(SEND, 3, 1), 5, 0, &[(SECTION_SOCKET, &facts)]);
    assert_eq!(m.fd(10, 3), before);
    let mut image = [0; IMAGE_BYTES];
    image[0] = SEND as u8;
    image[4] = 3;
    image[8] = 1;
    m.uring(RecordType::UringSubmit, SEND, 10, 0, &[0x100, RING], &[(SECTION_OPERATION, &image)]);
    complete(&mut m, 0x100, entry(SEND, 3, 0), 5, 0, &[(SECTION_SOCKET, &facts)]);
    assert_ne!(m.fd(10, 3), before);
}
