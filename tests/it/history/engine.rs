//! The program itself, in this process, on a database of its own: loads files its own way, undoes
//! and redoes, and shows what the table holds in the words of the definition.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use hayloft::contract::{Contract, ContractFile, Contracts, Redelivery, TableName};
use hayloft::db::pool::Database;
use hayloft::error::LoadError;
use hayloft::history::{check, views};
use hayloft::merge::Turn;
use hayloft::merge::ledger::{Entry, contract};
use hayloft::pipeline::{self, Attendant, Desk, Forecast, Outcome, Patience, Register, Wish};
use hayloft::retire::{Disposal, Shelves};
use hayloft::stage::key::KeyScheme;
use hayloft::stage::{Limits, Progress, csv};
use hayloft::summary::Summary;
use hayloft::watch::Arrival;

use super::deliveries::{self, Way};
use super::fold::{History, Instant, Rules, Values, Version};
use crate::support::Warehouse;

/// A warehouse with the table `members`, and the program beside it.
pub(super) struct Engine {
    warehouse: Warehouse,
    rules: Rules,
    desks: BTreeMap<Way, Desk>,
    /// The way that the database knows the contract by.
    way: Option<Way>,
    conn: PgConnection,
}

/// Forgets every load, as though none had been.
const EMPTY: &str = "
    delete from datawarehouse.members;
    delete from hayloft.observation;
    delete from hayloft.payload;
    delete from hayloft.let_in;
    delete from hayloft.manifest;
    delete from hayloft.reject;
    delete from hayloft.load;
    delete from hayloft.contract;";

const VERSIONS: &str = "
    select email, version_number, source_line, version.load_id,
        (extract(epoch from effective_start_date - timestamptz '2020-01-01Z') / 86400)::bigint
            as starts,
        (extract(epoch from effective_end_date - timestamptz '2020-01-01Z') / 86400)::bigint
            as ends,
        (
            select jsonb_object_agg(key, value)
            from jsonb_each_text(to_jsonb(version) - array['id', 'member_id', 'email',
                'effective_start_date', 'effective_end_date', 'is_current', 'version_number',
                'load_id', 'source_line'])
        )::text as says
    from datawarehouse.members as version
    order by email collate \"C\", effective_start_date";

const PLACES: &str = "
    select coalesce(string_agg(xmin::text || ctid::text, ' ' order by ctid), '') as says
    from datawarehouse.members";

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Integer)]
    version_number: i32,
    #[diesel(sql_type = BigInt)]
    source_line: i64,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    starts: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    ends: Option<i64>,
    #[diesel(sql_type = Text)]
    says: String,
}

const IDS: &str = "
    select email, id,
        (extract(epoch from effective_start_date - timestamptz '2020-01-01Z') / 86400)::bigint
            as starts
    from datawarehouse.members";

#[derive(QueryableByName)]
struct Surrogate {
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    starts: i64,
}

const CURRENT: &str = "
    select email, version_number from datawarehouse.members_current
    order by email collate \"C\"";

const AS_OF: &str = "
    select email, version_number
    from datawarehouse.members_asof(timestamptz '2020-01-01Z' + $1 * interval '1 day')
    order by email collate \"C\"";

#[derive(QueryableByName)]
struct Shown {
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Integer)]
    version_number: i32,
}

fn shown(rows: Vec<Shown>) -> Vec<(String, usize)> {
    let shown = |row: Shown| (row.email, usize::try_from(row.version_number).unwrap());
    rows.into_iter().map(shown).collect()
}

#[derive(QueryableByName)]
struct Says {
    #[diesel(sql_type = Text)]
    says: String,
}

impl Engine {
    pub(super) fn new(rules: &Rules) -> Self {
        let warehouse = Warehouse::new();
        warehouse.execute(deliveries::MEMBERS);
        let conn = warehouse.connection();
        Self {
            warehouse,
            rules: rules.clone(),
            desks: BTreeMap::new(),
            way: None,
            conn,
        }
    }

    /// Forgets every load.
    pub(super) fn empty(&mut self) {
        self.conn.batch_execute(EMPTY).unwrap();
        self.way = None;
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes other rules for what comes from now on.
    pub(super) fn change(&mut self, rules: &Rules) {
        self.rules = rules.clone();
        self.desks.clear();
        if let Some(way) = self.way.take() {
            self.desk(way);
        }
    }

    /// Reads the contract and the catalog anew for the next load: a file may have added a column.
    pub(super) fn look_again(&mut self) {
        self.desks.clear();
    }

    /// Gives the columns of the table these defaults.
    pub(super) fn set_defaults(&mut self, defaults: &Values) {
        let change = |(column, value): (&String, &Option<String>)| {
            let value = value.as_deref().unwrap_or_default();
            format!("alter column {column} set default '{value}'")
        };
        let changes: Vec<String> = defaults.iter().map(change).collect();
        let statement = format!("alter table datawarehouse.members {}", changes.join(", "));
        self.conn.batch_execute(&statement).unwrap();
        self.look_again();
    }

    /// Loads a file; the ledger's entry, whether it was loaded or refused.
    pub(super) fn load(&mut self, way: Way, file: &str, text: &str) -> Result<Entry, String> {
        let arrival = self.arrival(file, text);
        let outcome = pipeline::load(self.desk(way), &arrival, &WISH, &Impatient)
            .map_err(|error| format!("`{file}` cannot be loaded: {error}"))?;
        match outcome {
            Outcome::Done(entry) | Outcome::Refused { entry, .. } => Ok(entry),
        }
    }

    /// What a load of the file would count; `None` if it would be refused.
    pub(super) fn plan(
        &mut self,
        way: Way,
        file: &str,
        text: &str,
    ) -> Result<Option<Summary>, String> {
        let arrival = self.arrival(file, text);
        let planned = pipeline::plan(self.desk(way), &arrival, &WISH, 2, &Impatient)
            .map_err(|error| format!("`{file}` cannot be planned: {error}"))?;
        Ok(match planned.forecast {
            Forecast::Merge(plan) => Some(plan.entry.summary),
            Forecast::Refuse { .. } => None,
        })
    }

    fn arrival(&self, file: &str, text: &str) -> Arrival {
        let path = self.warehouse.write(file, text);
        Arrival::in_place(&path, TableName::new("members")).unwrap()
    }

    /// Undoes or redoes a load, under the contract of the latest one.
    pub(super) fn turn(&mut self, load_id: i64, turn: Turn) -> Result<Summary, String> {
        let target = (&TableName::new("members"), load_id);
        let entry = pipeline::turn(self.desk(self.way.unwrap()), target, turn, &Impatient);
        entry
            .map(|entry| entry.summary)
            .map_err(|error| format!("{turn:?} of load {load_id} fails: {error}"))
    }

    /// What it would count to undo or redo a load.
    pub(super) fn plan_turn(&mut self, load_id: i64, turn: Turn) -> Result<Summary, String> {
        let target = (&TableName::new("members"), load_id);
        let plan = pipeline::plan_turn(self.desk(self.way.unwrap()), target, turn, 2, &Impatient);
        plan.map(|plan| plan.entry.summary)
            .map_err(|error| format!("{turn:?} of load {load_id} cannot be planned: {error}"))
    }

    /// The desk of this way, whose contract is the one that holds from now on.
    fn desk(&mut self, way: Way) -> &Desk {
        let (warehouse, rules) = (&self.warehouse, &self.rules);
        let desk = self
            .desks
            .entry(way)
            .or_insert_with(|| desk(warehouse, &deliveries::contract(way, rules)));
        if self.way.replace(way) != Some(way) {
            let contracts = desk.register.last();
            let contract = contracts.get(&TableName::new("members")).unwrap();
            contract::take_from_now(&mut self.conn, &contracts, contract).unwrap();
        }
        desk
    }

    /// Every version, with the loads' ids in the place of their numbers.
    pub(super) fn table(&mut self) -> History {
        let stored: Vec<Stored> = diesel::sql_query(VERSIONS).load(&mut self.conn).unwrap();
        let mut history = History::new();
        for row in stored {
            let version = Version {
                number: usize::try_from(row.version_number).unwrap(),
                from: row.starts,
                to: row.ends,
                values: serde_json::from_str(&row.says).unwrap(),
                load: usize::try_from(row.load_id).unwrap(),
                line: u64::try_from(row.source_line).unwrap(),
            };
            history.entry(row.email).or_default().push(version);
        }
        history
    }

    /// What `hayloft check` finds to be wrong.
    pub(super) fn faults(&mut self) -> Vec<String> {
        let Some(way) = self.way else {
            return Vec::new();
        };
        let desk = self.desk(way);
        let contracts = desk.register.last();
        let mut conn = desk.database.get().unwrap();
        let tables = check::examine(&mut conn, contracts.iter()).unwrap();
        let faults = tables.into_iter().flat_map(|table| table.faults);
        faults
            .map(|found| format!("{} {:?}", found.sentence, found.examples))
            .collect()
    }

    /// The contract of now, and a session.
    pub(super) fn proving(&mut self) -> Option<(Contract, &mut PgConnection)> {
        let way = self.way?;
        let contracts = self.desk(way).register.last();
        let contract = contracts.get(&TableName::new("members")).unwrap().clone();
        Some((contract, &mut self.conn))
    }

    /// Makes the views through which the table is read.
    pub(super) fn make_views(&mut self) {
        let desk = self.desk(Way::Incremental);
        let contracts = desk.register.last();
        let contract = contracts.get(&TableName::new("members")).unwrap();
        views::keep(&mut desk.database.get().unwrap(), contract).unwrap();
    }

    /// The versions that the view of the current ones shows, by key and number.
    pub(super) fn current(&mut self) -> Vec<(String, usize)> {
        let query = diesel::sql_query(CURRENT);
        shown(query.load(&mut self.conn).unwrap())
    }

    /// The versions that held at an instant, by key and number.
    pub(super) fn as_of(&mut self, at: Instant) -> Vec<(String, usize)> {
        let query = diesel::sql_query(AS_OF).bind::<BigInt, _>(at);
        shown(query.load(&mut self.conn).unwrap())
    }

    /// The surrogate of each version, by key and start.
    pub(super) fn ids(&mut self) -> BTreeMap<(String, Instant), i64> {
        let ids: Vec<Surrogate> = diesel::sql_query(IDS).load(&mut self.conn).unwrap();
        ids.into_iter()
            .map(|row| ((row.email, row.starts), row.id))
            .collect()
    }

    /// Where every row of the table lies, and which transaction wrote it: another answer means
    /// that something was written.
    pub(super) fn places(&mut self) -> String {
        let places: Says = diesel::sql_query(PLACES)
            .get_result(&mut self.conn)
            .unwrap();
        places.says
    }
}

pub(super) fn desk(warehouse: &Warehouse, toml: &str) -> Desk {
    let path = warehouse.write("hayloft.toml", toml);
    let database = Database::connect(warehouse.url().parse().unwrap(), 1).unwrap();
    let file = ContractFile::read(&path).unwrap();
    let contracts = Contracts::load(&mut database.get().unwrap(), &file).unwrap();
    let size = |bytes: u64| usize::try_from(bytes).unwrap();
    let limits = Limits {
        file_bytes: file.limits.file_bytes,
        memory_bytes: usize::try_from(file.limits.memory_bytes).unwrap(),
        csv: csv::Limits {
            record_bytes: size(file.limits.record_bytes),
            field_bytes: size(file.limits.field_bytes),
            columns: size(file.limits.columns),
        },
    };
    Desk {
        database,
        register: Register::new(file, contracts),
        keys: KeyScheme::plain(),
        limits,
        shelves: Shelves::of(warehouse.path("imports")),
    }
}

/// Whatever was loaded before, and the file stays.
pub(super) const WISH: Wish = Wish {
    disposal: Some(Disposal::Leave),
    redelivery: Some(Redelivery::Always),
    ..Wish::CONTRACT
};

/// Waits for nothing: nothing here can heal.
pub(super) struct Impatient;

impl Progress for Impatient {
    fn advanced(&self, _bytes: u64) {}
}

impl Attendant for Impatient {
    fn wait(&self, _error: &LoadError, _attempt: u32) -> Patience {
        Patience::GiveUp
    }

    fn wait_for_turn(&self, _error: &LoadError, _attempt: u32) -> Patience {
        Patience::GiveUp
    }
}
