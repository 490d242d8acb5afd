//! Whether the keys of each manifest lie in their order, which those rely on who look for one.
//!
//! The one question that is not asked in SQL: the keys lie packed, and to take ten million of them
//! apart takes the server longer than to send them.

use std::collections::BTreeSet;

use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Text};

use super::Plain;
use crate::contract::TableName;

const EXAMPLES: usize = 5;

#[derive(QueryableByName)]
struct Part {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    first_key: uuid::Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    last_key: uuid::Uuid,
    #[diesel(sql_type = Binary)]
    keys: Vec<u8>,
}

type Prefix = [u8; 8];

/// The loads of the table whose manifest is not in its order.
pub(super) fn unsorted(conn: &mut PgConnection, table: &TableName) -> QueryResult<Plain> {
    let parts = sql_query(include_str!("manifests.sql"))
        .bind::<Text, _>(table.as_str())
        .load_iter::<Part, PgRowByRowLoadingMode>(conn)?;
    let mut unsorted = BTreeSet::new();
    let mut before: Option<(i64, String, Prefix)> = None;
    for part in parts {
        let part = part?;
        let after = before
            .take()
            .filter(|(load_id, kind, _)| *load_id == part.load_id && *kind == part.kind)
            .map_or([0; 8], |(_, _, key)| key);
        match last_in_order(&part, after) {
            Some(last) => before = Some((part.load_id, part.kind, last)),
            None => _ = unsorted.insert(part.load_id),
        }
    }
    let examples = unsorted.iter().take(EXAMPLES);
    Ok(Plain {
        count: i64::try_from(unsorted.len()).unwrap_or(i64::MAX),
        examples: Some(examples.map(|load| format!("load {load}")).collect()),
    })
}

/// The last key of a part, if its keys lie in their order, none before `after`, and between the
/// first and the last that it is found by.
fn last_in_order(part: &Part, after: Prefix) -> Option<Prefix> {
    let (keys, []) = part.keys.as_chunks::<8>() else {
        return None;
    };
    let (first, last) = (*keys.first()?, *keys.last()?);
    let found_by = |key: uuid::Uuid| key.as_u64_pair().0.to_be_bytes();
    let sorted = after <= first
        && keys.is_sorted()
        && found_by(part.first_key) <= first
        && last <= found_by(part.last_key);
    sorted.then_some(last)
}
