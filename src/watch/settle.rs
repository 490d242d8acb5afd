//! Is this file complete?
//!
//! In: what was seen of a file (never its content) and hints from the kernel, each with the time
//! of a clock that only runs forward. Out: settled, or the moment at which to look again. Pure:
//! this file touches neither disk nor clock.
//!
//! The time of modification is never asked: `docker cp`, `cp -p`, tar and rsync set it to the
//! past when they are done, and a host's clock may jump. The time of the last inode change
//! (ctime) cannot be set by a program, so it is compared, for being the same, never for its age.

use std::time::{Duration, Instant};

use super::writers::Blindness;
use crate::contract::{Completeness, ReadyWhen};

/// Which file a name stands for, however often it is renamed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Identity {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
}

/// What a look at a file, from outside, tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    /// Which file it is.
    pub identity: Identity,
    /// Its length in bytes.
    pub size: u64,
    /// When its inode last changed: seconds and nanoseconds.
    pub ctime: (i64, i64),
}

/// What the kernel told of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint {
    /// A file was renamed to this name.
    MovedIn,
    /// The watch itself gave the file its name back.
    PutBack,
    /// The name is new: `open` with `O_CREAT`, or `link`.
    Created,
    /// Somebody opened the file, to read or to write.
    Opened,
    /// Bytes were written, or the length was changed.
    Written,
    /// A writer closed the file.
    Closed,
    /// The name was removed, or given to another folder.
    Gone,
    /// Something else: owner, mode or times.
    Touched,
}

/// The shortest time after a closing.
const AFTER_CLOSING: Duration = Duration::from_millis(20);

/// How long a file has to stand still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// After its writer closed it. `docker cp` closes the file and then calls `chown`, `chmod`
    /// and `utimes` by name, which would fail if the file were renamed in between.
    pub quiet: Duration,
    /// After it was renamed into place.
    pub in_place: Duration,
    /// After it was closed and is empty.
    pub settle: Duration,
    /// When nothing is known of a writer.
    pub unknown: Duration,
    /// When writes were told of, but no opening. The writer may have opened the file before the
    /// watch began, or the file system forwards events of another machine (Docker Desktop) and
    /// then forwards no closing.
    pub overheard: Duration,
    /// When a writer has the file open and has not closed it. A writer may pause for minutes,
    /// and its closing will be told; this bound is for the one whose closing was lost.
    pub stalled: Duration,
    /// When the file beside it is missing, before a person is told.
    pub alone: Duration,
}

impl Patience {
    /// The times that follow from the settings. Where the kernel does not show every process that
    /// may have a file open, a file of which no event told waits longer.
    #[must_use]
    pub fn of(completeness: &Completeness, blindness: Option<Blindness>) -> Self {
        let settle = completeness.settle;
        let long = settle.saturating_mul(5);
        let (quiet, in_place) = match completeness.ready {
            ReadyWhen::Still => (settle.max(AFTER_CLOSING), settle),
            ReadyWhen::Closed | ReadyWhen::Marker(_) => (AFTER_CLOSING, Duration::ZERO),
        };
        Self {
            quiet,
            in_place,
            settle,
            unknown: if blindness.is_some() { long } else { settle },
            overheard: long,
            stalled: Duration::from_secs(15 * 60),
            alone: long,
        }
    }
}

/// Settled or not yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Complete, if one more look finds it unchanged.
    Settled,
    /// Not before this moment. Younger files of the table wait for it: it arrived before them.
    NotBefore(Instant),
    /// A writer is at work. Its file arrives when it is closed, so nobody waits for it.
    BeingWritten(Instant),
}

/// One file on its way to being settled.
#[derive(Clone, Debug)]
pub struct Settling {
    seen: Observation,
    still_since: Instant,
    writer: Writer,
}

/// What is known of whoever writes the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Writer {
    /// Nothing: no event since the watch began.
    Unknown,
    /// The name is new and no opening was told. `link` leaves it at that.
    Created,
    /// Opened again, to read or to write.
    Opened,
    /// Opened and written, not closed.
    Writing,
    /// Written, by somebody whose opening was not told.
    Overheard,
    /// Closed.
    Closed,
    /// Renamed into place, as writers do when they are done.
    InPlace,
}

impl Settling {
    /// A file that is seen for the first time.
    #[must_use]
    pub fn begin(seen: Observation, now: Instant) -> Self {
        Self {
            seen,
            still_since: now,
            writer: Writer::Unknown,
        }
    }

    /// What was last seen.
    #[must_use]
    pub fn seen(&self) -> Observation {
        self.seen
    }

    /// Whether the last that was told of it is that its writer closed it.
    #[must_use]
    pub fn was_closed(&self) -> bool {
        self.writer == Writer::Closed
    }

    /// Takes in another look.
    pub fn observe(&mut self, seen: Observation, now: Instant) {
        if self.seen != seen {
            self.seen = seen;
            self.still_since = now;
        }
    }

    /// Takes in an event, in the order in which the kernel told it.
    pub fn hint(&mut self, hint: Hint, now: Instant) {
        self.writer = self.writer.after(hint);
        self.still_since = now;
    }

    /// Events were lost: a closing may be among them, so nothing is known of the writer.
    pub fn events_were_lost(&mut self) {
        self.writer = Writer::Unknown;
    }

    /// How long it has stood still.
    #[must_use]
    pub fn still_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.still_since)
    }

    /// Whether the file is complete.
    #[must_use]
    pub fn verdict(&self, now: Instant, patience: &Patience) -> Verdict {
        let due = self.still_since + self.time_to_stand_still(patience);
        if now >= due {
            Verdict::Settled
        } else if self.writer.is_at_work() {
            Verdict::BeingWritten(due)
        } else {
            Verdict::NotBefore(due)
        }
    }

    fn time_to_stand_still(&self, patience: &Patience) -> Duration {
        match self.writer {
            Writer::InPlace => patience.in_place,
            // An empty file is more often one that is about to be filled (`: > users.csv`).
            Writer::Closed if self.seen.size > 0 => patience.quiet,
            Writer::Closed => patience.settle,
            Writer::Unknown | Writer::Created | Writer::Opened => patience.unknown,
            Writer::Overheard => patience.overheard,
            Writer::Writing => patience.stalled,
        }
    }
}

impl Writer {
    fn after(self, hint: Hint) -> Self {
        match (self, hint) {
            (_, Hint::Gone | Hint::PutBack) => Self::Unknown,
            (_, Hint::MovedIn) => Self::InPlace,
            (_, Hint::Created) => Self::Created,
            (_, Hint::Closed) => Self::Closed,
            (Self::Created, Hint::Opened)
            | (Self::Opened, Hint::Written)
            | (Self::Writing, Hint::Opened | Hint::Written) => Self::Writing,
            (_, Hint::Opened) => Self::Opened,
            (_, Hint::Written) => Self::Overheard,
            (same, Hint::Touched) => same,
        }
    }

    fn is_at_work(self) -> bool {
        matches!(self, Self::Writing | Self::Overheard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        quiet: Duration::from_millis(20),
        in_place: Duration::ZERO,
        settle: Duration::from_secs(2),
        unknown: Duration::from_secs(2),
        overheard: Duration::from_secs(10),
        stalled: Duration::from_secs(900),
        alone: Duration::from_secs(10),
    };

    fn seen(size: u64, ctime: i64) -> Observation {
        Observation {
            identity: Identity {
                device: 1,
                inode: 7,
            },
            size,
            ctime: (ctime, 0),
        }
    }

    /// How long a file with these events, all at once, has to stand still.
    fn waits(size: u64, hints: &[Hint]) -> Duration {
        waits_with(&PATIENCE, size, hints)
    }

    fn waits_with(patience: &Patience, size: u64, hints: &[Hint]) -> Duration {
        let start = Instant::now();
        let mut file = Settling::begin(seen(size, 0), start);
        for hint in hints {
            file.hint(*hint, start);
        }
        match file.verdict(start, patience) {
            Verdict::Settled => Duration::ZERO,
            Verdict::NotBefore(due) | Verdict::BeingWritten(due) => due - start,
        }
    }

    #[test]
    fn each_story_of_events_has_its_patience() {
        use Hint::{Closed, Created, Gone, MovedIn, Opened, PutBack, Touched, Written};
        let at_once = Duration::ZERO;
        let Patience {
            quiet,
            settle,
            overheard,
            stalled,
            ..
        } = PATIENCE;
        let stories: &[(&str, &[Hint], Duration)] = &[
            ("seen by a sweep alone", &[], settle),
            ("renamed into place", &[MovedIn], at_once),
            ("cp", &[Created, Opened, Written, Closed], quiet),
            (
                "docker cp",
                &[Created, Opened, Written, Closed, Touched, Touched],
                quiet,
            ),
            ("a new file, held open", &[Created, Opened], stalled),
            ("and written", &[Created, Opened, Written], stalled),
            ("a hard link", &[Created], settle),
            ("overwritten", &[Written, Opened, Written], stalled),
            (
                "overwritten and closed",
                &[Written, Opened, Written, Closed],
                quiet,
            ),
            ("opened before the watch", &[Written], overheard),
            ("an injected creation", &[Created, Written], overheard),
            (
                "mtime set by name, after closing",
                &[Created, Opened, Closed, Written],
                overheard,
            ),
            (
                "read by somebody, after closing",
                &[Created, Opened, Closed, Opened],
                settle,
            ),
            (
                "appended to, after closing",
                &[Created, Opened, Closed, Opened, Written],
                stalled,
            ),
            (
                "deleted and made anew",
                &[Closed, Gone, Created, Opened],
                stalled,
            ),
            ("replaced by rename", &[Created, Opened, MovedIn], at_once),
            ("put back by the watch", &[MovedIn, PutBack], settle),
        ];
        for (story, hints, expected) in stories {
            assert_eq!(waits(100, hints), *expected, "{story}");
        }
    }

    #[test]
    fn an_empty_file_that_was_closed_is_given_time_to_be_filled() {
        let hints = [Hint::Created, Hint::Opened, Hint::Closed];
        assert_eq!(waits(0, &hints), PATIENCE.settle);
    }

    #[test]
    fn every_change_starts_the_wait_again() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut file = Settling::begin(seen(100, 0), start);
        file.observe(seen(100, 0), at(1_500));
        assert_eq!(
            file.verdict(at(1_999), &PATIENCE),
            Verdict::NotBefore(at(2_000))
        );
        assert_eq!(file.verdict(at(2_000), &PATIENCE), Verdict::Settled);
        // Same length, restored mtime: only the inode's own change time tells.
        file.observe(seen(100, 1), at(2_000));
        assert_eq!(
            file.verdict(at(3_999), &PATIENCE),
            Verdict::NotBefore(at(4_000))
        );
    }

    #[test]
    fn a_writer_that_pauses_is_waited_for_and_holds_nobody_up() {
        let start = Instant::now();
        let mut file = Settling::begin(seen(100, 0), start);
        file.hint(Hint::Created, start);
        file.hint(Hint::Opened, start);
        let later = start + Duration::from_secs(600);
        assert!(matches!(
            file.verdict(later, &PATIENCE),
            Verdict::BeingWritten(_)
        ));
    }

    #[test]
    fn a_lost_closing_does_not_hold_a_file_for_ever() {
        let start = Instant::now();
        let mut file = Settling::begin(seen(100, 0), start);
        file.hint(Hint::Created, start);
        file.hint(Hint::Opened, start);
        file.events_were_lost();
        assert_eq!(
            file.verdict(start + PATIENCE.settle, &PATIENCE),
            Verdict::Settled
        );
    }

    fn completeness(ready: ReadyWhen) -> Completeness {
        Completeness {
            settle: Duration::from_secs(30),
            ready,
        }
    }

    #[test]
    fn a_file_that_must_stand_still_waits_after_a_closing_and_a_rename() {
        let patience = Patience::of(&completeness(ReadyWhen::Still), None);
        for hint in [Hint::Closed, Hint::MovedIn] {
            assert_eq!(waits_with(&patience, 100, &[hint]), patience.settle);
        }
        let closed = Patience::of(&completeness(ReadyWhen::Closed), None);
        assert_eq!(waits_with(&closed, 100, &[Hint::Closed]), AFTER_CLOSING);
        assert_eq!(waits_with(&closed, 100, &[Hint::MovedIn]), Duration::ZERO);
    }

    #[test]
    fn a_burst_begins_the_wait_after_a_closing_again() {
        let patience = Patience::of(&completeness(ReadyWhen::Still), None);
        let start = Instant::now();
        let mut file = Settling::begin(seen(100, 0), start);
        file.hint(Hint::Closed, start);
        let burst = start + patience.settle / 2;
        for hint in [Hint::Opened, Hint::Written, Hint::Closed] {
            file.hint(hint, burst);
        }
        assert_eq!(
            file.verdict(start + patience.settle, &patience),
            Verdict::NotBefore(burst + patience.settle)
        );
    }

    #[test]
    fn a_file_of_which_nothing_is_known_waits_longer_where_writers_are_hidden() {
        let seeing = Patience::of(&completeness(ReadyWhen::Closed), None);
        let blind = Patience::of(
            &completeness(ReadyWhen::Closed),
            Some(Blindness::OtherUsers),
        );
        assert_eq!(waits_with(&seeing, 100, &[]), seeing.settle);
        assert_eq!(waits_with(&blind, 100, &[]), seeing.settle * 5);
        assert_eq!(waits_with(&blind, 100, &[Hint::Closed]), AFTER_CLOSING);
    }
}
