//! callcost: what one system call costs, in nanoseconds.
//!
//! Usage: `callcost CPU COUNT CALL...`. Pins itself to CPU and prints, for each of [`CALLS`] that is named, a line
//! `CALL NANOSECONDS`. COUNT calls are made in batches of [`BATCH`], and the middle one of the batches' means
//! counts: where another program takes the CPU for a while, some batches show it and the middle does not. A
//! benchmark runs it with and without someone watching.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

/// A call with everything it needs, ready to be made again and again.
type Call = Box<dyn FnMut()>;

/// Prepares a call.
type Maker = fn() -> Call;

/// What can be measured. Pairs count as one.
const CALLS: &[(&str, Maker)] = &[
    ("getppid", getppid),
    ("getuid", getuid),
    ("read", read),
    ("write", write),
    ("openat+close", openat_close),
    ("stat", stat),
    ("sendto+recvfrom", sendto_recvfrom),
    ("connect", connect),
];

/// Bytes moved by the calls that move some: less than the usual snap length, so all of them are recorded.
const BYTES: usize = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cpu, count, calls @ ..] = arguments.as_slice() else {
        return usage();
    };
    let (Ok(cpu), Ok(count)) = (cpu.parse(), count.parse::<u32>()) else {
        return usage();
    };
    pin(cpu);
    for name in calls {
        let Some((_, make)) = CALLS.iter().find(|(known, _)| known == name) else {
            eprintln!("callcost: no call {name}");
            return ExitCode::from(2);
        };
        println!("{name} {:.1}", nanoseconds(count, make()));
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: callcost CPU COUNT CALL...");
    ExitCode::from(2)
}

fn pin(cpu: usize) {
    let mut set = [0_u64; 16];
    set[cpu / 64 % 16] = 1 << (cpu % 64);
    // SAFETY: the kernel reads the given number of bytes from `set`.
    unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(&set), set.as_ptr()) };
}

/// Calls per batch: a fraction of a millisecond, shorter than the turn of another program.
const BATCH: u32 = 250;

fn nanoseconds(count: u32, mut call: Call) -> f64 {
    let mut batch = || {
        let begin = Instant::now();
        (0..BATCH).for_each(|_| call());
        begin.elapsed().as_nanos() as f64 / f64::from(BATCH)
    };
    (0..count / BATCH / 10).for_each(|_| _ = batch());
    let mut batches: Vec<f64> = (0..(count / BATCH).max(1)).map(|_| batch()).collect();
    batches.sort_by(f64::total_cmp);
    batches[batches.len() / 2]
}

fn getppid() -> Call {
    // SAFETY: the call takes nothing.
    Box::new(|| _ = black_box(unsafe { libc::syscall(libc::SYS_getppid) }))
}

fn getuid() -> Call {
    // SAFETY: the call takes nothing.
    Box::new(|| _ = black_box(unsafe { libc::syscall(libc::SYS_getuid) }))
}

fn open(path: &std::ffi::CStr, flags: i32) -> i32 {
    // SAFETY: the path is a C string.
    unsafe { libc::open(path.as_ptr(), flags) }
}

fn read() -> Call {
    let (fd, mut room) = (open(c"/dev/zero", libc::O_RDONLY), [0_u8; BYTES]);
    // SAFETY: the buffer is as long as said.
    Box::new(move || _ = unsafe { libc::read(fd, room.as_mut_ptr().cast(), BYTES) })
}

fn write() -> Call {
    let (fd, text) = (open(c"/dev/null", libc::O_WRONLY), [b'x'; BYTES]);
    // SAFETY: the buffer is as long as said.
    Box::new(move || _ = unsafe { libc::write(fd, text.as_ptr().cast(), BYTES) })
}

fn openat_close() -> Call {
    Box::new(|| {
        let fd = open(c"/etc/hostname", libc::O_RDONLY);
        // SAFETY: the descriptor was opened just now and nobody else has it.
        unsafe { libc::close(fd) };
    })
}

fn stat() -> Call {
    // SAFETY: a `stat` of zeroes is one.
    let mut room: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a C string, the room a `stat`.
    Box::new(move || _ = unsafe { libc::stat(c"/etc/hostname".as_ptr(), &raw mut room) })
}

/// A UDP socket on the loopback device, bound and connected to itself.
fn own_peer() -> (i32, libc::sockaddr_in) {
    // SAFETY: a `sockaddr_in` of zeroes is one.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
    let mut length = size_of_val(&address) as u32;
    let at = (&raw mut address).cast::<libc::sockaddr>();
    // SAFETY: address and length describe the same live `sockaddr_in` in every call.
    let fd = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        libc::bind(fd, at, length);
        libc::getsockname(fd, at, &raw mut length);
        libc::connect(fd, at, length);
        fd
    };
    (fd, address)
}

fn sendto_recvfrom() -> Call {
    let ((fd, _), text, mut room) = (own_peer(), [b'x'; BYTES], [0_u8; BYTES]);
    Box::new(move || {
        // SAFETY: the buffers are as long as said; there is no address.
        unsafe {
            libc::send(fd, text.as_ptr().cast(), BYTES, 0);
            libc::recv(fd, room.as_mut_ptr().cast(), BYTES, 0);
        }
    })
}

fn connect() -> Call {
    let (fd, address) = own_peer();
    let length = size_of_val(&address) as u32;
    // SAFETY: address and length describe the same live `sockaddr_in`.
    Box::new(move || _ = unsafe { libc::connect(fd, (&raw const address).cast(), length) })
}
