//! Probes: the kernel programs, loaded into the running kernel and attached.
//!
//! The object is part of the agent. Before load it is told the size of the rings, where kernel structures have
//! their fields ([`btf`]) and what to do per system call ([`table`]). Only this module knows aya.

mod btf;
mod misses;
mod object;
mod objects;
mod operations;
mod table;
mod tables;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::thread;

use anyhow::{Context, Result, bail};
use aya::maps::{Array, HashMap, Map, MapData};
use aya::programs::{BtfTracePoint, Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader, Pod};
use aya_obj::btf::BtfKind;
use capture_format::model::Host;
use capture_format::schema::{self, KernelEvent, kernel_event};
use query::Filter;
use sysreel_agent::operations::Operations;
use sysreel_agent::selection::Selection;
use sysreel_agent::split::Split;
use tables::Tables;
use wire::offsets::{ABSENT, SETTINGS_RESERVED, Settings};
use wire::outside::{DESCRIPTOR_SLOTS, Outside};
use wire::ring::{MARK_BLOCK, RECORD_BYTES_MAX};
use wire::table::{CallEntry, ChoiceKey, Fetch};
use wire::uring::{COMPLETE_WITHOUT_REQUEST, MARK_SLOTS, OperationEntry};

use btf::KernelTypes;
pub(crate) use misses::Misses;
pub(crate) use table::NATIVE;

/// Programs, in the order in which they are attached, which is that in which the kernel runs those on one tracepoint.
/// They are named after the tracepoint they hang on: see [`tracepoint_of`].
const PROGRAMS: [&str; 28] = [
    "sched_process_fork",
    "sched_process_exec",
    "sched_process_exit",
    "cgroup_attach_task",
    "signal_deliver",
    "inet_sock_set_state",
    "tcp_retransmit_skb",
    "tcp_send_reset",
    "tcp_receive_reset",
    "kfree_skb",
    "io_uring_submit_req",
    "io_uring_submit_sqe",
    "io_uring_req_failed",
    "io_uring_complete",
    "io_uring_cqe_overflow",
    "signal_generate",
    "mark_victim",
    "module_load",
    "module_free",
    "cgroup_mkdir",
    "cgroup_rmdir",
    "cgroup_rename",
    "page_fault_user",
    "sched_switch",
    "sys_enter",
    "sys_exit_before",
    "sys_exit",
    "sys_exit_after",
];

/// Programs that a kernel built without their part of it does without, each with what is not recorded then.
const OPTIONAL: [(&str, KernelEvent); 15] = [
    ("inet_sock_set_state", KernelEvent::TcpState),
    ("tcp_retransmit_skb", KernelEvent::TcpRetransmit),
    ("tcp_send_reset", KernelEvent::TcpReset),
    ("tcp_receive_reset", KernelEvent::TcpReset),
    ("kfree_skb", KernelEvent::PacketDrop),
    ("signal_generate", KernelEvent::SignalDeliver),
    ("mark_victim", KernelEvent::OomKill),
    ("module_load", KernelEvent::ModuleLoad),
    ("module_free", KernelEvent::ModuleUnload),
    ("cgroup_mkdir", KernelEvent::CgroupMake),
    ("cgroup_rmdir", KernelEvent::CgroupRemove),
    ("cgroup_rename", KernelEvent::CgroupRename),
    ("page_fault_user", KernelEvent::PageFault),
    ("sched_switch", KernelEvent::SchedSwitch),
    ("sched_switch", KernelEvent::OffCpu),
];

/// What is not recorded without the tracepoints of `io_uring`.
const OPERATIONS: &str = "operations of io_uring";

/// Bytes kept of a DNS message: what resolvers let an answer over UDP have, so that it is not fragmented.
const DNS_BYTES: u32 = 1232;

/// The program that makes records of calls, which takes longest to verify.
const LARGEST: &str = "sys_exit";

/// Largest ring where an element of a map has 4 MiB at most.
const OLD_RING_BYTES_MAX: usize = 2 << 20;

/// How the programs are to work.
#[derive(Clone, Debug)]
pub(crate) struct ProbeOptions {
    /// This process in the initial pid namespace: what it does is not recorded.
    pub(crate) own_pid: u32,
    /// Size of each CPU's ring: a power of two.
    pub(crate) ring_bytes: usize,
    /// Bytes kept of a buffer.
    pub(crate) snap_bytes: u32,
    /// Measure how long calls take.
    pub(crate) latency: bool,
    /// Send the environment at exec.
    pub(crate) env: bool,
    /// Which events are wanted.
    pub(crate) selection: Selection,
    /// Which of those.
    pub(crate) filter: Option<Filter>,
    /// Whether another filter may come.
    pub(crate) filter_may_change: bool,
    /// The machine, as filters see it.
    pub(crate) host: Host,
    /// Record only tasks that [`Probes::follow_from_exec`] named, and their descendants.
    pub(crate) follow: bool,
}

/// The programs are in the kernel, and attached until this is dropped.
pub(crate) struct Probes {
    ebpf: Ebpf,
    ring_bytes: usize,
    cpus: usize,
    absent: Vec<(&'static str, &'static str)>,
    settings: Settings,
    drop_reasons: BTreeMap<u32, String>,
    operations: Operations,
    marked_threads: usize,
    /// Where the filter may change, which is why these are not frozen.
    tables: Option<Tables>,
}

/// What the kernel says of a program it took.
pub(crate) struct ProgramFacts {
    pub(crate) name: &'static str,
    /// Instructions the verifier walked over; kernels before 5.16 do not tell.
    pub(crate) instructions_verified: Option<u32>,
    /// Size as machine code; unknown where programs are interpreted.
    pub(crate) machine_code_bytes: Option<u32>,
}

/// A number that nobody can know.
fn random() -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: writes at most the array's bytes. It does not fail for so few once the machine is up.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    u64::from_ne_bytes(bytes)
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Plain<T>(T);
// SAFETY: both are `repr(C)`, made of integers without padding, and any bytes are a value of them.
unsafe impl Pod for Plain<Settings> {}
// SAFETY: as above.
unsafe impl Pod for Plain<CallEntry> {}
// SAFETY: as above.
unsafe impl Pod for Plain<ChoiceKey> {}
// SAFETY: as above.
unsafe impl Pod for Plain<Fetch> {}
// SAFETY: as above.
unsafe impl Pod for Plain<OperationEntry> {}
// SAFETY: as above.
unsafe impl Pod for Plain<Outside> {}

impl Probes {
    /// Loads and attaches the programs.
    pub(crate) fn load(options: &ProbeOptions) -> Result<Self> {
        // Reading the kernel's types and verifying the programs is what takes time before the first event. The
        // loader reads the types for itself when it is made, and again to find the tracepoints.
        let (types, btf, mut loader) = thread::scope(|scope| {
            let btf = scope.spawn(Btf::from_sys_fs);
            let types = KernelTypes::read().map(|types| {
                (
                    types.offsets(),
                    types.cgroup_v1_subsys(),
                    types.untyped_regs_at(),
                    types.preempt_functions(),
                    (types.drop_args(), types.drop_reasons()),
                    Uring::of(&types),
                )
            });
            let loader = EbpfLoader::new();
            (types, btf.join().expect("reading does not panic"), loader)
        });
        let (offsets, cgroup_v1_subsys, untyped_regs_at, preempt_functions, (drop_args, drop_reasons), uring) =
            types?;
        // The kernels without types for tasks are those that take no larger elements (both until 5.14).
        let ring_bytes = if untyped_regs_at == 0 {
            options.ring_bytes
        } else {
            options.ring_bytes.min(OLD_RING_BYTES_MAX)
        };
        let btf = btf.context("cannot read the kernel's type information")?;
        let cpus = possible_cpus()?;
        let start_slots = start_slots();
        let mark_blocks = if options.filter.is_some() { mark_blocks() } else { 1 };
        let mut split = Split::new(&options.selection, options.filter.as_ref(), &options.host);
        // What cannot be changed any more once it is there goes by the list of calls if the filter may change.
        let filter = options.filter.as_ref().filter(|_| !options.filter_may_change);
        let mut fixed = Split::new(&options.selection, filter, &options.host);
        let wants_dns = fixed.wanted(&kernel_event(KernelEvent::Dns)).is_any();
        let calls = table::entries(&mut split);
        let outside = table::outside(&mut split);
        let operations = operations::entries(&uring.operations, &mut fixed);
        let judges = options.filter_may_change
            || calls.iter().any(|entry| entry.judged != 0)
            || operations.iter().any(|entry| entry.judged != 0);
        let descriptor_slots = if judges { DESCRIPTOR_SLOTS } else { 1 };
        let mark_slots = if judges { MARK_SLOTS } else { 1 };
        let settings = Settings {
            ring_mask: ring_bytes as u64 - 1,
            name_seed: random(),
            name_key: random() | 1,
            snap_bytes: options.snap_bytes,
            self_tgid: options.own_pid,
            follow: u32::from(options.follow),
            latency: u32::from(options.latency),
            start_mask: start_slots - 1,
            env: u32::from(options.env),
            cgroup_v1_subsys,
            aarch64: u32::from(cfg!(target_arch = "aarch64")),
            untyped_regs_at,
            drop_args,
            uring_complete: uring.complete.unwrap_or(0),
            uring_submit_request: uring.submit_request.unwrap_or(0),
            dns_bytes: if wants_dns { DNS_BYTES } else { 0 },
            marks: u32::from(options.filter.is_some()),
            descriptor_marks: u32::from(judges),
            uring_has_context: u32::from(uring.has_context),
            uring_compat_bit: uring.compat_bit.unwrap_or(ABSENT),
            offsets,
            reserved: [0; SETTINGS_RESERVED],
        };
        let mut object = object::with_ring_bytes(object::programs()?, ring_bytes + RECORD_BYTES_MAX)?;
        object::place_preempt_functions(&mut object, preempt_functions)?;
        let global = Plain(settings);
        let cpu_count = u32::try_from(cpus).context("more CPUs than the kernel can have")?;
        let mut ebpf = loader
            .btf(Some(&btf))
            .override_global("SETTINGS", &global, true)
            .map_max_entries("RINGS", cpu_count)
            .map_max_entries("RING_STATES", cpu_count)
            .map_max_entries("STARTS", start_slots)
            .map_max_entries("MARKS", mark_blocks)
            .map_max_entries("DESCRIPTORS", descriptor_slots)
            .map_max_entries("OPERATION_MARKS", mark_slots)
            .load(&object)
            .context("cannot load the kernel programs")?;
        fill(&mut ebpf, "CALLS", calls.clone())?;
        fill(&mut ebpf, "OUTSIDE", vec![outside])?;
        fill(&mut ebpf, "OPERATIONS", operations)?;
        fill_choices(&mut ebpf)?;
        let has = |tracepoint: &str| {
            btf.id_by_type_name_kind(&format!("btf_trace_{tracepoint}"), BtfKind::Typedef).is_ok()
        };
        let wanted = KernelEvent::ALL.map(|event| fixed.wanted(&kernel_event(event)).is_any());
        let is_selected = |event: KernelEvent| wanted[event as usize];
        let (optional, absent): (Vec<_>, Vec<_>) =
            OPTIONAL.into_iter().filter(|(_, event)| is_selected(*event)).partition(|(name, _)| has(name));
        let mut absent: Vec<_> = absent.into_iter().map(|(name, event)| (name, event.name())).collect();
        let of_operations = uring.programs(has);
        if of_operations.is_empty() && operations::are_wanted(&uring.operations, &mut fixed) {
            absent.push(("io_uring_submit_req", OPERATIONS));
        }
        // A kernel without modules has none to tell of.
        let absent = absent.into_iter().filter(|(name, _)| !name.starts_with("module_")).collect();
        let is_needed = |name: &str| match name {
            "sys_enter" => options.latency || judges,
            "sys_exit_before" | "sys_exit_after" => judges,
            "signal_deliver" => is_selected(KernelEvent::SignalDeliver),
            _ if name.starts_with("io_uring_") => of_operations.contains(&name),
            _ if OPTIONAL.iter().any(|(known, _)| *known == name) => {
                optional.iter().any(|(known, _)| *known == name)
            }
            _ => true,
        };
        load_programs(&mut ebpf, &btf, is_needed)?;
        for name in PROGRAMS.into_iter().filter(|name| is_needed(name)) {
            program_of(&mut ebpf, name)?
                .attach()
                .with_context(|| format!("cannot attach to the tracepoint {name}"))?;
        }
        let operations = uring.operations;
        let marked_threads = if options.filter.is_some() { mark_blocks as usize * MARK_BLOCK } else { 0 };
        let mut probes = Probes {
            ebpf,
            ring_bytes,
            cpus,
            absent,
            settings,
            drop_reasons,
            operations,
            marked_threads,
            tables: None,
        };
        let is_written = [
            ("CALLS", options.filter_may_change),
            ("CONTROL", options.follow),
            ("MARKS", options.filter.is_some()),
            ("DESCRIPTORS", judges),
            ("OUTSIDE", options.filter_may_change),
        ];
        let keep: Vec<&str> = is_written.iter().filter(|(_, keep)| *keep).map(|(name, _)| *name).collect();
        probes.seal(&keep);
        if options.filter_may_change {
            let [table, lists] = [tables::CALLS, tables::OUTSIDE].map(|name| probes.map_fd(name));
            probes.tables = Some(Tables::map(table?, lists?, calls, outside)?);
        }
        Ok(probes)
    }

    /// Tracepoints that this kernel lacks, with what is not recorded therefore.
    pub(crate) fn absent(&self) -> &[(&'static str, &'static str)] {
        &self.absent
    }

    /// Where the arguments of `io_uring` operations stand.
    pub(crate) fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Follows this process, and what it starts, from its next exec on.
    pub(crate) fn follow_from_exec(&mut self, pid: u32) -> Result<()> {
        let mut control: Array<_, u64> = Array::try_from(self.map_mut("CONTROL")?)?;
        control.set(0, u64::from(pid), 0).context("cannot tell the programs which process to follow")?;
        self.seal_map("CONTROL");
        Ok(())
    }

    /// Why this kernel drops packets, by number; empty before Linux 5.17.
    pub(crate) fn drop_reasons(&self) -> &BTreeMap<u32, String> {
        &self.drop_reasons
    }

    /// From now on another filter decides which calls make records.
    pub(crate) fn set_filter(&mut self, selection: &Selection, filter: &Filter, host: &Host) -> Result<()> {
        let mut split = Split::new(selection, Some(filter), host);
        let (entries, outside) = (table::entries(&mut split), table::outside(&mut split));
        let tables = self.tables.as_mut().context("the filter of this recording cannot change")?;
        tables.set(entries, outside);
        Ok(())
    }

    /// Puts right what others have written to the tables of the filter, if it may change: the names of the maps.
    pub(crate) fn put_tables_right(&self) -> Vec<&'static str> {
        self.tables.as_ref().map(Tables::put_right).unwrap_or_default()
    }

    /// Size of each ring.
    pub(crate) fn ring_bytes(&self) -> usize {
        self.ring_bytes
    }

    /// CPUs the machine can have: one ring each.
    pub(crate) fn cpus(&self) -> usize {
        self.cpus
    }

    /// Threads that have a mark: all ids there can be, or none without a filter.
    pub(crate) fn marked_threads(&self) -> usize {
        self.marked_threads
    }

    /// Whether descriptors have marks.
    pub(crate) fn are_descriptors_marked(&self) -> bool {
        self.settings.descriptor_marks != 0
    }

    /// Whether the kernel hands out no tasks with their type, as before 5.15.
    pub(crate) fn is_without_task_types(&self) -> bool {
        self.settings.untyped_regs_at != 0
    }

    /// Fields of kernel structures that this kernel lacks.
    pub(crate) fn absent_fields(&self) -> impl Iterator<Item = &'static str> {
        self.settings.offsets.absent()
    }

    /// What the kernel says of the programs it took.
    pub(crate) fn programs(&self) -> Result<Vec<ProgramFacts>> {
        let facts = |name: &'static str| {
            let program =
                self.ebpf.program(name).with_context(|| format!("the kernel programs lack {name}"))?;
            let program: &BtfTracePoint = program.try_into()?;
            let info = match program.info() {
                // It was not needed.
                Err(ProgramError::NotLoaded) => return Ok(None),
                info => info.with_context(|| format!("cannot ask the kernel about {name}"))?,
            };
            Ok(Some(ProgramFacts {
                name,
                instructions_verified: info.verified_instruction_count(),
                machine_code_bytes: Some(info.size_jitted()).filter(|&bytes| bytes > 0),
            }))
        };
        PROGRAMS.into_iter().filter_map(|name| facts(name).transpose()).collect()
    }

    /// The map with this name, for mapping its memory.
    pub(crate) fn map_fd(&self, name: &str) -> Result<BorrowedFd<'_>> {
        match self.ebpf.map(name) {
            Some(Map::Array(data)) => Ok(data.fd().as_fd()),
            _ => bail!("the kernel programs lack the map {name}: the agent was put together wrongly"),
        }
    }

    fn map_mut(&mut self, name: &str) -> Result<&mut Map> {
        self.ebpf.map_mut(name).with_context(|| format!("the kernel programs lack the map {name}"))
    }
}

impl Drop for Probes {
    /// The program that makes records of calls goes first. The others go in no order, and those that tell it of a call
    /// would leave it with what they said of an earlier one.
    fn drop(&mut self) {
        if let Ok(program) = program_of(&mut self.ebpf, LARGEST) {
            // One that was never loaded has nothing to take away.
            let _ = program.unload();
        }
    }
}

/// Has the kernel verify the programs: the largest takes it as long as half of all others, so it has a thread.
fn load_programs(ebpf: &mut Ebpf, btf: &Btf, is_needed: impl Fn(&str) -> bool) -> Result<()> {
    let load = |name: &str, program: &mut Program| -> Result<()> {
        let program: &mut BtfTracePoint = program.try_into()?;
        program
            .load(tracepoint_of(name), btf)
            .with_context(|| format!("the kernel refused the program for {name}"))
    };
    let needed = ebpf.programs_mut().filter(|(name, _)| is_needed(name));
    let (alone, others): (Vec<_>, Vec<_>) = needed.partition(|(name, _)| *name == LARGEST);
    thread::scope(|scope| {
        let loads = |programs: Vec<(&str, &mut Program)>| {
            programs.into_iter().try_for_each(|(name, program)| load(name, program))
        };
        let alone = scope.spawn(move || loads(alone));
        let others = loads(others);
        alone.join().expect("loading does not panic").and(others)
    })
}

/// The BTF tracepoint that a program hangs on.
fn tracepoint_of(program: &str) -> &str {
    program.strip_suffix("_before").or_else(|| program.strip_suffix("_after")).unwrap_or(program)
}

fn program_of<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut BtfTracePoint> {
    let program = ebpf.program_mut(name).with_context(|| format!("the kernel programs lack {name}"))?;
    Ok(program.try_into()?)
}

fn fill<T>(ebpf: &mut Ebpf, map: &str, entries: Vec<T>) -> Result<()>
where
    Plain<T>: Pod,
{
    let table = ebpf.map_mut(map).with_context(|| format!("the kernel programs lack the map {map}"))?;
    let mut array: Array<&mut MapData, Plain<T>> = Array::try_from(table)?;
    for (index, entry) in entries.into_iter().enumerate() {
        array.set(index as u32, Plain(entry), 0).with_context(|| format!("cannot fill {map}"))?;
    }
    Ok(())
}

fn fill_choices(ebpf: &mut Ebpf) -> Result<()> {
    let map = ebpf.map_mut("CHOICES").context("the kernel programs lack the map CHOICES")?;
    let mut map: HashMap<&mut MapData, Plain<ChoiceKey>, Plain<Fetch>> = HashMap::try_from(map)?;
    for (key, fetch) in table::choices() {
        map.insert(Plain(key), Plain(fetch), 0).context("cannot fill the table of choices")?;
    }
    Ok(())
}

/// How a recording treats the operations of `io_uring`.
pub(crate) struct OperationsTreated {
    /// Names of operations, with their entries.
    pub(crate) entries: Vec<(&'static str, OperationEntry)>,
    /// Whether the running kernel tells enough of operations for them to be judged by descriptor or path.
    pub(crate) are_judged: bool,
}

/// How a recording by this list and filter would treat operations here. Where the kernel's types cannot be read, as if it had
/// all that is looked for.
pub(crate) fn operations_treated(split: &mut Split<'_>) -> OperationsTreated {
    let types = KernelTypes::read().ok();
    let uring = types.as_ref().map(Uring::of);
    let all = Operations::new(NATIVE, |_, _| Some(8));
    let operations = uring.as_ref().map_or(&all, |uring| &uring.operations);
    let names = schema::operations(NATIVE).map(|operation| operation.name);
    let keeps_descriptor = types.is_none_or(|types| types.offsets().request_fd != ABSENT);
    OperationsTreated {
        entries: names.zip(operations::entries(operations, split)).collect(),
        are_judged: keeps_descriptor && uring.is_none_or(|uring| uring.tells_request()),
    }
}

/// What the running kernel has for the operations of `io_uring`.
struct Uring {
    complete: Option<u32>,
    submit_request: Option<u32>,
    has_context: bool,
    compat_bit: Option<u32>,
    has_refusals: bool,
    operations: Operations,
}

impl Uring {
    fn of(types: &KernelTypes) -> Self {
        Uring {
            complete: types.uring_complete(),
            submit_request: types.uring_submit_request(),
            has_refusals: types.has_uring_refusals(),
            has_context: types.offset("io_kiocb", "tctx").is_some(),
            compat_bit: types.uring_compat_bit(),
            operations: Operations::new(NATIVE, |structure, field| types.offset(structure, field)),
        }
    }

    /// Whether a completion is told with its request.
    fn tells_request(&self) -> bool {
        self.complete.is_some_and(|complete| complete != COMPLETE_WITHOUT_REQUEST)
    }

    /// The programs that record them: none, where the kernel lacks what it takes.
    fn programs(&self, has: impl Fn(&str) -> bool) -> Vec<&'static str> {
        // Both tracepoints of submissions would tell of each twice; no kernel has both.
        let submit = match (has("io_uring_submit_req"), self.submit_request) {
            (true, _) => "io_uring_submit_req",
            (false, Some(_)) => "io_uring_submit_sqe",
            (false, None) => return Vec::new(),
        };
        if self.complete.is_none() {
            return Vec::new();
        }
        let refused = self.has_refusals.then_some("io_uring_req_failed");
        let overflow = Some("io_uring_cqe_overflow").filter(|name| has(name));
        [submit, "io_uring_complete"].into_iter().chain(refused).chain(overflow).collect()
    }
}

/// Slots of the start table: one per possible thread id, within 2 MiB. With more ids than slots two threads may
/// share one; then the later call hides the latency of the earlier.
fn start_slots() -> u32 {
    pid_max().clamp(1 << 10, 1 << 17).next_power_of_two()
}

/// Blocks of marks for every possible thread id. Should the limit be raised, threads beyond it are never turned away.
fn mark_blocks() -> u32 {
    pid_max().clamp(1, 4 << 20).div_ceil(MARK_BLOCK as u32)
}

fn pid_max() -> u32 {
    std::fs::read_to_string("/proc/sys/kernel/pid_max")
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
        .unwrap_or(1 << 17)
}

/// CPUs this machine can have. Not what libc counts, which under musl follows the affinity mask.
pub(crate) fn possible_cpus() -> Result<usize> {
    let path = "/sys/devices/system/cpu/possible";
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let last = text.trim().rsplit([',', '-']).next().and_then(|last| last.parse::<usize>().ok());
    last.map(|last| last + 1).with_context(|| format!("{path} holds '{}', not a list of CPUs", text.trim()))
}

/// Whether `bpf()` is refused to this process, so that no probe can work here.
pub(crate) fn bpf_is_refused() -> bool {
    // SAFETY: BPF_MAP_CREATE with an empty attribute block: the kernel checks permission, then refuses the size.
    let status = unsafe { libc::syscall(libc::SYS_bpf, 0, [0u8; 128].as_ptr(), 128) };
    status < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Keeps the descriptor type in view of [`crate::rings`].
pub(crate) fn raw(fd: BorrowedFd<'_>) -> i32 {
    fd.as_raw_fd()
}
