//! Loads whatever the watch brings, until it is told to stop.
//!
//! One thread watches, two for each table load, and this one hands out the work and tells the
//! news. Of a table's two one merges; the other makes the next files ready, or removes the last. A
//! gate keeps the loads that work at the same time to a number. A load that cannot go on waits where
//! it is, outside of the gate; other tables do not notice.

use std::collections::{BTreeSet, VecDeque};
use std::fs::Metadata;
use std::io;
use std::iter;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::desk::{self, Attendant, Desk, Outcome, Patience, Wish};
use super::gate::{Gate, Place};
use super::queue::{ForTable, Queue};
use super::relay::{Relay, Relays};
use super::stop::Stop;
use super::together::{self, End};
use super::way;
use crate::contract::TableName;
use crate::error::{LoadError, Verdict};
use crate::failpoint;
use crate::merge;
use crate::stage::{Progress, Stamp};
use crate::watch::{Arrival, Blindness, Mode, Released, Trouble, WatchEvent, Watcher, Why};

/// The pause before a load is tried again that needs a person's help first.
const HELP: Duration = Duration::from_secs(30);

/// The pause before the removal of a file is tried again. It costs no more than a question.
const REMOVAL: Duration = Duration::from_secs(5);

/// How many waiting files of a table are taken to their end together, and how many bytes they have
/// at most. For small files most of a load is what comes before the rows and after them; the first
/// of them is not kept back for longer than people notice. Where more wait, as many are made ready
/// while these are merged. The watch claims four times as many ahead
/// ([`crate::watch::Options::ahead`]), so that there are always some to go on with.
const TOGETHER: usize = 32;
const TOGETHER_BYTES: u64 = 4 << 20;

/// What there is to tell while watching.
#[derive(Debug)]
pub enum News {
    /// The folder is watched.
    Ready(Mode),
    /// A file that is left where it is.
    LeftAlone {
        /// Its name, safe to show.
        name: String,
        /// Why.
        why: Why,
    },
    /// Not every process is shown that may have a file open.
    Blind(Blindness),
    /// Something is wrong with the watch.
    Trouble(Trouble),
    /// A file came to its end.
    Ended(Box<Outcome>),
    /// A load waits for something that can heal by itself. Said once a load.
    Waiting {
        /// The file.
        file: String,
        /// For what.
        error: String,
    },
    /// A load waits for a person's help. Said once a load.
    Stuck {
        /// The file.
        file: String,
        /// Where it lies.
        place: PathBuf,
        /// Why.
        error: String,
    },
    /// A file is in the ledger, and cannot be removed. Said once a file.
    Unremoved {
        /// The file.
        file: String,
        /// Why, and where it lies.
        error: String,
    },
    /// A claimed file is no longer there: somebody else removed it.
    Gone {
        /// The file.
        file: String,
        /// Where it lay.
        place: PathBuf,
    },
    /// A file is not complete, and was given back.
    GivenBack {
        /// The file.
        file: String,
        /// What shows that.
        error: String,
    },
}

/// Takes what the watch brings to its end.
pub struct Dispatcher<'a> {
    desk: &'a Desk,
    gate: Gate,
    /// How many places the gate has, and how many pieces of work may be ahead of their turn.
    workers: NonZero<usize>,
    stop: Stop,
    show: &'a ShowProgress<'a>,
}

/// Makes what shows the progress of one file: its name, its size in bytes.
pub type ShowProgress<'a> = dyn Fn(&str, u64) -> Box<dyn Progress> + Sync + 'a;

enum Message {
    Watch(WatchEvent),
    /// A worker has news of its load.
    News(News),
    /// A worker is free, and the table too.
    Free(TableName),
    Stop,
}

/// Deliveries of one table that are taken to their end by one worker.
struct Job {
    arrivals: Vec<Arrival>,
    relay: Relay,
}

/// A file that is done with as far as the database goes, and cannot be removed. Its table goes on
/// without it.
struct Leftover {
    arrival: Arrival,
    /// The file before it was loaded.
    read: Stamp,
}

impl ForTable for Arrival {
    fn table(&self) -> &TableName {
        Arrival::table(self)
    }
}

impl<'a> Dispatcher<'a> {
    /// Works at this desk, on as many tables at a time, until `stop` is wished for.
    #[must_use]
    pub fn new(
        desk: &'a Desk,
        workers: NonZero<usize>,
        stop: Stop,
        show: &'a ShowProgress<'a>,
    ) -> Self {
        Self {
            desk,
            gate: Gate::new(workers),
            workers,
            stop,
            show,
        }
    }

    /// Runs until stopping is wished for, and the loads that were running then have ended.
    pub fn run(&self, watcher: &mut Watcher, mut tell: impl FnMut(News)) {
        let (messages, inbox) = channel();
        let (work, jobs) = channel();
        let jobs = Mutex::new(jobs);
        let (leave, leftovers) = channel();
        let stopper = watcher.stopper();
        thread::scope(|scope| {
            // Of each table one piece of work is merged while another is made ready, or retired.
            for _ in self.desk.contracts().routes().iter().flat_map(|_| 0..2) {
                let (messages, leave) = (messages.clone(), leave.clone());
                let jobs = &jobs;
                scope.spawn(move || self.work(jobs, &messages, &leave));
            }
            // It ends with the last worker.
            drop(leave);
            let news = messages.clone();
            scope.spawn(move || self.tidy(&leftovers, &news));
            let events = messages.clone();
            scope.spawn(move || watcher.run(|event| hand_on(&events, event)));
            scope.spawn(|| self.announce_stop(&messages));
            self.dispatch(&inbox, work, &mut tell);
            stopper.stop();
        });
    }

    /// Turns the wish to stop, which cannot be waited for beside a channel, into a message.
    fn announce_stop(&self, messages: &Sender<Message>) {
        while !self.stop.wait(Duration::from_secs(3600)) {}
        let _ = messages.send(Message::Stop);
    }

    fn dispatch(&self, inbox: &Receiver<Message>, work: Sender<Job>, tell: &mut dyn FnMut(News)) {
        let mut queue = Queue::new(references(self.desk));
        let mut relays = Relays::default();
        while let Ok(first) = inbox.recv() {
            // All that is there, so that files which arrived together can be loaded together.
            for message in iter::once(first).chain(inbox.try_iter()) {
                match message {
                    Message::Watch(WatchEvent::Arrived(arrival)) => queue.push(arrival),
                    Message::Watch(event) => tell_event(event, tell),
                    Message::News(news) => tell(news),
                    Message::Free(table) => queue.done(&table),
                    Message::Stop => {}
                }
            }
            if self.stop.is_wished() {
                if queue.running() == 0 {
                    break;
                }
                continue;
            }
            while let Some(arrival) = self.next(&mut queue) {
                let relay = relays.next(arrival.table());
                let arrivals = self.with_company(arrival, &mut queue);
                let _ = work.send(Job { arrivals, relay });
            }
        }
        // What was claimed and not begun stays claimed, and comes first at the next start. The
        // workers end with the channel that feeds them.
        drop(work);
    }

    /// The next delivery to hand out, be it ahead of its turn.
    fn next(&self, queue: &mut Queue<Arrival>) -> Option<Arrival> {
        let enough = |table: &TableName| self.company(table);
        queue
            .next()
            .or_else(|| queue.ahead(self.workers.get(), enough))
    }

    /// How many deliveries of a table are loaded together, if they can be.
    fn company(&self, table: &TableName) -> Option<usize> {
        let contracts = self.desk.contracts();
        let together = contracts.get(table).is_some_and(merge::can_share);
        together.then_some(TOGETHER)
    }

    /// Those that wait behind a delivery of their table, if they can be loaded together with it.
    fn with_company(&self, first: Arrival, queue: &mut Queue<Arrival>) -> Vec<Arrival> {
        let table = first.table().clone();
        let most = self.company(&table).unwrap_or(1);
        let mut arrivals = vec![first];
        while arrivals.len() < most
            && let Some(next) = queue.one_more(&table)
        {
            arrivals.push(next);
        }
        arrivals
    }

    fn work(
        &self,
        jobs: &Mutex<Receiver<Job>>,
        messages: &Sender<Message>,
        leave: &Sender<Leftover>,
    ) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            let table = job.arrivals.first().map(|arrival| arrival.table().clone());
            self.carry_all(job, messages, leave);
            if let Some(table) = table {
                let _ = messages.send(Message::Free(table));
            }
        }
    }

    /// Carries arrivals to their end, in their order: small ones together, as far as that goes well.
    fn carry_all(&self, job: Job, messages: &Sender<Message>, leave: &Sender<Leftover>) {
        let Job {
            arrivals,
            mut relay,
        } = job;
        let mut left = VecDeque::from(arrivals);
        while !self.stop.is_wished() {
            let small: Vec<_> = left.drain(..count_small(&left)).collect();
            let alone = match small.len() {
                0 => left.pop_front().into_iter().collect(),
                1 => small,
                _ => self.carry_together(small, &mut left, &mut relay, messages, leave),
            };
            if alone.is_empty() && left.is_empty() {
                return;
            }
            relay.wait_to_merge();
            relay.wait_to_end();
            for arrival in alone {
                self.carry(arrival, messages, leave);
            }
        }
    }

    /// Carries small arrivals to their end together. Returns those that have to go alone next, and
    /// puts those back before the others that can be tried together again.
    fn carry_together(
        &self,
        mut arrivals: Vec<Arrival>,
        left: &mut VecDeque<Arrival>,
        relay: &mut Relay,
        messages: &Sender<Message>,
        leave: &Sender<Leftover>,
    ) -> Vec<Arrival> {
        let ends = match self.attempt_together(&arrivals, left, relay) {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!("{} files go one by one: {error}", arrivals.len());
                return arrivals;
            }
        };
        let mut others = arrivals.split_off(ends.len()).into_iter();
        // It is the one that cannot be staged, and says why when it is alone.
        let first = others.next();
        others.rev().for_each(|arrival| left.push_front(arrival));
        for (arrival, End { read, outcome }) in arrivals.into_iter().zip(ends) {
            match outcome {
                Ok(outcome) => {
                    failpoint!("load::ended");
                    let _ = messages.send(Message::News(News::Ended(Box::new(outcome))));
                }
                Err(error) => leave_behind(arrival, read, &error, messages, leave),
            }
        }
        first.into_iter().collect()
    }

    /// Carries one arrival to its end, however long that takes; or, when stopping is wished for,
    /// leaves it claimed for the next start.
    fn carry(&self, mut arrival: Arrival, messages: &Sender<Message>, leave: &Sender<Leftover>) {
        let mut said = Said::Nothing;
        loop {
            let found = way::look(&arrival).ok();
            let bytes = found.as_ref().map_or(0, Metadata::len);
            let place = self.gate.enter();
            if self.stop.is_wished() {
                return;
            }
            let attempted = self.attempt(&arrival, bytes, &place, messages);
            drop(place);
            let error = match attempted {
                Ok(outcome) => {
                    failpoint!("load::ended");
                    let _ = messages.send(Message::News(News::Ended(Box::new(outcome))));
                    return;
                }
                Err(error) => error,
            };
            if self.stop.is_wished() {
                return;
            }
            if is_gone(&error) {
                // Trying again would stop the table for ever. Should the file come back under its
                // claim, the next sweep finds it.
                let _ = messages.send(Message::News(News::Gone {
                    file: arrival.name().to_owned(),
                    place: arrival.path().to_owned(),
                }));
                return;
            }
            if let (LoadError::Retire(_), Some(found)) = (&error, &found) {
                return leave_behind(arrival, Stamp::of(found), &error, messages, leave);
            }
            if error.verdict() == Verdict::GiveBack {
                let news = News::GivenBack {
                    file: arrival.name().to_owned(),
                    error: error.to_string(),
                };
                match arrival.release() {
                    Ok(Released::StillClaimed(again)) => arrival = again,
                    Ok(Released::PutBack) | Err(_) => {
                        let _ = messages.send(Message::News(news));
                        return;
                    }
                }
            } else if said == Said::Nothing {
                said = Said::Once;
                let _ = messages.send(Message::News(News::Stuck {
                    file: arrival.name().to_owned(),
                    place: arrival.path().to_owned(),
                    error: error.to_string(),
                }));
            }
            if self.stop.wait(HELP) {
                return;
            }
            // Whoever helped may have changed a table.
            self.desk.register.outdate();
        }
    }

    /// Removes what could not be removed at first, as soon as that is possible. What is left in
    /// the end stays claimed, and the next start asks the ledger about it.
    fn tidy(&self, leftovers: &Receiver<Leftover>, messages: &Sender<Message>) {
        let mut left = Vec::new();
        loop {
            match leftovers.recv_timeout(REMOVAL) {
                Ok(leftover) => left.push(leftover),
                Err(RecvTimeoutError::Timeout) => {
                    left.retain(|leftover| {
                        self.stop.is_wished() || !self.is_removed(leftover, messages)
                    });
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn is_removed(&self, leftover: &Leftover, messages: &Sender<Message>) -> bool {
        let Leftover { arrival, read } = leftover;
        let place = self.gate.enter();
        let attendant = Waiter {
            stop: &self.stop,
            place: &place,
            messages,
            file: arrival.name(),
            progress: Box::new(Unseen),
        };
        match way::finish(self.desk, arrival, *read, &attendant) {
            Ok(Some(outcome)) => {
                let _ = messages.send(Message::News(News::Ended(Box::new(outcome))));
                true
            }
            // The ledger has forgotten it: the next sweep makes it an arrival again.
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Makes arrivals ready before it is their turn, and then takes those to their end that can go
    /// together. To read a few small files needs no place: of a table one such piece of work is
    /// ahead, and it waits.
    fn attempt_together(
        &self,
        arrivals: &[Arrival],
        left: &VecDeque<Arrival>,
        relay: &mut Relay,
    ) -> Result<Vec<End>, LoadError> {
        let ready = unless_it_dies(|| Ok(together::make_ready(self.desk, arrivals))).ok();
        failpoint!("together::ready");
        relay.wait_to_merge();
        let place = self.gate.enter();
        if self.stop.is_wished() {
            return Ok(Vec::new());
        }
        let merged = unless_it_dies(|| together::merge(self.desk, arrivals, ready))?;
        drop(place);
        if left.is_empty() && merged.len() == arrivals.len() {
            relay.has_merged();
        }
        relay.wait_to_end();
        unless_it_dies(|| together::retire(self.desk, arrivals, &merged))
    }

    fn attempt(
        &self,
        arrival: &Arrival,
        bytes: u64,
        place: &Place<'_>,
        messages: &Sender<Message>,
    ) -> Result<Outcome, LoadError> {
        let attendant = Waiter {
            stop: &self.stop,
            place,
            messages,
            file: arrival.name(),
            progress: (self.show)(arrival.name(), bytes),
        };
        unless_it_dies(|| way::load(self.desk, arrival, &Wish::CONTRACT, &attendant))
    }
}

/// A worker that dies would never free its table, and stopping would wait for it.
fn unless_it_dies<T>(work: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(LoadError::Defect))
}

/// Leaves a file for later that is in the ledger and cannot be removed.
fn leave_behind(
    arrival: Arrival,
    read: Stamp,
    error: &LoadError,
    messages: &Sender<Message>,
    leave: &Sender<Leftover>,
) {
    let _ = messages.send(Message::News(News::Unremoved {
        file: arrival.name().to_owned(),
        error: error.to_string(),
    }));
    let _ = leave.send(Leftover { arrival, read });
}

/// How many of the first arrivals have few enough bytes in all.
fn count_small(arrivals: &VecDeque<Arrival>) -> usize {
    let mut bytes = 0_u64;
    let small = arrivals.iter().take_while(|arrival| {
        let found = way::look(arrival);
        bytes = found.map_or(u64::MAX, |found| found.len().saturating_add(bytes));
        bytes <= TOGETHER_BYTES
    });
    small.count()
}

fn is_gone(error: &LoadError) -> bool {
    matches!(error, LoadError::Open(source) if source.kind() == io::ErrorKind::NotFound)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Once,
}

fn hand_on(messages: &Sender<Message>, event: WatchEvent) -> ControlFlow<()> {
    match messages.send(Message::Watch(event)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

fn tell_event(event: WatchEvent, tell: &mut dyn FnMut(News)) {
    match event {
        WatchEvent::Ready(mode) => tell(News::Ready(mode)),
        WatchEvent::LeftAlone { name, why } => tell(News::LeftAlone { name, why }),
        WatchEvent::Blind(blindness) => tell(News::Blind(blindness)),
        WatchEvent::Degraded(trouble) => tell(News::Trouble(trouble)),
        WatchEvent::Arrived(_) => {}
    }
}

fn references(desk: &Desk) -> Vec<(TableName, BTreeSet<TableName>)> {
    let all = desk.contracts().dependencies().into_iter();
    all.map(|(table, dimensions)| (table, dimensions.into_iter().collect()))
        .collect()
}

/// Waits as long as it takes, and says so once.
struct Waiter<'a> {
    stop: &'a Stop,
    place: &'a Place<'a>,
    messages: &'a Sender<Message>,
    file: &'a str,
    progress: Box<dyn Progress>,
}

impl Progress for Waiter<'_> {
    fn advanced(&self, bytes: u64) {
        self.progress.advanced(bytes);
    }

    fn all_read(&self, rows: u64) {
        self.progress.all_read(rows);
    }
}

/// Of a removal, and of small files, there is nothing to see.
struct Unseen;

impl Progress for Unseen {
    fn advanced(&self, _bytes: u64) {}
}

impl Waiter<'_> {
    fn tell(&self, error: &LoadError, attempt: u32) {
        // The first failure heals by itself often enough not to be worth a word.
        if attempt == 2 {
            let (file, error) = (self.file.to_owned(), error.to_string());
            let _ = self
                .messages
                .send(Message::News(News::Waiting { file, error }));
        }
    }

    fn pause(&self, pause: Duration) -> Patience {
        if self.place.stand_aside(|| self.stop.wait(pause)) {
            Patience::GiveUp
        } else {
            Patience::Again
        }
    }
}

impl Attendant for Waiter<'_> {
    fn wait(&self, error: &LoadError, attempt: u32) -> Patience {
        self.tell(error, attempt);
        self.pause(desk::pause(attempt))
    }

    fn wait_for_turn(&self, error: &LoadError, turn: u32) -> Patience {
        self.tell(error, turn);
        self.pause(desk::TURN)
    }
}
