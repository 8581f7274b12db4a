//! The tracker of a machine of which nothing is known, and what must hold of every event it makes.

use std::path::PathBuf;

use capture_format::model::Event;
use capture_format::schema::Abi;
use sysreel_agent::operations::Operations;
use sysreel_agent::own::{ObjectKind, Own, OwnFile, OwnFiles};
use sysreel_agent::selection::Selection;
use sysreel_agent::track::{Sink, Store, Tracker, TrackerOptions};

/// A tracker that finds nothing in `/proc`.
pub(crate) fn tracker() -> Tracker {
    Tracker::new(TrackerOptions {
        // No process of the machine that runs the fuzzer is to be read.
        proc_root: PathBuf::from("/nonexistent"),
        snap_bytes: 80,
        abi: Abi::X86_64,
        skip_start_scan: true,
        selection: Selection::default(),
        drop_reasons: [(2, "NOT_SPECIFIED".to_owned())].into(),
        operations: Operations::new(Abi::X86_64, |_, _| None),
        own: own(),
    })
}

/// A recording that records may be about.
fn own() -> Own {
    let files = OwnFiles::default();
    files.insert(OwnFile { path: b"/a".to_vec(), ino: 1, dev: 1, since_ns: 0 });
    let objects = [(ObjectKind::Map, "A"), (ObjectKind::Program, "b"), (ObjectKind::Link, "b")];
    let objects = objects.into_iter().map(|(kind, name)| ((kind, 1), name.to_owned())).collect();
    Own { pid: 1, objects, files }
}

/// Checks events, and shows each to a closure.
pub(crate) struct Checked<F> {
    /// Events, records that made none, and events that are more than records.
    pub(crate) counts: [usize; 3],
    show: F,
}

impl<F: FnMut(&Event<'_>, &Store)> Checked<F> {
    pub(crate) fn new(show: F) -> Self {
        Checked { counts: [0; 3], show }
    }
}

impl<F: FnMut(&Event<'_>, &Store)> Sink for Checked<F> {
    fn event(&mut self, event: &Event<'_>, store: &Store) {
        self.counts[0] += 1;
        let kind = store.kind(event.kind).expect("the kind is in the store");
        assert_eq!(event.args.len(), kind.args.len());
        // What happens to a connection or a packet may be nobody's.
        if event.thread != 0 {
            let thread = store.thread(event.thread).expect("the thread is in the store");
            let process = store.process(thread.process).expect("its process is in the store");
            assert!(process.container == 0 || store.container(process.container).is_some());
            let mut parent = process.parent;
            let mut ancestors = 0;
            while parent != 0 {
                parent = store.process(parent).expect("every ancestor is in the store").parent;
                ancestors += 1;
                assert!(ancestors < 1000, "ancestors end somewhere");
            }
        } else {
            assert!(kind.nr.is_none(), "a call is somebody's");
        }
        assert!(event.descriptor == 0 || store.descriptor(event.descriptor).is_some());
        (self.show)(event, store);
    }

    fn left_out(&mut self, _: u16) {
        self.counts[1] += 1;
    }

    fn derived(&mut self, _: u16) {
        self.counts[2] += 1;
    }
}
