//! Staged + Contract → Receipt.
//!
//! In: rows that are ready for the table. Out: proof that the ledger has them. Everything that a
//! load does to the database happens in the one transaction of [`merge`], in the order of `load.rs`:
//! the ledger's row first, then the rows, the rejects and the counts. This room never sees a path
//! or a format.

mod counts;
mod dimension;
mod error;
mod fact;
mod guard;
mod held;
mod landing;
pub mod ledger;
mod load;
mod locks;
mod manifest;
mod planned;
mod rejects;
pub mod sql;

use std::time::Instant as Clock;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

pub use error::MergeError;
pub use guard::{GuardBreach, guard};
pub use planned::{CloseBreach, CloseLimit, Plan, Sample, Turn, Version, plan, plan_turn, turn};

use self::ledger::{Entry, Opened};
use self::load::Load;
use crate::contract::{Contract, Contracts, Redelivery, TableName};
use crate::failpoint;
use crate::stage::key::KeyScheme;
use crate::stage::{Delivery, Staged, Tally};
use crate::summary::{Changes, Rows, Seconds, Status, Summary};

/// Proof that the ledger has an end for a claim. Made in this room alone, after the commit that
/// makes it true; whoever removes a person's file must show one.
#[derive(Debug)]
pub struct Receipt {
    claim: Uuid,
    entry: Entry,
}

impl Receipt {
    /// The claim that it is for.
    #[must_use]
    pub fn claim(&self) -> Uuid {
        self.claim
    }

    /// What the ledger says.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}

/// The receipt of a claim that had its end before, if it had.
pub fn receipt(conn: &mut PgConnection, claim: Uuid) -> Result<Option<Receipt>, MergeError> {
    let entry = ledger::find(conn, claim)?;
    Ok(entry.map(|entry| Receipt { claim, entry }))
}

/// How this load differs from the usual.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What to do with bytes that were loaded before.
    pub redelivery: Redelivery,
    /// From when on what the file says holds.
    pub instant: Instant,
    /// Whether a snapshot may close more keys than its guard allows.
    pub closes: Closes,
    /// When the work on the file began.
    pub began: Clock,
}

/// From when on what a file says holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instant {
    /// The time of the load, by the server's clock.
    LoadTime,
    /// The instant of the load whose rejects are being loaded: corrected rows take their old
    /// place, so that they cannot overwrite newer ones.
    OfParent {
        /// The earlier load.
        load_id: i64,
        /// Its instant.
        at: DateTime<Utc>,
    },
    /// The instant that the file's name, or the file beside it, gives to all of its rows.
    OfFile(DateTime<Utc>),
}

/// Whether a snapshot may close more keys than its guard allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Closes {
    /// It may not.
    Guarded,
    /// It may, this once.
    Accepted {
        /// Who said so.
        by: String,
    },
}

/// Loads a staged file, or finds that it was loaded before.
pub fn merge(
    conn: &mut PgConnection,
    contracts: &Contracts,
    contract: &Contract,
    keys: &KeyScheme,
    staged: &mut Staged,
    terms: &Terms,
) -> Result<Receipt, MergeError> {
    let claim = staged.delivery.claim;
    failpoint!("merge::begin");
    let entry = conn.transaction(|conn| {
        failpoint!("merge::begun");
        let load = Load {
            contracts,
            contract,
            keys,
            terms,
            merge_began: Clock::now(),
        };
        let entry = load.run(conn, staged)?;
        failpoint!("merge::commit");
        Ok::<_, MergeError>(entry)
    })?;
    failpoint!("merge::committed");
    Ok(Receipt { claim, entry })
}

/// Notes in the ledger that a file was refused, and why; or finds that its claim had its end
/// before.
pub fn note_refusal(
    conn: &mut PgConnection,
    table: &TableName,
    delivery: &Delivery,
    tally: Tally,
    reason: &str,
    began: Clock,
) -> Result<Receipt, MergeError> {
    let entry = conn.transaction(|conn| {
        let load_id = match ledger::open(conn, table, delivery, None)? {
            Opened::New(load_id) => load_id,
            Opened::Before(entry) => return Ok(*entry),
        };
        let total = began.elapsed().as_secs_f64();
        let summary = Summary {
            load_id: Some(load_id),
            table: table.clone(),
            file: delivery.file.clone(),
            status: Status::Failed,
            rows: Rows {
                read: tally.read,
                accepted: tally.read - tally.rejected - tally.duplicates,
                rejected: tally.rejected,
                duplicates: tally.duplicates,
                held: 0,
            },
            changes: Changes::default(),
            seconds: Seconds {
                total,
                stage: total,
                merge: 0.0,
            },
        };
        let entry = Entry {
            summary,
            reason: Some(reason.to_owned()),
            released: 0,
        };
        ledger::close(conn, load_id, None, &entry)?;
        failpoint!("refusal::commit");
        Ok::<_, MergeError>(entry)
    })?;
    failpoint!("refusal::committed");
    Ok(Receipt {
        claim: delivery.claim,
        entry,
    })
}

impl Terms {
    fn parent(&self) -> Option<i64> {
        match self.instant {
            Instant::LoadTime | Instant::OfFile(_) => None,
            Instant::OfParent { load_id, .. } => Some(load_id),
        }
    }
}
