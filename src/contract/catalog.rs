//! What Postgres knows of the tables: names, types, NOT NULL, unique keys.
//!
//! In: a schema and names of tables. Out: plain structs. The statements name everything by its
//! schema, so no `search_path` changes what they mean, and they run on Postgres 15. What the
//! tables ought to look like is not known here.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text};

use crate::db::access::{self, Need};

use super::{ColumnType, ContractFile, Ident, JsonKind, Nullability, NumericLimit, WAREHOUSE};

/// The tables of one schema, as far as they were asked for and are there.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The schema.
    pub schema: String,
    /// The tables by name.
    pub tables: BTreeMap<String, CatalogTable>,
    /// What keeps this role from working with a table, by the table's name.
    pub obstacles: BTreeMap<String, String>,
}

/// One table.
#[derive(Clone, Debug)]
pub struct CatalogTable {
    /// Whether it is a table at all.
    pub relation: Relation,
    /// The columns, in the table's own order.
    pub columns: Vec<CatalogColumn>,
    /// The unique indexes over plain columns.
    pub unique_keys: Vec<UniqueKey>,
}

/// What can stand in a schema under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// A table, partitioned or not.
    Table,
    /// Something with columns that is loaded in another way, if at all.
    NotATable,
}

/// One column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogColumn {
    /// The name.
    pub name: String,
    /// The type.
    pub column_type: ColumnType,
    /// Whether NULL is refused.
    pub nullability: Nullability,
    /// Who gives it its value.
    pub origin: Origin,
}

/// Who gives a column its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Whoever inserts the row.
    Inserted,
    /// The database, always: an identity or a generated column.
    Generated,
    /// The database, where nobody else does: a column that takes its default from a sequence.
    Numbered,
}

/// A unique index that is enforced at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UniqueKey {
    /// The columns, in the table's own order.
    pub columns: Vec<String>,
    /// The condition, as the catalog spells it.
    pub predicate: Option<String>,
}

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    relation_kind: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    type_name: String,
    #[diesel(sql_type = Text)]
    type_schema: String,
    #[diesel(sql_type = Text)]
    type_kind: String,
    #[diesel(sql_type = Text)]
    type_sql: String,
    #[diesel(sql_type = Integer)]
    type_modifier: i32,
    #[diesel(sql_type = Bool)]
    not_null: bool,
    #[diesel(sql_type = Bool)]
    generated: bool,
    #[diesel(sql_type = Nullable<Text>)]
    default_sql: Option<String>,
    #[diesel(sql_type = Array<Text>)]
    enum_labels: Vec<String>,
}

#[derive(QueryableByName)]
struct UniqueKeyRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Array<Text>)]
    column_names: Vec<String>,
    #[diesel(sql_type = Nullable<Text>)]
    predicate: Option<String>,
}

impl CatalogTable {
    /// The names of all columns, in the table's own order.
    #[must_use]
    pub fn names(&self) -> Vec<Ident> {
        let names = self.columns.iter().map(|column| &column.name);
        names.map(Ident::vouched).collect()
    }
}

impl Catalog {
    /// Asks the database for the tables of `hayloft.toml`, and whether this role can do with them what is
    /// to be done.
    pub fn of(conn: &mut PgConnection, file: &ContractFile, need: Need) -> QueryResult<Self> {
        let names = file.tables.iter().map(|entry| entry.name.as_str());
        let names: Vec<&str> = names.collect();
        let mut catalog = Self::read(conn, WAREHOUSE, &names)?;
        let obstacles = access::obstacles(conn, WAREHOUSE, Some(&names), need)?;
        catalog.obstacles = obstacles
            .into_iter()
            .map(|obstacle| (obstacle.table, obstacle.sentence))
            .collect();
        Ok(catalog)
    }

    /// Asks the database for the tables. One that is not there is left out.
    pub fn read(conn: &mut PgConnection, schema: &str, tables: &[&str]) -> QueryResult<Self> {
        let columns = select_columns(conn, schema, tables)?;
        let unique_keys = select_unique_keys(conn, schema, tables)?;
        Ok(Self {
            schema: schema.to_owned(),
            tables: group_by_table(columns, unique_keys),
            obstacles: BTreeMap::new(),
        })
    }
}

fn select_columns(
    conn: &mut PgConnection,
    schema: &str,
    tables: &[&str],
) -> QueryResult<Vec<ColumnRow>> {
    diesel::sql_query(include_str!("catalog/columns.sql"))
        .bind::<Text, _>(schema)
        .bind::<Array<Text>, _>(tables)
        .load(conn)
}

fn select_unique_keys(
    conn: &mut PgConnection,
    schema: &str,
    tables: &[&str],
) -> QueryResult<Vec<UniqueKeyRow>> {
    diesel::sql_query(include_str!("catalog/unique_keys.sql"))
        .bind::<Text, _>(schema)
        .bind::<Array<Text>, _>(tables)
        .load(conn)
}

fn group_by_table(
    columns: Vec<ColumnRow>,
    unique_keys: Vec<UniqueKeyRow>,
) -> BTreeMap<String, CatalogTable> {
    let mut tables: BTreeMap<String, CatalogTable> = BTreeMap::new();
    for row in columns {
        let relation = relation(&row.relation_kind);
        let table = tables
            .entry(row.table_name.clone())
            .or_insert_with(|| CatalogTable {
                relation,
                columns: Vec::new(),
                unique_keys: Vec::new(),
            });
        table.columns.push(column(row));
    }
    for row in unique_keys {
        if let Some(table) = tables.get_mut(&row.table_name) {
            table.unique_keys.push(UniqueKey {
                columns: row.column_names,
                predicate: row.predicate,
            });
        }
    }
    tables
}

fn relation(kind: &str) -> Relation {
    match kind {
        "r" | "p" => Relation::Table,
        _ => Relation::NotATable,
    }
}

fn column(row: ColumnRow) -> CatalogColumn {
    let numbered = row
        .default_sql
        .as_ref()
        .is_some_and(|sql| sql.starts_with("nextval("));
    CatalogColumn {
        origin: match (row.generated, numbered) {
            (true, _) => Origin::Generated,
            (false, true) => Origin::Numbered,
            (false, false) => Origin::Inserted,
        },
        nullability: if row.not_null {
            Nullability::Required
        } else {
            Nullability::Nullable
        },
        name: row.column_name.clone(),
        column_type: column_type(row),
    }
}

/// The types that Hayloft parses itself are Postgres's own, without a modifier that would change
/// a value on its way in. A domain has checks that only the server knows, so it is not seen as
/// its base type.
fn column_type(row: ColumnRow) -> ColumnType {
    let sql = row.type_sql;
    if row.type_kind == "e" {
        return ColumnType::Enum {
            sql,
            labels: row.enum_labels,
        };
    }
    if row.type_schema != "pg_catalog" {
        return ColumnType::Other { sql };
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
        ("timestamp", None) => ColumnType::Timestamp,
        ("timestamptz", None) => ColumnType::TimestampTz,
        ("numeric", None) => ColumnType::Numeric(None),
        ("numeric", Some(packed)) => numeric_limit(packed)
            .map_or(ColumnType::Other { sql }, |limit| {
                ColumnType::Numeric(Some(limit))
            }),
        ("text" | "varchar" | "bpchar", packed) => ColumnType::Text {
            sql,
            max_chars: packed.and_then(max_chars),
        },
        _ => ColumnType::Other { sql },
    }
}

/// Postgres adds 4 to the modifiers of `numeric` and of the texts.
const MODIFIER_OFFSET: i32 = 4;

fn max_chars(modifier: i32) -> Option<u32> {
    u32::try_from(modifier - MODIFIER_OFFSET).ok()
}

/// `None` for a negative scale, which rounds to the left of the point.
fn numeric_limit(modifier: i32) -> Option<NumericLimit> {
    let packed = modifier - MODIFIER_OFFSET;
    // The scale is the lowest 11 bits, with a sign.
    let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
    let precision = (packed >> 16) & 0xffff;
    Some(NumericLimit {
        precision: u16::try_from(precision).ok()?,
        scale: u16::try_from(scale).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(type_name: &str, type_modifier: i32) -> ColumnRow {
        ColumnRow {
            table_name: "t".into(),
            relation_kind: "r".into(),
            column_name: "c".into(),
            type_name: type_name.into(),
            type_schema: "pg_catalog".into(),
            type_kind: "b".into(),
            type_sql: format!("{type_name} as sql"),
            type_modifier,
            not_null: false,
            generated: false,
            default_sql: None,
            enum_labels: Vec::new(),
        }
    }

    fn other(type_name: &str) -> ColumnType {
        ColumnType::Other {
            sql: format!("{type_name} as sql"),
        }
    }

    fn text(type_name: &str, max_chars: Option<u32>) -> ColumnType {
        ColumnType::Text {
            sql: format!("{type_name} as sql"),
            max_chars,
        }
    }

    #[test]
    fn each_type_of_postgres_is_one_of_ours_or_other() {
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
            ("timestamp", -1, ColumnType::Timestamp),
            ("timestamptz", -1, ColumnType::TimestampTz),
            // timestamptz(3) rounds on its way in.
            ("timestamptz", 3, other("timestamptz")),
            ("numeric", -1, ColumnType::Numeric(None)),
            ("numeric", 786_438, limit(12, 2)),
            // numeric(5,-2), numeric(3,7)
            ("numeric", ((5 << 16) | 0x7fe) + 4, other("numeric")),
            ("numeric", ((3 << 16) | 7) + 4, limit(3, 7)),
            ("text", -1, text("text", None)),
            ("varchar", 24, text("varchar", Some(20))),
            ("bpchar", 5, text("bpchar", Some(1))),
            ("char", -1, other("char")),
            ("name", -1, other("name")),
            ("bytea", -1, other("bytea")),
            ("_int4", -1, other("_int4")),
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
        assert_eq!(column_type(foreign), other("text"));
        let domain = ColumnRow {
            type_kind: "d".into(),
            type_schema: "public".into(),
            ..row("email", -1)
        };
        assert_eq!(column_type(domain), other("email"));
        let mood = ColumnRow {
            type_kind: "e".into(),
            enum_labels: vec!["ok".into()],
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
                    default_sql: sequence,
                    ..row("int8", -1)
                },
                Origin::Numbered,
            ),
            (
                ColumnRow {
                    default_sql: Some("now()".into()),
                    ..row("timestamptz", -1)
                },
                Origin::Inserted,
            ),
        ] {
            assert_eq!(column(row).origin, origin);
        }
    }
}
