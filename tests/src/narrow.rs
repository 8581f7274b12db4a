//! Calls through the 32-bit entry of a 64-bit kernel, made by a 64-bit program: what it points to lies below 4 GiB.

use std::arch::asm;
use std::cell::Cell;

use capture_format::schema::{Abi, syscall_nr};

/// Bytes of the memory that arguments point to.
const ROOM: usize = 1 << 20;

/// Memory below 4 GiB, handed out from front to back.
#[derive(Debug)]
pub struct Low {
    base: usize,
    used: Cell<usize>,
}

impl Low {
    /// Maps it.
    pub fn new() -> std::io::Result<Low> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), ROOM, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        if base == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Low { base: base as usize, used: Cell::new(0) })
    }

    /// Zeroed room for so many bytes.
    pub fn room(&self, bytes: usize) -> u32 {
        let at = self.used.get();
        assert!(at + bytes < ROOM, "more was asked for than there is");
        self.used.set((at + bytes).next_multiple_of(16));
        u32::try_from(self.base + at).expect("MAP_32BIT stays below 2 GiB")
    }

    /// Room that holds these bytes.
    pub fn bytes(&self, bytes: &[u8]) -> u32 {
        let address = self.room(bytes.len());
        // SAFETY: the room was just handed out, and is as long.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address as usize as *mut u8, bytes.len()) };
        address
    }

    /// Room that holds a text and a NUL.
    pub fn text(&self, text: &str) -> u32 {
        self.bytes(format!("{text}\0").as_bytes())
    }

    /// Room that holds these words.
    pub fn words(&self, words: &[u32]) -> u32 {
        self.bytes(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
    }

    /// A word that a call left there.
    pub fn word(&self, address: u32) -> u32 {
        // SAFETY: the addresses come from `room`.
        unsafe { (address as usize as *const u32).read_unaligned() }
    }

    /// Makes a call by its name on i386; its result, or -errno.
    pub fn call(&self, name: &str, arguments: &[u32]) -> i32 {
        let number = syscall_nr(Abi::I386, name).unwrap_or_else(|| panic!("i386 has no {name}"));
        raw(number, arguments)
    }

    /// Makes a call through `socketcall`.
    pub fn socketcall(&self, sub: u32, arguments: &[u32]) -> i32 {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        raw(102, &[sub, self.words(&all)])
    }

    /// A result as the descriptor that it is.
    pub fn fd(&self, name: &str, arguments: &[u32]) -> u32 {
        self.call(name, arguments) as u32
    }
}

/// Makes the call `number`.
pub fn raw(number: u32, arguments: &[u32]) -> i32 {
    let mut registers = [0_u32; 7];
    registers[0] = number;
    registers[1..=arguments.len()].copy_from_slice(arguments);
    let result: u64;
    // SAFETY: callers pass addresses of `Low`, or such as are meant to be refused. The two registers that the
    // compiler keeps for itself are put back.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "mov eax, [r12]",
            "mov ebx, [r12 + 4]",
            "mov ecx, [r12 + 8]",
            "mov edx, [r12 + 12]",
            "mov esi, [r12 + 16]",
            "mov edi, [r12 + 20]",
            "mov ebp, [r12 + 24]",
            "int 0x80",
            "pop rbp",
            "pop rbx",
            in("r12") registers.as_ptr(),
            lateout("rax") result,
            out("rcx") _, out("rdx") _, out("rsi") _, out("rdi") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result as i32
}
