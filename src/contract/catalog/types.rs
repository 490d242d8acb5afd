//! What the types of columns are: those of Postgres that Hayloft parses itself, and all others with
//! what is known of their parts.
//!
//! A domain is its base type, with its checks beside it. Types that are made of others are known to
//! their last part, so that a text is held against each of them.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Bool, Integer, Oid, Text};

use super::super::identity::Labels;
use super::super::{
    ColumnType, Domain, Equality, IntervalField, IntervalLimit, JsonKind, Nullability,
    NumericLimit, Precision, ServerType, TextForm,
};
use crate::db::prelude::*;

/// A type with its modifier, and what it is made of.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct TypeRow {
    #[diesel(sql_type = BigInt)]
    pub(super) type_oid: i64,
    #[diesel(sql_type = Integer)]
    pub(super) type_modifier: i32,
    #[diesel(sql_type = Text)]
    pub(super) type_name: String,
    #[diesel(sql_type = Text)]
    pub(super) type_schema: String,
    /// As in `pg_type`, and `a` for an array.
    #[diesel(sql_type = Text)]
    pub(super) type_kind: String,
    #[diesel(sql_type = Text)]
    pub(super) type_sql: String,
    /// The same without the modifier.
    #[diesel(sql_type = Text)]
    pub(super) plain_sql: String,
    /// What stands between the elements of an array.
    #[diesel(sql_type = Text)]
    pub(super) delimiter: String,
    #[diesel(sql_type = Bool)]
    pub(super) not_null: bool,
    #[diesel(sql_type = Array<Text>)]
    pub(super) checks: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    pub(super) enum_labels: Vec<String>,
    #[diesel(sql_type = Array<Oid>)]
    pub(super) label_oids: Vec<u32>,
    #[diesel(sql_type = Array<BigInt>)]
    pub(super) made_of: Vec<i64>,
    #[diesel(sql_type = Array<Integer>)]
    pub(super) modifiers: Vec<i32>,
}

/// The types of some tables, by number and modifier.
#[derive(Debug, Default)]
pub(super) struct Types(BTreeMap<(i64, i32), TypeRow>);

/// What a column's type says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Described {
    pub(super) column_type: ColumnType,
    pub(super) domain: Option<Domain>,
    pub(super) nullability: Nullability,
}

/// Who sees to it that a modifier changes no value.
#[derive(Clone, Copy)]
enum Keeper {
    /// The server: it is asked what it makes of a value without the modifier.
    Server,
    /// Hayloft, within a type from which no modifier can be taken.
    Hayloft,
}

/// How deep types are looked into: one may be made of itself.
const DEPTH: usize = 16;

impl Types {
    /// Asks the database.
    pub(super) fn read(
        conn: &mut PgConnection,
        schema: &str,
        tables: &[&str],
    ) -> QueryResult<Self> {
        let rows: Vec<TypeRow> = diesel::sql_query(include_str!("types.sql"))
            .bind::<Text, _>(schema)
            .bind::<Array<Text>, _>(tables)
            .load(conn)?;
        Ok(Self::of(rows))
    }

    pub(super) fn of(rows: Vec<TypeRow>) -> Self {
        let rows = rows.into_iter();
        Self(
            rows.map(|row| ((row.type_oid, row.type_modifier), row))
                .collect(),
        )
    }

    pub(super) fn find(&self, oid: i64, modifier: i32) -> Option<&TypeRow> {
        self.0.get(&(oid, modifier))
    }

    /// What a type is, below all domains.
    pub(super) fn describe(&self, row: &TypeRow) -> Described {
        let mut described = Described {
            column_type: self.column_type(row, Keeper::Server, DEPTH),
            domain: None,
            nullability: Nullability::Nullable,
        };
        let mut checks = Vec::new();
        for domain in self.domains(row) {
            checks.extend_from_slice(&domain.checks);
            if domain.not_null {
                described.nullability = Nullability::Required;
            }
        }
        if !checks.is_empty() {
            let sql = row.type_sql.clone();
            described.domain = Some(Domain { sql, checks });
        }
        described
    }

    /// The labels of all enums that a type is made of.
    pub(super) fn labels(&self, row: &TypeRow) -> Labels {
        self.labels_within(row, DEPTH)
    }

    fn labels_within(&self, row: &TypeRow, depth: usize) -> Labels {
        let own = row.label_oids.iter().copied();
        let mut labels: Labels = own.zip(row.enum_labels.iter().cloned()).collect();
        if let Some(deeper) = depth.checked_sub(1) {
            for part in self.parts(row) {
                labels.extend(self.labels_within(part, deeper));
            }
        }
        labels
    }

    /// The type, if it is a domain, and those that it is made of which are, too.
    fn domains<'r>(&'r self, row: &'r TypeRow) -> impl Iterator<Item = &'r TypeRow> {
        let is_domain = |row: &&TypeRow| row.type_kind == "d";
        std::iter::successors(Some(row), |row| self.parts(row).next())
            .take_while(is_domain)
            .take(DEPTH)
    }

    fn parts<'r>(&'r self, row: &'r TypeRow) -> impl Iterator<Item = &'r TypeRow> {
        let numbers = row.made_of.iter().copied();
        numbers
            .zip(row.modifiers.iter().copied())
            .filter_map(|part| self.0.get(&part))
    }

    fn column_type(&self, row: &TypeRow, keeper: Keeper, depth: usize) -> ColumnType {
        let Some(deeper) = depth.checked_sub(1) else {
            return ColumnType::Other(ServerType::unknown(&row.type_sql));
        };
        let of_parts = match row.type_kind.as_str() {
            "d" | "a" => keeper,
            _ => Keeper::Hayloft,
        };
        let mut parts = self
            .parts(row)
            .map(|part| self.column_type(part, of_parts, deeper));
        let form = match row.type_kind.as_str() {
            "d" => {
                return parts
                    .next()
                    .unwrap_or_else(|| ColumnType::Other(ServerType::unknown(&row.type_sql)));
            }
            "e" => {
                return ColumnType::Enum {
                    sql: row.type_sql.clone(),
                    labels: row.enum_labels.clone(),
                };
            }
            "b" => return scalar(row, keeper),
            "a" if row.delimiter == "," => parts.next().map(Box::new).map(TextForm::Array),
            "r" => parts.next().map(Box::new).map(TextForm::Range),
            "m" => parts.next().map(Box::new).map(TextForm::Multirange),
            "c" => Some(TextForm::Composite(parts.collect())),
            _ => None,
        };
        ColumnType::Other(ServerType {
            sql: row.type_sql.clone(),
            plain: self.plain(row, depth),
            equality: self.equality(row, depth),
            form: form.unwrap_or(TextForm::Any),
        })
    }

    /// The type without its modifier, and without domains as far as a cast leads there.
    fn plain(&self, row: &TypeRow, depth: usize) -> String {
        let part = self.parts(row).next();
        match (row.type_kind.as_str(), part, depth.checked_sub(1)) {
            ("d", Some(base), Some(deeper)) => self.plain(base, deeper),
            ("a", Some(element), Some(deeper)) => format!("{}[]", self.plain(element, deeper)),
            _ if is_money(row) => "numeric".into(),
            _ => row.plain_sql.clone(),
        }
    }

    fn equality(&self, row: &TypeRow, depth: usize) -> Equality {
        let part = self.parts(row).next();
        match (row.type_kind.as_str(), part, depth.checked_sub(1)) {
            ("d" | "a", Some(part), Some(deeper)) => self.equality(part, deeper),
            _ => equality(row),
        }
    }
}

/// Types of Postgres that have a modifier, of which a value has several texts.
const WITH_MODIFIER: [&str; 9] = [
    "numeric",
    "bpchar",
    "bit",
    "varbit",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
];

fn equality(row: &TypeRow) -> Equality {
    let of_postgres = row.type_schema == "pg_catalog";
    if of_postgres && WITH_MODIFIER.contains(&row.type_name.as_str()) || is_money(row) {
        Equality::Value
    } else {
        Equality::Text
    }
}

fn is_money(row: &TypeRow) -> bool {
    row.type_schema == "pg_catalog" && row.type_name == "money"
}

/// A type that is made of no other.
fn scalar(row: &TypeRow, keeper: Keeper) -> ColumnType {
    if row.type_schema != "pg_catalog" {
        return server_type(row, keeper);
    }
    let modifier = Some(row.type_modifier).filter(|modifier| *modifier >= 0);
    match (row.type_name.as_str(), modifier) {
        ("int2", _) => ColumnType::Int2,
        ("int4", _) => ColumnType::Int4,
        ("int8", _) => ColumnType::Int8,
        ("float4", _) => ColumnType::Float4,
        ("float8", _) => ColumnType::Float8,
        ("bool", _) => ColumnType::Bool,
        ("date", _) => ColumnType::Date,
        ("uuid", _) => ColumnType::Uuid,
        ("json", _) => ColumnType::Json(JsonKind::Text),
        ("jsonb", _) => ColumnType::Json(JsonKind::Binary),
        ("timestamp", _) => ColumnType::Timestamp(precision(modifier)),
        ("timestamptz", _) => ColumnType::TimestampTz(precision(modifier)),
        ("numeric", None) => ColumnType::Numeric(None),
        ("numeric", Some(packed)) => match numeric_limit(packed) {
            Some(limit) => ColumnType::Numeric(Some(limit)),
            None => server_type(row, keeper),
        },
        ("text" | "varchar" | "bpchar", packed) => ColumnType::Text {
            sql: row.type_sql.clone(),
            max_chars: packed.and_then(max_chars),
        },
        _ => server_type(row, keeper),
    }
}

fn server_type(row: &TypeRow, keeper: Keeper) -> ColumnType {
    ColumnType::Other(ServerType {
        sql: row.type_sql.clone(),
        plain: if is_money(row) {
            "numeric".into()
        } else {
            row.plain_sql.clone()
        },
        equality: equality(row),
        form: form(row, keeper),
    })
}

/// What Hayloft knows of a type that the server reads.
fn form(row: &TypeRow, keeper: Keeper) -> TextForm {
    // The one in all servers that nobody built otherwise.
    const LONGEST_NAME: usize = 63;
    let modifier = Some(row.type_modifier).filter(|modifier| *modifier >= 0);
    match (row.type_schema.as_str(), row.type_name.as_str()) {
        ("pg_catalog", "time") => TextForm::Time(precision(modifier)),
        ("pg_catalog", "timetz") => TextForm::TimeTz(precision(modifier)),
        ("pg_catalog", "interval") => match (keeper, modifier) {
            (Keeper::Hayloft, Some(packed)) => TextForm::LimitedInterval(interval_limit(packed)),
            _ => TextForm::Interval,
        },
        ("pg_catalog", "money") => TextForm::Money,
        ("pg_catalog", "name") => TextForm::Bytes(LONGEST_NAME),
        ("pg_catalog", "char") => TextForm::Bytes(1),
        ("pg_catalog", "oid" | "xid" | "cid") => TextForm::Unsigned(u32::MAX.into()),
        ("pg_catalog", "xid8") => TextForm::Unsigned(u64::MAX),
        ("pg_catalog", "tsvector") => TextForm::TextSearchVector,
        ("pg_catalog", "cidr") => TextForm::Network,
        ("pg_catalog", "point" | "line" | "lseg" | "box" | "path" | "polygon" | "circle") => {
            TextForm::Floats
        }
        (schema, "hstore") if schema != "pg_catalog" => TextForm::Pairs,
        _ => TextForm::Any,
    }
}

/// A text whose collation takes different texts for equal is one that the server alone can tell.
pub(super) fn overlooking(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::Text { sql, .. } => ColumnType::Other(ServerType {
            sql,
            plain: "text".into(),
            equality: Equality::Text,
            form: TextForm::Any,
        }),
        other => other,
    }
}

fn precision(modifier: Option<i32>) -> Precision {
    let digits = modifier.and_then(|modifier| u8::try_from(modifier).ok());
    digits.and_then(Precision::new).unwrap_or(Precision::MICROS)
}

/// Postgres adds 4 to the modifiers of `numeric` and of the texts.
const MODIFIER_OFFSET: i32 = 4;

fn max_chars(modifier: i32) -> Option<u32> {
    u32::try_from(modifier - MODIFIER_OFFSET).ok()
}

/// The fields are bits above the digits of a second.
fn interval_limit(modifier: i32) -> IntervalLimit {
    const FIELDS: [(i32, IntervalField); 6] = [
        (12, IntervalField::Second),
        (11, IntervalField::Minute),
        (10, IntervalField::Hour),
        (3, IntervalField::Day),
        (1, IntervalField::Month),
        (2, IntervalField::Year),
    ];
    let (fields, digits) = (modifier >> 16, modifier & 0xffff);
    let least = FIELDS.iter().find(|(bit, _)| fields & (1 << bit) != 0);
    IntervalLimit {
        least: least.map_or(IntervalField::Second, |(_, field)| *field),
        precision: precision(Some(digits)),
    }
}

fn numeric_limit(modifier: i32) -> Option<NumericLimit> {
    let packed = modifier - MODIFIER_OFFSET;
    // The scale is the lowest 11 bits, with a sign.
    let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
    let precision = (packed >> 16) & 0xffff;
    Some(NumericLimit {
        precision: u16::try_from(precision).ok()?,
        scale: i16::try_from(scale).ok()?,
    })
}

#[cfg(test)]
mod tests;
