//! A table with which something is wrong, beside others that are loaded.

use std::path::PathBuf;

use super::super::fault::{ContractFault, Problem};
use super::super::{Contract, TableName};

/// A table that has no contract.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct BrokenTable {
    pub(super) table: TableName,
    /// The file that names it.
    pub(super) path: PathBuf,
    /// The line of its section.
    pub(super) line: usize,
    pub(super) cause: Cause,
}

/// Why a table has no contract.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Cause {
    /// What is said of its files cannot be. Its columns and references are known, if the table is as the
    /// file has it.
    Section {
        problems: Vec<Problem>,
        contract: Option<Box<Contract>>,
    },
    /// It and the catalog do not agree.
    Catalog(Vec<Problem>),
    /// It is bound to another table that has no contract.
    Other {
        table: TableName,
        contract: Option<Box<Contract>>,
    },
}

impl BrokenTable {
    /// The contract as far as it is known: what is loaded into other tables has to reckon with it.
    pub(super) fn contract(&self) -> Option<&Contract> {
        match &self.cause {
            Cause::Section { contract, .. } | Cause::Other { contract, .. } => contract.as_deref(),
            Cause::Catalog(_) => None,
        }
    }

    pub(super) fn fault(&self) -> ContractFault {
        let problems = match &self.cause {
            Cause::Section { problems, .. } | Cause::Catalog(problems) => problems.clone(),
            Cause::Other { table: other, .. } => {
                let table = &self.table;
                let sentence = format!(
                    "`{table}` and `{other}` refer to each other, and something is wrong with `{other}`. \
                     Mend that first: `hayloft status` says what it is."
                );
                vec![Problem::new(self.line, sentence)]
            }
        };
        ContractFault::refused(&self.path, problems)
    }

    /// Of a table that is bound to another one, that one's are enough.
    fn own_problems(&self) -> &[Problem] {
        match &self.cause {
            Cause::Section { problems, .. } | Cause::Catalog(problems) => problems,
            Cause::Other { .. } => &[],
        }
    }
}

/// All that is wrong with any of them.
pub(super) fn all_of(broken: &[BrokenTable]) -> Option<ContractFault> {
    let path = &broken.first()?.path;
    let problems = broken.iter().flat_map(BrokenTable::own_problems).cloned();
    Some(ContractFault::refused(path, problems.collect()))
}
