//! Where the running kernel keeps the fields of its structures, from its own type information.
//!
//! The kernel's BTF has well over 100,000 types, of which a few dozen structures are looked into. One walk notes
//! where each type begins and which are the wanted ones; a library that makes a value of every type takes ten times as
//! long, and nothing is recorded until this is done. The format: <https://docs.kernel.org/bpf/btf.html>.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;

use anyhow::{Context, Result};
use sysreel_agent::operations::Operations;
use wire::offsets::{ABSENT, Offsets};
use wire::uring::{COMPLETE_PARTS, COMPLETE_WHOLE, COMPLETE_WITHOUT_REQUEST};

/// Where the kernel exposes its type information (5.4 and later, CONFIG_DEBUG_INFO_BTF).
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
/// The numbers of cgroup controllers, and a v1 hierarchy that every container runtime uses where v1 is in use.
const CGROUP_SUBSYS_IDS: &str = "cgroup_subsys_id";
const CGROUP_V1_SUBSYS: &str = "pids_cgrp_id";

/// A helper that came with Linux 5.15, and the structure it gives.
const REGS_HELPER: &str = "bpf_task_pt_regs";
const REGS: &str = "pt_regs";
/// Functions for programs that came with Linux 6.10.
const PREEMPT_DISABLE: &str = "bpf_preempt_disable";
const PREEMPT_ENABLE: &str = "bpf_preempt_enable";
/// Per-CPU part of what guards tracepoints since Linux 7.0, where programs on them can be preempted. Up to 6.12 it guarded
/// a few that have no program of ours; from 6.13 to 6.19 there is none.
const TRACEPOINT_GUARD: &str = "tracepoint_srcu_srcu_data";
/// Why packets are dropped, from Linux 5.17 on, and the tracepoint that says so.
const DROP_REASONS: &str = "skb_drop_reason";
const DROP_REASON_PREFIX: &str = "SKB_DROP_REASON_";
const DROP_TRACEPOINT: &str = "btf_trace_kfree_skb";
/// Tracepoints that changed their arguments, by the types that describe them to programs.
const URING_COMPLETE: &str = "btf_trace_io_uring_complete";
const URING_REFUSED: &str = "btf_trace_io_uring_req_failed";
const URING_SUBMIT_SQE: &str = "btf_trace_io_uring_submit_sqe";
/// The structure of a ring, a word of flags in it that newer kernels have, and one of them.
const URING: &str = "io_ring_ctx";
const URING_FLAGS: &str = "int_flags";
const URING_COMPAT_FLAG: &str = "IO_RING_F_COMPAT";
/// Size of a kernel stack, on both architectures.
const THREAD_BYTES: u32 = 16 << 10;

const MAGIC: u32 = 0xeb9f;
const HEADER_BYTES: usize = 24;
const TYPE_BYTES: usize = 12;
const MEMBER_BYTES: usize = 12;
const ENUMERATOR_BYTES: usize = 8;
const PARAMETER_BYTES: usize = 8;

/// Kinds of types, with the bytes that follow the head of each.
const PTR: u32 = 2;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const TYPE_TAG: u32 = 18;

/// Typedefs, qualifiers and unnamed structures inside each other that are followed: far more than the kernel nests.
const DEPTH_MAX: usize = 32;

/// Number of a type; the first one is 1.
type TypeId = u32;

/// The kernel's types.
pub(super) struct KernelTypes {
    bytes: Vec<u8>,
    strings_at: usize,
    /// Where each type begins, by number less 1.
    types: Vec<u32>,
    /// The structures that are looked into, and the enumeration of cgroup controllers.
    named: HashMap<&'static str, TypeId>,
}

/// The head of a type.
#[derive(Clone, Copy)]
struct Type<'a> {
    kind: u32,
    name: &'a str,
    /// Bitfields may be among the members; then the upper byte of an offset is a width.
    has_bitfields: bool,
    /// What a pointer, typedef or qualifier refers to; of a structure, its size.
    target: TypeId,
    /// Members or enumerators, where it has such.
    entries: &'a [u8],
}

impl KernelTypes {
    /// Reads the running kernel's types.
    pub(super) fn read() -> Result<Self> {
        let bytes = fs::read(VMLINUX).with_context(|| {
            format!("cannot read {VMLINUX}: this kernel was built without CONFIG_DEBUG_INFO_BTF")
        })?;
        Self::parse(bytes).with_context(|| format!("{VMLINUX} is not understood"))
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        if word(&bytes, 0)? & 0xffff != MAGIC {
            return None;
        }
        let header_bytes = word(&bytes, 4)? as usize;
        let [types_at, types_bytes, strings_at, _] =
            [8, 12, 16, 20].map(|at| word(&bytes, at).map(|value| value as usize));
        // Offsets have 32 bits each, and a sum of three fits into the 64 of a usize.
        let begin = header_bytes.max(HEADER_BYTES) + types_at?;
        let end = begin + types_bytes?;
        let strings_at = header_bytes.max(HEADER_BYTES) + strings_at?;
        let mut kernel = KernelTypes { bytes, strings_at, types: Vec::new(), named: HashMap::new() };
        let wanted: HashSet<&'static str> = Offsets::structures()
            .chain([CGROUP_SUBSYS_IDS, REGS_HELPER, REGS, PREEMPT_DISABLE, PREEMPT_ENABLE, TRACEPOINT_GUARD])
            .chain([DROP_REASONS, DROP_TRACEPOINT])
            .chain([URING_COMPLETE, URING_REFUSED, URING_SUBMIT_SQE])
            .chain(Operations::structures())
            .collect();
        let mut at = begin;
        while at < end {
            kernel.types.push(u32::try_from(at).ok()?);
            let info = word(&kernel.bytes, at + 4)?;
            let kind = info >> 24 & 0x1f;
            if matches!(kind, STRUCT | ENUM | FUNC | VAR | TYPEDEF)
                && let Some(name) = wanted.get(kernel.name(word(&kernel.bytes, at)?))
                && (kind == TYPEDEF) == name.starts_with("btf_trace_")
            {
                kernel.named.entry(name).or_insert(kernel.types.len() as TypeId);
            }
            at += TYPE_BYTES + bytes_behind(kind, info & 0xffff)?;
        }
        Some(kernel)
    }

    /// All offsets the programs need.
    pub(super) fn offsets(&self) -> Offsets {
        Offsets::resolve(|structure, path| self.offset(structure, path))
    }

    /// How many arguments a tracepoint has.
    fn arguments(&self, tracepoint: &str) -> Option<usize> {
        let pointer = self.get(self.underlying(*self.named.get(tracepoint)?)?)?;
        let prototype = self.get(pointer.target).filter(|target| target.kind == FUNC_PROTO)?;
        // The first is the program's own.
        (prototype.entries.len() / PARAMETER_BYTES).checked_sub(1)
    }

    /// What the tracepoint of completed `io_uring` operations has: a `COMPLETE_*`. `None` for what we do not know.
    pub(super) fn uring_complete(&self) -> Option<u32> {
        match self.arguments(URING_COMPLETE)? {
            3 => Some(COMPLETE_WHOLE),
            5 | 7 => Some(COMPLETE_PARTS),
            4 => Some(COMPLETE_WITHOUT_REQUEST),
            _ => None,
        }
    }

    /// Which argument of the older tracepoint of submissions is the request. `None` for what we do not know; until 5.10.161
    /// there was none.
    pub(super) fn uring_submit_request(&self) -> Option<u32> {
        match self.arguments(URING_SUBMIT_SQE)? {
            2 => Some(0),
            7 => Some(1),
            _ => None,
        }
    }

    /// Whether the tracepoint of refused submissions has the request where we look for it: from 6.0 on.
    pub(super) fn has_uring_refusals(&self) -> bool {
        self.arguments(URING_REFUSED) == Some(3)
    }

    /// Which bit of a ring tells that it is a 32-bit program's: a field of one bit up to 7.0, later one of several in a word.
    pub(super) fn uring_compat_bit(&self) -> Option<u32> {
        if let Some(bit) = self.bit_offset(URING, "compat") {
            return Some(bit);
        }
        let word = self.bit_offset(URING, URING_FLAGS)?;
        let flag = self.unnamed_enumerator(URING_COMPAT_FLAG)?;
        (flag.count_ones() == 1).then(|| word + flag.trailing_zeros())
    }

    /// The value of a name in one of the enumerations that have none themselves.
    fn unnamed_enumerator(&self, wanted: &str) -> Option<u32> {
        let ids = 1..=self.types.len() as TypeId;
        let enumerations =
            ids.filter_map(|id| self.get(id)).filter(|kind| kind.kind == ENUM && kind.name.is_empty());
        let mut entries = enumerations.flat_map(|kind| kind.entries.chunks_exact(ENUMERATOR_BYTES));
        let found = entries.find(|entry| word(entry, 0).is_some_and(|at| self.name(at) == wanted))?;
        word(found, 4)
    }

    /// Where a field is.
    pub(super) fn offset(&self, structure: &str, path: &str) -> Option<u32> {
        Some(self.bit_offset(structure, path)? / 8)
    }

    fn bit_offset(&self, structure: &str, path: &str) -> Option<u32> {
        let mut current = *self.named.get(structure)?;
        let mut bits = 0;
        for name in path.split('.') {
            let (offset, next) = self.field(current, name, DEPTH_MAX)?;
            bits += offset;
            current = next;
        }
        Some(bits)
    }

    /// Where the registers of a task stand in its kernel stack, when the kernel has no helper that gives them; or 0.
    pub(super) fn untyped_regs_at(&self) -> u32 {
        if self.named.contains_key(REGS_HELPER) {
            return 0;
        }
        let bytes = self.named.get(REGS).and_then(|&id| self.get(id)).map_or(0, |regs| regs.target);
        THREAD_BYTES.saturating_sub(bytes)
    }

    /// The functions that switch preemption off and on again, by their numbers as types; if there are both, and it is
    /// not off on every tracepoint anyway.
    pub(super) fn preempt_functions(&self) -> Option<[TypeId; 2]> {
        let function = |name| self.named.get(name).copied();
        function(TRACEPOINT_GUARD)?;
        Some([function(PREEMPT_DISABLE)?, function(PREEMPT_ENABLE)?])
    }

    /// Why this kernel drops packets: numbers, which differ between kernels, with their names.
    pub(super) fn drop_reasons(&self) -> BTreeMap<u32, String> {
        let reasons = self.enumerators(DROP_REASONS);
        let named = reasons.filter_map(|(name, value)| Some((value, name.strip_prefix(DROP_REASON_PREFIX)?)));
        named.map(|(value, name)| (value, name.to_owned())).collect()
    }

    /// How many arguments the tracepoint for dropped packets has.
    pub(super) fn drop_args(&self) -> u32 {
        self.arguments(DROP_TRACEPOINT).map_or(0, |arguments| arguments as u32)
    }

    fn enumerators(&self, name: &str) -> impl Iterator<Item = (&str, u32)> {
        let entries = self.named.get(name).and_then(|&id| self.get(id)).map_or(&[][..], |kind| kind.entries);
        let entries = entries.chunks_exact(ENUMERATOR_BYTES);
        entries.filter_map(|entry| Some((self.name(word(entry, 0)?), word(entry, 4)?)))
    }

    /// Index in `css_set.subsys` of the v1 hierarchy to report, or `ABSENT`.
    pub(super) fn cgroup_v1_subsys(&self) -> u32 {
        let mut ids = self.enumerators(CGROUP_SUBSYS_IDS);
        ids.find(|(name, _)| *name == CGROUP_V1_SUBSYS).map_or(ABSENT, |(_, index)| index)
    }

    /// Offset in bits and type of a field, also of one inside unnamed structures and unions.
    fn field(&self, structure: TypeId, name: &str, depth: usize) -> Option<(u32, TypeId)> {
        let structure = self.get(structure)?;
        if !matches!(structure.kind, STRUCT | UNION) || depth == 0 {
            return None;
        }
        for member in structure.entries.chunks_exact(MEMBER_BYTES) {
            let [member_name, target, offset] = [0, 4, 8].map(|at| word(member, at).unwrap_or(0));
            let offset = if structure.has_bitfields { offset & 0xff_ffff } else { offset };
            let member_name = self.name(member_name);
            if member_name == name {
                return Some((offset, self.underlying(target)?));
            }
            if member_name.is_empty()
                && let Some(target) = self.underlying(target)
                && let Some((inner, found)) = self.field(target, name, depth - 1)
            {
                return Some((offset + inner, found));
            }
        }
        None
    }

    /// A type without typedefs and qualifiers.
    fn underlying(&self, mut id: TypeId) -> Option<TypeId> {
        for _ in 0..DEPTH_MAX {
            let kind = self.get(id)?;
            if !matches!(kind.kind, TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG) {
                return Some(id);
            }
            id = kind.target;
        }
        None
    }

    fn get(&self, id: TypeId) -> Option<Type<'_>> {
        // `void` is number 0. As a field's type it is no structure, which is all one asks of it.
        let Some(index) = id.checked_sub(1) else {
            return Some(Type { kind: PTR, name: "", has_bitfields: false, target: 0, entries: &[] });
        };
        let at = *self.types.get(index as usize)? as usize;
        let info = word(&self.bytes, at + 4)?;
        let kind = info >> 24 & 0x1f;
        let entries_at = at + TYPE_BYTES;
        let entries = self.bytes.get(entries_at..entries_at + bytes_behind(kind, info & 0xffff)?)?;
        let name = self.name(word(&self.bytes, at)?);
        Some(Type { kind, name, has_bitfields: info >> 31 != 0, target: word(&self.bytes, at + 8)?, entries })
    }

    /// A name in the table of strings; empty when it is not there.
    fn name(&self, offset: u32) -> &str {
        let rest = self.bytes.get(self.strings_at + offset as usize..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == 0).unwrap_or(0);
        std::str::from_utf8(&rest[..length]).unwrap_or_default()
    }
}

/// Bytes behind the head of a type of this kind with so many entries; `None` for kinds yet to be invented.
fn bytes_behind(kind: u32, entries: u32) -> Option<usize> {
    let entries = entries as usize;
    Some(match kind {
        // Pointers, forward declarations, typedefs, qualifiers, functions, floats, type tags.
        PTR | 7..=12 | 16 | TYPE_TAG => 0,
        // Integers, variables, declaration tags.
        1 | VAR | 17 => 4,
        // Arrays.
        3 => 12,
        STRUCT | UNION => entries * MEMBER_BYTES,
        // Enumerations, prototypes.
        ENUM | 13 => entries * ENUMERATOR_BYTES,
        // Sections, enumerations of 64 bits.
        15 | 19 => entries * 12,
        _ => return None,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types as they would stand in the kernel's file.
    #[derive(Default)]
    struct Built {
        types: Vec<u32>,
        strings: Vec<u8>,
    }

    impl Built {
        fn string(&mut self, name: &str) -> u32 {
            let at = self.strings.len() as u32;
            self.strings.extend([name.as_bytes(), b"\0"].concat());
            at
        }

        fn add(&mut self, kind: u32, name: &str, target: u32, flag: u32, entries: &[(&str, u32, u32)]) {
            let name = self.string(name);
            self.types.extend([name, flag << 31 | kind << 24 | entries.len() as u32, target]);
            for (name, target, offset) in entries {
                let name = self.string(name);
                self.types.push(name);
                self.types.push(*target);
                if kind != ENUM {
                    self.types.push(*offset);
                }
            }
        }

        fn variable(&mut self, name: &str) {
            self.add(VAR, name, 1, 0, &[]);
            // Its linkage.
            self.types.push(1);
        }

        fn bytes(&self) -> Vec<u8> {
            let types = self.types.len() as u32 * 4;
            let header = [MAGIC | 1 << 16, HEADER_BYTES as u32, 0, types, types, self.strings.len() as u32];
            let words = header.iter().chain(&self.types).flat_map(|word| word.to_ne_bytes());
            words.chain(self.strings.iter().copied()).collect()
        }
    }

    fn kernel() -> Built {
        let mut built = Built::default();
        built.string("");
        built.add(STRUCT, "other", 4, 0, &[("pid", 0, 0)]);
        built.add(STRUCT, "task_struct", 64, 1, &[("flags", 0, 3 << 24 | 32), ("", 4, 64), ("mm", 0, 256)]);
        built.add(UNION, "", 16, 0, &[("ignored", 0, 0), ("pid", 0, 32)]);
        built.add(TYPEDEF, "hidden", 3, 0, &[]);
        built.add(STRUCT, "ns_common", 8, 0, &[("inum", 0, 32)]);
        built.add(CONST, "", 5, 0, &[]);
        built.add(STRUCT, "net", 64, 0, &[("ns", 6, 128)]);
        built.add(ENUM, CGROUP_SUBSYS_IDS, 4, 0, &[("cpu_cgrp_id", 0, 0), (CGROUP_V1_SUBSYS, 11, 0)]);
        built
    }

    #[test]
    fn fields_are_found_through_unnamed_members_typedefs_and_paths() {
        let kernel = KernelTypes::parse(kernel().bytes()).expect("types");
        let offsets = kernel.offsets();
        assert_eq!((offsets.task_flags, offsets.task_pid, offsets.task_mm), (4, 12, 32));
        assert_eq!((offsets.net_inum, offsets.task_tgid, offsets.cred_uid), (20, ABSENT, ABSENT));
        assert_eq!(kernel.cgroup_v1_subsys(), 11);
    }

    #[test]
    fn a_ring_tells_by_a_bit_that_it_is_a_32_bit_programs() {
        let bit = |built: &Built| KernelTypes::parse(built.bytes()).expect("types").uring_compat_bit();
        assert_eq!(bit(&kernel()), None);
        let mut old = kernel();
        old.add(
            STRUCT,
            URING,
            64,
            1,
            &[("flags", 0, 0), ("restricted", 0, 1 << 24 | 32), ("compat", 0, 1 << 24 | 33)],
        );
        assert_eq!(bit(&old), Some(33));
        let mut new = kernel();
        new.add(STRUCT, URING, 64, 0, &[("flags", 0, 0), (URING_FLAGS, 0, 32)]);
        assert_eq!(bit(&new), None);
        new.add(ENUM, "", 4, 0, &[("IO_RING_F_DRAIN_NEXT", 1, 0), (URING_COMPAT_FLAG, 1 << 11, 0)]);
        assert_eq!(bit(&new), Some(32 + 11));
    }

    #[test]
    fn without_the_helper_the_registers_are_at_the_end_of_the_stack() {
        let mut old = kernel();
        old.add(STRUCT, REGS, 168, 0, &[]);
        let at = |built: &Built| KernelTypes::parse(built.bytes()).expect("types").untyped_regs_at();
        assert_eq!(at(&old), 16384 - 168);
        old.add(FUNC, REGS_HELPER, 1, 0, &[]);
        assert_eq!(at(&old), 0);
    }

    #[test]
    fn the_functions_that_switch_preemption_are_found_where_they_are_needed() {
        let mut built = kernel();
        built.add(FUNC, PREEMPT_ENABLE, 1, 0, &[]);
        let functions = |built: &Built| KernelTypes::parse(built.bytes()).expect("types").preempt_functions();
        assert_eq!(functions(&built), None);
        built.add(FUNC, PREEMPT_DISABLE, 1, 0, &[]);
        assert_eq!(functions(&built), None);
        built.variable(TRACEPOINT_GUARD);
        let [disable, enable] = functions(&built).expect("both");
        assert_eq!(disable, enable + 1);
    }

    #[test]
    fn every_prefix_and_every_flipped_byte_is_refused_or_read_without_panic() {
        let whole = kernel().bytes();
        for len in 0..whole.len() {
            if let Some(kernel) = KernelTypes::parse(whole[..len].to_vec()) {
                kernel.offsets();
            }
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                if let Some(kernel) = KernelTypes::parse(bytes) {
                    kernel.offsets();
                    kernel.cgroup_v1_subsys();
                    kernel.uring_compat_bit();
                }
            }
        }
    }
}
