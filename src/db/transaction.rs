//! Transactions that commit only what the server has answered for.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::pg::PgConnection;
use diesel::result::Error as DbError;

use super::replies::{
    self, as_told_by_server, ensure_in_step, has_lost_reply, is_suspect, is_told_by_server,
    reply_was_lost, settle_suspicion,
};

/// An error that may be one of the database.
pub trait DatabaseCause: From<DbError> {
    /// The error of the database that it is, if it is one.
    fn database_cause(&self) -> Option<&DbError>;
}

impl DatabaseCause for DbError {
    fn database_cause(&self) -> Option<&DbError> {
        Some(self)
    }
}

impl DatabaseCause for super::copy::CopyError {
    fn database_cause(&self) -> Option<&DbError> {
        match self {
            Self::Database(error) => Some(error),
            Self::Rows(_) => None,
        }
    }
}

/// Does some work in a transaction, or in a savepoint of the one that is open: commits if it went
/// well, rolls back if it did not. A session that has lost a reply (see `replies`) does
/// neither, also where the work went on after it: nothing of it is committed, and the session is
/// broken from then on, so that its pool throws it away. The server then rolls back by itself.
pub fn transaction<T, E: DatabaseCause>(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    ensure_in_step(conn)?;
    AnsiTransactionManager::begin_transaction(conn)?;
    let done = work(conn);
    if let Some(cause) = done.as_ref().err().and_then(E::database_cause) {
        replies::note(conn, cause);
    }
    if is_suspect(conn) {
        return Err(roll_back_and_ask(conn, done.err()));
    }
    if has_lost_reply(conn) {
        break_off(conn);
        return Err(done.err().unwrap_or_else(|| reply_was_lost().into()));
    }
    match done {
        Ok(value) => {
            commit(conn)?;
            Ok(value)
        }
        Err(error) => match AnsiTransactionManager::rollback_transaction(conn) {
            Ok(()) | Err(DbError::BrokenTransactionManager) => Err(error),
            Err(rollback) => Err(rollback.into()),
        },
    }
}

fn commit(conn: &mut PgConnection) -> Result<(), DbError> {
    let committed = AnsiTransactionManager::commit_transaction(conn);
    committed.map_err(|error| {
        // A constraint trigger may have raised it: then the transaction is over.
        if is_suspect(conn) && !has_lost_reply(conn) {
            return as_told_by_server(&error);
        }
        error
    })
}

/// Ends work in which there was an error of which it cannot be told whose it is. Its error, as one of
/// the server if that is what it was.
fn roll_back_and_ask<E: DatabaseCause>(conn: &mut PgConnection, error: Option<E>) -> E {
    if AnsiTransactionManager::rollback_transaction(conn).is_ok() {
        settle_suspicion(conn);
    }
    if has_lost_reply(conn) {
        break_off(conn);
        return error.unwrap_or_else(|| reply_was_lost().into());
    }
    let Some(error) = error else {
        return reply_was_lost().into();
    };
    match error.database_cause() {
        Some(cause) if !is_told_by_server(cause) => as_told_by_server(cause).into(),
        _ => error,
    }
}

/// Has every further transaction of the session fail.
fn break_off(conn: &mut PgConnection) {
    AnsiTransactionManager::transaction_manager_status_mut(conn).set_in_error();
}
