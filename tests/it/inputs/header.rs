//! B22, B24–B28: headers that do not name the columns of the table.

use std::fmt::Write as _;

use super::{ANN, Case, H, Table, USERS, loaded, refused, rejecting, try_out, users};
use crate::support::Warehouse;

#[test]
fn b22_another_dialect_is_refused_with_a_hint_and_never_loaded_as_one_column() {
    let with = |delimiter: &str| format!("{H}{ANN}").replace(',', delimiter);
    try_out(
        &users(),
        &USERS,
        &[
            refused(
                "B22",
                "semicolons",
                with(";"),
                &["first line is not a header", "semicolons", "only commas"],
            ),
            refused(
                "B22",
                "tabs",
                with("\t"),
                &["first line is not a header", "tabs", "only commas"],
            ),
            refused(
                "B22",
                "bars",
                with("|"),
                &["first line is not a header", "bars", "only commas"],
            ),
            refused(
                "B22",
                "spaces",
                with(" "),
                &[
                    "first line is not a header",
                    "separated by spaces",
                    "only commas",
                ],
            ),
            refused(
                "B22",
                "sep=",
                format!("sep=,\n{H}{ANN}"),
                &["\"sep=\" line", "must be the header"],
            ),
            refused(
                "B22",
                "sep=;",
                format!("sep=;\n{}", with(";")),
                &["\"sep=\" line"],
            ),
            refused(
                "B22",
                "single quotes",
                "'email','name','date_of_birth'\n'a@b.c','x','01/02/1990'\n",
                &["quoted with '"],
            ),
            refused(
                "B22",
                "a comment above",
                format!("# of today\n{H}{ANN}"),
                &["comment"],
            ),
            rejecting(
                "B22",
                "a comment among rows",
                format!("{H}# ann\n{ANN}"),
                &["3 Ann"],
                &[(2, "", "too_few_fields", "1 field")],
            ),
        ],
    );
}

#[test]
fn b22_a_name_with_a_space_in_it_is_no_dialect_where_the_table_has_that_name() {
    const PEOPLE: Table = Table {
        name: "people",
        told_by: "\"full name\"",
    };
    let warehouse =
        Warehouse::with_contract("[tables.people]\nkind = \"fact\"\nkey = [\"full name\"]\n");
    warehouse.execute(
        "create table datawarehouse.people (
            \"full name\" text primary key, load_id bigint not null, source_line bigint not null)",
    );
    try_out(
        &warehouse,
        &PEOPLE,
        &[loaded("B22", "one column", "full name\nAnn\n", &["2 Ann"])],
    );
}

#[test]
fn b23_a_row_in_the_place_of_the_header_is_refused_without_its_values() {
    let warehouse = users();
    for row in [
        "Eve,Eve,01/02/1990",
        "Eve,,01/02/1990",
        "Eve Eve",
        "Eve;Eve",
    ] {
        let run = warehouse
            .load("users.csv", format!("{row}\n{ANN}"))
            .exits(2);
        assert!(
            run.stderr.contains("first line is not a header") && !run.stderr.contains("Eve"),
            "{run:#?}"
        );
    }
}

/// A header of these names, with one row below it.
fn header(fault: &'static str, what: &'static str, names: &str, says: &[&'static str]) -> Case {
    let fields = names.matches(',').count();
    let row = ["ann@x.org"].into_iter().chain(vec!["01/02/1990"; fields]);
    let row = row.collect::<Vec<_>>().join(",");
    refused(fault, what, format!("{names}\n{row}\n"), says)
}

#[test]
fn b24_b26_a_header_that_does_not_fit_is_refused_by_the_names_in_question() {
    let with = |name: &str| format!("{},{name}", H.trim_end());
    try_out(
        &users(),
        &USERS,
        &[
            header(
                "B24",
                "one name twice",
                &with("name"),
                &["`name`", "twice", "2 and 4"],
            ),
            header(
                "B24",
                "twins but for case",
                &with("NAME"),
                &["`NAME`", "twice", "2 and 4"],
            ),
            header(
                "B24",
                "no name in the middle",
                "email,,name,date_of_birth",
                &["Column 2", "no name"],
            ),
            header(
                "B24",
                "two without a name at the end",
                &with(","),
                &["no name"],
            ),
            header(
                "B24",
                "an unknown name",
                &with("nickname"),
                &["`nickname`", "not in table `users`"],
            ),
            header(
                "B24",
                "nearly a name",
                "email,name,date_of_birth,e-mail",
                &["`e-mail`", "did you mean `email`"],
            ),
            header(
                "B24",
                "a name is missing",
                "email,name",
                &["lacks `date_of_birth`"],
            ),
            header(
                "B24",
                "the key is missing",
                "name,date_of_birth",
                &["lacks `email`"],
            ),
            header(
                "B24",
                "two are missing",
                "email,town",
                &["`name`", "`date_of_birth`"],
            ),
            header(
                "B24",
                "zero-width space",
                "email,na\u{200b}me,date_of_birth",
                &["lacks `name`", "na\\u{200b}me"],
            ),
            header(
                "B24",
                "a mark inside",
                "email,na\u{feff}me,date_of_birth",
                &["lacks `name`", "na\\u{feff}me"],
            ),
            header(
                "B24",
                "an address for a name",
                &with("eve@x.org"),
                &["a name with an @"],
            ),
            header(
                "B26",
                "a system column",
                &with("ctid"),
                &["`ctid`", "not in table"],
            ),
            header(
                "B26",
                "keywords",
                &with("select"),
                &["`select`", "not in table"],
            ),
            header(
                "B26",
                "SQL",
                &with("\"\"\"; drop table x;--\""),
                &["not in table"],
            ),
            header(
                "B26",
                "a column that Hayloft fills",
                &with("user_id"),
                &["`user_id`", "Hayloft fills itself"],
            ),
            header(
                "B26",
                "another that Hayloft fills",
                &with("is_current"),
                &["`is_current`", "Hayloft fills itself"],
            ),
            loaded(
                "B24",
                "another order, another case, space around",
                "Date_Of_Birth, NAME ,\u{a0}email\n01/02/1990,Ann,ann@x.org\n",
                &["2 Ann"],
            ),
        ],
    );
}

/// A table whose columns have odd names.
fn odd() -> Warehouse {
    let warehouse = Warehouse::with_contract(
        "[tables.odd]\nkind = \"fact\"\nkey = [\"user\"]\nredelivery = \"always\"\n",
    );
    warehouse.execute(&format!(
        "create table datawarehouse.odd (
            \"user\" text primary key, \"select\" text, \"a\"\"b\" text, \"{LONG}\" text, \"{WIDE}\" text,
            load_id bigint not null, source_line bigint not null)"
    ));
    warehouse
}

/// As long as a name can be in Postgres: 63 bytes, which is 31 letters of two bytes.
const LONG: &str = "a23456789_123456789_123456789_123456789_123456789_123456789_123";
const WIDE: &str = "äääääääääääääääääääääääääääääää";

#[test]
fn b25_b26_a_name_is_never_cut_off_and_never_taken_for_sql() {
    const ODD: Table = Table {
        name: "odd",
        told_by: "concat_ws(' ', \"user\", \"select\", \"a\"\"b\", a23456789_123456789_123456789_123456789_123456789_123456789_123, äääääääääääääääääääääääääääääää)",
    };
    assert_eq!((LONG.len(), WIDE.len()), (63, 62));
    let file = |name: &str| format!("user,{name}\n1,2\n");
    try_out(
        &odd(),
        &ODD,
        &[
            loaded("B25", "63 bytes", file(LONG), &["2 1 2"]),
            refused(
                "B25",
                "64 bytes that begin like it",
                file(&format!("{LONG}4")),
                &["not in table"],
            ),
            refused(
                "B25",
                "70 bytes that begin like it",
                file(&format!("{LONG}4567890")),
                &["not in table"],
            ),
            refused(
                "B25",
                "two that differ after 63 bytes",
                format!("user,{LONG}4,{LONG}5\n1,2,3\n"),
                &["not in table"],
            ),
            loaded("B25", "31 letters of two bytes", file(WIDE), &["2 1 2"]),
            refused(
                "B25",
                "40 letters of two bytes",
                file(&"ä".repeat(40)),
                &["not in table"],
            ),
            loaded(
                "B26",
                "user, select and a\"b",
                "user,select,\"a\"\"b\"\n1,2,3\n",
                &["2 1 2 3"],
            ),
        ],
    );
}

#[test]
fn b26_columns_that_differ_in_case_alone_are_refused_before_any_file() {
    let warehouse = Warehouse::with_contract("[tables.twins]\nkind = \"fact\"\nkey = [\"id\"]\n");
    warehouse.execute(
        "create table datawarehouse.twins (
            id int primary key, a text, \"A\" text, load_id bigint not null, source_line bigint not null)",
    );
    let run = warehouse.load("twins.csv", "id,a\n1,x\n").exits(2);
    assert!(run.stderr.contains("in case"), "{run:#?}");
    assert_eq!(
        warehouse.query("select count(*) from datawarehouse.twins"),
        "0\n"
    );
}

#[test]
fn b27_more_columns_than_a_table_can_have_are_refused() {
    let columns = |count: usize| {
        let mut file = H.trim_end().to_owned();
        (3..count).for_each(|number| _ = write!(file, ",c{number}"));
        file + "\n" + ANN
    };
    try_out(
        &users(),
        &USERS,
        &[
            refused(
                "B27",
                "as many as may be",
                columns(1_600),
                &["`c3`", "not in table"],
            ),
            refused(
                "B27",
                "1,601",
                columns(1_601),
                &["1601 columns", "limits.columns"],
            ),
            refused(
                "B27",
                "34,804",
                columns(34_804),
                &["34804 columns", "limits.columns"],
            ),
        ],
    );
}

const WIDE_TABLE: Table = Table {
    name: "wide",
    told_by: "c0",
};

#[test]
fn b28_a_row_that_is_too_big_for_a_page_refuses_its_file() {
    let names = (0..1_590)
        .map(|number| format!("c{number}"))
        .collect::<Vec<_>>();
    let warehouse = Warehouse::with_contract("[tables.wide]\nkind = \"fact\"\nkey = [\"c0\"]\n");
    warehouse.execute(&format!(
        "create table datawarehouse.wide (
            {} text, load_id bigint not null, source_line bigint not null, primary key (c0))",
        names.join(" text, ")
    ));
    let row = |length: usize| vec!["x".repeat(length); names.len()].join(",");
    let header = names.join(",");
    try_out(
        &warehouse,
        &WIDE_TABLE,
        &[
            loaded(
                "B28",
                "1,590 × 1 character",
                format!("{header}\n{}\n", row(1)),
                &["2 x"],
            ),
            refused(
                "B28",
                "1,590 × 20 characters",
                format!("{header}\n{}\n", row(20)),
                &["row is too big"],
            ),
        ],
    );
}

#[test]
fn a_title_before_the_header_is_no_list_of_names() {
    try_out(
        &users(),
        &USERS,
        &[refused(
            "4",
            "a title",
            format!("Customers of May 2026\n{H}{ANN}"),
            &["looks like a title", "must be the header"],
        )],
    );
}
