//! A table whose B-tree indexes are away while many rows come in, and made again of all of them.
//!
//! In: an empty table, and the work that fills it. Out: the same indexes, by name and definition, over
//! what is there then. It knows nothing of the rows. To make the indexes of a million rows that are
//! there takes the server little more than half of the time that it takes to add to them row by row.
//!
//! Nobody sees the table without its indexes, since it is locked until the transaction ends: who reads
//! it meanwhile waits, instead of finding it empty. Somebody who reads it already is not waited for,
//! and then the indexes stay. So they do wherever two statements could not bring them back as they
//! were (`plain.sql`), and where anything goes wrong with one: what was done is taken back, and
//! whatever is wrong shows again when the rows are added to the indexes that are there, by the message
//! that it always had.

use diesel::connection::SimpleConnection;
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::Text;

use crate::contract::Contract;
use crate::db::prelude::*;
use crate::db::{DatabaseCause, transaction};
use crate::failpoint;
use crate::merge::{MergeError, ledger, sql};

/// Whether the work was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(super) enum Bare {
    /// And the indexes are there again.
    Done,
    /// The table is as it was, with its indexes.
    NotDone,
}

/// Does the work while the table has no B-tree indexes, if that can be.
pub(super) fn without(
    conn: &mut PgConnection,
    contract: &Contract,
    work: impl FnOnce(&mut PgConnection) -> Result<(), MergeError>,
) -> Result<Bare, MergeError> {
    let done = transaction(conn, |conn| {
        if plain(conn, contract)?.is_empty() {
            return Err(Fault::Table);
        }
        conn.batch_execute(&sql::lock_alone(&contract.table))?;
        // Asked again, since by now nobody can change it.
        let indexes = plain(conn, contract)?;
        if indexes.is_empty() || !ledger::is_empty(conn, contract)? {
            return Err(Fault::Table);
        }
        drop_all(conn, &indexes)?;
        failpoint!("merge::bare");
        work(conn).map_err(Fault::Work)?;
        failpoint!("merge::filled");
        make_all(conn, &indexes)?;
        Ok(())
    });
    match done {
        Ok(()) => Ok(Bare::Done),
        Err(Fault::Table) => Ok(Bare::NotDone),
        Err(Fault::Work(error)) => Err(error),
    }
}

/// Why the work was not done, or was in vain.
enum Fault {
    /// The table could not be had, or not without its indexes, or these could not be made again.
    Table,
    Work(MergeError),
}

impl DatabaseCause for Fault {
    /// What it was is forgotten: the session remembers whether it can go on.
    fn database_cause(&self) -> Option<&DbError> {
        None
    }
}

impl From<DbError> for Fault {
    fn from(_: DbError) -> Self {
        Self::Table
    }
}

/// An index, by the statements that the server wrote for it.
#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    drop_it: String,
    #[diesel(sql_type = Text)]
    make_it: String,
}

/// The B-tree indexes of the table, in their order. None if they are to stay, because of anything that
/// two statements could not bring back, or that somebody else would hear of.
fn plain(conn: &mut PgConnection, contract: &Contract) -> QueryResult<Vec<Index>> {
    sql_query(include_str!("indexes/plain.sql"))
        .bind::<Text, _>(contract.table.to_string())
        .load(conn)
}

fn drop_all(conn: &mut PgConnection, indexes: &[Index]) -> QueryResult<()> {
    let mut indexes = indexes.iter();
    indexes.try_for_each(|index| conn.batch_execute(&index.drop_it))
}

fn make_all(conn: &mut PgConnection, indexes: &[Index]) -> QueryResult<()> {
    let mut indexes = indexes.iter();
    indexes.try_for_each(|index| conn.batch_execute(&index.make_it))
}
