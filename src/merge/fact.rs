//! Landed rows → facts: inserted, or updated in place where a value differs.
//!
//! A fact that names a member which its dimension does not know is not loaded and not lost: it is
//! held in the ledger until the member arrives ([`super::held`]), or is a reject where the
//! contract says so.

mod samples;

use chrono::{DateTime, Utc};
use diesel::sql_query;

use super::history;
use super::landing::{Line, taken_out};
use super::plan::Sample;
use super::sql::{self, Shape};
use super::{MergeError, brought, counts, held, swallowed};
use crate::contract::{Reference, Unresolved};
use crate::db::attempt::{self, Binds, Purpose, Rows};
use crate::db::prelude::*;
use crate::failpoint;
use crate::stage::reject::{Place, Reject, RejectKind};
use crate::stage::{Finding, Staged};
use crate::summary::Changes;

/// What a load did to a fact table.
pub(super) struct Applied {
    pub(super) changes: Changes,
    pub(super) held: u64,
    /// Some of the facts, before and after.
    pub(super) samples: Vec<Sample>,
}

/// The load whose rows have landed.
#[derive(Clone, Copy)]
pub(super) struct Coming {
    pub(super) load_id: i64,
    pub(super) at: DateTime<Utc>,
    /// How many facts of each kind are told of one by one.
    pub(super) samples: usize,
}

/// Takes out rows whose member is unknown, where those are not held.
pub(super) fn refuse(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    references: &[Reference],
    staged: &Staged,
) -> Result<Vec<Finding>, MergeError> {
    let mut findings = Vec::new();
    for reference in filled(shape, references, Unresolved::Reject) {
        let lines =
            sql_query(sql::remove_unresolved(shape.contract, reference)).load::<Line>(conn)?;
        findings.extend(taken_out(staged, &lines, |place| {
            unresolved(shape, reference, staged, place)
        })?);
    }
    Ok(findings)
}

/// Brings the landed rows into the fact table, or holds them.
pub(super) fn apply(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    references: &[Reference],
    coming: Coming,
) -> Result<Applied, MergeError> {
    let Coming {
        load_id,
        at: instant,
        ..
    } = coming;
    let waiting: Vec<&Reference> = filled(shape, references, Unresolved::Hold).collect();
    let held = held::hold(conn, shape, references, &waiting, instant, load_id)?;
    failpoint!("merge::held");
    let landed = counts::landed(conn)?;
    let updated = update(conn, shape, instant, load_id)?;
    failpoint!("merge::updated");
    let inserted = insert(conn, shape, instant, load_id)?;
    failpoint!("merge::inserted");
    if !swallowed::keeps_rows_as_told(conn, shape.contract)? {
        swallowed::vouch_for_values(conn, shape.contract, &sql::count_lost_facts(shape))?;
    }
    let samples = samples::read(conn, shape, coming)?;
    let released = held.released;
    let (inserted, updated) = (inserted + released.inserted(), updated + released.updated());
    let used = landed + released.all();
    Ok(Applied {
        changes: Changes {
            inserted,
            updated,
            deactivated: 0,
            unchanged: used.saturating_sub(updated + inserted),
            ..Changes::default()
        },
        held: held.waiting,
        samples,
    })
}

/// Gives the landed rows of a late load their place among what was said of their facts.
pub(super) fn apply_late(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    coming: Coming,
) -> Result<Applied, MergeError> {
    let late = history::Coming {
        shape,
        at: coming.at.timestamp_micros(),
        load_id: coming.load_id,
    };
    let refolded = history::refold_landed(conn, shape.contract, late, coming.samples)?;
    failpoint!("merge::inserted");
    Ok(Applied {
        changes: refolded.changes,
        held: refolded.held,
        samples: refolded.samples,
    })
}

/// The references that the file fills, and that treat unknown members in this way.
fn filled<'a>(
    shape: Shape<'a>,
    references: &'a [Reference],
    treatment: Unresolved,
) -> impl Iterator<Item = &'a Reference> {
    references.iter().filter(move |reference| {
        reference.unresolved == treatment && shape.filled.contains(&reference.column)
    })
}

fn update(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    instant: DateTime<Utc>,
    load_id: i64,
) -> Result<u64, MergeError> {
    let Some(find) = sql::find_changed_facts(shape) else {
        return Ok(0);
    };
    let changed = sql_query(find).execute(conn)? as u64;
    if changed == 0 {
        return Ok(0);
    }
    let loads = brought::loads(conn, sql::LOADS_OF_CHANGED_FACTS)?;
    brought::vouch(conn, shape.contract, &loads)?;
    sql_query(sql::REMEMBER_CHANGED).execute(conn)?;
    let updated = write(
        conn,
        Rows::ChangedFact,
        &sql::update_facts(shape),
        instant,
        load_id,
    )?;
    swallowed::vouch(conn, shape.contract, changed, updated)?;
    Ok(updated)
}

fn insert(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    instant: DateTime<Utc>,
    load_id: i64,
) -> QueryResult<u64> {
    write(
        conn,
        Rows::Landing,
        &sql::insert_facts(shape),
        instant,
        load_id,
    )
}

fn write(
    conn: &mut PgConnection,
    rows: Rows,
    statement: &str,
    instant: DateTime<Utc>,
    load_id: i64,
) -> QueryResult<u64> {
    attempt::write(
        conn,
        Purpose::Write(rows),
        statement,
        Binds::Load(instant, load_id),
    )
}

fn unresolved(shape: Shape<'_>, reference: &Reference, staged: &Staged, place: Place) -> Reject {
    let mut filled = shape.filled.iter().zip(&staged.fields);
    let field = filled.find(|(column, _)| **column == reference.column);
    let column = field.map(|(_, field)| field.clone());
    // As the file calls it: it may name the member by its natural key.
    let name = match &column {
        Some(column) => &column.name,
        None => shape.contract.columns[reference.column].name.name(),
    };
    Reject {
        place,
        kind: RejectKind::UnresolvedReference,
        message: format!(
            "`{name}` names a member that `{}` does not have.",
            reference.dimension
        ),
        column,
    }
}
