//! `sysreel verify`: every byte of a capture is checked, and what is wrong is named.

use anyhow::Result;
use capture_format::{Capture, Damage, ReadAt, ReadError};

use crate::cli::VerifyArgs;
use crate::exit::Exit;
use crate::input::{Arrival, CaptureFile, Input, Segments, Source, describe};
use crate::output::Output;
use crate::talk;

/// Checks and names.
pub(crate) fn run(args: &VerifyArgs) -> Result<Exit> {
    let Input { name, source } = Input::open(&args.file)?;
    let checked = match source {
        Source::File(file) => check_file(file, args.verbose),
        Source::Stream(stream) => check_stream(Segments::new(stream)),
    }
    .map_err(|error| describe(&name, error))?;
    for damage in &checked.damage {
        talk::say_damage(&name, damage);
    }
    if !args.quiet {
        let state = match checked.damage.len() {
            0 => "intact".to_owned(),
            1 => "damaged in 1 place".to_owned(),
            places => format!("damaged in {places} places"),
        };
        let Checked { segments, bytes, listing, .. } = &checked;
        let text = format!("{listing}{name}: {state}, {segments} segments, {bytes} bytes\n");
        Output::stdout()?.write(text.as_bytes())?;
    }
    Ok(if checked.damage.is_empty() { Exit::Done } else { Exit::Damaged })
}

struct Checked {
    segments: u64,
    bytes: u64,
    damage: Vec<Damage>,
    /// A line per segment, when asked for.
    listing: String,
}

fn check_file(file: CaptureFile, list: bool) -> Result<Checked, ReadError> {
    let bytes = file.len();
    let capture = Capture::open(file)?;
    let damage = capture.verify()?;
    let mut listing = String::new();
    for segment in capture.segments().iter().filter(|_| list) {
        let state =
            if damage.iter().any(|damage| damage.number == Some(segment.number)) { "bad" } else { "ok" };
        listing.push_str(&format!(
            "{:>6} {:<10}{:>14} {:>12} bytes  {state}\n",
            segment.number,
            segment.kind.name(),
            segment.offset,
            segment.bytes
        ));
    }
    Ok(Checked { segments: capture.segments().len() as u64, bytes, damage, listing })
}

fn check_stream(mut segments: Segments) -> Result<Checked, ReadError> {
    let mut checked = Checked { segments: 0, bytes: 0, damage: Vec::new(), listing: String::new() };
    while let Some(arrival) = segments.next()? {
        match arrival {
            Arrival::Segment(_) => checked.segments += 1,
            Arrival::Damage(damage) => checked.damage.push(damage),
        }
    }
    checked.bytes = segments.bytes;
    Ok(checked)
}
