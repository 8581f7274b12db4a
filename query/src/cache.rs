//! Texts remembered per entity.

/// Texts of this many bytes are kept; when there are more, all are forgotten.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// What is known about an entity's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Unknown,
    /// The line is left out.
    Missing,
    /// A place in the bytes kept.
    Text {
        start: u32,
        end: u32,
    },
}

/// A text for every entity of a class, by its place in the table, made when first needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextCache {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
}

impl TextCache {
    /// Appends the entity's text to `out`, or makes it: `make` appends it and says whether the line is kept.
    pub(crate) fn write<E>(
        &mut self,
        place: usize,
        out: &mut Vec<u8>,
        make: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        match self.slots.get(place) {
            Some(Slot::Text { start, end }) => {
                out.extend_from_slice(&self.bytes[*start as usize..*end as usize]);
                return Ok(true);
            }
            Some(Slot::Missing) => return Ok(false),
            Some(Slot::Unknown) | None => {}
        }
        if self.bytes.len() > KEPT_BYTES_MAX {
            self.forget();
        }
        let start = self.bytes.len();
        let kept = match make(&mut self.bytes) {
            Ok(kept) => kept,
            Err(error) => {
                self.bytes.truncate(start);
                return Err(error);
            }
        };
        let end = self.bytes.len();
        // A text of one entity is at most a few captured texts, so both places stay far below 4 GiB.
        let slot = match (kept, u32::try_from(start), u32::try_from(end)) {
            (true, Ok(start), Ok(end)) => Slot::Text { start, end },
            (false, ..) => Slot::Missing,
            _ => Slot::Unknown,
        };
        if kept {
            out.extend_from_slice(&self.bytes[start..end]);
        } else {
            self.bytes.truncate(start);
        }
        if self.slots.len() <= place {
            self.slots.resize(place + 1, Slot::Unknown);
        }
        self.slots[place] = slot;
        Ok(kept)
    }

    pub(crate) fn forget(&mut self) {
        self.slots.clear();
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_once() {
        let mut cache = TextCache::default();
        let mut out = Vec::new();
        let make = |text: &'static [u8], kept| {
            move |out: &mut Vec<u8>| {
                out.extend_from_slice(text);
                Ok::<_, ()>(kept)
            }
        };
        assert_eq!(cache.write(5, &mut out, make(b"five", true)), Ok(true));
        assert_eq!(cache.write(2, &mut out, make(b"gone", false)), Ok(false));
        assert_eq!(cache.write(5, &mut out, make(b"other", true)), Ok(true));
        assert_eq!(cache.write(2, &mut out, make(b"other", true)), Ok(false));
        assert_eq!(cache.write(3, &mut out, |_| Err(())), Err(()));
        assert_eq!(cache.write(3, &mut out, make(b"three", true)), Ok(true));
        assert_eq!(out, b"fivefivethree");
        cache.forget();
        assert_eq!(cache.write(2, &mut out, make(b"two", true)), Ok(true));
    }
}
