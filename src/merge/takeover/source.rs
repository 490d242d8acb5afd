//! What a person says of another table whose rows are versions → what the statements need.

use chrono_tz::Tz;
use diesel::PgConnection;

use crate::contract::catalog::{Catalog, CatalogColumn, CatalogTable};
use crate::contract::{Column, ColumnType, Contract, Ident, Nullability, WAREHOUSE};
use crate::merge::MergeError;
use crate::merge::sql::{EndMeaning, SourceColumn, VersionSource, Zoned};

/// Another table, as a person names it and its columns.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceWish {
    /// The table, with its schema or without.
    pub table: String,
    /// The column of a version's start.
    pub starts: String,
    /// The column of its end.
    pub ends: Option<String>,
    /// The column that says whether it is the current one.
    pub current: Option<String>,
    /// Which column fills which: the name in the dimension, and the one in the table. Others are filled
    /// by those of their own name.
    pub columns: Vec<(String, String)>,
    /// The zone of instants that have none.
    pub zone: Tz,
    /// What the end of a version names.
    pub end_meaning: EndMeaning,
}

impl SourceWish {
    /// Finds the table and its columns, or says what is missing.
    pub fn find(
        &self,
        conn: &mut PgConnection,
        contract: &Contract,
    ) -> Result<VersionSource, MergeError> {
        let (schema, name) = self
            .table
            .split_once('.')
            .unwrap_or((WAREHOUSE, &self.table));
        let catalog = Catalog::as_it_is(conn, schema, &[name])?;
        let found = catalog.tables.get(name).zip(catalog.qualified(name));
        let (table, qualified) = found.ok_or_else(|| {
            MergeError::NotTakenOver(format!("There is no table `{schema}.{name}`."))
        })?;
        if (schema, name) == (contract.table.schema.name(), contract.table.table.name()) {
            return Err(MergeError::NotTakenOver(format!(
                "`{name}` cannot be taken over from itself. Leave out --from to take over its own rows."
            )));
        }
        let columns = self.find_columns(table, contract)?;
        Ok(VersionSource {
            table: qualified,
            unused: self.unused(table, &columns),
            columns,
            starts: source_column(self.named(table, &self.starts)?),
            ends: match &self.ends {
                Some(ends) => Some(source_column(self.named(table, ends)?)),
                None => None,
            },
            current: match &self.current {
                Some(current) => Some(self.named(table, current)?.ident()),
                None => None,
            },
            zone: self.zone,
            end_meaning: self.end_meaning,
        })
    }

    fn named<'t>(
        &self,
        table: &'t CatalogTable,
        name: &str,
    ) -> Result<&'t CatalogColumn, MergeError> {
        let mut columns = table.columns.iter();
        columns.find(|column| column.name == name).ok_or_else(|| {
            let names: Vec<&str> = table.columns.iter().map(|it| it.name.as_str()).collect();
            MergeError::NotTakenOver(format!(
                "`{}` has no column `{name}`. Its columns are {}.",
                self.table,
                names.join(", ")
            ))
        })
    }

    fn find_columns(
        &self,
        table: &CatalogTable,
        contract: &Contract,
    ) -> Result<Vec<Option<SourceColumn>>, MergeError> {
        for (place, (own, _)) in self.columns.iter().enumerate() {
            if self.columns[..place].iter().any(|(name, _)| name == own) {
                return Err(MergeError::NotTakenOver(format!(
                    "--column names `{own}` twice. Say once which column fills it."
                )));
            }
            if contract
                .columns
                .iter()
                .all(|column| column.name.name() != own)
            {
                return Err(MergeError::NotTakenOver(format!(
                    "`{}` has no column `{own}` that a file fills.",
                    contract.name
                )));
            }
        }
        let mut found = Vec::with_capacity(contract.columns.len());
        for (place, column) in contract.columns.iter().enumerate() {
            let own = column.name.name();
            let said = self.columns.iter().find(|(name, _)| name == own);
            let from = match said {
                Some((_, from)) => Some(self.named(table, from)?),
                None => table.columns.iter().find(|it| it.name == own),
            };
            if from.is_none() && contract.key.contains(&place) {
                return Err(MergeError::NotTakenOver(format!(
                    "`{}` has no column `{own}`, which is part of the natural key. Say which one it is: \
                     --column {own}=NAME.",
                    self.table
                )));
            }
            if from.is_none() && !may_be_unfilled(column, contract) {
                return Err(MergeError::NotTakenOver(format!(
                    "`{}` has no column `{own}`, and `{own}` of `{}` must have a value: it is NOT NULL and \
                     has no default. Say which one fills it: --column {own}=NAME.",
                    self.table, contract.name
                )));
            }
            found.push(from.map(source_column));
        }
        Ok(found)
    }

    /// The columns of the table that fill nothing.
    fn unused(&self, table: &CatalogTable, columns: &[Option<SourceColumn>]) -> Vec<Ident> {
        let said = [
            Some(&self.starts),
            self.ends.as_ref(),
            self.current.as_ref(),
        ];
        let is_used = |column: &&CatalogColumn| {
            let mut filling = columns.iter().flatten();
            filling.any(|from| from.column.name() == column.name)
                || said.into_iter().flatten().any(|name| *name == column.name)
        };
        let unused = table.columns.iter().filter(|column| !is_used(column));
        unused.map(CatalogColumn::ident).collect()
    }
}

/// Whether a row needs no value of this column: it takes NULL, or has a default.
fn may_be_unfilled(column: &Column, contract: &Contract) -> bool {
    column.nullability == Nullability::Nullable || contract.default_of(column).is_some()
}

fn source_column(column: &CatalogColumn) -> SourceColumn {
    SourceColumn {
        column: column.ident(),
        type_sql: column.type_sql.clone(),
        zoned: match column.column_type {
            ColumnType::TimestampTz(_) => Zoned::Yes,
            ColumnType::Date => Zoned::Day,
            ColumnType::Timestamp(_) => Zoned::No,
            _ => Zoned::InText,
        },
    }
}
