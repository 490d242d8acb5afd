//! The rules of the module's table, as tables: what a field becomes, or which reject.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::super::key::KeyScheme;
use super::*;
use crate::contract::NumericLimit;

const NBSP: &str = "\u{a0}";
const ZWSP: &str = "\u{200b}";

fn column(column_type: ColumnType) -> Column {
    let is_text = matches!(column_type, ColumnType::Text { .. });
    Column {
        name: Ident::vouched("thing"),
        column_type,
        nullability: Nullability::Nullable,
        spelling: Spelling {
            format: None,
            zone: Tz::UTC,
            canonical: Canonical::Verbatim,
            null_tokens: Vec::new(),
            empty_as: if is_text {
                EmptyAs::Empty
            } else {
                EmptyAs::Null
            },
        },
    }
}

fn parser(column_type: ColumnType) -> ValueParser {
    ValueParser::new(&column(column_type)).unwrap()
}

fn text(max_chars: Option<u32>) -> ColumnType {
    ColumnType::Text {
        sql: "text".into(),
        max_chars,
    }
}

fn email() -> ValueParser {
    let mut column = column(text(None));
    column.spelling.canonical = Canonical::Email;
    ValueParser::new(&column).unwrap()
}

fn formatted(column_type: ColumnType, format: &str) -> Result<ValueParser, FormatFault> {
    let mut column = column(column_type);
    column.spelling.format = Some(format.into());
    ValueParser::new(&column)
}

fn in_zone(zone: Tz) -> ValueParser {
    let mut column = column(ColumnType::TimestampTz);
    column.spelling.zone = zone;
    ValueParser::new(&column).unwrap()
}

fn numeric(precision: u16, scale: u16) -> ValueParser {
    parser(ColumnType::Numeric(Some(NumericLimit { precision, scale })))
}

/// The bytes of the value, without their length.
fn value(parser: &ValueParser, field: &str) -> Vec<u8> {
    let mut row = b"before".to_vec();
    let parsed = parser.parse(field.as_bytes(), &mut row);
    assert!(
        matches!(parsed, Ok(Parsed::Value | Parsed::Ambiguous)),
        "{field:?}: {parsed:?}"
    );
    let length = u32::from_be_bytes(row[6..10].try_into().unwrap());
    assert_eq!(length as usize, row.len() - 10, "{field:?}");
    row[10..].to_vec()
}

/// The kind of the reject, having seen that nothing was appended.
fn reject(parser: &ValueParser, field: impl AsRef<[u8]>) -> RejectKind {
    fault(parser, field).kind
}

fn fault(parser: &ValueParser, field: impl AsRef<[u8]>) -> ValueFault {
    let mut row = b"before".to_vec();
    let shown = String::from_utf8_lossy(field.as_ref()).into_owned();
    let fault = parser.parse(field.as_ref(), &mut row).expect_err(&shown);
    assert_eq!(row, b"before", "{shown:?}");
    fault
}

fn key_text(parser: &ValueParser, field: &str) -> String {
    let (mut row, mut text) = (Vec::new(), "left over".to_owned());
    parser
        .parse_key_part(field.as_bytes(), &mut row, &mut text)
        .expect(field);
    text
}

fn assert_rejects(parser: &ValueParser, kind: RejectKind, fields: &[&str]) {
    for field in fields {
        assert_eq!(reject(parser, field), kind, "{field:?}");
    }
}

/// A `numeric`'s bytes as text, read independently of how they were written.
fn decoded(bytes: &[u8]) -> String {
    let words: Vec<i16> = bytes
        .chunks(2)
        .map(|pair| i16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let (weight, sign, scale) = (
        i32::from(words[1]),
        words[2],
        usize::try_from(words[3]).unwrap(),
    );
    let groups = &words[4..];
    assert_eq!(groups.len(), usize::try_from(words[0]).unwrap());
    let group = |place: i32| {
        let index = usize::try_from(weight - place).ok();
        index
            .and_then(|index| groups.get(index))
            .copied()
            .unwrap_or(0)
    };
    let whole: String = (0..=weight.max(0))
        .rev()
        .map(|place| format!("{:04}", group(place)))
        .collect();
    let fraction: String = (1..=20)
        .map(|place| format!("{:04}", group(-place)))
        .collect();
    let whole = whole.trim_start_matches('0');
    let sign = if sign == 0 { "" } else { "-" };
    let point = if scale == 0 { "" } else { "." };
    let whole = if whole.is_empty() { "0" } else { whole };
    assert!(
        fraction[scale..].bytes().all(|digit| digit == b'0'),
        "digits after the scale"
    );
    format!("{sign}{whole}{point}{}", &fraction[..scale])
}

fn date_of(bytes: &[u8]) -> String {
    let days = i32::from_be_bytes(bytes.try_into().unwrap());
    let day = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap() + chrono::TimeDelta::days(days.into());
    day.to_string()
}

fn micros_of(bytes: &[u8]) -> String {
    let micros = i64::from_be_bytes(bytes.try_into().unwrap());
    let epoch = NaiveDate::from_ymd_opt(2000, 1, 1)
        .unwrap()
        .and_time(chrono::NaiveTime::MIN);
    (epoch + chrono::TimeDelta::microseconds(micros)).to_string()
}

#[test]
fn empty_fields_and_null_tokens_mean_what_the_contract_says() {
    let mut column = column(text(None));
    let parse = |column: &Column, field: &str| {
        let mut row = Vec::new();
        let parser = ValueParser::new(column).unwrap();
        parser
            .parse(field.as_bytes(), &mut row)
            .map(|parsed| (parsed, row))
    };
    let null = Ok((Parsed::Null, vec![0xff; 4]));
    let empty = Ok((Parsed::Value, vec![0; 4]));

    assert_eq!(parse(&column, ""), empty);
    for word in ["NULL", "\\N", "NA", "nan", " "] {
        assert_eq!(
            parse(&column, word).unwrap().0,
            Parsed::Value,
            "{word:?} is a text"
        );
    }
    column.spelling.null_tokens = vec!["NULL".into(), "\\N".into()];
    assert_eq!(parse(&column, "NULL"), null);
    assert_eq!(parse(&column, "\\N"), null);
    assert_eq!(
        parse(&column, "null").unwrap().0,
        Parsed::Value,
        "tokens are exact"
    );
    column.spelling.empty_as = EmptyAs::Null;
    assert_eq!(parse(&column, ""), null);
    column.nullability = Nullability::Required;
    for field in ["", "NULL"] {
        let fault = parse(&column, field).unwrap_err();
        assert_eq!(fault.kind, RejectKind::NotNull);
        assert_eq!(fault.message, "has no value, and the column must have one");
    }
}

#[test]
fn no_word_is_null_for_a_type_unless_the_contract_says_so() {
    for column_type in [
        ColumnType::Int4,
        ColumnType::Numeric(None),
        ColumnType::Float8,
        ColumnType::Date,
    ] {
        let parser = parser(column_type);
        assert_eq!(parser.parse(b"", &mut Vec::new()), Ok(Parsed::Null));
        assert_rejects(
            &parser,
            RejectKind::BadType,
            &["NULL", "\\N", "NA", "nan", "NaN", " "],
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_a_matter_of_encoding_in_every_type() {
    for column_type in [
        text(None),
        ColumnType::Int8,
        ColumnType::Date,
        ColumnType::Json(JsonKind::Text),
    ] {
        let parser = parser(column_type);
        let bad = fault(&parser, b"12\xff");
        assert_eq!(bad.kind, RejectKind::BadEncoding);
        assert_eq!(bad.message, "is not UTF-8: byte 3 of the field");
        assert_eq!(reject(&parser, b"1\0"), RejectKind::BadEncoding);
    }
}

#[test]
fn integers_are_digits_within_the_range() {
    let int4 = parser(ColumnType::Int4);
    for (field, expected) in [
        ("007", 7_i32),
        ("-0", 0),
        ("0", 0),
        ("-2147483648", i32::MIN),
    ] {
        assert_eq!(value(&int4, field), expected.to_be_bytes(), "{field:?}");
    }
    assert_rejects(
        &int4,
        RejectKind::BadType,
        &[
            "+5", "1e3", "1_000", "1,000", "0x1A", "٤٢", "-", "--1", "1-", "1.0", "٤", "five",
            "5 5",
        ],
    );
    assert_rejects(&int4, RejectKind::Overflow, &["2147483648", "-2147483649"]);
    assert_eq!(
        fault(&int4, "2147483648").message,
        "is not between -2147483648 and 2147483647"
    );

    assert_eq!(
        value(&parser(ColumnType::Int2), "-32768"),
        i16::MIN.to_be_bytes()
    );
    assert_rejects(&parser(ColumnType::Int2), RejectKind::Overflow, &["32768"]);
    let int8 = parser(ColumnType::Int8);
    assert_eq!(value(&int8, "9223372036854775807"), i64::MAX.to_be_bytes());
    assert_eq!(value(&int8, "-9223372036854775808"), i64::MIN.to_be_bytes());
    let long = "9".repeat(100);
    assert_rejects(
        &int8,
        RejectKind::Overflow,
        &["9223372036854775808", "-9223372036854775809", &long],
    );
}

#[test]
fn white_space_around_a_value_is_named_as_the_fault() {
    let int4 = parser(ColumnType::Int4);
    for field in [" 42", "42\t", &format!("{NBSP}42")] {
        let fault = fault(&int4, field);
        assert_eq!(fault.kind, RejectKind::BadType);
        assert_eq!(
            fault.message,
            "is not a whole number; only the white space around it is wrong"
        );
    }
    assert_eq!(fault(&int4, " 4x2 ").message, "is not a whole number");
    assert_eq!(fault(&int4, "4 2").message, "is not a whole number");
}

#[test]
fn numerics_are_exact_and_never_rounded() {
    let money = numeric(12, 2);
    for (field, expected) in [
        ("12.34", "12.34"),
        ("12", "12.00"),
        ("012.3", "12.30"),
        ("12.3400", "12.34"),
        ("-0.0", "0.00"),
        ("-0", "0.00"),
        ("0.01", "0.01"),
        ("-9999999999.99", "-9999999999.99"),
        ("10000", "10000.00"),
        ("100000000", "100000000.00"),
        ("99990001", "99990001.00"),
    ] {
        assert_eq!(decoded(&value(&money, field)), expected, "{field:?}");
    }
    assert_rejects(
        &money,
        RejectKind::BadType,
        &[
            "1,234.56", "1.234,56", "$12", "12€", "(5)", "5-", "+5", "NaN", "Infinity", "-inf",
            "1e400", "1e-400", "1e2", ".5", "5.", ".", "-", "1.2.3", "1_0", "0x1A", "٤٢",
        ],
    );
    assert_rejects(
        &money,
        RejectKind::Overflow,
        &["999.995", "10000000000", "-10000000000.00"],
    );
    assert_eq!(
        fault(&money, "999.995").message,
        "has more than 2 digits after the point, and Hayloft does not round"
    );
    assert_eq!(
        fault(&money, "10000000000").message,
        "is too large for numeric(12,2)"
    );
}

#[test]
fn spellings_of_one_number_have_the_same_bytes() {
    let (limited, unlimited) = (numeric(12, 2), parser(ColumnType::Numeric(None)));
    for parser in [&limited, &unlimited] {
        for twins in [
            ["1", "1.0"],
            ["1", "01.000"],
            ["0", "-0.00"],
            ["-7.5", "-007.50"],
            ["10000", "10000.0"],
        ] {
            assert_eq!(
                value(parser, twins[0]),
                value(parser, twins[1]),
                "{twins:?}"
            );
            assert_eq!(
                key_text(parser, twins[0]),
                key_text(parser, twins[1]),
                "{twins:?}"
            );
        }
        assert_ne!(value(parser, "1"), value(parser, "10"));
        assert_ne!(value(parser, "1"), value(parser, "-1"));
    }
    assert_eq!(key_text(&limited, "-007.50"), "-7.5");
    let float = parser(ColumnType::Float8);
    assert_eq!(value(&float, "-0.0"), value(&float, "0"));
    assert_eq!(value(&float, "1.50"), value(&float, "15e-1"));
}

#[test]
fn numerics_end_where_those_of_postgres_end() {
    let parser = parser(ColumnType::Numeric(None));
    let widest = format!("{}.{}1", "9".repeat(131_072), "0".repeat(16_382));
    assert_eq!(value(&parser, &widest).len(), 8 + 2 * (131_072 / 4 + 4096));
    let (wide, fine) = (format!("1{widest}"), format!("{widest}1"));
    assert_rejects(&parser, RejectKind::Overflow, &[&wide, &fine]);
    let padded = format!("000{}", "0".repeat(200_000));
    assert_eq!(decoded(&value(&parser, &padded)), "0");
}

#[test]
fn a_scale_above_the_precision_leaves_room_for_small_numbers_only() {
    let small = numeric(2, 5);
    assert_eq!(decoded(&value(&small, "0.00099")), "0.00099");
    assert_rejects(&small, RejectKind::Overflow, &["0.001", "1", "0.000001"]);
}

#[test]
fn floats_are_finite_and_not_lost_to_zero() {
    let (float4, float8) = (parser(ColumnType::Float4), parser(ColumnType::Float8));
    assert_eq!(value(&float8, "-1.5E+3"), (-1500.0_f64).to_be_bytes());
    assert_eq!(value(&float4, "0.1"), 0.1_f32.to_be_bytes());
    assert_eq!(value(&float8, "0e5"), 0.0_f64.to_be_bytes());
    for parser in [&float4, &float8] {
        assert_rejects(
            parser,
            RejectKind::BadType,
            &[
                "NaN",
                "inf",
                "-Infinity",
                "+1",
                ".5",
                "5.",
                "1e",
                "1e+",
                "1,5",
                "0x1p3",
                "1 ",
                "",
            ],
        );
        assert_rejects(
            parser,
            RejectKind::Overflow,
            &["1e400", "-1e400", "1e-400", "0.1e-400"],
        );
    }
    assert_rejects(&float4, RejectKind::Overflow, &["1e39", "1e-50"]);
}

#[test]
fn booleans_are_a_closed_list() {
    let parser = parser(ColumnType::Bool);
    for field in ["true", "tRuE", "T", "yes", "Y", "1"] {
        assert_eq!(value(&parser, field), [1], "{field:?}");
    }
    for field in ["FALSE", "f", "No", "n", "0"] {
        assert_eq!(value(&parser, field), [0], "{field:?}");
    }
    assert_rejects(
        &parser,
        RejectKind::BadType,
        &["of", "o", "on", "off", "2", "tr", "wahr", " true", "1.0"],
    );
}

#[test]
fn a_date_has_the_contracts_format_and_no_other() {
    let day_first = formatted(ColumnType::Date, "%d/%m/%Y").unwrap();
    assert_eq!(date_of(&value(&day_first, "31/12/2020")), "2020-12-31");
    assert_eq!(
        date_of(&value(&day_first, "01/02/2020")),
        "2020-02-01",
        "never swapped"
    );
    assert_eq!(date_of(&value(&day_first, "29/02/2020")), "2020-02-29");
    assert_rejects(
        &day_first,
        RejectKind::BadType,
        &[
            "2020-02-30",
            "29/02/2021",
            "00/00/0000",
            "1/1/20",
            "12/31/2020",
            "1/1/2020",
            "31-12-2020",
            "31/12/20200",
            "31/12/2020 00:00:00",
            " 31/12/2020",
            "+1/12/2020",
            "44197",
            "٣١/12/2020",
            "now",
            "today",
            "epoch",
            "infinity",
            "-infinity",
        ]
        .map(|field| {
            if field == "00/00/0000" {
                "00/00/2000"
            } else {
                field
            }
        }),
    );
    assert_rejects(
        &day_first,
        RejectKind::Overflow,
        &["01/01/0000", "00/00/0000"],
    );
    assert_eq!(
        fault(&day_first, "2020-02-03").message,
        "is not a date in the format %d/%m/%Y"
    );
    assert_eq!(
        fault(&day_first, "30/02/2020").message,
        "is in the format %d/%m/%Y, but no calendar or clock shows that date"
    );
}

#[test]
fn a_date_without_a_format_is_iso() {
    let iso = parser(ColumnType::Date);
    for day in ["0001-01-01", "1999-12-31", "2000-01-01", "9999-12-31"] {
        assert_eq!(date_of(&value(&iso, day)), day);
    }
    assert_eq!(key_text(&iso, "0987-06-05"), "0987-06-05");
    assert_rejects(
        &iso,
        RejectKind::BadType,
        &[
            "31/12/2020",
            "2020-02-30",
            "2020-13-01",
            "20200101",
            "2020-1-1",
            "5874898-01-01",
            "0001-01-01 BC",
            "2020-01-01T00:00:00",
            "2020-W01-1",
            "now",
            "infinity",
            "44197",
        ],
    );
    assert_rejects(&iso, RejectKind::Overflow, &["0000-01-01"]);
}

#[test]
fn other_patterns_must_give_back_the_field_to_the_byte() {
    let long = formatted(ColumnType::Date, "%-d %B %Y").unwrap();
    assert_eq!(date_of(&value(&long, "5 January 2021")), "2021-01-05");
    assert_rejects(
        &long,
        RejectKind::BadType,
        &[
            "05 January 2021",
            "5 january 2021",
            "5 Jan 2021",
            "5  January 2021",
            " 5 January 2021",
            "31 June 2021",
            "5 January 12021",
        ],
    );
    assert_rejects(&long, RejectKind::Overflow, &["5 January 0000"]);
    let twice = formatted(ColumnType::Date, "%d %Y-%m-%d").unwrap();
    assert_eq!(date_of(&value(&twice, "05 2021-01-05")), "2021-01-05");
    assert_rejects(&twice, RejectKind::BadType, &["06 2021-01-05"]);
    let half_day = formatted(ColumnType::Timestamp, "%Y-%m-%d %I:%M:%S %p").unwrap();
    assert_eq!(
        micros_of(&value(&half_day, "2021-01-05 12:30:00 AM")),
        "2021-01-05 00:30:00"
    );
    assert_rejects(
        &half_day,
        RejectKind::BadType,
        &["2021-01-05 12:30:60 AM", "2021-01-05 13:30:00 AM"],
    );
    let day_of_year = formatted(ColumnType::Date, "%Y.%j").unwrap();
    assert_eq!(date_of(&value(&day_of_year, "2021.032")), "2021-02-01");
}

#[test]
fn a_pattern_that_cannot_hold_is_refused_before_any_file_is_read() {
    use ColumnType::{Date, Int4, Timestamp, TimestampTz};
    for (column_type, format, reason) in [
        (Date, "%d/%m/%y", "the century would be a guess"),
        (Date, "%D", "the century would be a guess"),
        (Date, "%d/%m", "leaves open which moment"),
        (Date, "%Y week %W", "leaves open which moment"),
        (Date, "constant", "leaves open which moment"),
        (Date, "%Y-%m-%d %H:%M:%S", "which a date would lose"),
        (Date, "%Q", "not a strftime pattern"),
        (Timestamp, "%Y-%m-%d %H", "leaves open which moment"),
        (Timestamp, "%Y-%m-%d %H:%M%.f", "leaves open which moment"),
        (Timestamp, "%Y-%m-%d %I:%M", "leaves open which moment"),
        (Timestamp, "%Y-%m-%d %H:%M:%S%z", "has no time zone"),
        (TimestampTz, "%Y-%m-%d %H:%M:%S %Z", "name of a time zone"),
        (TimestampTz, "%s", "leaves open which moment"),
        (Int4, "%Y", "a format is for dates and timestamps"),
    ] {
        let fault = formatted(column_type, format)
            .expect_err(format)
            .to_string();
        assert!(
            fault.starts_with("The contract of column thing cannot hold: "),
            "{fault}"
        );
        assert!(fault.contains(reason), "{format}: {fault}");
    }
    for format in [
        "%d/%m/%Y",
        "%F",
        "%Y%m%d",
        "%e %b %Y",
        "%Y-%m-%d 00:00:00",
        "%A, %d. %B %Y",
        "%G-W%V-%u",
    ] {
        formatted(Date, format).expect(format);
    }
    for format in [
        "%F %T",
        "%FT%T%.f",
        "%d/%m/%Y",
        "%Y-%m-%dT%H:%M:%S%.3f",
        "%c",
    ] {
        formatted(Timestamp, format).expect(format);
    }
    for format in ["%F %T%z", "%FT%T%.f%:z", "%+", "%a, %d %b %Y %T %z"] {
        formatted(TimestampTz, format).expect(format);
    }
}

#[test]
fn other_promises_that_cannot_hold_are_refused_too() {
    let mut bad = column(ColumnType::Int4);
    bad.spelling.canonical = Canonical::Email;
    assert!(ValueParser::new(&bad).is_err());
    let mut bad = column(ColumnType::Date);
    bad.spelling.empty_as = EmptyAs::Empty;
    assert!(ValueParser::new(&bad).is_err());
}

#[test]
fn a_timestamp_is_iso_without_an_offset() {
    let parser = parser(ColumnType::Timestamp);
    for (field, expected) in [
        ("2021-03-28 02:30:00", "2021-03-28 02:30:00"),
        ("2021-03-28T02:30:00.5", "2021-03-28 02:30:00.500"),
        (
            "1999-12-31 23:59:59.999999999",
            "1999-12-31 23:59:59.999999",
        ),
        ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
    ] {
        assert_eq!(micros_of(&value(&parser, field)), expected, "{field:?}");
    }
    assert_rejects(
        &parser,
        RejectKind::BadType,
        &[
            "2021-03-28",
            "2021-03-28 24:00:00",
            "2021-03-28 23:59:60",
            "2021-03-28 12:60:00",
            "2021-03-28 02:30",
            "2021-03-28 02:30:00.",
            "2021-03-28  02:30:00",
            "2021-03-28t02:30:00",
            "2021-03-28 02:30:00Z",
            "2021-03-28 02:30:00+01:00",
            "294277-01-01 00:00:00",
            "now",
            "2021-02-30 00:00:00",
            "2021-03-28 2:30:00",
            "2021-03-28 02:30:00 UTC",
        ],
    );
    assert_rejects(&parser, RejectKind::Overflow, &["0000-01-01 00:00:00"]);
    assert_eq!(
        fault(&parser, "2021-03-28 02:30:00Z").message,
        "has an offset from UTC, and the column has no time zone"
    );
    let date_only = formatted(ColumnType::Timestamp, "%d/%m/%Y").unwrap();
    assert_eq!(
        micros_of(&value(&date_only, "28/03/2021")),
        "2021-03-28 00:00:00"
    );
}

#[test]
fn an_instant_is_taken_in_the_contracts_zone_unless_it_says_its_offset() {
    let rome = in_zone(Tz::Europe__Rome);
    for (field, expected) in [
        ("2021-01-01 12:00:00", "2021-01-01 11:00:00"),
        ("2021-07-01 12:00:00", "2021-07-01 10:00:00"),
        ("2021-07-01 12:00:00Z", "2021-07-01 12:00:00"),
        ("2021-07-01T12:00:00.25-05:30", "2021-07-01 17:30:00.250"),
        ("2021-07-01 12:00:00-00:30", "2021-07-01 12:30:00"),
        ("2021-07-01 12:00:00+00", "2021-07-01 12:00:00"),
    ] {
        assert_eq!(micros_of(&value(&rome, field)), expected, "{field:?}");
    }
    assert_rejects(
        &rome,
        RejectKind::BadType,
        &[
            "2021-07-01 12:00:00+16:00",
            "2021-07-01 12:00:00+01:60",
            "2021-07-01 12:00:00+0100",
            "2021-07-01 12:00:00z",
            "2021-07-01 12:00:00 CET",
            "2021-07-01 12:00:00+1",
            "2021-07-01",
        ],
    );
    let with_offset = formatted(ColumnType::TimestampTz, "%d.%m.%Y %H:%M %z").unwrap();
    assert_eq!(
        micros_of(&value(&with_offset, "01.07.2021 12:00 -0530")),
        "2021-07-01 17:30:00"
    );
    assert_rejects(
        &with_offset,
        RejectKind::BadType,
        &["01.07.2021 12:00", "01.07.2021 12:00 -05:30"],
    );
}

#[test]
fn where_clocks_change_a_local_time_may_be_skipped_or_occur_twice() {
    let rome = in_zone(Tz::Europe__Rome);
    let skipped = fault(&rome, "2021-03-28 02:30:00");
    assert_eq!(skipped.kind, RejectKind::NonexistentTime);
    assert_eq!(skipped.message, "is a local time that Europe/Rome skips");

    let mut row = Vec::new();
    assert_eq!(
        rome.parse(b"2021-10-31 02:30:00", &mut row),
        Ok(Parsed::Ambiguous)
    );
    assert_eq!(
        micros_of(&row[4..]),
        "2021-10-31 00:30:00",
        "the earlier, in summer time"
    );
    assert_eq!(
        rome.parse(b"2021-10-31 02:30:00+01:00", &mut Vec::new()),
        Ok(Parsed::Value)
    );
}

#[test]
fn finer_than_a_microsecond_is_cut_off_also_by_other_patterns() {
    let fine = formatted(ColumnType::Timestamp, "%Y-%m-%d %H:%M:%S%.9f").unwrap();
    let (a, b) = (
        "1999-12-31 23:59:59.123456789",
        "1999-12-31 23:59:59.123456000",
    );
    assert_eq!(value(&fine, a), value(&fine, b));
    assert_eq!(key_text(&fine, a), "1999-12-31T23:59:59.123456");
    assert_eq!(key_text(&fine, b), "1999-12-31T23:59:59.123456");
}

#[test]
fn a_uuid_has_hyphens_and_nothing_around_it() {
    let parser = parser(ColumnType::Uuid);
    let canonical = "0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeeff";
    for field in [
        canonical,
        &canonical.to_uppercase(),
        "0F6e2a7c-1b3d-4f5a-8c9d-AABBCCDDEEFF",
    ] {
        assert_eq!(
            value(&parser, field),
            Uuid::try_parse(canonical).unwrap().as_bytes()
        );
        assert_eq!(key_text(&parser, field), canonical);
    }
    assert_eq!(
        value(&parser, "00000000-0000-0000-0000-000000000000"),
        [0; 16]
    );
    assert_rejects(
        &parser,
        RejectKind::BadType,
        &[
            "{0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeeff}",
            "0f6e2a7c1b3d4f5a8c9daabbccddeeff",
            "0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeef",
            "0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeefg",
            "urn:uuid:0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeeff",
            "0f6e2a7c11b3d-4f5a-8c9d-aabbccddeeff",
            "{0f6e2a7c1b3d4f5a8c9daabbccddeeff}xx",
        ],
    );
}

use ::uuid::Uuid;

#[test]
fn a_text_is_stored_byte_for_byte() {
    let parser = parser(text(None));
    for field in [
        "=1+1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "<script>alert(1)</script>",
        "'; DROP TABLE users;--",
        "%s%n",
        "\u{1b}[31mred",
        " padded ",
        "e\u{301}",
        "line\nbreak",
        "\\N",
        "\u{feff}bom",
        ZWSP,
        "\u{202e}right to left",
        "💩",
        "NULL",
        "undefined",
        "\u{fffe}",
        "İ",
    ] {
        assert_eq!(value(&parser, field), field.as_bytes(), "{field:?}");
    }
}

#[test]
fn a_text_that_is_too_long_is_refused_by_its_characters_and_never_cut_off() {
    let parser = parser(text(Some(3)));
    assert_eq!(value(&parser, "äöü"), "äöü".as_bytes());
    assert_rejects(&parser, RejectKind::Overflow, &["abcd", "äöü ", "💩💩💩💩"]);
    assert_eq!(
        fault(&parser, "abcd").message,
        "has more than 3 characters, and Hayloft does not cut off"
    );
}

#[test]
fn an_email_address_has_one_form() {
    let parser = email();
    for (field, expected) in [
        ("a@b.c", "a@b.c"),
        ("A@B.C", "a@b.c"),
        (" a@b.c\t", "a@b.c"),
        ("\u{a0}a@b.c\n", "a@b.c"),
        ("JOSE\u{301}@x.org", "jos\u{e9}@x.org"),
        ("JOS\u{c9}@x.org", "jos\u{e9}@x.org"),
        ("\u{130}@x.org", "i\u{307}@x.org"),
        ("o'neil+tag@x.org", "o'neil+tag@x.org"),
    ] {
        assert_eq!(value(&parser, field), expected.as_bytes(), "{field:?}");
        assert_eq!(key_text(&parser, field), expected, "{field:?}");
        assert_eq!(
            value(&parser, expected),
            expected.as_bytes(),
            "its own form"
        );
    }
    let control = "a\u{7}@b.c";
    let invisible = format!("a{ZWSP}@b.c");
    assert_rejects(
        &parser,
        RejectKind::BadType,
        &[
            "abc",
            "a@b@c",
            "@b.c",
            "a@",
            "@",
            "a b@c.d",
            "a@b .c",
            "a@b\n.c",
            &invisible,
            control,
            "a@b.c\u{feff}",
            "\"a b\"@c.d",
            "\"a@b\"@c.d",
            "a\u{ad}@b.c",
            "a\u{e0041}@b.c",
            "a\u{3000}@b.c",
        ],
    );
    let fits = format!("{}@x.org", "a".repeat(254 - 6));
    assert_eq!(value(&parser, &fits), fits.as_bytes());
    assert_rejects(&parser, RejectKind::Overflow, &[&format!("a{fits}")]);
    assert_eq!(
        fault(&parser, "a@b@c").message,
        "is not an e-mail address: it has more than one @"
    );
    for blank in ["", " ", "\u{a0}\t"] {
        assert_eq!(
            parser.parse(blank.as_bytes(), &mut Vec::new()),
            Ok(Parsed::Null)
        );
    }
}

#[test]
fn a_key_part_without_a_value_is_no_key() {
    for (parser, fields) in [
        (email(), &["", " ", "\u{a0}"][..]),
        (parser(text(None)), &["", " ", "\u{2003}\t"]),
        (parser(ColumnType::Int8), &[""]),
    ] {
        for field in fields {
            let (mut row, mut text) = (Vec::new(), "left over".to_owned());
            let fault = parser
                .parse_key_part(field.as_bytes(), &mut row, &mut text)
                .unwrap_err();
            assert_eq!(fault.kind, RejectKind::NullKey, "{field:?}");
            assert!(row.is_empty() && text.is_empty());
        }
    }
}

#[test]
fn a_text_key_part_is_stored_as_it_is_hashed() {
    let parser = parser(text(Some(4)));
    for (field, expected) in [
        (" ab ", "ab"),
        ("e\u{301}", "\u{e9}"),
        ("AB", "AB"),
        ("  abcd  ", "abcd"),
    ] {
        let (mut row, mut text) = (Vec::new(), String::new());
        parser
            .parse_key_part(field.as_bytes(), &mut row, &mut text)
            .unwrap();
        assert_eq!(
            (&row[4..], text.as_str()),
            (expected.as_bytes(), expected),
            "{field:?}"
        );
    }
    let long = super::ValueParser::new(&column(super::tests::text(None))).unwrap();
    let fault = |bytes: usize| {
        long.parse_key_part(
            "k".repeat(bytes).as_bytes(),
            &mut Vec::new(),
            &mut String::new(),
        )
    };
    assert_eq!(fault(1000), Ok(Parsed::Value));
    assert_eq!(fault(1001).unwrap_err().kind, RejectKind::Overflow);
}

#[test]
fn equal_keys_get_equal_uuids_and_others_do_not() {
    let key = |parser: &ValueParser, field: &str| {
        KeyScheme::with_secret(b"hush").durable_key(&[key_text(parser, field)])
    };
    let (email, int, name) = (email(), parser(ColumnType::Int4), parser(text(None)));
    for (parser, one, other) in [
        (&email, "Ann@x.org", " ann@X.ORG "),
        (&email, "jose\u{301}@x.org", "JOS\u{c9}@x.org"),
        (&int, "007", "7"),
        (&int, "-0", "0"),
        (&name, "e\u{301} ", "\u{e9}"),
    ] {
        assert_eq!(
            key(parser, one),
            key(parser, other),
            "{one:?} and {other:?}"
        );
    }
    for (parser, one, other) in [
        (&email, "ann@x.org", "anne@x.org"),
        (&email, "\u{130}@x.org", "i@x.org"),
        (&int, "7", "-7"),
        (&name, "Ann", "ann"),
    ] {
        assert_ne!(
            key(parser, one),
            key(parser, other),
            "{one:?} and {other:?}"
        );
    }
}

#[test]
fn json_is_checked_and_stored_as_delivered() {
    let parser = parser(ColumnType::Json(JsonKind::Text));
    let field = "{ \"b\": 1.0, \"a\": [null, \"\\u0000\", 1e999] }";
    assert_eq!(value(&parser, field), field.as_bytes());
    let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(value(&parser, &deep(128)), deep(128).as_bytes());
    assert_rejects(
        &parser,
        RejectKind::BadType,
        &[
            "{",
            "{'a': 1}",
            "[1,]",
            "nul",
            "01",
            "\"a",
            "1 2",
            "NaN",
            "\"\\ud800\"",
            "\"\t\"",
            "{\"a\": 1, \"a\": 1}",
            "{\"a\": 1, \"\\u0061\": 2}",
            &deep(129),
            &deep(100_000),
            " ",
        ],
    );
}

#[test]
fn jsonb_has_one_form_and_keeps_every_digit() {
    let parser = parser(ColumnType::Json(JsonKind::Binary));
    for (field, expected) in [
        (
            "{ \"b\": 1.10, \"a\": {\"d\": [], \"c\": {}} }",
            "{\"a\":{\"c\":{},\"d\":[]},\"b\":1.10}",
        ),
        (" [ 1 , -0.5e3, true,null ] ", "[1,-0.5e3,true,null]"),
        (
            "123456789012345678901234567890.12345678901234567890",
            "123456789012345678901234567890.12345678901234567890",
        ),
        ("\"\\u0041\\/\\n\\u00e9\"", "\"A/\\n\u{e9}\""),
        (
            "{\"$serde_json::private::RawValue\": 1}",
            "{\"$serde_json::private::RawValue\":1}",
        ),
    ] {
        let bytes = value(&parser, field);
        assert_eq!(bytes[0], 1, "the version of the form");
        assert_eq!(String::from_utf8_lossy(&bytes[1..]), expected, "{field:?}");
    }
    assert_rejects(
        &parser,
        RejectKind::BadType,
        &["\"\\u0000\"", "{\"a\\u0000\": 1}", "{"],
    );
    assert_rejects(
        &parser,
        RejectKind::Overflow,
        &["1e131072", "[1e-16384]", "1e99999999999"],
    );
}

#[test]
fn an_enum_takes_its_labels_exactly() {
    let labels = ["new", "in use"].map(String::from).to_vec();
    let parser = parser(ColumnType::Enum {
        sql: "state".into(),
        labels,
    });
    assert_eq!(value(&parser, "in use"), b"in use");
    assert_rejects(&parser, RejectKind::BadType, &["New", "used"]);
    assert_eq!(fault(&parser, "used").message, "is not one of new, in use");
    assert_eq!(
        fault(&parser, "new ").message,
        "is not one of new, in use; only the white space around it is wrong"
    );
}

#[test]
fn a_type_of_the_servers_travels_as_text() {
    let parser = parser(ColumnType::Other { sql: "inet".into() });
    assert_eq!(value(&parser, " 10.0.0.1/8"), b" 10.0.0.1/8");
}

proptest! {
    #[test]
    fn every_integer_comes_back(number: i64, zeros in 0_usize..5) {
        let digits = format!("{}{}", "0".repeat(zeros), number.unsigned_abs());
        let field = if number < 0 { format!("-{digits}") } else { digits };
        let parser = parser(ColumnType::Int8);
        prop_assert_eq!(value(&parser, &field), number.to_be_bytes());
        prop_assert_eq!(key_text(&parser, &field), number.to_string());
    }

    #[test]
    fn every_decimal_comes_back(whole in "0|[1-9][0-9]{0,20}", fraction in "[0-9]{0,20}[1-9]", minus: bool) {
        let sign = if minus { "-" } else { "" };
        let shortest = format!("{sign}{whole}.{fraction}");
        let padded = format!("{sign}00{whole}.{fraction}000");
        let unlimited = parser(ColumnType::Numeric(None));
        prop_assert_eq!(decoded(&value(&unlimited, &shortest)), shortest.clone());
        prop_assert_eq!(value(&unlimited, &padded), value(&unlimited, &shortest));
        prop_assert_eq!(key_text(&unlimited, &padded), shortest);
    }

    #[test]
    fn every_day_comes_back_by_every_pattern(offset in 0_u64..3_652_059) {
        let day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap() + Days::new(offset);
        for format in ["%d/%m/%Y", "%Y%m%d", "%-d %B %Y", "%Y-%j"] {
            let parser = formatted(ColumnType::Date, format).unwrap();
            let field = day.format(format).to_string();
            prop_assert_eq!(date_of(&value(&parser, &field)), day.to_string());
        }
    }

    #[test]
    fn no_field_makes_a_parser_fail_otherwise_than_by_a_reject(field: Vec<u8>, pick in 0_usize..10) {
        use ColumnType::{Bool, Date, Float8, Int4, Json, Numeric, Timestamp, TimestampTz, Uuid};
        let types = [Bool, Date, Float8, Int4, Json(JsonKind::Binary), Numeric(None), Timestamp, TimestampTz, Uuid, text(Some(3))];
        let mut row = vec![7];
        let parsed = parser(types[pick].clone()).parse(&field, &mut row);
        prop_assert_eq!(parsed.is_err(), row.len() == 1);
    }

    #[test]
    fn the_form_of_an_email_address_is_its_own_form(field in "\\PC{1,8}@\\PC{1,8}") {
        let parser = email();
        let mut row = Vec::new();
        if parser.parse(field.as_bytes(), &mut row) == Ok(Parsed::Value) {
            let form = String::from_utf8(row[4..].to_vec()).unwrap();
            prop_assert_eq!(value(&parser, &form), form.as_bytes());
        }
    }
}
