//! Every point of a run, one after the other: the program is killed before and after each of its
//! calls, and each call returns each error. Then it is run again, undisturbed, and what it leaves has
//! to be what a run leaves that nothing disturbed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

use crate::calls;
use crate::injector::{self, Fault, Plan, Traced};
use crate::report::{Loss, Table};
use crate::scenario::{Scenario, is_empty};
use crate::warehouse::{Server, Warehouse};

/// How long a disturbed watch may work before it is told to end.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a command may that was typed.
const SHORT: Duration = Duration::from_secs(5);

/// For how long a watch that leaves something lie is let be: its first pauses are shorter.
const QUIET: Duration = Duration::from_secs(3);

/// How the standard library begins to tell of a panic, which nobody is to see.
const PANIC: &str = "panicked at";

/// How many points are tried at a time, and which.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// Only calls of this name, if one is given.
    pub(crate) call: Option<String>,
    /// Only the call of this number, if one is given.
    pub(crate) at: Option<u64>,
    /// One point of so many.
    pub(crate) every: u64,
    /// Which one of these.
    pub(crate) seed: u64,
    /// How many at a time.
    pub(crate) workers: usize,
}

/// What is done to the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    KillBefore,
    KillAfter,
    Error(Errno),
}

impl Kind {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let errors = calls::ERRORS.into_iter().map(Self::Error);
        [Self::KillBefore, Self::KillAfter]
            .into_iter()
            .chain(errors)
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::KillBefore => "killed before the call".to_owned(),
            Self::KillAfter => "killed after the call".to_owned(),
            Self::Error(error) => format!("{error:?}"),
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::KillBefore => Fault::KillBefore,
            Self::KillAfter => Fault::KillAfter,
            Self::Error(error) => Fault::Error(error),
        }
    }
}

/// One scenario, with the end that it is to have.
struct Sweep<'a> {
    scenario: Scenario,
    /// As it is before the program runs. Copied by one at a time.
    before: Mutex<Warehouse>,
    end: String,
    /// Those of the undisturbed run, in their order.
    calls: Vec<&'static str>,
    table: &'a Table,
}

/// Tries the points of a scenario.
pub(crate) fn run(
    scenario: Scenario,
    server: &Server,
    choice: &Choice,
    table: &Table,
) -> Result<()> {
    let sweep = Sweep::begin(scenario, server, table)?;
    let points: Vec<(u64, Kind)> = Kind::all()
        .enumerate()
        .flat_map(|(place, kind)| {
            let every = usize::try_from(choice.every).unwrap_or(1);
            let first = usize::try_from(choice.seed)
                .unwrap_or(0)
                .wrapping_add(place)
                % every;
            let numbers = sweep.numbers(choice).skip(first).step_by(every);
            numbers.map(move |number| (number, kind))
        })
        .collect();
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..choice.workers {
            scope.spawn(|| {
                while let Some(point) = points.get(taken(&next)) {
                    sweep.try_point(choice, point.0, point.1);
                }
            });
        }
    });
    Ok(())
}

fn taken(next: &AtomicU64) -> usize {
    usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap_or(usize::MAX)
}

impl<'a> Sweep<'a> {
    fn begin(scenario: Scenario, server: &Server, table: &'a Table) -> Result<Self> {
        let before = scenario.prepare(server)?;
        let undisturbed = before.copy()?;
        let traced = disturb(scenario, &undisturbed, Plan::Count)?;
        ensure!(
            traced.status < 2,
            "{scenario:?} ended undisturbed with {}",
            traced.status
        );
        let end = scenario.end(&undisturbed)?;
        table.say(&format!("{scenario:?}: {} calls", traced.calls));
        Ok(Self {
            scenario,
            before: Mutex::new(before),
            end,
            calls: traced.hits,
            table,
        })
    }

    /// The calls to be tried. Threads do not meet alike in every run: it may be some more calls, and those
    /// of one name are counted by themselves.
    fn numbers(&self, choice: &Choice) -> impl Iterator<Item = u64> {
        let most = match &choice.call {
            Some(wanted) => self.calls.iter().filter(|name| *name == wanted).count(),
            None => self.calls.len() + self.calls.len() / 20,
        };
        let at = choice.at;
        (1_u64..)
            .take(most)
            .filter(move |number| at.is_none_or(|at| at == *number))
    }

    fn try_point(&self, choice: &Choice, number: u64, kind: Kind) {
        match self.judged(choice, number, kind) {
            Ok(None) => self.table.missed(),
            Ok(Some((call, loss))) => self.table.tried(self.scenario, kind, number, call, loss),
            Err(error) => {
                let loss = Some(Loss(format!("{error:#}")));
                self.table.tried(self.scenario, kind, number, "?", loss);
            }
        }
    }

    /// The call that was tampered with, and what went wrong. `None` where the run had no such call.
    fn judged(
        &self,
        choice: &Choice,
        number: u64,
        kind: Kind,
    ) -> Result<Option<(&'static str, Option<Loss>)>> {
        let copied = self.before.lock().map(|before| before.copy());
        let warehouse = copied.ok().context("a worker panicked")??;
        let plan = match &choice.call {
            Some(call) => Plan::AtCall(call.clone(), number, kind.fault()),
            None => Plan::At(number, kind.fault()),
        };
        let traced = disturb(self.scenario, &warehouse, plan)?;
        let Some(call) = traced.hits.first() else {
            return Ok(None);
        };
        let loss = self.loss(&warehouse, &traced);
        Ok(Some((call, loss.map(|loss| loss.with(&traced)))))
    }

    fn loss(&self, warehouse: &Warehouse, traced: &Traced) -> Option<Loss> {
        if traced.hung {
            return Some(Loss("it did not end when it was told to".to_owned()));
        }
        if traced.status == 101 || traced.status == 128 + 6 || traced.said.contains(PANIC) {
            return Some(Loss(format!("a panic, status {}", traced.status)));
        }
        if let Err(error) = self.scenario.finish(warehouse) {
            return Some(Loss(format!("the next run: {error:#}")));
        }
        match self.scenario.end(warehouse) {
            Ok(end) if end == self.end => None,
            Ok(end) => Some(Loss::of_ends(&self.end, &end)),
            Err(error) => Some(Loss(format!("its end cannot be read: {error:#}"))),
        }
    }
}

/// Runs the program with something done to it.
fn disturb(scenario: Scenario, warehouse: &Warehouse, plan: Plan) -> Result<Traced> {
    let mut command = warehouse.command(scenario.arguments())?;
    if scenario.ends_by_itself() {
        return injector::run(&mut command, plan, || false, SHORT);
    }
    let folders = ["imports", "imports/.claimed"].map(|folder| warehouse.path(folder));
    let seen = Mutex::new((Vec::new(), Instant::now()));
    // One that nothing is done to is waited for.
    let quiet = match plan {
        Plan::Count => LIMIT,
        Plan::At(..) | Plan::AtCall(..) | Plan::AtRandom(..) => QUIET,
    };
    let goal = move || {
        let [dropped, claimed] = folders.clone().map(|folder| names(&folder));
        let is_done = is_empty(&dropped, &claimed);
        let now = [dropped, claimed].concat();
        let Ok(mut seen) = seen.lock() else {
            return true;
        };
        if seen.0 != now {
            *seen = (now, Instant::now());
        }
        is_done || seen.1.elapsed() > quiet
    };
    injector::run(&mut command, plan, goal, LIMIT)
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
