//! The rows of one file, one for each key (semantics §6) or, where rows have instants of their own,
//! one for each key, instant and sequence.
//!
//! In: rows as they are read, each with its key and its cells in the binary COPY format. Out: the
//! winner of each key, and every row that lost. What is held in memory is the winners alone;
//! losers go to a temporary file, so a file may repeat its keys as often as it likes.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::reject::Place;
use super::spool::Spool;
use crate::contract::{Contract, Deletes, Duplicates, Effective, Kind, Mode};

/// The winners, and the losers on disk.
#[derive(Debug)]
pub struct Rows {
    policy: Duplicates,
    head: Head,
    slots: HashMap<Uuid, u32, BuildHasherDefault<KeyBits>>,
    winners: Vec<Winner>,
    /// Head and cells of all winners; also, until the next sweep, those of rows that lost since.
    bytes: Vec<u8>,
    dead_bytes: usize,
    losers: Spool<Loser>,
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

/// What stands in memory before a row's cells: the instant, the sequence and the presence, each
/// only where the rows of the file have it. In the usual case that is nothing.
#[derive(Clone, Copy, Default, Debug)]
struct Head {
    instant: usize,
    sequence: usize,
    presence: usize,
    /// Rows that say this mean nothing, and so they win against none.
    ignored: Option<Presence>,
}

#[derive(Clone, Copy, Debug)]
struct Winner {
    key: Uuid,
    place: Place,
    start: usize,
    length: usize,
}

#[derive(serde::Serialize, serde::Deserialize, Debug)]
struct Loser {
    slot: u32,
    place: Place,
    print: [u8; 16],
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sequence: Vec<u8>,
}

impl Rows {
    /// No rows of the table yet.
    #[must_use]
    pub fn new(contract: &Contract) -> Self {
        Self::with(contract.duplicates, Head::of(contract))
    }

    fn with(policy: Duplicates, head: Head) -> Self {
        Self {
            policy,
            head,
            slots: HashMap::default(),
            winners: Vec::new(),
            bytes: Vec::new(),
            dead_bytes: 0,
            losers: Spool::new(),
        }
    }

    /// Takes a row. Whether it wins is known only when all rows are in.
    pub fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        let start = self.bytes.len();
        self.head.put(row, &mut self.bytes);
        self.bytes.extend_from_slice(row.cells);
        let new = Winner {
            key: row.key,
            place: row.place,
            start,
            length: self.bytes.len() - start,
        };
        match self.slots.entry(self.head.identity(row)) {
            Entry::Vacant(free) => {
                let slot = u32::try_from(self.winners.len())
                    .map_err(|_| io::Error::other("a file of more than 4 billion keys"))?;
                free.insert(slot);
                self.winners.push(new);
                Ok(())
            }
            Entry::Occupied(taken) => {
                let slot = *taken.get();
                self.contest(slot, new)
            }
        }
    }

    /// The accepted rows, in the order in which they, or the rows that they won against, were
    /// first seen.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.winners.iter().map(|winner| self.row(winner))
    }

    fn row(&self, winner: &Winner) -> Row<'_> {
        let (head, cells) = self.held(winner).split_at(self.head.length());
        Row {
            key: winner.key,
            place: winner.place,
            presence: self.head.presence(head),
            at: self.head.instant(head),
            sequence: self.head.sequence(head),
            cells,
        }
    }

    /// The position in [`Rows::iter`] of the row of a key.
    #[must_use]
    pub fn find(&self, key: Uuid) -> Option<usize> {
        self.slots.get(&key).map(|slot| *slot as usize)
    }

    /// The row at a position in [`Rows::iter`].
    #[must_use]
    pub fn get(&self, position: usize) -> Row<'_> {
        self.row(&self.winners[position])
    }

    /// How many accepted rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.winners.len()
    }

    /// Whether the file has no usable row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.winners.is_empty()
    }

    /// Tells of each row that did not win what it is, in no particular order. To be asked before
    /// [`Rows::remove_contested`].
    pub fn losses<E: From<io::Error>>(
        &mut self,
        mut tell: impl FnMut(Place, Loss) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_losers(|loser, _, loss| tell(loser.place, loss))
    }

    /// Takes out the keys of which rows disagree, and tells of the rows that had stood for each.
    pub fn remove_contested(&mut self) -> io::Result<Vec<(Uuid, Place)>> {
        let mut contested: HashSet<Uuid, BuildHasherDefault<KeyBits>> = HashSet::default();
        self.read_losers(|_, winner, loss| {
            if let Loss::Conflicting { .. } = loss {
                contested.insert(winner.key);
            }
            Ok::<_, io::Error>(())
        })?;
        let removed = self
            .winners
            .extract_if(.., |winner| contested.contains(&winner.key))
            .map(|winner| (winner.key, winner.place));
        Ok(removed.collect())
    }

    fn read_losers<E: From<io::Error>>(
        &mut self,
        mut take: impl FnMut(&Loser, &Winner, Loss) -> Result<(), E>,
    ) -> Result<(), E> {
        let (head, winners, bytes) = (self.head, &self.winners, &self.bytes);
        self.losers.read_back(|loser: Loser| {
            let winner = &winners[loser.slot as usize];
            let stored = &bytes[winner.start..winner.start + winner.length];
            let line = winner.place.line;
            let loss = if loser.print == print(head.content(stored)) {
                Loss::Exact
            } else if loser.sequence == head.sequence(stored) {
                Loss::Conflicting { winner: line }
            } else {
                Loss::Superseded { winner: line }
            };
            take(&loser, winner, loss)
        })
    }

    /// Two rows stand for one key. The new one is the last in memory.
    fn contest(&mut self, slot: u32, new: Winner) -> io::Result<()> {
        let held = self.winners[slot as usize];
        let new_wins = self.new_wins(&held, &new);
        // An equal row changes nothing now, but both may lose against a later one.
        let lost = if new_wins { held } else { new };
        let bytes = self.held(&lost);
        let loser = Loser {
            slot,
            place: lost.place,
            print: print(self.head.content(bytes)),
            sequence: self.head.sequence(bytes).to_vec(),
        };
        self.losers.push(&loser)?;
        if new_wins {
            self.winners[slot as usize] = new;
            self.dead_bytes += held.length;
            if self.dead_bytes > self.bytes.len() / 2 {
                self.sweep();
            }
        } else {
            self.bytes.truncate(new.start);
        }
        Ok(())
    }

    fn new_wins(&self, held: &Winner, new: &Winner) -> bool {
        let (held, new) = (self.held(held), self.held(new));
        match self.head.sequence(new).cmp(self.head.sequence(held)) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => {
                self.policy == Duplicates::Last && self.head.content(held) != self.head.content(new)
            }
        }
    }

    /// Without this, a file that repeats one key would hold all of its rows in memory.
    fn sweep(&mut self) {
        let mut live = Vec::with_capacity(self.bytes.len() - self.dead_bytes);
        for winner in &mut self.winners {
            let start = live.len();
            live.extend_from_slice(&self.bytes[winner.start..winner.start + winner.length]);
            winner.start = start;
        }
        self.bytes = live;
        self.dead_bytes = 0;
    }

    fn held(&self, winner: &Winner) -> &[u8] {
        &self.bytes[winner.start..winner.start + winner.length]
    }
}

impl Head {
    fn of(contract: &Contract) -> Self {
        let Kind::Dimension { history, .. } = &contract.kind else {
            return Self::default();
        };
        Self {
            instant: match history.effective {
                Effective::Column { .. } => size_of::<i64>(),
                Effective::LoadTime | Effective::FileName { .. } | Effective::Sidecar { .. } => 0,
            },
            sequence: history.sequence.len() * size_of::<i64>(),
            presence: match history.mode {
                Mode::Feed { .. } => 1,
                Mode::Incremental | Mode::Snapshot => 0,
            },
            ignored: match history.deletes {
                Deletes::Ignore => Some(Presence::Absent),
                Deletes::Close => None,
            },
        }
    }

    fn length(self) -> usize {
        self.instant + self.sequence + self.presence
    }

    fn put(self, row: &Row<'_>, bytes: &mut Vec<u8>) {
        if let Some(at) = row.at.filter(|_| self.instant > 0) {
            bytes.extend_from_slice(&at.to_be_bytes());
        }
        bytes.extend_from_slice(row.sequence);
        if self.presence > 0 {
            bytes.push(u8::from(row.presence == Presence::Present));
        }
    }

    /// What rows of one file must share for only one of them to count.
    fn identity(self, row: &Row<'_>) -> Uuid {
        let Some(at) = row.at.filter(|_| self.instant > 0) else {
            return row.key;
        };
        let digest = Sha256::new()
            .chain_update(row.key)
            .chain_update(at.to_be_bytes())
            .chain_update(row.sequence)
            .chain_update([u8::from(self.ignored == Some(row.presence))])
            .finalize();
        Uuid::from_bytes(first_half(digest.into()))
    }

    fn instant(self, held: &[u8]) -> Option<i64> {
        held.get(..self.instant)?
            .try_into()
            .ok()
            .map(i64::from_be_bytes)
    }

    fn sequence(self, held: &[u8]) -> &[u8] {
        &held[self.instant..self.instant + self.sequence]
    }

    fn presence(self, head: &[u8]) -> Presence {
        if self.presence > 0 && head.ends_with(&[0]) {
            Presence::Absent
        } else {
            Presence::Present
        }
    }

    /// What the row says: its presence and its cells.
    fn content(self, held: &[u8]) -> &[u8] {
        &held[self.instant + self.sequence..]
    }
}

/// Stands for what a row says after its bytes are gone. 128 bits of SHA-256: two different rows
/// with one print do not occur.
fn print(content: &[u8]) -> [u8; 16] {
    first_half(Sha256::digest(content).into())
}

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// A durable key is a digest already, and so is every other identity: its own bits are the best
/// hash of it.
#[derive(Default)]
struct KeyBits(u64);

impl Hasher for KeyBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks_exact(8) {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }
}

#[cfg(test)]
mod tests;
