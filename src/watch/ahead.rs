//! How far the watch may run ahead of the loads.
//!
//! Each arrival holds a slot of its table; dropping the arrival gives it back and wakes the
//! watch. So at most a fixed number of files of each table are claimed and in memory, however
//! many lie in the folder, and a table that waits for a lock holds up no other.

use std::collections::{BTreeMap, HashSet};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::claim::ClaimId;
use super::events::Signal;
use super::settle::Identity;
use crate::contract::TableName;

/// The slots of all tables.
#[derive(Clone, Debug)]
pub(crate) struct Ahead(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The most arrivals of one table at a time.
    limit: usize,
    state: Mutex<State>,
    wake: SyncSender<Signal>,
}

#[derive(Default, Debug)]
struct State {
    held: BTreeMap<ClaimId, TableName>,
    /// Files that were, or are about to be, put back into `imports/` by Hayloft itself.
    expected_back: HashSet<Identity>,
}

/// The place of one arrival.
#[derive(Debug)]
pub(crate) struct Slot {
    ahead: Ahead,
    claim: ClaimId,
}

impl Ahead {
    pub(crate) fn new(limit: usize, wake: SyncSender<Signal>) -> Self {
        Self(Arc::new(Shared {
            limit,
            state: Mutex::default(),
            wake,
        }))
    }

    /// How many files of a table to claim now. None until half of its slots are free: choosing
    /// the oldest of a hundred thousand files, and syncing the claim, pays for a batch.
    pub(crate) fn room_for(&self, table: &TableName) -> usize {
        let state = self.state();
        let held = state.held.values().filter(|held| *held == table).count();
        let free = self.0.limit.saturating_sub(held);
        if free * 2 >= self.0.limit { free } else { 0 }
    }

    /// Whether somebody has the arrival of this claim.
    pub(crate) fn holds(&self, claim: ClaimId) -> bool {
        self.state().held.contains_key(&claim)
    }

    /// Takes a slot. Recovered claims take one even beyond the limit: they are claimed already.
    pub(crate) fn take(&self, claim: ClaimId, table: &TableName) -> Slot {
        self.state().held.insert(claim, table.clone());
        Slot {
            ahead: self.clone(),
            claim,
        }
    }

    /// Whether Hayloft itself put the file back. True once for each time.
    pub(crate) fn came_back(&self, file: Identity) -> bool {
        self.state().expected_back.remove(&file)
    }

    /// The file is about to appear in `imports/` again, or just has.
    pub(crate) fn expect_back(&self, file: Identity) {
        self.state().expected_back.insert(file);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half-changed by a panic: each change is one insert or remove.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The arrival's file is about to appear in `imports/` again.
    pub(crate) fn expect_back(&self, file: Identity) {
        self.ahead.expect_back(file);
    }

    /// It did not appear.
    pub(crate) fn expect_back_no_more(&self, file: Identity) {
        self.ahead.came_back(file);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.ahead.state().held.remove(&self.claim);
        // A full inbox wakes the watch as well, and without a watch nobody needs waking.
        let _ = self.ahead.0.wake.try_send(Signal::Room);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_table_gets_a_new_batch_when_half_of_its_slots_are_free() {
        let (wake, _inbox) = sync_channel(1);
        let ahead = Ahead::new(4, wake);
        let users = TableName::new("users");
        let mut slots: Vec<_> = (0..4)
            .map(|_| ahead.take(ClaimId::fresh(), &users))
            .collect();
        assert_eq!(ahead.room_for(&users), 0);
        slots.pop();
        assert_eq!(ahead.room_for(&users), 0);
        slots.pop();
        assert_eq!(ahead.room_for(&users), 2);
        assert_eq!(ahead.room_for(&TableName::new("products")), 4);
    }

    #[test]
    fn an_arrival_that_ends_wakes_the_watch() {
        let (wake, inbox) = sync_channel(1);
        let ahead = Ahead::new(4, wake);
        let claim = ClaimId::fresh();
        let slot = ahead.take(claim, &TableName::new("users"));
        assert!(ahead.holds(claim));
        drop(slot);
        assert!(!ahead.holds(claim));
        assert!(matches!(inbox.try_recv(), Ok(Signal::Room)));
    }
}
