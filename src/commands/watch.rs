//! `hayloft watch`: loads whatever is dropped into the folder, until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::ExitStatus;
use super::load;
use super::office::{self, Migrating};
use crate::cli::WatchArgs;
use crate::contract::ContractFault;
use crate::db::{ConnectFault, FaultKind};
use crate::error::{self, Verdict};
use crate::history::views::ViewsError;
use crate::pipeline::{self, Desk, Dispatcher, News, Stop};
use crate::printer::Printer;
use crate::settings::Settings;
use crate::stage::Progress;
use crate::watch::{Folder, Mode, Options, Watcher, Why, other_format};

/// What the shell is told when a second signal ends the program at once.
const IMPATIENT: i32 = 130;

pub(super) fn run(args: &WatchArgs, settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    let printer = &printer.clone().with_times();
    if rustix::process::geteuid().is_root() {
        printer.warn(
            "Hayloft runs as root, which it has no need of. `--user NAME` has it go on as another \
             user, who must own the folder.",
        );
    }
    let stop = Stop::default();
    let signals = heed_signals(&stop, printer)?;
    let folder = Folder::open(&settings.watching.imports)?;
    let migrating = Migrating::unless(args.no_migrate);
    let audience = match desk(settings, printer, migrating, &stop)? {
        Some(desk) => watch(folder, &desk, settings, printer, &stop),
        None => Audience::Listens,
    };
    signals.close();
    if audience == Audience::Listens {
        printer.say("stopped");
    }
    Ok(ExitStatus::Done)
}

/// Whether what was said has been read, as far as a pipe or a terminal cannot hold it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Listens,
    IsAway,
}

/// How long one of the last news may take to be told, once all is done.
const LAST_WORDS: Duration = Duration::from_secs(2);

fn watch(
    folder: Folder,
    desk: &Desk,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> Audience {
    let options = Options {
        sweep: settings.watching.sweep,
        ..Options::default()
    };
    let place = folder.path().display().to_string();
    let contracts = desk.contracts();
    let dimensions_first = contracts.iter().map(|contract| contract.name.clone());
    let routes = pipeline::routes(&contracts).in_order(dimensions_first);
    if let Some(fault) = contracts.fault() {
        printer.warn(&format!("{fault}\n  Files of other tables are loaded."));
    }
    let mut watcher = Watcher::new(folder, routes, options);
    let show = |file: &str, bytes| Box::new(printer.bar(file, bytes)) as Box<dyn Progress>;
    let (news, told) = teller(place, printer.clone());
    Dispatcher::new(desk, settings.workers, stop.clone(), &show)
        .run(&mut watcher, |one| _ = news.send(one));
    drop(news);
    loop {
        match told.recv_timeout(LAST_WORDS) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return Audience::IsAway,
            Err(RecvTimeoutError::Disconnected) => return Audience::Listens,
        }
    }
}

/// Tells the news by a thread of its own: a pipe that nobody reads does not keep files from being
/// loaded. The second channel says when some were told, and is closed when all are.
fn teller(place: String, printer: Printer) -> (Sender<News>, Receiver<()>) {
    let (news, to_tell) = channel();
    let (telling, told) = sync_channel(1);
    thread::spawn(move || {
        for one in to_tell {
            tell(&one, &place, &printer);
            // Full, where nobody has asked since.
            let _ = telling.try_send(());
        }
    });
    (news, told)
}

/// A database that is on its way up, or away for a while, is waited for; the files keep.
fn desk(
    settings: &Settings,
    printer: &Printer,
    migrating: Migrating,
    stop: &Stop,
) -> Result<Option<Desk>> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let error = match office::desk(settings, printer, migrating) {
            Ok(desk) => return Ok(Some(desk)),
            Err(error) => error,
        };
        if !can_heal(&error) {
            return Err(error);
        }
        if attempts == 1 {
            printer.warn(&format!("Waiting for the database. {error}"));
        }
        if stop.wait(pipeline::pause(attempts)) {
            return Ok(None);
        }
    }
}

/// A server that is away, or a table that somebody has locked.
fn can_heal(error: &anyhow::Error) -> bool {
    if let Some(fault) = error.downcast_ref::<ConnectFault>() {
        return fault.kind == FaultKind::Retry;
    }
    let of_the_database = match error.downcast_ref::<ViewsError>() {
        Some(ViewsError::Database(source)) => Some(source),
        _ => match error.downcast_ref::<ContractFault>() {
            Some(ContractFault::Catalog { source }) => Some(source),
            _ => None,
        },
    };
    of_the_database.is_some_and(|source| error::judge(source) == Verdict::Retry)
}

/// The first signal lets running loads finish; the second ends the program where it is, which
/// loses nothing either.
fn heed_signals(stop: &Stop, printer: &Printer) -> Result<signal_hook::iterator::Handle> {
    const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
    let told_before = Arc::new(AtomicBool::new(false));
    let heed = || -> std::io::Result<Signals> {
        for signal in ENDING {
            // In this order: the first signal finds the flag not yet set.
            signal_hook::flag::register_conditional_shutdown(
                signal,
                IMPATIENT,
                Arc::clone(&told_before),
            )?;
            signal_hook::flag::register(signal, Arc::clone(&told_before))?;
        }
        Signals::new(ENDING)
    };
    let mut signals = heed().context("The signals that end the program cannot be heeded.")?;
    let handle = signals.handle();
    let (stop, printer) = (stop.clone(), printer.clone());
    thread::spawn(move || {
        for _ in signals.forever() {
            // First, since whoever should read what is said may not.
            stop.wish();
            printer.say("stopping, when the running loads are done; press again to stop at once");
        }
    });
    Ok(handle)
}

fn tell(news: &News, place: &str, printer: &Printer) {
    match news {
        News::Ready(Mode::Events) => printer.say(&format!("watching {place}")),
        News::Ready(Mode::Polling) => {
            printer.say(&format!("watching {place}, by looking every few seconds"));
        }
        News::LeftAlone { name, why } => {
            let why = match why {
                Why::UnknownFormat => other_format(name),
                why => why.to_string(),
            };
            printer.warn(&format!("`{name}` is left where it is: {why}."));
        }
        News::Trouble(trouble) => printer.warn(&trouble.to_string()),
        News::Ended(outcome) => _ = load::tell(outcome, printer),
        News::Waiting { file, error } => {
            printer.warn(&format!("`{file}` waits, and is tried again. {error}"));
        }
        News::Stuck { file, place, error } => printer.error(&format!(
            "`{file}` is not loaded yet. {error}\n  It is safe in {}, and is tried again every \
             half minute.",
            place.display()
        )),
        News::Unremoved { file, error } => printer.warn(&format!("`{file}`: {error}")),
        News::Gone { file, place } => printer.warn(&format!(
            "`{file}` is no longer in {}: somebody removed it, and nothing more is done about it.",
            place.display()
        )),
        News::GivenBack { file, error } => {
            printer.say(&format!(
                "`{file}` is left where it was, and taken up again later. {error}"
            ));
        }
        News::Blind(blindness) => printer.say(&format!(
            "Not every program is known that may still be writing a file: {blindness}. A file of \
             which nothing else is known waits five times as long as watch.settle says."
        )),
    }
}
