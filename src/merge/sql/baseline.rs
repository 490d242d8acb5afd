//! The statements that write down what a column held when it was first seen.

use super::takeover::is_unknown;
use crate::contract::{Column, Contract, Ident, Role};

/// Writes down that each version had a value in the column, from the first of its key that has one. Of
/// a column that shows one value in all versions, that of the first version speaks. Bind: the load.
#[must_use]
pub fn state_baseline(contract: &Contract, durable_key: &Ident, column: &Column) -> String {
    let (table, name) = (&contract.table, &column.name);
    let from = if column.role == Role::Type2 {
        format!("min(stated.effective_start_date) filter (where stated.{name} is not null)")
    } else {
        "min(stated.effective_start_date)".to_owned()
    };
    let which = if column.role == Role::Type2 {
        ">="
    } else {
        "="
    };
    format!(
        "insert into hayloft.observation (key, at, load_id, line, presence)\n\
         select version.{durable_key}, version.effective_start_date, $1, version.version_number, 'present'\n\
         from (\n    \
             select stated.{durable_key} as key, {from} as starts\n    \
             from {table} as stated\n    \
             group by stated.{durable_key}\n    \
             having bool_or(stated.{name} is not null)\n\
         ) as first\n\
         join {table} as version\n    \
             on version.{durable_key} = first.key and version.effective_start_date {which} first.starts\n\
         order by version.{durable_key}"
    )
}

/// Touches the keys that have a version which may be none without the column that is gone, or with its
/// new type: it says what the one right before it says, or differs only where that one had no value, or
/// perhaps a default, which may be filled in. A key with a version that no load brought is left alone: nobody said what would
/// be left of it. Bind: the table's name.
#[must_use]
pub fn touch_mergeable(contract: &Contract, durable_key: &Ident) -> String {
    let versioned = |place: &usize| {
        !contract.key.contains(place) && contract.columns[*place].role == Role::Type2
    };
    let places = (0..contract.columns.len()).filter(versioned);
    let columns = places.map(|place| &contract.columns[place]);
    let same: Vec<String> = columns
        .map(|column| {
            let (next, version) = (
                format!("next.{}", column.name),
                format!("version.{}", column.name),
            );
            let differs = super::distinct(&column.column_type, &next, &version);
            let may_be_default = format!(
                "exists (select from hayloft.load where table_name = $1 and defaults ? {})",
                super::id_literal(&column.id)
            );
            format!("\n  and ({version} is null or not ({differs}) or {may_be_default})")
        })
        .collect();
    format!(
        "insert into {touched} (key)\n\
         select distinct version.{durable_key}\n\
         from {table} as version\n\
         join {table} as next\n    \
             on next.{durable_key} = version.{durable_key}\n    \
             and next.effective_start_date = version.effective_end_date\n\
         where not exists (
    \
             select from {table} as stranger
    \
             where stranger.{durable_key} = version.{durable_key} and {unknown}
\
         ){same}",
        touched = super::TOUCHED,
        table = contract.table,
        unknown = is_unknown("stranger"),
        same = same.concat()
    )
}

/// Keeps the value of a column that shows one value in all versions, where it shows several: the one
/// that such a column shows is that of the newest version, or of the first. Binds: the load, the id of
/// the column.
#[must_use]
pub fn keep_baseline(contract: &Contract, durable_key: &Ident, column: &Column) -> String {
    let (table, name) = (&contract.table, &column.name);
    let order = if column.role == Role::Type0 {
        "asc"
    } else {
        "desc"
    };
    let value = super::history::texts(std::iter::once((column, format!("version.{name}"))));
    format!(
        "insert into hayloft.payload (key, load_id, line, row)\n\
         select observed.key, observed.load_id, observed.line, jsonb_build_object($2::text, shown.value)\n\
         from hayloft.observation as observed\n\
         cross join lateral (\n    \
             select ({value})[1] as value\n    \
             from {table} as version\n    \
             where version.{durable_key} = observed.key\n    \
             order by version.effective_start_date {order}\n    \
             limit 1\n\
         ) as shown\n\
         where observed.load_id = $1"
    )
}
