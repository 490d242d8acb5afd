//! Several loaders, one database: every file once, and histories that fit together.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::new_table;
use crate::support::{HAYLOFT_TOML, Warehouse, Watch, shipped_migrations};

const LOADED: &str = "select count(*) from hayloft.load where status = 'loaded'";

/// Five hundred people; every tenth shares a key with the other files.
fn people(file: usize) -> String {
    let mut csv = "email,name,date_of_birth\n".to_owned();
    for person in 0..500 {
        let owner = if person % 10 == 0 { 0 } else { file };
        let _ = writeln!(csv, "p{person}.{owner}@x.org,From {file},01/02/1990");
    }
    csv
}

#[test]
fn two_loads_of_one_table_at_once_wait_for_each_other() {
    let warehouse = Warehouse::new();
    warehouse.load("users-0.csv", people(0)).exits(0);
    // Both are held up at the table, so that they are there together.
    let blocker = warehouse.locked("datawarehouse.users");
    let running: Vec<_> = (1..=4)
        .map(|file| {
            let name = format!("users-{file}.csv");
            warehouse.write(&name, people(file));
            warehouse.start(&["load", "--format", "json", &name])
        })
        .collect();
    warehouse.wait_until(
        "select count(*) from pg_stat_activity
         where datname = current_database() and application_name = 'hayloft'
           and wait_event_type = 'Lock'",
        "4",
    );
    drop(blocker);
    for load in running {
        assert_eq!(load.finish().exits(0).only()["status"], "loaded");
    }
    assert_eq!(warehouse.query(LOADED).trim(), "5");
    assert_eq!(
        warehouse
            .query("select count(*), max(version_number) from datawarehouse.users")
            .trim(),
        // 500 of the first file, 450 of each other one, and 50 shared ones that change each time.
        "2500 | 5"
    );
    warehouse.assert_sound();
}

#[test]
fn two_watches_of_two_folders_load_every_file_once() {
    let warehouse = Warehouse::new();
    let watches: Vec<Watch> = ["north", "south"]
        .into_iter()
        .map(|folder| {
            std::fs::create_dir(warehouse.path(folder)).unwrap();
            warehouse.watch_folder(folder)
        })
        .collect();
    for file in 1..=6 {
        for folder in ["north", "south"] {
            let number = if folder == "north" { file } else { file + 10 };
            warehouse.drop_into(folder, &format!("users-{file}.csv"), people(number));
            warehouse.drop_into(
                folder,
                &format!("transactions-{file}.csv"),
                format!(
                    "id,email,amount,transaction_date\n{number},p1.{number}@x.org,1.00,01/01/2025\n\
                     {},p0.0@x.org,{number}.00,01/01/2025\n",
                    1000 + file
                ),
            );
        }
    }
    for watch in &watches {
        for _ in 0..12 {
            assert_eq!(watch.next_load()["status"], "loaded");
        }
    }
    for watch in watches {
        assert_eq!(watch.stop(), 0);
    }
    assert_eq!(warehouse.query(LOADED).trim(), "24");
    assert_eq!(
        warehouse
            .query("select count(*) from datawarehouse.transactions")
            .trim(),
        "18"
    );
    assert_eq!(
        warehouse
            .query("select count(*) from hayloft.held_fact")
            .trim(),
        "0"
    );
    for folder in ["north", "north/.claimed", "south", "south/.claimed"] {
        assert!(warehouse.names(folder).is_empty(), "{folder}");
    }
    warehouse.assert_sound();
}

#[test]
fn a_second_watch_of_one_folder_is_refused() {
    let warehouse = Warehouse::new();
    let first = warehouse.watch();
    let second = warehouse.run(&["watch"]);
    assert!(second.status == 2 || second.status == 3, "{second:?}");
    assert!(second.stderr.contains("imports"), "{}", second.stderr);
    assert_eq!(first.stop(), 0);
}

#[test]
fn a_session_that_the_server_ends_in_the_middle_of_a_load_is_tried_again() {
    let warehouse = Warehouse::new();
    let blocker = warehouse.locked("datawarehouse.users");
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", people(1));
    warehouse.wait_until_blocked();
    warehouse.query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'hayloft'",
    );
    drop(blocker);
    let load = watch.next_load();
    assert_eq!(load["status"], "loaded");
    assert_eq!(load["changes"]["inserted"], 500);
    assert_eq!(watch.stop(), 0);
    assert_eq!(
        warehouse.query("select count(*) from hayloft.load").trim(),
        "1"
    );
    assert!(warehouse.names("imports").is_empty());
    warehouse.assert_sound();
}

#[test]
fn a_load_by_hand_outlives_the_end_of_its_session_too() {
    let warehouse = Warehouse::new();
    // The ledger knows the tables, so it is the load that waits, and not the look at them before.
    warehouse.run(&["migrate"]).exits(0);
    let blocker = warehouse.locked("datawarehouse.users");
    warehouse.write("users.csv", people(1));
    let load = warehouse.start(&["load", "--format", "json", "users.csv"]);
    warehouse.wait_until_blocked();
    warehouse.query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'hayloft'",
    );
    drop(blocker);
    assert_eq!(load.finish().exits(0).only()["status"], "loaded");
    assert_eq!(
        warehouse.query("select count(*) from hayloft.load").trim(),
        "1"
    );
    warehouse.assert_sound();
}

#[test]
fn two_migrations_of_an_empty_database_at_once_both_succeed() {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "drop schema datawarehouse cascade; drop schema hayloft cascade;
         drop table __diesel_schema_migrations; drop extension btree_gist",
    );
    // Both are held up at the lock of those who migrate, so that they are there together.
    let mut blocker = warehouse.connection();
    diesel::connection::SimpleConnection::batch_execute(
        &mut blocker,
        "select pg_advisory_lock(x'006861796c6f6674'::bigint)",
    )
    .unwrap();
    let both: Vec<_> = (0..2)
        .map(|_| warehouse.start(&["migrate", "--format", "json"]))
        .collect();
    warehouse.wait_until(
        "select count(*) from pg_stat_activity
         where datname = current_database() and wait_event = 'advisory'",
        "2",
    );
    drop(blocker);
    let mut applied: Vec<usize> = both
        .into_iter()
        .map(|migrate| {
            let done = migrate.finish().exits(0).only();
            done["applied"].as_array().unwrap().len()
        })
        .collect();
    applied.sort_unstable();
    assert_eq!(applied, [0, shipped_migrations()]);
    warehouse.load("users.csv", people(1)).exits(0);
    warehouse.assert_sound();
}

#[test]
fn who_starts_while_another_migrates_waits_though_nothing_is_pending_yet() {
    let warehouse = Warehouse::new();
    let mut blocker = warehouse.connection();
    diesel::connection::SimpleConnection::batch_execute(
        &mut blocker,
        "select pg_advisory_lock(x'006861796c6f6674'::bigint)",
    )
    .unwrap();
    warehouse.write("users.csv", people(1));
    let load = warehouse.start(&["load", "users.csv"]);
    warehouse.wait_until_blocked();
    drop(blocker);
    load.finish().exits(0);
}

#[test]
fn a_watch_that_starts_while_a_table_is_shut_waits_for_it() {
    let warehouse = Warehouse::new();
    let blocker = warehouse.shut("datawarehouse.users");
    warehouse.drop_file("users.csv", people(1));
    let watch = warehouse.start_watch();
    watch.wait_for("Waiting for the database");
    drop(blocker);
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

/// A session that holds the lock of the loads of `users`, as another load would.
fn another_load_of_users(warehouse: &Warehouse) -> diesel::PgConnection {
    let mut session = warehouse.connection();
    diesel::connection::SimpleConnection::batch_execute(
        &mut session,
        "begin; select pg_advisory_xact_lock(hashtextextended('hayloft:users', 0))",
    )
    .unwrap();
    session
}

#[test]
fn a_watch_that_waits_for_another_load_can_be_stopped() {
    let warehouse = Warehouse::new();
    let other = another_load_of_users(&warehouse);
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", people(1));
    watch.wait_for("Another load of `users` is running");
    let told = Instant::now();
    assert_eq!(watch.stop(), 0);
    assert!(told.elapsed() < Duration::from_secs(8), "{told:?}");
    assert_eq!(warehouse.names("imports/.claimed").len(), 1);
    drop(other);

    let watch = warehouse.watch();
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports/.claimed").is_empty());
    warehouse.assert_sound();
}

#[test]
fn a_load_by_hand_waits_for_another_load_however_long_that_takes() {
    let warehouse = Warehouse::new();
    let other = another_load_of_users(&warehouse);
    warehouse.write("users.csv", people(1));
    let load = warehouse.start(&["load", "--format", "json", "users.csv"]);
    // Longer than eight failures would be borne, at two seconds each.
    std::thread::sleep(Duration::from_secs(20));
    drop(other);
    let run = load.finish().exits(0);
    assert_eq!(run.stderr.matches("is running").count(), 1, "{run:?}");
    assert_eq!(run.only()["status"], "loaded");
}

#[test]
fn a_load_that_waits_leaves_its_place_to_another_table() {
    let toml = format!("{}\n[load]\nworkers = 1\n", new_table::CONTRACT);
    let warehouse = Warehouse::with_contract(&toml);
    warehouse.execute(new_table::UP);
    let other = another_load_of_users(&warehouse);
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", people(1));
    warehouse.wait_until_blocked();
    warehouse.drop_file("stations.csv", "country,number\nCZ,1\n");
    assert_eq!(watch.next_load()["table"], "stations");
    drop(other);
    assert_eq!(watch.next_load()["table"], "users");
    assert_eq!(watch.stop(), 0);
}

/// The tables of the example, which take new columns.
fn widening() -> Warehouse {
    let widening = "on_new_column = \"fill_current\"\n";
    Warehouse::with_contract(
        &HAYLOFT_TOML
            .replace("durable_key =", &format!("{widening}durable_key ="))
            .replace("unresolved =", &format!("{widening}unresolved =")),
    )
}

#[test]
fn a_watch_keeps_the_values_of_a_column_that_another_process_added() {
    let warehouse = widening();
    let watch = warehouse.watch();
    let wider = "email,name,date_of_birth,nick\nann@x.org,Ann,01/02/1990,A\n";
    warehouse.load("users.csv", wider).exits(0);

    let narrow = "email,name,date_of_birth\nann@x.org,Anna,01/02/1990\n";
    warehouse.drop_file("users-2.csv", narrow);

    assert_eq!(watch.next_load()["changes"]["updated"], 1);
    let users = "select name, nick from datawarehouse.users order by version_number";
    assert_eq!(warehouse.query(users), "Ann | A\nAnna | A\n");
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn a_watch_lets_in_a_held_fact_with_a_column_that_another_process_added() {
    let warehouse = widening();
    let watch = warehouse.watch();
    let fact = "id,email,amount,transaction_date,note\n1,ann@x.org,10,01/01/2025,gift\n";
    warehouse.load("transactions.csv", fact).exits(0);

    let member = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
    warehouse.drop_file("users.csv", member);

    assert_eq!(watch.next_load()["changes"]["inserted"], 1);
    let notes = "select id, note from datawarehouse.transactions";
    assert_eq!(warehouse.query(notes), "1 | gift\n");
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}
