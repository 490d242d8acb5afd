//! What is refused before anything is loaded, and the sentence that says how to mend it.

use crate::support::{HAYLOFT_TOML, Warehouse};

const ANN: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";

/// Refused with these sentences, by `load` and by `watch` alike, with nothing loaded.
#[track_caller]
fn refused(warehouse: &Warehouse, sentences: &[&str]) {
    let load = warehouse.load("users.csv", ANN).exits(2);
    warehouse.drop_file("users.csv", ANN);
    let watch = warehouse.run(&["watch"]).exits(2);
    for sentence in sentences {
        for stderr in [&load.stderr, &watch.stderr] {
            assert!(stderr.contains(sentence), "{sentence}\n  not in: {stderr}");
        }
    }
    assert_eq!(warehouse.names("imports"), ["users.csv"]);
    assert_eq!(
        warehouse.query("select count(*) from hayloft.load").trim(),
        "0"
    );
}

#[test]
fn a_contract_that_cannot_hold_is_refused_with_what_would_mend_it() {
    let table = [
        (
            "a table that is not there",
            ("[tables.transactions", "[tables.transaction"),
            "line 12: datawarehouse.transaction is not in the database. Run `hayloft migrate`, or add \
             a migration that creates it.",
        ),
        (
            "a key column that is not there",
            ("[\"email\"]", "[\"e_mail\"]"),
            "tables.users.key names \"e_mail\", and datawarehouse.users has no such column. Did you \
             mean \"email\"?",
        ),
        (
            "a pattern that says no whole date",
            ("%d/%m/%Y", "%d/%Y"),
            "tables.users.columns.date_of_birth.format: the pattern \"%d/%Y\"",
        ),
        (
            "a setting with a slip of the pen",
            ("durable_key =", "durabel_key ="),
            "Did you mean \"durable_key\"?",
        ),
        (
            "a setting that is not kept yet",
            ("kind        = \"dimension\"", "effective = \"mtime\""),
            "tables.users.effective = \"mtime\" is not available yet",
        ),
        (
            "a reference to nothing",
            ("user_id = \"users\"", "user_id = \"user\""),
            "Did you mean \"users\"?",
        ),
        (
            "no TOML at all",
            ("[tables.users]", "[tables.users"),
            "This is not TOML",
        ),
    ];
    for (what, (from, to), sentence) in table {
        assert!(HAYLOFT_TOML.contains(from), "{what}");
        let warehouse = Warehouse::with_contract(&HAYLOFT_TOML.replace(from, to));
        refused(&warehouse, &["hayloft.toml", sentence]);
    }
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let toml = HAYLOFT_TOML
        .replacen("[\"email\"]", "[\"e_mail\"]", 1)
        .replacen("unresolved =", "unresolve =", 1)
        .replacen(
            "kind        = \"dimension\"",
            "kind        = \"dimention\"",
            1,
        );
    let warehouse = Warehouse::with_contract(&toml);
    // Those of the file come first: the database is not asked about what is not understood.
    refused(
        &warehouse,
        &[
            "hayloft.toml has 2 problems:",
            "line 4: ",
            "\"dimension\"",
            "line 16: ",
            "\"unresolved\"",
        ],
    );
}

#[test]
fn problems_of_several_tables_with_the_database_are_told_at_once() {
    let toml = HAYLOFT_TOML
        .replacen("[\"email\"]", "[\"e_mail\"]", 1)
        .replacen("key        = [\"id\"]", "key        = [\"idd\"]", 1);
    let warehouse = Warehouse::with_contract(&toml);
    refused(
        &warehouse,
        &[
            "hayloft.toml has",
            "names \"e_mail\"",
            "names \"idd\"",
            "Did you mean \"id\"?",
        ],
    );
}

#[test]
fn a_table_without_its_safeguards_is_refused_with_the_statement_that_adds_them() {
    let table = [
        (
            "drop index datawarehouse.users_open",
            "create unique index on datawarehouse.users (user_id) where effective_end_date is null;",
        ),
        (
            "alter table datawarehouse.users drop constraint users_pkey",
            "create unique index on datawarehouse.users (user_id, effective_start_date);",
        ),
        (
            "alter table datawarehouse.transactions drop constraint transactions_pkey",
            "create unique index on datawarehouse.transactions (id);",
        ),
        (
            "alter table datawarehouse.users drop column load_id",
            "alter table datawarehouse.users add column load_id bigint not null;",
        ),
        (
            "alter table datawarehouse.users alter column effective_end_date set not null",
            "alter table datawarehouse.users alter column effective_end_date drop not null;",
        ),
        (
            "create unique index on datawarehouse.users (email)",
            "create unique index on datawarehouse.users (email) where effective_end_date is null;",
        ),
    ];
    for (change, mending) in table {
        let warehouse = Warehouse::new();
        warehouse.execute(change);
        refused(&warehouse, &[mending]);
    }
}

#[test]
fn a_missing_contract_says_where_it_was_looked_for_and_shows_one() {
    let warehouse = Warehouse::new();
    std::fs::remove_file(warehouse.path("hayloft.toml")).unwrap();
    let run = warehouse.load("users.csv", ANN).exits(2);
    assert!(
        run.stderr.contains("There is no contract"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("[tables.users]"), "{}", run.stderr);
}

#[test]
fn a_database_without_migrations_is_not_touched_when_that_is_asked_for() {
    let warehouse = Warehouse::new();
    warehouse.execute("drop table datawarehouse.transactions");
    warehouse.write("users.csv", ANN);
    let run = warehouse
        .run(&["load", "--no-migrate", "users.csv"])
        .exits(2);
    assert!(
        run.stderr
            .contains("datawarehouse.transactions is not in the database"),
        "{}",
        run.stderr
    );
}
