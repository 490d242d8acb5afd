//! What a load, an undo or a redo would do: the same transaction, rolled back at its end.
//!
//! So the counts of a plan are those of the load that follows. For a few keys of each kind the
//! versions before and after are read, inside the transaction and once it is gone.

use std::iter;

use chrono::{DateTime, Utc};
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::deferred::Deferred;
use super::dimension::Way;
use super::held::LettingIn;
use super::history::Turn;
use super::ledger::Entry;
use super::load::Load;
use super::shared::Shared;
use super::turning::Turning;
use super::{
    ChangeBreach, CloseBreach, Consent, MergeError, SourceNotes, Takeover, Terms, offenders, sql,
};
use crate::contract::{Contract, Contracts, Kind};
use crate::db::prelude::*;
use crate::db::transaction;
use crate::stage::Staged;
use crate::stage::key::KeyScheme;

/// What would happen.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// What the ledger would have.
    pub entry: Entry,
    /// Some of the keys, with their versions before and after.
    pub samples: Vec<Sample>,
    /// The columns that the table would get.
    pub added_columns: Vec<String>,
    /// The guard that would hold the file; the counts are those once a person lets it.
    pub closes: Option<CloseBreach>,
    /// The same, of the guard of changes.
    pub changes: Option<ChangeBreach>,
    /// How the rows would be compared.
    pub path: &'static str,
}

impl Plan {
    /// Why the file would be held, if it would be.
    #[must_use]
    pub fn breach(&self) -> Option<String> {
        let changes = self.changes.as_ref().map(ToString::to_string);
        self.closes.as_ref().map(ToString::to_string).or(changes)
    }
}

/// What would happen to one key.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// The name of the count that it belongs to.
    pub action: String,
    /// What it is a sample of.
    pub subject: Subject,
    /// The durable key; of a fact the one that the ledger has.
    pub key: Uuid,
    /// Its versions now; of a fact the row, if there is one.
    pub before: Vec<Version>,
    /// The same then.
    pub after: Vec<Version>,
}

/// What a sample is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A key of a dimension, with its versions.
    Key,
    /// A fact, which is one row, or a row of it that waits.
    Fact,
}

/// A version as people see it, or a fact.
#[derive(Clone, PartialEq, Debug)]
pub struct Version {
    /// From when on; of a fact the instant of its load.
    pub starts: DateTime<Utc>,
    /// Until when; `None` for the current one.
    pub ends: Option<DateTime<Utc>>,
    /// Each column's value, as Postgres prints it.
    pub values: Vec<(String, Option<String>)>,
    /// The load that began it.
    pub load_id: i64,
    /// Its line there.
    pub line: i64,
}

/// Finds what a load would do. Nothing stays written.
pub fn plan(
    conn: &mut PgConnection,
    contracts: &Contracts,
    contract: &Contract,
    keys: &KeyScheme,
    staged: &mut Staged,
    terms: &Terms,
    samples: usize,
) -> Result<Plan, MergeError> {
    let wider = &contract.with_added(&staged.added);
    let mut attempt_so = |conn: &mut PgConnection, terms: &Terms, letting_in| {
        let trial = |conn: &mut PgConnection| {
            let shared = Shared::of(iter::once(&*staged)).with(letting_in);
            let load = Load {
                samples,
                ..Load::new(contracts, wider, keys, terms, &shared)
            };
            let done = load.run(conn, staged)?;
            // A load would be told at its commit.
            Deferred::of_load(conn, contracts, wider)?.check(conn)?;
            Ok((done.entry, done.told, done.way.words()))
        };
        rolled_back(conn, contract, wider, trial).map_err(|error| {
            let shared = Shared::of(iter::once(&*staged));
            let load = Load::new(contracts, wider, keys, terms, &shared);
            offenders::explain(conn, &load, staged, error)
        })
    };
    let has_facts = contracts.referring_to(&contract.name).next().is_some();
    let mut attempt =
        |conn: &mut PgConnection, terms: &Terms| match attempt_so(conn, terms, LettingIn::Together)
        {
            Err(MergeError::Database(_)) if has_facts => {
                attempt_so(conn, terms, LettingIn::OneByOne)
            }
            other => other,
        };
    let accepted = Terms {
        consent: Consent::Given { by: String::new() },
        ..terms.clone()
    };
    let (trial, closes, changes) = match attempt(conn, terms) {
        Err(MergeError::Closes(breach)) => (attempt(conn, &accepted)?, Some(*breach), None),
        Err(MergeError::Changes(breach)) => (attempt(conn, &accepted)?, None, Some(*breach)),
        other => (other?, None, None),
    };
    let added = staged.added.iter();
    Ok(Plan {
        entry: trial.entry,
        samples: trial.samples,
        added_columns: added.map(|column| column.name.name().to_owned()).collect(),
        closes,
        changes,
        path: trial.path,
    })
}

/// Finds what an undo or a redo would do. Nothing stays written.
pub fn plan_turn(
    conn: &mut PgConnection,
    contracts: &Contracts,
    contract: &Contract,
    keys: &KeyScheme,
    load_id: i64,
    turn: Turn,
    samples: usize,
) -> Result<Plan, MergeError> {
    let trial = rolled_back(conn, contract, contract, |conn| {
        let turning = Turning {
            contracts,
            contract,
            keys,
            load_id,
            turn,
            samples,
            claim: Uuid::now_v7(),
        };
        let done = turning.run(conn)?;
        Deferred::of_load(conn, contracts, contract)?.check(conn)?;
        Ok((done.entry, done.told, Way::Refold.words()))
    });
    let trial = trial.map_err(|error| {
        let turning = Turning {
            contracts,
            contract,
            keys,
            load_id,
            turn,
            samples: 0,
            claim: Uuid::now_v7(),
        };
        offenders::explain_turn(conn, &turning, error)
    })?;
    Ok(Plan {
        entry: trial.entry,
        samples: trial.samples,
        added_columns: Vec::new(),
        closes: None,
        changes: None,
        path: trial.path,
    })
}

/// Finds what a takeover would do. Nothing stays written.
pub fn plan_takeover(
    conn: &mut PgConnection,
    takeover: &Takeover<'_>,
) -> Result<(Plan, Option<SourceNotes>), MergeError> {
    let mut notes = None;
    let trial = rolled_back(conn, takeover.contract, takeover.contract, |conn| {
        let done = takeover.run(conn)?;
        notes = done.notes;
        Ok((done.entry, done.told, Way::Refold.words()))
    })?;
    let plan = Plan {
        entry: trial.entry,
        samples: trial.samples,
        added_columns: Vec::new(),
        closes: None,
        changes: None,
        path: trial.path,
    };
    Ok((plan, notes))
}

struct Trial {
    entry: Entry,
    samples: Vec<Sample>,
    path: &'static str,
}

type Tried = (Entry, Told, &'static str);

/// What is known of the keys that are told of one by one.
#[derive(Debug)]
pub(super) enum Told {
    /// Which they are, and what happened to each: to be looked at now and once it is undone.
    Keys(Vec<(Uuid, String)>),
    /// All. Of facts, since who looks on has no key to find them by.
    Samples(Vec<Sample>),
}

impl Told {
    /// There are none.
    pub(super) const NONE: Self = Self::Samples(Vec::new());
}

/// Does it, looks at the keys, and rolls back. The table has the columns of `now`, and would have
/// those of `then`.
fn rolled_back(
    conn: &mut PgConnection,
    now: &Contract,
    then: &Contract,
    work: impl FnOnce(&mut PgConnection) -> Result<Tried, MergeError>,
) -> Result<Trial, MergeError> {
    let mut trial = None;
    let mut is_half_known = false;
    let ended = transaction(conn, |conn| {
        let (entry, told, path) = work(conn)?;
        let samples = match told {
            Told::Samples(samples) => samples,
            Told::Keys(keys) => {
                is_half_known = true;
                let after = keys.into_iter().map(|(key, action)| {
                    Ok(Sample {
                        action,
                        subject: Subject::Key,
                        key,
                        before: Vec::new(),
                        after: versions(conn, then, key)?,
                    })
                });
                after.collect::<QueryResult<_>>()?
            }
        };
        trial = Some(Trial {
            entry,
            samples,
            path,
        });
        Err::<(), MergeError>(DbError::RollbackTransaction.into())
    });
    match (trial, ended) {
        (Some(mut trial), Err(MergeError::Database(DbError::RollbackTransaction))) => {
            for sample in trial.samples.iter_mut().filter(|_| is_half_known) {
                sample.before = versions(conn, now, sample.key)?;
            }
            Ok(trial)
        }
        (_, Err(error)) => Err(error),
        (_, Ok(())) => Err(DbError::RollbackTransaction.into()),
    }
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Timestamptz)]
    starts: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ends: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

/// The versions of one key of a dimension.
fn versions(conn: &mut PgConnection, contract: &Contract, key: Uuid) -> QueryResult<Vec<Version>> {
    let Kind::Dimension { durable_key, .. } = &contract.kind else {
        return Ok(Vec::new());
    };
    let rows: Vec<VersionRow> = sql_query(sql::read_key(contract, durable_key))
        .bind::<diesel::sql_types::Uuid, _>(key)
        .load(conn)?;
    let names = || {
        contract
            .columns
            .iter()
            .map(|column| column.name.name().to_owned())
    };
    let shown = rows.into_iter().map(|row| Version {
        starts: row.starts,
        ends: row.ends,
        values: names().zip(row.cells).collect(),
        load_id: row.load_id,
        line: row.line,
    });
    Ok(shown.collect())
}
