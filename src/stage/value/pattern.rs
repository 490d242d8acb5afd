//! How a column spells dates and times, and reading them by it.
//!
//! A pattern of the plain pieces only (`%Y %m %d %H %M %S`, a fraction, an offset, and literal
//! text) is read by [`super::fixed`]; any other by [`super::strftime`].

use chrono::format::{Fixed, Item, Numeric, StrftimeItems};
use chrono::{Datelike, NaiveDate, NaiveTime};

use super::ValueFault;
use super::fixed::{self, Piece};
use super::strftime::Strftime;

/// A pattern, understood.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// As the contract writes it, for messages.
    written: String,
    reader: Reader,
    /// Whether it has the time of day.
    pub(super) has_time: bool,
    /// Whether it has an offset from UTC.
    pub(super) has_offset: bool,
}

#[derive(Clone, Debug)]
enum Reader {
    Fixed(Vec<Piece>),
    Strftime(Strftime),
}

/// What a field says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reading {
    pub(super) date: NaiveDate,
    /// Midnight, if the pattern has no time.
    pub(super) time: NaiveTime,
    /// Seconds east of UTC, if the field says so.
    pub(super) offset: Option<i32>,
}

/// Why a field cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Misread {
    /// It does not look like the pattern.
    Shape,
    /// It does, but there is no such day or time.
    NoSuchMoment,
    /// It does, in a year that no delivery means.
    Year,
}

impl Pattern {
    /// Understands a strftime pattern, or says why it cannot be one.
    pub(super) fn new(written: &str) -> Result<Self, String> {
        let items = StrftimeItems::new(written)
            .parse_to_owned()
            .map_err(|_| format!("{written} is not a strftime pattern."))?;
        let reader = match fixed::pieces(&items) {
            Some(pieces) => Reader::Fixed(pieces),
            None => Reader::Strftime(Strftime::new(written, items.clone())?),
        };
        let pattern = Self {
            written: written.to_owned(),
            reader,
            has_time: items.iter().any(is_time),
            has_offset: items.iter().any(is_offset),
        };
        pattern.check()?;
        Ok(pattern)
    }

    /// `YYYY-MM-DD`
    pub(super) fn iso_date() -> Self {
        let dash = Piece::Literal(b'-');
        Self {
            written: "YYYY-MM-DD".into(),
            reader: Reader::Fixed(vec![Piece::Year, dash, Piece::Month, dash, Piece::Day]),
            has_time: false,
            has_offset: false,
        }
    }

    /// `YYYY-MM-DD HH:MM:SS`, with what ISO 8601 lets come after.
    pub(super) fn iso_timestamp() -> Self {
        let mut pattern = Self::iso_date();
        let colon = Piece::Literal(b':');
        if let Reader::Fixed(pieces) = &mut pattern.reader {
            pieces.extend([
                Piece::DateTimeSeparator,
                Piece::Hour,
                colon,
                Piece::Minute,
                colon,
                Piece::Second,
                Piece::Fraction,
                Piece::IsoOffset,
            ]);
        }
        Self {
            written: "YYYY-MM-DD HH:MM:SS".into(),
            has_time: true,
            has_offset: true,
            ..pattern
        }
    }

    /// Reads a field.
    pub(super) fn read(&self, field: &[u8]) -> Result<Reading, Misread> {
        let reading = match &self.reader {
            Reader::Fixed(pieces) => fixed::read(pieces, field)?,
            Reader::Strftime(strftime) => strftime.read(field)?,
        };
        if (1..=9999).contains(&reading.date.year()) {
            Ok(reading)
        } else {
            Err(Misread::Year)
        }
    }

    /// The sentence for a field that cannot be read as a `what`.
    pub(super) fn fault(&self, what: &str, misread: Misread) -> ValueFault {
        let written = &self.written;
        match misread {
            Misread::Shape => {
                ValueFault::bad_type(format!("is not a {what} in the format {written}"))
            }
            Misread::NoSuchMoment => ValueFault::bad_type(format!(
                "is in the format {written}, but no calendar or clock shows that {what}"
            )),
            Misread::Year => {
                ValueFault::overflow(format!("is not a {what} in the years 1 to 9999"))
            }
        }
    }

    /// A pattern must say which day, and if it says a time, which hour and minute.
    fn check(&self) -> Result<(), String> {
        let says_it_all = match &self.reader {
            Reader::Fixed(pieces) => {
                let has = |piece| pieces.contains(&piece);
                let day = has(Piece::Year) && has(Piece::Month) && has(Piece::Day);
                let minute = has(Piece::Hour) && has(Piece::Minute);
                let second = has(Piece::Second) || !has(Piece::Fraction);
                day && second && (minute || !self.has_time)
            }
            Reader::Strftime(strftime) => strftime.says_it_all(self.has_time),
        };
        if says_it_all {
            return Ok(());
        }
        let written = &self.written;
        Err(format!(
            "the format {written} leaves open which moment a value means. \
             It must have the year, the month and the day, \
             and if it has a time, the hour and the minute."
        ))
    }
}

fn is_time(item: &Item<'_>) -> bool {
    use Fixed::{LowerAmPm, Nanosecond as Fraction, UpperAmPm};
    use Fixed::{Nanosecond3, Nanosecond6, Nanosecond9, RFC2822, RFC3339};
    use Numeric::{Hour, Hour12, Minute, Nanosecond, Second, Timestamp};
    matches!(
        item,
        Item::Numeric(Hour | Hour12 | Minute | Second | Nanosecond | Timestamp, _)
            | Item::Fixed(
                LowerAmPm
                    | UpperAmPm
                    | Fraction
                    | Nanosecond3
                    | Nanosecond6
                    | Nanosecond9
                    | RFC2822
                    | RFC3339
            )
    )
}

fn is_offset(item: &Item<'_>) -> bool {
    use Fixed::{RFC2822, RFC3339, TimezoneOffset, TimezoneOffsetColon, TimezoneOffsetColonZ};
    use Fixed::{TimezoneOffsetDoubleColon, TimezoneOffsetTripleColon, TimezoneOffsetZ};
    matches!(
        item,
        Item::Fixed(
            RFC2822
                | RFC3339
                | TimezoneOffset
                | TimezoneOffsetColon
                | TimezoneOffsetColonZ
                | TimezoneOffsetDoubleColon
                | TimezoneOffsetTripleColon
                | TimezoneOffsetZ
        )
    )
}
