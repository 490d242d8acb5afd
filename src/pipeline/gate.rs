//! How many loads work at the same time.
//!
//! Each table has threads of its own, so that none waits for another; but only as many loads are at
//! work as there are places. A load that waits for the database or for a person gives its place back
//! meanwhile.

use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A number of places.
#[derive(Debug)]
pub(super) struct Gate {
    free: Mutex<usize>,
    changed: Condvar,
}

/// One place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Gate);

impl Gate {
    pub(super) fn new(places: NonZero<usize>) -> Self {
        Self {
            free: Mutex::new(places.get()),
            changed: Condvar::new(),
        }
    }

    /// A place, as soon as one is free.
    pub(super) fn enter(&self) -> Place<'_> {
        self.take();
        Place(self)
    }

    fn take(&self) {
        let woken = self.changed.wait_while(self.free(), |free| *free == 0);
        *woken.unwrap_or_else(PoisonError::into_inner) -= 1;
    }

    fn give_back(&self) {
        *self.free() += 1;
        self.changed.notify_one();
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Waits without the place, then for a place.
    pub(super) fn stand_aside<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.0.give_back();
        let waited = wait();
        self.0.take();
        waited
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::thread;

    use super::Gate;

    #[test]
    fn no_more_are_in_than_there_are_places() {
        let gate = Gate::new(NonZero::new(2).unwrap());
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _place = gate.enter();
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 2);
        assert_eq!(*gate.free(), 2);
    }

    #[test]
    fn whoever_stands_aside_leaves_the_place_to_another() {
        let gate = Gate::new(NonZero::<usize>::MIN);
        let place = gate.enter();
        assert_eq!(*gate.free(), 0);
        // With the place still taken, this would wait for ever.
        place.stand_aside(|| drop(gate.enter()));
        assert_eq!(*gate.free(), 0);
        drop(place);
        assert_eq!(*gate.free(), 1);
    }
}
