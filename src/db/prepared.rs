//! Statements that a session parses and plans once, however often they run.
//!
//! Diesel keeps no statement that is given as a text: it cannot know whether the next one will be
//! another. Ours are fixed, or depend on a table alone, so there are few, and for a small file the
//! server spends more time on reading them than on doing what they say. Which statements are kept is
//! asked by a hidden method of Diesel: `tests/it/sent.rs` looks for one in the session, and fails
//! on the day on which an upgrade changes that.

use diesel::connection::Connection;
use diesel::deserialize::{self, QueryableByName};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::LoadQuery;
use diesel::row::NamedRow;

use super::prelude::*;

/// A statement that its session keeps.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<Q>(Q);

/// Statements that can be kept.
pub trait Prepare: Sized {
    /// The same statement, kept by the session, which lasts half an hour at most. Its text must be one
    /// of few, and the columns that it returns must have types that no user can change: the server
    /// refuses to run a kept statement whose result is another than before.
    fn prepared(self) -> Prepared<Self>;
}

impl<Q: Query> Prepare for Q {
    fn prepared(self) -> Prepared<Self> {
        Prepared(self)
    }
}

impl<Q> Prepared<Q> {
    /// Runs a statement of which only the effect is wanted. (Diesel's `execute` asks whether the
    /// statement is kept behind a reference, where nobody answers but Diesel.)
    pub fn run<'q>(self, conn: &mut PgConnection) -> QueryResult<()>
    where
        Self: LoadQuery<'q, PgConnection, Nothing>,
    {
        self.load::<Nothing>(conn).map(drop)
    }
}

/// A row of which nobody asks what is in it.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl QueryableByName<Pg> for Nothing {
    fn build<'a>(_: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        Ok(Self)
    }
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

/// It is known by its text.
impl<Q> QueryId for Prepared<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C: Connection> diesel::RunQueryDsl<C> for Prepared<Q> {}
