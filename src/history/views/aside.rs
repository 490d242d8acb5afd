//! Views put aside, so that migrations may change the tables behind them, and given back.
//!
//! In: a connection, before and after. What was made here is dropped, and remembered as it is:
//! its definition, owner, options and grants. Afterwards whatever was not made anew from a contract
//! is made as it was. So a mistake in `hayloft.toml` takes away nobody's views.

use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};

use super::{Found, find, is_of_the_server};
use crate::contract::WAREHOUSE;
use crate::db::prelude::*;
use crate::db::{transaction, without_value};

/// What was put aside.
#[derive(Debug, Default)]
pub struct Aside(Vec<Found>);

/// What became of views that had been put aside and are not quite as they were.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GivenBack {
    /// A sentence for each that its table could have and that could not be made.
    pub lost: Vec<String>,
    /// A sentence for each thing that was set on one and could not be set again, or went with the
    /// table.
    pub unset: Vec<String>,
}

/// Drops all that was made here, so that a migration may change the tables behind it. What
/// somebody built on a view stays, and the view with it.
pub fn put_aside(conn: &mut PgConnection) -> QueryResult<Aside> {
    alone(conn, |conn| {
        let mut aside = Aside::default();
        let all = find(conn, WAREHOUSE, None)?;
        for ours in all.into_iter().filter(Found::is_ours) {
            if tried(conn, |conn| conn.batch_execute(&ours.drop_it))?.is_none() {
                aside.0.push(ours);
            }
        }
        Ok(aside)
    })
}

/// Makes as it was what is not there again by now, and gives each its owner and grants back.
pub fn give_back(conn: &mut PgConnection, aside: &Aside) -> QueryResult<GivenBack> {
    if aside.0.is_empty() {
        return Ok(GivenBack::default());
    }
    alone(conn, |conn| {
        let mut given = GivenBack::default();
        for one in &aside.0 {
            let now = find(conn, WAREHOUSE, Some(vec![&one.name]))?;
            match now.iter().find(|now| now.kind == one.kind) {
                Some(now) if now.is_ours() => one.set_again(conn, &mut given)?,
                // It is said where the views are made.
                Some(_) => {}
                None if !one.has_its_table(conn)? => one.went_with_its_table(&mut given),
                None => match tried(conn, |conn| one.make_again(conn))? {
                    None => one.set_again(conn, &mut given)?,
                    Some(reason) => given.lost.push(one.told_lost(&reason)),
                },
            }
        }
        Ok(given)
    })
}

impl Found {
    fn make_again(&self, conn: &mut PgConnection) -> QueryResult<()> {
        conn.batch_execute(&self.make_it)?;
        conn.batch_execute(&self.comment_it)
    }

    fn set_again(&self, conn: &mut PgConnection, given: &mut GivenBack) -> QueryResult<()> {
        for statement in &self.give_back {
            if let Some(reason) = tried(conn, |conn| conn.batch_execute(statement))? {
                given.unset.push(format!(
                    "`{statement}` was so before the migrations, and cannot be made so again: \
                     {reason}."
                ));
            }
        }
        Ok(())
    }

    fn has_its_table(&self, conn: &mut PgConnection) -> QueryResult<bool> {
        let Some(table) = &self.shows else {
            return Ok(false);
        };
        let answer: There = sql_query(include_str!("table_there.sql"))
            .bind::<Text, _>(table)
            .get_result(conn)?;
        Ok(answer.there)
    }

    fn went_with_its_table(&self, given: &mut GivenBack) {
        if !self.give_back.is_empty() {
            given.unset.push(format!(
                "{WAREHOUSE}.{name} went with its table. What was set on it:{set}",
                name = self.name,
                set = self.told_set()
            ));
        }
    }

    fn told_lost(&self, reason: &str) -> String {
        let again = if self.give_back.is_empty() {
            String::new()
        } else {
            format!(" Then set again what was set on it:{}", self.told_set())
        };
        format!(
            "{WAREHOUSE}.{name} is gone: it cannot be made as it was before the migrations: \
             {reason}. Mend hayloft.toml (`hayloft status` says what is wrong) and run `hayloft \
             migrate`, which makes it as its table is now.{again}",
            name = self.name
        )
    }

    fn told_set(&self) -> String {
        let line = |told: String, statement: &String| format!("{told}\n  {statement};");
        self.give_back.iter().fold(String::new(), line)
    }
}

#[derive(QueryableByName)]
struct There {
    #[diesel(sql_type = Bool)]
    there: bool,
}

/// With no schema in the search path but Postgres' own, every name in a definition is told with its
/// schema, and so means the same whatever the path is later.
fn alone<T>(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    transaction(conn, |conn| {
        conn.batch_execute("set local search_path = pg_catalog, pg_temp")?;
        conn.batch_execute(include_str!("lock.sql"))?;
        work(conn)
    })
}

/// `None` where it was done, or what the server said.
fn tried(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> QueryResult<()>,
) -> QueryResult<Option<String>> {
    match transaction(conn, work) {
        Ok(()) => Ok(None),
        Err(error) if is_of_the_server(&error) => Ok(Some(without_value(&error.to_string()))),
        Err(error) => Err(error),
    }
}
