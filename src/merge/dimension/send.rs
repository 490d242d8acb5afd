//! Rows that are sent with the statement that brings them in.
//!
//! A table for them to land in would have to be made and dropped, which costs more than a small file
//! does otherwise. So they go as arrays, some hundred at a time: each key has one row, so the
//! batches have nothing to do with each other. In the order of the keys, each is looked up by index.

use std::collections::BTreeMap;
use std::io;

use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Integer, Timestamptz};
use uuid::Uuid;

use super::sift::Sifted;
use super::{Applied, Delivered};
use crate::contract::ColumnType;
use crate::db::Prepare;
use crate::db::array::{ArrayOfElements, Elements};
use crate::merge::MergeError;
use crate::merge::counts::{self, signed};
use crate::merge::sql::{self, Changed, Shape};
use crate::stage::Row;
use crate::wire;

/// How many rows go with one statement, and after how many bytes no more are added. Enough to make
/// its own cost small, and so few that what a look-up has read is still in the processor's cache when
/// the versions are closed, opened and checked: with 8,192 rows, these take a sixth longer. The
/// server takes no message of 1 GiB.
const BATCH: usize = 1 << 9;
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

/// A key that got a version.
#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Integer)]
    number: i32,
    /// Whether there was a current one before.
    #[diesel(sql_type = Bool)]
    known: bool,
}

impl Version {
    fn action(&self) -> Action {
        match (self.known, self.number) {
            (true, _) => Action::Updated,
            (false, 1) => Action::Inserted,
            (false, _) => Action::Reopened,
        }
    }
}

impl Delivered<'_> {
    /// Sends the rows, but for those that say what the table says.
    pub(super) fn send(
        &self,
        conn: &mut PgConnection,
        sifted: Option<&Sifted>,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        if sifted.is_some_and(|sifted| sifted.differing == 0) {
            return Ok(());
        }
        conn.batch_execute(include_str!("look_up.sql"))?;
        let statement = sql::bring_in(self.shape, self.durable_key);
        let mut batch = Batch::new(self.shape);
        let mut told = Told::default();
        let mut rows = self.staged.rows.in_order();
        let mut positions = 0..;
        while let (Some(row), Some(position)) = (
            rows.next_row().map_err(MergeError::Unreadable)?,
            positions.next(),
        ) {
            if sifted.is_some_and(|sifted| !sifted.differs[position]) {
                continue;
            }
            batch.push(&row).map_err(MergeError::Unreadable)?;
            if batch.is_full() {
                self.bring_in(conn, &statement, &mut batch, applied, &mut told)?;
            }
        }
        if batch.rows > 0 {
            self.bring_in(conn, &statement, &mut batch, applied, &mut told)?;
        }
        applied.told.extend(told.into_words());
        conn.batch_execute(include_str!("look_up_no_more.sql"))?;
        Ok(())
    }

    fn bring_in(
        &self,
        conn: &mut PgConnection,
        statement: &str,
        batch: &mut Batch,
        applied: &mut Applied,
        told: &mut Told,
    ) -> Result<(), MergeError> {
        let (contract, durable_key) = (self.shape.contract, self.durable_key);
        let mut statement = sql_query(statement)
            .into_boxed::<Pg>()
            .bind::<Timestamptz, _>(self.at)
            .bind::<BigInt, _>(self.load_id)
            .bind::<ArrayOfElements, _>(&batch.keys)
            .bind::<ArrayOfElements, _>(&batch.lines);
        for values in &batch.values {
            statement = statement.bind::<ArrayOfElements, _>(values);
        }
        let versions: Vec<Version> = statement.prepared().load(conn)?;
        let mut known = elements(&ColumnType::Uuid);
        for version in &versions {
            match version.action() {
                Action::Inserted => applied.changes.inserted += 1,
                Action::Reopened => applied.changes.reopened += 1,
                Action::Updated => applied.changes.updated += 1,
            }
            if version.known {
                known.push(|out| wire::put_uuid(out, version.key));
            } else if !self.dependants.is_empty() {
                // No fact waits for whom the table knows.
                applied.sent.push(version.key);
            }
        }
        applied.changes.unchanged += (batch.rows - versions.len()) as u64;
        told.take(&versions, self.samples);
        if !known.is_empty() {
            let statement = sql::count_broken(contract, durable_key, Changed::Bound);
            let count: counts::Count = sql_query(statement)
                .bind::<ArrayOfElements, _>(&known)
                .prepared()
                .get_result(conn)?;
            MergeError::unless_unbroken(&contract.name, count.get())?;
        }
        batch.clear();
        Ok(())
    }
}

/// Rows, column by column.
struct Batch {
    rows: usize,
    /// Of their cells.
    bytes: usize,
    keys: Elements,
    lines: Elements,
    values: Vec<Elements>,
}

impl Batch {
    fn new(shape: Shape<'_>) -> Self {
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

    fn is_full(&self) -> bool {
        self.rows == BATCH || self.bytes >= BATCH_BYTES
    }

    fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
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

    fn clear(&mut self) {
        (self.rows, self.bytes) = (0, 0);
        let own = [&mut self.keys, &mut self.lines];
        own.into_iter()
            .chain(&mut self.values)
            .for_each(Elements::clear);
    }
}

/// No values yet, of a column's type.
fn elements(column_type: &ColumnType) -> Elements {
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

#[cfg(test)]
mod tests {
    /// What a statement sets, or gives back.
    fn settings(sql: &str) -> Vec<&str> {
        sql.lines()
            .filter_map(|line| {
                line.strip_prefix("set local ")
                    .or(line.strip_prefix("reset "))
            })
            .filter_map(|line| line.split([' ', ';']).next())
            .collect()
    }

    #[test]
    fn what_is_set_for_the_look_up_is_given_back() {
        let set = settings(include_str!("look_up.sql"));
        assert!(set.contains(&"enable_hashjoin"));
        assert_eq!(set, settings(include_str!("look_up_no_more.sql")));
    }
}
