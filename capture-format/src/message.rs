//! Data in several parts, and messages of sockets, as arguments store them; `docs/format.md` says how.

use crate::codec::bytes::{Cursor, put_varint};

/// Bytes in front of a message that is one of several.
const HEAD_BYTES: usize = 8;
/// What each of several is padded to.
const ALIGN_BYTES: usize = 8;

/// How long the parts of some data are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths<'a> {
    bytes: &'a [u8],
}

impl<'a> Lengths<'a> {
    /// How many parts there are. `None` where there is no more to tell than the data does: it is one part, of which all is
    /// there, or the one part of a message; or nothing was told.
    pub fn count(self) -> Option<u64> {
        Cursor::new(self.bytes).varint().ok()
    }

    /// The lengths of the first parts, as far as they were told.
    pub fn iter(self) -> impl Iterator<Item = u64> + 'a {
        let mut cursor = Cursor::new(self.bytes);
        let count = cursor.varint().unwrap_or(0);
        (0..count).map_while(move |_| cursor.varint().ok())
    }
}

/// Appends the lengths of the first of `count` parts, behind `data_bytes` bytes of their data.
pub fn put_lengths(
    out: &mut Vec<u8>,
    data_bytes: usize,
    count: u64,
    lengths: impl Iterator<Item = u64> + Clone,
) {
    if count == 1 && lengths.clone().eq([data_bytes as u64]) {
        return;
    }
    put_varint(out, count);
    lengths.for_each(|length| put_varint(out, length));
}

/// Data in several parts. What the snap length cut off is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The data of all of them, joined.
    pub data: &'a [u8],
    /// How long each is.
    pub lengths: Lengths<'a>,
}

impl<'a> Parts<'a> {
    /// The parts in an argument's bytes, however many of them there are.
    pub fn parse(bytes: &'a [u8]) -> Self {
        let mut cursor = Cursor::new(bytes);
        let Ok(length) = cursor.varint() else { return Parts::default() };
        let rest = &bytes[bytes.len() - cursor.remaining()..];
        let (data, rest) = rest.split_at(rest.len().min(usize::try_from(length).unwrap_or(usize::MAX)));
        Parts { data, lengths: Lengths { bytes: rest } }
    }

    /// Appends the data, `bytes_max` of it at most, with the lengths of its parts.
    pub fn put_cut(&self, out: &mut Vec<u8>, bytes_max: usize) {
        let data = &self.data[..self.data.len().min(bytes_max)];
        put_data(out, data);
        match self.lengths.count() {
            Some(_) => out.extend_from_slice(self.lengths.bytes),
            None => put_lengths(out, data.len(), 1, std::iter::once(self.data.len() as u64)),
        }
    }
}

/// Appends data, which the lengths of its parts follow: the beginning of [`Parts`].
pub fn put_data(out: &mut Vec<u8>, data: &[u8]) {
    put_varint(out, data.len() as u64);
    out.extend_from_slice(data);
}

/// The parts of a `msghdr`. What the snap length cut off is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Address of the peer.
    pub name: &'a [u8],
    /// Flags of a message that was received.
    pub flags: u32,
    /// `cmsghdr`s.
    pub control: &'a [u8],
    /// What was sent or received.
    pub data: &'a [u8],
    /// How long the parts of it are that the program gave.
    pub lengths: Lengths<'a>,
}

impl<'a> Message<'a> {
    /// The message in an argument's bytes, however many of them there are.
    pub fn parse(bytes: &'a [u8]) -> Self {
        let (Some(name), Some(flags), Some(control), Some(data)) =
            (word(bytes, 0), word(bytes, 4), word(bytes, 8), word(bytes, 12))
        else {
            return Message::default();
        };
        let (name, rest) = split(&bytes[16..], name);
        let (control, rest) = split(rest, control);
        let (data, rest) = split(rest, data);
        Message { name, flags, control, data, lengths: Lengths { bytes: rest } }
    }

    /// Appends it.
    pub fn put(&self, out: &mut Vec<u8>) {
        let lengths = [self.name.len(), self.control.len(), self.data.len()].map(|length| length as u32);
        let [name, control, data] = lengths;
        out.extend([name, self.flags, control, data].into_iter().flat_map(u32::to_le_bytes));
        for bytes in [self.name, self.control, self.data, self.lengths.bytes] {
            out.extend_from_slice(bytes);
        }
    }
}

/// The messages in an argument's bytes, each with its `msg_len`: the bytes that were sent or received of it.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u32, Message<'_>)> {
    std::iter::from_fn(move || {
        let (length, kept) = (word(bytes, 0)?, word(bytes, 4)?);
        let (message, _) = split(&bytes[HEAD_BYTES..], kept);
        bytes = bytes.get((HEAD_BYTES + message.len()).next_multiple_of(ALIGN_BYTES)..).unwrap_or_default();
        Some((length, Message::parse(message)))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn split(bytes: &[u8], at: u32) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.len().min(at as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: Message<'_> = Message {
        name: b"NAM",
        flags: 9,
        control: b"cc",
        data: b"DATA",
        lengths: Lengths { bytes: &[2, 1, 0x83, 1] },
    };

    fn stored() -> Vec<u8> {
        let lengths = [3_u32, 9, 2, 4].map(u32::to_le_bytes).concat();
        [lengths, b"NAMccDATA\x02\x01\x83\x01".to_vec()].concat()
    }

    #[test]
    fn a_message_is_stored_as_it_is_read() {
        let mut out = Vec::new();
        MESSAGE.put(&mut out);
        assert_eq!(out, stored());
        assert!(MESSAGE.lengths.iter().eq([1, 131]));
        // As captures had it before.
        let before = &stored()[..16 + 9];
        assert_eq!(Message::parse(before), Message { lengths: Lengths::default(), ..MESSAGE });
        assert_eq!(Lengths::default().count(), None);
    }

    #[test]
    fn parts_are_read_and_cut() {
        let stored = |data: &[u8], count, lengths: &[u64]| {
            let mut out = Vec::new();
            put_data(&mut out, data);
            put_lengths(&mut out, data.len(), count, lengths.iter().copied());
            out
        };
        // Of one part that is all there, there is no more to tell.
        assert_eq!(stored(b"abc", 1, &[3]), b"\x03abc");
        for (count, lengths) in [(0, &[][..]), (1, &[300]), (2, &[3, 4]), (40, &[1, 2, 3]), (5, &[])] {
            let stored = stored(b"abc", count, lengths);
            let parts = Parts::parse(&stored);
            assert_eq!((parts.data, parts.lengths.count()), (&b"abc"[..], Some(count)), "{lengths:?}");
            assert!(parts.lengths.iter().eq(lengths.iter().copied()), "{lengths:?}");
            let mut cut = Vec::new();
            parts.put_cut(&mut cut, 2);
            assert_eq!(Parts::parse(&cut), Parts { data: b"ab", ..parts });
            for end in 0..stored.len() {
                let cut = Parts::parse(&stored[..end]);
                assert!(b"abc".starts_with(cut.data) && cut.lengths.iter().count() <= lengths.len());
            }
        }
        let mut cut = Vec::new();
        Parts::parse(b"\x03abc").put_cut(&mut cut, 1);
        assert_eq!(cut, b"\x01a\x01\x03");
        assert!(Parts::parse(&cut).lengths.iter().eq([3]));
        assert_eq!(Parts::parse(&[0xff; 20]), Parts::default());
    }

    #[test]
    fn a_message_cut_anywhere_is_read() {
        let stored = stored();
        assert_eq!(Message::parse(&stored), MESSAGE);
        for end in 0..stored.len() {
            let cut = Message::parse(&stored[..end]);
            assert!(
                b"NAM".starts_with(cut.name)
                    && b"cc".starts_with(cut.control)
                    && b"DATA".starts_with(cut.data)
            );
        }
    }

    #[test]
    fn several_are_read_one_behind_the_other() {
        let stored = stored();
        let mut several = Vec::new();
        for length in [4_u32, 70] {
            several.extend_from_slice(&length.to_le_bytes());
            several.extend_from_slice(&(stored.len() as u32).to_le_bytes());
            several.extend_from_slice(&stored);
            several.resize(several.len().next_multiple_of(ALIGN_BYTES), 0);
        }
        assert_eq!(messages(&several).collect::<Vec<_>>(), [(4, MESSAGE), (70, MESSAGE)]);
        for end in 0..several.len() {
            assert!(messages(&several[..end]).count() <= 2);
        }
        assert_eq!(messages(&[0xff; 64]).count(), 1, "a length beyond the end takes all there is");
    }
}
