//! `info -j`: one object with everything. Times are ns since 1970.

use capture_format::model::{Loss, Process, Text};
use serde_json::{Map, Value, json};

use super::Info;
use crate::clock;

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
                "id": known.map_or("host".to_owned(), |container| lossy(&container.full_id)),
                "name": known.map(|container| lossy(&container.name)),
                "image": known.map(|container| lossy(&container.image)),
                "runtime": known.map(|container| container.runtime.as_str()),
                "pod_uid": known.map(|container| lossy(&container.pod_uid)),
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
        .map(|mark| json!({"time": wall(mark.time_ns), "kind": mark.kind, "text": lossy(&mark.text)}))
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
    format!("{object}\n").into_bytes()
}

fn host(info: &Info) -> Value {
    let Some(host) = &info.host else { return Value::Null };
    json!({
        "hostname": lossy(&host.hostname),
        "kernel": lossy(&host.kernel),
        "machine": lossy(&host.machine),
        "boot_id": lossy(&host.boot_id),
        "cpus": host.cpus,
        "zone_offset_s": host.zone_offset_s,
        "snap_bytes": host.snap_bytes,
        "writer": lossy(&host.writer),
        "scope": lossy(&host.scope),
        "addresses": host.addresses.iter().map(lossy).collect::<Vec<_>>(),
    })
}

fn process(info: &Info, process: &Process) -> Value {
    json!({
        "pid": process.pid,
        "ppid": process.ppid,
        "name": lossy(&process.comm),
        "exe": lossy(&process.exe),
        "exe_path": lossy(&process.exe_path),
        "args": process.args.iter().map(lossy).collect::<Vec<_>>(),
        "cwd": lossy(&process.cwd),
        "container": info.entities.container(process.container).map(|container| lossy(&container.full_id)),
    })
}

fn loss(loss: &Loss, wall: impl Fn(u64) -> u64) -> Value {
    json!({
        "cpu": loss.cpu,
        "cause": loss.cause.name(),
        "class": loss.class,
        "count": loss.count,
        "from": wall(loss.from_ns),
        "to": wall(loss.to_ns),
    })
}

fn lossy(text: &Text) -> String {
    String::from_utf8_lossy(text).into_owned()
}
