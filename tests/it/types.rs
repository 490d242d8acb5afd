//! Types of columns, whichever Postgres has: a value is stored as it was meant, or it is a reject
//! with line and column.

#![allow(clippy::too_many_lines, reason = "tables of samples are long")]

mod chance;
mod domains;
mod history;

use std::fmt::Write as _;

use crate::support::Warehouse;

/// A field, and what becomes of it.
type Sample = (&'static str, Fate);

enum Fate {
    /// Stored; the value as Postgres writes it.
    Is(&'static str),
    /// A reject of this kind, with this part of its sentence.
    Bad(&'static str, &'static str),
}

use Fate::{Bad, Is};

const THINGS: &str = r#"
[tables.things]
kind = "fact"
key  = ["label"]

[tables.things.guards]
max_reject_fraction = 1.0
"#;

/// Makes a table with one column of a type beside its key.
fn make_things(warehouse: &Warehouse, sql_type: &str) {
    warehouse.execute(&format!(
        "drop table if exists datawarehouse.things;
         create table datawarehouse.things (
            label text primary key, value {sql_type},
            load_id bigint not null, source_line bigint not null)"
    ));
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

/// Loads fields as values of a type, a row each, and gives what became of each.
fn load_values(warehouse: &Warehouse, sql_type: &str, fields: &[&str]) -> Vec<String> {
    make_things(warehouse, sql_type);
    let mut file = "label,value\n".to_owned();
    for (number, field) in fields.iter().enumerate() {
        // No field has a line break, so that the rows have the lines.
        let _ = writeln!(file, "{number},{}", quoted(field));
    }
    // So that a file of bad values is not refused for having no good one.
    file += "end,\n";
    let run = warehouse.load("things.csv", &file);
    let told = run.only();
    assert_eq!(told["status"], "loaded", "{sql_type}\n{run:#?}");
    let load_id = &told["load_id"];
    let found = warehouse.query(&format!(
        "select coalesce(
            (select 'is ' || coalesce(value::text, 'null') from datawarehouse.things where source_line = line),
            (select 'bad ' || kind || ': ' || message from hayloft.reject
             where load_id = {load_id} and reject.line = place.line
                and (column_number, column_name) = (2, 'value')),
            'nowhere')
         from generate_series(2, {}) as place (line) order by line",
        fields.len() + 1
    ));
    let found: Vec<String> = found.lines().map(str::to_owned).collect();
    assert_eq!(found.len(), fields.len(), "{sql_type}\n{found:#?}");
    found
}

#[track_caller]
fn try_type(warehouse: &Warehouse, sql_type: &str, samples: &[Sample]) {
    let fields: Vec<&str> = samples.iter().map(|(field, _)| *field).collect();
    let mut surprises = String::new();
    for (found, (field, fate)) in load_values(warehouse, sql_type, &fields)
        .iter()
        .zip(samples)
    {
        let is_right = match fate {
            Is(value) => *found == format!("is {value}"),
            Bad(kind, says) => found
                .strip_prefix(&format!("bad {kind}: "))
                .is_some_and(|message| message.contains(says)),
        };
        if !is_right {
            let _ = writeln!(surprises, "{sql_type} {field:?}: {found}");
        }
    }
    assert!(surprises.is_empty(), "\n{surprises}");
}

fn things() -> Warehouse {
    Warehouse::with_contract(THINGS)
}

#[test]
fn a_modifier_never_changes_a_value() {
    let warehouse = things();
    let keeps = "neither rounds nor cuts off";
    for (sql_type, samples) in [
        (
            "numeric(5,-2)",
            &[
                ("12300", Is("12300")),
                ("-0", Is("0")),
                ("9999900", Is("9999900")),
                ("12345", Bad("overflow", "zeros in the last 2 places")),
                ("10000000", Bad("overflow", "too large for numeric(5,-2)")),
                ("1.5", Bad("overflow", "does not round")),
            ][..],
        ),
        (
            "numeric(2,4)",
            &[
                ("0.0099", Is("0.0099")),
                ("0.01", Bad("overflow", "too large")),
                ("0.00001", Bad("overflow", "more than 4 digits")),
            ],
        ),
        (
            "timestamp(0)",
            &[
                ("2024-01-01 10:00:00.000", Is("2024-01-01 10:00:00")),
                (
                    "2024-01-01 10:00:00.5",
                    Bad("overflow", "fraction of a second"),
                ),
            ],
        ),
        (
            "timestamptz(3)",
            &[
                ("2024-01-01 10:00:00.120Z", Is("2024-01-01 10:00:00.12+00")),
                (
                    "2024-01-01 10:00:00.1234Z",
                    Bad("overflow", "more than 3 digits"),
                ),
            ],
        ),
        (
            "time(1)",
            &[
                ("10:00:00.50", Is("10:00:00.5")),
                ("10:00:00.55", Bad("overflow", "more than 1 digit")),
                ("now", Bad("bad_type", "is not a time")),
                ("2024-01-01 10:00", Bad("bad_type", "is not a time")),
            ],
        ),
        (
            "timetz",
            &[
                ("10:00+02", Is("10:00:00+02")),
                ("10:00", Bad("bad_type", "an offset from UTC")),
            ],
        ),
        (
            "interval(0)",
            &[
                ("1 day 00:00:01", Is("1 day 00:00:01")),
                ("1.5 seconds", Bad("overflow", keeps)),
                ("soon", Bad("bad_type", "not a value of type interval(0)")),
            ],
        ),
        (
            "interval day to hour",
            &[
                ("1 day 2 hours", Is("1 day 02:00:00")),
                ("1 day 2 hours 3 minutes", Bad("overflow", keeps)),
                ("30 days", Is("30 days")),
            ],
        ),
        (
            "bit(3)",
            &[
                ("101", Is("101")),
                ("1010", Bad("overflow", keeps)),
                ("1", Bad("overflow", keeps)),
                ("102", Bad("bad_type", "bit(3)")),
            ],
        ),
        (
            "varbit(3)",
            &[("1", Is("1")), ("1010", Bad("overflow", keeps))],
        ),
        (
            "char(3)",
            &[
                ("ab", Is("ab")),
                ("abcd", Bad("overflow", "more than 3 characters")),
            ],
        ),
    ] {
        try_type(&warehouse, sql_type, samples);
    }
}

#[test]
fn the_parts_of_a_value_are_never_changed() {
    let warehouse = things();
    warehouse.execute(
        "create type datawarehouse.colour as enum ('red', 'dark blue');
         create type datawarehouse.pair as (amount numeric(6,2), code varchar(3));
         create domain datawarehouse.price as numeric(6,2) check (value > 0);
         create type datawarehouse.prices as range (subtype = datawarehouse.price)",
    );
    for (sql_type, samples) in [
        (
            "numeric(6,2)[]",
            &[
                ("{1.5,NULL}", Is("{1.50,NULL}")),
                (
                    "{1.239}",
                    Bad("overflow", "an element that has more than 2 digits"),
                ),
            ][..],
        ),
        (
            "varchar(3)[]",
            &[
                ("{abc,\"a,b\"}", Is("{abc,\"a,b\"}")),
                ("{abcd}", Bad("overflow", "an element that has more than 3")),
                ("{{a,b},{c}}", Bad("bad_type", "not a value of type")),
                ("abc", Bad("bad_type", "not an array")),
            ],
        ),
        (
            "time(0)[]",
            &[
                ("{10:00,11:30:00.0}", Is("{10:00:00,11:30:00}")),
                ("{10:00:00.5}", Bad("overflow", "fraction of a second")),
                ("{now}", Bad("bad_type", "an element that is not a time")),
            ],
        ),
        (
            "bit(2)[]",
            &[
                ("{10,01}", Is("{10,01}")),
                ("{101}", Bad("overflow", "neither rounds nor cuts off")),
            ],
        ),
        (
            "char(3)[]",
            &[
                ("{ab}", Is("{\"ab \"}")),
                ("{abcd}", Bad("overflow", "3 characters")),
            ],
        ),
        (
            "date[]",
            &[
                ("{2024-02-29}", Is("{2024-02-29}")),
                ("{01/02/2024}", Bad("bad_type", "not a date")),
                ("{today}", Bad("bad_type", "not a date")),
            ],
        ),
        (
            "datawarehouse.colour[]",
            &[
                ("{red,\"dark blue\"}", Is("{red,\"dark blue\"}")),
                (
                    "{Red}",
                    Bad("bad_type", "an element that is not one of red, dark blue"),
                ),
            ],
        ),
        (
            "datawarehouse.price[]",
            &[
                ("{1.5}", Is("{1.50}")),
                ("{1.239}", Bad("overflow", "more than 2 digits")),
                (
                    "{-1}",
                    Bad("bad_type", "not a value of type datawarehouse.price[]"),
                ),
            ],
        ),
        (
            "int4range",
            &[
                ("[1,3]", Is("[1,4)")),
                ("empty", Is("empty")),
                ("[3,1]", Bad("bad_type", "not a value of type int4range")),
                (
                    "[1.5,2]",
                    Bad("bad_type", "a bound that is not a whole number"),
                ),
            ],
        ),
        (
            "daterange",
            &[
                ("[2024-01-01,2024-01-31]", Is("[2024-01-01,2024-02-01)")),
                ("[2024-01-01,infinity)", Is("[2024-01-01,infinity)")),
                ("[today,)", Bad("bad_type", "a bound that is not a date")),
            ],
        ),
        (
            "datawarehouse.prices",
            &[
                ("[1.5,2)", Is("[1.50,2.00)")),
                ("[1.239,2)", Bad("overflow", "more than 2 digits")),
                ("[-1,2)", Bad("bad_type", "not a value of type")),
            ],
        ),
        (
            "int8multirange",
            &[
                ("{[1,3), [5,7]}", Is("{[1,3),[5,8)}")),
                ("{[1,3)", Bad("bad_type", "not a range")),
            ],
        ),
        (
            "datawarehouse.pair",
            &[
                ("(1.5,abc)", Is("(1.50,abc)")),
                ("(,)", Is("(,)")),
                (
                    "(1.239,abc)",
                    Bad("overflow", "a field that has more than 2 digits"),
                ),
                ("(1,abcd)", Bad("overflow", "a field that has more than 3")),
                ("(1)", Bad("bad_type", "not a composite value")),
            ],
        ),
        (
            "datawarehouse.pair[]",
            &[
                ("{\"(1.5,abc)\",NULL}", Is("{\"(1.50,abc)\",NULL}")),
                (
                    "{\"(1.239,abc)\"}",
                    Bad("overflow", "an element that has a field that"),
                ),
            ],
        ),
    ] {
        try_type(&warehouse, sql_type, samples);
    }
}

#[test]
fn what_a_server_would_guess_is_refused() {
    let warehouse = things();
    warehouse
        .execute("create extension citext schema public; create extension hstore schema public");
    let long: &'static str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl";
    assert_eq!(long.len(), 64);
    for (sql_type, samples) in [
        (
            "name",
            &[
                (&long[1..], Is(&long[1..])),
                (long, Bad("overflow", "more than 63 bytes")),
            ][..],
        ),
        (
            "\"char\"",
            &[
                ("a", Is("a")),
                ("ab", Bad("overflow", "more than 1 byte")),
                ("\u{e9}", Bad("overflow", "more than 1 byte")),
            ],
        ),
        (
            "money",
            &[
                ("1234.5", Is("$1,234.50")),
                ("1.239", Bad("overflow", "neither rounds nor cuts off")),
                ("1,5", Bad("bad_type", "not a decimal number")),
            ],
        ),
        (
            "oid",
            &[
                ("4294967295", Is("4294967295")),
                ("-1", Bad("bad_type", "without a sign")),
            ],
        ),
        (
            "xid",
            &[("7", Is("7")), ("x", Bad("bad_type", "whole number"))],
        ),
        (
            "tsvector",
            &[
                ("fat:2 cat:1", Is("'cat':1 'fat':2")),
                ("fat:20000", Bad("overflow", "beyond 16383")),
            ],
        ),
        (
            "public.hstore",
            &[
                ("a=>1,b=>NULL", Is("\"a\"=>\"1\", \"b\"=>NULL")),
                ("a=>1,a=>2", Bad("bad_type", "a key twice")),
                ("a", Bad("bad_type", "is not an hstore")),
            ],
        ),
        ("public.citext", &[("Ann", Is("Ann"))]),
        (
            "inet",
            &[
                ("10.1.2.3/24", Is("10.1.2.3/24")),
                ("10.1", Bad("bad_type", "inet")),
            ],
        ),
        (
            "cidr",
            &[
                ("10.1.2.0/24", Is("10.1.2.0/24")),
                ("10.1.2.3/24", Bad("bad_type", "cidr")),
                ("10.1", Bad("bad_type", "its whole address")),
            ],
        ),
        (
            "macaddr",
            &[
                ("08:00:2b:01:02:03", Is("08:00:2b:01:02:03")),
                ("x", Bad("bad_type", "macaddr")),
            ],
        ),
        (
            "point",
            &[
                ("(0.1,-2)", Is("(0.1,-2)")),
                ("(1)", Bad("bad_type", "point")),
                ("(9007199254740993,0)", Bad("overflow", "more digits")),
            ],
        ),
        (
            "bytea",
            &[
                ("\\x00ff", Is("\\x00ff")),
                ("\\x0", Bad("bad_type", "bytea")),
            ],
        ),
        (
            "pg_lsn",
            &[
                ("16/B374D848", Is("16/B374D848")),
                ("x", Bad("bad_type", "pg_lsn")),
            ],
        ),
        (
            "jsonpath",
            &[("$.a", Is("$.\"a\"")), ("$$", Bad("bad_type", "jsonpath"))],
        ),
        (
            "regclass",
            &[
                ("pg_catalog.pg_class", Is("pg_class")),
                ("pg_catalog.nothing", Bad("bad_type", "regclass")),
            ],
        ),
        (
            "box[]",
            &[
                ("{(1,1),(0,0)}", Is("{(1,1),(0,0)}")),
                ("{x}", Bad("bad_type", "box[]")),
            ],
        ),
    ] {
        try_type(&warehouse, sql_type, samples);
    }
}

#[test]
fn one_bad_value_among_thousands_costs_its_row() {
    let warehouse = things();
    make_things(&warehouse, "inet");
    let mut file = "label,value\n".to_owned();
    for number in 0..5_000 {
        let address = if number == 3_333 { "x" } else { "10.0.0.1" };
        let _ = writeln!(file, "{number},{address}");
    }
    let told = warehouse.load("things.csv", &file).exits(1).only();
    assert_eq!(told["rows"]["accepted"], 4_999);
    assert_eq!(
        warehouse.query("select line, kind from hayloft.reject"),
        "3335 | bad_type\n"
    );
    // What was asked of the landed rows leaves nothing behind that a later load could stumble on.
    warehouse
        .load("things.csv", "label,value\na,x\nb,::1\n")
        .exits(1);
    warehouse.assert_sound();
}

#[test]
fn values_do_not_depend_on_what_a_role_has_set() {
    let warehouse = things();
    warehouse.execute(
        "do $$ begin
            execute format('alter database %I set datestyle = ''German, DMY''', current_database());
            execute format('alter database %I set intervalstyle = ''sql_standard''', current_database());
            execute format('alter database %I set extra_float_digits = -15', current_database());
            execute format('alter database %I set bytea_output = ''escape''', current_database());
            execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database());
            execute format('alter database %I set array_nulls = off', current_database());
            execute format('alter database %I set xmloption = document', current_database());
            execute format('alter database %I set transform_null_equals = on', current_database());
         end $$",
    );
    for (sql_type, samples) in [
        ("date[]", &[("{2024-02-01}", "{2024-02-01}")][..]),
        (
            "tstzrange",
            &[("[2024-02-01 00:00:00,)", "[\"2024-02-01 00:00:00+00\",)")],
        ),
        ("interval", &[("1 year -1 days", "1 year -1 days")]),
        (
            "float8[]",
            &[("{0.1234567890123456}", "{0.1234567890123456}")],
        ),
        ("bytea", &[("\\x00ff", "\\x00ff")]),
        ("text[]", &[("{NULL,\"NULL\"}", "{NULL,\"NULL\"}")]),
    ] {
        for (field, shown) in samples {
            let found = load_values(&warehouse, sql_type, &[field]);
            let stored = warehouse.query(
                "set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres';
                 set extra_float_digits = 1; set bytea_output = 'hex'; set timezone = 'UTC';
                 select value from datawarehouse.things where label = '0'",
            );
            assert_eq!(stored, format!("{shown}\n"), "{sql_type} {found:?}");
        }
    }
}
