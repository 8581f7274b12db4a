//! `cargo xtask`: everything cargo alone cannot do, one file per subcommand.
//!
//! Relies on cargo, rustup and the usual Debian tools; CI runs the same subcommands as a person does.

mod bench;
mod build;
mod codegen;
mod debian;
mod demo;
mod fuzz;
mod kernels;
mod lint;
mod programs;
mod setup;
mod test;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Everything cargo alone cannot do")]
enum Task {
    /// Install what is missing on this machine: rust-src, bpf-linker, tracefs, tools the tests compare with
    Setup,
    /// Set up, build, record a small workload and show what the capture tells (as root)
    Demo,
    /// Build the kernel programs, then the agent and the inspect tool around them
    Build(build::Args),
    /// Generate the system call tables and docs/events.md from capture-format/schema
    Codegen(codegen::Args),
    /// Run every test, the live ones included (as root)
    Test(test::Args),
    /// Check formatting and lints of host, kernel and fuzz code
    Lint,
    /// Feed every parser with generated input
    Fuzz(fuzz::Args),
    /// Record on other kernels, each in a virtual machine
    Kernels(kernels::Args),
    /// Measure cost, losses, sizes and scan speed, beside the peer's figures
    Bench(bench::Args),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Setup => setup::run(),
        Task::Demo => demo::run(),
        Task::Build(args) => build::run(&args),
        Task::Codegen(args) => codegen::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Lint => lint::run(),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Kernels(args) => kernels::run(&args),
        Task::Bench(args) => bench::run(&args),
    }
}
