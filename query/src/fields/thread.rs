//! Fields of threads, users and groups: `thread.*`, `user.*`, `group.*`.

use super::{Field, Read, Takes, Type, Usage, field};
use crate::render::capability_names;
use crate::value::{Value, known, owned};
use crate::view::ThreadView;

use Read::{Never, Thread};
use Type::{Bool, Duration, Number, Percent, Text};

fn user<'a>(view: &ThreadView<'a>, uid: u32) -> Option<&'a capture_format::model::User> {
    view.recording.entities.user(uid)
}

fn uid(view: &ThreadView<'_>) -> Option<u32> {
    Some(view.thread?.credentials.uid)
}

fn gid(view: &ThreadView<'_>) -> Option<u32> {
    Some(view.thread?.credentials.gid)
}

fn number<'a>(value: impl Into<u64>) -> Option<Value<'a>> {
    Some(Value::Uint(value.into()))
}

pub(super) const FIELDS: &[Field] = &[
    field(
        "thread.cap_effective",
        Text,
        Thread(|view, _| Some(owned(capability_names(view.thread?.credentials.cap_effective)))),
        "Effective capabilities, names joined by blanks.",
    ),
    field(
        "thread.cap_inheritable",
        Text,
        Thread(|view, _| Some(owned(capability_names(view.thread?.credentials.cap_inheritable)))),
        "Inheritable capabilities, names joined by blanks.",
    ),
    field(
        "thread.cap_permitted",
        Text,
        Thread(|view, _| Some(owned(capability_names(view.thread?.credentials.cap_permitted)))),
        "Permitted capabilities, names joined by blanks.",
    ),
    field(
        "thread.cgroup",
        Text,
        Thread(|view, _| known(&view.process?.cgroup)),
        "Path of the control group. Captures hold the one of the v2 hierarchy (of a v1 hierarchy where only that \
         tells), so it is the same for every subsystem named.",
    )
    .takes(Takes::Name),
    field(
        "thread.cgroups",
        Text,
        Thread(|view, _| known(&view.process?.cgroup)),
        "Path of the control group, as `thread.cgroup`.",
    ),
    field("thread.cpu", Percent, Never, "CPU used in the last interval, percent."),
    field("thread.cpu.system", Percent, Never, "CPU used in the kernel in the last interval, percent."),
    field("thread.cpu.user", Percent, Never, "CPU used in user space in the last interval, percent."),
    field("thread.exectime", Duration, Never, "CPU time since the thread was last scheduled, ns."),
    field(
        "thread.ismain",
        Bool,
        Thread(|view, _| Some(Value::Bool(view.thread?.tid == view.process?.pid))),
        "The thread is its process's main thread.",
    ),
    field(
        "thread.nametid",
        Text,
        Thread(|view, _| {
            let mut text = super::process::name(view).to_vec();
            text.extend_from_slice(view.thread?.tid.to_string().as_bytes());
            Some(owned(text))
        }),
        "Name and thread id in one text.",
    )
    .usage(Usage::Hidden),
    field("thread.pfmajor", Number, Never, "Major page faults."),
    field("thread.pfminor", Number, Never, "Minor page faults."),
    field("thread.tid", Number, Thread(|view, _| number(view.thread?.tid)), "Thread id."),
    field("thread.totexectime", Duration, Never, "CPU time since recording began, ns."),
    field("thread.vmrss", Number, Never, "Resident memory, kB."),
    field("thread.vmrss.b", Number, Never, "Resident memory, bytes.").usage(Usage::Hidden),
    field("thread.vmsize", Number, Never, "Virtual memory, kB."),
    field("thread.vmsize.b", Number, Never, "Virtual memory, bytes.").usage(Usage::Hidden),
    field(
        "thread.vtid",
        Number,
        Thread(|view, _| number(view.thread?.vtid)),
        "Thread id in its pid namespace.",
    ),
    field(
        "user.homedir",
        Text,
        Thread(|view, _| known(&user(view, uid(view)?)?.home)),
        "Home directory of the thread's user.",
    ),
    field(
        "user.loginname",
        Text,
        Thread(|view, _| known(&user(view, view.process?.loginuid)?.name)),
        "Name of the user who logged in.",
    ),
    field(
        "user.loginuid",
        Number,
        Thread(|view, _| {
            let loginuid = view.process?.loginuid;
            Some(Value::Int(if loginuid == u32::MAX { -1 } else { loginuid.into() }))
        }),
        "Id of the user who logged in (audit id), -1 when none did.",
    ),
    field("user.name", Text, Thread(|view, _| known(&user(view, uid(view)?)?.name)), "Name of the thread's user."),
    field("user.shell", Text, Thread(|view, _| known(&user(view, uid(view)?)?.shell)), "Shell of the thread's user."),
    field("user.uid", Number, Thread(|view, _| number(uid(view)?)), "User id of the thread."),
    field("group.gid", Number, Thread(|view, _| number(gid(view)?)), "Group id of the thread."),
    field(
        "group.name",
        Text,
        Thread(|view, _| known(&view.recording.entities.group(gid(view)?)?.name)),
        "Name of the thread's group.",
    ),
];
