//! A plan on its way to whoever asked for it: sentences and tables for people, an object for
//! scripts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::contract::Contract;
use crate::merge::{Plan, Sample, Version};
use crate::printer::{Printer, plan, width};
use crate::stage::reject::Reject;
use crate::summary::{Changes, Rows};

/// What a load, an undo or a redo would do. Serialised, it is the JSON object that scripts rely on.
#[derive(Serialize, Debug)]
pub(super) struct Preview<'a> {
    pub(super) table: &'a str,
    pub(super) file: &'a str,
    /// How it would end: `loaded`, `skipped`, `held` or `refused`; of a turn, `undone` or `redone`.
    pub(super) outcome: &'static str,
    /// Why it would end so, where that has to be said.
    pub(super) reason: Option<String>,
    /// By which path the table would be changed.
    pub(super) path: Option<&'a str>,
    pub(super) rows: Rows,
    pub(super) changes: Changes,
    pub(super) held_facts_released: u64,
    /// Those that their table would refuse. They stay held.
    pub(super) held_facts_refused: u64,
    pub(super) added_columns: &'a [String],
    /// The keys that the guard would name.
    pub(super) close_guard: Option<Guard<'a>>,
    /// The keys, or lines, that the guard of changes would name.
    pub(super) change_guard: Option<ChangeGuard<'a>>,
    pub(super) samples: Vec<Shown<'a>>,
    pub(super) rejects: Vec<Rejected<'a>>,
}

/// What the guard of closes would refuse.
#[derive(Serialize, Debug)]
pub(super) struct Guard<'a> {
    would_close: u64,
    open: u64,
    keys: &'a [Uuid],
}

/// What the guard of changes would refuse.
#[derive(Serialize, Debug)]
pub(super) struct ChangeGuard<'a> {
    would_change: u64,
    /// How many keys are open, or facts there.
    open: u64,
    keys: &'a [Uuid],
    lines: &'a [u64],
}

/// One key, before and after.
#[derive(Serialize, Debug)]
pub(super) struct Shown<'a> {
    action: &'a str,
    key: Uuid,
    before: Vec<ShownVersion<'a>>,
    after: Vec<ShownVersion<'a>>,
}

#[derive(Serialize, Debug)]
struct ShownVersion<'a> {
    starts: DateTime<Utc>,
    ends: Option<DateTime<Utc>>,
    values: BTreeMap<&'a str, Option<&'a str>>,
    /// The load that it is from; none where it is the planned one.
    load_id: Option<i64>,
    line: i64,
}

/// A row that cannot be used.
#[derive(Serialize, Debug)]
pub(super) struct Rejected<'a> {
    line: u64,
    column: Option<usize>,
    kind: &'static str,
    message: &'a str,
}

impl<'a> Preview<'a> {
    /// Of a plan that ends in this way.
    pub(super) fn of(plan: &'a Plan, outcome: &'static str) -> Self {
        let summary = &plan.entry.summary;
        let known = Known::before(plan);
        Self {
            table: summary.table.as_str(),
            file: &summary.file,
            outcome,
            reason: None,
            path: Some(plan.path),
            rows: summary.rows,
            changes: summary.changes,
            held_facts_released: plan.entry.released,
            held_facts_refused: plan.entry.refused,
            added_columns: &plan.added_columns,
            close_guard: plan.closes.as_ref().map(|breach| Guard {
                would_close: breach.would_close,
                open: breach.open,
                keys: &breach.sample,
            }),
            change_guard: plan.changes.as_ref().map(|breach| ChangeGuard {
                would_change: breach.changed,
                open: breach.known,
                keys: &breach.keys,
                lines: &breach.lines,
            }),
            samples: plan
                .samples
                .iter()
                .map(|sample| known.shown(sample))
                .collect(),
            rejects: Vec::new(),
        }
    }

    /// The same, with the rows that cannot be used.
    pub(super) fn with_rejects(mut self, rejects: &'a [Reject]) -> Self {
        self.rejects = rejects.iter().map(rejected).collect();
        self
    }
}

/// The number that the planned load would have, which is nobody's.
struct Known {
    planned: Option<i64>,
}

impl Known {
    fn before(plan: &Plan) -> Self {
        Self {
            planned: plan.entry.summary.load_id,
        }
    }

    fn shown<'a>(&self, sample: &'a Sample) -> Shown<'a> {
        let versions = |versions: &'a [Version]| {
            let shown = versions.iter().map(|version| ShownVersion {
                starts: version.starts,
                ends: version.ends,
                values: version
                    .values
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_deref()))
                    .collect(),
                load_id: (Some(version.load_id) != self.planned).then_some(version.load_id),
                line: version.line,
            });
            shown.collect()
        };
        Shown {
            action: &sample.action,
            key: sample.key,
            before: versions(&sample.before),
            after: versions(&sample.after),
        }
    }
}

fn rejected(reject: &Reject) -> Rejected<'_> {
    Rejected {
        line: reject.place.line,
        column: reject.column.as_ref().map(|column| column.number),
        kind: reject.kind.code(),
        message: &reject.message,
    }
}

/// Writes the counts and the samples for people: data, so they go to stdout.
pub(super) fn tables(found: &Plan, contract: &Contract, printer: &Printer) {
    let key: Vec<&str> = contract
        .key
        .iter()
        .map(|column| contract.columns[*column].name.name())
        .collect();
    let mut lines = plan::counts_of(found, width());
    lines.extend(plan::samples_of(found, &key, width()));
    for line in lines {
        printer.out(&line);
    }
}
