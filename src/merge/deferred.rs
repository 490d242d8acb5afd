//! Constraints that are checked at the commit, asked before.

use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{Array, Nullable, Text};

use crate::contract::{Contract, Contracts};
use crate::db::attempt::{self, Binds, Purpose};
use crate::db::prelude::*;

/// The statements that have the deferred constraints of some tables checked now, and later again. None
/// where there is nothing of the kind.
#[derive(QueryableByName)]
pub(super) struct Deferred {
    #[diesel(sql_type = Nullable<Text>)]
    now: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    later: Option<String>,
}

impl Deferred {
    /// Those of the tables that a load may write.
    pub(super) fn of_load(
        conn: &mut PgConnection,
        contracts: &Contracts,
        contract: &Contract,
    ) -> QueryResult<Self> {
        let written = std::iter::once(contract).chain(contracts.referring_to(&contract.name));
        Self::of(conn, written)
    }

    /// Those of some tables.
    pub(super) fn of<'c>(
        conn: &mut PgConnection,
        contracts: impl Iterator<Item = &'c Contract>,
    ) -> QueryResult<Self> {
        let tables: Vec<String> = contracts.map(|it| it.table.to_string()).collect();
        sql_query(include_str!("deferred/statements.sql"))
            .bind::<Array<Text>, _>(tables)
            .get_result(conn)
    }

    /// Has the server check now what it would check at the commit.
    pub(super) fn check(&self, conn: &mut PgConnection) -> QueryResult<()> {
        if let Some(now) = &self.now {
            attempt::write(conn, Purpose::Check, now, Binds::None)?;
        }
        match &self.later {
            Some(later) => conn.batch_execute(later),
            None => Ok(()),
        }
    }

    /// Has the server check from now on whatever it would check at the commit.
    pub(super) fn check_at_once(&self, conn: &mut PgConnection) -> QueryResult<()> {
        match &self.now {
            Some(now) => conn.batch_execute(now),
            None => Ok(()),
        }
    }
}
