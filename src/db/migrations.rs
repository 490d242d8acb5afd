//! Which tables the database must have, and the way there.
//!
//! The migrations of `migrations/` are compiled in. A folder of the same form beside a
//! `hayloft.toml` is united with them, so that a table of one's own is one more migration and no
//! rebuild. What was applied is kept where Diesel's own tool keeps it: `diesel migration run` and
//! Hayloft can take turns.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_migrations::{
    EmbeddedMigrations, FileBasedMigrations, MigrationHarness, embed_migrations,
};

const EMBEDDED: EmbeddedMigrations = embed_migrations!("migrations");

/// The advisory lock of those who migrate: "hayloft" in ASCII.
const MIGRATION_LOCK: i64 = 0x68_61_79_6c_6f_66_74;

type Step = Box<dyn Migration<Pg>>;

/// Applies what is pending, oldest first, and returns the names of what it applied. Whoever
/// comes second waits, and then finds nothing to do.
pub fn migrate(conn: &mut PgConnection, extra: Option<&Path>) -> Result<Vec<String>> {
    migrate_after(conn, extra, |_| Ok(()))
}

/// The same, and `first` is done before, if anything is pending: what stands in the way of a change
/// to a table is put aside.
pub fn migrate_after(
    conn: &mut PgConnection,
    extra: Option<&Path>,
    first: impl FnOnce(&mut PgConnection) -> Result<()>,
) -> Result<Vec<String>> {
    let steps = united(extra)?;
    if are_applied(conn, &steps)? {
        return Ok(Vec::new());
    }
    alone(conn, |conn| {
        if !unapplied(conn, &steps)?.is_empty() {
            first(conn)?;
        }
        apply(conn, &steps)
    })
}

/// The names of what [`migrate`] would apply.
pub fn pending(conn: &mut PgConnection, extra: Option<&Path>) -> Result<Vec<String>> {
    let steps = united(extra)?;
    if are_applied(conn, &steps)? {
        return Ok(Vec::new());
    }
    // Asking creates Diesel's own table when it is missing, which must not be done twice at once.
    alone(conn, |conn| {
        Ok(unapplied(conn, &steps)?
            .into_iter()
            .map(|step| step.name().to_string())
            .collect())
    })
}

/// Reverts all that was applied, newest first, and applies all again: an empty warehouse.
pub fn reset(conn: &mut PgConnection, extra: Option<&Path>) -> Result<Vec<String>> {
    reset_after(conn, extra, |_| Ok(()))
}

/// The same, and `first` is done before.
pub fn reset_after(
    conn: &mut PgConnection,
    extra: Option<&Path>,
    first: impl FnOnce(&mut PgConnection) -> Result<()>,
) -> Result<Vec<String>> {
    let steps = united(extra)?;
    alone(conn, |conn| {
        first(conn)?;
        revert(conn, &steps)?;
        apply(conn, &steps)
    })
}

fn apply(conn: &mut PgConnection, steps: &BTreeMap<String, Step>) -> Result<Vec<String>> {
    let mut applied = Vec::new();
    for step in unapplied(conn, steps)? {
        let name = step.name().to_string();
        conn.run_migration(step)
            .map_err(|error| failed("applied", &name, error.as_ref()))?;
        applied.push(name);
    }
    Ok(applied)
}

fn revert(conn: &mut PgConnection, steps: &BTreeMap<String, Step>) -> Result<()> {
    let versions = applied_versions(conn)?;
    // Looked for before the first is reverted: half a reset helps nobody.
    for version in &versions {
        if !steps.contains_key(version) {
            bail!(
                "Migration {version} was applied to this database, but is not among the \
                 migrations here, so it cannot be reverted: nothing was reset."
            );
        }
    }
    for version in versions {
        let step = &steps[&version];
        conn.revert_migration(step)
            .map_err(|error| failed("reverted", &step.name().to_string(), error.as_ref()))?;
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
fn are_applied(conn: &mut PgConnection, steps: &BTreeMap<String, Step>) -> Result<bool> {
    if !has_list(conn).map_err(unlisted)? {
        return Ok(false);
    }
    let found: Found = diesel::sql_query(include_str!("migrations/applied.sql"))
        .bind::<BigInt, _>(MIGRATION_LOCK)
        .get_result(conn)
        .map_err(unlisted)?;
    Ok(found.undisturbed && steps.keys().all(|version| found.applied.contains(version)))
}

#[derive(QueryableByName)]
struct There {
    #[diesel(sql_type = Bool)]
    there: bool,
}

/// Whether anything was ever applied: Diesel makes its table with the first migration.
fn has_list(conn: &mut PgConnection) -> QueryResult<bool> {
    let answer: There =
        diesel::sql_query(include_str!("migrations/has_list.sql")).get_result(conn)?;
    Ok(answer.there)
}

fn unapplied<'a>(
    conn: &mut PgConnection,
    steps: &'a BTreeMap<String, Step>,
) -> Result<Vec<&'a Step>> {
    let applied = applied_versions(conn)?;
    let pending = steps
        .iter()
        .filter(|(version, _)| !applied.contains(version));
    Ok(pending.map(|(_, step)| step).collect())
}

/// Newest first.
fn applied_versions(conn: &mut PgConnection) -> Result<Vec<String>> {
    let versions = conn.applied_migrations().map_err(unlisted)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

fn unlisted(error: impl Display) -> anyhow::Error {
    anyhow!("The list of applied migrations cannot be read from the database: {error}.")
}

fn failed(verb: &str, name: &str, error: &(dyn std::error::Error + Send + Sync)) -> anyhow::Error {
    let message = error.to_string();
    // Diesel puts the name in front of some of its messages.
    let message = message
        .strip_prefix(&format!("Failed to run {name} with: "))
        .unwrap_or(&message);
    anyhow!(
        "Migration {name} was not {verb}: {}.",
        super::without_value(message).trim_end_matches('.')
    )
}

/// The embedded migrations and those of the folder, by version, which is their order. A folder
/// that does not exist adds nothing.
fn united(extra: Option<&Path>) -> Result<BTreeMap<String, Step>> {
    let mut steps = BTreeMap::new();
    for step in listed(&EMBEDDED, "the program")? {
        steps.insert(step.name().version().to_string(), step);
    }
    for step in extra
        .filter(|folder| folder.exists())
        .map_or(Ok(Vec::new()), in_folder)?
    {
        let version = step.name().version().to_string();
        match steps.get(&version).map(|known| known.name().to_string()) {
            None => _ = steps.insert(version, step),
            Some(known) if known == step.name().to_string() => {}
            Some(known) => bail!(
                "The migrations {known} and {} have the same version, and only one of them would \
                 be applied: give the newer one another number.",
                step.name()
            ),
        }
    }
    Ok(steps)
}

fn in_folder(folder: &Path) -> Result<Vec<Step>> {
    let place = folder.display();
    let source = FileBasedMigrations::from_path(folder).map_err(|error| match error {
        diesel_migrations::MigrationError::UnknownMigrationFormat(path) => anyhow!(
            "{} is no migration: the folder's name must be a number and a name \
             (2026-11-21-000003_orders), and up.sql must be in it.",
            path.display()
        ),
        other => unreadable(&place, &other),
    })?;
    listed(&source, place)
}

fn listed(source: &impl MigrationSource<Pg>, place: impl Display) -> Result<Vec<Step>> {
    source
        .migrations()
        .map_err(|error| unreadable(place, error))
}

fn unreadable(place: impl Display, error: impl Display) -> anyhow::Error {
    anyhow!("The migrations in {place} cannot be read: {error}.")
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
    let unlocked = diesel::sql_query("select pg_advisory_unlock($1)")
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
    // Diesel's table is named without a schema: in a role's own schema of the same name it would
    // be missed by one session and made again by the next.
    conn.batch_execute("set search_path = public")?;
    let tried: Tried = diesel::sql_query(
        "select pg_try_advisory_lock($1) as ours, current_setting('lock_timeout') as lock_timeout",
    )
    .bind::<BigInt, _>(MIGRATION_LOCK)
    .get_result(conn)?;
    if tried.ours {
        return Ok(());
    }
    tracing::info!("another session is migrating this database; waiting for it");
    // The session's lock timeout is meant for tables, and shorter than a long migration.
    conn.batch_execute("set lock_timeout = 0")?;
    diesel::sql_query("select pg_advisory_lock($1)")
        .bind::<BigInt, _>(MIGRATION_LOCK)
        .execute(conn)?;
    diesel::sql_query("select set_config('lock_timeout', $1, false)")
        .bind::<Text, _>(tried.lock_timeout)
        .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::united;

    fn add(folder: &Path, name: &str) {
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("up.sql"), "select 1").unwrap();
    }

    #[test]
    fn a_folder_is_united_with_the_embedded_ones_by_version() {
        let folder = tempfile::tempdir().unwrap();
        add(folder.path(), "2026-11-21-000001_ledger");
        add(folder.path(), "2020-01-01-000000_older");
        add(folder.path(), "2126-01-01-000000_newer");
        let embedded = united(None).unwrap();
        let all = united(Some(folder.path())).unwrap();
        assert_eq!(all.len(), embedded.len() + 2);
        assert_eq!(all.keys().next().unwrap(), "20200101000000");
        assert_eq!(all.keys().last().unwrap(), "21260101000000");
        let missing = united(Some(&folder.path().join("none"))).unwrap();
        assert_eq!(missing.len(), embedded.len());
    }

    #[test]
    fn two_names_for_one_version_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        add(folder.path(), "2026-11-21-000001_orders");
        let error = united(Some(folder.path())).err().unwrap().to_string();
        assert!(error.contains("2026-11-21-000001_orders"), "{error}");
        assert!(error.contains("2026-11-21-000001_ledger"), "{error}");
    }

    #[test]
    fn a_stray_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("notes")).unwrap();
        let error = united(Some(folder.path())).err().unwrap().to_string();
        assert!(error.contains("notes is no migration"), "{error}");
    }
}
