//! Whether a session and its server still agree on which reply belongs to which statement.
//!
//! libpq goes on after an error of `recv()` that does not end the connection. The reply that was
//! not received is still on its way, so the next statement gets it as its own, and every later
//! statement gets the reply of the one before. To roll back does not help: the answer to the
//! ROLLBACK is then the reply of something else. Such a session must not be used again, and above
//! all must not commit.
//!
//! Diesel tells of each statement's end. A [`ReplyTracker`] listens, and remembers the first error
//! that is not the server's own report.
//!
//! Two errors nobody tells of. After a report of the server Diesel receives what is left of the reply,
//! and libpq does so before it sends anything after a COPY; both pass over an error of it. So after
//! a report the next statement is not sent before another one was answered ([`ensure_in_step`]), and
//! what follows on a COPY asks for an answer that no other reply has ([`confirm_in_step`]).

use std::sync::atomic::{AtomicI64, Ordering};

use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind as Kind, Error as DbError};
use diesel::sql_query;
use diesel::sql_types::BigInt;

use super::prelude::*;

/// Listens to a session, and remembers whether a reply was lost.
#[derive(Debug, Default)]
struct ReplyTracker {
    replies: Replies,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Replies {
    #[default]
    InStep,
    /// The server reported an error, and the end of its reply may be lost.
    Doubtful,
    Lost,
}

impl Instrumentation for ReplyTracker {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::FinishQuery { error, .. } = event {
            self.replies = self.replies.after(error);
        }
    }
}

impl Replies {
    /// Once a statement has come to its end.
    fn after(self, error: Option<&DbError>) -> Self {
        match (self, error) {
            (Self::Lost, _) => Self::Lost,
            (Self::InStep | Self::Doubtful, None) => Self::InStep,
            (_, Some(error)) if !is_told_by_server(error) => Self::Lost,
            (_, Some(DbError::DatabaseError(..))) => Self::Doubtful,
            (same, Some(_)) => same,
        }
    }
}

/// Has lost replies of this session remembered from now on.
pub(super) fn track(conn: &mut PgConnection) {
    conn.set_instrumentation(ReplyTracker::default());
}

/// Gives an error where the session has lost a reply. Where that is in doubt, it is asked for one: libpq
/// waits for the whole answer of a statement of this kind, and has none to give where the end of
/// the reply before comes in its place.
pub(super) fn ensure_in_step(conn: &mut PgConnection) -> QueryResult<()> {
    if tracker(conn).is_some_and(|tracker| tracker.replies == Replies::Doubtful) {
        // What it answers is all the same: in a transaction that failed it is an error.
        let _ = conn.batch_execute("select");
    }
    if has_lost_reply(conn) {
        return Err(reply_was_lost());
    }
    Ok(())
}

/// Gives an error where the answer of a statement is not the answer to it.
pub(super) fn confirm_in_step(conn: &mut PgConnection) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Echo {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let echo = sql_query("select $1 as number")
        .bind::<BigInt, _>(number)
        .get_result(conn);
    match echo {
        Ok(Echo { number: echoed }) if echoed == number => Ok(()),
        Err(error) if is_told_by_server(&error) => Err(error),
        Ok(_) | Err(_) => {
            note_lost(conn);
            Err(reply_was_lost())
        }
    }
}

pub(super) fn reply_was_lost() -> DbError {
    let message = "a reply of the server was lost";
    DbError::DatabaseError(Kind::ClosedConnection, Box::new(message.to_owned()))
}

/// Whether the session has lost a reply, so that what it says can no longer be believed.
#[must_use]
pub fn has_lost_reply(conn: &mut PgConnection) -> bool {
    tracker(conn).is_some_and(|tracker| tracker.replies == Replies::Lost)
}

/// Notes that a reply was lost where Diesel does not notice it.
pub(super) fn note_lost(conn: &mut PgConnection) {
    if let Some(tracker) = tracker(conn) {
        tracker.replies = Replies::Lost;
    }
}

fn tracker(conn: &mut PgConnection) -> Option<&mut ReplyTracker> {
    // A hidden method of Diesel: a test below fails on the day on which it is gone.
    conn.instrumentation().downcast_mut()
}

/// Whether the server itself reports the error, or it never came to a statement. Everything else
/// is an error of the client's side, or one that nobody has thought of.
#[must_use]
pub fn is_told_by_server(error: &DbError) -> bool {
    match error {
        DbError::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand, _) => false,
        DbError::DatabaseError(_, information) => !is_of_client(information.as_ref()),
        // Of a statement that was answered, or that was never sent.
        DbError::NotFound
        | DbError::RollbackTransaction
        | DbError::QueryBuilderError(_)
        | DbError::SerializationError(_) => true,
        _ => false,
    }
}

/// A report of the server has a message of its own, which has no line end. Where there is none,
/// Diesel shows the text of libpq, which always ends its line.
fn is_of_client(information: &dyn DatabaseErrorInformation) -> bool {
    let message = information.message();
    message.is_empty() || message.ends_with('\n')
}

#[cfg(test)]
mod tests;
