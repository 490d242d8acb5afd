//! What a column held when it was first seen (semantics §21.1).
//!
//! A migration may fill the column that it adds. No file said so, and without a statement of its own
//! the next file, or an undo, would write over it. So the values become a load of their own, `baseline`,
//! which spoke of this column alone, at the start of each version. It counts, it can be undone, and it
//! stands until a file says otherwise.

use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use uuid::Uuid;

use crate::contract::identity::SchemaChange;
use crate::contract::{Column, ColumnId, Contract, Ident, Kind, Role};
use crate::db::prelude::*;
use crate::merge::{history, sql};

/// Writes down what the new columns of a dimension hold, each as a load of its own.
pub(super) fn take(
    conn: &mut PgConnection,
    contract: &Contract,
    changes: &[SchemaChange],
) -> QueryResult<()> {
    let Kind::Dimension { durable_key, .. } = &contract.kind else {
        return Ok(());
    };
    let added = changes.iter().filter_map(|change| match change {
        SchemaChange::ColumnAdded { id, .. } => Some(id),
        _ => None,
    });
    for id in added {
        // A column that Hayloft or the database fills is nobody's statement.
        if let Some(column) = contract.columns.iter().find(|column| column.id == *id) {
            take_one(conn, contract, durable_key, column)?;
        }
    }
    Ok(())
}

fn take_one(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
    column: &Column,
) -> QueryResult<()> {
    let load_id = open(conn, contract, &column.id)?;
    let stated = sql_query(sql::state_baseline(contract, durable_key, column))
        .bind::<BigInt, _>(load_id)
        .execute(conn)?;
    if stated == 0 {
        return sql_query(include_str!("baseline/forget.sql"))
            .bind::<BigInt, _>(load_id)
            .execute(conn)
            .map(drop);
    }
    if column.role != Role::Type2 {
        sql_query(sql::keep_baseline(contract, durable_key, column))
            .bind::<BigInt, _>(load_id)
            .bind::<Text, _>(column.id.as_str())
            .execute(conn)?;
    }
    sql_query(include_str!("baseline/close.sql"))
        .bind::<BigInt, _>(load_id)
        .execute(conn)?;
    let places = contract.columns.iter().enumerate();
    let places = places.filter(|(_, other)| other.id == column.id);
    let place: Vec<usize> = places.map(|(place, _)| place).collect();
    history::seal(conn, contract, durable_key, load_id, &place)
}

fn open(conn: &mut PgConnection, contract: &Contract, column: &ColumnId) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct New {
        #[diesel(sql_type = BigInt)]
        load_id: i64,
    }
    sql_query(include_str!("baseline/open.sql"))
        .bind::<diesel::sql_types::Uuid, _>(Uuid::now_v7())
        .bind::<Text, _>(contract.name.as_str())
        .bind::<Text, _>(column.as_str())
        .get_result(conn)
        .map(|new: New| new.load_id)
}
