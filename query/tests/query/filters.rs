//! Filters over a small capture: text in, numbers of the selected events out.

use crate::support::*;
use capture_format::model::Arg;
use query::{Filter, PrintOptions, Type, Usage};

/// What happened; the events are numbered from 1.
fn story() -> Vec<u8> {
    capture(&[
        /* 1 */
        event("openat", CAT, FILE, 9, &[CWD, b(b"a.txt"), n(0), n(0)]),
        /* 2 */ event("read", CAT, FILE, 12, &[n(9), b(b"hello\0world!"), n(4096)]),
        /* 3 */
        event("openat", CAT, 0, -2, &[CWD, b(b"/nope"), n(0o1101), n(0o755)]),
        /* 4 */
        event("connect", BASH, CLIENT, -115, &[n(4), b(b"\x02\0\x01\xbb\x5d\xb8\xd8\x22"), n(16)]),
        /* 5 */ event("write", BASH, CLIENT, 5, &[n(4), b(b"GET /"), n(5)]),
        /* 6 */ event("read", NGINX, SERVER, 5, &[n(7), b(b"GET /"), n(512)]),
        /* 7 */ event("write", NGINX, UNIX, -11, &[n(6), b(b"log"), n(3)]),
        /* 8 */ event("setuid", UNKNOWN, 0, 0, &[n(1000)]),
        /* 9 */ event("unlinkat", NGINX, 0, 0, &[n(5), b(b"old"), n(512)]),
        /* 10 */
        event("procexit", CAT, 0, None, &[n(0), n(0), n(0), n(0), n(1), b(b"")]),
        /* 11 */ event("read", BASH, FRESH, -107, &[n(3), Arg::Null, n(5)]),
        /* 12 */ event("write", BASH, V6, 2, &[n(8), b(b"hi"), n(2)]),
        /* 13 */ event("pread64", BASH, DIRECTORY, -21, &[n(3), Arg::Unread(0xdead), n(1), n(0)]),
    ])
}

#[track_caller]
fn check(filter: &str, expected: &[u64]) {
    assert_eq!(selected(&story(), filter), expected, "{filter}");
    // A condition and its opposite share no event and miss none.
    let opposite = if filter.is_empty() { "not evt.num>0".to_owned() } else { format!("not ({filter})") };
    let others: Vec<u64> = (1..=13).filter(|number| !expected.contains(number)).collect();
    assert_eq!(selected(&story(), &opposite), others, "{opposite}");
}

#[test]
fn nothing_selects_everything() {
    check("", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
}

#[test]
fn types_and_processes() {
    check("evt.type=openat", &[1, 3]);
    check("evt.type in (read, write) and proc.name=bash", &[5, 11, 12]);
    check("proc.name=cat or proc.name=nginx and evt.type=read", &[1, 2, 3, 6, 10]);
    check("(proc.name=cat or proc.name=nginx) && evt.type=read", &[2, 6]);
    check("not proc.name in (cat, bash)", &[6, 7, 8, 9]);
    check("!evt.type=read && !evt.type=write", &[1, 3, 4, 8, 9, 10, 13]);
    check("evt.type glob \"*at\"", &[1, 3, 9]);
    check("evt.type.is.read=1", &[2, 6, 11]);
    check("syscall.type exists", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13]);
    check("evt.dir=<", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    check("evt.dir=\">\"", &[]);
    check("evt.type in ()", &[]);
    // The name sysdig has for it.
    check("evt.type=pread", &[13]);
    check("evt.type in (pread, setuid)", &[8, 13]);
    check("evt.type != pread", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn unknown_processes_have_a_name() {
    check("proc.name=<NA>", &[8]);
    check("proc.pid exists", &[1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]);
    check("proc.pid!=100", &[1, 2, 3, 6, 7, 9, 10]);
}

#[test]
fn missing_values_make_every_comparison_false() {
    check("fd.port!=443", &[6, 11, 12]);
    check("not fd.port=443", &[1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13]);
    check("fd.num exists", &[1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13]);
    check("not fd.num exists", &[8, 10]);
    check("evt.res exists", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13]);
    check("proc.vmsize > 0 or proc.vmsize <= 0 or proc.vmsize != 0", &[]);
    // "nginx" and "<NA>" are no base64.
    check("b64(proc.name) exists", &[1, 2, 3, 4, 5, 10, 11, 12, 13]);
}

#[test]
fn numbers_compare_in_every_form() {
    check("proc.pid=0x64", &[4, 5, 11, 12, 13]);
    check("proc.pid >= 200.0", &[1, 2, 3, 6, 7, 9, 10]);
    check("evt.num in (1, 0x2, 13)", &[1, 2, 13]);
    check("evt.rawres < -100", &[4, 11]);
    check("evt.cpu=1", &[2, 4, 6, 8, 10, 12]);
    check("evt.latency > 1ms and evt.latency < 2ms and evt.num < 3", &[1, 2]);
    check("evt.latency.s=0 and evt.latency.ns=1500000 and evt.num=1", &[1]);
    check("evt.rawarg.size=5", &[5, 11]);
    check("evt.rawarg.res<0", &[3, 4, 7, 11, 13]);
    check("evt.arg.size >= 512", &[2, 6]);
    check("evt.count=1 and evt.num=1", &[1]);
}

#[test]
fn bools_take_every_spelling() {
    for yes in ["true", "TRUE", "1"] {
        check(&format!("evt.failed={yes}"), &[3, 4, 7, 11, 13]);
    }
    check("evt.failed!=true", &[1, 2, 5, 6, 8, 9, 12]);
    check("evt.is_io_read=true", &[2, 6, 11, 13]);
    check("evt.is_io_write=true and evt.failed=0", &[5, 12]);
    check("evt.is_open_create=true", &[3]);
    check("evt.is_open_exec=true", &[3]);
    check("evt.is_open_write=true", &[3]);
    check("evt.is_open_read=true", &[1]);
}

#[test]
fn results_and_categories() {
    check("evt.res=SUCCESS", &[1, 2, 5, 6, 8, 9, 12]);
    check("evt.res=ENOENT", &[3]);
    check("evt.arg.res=EAGAIN", &[7]);
    check("evt.category=net", &[4, 5, 6, 11, 12]);
    check("evt.category=file", &[1, 2, 3, 9, 13]);
    check("evt.category=ipc", &[7]);
    check("evt.io_dir=write", &[5, 7, 12]);
    check("evt.buflen > 4", &[2, 5, 6]);
    check("evt.count.error.net=1", &[4, 11]);
}

#[test]
fn text_operators() {
    check("proc.exepath contains bin/c", &[1, 2, 3, 10]);
    check("proc.exepath icontains BIN/C", &[1, 2, 3, 10]);
    check("proc.exepath contains anyof (/cat, nginx)", &[1, 2, 3, 6, 7, 9, 10]);
    check("proc.exepath contains allof (usr, nginx)", &[6, 7, 9]);
    check("proc.exepath contains \"\"", &[1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]);
    check("proc.exepath startswith /usr/s", &[6, 7, 9]);
    check("proc.exepath endswith t", &[1, 2, 3, 10]);
    check("proc.exepath glob /usr/*cat", &[1, 2, 3, 10]);
    check("proc.name iglob B[aA]S?", &[4, 5, 11, 12, 13]);
    check("proc.exepath regex .*/sbin/.*", &[6, 7, 9]);
    // Must match the whole.
    check("proc.exepath regex sbin", &[]);
    check("fd.name pmatch (/home/alice, /run/x.soc)", &[1, 2]);
    check("fd.name pmatch (/)", &[1, 2, 3, 7, 13]);
    check("proc.name < c and proc.name exists", &[4, 5, 8, 11, 12, 13]);
    check("tolower(toupper(proc.name))=cat", &[1, 2, 3, 10]);
    check("basename(proc.exepath)=nginx", &[6, 7, 9]);
    check("len(proc.name)=3", &[1, 2, 3, 10]);
    check("concat(proc.name, \"/\", proc.exe)=\"cat/cat\"", &[1, 2, 3, 10]);
    check("proc.exe=val(proc.name)", &[1, 2, 3, 6, 7, 9, 10]);
    // Without val it is a text.
    check("proc.name=proc.exe", &[]);
    check("proc.pid=val(thread.tid)", &[1, 2, 3, 4, 5, 10, 11, 12, 13]);
    check("fd.lport < val(fd.rport)", &[6]);
}

#[test]
fn ancestors() {
    check("proc.aname=bash", &[1, 2, 3, 10]);
    check("proc.aname=systemd", &[1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]);
    check("proc.aname[0]=cat", &[1, 2, 3, 10]);
    check("proc.aname[2]=systemd", &[1, 2, 3, 10]);
    check("proc.aname[3] exists", &[]);
    check("proc.apid[1]=100", &[1, 2, 3, 10]);
    check("proc.pname=bash and proc.ppid=100", &[1, 2, 3, 10]);
    check("proc.sname=bash", &[1, 2, 3, 4, 5, 10, 11, 12, 13]);
    check("proc.loginshellid=100", &[1, 2, 3, 4, 5, 10, 11, 12, 13]);
}

#[test]
fn processes_users_and_containers() {
    check("proc.cmdline=\"cat a.txt b c.txt\"", &[1, 2, 3, 10]);
    check("proc.args[1]=\"b c.txt\"", &[1, 2, 3, 10]);
    check("proc.args[9]=\"\" and proc.pid=200", &[1, 2, 3, 10]);
    check("proc.cmdlenargs=12", &[1, 2, 3, 10]);
    check("proc.env[HOME]=/home/alice", &[1, 2, 3, 10]);
    check("proc.env[1]=\"X=1\"", &[1, 2, 3, 10]);
    check("proc.is_exe_upper_layer=true", &[1, 2, 3, 10]);
    check("user.name=alice and proc.name=bash", &[4, 5, 11, 12, 13]);
    check("user.uid=33", &[6, 7, 9]);
    check("user.loginuid=-1", &[6, 7, 9]);
    check("group.name=users", &[1, 2, 3, 4, 5, 10, 11, 12, 13]);
    check("container.id=0123456789ab", &[1, 2, 3, 10]);
    check("container.id=host", &[4, 5, 6, 7, 9, 11, 12, 13]);
    check("container.id!=host", &[1, 2, 3, 10]);
    check("container.image.tag=1.27 and container.name=web", &[1, 2, 3, 10]);
    check("thread.cap_permitted contains CAP_DAC_OVERRIDE", &[1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]);
    check("thread.ismain=false", &[6, 7, 9]);
    check("proc.duration < 200ms and proc.duration > 100ms", &[1, 2, 3, 10]);
    check("thread.cgroup.cpu startswith /docker", &[1, 2, 3, 10]);
}

#[test]
fn descriptors() {
    check("fd.name=/home/alice/a.txt", &[1, 2]);
    // A failed open has the path it asked for.
    check("fd.name=/nope", &[3]);
    check("fd.filename=nope or fd.filename=a.txt", &[1, 2, 3]);
    check("fd.directory=/home/alice", &[1, 2]);
    check("fd.nameraw=a.txt", &[1, 2]);
    check("fd.type=file", &[1, 2]);
    check("fd.type in (unix, directory)", &[7, 13]);
    check("fd.typechar=4", &[4, 5, 6, 11]);
    check("fd.num=9", &[1, 2]);
    check("fd.num < 0", &[3]);
    check("fd.dev=0x801 and fd.dev.major=8 and fd.dev.minor=1 and fd.ino=4242", &[1, 2]);
    check("fd.uid=2009", &[1, 2]);
    check("fd.containername=0123456789ab:/home/alice/a.txt", &[1, 2]);
}

#[test]
fn sockets() {
    check("fd.name=10.0.0.5:40000->93.184.216.34:443", &[4, 5]);
    // The server's end of a connection over loopback is the server.
    check("fd.name=127.0.0.1:50000->127.0.0.1:80", &[6]);
    check("fd.is_server=true", &[6]);
    check("fd.lport=80 and fd.sport=http and fd.cport=50000", &[6]);
    check("fd.sport=https", &[4, 5]);
    check("fd.ip=93.184.216.34", &[4, 5]);
    check("fd.ip in (93.184.216.34, 1.1.1.1)", &[4, 5]);
    check("fd.ip != 93.184.216.34", &[6, 11, 12]);
    check("fd.net=10.0.0.0/8", &[4, 5]);
    check("fd.cip=10.0.0.0/8", &[4, 5]);
    check("fd.cip=10.0.0.5 and fd.rip=93.184.216.34", &[4, 5]);
    check("fd.port > 40000", &[6]);
    check("fd.port in (443, 80)", &[4, 5, 6]);
    check("fd.ip=2001:db8::/32", &[12]);
    check("fd.ip=0.0.0.0", &[11]);
    check("fd.l4proto=udp", &[12]);
    check("fd.sockfamily=unix", &[7]);
    check("fd.connected=true", &[4, 5, 6]);
    check("fd.cip exists", &[4, 5, 6]);
}

#[test]
fn arguments_and_buffers() {
    check("evt.arg.name contains nope", &[3]);
    check("evt.arg[1]=AT_FDCWD", &[1, 3]);
    check("evt.arg.fd=\"<f>/home/alice/a.txt\"", &[1, 2]);
    check("evt.arg.flags contains O_CREAT", &[3]);
    check("evt.arg.uid=alice and evt.rawarg.uid=1000", &[8]);
    check("evt.buffer contains GET", &[5, 6]);
    check("evt.buffer bstartswith 474554", &[5, 6]);
    check("evt.buffer bcontains 00", &[2]);
    check("evt.buffer exists", &[2, 5, 6, 7, 12]);
    check("evt.args contains 93.184.216.34:443", &[4, 5]);
    check("evt.abspath=/home/alice/a.txt", &[1]);
    check("evt.abspath=/nope", &[3]);
    check("evt.rawarg.flags=512", &[9]);
}

#[test]
fn times() {
    check("evt.rawtime=1700000000003000000", &[3]);
    check("evt.rawtime >= 1700000000012000000", &[12, 13]);
    check("evt.rawtime > 1800000000000000000", &[]);
    check("evt.reltime < 2ms", &[1, 2]);
    check("evt.deltatime=0", &[1]);
    check("evt.around[1700000000005000000]=1", &[4, 5, 6]);
    check("evt.time=22:13:20.001000000", &[1]);
    check("evt.time.iso8601=2023-11-14T22:13:20.013000000+0000", &[13]);
    check("evt.datetime.s=\"2023-11-14 22:13:20\"", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
}

#[test]
fn summaries_rule_blocks_out() {
    let bytes = story();
    let capture = capture_format::Capture::open(bytes).expect("a capture");
    let block = capture.block(0).expect("a block");
    let recording = query::Recording {
        entities: capture.entities(),
        host: capture.host().expect("a host"),
        first_time_ns: 0,
    };
    for (filter, may) in [
        ("proc.name=cat", true),
        ("proc.name=sshd", false),
        ("not proc.name=sshd", true),
        ("evt.type=execve", false),
        ("evt.type=execve or evt.type=read", true),
        ("fd.type=pipe and evt.failed=true", false),
        ("evt.rawtime < 1600000000000000000", false),
        ("evt.rawtime > 1600000000000000000", true),
        ("evt.failed=true", true),
        ("evt.source=plugin", false),
    ] {
        let filter_parsed = Filter::parse(filter).expect(filter);
        let mut query = query::Query::new(Some(&filter_parsed));
        assert_eq!(query.may_match(&recording, block.summary()), may, "{filter}");
    }
}

#[track_caller]
fn check_error(filter: &str, shown: &str) {
    let error = Filter::parse(filter).expect_err(filter);
    assert_eq!(error.render(), shown, "{filter}");
}

#[test]
fn errors_show_the_place_and_what_to_do() {
    check_error(
        "proc.nmae=cat",
        "there is no field 'proc.nmae'
  at line 1, column 1:
    proc.nmae=cat
    ^^^^^^^^^
  did you mean 'proc.name'?
",
    );
    check_error(
        "k8s.ns.name=shop",
        "fields like 'k8s.ns.name' exist elsewhere, but captures do not hold it
  at line 1, column 1:
    k8s.ns.name=shop
    ^^^^^^^^^^^
  they hold k8s.pod.id, k8s.pod.uid
",
    );
    check_error(
        "evt.type in (read, opennat)",
        "there is no event type 'opennat'
  at line 1, column 20:
    evt.type in (read, opennat)
                       ^^^^^^^
  did you mean 'openat'?
",
    );
    check_error(
        "proc.pid contains 1",
        "'contains' cannot be used here: the left side is a number
  at line 1, column 10:
    proc.pid contains 1
             ^^^^^^^^
",
    );
}

#[test]
fn what_can_never_be_true_is_refused() {
    for (filter, message) in [
        ("proc.pid=abc", "'abc' is not a number"),
        ("evt.failed=maybe", "'maybe' is not true or false"),
        ("fd.ip=10.0.0", "'10.0.0' is not an address or a network"),
        ("fd.port=nosuchservice", "is not a port number or the name of a service"),
        ("fd.ip < 1.2.3.4", "cannot be used here"),
        ("evt.arg=x", "needs an argument"),
        ("evt.arg.nosuchargument=x", "there is no argument 'nosuchargument'"),
        ("proc.name[1]=x", "takes no argument"),
        ("proc.aname[x]=x", "takes a number in brackets"),
        ("evt.outputtime=1", "can be printed, not compared"),
        ("proc.name regex \"(\"", "bad regular expression"),
        ("proc.name regex \"a)|(b\"", "bad regular expression"),
        ("evt.buffer bcontains 123", "pairs of hexadecimal digits"),
        ("proc.pid=val(proc.name)", "the left side is a number, this is a text"),
        ("tolower(proc.pid)=1", "takes a text"),
        ("fd.types=file", "cannot be used here: the left side is a list"),
        ("evt.around[5] > 1", "takes = only"),
        ("proc.name < anyof (a, b)", "takes one value"),
    ] {
        let error = Filter::parse(filter).expect_err(filter);
        assert!(error.to_string().contains(message), "{filter}: {error}");
    }
    // Names that only others have are known, and match nothing.
    check("evt.type in (switch, pluginevent) or evt.arg.pgft_maj exists", &[]);
}

/// Parts that filters are made of, joined at random: what comes out is a filter that runs, or an error that can
/// be shown.
#[test]
fn no_text_makes_the_parser_panic() {
    const PARTS: &[&str] = &[
        "proc.name",
        "fd.ip",
        "evt.arg",
        "evt.arg.name",
        "evt.rawarg.size",
        "proc.aname[1]",
        "fd.types",
        "evt.around[1]",
        "=",
        "!=",
        "<",
        ">=",
        " in ",
        " contains ",
        " regex ",
        " glob ",
        " pmatch ",
        " intersects ",
        " exists ",
        " bcontains ",
        "(",
        ")",
        ",",
        " and ",
        " or ",
        " not ",
        "!",
        "&&",
        "||",
        "\"",
        "'",
        "\\",
        "\\x4",
        "[",
        "]",
        "1",
        "0x",
        "-",
        ".",
        "1.2.3.4/8",
        "true",
        "val(",
        "tolower(",
        "len(",
        "join(",
        "concat(",
        " anyof ",
        "%",
        "%5",
        "*",
        "é",
        "\u{202e}",
        "\n",
        "\t",
        " ",
    ];
    let bytes = story();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut filters = 0;
    for _ in 0..4_000 {
        let length = 1 + next(9);
        let text: String = (0..length).map(|_| PARTS[next(PARTS.len())]).collect();
        match Filter::parse(&text) {
            Ok(_) => {
                filters += 1;
                selected(&bytes, &text);
            }
            Err(error) => {
                assert!(error.index <= text.len());
                error.render();
            }
        }
        if let Err(error) = query::Format::parse(&text) {
            assert!(error.index <= text.len());
            error.render();
        }
    }
    assert!(filters > 3, "too few of the texts were filters: {filters}");
}

/// Filters read columns where the printer reads rows; both must see the same values.
#[test]
fn a_filter_for_a_printed_value_selects_the_events_that_print_it() {
    // Printed otherwise than compared: in hexadecimal, and several values as one text.
    let otherwise = ["fd.dev", "fd.containerdirectory"];
    let plain = query::fields().iter().filter(|field| {
        let comparable = !matches!(field.kind, Type::List | Type::Address | Type::Percent | Type::Bytes);
        field.argument().is_empty() && field.usage == Usage::Both && comparable
    });
    let names = plain.map(|field| field.name).filter(|name| !otherwise.contains(name));
    let arguments = [
        "evt.rawarg.size",
        "evt.rawarg.res",
        "evt.rawarg.flags",
        "evt.arg.flags",
        "evt.arg.uid",
        "evt.arg.name",
    ];
    for name in names.chain(arguments) {
        let lines = printed(&story(), &format!("*%{name}"), PrintOptions::default());
        let values: Vec<&str> = lines.lines().collect();
        assert_eq!(values.len(), 13, "{name}");
        for value in values.iter().filter(|value| **value != "<NA>") {
            let printing: Vec<u64> =
                (1..).zip(&values).filter(|(_, v)| *v == value).map(|(n, _)| n).collect();
            assert_eq!(selected(&story(), &format!("{name} = \"{value}\"")), printing, "{name} = {value:?}");
            // The same for one event alone, which other conditions leave.
            let one = printing[0];
            let filter = format!("evt.num={one} and {name} in (\"{value}\")");
            assert_eq!(selected(&story(), &filter), [one], "{filter}");
        }
    }
}

#[test]
fn fields_that_captures_do_not_hold_are_named() {
    let unrecorded = |text: &str| Filter::parse(text).expect(text).unrecorded();
    assert_eq!(unrecorded("proc.name=a and (not proc.vmrss>1 or evt.num=1)"), ["proc.vmrss"]);
    assert_eq!(unrecorded("proc.name = val(proc.stdin.name) or proc.stdin.name=a"), ["proc.stdin.name"]);
    assert!(unrecorded("proc.name=a").is_empty());
    let format = query::Format::parse("%proc.name %toupper(proc.stdin.type) %proc.vmrss").expect("a format");
    assert_eq!(format.unrecorded(), ["proc.stdin.type", "proc.vmrss"]);
}

#[test]
fn polled_descriptors_and_namespaces() {
    let polled = b(&[3, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 12, 0, 0, 0, 4, 0, 4, 0]);
    let capture = capture(&[
        event("poll", BASH, 0, 1, &[polled, n(3), n(-1)]),
        event("poll", BASH, 0, 0, &[Arg::Null, n(0), n(5)]),
        event("read", CAT, FILE, 1, &[n(9), b(b"x"), n(1)]),
    ]);
    let shown = |format: &str| printed(&capture, format, PrintOptions::default());
    assert_eq!(shown("*%fdlist.nums %evt.wait_latency"), "3,-1,12 1500000\n<NA> 1500000\n<NA> 1500000\n");
    assert_eq!(selected(&capture, "fdlist.nums contains 12"), [1]);
    assert_eq!(shown("*%container.host_pid %container.host_network"), "<NA> <NA>\n<NA> <NA>\ntrue true\n");
}
