//! What the ledger knows of the identity of tables.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, Bool, Oid, SmallInt, Text};

use crate::contract::identity::{ColumnId, ColumnPresence, KnownColumn, KnownTable};
use crate::db::prelude::*;

#[derive(QueryableByName)]
struct KnownRow {
    #[diesel(sql_type = Text)]
    wanted: String,
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Oid)]
    relation: u32,
    #[diesel(sql_type = Oid)]
    ledger: u32,
    #[diesel(sql_type = Text)]
    column_id: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = SmallInt)]
    number: i16,
    #[diesel(sql_type = Text)]
    type_sql: String,
    #[diesel(sql_type = Bool)]
    dropped: bool,
    #[diesel(sql_type = Text)]
    labels: String,
}

/// What the ledger knows of these tables, by their names of now. One of which it knows nothing is
/// left out.
pub(super) fn read(
    conn: &mut PgConnection,
    names: Vec<&str>,
    oids: Vec<u32>,
) -> QueryResult<BTreeMap<String, KnownTable>> {
    let rows: Vec<KnownRow> = diesel::sql_query(include_str!("known.sql"))
        .bind::<Array<Text>, _>(names)
        .bind::<Array<Oid>, _>(oids)
        .load(conn)?;
    let mut tables: BTreeMap<String, KnownTable> = BTreeMap::new();
    for row in rows {
        let table = tables
            .entry(row.wanted.clone())
            .or_insert_with(|| KnownTable {
                name: row.table_name.clone(),
                relation: row.relation,
                ledger: row.ledger,
                columns: Vec::new(),
            });
        table.columns.push(row.column());
    }
    Ok(tables)
}

impl KnownRow {
    fn column(self) -> KnownColumn {
        KnownColumn {
            id: ColumnId::new(self.column_id),
            name: self.column_name,
            number: self.number,
            type_sql: self.type_sql,
            // What nobody can read is taken for unknown, and written anew.
            labels: serde_json::from_str(&self.labels).unwrap_or_default(),
            presence: if self.dropped {
                ColumnPresence::Dropped
            } else {
                ColumnPresence::There
            },
        }
    }
}
