//! What lies in the watched folder: names alone. No file is opened, locked or claimed, so it can be
//! asked while the folder is watched.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::watch::{Claim, FAILED, HELD, Recognised, Routes, SIDECAR, display_name};

/// The files of the folder, by how far they have come. Names are safe to show, and sorted.
#[derive(Serialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// Dropped, and not taken up yet.
    pub waiting: Vec<String>,
    /// Taken up: being loaded, or waiting for the database.
    pub claimed: Vec<String>,
    /// Set aside, because they could not be loaded.
    pub failed: Vec<String>,
    /// Set aside, until a person says that they are right.
    pub held: Vec<String>,
}

impl Listing {
    /// Lists the folder; `None` if it does not exist.
    pub fn of(imports: &Path) -> io::Result<Option<Self>> {
        let Some(waiting) = names(imports)? else {
            return Ok(None);
        };
        let claimed = names(&imports.join(".claimed"))?.unwrap_or_default();
        let failed = names(&imports.join(FAILED))?.unwrap_or_default();
        let held = names(&imports.join(HELD))?.unwrap_or_default();
        Ok(Some(Self {
            waiting: shown(waiting.iter().filter(|name| !is_temporary(name))),
            claimed: shown(
                claimed
                    .iter()
                    .filter_map(|name| Claim::parse(name))
                    .map(|claim| claim.name)
                    .filter(|name| !is_sidecar(name)),
            ),
            failed: shown(failed.iter().filter(|name| !is_beside_another(name))),
            held: shown(held.iter().filter(|name| !is_beside_another(name))),
        }))
    }
}

/// The names of what is not a directory; `None` if the folder does not exist.
fn names(folder: &Path) -> io::Result<Option<Vec<OsString>>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A file may be claimed by the watch between the two calls.
        if entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
            names.push(entry.file_name());
        }
    }
    Ok(Some(names))
}

fn is_temporary(name: &OsStr) -> bool {
    Routes::new([]).recognise(name) == Recognised::Temporary
}

fn is_beside_another(name: &OsStr) -> bool {
    is_sidecar(name) || name.as_encoded_bytes().ends_with(b".report.txt")
}

fn is_sidecar(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(SIDECAR.as_bytes())
}

fn shown(names: impl Iterator<Item = impl AsRef<OsStr>>) -> Vec<String> {
    let mut shown: Vec<String> = names.map(|name| display_name(name.as_ref())).collect();
    shown.sort();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::ClaimId;

    #[test]
    fn each_file_is_listed_where_it_is_on_its_way() {
        let home = tempfile::tempdir().unwrap();
        let claim = Claim {
            id: ClaimId::fresh(),
            name: "users.csv".into(),
        };
        for folder in [".claimed", "failed", "held", "kept"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        let claimed = Path::new(".claimed").join(claim.claimed_name());
        for name in [
            Path::new("b.csv"),
            Path::new("a\u{1b}.csv"),
            Path::new("half.csv.part"),
            Path::new(".hayloft.lock"),
            &claimed,
            Path::new(".claimed/no-claim"),
            Path::new("failed/orders.csv"),
            Path::new("failed/orders.csv.report.txt"),
            Path::new("held/users.csv"),
            Path::new("held/users.csv.report.txt"),
            Path::new("held/users.csv.effective"),
            Path::new("kept/old.csv"),
        ] {
            fs::write(home.path().join(name), "").unwrap();
        }
        let expected = Listing {
            waiting: vec!["a\\u{1b}.csv".into(), "b.csv".into()],
            claimed: vec!["users.csv".into()],
            failed: vec!["orders.csv".into()],
            held: vec!["users.csv".into()],
        };
        assert_eq!(Listing::of(home.path()).unwrap(), Some(expected));
    }

    #[test]
    fn a_folder_that_does_not_exist_is_not_an_empty_one() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Listing::of(&home.path().join("none")).unwrap(), None);
        assert_eq!(Listing::of(home.path()).unwrap(), Some(Listing::default()));
    }
}
