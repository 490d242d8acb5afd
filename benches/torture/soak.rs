//! Faults at random for a given time: the program and the server are killed, sessions are cut around
//! their COMMIT, calls return errors, the disk is full. Now and then all of it stops, the program
//! does what is left, and the tables have to be what [`crate::model`] makes of the files.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::dice::Dice;
use crate::injector::{self, Plan};
use crate::model::{self, Dropped, Model};
use crate::proxy::{Cut, Proxy, address};
use crate::scenario::{SOAKED, watch_to_the_end};
use crate::warehouse::{Server, Warehouse};

/// How many times the program is started until the tables are looked at.
const LIVES: usize = 12;

/// What was done, and compared.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    rounds: u64,
    files: u64,
    kills: u64,
    server_kills: u64,
    cuts: u64,
    errors: u64,
    full_disks: u64,
    versions: u64,
}

impl Tally {
    pub(crate) fn print(&self) {
        println!("\n| soak | |\n| --- | ---: |");
        for (name, count) in [
            ("rounds, each compared with the model", self.rounds),
            ("files dropped", self.files),
            ("the program killed", self.kills),
            ("the server killed", self.server_kills),
            ("sessions cut around COMMIT", self.cuts),
            ("calls that returned an error", self.errors),
            ("disks full", self.full_disks),
            ("versions equal to the model", self.versions),
        ] {
            println!("| {name} | {count} |");
        }
    }
}

/// Goes on for this long. The first difference ends it.
pub(crate) fn run(server: &Server, seed: u64, time: Duration) -> Result<Tally> {
    let mut tally = Tally::default();
    let end = Instant::now() + time;
    let mut round_seed = seed;
    while Instant::now() < end {
        let mut round = Round::begin(server, Dice(round_seed), tally)?;
        let done = round.play(end);
        tally = round.tally;
        done.with_context(|| format!("round with seed {round_seed}"))?;
        println!(
            "round {} with seed {round_seed}: as the model says; {} files so far",
            tally.rounds, tally.files
        );
        round_seed = round_seed.wrapping_add(1);
    }
    Ok(tally)
}

struct Round {
    server: Server,
    warehouse: Warehouse,
    proxy: Proxy,
    disk: Disk,
    dice: Dice,
    dropped: Vec<Dropped>,
    tally: Tally,
}

impl Round {
    fn begin(server: &Server, dice: Dice, tally: Tally) -> Result<Self> {
        let warehouse = Warehouse::empty(server, SOAKED)?;
        warehouse.run_well(&["migrate"])?;
        let proxy = Proxy::before(address(warehouse.url()?.expose())?)?;
        let disk = Disk::mount(warehouse.path("imports"));
        Ok(Self {
            server: server.clone(),
            warehouse,
            proxy,
            disk,
            dice,
            dropped: Vec::new(),
            tally,
        })
    }

    fn play(&mut self, end: Instant) -> Result<()> {
        for _ in 0..LIVES {
            if Instant::now() < end {
                self.live()?;
            }
        }
        self.heal()?;
        watch_to_the_end(&self.warehouse)?;
        self.tally.cuts += self.proxy.cuts();
        self.tally.rounds += 1;
        self.compare()
    }

    /// One start of the program, to its end.
    fn live(&mut self) -> Result<()> {
        let life = if self.dice.one_in(3) {
            Life::traced(self.command()?, self.dice.number())
        } else {
            Life::plain(self.command()?)?
        };
        for _ in 0..2 + self.dice.below(25) {
            self.drop_file();
            self.disturb()?;
            thread::sleep(Duration::from_millis(10 + self.dice.below(150) as u64));
        }
        let ended = life.end(self.dice.one_in(2))?;
        self.tally.kills += u64::from(ended.was_killed);
        self.tally.errors += ended.errors;
        self.heal()
    }

    fn command(&self) -> Result<Command> {
        let mut command = self.warehouse.command(&["watch"])?;
        let url = self.proxy.url(self.warehouse.url()?.expose())?;
        command.env("DATABASE_URL", url);
        Ok(command)
    }

    fn drop_file(&mut self) {
        let file = Dropped::at_random(self.tally.files, &mut self.dice);
        let half = self.warehouse.path("imports").join(".half");
        let whole = self.warehouse.path("imports").join(&file.name);
        // A full disk takes no file, and then there is none.
        if fs::write(&half, file.text()).is_ok() && fs::rename(&half, whole).is_ok() {
            self.dropped.push(file);
            self.tally.files += 1;
        }
    }

    fn disturb(&mut self) -> Result<()> {
        match self.dice.below(24) {
            0 => self.proxy.arm(Cut::Before),
            1 | 2 => self.proxy.arm(Cut::After),
            3 => {
                if self.dice.one_in(3)
                    && let Some(pid) = self.server.pid()
                {
                    kill(Pid::from_raw(pid), Signal::SIGKILL)?;
                    self.tally.server_kills += 1;
                    self.server.ensure_running()?;
                }
            }
            4 => self.tally.full_disks += u64::from(self.disk.fill()),
            5 => self.disk.free(),
            _ => {}
        }
        Ok(())
    }

    fn heal(&mut self) -> Result<()> {
        self.proxy.arm(Cut::None);
        self.disk.free();
        self.server.ensure_running()
    }

    /// Each file has one fate, and the tables are what the files say in the ledger's order.
    fn compare(&mut self) -> Result<()> {
        let mut conn = self.warehouse.connection()?;
        let order = model::loaded(&mut conn)?;
        let mut names: Vec<&str> = self.dropped.iter().map(|file| &*file.name).collect();
        let mut loaded: Vec<&str> = order.iter().map(|name| &**name).collect();
        names.sort_unstable();
        loaded.sort_unstable();
        ensure!(
            names == loaded,
            "dropped {} files, and the ledger has {}",
            names.len(),
            loaded.len()
        );
        for folder in ["imports/failed", "imports/held", "imports/.claimed"] {
            let left = self.warehouse.names(folder);
            ensure!(left.is_empty(), "{folder} has {left:?}");
        }
        let mut model = Model::default();
        for name in &order {
            let file = self.dropped.iter().find(|file| &file.name == name);
            model.take(file.context("a file that nobody dropped")?);
        }
        let (wanted, shown) = (model.lines(), model::shown(&mut conn)?);
        if wanted != shown {
            let missing: Vec<_> = wanted.difference(&shown).take(5).collect();
            let too_much: Vec<_> = shown.difference(&wanted).take(5).collect();
            bail!("missing {missing:#?}, too much {too_much:#?}");
        }
        let damage = self.warehouse.damage()?;
        ensure!(damage.is_empty(), "{damage:?}");
        self.tally.versions += model.versions() as u64;
        Ok(())
    }
}

/// A running program.
enum Life {
    Plain(std::process::Child),
    Traced(Arc<AtomicBool>, JoinHandle<Result<injector::Traced>>),
}

struct Ended {
    was_killed: bool,
    errors: u64,
}

impl Life {
    fn plain(mut command: Command) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self::Plain(command.spawn()?))
    }

    /// One call in some hundred returns an error.
    fn traced(mut command: Command, seed: u64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let goal = Arc::clone(&over);
        let limit = Duration::from_secs(60);
        let thread = thread::spawn(move || {
            let plan = Plan::AtRandom(seed, 300);
            injector::run(
                &mut command,
                plan,
                move || goal.load(Ordering::SeqCst),
                limit,
            )
        });
        Self::Traced(over, thread)
    }

    fn end(self, violently: bool) -> Result<Ended> {
        match self {
            Self::Plain(mut child) => {
                let signal = if violently {
                    Signal::SIGKILL
                } else {
                    Signal::SIGTERM
                };
                let _ = kill(Pid::from_raw(i32::try_from(child.id())?), signal);
                child.wait()?;
                Ok(Ended {
                    was_killed: violently,
                    errors: 0,
                })
            }
            Self::Traced(over, thread) => {
                over.store(true, Ordering::SeqCst);
                let traced = thread.join().ok().context("the tracer panicked")??;
                ensure!(!traced.hung, "it did not end when it was told to");
                Ok(Ended {
                    was_killed: false,
                    errors: traced.hits.len() as u64,
                })
            }
        }
    }
}

/// A small disk for the folder, where this may be mounted.
struct Disk {
    place: PathBuf,
    is_mounted: bool,
}

impl Disk {
    fn mount(place: PathBuf) -> Self {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(&place);
        let done = mount.stderr(Stdio::null()).status();
        Self {
            place,
            is_mounted: done.is_ok_and(|status| status.success()),
        }
    }

    /// Whether it is full now.
    fn fill(&self) -> bool {
        self.is_mounted && fs::write(self.filler(), vec![0; 8 << 20]).is_err()
    }

    fn free(&self) {
        let _ = fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.place.join(".filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = Command::new("umount").arg("-l").arg(&self.place).status();
        }
    }
}
