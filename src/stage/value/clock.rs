//! `time` and `timetz`: `HH:MM` or `HH:MM:SS[.f…]`, and of a `timetz` an offset from UTC.
//!
//! A server takes much more for a time: `now`, a whole timestamp of which it drops the day, and a
//! time of a zone without its day. None of these means one time.

use std::fmt::Write;

use super::ValueFault;
use super::fixed::{take_digits, take_iso_offset};
use crate::contract::Precision;

#[derive(Clone, Copy, Debug)]
pub(super) struct ClockParser {
    precision: Precision,
    offset: OffsetOfTime,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OffsetOfTime {
    None,
    Required,
}

struct TimeOfDay<'f> {
    hour: u32,
    minute: u32,
    second: u32,
    /// The digits, without zeros at the end.
    fraction: &'f [u8],
    /// Seconds east of UTC.
    offset: Option<i32>,
}

impl ClockParser {
    pub(super) fn local(precision: Precision) -> Self {
        Self {
            precision,
            offset: OffsetOfTime::None,
        }
    }

    pub(super) fn with_offset(precision: Precision) -> Self {
        Self {
            precision,
            offset: OffsetOfTime::Required,
        }
    }

    pub(super) fn write(self, field: &[u8], out: &mut String) -> Result<(), ValueFault> {
        let time = self.read(field).ok_or_else(|| self.no_time())?;
        if !time.is_on_a_clock() {
            return Err(ValueFault::bad_type(
                "is in the format of a time, but no clock shows it",
            ));
        }
        check_digits(time.fraction.len(), self.precision)?;
        time.write(out);
        Ok(())
    }

    fn read(self, field: &[u8]) -> Option<TimeOfDay<'_>> {
        let mut rest = field;
        let hour = take_digits::<2>(&mut rest)?;
        let minute = take_after::<2>(b':', &mut rest)?;
        let mut time = TimeOfDay {
            hour,
            minute,
            second: 0,
            fraction: &[],
            offset: None,
        };
        if rest.starts_with(b":") {
            time.second = take_after::<2>(b':', &mut rest)?;
            time.fraction = take_fraction(&mut rest)?;
        }
        if self.offset == OffsetOfTime::Required {
            time.offset = Some(take_iso_offset(&mut rest)?);
        }
        rest.is_empty().then_some(time)
    }

    fn no_time(self) -> ValueFault {
        ValueFault::bad_type(match self.offset {
            OffsetOfTime::None => "is not a time in the format HH:MM:SS",
            OffsetOfTime::Required => {
                "is not a time in the format HH:MM:SS with an offset from UTC, as in +01:00"
            }
        })
    }
}

impl TimeOfDay<'_> {
    /// The end of a day is a time of its own: 24:00.
    fn is_on_a_clock(&self) -> bool {
        let is_end = (self.hour, self.minute, self.second) == (24, 0, 0);
        self.hour < 24 && self.minute < 60 && self.second < 60 || is_end && self.fraction.is_empty()
    }

    fn write(&self, out: &mut String) {
        let _ = write!(
            out,
            "{:02}:{:02}:{:02}",
            self.hour, self.minute, self.second
        );
        if !self.fraction.is_empty() {
            out.push('.');
            out.extend(self.fraction.iter().copied().map(char::from));
        }
        if let Some(offset) = self.offset {
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = offset.unsigned_abs() / 60;
            let _ = write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        }
    }
}

/// Refuses digits of a second that are not kept.
pub(super) fn check_digits(digits: usize, precision: Precision) -> Result<(), ValueFault> {
    let most = precision.digits();
    if digits <= usize::from(most) {
        return Ok(());
    }
    Err(ValueFault::overflow(match most {
        0 => "has a fraction of a second, and Hayloft does not round".to_owned(),
        1 => "has more than 1 digit of a second, and Hayloft does not round".to_owned(),
        _ => format!("has more than {most} digits of a second, and Hayloft does not round"),
    }))
}

fn take_after<const N: usize>(mark: u8, rest: &mut &[u8]) -> Option<u32> {
    *rest = rest.strip_prefix(&[mark])?;
    take_digits::<N>(rest)
}

fn take_fraction<'f>(rest: &mut &'f [u8]) -> Option<&'f [u8]> {
    let Some(after_point) = rest.strip_prefix(b".") else {
        return Some(&[]);
    };
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let (digits, after) = after_point.split_at(after_point.iter().take_while(is_digit).count());
    *rest = after;
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0');
    (!digits.is_empty()).then(|| &digits[..digits.len() - zeros.count()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::reject::RejectKind;

    fn written(clock: ClockParser, text: &str) -> Result<String, RejectKind> {
        let mut out = String::new();
        match clock.write(text.as_bytes(), &mut out) {
            Ok(()) => Ok(out),
            Err(fault) => Err(fault.kind),
        }
    }

    fn digits(digits: u8) -> Precision {
        Precision::new(digits).unwrap()
    }

    #[test]
    fn a_time_is_one_that_a_clock_shows() {
        for (text, expected) in [
            ("09:05", Ok("09:05:00")),
            ("09:05:07", Ok("09:05:07")),
            ("23:59:59.999999", Ok("23:59:59.999999")),
            ("00:00:00.1000000", Ok("00:00:00.1")),
            ("24:00:00", Ok("24:00:00")),
            ("24:00:00.1", Err(RejectKind::BadType)),
            ("24:00:01", Err(RejectKind::BadType)),
            ("23:60", Err(RejectKind::BadType)),
            ("23:59:60", Err(RejectKind::BadType)),
            ("9:05", Err(RejectKind::BadType)),
            ("09:05:", Err(RejectKind::BadType)),
            ("09:05:07.", Err(RejectKind::BadType)),
            ("09:05 PM", Err(RejectKind::BadType)),
            ("now", Err(RejectKind::BadType)),
            ("2024-01-01 09:05", Err(RejectKind::BadType)),
            ("09:05:00+02", Err(RejectKind::BadType)),
            ("09:05:00.1234567", Err(RejectKind::Overflow)),
        ] {
            let local = ClockParser::local(Precision::MICROS);
            assert_eq!(written(local, text), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn no_digit_of_a_second_is_rounded_away() {
        for (most, text, expected) in [
            (0, "09:05:07.0", Ok("09:05:07")),
            (0, "09:05:07.1", Err(RejectKind::Overflow)),
            (3, "09:05:07.123000", Ok("09:05:07.123")),
            (3, "09:05:07.1234", Err(RejectKind::Overflow)),
        ] {
            let local = ClockParser::local(digits(most));
            assert_eq!(written(local, text), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_time_with_a_zone_says_its_offset() {
        for (text, expected) in [
            ("09:05Z", Ok("09:05:00+00:00")),
            ("09:05:07.5+02", Ok("09:05:07.5+02:00")),
            ("09:05:07-03:30", Ok("09:05:07-03:30")),
            ("09:05:07", Err(RejectKind::BadType)),
            ("09:05:07 Europe/Rome", Err(RejectKind::BadType)),
        ] {
            let zoned = ClockParser::with_offset(Precision::MICROS);
            assert_eq!(written(zoned, text), expected.map(str::to_owned), "{text}");
        }
    }
}
