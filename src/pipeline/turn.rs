//! An earlier load, taken back or put in again. No file has to do with it any more.

use uuid::Uuid;

use super::desk::{self, Attendant, Desk};
use super::way::by_current_contracts;
use crate::contract::{Contract, Contracts, TableName};
use crate::error::LoadError;
use crate::merge::ledger::Entry;
use crate::merge::{self, Plan, Turn};
use crate::stage::StageFault;

/// Finds out what the turn would do, with up to so many keys of each kind of change.
pub fn plan_turn(
    desk: &Desk,
    (table, load_id): (&TableName, i64),
    turn: Turn,
    samples: usize,
    attendant: &dyn Attendant,
) -> Result<Plan, LoadError> {
    let Desk { database, keys, .. } = desk;
    by_current_contracts(desk, attendant, |contracts| {
        let contract = contract(contracts, table)?;
        desk::patiently(attendant, || {
            let mut conn = database.get()?;
            let planned =
                merge::plan_turn(&mut conn, contracts, contract, keys, load_id, turn, samples);
            Ok(planned?)
        })
    })
}

/// Takes a load back, or puts it in again.
pub fn turn(
    desk: &Desk,
    (table, load_id): (&TableName, i64),
    turn: Turn,
    attendant: &dyn Attendant,
) -> Result<Entry, LoadError> {
    let Desk { database, keys, .. } = desk;
    // Should the connection break at the commit, the next attempt finds what this one did.
    let claim = Uuid::now_v7();
    let entry = by_current_contracts(desk, attendant, |contracts| {
        let contract = contract(contracts, table)?;
        desk::patiently(attendant, || {
            let mut conn = database.get()?;
            let turned = merge::turn(&mut conn, contracts, contract, keys, load_id, turn, claim);
            Ok(turned?)
        })
    })?;
    desk::log(&entry);
    Ok(entry)
}

pub(super) fn contract<'c>(
    contracts: &'c Contracts,
    table: &TableName,
) -> Result<&'c Contract, LoadError> {
    let missing = || StageFault::Contract(format!("`{table}` is not in hayloft.toml"));
    Ok(contracts.get(table).ok_or_else(missing)?)
}
