//! Files that say themselves from when on they hold: by their name, or by the file beside them.

use crate::support::{HAYLOFT_TOML, Warehouse};

const ANN: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
const ANNE: &str = "email,name,date_of_birth\nann@x.org,Anne,01/02/1990\n";

fn warehouse(effective: &str) -> Warehouse {
    let line = format!(
        "durable_key = \"user_id\"\neffective = {effective}\n[watch]\nsettle = \"200ms\"\nsweep = \"200ms\"\n[tables.users.columns]"
    );
    let toml = HAYLOFT_TOML.replace("[tables.users.columns]", "");
    let (head, rest) = toml.split_once("durable_key = \"user_id\"").unwrap();
    let (_, columns) = rest.split_once('\n').unwrap();
    Warehouse::with_contract(&format!("{head}{line}\n{columns}"))
}

fn history(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select name, effective_start_date at time zone 'UTC', effective_end_date at time zone 'UTC'
         from datawarehouse.users order by effective_start_date",
    )
}

const BOTH: &str =
    "Ann | 2026-01-01 00:00:00 | 2026-02-01 00:00:00\nAnne | 2026-02-01 00:00:00 | ∅\n";

#[test]
fn the_instant_in_a_files_name_is_its_place_in_history_whatever_comes_first() {
    let warehouse = warehouse("{ file_name = \"%Y-%m-%d\" }");
    warehouse.load("users-2026-02-01.csv", ANNE).exits(0);
    warehouse.load("users-2026-01-01.csv", ANN).exits(0);
    assert_eq!(history(&warehouse), BOTH);
    for (name, part) in [
        ("users.csv", "has none"),
        ("users-2026-01-01-2026-01-02.csv", "more than one"),
        ("users-3026-01-01.csv", "ahead of the clock"),
    ] {
        let refused = warehouse.load(name, ANN).exits(2);
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert_eq!(history(&warehouse), BOTH);
}

#[test]
fn a_file_waits_for_its_sidecar_and_both_are_gone_when_it_is_loaded() {
    let warehouse = warehouse("\"sidecar\"");
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", ANNE);
    let said = watch.wait_for("is left where it is");
    assert!(said.contains(".effective"), "{said}");
    assert_eq!(warehouse.names("imports"), ["users.csv"]);
    warehouse.drop_file("users.csv.effective", "2026-02-01\n");
    assert_eq!(watch.next_load()["status"], "loaded");
    // The sidecar first, which is as good.
    warehouse.drop_file("users-2.csv.effective", "2026-01-01T00:00:00Z");
    warehouse.drop_file("users-2.csv", ANN);
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    assert_eq!(history(&warehouse), BOTH);
    assert_eq!(warehouse.names("imports"), [""; 0]);
    let claimed = std::fs::read_dir(warehouse.path("imports/.claimed")).unwrap();
    assert_eq!(claimed.count(), 0);
}

#[test]
fn a_file_whose_sidecar_says_nothing_is_set_aside_with_it() {
    let warehouse = warehouse("\"sidecar\"");
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv.effective", "tomorrow");
    warehouse.drop_file("users.csv", ANN);
    assert_eq!(watch.next_load()["status"], "failed");
    let said = watch.wait_for("was not loaded");
    assert!(
        said.contains("`users.csv.effective` must hold one instant"),
        "{said}"
    );
    assert!(!said.contains("tomorrow"), "{said}");
    assert_eq!(watch.stop(), 0);
    assert_eq!(
        warehouse.names("imports/failed"),
        ["users.csv", "users.csv.effective", "users.csv.report.txt"]
    );
    assert_eq!(warehouse.names("imports"), ["failed"]);
}

#[test]
fn a_file_that_is_typed_has_its_sidecar_beside_it_and_retire_takes_both() {
    let warehouse = warehouse("\"sidecar\"");
    let refused = warehouse.load("users.csv", ANN).exits(2);
    assert!(
        refused.stderr.contains("There is no `users.csv.effective`"),
        "{}",
        refused.stderr
    );
    warehouse.write("users.csv.effective", "2026-01-01");
    warehouse.run(&["load", "users.csv", "--retire"]).exits(0);
    assert!(!warehouse.path("users.csv").exists());
    assert!(!warehouse.path("users.csv.effective").exists());
}
