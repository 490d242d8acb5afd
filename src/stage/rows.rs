//! The rows of one file, one for each key (semantics §6) or, where rows have instants of their own,
//! one for each key, instant and sequence.
//!
//! In: rows as they are read, each with its key and its cells in the binary COPY format. Out: the
//! winner of each key, in the order of the keys, and every row that lost. What is held in memory is
//! the winners alone; losers go to a temporary file, so a file may repeat its keys as often as it
//! likes. Where even the winners are too many, they go to a temporary file as well.
//!
//! Rows are gathered as they come ([`Gathering`]) and sorted when all are in: that puts rows of one
//! key side by side, so that no table of keys is needed to find them, and gives the order in which
//! Postgres is quickest to take them into an index.

mod alternatives;
mod gather;
mod held;
mod record;
mod spilled;

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use uuid::Uuid;

pub(super) use alternatives::Candidates;
pub use alternatives::{Alternative, Alternatives, Contest, Print};
pub use gather::Gathering;
pub use held::Held;

use self::record::{Head, Stored, print};
use self::spilled::{Reader, Spilled};
use super::digest::Digest;
use super::reject::Place;
use super::spool::Spool;

/// The winners in order, and the losers on disk.
#[derive(Debug)]
pub struct Rows {
    head: Head,
    winners: Winners,
    losers: Spool<Loser>,
}

/// Where the winners are.
#[derive(Debug)]
enum Winners {
    /// Shared, since whoever looks rows up beside a load may still do so when that has failed.
    Held(Arc<Held>),
    Spilled(Spilled),
}

/// One accepted row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The durable key, made from the natural key.
    pub key: Uuid,
    /// Where the row stands in its file.
    pub place: Place,
    /// Whether it says that its key is there, or that it is not.
    pub presence: Presence,
    /// From when on it holds, in microseconds since 1970 in UTC; `None` for the file's instant.
    pub at: Option<i64>,
    /// Stands for what it says.
    pub digest: Digest,
    /// What breaks ties at one instant: greater bytes win. Empty without sequence fields.
    pub sequence: &'a [u8],
    /// Its cells, in the order of the staged columns, each in the binary COPY format.
    pub cells: &'a [u8],
}

/// Whether a row says that its key is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// It is there, with the row's values.
    Present,
    /// It is not: a delete. The cells of all columns but the key are NULL.
    Absent,
}

/// What a row of a key that was seen before turns out to be, once the winner is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The same values as the winner.
    Exact,
    /// Other values; with the winner's line.
    Conflicting {
        /// The line of the row that won.
        winner: u64,
    },
    /// Other values and a smaller sequence; with the winner's line.
    Superseded {
        /// The line of the row that won.
        winner: u64,
    },
}

/// What is kept of a row that lost. By its identity the winner is found again: which row that is
/// may change until the last row is in.
#[derive(serde::Serialize, serde::Deserialize, Debug)]
struct Loser {
    identity: Vec<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sequence: Vec<u8>,
    place: Place,
    print: [u8; 16],
}

impl Rows {
    /// The accepted rows, in the order of their keys; of one key in that of instant and sequence.
    #[must_use]
    pub fn in_order(&self) -> InOrder<'_> {
        InOrder {
            head: self.head,
            next: 0,
            end: self.len(),
            source: match &self.winners {
                Winners::Held(held) => Source::Held(held),
                Winners::Spilled(spilled) => Source::Spilled(spilled.read()),
            },
        }
    }

    /// The first eight bytes of each row's key, its line and its digest, in the order of the keys.
    #[must_use]
    pub fn prefixes(&self) -> Prefixes<'_> {
        Prefixes(match &self.winners {
            Winners::Held(held) => Places::Held(held.index.iter()),
            Winners::Spilled(_) => Places::Spilled(self.in_order()),
        })
    }

    /// The rows to look into by key, unless they are too many to be in memory.
    #[must_use]
    pub fn held(&self) -> Option<&Arc<Held>> {
        match &self.winners {
            Winners::Held(held) => Some(held),
            Winners::Spilled(_) => None,
        }
    }

    /// How many accepted rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.winners {
            Winners::Held(held) => held.len(),
            Winners::Spilled(spilled) => spilled.len(),
        }
    }

    /// Whether the file has no usable row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells of each row that did not win what it is, in no particular order. To be asked before
    /// [`Rows::remove_contested`].
    pub fn losses<E: From<io::Error>>(
        &mut self,
        mut tell: impl FnMut(Place, Loss) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_losers(|loser, loss| tell(loser.place, loss))
    }

    /// Takes out the keys of which rows disagree, and tells of the rows that had stood for each, in
    /// the order of the file.
    pub fn remove_contested(&mut self) -> io::Result<Vec<(Uuid, Place)>> {
        let mut contested = HashSet::new();
        self.read_losers(|loser, loss| {
            if let Loss::Conflicting { .. } = loss {
                contested.insert(record::key(&loser.identity));
            }
            Ok::<_, io::Error>(())
        })?;
        if contested.is_empty() {
            return Ok(Vec::new());
        }
        let mut removed = match &mut self.winners {
            Winners::Held(held) => Arc::make_mut(held).remove(&contested),
            Winners::Spilled(spilled) => spilled.remove(contested)?,
        };
        removed.sort_unstable_by_key(|(_, place)| place.line);
        Ok(removed)
    }

    fn read_losers<E: From<io::Error>>(
        &mut self,
        mut take: impl FnMut(&Loser, Loss) -> Result<(), E>,
    ) -> Result<(), E> {
        let winners = &self.winners;
        let mut found = Vec::new();
        self.losers.read_back(|loser: Loser| {
            let winner = winners.find(&loser.identity, &mut found)?;
            let line = winner.row().place.line;
            let loss = if loser.print == print(winner.content()) {
                Loss::Exact
            } else if loser.sequence == winner.sequence() {
                Loss::Conflicting { winner: line }
            } else {
                Loss::Superseded { winner: line }
            };
            take(&loser, loss)
        })
    }
}

impl Winners {
    /// The row that stands for a loser. `buffer` is for one that has to be read from disk.
    fn find<'a>(&'a self, identity: &[u8], buffer: &'a mut Vec<u8>) -> io::Result<Stored<'a>> {
        let found = self.look_up(identity, buffer)?;
        found.ok_or_else(|| io::Error::other("a row that lost has no winner"))
    }

    /// The row of this identity, where one is used.
    fn look_up<'a>(
        &'a self,
        identity: &[u8],
        buffer: &'a mut Vec<u8>,
    ) -> io::Result<Option<Stored<'a>>> {
        match self {
            Self::Held(held) => Ok(held.find_identity(identity)),
            Self::Spilled(spilled) => spilled.find_identity(identity, buffer),
        }
    }
}

/// Reads rows in the order of their keys. Not an iterator, since rows that are not in memory are
/// read into a buffer, which the next one needs.
#[derive(Debug)]
pub struct InOrder<'a> {
    head: Head,
    /// The position of the row that is read next, and the one after the last.
    next: usize,
    end: usize,
    source: Source<'a>,
}

/// How far ahead rows are fetched that will be read: they lie in the order of the file, so that
/// each would have to be waited for.
const AHEAD: usize = 16;

#[derive(Debug)]
enum Source<'a> {
    Held(&'a Held),
    Spilled(Reader<'a>),
}

impl InOrder<'_> {
    /// The next row; `None` after the last.
    pub fn next_row(&mut self) -> io::Result<Option<Row<'_>>> {
        self.next_wanted(|_| true)
    }

    /// The next row that is wanted, by its position, counted from 0; `None` after the last. Rows in
    /// memory that are not wanted are passed by without a look at them: a million take no time.
    pub fn next_wanted(&mut self, wanted: impl Fn(usize) -> bool) -> io::Result<Option<Row<'_>>> {
        let Some(position) = (self.next..self.end).find(|position| wanted(*position)) else {
            self.next = self.end;
            return Ok(None);
        };
        let unwanted = position - self.next;
        self.next = position + 1;
        match &mut self.source {
            Source::Held(held) => {
                held.fetch(position + AHEAD);
                Ok(held.get(position))
            }
            Source::Spilled(reader) => {
                for _ in 0..unwanted {
                    reader.next_record()?;
                }
                let record = reader.next_record()?;
                Ok(record.map(|bytes| Stored::new(self.head, bytes).row()))
            }
        }
    }
}

/// Reads where rows stand, without the rows, in the order of their keys.
#[derive(Debug)]
pub struct Prefixes<'a>(Places<'a>);

#[derive(Debug)]
enum Places<'a> {
    Held(std::slice::Iter<'a, held::Entry>),
    Spilled(InOrder<'a>),
}

/// Where a row stands, without its values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The key's first eight bytes, as a number that sorts like them.
    pub prefix: u64,
    /// The row's line: the largest number where it is greater than that.
    pub line: u32,
    /// Stands for what the row says.
    pub digest: Digest,
}

impl Prefixes<'_> {
    /// Where the next row stands. `None` after the last.
    pub fn next_mark(&mut self) -> io::Result<Option<Mark>> {
        match &mut self.0 {
            Places::Held(entries) => Ok(entries.next().map(|entry| Mark {
                prefix: entry.prefix(),
                line: entry.line,
                digest: entry.digest,
            })),
            Places::Spilled(rows) => Ok(rows.next_row()?.map(|row| Mark {
                prefix: record::prefix(row.key.as_bytes()),
                line: held::short(row.place.line),
                digest: row.digest,
            })),
        }
    }
}

#[cfg(test)]
mod tests;
