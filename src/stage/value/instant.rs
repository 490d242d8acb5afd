//! Instants that are no column's value: from which on a row or a file holds, in a field of the row,
//! in the file's name, or in the file beside it. They are read by the same patterns, and with the
//! same zones, as a `timestamptz`.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;

use super::pattern::{Misread, Pattern};
use super::timestamp::moment;
use super::{FormatFault, Parsed, ValueFault};

/// Reads instants in one format.
#[derive(Clone, Debug)]
pub struct InstantParser {
    /// In the order in which they are tried.
    patterns: Vec<Pattern>,
    zone: Tz,
}

/// What a text says that is an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The instant.
    pub at: DateTime<Utc>,
    /// Whether another one could be meant.
    pub clarity: Clarity,
}

/// Whether a local time can mean one instant only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clarity {
    /// It can.
    Clear,
    /// Its zone has it twice; the earlier instant was taken.
    Ambiguous,
}

/// What a text has in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// No instant.
    Nothing,
    /// One instant, perhaps more than once.
    One(DateTime<Utc>),
    /// Instants that differ.
    Several,
    /// What looks like an instant and is none.
    Unusable(ValueFault),
}

impl InstantParser {
    /// Understands a strftime pattern; without one, an instant or a day in ISO 8601. A day is its
    /// first instant in the zone: midnight, or when the clocks go on after skipping that.
    pub fn new(format: Option<&str>, zone: Tz) -> Result<Self, FormatFault> {
        let patterns = match format {
            Some(format) => vec![Pattern::new(format).map_err(FormatFault)?],
            None => vec![Pattern::iso_timestamp(), Pattern::iso_date()],
        };
        Ok(Self { patterns, zone })
    }

    /// Reads a text that is an instant and nothing else.
    pub fn read(&self, text: &[u8]) -> Result<DateTime<Utc>, ValueFault> {
        Ok(self.read_moment(text)?.at)
    }

    /// The same, and whether another instant could be meant.
    pub fn read_moment(&self, text: &[u8]) -> Result<Moment, ValueFault> {
        for pattern in &self.patterns {
            match self.read_by(pattern, text) {
                // Another pattern may fit.
                Err(Misfit::Shape) => {}
                Err(Misfit::Moment(fault)) => return Err(fault),
                Ok(moment) => return Ok(moment),
            }
        }
        // Of several that do not fit, the first is told of.
        Err(self.patterns.first().map_or_else(
            || ValueFault::bad_type("is not an instant"),
            |pattern| pattern.fault("timestamp", Misread::Shape),
        ))
    }

    /// Looks for an instant in a text. A run of digits is taken whole: no instant begins or ends
    /// within one.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Found {
        let mut found = Found::Nothing;
        let mut unusable = None;
        let mut from = 0;
        while from < text.len() {
            let Some((end, reading)) = self.longest_at(text, from) else {
                from += 1;
                continue;
            };
            match (reading, &found) {
                (Ok(at), Found::One(other)) if at != *other => return Found::Several,
                (Ok(at), _) => found = Found::One(at),
                (Err(fault), _) => unusable = unusable.or(Some(fault)),
            }
            from = end;
        }
        match (found, unusable) {
            (Found::Nothing, Some(fault)) => Found::Unusable(fault),
            (found, _) => found,
        }
    }

    /// The longest text that begins here and has the shape of an instant.
    fn longest_at(
        &self,
        text: &[u8],
        from: usize,
    ) -> Option<(usize, Result<DateTime<Utc>, ValueFault>)> {
        if !is_boundary(text, from) {
            return None;
        }
        let ends = (from + 1..=text.len()).rev();
        ends.filter(|end| is_boundary(text, *end)).find_map(|end| {
            self.patterns
                .iter()
                .find_map(|pattern| match self.read_by(pattern, &text[from..end]) {
                    Ok(moment) => Some((end, Ok(moment.at))),
                    Err(Misfit::Moment(fault)) => Some((end, Err(fault))),
                    Err(Misfit::Shape) => None,
                })
        })
    }

    fn read_by(&self, pattern: &Pattern, text: &[u8]) -> Result<Moment, Misfit> {
        let no_such = |misread| Misfit::Moment(pattern.fault("timestamp", misread));
        let reading = pattern.read(text).map_err(|misread| match misread {
            Misread::Shape => Misfit::Shape,
            Misread::NoSuchMoment | Misread::Year => no_such(misread),
        })?;
        let (utc, parsed) = moment(pattern, &reading, self.zone).map_err(Misfit::Moment)?;
        if !(1..=9999).contains(&utc.year()) {
            return Err(no_such(Misread::Year));
        }
        Ok(Moment {
            at: utc.and_utc(),
            clarity: match parsed {
                Parsed::Ambiguous => Clarity::Ambiguous,
                Parsed::Value | Parsed::Null => Clarity::Clear,
            },
        })
    }
}

/// Why a text is no instant in one pattern.
enum Misfit {
    /// It does not look like the pattern.
    Shape,
    /// It does, and there is no such moment.
    Moment(ValueFault),
}

/// Whether no number reaches over this place.
fn is_boundary(text: &[u8], place: usize) -> bool {
    let digit = |index: Option<usize>| {
        index
            .and_then(|index| text.get(index))
            .is_some_and(u8::is_ascii_digit)
    };
    !(digit(place.checked_sub(1)) && digit(Some(place)))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe::Berlin;

    use super::*;
    use crate::stage::reject::RejectKind;

    fn parse(format: Option<&str>, zone: Tz, text: &str) -> Result<Moment, RejectKind> {
        InstantParser::new(format, zone)
            .unwrap()
            .read_moment(text.as_bytes())
            .map_err(|fault| fault.kind)
    }

    fn instant(rfc3339: &str) -> DateTime<Utc> {
        rfc3339.parse().unwrap()
    }

    #[test]
    fn an_instant_is_a_timestamp_or_a_date_alone() {
        const DAY: Option<&str> = Some("%d/%m/%Y");
        const MINUTE: Option<&str> = Some("%d/%m/%Y %H:%M");
        for (format, zone, text, expected) in [
            (None, Tz::UTC, "2024-03-01", "2024-03-01T00:00:00Z"),
            (None, Berlin, "2024-03-01", "2024-02-29T23:00:00Z"),
            (None, Berlin, "2024-07-01 12:00:00", "2024-07-01T10:00:00Z"),
            (None, Berlin, "2024-07-01T12:00:00Z", "2024-07-01T12:00:00Z"),
            (
                None,
                Tz::UTC,
                "1969-12-31 23:59:59.5",
                "1969-12-31T23:59:59.5Z",
            ),
            (
                None,
                Tz::UTC,
                "2024-07-01T12:00:00.1234567+02:00",
                "2024-07-01T10:00:00.123456Z",
            ),
            (
                None,
                Tz::UTC,
                "1960-01-01 00:00:00.9999999",
                "1960-01-01T00:00:00.999999Z",
            ),
            (DAY, Berlin, "01/03/2024", "2024-02-29T23:00:00Z"),
            (MINUTE, Tz::UTC, "01/03/2024 04:05", "2024-03-01T04:05:00Z"),
        ] {
            let moment = parse(format, zone, text).unwrap();
            // Postgres keeps microseconds; what is finer is cut off.
            let micros = instant(expected).timestamp_micros();
            assert_eq!(moment.at.timestamp_micros(), micros, "{text}");
            assert_eq!(moment.clarity, Clarity::Clear, "{text}");
        }
    }

    #[test]
    fn of_a_local_time_that_occurs_twice_the_earlier_is_taken() {
        let twice = parse(None, Berlin, "2024-10-27 02:30:00").unwrap();
        assert_eq!(twice.clarity, Clarity::Ambiguous);
        assert_eq!(twice.at, instant("2024-10-27T00:30:00Z"));
    }

    #[test]
    fn a_day_whose_midnight_is_skipped_begins_after_it() {
        use chrono_tz::{Africa::Cairo, America::Havana, Pacific::Apia};
        const DAY: Option<&str> = Some("%d/%m/%Y");
        for (format, zone, text, expected) in [
            (None, Cairo, "2026-04-24", "2026-04-23T22:00:00Z"),
            (None, Cairo, "2026-04-23", "2026-04-22T22:00:00Z"),
            (None, Cairo, "2026-04-25", "2026-04-24T21:00:00Z"),
            (None, Havana, "2024-03-10", "2024-03-10T05:00:00Z"),
            (DAY, Cairo, "24/04/2026", "2026-04-23T22:00:00Z"),
        ] {
            let moment = parse(format, zone, text).unwrap();
            assert_eq!(moment.at, instant(expected), "{text}");
            assert_eq!(moment.clarity, Clarity::Clear, "{text}");
        }
        // A time that is skipped was never shown by a clock, nor was a day that is skipped.
        for (zone, text) in [(Cairo, "2026-04-24 00:00:00"), (Apia, "2011-12-30")] {
            assert_eq!(
                parse(None, zone, text),
                Err(RejectKind::NonexistentTime),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for (text, kind) in [
            ("", RejectKind::BadType),
            ("2024-13-01", RejectKind::BadType),
            ("2024-01-01 24:00:00", RejectKind::BadType),
            ("01/03/2024", RejectKind::BadType),
            (" 2024-01-01", RejectKind::BadType),
            ("now", RejectKind::BadType),
            ("infinity", RejectKind::BadType),
            ("1704067200", RejectKind::BadType),
            ("0000-01-01", RejectKind::Overflow),
            ("2024-03-31 02:30:00", RejectKind::NonexistentTime),
        ] {
            assert_eq!(parse(None, Berlin, text), Err(kind), "{text}");
        }
        assert!(InstantParser::new(Some("%H:%M"), Tz::UTC).is_err());
    }
}
