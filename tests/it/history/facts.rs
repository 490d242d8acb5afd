//! Facts whose loads are undone and redone at random, held against a model that is a few maps.
//!
//! The model does not remember what it made: after each step it reads all that counts from the
//! beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use hayloft::contract::TableName;
use hayloft::history::check;
use hayloft::merge::{Instant, Turn};
use hayloft::pipeline::{self, Desk, Outcome, Wish};
use hayloft::stage::key::KeyScheme;
use hayloft::summary::{Changes, Rows, Summary};
use hayloft::watch::Arrival;

use super::engine::{Impatient, WISH, desk};
use crate::dice::{Dice, try_cases};
use crate::support::{HAYLOFT_TOML, Warehouse};

/// What a file may say of a transaction, beside its id.
const COLUMNS: [&str; 3] = ["email", "amount", "note"];
const EMAILS: [&str; 4] = ["ann@x.org", "bob@x.org", "yan@x.org", "zoe@x.org"];

// ---- the model ---------------------------------------------------------------------------------

type Values = BTreeMap<&'static str, Option<String>>;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// People come.
    Users(Vec<&'static str>),
    /// Transactions come, each with its values of these columns.
    Facts(Vec<&'static str>, Vec<(u32, Vec<&'static str>)>),
    /// The same at the instant of an earlier load of facts, counted from the first one.
    Replay(usize, Vec<&'static str>, Vec<(u32, Vec<&'static str>)>),
    /// Of the load with this place; nothing if it cannot be.
    Turn(usize, Turn),
}

/// A load, as the model remembers it.
#[derive(Clone, Debug)]
pub(super) struct Load {
    id: i64,
    counts: bool,
    says: Says,
}

#[derive(Clone, Debug)]
enum Says {
    Users(Vec<&'static str>),
    Facts {
        /// The place of the load whose instant it has.
        at: usize,
        rows: BTreeMap<u32, (u64, Values)>,
    },
}

/// One fact: its values, and the load and line that they are from.
type Fact = (Values, i64, u64);

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct World {
    shown: BTreeMap<u32, Fact>,
    /// What the fact will be once nothing is waited for.
    held: BTreeMap<u32, Fact>,
}

/// What the loads that count make.
fn world(loads: &[Load]) -> World {
    let known: BTreeSet<&str> = loads
        .iter()
        .filter(|load| load.counts)
        .flat_map(|load| match &load.says {
            Says::Users(emails) => emails.clone(),
            Says::Facts { .. } => Vec::new(),
        })
        .collect();
    let mut ordered: Vec<(usize, usize)> = loads
        .iter()
        .enumerate()
        .filter(|(_, load)| load.counts)
        .filter_map(|(place, load)| match load.says {
            Says::Facts { at, .. } => Some((at, place)),
            Says::Users(_) => None,
        })
        .collect();
    ordered.sort_unstable();
    let mut states: BTreeMap<u32, Fact> = BTreeMap::new();
    let mut world = World::default();
    for (_, place) in ordered {
        let load = &loads[place];
        let Says::Facts { rows, .. } = &load.says else {
            continue;
        };
        for (id, (line, values)) in rows {
            let is_new = !states.contains_key(id);
            let state = states
                .entry(*id)
                .or_insert_with(|| (nothing(), load.id, *line));
            let is_news = is_new
                || values
                    .iter()
                    .any(|(column, value)| state.0[column] != *value);
            state.0.extend(values.clone());
            if is_news {
                (state.1, state.2) = (load.id, *line);
            }
            let is_known = state.0["email"]
                .as_ref()
                .is_none_or(|email| known.contains(&email[..]));
            if is_known {
                world.shown.insert(*id, state.clone());
                world.held.remove(id);
            } else {
                world.held.insert(*id, state.clone());
            }
        }
    }
    world
}

fn nothing() -> Values {
    COLUMNS.iter().map(|column| (*column, None)).collect()
}

/// What is said to have happened to the facts: inserted, updated, closed.
fn difference(before: &World, after: &World) -> (u64, u64, u64) {
    let mut counts = (0, 0, 0);
    let ids: BTreeSet<&u32> = before.shown.keys().chain(after.shown.keys()).collect();
    for id in ids {
        match (before.shown.get(id), after.shown.get(id)) {
            (None, Some(_)) => counts.0 += 1,
            (Some(one), Some(other)) if one.0 != other.0 => counts.1 += 1,
            (Some(_), None) => counts.2 += 1,
            _ => {}
        }
    }
    counts
}

// ---- the program -------------------------------------------------------------------------------

pub(super) struct Bench {
    pub(super) desk: Desk,
    pub(super) conn: PgConnection,
    warehouse: Warehouse,
}

const NULLABLE: &str = "alter table datawarehouse.transactions add column note text,
    alter column amount type numeric, alter column amount drop not null,
    alter column transaction_date drop not null, alter column user_id drop not null";

pub(super) const EMPTY: &str = "
    delete from datawarehouse.users;
    delete from datawarehouse.transactions;
    delete from hayloft.held_fact;
    delete from hayloft.payload;
    delete from hayloft.let_in;
    delete from hayloft.manifest;
    delete from hayloft.reject;
    delete from hayloft.load;
    delete from hayloft.contract;";

const SHOWN: &str = "
    select id, user_id::text as member, trim_scale(amount)::text as amount, note, load_id,
        source_line as line
    from datawarehouse.transactions";

/// A held row as the fact will be.
const HELD: &str = "
    select (held.row ->> 'id')::bigint as id,
        case when held.row ? 'user_id' then held.row ->> 'user_id' else fact.user_id::text end
            as member,
        trim_scale(case when held.row ? 'amount' then (held.row ->> 'amount')::numeric
            else fact.amount end)::text as amount,
        case when held.row ? 'note' then held.row ->> 'note' else fact.note end as note,
        held.load_id, held.source_line as line
    from hayloft.held_fact as held
    left join datawarehouse.transactions as fact on fact.id = (held.row ->> 'id')::bigint";

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    member: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    amount: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    note: Option<String>,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
}

impl Bench {
    pub(super) fn new() -> Self {
        let warehouse = Warehouse::new();
        warehouse.execute(NULLABLE);
        Self {
            desk: desk(&warehouse, HAYLOFT_TOML),
            conn: warehouse.connection(),
            warehouse,
        }
    }

    fn facts(&mut self, query: &str) -> BTreeMap<u32, Fact> {
        let rows: Vec<Stored> = diesel::sql_query(query).load(&mut self.conn).unwrap();
        let email = |member: String| {
            let key =
                |email: &&&str| KeyScheme::plain().durable_key(&[**email]).to_string() == member;
            EMAILS.iter().find(key).map(|email| (*email).to_owned())
        };
        let facts = rows.into_iter().map(|row| {
            let values = Values::from([
                ("email", row.member.map(|member| email(member).unwrap())),
                ("amount", row.amount),
                ("note", row.note),
            ]);
            let line = u64::try_from(row.line).unwrap();
            (u32::try_from(row.id).unwrap(), (values, row.load_id, line))
        });
        facts.collect()
    }

    fn world(&mut self) -> World {
        World {
            shown: self.facts(SHOWN),
            held: self.facts(HELD),
        }
    }

    fn load(&self, table: &str, text: &str, instant: Option<Instant>) -> Result<Summary, String> {
        let path = self.warehouse.write(&format!("{table}.csv"), text);
        let arrival = Arrival::in_place(&path, TableName::new(table)).unwrap();
        let wish = Wish { instant, ..WISH };
        match pipeline::load(&self.desk, &arrival, &wish, &Impatient) {
            Ok(Outcome::Done(entry)) => Ok(entry.summary),
            other => Err(format!("{other:?}")),
        }
    }

    /// What it counted; `None` if facts refer to what would be gone.
    fn turn(&self, table: &str, load: i64, turn: Turn) -> Result<Option<(Rows, Changes)>, String> {
        let which = (&TableName::new(table), load);
        let planned = pipeline::plan_turn(&self.desk, which, turn, 2, &Impatient);
        let planned = match planned {
            Ok(plan) => plan,
            Err(error) if error.to_string().contains("refer to") => return Ok(None),
            Err(error) => return Err(format!("{turn:?} of load {load} fails: {error}")),
        };
        let done = pipeline::turn(&self.desk, which, turn, &Impatient)
            .map_err(|error| format!("{turn:?} of load {load} fails: {error}"))?;
        let counted = |summary: &Summary| (summary.rows, summary.changes);
        let (planned, done) = (counted(&planned.entry.summary), counted(&done.summary));
        if planned != done {
            return Err(format!("planned: {planned:?}, done: {done:?}"));
        }
        Ok(Some(done))
    }

    fn instant_of(&mut self, load: i64) -> DateTime<Utc> {
        #[derive(QueryableByName)]
        struct At {
            #[diesel(sql_type = Timestamptz)]
            effective_at: DateTime<Utc>,
        }
        let at: At = diesel::sql_query("select effective_at from hayloft.load where load_id = $1")
            .bind::<BigInt, _>(load)
            .get_result(&mut self.conn)
            .unwrap();
        at.effective_at
    }

    fn faults(&mut self) -> Vec<String> {
        let contracts = self.desk.register.last();
        let tables = check::examine(&mut self.conn, contracts.iter()).unwrap();
        let faults = tables.into_iter().flat_map(|table| table.faults);
        faults
            .map(|found| format!("{} {:?}", found.sentence, found.examples))
            .collect()
    }
}

// ---- both --------------------------------------------------------------------------------------

fn users_file(emails: &[&str]) -> String {
    let mut text = "email,name,date_of_birth\n".to_owned();
    for email in emails {
        let _ = writeln!(text, "{email},N,01/01/2000");
    }
    text
}

fn facts_file(columns: &[&str], rows: &[(u32, Vec<&str>)]) -> String {
    let mut text = "id".to_owned();
    for column in columns {
        let _ = write!(text, ",{column}");
    }
    text.push('\n');
    for (id, values) in rows {
        let _ = write!(text, "{id}");
        for value in values {
            let _ = write!(text, ",{value}");
        }
        text.push('\n');
    }
    text
}

/// Takes the rows as the program is to read them: `1` and `1.0` are one amount.
fn said(
    columns: &[&'static str],
    rows: &[(u32, Vec<&'static str>)],
) -> BTreeMap<u32, (u64, Values)> {
    let values = |values: &[&str]| -> Values {
        let value = |(column, text): (&'static str, &&str)| {
            let value = match *text {
                // An empty text is one; an empty number is none.
                "" if column != "note" => None,
                "1.0" => Some("1".to_owned()),
                other => Some(other.to_owned()),
            };
            (column, value)
        };
        columns.iter().copied().zip(values).map(value).collect()
    };
    let rows = rows.iter().zip(2..);
    rows.map(|((id, cells), line)| (*id, (line, values(cells))))
        .collect()
}

fn holds(bench: &mut Bench, steps: &[Step]) -> Result<(), String> {
    bench.conn.batch_execute(EMPTY).unwrap();
    let mut loads: Vec<Load> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        take(bench, &mut loads, step).map_err(|error| format!("Step {}: {error}", place + 1))?;
        let (expected, found) = (world(&loads), bench.world());
        if expected != found {
            return Err(format!(
                "After step {} there is\n{found:#?}\nand should be\n{expected:#?}",
                place + 1
            ));
        }
        let faults = bench.faults();
        if !faults.is_empty() {
            return Err(format!("After step {} check finds {faults:#?}", place + 1));
        }
    }
    Ok(())
}

pub(super) fn take(bench: &mut Bench, loads: &mut Vec<Load>, step: &Step) -> Result<(), String> {
    let before = world(loads);
    let (summary, says) = match step {
        Step::Users(emails) => {
            let summary = bench.load("users", &users_file(emails), None)?;
            (summary, Says::Users(emails.clone()))
        }
        Step::Facts(columns, rows) => {
            let summary = bench.load("transactions", &facts_file(columns, rows), None)?;
            let (at, rows) = (loads.len(), said(columns, rows));
            (summary, Says::Facts { at, rows })
        }
        Step::Replay(of, columns, rows) => {
            let earlier: Vec<(usize, i64)> = loads
                .iter()
                .filter_map(|load| match load.says {
                    Says::Facts { at, .. } => Some((at, load.id)),
                    Says::Users(_) => None,
                })
                .collect();
            let Some((at, load_id)) = earlier.get(of % earlier.len().max(1)).copied() else {
                return Ok(());
            };
            let parent = Instant::OfParent {
                load_id,
                at: bench.instant_of(load_id),
            };
            let text = facts_file(columns, rows);
            let summary = bench.load("transactions", &text, Some(parent))?;
            let rows = said(columns, rows);
            (summary, Says::Facts { at, rows })
        }
        Step::Turn(of, turn) => return take_turn(bench, loads, *of, *turn),
    };
    let is_facts = matches!(says, Says::Facts { .. });
    loads.push(Load {
        id: summary.load_id.unwrap(),
        counts: true,
        says,
    });
    let (rows, changes) = (summary.rows, summary.changes);
    if rows.accepted != rows.held + changes.rows() {
        return Err(format!("the counts do not add up: {rows:?} {changes:?}"));
    }
    let (inserted, updated, _) = difference(&before, &world(loads));
    if is_facts
        && matches!(step, Step::Facts(..))
        && (changes.inserted, changes.updated) != (inserted, updated)
    {
        return Err(format!(
            "{inserted} inserted, {updated} updated, and not {changes:?}"
        ));
    }
    Ok(())
}

fn take_turn(bench: &Bench, loads: &mut [Load], of: usize, turn: Turn) -> Result<(), String> {
    if loads.is_empty() {
        return Ok(());
    }
    let of = of % loads.len();
    if loads[of].counts != (turn == Turn::Undo) {
        return Ok(());
    }
    let before = world(loads);
    loads[of].counts = turn == Turn::Redo;
    let after = world(loads);
    let counts = difference(&before, &after);
    match loads[of].says {
        Says::Users(_) => {
            // Facts show members that would be gone.
            let is_refused = turn == Turn::Undo && before.shown != after.shown;
            if is_refused {
                loads[of].counts = true;
            }
            let done = bench.turn("users", loads[of].id, turn)?;
            if done.is_none() != is_refused {
                return Err(format!(
                    "refused: {}, and should be: {is_refused}",
                    done.is_none()
                ));
            }
        }
        Says::Facts { ref rows, .. } => {
            let Some((read, changes)) = bench.turn("transactions", loads[of].id, turn)? else {
                return Err("refused".into());
            };
            let found = (changes.inserted, changes.updated, changes.closed);
            if found != counts {
                return Err(format!("{found:?} are counted, and {counts:?} happened"));
            }
            if rows.len() as u64 != read.held + changes.rows() {
                return Err(format!("the counts do not add up: {read:?} {changes:?}"));
            }
        }
    }
    Ok(())
}

// ---- trying ------------------------------------------------------------------------------------

impl Dice {
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn transactions(&mut self) -> (Vec<&'static str>, Vec<(u32, Vec<&'static str>)>) {
        let columns: Vec<&str> = COLUMNS.into_iter().filter(|_| !self.one_in(4)).collect();
        let mut rows = Vec::new();
        for id in 1..=4 {
            if self.one_in(2) {
                continue;
            }
            let values = columns.iter().map(|column| match *column {
                "email" => self.of(&EMAILS),
                "amount" => self.of(&["1", "1.0", "2", "3", ""]),
                _ => self.of(&["x", "y", ""]),
            });
            rows.push((id, values.collect()));
        }
        if rows.is_empty() {
            rows.push((1, columns.iter().map(|_| "").collect()));
        }
        (columns, rows)
    }

    pub(super) fn happenings(&mut self) -> Vec<Step> {
        let mut steps = vec![Step::Users(vec!["ann@x.org", "bob@x.org"])];
        for _ in 0..4 + self.below(9) {
            let step = match self.below(10) {
                0 => Step::Users(vec![self.of(&EMAILS)]),
                1 => {
                    let (columns, rows) = self.transactions();
                    Step::Replay(self.below(8), columns, rows)
                }
                2..=4 => Step::Turn(self.below(12), Turn::Undo),
                5 => Step::Turn(self.below(12), Turn::Redo),
                _ => {
                    let (columns, rows) = self.transactions();
                    Step::Facts(columns, rows)
                }
            };
            steps.push(step);
        }
        steps
    }
}

#[test]
fn facts_are_what_the_loads_that_count_say() {
    let mut bench = Bench::new();
    try_cases(3, |seed| {
        let mut case = Dice(seed).happenings();
        let Err(mut difference) = holds(&mut bench, &case) else {
            return Ok(());
        };
        'smaller: loop {
            for place in 0..case.len() {
                let mut smaller = case.clone();
                smaller.remove(place);
                if let Err(still) = holds(&mut bench, &smaller) {
                    (case, difference) = (smaller, still);
                    continue 'smaller;
                }
            }
            break;
        }
        let told = case
            .iter()
            .fold(String::new(), |told, step| told + &format!("{step:?}\n"));
        Err(format!("{difference}\nafter these steps:\n{told}"))
    });
}
