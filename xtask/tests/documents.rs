//! What the documents name must exist: paths, links between pages, subcommands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn paths_in_the_architecture_page_exist() {
    let top_level: Vec<String> = files_in(&root())
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| name != "target")
        .collect();
    let page = read("docs/architecture.md");
    let named: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains('/') && !code.contains(' '))
        .filter(|code| top_level.iter().any(|name| code.split('/').next() == Some(name)))
        .collect();
    assert!(named.len() > 15, "the page names its paths in backticks; found only {named:?}");
    for path in named {
        assert!(root().join(path).exists(), "docs/architecture.md names {path}, which does not exist");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let pages = files_in(&root()).into_iter().chain(files_in(&root().join("docs")));
    for page in pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&page).expect("a page is text");
        let folder = page.parent().expect("a page is in a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let is_elsewhere = target.is_empty() || target.contains("://");
            assert!(is_elsewhere || folder.join(target).exists(), "{} links to {target}", page.display());
        }
    }
}

#[test]
fn the_readme_names_subcommands_that_exist() {
    let help = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("--help").output().expect("xtask runs");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let readme = read("README.md");
    for name in readme.split("cargo xtask ").skip(1).filter_map(|rest| rest.split_whitespace().next()) {
        let is_listed = help.lines().any(|line| line.split_whitespace().next() == Some(name));
        assert!(is_listed, "README.md names `cargo xtask {name}`");
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace").to_owned()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry can be read").path()).collect()
}
