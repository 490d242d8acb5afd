//! Staged + Contract → Receipt.
//!
//! In: rows that are ready for the table. Out: proof that the ledger has them. Everything that a
//! load does to the database happens in the one transaction of [`merge`]: the ledger's row first,
//! then the rows, the rejects and the counts. This room never sees a path or a format.

mod dimension;
mod fact;
mod held;
mod landing;
pub mod ledger;
mod locks;
mod rejects;
pub mod sql;

use std::io;
use std::time::Instant as Clock;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use thiserror::Error;
use uuid::Uuid;

use crate::contract::{Contract, Contracts, Guards, Kind, Redelivery, TableName};
use crate::db::copy::CopyError;
use crate::failpoint;
use crate::merge::ledger::{Entry, Keys, Opened, Seen};
use crate::merge::sql::Shape;
use crate::stage::key::KeyScheme;
use crate::stage::reject::RejectKind;
use crate::stage::{Delivery, Finding, Staged, Tally};
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

/// How this load differs from the usual.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What to do with bytes that were loaded before.
    pub redelivery: Redelivery,
    /// From when on what the file says holds.
    pub instant: Instant,
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
}

/// Why a load did not happen. Whatever it is, nothing of the load is in the database.
#[derive(Debug, Error)]
pub enum MergeError {
    /// The server, or the way to it.
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    /// More rejects than the contract allows.
    #[error("{breach}")]
    Guard {
        /// Which limit.
        breach: GuardBreach,
        /// The rejects among them that staging does not know of.
        findings: Vec<Finding>,
    },
    /// The table's keys were made in another way; loading would give every member a second key.
    #[error(
        "The keys in `{table}` were made with another HAYLOFT_KEY_SECRET, or without one. Set the \
         secret that it was loaded with."
    )]
    OtherKeyScheme {
        /// The table.
        table: TableName,
    },
    /// The contract names other key columns than those the table was loaded with.
    #[error(
        "`{table}` was loaded with another natural key than hayloft.toml names now. A key cannot \
         be changed under a table that has rows."
    )]
    OtherKeyColumns {
        /// The table.
        table: TableName,
    },
    /// The check of the touched keys failed. This is a defect, or somebody else writes the table.
    #[error(
        "{keys} key(s) of `{table}` would have versions that do not fit together. Was the table \
         changed by hand?"
    )]
    BrokenHistory {
        /// The table.
        table: TableName,
        /// How many keys.
        keys: u64,
    },
    /// A rejected row could not be read again.
    #[error("The file cannot be read: {0}.")]
    Unreadable(#[source] io::Error),
}

impl MergeError {
    /// Whether a unique index refused a row.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(
            self,
            Self::Database(diesel::result::Error::DatabaseError(
                diesel::result::DatabaseErrorKind::UniqueViolation,
                _
            ))
        )
    }
}

impl From<GuardBreach> for MergeError {
    fn from(breach: GuardBreach) -> Self {
        Self::Guard {
            breach,
            findings: Vec::new(),
        }
    }
}

impl From<CopyError> for MergeError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Database(error) => Self::Database(error),
            CopyError::Rows(error) => Self::Unreadable(error),
        }
    }
}

/// More rejects than the contract allows.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum GuardBreach {
    /// Not one row is usable.
    #[error("Every row was rejected: {read} of {read}.")]
    Every {
        /// Rows in the file.
        read: u64,
    },
    /// Too many.
    #[error("{rejected} rows were rejected, and max_reject_rows allows {limit}.")]
    Rows {
        /// Rejected rows.
        rejected: u64,
        /// The limit.
        limit: u64,
    },
    /// Too large a share.
    #[error(
        "{rejected} of {read} rows were rejected, more than max_reject_fraction = {limit} allows."
    )]
    Fraction {
        /// Rejected rows.
        rejected: u64,
        /// Rows in the file.
        read: u64,
        /// The limit.
        limit: f64,
    },
}

/// Whether so many rejects refuse the whole file.
pub fn guard(guards: &Guards, read: u64, rejected: u64) -> Result<(), GuardBreach> {
    if read > 0 && rejected == read {
        return Err(GuardBreach::Every { read });
    }
    if let Some(limit) = guards.max_reject_rows.filter(|limit| rejected > *limit) {
        return Err(GuardBreach::Rows { rejected, limit });
    }
    let limit = guards.max_reject_fraction;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of rows needs no 53 bits"
    )]
    let share = rejected as f64 / read.max(1) as f64;
    if read >= Guards::FRACTION_FLOOR && share > limit {
        return Err(GuardBreach::Fraction {
            rejected,
            read,
            limit,
        });
    }
    Ok(())
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
            Opened::Before(entry) => return Ok(entry),
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

/// What one load works with.
struct Load<'a> {
    contracts: &'a Contracts,
    contract: &'a Contract,
    keys: &'a KeyScheme,
    terms: &'a Terms,
    merge_began: Clock,
}

impl Load<'_> {
    fn run(&self, conn: &mut PgConnection, staged: &mut Staged) -> Result<Entry, MergeError> {
        let table = &self.contract.name;
        let load_id = match ledger::open(conn, table, &staged.delivery, self.terms.parent())? {
            Opened::New(load_id) => load_id,
            Opened::Before(entry) => return Ok(entry),
        };
        failpoint!("merge::ledger");
        conn.batch_execute(include_str!("transaction.sql"))?;
        locks::take(conn, self.contract, self.contracts)?;
        failpoint!("merge::locked");
        if let Some(reason) = self.seen_before(conn, staged)? {
            return self.skip(conn, load_id, staged, reason);
        }
        self.vouch_for_keys(conn)?;
        let at = match self.terms.instant {
            Instant::LoadTime => ledger::load_time(conn, table)?,
            Instant::OfParent { at, .. } => at,
        };
        let applied = self.apply(conn, load_id, at, staged)?;
        rejects::write(conn, load_id, &mut staged.findings, &applied.findings)?;
        if let Some(parent) = self.terms.parent() {
            ledger::mark_replayed(conn, parent)?;
        }
        failpoint!("merge::rejects");
        let entry = self.entry(load_id, staged, &applied);
        ledger::close(conn, load_id, Some(at), &entry)?;
        Ok(entry)
    }

    fn apply(
        &self,
        conn: &mut PgConnection,
        load_id: i64,
        at: DateTime<Utc>,
        staged: &Staged,
    ) -> Result<Applied, MergeError> {
        let shape = Shape {
            contract: self.contract,
            filled: &staged.columns,
        };
        let mut findings = landing::land(conn, shape, staged)?;
        failpoint!("merge::landed");
        match &self.contract.kind {
            Kind::Dimension { durable_key } => {
                let instant = self.terms.instant;
                findings.extend(dimension::refuse_late(
                    conn,
                    self.contract,
                    durable_key,
                    instant,
                    staged,
                )?);
                self.guard(staged, &findings)?;
                let dependants: Vec<&Contract> =
                    self.contracts.referring_to(&self.contract.name).collect();
                let done = dimension::apply(conn, shape, durable_key, &dependants, at, load_id)?;
                let (changes, released) = (done.changes, done.released);
                Ok(Applied {
                    changes,
                    released,
                    held: 0,
                    findings,
                })
            }
            Kind::Fact { references, .. } => {
                let instant = self.terms.instant;
                findings.extend(fact::refuse(conn, shape, references, instant, staged)?);
                self.guard(staged, &findings)?;
                let done = fact::apply(conn, shape, references, at, load_id)?;
                Ok(Applied {
                    changes: done.changes,
                    released: 0,
                    held: done.held,
                    findings,
                })
            }
        }
    }

    /// Rows that only the database could refuse count like the others, unless they come late:
    /// that is no sign of a broken file.
    fn guard(&self, staged: &Staged, findings: &[Finding]) -> Result<(), MergeError> {
        let refused = findings
            .iter()
            .filter(|finding| finding.reject.kind != RejectKind::Late);
        let rejected = staged.tally.rejected + refused.count() as u64;
        guard(&self.contract.guards, staged.tally.read, rejected).map_err(|breach| {
            MergeError::Guard {
                breach,
                findings: findings.to_vec(),
            }
        })
    }

    fn seen_before(
        &self,
        conn: &mut PgConnection,
        staged: &Staged,
    ) -> Result<Option<String>, MergeError> {
        let replayed = self.terms.parent().is_some();
        // A fact is keyed by itself: the same bytes again change nothing, or mend something.
        let keyed = matches!(self.contract.kind, Kind::Fact { .. });
        if replayed || keyed || self.terms.redelivery == Redelivery::Always {
            return Ok(None);
        }
        let seen = ledger::seen(conn, &self.contract.name, &staged.delivery)?;
        // Emptied since, or dropped and made anew (`diesel migration redo`): it has none of it.
        let known = seen != Seen::Never && !staged.rows.is_empty();
        if known && ledger::is_empty(conn, self.contract)? {
            return Ok(None);
        }
        Ok(match seen {
            Seen::Never => None,
            Seen::Latest(load) => Some(format!("The same bytes were loaded last, as load {load}.")),
            Seen::Older(load) => Some(format!(
                "The same bytes were loaded before, as load {load}, and other files since. Loading \
                 them again would bring back old values; `hayloft load --again` does."
            )),
        })
    }

    fn skip(
        &self,
        conn: &mut PgConnection,
        load_id: i64,
        staged: &Staged,
        reason: String,
    ) -> Result<Entry, MergeError> {
        let summary = Summary {
            load_id: Some(load_id),
            table: self.contract.name.clone(),
            file: staged.delivery.file.clone(),
            status: Status::Skipped,
            rows: Rows::default(),
            changes: Changes::default(),
            seconds: self.seconds(),
        };
        let entry = Entry {
            summary,
            reason: Some(reason),
            released: 0,
        };
        ledger::close(conn, load_id, None, &entry)?;
        Ok(entry)
    }

    fn vouch_for_keys(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        let own = std::iter::once(self.contract);
        for contract in own.chain(self.contracts.referred_by(self.contract)) {
            let table = contract.name.clone();
            match ledger::vouch_for_keys(conn, contract, self.keys)? {
                Keys::Same => {}
                Keys::OtherScheme => return Err(MergeError::OtherKeyScheme { table }),
                Keys::OtherColumns => return Err(MergeError::OtherKeyColumns { table }),
            }
        }
        Ok(())
    }

    fn entry(&self, load_id: i64, staged: &Staged, applied: &Applied) -> Entry {
        let late = applied.findings.len() as u64;
        let rows = Rows {
            read: staged.tally.read,
            accepted: staged.rows.len() as u64 - late,
            rejected: staged.tally.rejected + late,
            duplicates: staged.tally.duplicates,
            held: applied.held,
        };
        let summary = Summary {
            load_id: Some(load_id),
            table: self.contract.name.clone(),
            file: staged.delivery.file.clone(),
            status: Status::Loaded,
            rows,
            changes: applied.changes,
            seconds: self.seconds(),
        };
        Entry {
            summary,
            reason: None,
            released: applied.released,
        }
    }

    fn seconds(&self) -> Seconds {
        let total = self.terms.began.elapsed().as_secs_f64();
        let merge = self.merge_began.elapsed().as_secs_f64();
        Seconds {
            total,
            stage: total - merge,
            merge,
        }
    }
}

/// What a load did, before it is summed up.
struct Applied {
    changes: Changes,
    held: u64,
    released: u64,
    /// Rows that staging accepted and the database did not.
    findings: Vec<Finding>,
}

impl Terms {
    fn parent(&self) -> Option<i64> {
        match self.instant {
            Instant::LoadTime => None,
            Instant::OfParent { load_id, .. } => Some(load_id),
        }
    }
}
