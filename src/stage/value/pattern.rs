//! How a column spells dates and times, and reading them by it.
//!
//! A pattern of the plain pieces only (`%Y %m %d %H %M %S`, a fraction, an offset, and literal
//! text) is read here, digit by digit: every piece has a fixed width and nothing is optional but
//! the fraction. Any other pattern is read by [`super::strftime`].

use chrono::format::{Fixed, Item, Numeric, Pad, StrftimeItems};
use chrono::{Datelike, NaiveDate, NaiveTime};

use super::ValueFault;
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

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// Nothing, or a point and digits.
    Fraction,
    /// `T` or a space.
    DateTimeSeparator,
    Literal(String),
    /// `+HHMM`
    Offset,
    /// `+HH:MM`
    OffsetWithColon,
    /// Nothing, `Z`, `+HH` or `+HH:MM`.
    IsoOffset,
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
        let reader = match fixed(&items) {
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
        let dash = || Piece::Literal("-".into());
        Self {
            written: "YYYY-MM-DD".into(),
            reader: Reader::Fixed(vec![Piece::Year, dash(), Piece::Month, dash(), Piece::Day]),
            has_time: false,
            has_offset: false,
        }
    }

    /// `YYYY-MM-DD HH:MM:SS`, with what ISO 8601 lets come after.
    pub(super) fn iso_timestamp() -> Self {
        let mut pattern = Self::iso_date();
        let colon = || Piece::Literal(":".into());
        if let Reader::Fixed(pieces) = &mut pattern.reader {
            pieces.extend([
                Piece::DateTimeSeparator,
                Piece::Hour,
                colon(),
                Piece::Minute,
                colon(),
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
            Reader::Fixed(pieces) => Parts::read(pieces, field)?.reading()?,
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

/// The pieces of a pattern that has plain pieces only, each at most once.
fn fixed(items: &[Item<'_>]) -> Option<Vec<Piece>> {
    let pieces: Vec<Piece> = items.iter().map(piece).collect::<Option<_>>()?;
    let is_once = |piece: &Piece| {
        matches!(piece, Piece::Literal(_))
            || pieces.iter().filter(|other| *other == piece).count() == 1
    };
    pieces.iter().all(is_once).then_some(pieces)
}

fn piece(item: &Item<'_>) -> Option<Piece> {
    Some(match item {
        Item::Literal(text) | Item::Space(text) => Piece::Literal((*text).to_owned()),
        Item::OwnedLiteral(text) | Item::OwnedSpace(text) => Piece::Literal(text.to_string()),
        Item::Numeric(Numeric::Year, Pad::Zero) => Piece::Year,
        Item::Numeric(Numeric::Month, Pad::Zero) => Piece::Month,
        Item::Numeric(Numeric::Day, Pad::Zero) => Piece::Day,
        Item::Numeric(Numeric::Hour, Pad::Zero) => Piece::Hour,
        Item::Numeric(Numeric::Minute, Pad::Zero) => Piece::Minute,
        Item::Numeric(Numeric::Second, Pad::Zero) => Piece::Second,
        Item::Fixed(Fixed::Nanosecond) => Piece::Fraction,
        Item::Fixed(Fixed::TimezoneOffset) => Piece::Offset,
        Item::Fixed(Fixed::TimezoneOffsetColon) => Piece::OffsetWithColon,
        _ => return None,
    })
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

/// The numbers of a field, before anyone asks whether there is such a moment.
#[derive(Default)]
struct Parts {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
    offset: Option<i32>,
}

impl Parts {
    fn read(pieces: &[Piece], field: &[u8]) -> Result<Self, Misread> {
        let mut parts = Self::default();
        let mut rest = field;
        for piece in pieces {
            parts.take(piece, &mut rest).ok_or(Misread::Shape)?;
        }
        if rest.is_empty() {
            Ok(parts)
        } else {
            Err(Misread::Shape)
        }
    }

    fn take(&mut self, piece: &Piece, rest: &mut &[u8]) -> Option<()> {
        match piece {
            Piece::Year => self.year = take_digits::<4>(rest)?,
            Piece::Month => self.month = take_digits::<2>(rest)?,
            Piece::Day => self.day = take_digits::<2>(rest)?,
            Piece::Hour => self.hour = take_digits::<2>(rest)?,
            Piece::Minute => self.minute = take_digits::<2>(rest)?,
            Piece::Second => self.second = take_digits::<2>(rest)?,
            Piece::Fraction => self.micros = take_fraction(rest)?,
            Piece::DateTimeSeparator => {
                *rest = rest.strip_prefix(b"T").or(rest.strip_prefix(b" "))?;
            }
            Piece::Literal(text) => *rest = rest.strip_prefix(text.as_bytes())?,
            Piece::Offset => self.offset = Some(take_offset(rest, OffsetForm::Plain)?),
            Piece::OffsetWithColon => self.offset = Some(take_offset(rest, OffsetForm::Colon)?),
            Piece::IsoOffset if rest.is_empty() => {}
            Piece::IsoOffset => self.offset = Some(take_iso_offset(rest)?),
        }
        Some(())
    }

    /// Second 60 is refused like 61: Postgres would turn it into the next minute.
    fn reading(&self) -> Result<Reading, Misread> {
        if self.year == 0 {
            return Err(Misread::Year);
        }
        let date = NaiveDate::from_ymd_opt(self.year.cast_signed(), self.month, self.day);
        let time = NaiveTime::from_hms_micro_opt(self.hour, self.minute, self.second, self.micros);
        match (date, time) {
            (Some(date), Some(time)) => Ok(Reading {
                date,
                time,
                offset: self.offset,
            }),
            _ => Err(Misread::NoSuchMoment),
        }
    }
}

fn take_digits<const N: usize>(rest: &mut &[u8]) -> Option<u32> {
    let (digits, after) = rest.split_first_chunk::<N>()?;
    let number = digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(digit - b'0'))
    })?;
    *rest = after;
    Some(number)
}

/// The microseconds; what is finer is cut off.
fn take_fraction(rest: &mut &[u8]) -> Option<u32> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some(0);
    };
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if count == 0 {
        return None;
    }
    let (digits, after) = digits.split_at(count);
    *rest = after;
    let digits = digits.iter().chain(std::iter::repeat(&b'0'));
    Some(
        digits
            .take(6)
            .fold(0, |micros, digit| micros * 10 + u32::from(digit - b'0')),
    )
}

#[derive(Clone, Copy)]
enum OffsetForm {
    Plain,
    Colon,
}

fn take_iso_offset(rest: &mut &[u8]) -> Option<i32> {
    if let [b'Z', after @ ..] = rest {
        *rest = after;
        return Some(0);
    }
    match rest.len() {
        3 => Some(take_sign(rest)? * take_hours(rest)?),
        _ => take_offset(rest, OffsetForm::Colon),
    }
}

fn take_offset(rest: &mut &[u8], form: OffsetForm) -> Option<i32> {
    let sign = take_sign(rest)?;
    let hours = take_hours(rest)?;
    if let OffsetForm::Colon = form {
        *rest = rest.strip_prefix(b":")?;
    }
    let minutes = take_digits::<2>(rest).filter(|minutes| *minutes < 60)?;
    Some(sign * (hours + minutes.cast_signed() * 60))
}

fn take_sign(rest: &mut &[u8]) -> Option<i32> {
    let (sign, after) = match rest {
        [b'+', after @ ..] => (1, after),
        [b'-', after @ ..] => (-1, after),
        _ => return None,
    };
    *rest = after;
    Some(sign)
}

/// The hours of an offset in seconds; Postgres knows none of 16 hours or more.
fn take_hours(rest: &mut &[u8]) -> Option<i32> {
    let hours = take_digits::<2>(rest).filter(|hours| *hours < 16)?;
    Some(hours.cast_signed() * 3600)
}
