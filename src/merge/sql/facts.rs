//! The statements by which the ledger keeps what facts said, and those of a refold of facts: what
//! touches which, what is read of them, what is written.

use std::fmt::Write as _;

use super::history::{DELETED, INSERTED, REWRITTEN, texts, typed};
use super::{
    LANDING, Shape, TOUCHED, comparable, differs, distinct, id_literal, joined_names, key_of,
    landed, literal, name_texts, same_key, stamps, updated_at,
};
use crate::contract::{Column, Contract, Kind, Reference, Stamp};

/// The temporary table of the facts that differ from what landed.
pub(super) const CHANGED_FACT: &str = "pg_temp.hayloft_changed_fact";
/// The temporary table of what becomes of facts.
const REFOLD: &str = "pg_temp.hayloft_refolded_fact";

/// What becomes of a held row: words beside [`DELETED`], [`REWRITTEN`] and [`INSERTED`].
pub const HELD: &str = "held";
/// See [`HELD`].
pub const NOT_HELD: &str = "not held";

/// The columns of the table of what becomes of facts, before those of the contract.
pub const FACT_REFOLD_COLUMNS: [&str; 8] = [
    "hayloft_key",
    "hayloft_fate",
    "hayloft_load",
    "hayloft_line",
    "hayloft_created",
    "hayloft_updated",
    "hayloft_silent",
    "hayloft_misfits",
];

// ---- what a load in order leaves behind ----------------------------------------------------------

/// Finds the facts that differ from the landed rows, with what they say now. `None` when the file
/// gives nothing but the key.
#[must_use]
pub fn find_changed_facts(shape: Shape<'_>) -> Option<String> {
    let changed: Vec<String> = shape
        .compared()
        .map(|column| differs(column, "fact"))
        .collect();
    if changed.is_empty() {
        return None;
    }
    Some(format!(
        "create temporary table hayloft_changed_fact on commit drop as\n\
         select landing.*, fact.load_id as hayloft_old_load, fact.source_line as hayloft_old_line,\n    \
             {said} as hayloft_said\n\
         from {LANDING} as landing\n\
         join {table} as fact on {same}\n\
         where {changed}",
        said = said(shape.contract, "fact"),
        table = shape.contract.table,
        same = same_key(shape.key(), "fact", "landing"),
        changed = changed.join("\n   or ")
    ))
}

/// Whether the load has found facts that differ from what landed.
pub const HAS_CHANGED_FACTS: &str =
    "select to_regclass('pg_temp.hayloft_changed_fact') is not null as answer";

/// The first lines of the file that change a fact. Bind: how many.
pub const SAMPLE_CHANGED_FACTS: &str = "select hayloft_line as line
from pg_temp.hayloft_changed_fact
order by hayloft_line
limit $1";

/// Some of the facts that were changed, in the order of their lines: what they were, and once
/// [`super::update_facts`] is done what they are. Bind: how many.
#[must_use]
pub fn read_changed_facts(shape: Shape<'_>) -> String {
    let contract = shape.contract;
    let before = contract
        .columns
        .iter()
        .map(|column| format!("changed.hayloft_said ->> {}", id_literal(&column.id)));
    format!(
        "select changed.hayloft_key as key, changed.hayloft_line as line, {after} as cells,\n    \
             changed.hayloft_old_load as old_load, changed.hayloft_old_line as old_line,\n    \
             old.effective_at as old_at, array[{before}]::text[] as old_cells\n\
         from {CHANGED_FACT} as changed\n\
         join {table} as fact on {same}\n\
         join hayloft.load as old on old.load_id = changed.hayloft_old_load\n\
         order by changed.hayloft_line\n\
         limit $1",
        after = texts(values(contract, "fact")),
        before = joined(before),
        table = contract.table,
        same = same_key(shape.key(), "fact", "changed"),
    )
}

/// Some of the facts that landed rows have brought, in the order of their lines. Binds: how many, the
/// load.
#[must_use]
pub fn read_inserted_facts(shape: Shape<'_>) -> String {
    let unchanged = if shape.compared().next().is_some() {
        format!(
            "\n  and not exists (\n      \
                 select from {CHANGED_FACT} as changed where changed.hayloft_key = landing.hayloft_key)"
        )
    } else {
        String::new()
    };
    format!(
        "select landing.hayloft_key as key, landing.hayloft_line as line, {cells} as cells\n\
         from {LANDING} as landing\n\
         join {table} as fact on {same}\n\
         where fact.load_id = $2{unchanged}\n\
         order by landing.hayloft_line\n\
         limit $1",
        cells = texts(values(shape.contract, "fact")),
        table = shape.contract.table,
        same = same_key(shape.key(), "fact", "landing"),
    )
}

/// Some of the rows of a load that wait, in the order of their lines: of which columns they speak, and
/// what they say; and the same of the row that waited before, if one did. Binds: how many, the load, the
/// fact table's name.
#[must_use]
pub fn read_rows_held(contract: &Contract) -> String {
    let columns = contract.columns.iter();
    let speaks = columns.map(|column| format!("held.row ? {}", literal(&column.name)));
    let ids = || contract.columns.iter().map(|column| id_literal(&column.id));
    format!(
        "select held.fact_key as key, held.source_line as line,\n    \
             array[{speaks}]::boolean[] as speaks, {cells} as cells,\n    \
             joined.hayloft_old_load as old_load, joined.hayloft_old_line as old_line,\n    \
             old.effective_at as old_at,\n    \
             array[{old_speaks}]::boolean[] as old_speaks, array[{old_cells}]::text[] as old_cells\n\
         from hayloft.held_fact as held\n\
         cross join lateral jsonb_populate_record(null::{table}, held.row) as waiting\n\
         left join pg_temp.hayloft_joined as joined on joined.hayloft_key = held.fact_key\n\
         left join hayloft.load as old on old.load_id = joined.hayloft_old_load\n\
         where held.table_name = $3 and held.load_id = $2\n\
         order by held.source_line\n\
         limit $1",
        speaks = joined(speaks),
        cells = texts(values(contract, "waiting")),
        old_speaks = joined(ids().map(|id| format!("coalesce(joined.hayloft_said ? {id}, false)"))),
        old_cells = joined(ids().map(|id| format!("joined.hayloft_said ->> {id}"))),
        table = contract.table,
    )
}

/// Counts the landed rows that are not in the table, or with other values.
#[must_use]
pub fn count_lost_facts(shape: Shape<'_>) -> String {
    let mut same = same_key(shape.key(), "fact", "landing");
    for column in shape.compared() {
        let _ = write!(same, "\n      and not ({})", differs(column, "fact"));
    }
    format!(
        "select count(*) as count\n\
         from {LANDING} as landing\n\
         where not exists (\n    select from {table} as fact\n    where {same}\n)",
        table = shape.contract.table,
    )
}

/// The loads that these facts are of.
pub const LOADS_OF_CHANGED_FACTS: &str = "select distinct hayloft_old_load as load_id
from pg_temp.hayloft_changed_fact";

/// Keeps what the rows said that the changed facts are from, and what these have in columns of which no
/// row spoke: also in one that came after the row's words were first kept.
pub const REMEMBER_CHANGED: &str = "insert into hayloft.payload (key, load_id, line, row)
select hayloft_key, hayloft_old_load, hayloft_old_line, hayloft_said
from pg_temp.hayloft_changed_fact
on conflict (key, load_id, line) do update
set row = excluded.row || payload.row
where not payload.row ?& array(select jsonb_object_keys(excluded.row))";

/// Finds the landed rows whose facts are held already, whether they say something new, and what the
/// held row says. Bind: the fact table's name.
#[must_use]
pub fn find_joined(shape: Shape<'_>) -> String {
    let differs: Vec<String> = shape
        .compared()
        .map(|column| {
            let stands = format!(
                "(case when held.row ? {name} then waiting.{column} else fact.{column} end)",
                name = literal(&column.name),
                column = column.name
            );
            format!(
                "held.misfits ? {id} or {}",
                distinct(&column.column_type, &landed(column), &stands),
                id = id_literal(&column.id),
            )
        })
        .collect();
    let differs = if differs.is_empty() {
        "false".to_owned()
    } else {
        differs.join("\n        or ")
    };
    format!(
        "create temporary table hayloft_joined on commit drop as\n\
         select landing.hayloft_key, held.load_id as hayloft_old_load,\n    \
             held.source_line as hayloft_old_line,\n    \
             ({said}\n        \
                 - array(\n            \
                     select waits.id from unnest({ids}, {names}) as waits (id, name)\n            \
                     where not held.row ? waits.name\n        \
                 )) || held.misfits as hayloft_said,\n    \
             array(select jsonb_object_keys(held.misfits)) as hayloft_misfits,\n    \
             ({differs}) as hayloft_differs\n\
         from {LANDING} as landing\n\
         join hayloft.held_fact as held on held.table_name = $1 and held.fact_key = landing.hayloft_key\n\
         cross join lateral jsonb_populate_record(null::{table}, held.row) as waiting\n\
         left join {table} as fact on {same}",
        said = said(shape.contract, "waiting"),
        ids = id_texts(shape.contract),
        names = name_texts(shape.contract.columns.iter()),
        table = shape.contract.table,
        same = same_key(shape.key(), "fact", "landing"),
    )
}

/// Keeps what the held rows said that newer ones now join.
pub const REMEMBER_JOINED: &str = "insert into hayloft.payload (key, load_id, line, row, misfits)
select hayloft_key, hayloft_old_load, hayloft_old_line, hayloft_said, hayloft_misfits
from pg_temp.hayloft_joined
where hayloft_differs
on conflict do nothing";

/// A row's values as the ledger keeps them: texts by the ids of their columns. An array, since a
/// row may have more columns than a function takes arguments.
pub(super) fn said(contract: &Contract, row: &str) -> String {
    format!(
        "jsonb_object({ids}, {values})",
        ids = id_texts(contract),
        values = texts(values(contract, row))
    )
}

// ---- which facts are touched ---------------------------------------------------------------------

/// Makes the table of the touched facts: the key that the ledger has, and as texts the natural key
/// that the table has.
#[must_use]
pub fn create_touched_facts(contract: &Contract) -> String {
    let mut sql = "create temporary table hayloft_touched (\n    key uuid primary key".to_owned();
    for part in touched_parts(contract) {
        let _ = write!(sql, ",\n    {part} text not null");
    }
    sql.push_str("\n) on commit drop");
    sql
}

/// The columns of the table of touched facts after the first, one for each part of the natural key.
pub fn touched_parts(contract: &Contract) -> impl Iterator<Item = String> {
    (1..=contract.key.len()).map(|part| format!("hayloft_part_{part}"))
}

/// Touches the facts of which the ledger keeps what a load said. Bind: the load.
#[must_use]
pub fn touch_remembered_facts(contract: &Contract) -> String {
    let parts =
        key_of(contract).map(|column| format!("payload.row ->> {}", id_literal(&column.id)));
    format!(
        "insert into {TOUCHED}\n\
         select payload.key, {parts}\n\
         from hayloft.payload\n\
         where payload.load_id = $1\n\
         on conflict do nothing",
        parts = joined(parts)
    )
}

/// The key of a row of which the ledger keeps what a load said, and its natural key as texts. Bind:
/// the load.
#[must_use]
pub fn read_remembered_key(contract: &Contract) -> String {
    let part = |column: &Column| format!("payload.row ->> {}", id_literal(&column.id));
    let known = |column: &Column| format!("payload.row ? {}", id_literal(&column.id));
    format!(
        "select payload.key, array[{parts}]::text[] as cells\n\
         from hayloft.payload\n\
         where payload.load_id = $1 and {known}\n\
         limit 1",
        parts = joined(key_of(contract).map(part)),
        known = key_of(contract)
            .map(known)
            .collect::<Vec<_>>()
            .join(" and "),
    )
}

/// Of what the ledger keeps of a load, a value for the natural key that its column does not take: whoever
/// needs it cannot find the fact. Binds: the load, the fact table's name.
#[must_use]
pub fn read_misfit_key(contract: &Contract) -> String {
    format!(
        "select misfit.line, misfit.id as column\n\
         from (\n    \
             select payload.line, unnest(payload.misfits) as id\n    \
             from hayloft.payload\n    \
             where payload.load_id = $1\n    \
             union all\n    \
             select held.source_line, jsonb_object_keys(held.misfits)\n    \
             from hayloft.held_fact as held\n    \
             where held.table_name = $2 and held.load_id = $1\n\
         ) as misfit\n\
         where misfit.id = any ({ids})\n\
         order by misfit.line\n\
         limit 1",
        ids = key_ids(contract)
    )
}

/// Touches the facts of which a row of a load waits. Binds: the fact table's name, the load.
#[must_use]
pub fn touch_held_facts(contract: &Contract) -> String {
    let parts = key_of(contract).map(|column| format!("waiting.{}::text", column.name));
    format!(
        "insert into {TOUCHED}\n\
         select held.fact_key, {parts}\n\
         from hayloft.held_fact as held\n\
         cross join lateral jsonb_populate_record(null::{table}, held.row) as waiting\n\
         where held.table_name = $1 and held.load_id = $2\n\
         on conflict do nothing",
        parts = joined(parts),
        table = contract.table
    )
}

/// Touches the held facts of which an earlier row named a member that has come: that row waits no
/// longer, while a newer one does. Those that the table refuses would be refused again. Bind: the fact
/// table's name.
#[must_use]
pub fn touch_facts_behind(contract: &Contract, reference: &Reference) -> String {
    let parts = key_of(contract).map(|column| format!("waiting.{}::text", column.name));
    format!(
        "insert into {TOUCHED}\n\
         select distinct held.fact_key, {parts}\n\
         from hayloft.held_fact as held\n\
         join hayloft.payload on payload.key = held.fact_key\n\
         join hayloft.load on load.load_id = payload.load_id and load.table_name = held.table_name\n\
         join pg_temp.hayloft_member as member on member.key = (payload.row ->> {name})::uuid\n\
         cross join lateral jsonb_populate_record(null::{table}, held.row) as waiting\n\
         where held.table_name = $1 and not held.misfits ?| {ids}\n  \
           and (held.reason is null or held.misfits <> '{{}}')\n\
         on conflict do nothing",
        parts = joined(parts),
        ids = key_ids(contract),
        name = id_literal(&contract.columns[reference.column].id),
        table = contract.table
    )
}

/// The ids of the columns of the natural key, as an array.
fn key_ids(contract: &Contract) -> String {
    let ids = key_of(contract).map(|column| id_literal(&column.id));
    format!("array[{}]", joined(ids))
}

/// Touches every fact of the file.
#[must_use]
pub fn touch_landed_facts(shape: Shape<'_>) -> String {
    let parts = shape
        .key()
        .map(|column| format!("{}::text", landed(column)));
    format!(
        "insert into {TOUCHED}\n\
         select landing.hayloft_key, {parts}\n\
         from {LANDING} as landing",
        parts = joined(parts)
    )
}

/// The natural keys of the facts that are from a load, as texts. Bind: the load.
#[must_use]
pub fn read_facts_of_load(contract: &Contract) -> String {
    format!(
        "select {parts} as cells\n\
         from {table} as fact\n\
         where fact.load_id = $1",
        parts = texts(key_of(contract).map(|column| (column, format!("fact.{}", column.name)))),
        table = contract.table
    )
}

// ---- reading -------------------------------------------------------------------------------------

/// The touched facts. Binds: the first key, the last key.
#[must_use]
pub fn read_facts(contract: &Contract) -> String {
    format!(
        "select touched.key, fact.load_id, fact.source_line as line,\n    \
             {cells} as cells\n\
         from {TOUCHED} as touched\n\
         join {table} as fact on {same}\n\
         where touched.key between $1 and $2",
        cells = texts(values(contract, "fact")),
        table = contract.table,
        same = same_touched(contract),
    )
}

/// All facts, with their time stamps.
#[must_use]
pub fn read_all_facts(contract: &Contract) -> String {
    let [created, updated] = match &contract.kind {
        Kind::Fact { stamps, .. } => [
            (stamps.created_at, "fact.created_at"),
            (stamps.updated_at, "fact.updated_at"),
        ]
        .map(|(stamp, column)| match stamp {
            Stamp::Kept => column,
            Stamp::Absent => "null::timestamptz",
        }),
        Kind::Dimension { .. } => ["null::timestamptz"; 2],
    };
    format!(
        "select fact.load_id, fact.source_line as line,\n    \
             {created} as created, {updated} as updated,\n    \
             {cells} as cells\n\
         from {table} as fact",
        cells = texts(values(contract, "fact")),
        table = contract.table,
    )
}

/// How many facts there are.
#[must_use]
pub fn count_all_facts(contract: &Contract) -> String {
    format!("select count(*) as count from {}", contract.table)
}

/// What waits of all facts, and of which columns it speaks. Binds: the first key, the last key, the fact
/// table's name.
#[must_use]
pub fn read_all_held_facts(contract: &Contract) -> String {
    let speaks = contract
        .columns
        .iter()
        .map(|column| format!("held.row ? {}", literal(&column.name)));
    format!(
        "select held.fact_key as key, held.load_id, held.source_line as line,\n    \
             array[{speaks}]::boolean[] as speaks,\n    \
             {cells} as cells, held.misfits, held.reason is not null as refused\n\
         from hayloft.held_fact as held\n\
         cross join lateral jsonb_populate_record(null::{table}, held.row) as waiting\n\
         where held.table_name = $3 and held.fact_key between $1 and $2",
        speaks = joined(speaks),
        cells = texts(values(contract, "waiting")),
        table = contract.table,
    )
}

/// What waits of the touched facts, and of which columns it speaks. Binds: the first key, the last
/// key, the fact table's name.
#[must_use]
pub fn read_held_facts(contract: &Contract) -> String {
    let speaks = contract
        .columns
        .iter()
        .map(|column| format!("held.row ? {}", literal(&column.name)));
    format!(
        "select touched.key, held.load_id, held.source_line as line,\n    \
             array[{speaks}]::boolean[] as speaks,\n    \
             {cells} as cells, held.misfits, held.reason is not null as refused\n\
         from {TOUCHED} as touched\n\
         join hayloft.held_fact as held on held.table_name = $3 and held.fact_key = touched.key\n\
         cross join lateral jsonb_populate_record(null::{table}, held.row) as waiting\n\
         where touched.key between $1 and $2",
        speaks = joined(speaks),
        cells = texts(values(contract, "waiting")),
        table = contract.table,
    )
}

/// Of these members those that the dimension knows. Bind: their keys.
#[must_use]
pub fn known_members(reference: &Reference) -> String {
    format!(
        "select wanted.key\n\
         from unnest($1::uuid[]) as wanted (key)\n\
         where exists (select from {dimension} as member where member.{durable_key} = wanted.key)",
        dimension = reference.dimension_table,
        durable_key = reference.durable_key
    )
}

// ---- writing -------------------------------------------------------------------------------------

/// Makes the table of what becomes of facts. Values travel as text.
#[must_use]
pub fn create_fact_refold(contract: &Contract) -> String {
    let mut sql = "create temporary table hayloft_refolded_fact (\n    \
                   hayloft_key uuid not null,\n    hayloft_fate text not null,\n    \
                   hayloft_load bigint not null,\n    hayloft_line bigint not null,\n    \
                   hayloft_created timestamptz not null,\n    \
                   hayloft_updated timestamptz not null,\n    hayloft_silent jsonb not null,\n    \
                   hayloft_misfits jsonb not null"
        .to_owned();
    for column in &contract.columns {
        let _ = write!(sql, ",\n    {} text", column.name);
    }
    sql.push_str("\n) on commit drop");
    sql
}

/// Deletes the facts that no load says any more.
#[must_use]
pub fn delete_facts(contract: &Contract) -> String {
    format!(
        "delete from {table} as fact\n\
         using {REFOLD} as refold\n\
         where refold.hayloft_fate = '{DELETED}' and {same}",
        table = contract.table,
        same = same_refolded(contract)
    )
}

/// Writes what is now said of the facts that stay.
#[must_use]
pub fn rewrite_facts(contract: &Contract) -> String {
    let mut sets: Vec<String> = contract
        .columns
        .iter()
        .map(|column| format!("{} = {}", column.name, typed(column)))
        .collect();
    if !updated_at(contract, "").is_empty() {
        sets.push("updated_at = refold.hayloft_updated".to_owned());
    }
    format!(
        "update {table} as fact\n\
         set {sets},\n    load_id = refold.hayloft_load, source_line = refold.hayloft_line\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate = '{REWRITTEN}' and {same}",
        table = contract.table,
        sets = sets.join(",\n    "),
        same = same_refolded(contract)
    )
}

/// Of which columns something was said of the facts that come back, or come late: each set of columns once.
#[must_use]
pub fn read_columns_of_added(contract: &Contract) -> String {
    let speaks = contract
        .columns
        .iter()
        .map(|column| format!("not refold.hayloft_silent ? {}", literal(&column.name)));
    format!(
        "select distinct array[{speaks}]::boolean[] as speaks\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate = '{INSERTED}'\n\
         order by speaks",
        speaks = joined(speaks)
    )
}

/// Inserts the facts that come back, or come late, of which something was said of these columns alone.
#[must_use]
pub fn add_facts(shape: Shape<'_>) -> String {
    let contract = shape.contract;
    let (columns, _) = stamps(contract, "");
    let mut instants = String::new();
    if let Kind::Fact { stamps, .. } = &contract.kind {
        if stamps.created_at == Stamp::Kept {
            instants.push_str(", refold.hayloft_created");
        }
        if stamps.updated_at == Stamp::Kept {
            instants.push_str(", refold.hayloft_updated");
        }
    }
    format!(
        "insert into {table}\n    ({own}{columns}, load_id, source_line)\n\
         select {values}{instants},\n    refold.hayloft_load, refold.hayloft_line\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate = '{INSERTED}' and refold.hayloft_silent ?& {silent}\n  \
           and not refold.hayloft_silent ?| {spoken}\n\
         order by refold.hayloft_key",
        table = contract.table,
        own = joined_names(shape.filled(), ""),
        values = joined(shape.filled().map(typed)),
        silent = name_texts(shape.silent()),
        spoken = name_texts(shape.filled()),
    )
}

/// Keeps when facts were let in that a refold makes.
#[must_use]
pub fn keep_let_in() -> String {
    format!(
        "insert into hayloft.let_in (key, load_id, at)\n\
         select refold.hayloft_key, refold.hayloft_load, refold.hayloft_updated\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate in ('{REWRITTEN}', '{INSERTED}')\n\
         on conflict do nothing"
    )
}

/// When the facts from one key to another were let in. Binds: the first key, the last key, the fact
/// table's name.
pub const READ_LET_IN: &str = "select let_in.key, let_in.load_id, let_in.at
from hayloft.let_in
join hayloft.load using (load_id)
where let_in.key between $1 and $2 and load.table_name = $3";

/// The same of those that are touched, without the instants of loads that are all undone: those let nothing
/// in any more. A fourth bind: the dimensions.
pub const READ_TOUCHED_LET_IN: &str = "select let_in.key, let_in.load_id, let_in.at
from pg_temp.hayloft_touched as touched
join hayloft.let_in using (key)
join hayloft.load using (load_id)
where touched.key between $1 and $2 and load.table_name = $3
  and let_in.at not in (
      select member.effective_at
      from hayloft.load as member
      where member.table_name = any ($4) and member.status in ('loaded', 'undone')
        and member.effective_at is not null
      group by member.effective_at
      having bool_and(member.status = 'undone')
  )";

/// Counts the facts of which something becomes.
#[must_use]
pub fn count_refolded_facts() -> String {
    format!(
        "select count(*) as count\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate in ('{DELETED}', '{REWRITTEN}', '{INSERTED}')"
    )
}

/// Takes away the held rows that wait no longer, or as another row. Bind: the fact table's name.
#[must_use]
pub fn drop_refolded_held() -> String {
    format!(
        "delete from hayloft.held_fact as held\n\
         using {REFOLD} as refold\n\
         where refold.hayloft_fate = '{NOT_HELD}'\n  \
           and held.table_name = $1 and held.fact_key = refold.hayloft_key"
    )
}

/// Holds the rows that wait now. Bind: the fact table's name.
#[must_use]
pub fn hold_refolded(contract: &Contract) -> String {
    let cells = contract
        .columns
        .iter()
        .map(|column| format!("{} as {}", typed(column), column.name));
    format!(
        "insert into hayloft.held_fact (table_name, fact_key, load_id, source_line, row, misfits)\n\
         select $1, refold.hayloft_key, refold.hayloft_load, refold.hayloft_line,\n    \
             to_jsonb(hayloft_waiting) - array(select jsonb_array_elements_text(refold.hayloft_silent)),\n    \
             refold.hayloft_misfits\n\
         from {REFOLD} as refold\n\
         cross join lateral (select {cells}) as hayloft_waiting\n\
         where refold.hayloft_fate = '{HELD}'",
        cells = joined(cells)
    )
}

pub(super) fn is_held_by_refold() -> String {
    format!(
        "exists (\n      \
             select from {REFOLD} as refold\n      \
             where refold.hayloft_fate = '{HELD}' and refold.hayloft_key = held_fact.fact_key\n  \
         )"
    )
}

// ---- shared parts --------------------------------------------------------------------------------

fn values<'a>(contract: &'a Contract, row: &str) -> impl Iterator<Item = (&'a Column, String)> {
    let columns = contract.columns.iter();
    columns.map(move |column| (column, format!("{row}.{}", column.name)))
}

fn id_texts(contract: &Contract) -> String {
    let columns = contract.columns.iter();
    format!(
        "array[{}]::text[]",
        joined(columns.map(|column| id_literal(&column.id)))
    )
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Compared in the column's own type, so that the index of the natural key serves.
fn same_touched(contract: &Contract) -> String {
    let same = |(column, part): (&Column, String)| {
        format!(
            "{} = touched.{part}::{}",
            comparable(&column.column_type, &format!("fact.{}", column.name)),
            column.column_type.sql()
        )
    };
    let parts = key_of(contract).zip(touched_parts(contract));
    parts.map(same).collect::<Vec<_>>().join(" and ")
}

fn same_refolded(contract: &Contract) -> String {
    let same = |column: &Column| {
        let fact = comparable(&column.column_type, &format!("fact.{}", column.name));
        format!("{fact} = {}", typed(column))
    };
    key_of(contract).map(same).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests;
