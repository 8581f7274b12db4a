//! The parts of an iovec as the programs copy them: in front of the data, an address and a length for each.

/// What a table of parts begins with: how many parts there are (u32), of how many of them the table tells (u16), and how wide
/// an address or a length is (u16).
pub const PARTS_HEAD_BYTES: usize = 8;

/// A table of parts, and the data behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// How many there are; this or more if it is the largest number.
    pub count: u32,
    width: usize,
    table: &'a [u8],
    /// Their data, joined, as far as it was copied.
    pub data: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The table that `bytes` begin with; the rest is the data.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let ([c0, c1, c2, c3, t0, t1, w0, w1], rest) = bytes.split_first_chunk::<PARTS_HEAD_BYTES>()?;
        let told = usize::from(u16::from_ne_bytes([*t0, *t1]));
        let width = usize::from(u16::from_ne_bytes([*w0, *w1]));
        if width != 4 && width != 8 {
            return None;
        }
        // No overflow: both have 16 bits.
        let (table, data) = rest.split_at_checked(told * 2 * width)?;
        Some(Parts { count: u32::from_ne_bytes([*c0, *c1, *c2, *c3]), width, table, data })
    }

    /// The lengths of the parts that the table tells of: of the first ones.
    pub fn lengths(&self) -> impl Iterator<Item = u64> + Clone + 'a {
        let width = self.width;
        self.table.chunks_exact(2 * width).map(move |part| {
            let mut length = [0; 8];
            length[..width].copy_from_slice(&part[width..]);
            u64::from_le_bytes(length)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_either_width_are_read() {
        let wide =
            [[2, 0, 0, 0, 2, 0, 8, 0], [9; 8], [5, 1, 0, 0, 0, 0, 0, 0], [9; 8], [7, 0, 0, 0, 0, 0, 0, 0]];
        let parts = Parts::parse(wide.as_flattened()).expect("it is whole");
        assert_eq!((parts.count, parts.data), (2, &b""[..]));
        assert!(parts.lengths().eq([0x105, 7]));
        let narrow = [[40, 0, 0, 0, 1, 0, 4, 0], [9, 9, 9, 9, 3, 0, 0, 0], *b"ABCDEFGH"];
        let parts = Parts::parse(narrow.as_flattened()).expect("it is whole");
        assert_eq!((parts.count, parts.data), (40, &b"ABCDEFGH"[..]));
        assert!(parts.lengths().eq([3]));
        for end in 0..16 {
            assert_eq!(Parts::parse(&narrow.as_flattened()[..end]), None, "{end}");
        }
        for bad_width in [0, 5, 16] {
            let mut bytes = narrow;
            bytes[0][6] = bad_width;
            assert_eq!(Parts::parse(bytes.as_flattened()), None, "{bad_width}");
        }
    }
}
