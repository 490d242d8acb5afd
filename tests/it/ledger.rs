//! The words of the ledger, and that no load is in it without an end.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection as _;
use hayloft::ledger::words::{
    Absence, Action, Instants, LoadMode, ManifestKind, Presence, RejectStatus, SetAside, Word,
};
use hayloft::stage::reject::Severity;
use hayloft::summary::Status;

use crate::support::{Warehouse, Watch};

const USERS: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";

/// Asserts that the check on a column allows exactly the words of its type.
#[track_caller]
fn assert_allowed<W: Word>(warehouse: &Warehouse) {
    let (table, column) = W::COLUMN.rsplit_once('.').unwrap();
    let checks = warehouse.query(&format!(
        "select pg_get_constraintdef(oid) from pg_constraint
         where conrelid = '{table}'::regclass and contype = 'c'
           and conkey @> array[(
               select attnum from pg_attribute
               where attrelid = '{table}'::regclass and attname = '{column}'
           )]
         order by cardinality(conkey) limit 1"
    ));
    let allowed: BTreeSet<&str> = match checks.split_once("ARRAY[") {
        Some((_, list)) => quoted(list.split_once(']').unwrap().0).collect(),
        None => quoted(&checks).collect(),
    };
    let known: BTreeSet<&str> = W::ALL.iter().map(|value| value.word()).collect();
    assert_eq!(allowed, known, "{}: {checks}", W::COLUMN);
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('\'').skip(1).step_by(2)
}

#[test]
fn each_column_allows_the_words_that_are_read() {
    let warehouse = Warehouse::new();
    assert_allowed::<Status>(&warehouse);
    assert_allowed::<Action>(&warehouse);
    assert_allowed::<LoadMode>(&warehouse);
    assert_allowed::<Absence>(&warehouse);
    assert_allowed::<Instants>(&warehouse);
    assert_allowed::<SetAside>(&warehouse);
    assert_allowed::<Presence>(&warehouse);
    assert_allowed::<ManifestKind>(&warehouse);
    assert_allowed::<RejectStatus>(&warehouse);
    assert_allowed::<Severity>(&warehouse);
}

/// Loads a file, and puts it back among the claimed ones, as if a crash had come before its removal.
fn loaded_and_not_removed(warehouse: &Warehouse) -> String {
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", USERS);
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    let claim = warehouse.query("select claim_id from hayloft.load where load_id = 1");
    let claimed = format!("imports/.claimed/{}~users.csv", claim.trim());
    warehouse.write(&claimed, USERS);
    claimed
}

#[test]
fn a_file_whose_load_was_undone_is_removed() {
    let warehouse = Warehouse::new();
    let claimed = loaded_and_not_removed(&warehouse);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);

    let watch = warehouse.watch();
    assert_eq!(watch.next_load()["status"], "undone");
    assert_eq!(watch.stop(), 0);

    assert!(!warehouse.path(&claimed).exists());
    assert!(!warehouse.path("imports/failed").exists());
    assert_eq!(warehouse.query("select count(*) from hayloft.load"), "2\n");
    assert_eq!(warehouse.users(), "");
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    warehouse.assert_sound();
}

/// Starts the watch, and waits until it has said this of a claimed file that stays where it is.
#[track_caller]
fn assert_left_alone(warehouse: &Warehouse, claimed: &str, text: &str) {
    let watch: Watch = warehouse.start_watch();
    watch.wait_for(text);
    watch.stop();
    assert_eq!(
        std::fs::read_to_string(warehouse.path(claimed)).unwrap(),
        USERS
    );
    assert!(!warehouse.path("imports/failed").exists());
}

#[test]
fn a_word_of_a_newer_hayloft_stops_the_table() {
    let warehouse = Warehouse::new();
    let claimed = loaded_and_not_removed(&warehouse);
    warehouse.execute(
        "alter table hayloft.load drop constraint load_status_check;
         update hayloft.load set status = 'superseded'",
    );
    let sentence = "`hayloft.load.status` of the ledger is \"superseded\" in some row";
    assert_left_alone(&warehouse, &claimed, sentence);
    for arguments in [
        &["status"][..],
        &["undo", "1", "--yes"],
        &["why", "users", "ann@x.org", "--all"],
        &["rejects", "list", "1"],
    ] {
        let run = warehouse.run(arguments);
        assert_ne!(run.status, 0, "{run:#?}");
        assert!(run.stderr.contains(sentence), "{run:#?}");
        assert!(run.stderr.contains("newer Hayloft"), "{run:#?}");
    }
}

#[test]
fn a_load_without_an_end_cannot_be_committed() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    let open = "insert into hayloft.load
                    (claim_id, table_name, file_name, file_bytes, file_sha256, status)
                values (gen_random_uuid(), 'users', 'users.csv', 1, '', 'loading')";
    let mut conn = warehouse.connection();
    let error = conn.batch_execute(open).unwrap_err().to_string();
    assert!(error.contains("load 2 has no end"), "{error}");
    let error = conn
        .batch_execute("update hayloft.load set status = 'loading'")
        .unwrap_err()
        .to_string();
    assert!(error.contains("load 1 has no end"), "{error}");
    conn.batch_execute(&format!(
        "begin; {open}; update hayloft.load set status = 'skipped' where status = 'loading'; commit"
    ))
    .unwrap();
}

#[test]
fn a_load_without_an_end_is_no_receipt() {
    let warehouse = Warehouse::new();
    let claimed = loaded_and_not_removed(&warehouse);
    warehouse.execute(
        "alter table hayloft.load disable trigger load_has_an_end;
         update hayloft.load set status = 'loading'",
    );
    assert_left_alone(&warehouse, &claimed, "Load 1 in the ledger has no end");
    let run = warehouse.run(&["undo", "1", "--yes"]).exits(2);
    assert!(run.stderr.contains("has no end"), "{run:#?}");
}
