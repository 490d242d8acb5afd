//! Facts that no load brought: they are in nobody's way until a file says otherwise, and can be taken
//! over.

use serde_json::Value;

use crate::support::{Run, Warehouse};

const USERS: &str =
    "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n";
const ZOE: &str = "email,name,date_of_birth\nzoe@x.org,Zoe,01/01/2000\n";
const HEADER: &str = "id,email,amount,transaction_date\n";

/// Two users, which are load 1, and fact 7 of Ann's by hand.
fn with_fact_by_hand() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    insert(&warehouse, 7, 70);
    warehouse
}

fn insert(warehouse: &Warehouse, id: u32, amount: u32) {
    warehouse.execute(&format!(
        "insert into datawarehouse.transactions
         select {id}, user_id, {amount}, '2025-01-01', '2020-01-01', '2020-01-01', 0, 0
         from datawarehouse.users where name = 'Ann'"
    ));
}

/// Loads rows of transactions: `1,ann@x.org,10`.
fn load(warehouse: &Warehouse, rows: &[&str]) -> Run {
    let rows = rows
        .iter()
        .fold(HEADER.to_owned(), |text, row| text + row + ",01/01/2025\n");
    warehouse.load("transactions.csv", rows)
}

/// Returns the plan, and the number of the load.
fn take_over(warehouse: &Warehouse) -> (Value, String) {
    let run = warehouse.run(&["takeover", "transactions", "--yes", "--format", "json"]);
    let plan = run.exits(0).json().remove(0);
    let number = warehouse.query("select load_id from hayloft.load where action = 'takeover'");
    (plan, number.trim().to_owned())
}

fn facts(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select id, amount, load_id, source_line from datawarehouse.transactions order by id",
    )
}

#[track_caller]
fn assert_refused(run: Run) {
    let run = run.exits(2);
    let sentence = "`transactions` has rows that no load brought";
    assert!(run.stderr.contains(sentence), "{run:#?}");
    assert!(
        run.stderr.contains("`hayloft takeover transactions`"),
        "{run:#?}"
    );
}

#[track_caller]
fn assert_proved(warehouse: &Warehouse) {
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_file_that_leaves_them_alone_is_loaded() {
    let warehouse = with_fact_by_hand();
    load(&warehouse, &["1,ann@x.org,10", "7,ann@x.org,70"]).exits(0);
    assert_eq!(facts(&warehouse), "1 | 10.00 | 2 | 2\n7 | 70.00 | 0 | 0\n");
}

#[test]
fn a_file_that_would_change_one_is_refused() {
    let warehouse = with_fact_by_hand();
    assert_refused(load(&warehouse, &["1,ann@x.org,10", "7,ann@x.org,71"]));
    assert_eq!(facts(&warehouse), "7 | 70.00 | 0 | 0\n");
}

#[test]
fn a_fact_taken_over_comes_back_with_an_undo() {
    let warehouse = with_fact_by_hand();
    let (taken, _) = take_over(&warehouse);
    assert_eq!(taken["rows"]["accepted"], 1, "{taken}");
    assert_eq!(taken["changes"]["unchanged"], 1, "{taken}");
    assert_proved(&warehouse);
    load(&warehouse, &["7,ann@x.org,71"]).exits(0);
    assert_proved(&warehouse);
    let last = "select max(load_id) from hayloft.load";
    let last = warehouse.query(last).trim().to_owned();
    warehouse.run(&["undo", &last, "--yes"]).exits(0);
    assert!(
        facts(&warehouse).starts_with("7 | 70.00 | "),
        "{}",
        facts(&warehouse)
    );
    assert_proved(&warehouse);
    warehouse.run(&["redo", &last, "--yes"]).exits(0);
    assert!(
        facts(&warehouse).starts_with("7 | 71.00 | "),
        "{}",
        facts(&warehouse)
    );
    assert_proved(&warehouse);
}

#[test]
fn a_takeover_of_facts_can_be_undone_and_redone() {
    let warehouse = with_fact_by_hand();
    insert(&warehouse, 8, 80);
    let (_, number) = take_over(&warehouse);
    let before = facts(&warehouse);
    warehouse.run(&["undo", &number, "--yes"]).exits(0);
    assert_eq!(facts(&warehouse), "");
    warehouse.run(&["redo", &number, "--yes"]).exits(0);
    assert_eq!(facts(&warehouse), before);
    assert_proved(&warehouse);
    let again = warehouse
        .run(&["takeover", "transactions", "--yes"])
        .exits(2);
    assert!(again.stderr.contains("Every row of it"), "{again:#?}");
}

#[test]
fn files_that_said_the_same_before_are_proved() {
    let warehouse = with_fact_by_hand();
    load(&warehouse, &["7,ann@x.org,70.0"]).exits(0);
    load(&warehouse, &["7,ann@x.org,70", "1,ann@x.org,10"]).exits(0);
    let (_, number) = take_over(&warehouse);
    assert_eq!(facts(&warehouse), "1 | 10.00 | 3 | 3\n7 | 70.00 | 2 | 2\n");
    assert_proved(&warehouse);
    // Without the files the fact is that of the takeover.
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    assert_eq!(facts(&warehouse), format!("7 | 70.00 | {number} | 1\n"));
    assert_proved(&warehouse);
}

#[test]
fn a_takeover_of_facts_shows_its_plan() {
    let warehouse = with_fact_by_hand();
    let run = warehouse.run(&["takeover", "transactions"]).exits(2);
    assert!(run.stdout.contains("70.00"), "{run:#?}");
    assert_eq!(facts(&warehouse), "7 | 70.00 | 0 | 0\n");
}

#[test]
fn a_fact_without_its_member_is_not_taken_over() {
    let warehouse = with_fact_by_hand();
    warehouse.execute("update datawarehouse.transactions set user_id = gen_random_uuid()");
    let run = warehouse
        .run(&["takeover", "transactions", "--yes"])
        .exits(2);
    assert!(run.stderr.contains("1 row(s) name a member"), "{run:#?}");
}

#[test]
fn a_held_fact_is_not_written_over_one() {
    let warehouse = with_fact_by_hand();
    load(&warehouse, &["7,zoe@x.org,71"]).exits(0);
    assert_refused(warehouse.load("users-2.csv", ZOE));
    assert_eq!(facts(&warehouse), "7 | 70.00 | 0 | 0\n");
    take_over(&warehouse);
    warehouse.load("users-2.csv", ZOE).exits(0);
    // What the table showed when it was taken over is the last word.
    assert!(
        facts(&warehouse).starts_with("7 | 70.00 | "),
        "{}",
        facts(&warehouse)
    );
    assert_proved(&warehouse);
}

#[test]
fn a_mended_row_is_not_written_over_one() {
    let warehouse = with_fact_by_hand();
    load(
        &warehouse,
        &["7,ann@x.org,seventy", "1,ann@x.org,1", "2,ann@x.org,1"],
    )
    .exits(1);
    warehouse.write("mended.csv", format!("{HEADER}7,ann@x.org,71,01/01/2025\n"));
    let replay = ["rejects", "replay", "2", "mended.csv"];
    assert_refused(warehouse.run(&replay));
    take_over(&warehouse);
    warehouse.run(&replay).exits(0);
    assert_proved(&warehouse);
}

#[test]
fn why_tells_that_a_fact_was_taken_over() {
    let warehouse = with_fact_by_hand();
    take_over(&warehouse);
    let why = warehouse
        .run(&["why", "transactions", "7", "--all"])
        .exits(0);
    let source = "takeover of datawarehouse.transactions";
    assert!(why.stdout.contains(source), "{}", why.stdout);
}
