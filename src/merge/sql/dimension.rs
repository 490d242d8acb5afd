//! Rows that hold from one instant against the current versions of a dimension.
//!
//! They come in one of two ways. Most are sent with the statement that compares them and opens and
//! closes versions ([`bring_in`]), or with the one that compares ([`find_sent`]) and then with the one
//! that opens and closes ([`bring_in_found`]), of two sessions. Where some keys are left to a refold,
//! or only the server can read a value, they have landed in a table before, and each step is a
//! statement of its own.

use std::fmt::Write as _;

use super::{CHANGE, LANDING, Shape, TOUCHED, differs, landed, names};
use crate::contract::{Column, ColumnType, Contract, Ident, JsonKind};

/// The columns of a dimension that a first version fills, in the order of a tuple's fields: the
/// key, what the file says, what nothing is said of, and then instant, number, load and line. What has
/// a default and is not in the file is left to the server.
#[must_use]
pub fn version_columns(shape: Shape<'_>, durable_key: &Ident) -> Vec<Ident> {
    let said = shape.filled().chain(shape.without_value());
    let own = [
        "effective_start_date",
        "version_number",
        "load_id",
        "source_line",
    ];
    std::iter::once(durable_key.clone())
        .chain(said.map(|column| column.name.clone()))
        .chain(own.into_iter().map(Ident::vouched))
        .collect()
}

/// Asks for the defaults of the columns of which the file says nothing, as one array of texts, in their
/// order; `None` if there are none. The expressions are those by which the catalog has them.
#[must_use]
pub fn evaluate_defaults(shape: Shape<'_>) -> Option<String> {
    let columns = shape
        .defaulted()
        .map(|place| &shape.contract.columns[place]);
    let values: Vec<(&Column, String)> = columns
        .filter_map(|column| {
            let source = shape.contract.source_of(column)?;
            let default = &source.default.as_ref()?.sql;
            Some((column, format!("({default})::{}", source.type_sql)))
        })
        .collect();
    if values.is_empty() {
        return None;
    }
    let texts = super::history::texts(values.into_iter());
    Some(format!("select {texts} as cells"))
}

/// The name that a server gives to what a session sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot(String);

impl Snapshot {
    /// Takes the name as `pg_export_snapshot` gives it; `None` if it is none.
    #[must_use]
    pub fn new(name: String) -> Option<Self> {
        let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        name.bytes().all(is_part).then_some(Self(name))
    }
}

/// Begins a transaction that sees what another session sees, but for what that wrote itself, and in
/// which the table can be read. Fails on another server, and where one would have to wait for the table.
#[must_use]
pub fn begin_reading(contract: &Contract, Snapshot(snapshot): &Snapshot) -> String {
    format!(
        "begin isolation level repeatable read read only;\n\
         set transaction snapshot '{snapshot}';\n\
         lock table {table} in access share mode nowait",
        table = contract.table
    )
}

/// In which order versions are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// As they lie there.
    Any,
    /// In that of their keys, which is that of a uuid's bytes on both sides.
    ByKey,
}

/// Reads the current versions: the key, and the columns that the file's rows are compared in.
#[must_use]
pub fn read_current(shape: Shape<'_>, durable_key: &Ident, order: Order) -> String {
    let mut sql = format!("select current.{durable_key}");
    for column in shape.compared() {
        let _ = write!(sql, ", current.{}", column.name);
    }
    let _ = write!(
        sql,
        "\nfrom {table} as current\nwhere current.effective_end_date is null",
        table = shape.contract.table
    );
    if order == Order::ByKey {
        let _ = write!(sql, "\norder by current.{durable_key}");
    }
    sql
}

/// Brings in the rows that are sent with it: finds which keys are new or differ from their current
/// version, ends that, and opens the next one. Binds: the instant, the load, and then one array for
/// the keys, one for the lines, and one for each filled column, in their order, of the elements that
/// [`element`] names. Returns the keys that got a version, with its line and number, when the current
/// one before began, if there was one, and which load the last one is of; and beside each, how many
/// versions were closed and opened.
#[must_use]
pub fn bring_in(shape: Shape<'_>, durable_key: &Ident) -> String {
    // The insert asks how many versions were closed only to come after that: two current versions
    // of a key are refused at once.
    format!(
        "with {landing}, hayloft_change as materialized (\n\
             {change}\n\
         ), hayloft_closed as (\n\
             {close}\n\
             returning 1\n\
         ), hayloft_opened as (\n\
             {open}\n\
             where (select count(*) from hayloft_closed) >= 0\n\
             {IN_ORDER}\n\
             returning 1\n\
         )\n\
         select hayloft_key as key, hayloft_line as line, hayloft_version as number,\n    \
             hayloft_start as start, hayloft_load as load_id,\n    \
             (select count(*) from hayloft_closed) as closed,\n    \
             (select count(*) from hayloft_opened) as opened\n\
         from hayloft_change",
        landing = landing_sent(shape, 3, &[]),
        change = sent_changes(shape, durable_key),
        close = close("hayloft_change", shape.contract, durable_key),
        open = open("hayloft_change", shape.contract, durable_key),
    )
}

/// Finds which of the rows that are sent with it [`bring_in`] would give a version, and returns what
/// that returns, and `fit`: whether the key has no version; or has some that fit together, with an open
/// one that has the highest number and begins before the instant, so that they still do when that is
/// closed and the next one opened. Binds: the instant, and then the arrays of [`bring_in`].
#[must_use]
pub fn find_sent(shape: Shape<'_>, durable_key: &Ident) -> String {
    format!(
        "with {landing}\n\
         select landing.hayloft_key as key, landing.hayloft_line as line,\n    \
             {NEXT_NUMBER} as number,\n    \
             {start} as start, latest.load_id,\n    \
             (latest.{durable_key} is null\n        \
                 or latest.effective_start_date < $1 and {fit}) is true as fit\n\
         {latest}",
        landing = landing_sent(shape, 2, &[]),
        start = start_of_current(shape.contract, durable_key),
        fit = versions_fit(
            shape.contract,
            durable_key,
            "landing",
            &["count(*) = latest.version_number"],
        ),
        latest = beside_latest(shape, durable_key),
    )
}

/// Brings in rows that [`find_sent`] has found, of a file that fills all columns. Binds: the instant,
/// the load; of the keys that have a current version, the keys, when that began, and its number; of all,
/// the numbers of their next versions, and then the arrays of [`bring_in`]. All arrays are in the order
/// of the keys. Returns how many versions were closed, which are fewer than there are keys that have one
/// if somebody wrote to the table since, and how many were opened. (Whether a version is open still is
/// asked so that no partial index answers it: where the table has grown since the plan was made, all of
/// such an index might be read for each row.)
#[must_use]
pub fn bring_in_found(shape: Shape<'_>, durable_key: &Ident) -> String {
    format!(
        "with {landing}, hayloft_change as (\n\
             {said},\n    \
             landing.hayloft_version\n\
             from hayloft_landing as landing\n\
         ), hayloft_known as (\n\
             select *\n\
             from unnest($3::uuid[], $4::timestamptz[], $5::integer[])\n    \
                 as known (hayloft_key, hayloft_start, hayloft_number)\n\
         ), hayloft_closed as (\n\
             {close}\n  \
               and num_nulls(version.effective_end_date) = 1\n  \
               and version.version_number = change.hayloft_number\n\
             returning 1\n\
         ), hayloft_opened as (\n\
             {open}\n\
             where (select count(*) from hayloft_closed) >= 0\n\
             returning effective_end_date\n\
         )\n\
         select (select count(*) from hayloft_closed) as closed,\n    \
             (select count(*) from hayloft_opened where effective_end_date is null) as opened",
        landing = landing_sent(shape, 6, &[("integer", "hayloft_version")]),
        said = said(shape),
        close = close("hayloft_known", shape.contract, durable_key),
        open = open("hayloft_change", shape.contract, durable_key),
    )
}

/// The rows that are sent with a statement: one array for each of `own`, a type and a name, the keys,
/// the lines, and each filled column. They are the statement's binds from the `first` on.
fn landing_sent(shape: Shape<'_>, first: usize, own: &[(&str, &str)]) -> String {
    let own = own.iter().copied();
    let own = own.chain([("uuid", "hayloft_key"), ("bigint", "hayloft_line")]);
    let mut binds = first..;
    let (mut values, mut arrays, mut fields) = (Vec::new(), Vec::new(), Vec::new());
    for ((type_name, field), bind) in own.zip(&mut binds) {
        arrays.push(format!("${bind}::{type_name}[]"));
        values.push(format!("sent.{field}"));
        fields.push(field.to_owned());
    }
    for ((position, column), bind) in shape.filled().enumerate().zip(&mut binds) {
        let element = element(&column.column_type);
        arrays.push(format!("${bind}::{}[]", element.name));
        let cast = element.cast.map_or(String::new(), |to| format!("::{to}"));
        values.push(format!("sent.hayloft_{position}{cast} as {}", column.name));
        fields.push(format!("hayloft_{position}"));
    }
    format!(
        "hayloft_landing as (\n\
             select {values}\n\
             from unnest({arrays})\n    \
                 as sent ({fields})\n\
         )",
        values = values.join(",\n    "),
        arrays = arrays.join(", "),
        fields = fields.join(", "),
    )
}

/// How a value is sent as an element of an array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Element {
    /// The type of the elements.
    pub name: &'static str,
    /// Its number in the catalog, the same in every database.
    pub oid: u32,
    /// The column's own type, where that has a number of its own or a limit.
    pub cast: Option<String>,
}

/// How values of a type are sent as elements of an array. Their bytes are those of COPY.
#[must_use]
pub fn element(column_type: &ColumnType) -> Element {
    let (name, oid) = match column_type {
        ColumnType::Int2 => ("smallint", 21),
        ColumnType::Int4 => ("integer", 23),
        ColumnType::Int8 => ("bigint", 20),
        ColumnType::Numeric(_) => ("numeric", 1700),
        ColumnType::Float4 => ("real", 700),
        ColumnType::Float8 => ("double precision", 701),
        ColumnType::Bool => ("boolean", 16),
        ColumnType::Date => ("date", 1082),
        ColumnType::Timestamp(_) => ("timestamp", 1114),
        ColumnType::TimestampTz(_) => ("timestamptz", 1184),
        ColumnType::Uuid => ("uuid", 2950),
        ColumnType::Json(JsonKind::Text) => ("json", 114),
        ColumnType::Json(JsonKind::Binary) => ("jsonb", 3802),
        ColumnType::Text { .. } | ColumnType::Enum { .. } | ColumnType::Other(_) => ("text", 25),
    };
    let cast = match column_type {
        ColumnType::Text { sql, .. } | ColumnType::Enum { sql, .. } if sql != name => {
            Some(sql.clone())
        }
        _ => None,
    };
    Element { name, oid, cast }
}

/// Finds the landed keys that are new or differ from their current version, as [`bring_in`] does.
/// Keys that are touched by a refold are left to it.
#[must_use]
pub fn find_changes(shape: Shape<'_>, durable_key: &Ident, refolded: Refolded) -> String {
    let changes = landed_changes(shape, durable_key, refolded);
    format!("create temporary table hayloft_change on commit drop as\n{changes}")
}

/// Counts the keys that [`find_changes`] would find.
#[must_use]
pub fn count_landed_changes(shape: Shape<'_>, durable_key: &Ident, refolded: Refolded) -> String {
    let changes = landed_changes(shape, durable_key, refolded);
    format!("select count(*) as count\nfrom (\n{changes}\n) as changes")
}

/// Of the sent keys, those that are new or differ from their current version, with the values that
/// their next version will have: what the file says, and for columns that it does not name, what
/// held before.
fn sent_changes(shape: Shape<'_>, durable_key: &Ident) -> String {
    let mut sql = said(shape);
    for column in shape.silent() {
        let _ = write!(
            sql,
            ",\n    case when latest.effective_end_date is null then latest.{name} end as {name}",
            name = column.name
        );
    }
    let _ = write!(
        sql,
        ",\n    {start} as hayloft_start,\n    \
         {NEXT_NUMBER} as hayloft_version,\n    \
         latest.load_id as hayloft_load\n\
         {latest}",
        start = start_of_current(shape.contract, durable_key),
        latest = beside_latest(shape, durable_key),
    );
    sql
}

/// The number of the next version of a key.
const NEXT_NUMBER: &str = "coalesce(latest.version_number, 0) + 1";

/// When the current version of a key began. Only a table that somebody damaged may have one that
/// starts before a closed one; it is looked for where the last is closed, so that such a key is
/// refused as any that does not fit together.
fn start_of_current(contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "case when latest.effective_end_date is null then latest.effective_start_date\n        \
         else (\n            \
             select current.effective_start_date\n            \
             from {table} as current\n            \
             where current.{durable_key} = landing.hayloft_key and current.effective_end_date is null\n        \
         ) end",
        table = contract.table
    )
}

/// Of the sent keys, those that are new or differ, beside their last versions. One look-up a key tells
/// whether it has a current version, and the number of the last one if not: that which starts last is
/// the current one wherever there is one.
fn beside_latest(shape: Shape<'_>, durable_key: &Ident) -> String {
    format!(
        "from hayloft_landing as landing\n\
         left join lateral (\n    \
             select version.*\n    \
             from {table} as version\n    \
             where version.{durable_key} = landing.hayloft_key\n    \
             order by version.effective_start_date desc\n    \
             limit 1\n\
         ) as latest on true\n\
         where (latest.{durable_key} is null\n    \
             or latest.effective_end_date is not null{differences})",
        table = shape.contract.table,
        differences = differences(shape, "latest"),
    )
}

/// The key of each row, its line, and what it says.
fn said(shape: Shape<'_>) -> String {
    let mut sql = "select landing.hayloft_key, landing.hayloft_line".to_owned();
    for column in shape.filled() {
        let _ = write!(sql, ",\n    {} as {}", landed(column), column.name);
    }
    sql
}

/// Further conditions, each of a difference that opens a version.
fn differences(shape: Shape<'_>, other: &str) -> String {
    let mut sql = String::new();
    for column in shape.versioned() {
        let _ = write!(sql, "\n    or {}", differs(column, other));
    }
    sql
}

/// The same of the landed keys. The planner may join all of them with the table at once.
fn landed_changes(shape: Shape<'_>, durable_key: &Ident, refolded: Refolded) -> String {
    let mut sql = said(shape);
    for column in shape.silent() {
        let _ = write!(sql, ",\n    current.{}", column.name);
    }
    let _ = write!(
        sql,
        ",\n    current.effective_start_date as hayloft_start,\n    \
         coalesce(current.version_number, closed.version_number, 0) + 1 as hayloft_version,\n    \
         coalesce(current.load_id, closed.load_id) as hayloft_load\n\
         from {LANDING} as landing\n\
         left join {table} as current\n    \
         on current.{durable_key} = landing.hayloft_key and current.effective_end_date is null\n\
         left join lateral (\n    \
             select version.version_number, version.load_id\n    \
             from {table} as version\n    \
             where current.{durable_key} is null and version.{durable_key} = landing.hayloft_key\n    \
             order by version.effective_start_date desc\n    \
             limit 1\n\
         ) as closed on true\n\
         where (current.{durable_key} is null",
        table = shape.contract.table
    );
    sql.push_str(&differences(shape, "current"));
    sql.push(')');
    if refolded == Refolded::Some {
        let _ = write!(
            sql,
            "\n  and not exists (select from {TOUCHED} as touched where touched.key = landing.hayloft_key)"
        );
    }
    sql
}

/// Whether some of the file's keys are left to a refold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refolded {
    /// None.
    None,
    /// Those in [`TOUCHED`].
    Some,
}

/// Ends the current version of every changed key. Bind: the instant.
#[must_use]
pub fn close_changed(contract: &Contract, durable_key: &Ident) -> String {
    close(CHANGE, contract, durable_key)
}

fn close(changes: &str, contract: &Contract, durable_key: &Ident) -> String {
    format!(
        "update {table} as version\n\
         set effective_end_date = $1\n\
         from {changes} as change\n\
         where version.{durable_key} = change.hayloft_key\n  \
           and version.effective_start_date = change.hayloft_start",
        table = contract.table
    )
}

/// Opens a version for every new or changed key. Binds: the instant, the load.
#[must_use]
pub fn open_new(contract: &Contract, durable_key: &Ident) -> String {
    format!("{}\n{IN_ORDER}", open(CHANGE, contract, durable_key))
}

/// The order of the primary key: its index, of random uuids, is then written from left to right
/// instead of all over.
const IN_ORDER: &str = "order by hayloft_key";

fn open(changes: &str, contract: &Contract, durable_key: &Ident) -> String {
    let columns = names(&contract.columns, "");
    format!(
        "insert into {table}\n    \
             ({durable_key}, {columns}, effective_start_date, version_number, load_id, source_line)\n\
         select hayloft_key, {columns}, $1, hayloft_version, $2, hayloft_line\n\
         from {changes}",
        table = contract.table
    )
}

/// Where the keys are whose versions are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changed {
    /// Found by [`find_changes`].
    Found,
    /// In the statement's bind, an array. Of keys that had versions before alone.
    Bound,
}

/// Counts the changed keys whose versions do not fit together: not exactly one open, an open one
/// that starts before a closed one ends, or numbers with a gap. Keys that are new need no
/// question: the unique indexes answer it.
#[must_use]
pub fn count_broken(contract: &Contract, durable_key: &Ident, changed: Changed) -> String {
    let keys = match changed {
        Changed::Found => format!(
            "{CHANGE} as change\nwhere (change.hayloft_start is not null or change.hayloft_version > 1) and"
        ),
        Changed::Bound => "unnest($1::uuid[]) as change (hayloft_key)\nwhere".to_owned(),
    };
    format!(
        "select count(*) as count\n\
         from {keys} not {fit}",
        fit = versions_fit(contract, durable_key, "change", &[]),
    )
}

/// Whether the versions of a key fit together: one of them is open, their numbers have no gap, and the
/// closed ones end before the open one begins. `sent` has the key; further conditions may be asked of
/// the group of its versions.
fn versions_fit(contract: &Contract, durable_key: &Ident, sent: &str, further: &[&str]) -> String {
    let further = further.iter().fold(String::new(), |text, condition| {
        text + "\n       and " + condition
    });
    format!(
        "(\n    \
             select count(*) filter (where version.effective_end_date is null) = 1\n       \
                 and count(*) = max(version.version_number)\n       \
                 and (max(version.effective_end_date)\n            \
                     <= max(version.effective_start_date) filter (where version.effective_end_date is null))\n           \
                     is not false{further}\n    \
             from {table} as version\n    \
             where version.{durable_key} = {sent}.hayloft_key\n\
         )",
        table = contract.table
    )
}
