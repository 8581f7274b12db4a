//! The first file system of a virtual machine: an archive in the kernel's own form of cpio, uncompressed.
//!
//! The form: <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>.

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;
const DEVICE: u32 = 0o020_600;
/// Where the kernel opens the first process's output, before that could have mounted anything.
const CONSOLE: (&str, [u32; 2]) = ("dev/console", [5, 1]);
const LAST: &str = "TRAILER!!!";

/// An archive that is being made.
#[derive(Clone)]
pub(super) struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
}

impl Initramfs {
    /// With the console and these folders.
    pub(super) fn new(folders: &[&str]) -> Self {
        let mut archive = Initramfs { bytes: Vec::new(), entries: 0 };
        for folder in folders {
            archive.add(folder, DIRECTORY, [0, 0], &[]);
        }
        archive.add(CONSOLE.0, DEVICE, CONSOLE.1, &[]);
        archive
    }

    /// Adds a program.
    pub(super) fn program(&mut self, path: &str, content: &[u8]) {
        self.add(path, PROGRAM, [0, 0], content);
    }

    /// Adds a file that is no program.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) {
        self.add(path, FILE, [0, 0], content);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.add(LAST, 0, [0, 0], &[]);
        self.bytes
    }

    fn add(&mut self, path: &str, mode: u32, device: [u32; 2], content: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(content.len()).expect("programs are smaller than 4 GiB");
        let name_bytes = path.len() as u32 + 1;
        let [major, minor] = device;
        // Number, mode, owner, group, links, time, size, device of the file, device it is, name, no checksum.
        let numbers = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name_bytes, 0];
        self.bytes.extend(b"070701");
        for number in numbers {
            self.bytes.extend(format!("{number:08x}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_stand_at_multiples_of_four() {
        let mut archive = Initramfs::new(&["dev"]);
        archive.program("init", b"hello");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let starts: Vec<usize> = text.match_indices("070701").map(|(at, _)| at).collect();
        assert_eq!(starts.len(), 4);
        assert!(starts.iter().all(|at| at % 4 == 0));
        let init = &text[starts[2]..starts[3]];
        assert_eq!(&init[14..22], "000081ed");
        assert_eq!(&init[54..62], "00000005");
        assert_eq!(&init[110..], "init\0\0hello\0\0\0");
        assert!(text[starts[1]..].starts_with("07070100000002000021800"));
    }
}
