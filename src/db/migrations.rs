//! Which tables the database must have, and the way there.
//!
//! The migrations of `migrations/` are compiled in. A folder of the same form beside a
//! `hayloft.toml` is united with them, so that a table of one's own is one more migration and no
//! rebuild. Those that Hayloft comes with are applied first, whatever the dates of the others: what
//! a person adds builds on them. What was applied is kept where Diesel's own tool keeps it: `diesel
//! migration run` and Hayloft can take turns.

mod fault;
mod steps;

use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use diesel::connection::SimpleConnection;
use diesel::migration;
use diesel::pg::PgConnection;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_migrations::MigrationHarness;

pub use self::fault::MigrationFault;
use self::steps::{Origin, Step, united};
use super::prelude::*;
use super::{has_lost_reply, session};

/// The advisory lock of those who migrate: "hayloft" in ASCII.
const MIGRATION_LOCK: i64 = 0x68_61_79_6c_6f_66_74;

/// What was applied.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Applied {
    /// The names, in their order.
    pub names: Vec<String>,
    /// Why one of a person's own was not applied, and none after it.
    pub blocked: Option<String>,
}

/// What is not applied yet, by name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Pending {
    /// Of those that Hayloft comes with. Without them nothing can be read.
    pub shipped: Vec<String>,
    /// Of a person's own.
    pub own: Vec<String>,
}

/// Applies what is pending, in its order, and returns the names of what it applied. Whoever
/// comes second waits, and then finds nothing to do.
pub fn migrate(conn: &mut PgConnection, extra: Option<&Path>) -> Result<Vec<String>> {
    let applied = migrate_after(conn, extra, |_| Ok(()))?;
    match applied.blocked {
        None => Ok(applied.names),
        Some(sentence) => Err(anyhow!(sentence)),
    }
}

/// The same, and `first` is done before, if anything is pending: what stands in the way of a change
/// to a table is put aside. One of a person's own that the server refuses is told of, and leaves what
/// is there as it is.
pub fn migrate_after(
    conn: &mut PgConnection,
    extra: Option<&Path>,
    first: impl FnOnce(&mut PgConnection) -> Result<()>,
) -> Result<Applied> {
    let steps = united(extra)?;
    if are_applied(conn, &steps)? {
        return Ok(Applied::default());
    }
    if !list(conn)?.writable {
        // Whoever may migrate may be at it.
        return alone(conn, |conn| not_the_owner(conn, &steps));
    }
    alone(conn, |conn| {
        if !unapplied(conn, &steps)?.is_empty() {
            first(conn)?;
        }
        apply(conn, &steps)
    })
}

/// What [`migrate`] would apply. That is only asked, of a server that takes no writes too. Nothing is
/// known to be pending where this role may not read the list.
pub fn pending(conn: &mut PgConnection, extra: Option<&Path>) -> Result<Pending> {
    let steps = united(extra)?;
    let applied = match list(conn)? {
        List { there: false, .. } => Vec::new(),
        List {
            readable: false, ..
        } => return Ok(Pending::default()),
        List { .. } => found(conn)?.applied,
    };
    let names = |origin: Origin| {
        let pending = |step: &&Step| step.origin == origin && !applied.contains(&step.version());
        steps.iter().filter(pending).map(Step::told).collect()
    };
    Ok(Pending {
        shipped: names(Origin::Shipped),
        own: names(Origin::Own),
    })
}

/// Reverts all that was applied, newest first, and applies all again: an empty warehouse.
pub fn reset(conn: &mut PgConnection, extra: Option<&Path>) -> Result<Vec<String>> {
    let applied = reset_after(conn, extra, |_| Ok(()))?;
    match applied.blocked {
        None => Ok(applied.names),
        Some(sentence) => Err(anyhow!(sentence)),
    }
}

/// The same, and `first` is done before.
pub fn reset_after(
    conn: &mut PgConnection,
    extra: Option<&Path>,
    first: impl FnOnce(&mut PgConnection) -> Result<()>,
) -> Result<Applied> {
    let steps = united(extra)?;
    alone(conn, |conn| {
        refuse_foreign_list(conn)?;
        first(conn)?;
        revert(conn, &steps)?;
        apply(conn, &steps)
    })
}

fn apply(conn: &mut PgConnection, steps: &[Step]) -> Result<Applied> {
    refuse_foreign_list(conn)?;
    let mut applied = Applied::default();
    for step in unapplied(conn, steps)? {
        let done = beside_list(conn, |conn| conn.run_migration(step));
        match done.map_err(|error| failed("applied", &step.told(), error.as_ref())) {
            Ok(_) => applied.names.push(step.told()),
            // The server has not refused it, where it could not be heard.
            Err(fault) if step.origin == Origin::Own && !has_lost_reply(conn) => {
                applied.blocked = Some(fault.to_string());
                break;
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(applied)
}

/// Takes back what was applied, in the opposite order.
fn revert(conn: &mut PgConnection, steps: &[Step]) -> Result<()> {
    let versions = applied_versions(conn)?;
    // Looked for before the first is reverted: half a reset helps nobody.
    for version in &versions {
        if !steps.iter().any(|step| step.version() == *version) {
            bail!(
                "Migration {version} was applied to this database, but is not among the \
                 migrations here, so it cannot be reverted: nothing was reset."
            );
        }
    }
    let applied = |step: &&Step| versions.contains(&step.version());
    for step in steps.iter().rev().filter(applied) {
        beside_list(conn, |conn| conn.revert_migration(step))
            .map_err(|error| failed("reverted", &step.told(), error.as_ref()))?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    undisturbed: bool,
    #[diesel(sql_type = Array<Text>)]
    applied: Vec<String>,
}

/// Whether there is nothing to do, as at most starts. That is only asked: nothing is made, and
/// nobody is kept waiting. While somebody is migrating the answer is no, since it is not known
/// before the lock is free.
fn are_applied(conn: &mut PgConnection, steps: &[Step]) -> Result<bool> {
    match list(conn)? {
        List { there: false, .. } => return Ok(false),
        List {
            readable: false,
            role,
            ..
        } => return Err(MigrationFault::ClosedList { role }.into()),
        List { .. } => {}
    }
    let found = found(conn)?;
    let is_applied = |step: &Step| found.applied.contains(&step.version());
    Ok(found.undisturbed && steps.iter().all(is_applied))
}

fn found(conn: &mut PgConnection) -> Result<Found> {
    diesel::sql_query(include_str!("migrations/applied.sql"))
        .bind::<BigInt, _>(MIGRATION_LOCK)
        .get_result(conn)
        .map_err(unlisted)
}

/// What there is to do for a role that may not do it: nothing, if all is applied. Without those that
/// Hayloft comes with it can do nothing else either.
fn not_the_owner(conn: &mut PgConnection, steps: &[Step]) -> Result<Applied> {
    let list = list(conn)?;
    let applied = if list.there {
        found(conn)?.applied
    } else {
        Vec::new()
    };
    let pending: Vec<&Step> = steps
        .iter()
        .filter(|step| !applied.contains(&step.version()))
        .collect();
    if pending.is_empty() {
        return Ok(Applied::default());
    }
    let names = pending.iter().map(|step| step.told());
    let fault = MigrationFault::NotTheOwner {
        names: names.collect::<Vec<_>>().join(", "),
        role: list.role,
    };
    if pending.iter().any(|step| step.origin == Origin::Shipped) {
        return Err(fault.into());
    }
    Ok(Applied {
        blocked: Some(fault.to_string()),
        ..Applied::default()
    })
}

/// The list of applied migrations, to this role.
#[derive(QueryableByName, Default)]
struct List {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Bool)]
    there: bool,
    #[diesel(sql_type = Bool)]
    readable: bool,
    #[diesel(sql_type = Bool)]
    writable: bool,
}

fn list(conn: &mut PgConnection) -> Result<List> {
    let list = diesel::sql_query(include_str!("migrations/state.sql"))
        .get_result(conn)
        .optional()
        .map_err(unlisted)?;
    Ok(list.unwrap_or_default())
}

fn unapplied<'a>(conn: &mut PgConnection, steps: &'a [Step]) -> Result<Vec<&'a Step>> {
    let applied = applied_versions(conn)?;
    let pending = steps
        .iter()
        .filter(|step| !applied.contains(&step.version()));
    Ok(pending.collect())
}

fn applied_versions(conn: &mut PgConnection) -> Result<Vec<String>> {
    let versions = beside_list(conn, MigrationHarness::applied_migrations).map_err(unlisted)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

#[derive(QueryableByName)]
struct Stranger {
    #[diesel(sql_type = Text)]
    stranger: String,
}

/// Whoever owns the list could give it a trigger, which then runs as the role that migrates.
fn refuse_foreign_list(conn: &mut PgConnection) -> Result<()> {
    let owner: Option<Stranger> = diesel::sql_query(include_str!("migrations/list_owner.sql"))
        .get_result(conn)
        .optional()
        .map_err(unlisted)?;
    match owner {
        None => Ok(()),
        Some(Stranger { stranger }) => Err(MigrationFault::ForeignList { owner: stranger }.into()),
    }
}

/// Has Diesel work with its list, which it names without a schema: in a role's own schema of the same
/// name it would be missed by one session and made again by the next. Afterwards the session is as it
/// was, however a migration leaves it.
fn beside_list<T>(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> migration::Result<T>,
) -> migration::Result<T> {
    conn.batch_execute(steps::FOR_THE_LIST)?;
    let done = work(conn);
    let pinned = session::pin(conn);
    let done = done?;
    pinned?;
    Ok(done)
}

fn unlisted(error: impl Display) -> anyhow::Error {
    anyhow!("The list of applied migrations cannot be read from the database: {error}.")
}

fn failed(
    verb: &'static str,
    name: &str,
    error: &(dyn std::error::Error + Send + Sync),
) -> MigrationFault {
    let message = error.to_string();
    // Diesel puts the name in front of some of its messages.
    let message = message
        .strip_prefix(&format!("Failed to run {name} with: "))
        .unwrap_or(&message);
    MigrationFault::Failed {
        name: name.to_owned(),
        verb,
        reason: super::without_value(message)
            .trim_end_matches('.')
            .to_owned(),
    }
}

/// Runs `work` while no other session migrates this database. The lock belongs to the session,
/// so the server releases it if this process is killed.
fn alone<T>(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T>,
) -> Result<T> {
    let lost = |error| anyhow!("The database did not give the lock for migrating: {error}.");
    lock(conn).map_err(lost)?;
    let done = work(conn);
    let unlocked = diesel::sql_query("select pg_catalog.pg_advisory_unlock($1)")
        .bind::<BigInt, _>(MIGRATION_LOCK)
        .execute(conn);
    let done = done?;
    unlocked.map_err(lost)?;
    Ok(done)
}

#[derive(QueryableByName)]
struct Tried {
    #[diesel(sql_type = Bool)]
    ours: bool,
    #[diesel(sql_type = Text)]
    lock_timeout: String,
}

fn lock(conn: &mut PgConnection) -> QueryResult<()> {
    let tried: Tried = diesel::sql_query(
        "select pg_catalog.pg_try_advisory_lock($1) as ours, pg_catalog.current_setting('lock_timeout') as lock_timeout",
    )
    .bind::<BigInt, _>(MIGRATION_LOCK)
    .get_result(conn)?;
    if tried.ours {
        return Ok(());
    }
    tracing::info!("another session is migrating this database; waiting for it");
    // The session's lock timeout is meant for tables, and shorter than a long migration.
    conn.batch_execute("set lock_timeout = 0")?;
    diesel::sql_query("select pg_catalog.pg_advisory_lock($1)")
        .bind::<BigInt, _>(MIGRATION_LOCK)
        .execute(conn)?;
    diesel::sql_query("select pg_catalog.set_config('lock_timeout', $1, false)")
        .bind::<Text, _>(tried.lock_timeout)
        .execute(conn)?;
    Ok(())
}
