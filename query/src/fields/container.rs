//! Fields of containers: `container.*`, and the pod they belong to.

use capture_format::model::Container;

use super::{Field, Read, Takes, Type, Usage, field};
use crate::value::{Value, known, text};
use crate::view::ThreadView;

use Read::{Never, Row, Thread};
use Type::{Bool, Duration, Text, Time};

/// What `docker ps` shows of an id.
const SHORT_ID: usize = 12;

/// A text of the container, or `host` outside containers; missing when the process is unknown.
fn or_host<'a>(view: &ThreadView<'a>, read: impl Fn(&'a Container) -> &'a [u8]) -> Option<Value<'a>> {
    match view.process?.container {
        0 => Some(text(b"host")),
        _ => known(read(view.container()?)),
    }
}

/// Repository, tag and digest of an image reference: `registry:5000/name:tag@sha256:...`.
fn image_parts(image: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (named, digest) = match image.iter().position(|&byte| byte == b'@') {
        Some(at) => (&image[..at], &image[at + 1..]),
        None => (image, &b""[..]),
    };
    let name_start = named.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
    match named[name_start..].iter().position(|&byte| byte == b':') {
        Some(at) => (&named[..name_start + at], &named[name_start + at + 1..], digest),
        None => (named, b"", digest),
    }
}

/// Start of the container's pid namespace.
fn start_ns(view: &ThreadView<'_>) -> Option<u64> {
    view.container()?;
    super::process::pid_namespace_start_ns(view)
}

/// Whether a process in a container has the namespace of the host's first process, its furthest ancestor.
fn shares<'a>(view: &ThreadView<'a>, namespace: usize) -> Option<Value<'a>> {
    view.container()?;
    let own = view.process?.namespaces[namespace];
    let init = view.ancestors().find(|process| process.pid == 1)?.namespaces[namespace];
    (own != 0 && init != 0).then_some(Value::Bool(own == init))
}

pub(super) fn short_id<'a>(view: &ThreadView<'a>) -> Option<Value<'a>> {
    or_host(view, |container| &container.full_id[..container.full_id.len().min(SHORT_ID)])
}

pub(super) const FIELDS: &[Field] = &[
    field("container.cni.json", Text, Never, "Result of the network set-up."),
    field(
        "container.duration",
        Duration,
        Row(|row, _| {
            let Some(start) = start_ns(&row.thread()?) else { return Ok(None) };
            Ok(row.wall_ns()?.checked_sub(start).map(Value::Uint))
        }),
        "Time since `container.start_ts`, ns.",
    ),
    field(
        "container.full_id",
        Text,
        Thread(|view, _| or_host(view, |container| &container.full_id)),
        "Whole id of the container, `host` outside containers.",
    ),
    field("container.healthcheck", Text, Never, "The container's health check."),
    field(
        "container.host_ipc",
        Bool,
        Thread(|view, _| shares(view, 1)),
        "The container shares the host's ipc namespace.",
    ),
    field(
        "container.host_network",
        Bool,
        Thread(|view, _| shares(view, 4)),
        "The container shares the host's network namespace.",
    ),
    field(
        "container.host_pid",
        Bool,
        Thread(|view, _| shares(view, 3)),
        "The container shares the host's pid namespace.",
    ),
    field(
        "container.id",
        Text,
        Thread(|view, _| short_id(view)),
        "First 12 characters of the container's id, `host` outside containers.",
    ),
    field(
        "container.image",
        Text,
        Thread(|view, _| known(&view.container()?.image)),
        "Image the container was started from.",
    ),
    field(
        "container.image.digest",
        Text,
        Thread(|view, _| known(image_parts(&view.container()?.image).2)),
        "Digest in the image's name (`sha256:...`).",
    ),
    field("container.image.id", Text, Never, "Id of the image."),
    field(
        "container.image.repository",
        Text,
        Thread(|view, _| known(image_parts(&view.container()?.image).0)),
        "Repository in the image's name.",
    ),
    field(
        "container.image.tag",
        Text,
        Thread(|view, _| known(image_parts(&view.container()?.image).1)),
        "Tag in the image's name.",
    ),
    field("container.ip", Text, Never, "Primary address of the container."),
    field("container.label", Text, Never, "A label of the container.").takes(Takes::Name),
    field("container.labels", Text, Never, "All labels of the container."),
    field("container.liveness_probe", Text, Never, "The container's liveness probe."),
    field("container.mount", Text, Never, "A mount of the container.").takes(Takes::Name),
    field("container.mount.dest", Text, Never, "Where a mount appears.").takes(Takes::Name),
    field("container.mount.mode", Text, Never, "Mode of a mount.").takes(Takes::Name),
    field("container.mount.propagation", Text, Never, "Propagation of a mount.").takes(Takes::Name),
    field("container.mount.rdwr", Text, Never, "Whether a mount can be written.").takes(Takes::Name),
    field("container.mount.source", Text, Never, "Source of a mount.").takes(Takes::Name),
    field("container.mounts", Text, Never, "All mounts of the container."),
    field(
        "container.name",
        Text,
        Thread(|view, _| or_host(view, |container| &container.name)),
        "Name of the container, `host` outside containers.",
    ),
    field("container.privileged", Bool, Never, "The container is privileged."),
    field("container.readiness_probe", Text, Never, "The container's readiness probe."),
    field(
        "container.start_ts",
        Time,
        Thread(|view, _| start_ns(view).map(Value::Uint)),
        "Start of the container (of its pid namespace's first process, when that is an ancestor), ns since the \
         epoch.",
    ),
    field(
        "container.type",
        Text,
        Thread(|view, _| or_host(view, |container| container.runtime.as_bytes())),
        "Runtime of the container: `docker`, `containerd`, `cri-o`, `podman`, ...; `host` outside containers.",
    ),
    field("k8s.pod.id", Text, Thread(|view, _| known(&view.container()?.pod_uid)), "As `k8s.pod.uid`.")
        .usage(Usage::Hidden),
    field(
        "k8s.pod.uid",
        Text,
        Thread(|view, _| known(&view.container()?.pod_uid)),
        "Uid of the pod the container belongs to.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_references_are_taken_apart() {
        for (image, repository, tag, digest) in [
            ("nginx", "nginx", "", ""),
            ("nginx:1.27", "nginx", "1.27", ""),
            ("reg:5000/a/b", "reg:5000/a/b", "", ""),
            ("reg:5000/a/b:v1@sha256:00ff", "reg:5000/a/b", "v1", "sha256:00ff"),
            ("", "", "", ""),
        ] {
            let found = image_parts(image.as_bytes());
            assert_eq!(found, (repository.as_bytes(), tag.as_bytes(), digest.as_bytes()), "{image}");
        }
    }
}
