//! Copying what the arguments of an `io_uring` operation point to, as the table says: what the program gave when it is
//! submitted, what the kernel filled when it completes.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user_str};
use core::ffi::c_void;
use wire::SectionState;
use wire::table::{
    FETCH_FIXED_IN, FETCH_FIXED_OUT, FETCH_IOVEC_OUT, FETCH_LENPTR_OUT, FETCH_MSGHDR_IN, FETCH_MSGHDR_OUT,
    FETCH_STRING,
};
use wire::uring::{COMMAND_BYTES, FETCH_FILENAME, IMAGE_BYTES, OperationFetch, SQE_BYTES};

use crate::dns;
use crate::fetch::{self, Data, Longs};
use crate::memory::{clamp, copy_user, opaque, read, read_user_or_zero};
use crate::ring::{FETCH_BYTES_MAX, POSITION_MAX, Slot};
use crate::settings::offset;

/// `PATH_MAX`.
const PATH_BYTES_MAX: u64 = 4096;
/// `struct sockaddr_storage`.
const ADDRESS_BYTES_MAX: u64 = 128;
/// Largest block of fixed size.
const FIXED_BYTES_MAX: u64 = 512;

/// A value in the image that the record has at `image_at`.
#[inline(always)]
unsafe fn image_u64(slot: &Slot, image_at: u64, at: u8) -> u64 {
    let at = clamp::<{ IMAGE_BYTES as u64 - 8 }>(opaque(u64::from(at)));
    slot.body(image_at).add(at as usize).cast::<u64>().read_volatile()
}

/// Copies a string or a block that an argument of a submission points to.
#[inline(always)]
pub(crate) unsafe fn fetch_block(
    slot: &Slot,
    fetch: *const OperationFetch,
    image_at: u64,
    position: u64,
) -> u64 {
    let position = opaque(slot.forget(position));
    let (how, arg) = ((*fetch).how, (*fetch).arg);
    if position > POSITION_MAX {
        return position;
    }
    let address = image_u64(slot, image_at, (*fetch).address_at);
    let second = image_u64(slot, image_at, (*fetch).length_at);
    if how == FETCH_FILENAME || how == FETCH_STRING {
        let (kernel, user) = if how == FETCH_FILENAME { (address, second) } else { (0, address) };
        return filename(slot, position, arg, kernel, user);
    }
    if address == 0 {
        return slot.section(position, arg, SectionState::Null, 0);
    }
    let size = u64::from((*fetch).size);
    let wanted = if how == FETCH_FIXED_IN { size } else { (second & 0x7fff_ffff) * size };
    let most = if how == FETCH_FIXED_IN { FIXED_BYTES_MAX } else { slot.snap_bytes() };
    copy_block(slot, position, arg, address, wanted, most)
}

/// Copies `wanted` bytes of user memory, `most` at most.
#[inline(always)]
unsafe fn copy_block(slot: &Slot, position: u64, arg: u8, address: u64, wanted: u64, most: u64) -> u64 {
    let wanted = slot.forget(wanted);
    let target = slot.body(position);
    let kept = slot.bounded::<FETCH_BYTES_MAX>(if wanted > most { most } else { wanted });
    if !copy_user(target, kept, address) {
        return slot.section(position, arg, SectionState::Unreadable, 0);
    }
    if wanted > kept {
        let instead = dns::bytes_instead(target, kept);
        if instead > kept {
            let more = slot.bounded::<FETCH_BYTES_MAX>(if wanted > instead { instead } else { wanted });
            if copy_user(target, more, address) {
                return slot.section(position, arg, SectionState::Data, more);
            }
        }
    }
    slot.section(position, arg, SectionState::Data, kept)
}

/// Copies an iovec or a message that an argument of a submission points to.
#[inline(always)]
pub(crate) unsafe fn fetch_vector(
    slot: &Slot,
    fetch: *const OperationFetch,
    image_at: u64,
    position: u64,
) -> u64 {
    let position = opaque(slot.forget(position));
    if position > POSITION_MAX {
        return position;
    }
    let address = image_u64(slot, image_at, (*fetch).address_at);
    let count = image_u64(slot, image_at, (*fetch).length_at) & 0xffff_ffff;
    copy_vector(slot, position, fetch, address, count, FETCH_BYTES_MAX, false)
}

/// Copies `count` parts of an iovec, or a message, of which `whole` bytes at most are data.
#[inline(always)]
unsafe fn copy_vector(
    slot: &Slot,
    position: u64,
    fetch: *const OperationFetch,
    address: u64,
    count: u64,
    whole: u64,
    is_out: bool,
) -> u64 {
    let arg = (*fetch).arg;
    if address == 0 {
        return slot.section(position, arg, SectionState::Null, 0);
    }
    let is_message = || (&raw const (*fetch).how).read_volatile() & !1 == FETCH_MSGHDR_IN;
    let longs = Longs { address, width: || slot.long_bytes() };
    let data = Data { longs, is_message, parts: count, is_out: || is_out, whole };
    match data.copy::<{ fetch::IOVEC_PARTS_MAX }>(slot, position, 0) {
        Some(bytes) => {
            let bytes = slot.bounded::<FETCH_BYTES_MAX>(bytes);
            slot.section(position, arg, SectionState::Data, bytes)
        }
        None => slot.section(position, arg, SectionState::Unreadable, 0),
    }
}

/// Copies the name that the kernel took, or the string in user memory.
#[inline(always)]
unsafe fn filename(slot: &Slot, position: u64, arg: u8, filename: u64, user: u64) -> u64 {
    let body = slot.body(position).cast::<c_void>();
    let mut copied = -1;
    if filename != 0 {
        let name: u64 = read(filename, offset!(filename_name));
        copied = bpf_probe_read_kernel_str(body, PATH_BYTES_MAX as u32, name as *const c_void);
    }
    if copied <= 0 {
        if user == 0 {
            return slot.section(position, arg, SectionState::Null, 0);
        }
        copied = bpf_probe_read_user_str(body, PATH_BYTES_MAX as u32, user as *const c_void);
    }
    if copied <= 0 {
        return slot.section(position, arg, SectionState::Unreadable, 0);
    }
    slot.section(position, arg, SectionState::Data, clamp::<PATH_BYTES_MAX>(copied as u64 - 1))
}

/// Copies what the kernel filled for an argument.
#[inline(always)]
pub(crate) unsafe fn fetch_out(
    slot: &Slot,
    fetch: *const OperationFetch,
    request: u64,
    position: u64,
) -> u64 {
    let position = opaque(slot.forget(position));
    let (how, arg) = ((*fetch).how, (*fetch).arg);
    if position > POSITION_MAX {
        return position;
    }
    let result = slot.result();
    if result < 0 {
        return slot.section(position, arg, SectionState::Unreadable, 0);
    }
    // Only what the kernel keeps of the request: the entry of the queue is another one's by now.
    let at = |at: u8| u64::from(at).wrapping_sub(SQE_BYTES as u64) & (COMMAND_BYTES as u64 - 1);
    let address: u64 = read(request, at((*fetch).address_at));
    let second: u64 = read(request, at((*fetch).length_at));
    let (filled, snap) = (result as u64, slot.snap_bytes());
    if how == FETCH_IOVEC_OUT || how == FETCH_MSGHDR_OUT {
        return copy_vector(slot, position, fetch, address, second & 0xffff_ffff, filled, true);
    }
    if address == 0 {
        return slot.section(position, arg, SectionState::Null, 0);
    }
    let size = u64::from((*fetch).size);
    let (wanted, most) = match how {
        FETCH_FIXED_OUT => (size, FIXED_BYTES_MAX),
        FETCH_LENPTR_OUT => (u64::from(read_user_or_zero::<u32>(second)), ADDRESS_BYTES_MAX),
        _ => (clamp::<0x7fff_ffff>(filled) * size, snap),
    };
    copy_block(slot, position, arg, address, wanted, most)
}
