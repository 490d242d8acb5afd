//! That one value has one digest whichever way it comes, and another value another one.

use std::collections::HashSet;

use chrono_tz::Tz;

use super::*;
use crate::contract::{
    Canonical, ColumnId, EmptyAs, Ident, JsonKind, Nullability, NumericLimit, Precision, Role,
    ServerType, Spelling,
};
use crate::stage::value::ValueParser;

fn column(name: &str, column_type: ColumnType) -> Column {
    Column {
        name: Ident::vouched(name),
        id: ColumnId::new(name),
        column_type,
        domain: None,
        nullability: Nullability::Nullable,
        role: Role::Type2,
        spelling: Spelling {
            format: None,
            zone: Tz::UTC,
            canonical: Canonical::Verbatim,
            null_tokens: Vec::new(),
            empty_as: EmptyAs::Null,
        },
    }
}

fn text(sql: &str) -> ColumnType {
    ColumnType::Text {
        sql: sql.into(),
        max_chars: None,
    }
}

/// The digest of a field of a file.
fn of_field(column_type: &ColumnType, field: &str) -> u32 {
    let column = column("thing", column_type.clone());
    let mut row = Vec::new();
    let parser = ValueParser::new(&column).unwrap();
    parser.parse(field.as_bytes(), &mut row).unwrap();
    ValueDigest::of(&column).field(&row)
}

/// The digest of what the server prints.
fn of_print(column_type: &ColumnType, print: &str) -> u32 {
    ValueDigest::of(&column("thing", column_type.clone())).printed(Some(print))
}

#[test]
fn a_field_and_its_print_have_one_digest() {
    let limited = ColumnType::Numeric(Some(NumericLimit {
        precision: 12,
        scale: 2,
    }));
    for (column_type, field, print) in [
        (text("text"), "Ann ", "Ann "),
        (text("text"), "né", "né"),
        (text("character(5)"), "Ann  ", "Ann"),
        (ColumnType::Int2, "-7", "-7"),
        (ColumnType::Int4, "007", "7"),
        (ColumnType::Int8, "9000000000", "9000000000"),
        (ColumnType::Numeric(None), "-01.50", "-1.5"),
        (ColumnType::Numeric(None), "0.00001", "0.00001"),
        (ColumnType::Numeric(None), "120000", "120000"),
        (limited.clone(), "1.5", "1.50"),
        (limited.clone(), "0", "0.00"),
        (limited, "20000", "20000.00"),
        (ColumnType::Float4, "0.1", "0.1"),
        (ColumnType::Float8, "-0", "-0"),
        (ColumnType::Float8, "1e21", "1e+21"),
        (ColumnType::Bool, "yes", "true"),
        (ColumnType::Bool, "0", "false"),
        (ColumnType::Date, "2000-01-01", "2000-01-01"),
        (ColumnType::Date, "2024-02-29", "2024-02-29"),
        (ColumnType::Date, "0001-03-01", "0001-03-01"),
        (ColumnType::Date, "9999-12-31", "9999-12-31"),
        (
            ColumnType::Timestamp(Precision::MICROS),
            "1999-12-31T23:59:59.5",
            "1999-12-31 23:59:59.5",
        ),
        (
            ColumnType::TimestampTz(Precision::MICROS),
            "2024-06-01 12:00:00.000001+02",
            "2024-06-01 10:00:00.000001+00",
        ),
        (
            ColumnType::Uuid,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        (
            ColumnType::Json(JsonKind::Binary),
            r#"{"b":1e3,"aa":[1.50,-0.0,"1.0\u0041"]}"#,
            r#"{"aa": [1.50, 0.0, "1.0A"], "b": 1000}"#,
        ),
        (
            ColumnType::Json(JsonKind::Text),
            r#"{ "b":0.00120, "a":"x\"1.0" }"#,
            r#"{"a": "x\"1.0", "b": 0.00120}"#,
        ),
    ] {
        assert_eq!(
            of_field(&column_type, field),
            of_print(&column_type, print),
            "{column_type:?} {field}"
        );
    }
}

#[test]
fn instants_of_any_year_and_offset_are_read() {
    for (one, other) in [
        ("0002-01-01 00:00:00+00 BC", "0003-12-31 23:00:00-01 BC"),
        ("10000-01-01 00:00:00+00", "10000-01-01 05:30:15+05:30:15"),
    ] {
        let of_print = |print| of_print(&ColumnType::TimestampTz(Precision::MICROS), print);
        assert_eq!(of_print(one), of_print(other), "{one}");
    }
}

#[test]
fn other_values_have_other_digests() {
    let types = [
        (
            text("text"),
            vec!["", "a", "A", "a ", " a", "aa", "0", "a\u{301}"],
        ),
        (ColumnType::Int4, vec!["0", "1", "-1", "256", "65536"]),
        (
            ColumnType::Numeric(None),
            vec!["0", "1", "10", "0.1", "0.01", "-1", "10000", "NaN"],
        ),
        (
            ColumnType::Float8,
            vec![
                "0",
                "1",
                "-1",
                "NaN",
                "Infinity",
                "0.1",
                "0.30000000000000004",
            ],
        ),
        (ColumnType::Bool, vec!["true", "false"]),
        (
            ColumnType::Date,
            vec!["2000-01-01", "2000-01-02", "infinity", "0001-01-01 BC"],
        ),
        (
            ColumnType::TimestampTz(Precision::MICROS),
            vec![
                "2000-01-01 00:00:00+00",
                "2000-01-01 00:00:00+01",
                "2000-01-01 00:00:00.1+00",
            ],
        ),
        (
            ColumnType::Json(JsonKind::Binary),
            vec![
                "1",
                "10",
                "0.1",
                "-1",
                "\"1\"",
                "[1]",
                "{\"1\": 1}",
                "null",
                "{}",
                "[]",
                "1e400",
            ],
        ),
    ];
    for (column_type, prints) in types {
        let mut digests: HashSet<u32> = prints
            .iter()
            .map(|print| of_print(&column_type, print))
            .collect();
        digests.insert(ValueDigest::of(&column("thing", column_type.clone())).printed(None));
        assert_eq!(digests.len(), prints.len() + 1, "{column_type:?}");
    }
}

#[test]
fn the_same_value_in_another_column_is_something_else() {
    let digest = |name| ValueDigest::of(&column(name, text("text"))).printed(Some("Ann"));
    let swapped = |one, other| Digest::default().and(digest(one)).and(digest(other));
    assert_ne!(digest("name"), digest("town"));
    assert_eq!(
        swapped("name", "town"),
        swapped("town", "name"),
        "their order does not matter"
    );
}

#[test]
fn what_only_the_server_reads_is_digested_when_it_has_printed_it() {
    let interval = ColumnType::Other(ServerType::unknown("interval"));
    assert_eq!(of_field(&interval, "1 hour"), 0);
    assert_ne!(of_print(&interval, "01:00:00"), 0);
}

/// Of a million values that differ in little, about `n² / 2³³` pairs share a digest: 128 ± 11.
#[test]
fn values_that_differ_in_little_share_digests_by_chance_alone() {
    const VALUES: u64 = 1 << 20;
    let whole = ValueDigest::of(&column("thing", ColumnType::Int8));
    let word = ValueDigest::of(&column("thing", text("text")));
    let shared = |digest: &dyn Fn(u64) -> u32| {
        let digests: HashSet<u32> = (0..VALUES).map(digest).collect();
        VALUES - digests.len() as u64
    };
    let ways: [(&str, &dyn Fn(u64) -> u32); 4] = [
        ("counted", &|n| whole.number(n.cast_signed())),
        ("in the high bits", &|n| {
            whole.number((n << 44).cast_signed())
        }),
        ("as text", &|n| word.bytes(format!("value {n}").as_bytes())),
        ("in a long text", &|n| {
            word.bytes(format!("{n:>12} and what follows it").as_bytes())
        }),
    ];
    for (way, digest) in ways {
        let shared = shared(digest);
        assert!((70..200).contains(&shared), "{way}: {shared}");
    }
}

#[test]
fn a_tail_is_read_as_a_word() {
    for length in 1..8_usize {
        let tail = &[0xf1, 0x82, 0x73, 0x64, 0x95, 0x46, 0x37][..length];
        let mut word = [0; 8];
        word[..length].copy_from_slice(tail);
        assert_eq!(word_of(tail), u64::from_le_bytes(word), "{length} bytes");
    }
}

/// Ledgers hold digests of earlier versions of this program.
#[test]
fn a_value_has_the_digest_that_it_always_had() {
    for (column_type, field, digest) in [
        (text("text"), "", 374_668_949),
        (text("text"), "Ann", 3_374_621_003),
        (text("text"), "Annabel", 4_127_851_005),
        (text("text"), "Annabels", 3_103_441_159),
        (text("text"), "Annabel Lee, by the sea", 1_699_444_585),
        (ColumnType::Int4, "-7", 4_196_376_779),
        (ColumnType::Numeric(None), "12.50", 4_016_317_007),
        (ColumnType::Date, "2024-02-29", 929_266_967),
        (
            ColumnType::Json(JsonKind::Binary),
            "{\"b\":1,\"a\":2}",
            4_256_646_130,
        ),
    ] {
        assert_eq!(of_field(&column_type, field), digest, "{field}");
    }
}
