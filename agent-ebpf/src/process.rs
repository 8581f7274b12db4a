//! Processes: exec, fork and exit, from the scheduler's tracepoints.

use aya_ebpf::{
    helpers::generated::{
        bpf_get_current_pid_tgid, bpf_get_current_task, bpf_get_current_task_btf, bpf_task_pt_regs,
    },
    macros::{btf_tracepoint, map},
    maps::PerCpuArray,
    programs::BtfTracePointContext,
};
use wire::facts::{
    EXEC_BYTES, EXIT_BYTES, ExecFacts, ExitFacts, FORK_BYTES, FORK_SHARES_FILES, FORK_SHARES_FS,
    FORK_SHARES_VM, ForkFacts,
};
use wire::offsets::ABSENT;
use wire::record::{
    FLAG_COMPAT, FLAG_LATENCY, SECTION_ARGV, SECTION_CGROUP, SECTION_CGROUP_V1, SECTION_CWD, SECTION_ENV,
    SECTION_EXE_PATH, SECTION_EXEC, SECTION_EXIT, SECTION_FILENAME, SECTION_FORK,
};
use wire::ring::EventClass;
use wire::{RecordType, SectionState};

use crate::facts::{file_marks, write_cred, write_file, write_task};
use crate::memory::{clamp, copy_kernel, copy_user, opaque, read, store};
use crate::outside;
use crate::path;
use crate::ring::{self, POSITION_MAX, Slot, Weight};
use crate::settings::{offset, setting};
use crate::syscalls::{
    ARM_EXECVE, ARM_EXECVEAT, call_argument, call_number, current_task, exec_start, is_compat, latency_ns,
    mark_narrow_child, write_final_call,
};

/// Bytes of the argument vector that are kept.
const ARGV_BYTES_MAX: u64 = 32 * 1024;
/// Bytes of the environment that are kept.
const ENV_BYTES_MAX: u64 = 24 * 1024;
const PF_KTHREAD: u32 = 0x0020_0000;
const NONE: i64 = -1;

/// Registers of the current task, copied where the kernel hands out no typed ones.
#[map]
static REGS: PerCpuArray<[u8; REGS_BYTES]> = PerCpuArray::with_max_entries(1, 0);

/// Enough for both architectures.
const REGS_BYTES: usize = 336;

/// Registers with which the current task entered the kernel.
#[inline(always)]
unsafe fn current_regs() -> Option<*const u8> {
    let at = setting!(untyped_regs_at);
    if at == 0 {
        return Some(bpf_task_pt_regs(bpf_get_current_task_btf()) as *const u8);
    }
    let copy = REGS.get_ptr_mut(0)?;
    let stack: u64 = read(bpf_get_current_task(), offset!(task_stack));
    let bytes = if setting!(aarch64) != 0 { REGS_BYTES } else { 168 };
    copy_kernel(copy.cast(), bytes as u64, stack + u64::from(at));
    Some(copy.cast::<u8>())
}

/// Number of the system call the current task is in; negative for none.
#[inline(always)]
unsafe fn current_call() -> Option<(i64, *const u8)> {
    let regs = current_regs()?;
    Some((call_number(regs), regs))
}

/// A new image was installed. Raw arguments: (task, old pid, binprm).
#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { exec(&ctx) };
    0
}

#[inline(always)]
unsafe fn exec(ctx: &BtfTracePointContext) {
    let pid_tgid = bpf_get_current_pid_tgid();
    let tgid = (pid_tgid >> 32) as u32;
    let old_tid = ctx.arg::<i64>(1) as u32;
    if setting!(follow) != 0 {
        if let Some(control) = ring::control()
            && (&raw const (*control).follow_from_exec).read_volatile() == tgid
        {
            ring::set_followed(tgid, true);
        }
        if old_tid != tgid && ring::is_followed(old_tid) {
            // The thread that called takes over the leader's id.
            ring::set_followed(old_tid, false);
            ring::set_followed(tgid, true);
        }
    }
    if !ring::is_selected(pid_tgid) {
        return;
    }
    // On both sides of the record, as with calls that change a process.
    ring::end_verdicts(tgid);
    outside::end_all_verdicts(tgid);
    write_exec(ctx, pid_tgid, old_tid);
    ring::end_verdicts(tgid);
    outside::end_all_verdicts(tgid);
}

#[inline(always)]
unsafe fn write_exec(ctx: &BtfTracePointContext, pid_tgid: u64, old_tid: u32) {
    let start = exec_start(old_tid);
    let call = match start {
        Some(start) => Some((i64::from((*start).nr), (*start).compat != 0)),
        None => exec_call(ctx.arg::<u64>(2)),
    };
    let Some((nr, compat)) = call else { return };
    let Some(slot) = ring::begin(Weight::of_change(EventClass::Process, pid_tgid as u32)) else { return };
    let mut flags = opaque(u64::from(compat)) as u8 * FLAG_COMPAT;
    let mut latency = 0;
    if let Some(known) = latency_ns(old_tid, nr, slot.time_ns) {
        latency = known;
        flags |= FLAG_LATENCY;
    }
    slot.header(RecordType::Exec, flags, 6, nr, pid_tgid);
    slot.outcome(0, latency);
    for index in 0..6 {
        slot.arg(index as u64, start.map_or(0, |start| (*start).args[index]));
    }
    let task = bpf_get_current_task();
    let mm: u64 = read(task, offset!(task_mm));
    let exe: u64 = read(mm, offset!(mm_exe_file));
    let arg_start: u64 = read(mm, offset!(mm_arg_start));
    let arg_bytes = read::<u64>(mm, offset!(mm_arg_end)).wrapping_sub(arg_start);
    let env_start: u64 = read(mm, offset!(mm_env_start));
    let env_bytes = read::<u64>(mm, offset!(mm_env_end)).wrapping_sub(env_start);

    let mut position = Slot::behind_args(6);
    let facts = slot.body(position).cast::<ExecFacts>();
    write_task(&raw mut (*facts).task, task);
    write_cred(&raw mut (*facts).cred, task);
    write_file(&raw mut (*facts).exe, exe, file_marks(exe));
    let inode: u64 = read(exe, offset!(file_inode));
    store!(facts,
        exe_mtime_ns: nanoseconds(inode, offset!(inode_mtime_s), offset!(inode_mtime_ns)),
        exe_ctime_ns: nanoseconds(inode, offset!(inode_ctime_s), offset!(inode_ctime_ns)),
        old_tid: old_tid,
        argv_bytes: arg_bytes as u32,
        env_bytes: env_bytes as u32,
        reserved: 0,
    );
    position = slot.section(position, SECTION_EXEC, SectionState::Data, EXEC_BYTES as u64);

    let filename: u64 = read(ctx.arg::<u64>(2), offset!(bprm_filename));
    position = kernel_string(&slot, position, SECTION_FILENAME, filename);
    let root = read::<u64>(task, offset!(task_fs)).wrapping_add(offset!(fs_root));
    let pwd = read::<u64>(task, offset!(task_fs)).wrapping_add(offset!(fs_pwd));
    position = path::file(&slot, position, SECTION_EXE_PATH, exe + offset!(file_path), root);
    position = path::file(&slot, position, SECTION_CWD, pwd, root);
    position = cgroups(&slot, position, task);
    position = user_block(&slot, position, SECTION_ARGV, arg_start, clamp::<ARGV_BYTES_MAX>(arg_bytes));
    if setting!(env) != 0 {
        position = user_block(&slot, position, SECTION_ENV, env_start, clamp::<ENV_BYTES_MAX>(env_bytes));
    }
    slot.publish(position);
}

/// The call that is replacing the program, when its entry was not seen: what x86 writes over its number is `execve`'s of
/// the new image's kind, but a path found through a descriptor tells `execveat`.
#[inline(always)]
unsafe fn exec_call(bprm: u64) -> Option<(i64, bool)> {
    let (nr, regs) = current_call()?;
    if setting!(aarch64) != 0 {
        // There the number stays the old program's, and tells its kind.
        return Some((nr, nr == ARM_EXECVE || nr == ARM_EXECVEAT));
    }
    let compat = is_compat(current_task(), regs);
    if read::<u64>(bprm, offset!(bprm_fdpath)) == 0 {
        return Some((nr, compat));
    }
    Some((if compat { 358 } else { 322 }, compat))
}

#[inline(always)]
unsafe fn nanoseconds(inode: u64, seconds: u64, nanoseconds: u64) -> u64 {
    let whole: u64 = read(inode, seconds);
    whole.wrapping_mul(1_000_000_000).wrapping_add(u64::from(read::<u32>(inode, nanoseconds)))
}

#[inline(always)]
unsafe fn kernel_string(slot: &Slot, position: u64, index: u8, address: u64) -> u64 {
    let position = opaque(position);
    if position > POSITION_MAX {
        return position;
    }
    let copied = aya_ebpf::helpers::generated::bpf_probe_read_kernel_str(
        slot.body(position).cast(),
        4096,
        address as *const core::ffi::c_void,
    );
    if copied <= 0 {
        return slot.section(position, index, SectionState::Unreadable, 0);
    }
    slot.section(position, index, SectionState::Data, clamp::<4096>(copied as u64 - 1))
}

/// Copies a block of user memory whose pages the kernel has just written.
#[inline(always)]
unsafe fn user_block(slot: &Slot, position: u64, index: u8, address: u64, bytes: u64) -> u64 {
    let position = opaque(position);
    if position > POSITION_MAX {
        return position;
    }
    let bytes = clamp::<ARGV_BYTES_MAX>(bytes);
    if !copy_user(slot.body(position), bytes, address) {
        return slot.section(position, index, SectionState::Unreadable, 0);
    }
    slot.section(position, index, SectionState::Data, bytes)
}

/// Writes the cgroup paths of a task: the v2 one, and where the setting names a v1 hierarchy that one too.
#[inline(always)]
unsafe fn cgroups(slot: &Slot, position: u64, task: u64) -> u64 {
    let css_set: u64 = read(task, offset!(task_cgroups));
    let default: u64 = read(css_set, offset!(cssset_dfl));
    let mut position = path::cgroup(slot, position, SECTION_CGROUP, default);
    let subsys = setting!(cgroup_v1_subsys);
    if subsys != ABSENT {
        let css: u64 = read(css_set, offset!(cssset_subsys) + u64::from(subsys) * 8);
        let cgroup: u64 = read(css, offset!(css_cgroup));
        if cgroup != default {
            position = path::cgroup(slot, position, SECTION_CGROUP_V1, cgroup);
        }
    }
    position
}

/// A task was created. Raw arguments: (parent, child).
#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { fork(&ctx) };
    0
}

#[inline(always)]
unsafe fn fork(ctx: &BtfTracePointContext) {
    end_of_both(ctx);
    write_fork(ctx);
    end_of_both(ctx);
}

/// Ends what was found of the descriptors of the new task's process, which may be a new one, and of its creator, with whom
/// it may share them from now on.
#[inline(always)]
unsafe fn end_of_both(ctx: &BtfTracePointContext) {
    if outside::are_marked() {
        let (creator, child) = (ctx.arg::<u64>(0), ctx.arg::<u64>(1));
        let is_shared = read::<u64>(creator, offset!(task_files)) == read::<u64>(child, offset!(task_files));
        let (old, new): (u32, u32) = (read(creator, offset!(task_tgid)), read(child, offset!(task_tgid)));
        if old != new {
            outside::end_all_verdicts(new);
        }
        if (old == new) != is_shared {
            outside::end_all_verdicts(old);
        }
    }
}

#[inline(always)]
unsafe fn write_fork(ctx: &BtfTracePointContext) {
    let pid_tgid = bpf_get_current_pid_tgid();
    if !ring::is_selected(pid_tgid) {
        return;
    }
    let creator = ctx.arg::<u64>(0);
    let child = ctx.arg::<u64>(1);
    if read::<u32>(child, offset!(task_flags)) & PF_KTHREAD != 0 {
        return;
    }
    let tid: u32 = read(child, offset!(task_pid));
    let tgid: u32 = read(child, offset!(task_tgid));
    if setting!(follow) != 0 {
        ring::set_followed(tid, true);
    }
    ring::begin_mark(tid);
    let Some((nr, regs)) = current_call() else { return };
    let compat = is_compat(current_task(), regs);
    if compat && setting!(aarch64) == 0 {
        mark_narrow_child(tid);
    }
    let Some(slot) = ring::begin(Weight::of_change(EventClass::Process, tid)) else { return };
    slot.header(
        RecordType::Fork,
        if compat { FLAG_COMPAT } else { 0 },
        6,
        nr,
        u64::from(tgid) << 32 | u64::from(tid),
    );
    slot.outcome(0, 0);
    slot.arg(0, call_argument(regs, 0, compat));
    slot.arg(1, call_argument(regs, 1, compat));
    slot.arg(2, call_argument(regs, 2, compat));
    slot.arg(3, call_argument(regs, 3, compat));
    slot.arg(4, call_argument(regs, 4, compat));
    slot.arg(5, call_argument(regs, 5, compat));
    let position = Slot::behind_args(6);
    let facts = slot.body(position).cast::<ForkFacts>();
    write_task(&raw mut (*facts).task, child);
    let shared = |field: u64| read::<u64>(creator, field) == read::<u64>(child, field);
    let mut flags = 0;
    if shared(offset!(task_files)) {
        flags |= FORK_SHARES_FILES;
    }
    if shared(offset!(task_fs)) {
        flags |= FORK_SHARES_FS;
    }
    if shared(offset!(task_mm)) {
        flags |= FORK_SHARES_VM;
    }
    store!(facts, creator_tid: pid_tgid as u32, flags: flags,);
    slot.publish(slot.section(position, SECTION_FORK, SectionState::Data, FORK_BYTES as u64));
}

/// A task ends. Raw argument: (task), which is the current one.
#[btf_tracepoint(function = "sched_process_exit")]
pub fn sched_process_exit(_ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { exit() };
    0
}

/// Numbers of `exit` and `exit_group` on each machine, and of 32-bit programs there.
#[inline(always)]
unsafe fn is_final(nr: i64, compat: bool) -> bool {
    match (setting!(aarch64) != 0, compat) {
        (true, false) => nr == 93 || nr == 94,
        (true, true) => nr == 1 || nr == 248,
        (false, false) => nr == 60 || nr == 231,
        (false, true) => nr == 1 || nr == 252,
    }
}

#[inline(always)]
unsafe fn exit() {
    let pid_tgid = bpf_get_current_pid_tgid();
    if !ring::is_selected(pid_tgid) {
        return;
    }
    let Some((nr, regs)) = current_call() else { return };
    let compat = is_compat(current_task(), regs);
    if is_final(nr, compat) {
        write_final_call(regs, nr, pid_tgid);
    }
    if let Some(slot) = ring::begin(Weight::of_change(EventClass::Process, pid_tgid as u32)) {
        slot.header(RecordType::Exit, if compat { FLAG_COMPAT } else { 0 }, 0, 0, pid_tgid);
        slot.outcome(0, 0);
        let task = bpf_get_current_task();
        let signal: u64 = read(task, offset!(task_signal));
        let position = Slot::behind_args(0);
        store!(slot.body(position).cast::<ExitFacts>(),
            status: read(task, offset!(task_exit_code)),
            in_call: if nr < 0 { NONE as u32 } else { nr as u32 },
            process_gone: u32::from(read::<u32>(signal, offset!(signal_live)) == 0),
            reserved: 0,
        );
        slot.publish(slot.section(position, SECTION_EXIT, SectionState::Data, EXIT_BYTES as u64));
    }
    if setting!(follow) != 0 {
        ring::set_followed(pid_tgid as u32, false);
    }
}
