//! That the tables are as their contracts have them.
//!
//! The contracts are read before the locks are taken, and a migration may have changed a table since:
//! a column's name or type, a default, a trigger, row security. What was staged for the table of
//! before is not for this one; the file is staged again, and is not to blame.

use diesel::connection::SimpleConnection;

use super::{MergeError, sql};
use crate::contract::catalog::{Catalog, CatalogTable};
use crate::contract::{Contract, Contracts};
use crate::db::prelude::*;

/// Finds that the table, and those of the facts that may be let in, are as they were, and keeps
/// them so to the end of the transaction. To be asked under the locks.
pub(super) fn verify(
    conn: &mut PgConnection,
    contract: &Contract,
    contracts: &Contracts,
) -> Result<(), MergeError> {
    let written: Vec<&Contract> = std::iter::once(contract)
        .chain(contracts.referring_to(&contract.name))
        .collect();
    conn.batch_execute(&sql::lock_tables(&written))?;
    let names: Vec<&str> = written.iter().map(|it| it.table.table.name()).collect();
    let now = Catalog::as_it_is(conn, contract.table.schema.name(), &names)?;
    for contract in written {
        let table = now.tables.get(contract.table.table.name());
        if !table.is_some_and(|table| is_as_known(table, contract)) {
            return Err(MergeError::TableChanged {
                table: contract.name.clone(),
            });
        }
    }
    Ok(())
}

/// What the ledger still has to hear of a table is written down before anything is loaded into it.
fn is_as_known(table: &CatalogTable, contract: &Contract) -> bool {
    contract.source.changes.is_empty() && table.takes_rows_like(&contract.source)
}
