//! What happens inside the one transaction of an undo or a redo, in its order.

use std::time::Instant as Clock;

use uuid::Uuid;

use super::history::{self, Begun, Target, Turn, Turned};
use super::ledger::{self, Entry};
use super::plan::Told;
use super::{MergeError, columns};
use crate::contract::{Contract, Contracts, Kind};
use crate::db::prelude::*;
use crate::stage::key::KeyScheme;
use crate::summary::{Rows, Seconds, Status, Summary};

/// What one turn works with.
pub(super) struct Turning<'a> {
    pub(super) contracts: &'a Contracts,
    pub(super) contract: &'a Contract,
    pub(super) keys: &'a KeyScheme,
    pub(super) load_id: i64,
    pub(super) turn: Turn,
    pub(super) samples: usize,
    /// What the ledger knows this turn by, however often it is attempted.
    pub(super) claim: Uuid,
}

/// What a turn did.
pub(super) struct Done {
    pub(super) entry: Entry,
    pub(super) told: Told,
}

impl Turning<'_> {
    pub(super) fn run(&self, conn: &mut PgConnection) -> Result<Done, MergeError> {
        let began = Clock::now();
        let opened = history::open(
            conn,
            self.contracts,
            self.contract,
            self.load_id,
            self.turn,
            self.claim,
        )?;
        let (number, target) = match opened {
            Begun::New(number, target) => (number, target),
            Begun::Before(entry) => {
                return Ok(Done {
                    entry: *entry,
                    told: Told::NONE,
                });
            }
        };
        columns::verify(conn, self.contract, self.contracts)?;
        // The touched keys are folded by the contract of now.
        if let Some(changed) = ledger::contract::vouch(conn, self.contract)? {
            return Err(MergeError::OtherContract(changed));
        }
        if self.turn == Turn::Redo {
            history::vouch_for_returning(conn, self.contract, self.keys, self.load_id)?;
        }
        let turned = self.turn_table(conn, &target)?;
        let entry = self.entry(number, &target, &turned, began);
        ledger::close(conn, number, None, &entry)?;
        Ok(Done {
            entry,
            told: turned.told,
        })
    }

    fn turn_table(&self, conn: &mut PgConnection, target: &Target) -> Result<Turned, MergeError> {
        match &self.contract.kind {
            Kind::Dimension { durable_key, .. } => history::turn_dimension(
                conn,
                self.contracts,
                self.contract,
                durable_key,
                (self.load_id, target),
                self.turn,
                self.samples,
            ),
            Kind::Fact { .. } => history::turn_facts(
                conn,
                self.contract,
                self.keys,
                (self.load_id, target),
                self.turn,
                self.samples,
            ),
        }
    }

    fn entry(&self, number: i64, target: &Target, turned: &Turned, began: Clock) -> Entry {
        let seconds = began.elapsed().as_secs_f64();
        let summary = Summary {
            load_id: Some(number),
            table: self.contract.name.clone(),
            file: target.file_name.clone(),
            status: Status::Loaded,
            rows: Rows {
                read: target.rows(),
                accepted: target.rows(),
                held: turned.held,
                ..Rows::default()
            },
            changes: turned.changes,
            seconds: Seconds {
                total: seconds,
                stage: 0.0,
                merge: seconds,
            },
        };
        Entry {
            summary,
            reason: None,
            set_aside: None,
            released: turned.released,
            refused: 0,
        }
    }
}
