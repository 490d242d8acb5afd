//! A second session looks rows up, while this one writes: all rows, where they are few for their
//! table, or those of which it turned out, when all of it had been read, that they differ.
//!
//! To look a row up is a third of what it takes to bring it in, and needs nothing of what is written
//! before: each key has one row. So the second session is always some hundred rows ahead, and what it
//! has read is in the processor's cache when this one comes to write there. Where there is no second
//! session, or it is lost or stands still, this one does both.
//!
//! Whether the versions of a key fit together is asked there, too, as the session that writes would take
//! a tenth longer if it asked that itself.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::Builder;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Timestamptz};

use super::beside::{export_snapshot, reader_of};
use super::send::{BATCH, Batch, Sender, Version, elements, keys_of};
use super::sift::Sifted;
use super::{Applied, Delivered};
use crate::contract::{ColumnType, Precision};
use crate::db::Prepare;
use crate::db::array::{ArrayOfElements, Elements};
use crate::db::prelude::*;
use crate::db::second::Lender;
use crate::failpoint;
use crate::merge::MergeError;
use crate::merge::counts::unsigned;
use crate::merge::shared::LOOK_UP;
use crate::merge::sql;
use crate::stage::Held;
use crate::wire;

/// How many batches may be looked up before they are written. With more, the processor forgets what
/// was read.
const AHEAD: usize = 2;

/// How many rows go as they are: by then the second session is there. Where there are no more, it is
/// not asked.
const FIRST: usize = BATCH;

/// How long the next batch is waited for. To look one up takes some milliseconds, or some hundred if
/// every row has to come from a slow disk. Only a pooler that has no connection left takes longer.
const PATIENCE: Duration = Duration::from_secs(1);

impl Delivered<'_> {
    /// Sends rows, as [`Delivered::send`] does, with two sessions if there are two.
    pub(super) fn send_ahead(
        &self,
        conn: &mut PgConnection,
        sifted: Option<&Arc<Sifted>>,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let Some(reader) = self.reader_ahead(conn, sifted)? else {
            return self.send(conn, sifted.map(Arc::as_ref), applied);
        };
        let rows = reader.rows.clone();
        let (looked_up, taken) = mpsc::sync_channel(AHEAD);
        // Left to itself: nobody could wake it where it waits for a pooler. If it does not begin, it
        // ends, as far as the other end can tell.
        let _ = Builder::new().spawn(move || reader.look_ahead(&looked_up));
        self.send_beside_reader(conn, &rows, &taken, applied)
    }

    /// Who looks the rows up, if there is a second session; if the file says all that a version needs,
    /// as what held before in columns that it does not name is known only where it is read; and if what
    /// comes of the table's versions can be told from what is written to them. What this session has
    /// written so far the other one does not see; it is of other keys.
    fn reader_ahead(
        &self,
        conn: &mut PgConnection,
        sifted: Option<&Arc<Sifted>>,
    ) -> QueryResult<Option<Reader>> {
        let (Some(second), Some(rows)) = (self.second, self.staged.rows.held()) else {
            return Ok(None);
        };
        let Some(rows) = ToSend::new(rows, sifted) else {
            return Ok(None);
        };
        let as_told = self.shared.keeps_rows_as_told(conn, self.shape.contract)?;
        if self.shape.has_silent() || !as_told {
            return Ok(None);
        }
        let Some(snapshot) = export_snapshot(conn)? else {
            return Ok(None);
        };
        let begin = sql::begin_reading(self.shape.contract, &snapshot);
        Ok(Some(Reader {
            lender: second.lender(),
            begin: format!("{begin};\n{LOOK_UP}"),
            look_up: sql::find_sent(self.shape, self.durable_key),
            at: self.at,
            rows,
            empty: Batch::new(self.shape),
        }))
    }

    /// Brings in what the other session finds, and without it the first rows and those that it leaves.
    fn send_beside_reader(
        &self,
        conn: &mut PgConnection,
        rows: &ToSend,
        looked_up: &Receiver<LookedUp>,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let statement = sql::bring_in_found(self.shape, self.durable_key);
        let mut sender = Sender::begin(self, conn, applied)?;
        let mut done = rows.first;
        sender.push_all(&rows.held, rows.within(0..done))?;
        sender.flush()?;
        while let Ok(next) = looked_up.recv_timeout(PATIENCE) {
            self.bring_in_looked_up(&mut sender, &statement, &next)?;
            done = next.end;
            failpoint!("merge::ahead");
        }
        sender.push_all(&rows.held, rows.within(done..rows.end()))?;
        sender.finish()
    }

    /// Brings rows in, if what was found out about them is so still.
    fn bring_in_looked_up(
        &self,
        sender: &mut Sender<'_, '_>,
        statement: &str,
        looked_up: &LookedUp,
    ) -> Result<(), MergeError> {
        sender.vouch_for_loads(&looked_up.versions)?;
        if !looked_up.versions.is_empty() {
            let statement = sql_query(statement)
                .into_boxed()
                .bind::<Timestamptz, _>(self.at)
                .bind::<BigInt, _>(self.load_id)
                .bind::<ArrayOfElements, _>(&looked_up.known)
                .bind::<ArrayOfElements, _>(&looked_up.starts)
                .bind::<ArrayOfElements, _>(&looked_up.current)
                .bind::<ArrayOfElements, _>(&looked_up.numbers);
            let statement = looked_up.batch.bound(statement);
            let written: Written = statement.prepared().get_result(sender.conn)?;
            self.assert_written(&written, looked_up)?;
        }
        sender.count(looked_up.rows, &looked_up.versions);
        sender.assert_unbroken(&looked_up.unsure)
    }

    /// Each key got one open version, and had the current one closed that was found, if one was.
    fn assert_written(&self, written: &Written, looked_up: &LookedUp) -> Result<(), MergeError> {
        let table = &self.shape.contract.name;
        if unsigned(written.closed) != looked_up.known.len() {
            let table = table.clone();
            return Err(MergeError::WrittenMeanwhile { table });
        }
        let wanted = looked_up.versions.len() as u64;
        MergeError::unless_unbroken(table, wanted.saturating_sub(unsigned(written.opened)))
    }
}

/// How many versions a statement wrote.
#[derive(QueryableByName)]
struct Written {
    #[diesel(sql_type = BigInt)]
    closed: i64,
    #[diesel(sql_type = BigInt)]
    opened: i64,
}

/// The rows that are to be sent: all of the file, or those that are left.
#[derive(Clone)]
struct ToSend {
    held: Arc<Held>,
    sifted: Option<Arc<Sifted>>,
    /// Where the first of them stands that is looked up ahead.
    first: usize,
}

impl ToSend {
    /// `None` if none of them is to be looked up ahead.
    fn new(held: &Arc<Held>, sifted: Option<&Arc<Sifted>>) -> Option<Self> {
        let all = Self {
            held: Arc::clone(held),
            sifted: sifted.map(Arc::clone),
            first: 0,
        };
        let first = all.within(0..all.end()).nth(FIRST)?;
        Some(Self { first, ..all })
    }

    /// The position behind the last one.
    fn end(&self) -> usize {
        self.held.len()
    }

    /// Where those stand that lie between these positions.
    fn within(&self, positions: Range<usize>) -> impl Iterator<Item = usize> {
        let sifted = self.sifted.as_ref();
        positions.filter(move |it| sifted.is_none_or(|sifted| sifted.is_left(*it)))
    }
}

/// Who looks rows up.
struct Reader {
    lender: Lender,
    /// Begins to see what the load sees, but for what it wrote itself.
    begin: String,
    /// Finds which rows get a version.
    look_up: String,
    at: DateTime<Utc>,
    rows: ToSend,
    empty: Batch,
}

impl Reader {
    /// Looks rows up, batch by batch, until it cannot go on or nobody wants to know.
    fn look_ahead(&self, looked_up: &SyncSender<LookedUp>) {
        let mut from = self.rows.first;
        while from < self.rows.end() {
            let Some(next) = self.look_up(from) else {
                return;
            };
            from = next.end;
            if looked_up.send(next).is_err() {
                return;
            }
        }
    }

    /// Looks up as many rows as go with one statement; `None` if that cannot be done.
    fn look_up(&self, from: usize) -> Option<LookedUp> {
        let mut batch = self.empty.clone();
        let mut positions = self.rows.within(from..self.rows.end());
        while !batch.is_full()
            && let Some(position) = positions.next()
        {
            batch.push(&self.rows.held.get(position)?).ok()?;
        }
        let end = positions.next().unwrap_or(self.rows.end());
        let mut reader = reader_of(&self.lender, &self.begin)?;
        let statement = sql_query(self.look_up.as_str())
            .into_boxed()
            .bind::<Timestamptz, _>(self.at);
        let statement = batch.bound(statement);
        let found = statement.prepared().load(&mut reader.conn).ok()?;
        reader.conn.batch_execute("commit").ok()?;
        // So that it can have the log written, until the next batch.
        reader.give_back();
        self.looked_up(from..end, batch.rows, found).ok()
    }

    /// Puts together what [`Delivered::bring_in_looked_up`] takes.
    fn looked_up(
        &self,
        positions: Range<usize>,
        rows: usize,
        mut found: Vec<Differing>,
    ) -> io::Result<LookedUp> {
        let mut numbers = elements(&ColumnType::Int4);
        let mut known = elements(&ColumnType::Uuid);
        let mut starts = elements(&ColumnType::TimestampTz(Precision::MICROS));
        let mut current = elements(&ColumnType::Int4);
        let mut batch = self.empty.clone();
        // The order of the rows, too.
        found.sort_unstable_by_key(|it| it.version.key);
        let unsure = keys_of(found.iter().filter(|it| !it.fit).map(|it| &it.version));
        let versions: Vec<Version> = found.into_iter().map(|it| it.version).collect();
        let mut unmet = versions.iter().peekable();
        let looked_up = self.rows.within(positions.clone());
        for row in looked_up.filter_map(|it| self.rows.held.get(it)) {
            let Some(version) = unmet.next_if(|version| version.key == row.key) else {
                continue;
            };
            batch.push(&row)?;
            numbers.push(|out| wire::put_int4(out, version.number));
            if let Some(start) = version.start {
                known.push(|out| wire::put_uuid(out, version.key));
                starts.push(|out| wire::put_int8(out, start.0));
                current.push(|out| wire::put_int4(out, version.number - 1));
            }
        }
        // One that met no row would be counted and not written.
        if unmet.next().is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(LookedUp {
            end: positions.end,
            rows,
            versions,
            numbers,
            batch,
            known,
            starts,
            current,
            unsure,
        })
    }
}

/// A row that gets a version.
#[derive(QueryableByName)]
struct Differing {
    #[diesel(embed)]
    version: Version,
    /// Whether its key has no version yet, or some that fit together and still do with this one.
    #[diesel(sql_type = Bool)]
    fit: bool,
}

/// What was found out about some rows.
struct LookedUp {
    /// Where the next row stands, behind them.
    end: usize,
    /// How many they are.
    rows: usize,
    /// The versions that some of them get.
    versions: Vec<Version>,
    /// The numbers of these.
    numbers: Elements,
    /// These rows.
    batch: Batch,
    /// Of those keys among them that have a current version: the keys, when that began, and its number.
    known: Elements,
    starts: Elements,
    current: Elements,
    /// The keys of which it is to be asked, once they are written, whether their versions fit together.
    unsure: Elements,
}
