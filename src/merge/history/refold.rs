//! Goes over the touched keys, a batch at a time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::Table;
use super::fold::{Defaults, Micros, Observation, Origin, Said, Values};
use super::record::{self, Batch};
use super::settle::{Event, settle};
use super::store::{self, Load, Past, Shown};
use crate::contract::{Deletes, Effective, History, Late};
use crate::db::prelude::*;
use crate::failpoint;
use crate::merge::overreach::Reach;
use crate::merge::sql::{self, Shape};
use crate::merge::{MergeError, counts};
use crate::stage::reject::RejectKind;
use crate::summary::Changes;

/// Keys that are held in memory together, with all that was said of them.
const BATCH: i64 = 10_000;

/// The rows of a load that comes, beside those in the landing table.
#[derive(Debug)]
pub(in crate::merge) struct Arrival<'a> {
    pub(in crate::merge) shape: Shape<'a>,
    /// What keys get that it begins, in the columns of which it does not speak.
    pub(in crate::merge) defaults: Defaults,
    /// The instant of rows that have none of their own.
    pub(in crate::merge) at: Micros,
    /// Whether touched keys that have no row are absent.
    pub(in crate::merge) closes_absent: bool,
    /// The keys of rejected rows, of which the load says nothing.
    pub(in crate::merge) unread: &'a [Uuid],
    pub(in crate::merge) history: &'a History,
}

/// What a refold did.
#[derive(Debug)]
pub(in crate::merge) struct Refolded {
    pub(in crate::merge) changes: Changes,
    /// What happened to some of the keys.
    pub(in crate::merge) told: Vec<(Uuid, String)>,
    /// Rows that a later one forbids.
    pub(in crate::merge) late: Refused,
    /// Rows whose sequence is below one that was loaded.
    pub(in crate::merge) stale: Refused,
    /// Keys that a snapshot does not name, and does not end: a later row forbids it.
    pub(in crate::merge) withheld: Vec<Uuid>,
    /// The keys that were there before, and changed.
    pub(in crate::merge) reach: Reach,
    /// How many versions there are fewer of the keys that have fewer.
    pub(in crate::merge) joined: u64,
}

/// Rows of the load that are not used.
#[derive(Debug)]
pub(in crate::merge) struct Refused {
    pub(in crate::merge) kind: RejectKind,
    pub(in crate::merge) message: &'static str,
    pub(in crate::merge) lines: Vec<i64>,
}

/// Recomputes the history of the keys in `pg_temp.hayloft_touched`, and writes what differs.
/// `samples` is how many keys of each kind are told of one by one.
pub(in crate::merge) fn refold(
    conn: &mut PgConnection,
    table: &Table<'_>,
    event: Event,
    load_id: i64,
    arrival: Option<&Arrival<'_>>,
    samples: usize,
) -> Result<Refolded, MergeError> {
    record::prepare(conn, table)?;
    let loads = store::loads(conn, table)?;
    let mut refolded = Refolded::new();
    let mut last = None;
    loop {
        let keys = touched_after(conn, last)?;
        let (Some(from), Some(to)) = (keys.first().copied(), keys.last().copied()) else {
            break;
        };
        let pasts = store::read(conn, table, &loads, from, to, &keys)?;
        let mut rows = match arrival {
            Some(arrival) => landed(conn, table, load_id, arrival, from, to, &keys)?,
            None => HashMap::new(),
        };
        let mut batch = Batch::default();
        for past in &pasts {
            if !knows_rows(past, &loads) {
                match event {
                    // They are among the rows that it takes.
                    Event::TakesOver => {}
                    // Nobody asked for anything that has to do with this key.
                    Event::TableChanges => continue,
                    Event::Comes | Event::Goes | Event::Returns => return Err(unknown_rows(table)),
                }
            }
            let mut rows = rows.remove(&past.key).unwrap_or_default();
            if let Some(arrival) = arrival {
                refolded.refuse(arrival.history, past, &mut rows);
            }
            let columns = &table.contract.columns;
            let settled = settle(&table.rules, columns, past, event, load_id, rows);
            if let Some(misfit) = &settled.misfit {
                if event == Event::TableChanges {
                    continue;
                }
                return Err(misfit.refusal(table.contract));
            }
            batch.note(past, &settled)?;
            refolded.note(past.key, settled.changes, samples);
            refolded.note_joined(past.versions.len(), settled.versions.len());
            if !past.versions.is_empty() && settled.changes.changes_a_key() {
                refolded.reach.add(past.key);
            }
        }
        batch.flush(conn, table)?;
        last = Some(to);
    }
    failpoint!("refold::gathered");
    record::apply(conn, table, arrival.map_or(&[], |it| it.shape.filled))?;
    assert_unbroken(conn, table)?;
    Ok(refolded)
}

/// Whether all versions of a key are of loads that count.
fn knows_rows(past: &Past, loads: &BTreeMap<i64, Load>) -> bool {
    let is_known = |shown: &Shown| loads.get(&shown.version.load).is_some_and(|it| it.counts);
    past.versions.iter().all(is_known)
}

/// What no load said cannot be made anew, and nobody vouches for it: a person has to take it over.
fn unknown_rows(table: &Table<'_>) -> MergeError {
    MergeError::UnknownRows {
        table: table.contract.name.clone(),
    }
}

impl Refolded {
    fn new() -> Self {
        let refused = |kind, message| Refused {
            kind,
            message,
            lines: Vec::new(),
        };
        Self {
            changes: Changes::default(),
            told: Vec::new(),
            late: refused(
                RejectKind::Late,
                "A row with a later instant was loaded for this key, and the contract refuses \
                 late rows (late = \"reject\").",
            ),
            stale: refused(
                RejectKind::StaleSequence,
                "A row with a higher sequence was loaded for this key.",
            ),
            withheld: Vec::new(),
            reach: Reach::default(),
            joined: 0,
        }
    }

    fn note_joined(&mut self, before: usize, now: usize) {
        self.joined += before.saturating_sub(now) as u64;
    }

    /// Takes out the rows that the contract does not want: late ones, those below the sequence
    /// that was reached, and deletes where these mean nothing.
    fn refuse(&mut self, history: &History, past: &Past, rows: &mut Vec<Observation>) {
        let last = past.counted.iter().map(|counted| counted.at).max();
        let reached = past.counted.iter().map(|counted| &counted.sequence).max();
        let ranks = history.effective == Effective::LoadTime && !history.sequence.is_empty();
        rows.retain(|row| {
            let is_late = last.is_some_and(|last| row.at < last);
            let is_stale = reached.is_some_and(|reached| row.sequence < *reached);
            if is_implied(row) {
                if is_late && history.late == Late::Reject {
                    self.withheld.push(past.key);
                    return false;
                }
                return true;
            }
            if ranks && is_stale {
                self.stale.lines.push(row.line);
            } else if is_late && history.late == Late::Reject {
                self.late.lines.push(row.line);
            } else if row.said == Said::Absent && history.deletes == Deletes::Ignore {
                self.changes.absent_already += 1;
            } else {
                return true;
            }
            false
        });
    }

    /// Adds up what happened, and tells of the key if few of its kind were told of.
    fn note(&mut self, key: Uuid, changes: Changes, samples: usize) {
        self.changes += changes;
        let Some(action) = changes.chief().filter(|_| samples > 0) else {
            return;
        };
        let told = self.told.iter().filter(|(_, told)| told == action).count();
        if told < samples {
            self.told.push((key, action.to_owned()));
        }
    }
}

pub(super) fn touched_after(conn: &mut PgConnection, last: Option<Uuid>) -> QueryResult<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Touched {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        key: Uuid,
    }
    let touched: Vec<Touched> = sql_query(include_str!("touched.sql"))
        .bind::<Nullable<diesel::sql_types::Uuid>, _>(last)
        .bind::<BigInt, _>(BATCH)
        .load(conn)?;
    Ok(touched.into_iter().map(|touched| touched.key).collect())
}

#[derive(QueryableByName)]
struct LandedRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    present: bool,
    #[diesel(sql_type = Nullable<Binary>)]
    sequence: Option<Vec<u8>>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

/// What the load that comes says of these keys.
fn landed(
    conn: &mut PgConnection,
    table: &Table<'_>,
    load_id: i64,
    arrival: &Arrival<'_>,
    from: Uuid,
    to: Uuid,
    keys: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<Observation>>> {
    let rows: Vec<LandedRow> = sql_query(sql::read_landed(arrival.shape))
        .bind::<diesel::sql_types::Uuid, _>(from)
        .bind::<diesel::sql_types::Uuid, _>(to)
        .load(conn)?;
    let columns = table.contract.columns.len();
    let authored: Arc<[bool]> = (0..columns)
        .map(|column| arrival.shape.filled.contains(&column))
        .collect();
    let unsaid = Values::unsaid(&authored, &arrival.defaults);
    let mut said: HashMap<Uuid, Vec<Observation>> = HashMap::new();
    for row in rows {
        let key = row.key;
        let observation = row.observed(arrival.at, load_id, &unsaid, arrival.shape);
        said.entry(key).or_default().push(observation);
    }
    if arrival.closes_absent {
        let unread: HashSet<&Uuid> = arrival.unread.iter().collect();
        for key in keys.iter().filter(|key| !unread.contains(key)) {
            said.entry(*key)
                .or_insert_with(|| vec![absent(arrival.at, load_id)]);
        }
    }
    Ok(said)
}

/// A key that a snapshot does not name.
pub(in crate::merge) fn absent(at: Micros, load: i64) -> Observation {
    Observation {
        origin: Origin::Row,
        at,
        sequence: Vec::new(),
        load,
        line: 0,
        said: Said::Absent,
        digest: None,
    }
}

/// Whether it is an absence that no row says.
pub(in crate::merge) fn is_implied(observation: &Observation) -> bool {
    observation.line == 0 && observation.said == Said::Absent
}

impl LandedRow {
    fn observed(self, shared: Micros, load: i64, unsaid: &Values, shape: Shape<'_>) -> Observation {
        let mut values = unsaid.clone();
        for (place, cell) in shape.filled.iter().zip(store::cells(self.cells)) {
            values.cells[*place] = cell;
        }
        Observation {
            origin: Origin::Row,
            at: self.at.map_or(shared, |at| at.timestamp_micros()),
            sequence: self.sequence.unwrap_or_default(),
            load,
            line: self.line,
            said: if self.present {
                Said::Present(values)
            } else {
                Said::Absent
            },
            digest: None,
        }
    }
}

fn assert_unbroken(conn: &mut PgConnection, table: &Table<'_>) -> Result<(), MergeError> {
    let statement = sql::count_broken_touched(table.contract, table.durable_key);
    MergeError::unless_unbroken(&table.contract.name, counts::count(conn, &statement)?)
}
