//! Rows of a fact table → what the ledger writes down of them: the key, the line, and the digest of each.
//!
//! The table has no such key, so it is made of the natural one, and what no file said is digested as the
//! database prints it.

use diesel::sql_types::{Array, BigInt, Nullable, Text};
use uuid::Uuid;

use super::super::natural::Natural;
use crate::contract::Contract;
use crate::db::prelude::*;
use crate::ledger::packed::prefix;
use crate::stage::Mark;
use crate::stage::digest::{Digest, ValueDigest};

/// A row of a fact table, with the line that it has in its load.
#[derive(QueryableByName)]
pub(in crate::merge) struct FactRow {
    #[diesel(sql_type = BigInt)]
    line: i64,
    /// Of all columns of the contract.
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

/// Facts, as the ledger knows them.
#[derive(Default, Debug)]
pub(in crate::merge) struct Facts {
    /// In the order of the ledger's keys.
    pub(in crate::merge) marks: Vec<Mark>,
    /// The ledger's key of each, and its natural key.
    pub(in crate::merge) keys: Vec<(Uuid, Vec<Option<String>>)>,
    /// How many rows have a natural key that no file could have.
    pub(in crate::merge) without_key: u64,
}

impl Facts {
    /// Of rows that speak of these columns, places in the contract.
    pub(in crate::merge) fn gather(
        contract: &Contract,
        natural: Option<&Natural<'_>>,
        columns: &[usize],
        rows: impl Iterator<Item = QueryResult<FactRow>>,
    ) -> QueryResult<Self> {
        let digests: Vec<(usize, ValueDigest)> = columns
            .iter()
            .map(|place| (*place, ValueDigest::of(&contract.columns[*place])))
            .collect();
        let mut facts = Self::default();
        for row in rows {
            let row = row?;
            let parts = contract.key.iter();
            let parts: Vec<Option<String>> = parts.map(|part| row.cells[*part].clone()).collect();
            let Some(key) = natural.and_then(|natural| natural.key(&parts)) else {
                facts.without_key += 1;
                continue;
            };
            let digest = digests.iter().fold(Digest::default(), |sum, (place, of)| {
                sum.and(of.printed(row.cells[*place].as_deref()))
            });
            facts.marks.push(Mark {
                prefix: u64::from_be_bytes(prefix(key)),
                line: u32::try_from(row.line).unwrap_or(u32::MAX),
                digest,
            });
            facts.keys.push((key, parts));
        }
        facts.marks.sort_unstable_by_key(|mark| mark.prefix);
        Ok(facts)
    }
}
