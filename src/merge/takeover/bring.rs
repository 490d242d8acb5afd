//! Versions of another table → versions of the dimension, that no load has brought yet.
//!
//! Whatever of the other table does not fit is refused with its column and a count: the values stay where
//! they are.

use diesel::connection::SimpleConnection;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::result::{DatabaseErrorKind, Error as DbError};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use serde::Serialize;
use uuid::Uuid;

use super::Takeover;
use crate::contract::Ident;
use crate::db::copy::{Target, copy_binary};
use crate::db::prelude::*;
use crate::db::transaction;
use crate::merge::counts::unsigned;
use crate::merge::history::Natural;
use crate::merge::sql::{self, Clock, Counting, Misfit, VersionSource};
use crate::merge::{MergeError, conversion};
use crate::wire;

/// What is to be known of rows that come from another table, though they are taken.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct SourceNotes {
    /// The table.
    pub from: String,
    /// Columns of the dimension that nothing fills: they get NULL, or their default.
    pub unfilled_columns: Vec<String>,
    /// Columns of the other table that fill nothing.
    pub unused_columns: Vec<String>,
    /// Starts, ends and other values that are a local time which the zone repeats. The earlier one is taken.
    pub repeated_times: u64,
}

impl SourceNotes {
    /// The same for people.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let from = &self.from;
        let listed = |names: &[String]| names.join(", ");
        let unfilled = (!self.unfilled_columns.is_empty()).then(|| {
            format!(
                "No column of {from} fills {}: NULL, or the default.",
                listed(&self.unfilled_columns)
            )
        });
        let unused = (!self.unused_columns.is_empty())
            .then(|| format!("Not used of {from}: {}.", listed(&self.unused_columns)));
        let repeated = (self.repeated_times > 0).then(|| {
            format!(
                "{} value(s) are a local time that the zone repeats: the earlier one is taken.",
                self.repeated_times
            )
        });
        [unfilled, unused, repeated].into_iter().flatten().collect()
    }
}

impl Takeover<'_> {
    /// What is to be known of the source, once its rows were found to fit.
    fn notes(&self, conn: &mut PgConnection, source: &VersionSource) -> QueryResult<SourceNotes> {
        let times = self.count_local_times(conn, source)?;
        let repeated = times
            .iter()
            .filter(|((_, clock), _)| *clock == Clock::Repeats);
        let columns = self.contract.columns.iter().zip(&source.columns);
        let unfilled = columns.filter(|(_, from)| from.is_none());
        Ok(SourceNotes {
            from: source.table.to_string(),
            unfilled_columns: unfilled
                .map(|(column, _)| column.name.to_string())
                .collect(),
            unused_columns: source.unused.iter().map(ToString::to_string).collect(),
            repeated_times: repeated.map(|(_, count)| count).sum(),
        })
    }

    /// Brings the rows of the other table in, or says what keeps them out.
    pub(super) fn bring_in(
        &self,
        conn: &mut PgConnection,
        durable_key: &Ident,
        source: &VersionSource,
        load_id: i64,
    ) -> Result<SourceNotes, MergeError> {
        for function in sql::CREATE_LOCAL_TIMES {
            sql_query(function).execute(conn)?;
        }
        let brought = transaction(conn, |conn| {
            self.refuse_misfits(conn, source)?;
            self.refuse_missing(conn, source)?;
            self.refuse_unbounded(conn, source)?;
            self.refuse_skipped(conn, source)?;
            self.make_keys(conn, source)?;
            self.refuse_contradictions(conn, source)?;
            sql_query(sql::insert_taken(self.contract, durable_key, source))
                .bind::<BigInt, _>(load_id)
                .execute(conn)?;
            Ok(self.notes(conn, source)?)
        });
        match brought {
            Err(MergeError::Database(error @ DbError::DatabaseError(..))) => {
                Err(self.explain(error, source))
            }
            other => other,
        }
    }

    // ---- what does not fit ---------------------------------------------------------------------

    /// Nothing is cut or rounded on its way.
    fn refuse_misfits(
        &self,
        conn: &mut PgConnection,
        source: &VersionSource,
    ) -> Result<(), MergeError> {
        let counting = sql::count_misfits(self.contract, source);
        if counting.is_some() {
            conversion::prepare(conn)?;
        }
        let misfits = found(conn, counting)?;
        self.refuse_some(misfits, |misfit, count| self.misfit(misfit, count, source))
    }

    fn refuse_missing(
        &self,
        conn: &mut PgConnection,
        source: &VersionSource,
    ) -> Result<(), MergeError> {
        let missing = found(conn, sql::count_missing(self.contract, source))?;
        self.refuse_some(missing, |place, count| match place {
            None => format!(
                "{count} row(s) of {} have no start: {} is NULL.",
                source.table, source.starts.column
            ),
            Some(place) => format!(
                "{count} row(s) of {} have no value for `{}`, which must have one.",
                source.table,
                self.column(place)
            ),
        })
    }

    fn refuse_unbounded(
        &self,
        conn: &mut PgConnection,
        source: &VersionSource,
    ) -> Result<(), MergeError> {
        let unbounded = found(conn, sql::count_unbounded(source))?;
        self.refuse_some(unbounded, |column, count| {
            format!(
                "{count} row(s) of {} have in {column} an infinity, which is no time. Only an end may be \
                 infinity, and then there is none. Correct these rows.",
                source.table
            )
        })
    }

    fn refuse_skipped(
        &self,
        conn: &mut PgConnection,
        source: &VersionSource,
    ) -> Result<(), MergeError> {
        let mut times = self.count_local_times(conn, source)?;
        times.retain(|((_, clock), _)| *clock == Clock::Skips);
        self.refuse_some(times, |(column, _), count| {
            format!(
                "{count} row(s) of {} have in {column} a local time that {} skips, so there is no such \
                 instant. Correct these rows, or name the zone that they are in with --zone.",
                source.table,
                source.zone.name()
            )
        })
    }

    fn refuse_contradictions(
        &self,
        conn: &mut PgConnection,
        source: &VersionSource,
    ) -> Result<(), MergeError> {
        let Some(statement) = sql::count_contradictions(self.contract, source) else {
            return Ok(());
        };
        let counts: Counts = sql_query(statement)
            .bind::<Nullable<Timestamptz>, _>(self.open_end)
            .get_result(conn)?;
        let said = counts.counts.into_iter().map(unsigned);
        let what = [
            "are said to be current and have an end. Correct these rows; if that end means that there is none, \
             say from which time on with --open-end",
            "are said not to be current and have no end. Correct these rows, or leave out --current",
        ];
        let found = what.into_iter().zip(said).filter(|(_, count)| *count > 0);
        self.refuse_some(found.collect(), |what, count| {
            format!("{count} row(s) of {} {what}.", source.table)
        })
    }

    /// What the server refused.
    fn explain(&self, error: DbError, source: &VersionSource) -> MergeError {
        if let DbError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) = error {
            return self.refusal(&format!(
                "Two rows of {} have the same key and start, or two rows of a key have no end, or `{}` has \
                 such a row already. This query finds those of {0}: {}",
                source.table,
                self.contract.name,
                sql::find_overlapping(self.contract, source, self.open_end)
            ));
        }
        error.into()
    }

    fn misfit(&self, misfit: Misfit, count: u64, source: &VersionSource) -> String {
        let table = &source.table;
        let instant = |column: Option<&Ident>| {
            let column = column.map(ToString::to_string).unwrap_or_default();
            format!("{count} row(s) of {table} have in {column} what is no date and no time.")
        };
        match misfit {
            Misfit::Starts => instant(Some(&source.starts.column)),
            Misfit::Ends => instant(source.ends.as_ref().map(|it| &it.column)),
            Misfit::Column(place) => format!(
                "{count} row(s) of {table} have a value that column `{}` of `{}` does not take, or takes only \
                 cut or rounded: it is {}.",
                self.column(place),
                self.contract.name,
                self.contract.columns[place].column_type.sql()
            ),
        }
    }

    fn count_local_times(
        &self,
        conn: &mut PgConnection,
        source: &VersionSource,
    ) -> QueryResult<Vec<((Ident, Clock), u64)>> {
        found(conn, sql::count_local_times(self.contract, source))
    }

    fn refuse_some<A>(
        &self,
        found: Vec<(A, u64)>,
        sentence: impl Fn(A, u64) -> String,
    ) -> Result<(), MergeError> {
        let told = found
            .into_iter()
            .map(|(asked, count)| sentence(asked, count));
        let told: Vec<String> = told.collect();
        if told.is_empty() {
            return Ok(());
        }
        Err(self.refusal(&told.join(" ")))
    }

    fn column(&self, place: usize) -> &str {
        self.contract.columns[place].name.name()
    }

    // ---- keys ----------------------------------------------------------------------------------

    /// Makes the durable key of each natural key of the source.
    fn make_keys(&self, conn: &mut PgConnection, source: &VersionSource) -> Result<(), MergeError> {
        #[derive(QueryableByName)]
        struct SourceKey {
            #[diesel(sql_type = Array<Nullable<Text>>)]
            cells: Vec<Option<String>>,
        }
        sql_query(sql::create_taken_keys(self.contract)).execute(conn)?;
        let natural = Natural::of(self.contract, self.keys);
        let mut rows = Vec::new();
        let mut unusable = 0_u64;
        {
            let read = sql_query(sql::read_source_keys(self.contract, source))
                .load_iter::<SourceKey, PgRowByRowLoadingMode>(conn)?;
            for found in read {
                let cells = found?.cells;
                match natural.as_ref().and_then(|it| it.parts(&cells)) {
                    Some((parts, key)) => put_key(&mut rows, &cells, &parts, key)?,
                    None => unusable += 1,
                }
            }
        }
        if unusable > 0 {
            return Err(self.refusal(&format!(
                "{unusable} natural key(s) in {} are none that a file could have: a part is missing, or \
                 is not spelled as its column wants it.",
                source.table
            )));
        }
        let parts = 1..=self.contract.key.len();
        let names = parts.flat_map(|part| [format!("raw_{part}"), format!("part_{part}")]);
        let target = Target {
            schema: Ident::vouched("pg_temp"),
            table: Ident::vouched("hayloft_taken_key"),
            columns: names
                .chain(["key".to_owned()])
                .map(Ident::vouched)
                .collect(),
        };
        copy_binary(conn, &target, |sink| {
            sink.write_all(wire::HEADER)?;
            sink.write_all(&rows)?;
            sink.write_all(wire::TRAILER)
        })?;
        conn.batch_execute("analyze pg_temp.hayloft_taken_key")?;
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = Array<BigInt>)]
    counts: Vec<i64>,
}

/// What is so of any row, with how many there are.
fn found<A>(conn: &mut PgConnection, counting: Option<Counting<A>>) -> QueryResult<Vec<(A, u64)>> {
    let Some(Counting { asked, statement }) = counting else {
        return Ok(Vec::new());
    };
    let counts: Counts = sql_query(statement).get_result(conn)?;
    let counted = asked
        .into_iter()
        .zip(counts.counts.into_iter().map(unsigned));
    Ok(counted.filter(|(_, count)| *count > 0).collect())
}

/// Writes a key as a row in the binary COPY format.
fn put_key(
    rows: &mut Vec<u8>,
    raw: &[Option<String>],
    parts: &[String],
    key: Uuid,
) -> Result<(), MergeError> {
    wire::put_tuple(rows, 1 + 2 * parts.len()).map_err(MergeError::Unreadable)?;
    for (raw, part) in raw.iter().zip(parts) {
        wire::put_bytes(rows, raw.as_deref().unwrap_or_default().as_bytes());
        wire::put_bytes(rows, part.as_bytes());
    }
    wire::put_uuid(rows, key);
    Ok(())
}
