//! The ledger → what was said of a key.
//!
//! In: keys. Out: for each its versions as the table has them, and every observation of it, with
//! the values that it brought. Most values are stored nowhere but in the versions: what an
//! observation said is what the version shows that covers its instant, as far as its load spoke
//! of the column. Where that is not so, a payload in the ledger says it:
//!
//! - a row that lost at its instant, or whose load does not count, has its whole payload;
//! - a column that keeps no history (type 0 and type 1) has one where its value differs from that of
//!   the observation before, of type 0 also where it differs from the first; without one the value is
//!   the same as before, of type 0 the first.
//!
//! [`super::record`] keeps this true; the two are one thing, read and written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::Table;
use super::fold::{
    Cell, ColumnRule, Defaults, Micros, Observation, Origin, Said, Values, Version, is_beaten,
    order, overlaid,
};
use super::refold::absent;
use crate::contract::{Column, Contract, Nullability, Role};
use crate::db::prelude::*;
use crate::ledger::packed::{Prefix, line, prefix, prefixes};
use crate::ledger::words::{Absence, Action, Instants, ManifestKind, Presence};
use crate::merge::{MergeError, sql};
use crate::stage::digest::{Digest, Form};
use crate::summary::Status;

/// What is known of one key before something changes.
#[derive(Debug)]
pub(in crate::merge) struct Past {
    pub(in crate::merge) key: Uuid,
    /// In the order of time.
    pub(in crate::merge) versions: Vec<Shown>,
    /// The observations of loads that count.
    pub(in crate::merge) counted: Vec<Observation>,
    /// Those of loads that were undone.
    pub(in crate::merge) idle: Vec<Observation>,
    /// What the ledger keeps of rows of this key, by load and line.
    pub(in crate::merge) payloads: HashMap<(i64, i64), Payload>,
    /// Observations of which nothing is left: no version is at their instant, and the ledger keeps
    /// nothing of them.
    pub(in crate::merge) lost: Vec<Observation>,
    /// Kept values that their column no longer takes, since a migration changed its type.
    pub(in crate::merge) misfits: Vec<Misfit>,
}

/// A kept value that its column no longer takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::merge) struct Misfit {
    pub(in crate::merge) load: i64,
    pub(in crate::merge) line: i64,
    /// The id of the column.
    pub(in crate::merge) column: String,
    pub(in crate::merge) needed: Needed,
}

/// When a kept value is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) enum Needed {
    /// Where its row counts.
    ByRow,
    /// Where its row begins a version: it is a default.
    ByFirst,
}

impl Misfit {
    /// Why nothing can be done that needs the value.
    pub(in crate::merge) fn refusal(&self, contract: &Contract) -> MergeError {
        let mut columns = contract.columns.iter();
        let found = columns.find(|column| column.id.as_str() == self.column);
        let table = contract.name.clone();
        let column = found.map_or(&*self.column, |it| it.name.name()).to_owned();
        let type_sql = found.map_or_else(String::new, |it| it.column_type.sql());
        match self.needed {
            Needed::ByRow => MergeError::ValueMisfit {
                table,
                column,
                type_sql,
                load: self.load,
                line: self.line,
            },
            Needed::ByFirst => MergeError::DefaultMisfit {
                table,
                column,
                type_sql,
                load: self.load,
            },
        }
    }
}

/// Values by the id of their column.
pub(in crate::merge) type Payload = BTreeMap<String, Cell>;

/// A version as the table has it.
#[derive(Clone, Debug)]
pub(in crate::merge) struct Shown {
    pub(in crate::merge) version: Version,
    pub(in crate::merge) number: i32,
}

/// A load of the table, as far as history is concerned.
#[derive(Clone, Debug)]
pub(in crate::merge) struct Load {
    pub(in crate::merge) number: i64,
    pub(in crate::merge) counts: bool,
    pub(in crate::merge) action: Action,
    /// The instant of all its rows, if they share one.
    pub(in crate::merge) shared: Option<Micros>,
    /// From when on keys that it does not name are absent, if they are.
    pub(in crate::merge) closes_at: Option<Micros>,
    /// For each column of the contract, whether the load spoke of it.
    pub(in crate::merge) authored: Arc<[bool]>,
    /// What keys got that it began, in columns of which it did not speak.
    pub(in crate::merge) defaults: Defaults,
    /// Of these the columns that do not take them, since a migration changed their type.
    default_misfits: Vec<String>,
    /// What the digests of its rows are made of.
    pub(in crate::merge) digests: Digests,
}

/// What the digests of a load's rows are made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::merge) enum Digests {
    /// It has none: it was loaded before they were kept.
    NotKept,
    /// They hold no longer: what its rows are taken to have said was changed.
    Lapsed,
    /// Of a column, too, that the table no longer has.
    OfDropped,
    /// For each column of the contract the form in which its values were digested.
    Of(Arc<[Option<Form>]>),
}

/// Which keys are read of those from one to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    /// Those in `pg_temp.hayloft_touched`.
    Touched,
    /// All.
    All,
}

impl Scope {
    fn versions(self, table: &Table<'_>) -> String {
        match self {
            Self::Touched => sql::read_versions(table.contract, table.durable_key),
            Self::All => sql::read_all_versions(table.contract, table.durable_key),
        }
    }

    fn payloads(self) -> &'static str {
        match self {
            Self::Touched => include_str!("payloads.sql"),
            Self::All => include_str!("all_payloads.sql"),
        }
    }

    fn observations(self) -> &'static str {
        match self {
            Self::Touched => include_str!("observations.sql"),
            Self::All => include_str!("all_observations.sql"),
        }
    }

    fn manifests(self) -> &'static str {
        match self {
            Self::Touched => include_str!("manifests.sql"),
            Self::All => include_str!("all_manifests.sql"),
        }
    }
}

/// The loads of a table, counting and undone, by number.
pub(in crate::merge) fn loads(
    conn: &mut PgConnection,
    table: &Table<'_>,
) -> QueryResult<BTreeMap<i64, Load>> {
    let rows: Vec<LoadRow> = sql_query(include_str!("loads.sql"))
        .bind::<Text, _>(table.contract.name.as_str())
        .load(conn)?;
    let loads = rows.into_iter().map(|row| {
        let load = row.known(table)?;
        Ok((load.number, load))
    });
    loads.collect()
}

/// What is known of the touched keys from `from` to `to`, in the order of the keys.
pub(in crate::merge) fn read(
    conn: &mut PgConnection,
    table: &Table<'_>,
    loads: &BTreeMap<i64, Load>,
    from: Uuid,
    to: Uuid,
    keys: &[Uuid],
) -> QueryResult<Vec<Past>> {
    let mut pasts: BTreeMap<Uuid, Past> = keys.iter().map(|key| (*key, Past::of(*key))).collect();
    let scope = Scope::Touched;
    for (key, version) in read_versions(conn, table, scope, from, to)? {
        if let Some(past) = pasts.get_mut(&key) {
            past.versions.push(version);
        }
    }
    read_payloads(conn, table, scope, from, to, &mut pasts)?;
    let told = read_own(conn, table, loads, scope, from, to)?;
    let mentions = read_mentions(conn, table, scope, from, to, keys)?.by_load;
    tell(&mut pasts, loads, keys, told, mentions);
    let mut pasts: Vec<Past> = pasts.into_values().collect();
    for past in &mut pasts {
        past.remember(table);
    }
    Ok(pasts)
}

/// All that is known of the keys from one to another.
#[derive(Debug)]
pub(in crate::merge) struct Span {
    /// In the order of the keys.
    pub(in crate::merge) pasts: Vec<Past>,
    /// Rows that name a key of which neither the table nor the ledger has anything else.
    pub(in crate::merge) unclaimed: Vec<Unclaimed>,
}

/// A row of a manifest whose key is nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) struct Unclaimed {
    pub(in crate::merge) prefix: Prefix,
    pub(in crate::merge) load: i64,
    pub(in crate::merge) line: i64,
}

/// All that is known of a dimension's keys from `from` to `to`, which are the lowest and the highest
/// of their prefixes.
pub(in crate::merge) fn read_span(
    conn: &mut PgConnection,
    table: &Table<'_>,
    loads: &BTreeMap<i64, Load>,
    (from, to): (Uuid, Uuid),
) -> QueryResult<Span> {
    let mut pasts: BTreeMap<Uuid, Past> = BTreeMap::new();
    for (key, version) in read_versions(conn, table, Scope::All, from, to)? {
        let past = pasts.entry(key).or_insert_with(|| Past::of(key));
        past.versions.push(version);
    }
    let mut span = read_ledger_span(conn, table, loads, (from, to), pasts)?;
    for past in &mut span.pasts {
        past.remember(table);
    }
    Ok(span)
}

/// What the ledger knows of the keys from `from` to `to`, in addition to what is known of some of them,
/// without the values that rows said.
pub(in crate::merge) fn read_ledger_span(
    conn: &mut PgConnection,
    table: &Table<'_>,
    loads: &BTreeMap<i64, Load>,
    (from, to): (Uuid, Uuid),
    mut pasts: BTreeMap<Uuid, Past>,
) -> QueryResult<Span> {
    let scope = Scope::All;
    let told = read_own(conn, table, loads, scope, from, to)?;
    for (key, _) in &told {
        pasts.entry(*key).or_insert_with(|| Past::of(*key));
    }
    read_payloads(conn, table, scope, from, to, &mut pasts)?;
    let keys: Vec<Uuid> = pasts.keys().copied().collect();
    let mentions = read_mentions(conn, table, scope, from, to, &keys)?;
    tell(&mut pasts, loads, &keys, told, mentions.by_load);
    let mut unclaimed = mentions.unclaimed;
    unclaimed.retain(|row| loads.get(&row.load).is_some_and(|load| load.counts));
    unclaimed.sort_by_key(|row| (row.prefix, row.load));
    Ok(Span {
        pasts: pasts.into_values().collect(),
        unclaimed,
    })
}

/// Tells the keys of all that was said of them, row by row and in manifests.
fn tell(
    pasts: &mut BTreeMap<Uuid, Past>,
    loads: &BTreeMap<i64, Load>,
    keys: &[Uuid],
    mut told: Vec<(Uuid, Observation)>,
    mut mentions: HashMap<(i64, Uuid), Mention>,
) {
    for (key, observation) in &told {
        mentions.insert((observation.load, *key), Mention::OneByOne);
    }
    told.extend(shared(loads, keys, &mentions));
    for (key, observation) in told {
        if let Some(past) = pasts.get_mut(&key) {
            past.take(loads, observation);
        }
    }
}

/// What the ledger knows of the touched keys from `from` to `to`, whatever the table shows: who spoke
/// of them, without the values, and the payloads.
pub(in crate::merge) fn read_ledger(
    conn: &mut PgConnection,
    table: &Table<'_>,
    loads: &BTreeMap<i64, Load>,
    (from, to): (Uuid, Uuid),
    keys: &[Uuid],
) -> QueryResult<BTreeMap<Uuid, Past>> {
    let mut pasts: BTreeMap<Uuid, Past> = keys.iter().map(|key| (*key, Past::of(*key))).collect();
    let scope = Scope::Touched;
    read_payloads(conn, table, scope, from, to, &mut pasts)?;
    let mentions = read_mentions(conn, table, scope, from, to, keys)?.by_load;
    for (key, observation) in shared(loads, keys, &mentions) {
        if let Some(past) = pasts.get_mut(&key) {
            past.take(loads, observation);
        }
    }
    Ok(pasts)
}

impl Past {
    /// Nothing yet.
    pub(in crate::merge) fn of(key: Uuid) -> Self {
        Self {
            key,
            versions: Vec::new(),
            counted: Vec::new(),
            idle: Vec::new(),
            payloads: HashMap::new(),
            lost: Vec::new(),
            misfits: Vec::new(),
        }
    }

    fn take(&mut self, loads: &BTreeMap<i64, Load>, observation: Observation) {
        if let Some(load) = loads.get(&observation.load) {
            self.note_misfits(load, &observation);
        }
        match loads.get(&observation.load) {
            Some(load) if load.counts => self.counted.push(observation),
            _ => self.idle.push(observation),
        }
    }

    /// What a row begins a key with in a column of which it does not speak, if its load has a default.
    pub(in crate::merge) fn default_of(
        &self,
        load: i64,
        line: i64,
        column: usize,
    ) -> Option<&Cell> {
        let mut rows = self.counted.iter().chain(&self.idle);
        let row = rows.find(|row| (row.load, row.line) == (load, line))?;
        row.default(column)
    }

    fn note_misfits(&mut self, load: &Load, observation: &Observation) {
        let misfits = load.default_misfits.iter().map(|column| Misfit {
            load: observation.load,
            line: observation.line,
            column: column.clone(),
            needed: Needed::ByFirst,
        });
        self.misfits.extend(misfits);
    }

    /// Loads of before lines were kept know none. Such a load has one row of a key at most: its line
    /// is the one by which the ledger or the table has it.
    fn find_lines(&mut self) {
        let (versions, payloads) = (&self.versions, &self.payloads);
        let observations = self.counted.iter_mut().chain(&mut self.idle);
        for observation in observations.filter(|it| it.line == 0 && it.said != Said::Absent) {
            let kept = payloads.keys().find(|(load, _)| *load == observation.load);
            let began = versions.iter().map(|shown| &shown.version).find(|version| {
                (version.load, version.starts) == (observation.load, observation.at)
            });
            let line = kept
                .map(|(_, line)| *line)
                .or(began.map(|version| version.line));
            observation.line = line.unwrap_or_default();
        }
    }

    /// Finds the values of every observation.
    fn remember(&mut self, table: &Table<'_>) {
        self.find_lines();
        self.counted.sort_by(order);
        self.idle.sort_by(order);
        let columns = table.rules.columns.len();
        let known = Known {
            spoken_of: of_any(&self.counted, &self.idle, columns, |it| &it.authored),
            defaulted: of_any(&self.counted, &self.idle, columns, |it| &it.defaulted),
        };
        let (versions, payloads) = (&self.versions, &self.payloads);
        for observation in self.counted.iter_mut().chain(&mut self.idle) {
            remember_one(table, versions, payloads, &known, observation);
        }
        remember_overlaid(table, versions, payloads, &mut self.counted);
        // A person took these rows out of the table; nothing is left of what they said.
        let is_known = |observation: &Observation| match &observation.said {
            Said::Absent => true,
            Said::Present(_) => {
                covering(versions, observation.at).is_some()
                    || payloads.contains_key(&(observation.load, observation.line))
            }
        };
        let lost = |said: &mut Vec<Observation>| -> Vec<Observation> {
            said.extract_if(.., |observation| !is_known(observation))
                .collect()
        };
        self.lost = lost(&mut self.counted);
        self.lost.extend(lost(&mut self.idle));
    }
}

/// By column, what is known of a key.
struct Known {
    /// Whether any load ever spoke of it.
    spoken_of: Vec<bool>,
    /// Whether any load has a default for it.
    defaulted: Vec<bool>,
}

/// The columns that any row has among these.
fn of_any(
    counted: &[Observation],
    idle: &[Observation],
    columns: usize,
    has: impl Fn(&Values) -> &Arc<[bool]>,
) -> Vec<bool> {
    let mut of_any = vec![false; columns];
    for observation in counted.iter().chain(idle) {
        if let Said::Present(values) = &observation.said {
            for (of_any, has) in of_any.iter_mut().zip(has(values).iter()) {
                *of_any |= has;
            }
        }
    }
    of_any
}

fn remember_one(
    table: &Table<'_>,
    versions: &[Shown],
    payloads: &HashMap<(i64, i64), Payload>,
    known: &Known,
    observation: &mut Observation,
) {
    let payload = payloads.get(&(observation.load, observation.line));
    let version = covering(versions, observation.at);
    let (at, load) = (observation.at, observation.load);
    let began = |shown: &Shown| (shown.version.starts, shown.version.load) == (at, load);
    let is_first = version.is_some_and(began);
    let Said::Present(values) = &mut observation.said else {
        return;
    };
    for (place, column) in table.contract.columns.iter().enumerate() {
        if values.defaulted[place] {
            continue;
        }
        let shown = || version.and_then(|shown| shown.version.cells[place].clone());
        values.cells[place] = if values.authored[place] {
            match payload.and_then(|payload| payload.get(column.id.as_str())) {
                Some(cell) => cell.clone(),
                None => shown(),
            }
        } else if column.nullability == Nullability::Required
            || !known.spoken_of[place] && (is_first || !known.defaulted[place])
        {
            // No load says it, so it is the database's own, or a person's hand. But what the default of
            // another load shows is of that load.
            shown()
        } else {
            None
        };
    }
}

/// Values of columns that show one value in all versions are handed on from one observation to the
/// next. Of a column of type 0 a row in order is compared with the first value, which is shown: with
/// nothing kept it said that one. Rows of before digests were kept said what the one before them said.
fn remember_overlaid(
    table: &Table<'_>,
    versions: &[Shown],
    payloads: &HashMap<(i64, i64), Payload>,
    counted: &mut [Observation],
) {
    for (place, role) in overlaid(&table.rules) {
        let name = table.contract.columns[place].id.as_str();
        let shown = versions
            .first()
            .and_then(|shown| shown.version.cells[place].clone());
        let mut before = shown.clone();
        for turn in 0..counted.len() {
            let beaten = is_beaten(counted, turn);
            let observation = &mut counted[turn];
            let Said::Present(values) = &mut observation.said else {
                continue;
            };
            if beaten || !values.authored[place] {
                continue;
            }
            let payload = payloads.get(&(observation.load, observation.line));
            if let Some(cell) = payload.and_then(|payload| payload.get(name)) {
                before.clone_from(cell);
            } else if role == Role::Type0 && observation.digest.is_some() {
                before.clone_from(&shown);
            }
            values.cells[place].clone_from(&before);
        }
    }
}

fn covering(versions: &[Shown], at: Micros) -> Option<&Shown> {
    versions.iter().find(|shown| shown.version.covers(at))
}

// ---- versions and payloads -----------------------------------------------------------------

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = Timestamptz)]
    starts: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ends: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

fn read_versions(
    conn: &mut PgConnection,
    table: &Table<'_>,
    scope: Scope,
    from: Uuid,
    to: Uuid,
) -> QueryResult<Vec<(Uuid, Shown)>> {
    let rows: Vec<VersionRow> = sql_query(scope.versions(table))
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.key, row.shown())).collect())
}

impl VersionRow {
    fn shown(self) -> Shown {
        Shown {
            number: self.number,
            version: Version {
                starts: self.starts.timestamp_micros(),
                ends: self.ends.map(|ends| ends.timestamp_micros()),
                load: self.load_id,
                line: self.line,
                cells: cells(self.cells),
            },
        }
    }
}

pub(in crate::merge) fn cells(texts: Vec<Option<String>>) -> Vec<Cell> {
    texts.into_iter().map(|text| text.map(Arc::from)).collect()
}

#[derive(QueryableByName)]
struct PayloadRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Array<Text>)]
    names: Vec<String>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
    #[diesel(sql_type = Array<Text>)]
    misfits: Vec<String>,
}

/// Of keys that are not known yet only where all are read.
fn read_payloads(
    conn: &mut PgConnection,
    table: &Table<'_>,
    scope: Scope,
    from: Uuid,
    to: Uuid,
    pasts: &mut BTreeMap<Uuid, Past>,
) -> QueryResult<()> {
    let rows: Vec<PayloadRow> = sql_query(scope.payloads())
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .bind::<Text, _>(table.contract.name.as_str())
        .load(conn)?;
    for row in rows {
        if scope == Scope::All {
            pasts.entry(row.key).or_insert_with(|| Past::of(row.key));
        }
        if let Some(past) = pasts.get_mut(&row.key) {
            let payload = row.names.into_iter().zip(cells(row.cells)).collect();
            past.payloads.insert((row.load_id, row.line), payload);
            let misfits = row.misfits.into_iter().map(|column| Misfit {
                load: row.load_id,
                line: row.line,
                column,
                needed: Needed::ByRow,
            });
            past.misfits.extend(misfits);
        }
    }
    Ok(())
}

// ---- observations ----------------------------------------------------------------------------

#[derive(QueryableByName)]
struct LoadRow {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = Text)]
    action: Action,
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(sql_type = Text)]
    instants: Instants,
    #[diesel(sql_type = Text)]
    absence: Absence,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    effective_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    columns: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    digested_as: Option<Vec<Form>>,
    #[diesel(sql_type = Nullable<Text>)]
    defaults: Option<String>,
    #[diesel(sql_type = Array<Text>)]
    default_misfits: Vec<String>,
}

impl LoadRow {
    fn digests(&self, table: &Table<'_>) -> Digests {
        let (names, forms) = match (&self.columns, &self.digested_as) {
            (_, None) => return Digests::NotKept,
            (Some(names), Some(forms)) if names.len() == forms.len() => (names, forms),
            _ => return Digests::Lapsed,
        };
        let columns = &table.contract.columns;
        let is_there = |name: &String| columns.iter().any(|column| column.id.as_str() == name);
        if !names.iter().all(is_there) {
            return Digests::OfDropped;
        }
        let form_of = |column: &Column| {
            let place = names.iter().position(|name| name == column.id.as_str())?;
            Some(forms[place])
        };
        Digests::Of(columns.iter().map(form_of).collect())
    }

    fn defaults(&self, table: &Table<'_>) -> QueryResult<Defaults> {
        let kept: BTreeMap<String, Option<String>> = match &self.defaults {
            Some(kept) => serde_json::from_str(kept)
                .map_err(|error| DbError::DeserializationError(error.into()))?,
            None => BTreeMap::new(),
        };
        let columns = table.contract.columns.iter();
        let default = |column: &Column| {
            let text = kept.get(column.id.as_str())?;
            Some(text.as_deref().map(Arc::from))
        };
        Ok(columns.map(default).collect())
    }

    fn known(self, table: &Table<'_>) -> QueryResult<Load> {
        let digests = self.digests(table);
        let defaults = self.defaults(table)?;
        let spoken = |name: &str| match &self.columns {
            Some(columns) => columns.iter().any(|column| column == name),
            None => true,
        };
        let columns = table.contract.columns.iter();
        let at = self.effective_at.map(|at| at.timestamp_micros());
        Ok(Load {
            number: self.load_id,
            counts: self.status == Status::Loaded,
            action: self.action,
            shared: at.filter(|_| self.instants == Instants::Shared),
            closes_at: at.filter(|_| self.absence == Absence::Closes),
            authored: columns.map(|column| spoken(column.id.as_str())).collect(),
            defaults,
            default_misfits: self.default_misfits,
            digests,
        })
    }
}

#[derive(QueryableByName)]
struct OwnRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Text)]
    presence: Presence,
    #[diesel(sql_type = Nullable<Binary>)]
    sequence: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Integer>)]
    digest: Option<i32>,
}

/// The observations that have instants of their own.
fn read_own(
    conn: &mut PgConnection,
    table: &Table<'_>,
    loads: &BTreeMap<i64, Load>,
    scope: Scope,
    from: Uuid,
    to: Uuid,
) -> QueryResult<Vec<(Uuid, Observation)>> {
    let rows: Vec<OwnRow> = sql_query(scope.observations())
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .bind::<Text, _>(table.contract.name.as_str())
        .load(conn)?;
    let observations = rows.into_iter().filter_map(|row| {
        let load = loads.get(&row.load_id)?;
        let said = match row.presence {
            Presence::Present => load.present(),
            Presence::Absent => Said::Absent,
        };
        let observation = Observation {
            origin: load.origin(),
            at: row.at.timestamp_micros(),
            sequence: row.sequence.unwrap_or_default(),
            load: row.load_id,
            line: row.line,
            said,
            digest: row.digest.map(|digest| Digest(digest.cast_unsigned())),
        };
        Some((row.key, observation))
    });
    Ok(observations.collect())
}

impl Load {
    /// What its rows are.
    pub(in crate::merge) fn origin(&self) -> Origin {
        match self.action {
            Action::Baseline => Origin::Baseline,
            Action::Load | Action::Undo | Action::Redo | Action::Takeover => Origin::Row,
        }
    }

    /// A row whose values are still to be found.
    fn present(&self) -> Said {
        Said::Present(Values::unsaid(&self.authored, &self.defaults))
    }
}

#[derive(QueryableByName)]
struct PartRow {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = Text)]
    kind: ManifestKind,
    #[diesel(sql_type = Binary)]
    keys: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    lines: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    digests: Option<Vec<u8>>,
}

/// What manifests say.
struct Mentions {
    by_load: HashMap<(i64, Uuid), Mention>,
    /// Where all keys are read.
    unclaimed: Vec<Unclaimed>,
}

/// How many rows are named of which no key is known: of a table that somebody emptied there are many.
const MOST_UNCLAIMED: usize = 1000;

/// How a load speaks of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mention {
    /// In the row on this line, from the instant of all its rows on.
    Read(i64, Option<Digest>),
    /// In rows that have instants of their own.
    OneByOne,
    /// In a row that was rejected.
    Unread,
}

/// What the manifests say of keys, by load and key.
fn read_mentions(
    conn: &mut PgConnection,
    table: &Table<'_>,
    scope: Scope,
    from: Uuid,
    to: Uuid,
    keys: &[Uuid],
) -> QueryResult<Mentions> {
    // One by one: all parts together may be more than fits in memory.
    let parts = sql_query(scope.manifests())
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .bind::<Text, _>(table.contract.name.as_str())
        .load_iter::<PartRow, PgRowByRowLoadingMode>(conn)?;
    let mut mentions = Mentions {
        by_load: HashMap::new(),
        unclaimed: Vec::new(),
    };
    for part in parts {
        let part = part?;
        mentioned(&part, keys, |key, mention| {
            mentions.by_load.insert((part.load_id, key), mention);
        });
        if scope == Scope::All && part.kind == ManifestKind::Read {
            let room = MOST_UNCLAIMED - mentions.unclaimed.len();
            let unclaimed = part.unclaimed((prefix(from), prefix(to)), keys);
            mentions.unclaimed.extend(unclaimed.take(room));
        }
    }
    Ok(mentions)
}

impl PartRow {
    /// Its rows from one prefix to another that are of none of these keys, which are in their order.
    fn unclaimed<'p>(
        &'p self,
        (from, to): (Prefix, Prefix),
        keys: &'p [Uuid],
    ) -> impl Iterator<Item = Unclaimed> + 'p {
        let places = prefixes(&self.keys).iter().enumerate();
        let in_span = places.filter(move |(_, it)| (from..=to).contains(*it));
        let unknown =
            in_span.filter(|(_, it)| keys.binary_search_by(|key| prefix(*key).cmp(it)).is_err());
        unknown.map(|(place, prefix)| Unclaimed {
            prefix: *prefix,
            load: self.load_id,
            line: self.line(place),
        })
    }

    fn line(&self, place: usize) -> i64 {
        let lines = self.lines.as_deref();
        lines
            .and_then(|lines| line(lines, place))
            .map_or(0, i64::from)
    }

    fn digest(&self, place: usize) -> Option<Digest> {
        let digests = self.digests.as_deref()?;
        line(digests, place).map(Digest)
    }
}

/// The observations of loads whose rows share an instant, and the absences that snapshots imply.
fn shared(
    loads: &BTreeMap<i64, Load>,
    keys: &[Uuid],
    mentions: &HashMap<(i64, Uuid), Mention>,
) -> Vec<(Uuid, Observation)> {
    let read = mentions.iter().filter_map(|((number, key), mention)| {
        let load = loads.get(number)?;
        let (Mention::Read(line, digest), Some(at)) = (mention, load.shared) else {
            return None;
        };
        let observation = Observation {
            origin: load.origin(),
            at,
            sequence: Vec::new(),
            load: load.number,
            line: *line,
            said: load.present(),
            digest: *digest,
        };
        Some((*key, observation))
    });
    let closing = loads
        .values()
        .filter_map(|load| Some((load, load.closes_at?)));
    let absences = closing.flat_map(|(load, at)| {
        let absent_keys = keys
            .iter()
            .filter(|key| !mentions.contains_key(&(load.number, **key)));
        absent_keys.map(move |key| (*key, absent(at, load.number)))
    });
    read.chain(absences).collect()
}

/// Tells which of the keys, which are in their order, a part of a manifest names.
fn mentioned(part: &PartRow, keys: &[Uuid], mut tell: impl FnMut(Uuid, Mention)) {
    let prefixes = prefixes(&part.keys);
    let (Some(first), Some(last)) = (prefixes.first(), prefixes.last()) else {
        return;
    };
    let begin = keys.partition_point(|key| prefix(*key) < *first);
    for key in keys[begin..]
        .iter()
        .take_while(|key| prefix(**key) <= *last)
    {
        let Ok(place) = prefixes.binary_search(&prefix(*key)) else {
            continue;
        };
        let mention = if part.kind == ManifestKind::Read {
            Mention::Read(part.line(place), part.digest(place))
        } else {
            Mention::Unread
        };
        tell(*key, mention);
    }
}

/// The rules of a contract's columns.
pub(in crate::merge) fn column_rules(contract: &crate::contract::Contract) -> Vec<ColumnRule> {
    let columns = contract.columns.iter().enumerate();
    columns
        .map(|(place, column)| {
            if contract.key.contains(&place) {
                ColumnRule::Key
            } else {
                ColumnRule::Attribute(column.role)
            }
        })
        .collect()
}
