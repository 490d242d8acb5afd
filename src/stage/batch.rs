//! Some records of the file, and what became of each: a row for the table, or what is wrong with it.
//!
//! Records are read into it by one thread and may be parsed by another, so nothing in it is
//! borrowed, and its memory is used again.

use std::io::Read;

use super::StageFault;
use super::csv::{CsvFile, Records};
use super::reject::{Place, Reject};
use super::row::{Accepted, Refused, RowParser};
use super::rows::Row;
use super::share::Filled;

/// How much is read into one, in bytes of memory.
pub(super) const BATCH_BYTES: usize = 256 << 10;

#[derive(Default)]
pub(super) struct Batch {
    records: Records,
    /// One for each record, once they are parsed.
    rows: Vec<Result<Accepted, Box<Refused>>>,
    /// What the accepted rows say.
    bytes: Vec<u8>,
}

/// What became of one record.
pub(super) enum Outcome<'a> {
    /// A row to load, and what is worth knowing of it.
    Accepted(Row<'a>, &'a mut Vec<Reject>),
    Refused(&'a mut Refused),
}

impl Batch {
    /// Reads records in place of those that are there, until they take so much memory. Those before
    /// an error are in it.
    pub(super) fn fill<R: Read>(
        &mut self,
        file: &mut CsvFile<R>,
        most_bytes: usize,
    ) -> Result<Filled, StageFault> {
        if self.records.memory() / 2 > most_bytes {
            // It has grown for a record of great length, and few are so.
            *self = Self::default();
        }
        self.records.clear();
        while self.records.memory() < most_bytes {
            if !file.read_into(&mut self.records)? {
                return Ok(Filled::Last);
            }
        }
        Ok(Filled::Full)
    }

    /// Parses the records.
    pub(super) fn parse(&mut self, parser: &RowParser<'_>) {
        self.rows.clear();
        self.bytes.clear();
        let mut key_texts = parser.key_texts();
        for (place, content) in self.records.iter() {
            let row = parser.parse(place, content, &mut key_texts, &mut self.bytes);
            self.rows.push(row);
        }
        for (record, warning) in self.records.warnings() {
            if let Some(Ok(accepted)) = self.rows.get_mut(record)
                && let Some(place) = self.records.places().nth(record)
            {
                accepted.warnings.push(parser.told(place, warning));
            }
        }
    }

    /// The records, as they were read.
    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    /// What became of each record, in their order.
    pub(super) fn outcomes(&mut self) -> impl Iterator<Item = (Place, Outcome<'_>)> {
        let mut bytes = &self.bytes[..];
        let mut next = move |count| {
            let (taken, rest) = bytes.split_at(count);
            bytes = rest;
            taken
        };
        let outcomes = self.records.places().zip(&mut self.rows);
        outcomes.map(move |(place, row)| {
            let outcome = match row {
                Ok(accepted) => {
                    let row = Row {
                        key: accepted.key,
                        place,
                        presence: accepted.presence,
                        at: accepted.at,
                        digest: accepted.digest,
                        sequence: next(accepted.sequence),
                        cells: next(accepted.cells),
                    };
                    Outcome::Accepted(row, &mut accepted.warnings)
                }
                Err(refused) => Outcome::Refused(refused),
            };
            (place, outcome)
        })
    }
}
