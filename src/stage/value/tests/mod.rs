//! The rules of the module's table, as tables: what a field becomes, or which reject.

mod documents;
mod numbers;
mod server;
mod texts;
mod times;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::super::key::KeyScheme;
use super::*;
use crate::contract::{ColumnId, NumericLimit, Precision, Role, ServerType};

const NBSP: &str = "\u{a0}";
const ZWSP: &str = "\u{200b}";

fn column(column_type: ColumnType) -> Column {
    let is_text = matches!(column_type, ColumnType::Text { .. });
    Column {
        name: Ident::vouched("thing"),
        id: ColumnId::new("c"),
        column_type,
        domain: None,
        nullability: Nullability::Nullable,
        role: Role::Type2,
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

fn formatted(column_type: ColumnType, format: &str) -> Result<ValueParser, FormatFault> {
    let mut column = column(column_type);
    column.spelling.format = Some(format.into());
    ValueParser::new(&column)
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

/// Fields are divided by `|`.
fn assert_rejects(parser: &ValueParser, kind: RejectKind, fields: &str) {
    for field in fields.split('|') {
        assert_eq!(reject(parser, field), kind, "{field:?}");
    }
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
        assert_rejects(&parser, RejectKind::BadType, "NULL|\\N|NA|nan|NaN| ");
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
fn other_promises_that_cannot_hold_are_refused_too() {
    let mut bad = column(ColumnType::Int4);
    bad.spelling.canonical = Canonical::Email;
    assert!(ValueParser::new(&bad).is_err());
    let mut bad = column(ColumnType::Date);
    bad.spelling.empty_as = EmptyAs::Empty;
    assert!(ValueParser::new(&bad).is_err());
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
            ::uuid::Uuid::try_parse(canonical).unwrap().as_bytes()
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
        "{0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeeff}|0f6e2a7c1b3d4f5a8c9daabbccddeeff|\
         0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeef|0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeefg|\
         urn:uuid:0f6e2a7c-1b3d-4f5a-8c9d-aabbccddeeff|\
         0f6e2a7c11b3d-4f5a-8c9d-aabbccddeeff|{0f6e2a7c1b3d4f5a8c9daabbccddeeff}xx",
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
    assert_rejects(&parser, RejectKind::BadType, "New|used");
    assert_eq!(fault(&parser, "used").message, "is not one of new, in use");
    assert_eq!(
        fault(&parser, "new ").message,
        "is not one of new, in use; only the white space around it is wrong"
    );
}

#[test]
fn a_type_of_the_servers_travels_as_text() {
    let parser = parser(ColumnType::Other(ServerType::unknown("inet")));
    assert_eq!(value(&parser, " 10.0.0.1/8"), b" 10.0.0.1/8");
}

proptest! {
    #[test]
    fn no_field_makes_a_parser_fail_otherwise_than_by_a_reject(field: Vec<u8>, pick in 0_usize..10) {
        use ColumnType::{Bool, Date, Float8, Int4, Json, Numeric, Timestamp, TimestampTz, Uuid};
        let micros = Precision::MICROS;
        let types = [Bool, Date, Float8, Int4, Json(JsonKind::Binary), Numeric(None), Timestamp(micros), TimestampTz(micros), Uuid, text(Some(3))];
        let mut row = vec![7];
        let parsed = parser(types[pick].clone()).parse(&field, &mut row);
        prop_assert_eq!(parsed.is_err(), row.len() == 1);
    }

}

#[test]
fn no_message_holds_anything_of_the_field() {
    const MARK: &str = "s3cr3t";
    let labels = vec!["new".to_owned()];
    for column_type in [
        ColumnType::Bool,
        ColumnType::Date,
        ColumnType::Float8,
        ColumnType::Int4,
        ColumnType::Numeric(None),
        ColumnType::Timestamp(Precision::MICROS),
        ColumnType::TimestampTz(Precision::MICROS),
        ColumnType::Uuid,
        ColumnType::Json(JsonKind::Binary),
        ColumnType::Enum {
            sql: "state".into(),
            labels,
        },
        text(Some(1)),
    ] {
        let parser = parser(column_type);
        for field in [
            MARK.to_owned(),
            format!(" {MARK}"),
            format!("{{\"{MARK}\": 1, \"{MARK}\": 2}}"),
        ] {
            assert!(!fault(&parser, &field).message.contains(MARK), "{parser:?}");
        }
    }
}
