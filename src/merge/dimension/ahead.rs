//! A second session looks rows up, while this one writes.
//!
//! To look a row up is a third of what it takes to bring it in, and needs nothing of what is written
//! before: each key has one row. So the second session is always some hundred rows ahead, and what it
//! has read is in the processor's cache when this one comes to write there. Where there is no second
//! session, or it is lost on the way, this one does both.

use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, Builder};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Timestamptz};

use super::beside::{export_snapshot, reader_of};
use super::send::{BATCH, Batch, Sender, Version, elements};
use super::{Applied, Delivered};
use crate::contract::ColumnType;
use crate::db::array::{ArrayOfElements, Elements};
use crate::db::{Prepare, SecondSession};
use crate::failpoint;
use crate::merge::MergeError;
use crate::merge::shared::LOOK_UP;
use crate::merge::sql::{self, Shape, Snapshot};
use crate::stage::Held;
use crate::wire;

/// How many batches may be looked up before they are written. With more, the processor forgets what
/// was read.
const AHEAD: usize = 2;

/// How many rows go as they are: by then the second session is there.
const FIRST: usize = BATCH;

impl Delivered<'_> {
    /// Sends all rows, as [`Delivered::send`] does, with two sessions if there are two.
    pub(super) fn send_ahead(
        &self,
        conn: &mut PgConnection,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let Some(reader) = self.reader_ahead(conn)? else {
            return self.send(conn, None, applied);
        };
        let rows = reader.rows;
        let (found, taken) = mpsc::sync_channel(AHEAD);
        thread::scope(|scope| {
            let read = move || reader.look_ahead(&found);
            let reading = Builder::new().spawn_scoped(scope, read);
            let reading = reading.map_err(MergeError::Unreadable)?;
            let sent = self.send_beside_reader(conn, rows, &taken, applied);
            // Or else a reader that is further ahead would wait for ever.
            drop(taken);
            reading.join().unwrap_or_else(|panic| resume_unwind(panic));
            sent
        })
    }

    /// Who looks the rows up, if there is a second session, and the file says all that a version needs:
    /// what held before in columns that it does not name is known only where it is read.
    fn reader_ahead(&self, conn: &mut PgConnection) -> QueryResult<Option<Reader<'_>>> {
        let (Some(second), Some(rows)) = (self.second, self.staged.rows.held()) else {
            return Ok(None);
        };
        if self.shape.has_silent() {
            return Ok(None);
        }
        let snapshot = export_snapshot(conn)?;
        Ok(snapshot.map(|snapshot| Reader {
            second,
            snapshot,
            shape: self.shape,
            statement: sql::find_sent(self.shape, self.durable_key),
            rows,
        }))
    }

    /// Brings in what the other session finds, and without it the first rows and those that it leaves.
    fn send_beside_reader(
        &self,
        conn: &mut PgConnection,
        rows: &Held,
        found: &Receiver<Found>,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let statement = sql::bring_in_found(self.shape, self.durable_key);
        let mut sender = Sender::begin(self, conn, applied)?;
        let mut done = FIRST.min(rows.len());
        for row in (0..done).filter_map(|position| rows.get(position)) {
            sender.push(&row)?;
        }
        sender.flush()?;
        for next in found {
            self.bring_in_found(&mut sender, &statement, &next)?;
            done = next.rows.end;
            failpoint!("merge::ahead");
        }
        for row in (done..rows.len()).filter_map(|position| rows.get(position)) {
            sender.push(&row)?;
        }
        sender.finish()
    }

    fn bring_in_found(
        &self,
        sender: &mut Sender<'_, '_>,
        statement: &str,
        found: &Found,
    ) -> Result<(), MergeError> {
        if !found.versions.is_empty() {
            let statement = sql_query(statement)
                .into_boxed()
                .bind::<Timestamptz, _>(self.at)
                .bind::<BigInt, _>(self.load_id)
                .bind::<ArrayOfElements, _>(&found.known)
                .bind::<ArrayOfElements, _>(&found.starts)
                .bind::<ArrayOfElements, _>(&found.numbers);
            let statement = found.batch.bound(statement);
            statement.prepared().run(sender.conn)?;
        }
        sender.settle(found.rows.len(), &found.versions)
    }
}

/// Who looks rows up.
struct Reader<'a> {
    second: &'a SecondSession,
    snapshot: Snapshot,
    shape: Shape<'a>,
    /// That finds which rows get a version.
    statement: String,
    rows: &'a Held,
}

impl Reader<'_> {
    /// Looks rows up, batch by batch, until it cannot go on or nobody wants to know.
    fn look_ahead(&self, found: &SyncSender<Found>) {
        let mut from = FIRST;
        while from < self.rows.len() {
            let Some(next) = self.look_up(from) else {
                return;
            };
            from = next.rows.end;
            if found.send(next).is_err() {
                return;
            }
        }
    }

    /// Looks up as many rows as go with one statement; `None` if that cannot be done.
    fn look_up(&self, from: usize) -> Option<Found> {
        let mut batch = Batch::new(self.shape);
        while !batch.is_full()
            && let Some(row) = self.rows.get(from + batch.rows)
        {
            batch.push(&row).ok()?;
        }
        let mut reader = reader_of(self.second, self.shape.contract, &self.snapshot)?;
        reader.conn.batch_execute(LOOK_UP).ok()?;
        let statement = batch.bound(sql_query(self.statement.as_str()).into_boxed());
        let versions = statement.prepared().load(&mut reader.conn).ok()?;
        reader.conn.batch_execute("commit").ok()?;
        // So that it can have the log written, until the next batch.
        reader.give_back();
        Found::new(self.shape, self.rows, from..from + batch.rows, versions).ok()
    }
}

/// What was found out about some rows.
struct Found {
    /// Their positions.
    rows: Range<usize>,
    /// The versions that some of them get.
    versions: Vec<Version>,
    /// The numbers of these.
    numbers: Elements,
    /// These rows.
    batch: Batch,
    /// Of those keys among them that have a current version: the keys, and when that began.
    known: Elements,
    starts: Elements,
}

impl Found {
    fn new(
        shape: Shape<'_>,
        rows: &Held,
        positions: Range<usize>,
        mut versions: Vec<Version>,
    ) -> io::Result<Self> {
        let mut numbers = elements(&ColumnType::Int4);
        let mut known = elements(&ColumnType::Uuid);
        let mut starts = elements(&ColumnType::TimestampTz);
        let mut batch = Batch::new(shape);
        // The order of the rows, too.
        versions.sort_unstable_by_key(|version| version.key);
        let mut unmet = versions.iter().peekable();
        for row in positions.clone().filter_map(|position| rows.get(position)) {
            let Some(version) = unmet.next_if(|version| version.key == row.key) else {
                continue;
            };
            batch.push(&row)?;
            numbers.push(|out| wire::put_int4(out, version.number));
            if let Some(start) = version.start {
                known.push(|out| wire::put_uuid(out, version.key));
                starts.push(|out| wire::put_micros(out, start.timestamp_micros()));
            }
        }
        Ok(Self {
            rows: positions,
            versions,
            numbers,
            batch,
            known,
            starts,
        })
    }
}
