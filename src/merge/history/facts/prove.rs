//! Whether facts say what their files said.
//!
//! A fact table has neither the ledger's key nor its order. So all facts are read once, each with the key
//! that its natural key makes, and sorted by that, on disk where they are many; then they are gone
//! through beside the ledger.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::super::Table;
use super::super::fold::{Cell, Micros};
use super::super::natural::Natural;
use super::super::prove::{
    Place, Proof, Reason, RowWords, SaidRow, Tally, Telling, Verdict, What, after, highest,
    span_size,
};
use super::super::same::is_same;
use super::super::store::{self as ledger_store, Load};
use super::chain::{Entry, Past, Row, Rules, Saying, Waiting, settle};
use super::{references, store};
use crate::contract::{Contract, Ident};
use crate::db::prelude::*;
use crate::ledger::words::Action;
use crate::merge::{MergeError, sql};
use crate::stage::digest::Digest;
use crate::stage::key::KeyScheme;
use crate::stage::reject::Place as FilePlace;
use crate::stage::{Gathering, InOrder, Presence, Row as StagedRow, Rows};
use crate::wire;

/// How many bytes of facts are sorted in memory.
const MEMORY: usize = 256 << 20;

/// See [`super::super::prove::prove`].
pub(in crate::merge::history) fn prove_facts(
    conn: &mut PgConnection,
    contract: &Contract,
    keys: Option<&KeyScheme>,
    telling: Telling,
    progress: &dyn Fn(u64),
) -> Result<Proof, MergeError> {
    let durable_key = Ident::vouched("hayloft_key");
    let table = Table::new(contract, &durable_key);
    let loads = ledger_store::loads(conn, &table)?;
    let mut tally = Tally::new(contract, &loads, telling);
    let Some(natural) = keys.and_then(|keys| Natural::of(contract, keys)) else {
        let facts = crate::merge::counts::count(conn, &sql::count_all_facts(contract))?;
        tally.unproven(
            Reason::KeysMadeOtherwise,
            usize::try_from(facts).unwrap_or(0),
        );
        return Ok(tally.finish(conn)?);
    };
    let facts = read_facts(conn, contract, &natural, &mut tally, progress)?;
    let stamps = Stamps::read(conn, contract)?;
    let columns: Vec<usize> = references(contract).iter().map(|it| it.column).collect();
    let mut judge = Judge {
        contract,
        columns: &columns,
        stamps,
        tally,
    };
    let mut facts = Facts::of(&facts, contract.columns.len());
    let mut from = Some(Uuid::nil());
    while let Some(begin) = from {
        let (end, shown) = facts
            .next_span(span_size(&loads))
            .map_err(MergeError::Unreadable)?;
        let aside = Aside {
            waiting: store::read_all_held(conn, contract, begin, end)?,
            let_in: store::read_all_let_in(conn, contract, begin, end)?,
        };
        let known: BTreeMap<Uuid, ledger_store::Past> = shown
            .keys()
            .chain(aside.waiting.keys())
            .map(|key| (*key, ledger_store::Past::of(*key)))
            .collect();
        let span = ledger_store::read_ledger_span(conn, &table, &loads, (begin, end), known)?;
        judge.judge_span(conn, &loads, span, shown, aside)?;
        from = after(end);
    }
    Ok(judge.tally.finish(conn)?)
}

/// A fact as the table has it, with its time stamps.
#[derive(Clone, Debug)]
struct Fact {
    row: Row,
    stamps: [Option<Micros>; 2],
}

/// What the ledger has of facts beside what was said of them.
struct Aside {
    /// The rows that are held.
    waiting: HashMap<Uuid, (Waiting, Entry)>,
    /// When rows that were held were let in, each with its load.
    let_in: HashMap<Uuid, Vec<(i64, Micros)>>,
}

struct Judge<'a> {
    contract: &'a Contract,
    /// The columns that name a member.
    columns: &'a [usize],
    stamps: Stamps,
    tally: Tally<'a>,
}

impl Judge<'_> {
    fn judge_span(
        &mut self,
        conn: &mut PgConnection,
        loads: &BTreeMap<i64, Load>,
        span: ledger_store::Span,
        mut shown: BTreeMap<Uuid, Fact>,
        mut aside: Aside,
    ) -> Result<(), MergeError> {
        for unclaimed in &span.unclaimed {
            self.tally.missing_key(unclaimed);
        }
        let mut pasts: Vec<(Past, Option<Fact>, usize)> = Vec::new();
        for known in span.pasts {
            let key = known.key;
            let fact = shown.remove(&key);
            let row = fact.as_ref().map(|fact| fact.row.clone());
            let (waiting, entry) = aside.waiting.remove(&key).unzip();
            let let_in = aside.let_in.remove(&key).unwrap_or_default();
            let mut past = store::assemble(self.contract, known, row, waiting, let_in);
            past.entry = entry.unwrap_or_default();
            let said = past.said.clone();
            let is_forgotten = past.resolve().is_err();
            let forgotten = if is_forgotten { said.len() } else { 0 };
            if !is_forgotten {
                self.note_lost(key, &said, &past.said, loads);
            }
            pasts.push((past, fact, forgotten));
        }
        let plain: Vec<&Past> = pasts.iter().map(|(past, ..)| past).collect();
        let known = store::members_known(conn, references(self.contract), &plain)?;
        for (past, fact, forgotten) in &pasts {
            if *forgotten > 0 {
                self.tally.unproven(Reason::BeforeDigests, *forgotten);
            } else {
                self.judge(past, fact.as_ref(), &known, loads);
            }
        }
        Ok(())
    }

    /// Rows of which nothing is left: the fact was deleted by hand, or what the ledger kept of it. Where a
    /// later row said the same, it is there again.
    fn note_lost(
        &mut self,
        key: Uuid,
        before: &[Saying],
        after: &[Saying],
        loads: &BTreeMap<i64, Load>,
    ) {
        let left: HashSet<i64> = after.iter().map(|saying| saying.load).collect();
        let is_said_again = |lost: &Saying| {
            let mut later = after
                .iter()
                .filter(|it| (it.at, it.load) > (lost.at, lost.load));
            later.any(|it| it.digest == lost.digest && it.authored == lost.authored)
        };
        let lost = before.iter().filter(|saying| !left.contains(&saying.load));
        for lost in lost.filter(|it| it.digest.is_none() || !is_said_again(it)) {
            let kept = loads
                .get(&lost.load)
                .is_some_and(|load| load.digests != ledger_store::Digests::NotKept);
            if lost.counts || kept {
                self.tally
                    .contradict(What::Missing, place(key, lost), &[], None);
            }
        }
    }

    fn judge(
        &mut self,
        past: &Past,
        fact: Option<&Fact>,
        known: &HashSet<(usize, Arc<str>)>,
        loads: &BTreeMap<i64, Load>,
    ) {
        self.compare_rows(past);
        let rules = Rules {
            columns: &self.contract.columns,
            references: self.columns,
            known,
        };
        let settled = settle(&rules, past, |saying| saying.counts);
        self.compare_fact(past, fact, settled.fact.as_ref().map(|(row, _)| row));
        self.compare_waiting(past, settled.waiting.as_ref());
        self.note_unsaid(past);
        if let Some(fact) = fact.filter(|_| !is_taken_over(past, loads)) {
            self.compare_stamps(past, fact);
        }
    }

    fn compare_rows(&mut self, past: &Past) {
        for saying in &past.said {
            if !saying.misfits.is_empty() {
                self.tally.unproven(Reason::ValueMisfit, 1);
                continue;
            }
            let verdict = self.tally.compare(SaidRow {
                load: saying.load,
                digest: saying.digest,
                words: RowWords::Present {
                    authored: &saying.authored,
                    cells: &saying.cells,
                },
            });
            if verdict != Verdict::Differs {
                continue;
            }
            let what = match saying.words {
                super::chain::Words::Kept => What::KeptOtherwise,
                _ => What::SaidOtherwise,
            };
            let authored = saying.authored.iter().enumerate();
            let columns: Vec<usize> = authored
                .filter(|(_, authored)| **authored)
                .map(|(column, _)| column)
                .collect();
            let place = place(past.key, saying);
            self.tally
                .contradict(what, place, &columns, Some(&saying.cells));
        }
    }

    fn compare_fact(&mut self, past: &Past, fact: Option<&Fact>, expected: Option<&Row>) {
        let of_row = |row: &Row| Place {
            key: past.key,
            starts: None,
            load: row.load,
            line: row.line,
        };
        match (fact.map(|fact| &fact.row), expected) {
            (None, None) => {}
            (Some(shown), None) => {
                self.tally
                    .contradict(What::NotSaid, of_row(shown), &[], None);
            }
            (None, Some(expected)) => {
                self.tally
                    .contradict(What::Missing, of_row(expected), &[], None);
            }
            (Some(shown), Some(expected)) => {
                let columns = self.differing(&shown.cells, &expected.cells);
                let mut own = Vec::new();
                if shown.load != expected.load {
                    own.push("load_id");
                }
                if shown.line != expected.line {
                    own.push("source_line");
                }
                self.tally
                    .follow(of_row(expected), &columns, &own, Some(&shown.cells));
            }
        }
    }

    fn differing(&self, shown: &[Cell], expected: &[Cell]) -> Vec<usize> {
        let cells = shown.iter().zip(expected);
        let columns = self.contract.columns.iter().zip(cells).enumerate();
        columns
            .filter(|(_, (column, (shown, expected)))| !is_same(column, shown, expected))
            .map(|(place, _)| place)
            .collect()
    }

    /// Compares the row that waits with the one that should.
    fn compare_waiting(&mut self, past: &Past, expected: Option<&Waiting>) {
        let is_same_row = |held: &Waiting, expected: &Waiting| {
            let cells = held.cells.iter().zip(&expected.cells);
            let mut columns = self.contract.columns.iter().zip(cells);
            (held.load, held.line) == (expected.load, expected.line)
                && held.misfits == expected.misfits
                && columns.all(|(column, (held, expected))| match (held, expected) {
                    (Some(held), Some(expected)) => is_same(column, held, expected),
                    (held, expected) => held.is_none() && expected.is_none(),
                })
        };
        let is_right = match (&past.waiting, expected) {
            (Some(held), Some(expected)) => is_same_row(held, expected),
            (held, expected) => held.is_none() && expected.is_none(),
        };
        if let Some(row) = expected.or(past.waiting.as_ref()).filter(|_| !is_right) {
            let place = Place {
                key: past.key,
                starts: None,
                load: row.load,
                line: row.line,
            };
            self.tally.contradict(What::HeldOtherwise, place, &[], None);
        }
    }

    /// Counts the values of columns of which no row of the fact spoke.
    fn note_unsaid(&mut self, past: &Past) {
        let Some(row) = &past.shown else { return };
        for (column, cell) in row.cells.iter().enumerate() {
            let is_spoken = past.said.iter().any(|it| it.authored[column]);
            if cell.is_some() && !is_spoken {
                self.tally.unsaid(column);
            }
        }
    }

    /// A fact was written when a row of it came, or when a member came that it waited for.
    fn compare_stamps(&mut self, past: &Past, fact: &Fact) {
        let names = ["created_at", "updated_at"];
        let wrong: Vec<&str> = names
            .into_iter()
            .zip(fact.stamps)
            .filter(|(_, stamp)| {
                stamp.is_some_and(|at| {
                    !past.said.iter().any(|it| it.at == at)
                        && !past.let_in.iter().any(|(_, let_in)| *let_in == at)
                        && !self.stamps.has(at)
                })
            })
            .map(|(name, _)| name)
            .collect();
        let place = Place {
            key: past.key,
            starts: None,
            load: fact.row.load,
            line: fact.row.line,
        };
        self.tally.follow(place, &[], &wrong, None);
    }
}

/// Whether the fact was there before a load spoke of it. Its stamps are its own then.
fn is_taken_over(past: &Past, loads: &BTreeMap<i64, Load>) -> bool {
    let takes_over = |load: &Load| load.action == Action::Takeover;
    let mut said = past.said.iter();
    said.any(|saying| loads.get(&saying.load).is_some_and(takes_over))
}

fn place(key: Uuid, saying: &Saying) -> Place {
    Place {
        key,
        starts: None,
        load: saying.load,
        line: saying.line,
    }
}

// ---- instants -----------------------------------------------------------------------------------

/// The instants at which loads of the dimensions may have let facts in of which the ledger did not keep it.
struct Stamps {
    at: HashSet<Micros>,
    /// From when to when loads ran, in this order, none touching another.
    within: Vec<(Micros, Micros)>,
}

impl Stamps {
    fn read(conn: &mut PgConnection, contract: &Contract) -> QueryResult<Self> {
        #[derive(QueryableByName)]
        struct Load {
            #[diesel(sql_type = Timestamptz)]
            from: DateTime<Utc>,
            #[diesel(sql_type = Timestamptz)]
            to: DateTime<Utc>,
        }
        let dimensions = references(contract).iter();
        let dimensions: Vec<&str> = dimensions.map(|it| it.dimension.as_str()).collect();
        let loads: Vec<Load> = sql_query(include_str!("instants.sql"))
            .bind::<Array<Text>, _>(dimensions)
            .load(conn)?;
        let mut stamps = Self {
            at: HashSet::new(),
            within: Vec::new(),
        };
        for load in loads {
            let (from, to) = (load.from.timestamp_micros(), load.to.timestamp_micros());
            if from == to {
                stamps.at.insert(from);
            } else {
                stamps.within.push((from, to));
            }
        }
        stamps.join();
        Ok(stamps)
    }

    /// Makes one span of those that touch.
    fn join(&mut self) {
        self.within.sort_unstable();
        self.within.dedup_by(|(from, to), (_, end)| {
            let touches = *from <= *end;
            if touches {
                *end = (*end).max(*to);
            }
            touches
        });
    }

    fn has(&self, at: Micros) -> bool {
        let begun = self.within.partition_point(|(from, _)| *from <= at);
        let last = begun.checked_sub(1).map(|place| self.within[place]);
        self.at.contains(&at) || last.is_some_and(|(_, to)| at <= to)
    }
}

// ---- the facts, by key --------------------------------------------------------------------------

#[derive(QueryableByName)]
struct FactRow {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    created: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    updated: Option<DateTime<Utc>>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

/// Reads all facts, and sorts them by the key that the ledger has.
fn read_facts(
    conn: &mut PgConnection,
    contract: &Contract,
    natural: &Natural<'_>,
    tally: &mut Tally<'_>,
    progress: &dyn Fn(u64),
) -> Result<Rows, MergeError> {
    const TOLD: u64 = 10_000;
    let mut gathering = Gathering::new(contract, MEMORY);
    let facts = sql_query(sql::read_all_facts(contract))
        .load_iter::<FactRow, PgRowByRowLoadingMode>(conn)?;
    let mut read = 0;
    let mut bytes = Vec::new();
    for fact in facts {
        let fact = fact?;
        read += 1;
        if read % TOLD == 0 {
            progress(TOLD);
        }
        let parts = contract.key.iter();
        let parts: Vec<Option<String>> = parts.map(|part| fact.cells[*part].clone()).collect();
        let Some(key) = natural.key(&parts) else {
            // No file can have such a key.
            let place = Place {
                key: Uuid::nil(),
                starts: None,
                load: fact.load_id,
                line: fact.line,
            };
            tally.contradict(What::NotSaid, place, &contract.key, None);
            continue;
        };
        bytes.clear();
        fact.put(&mut bytes);
        gathering
            .push(&staged(key, &bytes))
            .map_err(MergeError::Unreadable)?;
    }
    gathering.finish().map_err(MergeError::Unreadable)
}

impl FactRow {
    fn put(&self, out: &mut Vec<u8>) {
        wire::put_int8(out, self.load_id);
        wire::put_int8(out, self.line);
        for stamp in [self.created, self.updated] {
            match stamp {
                Some(at) => wire::put_int8(out, at.timestamp_micros()),
                None => wire::put_null(out),
            }
        }
        for cell in &self.cells {
            match cell {
                Some(text) => wire::put_bytes(out, text.as_bytes()),
                None => wire::put_null(out),
            }
        }
    }
}

/// As the rows of a file are sorted.
fn staged(key: Uuid, cells: &[u8]) -> StagedRow<'_> {
    StagedRow {
        key,
        place: FilePlace {
            line: 0,
            offset: 0,
            length: 0,
        },
        presence: Presence::Present,
        at: None,
        digest: Digest::default(),
        sequence: &[],
        cells,
    }
}

/// The facts in the order of their keys, some at a time.
struct Facts<'r> {
    rows: InOrder<'r>,
    columns: usize,
    /// The first fact of the next span.
    next: Option<(Uuid, Fact)>,
}

impl<'r> Facts<'r> {
    fn of(rows: &'r Rows, columns: usize) -> Self {
        Self {
            rows: rows.in_order(),
            columns,
            next: None,
        }
    }

    /// So many facts, and the highest key up to which there is no other; the highest of all after the
    /// last one.
    fn next_span(&mut self, most: usize) -> io::Result<(Uuid, BTreeMap<Uuid, Fact>)> {
        let mut span = BTreeMap::new();
        span.extend(self.next.take());
        loop {
            let Some((key, fact)) = self.next_fact()? else {
                return Ok((Uuid::max(), span));
            };
            let end = span.last_key_value().map(|(last, _)| highest(*last));
            if let Some(end) = end.filter(|end| span.len() >= most && key > *end) {
                self.next = Some((key, fact));
                return Ok((end, span));
            }
            span.insert(key, fact);
        }
    }

    fn next_fact(&mut self) -> io::Result<Option<(Uuid, Fact)>> {
        let Some(row) = self.rows.next_row()? else {
            return Ok(None);
        };
        let mut fields = row.cells;
        let mut number = || wire::next_field(&mut fields).and_then(int8);
        let (load, line) = (number(), number());
        let stamps = [number(), number()];
        let mut cells = Vec::with_capacity(self.columns);
        while let Some(field) = wire::next_field(&mut fields) {
            cells.push(text(field)?);
        }
        let fact = Fact {
            row: Row {
                cells,
                load: load.unwrap_or_default(),
                line: line.unwrap_or_default(),
            },
            stamps,
        };
        Ok(Some((row.key, fact)))
    }
}

fn int8(field: &[u8]) -> Option<i64> {
    let bytes = field.get(4..)?;
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// `None` for NULL, whose length is -1.
fn text(field: &[u8]) -> io::Result<Cell> {
    let (length, bytes) = field.split_at(4);
    if length == [0xff; 4] {
        return Ok(None);
    }
    let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(Some(Arc::from(text)))
}
