//! `interval` with a modifier, as a part of another value: `1 year 2 mons 3 days 04:05:06.7`.
//!
//! A modifier drops fields and rounds seconds. Where the server can be asked what it makes of a value
//! without it, it is. Of a part of a composite value or of a range it cannot, so the span is read here,
//! as Postgres writes one.

use super::ValueFault;
use super::clock::check_digits;
use crate::contract::{IntervalField, IntervalLimit};

/// Refuses what the modifier would change.
pub(super) fn check(text: &str, limit: IntervalLimit) -> Result<(), ValueFault> {
    let span = TimeSpan::read(text).ok_or_else(|| {
        ValueFault::bad_type(
            "is not an interval as Postgres writes one, 1 year 2 mons 3 days 04:05:06",
        )
    })?;
    if span.least.is_some_and(|least| least > limit.least) {
        return Err(ValueFault::overflow(
            "has smaller fields than its type keeps, and Hayloft does not cut off",
        ));
    }
    check_digits(span.fraction, limit.precision)
}

/// What a span of time has.
#[derive(Default)]
struct TimeSpan {
    /// The least field that is not zero.
    least: Option<IntervalField>,
    /// How many digits a second has, without zeros at the end.
    fraction: usize,
}

impl TimeSpan {
    fn read(text: &str) -> Option<Self> {
        let mut span = Self::default();
        let mut words = text.split_ascii_whitespace();
        while let Some(word) = words.next() {
            if word.contains(':') {
                span.take_time(word)?;
                return words.next().is_none().then_some(span);
            }
            let number: i32 = word.parse().ok()?;
            match words.next()? {
                "year" | "years" => span.has(IntervalField::Year, number),
                // Twelve of them are a year.
                "mon" | "mons" | "month" | "months" => span.has(IntervalField::Month, number % 12),
                "day" | "days" => span.has(IntervalField::Day, number),
                _ => return None,
            }
        }
        (!text.trim().is_empty()).then_some(span)
    }

    fn take_time(&mut self, word: &str) -> Option<()> {
        let word = word.strip_prefix(['-', '+']).unwrap_or(word);
        let mut parts = word.split(':');
        let (hours, minutes) = (parts.next()?, parts.next()?);
        let seconds = parts.next().unwrap_or("00");
        let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        let all = [hours, minutes, seconds, fraction];
        let is_below_sixty = |part: &str| part.parse::<u8>().is_ok_and(|number| number < 60);
        let is_time = all.into_iter().all(is_number)
            && is_below_sixty(minutes)
            && is_below_sixty(seconds)
            && parts.next().is_none();
        self.fraction = fraction.trim_end_matches('0').len();
        for (part, field) in [
            (hours, IntervalField::Hour),
            (minutes, IntervalField::Minute),
            (seconds, IntervalField::Second),
            (fraction, IntervalField::Second),
        ] {
            let digits = part.bytes().filter(|digit| *digit != b'0').count();
            self.has(field, i32::from(digits > 0));
        }
        is_time.then_some(())
    }

    fn has(&mut self, field: IntervalField, number: i32) {
        if number != 0 {
            self.least = self.least.max(Some(field));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Precision;
    use crate::stage::reject::RejectKind;

    #[test]
    fn a_field_that_would_be_dropped_is_refused() {
        use IntervalField::{Day, Hour, Minute, Month, Second, Year};
        let changed = Err(RejectKind::Overflow);
        for (text, least, expected) in [
            ("1 year 12 mons", Year, Ok(())),
            ("1 year 2 mons", Year, changed),
            ("2 mons", Month, Ok(())),
            ("2 mons 0 days 00:00:00", Month, Ok(())),
            ("2 mons 1 day", Month, changed),
            ("1 day", Day, Ok(())),
            ("1 day 04:00", Day, changed),
            ("-04:00:00", Hour, Ok(())),
            ("04:05", Hour, changed),
            ("04:05", Minute, Ok(())),
            ("04:05:06", Minute, changed),
            ("04:05:06.25", Second, Ok(())),
            ("04:05:06.125", Second, changed),
            ("PT4H", Second, Err(RejectKind::BadType)),
            ("1.5 days", Second, Err(RejectKind::BadType)),
            ("04:05 1 day", Second, Err(RejectKind::BadType)),
            ("04:75", Second, Err(RejectKind::BadType)),
            ("", Second, Err(RejectKind::BadType)),
        ] {
            let precision = Precision::new(2).unwrap();
            let checked = check(text, IntervalLimit { least, precision });
            assert_eq!(
                checked.map_err(|fault| fault.kind),
                expected,
                "{text} {least:?}"
            );
        }
    }
}
