//! Files that somebody still writes, and files with markers, by the real program.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use crate::support::{HAYLOFT_TOML, Warehouse};

const ANN: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
const BOB: &str = "bob@x.org,Bob,03/04/1985\n";
/// A file of no table.
const BROKEN: &str = "no,such,columns\n1,2,3\n";

fn members(warehouse: &Warehouse) -> String {
    warehouse.query("select string_agg(name, ' ' order by name) from datawarehouse.users")
}

/// The one file that is claimed.
fn claimed(warehouse: &Warehouse) -> PathBuf {
    let mut files = fs::read_dir(warehouse.path("imports/.claimed")).unwrap();
    files.next().unwrap().unwrap().path()
}

#[test]
fn a_file_open_for_writing_is_not_loaded_by_hand() {
    let warehouse = Warehouse::new();
    let path = warehouse.write("users.csv", ANN);
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    for command in [
        &["load", "users.csv"][..],
        &["load", "users.csv", "--table", "users", "--retire"],
        &["plan", "users.csv"],
    ] {
        let run = warehouse.run(command).exits(2);
        let process = format!("Process {} (", std::process::id());
        assert!(run.stderr.contains(&process), "{run:#?}");
        assert!(run.stderr.contains("open for writing"), "{run:#?}");
    }
    assert_eq!(members(&warehouse), "∅\n");

    writer.write_all(BOB.as_bytes()).unwrap();
    drop(writer);
    warehouse.run(&["load", "users.csv"]).exits(0);
    assert_eq!(members(&warehouse), "Ann Bob\n");
}

#[test]
fn half_a_file_that_is_open_is_not_refused_for_it() {
    let warehouse = Warehouse::new();
    let path = warehouse.write("users.csv", "email,na");
    let writer = OpenOptions::new().append(true).open(&path).unwrap();
    let run = warehouse.run(&["load", "users.csv"]).exits(2);
    assert!(run.stderr.contains("open for writing"), "{run:#?}");
    assert_eq!(warehouse.query("select count(*) from hayloft.load"), "0\n");
    drop(writer);
}

#[test]
fn what_is_written_while_a_claimed_file_loads_is_kept() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", BROKEN).exits(2);
    let watch = warehouse.watch();
    let blocker = warehouse.locked("datawarehouse.users");
    warehouse.drop_file("users.csv", ANN);
    warehouse.wait_until_blocked();
    let claimed = claimed(&warehouse);
    let mut writer = OpenOptions::new().append(true).open(&claimed).unwrap();
    drop(blocker);

    let said = watch.wait_for("open for writing");

    assert!(said.contains("users.csv"), "{said}");
    assert_eq!(members(&warehouse), "Ann\n");
    writer.write_all(BOB.as_bytes()).unwrap();
    drop(writer);
    assert_eq!(watch.next_load()["status"], "loaded");
    let kept = fs::read_to_string(warehouse.path("imports/failed/users.csv")).unwrap();
    assert_eq!(kept, format!("{ANN}{BOB}"));
    assert_eq!(watch.stop(), 0);
}

fn with_marker() -> Warehouse {
    let toml = format!("{HAYLOFT_TOML}\n[tables.users.watch]\nready = \"marker\"\n");
    Warehouse::with_contract(&toml)
}

#[test]
fn a_marker_is_removed_with_its_file() {
    let warehouse = with_marker();
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", ANN);
    warehouse.drop_file("users.csv.done", "");
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports").is_empty());
    assert_eq!(
        fs::read_dir(warehouse.path("imports/.claimed"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_marker_goes_where_a_failed_file_goes() {
    let warehouse = with_marker();
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", BROKEN);
    warehouse.drop_file("users.csv.done", "");
    assert_eq!(watch.next_load()["status"], "failed");
    assert_eq!(watch.stop(), 0);
    let expected = ["users.csv", "users.csv.done", "users.csv.report.txt"];
    assert_eq!(warehouse.names("imports/failed"), expected);
}

#[test]
fn a_marker_is_archived_with_its_file() {
    let toml = format!(
        "{}\n[tables.users.watch]\nready = \"marker\"\nmarker = \".ok\"\n",
        HAYLOFT_TOML.replace("[tables.users]", "[tables.users]\non_done = \"keep\"")
    );
    let warehouse = Warehouse::with_contract(&toml);
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", ANN);
    warehouse.drop_file("users.csv.ok", "");
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    assert_eq!(
        warehouse.names("imports/kept"),
        ["users.csv", "users.csv.ok"]
    );
}

#[test]
fn a_marker_that_is_named_in_vain_is_refused() {
    for (settings, part) in [
        ("marker = \".done\"", "nothing waits for it"),
        ("ready = \"marker\"\nmarker = \"done\"", "cannot end"),
        ("ready = \"marker\"\nmarker = \".CSV\"", "cannot end"),
        ("ready = \"marker\"\nmarker = \".effective\"", "cannot end"),
        ("ready = \"marker\"\nmarker = \"./done\"", "cannot end"),
        ("ready = \"done\"", "\"closed\", \"still\" or \"marker\""),
        ("sweep = \"1s\"", "is not a setting"),
    ] {
        let toml = format!("{HAYLOFT_TOML}\n[tables.users.watch]\n{settings}\n");
        let warehouse = Warehouse::with_contract(&toml);
        let run = warehouse.run(&["load", "users.csv"]).exits(2);
        assert!(run.stderr.contains(part), "{settings}: {run:#?}");
    }
}

#[test]
fn a_marker_named_on_the_command_line_is_explained() {
    let warehouse = with_marker();
    warehouse.write("users.csv.done", "");
    let run = warehouse.run(&["load", "users.csv.done"]).exits(2);
    assert!(
        run.stderr.contains("file beside it is complete"),
        "{run:#?}"
    );
}
