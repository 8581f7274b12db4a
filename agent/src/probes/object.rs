//! The compiled kernel programs, and what is changed in them before load.

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use wire::ring::{PREEMPT_DISABLE_MARK, PREEMPT_ENABLE_MARK};

/// Empty when the kernel programs had not been built.
static PROGRAMS: &[u8] = aya::include_bytes_aligned!(env!("SYSREEL_BPF_OBJECT"));

/// Offset of `value_size` in the legacy map definition (`struct bpf_map_def`).
const VALUE_SIZE_AT: usize = 8;

/// An instruction: what it does, its registers, an offset, a number.
const INSTRUCTION_BYTES: usize = 8;
/// The call of a helper, whose number it has; with `KERNEL_FUNCTION` in place of registers, of a function of the kernel.
const CALL: u8 = 0x85;
const KERNEL_FUNCTION: u8 = 2 << 4;
/// Sets register 0, which a call may change anyway, to 0.
const NOTHING: [u8; INSTRUCTION_BYTES] = [0xb7, 0, 0, 0, 0, 0, 0, 0];

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

/// Puts the kernel's functions that switch preemption off and on in the places that are marked for them, or nothing.
pub(super) fn place_preempt_functions(object: &mut [u8], functions: Option<[u32; 2]>) -> Result<()> {
    let file = object::File::parse(&*object).context("the kernel programs are not an ELF object")?;
    let ranges: Vec<_> = file
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
        .filter_map(|section| section.file_range())
        .collect();
    for (at, bytes) in ranges {
        let (at, bytes) = (usize::try_from(at)?, usize::try_from(bytes)?);
        let code = object.get_mut(at..at + bytes).context("a section of the kernel programs is cut")?;
        for instruction in code.chunks_exact_mut(INSTRUCTION_BYTES) {
            replace_mark(instruction, functions);
        }
    }
    Ok(())
}

fn replace_mark(instruction: &mut [u8], functions: Option<[u32; 2]>) {
    let [CALL, 0, 0, 0, number @ ..] = instruction else { return };
    let Ok(number) = (&*number).try_into().map(i32::from_le_bytes) else { return };
    let which = match number {
        PREEMPT_DISABLE_MARK => 0,
        PREEMPT_ENABLE_MARK => 1,
        _ => return,
    };
    match functions {
        None => instruction.copy_from_slice(&NOTHING),
        Some(functions) => {
            instruction[1] = KERNEL_FUNCTION;
            instruction[4..].copy_from_slice(&functions[which].to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: i32) -> [u8; INSTRUCTION_BYTES] {
        let [a, b, c, d] = number.to_le_bytes();
        [CALL, 0, 0, 0, a, b, c, d]
    }

    #[test]
    fn marks_become_functions_or_nothing_and_helpers_stay() {
        let replaced = |number, functions| {
            let mut instruction = call(number);
            replace_mark(&mut instruction, functions);
            instruction
        };
        let functions = Some([0x1_0203, 7]);
        assert_eq!(replaced(PREEMPT_DISABLE_MARK, functions), [CALL, 0x20, 0, 0, 3, 2, 1, 0]);
        assert_eq!(replaced(PREEMPT_ENABLE_MARK, functions), [CALL, 0x20, 0, 0, 7, 0, 0, 0]);
        assert_eq!(replaced(PREEMPT_DISABLE_MARK, None), NOTHING);
        assert_eq!(replaced(125, functions), call(125));
    }

    #[test]
    fn no_mark_is_left_in_the_programs() -> Result<()> {
        // Empty where the kernel programs have not been built.
        let Ok(programs) = programs() else { return Ok(()) };
        let marks = |bytes: &[u8]| {
            let mark = |mark| bytes.windows(INSTRUCTION_BYTES).filter(|at| **at == call(mark)).count();
            [mark(PREEMPT_DISABLE_MARK), mark(PREEMPT_ENABLE_MARK)]
        };
        let [disable, enable] = marks(programs);
        assert!(
            disable > 0 && enable > disable,
            "{disable} and {enable}: are the programs older than the agent? `cargo xtask build` makes them anew"
        );
        let mut placed = programs.to_vec();
        place_preempt_functions(&mut placed, None)?;
        assert_eq!(marks(&placed), [0, 0]);
        Ok(())
    }
}
