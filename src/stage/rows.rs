//! The rows of one file, one for each key (semantics §6).
//!
//! In: rows as they are read, each with its key and its cells in the binary COPY format. Out: the
//! winner of each key, and every row that lost. What is held in memory is the winners alone;
//! losers go to a temporary file, so a file may repeat its keys as often as it likes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::reject::Place;
use super::spool::Spool;
use crate::contract::Duplicates;

/// The winners, and the losers on disk.
#[derive(Debug)]
pub struct Rows {
    policy: Duplicates,
    slots: HashMap<Uuid, u32, BuildHasherDefault<KeyBits>>,
    winners: Vec<Winner>,
    /// The cells of all winners; also, until the next sweep, those of rows that lost since.
    cells: Vec<u8>,
    dead_cells: usize,
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
}

impl Rows {
    /// No rows yet.
    #[must_use]
    pub fn new(policy: Duplicates) -> Self {
        Self {
            policy,
            slots: HashMap::default(),
            winners: Vec::new(),
            cells: Vec::new(),
            dead_cells: 0,
            losers: Spool::new(),
        }
    }

    /// Takes a row. Whether it wins is known only when all rows are in.
    pub fn push(&mut self, key: Uuid, place: Place, cells: &[u8]) -> io::Result<()> {
        match self.slots.entry(key) {
            Entry::Vacant(free) => {
                let slot = u32::try_from(self.winners.len())
                    .map_err(|_| io::Error::other("a file of more than 4 billion keys"))?;
                free.insert(slot);
                let start = self.store(cells);
                self.winners.push(Winner {
                    key,
                    place,
                    start,
                    length: cells.len(),
                });
                Ok(())
            }
            Entry::Occupied(taken) => {
                let slot = *taken.get();
                self.contest(slot, place, cells)
            }
        }
    }

    /// The accepted rows, in the order in which their keys were first seen.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.winners.iter().map(|winner| Row {
            key: winner.key,
            place: winner.place,
            presence: Presence::Present,
            at: None,
            sequence: &[],
            cells: &self.cells[winner.start..winner.start + winner.length],
        })
    }

    /// How many keys the file has.
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
        let winners = &self.winners;
        let cells = &self.cells;
        self.losers.read_back(|loser: Loser| {
            let winner = &winners[loser.slot as usize];
            let same = loser.print == print(&cells[winner.start..winner.start + winner.length]);
            let loss = if same {
                Loss::Exact
            } else {
                Loss::Conflicting {
                    winner: winner.place.line,
                }
            };
            tell(loser.place, loss)
        })
    }

    /// Takes out the keys whose rows disagree, and tells of the row that had stood for each.
    pub fn remove_contested(&mut self) -> io::Result<Vec<Place>> {
        let mut contested = vec![false; self.winners.len()];
        let (winners, cells) = (&self.winners, &self.cells);
        self.losers.read_back(|loser: Loser| {
            let winner = &winners[loser.slot as usize];
            if loser.print != print(&cells[winner.start..winner.start + winner.length]) {
                contested[loser.slot as usize] = true;
            }
            Ok::<_, io::Error>(())
        })?;
        let mut removed = Vec::new();
        let mut slot = 0;
        self.winners.retain(|winner| {
            let keep = !contested[slot];
            slot += 1;
            if !keep {
                removed.push(winner.place);
            }
            keep
        });
        Ok(removed)
    }

    fn contest(&mut self, slot: u32, place: Place, cells: &[u8]) -> io::Result<()> {
        let held = self.winners[slot as usize];
        let standing = &self.cells[held.start..held.start + held.length];
        if self.policy == Duplicates::Last && standing != cells {
            let print = print(standing);
            self.losers.push(&Loser {
                slot,
                place: held.place,
                print,
            })?;
            self.replace(slot, place, cells);
            return Ok(());
        }
        // An equal row changes nothing now, but both may lose against a later one.
        self.losers.push(&Loser {
            slot,
            place,
            print: print(cells),
        })
    }

    fn replace(&mut self, slot: u32, place: Place, cells: &[u8]) {
        self.dead_cells += self.winners[slot as usize].length;
        if self.dead_cells > self.cells.len() / 2 {
            self.sweep();
        }
        let start = self.store(cells);
        let winner = &mut self.winners[slot as usize];
        (winner.place, winner.start, winner.length) = (place, start, cells.len());
    }

    /// Without this, a file that repeats one key would hold all of its rows in memory.
    fn sweep(&mut self) {
        let mut live = Vec::with_capacity(self.cells.len() - self.dead_cells);
        for winner in &mut self.winners {
            let start = live.len();
            live.extend_from_slice(&self.cells[winner.start..winner.start + winner.length]);
            winner.start = start;
        }
        self.cells = live;
        self.dead_cells = 0;
    }

    fn store(&mut self, cells: &[u8]) -> usize {
        let start = self.cells.len();
        self.cells.extend_from_slice(cells);
        start
    }
}

/// Stands for a row's cells after the cells are gone. 128 bits of SHA-256: two different rows
/// with one print do not occur.
fn print(cells: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(cells);
    let mut print = [0; 16];
    print.copy_from_slice(&digest[..16]);
    print
}

/// A durable key is a digest already: its own bits are the best hash of it.
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
mod tests {
    use super::*;

    /// One key, these cells on lines 2, 3, …: which line wins, and what the others are.
    fn outcome(policy: Duplicates, cells: &[&str]) -> (u64, Vec<(u64, Loss)>) {
        let mut rows = Rows::new(policy);
        for (index, cells) in cells.iter().enumerate() {
            let line = index as u64 + 2;
            rows.push(
                Uuid::nil(),
                Place {
                    line,
                    offset: 0,
                    length: 0,
                },
                cells.as_bytes(),
            )
            .unwrap();
        }
        let mut losses = Vec::new();
        rows.losses(|place, loss| {
            losses.push((place.line, loss));
            Ok::<_, io::Error>(())
        })
        .unwrap();
        losses.sort_by_key(|(line, _)| *line);
        let winner = rows.iter().next().unwrap();
        assert_eq!(
            winner.cells,
            cells[usize::try_from(winner.place.line).unwrap() - 2].as_bytes()
        );
        (winner.place.line, losses)
    }

    const fn lost_to(winner: u64) -> Loss {
        Loss::Conflicting { winner }
    }

    #[test]
    fn of_equal_rows_the_first_stands() {
        assert_eq!(
            outcome(Duplicates::Last, &["a", "a"]),
            (2, vec![(3, Loss::Exact)])
        );
    }

    #[test]
    fn of_different_rows_the_last_wins_and_the_loser_knows_the_winner() {
        assert_eq!(
            outcome(Duplicates::Last, &["a", "b"]),
            (3, vec![(2, lost_to(3))])
        );
    }

    #[test]
    fn a_row_that_comes_back_makes_its_earlier_self_an_exact_duplicate() {
        assert_eq!(
            outcome(Duplicates::Last, &["a", "a", "b", "a"]),
            (5, vec![(2, Loss::Exact), (3, Loss::Exact), (4, lost_to(5))])
        );
    }

    #[test]
    fn the_first_wins_where_the_contract_says_so() {
        assert_eq!(
            outcome(Duplicates::First, &["a", "b", "a"]),
            (2, vec![(3, lost_to(2)), (4, Loss::Exact)])
        );
    }

    #[test]
    fn a_contested_key_is_taken_out_whole_and_an_agreed_one_stays() {
        let mut rows = Rows::new(Duplicates::RejectKey);
        let place = |line| Place {
            line,
            offset: 0,
            length: 0,
        };
        let (ann, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (key, line, cells) in [(ann, 2, "a"), (bob, 3, "x"), (ann, 4, "b"), (bob, 5, "x")] {
            rows.push(key, place(line), cells.as_bytes()).unwrap();
        }
        assert_eq!(rows.remove_contested().unwrap(), [place(2)]);
        assert_eq!(rows.iter().map(|row| row.key).collect::<Vec<_>>(), [bob]);
    }

    #[test]
    fn memory_is_bounded_by_keys_not_by_rows() {
        let mut rows = Rows::new(Duplicates::Last);
        for line in 0..10_000 {
            let cells = format!("{line:0100}");
            let place = Place {
                line,
                offset: 0,
                length: 0,
            };
            rows.push(Uuid::nil(), place, cells.as_bytes()).unwrap();
        }
        assert_eq!(rows.len(), 1);
        assert!(
            rows.cells.len() <= 400,
            "{} bytes for one row of 100",
            rows.cells.len()
        );
    }
}
