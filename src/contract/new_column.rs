//! The columns that a table may get from a file.
//!
//! In: a name of a header. Out: the column as the catalog would show it once it is there, or the
//! reason why the table cannot have it. Whether the table is to get any is the contract's
//! [`super::UnknownColumns`]; it is not asked here.

use thiserror::Error;

use super::ident::NameFault;
use super::{Column, ColumnId, ColumnType, Contract, Ident, Nullability, Role, Spelling, managed};

/// What a new column of a table would be like.
#[derive(Clone, PartialEq, Debug)]
pub struct NewColumns {
    /// Names that mean something else already: the table's own columns, whoever fills them, and
    /// the fields by which a fact may name its members.
    pub(super) taken: Vec<String>,
    /// What the ledger calls the table's columns, those that are gone included.
    pub(super) taken_ids: Vec<ColumnId>,
    /// How the file spells a value.
    pub(super) spelling: Spelling,
}

/// Why a table cannot have a column, as a predicate about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum NewColumnFault {
    /// It would have to be quoted.
    #[error(
        "cannot be the name of a new column: that is a letter or _, then letters, digits and _"
    )]
    NotAName,
    /// Postgres would cut it off.
    #[error("is longer than 63 bytes, and Postgres has no such long names")]
    TooLong,
    /// Hayloft has a column of that name.
    #[error("is one that Hayloft fills itself")]
    Managed,
    /// Postgres has one in every table, or Hayloft in its temporary ones.
    #[error("is a name that Postgres or Hayloft keeps for itself")]
    Reserved,
    /// It is there, and not for files.
    #[error("is the name of something else that the table knows")]
    Taken,
}

/// The columns that every table of Postgres has.
const OF_POSTGRES: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// What the columns of Hayloft's temporary tables begin with.
const OF_HAYLOFT: &str = "hayloft_";

impl Contract {
    /// The column that the table would get for a field of this name.
    pub fn new_column(&self, header: &str) -> Result<Column, NewColumnFault> {
        let name = Ident::of_new_column(header).map_err(|fault| match fault {
            NameFault::NotAName => NewColumnFault::NotAName,
            NameFault::TooLong => NewColumnFault::TooLong,
        })?;
        let bare = name.name();
        if managed::is_managed(self, bare) {
            return Err(NewColumnFault::Managed);
        }
        if OF_POSTGRES.contains(&bare) || bare.starts_with(OF_HAYLOFT) {
            return Err(NewColumnFault::Reserved);
        }
        if self
            .new_columns
            .taken
            .iter()
            .any(|taken| taken.to_lowercase() == bare)
        {
            return Err(NewColumnFault::Taken);
        }
        let id = ColumnId::of_new(bare, &self.new_columns.taken_ids);
        Ok(Column {
            name,
            id,
            column_type: ColumnType::Text {
                sql: "text".into(),
                max_chars: None,
            },
            domain: None,
            nullability: Nullability::Nullable,
            spelling: self.new_columns.spelling.clone(),
            role: Role::Type2,
        })
    }
}
