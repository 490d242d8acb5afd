//! What Postgres knows of the tables: names, types, NOT NULL, unique keys.
//!
//! In: a schema and names of tables. Out: plain structs. The statements name everything by its
//! schema, so no `search_path` changes what they mean, and they run on Postgres 15. What the
//! tables ought to look like is not known here.

mod known;

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Oid, SmallInt, Text};

use super::identity::{self, ColumnId, KnownTable, Now, SchemaChange, TableRows};
use super::{
    ColumnType, ContractFile, Ident, JsonKind, Nullability, NumericLimit, QualifiedName, WAREHOUSE,
};
use crate::db::Prepare;
use crate::db::access::{self, Need};

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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogTable {
    /// Whether it is a table at all.
    pub relation: Relation,
    /// Its oid.
    pub oid: u32,
    /// The columns, in the table's own order.
    pub columns: Vec<CatalogColumn>,
    /// The unique indexes over plain columns.
    pub unique_keys: Vec<UniqueKey>,
    /// What else decides about rows on their way in: triggers, rules, row security, and the names of
    /// unique indexes; each as a text that is another one when it is changed.
    pub rules: Vec<String>,
    /// The ids that the ledger has given to its columns, those that are gone included.
    pub taken_ids: Vec<ColumnId>,
    /// What the ledger has to hear of the table.
    pub changes: Vec<SchemaChange>,
}

impl CatalogTable {
    /// A table with these columns, of which nothing else is known.
    #[must_use]
    pub fn new(columns: Vec<CatalogColumn>, unique_keys: Vec<UniqueKey>) -> Self {
        Self {
            relation: Relation::Table,
            oid: 0,
            columns,
            unique_keys,
            rules: Vec::new(),
            taken_ids: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Whether the table is as it was when this was read, as far as rows on their way in are
    /// concerned.
    #[must_use]
    pub fn takes_rows_like(&self, other: &Self) -> bool {
        let pairs = self.columns.iter().zip(&other.columns);
        (self.oid, &self.rules, self.columns.len())
            == (other.oid, &other.rules, other.columns.len())
            && pairs
                .into_iter()
                .all(|(one, other)| one.takes_values_like(other))
    }
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
    /// Its number in the table, which a rename leaves alone.
    pub number: i16,
    /// The type as the catalog spells it.
    pub type_sql: String,
    /// The expression of its default, if it has one.
    pub default_sql: Option<String>,
    /// What the ledger calls it.
    pub id: ColumnId,
}

impl CatalogColumn {
    /// Its name, to be written into statements.
    #[must_use]
    pub fn ident(&self) -> Ident {
        Ident::vouched(&self.name)
    }

    /// Whether it is the same column in all but what the ledger calls it.
    fn takes_values_like(&self, other: &Self) -> bool {
        let same_id = Self {
            id: self.id.clone(),
            ..other.clone()
        };
        *self == same_id
    }

    /// A column that a file may fill, with no default, called in the ledger as it is here.
    #[must_use]
    pub fn new(name: &str, column_type: ColumnType, nullability: Nullability) -> Self {
        Self {
            name: name.to_owned(),
            type_sql: column_type.sql(),
            column_type,
            nullability,
            origin: Origin::Inserted,
            number: 0,
            default_sql: None,
            id: ColumnId::new(name),
        }
    }
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
    #[diesel(sql_type = SmallInt)]
    number: i16,
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
struct TableRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Oid)]
    oid: u32,
    #[diesel(sql_type = Bool)]
    has_rows: bool,
    #[diesel(sql_type = Nullable<Oid>)]
    ledger: Option<u32>,
    #[diesel(sql_type = Array<Text>)]
    rules: Vec<String>,
}

impl TableRow {
    fn rows(&self) -> TableRows {
        if self.has_rows {
            TableRows::Some
        } else {
            TableRows::None
        }
    }
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
        let states = select_tables(conn, schema, tables)?;
        let unique_keys = select_unique_keys(conn, schema, tables)?;
        let mut catalog = Self {
            schema: schema.to_owned(),
            tables: group_by_table(columns, &states),
            obstacles: BTreeMap::new(),
        };
        for row in unique_keys {
            if let Some(table) = catalog.tables.get_mut(&row.table_name) {
                table.unique_keys.push(UniqueKey {
                    columns: row.column_names,
                    predicate: row.predicate,
                });
            }
        }
        catalog.identify(conn, &states)?;
        Ok(catalog)
    }

    /// Finds what the ledger calls each column, and what it has to hear.
    fn identify(&mut self, conn: &mut PgConnection, states: &[TableRow]) -> QueryResult<()> {
        if states.iter().all(|state| state.ledger.is_none()) {
            return Ok(());
        }
        let names = states.iter().map(|state| state.table_name.as_str());
        let oids = states.iter().map(|state| state.oid);
        let known = known::read(conn, names.collect(), oids.collect())?;
        for state in states {
            let Some(table) = self.tables.get_mut(&state.table_name) else {
                continue;
            };
            let now = Now {
                name: &state.table_name,
                ledger: state.ledger.unwrap_or_default(),
                rows: state.rows(),
            };
            let known = known.get(&state.table_name);
            let (ids, changes) = identity::recognise(known, now, table);
            for (column, id) in table.columns.iter_mut().zip(ids) {
                column.id = id;
            }
            table.taken_ids = known.map(KnownTable::ids).unwrap_or_default();
            let of_now = table.columns.iter().map(|column| column.id.clone());
            table.taken_ids.extend(of_now);
            table.changes = changes;
        }
        Ok(())
    }

    /// The tables with what decides about rows on their way in, and nothing of the ledger: to be
    /// compared with what was read before.
    pub fn as_it_is(conn: &mut PgConnection, schema: &str, tables: &[&str]) -> QueryResult<Self> {
        let columns = select_columns(conn, schema, tables)?;
        let states = select_tables(conn, schema, tables)?;
        Ok(Self {
            schema: schema.to_owned(),
            tables: group_by_table(columns, &states),
            obstacles: BTreeMap::new(),
        })
    }

    /// The name of a table that is there, to be written into statements.
    #[must_use]
    pub fn qualified(&self, table: &str) -> Option<QualifiedName> {
        self.tables.contains_key(table).then(|| QualifiedName {
            schema: Ident::vouched(&self.schema),
            table: Ident::vouched(table),
        })
    }

    /// Whether the ledger has to hear of something that a table has become.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.tables.values().any(|table| !table.changes.is_empty())
    }
}

fn select_tables(
    conn: &mut PgConnection,
    schema: &str,
    tables: &[&str],
) -> QueryResult<Vec<TableRow>> {
    diesel::sql_query(include_str!("catalog/tables.sql"))
        .bind::<Text, _>(schema)
        .bind::<Array<Text>, _>(tables)
        .prepared()
        .load(conn)
}

fn select_columns(
    conn: &mut PgConnection,
    schema: &str,
    tables: &[&str],
) -> QueryResult<Vec<ColumnRow>> {
    diesel::sql_query(include_str!("catalog/columns.sql"))
        .bind::<Text, _>(schema)
        .bind::<Array<Text>, _>(tables)
        .prepared()
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

fn group_by_table(columns: Vec<ColumnRow>, states: &[TableRow]) -> BTreeMap<String, CatalogTable> {
    let mut tables: BTreeMap<String, CatalogTable> = BTreeMap::new();
    for row in columns {
        let relation = relation(&row.relation_kind);
        let table = tables
            .entry(row.table_name.clone())
            .or_insert_with(|| CatalogTable {
                relation,
                ..CatalogTable::new(Vec::new(), Vec::new())
            });
        table.columns.push(column(row));
    }
    for state in states {
        if let Some(table) = tables.get_mut(&state.table_name) {
            table.oid = state.oid;
            table.rules.clone_from(&state.rules);
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
        id: ColumnId::new(&row.column_name),
        name: row.column_name.clone(),
        number: row.number,
        type_sql: row.type_sql.clone(),
        default_sql: row.default_sql.clone(),
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
            number: 1,
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
