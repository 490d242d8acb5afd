//! `hayloft.toml` and the catalog, joined.
//!
//! In: what people wrote and what Postgres knows. Out: a [`Contract`] for each table, or all the
//! reasons, of all tables, why they cannot hold, each with what to add where. The joining asks
//! nobody: the catalog was read before.

mod broken;
mod check;
mod columns;
mod dimension;
mod fact;
mod fields;
mod history;
mod join;
mod pattern;

use std::collections::BTreeMap;

use diesel::PgConnection;

use self::broken::BrokenTable;
use super::catalog::{Catalog, UniqueKey};
use super::fault::{ContractFault, Problem};
use super::file::{ContractFile, KindEntry, TableEntry};
use super::managed::{EFFECTIVE_END_DATE, EFFECTIVE_START_DATE};
use super::{Completeness, Contract, Kind, TableName};
use crate::db::access::Need;

/// The schema of all dimensions and facts.
pub const WAREHOUSE: &str = "datawarehouse";

/// The contracts of all tables.
#[derive(Clone, PartialEq, Debug)]
pub struct Contracts {
    sound: Vec<Contract>,
    broken: Vec<BrokenTable>,
    routes: Vec<(TableName, Option<String>)>,
    completeness: BTreeMap<TableName, Completeness>,
}

impl Contracts {
    /// Asks the database for the tables of the file, and joins the two. A table with which something is
    /// wrong has no contract, and keeps no other from having one.
    pub fn load_each(conn: &mut PgConnection, file: &ContractFile) -> Result<Self, ContractFault> {
        Ok(Self::join_each(file, &Catalog::of(conn, file, Need::Load)?))
    }

    /// The same, or all that is wrong with any of them.
    pub fn load(conn: &mut PgConnection, file: &ContractFile) -> Result<Self, ContractFault> {
        Self::load_each(conn, file)?.sound()
    }

    /// The same as [`Self::load_each`] for whoever only looks: a table may lack the unique keys that keep
    /// it sound, since then it is worth a look, and the role may be one that only reads. Nothing may be
    /// loaded by these contracts.
    pub fn load_to_look(
        conn: &mut PgConnection,
        file: &ContractFile,
    ) -> Result<Self, ContractFault> {
        let mut catalog = Catalog::of(conn, file, Need::Look)?;
        for entry in &file.tables {
            if let Some(table) = catalog.tables.get_mut(entry.name.as_str()) {
                table.unique_keys.extend(safeguards(entry));
            }
        }
        Ok(join::all(file, &catalog, Need::Look))
    }

    /// The dimensions that agree with the catalog, whatever is wrong with other tables: to look at
    /// a table it need not be known what the others are. Nothing may be loaded by these contracts.
    #[must_use]
    pub fn agreeing_dimensions(file: &ContractFile, catalog: &Catalog) -> Vec<Contract> {
        let agreeing = file.tables.iter().filter_map(|entry| {
            let mut problems = entry.problems.clone();
            let contract = join_dimension(entry, catalog, &mut problems);
            contract.filter(|_| problems.is_empty())
        });
        agreeing.collect()
    }

    /// Joins the file and the catalog, or says all that is wrong with any table.
    pub fn join(file: &ContractFile, catalog: &Catalog) -> Result<Self, ContractFault> {
        Self::join_each(file, catalog).sound()
    }

    /// Joins the file and the catalog, as far as they agree.
    #[must_use]
    pub fn join_each(file: &ContractFile, catalog: &Catalog) -> Self {
        join::all(file, catalog, Need::Load)
    }

    /// The contracts, if all tables have one.
    pub fn sound(self) -> Result<Self, ContractFault> {
        match self.fault() {
            None => Ok(self),
            Some(fault) => Err(fault),
        }
    }

    /// All that is wrong with any table.
    #[must_use]
    pub fn fault(&self) -> Option<ContractFault> {
        broken::all_of(&self.broken)
    }

    /// Why a table of the file has no contract.
    #[must_use]
    pub fn fault_of(&self, table: &TableName) -> Option<ContractFault> {
        let broken = self.broken.iter().find(|broken| broken.table == *table);
        broken.map(BrokenTable::fault)
    }

    /// The tables that have no contract.
    pub fn broken(&self) -> impl Iterator<Item = &TableName> {
        self.broken.iter().map(|broken| &broken.table)
    }

    /// The contracts, each after those that it refers to: dimensions first. A dimension refers to
    /// nothing and a fact only to dimensions, so there is no circle to look for.
    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.sound.iter()
    }

    /// The contract of a table.
    #[must_use]
    pub fn get(&self, table: &TableName) -> Option<&Contract> {
        self.sound.iter().find(|contract| contract.name == *table)
    }

    /// The tables in the order of the file, each with the pattern of its file names, if it has
    /// one of its own: what a file is for is decided by the first that matches.
    #[must_use]
    pub fn routes(&self) -> &[(TableName, Option<String>)] {
        &self.routes
    }

    /// When a file of each table is complete.
    #[must_use]
    pub fn completeness(&self) -> &BTreeMap<TableName, Completeness> {
        &self.completeness
    }

    /// The dimensions that each fact table refers to.
    #[must_use]
    pub fn dependencies(&self) -> BTreeMap<TableName, Vec<TableName>> {
        self.known()
            .filter_map(|contract| Some((contract.name.clone(), dimensions_of(contract)?)))
            .collect()
    }

    /// The dimensions that a fact table refers to; none for a dimension.
    pub fn referred_by<'c>(&'c self, contract: &Contract) -> impl Iterator<Item = &'c Contract> {
        let dimensions = dimensions_of(contract).unwrap_or_default();
        self.sound
            .iter()
            .filter(move |other| dimensions.contains(&other.name))
    }

    /// All contracts, those by which nothing is loaded too.
    fn known(&self) -> impl Iterator<Item = &Contract> {
        let known = self.broken.iter().filter_map(BrokenTable::contract);
        self.sound.iter().chain(known)
    }

    /// The fact tables that refer to a dimension: where held facts may wait for its rows. Also where
    /// something is wrong with what is said of the facts' files.
    pub fn referring_to<'c>(
        &'c self,
        dimension: &'c TableName,
    ) -> impl Iterator<Item = &'c Contract> {
        self.known().filter(move |contract| {
            dimensions_of(contract).is_some_and(|all| all.contains(dimension))
        })
    }
}

/// The unique keys that a table must have.
fn safeguards(entry: &TableEntry) -> Vec<UniqueKey> {
    let unique = |columns: &[&str], predicate: Option<String>| UniqueKey {
        columns: columns.iter().copied().map(String::from).collect(),
        predicate,
    };
    match &entry.kind {
        KindEntry::Dimension { durable_key, .. } => {
            let key = durable_key.value.as_str();
            let open = format!("({EFFECTIVE_END_DATE} is null)");
            vec![
                unique(&[key], Some(open)),
                unique(&[key, EFFECTIVE_START_DATE], None),
            ]
        }
        KindEntry::Fact { .. } => {
            let key: Vec<&str> = entry.key.iter().map(|part| part.value.as_str()).collect();
            vec![unique(&key, None)]
        }
    }
}

fn dimensions_of(contract: &Contract) -> Option<Vec<TableName>> {
    match &contract.kind {
        Kind::Dimension { .. } => None,
        Kind::Fact { references, .. } => {
            let mut dimensions: Vec<_> = references
                .iter()
                .map(|reference| reference.dimension.clone())
                .collect();
            dimensions.sort();
            dimensions.dedup();
            Some(dimensions)
        }
    }
}

/// `None` also where it is none.
fn join_dimension(
    entry: &TableEntry,
    catalog: &Catalog,
    problems: &mut Vec<Problem>,
) -> Option<Contract> {
    match &entry.kind {
        KindEntry::Dimension {
            durable_key,
            history,
        } => dimension::join(entry, durable_key, history, catalog, problems),
        KindEntry::Fact { .. } => None,
    }
}

fn is_dimension(entry: &TableEntry) -> bool {
    matches!(entry.kind, KindEntry::Dimension { .. })
}

#[cfg(test)]
mod tests;
