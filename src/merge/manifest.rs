//! Which keys each load's file spoke of, also those whose values were the same.
//!
//! A version says when a value began, not when it was last confirmed; only the manifests know
//! that. They decide what comes late: a row that takes an old place in time must not overwrite
//! what a later file has said of its key. A key is kept as the first eight bytes of its durable
//! key, so that a file of unchanged rows costs eight bytes a row; that two keys share these is so
//! rare, and a row called late so harmless, that nothing more is kept.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Text};
use uuid::Uuid;

use super::landing::{Line, taken_out};
use super::{Instant, MergeError};
use crate::contract::TableName;
use crate::stage::reject::{Reject, RejectKind};
use crate::stage::{Finding, Staged};

/// What is said of a row that comes too late.
const LATE: &str = "A later file has spoken of this key, and an older row must not overwrite what \
                    it said. Load the row in a file of its own to make it current.";

/// Keys in one row of the ledger: 64 KiB of them, so that to look for a few keys is not to read all.
const PART: usize = 1 << 13;

/// Writes down the keys of the rows that were loaded or held: sorted, as the rows are.
pub(super) fn write(
    conn: &mut PgConnection,
    load_id: i64,
    staged: &Staged,
    refused: &[Finding],
) -> Result<(), MergeError> {
    let refused: HashSet<u64> = refused
        .iter()
        .map(|finding| finding.reject.place.line)
        .collect();
    let mut spoken: Vec<([u8; 8], u32)> = Vec::with_capacity(PART);
    let mut part = 0;
    let mut rows = staged.rows.in_order();
    while let Some(row) = rows.next_row().map_err(MergeError::Unreadable)? {
        if refused.contains(&row.place.line) {
            continue;
        }
        let line = u32::try_from(row.place.line).unwrap_or(u32::MAX);
        spoken.push((prefix(row.key), line));
        if spoken.len() == PART {
            write_part(conn, load_id, part, &spoken)?;
            spoken.clear();
            part += 1;
        }
    }
    if !spoken.is_empty() {
        write_part(conn, load_id, part, &spoken)?;
    }
    Ok(())
}

fn write_part(
    conn: &mut PgConnection,
    load_id: i64,
    part: i32,
    spoken: &[([u8; 8], u32)],
) -> QueryResult<()> {
    let keys: Vec<u8> = spoken.iter().flat_map(|(key, _)| *key).collect();
    let lines: Vec<u8> = spoken
        .iter()
        .flat_map(|(_, line)| line.to_be_bytes())
        .collect();
    let first = spoken.first().map_or([0; 8], |(key, _)| *key);
    let last = spoken.last().map_or([0xff; 8], |(key, _)| *key);
    sql_query(include_str!("manifest/write.sql"))
        .bind::<BigInt, _>(load_id)
        .bind::<Text, _>("read")
        .bind::<Integer, _>(part)
        .bind::<diesel::sql_types::Uuid, _>(lowest(first))
        .bind::<diesel::sql_types::Uuid, _>(highest(last))
        .bind::<Binary, _>(keys)
        .bind::<Binary, _>(lines)
        .execute(conn)
        .map(drop)
}

/// The lowest key with this prefix.
fn lowest(prefix: [u8; 8]) -> Uuid {
    Uuid::from_u64_pair(u64::from_be_bytes(prefix), 0)
}

/// The highest key with this prefix.
fn highest(prefix: [u8; 8]) -> Uuid {
    Uuid::from_u64_pair(u64::from_be_bytes(prefix), u64::MAX)
}

/// Takes the rows out of the landing table that come too late, which only rows can that take the
/// instant of an earlier load.
pub(super) fn refuse_late(
    conn: &mut PgConnection,
    table: &TableName,
    instant: Instant,
    staged: &Staged,
) -> Result<Vec<Finding>, MergeError> {
    let Instant::OfParent { load_id, .. } = instant else {
        return Ok(Vec::new());
    };
    let spoken_of = spoken_of_since(conn, table, load_id)?;
    let mut keys: Vec<Uuid> = Vec::new();
    let mut rows = staged.rows.in_order();
    while let Some(row) = rows.next_row().map_err(MergeError::Unreadable)? {
        if spoken_of.contains(&prefix(row.key)) {
            keys.push(row.key);
        }
    }
    let lines = sql_query(include_str!("manifest/remove_late.sql"))
        .bind::<Array<diesel::sql_types::Uuid>, _>(keys)
        .load::<Line>(conn)?;
    taken_out(staged, &lines, |place| {
        Reject::of_row(place, RejectKind::Late, LATE)
    })
}

/// The keys that this load and later ones have spoken of.
fn spoken_of_since(
    conn: &mut PgConnection,
    table: &TableName,
    load_id: i64,
) -> QueryResult<HashSet<[u8; 8]>> {
    #[derive(QueryableByName)]
    struct Part {
        #[diesel(sql_type = Binary)]
        keys: Vec<u8>,
    }
    let parts: Vec<Part> = sql_query(include_str!("manifest/since.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<BigInt, _>(load_id)
        .load(conn)?;
    let keys = parts.iter().flat_map(|part| part.keys.as_chunks().0);
    Ok(keys.copied().collect())
}

fn prefix(key: Uuid) -> [u8; 8] {
    key.as_u64_pair().0.to_be_bytes()
}
