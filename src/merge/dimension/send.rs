//! Rows that are sent with the statement that brings them in.
//!
//! A table for them to land in would have to be made and dropped, which costs more than a small file
//! does otherwise. So they go as arrays, some hundred at a time: each key has one row, so the
//! batches have nothing to do with each other. In the order of the keys, each is looked up by index.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::Receiver;

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Integer, Nullable, Timestamptz};
use uuid::Uuid;

use super::sift::Sifted;
use super::{Applied, Delivered};
use crate::contract::ColumnType;
use crate::db::Prepare;
use crate::db::array::{ArrayOfElements, Elements};
use crate::db::prelude::*;
use crate::merge::counts::{self, signed, unsigned};
use crate::merge::sql::{self, Changed, Shape};
use crate::merge::{MergeError, swallowed};
use crate::stage::{Held, Row};
use crate::wire;

/// How many rows go with one statement, and after how many bytes no more are added. Enough to make
/// its own cost small, and so few that what a look-up has read is still in the processor's cache when
/// the versions are closed, opened and checked: with 8,192 rows, these take a sixth longer. The
/// server takes no message of 1 GiB.
pub(super) const BATCH: usize = 1 << 9;
const BATCH_BYTES: usize = 4 << 20;

/// What was done to a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Action {
    Inserted,
    Reopened,
    Updated,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Reopened => "reopened",
            Self::Updated => "updated",
        }
    }
}

/// The version that a key gets.
#[derive(QueryableByName)]
pub(super) struct Version {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub(super) key: Uuid,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Integer)]
    pub(super) number: i32,
    /// When the one before began that is current until now, if there is one: any instant that a
    /// table can hold, be it an infinite one.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(super) start: Option<PgTimestamp>,
    /// The load that the last one before is of, if there is one.
    #[diesel(sql_type = Nullable<BigInt>)]
    load_id: Option<i64>,
}

impl Version {
    fn action(&self) -> Action {
        match (self.start, self.number) {
            (Some(_), _) => Action::Updated,
            (None, 1) => Action::Inserted,
            (None, _) => Action::Reopened,
        }
    }

    /// Whether the key had versions before.
    fn has_older(&self) -> bool {
        self.start.is_some() || self.number > 1
    }
}

/// A version that was brought in, and how many the statement closed and opened.
#[derive(QueryableByName)]
struct BroughtIn {
    #[diesel(embed)]
    version: Version,
    #[diesel(sql_type = BigInt)]
    closed: i64,
    #[diesel(sql_type = BigInt)]
    opened: i64,
}

/// The keys that get these versions.
pub(super) fn keys_of<'v>(versions: impl Iterator<Item = &'v Version>) -> Elements {
    let mut keys = elements(&ColumnType::Uuid);
    for version in versions {
        keys.push(|out| wire::put_uuid(out, version.key));
    }
    keys
}

impl Delivered<'_> {
    /// Sends the rows, but for those of which it is known that they need not be sent.
    pub(super) fn send(
        &self,
        conn: &mut PgConnection,
        sifted: Option<&Sifted>,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let is_left = |position: usize| sifted.is_none_or(|sifted| sifted.is_left(position));
        if sifted.is_some_and(|sifted| sifted.left == 0) {
            return Ok(());
        }
        let mut sender = Sender::begin(self, conn, applied)?;
        let mut rows = self.staged.rows.in_order();
        while let Some(row) = rows.next_wanted(is_left).map_err(MergeError::Unreadable)? {
            sender.push(&row)?;
        }
        sender.finish()
    }

    /// Sends the rows at these positions as they become known, as many together as are known.
    pub(super) fn send_found(
        &self,
        conn: &mut PgConnection,
        rows: &Held,
        found: &Receiver<Vec<usize>>,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let Ok(mut together) = found.recv() else {
            return Ok(());
        };
        let mut sender = Sender::begin(self, conn, applied)?;
        loop {
            together.extend(found.try_iter().flatten());
            together.sort_unstable();
            sender.push_all(rows, together.drain(..))?;
            sender.flush()?;
            match found.recv() {
                Ok(next) => together = next,
                Err(_) => return sender.finish(),
            }
        }
    }
}

/// Sends rows, some hundred with one statement.
pub(super) struct Sender<'s, 'a> {
    delivered: &'s Delivered<'a>,
    pub(super) conn: &'s mut PgConnection,
    applied: &'s mut Applied,
    statement: String,
    batch: Batch,
    told: Told,
}

impl<'s, 'a> Sender<'s, 'a> {
    pub(super) fn begin(
        delivered: &'s Delivered<'a>,
        conn: &'s mut PgConnection,
        applied: &'s mut Applied,
    ) -> QueryResult<Self> {
        delivered.shared.look_up(conn)?;
        Ok(Self {
            delivered,
            conn,
            applied,
            statement: sql::bring_in(delivered.shape, delivered.durable_key),
            batch: Batch::new(delivered.shape),
            told: Told::default(),
        })
    }

    /// Takes the rows at these positions.
    pub(super) fn push_all(
        &mut self,
        rows: &Held,
        positions: impl Iterator<Item = usize>,
    ) -> Result<(), MergeError> {
        let mut rows = positions.filter_map(|position| rows.get(position));
        rows.try_for_each(|row| self.push(&row))
    }

    fn push(&mut self, row: &Row<'_>) -> Result<(), MergeError> {
        self.batch.push(row).map_err(MergeError::Unreadable)?;
        if self.batch.is_full() {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), MergeError> {
        self.flush()?;
        self.applied.told.extend(self.told.into_words());
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), MergeError> {
        if self.batch.rows == 0 {
            return Ok(());
        }
        let versions = self.bring_in()?;
        self.vouch_for_loads(&versions)?;
        let rows = std::mem::take(&mut self.batch.rows);
        self.batch.clear();
        self.count(rows, &versions);
        let older = versions.iter().filter(|version| version.has_older());
        self.assert_unbroken(&keys_of(older))
    }

    /// Counts what became of some rows, of which some got versions.
    pub(super) fn count(&mut self, rows: usize, versions: &[Version]) {
        let applied = &mut *self.applied;
        for version in versions {
            match version.action() {
                Action::Inserted => applied.changes.inserted += 1,
                Action::Reopened => applied.changes.reopened += 1,
                Action::Updated => applied.changes.updated += 1,
            }
            // No fact waits for whom the table knows.
            if version.start.is_none() && !self.delivered.dependants.is_empty() {
                applied.sent.push(version.key);
            }
        }
        applied.changes.unchanged += (rows - versions.len()) as u64;
        self.told.take(versions, self.delivered.samples);
    }

    fn bring_in(&mut self) -> Result<Vec<Version>, MergeError> {
        let statement = sql_query(self.statement.as_str())
            .into_boxed()
            .bind::<Timestamptz, _>(self.delivered.at)
            .bind::<BigInt, _>(self.delivered.load_id);
        let brought: Vec<BroughtIn> = self.batch.bound(statement).prepared().load(self.conn)?;
        let known = brought.iter().filter(|it| it.version.start.is_some());
        let sent = (known.count() + brought.len()) as u64;
        let written = brought
            .first()
            .map_or(0, |it| unsigned(it.closed + it.opened));
        swallowed::vouch(self.conn, self.delivered.shape.contract, sent, written)?;
        Ok(brought.into_iter().map(|it| it.version).collect())
    }

    /// Finds that what these versions build on was brought by loads.
    pub(super) fn vouch_for_loads(&mut self, versions: &[Version]) -> Result<(), MergeError> {
        let Delivered { shape, shared, .. } = self.delivered;
        let loads = versions.iter().filter_map(|version| version.load_id);
        shared.vouch_for_loads(self.conn, shape.contract, loads)
    }

    /// Asks whether the versions of these keys fit together, which had some before.
    pub(super) fn assert_unbroken(&mut self, keys: &Elements) -> Result<(), MergeError> {
        if keys.is_empty() {
            return Ok(());
        }
        let (contract, durable_key) = (self.delivered.shape.contract, self.delivered.durable_key);
        let statement = sql::count_broken(contract, durable_key, Changed::Bound);
        let count: counts::Count = sql_query(statement)
            .bind::<ArrayOfElements, _>(keys)
            .prepared()
            .get_result(self.conn)?;
        MergeError::unless_unbroken(&contract.name, count.get())
    }
}

/// A statement of which is known only at run time how many binds it takes.
pub(super) type Statement<'q> = BoxedSqlQuery<'q, Pg, SqlQuery>;

/// Rows, column by column.
#[derive(Clone)]
pub(super) struct Batch {
    pub(super) rows: usize,
    /// Of their cells.
    bytes: usize,
    keys: Elements,
    lines: Elements,
    values: Vec<Elements>,
}

impl Batch {
    pub(super) fn new(shape: Shape<'_>) -> Self {
        let columns = shape.filled.iter().map(|it| &shape.contract.columns[*it]);
        Self {
            rows: 0,
            bytes: 0,
            keys: elements(&ColumnType::Uuid),
            lines: elements(&ColumnType::Int8),
            values: columns
                .map(|column| elements(&column.column_type))
                .collect(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows == BATCH || self.bytes >= BATCH_BYTES
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.rows += 1;
        self.bytes += row.cells.len();
        self.keys.push(|out| wire::put_uuid(out, row.key));
        self.lines
            .push(|out| wire::put_int8(out, signed(row.place.line)));
        let mut cells = row.cells;
        for values in &mut self.values {
            let cell = wire::next_field(&mut cells).ok_or(io::ErrorKind::InvalidData)?;
            values.push(|out| out.extend_from_slice(cell));
        }
        Ok(())
    }

    /// Binds it to a statement that takes nothing after it.
    pub(super) fn bound<'q>(&'q self, statement: Statement<'q>) -> Statement<'q> {
        let own = [&self.keys, &self.lines];
        own.into_iter()
            .chain(&self.values)
            .fold(statement, |statement, elements| {
                statement.bind::<ArrayOfElements, _>(elements)
            })
    }

    fn clear(&mut self) {
        (self.rows, self.bytes) = (0, 0);
        let own = [&mut self.keys, &mut self.lines];
        own.into_iter()
            .chain(&mut self.values)
            .for_each(Elements::clear);
    }
}

/// No values yet, of a column's type.
pub(super) fn elements(column_type: &ColumnType) -> Elements {
    Elements::of(sql::element(column_type).oid)
}

/// The keys of each kind that stand first in the file, for whoever wants some told one by one.
#[derive(Default)]
struct Told(BTreeMap<(Action, i64), Uuid>);

impl Told {
    fn take(&mut self, versions: &[Version], samples: usize) {
        if samples == 0 {
            return;
        }
        for version in versions {
            let action = version.action();
            self.0.insert((action, version.line), version.key);
            let kind = || self.0.range((action, i64::MIN)..=(action, i64::MAX));
            if kind().count() > samples
                && let Some(((_, last), _)) = kind().next_back()
            {
                let last = *last;
                self.0.remove(&(action, last));
            }
        }
    }

    fn into_words(self) -> impl Iterator<Item = (Uuid, String)> {
        let told = self.0.into_iter();
        told.map(|((action, _), key)| (key, action.word().to_owned()))
    }
}
