//! The statements that depend on the table, as pure functions of its contract.
//!
//! Each is one statement, named for its effect. Names reach it through [`Ident`] alone, values as
//! binds or from the landing table. What each looks like for the tables of the example, and for two
//! of other shapes, is kept in this file's tests; `tests/it/explain.rs` has a server plan each.

mod baseline;
mod dimension;
mod facts;
mod history;
mod landing;
mod takeover;

pub use baseline::*;
pub use dimension::*;
pub use facts::*;
pub use history::*;
pub use landing::*;
pub use takeover::*;

use crate::contract::catalog::Constancy;
use crate::contract::{
    Column, ColumnId, ColumnType, Contract, Effective, Ident, JsonKind, Kind, QualifiedName,
    Reference, Role, Stamp,
};
use crate::ledger::words::Word;
use crate::stage::digest::Form;

/// The temporary table that a file's rows land in.
pub const LANDING: &str = "pg_temp.hayloft_landing";
/// The temporary table of the keys of a dimension that get a new version.
const CHANGE: &str = "pg_temp.hayloft_change";
/// The temporary table of the held facts whose member has come.
const MET: &str = "pg_temp.hayloft_met";

/// A contract, with the columns that the file at hand fills.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// Positions in [`Contract::columns`], in their order.
    pub filled: &'a [usize],
}

impl<'a> Shape<'a> {
    fn filled(&self) -> impl Iterator<Item = &'a Column> {
        self.filled
            .iter()
            .map(|column| &self.contract.columns[*column])
    }

    /// The columns that the file fills, as the ledger calls them.
    #[must_use]
    pub fn ids(&self) -> Vec<&'a str> {
        self.filled().map(|column| column.id.as_str()).collect()
    }

    /// In which form the values of each of these are digested.
    #[must_use]
    pub fn forms(&self) -> Vec<&'static str> {
        let forms = self.filled().map(|column| Form::of(&column.column_type));
        forms.map(Word::word).collect()
    }

    /// Whether there are columns that the file says nothing about.
    #[must_use]
    pub fn has_silent(&self) -> bool {
        self.silent().next().is_some()
    }

    /// The columns that the file says nothing about.
    fn silent(&self) -> impl Iterator<Item = &'a Column> {
        let filled = self.filled;
        let columns = self.contract.columns.iter().enumerate();
        columns
            .filter(move |(place, _)| !filled.contains(place))
            .map(|(_, column)| column)
    }

    /// The places of the columns of which the file says nothing and which have a default that can be
    /// kept.
    pub fn defaulted(&self) -> impl Iterator<Item = usize> {
        let Shape { contract, filled } = *self;
        let has_default = |place: &usize| has_lasting_default(contract, &contract.columns[*place]);
        let silent = (0..contract.columns.len()).filter(|place| !filled.contains(place));
        silent.filter(has_default)
    }

    /// The columns of which neither the file nor the table says anything.
    pub fn without_value(&self) -> impl Iterator<Item = &'a Column> {
        let contract = self.contract;
        self.silent()
            .filter(|column| !has_lasting_default(contract, column))
    }

    /// The filled columns that are compared: a key cannot differ from itself.
    fn compared(&self) -> impl Iterator<Item = &'a Column> {
        let contract = self.contract;
        let columns = self
            .filled
            .iter()
            .filter(|column| !contract.key.contains(column));
        columns.map(|column| &contract.columns[*column])
    }

    /// The compared columns in which a difference opens a version.
    fn versioned(&self) -> impl Iterator<Item = &'a Column> {
        self.compared().filter(|column| column.role == Role::Type2)
    }

    fn key(&self) -> impl Iterator<Item = &'a Column> {
        key_of(self.contract)
    }

    /// Whether rows have instants of their own, or ranks among those of one instant.
    #[must_use]
    pub fn own_instants(&self) -> bool {
        match &self.contract.kind {
            Kind::Dimension { history, .. } => {
                matches!(history.effective, Effective::Column { .. })
                    || !history.sequence.is_empty()
            }
            Kind::Fact { .. } => false,
        }
    }
}

/// Whether a column has a default that is the same for all rows of a load, so that the load can keep it.
fn has_lasting_default(contract: &Contract, column: &Column) -> bool {
    let default = contract.default_of(column);
    default.is_some_and(|default| default.constancy == Constancy::OfTransaction)
}

fn key_of(contract: &Contract) -> impl Iterator<Item = &Column> {
    contract.key.iter().map(|column| &contract.columns[*column])
}

// ---- facts ---------------------------------------------------------------------------------

/// Moves the rows of facts that are held already from the landing table into what is held: the
/// older row stays as far as the newer one says nothing. A row that says nothing new leaves what is
/// held as it is. Binds: the fact table's name, the load, the ids of the columns that the file fills.
pub const JOIN_HELD: &str = "with hayloft_newer as (
    delete from pg_temp.hayloft_landing as landing
    using pg_temp.hayloft_joined as joined
    where joined.hayloft_key = landing.hayloft_key
    returning landing.*, joined.hayloft_differs
)
update hayloft.held_fact as held
set load_id = $2, source_line = hayloft_newer.hayloft_line, held_at = clock_timestamp(),
    reason = case when held.misfits - $3::text[] <> '{}' then held.reason end,
    row = held.row || (to_jsonb(hayloft_newer) - 'hayloft_key' - 'hayloft_line' - 'hayloft_differs'),
    misfits = held.misfits - $3::text[]
from hayloft_newer
where hayloft_newer.hayloft_differs
  and held.table_name = $1 and held.fact_key = hayloft_newer.hayloft_key";

/// Forgets what the held facts that this load touched were waiting for. Binds: the fact table's
/// name, the load.
pub const FORGET_AWAITED: &str = "delete from hayloft.held_reference as waits
using hayloft.held_fact as held
where held.table_name = $1 and held.load_id = $2
  and waits.table_name = held.table_name and waits.fact_key = held.fact_key";

/// Takes out the rows whose member is unknown, and names their lines.
#[must_use]
pub fn remove_unresolved(contract: &Contract, reference: &Reference) -> String {
    format!(
        "delete from {LANDING} as landing\n\
         where {}\n\
         returning landing.hayloft_line as line",
        unresolved(contract, reference, "landing")
    )
}

/// Moves the rows of which a member is unknown from the landing table to the ledger, once
/// [`JOIN_HELD`] has taken those that an older row waits for there. Binds: the fact table's name,
/// the load.
#[must_use]
pub fn hold_unresolved(contract: &Contract, references: &[&Reference]) -> String {
    let conditions: Vec<String> = references
        .iter()
        .map(|reference| unresolved(contract, reference, "landing"))
        .collect();
    format!(
        "with hayloft_waiting as (\n    \
             delete from {LANDING} as landing\n    \
             where {}\n    \
             returning landing.*\n\
         )\n\
         insert into hayloft.held_fact (table_name, fact_key, load_id, source_line, row)\n\
         select $1, hayloft_key, $2, hayloft_line, to_jsonb(hayloft_waiting) - 'hayloft_key' - 'hayloft_line'\n\
         from hayloft_waiting",
        conditions.join("\n       or ")
    )
}

/// Which held facts are asked for what they wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holding {
    /// Those that the load touched. A third bind: the load.
    OfLoad,
    /// Those that a refold holds.
    Refolded,
    /// Those that name a member among the touched keys of its dimension.
    OfTouchedMembers,
}

/// Notes which members held facts are waiting for. A fact with a value that its table does not take is
/// tried again when the dimension speaks of its member, which may be there. Binds: the fact table's name,
/// the dimension's name, and that of [`Holding`].
#[must_use]
pub fn note_awaited(contract: &Contract, reference: &Reference, holding: Holding) -> String {
    let column = &contract.columns[reference.column].name;
    let whose = match holding {
        Holding::OfLoad => "held_fact.load_id = $3".to_owned(),
        Holding::Refolded => is_held_by_refold(),
        Holding::OfTouchedMembers => format!(
            "exists (select from {TOUCHED} as touched where touched.key = (held_fact.row ->> {name})::uuid)",
            name = literal(column)
        ),
    };
    format!(
        "insert into hayloft.held_reference (table_name, fact_key, dimension, dimension_key)\n\
         select held_fact.table_name, held_fact.fact_key, $2, (held_fact.row ->> {name})::uuid\n\
         from hayloft.held_fact\n\
         where held_fact.table_name = $1 and {whose}\n  \
           and held_fact.row ->> {name} is not null\n  \
           and (held_fact.misfits <> '{{}}' or not exists (\n      \
               select from {dimension} as member\n      \
               where member.{durable_key} = (held_fact.row ->> {name})::uuid\n  \
           ))\n\
         on conflict do nothing",
        name = literal(column),
        dimension = reference.dimension_table,
        durable_key = reference.durable_key
    )
}

/// Writes the new values over the facts that differ from them, once [`find_changed_facts`] has
/// found these. Binds: the instant, the load.
#[must_use]
pub fn update_facts(shape: Shape<'_>) -> String {
    let values: Vec<String> = shape
        .compared()
        .map(|column| format!("{} = {}", column.name, landed(column)))
        .collect();
    format!(
        "update {table} as fact\n\
         set {values}{updated_at},\n    load_id = $2, source_line = landing.hayloft_line\n\
         from {CHANGED_FACT} as landing\n\
         where {same}",
        table = shape.contract.table,
        values = values.join(",\n    "),
        updated_at = updated_at(shape.contract, "$1"),
        same = same_key(shape.key(), "fact", "landing"),
    )
}

/// Inserts the facts that are not there. Binds: the instant, the load.
#[must_use]
pub fn insert_facts(shape: Shape<'_>) -> String {
    let columns: Vec<String> = shape
        .filled()
        .map(|column| column.name.to_string())
        .collect();
    let values: Vec<String> = shape.filled().map(landed).collect();
    let order: Vec<String> = shape
        .key()
        .map(|column| format!("landing.{}", column.name))
        .collect();
    let (stamps, instants) = stamps(shape.contract, "$1");
    format!(
        "insert into {table}\n    ({columns}{stamps}, load_id, source_line)\n\
         select {values}{instants}, $2, landing.hayloft_line\n\
         from {LANDING} as landing\n\
         where not exists (select from {table} as fact where {same})\n\
         order by {order}",
        table = shape.contract.table,
        columns = columns.join(", "),
        values = values.join(", "),
        same = same_key(shape.key(), "fact", "landing"),
        order = order.join(", ")
    )
}

// ---- held facts whose member has come ------------------------------------------------------

/// Where the keys of which a load spoke are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spoken {
    /// In the statement's bind, an array.
    Sent,
    /// Among the landed keys that were new or changed.
    Change,
    /// Among those that were refolded.
    Touched,
    /// They are all that the table has.
    Table,
}

/// Lists the members of which a load spoke, for the facts that may wait for them. Bind: the keys
/// that were sent.
#[must_use]
pub fn list_members(dimension: &Contract, durable_key: &Ident, spoken: &[Spoken]) -> String {
    let sources: Vec<String> = spoken
        .iter()
        .map(|spoken| match spoken {
            Spoken::Sent => "select unnest($1::uuid[]) as key".to_owned(),
            Spoken::Change => format!("select hayloft_key as key from {CHANGE}"),
            Spoken::Touched => format!("select key from {TOUCHED}"),
            Spoken::Table => format!("select {durable_key} as key from {}", dimension.table),
        })
        .collect();
    format!(
        "create temporary table hayloft_member on commit drop as\n\
         select distinct spoken.key\n\
         from (\n    {sources}\n) as spoken\n\
         where exists (select from {table} as version where version.{durable_key} = spoken.key)",
        sources = sources.join("\n    union all "),
        table = dimension.table
    )
}

/// Takes away the table that [`list_members`] made: loads may share a transaction.
pub const DROP_MEMBERS: &str = "drop table pg_temp.hayloft_member";

/// Takes off the members that this load brought from what held facts wait for. A fact with a value that
/// its table does not take waits on. Binds: the fact table's name, the dimension's name.
pub const MEET_MEMBERS: &str = "create temporary table hayloft_met on commit drop as
select distinct waits.fact_key
from hayloft.held_reference as waits
join pg_temp.hayloft_member as member on member.key = waits.dimension_key
join hayloft.held_fact as held using (table_name, fact_key)
where held.misfits = '{}' and waits.table_name = $1 and waits.dimension = $2";

/// See [`MEET_MEMBERS`]; the second half of the same step.
pub const FORGET_MET: &str = "delete from hayloft.held_reference as waits
using pg_temp.hayloft_member as member, pg_temp.hayloft_met as met
where member.key = waits.dimension_key and met.fact_key = waits.fact_key
  and waits.table_name = $1 and waits.dimension = $2";

/// Takes away the table that [`MEET_MEMBERS`] made: a dimension may have several fact tables.
pub const DROP_MET: &str = "drop table pg_temp.hayloft_met";

/// Lists the held facts that this load touched and that wait for nothing more. It makes the same
/// table as [`MEET_MEMBERS`]. Binds: the fact table's name, the load.
pub const MEET_JOINED: &str = "create temporary table hayloft_met on commit drop as
select held.fact_key
from hayloft.held_fact as held
where held.table_name = $1 and held.load_id = $2 and held.misfits = '{}'
  and not exists (
      select from hayloft.held_reference as waits
      where waits.table_name = held.table_name and waits.fact_key = held.fact_key
  )";

/// Of which columns the held facts speak that wait for nothing more: each set of columns once. Bind: the fact
/// table's name.
#[must_use]
pub fn read_columns_of_met(contract: &Contract) -> String {
    let speaks = contract
        .columns
        .iter()
        .map(|column| format!("held.row ? {}", literal(&column.name)));
    format!(
        "select distinct array[{speaks}]::boolean[] as speaks\n\
         from {MET} as met\n\
         join hayloft.held_fact as held on held.table_name = $1 and held.fact_key = met.fact_key\n\
         order by speaks",
        speaks = speaks.collect::<Vec<_>>().join(", ")
    )
}

/// Loads the held facts that wait for nothing more and speak of these columns alone: each as it came, with
/// the load and line that brought it. What the ledger has to keep of the facts that they are written over,
/// it keeps, and at which instant each was let in: that of its own load, or of its member's if that is
/// later. Binds: the instant of the member's load, the fact table's name. One row comes back, with how many
/// there were, how many of them were inserted, updated with other values, and updated at all, and how many
/// of the facts that they are written over no load brought.
#[must_use]
pub fn release_held(shape: Shape<'_>) -> String {
    let contract = shape.contract;
    let (stamps, instants) = stamps(contract, "hayloft_at");
    let own = joined_names(shape.filled(), "");
    format!(
        "with ready as (\n    \
             delete from hayloft.held_fact as held\n    \
             using {MET} as met\n    \
             where held.table_name = $2 and held.fact_key = met.fact_key\n      \
               and held.row ?& {spoken} and not held.row ?| {silent}\n      \
               and not exists (\n          \
                   select from hayloft.held_reference as waits\n          \
                   where waits.table_name = held.table_name and waits.fact_key = held.fact_key\n      \
               )\n    \
             returning held.fact_key, held.row, held.load_id, held.source_line\n\
         ), arriving as (\n    \
             select ready.fact_key as hayloft_key, ready.load_id as hayloft_load,\n        \
                 ready.source_line as hayloft_line, load.effective_at as hayloft_said_at,\n        \
                 greatest(load.effective_at, $1) as hayloft_at, {populated}\n    \
             from ready\n    \
             join hayloft.load on load.load_id = ready.load_id\n    \
             cross join lateral jsonb_populate_record(null::{table}, ready.row) as populated\n\
         ), known as (\n    \
             select arriving.*, fact.load_id as hayloft_old_load, fact.source_line as hayloft_old_line,\n        \
                 {said} as hayloft_said,\n        \
                 ({differ}) as hayloft_differs\n    \
             from arriving\n    \
             join {table} as fact on {same}\n\
         ), remembered as (\n    \
             insert into hayloft.payload (key, load_id, line, row)\n    \
             select hayloft_key, hayloft_old_load, hayloft_old_line, hayloft_said\n    \
             from known\n    \
             where exists ({brought})\n    \
             on conflict (key, load_id, line) do update\n    \
             set row = excluded.row || payload.row\n    \
             where not payload.row ?& array(select jsonb_object_keys(excluded.row))\n\
         ), let_in as (\n    \
             insert into hayloft.let_in (key, load_id, at)\n    \
             select hayloft_key, hayloft_load, hayloft_at\n    \
             from arriving\n    \
             where hayloft_at > hayloft_said_at\n    \
             on conflict do nothing\n\
         ), changed as (\n    \
             update {table} as fact\n    \
             set {values}{updated_at},\n        \
                 load_id = arriving.hayloft_load, source_line = arriving.hayloft_line\n    \
             from known as arriving\n    \
             where {same}\n    \
             returning arriving.hayloft_differs as differs\n\
         ), added as (\n    \
             insert into {table} ({own}{stamps}, load_id, source_line)\n    \
             select {own}{instants}, hayloft_load, hayloft_line\n    \
             from arriving\n    \
             where not exists (select from {table} as fact where {same})\n    \
             returning 1\n\
         )\n\
         select (select count(*) from ready) as count,\n    \
             (select count(*) from added) as inserted,\n    \
             (select count(*) from changed where differs) as updated,\n    \
             (select count(*) from changed) as written,\n    \
             (select count(*) from known where not exists ({brought})) as unknown",
        brought = "select from hayloft.load \
                   where load_id = hayloft_old_load and table_name = $2 and status = 'loaded'",
        spoken = name_texts(shape.filled()),
        silent = name_texts(shape.silent()),
        populated = joined_names(shape.filled(), "populated."),
        table = contract.table,
        said = said(contract, "fact"),
        values = released_values(shape),
        updated_at = updated_at(contract, "arriving.hayloft_at"),
        same = same_key(key_of(contract), "fact", "arriving"),
        differ = released_differences(shape),
    )
}

fn released_values(shape: Shape<'_>) -> String {
    let value = |column: &Column| format!("{name} = arriving.{name}", name = column.name);
    let values: Vec<String> = shape.filled().map(value).collect();
    values.join(",\n        ")
}

fn released_differences(shape: Shape<'_>) -> String {
    let difference = |column: &Column| {
        let (left, right) = (
            format!("arriving.{}", column.name),
            format!("fact.{}", column.name),
        );
        distinct(&column.column_type, &left, &right)
    };
    let differences: Vec<String> = shape.filled().map(difference).collect();
    differences.join("\n        or ")
}

// ---- shared parts --------------------------------------------------------------------------

fn differs(column: &Column, other: &str) -> String {
    distinct(
        &column.column_type,
        &landed(column),
        &format!("{other}.{}", column.name),
    )
}

/// NULL-safe, by value: NULL differs from every value and not from NULL. Types that may have no
/// equality are compared by what equality there is.
pub(crate) fn distinct(column_type: &ColumnType, left: &str, right: &str) -> String {
    match column_type {
        ColumnType::Json(JsonKind::Text) => {
            format!("{left}::jsonb is distinct from {right}::jsonb")
        }
        ColumnType::Other(_) => distinct_texts(left, right),
        ColumnType::Enum { .. } => {
            let (left, right) = (
                comparable(column_type, left),
                comparable(column_type, right),
            );
            format!("{left} is distinct from {right}")
        }
        _ => format!("{left} is distinct from {right}"),
    }
}

/// A value as something that has an equality. Postgres finds none for a domain over an enum.
fn comparable(column_type: &ColumnType, value: &str) -> String {
    match column_type {
        ColumnType::Enum { sql, .. } => format!("{value}::{sql}"),
        _ => value.to_owned(),
    }
}

/// Some collations take texts for equal that are not the same.
fn distinct_texts(left: &str, right: &str) -> String {
    const EXACTLY: &str = "collate pg_catalog.\"C\"";
    format!("{left}::text {EXACTLY} is distinct from {right}::text {EXACTLY}")
}

fn unresolved(contract: &Contract, reference: &Reference, row: &str) -> String {
    let column = &contract.columns[reference.column].name;
    format!(
        "{row}.{column} is not null and not exists (select from {dimension} as member \
         where member.{durable_key} = {row}.{column})",
        dimension = reference.dimension_table,
        durable_key = reference.durable_key
    )
}

fn same_key<'a>(key: impl Iterator<Item = &'a Column>, left: &str, right: &str) -> String {
    let same = |column: &Column| {
        let of = |row: &str| comparable(&column.column_type, &format!("{row}.{}", column.name));
        format!("{} = {}", of(left), of(right))
    };
    key.map(same).collect::<Vec<_>>().join(" and ")
}

fn names(columns: &[Column], prefix: &str) -> String {
    joined_names(columns.iter(), prefix)
}

fn joined_names<'a>(columns: impl Iterator<Item = &'a Column>, prefix: &str) -> String {
    columns
        .map(|column| format!("{prefix}{}", column.name))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Their names as an array of texts, for looking into a jsonb row.
fn name_texts<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    let names: Vec<String> = columns.map(|column| literal(&column.name)).collect();
    format!("array[{}]::text[]", names.join(", "))
}

/// A fact that was let in may have the instant of its member, which is later than its own.
fn updated_at(contract: &Contract, instant: &str) -> String {
    match &contract.kind {
        Kind::Fact { stamps, .. } if stamps.updated_at == Stamp::Kept => {
            format!(",\n    updated_at = greatest(fact.updated_at, {instant})")
        }
        _ => String::new(),
    }
}

/// The columns and values of the time stamps that the fact table has, each with its comma.
fn stamps(contract: &Contract, instant: &str) -> (String, String) {
    let Kind::Fact { stamps, .. } = &contract.kind else {
        return Default::default();
    };
    let kept = [
        ("created_at", stamps.created_at),
        ("updated_at", stamps.updated_at),
    ];
    let kept = kept.iter().filter(|(_, stamp)| *stamp == Stamp::Kept);
    kept.map(|(name, _)| (format!(", {name}"), format!(", {instant}")))
        .unzip()
}

/// A column's name as a text, for looking into a jsonb row.
fn literal(name: &Ident) -> String {
    text_literal(name.name())
}

/// What the ledger calls a column, as a text.
fn id_literal(id: &ColumnId) -> String {
    text_literal(&id.to_string())
}

/// A text as SQL.
fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The table, for `analyze` and `exists`.
#[must_use]
pub fn is_empty(table: &QualifiedName) -> String {
    format!("select not exists (select from {table}) as answer")
}

/// Has the table for this transaction alone, if nobody at all works with it: whoever waits for it
/// stops those who come after, and a load waits for nobody's long query.
#[must_use]
pub fn lock_alone(table: &QualifiedName) -> String {
    format!("lock table {table} in access exclusive mode nowait")
}

/// Keeps tables as they are until the end of the transaction; others may write rows meanwhile.
#[must_use]
pub fn lock_tables(contracts: &[&Contract]) -> String {
    let tables: Vec<String> = contracts.iter().map(|it| it.table.to_string()).collect();
    format!("lock table {} in row exclusive mode", tables.join(", "))
}

#[cfg(test)]
pub(crate) mod tests;
