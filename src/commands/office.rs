//! What most commands need before they can begin: a database with its tables, and contracts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use diesel::PgConnection;

use super::Refusal;
use crate::contract::catalog::Catalog;
use crate::contract::file::KindEntry;
use crate::contract::identity::SchemaChange;
use crate::contract::{Contract, ContractFault, ContractFile, Contracts, TableName};
use crate::db::access::{Need, refuse_unless_ledger_is_open};
use crate::db::embedded::State;
use crate::db::pool::Database;
use crate::db::{DatabaseUrl, Embedded, has_lost_reply, migrations};
use crate::history::views::{self, Aside, Kept, ViewsError};
use crate::merge::MergeError;
use crate::merge::schema::{self, SchemaNote};
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
    let contracts = contracts(&mut *database.get()?, settings, printer, migrating)?;
    if contracts.iter().next().is_none() {
        // There is nothing that could be done.
        contracts.fault().map_or(Ok(()), Err)?;
    }
    Ok(Desk {
        database,
        register: Register::new(settings.contract_file.clone(), contracts),
        keys: keys(settings),
        limits: limits(settings),
        shelves: Shelves::of(&settings.watching.imports),
    })
}

/// The contracts as the tables are, after the migrations. The catalog is read once.
fn contracts(
    conn: &mut PgConnection,
    settings: &Settings,
    printer: &Printer,
    migrating: Migrating,
) -> Result<Contracts> {
    let file = &settings.contract_file;
    if migrating == Migrating::Leave {
        refuse_unless_ledger_is_open(conn)?;
        let (catalog, _) = catalog(conn, file, printer)?;
        return Ok(Contracts::join_each(file, &catalog));
    }
    let folder = own_migrations(settings);
    // A view that is lost was told, and keeps nothing from being loaded.
    let migrated = migrate(conn, &folder, Way::Onward, settings, printer)?;
    for name in &migrated.applied {
        printer.say(&format!("applied migration {name}"));
    }
    if let Some(sentence) = &migrated.blocked {
        printer.warn(sentence);
    }
    refuse_unless_ledger_is_open(conn)?;
    Ok(Contracts::join_each(file, &migrated.catalog))
}

/// How the tables come to be as the migrations have them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// What is pending is applied.
    Onward,
    /// Everything is dropped first.
    FromNothing,
}

/// What was migrated.
pub(super) struct Migrated {
    /// The names of the migrations that were applied.
    pub(super) applied: Vec<String>,
    /// Why one of a person's own was not, and none after it.
    pub(super) blocked: Option<String>,
    /// Whether all views are there that were there before.
    pub(super) views: Views,
    /// What Postgres knows of the tables of `hayloft.toml` since.
    pub(super) catalog: Catalog,
    /// Whether the ledger knows all that the tables have become.
    pub(super) news: Heard,
}

/// Whether the ledger knows all that the tables have become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    All,
    /// Of a table something is in the way, and it was said what.
    Some,
}

/// Whether views are there that were there before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Views {
    Kept,
    /// Some are not, and it was said which.
    Lost,
}

/// Applies the migrations, and makes the views that follow from the tables and `hayloft.toml`. The
/// views stand in the way of a migration that changes a column, so they are put aside before the
/// first, and those that cannot be made anew are made as they were.
pub(super) fn migrate(
    conn: &mut PgConnection,
    folder: &Path,
    way: Way,
    settings: &Settings,
    printer: &Printer,
) -> Result<Migrated> {
    let mut aside = Aside::default();
    let put_aside = |conn: &mut PgConnection| {
        aside = views::put_aside(conn)?;
        Ok(())
    };
    let applied = match way {
        Way::Onward => migrations::migrate_after(conn, Some(folder), put_aside),
        Way::FromNothing => migrations::reset_after(conn, Some(folder), put_aside),
    };
    let applied = match applied {
        // Nothing more may be asked of the session: the next start does what is left.
        Err(error) if has_lost_reply(conn) => return Err(error),
        other => other,
    };
    // Also after a migration that failed, or views that could not be made: what was there before
    // must be there again.
    let made = make_views(conn, settings, printer);
    let views = give_back(conn, &aside, printer);
    let applied = applied?;
    let (catalog, news) = made?;
    Ok(Migrated {
        applied: applied.names,
        blocked: applied.blocked,
        catalog,
        news,
        views: views?,
    })
}

/// Where `hayloft.toml` and a table do not agree there is nothing to make views of it from; that
/// takes nothing from other tables. What is wrong is said by whoever needs the contracts for more,
/// from the catalog that the views were made by.
fn make_views(
    conn: &mut PgConnection,
    settings: &Settings,
    printer: &Printer,
) -> Result<(Catalog, Heard)> {
    let file = &settings.contract_file;
    let (catalog, news) = catalog(conn, file, printer)?;
    let dimensions = Contracts::agreeing_dimensions(file, &catalog);
    let mut made = Ok(());
    for contract in views::outdated(conn, &dimensions, &catalog).map_err(ViewsError::from)? {
        match views::keep(conn, contract) {
            Ok(kept) => tell_kept(&kept, printer),
            Err(error) => made = made.and(Err(error)),
        }
    }
    let left_out: Vec<&str> = file
        .tables
        .iter()
        .filter(|entry| matches!(entry.kind, KindEntry::Dimension { .. }))
        .map(|entry| entry.name.as_str())
        .filter(|name| dimensions.iter().all(|made| made.name.as_str() != *name))
        .collect();
    if settings.contract_fault.is_some() {
        printer.say(&no_views("any table"));
    } else if !left_out.is_empty() {
        printer.say(&no_views(&left_out.join(", ")));
    }
    made?;
    Ok((catalog, news))
}

/// The tables as they are, and says what the ledger has heard of them only now. Where it cannot hear
/// it yet, since a load is running or nothing may be written, the next load sees to it.
fn catalog(
    conn: &mut PgConnection,
    file: &ContractFile,
    printer: &Printer,
) -> Result<(Catalog, Heard)> {
    refuse_unless_ledger_is_open(conn)?;
    match schema::follow(conn, file) {
        Ok(followed) => {
            for SchemaNote { table, news } in &followed.notes {
                printer.say(&format!("{table}: {news}"));
            }
            for sentence in followed.faults.values() {
                printer.warn(sentence);
            }
            let news = if followed.faults.is_empty() {
                Heard::All
            } else {
                Heard::Some
            };
            Ok((followed.catalog, news))
        }
        Err(MergeError::TableBusy { .. }) => {
            let catalog = Catalog::of(conn, file, Need::Load).map_err(ContractFault::from)?;
            Ok((catalog, Heard::All))
        }
        Err(MergeError::Database(source)) => Err(ContractFault::Catalog { source }.into()),
        Err(error) => Err(error.into()),
    }
}

fn no_views(tables: &str) -> String {
    format!(
        "No views are made of {tables}: that needs a hayloft.toml that agrees with the tables. \
         `hayloft status` says what is wrong."
    )
}

fn tell_kept(kept: &Kept, printer: &Printer) {
    for name in &kept.made {
        tracing::info!("made {name}");
    }
    for sentence in &kept.left {
        printer.warn(sentence);
    }
}

fn give_back(conn: &mut PgConnection, aside: &Aside, printer: &Printer) -> Result<Views> {
    let given = views::give_back(conn, aside)?;
    for sentence in given.lost.iter().chain(&given.unset) {
        printer.warn(sentence);
    }
    Ok(if given.lost.is_empty() {
        Views::Kept
    } else {
        Views::Lost
    })
}

/// The contract of a table that a person has named.
pub(super) fn contract_of<'c>(contracts: &'c Contracts, table: &TableName) -> Result<&'c Contract> {
    if let Some(fault) = contracts.fault_of(table) {
        return Err(fault.into());
    }
    let unknown = || Refusal(format!("`{table}` is not in hayloft.toml."));
    Ok(contracts.get(table).ok_or_else(unknown)?)
}

/// Refuses to read kept values by a column whose enum calls its labels otherwise than they are kept: they
/// would be no labels any more, or those of others.
pub(super) fn vouch_for_labels(contract: &Contract) -> Result<()> {
    let mut changes = contract.source.changes.iter();
    match changes.find(|change| matches!(change, SchemaChange::LabelsRenamed { .. })) {
        None => Ok(()),
        Some(renamed) => Err(Refusal(format!(
            "`{}` was changed: {renamed}, and the ledger has not followed yet. Have the role that owns the \
             tables run `hayloft migrate`, and ask again.",
            contract.name
        ))
        .into()),
    }
}

/// Refuses to look into a ledger that lacks a table or a column, or that the role cannot read.
pub(super) fn vouch_for_ledger(conn: &mut PgConnection, settings: &Settings) -> Result<()> {
    let pending = migrations::pending(conn, Some(&own_migrations(settings)))?;
    if !pending.shipped.is_empty() {
        let names = pending.shipped.join(", ");
        let sentence = format!(
            "The database lacks a migration: {names}. Have the role that owns the tables run `hayloft \
             migrate`."
        );
        return Err(Refusal(sentence).into());
    }
    refuse_unless_ledger_is_open(conn)
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
