//! How a session behaves: the same, whatever the server's, the database's, the role's and the
//! environment's defaults are.
//!
//! Statements name tables with their schema. Functions, operators and types of Postgres are found by
//! the search path that is set here: it has no schema in which anybody else can make something.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};

use super::language;
use super::prelude::*;
use super::url::DatabaseUrl;

/// Sets everything that changes what our statements mean, and the texts that are read from the server
/// or written to it.
pub(super) fn pin(conn: &mut PgConnection) -> QueryResult<()> {
    conn.batch_execute(include_str!("session/pin.sql"))
}

/// The statement that gives a session back what concerns a person's own migrations.
pub(super) const FOR_MIGRATIONS: &str = include_str!("session/for_migrations.sql");

#[derive(QueryableByName)]
struct Unpinned {
    #[diesel(sql_type = Bool)]
    fires_no_triggers: bool,
    #[diesel(sql_type = Text)]
    lc_messages: String,
}

/// Deals with what this role may not set: warns where triggers and foreign keys of the warehouse would be
/// passed over, and learns what a server says that does not speak English.
pub(super) fn make_do(conn: &mut PgConnection, url: &DatabaseUrl) -> QueryResult<()> {
    let found: Unpinned =
        diesel::sql_query(include_str!("session/unpinned.sql")).get_result(conn)?;
    if !language::is_english(&found.lc_messages) {
        language::learn(conn, url);
    }
    let place = url.place();
    if found.fires_no_triggers {
        tracing::warn!(
            "session_replication_role is not `origin` for this role at {place}: triggers do not fire and \
             foreign keys are not checked. Take the setting from the role and the database."
        );
    }
    Ok(())
}
