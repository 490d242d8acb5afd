//! Rows that no load brought → a load of their own (semantics §21.2).
//!
//! In: a dimension with rows that were written by hand or by another program, or another table whose
//! rows are versions; or a fact table with such rows ([`facts`]). Out, of a dimension: the same history, of which the ledger knows every statement: each row says
//! that its key is there from its start on, and one that no other follows, that it is not from its end
//! on. The history of these keys is then made anew, so neighbours that say the same become one, and
//! loads can build on it, before it and behind it.

mod bring;
mod facts;
mod source;

use std::time::Instant as Clock;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::history::{self, Event, Natural, Table};
use super::ledger::{self, Entry, Keys};
use super::plan::Told;
use super::sql::{self, VersionSource};
use super::{MergeError, columns, counts, held, locks};
use crate::contract::{Contract, Contracts, Ident, Kind};
use crate::db::prelude::*;
use crate::ledger::words::{Absence, Instants, LoadMode};
use crate::stage::key::KeyScheme;
use crate::summary::{Changes, Rows, Seconds, Status, Summary};

pub use self::bring::SourceNotes;
pub use self::source::SourceWish;

/// What one takeover works with.
#[derive(Clone, Copy, Debug)]
pub struct Takeover<'a> {
    /// All contracts: facts may wait for the members.
    pub contracts: &'a Contracts,
    /// The table.
    pub contract: &'a Contract,
    /// How keys are made.
    pub keys: &'a KeyScheme,
    /// Another table, if the rows come from one.
    pub source: Option<&'a VersionSource>,
    /// From which instant on an end means that there is none.
    pub open_end: Option<DateTime<Utc>>,
    /// How many keys of each kind are told of one by one.
    pub samples: usize,
    /// What the ledger knows this takeover by, however often it is attempted.
    pub claim: Uuid,
}

/// What a takeover did.
pub(super) struct TakenOver {
    pub(super) entry: Entry,
    pub(super) told: Told,
    /// Of rows of another table.
    pub(super) notes: Option<SourceNotes>,
}

impl Takeover<'_> {
    /// Does what has to be done, inside of a transaction.
    pub(super) fn run(&self, conn: &mut PgConnection) -> Result<TakenOver, MergeError> {
        let began = Clock::now();
        let Some(load_id) = self.open(conn)? else {
            let entry = ledger::find(conn, self.claim)?.ok_or(diesel::NotFound)?;
            return Ok(TakenOver {
                entry,
                told: Told::NONE,
                notes: None,
            });
        };
        conn.batch_execute(include_str!("transaction.sql"))?;
        locks::take(conn, self.contract, self.contracts)?;
        columns::verify(conn, self.contract, self.contracts)?;
        self.verify_contract(conn)?;
        match &self.contract.kind {
            Kind::Dimension { durable_key, .. } => {
                self.take_versions(conn, durable_key, load_id, began)
            }
            Kind::Fact { references, .. } => self.take_facts(conn, references, load_id, began),
        }
    }

    fn take_versions(
        &self,
        conn: &mut PgConnection,
        durable_key: &Ident,
        load_id: i64,
        began: Clock,
    ) -> Result<TakenOver, MergeError> {
        let notes = match self.source {
            Some(source) => Some(self.bring_in(conn, durable_key, source, load_id)?),
            None => None,
        };
        self.open_far_ends(conn)?;
        self.count_unknown(conn)?;
        self.verify_rows(conn, durable_key)?;
        let observed = self.observe(conn, durable_key, load_id)?;
        let refolded = self.refold(conn, durable_key, load_id)?;
        let released = self.release(conn, durable_key)?;
        let entry = self.entry(load_id, observed, refolded.changes, released, began);
        self.close(conn, load_id, &entry)?;
        let columns: Vec<usize> = (0..self.contract.columns.len()).collect();
        history::seal(conn, self.contract, durable_key, load_id, &columns)?;
        Ok(TakenOver {
            entry,
            told: Told::Keys(refolded.told),
            notes,
        })
    }

    /// How many rows there are that no load brought.
    fn count_unknown(&self, conn: &mut PgConnection) -> Result<u64, MergeError> {
        match self.count(conn, &sql::count_unknown(self.contract))? {
            0 => Err(self.refusal("Every row of it is of a load that the ledger has.")),
            unknown => Ok(unknown),
        }
    }

    /// `None` if this takeover was done before, and nobody heard of it.
    fn open(&self, conn: &mut PgConnection) -> QueryResult<Option<i64>> {
        #[derive(QueryableByName)]
        struct New {
            #[diesel(sql_type = BigInt)]
            load_id: i64,
        }
        let new: Option<New> = sql_query(include_str!("takeover/open.sql"))
            .bind::<diesel::sql_types::Uuid, _>(self.claim)
            .bind::<Text, _>(self.contract.name.as_str())
            .bind::<Text, _>(self.file_name())
            .get_result(conn)
            .optional()?;
        Ok(new.map(|new| new.load_id))
    }

    fn file_name(&self) -> String {
        let from = self.source.map_or(&self.contract.table, |it| &it.table);
        format!("takeover of {}.{}", from.schema.name(), from.table.name())
    }

    fn verify_contract(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        let table = self.contract.name.clone();
        match ledger::vouch_for_keys(conn, self.contract, self.keys)? {
            Keys::Same => {}
            Keys::OtherScheme => return Err(MergeError::OtherKeyScheme { table }),
            Keys::OtherColumns => return Err(MergeError::OtherKeyColumns { table }),
        }
        match ledger::contract::vouch(conn, self.contract)? {
            None => Ok(()),
            Some(changed) => Err(MergeError::OtherContract(changed)),
        }
    }

    fn open_far_ends(&self, conn: &mut PgConnection) -> QueryResult<()> {
        let Some(instant) = self.open_end else {
            return Ok(());
        };
        sql_query(sql::open_far_ends(self.contract))
            .bind::<Text, _>(self.contract.name.as_str())
            .bind::<Timestamptz, _>(instant)
            .execute(conn)
            .map(drop)
    }

    // ---- whether the rows can be taken over ----------------------------------------------------

    fn verify_rows(&self, conn: &mut PgConnection, durable_key: &Ident) -> Result<(), MergeError> {
        let overlapping = counts::count(conn, &sql::count_overlapping(self.contract, durable_key))?;
        if overlapping > 0 {
            let how = match self.source {
                None => format!("`hayloft check {}` names some.", self.contract.name),
                Some(source) => format!(
                    "This query finds them: {}",
                    sql::find_overlapping(self.contract, source, self.open_end)
                ),
            };
            return Err(self.refusal(&format!(
                "{overlapping} key(s) have versions that overlap, or that end before they start. Mend \
                 these rows first. {how}"
            )));
        }
        let others = self.count_other_keys(conn, durable_key)?;
        if others > 0 {
            return Err(self.refusal(&format!(
                "{others} row(s) have another {} than Hayloft makes of their natural key. Rename the \
                 table, make an empty one, and take the rows over from the old one with --from.",
                durable_key.name()
            )));
        }
        Ok(())
    }

    /// How many of the rows have a durable key that is not made of their natural key.
    fn count_other_keys(&self, conn: &mut PgConnection, durable_key: &Ident) -> QueryResult<u64> {
        #[derive(QueryableByName)]
        struct KeyRow {
            #[diesel(sql_type = diesel::sql_types::Uuid)]
            key: Uuid,
            #[diesel(sql_type = Array<Nullable<Text>>)]
            cells: Vec<Option<String>>,
        }
        let natural = Natural::of(self.contract, self.keys);
        let rows = sql_query(sql::read_unknown_keys(self.contract, durable_key))
            .bind::<Text, _>(self.contract.name.as_str())
            .load_iter::<KeyRow, PgRowByRowLoadingMode>(conn)?;
        let mut others = 0;
        for row in rows {
            let row = row?;
            let made = natural.as_ref().and_then(|it| it.key(&row.cells));
            others += u64::from(made != Some(row.key));
        }
        Ok(others)
    }

    // ---- what they say -------------------------------------------------------------------------

    /// Writes down what the rows say; returns how many statements these are.
    fn observe(
        &self,
        conn: &mut PgConnection,
        durable_key: &Ident,
        load_id: i64,
    ) -> Result<u64, MergeError> {
        let name = self.contract.name.as_str();
        sql_query(sql::CREATE_TOUCHED).execute(conn)?;
        sql_query(sql::touch_unknown(self.contract, durable_key))
            .bind::<Text, _>(name)
            .execute(conn)?;
        let observed = sql_query(sql::observe_unknown(self.contract, durable_key))
            .bind::<Text, _>(name)
            .bind::<BigInt, _>(load_id)
            .execute(conn)?;
        conn.batch_execute("analyze pg_temp.hayloft_touched; analyze hayloft.observation")?;
        // From here on it counts, so that the history is made of it.
        let ids: Vec<&str> = self
            .contract
            .columns
            .iter()
            .map(|it| it.id.as_str())
            .collect();
        sql_query(include_str!("takeover/mean.sql"))
            .bind::<BigInt, _>(load_id)
            .bind::<Array<Text>, _>(ids)
            .execute(conn)?;
        Ok(observed as u64)
    }

    fn refold(
        &self,
        conn: &mut PgConnection,
        durable_key: &Ident,
        load_id: i64,
    ) -> Result<history::Refolded, MergeError> {
        let table = Table::new(self.contract, durable_key);
        history::refold(conn, &table, Event::TakesOver, load_id, None, self.samples)
    }

    /// Lets in the facts that waited for these members.
    fn release(&self, conn: &mut PgConnection, durable_key: &Ident) -> Result<u64, MergeError> {
        if !held::is_awaited(conn, self.contract)? {
            return Ok(0);
        }
        let dependants: Vec<&Contract> = self.contracts.referring_to(&self.contract.name).collect();
        let spoken = [sql::Spoken::Touched];
        held::release(
            conn,
            self.contract,
            durable_key,
            &dependants,
            &spoken,
            &[],
            (Utc::now(), held::LettingIn::Together),
        )
        .map(|let_in| let_in.released)
    }

    // ---- the ledger ----------------------------------------------------------------------------

    fn entry(
        &self,
        load_id: i64,
        observed: u64,
        changes: Changes,
        released: u64,
        began: Clock,
    ) -> Entry {
        let seconds = began.elapsed().as_secs_f64();
        let summary = Summary {
            load_id: Some(load_id),
            table: self.contract.name.clone(),
            file: self.file_name(),
            status: Status::Loaded,
            rows: Rows {
                read: observed,
                accepted: observed,
                ..Rows::default()
            },
            changes,
            seconds: Seconds {
                total: seconds,
                stage: 0.0,
                merge: seconds,
            },
        };
        Entry {
            summary,
            reason: None,
            set_aside: None,
            released,
            refused: 0,
        }
    }

    fn close(&self, conn: &mut PgConnection, load_id: i64, entry: &Entry) -> QueryResult<()> {
        #[derive(QueryableByName)]
        struct Span {
            #[diesel(sql_type = Timestamptz)]
            earliest: DateTime<Utc>,
            #[diesel(sql_type = Timestamptz)]
            latest: DateTime<Utc>,
        }
        let span: Span = sql_query(include_str!("takeover/span.sql"))
            .bind::<BigInt, _>(load_id)
            .get_result(conn)?;
        let ids = self
            .contract
            .columns
            .iter()
            .map(|it| it.id.as_str().to_owned());
        let meaning = ledger::Meaning {
            mode: LoadMode::Incremental,
            absence: Absence::Ignored,
            instants: Instants::Own,
            earliest: span.earliest,
            latest: span.latest,
            columns: ids.collect(),
            // What these rows said is what the table shows, and nobody can say it better.
            digested_as: Vec::new(),
            defaults: None,
            added: Vec::new(),
            accepted_by: None,
        };
        ledger::close(conn, load_id, Some(&meaning), entry)
    }

    fn refusal(&self, why: &str) -> MergeError {
        MergeError::NotTakenOver(format!(
            "`{}` was not taken over. {why}",
            self.contract.name
        ))
    }

    fn count(&self, conn: &mut PgConnection, statement: &str) -> QueryResult<u64> {
        sql_query(statement)
            .bind::<Text, _>(self.contract.name.as_str())
            .get_result(conn)
            .map(|count: counts::Count| count.get())
    }
}
