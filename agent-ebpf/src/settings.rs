//! What the agent hands over before load: read-only data that the verifier treats as constants.

use wire::offsets::{Offsets, SETTINGS_RESERVED, Settings};

#[unsafe(no_mangle)]
static SETTINGS: Settings = Settings {
    ring_mask: 0,
    name_seed: 0,
    name_key: 0,
    snap_bytes: 80,
    self_tgid: 0,
    follow: 0,
    latency: 0,
    start_mask: 0,
    env: 0,
    cgroup_v1_subsys: u32::MAX,
    aarch64: 0,
    untyped_regs_at: 0,
    drop_args: 0,
    uring_complete: 0,
    uring_submit_request: 0,
    dns_bytes: 0,
    marks: 0,
    descriptor_marks: 0,
    uring_has_context: 0,
    uring_compat_bit: u32::MAX,
    offsets: Offsets::NONE,
    reserved: [0; SETTINGS_RESERVED],
};

/// Reads one setting. Volatile, or the compiler would fold the placeholder above.
macro_rules! setting {
    ($field:ident) => {{
        let field = &raw const (*$crate::settings::settings()).$field;
        core::ptr::read_volatile(field)
    }};
}

/// Reads one offset.
macro_rules! offset {
    ($field:ident) => {{
        let field = &raw const (*$crate::settings::settings()).offsets.$field;
        u64::from(core::ptr::read_volatile(field))
    }};
}

pub(crate) use {offset, setting};

#[inline(always)]
pub(crate) fn settings() -> *const Settings {
    &raw const SETTINGS
}
