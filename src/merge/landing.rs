//! Staged rows → the landing table, a temporary table of this transaction.

mod doubt;

use std::collections::HashSet;
use std::io::Write;

use chrono::{DateTime, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use super::MergeError;
use super::counts::signed;
use super::sql::{self, Shape};
use crate::contract::Ident;
use crate::db::Prepare;
use crate::db::copy::{Target, copy_binary};
use crate::db::prelude::*;
use crate::stage::digest::{Digest, ValueDigest};
use crate::stage::reject::{Place, Reject};
use crate::stage::{Finding, Presence, Row, Staged};
use crate::wire;

/// Copies the rows of a file into the landing table. Returns those that the server does not take as
/// they were meant.
pub(super) fn land(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    staged: &Staged,
) -> Result<Vec<Finding>, MergeError> {
    land_some(conn, shape, staged, |_| true)?;
    doubt::refuse(conn, shape, staged)
}

/// Copies the rows that would be used instead of others into the landing table that is there.
pub(super) fn land_alternatives(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    staged: &Staged,
) -> Result<(), MergeError> {
    copy_rows(conn, shape, |tuples| {
        (staged.alternatives.rows()).try_for_each(|row| tuples.send(&row))
    })?;
    doubt::refuse(conn, shape, staged)?;
    Ok(())
}

/// Copies those rows into the landing table that are wanted, by their positions.
pub(super) fn land_some(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    staged: &Staged,
    wanted: impl Fn(usize) -> bool,
) -> Result<(), MergeError> {
    sql_query(sql::create_landing(shape)).execute(conn)?;
    copy_rows(conn, shape, |tuples| {
        let mut rows = staged.rows.in_order();
        while let Some(row) = rows.next_wanted(&wanted)? {
            tuples.send(&row)?;
        }
        Ok(())
    })
}

fn copy_rows(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    mut send: impl FnMut(&mut Tuples<'_>) -> std::io::Result<()>,
) -> Result<(), MergeError> {
    let target = Target {
        schema: Ident::vouched("pg_temp"),
        table: Ident::vouched("hayloft_landing"),
        columns: sql::landing_columns(shape),
    };
    copy_binary(conn, &target, |sink| {
        let mut tuples = Tuples {
            fields: target.columns.len(),
            own_instants: shape.own_instants(),
            tuple: Vec::with_capacity(64),
            sink,
        };
        tuples.sink.write_all(wire::HEADER)?;
        send(&mut tuples)?;
        tuples.sink.write_all(wire::TRAILER)
    })?;
    Ok(())
}

/// By its line, what is missing in the digest of each row: the values that only the server reads.
#[derive(Default, Debug)]
pub(super) struct Printed(Vec<(u32, u32)>);

impl Printed {
    /// The digest of the row on a line, with what was missing.
    pub(super) fn complete(&self, line: u32, digest: Digest) -> Digest {
        let found = self.0.binary_search_by_key(&line, |(line, _)| *line);
        found.map_or(digest, |place| digest.and(self.0[place].1))
    }
}

/// Digests what the server prints of the values that only it can read.
pub(super) fn digest_printed(conn: &mut PgConnection, shape: Shape<'_>) -> QueryResult<Printed> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        line: i64,
        #[diesel(sql_type = Integer)]
        digest: i32,
        #[diesel(sql_type = Array<Nullable<Text>>)]
        cells: Vec<Option<String>>,
    }
    let Some(statement) = sql::read_printed(shape) else {
        return Ok(Printed::default());
    };
    let digests: Vec<ValueDigest> = sql::printed_columns(shape).map(ValueDigest::of).collect();
    let mut printed = Vec::new();
    let (mut lines, mut whole) = (Vec::new(), Vec::new());
    let rows = sql_query(statement).load_iter::<Row, PgRowByRowLoadingMode>(conn)?;
    for row in rows {
        let row = row?;
        let cells = digests.iter().zip(&row.cells);
        let sum = cells.fold(Digest::default(), |sum, (digest, cell)| {
            sum.and(digest.printed(cell.as_deref()))
        });
        if shape.own_instants() {
            lines.push(row.line);
            whole.push(sum.and(row.digest.cast_unsigned()).0.cast_signed());
        } else {
            printed.push((u32::try_from(row.line).unwrap_or(u32::MAX), sum.0));
        }
    }
    if !lines.is_empty() {
        sql_query(sql::COMPLETE_DIGESTS)
            .bind::<Array<BigInt>, _>(lines)
            .bind::<Array<Integer>, _>(whole)
            .execute(conn)?;
    }
    printed.sort_unstable();
    Ok(Printed(printed))
}

/// Lets the planner know how many rows have landed, and what is in them.
pub(super) fn analyze(conn: &mut PgConnection) -> QueryResult<()> {
    sql_query(format!("analyze {}", sql::LANDING)).execute(conn)?;
    Ok(())
}

/// Drops the temporary tables of a load, so that another one can follow in its transaction.
pub(super) fn clear_away(conn: &mut PgConnection) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Table {
        #[diesel(sql_type = Text)]
        statement: String,
    }
    let tables: Vec<Table> = sql_query(include_str!("landing/clear_away.sql"))
        .prepared()
        .load(conn)?;
    for table in tables {
        sql_query(table.statement).execute(conn)?;
    }
    Ok(())
}

/// The first and the last instant of the landed rows, of a load whose rows have their own.
pub(super) fn instants(
    conn: &mut PgConnection,
    shared: DateTime<Utc>,
) -> QueryResult<(DateTime<Utc>, DateTime<Utc>)> {
    #[derive(QueryableByName)]
    struct Span {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        earliest: Option<DateTime<Utc>>,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        latest: Option<DateTime<Utc>>,
    }
    let span: Span = sql_query(sql::LANDED_INSTANTS)
        .bind::<Timestamptz, _>(shared)
        .get_result(conn)?;
    Ok((
        span.earliest.unwrap_or(shared),
        span.latest.unwrap_or(shared),
    ))
}

/// Rows on their way into the landing table.
struct Tuples<'a> {
    fields: usize,
    own_instants: bool,
    tuple: Vec<u8>,
    sink: &'a mut dyn Write,
}

impl Tuples<'_> {
    fn send(&mut self, row: &Row<'_>) -> std::io::Result<()> {
        let tuple = &mut self.tuple;
        tuple.clear();
        wire::put_tuple(tuple, self.fields)?;
        wire::put_uuid(tuple, row.key);
        wire::put_int8(tuple, signed(row.place.line));
        if self.own_instants {
            match row.at {
                Some(at) => wire::put_micros(tuple, at),
                None => wire::put_null(tuple),
            }
            wire::put_bool(tuple, row.presence == Presence::Present);
            wire::put_bytes(tuple, row.sequence);
            wire::put_int4(tuple, row.digest.0.cast_signed());
        }
        self.sink.write_all(tuple)?;
        self.sink.write_all(row.cells)
    }
}

/// The line of a row that was taken out of the landing table.
#[derive(QueryableByName, Clone, Copy, Debug)]
pub(super) struct Line {
    #[diesel(sql_type = BigInt)]
    line: i64,
}

/// Makes a finding of each row that was taken out of the landing table.
pub(super) fn taken_out(
    staged: &Staged,
    lines: &[Line],
    reject: impl Fn(Place) -> Reject,
) -> Result<Vec<Finding>, MergeError> {
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let lines: HashSet<i64> = lines.iter().map(|taken| taken.line).collect();
    let mut places = Vec::with_capacity(lines.len());
    let mut rows = staged.rows.in_order();
    while let Some(row) = rows.next_row().map_err(MergeError::Unreadable)? {
        if lines.contains(&signed(row.place.line)) {
            places.push(row.place);
        }
    }
    places.sort_unstable_by_key(|place| place.line);
    places
        .into_iter()
        .map(|place| {
            let original = staged
                .originals
                .read(place)
                .map_err(MergeError::Unreadable)?;
            Ok(Finding {
                reject: reject(place),
                winner_line: None,
                original,
            })
        })
        .collect()
}
