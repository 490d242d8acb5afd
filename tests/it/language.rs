//! A server that does not speak English. It is skipped where the machine has no German.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use tempfile::TempDir;

use crate::support::HAYLOFT_TOML;

const USERS: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";

struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("hayloft.toml"), HAYLOFT_TOML).unwrap();
        std::fs::write(folder.path().join("users.csv"), USERS).unwrap();
        Self { folder }
    }

    /// The program with this database; without one, with the private server, which finds the locale.
    fn hayloft(&self, arguments: &[&str], url: Option<&str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hayloft"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LOCPATH", self.folder.path())
            .stdin(Stdio::null());
        match url {
            Some(url) => command.env("DATABASE_URL", url),
            None => command.env_remove("DATABASE_URL"),
        };
        command
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.hayloft(&["server", "stop"], None).output();
    }
}

fn makes_german(folder: &Path) -> bool {
    let locale = folder.join("de_DE.UTF-8");
    let made = Command::new("localedef")
        .args(["-i", "de_DE", "-f", "UTF-8"])
        .arg(&locale)
        .output();
    made.is_ok_and(|made| made.status.success())
}

fn said(conn: &mut PgConnection, statement: &str) -> String {
    diesel::sql_query(statement)
        .execute(conn)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_load_waits_for_another_in_any_language() {
    let project = Project::new();
    if !makes_german(project.folder.path()) {
        eprintln!("skipped: localedef makes no German here");
        return;
    }
    assert!(
        project
            .hayloft(&["migrate"], None)
            .output()
            .unwrap()
            .status
            .success()
    );
    let url = std::fs::read_to_string(project.folder.path().join(".hayloft/postgres.url")).unwrap();
    let url = url.trim();
    let mut admin = PgConnection::establish(url).unwrap();
    let german = admin.batch_execute("alter system set lc_messages = 'de_DE.UTF-8'");
    if german.is_err() {
        eprintln!("skipped: the server knows no German");
        return;
    }
    admin
        .batch_execute(
            "select pg_reload_conf();
             create role loader login password 's3cret';
             grant select on public.__diesel_schema_migrations to loader;
             grant usage on schema hayloft, datawarehouse to loader;
             grant select, insert, update, delete on all tables in schema hayloft, datawarehouse to loader",
        )
        .unwrap();
    let (_, server) = url.split_once('@').unwrap();
    let url_of_loader = format!("postgres://loader:s3cret@{server}");
    let mut german = PgConnection::establish(&url_of_loader).unwrap();
    if !said(&mut german, "select 1/0").contains("Division durch Null") {
        eprintln!("skipped: the server's texts are not translated");
        return;
    }

    // As if another load of the table were under way, for longer than a slice of waiting.
    admin
        .batch_execute("select pg_advisory_lock(hashtextextended('hayloft:users', 0))")
        .unwrap();
    let mut load = project
        .hayloft(&["load", "users.csv"], Some(&url_of_loader))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(load.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let waits = lines.find(|line| line.contains("waits"));
    admin
        .batch_execute("select pg_advisory_unlock_all()")
        .unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(load.wait().unwrap().success(), "{waits:?} {rest:?}");
    assert!(waits.is_some(), "{rest:?}");
}
