//! Recording: from the rings, through the tracker, into capture files.
//!
//! This thread drains, tracks and fills blocks; a second one encodes, compresses and writes them ([`writer`]).
//! Between them is a short queue: when the disk is slow the rings fill up and the kernel side counts what it
//! could not write, so there is one place where events are lost, and it is counted exactly. Start at [`run`].

mod alarm;
mod command;
mod explain;
mod files;
mod followed;
mod governor;
mod heir;
mod interrupts;
mod ledger;
mod marks;
mod meter;
mod names;
mod plan;
mod privileges;
mod recorder;
mod suspension;
mod writer;

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use capture_format::model::Host;
use sysreel_agent::own::{ObjectKind, Own, OwnFiles};
use sysreel_agent::track::{Tracker, TrackerOptions};
use wire::ring::RECORD_BYTES_MAX;

use crate::clock::boot_ns;
use crate::host;
use crate::probes::{self, Misses, ProbeOptions, Probes};
use crate::rings::{Pass, Rings};
use crate::surroundings;

use command::Traced;
use followed::Followed;
use governor::{Decision, Governor};
use heir::Heir;
use marks::Marks;
use meter::Meter;
use names::Names;
use plan::TypedFilter;
pub(crate) use plan::{Plan, usual_ring_bytes};
pub(crate) use privileges::missing_welcome;
use recorder::Recorder;
use suspension::Suspensions;
use writer::Alteration;

/// Shortest and longest sleep between two passes. The longest is what an idle machine sees; rings of the default
/// size then hold what two million events a second leave in that time.
const SLEEP_MIN: Duration = Duration::from_micros(500);
const SLEEP_MAX: Duration = Duration::from_millis(16);
/// Nice value of the threads that drain and write.
const PRIORITY: i32 = -15;
/// How long after a signal to end it goes on.
const LAST_CALLS: Duration = Duration::from_millis(20);
/// How often the kernel is asked whether it did not run a program.
const MISSES_EVERY_NS: u64 = 500_000_000;
/// The map of the rings' states.
const STATES: &str = "RING_STATES";
/// The map of the marks of threads.
const MARKS: &str = "MARKS";
/// Kind of the marks that say what the budget costs.
const BUDGET_MARK: &str = "budget";
/// Part of a ring that is full when sleeping stops.
const BUSY_FRACTION: u64 = 16;

/// Checks that this process may have the kernel run programs for it.
pub(crate) fn may_record() -> Result<()> {
    let missing = privileges::missing().context("cannot tell which capabilities there are")?;
    if !missing.is_empty() {
        bail!("recording needs root, or CAP_BPF and CAP_PERFMON; missing: {}", missing.join(", "));
    }
    if probes::bpf_is_refused() {
        bail!("the kernel refuses bpf() to this process, as in a container that may not use it");
    }
    Ok(())
}

/// Records as planned.
pub(crate) fn run(plan: Plan) -> Result<ExitCode> {
    if let Some(typed) = &plan.filter {
        plan.tell_missing(&typed.filter);
    }
    if plan.explain {
        explain::print(&plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(words) = &plan.command
        && let Err(error) = command::look_up(&words[0])
    {
        eprintln!("sysreel-agent: {}: {error}", words[0].display());
        return Ok(error.exit_code());
    }
    may_record()?;
    interrupts::catch(plan.filter_file.is_some())?;
    let mut heir = Heir::fork().inspect_err(heirless).ok();
    let own_pid = surroundings::own_pid(&plan.proc_root)?;
    if plan.command.is_some() && surroundings::is_in_own_pid_namespace(own_pid) {
        bail!(
            "this process has a pid namespace of its own, in which the command would have another id than the kernel \
             tells: record the whole machine, or start the agent in the host's pid namespace"
        );
    }
    let host = host::read(&plan.proc_root, plan.snap_bytes, plan.scope().into_bytes());
    let mut probes = Probes::load(&ProbeOptions {
        own_pid,
        ring_bytes: plan.ring_bytes(probes::possible_cpus()?),
        snap_bytes: plan.snap_bytes,
        latency: plan.latency,
        env: plan.env,
        selection: plan.selection.clone(),
        filter: plan.filter.as_ref().map(|typed| typed.filter.clone()),
        filter_may_change: plan.filter_file.is_some(),
        host: host.clone(),
        follow: plan.command.is_some(),
    })?;
    for (tracepoint, what) in probes.absent() {
        eprintln!("sysreel-agent: this kernel has no tracepoint {tracepoint}: {what} not recorded");
    }
    let mut rings = Rings::map(&probes)?;
    let mut names = Names::map(&probes)?;
    plan.tell(format_args!(
        "probes are attached, {} CPUs with {} bytes of ring each",
        probes.cpus(),
        probes.ring_bytes()
    ));

    let own = Own { pid: own_pid, objects: probes.objects(&plan.proc_root)?, files: OwnFiles::default() };
    let own_files = own.files.clone();
    let watched = [STATES, MARKS, "CALLS", "OUTSIDE"].map(|name| (name, own.id(ObjectKind::Map, name)));
    let mut tracker = Tracker::new(TrackerOptions {
        proc_root: plan.proc_root.clone(),
        snap_bytes: plan.snap_bytes,
        abi: probes::NATIVE,
        skip_start_scan: plan.command.is_some(),
        selection: plan.selection.clone(),
        drop_reasons: probes.drop_reasons().clone(),
        operations: probes.operations().clone(),
        own,
    });
    for warning in tracker.read_start_state() {
        eprintln!("sysreel-agent: {warning}");
    }
    let mut governed = plan.budget.map(|budget| (Governor::new(budget), Meter::new(probes.cpus())));
    let marks = Marks::map(&probes)?;
    if let Some(heir) = &heir {
        heir.know(probes.map_fd("SENDINGS")?, own_pid);
    }
    let testator = heir.as_ref().map(Heir::testator);
    let mut recorder = Recorder::new(&plan, tracker.store(), probes.cpus(), marks, own_files, testator)?;
    if let Some((governor, meter)) = &governed {
        let rings_bytes = probes.cpus() as u64 * (probes.ring_bytes() + RECORD_BYTES_MAX) as u64;
        if let Some(said) = governor.beyond_from_start(meter.resident_bytes(), rings_bytes) {
            eprintln!("sysreel-agent: {said}");
            recorder.remark(BUDGET_MARK, said);
        }
    }
    let mut traced = None;
    if let Some(words) = &plan.command {
        let stdout_is_capture = plan.write.as_os_str() == "-";
        let started = Traced::start(words, stdout_is_capture)
            .with_context(|| format!("cannot start {}", words[0].display()))?;
        tracker.read_process(started.pid());
        probes.follow_from_exec(started.pid())?;
        traced = Some(started);
    }
    hurry();
    if let Err(error) = privileges::give_up() {
        eprintln!("sysreel-agent: keeps all its privileges, although it needs few from now on: {error}");
    }
    // Said with -q too: whoever started us may wait for it.
    eprintln!("ready");
    if let Some(traced) = &mut traced {
        traced.release().with_context(|| format!("cannot run {}", plan.command_text()))?;
    }

    let mut misses = Misses::of(&probes)?;
    let mut misses_since_ns = boot_ns();
    let mut followed = traced.as_ref().map(|traced| Followed::new(traced.pid()));
    let start = Instant::now();
    let mut sleep = SLEEP_MIN;
    let mut suspensions = Suspensions::new();
    loop {
        recorder.tell_suspension(&mut suspensions);
        let pass = drain(&mut rings, &mut tracker, &mut recorder, &mut followed);
        names.note(tracker.same_names());
        recorder.after_pass(&mut rings, &pass);
        if boot_ns().saturating_sub(misses_since_ns) >= MISSES_EVERY_NS {
            recorder.missed(&misses.take(), std::mem::replace(&mut misses_since_ns, boot_ns()));
            if heir.as_ref().is_some_and(|heir| !heir.is_alive())
                && let Some(heir) = heir.take()
            {
                tracker.found_tampering("heir_ended", b"agent", u64::from(heir.pid()), &mut recorder);
            }
            let changed = probes.put_tables_right();
            look_around(&mut rings, &watched, changed, &mut tracker, &mut recorder);
            let alterations = recorder.take_alterations();
            if !alterations.is_empty() {
                recorder.begin_beside();
                tell_alterations(alterations, &mut tracker, &mut recorder);
            }
        }
        recorder.settle_marks(&mut tracker, pass.watermark_ns);
        if let Some(path) = &plan.filter_file
            && interrupts::wants_reload()
        {
            // What happened until now is judged by the filter from before.
            let asked_ns = boot_ns();
            let mut judged_ns = pass.watermark_ns;
            while judged_ns < asked_ns && interrupts::count() == 0 {
                thread::sleep(SLEEP_MIN);
                let pass = drain(&mut rings, &mut tracker, &mut recorder, &mut followed);
                recorder.after_pass(&mut rings, &pass);
                judged_ns = pass.watermark_ns;
            }
            reload(path, &plan, &host, &mut probes, &mut recorder);
        }
        if let Some((governor, meter)) = &mut governed
            && meter.is_due()
        {
            govern(governor, meter, &mut rings, &mut recorder);
        }
        if recorder.is_done() {
            break;
        }
        if plan.seconds.is_some_and(|seconds| start.elapsed() >= seconds) {
            break;
        }
        match (interrupts::count(), &mut followed) {
            (0, None) => {}
            // The call that sent the signal is told of, and has still to return.
            (1, None) if !interrupts::end_waiting(LAST_CALLS) => {}
            (0 | 1, Some(followed)) => {
                if followed.all_gone(recorder.has_losses()) {
                    break;
                }
            }
            _ => break,
        }
        if pass.fill_bytes_max > probes.ring_bytes() as u64 / BUSY_FRACTION {
            sleep = SLEEP_MIN;
            continue;
        }
        sleep = if pass.records > 0 { SLEEP_MIN.max(sleep / 2) } else { (sleep * 2).min(SLEEP_MAX) };
        thread::sleep(sleep);
    }

    // Nothing more is produced once the programs are gone; what they left in the rings is still ours.
    drop(probes);
    recorder.missed(&misses.take(), misses_since_ns);
    if !recorder.is_done() {
        recorder.tell_suspension(&mut suspensions);
        loop {
            let pass = drain(&mut rings, &mut tracker, &mut recorder, &mut followed);
            recorder.after_pass(&mut rings, &pass);
            if pass.records == 0 && rings.are_empty() {
                break;
            }
        }
        look_around(&mut rings, &watched, Vec::new(), &mut tracker, &mut recorder);
        tell_alterations(recorder.take_alterations(), &mut tracker, &mut recorder);
        tracker.finish(&mut recorder);
    }
    let report = recorder.finish(&mut rings);
    let is_given_up = interrupts::count() > 1 || (interrupts::count() == 1 && report.is_err());
    let status = match traced {
        Some(traced) if is_given_up => Some(traced.leave()?),
        Some(traced) => Some(traced.wait()?),
        None => None,
    };
    let report = report?;
    if !(plan.quiet && report.is_of_no_trouble()) {
        eprint!("{report}");
    }
    if plan.summary {
        eprint!("{}", report.summary());
    }
    Ok(status.unwrap_or(ExitCode::SUCCESS))
}

/// Says that nobody will tell of an end by force.
fn heirless(error: &anyhow::Error) {
    eprintln!("sysreel-agent: if this recording is ended by force, nobody will say by whom: {error:#}");
}

/// Tells of what others have done to maps, as far as it is found by looking; of the tables of the filter that is `changed`.
fn look_around(
    rings: &mut Rings,
    watched: &[(&'static str, u32)],
    mut changed: Vec<&'static str>,
    tracker: &mut Tracker,
    recorder: &mut Recorder,
) {
    changed.extend((rings.take_faults() > 0).then_some(STATES));
    changed.extend(recorder.take_back_foreign_marks().then_some(MARKS));
    for (name, id) in watched.iter().filter(|(name, _)| changed.contains(name)) {
        let object = format!("map:{name}");
        tracker.found_tampering("map_changed", object.as_bytes(), u64::from(*id), recorder);
    }
}

/// Tells of what others have made of the capture's files.
fn tell_alterations(alterations: Vec<Alteration>, tracker: &mut Tracker, recorder: &mut Recorder) {
    for (how, name, ino) in alterations {
        tracker.found_tampering(how, format!("capture:{name}").as_bytes(), ino, recorder);
    }
}

/// Reads the filter again, and goes on with it if it is one.
fn reload(path: &Path, plan: &Plan, host: &Host, probes: &mut Probes, recorder: &mut Recorder) {
    let read = TypedFilter::read(path).and_then(|typed| {
        probes.set_filter(&plan.selection, &typed.filter, host)?;
        Ok(typed)
    });
    match read {
        Ok(typed) => {
            let text = typed.text.clone();
            plan.tell_missing(&typed.filter);
            recorder.set_filter(typed);
            if !plan.quiet {
                eprintln!("sysreel-agent: the filter is now: {text}");
            }
        }
        Err(error) => eprintln!("sysreel-agent: goes on with the filter from before: {error:#}"),
    }
}

/// One step of keeping the budget.
fn govern(governor: &mut Governor, meter: &mut Meter, rings: &mut Rings, recorder: &mut Recorder) {
    match governor.step(meter.step(recorder.totals())) {
        Some(Decision { limits, remark }) => {
            rings.set_limits(&limits);
            if let Some(remark) = remark {
                recorder.remark(BUDGET_MARK, remark);
            }
        }
        None => rings.renew_limits(),
    }
}

fn drain(
    rings: &mut Rings,
    tracker: &mut Tracker,
    recorder: &mut Recorder,
    followed: &mut Option<Followed>,
) -> Pass {
    let touched = rings.look();
    if !touched.tids.is_empty() {
        tracker.lost_changes(&touched.tids, touched.others);
    }
    let pass = rings.pass(|cpu, bytes| match wire::Record::parse(bytes) {
        Ok(record) => {
            if let Some(followed) = followed {
                followed.record(&record);
            }
            tracker.record(&record, cpu, recorder);
        }
        Err(error) => recorder.bad_record(cpu, error),
    });
    if let Some(pid) = tracker.read_uncertain(pass.watermark_ns) {
        recorder.end_descriptors(pid);
    }
    pass
}

/// Puts this thread before ordinary ones: on a machine whose CPUs are all busy it must still empty the rings in
/// time. Threads it starts later inherit that; the command is forked before.
fn hurry() {
    // SAFETY: changes the priority of the calling thread only. Refused to the unprivileged, which costs no more
    // than a later turn.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, PRIORITY) };
}
