//! Each way into a dimension, with a row that the table refuses: as if the file did not have it.

use std::fmt::Write as _;

use super::{acc, rejects, with_rejects};
use crate::support::Warehouse;

const DATED: &str = "effective = { file_name = \"%Y-%m-%d\" }";

/// How the last of some files goes: with which settings, and by which path as a plan calls it.
struct Case {
    what: &'static str,
    columns: &'static str,
    settings: &'static str,
    before: Vec<(&'static str, String)>,
    name: &'static str,
    file: String,
    path: &'static str,
}

/// Rows for these keys, each with this value.
fn rows(header: &str, keys: std::ops::Range<u32>, value: &str) -> String {
    let mut file = format!("{header}\n");
    for key in keys {
        writeln!(file, "c{key:05},{value}").unwrap();
    }
    file
}

const N: &str = "n integer constraint small check (n < 9)";
const REFOLD: &str = "key by key, with all that was said of each";

fn in_order() -> Vec<Case> {
    let many = rows("code,n", 0..3000, "1");
    let some = rows("code,n", 0..40, "1");
    vec![
        Case {
            what: "fill",
            columns: N,
            settings: "",
            before: vec![],
            name: "acc.csv",
            file: "code,n\na,1\nb,9\nc,3\n".into(),
            path: "as the first rows of the table",
        },
        Case {
            what: "look up",
            columns: N,
            settings: "",
            before: vec![("acc-0.csv", many)],
            name: "acc.csv",
            file: "code,n\nc00001,2\nc00002,9\nnew,9\nc00003,1\nother,1\n".into(),
            path: "in order, key by key",
        },
        Case {
            what: "sift",
            columns: N,
            settings: "",
            before: vec![("acc-0.csv", some.clone())],
            name: "acc.csv",
            file: some
                .replace("c00007,1", "c00007,9")
                .replace("c00008,1", "c00008,8"),
            path: "in order, compared with the whole table",
        },
        Case {
            what: "snapshot",
            columns: N,
            settings: "mode = \"snapshot\"",
            before: vec![("acc-0.csv", some.clone())],
            name: "acc.csv",
            file: some
                .replace("c00007,1", "c00007,9")
                .replace("c00008,1", "c00008,8")
                .replace("c00009,1\n", ""),
            path: "in order, compared with the whole table",
        },
        Case {
            what: "join",
            columns: "n integer constraint small check (n < 9), at point",
            settings: "",
            before: vec![("acc-0.csv", "code,n,at\na,1,\"(1,2)\"\nb,1,\n".into())],
            name: "acc.csv",
            file: "code,n,at\na,2,\"(1,2)\"\nb,9,\nc,1,\"(0,0)\"\n".into(),
            path: "in order",
        },
        Case {
            what: "overwritten",
            columns: N,
            settings: "columns.n = { role = \"type1\" }",
            before: vec![("acc-0.csv", some.clone())],
            name: "acc.csv",
            file: some
                .replace("c00007,1", "c00007,9")
                .replace("c00008,1", "c00008,8"),
            path: "in order, compared with the whole table",
        },
    ]
}

fn key_by_key() -> Vec<Case> {
    let some = rows("code,n", 0..40, "1");
    vec![
        Case {
            what: "late snapshot",
            columns: N,
            settings: "mode = \"snapshot\"\neffective = { file_name = \"%Y-%m-%d\" }",
            before: vec![
                ("acc-2026-01-01.csv", some.clone()),
                ("acc-2026-03-01.csv", some.replace(",1", ",3")),
            ],
            name: "acc-2026-02-01.csv",
            file: some
                .replace("c00007,1", "c00007,9")
                .replace("c00008,1", "c00008,8")
                .replace("c00009,1\n", ""),
            path: REFOLD,
        },
        Case {
            what: "late",
            columns: N,
            settings: DATED,
            before: vec![("acc-2026-02-01.csv", "code,n\na,1\nb,1\n".into())],
            name: "acc-2026-01-01.csv",
            file: "code,n\na,9\nb,2\nc,10\nd,1\n".into(),
            path: REFOLD,
        },
        Case {
            what: "own instants",
            columns: N,
            settings: "effective = { column = \"at\", format = \"%Y-%m-%d\" }",
            before: vec![(
                "acc-0.csv",
                "code,n,at\na,1,2026-01-01\nb,1,2026-01-01\n".into(),
            )],
            name: "acc.csv",
            file: "code,n,at\na,2,2026-01-02\na,9,2026-01-03\na,3,2026-01-04\nb,10,2025-01-01\n"
                .into(),
            path: REFOLD,
        },
        Case {
            what: "feed",
            columns: N,
            settings: "mode = \"feed\"\neffective = { column = \"at\", format = \"%Y-%m-%d\" }\n\
                       op = \"op\"",
            before: vec![(
                "acc-0.csv",
                "code,n,at,op\na,1,2026-01-01,upsert\nb,1,2026-01-01,upsert\n".into(),
            )],
            name: "acc.csv",
            file: "code,n,at,op\na,,2026-01-02,delete\na,9,2026-01-03,upsert\na,3,2026-01-04,upsert\nb,,2026-02-01,delete\n"
                .into(),
            path: REFOLD,
        },
    ]
}

/// The file without the rows whose second field is a 9 or more.
fn without_refused(file: &str) -> String {
    let is_refused = |line: &str| {
        let value = line.split(',').nth(1);
        value.is_some_and(|value| value.parse::<u32>().is_ok_and(|value| value >= 9))
    };
    let kept: Vec<&str> = file.lines().filter(|line| !is_refused(line)).collect();
    kept.join("\n") + "\n"
}

fn begun(case: &Case) -> Warehouse {
    let warehouse = acc(case.columns, case.settings);
    for (name, file) in &case.before {
        warehouse.load(name, file).exits(0);
    }
    warehouse
}

/// All versions, but for where they are from and, where that is the load's, from when on.
fn versions(warehouse: &Warehouse, settings: &str) -> String {
    let time = if settings.contains("effective") {
        "effective_start_date, effective_end_date"
    } else {
        "effective_end_date is null"
    };
    warehouse.query(&format!(
        "select code, n, version_number, dense_rank() over (order by load_id), {time} from datawarehouse.acc order by 1, 3"
    ))
}

#[test]
fn in_order_a_refused_row_is_as_if_never_there() {
    compare(in_order());
}

#[test]
fn late_a_refused_row_is_as_if_never_there() {
    compare(key_by_key());
}

fn compare(cases: Vec<Case>) {
    for case in cases {
        let (what, settings) = (case.what, case.settings);
        let warehouse = begun(&case);
        warehouse.write(case.name, &case.file);
        let plan = warehouse
            .run(&["plan", "--format", "json", case.name])
            .exits(1)
            .only();
        assert_eq!(plan["path"], case.path, "{what}");

        let load = with_rejects(warehouse.load(case.name, &case.file));

        let refused = case.file.lines().count() - without_refused(&case.file).lines().count();
        assert_eq!(load["rows"]["rejected"], refused, "{what}");
        assert_eq!(plan["rows"], load["rows"], "{what}");
        assert_eq!(plan["changes"], load["changes"], "{what}");
        let told = rejects(&warehouse);
        let is_told =
            |line: &&str| line.ends_with("check_failed | The constraint `small` refuses the row.");
        assert_eq!(
            told.lines().filter(is_told).count(),
            refused,
            "{what}: {told}"
        );
        let twin = begun(&case);
        let same = twin.load(case.name, without_refused(&case.file));
        let same = same.exits(0).only();
        if what.contains("snapshot") {
            // The refused key is not absent, while the twin's is.
            assert_eq!(same["changes"]["closed_by_absence"], 2, "{what}");
            assert_eq!(load["changes"]["closed_by_absence"], 1, "{what}");
        } else {
            assert_eq!(same["changes"], load["changes"], "{what}");
            assert_eq!(
                versions(&warehouse, settings),
                versions(&twin, settings),
                "{what}"
            );
        }
        warehouse.run(&["check"]).exits(0);
    }
}

#[test]
fn rows_that_the_merge_rejects_are_planned_with_their_lines() {
    let warehouse = acc(N, "");
    warehouse.write("acc.csv", "code,n\na,1\nb,9\nc,x\n");

    let run = warehouse.run(&["plan", "acc.csv"]).exits(1);

    let text = format!("{}{}", run.stdout, run.stderr);
    assert!(
        text.contains("line 3: check_failed") || text.contains("The constraint `small`"),
        "{text}"
    );
    assert_eq!(
        warehouse.query("select count(*) from datawarehouse.acc"),
        "0\n"
    );
}

#[test]
fn mended_rows_are_loaded_by_a_replay() {
    let warehouse = acc(N, "");
    let load = with_rejects(warehouse.load("acc.csv", "code,n\na,1\nb,9\nc,10\nd,1\n"));
    let load_id = load["load_id"].to_string();
    let export = ["rejects", "export", &load_id, "--output", "bad.csv"];
    warehouse.run(&export).exits(0);
    let bad = std::fs::read_to_string(warehouse.path("bad.csv")).unwrap();
    assert_eq!(bad, "code,n\nb,9\nc,10\n");
    warehouse.write("mended.csv", "code,n\nb,2\nc,11\n");

    let replay = [
        "rejects",
        "replay",
        &load_id,
        "mended.csv",
        "--format",
        "json",
    ];
    let replayed = with_rejects(warehouse.run(&replay));

    assert_eq!(replayed["rows"]["rejected"], 1);
    assert_eq!(super::current(&warehouse, "n"), "a | 1\nb | 2\nd | 1\n");
    let told = rejects(&warehouse);
    assert_eq!(told.matches("check_failed").count(), 3, "{told}");
}

#[test]
fn refused_rows_of_files_that_wait_together_are_rejects() {
    let warehouse = acc(N, DATED);
    for day in 1..=6 {
        let name = format!("acc-2026-01-0{day}.csv");
        let value = if day == 3 { 9 } else { day };
        warehouse.drop_file(&name, format!("code,n\na,{day}\nb,{value}\n"));
    }
    let watch = warehouse.watch();
    for _ in 1..=6 {
        assert_eq!(watch.next_load()["status"], "loaded");
    }
    assert_eq!(watch.stop(), 0);
    assert_eq!(
        warehouse.query(
            "select code, string_agg(n::text, ',' order by version_number) from datawarehouse.acc
             group by 1 order by 1"
        ),
        "a | 1,2,3,4,5,6\nb | 1,2,4,5,6\n"
    );
    assert_eq!(rejects(&warehouse).matches("check_failed").count(), 1);
}

#[test]
fn the_guards_count_refused_rows() {
    let settings = "guards = { max_reject_rows = 2 }";
    for (file, status) in [
        ("code,n\na,1\nb,9\nc,10\n", 1),
        ("code,n\na,1\nb,9\nc,10\nd,11\n", 2),
        ("code,n\na,9\n", 2),
    ] {
        let warehouse = acc(N, settings);
        let run = warehouse.load("acc.csv", file).exits(status);
        let loaded = warehouse.query("select count(*) from datawarehouse.acc");
        assert_eq!(loaded.trim() == "1", status == 1, "{run:#?}");
        if status == 2 {
            assert!(run.stderr.contains("The constraint `small`"), "{run:#?}");
        }
    }
}

#[test]
fn a_rule_that_forbids_to_close_is_the_tables_fault() {
    let warehouse = acc("n integer", "");
    warehouse.load("acc.csv", "code,n\na,1\nb,1\n").exits(0);
    warehouse.execute(
        "alter table datawarehouse.acc add constraint for_ever
         check (effective_end_date is null or n <> 1)",
    );

    let run = warehouse.load("acc-2.csv", "code,n\na,2\nc,1\n").exits(2);

    assert!(run.stderr.contains("`for_ever`"), "{run:#?}");
    assert!(run.stderr.contains("the file is not at fault"), "{run:#?}");
    assert_eq!(super::current(&warehouse, "n"), "a | 1\nb | 1\n");
}
