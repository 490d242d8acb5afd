//! The loop: wait for a hint or for the time of the next look, take in what was told, look,
//! claim what is settled, and tell.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use super::ahead::Ahead;
use super::events::{Lost, Signal, Subscription};
use super::folder::{Folder, Room};
use super::name::{Format, Routes};
use super::settle::{Hint, Identity, Patience, Settling, Verdict};
use super::writers::Blindness;
use super::{Mode, Options, Trouble, WatchEvent, Why};
use crate::contract::{Completeness, TableName};

/// Signals that wait to be taken in. More than these are a loss, which a sweep makes good.
const INBOX: usize = 4096;

/// Watches one folder.
#[derive(Debug)]
pub struct Watcher {
    pub(super) folder: Arc<Folder>,
    pub(super) routes: Routes,
    pub(super) options: Options,
    pub(super) patience: TablePatience,
    /// Why not every process is shown that may have a file open.
    pub(super) blindness: Option<Blindness>,
    /// Which of these was last told.
    pub(super) told_blindness: Option<Blindness>,
    pub(super) ahead: Ahead,
    /// Files that are not claimed yet, by name.
    pub(super) waiting: BTreeMap<OsString, Waiting>,
    /// Names that could not be looked at, each with the table that it is for: what comes after them
    /// waits.
    pub(super) unseen: BTreeMap<OsString, TableName>,
    /// What was left alone, so that it is said once.
    pub(super) said: BTreeMap<(Room, OsString), (Identity, Why)>,
    /// What is to be told at the end of this round.
    pub(super) news: Vec<WatchEvent>,
    pub(super) subscription: Option<Subscription>,
    pub(super) health: Option<Health>,
    pub(super) sweeps: u64,
    pub(super) turns: u64,
    pub(super) next_sweep: Instant,
    pub(super) next_blindness: Instant,
    pub(super) inbox: Inbox,
}

/// How long files have to stand still, by their table.
#[derive(Debug)]
pub(super) struct TablePatience {
    by_table: BTreeMap<TableName, Patience>,
    other: Patience,
}

impl TablePatience {
    pub(super) fn of(&self, table: &TableName) -> &Patience {
        self.by_table.get(table).unwrap_or(&self.other)
    }
}

/// What follows from the settings of each table.
pub(super) fn patience(
    routes: &Routes,
    options: &Options,
    blindness: Option<Blindness>,
) -> TablePatience {
    let by_table = routes.completeness().iter();
    let other = Completeness {
        settle: options.settle,
        ..Completeness::default()
    };
    TablePatience {
        by_table: by_table
            .map(|(table, complete)| (table.clone(), Patience::of(complete, blindness)))
            .collect(),
        other: Patience::of(&other, blindness),
    }
}

/// A file that is not claimed yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) table: TableName,
    pub(super) role: Role,
    pub(super) file: Settling,
    /// When an event last told of it, counted; the sweep alone leaves it at 0.
    pub(super) turn: u64,
    /// The last sweep that saw it.
    pub(super) swept: u64,
    pub(super) attempt: Attempt,
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// A delivery, to be read like this.
    Delivery(Format),
    /// A file beside one. It settles like any other, and is claimed with its delivery.
    Sidecar,
}

/// What became of claiming a file since the last sweep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attempt {
    None,
    /// A process has it open for writing. Younger files need not wait for it.
    OpenForWriting,
    /// The system refused. Younger files wait for it: the order of files makes the history.
    Refused,
}

/// What was last told of the watch as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Health {
    Ready(Mode),
    Bad(Trouble),
}

#[derive(Debug)]
pub(super) struct Inbox {
    signals: Receiver<Signal>,
    pub(super) sender: SyncSender<Signal>,
    pub(super) lost: Lost,
    stop: Arc<AtomicBool>,
}

/// Stops a [`Watcher`] from another thread or a signal handler's thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    stop: Arc<AtomicBool>,
    wake: SyncSender<Signal>,
}

impl Stopper {
    /// Lets the watch end after what it is doing now.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // A full inbox wakes it as well.
        let _ = self.wake.try_send(Signal::Stop);
    }
}

/// What one round took out of the inbox.
#[derive(Default)]
struct Gathered {
    hints: BTreeMap<OsString, Told>,
    look: Look,
}

/// What was told of one name in one round.
#[derive(Default)]
struct Told {
    hints: Vec<Hint>,
    /// The place of the last hint among all hints of the round.
    last: usize,
}

/// How much to look at.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Look {
    #[default]
    AtHints,
    AtEverything,
}

impl Watcher {
    /// Makes ready to watch; nothing is watched before [`Watcher::run`].
    #[must_use]
    pub fn new(folder: Folder, routes: Routes, options: Options) -> Self {
        let (sender, signals) = sync_channel(INBOX);
        Self {
            folder: Arc::new(folder),
            patience: patience(&routes, &options, None),
            blindness: None,
            told_blindness: None,
            routes,
            options,
            ahead: Ahead::new(options.ahead.max(1), sender.clone()),
            waiting: BTreeMap::new(),
            unseen: BTreeMap::new(),
            said: BTreeMap::new(),
            news: Vec::new(),
            subscription: None,
            health: None,
            sweeps: 0,
            turns: 0,
            next_sweep: Instant::now(),
            next_blindness: Instant::now(),
            inbox: Inbox {
                signals,
                sender,
                lost: Lost::default(),
                stop: Arc::default(),
            },
        }
    }

    /// What stops it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper {
            stop: Arc::clone(&self.inbox.stop),
            wake: self.inbox.sender.clone(),
        }
    }

    /// Watches until it is stopped, or until `tell` breaks. Claims that an earlier run left come
    /// first, under their own ids and in their order.
    pub fn run(&mut self, mut tell: impl FnMut(WatchEvent) -> ControlFlow<()>) {
        self.sweep(Instant::now());
        loop {
            self.claim_settled(Instant::now());
            for event in self.news.drain(..) {
                if tell(event).is_break() {
                    return;
                }
            }
            let Some(gathered) = self.gather() else {
                return;
            };
            self.take_in(gathered, Instant::now());
        }
    }

    /// Waits for the next signal, or for the moment of the next look, and empties the inbox.
    /// `None` when the watch is to stop.
    fn gather(&self) -> Option<Gathered> {
        let patience = self.next_look(Instant::now());
        // A timeout, that is: the watch holds a sender itself, so the inbox is never closed.
        let first = self.inbox.signals.recv_timeout(patience).ok();
        let mut gathered = Gathered::default();
        // Asked before the inbox is emptied: whatever a lost event would have contradicted is
        // then among the hints of this round, or of one before.
        if self.inbox.lost.take() {
            gathered.look = Look::AtEverything;
        }
        let signals = first.into_iter().chain(self.inbox.signals.try_iter());
        for (place, signal) in signals.enumerate() {
            match signal {
                Signal::Hint(name, hint) => {
                    let told = gathered.hints.entry(name).or_default();
                    told.hints.push(hint);
                    told.last = place;
                }
                Signal::Sweep => gathered.look = Look::AtEverything,
                Signal::Room | Signal::Stop => {}
            }
        }
        (!self.inbox.stop.load(Ordering::Acquire)).then_some(gathered)
    }

    fn take_in(&mut self, gathered: Gathered, now: Instant) {
        let mut told: Vec<_> = gathered.hints.into_iter().collect();
        told.sort_by_key(|(_, told)| told.last);
        for (name, told) in told {
            self.see(name, &told.hints, now);
        }
        if gathered.look == Look::AtEverything {
            tracing::debug!("file events were lost, or the folder changed: looking at everything");
            for waiting in self.waiting.values_mut() {
                waiting.file.events_were_lost();
            }
        }
        if gathered.look == Look::AtEverything || now >= self.next_sweep {
            self.sweep(now);
        }
    }

    /// How long nothing needs to be looked at. A file that is settled and still here waits for
    /// room in its table, or for the next sweep.
    fn next_look(&self, now: Instant) -> std::time::Duration {
        let due = self.waiting.values().filter_map(|waiting| {
            match waiting.file.verdict(now, self.patience.of(&waiting.table)) {
                Verdict::Settled => None,
                Verdict::NotBefore(due) | Verdict::BeingWritten(due) => Some(due),
            }
        });
        due.chain([self.next_sweep])
            .min()
            .unwrap_or(self.next_sweep)
            .saturating_duration_since(now)
    }
}
