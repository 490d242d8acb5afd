//! What the shell, a script and an operator see: exit codes, JSON, guards, secrets, signals.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use expect_test::expect;
use serde_json::Value;

use crate::support::{HAYLOFT_TOML, Warehouse};

const HEADER: &str = "email,name,date_of_birth\n";
const ANN: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
const ANNA: &str = "email,name,date_of_birth\nann@x.org,Anna,01/02/1990\n";

/// So many good rows, then so many bad ones, whose values must never be told.
fn people(good: usize, bad: usize) -> String {
    let good = (0..good).map(|person| format!("p{person}@x.org,P,01/02/1990\n"));
    let bad = (0..bad).map(|person| format!("canary{person}@x.org,Canary,99/99/1990\n"));
    good.chain(bad)
        .fold(HEADER.to_owned(), |file, row| file + &row)
}

fn in_table(warehouse: &Warehouse) -> String {
    let count = warehouse.query("select count(*) from datawarehouse.users");
    count.trim().to_owned()
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn the_exit_code_of_load_says_how_it_went() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", people(20, 0)).exits(0);
    warehouse.load("users-2.csv", people(20, 1)).exits(1);
    warehouse.load("users-3.csv", people(5, 15)).exits(2);
    warehouse.load("strangers.csv", ANN).exits(2);
    warehouse.run(&["load", "missing/users.csv"]).exits(2);
    warehouse.run(&["load"]).exits(2);
    // The worst of several files counts, and the good ones are loaded.
    warehouse.write("users-4.csv", ANN);
    let both = warehouse
        .run(&["load", "--format", "json", "users-3.csv", "users-4.csv"])
        .exits(2);
    let statuses: Vec<Value> = both
        .json()
        .iter()
        .map(|load| load["status"].clone())
        .collect();
    assert_eq!(statuses, ["failed", "loaded"]);
    warehouse.assert_sound();
    // Nobody answers there.
    let away = warehouse.url().replace("127.0.0.1", "127.0.0.2");
    let run = warehouse
        .run(&["--database-url", &away, "load", "users.csv"])
        .exits(3);
    assert!(run.stderr.contains("Postgres"), "{}", run.stderr);
}

#[test]
fn the_json_object_has_the_promised_names_and_no_others() {
    let warehouse = Warehouse::new();
    let loaded = warehouse.load("users.csv", people(20, 1)).exits(1).only();
    let skipped = warehouse.load("users.csv", people(20, 1)).exits(0).only();
    let failed = warehouse.load("users.csv", people(0, 1)).exits(2).only();
    for load in [&loaded, &skipped, &failed] {
        let mut names = vec![
            "changes", "file", "load_id", "rows", "seconds", "status", "table",
        ];
        if load["status"] != "loaded" {
            names.insert(3, "reason");
        }
        assert_eq!(keys(load), names);
        assert_eq!(
            keys(&load["rows"]),
            ["accepted", "duplicates", "held", "read", "rejected"]
        );
        assert_eq!(
            keys(&load["changes"]),
            [
                "absent_already",
                "closed",
                "closed_by_absence",
                "corrected",
                "deactivated",
                "filled",
                "inserted",
                "late_unchanged",
                "moved",
                "overwritten",
                "reopened",
                "split",
                "unchanged",
                "updated"
            ]
        );
        assert_eq!(keys(&load["seconds"]), ["merge", "stage", "total"]);
        assert_eq!(load["table"], "users");
        assert_eq!(load["file"], "users.csv");
        let seconds = |name: &str| load["seconds"][name].as_f64().unwrap();
        assert!(seconds("total") > 0.0, "{load}");
        assert!(
            seconds("total") >= seconds("stage") + seconds("merge") - 1e-9,
            "{load}"
        );
    }
    let statuses = [&loaded, &skipped, &failed].map(|load| &load["status"]);
    assert_eq!(statuses, ["loaded", "skipped", "failed"]);
    let numbers = [&loaded, &skipped, &failed].map(|load| load["load_id"].as_i64().unwrap());
    assert_eq!(numbers, [1, 2, 3]);
}

/// The ledger, the JSON and the tables tell one story.
#[test]
fn the_ledger_has_what_the_json_says() {
    let warehouse = Warehouse::new();
    let load = warehouse.load("users.csv", people(20, 1)).exits(1).only();
    let ledger = warehouse.query(
        "select row_to_json(each) from (
             select rows_read as read, rows_accepted as accepted, rows_rejected as rejected,
                 rows_duplicate as duplicates, rows_held as held, keys_inserted as inserted,
                 keys_updated as updated, keys_deactivated as deactivated,
                 keys_unchanged as unchanged, keys_reopened as reopened, keys_corrected as corrected, keys_split as split,
                 keys_moved as moved, keys_late_unchanged as late_unchanged, keys_closed as closed,
                 keys_absent_already as absent_already, keys_closed_by_absence as closed_by_absence,
                 keys_overwritten as overwritten, keys_filled as filled
             from hayloft.load
         ) as each",
    );
    let ledger: Value = serde_json::from_str(&ledger).unwrap();
    for part in ["rows", "changes"] {
        for (name, value) in load[part].as_object().unwrap() {
            assert_eq!(&ledger[name], value, "{name}");
        }
    }
    assert_eq!(
        warehouse
            .query("select file_name, file_bytes, file_sha256 = sha256(pg_read_binary_file($$file$$)) from hayloft.load"
                .replace("$$file$$", &format!("'{}'", warehouse.path("users.csv").display())).as_str())
            .trim(),
        format!("users.csv | {} | t", people(20, 1).len())
    );
}

#[test]
fn load_leaves_files_and_retire_deletes_those_that_were_loaded() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    assert!(warehouse.path("users.csv").exists());
    warehouse.write("users-2.csv", ANNA);
    warehouse.write("users-bad.csv", people(0, 3));
    warehouse
        .run(&["load", "--retire", "users-2.csv", "users-bad.csv"])
        .exits(2);
    assert!(!warehouse.path("users-2.csv").exists());
    assert!(warehouse.path("users-bad.csv").exists());
    // A skipped one is dealt with too.
    warehouse.write("users-3.csv", ANNA);
    warehouse.run(&["load", "--retire", "users-3.csv"]).exits(0);
    assert!(!warehouse.path("users-3.csv").exists());
}

#[test]
fn a_loaded_file_can_be_archived_or_kept() {
    for (word, folder) in [("archive", "imports/archive"), ("keep", "imports/kept")] {
        let toml = HAYLOFT_TOML.replacen(
            "[tables.users]",
            &format!("[tables.users]\non_done = \"{word}\""),
            1,
        );
        let warehouse = Warehouse::with_contract(&toml);
        let watch = warehouse.watch();
        for content in [ANN, ANNA] {
            warehouse.drop_file("users.csv", content);
            assert_eq!(watch.next_load()["status"], "loaded");
        }
        assert_eq!(watch.stop(), 0);
        assert!(warehouse.names("imports/.claimed").is_empty());
        let names = warehouse.names(folder);
        assert_eq!(names.len(), 2, "{word}: {names:?}");
        assert!(
            names.iter().all(|name| name.ends_with("users.csv")),
            "{names:?}"
        );
        let mut contents: Vec<String> = names
            .iter()
            .map(|name| fs::read_to_string(warehouse.path(folder).join(name)).unwrap())
            .collect();
        contents.sort();
        assert_eq!(contents, [ANN, ANNA]);
    }
}

#[test]
fn too_many_rejects_refuse_the_file_and_nothing_is_loaded() {
    let rows = HAYLOFT_TOML.replacen(
        "[tables.users]",
        "[tables.users]\nguards = { max_reject_rows = 2 }",
        1,
    );
    let table = [
        (
            HAYLOFT_TOML,
            people(0, 1),
            "Every row was rejected: 1 of 1.",
        ),
        (
            HAYLOFT_TOML,
            people(17, 3),
            "3 of 20 rows were rejected, more than max_reject_fraction = 0.1 allows.",
        ),
        (
            &rows,
            people(97, 3),
            "3 row(s) were rejected, and max_reject_rows allows 2.",
        ),
    ];
    for (toml, file, reason) in table {
        let warehouse = Warehouse::with_contract(toml);
        let run = warehouse.load("users.csv", &file).exits(2);
        assert_eq!(run.only()["status"], "failed");
        assert!(run.stderr.contains(reason), "{}", run.stderr);
        assert!(
            !run.stderr.to_lowercase().contains("canary"),
            "{}",
            run.stderr
        );
        assert_eq!(in_table(&warehouse), "0");
        // The ledger has the lines, too.
        let told = warehouse.query("select status, reason from hayloft.load");
        assert!(
            told.starts_with(&format!("failed | {reason}\n  line ")),
            "{told}"
        );
        let lines = |text: &str| {
            let lines = text.lines().filter(|line| line.starts_with("  line "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(lines(&told), lines(&run.stderr));
        assert!(warehouse.path("users.csv").exists());
        warehouse.assert_sound();
    }
}

#[test]
fn just_as_many_rejects_as_are_allowed_do_not_refuse_it() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", people(18, 2)).exits(1);
    // In a short file one bad row is a large share, and yet no reason to lose the others.
    warehouse.load("users-2.csv", people(1, 5)).exits(1);
    warehouse.assert_sound();
}

#[test]
fn a_refused_file_is_set_aside_with_a_report_that_names_lines_and_no_values() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    let file = people(17, 3);
    warehouse.drop_file("users.csv", &file);
    assert_eq!(watch.next_load()["status"], "failed");
    let said = watch.wait_for("was not loaded");
    warehouse.drop_file("users.csv", people(0, 1));
    assert_eq!(watch.next_load()["status"], "failed");
    warehouse.drop_file("users.csv", ANN);
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    assert!(!said.to_lowercase().contains("canary"), "{said}");

    let failed = warehouse.names("imports/failed");
    assert_eq!(
        failed.len(),
        4,
        "two files, each with its report: {failed:?}"
    );
    let kept = fs::read_to_string(warehouse.path("imports/failed/users.csv")).unwrap();
    assert_eq!(kept, file);
    let report = fs::read_to_string(warehouse.path("imports/failed/users.csv.report.txt")).unwrap();
    for line in [19, 20, 21] {
        let place = format!("line {line}, column 3: `date_of_birth` ");
        assert!(report.contains(&place), "{report}");
    }
    assert!(!report.to_lowercase().contains("canary"), "{report}");
    assert!(!report.contains("99/99"), "{report}");
    assert!(report.contains("Nothing of it is in the table"), "{report}");
    warehouse.assert_sound();
}

#[test]
fn a_secret_makes_other_keys() {
    let key = |warehouse: &Warehouse| {
        warehouse.load("users.csv", ANN).exits(0);
        warehouse.query("select user_id from datawarehouse.users")
    };
    let plain = key(&Warehouse::new());
    let secret = key(&Warehouse::new().env("HAYLOFT_KEY_SECRET", "a secret of some length"));
    let same = key(&Warehouse::new().env("HAYLOFT_KEY_SECRET", "a secret of some length"));
    let other = key(&Warehouse::new().env("HAYLOFT_KEY_SECRET", "another secret of length"));
    assert_eq!(secret, same);
    assert_ne!(plain, secret);
    assert_ne!(secret, other);
}

#[test]
fn a_secret_that_changed_is_refused_while_the_table_has_rows() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    let warehouse = warehouse.env("HAYLOFT_KEY_SECRET", "canary-secret-0123456789");
    let run = warehouse.load("users-2.csv", ANNA).exits(2);
    assert!(
        run.stderr
            .contains("The keys in `users` were made with another HAYLOFT_KEY_SECRET"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    assert_eq!(in_table(&warehouse), "1");
    // A fact would get keys that match no member.
    let facts = "id,email,amount,transaction_date\n1,ann@x.org,1.00,01/01/2025\n";
    warehouse.load("transactions.csv", facts).exits(2);
    // An empty table takes any.
    warehouse.execute("truncate datawarehouse.users");
    warehouse.load("users-2.csv", ANNA).exits(0);
}

#[test]
fn a_secret_that_could_be_guessed_is_refused() {
    for secret in ["", "short"] {
        let warehouse = Warehouse::new().env("HAYLOFT_KEY_SECRET", secret);
        let run = warehouse.load("users.csv", ANN).exits(2);
        assert!(run.stderr.contains("HAYLOFT_KEY_SECRET"), "{}", run.stderr);
    }
}

#[test]
fn reset_is_refused_without_a_terminal_and_without_a_word() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    let run = warehouse.run(&["migrate", "--reset"]).exits(2);
    assert!(run.stderr.contains("Nothing was dropped"), "{}", run.stderr);
    assert_eq!(in_table(&warehouse), "1");
    warehouse.run(&["migrate", "--reset", "--yes"]).exits(0);
    assert_eq!(in_table(&warehouse), "0");
    assert_eq!(
        warehouse.query("select count(*) from hayloft.load").trim(),
        "0"
    );
}

#[test]
fn dot_env_is_read_and_the_environment_wins() {
    let warehouse = Warehouse::new();
    let other = Warehouse::new();
    warehouse.write("users.csv", ANN);
    warehouse.write(".env", format!("DATABASE_URL={}\n", other.url()));
    let mut from_file = warehouse.command(&["load", "users.csv"]);
    from_file.env_remove("DATABASE_URL");
    assert!(from_file.status().unwrap().success());
    assert_eq!(
        (in_table(&other).as_str(), in_table(&warehouse).as_str()),
        ("1", "0")
    );
    warehouse.run(&["load", "users.csv"]).exits(0);
    assert_eq!(in_table(&warehouse), "1");
    // And a flag wins over both.
    other.execute("truncate datawarehouse.users; delete from hayloft.load");
    warehouse
        .run(&["load", "--database-url", other.url(), "users.csv"])
        .exits(0);
    assert_eq!(in_table(&other), "1");
}

#[test]
fn a_broken_dot_env_is_refused_without_telling_its_content() {
    let warehouse = Warehouse::new();
    warehouse.write(".env", "DATABASE_URL=\"postgres://u:canary-password@h/d\n");
    let run = warehouse.load("users.csv", ANN).exits(2);
    assert!(run.stderr.contains(".env"), "{}", run.stderr);
    assert!(!run.stderr.contains("canary"), "{}", run.stderr);
}

#[test]
fn a_wrong_password_is_said_once_and_not_told() {
    let warehouse = Warehouse::new();
    let (user, rest) = warehouse
        .url()
        .split_once("://")
        .unwrap()
        .1
        .split_once('@')
        .unwrap();
    let user = user.split(':').next().unwrap();
    let wrong = format!("postgres://{user}:canary-password@{rest}");
    for command in ["load", "watch", "migrate"] {
        let mut arguments = vec!["--database-url", &wrong, command];
        if command == "load" {
            warehouse.write("users.csv", ANN);
            arguments.push("users.csv");
        }
        let run = warehouse.run(&arguments).exits(2);
        assert!(!run.stderr.contains("canary"), "{command}: {}", run.stderr);
        assert_eq!(
            run.stderr.matches("refuses the password").count(),
            1,
            "{command}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_file_for_no_table_is_left_where_it_is_and_said_once() {
    let toml = format!("{HAYLOFT_TOML}\n[watch]\nsettle = \"50ms\"\nsweep = \"50ms\"\n");
    let warehouse = Warehouse::with_contract(&toml);
    let watch = warehouse.watch();
    warehouse.drop_file("strangers.csv", ANN);
    let said = watch.wait_for("strangers.csv");
    assert!(said.contains("left where it is"), "{said}");
    // Several sweeps later, it has not been said again.
    for number in 0..3 {
        warehouse.drop_file("users.csv", ANN.replace("Ann", &format!("Ann{number}")));
        watch.next_load();
    }
    let again: Vec<String> = watch.said();
    assert!(
        !again.iter().any(|line| line.contains("strangers")),
        "{again:?}"
    );
    assert_eq!(watch.stop(), 0);
    assert_eq!(warehouse.names("imports"), ["strangers.csv"]);
}

#[test]
fn a_terminated_watch_ends_well() {
    for signal in ["TERM", "INT", "HUP"] {
        let warehouse = Warehouse::new();
        let watch = warehouse.watch();
        watch.signal(signal);
        assert_eq!(watch.ended(), 0, "{signal}");
    }
}

/// A load that waits when the end is wished for rolls back and stays claimed; the next start
/// loads it.
#[test]
fn a_load_that_waits_for_a_lock_gives_up_when_the_watch_is_ended() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    let watch = warehouse.watch();
    let blocker = warehouse.locked("datawarehouse.users");
    warehouse.drop_file("users.csv", ANNA);
    warehouse.wait_until_blocked();
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports").is_empty());
    assert_eq!(
        fs::read_dir(warehouse.path("imports/.claimed"))
            .unwrap()
            .count(),
        1
    );
    drop(blocker);
    assert_eq!(in_table(&warehouse), "1");
    assert_eq!(
        warehouse.query("select count(*) from hayloft.load").trim(),
        "1"
    );

    let watch = warehouse.watch();
    assert_eq!(watch.next_load()["changes"]["updated"], 1);
    assert_eq!(watch.stop(), 0);
    assert_eq!(
        fs::read_dir(warehouse.path("imports/.claimed"))
            .unwrap()
            .count(),
        0
    );
    warehouse.assert_sound();
}

#[test]
fn a_second_signal_ends_the_watch_at_once_and_loses_nothing() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    let watch = warehouse.watch();
    let blocker = warehouse.locked("datawarehouse.users");
    warehouse.drop_file("users.csv", ANNA);
    warehouse.wait_until_blocked();
    watch.signal("TERM");
    watch.signal("TERM");
    // The first alone may have ended it, if both came as one.
    let code = watch.ended();
    assert!(code == 130 || code == 0, "{code}");
    drop(blocker);
    let watch = warehouse.watch();
    assert_eq!(watch.next_load()["changes"]["updated"], 1);
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn a_unique_index_of_ones_own_rejects_the_row() {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "create unique index own_rule on datawarehouse.users (name) where effective_end_date is null",
    );
    let watch = warehouse.watch();
    warehouse.drop_file(
        "users-1.csv",
        format!("{HEADER}a@x.org,Canary,01/01/2000\nb@x.org,Canary,01/01/2000\n"),
    );
    let load = watch.next_load();
    assert_eq!(load["status"], "loaded");
    assert_eq!(load["rows"]["rejected"], 1);
    let reject = "select line, kind, message like '%own_rule%', message like '%Canary%'
                  from hayloft.reject";
    assert_eq!(warehouse.query(reject), "3 | check_failed | t | f\n");
    warehouse.drop_file("users-2.csv", ANN);
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn people_read_a_line_and_scripts_read_json_from_stdout_alone() {
    let warehouse = Warehouse::new();
    warehouse.write("users.csv", people(20, 1));
    let run = warehouse.run(&["load", "users.csv"]).exits(1);
    let line = run.stdout.split("  (").next().unwrap();
    expect!["loaded   users.csv                    21 rows: 20 new · 1 rejected"].assert_eq(line);
    assert_eq!(run.stdout.lines().count(), 1);
    let quiet = warehouse.run(&["load", "--quiet", "users.csv"]).exits(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_watch_says_nothing_of_the_folders_that_hayloft_makes() {
    let warehouse = Warehouse::new();
    for folder in ["failed", "kept", "archive", "other"] {
        std::fs::create_dir(warehouse.path("imports").join(folder)).unwrap();
    }
    let watch = warehouse.start_watch();
    let said = watch.wait_for("is left where it is");
    assert!(
        said.contains("`other`") && said.contains("directory"),
        "{said}"
    );
    watch.wait_for("watching ");
    warehouse.drop_file(
        "users.csv",
        "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n",
    );
    watch.next_load();
    let rest = watch.said();
    assert!(
        !rest.iter().any(|line| line.contains("left where")),
        "{rest:?}"
    );
    assert_eq!(watch.stop(), 0);
}

/// 64 KiB of news fit into a pipe.
#[test]
fn a_watch_whose_output_nobody_reads_loads_on_and_stops() {
    let warehouse = Warehouse::new();
    let files = 200;
    for number in 0..files {
        let row = format!("p{number}@x.org,P,01/02/1990");
        let text = format!("email,name,date_of_birth\n{row}\n");
        warehouse.drop_file(&format!("users-{number}.csv"), text);
    }
    let mut watch = warehouse
        .command(&["watch", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let loaded = "select count(*) from hayloft.load where status = 'loaded'";
    warehouse.wait_until("select to_regclass('hayloft.load') is not null", "t");
    warehouse.wait_until(loaded, &files.to_string());
    let pid = watch.id().to_string();
    let sent = Command::new("kill").args(["-s", "TERM", &pid]).status();
    assert!(sent.unwrap().success());
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    let mut written = String::new();
    watch.stdout.unwrap().read_to_string(&mut written).unwrap();
    assert!(written.len() > 60 << 10, "the pipe was full");
}
