//! The kernel half of the agent: programs on tracepoints that write records into per-CPU rings.
//!
//! One event per call, made at exit and driven by a table (`syscalls`, `fetch`); what never returns or replaces
//! the image comes from the scheduler's tracepoints (`process`); signals, cgroup moves and TCP connections have
//! probes of their own, and so have the operations of `io_uring` (`uring`). All write through `ring`, read memory through
//! `memory` and take constants from `settings`. The records are described in the `wire` crate.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod cgroup;
mod descriptors;
mod dns;
mod facts;
mod fetch;
mod kernel;
mod memory;
mod names;
mod network;
mod outside;
mod packet;
mod path;
mod peers;
mod process;
mod ring;
mod settings;
mod signal;
mod syscalls;
mod uring;
mod uring_fetch;
mod uring_marks;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Some helpers are only for programs under a licence compatible with the kernel's.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
