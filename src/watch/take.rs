//! Claiming what is settled, in the order of arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Instant;

use super::claim::{Claim, FoundBeside, NotClaimed};
use super::folder::{Room, Sight};
use super::name::{Beside, Format};
use super::settle::{Identity, Observation, Verdict};
use super::sweep::not_lasting;
use super::watcher::{Attempt, Health, Role, Waiting, Watcher};
use super::writers::{ScanDepth, Writers};
use super::{Arrival, WatchEvent, Why};
use crate::contract::TableName;
use crate::failpoint;

/// What a look at one waiting file says about claiming it.
enum Readiness {
    /// It is settled, and still what it was.
    Ready(Ready),
    /// It is not to be had now, and younger files need not wait for it.
    PassOver,
    /// It will be settled soon, and it arrived before those that follow.
    Wait,
    /// It cannot be looked at, and may come before those that follow.
    Unseen,
}

/// What one more look at a file says.
enum Settled {
    /// It is complete.
    Yes(Observation),
    /// It will be before long.
    NotYet,
    /// A writer is at work, or has had it open since the last sweep.
    BeingWritten,
    /// It is not there, or not to be had.
    Gone,
    /// It could not be looked at.
    Unseen,
}

/// What is to be claimed.
struct Ready {
    file: Observation,
    format: Format,
    /// What is to be claimed with it.
    beside: Vec<FoundBeside>,
    /// Where somebody may show who has it open.
    depth: ScanDepth,
}

/// A file that is settled, before it is known whether somebody has it open.
struct ClaimCandidate {
    name: OsString,
    table: TableName,
    ready: Ready,
}

impl ClaimCandidate {
    /// The files that nobody may have open for writing.
    fn identities(&self) -> impl Iterator<Item = Identity> {
        let beside = self.ready.beside.iter().map(|found| found.seen.identity);
        beside.chain([self.ready.file.identity])
    }
}

/// A claim that is not durable yet.
struct Fresh {
    claim: Claim,
    table: TableName,
    format: Format,
}

impl Watcher {
    /// Claims, of each table, as many settled files as there is room for.
    pub(super) fn claim_settled(&mut self, now: Instant) {
        // What the last sweep could not look at may come before what is known.
        if matches!(self.health, Some(Health::Bad(_))) {
            return;
        }
        let mut blocked = self.blocked(now);
        let candidates = self.candidates(&mut blocked, now);
        if candidates.is_empty() {
            return;
        }
        let closed = self.without_writers(candidates, now);
        let mut claims = Vec::with_capacity(closed.len());
        for candidate in closed {
            if !self.routes.is_behind(&candidate.table, &blocked) {
                claims.extend(self.try_to_claim(candidate, &mut blocked));
            }
        }
        self.make_arrivals(claims);
    }

    /// The tables of which a file cannot be looked at, or could not be claimed. Files of one table are
    /// loaded in the order of their arrival, so the others wait until that one is claimed or gone.
    fn blocked(&mut self, now: Instant) -> BTreeSet<TableName> {
        let refused = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.attempt == Attempt::Refused)
            .map(|(name, _)| name.clone());
        let refused: Vec<OsString> = refused.collect();
        for name in refused {
            if let Ok(Sight::Gone | Sight::Other(..)) = self.folder.look(Room::Imports, &name) {
                self.see(name, &[], now);
            }
        }
        let unseen: Vec<OsString> = self.unseen.keys().cloned().collect();
        for name in unseen {
            self.see(name, &[], now);
        }
        let refused = self
            .waiting
            .values()
            .filter(|waiting| waiting.attempt == Attempt::Refused)
            .map(|waiting| &waiting.table);
        refused.chain(self.unseen.values()).cloned().collect()
    }

    /// Claims a file. Where that fails and the file may still be there, its table is blocked.
    fn try_to_claim(
        &mut self,
        candidate: ClaimCandidate,
        blocked: &mut BTreeSet<TableName>,
    ) -> Option<Fresh> {
        let ClaimCandidate { name, table, ready } = candidate;
        let claim = if self.is_unchanged(&name, &table, ready.file) {
            self.claim(&name, &ready)
        } else {
            None
        };
        let Some(claim) = claim else {
            let waiting = self.waiting.get(&name);
            if waiting.is_some_and(|waiting| waiting.attempt == Attempt::Refused)
                || self.unseen.contains_key(&name)
            {
                blocked.insert(table);
            }
            return None;
        };
        Some(Fresh {
            claim,
            table,
            format: ready.format,
        })
    }

    /// To look for writers takes some milliseconds, in which one that is done with the content may
    /// still change owner, mode or times by name.
    fn is_unchanged(&mut self, name: &OsStr, table: &TableName, before: Observation) -> bool {
        let seen = match self.folder.look(Room::Imports, name) {
            Ok(Sight::File(seen)) => seen,
            Ok(Sight::Gone | Sight::Other(..)) => return false,
            Err(_) => {
                self.unseen.insert(name.to_owned(), table.clone());
                return false;
            }
        };
        if let Some(waiting) = self.waiting.get_mut(name) {
            waiting.file.observe(seen, Instant::now());
        }
        seen == before
    }

    fn candidates(
        &mut self,
        blocked: &mut BTreeSet<TableName>,
        now: Instant,
    ) -> Vec<ClaimCandidate> {
        let mut candidates = Vec::new();
        for (table, names) in self.in_order_of_arrival() {
            if self.routes.is_behind(&table, blocked) {
                continue;
            }
            let mut room = self.ahead.room_for(&table);
            for name in names {
                if room == 0 {
                    break;
                }
                match self.readiness(&name, now) {
                    Readiness::Ready(ready) => {
                        room -= 1;
                        let table = table.clone();
                        candidates.push(ClaimCandidate { name, table, ready });
                    }
                    Readiness::PassOver => {}
                    Readiness::Wait => break,
                    Readiness::Unseen => {
                        blocked.insert(table.clone());
                        break;
                    }
                }
            }
        }
        candidates
    }

    /// Leaves out the files that a process has open for writing, whatever events told of them. They
    /// are looked at again when one tells of their closing, and at each sweep. Whoever opens one in the
    /// moment between this look and the claim is found by the load, which looks again before it
    /// merges.
    fn without_writers(
        &mut self,
        candidates: Vec<ClaimCandidate>,
        now: Instant,
    ) -> Vec<ClaimCandidate> {
        let files: Vec<_> = candidates
            .iter()
            .flat_map(ClaimCandidate::identities)
            .collect();
        let depth = candidates
            .iter()
            .map(|candidate| candidate.ready.depth)
            .max();
        let writers = Writers::of(&files, depth.unwrap_or(ScanDepth::Descriptors));
        self.notice_blindness(writers.blindness());
        let mut closed = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let writer = candidate
                .identities()
                .find_map(|file| writers.writer(file).cloned());
            match writer {
                None => closed.push(candidate),
                Some(writer) => {
                    let ClaimCandidate { name, table, ready } = candidate;
                    let Some(waiting) = self.waiting.get_mut(&name) else {
                        continue;
                    };
                    waiting.attempt = Attempt::OpenForWriting;
                    if waiting.file.still_for(now) >= self.patience.of(&table).alone {
                        let why = Why::OpenForWriting(writer);
                        self.leave_alone(Room::Imports, name, ready.file.identity, why);
                    }
                }
            }
        }
        closed
    }

    /// Of each table that has room, the names of its files, the oldest first. Age is the inode's
    /// change time, which a rename or the last write sets and no program can. Files of one tick of
    /// the kernel's clock are in the order of their events, and without events in that of names.
    fn in_order_of_arrival(&self) -> Vec<(TableName, Vec<OsString>)> {
        let mut tables = BTreeMap::new();
        let deliveries = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.role != Role::Sidecar);
        for (name, waiting) in deliveries {
            // Asked once a table: the files of a full one are not even gathered, because there
            // may be a hundred thousand of them and this runs whenever a load ends.
            let files = tables
                .entry(&waiting.table)
                .or_insert_with(|| (self.ahead.room_for(&waiting.table) > 0).then(Vec::new));
            if let Some(files) = files {
                files.push((waiting.file.seen().ctime, waiting.turn, name));
            }
        }
        let with_room = tables
            .into_iter()
            .filter_map(|(table, files)| Some((table.clone(), files?)));
        let mut in_order: Vec<_> = with_room
            .map(|(table, mut files)| {
                files.sort_unstable();
                let names = files.into_iter().map(|(_, _, name)| name.clone());
                (table, names.collect())
            })
            .collect();
        in_order.sort_by_key(|(table, _)| self.routes.rank(table));
        in_order
    }

    /// Whether a file may be claimed now.
    fn readiness(&mut self, name: &OsStr, now: Instant) -> Readiness {
        let Some(Waiting {
            role: Role::Delivery(format),
            table,
            ..
        }) = self.waiting.get(name)
        else {
            return Readiness::PassOver;
        };
        let format = *format;
        let wanted = self.routes.beside(table).to_vec();
        let mut beside = Vec::with_capacity(wanted.len());
        for what in wanted {
            let lies_as = self.name_beside(&what, name);
            let seen = match &what {
                Beside::Effective => self.settled(&lies_as, now),
                Beside::Marker(_) => self.present(&lies_as, name),
            };
            match seen {
                Settled::Yes(seen) => beside.push(FoundBeside {
                    what,
                    name: lies_as,
                    seen,
                }),
                Settled::Gone => {
                    self.tell_of_missing(name, what, now);
                    return Readiness::PassOver;
                }
                // Files of such a table come when what is beside them comes, so none waits for
                // another.
                Settled::NotYet | Settled::BeingWritten => return Readiness::PassOver,
                Settled::Unseen => return Readiness::Unseen,
            }
        }
        match self.settled(name, now) {
            Settled::Yes(file) => {
                failpoint!("watch::settled");
                let depth = self.depth(name);
                Readiness::Ready(Ready {
                    file,
                    format,
                    beside,
                    depth,
                })
            }
            Settled::NotYet => Readiness::Wait,
            Settled::BeingWritten | Settled::Gone => Readiness::PassOver,
            Settled::Unseen => Readiness::Unseen,
        }
    }

    /// The name of what lies beside a file, with a suffix in any letter case. Its own one if nothing does.
    fn name_beside(&self, what: &Beside, file: &OsStr) -> OsString {
        let own = what.name(file);
        if self.waiting.contains_key(&own) {
            return own;
        }
        let behind = (Bound::Excluded(file), Bound::Unbounded);
        let mut behind = self
            .waiting
            .range::<OsStr, _>(behind)
            .map(|(name, _)| name)
            .take_while(|name| name.as_bytes().starts_with(file.as_bytes()));
        let found = behind.find(|name| what.file(name) == Some(file));
        found.cloned().unwrap_or(own)
    }

    /// Whether a file is complete: by what was seen of it, and by one more look.
    fn settled(&mut self, name: &OsStr, now: Instant) -> Settled {
        let Some(waiting) = self.waiting.get_mut(name) else {
            return Settled::Gone;
        };
        let patience = self.patience.of(&waiting.table);
        match waiting.file.verdict(now, patience) {
            Verdict::Settled if waiting.attempt == Attempt::OpenForWriting => {
                return Settled::BeingWritten;
            }
            Verdict::Settled => {}
            Verdict::NotBefore(_) => return Settled::NotYet,
            Verdict::BeingWritten(_) => return Settled::BeingWritten,
        }
        match self.folder.look(Room::Imports, name) {
            Ok(Sight::File(seen)) => waiting.file.observe(seen, now),
            Ok(Sight::Gone) => {
                self.waiting.remove(name);
                return Settled::Gone;
            }
            Ok(Sight::Other(identity, why)) => {
                self.waiting.remove(name);
                self.leave_alone(Room::Imports, name.to_owned(), identity, why);
                return Settled::Gone;
            }
            Err(_) => {
                self.unseen.insert(name.to_owned(), waiting.table.clone());
                return Settled::Unseen;
            }
        }
        match waiting.file.verdict(now, patience) {
            Verdict::Settled => Settled::Yes(waiting.file.seen()),
            Verdict::NotBefore(_) => Settled::NotYet,
            Verdict::BeingWritten(_) => Settled::BeingWritten,
        }
    }

    fn depth(&self, name: &OsStr) -> ScanDepth {
        match self.waiting.get(name) {
            Some(waiting) if waiting.file.was_closed() => ScanDepth::Descriptors,
            _ => ScanDepth::DescriptorsAndMappings,
        }
    }

    /// A marker has nothing in it that must be complete. One that no event and no sweep has shown is not
    /// asked for: that would be a call for each waiting file in each round.
    fn present(&mut self, marker: &OsStr, file: &OsStr) -> Settled {
        if !self.waiting.contains_key(marker) {
            return Settled::Gone;
        }
        match self.folder.look(Room::Imports, marker) {
            Ok(Sight::File(seen)) => Settled::Yes(seen),
            Ok(Sight::Gone | Sight::Other(..)) => Settled::Gone,
            Err(_) => {
                if let Some(waiting) = self.waiting.get(file) {
                    self.unseen.insert(marker.to_owned(), waiting.table.clone());
                }
                Settled::Unseen
            }
        }
    }

    /// Once, when the file has waited so long that what belongs beside it was probably forgotten.
    fn tell_of_missing(&mut self, name: &OsStr, what: Beside, now: Instant) {
        let Some(waiting) = self.waiting.get(name) else {
            return;
        };
        let patience = self.patience.of(&waiting.table);
        let is_complete = waiting.file.verdict(now, patience) == Verdict::Settled;
        if is_complete && waiting.file.still_for(now) >= patience.alone {
            let file = waiting.file.seen().identity;
            let why = match what {
                Beside::Effective => Why::NoSidecar,
                Beside::Marker(suffix) => Why::NoMarker(suffix),
            };
            self.leave_alone(Room::Imports, name.to_owned(), file, why);
        }
    }

    fn claim(&mut self, name: &OsStr, ready: &Ready) -> Option<Claim> {
        let Ready { file, beside, .. } = ready;
        match Claim::take_with(&self.folder, name, file, beside) {
            Ok(claim) => {
                failpoint!("watch::claimed");
                self.waiting.remove(name);
                for found in beside {
                    self.waiting.remove(&found.name);
                }
                self.ahead.came_back(file.identity);
                Some(claim)
            }
            Err(NotClaimed::Gone) => {
                self.waiting.remove(name);
                None
            }
            Err(NotClaimed::PutBack(other)) => {
                self.ahead.expect_back(other);
                self.waiting.remove(name);
                None
            }
            Err(NotClaimed::Refused(error)) => {
                if let Some(waiting) = self.waiting.get_mut(name) {
                    waiting.attempt = Attempt::Refused;
                }
                let why = Why::NotClaimable(error.to_string());
                self.leave_alone(Room::Imports, name.to_owned(), file.identity, why);
                None
            }
        }
    }

    /// A claim becomes an arrival only when no power cut can undo it.
    fn make_arrivals(&mut self, claims: Vec<Fresh>) {
        if claims.is_empty() {
            return;
        }
        if let Err(error) = self.folder.sync() {
            // They stay claimed: back in the folder they would be younger than files that came after
            // them. The next sweep syncs again, and makes arrivals of them before anything is claimed.
            return self.report(Health::Bad(not_lasting(&error)));
        }
        failpoint!("watch::synced");
        for Fresh {
            claim,
            table,
            format,
        } in claims
        {
            let slot = self.ahead.take(claim.id, &table);
            let beside = self.routes.beside(&table);
            let to = (table.clone(), format);
            let arrival = Arrival::claimed(&self.folder, claim, to, beside, slot);
            self.news.push(WatchEvent::Arrived(arrival));
        }
    }
}
