//! How a statement is run: as Diesel does it, but never on a session that has lost a reply.
//!
//! Such a session gives a statement the reply of another one. The end of an earlier reply in the place
//! of a result is even something that Diesel takes for impossible, and panics. So [`Run`] stands in
//! the place of Diesel's `RunQueryDsl`, which [`super::prelude`] leaves out.

use diesel::connection::LoadConnection;
use diesel::pg::PgConnection;
use diesel::query_dsl::methods::{ExecuteDsl, LoadQuery};
use diesel::{QueryResult, RunQueryDsl};

use super::replies::ensure_in_step;

/// Runs statements, as [`diesel::RunQueryDsl`] does. A session that has lost a reply gives an error
/// instead, and is sent nothing.
pub trait Run: RunQueryDsl<PgConnection> {
    /// Runs it; how many rows it concerned.
    fn execute(self, conn: &mut PgConnection) -> QueryResult<usize>
    where
        Self: ExecuteDsl<PgConnection>,
    {
        ensure_in_step(conn)?;
        RunQueryDsl::execute(self, conn)
    }

    /// Runs it; all rows.
    fn load<'query, U>(self, conn: &mut PgConnection) -> QueryResult<Vec<U>>
    where
        Self: LoadQuery<'query, PgConnection, U>,
    {
        ensure_in_step(conn)?;
        RunQueryDsl::load(self, conn)
    }

    /// Runs it; the first row, or [`diesel::NotFound`].
    fn get_result<'query, U>(self, conn: &mut PgConnection) -> QueryResult<U>
    where
        Self: LoadQuery<'query, PgConnection, U>,
    {
        ensure_in_step(conn)?;
        RunQueryDsl::get_result(self, conn)
    }

    /// Runs it; the rows, each when it is asked for.
    fn load_iter<'conn, 'query: 'conn, U, B>(
        self,
        conn: &'conn mut PgConnection,
    ) -> QueryResult<Self::RowIter<'conn>>
    where
        U: 'conn,
        PgConnection: LoadConnection<B>,
        Self: LoadQuery<'query, PgConnection, U, B> + 'conn,
    {
        ensure_in_step(conn)?;
        RunQueryDsl::load_iter(self, conn)
    }
}

impl<Q: RunQueryDsl<PgConnection>> Run for Q {}
