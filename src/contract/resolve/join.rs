//! All tables of the file, joined with the catalog one by one.

use super::super::catalog::{Catalog, CatalogTable};
use super::super::fault::Problem;
use super::super::file::{ContractFile, KindEntry, ReferencesRead, TableEntry};
use super::super::managed::EFFECTIVE_START_DATE;
use super::super::{Contract, TableName};
use super::broken::{BrokenTable, Cause};
use super::{Contracts, dimensions_of, fact, is_dimension, join_dimension};
use crate::db::access::Need;

/// Dimensions first, as facts refer to them.
pub(super) fn all(file: &ContractFile, catalog: &Catalog, need: Need) -> Contracts {
    let mut join = Join {
        file,
        contracts: Vec::new(),
        broken: Vec::new(),
    };
    // Also those with which something is wrong: what refers to them is checked all the same.
    let mut dimensions = Vec::new();
    for entry in &file.tables {
        let mut problems = Vec::new();
        let contract = join_dimension(entry, catalog, &mut problems);
        dimensions.extend(contract.clone());
        if is_dimension(entry) {
            join.take(entry, contract, problems);
        }
    }
    for entry in &file.tables {
        if let KindEntry::Fact {
            references,
            unresolved,
        } = &entry.kind
        {
            let others = fact::Others {
                entries: &file.tables,
                dimensions: &dimensions,
            };
            let mut problems = Vec::new();
            let fact = fact::join(
                entry,
                references,
                *unresolved,
                &others,
                catalog,
                &mut problems,
            );
            join.take(entry, fact, problems);
        }
    }
    join.bind();
    if need == Need::Load {
        join.keep_members(catalog);
        join.bind();
    }
    Contracts {
        sound: join.contracts,
        broken: join.broken,
        routes: file
            .tables
            .iter()
            .map(|entry| (entry.name.clone(), entry.pattern.clone()))
            .collect(),
        completeness: file
            .tables
            .iter()
            .map(|entry| (entry.name.clone(), file.completeness(entry)))
            .collect(),
    }
}

struct Join<'f> {
    file: &'f ContractFile,
    contracts: Vec<Contract>,
    broken: Vec<BrokenTable>,
}

impl Join<'_> {
    fn take(&mut self, entry: &TableEntry, contract: Option<Contract>, problems: Vec<Problem>) {
        let agreeing = contract.filter(|_| problems.is_empty());
        if !entry.problems.is_empty() {
            let cause = Cause::Section {
                problems: entry.problems.clone(),
                contract: agreeing.map(Box::new),
            };
            self.note(entry, cause);
        } else if let Some(contract) = agreeing {
            self.contracts.push(contract);
        } else {
            self.note(entry, Cause::Catalog(problems));
        }
    }

    fn note(&mut self, entry: &TableEntry, cause: Cause) {
        self.broken.push(BrokenTable {
            table: entry.name.clone(),
            path: self.file.path.clone(),
            line: entry.line,
            cause,
        });
    }

    /// Facts of a dimension that has no contract: their members cannot be looked up by it.
    fn bind(&mut self) {
        for entry in &self.file.tables {
            let contract = self.contracts.iter().find(|it| it.name == entry.name);
            let dimensions = contract.and_then(dimensions_of).unwrap_or_default();
            let other = dimensions.into_iter().find(|name| self.is_broken(name));
            if let Some(other) = other {
                self.set_aside(entry, other);
            }
        }
    }

    /// A dimension lets in facts that wait for its members, and keeps members to which facts refer. Where
    /// these facts are there and not known, it can do neither.
    fn keep_members(&mut self, catalog: &Catalog) {
        for fact in &self.file.tables {
            if !self.may_have_unknown_facts(fact, catalog) {
                continue;
            }
            for entry in &self.file.tables {
                let may_refer = entry.name != fact.name && self.may_refer(fact, entry);
                if may_refer && is_dimension(entry) && !self.is_broken(&entry.name) {
                    self.set_aside(entry, fact.name.clone());
                }
            }
        }
    }

    fn may_have_unknown_facts(&self, fact: &TableEntry, catalog: &Catalog) -> bool {
        let is_unknown = self.broken.iter().any(|it| {
            it.table == fact.name
                && (it.contract().is_none() || fact.references == ReferencesRead::Partly)
        });
        let table = catalog.tables.get(fact.name.as_str());
        // What has versions refers to nothing, whatever its section says.
        let has_versions = |table: &CatalogTable| {
            let mut columns = table.columns.iter();
            columns.any(|column| column.name == EFFECTIVE_START_DATE)
        };
        !is_dimension(fact) && is_unknown && table.is_some_and(|table| !has_versions(table))
    }

    /// Where one of the names is no dimension, it may be meant for any.
    fn may_refer(&self, fact: &TableEntry, dimension: &TableEntry) -> bool {
        let KindEntry::Fact { references, .. } = &fact.kind else {
            return false;
        };
        let names = |name: &str| {
            let mut entries = self.file.tables.iter();
            entries.any(|entry| is_dimension(entry) && entry.name.as_str() == name)
        };
        fact.references == ReferencesRead::Partly
            || references.iter().any(|it| {
                it.dimension.value == dimension.name.as_str() || !names(&it.dimension.value)
            })
    }

    fn is_broken(&self, table: &TableName) -> bool {
        self.broken.iter().any(|it| it.table == *table)
    }

    fn set_aside(&mut self, entry: &TableEntry, table: TableName) {
        let place = self.contracts.iter().position(|it| it.name == entry.name);
        let contract = place.map(|place| Box::new(self.contracts.remove(place)));
        self.note(entry, Cause::Other { table, contract });
    }
}
