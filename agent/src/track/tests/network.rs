//! Sockets: addresses, roles, and descriptors that travel through them.

use wire::SocketFacts;

use super::super::parts::tests::copied_part;
use super::machine::{Call, Machine};

const IN_PROGRESS: i64 = -115;

fn address(a: u8, b: u8, c: u8, d: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&[a, b, c, d]);
    address
}

fn sockaddr(address: [u8; 16], port: u16) -> Vec<u8> {
    [&2u16.to_ne_bytes()[..], &port.to_be_bytes(), &address[..4], &[0; 8]].concat()
}

fn unix(path: &str) -> Vec<u8> {
    [&1u16.to_ne_bytes()[..], path.as_bytes()].concat()
}

/// TCP over IPv4 in state `state`.
fn tcp(local: u16, remote: u16, state: u16) -> SocketFacts {
    SocketFacts {
        family: 2,
        socktype: 1,
        protocol: 6,
        state,
        local_port: local,
        remote_port: remote,
        local_address: address(127, 0, 0, 1),
        remote_address: if remote == 0 { [0; 16] } else { address(127, 0, 0, 1) },
        ino: 900 + u64::from(local),
        ..SocketFacts::default()
    }
}

#[test]
fn both_ends_of_a_loopback_connection_have_their_role() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    m.plain(10, "socket", &[2, 1, 0], 3);
    m.call(Call::new(10, "bind", &[3, 1, 16], 0).data(1, sockaddr(address(127, 0, 0, 1), 8000)));
    m.call(Call::new(10, "listen", &[3, 5], 0).socket(tcp(8000, 0, 10)));
    m.plain(11, "socket", &[2, 1 | 0x80000, 0], 3);
    let connect = Call::new(11, "connect", &[3, 1, 16], 0);
    m.call(connect.data(1, sockaddr(address(127, 0, 0, 1), 8000)).socket(tcp(40000, 8000, 1)));
    let accept = Call::new(10, "accept4", &[3, 1, 2, 0], 4);
    m.call(accept.data(1, sockaddr(address(127, 0, 0, 1), 40000)).socket(tcp(8000, 40000, 1)));
    m.plain(11, "write", &[3, 1, 5], 5);
    m.plain(10, "read", &[4, 1, 5], 5);
    let lines = m.lines();
    let from_socket: Vec<&str> = lines.lines().skip(1).collect();
    assert_eq!(
        from_socket,
        [
            "bash:10 socket = 3 ipv4 0.0.0.0:0>0.0.0.0:0",
            "bash:10 bind = 0 ipv4 127.0.0.1:8000>0.0.0.0:0",
            "bash:10 listen = 0 ipv4 127.0.0.1:8000>0.0.0.0:0 #8900 server",
            "child:11 socket = 3 ipv4 0.0.0.0:0>0.0.0.0:0",
            "child:11 connect = 0 ipv4 127.0.0.1:40000>127.0.0.1:8000 #40900 client connected",
            "bash:10 accept4 = 4 ipv4 127.0.0.1:8000>127.0.0.1:40000 #8900 server connected",
            "child:11 write = 5 ipv4 127.0.0.1:40000>127.0.0.1:8000 #40900 client connected",
            "bash:10 read = 5 ipv4 127.0.0.1:8000>127.0.0.1:40000 #8900 server connected",
        ]
    );
    m.exec(11, "/bin/cat", &["cat"]);
    assert_eq!(m.fd(11, 3), "");
}

#[test]
fn a_connect_may_go_on_or_fail() {
    let mut m = Machine::with_shell();
    m.plain(10, "socket", &[2, 1, 0], 3);
    let connect =
        |result| Call::new(10, "connect", &[3, 1, 16], result).data(1, sockaddr(address(10, 0, 0, 9), 443));
    m.call(connect(-111));
    assert_eq!(m.last(), "bash:10 connect = -111 ipv4 0.0.0.0:0>10.0.0.9:443 client");
    assert_eq!(m.fd(10, 3), "ipv4 0.0.0.0:0>0.0.0.0:0");
    m.call(connect(IN_PROGRESS));
    assert_eq!(m.last(), "bash:10 connect = -115 ipv4 0.0.0.0:0>10.0.0.9:443 client connected");
    assert_eq!(m.fd(10, 3), "ipv4 0.0.0.0:0>10.0.0.9:443 client connected");
}

#[test]
fn a_connect_to_no_family_ends_a_connection() {
    let mut m = Machine::with_shell();
    m.plain(10, "socket", &[2, 2, 0], 3);
    m.call(Call::new(10, "connect", &[3, 1, 16], 0).data(1, sockaddr(address(10, 0, 0, 9), 53)));
    assert_eq!(m.fd(10, 3), "ipv4 0.0.0.0:0>10.0.0.9:53 client connected");
    m.call(Call::new(10, "connect", &[3, 1, 16], 0).data(1, vec![0; 16]));
    assert_eq!(m.fd(10, 3), "ipv4 0.0.0.0:0>0.0.0.0:0 client");
}

#[test]
fn a_socket_that_speaks_with_several_is_shown_with_none() {
    let mut m = Machine::with_shell();
    let send = |port, result| {
        Call::new(10, "sendto", &[3, 1, 5, 0, 2, 16], result).data(4, sockaddr(address(10, 0, 0, 9), port))
    };
    m.plain(10, "socket", &[2, 2, 0], 3);
    m.call(send(53, -11));
    assert_eq!(m.last(), "bash:10 sendto = -11 ipv4 0.0.0.0:0>10.0.0.9:53 client");
    assert_eq!(m.fd(10, 3), "ipv4 0.0.0.0:0>0.0.0.0:0");
    m.call(send(53, 5));
    m.plain(10, "recvfrom", &[3, 1, 5, 0, 0, 0], 5);
    assert_eq!(m.last(), "bash:10 recvfrom = 5 ipv4 0.0.0.0:0>10.0.0.9:53 client");
    m.call(send(54, -11));
    assert_eq!(m.fd(10, 3), "ipv4 0.0.0.0:0>10.0.0.9:53 client");
    for port in [54, 53, 55] {
        m.call(send(port, 5));
        assert_eq!(m.last(), format!("bash:10 sendto = 5 ipv4 0.0.0.0:0>10.0.0.9:{port} client"));
        assert_eq!(m.fd(10, 3), "ipv4 0.0.0.0:0>0.0.0.0:0 client");
    }
    m.plain(10, "recvfrom", &[3, 1, 5, 0, 0, 0], 5);
    assert_eq!(m.last(), "bash:10 recvfrom = 5 ipv4 0.0.0.0:0>0.0.0.0:0 client");
    m.call(Call::new(10, "sendto", &[9, 1, 5, 0, 2, 16], -9).data(4, sockaddr(address(10, 0, 0, 9), 53)));
    assert_eq!(m.last(), "bash:10 sendto = -9");
}

#[test]
fn an_ipv6_socket_may_speak_with_peers_of_both_kinds() {
    let mut m = Machine::with_shell();
    let facts =
        SocketFacts { family: 10, socktype: 2, protocol: 17, local_port: 500, ..SocketFacts::default() };
    let mut v6 =
        [10u8, 0, 0, 53, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0];
    let receive = |m: &mut Machine, bytes: &[u8]| {
        let call = Call::new(10, "recvfrom", &[3, 1, 5, 0, 2, 3], 5).data(4, bytes);
        m.call(call.socket(facts));
        m.last().to_owned()
    };
    m.plain(10, "socket", &[10, 2, 0], 3);
    let of_v6 = "bash:10 recvfrom = 5 ipv6 :::500>fe80::9:53 server";
    assert_eq!(receive(&mut m, &v6), of_v6);
    let second = v6;
    v6[8..24].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7]);
    assert_eq!(receive(&mut m, &v6), "bash:10 recvfrom = 5 ipv4 0.0.0.0:500>10.0.0.7:53 server");
    assert_eq!(receive(&mut m, &second), of_v6);
}

#[test]
fn datagrams_show_their_peer_and_the_first_one_tells_the_client() {
    let mut m = Machine::with_shell();
    let send = |fd, port| {
        Call::new(10, "sendto", &[fd, 1, 5, 0, 2, 16], 5).data(4, sockaddr(address(10, 0, 0, 9), port))
    };
    let receive = |fd, port| {
        Call::new(10, "recvfrom", &[fd, 1, 5, 0, 2, 3], 5).data(4, sockaddr(address(10, 0, 0, 9), port))
    };
    m.plain(10, "socket", &[2, 2, 0], 3);
    m.plain(10, "socket", &[2, 2, 0], 4);
    m.lines();
    m.call(send(3, 53));
    m.call(receive(3, 53));
    m.call(receive(4, 7000));
    m.call(send(4, 7000));
    m.call(send(3, 54));
    assert_eq!(
        m.lines(),
        "bash:10 sendto = 5 ipv4 0.0.0.0:0>10.0.0.9:53 client\n\
         bash:10 recvfrom = 5 ipv4 0.0.0.0:0>10.0.0.9:53 client\n\
         bash:10 recvfrom = 5 ipv4 0.0.0.0:0>10.0.0.9:7000 server\n\
         bash:10 sendto = 5 ipv4 0.0.0.0:0>10.0.0.9:7000 server\n\
         bash:10 sendto = 5 ipv4 0.0.0.0:0>10.0.0.9:54 client"
    );
}

#[test]
fn unix_sockets_are_named_by_their_path() {
    let mut m = Machine::with_shell();
    m.plain(10, "socket", &[1, 1, 0], 3);
    m.call(Call::new(10, "bind", &[3, 1, 20], 0).data(1, unix("/run/x.sock\0")));
    m.plain(10, "listen", &[3, 5], 0);
    m.call(Call::new(10, "accept", &[3, 1, 2], 4).data(1, unix("")));
    m.plain(10, "socket", &[1, 1, 0], 5);
    m.call(Call::new(10, "connect", &[5, 1, 8], 0).data(1, unix("\0bus")));
    assert_eq!(m.fd(10, 3), "unix /run/x.sock server");
    assert_eq!(m.fd(10, 4), "unix /run/x.sock server connected");
    assert_eq!(m.fd(10, 5), "unix @bus client connected");
    m.call(Call::new(10, "socketpair", &[1, 1, 0, 1], 0).data(3, [[6, 0, 0, 0], [7, 0, 0, 0]].concat()));
    assert_eq!(m.fd(10, 6), "unix connected");
    m.plain(10, "socket", &[16, 3, 0], 8);
    m.plain(10, "socket", &[17, 3, 0], 9);
    m.plain(10, "socket", &[38, 5, 0], 10);
    assert_eq!([m.fd(10, 8), m.fd(10, 9), m.fd(10, 10)], ["netlink", "packet", "socket"]);
}

/// The section of a message with these descriptors in its control part.
fn message(fds: &[u32]) -> Vec<u8> {
    let numbers: Vec<u8> = fds.iter().flat_map(|fd| fd.to_ne_bytes()).collect();
    let mut control = (16 + numbers.len() as u64).to_ne_bytes().to_vec();
    control.extend(1u32.to_ne_bytes());
    control.extend(1u32.to_ne_bytes());
    control.extend(&numbers);
    control.resize(control.len().next_multiple_of(8), 0);
    let lengths = [0, 0, control.len() as u32, 1];
    [lengths.map(u32::to_ne_bytes).concat(), control, copied_part(b"x")].concat()
}

/// One end of a connection between Unix sockets.
fn pair(own: u64, peer: u64) -> SocketFacts {
    SocketFacts {
        family: 1,
        socktype: 1,
        kernel_address: own,
        peer_kernel_address: peer,
        ..SocketFacts::default()
    }
}

#[test]
fn descriptors_that_are_passed_keep_their_meaning() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    m.open(10, "/a", 0, 3);
    m.open(10, "/b", 0, 4);
    m.open(11, "/old", 0, 7);
    m.call(Call::new(10, "sendmsg", &[9, 1, 0], 1).data(1, message(&[4, 3])).socket(pair(1, 2)));
    m.call(Call::new(10, "sendmsg", &[9, 1, 0], 1).data(1, message(&[3])).socket(pair(1, 2)));
    let flags = libc::MSG_CMSG_CLOEXEC as u64;
    m.call(Call::new(11, "recvmsg", &[9, 1, flags], 1).data(1, message(&[6, 7])).socket(pair(2, 1)));
    m.call(Call::new(11, "recvmsg", &[9, 1, 0], 1).data(1, message(&[8])).socket(pair(2, 1)));
    assert_eq!([m.fd(11, 6), m.fd(11, 7), m.fd(11, 8)], ["file /b", "file /a", "file /a"]);
    // One whose sending was missed: the number means something else now, so the old meaning is gone.
    m.call(Call::new(11, "recvmsg", &[9, 1, 0], 1).data(1, message(&[7])).socket(pair(2, 1)));
    assert_eq!(m.fd(11, 7), "");
    m.exec(11, "/bin/cat", &["cat"]);
    assert_eq!([m.fd(11, 6), m.fd(11, 8)], ["", "file /a"]);
}

#[test]
fn a_receiver_that_returns_before_its_sender_does_not_get_the_message_before() {
    for is_measured in [true, false] {
        let mut m = Machine::with_shell();
        m.fork(10, 11, 11, 10, 0);
        m.open(10, "/a", 0, 3);
        m.open(10, "/b", 0, 4);
        let send = |m: &mut Machine, fd, ns| {
            let call = Call::new(10, "sendmsg", &[9, 1, 0], 1).data(1, message(&[fd])).socket(pair(1, 2));
            m.call(if is_measured { call.took(ns) } else { call });
        };
        let receive = |m: &mut Machine, fd| {
            let call = Call::new(11, "recvmsg", &[9, 1, 0], 1).data(1, message(&[fd])).socket(pair(2, 1));
            m.call(if is_measured { call.took(0) } else { call });
        };
        receive(&mut m, 6);
        send(&mut m, 3, 2);
        send(&mut m, 4, 0);
        receive(&mut m, 7);
        assert_eq!(m.fd(11, 7), "file /b");
        // A sending that was never seen, in a call that is over when the next begins.
        receive(&mut m, 8);
        send(&mut m, 3, 0);
        receive(&mut m, 6);
        assert_eq!(m.fd(11, 6), if is_measured { "file /a" } else { "" });
    }
}
