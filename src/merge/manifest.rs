//! Which keys each load's file spoke of, also those whose values were the same.
//!
//! A version says when a value began, not when it was last confirmed; only the manifests know
//! that. They decide what becomes of a key when a row comes late, or a load is undone. A key is
//! kept as the first eight bytes of its durable key, with its line, so that a file of unchanged
//! rows costs twelve bytes a row; that two keys share these is so rare that nothing more is kept.

use std::collections::{BTreeSet, HashSet};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text};
use uuid::Uuid;

use crate::stage::{Finding, Staged};

/// Keys in one row of the ledger: to look for a few keys is to read few of the others.
const PART: usize = 1 << 10;

/// Parts that are written by one statement: a million keys' worth.
const PARTS: usize = 1 << 10;

/// The first eight bytes of a key.
type Prefix = [u8; 8];

/// The keys of rows that were loaded or held, in their order, each with its line.
pub(super) struct Spoken(Vec<(Prefix, u32)>);

impl Spoken {
    /// Of a load whose rows are written down one by one.
    pub(super) const NONE: Self = Self(Vec::new());

    /// All rows but the refused ones.
    pub(super) fn of(staged: &Staged, refused: &[Finding]) -> Self {
        let refused = lines_of(refused);
        let used = staged
            .rows
            .iter()
            .filter(|row| !refused.contains(&row.place.line));
        let mut spoken: Vec<(Prefix, u32)> = used
            .map(|row| {
                let line = u32::try_from(row.place.line).unwrap_or(u32::MAX);
                (prefix(row.key), line)
            })
            .collect();
        spoken.sort_unstable();
        Self(spoken)
    }
}

/// Writes down of whom a load spoke, and the keys of which it says nothing: where a snapshot
/// closes who is absent, it does not know those in `unread` to be absent.
pub(super) fn write(
    conn: &mut PgConnection,
    load_id: i64,
    Spoken(spoken): &Spoken,
    unread: &[Uuid],
) -> QueryResult<()> {
    let unread: BTreeSet<Prefix> = unread
        .iter()
        .map(|key| prefix(*key))
        .filter(|key| spoken.binary_search_by_key(key, |(key, _)| *key).is_err())
        .collect();
    let unread: Vec<Prefix> = unread.into_iter().collect();
    let read = spoken.chunks(PART).map(Part::read);
    let parts: Vec<Part> = read.chain(unread.chunks(PART).map(Part::unread)).collect();
    let mut number = 0;
    for parts in parts.chunks(PARTS) {
        write_parts(conn, load_id, number, parts)?;
        number += i32::try_from(parts.len()).unwrap_or(i32::MAX);
    }
    Ok(())
}

/// The lines of rows that were refused.
pub(super) fn lines_of(refused: &[Finding]) -> HashSet<u64> {
    let lines = refused.iter().map(|finding| finding.reject.place.line);
    lines.collect()
}

/// Some of the keys of a manifest, in their order.
struct Part {
    kind: &'static str,
    first: Uuid,
    last: Uuid,
    keys: Vec<u8>,
    /// Of unread keys nobody asks for the line.
    lines: Option<Vec<u8>>,
}

impl Part {
    fn read(spoken: &[(Prefix, u32)]) -> Self {
        let keys: Vec<Prefix> = spoken.iter().map(|(key, _)| *key).collect();
        let lines = spoken.iter().flat_map(|(_, line)| line.to_be_bytes());
        Self {
            kind: "read",
            lines: Some(lines.collect()),
            ..Self::unread(&keys)
        }
    }

    fn unread(keys: &[Prefix]) -> Self {
        Self {
            kind: "unread",
            first: lowest(keys.first().copied().unwrap_or([0; 8])),
            last: highest(keys.last().copied().unwrap_or([0xff; 8])),
            keys: keys.as_flattened().to_vec(),
            lines: None,
        }
    }
}

fn write_parts(
    conn: &mut PgConnection,
    load_id: i64,
    number: i32,
    parts: &[Part],
) -> QueryResult<()> {
    fn all<'p, T>(parts: &'p [Part], value: impl Fn(&'p Part) -> T) -> Vec<T> {
        parts.iter().map(value).collect()
    }
    sql_query(include_str!("manifest/write.sql"))
        .bind::<BigInt, _>(load_id)
        .bind::<Integer, _>(number)
        .bind::<Array<Text>, _>(all(parts, |part| part.kind))
        .bind::<Array<diesel::sql_types::Uuid>, _>(all(parts, |part| part.first))
        .bind::<Array<diesel::sql_types::Uuid>, _>(all(parts, |part| part.last))
        .bind::<Array<Binary>, _>(all(parts, |part| part.keys.as_slice()))
        .bind::<Array<Nullable<Binary>>, _>(all(parts, |part| part.lines.as_deref()))
        .execute(conn)
        .map(drop)
}

/// The lowest key with this prefix.
fn lowest(prefix: Prefix) -> Uuid {
    Uuid::from_u64_pair(u64::from_be_bytes(prefix), 0)
}

/// The highest key with this prefix.
fn highest(prefix: Prefix) -> Uuid {
    Uuid::from_u64_pair(u64::from_be_bytes(prefix), u64::MAX)
}

fn prefix(key: Uuid) -> Prefix {
    key.as_u64_pair().0.to_be_bytes()
}
