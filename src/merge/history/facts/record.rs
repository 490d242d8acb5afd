//! What becomes of facts → the fact table, the held rows, and the ledger.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::Text;
use uuid::Uuid;

use super::super::record::{self, put_cell, send};
use super::super::same::is_same;
use super::chain::{Past, Row, Saying, Settled, Since, Waiting};
use crate::contract::{Contract, Ident, Reference};
use crate::db::attempt::{self, Binds, Purpose, Rows};
use crate::db::copy::Target;
use crate::db::prelude::*;
use crate::merge::spoken_columns::SpokenColumns;
use crate::merge::sql::{self, Holding, Shape};
use crate::merge::{MergeError, counts, swallowed};
use crate::wire;

/// What is to be written, of one batch of facts, as rows in the binary COPY format.
#[derive(Default)]
pub(super) struct Batch {
    facts: Vec<u8>,
    payloads: Vec<u8>,
    /// How many rows are held that have a value which their column does not take.
    pub(super) misfits: usize,
}

/// Makes the temporary tables.
pub(super) fn prepare(conn: &mut PgConnection, contract: &Contract) -> QueryResult<()> {
    sql_query(sql::create_fact_refold(contract)).execute(conn)?;
    sql_query(include_str!("../create_said.sql")).execute(conn)?;
    Ok(())
}

/// Writes down which facts are touched: their keys, each with its natural key as texts.
pub(super) fn touch(
    conn: &mut PgConnection,
    contract: &Contract,
    facts: &[(Uuid, Vec<Option<String>>)],
) -> Result<(), MergeError> {
    let mut rows = Vec::new();
    for (key, cells) in facts {
        wire::put_tuple(&mut rows, 1 + cells.len()).map_err(MergeError::Unreadable)?;
        wire::put_uuid(&mut rows, *key);
        for cell in cells.iter().flatten() {
            wire::put_bytes(&mut rows, cell.as_bytes());
        }
    }
    let parts = sql::touched_parts(contract).map(Ident::vouched);
    let target = Target {
        schema: Ident::vouched("pg_temp"),
        table: Ident::vouched("hayloft_touched"),
        columns: std::iter::once(Ident::vouched("key"))
            .chain(parts)
            .collect(),
    };
    send(conn, &target, &mut rows)
}

impl Batch {
    /// Notes what differs between what there is of a fact and what there is to be.
    pub(super) fn note(
        &mut self,
        contract: &Contract,
        past: &Past,
        settled: &Settled,
    ) -> Result<(), MergeError> {
        match (&past.shown, &settled.fact) {
            (None, None) => {}
            (Some(old), None) => self.note_fact(past.key, sql::DELETED, old, (NEVER, &[]))?,
            (None, Some((new, since))) => {
                let unsaid = past.unsaid(&contract.columns);
                let unsaid: Vec<&str> = unsaid
                    .map(|place| contract.columns[place].name.name())
                    .collect();
                self.note_fact(past.key, sql::INSERTED, new, (*since, &unsaid))?;
            }
            (Some(old), Some((new, since))) => {
                if (old.load, old.line) != (new.load, new.line) || differs(contract, old, new) {
                    self.note_fact(past.key, sql::REWRITTEN, new, (*since, &[]))?;
                }
            }
        }
        if past.waiting != settled.waiting {
            if let Some(old) = &past.waiting {
                self.note_waiting(contract, past.key, sql::NOT_HELD, old)?;
            }
            if let Some(new) = &settled.waiting {
                self.misfits += usize::from(!new.misfits.is_empty());
                self.note_waiting(contract, past.key, sql::HELD, new)?;
            }
        }
        for place in &settled.kept {
            self.note_words(contract, past, &past.said[*place])?;
        }
        Ok(())
    }

    fn note_fact(
        &mut self,
        key: Uuid,
        fate: &str,
        row: &Row,
        (since, unsaid): (Since, &[&str]),
    ) -> Result<(), MergeError> {
        let missing = Missing {
            silent: &json(&unsaid)?,
            misfits: b"{}",
        };
        let out = &mut self.facts;
        put_head(
            out,
            key,
            fate,
            (row.load, row.line),
            since,
            missing,
            row.cells.len(),
        )?;
        for cell in &row.cells {
            put_cell(out, cell);
        }
        Ok(())
    }

    fn note_waiting(
        &mut self,
        contract: &Contract,
        key: Uuid,
        fate: &str,
        row: &Waiting,
    ) -> Result<(), MergeError> {
        let columns = || contract.columns.iter().zip(&row.cells).enumerate();
        let is_misfit = |place: usize| row.misfits.contains(&place);
        let silent: Vec<&str> = columns()
            .filter(|(place, (_, cell))| cell.is_none() || is_misfit(*place))
            .map(|(_, (column, _))| column.name.name())
            .collect();
        let misfits: BTreeMap<&str, Option<&str>> = columns()
            .filter(|(place, _)| is_misfit(*place))
            .map(|(_, (column, cell))| {
                (
                    column.id.as_str(),
                    cell.iter().flatten().next().map(|it| &**it),
                )
            })
            .collect();
        let missing = Missing {
            silent: &json(&silent)?,
            misfits: &json(&misfits)?,
        };
        let out = &mut self.facts;
        put_head(
            out,
            key,
            fate,
            (row.load, row.line),
            NEVER,
            missing,
            row.cells.len(),
        )?;
        for (place, cell) in row.cells.iter().enumerate() {
            let fitting = cell.clone().filter(|_| !is_misfit(place));
            put_cell(out, &fitting.flatten());
        }
        Ok(())
    }

    /// All that a row said; and what the table has in columns of which no row spoke, or only later ones,
    /// since the fact may go and come back.
    fn note_words(
        &mut self,
        contract: &Contract,
        past: &Past,
        saying: &Saying,
    ) -> Result<(), MergeError> {
        let is_spoken = |column: usize| past.said.iter().any(|it| it.authored[column]);
        let columns = contract.columns.iter().zip(&saying.cells).enumerate();
        let mut words: BTreeMap<&str, Option<&str>> = columns
            .filter(|(place, _)| saying.authored[*place] || !is_spoken(*place))
            .map(|(_, (column, cell))| (column.id.as_str(), cell.as_deref()))
            .collect();
        let beside = past.beside(saying);
        for (place, cell) in &beside {
            words.insert(contract.columns[*place].id.as_str(), cell.as_deref());
        }
        let misfits = saying.misfits.iter();
        let misfits: Vec<&str> = misfits
            .map(|place| contract.columns[*place].id.as_str())
            .collect();
        let (words, misfits) = (json(&words)?, json(&misfits)?);
        let out = &mut self.payloads;
        wire::put_tuple(out, 5).map_err(MergeError::Unreadable)?;
        wire::put_uuid(out, past.key);
        wire::put_int8(out, saying.load);
        wire::put_int8(out, saying.line);
        wire::put_jsonb(out, &words);
        wire::put_jsonb(out, &misfits);
        Ok(())
    }

    /// Sends the batch to the temporary tables.
    pub(super) fn flush(
        &mut self,
        conn: &mut PgConnection,
        contract: &Contract,
    ) -> Result<(), MergeError> {
        send(conn, &refold_target(contract), &mut self.facts)?;
        send(conn, &said_target(), &mut self.payloads)
    }
}

/// Of a row whose instants nobody asks for.
const NEVER: Since = Since {
    created: 0,
    updated: 0,
};

/// What a row that is written does not have of its columns, as JSON.
#[derive(Clone, Copy)]
struct Missing<'a> {
    /// The names of the columns of which it says nothing.
    silent: &'a [u8],
    /// Values that their columns do not take, by the columns' ids.
    misfits: &'a [u8],
}

/// Whether two states of a fact have other values.
pub(super) fn differs(contract: &Contract, old: &Row, new: &Row) -> bool {
    let cells = old.cells.iter().zip(&new.cells);
    let mut cells = contract.columns.iter().zip(cells);
    cells.any(|(column, (old, new))| !is_same(column, old, new))
}

fn put_head(
    out: &mut Vec<u8>,
    key: Uuid,
    fate: &str,
    (load, line): (i64, i64),
    since: Since,
    missing: Missing<'_>,
    cells: usize,
) -> Result<(), MergeError> {
    let fields = sql::FACT_REFOLD_COLUMNS.len() + cells;
    wire::put_tuple(out, fields).map_err(MergeError::Unreadable)?;
    wire::put_uuid(out, key);
    wire::put_bytes(out, fate.as_bytes());
    wire::put_int8(out, load);
    wire::put_int8(out, line);
    wire::put_micros(out, since.created);
    wire::put_micros(out, since.updated);
    wire::put_jsonb(out, missing.silent);
    wire::put_jsonb(out, missing.misfits);
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, MergeError> {
    serde_json::to_vec(value).map_err(|error| MergeError::Unreadable(error.into()))
}

/// Of a fact it is said, too, which columns do not take their value.
fn said_target() -> Target {
    let mut target = record::said_target();
    target.columns.push(Ident::vouched("misfits"));
    target
}

fn refold_target(contract: &Contract) -> Target {
    let own = sql::FACT_REFOLD_COLUMNS.into_iter().map(Ident::vouched);
    let columns = contract.columns.iter();
    Target {
        schema: Ident::vouched("pg_temp"),
        table: Ident::vouched("hayloft_refolded_fact"),
        columns: own
            .chain(columns.map(|column| column.name.clone()))
            .collect(),
    }
}

/// Brings what was gathered into the table and the ledger.
pub(super) fn apply(
    conn: &mut PgConnection,
    contract: &Contract,
    references: &[Reference],
) -> Result<(), MergeError> {
    sql_query("analyze pg_temp.hayloft_refolded_fact").execute(conn)?;
    let mut written = 0;
    let purpose = Purpose::Write(Rows::RefoldedFact);
    let mut statements = vec![sql::delete_facts(contract), sql::rewrite_facts(contract)];
    statements.extend(additions(conn, contract)?);
    for statement in statements {
        written += attempt::write(conn, purpose, &statement, Binds::None)?;
    }
    let sent = counts::count(conn, &sql::count_refolded_facts())?;
    swallowed::vouch(conn, contract, sent, written)?;
    for statement in [sql::drop_refolded_held(), sql::hold_refolded(contract)] {
        sql_query(statement)
            .bind::<Text, _>(contract.name.as_str())
            .execute(conn)?;
    }
    for reference in references {
        sql_query(sql::note_awaited(contract, reference, Holding::Refolded))
            .bind::<Text, _>(contract.name.as_str())
            .bind::<Text, _>(reference.dimension.as_str())
            .execute(conn)?;
    }
    sql_query(include_str!("../remember.sql")).execute(conn)?;
    conn.batch_execute(include_str!("drop.sql"))?;
    Ok(())
}

/// What inserts facts, for each set of columns that something was said of.
fn additions(conn: &mut PgConnection, contract: &Contract) -> QueryResult<Vec<String>> {
    let spoken: Vec<SpokenColumns> = sql_query(sql::read_columns_of_added(contract)).load(conn)?;
    let addition = |spoken: SpokenColumns| {
        let filled = spoken.places();
        sql::add_facts(Shape {
            contract,
            filled: &filled,
        })
    };
    Ok(spoken.into_iter().map(addition).collect())
}
