//! What a proof has found so far.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};
use serde::Serialize;
use uuid::Uuid;

use super::super::fold::{Cell, Micros, Observation, Said};
use super::super::refold::is_implied;
use super::super::store::{Digests, Load, Unclaimed};
use super::Telling;
use crate::contract::{Contract, TableName};
use crate::db::prelude::*;
use crate::stage::digest::{Digest, Form, ValueDigest};

/// How many contradictions are named: all of few, some of many.
const MOST_NAMED: usize = 1000;

/// A table that was compared with what its files said.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The table.
    pub table: TableName,
    /// How many rows of files were compared with what the table and the ledger show of them.
    pub compared: u64,
    /// How many contradictions there are.
    pub contradictions: u64,
    /// The first of them.
    pub named: Vec<Contradiction>,
    /// What cannot be told.
    pub unproven: Vec<Unproven>,
}

impl Proof {
    /// Whether nothing contradicts what the files said.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.contradictions == 0
    }
}

/// Something in the table or in the ledger that no file said.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// What is wrong.
    pub what: What,
    /// The durable key, or, where only that is known, its first half. Of a fact, the ledger's key.
    pub key: String,
    /// The start of the version that it is about, if it is about one.
    pub starts: Option<DateTime<Utc>>,
    /// In which columns the value may be.
    pub columns: Vec<String>,
    /// What the table has in these, where values are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Option<String>>,
    /// The load that says otherwise; the one that the table names, where no load does.
    pub load_id: i64,
    /// Its file.
    pub file: Option<String>,
    /// The line.
    pub line: i64,
}

/// What is wrong.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The table shows other values than the row had.
    SaidOtherwise,
    /// The ledger keeps other values of the row than it had.
    KeptOtherwise,
    /// A version or a fact that follows from no file.
    NotSaid,
    /// What a row said is not there.
    Missing,
    /// Values that do not follow from what the files said.
    DoesNotFollow,
    /// The natural key makes another durable key.
    OtherKey,
    /// A row that is held is not the one that waits.
    HeldOtherwise,
}

/// Something of which it cannot be told whether a file said it.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Unproven {
    /// Why.
    pub reason: Reason,
    /// Of which column, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// How many rows of files, or values.
    pub count: u64,
}

/// Why something cannot be told.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Rows that were loaded before digests were kept.
    BeforeDigests,
    /// Rows that are taken to have said something else, since a column began to keep history or got
    /// another type.
    MeaningChanged,
    /// Rows of which the ledger keeps a value that its column does not take, since it got another type.
    ValueMisfit,
    /// Rows that spoke of a column which the table no longer has.
    ColumnDropped,
    /// Rows that spoke of a column whose type is another one since.
    TypeChanged,
    /// Values that no load said: a default of the database, or a person's hand.
    SaidByNoLoad,
    /// Versions or facts whose keys cannot be made as they were made.
    KeysMadeOtherwise,
}

/// Where something is wrong.
#[derive(Clone, Copy, Debug)]
pub(in crate::merge::history) struct Place {
    pub(in crate::merge::history) key: Uuid,
    pub(in crate::merge::history) starts: Option<Micros>,
    pub(in crate::merge::history) load: i64,
    pub(in crate::merge::history) line: i64,
}

/// What a row said, as far as a proof looks at it.
#[derive(Clone, Copy)]
pub(in crate::merge::history) struct SaidRow<'a> {
    pub(in crate::merge::history) load: i64,
    pub(in crate::merge::history) digest: Option<Digest>,
    pub(in crate::merge::history) words: RowWords<'a>,
}

/// The values of a row.
#[derive(Clone, Copy)]
pub(in crate::merge::history) enum RowWords<'a> {
    /// A snapshot does not name the key.
    Implied,
    Absent,
    Present {
        authored: &'a [bool],
        cells: &'a [Cell],
    },
}

impl<'a> From<&'a Observation> for SaidRow<'a> {
    fn from(observation: &'a Observation) -> Self {
        Self {
            load: observation.load,
            digest: observation.digest,
            words: match &observation.said {
                Said::Absent if is_implied(observation) => RowWords::Implied,
                Said::Absent => RowWords::Absent,
                Said::Present(values) => RowWords::Present {
                    authored: &values.authored,
                    cells: &values.cells,
                },
            },
        }
    }
}

/// What came of comparing a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge::history) enum Verdict {
    /// It said what it is taken to have said.
    Same,
    /// It did not.
    Differs,
    /// That cannot be told.
    Unproven,
}

/// Counts what is found, and names some of it.
pub(in crate::merge::history) struct Tally<'a> {
    contract: &'a Contract,
    loads: &'a BTreeMap<i64, Load>,
    /// Of each load whose rows have digests, for each column that it spoke of.
    digests: BTreeMap<i64, Vec<Option<ValueDigest>>>,
    telling: Telling,
    compared: u64,
    contradictions: u64,
    named: Vec<Contradiction>,
    unproven: BTreeMap<(Reason, Option<usize>), u64>,
}

impl<'a> Tally<'a> {
    pub(in crate::merge::history) fn new(
        contract: &'a Contract,
        loads: &'a BTreeMap<i64, Load>,
        telling: Telling,
    ) -> Self {
        let digests = loads.iter().filter_map(|(number, load)| {
            let Digests::Of(forms) = &load.digests else {
                return None;
            };
            let columns = contract.columns.iter().zip(forms.iter());
            let digest = |(column, form): (&_, &Option<Form>)| {
                form.map(|form| ValueDigest::in_form(column, form))
            };
            Some((*number, columns.map(digest).collect()))
        });
        Self {
            contract,
            loads,
            digests: digests.collect(),
            telling,
            compared: 0,
            contradictions: 0,
            named: Vec::new(),
            unproven: BTreeMap::new(),
        }
    }

    /// Compares what a row is taken to have said with its digest.
    pub(in crate::merge::history) fn compare(&mut self, row: SaidRow<'_>) -> Verdict {
        let Some(load) = self.loads.get(&row.load) else {
            return Verdict::Unproven;
        };
        let reason = match (&load.digests, row.words) {
            (_, RowWords::Implied) => return Verdict::Unproven,
            (Digests::NotKept, _) => Reason::BeforeDigests,
            (Digests::Lapsed, _) => Reason::MeaningChanged,
            (Digests::OfDropped, _) => Reason::ColumnDropped,
            (Digests::Of(forms), words) => {
                if row.digest == Some(self.digest(row.load, words)) {
                    self.compared += 1;
                    return Verdict::Same;
                }
                if !self.has_other_forms(forms) {
                    self.compared += 1;
                    return Verdict::Differs;
                }
                Reason::TypeChanged
            }
        };
        self.unproven(reason, 1);
        Verdict::Unproven
    }

    fn digest(&self, load: i64, words: RowWords<'_>) -> Digest {
        let (Some(digests), RowWords::Present { authored, cells }) =
            (self.digests.get(&load), words)
        else {
            return Digest::ABSENT;
        };
        let values = digests.iter().zip(authored).zip(cells);
        values.fold(
            Digest::default(),
            |sum, ((digest, authored), cell)| match digest.filter(|_| *authored) {
                Some(digest) => sum.and(digest.printed(cell.as_deref())),
                None => sum,
            },
        )
    }

    fn has_other_forms(&self, forms: &[Option<Form>]) -> bool {
        let mut columns = self.contract.columns.iter().zip(forms);
        columns.any(|(column, form)| form.is_some_and(|it| it != Form::of(&column.column_type)))
    }

    /// Notes a contradiction, in these columns.
    pub(in crate::merge::history) fn contradict(
        &mut self,
        what: What,
        place: Place,
        columns: &[usize],
        cells: Option<&[Cell]>,
    ) {
        let names = columns.iter().map(|column| self.name(*column)).collect();
        let cells = cells.filter(|_| self.telling == Telling::Values);
        let values = cells.map(|cells| {
            let value = |column: &usize| cells[*column].as_deref().map(str::to_owned);
            columns.iter().map(value).collect()
        });
        self.note(Contradiction {
            what,
            key: place.key.to_string(),
            starts: place.starts.map(instant),
            columns: names,
            values: values.unwrap_or_default(),
            load_id: place.load,
            file: None,
            line: place.line,
        });
    }

    /// Notes the columns, those of the contract and Hayloft's own, in which a row of the table is not
    /// what follows, if there are any.
    pub(in crate::merge::history) fn follow(
        &mut self,
        place: Place,
        columns: &[usize],
        own: &[&str],
        cells: Option<&[Cell]>,
    ) {
        if columns.is_empty() && own.is_empty() {
            return;
        }
        self.contradict(What::DoesNotFollow, place, columns, cells);
        if let Some(named) = self
            .named
            .last_mut()
            .filter(|_| self.contradictions <= MOST_NAMED as u64)
        {
            named
                .columns
                .extend(own.iter().map(|name| (*name).to_owned()));
        }
    }

    /// Notes a row of a load of which nothing is left.
    pub(in crate::merge::history) fn lost(&mut self, key: Uuid, lost: &Observation) {
        let Some(load) = self.loads.get(&lost.load) else {
            return;
        };
        if !load.counts && load.digests == Digests::NotKept {
            return;
        }
        let place = Place {
            key,
            starts: Some(lost.at),
            load: lost.load,
            line: lost.line,
        };
        self.contradict(What::Missing, place, &[], None);
    }

    /// Notes a row of which nothing is left, not even its whole key.
    pub(in crate::merge::history) fn missing_key(&mut self, row: &Unclaimed) {
        let key = Uuid::from_u64_pair(u64::from_be_bytes(row.prefix), 0).to_string();
        let at = self.loads.get(&row.load).and_then(|load| load.shared);
        self.note(Contradiction {
            what: What::Missing,
            key: format!("{}…", &key[..18]),
            starts: at.map(instant),
            columns: Vec::new(),
            values: Vec::new(),
            load_id: row.load,
            file: None,
            line: row.line,
        });
    }

    fn note(&mut self, contradiction: Contradiction) {
        self.contradictions += 1;
        if self.named.len() < MOST_NAMED {
            self.named.push(contradiction);
        }
    }

    pub(in crate::merge::history) fn unproven(&mut self, reason: Reason, count: usize) {
        if count > 0 {
            *self.unproven.entry((reason, None)).or_default() += count as u64;
        }
    }

    /// Counts a value of a column that no load said.
    pub(in crate::merge::history) fn unsaid(&mut self, column: usize) {
        let reason = (Reason::SaidByNoLoad, Some(column));
        *self.unproven.entry(reason).or_default() += 1;
    }

    fn name(&self, column: usize) -> String {
        self.contract.columns[column].name.name().to_owned()
    }

    /// All that was found, with the names of the files.
    pub(in crate::merge::history) fn finish(
        mut self,
        conn: &mut PgConnection,
    ) -> QueryResult<Proof> {
        let mut named = std::mem::take(&mut self.named);
        let files = files(conn, &named)?;
        for contradiction in &mut named {
            contradiction.file = files.get(&contradiction.load_id).cloned();
        }
        let unproven = self.unproven.iter();
        Ok(Proof {
            table: self.contract.name.clone(),
            compared: self.compared,
            contradictions: self.contradictions,
            named,
            unproven: unproven
                .map(|((reason, column), count)| Unproven {
                    reason: *reason,
                    column: column.map(|column| self.name(column)),
                    count: *count,
                })
                .collect(),
        })
    }
}

fn instant(micros: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

fn files(conn: &mut PgConnection, named: &[Contradiction]) -> QueryResult<BTreeMap<i64, String>> {
    #[derive(QueryableByName)]
    struct File {
        #[diesel(sql_type = BigInt)]
        load_id: i64,
        #[diesel(sql_type = Text)]
        file_name: String,
    }
    let mut loads: Vec<i64> = named.iter().map(|it| it.load_id).collect();
    loads.sort_unstable();
    loads.dedup();
    let files: Vec<File> = sql_query(include_str!("files.sql"))
        .bind::<Array<BigInt>, _>(loads)
        .load(conn)?;
    let files = files.into_iter().map(|file| (file.load_id, file.file_name));
    Ok(files.collect())
}
