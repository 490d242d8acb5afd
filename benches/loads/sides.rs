//! The two sides: Hayloft, and hand-written SQL. Each can make an empty dimension and load a file
//! into it; both are asked for their rows by the same query.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};

use crate::deliveries::{Keys, Right, Rows, Workload};
use crate::measure::{self, Cost};
use crate::server::Server;

const HAYLOFT: &str = env!("CARGO_BIN_EXE_hayloft");
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/reference");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Hayloft,
    /// Hand-written SQL.
    Reference,
    /// The same, which also keeps one row a key.
    ReferenceDeduplicating,
}

impl Side {
    /// A short name, for databases.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Hayloft => "hayloft",
            Self::Reference | Self::ReferenceDeduplicating => "reference",
        }
    }

    pub(crate) fn keys(self) -> Keys {
        match self {
            Self::Hayloft => Keys::Hayloft,
            Self::Reference | Self::ReferenceDeduplicating => Keys::Plain,
        }
    }

    /// Makes an empty dimension in a new database.
    pub(crate) fn prepare(self, server: &Server, home: &Path, database: &str) -> Result<()> {
        server.execute("postgres", &format!("create database {database}"))?;
        match self {
            Self::Hayloft => {
                measure::run(hayloft(server, home, database)?.arg("migrate")).map(drop)
            }
            Self::Reference | Self::ReferenceDeduplicating => server.execute(
                database,
                &fs::read_to_string(Path::new(REFERENCE).join("ddl.sql"))?,
            ),
        }
    }

    /// Loads a file, in a process of its own.
    pub(crate) fn load(
        self,
        server: &Server,
        home: &Path,
        database: &str,
        workload: Workload,
        file: &Path,
    ) -> Result<Cost> {
        let dedupe = match self {
            Self::Hayloft => return load_by_hayloft(server, home, database, workload, file),
            Self::Reference => 0,
            Self::ReferenceDeduplicating => 1,
        };
        let script = match workload {
            Workload::W4 => "delta.sql",
            Workload::W1 | Workload::W2 | Workload::W3 => "full.sql",
        };
        let mut command = psql(&server.url(database));
        command
            .args(["-v", &format!("dedupe={dedupe}"), "-f"])
            .arg(reference(script))
            .stdin(File::open(file)?);
        measure::run(&mut command)
    }
}

/// The second delivery of W2 is the first one's very bytes, which Hayloft would not look at twice;
/// `--again` has it compare every row.
fn load_by_hayloft(
    server: &Server,
    home: &Path,
    database: &str,
    workload: Workload,
    file: &Path,
) -> Result<Cost> {
    let mut command = hayloft(server, home, database)?;
    command.args(["load", "--format", "json", "--quiet", "--table", "users"]);
    if workload == Workload::W2 {
        command.arg("--again");
    }
    measure::run(command.arg(file))
}

/// The program in a project folder of its own.
pub(crate) fn hayloft(server: &Server, home: &Path, database: &str) -> Result<Command> {
    let folder = home.join("project");
    fs::create_dir_all(folder.join("imports"))?;
    let contract = folder.join("hayloft.toml");
    if !contract.exists() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("hayloft.toml");
        fs::copy(shipped, contract)?;
    }
    let mut command = Command::new(HAYLOFT);
    command
        .current_dir(folder)
        .env("DATABASE_URL", server.url(database))
        .env_remove("HAYLOFT_KEY_SECRET")
        .env_remove("HAYLOFT_CONFIG")
        .env_remove("HAYLOFT_IMPORTS")
        .stdin(Stdio::null());
    Ok(command)
}

pub(crate) fn psql(url: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url]);
    command
}

pub(crate) fn reference(script: &str) -> PathBuf {
    Path::new(REFERENCE).join(script)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    open: i64,
    #[diesel(sql_type = Text)]
    open_sum: String,
    #[diesel(sql_type = BigInt)]
    closed: i64,
    #[diesel(sql_type = Text)]
    closed_sum: String,
    #[diesel(sql_type = BigInt)]
    loose: i64,
}

/// Fails unless the dimension holds exactly the rows that are right, each with its values, its
/// durable key and its number, and each closed one ends where its successor begins.
pub(crate) fn check(server: &Server, database: &str, right: Right, what: &str) -> Result<()> {
    let mut conn = server.connect(database)?;
    conn.batch_execute("set search_path = datawarehouse, public; set datestyle = 'ISO'")?;
    let found: Found = sql_query(include_str!("check.sql")).get_result(&mut conn)?;
    let rows = |count: i64, sum: &str| -> Result<Rows> {
        Ok(Rows {
            count: u64::try_from(count)?,
            sum: sum.parse().context("The sum is no whole number.")?,
        })
    };
    let held = Right {
        open: rows(found.open, &found.open_sum)?,
        closed: rows(found.closed, &found.closed_sum)?,
    };
    ensure!(
        held == right,
        "{what} has {held:?}, and {right:?} is right."
    );
    ensure!(
        found.loose == 0,
        "{what}: {} closed versions do not end where the next one begins.",
        found.loose
    );
    Ok(())
}
