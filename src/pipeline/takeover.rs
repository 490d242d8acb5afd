//! Rows that no load brought, made a load of their own. No file has to do with it.

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use uuid::Uuid;

use super::desk::{self, Attendant, Desk};
use super::turn::contract;
use super::way::by_current_contracts;
use crate::contract::TableName;
use crate::error::LoadError;
use crate::merge::ledger::Entry;
use crate::merge::{self, MergeError, Plan, SourceNotes, SourceWish, Takeover};

/// What a takeover is about, beside its table.
#[derive(Clone, Copy, Debug)]
pub struct TakeoverOf<'a> {
    /// Another table, if the rows come from one.
    pub source: Option<&'a SourceWish>,
    /// From which instant on an end means that there is none.
    pub open_end: Option<DateTime<Utc>>,
}

/// Finds out what a takeover would do, with up to so many keys of each kind of change.
pub fn plan_takeover(
    desk: &Desk,
    table: &TableName,
    of: TakeoverOf<'_>,
    samples: usize,
    attendant: &dyn Attendant,
) -> Result<(Plan, Option<SourceNotes>), LoadError> {
    let claim = Uuid::now_v7();
    with_takeover(
        desk,
        table,
        of,
        (samples, claim),
        attendant,
        merge::plan_takeover,
    )
}

/// Takes over the rows that no load brought.
pub fn take_over(
    desk: &Desk,
    table: &TableName,
    of: TakeoverOf<'_>,
    attendant: &dyn Attendant,
) -> Result<(Entry, Option<SourceNotes>), LoadError> {
    // Should the connection break at the commit, the next attempt finds what this one did.
    let claim = Uuid::now_v7();
    let (entry, notes) =
        with_takeover(desk, table, of, (0, claim), attendant, |conn, takeover| {
            merge::take_over(conn, takeover)
        })?;
    desk::log(&entry);
    Ok((entry, notes))
}

fn with_takeover<T>(
    desk: &Desk,
    table: &TableName,
    of: TakeoverOf<'_>,
    (samples, claim): (usize, Uuid),
    attendant: &dyn Attendant,
    work: impl Fn(&mut PgConnection, &Takeover<'_>) -> Result<T, MergeError>,
) -> Result<T, LoadError> {
    let Desk { database, keys, .. } = desk;
    by_current_contracts(desk, attendant, |contracts| {
        let contract = contract(contracts, table)?;
        desk::patiently(attendant, || {
            let mut conn = database.get()?;
            let source = match of.source {
                Some(wish) => Some(wish.find(&mut conn, contract)?),
                None => None,
            };
            let takeover = Takeover {
                contracts,
                contract,
                keys,
                source: source.as_ref(),
                open_end: of.open_end,
                samples,
                claim,
            };
            Ok(work(&mut conn, &takeover)?)
        })
    })
}
