//! The rows that would be used in the place of others: those of a file that share the identity of a row
//! that the table refuses.
//!
//! In: all rows of the keys of which a row was refused. Out: for each row that is used now, the rows that
//! would be used one after the other if those before them were refused too. So whoever tries them reads
//! the file once, however many rows of one key are refused.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;
use std::mem::take;

use super::record::{Head, Stored, print};
use super::{Row, Rows};
use crate::contract::{Contract, Duplicates};

/// The most that is held, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// Stands for what a row says: two rows with the same one say the same.
pub type Print = [u8; 16];

/// The rows that stand in for others.
#[derive(Debug)]
pub struct Alternatives {
    order: Order,
    rows: Vec<Vec<u8>>,
    /// By the line of the row that is used.
    contests: BTreeMap<u64, Contest>,
}

/// A row that is used, and those that would be used if it were refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contest {
    /// What the row says that is used.
    pub print: Print,
    /// The others, the next one first.
    pub others: Vec<Alternative>,
}

/// A row that would be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alternative {
    /// The line on which it begins.
    pub line: u64,
    /// What it says.
    pub print: Print,
}

impl Alternatives {
    /// Whether nothing stands in for anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contests.is_empty()
    }

    /// What stands in for the row on this line.
    #[must_use]
    pub fn of(&self, line: u64) -> Option<&Contest> {
        self.contests.get(&line)
    }

    /// All rows that stand in for another.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let rows = self.rows.iter().map(|bytes| self.order.read(bytes).row());
        rows.filter(|row| !self.contests.contains_key(&row.place.line))
    }
}

/// Takes rows in the order of the file.
#[derive(Debug)]
pub(in crate::stage) struct Candidates {
    order: Order,
    rows: Vec<Vec<u8>>,
    /// The first row of each identity for which there was no room: none after it is taken.
    cuts: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
    most_bytes: usize,
}

impl Candidates {
    /// None yet.
    pub(in crate::stage) fn new(contract: &Contract) -> Self {
        let order = Order {
            head: Head::of(contract),
            policy: contract.duplicates,
        };
        Self::with(order, MOST_BYTES)
    }

    fn with(order: Order, most_bytes: usize) -> Self {
        Self {
            order,
            rows: Vec::new(),
            cuts: BTreeMap::new(),
            bytes: 0,
            most_bytes,
        }
    }

    /// Takes a row of a key of which one was refused.
    pub(in crate::stage) fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.order.head.put(row, &mut bytes)?;
        let cut = self.cuts.get(self.order.read(&bytes).identity());
        if cut.is_some_and(|cut| self.order.of(&bytes, cut) == Ordering::Greater) {
            return Ok(());
        }
        self.bytes += bytes.len();
        self.rows.push(bytes);
        if self.bytes > self.most_bytes {
            self.make_room();
        }
        Ok(())
    }

    /// All are in; `used` are the rows that are used.
    pub(in crate::stage) fn finish(&mut self, used: &Rows) -> io::Result<Alternatives> {
        let order = self.order;
        let mut all = take(&mut self.rows);
        all.sort_unstable_by(|one, other| order.of(one, other));
        let mut contests = BTreeMap::new();
        let mut found = Vec::new();
        for alike in all.chunk_by(|one, other| order.alike(one, other)) {
            let rows: Vec<Stored<'_>> = alike.iter().map(|bytes| order.read(bytes)).collect();
            let Some(first) = rows.first() else {
                continue;
            };
            // None is used where rows disagree and the contract uses neither.
            let Some(winner) = used.winners.look_up(first.identity(), &mut found)? else {
                continue;
            };
            let line = winner.row().place.line;
            let contest = Contest {
                print: print(winner.content()),
                others: order.others(line, &rows),
            };
            contests.insert(line, contest);
        }
        Ok(Alternatives {
            order,
            rows: all,
            contests,
        })
    }

    /// Lets the last half of each identity go; or all, where that is not enough. The file is read again for
    /// them once the others are known to be refused.
    fn make_room(&mut self) {
        let order = self.order;
        self.rows
            .sort_unstable_by(|one, other| order.of(one, other));
        let mut kept = Vec::new();
        for alike in self.rows.chunk_by(|one, other| order.alike(one, other)) {
            let (near, far) = alike.split_at(alike.len().div_ceil(2));
            kept.extend_from_slice(near);
            if let Some(cut) = far.first() {
                let identity = order.read(cut).identity().to_vec();
                self.cuts.insert(identity, cut.clone());
            }
        }
        self.bytes = kept.iter().map(Vec::len).sum();
        self.rows = kept;
        if self.bytes > self.most_bytes / 4 * 3 {
            *self = Self::with(order, 0);
        }
    }
}

/// In which order rows are used: by identity, and of one identity the next one first.
#[derive(Clone, Copy, Debug)]
struct Order {
    head: Head,
    policy: Duplicates,
}

impl Order {
    fn read(self, bytes: &[u8]) -> Stored<'_> {
        Stored::new(self.head, bytes)
    }

    fn of(self, one: &[u8], other: &[u8]) -> Ordering {
        let (one, other) = (self.read(one), self.read(other));
        let lines = one.row().place.line.cmp(&other.row().place.line);
        (one.identity().cmp(other.identity()))
            .then_with(|| other.sequence().cmp(one.sequence()))
            .then(match self.policy {
                Duplicates::Last => lines.reverse(),
                Duplicates::First | Duplicates::RejectKey | Duplicates::FailFile => lines,
            })
    }

    fn alike(self, one: &[u8], other: &[u8]) -> bool {
        self.read(one).identity() == self.read(other).identity()
    }

    /// Those that would be used instead of the row on this line. Where rows that disagree are not used, up
    /// to the first of which that is so.
    fn others(self, line: u64, rows: &[Stored<'_>]) -> Vec<Alternative> {
        let agree = |level: &&[Stored<'_>]| match self.policy {
            Duplicates::Last | Duplicates::First => true,
            Duplicates::RejectKey | Duplicates::FailFile => level
                .windows(2)
                .all(|pair| pair[0].content() == pair[1].content()),
        };
        rows.chunk_by(|one, other| one.sequence() == other.sequence())
            .take_while(agree)
            .flatten()
            .map(|row| Alternative {
                line: row.row().place.line,
                print: print(row.content()),
            })
            .filter(|other| other.line != line)
            .collect()
    }
}
