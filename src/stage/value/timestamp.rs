//! `timestamp` and `timestamptz`: in the contract's format, or ISO 8601. A format without a time
//! means midnight. What is finer than a microsecond is cut off, never rounded.
//!
//! A `timestamptz` without an offset is a local time of the contract's zone; the session's zone is
//! never asked. Where clocks are set back a local time occurs twice, and the earlier instant is
//! taken; where they are set forward it does not occur, and that is a reject. A day alone is its
//! first instant, which is not midnight where the clocks skip that.

use std::fmt::Write;

use chrono::{Datelike, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::clock::check_digits;
use super::pattern::{Misread, Pattern, Reading};
use super::{Parsed, ValueFault};
use crate::contract::{Precision, Spelling};
use crate::stage::reject::RejectKind;
use crate::wire;

#[derive(Clone, Debug)]
pub(super) struct TimestampParser {
    pattern: Pattern,
    precision: Precision,
}

impl TimestampParser {
    pub(super) fn new(spelling: &Spelling, precision: Precision) -> Result<Self, String> {
        let Some(format) = &spelling.format else {
            return Ok(Self {
                pattern: Pattern::iso_timestamp(),
                precision,
            });
        };
        let pattern = Pattern::new(format)?;
        if pattern.has_offset {
            return Err(format!(
                "the format {format} has an offset from UTC, and the column has no time zone. \
                 Make the column timestamptz, or remove the offset."
            ));
        }
        Ok(Self { pattern, precision })
    }

    pub(super) fn encode(
        &self,
        field: &[u8],
        row: &mut Vec<u8>,
        key_text: Option<&mut String>,
    ) -> Result<(), ValueFault> {
        let reading = self
            .pattern
            .read(field)
            .map_err(|misread| self.pattern.fault("timestamp", misread))?;
        if reading.offset.is_some() {
            return Err(ValueFault::bad_type(
                "has an offset from UTC, and the column has no time zone",
            ));
        }
        let value = reading.date.and_time(reading.time);
        check_precision(value, self.precision)?;
        put(row, key_text, value);
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub(super) struct TimestampTzParser {
    pattern: Pattern,
    precision: Precision,
    zone: Tz,
}

impl TimestampTzParser {
    pub(super) fn new(spelling: &Spelling, precision: Precision) -> Result<Self, String> {
        let pattern = match &spelling.format {
            Some(format) => Pattern::new(format)?,
            None => Pattern::iso_timestamp(),
        };
        Ok(Self {
            pattern,
            precision,
            zone: spelling.zone,
        })
    }

    pub(super) fn encode(
        &self,
        field: &[u8],
        row: &mut Vec<u8>,
        key_text: Option<&mut String>,
    ) -> Result<Parsed, ValueFault> {
        let reading = self
            .pattern
            .read(field)
            .map_err(|misread| self.pattern.fault("timestamp", misread))?;
        let (utc, parsed) = moment(&self.pattern, &reading, self.zone)?;
        // An offset may carry the first or the last day out of the years that are taken.
        if !(1..=9999).contains(&utc.year()) {
            return Err(self.pattern.fault("timestamp", Misread::Year));
        }
        check_precision(utc, self.precision)?;
        put(row, key_text, utc);
        Ok(parsed)
    }
}

/// The moment that a reading means, and whether another one could be meant.
pub(super) fn moment(
    pattern: &Pattern,
    reading: &Reading,
    zone: Tz,
) -> Result<(NaiveDateTime, Parsed), ValueFault> {
    if !pattern.has_time
        && reading.offset.is_none()
        && let Some(first) = first_instant(reading.date, zone)
    {
        return Ok((first, Parsed::Value));
    }
    in_zone(reading, zone)
}

/// The first instant of a day whose midnight the zone skips; `None` of any other day, and of one
/// that the zone skips as a whole.
fn first_instant(day: NaiveDate, zone: Tz) -> Option<NaiveDateTime> {
    const SECONDS_A_DAY: u32 = 86_400;
    let at = |second: u32| {
        let time = NaiveTime::from_num_seconds_from_midnight_opt(second, 0)?;
        zone.from_local_datetime(&day.and_time(time)).earliest()
    };
    if zone == Tz::UTC || at(0).is_some() {
        return None;
    }
    // Clocks skip one stretch of time, so all seconds after the first one that exists do, too.
    let (mut skipped, mut exists) = (0, SECONDS_A_DAY - 1);
    while exists - skipped > 1 {
        let middle = skipped.midpoint(exists);
        match at(middle) {
            Some(_) => exists = middle,
            None => skipped = middle,
        }
    }
    at(exists).map(|first| first.naive_utc())
}

fn in_zone(reading: &Reading, zone: Tz) -> Result<(NaiveDateTime, Parsed), ValueFault> {
    let local = reading.date.and_time(reading.time);
    if let Some(seconds) = reading.offset {
        let utc = local - TimeDelta::seconds(i64::from(seconds));
        return Ok((utc, Parsed::Value));
    }
    if zone == Tz::UTC {
        return Ok((local, Parsed::Value));
    }
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(time) => Ok((time.naive_utc(), Parsed::Value)),
        MappedLocalTime::Ambiguous(one, other) => {
            Ok((one.naive_utc().min(other.naive_utc()), Parsed::Ambiguous))
        }
        MappedLocalTime::None => Err(ValueFault {
            kind: RejectKind::NonexistentTime,
            message: format!("is a local time that {} skips", zone.name()),
        }),
    }
}

/// Refuses digits that the column would round away. What is finer than a microsecond is not among
/// them: it is cut off.
fn check_precision(value: NaiveDateTime, precision: Precision) -> Result<(), ValueFault> {
    if precision == Precision::MICROS {
        return Ok(());
    }
    let micros = value.and_utc().timestamp_subsec_micros();
    let mut digits = 6;
    while digits > 0 && micros.is_multiple_of(10_u32.pow(7 - digits)) {
        digits -= 1;
    }
    check_digits(digits as usize, precision)
}

fn put(row: &mut Vec<u8>, key_text: Option<&mut String>, value: NaiveDateTime) {
    wire::put_timestamp(row, value);
    if let Some(text) = key_text {
        // Microseconds, as they are stored: `%.6f` cuts off what is finer.
        let _ = write!(text, "{}", value.format("%Y-%m-%dT%H:%M:%S%.6f"));
    }
}
