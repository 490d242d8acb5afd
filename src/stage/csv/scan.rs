//! Where each record begins and ends, and whether its quoting is right.
//!
//! In: bytes. Out: for each record its place and its shape. The scanner looks at quotes, commas
//! beside quotes, and line ends; it never takes a field out of its quotes and never changes a byte.
//!
//! It searches for the next byte that matters rather than looking at each. A record without quotes
//! is not walked through at all: `plain.rs` finds its end, and its fields on the way.

use std::io::{self, Read};

use memchr::{memchr2, memchr3};

use super::Limits;
use super::fault::{FileFault, Misquoting};
use super::fields::Fields;
use super::plain::Plain;
use super::window::{BYTE_ORDER_MARK, Window, without_marks};
use crate::stage::reject::Place;

pub(super) struct Scanner<R> {
    window: Window<R>,
    plain: Plain,
    record_limit: usize,
    /// The physical line on which the next record begins.
    line: u64,
    /// The latest record.
    latest: Scanned,
    /// Its length, if it is held.
    held: Option<usize>,
    /// How much of the window the latest record and its line end take up.
    used: usize,
    /// Every line that begins before this offset is known to have a line with text after it.
    text_at: u64,
}

/// A record as the scanner sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanned {
    pub(super) place: Place,
    pub(super) shape: Shape,
    pub(super) line_end: LineEnd,
    /// Whether a line ends between its quotes.
    pub(super) has_lines_within: bool,
}

impl Scanned {
    fn none() -> Self {
        Self {
            place: Place {
                line: 0,
                offset: 0,
                length: 0,
            },
            shape: Shape::Blank,
            line_end: LineEnd::Missing,
            has_lines_within: false,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    WellFormed,
    /// No byte at all.
    Blank,
    Misquoted(Misquoted),
    TooLong,
}

/// The first thing that is wrong with a record's quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Misquoted {
    pub(super) what: Misquoting,
    /// The physical line of it, which need not be the record's first.
    pub(super) line: u64,
    /// The line on which the field's quote opens, if it has one.
    pub(super) opened: Option<u64>,
    /// The byte of the record.
    pub(super) at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineEnd {
    Present,
    /// The file ends in this record.
    Missing,
}

impl<R: Read> Scanner<R> {
    pub(super) fn new(window: Window<R>, limits: &Limits) -> Self {
        Self {
            window,
            plain: Plain::new(limits.columns),
            record_limit: limits.record_bytes,
            line: 1,
            latest: Scanned::none(),
            held: None,
            used: 0,
            text_at: 0,
        }
    }

    /// Goes to the next record, or says false: at the end, and when nothing but blank lines is left.
    pub(super) fn advance(&mut self) -> Result<bool, FileFault> {
        self.window.consume(self.used);
        (self.held, self.used) = (None, 0);
        let offset = self.window.offset();

        let mut walk = Walk::new(self.line);
        let end = match self.plain.find_end(self.window.bytes(), offset) {
            Some(end) => end,
            None => self.find_end(&mut walk)?,
        };
        let line_end = self.line_end_at(end)?;
        let length = walk.dropped + end as u64;
        let ends_the_file = line_end == 0;
        if length == 0 && (ends_the_file || !self.text_follows()?) {
            return Ok(false);
        }

        let shape = self.shape(&walk, length);
        let place = Place {
            line: self.line,
            offset,
            length,
        };
        let has_lines_within = walk.line > self.line;
        // CR CR LF is shown as two line ends, and is one.
        self.line = walk.line + if line_end == 3 { 2 } else { 1 };
        self.held = (!matches!(shape, Shape::TooLong)).then_some(end);
        self.used = end + line_end;
        self.latest = Scanned {
            place,
            shape,
            line_end: if ends_the_file {
                LineEnd::Missing
            } else {
                LineEnd::Present
            },
            has_lines_within,
        };
        Ok(true)
    }

    /// The latest record. Told apart from whether there is one, as it is looked at piece by piece:
    /// to hand it over whole for each row takes longer than to find it.
    pub(super) fn latest(&self) -> &Scanned {
        &self.latest
    }

    /// The latest record as it stands in the file, unless it was too long to hold.
    pub(super) fn raw(&self) -> Option<&[u8]> {
        self.window.bytes().get(..self.held?)
    }

    /// The fields of the latest record, if it has no quotes that would have to be taken off, and no
    /// byte order mark.
    pub(super) fn fields_in_place(&self) -> Option<Fields<'_>> {
        let raw = self.raw()?;
        let ends = self.plain.ends();
        (!ends.is_empty() && !raw.starts_with(BYTE_ORDER_MARK)).then(|| Fields::in_place(raw, ends))
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.window.bytes_read()
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.window.memory()
    }

    /// Where in the window the record ends.
    fn find_end(&mut self, walk: &mut Walk) -> Result<usize, FileFault> {
        loop {
            if let Some(end) = walk.find_end(self.window.bytes()) {
                return Ok(end);
            }
            if walk.at > self.record_limit {
                self.window.consume(walk.drop_all_but_the_last());
            }
            if !self.window.fill()? {
                return walk.end_with_the_file();
            }
        }
    }

    /// How many bytes the line end takes up.
    fn line_end_at(&mut self, end: usize) -> io::Result<usize> {
        match self.window.bytes().get(end) {
            None => Ok(0),
            Some(b'\r') => {
                let after = &self.window.peek(end + 3)?[end + 1..];
                Ok(match after {
                    [b'\n', ..] => 2,
                    // A text of which the line ends were converted twice.
                    [b'\r', b'\n', ..] => 3,
                    _ => 1,
                })
            }
            Some(_) => Ok(1),
        }
    }

    /// Whether anything but line ends is left, which alone tells a blank line between rows from
    /// one at the end of the file.
    fn text_follows(&mut self) -> Result<bool, FileFault> {
        if self.window.offset() < self.text_at {
            return Ok(true);
        }
        let mut looked_at = 0;
        loop {
            let ahead = &self.window.bytes()[looked_at..];
            if let Some(found) = ahead.iter().position(|byte| !is_line_end(*byte)) {
                self.text_at = self.window.offset() + (looked_at + found) as u64;
                return Ok(true);
            }
            looked_at += ahead.len();
            if looked_at > self.record_limit {
                return Err(FileFault::TooManyBlankLines {
                    line: self.line,
                    limit: self.record_limit,
                });
            }
            if !self.window.fill()? {
                return Ok(false);
            }
        }
    }

    fn shape(&self, walk: &Walk, length: u64) -> Shape {
        match walk.misquoted {
            _ if length > self.record_limit as u64 => Shape::TooLong,
            Some(misquoted) => Shape::Misquoted(misquoted),
            None if length == 0 => Shape::Blank,
            None => Shape::WellFormed,
        }
    }
}

/// The way through one record. Positions count from the start of the window.
struct Walk {
    at: usize,
    state: State,
    /// The line that `at` is on.
    line: u64,
    /// The line on which the latest quoted field began.
    opened_on: u64,
    /// Bytes of the record that the window no longer holds.
    dropped: u64,
    misquoted: Option<Misquoted>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Outside quotes.
    Plain,
    /// Between quotes: line ends are data.
    Quoted,
    /// Right after a quote that closes the field, or is the first half of a doubled one.
    Closed,
    /// After a misplaced quote. Which of the quotes that follow would open a field and which would
    /// close one is anyone's guess, so none of them counts.
    Lost,
}

impl Walk {
    fn new(line: u64) -> Self {
        Self {
            at: 0,
            state: State::Plain,
            line,
            opened_on: line,
            dropped: 0,
            misquoted: None,
        }
    }

    /// The position of the line end, if these bytes hold it. Goes on where it stopped when it is
    /// called again with more bytes.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        while self.at < bytes.len() {
            let ahead = &bytes[self.at..];
            let found = match self.state {
                State::Plain | State::Quoted => memchr3(b'"', b'\n', b'\r', ahead),
                State::Closed => Some(0),
                State::Lost => memchr2(b'\n', b'\r', ahead),
            };
            let Some(found) = found else {
                self.at = bytes.len();
                return None;
            };
            self.at += found;
            if self.state != State::Quoted && is_line_end(bytes[self.at]) {
                return Some(self.at);
            }
            self.pass(bytes);
            self.at += 1;
        }
        None
    }

    /// Takes notice of the byte at `at`, which does not end the record.
    fn pass(&mut self, bytes: &[u8]) {
        match (self.state, bytes[self.at]) {
            (State::Plain, _) if self.at_field_start(bytes) => {
                self.state = State::Quoted;
                self.opened_on = self.line;
            }
            (State::Plain, _) => self.lose(Misquoting::QuoteInsideField),
            (State::Quoted, b'"') => self.state = State::Closed,
            // The CR before it was counted.
            (State::Quoted, b'\n') if bytes[self.at - 1] == b'\r' => {}
            (State::Quoted, _) => self.line += 1,
            (State::Closed, b'"') => self.state = State::Quoted,
            (State::Closed, b',') => self.state = State::Plain,
            (State::Closed, _) => self.lose(Misquoting::TextAfterQuote),
            (State::Lost, _) => {}
        }
    }

    /// Byte order marks at the start of a record are passed over: it may be the header of a second
    /// file, when two were joined.
    fn at_field_start(&self, bytes: &[u8]) -> bool {
        let before = &bytes[..self.at];
        before.ends_with(b",") || (self.dropped == 0 && without_marks(before).is_empty())
    }

    fn lose(&mut self, what: Misquoting) {
        self.state = State::Lost;
        self.misquoted = Some(Misquoted {
            what,
            line: self.line,
            opened: (what == Misquoting::TextAfterQuote).then_some(self.opened_on),
            at: self.at,
        });
    }

    /// Says how many bytes the window need no longer hold. One stays: what a quote or a line feed
    /// means depends on the byte before it.
    fn drop_all_but_the_last(&mut self) -> usize {
        let count = self.at - 1;
        self.dropped += count as u64;
        self.at = 1;
        count
    }

    fn end_with_the_file(&self) -> Result<usize, FileFault> {
        match self.state {
            State::Quoted => Err(FileFault::QuoteNeverClosed {
                line: self.opened_on,
            }),
            State::Plain | State::Closed | State::Lost => Ok(self.at),
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
