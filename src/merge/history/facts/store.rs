//! The fact table and the ledger → what is known of touched facts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::super::Table;
use super::super::fold::{Micros, Observation, Said};
use super::super::store::{self, Load};
use super::chain::{Entry, Past, Row, Saying, Waiting, Words};
use crate::contract::{Contract, Reference};
use crate::db::prelude::*;
use crate::merge::sql;
use crate::merge::sql::Shape;

/// The rows of a load that comes late.
#[derive(Debug)]
pub(in crate::merge) struct Coming<'a> {
    pub(in crate::merge) shape: Shape<'a>,
    /// The instant of all its rows.
    pub(in crate::merge) at: Micros,
    pub(in crate::merge) load_id: i64,
}

/// What is known of the touched facts from `from` to `to`, without the values that are to be
/// resolved.
pub(super) fn read(
    conn: &mut PgConnection,
    table: &Table<'_>,
    loads: &BTreeMap<i64, Load>,
    (from, to): (Uuid, Uuid),
    keys: &[Uuid],
) -> QueryResult<Vec<Past>> {
    let known = store::read_ledger(conn, table, loads, (from, to), keys)?;
    let mut shown = read_facts(conn, table.contract, from, to)?;
    let mut waiting = read_held(conn, table.contract, from, to)?;
    let mut let_in = read_touched_let_in(conn, table.contract, from, to)?;
    let pasts = known.into_values().map(|known| {
        let key = known.key;
        let (shown, waiting) = (shown.remove(&key), waiting.remove(&key));
        let let_in = let_in.remove(&key).unwrap_or_default();
        assemble(table.contract, known, shown, waiting, let_in)
    });
    Ok(pasts.collect())
}

/// What the ledger knows of a fact, with the fact and what waits beside it.
pub(super) fn assemble(
    contract: &Contract,
    known: store::Past,
    shown: Option<Row>,
    waiting: Option<Waiting>,
    let_in: LetIn,
) -> Past {
    let kept = known.payloads.values().flat_map(store::Payload::keys);
    let kept_columns = places(contract, kept.map(String::as_str));
    let mut past = Past {
        key: known.key,
        shown,
        waiting,
        said: sayings(contract, known),
        let_in,
        kept_columns,
        entry: Entry::Open,
    };
    find_line(&mut past);
    past
}

/// Loads of before lines were kept know none: the table does, of the row that the fact is from.
fn find_line(past: &mut Past) {
    let Some(row) = &past.shown else { return };
    let writer = past.said.iter_mut().find(|saying| saying.load == row.load);
    if let Some(saying) = writer.filter(|saying| saying.line == 0) {
        saying.line = row.line;
    }
}

/// The rows that spoke of a fact, in the order in which they count.
fn sayings(contract: &Contract, known: store::Past) -> Vec<Saying> {
    let payloads: HashMap<i64, (i64, store::Payload)> = known
        .payloads
        .into_iter()
        .map(|((load, line), payload)| (load, (line, payload)))
        .collect();
    let misfits = |load: i64| {
        let of_load = known
            .misfits
            .iter()
            .filter(move |misfit| misfit.load == load);
        places(contract, of_load.map(|misfit| &*misfit.column))
    };
    let counted = known.counted.into_iter().map(|said| (said, true));
    let idle = known.idle.into_iter().map(|said| (said, false));
    let mut sayings: Vec<Saying> = counted
        .chain(idle)
        .filter_map(|(observation, counts)| {
            let kept = payloads.get(&observation.load);
            let misfits = misfits(observation.load);
            saying(contract, observation, counts, kept, misfits)
        })
        .collect();
    sayings.sort_by_key(|saying| (saying.at, saying.load));
    sayings
}

/// Where the columns are that have these ids, of those that are there.
fn places<'a>(contract: &Contract, ids: impl Iterator<Item = &'a str>) -> BTreeSet<usize> {
    let place = |id: &str| {
        let mut columns = contract.columns.iter();
        columns.position(|column| column.id.as_str() == id)
    };
    ids.filter_map(place).collect()
}

/// A fact is never said to be absent.
fn saying(
    contract: &Contract,
    observation: Observation,
    counts: bool,
    kept: Option<&(i64, store::Payload)>,
    misfits: BTreeSet<usize>,
) -> Option<Saying> {
    let Said::Present(values) = observation.said else {
        return None;
    };
    let (line, cells, words) = match kept {
        None => (observation.line, values.cells, Words::Shown),
        Some((line, payload)) => {
            let columns = contract.columns.iter();
            let cell = |name: &str| payload.get(name).cloned().unwrap_or_default();
            let cells = columns.map(|column| cell(column.id.as_str())).collect();
            (*line, cells, Words::Kept)
        }
    };
    Some(Saying {
        at: observation.at,
        load: observation.load,
        line,
        counts,
        authored: values.authored,
        cells,
        misfits,
        words,
        digest: observation.digest,
    })
}

#[derive(QueryableByName)]
struct FactRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

fn read_facts(
    conn: &mut PgConnection,
    contract: &Contract,
    from: Uuid,
    to: Uuid,
) -> QueryResult<HashMap<Uuid, Row>> {
    let rows: Vec<FactRow> = sql_query(sql::read_facts(contract))
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .load(conn)?;
    let rows = rows.into_iter().map(|row| {
        let fact = Row {
            cells: store::cells(row.cells),
            load: row.load_id,
            line: row.line,
        };
        (row.key, fact)
    });
    Ok(rows.collect())
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Array<Bool>)]
    speaks: Vec<bool>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
    #[diesel(sql_type = Jsonb)]
    misfits: serde_json::Value,
    #[diesel(sql_type = Bool)]
    refused: bool,
}

impl HeldRow {
    fn entry(&self) -> Entry {
        if self.refused {
            Entry::Refused
        } else {
            Entry::Open
        }
    }

    fn waiting(self, contract: &Contract) -> Waiting {
        let cells = store::cells(self.cells).into_iter().zip(self.speaks);
        let mut waiting = Waiting {
            cells: cells.map(|(cell, speaks)| speaks.then_some(cell)).collect(),
            misfits: BTreeSet::new(),
            load: self.load_id,
            line: self.line,
        };
        for (place, column) in contract.columns.iter().enumerate() {
            if let Some(kept) = self.misfits.get(column.id.as_str()) {
                waiting.cells[place] = Some(kept.as_str().map(Arc::from));
                waiting.misfits.insert(place);
            }
        }
        waiting
    }
}

fn read_held(
    conn: &mut PgConnection,
    contract: &Contract,
    from: Uuid,
    to: Uuid,
) -> QueryResult<HashMap<Uuid, Waiting>> {
    let rows = held(conn, contract, &sql::read_held_facts(contract), from, to)?;
    let rows = rows.into_iter().map(|row| (row.key, row.waiting(contract)));
    Ok(rows.collect())
}

/// What waits of all facts from `from` to `to`, and whether the table refused it.
pub(super) fn read_all_held(
    conn: &mut PgConnection,
    contract: &Contract,
    from: Uuid,
    to: Uuid,
) -> QueryResult<HashMap<Uuid, (Waiting, Entry)>> {
    let statement = sql::read_all_held_facts(contract);
    let rows = held(conn, contract, &statement, from, to)?;
    let waiting = |row: HeldRow| {
        let (key, entry) = (row.key, row.entry());
        (key, (row.waiting(contract), entry))
    };
    Ok(rows.into_iter().map(waiting).collect())
}

fn held(
    conn: &mut PgConnection,
    contract: &Contract,
    statement: &str,
    from: Uuid,
    to: Uuid,
) -> QueryResult<Vec<HeldRow>> {
    sql_query(statement)
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .bind::<Text, _>(contract.name.as_str())
        .load(conn)
}

/// When rows of a fact were let in, each with its load.
type LetIn = Vec<(i64, Micros)>;

/// When all facts from `from` to `to` were let in that ever waited.
pub(super) fn read_all_let_in(
    conn: &mut PgConnection,
    contract: &Contract,
    from: Uuid,
    to: Uuid,
) -> QueryResult<HashMap<Uuid, LetIn>> {
    let rows = sql_query(sql::READ_LET_IN)
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .bind::<Text, _>(contract.name.as_str())
        .load(conn)?;
    Ok(by_key(rows))
}

/// When the touched facts from `from` to `to` were let in by loads of which not all are undone.
fn read_touched_let_in(
    conn: &mut PgConnection,
    contract: &Contract,
    from: Uuid,
    to: Uuid,
) -> QueryResult<HashMap<Uuid, LetIn>> {
    let references = super::references(contract).iter();
    let dimensions: Vec<&str> = references.map(|it| it.dimension.as_str()).collect();
    let rows = sql_query(sql::READ_TOUCHED_LET_IN)
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .bind::<Text, _>(contract.name.as_str())
        .bind::<Array<Text>, _>(dimensions)
        .load(conn)?;
    Ok(by_key(rows))
}

#[derive(QueryableByName)]
struct LetInRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
}

fn by_key(rows: Vec<LetInRow>) -> HashMap<Uuid, LetIn> {
    let mut let_in: HashMap<Uuid, LetIn> = HashMap::new();
    for row in rows {
        let instants = let_in.entry(row.key).or_default();
        instants.push((row.load_id, row.at.timestamp_micros()));
    }
    let_in
}

#[derive(QueryableByName)]
struct ComingRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

/// What the load that comes says of the touched facts from `from` to `to`.
pub(super) fn read_coming(
    conn: &mut PgConnection,
    contract: &Contract,
    coming: &Coming<'_>,
    from: Uuid,
    to: Uuid,
) -> QueryResult<HashMap<Uuid, Saying>> {
    let rows: Vec<ComingRow> = sql_query(sql::read_landed(coming.shape))
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .load(conn)?;
    let columns = contract.columns.len();
    let authored: Arc<[bool]> = (0..columns)
        .map(|column| coming.shape.filled.contains(&column))
        .collect();
    let rows = rows.into_iter().map(|row| {
        let mut cells = vec![None; columns];
        for (place, cell) in coming.shape.filled.iter().zip(store::cells(row.cells)) {
            cells[*place] = cell;
        }
        let saying = Saying {
            at: coming.at,
            load: coming.load_id,
            line: row.line,
            counts: true,
            authored: Arc::clone(&authored),
            cells,
            misfits: BTreeSet::new(),
            words: Words::Coming,
            digest: None,
        };
        (row.key, saying)
    });
    Ok(rows.collect())
}

/// The members that are known, of those that any row of these facts names: with the column that
/// names them.
pub(super) fn known_members(
    conn: &mut PgConnection,
    references: &[Reference],
    pasts: &[Past],
) -> QueryResult<HashSet<(usize, Arc<str>)>> {
    members_known(conn, references, &pasts.iter().collect::<Vec<_>>())
}

/// The same of facts that stand apart.
pub(super) fn members_known(
    conn: &mut PgConnection,
    references: &[Reference],
    pasts: &[&Past],
) -> QueryResult<HashSet<(usize, Arc<str>)>> {
    #[derive(QueryableByName)]
    struct Member {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        key: Uuid,
    }
    let mut known = HashSet::new();
    for reference in references {
        let said = pasts.iter().flat_map(|past| &past.said);
        let named: HashSet<Uuid> = said
            .filter_map(|saying| saying.cells[reference.column].as_ref())
            .filter_map(|member| Uuid::try_parse(member).ok())
            .collect();
        let named: Vec<Uuid> = named.into_iter().collect();
        let members: Vec<Member> = sql_query(sql::known_members(reference))
            .bind::<Array<diesel::sql_types::Uuid>, _>(named)
            .load(conn)?;
        for member in members {
            let text = member.key.hyphenated().to_string();
            known.insert((reference.column, Arc::from(text)));
        }
    }
    Ok(known)
}
