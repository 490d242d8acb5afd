//! That the tables have the columns that their contracts know.
//!
//! The contracts are read before the locks are taken, and another process may have added a column
//! since. A load that does not know it would begin versions, and let in held facts, without its
//! value.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Text};

use super::MergeError;
use crate::contract::{Contract, Contracts};
use crate::db::Prepare;

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Array<Text>)]
    columns: Vec<String>,
}

/// Finds that the table, and those of the facts that may be let in, are as they were. To be asked
/// under the locks.
pub(super) fn vouch(
    conn: &mut PgConnection,
    contract: &Contract,
    contracts: &Contracts,
) -> Result<(), MergeError> {
    let written: Vec<&Contract> = std::iter::once(contract)
        .chain(contracts.referring_to(&contract.name))
        .collect();
    let names: Vec<String> = written.iter().map(|it| it.table.to_string()).collect();
    let now: Vec<Table> = sql_query(include_str!("columns/now.sql"))
        .bind::<Array<Text>, _>(names)
        .prepared()
        .load(conn)?;
    for contract in written {
        let name = contract.table.to_string();
        let known: BTreeSet<&String> = contract.table_columns.iter().collect();
        let is_same = |table: &Table| table.columns.iter().collect::<BTreeSet<_>>() == known;
        if !now.iter().any(|table| table.name == name && is_same(table)) {
            return Err(MergeError::OtherColumns {
                table: contract.name.clone(),
            });
        }
    }
    Ok(())
}
