//! Rows of a file that its table refuses, as it turned out when they were brought in.
//!
//! The file is then staged again without them. So it is as if it never had them: a row that lost
//! against one of them as a duplicate is used after all, and a snapshot does not call their keys absent.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::reject::{Place, Reject, RejectColumn, RejectKind};

/// A row that the table refuses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableReject {
    /// The line on which it begins.
    pub line: u64,
    /// Its key.
    pub key: Uuid,
    /// The column at fault, where one is known, by its name in the table.
    pub column: Option<String>,
    /// What refuses it, as a sentence without a value of the row.
    pub message: String,
}

/// Rows that the table refuses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TableRejects {
    by_line: BTreeMap<u64, TableReject>,
    keys: BTreeSet<Uuid>,
}

impl TableRejects {
    /// Takes in more of them; returns whether there are some among them that were not known.
    pub fn learn(&mut self, rejects: impl IntoIterator<Item = TableReject>) -> bool {
        let known = self.by_line.len();
        for reject in rejects {
            self.keys.insert(reject.key);
            self.by_line.insert(reject.line, reject);
        }
        self.by_line.len() > known
    }

    pub(super) fn has(&self, line: u64) -> bool {
        self.by_line.contains_key(&line)
    }

    /// Whether a row of this key is among them.
    pub(super) fn has_key(&self, key: Uuid) -> bool {
        self.keys.contains(&key)
    }

    pub(super) fn reject(&self, place: Place, fields: &[RejectColumn]) -> Option<Reject> {
        let known = self.by_line.get(&place.line)?;
        let name = known.column.as_deref();
        Some(Reject {
            column: fields
                .iter()
                .find(|field| Some(field.name.as_str()) == name)
                .cloned(),
            ..Reject::of_row(place, RejectKind::CheckFailed, known.message.clone())
        })
    }
}
