//! The contracts as they are now. A load may add a column to its table, and what is staged after
//! it must know of that column; so the register hears of such a load, and reads the catalog again
//! before the next file is staged. It also does so before a file is refused, which a person may have
//! made room for meanwhile.

use std::sync::{Arc, PoisonError, RwLock};

use crate::contract::{ContractFile, Contracts};
use crate::db::pool::Database;
use crate::error::LoadError;
use crate::merge::schema::{self, SchemaNote};

/// `hayloft.toml`, and what it came to when it was last joined with the catalog.
#[derive(Debug)]
pub struct Register {
    file: ContractFile,
    page: RwLock<Page>,
}

#[derive(Debug)]
struct Page {
    contracts: Arc<Contracts>,
    age: Age,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Age {
    Current,
    /// A load has changed a table since.
    Outdated,
}

impl Register {
    /// Takes a file with the contracts that were made of it just now.
    #[must_use]
    pub fn new(file: ContractFile, contracts: Contracts) -> Self {
        let page = Page {
            contracts: Arc::new(contracts),
            age: Age::Current,
        };
        Self {
            file,
            page: RwLock::new(page),
        }
    }

    /// The contracts as they were last read. Which tables there are never changes.
    #[must_use]
    pub fn last(&self) -> Arc<Contracts> {
        let page = self.page.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&page.contracts)
    }

    /// The contracts, read again if a load has changed a table since.
    pub(super) fn current(&self, database: &Database) -> Result<Arc<Contracts>, LoadError> {
        let page = self.page.read().unwrap_or_else(PoisonError::into_inner);
        if page.age == Age::Current {
            return Ok(Arc::clone(&page.contracts));
        }
        drop(page);
        self.renew(database)
    }

    fn renew(&self, database: &Database) -> Result<Arc<Contracts>, LoadError> {
        let mut conn = database.get()?;
        // Held over the reading, so that a load that ends meanwhile cannot be forgotten.
        let mut page = self.page.write().unwrap_or_else(PoisonError::into_inner);
        let followed = schema::follow(&mut conn, &self.file)?;
        for SchemaNote { table, news } in &followed.notes {
            tracing::info!(table, "{news}");
        }
        for sentence in followed.faults.values() {
            tracing::warn!("{sentence}");
        }
        let contracts = Contracts::join_each(&self.file, &followed.catalog);
        *page = Page {
            contracts: Arc::new(contracts),
            age: Age::Current,
        };
        Ok(Arc::clone(&page.contracts))
    }

    /// Whether the tables are others by now than these contracts know: a person may have changed
    /// one. Where that cannot be found out they count as the same.
    pub(super) fn has_news(&self, database: &Database, contracts: &Contracts) -> bool {
        self.outdate();
        self.current(database).is_ok_and(|now| *now != *contracts)
    }

    /// A load has changed a table, or somebody else may have.
    pub(super) fn outdate(&self) {
        let mut page = self.page.write().unwrap_or_else(PoisonError::into_inner);
        page.age = Age::Outdated;
    }
}
