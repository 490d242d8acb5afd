//! The watch, in real folders with real events. Every test waits for what is told, never for a
//! time to pass; where a writer pauses, the pause is the behaviour under test.

#![allow(clippy::unwrap_used, clippy::expect_used)] // The helpers are not `#[test]`s.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, CWD, RenameFlags, Timespec, Timestamps, renameat_with, utimensat};

use hayloft::contract::{Completeness, ReadyWhen, TableName};
use hayloft::watch::{
    Arrival, Folder, FolderError, Mode, Options, Origin, Released, Routes, Stopper, Trouble,
    WatchEvent, Watcher, Why,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A folder, and a place beside it on the same file system to move files in from.
struct Ground {
    home: tempfile::TempDir,
}

/// A running watch over a ground's folder.
struct Watch {
    imports: PathBuf,
    outside: PathBuf,
    news: Receiver<WatchEvent>,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
    sentinels: u32,
}

/// Quick to settle and to sweep, so that tests are; no test depends on how quick.
fn quick() -> Options {
    Options {
        settle: Duration::from_millis(200),
        sweep: Duration::from_millis(100),
        ..Options::default()
    }
}

/// Sweeps that never come, so that what arrives was told by events.
fn events_alone() -> Options {
    Options {
        settle: Duration::from_secs(3600),
        sweep: Duration::from_secs(3600),
        ..Options::default()
    }
}

fn routes() -> Routes {
    let tables = ["users", "transactions", "rates", "sentinel"];
    Routes::new(tables.map(|table| (TableName::new(table), None)))
        .with_sidecars([TableName::new("rates")])
}

impl Ground {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("outside")).unwrap();
        fs::create_dir(home.path().join("imports")).unwrap();
        Self { home }
    }

    fn imports(&self) -> PathBuf {
        self.home.path().join("imports")
    }

    fn watch(&self, options: Options) -> Watch {
        self.watch_by(routes(), options)
    }

    fn watch_by(&self, routes: Routes, options: Options) -> Watch {
        let folder = Folder::open(self.imports()).unwrap();
        let mut watcher = Watcher::new(folder, routes, options);
        let stopper = watcher.stopper();
        let (tell, news) = channel();
        let thread = thread::spawn(move || {
            watcher.run(|event| match event {
                // Where the tests run in a container, which is nothing that they are about.
                WatchEvent::Blind(_) => ControlFlow::Continue(()),
                event => match tell.send(event) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                },
            });
        });
        Watch {
            imports: self.imports(),
            outside: self.home.path().join("outside"),
            news,
            stopper,
            thread: Some(thread),
            sentinels: 0,
        }
    }

    fn ready(&self, options: Options) -> Watch {
        let watch = self.watch(options);
        watch.until_ready();
        watch
    }
}

impl Watch {
    fn next(&self) -> WatchEvent {
        self.news.recv_timeout(PATIENCE).expect("the watch tells")
    }

    fn until_ready(&self) -> Mode {
        loop {
            if let WatchEvent::Ready(mode) = self.next() {
                return mode;
            }
        }
    }

    fn arrival(&self) -> Arrival {
        match self.next() {
            WatchEvent::Arrived(arrival) => arrival,
            other => panic!("an arrival was expected, not {other:?}"),
        }
    }

    fn left_alone(&self) -> (String, Why) {
        match self.next() {
            WatchEvent::LeftAlone { name, why } => (name, why),
            other => panic!("a file to be left alone was expected, not {other:?}"),
        }
    }

    fn move_in(&self, name: impl AsRef<OsStr>, content: &str) {
        let outside = self.outside.join("moving");
        fs::write(&outside, content).unwrap();
        fs::rename(outside, self.imports.join(name.as_ref())).unwrap();
    }

    /// Nothing but what was already told: the next thing is a file that is dropped only now.
    fn nothing_else(&mut self) {
        self.sentinels += 1;
        let name = format!("sentinel-{}.csv", self.sentinels);
        self.move_in(&name, "x");
        let arrival = self.arrival();
        assert_eq!(arrival.name(), name);
        self.retire(arrival);
    }

    fn claimed(&self, arrival: &Arrival, name: impl AsRef<OsStr>) -> PathBuf {
        let mut claimed = std::ffi::OsString::from(format!("{}~", arrival.claim()));
        claimed.push(name);
        self.imports.join(".claimed").join(claimed)
    }

    fn content(&self, arrival: &Arrival) -> String {
        fs::read_to_string(self.claimed(arrival, arrival.name())).unwrap()
    }

    /// What the retire room does with a file that is loaded.
    fn retire(&self, arrival: Arrival) {
        fs::remove_file(self.claimed(&arrival, arrival.name())).unwrap();
        drop(arrival);
    }

    fn stop(mut self) {
        self.stopper.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn visible(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

#[test]
fn a_file_that_is_moved_in_arrives_at_once_and_once() {
    let ground = Ground::new();
    let mut watch = ground.ready(events_alone());

    let dropped = Instant::now();
    watch.move_in("Users.CSV", "a");

    let arrival = watch.arrival();
    let waited = dropped.elapsed();
    assert_eq!(arrival.table(), &TableName::new("users"));
    assert_eq!(arrival.name(), "Users.CSV");
    assert_eq!(arrival.origin(), Origin::Claimed);
    assert_eq!(watch.content(&arrival), "a");
    assert!(visible(&watch.imports).is_empty());
    assert!(waited < Duration::from_secs(5), "took {waited:?}");
    watch.nothing_else();
}

#[test]
fn files_that_are_there_at_the_start_arrive() {
    let ground = Ground::new();
    fs::write(ground.imports().join("users.csv"), "a").unwrap();
    fs::write(ground.imports().join("transactions.csv"), "b").unwrap();

    let mut watch = ground.ready(quick());

    let mut tables = [watch.arrival(), watch.arrival()].map(|arrival| {
        let table = arrival.table().to_string();
        watch.retire(arrival);
        table
    });
    tables.sort();
    assert_eq!(tables, ["transactions", "users"]);
    watch.nothing_else();
}

#[test]
fn a_copied_file_arrives_complete_without_a_sweep() {
    let ground = Ground::new();
    let mut watch = ground.ready(events_alone());
    let source = watch.outside.join("source");
    fs::write(&source, "x".repeat(3_000_000)).unwrap();

    fs::copy(&source, watch.imports.join("users.csv")).unwrap();

    let arrival = watch.arrival();
    assert_eq!(watch.content(&arrival).len(), 3_000_000);
    watch.nothing_else();
}

/// What `docker cp` does: it writes in pieces, closes, and then finishes by name, with the short
/// pauses of a busy machine. `Err` when the file was gone by then, with the time since the step
/// before.
fn docker_cp(path: &Path) -> Result<(), Duration> {
    let mut file = File::create_new(path).unwrap();
    for _ in 0..8 {
        file.write_all(&vec![b'x'; 32 * 1024]).unwrap();
    }
    let owner = file.metadata().unwrap();
    drop(file);
    let old = Timespec {
        tv_sec: 946_684_800,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: old,
        last_modification: old,
    };
    let steps: [&dyn Fn() -> std::io::Result<()>; 3] = [
        &|| chown(path, Some(owner.uid()), Some(owner.gid())),
        &|| fs::set_permissions(path, Permissions::from_mode(0o644)),
        &|| Ok(utimensat(CWD, path, &times, AtFlags::empty())?),
    ];
    for step in steps {
        let before = Instant::now();
        thread::sleep(Duration::from_millis(5));
        step().map_err(|_| before.elapsed())?;
    }
    Ok(())
}

#[test]
fn docker_cp_can_finish_what_it_does_by_name_and_its_file_arrives_once() {
    let ground = Ground::new();
    let mut watch = ground.ready(events_alone());
    let mut finished = 0;
    for _ in 0..20 {
        match docker_cp(&watch.imports.join("users.csv")) {
            Ok(()) => finished += 1,
            // This test itself was kept waiting by a busy machine.
            Err(waited) => assert!(waited >= Duration::from_millis(20), "after {waited:?}"),
        }
        let arrival = watch.arrival();
        assert_eq!(watch.content(&arrival).len(), 8 * 32 * 1024);
        watch.retire(arrival);
    }
    assert!(finished > 0);
    watch.nothing_else();
}

#[test]
fn a_slow_writer_is_not_disturbed_before_it_closes_the_file() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    let closed = Arc::new(AtomicBool::new(false));
    let about_to_close = Arc::clone(&closed);
    let path = watch.imports.join("users.csv");
    let writer = thread::spawn(move || {
        let mut file = File::create_new(path).unwrap();
        for _ in 0..4 {
            file.write_all(b"row\n").unwrap();
            // Longer than the settle time and several sweeps.
            thread::sleep(Duration::from_millis(700));
        }
        about_to_close.store(true, Ordering::SeqCst);
    });

    let arrival = watch.arrival();

    assert!(closed.load(Ordering::SeqCst), "taken while it was open");
    assert_eq!(watch.content(&arrival), "row\n".repeat(4));
    writer.join().unwrap();
    watch.retire(arrival);
    watch.nothing_else();
}

#[test]
fn a_writer_at_work_does_not_hold_up_files_that_are_complete() {
    let ground = Ground::new();
    let mut watch = ground.ready(events_alone());
    let mut open = File::create_new(watch.imports.join("users-1.csv")).unwrap();
    open.write_all(b"half").unwrap();

    watch.move_in("users-2.csv", "whole");

    let arrival = watch.arrival();
    assert_eq!(arrival.name(), "users-2.csv");
    watch.retire(arrival);
    drop(open);
    let arrival = watch.arrival();
    assert_eq!(arrival.name(), "users-1.csv");
    watch.retire(arrival);
    watch.nothing_else();
}

#[test]
fn a_temporary_name_is_not_touched_until_it_is_renamed() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    let temporary = watch.imports.join("users.csv.tmp");
    fs::write(&temporary, "a").unwrap();
    fs::write(watch.imports.join(".users.csv"), "b").unwrap();
    watch.nothing_else();

    fs::rename(&temporary, watch.imports.join("users.csv")).unwrap();

    assert_eq!(watch.arrival().name(), "users.csv");
    assert_eq!(visible(&watch.imports), Vec::<String>::new());
    assert!(watch.imports.join(".users.csv").exists());
}

#[test]
fn a_hard_link_is_left_alone_until_it_is_the_files_only_name() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    let other = watch.outside.join("other");
    fs::write(&other, "a").unwrap();
    fs::hard_link(&other, watch.imports.join("users.csv")).unwrap();

    assert_eq!(watch.left_alone(), ("users.csv".into(), Why::HardLinked));
    watch.nothing_else();

    fs::remove_file(&other).unwrap();
    let arrival = watch.arrival();
    assert_eq!(watch.content(&arrival), "a");
}

type Make<'a> = &'a dyn Fn(&Path);

#[test]
fn what_is_not_a_plain_file_is_said_once_and_left_alone() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    let secret = watch.outside.join("secret");
    fs::write(&secret, "secret").unwrap();

    let things: [(&str, Why, Make); 4] = [
        ("users-dir.csv", Why::Directory, &|path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("users.csv"), "never entered").unwrap();
        }),
        ("users-link.csv", Why::SymbolicLink, &|path| {
            symlink(&secret, path).unwrap();
        }),
        ("users-fifo.csv", Why::SpecialFile, &|path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("users-dangling.csv", Why::SymbolicLink, &|path| {
            symlink("users-dangling.csv", path).unwrap();
        }),
    ];
    for (name, why, make) in &things {
        make(&watch.imports.join(name));
        assert_eq!(watch.left_alone(), ((*name).to_owned(), why.clone()));
    }
    watch.nothing_else();
    assert_eq!(visible(&watch.imports).len(), things.len());
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
}

#[test]
fn names_that_are_for_no_table_are_said_once_and_left_alone() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    watch.move_in("user.csv", "a");
    assert_eq!(watch.left_alone(), ("user.csv".into(), Why::UnknownTable));
    watch.move_in("users.csv.gz", "a");
    assert_eq!(
        watch.left_alone(),
        ("users.csv.gz".into(), Why::UnknownFormat)
    );
    let long = format!("users-{}.csv", "x".repeat(240));
    watch.move_in(&long, "a");
    assert_eq!(watch.left_alone(), (long, Why::NameTooLong));
    watch.nothing_else();
    assert_eq!(visible(&watch.imports).len(), 3);
}

#[test]
fn odd_names_arrive_and_are_shown_harmlessly() {
    let ground = Ground::new();
    let watch = ground.ready(events_alone());
    let names: &[(&[u8], &str)] = &[
        (b"users-\xff.csv", "users-\\xff.csv"),
        (b"users-\n\x1b[2J.csv", "users-\\n\\u{1b}[2J.csv"),
        ("users-\u{202e}vsc.csv".as_bytes(), "users-\\u{202e}vsc.csv"),
        (b"users .csv", "users .csv"),
        (b"users-$(id).csv", "users-$(id).csv"),
        ("users-🐎.csv".as_bytes(), "users-🐎.csv"),
    ];
    for (name, shown) in names {
        let name = OsStr::from_bytes(name);
        watch.move_in(name, "a");
        let arrival = watch.arrival();
        assert_eq!(arrival.name(), *shown);
        fs::remove_file(watch.claimed(&arrival, name)).unwrap();
    }
}

#[test]
fn names_that_differ_in_case_alone_are_two_deliveries() {
    let ground = Ground::new();
    let watch = ground.ready(events_alone());
    for name in ["users.csv", "Users.CSV"] {
        watch.move_in(name, name);
        let arrival = watch.arrival();
        assert_eq!(watch.content(&arrival), name);
    }
}

#[test]
fn five_hundred_files_arrive_once_each_in_the_order_of_their_dropping() {
    let ground = Ground::new();
    let watch = ground.ready(events_alone());
    // Neither the order of names nor of numbers.
    let numbers: Vec<u32> = (0..250).map(|number| number * 7 % 250).collect();
    for number in &numbers {
        for table in ["users", "transactions"] {
            watch.move_in(format!("{table}-{number}.csv"), "a");
        }
    }

    let mut users = Vec::new();
    let mut transactions = Vec::new();
    for _ in 0..500 {
        let arrival = watch.arrival();
        let number = arrival.name().split(['-', '.']).nth(1).unwrap();
        let number: u32 = number.parse().unwrap();
        match arrival.table().as_str() {
            "users" => users.push(number),
            _ => transactions.push(number),
        }
        watch.retire(arrival);
    }

    assert_eq!(users, numbers);
    assert_eq!(transactions, numbers);
    assert!(visible(&watch.imports).is_empty());
}

#[test]
fn no_more_files_are_claimed_than_there_is_room_for() {
    let ground = Ground::new();
    for number in 0..10 {
        fs::write(ground.imports().join(format!("users-{number}.csv")), "a").unwrap();
    }
    let options = Options {
        ahead: 4,
        ..quick()
    };
    let mut watch = ground.ready(options);
    let held: Vec<_> = (0..4).map(|_| watch.arrival()).collect();
    // Another table is not held up.
    watch.nothing_else();
    assert_eq!(visible(&watch.imports).len(), 6);

    for arrival in held {
        watch.retire(arrival);
    }
    for number in 4..10 {
        let arrival = watch.arrival();
        assert_eq!(arrival.name(), format!("users-{number}.csv"));
        watch.retire(arrival);
    }
}

#[test]
fn a_folder_that_is_removed_and_made_anew_is_watched_again() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    fs::remove_dir_all(&watch.imports).unwrap();
    match watch.next() {
        WatchEvent::Degraded(Trouble::Folder(_)) => {}
        other => panic!("trouble was expected, not {other:?}"),
    }

    fs::create_dir(&watch.imports).unwrap();

    assert_eq!(watch.until_ready(), Mode::Events);
    watch.move_in("users.csv", "a");
    let arrival = watch.arrival();
    watch.retire(arrival);
    watch.nothing_else();
}

#[test]
fn a_folder_that_another_takes_the_place_of_is_followed_by_its_path() {
    let ground = Ground::new();
    let watch = ground.ready(quick());
    let other = ground.home.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("users.csv"), "in the other").unwrap();
    renameat_with(CWD, &other, CWD, &watch.imports, RenameFlags::EXCHANGE).unwrap();

    let arrival = watch.arrival();
    assert_eq!(watch.content(&arrival), "in the other");
}

#[test]
fn a_second_watch_of_one_folder_is_refused_with_a_sentence() {
    let ground = Ground::new();
    let first = Folder::open(ground.imports()).unwrap();
    let refused = Folder::open(ground.imports()).unwrap_err();
    assert!(matches!(refused, FolderError::Taken(_)));
    assert!(
        refused
            .to_string()
            .starts_with("another Hayloft is already watching")
    );
    drop(first);
    Folder::open(ground.imports()).unwrap();
}

#[test]
fn claims_of_an_earlier_run_come_first_in_order_and_under_their_ids() {
    let ground = Ground::new();
    let watch = ground.ready(events_alone());
    let mut claims = Vec::new();
    for name in ["users-b.csv", "users-a.csv"] {
        watch.move_in(name, name);
        let arrival = watch.arrival();
        claims.push((arrival.claim(), name.to_owned()));
    }
    watch.stop();
    fs::write(ground.imports().join("users-0.csv"), "new").unwrap();
    fs::write(ground.imports().join(".claimed/stray.csv"), "stray").unwrap();

    let watch = ground.watch(quick());

    assert_eq!(watch.left_alone(), ("stray.csv".into(), Why::NotAClaim));
    for (claim, name) in claims {
        let arrival = watch.arrival();
        assert_eq!((arrival.claim(), arrival.name()), (claim, &*name));
        assert_eq!(watch.content(&arrival), name);
        watch.retire(arrival);
    }
    watch.until_ready();
    assert_eq!(watch.arrival().name(), "users-0.csv");
}

#[test]
fn a_file_and_its_sidecar_are_claimed_together_whichever_comes_last() {
    let ground = Ground::new();
    let mut watch = ground.ready(events_alone());
    watch.move_in("rates.csv", "x");
    watch.nothing_else();
    watch.move_in("rates.csv.effective", "2026-11-21");
    let first = watch.arrival();
    assert_eq!(first.name(), "rates.csv");
    assert!(watch.claimed(&first, "rates.csv.effective").exists());
    watch.move_in("rates-2.csv.effective", "2026-11-22");
    watch.nothing_else();
    watch.move_in("rates-2.csv", "y");
    let second = watch.arrival();
    assert!(watch.claimed(&second, "rates-2.csv.effective").exists());
    assert_eq!(visible(&ground.imports()), [""; 0]);
}

#[test]
fn a_file_that_is_given_back_has_its_sidecar_beside_it_again() {
    let ground = Ground::new();
    let watch = ground.ready(events_alone());
    watch.move_in("rates.csv.effective", "2026-11-21");
    watch.move_in("rates.csv", "x");
    let arrival = watch.arrival();
    assert!(matches!(arrival.release().unwrap(), Released::PutBack));
    assert_eq!(
        visible(&ground.imports()),
        ["rates.csv", "rates.csv.effective"]
    );
}

#[test]
fn a_sidecar_that_a_crash_left_claimed_alone_goes_back_to_its_file() {
    let ground = Ground::new();
    drop(Folder::open(ground.imports()).unwrap());
    let claim = uuid::Uuid::now_v7();
    let alone = format!(".claimed/{claim}~rates.csv.effective");
    fs::write(ground.imports().join(alone), "2026-11-21").unwrap();
    fs::write(ground.imports().join("rates.csv"), "x").unwrap();
    let stray = format!("{claim}~rates-2.csv.effective");
    fs::write(ground.imports().join(".claimed").join(&stray), "2026-11-22").unwrap();

    let watch = ground.watch(quick());

    assert_eq!(watch.left_alone(), (stray, Why::SidecarAlone));
    watch.until_ready();
    let arrival = watch.arrival();
    assert_eq!(arrival.name(), "rates.csv");
    assert_ne!(arrival.claim().uuid(), claim);
    assert!(watch.claimed(&arrival, "rates.csv.effective").exists());
}

#[test]
fn a_file_that_waits_long_for_its_sidecar_is_said_once() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    watch.move_in("rates.csv", "x");
    assert_eq!(watch.left_alone(), ("rates.csv".into(), Why::NoSidecar));
    watch.nothing_else();
}

#[test]
fn an_arrival_that_is_dropped_without_an_end_comes_again_under_its_id() {
    let ground = Ground::new();
    let watch = ground.ready(quick());
    watch.move_in("users.csv", "a");
    let first = watch.arrival();
    let claim = first.claim();
    drop(first);
    assert_eq!(watch.arrival().claim(), claim);
}

#[test]
fn a_released_file_settles_again_and_is_not_taken_for_one_that_was_moved_in() {
    let ground = Ground::new();
    let settle = Duration::from_millis(900);
    let mut watch = ground.ready(Options { settle, ..quick() });
    watch.move_in("users.csv", "a");
    let first = watch.arrival();
    let claim = first.claim();

    let released = Instant::now();
    assert!(matches!(first.release(), Ok(Released::PutBack)));

    let second = watch.arrival();
    assert!(released.elapsed() >= settle, "it was to stand still again");
    assert_ne!(second.claim(), claim);
    assert_eq!(watch.content(&second), "a");
    watch.retire(second);
    watch.nothing_else();
}

#[test]
fn a_released_file_whose_name_is_taken_stays_claimed() {
    let ground = Ground::new();
    let options = Options {
        ahead: 1,
        ..events_alone()
    };
    let watch = ground.ready(options);
    watch.move_in("users.csv", "first");
    let first = watch.arrival();
    watch.move_in("users.csv", "second");

    let Ok(Released::StillClaimed(first)) = first.release() else {
        panic!("the name is taken");
    };

    assert_eq!(watch.content(&first), "first");
    watch.retire(first);
    let second = watch.arrival();
    assert_eq!(watch.content(&second), "second");
}

#[test]
fn polling_finds_everything_that_events_would_have_told() {
    let ground = Ground::new();
    let options = Options {
        mode: Mode::Polling,
        ..quick()
    };
    let watch = ground.watch(options);
    assert_eq!(watch.until_ready(), Mode::Polling);
    watch.move_in("users.csv", "a");
    let arrival = watch.arrival();
    assert_eq!(watch.content(&arrival), "a");
    fs::write(watch.imports.join("users.csv"), "b").unwrap();
    let arrival = watch.arrival();
    assert_eq!(watch.content(&arrival), "b");
}

#[test]
fn the_watch_never_opens_the_file() {
    use notify::{EventKind, RecursiveMode, Watcher as _, event::AccessKind};
    let ground = Ground::new();
    let watch = ground.ready(quick());
    let (tell, opened) = channel();
    let mut spy = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let event = event.unwrap();
        let path = event.paths.first().cloned().unwrap_or_default();
        let is_open = matches!(event.kind, EventKind::Access(AccessKind::Open(_)));
        if is_open && path.to_string_lossy().ends_with(".csv") {
            let _ = tell.send(path);
        }
    })
    .unwrap();
    for folder in [watch.imports.clone(), watch.imports.join(".claimed")] {
        spy.watch(&folder, RecursiveMode::NonRecursive).unwrap();
    }

    watch.move_in("users.csv", "a");
    let arrival = watch.arrival();
    watch.move_in("user.csv", "a");
    watch.left_alone();

    // Opened by this test: the spy's first word shows that it would have told of others.
    let claimed = watch.claimed(&arrival, "users.csv");
    drop(File::open(&claimed).unwrap());
    assert_eq!(opened.recv_timeout(PATIENCE).unwrap(), claimed);
}

#[test]
fn the_time_of_modification_means_nothing() {
    let ground = Ground::new();
    let mut watch = ground.ready(events_alone());
    let far = SystemTime::now() + Duration::from_secs(80 * 365 * 24 * 3600);
    for time in [SystemTime::UNIX_EPOCH, far] {
        let source = watch.outside.join("source");
        let file = File::create(&source).unwrap();
        file.set_len(10).unwrap();
        file.set_modified(time).unwrap();
        drop(file);
        let target = watch.imports.join("users.csv");
        let cp = Command::new("cp")
            .arg("-p")
            .arg(source)
            .arg(target)
            .status();
        assert!(cp.unwrap().success());
        let arrival = watch.arrival();
        watch.retire(arrival);
    }
    watch.nothing_else();
}

/// A process that has opened a file to append to it, and waits for a line.
struct OutsideWriter(std::process::Child);

impl OutsideWriter {
    fn open(path: &Path) -> Self {
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec 3>>\"$1\"; echo open; read line; echo row >&3",
                "sh",
            ])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert_eq!(said, "open\n");
        Self(child)
    }

    fn write_and_close(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

#[test]
fn a_writer_from_before_the_watch_is_waited_for() {
    let ground = Ground::new();
    let path = ground.imports().join("users.csv");
    fs::write(&path, "row\n").unwrap();
    let writer = OutsideWriter::open(&path);
    let mut watch = ground.ready(quick());

    let (name, why) = watch.left_alone();
    assert_eq!(name, "users.csv");
    let Why::OpenForWriting(process) = why else {
        panic!("{why}");
    };
    assert_eq!((process.pid, &*process.name), (writer.0.id(), "sh"));
    watch.nothing_else();
    writer.write_and_close();

    let arrival = watch.arrival();
    assert_eq!(watch.content(&arrival), "row\nrow\n");
    watch.retire(arrival);
    watch.nothing_else();
}

#[test]
fn a_file_that_is_moved_in_while_it_is_open_is_waited_for() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    let outside = watch.outside.join("moving");
    fs::write(&outside, "row\n").unwrap();
    let writer = OutsideWriter::open(&outside);

    fs::rename(&outside, watch.imports.join("users.csv")).unwrap();

    watch.nothing_else();
    let (name, _) = watch.left_alone();
    assert_eq!(name, "users.csv");
    writer.write_and_close();
    let arrival = watch.arrival();
    assert_eq!(watch.content(&arrival), "row\nrow\n");
}

#[test]
fn a_second_writer_is_waited_for_when_the_first_has_closed() {
    let ground = Ground::new();
    let mut watch = ground.ready(quick());
    let path = watch.imports.join("users.csv");
    let mut first = File::create_new(&path).unwrap();
    first.write_all(b"row\n").unwrap();
    let second = OutsideWriter::open(&path);
    drop(first);

    watch.nothing_else();

    let (name, _) = watch.left_alone();
    assert_eq!(name, "users.csv");
    second.write_and_close();
    let arrival = watch.arrival();
    assert_eq!(watch.content(&arrival), "row\nrow\n");
}

fn when(table: &str, ready: ReadyWhen) -> [(TableName, Completeness); 1] {
    let settle = Duration::from_millis(700);
    [(TableName::new(table), Completeness { settle, ready })]
}

#[test]
fn bursts_of_a_shell_arrive_as_one_file() {
    let ground = Ground::new();
    let routes = routes().with_completeness(when("users", ReadyWhen::Still));
    let mut watch = ground.watch_by(routes, quick());
    watch.until_ready();
    let path = watch.imports.join("users.csv");
    for _ in 0..4 {
        let append = format!("echo row >> '{}'", path.display());
        let shell = Command::new("sh").args(["-c", &append]).status();
        assert!(shell.unwrap().success());
        // Shorter than the setting; where the machine is so busy that it is not, the file comes in
        // parts, which is what the setting allows.
        thread::sleep(Duration::from_millis(60));
    }

    let arrival = watch.arrival();

    assert_eq!(watch.content(&arrival), "row\n".repeat(4));
    watch.retire(arrival);
    watch.nothing_else();
}

fn with_markers(ground: &Ground) -> Watch {
    let marker = ReadyWhen::Marker(".done".into());
    let watch = ground.watch_by(routes().with_completeness(when("users", marker)), quick());
    watch.until_ready();
    watch
}

#[test]
fn a_file_with_a_marker_is_taken_when_that_comes() {
    let ground = Ground::new();
    let mut watch = with_markers(&ground);
    watch.move_in("users.csv", "a");
    let missing = Why::NoMarker(".done".into());
    assert_eq!(watch.left_alone(), ("users.csv".into(), missing));
    watch.nothing_else();

    File::create(watch.imports.join("users.csv.done")).unwrap();

    let arrival = watch.arrival();
    assert_eq!(arrival.name(), "users.csv");
    assert!(watch.claimed(&arrival, "users.csv.done").exists());
    assert_eq!(visible(&watch.imports), Vec::<String>::new());
}

#[test]
fn a_marker_that_comes_first_waits_for_its_file() {
    let ground = Ground::new();
    let mut watch = with_markers(&ground);
    File::create(watch.imports.join("users.csv.done")).unwrap();
    watch.nothing_else();
    watch.move_in("users.csv", "a");
    assert_eq!(watch.arrival().name(), "users.csv");
}

#[test]
fn a_marker_counts_in_any_letter_case() {
    let ground = Ground::new();
    let watch = with_markers(&ground);
    watch.move_in("users-2.csv", "b");
    watch.move_in("users.csv", "a");
    File::create(watch.imports.join("users.csv.DONE")).unwrap();

    let arrival = watch.arrival();

    assert_eq!(arrival.name(), "users.csv");
    assert!(watch.claimed(&arrival, "users.csv.done").exists());
    assert_eq!(visible(&watch.imports), ["users-2.csv"]);
}

#[test]
fn a_marker_that_a_crash_left_claimed_alone_goes_back() {
    let ground = Ground::new();
    let claimed = ground.imports().join(".claimed");
    fs::create_dir(&claimed).unwrap();
    let id = uuid::Uuid::now_v7();
    fs::write(claimed.join(format!("{id}~users.csv.done")), "").unwrap();
    fs::write(ground.imports().join("users.csv"), "a").unwrap();

    let watch = with_markers(&ground);

    let arrival = watch.arrival();
    assert!(watch.claimed(&arrival, "users.csv.done").exists());
}
