//! Landed rows → versions of a slowly changing dimension.
//!
//! A key that the table does not know gets its first version; a key whose values differ from
//! those of its current version has that one closed and a new one opened, both at the load's
//! instant; a key whose values are the same is not touched. Comparison is by value, and NULL is
//! a value.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Timestamptz};

use super::sql::{self, Shape};
use super::{MergeError, counts, held};
use crate::contract::{Contract, Ident};
use crate::failpoint;
use crate::summary::Changes;

/// What a load did to a dimension, and to the facts that waited for it.
pub(super) struct Applied {
    pub(super) changes: Changes,
    pub(super) released: u64,
}

/// Brings the landed rows into the dimension.
pub(super) fn apply(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    durable_key: &Ident,
    dependants: &[&Contract],
    instant: DateTime<Utc>,
    load_id: i64,
) -> Result<Applied, MergeError> {
    let landed = counts::landed(conn)?;
    sql_query(sql::find_changes(shape, durable_key)).execute(conn)?;
    let closed = close_changed(conn, shape.contract, durable_key, instant)?;
    failpoint!("merge::closed");
    let opened = open_new(conn, shape, durable_key, instant, load_id)?;
    failpoint!("merge::opened");
    assert_unbroken(conn, shape.contract, durable_key)?;
    let released = held::release(conn, shape.contract, dependants, instant)?;
    failpoint!("merge::released");
    let changes = Changes {
        inserted: opened.saturating_sub(closed),
        updated: closed,
        deactivated: closed,
        unchanged: landed.saturating_sub(opened),
        ..Changes::default()
    };
    Ok(Applied { changes, released })
}

fn close_changed(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
    instant: DateTime<Utc>,
) -> QueryResult<u64> {
    sql_query(sql::close_changed(contract, durable_key))
        .bind::<Timestamptz, _>(instant)
        .execute(conn)
        .map(|rows| rows as u64)
}

fn open_new(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    durable_key: &Ident,
    instant: DateTime<Utc>,
    load_id: i64,
) -> QueryResult<u64> {
    sql_query(sql::open_new(shape, durable_key))
        .bind::<Timestamptz, _>(instant)
        .bind::<BigInt, _>(load_id)
        .execute(conn)
        .map(|rows| rows as u64)
}

/// The indexes refuse two current versions and overlapping closed ones; what they cannot see is
/// asked here, of the touched keys, before anything is committed.
fn assert_unbroken(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
) -> Result<(), MergeError> {
    match counts::count(conn, &sql::count_broken(contract, durable_key))? {
        0 => Ok(()),
        keys => Err(MergeError::BrokenHistory {
            table: contract.name.clone(),
            keys,
        }),
    }
}
