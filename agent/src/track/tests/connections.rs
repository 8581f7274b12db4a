//! Whose a connection is, that something happens to between calls.

use wire::SocketFacts;
use wire::record::TcpEvent::{ResetReceived, ResetSent, Retransmit, State};
use wire::record::{PacketEvent, SECTION_PACKET};

use super::machine::{Call, Machine};
use crate::track::packet::tests::segment;

const ESTABLISHED: u64 = 1;
const SYN_SENT: u64 = 2;
const SYN_RECV: u64 = 3;
const FIN_WAIT1: u64 = 4;
const CLOSE: u64 = 7;
const LISTEN: u64 = 10;

fn loopback() -> [u8; 16] {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&[127, 0, 0, 1]);
    address
}

/// The socket at `kernel_address`, in network namespace 1.
fn tcp(kernel_address: u64, local_port: u16, remote_port: u16) -> SocketFacts {
    SocketFacts {
        family: 2,
        socktype: 1,
        protocol: 6,
        netns: 1,
        local_port,
        remote_port,
        local_address: loopback(),
        remote_address: if remote_port == 0 { [0; 16] } else { loopback() },
        kernel_address,
        ..SocketFacts::default()
    }
}

fn state(m: &mut Machine, facts: SocketFacts, old: u64, new: u64) -> String {
    m.tcp(State, &[old, new, 0, 0, 0, 0], facts);
    m.last().to_owned()
}

/// A process makes a socket, which the kernel tells the address of.
fn socket(m: &mut Machine, pid: u32, fd: i64, kernel_address: u64) {
    let facts = SocketFacts { local_address: [0; 16], ..tcp(kernel_address, 0, 0) };
    m.call(Call::new(pid, "socket", &[2, 1, 0], fd).socket(facts));
}

#[test]
fn a_client_owns_what_it_made_and_a_server_what_comes_to_its_port() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    socket(&mut m, 10, 3, 100);
    assert_eq!(
        state(&mut m, tcp(100, 80, 0), CLOSE, LISTEN),
        "bash:10 tcp_state ipv4 127.0.0.1:80>0.0.0.0:0"
    );
    socket(&mut m, 11, 3, 200);
    let client = "child:11 tcp_state ipv4 127.0.0.1:40000>127.0.0.1:80 client connected";
    assert_eq!(state(&mut m, tcp(200, 40000, 80), CLOSE, SYN_SENT), client);
    let server = "bash:10 tcp_state ipv4 127.0.0.1:80>127.0.0.1:40000 server connected";
    assert_eq!(state(&mut m, tcp(300, 80, 40000), LISTEN, SYN_RECV), server);
    assert_eq!(state(&mut m, tcp(300, 80, 40000), SYN_RECV, ESTABLISHED), server);
    m.tcp(Retransmit, &[ESTABLISHED, 1], tcp(300, 80, 40000));
    assert_eq!(m.last(), "bash:10 tcp_retransmit ipv4 127.0.0.1:80>127.0.0.1:40000 server connected");
    // Whoever accepts it owns it from then on.
    m.fork(10, 12, 10, 1, wire::facts::FORK_SHARES_FILES);
    m.call(Call::new(10, "accept4", &[3, 1, 2, 0], 4).by(12).socket(tcp(300, 80, 40000)));
    m.tcp(ResetReceived, &[ESTABLISHED], tcp(300, 80, 40000));
    assert!(m.last().starts_with("child:12 tcp_reset ipv4 127.0.0.1:80>127.0.0.1:40000"), "{}", m.last());
}

#[test]
fn the_same_port_in_another_network_namespace_is_another_server() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    let elsewhere = |facts: SocketFacts| SocketFacts { netns: 2, ..facts };
    socket(&mut m, 10, 3, 100);
    state(&mut m, tcp(100, 80, 0), CLOSE, LISTEN);
    socket(&mut m, 11, 3, 200);
    state(&mut m, elsewhere(tcp(200, 80, 0)), CLOSE, LISTEN);
    assert!(state(&mut m, tcp(300, 80, 5000), LISTEN, SYN_RECV).starts_with("bash:10 "));
    assert!(state(&mut m, elsewhere(tcp(400, 80, 5000)), LISTEN, SYN_RECV).starts_with("child:11 "));
    // A listener that is gone owns nothing more.
    state(&mut m, tcp(100, 80, 0), LISTEN, CLOSE);
    assert_eq!(state(&mut m, tcp(500, 80, 5001), LISTEN, SYN_RECV), "nobody tcp_state");
}

#[test]
fn what_a_dead_process_left_open_is_still_its_own() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    socket(&mut m, 11, 3, 200);
    m.exit(11, 11, true);
    assert_eq!(
        state(&mut m, tcp(200, 40000, 80), ESTABLISHED, FIN_WAIT1),
        "child:11 tcp_state ipv4 127.0.0.1:40000>127.0.0.1:80"
    );
}

#[test]
fn a_reset_after_the_end_belongs_to_what_ended_and_a_new_socket_does_not() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    socket(&mut m, 10, 3, 100);
    state(&mut m, tcp(100, 80, 0), CLOSE, LISTEN);
    socket(&mut m, 11, 3, 200);
    state(&mut m, tcp(200, 40000, 80), ESTABLISHED, CLOSE);
    m.tcp(ResetSent, &[CLOSE], tcp(200, 40000, 80));
    assert_eq!(m.last(), "child:11 tcp_reset ipv4 127.0.0.1:40000>127.0.0.1:80");
    // The kernel uses the address again, for a connection that comes in.
    assert!(state(&mut m, tcp(200, 80, 40001), LISTEN, SYN_RECV).starts_with("bash:10 "));
}

/// A packet that came in without a socket, from 10.0.0.1:40000 to 10.0.0.2:80 in network namespace 1.
fn packet(m: &mut Machine, event: PacketEvent, bytes: &[u8]) -> String {
    m.packet(event, &[3, 1, 40, 1], (SECTION_PACKET, bytes));
    m.last().to_owned()
}

#[test]
fn a_packet_without_a_socket_belongs_to_who_listens_on_its_port() {
    let mut m = Machine::with_shell();
    let request = segment(2);
    let flow = "ipv4 10.0.0.2:80>10.0.0.1:40000 server";
    assert_eq!(packet(&mut m, PacketEvent::Dropped, &request), "nobody packet_drop");
    assert_eq!(packet(&mut m, PacketEvent::Reset, &request), "nobody tcp_reset");
    socket(&mut m, 10, 3, 100);
    state(&mut m, tcp(100, 80, 0), CLOSE, LISTEN);
    assert_eq!(packet(&mut m, PacketEvent::Dropped, &request), format!("bash:10 packet_drop {flow}"));
    let without_ports = &request[..20];
    assert_eq!(packet(&mut m, PacketEvent::Dropped, without_ports), "nobody packet_drop");
    assert_eq!(packet(&mut m, PacketEvent::Dropped, &[]), "nobody packet_drop");
}
