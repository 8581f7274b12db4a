//! How many bits zstd will need, about: encodings are compared by this, because compressing every candidate would
//! cost more than all the rest of the agent.
//!
//! The model is zstd's own in small: repeats of at least [`MATCH_BYTES`] bytes are found through a hash table and
//! charged a flat price, what is left is charged its order-0 entropy.

/// Shortest repeat that is worth a match.
const MATCH_BYTES: usize = 5;

/// Price of a match in bits: literal length, match length and offset after their entropy coding.
const MATCH_BITS: f64 = 20.0;

/// Price of a symbol's entry in the table of code lengths.
const SYMBOL_BITS: f64 = 4.0;

const TABLE_BITS: u32 = 11;

/// Bits these bytes take when compressed, about. Meant for a few thousand of them.
pub(crate) fn compressed_bits(bytes: &[u8]) -> f64 {
    // Positions are kept in 16 bits.
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    let mut table = [0u16; 1 << TABLE_BITS];
    let mut literals = [0u32; 256];
    let (mut at, mut matches) = (0, 0u32);
    while let Some(word) = bytes[at..].first_chunk::<4>() {
        let hash = u32::from_le_bytes(*word).wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS);
        // 0 stands for an empty slot, so a repeat of the very beginning is missed once.
        let before = usize::from(std::mem::replace(&mut table[hash as usize], at as u16));
        let length = if before == 0 { 0 } else { common_bytes(&bytes[before..], &bytes[at..]) };
        if length >= MATCH_BYTES {
            matches += 1;
            at += length;
        } else {
            literals[usize::from(bytes[at])] += 1;
            at += 1;
        }
    }
    bytes[at..].iter().for_each(|&byte| literals[usize::from(byte)] += 1);
    entropy_bits(&literals) + f64::from(matches) * MATCH_BITS
}

fn common_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Bits of symbols with these counts, coded each by its frequency, and of the table that tells the frequencies.
pub(crate) fn entropy_bits(counts: &[u32; 256]) -> f64 {
    let total = f64::from(counts.iter().sum::<u32>());
    let used = counts.iter().filter(|&&count| count > 0);
    used.map(|&count| f64::from(count) * (total / f64::from(count)).log2() + SYMBOL_BITS).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_rank_bytes_as_zstd_does() {
        let constant = vec![7; 2000];
        let period: Vec<u8> = (0..2000).map(|n| [1, 2, 3, 250, 5, 9, 200][n % 7]).collect();
        let few: Vec<u8> = (0..2000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 30) as u8).collect();
        let noise: Vec<u8> = (0..2000u32).map(|n| (n.wrapping_mul(n) ^ n >> 3) as u8).collect();
        let bits: Vec<f64> =
            [constant, period, few, noise].iter().map(|bytes| compressed_bits(bytes)).collect();
        assert!(bits.is_sorted(), "{bits:?}");
        assert!(bits[0] < 100.0 && bits[3] > 8000.0, "{bits:?}");
        assert_eq!(compressed_bits(&[]), 0.0);
    }
}
