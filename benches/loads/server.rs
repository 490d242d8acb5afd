//! A Postgres server for one run of the benchmark: made from the machine's binaries, with the
//! settings that the numbers are given for, and thrown away in the end.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use rustix::process::{Pid, Signal, kill_process};

/// The settings that are not Postgres' own.
pub(crate) const SETTINGS: [&str; 2] = ["shared_buffers=2GB", "max_wal_size=8GB"];

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    process: Child,
    folder: PathBuf,
    pub(crate) version: String,
}

impl Server {
    /// Makes a cluster in this folder and starts its server, which listens on a socket there.
    pub(crate) fn start(folder: &Path, more: &[String]) -> Result<Self> {
        let binaries = binaries()?;
        let owner = Owner::of_the_server()?;
        let home = folder.join("server");
        fs::create_dir(&home)?;
        // Who runs the server must get through, and nobody else needs to see anything.
        fs::set_permissions(folder, Permissions::from_mode(0o711))?;
        owner.take(&home)?;
        let data = home.join("data");
        let made = owner
            .command(&binaries.join("initdb"))
            .args(["--auth=trust", "--username=bench", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()?;
        ensure!(
            made.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut command = owner.command(&binaries.join("postgres"));
        command.arg("-D").arg(&data);
        command.arg("-c").arg("listen_addresses=");
        command
            .arg("-c")
            .arg(format!("unix_socket_directories={}", home.display()));
        for setting in SETTINGS
            .iter()
            .copied()
            .chain(more.iter().map(String::as_str))
        {
            command.arg("-c").arg(setting);
        }
        let log = fs::File::create(folder.join("server.log"))?;
        let mut server = Self {
            process: command.stdout(log.try_clone()?).stderr(log).spawn()?,
            folder: home,
            version: version(&binaries)?,
        };
        server.wait_until_it_answers(folder)?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self, folder: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.connect("postgres").is_err() {
            let ended = self.process.try_wait()?.is_some();
            if ended || Instant::now() > deadline {
                let log = fs::read_to_string(folder.join("server.log"))?;
                bail!("The server did not start. It says:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn url(&self, database: &str) -> String {
        let folder = self.folder.display();
        format!("postgres:///{database}?host={folder}&user=bench")
    }

    pub(crate) fn connect(&self, database: &str) -> Result<PgConnection> {
        Ok(PgConnection::establish(&self.url(database))?)
    }

    pub(crate) fn execute(&self, database: &str, statements: &str) -> Result<()> {
        self.connect(database)?
            .batch_execute(statements)
            .with_context(|| statements.to_owned())
    }

    /// Makes `database` a copy of `template`, in the state in which a server is that has been
    /// running for a while: in memory as far as it fits, and with nothing left to write.
    pub(crate) fn copy(&self, template: &str, database: &str) -> Result<()> {
        let mut conn = self.connect("postgres")?;
        // Each by itself: a database is not made or dropped within a transaction.
        conn.batch_execute(&format!("drop database if exists {database} with (force)"))?;
        conn.batch_execute(&format!("create database {database} template {template}"))?;
        let mut copy = self.connect(database)?;
        copy.batch_execute(
            "create extension if not exists pg_prewarm;
             select pg_prewarm(oid) from pg_class
             where relkind in ('r', 'i') and relnamespace <> 'pg_catalog'::regnamespace
               and relnamespace <> 'information_schema'::regnamespace
             order by relkind desc;
             checkpoint",
        )
        .context("The copy cannot be read into memory. Is the extension pg_prewarm there?")
    }

    pub(crate) fn drop_database(&self, database: &str) -> Result<()> {
        self.execute(
            "postgres",
            &format!("drop database if exists {database} with (force)"),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw)
        {
            // The fast shutdown.
            let _ = kill_process(pid, Signal::INT);
            let _ = self.process.wait();
        }
    }
}

/// Postgres does not run as root; root's server runs as `postgres`.
enum Owner {
    Caller,
    Other { uid: u32, gid: u32 },
}

impl Owner {
    fn of_the_server() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Caller);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let ids = users.lines().find_map(|line| {
            let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        });
        let (uid, gid) = ids.context("Postgres does not run as root: add a user `postgres`.")?;
        Ok(Self::Other { uid, gid })
    }

    fn take(&self, folder: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = *self {
            chown(folder, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        if let Self::Other { uid, gid } = *self {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// The folder of the newest server programs.
fn binaries() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("HAYLOFT_POSTGRES").map(PathBuf::from);
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut packaged: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    packaged.sort_by_key(|folder| std::cmp::Reverse(major(folder)));
    let named = named.iter().flat_map(|it| [it.clone(), it.join("bin")]);
    named
        .chain(std::env::split_paths(&path))
        .chain(packaged)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .context("There is no Postgres server on this machine: put its programs on the PATH.")
}

fn major(binaries: &Path) -> Option<u32> {
    binaries.parent()?.file_name()?.to_str()?.parse().ok()
}

fn version(binaries: &Path) -> Result<String> {
    let said = Command::new(binaries.join("postgres"))
        .arg("--version")
        .output()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let number = said.split_whitespace().nth(2);
    Ok(number
        .context("postgres does not tell its version.")?
        .to_owned())
}
