//! The counts of a load in words. The line of a load and the table of a plan are made of the same
//! words, so that they can be compared.

use crate::summary::{Changes, Rows};

/// One count: its name in JSON, its word for people, and the number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// The field of [`Rows`] or [`Changes`].
    pub field: &'static str,
    /// What people read.
    pub word: &'static str,
    /// How many.
    pub count: u64,
}

fn counted(field: &'static str, word: &'static str, count: u64) -> Counted {
    Counted { field, word, count }
}

/// What became of the table, in the order in which it is told. Versions that were closed are not
/// told: they follow from the others.
#[must_use]
pub fn changes(changes: &Changes) -> [Counted; 13] {
    [
        counted("inserted", "new", changes.inserted),
        counted("updated", "changed", changes.updated),
        counted("unchanged", "unchanged", changes.unchanged),
        counted("reopened", "reopened", changes.reopened),
        counted("corrected", "corrected", changes.corrected),
        counted("split", "split", changes.split),
        counted("moved", "moved", changes.moved),
        counted(
            "late_unchanged",
            "late and unchanged",
            changes.late_unchanged,
        ),
        counted("closed", "closed", changes.closed),
        counted("absent_already", "absent already", changes.absent_already),
        counted(
            "closed_by_absence",
            "closed by absence",
            changes.closed_by_absence,
        ),
        counted("overwritten", "overwritten", changes.overwritten),
        counted("filled", "filled", changes.filled),
    ]
}

/// What became of rows that did not make a change.
#[must_use]
pub fn rows(rows: &Rows) -> [Counted; 3] {
    [
        counted("held", "held", rows.held),
        counted("duplicates", "duplicate", rows.duplicates),
        counted("rejected", "rejected", rows.rejected),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_of_the_json_but_the_closed_versions_has_a_word() {
        let all = serde_json::to_value(Changes::default()).unwrap();
        let named = changes(&Changes::default());
        for field in all.as_object().unwrap().keys() {
            let has_word = named.iter().any(|counted| counted.field == field);
            assert_eq!(has_word, field != "deactivated", "{field}");
        }
    }
}
