//! Instants that are no field of a row: in a file's name, or in the file beside it. They are read
//! by the same patterns, and with the same zones, as a `timestamptz`.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;

use super::pattern::{Misread, Pattern};
use super::timestamp::in_zone;
use super::{FormatFault, ValueFault};

/// Reads instants in one format.
#[derive(Clone, Debug)]
pub struct InstantParser {
    /// In the order in which they are tried.
    patterns: Vec<Pattern>,
    zone: Tz,
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
    /// midnight in the zone.
    pub fn new(format: Option<&str>, zone: Tz) -> Result<Self, FormatFault> {
        let patterns = match format {
            Some(format) => vec![Pattern::new(format).map_err(FormatFault)?],
            None => vec![Pattern::iso_timestamp(), Pattern::iso_date()],
        };
        Ok(Self { patterns, zone })
    }

    /// Reads a text that is an instant and nothing else.
    pub fn read(&self, text: &[u8]) -> Result<DateTime<Utc>, ValueFault> {
        let mut fault = None;
        for pattern in &self.patterns {
            match self.read_by(pattern, text) {
                // Another pattern may fit; of several that do not, the first is told of.
                Err(Misfit::Shape(unfit)) => {
                    fault.get_or_insert(unfit);
                }
                Err(Misfit::Moment(fault)) => return Err(fault),
                Ok(at) => return Ok(at),
            }
        }
        Err(fault.unwrap_or_else(|| ValueFault::bad_type("is not an instant")))
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
                    Ok(at) => Some((end, Ok(at))),
                    Err(Misfit::Moment(fault)) => Some((end, Err(fault))),
                    Err(Misfit::Shape(_)) => None,
                })
        })
    }

    fn read_by(&self, pattern: &Pattern, text: &[u8]) -> Result<DateTime<Utc>, Misfit> {
        let reading = pattern.read(text).map_err(|misread| {
            let fault = pattern.fault("timestamp", misread);
            match misread {
                Misread::Shape => Misfit::Shape(fault),
                Misread::NoSuchMoment | Misread::Year => Misfit::Moment(fault),
            }
        })?;
        let (utc, _) = in_zone(&reading, self.zone).map_err(Misfit::Moment)?;
        if (1..=9999).contains(&utc.year()) {
            Ok(utc.and_utc())
        } else {
            Err(Misfit::Moment(pattern.fault("timestamp", Misread::Year)))
        }
    }
}

/// Why a text is no instant in one pattern.
enum Misfit {
    /// It does not look like the pattern.
    Shape(ValueFault),
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
