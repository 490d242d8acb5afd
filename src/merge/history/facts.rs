//! Facts whose past changes: a load of them is undone or redone, or comes late.
//!
//! In: which facts are touched, and what happened to a load. Out: these facts, and the rows that are
//! held, as they follow from all that counts. A fact has no versions, so it is the last state of a
//! history in which every column counts: the newest word stands in each, and the load and line are
//! those of the row that last said something new. While the newest state names a member that its
//! dimension does not have, the fact is the last state before that, and the rows since then wait.
//!
//! What is read and written goes with the touched facts. A fact of which a load said nothing new is
//! not touched when the load comes or goes: whether it counts makes no difference ([`chain`]).

mod chain;
mod gather;
mod prove;
mod record;
mod store;

use std::collections::BTreeMap;

use chrono::DateTime;
use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

pub(in crate::merge) use self::gather::{FactRow, Facts};
pub(super) use self::prove::prove_facts;
pub(in crate::merge) use self::store::Coming;
use crate::db::prelude::*;

use self::chain::{Past, Row, Rules, Saying, Settled, Words, settle};
use self::record::Batch;
use super::fold::Micros;
use super::natural::Natural;
use super::refold::touched_after;
use super::store::Load;
use super::turn::{Target, Turn, Turned, set_status};
use super::{Table, store as ledger_store};
use crate::contract::{Contract, Ident, Kind, Reference, TableName};
use crate::failpoint;
use crate::merge::MergeError;
use crate::merge::ledger::{self, Keys};
use crate::merge::plan::{Sample, Version};
use crate::merge::sql;
use crate::stage::key::KeyScheme;
use crate::summary::{Changes, Status};

/// What happened.
#[derive(Debug)]
pub(in crate::merge) enum Occasion<'a> {
    /// A load comes late.
    Comes(Coming<'a>),
    /// A load no longer counts.
    Goes(i64),
    /// A load counts again.
    Returns(i64),
    /// Members came of which rows were waiting.
    MembersCome,
    /// Facts that no load brought are rows of a load from now on, and are among those that count.
    TakesOver(i64),
}

/// What became of the touched facts.
#[derive(Debug, Default)]
pub(in crate::merge) struct Refolded {
    pub(in crate::merge) changes: Changes,
    /// Facts of which the load's row waits, or waited until it went.
    pub(in crate::merge) held: u64,
    /// Some of the facts, before and after.
    pub(in crate::merge) samples: Vec<Sample>,
}

/// Makes the facts anew of which a load said something new.
pub(in crate::merge) fn turn_facts(
    conn: &mut PgConnection,
    contract: &Contract,
    keys: &KeyScheme,
    (load_id, target): (i64, &Target),
    turn: Turn,
    samples: usize,
) -> Result<Turned, MergeError> {
    begin(conn, contract)?;
    let (occasion, status) = match turn {
        Turn::Undo => {
            touch_written(conn, contract, keys, load_id)?;
            (Occasion::Goes(load_id), Status::Undone)
        }
        Turn::Redo => (Occasion::Returns(load_id), Status::Loaded),
    };
    sql_query(sql::touch_remembered_facts(contract))
        .bind::<BigInt, _>(load_id)
        .execute(conn)?;
    let refolded = refold(conn, contract, &occasion, samples)?;
    failpoint!("undo::refolded");
    set_status(conn, load_id, status)?;
    failpoint!("undo::marked");
    let mut changes = refolded.changes;
    // The rows that said nothing new were not even looked at.
    changes.unchanged = target
        .rows()
        .saturating_sub(refolded.held)
        .saturating_sub(changes.inserted + changes.updated + changes.closed);
    Ok(Turned {
        changes,
        held: refolded.held,
        released: 0,
        told: Vec::new(),
        samples: refolded.samples,
    })
}

/// Touches the facts that are from a load, and those of which its rows wait.
fn touch_written(
    conn: &mut PgConnection,
    contract: &Contract,
    keys: &KeyScheme,
    load_id: i64,
) -> Result<(), MergeError> {
    touch_shown(conn, contract, keys, load_id)?;
    sql_query(sql::touch_held_facts(contract))
        .bind::<Text, _>(contract.name.as_str())
        .bind::<BigInt, _>(load_id)
        .execute(conn)?;
    Ok(())
}

fn touch_shown(
    conn: &mut PgConnection,
    contract: &Contract,
    keys: &KeyScheme,
    load_id: i64,
) -> Result<(), MergeError> {
    #[derive(QueryableByName)]
    struct Written {
        #[diesel(sql_type = Array<Nullable<Text>>)]
        cells: Vec<Option<String>>,
    }
    let written: Vec<Written> = sql_query(sql::read_facts_of_load(contract))
        .bind::<BigInt, _>(load_id)
        .load(conn)?;
    if written.is_empty() {
        return Ok(());
    }
    let table = contract.name.clone();
    match ledger::vouch_for_keys(conn, contract, keys)? {
        Keys::Same => {}
        Keys::OtherScheme => return Err(MergeError::OtherKeyScheme { table }),
        Keys::OtherColumns => return Err(MergeError::OtherKeyColumns { table }),
    }
    let natural = Natural::of(contract, keys);
    let mut facts = Vec::with_capacity(written.len());
    for written in written {
        let key = natural.as_ref().and_then(|it| it.key(&written.cells));
        let Some(key) = key else {
            return Err(MergeError::BrokenHistory { table, keys: 1 });
        };
        facts.push((key, written.cells));
    }
    record::touch(conn, contract, &facts)
}

/// Makes the facts anew of which the landed rows of a late load speak.
pub(in crate::merge) fn refold_landed(
    conn: &mut PgConnection,
    contract: &Contract,
    coming: Coming<'_>,
) -> Result<Refolded, MergeError> {
    begin(conn, contract)?;
    sql_query(sql::touch_landed_facts(coming.shape)).execute(conn)?;
    refold(conn, contract, &Occasion::Comes(coming), 0)
}

/// Gives facts that are a takeover's from now on their place among what was said of them before: the
/// last one.
pub(in crate::merge) fn take_over_facts(
    conn: &mut PgConnection,
    contract: &Contract,
    load_id: i64,
    facts: &Facts,
    samples: usize,
) -> Result<Refolded, MergeError> {
    begin(conn, contract)?;
    record::touch(conn, contract, &facts.keys)?;
    refold(conn, contract, &Occasion::TakesOver(load_id), samples)
}

/// Lets in the rows that waited for members that have come, and behind which newer rows wait for
/// others. The members are in the table that the release of held facts makes.
pub(in crate::merge) fn let_in_behind(
    conn: &mut PgConnection,
    contract: &Contract,
    dimension: &TableName,
) -> Result<Refolded, MergeError> {
    begin(conn, contract)?;
    let mut touched = 0;
    for reference in references(contract) {
        if reference.dimension == *dimension {
            touched += sql_query(sql::touch_facts_behind(contract, reference))
                .bind::<Text, _>(contract.name.as_str())
                .execute(conn)?;
        }
    }
    if touched == 0 {
        return Ok(Refolded::default());
    }
    refold(conn, contract, &Occasion::MembersCome, 0)
}

/// A load of the facts' dimension has touched keys of its own, and is done with them.
fn begin(conn: &mut PgConnection, contract: &Contract) -> QueryResult<()> {
    conn.batch_execute("drop table if exists pg_temp.hayloft_touched")?;
    sql_query(sql::create_touched_facts(contract)).execute(conn)?;
    Ok(())
}

/// Recomputes the touched facts, and writes what differs.
fn refold(
    conn: &mut PgConnection,
    contract: &Contract,
    occasion: &Occasion<'_>,
    samples: usize,
) -> Result<Refolded, MergeError> {
    conn.batch_execute("analyze pg_temp.hayloft_touched")?;
    record::prepare(conn, contract)?;
    // A fact has no durable key of its own; the ledger's stands in for it.
    let durable_key = Ident::vouched("hayloft_key");
    let table = Table::new(contract, &durable_key);
    let loads = ledger_store::loads(conn, &table)?;
    let columns: Vec<usize> = references(contract).iter().map(|it| it.column).collect();
    let mut story = Story::new(contract, occasion, samples);
    let mut last = None;
    loop {
        let keys = touched_after(conn, last)?;
        let (Some(from), Some(to)) = (keys.first().copied(), keys.last().copied()) else {
            break;
        };
        let mut pasts = store::read(conn, &table, &loads, (from, to), &keys)?;
        for past in &mut pasts {
            refuse_unknown(contract, past, &loads)?;
            if let Occasion::TakesOver(load) = occasion {
                past.recognise(&contract.columns, *load);
            }
            past.resolve().map_err(|_| forgotten(contract))?;
        }
        if let Occasion::Comes(coming) = occasion {
            let mut rows = store::read_coming(conn, contract, coming, from, to)?;
            for past in &mut pasts {
                past.said.extend(rows.remove(&past.key));
                past.said.sort_by_key(|saying| (saying.at, saying.load));
            }
        }
        let known = store::known_members(conn, references(contract), &pasts)?;
        let rules = Rules {
            columns: &contract.columns,
            references: &columns,
            known: &known,
        };
        let mut batch = Batch::default();
        for past in &pasts {
            let settled = settle(&rules, past, |saying| occasion.counts(saying));
            batch.note(contract, past, &settled)?;
            story.note(&rules, past, &settled);
        }
        batch.flush(conn, contract)?;
        last = Some(to);
    }
    record::apply(conn, contract, references(contract))?;
    MergeError::unless_unbroken(&contract.name, story.broken)?;
    Ok(story.refolded)
}

/// What no load said cannot be made anew, and nobody vouches for it: a person has to take it over.
fn refuse_unknown(
    contract: &Contract,
    past: &Past,
    loads: &BTreeMap<i64, Load>,
) -> Result<(), MergeError> {
    let is_known = |row: &Row| loads.get(&row.load).is_some_and(|load| load.counts);
    if past.shown.as_ref().is_none_or(is_known) {
        return Ok(());
    }
    Err(MergeError::UnknownRows {
        table: contract.name.clone(),
    })
}

fn references(contract: &Contract) -> &[Reference] {
    match &contract.kind {
        Kind::Fact { references, .. } => references,
        Kind::Dimension { .. } => &[],
    }
}

fn forgotten(contract: &Contract) -> MergeError {
    MergeError::NotTurned(format!(
        "Some rows of `{}` were loaded by an older version of Hayloft, which did not keep what \
         rows said. So it cannot be told what these facts would be.",
        contract.name
    ))
}

impl Occasion<'_> {
    /// Whether a row counts from now on.
    fn counts(&self, saying: &Saying) -> bool {
        match self {
            Self::Goes(load) => saying.counts && saying.load != *load,
            Self::Returns(load) => saying.counts || saying.load == *load,
            Self::Comes(_) | Self::MembersCome | Self::TakesOver(_) => saying.counts,
        }
    }
}

// ---- what happened ------------------------------------------------------------------------------

/// Adds up what happened.
struct Story<'a> {
    contract: &'a Contract,
    occasion: &'a Occasion<'a>,
    samples: usize,
    refolded: Refolded,
    /// Facts that are from the load, and of which its manifest knows nothing.
    broken: u64,
}

impl<'a> Story<'a> {
    fn new(contract: &'a Contract, occasion: &'a Occasion<'a>, samples: usize) -> Self {
        Self {
            contract,
            occasion,
            samples,
            refolded: Refolded::default(),
            broken: 0,
        }
    }

    fn note(&mut self, rules: &Rules<'_>, past: &Past, settled: &Settled) {
        let action = self.action(past, settled);
        let changes = &mut self.refolded.changes;
        let waits = |place: Option<usize>, settled: &Settled| {
            place.is_some_and(|place| place >= settled.waits_from)
        };
        let place_of = |load| past.said.iter().position(|saying| saying.load == load);
        match self.occasion {
            Occasion::Goes(load) => {
                let place = place_of(*load);
                if place.is_none() {
                    self.broken += 1;
                }
                if let Some(count) = counted(changes, action) {
                    *count += 1;
                } else if waits(place, &settle(rules, past, |saying| saying.counts)) {
                    self.refolded.held += 1;
                }
            }
            Occasion::Returns(load) => {
                if let Some(count) = counted(changes, action) {
                    *count += 1;
                } else if waits(place_of(*load), settled) {
                    self.refolded.held += 1;
                }
            }
            Occasion::Comes(_) => {
                let place = past.said.iter().position(|it| it.words == Words::Coming);
                if waits(place, settled) {
                    self.refolded.held += 1;
                } else if let Some(count) = counted(changes, action) {
                    *count += 1;
                } else if place.is_some_and(|place| is_last(past, place)) {
                    changes.unchanged += 1;
                } else {
                    changes.late_unchanged += 1;
                }
            }
            Occasion::MembersCome => {
                if let Some(count) = counted(changes, action) {
                    *count += 1;
                }
            }
            // The last word of each column is what the fact shows.
            Occasion::TakesOver(_) => {
                changes.unchanged += 1;
                return self.tell_taken(past);
            }
        }
        self.tell(action, past, settled);
    }

    /// What the table's reader sees happen to the fact.
    fn action(&self, past: &Past, settled: &Settled) -> Option<&'static str> {
        match (&past.shown, &settled.fact) {
            (None, None) => None,
            (None, Some(_)) => Some("inserted"),
            (Some(_), None) => Some("closed"),
            (Some(old), Some((new, _))) => {
                record::differs(self.contract, old, new).then_some("updated")
            }
        }
    }

    fn tell(&mut self, action: Option<&'static str>, past: &Past, settled: &Settled) {
        let Some(action) = action else { return };
        if !self.wants(action) {
            return;
        }
        let version = |row: &Row| version(self.contract, row, said_at(past, row));
        self.refolded.samples.push(Sample {
            action: action.to_owned(),
            key: past.key,
            before: past.shown.iter().map(version).collect(),
            after: settled.fact.iter().map(|(row, _)| version(row)).collect(),
        });
    }

    /// Tells of a fact that was taken over as it is.
    fn tell_taken(&mut self, past: &Past) {
        const ACTION: &str = "unchanged";
        if !self.wants(ACTION) {
            return;
        }
        let version = |row: &Row| version(self.contract, row, said_at(past, row));
        self.refolded.samples.push(Sample {
            action: ACTION.to_owned(),
            key: past.key,
            before: Vec::new(),
            after: past.shown.iter().map(version).collect(),
        });
    }

    /// Whether few facts of a kind were told of.
    fn wants(&self, action: &str) -> bool {
        let samples = self.refolded.samples.iter();
        samples.filter(|told| told.action == action).count() < self.samples
    }
}

/// When a row was said.
fn said_at(past: &Past, row: &Row) -> Micros {
    let writer = past.said.iter().find(|saying| saying.load == row.load);
    writer.map_or(0, |saying| saying.at)
}

fn counted<'c>(changes: &'c mut Changes, action: Option<&str>) -> Option<&'c mut u64> {
    match action? {
        "inserted" => Some(&mut changes.inserted),
        "closed" => Some(&mut changes.closed),
        _ => Some(&mut changes.updated),
    }
}

fn is_last(past: &Past, place: usize) -> bool {
    past.said[place + 1..].iter().all(|saying| !saying.counts)
}

fn version(contract: &Contract, row: &Row, at: Micros) -> Version {
    let columns = contract.columns.iter().zip(&row.cells);
    Version {
        starts: DateTime::from_timestamp_micros(at).unwrap_or_default(),
        ends: None,
        values: columns
            .map(|(column, cell)| {
                let value = cell.as_deref().map(str::to_owned);
                (column.name.name().to_owned(), value)
            })
            .collect(),
        load_id: row.load,
        line: row.line,
    }
}

#[cfg(test)]
mod tests;
