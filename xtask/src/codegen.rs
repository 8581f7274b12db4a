//! `cargo xtask codegen`: the schema's tables as Rust and as documentation, and the table of fields as well.
//!
//! The tables are read as text here, without help of `capture-format`, so that a fault in generated code never
//! keeps this command from being built. What the kinds mean is checked by the tests of `capture-format`.

mod docs;
mod rust;
mod tables;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::programs::{cargo, output, root};
use tables::Tables;

/// Options of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when a generated file is not what the tables say
    #[arg(long)]
    pub(crate) check: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let root = root();
    let tables = Tables::read(&root.join("capture-format/schema"))?;
    let generated = [
        (root.join("capture-format/src/schema/generated.rs"), rustfmt(root, &rust::render(&tables)?)?),
        (root.join("docs/events.md"), docs::render(&tables)),
    ];
    for (path, text) in generated {
        place(&path, &text, args.check)?;
    }
    // Last: the field table is compiled against what was just generated.
    let fields =
        output(cargo().args(["run", "--quiet", "--package", "query", "--example", "fields_markdown"]))?;
    place(&root.join("docs/fields.md"), &fields, args.check)
}

/// Writes a generated file where it differs, or fails when that is not wanted.
fn place(path: &Path, text: &str, is_check: bool) -> Result<()> {
    let shown = path.strip_prefix(root()).unwrap_or(path).display();
    // A missing file is as stale as a different one.
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if is_check {
        bail!("{shown} is not what its tables say: run `cargo xtask codegen`");
    }
    fs::create_dir_all(path.parent().expect("generated files lie in folders"))?;
    fs::write(path, text).with_context(|| format!("cannot write {shown}"))?;
    println!("wrote {shown}");
    Ok(())
}

fn rustfmt(root: &Path, code: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root.join("rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run rustfmt: `rustup component add rustfmt`")?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // rustfmt reads all of its input before it writes, so this cannot wait for ever.
    stdin.write_all(code.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("rustfmt refused the generated code");
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_files_are_what_the_tables_say() {
        super::run(&super::Args { check: true }).unwrap();
    }
}
