//! The definitions of what a dimension is read through: three views and a function.

use super::{attributes_of, key_of, literal, name_as_text};
use crate::contract::managed::IS_CURRENT;
use crate::contract::{Column, Contract, Ident, QualifiedName};
use crate::merge::sql::distinct;

/// A dimension, with all that a view of it shows.
#[derive(Clone, Copy, Debug)]
pub struct Dimension<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// The column of the durable key.
    pub durable_key: &'a Ident,
    /// All columns of the table, in its own order.
    pub columns: &'a [Ident],
}

/// What a dimension is read through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    /// The open versions.
    Current,
    /// All versions.
    History,
    /// What changed when: a row a change.
    Changes,
    /// The versions that were open at an instant.
    AsOf,
}

/// What Postgres calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind {
    /// A view.
    View,
    /// A function of one instant.
    Function,
}

impl Object {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Current, Self::History, Self::Changes, Self::AsOf];

    /// What Postgres calls it.
    #[must_use]
    pub fn kind(self) -> ObjectKind {
        match self {
            Self::Current | Self::History | Self::Changes => ObjectKind::View,
            Self::AsOf => ObjectKind::Function,
        }
    }

    /// Its name; `None` where Postgres would cut it off.
    #[must_use]
    pub fn name(self, table: &QualifiedName) -> Option<QualifiedName> {
        table.beside(match self {
            Self::Current => "_current",
            Self::History => "_history",
            Self::Changes => "_changes",
            Self::AsOf => "_asof",
        })
    }

    /// The name that it gets where an index has its own: indexes and views share theirs, and an index of the
    /// current versions is often called for them.
    #[must_use]
    pub fn other_name(self, table: &QualifiedName) -> Option<QualifiedName> {
        table.beside(match self {
            Self::Current => "_current_view",
            Self::History => "_history_view",
            Self::Changes => "_changes_view",
            Self::AsOf => "_asof",
        })
    }

    /// Makes it, or gives it this definition where that is possible without making it anew.
    #[must_use]
    pub fn create(self, name: &QualifiedName, dimension: Dimension<'_>) -> String {
        match self {
            Self::Current => view(name, &current(dimension)),
            Self::History => view(name, &history(dimension)),
            Self::Changes => view(name, &changes(dimension)),
            Self::AsOf => as_of(name, dimension),
        }
    }

    /// Drops it, unless somebody built something on it.
    #[must_use]
    pub fn drop(self, name: &QualifiedName) -> String {
        format!("drop {}", self.signature(name))
    }

    /// Puts a comment on it.
    #[must_use]
    pub fn comment(self, name: &QualifiedName, text: &str) -> String {
        format!("comment on {} is {}", self.signature(name), literal(text))
    }

    fn signature(self, name: &QualifiedName) -> String {
        match self.kind() {
            ObjectKind::View => format!("view {name}"),
            ObjectKind::Function => format!("function {name}(timestamptz)"),
        }
    }
}

fn view(name: &QualifiedName, query: &str) -> String {
    format!("create or replace view {name} as\n{query}")
}

fn current(dimension: Dimension<'_>) -> String {
    format!(
        "{}\nwhere version.effective_end_date is null",
        history(dimension)
    )
}

fn history(dimension: Dimension<'_>) -> String {
    let mut columns: Vec<String> = dimension
        .columns
        .iter()
        .map(|name| format!("version.{name}"))
        .collect();
    let has_is_current = dimension
        .columns
        .iter()
        .any(|name| name.name() == IS_CURRENT);
    if !has_is_current {
        columns.push(format!(
            "version.effective_end_date is null as {IS_CURRENT}"
        ));
    }
    format!(
        "select {}\nfrom {} as version",
        columns.join(", "),
        dimension.contract.table
    )
}

/// Not strict, and without settings of its own: otherwise Postgres would not put its text in the
/// place of the call, and so would read the whole table to find one key.
fn as_of(name: &QualifiedName, dimension: Dimension<'_>) -> String {
    let table = &dimension.contract.table;
    let body = format!(
        "select version.*\n\
         from {table} as version\n\
         where version.effective_start_date <= $1\n  \
           and (version.effective_end_date is null or version.effective_end_date > $1)"
    );
    format!(
        "create or replace function {name}(instant timestamptz)\n\
         returns setof {table}\n\
         language sql stable parallel safe\n\
         as {}",
        literal(&body)
    )
}

/// The change at the beginning of each version, and at its end if none begins there. The window is
/// over the durable key, so that a question about one key reads the versions of that key alone.
fn changes(dimension: Dimension<'_>) -> String {
    let key = dimension.durable_key;
    let natural: Vec<String> = key_of(dimension.contract)
        .map(|column| format!("(version.present).{}", column.name))
        .collect();
    format!(
        "select version.{key}, {natural},\n    \
             change.changed_at, change.change, difference.changed_columns,\n    \
             difference.before, difference.after, change.load_id, change.source_line\n\
         from (\n    \
             select one.{key}, one as present,\n        \
                 lag(one) over by_start as earlier,\n        \
                 lead(one.effective_start_date) over by_start as next_start\n    \
             from {table} as one\n    \
             window by_start as (partition by one.{key} order by one.effective_start_date)\n\
         ) as version\n\
         cross join lateral (\n    \
             select (present).effective_start_date as changed_at,\n        \
                 case\n            \
                     when (earlier).{key} is null then 'inserted'\n            \
                     when (earlier).effective_end_date = (present).effective_start_date then 'updated'\n            \
                     else 'reopened'\n        \
                 end as change,\n        \
                 case\n            \
                     when (earlier).effective_end_date = (present).effective_start_date then earlier\n        \
                 end as said_before,\n        \
                 present as said_after,\n        \
                 (present).load_id, (present).source_line\n    \
             union all\n    \
             select (present).effective_end_date, 'closed', present, null, null, null\n    \
             where (present).effective_end_date is not null\n      \
               and next_start is distinct from (present).effective_end_date\n\
         ) as change\n\
         cross join lateral (\n{difference}\n\
         ) as difference\n\
         order by change.changed_at, version.{key}",
        natural = natural.join(", "),
        table = dimension.contract.table,
        difference = difference(dimension)
    )
}

/// The columns whose values differ, of a key that is not there all of them NULL.
fn difference(dimension: Dimension<'_>) -> String {
    let rows: Vec<String> = attributes_of(dimension.contract).map(compared).collect();
    if rows.is_empty() {
        return "    select '{}'::text[] as changed_columns, null::jsonb as before, \
                null::jsonb as after"
            .to_owned();
    }
    let key = dimension.durable_key;
    format!(
        "    select coalesce(array_agg(name order by place), '{{}}') as changed_columns,\n        \
             case when (said_before).{key} is not null then\n            \
                 coalesce(jsonb_object_agg(name, value_before), '{{}}')\n        \
             end as before,\n        \
             case when (said_after).{key} is not null then\n            \
                 coalesce(jsonb_object_agg(name, value_after), '{{}}')\n        \
             end as after\n    \
         from (values\n        \
             {rows}\n    \
         ) as compared (place, name, value_before, value_after, differs)\n    \
         where differs",
        rows = numbered(&rows).join(",\n        ")
    )
}

fn numbered(rows: &[String]) -> Vec<String> {
    let rows = (1..).zip(rows);
    rows.map(|(place, row)| format!("({place}, {row})"))
        .collect()
}

fn compared(column: &Column) -> String {
    let (before, after) = (
        format!("(said_before).{}", column.name),
        format!("(said_after).{}", column.name),
    );
    format!(
        "{name}, to_jsonb({before}), to_jsonb({after}), {differs}",
        name = name_as_text(&column.name),
        differs = distinct(&column.column_type, &before, &after)
    )
}
