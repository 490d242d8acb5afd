//! Where rows begin and end, which of them are well formed, and on which line they stand.
//!
//! A row without quotes, the usual one, is found by looking for the next line end. A row with a
//! quote goes through a state machine, byte by byte. Either way a row is held in memory up to a
//! limit and no further.

use std::collections::VecDeque;
use std::io::{self, Read};

use memchr::memchr3;

use super::FileFault;
use super::sniff::MARK;
use crate::stage::reject::Place;

/// What is read from the source at a time, in bytes.
const CHUNK: usize = 256 << 10;

/// The most blank lines that are kept waiting to see whether the file ends after them.
const BLANKS: usize = 1000;

/// Whether a blank line is an empty value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// One column: a blank line is a row whose value is empty.
    OneColumn,
    /// More: a blank line is a mistake.
    Columns,
}

/// What the scanner found.
#[derive(Debug)]
pub(super) enum Scan<'a> {
    /// A well-formed row, without its line end.
    Row(Place, &'a [u8]),
    /// A blank line that is not at the end of the file.
    Blank(Place),
    /// A row whose quotes are wrong.
    Broken(Place, Stray),
    /// A row over the limit.
    TooLong(Place),
    /// The end of the file.
    End,
}

/// How quotes can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stray {
    /// `x"y`
    InsideField,
    /// `"x"y`
    AfterClosing,
}

impl Stray {
    /// What is wrong, to be said of a row.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::InsideField => {
                "has a quote inside a field that does not begin with one; \
                 quote the whole field and double the quotes in it"
            }
            Self::AfterClosing => {
                "has text after a closing quote; double the quotes inside a quoted field"
            }
        }
    }
}

/// Reads rows from a source.
pub(super) struct Scanner<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where in the buffer the next row begins.
    start: usize,
    /// Where in the buffer the bytes end.
    end: usize,
    source_state: SourceState,
    /// Byte of the file at `start`.
    offset: u64,
    /// Line of the file at `start`.
    line: u64,
    limit: usize,
    shape: Shape,
    blanks: VecDeque<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SourceState {
    More,
    Ended,
}

/// A row that was found: its place, and how it is.
struct Found {
    place: Place,
    /// In the buffer; meaningless when the row is too long.
    begin: usize,
    verdict: Verdict,
}

enum Verdict {
    Well,
    Broken(Stray),
    TooLong,
}

impl<R: Read> Scanner<R> {
    pub(super) fn new(source: R, limit: usize) -> Self {
        Self {
            source,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            source_state: SourceState::More,
            offset: 0,
            line: 1,
            limit,
            shape: Shape::Columns,
            blanks: VecDeque::new(),
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn set_shape(&mut self, shape: Shape) {
        self.shape = shape;
    }

    pub(super) fn into_source(self) -> R {
        self.source
    }

    /// The first bytes of the file.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        const ENOUGH: usize = 64;
        while self.end < ENOUGH && self.source_state == SourceState::More {
            self.read_more()?;
        }
        Ok(&self.buffer[..self.end])
    }

    pub(super) fn skip_byte_order_mark(&mut self) {
        if self.buffer[..self.end].starts_with(MARK) {
            self.start = MARK.len();
            self.offset = MARK.len() as u64;
        }
    }

    /// The next row. Blank lines are kept back until a row follows them.
    pub(super) fn next_row(&mut self) -> Result<Scan<'_>, FileFault> {
        // A found row stays in the buffer until the blank lines before it are given out.
        loop {
            if self.blanks.len() > BLANKS || (!self.blanks.is_empty() && !self.at_blank_or_end()?) {
                if let Some(place) = self.blanks.pop_front() {
                    return Ok(match self.shape {
                        Shape::OneColumn => Scan::Row(place, b"\"\""),
                        Shape::Columns => Scan::Blank(place),
                    });
                }
            }
            if self.at_end()? {
                return Ok(Scan::End);
            }
            let found = self.find_row()?;
            let length = usize::try_from(found.place.length).unwrap_or(usize::MAX);
            match found.verdict {
                Verdict::Well if length == 0 && found.place.line > 1 => {
                    self.blanks.push_back(found.place);
                }
                Verdict::Well if length == 0 => return Ok(Scan::Blank(found.place)),
                Verdict::Well => {
                    let row = &self.buffer[found.begin..found.begin + length];
                    return Ok(Scan::Row(found.place, row));
                }
                Verdict::Broken(why) => return Ok(Scan::Broken(found.place, why)),
                Verdict::TooLong => return Ok(Scan::TooLong(found.place)),
            }
        }
    }

    fn at_blank_or_end(&mut self) -> Result<bool, FileFault> {
        Ok(self.at_end()? || matches!(self.buffer[self.start], b'\n' | b'\r'))
    }

    fn at_end(&mut self) -> Result<bool, FileFault> {
        while self.start == self.end && self.source_state == SourceState::More {
            self.read_more().map_err(FileFault::Io)?;
        }
        Ok(self.start == self.end)
    }

    fn find_row(&mut self) -> Result<Found, FileFault> {
        let rest = &self.buffer[self.start..self.end];
        if let Some(length) = memchr3(b'\n', b'\r', b'"', rest)
            && length <= self.limit
            && let Some(ending) = line_end(rest, length)
        {
            let place = Place {
                line: self.line,
                offset: self.offset,
                length: length as u64,
            };
            let begin = self.start;
            self.advance(length + ending, 1);
            return Ok(Found {
                place,
                begin,
                verdict: Verdict::Well,
            });
        }
        self.find_row_with_care()
    }

    /// The row has a quote, or is not in the buffer as a whole, or is too long.
    fn find_row_with_care(&mut self) -> Result<Found, FileFault> {
        let (line, offset) = (self.line, self.offset);
        let mut machine = Machine::new(line);
        // How much of the row the machine has seen, and how much of that is no more in the buffer.
        let (mut seen, mut dropped) = (0_usize, 0_u64);
        let row_end = loop {
            if let Some(row_end) = machine.feed(&self.buffer[self.start + seen..self.end]) {
                break seen + row_end;
            }
            seen = self.end - self.start;
            if self.source_state == SourceState::Ended {
                machine.finish()?;
                break seen;
            }
            if seen > self.limit {
                dropped += seen as u64;
                self.advance(seen, 0);
                seen = 0;
            }
            self.read_more().map_err(FileFault::Io)?;
        };
        let length = dropped + (row_end - machine.ending_length) as u64;
        let place = Place {
            line,
            offset,
            length,
        };
        let begin = self.start;
        self.advance(row_end, 0);
        self.line = machine.line;
        let verdict = match machine.stray {
            _ if length > self.limit as u64 => Verdict::TooLong,
            Some(why) => Verdict::Broken(why),
            None => Verdict::Well,
        };
        Ok(Found {
            place,
            begin,
            verdict,
        })
    }

    fn advance(&mut self, bytes: usize, lines: u64) {
        self.start += bytes;
        self.offset += bytes as u64;
        self.line += lines;
    }

    /// Reads once, behind the bytes that are there; makes room for a chunk first.
    fn read_more(&mut self) -> io::Result<()> {
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            self.buffer.resize((self.end + CHUNK).max(CHUNK), 0);
        }
        let count = loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += count;
        if count == 0 {
            self.source_state = SourceState::Ended;
        }
        Ok(())
    }
}

/// How long the line end at `place` is; `None` if there is a quote, or if it cannot be told yet.
fn line_end(bytes: &[u8], place: usize) -> Option<usize> {
    match (bytes[place], bytes.get(place + 1)) {
        (b'\n', _) => Some(1),
        (b'\r', Some(b'\n')) => Some(2),
        (b'\r', Some(_)) => Some(1),
        _ => None,
    }
}

/// Finds the end of one row, also when it comes in pieces.
struct Machine {
    state: State,
    /// The line of the byte that comes next.
    line: u64,
    quote_line: u64,
    stray: Option<Stray>,
    /// The length of the row's own line end.
    ending_length: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    /// Inside quotes, after a CR: an LF that follows belongs to it.
    QuotedCr,
    /// After a quote inside quotes: the field's end, or the first of a doubled one.
    QuoteInQuoted,
    /// After a stray quote: to the end of the line.
    Broken,
    /// After the CR that ends the row: an LF that follows belongs to it.
    RowCr,
}

impl Machine {
    fn new(line: u64) -> Self {
        Self {
            state: State::FieldStart,
            line,
            quote_line: line,
            stray: None,
            ending_length: 0,
        }
    }

    /// Takes more bytes; tells how many of them belong to the row once it has ended.
    fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut place = 0;
        while place < bytes.len() {
            let byte = bytes[place];
            match (self.state, byte) {
                (State::RowCr, b'\n') => {
                    self.ending_length = 2;
                    return Some(place + 1);
                }
                (State::RowCr, _) => return Some(place),
                (State::Quoted | State::QuotedCr, _) => {
                    place += self.feed_quoted(&bytes[place..]);
                    continue;
                }
                (State::QuoteInQuoted, b'"') => self.state = State::Quoted,
                (_, b'\n') => {
                    self.line += 1;
                    self.ending_length = 1;
                    return Some(place + 1);
                }
                (_, b'\r') => {
                    self.line += 1;
                    self.ending_length = 1;
                    self.state = State::RowCr;
                }
                (State::Broken, _) => {}
                (_, b',') => self.state = State::FieldStart,
                (State::FieldStart, b'"') => {
                    self.state = State::Quoted;
                    self.quote_line = self.line;
                }
                (State::Unquoted, b'"') => self.break_off(Stray::InsideField),
                (State::QuoteInQuoted, _) => self.break_off(Stray::AfterClosing),
                (State::FieldStart | State::Unquoted, _) => self.state = State::Unquoted,
            }
            place += 1;
        }
        None
    }

    /// Takes bytes inside quotes, up to and with the next that matters; tells how many.
    fn feed_quoted(&mut self, bytes: &[u8]) -> usize {
        if self.state == State::QuotedCr {
            self.state = State::Quoted;
            if bytes[0] == b'\n' {
                return 1;
            }
        }
        let Some(place) = memchr3(b'"', b'\n', b'\r', bytes) else {
            return bytes.len();
        };
        match bytes[place] {
            b'"' => self.state = State::QuoteInQuoted,
            b'\r' => {
                self.line += 1;
                self.state = State::QuotedCr;
            }
            _ => self.line += 1,
        }
        place + 1
    }

    fn break_off(&mut self, why: Stray) {
        self.state = State::Broken;
        self.stray = Some(why);
    }

    /// The file ends here.
    fn finish(&self) -> Result<(), FileFault> {
        match self.state {
            State::Quoted | State::QuotedCr => Err(FileFault::QuoteNeverCloses {
                line: self.quote_line,
            }),
            _ => Ok(()),
        }
    }
}
