//! Shell patterns over whole values: `*` (which crosses `/`), `?`, `[a-z]`, `[!a]`, `\x`.

/// One element of a pattern.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Byte(u8),
    /// `?`
    One,
    /// `*`
    Many,
    /// Ranges of bytes, and whether they are excluded.
    Set(Vec<(u8, u8)>, bool),
}

/// A pattern.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    parts: Vec<Part>,
    fold_case: bool,
}

impl Glob {
    /// Every text is a pattern: a bracket without its partner stands for itself.
    pub(crate) fn new(pattern: &[u8], fold_case: bool) -> Self {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let [byte, after @ ..] = rest {
            rest = after;
            parts.push(match (byte, after) {
                (b'*', _) => {
                    if parts.last() == Some(&Part::Many) {
                        continue;
                    }
                    Part::Many
                }
                (b'?', _) => Part::One,
                (b'\\', [literal, after @ ..]) => {
                    rest = after;
                    Part::Byte(*literal)
                }
                (b'[', _) => match set(after) {
                    Some((part, after)) => {
                        rest = after;
                        part
                    }
                    None => Part::Byte(b'['),
                },
                (byte, _) => Part::Byte(*byte),
            });
        }
        Glob { parts, fold_case }
    }

    /// The beginning of every text that fits.
    pub(crate) fn prefix(&self) -> Option<Vec<u8>> {
        let byte = |part: &Part| match part {
            Part::Byte(byte) => Some(*byte),
            _ => None,
        };
        (!self.fold_case).then(|| self.parts.iter().map_while(byte).collect())
    }

    /// Whether the whole text fits. Takes at most text times pattern steps.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        let (mut at, mut part) = (0, 0);
        // The last `*`, and where the text behind what it took begins.
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.parts.get(part) {
                Some(Part::Many) => {
                    star = Some((part, at));
                    part += 1;
                }
                Some(one) if self.fits(one, text[at]) => {
                    at += 1;
                    part += 1;
                }
                _ => match &mut star {
                    Some((star_part, star_at)) => {
                        *star_at += 1;
                        at = *star_at;
                        part = *star_part + 1;
                    }
                    None => return false,
                },
            }
        }
        self.parts[part..].iter().all(|part| *part == Part::Many)
    }

    fn fits(&self, part: &Part, byte: u8) -> bool {
        let is = |byte: u8| match part {
            Part::Byte(wanted) => *wanted == byte,
            Part::One => true,
            Part::Many => false,
            Part::Set(ranges, _) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&byte)),
        };
        let found =
            is(byte) || self.fold_case && (is(byte.to_ascii_lowercase()) || is(byte.to_ascii_uppercase()));
        found != matches!(part, Part::Set(_, true))
    }
}

/// The set behind a bracket, and what follows it.
fn set(pattern: &[u8]) -> Option<(Part, &[u8])> {
    let (excluded, mut rest) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut ranges = Vec::new();
    loop {
        rest = match rest {
            // A bracket that comes first is an element.
            [b']', after @ ..] if !ranges.is_empty() => return Some((Part::Set(ranges, excluded), after)),
            [first, b'-', last, after @ ..] if *last != b']' => {
                ranges.push((*first, *last));
                after
            }
            [one, after @ ..] => {
                ranges.push((*one, *one));
                after
            }
            [] => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, fitting: &[&str], others: &[&str]) {
        for fold_case in [false, true] {
            let glob = Glob::new(pattern.as_bytes(), fold_case);
            for text in fitting {
                assert!(glob.matches(text.as_bytes()), "{pattern} should match {text}");
            }
            for text in others {
                assert!(!glob.matches(text.as_bytes()), "{pattern} should not match {text}");
            }
        }
    }

    #[test]
    fn patterns() {
        check("/etc/*", &["/etc/passwd", "/etc/ssh/config", "/etc/"], &["/etc", "x/etc/a"]);
        check("*.log", &[".log", "/a/b.log"], &["a.log2"]);
        check("a?c", &["abc"], &["ac", "abbc"]);
        check("[a-c]x[!0-9]", &["axy", "cxz"], &["dxy", "ax1"]);
        check("[]]", &["]"], &["["]);
        check("[a", &["[a"], &["a"]);
        check(r"\*", &["*"], &["x"]);
        check("", &[""], &["x"]);
        check("**", &["", "anything"], &[]);
        check("*a*b*c*", &["xaxbxcx", "abc"], &["acb"]);
        assert!(Glob::new(b"Foo*", true).matches(b"fOObar"));
        assert!(!Glob::new(b"Foo*", false).matches(b"fOObar"));
    }

    #[test]
    fn stars_do_not_explode() {
        let glob = Glob::new("*a".repeat(50).as_bytes(), false);
        assert!(!glob.matches(&[b'a'; 20_000][..].iter().chain(b"b").copied().collect::<Vec<_>>()));
    }
}
