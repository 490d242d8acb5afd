//! The columns that a file may fill, and how it spells them.

use super::super::catalog::CatalogColumn;
use super::super::file::{At, ColumnEntry};
use super::super::{
    Canonical, Column, ColumnType, EmptyAs, Ident, NewColumns, Reference, Spelling,
};
use super::check::{Check, Filler, told_name};
use super::pattern::{self, Says};

/// The columns that a file may fill, in the table's own order. `fields` are names that a file may have
/// beside them.
pub(super) fn fillable(check: &mut Check<'_>, fields: &[&str]) -> Vec<Column> {
    let entry = check.entry;
    for column in &entry.columns {
        let is_field = fields.contains(&column.name.as_str());
        if !is_field || check.find(&column.name).is_some() {
            check_entry(check, column);
        }
    }
    let mut columns = Vec::new();
    for column in check.columns {
        if check.filler(column) == Filler::File {
            columns.push(fill(check, column));
        }
    }
    refuse_case_twins(check, &columns);
    columns
}

/// A header's names are compared without regard to case, so one name would fill both columns.
fn refuse_case_twins(check: &mut Check<'_>, columns: &[Column]) {
    for (index, column) in columns.iter().enumerate() {
        let folded = column.name.name().to_lowercase();
        let is_twin = |earlier: &&Column| earlier.name.name().to_lowercase() == folded;
        if let Some(twin) = columns[..index].iter().find(is_twin) {
            let told = check.told();
            let (one, other) = (told_name(twin.name.name()), told_name(column.name.name()));
            check.refuse(
                check.entry.line,
                format!(
                    "{told} has columns {one} and {other}, which differ in case alone, and files \
                     may write a name in any case. Add a migration with: alter table {told} rename \
                     column {other} to another_name;"
                ),
            );
        }
    }
}

/// Where the parts of the natural key stand in the columns.
pub(super) fn key(check: &mut Check<'_>, columns: &[Column]) -> Vec<usize> {
    let entry = check.entry;
    entry
        .key
        .iter()
        .filter_map(|part| key_part(check, part, columns))
        .collect()
}

fn key_part(check: &mut Check<'_>, part: &At<String>, columns: &[Column]) -> Option<usize> {
    let column = check.named("key", part)?;
    refuse_filled_elsewhere(check, "key", part.line, column)?;
    if matches!(
        column.column_type,
        ColumnType::Json(_) | ColumnType::Other(_)
    ) {
        let (setting, sql) = (check.setting("key"), column.column_type.sql());
        check.refuse(
            part.line,
            format!(
                "{setting} names {:?}, which is {sql}: one value of it can be spelled in several \
                 ways, and each would be a key of its own. Take a column of another type, such as \
                 text.",
                part.value
            ),
        );
    }
    columns
        .iter()
        .position(|column| column.name.name() == part.value)
}

/// `None`, and a problem, when no file ever fills the column.
pub(super) fn refuse_filled_elsewhere(
    check: &mut Check<'_>,
    setting: &str,
    line: usize,
    column: &CatalogColumn,
) -> Option<()> {
    let filler = match check.filler(column) {
        Filler::File => return Some(()),
        Filler::Hayloft => "Hayloft",
        Filler::Database => "the database",
    };
    let setting = check.setting(setting);
    check.refuse(
        line,
        format!(
            "{setting} names {:?}, which {filler} fills itself: no file does. Remove it from the \
             setting.",
            column.name
        ),
    );
    None
}

fn check_entry(check: &mut Check<'_>, entry: &ColumnEntry) {
    let name = At {
        value: entry.name.clone(),
        line: entry.line,
    };
    if let Some(column) = check.named("columns", &name)
        && refuse_filled_elsewhere(check, "columns", entry.line, column).is_some()
    {
        check_format(check, entry, column);
        check_zone(check, entry, column);
        check_canonical(check, entry, column);
        check_empty(check, entry, column);
        check_role(check, entry);
    }
}

/// What is said of a field that is no column of the table, and names a member by this part of its key.
pub(super) fn check_field(check: &mut Check<'_>, entry: &ColumnEntry, part: &Column) {
    let column = CatalogColumn::new(&entry.name, part.column_type.clone(), part.nullability);
    check_format(check, entry, &column);
    check_zone(check, entry, &column);
    let canonical = entry.canonical.as_ref().map(|at| ("canonical", at.line));
    let empty_as = entry.empty_as.as_ref().map(|at| ("empty_as", at.line));
    for (key, line) in canonical.into_iter().chain(empty_as) {
        let setting = check.setting(&format!("columns.{}.{key}", entry.name));
        check.refuse(
            line,
            format!(
                "{setting}: the field names a member of a dimension, and how its key is made is said \
                 there. Remove the setting."
            ),
        );
    }
}

/// The key is what history is told of; it has none itself.
fn check_role(check: &mut Check<'_>, entry: &ColumnEntry) {
    if let Some(role) = entry.role.as_ref().filter(|_| check.is_key(&entry.name)) {
        let setting = check.setting(&format!("columns.{}.role", entry.name));
        check.refuse(
            role.line,
            format!(
                "{setting}: the column is part of the key, and another key is another member. \
                 Remove the setting."
            ),
        );
    }
}

fn check_format(check: &mut Check<'_>, entry: &ColumnEntry, column: &CatalogColumn) {
    let Some(format) = &entry.format else { return };
    let says = match column.column_type {
        ColumnType::Date => Says::Date,
        ColumnType::Timestamp(_) | ColumnType::TimestampTz(_) => Says::Instant,
        _ => {
            return refuse_setting(
                check,
                entry,
                format.line,
                "format",
                column,
                "is for dates and timestamps",
            );
        }
    };
    if let Some(fault) = pattern::fault(&format.value, says) {
        let setting = check.setting(&format!("columns.{}.format", entry.name));
        check.refuse(
            format.line,
            format!(
                "{setting}: the pattern {:?} {fault}. Write one like \"{}\".",
                format.value,
                example(says)
            ),
        );
    }
}

fn example(says: Says) -> &'static str {
    match says {
        Says::Date => "%d/%m/%Y",
        Says::Instant => "%d/%m/%Y %H:%M:%S",
    }
}

fn check_zone(check: &mut Check<'_>, entry: &ColumnEntry, column: &CatalogColumn) {
    let Some(zone) = &entry.zone else { return };
    if !matches!(
        column.column_type,
        ColumnType::Timestamp(_) | ColumnType::TimestampTz(_)
    ) {
        refuse_setting(check, entry, zone.line, "zone", column, "is for timestamps");
    }
}

fn check_canonical(check: &mut Check<'_>, entry: &ColumnEntry, column: &CatalogColumn) {
    let Some(canonical) = &entry.canonical else {
        return;
    };
    if !matches!(column.column_type, ColumnType::Text { .. }) {
        refuse_setting(
            check,
            entry,
            canonical.line,
            "canonical",
            column,
            "is for text",
        );
    }
}

fn check_empty(check: &mut Check<'_>, entry: &ColumnEntry, column: &CatalogColumn) {
    let Some(At {
        value: EmptyAs::Empty,
        line,
    }) = entry.empty_as
    else {
        return;
    };
    // The empty text may be a value of a type that Hayloft does not know.
    if !matches!(
        column.column_type,
        ColumnType::Text { .. } | ColumnType::Other(_)
    ) {
        refuse_setting(
            check,
            entry,
            line,
            "empty_as",
            column,
            "can be \"empty\" only for text",
        );
    } else if check.is_key(&entry.name) {
        let setting = check.setting(&format!("columns.{}.empty_as", entry.name));
        check.refuse(
            line,
            format!(
                "{setting}: the column is part of the key, and no part of a key is ever empty. \
                 Remove the setting."
            ),
        );
    }
}

fn refuse_setting(
    check: &mut Check<'_>,
    entry: &ColumnEntry,
    line: usize,
    key: &str,
    column: &CatalogColumn,
    what: &str,
) {
    let setting = check.setting(&format!("columns.{}.{key}", entry.name));
    let sql = column.column_type.sql();
    check.refuse(
        line,
        format!("{setting}: {key} {what}, and the column is {sql}. Remove the setting."),
    );
}

fn fill(check: &Check<'_>, column: &CatalogColumn) -> Column {
    let entry = check
        .entry
        .columns
        .iter()
        .find(|entry| entry.name == column.name);
    Column {
        name: Ident::vouched(&column.name),
        id: column.id.clone(),
        column_type: column.column_type.clone(),
        domain: column.domain.clone(),
        nullability: column.nullability,
        spelling: spelling(check, column, entry),
        role: entry
            .and_then(|entry| entry.role.as_ref())
            .map(|role| role.value)
            .unwrap_or_default(),
    }
}

/// All columns of the table.
pub(super) fn names(check: &Check<'_>) -> Vec<String> {
    let columns = check.columns.iter();
    columns.map(|column| column.name.clone()).collect()
}

/// What the table would take as a new column. A fact's file may name members by the natural keys
/// of their dimensions, so a column of such a name would mean two things.
pub(super) fn new(check: &Check<'_>, references: &[Reference]) -> NewColumns {
    let natural_keys = references
        .iter()
        .flat_map(|reference| &reference.natural_key)
        .map(|part| part.name.name().to_owned());
    NewColumns {
        taken: names(check).into_iter().chain(natural_keys).collect(),
        taken_ids: check.source().taken_ids.clone(),
        spelling: Spelling {
            format: None,
            zone: check.entry.zone,
            canonical: Canonical::Verbatim,
            null_tokens: check.entry.null_tokens.clone(),
            // As the catalog's column will be read by the next start: it is a text.
            empty_as: EmptyAs::Empty,
        },
    }
}

fn spelling(check: &Check<'_>, column: &CatalogColumn, entry: Option<&ColumnEntry>) -> Spelling {
    let table = check.entry;
    Spelling {
        format: entry
            .and_then(|entry| entry.format.as_ref())
            .map(|format| format.value.clone()),
        zone: entry
            .and_then(|entry| entry.zone.as_ref())
            .map_or(table.zone, |zone| zone.value),
        canonical: entry
            .and_then(|entry| entry.canonical.as_ref())
            .map_or(Canonical::Verbatim, |at| at.value),
        null_tokens: entry
            .and_then(|entry| entry.null_tokens.clone())
            .unwrap_or_else(|| table.null_tokens.clone()),
        empty_as: entry
            .and_then(|entry| entry.empty_as.as_ref())
            .map_or_else(|| default_empty(check, column), |at| at.value),
    }
}

fn default_empty(check: &Check<'_>, column: &CatalogColumn) -> EmptyAs {
    match column.column_type {
        ColumnType::Text { .. } if !check.is_key(&column.name) => EmptyAs::Empty,
        _ => EmptyAs::Null,
    }
}
