//! The new versions of touched keys → the table and the ledger.
//!
//! A version is known by its key and its start: one that keeps its start keeps its row, with its
//! surrogate key. What differs is gathered in a temporary table, batch by batch, and written at
//! the end in an order in which no constraint is broken in passing: ends move back, starts that
//! vanish are deleted, other changes are made, new starts are inserted.

use std::collections::BTreeMap;

use diesel::sql_query;
use uuid::Uuid;

use super::Table;
use super::fold::{Cell, Version};
use super::settle::Settled;
use super::store::{Past, Payload, Shown};
use crate::contract::Ident;
use crate::db::attempt::{self, Binds, Purpose, Rows};
use crate::db::copy::{Target, copy_binary};
use crate::db::prelude::*;
use crate::failpoint;
use crate::merge::{MergeError, counts, sql, swallowed};
use crate::wire;

/// What is to be written, of one batch of keys, as rows in the binary COPY format.
#[derive(Default)]
pub(super) struct Batch {
    versions: Vec<u8>,
    payloads: Vec<u8>,
}

/// What becomes of a row of the dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Deleted,
    Rewritten,
    Inserted,
}

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Self::Deleted => sql::DELETED,
            Self::Rewritten => sql::REWRITTEN,
            Self::Inserted => sql::INSERTED,
        }
    }
}

/// Makes the temporary tables.
pub(super) fn prepare(conn: &mut PgConnection, table: &Table<'_>) -> QueryResult<()> {
    sql_query(sql::create_refold(table.contract)).execute(conn)?;
    sql_query(include_str!("create_said.sql")).execute(conn)?;
    Ok(())
}

impl Batch {
    /// Notes what differs between a key's versions and those that it is to have.
    pub(super) fn note(&mut self, past: &Past, settled: &Settled) -> Result<(), MergeError> {
        let old = &past.versions;
        for shown in old {
            let starts = shown.version.starts;
            if !settled.versions.iter().any(|new| new.starts == starts) {
                self.note_version(past.key, Fate::Deleted, &shown.version, shown.number)?;
            }
        }
        for (number, new) in (1..).zip(&settled.versions) {
            match old.iter().find(|old| old.version.starts == new.starts) {
                None => self.note_version(past.key, Fate::Inserted, new, number)?,
                Some(shown) if differs(shown, new, number) => {
                    self.note_version(past.key, Fate::Rewritten, new, number)?;
                }
                Some(_) => {}
            }
        }
        for ((load, line), payload) in &settled.payloads {
            wire::put_tuple(&mut self.payloads, 4).map_err(MergeError::Unreadable)?;
            wire::put_uuid(&mut self.payloads, past.key);
            wire::put_int8(&mut self.payloads, *load);
            wire::put_int8(&mut self.payloads, *line);
            wire::put_jsonb(&mut self.payloads, document(payload)?.as_bytes());
        }
        Ok(())
    }

    fn note_version(
        &mut self,
        key: Uuid,
        fate: Fate,
        version: &Version,
        number: i32,
    ) -> Result<(), MergeError> {
        let out = &mut self.versions;
        wire::put_tuple(out, 7 + version.cells.len()).map_err(MergeError::Unreadable)?;
        wire::put_uuid(out, key);
        wire::put_bytes(out, fate.word().as_bytes());
        wire::put_micros(out, version.starts);
        match version.ends {
            Some(ends) => wire::put_micros(out, ends),
            None => wire::put_null(out),
        }
        wire::put_int4(out, number);
        wire::put_int8(out, version.load);
        wire::put_int8(out, version.line);
        for cell in &version.cells {
            put_cell(out, cell);
        }
        Ok(())
    }

    /// Sends the batch to the temporary tables.
    pub(super) fn flush(
        &mut self,
        conn: &mut PgConnection,
        table: &Table<'_>,
    ) -> Result<(), MergeError> {
        send(conn, &refold_target(table), &mut self.versions)?;
        send(conn, &said_target(), &mut self.payloads)
    }
}

/// A payload as a JSON object.
pub(in crate::merge) fn document(payload: &Payload) -> Result<String, MergeError> {
    let cells: BTreeMap<&str, Option<&str>> = payload
        .iter()
        .map(|(name, cell)| (name.as_str(), cell.as_deref()))
        .collect();
    serde_json::to_string(&cells).map_err(|error| MergeError::Unreadable(error.into()))
}

fn differs(shown: &Shown, new: &Version, number: i32) -> bool {
    shown.version != *new || shown.number != number
}

pub(super) fn put_cell(out: &mut Vec<u8>, cell: &Cell) {
    match cell {
        Some(text) => wire::put_bytes(out, text.as_bytes()),
        None => wire::put_null(out),
    }
}

fn refold_target(table: &Table<'_>) -> Target {
    let own = sql::REFOLD_COLUMNS.into_iter().map(Ident::vouched);
    let columns = table.contract.columns.iter();
    Target {
        schema: Ident::vouched("pg_temp"),
        table: Ident::vouched("hayloft_refold"),
        columns: own
            .chain(columns.map(|column| column.name.clone()))
            .collect(),
    }
}

pub(super) fn said_target() -> Target {
    Target {
        schema: Ident::vouched("pg_temp"),
        table: Ident::vouched("hayloft_said"),
        columns: ["key", "load_id", "line", "row"]
            .map(Ident::vouched)
            .to_vec(),
    }
}

pub(super) fn send(
    conn: &mut PgConnection,
    target: &Target,
    rows: &mut Vec<u8>,
) -> Result<(), MergeError> {
    if rows.is_empty() {
        return Ok(());
    }
    copy_binary(conn, target, |sink| {
        sink.write_all(wire::HEADER)?;
        sink.write_all(rows)?;
        sink.write_all(wire::TRAILER)
    })?;
    rows.clear();
    Ok(())
}

/// Brings what was gathered into the table and the ledger.
/// Where a trigger may make something else of rows, the values are compared in these columns.
pub(super) fn apply(
    conn: &mut PgConnection,
    table: &Table<'_>,
    compared: &[usize],
) -> Result<(), MergeError> {
    sql_query("analyze pg_temp.hayloft_refold").execute(conn)?;
    let (contract, durable_key) = (table.contract, table.durable_key);
    let mut write =
        |purpose, statement: String| attempt::write(conn, purpose, &statement, Binds::None);
    write(Purpose::Close, sql::shrink_versions(contract, durable_key))?;
    failpoint!("refold::shrunk");
    let deleted = write(Purpose::Close, sql::delete_versions(contract, durable_key))?;
    failpoint!("refold::deleted");
    let rewritten = write(
        Purpose::Write(Rows::Refold),
        sql::rewrite_versions(contract, durable_key),
    )?;
    failpoint!("refold::rewritten");
    let inserted = write(
        Purpose::Write(Rows::Refold),
        sql::insert_versions(contract, durable_key),
    )?;
    failpoint!("refold::inserted");
    let sent = counts::count(conn, sql::COUNT_REFOLD)?;
    swallowed::vouch(conn, contract, sent, deleted + rewritten + inserted)?;
    if !swallowed::keeps_rows_as_told(conn, contract)? {
        let lost = sql::count_lost_versions(contract, durable_key, compared);
        swallowed::vouch_for_values(conn, contract, &lost)?;
    }
    sql_query(include_str!("remember.sql")).execute(conn)?;
    failpoint!("refold::remembered");
    for statement in [
        "drop table pg_temp.hayloft_refold",
        "drop table pg_temp.hayloft_said",
    ] {
        sql_query(statement).execute(conn)?;
    }
    Ok(())
}
