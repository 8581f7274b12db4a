//! What was found out about entities.

/// For every entity of a class, by its place in the table: whether a condition holds, once that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    /// Two bits per entity: known, holds.
    words: Vec<u64>,
}

impl Remembered {
    /// Whether it holds for an entity, asking only the first time.
    pub(super) fn holds<E>(
        &mut self,
        place: usize,
        ask: impl FnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        let (word, shift) = (place / 32, place % 32 * 2);
        if let Some(bits) = self.words.get(word).map(|word| word >> shift & 3).filter(|bits| bits & 1 == 1) {
            return Ok(bits & 2 != 0);
        }
        let holds = ask()?;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= (1 | u64::from(holds) << 1) << shift;
        Ok(holds)
    }

    pub(super) fn forget(&mut self) {
        self.words.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entity_is_asked_about_once() {
        let mut remembered = Remembered::default();
        for number in [0usize, 1, 31, 32, 1000] {
            let holds = number % 2 == 0;
            assert_eq!(remembered.holds(number, || Ok::<_, ()>(holds)), Ok(holds));
        }
        for number in [1000, 32, 31, 1, 0] {
            assert_eq!(remembered.holds(number, || Err(())), Ok(number % 2 == 0));
        }
        assert_eq!(remembered.holds(2, || Err(())), Err(()));
        remembered.forget();
        assert_eq!(remembered.holds(0, || Ok::<_, ()>(false)), Ok(false));
    }
}
