//! The rename that makes a file ours.
//!
//! In: the name of a settled file. Out: a claim, which is the file under
//! `imports/.claimed/CLAIM-ID~NAME`, and the way back. The claim id is the delivery's identity in
//! the ledger: it is in the file's name, so a restart finds the same file under the same id, and
//! it must be durable before anything is committed under it. Were the rename undone by a power
//! cut after the commit, the same bytes would come back under a second id and load twice.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

use uuid::Uuid;

use super::folder::{Folder, Room, Sight};
use super::name::Beside;
use super::settle::{Identity, Observation};
use crate::failpoint;

/// The identity of one delivery. Ids sort by the time at which they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClaimId(Uuid);

impl ClaimId {
    /// A new id.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id as the ledger stores it.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A claimed file: its id, and the name that it was dropped under.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Claim {
    pub(crate) id: ClaimId,
    pub(crate) name: OsString,
}

/// What lies beside a file that is to be claimed.
#[derive(Clone, Debug)]
pub(crate) struct FoundBeside {
    pub(crate) what: Beside,
    /// Its name, whose suffix may have other letter cases than the one that is looked for.
    pub(crate) name: OsString,
    pub(crate) seen: Observation,
}

/// Why a file was not claimed.
#[derive(Debug)]
pub(crate) enum NotClaimed {
    /// Nothing has its name any more.
    Gone,
    /// It was another file than the one that settled, and has its name back.
    PutBack(Identity),
    /// The system refused.
    Refused(io::Error),
}

/// The longest name that still fits beside an id: file systems take 255 bytes.
pub(crate) const LONGEST_NAME: usize = 255 - ID_LENGTH - 1;
const ID_LENGTH: usize = 36;

impl Claim {
    /// Renames a settled file into `.claimed/`. The claim counts only once [`Folder::sync`] has
    /// made it durable, which the caller does once for a batch.
    #[cfg(test)]
    pub(crate) fn take(
        folder: &Folder,
        name: &OsStr,
        settled: &Observation,
    ) -> Result<Self, NotClaimed> {
        Self::take_with(folder, name, settled, &[])
    }

    fn take_as(
        id: ClaimId,
        folder: &Folder,
        (lies_as, name): (&OsStr, OsString),
        settled: &Observation,
    ) -> Result<Self, NotClaimed> {
        let claim = Self { id, name };
        folder
            .rename(
                (Room::Imports, lies_as),
                (Room::Claimed, &claim.claimed_name()),
            )
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => NotClaimed::Gone,
                _ => NotClaimed::Refused(error),
            })?;
        match claim.identity(folder) {
            // Somebody replaced the file between the last look and the rename. Should the name be
            // taken again by now, the file stays claimed: the reader, which looks before and after
            // it reads, is the one to find that it still changes.
            Some(other) if other != settled.identity && claim.put_back_alone(folder).is_ok() => {
                Err(NotClaimed::PutBack(other))
            }
            _ => Ok(claim),
        }
    }

    /// The same for a file with others beside it. These are renamed first, so that a claimed file
    /// never lies there without them; one that lies there alone was left by a crash. From then on each
    /// has the name that is looked for, in its letter case.
    pub(crate) fn take_with(
        folder: &Folder,
        name: &OsStr,
        settled: &Observation,
        beside: &[FoundBeside],
    ) -> Result<Self, NotClaimed> {
        let id = ClaimId::fresh();
        let mut taken = Vec::with_capacity(beside.len());
        let mut take = || {
            for found in beside {
                let names = (&*found.name, found.what.name(name));
                taken.push(Self::take_as(id, folder, names, &found.seen)?);
                failpoint!("watch::sidecar");
            }
            Self::take_as(id, folder, (name, name.to_owned()), settled)
        };
        let claim = take();
        if claim.is_err() {
            for other in taken {
                // If that is not possible, a newer one lies there, and the older one stays where it
                // is, for a person to look at.
                let _ = other.put_back_alone(folder);
            }
        }
        claim
    }

    /// Gives the file its name back, if that is free, and theirs to those beside it.
    pub(crate) fn put_back(&self, folder: &Folder, beside: &[Beside]) -> io::Result<()> {
        self.put_back_alone(folder)?;
        for what in beside {
            let other = Self {
                id: self.id,
                name: what.name(&self.name),
            };
            // Where its name is taken, a newer one was sent for the same file.
            let _ = other.put_back_alone(folder);
        }
        Ok(())
    }

    /// Gives this one name back, if it is free.
    pub(crate) fn put_back_alone(&self, folder: &Folder) -> io::Result<()> {
        folder.rename(
            (Room::Claimed, &self.claimed_name()),
            (Room::Imports, &self.name),
        )
    }

    /// Of the claim of something beside a file, that of the file.
    pub(crate) fn of_its_file(&self, what: &Beside) -> Option<Self> {
        Some(Self {
            id: self.id,
            name: what.file(&self.name)?.to_owned(),
        })
    }

    /// Reads the name of a file in `.claimed/`.
    pub(crate) fn parse(claimed_name: &OsStr) -> Option<Self> {
        let (id, rest) = claimed_name.as_bytes().split_at_checked(ID_LENGTH)?;
        let name = rest.strip_prefix(b"~")?;
        Some(Self {
            id: ClaimId(Uuid::try_parse_ascii(id).ok()?),
            name: OsStr::from_bytes(name).to_owned(),
        })
    }

    /// The name of the file in `.claimed/`.
    pub(crate) fn claimed_name(&self) -> OsString {
        let mut claimed_name = OsString::from(self.id.to_string());
        claimed_name.push("~");
        claimed_name.push(&self.name);
        claimed_name
    }

    /// Which file was claimed, if it is still there.
    pub(crate) fn identity(&self, folder: &Folder) -> Option<Identity> {
        match folder.look(Room::Claimed, &self.claimed_name()) {
            Ok(Sight::File(seen)) => Some(seen.identity),
            Ok(Sight::Other(identity, _)) => Some(identity),
            Ok(Sight::Gone) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_name_gives_back_the_claim_whatever_the_file_was_called() {
        for name in [&b"users.csv"[..], b"\xff\n~.csv", b"~", b""] {
            let claim = Claim {
                id: ClaimId::fresh(),
                name: OsStr::from_bytes(name).to_owned(),
            };
            assert_eq!(Claim::parse(&claim.claimed_name()), Some(claim));
        }
    }

    #[test]
    fn a_name_that_no_claim_has_is_no_claim() {
        let id = ClaimId::fresh();
        for name in [
            "users.csv".to_owned(),
            id.to_string(),
            format!("{id}-users.csv"),
            format!("{id}~users.csv").replacen('-', "_", 1),
        ] {
            assert_eq!(Claim::parse(OsStr::new(&name)), None, "{name}");
        }
    }

    #[test]
    fn the_longest_name_makes_a_claimed_name_that_still_fits() {
        let claim = Claim {
            id: ClaimId::fresh(),
            name: "x".repeat(LONGEST_NAME).into(),
        };
        assert_eq!(claim.claimed_name().len(), 255);
    }

    #[test]
    fn claims_sort_in_the_order_in_which_they_were_made() {
        let ids: Vec<_> = (0..1000).map(|_| ClaimId::fresh()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_file_that_was_replaced_after_it_settled_gets_its_name_back() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let name = OsStr::new("users.csv");
        std::fs::write(home.path().join(name), "old").unwrap();
        let Ok(Sight::File(settled)) = folder.look(Room::Imports, name) else {
            panic!("a file");
        };
        std::fs::write(home.path().join("new"), "newer").unwrap();
        std::fs::rename(home.path().join("new"), home.path().join(name)).unwrap();

        let outcome = Claim::take(&folder, name, &settled);

        assert!(matches!(outcome, Err(NotClaimed::PutBack(_))));
        let back = std::fs::read(home.path().join(name)).unwrap();
        assert_eq!(back, b"newer");
        assert!(folder.names(Room::Claimed).unwrap().is_empty());
    }

    #[test]
    fn putting_a_file_back_never_replaces_another() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let name = OsStr::new("users.csv");
        std::fs::write(home.path().join(name), "first").unwrap();
        let Ok(Sight::File(settled)) = folder.look(Room::Imports, name) else {
            panic!("a file");
        };
        let claim = Claim::take(&folder, name, &settled).unwrap();
        std::fs::write(home.path().join(name), "second").unwrap();

        assert!(claim.put_back(&folder, &[]).is_err());

        let there = std::fs::read(home.path().join(name)).unwrap();
        assert_eq!(there, b"second");
        assert_eq!(folder.names(Room::Claimed).unwrap(), [claim.claimed_name()]);
    }
}
