//! The digests of what no file said: a baseline, or rows that were taken over.
//!
//! A file's row is digested while it is parsed. These rows were in the table before the ledger knew of
//! them, so they are digested as they are read back from it, within the transaction that writes them
//! down. From then on they are proved like others.

use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Integer, Text};
use uuid::Uuid;

use super::Table;
use super::fold::{Observation, Said};
use super::prove::each_span;
use super::store;
use crate::contract::{Contract, Ident};
use crate::db::prelude::*;
use crate::ledger::words::Word as _;
use crate::stage::digest::{Digest, Form, ValueDigest};

/// Digests the rows of a load that spoke of these columns, places in the contract, in the order in which
/// the ledger has them.
pub(in crate::merge) fn seal(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
    load_id: i64,
    columns: &[usize],
) -> QueryResult<()> {
    let table = Table::new(contract, durable_key);
    let loads = store::loads(conn, &table)?;
    each_span(conn, &table, &loads, |conn, span| {
        let mut seals = Seals::default();
        for past in &span.pasts {
            let own = past.counted.iter().filter(|said| said.load == load_id);
            own.for_each(|said| seals.note(contract, past.key, said));
        }
        seals.write(conn, load_id)
    })?;
    let types = columns
        .iter()
        .map(|column| &contract.columns[*column].column_type);
    let forms: Vec<&str> = types.map(|it| Form::of(it).word()).collect();
    sql_query(include_str!("seal/forms.sql"))
        .bind::<BigInt, _>(load_id)
        .bind::<Array<Text>, _>(forms)
        .execute(conn)
        .map(drop)
}

#[derive(Default)]
struct Seals {
    keys: Vec<Uuid>,
    lines: Vec<i64>,
    digests: Vec<i32>,
}

impl Seals {
    fn note(&mut self, contract: &Contract, key: Uuid, said: &Observation) {
        let digest = match &said.said {
            Said::Absent => Digest::ABSENT,
            Said::Present(values) => {
                let cells = values.cells.iter().zip(values.authored.iter());
                let columns = contract.columns.iter().zip(cells);
                let spoken = columns.filter(|(_, (_, authored))| **authored);
                spoken.fold(Digest::default(), |sum, (column, (cell, _))| {
                    sum.and(ValueDigest::of(column).printed(cell.as_deref()))
                })
            }
        };
        self.keys.push(key);
        self.lines.push(said.line);
        self.digests.push(digest.0.cast_signed());
    }

    fn write(&self, conn: &mut PgConnection, load_id: i64) -> QueryResult<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        sql_query(include_str!("seal/digests.sql"))
            .bind::<BigInt, _>(load_id)
            .bind::<Array<diesel::sql_types::Uuid>, _>(&self.keys)
            .bind::<Array<BigInt>, _>(&self.lines)
            .bind::<Array<Integer>, _>(&self.digests)
            .execute(conn)
            .map(drop)
    }
}
