//! Landed rows → versions of a slowly changing dimension.
//!
//! Rows that all hold from one instant, later than all that is known, are compared with the
//! current versions ([`compare`]): a key that the table does not know gets its first version; one
//! whose values differ has its version closed and a new one opened, both at that instant; one whose
//! values are the same is not touched. By a snapshot, a key without a row is closed ([`absent`]).
//! All else, and the few keys for which the current version does not tell enough, goes the general
//! way, through [`super::history`]. Comparison is by value, and NULL is a value.
//!
//! Which [`Way`] the rows go decides about nothing but the time that it takes: an empty table
//! takes them as they are ([`fill`]), and of a large file only what differs is sent ([`sift`]). What is
//! sent goes with the statement that brings it in ([`send`]), or, where there are two sessions and more
//! than some hundred rows, is looked up by one and brought in by the other ([`ahead`]); unless
//! something must be asked about the rows before: then they land in a table of their own.

mod absent;
mod ahead;
mod beside;
mod compare;
mod fill;
mod send;
mod sift;
mod way;

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Double, Timestamptz};
use uuid::Uuid;

use self::sift::Sifted;
pub(super) use self::way::Way;
use super::guard::Consent;
use super::held::{self, Admitted};
use super::history::{self, Arrival, Event, Table};
use super::landing::{self, Line, Printed, taken_out};
use super::overreach::Reach;
use super::shared::Shared;
use super::sql::{self, Shape, Spoken};
use super::{Indexes, Instant, MergeError, manifest};
use crate::contract::{Contract, Deletes, History, Ident, Mode};
use crate::db::SecondSession;
use crate::db::prelude::*;
use crate::failpoint;
use crate::stage::reject::{Place, Reject, RejectKind};
use crate::stage::{Finding, Staged};
use crate::summary::Changes;

/// The rows of one file, and what they are for.
pub(super) struct Delivered<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) durable_key: &'a Ident,
    pub(super) history: &'a History,
    /// The fact tables whose rows may wait for these.
    pub(super) dependants: Vec<&'a Contract>,
    /// The instant of rows that have none of their own.
    pub(super) at: DateTime<Utc>,
    /// Where it is from.
    pub(super) instant: Instant,
    pub(super) load_id: i64,
    pub(super) staged: &'a Staged,
    /// A session that can read the table meanwhile, as long as this load has not altered it.
    pub(super) second: Option<&'a SecondSession>,
    /// What may be done with the table's indexes if it is empty.
    pub(super) indexes: Indexes,
    /// Whether keys that the file does not name are absent.
    pub(super) closes_absent: bool,
    pub(super) consent: &'a Consent,
    pub(super) shared: &'a Shared,
    /// How many keys of each kind are told of one by one.
    pub(super) samples: usize,
}

/// What a load did to a dimension, and to the facts that waited for it.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) changes: Changes,
    pub(super) let_in: Admitted,
    /// Rows that came too late to be used.
    pub(super) findings: Vec<Finding>,
    /// Keys whose absence came too late to count.
    pub(super) withheld: Vec<Uuid>,
    pub(super) way: Way,
    pub(super) manifest: Manifest,
    spoken: Vec<Spoken>,
    /// The keys that [`send`] brought in and the table did not have, if facts can wait for them.
    sent: Vec<Uuid>,
    /// What was done to some of the keys.
    pub(super) told: Vec<(Uuid, String)>,
    /// What was done to the keys that were there before.
    pub(super) reach: Reach,
}

impl Applied {
    /// Nothing yet.
    fn by(way: Way) -> Self {
        Self {
            changes: Changes::default(),
            let_in: Admitted::default(),
            findings: Vec::new(),
            withheld: Vec::new(),
            way,
            manifest: Manifest::Owed,
            spoken: Vec::new(),
            sent: Vec::new(),
            told: Vec::new(),
            reach: Reach::default(),
        }
    }
}

/// Whether it is written down of whom the load spoke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manifest {
    /// It is.
    Written,
    /// Not yet.
    Owed,
}

/// The rows, where the way that they go needs them.
pub(super) struct Landed {
    way: Way,
    /// Rows that the server cannot read, or whose instants no load takes.
    pub(super) findings: Vec<Finding>,
    /// What the server prints of the values that only it can read.
    pub(super) printed: Printed,
    /// The keys of rejected rows, where they matter: a snapshot does not call them absent.
    unread: Vec<Uuid>,
    rows: Whereabouts,
    /// Of rows that go that way and have landed.
    sifted: Option<Sifted>,
}

/// Where the rows are, when they are about to be compared.
enum Whereabouts {
    /// In this process.
    Here,
    /// In the landing table.
    Landed {
        /// How many.
        rows: u64,
        /// The statement that leaves some of them to the refold.
        doubtful: Option<String>,
    },
}

/// Whether keys that the file does not name are absent (semantics §5, §10.5). A row whose key
/// cannot be read could be anybody's, so then none is; and mended rows of a snapshot are some of
/// its rows, not all.
pub(super) fn closes_absent(history: &History, staged: &Staged, instant: Instant) -> bool {
    history.mode == Mode::Snapshot
        && history.deletes == Deletes::Close
        && staged.unread.without_key == 0
        && !matches!(instant, Instant::OfParent { .. })
}

/// The keys of rejected rows, those that only the database refused included.
pub(super) fn unread(staged: &Staged, refused: &[Finding]) -> Result<Vec<Uuid>, MergeError> {
    let mut unread = staged.unread.keys.clone();
    if refused.is_empty() {
        return Ok(unread);
    }
    let refused = manifest::lines_of(refused);
    let mut rows = staged.rows.in_order();
    while let Some(row) = rows.next_row().map_err(MergeError::Unreadable)? {
        if refused.contains(&row.place.line) {
            unread.push(row.key);
        }
    }
    Ok(unread)
}

impl Delivered<'_> {
    /// Chooses the way, and brings the rows to where it begins.
    pub(super) fn land(&self, conn: &mut PgConnection) -> Result<Landed, MergeError> {
        let way = self.choose(conn)?;
        let mut landed = Landed {
            way,
            findings: Vec::new(),
            printed: Printed::default(),
            unread: Vec::new(),
            rows: Whereabouts::Here,
            sifted: None,
        };
        if way != Way::LookUp {
            self.shared.work_in_sets(conn)?;
        }
        let doubtful = match way {
            Way::Fill | Way::Refold => None,
            Way::Sift | Way::LookUp | Way::Join => self.doubtful(conn)?,
        };
        match (way, doubtful) {
            (Way::Fill, _) | (Way::Sift | Way::LookUp, None) => {}
            (_, doubtful) => {
                self.shared.work_in_sets(conn)?;
                if way == Way::Sift {
                    landed.sifted = Some(self.sift(conn)?);
                }
                let rows = self.land_rows(conn, &mut landed)?;
                landed.rows = Whereabouts::Landed { rows, doubtful };
            }
        }
        if self.closes_absent {
            landed.unread = unread(self.staged, &landed.findings)?;
        }
        Ok(landed)
    }

    /// Copies the rows into the landing table; returns how many stay there.
    fn land_rows(&self, conn: &mut PgConnection, landed: &mut Landed) -> Result<u64, MergeError> {
        if let Some(sifted) = &landed.sifted {
            if sifted.left > 0 {
                let is_left = |row: usize| sifted.is_left(row);
                landing::land_some(conn, self.shape, self.staged, is_left)?;
            }
            return Ok(sifted.left);
        }
        landed.findings = landing::land(conn, self.shape, self.staged)?;
        landed.findings.extend(self.refuse_instants(conn)?);
        landed.printed = landing::digest_printed(conn, self.shape)?;
        Ok((self.staged.rows.len() - landed.findings.len()) as u64)
    }

    /// Takes out the rows whose instants no load takes.
    fn refuse_instants(&self, conn: &mut PgConnection) -> Result<Vec<Finding>, MergeError> {
        if !self.shape.own_instants() {
            return Ok(Vec::new());
        }
        let ahead = self.history.max_future;
        let mut findings = self.take_out(
            conn,
            sql::REMOVE_FUTURE,
            ahead,
            RejectKind::FutureInstant,
            "The row holds from a time in the future. Is the year mistyped? The contract's \
             max_future says how far ahead an instant may lie.",
        )?;
        if let Some(horizon) = self.history.horizon {
            findings.extend(self.take_out(
                conn,
                sql::REMOVE_TOO_LATE,
                horizon,
                RejectKind::TooLate,
                "The row holds from a time before the contract's horizon.",
            )?);
        }
        Ok(findings)
    }

    fn take_out(
        &self,
        conn: &mut PgConnection,
        statement: &str,
        limit: chrono::TimeDelta,
        kind: RejectKind,
        message: &str,
    ) -> Result<Vec<Finding>, MergeError> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a limit of days, in milliseconds"
        )]
        let seconds = limit.num_milliseconds() as f64 / 1000.0;
        let lines = sql_query(statement)
            .bind::<Double, _>(seconds)
            .load::<Line>(conn)?;
        taken_out(self.staged, &lines, |place| {
            Reject::of_row(place, kind, message)
        })
    }

    /// Brings the rows into the dimension.
    pub(super) fn apply(
        &self,
        conn: &mut PgConnection,
        landed: &Landed,
    ) -> Result<Applied, MergeError> {
        let mut applied = match landed.way {
            Way::Fill => self.fill(conn)?,
            Way::Sift | Way::LookUp | Way::Join => self.compare(conn, landed)?,
            Way::Refold => self.refold(conn, landed)?,
        };
        failpoint!("merge::opened");
        applied.let_in = self.release(conn, &applied)?;
        failpoint!("merge::released");
        Ok(applied)
    }

    /// Lands all rows, for whoever looks for those that the table refuses; returns the way that they
    /// go in groups.
    pub(super) fn land_to_search(&self, conn: &mut PgConnection) -> Result<Way, MergeError> {
        let way = match self.choose(conn)? {
            Way::Refold => Way::Refold,
            Way::Fill | Way::Sift | Way::LookUp | Way::Join => Way::Join,
        };
        landing::land(conn, self.shape, self.staged)?;
        self.refuse_instants(conn)?;
        Ok(way)
    }

    /// The same with the rows that would be used instead of others.
    pub(super) fn land_alternatives(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        landing::land_alternatives(conn, self.shape, self.staged)?;
        self.refuse_instants(conn)?;
        Ok(())
    }

    /// Brings in the rows that are in the landing table, some of the file, and nothing else that the
    /// file means.
    pub(super) fn bring_in_group(
        &self,
        conn: &mut PgConnection,
        way: Way,
        rows: u64,
    ) -> Result<(), MergeError> {
        let doubtful = match way {
            Way::Refold => None,
            _ => self.doubtful(conn)?,
        };
        let landed = Landed {
            way,
            findings: Vec::new(),
            printed: Printed::default(),
            unread: Vec::new(),
            rows: Whereabouts::Landed { rows, doubtful },
            sifted: None,
        };
        match way {
            Way::Refold => self.refold(conn, &landed)?,
            _ => self.compare(conn, &landed)?,
        };
        Ok(())
    }

    /// Lets in the facts that waited for these members.
    fn release(&self, conn: &mut PgConnection, applied: &Applied) -> Result<Admitted, MergeError> {
        let (contract, spoken) = (self.shape.contract, &applied.spoken);
        if spoken.is_empty() || !self.shared.is_awaited(conn, contract)? {
            return Ok(Admitted::default());
        }
        self.shared.work_in_sets(conn)?;
        let (key, sent) = (self.durable_key, &applied.sent);
        let how = (self.at, self.shared.letting_in);
        held::release(conn, contract, key, &self.dependants, spoken, sent, how)
    }

    fn table(&self) -> Table<'_> {
        Table::new(self.shape.contract, self.durable_key)
    }

    /// Writes down of whom the file speaks, where no row of it was refused since it was staged.
    fn write_manifest(
        &self,
        conn: &mut PgConnection,
        applied: &mut Applied,
    ) -> Result<(), MergeError> {
        let unread = if self.closes_absent {
            unread(self.staged, &[])?
        } else {
            Vec::new()
        };
        // Where rows go this way the server reads no value by itself.
        let printed = Printed::default();
        let spoken = manifest::Spoken::OfRows(self.staged, &[], &printed);
        manifest::write(conn, self.load_id, spoken, &unread)?;
        applied.manifest = Manifest::Written;
        Ok(())
    }

    /// The general way, for every key of the file.
    fn refold(&self, conn: &mut PgConnection, landed: &Landed) -> Result<Applied, MergeError> {
        self.guard_absent(conn, landed, None)?;
        landing::analyze(conn)?;
        sql_query(sql::CREATE_TOUCHED).execute(conn)?;
        sql_query(sql::TOUCH_LANDED).execute(conn)?;
        if self.closes_absent {
            sql_query(sql::touch_present(self.shape.contract, self.durable_key))
                .bind::<Timestamptz, _>(self.at)
                .execute(conn)?;
        }
        self.refold_touched(conn, self.closes_absent, &landed.unread)
    }

    fn refold_touched(
        &self,
        conn: &mut PgConnection,
        closes_absent: bool,
        unread: &[Uuid],
    ) -> Result<Applied, MergeError> {
        sql_query("analyze pg_temp.hayloft_touched").execute(conn)?;
        let arrival = Arrival {
            shape: self.shape,
            defaults: self.shared.defaults(conn, self.shape)?,
            at: self.at.timestamp_micros(),
            closes_absent,
            unread,
            history: self.history,
        };
        let event = Event::Comes;
        let refolded = history::refold(
            conn,
            &self.table(),
            event,
            self.load_id,
            Some(&arrival),
            self.samples,
        )?;
        let contract = self.shape.contract;
        history::keep_members_of_facts(conn, contract, self.durable_key, &self.dependants)?;
        let mut findings = Vec::new();
        for refused in [refolded.late, refolded.stale] {
            let lines = sql_query(include_str!("remove_lines.sql"))
                .bind::<Array<BigInt>, _>(&refused.lines)
                .load::<Line>(conn)?;
            findings.extend(taken_out(self.staged, &lines, |place: Place| {
                Reject::of_row(place, refused.kind, refused.message)
            })?);
        }
        if self.shape.own_instants() {
            sql_query(sql::OBSERVE)
                .bind::<BigInt, _>(self.load_id)
                .bind::<Timestamptz, _>(self.at)
                .bind::<Bool, _>(self.history.deletes == Deletes::Close)
                .execute(conn)?;
            failpoint!("merge::observed");
        }
        Ok(Applied {
            changes: refolded.changes,
            findings,
            withheld: refolded.withheld,
            spoken: vec![Spoken::Touched],
            told: refolded.told,
            reach: refolded.reach,
            ..Applied::by(Way::Refold)
        })
    }
}

fn limit(samples: usize) -> i64 {
    i64::try_from(samples).unwrap_or(i64::MAX)
}
