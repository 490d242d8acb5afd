//! Rows as they come, until all are in.
//!
//! They are appended one behind the other, with an index beside them. Now and then, when they have
//! become many, the index is sorted and rows that lost are dropped: a file that repeats its keys
//! must not be held whole. What then is still too much goes to disk.

use std::cmp::Ordering;
use std::io;
use std::sync::Arc;
use std::thread;

use super::held::{Entry, Held};
use super::record::{self, Head, Stored, print};
use super::spilled::Runs;
use super::{Loser, Row, Rows, Winners};
use crate::contract::{Contract, Duplicates};
use crate::stage::spool::Spool;

/// How much is gathered before it is first looked at for rows that lost, in bytes.
const FIRST_LOOK: usize = 128 << 20;

/// As many rows as take some milliseconds to sort, which a thread is worth.
const MANY: usize = 1 << 17;

/// The most that is ever held in memory: with a row behind it, the longest of which has 2 GiB as
/// well, each row still starts below 4 GiB.
pub(super) const MOST_BYTES: usize = 2 << 30;

/// Takes rows in the order of the file.
#[derive(Debug)]
pub struct Gathering {
    judge: Judge,
    pub(super) held: Held,
    /// Of these, the bytes of rows that lost.
    dead_bytes: usize,
    pub(super) runs: Runs,
    losers: Spool<Loser>,
    /// The most memory to use for rows.
    most_bytes: usize,
    /// Where the rows in memory are looked at next.
    next_look: usize,
}

/// Knows which of two rows wins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    policy: Duplicates,
}

impl Gathering {
    /// No rows of the table yet; of those that come, about so many bytes are held in memory.
    #[must_use]
    pub fn new(contract: &Contract, most_bytes: usize) -> Self {
        Self::with(contract.duplicates, Head::of(contract), most_bytes)
    }

    pub(super) fn with(policy: Duplicates, head: Head, most_bytes: usize) -> Self {
        Self {
            judge: Judge { policy },
            held: Held {
                head,
                index: Vec::new(),
                bytes: Vec::new(),
            },
            dead_bytes: 0,
            runs: Runs::new(head),
            losers: Spool::new(),
            most_bytes: most_bytes.min(MOST_BYTES),
            next_look: most_bytes.min(FIRST_LOOK),
        }
    }

    /// Takes a row. Whether it wins is known only when all rows are in.
    pub fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        let start = self.held.bytes.len();
        self.held.head.put(row, &mut self.held.bytes)?;
        self.held.index.push(Entry::of(row, start));
        if self.held.memory() >= self.next_look {
            self.make_room()?;
        }
        Ok(())
    }

    /// All rows are in.
    pub fn finish(mut self) -> io::Result<Rows> {
        self.settle()?;
        let head = self.held.head;
        let winners = if self.runs.is_empty() {
            self.held.index.shrink_to_fit();
            Winners::Held(Arc::new(self.held))
        } else {
            self.runs.add(&self.held)?;
            drop(self.held);
            Winners::Spilled(self.runs.merge(self.judge, &mut self.losers)?)
        };
        Ok(Rows {
            head,
            winners,
            losers: self.losers,
        })
    }

    /// Half of the memory is free after this, or it is far from full.
    fn make_room(&mut self) -> io::Result<()> {
        self.settle()?;
        if self.held.memory() - self.dead_bytes > self.most_bytes / 2 {
            self.runs.add(&self.held)?;
            self.held.clear();
        } else if self.dead_bytes > 0 {
            self.held.sweep();
        }
        self.dead_bytes = 0;
        self.next_look = (self.held.memory() * 2)
            .max(FIRST_LOOK)
            .min(self.most_bytes);
        Ok(())
    }

    /// Sorts the rows, and lets one of each identity stand.
    fn settle(&mut self) -> io::Result<()> {
        self.held.sort();
        let mut lost = self.held.keep_winners(self.judge);
        // In the order of the file.
        lost.sort_unstable();
        for start in lost {
            let row = Stored::new(self.held.head, &self.held.bytes[start..]);
            self.losers.push(&Loser::of(row))?;
            self.dead_bytes += row.bytes().len();
        }
        Ok(())
    }
}

impl Held {
    pub(super) fn memory(&self) -> usize {
        self.bytes.len() + self.index.len() * size_of::<Entry>()
    }

    fn clear(&mut self) {
        self.index.clear();
        self.bytes.clear();
    }

    /// By identity, and rows of one identity as they came. The prefixes are nearly always enough.
    fn sort(&mut self) {
        sort_by_prefix(&mut self.index);
        let (head, bytes) = (self.head, &self.bytes);
        let identity = |entry: &Entry| Stored::new(head, &bytes[entry.start()..]).identity();
        for alike in self
            .index
            .chunk_by_mut(|one, other| one.prefix() == other.prefix())
            .filter(|alike| alike.len() > 1)
        {
            alike.sort_unstable_by(|one, other| {
                (identity(one).cmp(identity(other))).then(one.start().cmp(&other.start()))
            });
        }
    }

    /// Leaves one row of each identity in the sorted index, and says where the others start.
    fn keep_winners(&mut self, judge: Judge) -> Vec<usize> {
        let (head, bytes) = (self.head, &self.bytes);
        let row = |entry: &Entry| Stored::new(head, &bytes[entry.start()..]);
        let (mut lost, mut overruling) = (Vec::new(), Vec::new());
        self.index.dedup_by(|new, held| {
            if new.prefix() != held.prefix() || row(new).identity() != row(held).identity() {
                return false;
            }
            if judge.new_wins(row(held), row(new)) {
                if row(held).sequence() == row(new).sequence() {
                    overruling.push(new.start());
                }
                std::mem::swap(new, held);
            }
            lost.push(new.start());
            true
        });
        for start in overruling {
            record::mark_overruling(&mut self.bytes[start..]);
        }
        lost
    }

    /// Gives back the room of rows that lost. Leaves the index in the order in which rows came.
    fn sweep(&mut self) {
        self.index.sort_unstable_by_key(|entry| entry.start());
        let mut end = 0;
        for entry in &mut self.index {
            let row = Stored::new(self.head, &self.bytes[entry.start()..]).bytes();
            let (start, length) = (entry.start(), row.len());
            self.bytes.copy_within(start..start + length, end);
            *entry = entry.moved(end);
            end += length;
        }
        self.bytes.truncate(end);
    }
}

/// Many are sorted by two threads, each one half.
fn sort_by_prefix(index: &mut [Entry]) {
    if index.len() < MANY {
        index.sort_unstable_by_key(|entry| entry.prefix());
        return;
    }
    let middle = index.len() / 2;
    let (lower, _, upper) = index.select_nth_unstable_by_key(middle, |entry| entry.prefix());
    let had_thread = thread::scope(|scope| {
        let sort_lower = || lower.sort_unstable_by_key(|entry| entry.prefix());
        let helper = thread::Builder::new().spawn_scoped(scope, sort_lower);
        upper.sort_unstable_by_key(|entry| entry.prefix());
        helper.is_ok()
    });
    if !had_thread {
        index.sort_unstable_by_key(|entry| entry.prefix());
    }
}

impl Judge {
    /// Of two rows with one identity, whether the one that came later wins. An equal row changes
    /// nothing now, but both may lose against a later one.
    pub(super) fn new_wins(self, held: Stored<'_>, new: Stored<'_>) -> bool {
        match new.sequence().cmp(held.sequence()) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => {
                let differs = new.overrules() || held.content() != new.content();
                self.policy == Duplicates::Last && differs
            }
        }
    }
}

impl Loser {
    pub(super) fn of(stored: Stored<'_>) -> Self {
        Self {
            identity: stored.identity().to_vec(),
            sequence: stored.sequence().to_vec(),
            place: stored.row().place,
            print: print(stored.content()),
        }
    }
}
