//! The embedded server, for real: each test runs servers of its own in a temporary folder, and
//! stops them at its end. They need Postgres binaries on the machine.

#![allow(clippy::unwrap_used)] // helpers of tests are tests as well

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use hayloft::db::embedded::{State, Stop};
use hayloft::db::{DatabaseUrl, Embedded, FaultKind, migrations, pool};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A project's folder with an embedded server, which ends with it.
struct Project {
    folder: TempDir,
}

impl Project {
    /// One that everybody can get through, as most are.
    fn open() -> Self {
        Self::with_mode(0o755)
    }

    /// One that nobody but its owner can enter.
    fn closed() -> Self {
        Self::with_mode(0o700)
    }

    fn with_mode(mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(".hayloft")
    }

    fn server(&self) -> Embedded {
        Embedded::in_folder(&self.path())
    }

    fn pid(&self) -> i32 {
        match self.server().state().unwrap() {
            State::Running { pid, .. } => pid,
            other => panic!("not running but {other:?}"),
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let stopped = self.server().stop();
        if let Ok(shelter) = fs::read_link(self.path().join("postgres")) {
            let _ = fs::remove_dir_all(shelter);
        }
        if !thread::panicking() {
            stopped.unwrap();
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

fn value(conn: &mut PgConnection, query: &str) -> String {
    let query = format!("select ({query})::text as value");
    diesel::sql_query(query)
        .get_result::<Row>(conn)
        .unwrap()
        .value
}

fn connect(url: &DatabaseUrl) -> PgConnection {
    PgConnection::establish(url.expose()).unwrap()
}

fn execute(conn: &mut PgConnection, statement: &str) {
    diesel::sql_query(statement).execute(conn).unwrap();
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "waited in vain until {what}"
        );
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn url_and_data_survive_a_stop_and_only_the_password_lets_in() {
    let project = Project::open();
    let server = project.server();
    assert_eq!(server.state().unwrap(), State::Absent);
    assert_eq!(server.stop().unwrap(), Stop::WasNotRunning);

    let url = server.ensure_running().unwrap();
    assert_eq!(server.ensure_running().unwrap(), url);
    let mut conn = connect(&url);
    execute(&mut conn, "create table kept as select 7 as n");
    assert_eq!(value(&mut conn, "current_setting('data_checksums')"), "on");
    assert_eq!(
        value(&mut conn, "current_setting('server_encoding')"),
        "UTF8"
    );
    // Not the schema of the user's name, which is the ledger's.
    assert_eq!(value(&mut conn, "current_setting('search_path')"), "public");
    assert_eq!(value(&mut conn, "lower('É')"), "é");
    let said = Command::new("psql")
        .arg(url.expose())
        .args(["-Atc", "select n from kept"])
        .output();
    if let Ok(said) = said {
        assert_eq!(String::from_utf8_lossy(&said.stdout), "7\n");
    }

    let mode = fs::metadata(project.path().join("postgres.url"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let fault = pool::connect(&wrong_password(&url), 2).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refuse);
    assert!(
        fault
            .sentence
            .contains("refuses the password of \"hayloft\""),
        "{fault}"
    );
    assert!(!fault.sentence.contains("c4n4ry"), "{fault}");
    let nowhere = url.expose().strip_suffix("hayloft").unwrap().to_owned() + "nowhere";
    let nowhere: DatabaseUrl = nowhere.parse().unwrap();
    let fault = pool::connect(&nowhere, 2).unwrap_err();
    assert!(
        fault.sentence.contains("no database like \"nowhere\""),
        "{fault}"
    );

    assert_eq!(server.stop().unwrap(), Stop::Stopped);
    assert_eq!(server.state().unwrap(), State::Stopped);
    assert_eq!(server.ensure_running().unwrap(), url);
    assert_eq!(value(&mut connect(&url), "select n from kept"), "7");
}

fn wrong_password(url: &DatabaseUrl) -> DatabaseUrl {
    let port = url.place().replace("127.0.0.1:", "");
    format!("postgres://hayloft:c4n4ry@127.0.0.1:{port}/hayloft")
        .parse()
        .unwrap()
}

#[test]
fn a_killed_server_is_started_again_with_all_that_was_committed() {
    let project = Project::open();
    let url = project.server().ensure_running().unwrap();
    execute(&mut connect(&url), "create table kept as select 7 as n");

    let killed = project.pid();
    kill(killed);
    assert_eq!(project.server().ensure_running().unwrap(), url);
    assert_ne!(project.pid(), killed);
    assert_eq!(value(&mut connect(&url), "select n from kept"), "7");

    // After a crash in a container, the same number is often another process: here, this one.
    kill(project.pid());
    let pid_file = project.path().join("postgres").join("postmaster.pid");
    wait_until("the server is gone", || {
        PgConnection::establish(url.expose()).is_err()
    });
    let text = fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    assert_eq!(project.server().state().unwrap(), State::Stopped);
    assert_eq!(project.server().ensure_running().unwrap(), url);
}

#[test]
fn a_port_that_somebody_took_meanwhile_is_given_up() {
    let project = Project::open();
    let first = project.server().ensure_running().unwrap();
    project.server().stop().unwrap();
    let taken = std::net::TcpListener::bind(first.place()).unwrap();
    let second = project.server().ensure_running().unwrap();
    assert_ne!(second.place(), first.place());
    drop(taken);
    project.server().stop().unwrap();
    assert_eq!(project.server().ensure_running().unwrap(), second);
}

#[test]
fn a_start_that_fails_shows_what_the_server_said() {
    let project = Project::open();
    project.server().ensure_running().unwrap();
    project.server().stop().unwrap();
    let settings = project.path().join("postgres").join("hayloft.conf");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}\nno_such_setting = on\n")).unwrap();
    let error = project.server().ensure_running().unwrap_err().to_string();
    assert!(
        error.contains("did not start") && error.contains("no_such_setting"),
        "{error}"
    );
}

#[test]
fn two_that_start_together_agree() {
    let project = Project::open();
    let together = Barrier::new(2);
    let start = || {
        together.wait();
        project.server().ensure_running().unwrap()
    };
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(start);
        (start(), one.join().unwrap())
    });
    assert_eq!(one, other);
    connect(&one);
}

#[test]
fn a_folder_that_the_servers_user_cannot_enter_works() {
    let project = Project::closed();
    let url = project.server().ensure_running().unwrap();
    connect(&url);
    let entry = project.path().join("postgres");
    assert_eq!(entry.is_symlink(), rustix::process::geteuid().is_root());
    project.server().stop().unwrap();
    assert_eq!(project.server().ensure_running().unwrap(), url);
}

#[test]
fn without_binaries_a_sentence_says_what_to_install() {
    let project = Project::open();
    let server = project.server().with_binaries_in(vec![project.path()]);
    let error = server.ensure_running().unwrap_err().to_string();
    assert!(error.contains("apt-get install postgresql"), "{error}");
    assert_eq!(server.state().unwrap(), State::Absent);
}

const FOLDER: &str = "HAYLOFT_TEST_FOLDER";

#[test]
#[ignore = "run by the next test, in a process of its own that it can kill"]
fn start_in_the_folder_given() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let _ = Embedded::in_folder(Path::new(&folder)).ensure_running();
}

#[test]
#[cfg(target_os = "linux")]
fn a_cluster_that_was_half_made_when_all_was_killed_is_made_anew() {
    let project = Project::open();
    let mut hayloft = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "embedded::start_in_the_folder_given",
            "--ignored",
        ])
        .env(FOLDER, project.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("initdb has begun", || {
        !half_made(&project.path()).is_empty()
    });
    kill(i32::try_from(hayloft.id()).unwrap());
    hayloft.wait().unwrap();
    processes_in(&project.path()).into_iter().for_each(kill);
    assert!(
        !project.path().join("postgres").exists(),
        "it was killed too late to test anything"
    );
    assert!(!half_made(&project.path()).is_empty());

    connect(&project.server().ensure_running().unwrap());
    assert_eq!(half_made(&project.path()), Vec::<PathBuf>::new());
}

/// Clusters that are being made, and have got as far as a version.
fn half_made(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path().join("data/PG_VERSION"))
        .filter(|path| path.exists())
        .collect()
}

/// Processes whose command line names the folder.
fn processes_in(folder: &Path) -> Vec<i32> {
    let folder = folder.to_str().unwrap();
    let names_folder = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(folder)
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(names_folder).collect()
}

#[test]
fn migrations_are_applied_once_reset_and_united_with_a_folder() {
    let project = Project::open();
    let url = project.server().ensure_running().unwrap();
    four_at_once_apply_each_migration_once(&url);
    sessions_are_pinned_whatever_the_defaults_are(&url);
    the_connection_that_looked_at_the_server_is_the_pools(&url);

    let mut conn = pool::connect_once(&url).unwrap();
    let conn = &mut conn;
    let folder = project.folder.path().join("migrations");
    add(
        &folder,
        "2126-01-01-000000_orders",
        "create table orders (id int)",
        "drop table orders",
    );
    let extra = Some(folder.as_path());
    assert_eq!(
        migrations::pending(conn, extra).unwrap().own,
        ["2126-01-01-000000_orders"]
    );
    assert_eq!(
        migrations::migrate(conn, extra).unwrap(),
        ["2126-01-01-000000_orders"]
    );
    assert_eq!(
        migrations::pending(conn, extra).unwrap().own,
        Vec::<String>::new()
    );
    execute(conn, "insert into public.orders values (1)");

    // Without the folder, one of the applied migrations is unknown, and nothing is touched.
    let error = migrations::reset(conn, None).unwrap_err().to_string();
    assert!(
        error.contains("21260101000000") && error.contains("nothing was reset"),
        "{error}"
    );
    assert_eq!(value(conn, "select count(*) from public.orders"), "1");
    let all = migrations::reset(conn, extra).unwrap();
    assert_eq!(all.last().unwrap(), "2126-01-01-000000_orders");
    assert_eq!(value(conn, "select count(*) from public.orders"), "0");

    add(
        &folder,
        "2126-01-02-000000_broken",
        "create table half (id int); select 'c4n4ry'::int",
        "",
    );
    let error = migrations::migrate(conn, extra).unwrap_err().to_string();
    assert!(
        error.contains("Migration 2126-01-02-000000_broken was not applied: invalid"),
        "{error}"
    );
    assert!(!error.contains("c4n4ry"), "{error}");
    assert_eq!(value(conn, "to_regclass('public.half') is null"), "true");
    assert_eq!(
        value(
            conn,
            "select count(*) from pg_locks where locktype = 'advisory'"
        ),
        "0"
    );
}

fn four_at_once_apply_each_migration_once(url: &DatabaseUrl) {
    let together = Barrier::new(4);
    let applied: Vec<Vec<String>> = thread::scope(|scope| {
        let one = || {
            let mut conn = pool::connect_once(url).unwrap();
            together.wait();
            migrations::migrate(&mut conn, None).unwrap()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let workers: Vec<_> = applied.iter().filter(|names| !names.is_empty()).collect();
    assert_eq!(workers.len(), 1, "{applied:?}");
    assert_eq!(workers[0][0], "2026-11-21-000001_ledger");
}

fn sessions_are_pinned_whatever_the_defaults_are(url: &DatabaseUrl) {
    let table = [
        ("datestyle", "'SQL, DMY'", "ISO, YMD"),
        ("timezone", "'Asia/Tokyo'", "UTC"),
        ("search_path", "decoy", "pg_catalog, pg_temp"),
        ("standard_conforming_strings", "off", "on"),
        ("synchronous_commit", "off", "on"),
        ("bytea_output", "escape", "hex"),
        (
            "default_transaction_isolation",
            "serializable",
            "read committed",
        ),
        ("lock_timeout", "1", "10s"),
        ("statement_timeout", "5000", "0"),
    ];
    let mut admin = connect(url);
    for (name, default, _) in table {
        execute(
            &mut admin,
            &format!("alter role hayloft set {name} = {default}"),
        );
    }
    let pool = pool::connect(url, 2).unwrap();
    let mut conn = pool.get().unwrap();
    for (name, _, pinned) in table {
        assert_eq!(
            value(&mut conn, &format!("current_setting('{name}')")),
            pinned,
            "{name}"
        );
    }
    execute(&mut admin, "alter role hayloft reset all");
    let count = diesel::sql_query(
        "select count(*) as n from pg_stat_activity where application_name = 'hayloft'",
    );
    assert!(count.get_result::<Count>(&mut admin).unwrap().n >= 1);
}

fn the_connection_that_looked_at_the_server_is_the_pools(url: &DatabaseUrl) {
    let mut admin = connect(url);
    let others = "from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend'
          and pid <> pg_backend_pid()";
    wait_until("the sessions before have ended", || {
        value(&mut admin, &format!("select count(*) {others}")) == "0"
    });
    let pool = pool::connect(url, 2).unwrap();
    let looked = value(&mut admin, &format!("select pid {others}"));
    let pid = "select pg_backend_pid()";
    assert_eq!(value(&mut pool.get().unwrap(), pid), looked);

    // One that was lost since is made anew.
    let pool = pool::connect(url, 2).unwrap();
    let ended = format!("select bool_and(pg_terminate_backend(pid, 10000)) {others}");
    assert_eq!(value(&mut admin, &ended), "true");
    assert_ne!(value(&mut pool.get().unwrap(), pid), looked);
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn add(folder: &Path, name: &str, up: &str, down: &str) {
    fs::create_dir_all(folder.join(name)).unwrap();
    fs::write(folder.join(name).join("up.sql"), up).unwrap();
    fs::write(folder.join(name).join("down.sql"), down).unwrap();
}

/// Listens where a server was, and answers the first message of a client. Returns what it was then sent.
fn impostor(listener: &TcpListener, answer: &[u8]) -> Vec<u8> {
    const NO_ENCRYPTION: [[u8; 4]; 2] =
        [80_877_103_u32.to_be_bytes(), 80_877_104_u32.to_be_bytes()];
    let (mut client, _) = listener.accept().unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut buffer = [0; 4096];
    loop {
        let read = client.read(&mut buffer).unwrap();
        if buffer[..read]
            .get(4..8)
            .is_some_and(|code| NO_ENCRYPTION.iter().any(|it| it == code))
        {
            client.write_all(b"N").unwrap();
            continue;
        }
        client.write_all(answer).unwrap();
        let mut told = Vec::new();
        let _ = client.read_to_end(&mut told);
        return told;
    }
}

#[test]
fn who_listens_where_the_server_was_is_told_no_password() {
    let project = Project::open();
    let url = project.server().ensure_running().unwrap();
    let (_, rest) = url.expose().split_once("hayloft:").unwrap();
    let (password, rest) = rest.split_once('@').unwrap();
    let address = rest.split_once('/').unwrap().0.to_owned();
    kill(project.pid());
    wait_until("the port is free", || TcpListener::bind(&address).is_ok());
    let listener = TcpListener::bind(&address).unwrap();
    // It asks for the password as it is; it lets everybody in.
    for answer in [
        [b'R', 0, 0, 0, 8, 0, 0, 0, 3],
        [b'R', 0, 0, 0, 8, 0, 0, 0, 0],
    ] {
        let told = thread::scope(|scope| {
            let impostor = scope.spawn(|| impostor(&listener, &answer));
            let fault = pool::connect_once(&url).err().unwrap();
            assert_eq!(fault.kind, FaultKind::Refuse, "{fault}");
            assert!(fault.sentence.contains("is not the server"), "{fault}");
            impostor.join().unwrap()
        });
        let secret = password.as_bytes();
        assert!(!told.windows(secret.len()).any(|part| part == secret));
    }
}
