//! How a session behaves: the same, whatever the server's, the database's, the role's and the
//! environment's defaults are.
//!
//! Statements name tables with their schema. Functions, operators and types of Postgres are found by
//! the search path that is set here: it has no schema in which anybody else can make something.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// Sets everything that changes what our statements mean, and the texts that are read from the server
/// or written to it.
pub(super) fn pin(conn: &mut PgConnection) -> QueryResult<()> {
    conn.batch_execute(include_str!("session/pin.sql"))
}

/// The statement that gives a session back what concerns a person's own migrations.
pub(super) const FOR_MIGRATIONS: &str = include_str!("session/for_migrations.sql");

#[derive(QueryableByName)]
struct Unguarded {
    #[diesel(sql_type = Bool)]
    fires_no_triggers: bool,
}

/// Warns where triggers and foreign keys of the warehouse would be passed over, and this role may not
/// change that.
pub(super) fn warn_of_replica(conn: &mut PgConnection, place: &str) -> QueryResult<()> {
    let found: Unguarded =
        diesel::sql_query(include_str!("session/fires_no_triggers.sql")).get_result(conn)?;
    if found.fires_no_triggers {
        tracing::warn!(
            "session_replication_role is not `origin` for this role at {place}: triggers do not fire and \
             foreign keys are not checked. Take the setting from the role and the database."
        );
    }
    Ok(())
}
