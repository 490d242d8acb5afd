//! The contract of a dimension.

use super::super::catalog::Catalog;
use super::super::fault::Problem;
use super::super::file::{At, HistoryEntry, TableEntry};
use super::super::managed::{
    self, EFFECTIVE_END_DATE, EFFECTIVE_START_DATE, IS_CURRENT, LOAD_ID, SOURCE_LINE,
    VERSION_NUMBER,
};
use super::super::{ColumnType, Contract, Ident, Kind};
use super::check::{Check, Filler, Meant};
use super::{columns, history};

/// The contract, or `None` and problems. A contract may come with problems too: the tables that
/// refer to it are then still checked.
pub(super) fn join(
    entry: &TableEntry,
    durable_key: &At<String>,
    history: &HistoryEntry,
    catalog: &Catalog,
    problems: &mut Vec<Problem>,
) -> Option<Contract> {
    let managed = vec![
        &durable_key.value,
        EFFECTIVE_START_DATE,
        EFFECTIVE_END_DATE,
        VERSION_NUMBER,
        LOAD_ID,
        SOURCE_LINE,
    ];
    let mut check = Check::begin(entry, catalog, managed, problems)?;
    check.require_managed(managed::OF_A_DIMENSION);
    check_is_current(&mut check);
    let columns = columns::fillable(&mut check, &[]);
    let key = columns::key(&mut check, &columns);
    let history = history::join(&mut check, history);
    if check_durable_key(&mut check, durable_key).is_some() {
        check_unique_keys(&mut check, &durable_key.value);
    }
    let new_columns = columns::new(&check, &[]);
    let source = check.source();
    Some(Contract {
        name: entry.name.clone(),
        table: check.table,
        kind: Kind::Dimension {
            durable_key: Ident::vouched(&durable_key.value),
            history,
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

/// `None`, and a problem, when the durable key is another one; of its indexes nothing need be said
/// then.
fn check_durable_key(check: &mut Check<'_>, durable_key: &At<String>) -> Option<()> {
    let Some(column) = check.find(&durable_key.value) else {
        // Unless it is a slip, its indexes are missing, too, and are told in the same round.
        return match check.refuse_missing_uuid("durable_key", durable_key) {
            Meant::Another => None,
            Meant::New => Some(()),
        };
    };
    if column.column_type == ColumnType::Uuid {
        return Some(());
    }
    let (setting, told) = (check.setting("durable_key"), check.told());
    let (name, is) = (&column.name, column.column_type.sql());
    check.refuse(
        durable_key.line,
        format!(
            "{setting} names {name:?}, which is {is}; the durable key is a uuid. Name a uuid \
             column, or add a migration with: alter table {told} add column durable_key uuid not \
             null;"
        ),
    );
    None
}

/// A plain `is_current` would have to be kept by hand and could disagree with the end.
fn check_is_current(check: &mut Check<'_>) {
    let is_plain = |column| check.filler(column) == Filler::File;
    if check.find(IS_CURRENT).is_some_and(is_plain) {
        let told = check.told();
        check.refuse(
            check.entry.line,
            format!(
                "{told}.{IS_CURRENT} is not a generated column, so nothing would keep it true. Add \
                 a migration with: alter table {told} drop column {IS_CURRENT}, add column \
                 {IS_CURRENT} boolean generated always as ({EFFECTIVE_END_DATE} is null) stored;"
            ),
        );
    }
}

fn check_unique_keys(check: &mut Check<'_>, durable_key: &str) {
    let current = format!("{EFFECTIVE_END_DATE} is null");
    check.require_unique(
        &[durable_key],
        Some(&current),
        "does not refuse a second current version of one key",
    );
    check.require_unique(
        &[durable_key, EFFECTIVE_START_DATE],
        None,
        "does not refuse two versions of one key that begin together",
    );
    for key in check.unconditional_keys() {
        if key
            .columns
            .iter()
            .all(|column| may_be_shared(check, column, durable_key))
        {
            let (told, columns) = (check.told(), key.columns.join(", "));
            check.refuse(
                check.entry.line,
                format!(
                    "{told} is unique by ({columns}) over all versions, so a key could not have a \
                     second one. Add a migration that replaces this with: create unique index on \
                     {told} ({columns}) where {current};"
                ),
            );
        }
    }
}

/// Versions of one key share the durable key, and may share anything that a file says.
fn may_be_shared(check: &Check<'_>, name: &str, durable_key: &str) -> bool {
    name == durable_key
        || check
            .find(name)
            .is_some_and(|column| check.filler(column) == Filler::File)
}
