//! What the catalog says of a column, from the row that it gives.

use super::super::{Equality, JsonKind, NumericLimit, Precision, ServerType, TextForm};
use super::*;

fn row(type_name: &str, type_modifier: i32) -> ColumnRow {
    ColumnRow {
        table_name: "t".into(),
        relation_kind: "r".into(),
        column_name: "c".into(),
        number: 1,
        type_name: type_name.into(),
        type_schema: "pg_catalog".into(),
        type_kind: "b".into(),
        type_oid: 1,
        overlooks: false,
        type_sql: format!("{type_name} as sql"),
        plain_sql: format!("plain {type_name}"),
        type_modifier,
        not_null: false,
        generated: false,
        default_sql: None,
        default_volatility: "s".into(),
        own_default_sql: None,
        enum_labels: Vec::new(),
        label_oids: Vec::new(),
    }
}

fn column_type(row: ColumnRow) -> ColumnType {
    column(row, &Types::default()).column_type
}

fn other(type_name: &str, equality: Equality, form: TextForm) -> ColumnType {
    ColumnType::Other(ServerType {
        sql: format!("{type_name} as sql"),
        plain: format!("plain {type_name}"),
        equality,
        form,
    })
}

fn text(type_name: &str, max_chars: Option<u32>) -> ColumnType {
    ColumnType::Text {
        sql: format!("{type_name} as sql"),
        max_chars,
    }
}

#[test]
fn each_type_of_postgres_is_one_of_ours_or_other() {
    use Equality::{Text, Value};
    let seconds = Precision::new(0).unwrap();
    let limit = |precision, scale| ColumnType::Numeric(Some(NumericLimit { precision, scale }));
    for (name, modifier, expected) in [
        ("int2", -1, ColumnType::Int2),
        ("int4", -1, ColumnType::Int4),
        ("int8", -1, ColumnType::Int8),
        ("float4", -1, ColumnType::Float4),
        ("float8", -1, ColumnType::Float8),
        ("bool", -1, ColumnType::Bool),
        ("date", -1, ColumnType::Date),
        ("uuid", -1, ColumnType::Uuid),
        ("json", -1, ColumnType::Json(JsonKind::Text)),
        ("jsonb", -1, ColumnType::Json(JsonKind::Binary)),
        ("timestamp", -1, ColumnType::Timestamp(Precision::MICROS)),
        ("timestamp", 0, ColumnType::Timestamp(seconds)),
        (
            "timestamptz",
            -1,
            ColumnType::TimestampTz(Precision::MICROS),
        ),
        ("timestamptz", 0, ColumnType::TimestampTz(seconds)),
        ("numeric", -1, ColumnType::Numeric(None)),
        ("numeric", 786_438, limit(12, 2)),
        // numeric(5,-2), numeric(3,7)
        ("numeric", ((5 << 16) | 0x7fe) + 4, limit(5, -2)),
        ("numeric", ((3 << 16) | 7) + 4, limit(3, 7)),
        ("text", -1, text("text", None)),
        ("varchar", 24, text("varchar", Some(20))),
        ("bpchar", 5, text("bpchar", Some(1))),
        ("char", -1, other("char", Text, TextForm::Bytes(1))),
        ("name", -1, other("name", Text, TextForm::Bytes(63))),
        ("bytea", -1, other("bytea", Text, TextForm::Any)),
        ("bit", 3, other("bit", Value, TextForm::Any)),
        ("time", 0, other("time", Value, TextForm::Time(seconds))),
        (
            "oid",
            -1,
            other("oid", Text, TextForm::Unsigned(4_294_967_295)),
        ),
    ] {
        assert_eq!(
            column_type(row(name, modifier)),
            expected,
            "{name} {modifier}"
        );
    }
}

#[test]
fn a_type_that_only_has_the_name_of_one_of_ours_is_not_it() {
    let foreign = ColumnRow {
        type_schema: "public".into(),
        ..row("text", -1)
    };
    assert_eq!(
        column_type(foreign),
        other("text", Equality::Text, TextForm::Any)
    );
    let mood = ColumnRow {
        type_kind: "e".into(),
        enum_labels: vec!["ok".into()],
        label_oids: vec![1],
        ..row("mood", -1)
    };
    assert_eq!(
        column_type(mood),
        ColumnType::Enum {
            sql: "mood as sql".into(),
            labels: vec!["ok".into()]
        }
    );
}

#[test]
fn a_collation_that_overlooks_makes_a_text_the_servers() {
    let overlooks = ColumnRow {
        overlooks: true,
        ..row("varchar", 9)
    };
    assert_eq!(
        column_type(overlooks),
        ColumnType::Other(ServerType {
            sql: "varchar as sql".into(),
            plain: "text".into(),
            equality: Equality::Text,
            form: TextForm::Any,
        })
    );
}

#[test]
fn who_gives_the_value_is_known() {
    let sequence = Some("nextval('t_id_seq'::regclass)".to_owned());
    for (row, origin) in [
        (row("int8", -1), Origin::Inserted),
        (
            ColumnRow {
                generated: true,
                ..row("int8", -1)
            },
            Origin::Generated,
        ),
        (
            ColumnRow {
                default_sql: sequence.clone(),
                own_default_sql: sequence.clone(),
                ..row("int8", -1)
            },
            Origin::Numbered,
        ),
        (
            // It is the domain's.
            ColumnRow {
                default_sql: sequence,
                ..row("int8", -1)
            },
            Origin::Inserted,
        ),
        (
            ColumnRow {
                default_sql: Some("now()".into()),
                ..row("timestamptz", -1)
            },
            Origin::Inserted,
        ),
    ] {
        assert_eq!(column(row, &Types::default()).origin, origin);
    }
}

#[test]
fn rows_of_known_loads_are_looked_for() {
    let table = QualifiedName {
        schema: Ident::vouched("datawarehouse"),
        table: Ident::vouched("users"),
    };
    expect_test::expect![[r#"
        select exists (
            select from "datawarehouse"."users" as brought
            join hayloft.load as known on known.load_id = brought.load_id
            where known.table_name = $1
        ) as answer
    "#]]
    .assert_eq(&(has_loaded_rows(&table) + "\n"));
}
