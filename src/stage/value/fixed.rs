//! Patterns of plain pieces only, read digit by digit: every piece has a fixed width, and nothing
//! is optional but what says so.

use chrono::format::{Fixed, Item, Numeric, Pad};
use chrono::{NaiveDate, NaiveTime};

use super::pattern::{Misread, Reading};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
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
    /// One byte of literal text.
    Literal(u8),
    /// `+HHMM`
    Offset,
    /// `+HH:MM`
    OffsetWithColon,
    /// Nothing, `Z`, `+HH` or `+HH:MM`.
    IsoOffset,
}

/// Reads a field.
pub(super) fn read(pieces: &[Piece], field: &[u8]) -> Result<Reading, Misread> {
    Parts::read(pieces, field)?.reading()
}

/// The pieces of a pattern that has plain pieces only, each at most once.
pub(super) fn pieces(items: &[Item<'_>]) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    for item in items {
        match literal(item) {
            Some(text) => pieces.extend(text.bytes().map(Piece::Literal)),
            None => pieces.push(piece(item)?),
        }
    }
    let is_once = |piece: &Piece| {
        matches!(piece, Piece::Literal(_))
            || pieces.iter().filter(|other| *other == piece).count() == 1
    };
    pieces.iter().all(is_once).then_some(pieces)
}

fn literal<'i>(item: &'i Item<'_>) -> Option<&'i str> {
    match item {
        Item::Literal(text) | Item::Space(text) => Some(text),
        Item::OwnedLiteral(text) | Item::OwnedSpace(text) => Some(text),
        _ => None,
    }
}

fn piece(item: &Item<'_>) -> Option<Piece> {
    Some(match item {
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
            parts.take(*piece, &mut rest).ok_or(Misread::Shape)?;
        }
        if rest.is_empty() {
            Ok(parts)
        } else {
            Err(Misread::Shape)
        }
    }

    fn take(&mut self, piece: Piece, rest: &mut &[u8]) -> Option<()> {
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
            Piece::Literal(byte) => match rest {
                [first, after @ ..] if *first == byte => *rest = after,
                _ => return None,
            },
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

pub(super) fn take_digits<const N: usize>(rest: &mut &[u8]) -> Option<u32> {
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

pub(super) fn take_iso_offset(rest: &mut &[u8]) -> Option<i32> {
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
