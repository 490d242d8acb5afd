//! Whether the keys of each manifest lie in their order, which those rely on who look for one, and
//! whether each row of which something is kept stands in one.
//!
//! The one question that is not asked in SQL: the keys lie packed, and to take ten million of them
//! apart takes the server longer than to send them.

use std::collections::{BTreeMap, BTreeSet};

use diesel::pg::PgRowByRowLoadingMode;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use uuid::Uuid;

use super::Plain;
use crate::contract::TableName;
use crate::db::prelude::*;
use crate::ledger::packed::{self, Prefix, prefix, prefixes};
use crate::ledger::words::ManifestKind;

const EXAMPLES: usize = 5;

#[derive(QueryableByName)]
struct Part {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = Text)]
    kind: ManifestKind,
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    first_key: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    last_key: Uuid,
    #[diesel(sql_type = Binary)]
    keys: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    lines: Option<Vec<u8>>,
}

/// A row of which the ledger keeps what it said.
#[derive(QueryableByName, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    line: i64,
}

/// What the manifests of a table show.
pub(super) struct Shown {
    /// Loads whose manifest is not in its order.
    pub(super) unsorted: Plain,
    /// Rows of which something is kept, and that stand in no manifest.
    pub(super) astray: Plain,
}

/// Reads the manifests of the table's loads.
pub(super) fn read(conn: &mut PgConnection, table: &TableName) -> QueryResult<Shown> {
    let mut astray = kept(conn, table)?;
    let parts = sql_query(include_str!("manifests.sql"))
        .bind::<Text, _>(table.as_str())
        .load_iter::<Part, PgRowByRowLoadingMode>(conn)?;
    let mut unsorted = BTreeSet::new();
    let mut before: Option<Before> = None;
    for part in parts {
        let part = part?;
        if part.kind == ManifestKind::Read
            && let Some(rows) = astray.get_mut(&part.load_id)
        {
            rows.retain(|row| !part.has(row));
        }
        let after = before
            .take()
            .filter(|before| before.part.load_id == part.load_id);
        match part.last_in_order(after.as_ref()) {
            Some(last) => before = Some(Before { last, part }),
            None => _ = unsorted.insert(part.load_id),
        }
    }
    let loads = unsorted.iter().map(|load| format!("load {load}"));
    let rows = astray.values().flatten().map(ToString::to_string);
    Ok(Shown {
        unsorted: found(loads),
        astray: found(rows),
    })
}

/// The rows of which something is kept, by load, in the order of their keys.
fn kept(conn: &mut PgConnection, table: &TableName) -> QueryResult<BTreeMap<i64, Vec<Kept>>> {
    let rows = sql_query(include_str!("payloads.sql"))
        .bind::<Text, _>(table.as_str())
        .load_iter::<Kept, PgRowByRowLoadingMode>(conn)?;
    let mut kept: BTreeMap<i64, Vec<Kept>> = BTreeMap::new();
    for row in rows {
        let row = row?;
        kept.entry(row.load_id).or_default().push(row);
    }
    Ok(kept)
}

fn found(what: impl Iterator<Item = String>) -> Plain {
    let mut count = 0;
    let mut examples = Vec::new();
    for one in what {
        count += 1;
        if examples.len() < EXAMPLES {
            examples.push(one);
        }
    }
    Plain {
        count,
        examples: Some(examples),
    }
}

/// The part that was read last, and its last key.
struct Before {
    last: Prefix,
    part: Part,
}

impl Part {
    /// The last key, if the part follows on the one before, and its keys lie in their order, none
    /// before those, and between the first and the last that the part is found by.
    fn last_in_order(&self, before: Option<&Before>) -> Option<Prefix> {
        let (keys, []) = self.keys.as_chunks::<8>() else {
            return None;
        };
        let (first, last) = (*keys.first()?, *keys.last()?);
        let (number, after) = match before {
            Some(before) if before.part.kind == self.kind => (before.part.number + 1, before.last),
            // The parts of rejected rows come after those of the others.
            Some(before) => (before.part.number + 1, [0; 8]),
            None => (0, [0; 8]),
        };
        let whole = match &self.lines {
            Some(lines) => lines.len() == keys.len() * 4,
            None => true,
        };
        let sorted = whole
            && self.number == number
            && after <= first
            && keys.is_sorted()
            && prefix(self.first_key) <= first
            && last <= prefix(self.last_key);
        sorted.then_some(last)
    }

    /// Whether the row stands here.
    fn has(&self, row: &Kept) -> bool {
        let wanted = prefix(row.key);
        if wanted < prefix(self.first_key) || prefix(self.last_key) < wanted {
            return false;
        }
        let keys = prefixes(&self.keys);
        let from = keys.partition_point(|key| *key < wanted);
        let same = keys[from..].iter().take_while(|key| **key == wanted);
        (from..)
            .zip(same)
            .any(|(place, _)| self.is_of_line(place, row.line))
    }

    /// Whether a place is that of a line; of a manifest without lines each is.
    fn is_of_line(&self, place: usize, line: i64) -> bool {
        let Some(lines) = &self.lines else {
            return true;
        };
        packed::line(lines, place).is_some_and(|found| i64::from(found) == line)
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { load_id, key, line } = self;
        write!(f, "{key} (load {load_id}, line {line})")
    }
}
