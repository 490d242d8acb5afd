//! Whether a strftime pattern can say a value of a column.

use std::fmt::Write as _;

use chrono::format::{Fixed, Item, Numeric, StrftimeItems};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// What values a column takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Says {
    Date,
    Instant,
}

/// Why a pattern cannot be used; the sentence goes on after "the pattern …".
pub(super) fn fault(pattern: &str, says: Says) -> Option<&'static str> {
    if StrftimeItems::new(pattern).any(|item| item == Item::Error) {
        return Some("has a % that strftime does not know");
    }
    if let Some(fault) = StrftimeItems::new(pattern).find_map(|item| leaves_open(&item)) {
        return Some(fault);
    }
    match (says, has_time_fields(pattern)) {
        (Says::Date, true) => Some("has a time of day, and the column takes only a date"),
        (Says::Date | Says::Instant, false) => {
            (!SAMPLE_DAYS.iter().all(|day| date_comes_back(pattern, *day)))
                .then_some("does not say a whole date: year, month and day")
        }
        (Says::Instant, true) => (!SAMPLE_DAYS
            .iter()
            .all(|day| instant_comes_back(pattern, *day)))
        .then_some("does not say a whole date and time of day"),
    }
}

/// What strftime knows, and no value can be read by.
fn leaves_open(item: &Item<'_>) -> Option<&'static str> {
    match item {
        Item::Numeric(Numeric::YearMod100 | Numeric::IsoYearMod100, _) => {
            Some("has a year of two digits, so the century would be a guess")
        }
        Item::Numeric(Numeric::Timestamp, _) => {
            Some("counts seconds, and only a date and a time of day can be read")
        }
        Item::Fixed(Fixed::TimezoneName) => {
            Some("has the name of a time zone, which does not say which offset it means")
        }
        _ => None,
    }
}

/// Two days, so that no pattern is right by chance.
const SAMPLE_DAYS: [(i32, u32, u32); 2] = [(1987, 6, 25), (2031, 12, 9)];

fn has_time_fields(pattern: &str) -> bool {
    spelled(NaiveDate::MIN.format(pattern)).is_none()
}

fn date_comes_back(pattern: &str, (year, month, day): (i32, u32, u32)) -> bool {
    NaiveDate::from_ymd_opt(year, month, day).is_some_and(|date| {
        spelled(date.format(pattern))
            .is_some_and(|text| NaiveDate::parse_from_str(&text, pattern) == Ok(date))
    })
}

fn instant_comes_back(pattern: &str, (year, month, day): (i32, u32, u32)) -> bool {
    // An afternoon tells the clock of 12 hours from that of 24. No seconds: a pattern may leave
    // them out.
    let date = NaiveDate::from_ymd_opt(year, month, day);
    let Some(instant) = date
        .zip(NaiveTime::from_hms_opt(16, 45, 0))
        .map(|(date, time)| date.and_time(time))
    else {
        return false;
    };
    spelled(instant.and_utc().format(pattern)).is_some_and(|text| {
        let with_offset =
            DateTime::parse_from_str(&text, pattern).map(|instant| instant.naive_utc());
        with_offset.or_else(|_| NaiveDateTime::parse_from_str(&text, pattern)) == Ok(instant)
    })
}

fn spelled(value: impl std::fmt::Display) -> Option<String> {
    let mut text = String::new();
    write!(text, "{value}").is_ok().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{Says, fault};

    #[test]
    fn a_pattern_must_say_what_the_column_takes() {
        const UNKNOWN: Option<&str> = Some("has a % that strftime does not know");
        const CENTURY: Option<&str> =
            Some("has a year of two digits, so the century would be a guess");
        const SECONDS: Option<&str> =
            Some("counts seconds, and only a date and a time of day can be read");
        const ZONE: Option<&str> =
            Some("has the name of a time zone, which does not say which offset it means");
        const TIME: Option<&str> = Some("has a time of day, and the column takes only a date");
        const PARTIAL_DATE: Option<&str> = Some("does not say a whole date: year, month and day");
        const PARTIAL: Option<&str> = Some("does not say a whole date and time of day");
        for (pattern, date, instant) in [
            ("%d/%m/%Y", None, None),
            ("%Y%m%d", None, None),
            ("%d.%m.%y", CENTURY, CENTURY),
            ("%G-%V-%u %Z", ZONE, ZONE),
            ("%d %B %Y", None, None),
            ("%Y-%j", None, None),
            ("%G-W%V-%u", None, None),
            ("%d/%m", PARTIAL_DATE, PARTIAL_DATE),
            ("dd/mm/yyyy", PARTIAL_DATE, PARTIAL_DATE),
            ("", PARTIAL_DATE, PARTIAL_DATE),
            ("%d/%m/%Q", UNKNOWN, UNKNOWN),
            ("%d/%m/%", UNKNOWN, UNKNOWN),
            ("%Y-%m-%d %H:%M:%S", TIME, None),
            ("%Y-%m-%d %H:%M", TIME, None),
            ("%Y-%m-%dT%H:%M:%S%.f%:z", TIME, None),
            ("%d/%m/%Y %I:%M %p", TIME, None),
            ("%d/%m/%Y %I:%M", TIME, PARTIAL),
            ("%Y-%m-%d %H", TIME, PARTIAL),
            ("%H:%M:%S", TIME, PARTIAL),
            ("%s", SECONDS, SECONDS),
            ("%+", TIME, None),
        ] {
            assert_eq!(fault(pattern, Says::Date), date, "{pattern} for a date");
            assert_eq!(
                fault(pattern, Says::Instant),
                instant,
                "{pattern} for an instant"
            );
        }
    }
}
