//! Errors that point at a place in a filter or a format.

use std::fmt::Write;

/// Why a text is no filter, or no format. `Display` is one line; [`Self::render`] shows the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", self.expected_text())]
pub struct FilterError {
    /// What is wrong.
    pub message: String,
    /// What could stand there instead.
    pub expected: Vec<&'static str>,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Byte at which it is wrong.
    pub index: usize,
    /// Bytes that are wrong; 0 when something is missing there.
    pub length: usize,
    /// Line, counted from 1.
    pub line: usize,
    /// Character in the line, counted from 1.
    pub column: usize,
    text: Box<str>,
}

impl FilterError {
    pub(crate) fn new(text: &str, span: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        let index = span.start.min(text.len());
        let before = &text.as_bytes()[..index];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        FilterError {
            message: message.into(),
            expected: Vec::new(),
            help: None,
            index,
            length: span.end.saturating_sub(index),
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            column: 1 + characters(&before[line_start..]),
            text: text.into(),
        }
    }

    pub(crate) fn expecting(mut self, expected: &[&'static str]) -> Self {
        self.expected = expected.to_vec();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn expected_text(&self) -> String {
        match self.expected.as_slice() {
            [] => String::new(),
            [one] => format!("; expected {one}"),
            [most @ .., last] => format!("; expected {} or {last}", most.join(", ")),
        }
    }

    /// Several lines for a terminal: what is wrong, the line with carets below the place, and the help.
    pub fn render(&self) -> String {
        let line = self.text.lines().nth(self.line - 1).unwrap_or("");
        // One cell per character, so that the carets stand where they should.
        let shown: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let within = line.chars().skip(self.column - 1);
        let mut bytes_left = self.length;
        let carets = within
            .take_while(|c| {
                let inside = bytes_left > 0;
                bytes_left = bytes_left.saturating_sub(c.len_utf8());
                inside
            })
            .count()
            .max(1);
        let mut text = format!("{self}\n  at line {}, column {}:\n", self.line, self.column);
        let _ = writeln!(text, "    {shown}");
        let _ = writeln!(text, "    {}{}", " ".repeat(self.column - 1), "^".repeat(carets));
        if let Some(help) = &self.help {
            let _ = writeln!(text, "  {help}");
        }
        text
    }
}

/// Characters in valid or cut UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

/// The candidate most like `wanted`, when one is near enough to be what was meant.
pub(crate) fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer names may hold more mistakes; names are short, so this bounds the work as well.
    let wanted: Vec<char> = wanted.chars().take(64).collect();
    let most = wanted.len().div_ceil(3).clamp(1, 4);
    candidates
        // Every edit changes the length by one at most; most candidates end here.
        .filter(|candidate| candidate.len().abs_diff(wanted.len()) <= most)
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|&(distance, _)| distance <= most)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) between two names.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_below_the_mistake() {
        let error = FilterError::new("a=1 and\n\tproc.ñme=x", 9..18, "no").expecting(&["a field", "("]);
        assert_eq!((error.line, error.column), (2, 2));
        assert_eq!(
            error.render(),
            "no; expected a field or (\n  at line 2, column 2:\n     proc.ñme=x\n     ^^^^^^^^\n"
        );
    }

    #[test]
    fn a_swapped_or_missing_letter_is_found() {
        let names = ["proc.name", "proc.pname", "fd.name"];
        for (typed, meant) in [("proc.nmae", "proc.name"), ("proc.nam", "proc.name"), ("fd.nme", "fd.name")] {
            assert_eq!(nearest(typed, names.into_iter()), Some(meant));
        }
        assert_eq!(nearest("completely.other", names.into_iter()), None);
    }
}
