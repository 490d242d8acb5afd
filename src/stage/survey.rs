//! What is odd about a column as a whole: nearly all its values are in apostrophes, or written in an
//! encoding that is not UTF-8. Each value by itself may be meant so.
//!
//! In: the fields of the first records. Out: at most one warning for each oddity of a column, with the
//! first row that shows it. The records behind are not looked at: what holds for nearly all of them
//! holds for the first thousands, too, and nothing is added to the work on a row.

use super::csv::{Fields, Records};
use super::disguise::Disguise;
use super::reject::{Place, Reject, RejectColumn, RejectKind};

/// How many records are looked at.
const MOST: usize = 4096;

/// The columns of a file, as its first records show them.
pub(super) struct Survey {
    columns: Vec<Surveyed>,
    left: usize,
}

struct Surveyed {
    column: RejectColumn,
    filled: Tendency,
    apostrophes: Tendency,
    /// Values beyond ASCII that are no disguise.
    plain: Tendency,
    disguises: [Tendency; Disguise::ALL.len()],
}

/// How many values are so, and the row of the first.
#[derive(Clone, Copy, Default)]
struct Tendency {
    count: u64,
    first: Option<Place>,
}

impl Tendency {
    fn note(&mut self, place: Place) {
        self.count += 1;
        self.first.get_or_insert(place);
    }

    /// The first row, if nearly all are so: nine of ten.
    fn prevails(self, all: u64) -> Option<Place> {
        self.first.filter(|_| self.count * 10 >= all * 9)
    }
}

impl Survey {
    /// Of these columns.
    pub(super) fn of(columns: Vec<RejectColumn>) -> Self {
        let columns = columns.into_iter().map(Surveyed::new).collect();
        Self {
            columns,
            left: MOST,
        }
    }

    /// Looks at records, until it has seen enough.
    pub(super) fn look_at(&mut self, records: &Records) {
        if self.left == 0 {
            return;
        }
        for (place, content) in records.iter().take(self.left) {
            self.left -= 1;
            if let Ok(fields) = content {
                self.columns
                    .iter_mut()
                    .for_each(|column| column.look_at(&fields, place));
            }
        }
    }

    /// What is odd.
    pub(super) fn warnings(&self) -> Vec<Reject> {
        self.columns.iter().flat_map(Surveyed::warnings).collect()
    }
}

impl Surveyed {
    fn new(column: RejectColumn) -> Self {
        Self {
            column,
            filled: Tendency::default(),
            apostrophes: Tendency::default(),
            plain: Tendency::default(),
            disguises: Default::default(),
        }
    }

    fn look_at(&mut self, fields: &Fields<'_>, place: Place) {
        let field = &fields[self.column.number - 1];
        if field.is_empty() {
            return;
        }
        self.filled.note(place);
        if is_in_apostrophes(field) {
            self.apostrophes.note(place);
        }
        match Disguise::of(field) {
            Some(disguise) => self.disguises[disguise as usize].note(place),
            None if !field.is_ascii() => self.plain.note(place),
            None => {}
        }
    }

    fn warnings(&self) -> Vec<Reject> {
        let quotes = self.apostrophes.prevails(self.filled.count).map(|first| {
            let message = "Nearly all values of the column are in apostrophes ('), which were loaded \
                           as part of the values: only \" is a quote.";
            self.warning(first, RejectKind::OtherQuotes, message.to_owned())
        });
        let disguises = Disguise::ALL.into_iter().filter_map(|disguise| {
            let tendency = self.disguises[disguise as usize];
            let first = tendency.prevails(tendency.count + self.plain.count)?;
            let message = format!(
                "Nearly all values of the column that are not plain ASCII are in {}, and were loaded \
                 as they stand. Have the file sent in UTF-8, if they are not meant so.",
                disguise.words()
            );
            Some(self.warning(first, RejectKind::OtherEncoding, message))
        });
        quotes.into_iter().chain(disguises).collect()
    }

    fn warning(&self, place: Place, kind: RejectKind, message: String) -> Reject {
        Reject {
            place,
            column: Some(self.column.clone()),
            kind,
            message,
        }
    }
}

fn is_in_apostrophes(field: &[u8]) -> bool {
    field.len() > 1 && field.starts_with(b"'") && field.ends_with(b"'")
}
