//! Findings → the rejects store, in the load's own transaction: a row is in the table or in the
//! rejects, never in neither.

use std::io::Write;

use super::MergeError;
use super::counts::signed;
use crate::contract::Ident;
use crate::db::copy::{Target, copy_binary};
use crate::db::prelude::*;
use crate::stage::{Finding, Findings, Original};
use crate::wire;

const COLUMNS: [&str; 11] = [
    "load_id",
    "line",
    "byte_offset",
    "column_number",
    "column_name",
    "kind",
    "severity",
    "message",
    "winner_line",
    "original",
    "original_bytes",
];

/// Writes what staging found, and what merging found after it.
pub(super) fn write(
    conn: &mut PgConnection,
    load_id: i64,
    staged: &mut Findings,
    merged: &[Finding],
) -> Result<(), MergeError> {
    if staged.is_empty() && merged.is_empty() {
        return Ok(());
    }
    let target = Target {
        schema: Ident::vouched("hayloft"),
        table: Ident::vouched("reject"),
        columns: COLUMNS.into_iter().map(Ident::vouched).collect(),
    };
    copy_binary(conn, &target, |sink| {
        sink.write_all(wire::HEADER)?;
        staged.read_back(|finding| send(load_id, &finding, sink))?;
        merged
            .iter()
            .try_for_each(|finding| send(load_id, finding, sink))?;
        sink.write_all(wire::TRAILER)
    })?;
    Ok(())
}

fn send(load_id: i64, finding: &Finding, sink: &mut dyn Write) -> std::io::Result<()> {
    let reject = &finding.reject;
    let mut tuple = Vec::new();
    wire::put_tuple(&mut tuple, COLUMNS.len())?;
    wire::put_int8(&mut tuple, load_id);
    wire::put_int8(&mut tuple, signed(reject.place.line));
    wire::put_int8(&mut tuple, signed(reject.place.offset));
    match &reject.column {
        Some(column) => {
            wire::put_int4(&mut tuple, i32::try_from(column.number).unwrap_or(i32::MAX));
        }
        None => wire::put_null(&mut tuple),
    }
    match &reject.column {
        Some(column) => wire::put_bytes(&mut tuple, column.name.as_bytes()),
        None => wire::put_null(&mut tuple),
    }
    wire::put_bytes(&mut tuple, reject.kind.code().as_bytes());
    wire::put_bytes(&mut tuple, reject.kind.severity().code().as_bytes());
    wire::put_bytes(&mut tuple, reject.message.as_bytes());
    match finding.winner_line {
        Some(line) => wire::put_int8(&mut tuple, signed(line)),
        None => wire::put_null(&mut tuple),
    }
    match &finding.original {
        Original::Text(text) => {
            wire::put_bytes(&mut tuple, text.as_bytes());
            wire::put_null(&mut tuple);
        }
        Original::Bytes(bytes) => {
            wire::put_null(&mut tuple);
            wire::put_bytes(&mut tuple, bytes);
        }
    }
    sink.write_all(&tuple)
}
