//! `interval`: what of it the server would round, move, or drop.
//!
//! The server reads a span in many spellings, and rounds a fraction to microseconds, one of a year to
//! months. So a fraction may stand where it is a whole number of microseconds, and nowhere else.
//!
//! A modifier drops fields and rounds seconds. Where the server can be asked what it makes of a value
//! without it, it is. Of a part of a composite value or of a range it cannot, so the span is read here,
//! as Postgres writes one: `1 year 2 mons 3 days 04:05:06.7`.

use super::ValueFault;
use super::clock::check_digits;
use crate::contract::{IntervalField, IntervalLimit};

/// Refuses fractions that are not kept, exponents, and second 60. All else is the server's to judge.
pub(super) fn check_exact(text: &str) -> Result<(), ValueFault> {
    check_sixty(text)?;
    check_exponents(text)?;
    let points = text.match_indices('.').map(|(point, _)| point);
    points
        .map(|point| Fraction::at(text, point))
        .try_for_each(|fraction| fraction.check())
}

/// A server takes second 60 of a clock for the next minute, here as in a time of the day.
fn check_sixty(text: &str) -> Result<(), ValueFault> {
    let is_sixty = |part: &str| {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        part[..digits].trim_start_matches('0') == "60"
    };
    if text.split(':').skip(1).any(is_sixty) {
        return Err(ValueFault::bad_type(
            "has a minute of 60 seconds or an hour of 60 minutes, and Hayloft does not guess",
        ));
    }
    Ok(())
}

/// `1e-7`, but not the `e` of a word.
fn check_exponents(text: &str) -> Result<(), ValueFault> {
    let is_exponent = |window: &[u8]| {
        matches!(
            window,
            [b'0'..=b'9' | b'.', b'e' | b'E', b'0'..=b'9' | b'+' | b'-']
        )
    };
    if text.as_bytes().windows(3).any(is_exponent) {
        return Err(ValueFault::bad_type(
            "has a number with an exponent, of which Postgres may drop digits",
        ));
    }
    Ok(())
}

/// The digits behind a point, and what they are a part of.
struct Fraction<'t> {
    /// How many they are, without zeros at the end.
    digits: usize,
    /// The word behind the number.
    unit: &'t str,
    /// Where that stands.
    place: UnitPlace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UnitPlace {
    /// Before the `T` of ISO 8601, where an `M` is a month.
    IsoDate,
    Elsewhere,
}

impl<'t> Fraction<'t> {
    fn at(text: &'t str, point: usize) -> Self {
        let (digits, rest) = split(&text[point + 1..], |next| next.is_ascii_digit());
        let (unit, _) = split(rest.trim_start(), |next| next.is_ascii_alphabetic());
        let is_iso_date = text.trim_start().starts_with('P') && !text[..point].contains('T');
        Self {
            digits: digits.trim_end_matches('0').len(),
            unit,
            place: if is_iso_date {
                UnitPlace::IsoDate
            } else {
                UnitPlace::Elsewhere
            },
        }
    }

    fn check(&self) -> Result<(), ValueFault> {
        let most = self.most_digits();
        if self.digits <= most {
            return Ok(());
        }
        Err(ValueFault::overflow(match most {
            0 => "has a fraction of a unit that Postgres would round".to_owned(),
            _ => format!("has more than {most} digits after a point, and Hayloft does not round"),
        }))
    }

    /// How many digits are a whole number of microseconds, whichever they are. A month has no length of
    /// its own, and a fraction of a year is rounded to months.
    fn most_digits(&self) -> usize {
        match self.unit.to_ascii_lowercase().as_str() {
            "" | "s" | "sec" | "secs" | "second" | "seconds" | "ago" => 6,
            "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 3,
            "m" if self.place == UnitPlace::IsoDate => 0,
            "m" | "min" | "mins" | "minute" | "minutes" => 7,
            "h" | "hr" | "hrs" | "hour" | "hours" | "d" | "day" | "days" | "w" | "week"
            | "weeks" => 8,
            _ => 0,
        }
    }
}

/// What the text begins with that is so, and the rest.
fn split(text: &str, is_so: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|next| !is_so(next)).unwrap_or(text.len()))
}

/// Refuses what the modifier would change.
pub(super) fn check_limit(text: &str, limit: IntervalLimit) -> Result<(), ValueFault> {
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
    fn a_fraction_that_would_be_rounded_is_refused() {
        for (text, is_kept) in [
            ("1 day 00:00:01.123456", true),
            ("00:00:01.1234567", false),
            ("00:00:01.1234560", true),
            ("5:01.5", true),
            ("1.5", true),
            ("1.1234567", false),
            ("1.5 seconds ago", true),
            ("PT1.123456S", true),
            ("PT1.1234567S", false),
            ("0.001 ms", true),
            ("0.0001 ms", false),
            ("0.5 us", false),
            ("1.0 us", true),
            ("0.5 microseconds", false),
            ("PT0.5M", true),
            ("P0.5M", false),
            ("P1M", true),
            ("1.5 m", true),
            ("1.5 mon", false),
            ("0.1234567 min", true),
            ("0.12345678 min", false),
            ("0.12345678 hours", true),
            ("0.123456789 hours", false),
            ("1.5 days", true),
            ("1.05 years", false),
            ("1.05 y", false),
            ("P0.07Y", false),
            ("0.015 decades", false),
            ("1.5 parsecs", false),
            ("1.05 years 1.5 days", false),
            ("1.5 days 1.05 years", false),
            ("1.", true),
        ] {
            assert_eq!(check_exact(text).is_ok(), is_kept, "{text}");
        }
    }

    #[test]
    fn an_exponent_is_refused_and_words_are_not() {
        for (text, is_kept) in [
            ("PT1e-7S", false),
            ("1E3 seconds", false),
            ("1.e+3 s", false),
            ("1 decade", true),
            ("3 years", true),
            ("", true),
        ] {
            assert_eq!(check_exact(text).is_ok(), is_kept, "{text}");
        }
    }

    #[test]
    fn second_60_is_refused_as_in_a_time() {
        for (text, is_kept) in [
            ("1 day 23:59:59.5", true),
            ("23:59:60", false),
            ("23:59:60.25 ago", false),
            ("23:59:060", false),
            ("60:00:06", true),
            ("60 seconds", true),
        ] {
            assert_eq!(check_exact(text).is_ok(), is_kept, "{text}");
        }
    }

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
            let checked = check_limit(text, IntervalLimit { least, precision });
            assert_eq!(
                checked.map_err(|fault| fault.kind),
                expected,
                "{text} {least:?}"
            );
        }
    }
}
