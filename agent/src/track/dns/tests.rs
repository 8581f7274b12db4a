//! Messages and streams, whole, cut and hostile; and messages for other tests.

use super::message::Message;
use super::stream::Stream;

/// `www.Example.com`, as it is sent.
pub(in crate::track) const NAME: &[u8] = b"\x03www\x07Example\x03com\0";

fn head(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    [id, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect()
}

pub(in crate::track) fn query(id: u16, name: &[u8], kind: u16) -> Vec<u8> {
    [&head(id, 0x0100, [1, 0, 0, 0])[..], name, &kind.to_be_bytes(), &[0, 1]].concat()
}

pub(in crate::track) fn record(name: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_be_bytes();
    [name, &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &length, data].concat()
}

/// An answer to a query for NAME with these records, which may refer to it as `\xc0\x0c`.
pub(in crate::track) fn answer(flags: u16, kind: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let question = [NAME, &kind.to_be_bytes(), &[0, 1]].concat();
    [head(7, 0x8180 | flags, [1, records.len() as u16, 0, 0]), question, records.concat()].concat()
}

fn shown(message: &[u8]) -> String {
    let Some(message) = Message::parse(message) else { return "-".to_owned() };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let answers = if message.is_response { format!(" = {}", text(&message.answers)) } else { String::new() };
    format!("{} {} {} {}{answers}", message.id, text(&message.name), message.kind, message.rcode)
}

#[test]
fn queries_and_answers_are_read() {
    assert_eq!(shown(&query(7, NAME, 28)), "7 www.Example.com 28 0");
    assert_eq!(shown(&query(7, b"\0", 2)), "7 . 2 0");
    let records = [
        record(b"\xc0\x0c", 5, 60, b"\x03cdn\xc0\x10"),
        record(b"\xc0\x2d", 1, 60, &[192, 0, 2, 1]),
        record(b"\xc0\x2d", 28, 60, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        record(b"\xc0\x0c", 15, 60, b"\x00\x0a\xc0\x2d"),
        record(b"\xc0\x0c", 33, 60, b"\0\x01\0\x02\x14\xe9\xc0\x10"),
        record(b"\xc0\x0c", 16, 60, b"\x03a \"\x01b"),
        record(b"\xc0\x0c", 65, 60, b"xyz"),
    ];
    assert_eq!(
        shown(&answer(0, 1, &records)),
        "7 www.Example.com 1 0 = CNAME cdn.Example.com, 192.0.2.1, 2001:db8::1, MX 10 cdn.Example.com, \
         SRV 1 2 5353 Example.com, TXT \"a\\032\\034b\", TYPE65 3 bytes"
    );
    assert_eq!(shown(&answer(3, 1, &[])), "7 www.Example.com 1 3 = ");
    // The upper bits of the code stand in a record of EDNS.
    let mut bad_version = [answer(0, 1, &[]), record(b"\0", 41, 0x0100_0000, b"")].concat();
    bad_version[11] = 1;
    assert_eq!(shown(&bad_version), "7 www.Example.com 1 16 = ");
    // Multicast answers have no question.
    let multicast = [head(0, 0x8400, [0, 1, 0, 0]), record(NAME, 1, 60, &[192, 0, 2, 1])].concat();
    assert_eq!(shown(&multicast), "0 www.Example.com 1 0 = 192.0.2.1");
}

#[test]
fn what_is_cut_is_read_as_far_as_it_goes() {
    let whole = answer(
        0,
        1,
        &[record(b"\xc0\x0c", 1, 60, &[192, 0, 2, 1]), record(b"\xc0\x0c", 1, 60, &[192, 0, 2, 2])],
    );
    assert_eq!(shown(&whole[..whole.len() - 1]), "7 www.Example.com 1 0 = 192.0.2.1, ...");
    assert_eq!(shown(&whole[..33]), "7 www.Example.com 1 0 = ...");
    assert_eq!(shown(&whole[..20]), "-");
    assert_eq!(shown(&answer(0x200, 1, &[])), "7 www.Example.com 1 0 = ...");
}

#[test]
fn hostile_names_end_and_cannot_pass_for_others() {
    for (name, text) in [
        (&b"\xc0\x0c"[..], "-"),
        (b"\x01a\xc0\x0c", "-"),
        (b"\xc0\x0e\xc0\x0c", "-"),
        (b"\xff\xff", "-"),
        (b"\x80a", "-"),
        (b"\x05a.b,c\0", "a\\046b\\044c"),
        (b"\x04\x1b[2J\x01\n\0", "\\027[2J.\\010"),
        ("\x08Büro\\1\0".as_bytes(), "-"),
        ("\x07Büro\\1\0".as_bytes(), "Büro\\0921"),
    ] {
        let wanted = if text == "-" { text.to_owned() } else { format!("7 {text} 1 0") };
        assert_eq!(shown(&query(7, name, 1)), wanted, "{name:?}");
    }
    let too_long = [[63; 256].as_slice(), &[0]].concat();
    assert_eq!(shown(&query(7, &too_long, 1)), "-");
}

#[test]
fn any_cut_and_any_byte_is_read_without_panic() {
    let whole = answer(
        0,
        1,
        &[record(b"\xc0\x0c", 5, 60, b"\x03cdn\xc0\x10"), record(b"\xc0\x2d", 33, 1, b"abcdef\0")],
    );
    for end in 0..whole.len() {
        let _ = Message::parse(&whole[..end]);
    }
    for at in 0..whole.len() {
        for value in 0..=255 {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let _ = Message::parse(&bytes);
        }
    }
}

#[test]
fn a_stream_is_cut_into_messages_wherever_it_is_cut_into_pieces() {
    let messages = [query(1, NAME, 1), query(2, NAME, 28)];
    let sent: Vec<u8> = messages
        .iter()
        .flat_map(|message| [&(message.len() as u16).to_be_bytes()[..], message].concat())
        .collect();
    for first in 0..=sent.len() {
        for second in first..=sent.len() {
            let (mut stream, mut seen) = (Stream::default(), Vec::new());
            for piece in [&sent[..first], &sent[first..second], &sent[second..]] {
                stream.feed(piece, piece.len(), |message| seen.push(message.to_vec()));
            }
            assert_eq!(seen, messages, "cut at {first} and {second}");
        }
    }
    // Of a piece that was not recorded whole, the beginning of the message counts, and the next call begins anew.
    let (mut stream, mut seen) = (Stream::default(), Vec::new());
    stream.feed(&sent[..40], sent.len(), |message| seen.push(shown(message)));
    stream.feed(&sent, sent.len(), |message| seen.push(shown(message)));
    let [first, second] = ["1 www.Example.com 1 0", "2 www.Example.com 28 0"];
    assert_eq!(seen, [first, "-", first, second]);
    // What is no DNS is given up.
    let (mut stream, mut seen) = (Stream::default(), 0);
    stream.feed(&[0; 1000], 1000, |_| seen += 1);
    stream.feed(&sent, sent.len(), |_| seen += 1);
    assert_eq!(seen, 2);
}
