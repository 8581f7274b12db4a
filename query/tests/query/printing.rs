//! Lines and objects printed of a small capture.

use capture_format::model::Arg;
use query::{BufferStyle, Format, OutputStyle, PrintOptions, TimeStyle};

use crate::support::*;

const TEXT: PrintOptions = PrintOptions {
    output: OutputStyle::Text,
    time: TimeStyle::Clock,
    buffers: BufferStyle::Dotted,
    buffer_bytes_max: None,
    whole_values: false,
    zone_offset_s: None,
};
const JSON: PrintOptions = PrintOptions { output: OutputStyle::Json, ..TEXT };

fn opening() -> Vec<u8> {
    capture(&[
        event("openat", CAT, FILE, 9, &[CWD, b(b"a.txt"), n(0), n(0o644)]),
        event("setuid", UNKNOWN, 0, 0, &[n(1000)]),
    ])
}

#[test]
fn the_default_line() {
    assert_eq!(
        printed(&opening(), Format::DEFAULT, TEXT),
        "1 22:13:20.001000000 0 cat (200) < openat res=9(<f>/home/alice/a.txt) dirfd=-100(AT_FDCWD) \
         name=a.txt(/home/alice/a.txt) flags=0(O_RDONLY) mode=0\n\
         2 22:13:20.002000000 1 <NA> (<NA>) < setuid res=0 uid=1000(alice)\n"
    );
}

#[test]
fn the_default_object() {
    assert_eq!(
        printed(&opening(), Format::DEFAULT, JSON),
        "{\"evt.cpu\":0,\"evt.dir\":\"<\",\"evt.info\":\"res=9(<f>/home/alice/a.txt) dirfd=-100(AT_FDCWD) \
         name=a.txt(/home/alice/a.txt) flags=0(O_RDONLY) mode=0\",\"evt.num\":1,\
         \"evt.outputtime\":1700000000001000000,\"evt.type\":\"openat\",\"proc.name\":\"cat\",\"thread.tid\":200}\n\
         {\"evt.cpu\":1,\"evt.dir\":\"<\",\"evt.info\":\"res=0 uid=1000(alice)\",\"evt.num\":2,\
         \"evt.outputtime\":1700000000002000000,\"evt.type\":\"setuid\",\"proc.name\":\"<NA>\",\"thread.tid\":null}\n"
    );
}

#[track_caller]
fn check(format: &str, options: PrintOptions, expected: &str) {
    assert_eq!(printed(&opening(), format, options), expected, "{format}");
}

#[test]
fn lines_with_a_missing_field_are_left_out_unless_asked_for() {
    check("%evt.num %fd.name", TEXT, "1 /home/alice/a.txt\n");
    check("*%evt.num %fd.name", TEXT, "1 /home/alice/a.txt\n2 <NA>\n");
    check("%proc.pid", TEXT, "200\n");
    check("%evt.arg.name", JSON, "{\"evt.arg.name\":\"a.txt\"}\n");
    check("*%evt.arg.name", JSON, "{\"evt.arg.name\":\"a.txt\"}\n{\"evt.arg.name\":null}\n");
}

#[test]
fn columns_transformers_and_escapes() {
    check(
        "*[%10proc.name][%2proc.name][%6fd.name]",
        TEXT,
        "[cat       ][ca][/home/]\n[<NA>      ][<N][<NA>  ]\n",
    );
    check("%toupper(proc.name)\\t%evt.num%%", TEXT, "CAT\t1%\n<NA>\t2%\n");
    check("*%proc.aname %proc.aname[1]", TEXT, "bash systemd bash\n<NA> <NA>\n");
    check("%evt.arg.flags %evt.rawarg.flags %evt.arg[0]", TEXT, "O_RDONLY 0 <f>/home/alice/a.txt\n");
    check("%fd.dev %fd.ino %fd.num %container.id", TEXT, "801 4242 9 0123456789ab\n");
    check(
        "%proc.aname %fd.dev %evt.failed",
        JSON,
        "{\"evt.failed\":false,\"fd.dev\":2049,\"proc.aname\":[\"bash\",\"systemd\"]}\n",
    );
    check("nothing", TEXT, "nothing\nnothing\n");
    check("nothing", JSON, "{}\n{}\n");
}

#[test]
fn times_in_every_style() {
    let style = |time| PrintOptions { time, ..TEXT };
    let line = "%evt.outputtime";
    check(line, style(TimeStyle::Clock), "22:13:20.001000000\n22:13:20.002000000\n");
    check(
        line,
        PrintOptions { zone_offset_s: Some(3600), ..TEXT },
        "23:13:20.001000000\n23:13:20.002000000\n",
    );
    // sysdig leaves the zeros of the second part out.
    check(line, style(TimeStyle::Absolute), "1700000000.001000000\n1700000000.002000000\n");
    check(line, style(TimeStyle::Relative), "0.000000000\n0.001000000\n");
    check(line, style(TimeStyle::Latency), "0.001500000\n0.001500000\n");
    check(line, style(TimeStyle::Delta), "0.000000000\n0.001000000\n");
    check(
        "%evt.reltime %evt.rawtime.ns %evt.latency.human",
        TEXT,
        "000000000 001000000 1.5ms\n001000000 002000000 1.5ms\n",
    );
    check(
        "%evt.time %evt.rawtime.s",
        JSON,
        "{\"evt.rawtime.s\":1700000000,\"evt.time\":1700000000001000000}\n{\"evt.rawtime.s\":1700000000,\"evt.time\":1700000000002000000}\n",
    );
}

/// The info of one event.
#[track_caller]
fn check_info(event: Happened, expected: &str) {
    let kind = event.kind;
    assert_eq!(printed(&capture(&[event]), "%evt.info", TEXT), format!("{expected}\n"), "{kind}");
}

#[test]
fn arguments_are_shown_by_their_meaning() {
    check_info(
        event("read", CAT, FILE, 12, &[n(9), b(b"hello\nworld!"), n(4096)]),
        "res=12 fd=9(<f>/home/alice/a.txt) data=hello.world! size=4096",
    );
    check_info(
        event("write", BASH, CLIENT, 5, &[n(4), b(b"GET /"), n(5)]),
        "res=5 fd=4(<4t>10.0.0.5:40000->93.184.216.34:443) data=GET / size=5",
    );
    check_info(
        event("read", NGINX, UNIX, -11, &[n(6), Arg::Null, n(5)]),
        "res=-11(EAGAIN) fd=6(<u>/run/x.sock) data=NULL size=5",
    );
    check_info(
        event("openat", CAT, 0, -2, &[CWD, b(b"/nope"), n(0o1102), n(0o755)]),
        "res=-2(ENOENT) dirfd=-100(AT_FDCWD) name=/nope flags=578(O_RDWR|O_CREAT|O_TRUNC) mode=0755",
    );
    check_info(
        event("unlinkat", NGINX, 0, 0, &[n(5), b(b"old"), n(512)]),
        "res=0 dirfd=5 name=old flags=512(AT_REMOVEDIR)",
    );
    check_info(
        event("mmap", BASH, FILE, 0x7f00_1000, &[n(0), n(4096), n(3), n(0x22), n(-1), n(0)]),
        "res=0x7F001000 addr=0x0 length=4096 prot=3(PROT_READ|PROT_WRITE) flags=34(MAP_PRIVATE|MAP_ANONYMOUS) \
         fd=-1 offset=0",
    );
    check_info(
        event("mmap", BASH, 0, -12, &[n(0); 6]),
        "res=-12(ENOMEM) addr=0x0 length=0 prot=0(PROT_NONE) flags=0 fd=0 offset=0",
    );
    check_info(event("kill", BASH, 0, 0, &[n(100), n(9)]), "res=0 pid=100(bash) sig=9(SIGKILL)");
    check_info(event("setuid", BASH, 0, 0, &[n(0xffff_ffff)]), "res=0 uid=-1(<NONE>)");
    check_info(
        event("chmod", BASH, 0, 0, &[b(b"x"), n(0o4711)]),
        "res=0 filename=x(/home/alice/x) \
         mode=04711(S_IXOTH|S_IXGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID)",
    );
    check_info(
        event(
            "connect",
            BASH,
            CLIENT,
            -115,
            &[n(4), b(b"\x02\0\x01\xbb\x5d\xb8\xd8\x22\0\0\0\0\0\0\0\0"), n(16)],
        ),
        "res=-115(EINPROGRESS) fd=4(<4t>10.0.0.5:40000->93.184.216.34:443) addr=93.184.216.34:443 addrlen=16",
    );
    check_info(
        event("execve", CAT, 0, 0, &[b(b"/usr/bin/cat"), b(b"cat\0b c.txt\0"), n(0x7ffe)]),
        "res=0 filename=/usr/bin/cat argv=cat b c.txt envp=0x7FFE",
    );
    check_info(
        event(
            "nanosleep",
            CAT,
            0,
            0,
            &[b(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0x65, 0xcd, 0x1d, 0, 0, 0, 0]), Arg::Null],
        ),
        "res=0 interval={tv_sec=1 tv_nsec=500000000} rem=NULL",
    );
    check_info(event("pipe2", CAT, 0, 0, &[b(&[3, 0, 0, 0, 4, 0, 0, 0]), n(0)]), "res=0 fds=[3 4] flags=0");
    check_info(
        event("wait4", BASH, 0, 200, &[n(-1), b(&[0, 1, 0, 0]), n(0), Arg::Null]),
        "res=200 pid=-1 wstatus=256(exited 1) options=0 rusage=NULL",
    );
    let message = b(b"\x10\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x02\0\0\x35\x08\x08\x08\x08\0\0\0\0\0\0\0\0hi");
    check_info(
        event("sendmsg", BASH, V6, 2, &[n(8), message, n(0)]),
        "res=2 fd=8(<6u>2001:db8::4:5353) data=hi addr=8.8.8.8:53 flags=0",
    );
    check_info(
        event("setsockopt", BASH, CLIENT, 0, &[n(4), n(1), n(2), b(&[1, 0, 0, 0]), n(4)]),
        "res=0 fd=4(<4t>10.0.0.5:40000->93.184.216.34:443) level=1(SOL_SOCKET) optname=2(SO_REUSEADDR) \
         val=1 optlen=4",
    );
    check_info(
        event("setsockopt", BASH, 0, 0, &[n(4), n(1), n(25), b(b"eth0\0"), n(5)]),
        "res=0 fd=4 level=1(SOL_SOCKET) optname=25(SO_BINDTODEVICE) val=eth0 optlen=5",
    );
    check_info(
        event("setsockopt", BASH, 0, 0, &[n(4), n(1), n(13), b(&[1, 0, 0, 0, 10, 0, 0, 0]), n(8)]),
        "res=0 fd=4 level=1(SOL_SOCKET) optname=13(SO_LINGER) val={l_onoff=1 l_linger=10} optlen=8",
    );
    check_info(
        event("getsockopt", BASH, 0, 0, &[n(4), n(1), n(4), b(&[0x91, 0xff, 0xff, 0xff]), b(&[4, 0, 0, 0])]),
        "res=0 fd=4 level=1(SOL_SOCKET) optname=4(SO_ERROR) val=-111 optlen=4",
    );
    check_info(
        event("openat", CAT, 0, -2, &[CWD, b(b"/x"), n(0o20_200_002), n(0o600)]),
        "res=-2(ENOENT) dirfd=-100(AT_FDCWD) name=/x flags=4259842(O_RDWR|O_TMPFILE) mode=0600",
    );
    // What the argument is depends on another one; what is no pointer is stored like one that was not read.
    check_info(
        event("fcntl", BASH, FILE, 0, &[n(9), n(4), Arg::Unread(0o4000)]),
        "res=0 fd=9(<f>/home/alice/a.txt) cmd=4(F_SETFL) arg=2048(O_RDONLY|O_NONBLOCK)",
    );
    check_info(
        event("ioctl", BASH, FILE, 0, &[n(9), n(0x5413), b(&[24, 0, 80, 0, 0, 0, 0, 0])]),
        "res=0 fd=9(<f>/home/alice/a.txt) request=21523(TIOCGWINSZ) \
         argument={ws_row=24 ws_col=80 ws_xpixel=0 ws_ypixel=0}",
    );
    check_info(
        event("ioctl", BASH, FILE, -14, &[n(9), n(0x5413), Arg::Unread(0x1234)]),
        "res=-14(EFAULT) fd=9(<f>/home/alice/a.txt) request=21523(TIOCGWINSZ) argument=0x1234",
    );
    check_info(
        event(
            "select",
            BASH,
            0,
            1,
            &[n(10), b(&[0x21, 2, 0, 0, 0, 0, 0, 0]), Arg::Null, Arg::Null, Arg::Null],
        ),
        "res=1 nfds=10 readfds=[0 5 9] writefds=NULL exceptfds=NULL timeout=NULL",
    );
    let entries = b(b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x18\0\x04.\0\0\0\0\
        \x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x18\0\x08a\"\x1b\0\0");
    check_info(
        event("getdents64", BASH, FILE, 48, &[n(9), entries, n(1024)]),
        "res=48 fd=9(<f>/home/alice/a.txt) dirp=[{d_ino=1 d_off=2 d_reclen=24 d_type=4(DT_DIR) d_name=\".\"} \
         {d_ino=3 d_off=4 d_reclen=24 d_type=8(DT_REG) d_name=\"a\\x22\\x1b\"}] size=1024",
    );
    let rights = b(b"\0\0\0\0\x08\0\0\0\x18\0\0\0\x02\0\0\0\
        \x14\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0hi");
    check_info(
        event("recvmsg", BASH, V6, 2, &[n(8), rights, n(0)]),
        "res=2 fd=8(<6u>2001:db8::4:5353) data=hi control=[{cmsg_len=20 cmsg_level=1(SOL_SOCKET) \
         cmsg_type=1(SCM_RIGHTS) cmsg_data=7}] msg_flags=8(MSG_CTRUNC) flags=0",
    );
    check_info(
        event("signaldeliver", CAT, 0, None, &[n(15), n(0), n(100), n(1000)]),
        "sig=15(SIGTERM) code=0 spid=100(bash) suid=1000(alice)",
    );
    check_info(
        event("dup3", BASH, FILE, 10, &[n(9), n(10), n(0)]),
        "res=10(<f>/home/alice/a.txt) oldfd=9 newfd=10 flags=0",
    );
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    let name = b(b"\x1b[2J\xff\"\xe2\x80\xaeevil");
    let bytes = capture(&[event("openat", CAT, 0, -2, &[CWD, name, n(0), n(0)])]);
    assert_eq!(
        printed(&bytes, "%evt.arg.name|%fd.filename", TEXT),
        "\\x1b[2J\\xff\"\\u{202e}evil|\\x1b[2J\\xff\"\\u{202e}evil\n"
    );
    let info = printed(&bytes, "%evt.info", TEXT);
    assert!(info.contains("name=\\x1b[2J\\xff\"\\u{202e}evil(/home/alice/\\x1b[2J"), "{info}");
    assert_eq!(
        printed(&bytes, "%evt.arg.name", JSON),
        "{\"evt.arg.name\":\"\\\\x1b[2J\\\\xff\\\"\\\\u{202e}evil\"}\n"
    );
}

#[test]
fn buffers_in_every_style() {
    let long: &'static [u8] = &[b'x'; 100];
    let bytes = capture(&[event("write", CAT, FILE, 100, &[n(9), b(long), n(100)])]);
    let shown = |buffers, whole_values| {
        printed(&bytes, "%evt.buffer", PrintOptions { buffers, whole_values, ..TEXT })
    };
    assert_eq!(shown(BufferStyle::Dotted, false), format!("{}...\n", "x".repeat(80)));
    assert_eq!(shown(BufferStyle::Dotted, true), format!("{}\n", "x".repeat(100)));
    assert_eq!(shown(BufferStyle::Ascii, false), format!("\n{}\n\n", "x".repeat(100)));
    assert!(shown(BufferStyle::Hex, false).starts_with("\n\t0x0000: 7878 7878 "));
    assert!(shown(BufferStyle::Base64, false).starts_with("eHh4eHh4"));
    let info = printed(&bytes, "%evt.info", PrintOptions { buffers: BufferStyle::Hex, ..JSON });
    assert!(info.contains("data=\\n\\\\x09") || info.contains("data=\\n\\t"), "{info}");
}

#[test]
fn only_the_time_since_the_last_line_depends_on_order() {
    let format = Format::parse(Format::DEFAULT).expect("a format");
    for (time, sequential) in
        [(TimeStyle::Delta, true), (TimeStyle::Clock, false), (TimeStyle::Relative, false)]
    {
        assert_eq!(query::Printer::new(&format, PrintOptions { time, ..TEXT }).is_sequential(), sequential);
    }
}
