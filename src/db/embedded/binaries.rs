//! Which Postgres the machine has.
//!
//! Debian puts only the client's programs on the PATH, and several versions can lie side by
//! side; so the usual places are searched, and each `postgres` is asked for its version. Whoever
//! wants another one names its folder in the environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::db::pool::OLDEST_SERVER;

/// Where to look.
#[derive(Debug, Clone)]
pub(super) enum Search {
    /// The PATH and wherever packages put Postgres.
    Machine,
    /// These folders alone.
    Only(Vec<PathBuf>),
    /// The folder that [`PROGRAMS`] names, alone: that of the programs, or the one above it.
    Named(PathBuf),
}

/// The variable that names a folder with the programs of a server.
const PROGRAMS: &str = "HAYLOFT_POSTGRES";

/// One installed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    version: Version,
}

/// `15.18`; ordered as releases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: i32,
    minor: i32,
}

const HOW_TO_INSTALL: &str = "install it (Debian, Ubuntu: `apt-get install postgresql`; Fedora: \
                              `dnf install postgresql-server postgresql-contrib`; macOS: `brew install postgresql`), \
                              or give the URL of a database in DATABASE_URL";

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn in_folder(folder: PathBuf) -> Option<Self> {
        let complete = ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|name| folder.join(name).exists());
        let said = complete.then(|| {
            Command::new(folder.join("postgres"))
                .arg("--version")
                .output()
        });
        let version = Version::of(&String::from_utf8_lossy(&said?.ok()?.stdout))?;
        Some(Self { folder, version })
    }
}

impl Search {
    /// Where the environment says, or else wherever it may be.
    pub(super) fn by_environment() -> Self {
        match std::env::var_os(PROGRAMS).filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::Named(folder.into()),
            None => Self::Machine,
        }
    }

    /// The newest one, for a new cluster.
    pub(super) fn newest(&self) -> Result<Binaries> {
        let newest = newest_of(self.found()).with_context(|| self.none())?;
        let Version { major, minor } = newest.version;
        if major < OLDEST_SERVER {
            bail!(
                "The newest Postgres on this machine is {major}.{minor} (in {}), and Hayloft needs \
                 {OLDEST_SERVER} or newer: {HOW_TO_INSTALL}.",
                newest.folder.display()
            );
        }
        Ok(newest)
    }

    /// The newest one that can read the files of a cluster of this major version.
    pub(super) fn of_major(&self, major: i32) -> Result<Binaries> {
        let fitting = self
            .found()
            .filter(|binaries| binaries.version.major == major);
        newest_of(fitting).with_context(|| self.none_of_major(major))
    }

    fn none(&self) -> String {
        match self {
            Self::Named(folder) => format!(
                "{PROGRAMS} is {}, and there is no Postgres server: the folder with initdb, pg_ctl \
                 and postgres is wanted.",
                folder.display()
            ),
            _ => format!("There is no Postgres server on this machine: {HOW_TO_INSTALL}."),
        }
    }

    fn none_of_major(&self, major: i32) -> String {
        match self {
            Self::Named(folder) => format!(
                "The embedded database was made by Postgres {major}, and {PROGRAMS} is {}, which is \
                 another version or none. No other major version can read its files.",
                folder.display()
            ),
            _ => format!(
                "The embedded database was made by Postgres {major}, which is not on this machine \
                 any more: install it again (Debian, Ubuntu: `apt-get install postgresql-{major}`). \
                 No other major version can read its files."
            ),
        }
    }

    fn found(&self) -> impl Iterator<Item = Binaries> {
        let folders = match self {
            Self::Machine => usual_folders(),
            Self::Only(folders) => folders.clone(),
            Self::Named(folder) => vec![folder.clone(), folder.join("bin")],
        };
        folders.into_iter().filter_map(Binaries::in_folder)
    }
}

/// Of equals, the first found: the PATH goes before the usual places.
fn newest_of(found: impl Iterator<Item = Binaries>) -> Option<Binaries> {
    let mut by_version = BTreeMap::new();
    for binaries in found {
        by_version.entry(binaries.version).or_insert(binaries);
    }
    by_version.pop_last().map(|(_, binaries)| binaries)
}

/// Parents of versions, and what a version's folder starts with below each of them.
const PARENTS: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/local", "pgsql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

fn usual_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for (parent, start, end) in PARENTS {
        folders.extend(children(Path::new(parent), start).map(|child| child.join(end)));
    }
    folders.push(PathBuf::from("/usr/bin"));
    folders
}

fn children(parent: &Path, start: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(move |entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path())
}

impl Version {
    /// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    fn of(said: &str) -> Option<Self> {
        let number = said.strip_prefix("postgres (PostgreSQL) ")?;
        let major = leading_digits(number);
        // A beta ("18beta1") has no minor version.
        let minor = number[major.len()..]
            .strip_prefix('.')
            .map_or("0", leading_digits);
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

fn leading_digits(text: &str) -> &str {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Binaries, Search, Version, newest_of};

    #[test]
    fn a_version_is_read_from_what_postgres_says() {
        let table = [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
                Some((15, 18)),
            ),
            ("postgres (PostgreSQL) 9.6.24\n", Some((9, 6))),
            ("postgres (PostgreSQL) 18beta1\n", Some((18, 0))),
            ("postgres (PostgreSQL) devel\n", None),
            ("postgres: command not found\n", None),
        ];
        for (said, expected) in table {
            let version = Version::of(said).map(|version| (version.major, version.minor));
            assert_eq!(version, expected, "{said}");
        }
    }

    #[test]
    fn the_newest_is_chosen_and_of_equals_the_first() {
        let binaries = |folder: &str, major, minor| Binaries {
            folder: PathBuf::from(folder),
            version: Version { major, minor },
        };
        let found = [
            binaries("/a", 9, 6),
            binaries("/b", 16, 2),
            binaries("/c", 16, 10),
            binaries("/d", 16, 10),
        ];
        assert_eq!(newest_of(found.into_iter()), Some(binaries("/c", 16, 10)));
    }

    #[test]
    fn without_binaries_the_sentence_says_what_to_install() {
        let search = Search::Only(vec![PathBuf::from("/nonexistent")]);
        let error = search.newest().unwrap_err().to_string();
        assert!(
            error.contains("no Postgres server") && error.contains("apt-get install postgresql")
        );
        let error = search.of_major(15).unwrap_err().to_string();
        assert!(error.contains("postgresql-15"), "{error}");
    }

    #[test]
    fn a_named_folder_without_binaries_is_what_the_sentence_is_about() {
        let search = Search::Named(PathBuf::from("/nonexistent"));
        for error in [
            search.newest().unwrap_err(),
            search.of_major(15).unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(
                error.contains("HAYLOFT_POSTGRES is /nonexistent"),
                "{error}"
            );
            assert!(!error.contains("install"), "{error}");
        }
    }
}
