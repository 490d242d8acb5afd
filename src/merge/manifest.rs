//! Which keys each load's file spoke of, also those whose values were the same.
//!
//! A version says when a value began, not when it was last confirmed; only the manifests know
//! that. They decide what becomes of a key when a row comes late, or a load is undone. A key is
//! kept as the first eight bytes of its durable key, with its line, so that a file of unchanged
//! rows costs twelve bytes a row; that two keys share these is so rare that nothing more is kept.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Integer, Text};
use uuid::Uuid;

use crate::stage::{Finding, Staged};

/// Keys in one row of the ledger: 64 KiB of them, so that to look for a few keys is not to read all.
const PART: usize = 1 << 13;

/// Writes down the keys of the rows that were loaded or held.
pub(super) fn write(
    conn: &mut PgConnection,
    load_id: i64,
    staged: &Staged,
    refused: &[Finding],
) -> QueryResult<()> {
    let refused: HashSet<u64> = refused
        .iter()
        .map(|finding| finding.reject.place.line)
        .collect();
    let used = staged
        .rows
        .iter()
        .filter(|row| !refused.contains(&row.place.line));
    let mut spoken: Vec<([u8; 8], u32)> = used
        .map(|row| {
            let line = u32::try_from(row.place.line).unwrap_or(u32::MAX);
            (prefix(row.key), line)
        })
        .collect();
    spoken.sort_unstable();
    for (part, spoken) in (0_i32..).zip(spoken.chunks(PART)) {
        write_part(conn, load_id, part, spoken)?;
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

fn prefix(key: Uuid) -> [u8; 8] {
    key.as_u64_pair().0.to_be_bytes()
}
