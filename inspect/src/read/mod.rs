//! `sysreel read`: matching events as lines, objects, a number or a new capture.
//!
//! `file` scans a file's blocks in parallel, `stream` takes segments as they arrive; both hand every block to a
//! [`BlockReader`] and what comes of it to a [`Tail`]. `gap` puts what is missing into the timeline.

mod block;
mod copying;
mod file;
mod gap;
mod stream;
mod tail;

use anyhow::Result;
pub(crate) use gap::{Gap, cpu_text};

use crate::exit::Exit;
use crate::input::{Input, Segments, Source, describe};
use crate::plan::ReadPlan;

pub(crate) use block::{BlockReader, Outcome};
pub(crate) use tail::Tail;

/// Runs to the end of the capture, or to what was asked for.
pub(crate) fn run(plan: ReadPlan) -> Result<Exit> {
    let Input { name, source } = Input::open(&plan.file)?;
    match source {
        Source::File(file) => {
            let capture = capture_format::Capture::open(file).map_err(|error| describe(&name, error))?;
            file::read(&plan, &name, &capture)
        }
        Source::Stream(stream) => stream::read(&plan, &name, Segments::new(stream)),
    }
}
