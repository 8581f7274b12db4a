//! Which paths that programs give are known to be those of the files that they open.
//!
//! A program's memory may be changed by others, so that the path in it is another one by the time it is read: of every
//! file that is opened the kernel side tells the path as the kernel has it. As that costs more than all the rest, it is told
//! once. The agent compares it with what was given, and notes the number that stands for both if it is the same;
//! as long as that is noted, the path is not told for that number. The number is made of the text, the file and where the
//! text leads from, with a key that is drawn for each recording: nobody can choose another text with the same number.
//! What it does not see is a new name of a folder above that of the file, or a mount that was moved.

/// Numbers that are noted at most, each in the place that its upper bits say.
pub const NAME_SLOTS: u32 = 1 << 14;
/// Bytes of a text that has a number.
pub const NAME_BYTES_MAX: u64 = 128;

/// Where a number is noted.
#[inline(always)]
pub fn slot_of(number: u64) -> u32 {
    (number >> 40) as u32 & (NAME_SLOTS - 1)
}

/// A number that says one word more. `key` is odd. The highest bit of a word changes but two bits of what the first product
/// leaves, whatever the key; what these change of the second one depends on it.
#[inline(always)]
pub fn with(number: u64, word: u64, key: u64) -> u64 {
    let once = (number ^ word).wrapping_mul(key);
    let twice = (once ^ once >> 32).wrapping_mul(key.rotate_left(31) | 1);
    twice ^ twice >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_word_changes_the_next_cannot_take_back() {
        // After one product alone the highest bit of a word would have changed two bits that are known.
        let number =
            |key: u64, words: [u64; 2]| words.iter().fold(7, |number, word| with(number, *word, key));
        for key in [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93, 0x0123_4567_89ab_cdef] {
            let honest = number(key, [0x2e2f_2e2f_6374_652f, 0x776f_6461_6873_2f2e]);
            for first in 0..64 {
                for second in 0..64 {
                    let bits = [1 << 63, 1 << first | 1 << second];
                    let forged = [0x2e2f_2e2f_6374_652f ^ bits[0], 0x776f_6461_6873_2f2e ^ bits[1]];
                    assert_ne!(number(key, forged), honest, "{key:x} {first} {second}");
                }
            }
        }
    }

    #[test]
    fn every_bit_of_every_word_counts() {
        let number =
            |words: [u64; 4]| words.iter().fold(7, |number, word| with(number, *word, 0x9e37_79b9_7f4a_7c15));
        let words = [1, u64::MAX, 0x2f74_6d70, 0];
        let mut seen = [number(words); 1 + 4 * 64];
        for (at, other) in seen.iter_mut().skip(1).enumerate() {
            let mut changed = words;
            changed[at / 64] ^= 1 << (at % 64);
            *other = number(changed);
        }
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(seen.iter().all(|number| slot_of(*number) < NAME_SLOTS));
        let mut places = seen.map(slot_of);
        places.sort_unstable();
        let shared = places.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(shared < 20, "{shared} have the place of another one");
    }
}
