//! Values of all types through history: late rows, undo and redo give back what was said, to the
//! last character.

use std::fmt::Write as _;

use crate::support::Warehouse;

const TOML: &str = r#"
[tables.items]
key         = ["code"]
durable_key = "item_id"
effective   = { column = "since" }
"#;

/// The columns, each with two values as Postgres writes them.
const COLUMNS: [(&str, &str, &str, &str); 24] = [
    ("hundreds", "numeric(5,-2)", "12300", "-400"),
    ("cents", "numeric(2,4)", "0.0012", "0.0034"),
    (
        "moment",
        "timestamp(0)",
        "2024-01-01 10:00:00",
        "2024-01-01 10:00:01",
    ),
    ("clock", "time(3)", "10:00:00.125", "24:00:00"),
    ("zoned", "timetz", "10:00:00+02", "10:00:00+03"),
    ("span", "interval(0)", "1 mon", "30 days"),
    ("days", "interval day", "1 day", "2 days"),
    ("flags", "bit(3)", "101", "010"),
    ("padded", "char(4)", "ab", "ab c"),
    ("pads", "char(3)[]", "{\"a  \"}", "{\"b  \"}"),
    ("amounts", "numeric(6,2)[]", "{1.50,NULL}", "{1.50}"),
    (
        "words",
        "text[]",
        "{a,\"b c\",NULL,\"NULL\"}",
        "{\"a\\\"b\\\\c\"}",
    ),
    ("nums", "numrange", "[1.5,2)", "[1.5,2]"),
    ("multi", "int4multirange", "{[1,3),[5,8)}", "{}"),
    ("pair", "datawarehouse.pair", "(1.50,\"a,b\")", "(,)"),
    ("nick", "public.citext", "Ann", "ANN"),
    (
        "caseless",
        "text collate datawarehouse.caseless",
        "Ann",
        "ANN",
    ),
    (
        "store",
        "public.hstore",
        "\"a\"=>\"1\", \"b\"=>NULL",
        "\"A\"=>\"1\"",
    ),
    ("cash", "money", "$1,234.50", "-$0.01"),
    ("spot", "point", "(0.1,0.30000000000000004)", "(0.1,0.3)"),
    ("markup", "json[]", "{\"{\\\"a\\\": 1}\"}", "{1}"),
    ("raw", "bytea", "\\x00ff", "\\x"),
    ("host", "inet", "10.0.0.1/8", "10.0.0.1/32"),
    ("tag", "datawarehouse.tag", "x", "y"),
];

fn items() -> Warehouse {
    let warehouse = Warehouse::with_contract(TOML);
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|(name, sql_type, _, _)| format!("{name} {sql_type}"))
        .collect();
    warehouse.execute(&format!(
        "create extension citext schema public;
         create extension hstore schema public;
         create type datawarehouse.pair as (amount numeric(6,2), code varchar(3));
         create domain datawarehouse.tag as \"char\" check (value <> 'z');
         create collation datawarehouse.caseless (
            provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         create table datawarehouse.items (
            item_id uuid not null, code text not null, {},
            effective_start_date timestamptz not null, effective_end_date timestamptz,
            version_number int not null, load_id bigint not null, source_line bigint not null,
            primary key (item_id, effective_start_date));
         create unique index on datawarehouse.items (item_id) where effective_end_date is null",
        columns.join(", ")
    ));
    warehouse
}

/// A file with a row for each day, with the first or the second value of each column.
fn file(rows: &[(&str, usize)]) -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.0).collect();
    let mut file = format!("code,since,{}\n", names.join(","));
    for (day, which) in rows {
        let values = COLUMNS.iter().map(|column| {
            let value = if *which == 0 { column.2 } else { column.3 };
            let plain = value.replace('$', "");
            let plain = if value == plain {
                plain
            } else {
                plain.replace(',', "")
            };
            format!("\"{}\"", plain.replace('"', "\"\""))
        });
        let values: Vec<String> = values.collect();
        let _ = writeln!(file, "A,{day},{}", values.join(","));
    }
    file
}

/// The versions, each with the days between which it holds and which of the values it has.
fn versions(warehouse: &Warehouse) -> String {
    let shown: Vec<String> = COLUMNS
        .iter()
        .map(|(name, _, first, second)| {
            let text = |value: &str| format!("'{}'", value.replace('\'', "''"));
            format!(
                "case {name}::text collate \"C\" when {} then '1' when {} then '2' else '{name}' end",
                text(first),
                text(second)
            )
        })
        .collect();
    warehouse.query(&format!(
        "select effective_start_date::date, effective_end_date::date, concat({})
         from datawarehouse.items order by effective_start_date",
        shown.join(", ")
    ))
}

#[test]
fn values_of_all_types_survive_history() {
    let warehouse = items();
    let (ones, twos) = ("1".repeat(COLUMNS.len()), "2".repeat(COLUMNS.len()));
    warehouse
        .load("items-1.csv", file(&[("2024-01-01", 0), ("2024-03-01", 1)]))
        .exits(0);
    let first = format!("2024-01-01 | 2024-03-01 | {ones}\n2024-03-01 | ∅ | {twos}\n");
    assert_eq!(versions(&warehouse), first);
    // The same again changes nothing, in any of the types.
    let again = warehouse
        .load("items-2.csv", file(&[("2024-02-01", 0), ("2024-04-01", 1)]))
        .exits(0)
        .only();
    assert_eq!(again["changes"]["updated"], 0, "{again:#}");
    assert_eq!(versions(&warehouse), first);
    // A late row between; and a row for an instant that is known, which corrects it.
    warehouse
        .load("items-3.csv", file(&[("2024-01-15", 1), ("2024-03-01", 0)]))
        .exits(0);
    assert_eq!(
        versions(&warehouse),
        format!(
            "2024-01-01 | 2024-01-15 | {ones}\n2024-01-15 | 2024-02-01 | {twos}\n\
             2024-02-01 | 2024-04-01 | {ones}\n2024-04-01 | ∅ | {twos}\n"
        )
    );
    let corrected = versions(&warehouse);
    warehouse.assert_sound();
    for (command, expected) in [("undo", &first), ("redo", &corrected), ("undo", &first)] {
        warehouse.run(&[command, "3", "--yes"]).exits(0);
        assert_eq!(versions(&warehouse), *expected, "{command}");
        warehouse.assert_sound();
    }
}

#[test]
fn a_change_of_case_alone_is_a_change() {
    let toml = "[tables.items]\nkey = [\"code\"]\ndurable_key = \"item_id\"\n";
    let warehouse = items();
    warehouse.write("hayloft.toml", toml);
    for (name, updated) in [("Ann", 0), ("Ann", 0), ("ANN", 1)] {
        let file = format!("code,nick,caseless\nA,{name},{name}\n");
        let told = warehouse.load("items.csv", file).only();
        if told["status"] == "loaded" {
            assert_eq!(told["changes"]["updated"], updated, "{name} {told:#}");
        }
    }
    let shown = "select nick, caseless from datawarehouse.items_current";
    assert_eq!(warehouse.query(shown), "ANN | ANN\n");
}
