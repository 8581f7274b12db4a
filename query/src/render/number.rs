//! Numbers as text, without the machinery of `fmt`: they are most of what a listing holds.

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

pub(crate) fn write_uint(out: &mut Vec<u8>, value: u64) {
    if value < 10 {
        out.push(b'0' + value as u8);
        return;
    }
    write_padded(out, value, 1);
}

pub(crate) fn write_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    write_uint(out, value.unsigned_abs());
}

/// With zeros in front, so that there are at least so many digits (20 at most).
pub(crate) fn write_padded(out: &mut Vec<u8>, mut value: u64, digits: usize) {
    // As long as the longest number.
    let mut buffer = [b'0'; 20];
    let mut at = buffer.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    let at = at.min(buffer.len() - digits.min(buffer.len()));
    out.extend_from_slice(&buffer[at..]);
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
        }
    }
}
