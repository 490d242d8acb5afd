//! COPY into a table, and out of a query, that are known only at run time.
//!
//! Diesel's COPY takes its target from a type. Here the target lies in a thread-local for the
//! length of one call, and a type without content reads it from there. `walk_target` is a hidden
//! method of Diesel: `tests/it/copy.rs` copies rows into a table made at run time, and out of it,
//! and fails on the day on which an upgrade changes it.

use std::cell::RefCell;
use std::io::{self, BufRead, BufWriter, Write};

use diesel::connection::SimpleConnection;
use diesel::pg::{CopyFormat, CopyTarget, Pg};
use diesel::prelude::ExecuteCopyFromDsl;
use diesel::query_builder::AstPass;
use diesel::sql_types::Text;
use thiserror::Error;

use super::prelude::*;
use super::replies::{self, confirm_in_step, ensure_in_step, is_told_by_server};
use super::transaction::DatabaseCause;
use crate::contract::Ident;
use crate::wire;

/// Where COPY writes: a table, by its parts, and its columns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The schema.
    pub schema: Ident,
    /// The table.
    pub table: Ident,
    /// The columns, in the order of the fields of each tuple.
    pub columns: Vec<Ident>,
}

/// Why a COPY did not happen.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The server, or the way to it.
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    /// The rows could not be produced, or not be sent.
    #[error(transparent)]
    Rows(#[from] io::Error),
}

/// Sends what `write` writes, in the binary COPY format, to the target; returns how many rows the
/// server took.
pub fn copy_binary(
    conn: &mut PgConnection,
    target: &Target,
    mut write: impl FnMut(&mut dyn Write) -> io::Result<()>,
) -> Result<usize, CopyError> {
    /// One system call for each network packet rather than one for each field.
    const BUFFER: usize = 1 << 16;

    ensure_in_step(conn)?;
    TARGET.replace(Some(Place::Table(target.clone())));
    // Diesel wants `Fn`, and turns our error into a text inside its own.
    let write = RefCell::new(&mut write);
    let failed = RefCell::new(None);
    let copied = diesel::copy_from(stand_in::table)
        .from_raw_data(RuntimeTarget, |sink| -> Result<(), CopyError> {
            let mut sink = BufWriter::with_capacity(BUFFER, sink);
            let written = (write.borrow_mut())(&mut sink).and_then(|()| sink.flush());
            written.map_err(|error| {
                failed.replace(Some(error));
                CopyError::Rows(io::Error::other("the rows could not be produced"))
            })
        })
        .with_format(CopyFormat::Binary)
        .execute(conn);
    TARGET.take();
    match failed.into_inner() {
        Some(error) => {
            // Whether it was the way to the server that failed is not known.
            replies::note_lost(conn);
            Err(CopyError::Rows(error))
        }
        None => copied.inspect_err(|error| note_if_lost(conn, error)),
    }
}

/// Diesel tells an error of COPY as a text alone to whoever listens.
fn note_if_lost(conn: &mut PgConnection, error: &CopyError) {
    if !error.database_cause().is_some_and(is_told_by_server) {
        replies::note_lost(conn);
    }
}

/// Runs a query, and shows `each` row that it gives: its fields, one after the other, in the
/// binary COPY format. The first error of `each` ends it.
pub fn read_binary(
    conn: &mut PgConnection,
    query: &str,
    each: impl FnMut(&[u8]) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    ensure_in_step(conn)?;
    TARGET.replace(Some(Place::Query(query.to_owned())));
    let opened = diesel::copy_to(RuntimeTarget)
        .with_format(CopyFormat::Binary)
        .load_raw(conn);
    TARGET.take();
    let read = read_rows(opened?, each);
    // Diesel leaves the end of the command, or what nobody wanted to read, with libpq, which takes
    // no other command until it is gone. This one throws it away first.
    let goes_on = conn.batch_execute("select");
    read.inspect_err(|error| note_if_lost(conn, error))?;
    goes_on?;
    Ok(confirm_in_step(conn)?)
}

fn read_rows(
    mut stream: impl BufRead,
    mut each: impl FnMut(&[u8]) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut expects_header = true;
    loop {
        // libpq hands over one message at a time, and the server sends one for each row.
        let message = stream.fill_buf()?;
        let size = message.len();
        if size == 0 {
            // The error is with the end of the command, where Diesel shows it to nobody.
            return Err(CopyError::Rows(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "Postgres broke off in the middle of the rows; its log says why",
            )));
        }
        let row = match message.strip_prefix(wire::HEADER) {
            Some(first) if expects_header => first,
            _ => message,
        };
        expects_header = false;
        // The header may come alone.
        if let Some((count, fields)) = row.split_at_checked(2) {
            if count == wire::TRAILER {
                return Ok(());
            }
            each(fields)?;
        }
        stream.consume(size);
    }
}

thread_local! {
    static TARGET: RefCell<Option<Place>> = const { RefCell::new(None) };
}

#[derive(Clone, Debug)]
enum Place {
    Table(Target),
    Query(String),
}

diesel::table! {
    /// Never queried: it satisfies `CopyTarget::Table`.
    stand_in (nothing) {
        /// Never queried.
        nothing -> Text,
    }
}

/// Prints the target of this thread's COPY.
struct RuntimeTarget;

impl CopyTarget for RuntimeTarget {
    type Table = stand_in::table;
    type SqlType = Text;

    fn walk_target(mut out: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        let target = match TARGET.with_borrow(Clone::clone) {
            Some(Place::Table(target)) => target,
            Some(Place::Query(query)) => {
                out.push_sql("(");
                out.push_sql(&query);
                out.push_sql(")");
                return Ok(());
            }
            None => {
                return Err(diesel::result::Error::QueryBuilderError(
                    "COPY without a target".into(),
                ));
            }
        };
        out.push_identifier(target.schema.name())?;
        out.push_sql(".");
        out.push_identifier(target.table.name())?;
        out.push_sql(" (");
        for (position, column) in target.columns.iter().enumerate() {
            if position > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column.name())?;
        }
        out.push_sql(")");
        Ok(())
    }
}
