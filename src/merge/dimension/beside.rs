//! A second session reads the current versions, while this one writes.
//!
//! What the load said of whom is written down meanwhile; and rows of which it turns out that they
//! differ are sent while the rest of the table is still being read, as many as this session keeps up
//! with. So both cores of the server have something to do.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, Builder};

use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::sift::{Sifted, sift_held};
use super::{Applied, Delivered};
use crate::db::prelude::*;
use crate::db::second::{Lender, Lent};
use crate::failpoint;
use crate::merge::MergeError;
use crate::merge::sql::{self, Order, Snapshot};
use crate::stage::Held;

/// How many rows are passed on together, and how many such portions may wait: what is written while
/// as many again are found. The others are sent when all has been read: then there are two sessions
/// for that, and it goes through the indexes in their order.
const PORTION: usize = 1 << 9;
const PORTIONS: usize = 1;

/// Positions of rows that may differ from the current version of their key, on their way to whoever
/// sends them.
pub(super) struct Found {
    portion: Vec<usize>,
    sender: SyncSender<Vec<usize>>,
}

impl Found {
    /// Where they are taken up, at the other end.
    fn channel() -> (Self, Receiver<Vec<usize>>) {
        let (sender, receiver) = mpsc::sync_channel(PORTIONS);
        let found = Self {
            portion: Vec::new(),
            sender,
        };
        (found, receiver)
    }

    /// Passes a position on, unless as many wait as may.
    pub(super) fn takes(&mut self, position: usize) -> io::Result<bool> {
        if self.portion.len() == PORTION && !self.passes_on()? {
            return Ok(false);
        }
        self.portion.push(position);
        Ok(true)
    }

    /// Passes on what has come together, if that does not have to wait.
    fn passes_on(&mut self) -> io::Result<bool> {
        match self.sender.try_send(std::mem::take(&mut self.portion)) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(portion)) => {
                self.portion = portion;
                Ok(false)
            }
            Err(TrySendError::Disconnected(_)) => Err(not_sent()),
        }
    }

    /// Passes on what has come together, and no more after it.
    pub(super) fn finish(self) -> io::Result<()> {
        if self.portion.is_empty() {
            return Ok(());
        }
        self.sender.send(self.portion).map_err(|_| not_sent())
    }
}

fn not_sent() -> io::Error {
    io::Error::other("the rows that differ could not be sent")
}

impl Delivered<'_> {
    /// Compares the rows with the current versions as [`Delivered::sift`] does, with two sessions if
    /// there are two and with this one otherwise.
    pub(super) fn sift_beside(
        &self,
        conn: &mut PgConnection,
        applied: &mut Applied,
    ) -> Result<Sifted, MergeError> {
        let Some(rows) = self.staged.rows.held() else {
            return self.sift(conn);
        };
        let Some(mut reader) = self.reader(conn)? else {
            return self.sift(conn);
        };
        let (found, taken) = Found::channel();
        // What would be closed for its absence has to be counted before any version is opened.
        let sieve = self.sieve((!self.closes_absent).then_some(found));
        let query = self.read_current(Order::Any);
        let read = || {
            let sifted = sift_held(&mut reader.conn, &query, rows, sieve)?;
            // What it has read it has read.
            if reader.conn.batch_execute("commit").is_ok() {
                reader.give_back();
            }
            Ok::<_, MergeError>(sifted)
        };
        thread::scope(|scope| {
            let reading = Builder::new().spawn_scoped(scope, read);
            let reading = reading.map_err(MergeError::Unreadable)?;
            let written = self.write_meanwhile(conn, rows, &taken, applied);
            // Or else a reader that has found all would wait for ever.
            drop(taken);
            let sifted = reading.join().unwrap_or_else(|panic| resume_unwind(panic));
            // Where this fails, the reading may fail as well, and only says that it had to end.
            written?;
            sifted
        })
    }

    fn write_meanwhile(
        &self,
        conn: &mut PgConnection,
        rows: &Held,
        found: &Receiver<Vec<usize>>,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        self.write_manifest(conn, applied)?;
        failpoint!("merge::beside");
        self.send_found(conn, rows, found, applied)
    }

    /// The second session, which sees what this one sees: this one holds the lock of the table and has
    /// not written to it yet.
    fn reader(&self, conn: &mut PgConnection) -> QueryResult<Option<Lent>> {
        let Some(second) = self.second else {
            return Ok(None);
        };
        let Some(snapshot) = export_snapshot(conn)? else {
            return Ok(None);
        };
        let begin = sql::begin_reading(self.shape.contract, &snapshot);
        Ok(reader_of(&second.lender(), &begin))
    }
}

/// The second session in a transaction of [`sql::begin_reading`], if it need not wait for the table:
/// nobody would find out that it waits for somebody who waits for this load.
pub(super) fn reader_of(lender: &Lender, begin: &str) -> Option<Lent> {
    let mut reader = lender.lend()?;
    if reader.conn.batch_execute(begin).is_ok() {
        return Some(reader);
    }
    if reader.conn.batch_execute("rollback").is_ok() {
        reader.give_back();
    }
    None
}

/// Lets another session see what this one sees, but for what it wrote itself, until the end of its
/// transaction.
pub(super) fn export_snapshot(conn: &mut PgConnection) -> QueryResult<Option<Snapshot>> {
    let exported: Exported = sql_query("select pg_export_snapshot() as name").get_result(conn)?;
    Ok(Snapshot::new(exported.name))
}

/// The name of what a session sees.
#[derive(QueryableByName)]
struct Exported {
    #[diesel(sql_type = Text)]
    name: String,
}
