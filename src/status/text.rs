//! A [`Report`] in words: one section after the other, each with a heading, and none for what
//! there is nothing of. Pure.

use super::{Imports, Report, Server, ServerKind, Table};
use crate::ledger::held::Waiting;
use crate::ledger::loads::Listed;
use crate::ledger::rejects::OfLoad;
use crate::printer::ago::ago;
use crate::printer::columns::{Columns, Side};
use crate::printer::grouped;

/// Names of a folder's files that are told; the others are counted.
const MOST_NAMES: usize = 8;

/// The lines, fitted into so many columns where that is possible.
#[must_use]
pub fn lines(report: &Report, width: Option<usize>) -> Vec<String> {
    let mut lines = head(report);
    let mut section = |heading: &str, table: Option<Columns>| {
        if let Some(table) = table {
            lines.extend([String::new(), heading.to_owned()]);
            lines.extend(table.lines(width));
        }
    };
    section("Tables", tables(report));
    section("Last loads", loads(report));
    section("Held facts", held(&report.held));
    section("Open rejects (hayloft rejects list LOAD)", rejects(report));
    lines
}

fn head(report: &Report) -> Vec<String> {
    let mut lines = database(&report.database);
    lines.push(labelled(
        "Migrations",
        &migrations(&report.pending_migrations),
    ));
    if !report.pending_migrations.is_empty() {
        let names = report.pending_migrations.iter();
        lines.extend(names.map(|name| labelled("", name)));
    }
    lines.extend(imports(&report.imports));
    if report.loads.is_empty() {
        lines.push(labelled("Loads", "none yet"));
    }
    lines
}

fn labelled(label: &str, text: &str) -> String {
    format!("{label:<12}{text}")
}

fn database(server: &Server) -> Vec<String> {
    let whose = match server.kind {
        ServerKind::Embedded => "Hayloft's own; psql and DBeaver take this URL",
        ServerKind::Given => "named by DATABASE_URL",
    };
    vec![
        labelled("Database", &server.url),
        labelled("", &format!("PostgreSQL {}, {whose}", server.version)),
    ]
}

fn migrations(pending: &[String]) -> String {
    match pending.len() {
        0 => "all applied".to_owned(),
        1 => "1 is pending; `hayloft migrate` applies it".to_owned(),
        count => format!("{count} are pending; `hayloft migrate` applies them"),
    }
}

fn imports(imports: &Imports) -> Vec<String> {
    let folder = &imports.folder;
    let Some(files) = &imports.files else {
        return vec![labelled(
            "Folder",
            &format!("{folder} (not there, or not to be listed)"),
        )];
    };
    let kinds = [
        ("waiting", &files.waiting),
        ("being loaded", &files.claimed),
        ("set aside in failed", &files.failed),
    ];
    let kinds: Vec<_> = kinds
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .collect();
    if kinds.is_empty() {
        return vec![labelled("Folder", &format!("{folder}, with no files"))];
    }
    let mut lines = vec![labelled("Folder", folder)];
    lines.extend(
        kinds
            .iter()
            .map(|(what, names)| labelled("", &format!("{} {what}: {}", names.len(), some(names)))),
    );
    lines
}

fn some(names: &[String]) -> String {
    let mut text = names[..names.len().min(MOST_NAMES)].join(", ");
    if names.len() > MOST_NAMES {
        text.push_str(&format!(" and {} more", names.len() - MOST_NAMES));
    }
    text
}

fn tables(report: &Report) -> Option<Columns> {
    let mut table = Columns::new(&[
        ("table", Side::Left),
        ("kind", Side::Left),
        ("rows", Side::Right),
        ("versions", Side::Right),
        ("held", Side::Right),
        ("rejects", Side::Right),
        ("last load", Side::Left),
    ]);
    for row in &report.tables {
        table.row([
            row.table.clone(),
            row.kind.code().to_owned(),
            rows(row),
            row.versions.map_or("-".to_owned(), count),
            count(row.held),
            count(row.open_rejects),
            last_load(row, report),
        ]);
    }
    (!report.tables.is_empty()).then_some(table)
}

fn rows(table: &Table) -> String {
    match table.rows {
        Some(rows) => count(rows),
        None if table.missing => "missing".to_owned(),
        None => "many".to_owned(),
    }
}

fn last_load(table: &Table, report: &Report) -> String {
    match (table.last_load_id, table.last_load_at) {
        (Some(load), Some(at)) => format!("{load}, {}", ago(at, report.at)),
        _ => "none".to_owned(),
    }
}

fn loads(report: &Report) -> Option<Columns> {
    let mut table = Columns::new(&[
        ("load", Side::Right),
        ("file", Side::Elastic),
        ("status", Side::Left),
        ("read", Side::Right),
        ("new", Side::Right),
        ("changed", Side::Right),
        ("rejected", Side::Right),
        ("s", Side::Right),
        ("when", Side::Left),
    ]);
    for load in &report.loads {
        table.row([
            load.load_id.to_string(),
            file_and_table(load),
            load.status.clone(),
            count(load.read),
            count(load.new),
            count(load.changed),
            count(load.rejected),
            format!("{:.2}", load.seconds),
            ago(load.started_at, report.at),
        ]);
    }
    (!report.loads.is_empty()).then_some(table)
}

/// The table is told where the file's name does not say it already.
fn file_and_table(load: &Listed) -> String {
    let (file, table) = (&load.file, &load.table);
    let named_for_it = file
        .get(..table.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(table));
    let mut text = file.clone();
    if !named_for_it {
        text.push_str(&format!(" → {table}"));
    }
    if let Some(parent) = load.parent_load_id {
        text.push_str(&format!(" (rejects of {parent})"));
    }
    text
}

fn held(held: &[Waiting]) -> Option<Columns> {
    let mut table = Columns::new(&[
        ("table", Side::Left),
        ("rows", Side::Right),
        ("wait for", Side::Left),
    ]);
    for row in held {
        let members = count(row.members);
        table.row([
            row.table.clone(),
            count(row.facts),
            format!("{members} of {}", row.dimension),
        ]);
    }
    (!held.is_empty()).then_some(table)
}

/// Warnings alone need nobody's hand, so they are left to `hayloft rejects list`.
fn rejects(report: &Report) -> Option<Columns> {
    let mut table = Columns::new(&[
        ("load", Side::Right),
        ("table", Side::Left),
        ("file", Side::Elastic),
        ("errors", Side::Right),
        ("warnings", Side::Right),
        ("when", Side::Left),
    ]);
    let in_error: Vec<&OfLoad> = report
        .rejects
        .iter()
        .filter(|load| load.errors > 0)
        .collect();
    for load in &in_error {
        table.row([
            load.load_id.to_string(),
            load.table.clone(),
            load.file.clone(),
            count(load.errors),
            count(load.warnings),
            ago(load.started_at, report.at),
        ]);
    }
    (!in_error.is_empty()).then_some(table)
}

fn count(number: i64) -> String {
    grouped(u64::try_from(number).unwrap_or(0))
}
