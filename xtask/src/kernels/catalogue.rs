//! Kernels that Debian has, and the files of those that were fetched.
//!
//! The cloud flavour: the same code as the usual one with fewer drivers, so it is smaller.

use super::{Architecture, image};
use crate::debian::{Archive, Package, compare_versions};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Suites that have, or had, kernels of their own.
const SUITES: [&str; 11] = [
    "bullseye",
    "bullseye-security",
    "bookworm",
    "bookworm-security",
    "bookworm-backports",
    "trixie",
    "trixie-security",
    "trixie-backports",
    "forky",
    "sid",
    "experimental",
];

/// What has no kernel in it but only the wish for one is smaller.
const KERNEL_BYTES_MIN: u64 = 4 << 20;

/// Kernels by version, oldest first.
pub(super) struct Catalogue {
    archive: Archive,
    architecture: Architecture,
    folder: PathBuf,
    kernels: Vec<Kernel>,
}

/// A kernel of Debian.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    /// Debian's version, such as `6.1.192-2`.
    pub(super) version: String,
    /// Packages that have it, the best first. A mirror may have lost one that its lists still name.
    packages: Vec<Package>,
}

impl Kernel {
    /// `6.1` of `6.1.192-2`.
    pub(super) fn series(&self) -> &str {
        series(&self.version)
    }

    /// Packages that may have its modules.
    fn packages_with_modules(&self) -> Vec<Package> {
        let of = |package: &Package| match package.name.strip_prefix("linux-binary-") {
            None => package.clone(),
            Some(rest) => {
                let rest = rest.trim_start_matches("unsigned-").trim_end_matches("-unsigned");
                Package { name: format!("linux-modules-{rest}"), ..package.clone() }
            }
        };
        self.packages.iter().map(of).collect()
    }

    /// Bytes to fetch.
    pub(super) fn bytes(&self) -> u64 {
        self.packages.first().map_or(0, |package| package.bytes)
    }
}

fn series(version: &str) -> &str {
    let end = version.match_indices(['.', '~', '-']).nth(1).map_or(version.len(), |(at, _)| at);
    let first = version.split(['~', '-']).next().unwrap_or(version);
    if first.len() < end { first } else { &version[..end] }
}

impl Catalogue {
    /// Reads the package lists, and fetches them first when they are old.
    pub(super) fn read(architecture: Architecture, cache: &Path) -> Result<Self> {
        let debian = architecture.debian();
        let suites = SUITES.map(str::to_owned);
        let archive = Archive::new(&cache.join(format!("apt-{debian}")), debian, &suites)?;
        let folder = cache.join(debian);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let mut catalogue = Catalogue { archive, architecture, folder, kernels: Vec::new() };
        catalogue.refresh()?;
        Ok(catalogue)
    }

    fn refresh(&mut self) -> Result<()> {
        self.archive.update()?;
        let debian = self.architecture.debian();
        let endings = [format!("-cloud-{debian}"), format!("-cloud-{debian}-unsigned")];
        let is_wanted = |name: &str| {
            let is_kernel = name.starts_with("linux-image-") || name.starts_with("linux-binary-");
            is_kernel && endings.iter().any(|ending| name.ends_with(ending))
        };
        let packages = self.archive.packages("linux-", is_wanted)?;
        self.kernels = kernels(packages.into_iter().filter(|package| package.bytes >= KERNEL_BYTES_MIN));
        if self.kernels.is_empty() {
            bail!("apt's package lists name no kernel for {debian}; is the mirror one of Debian's?");
        }
        Ok(())
    }

    /// All kernels, oldest first.
    pub(super) fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    /// The kernels that a user means by a series (`6.1`), a release (`6.1.192`) or a whole version, the newest last.
    pub(super) fn find(&self, name: &str) -> Result<Vec<Kernel>> {
        let is_meant = |version: &str| match version.strip_prefix(name) {
            Some(rest) => rest.is_empty() || !rest.starts_with(|next: char| next.is_ascii_digit()),
            None => false,
        };
        let meant: Vec<Kernel> =
            self.kernels.iter().filter(|kernel| is_meant(&kernel.version)).cloned().collect();
        if meant.is_empty() {
            let mut known: Vec<&str> = self.kernels.iter().map(Kernel::series).collect();
            known.dedup();
            bail!("no kernel {name} for {}; apt has {}", self.architecture.debian(), known.join(", "));
        }
        Ok(meant)
    }

    /// The oldest and the newest of each series, each behind those that stand in for it where it cannot be had.
    pub(super) fn ends(&self) -> Vec<Vec<Kernel>> {
        ends(&self.kernels)
    }

    /// Where the file of a kernel is or will be.
    pub(super) fn file(&self, kernel: &Kernel) -> PathBuf {
        self.folder.join(&kernel.version)
    }

    /// The file of a kernel, fetched unless it is there.
    pub(super) fn fetch(&mut self, kernel: &Kernel) -> Result<PathBuf> {
        let file = self.file(kernel);
        if file.exists() {
            return Ok(file);
        }
        eprintln!("Fetching {}, {} MB", kernel.version, kernel.bytes() / 1_000_000);
        let download = self.folder.join("download");
        let packages = &kernel.packages;
        let mut tries = packages.iter().map(|package| self.archive.download(package, &download));
        let package = tries.find_map(Result::ok).with_context(|| {
            // What the lists promise is gone: next time they are fetched again.
            self.archive.expire();
            let have = self.fetched(kernel.series());
            let have = if have.is_empty() {
                "none of its series is there already".to_owned()
            } else {
                format!("there already, and can be named, are {}", have.join(", "))
            };
            format!("Linux {} cannot be fetched; {have}", kernel.version)
        })?;
        let kernel = image::from_package(&package)?;
        let unfinished = file.with_extension("unfinished");
        fs::write(&unfinished, kernel)
            .and_then(|()| fs::rename(&unfinished, &file))
            .with_context(|| format!("writing {}", file.display()))?;
        let _ = fs::remove_dir_all(&download);
        Ok(file)
    }

    /// A module of a kernel, fetched unless it is there. Until 6.18 they come with the kernel, then in a package of
    /// their own.
    pub(super) fn module(&self, kernel: &Kernel, name: &str) -> Result<Vec<u8>> {
        let file = self.folder.join(format!("{}.{name}.ko", kernel.version));
        if file.exists() {
            return fs::read(&file).with_context(|| format!("reading {}", file.display()));
        }
        eprintln!("Fetching the module {name} of {}", kernel.version);
        let download = self.folder.join("download");
        for package in kernel.packages_with_modules() {
            let Ok(fetched) = self.archive.download(&package, &download) else { continue };
            let module = image::module_from_package(&fetched, name)?;
            let _ = fs::remove_dir_all(&download);
            if let Some(module) = module {
                let unfinished = file.with_extension("unfinished");
                fs::write(&unfinished, &module)
                    .and_then(|()| fs::rename(&unfinished, &file))
                    .with_context(|| format!("writing {}", file.display()))?;
                return Ok(module);
            }
        }
        bail!("no package that can be fetched has it")
    }

    /// Versions of a series that are there.
    fn fetched(&self, wanted: &str) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let is_kernel = |name: &String| !name.ends_with("unfinished") && !name.ends_with(".ko");
        names.filter(|name| series(name) == wanted && is_kernel(name)).collect()
    }
}

fn ends(kernels: &[Kernel]) -> Vec<Vec<Kernel>> {
    let mut ends = Vec::new();
    for series in kernels.chunk_by(|one, next| one.series() == next.series()) {
        if series.len() > 1 {
            ends.push(series.iter().rev().cloned().collect());
        }
        ends.push(series.to_vec());
    }
    ends
}

/// One kernel per version: signed before unsigned, and the smallest first, as some come with all modules.
fn kernels(packages: impl Iterator<Item = Package>) -> Vec<Kernel> {
    let mut kernels: Vec<Kernel> = Vec::new();
    for package in packages {
        match kernels.iter_mut().find(|kernel| kernel.version == package.version) {
            Some(kernel) if kernel.packages.contains(&package) => {}
            Some(kernel) => kernel.packages.push(package),
            None => kernels.push(Kernel { version: package.version.clone(), packages: vec![package] }),
        }
    }
    for kernel in &mut kernels {
        kernel.packages.sort_by_key(|package| (package.name.contains("unsigned"), package.bytes));
    }
    kernels.sort_by(|one, other| compare_versions(&one.version, &other.version));
    kernels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_the_first_two_numbers() {
        for (version, expected) in
            [("6.1.192-2", "6.1"), ("7.3~rc7-1~exp1", "7.3"), ("7.3-1", "7.3"), ("6.12.43-1~bpo12+1", "6.12")]
        {
            assert_eq!(series(version), expected);
        }
    }

    fn package(name: &str, version: &str, bytes: u64) -> Package {
        Package { name: name.to_owned(), version: version.to_owned(), bytes }
    }

    #[test]
    fn the_ends_of_a_series_stand_behind_those_between() {
        let versions = ["5.10.9-1", "5.10.10-1", "5.10.11-1", "6.1.2-1"];
        let found = kernels(versions.into_iter().map(|version| package("linux-image-x", version, 1)));
        let names = |kernels: &Vec<Kernel>| {
            kernels.iter().map(|kernel| kernel.version.clone()).collect::<Vec<_>>().join(" ")
        };
        let ends: Vec<String> = ends(&found).iter().map(names).collect();
        assert_eq!(ends, ["5.10.11-1 5.10.10-1 5.10.9-1", "5.10.9-1 5.10.10-1 5.10.11-1", "6.1.2-1"]);
    }

    #[test]
    fn modules_are_in_the_package_of_the_kernel_or_in_one_of_their_own() {
        for (name, expected) in [
            ("linux-image-6.1.0-47-cloud-amd64", "linux-image-6.1.0-47-cloud-amd64"),
            ("linux-binary-7.3.4+deb13-cloud-amd64", "linux-modules-7.3.4+deb13-cloud-amd64"),
            ("linux-binary-unsigned-7.3.4+deb13-cloud-amd64", "linux-modules-7.3.4+deb13-cloud-amd64"),
        ] {
            let found = kernels([package(name, "7.3.4-1", 1)].into_iter());
            assert_eq!(found[0].packages_with_modules()[0].name, expected);
        }
    }

    #[test]
    fn kernels_are_one_per_version_and_signed_first() {
        let found = kernels(
            [
                package("linux-image-6.1-cloud-amd64-unsigned", "6.1.10-1", 10),
                package("linux-image-6.1-cloud-amd64", "6.1.10-1", 30),
                package("linux-image-6.1-cloud-amd64", "6.1.9-1", 30),
                package("linux-binary-6.1-cloud-amd64", "6.1.10-1", 20),
            ]
            .into_iter(),
        );
        let versions: Vec<&str> = found.iter().map(|kernel| kernel.version.as_str()).collect();
        assert_eq!(versions, ["6.1.9-1", "6.1.10-1"]);
        assert_eq!(found[1].packages.iter().map(|package| package.bytes).collect::<Vec<_>>(), [20, 30, 10]);
    }
}
