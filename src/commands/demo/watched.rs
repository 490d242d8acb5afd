//! A folder that is watched in this process for the length of a story.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::commands::load;
use crate::pipeline::{self, Desk, Dispatcher, News, Stop};
use crate::printer::Printer;
use crate::stage::Progress;
use crate::summary::Status;
use crate::watch::{Folder, Options, Watcher};

/// The demo has two tables, one of which waits for the other.
const WORKERS: NonZero<usize> = NonZero::<usize>::MIN;

/// Longer than any of the demo's files takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folder, and what becomes of what is dropped into it.
pub(super) struct Imports<'a> {
    folder: &'a Path,
    news: Receiver<News>,
    printer: &'a Printer,
}

/// Watches the folder for as long as the story takes.
pub(super) fn watched(
    desk: &Desk,
    folder: &Path,
    printer: &Printer,
    story: impl FnOnce(&Imports<'_>) -> Result<()>,
) -> Result<()> {
    let routes = pipeline::routes(&desk.contracts());
    let mut watcher = Watcher::new(Folder::open(folder)?, routes, Options::default());
    let stop = Stop::default();
    let (sender, news) = channel();
    let imports = Imports {
        folder,
        news,
        printer,
    };
    thread::scope(|scope| {
        let dispatcher_stop = stop.clone();
        scope.spawn(move || {
            let show = |_: &str, _| Box::new(Unseen) as Box<dyn Progress>;
            Dispatcher::new(desk, WORKERS, dispatcher_stop, &show).run(&mut watcher, |news| {
                // Nobody listens once the story has ended.
                let _ = sender.send(news);
            });
        });
        let told = imports.ready().and_then(|()| story(&imports));
        stop.wish();
        told
    })
}

impl Imports<'_> {
    /// Copies a file into the folder, as `cp` does: nothing tells the watch when it is complete.
    pub(super) fn deliver(&self, file: &Path) -> Result<()> {
        let name = file.file_name().unwrap_or_default();
        fs::copy(file, self.folder.join(name))
            .with_context(|| format!("{} cannot be dropped.", file.display()))?;
        Ok(())
    }

    /// Waits until one file has come to its end, shows its line, and says how it ended.
    pub(super) fn ended(&self) -> Result<Status> {
        loop {
            match self.next()? {
                News::Ended(outcome) => {
                    load::tell(&outcome, self.printer);
                    return Ok(outcome.entry().summary.status);
                }
                News::Unremoved { file, error } => bail!("`{file}`: {error}"),
                News::Stuck { file, error, .. } => bail!("`{file}` is not loaded. {error}"),
                News::LeftAlone { name, why } => bail!("`{name}` is not taken: {why}."),
                News::Gone { file, .. } => bail!("`{file}` was removed by somebody else."),
                News::Trouble(trouble) => self.printer.warn(&trouble.to_string()),
                News::Ready(_) | News::Blind(_) | News::Waiting { .. } | News::GivenBack { .. } => {
                }
            }
        }
    }

    /// Whether everything that was dropped is gone, claims included.
    pub(super) fn is_empty(&self) -> Result<()> {
        for folder in [self.folder.to_owned(), self.folder.join(".claimed")] {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                ensure!(
                    entry
                        .path()
                        .extension()
                        .is_none_or(|ending| ending != "csv"),
                    "`{}` should be gone from the folder.",
                    entry.file_name().display()
                );
            }
        }
        Ok(())
    }

    fn ready(&self) -> Result<()> {
        while !matches!(self.next()?, News::Ready(_)) {}
        Ok(())
    }

    fn next(&self) -> Result<News> {
        let seconds = PATIENCE.as_secs();
        self.news
            .recv_timeout(PATIENCE)
            .with_context(|| format!("Nothing happened in the folder for {seconds} seconds."))
    }
}

/// The demo's files are read before a progress bar could be seen.
struct Unseen;

impl Progress for Unseen {
    fn advanced(&self, _bytes: u64) {}
}
