//! A `/proc` of our own making.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// A folder that looks like `/proc`, removed in the end.
pub(super) struct FakeProc(pub(super) PathBuf);

impl FakeProc {
    pub(super) fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("sysreel-track-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        FakeProc(root)
    }

    pub(super) fn write(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("files lie in the root"))
            .expect("the temporary folder is writable");
        fs::write(path, content).expect("the temporary folder is writable");
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("files lie in the root"))
            .expect("the temporary folder is writable");
        symlink(target, path).expect("the temporary folder is writable");
    }

    pub(super) fn process(&self, pid: u32, ppid: u32, comm: &str) {
        self.write(
            &format!("{pid}/stat"),
            &format!("{pid} ({comm}) S {ppid} {pid} 10 34817 0 0 0 0 0 0 0 0 0 0 20 0 1 0 250 0 0\n"),
        );
        let status = format!(
            "Name:\t{comm}\nNStgid:\t{pid}\t7\nNSpid:\t{pid}\t7\nNSpgid:\t{pid}\t7\nUid:\t1000\t1001\t1002\t1003\n\
             Gid:\t5\t5\t5\t5\nCapInh:\t0\nCapPrm:\t00000000000000ff\nCapEff:\t000000000000000f\n"
        );
        self.write(&format!("{pid}/status"), &status);
        self.write(&format!("{pid}/task/{pid}/status"), &status);
        self.write(&format!("{pid}/cmdline"), &format!("{comm}\0-x\0"));
        self.link(&format!("{pid}/cwd"), "/srv");
        self.link(&format!("{pid}/exe"), "/usr/bin/gone (deleted)");
        self.link(&format!("{pid}/ns/net"), "net:[4026531840]");
        self.write(&format!("{pid}/loginuid"), "1000");
        self.write(
            &format!("{pid}/limits"),
            "Limit  Soft Limit\nMax open files            1024                 4096                 files\n",
        );
    }

    pub(super) fn close(&self, pid: u32, fd: u32) {
        fs::remove_file(self.0.join(format!("{pid}/fd/{fd}"))).expect("it was open");
    }

    pub(super) fn fd(&self, pid: u32, fd: u32, target: &str, flags: &str) {
        self.link(&format!("{pid}/fd/{fd}"), target);
        self.write(&format!("{pid}/fdinfo/{fd}"), &format!("pos:\t0\nflags:\t{flags}\nPid:\t42\n"));
    }
}

impl Drop for FakeProc {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
