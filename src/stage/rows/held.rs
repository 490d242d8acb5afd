//! Rows in memory, sorted.

use std::collections::HashSet;

use uuid::Uuid;

use super::Row;
use super::record::{Head, Stored, prefix};
use crate::stage::digest::Digest;
use crate::stage::reject::Place;

/// Rows in memory, in the order of their keys.
#[derive(Clone, Debug)]
pub struct Held {
    pub(super) head: Head,
    pub(super) index: Vec<Entry>,
    /// What the index points into; it may hold rows that lost as well.
    pub(super) bytes: Vec<u8>,
}

/// A row, and the part of its key that nearly always decides where it comes. Its line and its digest
/// are here as well: who asks for these alone need not go to the rows, which lie far apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its lower half and its upper half: as one number it would take up more room.
    prefix: [u32; 2],
    start: u32,
    pub(super) line: u32,
    pub(super) digest: Digest,
}

impl Entry {
    /// The entry of a row that starts here. [`super::gather::MOST_BYTES`] keeps starts below 4 GiB.
    pub(super) fn of(row: &Row<'_>, start: usize) -> Self {
        let prefix = prefix(row.key.as_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let halves = [prefix as u32, (prefix >> 32) as u32];
        Self {
            prefix: halves,
            start: short(start as u64),
            line: short(row.place.line),
            digest: row.digest,
        }
    }

    pub(super) fn prefix(self) -> u64 {
        let [lower, upper] = self.prefix;
        u64::from(upper) << 32 | u64::from(lower)
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn moved(self, start: usize) -> Self {
        Self {
            start: short(start as u64),
            ..self
        }
    }
}

/// What does not fit becomes the largest number.
pub(super) fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Held {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The row at a position, counted from 0 in the order of the keys.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Row<'_>> {
        self.index.get(position).map(|entry| self.at(*entry).row())
    }

    /// Fetches the row at a position into the processor's cache, without waiting for it. A row that
    /// is asked for soon, among others that are, is then not waited for one by one.
    pub fn fetch(&self, position: usize) {
        if let Some(entry) = self.index.get(position) {
            std::hint::black_box(self.bytes.get(entry.start()).copied());
        }
    }

    /// The position at which a key's row stands, if there is one, by the first eight bytes of the
    /// key alone: nearly always that of [`Held::find`], without a look at the row.
    #[must_use]
    pub fn guess(&self, key: Uuid) -> usize {
        self.first_from(prefix(key.as_bytes()))
    }

    /// The position of a key's row: of the first, where rows have instants of their own.
    #[must_use]
    pub fn find(&self, key: Uuid) -> Option<usize> {
        let first = self.first_from(prefix(key.as_bytes()));
        let same_prefix = self.index[first..]
            .iter()
            .take_while(|entry| entry.prefix() == prefix(key.as_bytes()));
        same_prefix
            .map(|entry| self.at(*entry).row().key)
            .position(|found| found >= key)
            .map(|further| first + further)
            .filter(|position| self.get(*position).is_some_and(|row| row.key == key))
    }

    pub(super) fn find_identity(&self, identity: &[u8]) -> Option<Stored<'_>> {
        let prefix = prefix(identity);
        let found = self.index.binary_search_by(|entry| {
            (entry.prefix().cmp(&prefix)).then_with(|| self.at(*entry).identity().cmp(identity))
        });
        found.ok().map(|position| self.at(self.index[position]))
    }

    pub(super) fn remove(&mut self, keys: &HashSet<Uuid>) -> Vec<(Uuid, Place)> {
        let (head, bytes) = (self.head, &self.bytes);
        let mut removed = Vec::new();
        self.index.retain(|entry| {
            let row = Stored::new(head, &bytes[entry.start()..]).row();
            let goes = keys.contains(&row.key);
            if goes {
                removed.push((row.key, row.place));
            }
            !goes
        });
        removed
    }

    pub(super) fn at(&self, entry: Entry) -> Stored<'_> {
        Stored::new(self.head, &self.bytes[entry.start()..])
    }

    /// The first position with this prefix or a greater one. Keys are digests, so where one stands
    /// among the others can be guessed from its bits: a search from there touches a few cache lines
    /// where one from the middle would touch twenty.
    fn first_from(&self, prefix: u64) -> usize {
        let share = (u128::from(prefix) * self.index.len() as u128) >> 64;
        let guess = usize::try_from(share).unwrap_or(usize::MAX);
        let (mut low, mut high, mut step) = (guess, guess, 64);
        while low > 0 && self.index[low].prefix() >= prefix {
            low = low.saturating_sub(step);
            step *= 2;
        }
        while high < self.index.len() && self.index[high].prefix() < prefix {
            high = (high + step).min(self.index.len());
            step *= 2;
        }
        low + self.index[low..high].partition_point(|entry| entry.prefix() < prefix)
    }
}
