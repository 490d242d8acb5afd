//! The tables of the warehouse: how much is in them, and when that was last added to.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use serde::Serialize;

use crate::contract::file::{KindEntry, TableEntry};
use crate::contract::managed::EFFECTIVE_END_DATE;
use crate::contract::{Ident, QualifiedName, WAREHOUSE};
use crate::db::access::Obstacle;
use crate::db::is_canceled;
use crate::db::prelude::*;
use crate::db::transaction;
use crate::ledger::renamed::RenamedTable;

/// One table.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// Its name.
    pub table: String,
    /// Its kind.
    pub kind: TableKind,
    /// Whether `hayloft.toml` names a table that the database does not have.
    pub missing: bool,
    /// What it was called when it was last loaded, if it was renamed since.
    pub was_called: Option<String>,
    /// What it is called now, if it is missing because it was renamed.
    pub is_called: Option<String>,
    /// Rows now: of a dimension the current versions. `None` if counting takes too long.
    pub rows: Option<i64>,
    /// Versions of a dimension, past ones included.
    pub versions: Option<i64>,
    /// Facts that wait for their dimension.
    pub held: i64,
    /// Rows that could not be used, and that nobody has mended yet.
    pub open_rejects: i64,
    /// The last load that loaded something.
    pub last_load_id: Option<i64>,
    /// When that was.
    pub last_load_at: Option<DateTime<Utc>>,
}

/// The kind of a table.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Versions of a key over time.
    Dimension,
    /// One row a key.
    Fact,
}

impl TableKind {
    /// The word for people and in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Dimension => "dimension",
            Self::Fact => "fact",
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Bool)]
    versioned: bool,
    #[diesel(sql_type = BigInt)]
    held: i64,
    #[diesel(sql_type = BigInt)]
    open_rejects: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_load_id: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_load_at: Option<DateTime<Utc>>,
}

/// The tables of `hayloft.toml` in its order; without it, all tables of the warehouse.
pub(super) fn read(
    conn: &mut PgConnection,
    named: &[TableEntry],
    unread: &[Obstacle],
    renamed: &[RenamedTable],
) -> QueryResult<Vec<Table>> {
    let (now, before): (Vec<&str>, Vec<&str>) = renamed
        .iter()
        .map(|it| (it.now.as_str(), it.before.as_str()))
        .unzip();
    let there: Vec<Row> = sql_query(include_str!("tables.sql"))
        .bind::<Text, _>(WAREHOUSE)
        .bind::<Text, _>(EFFECTIVE_END_DATE)
        .bind::<Array<Text>, _>(now)
        .bind::<Array<Text>, _>(before)
        .load(conn)?;
    if named.is_empty() {
        let kind = |row: &Row| {
            if row.versioned {
                TableKind::Dimension
            } else {
                TableKind::Fact
            }
        };
        return there
            .into_iter()
            .map(|row| counted(conn, kind(&row), row, (unread, renamed)))
            .collect();
    }
    let mut rows: Vec<Option<Row>> = there.into_iter().map(Some).collect();
    named
        .iter()
        .map(|entry| {
            let name = entry.name.as_str();
            let row = rows
                .iter_mut()
                .find(|row| row.as_ref().is_some_and(|row| row.table == name));
            match row.and_then(Option::take) {
                // By what it is meant to be: it may still lack a column.
                Some(row) => counted(conn, kind_of(entry), row, (unread, renamed)),
                None => Ok(missing(entry, renamed)),
            }
        })
        .collect()
}

fn missing(entry: &TableEntry, renamed: &[RenamedTable]) -> Table {
    let name = entry.name.as_str();
    let renamed = renamed.iter().find(|it| it.before == name);
    Table {
        table: entry.name.to_string(),
        kind: kind_of(entry),
        missing: true,
        was_called: None,
        is_called: renamed.map(|it| it.now.clone()),
        rows: None,
        versions: None,
        held: 0,
        open_rejects: 0,
        last_load_id: None,
        last_load_at: None,
    }
}

fn kind_of(entry: &TableEntry) -> TableKind {
    match entry.kind {
        KindEntry::Dimension { .. } => TableKind::Dimension,
        KindEntry::Fact { .. } => TableKind::Fact,
    }
}

fn counted(
    conn: &mut PgConnection,
    kind: TableKind,
    row: Row,
    (unread, renamed): (&[Obstacle], &[RenamedTable]),
) -> QueryResult<Table> {
    let renamed = renamed.iter().find(|it| it.now == row.table);
    // Without the column that ends a version, all rows are counted.
    let counts_as = if row.versioned { kind } else { TableKind::Fact };
    let is_closed = unread.iter().any(|it| it.table == row.table);
    let counts = if is_closed {
        None
    } else {
        count(conn, &row.table, counts_as)?
    };
    Ok(Table {
        table: row.table,
        kind,
        missing: false,
        was_called: renamed.map(|it| it.before.clone()),
        is_called: None,
        rows: counts.as_ref().map(|counts| counts.current),
        versions: counts.and_then(|counts| (kind == TableKind::Dimension).then_some(counts.every)),
        held: row.held,
        open_rejects: row.open_rejects,
        last_load_id: row.last_load_id,
        last_load_at: row.last_load_at,
    })
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    every: i64,
    #[diesel(sql_type = BigInt)]
    current: i64,
}

/// Who asks for the status waits for it, so a huge table is left uncounted.
const PATIENCE: &str = "set local statement_timeout = '2s'";

fn count(conn: &mut PgConnection, table: &str, kind: TableKind) -> QueryResult<Option<Counts>> {
    let statement = count_rows(table, kind);
    let counted = transaction(conn, |conn| {
        conn.batch_execute(PATIENCE)?;
        sql_query(statement).get_result(conn)
    });
    match counted {
        Ok(counts) => Ok(Some(counts)),
        Err(error) if is_canceled(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn count_rows(table: &str, kind: TableKind) -> String {
    let table = QualifiedName {
        schema: Ident::vouched(WAREHOUSE),
        table: Ident::vouched(table),
    };
    let current = match kind {
        TableKind::Dimension => {
            let end = Ident::vouched(EFFECTIVE_END_DATE);
            format!("count(*) filter (where {end} is null)")
        }
        TableKind::Fact => "count(*)".to_owned(),
    };
    format!("select count(*) as every, {current} as current from {table}")
}

#[cfg(test)]
mod tests {
    use super::{TableKind, count_rows};

    #[test]
    fn a_dimension_has_versions_and_current_ones_and_a_fact_table_rows() {
        assert_eq!(
            count_rows("users", TableKind::Dimension),
            "select count(*) as every, \
             count(*) filter (where \"effective_end_date\" is null) as current \
             from \"datawarehouse\".\"users\""
        );
        assert_eq!(
            count_rows("transactions", TableKind::Fact),
            "select count(*) as every, count(*) as current \
             from \"datawarehouse\".\"transactions\""
        );
    }
}
