//! What happens inside the one transaction of a load, in its order. Loads that share a transaction go
//! through it one after the other, once their rows in the ledger are written and the locks are taken.

use std::time::Instant as Clock;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::sql_query;
use uuid::Uuid;

use super::dimension::{self, Delivered, Manifest, Way};
use super::held::Admitted;
use super::ledger::{self, Bytes, Coming, Entry, Keys, Meaning, Opened, Overtaken, Seen};
use super::manifest::Spoken;
use super::overreach::{self, Reach};
use super::plan::Told;
use super::shared::Shared;
use super::sql::{self, Shape};
use super::{
    Consent, Instant, MergeError, Shortcuts, Terms, columns, defaults, fact, guard, landing, locks,
    manifest, rejects, schema,
};
use crate::contract::{
    Contract, Contracts, Effective, History, Ident, Kind, Mode, Redelivery, Reference,
};
use crate::db::SecondSession;
use crate::db::prelude::*;
use crate::failpoint;
use crate::history::views;
use crate::ledger::words::{Absence, Instants, LoadMode};
use crate::stage::key::KeyScheme;
use crate::stage::reject::RejectKind;
use crate::stage::{Finding, Staged};
use crate::summary::{Changes, Rows, Seconds, Status, Summary};

/// What one load works with.
pub(super) struct Load<'a> {
    pub(super) contracts: &'a Contracts,
    pub(super) contract: &'a Contract,
    pub(super) keys: &'a KeyScheme,
    pub(super) terms: &'a Terms,
    pub(super) shortcuts: Shortcuts<'a>,
    /// What is known in its transaction.
    pub(super) shared: &'a Shared,
    pub(super) merge_began: Clock,
    /// How many keys of each kind are told of one by one.
    pub(super) samples: usize,
}

/// Writes the rows of loads, but for claims that had their load before.
pub(super) fn open(
    conn: &mut PgConnection,
    contract: &Contract,
    coming: &[Coming<'_>],
) -> Result<Vec<Opened>, MergeError> {
    let opened = ledger::open(conn, &contract.name, coming)?;
    failpoint!("merge::ledger");
    Ok(opened)
}

/// What a load did, for the ledger, and for whoever planned it.
pub(super) struct Done {
    pub(super) entry: Entry,
    /// Whether the entry is of the file as it is.
    pub(super) bytes: Bytes,
    pub(super) way: Way,
    pub(super) told: Told,
}

impl Done {
    fn of(entry: Entry) -> Self {
        Self {
            entry,
            bytes: Bytes::Same,
            way: Way::Join,
            told: Told::NONE,
        }
    }
}

impl<'a> Load<'a> {
    /// A load that begins now, without shortcuts, of whose keys none is told one by one.
    pub(super) fn new(
        contracts: &'a Contracts,
        contract: &'a Contract,
        keys: &'a KeyScheme,
        terms: &'a Terms,
        shared: &'a Shared,
    ) -> Self {
        Self {
            contracts,
            contract,
            keys,
            terms,
            shortcuts: Shortcuts::NONE,
            shared,
            merge_began: Clock::now(),
            samples: 0,
        }
    }

    pub(super) fn run(
        &self,
        conn: &mut PgConnection,
        staged: &mut Staged,
    ) -> Result<Done, MergeError> {
        let coming = (&staged.delivery, self.terms.parent());
        let opened = open(conn, self.contract, &[coming])?.pop();
        let opened = opened.ok_or(diesel::NotFound)?;
        if let Opened::New(_) = opened {
            self.make_ready(conn)?;
        }
        self.carry_out(conn, opened, staged)
    }

    /// What holds for the whole transaction: its settings, its locks, and that the table is as the
    /// contract has it.
    pub(super) fn make_ready(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        conn.batch_execute(include_str!("transaction.sql"))?;
        locks::take(conn, self.contract, self.contracts)?;
        failpoint!("merge::locked");
        columns::verify(conn, self.contract, self.contracts)?;
        self.refuse_unknown_rows(conn)?;
        // Asked before a file is skipped: under another contract, known bytes may say other things.
        self.vouch_for_contract(conn)
    }

    /// Does what is left of a load when its row is written and the transaction is ready.
    pub(super) fn carry_out(
        &self,
        conn: &mut PgConnection,
        opened: Opened,
        staged: &mut Staged,
    ) -> Result<Done, MergeError> {
        let load_id = match opened {
            Opened::New(load_id) => load_id,
            Opened::Before(entry, bytes) => {
                return Ok(Done {
                    bytes,
                    ..Done::of(*entry)
                });
            }
        };
        if let Some(reason) = self.seen_before(conn, staged)? {
            return self.skip(conn, load_id, staged, reason).map(Done::of);
        }
        match self.place_of_held(conn, staged)? {
            None => self.bring_in(conn, load_id, staged),
            Some(at) => {
                let terms = Terms {
                    instant: Instant::Delivered(at),
                    ..self.terms.clone()
                };
                let load = Load {
                    terms: &terms,
                    ..*self
                };
                load.bring_in(conn, load_id, staged)
            }
        }
    }

    /// Brings in what the file says, and writes it down.
    fn bring_in(
        &self,
        conn: &mut PgConnection,
        load_id: i64,
        staged: &mut Staged,
    ) -> Result<Done, MergeError> {
        let at = self.instant(conn)?;
        self.add_columns(conn, staged)?;
        failpoint!("merge::widened");
        let second = self.shortcuts.beside.map(SecondSession::begin);
        let applied = self.apply(conn, second.as_ref(), load_id, at, staged)?;
        let meaning = self.write_down(conn, load_id, at, staged, &applied)?;
        failpoint!("merge::described");
        rejects::write(conn, load_id, &mut staged.findings, &applied.findings)?;
        if let Some(parent) = self.terms.parent() {
            ledger::mark_replayed(conn, parent, staged.tally.read)?;
        }
        failpoint!("merge::rejects");
        let entry = self.entry(load_id, staged, &applied);
        ledger::close(conn, load_id, Some(&meaning), &entry)?;
        let (bytes, columns) = (&staged.delivery.sha256, &meaning.columns);
        self.shared
            .loaded(load_id, bytes, columns, &applied.changes);
        Ok(Done {
            way: applied.way,
            told: applied.told,
            ..Done::of(entry)
        })
    }

    /// From when on the rows hold that have no instant of their own.
    pub(super) fn instant(&self, conn: &mut PgConnection) -> QueryResult<DateTime<Utc>> {
        match self.terms.instant {
            Instant::LoadTime => self.shared.load_time(conn, &self.contract.name),
            Instant::OfParent { at, .. } | Instant::Delivered(at) => Ok(at),
        }
    }

    /// A file that was held says what was so when it came. Where it takes its instant from the load,
    /// and others were loaded since, its rows take their place before those. Of a snapshot that
    /// cannot be said: the keys that it does not name may have come since.
    fn place_of_held(
        &self,
        conn: &mut PgConnection,
        staged: &Staged,
    ) -> Result<Option<DateTime<Utc>>, MergeError> {
        if self.terms.consent == Consent::NotAsked || self.terms.instant != Instant::LoadTime {
            return Ok(None);
        }
        let table = &self.contract.name;
        match ledger::overtaken(conn, table, &staged.delivery)? {
            Some(Overtaken { held, newer, .. }) if self.is_snapshot() => {
                Err(MergeError::Overtaken {
                    table: table.clone(),
                    held,
                    newer,
                })
            }
            overtaken => Ok(overtaken.map(|overtaken| overtaken.held_at)),
        }
    }

    fn is_snapshot(&self) -> bool {
        matches!(&self.contract.kind, Kind::Dimension { history, .. }
            if history.mode == Mode::Snapshot)
    }

    /// Adds the columns that the file has, the contract wants, and the table does not have.
    pub(super) fn add_columns(&self, conn: &mut PgConnection, staged: &Staged) -> QueryResult<()> {
        for column in &staged.added {
            sql_query(sql::add_column(self.contract, column)).execute(conn)?;
        }
        if !staged.added.is_empty() {
            let added = staged.added.iter();
            let named = added.map(|it| (it.id.as_str().to_owned(), it.name.name().to_owned()));
            schema::note_added(conn, &self.contract.name, &named.collect::<Vec<_>>())?;
            // A view that cannot follow now follows at the next `hayloft migrate`: that is no
            // reason not to load. What fails is rolled back to where it began.
            let _ = views::keep(conn, self.contract);
        }
        Ok(())
    }

    /// Writes down what the load said of whom, which later loads and an undo build on. Returns what
    /// its rows meant.
    fn write_down(
        &self,
        conn: &mut PgConnection,
        load_id: i64,
        at: DateTime<Utc>,
        staged: &Staged,
        applied: &Applied,
    ) -> Result<Meaning, MergeError> {
        let shape = self.shape(staged);
        let own = shape.own_instants();
        let (spoken, (earliest, latest)) = if own {
            (Spoken::Elsewhere, landing::instants(conn, at)?)
        } else {
            let (refused, printed) = (&applied.findings, &applied.printed);
            (Spoken::OfRows(staged, refused, printed), (at, at))
        };
        if applied.manifest == Manifest::Owed {
            manifest::write(conn, load_id, spoken, &applied.unread)?;
        }
        let (mode, absence) = match &self.contract.kind {
            Kind::Dimension { history, .. } => (
                LoadMode::from(&history.mode),
                dimension::closes_absent(history, staged, self.terms.instant),
            ),
            Kind::Fact { .. } => (LoadMode::Incremental, false),
        };
        let defaults = self.shared.defaults(conn, shape)?;
        let own_words = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
        let added = staged.added.iter().map(|column| column.id.as_str());
        Ok(Meaning {
            mode,
            absence: if absence {
                Absence::Closes
            } else {
                Absence::Ignored
            },
            instants: if own { Instants::Own } else { Instants::Shared },
            earliest,
            latest,
            columns: own_words(shape.ids()),
            digested_as: own_words(shape.forms()),
            defaults: defaults::kept(shape, &defaults)?,
            added: own_words(added.collect()),
            accepted_by: match &self.terms.consent {
                Consent::Given { by } => Some(by.clone()),
                Consent::NotAsked => None,
            },
        })
    }

    pub(super) fn shape<'s>(&'s self, staged: &'s Staged) -> Shape<'s> {
        Shape {
            contract: self.contract,
            filled: &staged.columns,
        }
    }

    fn apply(
        &self,
        conn: &mut PgConnection,
        second: Option<&SecondSession>,
        load_id: i64,
        at: DateTime<Utc>,
        staged: &Staged,
    ) -> Result<Applied, MergeError> {
        match &self.contract.kind {
            Kind::Dimension {
                durable_key,
                history,
            } => {
                let delivered = Delivered {
                    second: second.filter(|_| staged.added.is_empty()),
                    ..self.delivered((durable_key, history), load_id, at, staged)
                };
                self.apply_to_dimension(conn, &delivered)
            }
            Kind::Fact { references, .. } => {
                self.apply_to_facts(conn, references, load_id, at, staged)
            }
        }
    }

    /// What there is to bring into a dimension, by this session alone.
    pub(super) fn delivered<'s>(
        &'s self,
        (durable_key, history): (&'s Ident, &'s History),
        load_id: i64,
        at: DateTime<Utc>,
        staged: &'s Staged,
    ) -> Delivered<'s> {
        Delivered {
            shape: self.shape(staged),
            durable_key,
            history,
            dependants: self.contracts.referring_to(&self.contract.name).collect(),
            at,
            instant: self.terms.instant,
            load_id,
            staged,
            second: None,
            indexes: self.shortcuts.indexes,
            closes_absent: dimension::closes_absent(history, staged, self.terms.instant),
            consent: &self.terms.consent,
            shared: self.shared,
            samples: self.samples,
        }
    }

    fn apply_to_dimension(
        &self,
        conn: &mut PgConnection,
        delivered: &Delivered<'_>,
    ) -> Result<Applied, MergeError> {
        let landed = delivered.land(conn)?;
        failpoint!("merge::landed");
        self.guard(delivered.staged, &landed.findings)?;
        let done = delivered.apply(conn, &landed)?;
        self.guard_changes(conn, delivered.load_id, &done.reach, &done.changes)?;
        let mut findings = landed.findings;
        findings.extend(done.findings);
        let mut unread = Vec::new();
        if delivered.closes_absent {
            unread = dimension::unread(delivered.staged, &findings)?;
            unread.extend(done.withheld);
        }
        Ok(Applied {
            changes: done.changes,
            let_in: done.let_in,
            held: 0,
            findings,
            printed: landed.printed,
            unread,
            manifest: done.manifest,
            way: done.way,
            told: Told::Keys(done.told),
        })
    }

    fn apply_to_facts(
        &self,
        conn: &mut PgConnection,
        references: &[Reference],
        load_id: i64,
        at: DateTime<Utc>,
        staged: &Staged,
    ) -> Result<Applied, MergeError> {
        let shape = self.shape(staged);
        let mut findings = landing::land(conn, shape, staged)?;
        let printed = landing::digest_printed(conn, shape)?;
        landing::analyze(conn)?;
        failpoint!("merge::landed");
        findings.extend(fact::refuse(conn, shape, references, staged)?);
        self.guard(staged, &findings)?;
        let coming = fact::Coming {
            load_id,
            at,
            samples: self.samples,
        };
        // A load by the clock comes after all others; only a replay takes an old place.
        let (done, way) = match self.terms.instant {
            Instant::LoadTime => (fact::apply(conn, shape, references, coming)?, Way::Join),
            _ => (fact::apply_late(conn, shape, coming)?, Way::Refold),
        };
        let reach = Reach {
            changed: done.changes.updated + done.changes.closed,
            ..Reach::default()
        };
        self.guard_changes(conn, load_id, &reach, &done.changes)?;
        Ok(Applied {
            changes: done.changes,
            let_in: Admitted::default(),
            held: done.held,
            findings,
            printed,
            unread: Vec::new(),
            manifest: Manifest::Owed,
            way,
            told: Told::Samples(done.samples),
        })
    }

    /// Rows that only the database could refuse count like the others, unless they come late:
    /// that is no sign of a broken file.
    fn guard(&self, staged: &Staged, findings: &[Finding]) -> Result<(), MergeError> {
        let refused = findings.iter().filter(|finding| {
            !matches!(finding.reject.kind, RejectKind::Late | RejectKind::TooLate)
        });
        let rejected = staged.tally.rejected + refused.count() as u64;
        guard(&self.contract.guards, staged.tally.read, rejected).map_err(|breach| {
            MergeError::Guard {
                breach,
                findings: findings.to_vec(),
            }
        })
    }

    /// What a person put in again, row by row, they have looked at.
    fn guard_changes(
        &self,
        conn: &mut PgConnection,
        load_id: i64,
        reach: &Reach,
        changes: &Changes,
    ) -> Result<(), MergeError> {
        let is_replay = self.terms.parent().is_some();
        if is_replay || self.terms.consent != Consent::NotAsked {
            return Ok(());
        }
        overreach::refuse(conn, self.contract, load_id, reach, changes)
    }

    fn seen_before(
        &self,
        conn: &mut PgConnection,
        staged: &Staged,
    ) -> Result<Option<String>, MergeError> {
        // A header alone brings back no old value, and is the same bytes every day.
        if staged.tally.read == 0 {
            return Ok(None);
        }
        // Where the instant comes with the delivery, the same again changes nothing, or mends
        // something; and so it is with facts, which are keyed by themselves.
        let takes_time_from_load = self.terms.instant == Instant::LoadTime
            && matches!(&self.contract.kind, Kind::Dimension { history, .. }
                if history.effective == Effective::LoadTime);
        if !takes_time_from_load || self.terms.redelivery == Redelivery::Always {
            return Ok(None);
        }
        let (table, bytes) = (&self.contract.name, &staged.delivery.sha256);
        let seen = self.shared.seen(conn, table, bytes)?;
        // Emptied since, or dropped and made anew (`diesel migration redo`): it has none of it.
        let known = seen != Seen::Never && !staged.rows.is_empty();
        if known && ledger::is_empty(conn, self.contract)? {
            return Ok(None);
        }
        Ok(match seen {
            Seen::Never => None,
            Seen::Latest(load) => Some(format!("The same bytes were loaded last, as load {load}.")),
            // Of a snapshot, what was true before is news when something else was true since.
            Seen::Older(_) if self.is_snapshot() => None,
            Seen::Older(load) => Some(format!(
                "The same bytes were loaded before, as load {load}, and other files since. Loading \
                 them again would bring back old values; `hayloft load --again` does."
            )),
        })
    }

    fn skip(
        &self,
        conn: &mut PgConnection,
        load_id: i64,
        staged: &Staged,
        reason: String,
    ) -> Result<Entry, MergeError> {
        let summary = Summary {
            load_id: Some(load_id),
            table: self.contract.name.clone(),
            file: staged.delivery.file.clone(),
            status: Status::Skipped,
            rows: Rows::default(),
            changes: Changes::default(),
            seconds: self.seconds(),
        };
        let entry = Entry {
            summary,
            reason: Some(reason),
            set_aside: None,
            released: 0,
            refused: 0,
        };
        ledger::close(conn, load_id, None, &entry)?;
        Ok(entry)
    }

    /// Before its first load a dimension has no rows, unless somebody else put them there. Later, the
    /// keys whose history is made anew are asked one by one.
    fn refuse_unknown_rows(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        let is_dimension = matches!(self.contract.kind, Kind::Dimension { .. });
        if !is_dimension
            || ledger::has_loads(conn, &self.contract.name)?
            || ledger::is_empty(conn, self.contract)?
        {
            return Ok(());
        }
        Err(MergeError::UnknownRows {
            table: self.contract.name.clone(),
        })
    }

    fn vouch_for_contract(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        let own = std::iter::once(self.contract);
        for contract in own.chain(self.contracts.referred_by(self.contract)) {
            let table = contract.name.clone();
            match ledger::vouch_for_keys(conn, contract, self.keys)? {
                Keys::Same => {}
                Keys::OtherScheme => return Err(MergeError::OtherKeyScheme { table }),
                Keys::OtherColumns => return Err(MergeError::OtherKeyColumns { table }),
            }
        }
        match ledger::contract::vouch(conn, self.contract)? {
            None => Ok(()),
            Some(changed) => Err(MergeError::OtherContract(changed)),
        }
    }

    fn entry(&self, load_id: i64, staged: &Staged, applied: &Applied) -> Entry {
        let late = applied.findings.len() as u64;
        let rows = Rows {
            read: staged.tally.read,
            accepted: staged.rows.len() as u64 - late,
            rejected: staged.tally.rejected + late,
            duplicates: staged.tally.duplicates,
            held: applied.held,
        };
        let summary = Summary {
            load_id: Some(load_id),
            table: self.contract.name.clone(),
            file: staged.delivery.file.clone(),
            status: Status::Loaded,
            rows,
            changes: applied.changes,
            seconds: self.seconds(),
        };
        Entry {
            summary,
            reason: None,
            set_aside: None,
            released: applied.let_in.released,
            refused: applied.let_in.refused,
        }
    }

    fn seconds(&self) -> Seconds {
        let total = self.terms.began.elapsed().as_secs_f64();
        let merge = self.merge_began.elapsed().as_secs_f64();
        Seconds {
            total,
            stage: total - merge,
            merge,
        }
    }
}

/// What a load did, before it is summed up.
struct Applied {
    changes: Changes,
    held: u64,
    let_in: Admitted,
    /// Rows that staging accepted and the database did not.
    findings: Vec<Finding>,
    /// What the server prints of the values that only it can read.
    printed: landing::Printed,
    /// Keys of which a snapshot that closes who is absent says nothing.
    unread: Vec<Uuid>,
    manifest: Manifest,
    way: Way,
    told: Told,
}
