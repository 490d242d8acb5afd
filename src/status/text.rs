//! A [`Report`] in words: one section after the other, each with a heading, and none for what
//! there is nothing of. Pure.

use chrono::{DateTime, Utc};

use super::{Imports, Report, Server, ServerKind, ServerState, Table};
use crate::digits::grouped;
use crate::ledger::held::Waiting;
use crate::ledger::loads::Listed;
use crate::ledger::rejects::OfLoad;
use crate::ledger::words::Word;
use crate::printer::ago::ago;
use crate::printer::columns::{Columns, Side};
use crate::summary::Status;
use crate::watch::WatchState;

/// Names of a folder's files that are told; the others are counted.
const MOST_NAMES: usize = 8;

/// Loads with open rejects that are told of.
const MOST_REJECTS: usize = 10;

/// The lines, fitted into so many columns where that is possible.
#[must_use]
pub fn lines(report: &Report, width: Option<usize>) -> Vec<String> {
    let mut lines = head(report);
    let mut section = |heading: &str, table: Option<Columns>, notes: Vec<String>| {
        if let Some(table) = table {
            lines.extend([String::new(), heading.to_owned()]);
            lines.extend(table.lines(width));
            lines.extend(notes);
        }
    };
    section("Tables", tables(report), Vec::new());
    section("Last loads", loads(report, width), reasons(&report.loads));
    section("Held facts", held(&report.held), Vec::new());
    let (open, more) = open_rejects(report);
    section(
        "Open rejects (hayloft rejects list LOAD)",
        (!open.is_empty()).then(|| rejects_by_load(open.iter().copied(), report.at)),
        more,
    );
    lines
}

fn head(report: &Report) -> Vec<String> {
    let mut lines = database(&report.database);
    if report.database.state != ServerState::Running {
        lines.extend(imports(&report.imports));
        return lines;
    }
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
    let (Some(url), Some(version)) = (&server.url, &server.version) else {
        let what = match server.state {
            ServerState::Absent => "Hayloft's own, not made yet",
            ServerState::Stopped | ServerState::Running => {
                "Hayloft's own, stopped; `hayloft server start` starts it"
            }
        };
        return vec![labelled("Database", what)];
    };
    vec![
        labelled("Database", url),
        labelled("", &format!("PostgreSQL {version}, {whose}")),
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
        ("that no table takes", &files.for_no_table),
        ("being loaded", &files.claimed),
        ("set aside in failed", &files.failed),
        ("in held, for `hayloft accept`", &files.held),
    ];
    let kinds: Vec<_> = kinds
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .collect();
    let watched = match imports.watch {
        WatchState::Running => "watched",
        WatchState::NotRunning => "not watched",
        WatchState::Unknown => "watched or not, its lock cannot be looked at",
    };
    if kinds.is_empty() && files.left_alone.is_empty() {
        return vec![labelled(
            "Folder",
            &format!("{folder}, {watched}, with no files"),
        )];
    }
    let mut lines = vec![labelled("Folder", &format!("{folder}, {watched}"))];
    lines.extend(
        kinds
            .iter()
            .map(|(what, names)| labelled("", &format!("{} {what}: {}", names.len(), some(names)))),
    );
    let left_alone = files.left_alone.iter().take(MOST_NAMES);
    lines
        .extend(left_alone.map(|it| labelled("", &format!("left alone: {}, {}", it.file, it.why))));
    if let Some(more @ 1..) = files.left_alone.len().checked_sub(MOST_NAMES) {
        lines.push(labelled("", &format!("left alone: {more} more")));
    }
    lines
}

fn some(names: &[String]) -> String {
    match names.split_at_checked(MOST_NAMES) {
        Some((told, rest @ [_, ..])) => format!("{} and {} more", told.join(", "), rest.len()),
        _ => names.join(", "),
    }
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
            name(row),
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

fn name(table: &Table) -> String {
    match (&table.was_called, &table.is_called) {
        (Some(before), _) => format!("{} (was {before})", table.table),
        (_, Some(now)) => format!("{} (now {now})", table.table),
        _ => table.table.clone(),
    }
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

/// A column of the list of loads that is about numbers: its heading, the number, and whether it is
/// shown where it is always 0.
type Count = (&'static str, fn(&Listed) -> i64, Shown);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Always,
    /// The line is short enough only if what says nothing is left out.
    WhereThereAreSome,
}

const COUNTS: [Count; 8] = [
    ("read", |load| load.read, Shown::Always),
    ("new", |load| load.new, Shown::Always),
    ("changed", Listed::changed_in_any_way, Shown::Always),
    (
        "closed",
        Listed::closed_in_any_way,
        Shown::WhereThereAreSome,
    ),
    (
        "unchanged",
        Listed::unchanged_in_any_way,
        Shown::WhereThereAreSome,
    ),
    ("held", |load| load.held, Shown::WhereThereAreSome),
    (
        "duplicate",
        |load| load.duplicates,
        Shown::WhereThereAreSome,
    ),
    ("rejected", |load| load.rejected, Shown::Always),
];

const SECONDS: &str = "s";

/// What a narrow terminal goes without, first what is missed least. The JSON has everything.
const DISPENSABLE: [&str; 5] = ["duplicate", "unchanged", SECONDS, "held", "read"];

fn loads(report: &Report, width: Option<usize>) -> Option<Columns> {
    let without = |count: usize| loads_without(report, &DISPENSABLE[..count]);
    let narrowest = DISPENSABLE.len();
    let fitting = (0..narrowest).map(without).find(|table| table.fits(width));
    (!report.loads.is_empty()).then(|| fitting.unwrap_or_else(|| without(narrowest)))
}

fn loads_without(report: &Report, dispensed: &[&str]) -> Columns {
    let counts = COUNTS.into_iter().filter(|(head, of, shown)| {
        let says_something = || report.loads.iter().any(|load| of(load) > 0);
        !dispensed.contains(head) && (*shown == Shown::Always || says_something())
    });
    let counts: Vec<Count> = counts.collect();
    let timed = !dispensed.contains(&SECONDS);
    let mut heads = vec![
        ("load", Side::Right),
        ("file", Side::Elastic),
        ("status", Side::Left),
    ];
    heads.extend(counts.iter().map(|(head, _, _)| (*head, Side::Right)));
    heads.extend(timed.then_some((SECONDS, Side::Right)));
    heads.push(("when", Side::Left));
    let mut table = Columns::new(&heads);
    for load in &report.loads {
        let mut cells = vec![load.load_id.to_string(), file_and_table(load), status(load)];
        cells.extend(counts.iter().map(|(_, of, _)| count(of(load))));
        cells.extend(timed.then(|| format!("{:.2}", load.seconds)));
        cells.push(ago(load.started_at, report.at));
        table.row(cells);
    }
    table
}

/// Of an undo or a redo that was done: what it was. It has the name of its target's file, so
/// nothing else would tell the two apart.
fn status(load: &Listed) -> String {
    match load.target_load_id {
        Some(target) if load.status == Status::Loaded => {
            format!("{} of {target}", load.action.word())
        }
        Some(target) => {
            format!(
                "{} ({} of {target})",
                load.status.code(),
                load.action.word()
            )
        }
        None => load.status.code().to_owned(),
    }
}

/// The table is told where the file's name does not say it already.
fn file_and_table(load: &Listed) -> String {
    let (file, table) = (&load.file, &load.table);
    let named_for_it = file
        .get(..table.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(table));
    let table = if named_for_it {
        String::new()
    } else {
        format!(" → {table}")
    };
    match (load.parent_load_id, load.target_load_id) {
        (Some(parent), None) => format!("{file}{table} (rejects of {parent})"),
        (_, Some(_)) | (None, None) => format!("{file}{table}"),
    }
}

/// What was said of the loads that loaded nothing.
fn reasons(loads: &[Listed]) -> Vec<String> {
    loads
        .iter()
        .filter_map(|load| {
            let reason = load.reason.as_ref()?;
            Some(format!(
                "load {} {}: {reason}",
                load.load_id,
                load.status.code()
            ))
        })
        .collect()
}

fn held(held: &[Waiting]) -> Option<Columns> {
    let mut table = Columns::new(&[
        ("table", Side::Left),
        ("rows", Side::Right),
        ("wait for", Side::Left),
    ]);
    for row in held {
        let members = format!("{} key(s) of {}", count(row.members), row.dimension);
        table.row([
            row.table.clone(),
            count(row.facts),
            match &row.reason {
                None => members,
                Some(reason) => format!("{members}; the table refuses them: {reason}"),
            },
        ]);
    }
    (!held.is_empty()).then_some(table)
}

/// The newest loads with errors, and a line that counts the others. Warnings alone need nobody's
/// hand, so they are left to `hayloft rejects list`.
fn open_rejects(report: &Report) -> (Vec<&OfLoad>, Vec<String>) {
    let mut open: Vec<&OfLoad> = report
        .rejects
        .iter()
        .filter(|load| load.errors > 0)
        .collect();
    let rest = open.split_off(open.len().min(MOST_REJECTS)).len();
    let note = format!("and {rest} more load(s); `hayloft rejects list` names them");
    (open, (rest > 0).then_some(note).into_iter().collect())
}

/// The loads with open rejects, a line each.
pub(crate) fn rejects_by_load<'a>(
    loads: impl IntoIterator<Item = &'a OfLoad>,
    now: DateTime<Utc>,
) -> Columns {
    let mut table = Columns::new(&[
        ("load", Side::Right),
        ("table", Side::Left),
        ("file", Side::Elastic),
        ("errors", Side::Right),
        ("warnings", Side::Right),
        ("when", Side::Left),
    ]);
    for load in loads {
        table.row([
            load.load_id.to_string(),
            load.table.clone(),
            load.file.clone(),
            count(load.errors),
            count(load.warnings),
            ago(load.started_at, now),
        ]);
    }
    table
}

fn count(number: i64) -> String {
    grouped(u64::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::words::Action;
    use crate::status::{Listing, TableKind};

    fn report() -> Report {
        Report {
            at: "2026-11-21T12:00:00Z".parse().unwrap(),
            database: Server {
                kind: ServerKind::Given,
                state: ServerState::Running,
                url: Some("postgres://u:***@db:5432/d".into()),
                version: Some("17.2".into()),
            },
            pending_migrations: Vec::new(),
            obstacles: Vec::new(),
            tables: Vec::new(),
            loads: Vec::new(),
            held: Vec::new(),
            rejects: Vec::new(),
            imports: Imports {
                folder: "imports".into(),
                watch: WatchState::Running,
                files: Some(Listing::default()),
            },
        }
    }

    fn load(load_id: i64, file: &str) -> Listed {
        Listed {
            load_id,
            parent_load_id: None,
            table: "users".into(),
            file: file.into(),
            status: Status::Loaded,
            action: Action::Load,
            target_load_id: None,
            reason: None,
            read: 10_000,
            new: 9_964,
            changed: 0,
            unchanged: 0,
            reopened: 0,
            corrected: 0,
            split: 0,
            moved: 0,
            late_unchanged: 0,
            closed: 0,
            absent_already: 0,
            closed_by_absence: 0,
            overwritten: 0,
            filled: 0,
            held: 0,
            duplicates: 0,
            rejected: 0,
            seconds: 0.153,
            started_at: "2026-11-21T11:57:00Z".parse().unwrap(),
        }
    }

    fn told(report: &Report) -> String {
        lines(report, Some(80)).join("\n") + "\n"
    }

    #[test]
    fn a_database_without_tables_is_told_in_a_few_lines() {
        let mut report = report();
        report.pending_migrations = vec!["2026-11-21-000001_ledger".into()];
        report.imports.files = None;
        expect_test::expect![[r"
            Database    postgres://u:***@db:5432/d
                        PostgreSQL 17.2, named by DATABASE_URL
            Migrations  1 is pending; `hayloft migrate` applies it
                        2026-11-21-000001_ledger
            Folder      imports (not there, or not to be listed)
            Loads       none yet
        "]]
        .assert_eq(&told(&report));
    }

    #[test]
    fn everything_that_there_is_has_its_section() {
        let mut report = report();
        report.tables = vec![Table {
            table: "users".into(),
            kind: TableKind::Dimension,
            missing: false,
            was_called: None,
            is_called: None,
            rows: Some(9_964),
            versions: Some(10_224),
            held: 0,
            open_rejects: 6,
            last_load_id: Some(1),
            last_load_at: Some("2026-11-21T11:57:00Z".parse().unwrap()),
        }];
        let mut failed = load(2, "an-export-with-a-name-that-nobody-typed-2026-11-21.csv");
        failed.status = Status::Failed;
        failed.reason = Some("The header lacks email.".into());
        report.loads = vec![failed, load(1, "users.csv")];
        report.held = vec![Waiting {
            table: "transactions".into(),
            dimension: "users".into(),
            facts: 14,
            members: 3,
            reason: None,
        }];
        report.rejects = vec![OfLoad {
            load_id: 1,
            table: "users".into(),
            file: "users.csv".into(),
            errors: 6,
            warnings: 1,
            started_at: report.at,
        }];
        report.imports.files = Some(Listing {
            waiting: (0..10).map(|number| format!("u-{number}.csv")).collect(),
            ..Listing::default()
        });
        expect_test::expect![[r"
            Database    postgres://u:***@db:5432/d
                        PostgreSQL 17.2, named by DATABASE_URL
            Migrations  all applied
            Folder      imports, watched
                        10 waiting: u-0.csv, u-1.csv, u-2.csv, u-3.csv, u-4.csv, u-5.csv, u-6.csv, u-7.csv and 2 more

            Tables
            table  kind        rows  versions  held  rejects  last load
            users  dimension  9,964    10,224     0        6  1, 3 min ago

            Last loads
            load  file             status    read    new  changed  rejected     s  when
               2  an-expo…→ users  failed  10,000  9,964        0         0  0.15  3 min ago
               1  users.csv        loaded  10,000  9,964        0         0  0.15  3 min ago
            load 2 failed: The header lacks email.

            Held facts
            table         rows  wait for
            transactions    14  3 key(s) of users

            Open rejects (hayloft rejects list LOAD)
            load  table  file       errors  warnings  when
               1  users  users.csv       6         1  just now
        "]].assert_eq(&told(&report));
    }

    #[test]
    fn whatever_changed_or_ended_a_key_is_counted_and_an_undo_is_no_redo() {
        let mut report = report();
        let mut snapshot = load(3, "users-2026-03-02.csv");
        (snapshot.read, snapshot.new) = (20, 0);
        (snapshot.closed, snapshot.closed_by_absence) = (1, 27);
        (snapshot.late_unchanged, snapshot.absent_already) = (1, 1);
        let mut late = load(4, "users-2026-02-01.csv");
        (late.read, late.new, late.changed) = (11, 0, 1);
        (late.reopened, late.corrected, late.split, late.moved) = (1, 2, 3, 4);
        (late.duplicates, late.held, late.rejected) = (1, 1, 1);
        let turned = |load_id, action: Action| Listed {
            action,
            target_load_id: Some(3),
            ..load(load_id, "users-2026-03-02.csv")
        };
        report.loads = vec![
            turned(6, Action::Redo),
            turned(5, Action::Undo),
            late,
            snapshot,
        ];
        let wide = lines(&report, None).join("\n") + "\n";
        expect_test::expect![[r"
            load  file                  status       read    new  changed  closed  unchanged  held  duplicate  rejected     s  when
               6  users-2026-03-02.csv  redo of 3  10,000  9,964        0       0          0     0          0         0  0.15  3 min ago
               5  users-2026-03-02.csv  undo of 3  10,000  9,964        0       0          0     0          0         0  0.15  3 min ago
               4  users-2026-02-01.csv  loaded         11      0       11       0          0     1          1         1  0.15  3 min ago
               3  users-2026-03-02.csv  loaded         20      0        0      28          2     0          0         0  0.15  3 min ago
        "]].assert_eq(wide.split_once("Last loads\n").unwrap().1);
        let narrow = told(&report);
        expect_test::expect![[r"
            load  file                status       new  changed  closed  rejected  when
               6  users-20…03-02.csv  redo of 3  9,964        0       0         0  3 min ago
               5  users-20…03-02.csv  undo of 3  9,964        0       0         0  3 min ago
               4  users-20…02-01.csv  loaded         0       11       0         1  3 min ago
               3  users-20…03-02.csv  loaded         0        0      28         0  3 min ago
        "]]
        .assert_eq(narrow.split_once("Last loads\n").unwrap().1);
    }

    #[test]
    fn the_table_is_told_where_the_name_of_the_file_does_not() {
        for (file, expected) in [
            ("users.csv", "users.csv"),
            ("Users-7.csv", "Users-7.csv"),
            ("export.csv", "export.csv → users"),
            ("žžžž.csv", "žžžž.csv → users"),
        ] {
            assert_eq!(file_and_table(&load(1, file)), expected);
        }
    }

    #[test]
    fn warnings_alone_are_no_open_rejects_and_many_loads_are_counted() {
        let mut report = report();
        let of = |load_id, errors| OfLoad {
            load_id,
            table: "users".into(),
            file: "users.csv".into(),
            errors,
            warnings: 1,
            started_at: report.at,
        };
        report.rejects = (0..12).map(|load| of(load, 1)).chain([of(99, 0)]).collect();
        let (open, more) = open_rejects(&report);
        assert_eq!(open.len(), MOST_REJECTS);
        assert!(more[0].starts_with("and 2 more"), "{more:?}");
    }
}
