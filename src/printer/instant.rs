//! Instants → the shortest text that still tells them apart. All are in UTC, and all that is
//! printed can be typed again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, Utc};

/// An instant, whole: a date alone where it is midnight.
#[must_use]
pub fn exact(at: DateTime<Utc>) -> String {
    let micros = at.timestamp_subsec_micros();
    if at.timestamp().rem_euclid(86_400) == 0 && micros == 0 {
        return at.format("%Y-%m-%d").to_string();
    }
    let time = at.format("%Y-%m-%d %H:%M:%S");
    match micros {
        0 => time.to_string(),
        micros if micros.is_multiple_of(1000) => format!("{time}.{:03}", micros / 1000),
        micros => format!("{time}.{micros:06}"),
    }
}

/// How the instants of one table are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    /// To the second: no two of them are within the same one.
    Seconds,
    /// Whole.
    Exact,
}

impl Precision {
    /// The shortest by which these look different as far as they are.
    #[must_use]
    pub fn of(instants: impl IntoIterator<Item = DateTime<Utc>>) -> Self {
        let distinct: BTreeSet<DateTime<Utc>> = instants.into_iter().collect();
        let mut seconds: BTreeMap<DateTime<Utc>, usize> = BTreeMap::new();
        for at in distinct {
            *seconds.entry(at.trunc_subsecs(0)).or_default() += 1;
        }
        if seconds.values().all(|count| *count == 1) {
            Self::Seconds
        } else {
            Self::Exact
        }
    }

    /// Prints one of them.
    #[must_use]
    pub fn print(self, at: DateTime<Utc>) -> String {
        exact(match self {
            Self::Seconds => at.trunc_subsecs(0),
            Self::Exact => at,
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{Precision, exact};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn an_instant_is_told_whole_and_no_longer_than_it_must() {
        for (text, expected) in [
            ("2026-03-01T00:00:00Z", "2026-03-01"),
            ("2026-03-01T12:30:00Z", "2026-03-01 12:30:00"),
            ("2026-03-01T12:30:00.250Z", "2026-03-01 12:30:00.250"),
            ("2026-03-01T00:00:00.000001Z", "2026-03-01 00:00:00.000001"),
        ] {
            assert_eq!(exact(at(text)), expected);
        }
    }

    #[test]
    fn parts_of_a_second_are_told_only_where_they_tell_two_instants_apart() {
        let (one, other) = (at("2026-03-01T12:30:00.25Z"), at("2026-03-01T12:30:00.5Z"));
        let far = at("2026-03-01T12:30:01.25Z");
        assert_eq!(Precision::of([one, far, one]), Precision::Seconds);
        assert_eq!(Precision::Seconds.print(one), "2026-03-01 12:30:00");
        assert_eq!(Precision::of([one, far, other]), Precision::Exact);
        assert_eq!(Precision::Exact.print(one), "2026-03-01 12:30:00.250");
    }
}
