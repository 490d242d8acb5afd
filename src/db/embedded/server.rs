//! A cluster's server: whether it runs, and starting and stopping it.
//!
//! What a server leaves on the disk is a hint; that it lets us in with our password is the proof.
//! A caller that starts or stops holds the lock of the `.hayloft` folder.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use diesel::sql_types::Text;
use rustix::process::Pid;

use super::binaries::Binaries;
use super::cluster::Cluster;
use super::url_file;
use crate::db::connect_fault::FaultKind;
use crate::db::pool::plain_connection;
use crate::db::prelude::*;
use crate::db::url::DatabaseUrl;

/// What there is to see of a server.
pub(super) enum Seen {
    /// It lets us in.
    Ready(Running),
    /// Its process lives, and it does not let us in yet, or no more.
    Starting { pid: i32 },
    /// There is no process.
    Down,
}

/// A server that has let us in.
pub(super) struct Running {
    pub(super) url: DatabaseUrl,
    pub(super) pid: i32,
    pub(super) version: String,
}

/// How long `pg_ctl` waits for what it was asked for.
const SECONDS_FOR_PG_CTL: u32 = 60;

/// How long a server may take to recover from a crash: with 4 GB of log, minutes on a slow disk.
const RECOVERY: Duration = Duration::from_secs(600);

/// How long obstacles that pass may keep a server from starting.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server logs when another try can help: somebody took the port between our look at
/// it and our start; sessions of a killed server have not noticed yet that it is gone.
const PASSING: [&str; 2] = ["could not bind", "is still in use"];

/// Looks once.
pub(super) fn look(cluster: &Cluster) -> Result<Seen> {
    let Some(pid_file) = PidFile::read(&cluster.data) else {
        return Ok(Seen::Down);
    };
    if matches!(
        owner_of(pid_file.pid, &cluster.data),
        Owner::Nobody | Owner::Stranger
    ) {
        return Ok(Seen::Down);
    }
    let Some(port) = pid_file.port else {
        return Ok(Seen::Starting { pid: pid_file.pid });
    };
    let url = url_file::read(&cluster.folder)?;
    let url = DatabaseUrl::embedded(
        url_file::NAME,
        url_file::password(&url),
        port,
        url_file::NAME,
    );
    match let_in(&url) {
        Ok(version) => Ok(Seen::Ready(Running {
            url,
            pid: pid_file.pid,
            version,
        })),
        Err(fault) if fault.kind == FaultKind::Retry => Ok(Seen::Starting { pid: pid_file.pid }),
        Err(fault) => bail!(
            "The embedded server runs (process {}), but does not let Hayloft in. {fault} The \
             password is in {}.",
            pid_file.pid,
            url_file::path(&cluster.folder).display()
        ),
    }
}

/// Looks until the server is up or down. One that recovers from a crash, or that a killed Hayloft
/// had just started, needs a while.
pub(super) fn settled(cluster: &Cluster) -> Result<Seen> {
    let begin = Instant::now();
    let mut told = false;
    loop {
        let seen = look(cluster)?;
        let Seen::Starting { pid } = seen else {
            return Ok(seen);
        };
        if begin.elapsed() > RECOVERY {
            bail!(
                "The embedded server (process {pid}) is still starting after {} minutes. Its log \
                 is {}.",
                RECOVERY.as_secs() / 60,
                cluster.log().display()
            );
        }
        if !told && begin.elapsed() > Duration::from_secs(1) {
            tracing::info!(
                "the embedded server (process {pid}) is starting or recovering; waiting"
            );
            told = true;
        }
        sleep(Duration::from_millis(50));
    }
}

/// Starts a server that is down.
pub(super) fn start(cluster: &Cluster, binaries: &Binaries) -> Result<DatabaseUrl> {
    remove_foreign_pid_file(&cluster.data)?;
    let begin = Instant::now();
    loop {
        let log_start = log_length(cluster);
        let status = pg_ctl_start(cluster, binaries, port_for_start(cluster)?)?;
        if let Seen::Ready(running) = settled(cluster)? {
            tracing::debug!("the embedded server runs as process {}", running.pid);
            return Ok(running.url);
        }
        let log = log_since(cluster, log_start);
        if !PASSING.iter().any(|obstacle| log.contains(obstacle)) || begin.elapsed() > PATIENCE {
            bail!(
                "The embedded server did not start ({status}). Its log, {}, ends with:\n{}",
                cluster.log().display(),
                last_lines(&log, 10)
            );
        }
        sleep(Duration::from_millis(200));
    }
}

/// The port of last time, so that the URL stays the same; another one only if it is taken.
fn port_for_start(cluster: &Cluster) -> Result<u16> {
    let url = url_file::read(&cluster.folder)?;
    let wanted = url_file::port(&url);
    if url_file::is_free(wanted) {
        return Ok(wanted);
    }
    let port = url_file::free_port(&cluster.folder)?;
    url_file::write(&cluster.folder, &url_file::at_port(&url, port))?;
    Ok(port)
}

/// `pg_ctl` makes the server the leader of a session of its own, so that neither Ctrl-C nor a
/// closed terminal reaches it.
fn pg_ctl_start(cluster: &Cluster, binaries: &Binaries, port: u16) -> Result<String> {
    let (data, log) = (
        cluster.data.display().to_string(),
        cluster.log().display().to_string(),
    );
    let options = format!("-p {port}");
    let seconds = SECONDS_FOR_PG_CTL.to_string();
    let arguments = [
        "start", "-w", "-t", &seconds, "-D", &data, "-l", &log, "-o", &options,
    ];
    let output = cluster
        .account
        .run(&binaries.program("pg_ctl"), arguments)?;
    Ok(output.status.to_string())
}

/// Stops a server that runs.
pub(super) fn stop(cluster: &Cluster, binaries: &Binaries) -> Result<()> {
    let data = cluster.data.display().to_string();
    let seconds = SECONDS_FOR_PG_CTL.to_string();
    let arguments = ["stop", "-w", "-m", "fast", "-t", &seconds, "-D", &data];
    let output = cluster
        .account
        .run(&binaries.program("pg_ctl"), arguments)?;
    // It may have ended by itself meanwhile, which is as good.
    if output.status.success() || matches!(look(cluster)?, Seen::Down) {
        return Ok(());
    }
    bail!(
        "The embedded server did not stop: {} Its log is {}.",
        String::from_utf8_lossy(&output.stderr).trim(),
        cluster.log().display()
    )
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

fn let_in(url: &DatabaseUrl) -> Result<String, crate::db::ConnectFault> {
    // A process that is stopped by a debugger accepts, and never answers.
    let url = url.clone().or_option("connect_timeout", 10);
    let mut conn = plain_connection(&url)?;
    diesel::sql_query("select pg_catalog.current_setting('server_version') as version")
        .get_result::<Version>(&mut conn)
        .map(|row| row.version)
        .map_err(|error| crate::db::connect_fault::explain(&error.to_string(), &url))
}

/// What the server writes into its data directory while it lives.
#[derive(Debug, PartialEq, Eq)]
struct PidFile {
    pid: i32,
    /// Not there yet in a server's first moments.
    port: Option<u16>,
}

impl PidFile {
    fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let port = lines.nth(2).and_then(|port| port.trim().parse().ok());
        Some(Self { pid, port })
    }
}

/// Whose the process is that a pid file names.
enum Owner {
    /// The process works in this data directory, or we may not know.
    Perhaps,
    /// It works elsewhere: the number was given again after a crash, or the folder is a copy. Or
    /// it works no more, and its parent has not taken note of its end.
    Stranger,
    /// There is no such process.
    Nobody,
}

fn owner_of(pid: i32, data: &Path) -> Owner {
    let alive = Pid::from_raw(pid).map(rustix::process::test_kill_process);
    if matches!(alive, None | Some(Err(rustix::io::Errno::SRCH))) {
        return Owner::Nobody;
    }
    // Linux tells where a process works, also after its folder was moved. Elsewhere, and where
    // the system keeps it from us, Postgres' own check of the pid file has to do.
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(place) if place == data => Owner::Perhaps,
        Ok(_) => Owner::Stranger,
        Err(error) if error.kind() == ErrorKind::NotFound && has_proc() => Owner::Stranger,
        Err(_) => Owner::Perhaps,
    }
}

fn has_proc() -> bool {
    Path::new("/proc/self/cwd").exists()
}

/// Postgres does not start while the process that a pid file names lives, even if that process
/// is a browser (after a crash in a container, the same small numbers are given again) or has
/// ended and nobody asked how. Should sessions of an old server live on, the new one finds their
/// shared memory without this file, by the inode of the data directory.
fn remove_foreign_pid_file(data: &Path) -> Result<()> {
    let Some(pid_file) = PidFile::read(data) else {
        return Ok(());
    };
    if !matches!(owner_of(pid_file.pid, data), Owner::Stranger) {
        return Ok(());
    }
    let path = data.join("postmaster.pid");
    fs::remove_file(&path).with_context(|| format!("{} cannot be removed.", path.display()))
}

fn log_length(cluster: &Cluster) -> u64 {
    fs::metadata(cluster.log()).map_or(0, |log| log.len())
}

/// What the server has said since; empty if it cannot be read, as this is for messages only.
fn log_since(cluster: &Cluster, start: u64) -> String {
    let mut said = Vec::new();
    if let Ok(mut log) = File::open(cluster.log())
        && log.seek(SeekFrom::Start(start)).is_ok()
    {
        let _ = log.read_to_end(&mut said);
    }
    String::from_utf8_lossy(&said).into_owned()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Owner, PidFile, last_lines, owner_of};

    #[test]
    fn a_pid_file_is_read_also_while_it_is_being_written() {
        let table = [
            (
                "12\n/data\n1700000000\n20001\n\n127.0.0.1\n",
                Some((12, Some(20001))),
            ),
            ("12\n/data\n", Some((12, None))),
            ("", None),
            ("garbage", None),
        ];
        for (text, expected) in table {
            let read = PidFile::parse(text).map(|file| (file.pid, file.port));
            assert_eq!(read, expected, "{text:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_living_process_that_works_elsewhere_is_a_stranger() {
        let folder = tempfile::tempdir().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(matches!(owner_of(own, folder.path()), Owner::Stranger));
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert!(matches!(owner_of(own, &here), Owner::Perhaps));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        assert!(matches!(owner_of(ended, folder.path()), Owner::Nobody));
    }

    #[test]
    fn only_the_last_lines_of_a_log_are_shown() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\n", 2), "a");
    }
}
