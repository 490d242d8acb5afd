//! The counts of one load. The line for people, the JSON object, the ledger and the log are four
//! readers of this one struct, so they cannot disagree.

use serde::Serialize;

use crate::contract::TableName;
use crate::ledger::words::Word;
use crate::stage::Tally;

/// What one load did. Serialised, it is the JSON object that scripts rely on: no field is renamed or
/// dropped without a new major version. (Where nothing was loaded, the printer adds the reason.)
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Summary {
    /// The ledger's number of the load; `None` when the file failed before the ledger could be asked.
    pub load_id: Option<i64>,
    /// The table, as `hayloft.toml` names it.
    pub table: TableName,
    /// The file's name, without its folder.
    pub file: String,
    /// How it ended.
    pub status: Status,
    /// What became of the rows of the file.
    pub rows: Rows,
    /// What became of the rows of the table.
    pub changes: Changes,
    /// How long it took.
    pub seconds: Seconds,
}

/// How a load ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has not ended. No such row is ever committed.
    Loading,
    /// Its rows are in the table.
    Loaded,
    /// The same bytes were loaded before; nothing was done.
    Skipped,
    /// Nothing of it is in the table.
    Failed,
    /// Its rows were in the table, and were taken out again.
    Undone,
}

impl Status {
    /// The word in the ledger and in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.word()
    }
}

/// What became of the rows of a file: `read = accepted + rejected + duplicates`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Rows {
    /// Data rows in the file.
    pub read: u64,
    /// Rows that were used, held ones included; of a failed load, those that could have been.
    pub accepted: u64,
    /// Rows that could not be used, each in the rejects.
    pub rejected: u64,
    /// Rows that lost against another row of the file with the same key.
    pub duplicates: u64,
    /// Accepted facts that wait for their dimension.
    pub held: u64,
}

/// As staging leaves them: the database has refused and held none of them yet.
impl From<Tally> for Rows {
    fn from(tally: Tally) -> Self {
        Self {
            read: tally.read,
            accepted: tally.read - tally.rejected - tally.duplicates,
            rejected: tally.rejected,
            duplicates: tally.duplicates,
            held: 0,
        }
    }
}

/// What became of the rows of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Changes {
    /// New keys.
    pub inserted: u64,
    /// New versions; for facts, rows changed in place.
    pub updated: u64,
    /// Versions that were current and are closed, for whatever reason.
    pub deactivated: u64,
    /// Rows that said what was known.
    pub unchanged: u64,
    /// Keys that had been closed and are there again.
    pub reopened: u64,
    /// Rows that replaced another at the same instant.
    pub corrected: u64,
    /// Late rows that divided a version.
    pub split: u64,
    /// Late rows that moved the beginning of a version.
    pub moved: u64,
    /// Late rows that said what was known.
    pub late_unchanged: u64,
    /// Rows that ended a key: deletes of a feed.
    pub closed: u64,
    /// Deletes of keys that were not there.
    pub absent_already: u64,
    /// Keys that a snapshot ended by not naming them. Not a row of the file.
    pub closed_by_absence: u64,
    /// Keys whose type 0 or type 1 columns were written over. Counted beside what else a row did.
    pub overwritten: u64,
    /// Versions that got a value in a column that had none. Counted beside what else a row did.
    pub filled: u64,
}

impl Changes {
    /// How many rows of a file these were: each accepted row that is not held is one of them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.inserted
            + self.updated
            + self.unchanged
            + self.reopened
            + self.corrected
            + self.split
            + self.moved
            + self.late_unchanged
            + self.closed
            + self.absent_already
    }

    /// Whether a key that was there is not as it was. What it got in a column in which it had nothing
    /// changes nothing that was said; and a key that no file names has guards of its own.
    #[must_use]
    pub fn changes_a_key(&self) -> bool {
        self.updated + self.corrected + self.split + self.moved + self.closed + self.overwritten > 0
    }

    /// Each count with its name, in the order of the ledger.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 14] {
        [
            ("inserted", self.inserted),
            ("updated", self.updated),
            ("deactivated", self.deactivated),
            ("unchanged", self.unchanged),
            ("reopened", self.reopened),
            ("corrected", self.corrected),
            ("split", self.split),
            ("moved", self.moved),
            ("late_unchanged", self.late_unchanged),
            ("closed", self.closed),
            ("absent_already", self.absent_already),
            ("closed_by_absence", self.closed_by_absence),
            ("overwritten", self.overwritten),
            ("filled", self.filled),
        ]
    }

    /// The name of the count under which a key is shown that all of this happened to: of several
    /// things that several rows did, the one that changed most.
    #[must_use]
    pub fn chief(&self) -> Option<&'static str> {
        const ORDER: [&str; 13] = [
            "inserted",
            "reopened",
            "split",
            "moved",
            "corrected",
            "updated",
            "closed",
            "closed_by_absence",
            "overwritten",
            "filled",
            "late_unchanged",
            "absent_already",
            "unchanged",
        ];
        let named = self.named();
        let happened = |name: &&str| named.iter().any(|(it, count)| it == name && *count > 0);
        ORDER.into_iter().find(happened)
    }
}

/// How long a load took, in seconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Seconds {
    /// From taking up the file to the commit.
    pub total: f64,
    /// Reading and checking.
    pub stage: f64,
    /// Inside the database.
    pub merge: f64,
}

impl std::ops::AddAssign for Changes {
    fn add_assign(&mut self, more: Self) {
        self.inserted += more.inserted;
        self.updated += more.updated;
        self.deactivated += more.deactivated;
        self.unchanged += more.unchanged;
        self.reopened += more.reopened;
        self.corrected += more.corrected;
        self.split += more.split;
        self.moved += more.moved;
        self.late_unchanged += more.late_unchanged;
        self.closed += more.closed;
        self.absent_already += more.absent_already;
        self.closed_by_absence += more.closed_by_absence;
        self.overwritten += more.overwritten;
        self.filled += more.filled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_under_what_changed_it_most() {
        let mut several = Changes {
            unchanged: 2,
            ..Changes::default()
        };
        assert_eq!(several.chief(), Some("unchanged"));
        several.filled = 1;
        assert_eq!(several.chief(), Some("filled"));
        several.split = 1;
        assert_eq!(several.chief(), Some("split"));
        assert_eq!(Changes::default().chief(), None);
    }

    #[test]
    fn a_closed_version_is_the_end_of_something_else() {
        let closed = Changes {
            deactivated: 1,
            updated: 1,
            ..Changes::default()
        };
        assert_eq!(closed.chief(), Some("updated"));
    }
}
