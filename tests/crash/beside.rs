//! What a crash leaves of a load that has a second session, and what comes between the two.

use std::thread;

use diesel::connection::SimpleConnection as _;

use crate::proxy::Proxy;
use crate::scenario::{Stopped, assert_sound, cut_off, wait_until_empty};
use crate::support::{HAYLOFT_TOML, Warehouse};

const QUICK: &str = "\n[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";

/// So many that there is a second session.
const PEOPLE: usize = 12000;

/// More than are brought in while the table is read: the others are looked up when it has been.
const RENAMED: usize = 10000;

fn people() -> String {
    let rows = (0..PEOPLE).map(|number| format!("p{number}@x.org,P{number},01/02/1990\n"));
    format!("email,name,date_of_birth\n{}", rows.collect::<String>())
}

/// A table with people, and a file in the folder that renames some of them and brings one.
fn warehouse() -> Warehouse {
    let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}{QUICK}"));
    warehouse.load("users-base.csv", people()).exits(0);
    let mut renamed = people().replacen(",P", ",Q", RENAMED);
    renamed.push_str("new@x.org,New,01/02/1990\n");
    warehouse.drop_file("users.csv", renamed);
    warehouse
}

fn stop_at(step: &str, warehouse: &Warehouse) -> Stopped {
    let mut command = warehouse.command(&["watch", "--format", "json"]);
    Stopped::at(step, &mut command)
}

fn assert_nothing_happened(warehouse: &Warehouse) {
    assert_eq!(
        warehouse.query(STATE),
        format!("{PEOPLE} | {PEOPLE} | {PEOPLE} | 1\n")
    );
}

#[track_caller]
fn assert_end(warehouse: &Warehouse) {
    let (versions, open, spoken) = (PEOPLE + RENAMED + 1, PEOPLE + 1, 2 * PEOPLE + 1);
    assert_eq!(
        warehouse.query(STATE),
        format!("{versions} | {open} | {spoken} | 2\n")
    );
    assert_sound(warehouse);
}

/// Versions, open ones, keys in the manifests, loads.
const STATE: &str = "
    select count(*), count(*) filter (where is_current),
        (select sum(octet_length(keys) / 8) from hayloft.manifest),
        (select count(*) from hayloft.load where status = 'loaded')
    from datawarehouse.users";

#[test]
fn killed_while_one_session_reads_and_the_other_writes() {
    let warehouse = warehouse();
    stop_at("merge::beside", &warehouse).kill();
    assert_nothing_happened(&warehouse);
    let watch = warehouse.watch();
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    assert_end(&warehouse);
}

#[test]
fn told_to_stop_while_one_session_reads_and_the_other_writes() {
    let warehouse = warehouse();
    let stopped = stop_at("merge::beside", &warehouse);
    stopped.watch.signal("TERM");
    assert_eq!(stopped.go_on().ended(), 0);
    assert_end(&warehouse);
}

#[test]
fn both_sessions_cut_off() {
    let warehouse = warehouse();
    let stopped = stop_at("merge::beside", &warehouse);
    cut_off(&warehouse);
    let watch = stopped.go_on();
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    assert_end(&warehouse);
}

const READING: &str = "
    from pg_stat_activity
    where datname = current_database() and application_name = 'hayloft' and query ilike 'copy%'";

#[test]
fn the_reading_session_alone_cut_off() {
    let warehouse = warehouse();
    let stopped = stop_at("merge::reading", &warehouse);
    warehouse.query(&format!(
        "select pg_terminate_backend(pid, 10000) {READING}"
    ));
    let watch = stopped.go_on();
    wait_until_empty(&warehouse);
    // What it would have read was lost, so the first attempt came to nothing.
    assert_eq!(
        warehouse.query("select max(load_id) from hayloft.load"),
        "3\n"
    );
    assert_eq!(watch.stop(), 0);
    assert_end(&warehouse);
}

/// A pooler whose only connection the load has takes a second client, and lets it wait for the first
/// one to end.
#[test]
fn nobody_waits_for_a_second_session_that_does_not_come() {
    let warehouse = warehouse();
    let proxy = Proxy::for_one(warehouse.url());
    let load = warehouse
        .command(&["load", "--retire", "--format", "json", "imports/users.csv"])
        .env("DATABASE_URL", proxy.url(warehouse.url()))
        .output()
        .unwrap();
    assert!(load.status.success(), "{load:?}");
    let load: serde_json::Value = serde_json::from_slice(&load.stdout).unwrap();
    // The time that a connection has to come about.
    assert!(load["seconds"]["total"].as_f64().unwrap() < 10.0, "{load}");
    assert_end(&warehouse);
}

/// Somebody who waits for the whole table waits for the load. Did the second session wait behind
/// that, nobody would go on.
#[test]
fn somebody_who_waits_for_the_table_does_not_stop_the_load() {
    let warehouse = warehouse();
    let stopped = stop_at("merge::landed", &warehouse);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let alter = "alter table datawarehouse.users add column note text";
            warehouse.connection().batch_execute(alter).unwrap();
        });
        warehouse.wait_until(
            "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'",
            "1",
        );
        let watch = stopped.go_on();
        let load = watch.next_load();
        assert_eq!(load["changes"]["updated"], RENAMED, "{load}");
        waiting.join().unwrap();
        // The 10 s of a `lock_timeout`, and a second attempt.
        assert!(load["seconds"]["total"].as_f64().unwrap() < 10.0, "{load}");
        assert_eq!(watch.stop(), 0);
    });
    assert_end(&warehouse);
}
