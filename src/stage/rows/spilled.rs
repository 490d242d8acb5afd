//! Rows that are too many for memory, in temporary files without a name, which the system removes
//! however the process ends.
//!
//! What was gathered is written as a run, in order, whenever memory is full. When all rows are in,
//! the runs are merged into one file, and rows of one identity that lay in several runs settle
//! there which of them stands.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use uuid::Uuid;

use super::Loser;
use super::gather::Judge;
use super::held::Held;
use super::record::{self, Head, Stored, prefix};
use crate::stage::reject::Place;
use crate::stage::spool::Spool;

/// How much is read or written at once.
const CHUNK: usize = 1 << 16;

/// How far apart the rows stand that can be found without reading the file, in bytes.
const BLOCK: u64 = 1 << 14;

/// Sorted runs, in the order in which they were gathered.
#[derive(Debug)]
pub(super) struct Runs {
    head: Head,
    file: Option<File>,
    stretches: Vec<Range<u64>>,
}

/// One sorted file.
#[derive(Debug)]
pub(super) struct Spilled {
    head: Head,
    file: File,
    size: u64,
    count: usize,
    /// The first row of each block: its identity, and where it begins.
    blocks: Vec<(Box<[u8]>, u64)>,
    /// Keys of which no row counts.
    removed: HashSet<Uuid>,
}

impl Runs {
    pub(super) fn new(head: Head) -> Self {
        Self {
            head,
            file: None,
            stretches: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Writes sorted rows down.
    pub(super) fn add(&mut self, held: &Held) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let start = self.stretches.last().map_or(0, |run| run.end);
        let mut end = start;
        let mut out = BufWriter::with_capacity(CHUNK, file);
        for entry in &held.index {
            let bytes = held.at(*entry).bytes();
            out.write_all(bytes)?;
            end += bytes.len() as u64;
        }
        out.flush()?;
        self.stretches.push(start..end);
        Ok(())
    }

    /// Makes one file of the runs, with one row of each identity.
    pub(super) fn merge(self, judge: Judge, losers: &mut Spool<Loser>) -> io::Result<Spilled> {
        let Some(file) = &self.file else {
            return Err(io::Error::other("there is nothing to merge"));
        };
        let mut runs = Vec::with_capacity(self.stretches.len());
        for stretch in self.stretches {
            let mut records = Records::new(file, stretch);
            if records.advance()? {
                runs.push(records);
            }
        }
        let mut merged = Merged::new(self.head)?;
        let mut winner: Vec<u8> = Vec::new();
        while let Some(least) = least(self.head, &runs) {
            let new = runs[least].stored(self.head);
            if winner.is_empty() {
                winner.extend_from_slice(new.bytes());
            } else {
                let held = Stored::new(self.head, &winner);
                let is_new = held.identity() != new.identity();
                if is_new {
                    merged.put(held)?;
                }
                let new_wins = is_new || judge.new_wins(held, new);
                if !is_new {
                    losers.push(&Loser::of(if new_wins { held } else { new }))?;
                }
                if new_wins {
                    winner.clear();
                    winner.extend_from_slice(new.bytes());
                }
            }
            if !runs[least].advance()? {
                runs.remove(least);
            }
        }
        if !winner.is_empty() {
            merged.put(Stored::new(self.head, &winner))?;
        }
        merged.finish()
    }
}

/// Which of the runs has the next row; of rows with one identity the one that came first.
fn least(head: Head, runs: &[Records<'_>]) -> Option<usize> {
    let identity = |run: usize| runs[run].stored(head).identity();
    (0..runs.len()).min_by(|one, other| {
        let (one, other) = (identity(*one), identity(*other));
        (prefix(one).cmp(&prefix(other))).then_with(|| one.cmp(other))
    })
}

/// The one file, being written.
struct Merged {
    head: Head,
    out: BufWriter<File>,
    size: u64,
    count: usize,
    blocks: Vec<(Box<[u8]>, u64)>,
}

impl Merged {
    fn new(head: Head) -> io::Result<Self> {
        Ok(Self {
            head,
            out: BufWriter::with_capacity(CHUNK, tempfile::tempfile()?),
            size: 0,
            count: 0,
            blocks: Vec::new(),
        })
    }

    fn put(&mut self, row: Stored<'_>) -> io::Result<()> {
        let block_ends = self.blocks.last().map_or(0, |(_, start)| start + BLOCK);
        if self.size >= block_ends {
            self.blocks.push((row.identity().into(), self.size));
        }
        self.out.write_all(row.bytes())?;
        self.size += row.bytes().len() as u64;
        self.count += 1;
        Ok(())
    }

    fn finish(self) -> io::Result<Spilled> {
        Ok(Spilled {
            head: self.head,
            file: self.out.into_inner()?,
            size: self.size,
            count: self.count,
            blocks: self.blocks,
            removed: HashSet::new(),
        })
    }
}

impl Spilled {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn read(&self) -> Reader<'_> {
        Reader {
            head: self.head,
            records: Records::new(&self.file, 0..self.size),
            removed: &self.removed,
        }
    }

    /// The row with this identity; it is read into `buffer`.
    pub(super) fn find_identity<'b>(
        &self,
        identity: &[u8],
        buffer: &'b mut Vec<u8>,
    ) -> io::Result<Option<Stored<'b>>> {
        let after = (self.blocks).partition_point(|(first, _)| first.as_ref() <= identity);
        let Some((_, start)) = after.checked_sub(1).map(|block| &self.blocks[block]) else {
            return Ok(None);
        };
        let end = self
            .blocks
            .get(after)
            .map_or(self.size, |(_, start)| *start);
        let mut records = Records::new(&self.file, *start..end);
        while records.advance()? {
            let stored = records.stored(self.head);
            if stored.identity() == identity {
                buffer.clear();
                buffer.extend_from_slice(stored.bytes());
                return Ok(Some(Stored::new(self.head, buffer)));
            }
        }
        Ok(None)
    }

    pub(super) fn remove(&mut self, keys: HashSet<Uuid>) -> io::Result<Vec<(Uuid, Place)>> {
        let mut removed = Vec::new();
        let mut rows = self.read();
        while let Some(bytes) = rows.next_record()? {
            let row = Stored::new(self.head, bytes).row();
            if keys.contains(&row.key) {
                removed.push((row.key, row.place));
            }
        }
        self.count -= removed.len();
        self.removed = keys;
        Ok(removed)
    }
}

/// Reads the rows that count, in order.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    head: Head,
    records: Records<'a>,
    removed: &'a HashSet<Uuid>,
}

impl Reader<'_> {
    pub(super) fn next_record(&mut self) -> io::Result<Option<&[u8]>> {
        while self.records.advance()? {
            let key = || self.records.stored(self.head).row().key;
            if self.removed.is_empty() || !self.removed.contains(&key()) {
                return Ok(Some(self.records.stored(self.head).bytes()));
            }
        }
        Ok(None)
    }
}

/// Reads a stretch of a file, record by record. By position, so that several can read one file.
#[derive(Debug)]
struct Records<'a> {
    file: &'a File,
    unread: Range<u64>,
    buffer: Vec<u8>,
    /// Where in the buffer the current record is.
    current: Range<usize>,
}

impl<'a> Records<'a> {
    fn new(file: &'a File, stretch: Range<u64>) -> Self {
        Self {
            file,
            unread: stretch,
            buffer: Vec::new(),
            current: 0..0,
        }
    }

    /// Goes to the next record, or says false: there is none.
    fn advance(&mut self) -> io::Result<bool> {
        self.current.start = self.current.end;
        loop {
            let ahead = &self.buffer[self.current.start..];
            match record::length(ahead) {
                Some(length) if length <= ahead.len() => {
                    self.current.end = self.current.start + length;
                    return Ok(true);
                }
                _ if self.unread.is_empty() => return Ok(false),
                _ => self.fill()?,
            }
        }
    }

    fn stored(&self, head: Head) -> Stored<'_> {
        Stored::new(head, &self.buffer[self.current.clone()])
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.current.start);
        self.current = 0..0;
        let held = self.buffer.len();
        let left = self.unread.end - self.unread.start;
        let count = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        self.buffer.resize(held + count, 0);
        self.file
            .read_exact_at(&mut self.buffer[held..], self.unread.start)?;
        self.unread.start += count as u64;
        Ok(())
    }
}
