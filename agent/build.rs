//! Tells the agent where the kernel programs are.
//!
//! They are built by `cargo xtask build`, which needs bpf-linker; checking and testing the rest of the agent must not.
//! So an empty file stands for "not built yet" and the agent says so when asked to record.

use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let object = Path::new(&root)
        .parent()
        .expect("the agent is a folder of the workspace")
        .join("target/bpf/sysreel.bpf.o");
    if !object.exists() {
        // A file that is missing would be out of date forever, and the agent rebuilt each time.
        fs::create_dir_all(object.parent().expect("an object has a folder"))
            .and_then(|()| fs::write(&object, b""))
            .unwrap_or_else(|error| panic!("cannot create {}: {error}", object.display()));
    }
    println!("cargo::rerun-if-changed={}", object.display());
    println!("cargo::rustc-env=SYSREEL_BPF_OBJECT={}", object.display());
}
