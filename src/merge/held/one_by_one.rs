//! Lets in held facts of which some are refused by a rule of their table: those stay held, with the
//! reason, and the others go in.

use std::iter;
use std::ops::Range;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};

use super::{Admitted, let_in};
use crate::contract::{Contract, TableName};
use crate::db::attempt::{self, RuleBreach};
use crate::db::prelude::*;
use crate::db::transaction;
use crate::merge::counts::{self, signed};
use crate::merge::deferred::Deferred;
use crate::merge::offenders::halves::{self, Attempt, Judge, Search};
use crate::merge::{MergeError, sql};

/// Lets in those of the met facts that the table takes.
pub(super) fn let_in_one_by_one(
    conn: &mut PgConnection,
    fact: &Contract,
    dimension: &TableName,
    instant: DateTime<Utc>,
) -> Result<Admitted, MergeError> {
    conn.batch_execute(attempt::PREPARE)?;
    let before = count(conn, fact)?;
    conn.batch_execute(include_str!("waiting.sql"))?;
    let waiting = counts::count(
        conn,
        "select count(*) as count from pg_temp.hayloft_waiting",
    )?;
    let deferred = Deferred::of(conn, iter::once(fact))?;
    let mut letting_in = HeldTrial {
        conn,
        deferred,
        fact,
        dimension,
        instant,
        refused: 0,
    };
    halves::search(waiting, &mut letting_in)?;
    let refused = letting_in.refused;
    conn.batch_execute("drop table pg_temp.hayloft_waiting")?;
    Ok(Admitted {
        released: before.saturating_sub(count(conn, fact)?),
        refused,
    })
}

fn count(conn: &mut PgConnection, fact: &Contract) -> QueryResult<u64> {
    let count: counts::Count = sql_query(include_str!("count.sql"))
        .bind::<Text, _>(fact.name.as_str())
        .get_result(conn)?;
    Ok(count.get())
}

struct HeldTrial<'t> {
    conn: &'t mut PgConnection,
    /// What the table of the facts checks at the commit.
    deferred: Deferred,
    fact: &'t Contract,
    dimension: &'t TableName,
    instant: DateTime<Utc>,
    /// Those that stay held.
    refused: u64,
}

impl HeldTrial<'_> {
    fn try_turns(&mut self, turns: &Range<u64>) -> Result<Option<RuleBreach>, MergeError> {
        let (fact, dimension, instant) = (self.fact, self.dimension, self.instant);
        let deferred = &self.deferred;
        let conn = &mut *self.conn;
        let (done, caught) = attempt::catching(|| {
            transaction(conn, |conn| {
                sql_query(include_str!("choose.sql"))
                    .bind::<BigInt, _>(signed(turns.start))
                    .bind::<BigInt, _>(signed(turns.end))
                    .execute(conn)?;
                sql_query(sql::FORGET_MET)
                    .bind::<Text, _>(fact.name.as_str())
                    .bind::<Text, _>(dimension.as_str())
                    .execute(conn)?;
                let_in(conn, fact, instant)?;
                deferred.check(conn)?;
                conn.batch_execute("truncate pg_temp.hayloft_met")?;
                Ok::<_, MergeError>(())
            })
        });
        match caught {
            Some((_, breach)) => Ok(Some(breach)),
            None => done.map(|()| None),
        }
    }
}

impl Judge for HeldTrial<'_> {
    type Error = MergeError;

    fn attempt(&mut self, turns: Range<u64>) -> Result<Attempt, MergeError> {
        let refused = self.try_turns(&turns)?;
        Ok(if refused.is_some() {
            Attempt::Refused
        } else {
            Attempt::Taken
        })
    }

    fn one(&mut self, turn: u64) -> Result<Search, MergeError> {
        if let Some(breach) = self.try_turns(&(turn..turn + 1))? {
            self.refused += 1;
            sql_query(include_str!("keep.sql"))
                .bind::<Text, _>(self.fact.name.as_str())
                .bind::<BigInt, _>(signed(turn))
                .bind::<Text, _>(breach.sentence())
                .execute(self.conn)?;
        }
        Ok(Search::GoOn)
    }
}
