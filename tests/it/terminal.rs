//! What a terminal, a spreadsheet or a script reads of names and rows that somebody else wrote.

use crate::support::Warehouse;

const H: &str = "email,name,date_of_birth\n";

#[test]
fn an_error_cannot_move_the_cursor() {
    let warehouse = Warehouse::new();
    warehouse.write("a.csv", H);
    let run = warehouse.run(&["load", "--table", "x\u{1b}[2J\u{202e}y", "a.csv"]);
    assert!(run.stderr.contains("x\\u{1b}[2J\\u{202e}y"), "{run:#?}");
    assert!(!run.stderr.contains('\u{1b}'), "{run:#?}");
}

#[test]
fn json_has_no_character_that_a_terminal_obeys() {
    let warehouse = Warehouse::new();
    let row = "a@x.org,\u{9b}31m\u{202e}Ann\n";
    warehouse
        .load("users.csv", format!("{H}b@x.org,B,01/02/1990\n{row}"))
        .exits(1);
    let list = warehouse.run(&["rejects", "list", "1", "--originals", "--format", "json"]);
    let list = list.exits(0);
    assert!(list.stdout.contains("\\u009b31m\\u202eAnn"), "{list:#?}");
    assert_eq!(list.only()["original"], row.trim_end());
}

#[test]
fn an_export_for_a_spreadsheet_comes_back_as_it_was() {
    let warehouse = Warehouse::new();
    let rows = "=cmd|calc@x.org,-A,31/02/1990\n\"a@x.org\",\"=SUM(1,2)\",31/02/1990\n";
    warehouse
        .load("users.csv", format!("{H}b@x.org,B,01/02/1990\n{rows}"))
        .exits(1);
    let export = [
        "rejects",
        "export",
        "1",
        "--output",
        "safe.csv",
        "--excel-safe",
    ];
    warehouse.run(&export).exits(0);
    let safe = std::fs::read_to_string(warehouse.path("safe.csv")).unwrap();
    let expected = "'=cmd|calc@x.org,'-A,31/02/1990\n\"a@x.org\",\"'=SUM(1,2)\",31/02/1990\n";
    assert_eq!(safe, format!("{H}{expected}"));

    warehouse.write("safe.csv", safe.replace("31/02", "28/02"));
    let refused = warehouse
        .run(&["rejects", "replay", "1", "safe.csv"])
        .exits(2);
    assert!(refused.stderr.contains("line 2"), "{refused:#?}");
    assert!(refused.stderr.contains("--excel-safe"), "{refused:#?}");
    warehouse
        .run(&["rejects", "replay", "1", "safe.csv", "--excel-safe"])
        .exits(0);
    let names = "select name from datawarehouse.users order by name";
    assert_eq!(warehouse.query(names), "-A\n=SUM(1,2)\nB\n");
    assert!(warehouse.path("safe.csv").exists());
}
