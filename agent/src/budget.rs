//! The budget: how much of the machine recording may take, as `--budget` says it.

use std::fmt;
use std::str::FromStr;

/// Limits of what the agent uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// CPU time per time: 0.05 is 5 % of one CPU.
    pub cpu: Option<f64>,
    /// Resident memory, bytes.
    pub memory: Option<u64>,
    /// Bytes a second that are written.
    pub rate: Option<u64>,
}

/// Part of a budget that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetError {
    part: String,
    reason: &'static str,
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' {}", self.part, self.reason)
    }
}

impl std::error::Error for BudgetError {}

impl FromStr for Budget {
    type Err = BudgetError;

    /// `cpu=5%,memory=128M,rate=20MB/s`, any of the three.
    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let mut budget = Budget::default();
        for part in text.split(',').map(str::trim) {
            let error = |reason| BudgetError { part: part.to_owned(), reason };
            let Some((name, value)) = part.split_once('=') else {
                return Err(error("is not NAME=LIMIT, with cpu, memory or rate as the name"));
            };
            let is_twice = match name {
                "cpu" => budget.cpu.replace(cpu(value).map_err(error)?).is_some(),
                "memory" => budget.memory.replace(bytes(value).map_err(error)?).is_some(),
                "rate" => {
                    let bytes = bytes(value.strip_suffix("/s").unwrap_or(value)).map_err(error)?;
                    budget.rate.replace(bytes).is_some()
                }
                _ => return Err(error("limits nothing there is; there are cpu, memory and rate")),
            };
            if is_twice {
                return Err(error("is given twice"));
            }
        }
        Ok(budget)
    }
}

fn cpu(value: &str) -> Result<f64, &'static str> {
    let share = match value.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => value.parse(),
    };
    match share {
        Ok(share) if share > 0.0 && share.is_finite() => Ok(share),
        _ => Err("takes a part of one CPU above 0, as 5% or 0.05"),
    }
}

fn bytes(value: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "takes a number of bytes above 0, as 128M, 20MB or 512k";
    let digits = value.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit = match unit.strip_suffix(['B', 'b']).unwrap_or(unit) {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return Err(WRONG),
    };
    let number: u64 = number.parse().map_err(|_| WRONG)?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_units() {
        let budget: Budget = "cpu=5%, memory=128M,rate=20MB/s".parse().expect("a budget");
        assert_eq!(budget, Budget { cpu: Some(0.05), memory: Some(128_000_000), rate: Some(20_000_000) });
        for (text, bytes) in
            [("rate=512", 512), ("rate=1k", 1000), ("rate=2KiB/s", 2048), ("rate=1G", 1_000_000_000)]
        {
            assert_eq!(text.parse::<Budget>().expect(text).rate, Some(bytes), "{text}");
        }
        assert_eq!("cpu=1.5".parse::<Budget>().expect("a budget").cpu, Some(1.5));
    }

    #[test]
    fn what_is_no_limit_is_named() {
        for (text, message) in [
            ("", "'' is not NAME=LIMIT, with cpu, memory or rate as the name"),
            ("cpu", "'cpu' is not NAME=LIMIT, with cpu, memory or rate as the name"),
            ("cpu=1,disk=3", "'disk=3' limits nothing there is; there are cpu, memory and rate"),
            ("cpu=0", "'cpu=0' takes a part of one CPU above 0, as 5% or 0.05"),
            ("cpu=nan", "'cpu=nan' takes a part of one CPU above 0, as 5% or 0.05"),
            ("rate=20X", "'rate=20X' takes a number of bytes above 0, as 128M, 20MB or 512k"),
            (
                "memory=99999999999G",
                "'memory=99999999999G' takes a number of bytes above 0, as 128M, 20MB or 512k",
            ),
            ("cpu=1%,cpu=2%", "'cpu=2%' is given twice"),
        ] {
            assert_eq!(text.parse::<Budget>().expect_err(text).to_string(), message);
        }
    }
}
