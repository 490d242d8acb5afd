//! `hayloft status`, at every stage of a warehouse's life.

use std::fs;
use std::process::Command;

use crate::support::{HAYLOFT_TOML, Warehouse, shipped_migrations};

const USERS: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,\n";

#[test]
fn a_database_without_migrations_is_told_as_one_and_not_changed() {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "drop schema hayloft cascade; drop schema datawarehouse cascade;
         delete from __diesel_schema_migrations",
    );
    let run = warehouse.run(&["status"]).exits(2);
    assert!(
        run.stdout
            .contains(&format!("{} are pending", shipped_migrations())),
        "{run:#?}"
    );
    assert!(run.stdout.contains("000002_datawarehouse"), "{run:#?}");
    assert_eq!(run.stderr, "");
    let report = warehouse.run(&["status", "--format", "json"]).only();
    assert_eq!(
        report["pending_migrations"].as_array().unwrap().len(),
        shipped_migrations()
    );
    assert_eq!(
        warehouse.query("select to_regclass('hayloft.load') is null"),
        "t\n"
    );
}

#[test]
fn tables_loads_held_facts_rejects_and_files_are_all_told() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(1);
    warehouse
        .load(
            "transactions.csv",
            "id,email,amount,transaction_date\n7,bob@x.org,1.50,01/02/2024\n",
        )
        .exits(0);
    warehouse.drop_file("users-3.csv", USERS);

    let report = warehouse
        .run(&["status", "--format", "json"])
        .exits(0)
        .only();

    let [users, transactions] = &report["tables"].as_array().unwrap()[..] else {
        panic!("{report:#}");
    };
    assert_eq!(users["table"], "users");
    assert_eq!(users["kind"], "dimension");
    assert_eq!((&users["rows"], &users["versions"]), (&1.into(), &1.into()));
    assert_eq!(users["open_rejects"], 1);
    assert_eq!(users["last_load_id"], 1);
    assert_eq!(transactions["held"], 1);
    assert_eq!(report["held"][0]["dimension"], "users");
    assert_eq!(report["rejects"][0]["errors"], 1);
    assert_eq!(report["loads"][1]["file"], "users.csv");
    assert_eq!(report["imports"]["waiting"][0], "users-3.csv");
    let text = warehouse.run(&["status"]).exits(0).stdout;
    for part in ["Tables", "Last loads", "Held facts", "Open rejects"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_password_that_was_given_is_not_shown() {
    let warehouse = Warehouse::new();
    let (_, rest) = warehouse.url().split_once("://").unwrap();
    let (login, _) = rest.split_once('@').unwrap();
    let (_, password) = login.split_once(':').unwrap();
    for format in ["text", "json"] {
        let run = warehouse.run(&["status", "--format", format]).exits(0);
        assert!(!run.stdout.contains(password), "{run:#?}");
    }
}

#[test]
fn a_contract_that_is_being_mended_hides_nothing() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(1);
    let beside_the_point = HAYLOFT_TOML.replace("\"email\"]", "\"emial\"]");
    for (toml, part) in [
        ("[tables", "not TOML"),
        (beside_the_point.as_str(), "emial"),
    ] {
        warehouse.write("hayloft.toml", toml);
        let run = warehouse.run(&["status"]).exits(2);
        assert!(run.stderr.contains(part), "{run:#?}");
        assert!(run.stdout.contains("users.csv"), "{run:#?}");
        assert!(run.stdout.contains("dimension"), "{run:#?}");
    }
    std::fs::remove_file(warehouse.path("hayloft.toml")).unwrap();
    let run = warehouse.run(&["status"]).exits(2);
    assert!(run.stderr.contains("does not exist"), "{run:#?}");
    assert!(run.stdout.contains("users.csv"), "{run:#?}");
}

#[test]
fn a_database_that_cannot_be_reached_is_no_success() {
    let warehouse = Warehouse::new().env("DATABASE_URL", "postgres://u@127.0.0.1:1/d");
    let run = warehouse.run(&["status"]);
    assert_eq!(run.status, 3, "{run:#?}");
    assert_eq!(run.stdout, "");
}

#[test]
fn what_a_snapshot_closed_is_in_the_list_of_loads_and_all_counts_are_in_the_json() {
    let warehouse = Warehouse::with_contract(
        &HAYLOFT_TOML.replace("[tables.users]", "[tables.users]\nmode = \"snapshot\""),
    );
    let header = "email,name,date_of_birth\n";
    let ann = "ann@x.org,Ann,01/02/1990\n";
    let bob = "bob@x.org,Bob,03/04/1985\n";
    warehouse
        .load("users-1.csv", format!("{header}{ann}{bob}"))
        .exits(0);
    warehouse
        .load("users-2.csv", format!("{header}{ann}"))
        .exits(0);
    let run = warehouse.run(&["status"]).exits(0);
    let line = |start: &str| {
        let found = run.stdout.lines().find(|line| line.contains(start));
        let words = found.unwrap_or_else(|| panic!("{run:#?}"));
        words.split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(
        line("load  file")[3..8],
        ["read", "new", "changed", "closed", "unchanged"]
    );
    assert_eq!(line("users-2.csv")[3..8], ["1", "0", "0", "1", "1"]);
    let report = warehouse.run(&["status", "--format", "json"]).only();
    assert_eq!(report["loads"][0]["closed_by_absence"], 1, "{report:#}");
    assert_eq!(report["loads"][0]["closed"], 0, "{report:#}");
}

#[test]
fn a_watch_that_holds_the_folder_is_told() {
    let warehouse = Warehouse::new();
    let watched = || {
        let report = warehouse.run(&["status", "--format", "json"]).only();
        report["imports"]["watch"].as_str().unwrap().to_owned()
    };
    assert_eq!(watched(), "not_running");
    let watch = warehouse.watch();
    assert_eq!(watched(), "running");
    let text = warehouse.run(&["status"]).exits(0).stdout;
    assert!(text.contains("imports, watched"), "{text}");
    assert_eq!(watch.stop(), 0);
    assert_eq!(watched(), "not_running");
}

#[test]
fn a_file_that_no_table_takes_is_not_waiting() {
    let warehouse = Warehouse::new();
    for name in ["users.csv", "user.csv", "users.xlsx", "users.csv.part"] {
        warehouse.drop_file(name, USERS);
    }
    let report = warehouse.run(&["status", "--format", "json"]).only();
    let imports = &report["imports"];
    assert_eq!(imports["waiting"], serde_json::json!(["users.csv"]));
    let others = serde_json::json!(["user.csv", "users.xlsx"]);
    assert_eq!(imports["for_no_table"], others);
    let text = warehouse.run(&["status"]).exits(0).stdout;
    assert!(text.contains("2 that no table takes: user.csv"), "{text}");
}

#[test]
fn what_is_no_plain_file_is_not_waiting() {
    let warehouse = Warehouse::new();
    for name in ["users.csv", "users-2.csv"] {
        warehouse.drop_file(name, USERS);
    }
    let imports = warehouse.path("imports");
    std::fs::create_dir(imports.join("users-3.csv")).unwrap();
    std::os::unix::fs::symlink(imports.join("users.csv"), imports.join("users-4.csv")).unwrap();
    std::fs::hard_link(imports.join("users-2.csv"), warehouse.path("users.csv")).unwrap();
    let report = warehouse.run(&["status", "--format", "json"]).only();
    let listed = &report["imports"];
    assert_eq!(listed["waiting"], serde_json::json!(["users.csv"]));
    assert_eq!(listed["left_alone"].as_array().unwrap().len(), 3);
    let text = warehouse.run(&["status"]).exits(0).stdout;
    for part in [
        "users-2.csv, it has another name",
        "users-3.csv, it is a directory",
        "users-4.csv, it is a symbolic link",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_renamed_table_is_shown_with_its_loads() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(1);
    warehouse.execute("alter table datawarehouse.users rename to people");
    let text = warehouse.run(&["status"]).exits(2).stdout;
    assert!(text.contains("users (now people)"), "{text}");
    let toml = crate::support::HAYLOFT_TOML.replace("tables.users", "tables.people");
    warehouse.write("hayloft.toml", toml.replace("\"users\"", "\"people\""));
    let report = warehouse.run(&["status", "--format", "json"]).only();
    let tables = report["tables"].as_array().unwrap();
    let people = tables.iter().find(|it| it["table"] == "people").unwrap();
    assert_eq!(people["was_called"], "users");
    assert_eq!(people["last_load_id"], 1);
}

#[test]
fn a_check_exits_with_one_where_a_person_is_needed() {
    let warehouse = Warehouse::new();
    warehouse.run(&["status", "--check"]).exits(0);
    warehouse.load("users.csv", USERS).exits(1);
    warehouse.run(&["status"]).exits(0);
    let run = warehouse.run(&["status", "--check"]).exits(1);
    assert!(run.stderr.contains("1 rejected row(s)"), "{run:#?}");

    let watch = warehouse.watch();
    warehouse.drop_file("users-2.csv", "no,such\n1,2\n");
    assert_eq!(watch.next_load()["status"], "failed");
    assert_eq!(watch.stop(), 0);
    warehouse.run(&["status"]).exits(0);
    let run = warehouse.run(&["status", "--check"]).exits(1);
    assert!(
        run.stderr.contains("1 file(s) in failed, 1 rejected"),
        "{run:#?}"
    );
}

#[test]
fn a_private_server_is_not_started_to_be_looked_at() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("hayloft.toml"), HAYLOFT_TOML).unwrap();
    fs::create_dir(home.path().join("imports")).unwrap();
    let status = |format: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hayloft"));
        command.args(["status", "--format", format]);
        command.current_dir(home.path());
        for variable in ["DATABASE_URL", "HAYLOFT_HOME", "HAYLOFT_CONFIG"] {
            command.env_remove(variable);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };
    let (text, error) = status("text");
    assert!(text.contains("not made yet") && text.contains("imports, not watched"));
    assert!(error.contains("no private Postgres server"), "{error}");
    assert!(!home.path().join(".hayloft").exists());

    // A server that was made once and is stopped.
    let data = home.path().join(".hayloft/postgres");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "15\n").unwrap();
    let (json, error) = status("json");
    assert!(error.contains("`hayloft server start`"), "{error}");
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["database"]["state"], "stopped", "{report:#}");
    assert_eq!(report["database"]["url"], serde_json::Value::Null);
    assert_eq!(report["imports"]["watch"], "not_running");
}

#[test]
fn a_dimension_that_lacks_a_column_is_still_one() {
    let warehouse = Warehouse::new();
    warehouse.execute("drop table datawarehouse.users cascade");
    warehouse.execute("create table datawarehouse.users (user_id uuid, email text)");
    let report = warehouse.run(&["status", "--format", "json"]).only();
    assert_eq!(report["tables"][0]["table"], "users");
    assert_eq!(report["tables"][0]["kind"], "dimension");
}
