//! Bytes → records, by RFC 4180 and nothing looser.
//!
//! In: anything that can be read. Out: the header, then each record of the file in its order,
//! either split into fields or with the reason why not, and always with its physical line. What
//! the columns mean, and whether a value is right (or is even UTF-8), is never known here.
//!
//! The `csv` crate takes the quotes off records that have any. It forgives nearly everything,
//! though: it glues text behind a closing quote to the field, swallows the rest of the file after
//! a quote that never closes, drops blank lines, and miscounts lines that end in CRLF. So it is
//! only ever shown records that the scanner (`scan.rs`) has found to be well-formed, one at a time,
//! and the scanner counts.
//!
//! | in the file | what becomes of it |
//! | --- | --- |
//! | LF, CRLF, lone CR, mixed | each ends a line, and counts as one, also between quotes |
//! | CR CR LF, as of a text that was converted twice | ends one row, and counts as two lines |
//! | a last row without a line end | a record like any other |
//! | byte order marks before the header | dropped |
//! | a byte order mark before a later row | `repeated_header` or `bad_encoding`: two files were joined |
//! | blank lines before the header or after the last row | skipped |
//! | a blank line between rows | `blank_line`; in a file of one column, an empty value |
//! | a line of spaces | a record of one field |
//! | a quote inside an unquoted field, text after a closing quote | `unparsable_line`; the record then ends at the next line end, whatever quotes follow |
//! | such a quote that has swallowed lines which look like rows | each of them is `unparsable_line` |
//! | a quote that never closes | the file is refused: nothing behind the quote can be trusted |
//! | fewer or more fields than the header, even if empty | `too_few_fields`, `too_many_fields` |
//! | all fields equal to the header's | `repeated_header` |
//! | a NUL | `bad_encoding`; in the header, the file is refused |
//! | a record or a field over its limit | `too_long`; no more of a record than its limit is held in memory |
//! | `\.`, `\N`, 0x1A, VT, FF, U+0085, U+2028 | data |
//! | another format or encoding, no header, a header that is misquoted or too wide | the file is refused |
//!
//! A row with several faults is told the first of: `too_long` (the record), `unparsable_line`,
//! too many fields for any table, `repeated_header`, `bad_encoding`, the number of fields,
//! `too_long` (a field).

mod check;
mod fault;
mod fields;
mod header;
mod plain;
mod records;
mod scan;
mod sniff;
mod split;
mod swallow;
#[cfg(test)]
mod tests;
mod window;

use std::collections::VecDeque;
use std::io::Read;

use csv::ByteRecord;

pub use self::fault::{FileFault, Misquoting, RecordFault};
pub use self::fields::Fields;
pub use self::header::{DialectHint, Header};
pub use self::records::Records;
pub use self::sniff::{Encoding, Format};

use self::scan::{Scanner, Shape};
use self::split::Splitter;
use self::window::Window;
use super::reject::Place;

/// A CSV file from its header on.
///
/// Memory is bounded by the [`Limits`], whatever the size of the file. After a [`FileFault`] the
/// reader has lost its place: drop it, and open the file again if the fault was of I/O.
pub struct CsvFile<R: Read> {
    splitter: Splitter<R>,
    header: Header,
    header_fields: ByteRecord,
    /// The fields of a record with quotes, and where each ends.
    unquoted: ByteRecord,
    unquoted_ends: Vec<usize>,
    /// Lines of the latest record that a misplaced quote has swallowed, and that are still to be told.
    swallowed: VecDeque<Place>,
    limits: Limits,
}

/// How much a file may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The longest record, in bytes of the file.
    pub record_bytes: usize,
    /// The longest field, in bytes without its quotes.
    pub field_bytes: usize,
    /// The most columns.
    pub columns: usize,
}

/// Whether a record can be used.
type Judgement = Result<(), Box<RecordFault>>;

/// One record of the file, good or not.
pub struct Record<'a> {
    /// Where it stands.
    pub place: Place,
    /// Its bytes as they stand in the file, without the line end. None if it was too long to keep.
    pub raw: Option<&'a [u8]>,
    /// As many fields as the header has, or the reason why there are none.
    pub content: Result<Fields<'a>, Box<RecordFault>>,
    /// What is odd about a record that can be used.
    pub warning: Option<Box<RecordFault>>,
}

impl<R: Read> CsvFile<R> {
    /// Looks whether this can be CSV at all, and reads the header.
    pub fn open(source: R, limits: Limits) -> Result<Self, FileFault> {
        let mut window = Window::new(source);
        sniff::refuse_other_formats(window.peek(sniff::SAMPLE_BYTES)?)?;
        window.drop_byte_order_marks()?;

        let mut splitter = Splitter::new(Scanner::new(window, &limits));
        let mut header_fields = ByteRecord::new();
        let header = header::read(&mut splitter, &mut header_fields, &limits)?;
        Ok(Self {
            splitter,
            header,
            header_fields,
            unquoted: ByteRecord::new(),
            unquoted_ends: Vec::new(),
            swallowed: VecDeque::new(),
            limits,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record, good or not; None at the end of the file.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, FileFault> {
        if let Some(place) = self.swallowed.pop_front() {
            return Ok(Some(self.swallowed_line(place)));
        }
        if !self.splitter.advance()? {
            return Ok(None);
        }
        let judgement = self.judge()?;
        if let Some(place) = self.divide() {
            return Ok(Some(Record {
                place,
                raw: self.raw_at(place),
                content: judgement.map(|()| self.fields()),
                warning: None,
            }));
        }
        let warning = judgement.is_ok().then(|| self.warning()).flatten();
        Ok(Some(Record {
            place: self.splitter.latest().place,
            raw: self.splitter.raw(),
            content: judgement.map(|()| self.fields()),
            warning,
        }))
    }

    /// Where a misplaced quote has swallowed rows, the place of the first line of the record. The others
    /// are told one by one, so that all rows are counted that cannot be used.
    fn divide(&mut self) -> Option<Place> {
        let scanned = self.splitter.latest();
        if !scanned.has_lines_within || !matches!(scanned.shape, Shape::Misquoted(_)) {
            return None;
        }
        let whole = scanned.place;
        let ranges = swallow::swallowed(self.splitter.raw()?, self.header.names().len())?;
        let places = (whole.line..).zip(ranges).filter(|(_, it)| !it.is_empty());
        let mut places = places.map(|(line, range)| Place {
            line,
            offset: whole.offset + range.start as u64,
            length: range.len() as u64,
        });
        let first = places.next()?;
        self.swallowed = places.collect();
        Some(first)
    }

    fn swallowed_line(&self, place: Place) -> Record<'_> {
        let fault = RecordFault::swallowed_line(self.splitter.latest().place.line);
        Record {
            place,
            raw: self.raw_at(place),
            content: Err(Box::new(fault)),
            warning: None,
        }
    }

    /// A part of the latest record, as it stands in the file.
    fn raw_at(&self, place: Place) -> Option<&[u8]> {
        let start = place.offset - self.splitter.latest().place.offset;
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(usize::try_from(place.length).ok()?)?;
        self.splitter.raw()?.get(start..end)
    }

    /// Only a record of several lines is looked at once more.
    fn warning(&self) -> Option<Box<RecordFault>> {
        let scanned = self.splitter.latest();
        if !scanned.has_lines_within {
            return None;
        }
        let raw = self.splitter.raw()?;
        swallow::warning(raw, scanned.place.line, self.header.names().len())
    }

    /// Reads the next record, good or not, and keeps it with others; false at the end of the file.
    pub fn read_into(&mut self, records: &mut Records) -> Result<bool, FileFault> {
        let Some(record) = self.next_record()? else {
            return Ok(false);
        };
        records.push(record);
        Ok(true)
    }

    /// How much of the source has been read, which runs a little ahead of the records.
    pub fn bytes_read(&self) -> u64 {
        self.splitter.bytes_read()
    }

    #[inline]
    fn fields(&self) -> Fields<'_> {
        match self.splitter.fields_in_place() {
            Some(fields) => fields,
            None => Fields::unquoted(self.unquoted.as_slice(), &self.unquoted_ends),
        }
    }

    /// Leaves the fields of a good record where `self.fields()` finds them.
    fn judge(&mut self) -> Result<Judgement, FileFault> {
        let scanned = self.splitter.latest();
        let fault = match scanned.shape {
            Shape::WellFormed => return self.split_and_check(),
            // The one field is empty.
            Shape::Blank if self.header.names().len() == 1 => return self.split_and_check(),
            Shape::Blank => RecordFault::blank_line(),
            Shape::Misquoted(misquoted) => {
                let before = self.splitter.raw().and_then(|raw| raw.get(..misquoted.at));
                let column = before.map_or(1, check::count_fields);
                RecordFault::misquoted(&misquoted, column)
            }
            Shape::TooLong => {
                RecordFault::record_too_long(scanned.place.length, self.limits.record_bytes)
            }
        };
        Ok(Err(Box::new(fault)))
    }

    fn split_and_check(&mut self) -> Result<Judgement, FileFault> {
        if self.splitter.fields_in_place().is_none()
            && let Err(fault) = self.unquote()?
        {
            return Ok(Err(fault));
        }
        let raw = self.splitter.raw().unwrap_or_default();
        let row = check::Row {
            starts_with_mark: raw.starts_with(window::BYTE_ORDER_MARK),
            length: raw.len(),
            line_end: self.splitter.latest().line_end,
        };
        Ok(check::check(
            &row,
            &self.fields(),
            &self.header_fields,
            &self.limits,
        ))
    }

    /// Has the csv crate split the record.
    fn unquote(&mut self) -> Result<Judgement, FileFault> {
        let raw = self.splitter.raw().unwrap_or_default();
        // Counted before splitting: a row of nothing but commas would take eight bytes for each.
        if let Some(count) = check::more_fields_than(self.limits.columns, raw) {
            let wanted = self.header_fields.len();
            return Ok(Err(Box::new(RecordFault::too_many_fields(count, wanted))));
        }
        let line = self.splitter.latest().place.line;
        self.splitter.split_into(&mut self.unquoted, line)?;
        let ends = (0..self.unquoted.len()).filter_map(|field| self.unquoted.range(field));
        self.unquoted_ends.clear();
        self.unquoted_ends.extend(ends.map(|range| range.end));
        Ok(Ok(()))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: 16 << 20,
            field_bytes: 1 << 20,
            // What one Postgres table can have.
            columns: 1600,
        }
    }
}
