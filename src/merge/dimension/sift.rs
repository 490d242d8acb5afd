//! What a large file says that the table does not say already.
//!
//! To send a row to the server and have it compared there costs more than to read the current
//! version and compare it here. So, where a file speaks of much of the table, the table's keys and
//! values are read once, in the format in which the file's rows are held, and compared as bytes.
//! Equal bytes are equal values. Other bytes may be, too (`1.0` and `1.00`); these rows are sent
//! like those that differ, and the server decides.

use std::collections::HashSet;

use diesel::prelude::*;
use uuid::Uuid;

use super::Delivered;
use crate::db::copy::read_binary;
use crate::merge::{MergeError, sql};
use crate::stage::Held;
use crate::wire;

/// The rows of a file, beside the current versions.
pub(super) struct Sifted {
    /// Of each row, by its position, whether it may differ from the current version of its key.
    pub(super) differs: Vec<bool>,
    /// How many may.
    pub(super) differing: u64,
    /// How many rows say what the table says.
    pub(super) same: u64,
    /// How many keys are there.
    pub(super) open: u64,
    /// Of a snapshot that closes what it does not name, the keys that it does not name.
    pub(super) absent: Vec<Uuid>,
}

/// How many versions are compared together: their rows lie all over the memory, and are fetched
/// all at once.
const TOGETHER: usize = 64;

impl Delivered<'_> {
    /// Reads all current versions, and compares the rows with them.
    pub(super) fn sift(&self, conn: &mut PgConnection, rows: &Held) -> Result<Sifted, MergeError> {
        let contract = self.shape.contract;
        let filled = self.shape.filled.iter();
        let mut sieve = Sieve {
            rows,
            is_key: filled.map(|column| contract.key.contains(column)).collect(),
            absence: self
                .closes_absent
                .then(|| self.staged.unread.keys.iter().collect()),
            waiting: Versions::default(),
            sifted: Sifted {
                differs: vec![true; rows.len()],
                differing: 0,
                same: 0,
                open: 0,
                absent: Vec::new(),
            },
        };
        let query = sql::read_current(self.shape, self.durable_key);
        read_binary(conn, &query, |fields| {
            sieve.take(fields);
            Ok(())
        })?;
        Ok(sieve.finish())
    }
}

/// Compares rows with current versions.
struct Sieve<'a> {
    rows: &'a Held,
    /// Of each cell of a row, whether it is part of its key.
    is_key: Vec<bool>,
    /// Where keys without a row are absent: those of which the file says nothing.
    absence: Option<HashSet<&'a Uuid>>,
    /// Versions that were read and not yet compared.
    waiting: Versions,
    sifted: Sifted,
}

/// Some versions, as they came.
#[derive(Default)]
struct Versions {
    keys: Vec<Uuid>,
    /// What follows the key, of all of them.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Sieve<'_> {
    fn take(&mut self, mut fields: &[u8]) {
        let key = wire::next_field(&mut fields).and_then(wire::uuid);
        let Some(key) = key else { return };
        self.waiting.keys.push(key);
        self.waiting.bytes.extend_from_slice(fields);
        self.waiting.ends.push(self.waiting.bytes.len());
        if self.waiting.keys.len() == TOGETHER {
            self.compare_waiting();
        }
    }

    fn finish(mut self) -> Sifted {
        self.compare_waiting();
        self.sifted.differing = self.rows.len() as u64 - self.sifted.same;
        self.sifted
    }

    fn compare_waiting(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        for key in &waiting.keys {
            self.rows.fetch(self.rows.guess(*key));
        }
        let mut start = 0;
        for (key, end) in waiting.keys.drain(..).zip(waiting.ends.drain(..)) {
            self.compare(key, &waiting.bytes[start..end]);
            start = end;
        }
        waiting.bytes.clear();
        self.waiting = waiting;
    }

    fn compare(&mut self, key: Uuid, fields: &[u8]) {
        self.sifted.open += 1;
        let Some(position) = self.rows.find(key) else {
            let is_absent = self
                .absence
                .as_ref()
                .is_some_and(|unread| !unread.contains(&key));
            if is_absent {
                self.sifted.absent.push(key);
            }
            return;
        };
        let row = self.rows.get(position);
        if row.is_some_and(|row| says_the_same(row.cells, &self.is_key, fields)) {
            self.sifted.differs[position] = false;
            self.sifted.same += 1;
        }
    }
}

/// Whether the cells of a row, but for those of its key, are these fields.
fn says_the_same(mut cells: &[u8], is_key: &[bool], mut fields: &[u8]) -> bool {
    is_key.iter().all(|is_key| {
        let cell = wire::next_field(&mut cells);
        *is_key || cell.is_some() && cell == wire::next_field(&mut fields)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<u8> {
        let mut fields = Vec::new();
        for value in values {
            wire::put_bytes(&mut fields, value.as_bytes());
        }
        fields
    }

    #[test]
    fn a_row_says_the_same_if_all_its_cells_but_the_key_do() {
        let row = texts(&["Ann", "ann@x.org", "1990"]);
        let is_key = [false, true, false];
        assert!(says_the_same(&row, &is_key, &texts(&["Ann", "1990"])));
        assert!(!says_the_same(&row, &is_key, &texts(&["Anne", "1990"])));
        assert!(!says_the_same(&row, &is_key, &texts(&["Ann", "1991"])));
        assert!(!says_the_same(&row, &is_key, &texts(&["Ann"])));
    }

    #[test]
    fn null_is_not_the_empty_text() {
        let mut null = Vec::new();
        wire::put_null(&mut null);
        assert!(says_the_same(&null, &[false], &null));
        assert!(!says_the_same(&null, &[false], &texts(&[""])));
    }
}
