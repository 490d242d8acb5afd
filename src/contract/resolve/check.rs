//! One table of the file beside the same table of the catalog, and what was found wrong with the
//! pair so far.

use std::sync::Arc;

use super::super::catalog::{Catalog, CatalogColumn, CatalogTable, Origin, Relation, UniqueKey};
use super::super::fault::{Problem, nearest, suggestion};
use super::super::file::{At, TableEntry};
use super::super::managed::Managed;
use super::super::{ColumnType, Ident, Nullability, QualifiedName};

/// The pair under examination.
pub(super) struct Check<'a> {
    pub(super) entry: &'a TableEntry,
    pub(super) table: QualifiedName,
    pub(super) columns: &'a [CatalogColumn],
    found: &'a CatalogTable,
    managed: Vec<&'a str>,
    problems: &'a mut Vec<Problem>,
}

/// Who fills a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filler {
    File,
    Hayloft,
    Database,
}

/// What a name may stand for that the table does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meant {
    /// A column that is spelled otherwise.
    Another,
    /// One that has to be added.
    New,
}

impl<'a> Check<'a> {
    /// `None`, and a problem, when there is no such table. `managed` are the names of the columns
    /// that Hayloft fills, should the table have them.
    pub(super) fn begin(
        entry: &'a TableEntry,
        catalog: &'a Catalog,
        managed: Vec<&'a str>,
        problems: &'a mut Vec<Problem>,
    ) -> Option<Self> {
        let table = QualifiedName {
            schema: Ident::vouched(&catalog.schema),
            table: Ident::vouched(entry.name.as_str()),
        };
        if let Some(sentence) = catalog.obstacles.get(entry.name.as_str()) {
            problems.push(Problem::new(entry.line, sentence.clone()));
        }
        let missing = match catalog.tables.get(entry.name.as_str()) {
            Some(found) if found.relation == Relation::Table => {
                return Some(Self {
                    entry,
                    table,
                    columns: &found.columns,
                    found,
                    managed,
                    problems,
                });
            }
            Some(_) => {
                "is a view or a foreign table, and only a table can be loaded. Name the table that \
                 is behind it."
            }
            None => {
                "is not in the database. Run `hayloft migrate`, or add a migration that creates it."
            }
        };
        problems.push(Problem::new(
            entry.line,
            format!("{} {missing}", told_table(&table)),
        ));
        None
    }

    /// The table as the catalog has it.
    pub(super) fn source(&self) -> Arc<CatalogTable> {
        Arc::new(self.found.clone())
    }

    pub(super) fn refuse(&mut self, line: usize, sentence: impl Into<String>) {
        self.problems.push(Problem::new(line, sentence));
    }

    /// The table as a person writes it in SQL.
    pub(super) fn told(&self) -> String {
        told_table(&self.table)
    }

    /// The full name of one of the table's settings.
    pub(super) fn setting(&self, key: &str) -> String {
        format!("tables.{}.{key}", self.entry.name)
    }

    pub(super) fn find(&self, name: &str) -> Option<&'a CatalogColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column that a setting names, or a problem that names the nearest.
    pub(super) fn named(&mut self, setting: &str, name: &At<String>) -> Option<&'a CatalogColumn> {
        let found = self.find(&name.value);
        if found.is_none() {
            let (setting, told) = (self.setting(setting), self.told());
            let hint = suggestion(
                &name.value,
                self.columns.iter().map(|column| column.name.as_str()),
            );
            self.refuse(
                name.line,
                format!(
                    "{setting} names {:?}, and {told} has no such column.{hint}",
                    name.value
                ),
            );
        }
        found
    }

    /// A setting names a uuid column that the table does not have: the line that adds it, and a column
    /// that may have been meant, if it could serve.
    pub(super) fn refuse_missing_uuid(&mut self, setting: &str, name: &At<String>) -> Meant {
        let (setting, told) = (self.setting(setting), self.told());
        let uuids: Vec<&str> = (self.columns.iter())
            .filter(|column| column.column_type == ColumnType::Uuid)
            .map(|column| column.name.as_str())
            .collect();
        let (meant, advice) = match nearest(&name.value, &uuids) {
            Some(other) => (
                Meant::Another,
                format!("Did you mean {other:?}? If not, add"),
            ),
            None => (Meant::New, "Add".to_owned()),
        };
        let column = told_name(&name.value);
        self.refuse(
            name.line,
            format!(
                "{setting} names {:?}, and {told} has no such column. {advice} a migration with: alter \
                 table {told} add column {column} uuid not null;",
                name.value
            ),
        );
        meant
    }

    pub(super) fn filler(&self, column: &CatalogColumn) -> Filler {
        let is_key = || self.is_key(&column.name);
        match column.origin {
            _ if self.managed.contains(&column.name.as_str()) => Filler::Hayloft,
            Origin::Generated => Filler::Database,
            Origin::Numbered if !is_key() => Filler::Database,
            Origin::Numbered | Origin::Inserted => Filler::File,
        }
    }

    pub(super) fn is_key(&self, column: &str) -> bool {
        self.entry.key.iter().any(|part| part.value == column)
    }

    /// Each column must be there, and of its type.
    pub(super) fn require_managed(&mut self, all: &[Managed]) {
        for managed in all {
            match self.find(managed.name) {
                Some(column) => self.require_form(managed, column),
                None => self.refuse_missing(managed),
            }
        }
    }

    pub(super) fn require_form(&mut self, managed: &Managed, column: &CatalogColumn) {
        let (told, name, line) = (self.told(), told_name(managed.name), self.entry.line);
        let (is, fills) = (column.column_type.sql(), managed.column_type.sql());
        if column.column_type != *managed.column_type {
            self.refuse(
                line,
                format!(
                    "{told}.{name} is {is}, and what Hayloft puts there is {fills}. Add a \
                     migration with: alter table {told} alter column {name} type {fills};"
                ),
            );
        }
        if managed.nullability == Nullability::Nullable
            && column.nullability == Nullability::Required
        {
            self.refuse(
                line,
                format!(
                    "{told}.{name} is not null, and the current version has no end. Add a \
                     migration with: alter table {told} alter column {name} drop not null;"
                ),
            );
        }
    }

    fn refuse_missing(&mut self, managed: &Managed) {
        let (told, name, sql) = (self.told(), managed.name, managed.column_type.sql());
        let not_null = match managed.nullability {
            Nullability::Required => " not null",
            Nullability::Nullable => "",
        };
        self.refuse(
            self.entry.line,
            format!(
                "{told} has no column {name}, which Hayloft fills. Add a migration with: alter \
                 table {told} add column {name} {sql}{not_null};"
            ),
        );
    }

    /// There must be a unique index exactly on the columns; `otherwise` is what could happen
    /// without it, said of the table.
    pub(super) fn require_unique(
        &mut self,
        columns: &[&str],
        condition: Option<&str>,
        otherwise: &str,
    ) {
        let there = self.found.unique_keys.iter().any(|key| {
            same_columns(&key.columns, columns)
                && same_condition(key.predicate.as_deref(), condition)
        });
        if !there {
            let told = self.told();
            let list: Vec<String> = columns.iter().map(|name| told_name(name)).collect();
            let condition = condition
                .map(|condition| format!(" where {condition}"))
                .unwrap_or_default();
            self.refuse(
                self.entry.line,
                format!(
                    "{told} {otherwise}. Add a migration with: create unique index on {told} \
                     ({}){condition};",
                    list.join(", ")
                ),
            );
        }
    }

    /// The unique indexes that hold for every row of the table.
    pub(super) fn unconditional_keys(&self) -> impl Iterator<Item = &'a UniqueKey> + use<'a> {
        let keys = self.found.unique_keys.iter();
        keys.filter(|key| key.predicate.is_none())
    }
}

fn same_columns(one: &[String], other: &[&str]) -> bool {
    one.len() == other.len()
        && other
            .iter()
            .all(|name| one.iter().any(|column| column == name))
}

/// The catalog puts a condition in brackets and its keywords in capitals.
fn same_condition(catalog: Option<&str>, written: Option<&str>) -> bool {
    match (catalog, written) {
        (Some(catalog), Some(written)) => catalog.eq_ignore_ascii_case(&format!("({written})")),
        (catalog, written) => catalog.is_none() && written.is_none(),
    }
}

fn told_table(table: &QualifiedName) -> String {
    format!(
        "{}.{}",
        told_name(table.schema.name()),
        told_name(table.table.name())
    )
}

/// A name as a person writes it in SQL: quoted only where it must be.
pub(super) fn told_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(plain) {
        name.to_owned()
    } else {
        Ident::vouched(name).to_string()
    }
}
