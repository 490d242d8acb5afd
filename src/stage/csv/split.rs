//! The csv crate, shown one well-formed record at a time.
//!
//! In: what the scanner holds. Out: its fields, without quotes. The crate never sees a line end
//! other than the one LF put behind each record here, nor a blank line, nor the end of the file;
//! these are where it and RFC 4180 part. Nor does it see a record that has nothing to be taken off.

use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::fault::FileFault;
use super::fields::Fields;
use super::scan::{Scanned, Scanner};
use super::window::without_marks;

pub(super) struct Splitter<R: Read> {
    reader: Reader<Gate<R>>,
}

impl<R: Read> Splitter<R> {
    pub(super) fn new(scanner: Scanner<R>) -> Self {
        let gate = Gate {
            scanner,
            next: None,
            passed: 0,
        };
        let reader = ReaderBuilder::new()
            .has_headers(false)
            // Ragged rows are counted and told by us, and don't stop the others.
            .flexible(true)
            .from_reader(gate);
        Self { reader }
    }

    /// Goes to the next record, which is then held and may be split.
    pub(super) fn advance(&mut self) -> Result<bool, FileFault> {
        self.reader.get_mut().scanner.advance()
    }

    /// The record.
    pub(super) fn latest(&self) -> &Scanned {
        self.reader.get_ref().scanner.latest()
    }

    /// The record as it stands in the file.
    pub(super) fn raw(&self) -> Option<&[u8]> {
        self.reader.get_ref().scanner.raw()
    }

    /// Its fields, if they can be used as they stand in the file.
    pub(super) fn fields_in_place(&self) -> Option<Fields<'_>> {
        self.reader.get_ref().scanner.fields_in_place()
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.reader.get_ref().scanner.bytes_read()
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.reader.get_ref().scanner.memory()
    }

    /// Splits the record, which must be well-formed, without the byte order marks that it begins
    /// with.
    pub(super) fn split_into(
        &mut self,
        fields: &mut ByteRecord,
        line: u64,
    ) -> Result<(), FileFault> {
        if self.raw().is_some_and(|raw| without_marks(raw).is_empty()) {
            // A record like any other, but the csv crate would skip it as a blank line.
            fields.clear();
            fields.push_field(b"");
            return Ok(());
        }
        self.reader.get_mut().open();
        let found = self
            .reader
            .read_byte_record(fields)
            .map_err(io::Error::from)?;
        // If the crate ended the record anywhere but where the scanner did, every later field
        // would be attributed to the wrong line.
        if found && self.reader.position().byte() == self.reader.get_ref().passed {
            Ok(())
        } else {
            Err(FileFault::Disagreement { line })
        }
    }
}

/// Lets the held record through, once for each time that it is opened, and a line feed after it.
struct Gate<R> {
    scanner: Scanner<R>,
    /// How much of the record is through; None when the line feed is, too.
    next: Option<usize>,
    passed: u64,
}

impl<R: Read> Gate<R> {
    fn open(&mut self) {
        let raw = self.scanner.raw().unwrap_or_default();
        self.next = Some(raw.len() - without_marks(raw).len());
    }
}

impl<R: Read> Read for Gate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(next) = self.next else {
            return Ok(0);
        };
        let rest = &self.scanner.raw().unwrap_or_default()[next..];
        let mut count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.next = Some(next + count);
        if let Some(after) = buffer.get_mut(count) {
            *after = b'\n';
            count += 1;
            self.next = None;
        }
        self.passed += count as u64;
        Ok(count)
    }
}
