//! What a program does that does not want to be understood. Each mode prints what it really did, one line each, for a
//! test to compare with a recording.

use std::ffi::{CString, c_int, c_long};
use std::fs::{self, File};
use std::io::{Error, Result, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["race", directory] => race(directory),
        ["lies", directory] => lies(directory),
        ["rename"] => rename(),
        ["descriptors", directory] => descriptors(directory),
        ["paths", directory] => paths(directory),
        ["pids"] => pids(),
        ["clones"] => clones(),
        ["programs", directory] => programs(directory),
        _ => Err(Error::other(
            "race DIR, lies DIR, rename, descriptors DIR, paths DIR, pids, clones or programs DIR",
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hostile: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The result of a call, or its error.
fn checked(result: c_long) -> Result<c_long> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

fn text(text: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(text).map_err(Error::other)
}

/// A call that does nothing and carries a number: what a test finds an event by.
fn mark(number: usize) {
    // SAFETY: takes numbers only; there is no descriptor -1.
    unsafe { libc::syscall(libc::SYS_lseek, -1, number, 0) };
}

/// Opens while another thread changes the path, until it did so in time often enough; first a pipe, of which the opening waits
/// until the path is another one. Prints which file each open that succeeded got.
fn race(directory: &str) -> Result<()> {
    const OPENS_MAX: usize = 500_000;
    const IN_TIME: usize = 100;
    let files = ["one", "two"].map(|name| format!("{directory}/{name}"));
    for file in &files {
        File::create(file)?;
    }
    slow_open(&format!("{directory}/slow"), &format!("{directory}/fast"))?;
    let inodes = [fs::metadata(&files[0])?.ino(), fs::metadata(&files[1])?.ino()];
    let shared: Vec<AtomicU8> = files[0].bytes().chain([0]).map(AtomicU8::new).collect();
    let ends = AtomicBool::new(false);
    let out = thread::scope(|scope| -> Result<String> {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                for file in &files {
                    for (place, byte) in shared.iter().zip(file.bytes()) {
                        place.store(byte, Ordering::Relaxed);
                    }
                }
            }
        });
        let mut out = String::from("slow\n");
        let mut in_time = 0;
        for _ in 0..OPENS_MAX {
            if in_time == IN_TIME {
                break;
            }
            // SAFETY: the path has a NUL that nobody changes; the kernel copies what stands before it.
            let fd = unsafe { libc::open(shared.as_ptr().cast(), libc::O_RDONLY) };
            let last = shared[shared.len() - 2].load(Ordering::Relaxed);
            if fd < 0 {
                continue;
            }
            let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
            // SAFETY: an open descriptor and room for the answer.
            let ino = unsafe {
                checked(libc::fstat(fd, stat.as_mut_ptr()).into())?;
                libc::close(fd);
                stat.assume_init().st_ino
            };
            let name = if ino == inodes[0] { "one" } else { "two" };
            in_time += usize::from(!name.as_bytes().ends_with(&[last]));
            out.push_str(&format!("{name}\n"));
        }
        ends.store(true, Ordering::Relaxed);
        Ok(out)
    })?;
    std::io::stdout().write_all(out.as_bytes())
}

/// Opens a pipe over and over. While the kernel, which has taken the path, waits for somebody who writes, the path becomes
/// another one: in memory that another process has too, by another process that writes into this one, by a thread that is
/// gone in the end. Then a file by a link, and one as often as it takes to be known. Prints what each open got.
fn lies(directory: &str) -> Result<()> {
    let (pipe, other) = (format!("{directory}/true"), format!("{directory}/lied"));
    // SAFETY: a path that ends with NUL.
    checked(unsafe { libc::mkfifo(text(pipe.as_str())?.as_ptr(), 0o600) }.into())?;
    let mut out = String::new();
    for _ in 0..3 {
        for kind in [libc::MAP_SHARED, libc::MAP_PRIVATE] {
            open_changed(&pipe, &other, kind)?;
            out.push_str("true\n");
        }
    }
    fs::remove_file(&pipe)?;
    slow_open(&pipe, &other)?;
    out.push_str("true\n");
    let plain = format!("{directory}/plain");
    File::create(&plain)?;
    std::os::unix::fs::symlink(&plain, format!("{directory}/link"))?;
    for name in ["link", "plain", "plain", "plain"] {
        File::open(format!("{directory}/{name}"))?;
        out.push_str("plain\n");
        thread::sleep(std::time::Duration::from_millis(100));
    }
    std::io::stdout().write_all(out.as_bytes())
}

/// Opens a pipe by a path in memory of this kind, which another process changes meanwhile.
fn open_changed(pipe: &str, other: &str, kind: c_int) -> Result<()> {
    let (kind, protection) = (kind | libc::MAP_ANONYMOUS, libc::PROT_READ | libc::PROT_WRITE);
    let (own, name) = (std::process::id(), text(pipe)?);
    // SAFETY: new memory, large enough for the path and its NUL; the child, a copy of a process with one thread, goes on with
    // what is its own, and ends.
    unsafe {
        let memory = libc::mmap(std::ptr::null_mut(), 4096, protection, kind, -1, 0);
        if memory == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        memory.copy_from(name.as_ptr().cast(), pipe.len() + 1);
        let child = checked(libc::fork().into())?;
        if child == 0 {
            wait_for_open(own)?;
            let local = libc::iovec { iov_base: other.as_ptr().cast_mut().cast(), iov_len: other.len() };
            let remote = libc::iovec { iov_base: memory, iov_len: other.len() };
            if kind & libc::MAP_SHARED != 0 {
                memory.copy_from(local.iov_base, other.len());
            } else {
                checked(libc::process_vm_writev(own as i32, &raw const local, 1, &raw const remote, 1, 0)
                    as c_long)?;
            }
            libc::open(name.as_ptr(), libc::O_WRONLY);
            libc::_exit(0);
        }
        let fd = checked(libc::open(memory.cast(), libc::O_RDONLY).into())?;
        libc::close(fd as c_int);
        checked(libc::waitpid(child as i32, std::ptr::null_mut(), 0).into())?;
        libc::munmap(memory, 4096);
    }
    Ok(())
}

/// Waits until this thread sleeps in `openat`: a number stands there only then.
fn wait_for_open(tid: u32) -> Result<()> {
    loop {
        let call = fs::read_to_string(format!("/proc/{tid}/syscall"))?;
        if call.split(' ').next().and_then(|number| number.parse().ok()) == Some(libc::SYS_openat) {
            return Ok(());
        }
        thread::yield_now();
    }
}

/// Opens a pipe. While the kernel, which has taken the path, waits for somebody who writes, another thread makes the path
/// another one and ends; only then somebody does.
fn slow_open(pipe: &str, other: &str) -> Result<()> {
    let name = text(pipe)?;
    // SAFETY: a path that ends with NUL.
    checked(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }.into())?;
    let shared: Vec<AtomicU8> = pipe.bytes().chain([0]).map(AtomicU8::new).collect();
    // SAFETY: asks for a number.
    let opener = unsafe { libc::gettid() };
    thread::scope(|scope| -> Result<()> {
        let changer = scope.spawn(|| -> Result<()> {
            wait_for_open(opener as u32)?;
            for (place, byte) in shared.iter().zip(other.bytes()) {
                place.store(byte, Ordering::Relaxed);
            }
            Ok(())
        });
        let alone = format!("[ $(ls /proc/{opener}/task | wc -l) = 1 ]");
        let mut writer =
            Command::new("sh").args(["-c", &format!("until {alone}; do :; done; : > {pipe}")]).spawn()?;
        // SAFETY: the path has a NUL that nobody changes.
        let fd = checked(unsafe { libc::open(shared.as_ptr().cast(), libc::O_RDONLY) }.into())?;
        // SAFETY: a descriptor of ours.
        unsafe { libc::close(fd as c_int) };
        writer.wait()?;
        changer.join().expect("it does not panic")
    })
}

/// Takes one name after the other. Prints the name under which each number was marked.
fn rename() -> Result<()> {
    let mut out = String::new();
    for number in 0..500 {
        let name = format!("name-{number}");
        let text = text(name.as_str())?;
        // SAFETY: a string that ends with NUL.
        checked(unsafe { libc::prctl(libc::PR_SET_NAME, text.as_ptr()) }.into())?;
        mark(number);
        out.push_str(&format!("{number} {name}\n"));
    }
    std::io::stdout().write_all(out.as_bytes())
}

/// Has 10,000 files open at once and uses each. Prints number and name.
fn descriptors(directory: &str) -> Result<()> {
    const COUNT: usize = 10_000;
    let limit = libc::rlimit { rlim_cur: COUNT as u64 + 100, rlim_max: COUNT as u64 + 100 };
    // SAFETY: reads the structure.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }.into())?;
    let open =
        |number: usize| Ok((format!("{directory}/{number}"), File::create(format!("{directory}/{number}"))?));
    let files: Vec<(String, File)> = (0..COUNT).map(open).collect::<Result<_>>()?;
    let mut out = String::new();
    for (name, file) in &files {
        // SAFETY: an open descriptor.
        unsafe { libc::lseek(file.as_raw_fd(), 0, libc::SEEK_SET) };
        out.push_str(&format!("{} {name}\n", file.as_raw_fd()));
    }
    std::io::stdout().write_all(out.as_bytes())
}

/// Paths that are too long, and a working directory deeper than any path may be. Prints nothing.
fn paths(directory: &str) -> Result<()> {
    let long = text(vec![b'a'; 64 * 1024])?;
    // SAFETY: a string that ends with NUL.
    unsafe { libc::open(long.as_ptr(), libc::O_RDONLY) };
    std::env::set_current_dir(directory)?;
    let step = "d".repeat(200);
    for _ in 0..70 {
        fs::create_dir(&step)?;
        std::env::set_current_dir(&step)?;
    }
    File::create("deep")?;
    // The kernel's path, whose beginning is further away than is looked: another thread runs.
    let other = thread::spawn(|| File::create("deeper"));
    other.join().expect("it does not panic")?;
    Ok(())
}

/// Children that have the same process id as the one before. Prints number and id.
fn pids() -> Result<()> {
    let mut out = String::new();
    let mut wanted = None;
    for number in 0..200 {
        if let Some(pid) = wanted {
            fs::write("/proc/sys/kernel/ns_last_pid", format!("{}", pid - 1))?;
        }
        let name = text(format!("same-{number}"))?;
        // SAFETY: the child makes system calls only.
        let pid = unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::prctl(libc::PR_SET_NAME, name.as_ptr());
                mark(number);
                libc::_exit(0);
            }
            pid
        };
        checked(pid.into())?;
        // SAFETY: a child of ours.
        checked(unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) }.into())?;
        // Somebody else may have taken the one that was wanted, and keep it.
        wanted = Some(pid);
        out.push_str(&format!("{number} {pid}\n"));
    }
    std::io::stdout().write_all(out.as_bytes())
}

/// Children made with flags that are seldom seen together. Prints number, process and parent.
fn clones() -> Result<()> {
    let own = std::process::id();
    // SAFETY: asks for a number.
    let parent = unsafe { libc::getppid() } as u32;
    let mut out = String::new();
    let flags: [(c_int, u32); 9] = [
        (0, own),
        (libc::CLONE_FILES, own),
        (libc::CLONE_FS, own),
        (libc::CLONE_FILES | libc::CLONE_FS, own),
        (libc::CLONE_PARENT, parent),
        (libc::CLONE_NEWPID, own),
        (libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS, own),
        (libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWNET | libc::CLONE_NEWCGROUP, own),
        (libc::CLONE_SYSVSEM | libc::CLONE_UNTRACED | libc::CLONE_IO, own),
    ];
    for (number, (flags, parent)) in flags.into_iter().enumerate() {
        // SAFETY: a copy of this process, as fork makes it; the child makes system calls only.
        let pid = unsafe {
            let pid = libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0);
            if pid == 0 {
                mark(number);
                libc::_exit(0);
            }
            pid
        };
        checked(pid)?;
        if parent == own {
            // SAFETY: a child of ours.
            checked(unsafe { libc::waitpid(pid as i32, std::ptr::null_mut(), libc::__WALL) }.into())?;
        }
        out.push_str(&format!("{number} {pid} {parent}\n"));
    }
    std::io::stdout().write_all(out.as_bytes())
}

/// Executes a program from memory only, and one that was removed. Prints nothing.
fn programs(directory: &str) -> Result<()> {
    let program = fs::read("/bin/true")?;
    // SAFETY: a name that ends with NUL.
    let memory = checked(unsafe { libc::memfd_create(c"hidden".as_ptr(), 0) }.into())?;
    fs::write(format!("/proc/self/fd/{memory}"), &program)?;
    run(&format!("/proc/self/fd/{memory}"))?;
    let path = format!("{directory}/removed");
    fs::copy("/bin/true", &path)?;
    let file = File::open(&path)?;
    fs::remove_file(&path)?;
    run(&format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn run(path: &str) -> Result<()> {
    let program = text(path)?;
    let arguments = [program.as_ptr(), std::ptr::null()];
    // SAFETY: the child makes system calls only; strings and list end as they must. Descriptors stay open over exec where
    // nobody has marked them: the file of `File::open` is marked, so it is the kernel's path that counts.
    let pid = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::execv(program.as_ptr(), arguments.as_ptr());
            libc::_exit(1);
        }
        pid
    };
    checked(pid.into())?;
    let mut status = 0;
    // SAFETY: a child of ours.
    checked(unsafe { libc::waitpid(pid, &mut status, 0) }.into())?;
    if status == 0 { Ok(()) } else { Err(Error::other(format!("{path} ended with {status}"))) }
}
