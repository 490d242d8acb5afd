//! What was said of one key → its history (semantics §7 to §9).
//!
//! In: the observations of a key that count, in any order. Out: its versions, and what each
//! observation did. This is the definition that the table follows: the same set of observations
//! gives the same versions, whatever the order in which they were loaded. Nothing here knows of
//! SQL or of files; a value is the text that Postgres prints for it.

use std::sync::Arc;

use crate::contract::Role;
use crate::stage::digest::Digest;

/// One value: `None` is NULL.
pub(in crate::merge) type Cell = Option<Arc<str>>;

/// Microseconds since 1970 in UTC.
pub(in crate::merge) type Micros = i64;

/// What the columns of a table mean for its history.
#[derive(Clone, Debug)]
pub(in crate::merge) struct Rules {
    /// For each column of the contract, in its order.
    pub(in crate::merge) columns: Vec<ColumnRule>,
    /// What a value means where none was known before.
    pub(in crate::merge) new_values: NewValues,
}

/// What one column means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) enum ColumnRule {
    /// A part of the natural key: the same in all versions.
    Key,
    /// What a change in it means.
    Attribute(Role),
}

/// What a value means in a column of which nothing was known (semantics §9.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) enum NewValues {
    /// It is written into the running version, if nothing else differs.
    Fill,
    /// It is a change from NULL.
    Change,
}

/// For each column of the contract what a load gives keys that it begins, if its file does not speak of
/// the column and the table has a default for it.
pub(in crate::merge) type Defaults = Arc<[Option<Cell>]>;

/// One row of one load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::merge) struct Observation {
    pub(in crate::merge) origin: Origin,
    pub(in crate::merge) at: Micros,
    /// Breaks ties at one instant, before the load's number does.
    pub(in crate::merge) sequence: Vec<u8>,
    pub(in crate::merge) load: i64,
    pub(in crate::merge) line: i64,
    pub(in crate::merge) said: Said,
    /// Stands for what the row said, where the ledger keeps that.
    pub(in crate::merge) digest: Option<Digest>,
}

/// Where an observation is from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::merge) enum Origin {
    /// A row of a file, or one that was taken over.
    Row,
    /// What a column held when it was first seen (semantics §21.1). It completes the row of its
    /// instant, and says nothing of whether the key is there.
    Baseline,
}

/// What a row says of its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::merge) enum Said {
    /// It is not there.
    Absent,
    /// It is there, with these values.
    Present(Values),
}

/// The values of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::merge) struct Values {
    /// Which columns the load spoke of. What `cells` holds for the others is the default that the load
    /// has for them, or what the table showed in them, if no load ever spoke of them. It counts where
    /// the row begins a version, and never as a word on the column.
    pub(in crate::merge) authored: Arc<[bool]>,
    /// In which columns the cell is the default that the load has.
    pub(in crate::merge) defaulted: Arc<[bool]>,
    pub(in crate::merge) cells: Vec<Cell>,
}

impl Observation {
    fn values(&self) -> Option<&Values> {
        match &self.said {
            Said::Present(values) => Some(values),
            Said::Absent => None,
        }
    }

    /// What it begins a key with in a column of which it does not speak, if its load has a default.
    pub(in crate::merge) fn default(&self, column: usize) -> Option<&Cell> {
        let values = self.values()?;
        values.defaulted[column].then(|| &values.cells[column])
    }

    /// Whether it speaks of a column.
    pub(in crate::merge) fn says(&self, column: usize) -> bool {
        self.values().is_some_and(|values| values.authored[column])
    }

    /// The same, if it has one, is another value.
    pub(in crate::merge) fn set_default(&mut self, column: usize, value: &Cell) {
        if let Said::Present(values) = &mut self.said
            && values.defaulted[column]
        {
            values.cells[column].clone_from(value);
        }
    }
}

impl Values {
    /// Those of a row of which nothing is known yet, but what its load has by itself.
    pub(in crate::merge) fn unsaid(authored: &Arc<[bool]>, defaults: &Defaults) -> Self {
        let columns = authored.iter().zip(defaults.iter());
        Self {
            authored: Arc::clone(authored),
            defaulted: columns
                .map(|(authored, default)| !authored && default.is_some())
                .collect(),
            cells: defaults.iter().map(|it| it.clone().flatten()).collect(),
        }
    }
}

/// One version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::merge) struct Version {
    pub(in crate::merge) starts: Micros,
    /// `None` for the current one.
    pub(in crate::merge) ends: Option<Micros>,
    /// The load and line that began it.
    pub(in crate::merge) load: i64,
    pub(in crate::merge) line: i64,
    pub(in crate::merge) cells: Vec<Cell>,
}

impl Version {
    pub(in crate::merge) fn covers(&self, at: Micros) -> bool {
        self.starts <= at && self.ends.is_none_or(|ends| at < ends)
    }
}

/// What an observation did when its turn came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) enum Effect {
    /// It lost against another one at its instant.
    Lost,
    /// It began a version where there was none.
    Began,
    /// It ended a version and began the next.
    Changed,
    /// It wrote values into the running version where none were known.
    Filled,
    /// It said what was known.
    Confirmed,
    /// It ended the running version.
    Ended,
    /// It said that the key is not there, and it was not.
    AbsentAlready,
}

/// The history of a key, and what each observation did to it, in the order of `observations`.
pub(in crate::merge) fn fold(
    rules: &Rules,
    observations: &mut [Observation],
) -> (Vec<Version>, Vec<Effect>) {
    observations.sort_by(order);
    share_defaults(observations);
    let mut folding = Folding {
        rules,
        versions: Vec::new(),
        running: None,
    };
    let effects: Vec<Effect> = (0..observations.len())
        .map(|place| {
            if is_beaten(observations, place) {
                Effect::Lost
            } else {
                folding.take(observations, place)
            }
        })
        .collect();
    let mut versions = folding.versions;
    spread(rules, observations, &effects, &mut versions);
    (versions, effects)
}

/// Of rows that only the order of their loads tells apart, the first gives its defaults to all: the same
/// file again, or a mended one, says nothing new by the default of a later day.
pub(in crate::merge) fn share_defaults(ordered: &mut [Observation]) {
    let is_tied = |one: &Observation, other: &Observation| {
        (one.at, one.origin, &one.sequence) == (other.at, other.origin, &other.sequence)
    };
    for tied in ordered.chunk_by_mut(is_tied).filter(|tied| tied.len() > 1) {
        let columns = tied.iter().filter_map(Observation::values);
        let columns = columns.map(|values| values.cells.len()).max();
        for column in 0..columns.unwrap_or_default() {
            let first = tied.iter().find_map(|row| row.default(column));
            let Some(first) = first.cloned() else {
                continue;
            };
            for row in &mut *tied {
                row.set_default(column, &first);
            }
        }
    }
}

/// The order in which observations of a key count (semantics §7). A baseline comes after the rows of
/// its instant, which it completes.
pub(in crate::merge) fn order(one: &Observation, other: &Observation) -> std::cmp::Ordering {
    let rank = |it: &Observation| (it.at, it.load, it.line);
    one.at
        .cmp(&other.at)
        .then_with(|| one.origin.cmp(&other.origin))
        .then_with(|| one.sequence.cmp(&other.sequence))
        .then_with(|| rank(one).cmp(&rank(other)))
}

/// Of the rows at one instant only the greatest counts, which is the last one. Baselines at one
/// instant are of several columns, and all count.
pub(in crate::merge) fn is_beaten(ordered: &[Observation], place: usize) -> bool {
    let own = &ordered[place];
    own.origin == Origin::Row
        && ordered
            .get(place + 1)
            .is_some_and(|next| next.at == own.at && next.origin == Origin::Row)
}

/// What is said from one instant on: the row that counts, completed by the baselines of its instant
/// in the columns of which it does not speak.
fn completed(ordered: &[Observation], place: usize, row: &Values) -> Values {
    let mut values = row.clone();
    let at = ordered[place].at;
    for baseline in ordered[place + 1..].iter().take_while(|next| next.at == at) {
        let Said::Present(more) = &baseline.said else {
            continue;
        };
        let mut authored = values.authored.to_vec();
        for column in (0..authored.len()).filter(|column| more.authored[*column]) {
            if !authored[column] {
                authored[column] = true;
                values.cells[column].clone_from(&more.cells[column]);
            }
        }
        values.authored = authored.into();
    }
    values
}

struct Folding<'r> {
    rules: &'r Rules,
    versions: Vec<Version>,
    /// While the key is there: which columns anything is known of. The version is the last one.
    running: Option<Vec<bool>>,
}

impl Folding<'_> {
    fn take(&mut self, ordered: &[Observation], place: usize) -> Effect {
        let observation = &ordered[place];
        let completes = || {
            let before = place.checked_sub(1).map(|before| &ordered[before]);
            before.is_some_and(|before| before.at == observation.at)
        };
        match (&observation.said, observation.origin) {
            (Said::Absent, _) => self.end(observation.at),
            // It cannot say that the key is there; and the row before it said its part.
            (Said::Present(_), Origin::Baseline) if self.running.is_none() => Effect::AbsentAlready,
            (Said::Present(_), Origin::Baseline) if completes() => Effect::Confirmed,
            (Said::Present(values), _) => {
                self.learn(observation, &completed(ordered, place, values))
            }
        }
    }

    fn end(&mut self, at: Micros) -> Effect {
        match (self.running.take(), self.versions.last_mut()) {
            (Some(_), Some(version)) => {
                version.ends = Some(at);
                Effect::Ended
            }
            _ => Effect::AbsentAlready,
        }
    }

    fn learn(&mut self, observation: &Observation, values: &Values) -> Effect {
        let (Some(known), Some(version)) = (&mut self.running, self.versions.last_mut()) else {
            self.running = Some(values.authored.to_vec());
            self.versions.push(begin(observation, values.cells.clone()));
            return Effect::Began;
        };
        let differing: Vec<usize> = versioned(self.rules)
            .filter(|column| values.authored[*column])
            .filter(|column| version.cells[*column] != values.cells[*column])
            .collect();
        let fills = self.rules.new_values == NewValues::Fill
            && differing.iter().all(|column| !known[*column]);
        for (known, authored) in known.iter_mut().zip(values.authored.iter()) {
            *known |= authored;
        }
        if differing.is_empty() {
            return Effect::Confirmed;
        }
        if fills {
            for column in differing {
                version.cells[column].clone_from(&values.cells[column]);
            }
            return Effect::Filled;
        }
        version.ends = Some(observation.at);
        let mut cells = version.cells.clone();
        for column in differing {
            cells[column].clone_from(&values.cells[column]);
        }
        self.versions.push(begin(observation, cells));
        Effect::Changed
    }
}

fn begin(observation: &Observation, cells: Vec<Cell>) -> Version {
    Version {
        starts: observation.at,
        ends: None,
        load: observation.load,
        line: observation.line,
        cells,
    }
}

/// The columns in which a difference begins a version.
pub(in crate::merge) fn versioned(rules: &Rules) -> impl Iterator<Item = usize> {
    let columns = rules.columns.iter().enumerate();
    columns
        .filter(|(_, rule)| **rule == ColumnRule::Attribute(Role::Type2))
        .map(|(column, _)| column)
}

/// The columns that show one value in all versions.
pub(in crate::merge) fn overlaid(rules: &Rules) -> impl Iterator<Item = (usize, Role)> {
    let columns = rules.columns.iter().enumerate();
    columns.filter_map(|(column, rule)| match rule {
        ColumnRule::Attribute(role @ (Role::Type0 | Role::Type1)) => Some((column, *role)),
        _ => None,
    })
}

/// Writes the first value of each type 0 column, and the last one of each type 1 column, into all
/// versions.
fn spread(
    rules: &Rules,
    observations: &[Observation],
    effects: &[Effect],
    versions: &mut [Version],
) {
    for (column, role) in overlaid(rules) {
        let mut said = said_of(observations, effects, column);
        let value = match role {
            Role::Type0 => said.next(),
            _ => said.last(),
        };
        let value = value.or_else(|| first_default(observations, effects, column));
        if let Some(value) = value {
            for version in versions.iter_mut() {
                version.cells[column].clone_from(value);
            }
        }
    }
}

/// The default that the first version began with, if it did.
fn first_default<'o>(
    observations: &'o [Observation],
    effects: &[Effect],
    column: usize,
) -> Option<&'o Cell> {
    let first = effects.iter().position(|effect| *effect == Effect::Began)?;
    match &observations[first].said {
        Said::Present(values) if values.defaulted[column] => Some(&values.cells[column]),
        _ => None,
    }
}

/// The values of a column that count, in their order.
fn said_of<'o>(
    observations: &'o [Observation],
    effects: &'o [Effect],
    column: usize,
) -> impl Iterator<Item = &'o Cell> {
    observations
        .iter()
        .zip(effects)
        .filter(|(_, effect)| **effect != Effect::Lost)
        .filter_map(move |(observation, _)| match &observation.said {
            Said::Present(values) if values.authored[column] => Some(&values.cells[column]),
            _ => None,
        })
}
