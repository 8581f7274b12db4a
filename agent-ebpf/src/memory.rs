//! Reading kernel and user memory by address.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user};
use core::ffi::c_void;
use wire::offsets::ABSENT;

use crate::settings::setting;

/// Hides a value's origin from the compiler, so that the bound checked next is the bound the verifier sees.
#[inline(always)]
pub(crate) fn opaque(mut value: u64) -> u64 {
    // SAFETY: moves a register onto itself. (Nothing at all would leave two line entries for one instruction,
    // which the kernel refuses.)
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// `value`, or `MAX` when it is larger.
///
/// The compiler would keep the bound in a register and compare the other way round, of which verifiers before Linux 6.8
/// learn nothing when the bound holds already: they go on with a value that cannot be. And what does not jump is walked
/// first: after any value up to `MAX`, that of `MAX` itself is nothing new.
#[inline(always)]
pub(crate) fn clamp<const MAX: u64>(value: u64) -> u64 {
    let mut clamped = MAX;
    // SAFETY: skips one instruction of its own.
    unsafe {
        core::arch::asm!(
            "if {value} > {max} goto +1",
            "{clamped} = {value}",
            clamped = inout(reg) clamped,
            value = in(reg) value,
            max = const MAX,
            options(nomem, nostack, preserves_flags)
        );
    };
    clamped
}

/// Copies `bytes` bytes of kernel memory; whether that worked.
#[inline(always)]
pub(crate) unsafe fn copy_kernel(target: *mut u8, bytes: u64, address: u64) -> bool {
    bpf_probe_read_kernel(target.cast::<c_void>(), bytes as u32, address as *const c_void) == 0
}

/// Copies `bytes` bytes of user memory; whether that worked.
#[inline(always)]
pub(crate) unsafe fn copy_user(target: *mut u8, bytes: u64, address: u64) -> bool {
    bpf_probe_read_user(target.cast::<c_void>(), bytes as u32, address as *const c_void) == 0
}

/// A value in kernel memory; zero when it cannot be read or the field does not exist. `T` is made of integers.
#[inline(always)]
pub(crate) unsafe fn read<T: Copy>(base: u64, offset: u64) -> T {
    if offset == u64::from(ABSENT) {
        return core::mem::zeroed();
    }
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // The helper fills the whole value; with zeroes when it fails.
    copy_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u64, base + offset);
    value.assume_init()
}

/// A field of a structure that the verifier knows the type of, read by a plain load; 0 where that is not mapped. Old
/// kernels hand out no types: there it is read like any other.
#[inline(always)]
pub(crate) unsafe fn load<T: Copy>(base: *const u8, offset: u64) -> T {
    if setting!(untyped_regs_at) != 0 {
        return read(base as u64, offset);
    }
    base.add(offset as usize).cast::<T>().read_volatile()
}

/// A pointer in such a structure.
#[inline(always)]
pub(crate) unsafe fn follow(base: *const u8, offset: u64) -> *const u8 {
    if setting!(untyped_regs_at) != 0 {
        return read::<u64>(base as u64, offset) as *const u8;
    }
    base.add(offset as usize).cast::<*const u8>().read_volatile()
}

/// The beginning of a structure, read at once: a call of a helper costs more than the bytes. Fields beyond it are
/// read on their own.
pub(crate) struct Head<const BYTES: usize> {
    base: u64,
    copy: *mut u8,
}

impl<const BYTES: usize> Head<BYTES> {
    /// Copies it to `copy`, a room in the ring: the stack has none.
    #[inline(always)]
    pub(crate) unsafe fn read(copy: *mut u8, base: u64) -> Self {
        copy_kernel(copy, BYTES as u64, base);
        Head { base, copy }
    }

    /// The field at an offset the verifier knows. `T` is made of integers.
    #[inline(always)]
    pub(crate) unsafe fn field<T: Copy>(&self, offset: u64) -> T {
        if offset > (BYTES - size_of::<T>()) as u64 {
            return read(self.base, offset);
        }
        self.copy.add(offset as usize).cast::<T>().read_volatile()
    }
}

/// A value in user memory. `T` is made of integers.
#[inline(always)]
pub(crate) unsafe fn read_user<T: Copy>(address: u64) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    if copy_user(value.as_mut_ptr().cast(), size_of::<T>() as u64, address) {
        Some(value.assume_init())
    } else {
        None
    }
}

/// A value in user memory; zero when it cannot be read.
#[inline(always)]
pub(crate) unsafe fn read_user_or_zero<T: Copy>(address: u64) -> T {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // The helper fills the whole value; with zeroes when it fails.
    copy_user(value.as_mut_ptr().cast(), size_of::<T>() as u64, address);
    value.assume_init()
}

/// Stores fields of a block one by one. A whole block would be made on the stack and copied byte by byte.
macro_rules! store {
    ($target:expr, $($field:ident: $value:expr,)*) => {{
        let target = $target;
        $((&raw mut (*target).$field).write_volatile($value);)*
    }};
}

pub(crate) use store;
