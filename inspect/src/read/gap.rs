//! Gaps in the timeline: a line or an object where events are missing, where the machine was suspended, or where the
//! recording was ended by force.

use std::fmt::Write;

use capture_format::model::{CPU_UNKNOWN, Loss, Mark};
use query::{OutputStyle, PrintOptions, Recording, TimeStyle};

use crate::clock;
use crate::escape::escaped;

const NS_PER_S: u64 = 1_000_000_000;

/// Where the timeline has less than one might think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    Lost(Loss),
    /// No program ran: around this time, for so long.
    Suspended {
        at_ns: u64,
        lasted_ns: u64,
    },
    /// There is nothing from here on.
    Ended {
        at_ns: u64,
        text: String,
    },
}

impl Gap {
    /// Of losses and marks, what begins up to `until_ns`, in that order.
    pub(crate) fn all(losses: &[Loss], marks: &[Mark], until_ns: u64) -> Vec<Gap> {
        let lost = losses.iter().cloned().map(Gap::Lost);
        let mut gaps: Vec<Gap> = lost.chain(marks.iter().filter_map(Gap::of_mark)).collect();
        gaps.retain(|gap| gap.begin_ns() <= until_ns);
        gaps.sort_by_key(Gap::begin_ns);
        gaps
    }

    fn of_mark(mark: &Mark) -> Option<Gap> {
        let at_ns = mark.time_ns;
        let suspended = mark.suspended_ns().map(|lasted_ns| Gap::Suspended { at_ns, lasted_ns });
        suspended.or_else(|| Some(Gap::Ended { at_ns, text: escaped(mark.ended_by()?) }))
    }

    /// It stands before events after this time.
    pub(crate) fn begin_ns(&self) -> u64 {
        match self {
            Gap::Lost(loss) => loss.from_ns,
            Gap::Suspended { at_ns, .. } | Gap::Ended { at_ns, .. } => *at_ns,
        }
    }
}

/// Prints gaps in the style of the events around them.
#[derive(Clone, Copy)]
pub(crate) struct GapPrinter {
    options: PrintOptions,
}

impl GapPrinter {
    pub(crate) fn new(options: PrintOptions) -> GapPrinter {
        GapPrinter { options }
    }

    /// Appends a line or an object.
    pub(crate) fn write(&self, recording: &Recording<'_>, gap: &Gap, text: &mut Vec<u8>) {
        let line = match (self.options.output, gap) {
            (OutputStyle::Json, _) => object(recording, gap),
            (OutputStyle::Text, Gap::Lost(loss)) => self.loss_line(recording, loss),
            (OutputStyle::Text, Gap::Suspended { at_ns, lasted_ns }) => {
                let (at, seconds) = (self.time(recording, *at_ns), lasted_ns / NS_PER_S);
                format!("! {at} - suspended for {seconds}.{:09} s", lasted_ns % NS_PER_S)
            }
            (OutputStyle::Text, Gap::Ended { at_ns, text }) => {
                format!("! {} - {text}", self.time(recording, *at_ns))
            }
        };
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }

    fn loss_line(&self, recording: &Recording<'_>, loss: &Loss) -> String {
        let from = self.time(recording, loss.from_ns);
        let to = self.time(recording, loss.to_ns);
        let class = escaped(loss.class.as_bytes());
        let what = if class == "any" { "" } else { &class };
        let mut line = format!("! {from} {} lost {}", cpu_text(loss.cpu), loss.count);
        let _ = write!(
            line,
            " {what}{}events up to {to}: {}",
            if what.is_empty() { "" } else { " " },
            loss.cause.name()
        );
        line
    }

    fn time(&self, recording: &Recording<'_>, boot_ns: u64) -> String {
        let wall_ns = clock::wall_ns(boot_ns, recording.host.epoch_offset_ns);
        match self.options.time {
            TimeStyle::Absolute => {
                format!("{}.{:09}", wall_ns / NS_PER_S, wall_ns % NS_PER_S)
            }
            TimeStyle::Relative => {
                let since = boot_ns.saturating_sub(recording.first_time_ns);
                format!("{}.{:09}", since / NS_PER_S, since % NS_PER_S)
            }
            _ => {
                let zone = self.options.zone_offset_s.unwrap_or(recording.host.zone_offset_s);
                clock::time_of_day(wall_ns, zone)
            }
        }
    }
}

/// The CPU of a loss, or a dash where it is not known.
pub(crate) fn cpu_text(cpu: u16) -> String {
    if cpu == CPU_UNKNOWN { "-".to_owned() } else { cpu.to_string() }
}

fn object(recording: &Recording<'_>, gap: &Gap) -> String {
    let wall = |boot_ns| clock::wall_ns(boot_ns, recording.host.epoch_offset_ns);
    match gap {
        Gap::Lost(loss) => serde_json::json!({
            "evt.cpu": Some(loss.cpu).filter(|cpu| *cpu != CPU_UNKNOWN),
            "evt.time": wall(loss.from_ns),
            "evt.type": "loss",
            "loss.cause": loss.cause.name(),
            "loss.class": escaped(loss.class.as_bytes()),
            "loss.count": loss.count,
            "loss.from": wall(loss.from_ns),
            "loss.to": wall(loss.to_ns),
        }),
        Gap::Suspended { at_ns, lasted_ns } => serde_json::json!({
            "evt.time": wall(*at_ns),
            "evt.type": "suspend",
            "suspend.duration": lasted_ns,
        }),
        Gap::Ended { at_ns, text } => serde_json::json!({
            "evt.time": wall(*at_ns),
            "evt.type": "ended",
            "ended.text": text,
        }),
    }
    .to_string()
}
