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

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

pub(in crate::merge) use self::gather::{FactRow, Facts};
pub(super) use self::prove::prove_facts;
pub(in crate::merge) use self::store::Coming;
use crate::db::prelude::*;

use self::chain::{Past, Row, Rules, Saying, Settled, Waiting, Words, settle};
use self::record::Batch;
use super::fold::{Cell, Micros};
use super::natural::Natural;
use super::refold::touched_after;
use super::store::{Load, Misfit, Needed};
use super::turn::{Target, Turn, Turned, set_status};
use super::{Table, store as ledger_store};
use crate::contract::{Column, Contract, Ident, Kind, Reference, TableName};
use crate::failpoint;
use crate::merge::ledger::{self, Keys};
use crate::merge::plan::{Sample, Subject, Told, Version};
use crate::merge::{MergeError, held, sql};
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
    /// Members came of which rows were waiting, at this instant.
    MembersCome(Micros),
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
    refuse_misfit_key(conn, contract, load_id)?;
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
        told: Told::Samples(refolded.samples),
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
    samples: usize,
) -> Result<Refolded, MergeError> {
    begin(conn, contract)?;
    sql_query(sql::touch_landed_facts(coming.shape)).execute(conn)?;
    refold(conn, contract, &Occasion::Comes(coming), samples)
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
    at: DateTime<Utc>,
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
    let occasion = Occasion::MembersCome(at.timestamp_micros());
    refold(conn, contract, &occasion, 0)
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
    let (mut last, mut misfits) = (None, 0);
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
            let mut settled = settle(&rules, past, |saying| occasion.counts(saying));
            occasion.date(past, &mut settled);
            refuse_misfit(contract, occasion, past, &settled)?;
            batch.note(contract, past, &settled)?;
            story.note(&rules, past, &settled);
        }
        batch.flush(conn, contract)?;
        misfits += batch.misfits;
        last = Some(to);
    }
    if matches!(occasion, Occasion::MembersCome(_)) {
        sql_query(sql::keep_let_in()).execute(conn)?;
    }
    record::apply(conn, contract, references(contract))?;
    if misfits > 0 {
        held::explain_misfits(conn, &contract.name)?;
    }
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

/// A fact is never written cut or rounded. Where members come, the row that has such a value is held on;
/// a person who asks for it is told.
fn refuse_misfit(
    contract: &Contract,
    occasion: &Occasion<'_>,
    past: &Past,
    settled: &Settled,
) -> Result<(), MergeError> {
    match settled.misfit {
        Some(misfit)
            if !matches!(occasion, Occasion::MembersCome(_)) && past.waiting != settled.waiting =>
        {
            let misfit = Misfit {
                load: misfit.load,
                line: misfit.line,
                column: contract.columns[misfit.column].id.as_str().to_owned(),
                needed: Needed::ByRow,
            };
            Err(misfit.refusal(contract))
        }
        _ => Ok(()),
    }
}

/// A row whose natural key has a value that its column does not take is no fact of the table.
fn refuse_misfit_key(
    conn: &mut PgConnection,
    contract: &Contract,
    load: i64,
) -> Result<(), MergeError> {
    #[derive(QueryableByName)]
    struct MisfitKey {
        #[diesel(sql_type = BigInt)]
        line: i64,
        #[diesel(sql_type = Text)]
        column: String,
    }
    let misfit: Option<MisfitKey> = sql_query(sql::read_misfit_key(contract))
        .bind::<BigInt, _>(load)
        .bind::<Text, _>(contract.name.as_str())
        .get_result(conn)
        .optional()?;
    match misfit {
        Some(MisfitKey { line, column }) => Err(Misfit {
            load,
            line,
            column,
            needed: Needed::ByRow,
        }
        .refusal(contract)),
        None => Ok(()),
    }
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
            Self::Comes(_) | Self::MembersCome(_) | Self::TakesOver(_) => saying.counts,
        }
    }

    /// A fact that is let in is as new as its member, if that is newer.
    fn date(&self, past: &Past, settled: &mut Settled) {
        if let (Self::MembersCome(at), Some((_, since))) = (self, &mut settled.fact) {
            since.updated = since.updated.max(*at);
            if past.shown.is_none() {
                since.created = since.updated;
            }
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
        let fate = self.fate(action, rules, past, settled);
        let changes = &mut self.refolded.changes;
        match fate {
            Fate::Counted(action) => *counted(changes, action) += 1,
            Fate::Held => self.refolded.held += 1,
            Fate::Unchanged => changes.unchanged += 1,
            Fate::LateUnchanged => changes.late_unchanged += 1,
            Fate::Nothing => {}
        }
        self.tell(fate, past, settled);
    }

    /// What becomes of the row that it is all about.
    fn fate(
        &mut self,
        action: Option<&'static str>,
        rules: &Rules<'_>,
        past: &Past,
        settled: &Settled,
    ) -> Fate {
        let waits = |place: Option<usize>, settled: &Settled| {
            place.is_some_and(|place| place >= settled.waits_from)
        };
        let place_of = |load| past.said.iter().position(|saying| saying.load == load);
        match (self.occasion, action) {
            (Occasion::Goes(load), action) => {
                let place = place_of(*load);
                if place.is_none() {
                    self.broken += 1;
                }
                match action {
                    Some(action) => Fate::Counted(action),
                    None if waits(place, &settle(rules, past, |saying| saying.counts)) => {
                        Fate::Held
                    }
                    None => Fate::Nothing,
                }
            }
            (Occasion::Comes(_), action) => {
                let place = past.said.iter().position(|it| it.words == Words::Coming);
                match action {
                    _ if waits(place, settled) => Fate::Held,
                    Some(action) => Fate::Counted(action),
                    None if place.is_some_and(|place| is_last(past, place)) => Fate::Unchanged,
                    None => Fate::LateUnchanged,
                }
            }
            // The last word of each column is what the fact shows.
            (Occasion::TakesOver(_), _) => Fate::Unchanged,
            (_, Some(action)) => Fate::Counted(action),
            (Occasion::Returns(load), None) if waits(place_of(*load), settled) => Fate::Held,
            (Occasion::Returns(_) | Occasion::MembersCome(_), None) => Fate::Nothing,
        }
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

    fn tell(&mut self, fate: Fate, past: &Past, settled: &Settled) {
        let row = |row: &Row| version(self.contract, row, said_at(past, row.load));
        let waiting = |row: &Waiting| waiting(self.contract, row, said_at(past, row.load));
        let (action, before, after): (_, Vec<Version>, Vec<Version>) = match fate {
            Fate::Counted(action) => (
                action,
                past.shown.iter().map(row).collect(),
                settled.fact.iter().map(|(fact, _)| row(fact)).collect(),
            ),
            Fate::Held => (
                "held",
                past.waiting.iter().map(waiting).collect(),
                settled.waiting.iter().map(waiting).collect(),
            ),
            // It is all that there is to be seen.
            Fate::Unchanged if matches!(self.occasion, Occasion::TakesOver(_)) => (
                "unchanged",
                Vec::new(),
                past.shown.iter().map(row).collect(),
            ),
            Fate::Unchanged | Fate::LateUnchanged | Fate::Nothing => return,
        };
        let samples = &mut self.refolded.samples;
        if samples.iter().filter(|told| told.action == action).count() < self.samples {
            samples.push(Sample {
                action: action.to_owned(),
                subject: Subject::Fact,
                key: past.key,
                before,
                after,
            });
        }
    }
}

/// What becomes of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// The table's reader sees this happen to the fact.
    Counted(&'static str),
    /// It waits, or waited until its load went.
    Held,
    /// It says what the fact says.
    Unchanged,
    /// It comes before other rows, and nobody sees a difference.
    LateUnchanged,
    /// Nothing that is counted.
    Nothing,
}

/// When a load said what it said of a fact.
fn said_at(past: &Past, load: i64) -> Micros {
    let mut said = past.said.iter();
    said.find(|saying| saying.load == load)
        .map_or(0, |saying| saying.at)
}

fn counted<'c>(changes: &'c mut Changes, action: &str) -> &'c mut u64 {
    match action {
        "inserted" => &mut changes.inserted,
        "closed" => &mut changes.closed,
        _ => &mut changes.updated,
    }
}

fn is_last(past: &Past, place: usize) -> bool {
    past.said[place + 1..].iter().all(|saying| !saying.counts)
}

fn version(contract: &Contract, row: &Row, at: Micros) -> Version {
    let cells = row.cells.iter().map(Some);
    shown(contract, (row.load, row.line), at, cells)
}

/// A row that waits, as far as it speaks.
fn waiting(contract: &Contract, row: &Waiting, at: Micros) -> Version {
    let cells = row.cells.iter().map(Option::as_ref);
    shown(contract, (row.load, row.line), at, cells)
}

fn shown<'c>(
    contract: &Contract,
    (load_id, line): (i64, i64),
    at: Micros,
    cells: impl Iterator<Item = Option<&'c Cell>>,
) -> Version {
    let columns = contract.columns.iter().zip(cells);
    let value = |(column, cell): (&Column, Option<&Cell>)| {
        let value = cell?.as_deref().map(str::to_owned);
        Some((column.name.name().to_owned(), value))
    };
    Version {
        starts: DateTime::from_timestamp_micros(at).unwrap_or_default(),
        ends: None,
        values: columns.filter_map(value).collect(),
        load_id,
        line,
    }
}

#[cfg(test)]
mod tests;
