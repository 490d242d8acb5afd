//! What a server says that does not speak English.
//!
//! Diesel keeps no SQLSTATE, so some errors are known by their texts alone. A superuser's session has them
//! in English, and so has that of a role with `grant set on parameter lc_messages`. To any other, a server
//! of another language is made to say them once, before anything is loaded; they are recognised
//! from then on.

use std::sync::{PoisonError, RwLock};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use uuid::Uuid;

use super::pool;
use super::prelude::*;
use super::url::DatabaseUrl;

/// What is to be recognised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// Somebody has what a statement needs.
    LockTimeout,
    /// A statement took too long.
    StatementTimeout,
    /// Nothing can be written.
    ReadOnly,
    /// The role may not.
    Denied,
}

/// A text, with a gap for what differs each time.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Phrase {
    meaning: Meaning,
    before: String,
    after: Option<String>,
}

/// Empty where the server speaks English. A process speaks to one server.
static PHRASES: RwLock<Vec<Phrase>> = RwLock::new(Vec::new());

/// Whether texts of this setting of `lc_messages` are English.
pub(super) fn is_english(lc_messages: &str) -> bool {
    let name = lc_messages.to_lowercase();
    ["c", "posix"].contains(&name.split('.').next().unwrap_or_default()) || name.starts_with("en")
}

/// Has the server say what is to be recognised. What it does not say now is not recognised.
pub(super) fn learn(conn: &mut PgConnection, url: &DatabaseUrl) {
    let mut phrases = Vec::new();
    phrases.extend(lock_timeout(conn, url));
    phrases.extend(provoked(
        conn,
        Meaning::StatementTimeout,
        STATEMENT_TIMEOUT,
        None,
    ));
    phrases.extend(provoked(
        conn,
        Meaning::ReadOnly,
        READ_ONLY,
        Some("CREATE TABLE"),
    ));
    phrases.extend(provoked(conn, Meaning::Denied, DENIED, Some("pg_authid")));
    tracing::debug!(
        "the server does not speak English; {} of its texts are known",
        phrases.len()
    );
    *PHRASES.write().unwrap_or_else(PoisonError::into_inner) = phrases;
}

/// Whether a message of the server means this.
pub(super) fn means(message: &str, meaning: Meaning) -> bool {
    let phrases = PHRASES.read().unwrap_or_else(PoisonError::into_inner);
    phrases
        .iter()
        .any(|phrase| phrase.meaning == meaning && phrase.is(message))
}

/// Whether there are messages that cannot be recognised.
pub(super) fn is_foreign() -> bool {
    let phrases = PHRASES.read().unwrap_or_else(PoisonError::into_inner);
    !phrases.is_empty()
}

impl Phrase {
    fn new(meaning: Meaning, message: &str, gap: Option<&str>) -> Self {
        let (before, after) = match gap.and_then(|gap| message.split_once(gap)) {
            Some((before, after)) => (before, Some(after.to_owned())),
            None => (message, None),
        };
        Self {
            meaning,
            before: before.to_owned(),
            after,
        }
    }

    fn is(&self, message: &str) -> bool {
        match &self.after {
            None => message == self.before,
            Some(after) => message.starts_with(&self.before) && message.ends_with(after.as_str()),
        }
    }
}

const STATEMENT_TIMEOUT: &str =
    "set local statement_timeout = '1ms'; select pg_catalog.pg_sleep(1)";
const READ_ONLY: &str = "set transaction read only; create temporary table hayloft_probe ()";
const DENIED: &str = "select from pg_catalog.pg_authid";

fn provoked(
    conn: &mut PgConnection,
    meaning: Meaning,
    statements: &str,
    gap: Option<&str>,
) -> Option<Phrase> {
    conn.batch_execute("begin").ok()?;
    let said = conn.batch_execute(statements);
    conn.batch_execute("rollback").ok()?;
    match said {
        Err(DbError::DatabaseError(_, information)) => {
            Some(Phrase::new(meaning, information.message(), gap))
        }
        _ => None,
    }
}

/// A second session has a lock that nobody else can want.
fn lock_timeout(conn: &mut PgConnection, url: &DatabaseUrl) -> Option<Phrase> {
    let mut other = pool::unpooled(url).ok()?;
    let key = Uuid::new_v4().as_u64_pair().0.cast_signed();
    other.batch_execute("begin").ok()?;
    sql_query("select pg_catalog.pg_advisory_xact_lock($1)")
        .bind::<BigInt, _>(key)
        .execute(&mut other)
        .ok()?;
    let wait =
        format!("set local lock_timeout = '1ms'; select pg_catalog.pg_advisory_xact_lock({key})");
    provoked(conn, Meaning::LockTimeout, &wait, None)
}

#[cfg(test)]
mod tests {
    use super::{Meaning, Phrase, is_english};

    #[test]
    fn a_phrase_is_known_whatever_stands_in_its_gap() {
        let said = "keine Berechtigung für Tabelle pg_authid";
        let phrase = Phrase::new(Meaning::Denied, said, Some("pg_authid"));
        assert!(phrase.is("keine Berechtigung für Tabelle users"));
        assert!(!phrase.is("keine Verbindung"));
        let whole = Phrase::new(Meaning::LockTimeout, "Zeit abgelaufen", None);
        assert!(whole.is("Zeit abgelaufen") && !whole.is("Zeit abgelaufen!"));
    }

    #[test]
    fn a_language_is_told_by_the_setting() {
        for (setting, english) in [
            ("C", true),
            ("C.UTF-8", true),
            ("POSIX", true),
            ("en_US.UTF-8", true),
            ("de_DE.UTF-8", false),
            ("cs_CZ", false),
            ("", false),
        ] {
            assert_eq!(is_english(setting), english, "{setting}");
        }
    }
}
