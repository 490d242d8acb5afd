//! Strict RFC 4180 over the `csv` crate.
//!
//! In: bytes. Out: the header, then the records, each with its place, and in their midst what is
//! no record, with its reason. The `csv` crate splits and unquotes; by itself it accepts nearly
//! anything and counts lines wrongly, so a scanner of our own ([`scan`]) goes before it, lets
//! through only well-formed records, and counts. Nothing here knows columns, types or tables.
//!
//! The rules:
//!
//! | what | rule |
//! | --- | --- |
//! | line ends | LF, CRLF and a lone CR; each is one line, also inside quotes; the last may be missing |
//! | byte order mark | UTF-8's is dropped; a file in UTF-16 or UTF-32 is refused |
//! | quotes | a quoted field begins and ends with its quote; a quote inside is doubled |
//! | a stray quote | costs its row; the row ends at the next line end |
//! | a quote that never closes | refuses the file: nothing after it can be trusted |
//! | fields | as many as the header has |
//! | a blank line | is a reject, at the end of the file nothing, and in a file of one column an empty value |
//! | the header again | is a reject: two files were joined |
//! | a row or field over its limit | is a reject, and is never held in memory |
//! | control characters, `\.`, U+2028 | are data |

mod scan;
mod sniff;

use std::collections::VecDeque;
use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};
use thiserror::Error;

use self::scan::{Scan, Scanner, Shape};
use super::reject::{Place, RejectKind};

/// What a row, a field and a header may measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes in one row.
    pub record_bytes: usize,
    /// Bytes in one field.
    pub field_bytes: usize,
    /// Names in the header.
    pub columns: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // Postgres has no table of more than 1,600 columns.
        Self {
            record_bytes: 8 << 20,
            field_bytes: 1 << 20,
            columns: 1600,
        }
    }
}

/// Why a whole file is refused.
#[derive(Debug, Error)]
pub enum FileFault {
    /// It cannot be read; the file itself may be sound.
    #[error(transparent)]
    Io(io::Error),
    /// No bytes at all.
    #[error("the file is empty: not even a header")]
    Empty,
    /// The first line is blank.
    #[error("the first line is blank; the header must be the first line")]
    NoHeader,
    /// Its first bytes are those of something else.
    #[error("the file is no CSV in UTF-8: it looks like {0}")]
    LooksLike(&'static str),
    /// The header's quotes are wrong.
    #[error("the header (line 1) {0}")]
    HeaderQuoting(&'static str),
    /// The header is not text.
    #[error("the header (line 1) is not UTF-8 text: byte {byte} of the line")]
    HeaderEncoding {
        /// Counted from 0.
        byte: usize,
    },
    /// The header is longer than a row may be.
    #[error("the header (line 1) has more than {limit} bytes (limits.record_bytes)")]
    HeaderTooLong {
        /// The limit.
        limit: usize,
    },
    /// Too many names.
    #[error("the header names {columns} columns, more than {limit} (limits.columns)")]
    TooManyColumns {
        /// Names in the header.
        columns: usize,
        /// The limit.
        limit: usize,
    },
    /// A quote is open at the end of the file.
    #[error("the quote that opens on line {line} never closes: close it, or the file was cut off")]
    QuoteNeverCloses {
        /// The line of the quote.
        line: u64,
    },
}

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    names: Vec<String>,
    text: String,
}

impl Header {
    /// The names, unquoted and otherwise as they are spelt.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The line as it stands in the file, without byte order mark and line end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the header was probably written with instead of commas and double quotes.
    #[must_use]
    pub fn dialect_hint(&self) -> Option<&'static str> {
        const RIVALS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
        if self.text.to_lowercase().starts_with("sep=") {
            return Some("a `sep=` line, which only spreadsheets read; remove it");
        }
        if self.text.starts_with('#') {
            return Some("a comment; CSV has none");
        }
        if self.text.starts_with('\'') {
            return Some("single quotes; CSV has double ones");
        }
        let rival = RIVALS
            .iter()
            .find(|(rival, _)| self.names.len() == 1 && self.text.contains(*rival));
        rival.map(|(_, name)| match *name {
            "semicolons" => "semicolons between the columns; CSV has commas",
            "tabs" => "tabs between the columns; CSV has commas",
            _ => "bars between the columns; CSV has commas",
        })
    }
}

/// One record, or what stands in its place.
#[derive(Debug)]
pub struct Record<'a> {
    /// Where it stands.
    pub place: Place,
    /// What it holds.
    pub content: Content<'a>,
}

/// What a record holds.
#[derive(Debug)]
pub enum Content<'a> {
    /// As many fields as the header has.
    Fields(&'a ByteRecord),
    /// Something that is no record.
    Fault(RecordFault),
}

/// Why a row is no record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordFault {
    /// The machine's word.
    pub kind: RejectKind,
    /// The sentence, without any value of the row.
    pub message: String,
}

/// A CSV file whose header has been read.
pub struct CsvFile<R> {
    reader: Reader<Sieve<R>>,
    header: Header,
    header_fields: ByteRecord,
    record: ByteRecord,
    /// Whether `record` was read but not yet given out, because faults stand before it.
    ahead: Ahead,
    limits: Limits,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ahead {
    Nothing,
    Record,
}

impl<R: Read> CsvFile<R> {
    /// Looks at the first bytes, drops the byte order mark, and reads the header.
    pub fn open(source: R, limits: Limits) -> Result<Self, FileFault> {
        let mut scanner = Scanner::new(source, limits.record_bytes);
        sniff::refuse_other_formats(scanner.peek().map_err(FileFault::Io)?)?;
        scanner.skip_byte_order_mark();
        let text = header_text(&mut scanner, limits)?;
        let mut sieve = Sieve::new(scanner);
        sieve.pass(text.as_bytes());
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(64 << 10)
            .from_reader(sieve);
        let mut header_fields = ByteRecord::new();
        read(&mut reader, &mut header_fields).map_err(FileFault::Io)?;
        if header_fields.len() > limits.columns {
            let (columns, limit) = (header_fields.len(), limits.columns);
            return Err(FileFault::TooManyColumns { columns, limit });
        }
        let names: Vec<String> = header_fields
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        reader.get_mut().scanner.set_shape(if names.len() == 1 {
            Shape::OneColumn
        } else {
            Shape::Columns
        });
        let header = Header { names, text };
        let (record, ahead) = (ByteRecord::new(), Ahead::Nothing);
        Ok(Self {
            reader,
            header,
            header_fields,
            record,
            ahead,
            limits,
        })
    }

    /// The first line.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record, or what stands in its place; `None` at the end of the file.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, FileFault> {
        loop {
            match self.reader.get_mut().seen.front() {
                Some(Seen::Fault(..)) => {
                    let Some(Seen::Fault(place, fault)) = self.reader.get_mut().seen.pop_front()
                    else {
                        continue;
                    };
                    return Ok(Some(Record {
                        place,
                        content: Content::Fault(fault),
                    }));
                }
                Some(Seen::Record(place)) if self.ahead == Ahead::Record => {
                    let place = *place;
                    self.reader.get_mut().seen.pop_front();
                    self.ahead = Ahead::Nothing;
                    return Ok(Some(Record {
                        place,
                        content: self.judge(place),
                    }));
                }
                _ => {
                    if !read(&mut self.reader, &mut self.record).map_err(FileFault::Io)? {
                        let sieve = self.reader.get_mut();
                        match (sieve.seen.is_empty(), sieve.refused.take()) {
                            (false, _) => continue,
                            (true, Some(fault)) => return Err(fault),
                            (true, None) => return Ok(None),
                        }
                    }
                    self.ahead = Ahead::Record;
                }
            }
        }
    }

    /// Gives back the source, read to the end of what was asked for.
    pub fn into_source(self) -> R {
        self.reader.into_inner().scanner.into_source()
    }

    fn judge(&self, place: Place) -> Content<'_> {
        match self.fault_of_fields(place) {
            Some(fault) => Content::Fault(fault),
            None => Content::Fields(&self.record),
        }
    }

    fn fault_of_fields(&self, place: Place) -> Option<RecordFault> {
        let (found, wanted) = (self.record.len(), self.header_fields.len());
        if found != wanted {
            let kind = if found < wanted {
                RejectKind::TooFewFields
            } else {
                RejectKind::TooManyFields
            };
            let message = format!("the row has {found} field(s), and the header {wanted}");
            return Some(RecordFault { kind, message });
        }
        let limit = self.limits.field_bytes;
        // A short row has no long field: most rows are not looked at again.
        if place.length > limit as u64
            && let Some(field) = self.record.iter().position(|field| field.len() > limit)
        {
            let message = format!(
                "field {} has more than {limit} bytes (limits.field_bytes)",
                field + 1
            );
            return Some(RecordFault {
                kind: RejectKind::TooLong,
                message,
            });
        }
        self.repeats_header().then(|| RecordFault {
            kind: RejectKind::RepeatedHeader,
            message: "the row is the header again: were two files joined?".to_owned(),
        })
    }

    fn repeats_header(&self) -> bool {
        let mut pairs = self.record.iter().zip(self.header_fields.iter());
        let first = pairs
            .next()
            .is_some_and(|(field, name)| sniff::without_mark(field) == name);
        first && pairs.all(|(field, name)| field == name)
    }
}

fn read<R: Read>(reader: &mut Reader<R>, record: &mut ByteRecord) -> io::Result<bool> {
    // The reader is flexible and asks for no UTF-8: what can fail is the source alone.
    reader.read_byte_record(record).map_err(io::Error::from)
}

fn header_text<R: Read>(scanner: &mut Scanner<R>, limits: Limits) -> Result<String, FileFault> {
    match scanner.next_row()? {
        Scan::End | Scan::Blank(_) => Err(FileFault::NoHeader),
        Scan::Broken(_, why) => Err(FileFault::HeaderQuoting(why.sentence())),
        Scan::TooLong(_) => Err(FileFault::HeaderTooLong {
            limit: limits.record_bytes,
        }),
        Scan::Row(_, bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => match text.find('\0') {
                Some(byte) => Err(FileFault::HeaderEncoding { byte }),
                None => Ok(text.to_owned()),
            },
            Err(error) => Err(FileFault::HeaderEncoding {
                byte: error.valid_up_to(),
            }),
        },
    }
}

/// Between scanner and `csv`: hands on well-formed rows, each ended by LF, and writes down what
/// it has seen, in the order of the file.
struct Sieve<R> {
    scanner: Scanner<R>,
    seen: VecDeque<Seen>,
    refused: Option<FileFault>,
    passed: Vec<u8>,
    taken: usize,
}

#[derive(Debug)]
enum Seen {
    Record(Place),
    Fault(Place, RecordFault),
}

impl<R: Read> Sieve<R> {
    fn new(scanner: Scanner<R>) -> Self {
        Self {
            scanner,
            seen: VecDeque::new(),
            refused: None,
            passed: Vec::new(),
            taken: 0,
        }
    }

    fn pass(&mut self, row: &[u8]) {
        self.passed.extend_from_slice(row);
        self.passed.push(b'\n');
    }

    /// Scans about a buffer's worth of rows.
    fn refill(&mut self) -> io::Result<()> {
        /// Rows handed on at a time, in bytes; and, as rows may all be bad, rows looked at.
        const BYTES: usize = 64 << 10;
        const ROWS: usize = 4096;
        self.passed.clear();
        self.taken = 0;
        while self.passed.len() < BYTES && self.seen.len() < ROWS && self.refused.is_none() {
            let (place, kind, message) = match self.scanner.next_row() {
                Ok(Scan::Row(place, bytes)) => {
                    self.passed.extend_from_slice(bytes);
                    self.passed.push(b'\n');
                    self.seen.push_back(Seen::Record(place));
                    continue;
                }
                Ok(Scan::End) => break,
                Ok(Scan::Blank(place)) => {
                    (place, RejectKind::BlankLine, "the line is blank".to_owned())
                }
                Ok(Scan::Broken(place, why)) => (
                    place,
                    RejectKind::UnparsableLine,
                    format!("the row {}", why.sentence()),
                ),
                Ok(Scan::TooLong(place)) => {
                    let limit = self.scanner.limit();
                    let message =
                        format!("the row has more than {limit} bytes (limits.record_bytes)");
                    (place, RejectKind::TooLong, message)
                }
                Err(FileFault::Io(error)) => return Err(error),
                Err(fault) => {
                    self.refused = Some(fault);
                    break;
                }
            };
            self.seen
                .push_back(Seen::Fault(place, RecordFault { kind, message }));
        }
        Ok(())
    }
}

impl<R: Read> Read for Sieve<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.passed.len() {
            self.refill()?;
        }
        let count = buffer.len().min(self.passed.len() - self.taken);
        buffer[..count].copy_from_slice(&self.passed[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}
