//! Signals that were sent: of each process the last one, for when it ends.

/// The last signal sent to a process.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Sending {
    /// Process it was sent to.
    pub receiver: u32,
    /// Number of the signal.
    pub signal: u32,
    /// Process that sent it; 0 for the kernel.
    pub pid: u32,
    /// User that the sender was.
    pub uid: u32,
    /// Name of the thread that sent it, or that was running when the kernel did.
    pub comm: [u8; 16],
    /// What the kernel handed on with it.
    pub info: u64,
}

/// Slots by the lowest bits of the receiver's id. One that is taken over by another process's before its signal is
/// delivered costs the sender's name.
pub const SENDINGS_MAX: u32 = 1024;
