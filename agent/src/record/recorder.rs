//! The recorder: takes the tracker's events, adds the entities they refer to, and cuts both into segments.

use std::fmt;
use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use capture_format::model::{Arg, Entity, Event, FdSource, Loss, LossCause, Mark, Ref};
use capture_format::{BlockBuilder, EntityBatch};
use sysreel_agent::own::OwnFiles;
use sysreel_agent::sieve::{Fate, Sieve};
use sysreel_agent::track::{Deed, Lookup, Sink, Store, Tracker};
use wire::RecordError;
use wire::ring::EventClass;

use crate::clock::boot_ns;
use crate::host;
use crate::rings::{Pass, Rings};

use super::Plan;
use super::alarm::{Alarm, Line};
use super::files::{self, Files};
use super::heir::Testator;
use super::ledger::Ledger;
use super::marks::Marks;
use super::meter::Totals;
use super::plan::{Rotation, TypedFilter};
use super::suspension::Suspensions;
use super::writer::{Alteration, Content, Writer, Written};

/// A crash loses at most this much of the past from a file.
const FLUSH_FILE: Duration = Duration::from_secs(1);
/// An event waits at most this long for the filter.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// A live reader waits at most this long.
const FLUSH_PIPE: Duration = Duration::from_millis(100);

/// A growing set of numbers.
#[derive(Clone, Debug, Default)]
struct Seen(Vec<u64>);

impl Seen {
    /// Adds `number`; whether it was new.
    fn insert(&mut self, number: Ref) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

/// What the current file already defines.
#[derive(Clone, Debug, Default)]
struct Defined {
    kinds: Seen,
    threads: Seen,
    processes: Seen,
    descriptors: Seen,
    containers: Seen,
}

/// Gathers events and hands segments to the writing thread.
pub(super) struct Recorder {
    plan: Plan,
    builder: BlockBuilder,
    entities: EntityBatch,
    defined: Defined,
    ledger: Ledger,
    writer: Writer,
    /// The filter, if there is one.
    sieve: Option<Box<Sieve>>,
    /// Threads of which no event matches, as far as the kernel side can be told.
    marks: Option<Marks>,
    /// Users and groups of the host, with which every file begins.
    names: Vec<(Ref, Entity)>,
    /// When the oldest event of the block came in.
    block_since: Option<Instant>,
    flush_after: Duration,
    file_start_ns: u64,
    file_events: u64,
    events: u64,
    is_done: bool,
    /// Names and counts of kinds, by number.
    counts: Vec<(String, u64)>,
    alarm: Alarm,
    /// What was said of the attempt on the recording that the next event tells of.
    said: Vec<String>,
}

/// Kind of the marks that tell of attempts on the recording where no event does.
const TAMPER_MARK: &str = "tamper";

impl Recorder {
    /// Opens the capture.
    pub(super) fn new(
        plan: &Plan,
        store: &Store,
        cpus: usize,
        marks: Option<Marks>,
        own: OwnFiles,
        testator: Option<Testator>,
    ) -> Result<Self> {
        let files = Files::new(&plan.write, plan.rotation, own);
        let earlier = files.earlier();
        if earlier > 0 && !plan.quiet {
            eprintln!(
                "sysreel-agent: {earlier} numbered files of {} are there already; those that this recording does not \
                 overwrite stay, and are not part of it",
                plan.write.display()
            );
        }
        let to_stdout = plan.write.as_os_str() == "-";
        let now_ns = boot_ns();
        let host = host::read(&plan.proc_root, plan.snap_bytes, plan.scope().into_bytes());
        let writer = Writer::start(files, &host, plan.level, plan.rotation.bytes.is_some(), testator)?;
        let users = store.users().iter().map(|user| Entity::User(user.clone()));
        let groups = store.groups().iter().map(|group| Entity::Group(group.clone()));
        let names = (1..).zip(users).chain((1..).zip(groups)).collect();
        let sieve = plan.filter.as_ref().map(|filter| Box::new(Sieve::new(&filter.filter, host, store)));
        let mut recorder = Recorder {
            sieve,
            marks,
            names,
            plan: plan.clone(),
            builder: BlockBuilder::new(),
            entities: EntityBatch::new(),
            defined: Defined::default(),
            ledger: Ledger::new(cpus, now_ns),
            writer,
            block_since: None,
            flush_after: if to_stdout { FLUSH_PIPE } else { FLUSH_FILE },
            file_start_ns: now_ns,
            file_events: 0,
            events: 0,
            is_done: false,
            counts: Vec::new(),
            alarm: Alarm::default(),
            said: Vec::new(),
        };
        let mark = Mark { time_ns: now_ns, kind: "start".to_owned(), text: plan.scope().into_bytes() };
        recorder.writer.send(Content::Marks(vec![mark]));
        recorder.define_names();
        Ok(recorder)
    }

    /// Whether there is nothing more to record: the count is reached, or nobody takes it.
    pub(super) fn is_done(&self) -> bool {
        self.is_done || self.writer.has_ended()
    }

    /// Whether events were lost.
    pub(super) fn has_losses(&self) -> bool {
        self.ledger.lost_total() > 0
    }

    /// Counters for the meter.
    pub(super) fn totals(&self) -> Totals {
        Totals { file_bytes: self.writer.file_bytes(), events: self.events, shed: self.ledger.shed_total() }
    }

    /// A remark in the capture, at this point.
    pub(super) fn remark(&mut self, kind: &str, text: String) {
        self.plan.tell(format_args!("{text}"));
        self.mark(kind, text);
    }

    fn mark(&mut self, kind: &str, text: String) {
        self.put_mark(Mark { time_ns: boot_ns(), kind: kind.to_owned(), text: text.into_bytes() });
    }

    /// Says a line of the alarm, unless it is about an order and nothing but troubles is to be said; gives its text.
    fn say(&self, line: Line) -> String {
        if !(line.is_order && self.plan.quiet) {
            eprintln!("sysreel-agent: {}", line.text);
        }
        line.text
    }

    fn put_mark(&mut self, mark: Mark) {
        self.flush();
        self.writer.send(Content::Marks(vec![mark]));
    }

    /// A remark in the capture when the machine was suspended since the last call.
    pub(super) fn tell_suspension(&mut self, suspensions: &mut Suspensions) {
        if let Some(mark) = suspensions.look() {
            self.plan.tell(format_args!("the machine was suspended for {}", mark.text.escape_ascii()));
            self.put_mark(mark);
        }
    }

    /// Takes back marks of threads that others have written; whether there were any.
    pub(super) fn take_back_foreign_marks(&mut self) -> bool {
        self.marks.as_mut().is_some_and(|marks| marks.take_back_foreign() > 0)
    }

    /// What others have made of files since the last call.
    pub(super) fn take_alterations(&self) -> Vec<Alteration> {
        self.writer.take_alterations()
    }

    /// A record that made no sense.
    pub(super) fn bad_record(&mut self, cpu: u16, error: RecordError) {
        eprintln!(
            "sysreel-agent: a record of CPU {cpu} is not understood ({error:?}); it is counted as lost"
        );
        self.ledger.lost(cpu, LossCause::BadRecord, boot_ns());
    }

    /// The kernel did not run programs, since this boot clock time.
    pub(super) fn missed(&mut self, misses: &[(EventClass, u64)], from_ns: u64) {
        let now_ns = boot_ns();
        for (class, count) in misses {
            self.ledger.missed(*class, *count, from_ns, now_ns);
        }
        // An end of what was found of descriptors may be among them.
        if !misses.is_empty()
            && let Some(marks) = &mut self.marks
        {
            marks.end_all_descriptors();
        }
    }

    /// After a pass over the rings: takes their counters over, and writes what has waited long enough.
    pub(super) fn after_pass(&mut self, rings: &mut Rings, pass: &Pass) {
        self.ledger.look(rings.counts(), pass.watermark_ns);
        let waits = self.sieve.as_ref().and_then(|sieve| sieve.waits_since());
        if waits.is_some_and(|since| since.elapsed() >= WAIT_MAX) {
            self.release();
        }
        if self.block_since.is_some_and(|since| since.elapsed() >= self.flush_after) {
            self.flush();
        }
    }

    /// Ends the capture. The rings must have been drained, unless recording was cut short.
    pub(super) fn finish(mut self, rings: &mut Rings) -> Result<Report> {
        let now_ns = boot_ns();
        self.release();
        if let Some(rest) = self.alarm.rest() {
            let text = self.say(rest);
            self.mark(TAMPER_MARK, text);
        }
        if !self.is_done {
            // When writing has ended, what is left in the rings has nowhere to go.
            let cause = if self.writer.has_ended() { LossCause::NotWritten } else { LossCause::Unaccounted };
            self.ledger.look(rings.counts(), now_ns);
            self.ledger.settle(cause, now_ns);
        }
        self.flush();
        let mark = Mark { time_ns: now_ns, kind: "stop".to_owned(), text: Vec::new() };
        self.writer.send(Content::Marks(vec![mark]));
        self.send_counts();
        let lost = self.ledger.lost_total();
        self.ledger.look(rings.counts(), now_ns);
        let first = self.writer.first().unwrap_or(&self.plan.write).display().to_string();
        let written = self.writer.finish(self.ledger.produced_total())?;
        Ok(Report {
            written,
            events: self.events,
            lost,
            filtered: self.sieve.is_some().then(|| self.ledger.filtered_total()),
            name: if written.files > 1 { self.plan.write.display().to_string() } else { first },
            counts: self.counts,
            attempts: self.alarm.total(),
        })
    }

    fn flush(&mut self) {
        self.block_since = None;
        self.send_entities();
        if !self.builder.is_empty() {
            if let Some(block) = self.writer.spare_block() {
                self.builder.reuse(block);
            }
            self.writer.send(Content::Events(self.builder.finish()));
        }
        self.send_counts();
    }

    fn send_entities(&mut self) {
        if !self.entities.is_empty() {
            self.writer.send(Content::Entities(std::mem::take(&mut self.entities)));
        }
    }

    fn send_counts(&mut self) {
        let losses: Vec<Loss> = self.ledger.take_losses();
        self.writer.send(Content::Counts(losses, self.ledger.tallies()));
    }

    /// Goes on in a new file, because others have spoilt the one that is being written. Where there can be
    /// none it goes on in the old one.
    pub(super) fn begin_beside(&mut self) {
        if self.is_done || self.writer.has_ended() {
            return;
        }
        if self.plan.rotation.is_on() {
            eprintln!("sysreel-agent: goes on in the next file: others have changed the one before");
            return self.turn(boot_ns());
        }
        match files::create_beside(&self.plan.write) {
            Ok((path, file)) => {
                eprintln!(
                    "sysreel-agent: goes on in {}: others have changed the file before",
                    path.display()
                );
                self.turn_to(boot_ns(), Some((path, file)));
            }
            Err(error) => {
                eprintln!("sysreel-agent: goes on in the file that others have changed: no new one: {error}");
            }
        }
    }

    fn turn(&mut self, now_ns: u64) {
        self.turn_to(now_ns, None);
    }

    fn turn_to(&mut self, now_ns: u64, file: Option<(PathBuf, File)>) {
        self.flush();
        let scope = self.plan.scope().into_bytes();
        self.writer.next_file(host::read(&self.plan.proc_root, self.plan.snap_bytes, scope), file);
        self.ledger.begin_file();
        self.defined = Defined::default();
        self.file_start_ns = now_ns;
        self.file_events = 0;
        self.define_names();
    }

    /// Whether the next event belongs into a new file.
    fn is_file_full(&self, time_ns: u64) -> bool {
        let Rotation { bytes, seconds, events, .. } = self.plan.rotation;
        self.file_events > 0
            && (events.is_some_and(|most| self.file_events >= most)
                || seconds
                    .is_some_and(|most| time_ns.saturating_sub(self.file_start_ns) >= most * 1_000_000_000)
                || (self.builder.is_empty() && bytes.is_some_and(|most| self.writer.file_bytes() >= most)))
    }

    fn define_names(&mut self) {
        for (number, name) in &self.names {
            self.entities.push(*number, name.clone());
        }
    }

    fn define_kind(&mut self, number: Ref, store: &impl Lookup) {
        if !self.defined.kinds.insert(number) {
            return;
        }
        let Some(kind) = store.kind(number) else { return };
        self.builder.define_kind(number, kind);
        self.entities.push(number, Entity::Kind(kind.clone()));
        if self.counts.len() <= number as usize {
            self.counts.resize(number as usize + 1, (String::new(), 0));
        }
        self.counts[number as usize].0.clone_from(&kind.name);
    }

    fn define_thread(&mut self, number: Ref, store: &impl Lookup) {
        if !self.defined.threads.insert(number) {
            return;
        }
        let Some(thread) = store.thread(number) else { return };
        self.entities.push(number, Entity::Thread(thread.clone()));
        let mut process = thread.process;
        // Ancestors, until one that is there already.
        while process != 0 && self.defined.processes.insert(process) {
            let Some(found) = store.process(process) else { break };
            self.entities.push(process, Entity::Process(found.clone()));
            if found.container != 0
                && self.defined.containers.insert(found.container)
                && let Some(container) = store.container(found.container)
            {
                self.entities.push(found.container, Entity::Container(container.clone()));
            }
            process = found.parent;
        }
    }

    fn define_descriptor(&mut self, number: Ref, store: &impl Lookup) {
        if number != 0
            && self.defined.descriptors.insert(number)
            && let Some(descriptor) = store.descriptor(number)
        {
            self.entities.push(number, Entity::Descriptor(descriptor.clone()));
        }
    }

    /// Puts an event into the capture, with what it refers to.
    fn store(&mut self, event: &Event<'_>, store: &impl Lookup) {
        if self.is_done {
            return;
        }
        if self.is_file_full(event.time_ns) && !self.writer.has_ended() {
            self.turn(event.time_ns);
        }
        self.define_kind(event.kind, store);
        self.define_thread(event.thread, store);
        self.define_descriptor(event.descriptor, store);
        // A process with many arguments takes more room than a thousand of its events.
        if self.entities.is_full() {
            self.send_entities();
        }
        if let Err(error) = self.builder.push(event) {
            eprintln!("sysreel-agent: an event does not fit the capture ({error}); it is counted as lost");
            self.ledger.lost(event.cpu, LossCause::BadRecord, event.time_ns);
            return;
        }
        self.ledger.stored(event.cpu);
        self.counts[event.kind as usize].1 += 1;
        self.events += 1;
        self.file_events += 1;
        if self.block_since.is_none() {
            self.block_since = Some(Instant::now());
        }
        if self.builder.is_full() {
            self.flush();
        }
        if self.plan.events.is_some_and(|most| self.events >= most) {
            self.is_done = true;
        }
    }

    /// Judges an event by the filter; stores it, or has it wait.
    fn sift(&mut self, mut sieve: Box<Sieve>, event: &Event<'_>, store: &Store) {
        let fate = sieve.judge(event, store);
        let said = std::mem::take(&mut self.said);
        if fate != Fate::Kept {
            // An event that waits may match in the end; better told twice than not at all.
            said.into_iter().for_each(|line| self.mark(TAMPER_MARK, line));
        }
        if fate == Fate::LeftOut {
            self.ledger.filtered(event.cpu);
            if let Some(marks) = &mut self.marks
                && let Some(thread) = store.thread(event.thread)
            {
                let pid = store.process(thread.process).map_or(0, |process| process.pid);
                marks.note(thread.tid, pid);
                if marks.has_descriptors()
                    && let Some(fd) = fd_of(event, store)
                    && sieve.is_outside(event.descriptor, store)
                {
                    marks.note_descriptor(pid, fd);
                }
            }
        } else if let Some(marks) = &mut self.marks
            && let Some(thread) = store.thread(event.thread)
        {
            marks.take_back(thread.tid);
        }
        let waits = fate == Fate::Waits && sieve.wait(event).is_ok();
        let is_full = sieve.is_full();
        self.sieve = Some(sieve);
        if is_full || (fate == Fate::Waits && !waits) {
            self.release();
        }
        if fate == Fate::Kept {
            self.store(event, store);
        } else if fate == Fate::Waits && !waits {
            // There was no room; or it does not fit any block, which is then said.
            let is_taken = self.sieve.as_mut().is_some_and(|sieve| sieve.wait(event).is_ok());
            if !is_taken {
                self.store(event, store);
            }
        }
    }

    /// Stores those of the waiting events that match.
    fn release(&mut self) {
        let Some(mut sieve) = self.sieve.take() else { return };
        let released = sieve.release(|event, entities, matches| match matches {
            true => self.store(event, entities),
            false => self.ledger.filtered(event.cpu),
        });
        if let Err(error) = released {
            // Made by us a moment ago: only a fault of ours can bring this about. They are settled as unaccounted.
            eprintln!("sysreel-agent: events that waited for the filter are lost: {error}");
        }
        self.sieve = Some(sieve);
    }

    /// Goes on with another filter.
    pub(super) fn set_filter(&mut self, typed: TypedFilter) {
        self.release();
        if let Some(marks) = &mut self.marks {
            marks.clear();
        }
        if let Some(sieve) = &mut self.sieve {
            sieve.set_filter(&typed.filter);
        }
        self.remark("filter", typed.text.clone());
        self.plan.filter = Some(typed);
    }

    /// Tells the kernel side of threads of which no event matches, now that all records up to this time were tracked.
    pub(super) fn settle_marks(&mut self, tracker: &mut Tracker, watermark_ns: u64) {
        let (Some(sieve), Some(marks)) = (&mut self.sieve, &mut self.marks) else { return };
        marks.settle(watermark_ns, |tid| {
            let version = tracker.certain_version(tid);
            version.is_some_and(|version| sieve.turns_away(version, tracker.store()))
        });
        marks.settle_descriptors(watermark_ns, |pid, fd| {
            let descriptor = tracker.certain_descriptor(pid, fd);
            descriptor.is_some_and(|descriptor| sieve.is_outside(descriptor, tracker.store()))
        });
    }

    /// The descriptors of a process were read anew.
    pub(super) fn end_descriptors(&mut self, pid: u32) {
        if let Some(marks) = &mut self.marks {
            marks.end_descriptors(pid);
        }
    }
}

/// The number of the descriptor that an event is about, where that is an argument.
fn fd_of(event: &Event<'_>, store: &Store) -> Option<u32> {
    let FdSource::Arg(at) = store.kind(event.kind)?.fd else { return None };
    match event.args.get(usize::from(at))? {
        Arg::Int(raw) => Some(*raw as u32),
        _ => None,
    }
}

impl Sink for Recorder {
    fn event(&mut self, event: &Event<'_>, store: &Store) {
        if self.is_done {
            return;
        }
        match self.sieve.take() {
            Some(sieve) => self.sift(sieve, event, store),
            None => self.store(event, store),
        }
        self.said.clear();
    }

    fn derived(&mut self, cpu: u16) {
        if !self.is_done {
            self.ledger.derived(cpu);
        }
    }

    fn left_out(&mut self, cpu: u16) {
        self.ledger.left_out(cpu);
    }

    fn tampered(&mut self, deed: &Deed, is_told: bool) {
        if self.is_done {
            return;
        }
        let lines = self.alarm.raise(deed, Instant::now());
        let lines: Vec<String> = lines.into_iter().map(|line| self.say(line)).collect();
        if is_told {
            self.said = lines;
        } else {
            lines.into_iter().for_each(|line| self.mark(TAMPER_MARK, line));
        }
    }
}

/// What a recording came to.
pub(super) struct Report {
    written: Written,
    events: u64,
    lost: u64,
    /// Left out by the filter, if there is one.
    filtered: Option<u64>,
    name: String,
    counts: Vec<(String, u64)>,
    /// On the recording itself.
    attempts: u64,
}

impl Report {
    /// Whether there is nothing in it that somebody has to know who wants to hear of troubles only.
    pub(super) fn is_of_no_trouble(&self) -> bool {
        self.lost == 0 && self.attempts == 0
    }

    /// Events by kind, most first.
    pub(super) fn summary(&self) -> String {
        let mut counts: Vec<_> = self.counts.iter().filter(|(_, count)| *count > 0).collect();
        counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
        let mut text = String::new();
        for (name, count) in counts {
            let _ = writeln!(text, "{count:>12} {name}");
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Written { bytes, files } = self.written;
        write!(f, "{} events, {} lost, ", self.events, self.lost)?;
        if let Some(filtered) = self.filtered {
            write!(f, "{filtered} left out, ")?;
        }
        write!(f, "{bytes} bytes")?;
        if files > 1 {
            writeln!(f, " in {files} files {}*", self.name)?;
        } else {
            writeln!(f, " in {}", self.name)?;
        }
        if self.attempts > 0 {
            let s = if self.attempts == 1 { "" } else { "s" };
            writeln!(f, "{} attempt{s} on this recording: evt.type=tamper", self.attempts)?;
        }
        Ok(())
    }
}
