//! The compiled kernel programs, and the one thing that is changed in them before load.

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol};

/// Empty when the kernel programs had not been built.
static PROGRAMS: &[u8] = aya::include_bytes_aligned!(env!("SYSREEL_BPF_OBJECT"));

/// Offset of `value_size` in the legacy map definition (`struct bpf_map_def`).
const VALUE_SIZE_AT: usize = 8;

/// The programs as `cargo xtask build` made them.
pub(super) fn programs() -> Result<&'static [u8]> {
    if PROGRAMS.is_empty() {
        bail!("this sysreel-agent was built without its kernel programs; run `cargo xtask build`");
    }
    Ok(PROGRAMS)
}

/// The object with elements of `bytes` in the map of rings. The loader can set the count of a map's elements but
/// not their size, so the definition is changed in place.
pub(super) fn with_ring_bytes(object: &[u8], bytes: usize) -> Result<Vec<u8>> {
    let file = object::File::parse(object).context("the kernel programs are not an ELF object")?;
    let symbol = file.symbol_by_name("RINGS").context("the kernel programs lack the map RINGS")?;
    let section = symbol.section_index().context("RINGS has no section")?;
    let (section_offset, _) =
        file.section_by_index(section)?.file_range().context("the section of RINGS has no bytes")?;
    let at = usize::try_from(section_offset + symbol.address())? + VALUE_SIZE_AT;
    let size = u32::try_from(bytes).context("a ring must be smaller than 4 GiB")?;
    let mut patched = object.to_vec();
    patched
        .get_mut(at..at + 4)
        .context("the definition of RINGS is cut")?
        .copy_from_slice(&size.to_le_bytes());
    Ok(patched)
}
