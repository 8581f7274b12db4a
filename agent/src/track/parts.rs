//! Data in several parts, from the form in which the programs copy it to the one in which captures store it.

use capture_format::message::{Message, put_data, put_lengths};
use capture_format::schema::Shape;
use wire::parts::Parts;

/// What the programs copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Parts.
    Parts,
    /// A `msghdr`.
    Message,
    /// Several `mmsghdr`s.
    Messages,
}

/// Numbers in front of a message, and in front of one of several.
const MESSAGE_BYTES: usize = 16;
const SEVERAL_BYTES: usize = 8;

impl Form {
    pub(super) fn of(shape: &Shape) -> Option<Self> {
        match shape {
            Shape::Parts => Some(Form::Parts),
            Shape::Msghdr => Some(Form::Message),
            Shape::Messages => Some(Form::Messages),
            _ => None,
        }
    }

    /// Appends what is stored of what was copied: nothing of bytes that make no sense.
    pub(super) fn store(self, copied: &[u8], out: &mut Vec<u8>) {
        match self {
            Form::Parts => {
                let Some(parts) = Parts::parse(copied) else { return };
                put_data(out, parts.data);
                put_all_lengths(out, &parts);
            }
            Form::Message => store_message(copied, out, 2),
            Form::Messages => store_messages(copied, out),
        }
    }
}

fn put_all_lengths(out: &mut Vec<u8>, parts: &Parts<'_>) {
    put_lengths(out, parts.data.len(), u64::from(parts.count), parts.lengths());
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

/// Of a message alone with fewer than `told_from` parts no lengths are stored: what one side sends and the other receives
/// is then the same value, which a capture has once, however much room there was.
fn store_message(copied: &[u8], out: &mut Vec<u8>, told_from: u32) {
    let (Some(name), Some(flags), Some(control)) = (word(copied, 0), word(copied, 4), word(copied, 8)) else {
        return;
    };
    let Some(rest) = copied.get(MESSAGE_BYTES..) else { return };
    let Some((name, rest)) = rest.split_at_checked(name) else { return };
    let Some((control, rest)) = rest.split_at_checked(control) else { return };
    let Some(parts) = Parts::parse(rest) else { return };
    let message = Message { name, flags: flags as u32, control, data: parts.data, ..Message::default() };
    message.put(out);
    if parts.count == 0 || parts.count >= told_from {
        put_all_lengths(out, &parts);
    }
}

fn store_messages(mut copied: &[u8], out: &mut Vec<u8>) {
    while let (Some(length), Some(bytes)) = (word(copied, 0), word(copied, 4)) {
        let Some(message) = copied.get(SEVERAL_BYTES..).and_then(|rest| rest.get(..bytes)) else { return };
        let begin = out.len();
        out.extend_from_slice(&(length as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        store_message(message, out, 1);
        let stored = out.len() - begin - SEVERAL_BYTES;
        out[begin + 4..begin + SEVERAL_BYTES].copy_from_slice(&(stored as u32).to_le_bytes());
        out.resize(begin + (out.len() - begin).next_multiple_of(8), 0);
        copied = copied.get((SEVERAL_BYTES + bytes).next_multiple_of(8)..).unwrap_or_default();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use capture_format::message::{self, messages};

    /// The form in which the programs copy data of one part.
    pub(in super::super) fn copied_part(data: &[u8]) -> Vec<u8> {
        copied_parts(1, &[data.len() as u64], data)
    }

    fn copied_parts(count: u32, lengths: &[u64], data: &[u8]) -> Vec<u8> {
        let mut copied = count.to_ne_bytes().to_vec();
        copied.extend([lengths.len() as u16, 8].into_iter().flat_map(u16::to_ne_bytes));
        copied.extend(lengths.iter().flat_map(|length| [0xaaaa, *length]).flat_map(u64::to_ne_bytes));
        copied.extend_from_slice(data);
        copied
    }

    fn copied_message(name: &[u8], control: &[u8], parts: &[u8]) -> Vec<u8> {
        let head = [name.len(), 7, control.len(), 99].map(|word| (word as u32).to_ne_bytes());
        [head.as_flattened(), name, control, parts].concat()
    }

    fn stored(form: Form, copied: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        form.store(copied, &mut out);
        out
    }

    #[test]
    fn parts_are_stored_with_their_lengths() {
        let stored = stored(Form::Parts, &copied_parts(20, &[3, 500], b"abcdef"));
        let parts = message::Parts::parse(&stored);
        assert_eq!((parts.data, parts.lengths.count()), (&b"abcdef"[..], Some(20)));
        assert!(parts.lengths.iter().eq([3, 500]));
    }

    #[test]
    fn a_message_is_stored_alike_when_it_is_sent_and_when_there_is_room_for_more() {
        let of_room =
            |room| stored(Form::Message, &copied_message(b"", b"", &copied_parts(1, &[room], b"xyz")));
        assert_eq!(of_room(3), of_room(4096));
        assert_ne!(of_room(3), stored(Form::Message, &copied_message(b"", b"", &copied_parts(0, &[], b""))));
    }

    #[test]
    fn messages_are_stored_with_the_lengths_of_their_parts() {
        let first = copied_message(b"NAME", b"control", &copied_parts(2, &[1, 2], b"xyz"));
        let second = copied_message(b"", b"", &copied_part(b"all"));
        let stored_first = stored(Form::Message, &first);
        let message = Message::parse(&stored_first);
        assert_eq!((message.name, message.flags, message.control), (&b"NAME"[..], 7, &b"control"[..]));
        assert_eq!((message.data, message.lengths.count()), (&b"xyz"[..], Some(2)));
        let mut several = Vec::new();
        for (length, message) in [(3_u32, &first), (4, &second)] {
            several.extend([length, message.len() as u32].into_iter().flat_map(u32::to_ne_bytes));
            several.extend_from_slice(message);
            several.resize(several.len().next_multiple_of(8), 0);
        }
        let stored_all = stored(Form::Messages, &several);
        let read: Vec<_> = messages(&stored_all).collect();
        assert_eq!(read[0], (3, message));
        assert_eq!((read[1].0, read[1].1.data, read[1].1.lengths.count()), (4, &b"all"[..], None));
        assert_eq!(read.len(), 2);
        // Whatever the programs leave behind.
        for end in 0..several.len() {
            assert!(messages(&stored(Form::Messages, &several[..end])).count() <= 2, "{end}");
            stored(Form::Message, &several[end..]);
            stored(Form::Parts, &several[end..]);
        }
    }
}
