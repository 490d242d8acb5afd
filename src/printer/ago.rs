//! How long ago something was, in the words of people.

use chrono::{DateTime, Utc};

/// `3 min ago`; the date, where it is long ago.
#[must_use]
pub fn ago(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match now.signed_duration_since(then).num_seconds() {
        // A clock that was set back is no reason to speak of the future.
        ..=4 => "just now".to_owned(),
        seconds @ ..MINUTE => format!("{seconds} s ago"),
        seconds @ ..HOUR => format!("{} min ago", seconds / MINUTE),
        seconds @ ..DAY => format!("{} h ago", seconds / HOUR),
        seconds if seconds < 2 * DAY => "1 day ago".to_owned(),
        seconds if seconds < 14 * DAY => format!("{} days ago", seconds / DAY),
        _ => then.format("%Y-%m-%d").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::ago;

    #[test]
    fn each_distance_has_its_unit() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        for (seconds, expected) in [
            (-3600, "just now"),
            (4, "just now"),
            (5, "5 s ago"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3599, "59 min ago"),
            (3600, "1 h ago"),
            (86_399, "23 h ago"),
            (86_400, "1 day ago"),
            (172_800, "2 days ago"),
            (14 * 86_400, "2026-11-07"),
        ] {
            assert_eq!(ago(now - TimeDelta::seconds(seconds), now), expected);
        }
    }
}
