//! A folder and a database for one run, copied from ones that were made before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Nullable, Text};
use hayloft::contract::{ContractFile, Contracts};
use hayloft::db::{DatabaseUrl, Embedded, pool};
use hayloft::history::check;
use tempfile::TempDir;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_hayloft");

/// The server of all runs, which is made for them.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    embedded: Embedded,
    url: DatabaseUrl,
}

impl Server {
    /// In this folder; started if it does not run.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let embedded = Embedded::in_folder(folder);
        let url = embedded.ensure_running()?;
        let server = Self { embedded, url };
        // Processes are killed here, and the machine is not.
        for setting in [
            "fsync = off",
            "full_page_writes = off",
            "max_wal_size = '4GB'",
        ] {
            server.execute(&format!("alter system set {setting}"))?;
        }
        server.execute("select pg_reload_conf()")?;
        Ok(server)
    }

    pub(crate) fn ensure_running(&self) -> Result<()> {
        self.embedded.ensure_running().map(drop)
    }

    pub(crate) fn stop(&self) -> Result<()> {
        self.embedded.stop().map(drop)
    }

    /// The process of the server that all others belong to.
    pub(crate) fn pid(&self) -> Option<i32> {
        match self.embedded.state() {
            Ok(hayloft::db::embedded::State::Running { pid, .. }) => Some(pid),
            _ => None,
        }
    }

    pub(crate) fn url_of(&self, database: &str) -> Result<DatabaseUrl> {
        let (base, _) = self.url.expose().rsplit_once('/').context("a URL")?;
        Ok(format!("{base}/{database}").parse()?)
    }

    pub(crate) fn version(&self) -> Result<String> {
        ask(
            &mut self.connection()?,
            "select current_setting('server_version') as answer",
        )
    }

    pub(crate) fn connection(&self) -> Result<PgConnection> {
        Ok(PgConnection::establish(self.url.expose())?)
    }

    fn execute(&self, sql: &str) -> Result<()> {
        Ok(self.connection()?.batch_execute(sql)?)
    }
}

/// The text that a query answers with.
pub(crate) fn ask(conn: &mut PgConnection, sql: &str) -> Result<String> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Nullable<Text>)]
        answer: Option<String>,
    }
    let answer: Answer = sql_query(sql).get_result(conn)?;
    Ok(answer.answer.unwrap_or_default())
}

/// A project folder and its database. Both go when it is dropped.
#[derive(Debug)]
pub(crate) struct Warehouse {
    server: Server,
    database: String,
    folder: TempDir,
}

impl Warehouse {
    /// An empty database, and a folder with this contract.
    pub(crate) fn empty(server: &Server, toml: &str) -> Result<Self> {
        let warehouse = Self::with_database(server, "template0")?;
        fs::write(warehouse.path("hayloft.toml"), toml)?;
        fs::create_dir(warehouse.path("imports"))?;
        Ok(warehouse)
    }

    /// A copy. Nobody may be connected to the database meanwhile.
    pub(crate) fn copy(&self) -> Result<Self> {
        let copy = Self::with_database(&self.server, &self.database)?;
        copy_folder(self.folder.path(), copy.folder.path())?;
        Ok(copy)
    }

    fn with_database(server: &Server, template: &str) -> Result<Self> {
        let database = format!("torture_{}", uuid::Uuid::now_v7().simple());
        server.execute(&format!(
            "create database {database} template {template} encoding 'UTF8'"
        ))?;
        Ok(Self {
            server: server.clone(),
            database,
            folder: tempfile::tempdir()?,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self) -> Result<DatabaseUrl> {
        self.server.url_of(&self.database)
    }

    pub(crate) fn connection(&self) -> Result<PgConnection> {
        Ok(pool::connect_once(&self.url()?)?)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.path(name), text)?)
    }

    /// The program with these arguments, on this warehouse.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("DATABASE_URL", self.url()?.expose())
            .env_remove("HAYLOFT_CONFIG")
            .env_remove("HAYLOFT_KEY_SECRET");
        Ok(command)
    }

    /// Runs the program undisturbed; its exit code.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<i32> {
        let mut command = self.command(arguments)?;
        let output = command.stdin(Stdio::null()).output()?;
        output.status.code().with_context(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("{arguments:?} was ended by a signal: {said}")
        })
    }

    /// Runs the program undisturbed, which has to go well.
    pub(crate) fn run_well(&self, arguments: &[&str]) -> Result<()> {
        let status = self.run(arguments)?;
        ensure!(status < 2, "{arguments:?} ended with {status}");
        Ok(())
    }

    /// Names below a folder, sorted; none if it is not there.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// What `hayloft check` finds.
    pub(crate) fn damage(&self) -> Result<Vec<String>> {
        let mut conn = self.connection()?;
        let file = ContractFile::read(&self.path("hayloft.toml"))?;
        let contracts = Contracts::load_to_look(&mut conn, &file)?;
        let examined = check::examine(&mut conn, contracts.iter())?;
        let damaged = examined.iter().filter(|table| !table.sound);
        Ok(damaged.map(|table| format!("{table:?}")).collect())
    }
}

impl Drop for Warehouse {
    fn drop(&mut self) {
        let database = &self.database;
        let gone = self
            .server
            .execute(&format!("drop database if exists {database} with (force)"));
        // Whoever ends the server first has no database to drop.
        drop(gone);
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
