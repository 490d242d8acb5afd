//! What Postgres says: what it means, and the same without what it quotes of somebody's row.

use diesel::result::{DatabaseErrorKind, Error as DbError};

use super::language::{self, Meaning};

/// Whether the server gave up a statement because somebody has what it needs. Diesel keeps no
/// SQLSTATE, so the text is all there is, in English or as the server was heard to say it
/// (`language`).
#[must_use]
pub fn is_lock_timeout(error: &DbError) -> bool {
    matches!(
        error,
        DbError::DatabaseError(_, information)
            if information.message() == "canceling statement due to lock timeout"
                || language::means(information.message(), Meaning::LockTimeout)
    )
}

/// Whether the server gave up a statement that took too long, or waited too long.
#[must_use]
pub fn is_canceled(error: &DbError) -> bool {
    is_lock_timeout(error)
        || matches!(
            error,
            DbError::DatabaseError(_, information)
                if information.message().starts_with("canceling statement due to")
                    || language::means(information.message(), Meaning::StatementTimeout)
        )
}

/// Whether nothing can be written now, in the words of a server that does not speak English.
#[must_use]
pub fn takes_no_writes(error: &DbError) -> bool {
    matches!(
        error,
        DbError::DatabaseError(_, information)
            if language::means(information.message(), Meaning::ReadOnly)
    )
}

/// Whether an error may mean anything, since the server says it in another language.
#[must_use]
pub fn may_be_foreign(error: &DbError) -> bool {
    matches!(error, DbError::DatabaseError(DatabaseErrorKind::Unknown, _)) && language::is_foreign()
}

/// Whether the server says that the role may not do something.
#[must_use]
pub fn is_denied(error: &DbError) -> bool {
    matches!(
        error,
        DbError::DatabaseError(_, information) if is_denied_text(information.message())
    )
}

/// The same of its words.
#[must_use]
pub fn is_denied_text(message: &str) -> bool {
    message.starts_with("permission denied")
        || message.starts_with("must be owner of")
        || message.contains("row-level security policy")
        || language::means(message, Meaning::Denied)
}

/// The first line of a server's message, without the value that it is about: such messages end
/// with it (`invalid input syntax for type integer: "…"`, `date/time field value out of range:
/// "…"`) or begin with it (`value "…" is out of range for type integer`).
#[must_use]
pub fn without_value(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    if let Some((_, after)) = line
        .strip_prefix("value \"")
        .and_then(|rest| rest.rsplit_once('"'))
    {
        return format!("a value{after}");
    }
    let before = line.split_once(": \"").map(|(before, _)| before);
    before.unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::without_value;

    #[test]
    fn a_value_that_the_server_quotes_is_cut_out() {
        let table = [
            (
                "invalid input syntax for type integer: \"a@b.c\"",
                "invalid input syntax for type integer",
            ),
            (
                "date/time field value out of range: \"99/99/2020\"\nHINT: …",
                "date/time field value out of range",
            ),
            (
                "value \"123\"4\" is out of range for type integer",
                "a value is out of range for type integer",
            ),
            (
                "relation \"x\" does not exist",
                "relation \"x\" does not exist",
            ),
        ];
        for (message, expected) in table {
            assert_eq!(without_value(message), expected);
        }
    }
}
