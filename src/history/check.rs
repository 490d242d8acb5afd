//! Whether the warehouse is sound.
//!
//! In: a connection and the contract of a table. Out: an [`Examined`], with each [`Fault`] that
//! was found, how often, and where. Everything is asked anew, also what constraints of the database
//! refuse, since a person may have dropped them. Examples are durable keys, loads and lines, never
//! values. Nothing is mended here, and nothing is written.

mod fault;
mod manifests;

use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use serde::Serialize;

pub use fault::Fault;

use super::sql;
use crate::contract::{Contract, Ident, Kind, Reference, TableName};
use crate::db::prelude::*;

/// A table that was looked at.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Examined {
    /// The table.
    pub table: TableName,
    /// Its rows: of a dimension all versions.
    pub rows: i64,
    /// Its keys.
    pub keys: i64,
    /// Whether nothing was found.
    pub sound: bool,
    /// What was found.
    pub faults: Vec<Found>,
}

/// A fault that was found.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Which.
    pub fault: Fault,
    /// How many keys, facts or loads have it.
    pub count: i64,
    /// Some of them: durable keys, lines or loads.
    pub examples: Vec<String>,
    /// What is wrong.
    pub sentence: String,
    /// What to do about it.
    pub mend: String,
}

/// Examines tables, all as of one instant, whatever is loaded meanwhile.
pub fn examine<'c>(
    conn: &mut PgConnection,
    contracts: impl Iterator<Item = &'c Contract>,
) -> QueryResult<Vec<Examined>> {
    as_of_now(conn, |conn| {
        contracts
            .map(|contract| examine_table(conn, contract))
            .collect()
    })
}

/// Looks at the warehouse as it is at one instant, whatever is loaded meanwhile. Nothing can be
/// written.
pub fn as_of_now<T, E: From<diesel::result::Error>>(
    conn: &mut PgConnection,
    look: impl FnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    conn.build_transaction()
        .repeatable_read()
        .read_only()
        .run(|conn| {
            conn.batch_execute(include_str!("check/transaction.sql"))?;
            look(conn)
        })
}

/// Examines one table, as of the caller's transaction.
pub fn examine_table(conn: &mut PgConnection, contract: &Contract) -> QueryResult<Examined> {
    let mut check = Check {
        conn,
        contract,
        found: Vec::new(),
    };
    let (rows, keys) = match &contract.kind {
        Kind::Dimension { durable_key, .. } => check.versions(durable_key)?,
        Kind::Fact { references, .. } => check.facts(references)?,
    };
    check.ledger()?;
    Ok(Examined {
        table: contract.name.clone(),
        rows,
        keys,
        sound: check.found.is_empty(),
        faults: check.found,
    })
}

/// One table, and what was found so far.
struct Check<'a> {
    conn: &'a mut PgConnection,
    contract: &'a Contract,
    found: Vec<Found>,
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = BigInt)]
    keys: i64,
    #[diesel(sql_type = Array<BigInt>)]
    faults: Vec<i64>,
}

#[derive(QueryableByName)]
struct Coded {
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Array<Text>)]
    examples: Vec<String>,
}

#[derive(QueryableByName)]
struct Plain {
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    examples: Option<Vec<String>>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Check<'_> {
    /// Rows and keys.
    fn versions(&mut self, durable_key: &Ident) -> QueryResult<(i64, i64)> {
        let counts: Counts = sql_query(sql::count_versions(self.contract, durable_key))
            .bind::<Text, _>(self.contract.name.as_str())
            .get_result(self.conn)?;
        if counts.faults.iter().any(|count| *count > 0) {
            let named = sql_query(sql::faulty_versions(self.contract, durable_key))
                .bind::<Text, _>(self.contract.name.as_str())
                .load(self.conn)?;
            self.add_coded(&named);
        }
        Ok((counts.rows, counts.keys))
    }

    /// Rows and keys, which are the same unless a key is there twice.
    fn facts(&mut self, references: &[Reference]) -> QueryResult<(i64, i64)> {
        let rows: Count = sql_query(sql::count_facts(self.contract)).get_result(self.conn)?;
        let name = self.contract.name.as_str();
        let repeated = sql_query(sql::repeated_facts(self.contract)).get_result(self.conn)?;
        self.add(Fault::FactRepeated, repeated);
        let of_no_load = sql_query(sql::facts_of_no_load(self.contract))
            .bind::<Text, _>(name)
            .get_result(self.conn)?;
        self.add(Fault::FactOfNoLoad, of_no_load);
        for reference in references {
            let unresolved =
                sql_query(sql::unresolved_facts(self.contract, reference)).get_result(self.conn)?;
            self.add(Fault::FactWithoutMember, unresolved);
            let there = sql_query(sql::held_for_members_there(reference))
                .bind::<Text, _>(name)
                .bind::<Text, _>(reference.dimension.as_str())
                .get_result(self.conn)?;
            self.add(Fault::HeldForMemberThere, there);
        }
        Ok((rows.count, rows.count))
    }

    /// What the ledger says of the table's loads.
    fn ledger(&mut self) -> QueryResult<()> {
        let asked = sql_query(include_str!("check/ledger.sql"))
            .bind::<Text, _>(self.contract.name.as_str())
            .load(self.conn)?;
        self.add_coded(&asked);
        let shown = manifests::read(self.conn, &self.contract.name)?;
        self.add(Fault::ManifestUnsorted, shown.unsorted);
        self.add(Fault::PayloadOfNoRow, shown.astray);
        Ok(())
    }

    /// Adds what a statement found that names several faults.
    fn add_coded(&mut self, rows: &[Coded]) {
        for fault in Fault::ALL {
            let row = rows.iter().find(|row| row.code == fault.code());
            if let Some(Coded {
                count, examples, ..
            }) = row
            {
                let (count, examples) = (*count, Some(examples.clone()));
                self.add(fault, Plain { count, examples });
            }
        }
    }

    fn add(&mut self, fault: Fault, plain: Plain) {
        if plain.count == 0 {
            return;
        }
        self.found.push(Found {
            fault,
            count: plain.count,
            examples: plain.examples.unwrap_or_default(),
            sentence: fault.sentence(plain.count),
            mend: fault.mend(self.contract),
        });
    }
}
