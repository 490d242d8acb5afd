//! The migrations, each as a step that finds the session as it expects it.
//!
//! In: what is compiled in, and a folder. Out: all of them, in the order in which they are applied.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use diesel::connection::BoxableConnection;
use diesel::migration::{self, Migration, MigrationMetadata, MigrationName, MigrationSource};
use diesel::pg::Pg;
use diesel_migrations::{EmbeddedMigrations, FileBasedMigrations, embed_migrations};

use crate::db::session;

const EMBEDDED: EmbeddedMigrations = embed_migrations!("migrations");

/// Diesel names its table without a schema.
pub(super) const FOR_THE_LIST: &str = "set search_path = public";

/// One of Hayloft's own names everything with its schema. What it means by `=` or `array_agg` is
/// Postgres' own.
const FOR_SHIPPED: &str = "set search_path = pg_catalog, pg_temp";

/// One migration.
pub(super) struct Step {
    pub(super) origin: Origin,
    migration: Box<dyn Migration<Pg>>,
}

/// Who wrote a migration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// Hayloft comes with it.
    Shipped,
    /// It lies beside a `hayloft.toml`.
    Own,
}

impl Step {
    /// The number by which it is known.
    pub(super) fn version(&self) -> String {
        self.migration.name().version().to_string()
    }

    /// The name of its folder.
    pub(super) fn told(&self) -> String {
        self.migration.name().to_string()
    }

    /// In a transaction, what is set goes with it where the migration fails.
    fn prepared(
        &self,
        conn: &mut dyn BoxableConnection<Pg>,
        work: impl FnOnce(&mut dyn BoxableConnection<Pg>) -> migration::Result<()>,
    ) -> migration::Result<()> {
        conn.batch_execute(match self.origin {
            Origin::Shipped => FOR_SHIPPED,
            Origin::Own => session::FOR_MIGRATIONS,
        })?;
        work(conn)?;
        conn.batch_execute(FOR_THE_LIST)?;
        Ok(())
    }
}

impl Migration<Pg> for Step {
    fn run(&self, conn: &mut dyn BoxableConnection<Pg>) -> migration::Result<()> {
        self.prepared(conn, |conn| {
            if self.origin == Origin::Shipped {
                // It goes where the search path says, which for a shipped one is no place of ours.
                conn.batch_execute(include_str!("btree_gist.sql"))?;
            }
            self.migration.run(conn)
        })
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<Pg>) -> migration::Result<()> {
        self.prepared(conn, |conn| self.migration.revert(conn))
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self.migration.metadata()
    }

    fn name(&self) -> &dyn MigrationName {
        self.migration.name()
    }
}

/// Those that Hayloft comes with, and then those of the folder, each by version. A folder that does
/// not exist adds nothing.
pub(super) fn united(extra: Option<&Path>) -> Result<Vec<Step>> {
    let mut steps = listed(&EMBEDDED, "the program", Origin::Shipped)?;
    let shipped = steps.len();
    for step in extra
        .filter(|folder| folder.exists())
        .map_or(Ok(Vec::new()), in_folder)?
    {
        let known = steps.iter().find(|known| known.version() == step.version());
        match known.map(Step::told) {
            None => steps.push(step),
            Some(known) if known == step.told() => {}
            Some(known) => bail!(
                "The migrations {known} and {} have the same version, and only one of them would \
                 be applied: give the newer one another number.",
                step.told()
            ),
        }
    }
    steps[..shipped].sort_by_key(Step::version);
    steps[shipped..].sort_by_key(Step::version);
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
    listed(&source, place, Origin::Own)
}

fn listed(
    source: &impl MigrationSource<Pg>,
    place: impl Display,
    origin: Origin,
) -> Result<Vec<Step>> {
    let migrations = source
        .migrations()
        .map_err(|error| unreadable(place, error))?;
    let step = |migration| Step { origin, migration };
    Ok(migrations.into_iter().map(step).collect())
}

fn unreadable(place: impl Display, error: impl Display) -> anyhow::Error {
    anyhow!("The migrations in {place} cannot be read: {error}.")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Origin, Step, united};

    fn add(folder: &Path, name: &str) {
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("up.sql"), "select 1").unwrap();
    }

    #[test]
    fn own_migrations_come_after_those_that_are_shipped() {
        let folder = tempfile::tempdir().unwrap();
        add(folder.path(), "2026-11-21-000001_ledger");
        add(folder.path(), "2020-01-01-000000_older");
        add(folder.path(), "2126-01-01-000000_newer");
        let shipped = united(None).unwrap();
        let all = united(Some(folder.path())).unwrap();
        let (first, own) = all.split_at(shipped.len());
        assert!(first.iter().all(|step| step.origin == Origin::Shipped));
        let own: Vec<String> = own.iter().map(Step::version).collect();
        assert_eq!(own, ["20200101000000", "21260101000000"]);
        let missing = united(Some(&folder.path().join("none"))).unwrap();
        assert_eq!(missing.len(), shipped.len());
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
