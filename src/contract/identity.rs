//! Which column is which, whatever it is called (semantics §20).
//!
//! In: what the ledger knows of a table's columns, and the table as the catalog has it. Out: the
//! ledger's id of each column, and what has changed since. A table is known by its oid and a column
//! by its number, which a rename leaves alone. After a restore from a dump both are others, and
//! names are all that is left. Nothing here asks the database.

use std::collections::BTreeMap;
use std::fmt;

use super::catalog::{CatalogColumn, CatalogTable};

/// What the ledger calls a column: the name that it had when it was first seen, with a number
/// behind it if an earlier column had that name. It never changes, and is never given away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ColumnId(String);

impl ColumnId {
    /// Takes the id as it stands in the ledger.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as the ledger has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a column that was not there before.
    pub(super) fn of_new(name: &str, taken: &[Self]) -> Self {
        let numbered = (2_u32..).map(|number| Self(format!("{name}#{number}")));
        let mut ids = std::iter::once(Self::new(name)).chain(numbered);
        ids.find(|id| !taken.contains(id))
            .unwrap_or_else(|| Self::new(name))
    }
}

impl fmt::Display for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The labels of enums, each by its oid, which a rename leaves alone.
pub type Labels = BTreeMap<u32, String>;

/// A table as the ledger knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownTable {
    /// The name under which its loads stand in the ledger.
    pub name: String,
    /// The table's oid when it was noted.
    pub relation: u32,
    /// The oid of the ledger then.
    pub ledger: u32,
    /// Its columns, those that are gone included.
    pub columns: Vec<KnownColumn>,
}

impl KnownTable {
    /// The ids of all its columns, those that are gone included.
    pub(super) fn ids(&self) -> Vec<ColumnId> {
        self.columns.iter().map(|it| it.id.clone()).collect()
    }
}

/// A column as the ledger knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownColumn {
    /// What the ledger calls it.
    pub id: ColumnId,
    /// The name when it was last seen.
    pub name: String,
    /// Its number in the table.
    pub number: i16,
    /// Its type then, as SQL.
    pub type_sql: String,
    /// The labels that its values could have then.
    pub labels: Labels,
    /// Whether it is there.
    pub presence: ColumnPresence,
}

/// Whether a column is there still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnPresence {
    /// It was there when the table was last looked at.
    There,
    /// It was dropped.
    Dropped,
}

/// By what the columns of now are found among those that the ledger knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Anchor {
    Number,
    Name,
}

/// Something that a table has become since the ledger last looked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SchemaChange {
    /// The ledger knew nothing of it.
    FirstSeen,
    /// It had another name.
    TableRenamed {
        /// The name of before.
        from: String,
    },
    /// Its oid is another one: it was restored, or made anew with its rows.
    Replaced,
    /// It is another table of the same name, without a row that a load brought into the one of before.
    MadeAnew,
    /// A column that was not there before.
    ColumnAdded {
        /// What the ledger calls it from now on.
        id: ColumnId,
        /// Its name.
        name: String,
    },
    /// A column is gone.
    ColumnDropped {
        /// What the ledger calls it.
        id: ColumnId,
        /// The name that it had.
        name: String,
    },
    /// A column has another name.
    ColumnRenamed {
        /// What the ledger calls it.
        id: ColumnId,
        /// The name that it had.
        from: String,
        /// The name that it has.
        to: String,
    },
    /// A column has another type.
    ColumnRetyped {
        /// What the ledger calls it.
        id: ColumnId,
        /// Its name now.
        name: String,
        /// The type that it had, as SQL.
        from: String,
        /// The type that it has.
        to: String,
    },
    /// Labels of its enum have other names.
    LabelsRenamed {
        /// What the ledger calls it.
        id: ColumnId,
        /// Its name now.
        name: String,
        /// The new names by the old ones.
        labels: BTreeMap<String, String>,
    },
    /// Its enum has labels of which the ledger knew nothing.
    LabelsAdded {
        /// What the ledger calls it.
        id: ColumnId,
    },
}

/// What is heard of labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LabelOids {
    /// They are those that the ledger noted.
    Same,
    /// They are others: the database was restored.
    Other,
}

/// The table's own state beside the ledger's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now<'a> {
    /// The name in `hayloft.toml`.
    pub name: &'a str,
    /// The ledger's oid.
    pub ledger: u32,
    /// Whether it has rows that its loads brought.
    pub rows: LoadedRows,
}

/// Whether a table has rows that loads of its name brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadedRows {
    /// Some, or nobody can tell.
    Some,
    /// None at all, whatever else is in it.
    None,
}

/// Finds the ids of a table's columns, in the table's own order, and what has changed.
pub(super) fn recognise(
    known: Option<&KnownTable>,
    now: Now<'_>,
    table: &CatalogTable,
) -> (Vec<ColumnId>, Vec<SchemaChange>) {
    let Some(known) = known else {
        let ids = table
            .columns
            .iter()
            .map(|column| ColumnId::new(&column.name));
        return (ids.collect(), vec![SchemaChange::FirstSeen]);
    };
    let mut changes = Vec::new();
    let is_same_table = known.relation == table.oid && known.ledger == now.ledger;
    if known.name != now.name {
        changes.push(SchemaChange::TableRenamed {
            from: known.name.clone(),
        });
    }
    if !is_same_table {
        // The rows of a dropped table are gone, and with them what most of its loads said. Rows of its
        // loads that are there were brought along; others say nothing of the dropped one.
        if known.ledger == now.ledger && now.rows == LoadedRows::None {
            let ids = table
                .columns
                .iter()
                .map(|column| ColumnId::new(&column.name));
            return (ids.collect(), vec![SchemaChange::MadeAnew]);
        }
        changes.push(SchemaChange::Replaced);
    }
    let anchor = if is_same_table {
        Anchor::Number
    } else {
        Anchor::Name
    };
    let oids = if known.ledger == now.ledger {
        LabelOids::Same
    } else {
        LabelOids::Other
    };
    let ids = match_columns(known, (anchor, oids), &table.columns, &mut changes);
    (ids, changes)
}

fn match_columns(
    known: &KnownTable,
    (anchor, oids): (Anchor, LabelOids),
    columns: &[CatalogColumn],
    changes: &mut Vec<SchemaChange>,
) -> Vec<ColumnId> {
    let mut taken = known.ids();
    let there = || {
        let all = known.columns.iter();
        all.filter(|it| it.presence == ColumnPresence::There)
    };
    let is_same = |old: &KnownColumn, column: &CatalogColumn| match anchor {
        Anchor::Number => old.number == column.number,
        Anchor::Name => old.name == column.name,
    };
    for old in there() {
        if !columns.iter().any(|column| is_same(old, column)) {
            changes.push(SchemaChange::ColumnDropped {
                id: old.id.clone(),
                name: old.name.clone(),
            });
        }
    }
    let mut ids = Vec::with_capacity(columns.len());
    for column in columns {
        if let Some(old) = there().find(|old| is_same(old, column)) {
            changes.extend(differences(old, column, oids));
            ids.push(old.id.clone());
            continue;
        }
        let id = ColumnId::of_new(&column.name, &taken);
        taken.push(id.clone());
        changes.push(SchemaChange::ColumnAdded {
            id: id.clone(),
            name: column.name.clone(),
        });
        ids.push(id);
    }
    ids
}

fn differences(old: &KnownColumn, column: &CatalogColumn, oids: LabelOids) -> Vec<SchemaChange> {
    let mut differences = Vec::new();
    if old.name != column.name {
        differences.push(SchemaChange::ColumnRenamed {
            id: old.id.clone(),
            from: old.name.clone(),
            to: column.name.clone(),
        });
    }
    // Of labels first: a type that was renamed with them is another one by its name alone.
    let labels = renamed_labels(&old.labels, &column.labels);
    if oids == LabelOids::Same && !labels.is_empty() {
        differences.push(SchemaChange::LabelsRenamed {
            id: old.id.clone(),
            name: column.name.clone(),
            labels,
        });
    }
    let was_there = |oid: &u32| column.labels.contains_key(oid);
    let is_another = oids == LabelOids::Same && !old.labels.keys().all(was_there);
    if old.type_sql != column.type_sql || is_another {
        differences.push(SchemaChange::ColumnRetyped {
            id: old.id.clone(),
            name: column.name.clone(),
            from: old.type_sql.clone(),
            to: column.type_sql.clone(),
        });
    }
    if oids == LabelOids::Same && !column.labels.keys().all(|oid| old.labels.contains_key(oid)) {
        differences.push(SchemaChange::LabelsAdded { id: old.id.clone() });
    }
    differences
}

/// The new names of labels by their old ones.
fn renamed_labels(old: &Labels, now: &Labels) -> BTreeMap<String, String> {
    let both = old
        .iter()
        .filter_map(|(oid, was)| Some((was, now.get(oid)?)));
    both.filter(|(was, is)| was != is)
        .map(|(was, is)| (was.clone(), is.clone()))
        .collect()
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstSeen => f.write_str("it is new to the ledger"),
            Self::TableRenamed { from } => write!(f, "it was called `{from}`"),
            Self::Replaced => {
                f.write_str("it was restored or made anew with its rows, so columns go by name")
            }
            Self::MadeAnew => f.write_str(
                "it was dropped and made anew; the loads of the dropped one no longer count",
            ),
            Self::ColumnAdded { name, .. } => write!(f, "column `{name}` is new"),
            Self::ColumnDropped { name, .. } => write!(f, "column `{name}` is gone"),
            Self::ColumnRenamed { from, to, .. } => {
                write!(f, "column `{from}` is called `{to}` now")
            }
            Self::ColumnRetyped { name, from, to, .. } => {
                write!(f, "column `{name}` was {from}, and is {to} now")
            }
            Self::LabelsRenamed { name, labels, .. } => write!(
                f,
                "{} label(s) of column `{name}` have other names now",
                labels.len()
            ),
            Self::LabelsAdded { .. } => f.write_str("its labels are noted"),
        }
    }
}

#[cfg(test)]
mod tests;
