//! Where the running kernel keeps the fields of its structures, from its own type information.

use std::collections::HashMap;

use anyhow::{Context, Result};
use btf_rs::{Btf, BtfType, Type};
use wire::offsets::{ABSENT, Offsets};

/// Where the kernel exposes its type information (5.4 and later, CONFIG_DEBUG_INFO_BTF).
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
/// A v1 hierarchy that every container runtime uses where v1 is in use.
const CGROUP_V1_SUBSYS: &str = "pids_cgrp_id";

/// The kernel's types.
pub(super) struct KernelTypes {
    btf: Btf,
}

impl KernelTypes {
    /// Reads the running kernel's types.
    pub(super) fn read() -> Result<Self> {
        // Read whole: the crate's reading from a file seeks once per type.
        let bytes = std::fs::read(VMLINUX).with_context(|| {
            format!("cannot read {VMLINUX}: this kernel was built without CONFIG_DEBUG_INFO_BTF")
        })?;
        let btf = Btf::from_bytes(&bytes).with_context(|| format!("{VMLINUX} is not understood"))?;
        Ok(KernelTypes { btf })
    }

    /// All offsets the programs need.
    pub(super) fn offsets(&self) -> Offsets {
        let mut structures = HashMap::new();
        for name in Offsets::structures() {
            structures.entry(name).or_insert_with(|| self.structure(name));
        }
        Offsets::resolve(|structure, path| {
            let mut current = structures.get(structure)?.clone()?;
            let mut bits = 0;
            for name in path.split('.') {
                let (offset, next) = self.field(&current, name)?;
                bits += offset;
                current = next;
            }
            Some(bits / 8)
        })
    }

    /// Index in `css_set.subsys` of the v1 hierarchy to report, or `ABSENT`.
    pub(super) fn cgroup_v1_subsys(&self) -> u32 {
        let Ok(types) = self.btf.resolve_types_by_name("cgroup_subsys_id") else { return ABSENT };
        for kind in types {
            if let Type::Enum(ids) = kind {
                for member in &ids.members {
                    if self.btf.resolve_name(member).is_ok_and(|name| name == CGROUP_V1_SUBSYS) {
                        return member.val();
                    }
                }
            }
        }
        ABSENT
    }

    fn structure(&self, name: &str) -> Option<Type> {
        let types = self.btf.resolve_types_by_name(name).ok()?;
        types.into_iter().find(|kind| matches!(kind, Type::Struct(_)))
    }

    /// Offset in bits and type of a field, also of one inside unnamed structures and unions.
    fn field(&self, structure: &Type, name: &str) -> Option<(u32, Type)> {
        let (Type::Struct(fields) | Type::Union(fields)) = structure else { return None };
        for member in &fields.members {
            let member_name = self.btf.resolve_name(member).unwrap_or_default();
            if !member_name.is_empty() && member_name != name {
                continue;
            }
            let target = self.underlying(member)?;
            if member_name == name {
                return Some((member.bit_offset(), target));
            }
            if let Some((offset, kind)) = self.field(&target, name) {
                return Some((member.bit_offset() + offset, kind));
            }
        }
        None
    }

    /// The type of a member without typedefs and qualifiers.
    fn underlying(&self, member: &dyn BtfType) -> Option<Type> {
        let mut kind = self.btf.resolve_chained_type(member).ok()?;
        loop {
            let inner: &dyn BtfType = match &kind {
                Type::Typedef(inner) => inner,
                Type::Volatile(inner) | Type::Const(inner) => inner,
                Type::Restrict(inner) => inner,
                Type::TypeTag(inner) => inner,
                _ => return Some(kind),
            };
            kind = self.btf.resolve_chained_type(inner).ok()?;
        }
    }
}
