//! Which keys each load's file spoke of, also those whose values were the same.
//!
//! A version says when a value began, not when it was last confirmed; only the manifests know
//! that. They decide what becomes of a key when a row comes late, or a load is undone. A key is
//! kept as the first eight bytes of its durable key, with its line and the digest of what its row
//! said, so that a file of unchanged rows costs sixteen bytes a row; that two keys share these eight
//! bytes is so rare that nothing more is kept.

use std::collections::{BTreeSet, HashSet};
use std::io;

use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};
use uuid::Uuid;

use super::MergeError;
use super::landing::Printed;
use crate::contract::Ident;
use crate::db::Prepare;
use crate::db::copy::{Target, copy_binary};
use crate::db::prelude::*;
use crate::ledger::packed::{Prefix, pack_lines, pack_prefixes, prefix};
use crate::ledger::words::{ManifestKind, Word};
use crate::stage::{Finding, Mark, Staged};
use crate::wire;

/// Keys in one row of the ledger: to look for a few keys is to read few of the others.
const PART: usize = 1 << 10;

/// Up to how many keys go with a statement that the session keeps. More of them go by COPY, which is
/// read anew each time, but takes each part while the next one is made.
const FEW: usize = 1 << 16;

/// Of whom a load spoke.
#[derive(Clone, Copy)]
pub(super) enum Spoken<'a> {
    /// Of the keys of its rows, but for the refused ones.
    OfRows(&'a Staged, &'a [Finding], &'a Printed),
    /// Of the keys of these rows, which are in the order of their keys.
    OfMarks(&'a [Mark]),
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
    let manifest = Manifest { spoken, unread };
    if manifest.most_keys() > FEW {
        return copy(conn, load_id, &manifest);
    }
    let mut parts = Vec::new();
    let keep = |part| {
        parts.push(part);
        Ok(())
    };
    manifest.each_part(keep).map_err(MergeError::Unreadable)?;
    Ok(send(conn, load_id, &parts)?)
}

fn send(conn: &mut PgConnection, load_id: i64, parts: &[Part]) -> QueryResult<()> {
    fn all<'p, T>(parts: &'p [Part], value: impl Fn(&'p Part) -> T) -> Vec<T> {
        parts.iter().map(value).collect()
    }
    if parts.is_empty() {
        return Ok(());
    }
    sql_query(include_str!("manifest/write.sql"))
        .bind::<BigInt, _>(load_id)
        .bind::<Array<Text>, _>(all(parts, |part| part.kind.word()))
        .bind::<Array<diesel::sql_types::Uuid>, _>(all(parts, |part| part.first))
        .bind::<Array<diesel::sql_types::Uuid>, _>(all(parts, |part| part.last))
        .bind::<Array<Binary>, _>(all(parts, |part| part.keys.as_slice()))
        .bind::<Array<Nullable<Binary>>, _>(all(parts, |part| part.lines.as_deref()))
        .bind::<Array<Nullable<Binary>>, _>(all(parts, |part| part.digests.as_deref()))
        .prepared()
        .run(conn)
}

fn copy(conn: &mut PgConnection, load_id: i64, manifest: &Manifest<'_>) -> Result<(), MergeError> {
    let target = Target {
        schema: Ident::vouched("hayloft"),
        table: Ident::vouched("manifest"),
        columns: vec![
            Ident::vouched("load_id"),
            Ident::vouched("part"),
            Ident::vouched("kind"),
            Ident::vouched("first_key"),
            Ident::vouched("last_key"),
            Ident::vouched("keys"),
            Ident::vouched("lines"),
            Ident::vouched("digests"),
        ],
    };
    copy_binary(conn, &target, |sink| {
        sink.write_all(wire::HEADER)?;
        let mut tuple = Vec::new();
        let mut number = 0;
        manifest.each_part(|part| {
            tuple.clear();
            wire::put_tuple(&mut tuple, target.columns.len())?;
            wire::put_int8(&mut tuple, load_id);
            wire::put_int4(&mut tuple, number);
            part.put(&mut tuple);
            number += 1;
            sink.write_all(&tuple)
        })?;
        sink.write_all(wire::TRAILER)
    })?;
    Ok(())
}

/// The lines of rows that were refused.
pub(super) fn lines_of(refused: &[Finding]) -> HashSet<u64> {
    let lines = refused.iter().map(|finding| finding.reject.place.line);
    lines.collect()
}

/// What is to be written down.
struct Manifest<'a> {
    spoken: Spoken<'a>,
    unread: &'a [Uuid],
}

impl Manifest<'_> {
    /// How many keys are in it at most.
    fn most_keys(&self) -> usize {
        let rows = match self.spoken {
            Spoken::OfRows(staged, ..) => staged.rows.len(),
            Spoken::OfMarks(marks) => marks.len(),
            Spoken::Elsewhere => 0,
        };
        rows + self.unread.len()
    }

    /// Makes the parts, one after the other.
    fn each_part(&self, mut take: impl FnMut(Part) -> io::Result<()>) -> io::Result<()> {
        let mut unread: BTreeSet<Prefix> = self.unread.iter().map(|key| prefix(*key)).collect();
        if let Spoken::OfRows(staged, refused, printed) = self.spoken {
            let refused = lines_of(refused);
            let mut part: Vec<Mark> = Vec::with_capacity(PART);
            let mut prefixes = staged.rows.prefixes();
            while let Some(mut mark) = prefixes.next_mark()? {
                if refused.contains(&u64::from(mark.line)) {
                    continue;
                }
                mark.digest = printed.complete(mark.line, mark.digest);
                part.push(mark);
                unread.remove(&mark.prefix.to_be_bytes());
                if part.len() == PART {
                    take(Part::read(&part))?;
                    part.clear();
                }
            }
            if !part.is_empty() {
                take(Part::read(&part))?;
            }
        }
        if let Spoken::OfMarks(marks) = self.spoken {
            let mut parts = marks.chunks(PART);
            parts.try_for_each(|part| take(Part::read(part)))?;
        }
        let unread: Vec<Prefix> = unread.into_iter().collect();
        unread
            .chunks(PART)
            .try_for_each(|part| take(Part::unread(part)))
    }
}

/// Some of the keys of a manifest, in their order.
struct Part {
    kind: ManifestKind,
    first: Uuid,
    last: Uuid,
    keys: Vec<u8>,
    /// Of unread keys nobody asks for the line.
    lines: Option<Vec<u8>>,
    /// What each row said, in four bytes.
    digests: Option<Vec<u8>>,
}

impl Part {
    fn read(spoken: &[Mark]) -> Self {
        let keys: Vec<Prefix> = spoken
            .iter()
            .map(|mark| mark.prefix.to_be_bytes())
            .collect();
        Self {
            kind: ManifestKind::Read,
            lines: Some(pack_lines(spoken.iter().map(|mark| mark.line))),
            digests: Some(pack_lines(spoken.iter().map(|mark| mark.digest.0))),
            ..Self::unread(&keys)
        }
    }

    fn unread(keys: &[Prefix]) -> Self {
        Self {
            kind: ManifestKind::Unread,
            first: lowest(keys.first().copied().unwrap_or([0; 8])),
            last: highest(keys.last().copied().unwrap_or([0xff; 8])),
            keys: pack_prefixes(keys),
            lines: None,
            digests: None,
        }
    }

    /// Writes its columns as fields of a tuple.
    fn put(&self, out: &mut Vec<u8>) {
        wire::put_bytes(out, self.kind.word().as_bytes());
        wire::put_uuid(out, self.first);
        wire::put_uuid(out, self.last);
        wire::put_bytes(out, &self.keys);
        for of_rows in [&self.lines, &self.digests] {
            match of_rows {
                Some(of_rows) => wire::put_bytes(out, of_rows),
                None => wire::put_null(out),
            }
        }
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
