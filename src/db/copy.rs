//! COPY into a table that is known only at run time.
//!
//! Diesel's COPY takes its target from a type. Here the target's name lies in a thread-local for
//! the length of one call, and a type without content reads it from there. `walk_target` is a
//! hidden method of Diesel: `tests/copy.rs` copies rows into a table made at run time, and fails
//! on the day on which an upgrade changes it.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};

use diesel::pg::{CopyFormat, CopyTarget, Pg};
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::Text;
use thiserror::Error;

use crate::contract::Ident;

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

    TARGET.replace(Some(target.clone()));
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
        Some(error) => Err(CopyError::Rows(error)),
        None => copied,
    }
}

thread_local! {
    static TARGET: RefCell<Option<Target>> = const { RefCell::new(None) };
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
        let Some(target) = TARGET.with_borrow(Clone::clone) else {
            return Err(diesel::result::Error::QueryBuilderError(
                "COPY without a target".into(),
            ));
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
