//! Whether the table says what its files said (semantics §22).
//!
//! In: a table, and the ledger. Out: a [`Proof`]: how many rows of files were compared with what the
//! table shows of them, what no file said, and what cannot be told. Each row is compared by its digest,
//! and what the ledger has of a key is folded and compared with its versions. So a value that was
//! changed by hand is found wherever it stands: in a version, in one that only carries it on, or in
//! what the ledger keeps. Everything is read, nothing is written.
//!
//! This is the one reader of history that shares the fold with those who write it: what it asks is
//! whether the table is what the fold makes of the ledger. What it cannot find, a fault of the fold
//! itself, is for `check`, which asks without it.

mod tally;

use std::collections::BTreeMap;

use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable};
use uuid::Uuid;

pub use self::tally::{Contradiction, Proof, Reason, Unproven, What};
use crate::db::prelude::*;

pub(super) use self::tally::{Place, RowWords, SaidRow, Tally, Verdict};

use super::Table;
use super::facts::prove_facts;
use super::fold::{Effect, Observation, Origin, Said, Version, fold};
use super::natural::Natural;
use super::same::{is_same, spell_alike};
use super::store::{self, Load, Needed, Past, Shown, Span};
use crate::contract::{Contract, Ident, Kind};
use crate::ledger::packed::prefix;
use crate::merge::ledger::{self, Keys};
use crate::merge::{MergeError, sql};
use crate::stage::key::KeyScheme;

/// How many rows of manifests are in memory together, at most, and how many versions.
const MENTIONS: usize = 2_000_000;
const VERSIONS: usize = 20_000;
const FEWEST: usize = 500;

/// What a proof tells of the values that it names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Telling {
    /// Nothing: they may be anybody's.
    Places,
    /// Also what the table shows.
    Values,
}

/// Compares a table with what its files said, as of the caller's transaction. `progress` hears of the
/// rows of the table that were read.
pub fn prove(
    conn: &mut PgConnection,
    contract: &Contract,
    keys: &KeyScheme,
    telling: Telling,
    progress: &dyn Fn(u64),
) -> Result<Proof, MergeError> {
    let keys = match ledger::known_keys(conn, contract, keys)? {
        Keys::Same => Some(keys),
        Keys::OtherScheme | Keys::OtherColumns => None,
    };
    match &contract.kind {
        Kind::Dimension { durable_key, .. } => {
            prove_dimension(conn, contract, durable_key, keys, telling, progress)
        }
        Kind::Fact { .. } => prove_facts(conn, contract, keys, telling, progress),
    }
}

fn prove_dimension(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
    keys: Option<&KeyScheme>,
    telling: Telling,
    progress: &dyn Fn(u64),
) -> Result<Proof, MergeError> {
    let table = Table::new(contract, durable_key);
    let loads = store::loads(conn, &table)?;
    let mut judge = Judge {
        table: &table,
        natural: keys.and_then(|keys| Natural::of(contract, keys)),
        tally: Tally::new(contract, &loads, telling),
    };
    each_span(conn, &table, &loads, |_, span| {
        for past in &span.pasts {
            judge.judge(past);
        }
        for unclaimed in &span.unclaimed {
            judge.tally.missing_key(unclaimed);
        }
        let versions: usize = span.pasts.iter().map(|past| past.versions.len()).sum();
        progress(versions as u64);
        Ok(())
    })?;
    Ok(judge.tally.finish(conn)?)
}

/// Reads a dimension with all that the ledger has of it, some thousand keys at a time.
pub(super) fn each_span(
    conn: &mut PgConnection,
    table: &Table<'_>,
    loads: &BTreeMap<i64, Load>,
    mut look: impl FnMut(&mut PgConnection, &Span) -> QueryResult<()>,
) -> QueryResult<()> {
    let mut from = Some(Uuid::nil());
    while let Some(begin) = from {
        let end = end_of_span(conn, table, begin, span_size(loads))?;
        let end = end.map_or(Uuid::max(), highest);
        let span = store::read_span(conn, table, loads, (begin, end))?;
        look(conn, &span)?;
        from = after(end);
    }
    Ok(())
}

/// How many versions are read at once: fewer where many loads spoke of each key.
pub(super) fn span_size(loads: &BTreeMap<i64, Load>) -> usize {
    (MENTIONS / loads.len().max(1)).clamp(FEWEST, VERSIONS)
}

fn end_of_span(
    conn: &mut PgConnection,
    table: &Table<'_>,
    begin: Uuid,
    versions: usize,
) -> QueryResult<Option<Uuid>> {
    #[derive(QueryableByName)]
    struct End {
        #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
        key: Option<Uuid>,
    }
    let end: End = sql_query(sql::end_of_span(table.contract, table.durable_key))
        .bind::<diesel::sql_types::Uuid, _>(begin)
        .bind::<BigInt, _>(i64::try_from(versions).unwrap_or(i64::MAX))
        .get_result(conn)?;
    Ok(end.key)
}

/// The highest key that begins as this one does: keys with one beginning are read together.
pub(super) fn highest(key: Uuid) -> Uuid {
    Uuid::from_u64_pair(u64::from_be_bytes(prefix(key)), u64::MAX)
}

/// The lowest key after the highest one of a beginning, if there is one.
pub(super) fn after(end: Uuid) -> Option<Uuid> {
    let (beginning, _) = end.as_u64_pair();
    beginning
        .checked_add(1)
        .map(|next| Uuid::from_u64_pair(next, 0))
}

/// A baseline of a column that is gone: it never said that the key is there, and of nothing else is
/// anything left to be shown.
fn says_nothing(lost: &Observation) -> bool {
    let Said::Present(values) = &lost.said else {
        return false;
    };
    lost.origin == Origin::Baseline && !values.authored.contains(&true)
}

// ---- one key ------------------------------------------------------------------------------------

struct Judge<'a> {
    table: &'a Table<'a>,
    /// Makes durable keys, where they can be made as they were.
    natural: Option<Natural<'a>>,
    tally: Tally<'a>,
}

impl Judge<'_> {
    fn judge(&mut self, past: &Past) {
        self.compare_rows(past);
        self.compare_versions(past);
        self.compare_key(past);
        for lost in past.lost.iter().filter(|lost| !says_nothing(lost)) {
            self.tally.lost(past.key, lost);
        }
    }

    /// Compares each row with what it is taken to have said.
    fn compare_rows(&mut self, past: &Past) {
        let columns = self.table.contract.columns.len();
        // By the version that shows it: rows that said something else, and the columns of which some
        // said the same.
        let mut doubted: BTreeMap<Option<i64>, Vec<&Observation>> = BTreeMap::new();
        let mut confirmed: BTreeMap<Option<i64>, Vec<bool>> = BTreeMap::new();
        for observation in past.counted.iter().chain(&past.idle) {
            let shown_by = shown_by(past, observation);
            match self.tally.compare(observation.into()) {
                Verdict::Differs => doubted.entry(shown_by).or_default().push(observation),
                Verdict::Same => {
                    let confirmed = confirmed
                        .entry(shown_by)
                        .or_insert_with(|| vec![false; columns]);
                    note_authored(confirmed, observation);
                }
                Verdict::Unproven => {}
            }
        }
        for (shown_by, doubted) in doubted {
            let confirmed = confirmed.remove(&shown_by);
            let suspects = suspects(&doubted, confirmed.as_deref(), columns);
            let Some(first) = doubted.first() else {
                continue;
            };
            let version = past
                .versions
                .iter()
                .find(|shown| Some(shown.version.starts) == shown_by);
            let what = match version {
                Some(_) => What::SaidOtherwise,
                None => What::KeptOtherwise,
            };
            let place = Place {
                key: past.key,
                starts: shown_by,
                load: first.load,
                line: first.line,
            };
            let cells = version.map(|shown| shown.version.cells.as_slice());
            self.tally.contradict(what, place, &suspects, cells);
        }
    }

    /// Compares the versions with those that the fold makes.
    fn compare_versions(&mut self, past: &Past) {
        let mut said = past.counted.clone();
        spell_alike(&self.table.contract.columns, &past.versions, &mut said);
        let (versions, effects) = fold(&self.table.rules, &mut said);
        for (observation, effect) in said.iter().zip(effects) {
            if effect == Effect::Began {
                self.note_unsaid(observation);
            }
        }
        for shown in &past.versions {
            let starts = shown.version.starts;
            let expected = (1..).zip(&versions).find(|(_, new)| new.starts == starts);
            let place = |of: &Version| Place {
                key: past.key,
                starts: Some(starts),
                load: of.load,
                line: of.line,
            };
            match expected {
                None => {
                    let place = place(&shown.version);
                    self.tally.contradict(What::NotSaid, place, &[], None);
                }
                Some((number, new)) => {
                    let mut differing = self.differing(shown, new);
                    let known = differing.len();
                    differing.retain(|column| !self.is_unfit(past, new, *column));
                    let unproven = usize::from(differing.len() < known);
                    self.tally.unproven(Reason::ValueMisfit, unproven);
                    let own = differing_own(shown, new, number);
                    let cells = Some(shown.version.cells.as_slice());
                    self.tally.follow(place(new), &differing, &own, cells);
                }
            }
        }
        for new in &versions {
            let is_shown = |shown: &Shown| shown.version.starts == new.starts;
            if !past.versions.iter().any(is_shown) {
                let place = Place {
                    key: past.key,
                    starts: Some(new.starts),
                    load: new.load,
                    line: new.line,
                };
                self.tally.contradict(What::Missing, place, &[], None);
            }
        }
    }

    fn differing(&self, shown: &Shown, new: &Version) -> Vec<usize> {
        let cells = shown.version.cells.iter().zip(&new.cells);
        let columns = self.table.contract.columns.iter().zip(cells).enumerate();
        columns
            .filter(|(_, (column, (shown, new)))| !is_same(column, shown, new))
            .map(|(place, _)| place)
            .collect()
    }

    /// Whether a version is to show a default that its column does not take. What stands in its place
    /// is the migration's.
    fn is_unfit(&self, past: &Past, new: &Version, column: usize) -> bool {
        let id = self.table.contract.columns[column].id.as_str();
        let mut misfits = past.misfits.iter();
        misfits.any(|misfit| {
            let default = past.default_of(misfit.load, misfit.line, column);
            misfit.needed == Needed::ByFirst
                && misfit.column == id
                && default == Some(&new.cells[column])
        })
    }

    /// Counts the values of a first version of which its row did not speak: a default of the
    /// database, or a person's hand.
    fn note_unsaid(&mut self, observation: &Observation) {
        let Said::Present(values) = &observation.said else {
            return;
        };
        for (column, cell) in values.cells.iter().enumerate() {
            if cell.is_some() && !values.authored[column] && !values.defaulted[column] {
                self.tally.unsaid(column);
            }
        }
    }

    /// Makes the durable key of each version anew.
    fn compare_key(&mut self, past: &Past) {
        let Some(natural) = &self.natural else {
            self.tally
                .unproven(Reason::KeysMadeOtherwise, past.versions.len());
            return;
        };
        let parts = &self.table.contract.key;
        for shown in &past.versions {
            let version = &shown.version;
            let text = |part: &usize| version.cells[*part].as_deref().map(str::to_owned);
            let cells: Vec<Option<String>> = parts.iter().map(text).collect();
            if natural.key(&cells) != Some(past.key) {
                let place = Place {
                    key: past.key,
                    starts: Some(version.starts),
                    load: version.load,
                    line: version.line,
                };
                self.tally
                    .contradict(What::OtherKey, place, parts, Some(&version.cells));
            }
        }
    }
}

/// The start of the version that shows what a row said; `None` if the ledger keeps that itself.
fn shown_by(past: &Past, observation: &Observation) -> Option<i64> {
    let Said::Present(values) = &observation.said else {
        return None;
    };
    let kept = past.payloads.get(&(observation.load, observation.line));
    let spoken = values.authored.iter().filter(|authored| **authored).count();
    if kept.is_some_and(|kept| kept.len() >= spoken) {
        return None;
    }
    let mut versions = past.versions.iter().map(|shown| &shown.version);
    versions
        .find(|version| version.covers(observation.at))
        .map(|version| version.starts)
}

fn note_authored(noted: &mut [bool], observation: &Observation) {
    if let Said::Present(values) = &observation.said {
        for (noted, authored) in noted.iter_mut().zip(values.authored.iter()) {
            *noted |= authored;
        }
    }
}

/// The columns in which a value may be another one: all of the rows that said otherwise spoke of
/// them, and none that said the same.
fn suspects(doubted: &[&Observation], confirmed: Option<&[bool]>, columns: usize) -> Vec<usize> {
    let is_spoken = |column: usize, by_all: bool| {
        let mut rows = doubted.iter().map(|row| match &row.said {
            Said::Present(values) => values.authored[column],
            Said::Absent => false,
        });
        if by_all {
            rows.all(|it| it)
        } else {
            rows.any(|it| it)
        }
    };
    let is_confirmed = |column: usize| confirmed.is_some_and(|it| it[column]);
    let narrow: Vec<usize> = (0..columns)
        .filter(|column| is_spoken(*column, true) && !is_confirmed(*column))
        .collect();
    if !narrow.is_empty() {
        return narrow;
    }
    (0..columns)
        .filter(|column| is_spoken(*column, false))
        .collect()
}

/// Hayloft's own columns in which a version differs from what follows from the ledger.
fn differing_own(shown: &Shown, new: &Version, number: i32) -> Vec<&'static str> {
    let version = &shown.version;
    [
        ("effective_end_date", version.ends != new.ends),
        ("version_number", shown.number != number),
        ("load_id", version.load != new.load),
        ("source_line", version.line != new.line),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(name, _)| name)
    .collect()
}
