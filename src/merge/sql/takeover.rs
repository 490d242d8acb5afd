//! The statements that take over rows which no load brought (semantics §21.2).

use chrono_tz::Tz;

use super::history::{TOUCHED, texts};
use super::{key_of, same_key, text_literal, unresolved};
use crate::contract::{Contract, Ident, QualifiedName, Reference};

/// The temporary table of the keys of rows that come from another table.
pub const TAKEN_KEY: &str = "pg_temp.hayloft_taken_key";

/// That a row is of no load of its table that counts. Bind: the table's name.
pub(super) fn is_unknown(name: &str) -> String {
    format!(
        "not exists (\n    \
             select from hayloft.load as known\n    \
             where known.load_id = {name}.load_id and known.table_name = $1\n      \
               and known.status = 'loaded'\n\
         )"
    )
}

/// Counts the versions that no load brought. Bind: the table's name.
#[must_use]
pub fn count_unknown(contract: &Contract) -> String {
    format!(
        "select count(*) as count\nfrom {table} as version\nwhere {unknown}",
        table = contract.table,
        unknown = is_unknown("version")
    )
}

/// The durable key of each of them, and as texts its natural key. Bind: the table's name.
#[must_use]
pub fn read_unknown_keys(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select version.{durable_key} as key, {parts} as cells\n\
         from {table} as version\n\
         where {unknown}",
        parts = texts(key_of(contract).map(|column| (column, format!("version.{}", column.name)))),
        table = contract.table,
        unknown = is_unknown("version")
    )
}

/// Lets versions that end at an instant or after it have no end. Binds: the table's name, the instant.
#[must_use]
pub fn open_far_ends(contract: &Contract) -> String {
    format!(
        "update {table} as version\n\
         set effective_end_date = null\n\
         where version.effective_end_date >= $2 and {unknown}",
        table = contract.table,
        unknown = is_unknown("version")
    )
}

/// Counts the keys whose versions overlap, or end before they start.
#[must_use]
pub fn count_overlapping(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select count(distinct version.key) as count\n\
         from (\n    \
             select {durable_key} as key, effective_start_date as starts, effective_end_date as ends,\n        \
                 lag(effective_start_date) over earlier as before_starts,\n        \
                 lag(effective_end_date) over earlier as before_ends\n    \
             from {table}\n    \
             window earlier as (partition by {durable_key} order by effective_start_date)\n\
         ) as version\n\
         where version.ends <= version.starts\n   \
            or version.before_starts is not null\n  \
               and (version.before_ends is null or version.before_ends > version.starts)",
        table = contract.table
    )
}

/// Touches the keys that have a version which no load brought. Bind: the table's name.
#[must_use]
pub fn touch_unknown(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "insert into {TOUCHED} (key)\n\
         select distinct version.{durable_key}\n\
         from {table} as version\n\
         where {unknown}",
        table = contract.table,
        unknown = is_unknown("version")
    )
}

/// Writes down what these versions say: that their key is there from their start on, and that it is not
/// from their end on, where no other version starts. Binds: the table's name, the load.
#[must_use]
pub fn observe_unknown(contract: &Contract, durable_key: &Ident) -> String {
    let table = &contract.table;
    let unknown = is_unknown("version");
    format!(
        "insert into hayloft.observation (key, at, load_id, line, presence)\n\
         select said.key, said.at, $2,\n    \
             row_number() over (order by said.key, said.at, said.presence), said.presence\n\
         from (\n    \
             select version.{durable_key} as key, version.effective_start_date as at,\n        \
                 'present' as presence\n    \
             from {table} as version\n    \
             where {unknown}\n    \
             union all\n    \
             select version.{durable_key}, version.effective_end_date, 'absent'\n    \
             from {table} as version\n    \
             where version.effective_end_date is not null and {unknown}\n      \
               and not exists (\n          \
                   select from {table} as next\n          \
                   where next.{durable_key} = version.{durable_key}\n            \
                     and next.effective_start_date = version.effective_end_date\n      \
               )\n\
         ) as said"
    )
}

// ---- facts ---------------------------------------------------------------------------------------

/// Counts the facts that no load brought and that name a member which is not there. Bind: the fact
/// table's name.
#[must_use]
pub fn count_unknown_without_member(contract: &Contract, reference: &Reference) -> String {
    format!(
        "select count(*) as count\n\
         from {table} as fact\n\
         where {unresolved}\n  \
           and {unknown}",
        table = contract.table,
        unresolved = unresolved(contract, reference, "fact"),
        unknown = is_unknown("fact")
    )
}

/// Makes the facts that no load brought those of a load, and numbers them in the order of their keys.
/// Binds: the table's name, the load.
#[must_use]
pub fn take_unknown_facts(contract: &Contract) -> String {
    let key: Vec<String> = key_of(contract)
        .map(|column| format!("fact.{}", column.name))
        .collect();
    let key = key.join(", ");
    format!(
        "update {table} as fact\n\
         set load_id = $2, source_line = taken.line\n\
         from (\n    \
             select {key}, row_number() over (order by {key}) as line\n    \
             from {table} as fact\n    \
             where {unknown}\n\
         ) as taken\n\
         where {same}",
        table = contract.table,
        unknown = is_unknown("fact"),
        same = same_key(key_of(contract), "fact", "taken"),
    )
}

/// The facts of a load, each with its line. Bind: the load.
#[must_use]
pub fn read_taken_facts(contract: &Contract) -> String {
    let columns = contract.columns.iter();
    format!(
        "select fact.source_line as line, {cells} as cells\n\
         from {table} as fact\n\
         where fact.load_id = $1",
        cells = texts(columns.map(|column| (column, format!("fact.{}", column.name)))),
        table = contract.table
    )
}

// ---- rows of another table -----------------------------------------------------------------------

/// A table whose rows are versions, in columns of its own.
#[derive(Clone, PartialEq, Debug)]
pub struct VersionSource {
    /// The table.
    pub table: QualifiedName,
    /// For each column of the contract the one that it is filled from, if there is one.
    pub columns: Vec<Option<Ident>>,
    /// When a version starts.
    pub starts: SourceInstant,
    /// When it ends, if the table says so.
    pub ends: Option<SourceInstant>,
    /// Whether it is the current one, if the table says so: then it has no end.
    pub current: Option<Ident>,
    /// The zone of instants that have none.
    pub zone: Tz,
    /// What the end of a version names.
    pub end_meaning: EndMeaning,
}

/// A column that holds instants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceInstant {
    /// The column.
    pub column: Ident,
    /// Whether its type has a zone.
    pub zoned: Zoned,
}

/// Whether an instant has a zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zoned {
    /// It has.
    Yes,
    /// It is a date or a time in the zone that is given.
    No,
}

/// What the end of a version names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndMeaning {
    /// The first instant at which it no longer holds.
    FirstAfter,
    /// The last day on which it holds.
    LastDay,
    /// The last second in which it holds.
    LastSecond,
    /// The last microsecond in which it holds.
    LastMicrosecond,
}

impl EndMeaning {
    fn step(self) -> Option<&'static str> {
        match self {
            Self::FirstAfter => None,
            Self::LastDay => Some("1 day"),
            Self::LastSecond => Some("1 second"),
            Self::LastMicrosecond => Some("1 microsecond"),
        }
    }
}

impl VersionSource {
    /// The columns of the natural key, as texts.
    fn key_texts(&self, contract: &Contract) -> Vec<String> {
        let columns = contract
            .key
            .iter()
            .map(|place| self.columns[*place].as_ref());
        let text = |column: Option<&Ident>| {
            column.map_or_else(
                || "null::text".to_owned(),
                |it| format!("(source.{it})::text"),
            )
        };
        columns.map(text).collect()
    }

    fn instant(&self, instant: &SourceInstant, step: Option<&str>) -> String {
        let step = step.map_or_else(String::new, |step| format!(" + interval '{step}'"));
        let column = &instant.column;
        match instant.zoned {
            Zoned::Yes => format!("(source.{column}{step})"),
            Zoned::No => format!(
                "((source.{column}::timestamp{step}) at time zone {})",
                text_literal(self.zone.name())
            ),
        }
    }

    fn starts(&self) -> String {
        self.instant(&self.starts, None)
    }

    fn ends(&self) -> String {
        let ends = self.ends.as_ref().map_or_else(
            || {
                // A version ends where the next one starts.
                format!(
                    "lead({starts}) over (partition by taken.key order by {starts})",
                    starts = self.starts()
                )
            },
            |ends| self.instant(ends, self.end_meaning.step()),
        );
        match &self.current {
            Some(current) => format!(
                "case when lower((source.{current})::text) in ('t', 'true', 'y', 'yes', '1') \
                 then null else {ends} end"
            ),
            None => ends,
        }
    }
}

/// The natural keys of the source, as texts.
#[must_use]
pub fn read_source_keys(contract: &Contract, source: &VersionSource) -> String {
    format!(
        "select distinct array[{parts}]::text[] as cells\nfrom {table} as source",
        parts = source.key_texts(contract).join(", "),
        table = source.table
    )
}

/// Makes the table of these keys: each part as the source has it and as the table is to have it, and
/// the durable key.
#[must_use]
pub fn create_taken_keys(contract: &Contract) -> String {
    let parts: Vec<String> = (1..=contract.key.len())
        .map(|part| format!("raw_{part} text not null, part_{part} text not null, "))
        .collect();
    format!(
        "create temporary table hayloft_taken_key ({}key uuid not null) on commit drop",
        parts.concat()
    )
}

/// Counts the rows with a value that a column would cut or round. `None` if none can.
#[must_use]
pub fn count_cut(contract: &Contract, source: &VersionSource) -> Option<String> {
    let cut: Vec<String> = contract
        .columns
        .iter()
        .zip(&source.columns)
        .filter_map(|(column, from)| {
            let (from, full) = (from.as_ref()?, column.column_type.sql());
            let plain = without_modifier(&full)?;
            Some(format!(
                "(source.{from})::text::{plain} is distinct from (source.{from})::text::{full}::{plain}"
            ))
        })
        .collect();
    (!cut.is_empty()).then(|| {
        format!(
            "select count(*) as count\nfrom {} as source\nwhere {}",
            source.table,
            cut.join("\n   or ")
        )
    })
}

/// The type without its length or precision; `None` if it has none.
fn without_modifier(sql: &str) -> Option<String> {
    let (before, rest) = sql.split_once('(')?;
    let (_, after) = rest.split_once(')')?;
    Some(format!("{before}{after}"))
}

/// Brings the rows of the source into the dimension. Bind: the load.
#[must_use]
pub fn insert_taken(contract: &Contract, durable_key: &Ident, source: &VersionSource) -> String {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (place, (column, from)) in contract.columns.iter().zip(&source.columns).enumerate() {
        let type_sql = column.column_type.sql();
        let part = contract.key.iter().position(|key| *key == place);
        let value = match (part, from) {
            (Some(part), _) => format!("taken.part_{}::{type_sql}", part + 1),
            (None, Some(from)) => format!("(source.{from})::text::{type_sql}"),
            // The table's default, if it has one.
            (None, None) => continue,
        };
        names.push(column.name.to_string());
        values.push(value);
    }
    let same: Vec<String> = source
        .key_texts(contract)
        .iter()
        .zip(1..)
        .map(|(text, part)| format!("taken.raw_{part} = {text}"))
        .collect();
    let starts = source.starts();
    format!(
        "insert into {table}\n    \
             ({durable_key}, {names}, effective_start_date, effective_end_date,\n     \
              version_number, load_id, source_line)\n\
         select taken.key, {values}, {starts}, {ends},\n    \
             row_number() over (partition by taken.key order by {starts}), $1,\n    \
             row_number() over (order by taken.key, {starts})\n\
         from {from} as source\n\
         join {TAKEN_KEY} as taken on {same}",
        table = contract.table,
        names = names.join(", "),
        values = values.join(", "),
        ends = source.ends(),
        from = source.table,
        same = same.join(" and ")
    )
}

#[cfg(test)]
mod tests;
