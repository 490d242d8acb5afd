//! A real server plans each statement that is made from a contract: what no golden text can tell.

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use hayloft::contract::catalog::has_loaded_rows;
use hayloft::contract::{Contract, ContractFile, Contracts, Ident, Kind, Reference, TableName};
use hayloft::merge::conversion::FUNCTIONS;
use hayloft::merge::sql::{self, Shape};

use crate::new_table::{CONTRACT, UP};
use crate::support::Warehouse;

/// The shipped tables and those of another shape, with a session that is like a load's.
struct Planner {
    contracts: Contracts,
    session: PgConnection,
    _warehouse: Warehouse,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    #[diesel(column_name = "QUERY PLAN")]
    text: String,
}

#[derive(QueryableByName)]
struct Binds {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Planner {
    fn new() -> Self {
        Self::of_tables(UP)
    }

    fn of_tables(up: &str) -> Self {
        let warehouse = Warehouse::new();
        warehouse.execute(up);
        let path = warehouse.write("hayloft.toml", CONTRACT);
        let mut session = warehouse.connection();
        let file = ContractFile::read(&path).unwrap();
        let contracts = Contracts::load(&mut session, &file).unwrap();
        Self {
            contracts,
            session,
            _warehouse: warehouse,
        }
    }

    fn contract(&self, name: &str) -> Contract {
        self.contracts.get(&TableName::new(name)).unwrap().clone()
    }

    /// Begins a load of a file that fills these columns, with the tables that it makes.
    fn begin(&mut self, shape: Shape<'_>) {
        self.session.batch_execute("begin").unwrap();
        self.session
            .batch_execute(&sql::create_landing(shape))
            .unwrap();
    }

    fn end(&mut self) {
        self.session.batch_execute("rollback").unwrap();
    }

    /// Makes a table as a load does.
    #[track_caller]
    fn make(&mut self, statement: &str) {
        let made = diesel::sql_query(statement).bind::<Text, _>("a table");
        made.execute(&mut self.session)
            .unwrap_or_else(|error| panic!("{error}\n{statement}"));
    }

    /// The plan of a statement, whatever its binds will be.
    #[track_caller]
    fn plan(&mut self, statement: &str) -> String {
        self.plan_with("", statement)
    }

    /// The same, where the table at hand does not use every bind and so does not tell its type.
    #[track_caller]
    fn plan_with(&mut self, types: &str, statement: &str) -> String {
        self.session
            .batch_execute(&format!("prepare planned{types} as {statement}"))
            .unwrap_or_else(|error| panic!("{error}\n{statement}"));
        let binds: Binds = diesel::sql_query(
            "select cardinality(parameter_types)::bigint as count
             from pg_prepared_statements where name = 'planned'",
        )
        .get_result(&mut self.session)
        .unwrap();
        let nulls = vec!["null"; usize::try_from(binds.count).unwrap()].join(", ");
        let nulls = if nulls.is_empty() {
            nulls
        } else {
            format!("({nulls})")
        };
        let lines: Vec<Line> = diesel::sql_query(format!("explain execute planned{nulls}"))
            .load(&mut self.session)
            .unwrap_or_else(|error| panic!("{error}\n{statement}"));
        self.session.batch_execute("deallocate planned").unwrap();
        lines.into_iter().map(|line| line.text + "\n").collect()
    }
}

/// What fills a table that a statement makes.
fn query_of(statement: &str) -> String {
    statement.split_once(" as\n").unwrap().1.to_owned()
}

/// The columns that a file must have, and all that it may have.
fn shapes(contract: &Contract) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..contract.columns.len()).collect();
    let least = contract.key.clone();
    vec![all, least]
}

fn durable_key(contract: &Contract) -> Option<&Ident> {
    match &contract.kind {
        Kind::Dimension { durable_key, .. } => Some(durable_key),
        Kind::Fact { .. } => None,
    }
}

fn references(contract: &Contract) -> Vec<&Reference> {
    match &contract.kind {
        Kind::Dimension { .. } => Vec::new(),
        Kind::Fact { references, .. } => references.iter().collect(),
    }
}

#[test]
fn the_server_plans_every_statement_of_a_dimension() {
    let mut planner = Planner::new();
    for name in ["users", "stations"] {
        let contract = planner.contract(name);
        let key = durable_key(&contract).unwrap();
        for filled in shapes(&contract) {
            let shape = Shape {
                contract: &contract,
                filled: &filled,
            };
            planner.begin(shape);
            for column in &filled {
                for question in sql::questions(&contract.columns[*column]) {
                    planner.plan(&question.remove());
                    planner.plan(&question.ask());
                }
            }
            if let Some(statement) = sql::read_printed(shape) {
                planner.plan(&statement);
            }
            let changes = sql::find_changes(shape, key, sql::Refolded::None);
            planner.session.batch_execute(&changes).unwrap();
            let statements = [
                sql::LOADS_OF_CHANGES.to_owned(),
                sql::close_changed(&contract, key),
                sql::open_new(&contract, key),
                sql::count_broken(&contract, key, sql::Changed::Found),
                sql::count_broken(&contract, key, sql::Changed::Bound),
                sql::bring_in(shape, key),
                sql::find_sent(shape, key),
                sql::is_empty(&contract.table),
                sql::read_current(shape, key, sql::Order::Any),
                sql::read_current(shape, key, sql::Order::ByKey),
                query_of(&sql::list_members(
                    &contract,
                    key,
                    &[sql::Spoken::Change, sql::Spoken::Sent],
                )),
            ];
            for statement in statements {
                planner.plan(&statement);
            }
            if !shape.has_silent() {
                planner.plan(&sql::bring_in_found(shape, key));
            }
            planner.end();
        }
    }
}

#[test]
fn the_server_plans_every_statement_of_a_refold() {
    let mut planner = Planner::new();
    for name in ["users", "stations"] {
        let contract = planner.contract(name);
        let key = durable_key(&contract).unwrap();
        let all: Vec<usize> = (0..contract.columns.len()).collect();
        let shape = Shape {
            contract: &contract,
            filled: &all,
        };
        planner.begin(shape);
        for statement in [
            sql::CREATE_TOUCHED,
            sql::CREATE_UNREAD,
            sql::CREATE_ABSENT,
            &sql::create_refold(&contract),
        ] {
            planner.session.batch_execute(statement).unwrap();
        }
        let unsure: Vec<&str> = contract.columns.iter().map(|it| it.name.name()).collect();
        let statements = [
            sql::TOUCH_LANDED.to_owned(),
            sql::NOTE_UNREAD.to_owned(),
            sql::touch_doubtful(shape, key, &unsure).unwrap(),
            sql::touch_spoken(&contract, key),
            sql::read_versions(&contract, key),
            sql::read_landed(shape),
            sql::shrink_versions(&contract, key),
            sql::delete_versions(&contract, key),
            sql::rewrite_versions(&contract, key),
            sql::insert_versions(&contract, key),
            sql::count_broken_touched(&contract, key),
            sql::read_key(&contract, key),
            query_of(&sql::list_members(&contract, key, &[sql::Spoken::Touched])),
            sql::SAMPLE_ABSENT.to_owned(),
            sql::sample_changed(&contract, key),
            sql::count_known(&contract),
        ];
        for statement in statements {
            planner.plan(&statement);
        }
        for statement in [
            sql::touch_present(&contract, key),
            sql::touch_ended(&contract, key),
            sql::find_absent(&contract, key),
            sql::count_present(&contract),
            sql::close_absent(&contract, key),
        ] {
            planner.plan(&statement);
        }
        planner.end();
    }
}

#[test]
fn the_server_plans_every_statement_of_a_takeover() {
    let mut planner = Planner::new();
    planner
        .session
        .batch_execute("create view datawarehouse.old as select * from datawarehouse.users")
        .unwrap();
    let contract = planner.contract("users");
    let key = durable_key(&contract).unwrap();
    let column = |name: &str, zoned| sql::SourceColumn {
        column: Ident::vouched(name),
        type_sql: "text".to_owned(),
        zoned,
    };
    let columns = contract
        .columns
        .iter()
        .map(|it| Some(column(it.name.name(), sql::Zoned::InText)));
    // A statement that asks of local times has a function for it.
    let until = column("effective_end_date", sql::Zoned::No);
    let source = sql::VersionSource {
        table: hayloft::contract::QualifiedName {
            schema: Ident::vouched("datawarehouse"),
            table: Ident::vouched("old"),
        },
        columns: columns.collect(),
        starts: column("effective_start_date", sql::Zoned::InText),
        ends: Some(until),
        current: Some(Ident::vouched("version_number")),
        zone: chrono_tz::Tz::Europe__Prague,
        end_meaning: sql::EndMeaning::LastSecond,
        unused: Vec::new(),
    };
    planner.session.batch_execute("begin").unwrap();
    planner.session.batch_execute(sql::CREATE_TOUCHED).unwrap();
    planner
        .session
        .batch_execute(&sql::create_taken_keys(&contract))
        .unwrap();
    for function in sql::CREATE_LOCAL_TIMES.iter().chain(&FUNCTIONS) {
        planner.session.batch_execute(function).unwrap();
    }
    for statement in [
        sql::count_unknown(&contract),
        sql::read_unknown_keys(&contract, key),
        sql::open_far_ends(&contract),
        sql::count_overlapping(&contract, key),
        sql::touch_unknown(&contract, key),
        sql::observe_unknown(&contract, key),
        sql::read_source_keys(&contract, &source),
        sql::insert_taken(&contract, key, &source),
        sql::count_missing(&contract, &source).unwrap().statement,
        sql::count_misfits(&contract, &source).unwrap().statement,
        sql::count_unbounded(&source).unwrap().statement,
        sql::count_local_times(&contract, &source)
            .unwrap()
            .statement,
        sql::count_contradictions(&contract, &source).unwrap(),
        sql::find_overlapping(&contract, &source, None),
        sql::state_baseline(&contract, key, &contract.columns[0]),
        sql::keep_baseline(&contract, key, &contract.columns[0]),
        sql::touch_mergeable(&contract, key),
        has_loaded_rows(&contract.table),
    ] {
        planner.plan(&statement);
    }
    planner.end();
}

#[test]
fn the_server_plans_every_statement_of_a_fact() {
    let mut planner = Planner::new();
    for name in ["transactions", "readings"] {
        let contract = planner.contract(name);
        let references = references(&contract);
        for filled in shapes(&contract) {
            let shape = Shape {
                contract: &contract,
                filled: &filled,
            };
            planner.begin(shape);
            planner.plan(sql::FORGET_AWAITED);
            planner.make(&sql::find_joined(shape));
            planner.plan(sql::REMEMBER_JOINED);
            planner.plan(sql::JOIN_HELD);
            for reference in &references {
                let holding = sql::Holding::OfLoad;
                planner.plan(&sql::note_awaited(&contract, reference, holding));
            }
            let named: Vec<&Reference> = references
                .iter()
                .filter(|reference| filled.contains(&reference.column))
                .copied()
                .collect();
            for reference in &named {
                planner.plan(&sql::remove_unresolved(&contract, reference));
            }
            if !named.is_empty() {
                planner.plan(&sql::hold_unresolved(&contract, &named));
            }
            if let Some(statement) = sql::find_changed_facts(shape) {
                planner.session.batch_execute(&statement).unwrap();
                planner.plan(sql::LOADS_OF_CHANGED_FACTS);
                planner.plan(sql::REMEMBER_CHANGED);
                planner.plan(sql::HAS_CHANGED_FACTS);
                planner.plan(sql::SAMPLE_CHANGED_FACTS);
                planner.plan(&sql::read_changed_facts(shape));
                planner.plan_with("(timestamptz, bigint)", &sql::update_facts(shape));
            }
            planner.plan(&sql::count_known(&contract));
            planner.plan(&sql::read_inserted_facts(shape));
            planner.plan(&sql::read_rows_held(&contract));
            // A file without a column that must have a value does not come this far.
            planner.plan_with("(timestamptz, bigint)", &sql::insert_facts(shape));
            planner.end();
        }
    }
}

#[test]
fn the_server_plans_every_statement_of_a_refold_of_facts() {
    let mut planner = Planner::new();
    for name in ["transactions", "readings"] {
        let contract = planner.contract(name);
        let all: Vec<usize> = (0..contract.columns.len()).collect();
        let shape = Shape {
            contract: &contract,
            filled: &all,
        };
        planner.begin(shape);
        for statement in [
            sql::create_touched_facts(&contract),
            sql::create_fact_refold(&contract),
            "create temporary table hayloft_member (key uuid) on commit drop".to_owned(),
        ] {
            planner.session.batch_execute(&statement).unwrap();
        }
        let statements = [
            sql::touch_remembered_facts(&contract),
            sql::touch_held_facts(&contract),
            sql::read_misfit_key(&contract),
            sql::touch_landed_facts(shape),
            sql::read_landed(shape),
            sql::read_facts_of_load(&contract),
            sql::read_facts(&contract),
            sql::read_held_facts(&contract),
            sql::delete_facts(&contract),
            sql::rewrite_facts(&contract),
            sql::read_columns_of_added(&contract),
            sql::add_facts(shape),
            sql::keep_let_in(),
            sql::READ_TOUCHED_LET_IN.to_owned(),
            sql::drop_refolded_held(),
            sql::hold_refolded(&contract),
            sql::count_unknown(&contract),
            sql::take_unknown_facts(&contract),
            sql::read_taken_facts(&contract),
        ];
        for statement in statements {
            planner.plan(&statement);
        }
        for reference in references(&contract) {
            planner.plan(&sql::touch_facts_behind(&contract, reference));
            planner.plan(&sql::known_members(reference));
            planner.plan(&sql::count_unknown_without_member(&contract, reference));
            for holding in [sql::Holding::Refolded, sql::Holding::OfTouchedMembers] {
                planner.plan(&sql::note_awaited(&contract, reference, holding));
            }
        }
        planner.end();
    }
}

#[test]
fn the_server_plans_the_release_of_held_facts() {
    let mut planner = Planner::new();
    for (dimension, fact) in [("users", "transactions"), ("stations", "readings")] {
        let dimension = planner.contract(dimension);
        let filled: Vec<usize> = (0..dimension.columns.len()).collect();
        let shape = Shape {
            contract: &dimension,
            filled: &filled,
        };
        planner.begin(shape);
        let changes =
            sql::find_changes(shape, durable_key(&dimension).unwrap(), sql::Refolded::None);
        planner.session.batch_execute(&changes).unwrap();
        let members = sql::list_members(
            &dimension,
            durable_key(&dimension).unwrap(),
            &[sql::Spoken::Change],
        );
        planner.session.batch_execute(&members).unwrap();
        diesel::sql_query(sql::MEET_MEMBERS)
            .bind::<Text, _>(fact)
            .bind::<Text, _>(dimension.name.as_str())
            .execute(&mut planner.session)
            .unwrap();
        let fact_contract = planner.contract(fact);
        planner.plan(&sql::read_columns_of_met(&fact_contract));
        let releases: Vec<String> = shapes(&fact_contract)
            .iter()
            .map(|filled| {
                sql::release_held(Shape {
                    contract: &fact_contract,
                    filled,
                })
            })
            .collect();
        for release in &releases {
            planner.plan_with("(timestamptz, text)", release);
        }
        planner.session.batch_execute(sql::DROP_MET).unwrap();
        diesel::sql_query(sql::MEET_JOINED)
            .bind::<Text, _>(fact)
            .bind::<BigInt, _>(0)
            .execute(&mut planner.session)
            .unwrap();
        for release in &releases {
            planner.plan_with("(timestamptz, text)", release);
        }
        planner.end();
    }
}

#[test]
fn the_server_plans_every_statement_of_a_proof() {
    let mut planner = Planner::new();
    planner.session.batch_execute("begin").unwrap();
    for name in ["users", "stations"] {
        let contract = planner.contract(name);
        let key = durable_key(&contract).unwrap();
        planner.plan(&sql::end_of_span(&contract, key));
        planner.plan(&sql::read_all_versions(&contract, key));
    }
    for name in ["transactions", "readings"] {
        let contract = planner.contract(name);
        planner.plan(&sql::read_all_facts(&contract));
        planner.plan(&sql::read_all_held_facts(&contract));
        planner.plan(sql::READ_LET_IN);
    }
    planner.end();
}

/// A proof reads the table once, however many spans it is cut into.
#[test]
fn a_span_of_a_proof_is_read_by_its_keys() {
    let mut planner = Planner::new();
    let contract = planner.contract("users");
    let key = durable_key(&contract).unwrap();
    planner.session.batch_execute("begin").unwrap();
    planner
        .session
        .batch_execute(
            "insert into datawarehouse.users (user_id, name, email, date_of_birth,
                 effective_start_date, version_number, load_id, source_line)
             select gen_random_uuid(), 'N', n::text, '2000-01-01', '2020-01-01', 1, 1, n
             from generate_series(1, 20000) as n;
             analyze datawarehouse.users;",
        )
        .unwrap();
    for statement in [
        sql::end_of_span(&contract, key),
        sql::read_all_versions(&contract, key),
    ] {
        let plan = planner.plan(&statement);
        assert!(!plan.contains("Seq Scan on users"), "{plan}");
    }
    planner.end();
}

#[test]
fn the_server_plans_a_file_without_defaults() {
    let up =
        UP.to_owned() + "alter table datawarehouse.users alter column name set default 'nobody';";
    let mut planner = Planner::of_tables(&up);
    let contract = planner.contract("users");
    let is_filled = |place: &usize| contract.columns[*place].name.name() != "name";
    let filled: Vec<usize> = (0..contract.columns.len()).filter(is_filled).collect();
    let shape = Shape {
        contract: &contract,
        filled: &filled,
    };
    planner.begin(shape);
    planner.session.batch_execute(sql::CREATE_TOUCHED).unwrap();
    let key = durable_key(&contract).unwrap();
    for statement in [
        sql::evaluate_defaults(shape).unwrap(),
        sql::touch_doubtful(shape, key, &[]).unwrap(),
    ] {
        planner.plan(&statement);
    }
    planner.end();
}

/// One pass over each side, not one look for each row: a million rows take seconds, not hours.
#[test]
fn the_comparison_with_a_large_dimension_is_a_hash_join() {
    let mut planner = Planner::new();
    let contract = planner.contract("users");
    let filled: Vec<usize> = (0..contract.columns.len()).collect();
    let shape = Shape {
        contract: &contract,
        filled: &filled,
    };
    planner.begin(shape);
    planner
        .session
        .batch_execute(
            "insert into datawarehouse.users (user_id, name, email, date_of_birth,
                 effective_start_date, version_number, load_id, source_line)
             select gen_random_uuid(), 'N', n::text, '2000-01-01', '2020-01-01', 1, 1, n
             from generate_series(1, 20000) as n;
             insert into pg_temp.hayloft_landing
                 (hayloft_key, hayloft_line, name, email, date_of_birth)
             select user_id, id, name, email, date_of_birth from datawarehouse.users;
             analyze datawarehouse.users; analyze pg_temp.hayloft_landing;",
        )
        .unwrap();
    let changes = sql::find_changes(shape, durable_key(&contract).unwrap(), sql::Refolded::None);
    let plan = planner.plan(&query_of(&changes));
    assert!(plan.contains("Hash Right Join"), "{plan}");
    // The loop is over what differs alone: for a key without a current version, whether it had one.
    assert_eq!(plan.matches("Nested Loop").count(), 1, "{plan}");
    assert!(
        plan.contains("One-Time Filter: (current.user_id IS NULL)"),
        "{plan}"
    );
    planner.end();
}
