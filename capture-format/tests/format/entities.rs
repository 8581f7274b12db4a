//! Whatever entities, losses, marks and counts are written, the same are read, from files and from pipes.

use std::collections::BTreeMap;

use capture_format::model::{
    Class, Container, Credentials, Descriptor, DescriptorType, Endpoint, Entity, FileMarks, Group, Host,
    Loss, LossCause, Mark, Process, Role, Text, Thread, User,
};
use capture_format::schema::{Abi, event_kind};
use capture_format::{Capture, Entities, Segment, Step, StreamDecoder, Tally, Writer};
use proptest::array::uniform8;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::common::host;

/// Numbers as ids, inodes and times are: small ones, the largest, and any.
fn small() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..300u32, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

fn large() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..5000u64, 1 => Just(u64::MAX), 1 => any::<u64>()]
}

/// Texts as names are, the same ones often, and bytes of any sort.
fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        4 => "[a-c/]{0,6}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..300),
    ]
}

fn credentials() -> impl Strategy<Value = Credentials> {
    (uniform8(small()), [large(), large(), large()]).prop_map(|(ids, capabilities)| {
        let [uid, euid, suid, fsuid, gid, egid, sgid, fsgid] = ids;
        let [cap_permitted, cap_effective, cap_inheritable] = capabilities;
        Credentials {
            uid,
            euid,
            suid,
            fsuid,
            gid,
            egid,
            sgid,
            fsgid,
            cap_permitted,
            cap_effective,
            cap_inheritable,
        }
    })
}

fn thread() -> impl Strategy<Value = Entity> {
    (small(), small(), text(), small(), credentials()).prop_map(|(tid, vtid, comm, process, credentials)| {
        Thread { tid, vtid, comm, process, credentials }.into()
    })
}

fn marks() -> impl Strategy<Value = FileMarks> {
    any::<[bool; 5]>().prop_map(|[deleted, memfd, overlay_upper, overlay_lower, writable]| FileMarks {
        deleted,
        memfd,
        overlay_upper,
        overlay_lower,
        writable,
    })
}

fn process() -> impl Strategy<Value = Entity> {
    let ids = (uniform8(small()), [small(), small(), small(), small()]);
    let texts = ([text(), text(), text(), text(), text()], vec(text(), 0..5), vec(text(), 0..3));
    let times = [large(), large(), large(), large(), large()];
    let marks = (marks(), any::<bool>());
    (ids, texts, times, uniform8(small()), marks).prop_map(|(ids, texts, times, namespaces, marks)| {
        let (exe_marks, is_uncertain) = marks;
        let ([pid, vpid, ppid, parent, pgid, vpgid, sid, tty], [loginuid, cut, exe_dev, container]) = ids;
        let ([comm, exe, exe_path, cwd, cgroup], args, env) = texts;
        let [exe_ino, exe_mtime_ns, exe_ctime_ns, start_ns, fd_limit] = times;
        Entity::from(Process {
            pid,
            vpid,
            ppid,
            parent,
            pgid,
            vpgid,
            sid,
            tty,
            loginuid,
            comm,
            exe,
            exe_path,
            args: args.into(),
            args_bytes_full: cut,
            env: env.into(),
            cwd,
            exe_ino,
            exe_dev,
            exe_mtime_ns,
            exe_ctime_ns,
            exe_marks,
            start_ns,
            cgroup,
            namespaces,
            container,
            fd_limit,
            is_uncertain,
        })
    })
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    prop_oneof![
        Just(Endpoint::default()),
        (any::<[u8; 16]>(), any::<u16>()).prop_map(|(address, port)| Endpoint { address, port }),
    ]
}

fn descriptor() -> impl Strategy<Value = Entity> {
    use DescriptorType::*;
    let kind = select(vec![
        Unknown,
        File,
        Directory,
        Ipv4,
        Ipv6,
        Unix,
        Pipe,
        Event,
        Signalfd,
        Eventpoll,
        Inotify,
        Timerfd,
        Netlink,
        Bpf,
        Userfaultfd,
        IoUring,
        Memfd,
        Pidfd,
        Fanotify,
        Packet,
        PerfEvent,
        Mqueue,
        Anonymous,
        Socket,
    ]);
    let role = select(vec![Role::Unknown, Role::Client, Role::Server]);
    let file = (text(), [text(), text()], large(), small(), small(), any::<[bool; 3]>());
    (kind, file, any::<(u16, u8)>(), endpoint(), endpoint(), role).prop_map(
        |(kind, file, (protocol, socktype), local, remote, role)| {
            let (name, [name_raw, name_opened], ino, dev, mode, [overlay_upper, overlay_lower, connected]) =
                file;
            Entity::from(Descriptor {
                kind,
                name,
                name_raw,
                ino,
                dev,
                mode,
                overlay_upper,
                overlay_lower,
                protocol,
                socktype,
                local,
                remote,
                role,
                connected,
                name_opened,
            })
        },
    )
}

fn container() -> impl Strategy<Value = Entity> {
    (text(), "[a-z-]{0,12}", text(), text(), text()).prop_map(|(full_id, runtime, pod_uid, name, image)| {
        Container { full_id, runtime, pod_uid, name, image }.into()
    })
}

fn user() -> impl Strategy<Value = Entity> {
    (small(), small(), text(), text(), text())
        .prop_map(|(uid, gid, name, home, shell)| User { uid, gid, name, home, shell }.into())
}

/// Every kind of the schema is one that captures may carry.
fn kind() -> impl Strategy<Value = Entity> {
    let abi = select(vec![Abi::X86_64, Abi::I386, Abi::Aarch64, Abi::Arm]);
    (abi, 0..600u32).prop_map(|(abi, nr)| Entity::Kind(event_kind(abi, nr)))
}

fn entity() -> impl Strategy<Value = Entity> {
    prop_oneof![
        thread(),
        process(),
        descriptor(),
        container(),
        user(),
        (small(), text()).prop_map(|(gid, name)| Group { gid, name }.into()),
        kind(),
    ]
}

fn loss() -> impl Strategy<Value = Loss> {
    let cause = select(vec![
        LossCause::RingFull,
        LossCause::Nested,
        LossCause::QueueFull,
        LossCause::BadRecord,
        LossCause::Unaccounted,
        LossCause::NotWritten,
        LossCause::Shed,
        LossCause::Missed,
    ]);
    (any::<u16>(), cause, "[a-z]{0,8}", large(), large(), large()).prop_map(
        |(cpu, cause, class, count, from_ns, to_ns)| Loss { cpu, cause, class, count, from_ns, to_ns },
    )
}

fn mark() -> impl Strategy<Value = Mark> {
    (large(), "[a-z]{0,8}", text()).prop_map(|(time_ns, kind, text)| Mark { time_ns, kind, text })
}

fn tally() -> impl Strategy<Value = Tally> {
    (any::<u16>(), large(), large(), large()).prop_map(|(cpu, produced, stored, left_out)| Tally {
        cpu,
        produced,
        stored,
        left_out,
    })
}

fn any_host() -> impl Strategy<Value = Host> {
    let texts = [text(), text(), text(), text(), text(), text()];
    (texts, small(), small(), any::<i64>(), any::<i32>(), vec(text(), 0..4)).prop_map(
        |(texts, cpus, snap_bytes, epoch_offset_ns, zone_offset_s, addresses)| {
            let [hostname, kernel, machine, boot_id, writer, scope] = texts;
            Host {
                hostname,
                kernel,
                machine,
                boot_id,
                cpus,
                epoch_offset_ns,
                zone_offset_s,
                snap_bytes,
                writer,
                scope,
                addresses,
            }
        },
    )
}

/// What a reader finds under a number.
fn find(entities: &Entities, class: Class, number: u32) -> Option<Entity> {
    match class {
        Class::Kind => entities.kind(number).cloned().map(Entity::Kind),
        Class::Thread => entities.thread(number).cloned().map(Entity::from),
        Class::Process => entities.process(number).cloned().map(Entity::from),
        Class::Descriptor => entities.descriptor(number).cloned().map(Entity::from),
        Class::Container => entities.container(number).cloned().map(Entity::from),
        // Users and groups are looked up by id, of which several may have one.
        Class::User | Class::Group => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entities_come_back_and_the_last_definition_counts(
        definitions in vec((1..60u32, entity()), 0..200),
        flushes in vec(0..200usize, 0..3),
    ) {
        let mut writer = Writer::new(&host(), 1);
        let mut last = BTreeMap::new();
        for (index, (number, entity)) in definitions.into_iter().enumerate() {
            writer.define(number, entity.clone());
            last.insert((entity.class() as u8, number), entity);
            if flushes.contains(&index) {
                writer.flush();
            }
        }
        let bytes = writer.finish();
        let capture = Capture::open(bytes.as_slice()).expect("a capture");
        prop_assert_eq!(capture.damage(), &[]);
        for ((_, number), entity) in last {
            match &entity {
                Entity::User(user) => prop_assert!(capture.entities().user(user.uid).is_some()),
                Entity::Group(group) => prop_assert!(capture.entities().group(group.gid).is_some()),
                _ => prop_assert_eq!(find(capture.entities(), entity.class(), number), Some(entity)),
            }
        }
    }

    #[test]
    fn host_losses_marks_and_counts_come_back(
        host in any_host(),
        losses in vec(loss(), 0..20),
        marks in vec(mark(), 0..20),
        tallies in vec(tally(), 0..20),
    ) {
        let mut writer = Writer::new(&host, 1);
        losses.iter().for_each(|loss| writer.loss(loss.clone()));
        marks.iter().for_each(|mark| writer.mark(mark.clone()));
        tallies.iter().for_each(|tally| writer.tally(*tally));
        let bytes = writer.finish();
        let capture = Capture::open(bytes.as_slice()).expect("a capture");
        prop_assert_eq!(capture.host(), Some(&host));
        prop_assert_eq!(capture.losses(), losses.as_slice());
        prop_assert_eq!(capture.marks(), marks.as_slice());
        let known: BTreeMap<u16, Tally> = tallies.iter().map(|tally| (tally.cpu, *tally)).collect();
        let found: BTreeMap<u16, Tally> = capture.tallies().iter().map(|tally| (tally.cpu, *tally)).collect();
        prop_assert_eq!(found, known);

        let mut decoder = StreamDecoder::new();
        decoder.push(&bytes);
        let mut counted = 0;
        while let Step::Segment(segment) = decoder.step().expect("a capture") {
            if let Segment::Counts(losses, _) = segment {
                counted += losses.len();
            }
        }
        prop_assert_eq!(counted, losses.len());
    }
}
