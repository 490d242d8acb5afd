//! Patterns with more than plain pieces, such as `%e %B %Y` or `%I:%M %p`.
//!
//! chrono reads them, and reads generously: it skips white space and leading zeros. So what it
//! made of a field is written again by the same pattern, and must be the field to the byte.

use std::fmt::{Display, Write};

use chrono::format::{DelayedFormat, Fixed, Item, Numeric, Parsed};
use chrono::{FixedOffset, NaiveDate, NaiveTime};

use super::pattern::{Misread, Reading};

#[derive(Clone, Debug)]
pub(super) struct Strftime(Vec<Item<'static>>);

impl Strftime {
    pub(super) fn new(written: &str, items: Vec<Item<'static>>) -> Result<Self, String> {
        let two_digits = |item: &Item<'_>| {
            matches!(
                item,
                Item::Numeric(Numeric::YearMod100 | Numeric::IsoYearMod100, _)
            )
        };
        if items.iter().any(two_digits) {
            return Err(format!(
                "the format {written} has a year of two digits, so the century would be a guess. \
                 Use %Y, and have the file say the whole year."
            ));
        }
        if items.contains(&Item::Fixed(Fixed::TimezoneName)) {
            return Err(format!(
                "the format {written} has the name of a time zone, which does not say which \
                 offset it means. Use %z, or the contract's zone."
            ));
        }
        Ok(Self(items))
    }

    pub(super) fn read(&self, field: &[u8]) -> Result<Reading, Misread> {
        let field = std::str::from_utf8(field).map_err(|_| Misread::Shape)?;
        let mut parsed = Parsed::new();
        chrono::format::parse(&mut parsed, field, self.0.iter()).map_err(|_| Misread::Shape)?;
        let reading = reading(&parsed)?;
        if self.write(&reading).as_deref() == Some(field) {
            Ok(reading)
        } else {
            Err(Misread::Shape)
        }
    }

    /// Whether two moments that differ in everything come back from the pattern as they went in.
    pub(super) fn says_it_all(&self, has_time: bool) -> bool {
        let probes = [(2001, 2, 3, 4, 5), (1987, 11, 25, 17, 49)];
        probes.into_iter().all(|(year, month, day, hour, minute)| {
            let date = NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
            let time = NaiveTime::from_hms_opt(hour, minute, 0).filter(|_| has_time);
            let time = time.unwrap_or_default();
            let probe = Reading {
                date,
                time,
                offset: Some(0),
            };
            self.write(&probe)
                .and_then(|text| self.read(text.as_bytes()).ok())
                .is_some_and(|read| (read.date, read.time) == (date, time))
        })
    }

    fn write(&self, reading: &Reading) -> Option<String> {
        let (date, time) = (Some(reading.date), Some(reading.time));
        match reading.offset.and_then(FixedOffset::east_opt) {
            Some(offset) => written(&DelayedFormat::new_with_offset(
                date,
                time,
                &offset,
                self.0.iter(),
            )),
            None => written(&DelayedFormat::new(date, time, self.0.iter())),
        }
    }
}

fn reading(parsed: &Parsed) -> Result<Reading, Misread> {
    if parsed.second() == Some(60) {
        return Err(Misread::NoSuchMoment);
    }
    let date = parsed.to_naive_date().map_err(|_| Misread::NoSuchMoment)?;
    let time = if has_time(parsed) {
        parsed.to_naive_time().map_err(|_| Misread::NoSuchMoment)?
    } else {
        NaiveTime::MIN
    };
    Ok(Reading {
        date,
        time,
        offset: parsed.offset(),
    })
}

fn has_time(parsed: &Parsed) -> bool {
    parsed.hour_div_12().is_some()
        || parsed.hour_mod_12().is_some()
        || parsed.minute().is_some()
        || parsed.second().is_some()
        || parsed.nanosecond().is_some()
}

/// `to_string` would panic over a pattern that asks for what is not there.
fn written(format: &impl Display) -> Option<String> {
    let mut text = String::new();
    write!(text, "{format}").ok().map(|()| text)
}
