//! One writer a table.
//!
//! A load holds its table's lock to the end of its transaction. A dimension's load also holds
//! those of the facts that refer to it, because it may let in held ones; a fact's load shares
//! those of its dimensions, so that no member can come between "unknown" and "held". All take
//! their locks in the order of the tables' names: loaders wait for each other, never in a circle.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use crate::contract::{Contract, Contracts, TableName};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Hold {
    Alone,
    Shared,
}

/// Waits for the locks that a load of this table needs. They go with the transaction.
pub(super) fn take(
    conn: &mut PgConnection,
    contract: &Contract,
    contracts: &Contracts,
) -> QueryResult<()> {
    let mut wanted: Vec<(&TableName, Hold)> = vec![(&contract.name, Hold::Alone)];
    wanted.extend(
        contracts
            .referring_to(&contract.name)
            .map(|fact| (&fact.name, Hold::Alone)),
    );
    wanted.extend(
        contracts
            .referred_by(contract)
            .map(|dimension| (&dimension.name, Hold::Shared)),
    );
    wanted.sort();

    // Another load may rightly take longer than a lock on a row or a table should.
    conn.batch_execute("set local lock_timeout = 0")?;
    for (table, hold) in wanted {
        let statement = match hold {
            Hold::Alone => "select pg_advisory_xact_lock(hashtextextended('hayloft:' || $1, 0))",
            Hold::Shared => {
                "select pg_advisory_xact_lock_shared(hashtextextended('hayloft:' || $1, 0))"
            }
        };
        sql_query(statement)
            .bind::<Text, _>(table.as_str())
            .execute(conn)?;
    }
    conn.batch_execute("set local lock_timeout = '10s'")
}
