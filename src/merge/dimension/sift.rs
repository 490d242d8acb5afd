//! What a large file says that the table does not say already.
//!
//! To send a row to the server and have it compared there costs more than to read the current
//! version and compare it here. So, where a file speaks of much of the table, the table's keys and
//! values are read once, in the format in which the file's rows are held, and compared as bytes.
//! Equal bytes are equal values. Other bytes may be, too (`1.0` and `1.00`); these rows are sent
//! like those that differ, and the server decides.
//!
//! Rows that are in memory are looked up as the versions come. Rows that are too many for that lie
//! on disk in the order of their keys, and the versions are asked for in the same order.

use std::collections::HashSet;
use std::io;

use uuid::Uuid;

use super::Delivered;
use super::beside::Found;
use crate::db::copy::read_binary;
use crate::db::prelude::*;
use crate::failpoint;
use crate::merge::MergeError;
use crate::merge::sql::{self, Order};
use crate::stage::{Held, InOrder};
use crate::wire;

/// The rows of a file, beside the current versions.
pub(super) struct Sifted {
    /// Of each row, by its position.
    standings: Vec<Standing>,
    /// How many are to be sent still.
    pub(super) left: u64,
    /// How many rows say what the table says.
    pub(super) same: u64,
    /// How many keys are there.
    pub(super) open: u64,
    /// Of a snapshot that closes what it does not name, the keys that it does not name.
    pub(super) absent: Vec<Uuid>,
}

/// How a row stands to the current version of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// It may differ, or there is none.
    Left,
    /// It may differ, and is on its way.
    Sent,
    /// It says the same.
    Same,
}

impl Sifted {
    /// Whether the row at a position is to be sent still.
    pub(super) fn is_left(&self, position: usize) -> bool {
        self.standings[position] == Standing::Left
    }
}

/// How many versions are compared together: their rows lie all over the memory, and are fetched
/// all at once.
const TOGETHER: usize = 64;

impl Delivered<'_> {
    /// Reads all current versions, and compares the rows with them.
    pub(super) fn sift(&self, conn: &mut PgConnection) -> Result<Sifted, MergeError> {
        let sieve = self.sieve(None);
        match self.staged.rows.held() {
            Some(rows) => sift_held(conn, &self.read_current(Order::Any), rows, sieve),
            None => self.sift_in_order(conn, sieve),
        }
    }

    /// The statement that reads the current versions.
    pub(super) fn read_current(&self, order: Order) -> String {
        sql::read_current(self.shape, self.durable_key, order)
    }

    /// Nothing found out yet.
    pub(super) fn sieve(&self, found: Option<Found>) -> Sieve<'_> {
        let contract = self.shape.contract;
        let filled = self.shape.filled.iter();
        Sieve {
            is_key: filled.map(|column| contract.key.contains(column)).collect(),
            absence: self
                .closes_absent
                .then(|| self.staged.unread.keys.iter().collect()),
            found,
            sifted: Sifted {
                standings: vec![Standing::Left; self.staged.rows.len()],
                left: self.staged.rows.len() as u64,
                same: 0,
                open: 0,
                absent: Vec::new(),
            },
        }
    }

    fn sift_in_order(
        &self,
        conn: &mut PgConnection,
        sieve: Sieve<'_>,
    ) -> Result<Sifted, MergeError> {
        let mut side_by_side = SideBySide::begin(self.staged.rows.in_order(), sieve)
            .map_err(MergeError::Unreadable)?;
        let query = self.read_current(Order::ByKey);
        read_binary(conn, &query, |fields| Ok(side_by_side.take(fields)?))?;
        Ok(side_by_side.sieve.sifted)
    }
}

/// Runs a query for the current versions, and compares rows in memory with them.
pub(super) fn sift_held(
    conn: &mut PgConnection,
    query: &str,
    rows: &Held,
    sieve: Sieve<'_>,
) -> Result<Sifted, MergeError> {
    let mut looking_up = LookingUp {
        rows,
        waiting: Versions::default(),
        sieve,
    };
    read_binary(conn, query, |fields| Ok(looking_up.take(fields)?))?;
    let sieve = looking_up.finish().map_err(MergeError::Unreadable)?;
    Ok(sieve.sifted)
}

/// What is found out about rows and current versions.
pub(super) struct Sieve<'a> {
    /// Of each cell of a row, whether it is part of its key.
    is_key: Vec<bool>,
    /// Where keys without a row are absent: those of which the file says nothing.
    absence: Option<HashSet<&'a Uuid>>,
    /// Where rows that differ are sent at once.
    found: Option<Found>,
    sifted: Sifted,
}

impl Sieve<'_> {
    /// Compares a version with the row of its key, which stands at a position.
    fn compare(&mut self, position: usize, cells: &[u8], fields: &[u8]) -> io::Result<()> {
        self.sifted.open += 1;
        if says_the_same(cells, &self.is_key, fields) {
            self.settle(position, Standing::Same);
            self.sifted.same += 1;
        } else if let Some(found) = &mut self.found
            && found.takes(position)?
        {
            self.settle(position, Standing::Sent);
        }
        Ok(())
    }

    fn settle(&mut self, position: usize, standing: Standing) {
        self.sifted.standings[position] = standing;
        self.sifted.left -= 1;
    }

    /// Notes a version of whose key there is no row.
    fn miss(&mut self, key: Uuid) {
        self.sifted.open += 1;
        let absence = self.absence.as_ref();
        if absence.is_some_and(|unread| !unread.contains(&key)) {
            self.sifted.absent.push(key);
        }
    }
}

/// Rows in memory: each version looks for its row.
struct LookingUp<'a> {
    rows: &'a Held,
    /// Versions that were read and not yet compared.
    waiting: Versions,
    sieve: Sieve<'a>,
}

/// Some versions, as they came.
#[derive(Default)]
struct Versions {
    keys: Vec<Uuid>,
    /// What follows the key, of all of them.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> LookingUp<'a> {
    fn take(&mut self, mut fields: &[u8]) -> io::Result<()> {
        let Some(key) = next_key(&mut fields) else {
            return Ok(());
        };
        self.waiting.keys.push(key);
        self.waiting.bytes.extend_from_slice(fields);
        self.waiting.ends.push(self.waiting.bytes.len());
        if self.waiting.keys.len() == TOGETHER {
            self.compare_waiting()?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Sieve<'a>> {
        self.compare_waiting()?;
        if let Some(found) = self.sieve.found.take() {
            found.finish()?;
        }
        Ok(self.sieve)
    }

    fn compare_waiting(&mut self) -> io::Result<()> {
        failpoint!("merge::reading");
        let mut waiting = std::mem::take(&mut self.waiting);
        for key in &waiting.keys {
            self.rows.fetch(self.rows.guess(*key));
        }
        let mut start = 0;
        for (key, end) in waiting.keys.drain(..).zip(waiting.ends.drain(..)) {
            self.compare(key, &waiting.bytes[start..end])?;
            start = end;
        }
        waiting.bytes.clear();
        self.waiting = waiting;
        Ok(())
    }

    fn compare(&mut self, key: Uuid, fields: &[u8]) -> io::Result<()> {
        let position = self.rows.find(key);
        let Some((position, row)) = position.and_then(|it| Some((it, self.rows.get(it)?))) else {
            self.sieve.miss(key);
            return Ok(());
        };
        self.sieve.compare(position, row.cells, fields)
    }
}

/// Rows on disk: they are read beside the versions, both in the order of their keys.
struct SideBySide<'a> {
    rows: InOrder<'a>,
    /// The row that was read last, by its key; none after the last one.
    key: Option<Uuid>,
    cells: Vec<u8>,
    position: usize,
    sieve: Sieve<'a>,
}

impl<'a> SideBySide<'a> {
    fn begin(rows: InOrder<'a>, sieve: Sieve<'a>) -> io::Result<Self> {
        let mut begun = Self {
            rows,
            key: None,
            cells: Vec::new(),
            position: 0,
            sieve,
        };
        begun.read_row()?;
        Ok(begun)
    }

    fn read_row(&mut self) -> io::Result<()> {
        let row = self.rows.next_row()?;
        self.key = row.map(|row| row.key);
        self.cells.clear();
        self.cells
            .extend_from_slice(row.map_or(&[], |row| row.cells));
        Ok(())
    }

    fn next_row(&mut self) -> io::Result<()> {
        self.position += 1;
        self.read_row()
    }

    fn take(&mut self, mut fields: &[u8]) -> io::Result<()> {
        let Some(key) = next_key(&mut fields) else {
            return Ok(());
        };
        while self.key.is_some_and(|row| row < key) {
            self.next_row()?;
        }
        if self.key == Some(key) {
            self.sieve.compare(self.position, &self.cells, fields)?;
            self.next_row()
        } else {
            self.sieve.miss(key);
            Ok(())
        }
    }
}

fn next_key(fields: &mut &[u8]) -> Option<Uuid> {
    wire::next_field(fields).and_then(wire::uuid)
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
