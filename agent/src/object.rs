//! The kernel programs this agent carries, as `cargo xtask build` made them.

use anyhow::{Result, bail};

/// Empty when the kernel programs had not been built.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("SYSREEL_BPF_OBJECT"));

/// The ELF object to load, aligned as its parser needs it.
pub fn kernel_programs() -> Result<&'static [u8]> {
    if OBJECT.is_empty() {
        bail!("this sysreel-agent was built without its kernel programs; run `cargo xtask build`");
    }
    Ok(OBJECT)
}
