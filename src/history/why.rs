//! Why a key is as it is: its versions, and the observations that made them.
//!
//! In: a contract and a key, as a person types it. Out: an [`Answer`], which holds values of rows:
//! it is for stdout, never for a log. How it is drawn is [`crate::printer::timeline`]'s business.

pub mod key;
pub mod moment;
pub mod object;
mod read;
pub mod said;
pub mod sql;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::key::KeyFault;
pub use self::moment::Moment;
pub use self::said::{Judged, Observation, Outcome, Presence, Source};
use crate::db::prelude::*;

use self::key::Candidate;
use crate::contract::{Contract, Kind};
use crate::stage::key::KeyScheme;

/// All that is known of a key.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The table, as `hayloft.toml` names it.
    pub table: String,
    /// The durable key's column, where the table has one.
    pub durable_column: Option<String>,
    /// The durable key.
    pub durable_key: Uuid,
    /// The natural key as it was typed, in its canonical form; empty where the durable key was.
    pub asked: Vec<(String, String)>,
    /// The columns that a file may fill, in catalog order.
    pub columns: Vec<ShownColumn>,
    /// What the table shows of the key.
    pub shown: Shown,
    /// What was said of it, in time order. Empty where nobody asked.
    pub observations: Vec<Judged>,
}

/// A column, as far as an answer shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShownColumn {
    /// Its name.
    pub name: String,
    /// What the ledger calls it.
    pub id: String,
    /// Whether it is part of the natural key.
    pub part: Part,
    /// What a change of it means.
    pub role: crate::contract::Role,
}

/// What a column is a part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The natural key.
    Key,
    /// What the row says of it.
    Value,
}

/// Values, one for each of [`Answer::columns`], as Postgres prints them.
pub type Values = Vec<Option<String>>;

/// What the table shows of a key.
#[derive(Clone, PartialEq, Debug)]
pub enum Shown {
    /// Versions of a dimension, oldest first.
    Versions(Vec<Version>),
    /// A fact, or none.
    Fact(Option<FactRow>),
    /// A fact that waits for members of these dimensions.
    Held(FactRow, Vec<String>),
    /// A fact, and a newer row of it that waits for members of these dimensions.
    FactAndHeld(FactRow, FactRow, Vec<String>),
}

/// One version of a key.
#[derive(Clone, PartialEq, Debug)]
pub struct Version {
    /// Its number.
    pub number: i32,
    /// From when on it holds.
    pub from: DateTime<Utc>,
    /// When it ceases to hold; `None` while it does.
    pub to: Option<DateTime<Utc>>,
    /// Its values.
    pub values: Values,
    /// Who brought it.
    pub origin: Origin,
}

impl Version {
    /// Whether it holds at an instant.
    #[must_use]
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

/// A fact.
#[derive(Clone, PartialEq, Debug)]
pub struct FactRow {
    /// Its values.
    pub values: Values,
    /// The places of those that their column does not take, since a migration changed the type: it is
    /// held with them.
    pub misfits: BTreeSet<usize>,
    /// When it was first stored, if the table keeps that.
    pub created_at: Option<DateTime<Utc>>,
    /// When a value of it last changed, if the table keeps that.
    pub updated_at: Option<DateTime<Utc>>,
    /// Who wrote it last.
    pub origin: Origin,
}

/// Which row of which load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The load.
    pub load_id: i64,
    /// The line of the file; `None` where the ledger of an older version does not say, and where
    /// no row said it.
    pub line: Option<i64>,
    /// The file's name; `None` where the ledger does not have the load.
    pub file: Option<String>,
    /// When the load was.
    pub loaded_at: Option<DateTime<Utc>>,
}

/// How much is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// The versions. What was said of the key is read only where it explains a gap.
    Versions,
    /// The observations too.
    Observations,
}

impl Depth {
    /// Observations, when they are wanted.
    #[must_use]
    pub fn when(all: bool) -> Self {
        if all {
            Self::Observations
        } else {
            Self::Versions
        }
    }
}

/// Why nothing can be answered.
#[derive(Debug, thiserror::Error)]
pub enum WhyFault {
    /// What was typed is no key of the table.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The table's keys were made with another secret, or another version of the scheme.
    #[error(
        "The keys of `{table}` were made with another HAYLOFT_KEY_SECRET than the one that is set \
         now, so a natural key does not lead to them. Set that secret, or give the UUID."
    )]
    OtherSecret {
        /// The table.
        table: String,
    },
    /// Neither the table nor the ledger knows the key.
    #[error("There is no such key in `{table}`, and none of its loads spoke of one.")]
    Unknown {
        /// The table.
        table: String,
    },
    /// The database failed.
    #[error("The history of the key could not be read.")]
    Database(#[from] diesel::result::Error),
}

/// Answers for one key, from one snapshot of the database.
pub fn ask(
    conn: &mut PgConnection,
    contract: &Contract,
    scheme: &KeyScheme,
    typed: &[String],
    depth: Depth,
) -> Result<Answer, WhyFault> {
    let candidates = key::read(contract, scheme, typed)?;
    conn.build_transaction()
        .read_only()
        .repeatable_read()
        .run(|conn| answer(conn, contract, scheme, &candidates, depth))
}

/// Where a text can be read as a durable key and as a natural one, it is whichever is known.
fn answer(
    conn: &mut PgConnection,
    contract: &Contract,
    scheme: &KeyScheme,
    candidates: &[Candidate],
    depth: Depth,
) -> Result<Answer, WhyFault> {
    for candidate in candidates {
        let candidate = &read::completed(conn, contract, scheme, candidate)?;
        let shown = read::shown(conn, contract, candidate)?;
        let wanted = depth == Depth::Observations || needs_explaining(&shown);
        let observations = if wanted {
            read::observations(conn, contract, candidate.key)?
        } else {
            Vec::new()
        };
        // Of a key that nobody ever named, each snapshot says that it is absent.
        let is_named = observations.iter().any(|said| said.source == Source::Row);
        if !is_nothing(&shown) || is_named {
            let columns = columns(contract);
            let observations = said::judge(observations, &shown, &columns);
            return Ok(Answer {
                table: contract.name.to_string(),
                durable_column: durable_column(contract),
                durable_key: candidate.key,
                asked: asked(contract, candidate),
                columns,
                shown,
                observations,
            });
        }
    }
    let table = contract.name.to_string();
    if read::keys_are_others(conn, contract, scheme)? {
        return Err(WhyFault::OtherSecret { table });
    }
    Err(WhyFault::Unknown { table })
}

fn is_nothing(shown: &Shown) -> bool {
    match shown {
        Shown::Versions(versions) => versions.is_empty(),
        Shown::Fact(fact) => fact.is_none(),
        Shown::Held(..) | Shown::FactAndHeld(..) => false,
    }
}

/// A version says who opened it; what ended one that none follows, only the observations know.
fn needs_explaining(shown: &Shown) -> bool {
    let Shown::Versions(versions) = shown else {
        return is_nothing(shown);
    };
    let followed = versions
        .windows(2)
        .all(|pair| pair[0].to == Some(pair[1].from));
    !followed || versions.last().is_none_or(|last| last.to.is_some())
}

fn asked(contract: &Contract, candidate: &Candidate) -> Vec<(String, String)> {
    let names = contract.key.iter().map(|place| {
        let column = &contract.columns[*place];
        column.name.name().to_owned()
    });
    names
        .zip(candidate.parts.iter().flatten().cloned())
        .collect()
}

fn durable_column(contract: &Contract) -> Option<String> {
    match &contract.kind {
        Kind::Dimension { durable_key, .. } => Some(durable_key.name().to_owned()),
        Kind::Fact { .. } => None,
    }
}

fn columns(contract: &Contract) -> Vec<ShownColumn> {
    let columns = contract.columns.iter().enumerate();
    columns
        .map(|(place, column)| ShownColumn {
            name: column.name.name().to_owned(),
            id: column.id.as_str().to_owned(),
            part: if contract.key.contains(&place) {
                Part::Key
            } else {
                Part::Value
            },
            role: column.role,
        })
        .collect()
}

impl Answer {
    /// The versions; none for a fact.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        match &self.shown {
            Shown::Versions(versions) => versions,
            Shown::Fact(_) | Shown::Held(..) | Shown::FactAndHeld(..) => &[],
        }
    }

    /// How much to show where so much is asked for: of a key that has no version, what was said is
    /// the whole answer.
    #[must_use]
    pub fn depth(&self, asked: Depth) -> Depth {
        if is_nothing(&self.shown) {
            Depth::Observations
        } else {
            asked
        }
    }

    /// Places of the columns whose values differ between two versions.
    #[must_use]
    pub fn changed(&self, before: &Values, after: &Values) -> Vec<usize> {
        let places = 0..self.columns.len();
        places
            .filter(|place| before.get(*place) != after.get(*place))
            .collect()
    }

    /// The natural key: names and values, as far as anything shows them or
    /// they were asked for.
    #[must_use]
    pub fn natural_key(&self) -> Vec<(&str, Option<&str>)> {
        let values = match &self.shown {
            Shown::Versions(versions) => versions.last().map(|version| &version.values),
            Shown::Fact(fact) => fact.as_ref().map(|fact| &fact.values),
            Shown::Held(fact, _) | Shown::FactAndHeld(fact, ..) => Some(&fact.values),
        };
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(_, column)| column.part == Part::Key)
            .filter_map(|(place, column)| {
                let said = || {
                    let mut judged = self.observations.iter();
                    judged.find_map(|judged| judged.values.get(&place)?.as_deref())
                };
                let asked = || {
                    let mut asked = self.asked.iter();
                    asked.find_map(|(name, value)| (*name == column.name).then_some(&**value))
                };
                let value = match values {
                    Some(values) => values.get(place)?.as_deref(),
                    None => Some(said().or_else(asked)?),
                };
                Some((column.name.as_str(), value))
            })
            .collect()
    }

    /// Places of the columns that do not take what an observation said for them.
    #[must_use]
    pub fn misfits(&self, observation: &Observation) -> Vec<usize> {
        let columns = self.columns.iter().enumerate();
        let misfits = columns.filter(|(_, column)| observation.misfits.contains(&column.id));
        misfits.map(|(place, _)| place).collect()
    }

    /// What ended a version that no other follows, if the ledger knows.
    #[must_use]
    pub fn ended_by(&self, version: &Version) -> Option<&Judged> {
        let mut observations = self.observations.iter();
        observations.find(|judged| judged.outcome == Outcome::Closed(version.number))
    }
}
