//! `info` for people.

use std::fmt::{self, Write};

use capture_format::model::{Loss, Process};

use super::Info;
use crate::clock;
use crate::escape::escaped;
use crate::read::cpu_text;

/// Rows of each table when not all are asked for.
const ROWS_USUAL: usize = 12;

/// Several tables, largest rows first.
pub(super) fn show(info: &Info, all: bool) -> Vec<u8> {
    let mut page = Page { text: String::new(), rows_max: if all { usize::MAX } else { ROWS_USUAL } };
    page.head(info);
    page.losses(info);
    page.types(info);
    page.processes(info);
    page.columns(info);
    page.marks(info);
    page.text.into_bytes()
}

struct Page {
    text: String,
    rows_max: usize,
}

impl Page {
    fn fact(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{name:<12}{value}");
    }

    /// A table's title, its rows as far as they are shown, and how many are not.
    fn table<Row>(
        &mut self,
        title: fmt::Arguments<'_>,
        rows: &[Row],
        mut line: impl FnMut(&mut String, &Row) -> fmt::Result,
    ) {
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "\n{title}");
        for row in rows.iter().take(self.rows_max) {
            // Writing to a String does not fail.
            let _ = line(&mut self.text, row);
            self.text.push('\n');
        }
        if rows.len() > self.rows_max {
            let _ = writeln!(self.text, "{:>12}  ({} more: -v)", "...", rows.len() - self.rows_max);
        }
    }

    fn head(&mut self, info: &Info) {
        let state = if info.finished { "complete" } else { "not ended: still being written, or cut" };
        let segments: u64 = info.segments.values().map(|(count, _)| count).sum();
        self.fact(
            "capture",
            format_args!("{}: {} bytes, {segments} segments, {state}", info.name, info.bytes),
        );
        if let Some(host) = &info.host {
            let [name, kernel, machine] =
                [&host.hostname, &host.kernel, &host.machine].map(|text| escaped(text));
            self.fact("host", format_args!("{name}, Linux {kernel} {machine}, {} CPUs", host.cpus));
            let writer = escaped(&host.writer);
            let scope = if host.scope.is_empty() { "-".to_owned() } else { escaped(&host.scope) };
            self.fact(
                "recorded",
                format_args!("{scope}; {} bytes of each buffer; by {writer}", host.snap_bytes),
            );
        }
        if let Some((first, last)) = info.counts.span {
            let host = info.host.as_ref();
            let (offset, zone) = host.map_or((0, 0), |host| (host.epoch_offset_ns, host.zone_offset_s));
            let date = |boot_ns| clock::date_time(clock::wall_ns(boot_ns, offset), zone);
            self.fact("from", format_args!("{}", date(first)));
            self.fact("to", format_args!("{} ({})", date(last), clock::span(info.span_ns())));
        }
        let counts = &info.counts;
        self.fact(
            "events",
            format_args!("{} in {} blocks, {} failed", counts.events, counts.blocks, counts.failed),
        );
        if counts.events > 0 {
            let per_event = info.bytes as f64 / counts.events as f64;
            self.fact("size", format_args!("{per_event:.2} bytes per event"));
        }
        if info.unreadable > 0 {
            self.fact("unreadable", format_args!("{} events in damaged blocks", info.unreadable));
        }
        self.fact("produced", format_args!("{}", info.produced()));
        self.fact("lost", format_args!("{}", info.lost()));
        if info.left_out() > 0 {
            self.fact("left out", format_args!("{} events that did not match the filter", info.left_out()));
        }
    }

    fn losses(&mut self, info: &Info) {
        let host = info.host.as_ref();
        let (offset, zone) = host.map_or((0, 0), |host| (host.epoch_offset_ns, host.zone_offset_s));
        let is_each_shown = self.rows_max == usize::MAX;
        let mut rows = |title: fmt::Arguments<'_>, losses: &[Loss]| {
            self.table(title, losses, |out, loss| {
                let time = |boot_ns| clock::time_of_day(clock::wall_ns(boot_ns, offset), zone);
                let (from, to) = (time(loss.from_ns), time(loss.to_ns));
                let class = escaped(loss.class.as_bytes());
                write!(
                    out,
                    "{:>12}  {:>3}  {class:<12}{:<13}{from}  {to}",
                    loss.count,
                    cpu_text(loss.cpu),
                    loss.cause.name()
                )
            });
        };
        let totals = info.loss_totals();
        rows(format_args!("lost: events, CPU, class, cause, from, to"), &totals);
        if is_each_shown && info.losses.len() > totals.len() {
            rows(format_args!("lost, one by one"), &info.losses);
        }
    }

    fn types(&mut self, info: &Info) {
        let types = info.types();
        self.table(format_args!("events by type: {} types", types.len()), &types, |out, (name, count)| {
            write!(out, "{count:>12}  {}", escaped(name.as_bytes()))
        });
    }

    fn processes(&mut self, info: &Info) {
        let processes = info.processes();
        self.table(format_args!("processes: {}", processes.len()), &processes, |out, count| {
            let container = match info.entities.container(count.process.container) {
                Some(container) => format!(" [{}]", escaped(short(&container.full_id))),
                None => String::new(),
            };
            write!(
                out,
                "{:>12}  {:>7} {}{container}",
                count.events,
                count.process.pid,
                command_line(count.process)
            )
        });
        let containers = info.containers(&processes);
        let named = containers.iter().filter(|count| count.container != 0).count();
        if named == 0 {
            return;
        }
        self.table(format_args!("containers: {named}"), &containers, |out, count| {
            let Some(container) = info.entities.container(count.container) else {
                return write!(out, "{:>12}  host, {} processes", count.events, count.processes);
            };
            let runtime = escaped(container.runtime.as_bytes());
            let [id, name, image] =
                [short(&container.full_id), &container.name, &container.image].map(escaped);
            let facts = [runtime, id, name, image];
            let known: Vec<&str> = facts.iter().map(String::as_str).filter(|fact| !fact.is_empty()).collect();
            write!(out, "{:>12}  {}, {} processes", count.events, known.join(" "), count.processes)
        });
    }

    fn columns(&mut self, info: &Info) {
        let columns = info.columns();
        let title = format_args!("columns: bytes in the file, share of it, bytes before compression");
        self.table(title, &columns, |out, (name, stored, raw)| {
            let share = *stored as f64 * 100.0 / (info.bytes as f64).max(1.0);
            write!(out, "{stored:>12} {share:>5.1}% {raw:>14}  {}", escaped(name.as_bytes()))
        });
        let segments: Vec<_> = info.segments.iter().collect();
        self.table(format_args!("segments: bytes, number"), &segments, |out, (name, (count, bytes))| {
            write!(out, "{bytes:>12} {count:>6}  {name}")
        });
    }

    fn marks(&mut self, info: &Info) {
        let host = info.host.as_ref();
        let (offset, zone) = host.map_or((0, 0), |host| (host.epoch_offset_ns, host.zone_offset_s));
        self.table(format_args!("marks"), &info.marks, |out, mark| {
            let time = clock::time_of_day(clock::wall_ns(mark.time_ns, offset), zone);
            write!(out, "  {time}  {} {}", escaped(mark.kind.as_bytes()), escaped(&mark.text))
        });
    }
}

/// The part of a container's id by which runtimes name it.
fn short(full_id: &[u8]) -> &[u8] {
    &full_id[..full_id.len().min(12)]
}

/// Longest command line shown.
const COMMAND_CHARACTERS_MAX: usize = 80;

fn command_line(process: &Process) -> String {
    let mut words = vec![if process.exe.is_empty() { &process.comm } else { &process.exe }];
    words.extend(process.args.iter());
    let line = words.iter().map(|word| escaped(word)).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(COMMAND_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
