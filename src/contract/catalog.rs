//! What Postgres knows of the tables: names, types, NOT NULL, unique keys.
//!
//! In: a schema and names of tables. Out: plain structs. The statements name everything by its
//! schema, so no `search_path` changes what they mean, and they run on Postgres 15. What the
//! tables ought to look like is not known here.

mod known;
mod types;

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Oid, SmallInt, Text};

use self::types::{TypeRow, Types, overlooking};
use super::identity::{self, ColumnId, KnownTable, Labels, LoadedRows, Now, SchemaChange};
use super::managed::LOAD_ID;
use super::{ColumnType, ContractFile, Domain, Ident, Nullability, QualifiedName, WAREHOUSE};
use crate::db::access::{self, Need};
use crate::db::prelude::*;
use crate::db::{Prepare, YesOrNo};

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

    /// Whether it can have rows that name their load.
    fn may_have_loaded_rows(&self) -> bool {
        let mut columns = self.columns.iter();
        self.relation == Relation::Table
            && columns.any(|it| {
                it.name == LOAD_ID && matches!(it.column_type, ColumnType::Int4 | ColumnType::Int8)
            })
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
    /// The type. Of a domain, its base type.
    pub column_type: ColumnType,
    /// The domain, if it is one with checks.
    pub domain: Option<Domain>,
    /// Whether NULL is refused, by the column or by its domain.
    pub nullability: Nullability,
    /// Who gives it its value.
    pub origin: Origin,
    /// Its number in the table, which a rename leaves alone.
    pub number: i16,
    /// The type as the catalog spells it.
    pub type_sql: String,
    /// The labels of all enums that its type is made of.
    pub labels: Labels,
    /// Its default, if it has one.
    pub default: Option<ColumnDefault>,
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
            domain: None,
            nullability,
            origin: Origin::Inserted,
            number: 0,
            labels: Labels::new(),
            default: None,
            id: ColumnId::new(name),
        }
    }
}

/// What a column gets of which an insert does not speak.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnDefault {
    /// The expression, as the catalog spells it.
    pub sql: String,
    /// Whether it gives all rows the same.
    pub constancy: Constancy,
}

/// Whether an expression gives all rows of a transaction the same value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constancy {
    /// It does: a constant, or the time at which the transaction began.
    OfTransaction,
    /// Each row has its own: a random number, or the next of a sequence.
    OfRow,
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
    #[diesel(sql_type = BigInt)]
    type_oid: i64,
    #[diesel(sql_type = Text)]
    type_kind: String,
    #[diesel(sql_type = Bool)]
    overlooks: bool,
    #[diesel(sql_type = Text)]
    type_sql: String,
    #[diesel(sql_type = Text)]
    plain_sql: String,
    #[diesel(sql_type = Integer)]
    type_modifier: i32,
    #[diesel(sql_type = Bool)]
    not_null: bool,
    #[diesel(sql_type = Bool)]
    generated: bool,
    #[diesel(sql_type = Nullable<Text>)]
    default_sql: Option<String>,
    #[diesel(sql_type = Text)]
    default_volatility: String,
    #[diesel(sql_type = Nullable<Text>)]
    own_default_sql: Option<String>,
    #[diesel(sql_type = Array<Text>)]
    enum_labels: Vec<String>,
    #[diesel(sql_type = Array<Oid>)]
    label_oids: Vec<u32>,
}

#[derive(QueryableByName)]
struct TableRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Oid)]
    oid: u32,
    #[diesel(sql_type = Nullable<Oid>)]
    ledger: Option<u32>,
    #[diesel(sql_type = Array<Text>)]
    rules: Vec<String>,
}

impl TableRow {
    /// Whether the table has rows that loads of its name brought. Only one that may have been made anew is
    /// asked, since whoever fills a table may have it alone.
    fn rows(
        &self,
        conn: &mut PgConnection,
        known: Option<&KnownTable>,
        name: &QualifiedName,
        table: &CatalogTable,
    ) -> QueryResult<LoadedRows> {
        let is_another =
            |known: &&KnownTable| known.relation != self.oid && Some(known.ledger) == self.ledger;
        let Some(known) = known.filter(is_another) else {
            return Ok(LoadedRows::Some);
        };
        if !table.may_have_loaded_rows() {
            return Ok(LoadedRows::None);
        }
        if !self.may_look(conn)? {
            return Ok(LoadedRows::Some);
        }
        let answer: YesOrNo = diesel::sql_query(has_loaded_rows(name))
            .bind::<Text, _>(known.name.as_str())
            .get_result(conn)?;
        Ok(if answer.is_yes() {
            LoadedRows::Some
        } else {
            LoadedRows::None
        })
    }

    fn may_look(&self, conn: &mut PgConnection) -> QueryResult<bool> {
        diesel::sql_query(include_str!("catalog/may_look.sql"))
            .bind::<Oid, _>(self.oid)
            .get_result(conn)
            .map(YesOrNo::is_yes)
    }
}

/// Whether a table has a row that a load brought. Bind: the name under which the ledger has its loads.
#[must_use]
pub fn has_loaded_rows(table: &QualifiedName) -> String {
    format!(
        "select exists (\n    \
             select from {table} as brought\n    \
             join hayloft.load as known on known.load_id = brought.{LOAD_ID}\n    \
             where known.table_name = $1\n\
         ) as answer"
    )
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
        let types = types_of(conn, schema, tables, &columns)?;
        let states = select_tables(conn, schema, tables)?;
        let unique_keys = select_unique_keys(conn, schema, tables)?;
        let mut catalog = Self {
            schema: schema.to_owned(),
            tables: group_by_table(columns, &states, &types),
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
            let known = known.get(&state.table_name);
            let name = QualifiedName {
                schema: Ident::vouched(&self.schema),
                table: Ident::vouched(&state.table_name),
            };
            let now = Now {
                name: &state.table_name,
                ledger: state.ledger.unwrap_or_default(),
                rows: state.rows(conn, known, &name, table)?,
            };
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
        let types = types_of(conn, schema, tables, &columns)?;
        let states = select_tables(conn, schema, tables)?;
        Ok(Self {
            schema: schema.to_owned(),
            tables: group_by_table(columns, &states, &types),
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

/// The types of the columns, where some are made of others: of all else the column's row says enough.
fn types_of(
    conn: &mut PgConnection,
    schema: &str,
    tables: &[&str],
    columns: &[ColumnRow],
) -> QueryResult<Types> {
    let is_plain = |column: &ColumnRow| ["b", "e"].contains(&column.type_kind.as_str());
    if columns.iter().all(is_plain) {
        return Ok(Types::default());
    }
    Types::read(conn, schema, tables)
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
    states: &[TableRow],
    types: &Types,
) -> BTreeMap<String, CatalogTable> {
    let mut tables: BTreeMap<String, CatalogTable> = BTreeMap::new();
    for row in columns {
        let relation = relation(&row.relation_kind);
        let table = tables
            .entry(row.table_name.clone())
            .or_insert_with(|| CatalogTable {
                relation,
                ..CatalogTable::new(Vec::new(), Vec::new())
            });
        table.columns.push(column(row, types));
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

fn column(row: ColumnRow, types: &Types) -> CatalogColumn {
    // A domain over a sequence is what people give values to; a column of one is the server's.
    let numbered = row
        .own_default_sql
        .as_ref()
        .is_some_and(|sql| sql.starts_with("nextval("));
    let origin = match (row.generated, numbered) {
        (true, _) => Origin::Generated,
        (false, true) => Origin::Numbered,
        (false, false) => Origin::Inserted,
    };
    let plain = row.plain_type();
    let found = types
        .find(row.type_oid, row.type_modifier)
        .unwrap_or(&plain);
    let described = types.describe(found);
    CatalogColumn {
        column_type: if row.overlooks {
            overlooking(described.column_type)
        } else {
            described.column_type
        },
        domain: described.domain,
        nullability: if row.not_null {
            Nullability::Required
        } else {
            described.nullability
        },
        origin,
        id: ColumnId::new(&row.column_name),
        name: row.column_name,
        number: row.number,
        type_sql: row.type_sql,
        labels: types.labels(found),
        default: row.default_sql.map(|sql| ColumnDefault {
            sql,
            constancy: match row.default_volatility.as_str() {
                "v" => Constancy::OfRow,
                _ => Constancy::OfTransaction,
            },
        }),
    }
}

impl ColumnRow {
    /// Its type, if that is made of no other.
    fn plain_type(&self) -> TypeRow {
        TypeRow {
            type_oid: self.type_oid,
            type_modifier: self.type_modifier,
            type_name: self.type_name.clone(),
            type_schema: self.type_schema.clone(),
            type_kind: self.type_kind.clone(),
            type_sql: self.type_sql.clone(),
            plain_sql: self.plain_sql.clone(),
            delimiter: ",".to_owned(),
            not_null: false,
            checks: Vec::new(),
            enum_labels: self.enum_labels.clone(),
            label_oids: self.label_oids.clone(),
            made_of: Vec::new(),
            modifiers: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
