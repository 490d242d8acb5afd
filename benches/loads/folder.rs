//! The watched folder: how soon a dropped file is visible, and how fast many waiting ones go.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::deliveries::{Keys, last_stranger, strangers};
use crate::measure::{self, median, p99};
use crate::rest;
use crate::results::Start;
use crate::say;
use crate::server::Server;
use crate::sides::{Side, hayloft, psql, reference};

/// Rows of each of these files.
const ROWS: u64 = 100;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// From the rename of a file into the folder to its rows being there for another session.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub(crate) struct Drops {
    pub(crate) count: u64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Many small files, all there when the work begins.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) files: u64,
    /// From the start of `hayloft watch` to the last row being there.
    pub(crate) hayloft_seconds: f64,
    /// One psql session that does the same, a transaction a file.
    pub(crate) reference_seconds: f64,
}

/// Drops files into an idle folder, one after the other.
pub(crate) fn drops(server: &Server, home: &Path, count: u64) -> Result<Drops> {
    say(&format!("{count} files of {ROWS} rows, dropped one by one"));
    let database = "drops";
    Side::Hayloft.prepare(server, home, database)?;
    rest::wait_until_idle();
    let watch = Watch::start(server, home, database)?;
    let mut conn = server.connect(database)?;
    let mut taken = Vec::new();
    // The first few find neither the program nor the server warm.
    for file in 0..count + 5 {
        let written = home.join("project").join(format!("drop-{file}.csv"));
        fs::write(&written, strangers(file, ROWS))?;
        sleep(Duration::from_millis(20));
        let began = Instant::now();
        fs::rename(written, watch.imports.join("users.csv"))?;
        wait_until(|| is_there(&mut conn, file))?;
        taken.push(began.elapsed().as_secs_f64() * 1e3);
        wait_until(|| Ok(!watch.imports.join("users.csv").exists()))?;
    }
    watch.end()?;
    server.drop_database(database)?;
    let taken = taken.split_off(5);
    Ok(Drops {
        count,
        median_ms: median(taken.iter().copied()),
        p99_ms: p99(taken),
    })
}

/// Starts the watch with the folder full, and has psql do the same.
pub(crate) fn waiting(server: &Server, home: &Path, files: u64, runs: usize) -> Result<Waiting> {
    say(&format!("{files} files of {ROWS} rows, waiting"));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        ours.push(waiting_for_hayloft(server, home, files)?);
        theirs.push(waiting_for_psql(server, home, files)?);
    }
    Ok(Waiting {
        files,
        hayloft_seconds: median(ours),
        reference_seconds: median(theirs),
    })
}

fn waiting_for_hayloft(server: &Server, home: &Path, files: u64) -> Result<f64> {
    let database = "waiting";
    Side::Hayloft.prepare(server, home, database)?;
    let imports = home.join("project/imports");
    for file in 0..files {
        fs::write(
            imports.join(format!("users-{file:06}.csv")),
            strangers(file, ROWS),
        )?;
    }
    let mut conn = server.connect(database)?;
    rest::wait_until_idle();
    let began = Instant::now();
    let watch = Watch::begin(server, home, database)?;
    wait_until(|| is_there(&mut conn, files - 1))?;
    wait_until(|| Ok(count(&mut conn, "datawarehouse.users")? == files * ROWS))?;
    let seconds = began.elapsed().as_secs_f64();
    watch.end()?;
    let loads = count(&mut conn, "hayloft.load where status = 'loaded'")?;
    ensure!(
        loads == files,
        "{loads} of {files} files are in the ledger."
    );
    ensure!(
        fs::read_dir(&imports)?
            .flatten()
            .all(|entry| { entry.file_name().to_string_lossy().starts_with('.') }),
        "Files are left in the folder."
    );
    drop(conn);
    server.drop_database(database)?;
    Ok(seconds)
}

fn waiting_for_psql(server: &Server, home: &Path, files: u64) -> Result<f64> {
    let database = "waiting";
    Side::Reference.prepare(server, home, database)?;
    let folder = home.join("waiting");
    fs::create_dir_all(&folder)?;
    let once = fs::read_to_string(reference("delta.sql"))?;
    let mut session = String::new();
    for file in 0..files {
        let path = folder.join(format!("{file}.csv"));
        fs::write(&path, strangers(file, ROWS))?;
        // psql's \copy takes no variable.
        session += &once.replace("from pstdin", &format!("from '{}'", path.display()));
    }
    let script = folder.join("session.sql");
    fs::write(&script, session)?;
    rest::wait_until_idle();
    let cost = measure::run(psql(&server.url(database)).arg("-f").arg(script))?;
    let mut conn = server.connect(database)?;
    ensure!(
        count(&mut conn, "users")? == files * ROWS,
        "psql has left out rows."
    );
    drop(conn);
    fs::remove_dir_all(folder)?;
    server.drop_database(database)?;
    Ok(cost.seconds)
}

/// How long it takes from the start of the process to the first row of its transaction, and to the
/// end of the process, for a file of one row.
pub(crate) fn start(server: &Server, home: &Path, runs: usize) -> Result<Start> {
    say("from start to first work");
    let database = "start";
    Side::Hayloft.prepare(server, home, database)?;
    let mut conn = server.connect(database)?;
    let (mut to_work, mut to_end) = (Vec::new(), Vec::new());
    rest::wait_until_idle();
    for run in 0..runs as u64 {
        let file = home.join("project/users-start.csv");
        fs::write(&file, strangers(run, 1))?;
        let began_at = seconds_now(&mut conn)?;
        let mut command = hayloft(server, home, database)?;
        let cost = measure::run(
            command
                .args(["load", "--quiet", "--table", "users"])
                .arg(file),
        )?;
        to_work.push((last_start(&mut conn)? - began_at) * 1e3);
        to_end.push(cost.seconds * 1e3);
    }
    drop(conn);
    server.drop_database(database)?;
    Ok(Start {
        median_ms: median(to_work),
        process_ms: median(to_end),
    })
}

/// A running `hayloft watch`.
struct Watch {
    process: Child,
    imports: PathBuf,
}

impl Watch {
    /// Returns when it watches.
    fn start(server: &Server, home: &Path, database: &str) -> Result<Self> {
        let mut command = hayloft(server, home, database)?;
        command
            .arg("watch")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let mut said = BufReader::new(process.stderr.take().context("stderr is a pipe")?);
        let mut line = String::new();
        while !line.contains("watching ") {
            line.clear();
            if said.read_line(&mut line)? == 0 {
                bail!("hayloft watch has ended.");
            }
        }
        // A full pipe would stop it.
        thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Ok(Self {
            process,
            imports: home.join("project/imports"),
        })
    }

    /// Returns at once.
    fn begin(server: &Server, home: &Path, database: &str) -> Result<Self> {
        let mut command = hayloft(server, home, database)?;
        let process = command
            .args(["watch", "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            process,
            imports: home.join("project/imports"),
        })
    }

    fn end(mut self) -> Result<()> {
        let pid = i32::try_from(self.process.id())?;
        kill_process(Pid::from_raw(pid).context("a process id")?, Signal::TERM)?;
        ensure!(self.process.wait()?.success(), "hayloft watch has failed.");
        Ok(())
    }
}

fn wait_until(mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !done()? {
        ensure!(Instant::now() < deadline, "It was waited for too long.");
        // Between two looks the others have the processor.
        sleep(Duration::from_micros(250));
    }
    Ok(())
}

fn is_there(conn: &mut PgConnection, file: u64) -> Result<bool> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Bool)]
        answer: bool,
    }
    let key = last_stranger(file, ROWS, Keys::Hayloft);
    let statement = "select exists (select from datawarehouse.users where user_id = $1) as answer";
    let answer: Answer = sql_query(statement)
        .bind::<diesel::sql_types::Uuid, _>(key)
        .get_result(conn)?;
    Ok(answer.answer)
}

fn count(conn: &mut PgConnection, of: &str) -> Result<u64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = sql_query(format!("select count(*) as count from {of}")).get_result(conn)?;
    Ok(u64::try_from(count.count)?)
}

#[derive(QueryableByName)]
struct Seconds {
    #[diesel(sql_type = Double)]
    seconds: f64,
}

fn seconds_now(conn: &mut PgConnection) -> Result<f64> {
    let statement = "select extract(epoch from clock_timestamp())::double precision as seconds";
    Ok(sql_query(statement).get_result::<Seconds>(conn)?.seconds)
}

fn last_start(conn: &mut PgConnection) -> Result<f64> {
    let statement = "select extract(epoch from max(started_at))::double precision as seconds
                     from hayloft.load";
    Ok(sql_query(statement).get_result::<Seconds>(conn)?.seconds)
}
