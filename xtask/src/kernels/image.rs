//! Kernels and their modules as files, out of Debian's packages.
//!
//! Machines are started with the kernel as it is packaged. Starting with the kernel proper, as hypervisors that speak PVH do, would
//! spare the two seconds an emulator takes to unpack it; but QEMU writes that into memory again when a suspended machine
//! wakes, over everything that has changed since.

use crate::programs::program;
use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// Size of a header in a tar archive, and what everything in it is a multiple of.
const TAR_BLOCK: usize = 512;

/// The kernel in a Debian package.
pub(super) fn from_package(package: &Path) -> Result<Vec<u8>> {
    let kernel = in_package(package, |file| file.starts_with("vmlinu"))?;
    kernel.map(|(_, kernel)| kernel).with_context(|| format!("no kernel in {}", package.display()))
}

/// A module in a Debian package, unpacked; `None` where it is not in there.
pub(super) fn module_from_package(package: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let (plain, packed) = (format!("{name}.ko"), format!("{name}.ko.xz"));
    Ok(match in_package(package, |file| file == plain || file == packed)? {
        Some((file, module)) if file == packed => Some(filter(program("xz").args(["-d", "-c"]), &module)?),
        found => found.map(|(_, module)| module),
    })
}

/// The first file of a Debian package whose name is wanted.
fn in_package(package: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Option<(String, Vec<u8>)>> {
    let mut unpacker = program("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .context("starting dpkg-deb")?;
    let archive = unpacker.stdout.take().expect("stdout is piped");
    let found = find_in(archive, is_wanted).with_context(|| format!("reading {}", package.display()));
    // It may still have much to write that nobody wants.
    let _ = unpacker.kill();
    unpacker.wait().context("waiting for dpkg-deb")?;
    found
}

/// The first file in a tar archive whose name, without its folders, is wanted.
fn find_in(mut archive: impl Read, is_wanted: impl Fn(&str) -> bool) -> Result<Option<(String, Vec<u8>)>> {
    let mut header = [0; TAR_BLOCK];
    while archive.read_exact(&mut header).is_ok() {
        let name = String::from_utf8_lossy(&header[..100]);
        let name = name.split('\0').next().unwrap_or_default();
        let size = String::from_utf8_lossy(&header[124..135]);
        let size = size.trim_matches(['\0', ' ']);
        let bytes = if size.is_empty() { 0 } else { u64::from_str_radix(size, 8).context("a size")? };
        let is_file = matches!(header[156], b'0' | 0);
        let file = name.rsplit('/').next().unwrap_or_default();
        if is_file && is_wanted(file) {
            let mut content = Vec::new();
            (&mut archive).take(bytes).read_to_end(&mut content)?;
            ensure!(content.len() as u64 == bytes, "the archive is cut");
            return Ok(Some((file.to_owned(), content)));
        }
        let padded = bytes.next_multiple_of(TAR_BLOCK as u64);
        std::io::copy(&mut (&mut archive).take(padded), &mut std::io::sink())?;
    }
    Ok(None)
}

/// What a command makes of `input`.
fn filter(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let mut unpacked = Vec::new();
    thread::scope(|scope| {
        // It ends early only if the child does, which is seen below.
        scope.spawn(move || drop(stdin.write_all(input)));
        stdout.read_to_end(&mut unpacked)
    })
    .with_context(|| format!("reading from {name}"))?;
    let status = child.wait().with_context(|| format!("waiting for {name}"))?;
    ensure!(status.success(), "{name} failed: {status}");
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tar archive's entry; the checksum is not looked at.
    fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; TAR_BLOCK];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        bytes[156] = kind;
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(TAR_BLOCK), 0);
        bytes
    }

    #[test]
    fn files_are_found_in_an_archive() {
        let archive = [
            entry("./boot/", b'5', b""),
            entry("./boot/config-6.1", b'0', &[7; 700]),
            entry("./vmlinuz", b'2', b""),
            entry("./boot/vmlinuz-6.1", b'0', b"kernel"),
        ]
        .concat();
        let find = |archive: &[u8]| find_in(archive, |file| file.starts_with("vmlinu"));
        let expected = Some(("vmlinuz-6.1".to_owned(), b"kernel".to_vec()));
        assert_eq!(find(&archive).unwrap(), expected);
        assert_eq!(find(&archive[..1024]).unwrap(), None);
        assert!(find(&archive[..archive.len() - 510]).is_err());
    }
}
