//! Operations of `io_uring`: submission and completion.
//!
//! None of them passes `sys_exit`, and the thread that works on one is often not the one that asked for it. So each is
//! recorded when it is submitted, for the thread that owns it, and whenever it completes; the agent joins the two.
//! `wire::uring` says what both know of an operation. Start at [`submit`].

use aya_ebpf::{
    macros::{btf_tracepoint, map},
    maps::Array,
    programs::BtfTracePointContext,
};
use core::mem::MaybeUninit;
use wire::facts::FILE_BYTES;
use wire::offsets::ABSENT;
use wire::record::{
    FLAG_NO_RESULT, SECTION_FILE, SECTION_OPERATION, SECTION_REGISTERED, SECTION_REGISTERED_PATH,
    SECTION_SOCKET,
};
use wire::ring::EventClass;
use wire::table::{
    BEGINS_CONNECTION, BEGINS_FILE, CHANGES_ALL, CHANGES_ARGUMENT, CHANGES_RESULT, CHANGES_WITH_PEER,
    JUDGED_BY_DESCRIPTOR, JUDGED_BY_PATH, JUDGED_WITHOUT,
};
use wire::uring::{
    COMMAND_BYTES, COMPLETE_PARTS, COMPLETE_WHOLE, COMPLETE_WITHOUT_REQUEST, IMAGE_BYTES, MARK_ARGUMENT,
    MARK_AWAY, MARK_OPENS, MARK_PLAIN, OPCODE_NONE, OPERATION_FETCHES_MAX, OPERATION_FILE,
    OPERATION_RESULT_FILE, OPERATION_RESULT_SOCKET, OPERATION_SOCKET, OPERATION_UNKNOWN, OPERATIONS_MAX,
    OperationEntry, PLAIN_WORDS, SQE_BYTES,
};
use wire::{RecordType, SectionState};

use crate::facts::{file_facts, file_of, socket_facts, write_file};
use crate::memory::{Head, copy_kernel, opaque, read};
use crate::outside;
use crate::path;
use crate::ring::{self, Slot, Weight};
use crate::settings::{offset, setting};
use crate::syscalls::{current_task, is_memory_shared, pid_tgid};
use crate::uring_fetch::{fetch_block, fetch_out, fetch_vector};
use crate::uring_marks::{self, Operation};

/// Bytes at the beginning of `struct io_kiocb` and of `struct io_ring_ctx` that hold all that is wanted of them, but for the
/// thread that polls.
const HEAD_BYTES: usize = 128;
type RequestHead = Head<HEAD_BYTES>;
type RingHead = Head<HEAD_BYTES>;

#[map]
static OPERATIONS: Array<OperationEntry> = Array::with_max_entries(OPERATIONS_MAX as u32, 0);

/// A registered file whose path was told.
#[derive(Clone, Copy)]
#[repr(C)]
struct Told {
    file: u64,
    inode: u64,
    time_ns: u64,
}

#[map]
static TOLD: Array<Told> = Array::with_max_entries(TOLD_SLOTS, 0);

const TOLD_SLOTS: u32 = 1024;
/// A path is told again after this long: the file may have been renamed, or the record that told it lost.
const TOLD_NS: u64 = 1_000_000_000;

/// `IOSQE_FIXED_FILE`, which the kernel keeps in the same bit.
const FIXED_FILE: u32 = 1;
/// `IOSQE_CQE_SKIP_SUCCESS`, likewise: the operation completes in silence unless it fails.
const SKIP_SUCCESS: u32 = 1 << 6;
/// `IORING_CQE_F_NOTIF` of a completion: it only tells that a buffer is free again.
const NOTIFICATION: u32 = 1 << 3;
/// `IORING_SETUP_SQPOLL`: a thread of the kernel takes the entries.
const SETUP_SQPOLL: u32 = 1 << 1;
/// `IORING_SETUP_SQE128`: entries are twice as long.
const SETUP_SQE128: u32 = 1 << 10;
/// `IORING_SETUP_NO_SQARRAY`: entries are taken in their order.
const SETUP_NO_SQARRAY: u32 = 1 << 16;
/// Where members stand in a `struct io_uring_sqe`, which user space sees.
const SQE_FD: usize = 4;
const SQE_USER_DATA: usize = 32;

/// 1 if a ring is a 32-bit program's, or 0. `byte` reads a byte of it.
#[inline(always)]
unsafe fn is_compat(byte: impl Fn(u64) -> u8) -> u8 {
    let bit = setting!(uring_compat_bit);
    if bit == ABSENT { 0 } else { byte(u64::from(bit >> 3)) >> (bit & 7) & 1 }
}

/// An operation is submitted, and its arguments are taken over: (request). From Linux 6.4 on.
#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn io_uring_submit_req(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { submit::<false>(argument(&ctx, 0), 0) };
    0
}

/// The same on kernels before: (request, ..) from 6.0 on, (ring, request, ..) earlier.
#[btf_tracepoint(function = "io_uring_submit_sqe")]
pub fn io_uring_submit_sqe(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        let (first, second) = (argument(&ctx, 0), argument(&ctx, 1));
        submit::<false>(if setting!(uring_submit_request) == 0 { first } else { second }, 0);
    }
    0
}

/// The kernel refuses an operation's arguments: (entry, request, error). It completes like any other.
#[btf_tracepoint(function = "io_uring_req_failed")]
pub fn io_uring_req_failed(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { submit::<true>(argument(&ctx, 1), argument(&ctx, 0)) };
    0
}

/// A completion is put into its queue: see the `COMPLETE_*` of `wire::uring` for the arguments.
#[btf_tracepoint(function = "io_uring_complete")]
pub fn io_uring_complete(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        let (ring, second, third) = (argument(&ctx, 0), argument(&ctx, 1), argument(&ctx, 2));
        let (request, user_data, result, flags) = if setting!(uring_complete) == COMPLETE_WHOLE {
            let [user_data, rest]: [u64; 2] = read(third, 0);
            (second, user_data, rest as i32, (rest >> 32) as u32)
        } else if setting!(uring_complete) == COMPLETE_PARTS {
            (second, third, argument(&ctx, 3) as i32, argument(&ctx, 4) as u32)
        } else {
            (0, second, third as i32, argument(&ctx, 3) as u32)
        };
        complete(ring, request, user_data, result, flags);
    }
    0
}

/// A completion finds its queue full and is kept aside: (ring, user data, result, flags, ..). It passes no other tracepoint.
#[btf_tracepoint(function = "io_uring_cqe_overflow")]
pub fn io_uring_cqe_overflow(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        let (ring, user_data) = (argument(&ctx, 0), argument(&ctx, 1));
        let (result, flags) = (argument(&ctx, 2) as i32, argument(&ctx, 3) as u32);
        if are_judged()
            && flags & NOTIFICATION == 0
            && uring_marks::was_one_turned_away(number(ring), user_data)
        {
            return 0;
        }
        complete(ring, 0, user_data, result, flags);
    }
    0
}

/// An argument of a tracepoint, read where it stands: of two ways here the compiler would make one, with the place of what
/// to read computed, which the verifier does not allow.
#[inline(always)]
unsafe fn argument(ctx: &BtfTracePointContext, index: usize) -> u64 {
    opaque(ctx.arg::<u64>(index))
}

/// An address with which the verifier lets one count.
#[inline(always)]
unsafe fn number(address: u64) -> u64 {
    read((&raw const address) as u64, 0)
}

#[inline(always)]
fn entry(opcode: u32) -> Option<*const OperationEntry> {
    OPERATIONS.get_ptr(if opcode < OPERATION_UNKNOWN as u32 { opcode } else { OPERATION_UNKNOWN as u32 })
}

/// Process and thread that a ring's operation belongs to: where a thread of the kernel polls the ring, the first thread of
/// the process that made it (newer kernels overwrite that thread's own id), and otherwise `task`, which submitted it. `setup` are the
/// ring's flags.
#[inline(always)]
unsafe fn owner(ring: u64, setup: u32, task: u64) -> u64 {
    if setup & SETUP_SQPOLL != 0 && offset!(sq_data_tgid) != u64::from(ABSENT) {
        let tgid: u32 = read(read(ring, offset!(uring_sq_data)), offset!(sq_data_tgid));
        return u64::from(tgid) << 32 | u64::from(tgid);
    }
    let (pid, tgid): (u32, u32) = (read(task, offset!(task_pid)), read(task, offset!(task_tgid)));
    u64::from(tgid) << 32 | u64::from(pid)
}

/// Writes the record of a submission. `sqe` is the entry of one that is refused; of others it has to be looked for.
#[inline(always)]
unsafe fn submit<const IS_REFUSED: bool>(request: u64, sqe: u64) {
    let mut room = MaybeUninit::<[u64; HEAD_BYTES / 8]>::uninit();
    let head = RequestHead::read(room.as_mut_ptr().cast(), request);
    let opcode: u8 = head.field(offset!(request_opcode));
    let Some(entry) = entry(u32::from(opcode)) else { return };
    if (*entry).selected == 0 {
        return;
    }
    let ring: u64 = head.field(offset!(request_ring));
    let mut ring_room = MaybeUninit::<[u64; HEAD_BYTES / 8]>::uninit();
    let ring_room = ring_room.as_mut_ptr();
    let ring_head = RingHead::read(ring_room.cast(), ring);
    let setup: u32 = ring_head.field(offset!(uring_flags));
    let owner = if setup & SETUP_SQPOLL == 0 { pid_tgid(current_task()) } else { owner(ring, setup, 0) };
    if !ring::is_selected(owner) {
        return;
    }
    if are_judged() {
        let tgid = (owner >> 32) as u32;
        let submission =
            Submission { entry, head: &head, ring_head: &ring_head, ring_room, setup, request, tgid };
        if submission.is_turned_away::<IS_REFUSED>() {
            return;
        }
    }
    end_silent(entry, &head, owner);
    let Some(slot) = ring::begin(Weight::of_operation(entry, (owner >> 32) as u32)) else { return };
    slot.header(RecordType::UringSubmit, FLAG_NO_RESULT, 2, i64::from(opcode), owner);
    slot.set_compat(is_compat(|at| ring_head.field(at)));
    slot.outcome(0, 0);
    slot.arg(0, request);
    slot.arg(1, ring);
    let position = Slot::behind_args(2);
    let image = slot.body(position);
    let sqe = if IS_REFUSED { sqe } else { find_sqe(&ring_head, setup) };
    copy_kernel(image, SQE_BYTES as u64, sqe);
    let (command, kept) = (image.add(SQE_BYTES).cast::<u64>(), room.as_ptr().cast::<u64>());
    for word in 0..COMMAND_BYTES / 8 {
        command.add(word).write_volatile(kept.add(word).read_volatile());
    }
    let user_data: u64 = head.field(offset!(request_user_data));
    let found = image.cast::<u8>().read_volatile() == opcode
        && image.add(SQE_USER_DATA).cast::<u64>().read_volatile() == user_data;
    if sqe == 0 || !found {
        // Another one: what the request itself has must do.
        let words = image.cast::<u64>();
        let flags: u32 = head.field(offset!(request_flags));
        words.write_volatile(u64::from(opcode) | u64::from(flags & 0xff) << 8);
        words.add(1).write_volatile(0);
        words.add(2).write_volatile(0);
        words.add(3).write_volatile(0);
        words.add(4).write_volatile(user_data);
        words.add(5).write_volatile(0);
        words.add(6).write_volatile(0);
        words.add(7).write_volatile(0);
    }
    // One that the kernel refused may not have come that far.
    if !IS_REFUSED && (*entry).flags & OPERATION_FILE != 0 && offset!(request_fd) != u64::from(ABSENT) {
        image.add(SQE_FD).cast::<u32>().write_volatile(head.field(offset!(request_fd)));
    }
    let image_at = position;
    let mut position = slot.section(position, SECTION_OPERATION, SectionState::Data, IMAGE_BYTES as u64);
    for index in 0..OPERATION_FETCHES_MAX {
        if index >= (*entry).fetches as usize {
            break;
        }
        position = fetch_block(&slot, &raw const (*entry).fetch[index], image_at, position);
    }
    if (*entry).vector.how != 0 {
        position = fetch_vector(&slot, &raw const (*entry).vector, image_at, position);
    }
    slot.publish(position);
    end_silent(entry, &head, owner);
}

/// Whether operations are turned away by descriptor or path: only where the kernel tells which one completes, and keeps the
/// number of its descriptor.
#[inline(always)]
unsafe fn are_judged() -> bool {
    outside::are_marked()
        && setting!(uring_complete) != COMPLETE_WITHOUT_REQUEST
        && offset!(request_fd) != u64::from(ABSENT)
}

/// An operation that may change what the agent knows completes in silence, so the agent takes it as carried out now.
#[inline(always)]
unsafe fn end_silent(entry: *const OperationEntry, head: &RequestHead, owner: u64) {
    if outside::are_marked()
        && (&raw const (*entry).changes).read_volatile() != 0
        && (!are_judged() || head.field::<u32>(offset!(request_flags)) & SKIP_SUCCESS != 0)
    {
        outside::end_all_verdicts((owner >> 32) as u32);
    }
}

/// What is known of an operation before there is a record of it.
struct Submission<'a> {
    entry: *const OperationEntry,
    head: &'a RequestHead,
    ring_head: &'a RingHead,
    /// Where that is, with room for nothing else on the stack.
    ring_room: *mut [u64; HEAD_BYTES / 8],
    /// Flags of the ring.
    setup: u32,
    request: u64,
    tgid: u32,
}

impl Submission<'_> {
    /// Whether the operation is not wanted. What its completion has to know is kept.
    #[inline(always)]
    unsafe fn is_turned_away<const IS_REFUSED: bool>(&self) -> bool {
        let operation = Operation {
            ring: self.head.field(offset!(request_ring)),
            user_data: self.head.field(offset!(request_user_data)),
            request: self.request,
        };
        let (what, number) = if IS_REFUSED { (0, 0) } else { self.found(operation.user_data) };
        if what == 0 {
            uring_marks::keep_nothing(&operation);
            return false;
        }
        uring_marks::keep(&operation, what, number) && what == MARK_AWAY
    }

    /// What is to be kept of the operation (a `MARK_*`, 0 for nothing), and the number that belongs to it.
    #[inline(always)]
    unsafe fn found(&self, user_data: u64) -> (u32, u32) {
        let entry = self.entry;
        let flags: u32 = self.head.field(offset!(request_flags));
        if flags & SKIP_SUCCESS != 0 {
            return (0, 0);
        }
        let is_plain = self.is_plain(user_data);
        let is_judged = flags & FIXED_FILE == 0 && is_compat(|at| self.ring_head.field(at)) == 0;
        let judged = (*entry).judged;
        if is_judged && judged & (JUDGED_BY_PATH | BEGINS_FILE) != 0 {
            let is_outside = outside::is_name_outside(self.name(), &mut *self.ring_room);
            let ring: u64 = self.head.field(offset!(request_ring));
            copy_kernel(self.ring_room.cast(), HEAD_BYTES as u64, ring);
            if !is_outside {
                return (0, 0);
            }
            return if judged & BEGINS_FILE == 0 { (MARK_AWAY, 0) } else { (MARK_OPENS, 0) };
        }
        if is_judged && is_plain && self.is_outside() {
            return (MARK_AWAY, 0);
        }
        let changes = (*entry).changes;
        if changes & (CHANGES_ARGUMENT | CHANGES_WITH_PEER) != 0 && (*entry).flags & OPERATION_FILE != 0 {
            let changes_nothing = flags & FIXED_FILE != 0 || (changes & CHANGES_WITH_PEER != 0 && is_plain);
            return if changes_nothing { (MARK_PLAIN, 0) } else { (MARK_ARGUMENT, self.descriptor()) };
        }
        (0, 0)
    }

    /// Whether the operation completes once and names no peer.
    #[inline(always)]
    unsafe fn is_plain(&self, user_data: u64) -> bool {
        let [first, second, third] = (*self.entry).plain;
        if first | second | third == 0 {
            return true;
        }
        // Whoever shares the queue may have taken the address out of its entry since the kernel looked.
        if second != 0 && (self.setup & SETUP_SQPOLL != 0 || is_memory_shared(current_task())) {
            return false;
        }
        let opcode: u8 = self.head.field(offset!(request_opcode));
        let sqe = find_sqe(self.ring_head, self.setup);
        let word = |at: usize| read::<u64>(sqe, at as u64);
        let start = word(PLAIN_WORDS[0]);
        let is_it = sqe != 0 && start as u8 == opcode && word(SQE_USER_DATA) == user_data;
        is_it && start & first | word(PLAIN_WORDS[1]) & second | word(PLAIN_WORDS[2]) & third == 0
    }

    /// The number of the descriptor it works on.
    #[inline(always)]
    unsafe fn descriptor(&self) -> u32 {
        if (*self.entry).flags & OPERATION_FILE != 0 {
            return self.head.field(offset!(request_fd));
        }
        kept_descriptor(self.entry, self.request)
    }

    /// Address of the name that the kernel took.
    #[inline(always)]
    unsafe fn name(&self) -> u64 {
        let filename: u64 = read(self.request, u64::from((*self.entry).path_at) & (COMMAND_BYTES as u64 - 1));
        read(filename, offset!(filename_name))
    }

    /// Whether the descriptor of the operation is outside.
    #[inline(always)]
    unsafe fn is_outside(&self) -> bool {
        let judged = (*self.entry).judged;
        if judged & JUDGED_BY_DESCRIPTOR == 0 {
            return judged & JUDGED_WITHOUT != 0;
        }
        let fd = self.descriptor();
        if (fd as i32) < 0 {
            return judged & JUDGED_WITHOUT != 0;
        }
        outside::is_outside(self.tgid, u64::from(fd))
    }
}

/// The descriptor that a request keeps beside what all requests have.
#[inline(always)]
unsafe fn kept_descriptor(entry: *const OperationEntry, request: u64) -> u32 {
    read(request, u64::from((*entry).fd_at) & (COMMAND_BYTES as u64 - 1))
}

/// The entry that the kernel took last from the queue of a ring.
#[inline(always)]
unsafe fn find_sqe(ring: &RingHead, setup: u32) -> u64 {
    let head: u32 = ring.field(offset!(uring_sq_head));
    let entries: u32 = ring.field(offset!(uring_sq_entries));
    let mut index = head.wrapping_sub(1) & entries.wrapping_sub(1);
    if setup & SETUP_NO_SQARRAY == 0 {
        // Written by the program, at any time.
        index = read(ring.field(offset!(uring_sq_array)), u64::from(index) * 4);
    }
    if index >= entries {
        return 0;
    }
    let bytes = if setup & SETUP_SQE128 != 0 { 2 * SQE_BYTES } else { SQE_BYTES };
    ring.field::<u64>(offset!(uring_sqes)) + u64::from(index) * bytes as u64
}

/// Writes the record of a completion. `request` is 0 where the kernel does not tell it.
#[inline(always)]
unsafe fn complete(ring: u64, request: u64, user_data: u64, result: i32, flags: u32) {
    if request == 0 {
        return complete_unknown(ring, user_data, result, flags);
    }
    let mut room = MaybeUninit::<[u64; HEAD_BYTES / 8]>::uninit();
    let head = RequestHead::read(room.as_mut_ptr().cast(), request);
    let opcode: u8 = head.field(offset!(request_opcode));
    let Some(entry) = entry(u32::from(opcode)) else { return };
    if (*entry).selected == 0 {
        return;
    }
    // The same ring, but as a number: the verifier lets nobody count with an argument of the tracepoint.
    let operation = Operation { ring: head.field(offset!(request_ring)), user_data, request };
    if are_judged() && uring_marks::was_turned_away(&operation) {
        return;
    }
    // Where all tasks are recorded, the submission tells whose it is.
    let owner = match setting!(follow) {
        0 => pid_tgid(current_task()),
        _ => {
            let submitter: u64 = head.field(offset!(request_owner));
            let has_context = setting!(uring_has_context) != 0;
            let task = if has_context { read(submitter, offset!(tctx_task)) } else { submitter };
            owner(ring, read(ring, offset!(uring_flags)), task)
        }
    };
    let is_selected = ring::is_selected(owner);
    if is_selected {
        end_descriptors(entry, &operation, owner, result);
    }
    let slot = is_selected.then(|| ring::begin(Weight::of_operation(entry, (owner >> 32) as u32))).flatten();
    let Some(slot) = slot else {
        if are_judged() {
            uring_marks::forget(&operation);
        }
        return;
    };
    slot.header(RecordType::UringComplete, 0, 4, i64::from(opcode), owner);
    slot.outcome(i64::from(result), 0);
    slot.arg(0, request);
    slot.arg(1, ring);
    slot.arg(2, user_data);
    slot.arg(3, u64::from(flags));
    let position = Slot::behind_args(4);
    if (*entry).out.how != 0 {
        slot.set_compat(is_compat(|at| read(ring, at)));
    }
    slot.publish(details(&slot, entry, &head, request, position));
    end_descriptors(entry, &operation, owner, result);
    begin_descriptor(entry, &operation, owner, result);
}

/// Ends what was found of the descriptors of which the operation changes what is known.
#[inline(always)]
unsafe fn end_descriptors(entry: *const OperationEntry, operation: &Operation, owner: u64, result: i32) {
    let changes = (&raw const (*entry).changes).read_volatile();
    if !outside::are_marked() || changes == 0 {
        return;
    }
    let tgid = (owner >> 32) as u32;
    if changes & CHANGES_ALL != 0 || !are_judged() {
        return outside::end_all_verdicts(tgid);
    }
    if changes & CHANGES_RESULT != 0 {
        outside::end_verdicts(tgid, i64::from(result) as u64);
    }
    if changes & (CHANGES_ARGUMENT | CHANGES_WITH_PEER) == 0 {
        return;
    }
    if (*entry).fd_at != 0 {
        return outside::end_verdicts(tgid, u64::from(kept_descriptor(entry, operation.request)));
    }
    match uring_marks::kept(operation) {
        (MARK_PLAIN, _) => {}
        (MARK_ARGUMENT, fd) => outside::end_verdicts(tgid, u64::from(fd)),
        _ => outside::end_all_verdicts(tgid),
    }
}

/// Finds out whether a descriptor that the operation has made or connected is outside. Nothing is kept of the operation
/// any more.
#[inline(always)]
unsafe fn begin_descriptor(entry: *const OperationEntry, operation: &Operation, owner: u64, result: i32) {
    if !are_judged() {
        return;
    }
    let (what, number) = uring_marks::kept(operation);
    uring_marks::forget(operation);
    let task = current_task();
    let tgid = (owner >> 32) as u32;
    if result < 0 || (pid_tgid(task) >> 32) as u32 != tgid || is_in_slot(entry, operation.request) {
        return;
    }
    if what == MARK_OPENS {
        outside::begin_opened(task, tgid, u64::from(result as u32));
    } else if (*entry).judged & BEGINS_CONNECTION != 0 {
        let makes = (*entry).changes & CHANGES_RESULT != 0;
        if makes || what == MARK_ARGUMENT {
            let fd = if makes { result as u32 } else { number };
            outside::begin_connection(task, tgid, u64::from(fd));
        }
    }
}

/// Whether the descriptor that an operation makes goes into the ring's own table.
#[inline(always)]
unsafe fn is_in_slot(entry: *const OperationEntry, request: u64) -> bool {
    let slot_at = (*entry).slot_at;
    slot_at != 0 && read::<u32>(request, u64::from(slot_at & 63)) != 0
}

/// A completion that is one of several, or of which the kernel tells no more than what the program sees.
#[inline(always)]
unsafe fn complete_unknown(ring: u64, user_data: u64, result: i32, flags: u32) {
    let owner = owner(ring, read(ring, offset!(uring_flags)), current_task() as u64);
    // A worker of the kernel's is a thread of the process that nobody began to follow.
    let process = owner >> 32 << 32 | owner >> 32;
    if !ring::is_selected(owner) && !ring::is_selected(process) {
        return;
    }
    outside::end_all_verdicts((owner >> 32) as u32);
    let Some(slot) = ring::begin(Weight::of_change(EventClass::File, (owner >> 32) as u32)) else { return };
    slot.header(RecordType::UringComplete, 0, 4, i64::from(OPCODE_NONE), owner);
    slot.outcome(i64::from(result), 0);
    slot.arg(0, 0);
    slot.arg(1, ring);
    slot.arg(2, user_data);
    slot.arg(3, u64::from(flags));
    let mut position = Slot::behind_args(4);
    if result >= 0 {
        // If it is a descriptor, which the agent knows.
        let file = file_of(current_task(), result as u64);
        position = socket_facts(&slot, position, SECTION_SOCKET, file);
    }
    slot.publish(position);
    outside::end_all_verdicts((owner >> 32) as u32);
}

/// Adds what the kernel knows of the files of a completed operation, and what it filled.
#[inline(always)]
unsafe fn details(
    slot: &Slot,
    entry: *const OperationEntry,
    head: &RequestHead,
    request: u64,
    position: u64,
) -> u64 {
    let mut position = position;
    let task = current_task();
    let result = slot.result();
    let flags = (*entry).flags;
    if result >= 0 && !is_in_slot(entry, request) {
        if flags & OPERATION_RESULT_FILE != 0 {
            position = file_facts(slot, position, SECTION_FILE, file_of(task, result as u64));
        }
        if flags & OPERATION_RESULT_SOCKET != 0 {
            position =
                socket_facts(slot, slot.forget(position), SECTION_SOCKET, file_of(task, result as u64));
        }
    }
    let file: u64 = head.field(offset!(request_file));
    let is_registered = head.field::<u32>(offset!(request_flags)) & FIXED_FILE != 0;
    if file != 0 && is_registered {
        position = registered(slot, slot.forget(position), task as u64, file);
    }
    if file != 0 && (flags & OPERATION_SOCKET != 0 || is_registered) && flags & OPERATION_RESULT_SOCKET == 0 {
        position = socket_facts(slot, slot.forget(position), SECTION_SOCKET, file);
    }
    if (*entry).out.how != 0 {
        position = fetch_out(slot, &raw const (*entry).out, request, position);
    }
    position
}

/// Adds what a registered file is; its path, which takes longer than all else, not more often than needed.
#[inline(always)]
unsafe fn registered(slot: &Slot, position: u64, task: u64, file: u64) -> u64 {
    let body = slot.body(position);
    write_file(body.cast(), file, 0);
    body.add(FILE_BYTES).cast::<u64>().write_volatile(file);
    let position = slot.section(position, SECTION_REGISTERED, SectionState::Data, FILE_BYTES as u64 + 8);
    let inode: u64 = read(file, offset!(file_inode));
    let Some(told) = TOLD.get_ptr_mut((file >> 6) as u32 & (TOLD_SLOTS - 1)) else { return position };
    if (*told).file == file && (*told).inode == inode && slot.time_ns.wrapping_sub((*told).time_ns) < TOLD_NS
    {
        return position;
    }
    // Another CPU may do so at the same time: then it is told once more.
    (*told).file = file;
    (*told).inode = inode;
    (*told).time_ns = slot.time_ns;
    let root = read::<u64>(task, offset!(task_fs)).wrapping_add(offset!(fs_root));
    path::file(slot, position, SECTION_REGISTERED_PATH, file + offset!(file_path), root)
}
