//! DNS over TCP: messages behind their lengths, in whatever pieces they are sent and received.

use super::message::HEAD_BYTES;

/// Bytes of a message that are kept; what is longer is told as a message that was cut.
const MESSAGE_BYTES_MAX: usize = 4096;

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// The first byte of a length of two.
    length_high: Option<u8>,
    /// Bytes of the current message that are still to come; 0 between messages.
    left: usize,
    /// Those of it that came, as far as they are kept.
    message: Vec<u8>,
    /// Nothing is understood until the next call: what is read then begins a message, or it is given up again.
    is_lost: bool,
}

impl Stream {
    /// Takes what a call sent or received: `bytes` of it were recorded, of `whole`. Hands each message out when all of it
    /// has gone by.
    pub(super) fn feed(&mut self, mut bytes: &[u8], whole: usize, mut message: impl FnMut(&[u8])) {
        let mut missing = whole.saturating_sub(bytes.len());
        self.is_lost = false;
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left == 0 {
                bytes = rest;
                match self.length_high.take() {
                    None => self.length_high = Some(first),
                    Some(high) => self.begin(u16::from_be_bytes([high, first])),
                }
                if self.is_lost {
                    return;
                }
                continue;
            }
            let (own, rest) = bytes.split_at(self.left.min(bytes.len()));
            let room = MESSAGE_BYTES_MAX.saturating_sub(self.message.len());
            self.message.extend(&own[..own.len().min(room)]);
            bytes = rest;
            self.pass(own.len(), &mut message);
        }
        if missing > 0 {
            let own = missing.min(self.left);
            missing -= own;
            if own > 0 {
                self.pass(own, &mut message);
            }
        }
        if missing > 0 {
            // Somewhere in what was not recorded a message begins.
            *self = Stream { is_lost: true, ..Stream::default() };
        }
    }

    fn begin(&mut self, length: u16) {
        let length = usize::from(length);
        if length < HEAD_BYTES {
            *self = Stream { is_lost: true, ..Stream::default() };
        } else {
            self.left = length;
        }
    }

    /// So many bytes of the current message went by.
    fn pass(&mut self, bytes: usize, message: &mut impl FnMut(&[u8])) {
        self.left -= bytes;
        if self.left == 0 {
            message(&self.message);
            self.message.clear();
        }
    }
}
