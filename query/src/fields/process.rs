//! Fields of processes: `proc.*`.

use capture_format::model::{Process, Text};

use super::{Argument, Field, Read, Takes, Type, field};
use crate::value::{Value, known, owned, text};
use crate::view::ThreadView;

use Read::{Never, Row, Thread};
use Type::{Bool, Duration, Number, Percent, Time};

/// Texts joined by one blank.
fn joined(parts: &[Text]) -> Vec<u8> {
    parts.join(&b' ')
}

fn with_args(first: &[u8], process: &Process) -> Vec<u8> {
    let mut line = first.to_vec();
    for arg in process.args.iter() {
        line.push(b' ');
        line.extend_from_slice(arg);
    }
    line
}

/// `comm`; unknown ones are a text that can be compared.
pub(super) fn name<'a>(view: &ThreadView<'a>) -> &'a [u8] {
    let of_thread = view.thread.map(|thread| thread.comm.as_slice());
    let of_process = view.process.map(|process| process.comm.as_slice());
    of_thread.into_iter().chain(of_process).find(|name| !name.is_empty()).unwrap_or(b"<NA>")
}

/// A value of the ancestor the argument names, or of every ancestor.
fn of_ancestors<'a>(
    view: &ThreadView<'a>,
    level: &Argument,
    read: impl Fn(&'a Process) -> Option<Value<'a>>,
) -> Option<Value<'a>> {
    match level {
        Argument::Index(level) => read(view.ancestor(*level)?),
        _ => {
            let values: Vec<_> = view.ancestors().filter_map(read).collect();
            (!values.is_empty()).then_some(Value::Any(values))
        }
    }
}

/// A variable's value among `NAME=value` entries.
fn variable<'a>(env: &'a [Text], name: &str) -> Option<&'a [u8]> {
    env.iter().find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn env<'a>(process: &'a Process, which: &Argument) -> Option<Value<'a>> {
    match which {
        Argument::None => (!process.env.is_empty()).then(|| owned(joined(&process.env))),
        Argument::Index(index) => process.env.get(usize::try_from(*index).ok()?).map(|entry| text(entry)),
        Argument::Name(name) => variable(&process.env, name).map(text),
    }
}

/// The leader of a group or session: the process itself or an ancestor, for captures hold no other relations.
fn leader<'a>(view: &ThreadView<'a>, id: u32) -> Option<&'a Process> {
    view.nearest(|process| process.pid == id)
}

fn leader_by_vpid<'a>(view: &ThreadView<'a>) -> Option<&'a Process> {
    let own = view.process?;
    let namespace = own.namespaces[3];
    view.nearest(|process| process.vpid == own.vpgid && process.namespaces[3] == namespace)
}

/// Start of the process's pid namespace: that of its first process, when that is an ancestor.
pub(super) fn pid_namespace_start_ns(view: &ThreadView<'_>) -> Option<u64> {
    let namespace = view.process?.namespaces[3];
    let init = view.nearest(|process| process.vpid == 1 && process.namespaces[3] == namespace)?;
    view.start_ns(init)
}

fn uint<'a>(value: impl Into<u64>) -> Option<Value<'a>> {
    Some(Value::Uint(value.into()))
}

fn nonzero<'a>(value: impl Into<u64>) -> Option<Value<'a>> {
    let value = value.into();
    (value != 0).then_some(Value::Uint(value))
}

fn difference<'a>(later: u64, earlier: u64) -> Option<Value<'a>> {
    Some(Value::Int(i64::try_from(i128::from(later) - i128::from(earlier)).ok()?))
}

const TEXT: Type = Type::Text;

pub(super) const FIELDS: &[Field] = &[
    field(
        "proc.aargs",
        TEXT,
        Thread(|view, level| of_ancestors(view, level, |process| Some(owned(joined(&process.args))))),
        "Arguments of an ancestor (1 is the parent), or of any ancestor.",
    )
    .takes(Takes::MaybeIndex),
    field(
        "proc.acmdline",
        TEXT,
        Thread(|view, level| {
            of_ancestors(view, level, |process| Some(owned(with_args(&process.comm, process))))
        }),
        "Command line of an ancestor (1 is the parent), or of any ancestor.",
    )
    .takes(Takes::MaybeIndex),
    field(
        "proc.aenv",
        TEXT,
        Thread(|view, which| match which {
            Argument::Name(name) => {
                view.ancestors().find_map(|process| variable(&process.env, name)).map(text)
            }
            level => of_ancestors(view, level, |process| env(process, &Argument::None)),
        }),
        "Environment of an ancestor (1 is the parent) or of any ancestor; with a name, that variable's value in \
         the nearest ancestor that has it. Recorded on request only.",
    )
    .takes(Takes::MaybeName),
    field(
        "proc.aexe",
        TEXT,
        Thread(|view, level| of_ancestors(view, level, |process| known(&process.exe))),
        "`argv[0]` of an ancestor (1 is the parent), or of any ancestor.",
    )
    .takes(Takes::MaybeIndex),
    field(
        "proc.aexepath",
        TEXT,
        Thread(|view, level| of_ancestors(view, level, |process| known(&process.exe_path))),
        "Executable of an ancestor (1 is the parent), or of any ancestor.",
    )
    .takes(Takes::MaybeIndex),
    field(
        "proc.aname",
        TEXT,
        Thread(|view, level| of_ancestors(view, level, |process| known(&process.comm))),
        "Name of an ancestor (0 is the process itself, 1 its parent), or of any ancestor.",
    )
    .takes(Takes::MaybeIndex),
    field(
        "proc.apid",
        Number,
        Thread(|view, level| of_ancestors(view, level, |process| uint(process.pid))),
        "Process id of an ancestor (1 is the parent), or of any ancestor.",
    )
    .takes(Takes::MaybeIndex),
    field(
        "proc.args",
        TEXT,
        Thread(|view, index| {
            let args = &view.process?.args;
            Some(match index {
                Argument::Index(index) => {
                    text(usize::try_from(*index).ok().and_then(|index| args.get(index)).map_or(b"", Vec::as_slice))
                }
                _ => owned(joined(args)),
            })
        }),
        "Arguments after `argv[0]`, joined by blanks; `proc.args[N]` is one of them, counted from 0, empty when \
         there are fewer.",
    )
    .takes(Takes::MaybeIndex),
    field(
        "proc.cmdlenargs",
        Number,
        Thread(|view, _| uint(view.process?.args.iter().map(|arg| arg.len() as u64).sum::<u64>())),
        "Summed length of the arguments, without separators.",
    ),
    field(
        "proc.cmdline",
        TEXT,
        Thread(|view, _| Some(owned(with_args(name(view), view.process?)))),
        "Name and arguments, joined by blanks.",
    ),
    field(
        "proc.cmdnargs",
        Number,
        Thread(|view, _| uint(view.process?.args.len() as u64)),
        "Number of arguments, `argv[0]` not counted.",
    ),
    field("proc.cwd", TEXT, Thread(|view, _| known(&view.process?.cwd)), "Working directory."),
    field(
        "proc.duration",
        Duration,
        Row(|row, _| {
            let Some(process) = row.thread()?.process.filter(|process| process.start_ns != 0) else {
                return Ok(None);
            };
            Ok(difference(row.time_ns()?, process.start_ns))
        }),
        "Time since the start of the process, ns.",
    ),
    field(
        "proc.env",
        TEXT,
        Thread(|view, which| env(view.process?, which)),
        "Environment, joined by blanks; `proc.env[NAME]` is a variable's value, `proc.env[N]` the N-th entry. \
         Recorded on request only.",
    )
    .takes(Takes::MaybeName),
    field("proc.exe", TEXT, Thread(|view, _| known(&view.process?.exe)), "`argv[0]`."),
    field("proc.exe_ino", Number, Thread(|view, _| nonzero(view.process?.exe_ino)), "Inode of the executable."),
    field(
        "proc.exe_ino.ctime",
        Time,
        Thread(|view, _| nonzero(view.process?.exe_ctime_ns)),
        "Inode change time of the executable, ns since the epoch.",
    ),
    field(
        "proc.exe_ino.ctime_duration_pidns_start",
        Duration,
        Thread(|view, _| {
            let ctime = view.process.map(|process| process.exe_ctime_ns).filter(|&ctime| ctime != 0)?;
            difference(ctime, pid_namespace_start_ns(view)?)
        }),
        "Inode change of the executable, ns after the start of the pid namespace; negative when before.",
    ),
    field(
        "proc.exe_ino.ctime_duration_proc_start",
        Duration,
        Thread(|view, _| {
            let process = view.process.filter(|process| process.exe_ctime_ns != 0)?;
            difference(view.start_ns(process)?, process.exe_ctime_ns)
        }),
        "Start of the process, ns after the inode change of its executable.",
    ),
    field(
        "proc.exe_ino.mtime",
        Time,
        Thread(|view, _| nonzero(view.process?.exe_mtime_ns)),
        "Modification time of the executable, ns since the epoch.",
    ),
    field(
        "proc.exeline",
        TEXT,
        Thread(|view, _| {
            let process = view.process.filter(|process| !process.exe.is_empty())?;
            Some(owned(with_args(&process.exe, process)))
        }),
        "`argv[0]` and arguments, joined by blanks.",
    ),
    field(
        "proc.exepath",
        TEXT,
        Thread(|view, _| known(&view.process?.exe_path)),
        "Path of the executable, links resolved.",
    ),
    field(
        "proc.fdlimit",
        Number,
        Thread(|view, _| nonzero(view.process?.fd_limit)),
        "Most descriptors the process may have open (soft limit).",
    ),
    field("proc.fdopencount", Number, Never, "Open descriptors."),
    field("proc.fdusage", Percent, Never, "Percent of the limit of descriptors in use."),
    field("proc.is_container_healthcheck", Bool, Never, "Part of a container's health check."),
    field("proc.is_container_liveness_probe", Bool, Never, "Part of a container's liveness probe."),
    field("proc.is_container_readiness_probe", Bool, Never, "Part of a container's readiness probe."),
    field(
        "proc.is_exe_from_memfd",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.process?.exe_marks.memfd))),
        "The executable is a memfd.",
    ),
    field(
        "proc.is_exe_lower_layer",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.process?.exe_marks.overlay_lower))),
        "The executable lies in a lower layer of an overlay file system.",
    ),
    field(
        "proc.is_exe_upper_layer",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.process?.exe_marks.overlay_upper))),
        "The executable lies in the upper layer of an overlay file system.",
    ),
    field(
        "proc.is_exe_writable",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.process?.exe_marks.writable))),
        "The process's user may write the executable.",
    ),
    field(
        "proc.is_pgid_leader",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.process?.pgid == view.process?.pid))),
        "The process leads its process group.",
    ),
    field(
        "proc.is_sid_leader",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.process?.sid == view.process?.pid))),
        "The process leads its session.",
    ),
    field(
        "proc.is_uncertain",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.process?.is_uncertain))),
        "Changes of the process were lost and it was not read anew yet: its directory, identity and descriptors may be \
         those from before.",
    ),
    field(
        "proc.is_vpgid_leader",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.process?.vpgid == view.process?.vpid))),
        "The process leads its process group, seen from its pid namespace.",
    ),
    field(
        "proc.loginshellid",
        Number,
        Thread(|view, _| {
            let line = view.process.into_iter().chain(view.ancestors());
            uint(line.filter(|process| process.comm.ends_with(b"sh")).last()?.pid)
        }),
        "Process id of the oldest ancestor whose name ends in `sh`.",
    ),
    field(
        "proc.name",
        TEXT,
        Thread(|view, _| Some(text(name(view)))),
        "Name of the thread (`comm`, 15 characters), `<NA>` when the capture does not know it.",
    ),
    field("proc.nchilds", Number, Never, "Threads besides the main one."),
    field("proc.nthreads", Number, Never, "Threads."),
    field(
        "proc.pcmdline",
        TEXT,
        Thread(|view, _| {
            let parent = view.parent()?;
            Some(owned(with_args(&parent.comm, parent)))
        }),
        "Command line of the parent.",
    ),
    field("proc.pexe", TEXT, Thread(|view, _| known(&view.parent()?.exe)), "`argv[0]` of the parent."),
    field("proc.pexepath", TEXT, Thread(|view, _| known(&view.parent()?.exe_path)), "Executable of the parent."),
    field("proc.pgid", Number, Thread(|view, _| uint(view.process?.pgid)), "Process group id."),
    field(
        "proc.pgid.exe",
        TEXT,
        Thread(|view, _| known(&leader(view, view.process?.pgid)?.exe)),
        "`argv[0]` of the group's leader, when that is the process or an ancestor.",
    ),
    field(
        "proc.pgid.exepath",
        TEXT,
        Thread(|view, _| known(&leader(view, view.process?.pgid)?.exe_path)),
        "Executable of the group's leader, when that is the process or an ancestor.",
    ),
    field(
        "proc.pgid.name",
        TEXT,
        Thread(|view, _| known(&leader(view, view.process?.pgid)?.comm)),
        "Name of the group's leader, when that is the process or an ancestor.",
    ),
    field("proc.pid", Number, Thread(|view, _| uint(view.process?.pid)), "Process id."),
    field(
        "proc.pid.ts",
        Time,
        Thread(|view, _| uint(view.start_ns(view.process?)?)),
        "Start of the process, ns since the epoch.",
    ),
    field(
        "proc.pidns_init_start_ts",
        Time,
        Thread(|view, _| uint(pid_namespace_start_ns(view)?)),
        "Start of the pid namespace's first process, when that is an ancestor; ns since the epoch.",
    ),
    field("proc.pname", TEXT, Thread(|view, _| known(&view.parent()?.comm)), "Name of the parent."),
    field("proc.ppid", Number, Thread(|view, _| uint(view.process?.ppid)), "Process id of the parent."),
    field(
        "proc.ppid.duration",
        Duration,
        Row(|row, _| {
            let Some(parent) = row.thread()?.parent().filter(|parent| parent.start_ns != 0) else {
                return Ok(None);
            };
            Ok(difference(row.time_ns()?, parent.start_ns))
        }),
        "Time since the start of the parent, ns.",
    ),
    field(
        "proc.ppid.ts",
        Time,
        Thread(|view, _| uint(view.start_ns(view.parent()?)?)),
        "Start of the parent, ns since the epoch.",
    ),
    field(
        "proc.pvpid",
        Number,
        Thread(|view, _| uint(view.parent()?.vpid)),
        "Process id of the parent in its pid namespace.",
    ),
    field("proc.sid", Number, Thread(|view, _| uint(view.process?.sid)), "Session id."),
    field(
        "proc.sid.exe",
        TEXT,
        Thread(|view, _| known(&leader(view, view.process?.sid)?.exe)),
        "`argv[0]` of the session's leader, when that is the process or an ancestor.",
    ),
    field(
        "proc.sid.exepath",
        TEXT,
        Thread(|view, _| known(&leader(view, view.process?.sid)?.exe_path)),
        "Executable of the session's leader, when that is the process or an ancestor.",
    ),
    field(
        "proc.sname",
        TEXT,
        Thread(|view, _| known(&leader(view, view.process?.sid)?.comm)),
        "Name of the session's leader, when that is the process or an ancestor.",
    ),
    field("proc.stderr.name", TEXT, Never, "Name of descriptor 2."),
    field("proc.stderr.type", TEXT, Never, "Type of descriptor 2."),
    field("proc.stdin.name", TEXT, Never, "Name of descriptor 0."),
    field("proc.stdin.type", TEXT, Never, "Type of descriptor 0."),
    field("proc.stdout.name", TEXT, Never, "Name of descriptor 1."),
    field("proc.stdout.type", TEXT, Never, "Type of descriptor 1."),
    field(
        "proc.tty",
        Number,
        Thread(|view, _| uint(view.process?.tty)),
        "Controlling terminal as a device number, 0 for none.",
    ),
    field("proc.vmrss", Number, Never, "Resident memory, kB."),
    field("proc.vmsize", Number, Never, "Virtual memory, kB."),
    field("proc.vmswap", Number, Never, "Swapped memory, kB."),
    field(
        "proc.vpgid",
        Number,
        Thread(|view, _| uint(view.process?.vpgid)),
        "Process group id in the pid namespace.",
    ),
    field(
        "proc.vpgid.exe",
        TEXT,
        Thread(|view, _| known(&leader_by_vpid(view)?.exe)),
        "`argv[0]` of the leader of that group, when that is the process or an ancestor.",
    ),
    field(
        "proc.vpgid.exepath",
        TEXT,
        Thread(|view, _| known(&leader_by_vpid(view)?.exe_path)),
        "Executable of the leader of that group, when that is the process or an ancestor.",
    ),
    field(
        "proc.vpgid.name",
        TEXT,
        Thread(|view, _| known(&leader_by_vpid(view)?.comm)),
        "Name of the leader of that group, when that is the process or an ancestor.",
    ),
    field("proc.vpid", Number, Thread(|view, _| uint(view.process?.vpid)), "Process id in its pid namespace."),
];
