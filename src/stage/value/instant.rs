//! An instant that is no column's value: the one from which on a row holds.
//!
//! It is read by the rules of `timestamptz`. Without a format it may also be a date alone, which
//! means midnight; what is finer than a microsecond is cut off.

use chrono_tz::Tz;

use super::pattern::Pattern;
use super::timestamp::TimestampTzParser;
use super::{FormatFault, Parsed, ValueFault};

/// Reads instants that are all spelled in one way.
#[derive(Clone, Debug)]
pub struct InstantParser(Spelled);

#[derive(Clone, Debug)]
enum Spelled {
    ByPattern(TimestampTzParser),
    Iso {
        timestamp: TimestampTzParser,
        date: TimestampTzParser,
    },
}

/// A moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instant {
    /// Microseconds since 1970 in UTC.
    pub micros: i64,
    /// Whether the text can mean one moment only.
    pub clarity: Clarity,
}

/// Whether a local time can mean one moment only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clarity {
    /// It can.
    Clear,
    /// Its zone has it twice; the earlier moment was taken.
    Ambiguous,
}

impl InstantParser {
    /// Understands a strftime pattern, or says why it cannot be one; `None` is ISO 8601. The zone
    /// is that of instants that name none.
    pub fn new(format: Option<&str>, zone: Tz) -> Result<Self, FormatFault> {
        let by = |pattern| TimestampTzParser::by(pattern, zone);
        Ok(Self(match format {
            Some(format) => Spelled::ByPattern(by(Pattern::new(format).map_err(FormatFault)?)),
            None => Spelled::Iso {
                timestamp: by(Pattern::iso_timestamp()),
                date: by(Pattern::iso_date()),
            },
        }))
    }

    /// Reads an instant.
    pub fn parse(&self, text: &[u8]) -> Result<Instant, ValueFault> {
        const DATE: usize = "YYYY-MM-DD".len();
        let parser = match &self.0 {
            Spelled::Iso { date, .. } if text.len() == DATE => date,
            Spelled::ByPattern(timestamp) | Spelled::Iso { timestamp, .. } => timestamp,
        };
        let (utc, parsed) = parser.read(text)?;
        Ok(Instant {
            micros: utc.and_utc().timestamp_micros(),
            clarity: match parsed {
                Parsed::Ambiguous => Clarity::Ambiguous,
                Parsed::Value | Parsed::Null => Clarity::Clear,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use chrono_tz::Europe::Berlin;

    use super::*;
    use crate::stage::reject::RejectKind;

    fn parse(format: Option<&str>, zone: Tz, text: &str) -> Result<Instant, RejectKind> {
        InstantParser::new(format, zone)
            .unwrap()
            .parse(text.as_bytes())
            .map_err(|fault| fault.kind)
    }

    fn micros(rfc3339: &str) -> i64 {
        DateTime::parse_from_rfc3339(rfc3339)
            .unwrap()
            .timestamp_micros()
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
            let clear = Instant {
                micros: micros(expected),
                clarity: Clarity::Clear,
            };
            assert_eq!(parse(format, zone, text), Ok(clear), "{text}");
        }
    }

    #[test]
    fn of_a_local_time_that_occurs_twice_the_earlier_is_taken() {
        let twice = parse(None, Berlin, "2024-10-27 02:30:00").unwrap();
        assert_eq!(twice.clarity, Clarity::Ambiguous);
        assert_eq!(twice.micros, micros("2024-10-27T00:30:00Z"));
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
