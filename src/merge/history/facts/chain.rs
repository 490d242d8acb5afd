//! What was said of one fact → what the table and the ledger are to have of it.
//!
//! In: the rows of all loads that spoke of a key, in the order in which they count, and which members
//! are known. Out: the fact, the row that waits beside it, and which rows the ledger has to keep the
//! words of. A row says the values of the columns that its file had; of each column the last word
//! stands. The fact is from the last row that said something new.
//!
//! A kept value that its column no longer takes, since a migration changed the type, is nothing that can be
//! shown: a state that has one waits, and the fact is the last state before it.
//!
//! A row that says nothing new is kept by its key alone, in its load's manifest: that it says what
//! stood before it. [`Past::resolve`] reads it so, and [`settle`] keeps it so: where what stands
//! before a row changes, its words go to the ledger.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::super::fold::{Cell, Micros};
use super::super::same::is_same;
use crate::contract::{Column, Nullability};
use crate::stage::digest::{Digest, ValueDigest};

/// What is known of one fact before something changes.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) key: Uuid,
    /// The fact as the table has it.
    pub(super) shown: Option<Row>,
    /// What waits beside it: values only of the columns that a waiting row spoke of.
    pub(super) waiting: Option<Waiting>,
    /// All that was said of it, in the order in which it counts.
    pub(super) said: Vec<Saying>,
    /// When rows were let in that had waited, each with its load.
    pub(super) let_in: Vec<(i64, Micros)>,
    /// The columns of which the ledger keeps a value, be it NULL.
    pub(super) kept_columns: BTreeSet<usize>,
    pub(super) entry: Entry,
}

/// Whether rows go in once their members are known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Entry {
    /// It can be tried.
    #[default]
    Open,
    /// It was tried, and the table refused the rows that wait.
    Refused,
}

/// A row of the fact table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) load: i64,
    pub(super) line: i64,
}

/// A row that is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Waiting {
    /// `None` for a column of which no waiting row spoke.
    pub(super) cells: Vec<Option<Cell>>,
    /// The columns that do not take their value.
    pub(super) misfits: BTreeSet<usize>,
    pub(super) load: i64,
    pub(super) line: i64,
}

/// One row of one load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Saying {
    pub(super) at: Micros,
    pub(super) load: i64,
    pub(super) line: i64,
    /// Whether its load counts.
    pub(super) counts: bool,
    pub(super) authored: Arc<[bool]>,
    /// Its values. Of columns that it did not speak of, what the ledger happens to have.
    pub(super) cells: Vec<Cell>,
    /// The columns that do not take their value.
    pub(super) misfits: BTreeSet<usize>,
    pub(super) words: Words,
    /// Stands for what it said, where the ledger keeps that.
    pub(super) digest: Option<Digest>,
}

/// Where the words of a row are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Words {
    /// They come now.
    Coming,
    /// In the ledger.
    Kept,
    /// Not in the ledger: the fact, or the row that waits, shows them, or else it said what stood.
    Shown,
}

/// What the columns of a fact table mean here.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) columns: &'a [Column],
    /// The columns that name a member, and the members that are known.
    pub(super) references: &'a [usize],
    pub(super) known: &'a HashSet<(usize, Arc<str>)>,
}

impl Past {
    /// Finds rows of which nothing is left, since somebody wrote over their fact, and that said what it
    /// shows: their digest tells. The load that takes the fact over says nothing new then.
    pub(super) fn recognise(&mut self, columns: &[Column], taken_over_by: i64) {
        let Some(shown) = &self.shown else { return };
        let says_what_is_shown = |saying: &Saying| {
            let digest = authored(saying).fold(Digest::default(), |sum, place| {
                let cell = shown.cells[place].as_deref();
                sum.and(ValueDigest::of(&columns[place]).printed(cell))
            });
            saying.digest == Some(digest)
        };
        let unkept = self
            .said
            .iter_mut()
            .filter(|saying| saying.words == Words::Shown && saying.load != taken_over_by);
        for saying in unkept {
            if says_what_is_shown(saying) {
                saying.cells.clone_from(&shown.cells);
                saying.words = Words::Coming;
            }
        }
    }

    /// Finds the values of the rows that are not kept in the ledger. Takes out those of which nothing
    /// is left, and says whether one of them is of a time in which words were not kept.
    pub(super) fn resolve(&mut self) -> Result<(), Forgotten> {
        let base = self.base();
        let (shown, waiting) = (&self.shown, &self.waiting);
        let mut state: Option<State> = None;
        let mut is_known = Vec::with_capacity(self.said.len());
        for saying in &mut self.said {
            if saying.words == Words::Shown {
                let found = if let Some(row) = shown.as_ref().filter(|row| row.load == saying.load)
                {
                    Some((row.cells.clone(), BTreeSet::new()))
                } else if let Some(row) = waiting.as_ref().filter(|row| row.load == saying.load) {
                    let cells = row.cells.iter().cloned();
                    let cells = cells.map(Option::unwrap_or_default).collect();
                    Some((cells, row.misfits.clone()))
                } else {
                    let state = state.as_ref();
                    state.map(|it| (it.cells.clone(), it.misfits.keys().copied().collect()))
                };
                match found {
                    Some((cells, misfits)) => {
                        saying.cells = cells;
                        saying.misfits = misfits;
                    }
                    // The line is not known of loads of before lines, and with them words, were kept.
                    None if saying.line == 0 => return Err(Forgotten),
                    // A person took the fact out of the table; nothing is left of what it said.
                    None => {
                        is_known.push(false);
                        continue;
                    }
                }
            }
            is_known.push(true);
            if saying.counts {
                learn(&mut state, &base, saying);
            }
        }
        let mut is_known = is_known.into_iter();
        self.said.retain(|_| is_known.next().unwrap_or(true));
        Ok(())
    }

    /// Up to which row all go in whose members are known. Behind it the first that said something new
    /// waits, and with it all that follow.
    fn open_until(&self) -> usize {
        match (self.entry, &self.shown) {
            (Entry::Open, _) => self.said.len(),
            (Entry::Refused, None) => 0,
            (Entry::Refused, Some(row)) => {
                let mut said = self.said.iter();
                said.position(|saying| saying.load == row.load)
                    .map_or(0, |writer| writer + 1)
            }
        }
    }

    /// Since when a row can have been a fact.
    fn written_at(&self, saying: &Saying) -> Micros {
        let let_in = self.let_in.iter();
        let let_in = let_in.filter(|(load, _)| *load == saying.load);
        let_in.map(|(_, at)| *at).fold(saying.at, Micros::max)
    }

    /// The columns of which nothing is known, and that have their defaults once the fact is there.
    pub(super) fn unsaid(&self, columns: &[Column]) -> impl Iterator<Item = usize> {
        let base = self.base();
        columns
            .iter()
            .enumerate()
            .filter_map(move |(place, column)| {
                let is_said = self.said.iter().any(|saying| saying.authored[place]);
                let had_none = self.kept_columns.contains(&place)
                    && column.nullability == Nullability::Nullable;
                (!is_said && !had_none && base.cells[place].is_none()).then_some(place)
            })
    }

    /// What the fact had before a row said something of the column: a default of the database, what a
    /// migration filled in, or a person's hand.
    fn base(&self) -> State {
        let columns = match (&self.shown, self.said.first()) {
            (Some(row), _) => row.cells.len(),
            (None, Some(saying)) => saying.authored.len(),
            (None, None) => 0,
        };
        let mut base = State {
            cells: vec![None; columns],
            misfits: BTreeMap::new(),
        };
        for column in 0..columns {
            let told = self.said.iter().position(|it| self.tells(it, column));
            match (told, &self.shown) {
                (None, Some(row)) => base.cells[column].clone_from(&row.cells[column]),
                (told, _) => {
                    let before = &self.said[..told.unwrap_or(self.said.len())];
                    if let Some(kept) = kept_beside(before, column) {
                        base.take(column, kept);
                    }
                }
            }
        }
        base
    }

    /// Whether a row says a value that is not, as far as is known, the one that stood before it.
    fn tells(&self, saying: &Saying, column: usize) -> bool {
        let is_from = |load: Option<i64>| load == Some(saying.load);
        let is_written = is_from(self.shown.as_ref().map(|row| row.load))
            || is_from(self.waiting.as_ref().map(|row| row.load));
        saying.authored[column] && (saying.words != Words::Shown || is_written)
    }

    /// What the fact had before any row spoke of a column, to be kept with the words of a row that does not
    /// speak of it either.
    pub(super) fn beside(&self, saying: &Saying) -> BTreeMap<usize, Cell> {
        let cells = self.base().cells.into_iter().enumerate();
        let cells = cells.filter(|(column, _)| !saying.authored[*column]);
        cells.filter(|(_, cell)| cell.is_some()).collect()
    }
}

/// The last row that does not speak of a column, and with whose words the ledger keeps a value of it.
fn kept_beside(said: &[Saying], column: usize) -> Option<&Saying> {
    let mut kept = said.iter().rev().filter(|it| it.words == Words::Kept);
    kept.find(|it| !it.authored[column] && it.cells[column].is_some())
}

/// What stands after some rows.
#[derive(Clone, Debug)]
struct State {
    cells: Vec<Cell>,
    /// The columns that do not take their value, each with the load and line that it is from.
    misfits: BTreeMap<usize, (i64, i64)>,
}

impl State {
    /// The first value that its column does not take.
    fn misfit(&self) -> Option<Misfit> {
        let (column, (load, line)) = self.misfits.first_key_value()?;
        Some(Misfit {
            column: *column,
            load: *load,
            line: *line,
        })
    }

    /// Takes the value that a row has for a column.
    fn take(&mut self, column: usize, saying: &Saying) {
        let is_other = self.cells[column] != saying.cells[column];
        self.cells[column].clone_from(&saying.cells[column]);
        if !saying.misfits.contains(&column) {
            self.misfits.remove(&column);
        } else if is_other || !self.misfits.contains_key(&column) {
            self.misfits.insert(column, (saying.load, saying.line));
        }
    }
}

/// Nothing is known of what an old load said of the fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Forgotten;

/// Takes the values of a row.
fn learn(state: &mut Option<State>, base: &State, saying: &Saying) {
    let state = state.get_or_insert_with(|| base.clone());
    for column in authored(saying) {
        state.take(column, saying);
    }
}

fn authored(saying: &Saying) -> impl Iterator<Item = usize> {
    let columns = saying.authored.iter().enumerate();
    columns
        .filter(|(_, authored)| **authored)
        .map(|(column, _)| column)
}

/// What becomes of a fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Settled {
    /// The fact, and its instants.
    pub(super) fact: Option<(Row, Since)>,
    pub(super) waiting: Option<Waiting>,
    /// The rows whose words the ledger has to keep, by their place.
    pub(super) kept: Vec<usize>,
    /// From which row on they wait; past the last one, if none does.
    pub(super) waits_from: usize,
    /// Why the last of them waits, if all its members are known.
    pub(super) misfit: Option<Misfit>,
}

/// A value that its column does not take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Misfit {
    pub(super) column: usize,
    /// The load that said it.
    pub(super) load: i64,
    /// The line.
    pub(super) line: i64,
}

/// The instants of a fact: from when on it is, and when it last became another one. Neither comes before
/// the row that it is from, or before an earlier one, was let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Since {
    pub(super) created: Micros,
    pub(super) updated: Micros,
}

/// Finds what becomes of a fact when these rows count.
pub(super) fn settle(rules: &Rules<'_>, past: &Past, counts: impl Fn(&Saying) -> bool) -> Settled {
    let base = past.base();
    let said = &past.said;
    let mut state: Option<State> = None;
    let mut first = None;
    let (mut latest, mut updated) = (Micros::MIN, Micros::MIN);
    let mut writer = 0;
    let mut settled = Settled {
        fact: None,
        waiting: None,
        kept: Vec::new(),
        waits_from: said.len(),
        misfit: None,
    };
    let mut shown_by = None;
    let open_until = past.open_until();
    let mut is_refused = false;
    // Whether a row that waits spoke of the column.
    let mut spoken: Vec<bool> = vec![false; base.cells.len()];
    let mut unkept = Vec::new();
    for (place, saying) in said.iter().enumerate() {
        let is_news = state
            .as_ref()
            .is_none_or(|state| differs(rules, saying, &state.cells));
        if is_news && saying.words != Words::Kept {
            unkept.push(place);
        }
        if !counts(saying) {
            continue;
        }
        learn(&mut state, &base, saying);
        let Some(state) = &state else { continue };
        latest = latest.max(past.written_at(saying));
        let first = *first.get_or_insert(latest);
        if is_news {
            (writer, updated) = (place, latest);
        }
        is_refused |= is_news && place >= open_until;
        let has_members = is_resolved(rules, &state.cells);
        settled.misfit = state.misfit().filter(|_| has_members);
        if has_members && state.misfits.is_empty() && !is_refused {
            let row = row(state.cells.clone(), &said[writer]);
            let since = Since {
                created: first,
                updated,
            };
            settled.fact = Some((row, since));
            shown_by = Some(writer);
            settled.waits_from = said.len();
            spoken.fill(false);
        } else {
            settled.waits_from = settled.waits_from.min(place);
            for (spoken, authored) in spoken.iter_mut().zip(saying.authored.iter()) {
                *spoken |= authored;
            }
        }
    }
    let mut waits = None;
    if let Some(state) = state.filter(|_| settled.waits_from < said.len()) {
        let misfits = state.misfits.keys().copied();
        let misfits = misfits.filter(|column| spoken[*column]).collect();
        let cells = state.cells.into_iter().zip(spoken.iter());
        settled.waiting = Some(Waiting {
            cells: cells.map(|(cell, spoken)| spoken.then_some(cell)).collect(),
            misfits,
            load: said[writer].load,
            line: said[writer].line,
        });
        waits = Some(writer);
    }
    unkept.retain(|place| Some(*place) != shown_by && Some(*place) != waits);
    settled.kept = unkept;
    settled
}

fn row(cells: Vec<Cell>, saying: &Saying) -> Row {
    Row {
        cells,
        load: saying.load,
        line: saying.line,
    }
}

/// Whether all members that the fact names are known.
fn is_resolved(rules: &Rules<'_>, cells: &[Cell]) -> bool {
    rules.references.iter().all(|column| {
        let named = cells[*column].as_ref();
        named.is_none_or(|member| rules.known.contains(&(*column, Arc::clone(member))))
    })
}

fn differs(rules: &Rules<'_>, saying: &Saying, state: &[Cell]) -> bool {
    let mut columns = authored(saying);
    columns.any(|column| {
        !is_same(
            &rules.columns[column],
            &saying.cells[column],
            &state[column],
        )
    })
}
