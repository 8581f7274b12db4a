//! Numbers as text, without the machinery of `fmt`: they are most of what a listing holds.

/// The numbers below 100 in two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
};

/// Four digits of a number below 10⁴.
fn four(value: u32) -> [u8; 4] {
    let ([a, b], [c, d]) = (PAIRS[value as usize / 100], PAIRS[value as usize % 100]);
    [a, b, c, d]
}

/// Eight digits of a number below 10⁸.
fn eight(value: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (four(value / 10_000), four(value % 10_000));
    [a, b, c, d, e, f, g, h]
}

// Arrays of known length are appended with one store; a slice would call `memcpy` for a few bytes.
pub(crate) fn write_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..10 => out.push(b'0' + value as u8),
        10..100 => out.extend_from_slice(&PAIRS[value as usize]),
        100..1000 => {
            let [_, b, c, d] = four(value as u32);
            out.extend_from_slice(&[b, c, d]);
        }
        1000..10_000 => out.extend_from_slice(&four(value as u32)),
        10_000..100_000_000 => {
            write_uint(out, value / 10_000);
            out.extend_from_slice(&four((value % 10_000) as u32));
        }
        _ => {
            write_uint(out, value / 100_000_000);
            out.extend_from_slice(&eight((value % 100_000_000) as u32));
        }
    }
}

pub(crate) fn write_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    write_uint(out, value.unsigned_abs());
}

/// With zeros in front, so that there are at least so many digits.
pub(crate) fn write_padded(out: &mut Vec<u8>, value: u64, digits: u32) {
    match (digits, value) {
        (2, 0..100) => out.extend_from_slice(&PAIRS[value as usize]),
        (9, 0..1_000_000_000) => {
            let [a, b, c, d, e, f, g, h] = eight((value % 100_000_000) as u32);
            out.extend_from_slice(&[b'0' + (value / 100_000_000) as u8, a, b, c, d, e, f, g, h]);
        }
        _ => {
            let known = value.checked_ilog10().unwrap_or(0) + 1;
            out.extend((known..digits).map(|_| b'0'));
            write_uint(out, value);
        }
    }
}

/// Hexadecimal capitals.
pub(crate) fn write_hex(out: &mut Vec<u8>, value: u64) {
    let digits = (67 - value.leading_zeros() as usize).max(4) / 4;
    for digit in (0..digits).rev() {
        out.push(b"0123456789ABCDEF"[(value >> (digit * 4)) as usize & 15]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_fmt_writes_them() {
        let mut values: Vec<u64> = (0..300).collect();
        values.extend((0..64).flat_map(|bit| [1 << bit, (1u64 << bit).wrapping_sub(1), u64::MAX >> bit]));
        values.extend((0..20).flat_map(|power| [10u64.pow(power), 10u64.pow(power) - 1]));
        for value in values {
            let text = |write: &dyn Fn(&mut Vec<u8>)| {
                let mut out = Vec::new();
                write(&mut out);
                String::from_utf8(out).expect("digits are ASCII")
            };
            assert_eq!(text(&|out| write_uint(out, value)), value.to_string());
            assert_eq!(text(&|out| write_int(out, value as i64)), (value as i64).to_string());
            assert_eq!(text(&|out| write_hex(out, value)), format!("{value:X}"));
            assert_eq!(text(&|out| write_padded(out, value, 9)), format!("{value:09}"));
            assert_eq!(text(&|out| write_padded(out, value, 4)), format!("{value:04}"));
            assert_eq!(text(&|out| write_padded(out, value, 2)), format!("{value:02}"));
        }
    }
}
