//! Memory that is made executable: what a program loads, and what it makes up.

use capture_format::model::{Arg, Ref};
use capture_format::schema::KernelEvent;

use super::calls::{ARGS_MAX, Call};
use super::{Sink, Tracker};

/// How a call makes memory executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// A new part of memory, at the address that is the result.
    New,
    /// A part there was, at the address in argument 0.
    Changed,
}

impl Mapping {
    pub(super) fn of_call(name: &str) -> Option<Self> {
        match name {
            "mmap" | "mmap2" => Some(Mapping::New),
            "mprotect" | "pkey_mprotect" => Some(Mapping::Changed),
            _ => None,
        }
    }
}

impl Tracker {
    /// Makes an event of a call by which memory became executable, if it did.
    pub(super) fn on_map(
        &mut self,
        mapping: Mapping,
        call: &Call<'_, '_>,
        thread: Ref,
        descriptor: Ref,
        cpu: u16,
        sink: &mut impl Sink,
    ) {
        // The 32-bit mmap has a pointer to its arguments for its first, and no others.
        if !call.succeeded() || call.int(2) & libc::PROT_EXEC == 0 || call.raw(1) == 0 {
            return;
        }
        let is_anonymous = call.int(3) & libc::MAP_ANONYMOUS != 0;
        let (address, memory, descriptor) = match mapping {
            Mapping::New if is_anonymous => (call.header().result as u64, "anonymous", 0),
            Mapping::New => (call.header().result as u64, "file", descriptor),
            Mapping::Changed => (call.raw(0), "changed", 0),
        };
        let mut args = [Arg::Null; ARGS_MAX];
        args[0] = Arg::Int(address);
        args[1] = Arg::Int(call.raw(1));
        args[2] = Arg::Int(call.raw(2));
        args[3] = Arg::Bytes(memory.as_bytes());
        let plan = self.calls.kernel_plan(KernelEvent::ExecMap, &mut self.store);
        sink.derived(cpu);
        self.emit(thread, call.record(), cpu, &plan, descriptor, None, &args, sink);
    }
}
