//! The laws of history (semantics §18), tried on random deliveries.
//!
//! First that the table is the fold of what was said, after each of random loads, undos and redos
//! (1, 3, 4, 5, 7, 9). Then what needs no definition: the same deliveries in another order, cut
//! otherwise, spelled otherwise, or one of them undone, make the same table (2, 4, 10).

#![allow(clippy::print_stderr, reason = "says how much was tried")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant as Clock};

use hayloft::merge::{self, Reason, Telling, Turn, Unproven};
use hayloft::stage::key::KeyScheme;
use hayloft::summary::{Status, Summary};

use super::deliveries::{self, Delivery, Way};
use super::engine::Engine;
use super::fold::{self, Defaults, History, NewColumn, Role, Rules, Version};
use crate::dice::{Dice, try_cases};

/// What happens to a warehouse.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Load(Delivery),
    /// Of the load of this label; nothing if it cannot be.
    Turn(usize, Turn),
}

/// The loads of a case so far, in their order.
#[derive(Default)]
struct Book {
    loads: Vec<Loaded>,
}

struct Loaded {
    delivery: Delivery,
    load_id: i64,
    /// What it says; of a load that was refused, nothing.
    says: Option<fold::Load>,
    is_undone: bool,
}

impl Book {
    /// The table that these loads make.
    fn table(&self, rules: &Rules) -> History {
        fold::table(rules, &self.counting())
    }

    fn counting(&self) -> Vec<fold::Load> {
        let counting = self.loads.iter().filter(|load| !load.is_undone);
        counting.filter_map(|load| load.says.clone()).collect()
    }

    /// All columns keep history from now on.
    fn begin_history(&mut self, rules: &Rules) {
        let table = self.table(rules);
        let counting = self.loads.iter_mut().filter(|load| !load.is_undone);
        fold::begin_history(
            rules,
            &table,
            counting.filter_map(|load| load.says.as_mut()),
        );
    }

    fn find(&mut self, label: usize) -> Option<&mut Loaded> {
        self.loads
            .iter_mut()
            .find(|load| load.delivery.label == label)
    }

    /// By the ledger's id, the place in the order of loads.
    fn numbers(&self) -> BTreeMap<usize, usize> {
        let id = |load: &Loaded| usize::try_from(load.load_id).unwrap();
        self.loads.iter().map(id).zip(0..).collect()
    }

    fn label(&self, number: usize) -> String {
        format!("L{}", self.loads[number].delivery.label)
    }
}

/// The engine, and what it was told.
pub(super) struct Told<'a> {
    pub(super) engine: &'a mut Engine,
    book: Book,
    planning: Planning,
}

/// Whether each load is planned first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Planning {
    /// A plan counts what the load does.
    Compared,
    Skipped,
}

impl<'a> Told<'a> {
    pub(super) fn nothing(engine: &'a mut Engine, planning: Planning) -> Self {
        engine.empty();
        Self {
            engine,
            book: Book::default(),
            planning,
        }
    }

    fn all(engine: &'a mut Engine, steps: &[Step]) -> Result<Self, String> {
        let mut told = Self::nothing(engine, Planning::Skipped);
        for step in steps {
            told.take(step)?;
        }
        Ok(told)
    }

    /// Takes a step; what was counted, if anything was done.
    pub(super) fn take(&mut self, step: &Step) -> Result<Option<Summary>, String> {
        match step {
            Step::Load(delivery) => self.load(delivery).map(Some),
            Step::Turn(label, turn) => self.turn(*label, *turn),
        }
    }

    fn turn(&mut self, label: usize, turn: Turn) -> Result<Option<Summary>, String> {
        let is_undone = turn == Turn::Undo;
        let Some(load) = self.book.find(label) else {
            return Ok(None);
        };
        if load.says.is_none() || load.is_undone == is_undone {
            return Ok(None);
        }
        load.is_undone = is_undone;
        let load_id = load.load_id;
        let planned = match self.planning {
            Planning::Compared => Some(self.engine.plan_turn(load_id, turn)?),
            Planning::Skipped => None,
        };
        let summary = self.engine.turn(load_id, turn)?;
        if let Some(planned) = planned {
            same_counts(&planned, &summary)?;
        }
        Ok(Some(summary))
    }

    fn load(&mut self, delivery: &Delivery) -> Result<Summary, String> {
        let says = delivery.says(self.book.loads.len());
        let rules = self.engine.rules();
        let says = says.map(|says| fold::used(rules, &self.book.counting(), says));
        if rules.defaults == Defaults::OfLoad {
            self.engine.set_defaults(&deliveries::defaults(delivery.at));
        }
        let (file, text) = (delivery.file_name(), delivery.text());
        let is_planned = self.planning == Planning::Compared && says.is_some();
        let planned = if is_planned {
            self.engine.plan(delivery.way, &file, &text)?
        } else {
            None
        };
        let entry = self.engine.load(delivery.way, &file, &text)?;
        let summary = entry.summary;
        if let Some(planned) = planned {
            same_counts(&planned, &summary)?;
        } else if is_planned {
            return Err(format!("The plan refuses `{file}`"));
        }
        let expected = if says.is_some() {
            Status::Loaded
        } else {
            Status::Failed
        };
        if summary.status != expected {
            return Err(format!(
                "`{file}` is {:?}: {:?}",
                summary.status, entry.reason
            ));
        }
        self.book.loads.push(Loaded {
            delivery: delivery.clone(),
            load_id: summary.load_id.unwrap(),
            says,
            is_undone: false,
        });
        Ok(summary)
    }

    /// The table as it is, with the loads' places in the place of their ids.
    fn table(&mut self) -> History {
        let numbers = self.book.numbers();
        let mut table = self.engine.table();
        for version in table.values_mut().flatten() {
            version.load = numbers.get(&version.load).copied().unwrap_or(usize::MAX);
        }
        table
    }

    fn is_sound(&mut self) -> Result<(), String> {
        match &self.engine.faults()[..] {
            [] => Ok(()),
            faults => Err(format!("hayloft check finds: {faults:#?}")),
        }
    }

    /// Nothing in the table is there by no load.
    fn is_proved(&mut self) -> Result<(), String> {
        let Some((contract, conn)) = self.engine.proving() else {
            return Ok(());
        };
        let keys = KeyScheme::plain();
        let proof = merge::prove(conn, &contract, &keys, Telling::Values, &|_| ()).unwrap();
        let is_unsaid = |it: &Unproven| it.reason == Reason::SaidByNoLoad;
        if proof.holds() && !proof.unproven.iter().any(is_unsaid) {
            return Ok(());
        }
        Err(format!("hayloft check --values finds: {proof:#?}"))
    }

    /// The table as text, with the loads' labels.
    fn text(&self, table: &History) -> String {
        text(table, |number| self.book.label(number))
    }
}

/// A line for each version.
fn text(table: &History, label: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for (key, versions) in table {
        for version in versions {
            let Version {
                number, from, to, ..
            } = version;
            let to = to.map_or("∞".to_owned(), |to| to.to_string());
            let _ = write!(text, "{key} {number} [{from},{to})");
            for (column, value) in &version.values {
                let _ = write!(text, " {column}={}", value.as_deref().unwrap_or("-"));
            }
            let by = match version.load {
                usize::MAX => "nobody".to_owned(),
                number => label(number),
            };
            let _ = writeln!(text, " by {by}:{}", version.line);
        }
    }
    text
}

/// The same without whoever said it, and where.
fn unlabelled(table: &History) -> String {
    let mut table = table.clone();
    for version in table.values_mut().flatten() {
        (version.load, version.line) = (0, 0);
    }
    text(&table, |_| "?".to_owned())
}

fn same_counts(planned: &Summary, done: &Summary) -> Result<(), String> {
    let counted =
        |summary: &Summary| format!("{:?}", (summary.status, summary.rows, summary.changes));
    same("The plan", &counted(done), &counted(planned))
}

fn same(what: &str, expected: &str, found: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what} is\n{found}\nand should be\n{expected}"))
}

// ---- the table is the fold ---------------------------------------------------------------------

/// After each step the table is the fold of what was said by all loads that count, and the step
/// counted what it did.
fn is_the_fold(rules: &Rules, engine: &mut Engine, steps: &[Step]) -> Result<(), String> {
    let mut told = Told::nothing(engine, Planning::Compared);
    let mut before = History::new();
    for (place, step) in steps.iter().enumerate() {
        let places = told.engine.places();
        let counted = told
            .take(step)
            .map_err(|error| format!("Step {}: {error}", place + 1))?;
        let expected = told.book.table(rules);
        let found = told.table();
        let what = format!("The table after step {}", place + 1);
        same(&what, &told.text(&expected), &told.text(&found))?;
        if let Some(summary) = counted {
            let written = told.engine.places() != places;
            if matches!(step, Step::Load(_)) {
                rows_hold(&summary)
                    .map_err(|error| format!("Step {}: {error}\n{summary:#?}", place + 1))?;
            }
            counts_hold(rules, &summary, &before, &expected, written)
                .map_err(|error| format!("Step {}: {error}\n{summary:#?}", place + 1))?;
        }
        before = expected;
        told.is_sound()
            .and_then(|()| match rules.defaults {
                Defaults::None => Ok(()),
                Defaults::OfLoad => told.is_proved(),
            })
            .map_err(|error| format!("After step {}: {error}", place + 1))?;
    }
    Ok(())
}

fn rows_hold(summary: &Summary) -> Result<(), String> {
    let (rows, changes) = (summary.rows, summary.changes);
    if rows.read != rows.accepted + rows.rejected + rows.duplicates {
        return Err("the rows do not add up".into());
    }
    if summary.status == Status::Loaded && changes.rows() != rows.accepted {
        return Err("not every accepted row is counted as one change, or as none".into());
    }
    Ok(())
}

fn counts_hold(
    rules: &Rules,
    summary: &Summary,
    before: &History,
    after: &History,
    written: bool,
) -> Result<(), String> {
    let changes = summary.changes;
    let nothing = changes.unchanged + changes.late_unchanged + changes.absent_already;
    let shown = changes.rows() - nothing - changes.corrected
        + changes.closed_by_absence
        + changes.overwritten
        + changes.filled
        + changes.deactivated;
    let is_changed = unlabelled(before) != unlabelled(after);
    // A row that says something else than the one that it replaces is a correction, also where
    // neither can be seen: of a phone of which a later row speaks, or of a value that was there.
    let is_told = shown > 0 || is_changed && changes.corrected > 0;
    if is_changed != is_told {
        return Err(format!(
            "{shown} changes are counted, and the table is {}",
            if is_changed { "another" } else { "the same" }
        ));
    }
    let overwritten = keys(before, |key, versions| {
        let overlaid = |versions: &[Version]| {
            let mut values = versions.first()?.values.clone();
            values.retain(|column, _| rules.roles[column] != Role::Type2);
            Some(values)
        };
        let now = after.get(key).and_then(|versions| overlaid(versions));
        now.is_some() && now != overlaid(versions)
    });
    let deactivated = keys(before, |key, versions| {
        let current = versions.iter().find(|version| version.to.is_none());
        let now = after.get(key).into_iter().flatten();
        let mut closed = now.filter(|version| version.to.is_some());
        current.is_some_and(|current| closed.any(|version| version.from == current.from))
    });
    for (what, counted, expected) in [
        ("overwritten", changes.overwritten, overwritten),
        ("deactivated", changes.deactivated, deactivated),
    ] {
        if counted != expected {
            return Err(format!(
                "{counted} are counted as {what}, and {expected} are"
            ));
        }
    }
    if before == after && written {
        return Err("nothing changed, and yet rows were written".into());
    }
    Ok(())
}

/// How many keys are like this.
fn keys(table: &History, is_like: impl Fn(&String, &[Version]) -> bool) -> u64 {
    let like = table
        .iter()
        .filter(|(key, versions)| is_like(key, versions));
    like.count() as u64
}

/// Makes a test of each way of speaking, and of all of them on one table.
macro_rules! the_table_is_the_fold_of_what_was_said {
    ($($name:ident: $rules:expr, $ways:expr;)*) => {
        mod the_table_is_the_fold_of_what_was_said {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let rules = $rules;
                    let steps = |dice: &mut Dice| dice.steps(&$ways);
                    let holds = |engine: &mut Engine, steps: &[Step], _| {
                        is_the_fold(&rules, engine, steps)
                    };
                    hold(&rules, steps, holds);
                }
            )*
        }
    };
}

the_table_is_the_fold_of_what_was_said! {
    by_files_with_an_instant: deliveries::rules(NewColumn::Fills), [Way::Incremental];
    by_rows_with_instants: deliveries::rules(NewColumn::Fills), [Way::Stamped];
    where_a_new_column_is_a_change: deliveries::rules(NewColumn::Changes), [Way::Stamped];
    where_only_the_newest_counts: deliveries::only_the_newest(), [Way::Stamped];
    by_snapshots: deliveries::rules(NewColumn::Fills), [Way::Snapshot, Way::RankedSnapshot];
    by_feeds: deliveries::rules(NewColumn::Fills), [Way::Feed];
    by_feeds_whose_deletes_are_ignored: deliveries::rules(NewColumn::Fills), [Way::FeedThatKeeps];
    where_late_rows_are_refused: deliveries::nothing_late(), Way::ALL;
    by_files_of_every_kind: deliveries::rules(NewColumn::Changes), Way::ALL;
    where_columns_have_defaults: deliveries::with_defaults(), Way::ALL;
}

/// What was loaded while a column showed one value in all versions stays as it is when it begins
/// to keep history, whatever comes after; only what is loaded then makes versions of it.
#[test]
fn a_column_that_begins_to_keep_history_keeps_what_it_shows() {
    let before = deliveries::rules(NewColumn::Fills);
    let mut after = before.clone();
    after
        .roles
        .values_mut()
        .for_each(|role| *role = Role::Type2);
    let holds = |engine: &mut Engine, steps: &[Step], seed: u64| {
        let change = Dice(seed).below(steps.len());
        engine.empty();
        engine.change(&before);
        let mut told = Told::nothing(engine, Planning::Skipped);
        for (place, step) in steps.iter().enumerate() {
            told.take(step)?;
            let rules = if place < change { &before } else { &after };
            if place == change {
                told.book.begin_history(&before);
                told.engine.change(&after);
            }
            let expected = told.book.table(rules);
            let found = told.table();
            let what = format!(
                "The table after step {} (changed after {})",
                place + 1,
                change + 1
            );
            same(&what, &told.text(&expected), &told.text(&found))?;
            told.is_sound()?;
        }
        Ok(())
    };
    hold(&before, |dice| dice.steps(&Way::ALL), holds);
}

// ---- what makes the same table -----------------------------------------------------------------

/// How far two tables are to be the same.
#[derive(Clone, Copy)]
enum Sameness {
    /// To the load and the line that began each version.
    Full,
    /// To the load.
    ButForLines,
    /// But for loads and lines.
    OfHistory,
}

/// Both make the same table.
fn alike(
    engine: &mut Engine,
    one: &[Step],
    other: &[Step],
    sameness: Sameness,
) -> Result<(), String> {
    let mut shown = |steps| -> Result<String, String> {
        let mut told = Told::all(engine, steps)?;
        let mut table = told.table();
        told.is_sound()?;
        Ok(match sameness {
            Sameness::OfHistory => unlabelled(&table),
            Sameness::Full => told.text(&table),
            Sameness::ButForLines => {
                table
                    .values_mut()
                    .flatten()
                    .for_each(|version| version.line = 0);
                told.text(&table)
            }
        })
    };
    let (one, other) = (shown(one)?, shown(other)?);
    same("The other table", &one, &other)
}

/// Deliveries that leave nothing to the order of loads: no two of them speak of one key at one
/// instant.
fn untied(steps: &[Step]) -> Vec<Delivery> {
    let mut places = BTreeSet::new();
    let mut snapshots = BTreeSet::new();
    let mut untied: Vec<Delivery> = Vec::new();
    for mut delivery in only_loads(steps) {
        delivery
            .keep_places(|place @ (_, at, _)| !places.contains(place) && !snapshots.contains(at));
        let has_rivals = places.iter().any(|(_, at, _)| *at == delivery.at);
        if delivery.rows.is_empty() || delivery.way.is_snapshot() && has_rivals {
            continue;
        }
        if delivery.way.is_snapshot() {
            snapshots.insert(delivery.at);
        }
        places.extend(delivery.places());
        untied.push(delivery);
    }
    untied
}

fn loads(deliveries: impl IntoIterator<Item = Delivery>) -> Vec<Step> {
    deliveries.into_iter().map(Step::Load).collect()
}

fn only_loads(steps: &[Step]) -> Vec<Delivery> {
    let load = |step: &Step| match step {
        Step::Load(delivery) => Some(delivery.clone()),
        Step::Turn(..) => None,
    };
    steps.iter().filter_map(load).collect()
}

/// The rows of the delivery up to a place, and those from there on.
fn cut(delivery: &Delivery, place: usize) -> [Delivery; 2] {
    let (first, second) = delivery.rows.split_at(place);
    [first, second].map(|rows| Delivery {
        rows: rows.to_vec(),
        ..delivery.clone()
    })
}

#[test]
fn the_order_of_loads_is_of_no_account() {
    hold(
        &deliveries::rules(NewColumn::Fills),
        |dice| dice.steps(&Way::ALL),
        |engine, steps, seed| {
            let deliveries = untied(steps);
            let shuffled = Dice(seed).shuffled(deliveries.clone());
            alike(engine, &loads(deliveries), &loads(shuffled), Sameness::Full)
        },
    );
}

#[test]
fn with_defaults_the_order_is_of_no_account() {
    hold(
        &deliveries::with_defaults(),
        |dice| dice.steps(&Way::ALL),
        |engine, steps, seed| {
            let deliveries = untied(steps);
            let shuffled = Dice(seed).shuffled(deliveries.clone());
            alike(engine, &loads(deliveries), &loads(shuffled), Sameness::Full)
        },
    );
}

#[test]
fn how_rows_are_divided_into_files_is_of_no_account() {
    let ways = [Way::Incremental, Way::Stamped, Way::Feed];
    hold(
        &deliveries::rules(NewColumn::Fills),
        |dice| dice.steps(&ways),
        |engine, steps, seed| {
            let mut dice = Dice(seed);
            let whole = only_loads(steps);
            let pieces = whole.iter().flat_map(|delivery| {
                let place = 1 + dice.below(delivery.rows.len());
                cut(delivery, place)
            });
            let pieces: Vec<Delivery> = pieces
                .filter(|piece| !piece.rows.is_empty())
                .zip(0..)
                .map(|(piece, label)| Delivery { label, ..piece })
                .collect();
            alike(engine, &loads(whole), &loads(pieces), Sameness::OfHistory)
        },
    );
}

#[test]
fn a_load_that_is_undone_might_as_well_not_have_been() {
    hold(
        &deliveries::rules(NewColumn::Fills),
        |dice| dice.steps(&Way::ALL),
        |engine, steps, seed| {
            let deliveries = only_loads(steps);
            let undone = deliveries[Dice(seed).below(deliveries.len())].label;
            let without = deliveries
                .iter()
                .filter(|delivery| delivery.label != undone);
            let without = loads(without.cloned());
            let mut with = loads(deliveries.iter().cloned());
            with.push(Step::Turn(undone, Turn::Undo));
            alike(engine, &without, &with, Sameness::Full)?;
            with.push(Step::Turn(undone, Turn::Redo));
            alike(engine, &loads(deliveries), &with, Sameness::Full)
        },
    );
}

#[test]
fn how_a_file_is_spelled_is_of_no_account() {
    hold(
        &deliveries::rules(NewColumn::Fills),
        |dice| dice.steps(&Way::ALL),
        |engine, steps, seed| {
            let mut dice = Dice(seed);
            let plain = only_loads(steps);
            let spelled = plain.iter().cloned().map(|delivery| Delivery {
                spelling: 1 | dice.number(),
                ..delivery
            });
            let spelled: Vec<Delivery> = spelled.collect();
            alike(engine, &loads(plain), &loads(spelled), Sameness::Full)
        },
    );
}

#[test]
fn the_order_of_rows_with_instants_of_their_own_is_of_no_account() {
    hold(
        &deliveries::rules(NewColumn::Fills),
        |dice| dice.steps(&[Way::Stamped, Way::Feed]),
        |engine, steps, seed| {
            let mut dice = Dice(seed);
            let mut deliveries = only_loads(steps);
            for delivery in &mut deliveries {
                delivery.keep_one_row_a_place();
            }
            let shuffled = deliveries.iter().cloned().map(|delivery| Delivery {
                rows: dice.shuffled(delivery.rows.clone()),
                ..delivery
            });
            let shuffled: Vec<Delivery> = shuffled.collect();
            alike(
                engine,
                &loads(deliveries),
                &loads(shuffled),
                Sameness::ButForLines,
            )
        },
    );
}

// ---- what is read of it -------------------------------------------------------------------------

#[test]
fn the_views_show_what_the_fold_has() {
    let rules = deliveries::rules(NewColumn::Fills);
    let holds = |engine: &mut Engine, steps: &[Step], _| {
        engine.make_views();
        let told = Told::all(engine, steps)?;
        let (table, engine) = (told.book.table(&rules), told.engine);
        let versions = |holds: &dyn Fn(&Version) -> bool| -> Vec<(String, usize)> {
            let held = |(key, versions): (&String, &Vec<Version>)| {
                let version = versions.iter().find(|version| holds(version))?;
                Some((key.clone(), version.number))
            };
            table.iter().filter_map(held).collect()
        };
        let current = versions(&|version| version.to.is_none());
        same(
            "members_current",
            &format!("{current:?}"),
            &format!("{:?}", engine.current()),
        )?;
        for at in 0..=deliveries::LAST_INSTANT + 1 {
            let held =
                versions(&|version| version.from <= at && version.to.is_none_or(|to| at < to));
            let shown = format!("{:?}", engine.as_of(at));
            same(&format!("members_asof({at})"), &format!("{held:?}"), &shown)?;
        }
        Ok(())
    };
    hold(&rules, |dice| dice.steps(&Way::ALL), holds);
}

// ---- the definition itself ---------------------------------------------------------------------

#[test]
fn the_definition_does_not_care_for_the_order_of_loads_that_are_not_tied() {
    let mut dice = Dice(1);
    for _ in 0..2000 {
        let deliveries = untied(&dice.steps(&Way::ALL));
        let shuffled = dice.shuffled(deliveries.clone());
        let table = |deliveries: &[Delivery]| {
            let says = deliveries.iter().zip(0..);
            let loads: Vec<fold::Load> = says
                .filter_map(|(delivery, number)| delivery.says(number))
                .collect();
            let label = |number: usize| deliveries[number].label.to_string();
            text(
                &fold::table(&deliveries::rules(NewColumn::Fills), &loads),
                label,
            )
        };
        assert_eq!(table(&deliveries), table(&shuffled));
    }
}

#[test]
fn the_definition_makes_versions_that_fit_together() {
    let mut dice = Dice(2);
    for turn in 0..2000 {
        let new_column = if turn % 2 == 0 {
            NewColumn::Fills
        } else {
            NewColumn::Changes
        };
        let rules = deliveries::rules(new_column);
        let deliveries = only_loads(&dice.steps(&Way::ALL));
        let says = deliveries.iter().zip(0..);
        let loads: Vec<fold::Load> = says
            .filter_map(|(delivery, number)| delivery.says(number))
            .collect();
        for versions in fold::table(&rules, &loads).values() {
            for (place, version) in versions.iter().enumerate() {
                assert_eq!(version.number, place + 1);
                assert!(
                    version.to.is_none_or(|to| version.from < to),
                    "{versions:#?}"
                );
            }
            for pair in versions.windows(2) {
                let end = pair[0].to.unwrap();
                assert!(end <= pair[1].from, "{versions:#?}");
                assert!(
                    end < pair[1].from || pair[0].values != pair[1].values,
                    "{versions:#?}"
                );
            }
        }
    }
}

#[test]
fn where_only_the_newest_counts_the_definition_is_an_upsert() {
    let mut dice = Dice(3);
    for _ in 0..2000 {
        let deliveries = untied(&dice.steps(&[Way::Stamped]));
        let says = deliveries.iter().zip(0..);
        let loads: Vec<fold::Load> = says
            .filter_map(|(delivery, number)| delivery.says(number))
            .collect();
        let mut rows: Vec<_> = loads.into_iter().flat_map(|load| load.rows).collect();
        rows.sort_by_key(|row| (row.at, row.load, row.line));
        let mut upserted: BTreeMap<String, fold::Values> = BTreeMap::new();
        // Within one file the later line wins, whole: what the earlier one said alone is lost.
        let winners = rows.iter().enumerate().filter(|(place, row)| {
            rows[place + 1..]
                .iter()
                .all(|later| (&later.key, later.at) != (&row.key, row.at))
        });
        for (_, row) in winners {
            if let fold::Said::Present(values) = &row.said {
                upserted
                    .entry(row.key.clone())
                    .or_default()
                    .extend(values.clone());
            }
        }
        let rules = deliveries::only_the_newest();
        let loads: Vec<fold::Load> = deliveries
            .iter()
            .zip(0..)
            .filter_map(|(delivery, number)| delivery.says(number))
            .collect();
        for (key, versions) in fold::table(&rules, &loads) {
            let [version] = &versions[..] else {
                panic!("{versions:#?}")
            };
            for (column, value) in &version.values {
                let newest = upserted[&key].get(column).cloned().flatten();
                assert_eq!(*value, newest, "{key} {column}");
            }
        }
    }
}

// ---- hashes ------------------------------------------------------------------------------------

proptest::proptest! {
    /// Parts that are cut otherwise, or differ in any character, are another key.
    #[test]
    fn other_parts_make_another_key(
        one in proptest::collection::vec("[ab,\u{0}|\\\\é]{0,3}", 1..4),
        other in proptest::collection::vec("[ab,\u{0}|\\\\é]{0,3}", 1..4),
    ) {
        for keys in [KeyScheme::plain(), KeyScheme::with_secret(b"hush")] {
            proptest::prop_assert_eq!(
                one == other,
                keys.durable_key(&one) == keys.durable_key(&other)
            );
        }
    }
}

// ---- trying ------------------------------------------------------------------------------------

/// Tries cases until the time is over; at the first that fails, a smaller one is told.
fn hold(
    rules: &Rules,
    steps: impl Fn(&mut Dice) -> Vec<Step>,
    holds: impl Fn(&mut Engine, &[Step], u64) -> Result<(), String>,
) {
    let mut engine = Engine::new(rules);
    let mut histories = 0;
    try_cases(2, |seed| {
        let case = steps(&mut Dice(seed));
        let Err(difference) = holds(&mut engine, &case, seed) else {
            histories += members(&case).len();
            return Ok(());
        };
        let still_fails = |case: &[Step]| holds(&mut engine, case, seed).err();
        let (case, difference) = shrunk(case, difference, still_fails);
        let told: String = case.iter().map(shown).collect();
        Err(format!("{difference}\nafter these steps:\n{told}"))
    });
    eprintln!("{histories} histories");
}

/// Leaves out members, steps and rows as long as it still fails, and there is time.
fn shrunk(
    mut case: Vec<Step>,
    mut difference: String,
    mut still_fails: impl FnMut(&[Step]) -> Option<String>,
) -> (Vec<Step>, String) {
    let deadline = Clock::now() + SHRINKING;
    'smaller: loop {
        for cut in cuts(&case) {
            let Some(smaller) = cut.of(&case) else {
                continue;
            };
            if Clock::now() > deadline {
                break;
            }
            if let Some(still) = still_fails(&smaller) {
                (case, difference) = (smaller, still);
                continue 'smaller;
            }
        }
        return (case, difference);
    }
}

/// A case that is small enough is worth a minute, and none is worth ten.
const SHRINKING: Duration = Duration::from_secs(60);

/// The greatest first.
fn cuts(case: &[Step]) -> Vec<Cut> {
    let members = members(case);
    let mut cuts = Vec::new();
    let mut size = members.len() / 2;
    while size > 0 {
        cuts.extend(members.chunks(size).map(|cut| Cut::Members(cut.to_vec())));
        size /= 2;
    }
    cuts.extend((0..case.len()).map(Cut::Step));
    for (place, step) in case.iter().enumerate() {
        if let Step::Load(delivery) = step {
            cuts.extend((0..delivery.rows.len()).map(|row| Cut::Row(place, row)));
        }
    }
    cuts
}

fn members(case: &[Step]) -> Vec<Option<usize>> {
    let loads = only_loads(case);
    let rows = loads.iter().flat_map(|delivery| &delivery.rows);
    let members: BTreeSet<Option<usize>> = rows.map(|row| row.member).collect();
    members.into_iter().collect()
}

/// What to leave out.
enum Cut {
    Members(Vec<Option<usize>>),
    Step(usize),
    Row(usize, usize),
}

impl Cut {
    /// What is left of the case; `None` if there is nothing of which a law could be.
    fn of(&self, case: &[Step]) -> Option<Vec<Step>> {
        let mut left = case.to_vec();
        match self {
            Self::Members(members) => {
                for delivery in left.iter_mut().filter_map(delivery) {
                    delivery.rows.retain(|row| !members.contains(&row.member));
                }
            }
            Self::Step(place) => drop(left.remove(*place)),
            Self::Row(place, row) => {
                if let Some(delivery) = delivery(&mut left[*place]) {
                    delivery.rows.remove(*row);
                }
            }
        }
        // A file without rows is another matter.
        left.retain(|step| !matches!(step, Step::Load(delivery) if delivery.rows.is_empty()));
        let has_loads = left.iter().any(|step| matches!(step, Step::Load(_)));
        has_loads.then_some(left)
    }
}

fn delivery(step: &mut Step) -> Option<&mut Delivery> {
    match step {
        Step::Load(delivery) => Some(delivery),
        Step::Turn(..) => None,
    }
}

pub(super) fn shown(step: &Step) -> String {
    match step {
        Step::Load(delivery) => format!(
            "--- L{}: {:?} {}\n{}",
            delivery.label,
            delivery.way,
            delivery.file_name(),
            delivery.text()
        ),
        Step::Turn(label, turn) => format!("--- {turn:?} L{label}\n"),
    }
}

impl Dice {
    /// What happens to each member is a case of its own: many of them cost little more than few.
    pub(super) fn steps(&mut self, ways: &[Way]) -> Vec<Step> {
        let members = if self.one_in(2) { 3 } else { 40 };
        let comes_in_order = self.one_in(3);
        let mut first = self.file_of_members(0, ways, members);
        if comes_in_order {
            first.at = 1;
        }
        let mut steps = vec![Step::Load(first)];
        let mut labels = 1;
        for _ in 0..=self.below(8) {
            let earlier = self.below(labels);
            let step = match self.below(12) {
                0..=1 => Step::Turn(earlier, Turn::Undo),
                2 => Step::Turn(earlier, Turn::Redo),
                turn => {
                    let before = only_loads(&steps);
                    let mut delivery = match turn {
                        // The same file once more.
                        3 => before[earlier].clone(),
                        _ => self.file_of_members(labels, ways, members),
                    };
                    delivery.label = labels;
                    if comes_in_order {
                        delivery.at =
                            deliveries::LAST_INSTANT.min(1 + i64::try_from(labels).unwrap());
                    }
                    labels += 1;
                    Step::Load(delivery)
                }
            };
            steps.push(step);
        }
        steps
    }
}
