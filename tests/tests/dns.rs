//! DNS as it goes by: queries and answers of a server and its clients, over UDP and TCP, whole, cut and hostile.

use anyhow::{Result, ensure};
use tests::rig::Rig;

/// A server on 127.0.0.1:53 of a network namespace of its own, and a client that asks it in every way there is.
const SCRIPT: &str = r#"
import fcntl, os, signal, socket, struct, sys

lo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(lo, 0x8914, struct.pack("16sh14x", b"lo", 0x49))
lo.close()
SERVER = ("127.0.0.1", 53)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(SERVER)
tcp = socket.socket()
tcp.bind(SERVER)
tcp.listen()

def name(*labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"

def query(id, name, kind):
    return struct.pack(">6H", id, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", kind, 1)

def record(kind, data):
    return b"\xc0\x0c" + struct.pack(">2HLH", kind, 1, 60, len(data)) + data

def answer(query):
    question = query[12:query.index(b"\0", 12) + 5]
    kind, = struct.unpack(">H", question[-4:-2])
    flags, records = 0x8180, []
    if b"missing" in question:
        flags |= 3
    elif b"big" in question:
        records = [record(1, bytes([192, 0, 2, n])) for n in range(40)]
    elif b"cut" in question:
        flags |= 0x200
    elif b"alias" in question:
        records = [record(5, b"\x04host\xc0\x12"), record(1, bytes([192, 0, 2, 1]))]
    elif kind == 1:
        records = [record(1, bytes([192, 0, 2, 1]))]
    elif kind == 28:
        records = [record(28, socket.inet_pton(socket.AF_INET6, "2001:db8::1"))]
    return query[:2] + struct.pack(">5H", flags, 1, len(records), 0, 0) + question + b"".join(records)

def received(connection, length):
    data = b""
    while len(data) < length and (more := connection.recv(length - len(data))):
        data += more
    return data

# A fault ends the test and does not hang it.
signal.alarm(20)
server = os.fork()
if server == 0:
    signal.alarm(20)
    for _ in range(int(sys.argv[1])):
        asked, client = udp.recvfrom(2000)
        udp.sendto(answer(asked), client)
    connection, _ = tcp.accept()
    while length := received(connection, 2):
        asked = received(connection, struct.unpack(">H", length)[0])
        told = answer(asked)
        connection.sendall(struct.pack(">H", len(told)) + told)
    os._exit(0)
udp.close()
tcp.close()

# The C library's resolver: both sorts of addresses at once.
assert len({address[4][0] for address in socket.getaddrinfo("host.test", 80)}) == 2
# To an address, not connected, received with and without asking from whom.
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.sendto(query(1, name(b"missing", b"test"), 1), SERVER)
client.recvfrom(2000, socket.MSG_PEEK)
client.recvfrom(2000)
client.sendmsg([query(2, name(b"alias", b"test"), 1)], [], 0, SERVER)
client.recvmsg(2000)
# Connected, as if it were a file.
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(SERVER)
os.write(client.fileno(), query(3, name(b"big", b"test"), 1))
os.read(client.fileno(), 2000)
client.send(query(4, name(b"cut", b"test"), 16))
os.readv(client.fileno(), [bytearray(2000)])
client.send(query(5, name(b"e\x1b[2J\n,vil", b"te.st"), 28))
client.recv(2000)
# No DNS at all, and a name that leads in circles: no events.
client.send(b"hello")
client.send(query(6, b"\x01a\xc0\x0c", 1))
# Over TCP, in pieces, and two at once.
client = socket.create_connection(SERVER)
first = query(7, name(b"host", b"test"), 1)
second = query(8, name(b"big", b"test"), 1)
os.writev(client.fileno(), [struct.pack(">H", len(first)), first])
for length in (2, 2000):
    client.recv(length)
client.sendall(b"\0")
client.sendall(bytes([len(second)]) + second[:9])
client.sendall(second[9:])
received(client, 2 + len(answer(second)))
client.close()
os.waitpid(server, 0)
"#;

/// Datagrams that the server answers.
const ASKED_OVER_UDP: usize = 7;
const SHELL: &str = "echo nameserver 127.0.0.1 > resolv.conf && mount --bind resolv.conf /etc/resolv.conf && \
                     exec python3 script.py $0";

const CLIENT: &str = "not proc.aname[1] startswith python";
const SERVER: &str = "proc.aname[1] startswith python";

fn record(rig: &Rig, options: &[&str]) -> Result<()> {
    std::fs::write(rig.file("script.py"), SCRIPT)?;
    let asked = ASKED_OVER_UDP.to_string();
    rig.record("dns.reel", options, &["unshare", "-m", "-n", "sh", "-c", SHELL, &asked])?;
    rig.info("dns.reel")?.is_complete()
}

/// What each side saw, in any order: queries, then answers.
fn expected() -> Vec<String> {
    let addresses: Vec<String> = (0..40).map(|n| format!("192.0.2.{n}")).collect();
    let big = addresses.join(", ");
    let evil = "e\\027[2J\\010\\044vil.te\\046st";
    let mut lines = Vec::new();
    for (name, kind, rcode, answers) in [
        ("host.test", "A", "NOERROR", "192.0.2.1"),
        ("host.test", "AAAA", "NOERROR", "2001:db8::1"),
        ("missing.test", "A", "NXDOMAIN", ""),
        ("alias.test", "A", "NOERROR", "CNAME host.test, 192.0.2.1"),
        ("big.test", "A", "NOERROR", big.as_str()),
        ("cut.test", "TXT", "NOERROR", "..."),
        (evil, "AAAA", "NOERROR", "2001:db8::1"),
        // Over TCP.
        ("host.test", "A", "NOERROR", "192.0.2.1"),
        ("big.test", "A", "NOERROR", big.as_str()),
    ] {
        lines.push(format!("false {name} {kind} NOERROR <NA>"));
        lines.push(format!("true {name} {kind} {rcode} {answers}").trim_end().to_owned());
    }
    lines.sort();
    lines
}

fn sides_agree(rig: &Rig) -> Result<()> {
    let format = "*%evt.arg.response %evt.arg.name %evt.arg.type %evt.arg.rcode %evt.arg.answers";
    for whose in [CLIENT, SERVER] {
        let mut seen = rig.lines("dns.reel", &format!("evt.type=dns and {whose} and fd.port=53"), format)?;
        for line in &mut seen {
            line.truncate(line.trim_end().len());
        }
        seen.sort();
        ensure!(seen == expected(), "{whose}: {seen:#?} instead of {:#?}", expected());
        // Every answer was put together with its query, and took some time, less than the whole script may.
        let answers = format!("evt.type=dns and {whose} and evt.arg.response=true");
        let timed = rig.count("dns.reel", &format!("{answers} and evt.latency>0 and evt.latency<20s"))?;
        ensure!(timed == rig.count("dns.reel", &answers)?, "{timed} answers have a latency");
    }
    Ok(())
}

#[test]
fn queries_and_answers_are_seen_from_both_sides() -> Result<()> {
    let Some(rig) = Rig::new("dns")? else { return Ok(()) };
    record(&rig, &[])?;
    sides_agree(&rig)?;
    let servers = rig.lines("dns.reel", &format!("evt.type=dns and {CLIENT}"), "%fd.sip:%fd.sport")?;
    ensure!(servers.iter().all(|server| server == "127.0.0.1:53"), "{servers:?}");
    rig.done();
    Ok(())
}

#[test]
fn they_are_seen_without_the_calls_that_carry_them() -> Result<()> {
    let Some(rig) = Rig::new("dns-only")? else { return Ok(()) };
    for options in [&["--calls", "dns"][..], &["evt.type=dns"]] {
        record(&rig, options)?;
        sides_agree(&rig)?;
        ensure!(rig.count("dns.reel", "evt.type!=dns")? == 0);
    }
    rig.done();
    Ok(())
}
