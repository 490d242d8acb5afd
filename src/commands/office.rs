//! What most commands need before they can begin: a database with its tables, and contracts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::contract::Contracts;
use crate::db::embedded::State;
use crate::db::pool::Database;
use crate::db::{DatabaseUrl, Embedded, migrations};
use crate::pipeline::Desk;
use crate::printer::Printer;
use crate::retire::Shelves;
use crate::settings::{self, Settings};
use crate::stage::{self, Limits, key::KeyScheme};

/// Whether the migrations are run first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Migrating {
    Run,
    Leave,
}

impl Migrating {
    pub(super) fn unless(no_migrate: bool) -> Self {
        if no_migrate { Self::Leave } else { Self::Run }
    }
}

/// Connects, migrates, and reads the contracts.
pub(super) fn desk(settings: &Settings, printer: &Printer, migrating: Migrating) -> Result<Desk> {
    let database = database(settings, printer)?;
    if migrating == Migrating::Run {
        for name in migrations::migrate(&mut *database.get()?, Some(&own_migrations(settings)))? {
            printer.say(&format!("applied migration {name}"));
        }
    }
    let contracts = Contracts::load(&mut *database.get()?, &settings.contract_file)?;
    Ok(Desk {
        database,
        contracts,
        keys: keys(settings),
        limits: limits(settings),
        shelves: Shelves::of(&settings.watching.imports),
    })
}

/// Connects to the database that is named, or to Hayloft's own, which is started if need be.
pub(super) fn database(settings: &Settings, printer: &Printer) -> Result<Database> {
    // One connection for each worker, and one for whatever else there is to ask.
    let size = u32::try_from(settings.workers.get() + 1).unwrap_or(u32::MAX);
    Ok(Database::connect(url(settings, printer)?, size)?)
}

/// Whether there is a database, without making one.
pub(super) fn has_database(settings: &Settings) -> Result<bool> {
    match &settings.database {
        settings::Database::Given { .. } => Ok(true),
        settings::Database::Embedded { home } => {
            Ok(Embedded::in_folder(home).state()? != State::Absent)
        }
    }
}

/// Where the database is.
pub(super) fn url(settings: &Settings, printer: &Printer) -> Result<DatabaseUrl> {
    match &settings.database {
        settings::Database::Given { url } => Ok(url.expose().parse()?),
        settings::Database::Embedded { home } => {
            let embedded = Embedded::in_folder(home);
            if embedded.state()? == State::Absent {
                printer
                    .say("No DATABASE_URL is set: making a private Postgres server in .hayloft/.");
            }
            embedded
                .ensure_running()
                .context("Hayloft's own Postgres cannot be used.")
        }
    }
}

/// The folder whose migrations are run beside those that Hayloft was built with: a user's own
/// tables.
pub(super) fn own_migrations(settings: &Settings) -> PathBuf {
    let beside = settings.contract_file.path.parent();
    beside.unwrap_or(Path::new("")).join("migrations")
}

/// How natural keys become durable ones.
pub(super) fn keys(settings: &Settings) -> KeyScheme {
    match &settings.key_secret {
        Some(secret) => KeyScheme::with_secret(secret.expose().as_bytes()),
        None => KeyScheme::plain(),
    }
}

fn limits(settings: &Settings) -> Limits {
    let given = &settings.limits;
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Limits {
        file_bytes: given.file_bytes,
        csv: stage::csv::Limits {
            record_bytes: size(given.record_bytes),
            field_bytes: size(given.field_bytes),
            columns: size(given.columns),
        },
    }
}
