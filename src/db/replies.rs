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

use diesel::connection::{Connection, Instrumentation, InstrumentationEvent};
use diesel::pg::PgConnection;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind as Kind, Error as DbError};

/// Listens to a session, and remembers whether a reply was lost.
#[derive(Debug, Default)]
struct ReplyTracker {
    replies: Replies,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Replies {
    #[default]
    InStep,
    Lost,
}

impl Instrumentation for ReplyTracker {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::FinishQuery {
            error: Some(error), ..
        } = event
            && !is_told_by_server(error)
        {
            self.replies = Replies::Lost;
        }
    }
}

/// Has lost replies of this session remembered from now on.
pub(super) fn track(conn: &mut PgConnection) {
    conn.set_instrumentation(ReplyTracker::default());
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
mod tests {
    use super::*;

    fn reported(kind: Kind, message: &str) -> DbError {
        DbError::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn only_a_report_of_the_server_leaves_replies_in_step() {
        let table = [
            (reported(Kind::CheckViolation, "new row violates"), true),
            (reported(Kind::Unknown, "deadlock detected"), true),
            (DbError::NotFound, true),
            (
                reported(
                    Kind::Unknown,
                    "could not receive data from server: Input/output error\n",
                ),
                false,
            ),
            (
                reported(Kind::Unknown, "lost synchronization with server\n"),
                false,
            ),
            (reported(Kind::Unknown, ""), false),
            (reported(Kind::ClosedConnection, "terminating"), false),
            (reported(Kind::UnableToSendCommand, "another"), false),
            (DbError::DeserializationError("not a number".into()), false),
            (DbError::BrokenTransactionManager, false),
        ];
        for (error, expected) in table {
            assert_eq!(is_told_by_server(&error), expected, "{error:?}");
        }
    }
}
