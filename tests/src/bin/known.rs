//! known: makes calls of which it knows the number, on one CPU, and writes down how many they were.
//!
//! Usage: `known CPU DIR [wait]`. In `DIR`, `counts` gets a line for each process: names of event types, each with how
//! many events it has to leave. Everything is called directly and nothing of the Rust runtime runs before `main`,
//! so that no call is made that is not counted; what a C library does at start touches none of the counted types.
//! What is done is said by constants that [`tests::known`] shares with who looks for the events. With `wait` it stops at
//! gates until someone opens them.

#![no_main]

use std::ffi::{CStr, CString, c_char, c_int, c_long};

use tests::gates::Gates;
use tests::known::{
    CGROUPS, CHILDREN, CHILDREN_EXEC_FROM, CLOSES_REFUSED, DNS_ADDRESS, DNS_MESSAGES, DNS_NAME, EXECS_FAILED,
    EXECUTABLE_BYTES, FILES, MESSAGE, MISSING, MODULE, MODULE_FILE, OPERATIONS, PORT, PORT_CLOSED, READS,
    SOCKETS, WRITES, absent_program, child_argument, data_file, gate_reached, gates_file, missing_file,
};
use tests::ring::{Ring, Sqe};

/// Event types and how often each was caused by this process.
struct Counts(Vec<(&'static str, u64)>);

impl Counts {
    fn add(&mut self, name: &'static str) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => self.0.push((name, 1)),
        }
    }

    /// Counts a call, then makes it.
    fn call<const N: usize>(&mut self, name: &'static str, number: c_long, arguments: [c_long; N]) -> c_long {
        self.add(name);
        let mut all = [0; 6];
        all[..N].copy_from_slice(&arguments);
        let [a, b, c, d, e, f] = all;
        // SAFETY: every pointer among the arguments comes from a reference that outlives the call, with its length.
        unsafe { libc::syscall(number, a, b, c, d, e, f) }
    }

    fn open(&mut self, path: &str, flags: c_int) -> c_long {
        let path = text(path);
        let arguments = [c_long::from(libc::AT_FDCWD), path.as_ptr() as c_long, c_long::from(flags), 0o644];
        self.call("openat", libc::SYS_openat, arguments)
    }

    fn close(&mut self, descriptor: c_long) {
        self.call("close", libc::SYS_close, [descriptor, 0, 0, 0]);
    }

    fn write(&mut self, descriptor: c_long, bytes: &[u8]) {
        let arguments = [descriptor, bytes.as_ptr() as c_long, bytes.len() as c_long, 0];
        must(self.call("write", libc::SYS_write, arguments), "write");
    }

    fn read(&mut self, descriptor: c_long) -> c_long {
        let mut room = [0_u8; 64];
        let arguments = [descriptor, room.as_mut_ptr() as c_long, room.len() as c_long, 0];
        must(self.call("read", libc::SYS_read, arguments), "read")
    }

    fn execve(&mut self, program: &str, arguments: &[&str]) {
        let (program, words) = (text(program), arguments.iter().map(|word| text(word)).collect::<Vec<_>>());
        let mut pointers: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
        pointers.push(std::ptr::null());
        let none: [*const c_char; 1] = [std::ptr::null()];
        let arguments = [program.as_ptr() as c_long, pointers.as_ptr() as c_long, none.as_ptr() as c_long, 0];
        self.call("execve", libc::SYS_execve, arguments);
    }

    fn socket(&mut self, family: c_int, kind: c_int) -> c_long {
        let arguments = [c_long::from(family), c_long::from(kind), 0];
        must(self.call("socket", libc::SYS_socket, arguments), "socket")
    }

    fn send_to(&mut self, socket: c_long, bytes: &[u8], to: &libc::sockaddr_in) {
        let (at, length) = (bytes.as_ptr() as c_long, bytes.len() as c_long);
        let (place, size) = (std::ptr::from_ref(to) as c_long, size_of_val(to) as c_long);
        must(self.call("sendto", libc::SYS_sendto, [socket, at, length, 0, place, size]), "sendto");
    }

    /// Receives a datagram: its length, and who sent it.
    fn receive_from(&mut self, socket: c_long, room: &mut [u8]) -> (usize, libc::sockaddr_in) {
        let mut from = address(0);
        let mut size = size_of_val(&from) as libc::socklen_t;
        let (at, length) = (room.as_mut_ptr() as c_long, room.len() as c_long);
        let (place, size) = ((&raw mut from) as c_long, (&raw mut size) as c_long);
        let received = self.call("recvfrom", libc::SYS_recvfrom, [socket, at, length, 0, place, size]);
        (must(received, "recvfrom") as usize, from)
    }

    /// Writes down what was counted, with the calls this and the end take, and ends this process.
    fn finish(mut self, directory: &str, end: &'static str, number: c_long, status: c_long) -> ! {
        for name in ["openat", "write", "close", end, "procexit"] {
            self.add(name);
        }
        let mut line = String::new();
        for (name, count) in &self.0 {
            line.push_str(&format!("{name} {count} "));
        }
        line.push('\n');
        // Counted above.
        let mut uncounted = Counts(Vec::new());
        let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_APPEND;
        let file = must(uncounted.open(&format!("{directory}/counts"), flags), "openat of counts");
        uncounted.write(file, line.as_bytes());
        uncounted.close(file);
        uncounted.call(end, number, [status, 0, 0, 0]);
        unreachable!("the process has ended");
    }
}

fn text(text: &str) -> CString {
    CString::new(text).expect("no text here has a zero byte")
}

/// A call that has to succeed: its result.
fn must(result: c_long, what: &str) -> c_long {
    if result < 0 {
        eprintln!("known: {what}: {}", std::io::Error::last_os_error());
        std::process::exit(3);
    }
    result
}

/// Where the C library begins.
///
/// # Safety
///
/// `words` holds `count` C strings, as the kernel hands them over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    let words: Vec<String> = (0..count as usize)
        // SAFETY: there are `count` of them, each a C string that lives as long as the process.
        .map(|index| unsafe { CStr::from_ptr(*words.add(index)) }.to_string_lossy().into_owned())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut counts = Counts(Vec::new());
    // The exec that made this program of the process.
    counts.add("execve");
    match words[..] {
        [_, "child", directory, ..] => {
            let file = counts.open(&data_file(directory, 0), libc::O_RDONLY);
            counts.read(must(file, "openat"));
            counts.close(file);
            counts.finish(directory, "exit_group", libc::SYS_exit_group, 0);
        }
        [program, cpu, directory, ref rest @ ..] => {
            let Ok(cpu) = cpu.parse() else { usage() };
            let waits = match rest {
                [] => false,
                ["wait"] => true,
                _ => usage(),
            };
            pin(&mut counts, cpu);
            files(&mut counts, directory);
            pass(&mut counts, directory, 0, waits);
            sockets(&mut counts);
            names(&mut counts);
            through_a_ring(&mut counts, directory);
            memory(&mut counts);
            control_group(&mut counts, cpu);
            module(&mut counts);
            pass(&mut counts, directory, 1, waits);
            children(&mut counts, program, directory);
            counts.finish(directory, "exit_group", libc::SYS_exit_group, 0);
        }
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!("usage: known CPU DIR [wait]");
    std::process::exit(2);
}

/// Stays on one CPU from now on, and so do the children.
fn pin(counts: &mut Counts, cpu: usize) {
    let mut mask = [0_u64; 16];
    mask[cpu / 64] = 1 << (cpu % 64);
    let arguments = [0, size_of_val(&mask) as c_long, mask.as_ptr() as c_long, 0];
    must(counts.call("sched_setaffinity", libc::SYS_sched_setaffinity, arguments), "sched_setaffinity");
}

fn files(counts: &mut Counts, directory: &str) {
    for index in 0..FILES {
        let flags = libc::O_CREAT | libc::O_TRUNC | libc::O_RDWR;
        let file = must(counts.open(&data_file(directory, index), flags), "openat");
        for _ in 0..WRITES {
            counts.write(file, MESSAGE);
        }
        counts.call("lseek", libc::SYS_lseek, [file, 0, 0, 0]);
        for _ in 0..READS {
            counts.read(file);
        }
        counts.close(file);
    }
    for index in 0..MISSING {
        counts.open(&missing_file(directory, index), libc::O_RDONLY);
    }
    for _ in 0..CLOSES_REFUSED {
        counts.close(-1);
    }
}

/// Sockets that do nothing, then a connection to ourselves and back.
fn sockets(counts: &mut Counts) {
    for _ in 0..SOCKETS {
        let socket = counts.socket(libc::AF_UNIX, libc::SOCK_STREAM);
        counts.close(socket);
    }
    let address = address(PORT);
    let listener = counts.socket(libc::AF_INET, libc::SOCK_STREAM);
    let one: c_int = 1;
    // Without it the port could not be had again for the next recording.
    let option = [libc::SOL_SOCKET, libc::SO_REUSEADDR].map(c_long::from);
    let value = [(&raw const one) as c_long, size_of_val(&one) as c_long];
    let arguments = [listener, option[0], option[1], value[0], value[1]];
    must(counts.call("setsockopt", libc::SYS_setsockopt, arguments), "setsockopt");
    let place = |socket| [socket, (&raw const address) as c_long, size_of_val(&address) as c_long];
    must(counts.call("bind", libc::SYS_bind, place(listener)), "bind");
    must(counts.call("listen", libc::SYS_listen, [listener, 1]), "listen");
    let client = counts.socket(libc::AF_INET, libc::SOCK_STREAM);
    must(counts.call("connect", libc::SYS_connect, place(client)), "connect");
    let server = must(counts.call("accept4", libc::SYS_accept4, [listener, 0, 0, 0]), "accept4");
    counts.write(client, MESSAGE);
    counts.read(server);
    [client, server, listener].into_iter().for_each(|socket| counts.close(socket));
}

/// A place on the loopback device.
fn address(port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    }
}

/// Asks itself for a name over UDP, and answers. Then sends to where nobody listens.
fn names(counts: &mut Counts) {
    const DNS_PORT: u16 = 53;
    let server = counts.socket(libc::AF_INET, libc::SOCK_DGRAM);
    let place = address(DNS_PORT);
    let arguments = [server, (&raw const place) as c_long, size_of_val(&place) as c_long];
    must(counts.call("bind", libc::SYS_bind, arguments), "bind");
    let client = counts.socket(libc::AF_INET, libc::SOCK_DGRAM);
    let mut question: Vec<u8> = DNS_NAME.split('.').flat_map(label).collect();
    // The root; a host's address, of the Internet.
    question.extend([0, 0, 1, 0, 1]);
    // Number, flags, questions, answers, and two sorts of others.
    let query = [&[0x4b, 0x6e, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &question[..]].concat();
    let answer = [
        &[0x4b, 0x6e, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0],
        &question[..],
        // The name that stands behind the head; kind, class, time to live, length.
        &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4],
        &DNS_ADDRESS,
    ]
    .concat();
    (0..DNS_MESSAGES).for_each(|_| counts.add("dns"));
    let mut room = [0; 128];
    counts.send_to(client, &query, &place);
    let (_, asker) = counts.receive_from(server, &mut room);
    counts.send_to(server, &answer, &asker);
    counts.receive_from(client, &mut room);
    counts.send_to(client, MESSAGE, &address(PORT_CLOSED));
    [client, server].into_iter().for_each(|socket| counts.close(socket));
}

fn label(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// Makes memory executable.
fn memory(counts: &mut Counts) {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, nowhere in particular.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), EXECUTABLE_BYTES, protection, flags, -1, 0) };
    counts.add("exec_map");
    let protection = c_long::from(libc::PROT_READ | libc::PROT_EXEC);
    // Not counted by name: the C library makes this call too.
    let mut uncounted = Counts(Vec::new());
    let arguments = [at as c_long, EXECUTABLE_BYTES as c_long, protection];
    must(uncounted.call("mprotect", libc::SYS_mprotect, arguments), "mprotect");
    // SAFETY: what was mapped above, and is not used.
    unsafe { libc::munmap(at, EXECUTABLE_BYTES) };
}

/// Makes a control group and removes it.
fn control_group(counts: &mut Counts, cpu: usize) {
    let path = text(&format!("{CGROUPS}/known {cpu}"));
    let directory = c_long::from(libc::AT_FDCWD);
    let arguments = [directory, path.as_ptr() as c_long, 0o755];
    counts.add("cgroup_mkdir");
    // Gates are made by this call, and not counted.
    let mut uncounted = Counts(Vec::new());
    must(uncounted.call("mkdirat", libc::SYS_mkdirat, arguments), "mkdirat of a control group");
    counts.add("cgroup_rmdir");
    let arguments = [directory, path.as_ptr() as c_long, c_long::from(libc::AT_REMOVEDIR)];
    must(counts.call("unlinkat", libc::SYS_unlinkat, arguments), "unlinkat of a control group");
}

/// Loads a module and unloads it.
fn module(counts: &mut Counts) {
    let (file, name, none) = (text(MODULE_FILE), text(MODULE), text(""));
    // SAFETY: a C string that outlives the call.
    if unsafe { libc::access(file.as_ptr(), libc::R_OK) } != 0 {
        return;
    }
    let file = must(counts.open(MODULE_FILE, libc::O_RDONLY), "openat of a module");
    counts.add("module_load");
    let arguments = [file, none.as_ptr() as c_long, 0];
    must(counts.call("finit_module", libc::SYS_finit_module, arguments), "finit_module");
    counts.close(file);
    counts.add("module_unload");
    let arguments = [name.as_ptr() as c_long, c_long::from(libc::O_NONBLOCK)];
    must(counts.call("delete_module", libc::SYS_delete_module, arguments), "delete_module");
}

/// Comes to a gate: says so, and waits until it is opened.
fn pass(counts: &mut Counts, directory: &str, gate: usize, waits: bool) {
    if !waits {
        return;
    }
    let file = must(counts.open(&gates_file(directory), libc::O_RDWR), "openat of gates");
    let gates = Gates::map(file as c_int).unwrap_or_else(|error| {
        eprintln!("known: gates: {error}");
        std::process::exit(3)
    });
    counts.close(file);
    let reached = text(&gate_reached(directory, gate));
    // SAFETY: a C string that outlives the call.
    must(c_long::from(unsafe { libc::mkdir(reached.as_ptr(), 0o755) }), "mkdir at a gate");
    while !gates.is_open(gate) {
        counts.call("futex", libc::SYS_futex, gates.waiting(gate));
    }
}

/// Operations that pass no call of their own.
fn through_a_ring(counts: &mut Counts, directory: &str) {
    const NOP: u8 = 0;
    const POLL_ADD: u8 = 6;
    const SENDMSG: u8 = 9;
    const RECV: u8 = 27;
    const LINK: u8 = 4;
    counts.add("io_uring_setup");
    let mut ring = Ring::new(2, 0).unwrap_or_else(|error| {
        eprintln!("known: io_uring_setup: {error}");
        std::process::exit(3)
    });
    for index in 0..OPERATIONS {
        let file = must(counts.open(&data_file(directory, index), libc::O_RDONLY), "openat");
        let nop = Sqe { opcode: NOP, flags: LINK, ..Sqe::default() };
        // Files are always ready, so that no thread of the kernel has to wait, which would leave events of its own.
        let poll = Sqe { opcode: POLL_ADD, fd: file as i32, op_flags: libc::POLLIN as u32, ..Sqe::default() };
        counts.add("io_uring_nop");
        ring.push(nop);
        counts.add("io_uring_poll_add");
        ring.push(poll);
        let waited = ring.submit(2).and_then(|()| Ok([ring.wait()?.res, ring.wait()?.res]));
        if !matches!(waited, Ok([0, 1])) {
            eprintln!("known: operations through a ring: {waited:?}");
            std::process::exit(3);
        }
        counts.close(file);
    }
    let mut ends: [c_int; 2] = [0; 2];
    let kind = [libc::AF_UNIX, libc::SOCK_STREAM].map(c_long::from);
    let arguments = [kind[0], kind[1], 0, ends.as_mut_ptr() as c_long];
    must(counts.call("socketpair", libc::SYS_socketpair, arguments), "socketpair");
    let mut room = [0_u8; 64];
    // In two parts: as wide as the program is how the kernel has to read them.
    let (first, second) = MESSAGE.split_at(MESSAGE.len() / 2);
    let mut parts =
        [first, second].map(|part| libc::iovec { iov_base: part.as_ptr() as *mut _, iov_len: part.len() });
    // SAFETY: a message of zeroes has no name, no parts and no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (parts.as_mut_ptr(), parts.len() as _);
    for _ in 0..OPERATIONS {
        counts.add("sendmsg");
        let at = (&raw const message) as usize as u64;
        ring.push(Sqe { opcode: SENDMSG, flags: LINK, fd: ends[0], addr: at, len: 1, ..Sqe::default() });
        counts.add("recvfrom");
        let at = room.as_mut_ptr() as u64;
        ring.push(Sqe { opcode: RECV, fd: ends[1], addr: at, len: room.len() as u32, ..Sqe::default() });
        let waited = ring.submit(2).and_then(|()| Ok([ring.wait()?.res, ring.wait()?.res]));
        if !waited.as_ref().is_ok_and(|moved| *moved == [MESSAGE.len() as i32; 2]) {
            eprintln!("known: messages through a ring: {waited:?}");
            std::process::exit(3);
        }
    }
    ends.into_iter().for_each(|end| counts.close(end.into()));
}

fn children(counts: &mut Counts, program: &str, directory: &str) {
    for index in 0..CHILDREN {
        let child = fork(counts, index);
        if child == 0 {
            // What was counted so far is the parent's; the returning fork is ours.
            let is_exec = index >= CHILDREN_EXEC_FROM;
            counts.0.clear();
            counts.add(fork_name(index));
            for _ in 0..EXECS_FAILED {
                counts.execve(&absent_program(directory), &["absent"]);
            }
            if is_exec {
                note(counts, directory);
                counts.execve(program, &["known", "child", directory, &child_argument(index)]);
                must(-1, "execve");
            }
            std::mem::replace(counts, Counts(Vec::new())).finish(directory, "exit", libc::SYS_exit, 0);
        }
        must(child, "fork");
        let mut status: c_int = 0;
        counts.call("wait4", libc::SYS_wait4, [child, (&raw mut status) as c_long, 0, 0]);
        must(-c_long::from(status), "a child");
    }
    // One that ends by a signal.
    let child = fork(counts, 0);
    if child == 0 {
        counts.0.clear();
        counts.add(fork_name(0));
        counts.add("kill");
        counts.add("signaldeliver");
        counts.add("procexit");
        note(counts, directory);
        // Counted above.
        // SAFETY: numbers only.
        unsafe { libc::syscall(libc::SYS_kill, libc::syscall(libc::SYS_gettid), libc::SIGTERM) };
    }
    let mut status: c_int = 0;
    counts.call("wait4", libc::SYS_wait4, [child, (&raw mut status) as c_long, 0, 0]);
    if status != libc::SIGTERM {
        must(-1, "the child that ends by a signal");
    }
}

/// Writes down what was counted, with the calls this takes, before it is forgotten.
fn note(counts: &mut Counts, directory: &str) {
    for name in ["openat", "write", "close"] {
        counts.add(name);
    }
    let line: String = counts.0.iter().map(|(name, count)| format!("{name} {count} ")).collect();
    let mut uncounted = Counts(Vec::new());
    let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_APPEND;
    let file = must(uncounted.open(&format!("{directory}/counts"), flags), "openat of counts");
    uncounted.write(file, format!("{line}\n").as_bytes());
    uncounted.close(file);
}

/// Forks: with `fork` where there is such a call and the number is odd, else with `clone`. Two events: each side
/// returns.
fn fork(counts: &mut Counts, index: usize) -> c_long {
    let number = match fork_name(index) {
        #[cfg(target_arch = "x86_64")]
        "fork" => libc::SYS_fork,
        _ => libc::SYS_clone,
    };
    counts.call(fork_name(index), number, [c_long::from(libc::SIGCHLD), 0, 0, 0])
}

fn fork_name(index: usize) -> &'static str {
    if cfg!(target_arch = "x86_64") && index % 2 == 1 { "fork" } else { "clone" }
}
