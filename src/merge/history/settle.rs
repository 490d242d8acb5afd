//! One key, before and after a load comes, goes or returns.
//!
//! In: what is known of the key, and which load it is about. Out: the key's new versions, what the
//! ledger has to remember beside them, and what each row of the load did, for the counts.

use std::collections::HashSet;

use super::fold::{
    Cell, Effect, Micros, Observation, Origin, Rules, Said, Values, Version, fold, is_beaten,
    overlaid, share_defaults, versioned,
};
use super::refold::is_implied;
use super::same::{is_same, spell_alike};
use super::store::{Misfit, Needed, Past, Payload, Shown};
use crate::contract::{Column, Role};
use crate::summary::Changes;

/// What happens to a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) enum Event {
    /// Its rows come.
    Comes,
    /// It no longer counts.
    Goes,
    /// It counts again.
    Returns,
    /// Rows that no load brought are its rows from now on, and are among those that count.
    TakesOver,
    /// A column of the table is gone, or has another type.
    TableChanges,
}

/// What becomes of a key.
#[derive(Debug)]
pub(in crate::merge) struct Settled {
    /// Its versions from now on, in the order of time.
    pub(in crate::merge) versions: Vec<Version>,
    /// What rows said that the versions do not show, by load and line.
    pub(in crate::merge) payloads: Vec<((i64, i64), Payload)>,
    /// What happened, for the counts.
    pub(in crate::merge) changes: Changes,
    /// A value that the versions need and their column no longer takes, if there is one.
    pub(in crate::merge) misfit: Option<Misfit>,
}

/// Finds what becomes of a key. `rows` are those of a load that comes.
pub(in crate::merge) fn settle(
    rules: &Rules,
    columns: &[Column],
    past: &Past,
    event: Event,
    load: i64,
    rows: Vec<Observation>,
) -> Settled {
    let (mut after, gone) = match event {
        Event::Comes | Event::TakesOver | Event::TableChanges => {
            (joined(&past.counted, rows), Vec::new())
        }
        Event::Goes => past
            .counted
            .iter()
            .cloned()
            .partition(|observation| observation.load != load),
        Event::Returns => {
            let returning = past.idle.iter().filter(|idle| idle.load == load);
            (joined(&past.counted, returning.cloned()), Vec::new())
        }
    };
    keep_by_hand(columns, past, &mut after);
    spell_alike(columns, &past.versions, &mut after);
    let (versions, effects) = fold(rules, &mut after);
    let book = Book {
        columns,
        past,
        after: &after,
    };
    let mut payloads = book.of_losers();
    payloads.extend(gone.iter().filter_map(|gone| book.whole(gone)));
    payloads.extend(book.of_overlaid(rules));
    payloads.extend(book.of_hidden(&versions));
    let story = Story {
        rules,
        past,
        after: &after,
        effects: &effects,
        versions: &versions,
        load,
    };
    let mut changes = match event {
        Event::Comes | Event::Returns | Event::TakesOver | Event::TableChanges => story.of_rows(),
        Event::Goes => story.of_history(),
    };
    changes.overwritten = story.overwritten();
    changes.deactivated = story.deactivated();
    let misfit = needed_misfit(columns, past, (&after, &effects), &versions);
    Settled {
        versions,
        payloads,
        changes,
        misfit,
    }
}

/// A kept value that counts, of a column that is there and does not take it. A row that lost has no
/// say in what the versions are, and a default has none where a later row filled it over.
fn needed_misfit(
    columns: &[Column],
    past: &Past,
    (after, effects): (&[Observation], &[Effect]),
    versions: &[Version],
) -> Option<Misfit> {
    let shows = |row: &Observation, misfit: &Misfit, column: usize| {
        let begun = versions.iter().find(|version| version.starts == row.at);
        let default = past.default_of(misfit.load, misfit.line, column);
        begun.is_some_and(|begun| default == Some(&begun.cells[column]))
    };
    let is_needed = |misfit: &&Misfit| {
        let named = |it: &Column| it.id.as_str() == misfit.column;
        let Some(column) = columns.iter().position(named) else {
            return false;
        };
        after.iter().zip(effects).any(|(row, effect)| {
            (row.load, row.line) == (misfit.load, misfit.line)
                && match misfit.needed {
                    Needed::ByRow => *effect != Effect::Lost,
                    Needed::ByFirst => *effect == Effect::Began && shows(row, misfit, column),
                }
        })
    };
    past.misfits.iter().find(is_needed).cloned()
}

// ---- what is in the table otherwise ----------------------------------------------------------

/// What a person or a migration put where a load left its default stays: no default takes its place.
/// Once a load speaks of the column, what the versions show is no longer to be told from its words.
fn keep_by_hand(columns: &[Column], past: &Past, after: &mut [Observation]) {
    let past_rows = || past.counted.iter().chain(&past.idle);
    let is_left_to_default = |place: usize| {
        past_rows().any(|it| it.default(place).is_some()) && !past_rows().any(|it| it.says(place))
    };
    let left: Vec<_> = (columns.iter().enumerate())
        .filter(|(place, _)| is_left_to_default(*place))
        .collect();
    if left.is_empty() {
        return;
    }
    let mut began = past.counted.clone();
    share_defaults(&mut began);
    for (place, column) in left {
        for observation in &mut *after {
            if let Some(cell) = by_hand((place, column), past, &began, observation.at) {
                observation.set_default(place, cell);
            }
        }
    }
}

/// What the table shows at an instant, or next, if that is not the default with which the key began by
/// one of these rows.
fn by_hand<'p>(
    (place, column): (usize, &Column),
    past: &'p Past,
    began: &[Observation],
    at: Micros,
) -> Option<&'p Cell> {
    let versions = &past.versions;
    let is_over = |shown: &Shown| shown.version.ends.is_some_and(|ends| ends <= at);
    let turn = versions.iter().position(|shown| !is_over(shown))?;
    let goes_on = |turn: &usize| {
        let before = turn.checked_sub(1).map(|before| &versions[before].version);
        before.is_some_and(|before| before.ends == Some(versions[*turn].version.starts))
    };
    let opening = match column.role {
        Role::Type2 => (0..=turn).rev().find(|turn| !goes_on(turn))?,
        // One value in all versions.
        Role::Type0 | Role::Type1 => 0,
    };
    let first = &versions[opening].version;
    let mut rows = began.iter();
    let row = rows.find(|row| (row.load, row.line) == (first.load, first.line))?;
    let default = row.default(place)?;
    let shown = &versions[turn].version.cells[place];
    (!is_same(column, default, shown)).then_some(shown)
}

fn joined(
    counted: &[Observation],
    more: impl IntoIterator<Item = Observation>,
) -> Vec<Observation> {
    counted.iter().cloned().chain(more).collect()
}

// ---- what the ledger has to remember ---------------------------------------------------------

struct Book<'a> {
    columns: &'a [Column],
    past: &'a Past,
    /// In the order in which they count.
    after: &'a [Observation],
}

impl Book<'_> {
    fn of_losers(&self) -> Vec<((i64, i64), Payload)> {
        let losers = (0..self.after.len()).filter(|place| is_beaten(self.after, *place));
        losers
            .filter_map(|place| self.whole(&self.after[place]))
            .collect()
    }

    /// All that a row said; `None` if the ledger has it already, or if it said nothing.
    fn whole(&self, observation: &Observation) -> Option<((i64, i64), Payload)> {
        let Said::Present(values) = &observation.said else {
            return None;
        };
        let place = (observation.load, observation.line);
        let kept = self.past.payloads.get(&place);
        let authored = (0..self.columns.len()).filter(|column| values.authored[*column]);
        let missing: Payload = authored
            .map(|column| self.cell(values, column))
            .filter(|(name, _)| kept.is_none_or(|kept| !kept.contains_key(name)))
            .collect();
        (!missing.is_empty()).then_some((place, missing))
    }

    /// What baselines said that no version shows: the row of their instant is gone, or another one
    /// speaks of the column.
    fn of_hidden(&self, versions: &[Version]) -> Vec<((i64, i64), Payload)> {
        let baselines = self.after.iter().filter(|it| it.origin == Origin::Baseline);
        let hidden = baselines.filter(|it| {
            let Said::Present(values) = &it.said else {
                return false;
            };
            let shown = versions.iter().find(|version| version.covers(it.at));
            let mut columns = (0..self.columns.len()).filter(|column| values.authored[*column]);
            shown.is_none_or(|shown| {
                columns.any(|column| shown.cells[column] != values.cells[column])
            })
        });
        hidden.filter_map(|it| self.whole(it)).collect()
    }

    /// The values of columns that keep no history, of the first row and of each that differs from
    /// the one before, or, in a column of type 0, from the first. Where all rows say the same, the table
    /// shows it, and nothing is kept.
    fn of_overlaid(&self, rules: &Rules) -> Vec<((i64, i64), Payload)> {
        let mut payloads = Vec::new();
        for (column, role) in overlaid(rules) {
            let said: Vec<(&Observation, &Values)> = self.counting(column).collect();
            let value = |turn: usize| &said[turn].1.cells[column];
            let differs = |turn: usize| {
                turn == 0
                    || value(turn - 1) != value(turn)
                    || role == Role::Type0 && value(0) != value(turn)
            };
            if !(1..said.len()).any(differs) {
                continue;
            }
            for (_, (observation, values)) in
                said.iter().enumerate().filter(|(turn, _)| differs(*turn))
            {
                let place = (observation.load, observation.line);
                payloads.push((place, Payload::from([self.cell(values, column)])));
            }
        }
        payloads
    }

    fn counting(&self, column: usize) -> impl Iterator<Item = (&Observation, &Values)> {
        let places = (0..self.after.len()).filter(|place| !is_beaten(self.after, *place));
        places.filter_map(move |place| match &self.after[place].said {
            Said::Present(values) if values.authored[column] => Some((&self.after[place], values)),
            _ => None,
        })
    }

    fn cell(&self, values: &Values, column: usize) -> (String, super::fold::Cell) {
        (
            self.columns[column].id.as_str().to_owned(),
            values.cells[column].clone(),
        )
    }
}

// ---- what happened ---------------------------------------------------------------------------

struct Story<'a> {
    rules: &'a Rules,
    past: &'a Past,
    after: &'a [Observation],
    effects: &'a [Effect],
    versions: &'a [Version],
    load: i64,
}

impl Story<'_> {
    /// What each row of the load did (semantics §16).
    fn of_rows(&self) -> Changes {
        let before: Vec<&Observation> = self
            .past
            .counted
            .iter()
            .filter(|observation| observation.load != self.load)
            .collect();
        let last = before.iter().map(|observation| observation.at).max();
        let mut changes = Changes::default();
        for (place, observation) in self.after.iter().enumerate() {
            if observation.load != self.load {
                continue;
            }
            let effect = self.effects[place];
            changes.filled +=
                u64::from(effect == Effect::Filled && !self.was_shown(observation.at));
            if is_implied(observation) {
                // A snapshot did not name the key: no row says so.
                let ends = effect != Effect::Lost && self.before(observation.at).is_some();
                changes.closed_by_absence += u64::from(ends);
                continue;
            }
            let rival = before
                .iter()
                .rev()
                .find(|rival| rival.at == observation.at)
                .copied();
            let count = match rival {
                Some(rival) => corrected(effect, rival, observation, &mut changes),
                None if last.is_none_or(|last| last < observation.at) => {
                    self.in_order(effect, observation, &mut changes)
                }
                None => self.late(effect, observation, &mut changes),
            };
            *count += 1;
        }
        changes
    }

    /// The version that held at an instant, before.
    fn before(&self, at: i64) -> Option<&Version> {
        let mut old = self.past.versions.iter().map(|shown| &shown.version);
        old.find(|version| version.covers(at))
    }

    /// Whether the version that holds at an instant is the one that held there before.
    fn was_shown(&self, at: i64) -> bool {
        let now = self.versions.iter().find(|version| version.covers(at));
        let (Some(now), Some(before)) = (now, self.before(at)) else {
            return false;
        };
        now.starts == before.starts
            && versioned(self.rules).all(|column| now.cells[column] == before.cells[column])
    }

    fn in_order<'c>(
        &self,
        effect: Effect,
        observation: &Observation,
        changes: &'c mut Changes,
    ) -> &'c mut u64 {
        let is_first = self
            .versions
            .first()
            .is_some_and(|version| version.starts == observation.at);
        match effect {
            Effect::Began if is_first => &mut changes.inserted,
            Effect::Began => &mut changes.reopened,
            Effect::Changed => &mut changes.updated,
            Effect::Ended => &mut changes.closed,
            Effect::AbsentAlready => &mut changes.absent_already,
            Effect::Filled | Effect::Confirmed | Effect::Lost => &mut changes.unchanged,
        }
    }

    fn late<'c>(
        &self,
        effect: Effect,
        observation: &Observation,
        changes: &'c mut Changes,
    ) -> &'c mut u64 {
        match effect {
            Effect::Filled | Effect::Confirmed | Effect::Lost | Effect::AbsentAlready => {
                &mut changes.late_unchanged
            }
            Effect::Began | Effect::Changed | Effect::Ended => {
                if self.took_the_place_of_a_later_start(observation) {
                    &mut changes.moved
                } else {
                    &mut changes.split
                }
            }
        }
    }

    fn took_the_place_of_a_later_start(&self, observation: &Observation) -> bool {
        let starts: HashSet<i64> = self.versions.iter().map(|version| version.starts).collect();
        let old = self.past.versions.iter().map(|shown| shown.version.starts);
        let mut later = old.filter(|starts| *starts > observation.at);
        later.next().is_some_and(|next| !starts.contains(&next))
    }

    /// What a load that goes takes with it: one count for each key.
    fn of_history(&self) -> Changes {
        let old: Vec<&Version> = self
            .past
            .versions
            .iter()
            .map(|shown| &shown.version)
            .collect();
        let mut changes = Changes::default();
        let count = match (old.as_slice(), self.versions) {
            ([], []) => &mut changes.unchanged,
            (_, []) => &mut changes.closed,
            ([], _) => &mut changes.inserted,
            (old, new) if same_history(old, new) => &mut changes.unchanged,
            _ => &mut changes.updated,
        };
        *count = 1;
        changes
    }

    /// One if a column that keeps no history shows something else now.
    fn overwritten(&self) -> u64 {
        let (Some(old), Some(new)) = (self.past.versions.first(), self.versions.first()) else {
            return 0;
        };
        let mut columns = overlaid(self.rules).map(|(column, _)| column);
        u64::from(columns.any(|column| old.version.cells[column] != new.cells[column]))
    }

    /// One if the version that was the current one is there still, and closed.
    fn deactivated(&self) -> u64 {
        let last = self.past.versions.last().map(|shown| &shown.version);
        let Some(current) = last.filter(|version| version.ends.is_none()) else {
            return 0;
        };
        let now = self
            .versions
            .iter()
            .find(|version| version.starts == current.starts);
        u64::from(now.is_some_and(|version| version.ends.is_some()))
    }
}

/// A row at an instant of which another load had spoken.
fn corrected<'c>(
    effect: Effect,
    rival: &Observation,
    observation: &Observation,
    changes: &'c mut Changes,
) -> &'c mut u64 {
    if says_the_same(&rival.said, &observation.said) {
        &mut changes.unchanged
    } else if effect == Effect::Lost {
        &mut changes.late_unchanged
    } else {
        &mut changes.corrected
    }
}

/// Also in the defaults: where one row takes the place of the other, its load's count.
fn says_the_same(one: &Said, other: &Said) -> bool {
    let has_value = |it: &Values, column: usize| it.authored[column] || it.defaulted[column];
    match (one, other) {
        (Said::Absent, Said::Absent) => true,
        (Said::Present(one), Said::Present(other)) => (0..one.cells.len()).all(|column| {
            one.authored[column] == other.authored[column]
                && has_value(one, column) == has_value(other, column)
                && (!has_value(one, column) || one.cells[column] == other.cells[column])
        }),
        _ => false,
    }
}

fn same_history(old: &[&Version], new: &[Version]) -> bool {
    old.len() == new.len()
        && old.iter().zip(new).all(|(old, new)| {
            (old.starts, old.ends, &old.cells) == (new.starts, new.ends, &new.cells)
        })
}
