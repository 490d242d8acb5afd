//! Facts that wait in the ledger for the member that they name.
//!
//! Fact and member may come in either order, and the end is the same: a load of the dimension
//! lets in, in its own transaction, the facts that wait for nothing more. For each key of a fact
//! table one row waits: a row that comes later joins it, as it would be written over the fact had
//! the member been there, and goes in with it when it names a member that is known.

mod one_by_one;

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};
use uuid::Uuid;

use super::counts::unsigned;
use super::spoken_columns::SpokenColumns;
use super::sql::{self, Holding, Shape};
use super::{MergeError, history, swallowed};
use crate::contract::{Contract, Ident, Reference, TableName};
use crate::db::attempt;
use crate::db::prelude::*;
use crate::db::{Prepare, YesOrNo};

/// What became of the held facts that were let in.
#[derive(QueryableByName, Clone, Copy, Default, Debug)]
pub(super) struct Released {
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    inserted: i64,
    #[diesel(sql_type = BigInt)]
    updated: i64,
    /// Updated, be it with the same values.
    #[diesel(sql_type = BigInt)]
    written: i64,
    /// Facts that they would be written over, and that no load brought.
    #[diesel(sql_type = BigInt)]
    unknown: i64,
}

impl Released {
    pub(super) fn inserted(self) -> u64 {
        unsigned(self.inserted)
    }

    pub(super) fn updated(self) -> u64 {
        unsigned(self.updated)
    }

    pub(super) fn all(self) -> u64 {
        unsigned(self.count)
    }

    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            inserted: self.inserted + other.inserted,
            updated: self.updated + other.updated,
            written: self.written + other.written,
            unknown: self.unknown + other.unknown,
        }
    }
}

/// What a load of facts did to those that wait.
pub(super) struct Held {
    /// Rows of this load that wait now.
    pub(super) waiting: u64,
    /// Rows of this load that an older one waited for, and that went in with it.
    pub(super) released: Released,
}

/// Moves the landed rows that name an unknown member, or whose fact waits already, into the
/// ledger, and lets in those that wait for nothing more. `unresolved` are the references that the
/// file fills and whose unknown members are waited for.
pub(super) fn hold(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    references: &[Reference],
    unresolved: &[&Reference],
    instant: DateTime<Utc>,
    load_id: i64,
) -> Result<Held, MergeError> {
    let contract = shape.contract;
    let touched = |statement: &str| {
        sql_query(statement)
            .bind::<Text, _>(contract.name.as_str())
            .bind::<BigInt, _>(load_id)
    };
    let (joined, changed) = join(conn, shape, load_id)?;
    if changed > 0 {
        touched(sql::FORGET_AWAITED).execute(conn)?;
    }
    let new = match unresolved {
        [] => 0,
        _ => touched(&sql::hold_unresolved(contract, unresolved)).execute(conn)?,
    };
    if changed + new > 0 {
        // Of every reference: what the older row names may be what the newer one does not.
        for reference in references {
            sql_query(sql::note_awaited(contract, reference, Holding::OfLoad))
                .bind::<Text, _>(contract.name.as_str())
                .bind::<Text, _>(reference.dimension.as_str())
                .bind::<BigInt, _>(load_id)
                .execute(conn)?;
        }
    }
    let mut released = Released::default();
    if changed > 0 {
        if touched(sql::MEET_JOINED).execute(conn)? > 0 {
            released = let_in(conn, contract, instant)?;
        }
        sql_query(sql::DROP_MET).execute(conn)?;
    }
    let waiting = ((joined + new) as u64).saturating_sub(released.all());
    Ok(Held { waiting, released })
}

/// Joins the landed rows to those that wait already. Returns how many these are, and how many of
/// them say something new.
fn join(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    load_id: i64,
) -> Result<(usize, usize), MergeError> {
    let table = shape.contract.name.as_str();
    let joined = sql_query(sql::find_joined(shape))
        .bind::<Text, _>(table)
        .execute(conn)?;
    if joined == 0 {
        return Ok((0, 0));
    }
    sql_query(sql::REMEMBER_JOINED).execute(conn)?;
    let changed = sql_query(sql::JOIN_HELD)
        .bind::<Text, _>(table)
        .bind::<BigInt, _>(load_id)
        .bind::<Array<Text>, _>(shape.ids())
        .execute(conn)?;
    Ok((joined, changed))
}

/// What became of the facts that waited for members of which a load spoke.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Admitted {
    /// How many are in their tables now.
    pub(super) released: u64,
    /// How many a rule of their table refuses. They stay held.
    pub(super) refused: u64,
}

/// How held facts are let in.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum LettingIn {
    /// All of them, or none.
    #[default]
    Together,
    /// Those that their table takes.
    OneByOne,
}

/// Loads the facts that waited for members of which this load spoke. `spoken` is
/// where the keys of these members are; `sent`, those that are nowhere else. The instant is that of this
/// load.
pub(super) fn release(
    conn: &mut PgConnection,
    dimension: &Contract,
    durable_key: &Ident,
    dependants: &[&Contract],
    spoken: &[sql::Spoken],
    sent: &[Uuid],
    (instant, letting_in): (DateTime<Utc>, LettingIn),
) -> Result<Admitted, MergeError> {
    sql_query(sql::list_members(dimension, durable_key, spoken))
        .bind::<Array<diesel::sql_types::Uuid>, _>(sent)
        .execute(conn)?;
    let mut admitted = Admitted::default();
    for fact in dependants {
        let members = |statement| {
            sql_query(statement)
                .bind::<Text, _>(fact.name.as_str())
                .bind::<Text, _>(dimension.name.as_str())
        };
        if members(sql::MEET_MEMBERS).execute(conn)? > 0 {
            match letting_in {
                LettingIn::Together => {
                    members(sql::FORGET_MET).execute(conn)?;
                    admitted.released += let_in(conn, fact, instant)?.all();
                }
                LettingIn::OneByOne => {
                    let found =
                        one_by_one::let_in_one_by_one(conn, fact, &dimension.name, instant)?;
                    admitted.released += found.released;
                    admitted.refused += found.refused;
                }
            }
        }
        sql_query(sql::DROP_MET).execute(conn)?;
        let behind = history::let_in_behind(conn, fact, &dimension.name, instant)?;
        admitted.released += behind.changes.inserted + behind.changes.updated;
    }
    sql_query(sql::DROP_MEMBERS).execute(conn)?;
    Ok(admitted)
}

/// Says why held facts are not let in, of which the table does not take a value since a migration.
pub(super) fn explain_misfits(conn: &mut PgConnection, table: &TableName) -> QueryResult<()> {
    sql_query(include_str!("held/explain_misfits.sql"))
        .bind::<Text, _>(table.as_str())
        .execute(conn)
        .map(drop)
}

/// Whether any fact waits for a member of the dimension.
pub(super) fn is_awaited(conn: &mut PgConnection, dimension: &Contract) -> QueryResult<bool> {
    sql_query(include_str!("held/is_awaited.sql"))
        .bind::<Text, _>(dimension.name.as_str())
        .prepared()
        .get_result(conn)
        .map(YesOrNo::is_yes)
}

/// Each set of columns by itself: the others have what the fact has, or their defaults.
fn let_in(
    conn: &mut PgConnection,
    fact: &Contract,
    instant: DateTime<Utc>,
) -> Result<Released, MergeError> {
    let spoken = sql_query(sql::read_columns_of_met(fact))
        .bind::<Text, _>(fact.name.as_str())
        .load::<SpokenColumns>(conn)?;
    let mut all = Released::default();
    for spoken in spoken {
        let filled = spoken.places();
        let shape = Shape {
            contract: fact,
            filled: &filled,
        };
        all = all.and(let_in_shape(conn, shape, instant)?);
    }
    Ok(all)
}

fn let_in_shape(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    instant: DateTime<Utc>,
) -> Result<Released, MergeError> {
    let fact = shape.contract;
    let binds = (instant, fact.name.as_str());
    let released: Released = attempt::read(conn, &sql::release_held(shape), binds)?;
    if released.unknown > 0 {
        return Err(MergeError::UnknownRows {
            table: fact.name.clone(),
        });
    }
    let written = unsigned(released.inserted + released.written);
    swallowed::vouch(conn, fact, released.all(), written)?;
    Ok(released)
}
