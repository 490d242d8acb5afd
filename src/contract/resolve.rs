//! `hayloft.toml` and the catalog, joined.
//!
//! In: what people wrote and what Postgres knows. Out: a [`Contract`] for each table, or all the
//! reasons, of all tables, why they cannot hold, each with what to add where. The joining asks
//! nobody: the catalog was read before.

mod check;
mod columns;
mod dimension;
mod fact;
mod history;
mod pattern;

use std::collections::BTreeMap;

use diesel::PgConnection;

use super::catalog::{Catalog, UniqueKey};
use super::fault::{ContractFault, Problem};
use super::file::{ContractFile, KindEntry, TableEntry};
use super::managed::{EFFECTIVE_END_DATE, EFFECTIVE_START_DATE};
use super::{Completeness, Contract, Kind, TableName};

/// The schema of all dimensions and facts.
pub const WAREHOUSE: &str = "datawarehouse";

/// The contracts of all tables.
#[derive(Clone, PartialEq, Debug)]
pub struct Contracts {
    all: Vec<Contract>,
    routes: Vec<(TableName, Option<String>)>,
    completeness: BTreeMap<TableName, Completeness>,
}

impl Contracts {
    /// Asks the database for the tables of the file, and joins the two.
    pub fn load(conn: &mut PgConnection, file: &ContractFile) -> Result<Self, ContractFault> {
        Self::join(file, &Catalog::of(conn, file)?)
    }

    /// The same for whoever only looks: a table may lack the unique keys that keep it sound, since
    /// then it is worth a look. Nothing may be loaded by these contracts.
    pub fn load_to_look(
        conn: &mut PgConnection,
        file: &ContractFile,
    ) -> Result<Self, ContractFault> {
        let mut catalog = Catalog::of(conn, file)?;
        for entry in &file.tables {
            if let Some(table) = catalog.tables.get_mut(entry.name.as_str()) {
                table.unique_keys.extend(safeguards(entry));
            }
        }
        Self::join(file, &catalog)
    }

    /// The dimensions that agree with the catalog, whatever is wrong with other tables: to look at
    /// a table it need not be known what the others are. Nothing may be loaded by these contracts.
    #[must_use]
    pub fn agreeing_dimensions(file: &ContractFile, catalog: &Catalog) -> Vec<Contract> {
        let agreeing = file.tables.iter().filter_map(|entry| {
            let mut problems = Vec::new();
            let contract = join_dimension(entry, catalog, &mut problems);
            contract.filter(|_| problems.is_empty())
        });
        agreeing.collect()
    }

    /// Joins the file and the catalog.
    pub fn join(file: &ContractFile, catalog: &Catalog) -> Result<Self, ContractFault> {
        let mut problems = Vec::new();
        let contracts = join_all(file, catalog, &mut problems);
        if !problems.is_empty() {
            return Err(ContractFault::refused(&file.path, problems));
        }
        let routes = file
            .tables
            .iter()
            .map(|entry| (entry.name.clone(), entry.pattern.clone()))
            .collect();
        let completeness = file
            .tables
            .iter()
            .map(|entry| (entry.name.clone(), file.completeness(entry)))
            .collect();
        Ok(Self {
            all: contracts,
            routes,
            completeness,
        })
    }

    /// The contracts, each after those that it refers to: dimensions first. A dimension refers to
    /// nothing and a fact only to dimensions, so there is no circle to look for.
    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.all.iter()
    }

    /// The contract of a table.
    #[must_use]
    pub fn get(&self, table: &TableName) -> Option<&Contract> {
        self.all.iter().find(|contract| contract.name == *table)
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
        self.all
            .iter()
            .filter_map(|contract| Some((contract.name.clone(), dimensions_of(contract)?)))
            .collect()
    }

    /// The dimensions that a fact table refers to; none for a dimension.
    pub fn referred_by<'c>(&'c self, contract: &Contract) -> impl Iterator<Item = &'c Contract> {
        let dimensions = dimensions_of(contract).unwrap_or_default();
        self.all
            .iter()
            .filter(move |other| dimensions.contains(&other.name))
    }

    /// The fact tables that refer to a dimension: where held facts may wait for its rows.
    pub fn referring_to<'c>(
        &'c self,
        dimension: &'c TableName,
    ) -> impl Iterator<Item = &'c Contract> {
        self.all.iter().filter(move |contract| {
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

fn join_all(file: &ContractFile, catalog: &Catalog, problems: &mut Vec<Problem>) -> Vec<Contract> {
    let mut contracts = Vec::new();
    for entry in &file.tables {
        contracts.extend(join_dimension(entry, catalog, problems));
    }
    for entry in &file.tables {
        if let KindEntry::Fact {
            references,
            unresolved,
        } = &entry.kind
        {
            let others = fact::Others {
                entries: &file.tables,
                dimensions: &contracts,
            };
            let fact = fact::join(entry, references, *unresolved, &others, catalog, problems);
            contracts.extend(fact);
        }
    }
    contracts
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
