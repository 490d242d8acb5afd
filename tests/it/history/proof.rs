//! That the ledger proves the table (semantics §22): after random loads, undos and redos nothing
//! contradicts what the files said, and of random changes by hand each is found.
//!
//! `HAYLOFT_PROOF_CHANGES` is how many changes are tried (40 of each kind of table).

#![allow(clippy::print_stderr, reason = "says how much was tried")]

use std::cell::RefCell;

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Nullable, Text};
use hayloft::contract::Contract;
use hayloft::merge::{self, MergeError, Proof, Reason, Telling};
use hayloft::stage::key::KeyScheme;

use super::deliveries::{self, Way};
use super::engine::Engine;
use super::facts::{self, Bench};
use super::fold::NewColumn;
use super::laws::{Planning, Told, shown};
use crate::dice::{Dice, number_of, try_cases_until};

/// How many changes are tried of one table.
const CHANGES_OF_A_TABLE: usize = 10;

fn prove(conn: &mut PgConnection, contract: &Contract) -> Result<Proof, MergeError> {
    let keys = KeyScheme::plain();
    merge::prove(conn, contract, &keys, Telling::Places, &|_| ())
}

/// How many values a proof says that no load said.
fn unsaid(proof: &Proof) -> u64 {
    let unproven = proof.unproven.iter();
    let unsaid = unproven.filter(|it| it.reason == Reason::SaidByNoLoad);
    unsaid.map(|it| it.count).sum()
}

/// How much was tried.
#[derive(Default, Debug)]
struct Tried {
    tables: usize,
    changes: usize,
    /// Of these, values in columns of which no load ever spoke: told as such.
    told_as_unsaid: usize,
}

impl Tried {
    /// Nothing contradicts the table; and each change by hand is found, before it is taken back.
    fn table(
        &mut self,
        conn: &mut PgConnection,
        contract: &Contract,
        changeable: &[(&str, &[&str])],
        dice: &mut Dice,
        most: usize,
    ) -> Result<(), String> {
        let sound = prove(conn, contract).unwrap();
        if !sound.holds() {
            return Err(format!("The sound table is found to be wrong: {sound:#?}"));
        }
        self.tables += 1;
        for _ in 0..CHANGES_OF_A_TABLE.min(most.saturating_sub(self.changes)) {
            self.change(conn, contract, changeable, &sound, dice)?;
        }
        Ok(())
    }

    fn change(
        &mut self,
        conn: &mut PgConnection,
        contract: &Contract,
        changeable: &[(&str, &[&str])],
        sound: &Proof,
        dice: &mut Dice,
    ) -> Result<(), String> {
        let mut found = None;
        let _ = conn.transaction(|conn| {
            let changed = change_by_hand(conn, contract, changeable, dice)?;
            found = changed.map(|what| (what, prove(conn, contract).unwrap()));
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        });
        // Otherwise there was no row, or the database refused the change.
        let Some((what, proof)) = found else {
            return Ok(());
        };
        self.changes += 1;
        if proof.holds() {
            if unsaid(&proof) <= unsaid(sound) {
                return Err(format!("Not found: {what}\n{proof:#?}"));
            }
            self.told_as_unsaid += 1;
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    place: String,
}

#[derive(QueryableByName)]
struct Changed {
    #[diesel(sql_type = Nullable<Text>)]
    row: Option<String>,
}

/// Changes one value of one row, or takes a row away; what was changed, if anything.
fn change_by_hand(
    conn: &mut PgConnection,
    contract: &Contract,
    changeable: &[(&str, &[&str])],
    dice: &mut Dice,
) -> QueryResult<Option<String>> {
    let table = &contract.table;
    let rows: Vec<Row> = sql_query(format!(
        "select ctid::text as place from {table} order by 1"
    ))
    .load(conn)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let place = &rows[dice.below(rows.len())].place;
    let statement = if dice.one_in(12) {
        format!("delete from {table} where ctid = '{place}'::tid")
    } else {
        let (column, values) = changeable[dice.below(changeable.len())];
        let value = values[dice.below(values.len())];
        format!(
            "update {table} set {column} = {value} where ctid = '{place}'::tid \
             and {column} is distinct from ({value})"
        )
    };
    let before: Changed = sql_query(format!(
        "select (select t::text from {table} as t where ctid = '{place}'::tid) as row"
    ))
    .get_result(conn)?;
    if sql_query(&statement).execute(conn)? == 0 {
        return Ok(None);
    }
    Ok(Some(format!("{statement}\n{:?}", before.row)))
}

const TEXTS: &[&str] = &["'other'", "''", "null", "'other ' || random()"];

/// What can be changed in `members`.
const MEMBERS: &[(&str, &[&str])] = &[
    ("name", TEXTS),
    ("phone", TEXTS),
    ("origin", TEXTS),
    (
        "grade",
        &["null", "coalesce(grade, 0) + 1", "-coalesce(grade, 1)", "0"],
    ),
    ("email", &["'x' || email", "upper(email)", "'other@x.org'"]),
    ("member_id", &["gen_random_uuid()"]),
    (
        "effective_start_date",
        &[
            "effective_start_date + interval '1 day'",
            "effective_start_date - interval '1 microsecond'",
        ],
    ),
    (
        "effective_end_date",
        &[
            "null",
            "coalesce(effective_end_date, effective_start_date) + interval '1 day'",
        ],
    ),
    ("version_number", &["version_number + 1", "1"]),
    ("load_id", &["load_id + 1", "1"]),
    ("source_line", &["source_line + 1", "0"]),
];

const TRANSACTIONS: &[(&str, &[&str])] = &[
    ("id", &["id + 100"]),
    ("user_id", &["null", "gen_random_uuid()"]),
    ("amount", &["null", "coalesce(amount, 0) + 1", "-1"]),
    ("note", TEXTS),
    ("transaction_date", &["null", "date '2020-02-02'"]),
    ("load_id", &["load_id + 1", "1"]),
    ("source_line", &["source_line + 1"]),
    (
        "created_at",
        &["created_at + interval '1 microsecond'", "'2020-01-01'"],
    ),
    ("updated_at", &["updated_at - interval '1 hour'"]),
];

/// Tries cases until so many changes were tried.
fn try_all(mut try_case: impl FnMut(&mut Tried, u64, usize) -> Result<(), String>) {
    let most = number_of("HAYLOFT_PROOF_CHANGES").map_or(40, |changes| changes.try_into().unwrap());
    let tried = RefCell::new(Tried::default());
    let is_enough = || tried.borrow().changes >= most;
    try_cases_until(is_enough, |seed| {
        try_case(&mut tried.borrow_mut(), seed, most)
    });
    eprintln!("{:?}", tried.into_inner());
}

#[test]
fn each_change_by_hand_of_a_dimension_is_found() {
    let kinds = [
        deliveries::rules(NewColumn::Fills),
        deliveries::rules(NewColumn::Changes),
        deliveries::only_the_newest(),
    ];
    let mut engines: Vec<Engine> = kinds.iter().map(Engine::new).collect();
    try_all(|tried, seed, most| {
        let mut dice = Dice(seed);
        let kind = dice.below(engines.len());
        let engine = &mut engines[kind];
        let ways = if dice.one_in(2) {
            Way::ALL.to_vec()
        } else {
            vec![Way::ALL[dice.below(Way::ALL.len())]]
        };
        let steps = dice.steps(&ways);
        let mut told = Told::nothing(engine, Planning::Skipped);
        for (place, step) in steps.iter().enumerate() {
            told.take(step)?;
            let Some((contract, conn)) = told.engine.proving() else {
                continue;
            };
            tried
                .table(conn, &contract, MEMBERS, &mut dice, most)
                .map_err(|difference| {
                    let steps: String = steps[..=place].iter().map(shown).collect();
                    format!("{difference}\nafter these steps:\n{steps}")
                })?;
        }
        Ok(())
    });
}

#[test]
fn each_change_by_hand_of_facts_is_found() {
    use diesel::connection::SimpleConnection as _;
    let mut bench = Bench::new();
    try_all(|tried, seed, most| {
        let mut dice = Dice(seed);
        let steps = dice.happenings();
        bench.conn.batch_execute(facts::EMPTY).unwrap();
        let mut loads = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            facts::take(&mut bench, &mut loads, step)?;
            let contracts = bench.desk.register.last();
            for contract in contracts.iter() {
                let changeable = match contract.name.as_str() {
                    "transactions" => TRANSACTIONS,
                    _ => &[("name", TEXTS)] as &[_],
                };
                tried
                    .table(&mut bench.conn, contract, changeable, &mut dice, most)
                    .map_err(|difference| {
                        format!("{difference}\nafter these steps:\n{:#?}", &steps[..=place])
                    })?;
            }
        }
        Ok(())
    });
}
