//! Small files of one table that go their way together: made ready, loaded by one transaction, and
//! removed, each step for all of them.
//!
//! What does not go together is left to [`super::way`], one by one.

use std::sync::Arc;

use super::desk::{self, Attendant, Desk, Outcome, Patience, Wish};
use super::way::{self, Way};
use crate::contract::Contracts;
use crate::error::LoadError;
use crate::merge::{self, Companion, Receipt};
use crate::retire::Synced;
use crate::stage::{Progress, Stamp};
use crate::watch::{Arrival, ScanDepth};

/// How the way of a file ended that went with others, and the file as it was read.
pub(super) struct End {
    pub(super) read: Stamp,
    pub(super) outcome: Result<Outcome, LoadError>,
}

/// The first of several files of one table, read and checked: all that stand before one that cannot
/// be staged.
pub(super) struct Ready {
    contracts: Arc<Contracts>,
    files: Vec<Companion>,
    reads: Vec<Stamp>,
    /// Whether nobody writes them. Else each goes alone, which finds out which it is.
    closed: Result<(), LoadError>,
}

/// What the ledger has of a file that was loaded with others, and the file as it was read.
pub(super) struct Merged {
    read: Stamp,
    receipt: Receipt,
}

/// Makes files ready by the contracts as they were last read. Nothing of the database is asked, so
/// this can be done before their turn.
pub(super) fn make_ready(desk: &Desk, arrivals: &[Arrival]) -> Ready {
    Ready::by(desk.contracts(), desk, arrivals)
}

/// Loads the files that can be made ready by one transaction. After an error nothing of any of them
/// has happened, but for what the ledger tells of their claims; each then has to go its way alone,
/// which finds out what is wrong with which.
pub(super) fn merge(
    desk: &Desk,
    arrivals: &[Arrival],
    ready: Option<Ready>,
) -> Result<Vec<Merged>, LoadError> {
    let contracts = desk.register.current(&desk.database)?;
    let Ready {
        contracts,
        mut files,
        reads,
        closed,
    } = match ready {
        Some(ready) if Arc::ptr_eq(&ready.contracts, &contracts) => ready,
        // A file before them may have added a column.
        _ => Ready::by(contracts, desk, arrivals),
    };
    closed?;
    let contract = arrivals.first().and_then(|it| contracts.get(it.table()));
    let Some(contract) = contract.filter(|_| !files.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut conn = desk.database.get()?;
    let merged = merge::merge_together(&mut conn, &contracts, contract, &desk.keys, &mut files);
    let merged = reads.into_iter().zip(merged?);
    Ok(merged
        .map(|(read, receipt)| Merged { read, receipt })
        .collect())
}

/// Removes the files of loads that are in the ledger.
pub(super) fn retire(
    desk: &Desk,
    arrivals: &[Arrival],
    merged: &[Merged],
) -> Result<Vec<End>, LoadError> {
    let contracts = desk.contracts();
    let reads: Vec<_> = merged.iter().map(|merged| merged.read).collect();
    let writers = way::writers(&reads, ScanDepth::Descriptors);
    let mut retired = Vec::with_capacity(merged.len());
    for (arrival, Merged { read, receipt }) in arrivals.iter().zip(merged) {
        let way = Way::new(desk, &contracts, arrival, &Wish::CONTRACT, &Nobody)?;
        retired.push((*read, way.take_away(receipt, *read, &writers)));
    }
    // When all are gone: they lie in one folder.
    let mut synced = Synced::default();
    let ends = retired.into_iter().map(|(read, taken)| {
        let outcome = taken.and_then(|taken| taken.sync(&mut synced));
        if let Ok(outcome) = &outcome {
            desk::log(outcome.entry());
        }
        End { read, outcome }
    });
    Ok(ends.collect())
}

impl Ready {
    fn by(contracts: Arc<Contracts>, desk: &Desk, arrivals: &[Arrival]) -> Self {
        let (mut files, mut reads) = (Vec::new(), Vec::new());
        for arrival in arrivals {
            let way = Way::new(desk, &contracts, arrival, &Wish::CONTRACT, &Nobody);
            match way.and_then(|way| way.make_ready()) {
                // One that adds a column changes what the others are read by.
                Ok((read, file)) if file.staged.added.is_empty() => {
                    reads.push(read);
                    files.push(file);
                }
                _ => break,
            }
        }
        let closed = way::refuse_open(&reads, ScanDepth::Descriptors);
        Self {
            contracts,
            files,
            reads,
            closed,
        }
    }
}

/// Whoever would have to wait with files that go together has them go one by one instead.
struct Nobody;

impl Progress for Nobody {
    fn advanced(&self, _bytes: u64) {}
}

impl Attendant for Nobody {
    fn wait(&self, _error: &LoadError, _attempt: u32) -> Patience {
        Patience::GiveUp
    }

    fn wait_for_turn(&self, _error: &LoadError, _turn: u32) -> Patience {
        Patience::GiveUp
    }
}
