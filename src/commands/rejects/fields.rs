//! What the fields of a load's file are called now.
//!
//! In: the header as the file had it, and what the ledger knows of the columns at the load and since. Out:
//! the name that each field has today, so that rows of then come below a header of now. A name alone says
//! nothing where columns were renamed: the other one of two that swapped theirs would get the value.

use std::collections::BTreeSet;

use anyhow::Result;
use diesel::PgConnection;

use crate::commands::Refusal;
use crate::contract::catalog::{Catalog, CatalogColumn};
use crate::contract::identity::SchemaChange;
use crate::contract::{Contract, Contracts, Kind, Reference, TableName, WAREHOUSE};
use crate::ledger::columns::{self, ColumnsSince};
use crate::ledger::loads::Known;
use crate::stage::csv::{CsvFile, Limits};

/// What the fields are called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fields {
    /// As in the file: no column was renamed or dropped since.
    AsDelivered,
    /// Some otherwise, in the order of the file.
    Renamed(Vec<Field>),
}

/// One field of the header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Field {
    /// It has this name.
    Named(String),
    /// It fills nothing any more.
    LeftOut,
}

/// Finds what the fields of a load's file are called now.
pub(super) fn of(conn: &mut PgConnection, load: &Known, contracts: &Contracts) -> Result<Fields> {
    let table = TableName::new(load.table.as_str());
    let contract = contracts.get(&table);
    let own = Then::of(conn, &table, load.load_id)?;
    let mut dimensions = Vec::new();
    for reference in contract.map(references).unwrap_or_default() {
        let then = Then::of(conn, &reference.dimension, load.load_id)?;
        dimensions.push((reference, then));
    }
    let had = load.columns.as_deref().unwrap_or_default();
    let is_moved =
        own.moved() || own.columns.lacks(had) || dimensions.iter().any(|(_, then)| then.moved());
    let (Some(header), true) = (&load.header, is_moved) else {
        return Ok(Fields::AsDelivered);
    };
    let renamed = contract.and_then(|contract| {
        let past = Past {
            names: names(header.as_bytes())?,
            own: &own.columns,
            dimensions: &dimensions,
        };
        past.now(contract, load.columns.as_deref()?)
    });
    renamed.map(Fields::Renamed).ok_or_else(|| {
        let number = load.load_id;
        Refusal(format!(
            "Since load {number}, columns of `{table}` or of a table that it refers to were renamed or \
             dropped, and it is not known which column each field of its file would fill now. `hayloft \
             rejects list {number} --originals` shows the rows; correct them below a header of now, and load \
             them as a file of their own."
        ))
        .into()
    })
}

/// The names of a header, if it can be read.
pub(super) fn names(csv: &[u8]) -> Option<Vec<String>> {
    let file = CsvFile::open(csv, Limits::default()).ok()?;
    let names = file.header().names().iter();
    Some(names.map(|name| name.trim().to_owned()).collect())
}

/// A table's columns as they were, and what became of them.
struct Then {
    columns: ColumnsSince,
    /// What the ledger has not heard of yet.
    unheard: Vec<SchemaChange>,
    /// The columns as they are.
    now: Vec<CatalogColumn>,
}

impl Then {
    fn of(conn: &mut PgConnection, table: &TableName, load_id: i64) -> Result<Self> {
        let mut catalog = Catalog::read(conn, WAREHOUSE, &[table.as_str()])?;
        let read = catalog.tables.remove(table.as_str());
        let (unheard, now) = read.map(|it| (it.changes, it.columns)).unwrap_or_default();
        Ok(Self {
            columns: columns::since(conn, table, load_id)?,
            unheard,
            now,
        })
    }

    fn moved(&self) -> bool {
        let moves = |change: &SchemaChange| {
            matches!(
                change,
                SchemaChange::ColumnRenamed { .. } | SchemaChange::ColumnDropped { .. }
            )
        };
        self.columns.moved() || self.unheard.iter().any(moves)
    }
}

/// The header, beside the columns of then.
struct Past<'a> {
    names: Vec<String>,
    own: &'a ColumnsSince,
    dimensions: &'a [(&'a Reference, Then)],
}

impl Past<'_> {
    /// Each field by its name of now. `None` if that cannot be told.
    fn now(&self, contract: &Contract, had: &[String]) -> Option<Vec<Field>> {
        // What each field filled, by the name that this has now. One field may fill several columns.
        let mut filled: Vec<Option<Field>> = vec![None; self.names.len()];
        for id in had {
            for (place, field) in self.filled_by(id, contract)? {
                match &filled[place] {
                    Some(other) if *other != field => return None,
                    _ => filled[place] = Some(field),
                }
            }
        }
        let taken = taken(contract);
        let fields = self.names.iter().zip(filled);
        Some(
            fields
                .map(|(name, filled)| match filled {
                    Some(Field::Named(now)) if same(&now, name) => Field::Named(name.clone()),
                    Some(field) => field,
                    // It filled nothing, and is not to fill what has its name now.
                    None if taken.contains(&name.to_lowercase()) => Field::LeftOut,
                    None => Field::Named(name.clone()),
                })
                .collect(),
        )
    }

    /// The fields that filled a column, each with its name of now.
    fn filled_by(&self, id: &str, contract: &Contract) -> Option<Vec<(usize, Field)>> {
        let column = contract.columns.iter().find(|it| it.id.as_str() == id);
        if let Some(place) = self.own.place(id, &self.names) {
            let field = column.map_or(Field::LeftOut, |it| named(it.name.name()));
            return Some(vec![(place, field)]);
        }
        let of_column =
            |reference: &Reference| contract.columns[reference.column].id.as_str() == id;
        let (reference, then) = (self.dimensions.iter()).find(|(it, _)| of_column(it))?;
        let parts = reference.natural_key.iter().map(|part| {
            let name = part.name.name();
            // `from` in hayloft.toml calls a field otherwise than the column, whatever this is called.
            let is_called_so = |it: &CatalogColumn| it.id == part.id && same(&it.name, name);
            let place = if then.now.iter().any(is_called_so) {
                then.columns.place(part.id.as_str(), &self.names)
            } else {
                self.names.iter().position(|field| same(field, name))
            };
            Some((place?, named(name)))
        });
        parts.collect()
    }
}

fn named(name: &str) -> Field {
    Field::Named(name.to_owned())
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The names by which a field of now fills something.
fn taken(contract: &Contract) -> BTreeSet<String> {
    let parts = references(contract)
        .into_iter()
        .flat_map(|it| &it.natural_key);
    let columns = contract.columns.iter().chain(parts);
    columns.map(|it| it.name.name().to_lowercase()).collect()
}

fn references(contract: &Contract) -> Vec<&Reference> {
    match &contract.kind {
        Kind::Dimension { .. } => Vec::new(),
        Kind::Fact { references, .. } => references.iter().collect(),
    }
}

// ---- the rows ----------------------------------------------------------------------------------

impl Fields {
    /// The names that a header has to have, if columns were renamed.
    pub(super) fn wanted(&self) -> Option<Vec<&str>> {
        match self {
            Self::AsDelivered => None,
            Self::Renamed(fields) => Some(wanted(fields)),
        }
    }
}

fn wanted(fields: &[Field]) -> Vec<&str> {
    let kept = fields.iter().filter_map(|field| match field {
        Field::Named(name) => Some(name.as_str()),
        Field::LeftOut => None,
    });
    kept.collect()
}

/// The header as a line of a file.
pub(super) fn header_line(fields: &[Field]) -> String {
    let cells = wanted(fields).into_iter().map(|name| {
        if name.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", name.replace('"', "\"\""))
        } else {
            name.to_owned()
        }
    });
    cells.collect::<Vec<_>>().join(",")
}

/// A row without the cells that are left out, its other bytes as they came. `None` if it has not as many
/// cells as the header, so that it is not known which these are.
pub(super) fn without_left_out(row: &[u8], fields: &[Field]) -> Option<Vec<u8>> {
    if !fields.contains(&Field::LeftOut) {
        return Some(row.to_vec());
    }
    let cells = cells(row);
    if cells.len() != fields.len() {
        return None;
    }
    let kept = cells.into_iter().zip(fields);
    let kept = kept.filter_map(|(cell, field)| (*field != Field::LeftOut).then_some(cell));
    Some(kept.collect::<Vec<_>>().join(&b','))
}

/// The cells of a row, with their quotes.
fn cells(row: &[u8]) -> Vec<&[u8]> {
    let mut is_quoted = false;
    let ends = |byte: &u8| {
        is_quoted ^= *byte == b'"';
        *byte == b',' && !is_quoted
    };
    row.split(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::{Field, header_line, without_left_out};

    fn fields(names: &[&str]) -> Vec<Field> {
        let field = |name: &&str| match *name {
            "-" => Field::LeftOut,
            name => Field::Named(name.to_owned()),
        };
        names.iter().map(field).collect()
    }

    #[test]
    fn a_cell_is_left_out_and_the_others_stay() {
        let fields = fields(&["a", "-", "b,c"]);
        assert_eq!(header_line(&fields), "a,\"b,c\"");
        for (row, expected) in [
            ("1,2,3", Some("1,3")),
            ("\"1,\n\"\"\",\"2,2\",\"3\"", Some("\"1,\n\"\"\",\"3\"")),
            ("1,,", Some("1,")),
            ("1,2", None),
            ("1,2,3,4", None),
        ] {
            let kept = without_left_out(row.as_bytes(), &fields);
            assert_eq!(kept.as_deref(), expected.map(str::as_bytes), "{row}");
        }
    }

    #[test]
    fn where_nothing_is_left_out_a_row_of_any_length_stays() {
        let fields = fields(&["a", "b"]);
        let row = b"\xff,\"".to_vec();
        assert_eq!(without_left_out(&row, &fields), Some(row));
    }
}
