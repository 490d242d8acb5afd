//! A claim that the system refuses: what comes after that file waits until it is claimed, or gone.

use std::fs;
use std::process::Stdio;

use crate::scenario::{Scenario, assert_sound, wait_until_empty};
use crate::support::{HAYLOFT_TOML, Warehouse, Watch};

/// Files of one person, each with another name, and a sweep that comes soon or never.
fn files(sweep: &str) -> Warehouse {
    let watch = format!("\n[watch]\nsettle = \"10ms\"\nsweep = \"{sweep}\"\n");
    let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}{watch}"));
    for number in 1..4 {
        let file = format!("email,name,date_of_birth\nann@x.org,Ann {number},01/02/1990\n");
        warehouse.drop_file(&format!("users-{number}.csv"), file);
    }
    warehouse
}

/// A watch whose first rename fails.
fn watch(warehouse: &Warehouse) -> Watch {
    let mut command = warehouse.command(&["watch", "--format", "json"]);
    let child = command
        .env("HAYLOFT_FAIL_AT", "watch::rename")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let watch = Watch::of(child.unwrap());
    watch.wait_for("cannot be moved into imports/.claimed");
    watch
}

fn names(warehouse: &Warehouse) -> String {
    warehouse.query("select name from datawarehouse.users order by version_number")
}

#[test]
fn files_wait_behind_one_that_is_not_claimed() {
    let warehouse = files("200ms");
    let watch = watch(&warehouse);
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    assert_sound(&warehouse);
    assert_eq!(names(&warehouse), "Ann 1\nAnn 2\nAnn 3\n");
}

#[test]
fn facts_wait_for_members_that_are_not_claimed() {
    let scenario = Scenario::new();
    let watch = watch(&scenario.warehouse);
    scenario.wait_for_the_end();
    assert_eq!(watch.stop(), 0);
    scenario.assert_end();
}

#[test]
fn nothing_waits_for_a_file_that_is_removed() {
    let warehouse = files("1h");
    let watch = watch(&warehouse);
    fs::remove_file(warehouse.path("imports/users-1.csv")).unwrap();
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    assert_eq!(names(&warehouse), "Ann 2\nAnn 3\n");
}
