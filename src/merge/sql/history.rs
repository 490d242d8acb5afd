//! The statements of a refold: what touches which keys, what is read of them, what is written.

use std::fmt::Write as _;

use super::{LANDING, Shape, distinct, landed, names, read};
use crate::contract::{Column, ColumnType, Contract, Ident, JsonKind, Kind, Role};

/// The temporary table of the keys whose history is made anew.
pub const TOUCHED: &str = "pg_temp.hayloft_touched";
/// The temporary table of the versions that differ.
const REFOLD: &str = "pg_temp.hayloft_refold";

/// What becomes of a row of the dimension: words in [`REFOLD_COLUMNS`]' second column.
pub const DELETED: &str = "deleted";
/// See [`DELETED`].
pub const REWRITTEN: &str = "rewritten";
/// See [`DELETED`].
pub const INSERTED: &str = "inserted";

/// The columns of the table of versions that differ, before those of the contract.
pub const REFOLD_COLUMNS: [&str; 7] = [
    "hayloft_key",
    "hayloft_fate",
    "hayloft_starts",
    "hayloft_ends",
    "hayloft_number",
    "hayloft_load",
    "hayloft_line",
];

/// Makes the table of the keys whose history is made anew.
pub const CREATE_TOUCHED: &str =
    "create temporary table hayloft_touched (key uuid primary key) on commit drop";

/// Touches every key of the file.
pub const TOUCH_LANDED: &str = "insert into pg_temp.hayloft_touched (key)
select distinct hayloft_key from pg_temp.hayloft_landing";

/// Touches the keys that are there at an instant, whether the file names them or not. Bind: the
/// instant.
#[must_use]
pub fn touch_present(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "insert into {TOUCHED} (key)\n\
         select version.{durable_key}\n\
         from {table} as version\n\
         where version.effective_start_date <= $1\n  \
           and (version.effective_end_date > $1 or version.effective_end_date is null)\n\
         on conflict do nothing",
        table = contract.table
    )
}

/// Touches the keys that have a version which ends at an instant. Bind: the instant.
#[must_use]
pub fn touch_ended(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "insert into {TOUCHED} (key)\n\
         select version.{durable_key}\n\
         from {table} as version\n\
         where version.effective_end_date = $1\n\
         on conflict do nothing",
        table = contract.table
    )
}

/// Touches the keys of the dimension that a manifest names. Bind: the load.
#[must_use]
pub fn touch_spoken(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "insert into {TOUCHED} (key)\n\
         select version.{durable_key}\n\
         from hayloft.manifest\n\
         cross join lateral generate_series(0, length(keys) / 8 - 1) as place\n\
         cross join lateral encode(substring(keys from place * 8 + 1 for 8), 'hex') as prefix\n\
         join {table} as version\n    \
             on version.{durable_key} between rpad(prefix, 32, '0')::uuid and rpad(prefix, 32, 'f')::uuid\n\
         where manifest.load_id = $1 and manifest.kind = 'read'\n\
         on conflict do nothing",
        table = contract.table
    )
}

/// Touches the keys of the file for which to compare with the current version does not do: a
/// column that keeps no history differs, or one that not every load spoke of, or a key comes
/// back whose columns without history span the gap. `None` if there can be none. `unsure` are the
/// columns that not every load spoke of. Where the file leaves out a column that has a default, a key
/// without a current version is touched, too: what it gets there is for the refold.
#[must_use]
pub fn touch_doubtful(shape: Shape<'_>, durable_key: &Ident, unsure: &[&str]) -> Option<String> {
    let keeps_no_history = |column: &&Column| column.role != Role::Type2;
    let differing: Vec<String> = shape
        .compared()
        .filter(|column| keeps_no_history(column) || unsure.contains(&column.id.as_str()))
        .map(|column| super::differs(column, "current"))
        .collect();
    let mut doubtful = Vec::new();
    if !differing.is_empty() {
        doubtful.push(format!(
            "current.{durable_key} is not null and ({})",
            differing.join("\n    or ")
        ));
    }
    let columns = &shape.contract.columns;
    if shape.defaulted().next().is_some() {
        doubtful.push(format!("current.{durable_key} is null"));
    // Also where the file names none of them: they are to be as they were before the gap.
    } else if columns.iter().any(|column| keeps_no_history(&column)) {
        doubtful.push(format!(
            "current.{durable_key} is null and exists (\n       \
                select from {table} as version where version.{durable_key} = landing.hayloft_key)",
            table = shape.contract.table
        ));
    }
    if doubtful.is_empty() {
        return None;
    }
    Some(format!(
        "insert into {TOUCHED} (key)\n\
         select landing.hayloft_key\n\
         from {LANDING} as landing\n\
         left join {table} as current\n    \
             on current.{durable_key} = landing.hayloft_key and current.effective_end_date is null\n\
         where {doubtful}",
        table = shape.contract.table,
        doubtful = doubtful.join("\n   or ")
    ))
}

// ---- reading -------------------------------------------------------------------------------

/// The versions of touched keys. Binds: the first key, the last key.
#[must_use]
pub fn read_versions(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select version.{durable_key} as key, version.effective_start_date as starts,\n    \
             version.effective_end_date as ends, version.version_number as number,\n    \
             version.load_id, version.source_line as line,\n    \
             {cells} as cells\n\
         from {TOUCHED} as touched\n\
         join {table} as version on version.{durable_key} = touched.key\n\
         where touched.key between $1 and $2\n\
         order by version.{durable_key}, version.effective_start_date",
        cells = cells(contract),
        table = contract.table
    )
}

/// All versions of the keys from one to another. Binds: the first key, the last key.
#[must_use]
pub fn read_all_versions(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select version.{durable_key} as key, version.effective_start_date as starts,\n    \
             version.effective_end_date as ends, version.version_number as number,\n    \
             version.load_id, version.source_line as line,\n    \
             {cells} as cells\n\
         from {table} as version\n\
         where version.{durable_key} between $1 and $2\n\
         order by version.{durable_key}, version.effective_start_date",
        cells = cells(contract),
        table = contract.table
    )
}

/// The key at which a span of keys ends: so many versions further on. Binds: the key before the span,
/// how many versions.
#[must_use]
pub fn end_of_span(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select least(\n    \
             (select {durable_key} from {table} where {durable_key} > $1 order by {durable_key} offset $2 limit 1),\n    \
             (select key from hayloft.payload where key > $1 order by key offset $2 limit 1),\n    \
             (select key from hayloft.observation where key > $1 order by key offset $2 limit 1)\n\
         ) as key",
        table = contract.table
    )
}

/// The landed rows of touched keys. Binds: the first key, the last key.
#[must_use]
pub fn read_landed(shape: Shape<'_>) -> String {
    let own = shape.own_instants();
    format!(
        "select landing.hayloft_key as key, landing.hayloft_line as line,\n    \
             {at} as at, {present} as present, {sequence} as sequence,\n    \
             {cells} as cells\n\
         from {TOUCHED} as touched\n\
         join {LANDING} as landing on landing.hayloft_key = touched.key\n\
         where touched.key between $1 and $2",
        at = if own {
            "landing.hayloft_at"
        } else {
            "null::timestamptz"
        },
        present = if own {
            "landing.hayloft_present"
        } else {
            "true"
        },
        sequence = if own {
            "landing.hayloft_sequence"
        } else {
            "null::bytea"
        },
        cells = texts(shape.filled().map(|column| (column, landed(column)))),
    )
}

/// Values as Postgres prints them, as one array. They are compared as they are printed, so a
/// `json` document comes in the one form that all of its spellings share.
pub(super) fn texts<'a>(values: impl Iterator<Item = (&'a Column, String)>) -> String {
    let text = |(column, value): (&Column, String)| match &column.column_type {
        ColumnType::Json(JsonKind::Text) => format!("({value})::jsonb::text"),
        ColumnType::Other(of_server) if of_server.is_money() => format!("({value})::numeric::text"),
        _ => format!("({value})::text"),
    };
    let values: Vec<String> = values.map(text).collect();
    format!("array[{}]::text[]", values.join(", "))
}

/// All columns of a version.
fn cells(contract: &Contract) -> String {
    let columns = contract.columns.iter();
    texts(columns.map(|column| (column, format!("version.{}", column.name))))
}

// ---- writing -------------------------------------------------------------------------------

/// Makes the table of the versions that differ. Values travel as text.
#[must_use]
pub fn create_refold(contract: &Contract) -> String {
    let mut sql = "create temporary table hayloft_refold (\n    \
                   hayloft_key uuid not null,\n    hayloft_fate text not null,\n    \
                   hayloft_starts timestamptz not null,\n    hayloft_ends timestamptz,\n    \
                   hayloft_number integer not null,\n    hayloft_load bigint not null,\n    \
                   hayloft_line bigint not null"
        .to_owned();
    for column in &contract.columns {
        let _ = write!(sql, ",\n    {} text", column.name);
    }
    sql.push_str("\n) on commit drop");
    sql
}

/// Counts the versions of which something becomes.
pub const COUNT_REFOLD: &str = "select count(*) as count from pg_temp.hayloft_refold";

/// Moves ends back, so that no version is in the way of another one.
#[must_use]
pub fn shrink_versions(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "update {table} as version\n\
         set effective_end_date = refold.hayloft_ends\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate = '{REWRITTEN}' and {same}\n  \
           and (refold.hayloft_ends < version.effective_end_date\n       \
                or refold.hayloft_ends is not null and version.effective_end_date is null)",
        table = contract.table,
        same = same_version(durable_key)
    )
}

/// Deletes the versions whose start is none any more.
#[must_use]
pub fn delete_versions(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "delete from {table} as version\n\
         using {REFOLD} as refold\n\
         where refold.hayloft_fate = '{DELETED}' and {same}",
        table = contract.table,
        same = same_version(durable_key)
    )
}

/// Makes all other changes in versions that stay.
#[must_use]
pub fn rewrite_versions(contract: &Contract, durable_key: &Ident) -> String {
    let mut values = String::new();
    for column in &contract.columns {
        let _ = write!(values, ",\n    {} = {}", column.name, typed(column));
    }
    format!(
        "update {table} as version\n\
         set effective_end_date = refold.hayloft_ends, version_number = refold.hayloft_number,\n    \
             load_id = refold.hayloft_load, source_line = refold.hayloft_line{values}\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate = '{REWRITTEN}' and {same}",
        table = contract.table,
        same = same_version(durable_key)
    )
}

/// Inserts the versions that begin where none began.
#[must_use]
pub fn insert_versions(contract: &Contract, durable_key: &Ident) -> String {
    let columns = names(&contract.columns, "");
    let values: Vec<String> = contract.columns.iter().map(typed).collect();
    format!(
        "insert into {table}\n    \
             ({durable_key}, {columns}, effective_start_date, effective_end_date,\n     \
              version_number, load_id, source_line)\n\
         select refold.hayloft_key, {values}, refold.hayloft_starts, refold.hayloft_ends,\n    \
             refold.hayloft_number, refold.hayloft_load, refold.hayloft_line\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate = '{INSERTED}'\n\
         order by refold.hayloft_key, refold.hayloft_starts",
        table = contract.table,
        values = values.join(", ")
    )
}

/// Counts the versions that were written and are not in the table, or with other values in these
/// columns.
#[must_use]
pub fn count_lost_versions(contract: &Contract, durable_key: &Ident, compared: &[usize]) -> String {
    let mut same = same_version(durable_key);
    for column in compared.iter().filter_map(|it| contract.columns.get(*it)) {
        let (left, right) = (typed(column), format!("version.{}", column.name));
        let differs = distinct(&column.column_type, &left, &right);
        let _ = write!(same, "\n      and not ({differs})");
    }
    format!(
        "select count(*) as count\n\
         from {REFOLD} as refold\n\
         where refold.hayloft_fate in ('{REWRITTEN}', '{INSERTED}')\n  \
           and not exists (\n    \
             select from {table} as version\n    \
             where {same}\n      \
               and version.effective_end_date is not distinct from refold.hayloft_ends\n\
         )",
        table = contract.table,
    )
}

/// Counts the touched keys whose versions do not fit together: more than one open, an open one
/// that starts before a closed one ends, or numbers with a gap.
#[must_use]
pub fn count_broken_touched(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select count(*) as count\n\
         from (\n    \
             select from {TOUCHED} as touched\n    \
             join {table} as version on version.{durable_key} = touched.key\n    \
             group by touched.key\n    \
             having count(*) filter (where version.effective_end_date is null) > 1\n        \
                 or max(version.effective_end_date)\n           \
                    > max(version.effective_start_date) filter (where version.effective_end_date is null)\n        \
                 or count(*) <> max(version.version_number)\n\
         ) as broken",
        table = contract.table
    )
}

fn same_version(durable_key: &Ident) -> String {
    format!(
        "version.{durable_key} = refold.hayloft_key\n  \
         and version.effective_start_date = refold.hayloft_starts"
    )
}

pub(super) fn typed(column: &Column) -> String {
    match &column.column_type {
        ColumnType::Text {
            max_chars: None, ..
        } => format!("refold.{}", column.name),
        ColumnType::Other(of_server) => read(&format!("refold.{}", column.name), of_server),
        known => format!("refold.{}::{}", column.name, known.sql()),
    }
}

// ---- keys that a snapshot does not name -----------------------------------------------------

/// Makes the table of the keys of rejected rows, of which a snapshot says nothing.
pub const CREATE_UNREAD: &str =
    "create temporary table hayloft_unread (key uuid primary key) on commit drop";

/// The keys of rejected rows. Bind: the keys.
pub const NOTE_UNREAD: &str =
    "insert into pg_temp.hayloft_unread (key) select distinct unnest($1::uuid[])";

/// Makes the table of the keys that are there and that a snapshot does not name.
pub const CREATE_ABSENT: &str =
    "create temporary table hayloft_absent (key uuid not null) on commit drop";

/// Lists the keys that are there at an instant and that the file does not name. Bind: the instant.
#[must_use]
pub fn find_absent(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "insert into pg_temp.hayloft_absent (key)\n\
         select version.{durable_key}\n\
         from {table} as version\n\
         where version.effective_start_date <= $1\n  \
           and (version.effective_end_date > $1 or version.effective_end_date is null)\n  \
           and not exists (\n      \
               select from {LANDING} as landing where landing.hayloft_key = version.{durable_key})\n  \
           and not exists (\n      \
               select from pg_temp.hayloft_unread as unread where unread.key = version.{durable_key})",
        table = contract.table
    )
}

/// Counts the keys that are there at an instant. Bind: the instant.
#[must_use]
pub fn count_present(contract: &Contract) -> String {
    format!(
        "select count(*) as count\n\
         from {table} as version\n\
         where version.effective_start_date <= $1\n  \
           and (version.effective_end_date > $1 or version.effective_end_date is null)",
        table = contract.table
    )
}

/// How many keys are open, or facts there, up to a number. Bind: the number, or NULL.
#[must_use]
pub fn count_known(contract: &Contract) -> String {
    let open = match contract.kind {
        Kind::Dimension { .. } => " where effective_end_date is null",
        Kind::Fact { .. } => "",
    };
    format!(
        "select count(*) as count\nfrom (select from {table}{open} limit $1) as known",
        table = contract.table
    )
}

/// Some of the keys that a load gave a version that is not their first. Binds: the load, how many.
#[must_use]
pub fn sample_changed(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select {durable_key} as key\n\
         from {table}\n\
         where load_id = $1 and version_number > 1\n\
         group by {durable_key}\n\
         order by min(source_line)\n\
         limit $2",
        table = contract.table
    )
}

/// Some of the keys that are there and that the file does not name. Bind: how many.
pub const SAMPLE_ABSENT: &str = "select key from pg_temp.hayloft_absent order by key limit $1";

/// How many these keys are.
pub const COUNT_ABSENT: &str = "select count(*) as count from pg_temp.hayloft_absent";

/// Ends the current version of every key that the file does not name. Bind: the instant. Returns how
/// many, and of which loads they are.
#[must_use]
pub fn close_absent(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "with hayloft_closed as (\n    \
             update {table} as version\n    \
             set effective_end_date = $1\n    \
             from pg_temp.hayloft_absent as absent\n    \
             where version.{durable_key} = absent.key\n      \
               and version.effective_end_date is null and version.effective_start_date < $1\n    \
             returning version.load_id\n\
         )\n\
         select (select count(*) from hayloft_closed) as closed,\n    \
             array(select distinct load_id from hayloft_closed) as loads",
        table = contract.table
    )
}

// ---- rows that come too early or too late ----------------------------------------------------

/// Takes out the rows that hold from a time that is too far ahead, and names their lines. Bind:
/// how far ahead is allowed, in seconds.
pub const REMOVE_FUTURE: &str = "delete from pg_temp.hayloft_landing as landing
where landing.hayloft_at > clock_timestamp() + make_interval(secs => $1)
returning landing.hayloft_line as line";

/// Takes out the rows that hold from a time that is too long ago, and names their lines. Bind: how
/// long ago is allowed, in seconds.
pub const REMOVE_TOO_LATE: &str = "delete from pg_temp.hayloft_landing as landing
where landing.hayloft_at < clock_timestamp() - make_interval(secs => $1)
returning landing.hayloft_line as line";

/// Writes down what each row said, of a load whose rows have instants of their own. Binds: the
/// load, the instant of rows that have none, whether deletes count.
pub const OBSERVE: &str = "insert into hayloft.observation
    (key, at, load_id, line, presence, sequence, digest)
select hayloft_key, coalesce(hayloft_at, $2), $1, hayloft_line,
    case when hayloft_present then 'present' else 'absent' end, hayloft_sequence, hayloft_digest
from pg_temp.hayloft_landing
where hayloft_present or $3
order by hayloft_key";

/// The first and the last instant of the landed rows. Bind: the instant of rows that have none.
pub const LANDED_INSTANTS: &str = "select min(coalesce(hayloft_at, $1)) as earliest,
    max(coalesce(hayloft_at, $1)) as latest
from pg_temp.hayloft_landing";

// ---- what happened, key by key ---------------------------------------------------------------

/// Some of the keys that a load in order changed, with what was done. Bind: how many of each.
pub const SAMPLE_CHANGES: &str = "(select hayloft_key as key, 'inserted' as action
 from pg_temp.hayloft_change
 where hayloft_start is null and hayloft_version = 1 order by hayloft_line limit $1)
union all
(select hayloft_key, 'reopened'
 from pg_temp.hayloft_change
 where hayloft_start is null and hayloft_version > 1 order by hayloft_line limit $1)
union all
(select hayloft_key, 'updated'
 from pg_temp.hayloft_change
 where hayloft_start is not null order by hayloft_line limit $1)";

/// The loads whose versions a load in order builds on.
pub const LOADS_OF_CHANGES: &str = "select distinct hayloft_load as load_id
from pg_temp.hayloft_change
where hayloft_load is not null";

/// How many keys a load in order opened, reopened and changed.
pub const COUNT_CHANGES: &str = "select
    count(*) filter (where hayloft_start is null and hayloft_version = 1) as inserted,
    count(*) filter (where hayloft_start is null and hayloft_version > 1) as reopened,
    count(*) filter (where hayloft_start is not null) as updated
from pg_temp.hayloft_change";

/// The versions of one key, to show them. Bind: the key.
#[must_use]
pub fn read_key(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "select version.effective_start_date as starts, version.effective_end_date as ends,\n    \
             version.load_id, version.source_line as line, {cells} as cells\n\
         from {table} as version\n\
         where version.{durable_key} = $1\n\
         order by version.effective_start_date",
        cells = cells(contract),
        table = contract.table
    )
}

/// Adds a column that a file has and the table does not (semantics §9.4): nullable, so that no row
/// is written.
#[must_use]
pub fn add_column(contract: &Contract, column: &Column) -> String {
    format!(
        "alter table {} add column if not exists {} {}",
        contract.table,
        column.name,
        column.column_type.sql()
    )
}

/// Counts the facts whose member is among the touched keys and has no version any more: a
/// statement for each reference to the dimension.
#[must_use]
pub fn count_orphans(fact: &Contract, dimension: &Contract, durable_key: &Ident) -> Vec<String> {
    let Kind::Fact { references, .. } = &fact.kind else {
        return Vec::new();
    };
    let of_dimension = references
        .iter()
        .filter(|reference| reference.dimension == dimension.name);
    of_dimension
        .map(|reference| {
            format!(
                "with gone as materialized (\n    \
                     select touched.key\n    \
                     from {TOUCHED} as touched\n    \
                     where not exists (\n        \
                         select from {dimension} as version where version.{durable_key} = touched.key\n    \
                     )\n\
                 )\n\
                 select count(*) as facts, count(distinct fact.{column}) as members\n\
                 from gone\n\
                 join {fact} as fact on fact.{column} = gone.key",
                column = fact.columns[reference.column].name,
                fact = fact.table,
                dimension = dimension.table,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
