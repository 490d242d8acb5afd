//! Looking: at one name, or at everything there is.

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::claim::{Claim, LONGEST_NAME};
use super::events::Subscription;
use super::folder::{Room, Sight};
use super::name::{Beside, Recognised, Unknown, display_name};
use super::settle::{Hint, Identity, Settling};
use super::watcher::{Attempt, Health, Role, Waiting, Watcher, patience};
use super::writers::{Blindness, ScanDepth, Writers};
use super::{ARCHIVE, Arrival, FAILED, HELD, KEPT, Mode, Trouble, WatchEvent, Why};
use crate::failpoint;

/// How long it is taken to be the same which processes are hidden.
const BLINDNESS_HOLDS: Duration = Duration::from_secs(60);

impl Watcher {
    /// Looks at everything: whether the folder is still the folder, claims that nobody has, and
    /// each name.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.next_sweep = now + self.options.sweep;
        self.sweeps += 1;
        self.look_for_blindness(now);
        match self.look_at_everything(now) {
            Ok(mode) => self.report(Health::Ready(mode)),
            Err(trouble) => self.report(Health::Bad(trouble)),
        }
    }

    fn look_at_everything(&mut self, now: Instant) -> Result<Mode, Trouble> {
        self.find_the_folder()?;
        let mode = self.subscribe();
        self.recover()?;
        self.unseen.clear();
        for name in self
            .folder
            .names(Room::Imports)
            .map_err(|error| unusable(&error))?
        {
            self.see(name, &[], now);
        }
        self.forget_what_is_gone();
        Ok(mode)
    }

    /// Follows the path to what it leads to now, when the folder was removed and made anew,
    /// renamed away and back, or mounted over.
    fn find_the_folder(&mut self) -> Result<(), Trouble> {
        if self.folder.is_in_place() {
            return Ok(());
        }
        self.subscription = None;
        let folder = self
            .folder
            .reopen()
            .map_err(|error| Trouble::Folder(error.to_string()))?;
        self.folder = Arc::new(folder);
        self.waiting.clear();
        self.unseen.clear();
        self.said.clear();
        Ok(())
    }

    /// Before anything is looked at: what comes after the look is then told.
    fn subscribe(&mut self) -> Mode {
        if self.options.mode == Mode::Polling || self.subscription.is_some() {
            return self.options.mode;
        }
        let (sender, lost) = (self.inbox.sender.clone(), self.inbox.lost.clone());
        match Subscription::start(self.folder.path(), sender, lost) {
            Ok(subscription) => {
                self.subscription = Some(subscription);
                Mode::Events
            }
            Err(error) => {
                if self.health != Some(Health::Ready(Mode::Polling)) {
                    let trouble = Trouble::NoEvents(error.to_string());
                    self.news.push(WatchEvent::Degraded(trouble));
                }
                Mode::Polling
            }
        }
    }

    /// Processes and their users come and go, but what is hidden of them follows from settings of the
    /// machine. Whoever looks for the writers of files notices as well.
    fn look_for_blindness(&mut self, now: Instant) {
        if now >= self.next_blindness {
            self.next_blindness = now + BLINDNESS_HOLDS;
            self.notice_blindness(Writers::of(&[], ScanDepth::Blindness).blindness());
        }
    }

    /// Whether every process is shown that may have a file open decides how long a file waits of
    /// which nothing is known.
    pub(super) fn notice_blindness(&mut self, of_processes: Option<Blindness>) {
        let blindness = self.folder.shared_file_system().or(of_processes);
        if blindness == self.blindness {
            return;
        }
        self.blindness = blindness;
        self.patience = patience(&self.routes, &self.options, blindness);
        if let Some(blindness) = blindness
            && self.told_blindness != Some(blindness)
        {
            self.told_blindness = Some(blindness);
            self.news.push(WatchEvent::Blind(blindness));
        }
    }

    /// Makes arrivals of the claims that nobody has: those of an earlier run, and those whose
    /// arrival was dropped without being brought to an end.
    fn recover(&mut self) -> Result<(), Trouble> {
        let mut claims = Vec::new();
        for claimed_name in self
            .folder
            .names(Room::Claimed)
            .map_err(|error| unusable(&error))?
        {
            match Claim::parse(&claimed_name) {
                Some(claim) => claims.push(claim),
                None => self.leave_alone_by_name(Room::Claimed, claimed_name, Why::NotAClaim),
            }
        }
        // An arrival ends after its file is gone, so this is asked before the look.
        claims.retain(|claim| !self.ahead.holds(claim.id));
        if claims.is_empty() {
            return Ok(());
        }
        // The run before may have ended between the rename and its sync.
        self.folder.sync().map_err(|error| not_lasting(&error))?;
        claims.sort();
        for claim in claims {
            self.recover_claim(claim)
                .map_err(|error| unusable(&error))?;
        }
        Ok(())
    }

    fn recover_claim(&mut self, claim: Claim) -> io::Result<()> {
        let claimed_name = claim.claimed_name();
        let to = match self.routes.recognise(&claim.name) {
            Recognised::Delivery { table, format } => (table, format),
            Recognised::Beside { what, .. } => return self.recover_beside(&claim, &what),
            Recognised::Temporary | Recognised::Unknown(_) => {
                self.leave_alone_by_name(Room::Claimed, claimed_name, Why::UnknownTable);
                return Ok(());
            }
        };
        match self.folder.look(Room::Claimed, &claimed_name)? {
            Sight::File(_) => {
                let slot = self.ahead.take(claim.id, &to.0);
                let beside = self.routes.beside(&to.0);
                let arrival = Arrival::claimed(&self.folder, claim, to.clone(), beside, slot);
                self.news.push(WatchEvent::Arrived(arrival));
            }
            Sight::Other(identity, why) => {
                self.leave_alone(Room::Claimed, claimed_name, identity, why);
            }
            Sight::Gone => {}
        }
        Ok(())
    }

    /// What lies beside a file goes with it. Where a crash kept the file from being claimed after it,
    /// it goes back to where the file still lies.
    fn recover_beside(&mut self, sidecar: &Claim, what: &Beside) -> io::Result<()> {
        let Some(file) = sidecar.of_its_file(what) else {
            return Ok(());
        };
        if let Sight::Gone = self.folder.look(Room::Claimed, &file.claimed_name())? {
            let still_there = !matches!(self.folder.look(Room::Imports, &file.name)?, Sight::Gone);
            if !still_there || sidecar.put_back_alone(&self.folder).is_err() {
                let name = sidecar.claimed_name();
                self.leave_alone_by_name(Room::Claimed, name, Why::SidecarAlone);
            }
        }
        Ok(())
    }

    /// Looks at one name, and takes in what was told of it.
    pub(super) fn see(&mut self, name: OsString, hints: &[Hint], now: Instant) {
        let (table, role) = match self.routes.recognise(&name) {
            Recognised::Delivery { .. } | Recognised::Beside { .. }
                if name.len() > LONGEST_NAME =>
            {
                return self.leave_alone_by_name(Room::Imports, name, Why::NameTooLong);
            }
            Recognised::Delivery { table, format } => (table, Role::Delivery(format)),
            Recognised::Beside { table, .. } => (table, Role::Sidecar),
            Recognised::Temporary => return,
            Recognised::Unknown(Unknown::Table) => {
                return self.leave_alone_by_name(Room::Imports, name, Why::UnknownTable);
            }
            Recognised::Unknown(Unknown::Format) => {
                return self.leave_alone_by_name(Room::Imports, name, Why::UnknownFormat);
            }
        };
        let seen = match self.folder.look(Room::Imports, &name) {
            Ok(Sight::File(seen)) => seen,
            Ok(Sight::Other(identity, why)) => {
                self.waiting.remove(&name);
                self.unseen.remove(&name);
                return self.leave_alone(Room::Imports, name, identity, why);
            }
            Ok(Sight::Gone) => {
                self.waiting.remove(&name);
                self.unseen.remove(&name);
                return;
            }
            Err(_) => {
                // It is listed, so it is not forgotten at the end of this sweep.
                if let Some(waiting) = self.waiting.get_mut(&name) {
                    waiting.swept = self.sweeps;
                }
                self.unseen.insert(name, table);
                return;
            }
        };
        self.unseen.remove(&name);
        failpoint!("watch::seen");
        let hints: Vec<_> = hints
            .iter()
            .map(|hint| self.told(seen.identity, *hint))
            .collect();
        if !hints.is_empty() {
            self.turns += 1;
        }
        let waiting = self.waiting.entry(name).or_insert_with(|| Waiting {
            table,
            role,
            file: Settling::begin(seen, now),
            turn: 0,
            swept: 0,
            attempt: Attempt::None,
        });
        for hint in hints {
            waiting.file.hint(hint, now);
            waiting.turn = self.turns;
        }
        waiting.file.observe(seen, now);
        waiting.swept = self.sweeps;
        waiting.attempt = Attempt::None;
    }

    /// A file that Hayloft put back was renamed into place, but not by a writer who was done.
    fn told(&self, file: Identity, hint: Hint) -> Hint {
        if hint == Hint::MovedIn && self.ahead.came_back(file) {
            Hint::PutBack
        } else {
            hint
        }
    }

    fn leave_alone_by_name(&mut self, room: Room, name: OsString, why: Why) {
        match self.folder.look(room, &name) {
            Ok(Sight::File(seen)) => self.leave_alone(room, name, seen.identity, why),
            Ok(Sight::Other(_, Why::Directory)) if is_shelf(&name) => {}
            Ok(Sight::Other(identity, kind)) => self.leave_alone(room, name, identity, kind),
            Ok(Sight::Gone) | Err(_) => {}
        }
    }

    /// Says once for each file and reason that it is left where it is.
    pub(super) fn leave_alone(&mut self, room: Room, name: OsString, file: Identity, why: Why) {
        let shown = display_name(&name);
        let said = self.said.insert((room, name), (file, why.clone()));
        if said.as_ref() != Some(&(file, why.clone())) {
            self.news.push(WatchEvent::LeftAlone { name: shown, why });
        }
    }

    fn forget_what_is_gone(&mut self) {
        let sweep = self.sweeps;
        self.waiting.retain(|_, waiting| waiting.swept == sweep);
        let folder = &self.folder;
        self.said
            .retain(|(room, name), _| !matches!(folder.look(*room, name), Ok(Sight::Gone)));
    }

    pub(super) fn report(&mut self, health: Health) {
        if self.health.as_ref() == Some(&health) {
            return;
        }
        self.news.push(match &health {
            Health::Ready(mode) => WatchEvent::Ready(*mode),
            Health::Bad(trouble) => WatchEvent::Degraded(trouble.clone()),
        });
        self.health = Some(health);
    }
}

fn unusable(error: &io::Error) -> Trouble {
    Trouble::Folder(format!(
        "the folder imports cannot be looked through: {error}"
    ))
}

/// Claims that a power cut could undo are not loaded.
pub(super) fn not_lasting(error: &io::Error) -> Trouble {
    Trouble::Folder(format!(
        "what was moved into imports/.claimed cannot be written to the disk: {error}"
    ))
}

/// Hayloft's own folders are no deliveries, and nothing to speak of.
fn is_shelf(name: &OsStr) -> bool {
    [FAILED, HELD, KEPT, ARCHIVE]
        .iter()
        .any(|shelf| name == *shelf)
}
