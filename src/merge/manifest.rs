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

use super::MergeError;
use crate::db::Prepare;
use crate::ledger::packed::{Prefix, pack_lines, pack_prefixes, prefix};
use crate::stage::{Finding, Staged};

/// Keys in one row of the ledger: to look for a few keys is to read few of the others.
const PART: usize = 1 << 10;

/// Parts that are written by one statement: a million keys' worth.
const PARTS: usize = 1 << 10;

/// Of whom a load spoke.
#[derive(Clone, Copy)]
pub(super) enum Spoken<'a> {
    /// Of the keys of its rows, but for the refused ones.
    OfRows(&'a Staged, &'a [Finding]),
    /// Its rows are written down one by one.
    Elsewhere,
}

/// Writes down of whom a load spoke, and the keys of which it says nothing: where a snapshot
/// closes who is absent, it does not know those in `unread` to be absent.
pub(super) fn write(
    conn: &mut PgConnection,
    load_id: i64,
    spoken: Spoken<'_>,
    unread: &[Uuid],
) -> Result<(), MergeError> {
    let mut unread: BTreeSet<Prefix> = unread.iter().map(|key| prefix(*key)).collect();
    let mut writer = Writer {
        conn,
        load_id,
        written: 0,
        parts: Vec::new(),
    };
    if let Spoken::OfRows(staged, refused) = spoken {
        let refused = lines_of(refused);
        let mut part: Vec<(Prefix, u32)> = Vec::with_capacity(PART);
        let mut prefixes = staged.rows.prefixes();
        while let Some((prefix, line)) = prefixes.next_prefix().map_err(MergeError::Unreadable)? {
            if refused.contains(&u64::from(line)) {
                continue;
            }
            let prefix = prefix.to_be_bytes();
            part.push((prefix, line));
            unread.remove(&prefix);
            if part.len() == PART {
                writer.take(Part::read(&part))?;
                part.clear();
            }
        }
        if !part.is_empty() {
            writer.take(Part::read(&part))?;
        }
    }
    let unread: Vec<Prefix> = unread.into_iter().collect();
    for part in unread.chunks(PART) {
        writer.take(Part::unread(part))?;
    }
    Ok(writer.flush()?)
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
        let lines = spoken.iter().map(|(_, line)| *line);
        Self {
            kind: "read",
            lines: Some(pack_lines(lines)),
            ..Self::unread(&keys)
        }
    }

    fn unread(keys: &[Prefix]) -> Self {
        Self {
            kind: "unread",
            first: lowest(keys.first().copied().unwrap_or([0; 8])),
            last: highest(keys.last().copied().unwrap_or([0xff; 8])),
            keys: pack_prefixes(keys),
            lines: None,
        }
    }
}

/// Writes parts, many at a time.
struct Writer<'c> {
    conn: &'c mut PgConnection,
    load_id: i64,
    /// How many parts are written.
    written: i32,
    parts: Vec<Part>,
}

impl Writer<'_> {
    fn take(&mut self, part: Part) -> QueryResult<()> {
        self.parts.push(part);
        if self.parts.len() == PARTS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> QueryResult<()> {
        fn all<'p, T>(parts: &'p [Part], value: impl Fn(&'p Part) -> T) -> Vec<T> {
            parts.iter().map(value).collect()
        }
        if self.parts.is_empty() {
            return Ok(());
        }
        let parts = std::mem::take(&mut self.parts);
        sql_query(include_str!("manifest/write.sql"))
            .bind::<BigInt, _>(self.load_id)
            .bind::<Integer, _>(self.written)
            .bind::<Array<Text>, _>(all(&parts, |part| part.kind))
            .bind::<Array<diesel::sql_types::Uuid>, _>(all(&parts, |part| part.first))
            .bind::<Array<diesel::sql_types::Uuid>, _>(all(&parts, |part| part.last))
            .bind::<Array<Binary>, _>(all(&parts, |part| part.keys.as_slice()))
            .bind::<Array<Nullable<Binary>>, _>(all(&parts, |part| part.lines.as_deref()))
            .prepared()
            .run(self.conn)?;
        self.written += i32::try_from(parts.len()).unwrap_or(i32::MAX);
        Ok(())
    }
}

/// The lowest key with this prefix.
fn lowest(prefix: Prefix) -> Uuid {
    Uuid::from_u64_pair(u64::from_be_bytes(prefix), 0)
}

/// The highest key with this prefix.
fn highest(prefix: Prefix) -> Uuid {
    Uuid::from_u64_pair(u64::from_be_bytes(prefix), u64::MAX)
}
