//! DNS messages that go through calls.

use wire::SocketFacts;

use super::super::parts::tests::copied_part;
use super::machine::{Call, Machine};
use crate::track::dns::tests::{NAME, answer, query, record};

fn udp(local_port: u16, remote_port: u16) -> SocketFacts {
    let mut loopback = [0; 16];
    loopback[..4].copy_from_slice(&[127, 0, 0, 1]);
    SocketFacts {
        family: 2,
        socktype: 2,
        protocol: 17,
        state: 1,
        local_port,
        remote_port,
        local_address: loopback,
        remote_address: loopback,
        ino: 77,
        kernel_address: 500,
        ..SocketFacts::default()
    }
}

/// A message as one of several.
fn part(data: &[u8]) -> Vec<u8> {
    let (length, copied) = (data.len() as u32, copied_part(data));
    let mut part = [length, copied.len() as u32 + 16, 0, 0, 0, length].map(u32::to_ne_bytes).concat();
    part.extend_from_slice(&copied);
    part.resize(part.len().next_multiple_of(8), 0);
    part
}

/// A machine in which process 10 is connected to a server by its descriptor 3.
fn connected(socket: SocketFacts) -> Machine {
    let mut m = Machine::with_shell();
    let [family, socktype] = [socket.family, socket.socktype].map(u64::from);
    let closed = SocketFacts { remote_port: 0, local_port: 0, ..socket };
    m.call(Call::new(10, "socket", &[family, socktype, u64::from(socket.protocol)], 3).socket(closed));
    m.call(Call::new(10, "connect", &[3, 0, 16], 0).socket(socket));
    m.lines();
    m
}

#[test]
fn what_is_asked_again_and_again_has_its_latency_each_time() {
    let mut m = connected(udp(40000, 53));
    let (asked, answered) = (query(7, NAME, 1), answer(0, 1, &[]));
    for round in 0..5000 {
        m.call(Call::new(10, "write", &[3, 0, 33], asked.len() as i64).data(1, &asked));
        m.call(Call::new(10, "read", &[3, 0, 999], answered.len() as i64).data(1, &answered));
        assert!(m.last().ends_with(" Some(1)"), "round {round}: {}", m.last());
        m.lines();
    }
}

#[test]
fn a_stream_goes_on_after_messages_that_were_not_recorded() {
    for protocol in [libc::IPPROTO_TCP, libc::IPPROTO_MPTCP] {
        let mut m = connected(SocketFacts { socktype: 1, protocol: protocol as u16, ..udp(40000, 53) });
        let framed = |query: Vec<u8>| [(query.len() as u16).to_be_bytes().to_vec(), query].concat();
        let [first, second] = [query(7, NAME, 1), query(8, NAME, 28)].map(framed);
        let mut send = |messages: &[&[u8]], sent: i64| {
            let all: Vec<u8> = messages.iter().flat_map(|message| part(message)).collect();
            m.call(Call::new(10, "sendmmsg", &[3, 0, sent as u64, 0], sent).data(1, all));
            m.lines().matches(" dns ").count()
        };
        // A message in two parts, and two messages in one call.
        assert_eq!([send(&[&first[..9], &first[9..]], 2), send(&[&first, &second], 2)], [1, 2]);
        // The kernel side looks at a few messages of one call: what the others hold is unknown. A message that is cut
        // so is told as far as it is known, and the next call is understood again.
        assert_eq!([send(&[&first, &second[..9]], 3), send(&[&first, &second], 2)], [1, 2]);
    }
}

#[test]
fn an_answer_is_put_together_with_its_query() {
    let mut m = Machine::with_shell();
    m.call(Call::new(10, "socket", &[2, 2, 0], 3).socket(SocketFacts { remote_port: 0, ..udp(0, 0) }));
    m.call(Call::new(10, "connect", &[3, 0, 16], 0).socket(udp(40000, 53)));
    let (asked, answered) = (query(7, NAME, 1), answer(0, 1, &[record(b"\xc0\x0c", 1, 60, &[192, 0, 2, 1])]));
    let mixed = answered.to_ascii_uppercase();
    m.lines();
    m.call(Call::new(10, "write", &[3, 0, 33], asked.len() as i64).data(1, &asked));
    assert!(m.last().starts_with("bash:10 dns ipv4 127.0.0.1:40000>127.0.0.1:53"), "{}", m.last());
    assert!(m.last().ends_with(", Null] None"), "{}", m.last());
    m.skip_time(998);
    // Looked at, not taken.
    m.call(Call::new(10, "recvfrom", &[3, 0, 999, 2, 0, 0], mixed.len() as i64).data(1, &mixed));
    assert!(!m.last().contains(" dns "), "{}", m.last());
    m.call(Call::new(10, "recvfrom", &[3, 0, 999, 0, 0, 0], mixed.len() as i64).data(1, &mixed));
    assert!(m.last().contains(" dns ") && m.last().ends_with(" Some(1000)"), "{}", m.last());
    // A second answer to the same query answers nothing.
    m.call(Call::new(10, "read", &[3, 0, 999], mixed.len() as i64).data(1, &mixed));
    assert!(m.last().contains(" dns ") && m.last().ends_with(" None"), "{}", m.last());
    // Three messages for one call, of which it sent two.
    let all = [asked, query(8, NAME, 28), query(9, NAME, 28)].map(|query| part(&query)).concat();
    m.lines();
    m.call(Call::new(10, "sendmmsg", &[3, 0, 3, 0], 2).data(1, all));
    assert_eq!(m.lines().matches(" dns ").count(), 2);
}
