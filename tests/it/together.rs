//! Small files of one table that wait together: they share a transaction, and nothing else.

use std::collections::BTreeMap;

use expect_test::expect;
use serde_json::Value;

use crate::support::{HAYLOFT_TOML, Warehouse};

fn warehouse(settings: &str) -> Warehouse {
    let quick = "\n[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";
    Warehouse::with_contract(&format!("{HAYLOFT_TOML}{settings}{quick}"))
}

fn ann(name: &str) -> String {
    format!("email,name,date_of_birth\nann@x.org,{name},01/02/1990\n")
}

/// Watches until so many files have come to their end.
fn watch(warehouse: &Warehouse, files: usize) -> Vec<Value> {
    let watch = warehouse.watch();
    let ends = (0..files).map(|_| watch.next_load()).collect();
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
    ends
}

/// A transaction for each load, but for those that share one.
const TRANSACTIONS: &str =
    "select count(distinct xmin::text) from hayloft.load where action = 'load'";

/// Asserts that nearly all loads shared a transaction: the first may have gone ahead.
#[track_caller]
fn assert_shared(warehouse: &Warehouse) {
    let transactions: u32 = warehouse.query(TRANSACTIONS).trim().parse().unwrap();
    assert!(transactions <= 4, "{transactions}");
}

#[test]
fn each_has_its_version_its_counts_and_its_row_in_the_ledger() {
    let warehouse = warehouse("");
    for number in 10..30 {
        let name = format!("users-{number}.csv");
        warehouse.drop_file(&name, ann(&format!("Ann {number}")));
    }
    let ends = watch(&warehouse, 20);

    assert_eq!(ends[0]["changes"]["inserted"], 1);
    assert!(ends[1..].iter().all(|end| end["changes"]["updated"] == 1));
    assert_shared(&warehouse);
    let versions = warehouse.query(
        "select string_agg(name || ' ' || version_number || ' ' || file_name, ', ' order by version_number)
         from datawarehouse.users join hayloft.load using (load_id)
         where version_number in (1, 2, 20)",
    );
    expect![[r"
        Ann 10 1 users-10.csv, Ann 11 2 users-11.csv, Ann 29 20 users-29.csv
    "]]
    .assert_eq(&versions);
    assert!(warehouse.names("imports").is_empty());
    assert!(warehouse.names("imports/.claimed").is_empty());
}

#[test]
fn the_same_bytes_twice_among_them_are_loaded_once() {
    let warehouse = warehouse("");
    warehouse.drop_file("users-1.csv", ann("Ann"));
    for number in 2..10 {
        warehouse.drop_file(&format!("users-{number}.csv"), ann("Anna"));
    }
    let ends = watch(&warehouse, 9);
    let count = |status: &str| ends.iter().filter(|end| end["status"] == status).count();
    assert_eq!((count("loaded"), count("skipped")), (2, 7));
    assert_shared(&warehouse);
}

#[test]
fn rows_that_have_to_land_do_not_keep_files_from_going_together() {
    let toml = "\n[tables.users.columns.name]\nrole = \"type1\"\n";
    let warehouse = warehouse(toml);
    warehouse.execute("alter table datawarehouse.users add column address inet");
    for number in 10..20 {
        let file = format!(
            "email,name,date_of_birth,address\nann@x.org,Ann {number},01/02/1990,10.0.0.{number}\n"
        );
        warehouse.drop_file(&format!("users-{number}.csv"), file);
    }
    let ends = watch(&warehouse, 10);
    assert!(ends.iter().all(|end| end["status"] == "loaded"));
    assert_shared(&warehouse);
    expect![[r"
        10 | Ann 19 | 10.0.0.19
    "]]
    .assert_eq(
        &warehouse.query(
            "select version_number, name, address from datawarehouse.users where is_current",
        ),
    );
}

#[test]
fn a_column_that_earlier_files_did_not_have_does_not_either() {
    let warehouse = warehouse("");
    warehouse.load("users.csv", ann("Ann")).exits(0);
    warehouse.execute("alter table datawarehouse.users add column phone text");
    for number in 10..20 {
        let file = format!("email,name,date_of_birth,phone\nann@x.org,Ann,01/02/1990,{number}\n");
        warehouse.drop_file(&format!("users-{number}.csv"), file);
    }
    watch(&warehouse, 10);
    assert_shared(&warehouse);
    // The first number is filled in: nothing was known of it before.
    expect![[r"
        10 | 19
    "]]
    .assert_eq(
        &warehouse.query("select version_number, phone from datawarehouse.users where is_current"),
    );
}

#[test]
fn one_that_is_refused_takes_no_other_with_it() {
    let warehouse = warehouse("");
    warehouse.drop_file("users-1.csv", ann("Ann"));
    warehouse.drop_file(
        "users-2.csv",
        "email,name,date_of_birth\n,Nobody,01/02/1990\n",
    );
    warehouse.drop_file("users-3.csv", ann("Anna"));
    warehouse.drop_file("users-4.csv", ann("Anna"));
    let ends: BTreeMap<String, String> = watch(&warehouse, 4)
        .iter()
        .map(|end| (end["file"].to_string(), end["status"].to_string()))
        .collect();

    expect![[r#"
        {"\"users-1.csv\"": "\"loaded\"", "\"users-2.csv\"": "\"failed\"", "\"users-3.csv\"": "\"loaded\"", "\"users-4.csv\"": "\"skipped\""}"#]]
    .assert_eq(&format!("{ends:?}"));
    assert_eq!(
        warehouse.names("imports/failed"),
        ["users-2.csv", "users-2.csv.report.txt"]
    );
}

#[test]
fn one_that_the_table_refuses_takes_no_other_with_it() {
    let warehouse = warehouse("");
    warehouse.execute(
        "create unique index one_of_a_name on datawarehouse.users (name) where is_current",
    );
    let other = ann("Ann").replace("ann@", "other@");
    warehouse.drop_file("users-1.csv", ann("Ann"));
    warehouse.drop_file("users-2.csv", other);
    warehouse.drop_file("users-3.csv", ann("Anna"));
    let watch = warehouse.watch();
    let mut statuses: Vec<String> = (0..3)
        .map(|_| watch.next_load()["status"].to_string())
        .collect();
    statuses.sort();
    assert_eq!(statuses, ["\"failed\"", "\"loaded\"", "\"loaded\""]);
    assert_eq!(watch.stop(), 0);
    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | f
        ann@x.org | 2 | Anna | 1990-02-01 | t
    "]]
    .assert_eq(&warehouse.users());
}

/// So many that a group of them is made ready while another is merged.
const MANY: std::ops::Range<usize> = 100..250;

/// The numbers in the names of Ann's versions, in their order.
fn numbers(warehouse: &Warehouse) -> Vec<usize> {
    let names = warehouse.query("select name from datawarehouse.users order by version_number");
    let numbers = names.split_whitespace().filter_map(|it| it.parse().ok());
    numbers.collect()
}

#[test]
fn of_many_that_wait_each_follows_the_one_before() {
    let warehouse = warehouse("");
    for number in MANY {
        let name = format!("users-{number}.csv");
        warehouse.drop_file(&name, ann(&format!("Ann {number}")));
    }
    let ends = watch(&warehouse, MANY.len());
    let told: Vec<_> = ends.iter().map(|end| end["file"].clone()).collect();
    let dropped: Vec<_> = MANY.map(|number| format!("users-{number}.csv")).collect();
    assert_eq!(told, dropped);
    assert_eq!(numbers(&warehouse), MANY.collect::<Vec<_>>());
    let transactions: usize = warehouse.query(TRANSACTIONS).trim().parse().unwrap();
    assert!(transactions <= MANY.len() / 8, "{transactions}");
    let instants = "select count(distinct effective_at) from hayloft.load where action = 'load'";
    assert_eq!(warehouse.query(instants).trim(), MANY.len().to_string());
}

#[test]
fn refused_ones_do_not_bring_many_out_of_their_order() {
    let warehouse = warehouse("");
    let is_refused = |number: &usize| [101, 140, 163, 164, 200].contains(number);
    for number in MANY {
        let text = if is_refused(&number) {
            "email,name,date_of_birth\n,Nobody,01/02/1990\n".to_owned()
        } else {
            ann(&format!("Ann {number}"))
        };
        warehouse.drop_file(&format!("users-{number}.csv"), text);
    }
    watch(&warehouse, MANY.len());
    let loaded: Vec<_> = MANY.filter(|number| !is_refused(number)).collect();
    assert_eq!(numbers(&warehouse), loaded);
    assert_eq!(warehouse.names("imports/failed").len(), 10);
}

#[test]
fn a_column_that_one_of_many_adds_is_known_to_those_that_were_ready_before() {
    let toml = HAYLOFT_TOML.replace(
        "durable_key = \"user_id\"",
        "durable_key = \"user_id\"\non_new_column = \"version\"",
    );
    let quick = "\n[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";
    let warehouse = Warehouse::with_contract(&format!("{toml}{quick}"));
    for number in MANY {
        let text = if number < 150 || number % 2 == 0 {
            ann(&format!("Ann {number}"))
        } else {
            format!("email,name,date_of_birth,phone\nann@x.org,Ann {number},01/02/1990,{number}\n")
        };
        warehouse.drop_file(&format!("users-{number}.csv"), text);
    }
    let ends = watch(&warehouse, MANY.len());
    assert!(ends.iter().all(|end| end["status"] == "loaded"));
    assert_eq!(numbers(&warehouse), MANY.collect::<Vec<_>>());
    expect![[r"
        Ann 150 | ∅
        Ann 151 | 151
        Ann 152 | 151
        Ann 249 | 249
    "]]
    .assert_eq(&warehouse.query(
        "select name, phone from datawarehouse.users
         where name in ('Ann 150', 'Ann 151', 'Ann 152', 'Ann 249') order by version_number",
    ));
}

#[test]
fn facts_go_one_by_one() {
    let warehouse = warehouse("");
    warehouse.drop_file("users.csv", ann("Ann"));
    for number in 1..6 {
        let file =
            format!("id,email,amount,transaction_date\n{number},ann@x.org,1.00,01/02/2024\n");
        warehouse.drop_file(&format!("transactions-{number}.csv"), file);
    }
    watch(&warehouse, 6);
    assert_eq!(warehouse.query(TRANSACTIONS).trim(), "6");
}
