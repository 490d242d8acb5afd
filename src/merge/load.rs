//! What happens inside the one transaction of a load, in its order.

use std::time::Instant as Clock;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::ledger::{self, Entry, Keys, Opened, Seen};
use super::sql::Shape;
use super::{
    Instant, MergeError, Terms, dimension, fact, guard, landing, locks, manifest, rejects,
};
use crate::contract::{Contract, Contracts, Kind, Redelivery};
use crate::failpoint;
use crate::stage::key::KeyScheme;
use crate::stage::reject::RejectKind;
use crate::stage::{Finding, Staged};
use crate::summary::{Changes, Rows, Seconds, Status, Summary};

/// What one load works with.
pub(super) struct Load<'a> {
    pub(super) contracts: &'a Contracts,
    pub(super) contract: &'a Contract,
    pub(super) keys: &'a KeyScheme,
    pub(super) terms: &'a Terms,
    pub(super) merge_began: Clock,
}

impl Load<'_> {
    pub(super) fn run(
        &self,
        conn: &mut PgConnection,
        staged: &mut Staged,
    ) -> Result<Entry, MergeError> {
        let table = &self.contract.name;
        let load_id = match ledger::open(conn, table, &staged.delivery, self.terms.parent())? {
            Opened::New(load_id) => load_id,
            Opened::Before(entry) => return Ok(*entry),
        };
        failpoint!("merge::ledger");
        conn.batch_execute(include_str!("transaction.sql"))?;
        locks::take(conn, self.contract, self.contracts)?;
        failpoint!("merge::locked");
        if let Some(reason) = self.seen_before(conn, staged)? {
            return self.skip(conn, load_id, staged, reason);
        }
        self.vouch_for_contract(conn)?;
        let at = match self.terms.instant {
            Instant::LoadTime => ledger::load_time(conn, table)?,
            Instant::OfParent { at, .. } => at,
        };
        let applied = self.apply(conn, load_id, at, staged)?;
        manifest::write(conn, load_id, staged, &applied.findings)?;
        rejects::write(conn, load_id, &mut staged.findings, &applied.findings)?;
        if let Some(parent) = self.terms.parent() {
            ledger::mark_replayed(conn, parent, staged.tally.read)?;
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
        findings.extend(manifest::refuse_late(
            conn,
            &self.contract.name,
            self.terms.instant,
            staged,
        )?);
        failpoint!("merge::landed");
        match &self.contract.kind {
            Kind::Dimension { durable_key, .. } => {
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
                findings.extend(fact::refuse(conn, shape, references, staged)?);
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

    fn vouch_for_contract(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        let own = std::iter::once(self.contract);
        for contract in own.chain(self.contracts.referred_by(self.contract)) {
            let table = contract.name.clone();
            match ledger::vouch_for_keys(conn, contract, self.keys)? {
                Keys::Same => {}
                Keys::OtherScheme => return Err(MergeError::OtherKeyScheme { table }),
                Keys::OtherColumns => return Err(MergeError::OtherKeyColumns { table }),
            }
        }
        match ledger::contract::vouch(conn, self.contract)? {
            None => Ok(()),
            Some(changed) => Err(MergeError::OtherContract(changed)),
        }
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
