//! Types that the server reads: what it gets of a field.

use super::*;
use crate::contract::{Equality, TextForm};

fn of_form(form: TextForm) -> ValueParser {
    parser(ColumnType::Other(ServerType {
        sql: "shown".into(),
        plain: "plain".into(),
        equality: Equality::Text,
        form,
    }))
}

fn boxed(column_type: ColumnType) -> Box<ColumnType> {
    Box::new(column_type)
}

fn price() -> ColumnType {
    ColumnType::Numeric(Some(NumericLimit {
        precision: 6,
        scale: 2,
    }))
}

/// What the server gets of each field, or a part of the sentence about it.
#[track_caller]
fn try_fields(parser: &ValueParser, fields: &[(&str, Result<&str, &str>)]) {
    for (field, expected) in fields {
        let mut row = Vec::new();
        let got = parser.parse(field.as_bytes(), &mut row);
        match (got, expected) {
            (Ok(_), Ok(text)) => {
                assert_eq!(String::from_utf8_lossy(&row[4..]), *text, "{field}");
            }
            (Err(fault), Err(part)) => {
                assert!(fault.message.contains(part), "{field}: {}", fault.message);
            }
            (got, expected) => panic!("{field}: {got:?}, not {expected:?}"),
        }
    }
}

#[test]
fn each_element_of_an_array_is_a_value_of_its_own() {
    try_fields(
        &of_form(TextForm::Array(boxed(price()))),
        &[
            ("{1.20,null, -3 }", Ok(r#"{"1.2",NULL,"-3"}"#)),
            ("{}", Ok("{}")),
            (" {{1},{2}} ", Ok(r#"{{"1"},{"2"}}"#)),
            (r#"[0:1]={"1",2}"#, Ok(r#"[0:1]={"1","2"}"#)),
            ("{1.239}", Err("has an element that has more than 2 digits")),
            ("{12345}", Err("has an element that is too large")),
            ("{1e3}", Err("has an element that is not a decimal number")),
            ("{1,}", Err("is not an array")),
            ("{1", Err("is not an array")),
            ("{1}}", Err("is not an array")),
            ("1,2", Err("is not an array")),
            ("{{{{{{1}}}}}}", Ok(r#"{{{{{{"1"}}}}}}"#)),
            ("{{{{{{{1}}}}}}}", Err("more than 6 dimensions")),
            ("[1,2]", Err("is not an array")),
        ],
    );
    try_fields(
        &of_form(TextForm::Array(boxed(text(Some(4))))),
        &[
            (
                r#"{abc, a b ,"x,y","NULL"}"#,
                Ok(r#"{"abc","a b","x,y","NULL"}"#),
            ),
            (r#"{"a\"b",c\,d}"#, Ok(r#"{"a\"b","c,d"}"#)),
            (r#"{" a "," "}"#, Ok(r#"{" a "," "}"#)),
            (r"{n\ull,nul\l,NuLL}", Ok(r#"{"null","null",NULL}"#)),
            (
                "{abcde}",
                Err("has an element that has more than 4 characters"),
            ),
            (r#"{"abc}"#, Err("is not an array")),
        ],
    );
    try_fields(
        &of_form(TextForm::Array(boxed(ColumnType::Date))),
        &[
            ("{2024-02-29}", Ok(r#"{"2024-02-29"}"#)),
            ("{today}", Err("has an element that is not a date")),
            ("{01/02/2024}", Err("has an element that is not a date")),
        ],
    );
}

#[test]
fn a_field_full_of_braces_is_refused() {
    let parser = of_form(TextForm::Array(boxed(price())));
    let mut row = Vec::new();
    let refused = parser.parse("{".repeat(1 << 20).as_bytes(), &mut row);
    assert!(refused.unwrap_err().message.contains("dimensions"));
}

#[test]
fn the_bounds_of_a_range_are_values_of_their_own() {
    try_fields(
        &of_form(TextForm::Range(boxed(price()))),
        &[
            ("[1.20, 3)", Ok(r#"["1.2","3")"#)),
            ("(,5]", Ok(r#"(,"5"]"#)),
            (" EMPTY ", Ok("empty")),
            ("[1.239,3)", Err("has a bound that has more than 2 digits")),
            ("[1,3", Err("is not a range")),
            ("1,3", Err("is not a range")),
            ("[1,2,3)", Err("is not a range")),
        ],
    );
    try_fields(
        &of_form(TextForm::Range(boxed(ColumnType::Date))),
        &[
            ("[2024-01-01,infinity)", Ok(r#"["2024-01-01","infinity")"#)),
            ("[today,)", Err("has a bound that is not a date")),
        ],
    );
    try_fields(
        &of_form(TextForm::Multirange(boxed(ColumnType::Int4))),
        &[
            ("{}", Ok("{}")),
            ("{[1,3), [5,7]}", Ok(r#"{["1","3"),["5","7"]}"#)),
            ("{[1,3) [5,7]}", Err("is not a range")),
            ("[1,3)", Err("is not a range")),
        ],
    );
}

#[test]
fn an_instant_within_another_value_is_one_of_the_contracts_zone() {
    let mut column = column(ColumnType::Other(ServerType {
        sql: "tstzrange".into(),
        plain: "tstzrange".into(),
        equality: Equality::Text,
        form: TextForm::Range(boxed(ColumnType::TimestampTz(Precision::MICROS))),
    }));
    column.spelling.zone = Tz::Europe__Rome;
    try_fields(
        &ValueParser::new(&column).unwrap(),
        &[(
            "[2024-07-01 12:00:00,2024-07-01T12:00:00Z)",
            Ok(r#"["2024-07-01T10:00:00.000000Z","2024-07-01T12:00:00.000000Z")"#),
        )],
    );
}

#[test]
fn the_fields_of_a_composite_value_are_values_of_their_own() {
    try_fields(
        &of_form(TextForm::Composite(vec![price(), text(Some(3))])),
        &[
            ("(1.20,abc)", Ok(r#"("1.2","abc")"#)),
            ("(,)", Ok("(,)")),
            (r#"(1,"a""b")"#, Ok(r#"("1","a\"b")"#)),
            (r#"(1,"")"#, Ok(r#"("1","")"#)),
            (
                "(1.239,abc)",
                Err("has a field that has more than 2 digits"),
            ),
            (
                "(1,abcd)",
                Err("has a field that has more than 3 characters"),
            ),
            ("(1)", Err("is not a composite value")),
            ("(1,a,b)", Err("is not a composite value")),
            ("1,a", Err("is not a composite value")),
        ],
    );
}

#[test]
fn what_the_server_would_guess_or_cut_off_is_refused() {
    try_fields(
        &of_form(TextForm::Bytes(3)),
        &[
            ("abc", Ok("abc")),
            ("\u{e9}\u{e9}", Err("more than 3 bytes")),
        ],
    );
    try_fields(
        &of_form(TextForm::Unsigned(u32::MAX.into())),
        &[
            ("007", Ok("7")),
            ("0", Ok("0")),
            ("4294967295", Ok("4294967295")),
            ("4294967296", Err("from 0 to 4294967295")),
            ("-1", Err("without a sign")),
            ("x", Err("without a sign")),
        ],
    );
    try_fields(
        &of_form(TextForm::Money),
        &[
            ("1234.50", Ok("1234.5")),
            ("$1,234.50", Err("is not a decimal number")),
        ],
    );
    try_fields(
        &of_form(TextForm::Interval),
        &[
            ("1 day 00:00:01.123456", Ok("1 day 00:00:01.123456")),
            ("PT1.1234560S", Ok("PT1.1234560S")),
            ("1.1234567 seconds", Err("more than 6 digits")),
            ("1.05 years", Err("a fraction of a unit")),
            ("23:59:60", Err("60 seconds")),
        ],
    );
    try_fields(
        &of_form(TextForm::Floats),
        &[
            ("(1,-2.5e3)", Ok("(1,-2.5e3)")),
            (
                "((0,0),(0.30000000000000004,1))",
                Ok("((0,0),(0.30000000000000004,1))"),
            ),
            (
                "(0,9007199254740993)",
                Err("more digits than its type keeps"),
            ),
            ("<(0,1e400),2>", Err("too large")),
            ("(-,e)", Ok("(-,e)")),
        ],
    );
    try_fields(
        &of_form(TextForm::Network),
        &[
            ("10.1.0.0/16", Ok("10.1.0.0/16")),
            ("10.1.0.0", Ok("10.1.0.0")),
            ("2001:db8::/32", Ok("2001:db8::/32")),
            ("10", Err("whole address")),
            ("10.1/16", Err("whole address")),
            ("10.1.0.0.0/16", Err("whole address")),
        ],
    );
    try_fields(
        &of_form(TextForm::Time(Precision::new(0).unwrap())),
        &[("10:00:00.5", Err("a fraction of a second"))],
    );
}

#[test]
fn a_timestamp_with_more_digits_than_the_column_keeps_is_refused() {
    let milliseconds = Precision::new(3).unwrap();
    for (field, is_kept) in [
        ("2024-01-01 10:00:00.123", true),
        ("2024-01-01 10:00:00.12300", true),
        ("2024-01-01 10:00:00", true),
        ("2024-01-01 10:00:00.1234", false),
        // What is finer than a microsecond is cut off, as for any timestamp.
        ("2024-01-01 10:00:00.1230004", true),
    ] {
        for column_type in [
            ColumnType::Timestamp(milliseconds),
            ColumnType::TimestampTz(milliseconds),
        ] {
            let parsed = parser(column_type).parse(field.as_bytes(), &mut Vec::new());
            assert_eq!(parsed.is_ok(), is_kept, "{field}");
        }
    }
}
