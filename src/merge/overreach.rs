//! Whether a load has changed more of its table than it may. That is asked once it has, since only
//! then it is known, and before the commit: where it has, all of it is rolled back.

use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable};
use uuid::Uuid;

use super::counts::{self, signed, unsigned};
use super::guard::ChangeBreach;
use super::guard::changes::{ChangeLimit, Counted, broken_limit, keys_to_count};
use super::{MergeError, ledger, sql};
use crate::contract::{Contract, Ident, Kind};
use crate::db::YesOrNo;
use crate::db::prelude::*;
use crate::summary::Changes;

/// How many keys a person is told of.
const TOLD: u32 = 5;

/// What a load did to keys that were there before it.
#[derive(Default, Debug)]
pub(super) struct Reach {
    /// How many it changed.
    pub(super) changed: u64,
    /// Some of them, where the load knows them.
    pub(super) keys: Vec<Uuid>,
    /// How many were open before it, where the load has seen all.
    pub(super) open: Option<u64>,
}

impl Reach {
    /// One more key that was changed.
    pub(super) fn add(&mut self, key: Uuid) {
        self.changed += 1;
        if (self.keys.len() as u64) < TOLD.into() {
            self.keys.push(key);
        }
    }
}

/// Finds that a load has not changed more than the guards of its table allow.
pub(super) fn refuse(
    conn: &mut PgConnection,
    contract: &Contract,
    load_id: i64,
    reach: &Reach,
    changes: &Changes,
) -> Result<(), MergeError> {
    let guards = &contract.guards;
    let enough = keys_to_count(guards, reach.changed);
    if enough == 0 {
        return Ok(());
    }
    let known = known_before(conn, contract, reach, changes, Some(enough))?;
    if broken_limit(guards, reach.changed, known).is_none() {
        return Ok(());
    }
    let known = known_before(conn, contract, reach, changes, None)?;
    let Some(limit) = broken_limit(guards, reach.changed, known) else {
        return Ok(());
    };
    if limit == ChangeLimit::Unusual
        && ledger::is_usual_change(conn, &contract.name, load_id, reach.changed.div_ceil(2))?
    {
        return Ok(());
    }
    let breach = breach(conn, contract, load_id, reach, known, limit)?;
    Err(MergeError::Changes(Box::new(breach)))
}

/// How many keys were open, or facts there, before the load; from `enough` on it does not matter how
/// many.
fn known_before(
    conn: &mut PgConnection,
    contract: &Contract,
    reach: &Reach,
    changes: &Changes,
    enough: Option<u64>,
) -> QueryResult<u64> {
    if let Some(open) = reach.open {
        return Ok(open);
    }
    let came = changes.inserted + changes.reopened;
    let went = changes.closed + changes.closed_by_absence;
    let limit = enough.map(|enough| signed(enough.saturating_add(came)));
    let now: counts::Count = sql_query(sql::count_known(contract))
        .bind::<Nullable<BigInt>, _>(limit)
        .get_result(conn)?;
    Ok((now.get() + went).saturating_sub(came))
}

fn breach(
    conn: &mut PgConnection,
    contract: &Contract,
    load_id: i64,
    reach: &Reach,
    known: u64,
    limit: ChangeLimit,
) -> QueryResult<ChangeBreach> {
    let mut breach = ChangeBreach {
        changed: reach.changed,
        known,
        what: Counted::Facts,
        limit,
        keys: reach.keys.clone(),
        lines: Vec::new(),
    };
    match &contract.kind {
        Kind::Dimension { durable_key, .. } => {
            breach.what = Counted::Keys;
            if breach.keys.is_empty() {
                breach.keys = changed_keys(conn, contract, durable_key, load_id)?;
            }
        }
        Kind::Fact { .. } => breach.lines = changed_lines(conn)?,
    }
    Ok(breach)
}

fn changed_keys(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
    load_id: i64,
) -> QueryResult<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct ChangedKey {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        key: Uuid,
    }
    let keys: Vec<ChangedKey> = sql_query(sql::sample_changed(contract, durable_key))
        .bind::<BigInt, _>(load_id)
        .bind::<BigInt, _>(i64::from(TOLD))
        .load(conn)?;
    Ok(keys.into_iter().map(|changed| changed.key).collect())
}

/// The first lines that change a fact. Where a row changed one that waited already, its line is not
/// known here.
fn changed_lines(conn: &mut PgConnection) -> QueryResult<Vec<u64>> {
    #[derive(QueryableByName)]
    struct ChangedLine {
        #[diesel(sql_type = BigInt)]
        line: i64,
    }
    let is_known: YesOrNo = sql_query(sql::HAS_CHANGED_FACTS).get_result(conn)?;
    if !is_known.is_yes() {
        return Ok(Vec::new());
    }
    let lines: Vec<ChangedLine> = sql_query(sql::SAMPLE_CHANGED_FACTS)
        .bind::<BigInt, _>(i64::from(TOLD))
        .load(conn)?;
    Ok(lines
        .into_iter()
        .map(|changed| unsigned(changed.line))
        .collect())
}
