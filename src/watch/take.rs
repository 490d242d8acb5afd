//! Claiming what is settled, in the order of arrival.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Instant;

use super::claim::{Claim, NotClaimed, sidecar_of};
use super::folder::{Room, Sight};
use super::name::Format;
use super::settle::{Observation, Verdict};
use super::watcher::{Attempt, Role, Waiting, Watcher};
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
}

/// What one more look at a file says.
enum Settled {
    /// It is complete.
    Yes(Observation),
    /// It will be before long.
    NotYet,
    /// A writer is at work, or it could not be claimed since the last sweep.
    BeingWritten,
    /// It is not there, or not to be had.
    Gone,
}

/// What is to be claimed.
struct Ready {
    file: Observation,
    format: Format,
    /// What is to be claimed with it.
    sidecar: Option<Observation>,
}

/// A claim that is not durable yet.
struct Fresh {
    claim: Claim,
    settled: Observation,
    table: TableName,
    format: Format,
}

impl Watcher {
    /// Claims, of each table, as many settled files as there is room for.
    pub(super) fn claim_settled(&mut self, now: Instant) {
        let mut claims = Vec::new();
        for (table, names) in self.in_order_of_arrival() {
            let mut room = self.ahead.room_for(&table);
            for name in names {
                if room == 0 {
                    break;
                }
                match self.readiness(&name, now) {
                    Readiness::Ready(ready) => {
                        if let Some(claim) = self.claim(&name, &ready) {
                            room -= 1;
                            claims.push(Fresh {
                                claim,
                                settled: ready.file,
                                table: table.clone(),
                                format: ready.format,
                            });
                        }
                    }
                    Readiness::PassOver => {}
                    Readiness::Wait => break,
                }
            }
        }
        self.make_arrivals(claims);
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
        let (format, with_sidecar) = (*format, self.routes.takes_sidecar(table));
        let sidecar = match with_sidecar.then(|| self.settled(&sidecar_of(name), now)) {
            None => None,
            Some(Settled::Yes(seen)) => Some(seen),
            Some(Settled::Gone) => {
                self.tell_of_missing_sidecar(name, now);
                return Readiness::PassOver;
            }
            // Files of such a table hold from instants of their own, so none waits for another.
            Some(Settled::NotYet | Settled::BeingWritten) => return Readiness::PassOver,
        };
        match self.settled(name, now) {
            Settled::Yes(file) => {
                failpoint!("watch::settled");
                Readiness::Ready(Ready {
                    file,
                    format,
                    sidecar,
                })
            }
            Settled::NotYet => Readiness::Wait,
            Settled::BeingWritten | Settled::Gone => Readiness::PassOver,
        }
    }

    /// Whether a file is complete: by what was seen of it, and by one more look.
    fn settled(&mut self, name: &OsStr, now: Instant) -> Settled {
        let Some(waiting) = self.waiting.get_mut(name) else {
            return Settled::Gone;
        };
        match waiting.file.verdict(now, &self.patience) {
            Verdict::Settled if waiting.attempt == Attempt::Refused => {
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
            Err(_) => return Settled::Gone,
        }
        match waiting.file.verdict(now, &self.patience) {
            Verdict::Settled => Settled::Yes(waiting.file.seen()),
            Verdict::NotBefore(_) => Settled::NotYet,
            Verdict::BeingWritten(_) => Settled::BeingWritten,
        }
    }

    /// Once, when the file has waited so long that its sidecar was probably forgotten.
    fn tell_of_missing_sidecar(&mut self, name: &OsStr, now: Instant) {
        let Some(waiting) = self.waiting.get(name) else {
            return;
        };
        let is_complete = waiting.file.verdict(now, &self.patience) == Verdict::Settled;
        if is_complete && waiting.file.still_for(now) >= self.patience.alone {
            let file = waiting.file.seen().identity;
            self.leave_alone(Room::Imports, name.to_owned(), file, Why::NoSidecar);
        }
    }

    fn claim(&mut self, name: &OsStr, ready: &Ready) -> Option<Claim> {
        let Ready { file, sidecar, .. } = ready;
        let taken = match sidecar {
            Some(sidecar) => Claim::take_with_sidecar(&self.folder, name, file, sidecar),
            None => Claim::take(&self.folder, name, file),
        };
        match taken {
            Ok(claim) => {
                failpoint!("watch::claimed");
                self.waiting.remove(name);
                self.waiting.remove(&sidecar_of(name));
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
            return self.give_up(claims, &error.to_string());
        }
        failpoint!("watch::synced");
        for Fresh {
            claim,
            table,
            format,
            ..
        } in claims
        {
            let slot = self.ahead.take(claim.id, &table);
            let arrival = Arrival::claimed(&self.folder, claim, (table, format), slot);
            self.news.push(WatchEvent::Arrived(arrival));
        }
    }

    /// What cannot be put back stays in `.claimed/`, and the next sweep tries to sync it again.
    fn give_up(&mut self, claims: Vec<Fresh>, error: &str) {
        for Fresh { claim, settled, .. } in claims {
            if claim.put_back(&self.folder).is_ok() {
                self.ahead.expect_back(settled.identity);
            }
            let why = Why::NotClaimable(error.to_owned());
            self.leave_alone(Room::Imports, claim.name, settled.identity, why);
        }
    }
}
