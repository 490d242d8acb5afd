//! What must be in the tables, by the files and the order in which the ledger has them: a fold that
//! knows nothing else of the program.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use crate::dice::Dice;

/// The rows of a file: a key and a value each.
pub(crate) type Rows = Vec<(u32, u32)>;

/// What a file is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Subject {
    People,
    Payments,
}

/// A file that was dropped.
#[derive(Clone, Debug)]
pub(crate) struct Dropped {
    pub(crate) name: String,
    pub(crate) subject: Subject,
    pub(crate) rows: Rows,
}

impl Dropped {
    /// People who change, or payments that do, by people some of whom nobody knows yet.
    pub(crate) fn at_random(number: u64, dice: &mut Dice) -> Self {
        let subject = if dice.one_in(3) {
            Subject::Payments
        } else {
            Subject::People
        };
        let (table, keys) = match subject {
            Subject::People => ("users", 200),
            Subject::Payments => ("transactions", 300),
        };
        let mut chosen = BTreeMap::new();
        for _ in 0..=dice.below(80) {
            let key = u32::try_from(dice.below(keys)).unwrap_or(0);
            chosen.insert(key, u32::try_from(dice.below(5)).unwrap_or(0));
        }
        // So that no two files have the same bytes.
        chosen.insert(u32::try_from(1000 + number).unwrap_or(u32::MAX), 0);
        Self {
            name: format!("{table}.{number:06}.csv"),
            subject,
            rows: chosen.into_iter().collect(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let rows = self.rows.iter().map(|(key, value)| match self.subject {
            Subject::People => format!("p{key}@x.org,Name {value},01/02/1990\n"),
            Subject::Payments => format!("{key},{},{value}.50,01/02/2024\n", payer(*key)),
        });
        let header = match self.subject {
            Subject::People => "email,name,date_of_birth\n",
            Subject::Payments => "id,email,amount,transaction_date\n",
        };
        header.to_owned() + &rows.collect::<String>()
    }
}

/// Who pays. Of the last ones nobody may ever hear.
fn payer(payment: u32) -> String {
    format!("p{}@x.org", payment % 230)
}

/// What the tables are to show, line by line.
#[derive(Default, Debug)]
pub(crate) struct Model {
    /// The values of each person, one after the other.
    people: BTreeMap<u32, Vec<(u32, String)>>,
    /// The last value of each payment.
    payments: BTreeMap<u32, u32>,
}

impl Model {
    pub(crate) fn take(&mut self, file: &Dropped) {
        for (key, value) in &file.rows {
            match file.subject {
                Subject::People => {
                    let values = self.people.entry(*key).or_default();
                    if values.last().is_none_or(|(last, _)| last != value) {
                        values.push((*value, file.name.clone()));
                    }
                }
                Subject::Payments => _ = self.payments.insert(*key, *value),
            }
        }
    }

    /// How many versions it has.
    pub(crate) fn versions(&self) -> usize {
        self.people.values().map(Vec::len).sum()
    }

    pub(crate) fn lines(&self) -> BTreeSet<String> {
        let people = self.people.iter().flat_map(|(key, values)| {
            values
                .iter()
                .enumerate()
                .map(move |(place, (value, file))| {
                    let is_last = place + 1 == values.len();
                    format!("p{key}@x.org {} Name {value} {file} {is_last}", place + 1)
                })
        });
        let payments = self.payments.iter().map(|(key, value)| {
            let known = self.people.contains_key(&(key % 230));
            let place = if known { "paid" } else { "held" };
            format!("{place} {key} {value}.50")
        });
        people.chain(payments).collect()
    }
}

/// What the tables do show.
pub(crate) fn shown(conn: &mut PgConnection) -> Result<BTreeSet<String>> {
    lines(conn, include_str!("shown.sql"))
}

/// The names of the files that were loaded, in the order in which they count.
pub(crate) fn loaded(conn: &mut PgConnection) -> Result<Vec<String>> {
    let all = read(conn, include_str!("loaded.sql"))?;
    Ok(all)
}

fn lines(conn: &mut PgConnection, sql: &str) -> Result<BTreeSet<String>> {
    let all = read(conn, sql)?;
    let count = all.len();
    let lines: BTreeSet<String> = all.into_iter().collect();
    (lines.len() == count)
        .then_some(lines)
        .context("some row is in the tables twice")
}

fn read(conn: &mut PgConnection, sql: &str) -> Result<Vec<String>> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        line: String,
    }
    let lines: Vec<Line> = sql_query(sql).load(conn)?;
    Ok(lines.into_iter().map(|it| it.line).collect())
}
