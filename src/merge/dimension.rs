//! Landed rows → versions of a slowly changing dimension.
//!
//! Rows that all hold from one instant, later than all that is known, are compared with the
//! current versions: a key that the table does not know gets its first version; one whose values
//! differ has its version closed and a new one opened, both at that instant; one whose values are
//! the same is not touched. By a snapshot, a key without a row is closed. All else, and the few
//! keys for which the current version does not tell enough, goes the general way, through
//! [`super::history`]. Comparison is by value, and NULL is a value.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Double, Text, Timestamptz};
use uuid::Uuid;

use super::counts::unsigned;
use super::guard::{self, Closes, Crowd};
use super::history::{self, Arrival, Event, Table};
use super::landing::{Line, taken_out};
use super::sql::{self, Refolded, Shape, Spoken};
use super::{MergeError, counts, held, ledger, manifest};
use crate::contract::{Contract, Deletes, History, Ident, Mode};
use crate::failpoint;
use crate::stage::reject::{Place, Reject, RejectKind};
use crate::stage::{Finding, Staged};
use crate::summary::Changes;

/// The rows of one file, landed, and what they are for.
pub(super) struct Landed<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) durable_key: &'a Ident,
    pub(super) history: &'a History,
    /// The fact tables whose rows may wait for these.
    pub(super) dependants: Vec<&'a Contract>,
    /// The instant of rows that have none of their own.
    pub(super) at: DateTime<Utc>,
    pub(super) load_id: i64,
    pub(super) staged: &'a Staged,
    /// The keys of rejected rows: a snapshot does not call them absent.
    pub(super) unread: Vec<Uuid>,
    pub(super) closes: &'a Closes,
    /// How many keys of each kind are told of one by one.
    pub(super) samples: usize,
}

/// What a load did to a dimension, and to the facts that waited for it.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) changes: Changes,
    pub(super) released: u64,
    /// Rows that came too late to be used.
    pub(super) findings: Vec<Finding>,
    /// Keys whose absence came too late to count.
    pub(super) withheld: Vec<Uuid>,
    pub(super) way: Way,
    spoken: Vec<Spoken>,
    /// What was done to some of the keys.
    pub(super) told: Vec<(Uuid, String)>,
}

/// Which way the rows went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// Compared with the current versions.
    InOrder,
    /// Each key's history was made anew from all that was said of it.
    Refold,
}

/// Whether keys that the file does not name are absent (semantics §5, §10.5). A row whose key
/// cannot be read could be anybody's, so then none is.
pub(super) fn closes_absent(history: &History, staged: &Staged) -> bool {
    history.mode == Mode::Snapshot
        && history.deletes == Deletes::Close
        && staged.unread.without_key == 0
}

/// The keys of rejected rows, those that only the database refused included.
pub(super) fn unread(staged: &Staged, refused: &[Finding]) -> Vec<Uuid> {
    let mut unread = staged.unread.keys.clone();
    if !refused.is_empty() {
        let refused = manifest::lines_of(refused);
        let rows = staged.rows.iter();
        let rows = rows.filter(|row| refused.contains(&row.place.line));
        unread.extend(rows.map(|row| row.key));
    }
    unread
}

impl Landed<'_> {
    /// Takes out the rows whose instants no load takes.
    pub(super) fn refuse_instants(
        &self,
        conn: &mut PgConnection,
    ) -> Result<Vec<Finding>, MergeError> {
        if !self.shape.own_instants() {
            return Ok(Vec::new());
        }
        let ahead = self.history.max_future;
        let mut findings = self.take_out(
            conn,
            sql::REMOVE_FUTURE,
            ahead,
            RejectKind::FutureInstant,
            "The row holds from a time in the future. Is the year mistyped? The contract's \
             max_future says how far ahead an instant may lie.",
        )?;
        if let Some(horizon) = self.history.horizon {
            findings.extend(self.take_out(
                conn,
                sql::REMOVE_TOO_LATE,
                horizon,
                RejectKind::TooLate,
                "The row holds from a time before the contract's horizon.",
            )?);
        }
        Ok(findings)
    }

    fn take_out(
        &self,
        conn: &mut PgConnection,
        statement: &str,
        limit: chrono::TimeDelta,
        kind: RejectKind,
        message: &str,
    ) -> Result<Vec<Finding>, MergeError> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a limit of days, in milliseconds"
        )]
        let seconds = limit.num_milliseconds() as f64 / 1000.0;
        let lines = sql_query(statement)
            .bind::<Double, _>(seconds)
            .load::<Line>(conn)?;
        taken_out(self.staged, &lines, |place| {
            Reject::of_row(place, kind, message)
        })
    }

    /// Brings the rows into the dimension.
    pub(super) fn apply(&self, conn: &mut PgConnection) -> Result<Applied, MergeError> {
        self.note_unread(conn)?;
        self.guard_closes(conn)?;
        let mut applied = if self.is_in_order(conn)? {
            self.compare(conn)?
        } else {
            self.refold(conn)?
        };
        failpoint!("merge::opened");
        applied.released = held::release(
            conn,
            self.shape.contract,
            self.durable_key,
            &self.dependants,
            &applied.spoken,
            self.at,
        )?;
        failpoint!("merge::released");
        Ok(applied)
    }

    fn table(&self) -> Table<'_> {
        Table::new(self.shape.contract, self.durable_key)
    }

    fn closes_absent(&self) -> bool {
        closes_absent(self.history, self.staged)
    }

    /// Whether all rows hold from one instant, after all that counts.
    fn is_in_order(&self, conn: &mut PgConnection) -> QueryResult<bool> {
        if self.shape.own_instants() {
            return Ok(false);
        }
        let latest = ledger::latest_instant(conn, &self.shape.contract.name)?;
        Ok(latest.is_none_or(|latest| latest < self.at))
    }

    // ---- in order ----------------------------------------------------------------------------

    fn compare(&self, conn: &mut PgConnection) -> Result<Applied, MergeError> {
        let (contract, durable_key) = (self.shape.contract, self.durable_key);
        let landed = counts::landed(conn)?;
        let touched = self.touch_doubtful(conn)?;
        let left = if touched == 0 {
            Refolded::None
        } else {
            Refolded::Some
        };
        sql_query(sql::find_changes(self.shape, durable_key, left)).execute(conn)?;
        let mut changes = count_changes(conn)?;
        close_changed(conn, contract, durable_key, self.at)?;
        failpoint!("merge::closed");
        open_new(conn, self.shape, durable_key, self.at, self.load_id)?;
        changes.unchanged = landed
            .saturating_sub(touched)
            .saturating_sub(changes.rows());
        let mut told = self.sample_changes(conn)?;
        if self.closes_absent() {
            told.extend(self.sample_absent(conn, self.samples)?);
            changes.closed_by_absence = self.close_absent(conn)?;
            failpoint!("merge::absent");
        }
        changes.deactivated = changes.updated + changes.closed_by_absence;
        assert_unbroken(conn, contract, durable_key)?;
        let mut findings = Vec::new();
        let mut withheld = Vec::new();
        let mut spoken = vec![Spoken::Change];
        if touched > 0 {
            spoken.push(Spoken::Touched);
            let refolded = self.refold_touched(conn, false)?;
            changes += refolded.changes;
            told.extend(refolded.told);
            findings = refolded.findings;
            withheld = refolded.withheld;
        }
        Ok(Applied {
            changes,
            released: 0,
            findings,
            withheld,
            way: Way::InOrder,
            spoken,
            told,
        })
    }

    /// Leaves keys to the refold for which the current version does not tell enough.
    fn touch_doubtful(&self, conn: &mut PgConnection) -> QueryResult<u64> {
        let contract = self.shape.contract;
        let unsure = ledger::unsure_columns(conn, contract, &self.shape.names())?;
        let unsure: Vec<&str> = unsure.iter().map(String::as_str).collect();
        let Some(statement) = sql::touch_doubtful(self.shape, self.durable_key, &unsure) else {
            return Ok(0);
        };
        sql_query(sql::CREATE_TOUCHED).execute(conn)?;
        let touched = sql_query(statement).execute(conn)?;
        Ok(touched as u64)
    }

    fn close_absent(&self, conn: &mut PgConnection) -> QueryResult<u64> {
        sql_query(sql::close_absent(self.shape.contract, self.durable_key))
            .bind::<Timestamptz, _>(self.at)
            .execute(conn)
            .map(|rows| rows as u64)
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

    // ---- all else ----------------------------------------------------------------------------

    fn refold(&self, conn: &mut PgConnection) -> Result<Applied, MergeError> {
        sql_query(sql::CREATE_TOUCHED).execute(conn)?;
        sql_query(sql::TOUCH_LANDED).execute(conn)?;
        if self.closes_absent() {
            sql_query(sql::touch_present(self.shape.contract, self.durable_key))
                .bind::<Timestamptz, _>(self.at)
                .execute(conn)?;
        }
        self.refold_touched(conn, self.closes_absent())
    }

    fn refold_touched(
        &self,
        conn: &mut PgConnection,
        closes_absent: bool,
    ) -> Result<Applied, MergeError> {
        sql_query("analyze pg_temp.hayloft_touched").execute(conn)?;
        let arrival = Arrival {
            shape: self.shape,
            at: self.at.timestamp_micros(),
            closes_absent,
            unread: &self.unread,
            history: self.history,
        };
        let event = Event::Comes;
        let refolded = history::refold(
            conn,
            &self.table(),
            event,
            self.load_id,
            Some(&arrival),
            self.samples,
        )?;
        let mut findings = Vec::new();
        for refused in [refolded.late, refolded.stale] {
            let lines = sql_query(include_str!("dimension/remove_lines.sql"))
                .bind::<Array<BigInt>, _>(&refused.lines)
                .load::<Line>(conn)?;
            findings.extend(taken_out(self.staged, &lines, |place: Place| {
                Reject::of_row(place, refused.kind, refused.message)
            })?);
        }
        if self.shape.own_instants() {
            sql_query(sql::OBSERVE)
                .bind::<BigInt, _>(self.load_id)
                .bind::<Timestamptz, _>(self.at)
                .bind::<Bool, _>(self.history.deletes == Deletes::Close)
                .execute(conn)?;
            failpoint!("merge::observed");
        }
        Ok(Applied {
            changes: refolded.changes,
            released: 0,
            findings,
            withheld: refolded.withheld,
            way: Way::Refold,
            spoken: vec![Spoken::Touched],
            told: refolded.told,
        })
    }

    // ---- the guard of closes -----------------------------------------------------------------

    fn note_unread(&self, conn: &mut PgConnection) -> QueryResult<()> {
        if self.closes_absent() {
            sql_query(sql::CREATE_UNREAD).execute(conn)?;
            sql_query(sql::NOTE_UNREAD)
                .bind::<Array<diesel::sql_types::Uuid>, _>(&self.unread)
                .execute(conn)?;
        }
        Ok(())
    }

    /// Compares what the absence of keys would close with what the contract allows, before
    /// anything is written.
    fn guard_closes(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        #[derive(QueryableByName)]
        struct Absent {
            #[diesel(sql_type = BigInt)]
            open: i64,
            #[diesel(sql_type = BigInt)]
            absent: i64,
        }
        if !self.closes_absent() || *self.closes != Closes::Guarded {
            return Ok(());
        }
        let absent: Absent = sql_query(sql::count_absent(self.shape.contract, self.durable_key))
            .bind::<Timestamptz, _>(self.at)
            .get_result(conn)?;
        let crowd = Crowd {
            rows: counts::landed(conn)?,
            open: unsigned(absent.open),
            would_close: unsigned(absent.absent),
        };
        let Some(mut breach) = guard::closes(&self.shape.contract.guards, crowd) else {
            return Ok(());
        };
        let sample = self.sample_absent(conn, 5)?;
        breach.sample = sample.into_iter().map(|(key, _)| key).collect();
        Err(MergeError::Closes(Box::new(breach)))
    }

    fn sample_absent(
        &self,
        conn: &mut PgConnection,
        samples: usize,
    ) -> QueryResult<Vec<(Uuid, String)>> {
        #[derive(QueryableByName)]
        struct Absent {
            #[diesel(sql_type = diesel::sql_types::Uuid)]
            key: Uuid,
        }
        if samples == 0 {
            return Ok(Vec::new());
        }
        let absent: Vec<Absent> =
            sql_query(sql::sample_absent(self.shape.contract, self.durable_key))
                .bind::<Timestamptz, _>(self.at)
                .bind::<BigInt, _>(limit(samples))
                .load(conn)?;
        let told = absent.into_iter();
        Ok(told
            .map(|absent| (absent.key, "closed_by_absence".to_owned()))
            .collect())
    }
}

fn limit(samples: usize) -> i64 {
    i64::try_from(samples).unwrap_or(i64::MAX)
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
    sql_query(sql::close_changed(contract, durable_key))
        .bind::<Timestamptz, _>(instant)
        .execute(conn)
        .map(|rows| rows as u64)
}

fn open_new(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    durable_key: &Ident,
    instant: DateTime<Utc>,
    load_id: i64,
) -> QueryResult<u64> {
    sql_query(sql::open_new(shape, durable_key))
        .bind::<Timestamptz, _>(instant)
        .bind::<BigInt, _>(load_id)
        .execute(conn)
        .map(|rows| rows as u64)
}

/// The indexes refuse two current versions and overlapping closed ones; what they cannot see is
/// asked here, of the touched keys, before anything is committed.
fn assert_unbroken(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
) -> Result<(), MergeError> {
    match counts::count(conn, &sql::count_broken(contract, durable_key))? {
        0 => Ok(()),
        keys => Err(MergeError::BrokenHistory {
            table: contract.name.clone(),
            keys,
        }),
    }
}
