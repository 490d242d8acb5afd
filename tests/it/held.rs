//! Snapshots that would close too much: held, let in once, and planned.

use crate::support::{HAYLOFT_TOML, Warehouse};

/// People `from..to`, as a snapshot has them.
fn people(from: usize, to: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("email,name,date_of_birth\n");
    for number in from..to {
        let _ = writeln!(text, "p{number:03}@x.org,P{number},01/02/1990");
    }
    text
}

/// Users come in snapshots.
fn warehouse() -> Warehouse {
    let snapshots = HAYLOFT_TOML.replace(
        "durable_key = \"user_id\"",
        "durable_key = \"user_id\"\nmode = \"snapshot\"",
    );
    assert_ne!(snapshots, HAYLOFT_TOML);
    Warehouse::with_contract(&snapshots)
}

fn current(warehouse: &Warehouse) -> String {
    let open = "select count(*) from datawarehouse.users where effective_end_date is null";
    warehouse.query(open).trim().to_owned()
}

#[test]
fn half_a_snapshot_is_held_with_a_report_until_a_person_lets_it_in_once() {
    let warehouse = warehouse();
    warehouse.load("users.csv", people(0, 100)).exits(0);
    let watch = warehouse.watch();
    warehouse.drop_file("users-2.csv", people(0, 30));
    let held = watch.next_load();
    assert_eq!(held["status"], "failed");
    let said = watch.wait_for("was not loaded");
    assert!(said.contains("70 of 100"), "{said}");
    assert!(said.contains("max_close_fraction"), "{said}");
    assert_eq!(watch.stop(), 0);
    assert_eq!(current(&warehouse), "100");
    assert_eq!(
        warehouse.names("imports/held"),
        ["users-2.csv", "users-2.csv.report.txt"]
    );
    let report =
        std::fs::read_to_string(warehouse.path("imports/held/users-2.csv.report.txt")).unwrap();
    let command = "hayloft accept ";
    assert!(report.contains(command), "{report}");
    assert!(report.contains("imports/held/users-2.csv"), "{report}");
    let keys = report
        .lines()
        .filter(|line| uuid::Uuid::try_parse(line).is_ok());
    assert!(keys.count() > 0, "{report}");
    assert!(!report.contains("@x.org"), "{report}");

    let status = warehouse.run(&["status"]).exits(0).stdout;
    assert!(status.contains("1 in held"), "{status}");

    let released = warehouse
        .run(&["accept", "imports/held/users-2.csv", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(released["status"], "loaded");
    assert_eq!(released["file"], "users-2.csv");
    assert_eq!(released["changes"]["closed_by_absence"], 70);
    assert_eq!(current(&warehouse), "30");
    assert_eq!(warehouse.names("imports/held"), [""; 0]);
    let by = warehouse.query(
        "select closes_accepted_by is not null from hayloft.load
         where status = 'loaded' order by load_id",
    );
    assert_eq!(by, "f\nt\n");

    // Once: the next half file is held again.
    let again = warehouse.load("users-3.csv", people(0, 5)).exits(2);
    assert!(
        again.stderr.contains("`hayloft accept`"),
        "{}",
        again.stderr
    );
    assert_eq!(current(&warehouse), "30");
}

#[test]
fn a_persons_own_file_stays_where_it_is_when_its_closes_are_accepted() {
    let warehouse = warehouse();
    warehouse.load("users.csv", people(0, 100)).exits(0);
    let held = warehouse.load("users-2.csv", people(0, 30)).exits(2);
    assert!(held.stderr.contains("`hayloft accept`"), "{}", held.stderr);
    assert_eq!(warehouse.names("imports/held"), [""; 0]);
    warehouse.run(&["accept", "users-2.csv"]).exits(0);
    assert!(warehouse.path("users-2.csv").exists());
    assert_eq!(current(&warehouse), "30");
}

#[test]
fn a_held_file_that_a_newer_one_overtook_is_not_written_over_it() {
    let warehouse = warehouse();
    warehouse.load("users.csv", people(0, 100)).exits(0);
    warehouse.load("users-2.csv", people(0, 30)).exits(2);
    warehouse.load("users-3.csv", people(0, 101)).exits(0);
    let late = warehouse.run(&["accept", "users-2.csv"]).exits(3);
    assert!(
        late.stderr.contains("newer news of `users`"),
        "{}",
        late.stderr
    );
    assert_eq!(current(&warehouse), "101");
    assert!(warehouse.path("users-2.csv").exists());
}

#[test]
fn a_held_file_whose_name_is_taken_is_released_under_its_own_name() {
    let warehouse = warehouse();
    warehouse.load("users.csv", people(0, 100)).exits(0);
    let watch = warehouse.watch();
    for half in [people(0, 30), people(0, 31)] {
        warehouse.drop_file("users.csv", half);
        assert_eq!(watch.next_load()["status"], "failed");
        watch.wait_for("was not loaded");
    }
    assert_eq!(watch.stop(), 0);
    let names = warehouse.names("imports/held");
    let claimed = names
        .iter()
        .find(|name| name.ends_with("~users.csv"))
        .unwrap();
    let path = format!("imports/held/{claimed}");
    let released = warehouse
        .run(&["accept", &path, "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(released["file"], "users.csv");
    assert_eq!(current(&warehouse), "31");
    assert_eq!(
        warehouse.names("imports/held"),
        ["users.csv", "users.csv.report.txt"]
    );
}

#[test]
fn a_plan_names_the_guard_and_has_the_exit_code_of_the_load() {
    let warehouse = warehouse();
    warehouse.load("users.csv", people(0, 100)).exits(0);
    warehouse.write("users-2.csv", people(0, 30));
    let plan = warehouse
        .run(&["plan", "users-2.csv", "--format", "json"])
        .exits(2)
        .only();
    assert_eq!(plan["outcome"], "held");
    assert_eq!(plan["close_guard"]["would_close"], 70);
    assert_eq!(plan["changes"]["closed_by_absence"], 70);
    let text = warehouse.run(&["plan", "users-2.csv"]).exits(2).stdout;
    assert!(text.contains("would be held"), "{text}");
    assert_eq!(current(&warehouse), "100");
}

#[test]
fn the_old_name_of_the_command_lets_in() {
    let warehouse = warehouse();
    warehouse.load("users.csv", people(0, 100)).exits(0);
    warehouse.load("users-2.csv", people(0, 30)).exits(2);
    warehouse.run(&["accept-closes", "users-2.csv"]).exits(0);
    assert_eq!(current(&warehouse), "30");
}

#[test]
fn a_file_that_no_guard_holds_is_accepted_too() {
    let warehouse = Warehouse::new();
    warehouse.write("users.csv", people(0, 3));
    warehouse.run(&["accept", "users.csv"]).exits(0);
    assert_eq!(current(&warehouse), "3");
}

#[test]
fn a_snapshot_without_rows_ends_nobody_until_a_person_says_so() {
    let warehouse = warehouse();
    let nobody = people(0, 0);
    let first = warehouse.load("users.csv", &nobody).exits(0).only();
    assert_eq!(first["status"], "loaded");
    warehouse.load("users-2.csv", people(0, 3)).exits(0);
    let held = warehouse.load("users-3.csv", &nobody).exits(2);
    assert!(held.stderr.contains("a file without rows"), "{held:#?}");
    assert_eq!(current(&warehouse), "3");
    warehouse.run(&["accept", "users-3.csv"]).exits(0);
    assert_eq!(current(&warehouse), "0");
    warehouse.load("users-4.csv", &nobody).exits(0);
}
