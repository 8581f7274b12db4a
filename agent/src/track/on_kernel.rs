//! What the kernel does besides calls: kills for lack of memory, modules, control groups, faults, switches.

use capture_format::model::{Arg, Ref};
use capture_format::schema::KernelEvent;
use wire::record::{KernelNote, SECTION_PATH};
use wire::{Record, SectionState};

use super::calls::ARGS_MAX;
use super::path::until_nul;
use super::{Sink, Tracker};

impl Tracker {
    pub(super) fn on_kernel(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let header = &record.header;
        let raw = |at: usize| record.arg(at).unwrap_or(0);
        let note = KernelNote::from_nr(header.nr).unwrap_or(KernelNote::PageFault);
        let named = record.section(SECTION_PATH).filter(|section| section.state == SectionState::Data);
        let mut args = [Arg::Null; ARGS_MAX];
        args[0] = named.map_or(Arg::Unread(0), |section| Arg::Bytes(until_nul(section.bytes)));
        let trigger_name;
        let (kind, thread) = match note {
            KernelNote::OomKill => {
                trigger_name = self.name_of(header.tid, header.tgid);
                args[0] = Arg::Int(u64::from(header.tgid));
                args[1] = Arg::Bytes(&trigger_name);
                (KernelEvent::OomKill, self.victim(raw(0) as u32, raw(1) as u32))
            }
            KernelNote::ModuleLoad => (KernelEvent::ModuleLoad, self.doer(record)),
            KernelNote::ModuleUnload => (KernelEvent::ModuleUnload, self.doer(record)),
            KernelNote::CgroupMake => (KernelEvent::CgroupMake, self.doer(record)),
            KernelNote::CgroupRemove => (KernelEvent::CgroupRemove, self.doer(record)),
            KernelNote::CgroupRename => (KernelEvent::CgroupRename, self.doer(record)),
            KernelNote::PageFault => {
                args[..3].copy_from_slice(&[raw(0), raw(1), raw(2)].map(Arg::Int));
                (KernelEvent::PageFault, self.doer(record))
            }
            KernelNote::Switch => return self.on_switch(record, cpu, sink),
        };
        let plan = self.calls.kernel_plan(kind, &mut self.store);
        self.emit(thread, record, cpu, &plan, 0, None, &args, sink);
    }

    /// The task that was running.
    fn doer(&mut self, record: &Record<'_>) -> Ref {
        self.task(record.header.tid, record.header.tgid);
        self.thread_version(record.header.tid)
    }

    /// Who is ended for lack of memory. Old kernels tell the thread only.
    fn victim(&mut self, tid: u32, pid: u32) -> Ref {
        if pid != 0 {
            self.task(tid, pid);
        }
        self.thread_version(tid)
    }

    fn name_of(&mut self, tid: u32, pid: u32) -> Vec<u8> {
        self.task(tid, pid);
        let version = self.thread_version(tid);
        self.store.thread(version).map(|thread| thread.comm.clone()).unwrap_or_default()
    }
}
