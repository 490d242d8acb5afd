//! What the database knows of one key: rows of its table, and of the ledger. Reads, and judges
//! nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::query_builder::BoxedSqlQuery;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use serde_json::Value;
use uuid::Uuid;

use super::key::Candidate;
use super::said::Standing;
use super::{FactRow, Observation, Origin, Presence, Shown, Source, Values, Version, sql};
use crate::contract::{Contract, Kind, Stamps, TableName};
use crate::db::YesOrNo;
use crate::db::prelude::*;
use crate::ledger::packed;
use crate::ledger::words::{Absence, Action, ManifestKind};
use crate::stage::key::KeyScheme;
use crate::summary::Status;

// ---- the table -------------------------------------------------------------------------------

/// What the table shows of a key.
pub(super) fn shown(
    conn: &mut PgConnection,
    contract: &Contract,
    candidate: &Candidate,
) -> QueryResult<Shown> {
    match &contract.kind {
        Kind::Dimension { durable_key, .. } => {
            let statement = sql::versions(contract, durable_key);
            versions(conn, &statement, candidate.key).map(Shown::Versions)
        }
        Kind::Fact { stamps, .. } => {
            let fact = fact(conn, contract, *stamps, candidate)?;
            let held = held(conn, contract, candidate.key)?;
            Ok(match (fact, held) {
                (fact, None) => Shown::Fact(fact),
                (None, Some((waiting, dimensions))) => Shown::Held(waiting, dimensions),
                (Some(fact), Some((waiting, dimensions))) => {
                    Shown::FactAndHeld(fact, waiting, dimensions)
                }
            })
        }
    }
}

/// A fact does not have the key that the ledger has. Its natural key is that of a row which the ledger knows
/// by the key.
pub(super) fn completed(
    conn: &mut PgConnection,
    contract: &Contract,
    scheme: &KeyScheme,
    candidate: &Candidate,
) -> QueryResult<Candidate> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Array<Text>)]
        parts: Vec<String>,
    }
    if candidate.parts.is_some() || matches!(contract.kind, Kind::Dimension { .. }) {
        return Ok(candidate.clone());
    }
    let said = spoken_of(conn, &contract.name, candidate.key)?;
    let (loads, lines): (Vec<i64>, Vec<i64>) = said
        .into_iter()
        .filter_map(|(load, said)| match said {
            SpokenOf::Read { line } => Some((load, line?)),
            SpokenOf::Unread => None,
        })
        .unzip();
    let rows: Vec<Row> = sql_query(sql::keys_of_rows(contract))
        .bind::<Array<BigInt>, _>(loads)
        .bind::<Array<BigInt>, _>(lines)
        .load(conn)?;
    let natural = rows
        .iter()
        .filter_map(|row| super::key::natural(contract, scheme, &row.parts).ok());
    let mut same = natural.filter(|natural| natural.key == candidate.key);
    Ok(same.next().unwrap_or_else(|| candidate.clone()))
}

fn versions(conn: &mut PgConnection, statement: &str, key: Uuid) -> QueryResult<Vec<Version>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        number: i32,
        #[diesel(sql_type = Timestamptz)]
        started: DateTime<Utc>,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        ended: Option<DateTime<Utc>>,
        #[diesel(sql_type = BigInt)]
        load_id: i64,
        #[diesel(sql_type = BigInt)]
        line: i64,
        #[diesel(sql_type = Array<Nullable<Text>>)]
        texts: Values,
    }
    let rows: Vec<Row> = sql_query(statement).bind::<SqlUuid, _>(key).load(conn)?;
    let origins = Origins::read(conn, rows.iter().map(|row| row.load_id).collect())?;
    Ok(rows
        .into_iter()
        .map(|row| Version {
            number: row.number,
            from: row.started,
            to: row.ended,
            values: row.texts,
            origin: origins.of(row.load_id, row.line),
        })
        .collect())
}

fn fact(
    conn: &mut PgConnection,
    contract: &Contract,
    stamps: Stamps,
    candidate: &Candidate,
) -> QueryResult<Option<FactRow>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        created_at: Option<DateTime<Utc>>,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        updated_at: Option<DateTime<Utc>>,
        #[diesel(sql_type = BigInt)]
        load_id: i64,
        #[diesel(sql_type = BigInt)]
        line: i64,
        #[diesel(sql_type = Array<Nullable<Text>>)]
        texts: Values,
    }
    let Some(parts) = &candidate.parts else {
        return Ok(None);
    };
    let query = sql_query(sql::fact(contract, stamps)).into_boxed::<Pg>();
    let query = parts.iter().fold(query, BoxedSqlQuery::bind::<Text, _>);
    let row: Option<Row> = query.get_result(conn).optional()?;
    let Some(row) = row else {
        return Ok(None);
    };
    let origins = Origins::read(conn, vec![row.load_id])?;
    Ok(Some(FactRow {
        values: row.texts,
        misfits: BTreeSet::new(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        origin: origins.of(row.load_id, row.line),
    }))
}

fn held(
    conn: &mut PgConnection,
    contract: &Contract,
    key: Uuid,
) -> QueryResult<Option<(FactRow, Vec<String>)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        load_id: i64,
        #[diesel(sql_type = BigInt)]
        line: i64,
        #[diesel(sql_type = Jsonb)]
        content: Value,
        #[diesel(sql_type = Jsonb)]
        misfits: Value,
        #[diesel(sql_type = Array<Text>)]
        dimensions: Vec<String>,
    }
    #[derive(QueryableByName)]
    struct Printed {
        #[diesel(sql_type = Array<Nullable<Text>>)]
        texts: Values,
    }
    let row: Option<Row> = sql_query(include_str!("read/held.sql"))
        .bind::<Text, _>(contract.name.as_str())
        .bind::<SqlUuid, _>(key)
        .get_result(conn)
        .optional()?;
    let Some(row) = row else {
        return Ok(None);
    };
    let printed: Printed = sql_query(sql::held_values(contract))
        .bind::<Jsonb, _>(row.content)
        .get_result(conn)?;
    let origins = Origins::read(conn, vec![row.load_id])?;
    let mut kept = texts(row.misfits);
    let columns = contract.columns.iter().zip(printed.texts).enumerate();
    let mut misfits = BTreeSet::new();
    let values = columns.map(|(place, (column, printed))| {
        let Some(kept) = kept.remove(column.id.as_str()) else {
            return printed;
        };
        misfits.insert(place);
        kept
    });
    let fact = FactRow {
        values: values.collect(),
        misfits,
        created_at: None,
        updated_at: None,
        origin: origins.of(row.load_id, row.line),
    };
    Ok(Some((fact, row.dimensions)))
}

/// What loads were called, and when they were.
struct Origins(HashMap<i64, (String, DateTime<Utc>)>);

impl Origins {
    fn read(conn: &mut PgConnection, loads: Vec<i64>) -> QueryResult<Self> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            load_id: i64,
            #[diesel(sql_type = Text)]
            file: String,
            #[diesel(sql_type = Timestamptz)]
            started_at: DateTime<Utc>,
        }
        let rows: Vec<Row> = sql_query(include_str!("read/origins.sql"))
            .bind::<Array<BigInt>, _>(loads)
            .load(conn)?;
        let rows = rows.into_iter();
        let by_load = rows.map(|row| (row.load_id, (row.file, row.started_at)));
        Ok(Self(by_load.collect()))
    }

    fn of(&self, load_id: i64, line: i64) -> Origin {
        let load = self.0.get(&load_id);
        Origin {
            load_id,
            line: Some(line),
            file: load.map(|(file, _)| file.clone()),
            loaded_at: load.map(|(_, at)| *at),
        }
    }
}

// ---- the ledger ------------------------------------------------------------------------------

/// Everything that loads said of a key, in no order.
pub(super) fn observations(
    conn: &mut PgConnection,
    contract: &Contract,
    key: Uuid,
) -> QueryResult<Vec<Observation>> {
    let table = &contract.name;
    let spoken_of = spoken_of(conn, table, key)?;
    let rows = rows_with_own_instants(conn, table, key)?;
    let mut payloads = payloads(conn, table, key)?;
    let mut observations = Vec::new();
    for load in loads(conn, table)? {
        let shared = spoken_of.get(&load.load_id);
        let own: Vec<&OwnInstant> = rows
            .iter()
            .filter(|row| row.load_id == load.load_id)
            .collect();
        if own.is_empty()
            && let Some(observation) = shared_or_absent(&load, shared, &mut payloads)
        {
            observations.push(observation);
        }
        for row in own {
            observations.push(load.observation(
                row.at,
                row.presence,
                load.source(),
                Some(row.line),
            ));
            if let Some(last) = observations.last_mut() {
                last.sequence.clone_from(&row.sequence);
                last.keep(payloads.remove(&(load.load_id, row.line)));
            }
        }
    }
    Ok(observations)
}

#[derive(QueryableByName)]
struct SpokenLoad {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = Text)]
    file: String,
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(sql_type = Text)]
    action: Action,
    #[diesel(sql_type = Timestamptz)]
    effective_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    absence: Absence,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    columns: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    defaults: Option<Value>,
}

impl SpokenLoad {
    /// What its rows with instants of their own are.
    fn source(&self) -> Source {
        match self.action {
            Action::Baseline => Source::Baseline,
            Action::Load | Action::Undo | Action::Redo | Action::Takeover => Source::Row,
        }
    }

    fn observation(
        &self,
        at: DateTime<Utc>,
        presence: Presence,
        source: Source,
        line: Option<i64>,
    ) -> Observation {
        Observation {
            at,
            presence,
            source,
            standing: if self.status == Status::Undone {
                Standing::Undone
            } else {
                Standing::Counts
            },
            sequence: Vec::new(),
            columns: self.columns.clone(),
            defaults: self.defaults.clone().map(texts).unwrap_or_default(),
            payload: None,
            misfits: Vec::new(),
            origin: Origin {
                load_id: self.load_id,
                line,
                file: Some(self.file.clone()),
                loaded_at: Some(self.started_at),
            },
        }
    }
}

/// What a load said of the key that has no row of it with an instant of its own: that it is
/// there, if it has one at all; that it is not, if it is a snapshot that closes and has none.
fn shared_or_absent(
    load: &SpokenLoad,
    spoken_of: Option<&SpokenOf>,
    payloads: &mut Payloads,
) -> Option<Observation> {
    let at = load.effective_at;
    match spoken_of {
        Some(SpokenOf::Read { line }) => {
            let mut observation = load.observation(at, Presence::Present, Source::Row, *line);
            let is_its_own = |place: &(i64, i64)| {
                place.0 == load.load_id && line.is_none_or(|line| line == place.1)
            };
            let place = payloads.keys().copied().find(is_its_own);
            observation.keep(place.and_then(|place| payloads.remove(&place)));
            Some(observation)
        }
        None if load.absence == Absence::Closes => {
            Some(load.observation(at, Presence::Absent, Source::Silence, None))
        }
        Some(SpokenOf::Unread) | None => None,
    }
}

fn loads(conn: &mut PgConnection, table: &TableName) -> QueryResult<Vec<SpokenLoad>> {
    sql_query(include_str!("read/loads.sql"))
        .bind::<Text, _>(table.as_str())
        .load(conn)
}

/// How a manifest has a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SpokenOf {
    /// In a row that was used.
    Read { line: Option<i64> },
    /// In a row that was rejected: the load says nothing of it.
    Unread,
}

/// The loads whose manifests have the key. A part is up to 8 KiB, and there is one for each load
/// of the table, so they are read one after the other.
fn spoken_of(
    conn: &mut PgConnection,
    table: &TableName,
    key: Uuid,
) -> QueryResult<HashMap<i64, SpokenOf>> {
    #[derive(QueryableByName)]
    struct Part {
        #[diesel(sql_type = BigInt)]
        load_id: i64,
        #[diesel(sql_type = Text)]
        kind: ManifestKind,
        #[diesel(sql_type = Binary)]
        keys: Vec<u8>,
        #[diesel(sql_type = Nullable<Binary>)]
        lines: Option<Vec<u8>>,
    }
    let mut found = HashMap::new();
    let parts = sql_query(include_str!("read/spoken_of.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<SqlUuid, _>(key)
        .load_iter::<Part, PgRowByRowLoadingMode>(conn)?;
    for part in parts {
        let part = part?;
        let Some(place) = place_of(key, &part.keys) else {
            continue;
        };
        if part.kind == ManifestKind::Read {
            let line = part.lines.and_then(|lines| line_at(place, &lines));
            found.insert(part.load_id, SpokenOf::Read { line });
        } else {
            // A key that has a row which was used, too, was spoken of.
            found.entry(part.load_id).or_insert(SpokenOf::Unread);
        }
    }
    Ok(found)
}

/// Where a key stands among the sorted first eight bytes of keys.
fn place_of(key: Uuid, keys: &[u8]) -> Option<usize> {
    packed::prefixes(keys)
        .binary_search(&packed::prefix(key))
        .ok()
}

/// The line that stands for this key; the greatest number stands for one that did not fit.
fn line_at(place: usize, lines: &[u8]) -> Option<i64> {
    let line = packed::line(lines, place)?;
    (line != u32::MAX).then(|| line.into())
}

#[derive(QueryableByName)]
struct OwnInstant {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    presence: Presence,
    #[diesel(sql_type = Binary)]
    sequence: Vec<u8>,
}

fn rows_with_own_instants(
    conn: &mut PgConnection,
    table: &TableName,
    key: Uuid,
) -> QueryResult<Vec<OwnInstant>> {
    sql_query(include_str!("read/observed.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<SqlUuid, _>(key)
        .load(conn)
}

/// By load and line.
type Payloads = HashMap<(i64, i64), Payload>;

/// What the ledger keeps of a row.
struct Payload {
    values: BTreeMap<String, Option<String>>,
    misfits: Vec<String>,
}

impl Observation {
    fn keep(&mut self, kept: Option<Payload>) {
        if let Some(Payload { values, misfits }) = kept {
            (self.payload, self.misfits) = (Some(values), misfits);
        }
    }
}

fn payloads(conn: &mut PgConnection, table: &TableName, key: Uuid) -> QueryResult<Payloads> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        load_id: i64,
        #[diesel(sql_type = BigInt)]
        line: i64,
        #[diesel(sql_type = Jsonb)]
        content: Value,
        #[diesel(sql_type = Array<Text>)]
        misfits: Vec<String>,
    }
    let rows: Vec<Row> = sql_query(include_str!("read/payloads.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<SqlUuid, _>(key)
        .load(conn)?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|row| {
            let payload = Payload {
                values: texts(row.content),
                misfits: row.misfits,
            };
            ((row.load_id, row.line), payload)
        })
        .collect())
}

/// The values of a payload are texts or null.
fn texts(row: Value) -> BTreeMap<String, Option<String>> {
    let Value::Object(row) = row else {
        return BTreeMap::new();
    };
    let columns = row.into_iter();
    columns
        .map(|(column, value)| match value {
            Value::Null => (column, None),
            Value::String(text) => (column, Some(text)),
            other => (column, Some(other.to_string())),
        })
        .collect()
}

/// Whether the ledger says that the table's keys are made in another way than this.
pub(super) fn keys_are_others(
    conn: &mut PgConnection,
    contract: &Contract,
    scheme: &KeyScheme,
) -> QueryResult<bool> {
    sql_query(include_str!("read/keys_are_others.sql"))
        .bind::<Text, _>(contract.name.as_str())
        .bind::<Integer, _>(KeyScheme::VERSION)
        .bind::<Binary, _>(scheme.fingerprint().to_vec())
        .get_result(conn)
        .map(YesOrNo::is_yes)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{line_at, place_of};

    #[test]
    fn a_key_is_found_by_its_first_eight_bytes_and_its_line_beside_it() {
        let keys: Vec<u8> = [3_u64, 7, 9]
            .iter()
            .flat_map(|key| key.to_be_bytes())
            .collect();
        let lines: Vec<u8> = [12_u32, 70_000, u32::MAX]
            .iter()
            .flat_map(|line| line.to_be_bytes())
            .collect();
        let place = |key| place_of(Uuid::from_u64_pair(key, 42), &keys);
        assert_eq!((place(3), place(7), place(8)), (Some(0), Some(1), None));
        assert_eq!(line_at(1, &lines), Some(70_000));
        assert_eq!(line_at(2, &lines), None);
        assert_eq!(line_at(0, &[]), None);
    }
}
