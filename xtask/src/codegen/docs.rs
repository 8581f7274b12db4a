//! The tables as documentation: `docs/events.md`.

use std::fmt::Write;

use super::rust::structure_name;
use super::tables::{COMMON_ARGS, Call, Field, MACHINES, Number, Tables};

/// What kernel events mean.
const KERNEL_EVENTS: &str = "
The thread of a `tcp_*` event is the one that made the last call on the connection; before anybody has accepted it, the
one that listens on its port; none where neither is known. `rtt_us` is the smoothed round trip time. `sent` and `received`
count as `TCP_INFO` does (RFC 4898): bytes the peer acknowledged and bytes received, the beginning and the end of the
connection as one each.

A `tcp_reset` that answers a segment for which there is no socket (a closed port) has no thread, the state CLOSE, and the
segment's addresses; before Linux 6.10 the kernel tells of resets only where there is a socket.

A `packet_drop` is an IP packet that the kernel dropped. `reason` is the running kernel's own word for why (its
`enum skb_drop_reason` without the prefix; a number where a module has reasons of its own): kept as text, because kernels
number their reasons differently. Linux before 5.17 knows no reasons, and then it is NULL. `incoming` says that the packet came
in from a device, `dev` names the device as far as the packet still is on one, `size` is the packet's length at the layer that
dropped it. The descriptor shows its two ends, local one first; its thread is that of the socket it came from or was meant for, which
the kernel tells for incoming packets from 6.11 on; before, a TCP packet is put down to who listens on its port. What is left
unread when a socket is closed is dropped as well, mostly as NOT_SPECIFIED.

A `dns` stands behind the call by which a DNS message was sent or received on a UDP or TCP socket with one of the ports 53,
5353 (multicast) and 5355 (LLMNR): `write`, `writev`, `sendto`, `sendmsg`, `sendmmsg`, and their counterparts. It has that call's
time, thread and descriptor, also where the calls themselves are not recorded. The latency of an answer (`evt.latency`) is the time
since its query went the other way on the same socket: on the client's side how long it waited, on the server's how long it took.
`name` is the question's, spelled as it was sent; bytes that would be taken for something else are numbers (`\\046` is a dot
inside a label). `answers` are addresses as they are, other records behind their type; `...` stands for what is not shown, because
the message was cut or is too long. Of what looks like a DNS message 1,232 bytes are kept where the snap length is less; below
a snap length of 14, and while the agent leaves out data to keep its budget, DNS is not seen in longer messages. Messages
looked at with MSG_PEEK make no event.

A signal that ends a process is delivered to each of its threads, with the number of the signal that began it. Who sent
that the kernel does not keep: it is noted when the signal is sent, and `spid` is then the host's number of the process, where other
signals have the number that the receiver sees. `suid` is 4294967295 where the note is gone. Threads that end because another one
called `exit_group` get a SIGKILL of the kernel's own.

An `oom_kill` is of the process that the kernel ends for lack of memory; `trigger` is the process that asked for memory when there
was none. `module_load`, `module_unload`, `cgroup_mkdir`, `cgroup_rmdir` and `cgroup_rename` (the new path; v1 only) are of whose
call brings them about; paths of control groups are those in their hierarchy.

An `exec_map` stands behind an `mmap`, `mprotect` or `pkey_mprotect` that made memory executable. `memory` is `file` (the descriptor
tells which), `anonymous`, or `changed` for memory that was there before. Programs map their libraries so; anonymous or changed
memory, and PROT_WRITE beside PROT_EXEC, is code that a program makes: a compiler at run time, or what was injected.

A `tamper` stands behind a call by which another process reached for the recording itself, through `io_uring` as well; `res` is
negative when it failed, which is an attempt all the same. `object` is `agent`, `map:NAME`, `program:NAME`, `link:NAME`,
`capture:PATH`, `cgroup:PATH`, or `agent:FILE` for a file of the agent's in `/proc`; `id` is the process id, the kernel's number of
the object, or the inode number of the capture. `how` is one of:

| how | what happened |
| --- | --- |
| `map_opened`, `program_opened`, `link_opened` | somebody has, or asked for, a descriptor of an object of ours, by its id |
| `map_changed` | an element was set or deleted through such a descriptor, by whichever way it came to the process |
| `map_frozen`, `map_mapped` | a map was made read-only, or mapped to be written |
| `link_changed`, `program_used`, `object_pinned` | a link updated or taken off, a program run or attached elsewhere, an object pinned |
| `signalled` | a signal (`sig`) to the agent, one of its threads, its group, or everybody; SIGINT and SIGTERM, which end it cleanly, too |
| `traced`, `memory_opened`, `memory_written` | `ptrace`, `/proc/PID/mem`, `process_vm_writev` |
| `descriptor_taken` | `pidfd_getfd` on the agent; `object` is what it got |
| `limits_changed` | resources, scheduling, priority or CPUs of the agent |
| `settings_opened`, `settings_written` | a file of the agent's in `/proc` (`oom_score_adj`, ...) for writing |
| `cgroup_opened` | a file that freezes, ends or starves the agent's control group, or one above it, for writing |
| `file_opened`, `file_written`, `file_mapped`, `file_truncated` | the capture, for writing; the written is told where the call is recorded |
| `file_removed`, `file_renamed`, `file_replaced` | the capture's name; also a folder's above it |

The calls that may be one are looked at whatever is selected; a filter or `--calls` that leaves the event out leaves a mark of kind
`tamper` in the capture (`sysreel info`), and in any case the agent says it on stderr. SIGHUP, SIGINT and SIGTERM, which tell the
agent what to do, are such events too, for who ended a recording is worth knowing, but it does not count them as attempts. A signal that the agent cannot answer,
SIGKILL, ends it before it has read of the call: a small process of its own, `sysreel-heir`, outlives it, and its last line of the
capture says who sent the signal (`the recording was ended by signal 9 by bash (process 4711, user 0)`; so it does of the kernel, when
memory is short). What was not yet written is lost; a second agent's recording shows the call as well. A recording of a command sees
what that command does.
A `tamper` without a thread is what the agent found by looking, `call` being empty then: `map_changed` when the rings hold what no
program of ours can have written, or a table that the agent writes is not as it was written, and `file_removed`, `file_truncated`
and `file_written` when the capture is not as it was left: recording goes on in a new file then. `heir_ended` says that nobody will
tell of an end by force any more.

`page_fault` (x86-64 only), `sched_switch` and `off_cpu` are recorded only when they are named (`--calls '!read,off_cpu'`, or
a filter with `evt.type=off_cpu`): there are very many. A `sched_switch` is of the thread that leaves the CPU, with its state (0 when
it would run on) and the thread that follows. An `off_cpu` is of a thread that is back on a CPU: its latency is how long the thread was
away, `state` and `preempted` say how it left, and `prev` is the thread that was on this CPU before it, 0 if none was.
";

/// What operations of `io_uring` are.
const OPERATIONS: &str = "
An operation that a program has an `io_uring` do is one event, made when it completes, with the name of the system call
that does the same and `evt.source` `io_uring`. Its thread is the one that submitted it; of a ring that a thread of the
kernel polls, the first one of the process that made the ring. The latency counts from the submission. One with several
completions (multishot) is an event for each. One that says nothing when it succeeds (`IOSQE_CQE_SKIP_SUCCESS`) is an
event without a result when it is submitted, and another one if it fails. One that has not completed when recording ends
has no result either. Arguments are the operation's own, and `sqe_flags`, `user_data` and `cqe_flags`, the flags of the
completion; a completion whose submission was not recorded has `user_data`, `cqe_flags` and `submission` alone, and is named
`io_uring_complete` where the kernel does not tell the operation. Opcodes that no line has are recorded as
`io_uring_op_OPCODE`, with members of the entry for arguments.

With `IOSQE_FIXED_FILE` among `sqe_flags` a descriptor is an index in the ring's own table, of which `fd.name` is told by
the kernel. A `slot` that is not 0 puts what was opened into that table, not into that of the process.
";

/// The page.
pub(crate) fn render(tables: &Tables) -> String {
    let mut page = String::from(HEAD);
    page.push_str(
        "## Kernel events\n\n| event | category | arguments | result |\n| --- | --- | --- | --- |\n",
    );
    for event in &tables.events {
        line(
            &mut page,
            format_args!(
                "| `{}` | {} | {} | {} |",
                event.name,
                event.category,
                arguments(&event.args),
                event.result.as_deref().unwrap_or_default()
            ),
        );
    }
    page.push_str(KERNEL_EVENTS);
    page.push_str("\n## System calls\n\n");
    line(
        &mut page,
        format_args!("| event | {} | category | descriptor | arguments | result |", MACHINES.join(" | ")),
    );
    page.push_str("| --- | --: | --: | --: | --: | --- | --- | --- | --- |\n");
    for call in &tables.calls {
        let numbers: Vec<String> = call.numbers.iter().map(|numbers| texts(numbers)).collect();
        line(
            &mut page,
            format_args!(
                "| `{}` | {} | {} | {} | {} | {} |",
                call.name,
                numbers.join(" | "),
                call.category,
                descriptor(call),
                arguments(&call.args),
                call.result
            ),
        );
    }
    operations(&mut page, tables);
    choices(&mut page, tables);
    structures(&mut page, tables);
    sets(&mut page, tables);
    page
}

const HEAD: &str = "# Events

<!-- Generated by `cargo xtask codegen` from capture-format/schema. Change the tables there, not this page. -->

Every event that a capture can hold: its name (`evt.type`), category (`evt.category`), arguments (`evt.arg.NAME`) and
where the descriptor stands that `fd.*` fields describe. A number like 102.3 is call 3 of `socketcall` (102) or `ipc` (117); captures have it
as `3 << 9 | 102`. A call whose arguments differ between machines has several
lines. Numbers that no line has are recorded as `syscall_NUMBER` with six hexadecimal arguments, `arg0` to `arg5`.

How to read an argument's kind:

| kind | meaning |
| --- | --- |
| `flags(SET)`, `enum(SET)` | named by a set at the end of this page; on arm machines by `SET.arm` where there is one |
| `path(N)` | a path that starts at the directory descriptor in argument N (counted from 0) |
| `sockopt(N)` | a socket option; argument N is its level |
| `by(N,TABLE)`, `by(N+M,TABLE)` | what a table below says for the value of argument N, or of N and M |
| `num(N,TABLE)`, `num(N+M,TABLE)` | the same, where all that the table says are numbers |
| `bits` | a set of small numbers: those whose bits are set |
| `struct(NAME)` | a structure, shown field by field |
| `parts`, `msghdr` | the data of all parts, joined, and the lengths of the first 16 |
| `mmsghdr` | several messages, one behind the other |
| `<in:..>`, `<out:..>` | how much is read from memory: before the call's effect, or what the call left there |
| a number, `N`, `2N` | so many bytes; as many as the structure has; as two of them have |
| `argN`, `ret`, `*argN` | as many as argument N says, as the result says, as the number says that argument N points to |
| `argN*N`, `ret*N` | that many structures |
| `argN@N` | a structure at each of the pointers that argument N counts, 16 at most |
| `N&` | that many bytes, and as many as they say from where they point to |
| `argN+N`, `ret+N` | that many bytes behind the structure |
| `argN/P` | a byte for every P that argument N says: 8 bits, or a page |

";

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("writing to a string succeeds");
}

fn texts(numbers: &[Number]) -> String {
    numbers.iter().map(Number::text).collect::<Vec<_>>().join(", ")
}

fn arguments(args: &[(String, String)]) -> String {
    let shown: Vec<String> = args.iter().map(|(name, kind)| format!("{name} `{kind}`")).collect();
    shown.join(", ")
}

fn descriptor(call: &Call) -> String {
    match call.fd.strip_prefix("arg").and_then(|index| index.parse::<usize>().ok()) {
        Some(index) => call.args.get(index).map_or(String::new(), |(name, _)| name.clone()),
        None if call.fd == "ret" => "result".to_owned(),
        None => String::new(),
    }
}

fn operations(page: &mut String, tables: &Tables) {
    page.push_str("\n## Operations of io_uring\n");
    page.push_str(OPERATIONS);
    page.push_str("\n| opcode | operation | event | category | descriptor | arguments | result |\n");
    page.push_str("| --: | --- | --- | --- | --- | --- | --- |\n");
    for operation in &tables.operations {
        let call = &operation.call;
        line(
            page,
            format_args!(
                "| {} | `{}` | `{}` | {} | {} | {} | {} |",
                operation.opcode,
                operation.operation,
                call.name,
                call.category,
                descriptor(call),
                arguments(&call.args[..call.args.len() - COMMON_ARGS]),
                call.result
            ),
        );
    }
}

fn choices(page: &mut String, tables: &Tables) {
    page.push_str("\n## Kinds by value\n");
    for choices in &tables.choices {
        line(page, format_args!("\n### {}\n\n{}\n", choices.name, choices.doc));
        let mut entries: Vec<String> =
            choices.entries.iter().map(|choice| format!("{} `{}`", choice.value_name, choice.kind)).collect();
        entries.push(format!("others `{}`", choices.otherwise));
        line(page, format_args!("{}", entries.join(", ")));
    }
}

fn structures(page: &mut String, tables: &Tables) {
    page.push_str("\n## Structures\n\n| structure | bytes | fields |\n| --- | --: | --- |\n");
    for structure in &tables.structs {
        let fields: Vec<String> =
            structure.fields.iter().map(|field| format!("{} `{}`", field.name, field_type(field))).collect();
        let fields = fields.join(", ").replace("_ `", "`");
        line(page, format_args!("| `{}` | {} | {fields} |", structure_name(structure), structure.bytes));
    }
}

/// What a reader wants to know of a field's type.
fn field_type(field: &Field) -> String {
    let kind = match field.storage.as_str() {
        "inner" => format!("struct({})", field.kind),
        "by" => format!("by({})", field.kind),
        "text" | "bytes" | "sockaddr" | "mac" => return field.storage.clone(),
        _ => field.kind.clone(),
    };
    if field.count == 1 { kind } else { format!("{kind}*{}", field.count) }
}

fn sets(page: &mut String, tables: &Tables) {
    page.push_str("\n## Sets of names\n");
    for (name, flags) in &tables.sets {
        let base = name.strip_suffix(".arm").unwrap_or(name);
        let doc = tables.set_docs.get(base).map_or("", String::as_str);
        line(page, format_args!("\n### {name}\n\n{doc}\n"));
        let names: Vec<String> =
            flags.iter().map(|flag| format!("`{}` {:#x}", flag.name, flag.value)).collect();
        line(page, format_args!("{}", names.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::programs::root;

    /// A length as the legend has it.
    fn form(length: &str) -> String {
        let mut out = String::new();
        for letter in length.chars() {
            let is_first = !out.ends_with(['N', 'P']);
            match letter {
                '0'..='9' if is_first => out.push(match out.chars().last() {
                    Some('/') => 'P',
                    _ => 'N',
                }),
                '0'..='9' => {}
                'N' if length == "2N" => return length.to_owned(),
                _ => out.push(letter),
            }
        }
        out
    }

    #[test]
    fn the_legend_explains_every_kind() {
        let tables = Tables::read(&root().join("capture-format/schema")).expect("the tables are well formed");
        let calls = tables.calls.iter().chain(tables.operations.iter().map(|operation| &operation.call));
        let args =
            calls.flat_map(|call| &call.args).chain(tables.events.iter().flat_map(|event| &event.args));
        let kinds = args.map(|(_, kind)| kind.as_str());
        let choices =
            tables.choices.iter().flat_map(|table| &table.entries).map(|choice| choice.kind.as_str());
        let (mut names, mut lengths) = (BTreeSet::new(), BTreeSet::new());
        for kind in kinds.chain(choices) {
            let (head, length) = kind.split_once('<').unwrap_or((kind, ""));
            match head.split_once('(') {
                Some((name, parameter)) => {
                    let sum = if parameter.contains('+') { "N+M" } else { "N" };
                    names.insert(match name {
                        "flags" | "enum" => format!("{name}(SET)"),
                        "struct" => "struct(NAME)".to_owned(),
                        "by" | "num" => format!("{name}({sum},TABLE)"),
                        _ => format!("{name}({sum})"),
                    });
                }
                None if ["parts", "msghdr", "mmsghdr", "bits"].contains(&head) => {
                    names.insert(head.to_owned());
                }
                // What these are is their name.
                None => {}
            }
            let length = length.trim_end_matches('>').split_once(':').map_or("", |(_, length)| length);
            lengths.insert(form(length));
        }
        lengths.remove("");
        assert!(names.len() > 10 && lengths.len() > 6, "{names:?} {lengths:?}");
        for shown in names.iter().chain(&lengths) {
            assert!(HEAD.contains(&format!("`{shown}`")), "the legend lacks {shown}");
        }
    }
}
