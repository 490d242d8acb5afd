//! What a table promises.
//!
//! In: `hayloft.toml` ([`mod@file`]) and the catalog ([`catalog`]). Out: a [`Contract`] for each
//! table, checked against both, with no text left that still has to be understood. A contract
//! that cannot hold is refused here, at the start, with the sentence that says how to mend it.
//! This room never sees a delivery: no file, no row.

pub mod catalog;
mod column;
mod completeness;
mod fault;
pub mod file;
mod history;
mod ident;
pub mod identity;
pub mod managed;
mod new_column;
pub mod record;
mod resolve;
mod section;
mod server_type;

use std::sync::Arc;

use catalog::{CatalogColumn, CatalogTable, ColumnDefault};
pub use column::{
    Canonical, Column, ColumnType, Domain, EmptyAs, JsonKind, Nullability, NumericLimit, Precision,
    Spelling,
};
pub use completeness::{Completeness, ReadyWhen};
pub use fault::{ContractFault, Problem, Problems};
pub use file::ContractFile;
pub use history::{Deletes, Effective, History, Late, Mode, Role, SequenceField};
pub use ident::{Ident, QualifiedName, TableName};
pub use identity::ColumnId;
pub use new_column::{NewColumnFault, NewColumns};
pub use resolve::{Contracts, WAREHOUSE};
pub use server_type::{Equality, IntervalField, IntervalLimit, ServerType, TextForm};

/// What one table promises: everything that stage and merge may know of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Contract {
    /// The name in `hayloft.toml`, which files are named for.
    pub name: TableName,
    /// The table in the database.
    pub table: QualifiedName,
    /// Dimension or fact, with what only that kind has.
    pub kind: Kind,
    /// The columns that a file may fill, in catalog order.
    pub columns: Vec<Column>,
    /// The table as it was when the catalog was read. A load asks whether it is so still.
    pub source: Arc<CatalogTable>,
    /// The natural key: positions in [`Contract::columns`], in the order of the contract.
    pub key: Vec<usize>,
    /// What becomes of rows of one file that share a key but differ.
    pub duplicates: Duplicates,
    /// What becomes of a column that the table does not have.
    pub unknown_columns: UnknownColumns,
    /// What a new column would be like, where the table may get one.
    pub new_columns: NewColumns,
    /// When too many rejects refuse the whole file.
    pub guards: Guards,
    /// Whether bytes that were loaded before are loaded again.
    pub redelivery: Redelivery,
    /// What becomes of a file once it is loaded.
    pub on_done: OnDone,
}

impl Contract {
    /// The contract as it is once the table has these columns too.
    #[must_use]
    pub fn with_added(&self, added: &[Column]) -> Self {
        let mut contract = self.clone();
        contract.columns.extend_from_slice(added);
        contract
    }

    /// What one of its columns gets of which an insert does not speak, if that is not NULL.
    #[must_use]
    pub fn default_of(&self, column: &Column) -> Option<&ColumnDefault> {
        self.source_of(column)?.default.as_ref()
    }

    /// One of its columns as the catalog has it; `None` of one that the table is only to get.
    #[must_use]
    pub fn source_of(&self, column: &Column) -> Option<&CatalogColumn> {
        let name = column.name.name();
        self.source.columns.iter().find(|it| it.name == name)
    }
}

/// The two kinds of table.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// A slowly changing dimension: versions of a key over time.
    Dimension {
        /// The uuid column that is made from the natural key.
        durable_key: Ident,
        /// How its history is made.
        history: History,
    },
    /// Facts: one row a key, updated in place.
    Fact {
        /// The columns that name a member of a dimension.
        references: Vec<Reference>,
        /// Which of the columns `created_at` and `updated_at` the table has.
        stamps: Stamps,
    },
}

/// A column of a fact that holds the durable key of a dimension.
#[derive(Clone, PartialEq, Debug)]
pub struct Reference {
    /// Position of the column in [`Contract::columns`].
    pub column: usize,
    /// The dimension, as `hayloft.toml` names it.
    pub dimension: TableName,
    /// The dimension's table.
    pub dimension_table: QualifiedName,
    /// The dimension's durable key column.
    pub durable_key: Ident,
    /// The dimension's natural key: a file may give these instead of the durable key.
    pub natural_key: Vec<Column>,
    /// What becomes of a fact whose member is unknown.
    pub unresolved: Unresolved,
}

/// Which of Hayloft's time stamps a fact table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamps {
    /// `created_at`, set once.
    pub created_at: Stamp,
    /// `updated_at`, set when a value changes.
    pub updated_at: Stamp,
}

/// Whether the table has a stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stamp {
    /// The column is there and Hayloft keeps it.
    Kept,
    /// The table does not have it.
    Absent,
}

/// What becomes of a fact whose member is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unresolved {
    /// It waits in the ledger, and is loaded when the member arrives.
    Hold,
    /// It is a reject.
    Reject,
}

/// What becomes of rows of one file that share a key but differ (semantics §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duplicates {
    /// The row on the highest line wins.
    Last,
    /// The row on the lowest line wins.
    First,
    /// No row of the key is used.
    RejectKey,
    /// The file is refused.
    FailFile,
}

/// What becomes of a column in the file that the table does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnknownColumns {
    /// The file is refused, naming the column.
    Refuse,
    /// The column is not read.
    Ignore,
    /// The table gets the column. Where a key had no value in it, the current version gets it.
    FillCurrent,
    /// The table gets the column. Where a key had no value in it, that was NULL.
    Version,
}

/// When too many rejects refuse the whole file (semantics §15.3).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Guards {
    /// The most rejected rows, if there is a limit.
    pub max_reject_rows: Option<u64>,
    /// The largest share of rejected rows, in files of at least [`Guards::FRACTION_FLOOR`] rows.
    pub max_reject_fraction: f64,
    /// The fewest usable rows of a snapshot that may close anything.
    pub min_rows: u64,
    /// The most keys that a snapshot may close, if there is a limit.
    pub max_close_rows: Option<u64>,
    /// The largest share of the open keys that a snapshot may close, where at least
    /// [`Guards::CLOSE_FLOOR`] are open.
    pub max_close_fraction: f64,
    /// The most keys, or facts, that a file may change, if there is a limit.
    pub max_change_rows: Option<u64>,
    /// The largest share of them that it may change.
    pub max_change: MaxChange,
}

/// The largest share of the open keys, or of the facts, that a file may change.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MaxChange {
    /// This one, where at least [`Guards::CHANGE_FLOOR`] are there.
    Fraction(f64),
    /// Half, where at least [`Guards::UNUSUAL_FLOOR`] are there and the loads before show that so
    /// many are unusual.
    Usual,
}

impl Guards {
    /// What holds where the contract says nothing.
    pub const DEFAULT: Self = Self {
        max_reject_rows: None,
        max_reject_fraction: 0.1,
        min_rows: 1,
        max_close_rows: None,
        max_close_fraction: 0.2,
        max_change_rows: None,
        max_change: MaxChange::Usual,
    };
    /// In a smaller table one changed key is already a large share, so none is asked.
    pub const CHANGE_FLOOR: u64 = 20;
    /// A small table, of rates or prices, often changes whole. Only a person can tell whether that
    /// is unusual.
    pub const UNUSUAL_FLOOR: u64 = 100;
    /// In a smaller file one bad row is already a large share, so the share is not asked.
    pub const FRACTION_FLOOR: u64 = 20;
    /// In a smaller table one closed key is already a large share, so none is asked.
    pub const CLOSE_FLOOR: u64 = 20;
}

/// Whether bytes that were loaded before are loaded again (semantics §12.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redelivery {
    /// A dimension skips them; facts are keyed, so loading them again changes nothing.
    Auto,
    /// They are loaded again.
    Always,
}

/// What becomes of a file once it is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnDone {
    /// It is deleted.
    Delete,
    /// It is moved to `imports/archive/`, named by its claim.
    Archive,
    /// It is moved to `imports/kept/` under its own name.
    Keep,
}
