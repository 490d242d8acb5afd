//! What was tried, and what survived.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::injector::Traced;
use crate::scenario::Scenario;
use crate::sweep::Kind;

/// What went wrong at a point.
#[derive(Clone, Debug)]
pub(crate) struct Loss(pub(crate) String);

impl Loss {
    /// The lines in which two ends differ.
    pub(crate) fn of_ends(wanted: &str, found: &str) -> Self {
        let mut text = String::new();
        for line in wanted.lines().filter(|line| !found.contains(line)) {
            let _ = write!(text, "\n    missing: {line}");
        }
        for line in found.lines().filter(|line| !wanted.contains(line)) {
            let _ = write!(text, "\n    too much: {line}");
        }
        if text.is_empty() {
            text.push_str("the same lines, in another number");
        }
        Self(text)
    }

    /// With how the disturbed run ended, and the last that it said.
    pub(crate) fn with(self, traced: &Traced) -> Self {
        let Self(mut text) = self;
        let _ = write!(text, "\n    it ended with {}", traced.status);
        let lines: Vec<&str> = traced.said.lines().collect();
        for line in &lines[lines.len().saturating_sub(SHOWN)..] {
            let _ = write!(text, "\n    it said: {line}");
        }
        Self(text)
    }
}

/// How many lines of what the program said are shown of a point that was lost.
const SHOWN: usize = 6;

/// Points that were tried, by scenario and by what was done.
#[derive(Default, Debug)]
pub(crate) struct Table(Mutex<Counts>);

#[derive(Default, Debug)]
struct Counts {
    rows: BTreeMap<(String, usize), Row>,
    lost: Vec<String>,
    tried: u64,
    missed: u64,
}

#[derive(Default, Debug)]
struct Row {
    kind: String,
    tried: u64,
    lost: u64,
}

impl Table {
    /// A point was tried.
    pub(crate) fn tried(
        &self,
        scenario: Scenario,
        kind: Kind,
        number: u64,
        call: &str,
        loss: Option<Loss>,
    ) {
        let mut counts = self.counts();
        let place = Kind::all().position(|it| it == kind).unwrap_or_default();
        let row = counts
            .rows
            .entry((format!("{scenario:?}"), place))
            .or_default();
        row.kind = kind.name();
        row.tried += 1;
        row.lost += u64::from(loss.is_some());
        counts.tried += 1;
        if let Some(Loss(text)) = loss {
            let text = format!(
                "{scenario:?}, {}, call {number} ({call}): {text}",
                kind.name()
            );
            println!("\nLOST {text}");
            counts.lost.push(text);
        }
        counts.progress();
    }

    /// A run had no call of this number.
    pub(crate) fn missed(&self) {
        let mut counts = self.counts();
        counts.missed += 1;
        counts.progress();
    }

    pub(crate) fn say(&self, text: &str) {
        let _order = self.counts();
        println!("{text}");
    }

    /// How many points were lost.
    pub(crate) fn lost(&self) -> usize {
        self.counts().lost.len()
    }

    /// As Markdown.
    pub(crate) fn print(&self) {
        let counts = self.counts();
        println!("\n| scenario | what was done | points | survived | lost |");
        println!("| --- | --- | ---: | ---: | ---: |");
        for ((scenario, _), row) in &counts.rows {
            let Row { kind, tried, lost } = row;
            println!(
                "| {scenario} | {kind} | {tried} | {} | {lost} |",
                tried - lost
            );
        }
        let (tried, lost) = (counts.tried, counts.lost.len());
        println!("| all | | {tried} | {} | {lost} |\n", tried - lost as u64);
        for text in &counts.lost {
            println!("LOST {text}");
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn progress(&self) {
        let (tried, lost) = (self.tried, self.lost.len());
        if std::io::stdout().is_terminal() {
            print!("\r{tried} points tried, {lost} lost");
            let _ = std::io::stdout().flush();
        } else if tried % 50 == 0 && tried > 0 {
            println!("{tried} points tried, {lost} lost");
        }
    }
}
