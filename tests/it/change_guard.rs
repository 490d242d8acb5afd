//! Files that would change too much of their table: held, let in once, and planned.

use std::fmt::Write as _;

use crate::support::{HAYLOFT_TOML, Warehouse};

/// People `from..to`, of whom each has the name of the one that stands `shift` further down.
fn people(from: usize, to: usize, shift: usize) -> String {
    let mut text = String::from("email,name,date_of_birth\n");
    for number in from..to {
        let name = number + shift;
        let _ = writeln!(text, "p{number:03}@x.org,P{name},01/02/1990");
    }
    text
}

fn sales(count: usize, amount: usize) -> String {
    let mut text = String::from("id,email,amount,transaction_date\n");
    for number in 1..=count {
        let _ = writeln!(text, "{number},p{number:03}@x.org,{amount}.00,01/02/2026");
    }
    text
}

fn guarded(guards: &str) -> Warehouse {
    let toml = HAYLOFT_TOML.replace(
        "durable_key = \"user_id\"",
        &format!("durable_key = \"user_id\"\nguards = {{ {guards} }}"),
    );
    let toml = toml.replace(
        "unresolved = \"hold\"",
        &format!("unresolved = \"hold\"\nguards = {{ {guards} }}"),
    );
    Warehouse::with_contract(&toml)
}

/// How many versions there are.
fn versions(warehouse: &Warehouse) -> String {
    let versions = warehouse.query("select count(*) from datawarehouse.users");
    versions.trim().to_owned()
}

#[test]
fn a_slipped_column_is_held_until_a_person_lets_it_in() {
    let warehouse = guarded("max_change_fraction = 0.5");
    warehouse.load("users.csv", people(0, 400, 0)).exits(0);
    let watch = warehouse.watch();
    warehouse.drop_file("users-2.csv", people(0, 400, 1));
    assert_eq!(watch.next_load()["status"], "failed");
    let said = watch.wait_for("was not loaded");
    assert!(said.contains("would change 400 of 400 open keys"), "{said}");
    assert_eq!(watch.stop(), 0);
    assert_eq!(versions(&warehouse), "400");

    let held = "imports/held/users-2.csv";
    let report = std::fs::read_to_string(warehouse.path(&format!("{held}.report.txt"))).unwrap();
    assert!(
        report.contains(&format!("hayloft accept {held}")),
        "{report}"
    );
    assert!(report.contains("max_change_fraction"), "{report}");
    let keys = report
        .lines()
        .filter(|line| uuid::Uuid::try_parse(line).is_ok());
    assert_eq!(keys.count(), 5, "{report}");
    assert!(!report.contains("@x.org"), "{report}");

    let accepted = warehouse.run(&["accept", held, "--format", "json"]);
    let accepted = accepted.exits(0).only();
    assert_eq!(accepted["changes"]["updated"], 400);
    assert_eq!(warehouse.names("imports/held"), [""; 0]);
    let by = "select closes_accepted_by is not null from hayloft.load
              where status = 'loaded' order by load_id";
    assert_eq!(warehouse.query(by), "f\nt\n");
    warehouse.assert_sound();
}

/// A table without a guard of its own, whose files bring few changes.
fn calm(people_there: usize) -> Warehouse {
    let warehouse = Warehouse::new();
    for (number, rows) in [people_there, 3, 4].into_iter().enumerate() {
        let file = format!("users-{number}.csv");
        warehouse.load(&file, people(0, rows, number)).exits(0);
    }
    warehouse
}

#[test]
fn without_a_limit_the_loads_before_are_the_measure() {
    let warehouse = calm(100);
    let held = warehouse.load("users-5.csv", people(0, 100, 5)).exits(2);
    assert!(held.stderr.contains("no load before"), "{held:#?}");
    warehouse.load("users-6.csv", people(0, 50, 6)).exits(0);

    // From now on that is usual.
    let warehouse = calm(100);
    warehouse.write("users-5.csv", people(0, 100, 5));
    warehouse.run(&["accept", "users-5.csv"]).exits(0);
    warehouse.load("users-6.csv", people(0, 100, 6)).exits(0);
    // A load that was taken back is no habit.
    for load in ["5", "4"] {
        warehouse.run(&["undo", "--yes", load]).exits(0);
    }
    warehouse.load("users-8.csv", people(0, 100, 8)).exits(2);
}

#[test]
fn of_a_new_table_nobody_knows_what_is_usual() {
    let warehouse = Warehouse::new();
    warehouse.load("users-1.csv", people(0, 100, 0)).exits(0);
    warehouse.load("users-2.csv", people(0, 3, 1)).exits(0);
    warehouse.load("users-3.csv", people(0, 100, 2)).exits(0);
}

#[test]
fn a_small_table_may_change_whole_unless_a_share_is_named() {
    let warehouse = calm(99);
    warehouse.load("users-5.csv", people(0, 99, 5)).exits(0);

    for (people_there, status) in [(19, 0), (20, 2)] {
        let warehouse = guarded("max_change_fraction = 0.5");
        let there = people(0, people_there, 0);
        warehouse.load("users.csv", there).exits(0);
        let changed = people(0, people_there, 1);
        warehouse.load("users-2.csv", changed).exits(status);
    }
}

#[test]
fn a_change_is_held_from_one_above_the_limit() {
    for guards in ["max_change_fraction = 0.1", "max_change_rows = 4"] {
        let warehouse = guarded(guards);
        warehouse.load("users.csv", people(0, 40, 0)).exits(0);
        let held = warehouse.load("users-5.csv", people(0, 5, 1)).exits(2);
        assert!(held.stderr.contains("5 of 40 open keys"), "{held:#?}");
        assert!(held.stderr.contains(guards), "{held:#?}");
        assert_eq!(versions(&warehouse), "40");
        warehouse.load("users-4.csv", people(0, 4, 1)).exits(0);
        warehouse.load("users-3.csv", people(0, 3, 2)).exits(0);
    }
}

#[test]
fn new_keys_are_no_changes() {
    let warehouse = guarded("max_change_fraction = 0.1");
    warehouse.load("users.csv", people(0, 40, 0)).exits(0);
    warehouse.load("users-2.csv", people(36, 400, 1)).exits(0);
    assert_eq!(versions(&warehouse), "404");
}

#[test]
fn a_late_file_and_an_overwritten_column_count_alike() {
    let late = HAYLOFT_TOML.replace(
        "durable_key = \"user_id\"",
        "durable_key = \"user_id\"\neffective = { file_name = \"%Y-%m-%d\" }\n\
         guards = { max_change_rows = 10 }",
    );
    let warehouse = Warehouse::with_contract(&late);
    warehouse
        .load("users-2026-03-01.csv", people(0, 40, 0))
        .exits(0);
    for day in ["users-2026-02-01.csv", "users-2026-03-01.csv"] {
        let held = warehouse.load(day, people(0, 11, 1)).exits(2);
        assert!(held.stderr.contains("11 of 40 open keys"), "{held:#?}");
    }
    assert_eq!(versions(&warehouse), "40");

    let overwritten = late.replace(
        "[tables.users.columns]",
        "[tables.users.columns]\nname = { role = \"type1\" }",
    );
    let warehouse = Warehouse::with_contract(&overwritten);
    warehouse
        .load("users-2026-03-01.csv", people(0, 40, 0))
        .exits(0);
    let held = warehouse
        .load("users-2026-03-02.csv", people(0, 11, 1))
        .exits(2);
    assert!(held.stderr.contains("11 of 40 open keys"), "{held:#?}");
    warehouse
        .load("users-2026-03-02.csv", people(0, 10, 1))
        .exits(0);
}

#[test]
fn a_plan_tells_that_a_file_would_be_held() {
    let warehouse = guarded("max_change_fraction = 0.5");
    warehouse.load("users.csv", people(0, 100, 0)).exits(0);
    warehouse.write("users-2.csv", people(0, 60, 1));
    let plan = warehouse.run(&["plan", "users-2.csv", "--format", "json"]);
    let plan = plan.exits(2).only();
    assert_eq!(plan["outcome"], "held");
    assert_eq!(plan["change_guard"]["would_change"], 60);
    assert_eq!(plan["change_guard"]["open"], 100);
    assert_eq!(plan["change_guard"]["keys"].as_array().unwrap().len(), 5);
    assert_eq!(plan["changes"]["updated"], 60);
    let text = warehouse.run(&["plan", "users-2.csv"]).exits(2).stdout;
    assert!(text.contains("would be held"), "{text}");
    assert_eq!(versions(&warehouse), "100");
}

#[test]
fn facts_are_held_as_well() {
    let warehouse = guarded("max_change_fraction = 0.5");
    warehouse.load("users.csv", people(0, 101, 0)).exits(0);
    warehouse.load("transactions.csv", sales(100, 1)).exits(0);
    let watch = warehouse.watch();
    warehouse.drop_file("transactions-2.csv", sales(51, 2));
    assert_eq!(watch.next_load()["status"], "failed");
    watch.wait_for("was not loaded");
    assert_eq!(watch.stop(), 0);
    let held = "imports/held/transactions-2.csv";
    let report = std::fs::read_to_string(warehouse.path(&format!("{held}.report.txt"))).unwrap();
    assert!(report.contains("would change 51 of 100 facts"), "{report}");
    assert!(report.contains("line 2\nline 3\n"), "{report}");
    let changed = "select count(*) from datawarehouse.transactions where amount = 2";
    assert_eq!(warehouse.query(changed), "0\n");

    warehouse.load("transactions-3.csv", sales(50, 3)).exits(0);
    // It says what was so when it came: the file since then stands.
    warehouse.run(&["accept", held]).exits(0);
    assert_eq!(warehouse.query(changed), "1\n");
    warehouse.assert_sound();
}

#[test]
fn a_file_among_others_is_held_and_they_are_loaded() {
    let warehouse = guarded("max_change_fraction = 0.5");
    warehouse.load("users.csv", people(0, 100, 0)).exits(0);
    for (name, content) in [
        ("users-1.csv", people(0, 5, 1)),
        ("users-2.csv", people(0, 100, 2)),
        ("users-3.csv", people(5, 9, 3)),
    ] {
        warehouse.drop_file(name, content);
    }
    let watch = warehouse.watch();
    let all = "select count(*) from hayloft.load where file_name like 'users-%'";
    warehouse.wait_until(all, "3");
    assert_eq!(watch.stop(), 0);
    assert_eq!(versions(&warehouse), "109");
    let names = warehouse.names("imports/held");
    assert_eq!(names, ["users-2.csv", "users-2.csv.report.txt"]);
}

#[test]
fn an_overtaken_file_takes_its_place_before_the_newer_one() {
    let warehouse = guarded("max_change_fraction = 0.5");
    warehouse.load("users.csv", people(0, 100, 0)).exits(0);
    warehouse.load("users-2.csv", people(0, 100, 1)).exits(2);
    warehouse.load("users-3.csv", people(0, 10, 2)).exits(0);
    warehouse.run(&["accept", "users-2.csv"]).exits(0);
    let name = |email: &str| {
        warehouse.query(&format!(
            "select name from datawarehouse.users
             where email = '{email}' order by effective_start_date"
        ))
    };
    assert_eq!(name("p000@x.org"), "P0\nP1\nP2\n");
    assert_eq!(name("p050@x.org"), "P50\nP51\n");
    warehouse.assert_sound();
}

#[test]
fn undo_and_redo_are_not_held() {
    let warehouse = guarded("max_change_rows = 10");
    warehouse.load("users.csv", people(0, 100, 0)).exits(0);
    warehouse.write("users-2.csv", people(0, 100, 1));
    warehouse.run(&["accept", "users-2.csv"]).exits(0);
    warehouse.run(&["undo", "--yes", "2"]).exits(0);
    assert_eq!(versions(&warehouse), "100");
    warehouse.run(&["redo", "--yes", "2"]).exits(0);
    assert_eq!(versions(&warehouse), "200");
}
