//! The contract of a fact table, with its references to dimensions.

use super::super::catalog::Catalog;
use super::super::fault::{Problem, suggestion};
use super::super::file::{ReferenceEntry, TableEntry};
use super::super::managed::{self, CREATED_AT, LOAD_ID, SOURCE_LINE, UPDATED_AT};
use super::super::{Column, ColumnType, Contract, Kind, Reference, Stamp, Stamps, Unresolved};
use super::check::Check;
use super::fields;
use super::{columns, is_dimension};

/// What a fact table may refer to.
pub(super) struct Others<'a> {
    /// All tables of the file.
    pub(super) entries: &'a [TableEntry],
    /// The dimensions that have a contract.
    pub(super) dimensions: &'a [Contract],
}

/// The contract, or `None` and problems.
pub(super) fn join(
    entry: &TableEntry,
    references: &[ReferenceEntry],
    unresolved: Unresolved,
    others: &Others<'_>,
    catalog: &Catalog,
    problems: &mut Vec<Problem>,
) -> Option<Contract> {
    let managed = vec![LOAD_ID, SOURCE_LINE, CREATED_AT, UPDATED_AT];
    let mut check = Check::begin(entry, catalog, managed, problems)?;
    check.require_managed(managed::OF_A_FACT);
    let [created_at, updated_at] = managed::STAMPS.map(|managed| stamp(&mut check, &managed));
    let columns = columns::fillable(&mut check, &fields::names(references, others.entries));
    let key = columns::key(&mut check, &columns);
    check_unique_key(&mut check);
    let entries = references;
    let references: Vec<Reference> = entries
        .iter()
        .filter_map(|reference| refer(&mut check, reference, unresolved, others, &columns))
        .collect();
    fields::check(&mut check, entries, &references, &columns);
    let new_columns = columns::new(&check, &references);
    let source = check.source();
    Some(Contract {
        name: entry.name.clone(),
        table: check.table,
        kind: Kind::Fact {
            references,
            stamps: Stamps {
                created_at,
                updated_at,
            },
        },
        columns,
        source,
        key,
        duplicates: entry.duplicates,
        unknown_columns: entry.unknown_columns,
        new_columns,
        guards: entry.guards,
        redelivery: entry.redelivery,
        on_done: entry.on_done,
    })
}

fn stamp(check: &mut Check<'_>, managed: &managed::Managed) -> Stamp {
    let Some(column) = check.find(managed.name) else {
        return Stamp::Absent;
    };
    check.require_form(managed, column);
    Stamp::Kept
}

/// A fact that is delivered again is found by its key, so the database must know it as one.
fn check_unique_key(check: &mut Check<'_>) {
    let key: Vec<&str> = check
        .entry
        .key
        .iter()
        .map(|part| part.value.as_str())
        .collect();
    if !key.is_empty() && key.iter().all(|name| check.find(name).is_some()) {
        check.require_unique(&key, None, "does not refuse two facts with the same key");
    }
}

fn refer(
    check: &mut Check<'_>,
    entry: &ReferenceEntry,
    unresolved: Unresolved,
    others: &Others<'_>,
    columns: &[Column],
) -> Option<Reference> {
    let column = reference_column(check, entry, columns);
    let dimension = referenced_dimension(check, entry, others)?;
    let Kind::Dimension { durable_key, .. } = &dimension.kind else {
        return None;
    };
    Some(Reference {
        column: column?,
        dimension: dimension.name.clone(),
        dimension_table: dimension.table.clone(),
        durable_key: durable_key.clone(),
        natural_key: fields::naming(check, entry, dimension, columns),
        unresolved,
    })
}

fn reference_column(
    check: &mut Check<'_>,
    entry: &ReferenceEntry,
    columns: &[Column],
) -> Option<usize> {
    let line = entry.dimension.line;
    let Some(column) = check.find(&entry.name().value) else {
        check.refuse_missing_uuid("references", &entry.name());
        return None;
    };
    columns::refuse_filled_elsewhere(check, "references", line, column)?;
    if column.column_type != ColumnType::Uuid {
        let (setting, is) = (check.setting("references"), column.column_type.sql());
        check.refuse(
            line,
            format!(
                "{setting} names {:?}, which is {is}; a reference holds the durable key of the \
                 dimension, a uuid. Name a uuid column, or give the column that type.",
                column.name
            ),
        );
    }
    columns
        .iter()
        .position(|found| found.name.name() == column.name)
}

/// `None` without a problem when the dimension has problems of its own.
fn referenced_dimension<'o>(
    check: &mut Check<'_>,
    entry: &ReferenceEntry,
    others: &Others<'o>,
) -> Option<&'o Contract> {
    let (setting, wanted) = (
        check.setting(&format!("references.{}", entry.column)),
        &entry.dimension.value,
    );
    match others
        .entries
        .iter()
        .find(|other| other.name.as_str() == wanted)
    {
        Some(other) if is_dimension(other) => {}
        Some(_) => {
            check.refuse(
                entry.dimension.line,
                format!(
                    "{setting} names {wanted:?}, which is a fact table. A fact refers to a \
                     dimension; remove the reference."
                ),
            );
            return None;
        }
        None => {
            let dimensions = others
                .entries
                .iter()
                .filter(|other| is_dimension(other))
                .map(|other| other.name.as_str());
            let hint = suggestion(wanted, dimensions);
            check.refuse(
                entry.dimension.line,
                format!(
                    "{setting} names {wanted:?}, and there is no section [tables.{wanted}].{hint}"
                ),
            );
            return None;
        }
    }
    others
        .dimensions
        .iter()
        .find(|contract| contract.name.as_str() == wanted)
}
