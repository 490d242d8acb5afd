//! What there is: the database, its tables, the last loads, and what waits for a person.
//!
//! In: a connection, the tables of `hayloft.toml` if it can be read, and the watched folder. Out:
//! a [`Report`], whose serialised form is the JSON, and which [`text`] puts into words. It works
//! at every stage of a warehouse's life: with no migration applied there is less to say.

mod listing;
mod tables;
pub mod text;

use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Text, Timestamptz};
use serde::Serialize;

use crate::contract::WAREHOUSE;
use crate::contract::file::TableEntry;
use crate::db::access::{self, Need};
use crate::db::migrations;
use crate::ledger;
use crate::ledger::held::{self, Waiting};
use crate::ledger::loads::{self, Listed};
use crate::ledger::rejects::{self, OfLoad};

pub use listing::Listing;
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
    /// Its URL: with the password for Hayloft's own, which is this user's alone; else without.
    pub url: String,
    /// The version of Postgres.
    pub version: String,
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
    /// What lies in it; nothing if it does not exist or cannot be listed.
    #[serde(flatten)]
    pub files: Option<Listing>,
}

/// What a report is made of, beside the connection.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whose database it is.
    pub kind: ServerKind,
    /// Its URL, as it may be shown.
    pub url: &'a str,
    /// The folder of the user's own migrations.
    pub migrations: &'a Path,
    /// The tables of `hayloft.toml`; none if it cannot be read.
    pub tables: &'a [TableEntry],
    /// The watched folder.
    pub imports: &'a Path,
}

/// Asks for everything.
pub fn report(conn: &mut PgConnection, question: &Question<'_>) -> Result<Report> {
    let now = now(conn)?;
    let pending = migrations::pending(conn, Some(question.migrations))?;
    let mut report = Report {
        at: now.at,
        database: Server {
            kind: question.kind,
            url: question.url.to_owned(),
            version: now.version,
        },
        pending_migrations: [pending.shipped, pending.own].concat(),
        obstacles: Vec::new(),
        tables: Vec::new(),
        loads: Vec::new(),
        held: Vec::new(),
        rejects: Vec::new(),
        imports: imports(question.imports),
    };
    let barred = access::obstacles(conn, access::LEDGER, None, Need::Look)?;
    let readable = barred.is_empty();
    let unread = access::obstacles(conn, WAREHOUSE, None, Need::Look)?;
    if readable && ledger::exists(conn)? {
        report.tables = tables::read(conn, question.tables, &unread)?;
        report.loads = loads::latest(conn, LAST_LOADS)?;
        report.held = held::waiting(conn)?;
        report.rejects = rejects::by_load(conn)?;
    }
    let obstacles = barred.into_iter().chain(unread);
    report.obstacles = obstacles.map(|obstacle| obstacle.sentence).collect();
    Ok(report)
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

fn imports(folder: &Path) -> Imports {
    let files = Listing::of(folder).unwrap_or_else(|error| {
        tracing::warn!("{} cannot be listed: {error}", folder.display());
        None
    });
    Imports {
        folder: folder.display().to_string(),
        files,
    }
}
