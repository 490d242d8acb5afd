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
            "a feed that does not say what was done",
            ("kind        = \"dimension\"", "mode = \"feed\""),
            "tables.users.op is missing",
        ),
        (
            "an instant from a column that no file fills",
            (
                "kind        = \"dimension\"",
                "effective = { column = \"effective_start_date\" }",
            ),
            "tables.users.effective names \"effective_start_date\", which Hayloft fills itself",
        ),
        (
            "a key with a role",
            ("canonical = \"email\"", "role = \"type1\""),
            "tables.users.columns.email.role: the column is part of the key",
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
    let toml = HAYLOFT_TOML.replace("[tables.transactions", "[tables.transaction");
    let warehouse = Warehouse::with_contract(&toml);
    let run = warehouse.load("transaction.csv", "id\n1\n").exits(2);
    let sentence = "line 12: datawarehouse.transaction is not in the database. Run `hayloft migrate`, or add \
                    a migration that creates it.";
    assert!(run.stderr.contains(sentence), "{run:#?}");
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
    warehouse.write("transactions.csv", "id,email,amount,transaction_date\n");
    let run = warehouse
        .run(&["load", "--no-migrate", "transactions.csv"])
        .exits(2);
    assert!(
        run.stderr
            .contains("datawarehouse.transactions is not in the database"),
        "{}",
        run.stderr
    );
}

const RECORD: &str = "
    select mode, effective, sequence, roles from hayloft.contract where table_name = 'users'";

/// A warehouse with rows in `users` that were loaded under another contract than it has now.
fn loaded_otherwise(record: &str) -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    warehouse.execute(&format!(
        "update hayloft.contract set {record} where table_name = 'users'"
    ));
    warehouse
}

#[test]
fn a_load_writes_down_the_contract_that_it_was_done_under() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    assert_eq!(
        warehouse.query(RECORD).trim(),
        r#"incremental | load_time | {} | {"name": "type2", "email": "key as email", "date_of_birth": "type2"}"#
    );
}

#[test]
fn another_contract_under_rows_is_refused_with_what_differs_and_the_way_on() {
    for (record, sentence) in [
        (
            "mode = 'snapshot'",
            "`mode` was changed from snapshot to incremental",
        ),
        (
            "effective = 'file_name'",
            "instants came from the name of the file, and come from the time of the load now",
        ),
        (
            "sequence = array['lsn', 'part']",
            "`sequence` was changed from lsn, part to none",
        ),
        (
            "roles = roles || '{\"name\": \"type1\"}'",
            "the role of \"name\" was changed from type1 to type2",
        ),
    ] {
        let warehouse = loaded_otherwise(record);
        let before = warehouse.query(RECORD);
        let run = warehouse
            .load("users-2.csv", ANN.replace("Ann,", "Anna,"))
            .exits(2);
        for part in [sentence, "hayloft migrate --from-now users"] {
            assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
        }
        let status = warehouse.run(&["status"]).exits(2);
        assert!(status.stderr.contains(sentence), "{}", status.stderr);
        assert_eq!(warehouse.query(RECORD), before);
        assert_eq!(warehouse.query("select count(*) from hayloft.load"), "1\n");
    }
}

#[test]
fn a_contract_that_is_meant_is_taken_from_now_on_and_written_down() {
    let warehouse = loaded_otherwise("mode = 'snapshot', sequence = array['lsn']");
    let run = warehouse.run(&["migrate", "--from-now", "users"]).exits(0);
    assert_eq!(
        run.stdout,
        "users: taken for what comes from now on: `mode` was changed from snapshot to incremental; \
         `sequence` was changed from lsn to none\n"
    );
    warehouse
        .load("users-2.csv", ANN.replace("Ann,", "Anna,"))
        .exits(0);
    warehouse.run(&["status"]).exits(0);
    expect_test::expect![[r#"
        users | t | t | snapshot | ["lsn"] | incremental | []
    "#]]
    .assert_eq(&warehouse.query(
        "select table_name, changed_by = session_user, changed_at <= now(),
             before ->> 'mode', before ->> 'sequence', after ->> 'mode', after ->> 'sequence'
         from hayloft.contract_change",
    ));
    // Said twice, it is no second change.
    let run = warehouse
        .run(&["migrate", "--from-now", "users", "--format", "json"])
        .exits(0);
    assert_eq!(run.only()["from_now"][0]["changes"], serde_json::json!([]));
    let changes = warehouse.query("select count(*) from hayloft.contract_change");
    assert_eq!(changes, "1\n");
}

#[test]
fn a_changed_key_is_not_taken_from_now_on_either() {
    let warehouse = loaded_otherwise("natural_key = array['name']");
    let run = warehouse.run(&["migrate", "--from-now", "users"]).exits(2);
    assert!(run.stderr.contains("another natural key"), "{}", run.stderr);
    assert_eq!(
        warehouse.query("select count(*) from hayloft.contract_change"),
        "0\n"
    );
}

#[test]
fn a_table_without_rows_takes_any_contract() {
    let warehouse = loaded_otherwise("mode = 'feed', roles = '{\"name\": \"type0\"}'");
    warehouse.execute("truncate datawarehouse.users");
    warehouse.run(&["status"]).exits(0);
    warehouse.load("users-2.csv", ANN).exits(0);
    assert!(warehouse.query(RECORD).starts_with("incremental | "));
    let changes = warehouse.query("select count(*) from hayloft.contract_change");
    assert_eq!(changes, "0\n");
}

#[test]
fn a_table_that_was_loaded_before_contracts_were_written_down_goes_on_by_the_usual_one() {
    let warehouse =
        loaded_otherwise("mode = null, effective = null, sequence = null, roles = null");
    warehouse.run(&["status"]).exits(0);
    warehouse
        .load("users-2.csv", ANN.replace("Ann,", "Anna,"))
        .exits(0);
    assert!(
        warehouse
            .query(RECORD)
            .starts_with("incremental | load_time | {} | {")
    );
}

#[test]
fn what_is_taken_from_now_on_must_be_a_table_of_the_contract() {
    let warehouse = Warehouse::new();
    let run = warehouse.run(&["migrate", "--from-now", "user"]).exits(2);
    assert!(
        run.stderr.contains("`user` is not in hayloft.toml"),
        "{run:#?}"
    );
}

#[test]
fn the_watch_keeps_a_file_whose_table_waits_for_a_decision() {
    let warehouse = loaded_otherwise("mode = 'snapshot'");
    let watch = warehouse.watch();
    warehouse.drop_file("users-2.csv", ANN.replace("Ann,", "Anna,"));
    watch.wait_for("`mode` was changed from snapshot to incremental");
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports/failed").is_empty());
    assert_eq!(warehouse.names("imports/.claimed").len(), 1);
    warehouse.run(&["migrate", "--from-now", "users"]).exits(0);
    let watch = warehouse.watch();
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
}

#[test]
fn a_role_that_would_write_over_history_is_refused_for_good() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    let toml = HAYLOFT_TOML.replace("date_of_birth = {", "date_of_birth = { role = \"type1\",");
    warehouse.write("hayloft.toml", toml);
    let sentence =
        "the role of \"date_of_birth\" was changed from type2 to type1. That cannot be changed";
    for run in [
        warehouse.load("users-2.csv", ANN.replace("Ann,", "Anna,")),
        warehouse.run(&["migrate", "--from-now", "users"]),
    ] {
        let run = run.exits(2);
        assert!(run.stderr.contains(sentence), "{}", run.stderr);
    }
    warehouse.write("hayloft.toml", HAYLOFT_TOML);
    warehouse
        .load("users-2.csv", ANN.replace("Ann,", "Anna,"))
        .exits(0);
}

/// Two loads of Ann, and a contract with something else in the place of something.
fn loaded_then_written(from: &str, to: &str) -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    warehouse
        .load("users-2.csv", ANN.replace("Ann,", "Anna,"))
        .exits(0);
    let toml = HAYLOFT_TOML.replacen(from, to, 1);
    assert_ne!(toml, HAYLOFT_TOML);
    let toml = if toml.contains("on_new_column") {
        toml
    } else {
        toml.replacen("durable_key", "on_new_column = \"ignore\"\ndurable_key", 1)
    };
    warehouse.write("hayloft.toml", toml);
    warehouse
}

const SETTINGS: &str = "durable_key = \"user_id\"";

/// What is written in the place of what, and what is said of it.
const CHANGES: [(&str, &str, &str); 7] = [
    (
        SETTINGS,
        "durable_key = \"user_id\"\nmode = \"snapshot\"",
        "`mode` was changed from incremental to snapshot",
    ),
    (
        SETTINGS,
        "durable_key = \"user_id\"\neffective = { column = \"at\" }",
        "instants came from the time of the load, and come from column \"at\" now",
    ),
    (
        SETTINGS,
        "durable_key = \"user_id\"\nsequence = [\"n\"]",
        "`sequence` was changed from none to n",
    ),
    (
        "[tables.users.columns]",
        "[tables.users.columns]\nname = { role = \"type0\" }",
        "the role of \"name\" was changed from type2 to type0",
    ),
    (
        "email         = { canonical = \"email\" }",
        "",
        "keys were made of \"email\" as an e-mail address, and are made of it as delivered now",
    ),
    ("key         = [\"email\"]", "key = [\"name\"]", "key"),
    (
        SETTINGS,
        "durable_key = \"user_id\"\non_new_column = \"version\"",
        "a value in a new column made no version of its own, and makes one now",
    ),
];

#[test]
fn under_another_contract_nothing_is_loaded_planned_undone_or_let_in() {
    for (from, to, sentence) in CHANGES {
        let warehouse = loaded_then_written(from, to);
        let before = (warehouse.users(), warehouse.query(RECORD));
        warehouse.write(
            "users-3.csv",
            "at,n,email,name,date_of_birth\n2024-01-10,1,Ann@x.org,Anne,01/02/1990\n",
        );
        for command in [
            &["load", "users-3.csv"][..],
            &["plan", "users-3.csv"],
            &["undo", "2", "--yes"],
            &["undo", "2"],
        ] {
            let run = warehouse.run(command).exits(2);
            assert!(run.stderr.contains(sentence), "{command:?}\n{run:#?}");
        }
        assert_eq!((warehouse.users(), warehouse.query(RECORD)), before);
        let loaded =
            "select count(*) from hayloft.load where status = 'loaded' and action = 'load'";
        assert_eq!(warehouse.query(loaded), "2\n", "{sentence}");
        warehouse.write("hayloft.toml", HAYLOFT_TOML);
        warehouse.run(&["undo", "2", "--yes"]).exits(0);
    }
}

#[test]
fn what_would_write_over_history_or_make_other_keys_is_never_taken() {
    for (from, to, sentence) in &CHANGES[3..] {
        let warehouse = loaded_then_written(from, to);
        let run = warehouse.run(&["migrate", "--from-now", "users"]).exits(2);
        assert!(run.stderr.contains(sentence), "{run:#?}");
        let taken = "select count(*) from hayloft.contract_change";
        assert_eq!(warehouse.query(taken), "0\n");
    }
}

#[test]
fn how_a_key_was_made_is_written_down_when_it_was_not_yet() {
    let warehouse = loaded_otherwise("roles = roles - 'email'");
    warehouse
        .load("users-2.csv", ANN.replace("Ann,", "Anna,"))
        .exits(0);
    assert!(warehouse.query(RECORD).contains("key as email"));
}

#[test]
fn a_column_that_is_new_may_have_any_role() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    warehouse.execute("alter table datawarehouse.users add column phone text");
    let toml = HAYLOFT_TOML.replace(
        "date_of_birth = {",
        "phone = { role = \"type1\" }\ndate_of_birth = {",
    );
    warehouse.write("hayloft.toml", toml);
    warehouse
        .load("users-2.csv", ANN.replace("Ann,", "Anna,"))
        .exits(0);
    assert!(warehouse.query(RECORD).contains("\"phone\": \"type1\""));
}

/// A fact of member 7 of `p`, which waits for the first file of `p`, whose contract says this.
fn fact_before_its_dimension(more: &str, columns: &str) -> Warehouse {
    let toml = format!(
        "[tables.p]\nkey = [\"k\"]\ndurable_key = \"p_id\"\non_new_column = \"ignore\"\n{more}\n[tables.p.columns]\n{columns}\n\
         [tables.f]\nkind = \"fact\"\nkey = [\"id\"]\nreferences = {{ p_id = \"p\" }}\n"
    );
    let warehouse = Warehouse::with_contract(&toml);
    warehouse.execute(
        "create table datawarehouse.p (
             p_id uuid not null, k text not null, b text,
             effective_start_date timestamptz not null, effective_end_date timestamptz,
             version_number int not null, load_id bigint not null, source_line bigint not null,
             primary key (p_id, effective_start_date));
         create unique index on datawarehouse.p (p_id) where effective_end_date is null;
         create table datawarehouse.f (
             id bigint primary key, p_id uuid not null, amount numeric,
             load_id bigint not null, source_line bigint not null);",
    );
    let run = warehouse.load("f.csv", "id,k,amount\n1,7,1.50\n").exits(0);
    assert_eq!(run.only()["rows"]["held"], 1);
    warehouse
}

#[test]
fn facts_that_come_first_say_nothing_of_the_contract_of_their_dimension() {
    for (more, columns, record) in [
        (
            "",
            "b = { role = \"type1\" }",
            "incremental | load_time | {}",
        ),
        ("mode = \"snapshot\"", "", "snapshot | load_time | {}"),
        (
            "effective = { file_name = \"%Y-%m-%d\" }",
            "",
            "incremental | file_name | {}",
        ),
        ("sequence = [\"n\"]", "", "incremental | load_time | {n}"),
    ] {
        let warehouse = fact_before_its_dimension(more, columns);
        warehouse.run(&["status"]).exits(0);
        let run = warehouse.run(&["migrate", "--from-now", "p"]).exits(0);
        assert_eq!(
            run.stdout,
            "p: it was never loaded, so it takes any contract\n"
        );
        warehouse
            .load("p-2024-01-02.csv", "k,b,n\n7,x,1\n")
            .exits(0);
        let held = "select count(*) from hayloft.held_fact";
        assert_eq!(warehouse.query(held), "0\n");
        let written = warehouse
            .query("select mode, effective, sequence from hayloft.contract where table_name = 'p'");
        assert_eq!(written.trim(), record);
        warehouse.assert_sound();
    }
}

#[test]
fn a_key_that_facts_wait_under_stays_as_it_is() {
    let warehouse = fact_before_its_dimension("", "");
    let toml = std::fs::read_to_string(warehouse.path("hayloft.toml")).unwrap();
    warehouse.write("hayloft.toml", toml.replace("[\"k\"]", "[\"b\"]"));
    let run = warehouse.load("p.csv", "k,b\n7,x\n").exits(2);
    assert!(run.stderr.contains("another natural key"), "{run:#?}");
}

#[test]
fn a_file_that_is_known_is_not_skipped_under_another_contract() {
    let warehouse = loaded_otherwise("effective = 'file_name'");
    for command in ["load", "plan"] {
        let run = warehouse.run(&[command, "users.csv"]).exits(2);
        assert!(
            run.stderr.contains("was loaded under another contract"),
            "{run:#?}"
        );
    }
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", ANN);
    watch.wait_for("was loaded under another contract");
    assert_eq!(watch.stop(), 0);
    assert_eq!(warehouse.names("imports/.claimed").len(), 1);
    warehouse.run(&["migrate", "--from-now", "users"]).exits(0);
    let run = warehouse
        .run(&["load", "--format", "json", "users.csv"])
        .exits(0);
    assert_eq!(run.only()["status"], "skipped");
}

#[test]
fn a_table_that_lacks_all_is_told_all_at_once() {
    let warehouse = Warehouse::new();
    warehouse.run(&["migrate"]).exits(0);
    warehouse.execute("create table datawarehouse.acc (code text not null)");
    let toml =
        format!("{HAYLOFT_TOML}\n[tables.acc]\nkey = [\"code\"]\ndurable_key = \"acc_id\"\n");
    warehouse.write("hayloft.toml", toml);
    let told = warehouse.load("acc.csv", "code\na\n").exits(2).stderr;
    for line in [
        "add column acc_id uuid not null;",
        "add column effective_start_date timestamp with time zone not null;",
        "add column effective_end_date timestamp with time zone;",
        "add column version_number integer not null;",
        "add column load_id bigint not null;",
        "add column source_line bigint not null;",
        "(acc_id) where effective_end_date is null;",
        "(acc_id, effective_start_date);",
    ] {
        assert!(told.contains(line), "{line} in\n{told}");
    }
    assert!(!told.contains("Did you mean"), "{told}");
}
