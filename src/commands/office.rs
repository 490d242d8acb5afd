//! What most commands need before they can begin: a database with its tables, and contracts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use diesel::PgConnection;

use crate::contract::Contracts;
use crate::db::embedded::State;
use crate::db::pool::Database;
use crate::db::{DatabaseUrl, Embedded, migrations};
use crate::history::views::{self, Grants};
use crate::pipeline::{Desk, Register};
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
        let conn = &mut *database.get()?;
        for name in migrate(
            conn,
            &own_migrations(settings),
            Way::Onward,
            settings,
            printer,
        )? {
            printer.say(&format!("applied migration {name}"));
        }
    }
    let contracts = Contracts::load(&mut *database.get()?, &settings.contract_file)?;
    Ok(Desk {
        database,
        register: Register::new(settings.contract_file.clone(), contracts),
        keys: keys(settings),
        limits: limits(settings),
        shelves: Shelves::of(&settings.watching.imports),
    })
}

/// How the tables come to be as the migrations have them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// What is pending is applied.
    Onward,
    /// Everything is dropped first.
    FromNothing,
}

/// Applies the migrations, and makes the views that follow from the tables and `hayloft.toml`;
/// returns the names of what was applied. The views stand in the way of a migration that changes a
/// column, so they are put aside before the first.
pub(super) fn migrate(
    conn: &mut PgConnection,
    folder: &Path,
    way: Way,
    settings: &Settings,
    printer: &Printer,
) -> Result<Vec<String>> {
    let mut grants = Grants::default();
    let put_aside = |conn: &mut PgConnection| {
        // Without hayloft.toml they could not be made again.
        if settings.contract_fault.is_none() {
            grants = views::put_aside(conn)?;
        }
        Ok(())
    };
    let applied = match way {
        Way::Onward => migrations::migrate_after(conn, Some(folder), put_aside),
        Way::FromNothing => migrations::reset_after(conn, Some(folder), put_aside),
    };
    // Also after a migration that failed: the views are of the tables that are there.
    let made = keep_views(conn, &grants, settings, printer);
    let applied = applied?;
    made?;
    Ok(applied)
}

/// Where `hayloft.toml` and the tables do not agree there is nothing to make views of. What is wrong
/// is said by whoever needs the contracts for more than that.
fn keep_views(
    conn: &mut PgConnection,
    grants: &Grants,
    settings: &Settings,
    printer: &Printer,
) -> Result<()> {
    let contracts = match &settings.contract_fault {
        None => Contracts::load(conn, &settings.contract_file).ok(),
        Some(_) => None,
    };
    let Some(contracts) = contracts else {
        printer.say(
            "No views are made: that needs a hayloft.toml that agrees with the tables. \
             `hayloft status` says what is wrong.",
        );
        return Ok(());
    };
    for contract in contracts.iter() {
        let kept = views::keep(conn, contract)?;
        for name in kept.made {
            tracing::info!("made {name}");
        }
        for sentence in kept.left {
            printer.warn(&sentence);
        }
    }
    for sentence in views::grant_again(conn, grants)? {
        printer.warn(&sentence);
    }
    Ok(())
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
        memory_bytes: size(given.memory_bytes),
        csv: stage::csv::Limits {
            record_bytes: size(given.record_bytes),
            field_bytes: size(given.field_bytes),
            columns: size(given.columns),
        },
    }
}
