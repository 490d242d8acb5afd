//! Rows of a file that its table refuses, as it turned out when they were brought in.
//!
//! The file is then staged again without them. So it is as if it never had them: a row that lost
//! against one of them as a duplicate is used after all, and a snapshot does not call their keys absent.

use std::collections::BTreeMap;

use super::reject::{Place, Reject, RejectColumn, RejectKind};

/// A row that the table refuses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableReject {
    /// The line on which it begins.
    pub line: u64,
    /// The column at fault, where one is known, by its name in the table.
    pub column: Option<String>,
    /// What refuses it, as a sentence without a value of the row.
    pub message: String,
}

/// Rows that the table refuses, by their lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TableRejects(BTreeMap<u64, TableReject>);

impl TableRejects {
    /// Takes in more of them; returns whether there are some among them that were not known.
    pub fn learn(&mut self, rejects: impl IntoIterator<Item = TableReject>) -> bool {
        let known = self.0.len();
        self.0
            .extend(rejects.into_iter().map(|reject| (reject.line, reject)));
        self.0.len() > known
    }

    pub(super) fn has(&self, line: u64) -> bool {
        self.0.contains_key(&line)
    }

    pub(super) fn reject(&self, place: Place, fields: &[RejectColumn]) -> Option<Reject> {
        let known = self.0.get(&place.line)?;
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
