//! Staged + Contract → Receipt.
//!
//! In: rows that are ready for the table. Out: proof that the ledger has them. Everything that a
//! load does to the database happens in the one transaction of [`merge`], or of [`merge_together`],
//! in the order of `load.rs`: the ledger's row first, then the rows, the rejects and the counts. This
//! room never sees a path or a format.

mod brought;
mod columns;
pub mod conversion;
mod counts;
mod defaults;
mod deferred;
mod dimension;
mod error;
mod fact;
mod guard;
mod held;
mod history;
mod landing;
pub mod ledger;
mod load;
mod locks;
mod manifest;
mod offenders;
mod overreach;
mod plan;
mod rejects;
pub mod schema;
mod shared;
mod spoken_columns;
pub mod sql;
mod swallowed;
mod takeover;
mod turning;

use std::iter;
use std::time::{Duration, Instant as Clock};

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use error::MergeError;
pub use guard::{ChangeBreach, ChangeLimit, CloseBreach, CloseLimit, Consent, GuardBreach, guard};
pub use history::Turn;
pub use history::prove::{Contradiction, Proof, Reason, Telling, Unproven, What, prove};
pub use offenders::Offenders;
pub use plan::{Plan, Sample, Subject, Version, plan, plan_takeover, plan_turn};
pub use takeover::{SourceNotes, SourceWish, Takeover};

use self::held::LettingIn;
use self::ledger::{Bytes, Coming, Entry, Opened};
use self::load::{Done, Load};
use self::shared::Shared;
use crate::contract::{Contract, Contracts, Kind, Redelivery, TableName};
use crate::db::prelude::*;
use crate::db::{DatabaseUrl, transaction};
use crate::failpoint;
use crate::ledger::words::SetAside;
use crate::stage::key::KeyScheme;
use crate::stage::{Delivery, Staged, Tally};
use crate::summary::{Changes, Seconds, Status, Summary};

/// Proof that the ledger has an end for a claim. Made in this room alone, after the commit that
/// makes it true; whoever removes a person's file must show one.
#[derive(Debug)]
pub struct Receipt {
    claim: Uuid,
    entry: Entry,
    bytes: Bytes,
}

impl Receipt {
    fn of(claim: Uuid, done: Done) -> Self {
        let Done { entry, bytes, .. } = done;
        Self {
            claim,
            entry,
            bytes,
        }
    }

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

    /// Whether that is said of the file as it was staged.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.bytes
    }
}

/// The receipt of a claim that had its end before, if it had.
pub fn receipt(conn: &mut PgConnection, claim: Uuid) -> Result<Option<Receipt>, MergeError> {
    let entry = ledger::find(conn, claim)?;
    Ok(entry.map(|entry| Receipt {
        claim,
        entry,
        bytes: Bytes::Same,
    }))
}

/// How this load differs from the usual.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What to do with bytes that were loaded before.
    pub redelivery: Redelivery,
    /// From when on what the file says holds.
    pub instant: Instant,
    /// Whether the file may close and change as many keys as it would.
    pub consent: Consent,
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
    /// The instant that was delivered with the file: in its name, or beside it.
    Delivered(DateTime<Utc>),
}

/// What a load may make use of to be done sooner. Without any of it, it does the same.
#[derive(Clone, Copy, Debug)]
pub struct Shortcuts<'a> {
    /// Where a second session may be begun, for what the transaction need not do itself.
    pub beside: Option<&'a DatabaseUrl>,
    /// What may be done with the indexes of a table that is filled.
    pub indexes: Indexes,
}

impl Shortcuts<'_> {
    /// None of it.
    pub const NONE: Self = Self {
        beside: None,
        indexes: Indexes::Kept,
    };
}

/// What may be done with the indexes of an empty table that many rows come into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Indexes {
    /// They stay.
    Kept,
    /// They may be made anew once the rows are there. Until the end of the transaction nobody else
    /// can read the table then.
    MadeAnew,
}

/// Loads a staged file, or finds that it was loaded before.
pub fn merge(
    conn: &mut PgConnection,
    shortcuts: Shortcuts<'_>,
    contracts: &Contracts,
    contract: &Contract,
    keys: &KeyScheme,
    staged: &mut Staged,
    terms: &Terms,
) -> Result<Receipt, MergeError> {
    let claim = staged.delivery.claim;
    failpoint!("merge::begin");
    let contract = &contract.with_added(&staged.added);
    let attempt = |conn: &mut PgConnection, staged: &mut Staged, shortcuts, letting_in| {
        transaction(conn, |conn| {
            failpoint!("merge::begun");
            let shared = Shared::of(iter::once(&*staged)).with(letting_in);
            let load = Load {
                shortcuts,
                ..Load::new(contracts, contract, keys, terms, &shared)
            };
            let done = load.run(conn, staged)?;
            failpoint!("merge::commit");
            Ok::<_, MergeError>(done)
        })
    };
    let done = match attempt(conn, staged, shortcuts, LettingIn::Together) {
        Err(error) if offenders::may_be_of_rows(&error) => {
            let shared = Shared::of(iter::once(&*staged));
            let load = Load::new(contracts, contract, keys, terms, &shared);
            match offenders::explain(conn, &load, staged, error) {
                // No row of the file is to blame: it may be facts that waited for it.
                MergeError::Database(_)
                    if contracts.referring_to(&contract.name).next().is_some() =>
                {
                    attempt(conn, staged, Shortcuts::NONE, LettingIn::OneByOne)?
                }
                error => return Err(error),
            }
        }
        done => done?,
    };
    failpoint!("merge::committed");
    Ok(Receipt::of(claim, done))
}

/// Whether loads of a table may share a transaction. Facts go one by one, so that those of a
/// dimension that arrives meanwhile come before them.
#[must_use]
pub fn can_share(contract: &Contract) -> bool {
    matches!(contract.kind, Kind::Dimension { .. })
}

/// One of several files that are loaded by one transaction.
#[derive(Debug)]
pub struct Companion {
    /// What it says.
    pub staged: Staged,
    /// How its load differs from the usual.
    pub terms: Terms,
    /// How long it took to read and check it: what is done for the others is not its time.
    pub staging: Duration,
}

impl Companion {
    fn coming(&self) -> Coming<'_> {
        (&self.staged.delivery, self.terms.parent())
    }
}

/// Loads several staged files of a table by one transaction, in their order. Each has its row in the
/// ledger, its instant, its counts and its rejects, as if it had come alone. After an error nothing
/// of any of them has happened; which of them it is about is not said.
pub fn merge_together(
    conn: &mut PgConnection,
    contracts: &Contracts,
    contract: &Contract,
    keys: &KeyScheme,
    files: &mut [Companion],
) -> Result<Vec<Receipt>, MergeError> {
    failpoint!("merge::begin");
    let all_done = transaction(conn, |conn| {
        failpoint!("merge::begun");
        // All rows before the locks, as each load does: who waits for a row holds no lock.
        let coming: Vec<_> = files.iter().map(Companion::coming).collect();
        let opened = load::open(conn, contract, &coming)?;
        let shared = Shared::of(files.iter().map(|file| &file.staged));
        if let Some(file) = files.first() {
            Load::new(contracts, contract, keys, &file.terms, &shared).make_ready(conn)?;
        }
        let mut all_done = Vec::with_capacity(files.len());
        for (file, opened) in files.iter_mut().zip(opened) {
            let began = Clock::now().checked_sub(file.staging);
            file.terms.began = began.unwrap_or(file.terms.began);
            let load = Load::new(contracts, contract, keys, &file.terms, &shared);
            let done = load.carry_out(conn, opened, &mut file.staged)?;
            shared.clear_away(conn)?;
            all_done.push(done);
        }
        failpoint!("merge::commit");
        Ok::<_, MergeError>(all_done)
    })?;
    failpoint!("merge::committed");
    let claims = files.iter().map(|file| file.staged.delivery.claim);
    let receipts = claims
        .zip(all_done)
        .map(|(claim, done)| Receipt::of(claim, done));
    Ok(receipts.collect())
}

/// Undoes a load, or redoes one that was undone. Returns what the ledger has of the turn. `claim`
/// is the turn's identity: attempted again with the same one, it happens once.
pub fn turn(
    conn: &mut PgConnection,
    contracts: &Contracts,
    contract: &Contract,
    keys: &KeyScheme,
    load_id: i64,
    turn: Turn,
    claim: Uuid,
) -> Result<Entry, MergeError> {
    failpoint!("undo::begin");
    let entry = transaction(conn, |conn| {
        failpoint!("undo::begun");
        let done = turning::Turning {
            contracts,
            contract,
            keys,
            load_id,
            turn,
            samples: 0,
            claim,
        }
        .run(conn)?;
        failpoint!("undo::commit");
        Ok::<_, MergeError>(done.entry)
    });
    let entry = entry.map_err(|error| {
        let turning = turning::Turning {
            contracts,
            contract,
            keys,
            load_id,
            turn,
            samples: 0,
            claim,
        };
        offenders::explain_turn(conn, &turning, error)
    })?;
    failpoint!("undo::committed");
    Ok(entry)
}

/// Takes over the rows that no load brought, or those of another table. Returns what the ledger has of
/// it, and what is to be known of that other table.
pub fn take_over(
    conn: &mut PgConnection,
    takeover: &Takeover<'_>,
) -> Result<(Entry, Option<SourceNotes>), MergeError> {
    transaction(conn, |conn| {
        let done = takeover.run(conn)?;
        Ok((done.entry, done.notes))
    })
}

/// Notes in the ledger that a file was refused, and why; or finds that its claim had its end
/// before.
pub fn note_refusal(
    conn: &mut PgConnection,
    table: &TableName,
    delivery: &Delivery,
    tally: Tally,
    reason: &str,
    set_aside: SetAside,
    began: Clock,
) -> Result<Receipt, MergeError> {
    let (entry, bytes) = transaction(conn, |conn| {
        let opened = ledger::open(conn, table, &[(delivery, None)])?.pop();
        let load_id = match opened.ok_or(diesel::NotFound)? {
            Opened::New(load_id) => load_id,
            Opened::Before(entry, bytes) => return Ok((*entry, bytes)),
        };
        let total = began.elapsed().as_secs_f64();
        let summary = Summary {
            load_id: Some(load_id),
            table: table.clone(),
            file: delivery.file.clone(),
            status: Status::Failed,
            rows: tally.into(),
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
            set_aside: Some(set_aside),
            released: 0,
            refused: 0,
        };
        ledger::close(conn, load_id, None, &entry)?;
        failpoint!("refusal::commit");
        Ok::<_, MergeError>((entry, Bytes::Same))
    })?;
    failpoint!("refusal::committed");
    Ok(Receipt {
        claim: delivery.claim,
        entry,
        bytes,
    })
}

impl Terms {
    fn parent(&self) -> Option<i64> {
        match self.instant {
            Instant::LoadTime | Instant::Delivered(_) => None,
            Instant::OfParent { load_id, .. } => Some(load_id),
        }
    }
}
