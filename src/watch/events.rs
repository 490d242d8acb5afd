//! The kernel's events, as hints.
//!
//! In: what `notify` tells. Out: signals in the watch's inbox. Events may be late, doubled or
//! lost, so nothing depends on them but speed: a sweep finds what they left out. The inbox is
//! bounded; what does not fit is dropped and the loss noted, which brings on a sweep.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::settle::Hint;

/// What the inbox takes.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Something happened to a name.
    Hint(OsString, Hint),
    /// Something happened to the folder itself, or events were lost: look at everything.
    Sweep,
    /// An arrival came to its end.
    Room,
    /// The watch is to stop.
    Stop,
}

/// Set when signals were dropped.
#[derive(Clone, Default, Debug)]
pub(crate) struct Lost(Arc<AtomicBool>);

impl Lost {
    fn note(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether signals were dropped since the last question.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

/// Events flow into the inbox while this lives.
#[derive(Debug)]
pub(crate) struct Subscription(
    #[expect(dead_code, reason = "held for its Drop")] RecommendedWatcher,
);

impl Subscription {
    pub(crate) fn start(
        folder: &Path,
        inbox: SyncSender<Signal>,
        lost: Lost,
    ) -> notify::Result<Self> {
        let path = folder.to_owned();
        let handler = move |event: notify::Result<Event>| match event {
            Ok(event) => tell(&path, &event, &inbox, &lost),
            Err(_) => lost.note(),
        };
        let mut watcher = RecommendedWatcher::new(handler, Config::default())?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self(watcher))
    }
}

fn tell(folder: &Path, event: &Event, inbox: &SyncSender<Signal>, lost: &Lost) {
    if event.need_rescan() {
        lost.note();
    }
    let signal = signal_of(folder, event);
    // A sweep is what a loss brings on, so a Sweep that does not fit is no loss.
    if signal.is_some_and(|signal| inbox.try_send(signal).is_err()) {
        lost.note();
    }
}

fn signal_of(folder: &Path, event: &Event) -> Option<Signal> {
    if event.need_rescan() {
        return Some(Signal::Sweep);
    }
    let path = event.paths.first()?;
    if path == folder {
        // Each sweep opens the folder, so its being opened must not bring on a sweep.
        return matches!(
            event.kind,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        )
        .then_some(Signal::Sweep);
    }
    let hint = hint_of(event.kind)?;
    Some(Signal::Hint(path.file_name()?.to_owned(), hint))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn hint_of(kind: EventKind) -> Option<Hint> {
    match kind {
        EventKind::Create(_) => Some(Hint::Created),
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            Some(Hint::Gone)
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Hint::MovedIn),
        EventKind::Modify(ModifyKind::Data(_)) => Some(Hint::Written),
        EventKind::Modify(ModifyKind::Metadata(_)) => Some(Hint::Touched),
        EventKind::Access(AccessKind::Open(_)) => Some(Hint::Opened),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Hint::Closed),
        _ => None,
    }
}

/// Elsewhere no event tells that a writer closed a file, so none may make the watch wait for it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn hint_of(kind: EventKind) -> Option<Hint> {
    match kind {
        EventKind::Remove(_) => Some(Hint::Gone),
        EventKind::Access(_) => None,
        _ => Some(Hint::Touched),
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Flag};
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_full_inbox_is_noted_as_a_loss_once() {
        let (inbox, _kept) = sync_channel(1);
        let lost = Lost::default();
        let folder = Path::new("/imports");
        let event =
            Event::new(EventKind::Create(CreateKind::File)).add_path(folder.join("users.csv"));
        tell(folder, &event, &inbox, &lost);
        assert!(!lost.take());
        tell(folder, &event, &inbox, &lost);
        assert!(lost.take());
        assert!(!lost.take());
    }

    #[test]
    fn the_kernels_own_overflow_is_a_loss() {
        let (inbox, kept) = sync_channel(1);
        let lost = Lost::default();
        let event = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        tell(Path::new("/imports"), &event, &inbox, &lost);
        assert!(lost.take());
        assert!(matches!(kept.try_recv(), Ok(Signal::Sweep)));
    }

    #[test]
    fn that_a_sweep_opened_the_folder_brings_on_no_sweep() {
        let folder = Path::new("/imports");
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let event = Event::new(opened).add_path(folder.to_owned());
        assert!(signal_of(folder, &event).is_none());
    }
}
