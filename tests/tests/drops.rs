//! Packets that nobody gets: with the kernel's reason, their ends, and whose they were.

use anyhow::{Result, ensure};
use tests::rig::{Rig, succeed};

/// Sends to a socket that takes little until it takes no more, and says how many datagrams were not taken.
const OVERFLOW: &str = r#"
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
server.bind(("127.0.0.1", 0))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(20):
    client.sendto(b"x" * 500, server.getsockname())
server.setblocking(False)
lost = 20
try:
    while server.recv(1000):
        lost -= 1
except BlockingIOError:
    pass
open("port", "w").write(str(server.getsockname()[1]))
open("lost", "w").write(str(lost))
"#;

/// Asks ports where nobody listens, over IPv4 and IPv6, and names the ports.
const CLOSED: &str = r#"
import socket
ports = []
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        taken = socket.socket(family, kind)
        taken.bind((address, 0))
        port = taken.getsockname()[1]
        taken.close()
        client = socket.socket(family, kind)
        if kind == socket.SOCK_STREAM:
            assert client.connect_ex((address, port)) == 111
        else:
            client.sendto(b"hello", (address, port))
        ports.append(str(port))
open("ports", "w").write(" ".join(ports))
"#;

#[test]
fn what_a_full_socket_does_not_take_is_its_owners_loss() -> Result<()> {
    let Some(rig) = Rig::new("overflow")? else { return Ok(()) };
    rig.record("drops.reel", &["--calls", "packet_drop"], &["python3", "-c", OVERFLOW])?;
    rig.info("drops.reel")?.is_complete()?;
    let lost: usize = std::fs::read_to_string(rig.file("lost"))?.parse()?;
    let port = std::fs::read_to_string(rig.file("port"))?;
    ensure!(lost > 5, "only {lost} datagrams were lost");
    let drops = rig.lines(
        "drops.reel",
        &format!("evt.type=packet_drop and fd.lport={port}"),
        "%proc.name %evt.arg.reason %evt.arg.incoming %evt.arg.dev %evt.arg.size %fd.l4proto",
    )?;
    ensure!(drops.len() == lost, "{} drops, but {lost} datagrams were lost", drops.len());
    ensure!(drops.iter().all(|drop| drop == "python3 SOCKET_RCVBUFF true lo 500 udp"), "{drops:?}");
    rig.done();
    Ok(())
}

#[test]
fn what_comes_to_a_closed_port_is_seen_and_answered() -> Result<()> {
    let Some(rig) = Rig::new("closed-port")? else { return Ok(()) };
    rig.record_machine("drops.reel", &["--calls", "packet_drop,tcp_reset"], || {
        succeed(rig.program("python3").args(["-c", CLOSED])).map(drop)
    })?;
    rig.info("drops.reel")?.is_complete()?;
    let ports = std::fs::read_to_string(rig.file("ports"))?;
    let ports: Vec<&str> = ports.split(' ').collect();
    let [tcp, udp, tcp6, udp6] = ports[..] else { anyhow::bail!("{ports:?}") };
    for (port, end, expected) in [
        (tcp, "127.0.0.1", "NO_SOCKET true lo 40 SYN tcp"),
        (udp, "127.0.0.1", "NO_SOCKET true lo 13 0 udp"),
        (tcp6, "::1", "NO_SOCKET true lo 40 SYN tcp"),
        (udp6, "::1", "NO_SOCKET true lo 13 0 udp"),
    ] {
        let drops = rig.lines(
            "drops.reel",
            &format!("evt.type=packet_drop and fd.lport={port} and fd.lip={end} and fd.rip={end}"),
            "%evt.arg.reason %evt.arg.incoming %evt.arg.dev %evt.arg.size %evt.arg.tcp_flags %fd.l4proto",
        )?;
        ensure!(drops == [expected], "port {port}: {drops:?}");
    }
    for port in [tcp, tcp6] {
        let format = "%evt.arg.sent %evt.arg.state %fd.lport";
        // The closed port's side has no process; the other one was in the making.
        let sent = rig.lines("drops.reel", &format!("evt.type=tcp_reset and fd.lport={port}"), format)?;
        ensure!(sent == [format!("true CLOSE {port}")], "{sent:?}");
        let received = rig.lines(
            "drops.reel",
            &format!("evt.type=tcp_reset and fd.rport={port}"),
            "%evt.arg.sent %proc.name",
        )?;
        ensure!(received == ["false python3"], "{received:?}");
    }
    rig.done();
    Ok(())
}
