//! Whatever events are written, the same are read.

use crate::common::{CLOSE, EXIT, OPENAT, OwnedArg, OwnedEvent, READ, host, kinds, read_file, read_pipe};
use capture_format::Writer;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Numbers as calls have them: small ones, negative ones, pointers, and any.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..16u64,
        0..5000u64,
        Just(-100i64 as u64),
        (0..64u64).prop_map(|page| 0x7fff_0000_0000 + page * 4096),
        any::<u64>()
    ]
}

fn data() -> impl Strategy<Value = OwnedArg> {
    prop_oneof![
        4 => "/[a-c]{1,2}/[a-c]{0,3}".prop_map(|path| OwnedArg::Bytes(path.into_bytes())),
        2 => vec(any::<u8>(), 0..100).prop_map(OwnedArg::Bytes),
        1 => Just(OwnedArg::Null),
        1 => number().prop_map(OwnedArg::Unread),
    ]
}

fn args(kind: u32) -> BoxedStrategy<Vec<OwnedArg>> {
    let int = || number().prop_map(OwnedArg::Int);
    match kind {
        OPENAT => (int(), data(), int(), int()).prop_map(|(a, b, c, d)| vec![a, b, c, d]).boxed(),
        READ => (int(), data(), int()).prop_map(|(a, b, c)| vec![a, b, c]).boxed(),
        _ => int().prop_map(|a| vec![a]).boxed(),
    }
}

/// An event; its time counts from the one before.
fn event() -> impl Strategy<Value = OwnedEvent> {
    let kind = prop_oneof![Just(OPENAT), Just(READ), Just(CLOSE), Just(EXIT)];
    let times = prop_oneof![9 => 0..3000u64, 1 => 0..1u64 << 40];
    kind.prop_flat_map(move |kind| {
        (times.clone(), 0..3u16, 0..5u32, 0..6u32, option::of(number()), option::of(number()), args(kind))
            .prop_map(move |(time_ns, cpu, thread, descriptor, result, latency_ns, args)| OwnedEvent {
                time_ns,
                cpu,
                kind,
                thread: if thread == 4 { u32::MAX } else { thread },
                descriptor,
                result: result.map(|result| result as i64),
                latency_ns,
                args,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_come_back(mut events in vec(event(), 0..400), repeat in 1..6u64, flushes in vec(0..2000usize, 0..3)) {
        // Repeated, columns become long enough for every encoding.
        events = (0..repeat).flat_map(|_| events.clone()).collect();
        let mut writer = Writer::new(&host(), 1);
        kinds().into_iter().for_each(|(number, kind)| writer.define(number, kind));
        let mut now = 0;
        for (index, event) in events.iter_mut().enumerate() {
            now += event.time_ns;
            event.time_ns = now;
            event.push_to(&mut writer);
            if flushes.contains(&index) {
                writer.flush();
            }
        }
        let bytes = writer.finish();
        prop_assert_eq!(read_file(&bytes).expect("a capture"), (events.clone(), Vec::new()));
        prop_assert_eq!(read_pipe(&bytes, 777).expect("a capture"), (events, Vec::new()));
    }
}
