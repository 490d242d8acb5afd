//! A folder, a database and the real program, so that a test is a picture of files and tables.
//!
//! One Postgres server serves all tests: the embedded one, in `target/test-database`, started by
//! the first test that needs it. Each test has a database of its own, copied from a template that
//! has the migrations. The database is dropped when the test passes, and stays for a look when it
//! fails; `script/test` stops the server in the end. Where `HAYLOFT_POSTGRES` names the
//! programs of another server, that has a folder of its own.

// Each test binary uses what it needs of this.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::missing_panics_doc
)]
#![allow(
    clippy::print_stderr,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use hayloft::contract::{ContractFile, Contracts};
use hayloft::db::{DatabaseUrl, Embedded, migrations, pool};
use hayloft::history::check;
use serde_json::Value;
use tempfile::TempDir;

/// The longest that anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The tables that the program ships with.
pub const HAYLOFT_TOML: &str = include_str!("../../../hayloft.toml");

/// A project folder with an empty warehouse.
pub struct Warehouse {
    folder: TempDir,
    database: String,
    url: DatabaseUrl,
    environment: Vec<(String, String)>,
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    /// The exit code; a signal's number plus 128 if one ended it.
    pub status: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        let status = output.status;
        Self {
            status: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap()),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The lines of stdout as JSON objects.
    pub fn json(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {self:#?}"))
            })
            .collect()
    }

    /// The same, where there is exactly one.
    pub fn only(&self) -> Value {
        let mut objects = self.json();
        assert_eq!(objects.len(), 1, "{self:#?}");
        objects.remove(0)
    }

    /// Asserts on the exit code, showing everything if it differs.
    #[track_caller]
    pub fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }
}

impl Warehouse {
    /// The tables that the program ships with.
    pub fn new() -> Self {
        Self::with_contract(HAYLOFT_TOML)
    }

    /// The tables of the migrations, with this `hayloft.toml`.
    pub fn with_contract(toml: &str) -> Self {
        let server = server_url();
        let database = format!("t_{}", uuid::Uuid::now_v7().simple());
        create_database(&server, &database);
        let folder = tempfile::Builder::new()
            .prefix("hayloft-")
            .tempdir()
            .unwrap();
        fs::create_dir(folder.path().join("imports")).unwrap();
        let url = in_database(&server, &database);
        let warehouse = Self {
            folder,
            database,
            url,
            environment: Vec::new(),
        };
        warehouse.write("hayloft.toml", toml);
        warehouse
    }

    /// Sets an environment variable for every run of the program.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The project folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path below the project folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Where its database is, with the password.
    pub fn url(&self) -> &str {
        self.url.expose()
    }

    /// Writes a file below the project folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Drops a file into `imports/` as a careful person would: by a rename.
    pub fn drop_file(&self, name: &str, content: impl AsRef<[u8]>) {
        let written = self.write(&format!("outbox/{name}"), content);
        fs::rename(written, self.path("imports").join(name)).unwrap();
    }

    /// The same for another folder than `imports/`.
    pub fn drop_into(&self, folder: &str, name: &str, content: impl AsRef<[u8]>) {
        let written = self.write(&format!("outbox/{name}"), content);
        fs::rename(written, self.path(folder).join(name)).unwrap();
    }

    /// The names of the files in a folder, sorted, without those that begin with a dot.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// The program in the project folder, with its database.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hayloft"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("HAYLOFT_KEY_SECRET")
            .env_remove("HAYLOFT_CONFIG")
            .env_remove("HAYLOFT_IMPORTS")
            .env("DATABASE_URL", self.url())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Starts the program, and lets it run beside the test.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(child)
    }

    /// Writes a file of this name and loads it: `hayloft load --format json NAME`.
    pub fn load(&self, name: &str, content: impl AsRef<[u8]>) -> Run {
        self.write(name, content);
        self.run(&["load", "--format", "json", name])
    }

    /// Starts `hayloft watch`, and waits until it watches.
    pub fn watch(&self) -> Watch {
        let watch = self.start_watch();
        watch.wait_for("watching ");
        watch
    }

    /// The same for another folder than `imports/`.
    pub fn watch_folder(&self, folder: &str) -> Watch {
        let watch = self.start_watching(&["--imports", folder]);
        watch.wait_for("watching ");
        watch
    }

    /// Starts `hayloft watch` with more arguments, without waiting.
    pub fn watch_with(&self, more: &[&str]) -> Watch {
        self.start_watching(more)
    }

    /// Starts `hayloft watch` without waiting.
    pub fn start_watch(&self) -> Watch {
        self.start_watching(&[])
    }

    fn start_watching(&self, more: &[&str]) -> Watch {
        let mut command = self.command(&["watch", "--format", "json"]);
        command.args(more);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Watch::of(child)
    }

    /// Runs a query with psql: one line a row, columns apart by ` | `, NULL as `∅`.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        let output = Command::new("psql")
            .args([
                "-X",
                "-A",
                "-t",
                "-q",
                "-F",
                " | ",
                "-P",
                "null=∅",
                "-v",
                "ON_ERROR_STOP=1",
            ])
            .args(["-c", sql, self.url()])
            .env("PGTZ", "UTC")
            .output()
            .unwrap();
        let run = Run::of(output);
        assert_eq!(run.status, 0, "{sql}\n{}", run.stderr);
        run.stdout
    }

    /// Runs statements.
    pub fn execute(&self, sql: &str) {
        self.connection().batch_execute(sql).unwrap();
    }

    /// Another project folder, with a database that was restored from a dump of this one; `None` where
    /// the machine's `pg_dump` is older than the server.
    pub fn restored(&self) -> Option<Self> {
        let toml = fs::read_to_string(self.path("hayloft.toml")).unwrap();
        let restored = Self::with_contract(&toml);
        let mut conn = PgConnection::establish(server_url().expose()).unwrap();
        conn.batch_execute(&format!("drop database {}", restored.database))
            .unwrap();
        conn.batch_execute(&format!(
            "create database {} template template0",
            restored.database
        ))
        .unwrap();
        let dump = Command::new("pg_dump")
            .args(["--no-owner", self.url()])
            .output()
            .unwrap();
        if !dump.status.success() {
            let said = Run::of(dump).stderr;
            assert!(said.contains("server version"), "{said}");
            eprintln!("not tried: this machine's pg_dump is older than the server");
            return None;
        }
        let sql = restored.write("dump.sql", dump.stdout);
        let loaded = Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(sql)
            .arg(restored.url())
            .output()
            .unwrap();
        assert!(loaded.status.success(), "{}", Run::of(loaded).stderr);
        Some(restored)
    }

    /// A session that lets nobody write to a table until it is dropped.
    pub fn locked(&self, table: &str) -> PgConnection {
        self.lock(table, "exclusive")
    }

    /// A session that lets nobody even look at a table until it is dropped.
    pub fn shut(&self, table: &str) -> PgConnection {
        self.lock(table, "access exclusive")
    }

    fn lock(&self, table: &str, mode: &str) -> PgConnection {
        let mut session = self.connection();
        session
            .batch_execute(&format!("begin; lock table {table} in {mode} mode"))
            .unwrap();
        session
    }

    /// A connection of one's own, for holding locks and the like.
    pub fn connection(&self) -> PgConnection {
        PgConnection::establish(self.url()).unwrap()
    }

    /// Waits until a query gives this answer.
    #[track_caller]
    pub fn wait_until(&self, sql: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.query(sql);
            if answer.trim() == expected {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{sql}\n  gives {answer:?}, not {expected:?}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asserts that the program's own check finds nothing, nor what only a test can ask. For a
    /// warehouse at rest.
    #[track_caller]
    pub fn assert_sound(&self) {
        let mut conn = self.connection();
        let file = ContractFile::read(&self.path("hayloft.toml")).unwrap();
        let contracts = Contracts::load_to_look(&mut conn, &file).unwrap();
        let examined = check::examine(&mut conn, contracts.iter()).unwrap();
        let damaged: Vec<_> = examined.iter().filter(|table| !table.sound).collect();
        assert!(damaged.is_empty(), "{damaged:#?}");
        assert_eq!(self.query(include_str!("invariants.sql")), "");
    }

    /// Waits until a session of the program waits for a lock.
    #[track_caller]
    pub fn wait_until_blocked(&self) {
        self.wait_until(
            "select count(*) > 0 from pg_stat_activity
             where datname = current_database() and application_name = 'hayloft'
               and wait_event_type = 'Lock'",
            "t",
        );
    }

    /// The history of `users`: version, name, date of birth, whether current; by e-mail.
    pub fn users(&self) -> String {
        self.query(
            "select email, version_number, name, date_of_birth, is_current
             from datawarehouse.users order by email, version_number",
        )
    }
}

impl Drop for Warehouse {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the database of the failed test stays: {}", self.url());
            return;
        }
        let server = server_url();
        let mut conn = PgConnection::establish(server.expose()).unwrap();
        let _ = conn.batch_execute(&format!(
            "drop database if exists {} with (force)",
            self.database
        ));
    }
}

/// A program that runs beside the test.
pub struct Running(Child);

impl Running {
    /// Waits for its end.
    pub fn finish(self) -> Run {
        Run::of(self.0.wait_with_output().unwrap())
    }
}

/// A running `hayloft watch`. Ended when dropped.
pub struct Watch {
    child: Child,
    stderr: Receiver<String>,
    stdout: Receiver<String>,
}

impl Watch {
    /// Listens to a program that was started with both outputs piped.
    pub fn of(mut child: Child) -> Self {
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Self {
            child,
            stderr,
            stdout,
        }
    }

    /// Waits for a line on stderr that contains this, and returns it.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => heard.push(line),
                Err(error) => panic!("waited in vain ({error}) for {text:?}; heard {heard:#?}"),
            }
        }
    }

    /// Waits for the next load and returns its JSON object.
    #[track_caller]
    pub fn next_load(&self) -> Value {
        let line = self.stdout.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!(
                "no load came; stderr: {:#?}",
                self.stderr.try_iter().collect::<Vec<_>>()
            )
        });
        serde_json::from_str(&line).unwrap()
    }

    /// What was said on stderr so far and not waited for.
    pub fn said(&self) -> Vec<String> {
        self.stderr.try_iter().collect()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Sends SIGTERM and waits for the end; the exit code.
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        exit_code(&mut self.child)
    }

    /// Waits for the end; the exit code, or 128 plus the signal.
    pub fn ended(mut self) -> i32 {
        exit_code(&mut self.child)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn exit_code(child: &mut Child) -> i32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap());
        }
        assert!(Instant::now() < deadline, "the program does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The server of all tests, started if it does not run.
fn server_url() -> DatabaseUrl {
    Embedded::in_folder(&server_folder())
        .ensure_running()
        .unwrap()
}

/// Where the server of all tests has its data.
fn server_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-database");
    match std::env::var("HAYLOFT_POSTGRES") {
        Ok(programs) => folder.join(programs.trim_matches('/').replace('/', "-")),
        Err(_) => folder,
    }
}

/// The same server, another database.
fn in_database(server: &DatabaseUrl, database: &str) -> DatabaseUrl {
    let (base, _) = server.expose().rsplit_once('/').unwrap();
    format!("{base}/{database}").parse().unwrap()
}

/// Copies the template, which is made by whoever comes first.
fn create_database(server: &DatabaseUrl, database: &str) {
    let mut conn = PgConnection::establish(server.expose()).unwrap();
    let lock = template_lock();
    lock.lock().unwrap();
    let template = template_name();
    if !exists(&mut conn, &template) {
        let half = format!("{template}_half");
        conn.batch_execute(&format!("drop database if exists {half}"))
            .unwrap();
        conn.batch_execute(&format!("create database {half}"))
            .unwrap();
        let url = in_database(server, &half);
        migrations::migrate(&mut pool::connect_once(&url).unwrap(), None).unwrap();
        conn.batch_execute(&format!("alter database {half} rename to {template}"))
            .unwrap();
    }
    // Under the lock as well: a template can be copied by one session at a time.
    conn.batch_execute(&format!("create database {database} template {template}"))
        .unwrap();
}

fn template_lock() -> File {
    let path = server_folder().join("template.lock");
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .unwrap()
}

/// Named for the migrations' content, so that an edited migration makes another template.
fn template_name() -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("up.sql"))
        .collect();
    files.sort();
    for file in files {
        (
            file.display().to_string(),
            fs::read(file).unwrap_or_default(),
        )
            .hash(&mut hasher);
    }
    format!("template_{:016x}", hasher.finish())
}

fn exists(conn: &mut PgConnection, database: &str) -> bool {
    use diesel::prelude::*;
    use diesel::sql_types::{BigInt, Text};
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let counted: Count = diesel::sql_query("select count(*) from pg_database where datname = $1")
        .bind::<Text, _>(database)
        .get_result(conn)
        .unwrap();
    counted.count == 1
}

/// How many migrations Hayloft comes with.
pub(crate) fn shipped_migrations() -> usize {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    std::fs::read_dir(folder).unwrap().count()
}
