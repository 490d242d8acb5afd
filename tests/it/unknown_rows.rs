//! Loads in order that would build on versions that no load brought: each way into a dimension sees them.

use std::fmt::Write as _;
use std::ops::Range;

use crate::support::{Run, Warehouse};

const ACC: &str = "[tables.acc]\nkey = [\"code\"]\ndurable_key = \"acc_id\"\n";

/// A dimension `acc` with these columns beside its key, and these settings.
fn acc(columns: &str, settings: &str) -> Warehouse {
    let warehouse = Warehouse::with_contract(&format!("{ACC}{settings}\n"));
    warehouse.execute(&format!(
        "create table datawarehouse.acc (
             acc_id uuid not null, code text not null, {columns},
             effective_start_date timestamptz not null, effective_end_date timestamptz,
             version_number integer not null, load_id bigint not null, source_line bigint not null,
             primary key (acc_id, effective_start_date));
         create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null",
    ));
    warehouse
}

/// Rows for these keys, each with this value.
fn rows(keys: Range<u32>, value: &str) -> String {
    keys.fold("code,n\n".to_owned(), |mut file, key| {
        writeln!(file, "c{key:05},{value}").unwrap();
        file
    })
}

/// Makes the current version of a key one that a person wrote.
fn write_by_hand(warehouse: &Warehouse, code: &str) {
    warehouse.execute(&format!(
        "update datawarehouse.acc set load_id = 0, source_line = 0
         where code = {code} and effective_end_date is null"
    ));
}

/// A code, as SQL.
const THIRD: &str = "'c00003'";
/// Rows go in the order of their keys: the first of them without the other session.
const LAST_OF_MANY: &str = "(select code from datawarehouse.acc where code < 'c00700'
     order by acc_id desc limit 1)";

fn table(warehouse: &Warehouse) -> String {
    warehouse.query("select * from datawarehouse.acc order by code, version_number")
}

#[track_caller]
fn assert_refused(run: Run) {
    let run = run.exits(2);
    let sentence = "`acc` has rows that no load brought";
    assert!(run.stderr.contains(sentence), "{run:#?}");
    assert!(run.stderr.contains("`hayloft takeover acc`"), "{run:#?}");
}

/// A file that goes a way, as a plan calls it, and closes or goes on from a version that a person wrote.
struct Case {
    what: &'static str,
    by_hand: &'static str,
    columns: &'static str,
    settings: &'static str,
    before: String,
    file: String,
    path: &'static str,
}

impl Case {
    fn new(what: &'static str, before: String, file: String, path: &'static str) -> Self {
        Self {
            what,
            by_hand: THIRD,
            columns: "n integer, m integer",
            settings: "",
            before,
            file,
            path,
        }
    }
}

const SIFT: &str = "in order, compared with the whole table";
const SNAPSHOT: &str = "mode = \"snapshot\"\n[tables.acc.guards]\nmax_close_fraction = 1.0\n";

fn cases() -> Vec<Case> {
    let (large, few) = (rows(0..16_000, "1"), "code,n\nc00003,2\nnew,1\n".to_owned());
    vec![
        Case::new("look up", large.clone(), few, "in order, key by key"),
        Case {
            by_hand: LAST_OF_MANY,
            // All columns, so that the other session can look them up.
            ..Case::new(
                "look up by two sessions",
                large,
                rows(0..700, "2,").replace("code,n\n", "code,n,m\n"),
                "in order, key by key",
            )
        },
        Case::new(
            "sift",
            rows(0..40, "1"),
            rows(0..40, "1").replace("c00003,1", "c00003,2"),
            SIFT,
        ),
        Case::new(
            "sift by two sessions",
            rows(0..3000, "1"),
            rows(0..3000, "2"),
            SIFT,
        ),
        Case {
            settings: SNAPSHOT,
            ..Case::new(
                "snapshot",
                rows(0..40, "1"),
                rows(0..40, "1").replace("c00003,1\n", ""),
                SIFT,
            )
        },
        Case {
            columns: "n integer, at point",
            ..Case::new(
                "join",
                rows(0..40, "1"),
                "code,n,at\nc00003,2,\"(1,2)\"\n".into(),
                "in order",
            )
        },
        Case {
            settings: "columns.m = { role = \"type1\" }",
            ..Case::new(
                "sift, with a column that keeps no history",
                rows(0..40, "1"),
                rows(0..40, "1").replace("c00003,1", "c00003,2"),
                SIFT,
            )
        },
    ]
}

#[test]
fn each_way_refuses_to_close_unknown_versions() {
    for case in cases() {
        let what = case.what;
        let warehouse = acc(case.columns, case.settings);
        warehouse.load("acc-0.csv", &case.before).exits(0);
        warehouse.write("acc.csv", &case.file);
        let plan = warehouse.run(&["plan", "acc.csv", "--format", "json"]);
        assert_eq!(plan.exits(0).only()["path"], case.path, "{what}");
        write_by_hand(&warehouse, case.by_hand);
        let before = table(&warehouse);

        assert_refused(warehouse.run(&["plan", "acc.csv"]));
        assert_refused(warehouse.load("acc.csv", &case.file));

        assert!(table(&warehouse) == before, "{what}");
        warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
        warehouse.load("acc.csv", &case.file).exits(0);
        warehouse.assert_sound();
    }
}

#[test]
fn unknown_versions_that_stay_are_no_obstacle() {
    let warehouse = acc("n integer", "");
    warehouse.load("acc-0.csv", rows(0..40, "1")).exits(0);
    write_by_hand(&warehouse, THIRD);
    let file = rows(0..41, "1").replace("c00005,1", "c00005,2");
    let loaded = warehouse.load("acc.csv", file).exits(0).only();
    assert_eq!(loaded["changes"]["unchanged"], 39);
    assert_eq!(loaded["changes"]["updated"], 1);
    assert_eq!(loaded["changes"]["inserted"], 1);
}

#[test]
fn a_key_reopened_after_unknown_versions_is_refused() {
    let warehouse = acc("n integer", SNAPSHOT);
    warehouse.load("acc-0.csv", rows(0..4, "1")).exits(0);
    warehouse.load("acc-1.csv", rows(0..3, "1")).exits(0);
    warehouse.execute("update datawarehouse.acc set load_id = 0 where code = 'c00003'");
    assert_refused(warehouse.load("acc-2.csv", rows(0..4, "2")));
}

#[test]
fn a_version_of_an_undone_load_is_unknown() {
    let warehouse = acc("n integer", "");
    warehouse.load("acc-0.csv", rows(0..2, "1")).exits(0);
    warehouse.load("acc-1.csv", rows(0..3, "1")).exits(0);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.execute("update datawarehouse.acc set load_id = 2 where code = 'c00000'");
    assert_refused(warehouse.load("acc-2.csv", rows(0..2, "2")));
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    warehouse.load("acc-2.csv", rows(0..2, "2")).exits(0);
    warehouse.assert_sound();
}

#[test]
fn a_version_of_another_tables_load_is_unknown() {
    let warehouse = acc("n integer", "");
    warehouse.load("acc-0.csv", rows(0..2, "1")).exits(0);
    warehouse.execute(
        "insert into hayloft.load
             (claim_id, table_name, file_name, file_bytes, file_sha256, status, effective_at)
         values (gen_random_uuid(), 'acc#1', 'acc.csv', 1, '', 'loaded', now())",
    );
    warehouse.execute("update datawarehouse.acc set load_id = 2 where code = 'c00000'");
    assert_refused(warehouse.load("acc-2.csv", rows(0..2, "2")));
}

#[test]
fn versions_of_baselines_and_takeovers_are_known() {
    let warehouse = acc("n integer", "effective = { file_name = \"%Y-%m-%d\" }");
    let load = |day: &str, file: &str| {
        warehouse
            .load(&format!("acc-2026-01-{day}.csv"), file)
            .exits(0);
    };
    load("01", "code,n\na,1\n");
    load("02", "code,n\na,2\n");
    warehouse.execute(
        "alter table datawarehouse.acc add column s text;
         update datawarehouse.acc set s = 'v' || version_number",
    );
    warehouse.run(&["migrate"]).exits(0);
    // What the second version said is gone; that its column changed then is the baseline's word.
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    load("03", "code,n\na,3\n");
    write_by_hand(&warehouse, "'a'");
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    load("04", "code,n\na,4\n");
    warehouse.assert_sound();
}

#[test]
fn files_that_wait_together_build_on_each_other() {
    let quick = "[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";
    let warehouse = acc("n integer", quick);
    for number in 1..9 {
        warehouse.drop_file(
            &format!("acc-{number}.csv"),
            rows(0..3, &number.to_string()),
        );
    }
    let watch = warehouse.watch();
    for _ in 1..9 {
        assert_eq!(watch.next_load()["status"], "loaded");
    }
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}
