//! What the machine says on its console: `tests/src/bin/guest.rs` tells how it went, `sysreel-agent doctor` what the
//! kernel made of the programs.

/// How a machine fared.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What the kernel calls itself, once its first process runs.
    pub(super) release: Option<String>,
    pub(super) has_passed: bool,
    /// Why not, in the guest's words.
    pub(super) failure: Option<String>,
    /// What could not be tried there.
    pub(super) without: Vec<String>,
    /// Program, verified instructions, bytes of machine code.
    pub(super) programs: Vec<(String, String, String)>,
}

/// Reads what was said. Lines end as on a terminal, and the kernel may have something to say in between.
pub(super) fn read(said: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut in_table = false;
    for line in said.lines().map(|line| line.trim_end_matches('\r')) {
        match line.strip_prefix("guest: ") {
            Some("passed") => outcome.has_passed = true,
            Some(words) => {
                if let Some(release) = words.strip_prefix("up ") {
                    outcome.release = Some(release.to_owned());
                } else if let Some(reason) = words.strip_prefix("failed: ") {
                    outcome.failure = Some(reason.to_owned());
                } else if let Some(what) = words.strip_prefix("without ")
                    && !outcome.without.iter().any(|known| known == what)
                {
                    outcome.without.push(what.to_owned());
                }
            }
            None if line.starts_with("program ") => in_table = true,
            None if in_table => match line.split_whitespace().collect::<Vec<_>>()[..] {
                [name, instructions, bytes] => {
                    outcome.programs.push((name.to_owned(), instructions.to_owned(), bytes.to_owned()));
                }
                _ => in_table = false,
            },
            None => {}
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_read() {
        let said = "[ 0.1] noise\r\nguest: up 6.1.0\r\nkernel: Linux 6.1.0, x86_64\r\n\r\n\
            program   verified instructions machine code bytes\r\nsys_enter   241  881\r\nsys_exit unknown 5\r\n\r\n\
            This machine can be recorded.\r\nguest: recorded CPU 0, Command\r\n\
            guest: without a suspension\r\nguest: without a suspension\r\nguest: failed: CPU 1: x\r\n";
        let own = |texts: [&str; 3]| (texts[0].to_owned(), texts[1].to_owned(), texts[2].to_owned());
        let expected = Outcome {
            release: Some("6.1.0".to_owned()),
            has_passed: false,
            failure: Some("CPU 1: x".to_owned()),
            without: vec!["a suspension".to_owned()],
            programs: vec![own(["sys_enter", "241", "881"]), own(["sys_exit", "unknown", "5"])],
        };
        assert_eq!(read(said), expected);
        assert!(read("guest: passed\r\n").has_passed);
        assert_eq!(read("Kernel panic - not syncing\r\n"), Outcome::default());
    }
}
