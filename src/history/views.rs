//! The views of each dimension, made and kept.
//!
//! In: a connection and the contract of a dimension. Out: its views and its function, as the
//! contract and the table's columns have them now. A comment on each says that it was made here
//! and by which definition: one of the same definition is left alone, and what somebody else made
//! under the name is never touched, but told.

mod aside;

use diesel::connection::SimpleConnection;
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::{Array, Nullable, Text};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use aside::{Aside, GivenBack, give_back, put_aside};

use super::sql::{Dimension, Object, ObjectKind};
use crate::contract::catalog::{Catalog, CatalogTable};
use crate::contract::{Contract, Ident, Kind, QualifiedName, WAREHOUSE};
use crate::db::prelude::*;
use crate::db::{DatabaseCause, is_lock_timeout, transaction, without_value};

/// What the comment on everything that is made here begins with. What lies in databases has it.
const MADE_HERE: &str = "Made by `hayloft migrate`";

impl DatabaseCause for ViewsError {
    fn database_cause(&self) -> Option<&DbError> {
        match self {
            Self::Database(error) => Some(error),
            Self::NameTooLong { .. } => None,
        }
    }
}

/// Why the views of a dimension could not be made.
#[derive(Debug, Error)]
pub enum ViewsError {
    /// The server, or the way to it.
    #[error("The views could not be made: {}.", without_value(&.0.to_string()))]
    Database(#[from] DbError),
    /// Postgres would cut the name of a view off, and two tables could then have one.
    #[error(
        "The name `{table}` is too long: its views would be called `{table}_current` and so on, \
         and Postgres takes no more than {} bytes. Give the table a shorter name.",
        Ident::LONGEST
    )]
    NameTooLong {
        /// The table.
        table: String,
    },
}

/// What was done about the views of a dimension.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// The names of those that were made.
    pub made: Vec<String>,
    /// A sentence for each that could not be.
    pub left: Vec<String>,
}

/// Makes what is missing of the views of a table, and makes anew what has another definition.
/// Does nothing for a fact table. In a transaction of its own, or within the caller's; `contract`
/// is what holds now, with the columns that the caller may just have added.
pub fn keep(conn: &mut PgConnection, contract: &Contract) -> Result<Kept, ViewsError> {
    let QualifiedName { schema, table } = &contract.table;
    let catalog = Catalog::read(conn, schema.name(), &[table.name()])?;
    let wanted = under_free_names(conn, contract, &catalog)?;
    let found = namesakes(conn, &wanted)?;
    if wanted.iter().all(|one| one.is_among(&found)) {
        return Ok(Kept::default());
    }
    transaction(conn, |conn| {
        // Two who make the same view at the same time would fail on the catalog's own indexes.
        conn.batch_execute(include_str!("views/lock.sql"))?;
        let found = namesakes(conn, &wanted)?;
        let mut kept = Kept::default();
        for one in wanted.iter().filter(|one| !one.is_among(&found)) {
            match one.make(conn, &found)? {
                Made::Yes => kept.made.push(told(&one.name)),
                Made::No(sentence) => kept.left.push(sentence),
            }
        }
        Ok(kept)
    })
}

/// Those of the dimensions for which [`keep`] would make something, asked once for all of them. Of
/// a dimension whose views cannot have a name, it is `keep` that says so.
pub fn outdated<'c>(
    conn: &mut PgConnection,
    dimensions: &'c [Contract],
    catalog: &Catalog,
) -> QueryResult<Vec<&'c Contract>> {
    let wanted: Vec<_> = dimensions
        .iter()
        .map(|contract| (contract, wanted(contract, catalog)))
        .collect();
    let names = wanted
        .iter()
        .flat_map(|(_, wanted)| wanted.iter().flatten())
        .map(|one| one.name.table.name());
    let comments = comments(conn, &catalog.schema, names.collect())?;
    let is_outdated = |wanted: &Result<Vec<Wanted>, _>| match wanted {
        Ok(wanted) => wanted.iter().any(|one| !one.is_there(&comments)),
        Err(_) => true,
    };
    Ok(wanted
        .iter()
        .filter(|(_, wanted)| is_outdated(wanted))
        .map(|(contract, _)| *contract)
        .collect())
}

/// One view, or the function, as it ought to be.
struct Wanted {
    object: Object,
    name: QualifiedName,
    create: String,
    comment: String,
}

enum Made {
    Yes,
    No(String),
}

impl Wanted {
    fn of(object: Object, name: QualifiedName, dimension: Dimension<'_>) -> Self {
        let create = object.create(&name, dimension);
        let comment = comment(&create);
        Self {
            object,
            name,
            create,
            comment,
        }
    }

    fn is_there(&self, comments: &[Comment]) -> bool {
        comments
            .iter()
            .any(|found| self.is_called(&found.name, &found.kind) && found.text == self.comment)
    }

    fn is_among(&self, found: &[Found]) -> bool {
        self.namesake(found)
            .is_some_and(|found| found.comment.as_ref() == Some(&self.comment))
    }

    fn namesake<'f>(&self, found: &'f [Found]) -> Option<&'f Found> {
        found
            .iter()
            .find(|found| self.is_called(&found.name, &found.kind))
    }

    fn is_called(&self, name: &str, kind: &str) -> bool {
        let is_function = self.object.kind() == ObjectKind::Function;
        self.name.table.name() == name && (kind == "function") == is_function
    }

    fn make(&self, conn: &mut PgConnection, found: &[Found]) -> Result<Made, ViewsError> {
        let there = match self.namesake(found) {
            Some(found) if !found.is_ours() => return Ok(Made::No(self.in_the_way(found))),
            there => there,
        };
        // In place as far as Postgres can: so a new column at the end takes no grants away, and
        // what was built on the view stays.
        let replaced = transaction(conn, |conn| self.create(conn));
        let Err(error) = replaced else {
            return Ok(Made::Yes);
        };
        if !is_refusal(&error) {
            return Err(error.into());
        }
        if there.is_none() {
            return Ok(Made::No(format!(
                "{name} was not made: {error}.",
                name = told(&self.name),
                error = without_value(&error.to_string())
            )));
        }
        let anew = transaction(conn, |conn| {
            conn.batch_execute(&self.object.drop(&self.name))?;
            self.create(conn)?;
            let mut set = there.iter().flat_map(|found| &found.give_back);
            set.try_for_each(|statement| conn.batch_execute(statement))
        });
        match anew {
            Ok(()) => Ok(Made::Yes),
            Err(error) if is_refusal(&error) => Ok(Made::No(format!(
                "{name} is of an earlier form of its table and could not be made anew: {error}. \
                 Drop what was built on it, run `hayloft migrate`, and build it again.",
                name = told(&self.name),
                error = without_value(&error.to_string())
            ))),
            Err(error) => Err(error.into()),
        }
    }

    fn create(&self, conn: &mut PgConnection) -> QueryResult<()> {
        conn.batch_execute(&self.create)?;
        conn.batch_execute(&self.object.comment(&self.name, &self.comment))
    }

    fn in_the_way(&self, found: &Found) -> String {
        format!(
            "{name} was not made: there is {kind} of that name, which Hayloft did not make. Rename \
             or drop it, and run `hayloft migrate`.",
            name = told(&self.name),
            kind = found.told_kind()
        )
    }
}

/// The name as a person writes it.
fn told(name: &QualifiedName) -> String {
    format!("{}.{}", name.schema.name(), name.table.name())
}

/// All that a dimension is read through; nothing for a fact table.
fn wanted(contract: &Contract, catalog: &Catalog) -> Result<Vec<Wanted>, ViewsError> {
    let Kind::Dimension { durable_key, .. } = &contract.kind else {
        return Ok(Vec::new());
    };
    let table = &contract.table;
    let columns = catalog.tables.get(table.table.name());
    let columns = columns.map(CatalogTable::names).unwrap_or_default();
    let dimension = Dimension {
        contract,
        durable_key,
        columns: &columns,
    };
    let one = |object: Object| {
        let name = object.name(table).ok_or_else(|| ViewsError::NameTooLong {
            table: table.table.name().to_owned(),
        })?;
        Ok(Wanted::of(object, name, dimension))
    };
    Object::ALL.into_iter().map(one).collect()
}

/// The same, each under a name that no index has.
fn under_free_names(
    conn: &mut PgConnection,
    contract: &Contract,
    catalog: &Catalog,
) -> Result<Vec<Wanted>, ViewsError> {
    let mut all = wanted(contract, catalog)?;
    let found = namesakes(conn, &all)?;
    let (Kind::Dimension { durable_key, .. }, table) = (&contract.kind, &contract.table) else {
        return Ok(all);
    };
    let columns = catalog.tables.get(table.table.name());
    let columns = columns.map(CatalogTable::names).unwrap_or_default();
    let dimension = Dimension {
        contract,
        durable_key,
        columns: &columns,
    };
    for one in &mut all {
        let is_taken = one
            .namesake(&found)
            .is_some_and(|found| found.kind == "index");
        if let (true, Some(name)) = (is_taken, one.object.other_name(table)) {
            *one = Wanted::of(one.object, name, dimension);
        }
    }
    Ok(all)
}

fn comment(create: &str) -> String {
    let digest = Sha256::digest(create);
    let digest = u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
    format!("{MADE_HERE}, which also makes it anew. Definition {digest:016x}")
}

/// The comment on a view or a function.
#[derive(QueryableByName)]
struct Comment {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    text: String,
}

fn comments(conn: &mut PgConnection, schema: &str, names: Vec<&str>) -> QueryResult<Vec<Comment>> {
    sql_query(include_str!("views/comments.sql"))
        .bind::<Text, _>(schema)
        .bind::<Array<Text>, _>(names)
        .load(conn)
}

/// What has one of the names already, and the statements that drop it and make it as it is.
#[derive(QueryableByName, Debug)]
struct Found {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<Text>)]
    comment: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    shows: Option<String>,
    #[diesel(sql_type = Text)]
    drop_it: String,
    #[diesel(sql_type = Text)]
    comment_it: String,
    #[diesel(sql_type = Text)]
    make_it: String,
    #[diesel(sql_type = Array<Text>)]
    give_back: Vec<String>,
}

impl Found {
    fn is_ours(&self) -> bool {
        let made_here = |comment: &String| comment.starts_with(MADE_HERE);
        matches!(self.kind.as_str(), "view" | "function")
            && self.comment.as_ref().is_some_and(made_here)
    }

    fn told_kind(&self) -> &str {
        match self.kind.as_str() {
            "view" => "a view",
            "function" => "a function",
            "index" => "an index",
            "table" => "a table",
            "type" => "a type",
            _ => "something",
        }
    }
}

fn namesakes(conn: &mut PgConnection, wanted: &[Wanted]) -> QueryResult<Vec<Found>> {
    let names = wanted.iter().map(|one| one.name.table.name()).collect();
    let schema = wanted.first().map(|one| one.name.schema.name());
    find(conn, schema.unwrap_or(WAREHOUSE), Some(names))
}

fn find(
    conn: &mut PgConnection,
    schema: &str,
    names: Option<Vec<&str>>,
) -> QueryResult<Vec<Found>> {
    sql_query(include_str!("views/find.sql"))
        .bind::<Text, _>(schema)
        .bind::<Nullable<Array<Text>>, _>(names)
        .load(conn)
}

/// Whether the server refused the statement. A lock timeout is no refusal: whoever has the table, say a
/// large first load, will give it back.
fn is_refusal(error: &DbError) -> bool {
    is_of_the_server(error) && !is_lock_timeout(error)
}

/// Whether the server refused the statement, and the connection is as good as before.
fn is_of_the_server(error: &DbError) -> bool {
    use diesel::result::DatabaseErrorKind as Kind;
    !matches!(
        error,
        DbError::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand, _)
            | DbError::BrokenTransactionManager
    )
}
