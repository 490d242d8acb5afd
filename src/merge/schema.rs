//! What tables have become → the ledger (semantics §20, §21.1).
//!
//! In: the catalog beside what the ledger knows of it. Out: a ledger that knows each column by its
//! new name, type and number, a note of every change, and the values that a new column had when it
//! was first seen, as a statement of their own. Nothing that loads said is touched. It is done at a
//! start, after migrations, and when a load finds its table changed; loads wait for it and it for
//! them.

mod baseline;
mod relabel;
mod retype;

use std::collections::BTreeMap;
use std::fmt;

use diesel::connection::SimpleConnection;
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::{Array, Oid, SmallInt, Text};

use self::relabel::Relabelled;
use self::retype::Retyped;
use super::history::{self, Event, Table};
use super::{MergeError, held, locks, offenders, sql};
use crate::contract::catalog::{Catalog, CatalogTable};
use crate::contract::identity::SchemaChange;
use crate::contract::{ColumnId, Contract, ContractFile, Contracts, Kind, TableName, WAREHOUSE};
use crate::db::access::Need;
use crate::db::attempt::{self, RuleBreach};
use crate::db::prelude::*;
use crate::db::{YesOrNo, transaction};
use crate::ledger::renamed::renamed_tables;

/// The tables as they are, and what the ledger heard of them only now.
#[derive(Debug)]
pub struct Followed {
    /// The tables, with nothing left to be heard of those that fit `hayloft.toml`.
    pub catalog: Catalog,
    /// What was written down.
    pub notes: Vec<SchemaNote>,
    /// Why what other tables have become could not be written down, by their names. In the catalog it
    /// stands in the way of loading them.
    pub faults: BTreeMap<String, String>,
}

/// Something that a table has become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SchemaNote {
    /// The table, by its name now.
    pub table: String,
    /// What it has become.
    pub news: News,
}

/// What a table has become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// A person changed it.
    Changed(SchemaChange),
    /// For what a person changed, versions say what the one before them says, and are one with it.
    Joined {
        /// How many versions there are fewer.
        versions: u64,
    },
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(change) => change.fmt(f),
            Self::Joined { versions } => write!(
                f,
                "{versions} version(s) say what the one before says, now that columns are gone or of \
                 another type, and were joined with it"
            ),
        }
    }
}

/// Reads the catalog, and writes down what tables have become since the ledger last looked. A table that
/// is being loaded has to wait, and keeps no other waiting: its next load finds that it has not been
/// looked at yet. So does one with which something is wrong.
pub fn follow(conn: &mut PgConnection, file: &ContractFile) -> Result<Followed, MergeError> {
    let catalog = Catalog::of(conn, file, Need::Load)?;
    let mut notes = Vec::new();
    let mut faults = BTreeMap::new();
    if !catalog.has_changes() {
        return Ok(Followed {
            catalog,
            notes,
            faults,
        });
    }
    notes.extend(transaction(conn, follow_renamed_tables)?);
    let changed = (catalog.tables.iter()).filter(|(_, table)| !table.changes.is_empty());
    for (name, _) in changed {
        match transaction(conn, |conn| write_down(conn, file, &catalog, name)) {
            Ok(news) => notes.extend(news),
            // Somebody writes to it, or changes it.
            Err(MergeError::TableBusy { .. }) => {}
            Err(error) => {
                faults.insert(name.clone(), fault_of(conn, file, &catalog, name, error)?);
            }
        }
    }
    // That a table is new is no news to anybody who reads, and neither are labels that are.
    notes.retain(|note| {
        !matches!(
            note.news,
            News::Changed(SchemaChange::FirstSeen | SchemaChange::LabelsAdded { .. })
        )
    });
    let mut catalog = Catalog::of(conn, file, Need::Load)?;
    catalog.obstacles.extend(faults.clone());
    Ok(Followed {
        catalog,
        notes,
        faults,
    })
}

/// What a person has to mend before it can be written down what a table has become. An error that is not of
/// the table, and may be gone at the next attempt, is given back.
fn fault_of(
    conn: &mut PgConnection,
    file: &ContractFile,
    seen: &Catalog,
    name: &str,
    error: MergeError,
) -> Result<String, MergeError> {
    let cause = match error {
        error if offenders::may_be_of_rows(&error) => {
            let Some(breach) = breach_of(conn, file, seen, name) else {
                return Err(error);
            };
            format!("{} Change that rule.", breach.sentence())
        }
        error @ (MergeError::Database(_)
        | MergeError::TableBusy { .. }
        | MergeError::WrittenMeanwhile { .. }
        | MergeError::Unreadable(_)) => return Err(error),
        error => error.to_string(),
    };
    Ok(format!(
        "`{name}` was changed, and what follows from that for its versions could not be written: {cause} \
         Until then it is not loaded."
    ))
}

/// Finds the rule of the table that refuses what would be written, by an attempt that is rolled back.
fn breach_of(
    conn: &mut PgConnection,
    file: &ContractFile,
    seen: &Catalog,
    name: &str,
) -> Option<RuleBreach> {
    let (_, caught) = attempt::catching(|| {
        transaction(conn, |conn| {
            conn.batch_execute(attempt::PREPARE)?;
            write_down(conn, file, seen, name)?;
            Err::<(), MergeError>(DbError::RollbackTransaction.into())
        })
    });
    caught.map(|(_, breach)| breach)
}

/// Writes down what one table has become.
fn write_down(
    conn: &mut PgConnection,
    file: &ContractFile,
    seen: &Catalog,
    name: &str,
) -> Result<Vec<SchemaNote>, MergeError> {
    conn.batch_execute(include_str!("transaction.sql"))?;
    if !locks::try_alone(conn, &TableName::new(name))? {
        return Ok(Vec::new());
    }
    keep_as_it_is(conn, seen, name)?;
    // Read under the locks: somebody else may have been here before.
    let catalog = Catalog::of(conn, file, Need::Load)?;
    let Some(table) = catalog.tables.get(name) else {
        return Ok(Vec::new());
    };
    let dimensions = Contracts::agreeing_dimensions(file, &catalog);
    let dimension = dimensions.iter().find(|it| it.name.as_str() == name);
    // A table that does not fit hayloft.toml has to wait: what its new columns hold cannot be told of
    // any key.
    if table.changes.is_empty() || file.is_dimension(name) && dimension.is_none() {
        return Ok(Vec::new());
    }
    refuse_renamed_keys(file, name, &table.changes)?;
    let before = known_columns(conn, name)?;
    for change in &table.changes {
        write_change(conn, name, table, change)?;
    }
    write_columns(conn, name, table)?;
    held::explain_misfits(conn, &TableName::new(name))?;
    let mut joined = 0;
    if let Some(dimension) = dimension {
        baseline::take(conn, dimension, &table.changes)?;
        joined = join_neighbours(conn, dimension, &table.changes)?;
    }
    note(conn, name, &before, joined)?;
    let mut news: Vec<News> = table.changes.iter().cloned().map(News::Changed).collect();
    if joined > 0 {
        news.push(News::Joined { versions: joined });
    }
    let notes = news.into_iter().map(|news| SchemaNote {
        table: name.to_owned(),
        news,
    });
    Ok(notes.collect())
}

/// Keys are made of what labels are called: with other names, each member would get a second key.
fn refuse_renamed_keys(
    file: &ContractFile,
    table: &str,
    changes: &[SchemaChange],
) -> Result<(), MergeError> {
    let entry = file.tables.iter().find(|it| it.name.as_str() == table);
    let is_key =
        |name: &String| entry.is_some_and(|it| it.key.iter().any(|key| key.value == *name));
    let mut renamed = changes.iter().filter_map(|change| match change {
        SchemaChange::LabelsRenamed { name, .. } if is_key(name) => Some(name),
        _ => None,
    });
    match renamed.next() {
        None => Ok(()),
        Some(column) => Err(MergeError::KeyRelabelled {
            column: column.clone(),
        }),
    }
}

/// Keeps the table from being changed, and written to, until the transaction ends: all that is written down
/// is of one state of it. Who may not do that goes without.
fn keep_as_it_is(conn: &mut PgConnection, seen: &Catalog, name: &str) -> Result<(), MergeError> {
    let answer: Option<YesOrNo> = sql_query(include_str!("schema/may_lock.sql"))
        .bind::<Text, _>(WAREHOUSE)
        .bind::<Text, _>(name)
        .get_result(conn)
        .optional()?;
    match seen.qualified(name) {
        Some(table) if answer.is_some_and(YesOrNo::is_yes) => {
            locks::keep_still(conn, &table, &TableName::new(name))
        }
        _ => Ok(()),
    }
}

// ---- tables ------------------------------------------------------------------------------------

/// Lets the ledger call every table as it is called now. Two tables may have swapped their names, so
/// all are taken out of the way first.
fn follow_renamed_tables(conn: &mut PgConnection) -> Result<Vec<SchemaNote>, MergeError> {
    let renamed = renamed_tables(conn)?;
    for table in &renamed {
        for name in [&table.before, &table.now] {
            if !locks::try_alone(conn, &TableName::new(name.as_str()))? {
                return Ok(Vec::new());
            }
        }
    }
    for table in &renamed {
        rename(conn, &table.before, &aside(&table.before), Waiting::Follows)?;
    }
    for table in &renamed {
        // One of this name that is still known was dropped, or it would have another name.
        set_aside(conn, &table.now)?;
        rename(conn, &aside(&table.before), &table.now, Waiting::Follows)?;
    }
    let notes = renamed.into_iter().map(|table| SchemaNote {
        table: table.now,
        news: News::Changed(SchemaChange::TableRenamed { from: table.before }),
    });
    Ok(notes.collect())
}

/// A name that no table can have: it is too long.
fn aside(name: &str) -> String {
    format!("{name}#{}", "#".repeat(63))
}

/// What becomes of the facts that wait for members of a table which the ledger is to call otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waiting {
    /// They wait for those of the same table, by its new name.
    Follows,
    /// They wait for those of whichever table has the old name.
    Stays,
}

/// Takes what the ledger has of a table that was dropped out of the way of another one of its name. Facts
/// that wait for a member will find it there.
fn set_aside(conn: &mut PgConnection, name: &str) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Free {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let free: Option<Free> = sql_query(include_str!("schema/free_name.sql"))
        .bind::<Text, _>(name)
        .get_result(conn)
        .optional()?;
    match free {
        Some(free) => rename(conn, name, &free.name, Waiting::Stays),
        None => Ok(()),
    }
}

fn rename(conn: &mut PgConnection, before: &str, now: &str, waiting: Waiting) -> QueryResult<()> {
    let mut statements = vec![
        include_str!("schema/rename/identity.sql"),
        include_str!("schema/rename/loads.sql"),
        include_str!("schema/rename/contract.sql"),
        include_str!("schema/rename/contract_changes.sql"),
        include_str!("schema/rename/held_facts.sql"),
    ];
    if waiting == Waiting::Follows {
        statements.push(include_str!("schema/rename/awaited.sql"));
    }
    for statement in statements {
        sql_query(statement)
            .bind::<Text, _>(before)
            .bind::<Text, _>(now)
            .execute(conn)?;
    }
    Ok(())
}

// ---- columns -----------------------------------------------------------------------------------

fn write_change(
    conn: &mut PgConnection,
    name: &str,
    table: &CatalogTable,
    change: &SchemaChange,
) -> Result<(), MergeError> {
    match change {
        SchemaChange::FirstSeen => write_table(conn, name, table)?,
        SchemaChange::MadeAnew => {
            set_aside(conn, name)?;
            write_table(conn, name, table)?;
        }
        SchemaChange::Replaced => {
            sql_query(include_str!("schema/replace_table.sql"))
                .bind::<Text, _>(name)
                .bind::<Oid, _>(table.oid)
                .execute(conn)?;
        }
        SchemaChange::ColumnDropped { id, .. } => {
            sql_query(include_str!("schema/drop_held.sql"))
                .bind::<Text, _>(name)
                .bind::<Text, _>(id.as_str())
                .execute(conn)?;
            sql_query(include_str!("schema/drop_column.sql"))
                .bind::<Text, _>(name)
                .bind::<Text, _>(id.as_str())
                .execute(conn)?;
        }
        SchemaChange::ColumnRetyped { id, from, to, .. } => {
            let retyped = Retyped {
                table: name,
                column: id,
                from,
                to,
            };
            retype::convert(conn, retyped)?;
        }
        SchemaChange::LabelsRenamed { id, labels, .. } => {
            for column in table.columns.iter().filter(|column| column.id == *id) {
                let relabelled = Relabelled {
                    table: name,
                    column: id,
                    column_type: &column.column_type,
                    type_sql: &column.type_sql,
                    labels,
                };
                relabel::convert(conn, relabelled)?;
            }
        }
        // A rename of the table was followed before, and names, numbers and labels are written together.
        SchemaChange::TableRenamed { .. }
        | SchemaChange::LabelsAdded { .. }
        | SchemaChange::ColumnAdded { .. }
        | SchemaChange::ColumnRenamed { .. } => {}
    }
    Ok(())
}

fn write_table(conn: &mut PgConnection, name: &str, table: &CatalogTable) -> QueryResult<()> {
    // The ledger may know a table of this name that was dropped since.
    set_aside(conn, name)?;
    sql_query(include_str!("schema/write_table.sql"))
        .bind::<Text, _>(name)
        .bind::<Oid, _>(table.oid)
        .execute(conn)
        .map(drop)
}

/// Writes down how each column is called now, and lets the rows that are held call it so, too.
fn write_columns(conn: &mut PgConnection, name: &str, table: &CatalogTable) -> QueryResult<()> {
    let columns = &table.columns;
    let renamed = table.changes.iter().filter_map(|change| match change {
        SchemaChange::ColumnRenamed { from, to, .. } => Some((from.as_str(), to.as_str())),
        _ => None,
    });
    let (from, to): (Vec<&str>, Vec<&str>) = renamed.unzip();
    if !from.is_empty() {
        sql_query(include_str!("schema/rename_held.sql"))
            .bind::<Text, _>(name)
            .bind::<Array<Text>, _>(from)
            .bind::<Array<Text>, _>(to)
            .execute(conn)?;
    }
    let ids: Vec<&str> = columns.iter().map(|it| it.id.as_str()).collect();
    let names: Vec<&str> = columns.iter().map(|it| it.name.as_str()).collect();
    let numbers: Vec<i16> = columns.iter().map(|it| it.number).collect();
    let types: Vec<&str> = columns.iter().map(|it| it.type_sql.as_str()).collect();
    let labels = columns
        .iter()
        .map(|it| serde_json::json!(it.labels).to_string());
    sql_query(include_str!("schema/write_columns.sql"))
        .bind::<Text, _>(name)
        .bind::<Array<Text>, _>(ids)
        .bind::<Array<Text>, _>(names)
        .bind::<Array<SmallInt>, _>(numbers)
        .bind::<Array<Text>, _>(types)
        .bind::<Array<Text>, _>(labels.collect::<Vec<String>>())
        .execute(conn)
        .map(drop)
}

/// What rows that spoke of a column said can no longer be proved.
fn lapse(conn: &mut PgConnection, table: &str, column: &ColumnId) -> QueryResult<()> {
    sql_query(include_str!("schema/lapse.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .execute(conn)
        .map(drop)
}

/// Versions that differed in a column that is gone, or that has another type now, may say the same:
/// they are one from now on, as if the column had never been. Returns how many versions there are fewer.
/// Keys stay as they are that have a version which no load brought, or a kept value that a column no longer
/// takes.
fn join_neighbours(
    conn: &mut PgConnection,
    dimension: &Contract,
    changes: &[SchemaChange],
) -> Result<u64, MergeError> {
    let Kind::Dimension { durable_key, .. } = &dimension.kind else {
        return Ok(0);
    };
    let loses = |change: &SchemaChange| {
        matches!(
            change,
            SchemaChange::ColumnDropped { .. } | SchemaChange::ColumnRetyped { .. }
        )
    };
    if !changes.iter().any(loses) {
        return Ok(0);
    }
    sql_query(sql::CREATE_TOUCHED).execute(conn)?;
    let touched = sql_query(sql::touch_mergeable(dimension, durable_key))
        .bind::<Text, _>(dimension.name.as_str())
        .execute(conn)?;
    let mut joined = 0;
    if touched > 0 {
        conn.batch_execute("analyze pg_temp.hayloft_touched")?;
        let table = Table::new(dimension, durable_key);
        joined = history::refold(conn, &table, Event::TableChanges, NO_LOAD, None, 0)?.joined;
    }
    conn.batch_execute("drop table pg_temp.hayloft_touched")?;
    Ok(joined)
}

/// No load has this number.
const NO_LOAD: i64 = 0;

/// Writes down the columns that a load has just added to its table.
pub(super) fn note_added(
    conn: &mut PgConnection,
    name: &TableName,
    columns: &[(String, String)],
) -> QueryResult<()> {
    let (ids, names): (Vec<&str>, Vec<&str>) = columns
        .iter()
        .map(|(id, name)| (id.as_str(), name.as_str()))
        .unzip();
    sql_query(include_str!("schema/write_added.sql"))
        .bind::<Text, _>(WAREHOUSE)
        .bind::<Text, _>(name.as_str())
        .bind::<Array<Text>, _>(ids)
        .bind::<Array<Text>, _>(names)
        .execute(conn)
        .map(drop)
}

// ---- the note ----------------------------------------------------------------------------------

fn known_columns(conn: &mut PgConnection, name: &str) -> QueryResult<BTreeMap<String, String>> {
    #[derive(QueryableByName)]
    struct Known {
        #[diesel(sql_type = Text)]
        id: String,
        #[diesel(sql_type = Text)]
        told: String,
    }
    let known: Vec<Known> = sql_query(include_str!("schema/known_columns.sql"))
        .bind::<Text, _>(name)
        .load(conn)?;
    Ok(known.into_iter().map(|it| (it.id, it.told)).collect())
}

fn note(
    conn: &mut PgConnection,
    name: &str,
    before: &BTreeMap<String, String>,
    joined: u64,
) -> Result<(), MergeError> {
    let after = known_columns(conn, name)?;
    if before.is_empty() || *before == after {
        return Ok(());
    }
    let was = serde_json::json!({ "columns": before });
    let mut is = serde_json::json!({ "columns": after });
    if joined > 0 {
        is["versions_joined"] = joined.into();
    }
    sql_query(include_str!("ledger/contract/note_change.sql"))
        .bind::<Text, _>(name)
        .bind::<Text, _>(was.to_string())
        .bind::<Text, _>(is.to_string())
        .execute(conn)?;
    Ok(())
}
