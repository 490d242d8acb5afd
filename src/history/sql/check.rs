//! The questions of the check.
//!
//! All that can be asked of the versions of a dimension is asked in one pass over them, in the
//! order of key and start; only where that pass counts something is a second one made, which names
//! the keys.

use super::{attributes_of, key_of};
use crate::contract::{Column, Contract, Ident, Reference, Role};
use crate::history::check::Fault;
use crate::merge::sql::distinct;

/// How many examples of a fault are given.
const EXAMPLES: usize = 5;

/// Counts the versions, the keys, and for each of [`Fault::OF_VERSIONS`], in that order, the
/// versions that it is found at. Bind: the table's name in the ledger.
#[must_use]
pub fn count_versions(contract: &Contract, durable_key: &Ident) -> String {
    let counts: Vec<String> = Fault::OF_VERSIONS
        .iter()
        .map(|fault| format!("count(*) filter (where {})", fault.code()))
        .collect();
    format!(
        "with {versions}\n\
         select count(*) as rows, count(*) filter (where is_first) as keys,\n    \
             array[{counts}] as faults\n\
         from version",
        versions = versions(contract, durable_key),
        counts = counts.join(",\n        ")
    )
}

/// Names the faults of the versions: the code, how many keys have it, and some of these. Bind: the
/// table's name in the ledger.
#[must_use]
pub fn faulty_versions(contract: &Contract, durable_key: &Ident) -> String {
    let asked: Vec<String> = Fault::OF_VERSIONS
        .iter()
        .map(|fault| format!("('{code}', {code})", code = fault.code()))
        .collect();
    format!(
        "with {versions}\n\
         select asked.code, count(distinct version.key) as count,\n    \
             (array_agg(distinct version.key::text))[1:{EXAMPLES}] as examples\n\
         from version\n\
         cross join lateral (values\n    \
             {asked}\n\
         ) as asked (code, found)\n\
         where asked.found\n\
         group by asked.code",
        versions = versions(contract, durable_key),
        asked = asked.join(",\n    ")
    )
}

/// Each version, and what is wrong with it. The columns are called as the codes of
/// [`Fault::OF_VERSIONS`].
fn versions(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "version as (\n    \
             select one.{durable_key} as key,\n        \
                 row_number() over by_start = 1 as is_first,\n        \
                 one.effective_end_date <= one.effective_start_date as ends_before_it_starts,\n        \
                 one.effective_end_date is null\n            \
                     and count(*) filter (where one.effective_end_date is null) over by_key > 1\n            \
                     as several_open,\n        \
                 one.effective_start_date = lag(one.effective_start_date) over by_start as start_together,\n        \
                 one.effective_end_date is not null\n            \
                     and one.effective_start_date < max(one.effective_end_date) over before\n            \
                     as overlap,\n        \
                 one.effective_end_date is null\n            \
                     and one.effective_start_date < max(one.effective_end_date) over by_key\n            \
                     as open_starts_early,\n        \
                 one.effective_start_date = lag(one.effective_end_date) over by_start\n            \
                     and not ({versioned})\n            \
                     as says_the_same,\n        \
                 one.version_number <> row_number() over by_start as misnumbered,\n        \
                 row_number() over by_start > 1 and ({shared}) as shared_value_differs,\n        \
                 load.load_id is null as of_no_load,\n        \
                 one.effective_start_date <> load.effective_at and load.instants = 'shared'\n            \
                     or load.instants = 'own' and said.key is null\n            \
                     as not_of_its_instant\n    \
             from {table} as one\n    \
             left join hayloft.load\n        \
                 on load.load_id = one.load_id and load.status = 'loaded' and load.table_name = $1\n    \
             left join hayloft.observation as said\n        \
                 on load.instants = 'own' and said.key = one.{durable_key}\n        \
                 and said.load_id = one.load_id and said.line = one.source_line\n        \
                 and said.at = one.effective_start_date and said.presence = 'present'\n    \
             window by_key as (partition by one.{durable_key}),\n        \
                 by_start as (partition by one.{durable_key} order by one.effective_start_date),\n        \
                 before as (by_start rows between unbounded preceding and 1 preceding)\n\
         )",
        versioned = differs_from_before(contract, |role| role == Role::Type2),
        shared = differs_from_before(contract, |role| role != Role::Type2),
        table = contract.table
    )
}

/// Whether a column of such a role has another value than in the version before.
fn differs_from_before(contract: &Contract, asked: impl Fn(Role) -> bool) -> String {
    let differs = |column: &Column| {
        let (here, before) = (
            format!("one.{}", column.name),
            format!("lag(one.{}) over by_start", column.name),
        );
        distinct(&column.column_type, &here, &before)
    };
    let columns: Vec<String> = attributes_of(contract)
        .filter(|column| asked(column.role))
        .map(differs)
        .collect();
    if columns.is_empty() {
        return "false".to_owned();
    }
    columns.join(" or ")
}

/// Counts the rows of a fact table.
#[must_use]
pub fn count_facts(contract: &Contract) -> String {
    format!("select count(*) as count from {}", contract.table)
}

/// Names keys that several facts share, by the place that one of them came from.
#[must_use]
pub fn repeated_facts(contract: &Contract) -> String {
    let key: Vec<String> = key_of(contract)
        .map(|column| column.name.to_string())
        .collect();
    places(&format!(
        "select min(load_id) as load_id, min(source_line) as source_line\n    \
             from {table}\n    \
             group by {key}\n    \
             having count(*) > 1",
        table = contract.table,
        key = key.join(", ")
    ))
}

/// Names facts whose load is not in the ledger, or does not count. Bind: the table's name in the
/// ledger.
#[must_use]
pub fn facts_of_no_load(contract: &Contract) -> String {
    places(&format!(
        "select fact.load_id, fact.source_line\n    \
             from {table} as fact\n    \
             where not exists (\n        \
                 select from hayloft.load\n        \
                 where load.load_id = fact.load_id and load.status = 'loaded' and load.table_name = $1\n    \
             )",
        table = contract.table
    ))
}

fn places(query: &str) -> String {
    format!(
        "select count(*) as count,\n    \
             (array_agg(format('load %s, line %s', load_id, source_line) order by load_id, source_line))[1:{EXAMPLES}]\n    \
             as examples\n\
         from (\n    {query}\n\
         ) as fact"
    )
}

/// Names members that facts refer to, and that the dimension does not have.
#[must_use]
pub fn unresolved_facts(contract: &Contract, reference: &Reference) -> String {
    let column = &contract.columns[reference.column].name;
    format!(
        "select count(distinct fact.{column}) as count,\n    \
             (array_agg(distinct fact.{column}::text))[1:{EXAMPLES}] as examples\n\
         from {table} as fact\n\
         where fact.{column} is not null and not exists (\n    \
             select from {dimension} as member where member.{durable_key} = fact.{column}\n\
         )",
        table = contract.table,
        dimension = reference.dimension_table,
        durable_key = reference.durable_key
    )
}

/// Names members that held facts wait for, and that the dimension has. Binds: the fact table's and
/// the dimension's name in the ledger.
#[must_use]
pub fn held_for_members_there(reference: &Reference) -> String {
    format!(
        "select count(distinct waits.dimension_key) as count,\n    \
             (array_agg(distinct waits.dimension_key::text))[1:{EXAMPLES}] as examples\n\
         from hayloft.held_reference as waits\n\
         join hayloft.held_fact as held using (table_name, fact_key)\n\
         where held.reason is null and waits.table_name = $1 and waits.dimension = $2 and exists (\n    \
             select from {dimension} as member where member.{durable_key} = waits.dimension_key\n\
         )",
        dimension = reference.dimension_table,
        durable_key = reference.durable_key
    )
}
