//! How a dimension's history is made, beside the columns of the table.
//!
//! The fields that say what was done, from when on and in what order need not be columns. Those
//! that are must be able to hold what is read from them.

use super::super::catalog::CatalogColumn;
use super::super::file::{At, ColumnEntry, EffectiveEntry, HistoryEntry, ModeEntry};
use super::super::{ColumnType, Effective, History, Mode, SequenceField};
use super::check::{Check, told_name};
use super::columns::refuse_filled_elsewhere;
use super::pattern::{self, Says};

/// The history, or one that is not quite it and problems.
pub(super) fn join(check: &mut Check<'_>, entry: &HistoryEntry) -> History {
    History {
        mode: join_mode(check, &entry.mode),
        effective: join_effective(check, &entry.effective),
        sequence: entry
            .sequence
            .iter()
            .map(|field| join_sequence(check, field))
            .collect(),
        deletes: entry.deletes,
        late: entry.late,
        horizon: entry.horizon,
        max_future: entry.max_future,
    }
}

fn join_mode(check: &mut Check<'_>, mode: &ModeEntry) -> Mode {
    match mode {
        ModeEntry::Incremental => Mode::Incremental,
        ModeEntry::Snapshot => Mode::Snapshot,
        ModeEntry::Feed { op } => {
            if let Some(column) = column_of(check, "op", op) {
                let is_text = matches!(
                    column.column_type,
                    ColumnType::Text { .. } | ColumnType::Enum { .. }
                );
                require(check, "op", op, column, is_text, "a word");
            }
            Mode::Feed {
                op: op.value.clone(),
            }
        }
    }
}

fn join_sequence(check: &mut Check<'_>, field: &At<String>) -> SequenceField {
    if let Some(column) = column_of(check, "sequence", field) {
        let is_integer = matches!(
            column.column_type,
            ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8
        );
        require(check, "sequence", field, column, is_integer, "an integer");
    }
    SequenceField {
        name: field.value.clone(),
    }
}

fn join_effective(check: &mut Check<'_>, effective: &EffectiveEntry) -> Effective {
    let table_zone = check.entry.zone;
    match effective {
        EffectiveEntry::LoadTime => Effective::LoadTime,
        EffectiveEntry::Sidecar => Effective::Sidecar { zone: table_zone },
        EffectiveEntry::FileName { pattern, zone } => {
            check_pattern(check, "effective.file_name", pattern, "%Y-%m-%d");
            Effective::FileName {
                pattern: pattern.value.clone(),
                zone: zone.unwrap_or(table_zone),
            }
        }
        EffectiveEntry::Column { name, format, zone } => {
            if let Some(format) = format {
                check_pattern(check, "effective.format", format, "%d/%m/%Y %H:%M:%S");
            }
            let column = column_of(check, "effective", name);
            if let Some(column) = column {
                require_instant(check, name, column);
            }
            let entry = column.and_then(|column| entry_of(check, column));
            let of_column = entry.and_then(|entry| entry.format.as_ref());
            if let (Some(format), Some(other)) = (format, of_column) {
                refuse_two_formats(check, format, other, &name.value);
            }
            Effective::Column {
                name: name.value.clone(),
                format: format.as_ref().or(of_column).map(|at| at.value.clone()),
                zone: zone
                    .or_else(|| entry?.zone.as_ref().map(|zone| zone.value))
                    .unwrap_or(table_zone),
            }
        }
    }
}

/// The column that a field fills too, if it does, and if a file may. Neither the key nor what
/// Hayloft or the database fills can be such a field.
fn column_of<'a>(
    check: &mut Check<'a>,
    setting: &str,
    field: &At<String>,
) -> Option<&'a CatalogColumn> {
    let folded = field.value.to_lowercase();
    let column = check
        .columns
        .iter()
        .find(|column| column.name.to_lowercase() == folded)?;
    refuse_filled_elsewhere(check, setting, field.line, column)?;
    if check.is_key(&column.name) {
        let setting = check.setting(setting);
        check.refuse(
            field.line,
            format!(
                "{setting} names {:?}, which is part of the key and the same in all rows of a \
                 member. Name another field.",
                field.value
            ),
        );
        return None;
    }
    Some(column)
}

fn require_instant(check: &mut Check<'_>, field: &At<String>, column: &CatalogColumn) {
    let is_instant = matches!(
        column.column_type,
        ColumnType::Date
            | ColumnType::Timestamp(_)
            | ColumnType::TimestampTz(_)
            | ColumnType::Text { .. }
    );
    require(
        check,
        "effective",
        field,
        column,
        is_instant,
        "a date or a timestamp",
    );
}

fn require(
    check: &mut Check<'_>,
    setting: &str,
    field: &At<String>,
    column: &CatalogColumn,
    holds: bool,
    what: &str,
) {
    if holds {
        return;
    }
    let (setting, told) = (check.setting(setting), check.told());
    let (name, is) = (told_name(&column.name), column.column_type.sql());
    check.refuse(
        field.line,
        format!(
            "{setting} names {:?}, and {told}.{name} is {is}; what is read there is {what}. Name \
             another field.",
            field.value
        ),
    );
}

fn entry_of<'a>(check: &Check<'a>, column: &CatalogColumn) -> Option<&'a ColumnEntry> {
    check
        .entry
        .columns
        .iter()
        .find(|entry| entry.name == column.name)
}

fn refuse_two_formats(
    check: &mut Check<'_>,
    format: &At<String>,
    other: &At<String>,
    column: &str,
) {
    if format.value != other.value {
        let setting = check.setting("effective.format");
        let also = check.setting(&format!("columns.{column}.format"));
        check.refuse(
            format.line,
            format!(
                "{setting} is {:?}, and {also} is {:?}: no field is both. Remove one.",
                format.value, other.value
            ),
        );
    }
}

fn check_pattern(check: &mut Check<'_>, setting: &str, pattern: &At<String>, example: &str) {
    if let Some(fault) = pattern::fault(&pattern.value, Says::Instant) {
        let setting = check.setting(setting);
        check.refuse(
            pattern.line,
            format!(
                "{setting}: the pattern {:?} {fault}. Write one like {example:?}.",
                pattern.value
            ),
        );
    }
}
