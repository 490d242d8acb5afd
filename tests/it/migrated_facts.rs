//! Facts whose columns a migration changes or drops: what the ledger keeps of them, and what is held, is
//! neither rounded nor given to another column.

use crate::support::Warehouse;

const USERS: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
const ZOE: &str = "email,name,date_of_birth\nzoe@x.org,Zoe,01/01/2000\n";

/// The users are load 1.
fn with_users() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    warehouse
}

/// Loads one transaction: the member, and the amount.
fn load(warehouse: &Warehouse, email: &str, amount: &str) {
    let file = format!("id,email,amount,transaction_date\n1,{email},{amount},01/01/2025\n");
    warehouse.load("transactions.csv", file).exits(0);
}

fn retype(warehouse: &Warehouse, sql_type: &str) {
    warehouse.execute(&format!(
        "alter table datawarehouse.transactions alter column amount type {sql_type}"
    ));
}

fn facts(warehouse: &Warehouse) -> String {
    warehouse.query("select id, amount, load_id from datawarehouse.transactions order by id")
}

/// What is held, and why.
fn held(warehouse: &Warehouse) -> String {
    warehouse.query("select row ->> 'amount', misfits, reason is not null from hayloft.held_fact")
}

/// What `check --values` cannot tell, without a contradiction.
fn unproven(warehouse: &Warehouse) -> Vec<(String, u64)> {
    let run = warehouse
        .run(&["check", "transactions", "--values", "--format", "json"])
        .exits(0);
    assert!(!run.stdout.contains("1.25"), "{run:#?}");
    let checked = run.only();
    let unproven = checked["values"]["unproven"].as_array().unwrap();
    let told = unproven.iter().map(|it| {
        let reason = it["reason"].as_str().unwrap().to_owned();
        (reason, it["count"].as_u64().unwrap())
    });
    told.filter(|(reason, _)| reason == "value_misfit")
        .collect()
}

#[test]
fn an_undo_rounds_no_fact() {
    for sql_type in ["numeric(8, 1)", "integer"] {
        let warehouse = with_users();
        load(&warehouse, "ann@x.org", "1.25");
        load(&warehouse, "ann@x.org", "2");
        retype(&warehouse, sql_type);
        let before = facts(&warehouse);

        let run = warehouse.run(&["undo", "3", "--yes"]).exits(2);

        for part in ["`amount`", "`transactions`", "load 2", "line 2"] {
            assert!(run.stderr.contains(part), "{part}: {run:#?}");
        }
        assert!(!run.stderr.contains("1.25"), "{run:#?}");
        assert_eq!(facts(&warehouse), before);
        assert_eq!(unproven(&warehouse), [("value_misfit".to_owned(), 1)]);
        let why = warehouse
            .run(&["why", "transactions", "1", "--all"])
            .exits(0);
        let shown = "amount 1.25 (does not fit the type that the column has now)";
        assert!(why.stdout.contains(shown), "{why:#?}");

        retype(&warehouse, "numeric(12, 2)");
        warehouse.run(&["undo", "3", "--yes"]).exits(0);
        assert_eq!(facts(&warehouse), "1 | 1.25 | 2\n");
        warehouse.assert_sound();
    }
}

#[test]
fn a_held_value_that_no_longer_fits_stays_held() {
    for sql_type in ["numeric(8, 1)", "integer"] {
        let warehouse = with_users();
        load(&warehouse, "zoe@x.org", "1.25");
        retype(&warehouse, sql_type);

        warehouse.load("users-2.csv", ZOE).exits(0);

        assert_eq!(facts(&warehouse), "");
        assert_eq!(
            held(&warehouse),
            "∅ | {\"amount\": \"1.25\"} | t\n",
            "{sql_type}"
        );
        assert_eq!(unproven(&warehouse), [("value_misfit".to_owned(), 1)]);
        let why = warehouse.run(&["why", "transactions", "1"]).exits(0);
        let shown = "1.25 (does not fit the type that the column has now)";
        assert!(why.stdout.contains(shown), "{why:#?}");
        warehouse.run(&["check"]).exits(0);

        load(&warehouse, "zoe@x.org", "3");
        assert_eq!(
            warehouse.query("select id, amount::integer, load_id from datawarehouse.transactions"),
            "1 | 3 | 4\n"
        );
        warehouse.run(&["check"]).exits(0);
        let run = warehouse.run(&["undo", "4", "--yes"]).exits(2);
        assert!(run.stderr.contains("load 2"), "{run:#?}");
    }
}

#[test]
fn a_held_value_goes_in_once_it_fits_again() {
    let warehouse = with_users();
    load(&warehouse, "zoe@x.org", "1.25");
    retype(&warehouse, "numeric(8, 1)");
    warehouse.load("users-2.csv", ZOE).exits(0);

    retype(&warehouse, "numeric(12, 3)");
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.run(&["redo", "2", "--yes"]).exits(0);

    assert_eq!(facts(&warehouse), "1 | 1.250 | 2\n");
    warehouse.assert_sound();
}

#[test]
fn a_row_before_one_that_does_not_fit_counts() {
    let warehouse = with_users();
    load(&warehouse, "zoe@x.org", "7");
    load(&warehouse, "zoe@x.org", "1.25");
    retype(&warehouse, "numeric(8, 1)");

    warehouse.load("users-2.csv", ZOE).exits(0);

    assert_eq!(facts(&warehouse), "1 | 7.0 | 2\n");
    assert_eq!(held(&warehouse), "∅ | {\"amount\": \"1.25\"} | t\n");
    assert_eq!(unproven(&warehouse), [("value_misfit".to_owned(), 1)]);
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    assert_eq!(facts(&warehouse), "1 | 7.0 | 2\n");
    assert_eq!(held(&warehouse), "");
    warehouse.assert_sound();
}

#[test]
fn a_newer_held_row_keeps_what_does_not_fit() {
    let warehouse = with_users();
    load(&warehouse, "zoe@x.org", "1.25");
    retype(&warehouse, "numeric(8, 1)");
    load(&warehouse, "zoe@x.org", "3");
    assert_eq!(held(&warehouse), "3.0 | {} | f\n");

    warehouse.run(&["undo", "3", "--yes"]).exits(0);

    assert_eq!(held(&warehouse), "∅ | {\"amount\": \"1.25\"} | t\n");
    warehouse.run(&["check"]).exits(0);
}

#[test]
fn a_held_value_of_a_dropped_column_is_nobody_elses() {
    let warehouse = with_users();
    warehouse.execute("alter table datawarehouse.transactions add column note text");
    let file = "id,email,amount,transaction_date,note\n1,zoe@x.org,1,01/01/2025,old\n";
    warehouse.load("transactions.csv", file).exits(0);
    warehouse.execute(
        "alter table datawarehouse.transactions drop column note;
         alter table datawarehouse.transactions add column note text",
    );

    warehouse.load("users-2.csv", ZOE).exits(0);

    let note = "select id, note from datawarehouse.transactions";
    assert_eq!(warehouse.query(note), "1 | ∅\n");
    warehouse.assert_sound();
}

#[test]
fn a_held_value_follows_its_column_of_any_type() {
    let types = [
        ("integer[]", "{1,2}", "bigint[]", "{1,2}"),
        ("jsonb", "[1, 2]", "json", "[1, 2]"),
        ("date", "2025-02-01", "text", "2025-02-01"),
        ("bytea", "\\x0a", "text", "\\x0a"),
    ];
    for (before, value, after, shown) in types {
        let warehouse = with_users();
        warehouse.execute(&format!(
            "alter table datawarehouse.transactions add column extra {before}"
        ));
        let file = format!(
            "id,email,amount,transaction_date,extra\n1,zoe@x.org,1,01/01/2025,\"{value}\"\n"
        );
        warehouse.load("transactions.csv", file).exits(0);
        warehouse.execute(&format!(
            "alter table datawarehouse.transactions alter column extra type {after}
             using extra::text::{after}"
        ));

        warehouse.load("users-2.csv", ZOE).exits(0);

        let extra = "select extra::text from datawarehouse.transactions";
        assert_eq!(warehouse.query(extra).trim(), shown, "{before}");
        warehouse.run(&["check"]).exits(0);
    }
}

/// A column that a migration adds and fills.
fn fill(warehouse: &Warehouse) {
    warehouse.execute(
        "alter table datawarehouse.transactions add column note text;
         update datawarehouse.transactions set note = 'filled'",
    );
}

fn load_noted(warehouse: &Warehouse, amount: &str, note: &str) {
    let file =
        format!("id,email,amount,transaction_date,note\n1,ann@x.org,{amount},01/01/2025,{note}\n");
    warehouse.load("transactions.csv", file).exits(0);
}

/// Takes back the last load of transactions.
fn undo_last(warehouse: &Warehouse) {
    let last = "select max(load_id) from hayloft.load
                where table_name = 'transactions' and action = 'load'";
    let id = warehouse.query(last);
    warehouse.run(&["undo", id.trim(), "--yes"]).exits(0);
}

fn noted(warehouse: &Warehouse) -> String {
    warehouse.run(&["check", "--values"]).exits(0);
    warehouse.query("select amount, note, load_id from datawarehouse.transactions")
}

#[test]
fn what_a_migration_filled_in_comes_back() {
    let warehouse = with_users();
    load(&warehouse, "ann@x.org", "1");
    fill(&warehouse);
    load(&warehouse, "ann@x.org", "2");
    assert_eq!(noted(&warehouse), "2.00 | filled | 3\n");
    load_noted(&warehouse, "3", "said");
    assert_eq!(noted(&warehouse), "3.00 | said | 4\n");
    warehouse.run(&["undo", "4", "--yes"]).exits(0);
    assert_eq!(noted(&warehouse), "2.00 | filled | 3\n");
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    assert_eq!(noted(&warehouse), "1.00 | filled | 2\n");
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.run(&["redo", "3", "--yes"]).exits(0);
    assert_eq!(noted(&warehouse), "2.00 | filled | 3\n");
    warehouse.run(&["redo", "4", "--yes"]).exits(0);
    assert_eq!(noted(&warehouse), "3.00 | said | 4\n");
}

#[test]
fn what_a_file_says_again_stays_filled_in() {
    let warehouse = with_users();
    load(&warehouse, "ann@x.org", "1");
    fill(&warehouse);
    load_noted(&warehouse, "1", "filled");
    assert_eq!(noted(&warehouse), "1.00 | filled | 2\n");
    load_noted(&warehouse, "1", "said");
    assert_eq!(noted(&warehouse), "1.00 | said | 4\n");
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    warehouse.run(&["undo", "4", "--yes"]).exits(0);
    assert_eq!(noted(&warehouse), "1.00 | filled | 2\n");
    warehouse.run(&["redo", "3", "--yes"]).exits(0);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(noted(&warehouse), "1.00 | filled | 3\n");
}

/// What its row said was kept before the column was there.
#[test]
fn a_fact_once_undone_keeps_what_is_filled() {
    let warehouse = with_users();
    load(&warehouse, "ann@x.org", "1");
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.run(&["redo", "2", "--yes"]).exits(0);
    fill(&warehouse);
    load_noted(&warehouse, "2", "said");
    undo_last(&warehouse);
    assert_eq!(noted(&warehouse), "1.00 | filled | 2\n");
    // So does one over which a held one goes.
    let file = "id,email,transaction_date,amount,note\n1,zoe@x.org,01/01/2025,3,held\n";
    warehouse.load("transactions.csv", file).exits(0);
    warehouse.load("users-2.csv", ZOE).exits(0);
    assert!(noted(&warehouse).starts_with("3.00 | held | "));
    undo_last(&warehouse);
    assert_eq!(noted(&warehouse), "1.00 | filled | 2\n");
}

#[test]
fn a_default_comes_back_with_its_row() {
    for rule in ["", "not null"] {
        let warehouse = with_users();
        warehouse.execute(&format!(
            "alter table datawarehouse.transactions add column note text {rule} default 'plain'"
        ));
        load(&warehouse, "ann@x.org", "1");
        load_noted(&warehouse, "2", "said");
        warehouse.run(&["undo", "3", "--yes"]).exits(0);
        assert_eq!(noted(&warehouse), "1.00 | plain | 2\n");
        warehouse.run(&["undo", "2", "--yes"]).exits(0);
        warehouse.run(&["redo", "2", "--yes"]).exits(0);
        assert_eq!(noted(&warehouse), "1.00 | plain | 2\n");
        warehouse.run(&["redo", "3", "--yes"]).exits(0);
        assert_eq!(noted(&warehouse), "2.00 | said | 3\n");
        warehouse.run(&["undo", "2", "--yes"]).exits(0);
        assert_eq!(noted(&warehouse), "2.00 | said | 3\n");
    }
}
