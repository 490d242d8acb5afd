//! The rows of a file straight into an empty dimension: nothing is there to compare them with.
//!
//! They go in the order of their keys, so that the indexes, of random uuids, are written from left
//! to right and not all over: for a million rows that is half of the time. Where they are many, most
//! of the indexes are made when all rows are there ([`indexes`]).

mod indexes;

use std::collections::BTreeMap;

use uuid::Uuid;

use self::indexes::Bare;
use super::{Applied, Delivered, Way};
use crate::db::copy::{Target, copy_binary};
use crate::db::prelude::*;
use crate::merge::counts::signed;
use crate::merge::sql::{self, Spoken};
use crate::merge::{Indexes, MergeError, swallowed};
use crate::wire;

/// From how many rows on it is worthwhile to make indexes anew. For fewer, nobody else is kept from
/// the table.
const MANY: usize = 100_000;

impl Delivered<'_> {
    /// Makes each row the first version of its key.
    pub(super) fn fill(&self, conn: &mut PgConnection) -> Result<Applied, MergeError> {
        if self.fill_bare(conn)? == Bare::NotDone {
            self.copy(conn)?;
        }
        let mut applied = Applied::by(Way::Fill);
        applied.changes.inserted = self.staged.rows.len() as u64;
        applied.spoken.push(Spoken::Table);
        if self.samples > 0 {
            applied.told = self.first_rows()?;
        }
        Ok(applied)
    }

    fn fill_bare(&self, conn: &mut PgConnection) -> Result<Bare, MergeError> {
        if self.indexes == Indexes::Kept || self.staged.rows.len() < MANY {
            return Ok(Bare::NotDone);
        }
        indexes::without(conn, self.shape.contract, |conn| self.copy(conn))
    }

    fn copy(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        let name = &self.shape.contract.table;
        let target = Target {
            schema: name.schema.clone(),
            table: name.table.clone(),
            columns: sql::version_columns(self.shape, self.durable_key),
        };
        let silent = self.shape.without_value().count();
        let mut same_in_all = Vec::new();
        for _ in 0..silent {
            wire::put_null(&mut same_in_all);
        }
        wire::put_micros(&mut same_in_all, self.at.timestamp_micros());
        wire::put_int4(&mut same_in_all, 1);
        wire::put_int8(&mut same_in_all, self.load_id);

        let written = copy_binary(conn, &target, |sink| {
            sink.write_all(wire::HEADER)?;
            let mut tuple = Vec::with_capacity(256);
            let mut rows = self.staged.rows.in_order();
            while let Some(row) = rows.next_row()? {
                tuple.clear();
                wire::put_tuple(&mut tuple, target.columns.len())?;
                wire::put_uuid(&mut tuple, row.key);
                tuple.extend_from_slice(row.cells);
                tuple.extend_from_slice(&same_in_all);
                wire::put_int8(&mut tuple, signed(row.place.line));
                sink.write_all(&tuple)?;
            }
            sink.write_all(wire::TRAILER)
        })?;
        let sent = self.staged.rows.len() as u64;
        swallowed::vouch(conn, self.shape.contract, sent, written as u64)
    }

    /// The keys that stand first in the file.
    fn first_rows(&self) -> Result<Vec<(Uuid, String)>, MergeError> {
        let mut first: BTreeMap<u64, Uuid> = BTreeMap::new();
        let mut rows = self.staged.rows.in_order();
        while let Some(row) = rows.next_row().map_err(MergeError::Unreadable)? {
            first.insert(row.place.line, row.key);
            if first.len() > self.samples {
                first.pop_last();
            }
        }
        let told = first.into_values();
        Ok(told.map(|key| (key, "inserted".to_owned())).collect())
    }
}
