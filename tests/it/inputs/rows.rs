//! B19–B21, B23: rows that are not like the header.

use std::fs;

use super::{ANN, BOB, H, Table, USERS, loaded, refused, rejecting, try_out, users};
use crate::support::Warehouse;

#[test]
fn b19_b20_a_row_of_another_length_is_told_with_both_counts() {
    let row = |row: &str| format!("{H}{ANN}{row}\n{BOB}");
    let both: &[_] = &["2 Ann", "4 Bob"];
    try_out(
        &users(),
        &USERS,
        &[
            rejecting(
                "B19",
                "one short",
                row("a@b.c,x"),
                both,
                &[(3, "", "too_few_fields", "2 fields, and the header has 3")],
            ),
            rejecting(
                "B19",
                "one long",
                row("a@b.c,x,01/02/1990,y"),
                both,
                &[(3, "", "too_many_fields", "4 fields, and the header has 3")],
            ),
            rejecting(
                "B19",
                "a comma at the end of data alone",
                row("a@b.c,x,01/02/1990,"),
                both,
                &[(3, "", "too_many_fields", "4 fields, and the header has 3")],
            ),
            loaded(
                "B19",
                "a comma at the end of header and data",
                "email,name,date_of_birth,\nann@x.org,Ann,01/02/1990,\n",
                &["2 Ann"],
            ),
            rejecting(
                "B19",
                "a value below the comma at the end of the header",
                "email,name,date_of_birth,\nann@x.org,Ann,01/02/1990,\na@b.c,x,01/02/1990,y\n",
                &["2 Ann"],
                &[(3, "", "too_many_fields", "the header names no column")],
            ),
            rejecting(
                "B20",
                "16,383 empty columns behind a row",
                row(&format!("a@b.c,x,01/02/1990{}", ",".repeat(16_383))),
                both,
                &[(
                    3,
                    "",
                    "too_many_fields",
                    "16386 fields, and the header has 3",
                )],
            ),
            refused(
                "B20",
                "16,383 empty columns behind everything",
                format!("{H}{ANN}").replace('\n', &(",".repeat(16_383) + "\n")),
                &["header", "limits.columns"],
            ),
        ],
    );
}

#[test]
fn b21_a_blank_line_among_rows_is_counted_and_told() {
    try_out(
        &users(),
        &USERS,
        &[
            rejecting(
                "B21",
                "two in the middle",
                format!("{H}{ANN}\n\n{BOB}"),
                &["2 Ann", "5 Bob"],
                &[
                    (3, "", "blank_line", "blank"),
                    (4, "", "blank_line", "blank"),
                ],
            ),
            rejecting(
                "B21",
                "right below the header, in CRLF",
                format!("{H}\n{ANN}").replace('\n', "\r\n"),
                &["3 Ann"],
                &[(2, "", "blank_line", "blank")],
            ),
            rejecting(
                "B21",
                "spaces",
                format!("{H}{ANN}   \n{BOB}"),
                &["2 Ann", "4 Bob"],
                &[(3, "", "too_few_fields", "1 field")],
            ),
            rejecting(
                "B21",
                "commas alone",
                format!("{H}{ANN},,\n"),
                &["2 Ann"],
                &[
                    (3, "email", "null_key", "part of the key"),
                    (3, "date_of_birth", "not_null", "must have one"),
                ],
            ),
        ],
    );
}

/// A table of which a file has one column.
fn tags() -> Warehouse {
    let warehouse = Warehouse::with_contract("[tables.tags]\nkind = \"fact\"\nkey = [\"tag\"]\n");
    warehouse.execute(
        "create table datawarehouse.tags (
            tag text primary key, load_id bigint not null, source_line bigint not null)",
    );
    warehouse
}

#[test]
fn b21_b29_in_a_file_of_one_column_a_blank_line_is_an_empty_value() {
    const TAGS: Table = Table {
        name: "tags",
        told_by: "tag",
    };
    try_out(
        &tags(),
        &TAGS,
        &[
            rejecting(
                "B21",
                "in the middle",
                "tag\nred\n\nblue\n",
                &["2 red", "4 blue"],
                &[(3, "tag", "null_key", "part of the key")],
            ),
            rejecting(
                "B21",
                "spaces",
                "tag\nred\n  \nblue\n",
                &["2 red", "4 blue"],
                &[(3, "tag", "null_key", "part of the key")],
            ),
            loaded("B21", "at the end", "tag\nred\n\n\n", &["2 red"]),
            loaded(
                "B29",
                "the end of COPY's data",
                "tag\nred\n\\.\nblue\n",
                &["2 red", "3 \\.", "4 blue"],
            ),
            loaded(
                "B30",
                "NULL of COPY",
                "tag\n\\N\nblue\n",
                &["2 \\N", "3 blue"],
            ),
        ],
    );
}

#[test]
fn b23_what_spreadsheets_add_is_told_at_its_line() {
    try_out(
        &users(),
        &USERS,
        &[
            refused(
                "B23",
                "a title, a blank line, the header",
                format!("Customers of November\n\n{H}{ANN}"),
                &["first line is not a header"],
            ),
            refused(
                "B23",
                "a title with as many commas",
                format!("Customers,,\n{H}{ANN}"),
                &["header"],
            ),
            rejecting(
                "B23",
                "a total at the foot",
                format!("{H}{ANN}{BOB}Total,2\nTotal,2,\n"),
                &["2 Ann", "3 Bob"],
                &[
                    (4, "", "too_few_fields", "2 fields"),
                    (5, "email", "bad_type", "e-mail"),
                    (5, "date_of_birth", "not_null", "must have one"),
                ],
            ),
            rejecting(
                "B23",
                "a second table",
                format!("{H}{ANN}{BOB}\nid,amount\n1,2.50\n"),
                &["2 Ann", "3 Bob"],
                &[
                    (4, "", "blank_line", "blank"),
                    (5, "", "too_few_fields", "2 fields"),
                    (6, "", "too_few_fields", "2 fields"),
                ],
            ),
            rejecting(
                "B23",
                "the header twice",
                format!("{H}{H}{ANN}"),
                &["3 Ann"],
                &[(2, "", "repeated_header", "header again")],
            ),
            refused(
                "B23",
                "no header at all",
                ANN,
                &["first line is not a header", "`email`", "`date_of_birth`"],
            ),
        ],
    );
}

#[test]
fn a_refused_file_is_set_aside_whole_with_a_report_of_each_line_and_no_value() {
    let warehouse = users();
    let watch = warehouse.watch();
    let file = format!("{H}eve@x.org,Eve Secretly,32/13/1990\nmallory,Mallory,01/02/1990\n\nx\n");
    warehouse.drop_file("users.csv", &file);
    let load = watch.next_load();
    assert_eq!(
        (&load["status"], &load["rows"]["rejected"]),
        (&"failed".into(), &4.into())
    );
    let said = watch.wait_for("was not loaded") + &watch.wait_for("with a report beside it");
    assert_eq!(watch.stop(), 0);
    assert_eq!(
        fs::read_to_string(warehouse.path("imports/failed/users.csv")).unwrap(),
        file
    );
    let names = warehouse.names("imports/failed");
    let report = names.iter().find(|name| *name != "users.csv").unwrap();
    let report = fs::read_to_string(warehouse.path("imports/failed").join(report)).unwrap();
    for line in [
        "Every row was rejected: 4 of 4.",
        "line 2, column 3: `date_of_birth` is ",
        "line 3, column 1: `email` is ",
        "line 4: The line is blank, and rows follow it. Remove it.  [blank_line]",
        "line 5: The row has 1 field, and the header has 3.  [too_few_fields]",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    for value in ["eve", "Secretly", "32/13", "mallory", "Mallory"] {
        assert!(
            !report.contains(value) && !said.contains(value),
            "{value}\n{report}"
        );
    }
    assert_eq!(warehouse.users(), "");
}

#[test]
fn a_comma_at_the_end_of_each_row_is_told_as_that() {
    let row = "a@b.c,x,01/02/1990,";
    try_out(
        &users(),
        &USERS,
        &[rejecting(
            "4",
            "a comma at the end",
            format!("{H}{ANN}{row}\n"),
            &["2 Ann"],
            &[(3, "", "too_many_fields", "it ends in a comma")],
        )],
    );
}
