//! What can be typed. Nothing is done here: see [`crate::record::Plan`].

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Records what happens on a Linux machine.
#[derive(Debug, Parser)]
#[command(name = "sysreel-agent", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record system calls, processes and signals into a capture.
    #[command(after_help = "\
Examples:
  sysreel-agent record -w out.reel -- curl http://127.0.0.1:8000/   a command and everything it starts
  sysreel-agent record -w out.reel -M 30                            the whole machine for 30 seconds
  sysreel-agent record -w - | sysreel read - 'proc.name!=sysreel'   live, without what the reader does
  sysreel-agent record -w out.reel -C 100 -W 5                      the last 500 MB: out.reel0, out.reel1, ...
  sysreel-agent record -w out.reel --calls openat,connect,execve    only these calls
  sysreel-agent record -w out.reel --calls '!read,!write'           all but these
  sysreel-agent record -w out.reel 'evt.failed=true and fd.name startswith /etc'
  sysreel-agent record -w out.reel --budget cpu=5%,rate=20MB/s      within limits, and says what they cost

Exit status: that of the command, if one was given, 127 when it is not found and 126 when it cannot be run (nothing is
written then); otherwise 0, or 1 when recording failed or the command line is wrong.
Ctrl-C ends a recording cleanly. With a command it waits for the command, and a second Ctrl-C does not. A pipe whose
reader takes nothing is given up a second after the first Ctrl-C, at once after the second.")]
    Record(Box<RecordArgs>),
    /// Tell whether and how this machine can be recorded: loads the kernel programs, and takes them away again.
    Doctor {
        /// Where the host's /proc is mounted.
        #[arg(long, value_name = "DIR", default_value = "/proc")]
        proc_root: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// Capture to write, over what was there; `-` for standard output. With -C, -G or -e a number follows: out.reel0.
    #[arg(short = 'w', long = "write", value_name = "FILE", required_unless_present = "explain")]
    pub(crate) write: Option<PathBuf>,
    /// Bytes to keep of each buffer that is read or written.
    #[arg(short = 's', long = "snaplen", value_name = "BYTES", default_value_t = 80)]
    pub(crate) snap_bytes: u32,
    /// Stop after this many seconds.
    #[arg(short = 'M', value_name = "SECONDS")]
    pub(crate) seconds: Option<f64>,
    /// Stop after this many events.
    #[arg(short = 'n', long = "numevents", value_name = "COUNT")]
    pub(crate) events: Option<u64>,
    /// Begin a new file when one has this many million bytes: out.reel0, out.reel1, ...
    #[arg(short = 'C', long = "file-size", value_name = "MB")]
    pub(crate) file_megabytes: Option<u64>,
    /// Begin a new file after this many seconds, numbered as with -C; `%` conversions in the name stand for the time.
    #[arg(short = 'G', long = "seconds", value_name = "SECONDS")]
    pub(crate) file_seconds: Option<u64>,
    /// Begin a new file after this many events, numbered as with -C.
    #[arg(short = 'e', value_name = "COUNT")]
    pub(crate) file_events: Option<u64>,
    /// Keep at most this many files: the oldest is removed, and numbers go on (out.reel00, ... with 11 files or more).
    #[arg(short = 'W', long = "limit", value_name = "COUNT")]
    pub(crate) files: Option<usize>,
    /// Record only these events: names separated by commas, as in `sysreel events`.
    ///
    /// `%CATEGORY` stands for all of one category, and `!` before either takes away: `openat,connect`, `%net,!bind`,
    /// `!read,!write`. Other calls are turned away in the kernel. Those that open or close descriptors, start or
    /// change processes are followed all the same, so what is recorded keeps its names, but leave no event.
    ///
    /// Categories: %file, %io-other, %io-read, %io-write, %ipc, %memory, %net, %other, %process, %signal, %sleep,
    /// %system, %time, %user, %wait. `%net` includes sendto, recvfrom, sendmsg, recvmsg, sendmmsg and recvmmsg.
    ///
    /// page_fault, sched_switch and off_cpu are recorded only when they are named: `'!read,off_cpu'` is everything but read,
    /// and it. Without a list, a filter with their names is enough: `evt.type=off_cpu`.
    #[arg(long, value_name = "LIST")]
    pub(crate) calls: Option<String>,
    /// Stay within limits: `cpu=5%` (of one CPU), `memory=128M`, `rate=20MB/s` (written), separated by commas.
    ///
    /// Beyond a limit the agent leaves out what matters least, and counts it in the capture as shed: first the data that
    /// is read and written, then events of reading and writing, of calls that only ask, of files, of the network.
    /// Events of processes and credentials are never left out, nor what opens or closes a descriptor.
    #[arg(long, value_name = "LIMITS")]
    pub(crate) budget: Option<String>,
    /// Do not measure how long calls take, which lowers the cost of every call.
    #[arg(long)]
    pub(crate) no_latency: bool,
    /// Record the environment of programs at exec.
    #[arg(long)]
    pub(crate) env: bool,
    /// Size of each CPU's ring in bytes, a power of two [default: 16 MiB, less where all rings together would take more
    /// than 512 MiB, or than half of the memory that --budget allows]
    #[arg(long, value_name = "BYTES")]
    pub(crate) ring_bytes: Option<usize>,
    /// Compression level of zstd, 1 to 19.
    #[arg(long, value_name = "LEVEL", default_value_t = 1)]
    pub(crate) level: i32,
    /// Where the host's /proc is mounted.
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    pub(crate) proc_root: PathBuf,
    /// Print counts per event type at the end.
    #[arg(short = 'S', long)]
    pub(crate) summary: bool,
    /// Print only `ready`, once recording has begun, and what goes wrong.
    ///
    /// That is errors, what cannot be recorded or read at the start, losses, and attempts on the recording. Orders to the
    /// agent, such as the SIGTERM that ends it, and the counts of a recording without losses are not printed.
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,
    /// Tell what is being done.
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// Record only events that match: a filter as `sysreel read` takes it.
    ///
    /// What the kernel can decide is decided there, so that what does not match costs little; the result is the same as
    /// filtering later. State is kept right all the same: names of descriptors and processes are those of a whole
    /// recording. `--explain` tells who decides what.
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Read the filter from this file, and again at every SIGHUP: recording goes on with the new one.
    #[arg(long, value_name = "FILE", conflicts_with = "filter")]
    pub(crate) filter_file: Option<PathBuf>,
    /// Print which part of the filter the kernel decides and which the agent, and record nothing.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Record this command and everything it starts, instead of the whole machine.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}
