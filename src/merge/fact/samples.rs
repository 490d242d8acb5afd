//! Some of the facts that a load changed, for whoever plans it: each as it was, and as it is.

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::Coming;
use crate::contract::Contract;
use crate::db::prelude::*;
use crate::merge::plan::{Sample, Subject, Version};
use crate::merge::sql::{self, Shape};

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

#[derive(QueryableByName)]
struct Changed {
    #[diesel(embed)]
    now: Inserted,
    #[diesel(sql_type = BigInt)]
    old_load: i64,
    #[diesel(sql_type = BigInt)]
    old_line: i64,
    #[diesel(sql_type = Timestamptz)]
    old_at: DateTime<Utc>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    old_cells: Vec<Option<String>>,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(embed)]
    now: Inserted,
    #[diesel(sql_type = Array<Bool>)]
    speaks: Vec<bool>,
    #[diesel(sql_type = Nullable<BigInt>)]
    old_load: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    old_line: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    old_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Array<Bool>)]
    old_speaks: Vec<bool>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    old_cells: Vec<Option<String>>,
}

/// Some of the facts, once the load has done its work.
pub(super) fn read(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    coming: Coming,
) -> QueryResult<Vec<Sample>> {
    if coming.samples == 0 {
        return Ok(Vec::new());
    }
    let mut samples = inserted(conn, shape, coming)?;
    samples.extend(changed(conn, shape, coming)?);
    samples.extend(held(conn, shape.contract, coming)?);
    Ok(samples)
}

fn inserted(conn: &mut PgConnection, shape: Shape<'_>, coming: Coming) -> QueryResult<Vec<Sample>> {
    let rows: Vec<Inserted> = sql_query(sql::read_inserted_facts(shape))
        .bind::<BigInt, _>(coming.most())
        .bind::<BigInt, _>(coming.load_id)
        .load(conn)?;
    let told = rows.into_iter().map(|row| {
        let after = coming.version(shape.contract, row.line, row.cells);
        sample("inserted", row.key, None, after)
    });
    Ok(told.collect())
}

fn changed(conn: &mut PgConnection, shape: Shape<'_>, coming: Coming) -> QueryResult<Vec<Sample>> {
    if sql::find_changed_facts(shape).is_none() {
        return Ok(Vec::new());
    }
    let rows: Vec<Changed> = sql_query(sql::read_changed_facts(shape))
        .bind::<BigInt, _>(coming.most())
        .load(conn)?;
    let told = rows.into_iter().map(|row| {
        let before = Version {
            starts: row.old_at,
            load_id: row.old_load,
            ..coming.version(shape.contract, row.old_line, row.old_cells)
        };
        let after = coming.version(shape.contract, row.now.line, row.now.cells);
        sample("updated", row.now.key, Some(before), after)
    });
    Ok(told.collect())
}

fn held(conn: &mut PgConnection, contract: &Contract, coming: Coming) -> QueryResult<Vec<Sample>> {
    let rows: Vec<HeldRow> = sql_query(sql::read_rows_held(contract))
        .bind::<BigInt, _>(coming.most())
        .bind::<BigInt, _>(coming.load_id)
        .bind::<Text, _>(contract.name.as_str())
        .load(conn)?;
    let told = rows.into_iter().map(|row| {
        let before = row.old_load.map(|load_id| Version {
            starts: row.old_at.unwrap_or_default(),
            load_id,
            ..coming
                .version(contract, row.old_line.unwrap_or_default(), row.old_cells)
                .speaking_of(&row.old_speaks)
        });
        let after = coming.version(contract, row.now.line, row.now.cells);
        sample("held", row.now.key, before, after.speaking_of(&row.speaks))
    });
    Ok(told.collect())
}

fn sample(action: &str, key: Uuid, before: Option<Version>, after: Version) -> Sample {
    Sample {
        action: action.to_owned(),
        subject: Subject::Fact,
        key,
        before: before.into_iter().collect(),
        after: vec![after],
    }
}

impl Coming {
    fn most(self) -> i64 {
        i64::try_from(self.samples).unwrap_or(i64::MAX)
    }

    /// A row of the load.
    fn version(self, contract: &Contract, line: i64, cells: Vec<Option<String>>) -> Version {
        let names = contract.columns.iter().map(|column| column.name.name());
        Version {
            starts: self.at,
            ends: None,
            values: names.map(str::to_owned).zip(cells).collect(),
            load_id: self.load_id,
            line,
        }
    }
}

impl Version {
    /// The same, without the columns of which the row says nothing.
    fn speaking_of(mut self, speaks: &[bool]) -> Self {
        let mut speaks = speaks.iter();
        self.values
            .retain(|_| speaks.next().copied().unwrap_or(true));
        self
    }
}
