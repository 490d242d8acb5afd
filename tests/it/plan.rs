//! `hayloft plan`, `undo` and `redo`, as they are typed.

use crate::support::{HAYLOFT_TOML, Warehouse};

const FIRST: &str = "email,name,date_of_birth\n\
                     ann@x.org,Ann,01/02/1990\nbob@x.org,Bob,01/02/1991\neva@x.org,Eva,01/02/1992\n";
const SECOND: &str = "email,name,date_of_birth\n\
                      ann@x.org,Anne,01/02/1990\nbob@x.org,Bob,01/02/1991\ncyd@x.org,Cyd,01/02/1993\n";

/// Everything that a plan could have written to, digested.
const STATE: &str = "
    select (select md5(coalesce(string_agg(u::text, '' order by u::text), '')) from datawarehouse.users u),
           (select md5(coalesce(string_agg(l::text, '' order by l::text), '')) from hayloft.load l),
           (select count(*) from hayloft.reject), (select count(*) from hayloft.manifest),
           (select count(*) from hayloft.contract)";

#[test]
fn a_plan_writes_nothing_and_its_counts_are_those_of_the_load_that_follows() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", FIRST).exits(0);
    warehouse.write("users-2.csv", SECOND);
    let before = warehouse.query(STATE);
    let plan = warehouse
        .run(&["plan", "users-2.csv", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(warehouse.query(STATE), before);
    assert!(warehouse.path("users-2.csv").exists());
    let load = warehouse
        .run(&["load", "users-2.csv", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(plan["rows"], load["rows"]);
    assert_eq!(plan["changes"], load["changes"]);
    assert_eq!(plan["outcome"], "loaded");
    assert_eq!(plan["changes"]["updated"], 1);
}

#[test]
fn a_plan_shows_the_versions_before_and_after_and_what_changed() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", FIRST).exits(0);
    warehouse.write("users-2.csv", SECOND);
    let run = warehouse.run(&["plan", "users-2.csv"]).exits(0);
    let text = &run.stdout;
    assert!(
        text.starts_with("`users-2.csv` would be loaded into `users` (in order, key by key)."),
        "{text}"
    );
    assert!(text.contains("Ann → Anne"), "{text}");
    assert!(text.contains("cyd@x.org"), "{text}");
    assert!(
        !text.contains("bob@x.org"),
        "nothing changes for Bob: {text}"
    );
    let none = warehouse
        .run(&["plan", "users-2.csv", "--rows", "0"])
        .exits(0);
    assert!(!none.stdout.contains("x.org"), "{}", none.stdout);
}

#[test]
fn a_plan_tells_of_rejects_by_their_place_and_ends_like_the_load() {
    let warehouse = Warehouse::new();
    let rows = "p@x.org,P,01/02/1990\n".repeat(30);
    warehouse.write(
        "users.csv",
        format!("email,name,date_of_birth\n{rows}odd@x.org,Odd,yesterday\n"),
    );
    let plan = warehouse.run(&["plan", "users.csv"]).exits(1);
    assert!(plan.stdout.contains("line 32, column 3"), "{}", plan.stdout);
    let way = "would be loaded into `users` (as the first rows of the table)";
    assert!(plan.stdout.contains(way), "{}", plan.stdout);
    assert!(!plan.stdout.contains("yesterday"), "{}", plan.stdout);
    warehouse.write("users-2.csv", "email,date_of_birth\nonly@x.org,yesterday\n");
    let refused = warehouse
        .run(&["plan", "users-2.csv", "users.csv", "--format", "json"])
        .exits(2);
    assert!(
        refused.stderr.contains("as they are now"),
        "{}",
        refused.stderr
    );
    assert_eq!(refused.json()[0]["outcome"], "refused");
    assert_eq!(refused.json()[1]["outcome"], "loaded");
}

#[test]
fn a_plan_makes_no_table_where_there_is_none() {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "drop schema hayloft cascade; drop schema datawarehouse cascade;
         delete from __diesel_schema_migrations",
    );
    warehouse.write("users.csv", FIRST);
    let refused = warehouse.run(&["plan", "users.csv"]).exits(2);
    assert!(
        refused.stderr.contains("hayloft migrate"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        warehouse.query("select to_regnamespace('hayloft') is null"),
        "t\n"
    );
}

#[test]
fn a_key_of_several_rows_is_shown_once() {
    let warehouse = Warehouse::new();
    warehouse.write(
        "hayloft.toml",
        HAYLOFT_TOML.replace(
            "durable_key = \"user_id\"",
            "durable_key = \"user_id\"\nmode = \"feed\"\nop = \"op\"\neffective = { column = \"at\" }",
        ),
    );
    let feed = "op,at,email,name,date_of_birth\n\
                c,2024-01-01T00:00:00Z,ann@x.org,Ann,01/02/1990\n\
                u,2024-02-01T00:00:00Z,ann@x.org,Anna,01/02/1990\n\
                u,2024-03-01T00:00:00Z,ann@x.org,Anna,01/02/1990\n";
    let file = warehouse.write("users.csv", feed);
    let file = file.to_str().unwrap();
    let plan = warehouse
        .run(&["plan", file, "--format", "json"])
        .exits(0)
        .only();
    let shown: Vec<&str> = plan["samples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sample| sample["action"].as_str().unwrap())
        .collect();
    assert_eq!(shown, ["inserted"], "{plan}");
    assert_eq!(plan["path"], "key by key, with all that was said of each");
}

#[test]
fn an_undo_shows_its_plan_and_does_nothing_without_a_word() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", FIRST).exits(0);
    let before = warehouse.users();
    warehouse.load("users-2.csv", SECOND).exits(0);
    let after = warehouse.users();

    let asked = warehouse.run(&["undo", "2"]).exits(2);
    assert!(
        asked.stdout.contains("Undoing load 2 would change `users`"),
        "{asked:#?}"
    );
    assert!(asked.stdout.contains("Anne"), "{asked:#?}");
    assert!(asked.stderr.contains("--yes"), "{asked:#?}");
    assert_eq!(warehouse.users(), after);

    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(warehouse.users(), before);
    let twice = warehouse.run(&["undo", "2", "--yes"]).exits(2);
    assert!(
        twice.stderr.contains(
            "Load 2 was not undone. It is undone already; `hayloft redo 2` puts it in again."
        ),
        "{twice:#?}"
    );

    warehouse.run(&["redo", "2", "--yes"]).exits(0);
    assert_eq!(warehouse.users(), after);
    let twice = warehouse.run(&["redo", "2", "--yes"]).exits(2);
    assert!(
        twice
            .stderr
            .contains("Load 2 was not redone. It counts already; `hayloft undo 2` takes it out."),
        "{twice:#?}"
    );
}

#[test]
fn an_undo_or_a_redo_is_not_undone_itself_and_says_what_is() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", FIRST).exits(0);
    let number = "select load_id from hayloft.load order by load_id desc limit 1";
    for (verb, sentence) in [
        (
            "undo",
            "is the undo of load 1. `hayloft redo 1` puts load 1 in again.",
        ),
        (
            "redo",
            "is the redo of load 1. `hayloft undo 1` takes load 1 out again.",
        ),
    ] {
        warehouse.run(&[verb, "1", "--yes"]).exits(0);
        let turn = warehouse.query(number).trim().to_owned();
        for again in ["undo", "redo"] {
            let run = warehouse.run(&[again, &turn, "--yes"]).exits(2);
            let sentence = format!("Load {turn} {sentence}");
            assert!(run.stderr.contains(&sentence), "{run:#?}");
        }
    }
}

#[test]
fn what_cannot_be_planned_is_told_as_that() {
    let warehouse = Warehouse::new();
    warehouse.write("people.csv", FIRST);
    warehouse.write("users.xlsx", FIRST);
    for (command, failed) in [("plan", "cannot be planned"), ("load", "was not loaded")] {
        let run = warehouse
            .run(&[command, "users-9.csv", "people.csv", "users.xlsx"])
            .exits(2);
        for part in [
            &format!("`users-9.csv` {failed}. There is no such file.\n"),
            &format!("`people.csv` {failed}. Its name does not say which table it is for"),
            &format!("`users.xlsx` {failed}. Only .csv files are read"),
        ] {
            assert!(run.stderr.contains(part), "{part}\n{run:#?}");
        }
    }
}

#[test]
fn a_load_that_never_was_cannot_be_undone() {
    let warehouse = Warehouse::new();
    let refused = warehouse.run(&["undo", "17", "--yes"]).exits(2);
    assert!(
        refused.stderr.contains("There is no load 17"),
        "{}",
        refused.stderr
    );
}
