//! Messages of sockets as arguments store them; `docs/format.md` says how.

/// Bytes in front of a message that is one of several.
const HEAD_BYTES: usize = 8;
/// What each of several is padded to.
const ALIGN_BYTES: usize = 8;

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
        Message { name, flags, control, data: split(rest, data).0 }
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

    const MESSAGE: Message<'_> = Message { name: b"NAM", flags: 9, control: b"cc", data: b"DATA" };

    fn stored() -> Vec<u8> {
        let lengths = [3_u32, 9, 2, 4].map(u32::to_le_bytes).concat();
        [lengths, b"NAMccDATA".to_vec()].concat()
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
