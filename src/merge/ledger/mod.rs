//! The ledger's side of a load: that it happens once, and what it did.
//!
//! Exactly once rests on one unique index. The row of a claim is inserted by the first statement
//! of the load's transaction. A second loader of the same claim waits on the index until the first
//! has committed or rolled back; after a commit it gets no row, and finds what was done instead.
//! A crash between the commit and the removal of the file is healed by the same question: the
//! file is claimed under the same id, the ledger knows it, and only the removal is left to do.

pub mod contract;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Double, Integer, Nullable, Text, Timestamptz,
};
use uuid::Uuid;

use super::MergeError;
use super::brought::LoadNumber;
use super::counts::{self, signed, unsigned};
use crate::contract::{Contract, TableName};
use crate::db::prelude::*;
use crate::db::{Prepare, YesOrNo};
use crate::ledger::words::{Absence, Instants, LoadMode, SetAside, Word};
use crate::stage::Delivery;
use crate::stage::key::KeyScheme;
use crate::summary::{Changes, Rows, Seconds, Status, Summary};

/// What the ledger answers to the first statement of a load.
#[derive(Debug)]
pub(super) enum Opened {
    /// This claim is new; the load has this number.
    New(i64),
    /// This claim had its load before.
    Before(Box<Entry>, Bytes),
}

/// Whether a file has the bytes that the ledger knows of its claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bytes {
    /// They are the same.
    Same,
    /// It was written to since.
    Other,
}

/// What the ledger knows of a finished load.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The counts.
    pub summary: Summary,
    /// Why it was skipped, or failed.
    pub reason: Option<String>,
    /// Where its file is set aside, if it failed.
    pub set_aside: Option<SetAside>,
    /// Facts of earlier loads that it let in.
    pub released: u64,
    /// Those that it would have let in, had no rule of their table refused them. Each is held with its reason,
    /// so the ledger has no number of them.
    pub refused: u64,
}

/// Whether the bytes of a delivery were loaded before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// No.
    Never,
    /// By the latest load of the table.
    Latest(i64),
    /// By an older one: loading them again would bring back old values.
    Older(i64),
}

/// How the bytes of a file are known.
pub(super) type Sha256 = [u8; 32];

/// The last load of some bytes, for those that were loaded.
#[derive(Default, Debug)]
pub(super) struct Deliveries {
    pub(super) loads: HashMap<Sha256, i64>,
    /// The latest load of the table, if it is among them.
    pub(super) latest: Option<i64>,
}

impl Deliveries {
    /// Whether these were loaded.
    pub(super) fn seen(&self, bytes: &Sha256) -> Seen {
        match self.loads.get(bytes) {
            None => Seen::Never,
            Some(load) if self.latest == Some(*load) => Seen::Latest(*load),
            Some(load) => Seen::Older(*load),
        }
    }
}

/// A delivery that is about to be loaded, and the load whose mended rows it has.
pub(super) type Coming<'a> = (&'a Delivery, Option<i64>);

/// Writes the rows of loads, as the first statement of their transaction, and tells of each in
/// their order.
pub(super) fn open(
    conn: &mut PgConnection,
    table: &TableName,
    coming: &[Coming<'_>],
) -> Result<Vec<Opened>, MergeError> {
    #[derive(QueryableByName)]
    struct New {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        claim_id: Uuid,
        #[diesel(sql_type = BigInt)]
        load_id: i64,
    }
    fn all<'c, T>(coming: &[Coming<'c>], value: impl Fn(&'c Delivery) -> T) -> Vec<T> {
        coming.iter().map(|(delivery, _)| value(delivery)).collect()
    }
    let parents: Vec<Option<i64>> = coming.iter().map(|(_, parent)| *parent).collect();
    let new: Vec<New> = sql_query(include_str!("open.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<Array<diesel::sql_types::Uuid>, _>(all(coming, |it| it.claim))
        .bind::<Array<Nullable<BigInt>>, _>(parents)
        .bind::<Array<Text>, _>(all(coming, |it| it.file.as_str()))
        .bind::<Array<BigInt>, _>(all(coming, |it| signed(it.bytes)))
        .bind::<Array<Binary>, _>(all(coming, |it| it.sha256.as_slice()))
        .bind::<Array<Nullable<Text>>, _>(all(coming, |it| it.header.as_deref()))
        .prepared()
        .load(conn)?;
    let new: HashMap<Uuid, i64> = new.iter().map(|new| (new.claim_id, new.load_id)).collect();
    let opened = coming.iter().map(|(it, _)| match new.get(&it.claim) {
        Some(load_id) => Ok(Opened::New(*load_id)),
        None => opened_before(conn, it),
    });
    opened.collect()
}

fn opened_before(conn: &mut PgConnection, delivery: &Delivery) -> Result<Opened, MergeError> {
    let row = find_row(conn, delivery.claim)?.ok_or(diesel::NotFound)?;
    let known = row.file_sha256.as_deref();
    let bytes = if known.is_none_or(|known| known == delivery.sha256) {
        Bytes::Same
    } else {
        Bytes::Other
    };
    Ok(Opened::Before(Box::new(row.entry()?), bytes))
}

/// What the ledger knows of a claim.
pub fn find(conn: &mut PgConnection, claim: Uuid) -> Result<Option<Entry>, MergeError> {
    find_row(conn, claim)?.map(LoadRow::entry).transpose()
}

fn find_row(conn: &mut PgConnection, claim: Uuid) -> QueryResult<Option<LoadRow>> {
    sql_query(include_str!("find.sql"))
        .bind::<diesel::sql_types::Uuid, _>(claim)
        .prepared()
        .get_result(conn)
        .optional()
}

/// Which of these bytes were loaded into the table before.
pub(super) fn delivered(
    conn: &mut PgConnection,
    table: &TableName,
    bytes: &[Sha256],
) -> QueryResult<Deliveries> {
    #[derive(QueryableByName)]
    struct Earlier {
        #[diesel(sql_type = Binary)]
        file_sha256: Vec<u8>,
        #[diesel(sql_type = BigInt)]
        load_id: i64,
        #[diesel(sql_type = Bool)]
        latest: bool,
    }
    let bytes: Vec<&[u8]> = bytes.iter().map(Sha256::as_slice).collect();
    let earlier: Vec<Earlier> = sql_query(include_str!("delivered_before.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<Array<Binary>, _>(bytes)
        .prepared()
        .load(conn)?;
    let latest = earlier.iter().find(|load| load.latest);
    Ok(Deliveries {
        latest: latest.map(|load| load.load_id),
        loads: earlier
            .iter()
            .filter_map(|load| Some((load.file_sha256.as_slice().try_into().ok()?, load.load_id)))
            .collect(),
    })
}

/// The instant of a load that takes its time from the load itself.
pub(super) fn load_time(conn: &mut PgConnection, table: &TableName) -> QueryResult<DateTime<Utc>> {
    #[derive(QueryableByName)]
    struct Now {
        #[diesel(sql_type = Timestamptz)]
        instant: DateTime<Utc>,
    }
    sql_query(include_str!("instant.sql"))
        .bind::<Text, _>(table.as_str())
        .prepared()
        .get_result(conn)
        .map(|now: Now| now.instant)
}

/// The instant up to which the loads that count have spoken, if there are any.
pub(super) fn latest_instant(
    conn: &mut PgConnection,
    table: &TableName,
) -> QueryResult<Option<DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct Latest {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        latest: Option<DateTime<Utc>>,
    }
    sql_query(include_str!("latest_instant.sql"))
        .bind::<Text, _>(table.as_str())
        .prepared()
        .get_result(conn)
        .map(|row: Latest| row.latest)
}

/// Of these columns, those that some load that counts did not speak of: a NULL in them may mean
/// that nothing was ever said.
pub(super) fn unsure_columns(
    conn: &mut PgConnection,
    contract: &Contract,
    columns: &[&str],
) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Unsure {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let unsure: Vec<Unsure> = sql_query(include_str!("unsure_columns.sql"))
        .bind::<Text, _>(contract.name.as_str())
        .bind::<Array<Text>, _>(columns)
        .prepared()
        .load(conn)?;
    Ok(unsure.into_iter().map(|unsure| unsure.name).collect())
}

/// What the rows of a load meant, for whoever reads its observations later.
#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) mode: LoadMode,
    pub(super) absence: Absence,
    pub(super) instants: Instants,
    /// The first instant and the last of which they spoke.
    pub(super) earliest: DateTime<Utc>,
    pub(super) latest: DateTime<Utc>,
    pub(super) columns: Vec<String>,
    /// For each of these, in which form its values are digested.
    pub(super) digested_as: Vec<String>,
    /// What new keys got in columns of which the rows do not speak, as a JSON object.
    pub(super) defaults: Option<String>,
    pub(super) added: Vec<String>,
    pub(super) accepted_by: Option<String>,
}

/// Whether the keys in the table were made in the same way as the ones that are about to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keys {
    /// They were, or there are none yet.
    Same,
    /// With another secret, or by another version of Hayloft.
    OtherScheme,
    /// From other columns.
    OtherColumns,
}

/// The same without a word in the ledger: where nothing is on record, no key was made yet.
pub(super) fn known_keys(
    conn: &mut PgConnection,
    contract: &Contract,
    scheme: &KeyScheme,
) -> QueryResult<Keys> {
    let record: Option<KeyRecord> = sql_query(include_str!("vouch_for_keys.sql"))
        .bind::<Text, _>(contract.name.as_str())
        .bind::<Integer, _>(KeyScheme::VERSION)
        .bind::<Binary, _>(scheme.fingerprint().to_vec())
        .bind::<Array<Text>, _>(contract::natural_key(contract))
        .get_result(conn)
        .optional()?;
    Ok(record.map_or(Keys::Same, KeyRecord::compared))
}

/// What is on record of a table's keys, compared with how they are made now.
#[derive(QueryableByName)]
struct KeyRecord {
    #[diesel(sql_type = Bool)]
    same_keys: bool,
    #[diesel(sql_type = Bool)]
    same_columns: bool,
}

impl KeyRecord {
    fn compared(self) -> Keys {
        match self {
            Self {
                same_columns: false,
                ..
            } => Keys::OtherColumns,
            Self {
                same_keys: false, ..
            } => Keys::OtherScheme,
            _ => Keys::Same,
        }
    }
}

/// Compares the way in which keys are made with the way on record; a table without rows takes any.
pub(super) fn vouch_for_keys(
    conn: &mut PgConnection,
    contract: &Contract,
    scheme: &KeyScheme,
) -> QueryResult<Keys> {
    let natural_key = contract::natural_key(contract);
    let statement = |sql| {
        sql_query(sql)
            .into_boxed::<Pg>()
            .bind::<Text, _>(contract.name.as_str().to_owned())
            .bind::<Integer, _>(KeyScheme::VERSION)
            .bind::<Binary, _>(scheme.fingerprint().to_vec())
            .bind::<Array<Text>, _>(natural_key.clone())
    };
    let on_record = |conn: &mut PgConnection| {
        let record = statement(include_str!("vouch_for_keys.sql")).prepared();
        record.get_result::<KeyRecord>(conn).optional()
    };
    let mut record = on_record(conn)?;
    if record.is_none() {
        statement(include_str!("record_keys.sql")).execute(conn)?;
        // Asked again, so that the row of a load is seen that was first meanwhile.
        record = on_record(conn)?;
    }
    let keys = record.ok_or(diesel::NotFound)?.compared();
    if keys == Keys::Same {
        return Ok(keys);
    }
    if !contract::takes_any(conn, contract)? {
        return Ok(keys);
    }
    statement(include_str!("renew_keys.sql")).execute(conn)?;
    Ok(Keys::Same)
}

/// A refused file, and the latest load of its table since.
#[derive(QueryableByName, Clone, Copy, Debug)]
pub(super) struct Overtaken {
    #[diesel(sql_type = BigInt)]
    pub(super) held: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) newer: i64,
    /// When it was held.
    #[diesel(sql_type = Timestamptz)]
    pub(super) held_at: DateTime<Utc>,
}

/// Whether a file of these bytes was refused, and another one of its table loaded since.
pub(super) fn overtaken(
    conn: &mut PgConnection,
    table: &TableName,
    delivery: &Delivery,
) -> QueryResult<Option<Overtaken>> {
    sql_query(include_str!("overtaken.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<Binary, _>(delivery.sha256.as_slice())
        .prepared()
        .get_result(conn)
        .optional()
}

/// Whether so many changes are nothing unusual for the table, as far as its loads tell.
pub(super) fn is_usual_change(
    conn: &mut PgConnection,
    table: &TableName,
    load_id: i64,
    keys: u64,
) -> QueryResult<bool> {
    sql_query(include_str!("is_usual_change.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<BigInt, _>(load_id)
        .bind::<BigInt, _>(signed(keys))
        .get_result(conn)
        .map(YesOrNo::is_yes)
}

/// Whether anything was ever loaded into the table, whether or not it counts.
pub(super) fn has_loads(conn: &mut PgConnection, table: &TableName) -> QueryResult<bool> {
    sql_query(include_str!("has_loads.sql"))
        .bind::<Text, _>(table.as_str())
        .prepared()
        .get_result(conn)
        .map(YesOrNo::is_yes)
}

/// Of these loads, those of the table that count.
pub(super) fn counting(
    conn: &mut PgConnection,
    table: &TableName,
    loads: &BTreeSet<i64>,
) -> QueryResult<BTreeSet<i64>> {
    let loads: Vec<i64> = loads.iter().copied().collect();
    let counting: Vec<LoadNumber> = sql_query(include_str!("counting.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<Array<BigInt>, _>(loads)
        .prepared()
        .load(conn)?;
    Ok(counting.into_iter().map(|it| it.load_id).collect())
}

/// Whether the table has no rows.
pub(super) fn is_empty(conn: &mut PgConnection, contract: &Contract) -> QueryResult<bool> {
    sql_query(super::sql::is_empty(&contract.table))
        .prepared()
        .get_result(conn)
        .map(YesOrNo::is_yes)
}

/// About how many rows the table has.
pub(super) fn estimate_rows(conn: &mut PgConnection, contract: &Contract) -> QueryResult<u64> {
    sql_query(include_str!("estimate_rows.sql"))
        .bind::<Text, _>(contract.table.to_string())
        .prepared()
        .get_result(conn)
        .map(|rows: counts::Count| rows.get())
}

/// Whether no fact waits for the table, nor for a member of it: a waiting fact has keys as well.
fn is_held_nowhere(conn: &mut PgConnection, table: &TableName) -> QueryResult<bool> {
    sql_query(include_str!("nothing_held.sql"))
        .bind::<Text, _>(table.as_str())
        .get_result(conn)
        .map(YesOrNo::is_yes)
}

/// Writes what the load did, as the last statement of its transaction, and what its rows meant, if
/// they count.
pub(super) fn close(
    conn: &mut PgConnection,
    load_id: i64,
    meaning: Option<&Meaning>,
    entry: &Entry,
) -> QueryResult<()> {
    let Summary {
        rows,
        changes,
        seconds,
        ..
    } = &entry.summary;
    sql_query(include_str!("close.sql"))
        .into_boxed::<Pg>()
        .bind::<BigInt, _>(load_id)
        .bind::<Text, _>(entry.summary.status.code())
        .bind::<Nullable<Text>, _>(entry.reason.as_deref())
        .bind::<Nullable<Timestamptz>, _>(meaning.map(|it| it.latest))
        .bind::<BigInt, _>(signed(rows.read))
        .bind::<BigInt, _>(signed(rows.accepted))
        .bind::<BigInt, _>(signed(rows.rejected))
        .bind::<BigInt, _>(signed(rows.duplicates))
        .bind::<BigInt, _>(signed(rows.held))
        .bind::<BigInt, _>(signed(changes.inserted))
        .bind::<BigInt, _>(signed(changes.updated))
        .bind::<BigInt, _>(signed(changes.deactivated))
        .bind::<BigInt, _>(signed(changes.unchanged))
        .bind::<BigInt, _>(signed(changes.reopened))
        .bind::<BigInt, _>(signed(changes.corrected))
        .bind::<BigInt, _>(signed(changes.split))
        .bind::<BigInt, _>(signed(changes.moved))
        .bind::<BigInt, _>(signed(changes.late_unchanged))
        .bind::<BigInt, _>(signed(changes.closed))
        .bind::<BigInt, _>(signed(changes.absent_already))
        .bind::<BigInt, _>(signed(changes.closed_by_absence))
        .bind::<BigInt, _>(signed(changes.overwritten))
        .bind::<BigInt, _>(signed(changes.filled))
        .bind::<BigInt, _>(signed(entry.released))
        .bind::<Double, _>(seconds.total)
        .bind::<Double, _>(seconds.stage)
        .bind::<Double, _>(seconds.merge)
        .bind::<Nullable<Text>, _>(meaning.map(|it| it.mode.word()))
        .bind::<Nullable<Text>, _>(meaning.map(|it| it.absence.word()))
        .bind::<Nullable<Text>, _>(meaning.map(|it| it.instants.word()))
        .bind::<Nullable<Timestamptz>, _>(meaning.map(|it| it.earliest))
        .bind::<Nullable<Array<Text>>, _>(meaning.map(|it| it.columns.as_slice()))
        .bind::<Nullable<Array<Text>>, _>(meaning.map(|it| it.added.as_slice()))
        .bind::<Nullable<Text>, _>(meaning.and_then(|it| it.accepted_by.as_deref()))
        .bind::<Nullable<Text>, _>(entry.set_aside.map(Word::word))
        .bind::<Nullable<Array<Text>>, _>(meaning.map(|it| it.digested_as.as_slice()))
        .bind::<Nullable<Text>, _>(meaning.and_then(|it| it.defaults.as_deref()))
        .prepared()
        .run(conn)
}

/// Marks the rejects of a load whose corrected rows are being loaded, if these are not fewer.
pub(super) fn mark_replayed(conn: &mut PgConnection, load_id: i64, rows: u64) -> QueryResult<()> {
    sql_query(include_str!("mark_replayed.sql"))
        .bind::<BigInt, _>(load_id)
        .bind::<BigInt, _>(signed(rows))
        .execute(conn)
        .map(drop)
}

#[derive(QueryableByName)]
struct LoadRow {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    file_name: String,
    #[diesel(sql_type = Nullable<Binary>)]
    file_sha256: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    set_aside: Option<SetAside>,
    #[diesel(sql_type = BigInt)]
    rows_read: i64,
    #[diesel(sql_type = BigInt)]
    rows_accepted: i64,
    #[diesel(sql_type = BigInt)]
    rows_rejected: i64,
    #[diesel(sql_type = BigInt)]
    rows_duplicate: i64,
    #[diesel(sql_type = BigInt)]
    rows_held: i64,
    #[diesel(sql_type = BigInt)]
    keys_inserted: i64,
    #[diesel(sql_type = BigInt)]
    keys_updated: i64,
    #[diesel(sql_type = BigInt)]
    keys_deactivated: i64,
    #[diesel(sql_type = BigInt)]
    keys_unchanged: i64,
    #[diesel(sql_type = BigInt)]
    keys_reopened: i64,
    #[diesel(sql_type = BigInt)]
    keys_corrected: i64,
    #[diesel(sql_type = BigInt)]
    keys_split: i64,
    #[diesel(sql_type = BigInt)]
    keys_moved: i64,
    #[diesel(sql_type = BigInt)]
    keys_late_unchanged: i64,
    #[diesel(sql_type = BigInt)]
    keys_closed: i64,
    #[diesel(sql_type = BigInt)]
    keys_absent_already: i64,
    #[diesel(sql_type = BigInt)]
    keys_closed_by_absence: i64,
    #[diesel(sql_type = BigInt)]
    keys_overwritten: i64,
    #[diesel(sql_type = BigInt)]
    keys_filled: i64,
    #[diesel(sql_type = BigInt)]
    facts_released: i64,
    #[diesel(sql_type = Double)]
    seconds_total: f64,
    #[diesel(sql_type = Double)]
    seconds_stage: f64,
    #[diesel(sql_type = Double)]
    seconds_merge: f64,
}

impl LoadRow {
    /// What the ledger says of a load that has ended. There should be no other: a load's row and its
    /// end are one transaction.
    fn entry(self) -> Result<Entry, MergeError> {
        if self.status == Status::Loading {
            return Err(MergeError::NoEnd {
                load_id: self.load_id,
            });
        }
        Ok(Entry::from(self))
    }
}

impl From<LoadRow> for Entry {
    fn from(row: LoadRow) -> Self {
        let summary = Summary {
            load_id: Some(row.load_id),
            table: TableName::new(row.table_name),
            file: row.file_name,
            status: row.status,
            rows: Rows {
                read: unsigned(row.rows_read),
                accepted: unsigned(row.rows_accepted),
                rejected: unsigned(row.rows_rejected),
                duplicates: unsigned(row.rows_duplicate),
                held: unsigned(row.rows_held),
            },
            changes: Changes {
                inserted: unsigned(row.keys_inserted),
                updated: unsigned(row.keys_updated),
                deactivated: unsigned(row.keys_deactivated),
                unchanged: unsigned(row.keys_unchanged),
                reopened: unsigned(row.keys_reopened),
                corrected: unsigned(row.keys_corrected),
                split: unsigned(row.keys_split),
                moved: unsigned(row.keys_moved),
                late_unchanged: unsigned(row.keys_late_unchanged),
                closed: unsigned(row.keys_closed),
                absent_already: unsigned(row.keys_absent_already),
                closed_by_absence: unsigned(row.keys_closed_by_absence),
                overwritten: unsigned(row.keys_overwritten),
                filled: unsigned(row.keys_filled),
            },
            seconds: Seconds {
                total: row.seconds_total,
                stage: row.seconds_stage,
                merge: row.seconds_merge,
            },
        };
        Self {
            summary,
            reason: row.reason,
            set_aside: row.set_aside,
            released: unsigned(row.facts_released),
            refused: 0,
        }
    }
}
