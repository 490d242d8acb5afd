//! What lies in the watched folder: names alone. No file is opened, locked or claimed, so it can be
//! asked while the folder is watched.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::Serialize;

use crate::watch::{Claim, FAILED, HELD, Recognised, Routes, SIDECAR, Why, display_name};

/// The files of the folder, by how far they have come. Names are safe to show, and sorted.
#[derive(Serialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// Dropped, and not taken up yet.
    pub waiting: Vec<String>,
    /// Dropped, and never to be taken up: no table takes a file of this name.
    pub for_no_table: Vec<String>,
    /// What has the name of a delivery, and is never to be taken up: it is no plain file.
    pub left_alone: Vec<LeftAlone>,
    /// Taken up: being loaded, or waiting for the database.
    pub claimed: Vec<String>,
    /// Set aside, because they could not be loaded.
    pub failed: Vec<String>,
    /// Set aside, until a person says that they are right.
    pub held: Vec<String>,
}

/// Something that is left where it is.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct LeftAlone {
    /// Its name.
    pub file: String,
    /// What it is, and what to do.
    pub why: String,
}

impl Listing {
    /// Lists the folder; `None` if it does not exist. Without routes it is not known which files are
    /// for no table.
    pub fn of(imports: &Path, routes: Option<&Routes>) -> io::Result<Option<Self>> {
        let Some(dropped) = names(imports)? else {
            return Ok(None);
        };
        let dropped = dropped.iter().filter(|name| !is_temporary(name));
        let (for_no_table, waiting): (Vec<_>, Vec<_>) = match routes {
            None => (Vec::new(), dropped.collect()),
            Some(routes) => dropped
                .filter(|name| !matches!(routes.recognise(name), Recognised::Beside { .. }))
                .partition(|name| matches!(routes.recognise(name), Recognised::Unknown(_))),
        };
        let is_beside = |name: &OsString| {
            let beside =
                |routes: &Routes| matches!(routes.recognise(name), Recognised::Beside { .. });
            is_beside_another(name) || routes.is_some_and(beside)
        };
        let left_alone = left_alone(imports, routes)?;
        let is_left = |name: &&&OsString| {
            let found = left_alone.binary_search_by(|(left, _)| left.cmp(name));
            found.is_ok()
        };
        let waiting = waiting.iter().filter(|name| !is_left(name));
        let claimed = names(&imports.join(".claimed"))?.unwrap_or_default();
        let failed = names(&imports.join(FAILED))?.unwrap_or_default();
        let held = names(&imports.join(HELD))?.unwrap_or_default();
        Ok(Some(Self {
            waiting: shown(waiting),
            for_no_table: shown(for_no_table.iter()),
            left_alone: left_alone
                .iter()
                .map(|(name, why)| LeftAlone {
                    file: display_name(name),
                    why: why.to_string(),
                })
                .collect(),
            claimed: shown(
                claimed
                    .iter()
                    .filter_map(|name| Claim::parse(name))
                    .map(|claim| claim.name)
                    .filter(|name| !is_beside(name)),
            ),
            failed: shown(failed.iter().filter(|name| !is_beside(name))),
            held: shown(held.iter().filter(|name| !is_beside(name))),
        }))
    }
}

/// What has the name of a delivery, and is no plain file, by name.
fn left_alone(imports: &Path, routes: Option<&Routes>) -> io::Result<Vec<(OsString, Why)>> {
    let mut left_alone = Vec::new();
    for entry in fs::read_dir(imports)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_delivery = routes
            .is_some_and(|routes| matches!(routes.recognise(&name), Recognised::Delivery { .. }));
        // What is not there any more was claimed meanwhile.
        let Some(found) = entry.metadata().ok().filter(|_| is_delivery) else {
            continue;
        };
        left_alone.extend(what_it_is(&found).map(|why| (name, why)));
    }
    left_alone.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(left_alone)
}

fn what_it_is(found: &fs::Metadata) -> Option<Why> {
    let kind = found.file_type();
    if kind.is_dir() {
        return Some(Why::Directory);
    }
    if kind.is_symlink() {
        return Some(Why::SymbolicLink);
    }
    if !kind.is_file() {
        return Some(Why::SpecialFile);
    }
    (found.nlink() > 1).then_some(Why::HardLinked)
}

/// The names of what is not a directory; `None` if the folder does not exist.
fn names(folder: &Path) -> io::Result<Option<Vec<OsString>>> {
    // A link in the place of one of Hayloft's folders leads to what is nobody's delivery.
    if folder
        .symlink_metadata()
        .is_ok_and(|found| found.is_symlink())
        && folder.file_name().is_some_and(is_own_folder)
    {
        return Ok(None);
    }
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

fn is_own_folder(name: &OsStr) -> bool {
    [".claimed", FAILED, HELD].iter().any(|own| name == *own)
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
            for_no_table: Vec::new(),
            left_alone: Vec::new(),
            failed: vec!["orders.csv".into()],
            held: vec!["users.csv".into()],
        };
        assert_eq!(Listing::of(home.path(), None).unwrap(), Some(expected));
    }

    #[test]
    fn a_folder_that_does_not_exist_is_not_an_empty_one() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Listing::of(&home.path().join("none"), None).unwrap(), None);
        assert_eq!(
            Listing::of(home.path(), None).unwrap(),
            Some(Listing::default())
        );
    }
}
