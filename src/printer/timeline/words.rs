//! The sentences of a timeline.

use chrono::{DateTime, TimeDelta, Utc};

use super::line::Line;
use super::visible;
use crate::history::why::said::{Judged, Observation, Outcome, Source};
use crate::history::why::{Answer, FactRow, Moment, Origin, Version};
use crate::printer::instant::exact;

/// A length of time, in the unit that fits it.
pub(super) fn lasted(length: TimeDelta) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match length.num_seconds() {
        ..1 => match length.num_milliseconds() {
            ..1 => "less than 1 ms".to_owned(),
            millis => format!("{millis} ms"),
        },
        seconds @ ..MINUTE => format!("{seconds} s"),
        seconds @ ..HOUR => format!("{} min", seconds / MINUTE),
        seconds @ ..DAY => format!("{} h", seconds / HOUR),
        seconds if seconds < 2 * DAY => "1 day".to_owned(),
        seconds => format!("{} days", seconds / DAY),
    }
}

/// Behind a value that its column does not take.
pub(super) const NO_FIT: &str = " (does not fit the type that the column has now)";

/// Behind a value that no file said.
pub(super) const DEFAULT: &str = " (the default)";

/// `load 3, line 2 of users.csv`
pub(super) fn row(origin: &Origin) -> String {
    let load = format!("load {}", origin.load_id);
    match (origin.line, &origin.file) {
        (Some(line), Some(file)) => format!("{load}, line {line} of {}", visible(file)),
        (Some(line), None) => format!("{load}, line {line}"),
        (None, Some(file)) => format!("{load}, {}", visible(file)),
        (None, None) => load,
    }
}

/// The same, and when it was loaded.
pub(super) fn brought(origin: &Origin) -> String {
    match origin.loaded_at {
        Some(at) => format!("{}, loaded {}", row(origin), exact(at)),
        None => format!("{}, which the ledger does not have", row(origin)),
    }
}

/// What made an observation.
pub(super) fn by(observation: &Observation) -> String {
    let row = row(&observation.origin);
    match observation.source {
        Source::Row | Source::Baseline => row,
        Source::Silence => format!("{row}, a snapshot without the key"),
    }
}

/// What became of an observation.
pub(super) fn outcome(judged: &Judged) -> String {
    let line = |origin: &Origin| match origin.line {
        Some(line) => format!("load {} line {line}", origin.load_id),
        None => format!("load {}", origin.load_id),
    };
    let mut text = match &judged.outcome {
        Outcome::Opened(number) => format!("opened version {number}"),
        Outcome::Confirmed(_) | Outcome::Repeated => "confirmed".to_owned(),
        Outcome::Closed(number) => format!("closed version {number}"),
        Outcome::AbsentAlready => "said absent".to_owned(),
        Outcome::Ignored => "said absent, ignored".to_owned(),
        Outcome::Lost(winner) => format!("lost to {}", line(winner)),
        Outcome::Undone => "undone".to_owned(),
        Outcome::Wrote => "wrote the row".to_owned(),
        Outcome::Superseded(later) => format!("superseded by {}", line(later)),
        Outcome::Held => "waits".to_owned(),
        Outcome::NotShown => "shown nowhere".to_owned(),
    };
    if !judged.filled.is_empty() {
        text.push_str(", filled");
    }
    if !judged.overwrote.is_empty() {
        text.push_str(", replaced");
    }
    text
}

/// Many snapshots in a row that do not have the key.
pub(super) fn run(first: &Judged, last: &Judged, count: usize) -> String {
    format!(
        "· {} … {}  said absent, {count} times  loads {} to {}, snapshots without the key",
        exact(first.observation.at),
        exact(last.observation.at),
        first.observation.origin.load_id,
        last.observation.origin.load_id,
    )
}

/// What ended a version that no other follows.
pub(super) fn ended(cause: Option<&Judged>) -> String {
    match cause {
        Some(judged) => format!("ended by {}", by(&judged.observation)),
        None => "ended, by what the ledger does not say".to_owned(),
    }
}

/// What held at an instant, and why: a sentence a line.
pub(super) fn moment(answer: &Answer, moment: Moment<'_>, at: DateTime<Utc>) -> Vec<Line> {
    let at = exact(at);
    let (head, reasons) = match moment {
        Moment::Held(version) => (
            format!("At {at}: version {}.", version.number),
            vec![
                capital(&format!(
                    "{} said so as of {}.",
                    row(&version.origin),
                    exact(version.from)
                )),
                version.to.map_or_else(
                    || "Nothing later says otherwise.".to_owned(),
                    |to| format!("It holds until {}.", exact(to)),
                ),
            ],
        ),
        Moment::NeverThere => (
            format!("Not there at {at}: the key never had a version."),
            Vec::new(),
        ),
        Moment::BeforeFirst(first) => (
            format!("Not there at {at}: before the first version."),
            vec![begins(first)],
        ),
        Moment::Between(last, next) => (
            format!(
                "Not there at {at}: between versions {} and {}.",
                last.number, next.number
            ),
            vec![went(answer, last), begins(next)],
        ),
        Moment::AfterLast(last) => (
            format!("Not there at {at}: after the last version."),
            vec![went(answer, last)],
        ),
    };
    let reasons = reasons.into_iter().map(|reason| Line::new().plain(reason));
    std::iter::once(Line::new().strong(head))
        .chain(reasons)
        .collect()
}

fn begins(version: &Version) -> String {
    format!(
        "Version {} begins at {}.",
        version.number,
        exact(version.from)
    )
}

fn went(answer: &Answer, version: &Version) -> String {
    let end = version.to.map(exact).unwrap_or_default();
    let cause = ended(answer.ended_by(version));
    format!("Version {}, at {end}, {cause}.", version.number)
}

fn capital(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

/// When a fact was stored, and last changed.
pub(super) fn stamps(fact: &FactRow) -> Option<String> {
    let stamp =
        |word: &str, at: Option<DateTime<Utc>>| at.map(|at| format!("{word} {}", exact(at)));
    let stamps: Vec<String> = [
        stamp("stored", fact.created_at),
        stamp(
            "changed",
            fact.updated_at.filter(|at| Some(*at) != fact.created_at),
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!stamps.is_empty()).then(|| format!("  {}", stamps.join(", ")))
}

/// A fact that is held.
pub(super) fn waits(dimensions: &[String]) -> String {
    format!(
        "Not in the table yet: it waits for a member of {}.",
        all(dimensions)
    )
}

/// A fact of which a newer row is held.
pub(super) fn newer_waits(dimensions: &[String]) -> String {
    format!("A newer row waits for a member of {}.", all(dimensions))
}

fn all(dimensions: &[String]) -> String {
    let names: Vec<String> = dimensions.iter().map(|name| visible(name)).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::lasted;

    #[test]
    fn each_length_has_its_unit() {
        for (millis, expected) in [
            (0, "less than 1 ms"),
            (999, "999 ms"),
            (59_999, "59 s"),
            (3_599_000, "59 min"),
            (86_399_000, "23 h"),
            (86_400_000, "1 day"),
            (1_728_000_000, "20 days"),
        ] {
            assert_eq!(lasted(TimeDelta::milliseconds(millis)), expected);
        }
    }
}
