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

/// The place of an entity whose text is not to be remembered.
pub(crate) const NO_PLACE: u32 = u32::MAX;

/// Texts up to this length are copied with what follows them, in one piece of known size: most are short, and a
/// call for each costs more than the bytes.
const SHORT_BYTES: usize = 32;

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
        place: u32,
        out: &mut Vec<u8>,
        make: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        match self.slots.get(place as usize) {
            Some(&Slot::Text { start, end }) => {
                copy(&self.bytes, start as usize, end as usize, out);
                Ok(true)
            }
            Some(Slot::Missing) => Ok(false),
            Some(Slot::Unknown) | None if place == NO_PLACE => make(out),
            Some(Slot::Unknown) | None => self.add(place as usize, out, make),
        }
    }

    #[cold]
    fn add<E>(
        &mut self,
        place: usize,
        out: &mut Vec<u8>,
        make: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<bool, E> {
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

/// Appends `bytes[start..end]`.
#[inline(always)]
fn copy(bytes: &[u8], start: usize, end: usize, out: &mut Vec<u8>) {
    let length = out.len() + (end - start);
    match bytes[start..].first_chunk::<SHORT_BYTES>() {
        Some(chunk) if end - start <= SHORT_BYTES => {
            out.extend_from_slice(chunk);
            out.truncate(length);
        }
        _ => out.extend_from_slice(&bytes[start..end]),
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
        assert_eq!(cache.write(NO_PLACE, &mut out, make(b" nobody", true)), Ok(true));
        assert_eq!(out, b"fivefivethree nobody");
        cache.forget();
        assert_eq!(cache.write(2, &mut out, make(b"two", true)), Ok(true));
    }

    #[test]
    fn short_and_long_texts_are_copied_exactly() {
        let mut cache = TextCache::default();
        let texts: Vec<Vec<u8>> = (0..80).map(|length| vec![b'a' + length % 26; length.into()]).collect();
        for _ in 0..2 {
            for (place, text) in (0..).zip(&texts) {
                let mut out = b"> ".to_vec();
                let made = cache.write(place, &mut out, |out| {
                    out.extend_from_slice(text);
                    Ok::<_, ()>(true)
                });
                assert_eq!((made, &out[2..]), (Ok(true), &text[..]));
            }
        }
    }
}
