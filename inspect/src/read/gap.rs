//! Losses in the timeline: a line or an object where events are missing.

use std::fmt::Write;

use capture_format::model::{CPU_UNKNOWN, Loss};
use query::{OutputStyle, PrintOptions, Recording, TimeStyle};

use crate::clock;
use crate::escape::escaped;

/// Prints losses in the style of the events around them.
#[derive(Clone, Copy)]
pub(crate) struct LossPrinter {
    options: PrintOptions,
}

impl LossPrinter {
    pub(crate) fn new(options: PrintOptions) -> LossPrinter {
        LossPrinter { options }
    }

    /// Appends a line or an object.
    pub(crate) fn write(&self, recording: &Recording<'_>, loss: &Loss, text: &mut Vec<u8>) {
        let line = match self.options.output {
            OutputStyle::Json => object(recording, loss),
            OutputStyle::Text => self.line(recording, loss),
        };
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }

    fn line(&self, recording: &Recording<'_>, loss: &Loss) -> String {
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
                format!("{}.{:09}", wall_ns / 1_000_000_000, wall_ns % 1_000_000_000)
            }
            TimeStyle::Relative => {
                let since = boot_ns.saturating_sub(recording.first_time_ns);
                format!("{}.{:09}", since / 1_000_000_000, since % 1_000_000_000)
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

fn object(recording: &Recording<'_>, loss: &Loss) -> String {
    let wall = |boot_ns| clock::wall_ns(boot_ns, recording.host.epoch_offset_ns);
    serde_json::json!({
        "evt.cpu": Some(loss.cpu).filter(|cpu| *cpu != CPU_UNKNOWN),
        "evt.time": wall(loss.from_ns),
        "evt.type": "loss",
        "loss.cause": loss.cause.name(),
        "loss.class": escaped(loss.class.as_bytes()),
        "loss.count": loss.count,
        "loss.from": wall(loss.from_ns),
        "loss.to": wall(loss.to_ns),
    })
    .to_string()
}
