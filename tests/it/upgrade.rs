//! A warehouse that the release before this one has filled: what its ledger does not know is not made
//! up, and what it knows stays.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{HAYLOFT_TOML, Warehouse};

const USERS: &str =
    "email,name,date_of_birth\nbob@x.org,Bob,03/04/1985\nann@x.org,Ann,01/02/1990\n";

/// The last migration of the release before.
const BEFORE: &str = "2026-11-21-000002";

/// Goes back to the tables of the release before, as it would have filled them. The next run of the
/// program brings them up again.
fn go_back(warehouse: &Warehouse) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut since: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| &path.file_name().unwrap().to_str().unwrap()[..BEFORE.len()] > BEFORE)
        .collect();
    since.sort();
    for migration in since.iter().rev() {
        let down = fs::read_to_string(migration.join("down.sql")).unwrap();
        warehouse.execute(&down);
    }
    warehouse.execute(&format!(
        "drop view if exists datawarehouse.users_history, datawarehouse.users_changes;
         drop function if exists datawarehouse.users_asof(timestamptz);
         delete from __diesel_schema_migrations where version > '{}'",
        BEFORE.replace('-', "")
    ));
}

fn versions(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select name, is_current, version_number, load_id, source_line
         from datawarehouse.users order by email, version_number",
    )
}

#[test]
fn a_version_keeps_its_line_when_its_key_is_made_anew() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    let before = versions(&warehouse);
    go_back(&warehouse);
    let changed = USERS.replace("Ann,", "Anna,");
    warehouse.load("users-2.csv", changed).exits(0);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(versions(&warehouse), before);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    assert_eq!(versions(&warehouse), "");
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    assert_eq!(versions(&warehouse), before);
    warehouse.run(&["check"]).exits(0);
}

#[test]
fn a_fact_keeps_its_line_when_it_is_made_anew() {
    let warehouse = Warehouse::new();
    let fact = |amount: &str| {
        format!("id,email,amount,transaction_date\n1,ann@x.org,{amount},01/01/2025\n")
    };
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.load("transactions.csv", fact("10")).exits(0);
    let facts = "select id, amount, load_id, source_line from datawarehouse.transactions";
    let before = warehouse.query(facts);
    go_back(&warehouse);
    warehouse.load("transactions.csv", fact("11")).exits(0);
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    assert_eq!(warehouse.query(facts), before);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.run(&["redo", "2", "--yes"]).exits(0);
    assert_eq!(warehouse.query(facts), before);
    warehouse.run(&["check"]).exits(0);
}

#[test]
fn the_first_value_in_a_column_that_is_new_since_is_no_change() {
    let toml = HAYLOFT_TOML.replace(
        "durable_key = \"user_id\"",
        "durable_key = \"user_id\"\non_new_column = \"fill_current\"",
    );
    let warehouse = Warehouse::with_contract(&toml);
    warehouse.load("users.csv", USERS).exits(0);
    go_back(&warehouse);
    let wider = "email,name,date_of_birth,nick\nann@x.org,Ann,01/02/1990,A\n";
    let load = warehouse.load("users-2.csv", wider).exits(0).only();
    assert_eq!(load["changes"]["filled"], 1, "{load}");
    assert_eq!(
        versions(&warehouse),
        "Ann | t | 1 | 1 | 3\nBob | t | 1 | 1 | 2\n"
    );
}

#[test]
fn a_file_whose_load_was_undone_is_loaded_by_the_release_before() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    go_back(&warehouse);
    let loads = "select status, reason from hayloft.load order by load_id";
    assert_eq!(
        warehouse.query(loads),
        "failed | It was undone.\nskipped | It was the undo of load 1.\n"
    );
    let load = warehouse.load("users.csv", USERS).exits(0).only();
    assert_eq!(load["changes"]["inserted"], 2, "{load}");
    warehouse.run(&["check"]).exits(0);
}

#[test]
fn rows_of_the_release_before_are_said_to_be_not_verifiable() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    go_back(&warehouse);
    let changed = USERS.replace("Ann,", "Anna,");
    warehouse.load("users-2.csv", changed).exits(0);
    let check = |status| {
        let run = warehouse.run(&["check", "users", "--values", "--format", "json"]);
        run.exits(status).only()["values"].clone()
    };
    let values = check(0);
    assert_eq!(values["compared"], 2);
    assert_eq!(values["unproven"][0]["reason"], "before_digests");
    assert_eq!(values["unproven"][0]["count"], 2);
    warehouse.execute("update datawarehouse.users set name = 'Bert' where name = 'Bob'");
    assert_eq!(check(1)["contradictions"], 1);
}
