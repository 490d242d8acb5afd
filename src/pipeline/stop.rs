//! The wish to stop, which anything that waits can hear.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Starts as "go on"; once it says stop, it says so for ever. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Wishes to stop, and wakes whoever waits.
    pub fn wish(&self) {
        *self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }

    /// Whether stopping is wished for.
    #[must_use]
    pub fn is_wished(&self) -> bool {
        *self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits that long, or until stopping is wished for; says whether it is.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> bool {
        let lock = self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = self
            .0
            .changed
            .wait_timeout_while(lock, pause, |wanted| !*wanted);
        *woken.unwrap_or_else(PoisonError::into_inner).0
    }
}
