//! Renames, swaps, drops and restores, as the ledger hears of them.

use super::*;
use crate::contract::catalog::{CatalogColumn, CatalogTable};
use crate::contract::{ColumnType, Nullability};

const TABLE: u32 = 10;
const LEDGER: u32 = 20;

fn column(number: i16, name: &str, type_sql: &str) -> CatalogColumn {
    CatalogColumn {
        number,
        type_sql: type_sql.to_owned(),
        ..CatalogColumn::new(name, ColumnType::Int4, Nullability::Nullable)
    }
}

fn table(columns: Vec<CatalogColumn>) -> CatalogTable {
    CatalogTable {
        oid: TABLE,
        ..CatalogTable::new(columns, Vec::new())
    }
}

fn known(columns: &[(i16, &str, &str, ColumnPresence)]) -> KnownTable {
    let columns = columns
        .iter()
        .map(|(number, id, name, presence)| KnownColumn {
            id: ColumnId::new(*id),
            name: (*name).to_owned(),
            number: *number,
            type_sql: "integer".to_owned(),
            labels: Labels::new(),
            presence: *presence,
        });
    KnownTable {
        name: "acc".to_owned(),
        relation: TABLE,
        ledger: LEDGER,
        columns: columns.collect(),
    }
}

fn recognised(known: &KnownTable, now: &CatalogTable) -> (Vec<String>, Vec<String>) {
    let side = Now {
        name: "acc",
        ledger: LEDGER,
        rows: LoadedRows::Some,
    };
    told(recognise(Some(known), side, now))
}

fn told((ids, changes): (Vec<ColumnId>, Vec<SchemaChange>)) -> (Vec<String>, Vec<String>) {
    let ids = ids.iter().map(ToString::to_string).collect();
    (ids, changes.iter().map(ToString::to_string).collect())
}

use ColumnPresence::{Dropped, There};

#[test]
fn a_renamed_column_keeps_its_id() {
    let known = known(&[(1, "code", "code", There), (2, "tier", "tier", There)]);
    let now = table(vec![
        column(1, "code", "integer"),
        column(2, "level", "integer"),
    ]);
    let (ids, changes) = recognised(&known, &now);
    assert_eq!(ids, ["code", "tier"]);
    assert_eq!(changes, ["column `tier` is called `level` now"]);
}

#[test]
fn two_columns_that_swap_names_stay_themselves() {
    let known = known(&[(1, "a", "a", There), (2, "b", "b", There)]);
    let now = table(vec![column(1, "b", "integer"), column(2, "a", "integer")]);
    let (ids, changes) = recognised(&known, &now);
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(changes.len(), 2);
}

#[test]
fn a_column_added_under_an_old_name_is_another() {
    let known = known(&[(1, "tier", "tier", There), (2, "old", "old", Dropped)]);
    let now = table(vec![
        column(3, "tier", "integer"),
        column(4, "old", "integer"),
    ]);
    let (ids, changes) = recognised(&known, &now);
    assert_eq!(ids, ["tier#2", "old#2"]);
    assert_eq!(
        changes,
        [
            "column `tier` is gone",
            "column `tier` is new",
            "column `old` is new"
        ]
    );
}

#[test]
fn two_new_columns_never_share_an_id() {
    let known = known(&[(1, "tier", "tier", Dropped), (2, "tier#2", "level", There)]);
    let now = table(vec![
        column(2, "level", "integer"),
        column(3, "tier", "integer"),
    ]);
    assert_eq!(recognised(&known, &now).0, ["tier#2", "tier#3"]);
}

#[test]
fn a_new_type_is_told_with_the_old_one() {
    let known = known(&[(1, "code", "code", There)]);
    let now = table(vec![column(1, "code", "text")]);
    let (_, changes) = recognised(&known, &now);
    assert_eq!(changes, ["column `code` was integer, and is text now"]);
}

#[test]
fn after_a_restore_columns_go_by_name() {
    let known = known(&[(1, "a", "a", There), (3, "b", "b", There)]);
    let now = table(vec![column(1, "b", "integer"), column(2, "a", "integer")]);
    let side = Now {
        name: "acc",
        ledger: LEDGER + 1,
        rows: LoadedRows::None,
    };
    let (ids, changes) = told(recognise(Some(&known), side, &now));
    assert_eq!(ids, ["b", "a"]);
    assert_eq!(changes.len(), 1);
}

#[test]
fn a_table_without_rows_of_its_loads_is_another() {
    let known = known(&[(1, "a", "a", There)]);
    let mut now = table(vec![column(1, "a", "integer")]);
    now.oid += 1;
    for (rows, expected) in [
        (LoadedRows::None, SchemaChange::MadeAnew),
        (LoadedRows::Some, SchemaChange::Replaced),
    ] {
        let side = Now {
            name: "acc",
            ledger: LEDGER,
            rows,
        };
        assert_eq!(recognise(Some(&known), side, &now).1, [expected]);
    }
}

#[test]
fn a_table_without_changes_has_none() {
    let known = known(&[(1, "a", "a", There), (2, "b", "b", Dropped)]);
    let now = table(vec![column(1, "a", "integer")]);
    assert_eq!(recognised(&known, &now).1, [""; 0]);
    let first = recognise(
        None,
        Now {
            name: "acc",
            ledger: LEDGER,
            rows: LoadedRows::None,
        },
        &now,
    );
    assert_eq!(first.1, [SchemaChange::FirstSeen]);
}

fn labels<const N: usize>(labels: [(u32, &str); N]) -> Labels {
    let labels = labels.into_iter();
    labels.map(|(oid, name)| (oid, name.to_owned())).collect()
}

/// What is heard of one column whose enum had some labels and has others.
fn relabelled(had: Labels, has: Labels, ledger: u32) -> Vec<String> {
    let mut known = known(&[(1, "tier", "tier", There)]);
    known.columns[0].labels = had;
    known.ledger = ledger;
    let mut now = table(vec![column(1, "tier", "integer")]);
    now.columns[0].labels = has;
    recognised(&known, &now).1
}

#[test]
fn labels_that_swap_names_are_known_by_oid() {
    let changes = relabelled(
        labels([(7, "gold"), (8, "tin"), (9, "iron")]),
        labels([(7, "tin"), (8, "gold"), (9, "iron")]),
        LEDGER,
    );
    assert_eq!(
        changes,
        ["2 label(s) of column `tier` have other names now"]
    );
}

#[test]
fn an_added_label_is_noted() {
    let changes = relabelled(
        labels([(7, "gold")]),
        labels([(7, "gold"), (8, "tin")]),
        LEDGER,
    );
    assert_eq!(changes, ["its labels are noted"]);
}

#[test]
fn an_enum_of_the_same_name_is_another() {
    let changes = relabelled(labels([(7, "gold")]), labels([(17, "gold")]), LEDGER);
    assert_eq!(
        changes,
        [
            "column `tier` was integer, and is integer now",
            "its labels are noted"
        ]
    );
}

#[test]
fn labels_of_a_restored_table_go_by_name() {
    let changes = relabelled(labels([(7, "gold")]), labels([(7, "tin")]), LEDGER + 1);
    assert!(
        changes.iter().all(|it| !it.contains("label")),
        "{changes:?}"
    );
}
