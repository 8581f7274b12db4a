//! `info -j`: one object with everything. Times are ns since 1970.

use std::collections::HashMap;

use capture_format::Tally;
use capture_format::model::{CPU_UNKNOWN, Loss, Process};
use serde_json::{Map, Value, json};

use super::Info;
use crate::clock;
use crate::escape::escaped;

/// The object and a newline.
pub(super) fn show(info: &Info) -> Vec<u8> {
    let offset = info.host.as_ref().map_or(0, |host| host.epoch_offset_ns);
    let wall = |boot_ns: u64| clock::wall_ns(boot_ns, offset);
    let processes = info.processes();
    let containers: Vec<Value> = info
        .containers(&processes)
        .iter()
        .map(|count| {
            let known = info.entities.container(count.container);
            json!({
                "id": known.map_or("host".to_owned(), |container| escaped(&container.full_id)),
                "name": known.map(|container| escaped(&container.name)),
                "image": known.map(|container| escaped(&container.image)),
                "runtime": known.map(|container| container.runtime.as_str()),
                "pod_uid": known.map(|container| escaped(&container.pod_uid)),
                "processes": count.processes,
                "events": count.events,
            })
        })
        .collect();
    let processes: Vec<Value> = processes
        .iter()
        .map(|count| {
            let mut object = process(info, count.process);
            object["events"] = count.events.into();
            object["versions"] = count.versions.into();
            object
        })
        .collect();
    let segments: Map<String, Value> = info
        .segments
        .iter()
        .map(|(name, (count, bytes))| ((*name).to_owned(), json!({"count": count, "bytes": bytes})))
        .collect();
    let columns: Vec<Value> = info
        .columns()
        .into_iter()
        .map(|(name, stored, raw)| json!({"name": name, "bytes": stored, "bytes_raw": raw}))
        .collect();
    let types: Map<String, Value> =
        info.types().into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
    let marks: Vec<Value> = info
        .marks
        .iter()
        .map(|mark| json!({"time": wall(mark.time_ns), "kind": mark.kind, "text": escaped(&mark.text)}))
        .collect();
    let object = json!({
        "name": info.name,
        "bytes": info.bytes,
        "finished": info.finished,
        "host": host(info),
        "events": info.counts.events,
        "events_failed": info.counts.failed,
        "events_unreadable": info.unreadable,
        "blocks": info.counts.blocks,
        "produced": info.produced(),
        "lost": info.lost(),
        "left_out": info.left_out(),
        "loss_totals": info.loss_totals().iter().map(|loss| self::loss(loss, wall)).collect::<Vec<_>>(),
        "cpus": cpus(info),
        "losses": info.losses.iter().map(|loss| self::loss(loss, wall)).collect::<Vec<_>>(),
        "span_ns": info.span_ns(),
        "first": info.counts.span.map(|(first, _)| wall(first)),
        "last": info.counts.span.map(|(_, last)| wall(last)),
        "types": types,
        "processes": processes,
        "containers": containers,
        "segments": segments,
        "columns": columns,
        "marks": marks,
        "damage": info.damage.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    format!("{}\n", safe(object)).into_bytes()
}

fn cpus(info: &Info) -> Vec<Value> {
    let mut lost: HashMap<u16, u64> = HashMap::new();
    for loss in &info.losses {
        let count = lost.entry(loss.cpu).or_default();
        *count = count.saturating_add(loss.count);
    }
    let one = |tally: &Tally| {
        json!({
            "cpu": known(tally.cpu),
            "produced": tally.produced,
            "events": tally.stored,
            "lost": lost.get(&tally.cpu).copied().unwrap_or(0),
            "left_out": tally.left_out,
        })
    };
    info.tallies.iter().map(one).collect()
}

/// The CPU, or nothing where it is not known.
fn known(cpu: u16) -> Option<u16> {
    Some(cpu).filter(|cpu| *cpu != CPU_UNKNOWN)
}

fn host(info: &Info) -> Value {
    let Some(host) = &info.host else { return Value::Null };
    json!({
        "hostname": escaped(&host.hostname),
        "kernel": escaped(&host.kernel),
        "machine": escaped(&host.machine),
        "boot_id": escaped(&host.boot_id),
        "cpus": host.cpus,
        "zone_offset_s": host.zone_offset_s,
        "snap_bytes": host.snap_bytes,
        "writer": escaped(&host.writer),
        "scope": escaped(&host.scope),
        "addresses": host.addresses.iter().map(|text| escaped(text)).collect::<Vec<_>>(),
    })
}

fn process(info: &Info, process: &Process) -> Value {
    json!({
        "pid": process.pid,
        "ppid": process.ppid,
        "name": escaped(&process.comm),
        "exe": escaped(&process.exe),
        "exe_path": escaped(&process.exe_path),
        "args": process.args.iter().map(|text| escaped(text)).collect::<Vec<_>>(),
        "cwd": escaped(&process.cwd),
        "container": info.entities.container(process.container).map(|container| escaped(&container.full_id)),
    })
}

fn loss(loss: &Loss, wall: impl Fn(u64) -> u64) -> Value {
    json!({
        "cpu": known(loss.cpu),
        "cause": loss.cause.name(),
        "class": loss.class,
        "count": loss.count,
        "from": wall(loss.from_ns),
        "to": wall(loss.to_ns),
    })
}

/// The value with every text in it made harmless: JSON itself escapes some control characters, but not all, and none
/// that change the direction of writing.
fn safe(value: Value) -> Value {
    match value {
        Value::String(text) => escaped(text.as_bytes()).into(),
        Value::Array(values) => values.into_iter().map(safe).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (escaped(name.as_bytes()), safe(value)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}
