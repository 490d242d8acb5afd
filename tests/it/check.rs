//! `hayloft check`: a warehouse that is damaged in each way, and what is said of it.

use diesel::connection::SimpleConnection as _;
use expect_test::expect;
use hayloft::contract::{ContractFile, Contracts, TableName};
use hayloft::history::check::{self, Fault};

use crate::support::{HAYLOFT_TOML, Warehouse};

const USERS: &str = "\
email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,03/04/1985
cat@x.org,Cat,05/06/1970
";

const TRANSACTIONS: &str = "\
id,email,amount,transaction_date
1,ann@x.org,1.50,01/02/2024
2,bob@x.org,2.50,01/02/2024
3,zoe@x.org,3.50,01/02/2024
";

/// Three people, one of them in two versions; two facts, and a third that is held.
fn loaded() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.write("users.csv", USERS);
    let second = USERS.replace("Ann,", "Anna,");
    warehouse.write("users-2.csv", format!("{second}nobody,Nobody,01/02/1990\n"));
    warehouse.write("transactions.csv", TRANSACTIONS);
    warehouse
        .run(&["load", "users.csv", "users-2.csv", "transactions.csv"])
        .exits(1);
    warehouse
}

/// The same three, in files whose rows say from when on they hold: Ann changes, Bob is corrected,
/// Cat is deleted; and a load that was undone.
fn loaded_by_instants() -> Warehouse {
    let feed = "durable_key = \"user_id\"\nmode = \"feed\"\nop = \"op\"\n\
                effective = { column = \"at\" }";
    let toml = HAYLOFT_TOML.replace("durable_key = \"user_id\"", feed);
    let warehouse = Warehouse::with_contract(&toml);
    for (number, rows) in [
        "c,2024-01-10,ann@x.org,Ann\nc,2024-01-10,bob@x.org,Bob\nc,2024-01-10,cat@x.org,Cat\n",
        "u,2024-02-10,ann@x.org,Anna\nu,2024-01-10,bob@x.org,Rob\nd,2024-02-10,cat@x.org,\n",
        "u,2024-03-10,ann@x.org,Anne\n",
    ]
    .into_iter()
    .enumerate()
    {
        let rows = rows.replace('\n', ",01/02/1990\n");
        let text = format!("op,at,email,name,date_of_birth\n{rows}");
        warehouse
            .load(&format!("users-{number}.csv"), text)
            .exits(0);
    }
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    warehouse
}

const DAMAGES_BY_INSTANTS: &[Damage] = &[
    (
        "update hayloft.observation set at = at + interval '1 second'
         where load_id = 1 and line = 2",
        "users",
        "not_of_its_instant",
    ),
    (
        "update hayloft.observation set presence = 'absent' where load_id = 1 and line = 2",
        "users",
        "not_of_its_instant",
    ),
    (
        "delete from hayloft.observation where load_id = 2 and line = 4",
        "users",
        "observations_incomplete",
    ),
    (
        "update hayloft.load set instants = 'shared' where load_id = 2",
        "users",
        "observations_incomplete",
    ),
    (
        "update hayloft.observation set at = at + interval '1 day' where load_id = 2 and line = 2",
        "users",
        "instants_out_of_bounds",
    ),
    (
        "update hayloft.load set earliest_at = effective_at where load_id = 2",
        "users",
        "instants_out_of_bounds",
    ),
    (
        "update hayloft.load set earliest_at = '2025-01-01' where load_id = 1",
        "users",
        "instants_out_of_bounds",
    ),
    (
        "update hayloft.payload set line = line + 10 where load_id = 1",
        "users",
        "payload_of_no_row",
    ),
    (
        "update hayloft.payload
         set load_id = (select load_id from hayloft.load where action = 'undo') where load_id = 3",
        "users",
        "payload_of_no_row",
    ),
    (
        "delete from hayloft.load where action = 'undo'",
        "users",
        "status_against_turns",
    ),
    (
        "update hayloft.load set status = 'loaded' where load_id = 3",
        "users",
        "status_against_turns",
    ),
    (
        "update hayloft.load set status = 'failed' where load_id = 3",
        "users",
        "status_against_turns",
    ),
    (
        "insert into hayloft.manifest
         values (1, 0, '\\x0000000000000000', 'read', gen_random_uuid(), gen_random_uuid(), null)",
        "users",
        "manifest_incomplete",
    ),
];

#[test]
fn a_sound_warehouse_is_told_in_a_line_a_table() {
    let warehouse = loaded();
    let run = warehouse.run(&["check"]).exits(0);
    expect![[r"
        table         rows  keys  verdict
        users            4     3  sound
        transactions     2     2  sound
    "]]
    .assert_eq(&run.stdout);
    assert_eq!(run.stderr, "");
}

/// What was done, and the fault that is found in the table.
type Damage = (&'static str, &'static str, &'static str);

const DROPPED: &str = "
    alter table datawarehouse.users drop constraint users_no_overlap, drop constraint users_pkey,
        drop constraint users_interval;
    drop index datawarehouse.users_open;
    alter table datawarehouse.transactions drop constraint transactions_pkey;
    alter table hayloft.load drop constraint load_rows_add_up;";

const DAMAGES: &[Damage] = &[
    (
        "update datawarehouse.users set effective_end_date = effective_start_date
         where version_number = 1 and email = 'ann@x.org'",
        "users",
        "ends_before_it_starts",
    ),
    (
        "update datawarehouse.users set effective_end_date = null",
        "users",
        "several_open",
    ),
    (
        "insert into datawarehouse.users (user_id, name, email, date_of_birth,
             effective_start_date, effective_end_date, version_number, load_id, source_line)
         select user_id, 'Robert', email, date_of_birth, effective_start_date,
             effective_start_date + interval '1 second', 2, load_id, source_line
         from datawarehouse.users where email = 'bob@x.org'",
        "users",
        "start_together",
    ),
    (
        "insert into datawarehouse.users (user_id, name, email, date_of_birth,
             effective_start_date, effective_end_date, version_number, load_id, source_line)
         select user_id, 'Annie', email, date_of_birth,
             effective_start_date - interval '1 day', effective_end_date - interval '1 microsecond',
             1, load_id, source_line
         from datawarehouse.users where email = 'ann@x.org' and version_number = 1",
        "users",
        "overlap",
    ),
    (
        "update datawarehouse.users set effective_end_date = effective_end_date + interval '1 day'
         where email = 'ann@x.org' and version_number = 1",
        "users",
        "open_starts_early",
    ),
    (
        "update datawarehouse.users set name = 'Ann' where email = 'ann@x.org'",
        "users",
        "says_the_same",
    ),
    (
        "update datawarehouse.users set version_number = 3 where version_number = 2",
        "users",
        "misnumbered",
    ),
    (
        "update datawarehouse.users set load_id = 99 where email = 'cat@x.org'",
        "users",
        "of_no_load",
    ),
    (
        "update datawarehouse.users set load_id = 3 where email = 'cat@x.org'",
        "users",
        "of_no_load",
    ),
    (
        "update hayloft.load set status = 'undone' where load_id = 2",
        "users",
        "of_no_load",
    ),
    (
        "update hayloft.load set status = 'undone' where load_id = 2",
        "users",
        "status_against_turns",
    ),
    (
        "insert into datawarehouse.transactions overriding system value
         select * from datawarehouse.transactions where id = 1",
        "transactions",
        "fact_repeated",
    ),
    (
        "update datawarehouse.transactions set load_id = 1 where id = 1",
        "transactions",
        "fact_of_no_load",
    ),
    (
        "delete from datawarehouse.users where email = 'bob@x.org'",
        "transactions",
        "fact_without_member",
    ),
    (
        "update datawarehouse.users
         set user_id = (select dimension_key from hayloft.held_reference)
         where email = 'cat@x.org'",
        "transactions",
        "held_for_member_there",
    ),
    (
        "delete from hayloft.held_reference",
        "transactions",
        "held_for_nothing",
    ),
    (
        "update hayloft.load set rows_read = rows_read + 1 where load_id = 2",
        "users",
        "rows_do_not_add_up",
    ),
    (
        "update hayloft.load set keys_unchanged = keys_unchanged - 1 where load_id = 2",
        "users",
        "keys_do_not_add_up",
    ),
    (
        "update hayloft.load set rows_held = 0 where load_id = 3",
        "transactions",
        "keys_do_not_add_up",
    ),
    (
        "delete from hayloft.manifest where load_id = 2",
        "users",
        "manifest_incomplete",
    ),
    (
        "update hayloft.manifest set lines = substring(lines from 5) where load_id = 2",
        "users",
        "manifest_incomplete",
    ),
    (
        "update hayloft.manifest
         set keys = substring(keys from 9 for 8) || substring(keys from 1 for 8)
             || substring(keys from 17)
         where load_id = 2",
        "users",
        "manifest_unsorted",
    ),
    (
        "update datawarehouse.users set effective_start_date = effective_start_date - interval '1 day'
         where email = 'bob@x.org'",
        "users",
        "not_of_its_instant",
    ),
    (
        "update hayloft.manifest set part = 1 where load_id = 2",
        "users",
        "manifest_unsorted",
    ),
    (
        "update hayloft.manifest set last_key = first_key where load_id = 2",
        "users",
        "manifest_unsorted",
    ),
    (
        "update hayloft.load set instants = 'own' where load_id = 2",
        "users",
        "manifest_incomplete",
    ),
    (
        "insert into hayloft.payload
         select user_id, 2, 99, '{}' from datawarehouse.users where email = 'cat@x.org'",
        "users",
        "payload_of_no_row",
    ),
    (
        "insert into hayloft.payload values (gen_random_uuid(), 3, 2, '{}')",
        "transactions",
        "payload_of_no_row",
    ),
    (
        "delete from hayloft.reject",
        "users",
        "rejects_missing",
    ),
    (
        "insert into hayloft.load
             (claim_id, table_name, file_name, file_bytes, file_sha256, status, started_at)
         values (gen_random_uuid(), 'users', 'users.csv', 0, '', 'loading', '2020-01-01')",
        "users",
        "load_without_end",
    ),
];

#[test]
fn damage_of_every_kind_is_named_with_examples_and_what_to_do() {
    each_is_named(&loaded(), DAMAGES);
}

#[test]
fn damage_to_what_is_kept_of_rows_with_instants_of_their_own_is_named() {
    let warehouse = loaded_by_instants();
    warehouse.run(&["check"]).exits(0);
    each_is_named(&warehouse, DAMAGES_BY_INSTANTS);
}

fn each_is_named(warehouse: &Warehouse, damages: &[Damage]) {
    warehouse.execute(DROPPED);
    let file = ContractFile::read(&warehouse.path("hayloft.toml")).unwrap();
    let mut conn = warehouse.connection();
    let contracts = Contracts::load_to_look(&mut conn, &file).unwrap();
    for (damage, table, fault) in damages {
        let contract = contracts.get(&TableName::new(*table)).unwrap();
        conn.batch_execute("begin").unwrap();
        conn.batch_execute(damage).unwrap();
        let examined = check::examine_table(&mut conn, contract).unwrap();
        conn.batch_execute("rollback").unwrap();
        assert!(!examined.sound, "{fault}: {examined:#?}");
        let found = examined
            .faults
            .iter()
            .find(|found| found.fault.code() == *fault)
            .unwrap_or_else(|| panic!("{fault} is not in {examined:#?}"));
        assert!(found.count > 0, "{found:#?}");
        assert!(!found.examples.is_empty(), "{found:#?}");
        let told = serde_json::to_string(&examined).unwrap();
        for value in ["x.org", "Ann", "Bob"] {
            assert!(!told.contains(value), "{told}");
        }
    }
}

#[test]
fn every_fault_is_found_by_some_damage() {
    let found_otherwise = [Fault::SharedValueDiffers];
    for fault in Fault::ALL {
        let mut all = DAMAGES.iter().chain(DAMAGES_BY_INSTANTS);
        let damaged = all.any(|(_, _, code)| *code == fault.code());
        assert!(damaged || found_otherwise.contains(&fault), "{fault:?}");
    }
}

#[test]
fn a_table_without_its_unique_indexes_can_be_checked() {
    let warehouse = loaded();
    warehouse.execute(DROPPED);
    warehouse.execute("update datawarehouse.users set effective_end_date = null");
    warehouse.load("users-3.csv", USERS).exits(2);
    let run = warehouse.run(&["check", "users"]).exits(1);
    assert!(
        run.stdout.contains("1 key(s) have several open versions."),
        "{run:#?}"
    );
}

#[test]
fn a_column_that_is_shared_by_all_versions_must_be_the_same_in_all() {
    let toml = HAYLOFT_TOML.replace("date_of_birth = {", "date_of_birth = { role = \"type1\",");
    let warehouse = loaded();
    warehouse.execute(
        "update datawarehouse.users set date_of_birth = '1999-09-09' where version_number = 2",
    );
    warehouse.run(&["check"]).exits(0);
    warehouse.write("hayloft.toml", toml);
    let report = warehouse
        .run(&["check", "users", "--format", "json"])
        .exits(1)
        .only();
    assert_eq!(report["faults"][0]["fault"], "shared_value_differs");
}

#[test]
fn a_damaged_table_is_told_in_words() {
    let warehouse = loaded();
    warehouse.execute("update datawarehouse.users set version_number = version_number + 1");
    let run = warehouse.run(&["check"]).exits(1);
    let keys = warehouse.query("select distinct user_id from datawarehouse.users order by 1");
    let told = keys
        .lines()
        .enumerate()
        .fold(run.stdout, |told, (place, key)| {
            told.replace(key, &format!("KEY {}", place + 1))
        });
    expect![[r"
        table         rows  keys  verdict
        users            4     3  damaged
        transactions     2     2  sound

        users: 3 key(s) have versions that are not numbered 1, 2, 3 by their start.
          KEY 1
          KEY 2
          KEY 3
          Set version_number of datawarehouse.users to row_number() over (partition by user_id order by effective_start_date) for these keys.
    "]]
    .assert_eq(&told);
}

#[test]
fn of_many_damaged_keys_five_are_named() {
    let warehouse = Warehouse::new();
    let rows: Vec<String> = (0..9)
        .map(|number| format!("u{number}@x.org,U,01/02/1990"))
        .collect();
    let rows = rows.join("\n");
    warehouse
        .load("users.csv", format!("email,name,date_of_birth\n{rows}"))
        .exits(0);
    warehouse.execute("update datawarehouse.users set version_number = 2");
    let report = warehouse
        .run(&["check", "users", "--format", "json"])
        .only();
    assert_eq!(report["faults"][0]["count"], 9);
    assert_eq!(report["faults"][0]["examples"].as_array().unwrap().len(), 5);
    let text = warehouse.run(&["check", "users"]).exits(1).stdout;
    assert!(text.contains("and 4 more"), "{text}");
}

#[test]
fn a_table_that_is_not_in_the_contract_and_a_database_without_migrations_are_refused() {
    let warehouse = Warehouse::new();
    let run = warehouse.run(&["check", "user"]).exits(2);
    assert!(
        run.stderr.contains("`user` is not in hayloft.toml"),
        "{run:#?}"
    );
    warehouse.execute(
        "drop schema hayloft cascade; drop schema datawarehouse cascade;
         delete from __diesel_schema_migrations",
    );
    let run = warehouse.run(&["check"]).exits(2);
    assert!(run.stderr.contains("hayloft migrate"), "{run:#?}");
}
