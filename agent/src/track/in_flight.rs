//! Operations of `io_uring` that were submitted and have not completed yet.
//!
//! The kernel tells a completion with the address of its request or, on older kernels and for all but the last of
//! several completions, with what the program gave: the ring and `user_data`, which need not be unique. Then the oldest
//! operation with these counts. Start at [`InFlight`].

use capture_format::model::Ref;
use wire::uring::IMAGE_BYTES;

use super::fx::FxMap;

/// A submitted operation.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) ring: u64,
    pub(super) user_data: u64,
    pub(super) opcode: u16,
    /// The ring is a 32-bit program's.
    pub(super) is_compat: bool,
    /// When it was submitted, by whom, and where the record of that came from.
    pub(super) time_ns: u64,
    pub(super) tid: u32,
    pub(super) pid: u32,
    pub(super) cpu: u16,
    /// The thread's version at that time, for when it ends before the operation.
    pub(super) thread: Ref,
    /// What its descriptor referred to at that time.
    pub(super) descriptor: Ref,
    pub(super) image: [u8; IMAGE_BYTES],
    /// Sections of the submission's record.
    pub(super) sections: Box<[u8]>,
    /// The submission's record is accounted for: it was an event of its own, or is part of one.
    pub(super) is_told: bool,
    /// Neighbours among those with the same ring and user data, by request; 0 for none.
    older: u64,
    newer: u64,
}

impl Pending {
    /// An operation with nothing but its image.
    pub(super) fn new(ring: u64, user_data: u64, opcode: u16, image: [u8; IMAGE_BYTES]) -> Self {
        Pending {
            ring,
            user_data,
            opcode,
            is_compat: false,
            time_ns: 0,
            tid: 0,
            pid: 0,
            cpu: 0,
            thread: 0,
            descriptor: 0,
            image,
            sections: Box::default(),
            is_told: false,
            older: 0,
            newer: 0,
        }
    }
}

/// Operations that are kept at most: some 20 MB.
const PENDING_MAX: usize = 1 << 16;

/// Bytes of their paths and data that are kept at most.
const SECTIONS_BYTES_MAX: usize = 32 << 20;

/// Oldest and newest request.
#[derive(Clone, Copy, Debug)]
struct Ends {
    oldest: u64,
    newest: u64,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    by_request: FxMap<u64, Pending>,
    by_user_data: FxMap<(u64, u64), Ends>,
    /// Bytes of all `sections`.
    bytes: usize,
    /// There is no room, and nothing has left since that was found out: not to be looked for with each new one.
    is_full: bool,
}

impl InFlight {
    /// Keeps an operation; `false` when there are too many. There must be none with this request.
    pub(super) fn insert(&mut self, request: u64, mut pending: Pending) -> bool {
        if self.has_no_room(&pending) {
            if self.is_full {
                return false;
            }
            // Those that have been told may have ended in silence. In one go, or each new one would look again.
            let told = self.by_request.iter().filter(|(_, pending)| pending.is_told);
            let told: Vec<u64> = told.map(|(request, _)| *request).collect();
            for request in told {
                self.remove(request);
            }
            if self.has_no_room(&pending) {
                self.is_full = true;
                return false;
            }
        }
        self.bytes += pending.sections.len();
        let key = (pending.ring, pending.user_data);
        (pending.older, pending.newer) = (0, 0);
        match self.by_user_data.get_mut(&key) {
            Some(ends) => {
                pending.older = std::mem::replace(&mut ends.newest, request);
                if let Some(older) = self.by_request.get_mut(&pending.older) {
                    older.newer = request;
                }
            }
            None => _ = self.by_user_data.insert(key, Ends { oldest: request, newest: request }),
        }
        self.by_request.insert(request, pending);
        true
    }

    fn has_no_room(&self, pending: &Pending) -> bool {
        self.by_request.len() >= PENDING_MAX || self.bytes + pending.sections.len() > SECTIONS_BYTES_MAX
    }

    /// The request of the oldest operation with this ring and user data.
    pub(super) fn oldest(&self, ring: u64, user_data: u64) -> Option<u64> {
        Some(self.by_user_data.get(&(ring, user_data))?.oldest)
    }

    pub(super) fn get(&self, request: u64) -> Option<&Pending> {
        self.by_request.get(&request)
    }

    /// An operation as it was before the event that tells it now; it goes on.
    pub(super) fn tell(&mut self, request: u64) -> Option<Pending> {
        let pending = self.by_request.get_mut(&request)?;
        let before = pending.clone();
        pending.is_told = true;
        Some(before)
    }

    pub(super) fn remove(&mut self, request: u64) -> Option<Pending> {
        let pending = self.by_request.remove(&request)?;
        self.bytes -= pending.sections.len();
        self.is_full = false;
        if let Some(older) = self.by_request.get_mut(&pending.older) {
            older.newer = pending.newer;
        }
        if let Some(newer) = self.by_request.get_mut(&pending.newer) {
            newer.older = pending.older;
        }
        let key = (pending.ring, pending.user_data);
        match self.by_user_data.get_mut(&key) {
            Some(ends) if ends.oldest == request && ends.newest == request => {
                self.by_user_data.remove(&key);
            }
            Some(ends) if ends.oldest == request => ends.oldest = pending.newer,
            Some(ends) if ends.newest == request => ends.newest = pending.older,
            _ => {}
        }
        Some(pending)
    }

    /// Takes all, the oldest first.
    pub(super) fn take_all(&mut self) -> Vec<Pending> {
        self.by_user_data.clear();
        let mut all: Vec<Pending> = self.by_request.drain().map(|(_, pending)| pending).collect();
        all.sort_by_key(|pending| pending.time_ns);
        all
    }

    /// The threads and descriptors it refers to.
    pub(super) fn entities(&self) -> impl Iterator<Item = (Ref, Ref)> + '_ {
        self.by_request.values().map(|pending| (pending.thread, pending.descriptor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(user_data: u64) -> Pending {
        Pending::new(1, user_data, 0, [0; IMAGE_BYTES])
    }

    #[test]
    fn of_several_with_one_number_the_oldest_is_found() {
        let mut in_flight = InFlight::default();
        for (request, user_data) in [(10, 7), (11, 7), (12, 8), (13, 7), (14, 7)] {
            assert!(in_flight.insert(request, pending(user_data)));
        }
        let mut found = Vec::new();
        // One from the middle and the newest go by their request.
        in_flight.remove(11);
        in_flight.remove(14);
        while let Some(request) = in_flight.oldest(1, 7) {
            found.push(request);
            assert!(in_flight.remove(request).is_some());
        }
        assert_eq!(found, [10, 13]);
        assert_eq!((in_flight.oldest(1, 8), in_flight.oldest(2, 8)), (Some(12), None));
        assert_eq!((in_flight.by_request.len(), in_flight.by_user_data.len()), (1, 1));
    }

    #[test]
    fn there_is_a_bound_and_what_was_told_makes_room() {
        let mut in_flight = InFlight::default();
        for request in 1..=PENDING_MAX as u64 {
            assert!(in_flight.insert(request, Pending { is_told: request == 5, ..pending(0) }));
        }
        assert!(in_flight.insert(u64::MAX, pending(0)));
        assert!(!in_flight.insert(u64::MAX - 1, pending(0)));
        assert_eq!(in_flight.take_all().len(), PENDING_MAX);
    }
}
