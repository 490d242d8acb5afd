//! Transactions that commit only what the server has answered for.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::pg::PgConnection;
use diesel::result::Error as DbError;

use super::replies::{
    ensure_in_step, has_lost_reply, is_told_by_server, note_lost, reply_was_lost,
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
    if let Err(error) = &done
        && error
            .database_cause()
            .is_some_and(|it| !is_told_by_server(it))
    {
        note_lost(conn);
    }
    if has_lost_reply(conn) {
        break_off(conn);
        return Err(done.err().unwrap_or_else(|| reply_was_lost().into()));
    }
    match done {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(conn)?;
            Ok(value)
        }
        Err(error) => match AnsiTransactionManager::rollback_transaction(conn) {
            Ok(()) | Err(DbError::BrokenTransactionManager) => Err(error),
            Err(rollback) => Err(rollback.into()),
        },
    }
}

/// Has every further transaction of the session fail.
fn break_off(conn: &mut PgConnection) {
    AnsiTransactionManager::transaction_manager_status_mut(conn).set_in_error();
}
