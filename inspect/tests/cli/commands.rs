//! Commands of `io_uring` that are numbered by whoever made the file.

use capture_format::model::{Arg, Descriptor, DescriptorType, Event, FdSource};

use crate::support::{CURL, FIRST_NS, Scratch, kind, run, writer};

const COMMAND: u32 = 5;
const FILE: u32 = 1;
const SOCKET: u32 = 3;

#[test]
fn a_command_has_the_name_that_it_has_for_its_file() {
    let mut writer = writer();
    let args = [("fd", "fd"), ("command", "enum(io_uring_cmd)")];
    writer.define(COMMAND, kind("io_uring_uring_cmd", "io-other", 46, &args, FdSource::Arg(0)));
    writer.define(SOCKET, Descriptor { kind: DescriptorType::Ipv4, ..Descriptor::default() });
    let commands = [
        (SOCKET, 3, "SOCKET_URING_OP_SETSOCKOPT"),
        (FILE, 3, "3"),
        (FILE, 0xc048_4e80, "NVME_URING_CMD_IO"),
        (FILE, 0xc010_7520, "UBLK_U_IO_FETCH_REQ"),
        (SOCKET, 99, "99"),
    ];
    for (time_ns, (descriptor, command, _)) in (FIRST_NS..).zip(commands) {
        let args = [Arg::Int(3), Arg::Int(command)];
        let event = Event {
            time_ns,
            cpu: 0,
            kind: COMMAND,
            thread: CURL,
            descriptor,
            result: Some(0),
            latency_ns: None,
            args: &args,
        };
        writer.push(&event).expect("the event fits its kind");
    }
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &writer.finish());
    let shown = run(&["read", &file, "-p", "%evt.arg.command"]).stdout;
    assert_eq!(shown.lines().collect::<Vec<_>>(), commands.map(|(_, _, name)| name));
    let all = run(&["read", &file, "-p", "%evt.args"]).stdout;
    for (line, (_, number, name)) in all.lines().zip(commands) {
        let expected = if name == number.to_string() { name.to_owned() } else { format!("{number}({name})") };
        assert!(line.ends_with(&format!("command={expected}")), "{line} instead of {expected}");
    }
    let filter = "evt.arg.command=SOCKET_URING_OP_SETSOCKOPT";
    assert_eq!(run(&["read", &file, filter, "--count"]).stdout, "1\n");
}
