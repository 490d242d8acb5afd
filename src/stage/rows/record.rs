//! How a row lies in memory, or in a temporary file: as one run of bytes that knows its length.
//!
//! ```text
//! line, offset, length │ digest │ size │ key, instant, sequence, presence, cells
//!      8 bytes each    │   4    │  4   │ size bytes
//! ```
//!
//! The top bit of the size says that the row is an overruling one: see [`Stored::overrules`].
//!
//! The instant, the sequence and the presence are there only where the rows of the file have them;
//! in the usual case they have none. What two rows must share for only one of them to count, the
//! identity, stands together and sorts as bytes.

use std::io;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Presence, Row};
use crate::contract::{Contract, Deletes, Effective, Kind, Mode};
use crate::stage::digest::Digest;
use crate::stage::reject::Place;

const KEY: usize = size_of::<Uuid>();

/// What the line and the offset take up: a file has at most 256 TiB. Each byte counts, since memory
/// that is touched for the first time costs more than to make the row.
const FAR: usize = 6;

/// Where the offset stands; the line is before it.
const OFFSET: usize = FAR;

/// Where the length stands.
const LENGTH: usize = OFFSET + FAR;

/// Where the digest stands.
const DIGEST: usize = LENGTH + size_of::<u32>();

/// Where the size stands of what follows, and the bit of it that is none.
const SIZE: usize = DIGEST + size_of::<u32>();

/// Where the row stands in its file, its digest, and the size of what follows.
const PREAMBLE: usize = SIZE + size_of::<u32>();

const OVERRULES: u32 = 1 << 31;

/// How many bytes lie between a row's key and its cells.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Head {
    pub(super) instant: usize,
    pub(super) sequence: usize,
    pub(super) presence: usize,
    /// Rows that say this mean nothing, and so they win against none.
    pub(super) ignored: Option<Presence>,
}

impl Head {
    pub(super) fn of(contract: &Contract) -> Self {
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

    /// Appends a row.
    pub(super) fn put(self, row: &Row<'_>, bytes: &mut Vec<u8>) -> io::Result<()> {
        let size = KEY + self.length() + row.cells.len();
        let size = u32::try_from(size)
            .ok()
            .filter(|size| size & OVERRULES == 0)
            .ok_or_else(|| io::Error::other("a row of more than 2 GiB"))?;
        let length = u32::try_from(row.place.length)
            .map_err(|_| io::Error::other("a row of more than 4 GiB"))?;
        let mut fixed = [0; PREAMBLE + KEY];
        fixed[..OFFSET].copy_from_slice(&far(row.place.line)?);
        fixed[OFFSET..LENGTH].copy_from_slice(&far(row.place.offset)?);
        fixed[LENGTH..DIGEST].copy_from_slice(&length.to_le_bytes());
        fixed[DIGEST..SIZE].copy_from_slice(&row.digest.0.to_le_bytes());
        fixed[SIZE..PREAMBLE].copy_from_slice(&size.to_le_bytes());
        fixed[PREAMBLE..].copy_from_slice(row.key.as_bytes());
        bytes.extend_from_slice(&fixed);
        if let Some(at) = row.at.filter(|_| self.instant > 0) {
            bytes.extend_from_slice(&sortable(at));
        }
        bytes.extend_from_slice(row.sequence);
        if self.presence > 0 {
            bytes.push(u8::from(row.presence == Presence::Present));
        }
        bytes.extend_from_slice(row.cells);
        Ok(())
    }

    fn length(self) -> usize {
        self.instant + self.sequence + self.presence
    }

    /// The presence belongs to it where deletes mean nothing, and stand beside what counts.
    fn identity(self) -> usize {
        let presence = self.ignored.map_or(0, |_| self.presence);
        match self.instant {
            0 => KEY,
            instant => KEY + instant + self.sequence + presence,
        }
    }
}

/// A row as it lies there.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    head: Head,
    /// Of the one row alone.
    bytes: &'a [u8],
}

impl<'a> Stored<'a> {
    /// The row that `bytes` begin with.
    pub(super) fn new(head: Head, bytes: &'a [u8]) -> Self {
        let length = length(bytes).unwrap_or(bytes.len());
        Self {
            head,
            bytes: &bytes[..length],
        }
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn row(self) -> Row<'a> {
        let rest = self.after(KEY);
        let (instant, rest) = rest.split_at(self.head.instant);
        let (sequence, rest) = rest.split_at(self.head.sequence);
        let (presence, cells) = rest.split_at(self.head.presence);
        Row {
            key: key(self.after(0)),
            place: self.place(),
            presence: match presence {
                [0] => Presence::Absent,
                _ => Presence::Present,
            },
            at: (!instant.is_empty()).then(|| i64::from_be_bytes(array(instant)) ^ i64::MIN),
            digest: Digest(u32::from_le_bytes(array(&self.bytes[DIGEST..]))),
            sequence,
            cells,
        }
    }

    /// What rows of one file must share for only one of them to count.
    pub(super) fn identity(self) -> &'a [u8] {
        &self.after(0)[..self.head.identity()]
    }

    pub(super) fn sequence(self) -> &'a [u8] {
        &self.after(KEY + self.head.instant)[..self.head.sequence]
    }

    /// What the row says: its presence and its cells.
    pub(super) fn content(self) -> &'a [u8] {
        self.after(KEY + self.head.instant + self.head.sequence)
    }

    /// Whether it won against a row of its identity and sequence that says something else. Where
    /// the last row counts, and rows are settled in several lots, that is what tells a row that
    /// only repeats the winner of an earlier lot from one that comes back to it.
    pub(super) fn overrules(self) -> bool {
        size(self.bytes).is_some_and(|size| size & OVERRULES != 0)
    }

    fn place(self) -> Place {
        // Each is followed by enough bytes to be read as a whole number.
        let number = |at: usize| u64::from_le_bytes(array(&self.bytes[at..]));
        Place {
            line: number(0) & FARTHEST,
            offset: number(OFFSET) & FARTHEST,
            length: number(LENGTH) & u64::from(u32::MAX),
        }
    }

    fn after(self, count: usize) -> &'a [u8] {
        &self.bytes[PREAMBLE + count..]
    }
}

/// How many bytes the row takes that `bytes` begin with, if they are enough to tell.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let size = usize::try_from(size(bytes)? & !OVERRULES).ok()?;
    Some(PREAMBLE + size)
}

/// Notes of the row that `bytes` begin with that it overrules another.
pub(super) fn mark_overruling(bytes: &mut [u8]) {
    // The top bit of a little-endian number is in its last byte.
    bytes[PREAMBLE - 1] |= 1 << 7;
}

fn size(bytes: &[u8]) -> Option<u32> {
    let size = bytes.get(SIZE..PREAMBLE)?.try_into().ok()?;
    Some(u32::from_le_bytes(size))
}

/// The largest number of [`FAR`] bytes.
const FARTHEST: u64 = (1 << (8 * FAR)) - 1;

fn far(number: u64) -> io::Result<[u8; FAR]> {
    if number > FARTHEST {
        return Err(io::Error::other("a file of more than 256 TiB"));
    }
    Ok(array(&number.to_le_bytes()))
}

/// The key that an identity begins with.
pub(super) fn key(identity: &[u8]) -> Uuid {
    Uuid::from_bytes(array(identity))
}

/// The first eight bytes of an identity as a number, which sorts like them.
pub(super) fn prefix(identity: &[u8]) -> u64 {
    u64::from_be_bytes(array(identity))
}

/// Stands for what a row says after its bytes are gone. 128 bits of SHA-256: two different rows
/// with one print do not occur.
pub(super) fn print(content: &[u8]) -> [u8; 16] {
    array(&Sha256::digest(content))
}

/// With the sign bit turned over, the bytes of what is before 1970 come first.
fn sortable(at: i64) -> [u8; 8] {
    (at ^ i64::MIN).to_be_bytes()
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}
