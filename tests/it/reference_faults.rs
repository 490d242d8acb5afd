//! Faults of the program that Hayloft descends from, each of which it must visibly not have. The
//! numbers are those of the list that was made when that program was read.

use std::fs;
use std::io::Write as _;

use expect_test::expect;

use crate::support::{HAYLOFT_TOML, Warehouse};

const HEADER: &str = "email,name,date_of_birth\n";
const ANN: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
const USERS: &str =
    "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n";

/// Quick to settle and to sweep, so that a writer's pauses are long against both.
fn quick() -> Warehouse {
    Warehouse::with_contract(&format!(
        "{HAYLOFT_TOML}\n[watch]\nsettle = \"100ms\"\nsweep = \"50ms\"\n"
    ))
}

/// Loads the versions of Ann one after another, under these names.
fn renamed(warehouse: &Warehouse, names: &[&str]) {
    for name in names {
        let file = ANN.replace("Ann", name);
        warehouse.load(&format!("users-{name}.csv"), file).exits(0);
    }
}

fn loads(warehouse: &Warehouse) -> String {
    warehouse.query("select file_name, status from hayloft.load order by load_id")
}

#[test]
fn r1_a_slow_writer_is_not_read_half_written() {
    let warehouse = quick();
    let watch = warehouse.watch();
    let mut writer = fs::File::create(warehouse.path("imports/users.csv")).unwrap();
    writer.write_all(HEADER.as_bytes()).unwrap();
    for person in 0..4 {
        writeln!(writer, "p{person}@x.org,P,01/02/1990").unwrap();
        writer.flush().unwrap();
        // Another file comes and goes meanwhile: the watch has looked, and has not touched this.
        let other = format!("id,email,amount,transaction_date\n{person},p0@x.org,1,01/01/2025\n");
        warehouse.drop_file(&format!("transactions-{person}.csv"), other);
        assert_eq!(watch.next_load()["table"], "transactions");
        assert_eq!(warehouse.names("imports"), ["users.csv"]);
    }
    drop(writer);
    let load = watch.next_load();
    assert_eq!(load["rows"]["read"], 4);
    assert_eq!(load["rows"]["accepted"], 4);
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn r1_a_file_that_is_renamed_inside_the_folder_is_not_lost() {
    let warehouse = quick();
    let watch = warehouse.watch();
    for temporary in ["users.csv.part", ".users.csv", "users.tmp"] {
        let here = warehouse.write(
            &format!("imports/{temporary}"),
            ANN.replace("Ann", temporary),
        );
        warehouse.drop_file(
            "transactions.csv",
            "id,email,amount,transaction_date\n1,ann@x.org,1,01/01/2025\n",
        );
        assert_eq!(watch.next_load()["table"], "transactions");
        assert!(here.exists(), "{temporary}");
        fs::rename(&here, warehouse.path("imports/users.csv")).unwrap();
        assert_eq!(watch.next_load()["file"], "users.csv");
    }
    assert_eq!(watch.stop(), 0);
    assert_eq!(
        warehouse
            .query("select count(*) from datawarehouse.users")
            .trim(),
        "3"
    );
    warehouse.assert_sound();
}

#[test]
fn r2_files_that_were_dropped_while_nothing_ran_are_loaded() {
    let warehouse = Warehouse::new();
    warehouse.write("imports/users.csv", USERS);
    warehouse.drop_file("users-2.csv", ANN.replace("Ann", "Anna"));
    let watch = warehouse.watch();
    let mut files = [watch.next_load(), watch.next_load()].map(|load| load["file"].to_string());
    files.sort();
    assert_eq!(files, ["\"users-2.csv\"", "\"users.csv\""]);
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports").is_empty());
    warehouse.assert_sound();
}

/// What is in the folder and not for Hayloft is there afterwards, byte for byte.
#[track_caller]
fn left_alone(names: &[&str]) {
    let warehouse = quick();
    for name in names {
        warehouse.drop_file(name, format!("what {name} says"));
    }
    let watch = warehouse.watch();
    for name in names {
        warehouse.drop_file(&format!("later-{name}"), "later");
        watch.wait_for(&format!("later-{name}"));
    }
    warehouse.drop_file("users.csv", ANN);
    assert_eq!(watch.next_load()["file"], "users.csv");
    assert_eq!(watch.stop(), 0);
    for name in names {
        let content = fs::read_to_string(warehouse.path("imports").join(name)).unwrap();
        assert_eq!(content, format!("what {name} says"));
        assert!(
            warehouse.path(&format!("imports/later-{name}")).exists(),
            "{name}"
        );
    }
    assert_eq!(loads(&warehouse), "users.csv | loaded\n");
}

#[test]
fn r3_a_file_of_another_format_is_not_deleted() {
    left_alone(&["notes.txt", "users.xlsx", "users.csv.gz", "users"]);
}

#[test]
fn r4_a_file_for_an_unknown_table_is_not_deleted() {
    left_alone(&["customers.csv", "user.csv"]);
}

#[test]
fn r4_an_empty_file_is_kept_with_its_reason() {
    let warehouse = quick();
    let watch = warehouse.watch();
    for (name, content) in [("users-empty.csv", ""), ("users-newline.csv", "\n\n")] {
        warehouse.drop_file(name, content);
        let load = watch.next_load();
        assert_eq!(load["status"], "failed", "{name}");
        let place = warehouse.path("imports/failed").join(name);
        assert_eq!(fs::read_to_string(&place).unwrap(), content);
        let report = fs::read_to_string(format!("{}.report.txt", place.display())).unwrap();
        assert!(report.contains("was not loaded"), "{report}");
    }
    // A header alone is a delivery of nobody: loaded, and no one is retired for it.
    warehouse.drop_file("users.csv", ANN);
    assert_eq!(watch.next_load()["status"], "loaded");
    warehouse.drop_file("users.csv", HEADER);
    let load = watch.next_load();
    assert_eq!(
        (&load["status"], &load["rows"]["read"]),
        (&"loaded".into(), &0.into())
    );
    assert_eq!(load["changes"]["deactivated"], 0);
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn r5_a_second_file_of_transactions_is_loaded_too() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", USERS);
    watch.next_load();
    for (id, amount) in [(1, "1.00"), (2, "2.00"), (1, "1.50")] {
        let file =
            format!("id,email,amount,transaction_date\n{id},ann@x.org,{amount},01/01/2025\n");
        warehouse.drop_file("transactions.csv", file);
        assert_eq!(watch.next_load()["status"], "loaded");
    }
    assert_eq!(watch.stop(), 0);
    expect![[r"
        1 | 1.50
        2 | 2.00
    "]]
    .assert_eq(&warehouse.query("select id, amount from datawarehouse.transactions order by id"));
    warehouse.assert_sound();
}

#[test]
fn r6_the_third_change_makes_no_duplicates() {
    let warehouse = Warehouse::new();
    renamed(&warehouse, &["A", "B", "C", "D"]);
    assert_eq!(
        warehouse
            .query("select count(*), count(*) filter (where is_current) from datawarehouse.users")
            .trim(),
        "4 | 1"
    );
    warehouse.assert_sound();
}

#[test]
fn r7_old_versions_are_closed_in_place_from_the_first_to_the_last() {
    let warehouse = Warehouse::new();
    let closed = "
        select id, version_number, name, effective_start_date, effective_end_date
        from datawarehouse.users where not is_current order by version_number";
    let mut before = String::new();
    for name in ["A", "B", "C", "D", "E"] {
        renamed(&warehouse, &[name]);
        let now = warehouse.query(closed);
        assert!(
            now.starts_with(&before),
            "closed versions changed:\n{before}\n{now}"
        );
        before = now;
    }
    assert_eq!(before.lines().count(), 4);
    warehouse.assert_sound();
}

/// Killed while the load is in the middle of its transaction: nothing is there, then all of it.
#[test]
fn r8_a_crash_leaves_all_or_nothing() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    let before = warehouse.users();
    let watch = warehouse.watch();
    let blocker = warehouse.locked("datawarehouse.users");
    warehouse.drop_file(
        "users.csv",
        USERS.replace("Ann", "Anna").replace("Bob", "Rob"),
    );
    warehouse.wait_until_blocked();
    watch.signal("KILL");
    assert_eq!(watch.ended(), 128 + 9);
    drop(blocker);
    warehouse.wait_until(
        "select count(*) from pg_stat_activity
         where datname = current_database() and application_name = 'hayloft'",
        "0",
    );
    assert_eq!(warehouse.users(), before);
    assert_eq!(loads(&warehouse), "users.csv | loaded\n");

    let watch = warehouse.watch();
    assert_eq!(watch.next_load()["changes"]["updated"], 2);
    assert_eq!(watch.stop(), 0);
    assert_eq!(
        loads(&warehouse),
        "users.csv | loaded\nusers.csv | loaded\n"
    );
    warehouse.assert_sound();
}

#[test]
fn r9_a_change_to_or_from_null_is_seen() {
    let warehouse = Warehouse::new();
    warehouse.execute("alter table datawarehouse.users alter column date_of_birth drop not null");
    for (number, born) in ["01/02/1990", "", "01/02/1990"].into_iter().enumerate() {
        let file = format!("{HEADER}ann@x.org,Ann,{born}\nn{number}@x.org,N,\n");
        warehouse
            .load(&format!("users-{number}.csv"), file)
            .exits(0);
    }
    expect![[r"
        1 | 1990-02-01
        2 | ∅
        3 | 1990-02-01
    "]]
    .assert_eq(&warehouse.query(
        "select version_number, date_of_birth from datawarehouse.users
         where email = 'ann@x.org' order by 1",
    ));
    warehouse.assert_sound();
}

#[test]
fn r10_of_several_people_with_one_email_the_last_line_wins_and_the_others_are_kept() {
    let file = format!(
        "{HEADER}ann@x.org,First,01/01/2000\nann@x.org,Second,02/01/2000\nann@x.org,Third,03/01/2000\n"
    );
    let mut ends = Vec::new();
    for _ in 0..3 {
        let warehouse = Warehouse::new();
        warehouse.load("users.csv", &file).exits(0);
        ends.push(warehouse.users());
        expect![[r"
            2 | 4 | ann@x.org,First,01/01/2000
            3 | 4 | ann@x.org,Second,02/01/2000
        "]]
        .assert_eq(&warehouse.query(
            "select line, winner_line, original from hayloft.reject
             where kind = 'conflicting_duplicate' order by line",
        ));
        warehouse.assert_sound();
    }
    assert_eq!(ends, vec!["ann@x.org | 1 | Third | 2000-01-03 | t\n"; 3]);
}

/// The delivery that the fault was found in: the example of the reference has its like.
#[test]
fn r10_the_example_files_load_with_every_row_accounted_for() {
    let warehouse = Warehouse::new();
    let example = |name: &str| {
        let path = format!("{}/example_data/{name}", env!("CARGO_MANIFEST_DIR"));
        warehouse.run(&["load", "--format", "json", &path])
    };
    for name in [
        "inserts/users.csv",
        "inserts/transactions.csv",
        "updates/users.csv",
        "updates/transactions.csv",
    ] {
        let run = example(name);
        assert!(run.status <= 1, "{run:#?}");
        assert_eq!(run.only()["status"], "loaded");
        warehouse.assert_sound();
    }
}

#[test]
fn r11_no_start_drops_a_table() {
    let warehouse = Warehouse::new().env("dev", "true").env("DEV", "1");
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.execute("create table datawarehouse.own as select 1 as one");
    let rows = "select ctid, xmin, * from datawarehouse.users order by email";
    let before = warehouse.query(rows);
    for _ in 0..2 {
        let watch = warehouse.watch();
        assert_eq!(watch.stop(), 0);
        warehouse.run(&["migrate"]).exits(0);
    }
    assert_eq!(warehouse.query(rows), before);
    assert_eq!(
        warehouse.query("select * from datawarehouse.own").trim(),
        "1"
    );
}

#[test]
fn r12_a_key_is_a_valid_uuid_and_no_digest_of_the_bare_address() {
    let secret = "a secret of some length";
    for warehouse in [
        Warehouse::new(),
        Warehouse::new().env("HAYLOFT_KEY_SECRET", secret),
    ] {
        warehouse
            .load("users.csv", format!("{HEADER}ann@x.org,Ann,01/02/1990\n"))
            .exits(0);
        let keys = warehouse.query(
            "select user_id, md5(email)::uuid, left(encode(sha256(email::bytea), 'hex'), 32)::uuid
             from datawarehouse.users",
        );
        let keys: Vec<uuid::Uuid> = keys
            .trim()
            .split(" | ")
            .map(|key| key.parse().unwrap())
            .collect();
        assert_eq!(keys[0].get_version_num(), 8);
        assert_eq!(keys[0].get_variant(), uuid::Variant::RFC4122);
        assert_ne!(keys[0], keys[1], "MD5");
        // The version and variant bits aside, which take six bits of bytes 6 and 8.
        assert_ne!(
            keys[0].as_bytes()[..6],
            keys[2].as_bytes()[..6],
            "bare SHA-256"
        );
        // The address in another case is the same person.
        let again = warehouse
            .load("users-2.csv", format!("{HEADER}ANN@X.ORG,Ann,01/02/1990\n"))
            .exits(0);
        assert_eq!(again.only()["changes"]["unchanged"], 1);
    }
}

#[test]
fn r13_amounts_are_exact_and_no_amount_changes_by_itself() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    let amounts = [
        "0.10",
        "0.20",
        "0.30",
        "1234567890.12",
        "-0.01",
        "9999999999.99",
    ];
    let rows = |spelled: fn(&str) -> String| {
        amounts.iter().enumerate().fold(
            "id,email,amount,transaction_date\n".to_owned(),
            |file, (id, amount)| file + &format!("{id},ann@x.org,{},01/01/2025\n", spelled(amount)),
        )
    };
    warehouse
        .load("transactions.csv", rows(str::to_owned))
        .exits(0);
    let stored = warehouse.query("select amount from datawarehouse.transactions order by id");
    assert_eq!(stored.lines().collect::<Vec<_>>(), amounts);
    // The same numbers with one digit more.
    let load = warehouse
        .load("transactions-2.csv", rows(|amount| format!("{amount}0")))
        .exits(0)
        .only();
    assert_eq!(load["changes"]["updated"], 0);
    assert_eq!(load["changes"]["unchanged"], amounts.len());
    // What does not fit is refused, not rounded.
    let more = "id,email,amount,transaction_date\n7,ann@x.org,0.001,01/01/2025\n8,ann@x.org,1.00,01/01/2025\n";
    let load = warehouse.load("transactions-3.csv", more).exits(1).only();
    assert_eq!(load["rows"]["rejected"], 1);
    warehouse.assert_sound();
}

#[test]
fn r14_after_an_error_the_file_is_tried_again_and_the_ledger_knows() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    // An error that can heal: the load goes on when it has.
    let blocker = warehouse.locked("datawarehouse.users");
    warehouse.drop_file("users.csv", USERS);
    warehouse.wait_until_blocked();
    warehouse.query(
        "select pg_cancel_backend(pid) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'",
    );
    warehouse.wait_until_blocked();
    drop(blocker);
    assert_eq!(watch.next_load()["status"], "loaded");
    // An error that cannot: the file is set aside, and its end is on record.
    warehouse.drop_file("users-bad.csv", "no,header\nof,ours\n");
    assert_eq!(watch.next_load()["status"], "failed");
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports").is_empty() || warehouse.names("imports") == ["failed"]);
    assert_eq!(
        warehouse.names("imports/failed"),
        ["users-bad.csv", "users-bad.csv.report.txt"]
    );
    assert_eq!(
        loads(&warehouse),
        "users.csv | loaded\nusers-bad.csv | failed\n"
    );
    warehouse.assert_sound();
}
