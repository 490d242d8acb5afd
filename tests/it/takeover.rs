//! Rows that no load brought, and tables of versions that other programs made.

use crate::support::Warehouse;

const TABLE: &str = "
create table datawarehouse.acc (
    acc_id uuid not null, code text not null, tier text,
    effective_start_date timestamptz not null, effective_end_date timestamptz,
    version_number int not null, load_id bigint not null, source_line bigint not null,
    primary key (acc_id, effective_start_date)
);
create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null;
";

const CONTRACT: &str = r#"
[tables.acc]
key = ["code"]
durable_key = "acc_id"
effective = { file_name = "%Y-%m-%d" }
"#;

fn accounts() -> Warehouse {
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.execute(TABLE);
    warehouse
}

fn history(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select code, tier, effective_start_date::date, effective_end_date::date, version_number
         from datawarehouse.acc order by code, version_number",
    )
}

/// The durable key of a code, as a load makes it.
fn key_of(code: &str) -> String {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", format!("code\n{code}\n"))
        .exits(0);
    warehouse
        .query("select acc_id from datawarehouse.acc")
        .trim()
        .to_owned()
}

fn insert(warehouse: &Warehouse, code: &str, tier: &str, from: &str, to: &str) {
    let key = key_of(code);
    warehouse.execute(&format!(
        "insert into datawarehouse.acc values
         ('{key}', '{code}', '{tier}', '{from}', {to}, 1, 0, 0)"
    ));
}

#[test]
fn a_load_upon_rows_by_hand_is_refused() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "null");
    let before = history(&warehouse);
    let run = warehouse
        .load("acc-2025-12-15.csv", "code,tier\na,tin\n")
        .exits(2);
    assert!(run.stderr.contains("hayloft takeover acc"), "{run:#?}");
    assert_eq!(history(&warehouse), before);
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    assert_eq!(history(&warehouse), before);
    warehouse.assert_sound();
    warehouse
        .load("acc-2025-12-15.csv", "code,tier\na,tin\n")
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | tin | 2025-12-15 | 2026-01-01 | 1\na | gold | 2026-01-01 | ∅ | 2\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_takeover_asks_and_shows_its_plan() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "null");
    let run = warehouse.run(&["takeover", "acc"]).exits(2);
    assert!(run.stdout.contains("Taking over would change"), "{run:#?}");
    assert!(run.stderr.contains("--yes"), "{run:#?}");
    assert_eq!(warehouse.query("select count(*) from hayloft.load"), "0\n");
}

#[test]
fn rows_by_hand_between_loads_are_taken_over() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-05.csv", "code,tier\na,gold\n")
        .exits(0);
    insert(&warehouse, "b", "iron", "2026-01-02", "'2026-01-04'");
    let run = warehouse
        .load("acc-2026-01-03.csv", "code,tier\nb,zinc\n")
        .exits(2);
    assert!(run.stderr.contains("hayloft takeover acc"), "{run:#?}");
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\nb,zinc\n")
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | gold | 2026-01-05 | ∅ | 1\n\
         b | iron | 2026-01-02 | 2026-01-03 | 1\n\
         b | zinc | 2026-01-03 | 2026-01-04 | 2\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_takeover_can_be_undone_and_redone() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "'2026-02-01'");
    insert(&warehouse, "b", "tin", "2026-01-01", "null");
    let before = history(&warehouse);
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    let load = warehouse.query("select load_id from hayloft.load");
    warehouse.run(&["undo", load.trim(), "--yes"]).exits(0);
    assert_eq!(history(&warehouse), "");
    warehouse.run(&["redo", load.trim(), "--yes"]).exits(0);
    assert_eq!(history(&warehouse), before);
    warehouse.assert_sound();
    let again = warehouse.run(&["takeover", "acc", "--yes"]).exits(2);
    assert!(again.stderr.contains("Every row of it"), "{again:#?}");
}

#[test]
fn neighbours_that_say_the_same_become_one() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "'2026-01-05'");
    insert(&warehouse, "a", "gold", "2026-01-05", "null");
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    assert_eq!(history(&warehouse), "a | gold | 2026-01-01 | ∅ | 1\n");
    warehouse.assert_sound();
}

#[test]
fn rows_that_overlap_are_not_taken_over() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "'2026-01-05'");
    insert(&warehouse, "a", "tin", "2026-01-04", "null");
    let run = warehouse.run(&["takeover", "acc", "--yes"]).exits(2);
    assert!(run.stderr.contains("overlap"), "{run:#?}");
}

#[test]
fn another_durable_key_is_not_taken_over() {
    let warehouse = accounts();
    warehouse.execute(
        "insert into datawarehouse.acc values
         (gen_random_uuid(), 'a', 'gold', '2026-01-01', null, 1, 0, 0)",
    );
    let run = warehouse.run(&["takeover", "acc", "--yes"]).exits(2);
    assert!(run.stderr.contains("--from"), "{run:#?}");
}

#[test]
fn a_dbt_snapshot_becomes_a_history() {
    let warehouse = accounts();
    warehouse.execute(
        "create schema snapshots;
         create table snapshots.acc_snapshot (
             dbt_scd_id text, code text, tier varchar(20),
             dbt_valid_from timestamp, dbt_valid_to timestamp, dbt_updated_at timestamp);
         insert into snapshots.acc_snapshot values
             ('x', ' a', 'gold', '2026-01-01', '2026-01-05'),
             ('y', ' a', 'tin', '2026-01-05', null),
             ('z', 'b', 'iron', '2026-01-02', '2026-01-04');",
    );
    warehouse
        .run(&[
            "takeover",
            "acc",
            "--from",
            "snapshots.acc_snapshot",
            "--start",
            "dbt_valid_from",
            "--end",
            "dbt_valid_to",
            "--yes",
        ])
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | gold | 2026-01-01 | 2026-01-05 | 1\n\
         a | tin | 2026-01-05 | ∅ | 2\n\
         b | iron | 2026-01-02 | 2026-01-04 | 1\n"
    );
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\nb,zinc\n")
        .exits(0);
    warehouse.assert_sound();
}

#[test]
fn a_watchers_table_with_flags_becomes_a_history() {
    let warehouse = accounts();
    warehouse.execute(
        "create table datawarehouse.old (
             id serial, acc_code text, tier text, start_date date, end_date date, is_active text);
         insert into datawarehouse.old (acc_code, tier, start_date, end_date, is_active) values
             ('a', 'gold', '2026-01-01', '2026-01-04', 'N'),
             ('a', 'tin', '2026-01-05', '9999-12-31', 'Y');",
    );
    warehouse
        .run(&[
            "takeover",
            "acc",
            "--from",
            "old",
            "--start",
            "start_date",
            "--end",
            "end_date",
            "--end-is",
            "last-day",
            "--current",
            "is_active",
            "--column",
            "code=acc_code",
            "--zone",
            "Europe/Prague",
            "--yes",
        ])
        .exits(0);
    assert_eq!(
        warehouse.query(
            "select tier, effective_start_date, effective_end_date from datawarehouse.acc
             order by effective_start_date"
        ),
        "gold | 2025-12-31 23:00:00+00 | 2026-01-04 23:00:00+00\n\
         tin | 2026-01-04 23:00:00+00 | ∅\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_value_that_would_be_cut_is_refused() {
    let warehouse = accounts();
    warehouse.execute(
        "alter table datawarehouse.acc alter column tier type varchar(3);
         create table datawarehouse.old (code text, tier text, since timestamptz);
         insert into datawarehouse.old values ('a', 'gold', '2026-01-01');",
    );
    let run = warehouse
        .run(&[
            "takeover", "acc", "--from", "old", "--start", "since", "--yes",
        ])
        .exits(2);
    assert!(run.stderr.contains("cut or round"), "{run:#?}");
    assert!(!run.stderr.contains("gold"), "{run:#?}");
    assert_eq!(history(&warehouse), "");
}

#[test]
fn a_value_that_was_taken_over_is_proved_from_then_on() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "'2026-02-01'");
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    warehouse.run(&["check", "--values"]).exits(0);
    warehouse.execute("update datawarehouse.acc set tier = 'tin'");
    let checked = warehouse
        .run(&["check", "--values", "--format", "json"])
        .exits(1)
        .only();
    assert_eq!(checked["values"]["compared"], 2);
    assert_eq!(checked["values"]["named"][0]["what"], "said_otherwise");
}
