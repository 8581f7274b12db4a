//! Debian's archive, through the mirrors apt is configured with and without changing that configuration.
//!
//! Other suites than the machine's are looked at with package lists of their own, in a folder that is handed to
//! [`Archive`]. Only [`Archive::install`] changes anything on the machine.

use crate::programs::{output, program};
use anyhow::{Context, Result, bail, ensure};
use std::cmp::Ordering;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Age after which package lists are fetched again: mirrors drop a version when a newer one comes.
const LISTS_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Sites with Debian's packages, as apt has them.
pub(crate) struct Mirrors {
    pub(crate) main: String,
    /// Where security updates are, if apt is configured with such a site.
    pub(crate) security: Option<String>,
}

impl Mirrors {
    /// Asks apt.
    pub(crate) fn read() -> Result<Self> {
        let targets =
            output(program("apt-get").args(["indextargets", "--format", "$(SITE) $(RELEASE) $(ORIGIN)"]))?;
        let (mut main, mut security) = (None, None);
        for line in targets.lines() {
            let [site, release, origin] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
            // Before the first update apt knows no origin and leaves the placeholder.
            if origin == "Debian" || (origin.starts_with('$') && site.contains("debian")) {
                let kind = if release.ends_with("-security") { &mut security } else { &mut main };
                kind.get_or_insert_with(|| site.to_owned());
            }
        }
        Ok(Mirrors { main: main.context("apt is configured with no Debian mirror")?, security })
    }
}

/// Package lists of chosen suites.
pub(crate) struct Archive {
    dir: PathBuf,
    /// Their names, to tell a person.
    suites: String,
    options: Vec<String>,
}

/// A package in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) bytes: u64,
}

impl Archive {
    /// Lists of `suites` for `architecture`, kept in `dir`. Suites with security updates end in `-security`.
    pub(crate) fn new(dir: &Path, architecture: &str, suites: &[String]) -> Result<Self> {
        let mirrors = Mirrors::read()?;
        let source = |suite: &String| {
            let site = if suite.ends_with("-security") { mirrors.security.as_ref()? } else { &mirrors.main };
            Some(format!("deb [arch={architecture}] {site} {suite} main\n"))
        };
        let sources: String = suites.iter().filter_map(source).collect();
        let list = dir.join("sources.list");
        for folder in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(dir.join(folder)).with_context(|| format!("creating {}", dir.display()))?;
        }
        if fs::read_to_string(&list).ok().as_ref() != Some(&sources) {
            fs::write(&list, sources).with_context(|| format!("writing {}", list.display()))?;
            // Other lists than those that are there.
            let _ = fs::remove_file(dir.join("updated"));
        }
        let options = [
            format!("Dir::Etc::SourceList={}", list.display()),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            format!("Dir::State::Lists={}", dir.join("lists").display()),
            format!("Dir::Cache={}", dir.display()),
            format!("APT::Architecture={architecture}"),
            format!("APT::Architectures={architecture}"),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false".to_owned(),
            // Suites that are no longer cared for have lists that have run out.
            "Acquire::Check-Valid-Until=false".to_owned(),
            // apt's own user may not be able to reach the workspace.
            "APT::Sandbox::User=root".to_owned(),
        ];
        Ok(Archive { dir: dir.to_owned(), suites: suites.join(", "), options: options.to_vec() })
    }

    /// Fetches the lists unless those that are there are from today. A suite that a mirror lacks is left out.
    pub(crate) fn update(&self) -> Result<()> {
        let stamp = self.dir.join("updated");
        let age =
            fs::metadata(&stamp).and_then(|stamp| stamp.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age < LISTS_AGE_MAX) {
            return Ok(());
        }
        eprintln!("Fetching the package lists of {}", self.suites);
        let outcome = run(self.apt("apt-get").args(["-qq", "-o", "Acquire::Retries=1", "update"]));
        let has_lists = fs::read_dir(self.dir.join("lists"))?
            .filter_map(Result::ok)
            .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"));
        match outcome {
            Err(error) if !has_lists => return Err(error).context("no package lists could be fetched"),
            Err(_) => {
                eprintln!("Not all package lists could be fetched; going on with those that are there.")
            }
            Ok(()) => {}
        }
        // Also when some are missing: a suite that a mirror lacks would be asked for each time.
        fs::write(&stamp, "").with_context(|| format!("writing {}", stamp.display()))
    }

    /// Forgets when the lists were fetched.
    pub(crate) fn expire(&self) {
        let _ = fs::remove_file(self.dir.join("updated"));
    }

    /// Every version of the packages whose name begins with `prefix` and is wanted.
    pub(crate) fn packages(&self, prefix: &str, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Package>> {
        let names = output(self.apt("apt-cache").args(["pkgnames", prefix]))?;
        let names: Vec<&str> = names.lines().filter(|name| is_wanted(name)).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        Ok(packages_of(&output(self.apt("apt-cache").arg("show").args(names))?))
    }

    /// Downloads a package into an empty folder; returns the file.
    pub(crate) fn download(&self, package: &Package, dir: &Path) -> Result<PathBuf> {
        let _ = fs::remove_dir_all(dir);
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        let what = format!("{}={}", package.name, package.version);
        run(self.apt("apt-get").current_dir(dir).args(["-qq", "download", &what]))?;
        newest_package(dir)
    }

    /// Installs a package of these suites on this machine.
    pub(crate) fn install(&self, package: &str, suite: &str) -> Result<()> {
        let options = ["-q", "-y", "install", "--no-install-recommends", "-t", suite, package];
        eprintln!("Installing {package} from {suite}");
        run(self.apt("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(options))
    }

    fn apt(&self, name: &str) -> Command {
        let mut command = program(name);
        command.args(self.options.iter().flat_map(|option| ["-o", option]));
        command
    }
}

/// Runs a command; not shown, as all the options would hide what it is about.
fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(io::stderr()).status().context("starting apt-get")?;
    ensure!(status.success(), "apt-get failed: {status}");
    Ok(())
}

/// The package in a folder into which one was downloaded.
pub(crate) fn newest_package(dir: &Path) -> Result<PathBuf> {
    let mut packages: Vec<PathBuf> = fs::read_dir(dir)
        .with_context(|| format!("listing {}", dir.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    packages.sort();
    match packages.pop() {
        Some(package) => Ok(package),
        None => bail!("apt-get downloaded nothing"),
    }
}

/// Packages in the text that `apt-cache show` prints.
fn packages_of(text: &str) -> Vec<Package> {
    let package = |stanza: &str| {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name));
        Some(Package {
            name: field("Package: ")?.to_owned(),
            version: field("Version: ")?.to_owned(),
            bytes: field("Size: ")?.parse().ok()?,
        })
    };
    text.split("\n\n").filter_map(package).collect()
}

/// Order of two versions, as Debian's policy defines it: runs of other characters, where `~` comes before the end
/// and letters before the rest, take turns with numbers. No kernel has an epoch, so none is looked for.
pub(crate) fn compare_versions(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    while !(one.is_empty() && other.is_empty()) {
        let [(text_one, rest_one), (text_other, rest_other)] = [one, other]
            .map(|text| text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len())));
        let weight = |byte: Option<&u8>| match byte {
            Some(b'~') => -1,
            None => 0,
            Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
            Some(byte) => i32::from(*byte) + 256,
        };
        for at in 0..text_one.len().max(text_other.len()) {
            let order = weight(text_one.as_bytes().get(at)).cmp(&weight(text_other.as_bytes().get(at)));
            if order.is_ne() {
                return order;
            }
        }
        let [(number_one, rest_one), (number_other, rest_other)] = [rest_one, rest_other].map(|text| {
            let (number, rest) =
                text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
            (number.parse::<u64>().unwrap_or(0), rest)
        });
        if number_one != number_other {
            return number_one.cmp(&number_other);
        }
        (one, other) = (rest_one, rest_other);
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_debians_order() {
        let sorted = [
            "5.10.218-1",
            "5.10.262-1",
            "6.1.170-3",
            "6.1.192-2~deb11u1",
            "6.1.192-2",
            "6.12.43-1~bpo12+1",
            "6.12.43-1",
            "6.12.107-1",
            "6.12.107-1.1",
            "7.3~rc7-1~exp1",
            "7.3-1",
            "7.3.4-1~bpo13+1",
            "7.3.4-1",
        ];
        for (at, one) in sorted.iter().enumerate() {
            for (index, other) in sorted.iter().enumerate() {
                assert_eq!(compare_versions(one, other), at.cmp(&index), "{one} and {other}");
            }
        }
    }

    #[test]
    fn packages_are_read_from_what_apt_shows() {
        let text =
            "Package: linux-a\nVersion: 1-1\nDescription: x\n Size: 9\nSize: 12\n\nPackage: b\nVersion: 2\n";
        let expected = Package { name: "linux-a".into(), version: "1-1".into(), bytes: 12 };
        assert_eq!(packages_of(text), [expected]);
    }
}
