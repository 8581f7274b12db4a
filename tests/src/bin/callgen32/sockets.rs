//! Sockets, through `socketcall` and by the numbers that came later.

use tests::narrow::Low;

const SOCKET: u32 = 1;
const BIND: u32 = 2;
const CONNECT: u32 = 3;
const LISTEN: u32 = 4;
const ACCEPT: u32 = 5;
const GETSOCKNAME: u32 = 6;
const GETPEERNAME: u32 = 7;
const SOCKETPAIR: u32 = 8;
const SEND: u32 = 9;
const RECV: u32 = 10;
const SENDTO: u32 = 11;
const RECVFROM: u32 = 12;
const SHUTDOWN: u32 = 13;
const SETSOCKOPT: u32 = 14;
const GETSOCKOPT: u32 = 15;
const SENDMSG: u32 = 16;
const RECVMSG: u32 = 17;
const ACCEPT4: u32 = 18;

pub(crate) fn run(low: &Low) {
    streams(low);
    messages(low);
    direct(low);
    interfaces(low);
}

fn streams(low: &Low) {
    let address = low.bytes(b"\x02\0\0\0\x7f\0\0\x01\0\0\0\0\0\0\0\0");
    let listener = low.socketcall(SOCKET, &[2, 1, 0]) as u32;
    low.socketcall(SETSOCKOPT, &[listener, 1, 2, low.words(&[1]), 4]);
    low.socketcall(SETSOCKOPT, &[listener, 1, 13, low.words(&[1, 5]), 8]);
    low.socketcall(BIND, &[listener, address, 16]);
    low.socketcall(LISTEN, &[listener, 5]);
    let length = low.words(&[16]);
    low.socketcall(GETSOCKNAME, &[listener, address, length]);
    let client = low.socketcall(SOCKET, &[2, 1, 0]) as u32;
    low.socketcall(CONNECT, &[client, address, 16]);
    let peer = low.room(16);
    let server = low.socketcall(ACCEPT, &[listener, peer, low.words(&[16])]) as u32;
    let second = low.socketcall(SOCKET, &[2, 1, 0]) as u32;
    low.socketcall(CONNECT, &[second, address, 16]);
    let other = low.socketcall(ACCEPT4, &[listener, 0, 0, 0o2_000_000]) as u32;
    low.socketcall(GETPEERNAME, &[client, peer, low.words(&[16])]);
    low.socketcall(GETSOCKOPT, &[client, 1, 4, low.room(4), low.words(&[4])]);
    let (text, room) = (low.text("over a stream"), low.room(64));
    low.socketcall(SEND, &[client, text, 13, 0]);
    low.socketcall(RECV, &[server, room, 64, 0]);
    low.socketcall(SENDTO, &[client, text, 13, 0x4000, 0, 0]);
    low.socketcall(RECVFROM, &[server, room, 64, 0, 0, 0]);
    low.socketcall(SHUTDOWN, &[client, 1]);
    low.socketcall(99, &[1, 2, 3]);
    for fd in [listener, client, server, second, other] {
        low.call("close", &[fd]);
    }
}

fn messages(low: &Low) {
    let pair = low.room(8);
    low.socketcall(SOCKETPAIR, &[1, 1, 0, pair]);
    let (left, right) = (low.word(pair), low.word(pair + 4));
    let (text, room) = (low.text("in a message"), low.room(64));
    let control = low.words(&[16, 1, 1, left]);
    let parts = low.words(&[text, 5, text + 5, 7]);
    low.socketcall(SENDMSG, &[left, low.words(&[0, 0, parts, 2, control, 16, 0]), 0]);
    let into = low.words(&[room, 32]);
    low.socketcall(RECVMSG, &[right, low.words(&[0, 0, into, 1, low.room(64), 64, 0]), 0]);
    low.call("close", &[left]);
    low.call("close", &[right]);
}

fn direct(low: &Low) {
    let receiver = low.fd("socket", &[2, 2, 0]);
    let address = low.bytes(b"\x02\0\0\0\x7f\0\0\x01\0\0\0\0\0\0\0\0");
    low.call("bind", &[receiver, address, 16]);
    low.call("getsockname", &[receiver, address, low.words(&[16])]);
    let sender = low.fd("socket", &[2, 2, 0]);
    let (text, room) = (low.text("a datagram"), low.room(64));
    low.call("sendto", &[sender, text, 10, 0, address, 16]);
    low.call("recvfrom", &[receiver, room, 64, 0, low.room(16), low.words(&[16])]);
    let parts = low.words(&[text, 10]);
    low.call("sendmsg", &[sender, low.words(&[address, 16, parts, 1, 0, 0, 0]), 0]);
    low.call("recvmsg", &[receiver, low.words(&[low.room(16), 16, low.words(&[room, 64]), 1, 0, 0, 0]), 0]);
    low.call("connect", &[sender, address, 16]);
    low.call("getpeername", &[sender, low.room(16), low.words(&[16])]);
    low.call("setsockopt", &[sender, 1, 9, low.words(&[1]), 4]);
    low.call("getsockopt", &[sender, 1, 3, low.room(4), low.words(&[4])]);
    low.call("socketpair", &[1, 2, 0, low.room(8)]);
    low.call("close", &[sender]);
    low.call("close", &[receiver]);
}

/// What is asked of a device that there is, and what is to be changed of one that there is not.
fn interfaces(low: &Low) {
    let socket = low.fd("socket", &[2, 2, 0]);
    let named = |name: &str| {
        let mut request = [0; 32];
        request[..name.len()].copy_from_slice(name.as_bytes());
        low.bytes(&request)
    };
    // SIOCGIFFLAGS, ADDR, HWADDR, INDEX, MAP.
    for request in [0x8913, 0x8915, 0x8927, 0x8933, 0x8970] {
        low.call("ioctl", &[socket, request, named("lo")]);
        low.call("ioctl", &[socket, request, named("absent0")]);
    }
    // SIOCADDRT of 192.0.2.0 by 192.0.2.9.
    let mut route = [0; 21];
    (route[1], route[2], route[5], route[6]) = (2, 0x0002_00c0, 2, 0x0902_00c0);
    (route[13], route[17]) = (3, low.text("absent0"));
    low.call("ioctl", &[socket, 0x890b, low.words(&route)]);
    low.call("close", &[socket]);
}
