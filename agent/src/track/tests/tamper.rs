//! Attempts on the recording: each kind of reach for it is told behind its call, and nothing else is.

use wire::record::{SECTION_GIVEN, SECTION_OPENED, SECTION_OPERATION};
use wire::uring::IMAGE_BYTES;
use wire::{FileFacts, RecordType};

use super::fake_proc::FakeProc;
use super::machine::{CWD, Call, Machine, options};
use crate::own::{ObjectKind, Own, OwnFile, OwnFiles};
use crate::selection::Selection;

/// The agent, one of its threads, and its process group.
const AGENT: u32 = 700;
const THREAD: u32 = 701;
const GROUP: u32 = 650;

const MAP: u32 = 33;
const PROGRAM: u32 = 44;
const LINK: u32 = 55;

const CAPTURE: &str = "/srv/x.reel";
const INODE: u64 = 4711;

const UPDATE: u64 = 2;
const PIN: u64 = 6;
const MAP_BY_ID: u64 = 14;
const PROGRAM_BY_ID: u64 = 13;
const LINK_BY_ID: u64 = 30;
const DELETE_BATCH: u64 = 27;

struct Scene {
    m: Machine,
    _proc: FakeProc,
    files: OwnFiles,
}

fn scene(name: &str) -> Scene {
    scene_of(name, Selection::default())
}

fn scene_of(name: &str, selection: Selection) -> Scene {
    let proc = FakeProc::new(name);
    proc.process(AGENT, 1, "sysreel-agent");
    let stat = std::fs::read_to_string(proc.0.join(format!("{AGENT}/stat"))).expect("it was written");
    let (front, rest) = stat.split_once(") ").expect("a name in brackets");
    let mut words: Vec<String> = rest.split(' ').map(str::to_owned).collect();
    words[2] = GROUP.to_string();
    proc.write(&format!("{AGENT}/stat"), &format!("{front}) {}", words.join(" ")));
    proc.write(&format!("{AGENT}/task/{THREAD}/comm"), "sysreel-writer\n");
    proc.write(&format!("{AGENT}/cgroup"), "4:freezer:/box/agent\n0::/system.slice/agent.service\n");
    let status = "Name:\tsysreel-agent\nNSpid:\t700\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n";
    proc.write(&format!("{AGENT}/task/{AGENT}/status"), status);
    let files = OwnFiles::default();
    files.insert(OwnFile { path: CAPTURE.as_bytes().to_vec(), ino: INODE, dev: 9, since_ns: 0 });
    let objects = [
        ((ObjectKind::Map, MAP), "RINGS"),
        ((ObjectKind::Program, PROGRAM), "sys_exit"),
        ((ObjectKind::Link, LINK), "sys_exit"),
    ];
    let objects = objects.into_iter().map(|(object, name)| (object, name.to_owned())).collect();
    let own = Own { pid: AGENT, objects, files: files.clone() };
    let mut m = Machine::with_options(crate::track::TrackerOptions { own, selection, ..options(&proc.0) });
    m.exec(10, "/usr/bin/bash", &["bash"]);
    m.lines();
    Scene { m, _proc: proc, files }
}

impl Scene {
    /// What is told of besides a call.
    #[track_caller]
    fn check(&mut self, call: Call, told: &str) {
        self.m.call(call);
        let lines = self.m.lines();
        let of_it: Vec<&str> = lines.lines().skip(1).collect();
        assert_eq!(of_it.join("\n"), told, "{lines}");
    }

    #[track_caller]
    fn plain(&mut self, name: &'static str, args: &[u64], result: i64, told: &str) {
        self.check(Call::new(10, name, args, result), told);
    }
}

fn bpf(command: u64, attributes: &[u32], result: i64) -> Call {
    let attributes: Vec<u8> = attributes.iter().flat_map(|word| word.to_ne_bytes()).collect();
    Call::new(10, "bpf", &[command, 0x1000, 64], result).data(1, attributes)
}

fn opened(path: &str, flags: i32, result: i64) -> Call {
    let call = Call::new(10, "openat", &[CWD, 0x1000, flags as u64, 0], result);
    call.data(1, format!("{path}\0"))
}

fn own_file() -> FileFacts {
    FileFacts { ino: INODE, dev: 9, mode: 0o100600, ..FileFacts::default() }
}

#[test]
fn a_number_that_was_another_files_before_is_not_the_captures() {
    let mut s = scene("tamper-inode");
    let later = OwnFile { path: b"/new.reel".to_vec(), ino: 4712, dev: 9, since_ns: u64::MAX };
    let earlier = OwnFile { path: b"/old.reel".to_vec(), ino: 4713, dev: 9, since_ns: 0 };
    s.files.insert(later);
    s.files.insert(earlier);
    let open = |ino| opened("/tmp/other", libc::O_WRONLY, 3).file(FileFacts { ino, ..own_file() });
    s.check(open(4712), "");
    s.m.call(open(4713));
    assert!(s.m.lines().contains("file_opened capture:/old.reel"));
}

#[test]
fn objects_are_followed_from_hand_to_hand() {
    let mut s = scene("tamper-bpf");
    s.check(bpf(MAP_BY_ID, &[MAP + 1, 0, 0], 3), "");
    s.check(bpf(UPDATE, &[3, 0], 0), "");
    let opened = "bash:10 tamper = 0 bpf bpf-map (map:RINGS) map_opened map:RINGS Int(33) Int(0) bpf";
    s.check(bpf(MAP_BY_ID, &[MAP, 0, 0], 4), opened);
    let changed = "bash:10 tamper = 0 bpf bpf-map (map:RINGS) map_changed map:RINGS Int(33) Int(0) bpf";
    s.check(bpf(UPDATE, &[4, 0], 0), changed);
    s.plain("dup", &[4], 5, "");
    let pinned = "bash:10 tamper = -1 bpf bpf-map (map:RINGS) object_pinned map:RINGS Int(33) Int(0) bpf";
    s.check(bpf(PIN, &[0, 0, 5, 0], -1), pinned);
    s.m.fork(10, 11, 11, 10, 0);
    s.m.lines();
    let batch = [0, 0, 0, 0, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0];
    let child = "child:11 tamper = 0 bpf bpf-map (map:RINGS) map_changed map:RINGS Int(33) Int(0) bpf";
    let call = bpf(DELETE_BATCH, &batch, 0);
    s.check(Call::of(11, call), child);
    let mapped = "bash:10 tamper = 0 bpf bpf-map (map:RINGS) map_mapped map:RINGS Int(33) Int(0) mmap";
    s.plain("mmap", &[0, 4096, 3, 1, 5, 0], 0x7000, mapped);
    s.plain("mmap", &[0, 4096, 1, 1, 5, 0], 0x7000, "");
    s.plain("close", &[5], 0, "");
    s.check(bpf(UPDATE, &[5, 0], -9), "");
    let program = "bash:10 tamper = 0 bpf bpf-prog (program:sys_exit) program_opened program:sys_exit Int(44) Int(0) bpf";
    s.check(bpf(PROGRAM_BY_ID, &[PROGRAM, 0, 0], 6), program);
    // A number of another class.
    s.check(bpf(LINK_BY_ID, &[PROGRAM, 0, 0], 6), "");
    let refused = "bash:10 tamper = -1 link_opened link:sys_exit Int(55) Int(0) bpf";
    s.check(bpf(LINK_BY_ID, &[LINK, 0, 0], -1), refused);
}

#[test]
fn signals_and_what_else_reaches_a_process() {
    let mut s = scene("tamper-signals");
    let agent = u64::from(AGENT);
    let told = |how: &str, signal: i32, call: &str, result: i64| {
        format!("bash:10 tamper = {result} {how} agent Int({agent}) Int({signal}) {call}")
    };
    s.plain("kill", &[agent, 0], 0, "");
    s.plain("kill", &[agent + 5, 9], 0, "");
    s.plain("kill", &[agent, 9], 0, &told("signalled", 9, "kill", 0));
    s.plain("kill", &[agent, 9], -1, &told("signalled", 9, "kill", -1));
    s.plain("tkill", &[u64::from(THREAD), 19], 0, &told("signalled", 19, "tkill", 0));
    s.plain("tgkill", &[agent, u64::from(THREAD), 19], 0, &told("signalled", 19, "tgkill", 0));
    s.plain("kill", &[-i64::from(GROUP) as u64, 15], 0, &told("signalled", 15, "kill", 0));
    s.plain("kill", &[-i64::from(GROUP) as u64, 15], -1, "");
    s.plain("kill", &[-1_i64 as u64, 15], 0, &told("signalled", 15, "kill", 0));
    s.plain("kill", &[0, 15], 0, "");
    s.plain("kill", &[10, 15], 0, "");
    s.plain("ptrace", &[0x4206, agent, 0, 0], 0, &told("traced", 0, "ptrace", 0));
    s.plain("ptrace", &[1, agent, 0, 0], 0, "");
    s.plain("ptrace", &[5, agent, 0, 0], 0, &told("memory_written", 0, "ptrace", 0));
    s.plain(
        "process_vm_writev",
        &[agent, 0, 1, 0, 1, 0],
        8,
        &told("memory_written", 0, "process_vm_writev", 0),
    );
    s.plain("prlimit64", &[agent, 7, 0, 0x1000], 0, "");
    s.plain("prlimit64", &[agent, 7, 0x1000, 0], 0, &told("limits_changed", 0, "prlimit64", 0));
    s.plain("prlimit64", &[0, 7, 0x1000, 0], 0, "");
    s.plain("sched_setattr", &[agent, 0x1000, 0], 0, &told("limits_changed", 0, "sched_setattr", 0));
    s.plain("setpriority", &[0, agent, 19], 0, &told("limits_changed", 0, "setpriority", 0));
    s.plain("setpriority", &[0, 0, 19], 0, "");
    s.plain("ioprio_set", &[0x8000_0000, agent, 0], -22, "");
    s.plain("ioprio_set", &[2, u64::from(GROUP), 0], 0, &told("limits_changed", 0, "ioprio_set", 0));
    s.plain("pidfd_open", &[agent, 0], 3, "");
    let signalled = format!("bash:10 tamper = 0 signalled agent Int({agent}) Int(9) pidfd_send_signal");
    s.plain("pidfd_send_signal", &[3, 9, 0, 0], 0, &signalled);
    let taken = format!("bash:10 tamper = 0 descriptor_taken agent Int({agent}) Int(0) pidfd_getfd");
    s.plain("pidfd_getfd", &[3, 8, 0], 5, &taken);
}

#[test]
fn the_capture_is_known_by_inode_and_by_name() {
    let mut s = scene("tamper-capture");
    let write = libc::O_WRONLY;
    let event = |how: &str, call: &str| {
        format!("bash:10 tamper = 0 {how} capture:{CAPTURE} Int({INODE}) Int(0) {call}")
    };
    let about_it = |how: &str, call: &str, file: &str| {
        format!("bash:10 tamper = 0 {file} {how} capture:{CAPTURE} Int({INODE}) Int(0) {call}")
    };
    // Reading it is everybody's right.
    s.check(opened(CAPTURE, libc::O_RDONLY, 3).file(own_file()), "");
    let by_link = about_it("file_opened", "openat", "file /tmp/link #4711");
    s.check(opened("/tmp/link", write, 4).file(own_file()), &by_link);
    let written = about_it("file_written", "write", "file /tmp/link #4711");
    s.check(Call::new(10, "write", &[4, 0x1000, 5], 5).data(1, "hello"), &written);
    let cut = about_it("file_truncated", "ftruncate", "file /tmp/link #4711");
    s.plain("ftruncate", &[4, 0], 0, &cut);
    // Another file under the same name.
    let other = FileFacts { ino: 1, ..own_file() };
    s.check(opened(CAPTURE, write, 5).file(other), "");
    let refused = format!(
        "bash:10 tamper = -13 file {CAPTURE} file_truncated capture:{CAPTURE} Int({INODE}) Int(0) openat"
    );
    s.check(opened(CAPTURE, write | libc::O_TRUNC, -13), &refused);
    let path = |name: &'static str, args: &[u64], paths: &[(u8, &str)]| {
        let call = Call::new(10, name, args, 0);
        paths.iter().fold(call, |call, (at, path)| call.data(*at, format!("{path}\0")))
    };
    s.check(path("truncate", &[1, 0], &[(0, CAPTURE)]), &event("file_truncated", "truncate"));
    s.check(path("unlink", &[1], &[(0, "/srv/y.reel")]), "");
    s.check(path("unlinkat", &[CWD, 1, 0], &[(1, "../../srv/./x.reel")]), &event("file_removed", "unlinkat"));
    s.check(path("rename", &[1, 2], &[(0, "/tmp/new"), (1, CAPTURE)]), &event("file_replaced", "rename"));
    s.check(path("rename", &[1, 2], &[(0, "/srv"), (1, "/old")]), &event("file_renamed", "rename"));
    assert_eq!(s.files.list()[0].path, b"/old/x.reel");
    let moved = format!("bash:10 tamper = 0 file_removed capture:/old/x.reel Int({INODE}) Int(0) unlink");
    s.check(path("unlink", &[1], &[(0, "/old/x.reel")]), &moved);
}

#[test]
fn what_the_kernel_offers_about_the_agent_as_files() {
    let mut s = scene("tamper-proc");
    let write = libc::O_RDWR;
    let event = |how: &str, object: &str, path: &str| {
        format!("bash:10 tamper = 0 file {path} {how} {object} Int({AGENT}) Int(0) openat")
    };
    for (path, how, object) in [
        (format!("/proc/{AGENT}/mem"), "memory_opened", "agent"),
        (format!("/host/proc/{AGENT}/task/{THREAD}/mem"), "memory_opened", "agent"),
        (format!("/proc/{AGENT}/oom_score_adj"), "settings_opened", "agent:oom_score_adj"),
        (
            "/sys/fs/cgroup/system.slice/cgroup.freeze".to_owned(),
            "cgroup_opened",
            "cgroup:/sys/fs/cgroup/system.slice/cgroup.freeze",
        ),
        (
            "/sys/fs/cgroup/freezer/box/agent/freezer.state".to_owned(),
            "cgroup_opened",
            "cgroup:/sys/fs/cgroup/freezer/box/agent/freezer.state",
        ),
    ] {
        s.check(opened(&path, write, 3), &event(how, object, &path));
        s.plain("close", &[3], 0, "");
    }
    for path in [
        format!("/proc/{AGENT}/fd/4"),
        "/proc/10/mem".to_owned(),
        "/proc/self/mem".to_owned(),
        format!("/home/{AGENT}/mem"),
        "/sys/fs/cgroup/user.slice/cgroup.freeze".to_owned(),
        "/sys/fs/cgroup/system.slice/agent.service/io.stat".to_owned(),
        "/sys/fs/cgroup/cgroup.freeze".to_owned(),
    ] {
        s.check(opened(&path, write, 3), "");
        s.plain("close", &[3], 0, "");
    }
    s.check(opened(&format!("/proc/{AGENT}/mem"), libc::O_RDONLY, 3), "");
    let by_link = opened("/tmp/link", write, 3).data(SECTION_OPENED, format!("mem\0{AGENT}\0proc\0"));
    s.check(
        by_link.data(SECTION_GIVEN, [0; 16]),
        &event("memory_opened", "agent", &format!("/tmp/link -> /proc/{AGENT}/mem")),
    );
}

#[test]
fn an_operation_of_a_ring_is_told_like_a_call() {
    let mut s = scene("tamper-uring");
    let mut image = [0; IMAGE_BYTES];
    image[0] = 36;
    let path = format!("{CAPTURE}\0");
    let sections: [(u8, &[u8]); 2] = [(SECTION_OPERATION, &image), (1, path.as_bytes())];
    s.m.uring(RecordType::UringSubmit, 36, 10, 0, &[0x100, 0x5000], &sections);
    s.m.uring(RecordType::UringComplete, 36, 4000, 0, &[0x100, 0x5000, 0, 0], &[]);
    let lines = s.m.lines();
    assert!(
        lines.contains("tamper = 0 file_removed capture:/srv/x.reel Int(4711) Int(0) unlinkat"),
        "{lines}"
    );
}

#[test]
fn what_is_not_selected_is_told_besides() {
    let mut s = scene_of("tamper-unselected", "execve".parse().expect("a list"));
    s.m.quiet(Call::new(10, "kill", &[u64::from(AGENT), 9], 0));
    assert_eq!(s.m.lines(), "");
    assert_eq!(s.m.attempts(), [("bash:10 signalled agent".to_owned(), false)]);
    s.m.found_tampering("map_changed", "map:CALLS");
    assert_eq!((s.m.lines(), s.m.attempts().len()), (String::new(), 1));
    let mut s = scene("tamper-found");
    s.m.found_tampering("map_changed", "map:CALLS");
    assert_eq!(s.m.lines(), "nobody tamper");
}
