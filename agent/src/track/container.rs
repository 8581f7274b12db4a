//! Which container a cgroup path belongs to.
//!
//! The path is all there is at the moment a process starts: no runtime has to be asked, and it stays true for a
//! container that is gone a second later. Runtimes write the id into it in one of a dozen forms; some host
//! services look alike, so a form counts only with the whole id or with its own parent. Names, images and labels
//! are someone else's job. Start at [`from_cgroup_path`].

/// What a cgroup path tells about a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The id as the runtime gave it: 64 hexadecimal digits, or a name.
    pub full_id: Vec<u8>,
    /// The runtime; `container` where the path does not tell.
    pub runtime: &'static str,
    /// Uid of the pod, with dashes; empty outside pods.
    pub pod_uid: Vec<u8>,
}

/// What comes before the id in the last part of the path, under either cgroup driver.
const ID_PREFIXES: &[(&[u8], &str)] = &[
    (b"docker-", "docker"),
    (b"cri-containerd-", "containerd"),
    (b"containerd-", "containerd"),
    (b"nerdctl-", "containerd"),
    (b"crio-", "cri-o"),
    (b"cri-o-", "cri-o"),
    (b"libpod-payload-", "podman"),
    (b"libpod-", "podman"),
    (b"kata_", "container"),
    (b"runc-", "container"),
    (b"crun-", "container"),
];

/// First parts of a path below which a containerd namespace keeps containers by name.
const CONTAINERD_NAMESPACES: &[&[u8]] = &[b"default", b"k8s.io", b"moby", b"services.linuxkit"];

/// Finds the innermost container in a cgroup path, of either hierarchy version.
///
/// Leading `..` parts, which a reader in a private cgroup namespace sees, are skipped.
pub fn from_cgroup_path(path: &[u8]) -> Option<Found> {
    let parts: Vec<&[u8]> =
        path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b"..").collect();
    (0..parts.len()).rev().find_map(|at| {
        let (full_id, runtime) = container_at(&parts, at)?;
        let pod_uid = parts[..=at].iter().rev().find_map(|part| pod_uid(part)).unwrap_or_default();
        Some(Found { full_id, runtime, pod_uid })
    })
}

/// As [`from_cgroup_path`], for a process known to live in its own pid and mount namespaces: then a cgroup of its
/// own at the top of the hierarchy, which is what runc and crun make when nobody names another, is a container.
pub fn from_isolated_cgroup_path(path: &[u8]) -> Option<Found> {
    from_cgroup_path(path).or_else(|| {
        let name = path.strip_prefix(b"/")?;
        let plain = !name.is_empty() && !name.contains(&b'/') && !is_unit(name) && name != b"..";
        plain.then(|| Found { full_id: name.to_vec(), runtime: "container", pod_uid: Vec::new() })
    })
}

fn container_at(parts: &[&[u8]], at: usize) -> Option<(Vec<u8>, &'static str)> {
    let part = parts[at];
    let parent = at.checked_sub(1).map(|up| parts[up]).unwrap_or_default();
    // "kubepods-...slice:cri-containerd:ID": a systemd path handed to the cgroupfs driver.
    if let Some(colon) = part.iter().rposition(|&byte| byte == b':') {
        let id = &part[colon + 1..];
        return is_id(id).then(|| {
            let prefix =
                [part[..colon].rsplit(|&byte| byte == b':').next().unwrap_or_default(), b"-"].concat();
            let known = ID_PREFIXES.iter().find(|(known, _)| *known == prefix.as_slice());
            (id.to_vec(), known.map_or("container", |(_, runtime)| runtime))
        });
    }
    let name = part.strip_suffix(b".scope").unwrap_or(part);
    for (prefix, runtime) in ID_PREFIXES {
        if let Some(id) = name.strip_prefix(*prefix).filter(|id| is_id(id)) {
            return Some((id.to_vec(), runtime));
        }
    }
    if is_id(name) {
        return Some((name.to_vec(), if parent == b"docker" { "docker" } else { "container" }));
    }
    if is_unit(part) {
        return machine(parts, at);
    }
    named(parts, at, parent)
}

/// Containers that go by a name, each below a parent that only its runtime makes.
fn named(parts: &[&[u8]], at: usize, parent: &[u8]) -> Option<(Vec<u8>, &'static str)> {
    let part = parts[at];
    if let Some(name) = part.strip_prefix(b"lxc.payload.").filter(|name| !name.is_empty()) {
        return Some((name.to_vec(), "lxc"));
    }
    if let Some(name) = part.strip_suffix(b".libvirt-lxc").filter(|name| !name.is_empty()) {
        return Some((name.to_vec(), "libvirt-lxc"));
    }
    let runtime = match parent {
        b"lxc" | b"lxc.payload" => "lxc",
        b"garden" | b"mesos" if part.len() >= 8 => "container",
        b"buildkit" if part.len() == 25 && part.iter().all(u8::is_ascii_alphanumeric) => "container",
        _ if at == 1 && CONTAINERD_NAMESPACES.contains(&parent) => "containerd",
        // Fargate: /ecs/TASK/TASK-NUMBER, where TASK has 32 digits.
        _ if at >= 2 && parts[at - 2] == b"ecs" && is_hex(parent, 32) && part.starts_with(parent) => {
            "container"
        }
        _ => return None,
    };
    Some((part.to_vec(), runtime))
}

/// Containers that systemd knows as machines. Virtual machines are registered alike and are none.
fn machine(parts: &[&[u8]], at: usize) -> Option<(Vec<u8>, &'static str)> {
    let part = parts[at];
    if let Some(name) = part.strip_prefix(b"systemd-nspawn@").and_then(|rest| rest.strip_suffix(b".service"))
    {
        // The supervising process itself stays on the host.
        let supervisor = parts.get(at + 1).is_some_and(|below| *below == b"supervisor");
        return (!supervisor && !name.is_empty()).then(|| (unescape(name), "systemd-nspawn"));
    }
    let name = unescape(part.strip_prefix(b"machine-")?.strip_suffix(b".scope")?);
    if name.starts_with(b"qemu-") || name.is_empty() {
        return None;
    }
    if let Some(rest) = name.strip_prefix(b"lxc-") {
        // libvirt writes lxc-NUMBER-NAME.
        let dash = rest.iter().position(|&byte| byte == b'-');
        let numbered = dash.filter(|&dash| dash > 0 && rest[..dash].iter().all(u8::is_ascii_digit));
        return Some((numbered.map_or(rest, |dash| &rest[dash + 1..]).to_vec(), "libvirt-lxc"));
    }
    Some((name, "systemd-nspawn"))
}

/// The pod's uid in `podUID`, `kubepods-burstable-podUID.slice`, or what stands before the first colon.
fn pod_uid(part: &[u8]) -> Option<Vec<u8>> {
    let part = part.split(|&byte| byte == b':').next().unwrap_or_default();
    let name = part.strip_suffix(b".slice").unwrap_or(part);
    let uid = match name.strip_prefix(b"pod") {
        Some(uid) => uid,
        None => {
            let at = name.windows(4).rposition(|window| window == b"-pod")?;
            &name[at + 4..]
        }
    };
    // systemd takes a dash for a level of the tree, so kubelet writes underscores for it.
    let uid: Vec<u8> = uid.iter().map(|&byte| if byte == b'_' { b'-' } else { byte }).collect();
    let dashed = uid.len() == 36
        && uid.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    // A static pod's uid is the hash of its file.
    (dashed || is_hex(&uid, 32)).then_some(uid)
}

fn is_id(text: &[u8]) -> bool {
    is_hex(text, 64)
}

fn is_hex(text: &[u8], digits: usize) -> bool {
    text.len() == digits && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether systemd made this part of the path.
fn is_unit(part: &[u8]) -> bool {
    [b".scope".as_slice(), b".slice", b".service", b".mount", b".socket", b".swap"]
        .iter()
        .any(|suffix| part.ends_with(suffix))
}

/// Undoes systemd's `\x2d` escapes.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        let escaped = rest
            .strip_prefix(b"\\x")
            .and_then(|hex| hex.get(..2))
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const ID2: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
    const UID: &str = "12345678-9abc-def0-1234-56789abcdef0";
    const UID_: &str = "12345678_9abc_def0_1234_56789abcdef0";
    const HASH: &str = "0123456789abcdef0123456789abcdef";

    fn show(path: &str, find: fn(&[u8]) -> Option<Found>) -> String {
        let path = path.replace("ID2", ID2).replace("UID_", UID_).replace("UID", UID);
        let path = path.replace("ID64", ID).replace("HASH32", HASH);
        match find(path.as_bytes()) {
            None => "-".to_owned(),
            Some(found) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let shown = format!("{} {} {}", found.runtime, text(&found.full_id), text(&found.pod_uid));
                let shown = shown.replace(ID2, "ID2").replace(ID, "ID64").replace(UID, "UID");
                shown.replace(HASH, "HASH32").trim_end().to_owned()
            }
        }
    }

    #[test]
    fn every_runtime_form_gives_its_container() {
        for (path, expected) in [
            // As observed on real systems.
            ("/ID64", "container ID64"),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/cri-containerd-ID64.scope",
                "containerd ID64 UID",
            ),
            ("/libpod_parent/libpod-ID64", "podman ID64"),
            ("/default/redis", "containerd redis"),
            ("/k8s.io/NAME", "containerd NAME"),
            ("/docker/ID64", "docker ID64"),
            ("/kubepods/podUID/ID64", "container ID64 UID"),
            ("/kubepods/burstable/podUID/ID64", "container ID64 UID"),
            ("/kubepods/besteffort/podUID/ID64", "container ID64 UID"),
            ("/kubepods/besteffort/podHASH32/ID64", "container ID64 HASH32"),
            ("/../../../../kubepods/besteffort/podUID/ID64", "container ID64 UID"),
            ("/../../podUID/ID64", "container ID64 UID"),
            ("/../ID64", "container ID64"),
            // Docker.
            ("/system.slice/docker-ID64.scope", "docker ID64"),
            ("/docker/ID64/init.scope", "docker ID64"),
            ("/docker/ID64/system.slice/nginx.service", "docker ID64"),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID64.scope", "docker ID64"),
            ("/my-parent/ID64", "container ID64"),
            ("/docker/buildkit/abcdefghijklmnopqrstuvwxy", "container abcdefghijklmnopqrstuvwxy"),
            // Kubernetes.
            ("/kubepods.slice/kubepods-podUID_.slice/crio-ID64.scope", "cri-o ID64 UID"),
            (
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/crio-ID64.scope/container",
                "cri-o ID64 UID",
            ),
            ("/kubepods/burstable/podUID/crio-ID64", "cri-o ID64 UID"),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/docker-ID64.scope",
                "docker ID64 UID",
            ),
            ("/kubepods.slice/kubepods-podHASH32.slice/cri-containerd-ID64.scope", "containerd ID64 HASH32"),
            (
                "/system.slice/containerd.service/kubepods-burstable-podUID_.slice:cri-containerd:ID64",
                "containerd ID64 UID",
            ),
            ("/kubepods/podUID/kata_ID64", "container ID64 UID"),
            (
                "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podUID_.slice/cri-containerd-ID64.scope",
                "containerd ID64 UID",
            ),
            // A cluster inside a container (kind): the innermost container counts.
            ("/docker/ID2/kubelet/kubepods/burstable/podUID/ID64", "container ID64 UID"),
            (
                "/system.slice/docker-ID2.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podUID_.slice/cri-containerd-ID64.scope",
                "containerd ID64 UID",
            ),
            ("/kubepods/podUID/ID2/docker/ID64", "docker ID64 UID"),
            // Podman.
            ("/machine.slice/libpod-ID64.scope", "podman ID64"),
            ("/machine.slice/libpod-ID64.scope/container", "podman ID64"),
            ("/machine.slice/machine-libpod_pod_ID2.slice/libpod-ID64.scope", "podman ID64"),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID64.scope/container",
                "podman ID64",
            ),
            ("/system.slice/web.service/libpod-payload-ID64", "podman ID64"),
            // LXC, LXD, Incus, Proxmox.
            ("/lxc/web1", "lxc web1"),
            ("/lxc/101/ns/system.slice/ssh.service", "lxc 101"),
            ("/lxc.payload.web1", "lxc web1"),
            ("/lxc.payload.web1/system.slice/ssh.service", "lxc web1"),
            ("/lxc.payload/web1/init.scope", "lxc web1"),
            // systemd and libvirt.
            ("/machine.slice/machine-deb12.scope", "systemd-nspawn deb12"),
            ("/machine.slice/machine-my\\x2dbox.scope/payload/init.scope", "systemd-nspawn my-box"),
            (
                "/machine.slice/systemd-nspawn@deb12.service/payload/system.slice/cron.service",
                "systemd-nspawn deb12",
            ),
            ("/machine.slice/machine-lxc\\x2d2\\x2dweb.scope", "libvirt-lxc web"),
            ("/machine/web.libvirt-lxc", "libvirt-lxc web"),
            // Others.
            ("/garden/3c5f1b0a-4a5e-4a5e", "container 3c5f1b0a-4a5e-4a5e"),
            ("/ecs/HASH32/ID64", "container ID64"),
            ("/ecs/HASH32/HASH32-1234567890", "container HASH32-1234567890"),
            ("/moby/ID64", "container ID64"),
            ("/docker/ID64/syscont-cgroup-root/system.slice/sshd.service", "docker ID64"),
        ] {
            assert_eq!(show(path, from_cgroup_path), expected, "{path}");
        }
    }

    #[test]
    fn host_cgroups_are_no_containers() {
        for path in [
            "",
            "/",
            "/..",
            "/../..",
            "/init.scope",
            "/system.slice",
            "/system.slice/docker.service",
            "/system.slice/containerd.service",
            "/system.slice/kubelet.service",
            "/system.slice/crio.service",
            "/system.slice/lxc.service",
            "/system.slice/foo.service/sub",
            "/system.slice/system-getty.slice/getty@tty1.service",
            "/user.slice/user-1000.slice/session-1.scope",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-12345678-9abc-def0-1234-56789abcdef0.scope",
            "/user.slice/user-1000.slice/user@1000.service/init.scope",
            "/kubepods",
            "/kubepods/burstable",
            "/kubepods/burstable/podUID",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/crio-conmon-ID64.scope",
            "/machine.slice/libpod-conmon-ID64.scope",
            "/libpod_parent/conmon",
            "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
            "/machine.slice/systemd-nspawn@deb12.service/supervisor",
            "/lxc.monitor.web1",
            "/lxc.monitor/web1",
            "/docker",
            "/default",
            "/podruntime/runtime",
            "/actions_job",
            "/mygroup",
            "/a/default/b",
            "/deadbeef",
        ] {
            assert_eq!(show(path, from_cgroup_path), "-", "{path}");
        }
    }

    #[test]
    fn a_plain_runc_container_is_known_by_its_namespaces() {
        for (path, expected) in [
            ("/web", "container web"),
            ("/docker/ID64", "docker ID64"),
            ("/", "-"),
            ("/init.scope", "-"),
            ("/a/b", "-"),
            ("/..", "-"),
        ] {
            assert_eq!(show(path, from_isolated_cgroup_path), expected, "{path}");
        }
    }
}
