//! What there is: the database, its tables, the last loads, and what waits for a person.
//!
//! In: a connection, the tables of `hayloft.toml` if it can be read, and the watched folder. Out:
//! a [`Report`], whose serialised form is the JSON, and which [`text`] puts into words. It works
//! at every stage of a warehouse's life: with no migration applied there is less to say.

mod listing;
mod tables;
pub mod text;

use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Text, Timestamptz};
use serde::Serialize;

use crate::contract::{ContractFile, WAREHOUSE};
use crate::db::access::{self, Need};
use crate::db::migrations;
use crate::db::prelude::*;
use crate::ledger;
use crate::ledger::held::{self, Waiting};
use crate::ledger::loads::{self, Listed};
use crate::ledger::rejects::{self, OfLoad};
use crate::ledger::renamed::renamed_tables;
use crate::pipeline::routes_of;
use crate::watch::{WatchState, watch_state};

pub use listing::{LeftAlone, Listing};
pub use tables::{Table, TableKind};

/// How many of the last loads are told of.
const LAST_LOADS: i64 = 10;

/// Everything that `hayloft status` says.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub struct Report {
    /// When it was made, by the server's clock.
    pub at: DateTime<Utc>,
    /// The database.
    pub database: Server,
    /// The migrations that are still to be applied, by name.
    pub pending_migrations: Vec<String>,
    /// What keeps this role from seeing all of it, and what takes that away.
    pub obstacles: Vec<String>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The last loads, newest first.
    pub loads: Vec<Listed>,
    /// Facts that wait for their dimension.
    pub held: Vec<Waiting>,
    /// Loads with rows that could not be used, and that nobody has mended yet.
    pub rejects: Vec<OfLoad>,
    /// The watched folder.
    pub imports: Imports,
}

/// The database.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Whose it is.
    pub kind: ServerKind,
    /// Whether it runs.
    pub state: ServerState,
    /// Its URL: with the password for Hayloft's own, which is this user's alone; else without.
    /// `None` where it does not run.
    pub url: Option<String>,
    /// The version of Postgres, if it runs.
    pub version: Option<String>,
}

/// Whether a database can be asked.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// It answers.
    Running,
    /// Hayloft's own, which nobody has started.
    Stopped,
    /// Hayloft's own, which nobody has made.
    Absent,
}

/// Whose database it is.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// Hayloft's own.
    Embedded,
    /// The one that `DATABASE_URL` names.
    Given,
}

/// The watched folder.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Imports {
    /// Where it is.
    pub folder: String,
    /// Whether a watch holds it.
    pub watch: WatchState,
    /// What lies in it; nothing if it does not exist or cannot be listed.
    #[serde(flatten)]
    pub files: Option<Listing>,
}

/// What a report is made of, beside the connection.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Whose database it is.
    pub kind: ServerKind,
    /// Its URL, as it may be shown.
    pub url: &'a str,
    /// The folder of the user's own migrations.
    pub migrations: PathBuf,
    /// `hayloft.toml`; without tables if it cannot be read.
    pub file: &'a ContractFile,
    /// The watched folder.
    pub imports: &'a Path,
}

/// Asks for everything.
pub fn report(conn: &mut PgConnection, question: &Question<'_>) -> Result<Report> {
    let now = now(conn)?;
    let pending = migrations::pending(conn, Some(&question.migrations))?;
    let mut report = Report {
        at: now.at,
        database: Server {
            kind: question.kind,
            state: ServerState::Running,
            url: Some(question.url.to_owned()),
            version: Some(now.version),
        },
        pending_migrations: [pending.shipped, pending.own].concat(),
        obstacles: Vec::new(),
        tables: Vec::new(),
        loads: Vec::new(),
        held: Vec::new(),
        rejects: Vec::new(),
        imports: imports(question.imports, question.file),
    };
    let barred = access::obstacles(conn, access::LEDGER, None, Need::Look)?;
    let readable = barred.is_empty();
    let unread = access::obstacles(conn, WAREHOUSE, None, Need::Look)?;
    if readable && ledger::exists(conn)? {
        // A ledger of before does not know which table is which.
        let renamed = if report.pending_migrations.is_empty() {
            renamed_tables(conn)?
        } else {
            Vec::new()
        };
        report.tables = tables::read(conn, &question.file.tables, &unread, &renamed)?;
        report.loads = loads::latest(conn, LAST_LOADS)?;
        report.held = held::waiting(conn)?;
        report.rejects = rejects::by_load(conn)?;
    }
    let obstacles = barred.into_iter().chain(unread);
    report.obstacles = obstacles.map(|obstacle| obstacle.sentence).collect();
    Ok(report)
}

/// What there is where no database can be asked: the folder.
#[must_use]
pub fn report_without_server(state: ServerState, question: &Question<'_>) -> Report {
    Report {
        at: Utc::now(),
        database: Server {
            kind: question.kind,
            state,
            url: None,
            version: None,
        },
        pending_migrations: Vec::new(),
        obstacles: Vec::new(),
        tables: Vec::new(),
        loads: Vec::new(),
        held: Vec::new(),
        rejects: Vec::new(),
        imports: imports(question.imports, question.file),
    }
}

impl Report {
    /// What somebody has to look at, in a few words each. Held facts are not among it: they wait for
    /// their dimension.
    #[must_use]
    pub fn waits_for_a_person(&self) -> Vec<String> {
        let none = Listing::default();
        let files = self.imports.files.as_ref().unwrap_or(&none);
        let errors: i64 = self.rejects.iter().map(|load| load.errors).sum();
        let counts = [
            (files.failed.len(), "file(s) in failed"),
            (files.held.len(), "file(s) in held"),
            (files.for_no_table.len(), "file(s) that no table takes"),
            (
                files.left_alone.len(),
                "name(s) in the folder that are left alone",
            ),
            (usize::try_from(errors).unwrap_or(0), "rejected row(s)"),
        ];
        counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    version: String,
}

fn now(conn: &mut PgConnection) -> QueryResult<Now> {
    sql_query(include_str!("now.sql")).get_result(conn)
}

fn imports(folder: &Path, file: &ContractFile) -> Imports {
    let routes = (!file.tables.is_empty()).then(|| routes_of(file));
    let files = Listing::of(folder, routes.as_ref()).unwrap_or_else(|error| {
        tracing::warn!("{} cannot be listed: {error}", folder.display());
        None
    });
    Imports {
        folder: folder.display().to_string(),
        watch: watch_state(folder),
        files,
    }
}
