//! The fields of a fact's file that name the member of a dimension.
//!
//! A file may have the natural key of a member instead of its durable key: under the names of the
//! dimension's columns, or under those that `from` says. How the fields are spelled is the dimension's
//! word, as far as the fact's section says nothing else of them.

use super::super::file::{ColumnEntry, ReferenceEntry, TableEntry};
use super::super::{Column, Contract, Ident, Reference};
use super::check::{Check, Filler};

/// The names that a file may have for parts of members' keys.
pub(super) fn names<'e>(
    references: &'e [ReferenceEntry],
    entries: &'e [TableEntry],
) -> Vec<&'e str> {
    let names = references.iter().flat_map(|reference| {
        let is_meant = |entry: &&TableEntry| entry.name.as_str() == reference.dimension.value;
        let key = entries
            .iter()
            .find(is_meant)
            .map(|dimension| &dimension.key);
        reference.from.as_ref().or(key).into_iter().flatten()
    });
    names.map(|name| name.value.as_str()).collect()
}

/// The parts of the dimension's natural key, under the names that the file has for them.
pub(super) fn naming(
    check: &mut Check<'_>,
    entry: &ReferenceEntry,
    dimension: &Contract,
    columns: &[Column],
) -> Vec<Column> {
    let parts = dimension
        .key
        .iter()
        .filter_map(|at| dimension.columns.get(*at));
    let mut parts: Vec<Column> = parts.cloned().collect();
    if let Some(from) = &entry.from {
        if from.len() != parts.len() {
            refuse_count(check, entry, from.len(), &parts);
            return parts;
        }
        for (part, field) in parts.iter_mut().zip(from) {
            part.name = Ident::vouched(&field.value);
        }
    }
    for part in &mut parts {
        respell(check, part, columns);
    }
    parts
}

fn refuse_count(check: &mut Check<'_>, entry: &ReferenceEntry, fields: usize, parts: &[Column]) {
    let setting = check.setting(&format!("references.{}.from", entry.column));
    let names: Vec<&str> = parts.iter().map(|part| part.name.name()).collect();
    check.refuse(
        entry.dimension.line,
        format!(
            "{setting} names {fields} field(s), and a member of {} is named by {}: {}. Name one field for \
             each, in this order.",
            entry.dimension.value,
            parts.len(),
            names.join(", ")
        ),
    );
}

/// What the fact's section says of a field counts there. In which form a value becomes a part of the key
/// is the dimension's word alone: the member would be another one.
fn respell(check: &Check<'_>, part: &mut Column, columns: &[Column]) {
    let own = columns.iter().find(|column| column.name == part.name);
    let said = entry_of(check, part.name.name());
    let spelling = &mut part.spelling;
    if let Some(own) = own {
        spelling.format.clone_from(&own.spelling.format);
        spelling.zone = own.spelling.zone;
        spelling.null_tokens.clone_from(&own.spelling.null_tokens);
    } else if let Some(said) = said {
        if let Some(format) = &said.format {
            spelling.format = Some(format.value.clone());
        }
        if let Some(zone) = &said.zone {
            spelling.zone = zone.value;
        }
        if let Some(tokens) = &said.null_tokens {
            spelling.null_tokens.clone_from(tokens);
        }
    }
}

fn entry_of<'a>(check: &Check<'a>, name: &str) -> Option<&'a ColumnEntry> {
    check.entry.columns.iter().find(|entry| entry.name == name)
}

/// Finds that each field means one thing, and that what is said of a field can be.
pub(super) fn check(
    check: &mut Check<'_>,
    entries: &[ReferenceEntry],
    references: &[Reference],
    columns: &[Column],
) {
    let column = |reference: &Reference| columns.get(reference.column).map(|it| it.name.name());
    for (index, reference) in references.iter().enumerate() {
        let name = column(reference).unwrap_or_default();
        let entry = entries.iter().find(|entry| entry.column == name);
        let is_said = entry.is_some_and(|entry| entry.from.is_some());
        for part in &reference.natural_key {
            let field = part.name.name();
            refuse_managed(check, name, field);
            if is_said {
                continue;
            }
            let twin = references[..index]
                .iter()
                .find(|other| other.natural_key.iter().any(|key| key.name == part.name));
            if check.find(field).is_some() {
                let also = format!("{} has a column of that name itself", check.told());
                refuse_collision(check, name, reference, field, &also);
            } else if let Some(twin) = twin.and_then(column) {
                let also = format!("so may the reference {twin}");
                refuse_collision(check, name, reference, field, &also);
            }
        }
    }
    check_entries(check, references);
}

fn refuse_managed(check: &mut Check<'_>, name: &str, field: &str) {
    let is_filled = check
        .find(field)
        .is_some_and(|column| check.filler(column) != Filler::File);
    if is_filled || field == name {
        let setting = check.setting(&format!("references.{name}"));
        let why = if field == name {
            "holds the durable key itself"
        } else {
            "no file fills"
        };
        check.refuse(
            check.entry.line,
            format!(
                "{setting}: {field:?} is a column that {why}. Name the field of the file in from."
            ),
        );
    }
}

fn refuse_collision(
    check: &mut Check<'_>,
    name: &str,
    reference: &Reference,
    field: &str,
    also: &str,
) {
    let setting = check.setting(&format!("references.{name}"));
    let dimension = &reference.dimension;
    let fields: Vec<String> = reference
        .natural_key
        .iter()
        .map(|part| format!("\"{dimension}_{}\"", part.name.name()))
        .collect();
    check.refuse(
        check.entry.line,
        format!(
            "{setting}: a file may name a member of {dimension} by {field:?}, and {also}. Say which fields \
             of the file name this one: {name} = {{ to = \"{dimension}\", from = [{}] }}.",
            fields.join(", ")
        ),
    );
}

/// What is said of fields that are no columns of the fact's table.
fn check_entries(check: &mut Check<'_>, references: &[Reference]) {
    for entry in &check.entry.columns {
        if check.find(&entry.name).is_some() {
            continue;
        }
        let parts = references
            .iter()
            .flat_map(|reference| &reference.natural_key);
        let part = parts
            .into_iter()
            .find(|part| part.name.name() == entry.name);
        if let Some(part) = part {
            super::columns::check_field(check, entry, part);
        }
    }
}
