//! What a crash leaves of a table whose indexes are away, and what others see of it meanwhile.

use std::fmt::Write as _;
use std::thread;

use diesel::connection::SimpleConnection as _;
use hayloft::contract::{ContractFile, Contracts};

use crate::scenario::{Stopped, assert_sound, cut_off, wait_until_empty};
use crate::support::{HAYLOFT_TOML, Warehouse};

const QUICK: &str = "\n[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";

/// So many that the indexes are made anew.
const PEOPLE: usize = 100_000;

/// The indexes are away.
const BARE: &str = "merge::bare";

/// And the rows are there.
const FILLED: &str = "merge::filled";

/// An empty table, and a file for it in the folder.
fn warehouse() -> Warehouse {
    let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}{QUICK}"));
    let mut people = "email,name,date_of_birth\n".to_owned();
    for number in 0..PEOPLE {
        writeln!(people, "p{number}@x.org,P{number},01/02/1990").unwrap();
    }
    warehouse.drop_file("users.csv", people);
    warehouse
}

fn stop_at(step: &str, warehouse: &Warehouse) -> Stopped {
    let mut command = warehouse.command(&["watch", "--format", "json"]);
    Stopped::at(step, &mut command)
}

/// What identifies each index: one that was made anew has another.
fn oids(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select indexrelid, indexrelid::regclass, indisvalid from pg_index
         where indrelid = 'datawarehouse.users'::regclass order by 2",
    )
}

/// Rows, loads.
const STATE: &str = "
    select count(*), (select count(*) from hayloft.load where status = 'loaded')
    from datawarehouse.users";

/// That everything is there once, and so are the indexes.
#[track_caller]
fn assert_end(warehouse: &Warehouse) {
    assert_eq!(warehouse.query(STATE), format!("{PEOPLE} | 1\n"));
    let indexes = "select string_agg(relname, ' ' order by relname)
        from pg_index join pg_class on pg_class.oid = indexrelid
        where indrelid = 'datawarehouse.users'::regclass and indisvalid";
    assert_eq!(
        warehouse.query(indexes),
        "users_no_overlap users_open users_pkey\n"
    );
    assert_sound(warehouse);
}

fn killed_at(step: &str) {
    let warehouse = warehouse();
    let before = oids(&warehouse);
    stop_at(step, &warehouse).kill();
    assert_eq!(oids(&warehouse), before);
    assert_eq!(warehouse.query(STATE), "0 | 0\n");
    let watch = warehouse.watch();
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    assert_ne!(oids(&warehouse), before);
    assert_end(&warehouse);
}

#[test]
fn killed_while_the_indexes_are_away() {
    killed_at(BARE);
}

#[test]
fn killed_before_the_indexes_are_made() {
    killed_at(FILLED);
}

#[test]
fn killed_when_the_indexes_are_made() {
    killed_at("merge::opened");
}

/// The second attempt leaves the indexes alone.
fn cut_off_at(step: &str) {
    let warehouse = warehouse();
    let before = oids(&warehouse);
    let stopped = stop_at(step, &warehouse);
    cut_off(&warehouse);
    let watch = stopped.go_on();
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    assert_eq!(oids(&warehouse), before);
    assert_end(&warehouse);
}

#[test]
fn cut_off_while_the_indexes_are_away() {
    cut_off_at(BARE);
}

#[test]
fn cut_off_before_the_indexes_are_made() {
    cut_off_at(FILLED);
}

#[test]
fn told_to_stop_while_the_indexes_are_away() {
    let warehouse = warehouse();
    let stopped = stop_at(FILLED, &warehouse);
    stopped.watch.signal("TERM");
    assert_eq!(stopped.go_on().ended(), 0);
    assert_end(&warehouse);
}

#[test]
fn who_reads_meanwhile_waits_for_the_rows_and_who_starts_finds_the_table_as_it_was() {
    let warehouse = warehouse();
    let stopped = stop_at(FILLED, &warehouse);
    let file = ContractFile::read(&warehouse.path("hayloft.toml")).unwrap();
    let mut starts = warehouse.connection();
    starts.batch_execute("set lock_timeout = '1s'").unwrap();
    let meanwhile = Contracts::load_to_look(&mut starts, &file).unwrap();
    let status = warehouse.run(&["status", "--format", "json"]).exits(0);
    assert_eq!(status.only()["tables"][0]["rows"], serde_json::Value::Null);
    thread::scope(|scope| {
        let reading = scope.spawn(|| warehouse.query(STATE));
        warehouse.wait_until(
            "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'",
            "1",
        );
        let watch = stopped.go_on();
        assert_eq!(watch.next_load()["changes"]["inserted"], PEOPLE);
        let read = reading.join().unwrap();
        assert!(read.starts_with(&format!("{PEOPLE} | ")), "{read}");
        assert_eq!(watch.stop(), 0);
    });
    assert!(meanwhile == Contracts::load_to_look(&mut starts, &file).unwrap());
    assert_end(&warehouse);
}

#[test]
fn a_plan_leaves_the_indexes_alone() {
    let warehouse = warehouse();
    let plan = warehouse
        .command(&["plan", "--format", "json", "imports/users.csv"])
        .env("HAYLOFT_STOP_AT", BARE)
        .output()
        .unwrap();
    assert!(plan.status.success(), "{plan:?}");
    assert!(plan.stderr.is_empty(), "{plan:?}");
}
