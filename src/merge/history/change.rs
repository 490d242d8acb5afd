//! A column that showed one value in all versions begins to keep history (semantics §9.4).
//!
//! In: the contract as it was, and the columns that are of type 2 from now on. Out: a ledger in
//! which all that was said of them is what the table shows. So what was loaded stays as it is,
//! also where a late row or an undo makes a key's history anew: without this, values that newer
//! ones had been written over would come back as versions. What an undone load said stays: should
//! it count again, it comes like a row of now.

use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};
use uuid::Uuid;

use super::Table;
use super::fold::{Said, is_beaten};
use super::record::document;
use super::refold::touched_after;
use super::store::{self, Past, Payload};
use crate::contract::{Contract, Ident};
use crate::db::prelude::*;
use crate::merge::{MergeError, sql};

/// Lets all that was said of these columns, places in the contract, be what the table shows.
pub(in crate::merge) fn keep_as_shown(
    conn: &mut PgConnection,
    before: &Contract,
    durable_key: &Ident,
    columns: &[usize],
) -> Result<(), MergeError> {
    let table = Table::new(before, durable_key);
    let names: Vec<&str> = columns
        .iter()
        .map(|column| before.columns[*column].id.as_str())
        .collect();
    sql_query(sql::CREATE_TOUCHED).execute(conn)?;
    sql_query(include_str!("change/touch_remembered.sql"))
        .bind::<Text, _>(before.name.as_str())
        .execute(conn)?;
    let loads = store::loads(conn, &table)?;
    let mut last = None;
    loop {
        let keys = touched_after(conn, last)?;
        let (Some(from), Some(to)) = (keys.first().copied(), keys.last().copied()) else {
            break;
        };
        let pasts = store::read(conn, &table, &loads, from, to, &keys)?;
        let mut shown = Shown::default();
        for past in &pasts {
            shown.note(&table, past, columns)?;
        }
        shown.write(conn, &names)?;
        last = Some(to);
    }
    sql_query(include_str!("change/lapse.sql"))
        .bind::<Text, _>(before.name.as_str())
        .execute(conn)?;
    sql_query(include_str!("change/author.sql"))
        .bind::<Text, _>(before.name.as_str())
        .bind::<Array<Text>, _>(&names)
        .execute(conn)?;
    Ok(())
}

/// Rows of which the ledger keeps something, and what of these columns it is to keep: nothing
/// where the version at the row's instant shows it.
#[derive(Default)]
struct Shown {
    keys: Vec<Uuid>,
    loads: Vec<i64>,
    lines: Vec<i64>,
    payloads: Vec<String>,
}

impl Shown {
    fn note(
        &mut self,
        table: &Table<'_>,
        past: &Past,
        columns: &[usize],
    ) -> Result<(), MergeError> {
        let Some(version) = past.versions.first() else {
            return Ok(());
        };
        let name = |column: usize| table.contract.columns[column].id.as_str().to_owned();
        let cells = &version.version.cells;
        let all: Payload = columns
            .iter()
            .map(|column| (name(*column), cells[*column].clone()))
            .collect();
        for (turn, observation) in past.counted.iter().enumerate() {
            let place = (observation.load, observation.line);
            if observation.said == Said::Absent || !past.payloads.contains_key(&place) {
                continue;
            }
            let payload = if is_beaten(&past.counted, turn) {
                document(&all)?
            } else {
                document(&Payload::new())?
            };
            self.keys.push(past.key);
            self.loads.push(observation.load);
            self.lines.push(observation.line);
            self.payloads.push(payload);
        }
        Ok(())
    }

    fn write(&self, conn: &mut PgConnection, names: &[&str]) -> QueryResult<()> {
        sql_query(include_str!("change/keep.sql"))
            .bind::<Array<diesel::sql_types::Uuid>, _>(&self.keys)
            .bind::<Array<BigInt>, _>(&self.loads)
            .bind::<Array<BigInt>, _>(&self.lines)
            .bind::<Array<Text>, _>(&self.payloads)
            .bind::<Array<Text>, _>(names)
            .execute(conn)
            .map(drop)
    }
}
