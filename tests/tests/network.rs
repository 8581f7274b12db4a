//! What happens to TCP connections between calls: states on both sides, resets, retransmits, and whose they are.

use anyhow::{Result, ensure};
use tests::rig::Rig;

/// A server, and a client in a process of its own: a connection that ends well, one that is refused, one that the
/// server resets, and one whose first segment nobody answers, as the server's queue is full.
const SCRIPT: &str = r#"
import os, socket, struct, sys, time
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
address = server.getsockname()
child = os.fork()
if child == 0:
    server.close()
    with socket.create_connection(address) as client:
        client.sendall(b"hello")
        left = 1000
        while left:
            left -= len(client.recv(left))
    refused = socket.socket()
    refused.bind(("127.0.0.1", 0))
    try:
        socket.create_connection(refused.getsockname())
        sys.exit("a port where nobody listens took a connection")
    except ConnectionRefusedError:
        pass
    client = socket.create_connection(address)
    try:
        client.recv(100)
    except ConnectionResetError:
        pass
    waiting = [socket.socket() for _ in range(4)]
    for client in waiting:
        client.setblocking(False)
        client.connect_ex(address)
    time.sleep(1.3)
    os._exit(0)
accepted, _ = server.accept()
accepted.recv(100)
accepted.sendall(b"x" * 1000)
accepted.recv(100)
accepted.close()
accepted, _ = server.accept()
accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
accepted.close()
os.waitpid(child, 0)
"#;

const CLIENT: &str = "proc.aname[1] startswith python";
const SERVER: &str = "not proc.aname[1] startswith python";

#[test]
fn connections_are_seen_from_both_sides() -> Result<()> {
    let Some(rig) = Rig::new("connections")? else { return Ok(()) };
    rig.record("net.reel", &[], &["python3", "-c", SCRIPT])?;
    rig.info("net.reel")?.is_complete()?;

    let states = |whose: &str, name: &str| {
        let filter = format!("evt.type=tcp_state and {whose} and fd.name={name}");
        rig.lines("net.reel", &filter, "%evt.arg.old-%evt.arg.new")
    };
    // The first connection is told by the client's first successful connect.
    let connects =
        rig.lines("net.reel", &format!("evt.type=connect and evt.failed=false and {CLIENT}"), "%fd.name")?;
    ensure!(connects.len() >= 2, "{connects:?}");
    let [first, second] = [&connects[0], &connects[1]];
    let client = states(CLIENT, first)?;
    ensure!(
        client == ["SYN_SENT-ESTABLISHED", "ESTABLISHED-FIN_WAIT1", "FIN_WAIT1-FIN_WAIT2", "FIN_WAIT2-CLOSE"]
            || client
                == ["SYN_SENT-ESTABLISHED", "ESTABLISHED-FIN_WAIT1", "FIN_WAIT1-CLOSING", "CLOSING-CLOSE"],
        "{client:?}"
    );
    let server = states(SERVER, first)?;
    ensure!(
        server
            == [
                "LISTEN-SYN_RECV",
                "SYN_RECV-ESTABLISHED",
                "ESTABLISHED-CLOSE_WAIT",
                "CLOSE_WAIT-LAST_ACK",
                "LAST_ACK-CLOSE"
            ],
        "{server:?}"
    );
    // What went over it, as the server's side ended: 5 bytes in and the end, 1,000 out.
    let filter = format!("evt.type=tcp_state and {SERVER} and fd.name={first} and evt.arg.old=CLOSE_WAIT");
    let bytes = rig.lines("net.reel", &filter, "%evt.arg.sent %evt.arg.received")?;
    ensure!(bytes == ["1000 6"], "{bytes:?}");

    let resets = |whose: &str| {
        rig.lines("net.reel", &format!("evt.type=tcp_reset and {whose}"), "%evt.arg.sent %evt.arg.state")
    };
    let received = resets(CLIENT)?;
    // Of those that nobody accepts one may be established, and reset when the server ends.
    ensure!(
        received.get(..2) == Some(&["false SYN_SENT".into(), "false ESTABLISHED".into()]),
        "{received:?}"
    );
    let reset =
        rig.lines("net.reel", &format!("evt.type=tcp_reset and evt.arg.sent=true and {SERVER}"), "%fd.name")?;
    ensure!(reset.first() == Some(second), "{reset:?} instead of {second}");

    let again = rig.lines("net.reel", &format!("evt.type=tcp_retransmit and {CLIENT}"), "%evt.arg.state")?;
    ensure!(!again.is_empty() && again.iter().all(|state| state == "SYN_SENT"), "{again:?}");
    rig.done();
    Ok(())
}

#[test]
fn mptcp_is_not_taken_for_tcp() -> Result<()> {
    const SCRIPT: &str = r#"
import os, socket
MPTCP = 262
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
server.bind(("127.0.0.1", 0))
server.listen(1)
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
client.connect(server.getsockname())
accepted, _ = server.accept()
client.send(b"hello")
accepted.recv(5)
client.close()
accepted.recv(1)
accepted.close()
"#;
    let Some(rig) = Rig::new("mptcp")? else { return Ok(()) };
    if rig.program("python3").args(["-c", "import socket; socket.socket(2, 1, 262)"]).status()?.success() {
        rig.record("mptcp.reel", &[], &["python3", "-c", SCRIPT])?;
        rig.info("mptcp.reel")?.is_complete()?;
        let calls =
            "evt.type in (socket, bind, listen, connect, accept4, sendto, recvfrom, close) and fd.type=ipv4";
        let protocols = rig.lines("mptcp.reel", calls, "%fd.l4proto")?;
        ensure!(protocols.len() >= 10 && protocols.iter().all(|name| name == "mptcp"), "{protocols:?}");
        // The connection of TCP that carries it has a life like any other, of which each side is told once.
        let opened =
            rig.lines("mptcp.reel", "evt.type=tcp_state and evt.arg.new=ESTABLISHED", "%fd.l4proto")?;
        ensure!(opened == ["tcp", "tcp"], "{opened:?}");
    }
    rig.done();
    Ok(())
}

#[test]
fn connections_of_others_are_left_out() -> Result<()> {
    let Some(rig) = Rig::new("others-connections")? else { return Ok(()) };
    let mut noise = rig.program("python3");
    let mut noise = noise
        .args(["-c", "import socket\ns = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\nwhile True:\n c = socket.create_connection(s.getsockname()); a, _ = s.accept(); a.close(); c.close()"])
        .spawn()?;
    let recorded = rig.record("net.reel", &[], &["sleep", "0.5"]);
    noise.kill()?;
    noise.wait()?;
    recorded?;
    rig.info("net.reel")?.adds_up()?;
    ensure!(rig.count("net.reel", "evt.type startswith tcp_")? == 0);
    rig.done();
    Ok(())
}
