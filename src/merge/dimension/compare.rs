//! Rows that hold from one instant, later than all that is known: against the current versions.
//!
//! All of it in sets; what did not change is not written.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use uuid::Uuid;

use super::way::{Joins, Way};
use super::{Applied, Delivered, Landed, Whereabouts, absent, limit};
use crate::contract::{Contract, Ident};
use crate::db::attempt::{self, Binds, Purpose, Rows};
use crate::db::prelude::*;
use crate::failpoint;
use crate::merge::counts::unsigned;
use crate::merge::sql::{self, Changed, Refolded, Spoken};
use crate::merge::{MergeError, brought, counts, landing, swallowed};
use crate::summary::Changes;

impl Delivered<'_> {
    /// Brings in what differs from the current versions, and closes what is absent.
    pub(super) fn compare(
        &self,
        conn: &mut PgConnection,
        landed: &Landed,
    ) -> Result<Applied, MergeError> {
        let mut applied = Applied::by(landed.way);
        let touched = match &landed.rows {
            Whereabouts::Here => {
                self.compare_sent(conn, landed, &mut applied)?;
                0
            }
            Whereabouts::Landed { rows, doubtful } => {
                self.compare_landed(conn, landed, *rows, doubtful.as_deref(), &mut applied)?
            }
        };
        failpoint!("merge::brought_in");
        if self.closes_absent {
            applied.told.extend(absent::sample(conn, self.samples)?);
            applied.changes.closed_by_absence = self.close_absent(conn)?;
            failpoint!("merge::absent");
        }
        applied.reach.changed = applied.changes.updated;
        applied.changes.deactivated = applied.changes.updated + applied.changes.closed_by_absence;
        if touched > 0 {
            applied.spoken.push(Spoken::Touched);
            let refolded = self.refold_touched(conn, false, &[])?;
            applied.changes += refolded.changes;
            applied.reach.changed += refolded.reach.changed;
            applied.reach.keys = refolded.reach.keys;
            applied.told.extend(refolded.told);
            applied.findings = refolded.findings;
            applied.withheld = refolded.withheld;
        }
        Ok(applied)
    }

    /// Sends the rows that are here: all, or what differs from the versions that are read.
    fn compare_sent(
        &self,
        conn: &mut PgConnection,
        landed: &Landed,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let sifted = match landed.way {
            Way::Sift => Some(Arc::new(self.sift_beside(conn, applied)?)),
            _ => None,
        };
        applied.changes.unchanged += sifted.as_ref().map_or(0, |sifted| sifted.same);
        applied.reach.open = sifted.as_ref().map(|sifted| sifted.open);
        self.guard_absent(conn, landed, sifted.as_deref())?;
        self.send_ahead(conn, sifted.as_ref(), applied)?;
        if sifted.is_some() {
            self.shared.plan_freely(conn)?;
        }
        if !applied.sent.is_empty() {
            applied.spoken.push(Spoken::Sent);
        }
        Ok(())
    }

    /// Brings in the landed rows, but for those that are left to the refold; returns how many are.
    fn compare_landed(
        &self,
        conn: &mut PgConnection,
        landed: &Landed,
        rows: u64,
        doubtful: Option<&str>,
        applied: &mut Applied,
    ) -> Result<u64, MergeError> {
        applied.reach.open = landed.sifted.as_ref().map(|sifted| sifted.open);
        self.guard_absent(conn, landed, landed.sifted.as_ref())?;
        applied.changes.unchanged += landed.sifted.as_ref().map_or(0, |sifted| sifted.same);
        if rows == 0 {
            return Ok(0);
        }
        let joins = Self::joins(landed.sifted.as_ref(), landed.way, rows);
        match joins {
            Joins::LookUp => self.shared.look_up(conn)?,
            Joins::Planned => landing::analyze(conn)?,
        }
        let touched = touch(conn, doubtful)?;
        self.bring_in_landed(conn, rows, touched, applied)?;
        self.shared.plan_freely(conn)?;
        Ok(touched)
    }

    /// Closes and opens the versions of the landed keys that are not left to a refold.
    fn bring_in_landed(
        &self,
        conn: &mut PgConnection,
        landed: u64,
        touched: u64,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let (contract, durable_key) = (self.shape.contract, self.durable_key);
        let left = if touched == 0 {
            Refolded::None
        } else {
            Refolded::Some
        };
        sql_query(sql::find_changes(self.shape, durable_key, left)).execute(conn)?;
        let loads = brought::loads(conn, sql::LOADS_OF_CHANGES)?;
        self.shared.vouch_for_loads(conn, contract, loads)?;
        let changes = count_changes(conn)?;
        let closed = close_changed(conn, contract, durable_key, self.at)?;
        swallowed::vouch(conn, contract, changes.updated, closed)?;
        let opened = open_new(conn, contract, durable_key, self.at, self.load_id)?;
        swallowed::vouch(conn, contract, changes.rows(), opened)?;
        self.assert_as_told(conn, left)?;
        assert_unbroken(conn, contract, durable_key)?;
        applied.changes += changes;
        applied.changes.unchanged += landed
            .saturating_sub(touched)
            .saturating_sub(changes.rows());
        applied.told = self.sample_changes(conn)?;
        applied.spoken.push(Spoken::Change);
        Ok(())
    }

    /// Where a trigger may make something else of what was written: finds that the same rows would
    /// change nothing now.
    fn assert_as_told(&self, conn: &mut PgConnection, left: Refolded) -> Result<(), MergeError> {
        let contract = self.shape.contract;
        if self.shared.keeps_rows_as_told(conn, contract)? {
            return Ok(());
        }
        let statement = sql::count_landed_changes(self.shape, self.durable_key, left);
        swallowed::vouch_for_values(conn, contract, &statement)
    }

    /// The statement that leaves keys to the refold for which the current version does not tell
    /// enough, where there can be such.
    pub(super) fn doubtful(&self, conn: &mut PgConnection) -> QueryResult<Option<String>> {
        let contract = self.shape.contract;
        let unsure = self
            .shared
            .unsure_columns(conn, contract, &self.shape.ids())?;
        let unsure: Vec<&str> = unsure.iter().map(String::as_str).collect();
        Ok(sql::touch_doubtful(self.shape, self.durable_key, &unsure))
    }

    fn sample_changes(&self, conn: &mut PgConnection) -> QueryResult<Vec<(Uuid, String)>> {
        #[derive(QueryableByName)]
        struct Told {
            #[diesel(sql_type = diesel::sql_types::Uuid)]
            key: Uuid,
            #[diesel(sql_type = Text)]
            action: String,
        }
        if self.samples == 0 {
            return Ok(Vec::new());
        }
        let told: Vec<Told> = sql_query(sql::SAMPLE_CHANGES)
            .bind::<BigInt, _>(limit(self.samples))
            .load(conn)?;
        Ok(told
            .into_iter()
            .map(|told| (told.key, told.action))
            .collect())
    }
}

/// Lists the landed keys that are left to the refold; returns how many they are.
fn touch(conn: &mut PgConnection, doubtful: Option<&str>) -> QueryResult<u64> {
    let Some(statement) = doubtful else {
        return Ok(0);
    };
    sql_query(sql::CREATE_TOUCHED).execute(conn)?;
    let touched = sql_query(statement).execute(conn)?;
    Ok(touched as u64)
}

fn count_changes(conn: &mut PgConnection) -> QueryResult<Changes> {
    #[derive(QueryableByName)]
    struct Counts {
        #[diesel(sql_type = BigInt)]
        inserted: i64,
        #[diesel(sql_type = BigInt)]
        reopened: i64,
        #[diesel(sql_type = BigInt)]
        updated: i64,
    }
    let counts: Counts = sql_query(sql::COUNT_CHANGES).get_result(conn)?;
    Ok(Changes {
        inserted: unsigned(counts.inserted),
        reopened: unsigned(counts.reopened),
        updated: unsigned(counts.updated),
        ..Changes::default()
    })
}

fn close_changed(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
    instant: DateTime<Utc>,
) -> QueryResult<u64> {
    let statement = sql::close_changed(contract, durable_key);
    attempt::write(conn, Purpose::Close, &statement, Binds::Instant(instant))
}

fn open_new(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
    instant: DateTime<Utc>,
    load_id: i64,
) -> QueryResult<u64> {
    let statement = sql::open_new(contract, durable_key);
    attempt::write(
        conn,
        Purpose::Write(Rows::Change),
        &statement,
        Binds::Load(instant, load_id),
    )
}

fn assert_unbroken(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
) -> Result<(), MergeError> {
    let statement = sql::count_broken(contract, durable_key, Changed::Found);
    MergeError::unless_unbroken(&contract.name, counts::count(conn, &statement)?)
}
