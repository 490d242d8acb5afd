//! The statements that take over rows which no load brought (semantics §21.2).

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::history::{TOUCHED, texts};
use super::{key_of, same_key, text_literal, unresolved};
use crate::contract::{Column, ColumnType, Contract, Ident, Nullability, QualifiedName, Reference};

/// The temporary table of the keys of rows that come from another table.
pub const TAKEN_KEY: &str = "pg_temp.hayloft_taken_key";

/// Makes the functions that know which instants a local time means, and which a text. Once a session.
pub const CREATE_LOCAL_TIMES: [&str; 2] = [
    include_str!("../takeover/local_times.sql"),
    include_str!("../takeover/told_instants.sql"),
];

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
    pub columns: Vec<Option<SourceColumn>>,
    /// When a version starts.
    pub starts: SourceColumn,
    /// When it ends, if the table says so.
    pub ends: Option<SourceColumn>,
    /// Whether it is the current one, if the table says so: then it has no end.
    pub current: Option<Ident>,
    /// The zone of instants that have none.
    pub zone: Tz,
    /// What the end of a version names.
    pub end_meaning: EndMeaning,
    /// The columns that fill nothing.
    pub unused: Vec<Ident>,
}

/// A column of that table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceColumn {
    /// The column.
    pub column: Ident,
    /// Its type, as the catalog spells it.
    pub type_sql: String,
    /// Whether its values have a zone, where they are taken for instants.
    pub zoned: Zoned,
}

/// Whether an instant has a zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zoned {
    /// It has.
    Yes,
    /// It is a time in the zone that is given.
    No,
    /// It is a day there.
    Day,
    /// Each value tells: a text may name its zone, and is a time in the one that is given if it does not.
    InText,
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
    /// What there is between what is named and the end. Behind a day comes the next one, however long it is.
    fn step(self) -> Option<&'static str> {
        match self {
            Self::FirstAfter | Self::LastDay => None,
            Self::LastSecond => Some("1 second"),
            Self::LastMicrosecond => Some("1 microsecond"),
        }
    }
}

impl VersionSource {
    /// The columns of the natural key, as texts.
    fn key_texts(&self, contract: &Contract) -> Vec<String> {
        let columns = contract.key.iter();
        let text = |place: &usize| {
            self.columns[*place].as_ref().map_or_else(
                || "null::text".to_owned(),
                |from| self.text(&contract.columns[*place], from),
            )
        };
        columns.map(text).collect()
    }

    /// What a column is filled with, as text.
    fn text(&self, column: &Column, from: &SourceColumn) -> String {
        let instants = self.is_local(column, from);
        match instants.then(|| self.instants(from, EndMeaning::FirstAfter)) {
            Some(Some(instants)) => format!("(({instants})[1])::text"),
            _ => format!("(source.{})::text", from.column),
        }
    }

    /// Whether a column is filled with values that can be times of the zone that is given.
    fn is_local(&self, column: &Column, from: &SourceColumn) -> bool {
        matches!(column.column_type, ColumnType::TimestampTz(_))
            && from.zoned != Zoned::Yes
            && self.zone != Tz::UTC
    }

    /// When a version starts or ends, as an instant.
    fn instant(&self, column: &SourceColumn, meaning: EndMeaning) -> String {
        let shown = self.shown(column, meaning);
        match self.instants(column, meaning) {
            Some(instants) => format!("({instants})[1]"),
            None if is_instant(column, meaning) => shown,
            None => format!("({shown} at time zone 'UTC')"),
        }
    }

    /// The instants that a value means, the earliest first. `None` where what it shows tells the only one.
    fn instants(&self, column: &SourceColumn, meaning: EndMeaning) -> Option<String> {
        if column.zoned == Zoned::InText {
            return Some(self.told_instants(column, meaning));
        }
        if is_instant(column, meaning) || self.zone == Tz::UTC {
            return None;
        }
        let is_day = match meaning {
            EndMeaning::LastDay => true,
            EndMeaning::FirstAfter => column.zoned == Zoned::Day,
            EndMeaning::LastSecond | EndMeaning::LastMicrosecond => false,
        };
        Some(format!(
            "pg_temp.hayloft_instants({}, {}, {is_day})",
            self.shown(column, meaning),
            text_literal(self.zone.name())
        ))
    }

    /// The same of a text, which may have a zone of its own.
    fn told_instants(&self, column: &SourceColumn, meaning: EndMeaning) -> String {
        format!(
            "pg_temp.hayloft_told_instants((source.{})::text, {}, '{}', {})",
            column.column,
            text_literal(self.zone.name()),
            meaning.step().unwrap_or("0"),
            meaning == EndMeaning::LastDay
        )
    }

    /// What a column shows as a start or an end: an instant, or a time of the zone that is given. A text shows
    /// an instant by the zone of the session, which only a person may rely on.
    fn shown(&self, column: &SourceColumn, meaning: EndMeaning) -> String {
        let name = &column.column;
        let step = meaning.step();
        let step = step.map_or_else(String::new, |step| format!(" + interval '{step}'"));
        match (column.zoned, meaning) {
            (Zoned::Yes, EndMeaning::LastDay) => format!(
                "((source.{name} at time zone {})::date + 1)::timestamp",
                text_literal(self.zone.name())
            ),
            (Zoned::InText, EndMeaning::LastDay) => {
                format!("((source.{name}::timestamptz)::date + 1)::timestamp")
            }
            (Zoned::No | Zoned::Day, EndMeaning::LastDay) => {
                format!("((source.{name}::timestamp)::date + 1)::timestamp")
            }
            (Zoned::Yes, _) => format!("(source.{name}{step})"),
            (Zoned::InText, _) => format!("(source.{name}::timestamptz{step})"),
            (Zoned::No | Zoned::Day, _) => format!("(source.{name}::timestamp{step})"),
        }
    }

    fn starts(&self) -> String {
        self.instant(&self.starts, EndMeaning::FirstAfter)
    }

    /// The end that the table says. One that never comes is none.
    fn own_ends(&self) -> String {
        self.ends.as_ref().map_or_else(
            || "null::timestamptz".to_owned(),
            |ends| {
                format!(
                    "nullif({}, 'infinity')",
                    self.instant(ends, self.end_meaning)
                )
            },
        )
    }

    /// The end of a version, beside `at`, whatever it is said to be.
    fn ends(&self) -> &'static str {
        match self.ends {
            Some(_) => "at.ends",
            // A version ends where the next one starts.
            None => "lead(at.starts) over (partition by taken.key order by at.starts)",
        }
    }

    /// Whether a version is the current one, if the table says so.
    fn is_current(&self) -> Option<String> {
        let current = self.current.as_ref()?;
        Some(format!(
            "lower((source.{current})::text) in ('t', 'true', 'y', 'yes', '1')"
        ))
    }

    /// The rows, each as `source` beside its key as `taken` and its instants as `at`.
    fn rows(&self, contract: &Contract) -> String {
        let texts = self.key_texts(contract);
        let same = texts.iter().zip(1..);
        let same: Vec<String> = same
            .map(|(text, part)| format!("taken.raw_{part} = {text}"))
            .collect();
        format!(
            "from {from} as source\n\
             join {TAKEN_KEY} as taken on {same}\n\
             cross join lateral (select {starts} as starts, {ends} as ends offset 0) as at",
            from = self.table,
            same = same.join(" and "),
            starts = self.starts(),
            ends = self.own_ends(),
        )
    }
}

/// Whether what a column shows is an instant as it is.
fn is_instant(column: &SourceColumn, meaning: EndMeaning) -> bool {
    column.zoned == Zoned::Yes && meaning != EndMeaning::LastDay
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

/// A statement that counts rows by what is wrong with them, in the order of `asked`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counting<A> {
    /// What is asked.
    pub asked: Vec<A>,
    /// The statement: one row, with the counts as an array.
    pub statement: String,
}

/// Counts rows of the source for each of some conditions. `None` if there is none.
fn counting<A>(
    source: &VersionSource,
    asked: impl IntoIterator<Item = (A, String)>,
) -> Option<Counting<A>> {
    let (asked, conditions): (Vec<A>, Vec<String>) = asked.into_iter().unzip();
    let counts: Vec<String> = conditions
        .iter()
        .map(|condition| format!("count(*) filter (where {condition})"))
        .collect();
    (!asked.is_empty()).then(|| Counting {
        asked,
        statement: format!(
            "select array[\n    {}\n]::bigint[] as counts\nfrom {} as source",
            counts.join(",\n    "),
            source.table
        ),
    })
}

/// Counts the rows without a value that they must have: for each such column of the contract, by its
/// place, and for the start of the version, which has none.
#[must_use]
pub fn count_missing(
    contract: &Contract,
    source: &VersionSource,
) -> Option<Counting<Option<usize>>> {
    let starts = (None, format!("source.{} is null", source.starts.column));
    let columns = filled(contract, source).filter(|(place, column, _)| {
        column.nullability == Nullability::Required && !contract.key.contains(place)
    });
    let columns =
        columns.map(|(place, _, from)| (Some(place), format!("source.{} is null", from.column)));
    counting(source, std::iter::once(starts).chain(columns))
}

/// Counts the values that no column takes, or takes only cut or rounded: for each column of the contract, by
/// its place, and for the start and the end of the version, which have none. `None` if all fit, by their types.
#[must_use]
pub fn count_misfits(contract: &Contract, source: &VersionSource) -> Option<Counting<Misfit>> {
    let columns = filled(contract, source).map(|(place, column, from)| {
        let wanted = match column.column_type {
            ColumnType::TimestampTz(precision)
                if source.is_local(column, from) && from.zoned != Zoned::InText =>
            {
                ColumnType::Timestamp(precision).sql()
            }
            _ => column.column_type.sql(),
        };
        (Misfit::Column(place), does_not_fit(from, &wanted))
    });
    let ends = source.ends.as_ref().map(|ends| (Misfit::Ends, ends));
    let instants = std::iter::once((Misfit::Starts, &source.starts)).chain(ends);
    let instants = instants.filter(|(_, from)| from.zoned == Zoned::InText);
    let instants = instants.map(|(what, from)| (what, does_not_fit(from, INSTANT)));
    let asked = columns.chain(instants);
    counting(
        source,
        asked.filter_map(|(what, condition)| Some((what, condition?))),
    )
}

const INSTANT: &str = "timestamp with time zone";

/// Whether a value does not fit a type. `None` where every value fits: each is asked for by itself, which
/// takes its time.
fn does_not_fit(from: &SourceColumn, wanted: &str) -> Option<String> {
    const TEXTS: [&str; 2] = ["text", "character varying"];
    let SourceColumn {
        column, type_sql, ..
    } = from;
    let is_wider =
        without_modifier(type_sql).as_deref() == Some(wanted) && !wanted.starts_with("bit");
    if TEXTS.contains(&wanted) || type_sql == wanted || is_wider {
        return None;
    }
    let of_texts = [type_sql, wanted].map(|sql| without_modifier(sql).unwrap_or(sql.to_owned()));
    if of_texts.iter().all(|plain| TEXTS.contains(&plain.as_str())) {
        return Some(format!(
            "(source.{column})::text is distinct from (source.{column})::text::{wanted}::text"
        ));
    }
    Some(format!(
        "source.{column} is not null \
         and pg_temp.hayloft_converted((source.{column})::text, {}, {}) is null",
        text_literal(type_sql),
        text_literal(wanted)
    ))
}

/// What has a value that it does not take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misfit {
    /// A column of the contract, by its place.
    Column(usize),
    /// The start of the version.
    Starts,
    /// Its end.
    Ends,
}

/// Counts the rows whose start is infinity, the earlier or the later, and those whose end is the earlier one.
#[must_use]
pub fn count_unbounded(source: &VersionSource) -> Option<Counting<Ident>> {
    let starts = (
        source.starts.column.clone(),
        format!("not isfinite({})", source.starts()),
    );
    let ends = source.ends.as_ref().map(|ends| {
        let instant = source.instant(ends, source.end_meaning);
        (ends.column.clone(), format!("{instant} = '-infinity'"))
    });
    counting(source, std::iter::once(starts).chain(ends))
}

/// Counts the rows whose start, whose end, or a value that becomes an instant, is a local time that the zone
/// skips, and those of which it repeats it. `None` where none can be.
#[must_use]
pub fn count_local_times(
    contract: &Contract,
    source: &VersionSource,
) -> Option<Counting<(Ident, Clock)>> {
    if source.zone == Tz::UTC {
        return None;
    }
    let ends = source.ends.as_ref();
    let ends = ends.map(|ends| (ends, source.end_meaning));
    let values = filled(contract, source)
        .filter(|(_, column, from)| source.is_local(column, from))
        .map(|(_, _, from)| (from, EndMeaning::FirstAfter));
    let instants = std::iter::once((&source.starts, EndMeaning::FirstAfter))
        .chain(ends)
        .chain(values);
    let asked = instants.flat_map(|(from, meaning)| {
        let instants = source.instants(from, meaning);
        let asked = instants.map(|instants| {
            let condition = |count| format!("cardinality({instants}) = {count}");
            let column = &from.column;
            [
                ((column.clone(), Clock::Skips), condition(0)),
                ((column.clone(), Clock::Repeats), condition(2)),
            ]
        });
        asked.into_iter().flatten()
    });
    counting(source, asked)
}

/// What the clocks of a zone do with a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// They never show it.
    Skips,
    /// They show it twice.
    Repeats,
}

/// Counts the versions that are said to be the current one and have an end, and those that are not and
/// have none. `None` if the table does not say which is. Bind: from which instant on an end means that
/// there is none.
#[must_use]
pub fn count_contradictions(contract: &Contract, source: &VersionSource) -> Option<String> {
    let is_current = source.is_current()?;
    Some(format!(
        "select array[\n    \
             count(*) filter (where said.is_current and said.is_ended),\n    \
             count(*) filter (where not said.is_current and not said.is_ended)\n\
         ]::bigint[] as counts\n\
         from (\n    \
             select coalesce({is_current}, false) as is_current,\n        \
                 coalesce({ends} < coalesce($1::timestamptz, 'infinity'), false) as is_ended\n    \
             {rows}\n\
         ) as said",
        ends = source.ends(),
        rows = source.rows(contract),
    ))
}

/// A query for a person: the rows of the source that overlap with the next one of their key, or end before
/// they start. In the source's own columns, as the rows of a takeover that was refused are gone.
#[must_use]
pub fn find_overlapping(
    contract: &Contract,
    source: &VersionSource,
    open_end: Option<DateTime<Utc>>,
) -> String {
    let starts = source.shown(&source.starts, EndMeaning::FirstAfter);
    let mut ends = source.ends.as_ref().map_or_else(
        || "null".to_owned(),
        |ends| {
            let shown = source.shown(ends, source.end_meaning);
            match ends.zoned {
                Zoned::Yes if !is_instant(ends, source.end_meaning) => {
                    format!(
                        "({shown} at time zone {})",
                        text_literal(source.zone.name())
                    )
                }
                _ => shown,
            }
        },
    );
    if let Some(open_end) = open_end {
        ends = format!(
            "case when {ends} < {} then {ends} end",
            text_literal(&open_end.to_rfc3339())
        );
    }
    if let Some(is_current) = source.is_current() {
        ends = format!("case when {is_current} then null else {ends} end");
    }
    let overlaps = match source.ends {
        Some(_) => "ends <= starts or next_starts < coalesce(ends, 'infinity')",
        None => "next_starts = starts",
    };
    let columns = contract
        .key
        .iter()
        .filter_map(|place| source.columns[*place].as_ref());
    let key: Vec<String> = columns
        .map(|from| format!("source.{}", from.column))
        .collect();
    let key = key.join(", ");
    format!(
        "select * from (select source.*, {starts} as starts, {ends} as ends, lead({starts}) over \
         (partition by {key} order by {starts}) as next_starts from {table} as source) as version \
         where {overlaps};",
        table = source.table
    )
}

/// The columns of the contract that the source fills: the place of each, and the column it comes from.
fn filled<'a>(
    contract: &'a Contract,
    source: &'a VersionSource,
) -> impl Iterator<Item = (usize, &'a Column, &'a SourceColumn)> {
    let columns = contract.columns.iter().zip(&source.columns).enumerate();
    columns.filter_map(|(place, (column, from))| Some((place, column, from.as_ref()?)))
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
            (None, Some(from)) => format!("{}::{type_sql}", source.text(column, from)),
            // The table's default, if it has one.
            (None, None) => continue,
        };
        names.push(column.name.to_string());
        values.push(value);
    }
    let ends = match source.is_current() {
        Some(is_current) => format!(
            "case when {is_current} then null else {} end",
            source.ends()
        ),
        None => source.ends().to_owned(),
    };
    format!(
        "insert into {table}\n    \
             ({durable_key}, {names}, effective_start_date, effective_end_date,\n     \
              version_number, load_id, source_line)\n\
         select taken.key, {values}, at.starts, {ends},\n    \
             row_number() over (partition by taken.key order by at.starts), $1,\n    \
             row_number() over (order by taken.key, at.starts)\n\
         {rows}",
        table = contract.table,
        names = names.join(", "),
        values = values.join(", "),
        rows = source.rows(contract),
    )
}

#[cfg(test)]
mod tests;
