//! What each observation said, and what became of it. Plain functions over what was read.
//!
//! The ledger does not keep every value of every row. What an observation said is its payload where
//! there is one; else what the version that covers its instant shows, as far as its load's file had
//! the columns. A column that keeps no history shows only one value, so of it each observation
//! says the same as the one before, unless its payload says otherwise. A fact shows what the row
//! said that it is from; each other row has a payload, or said what stood before it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{FactRow, Origin, Shown, ShownColumn, Values, Version};
use crate::contract::Role;
pub use crate::ledger::words::Presence;

/// One observation of the key: at an instant it had some values, or was not there.
#[derive(Clone, PartialEq, Debug)]
pub struct Observation {
    /// The instant.
    pub at: DateTime<Utc>,
    /// Whether the key was there.
    pub presence: Presence,
    /// What said so.
    pub source: Source,
    /// Whether its load counts; one that was undone does not.
    pub standing: Standing,
    /// Bytes that decide between observations at one instant: the greatest counts.
    pub sequence: Vec<u8>,
    /// The columns that the file had; `None` stands for all.
    pub columns: Option<Vec<String>>,
    /// What its load has for columns of which the file does not speak, by column.
    pub defaults: BTreeMap<String, Option<String>>,
    /// Values that the table does not show, by column.
    pub payload: Option<BTreeMap<String, Option<String>>>,
    /// The columns of these that do not take their value, since a migration changed the type.
    pub misfits: Vec<String>,
    /// The load and the line.
    pub origin: Origin,
}

/// What made an observation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A row of a file.
    Row,
    /// A snapshot without a row of the key.
    Silence,
    /// What a column held when it was first seen: it completes the row of its instant.
    Baseline,
}

/// Whether a load counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It does.
    Counts,
    /// It was taken back.
    Undone,
}

/// An observation with what it said and what became of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// The observation.
    pub observation: Observation,
    /// What it said, by the place of the column. What cannot be known any more is not here.
    pub values: BTreeMap<usize, Option<String>>,
    /// What became of it.
    pub outcome: Outcome,
    /// The defaults that the key began with, by the place of the column.
    pub defaults: BTreeMap<usize, Option<String>>,
    /// Columns that had no value yet and got this one's, within a version that goes on.
    pub filled: Vec<usize>,
    /// Columns without history whose value it replaced.
    pub overwrote: Vec<usize>,
}

/// What became of an observation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It opened this version.
    Opened(i32),
    /// It said what this version says.
    Confirmed(i32),
    /// It ended this version.
    Closed(i32),
    /// It said that the key is not there, which was so already.
    AbsentAlready,
    /// It said that the key is not there, and the table does not listen to that.
    Ignored,
    /// Another one at the same instant counts.
    Lost(Origin),
    /// Its load was undone.
    Undone,
    /// It wrote the fact as it is.
    Wrote,
    /// A later one replaced values of the fact.
    Superseded(Origin),
    /// It said what the fact says.
    Repeated,
    /// The fact waits for a member.
    Held,
    /// It should have a version, and has none: somebody changed the table.
    NotShown,
}

impl Outcome {
    /// The word in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Confirmed(_) | Self::Repeated => "confirmed",
            Self::Closed(_) => "closed",
            Self::AbsentAlready => "absent_already",
            Self::Ignored => "ignored",
            Self::Lost(_) => "lost",
            Self::Undone => "undone",
            Self::Wrote => "wrote",
            Self::Superseded(_) => "superseded",
            Self::Held => "held",
            Self::NotShown => "not_shown",
        }
    }

    /// The version that it is about.
    #[must_use]
    pub fn version(&self) -> Option<i32> {
        match self {
            Self::Opened(number) | Self::Confirmed(number) | Self::Closed(number) => Some(*number),
            _ => None,
        }
    }

    /// The observation that counts instead of this one.
    #[must_use]
    pub fn winner(&self) -> Option<&Origin> {
        match self {
            Self::Lost(winner) | Self::Superseded(winner) => Some(winner),
            _ => None,
        }
    }
}

/// Puts observations into their order, and judges each.
#[must_use]
pub fn judge(
    mut observations: Vec<Observation>,
    shown: &Shown,
    columns: &[ShownColumn],
) -> Vec<Judged> {
    observations.sort_by(|one, other| order(one).cmp(&order(other)));
    let outcomes: Vec<Outcome> = (0..observations.len())
        .map(|place| match shown {
            Shown::Versions(versions) => outcome(&observations, place, versions),
            Shown::Fact(None) => outcome_without_fact(&observations[place]),
            Shown::Fact(Some(row)) => outcome_for_fact(&observations, place, row, &Outcome::Wrote),
            Shown::Held(row, _) => outcome_for_fact(&observations, place, row, &Outcome::Held),
            Shown::FactAndHeld(row, waiting, _) => {
                match outcome_for_fact(&observations, place, row, &Outcome::Wrote) {
                    Outcome::Repeated => outcome_behind(&observations, place, waiting),
                    outcome => outcome,
                }
            }
        })
        .collect();
    let values = match shown {
        Shown::Versions(_) => values(&observations, &outcomes, shown, columns),
        Shown::Fact(None) => values_of_fact(&observations, &[], columns),
        Shown::Fact(Some(row)) | Shown::Held(row, _) => {
            values_of_fact(&observations, &[row], columns)
        }
        Shown::FactAndHeld(row, waiting, _) => {
            values_of_fact(&observations, &[row, waiting], columns)
        }
    };
    let mut judged: Vec<Judged> = observations
        .into_iter()
        .zip(outcomes)
        .zip(values)
        .map(|((observation, outcome), values)| Judged {
            values,
            defaults: defaults(&observation, &outcome, shown, columns),
            observation,
            outcome,
            filled: Vec::new(),
            overwrote: Vec::new(),
        })
        .collect();
    note_side_effects(&mut judged, columns);
    judged
}

/// The defaults with which an observation began the key, where it was not there before.
fn defaults(
    observation: &Observation,
    outcome: &Outcome,
    shown: &Shown,
    columns: &[ShownColumn],
) -> BTreeMap<usize, Option<String>> {
    let Shown::Versions(versions) = shown else {
        return BTreeMap::new();
    };
    let goes_on = |version: &Version| version.to == Some(observation.at);
    if !matches!(outcome, Outcome::Opened(_)) || versions.iter().any(goes_on) {
        return BTreeMap::new();
    }
    let default = |(place, column): (usize, &ShownColumn)| {
        Some((place, observation.defaults.get(&column.id)?.clone()))
    };
    columns.iter().enumerate().filter_map(default).collect()
}

/// Semantics §7: the greatest at an instant counts.
fn order(observation: &Observation) -> (DateTime<Utc>, bool, &[u8], i64, Option<i64>) {
    let Observation {
        at,
        source,
        sequence,
        origin,
        ..
    } = observation;
    let completes = *source == Source::Baseline;
    (*at, completes, sequence, origin.load_id, origin.line)
}

fn outcome(observations: &[Observation], place: usize, versions: &[Version]) -> Outcome {
    let observation = &observations[place];
    if observation.standing == Standing::Undone {
        return Outcome::Undone;
    }
    let mut later = observations[place + 1..].iter().rev();
    let rivals = |other: &&Observation| {
        let both = [other.source, observation.source];
        other.at == observation.at && counts(other) && !both.contains(&Source::Baseline)
    };
    let winner = later.find(rivals);
    if let Some(winner) = winner {
        return Outcome::Lost(winner.origin.clone());
    }
    let covering = versions
        .iter()
        .find(|version| version.covers(observation.at));
    match (observation.presence, covering) {
        (Presence::Present, Some(version))
            if version.from == observation.at
                && version.origin.load_id == observation.origin.load_id =>
        {
            Outcome::Opened(version.number)
        }
        (Presence::Present, Some(version)) if observation.source == Source::Baseline => {
            Outcome::Confirmed(version.number)
        }
        // Without its row the key is not there, whatever a column held.
        (Presence::Present, None) if observation.source == Source::Baseline => {
            Outcome::AbsentAlready
        }
        (Presence::Present, Some(version)) if version.from == observation.at => {
            Outcome::Opened(version.number)
        }
        (Presence::Present, Some(version)) => Outcome::Confirmed(version.number),
        (Presence::Present, None) => Outcome::NotShown,
        (Presence::Absent, Some(_)) => Outcome::Ignored,
        (Presence::Absent, None) => versions
            .iter()
            .find(|version| version.to == Some(observation.at))
            .map_or(Outcome::AbsentAlready, |version| {
                Outcome::Closed(version.number)
            }),
    }
}

fn outcome_without_fact(observation: &Observation) -> Outcome {
    match observation.standing {
        Standing::Undone => Outcome::Undone,
        Standing::Counts => Outcome::NotShown,
    }
}

/// A fact shows one row: that of the load that changed it last.
fn outcome_for_fact(
    observations: &[Observation],
    place: usize,
    row: &FactRow,
    last: &Outcome,
) -> Outcome {
    let observation = &observations[place];
    if observation.standing == Standing::Undone {
        return Outcome::Undone;
    }
    let writer = observations
        .iter()
        .position(|other| other.origin.load_id == row.origin.load_id);
    // In the order in which they count: the row of a late load may be superseded when it comes.
    let order = match writer {
        Some(writer) => place.cmp(&writer),
        None => observation.origin.load_id.cmp(&row.origin.load_id),
    };
    match order {
        std::cmp::Ordering::Less => Outcome::Superseded(row.origin.clone()),
        std::cmp::Ordering::Equal => last.clone(),
        std::cmp::Ordering::Greater => Outcome::Repeated,
    }
}

/// What became of a row after the one that the fact is from, while the last of them waits. One that
/// said nothing new has no words in the ledger.
fn outcome_behind(observations: &[Observation], place: usize, waiting: &FactRow) -> Outcome {
    let outcome = outcome_for_fact(observations, place, waiting, &Outcome::Held);
    match outcome {
        Outcome::Superseded(_) if observations[place].payload.is_none() => Outcome::Repeated,
        outcome => outcome,
    }
}

fn counts(observation: &Observation) -> bool {
    observation.standing == Standing::Counts
}

/// What each observation said.
fn values(
    observations: &[Observation],
    outcomes: &[Outcome],
    shown: &Shown,
    columns: &[ShownColumn],
) -> Vec<BTreeMap<usize, Option<String>>> {
    let mut said = vec![BTreeMap::new(); observations.len()];
    for (place, column) in columns.iter().enumerate() {
        let shown_in = |values: Option<&Values>| values.and_then(|it| it.get(place).cloned());
        let mut before = shown_in(shown_once(shown));
        for ((observation, outcome), said) in observations.iter().zip(outcomes).zip(&mut said) {
            if observation.presence == Presence::Absent || !has(observation, &column.id) {
                continue;
            }
            let payload = observation.payload.as_ref();
            let own = payload.and_then(|payload| payload.get(&column.id).cloned());
            let value = match (own, column.role, shown) {
                (Some(own), ..) => Some(own),
                (None, Role::Type2, Shown::Versions(versions)) => {
                    shown_in(shown_at(versions, observation.at))
                }
                // Another value than before would be in the payload.
                (None, ..) => before.clone(),
            };
            if !matches!(outcome, Outcome::Lost(_) | Outcome::Undone) {
                before.clone_from(&value);
            }
            said.extend(value.map(|value| (place, value)));
        }
    }
    said
}

/// What each row said of a fact. Nothing is known of what the ledger of an older version did not
/// keep.
fn values_of_fact(
    observations: &[Observation],
    rows: &[&FactRow],
    columns: &[ShownColumn],
) -> Vec<BTreeMap<usize, Option<String>>> {
    let mut state: Option<BTreeMap<usize, Option<String>>> = None;
    let said = observations.iter().map(|observation| {
        let is_writer = |row: &&&FactRow| row.origin.load_id == observation.origin.load_id;
        let writes = rows.iter().find(is_writer);
        let value = |(place, column): (usize, &ShownColumn)| {
            let value = match (&observation.payload, writes, &state) {
                (Some(payload), ..) => payload.get(&column.id)?.clone(),
                (None, Some(row), _) => row.values.get(place)?.clone(),
                (None, None, Some(state)) => state.get(&place).cloned().flatten(),
                (None, None, None) => return None,
            };
            Some((place, value))
        };
        let spoken = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| has(observation, &column.id));
        let said: BTreeMap<_, _> = spoken.filter_map(value).collect();
        if counts(observation) && !said.is_empty() {
            state.get_or_insert_default().extend(said.clone());
        }
        said
    });
    said.collect()
}

/// Whether the file had the column.
fn has(observation: &Observation, column: &str) -> bool {
    let columns = observation.columns.as_ref();
    columns.is_none_or(|columns| columns.iter().any(|name| name == column))
}

fn shown_at(versions: &[Version], at: DateTime<Utc>) -> Option<&Values> {
    let covering = versions.iter().find(|version| version.covers(at))?;
    Some(&covering.values)
}

/// The values of columns that keep no history: all versions have them.
fn shown_once(shown: &Shown) -> Option<&Values> {
    Some(match shown {
        Shown::Versions(versions) => &versions.last()?.values,
        Shown::Fact(fact) => &fact.as_ref()?.values,
        Shown::Held(fact, _) | Shown::FactAndHeld(fact, ..) => &fact.values,
    })
}

/// What an observation did beside its outcome: it filled a column that nothing had spoken of since
/// the key was last absent, or replaced a value of a column that keeps no history.
fn note_side_effects(judged: &mut [Judged], columns: &[ShownColumn]) {
    let mut spoken_of: BTreeSet<usize> = BTreeSet::new();
    let mut latest: BTreeMap<usize, Option<String>> = BTreeMap::new();
    for judged in judged.iter_mut() {
        match (&judged.outcome, judged.observation.presence) {
            (Outcome::Lost(_) | Outcome::Undone | Outcome::Ignored, _) => {}
            (_, Presence::Absent) => spoken_of.clear(),
            (outcome, Presence::Present) => {
                let goes_on = matches!(outcome, Outcome::Confirmed(_));
                for (place, value) in &judged.values {
                    let new = spoken_of.insert(*place);
                    let is_type2 = columns[*place].role == Role::Type2;
                    if goes_on && new && is_type2 && value.is_some() {
                        judged.filled.push(*place);
                    }
                    let before = latest.insert(*place, value.clone());
                    if columns[*place].role == Role::Type1
                        && before.is_some_and(|before| before != *value)
                    {
                        judged.overwrote.push(*place);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
