//! Why no connection came about, said so that a person knows what to do.
//!
//! The text of libpq or of the server comes in; a kind and a sentence go out. The kind says
//! whether waiting can heal it. There is no SQLSTATE on this way, so the English text decides. What is
//! not recognised is waited for: a server that starts says so in a language of its own.

use diesel::r2d2::PoolError;
use diesel::result::ConnectionError;

use super::url::DatabaseUrl;

/// Whether waiting can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It can heal by itself: a server that starts, a network that comes back.
    Retry,
    /// A person must change something first.
    Refuse,
}

/// A connection that did not come about, or that must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ConnectFault {
    /// Whether waiting can help.
    pub kind: FaultKind,
    /// What happened and what to do. It holds no password.
    pub sentence: String,
}

/// Explains why a plain connection failed.
#[must_use]
pub fn explain_connection_error(error: &ConnectionError, url: &DatabaseUrl) -> ConnectFault {
    explain(&error.to_string(), url)
}

/// Explains why the pool gave no connection.
#[must_use]
pub fn explain_pool_error(error: &PoolError, url: &DatabaseUrl) -> ConnectFault {
    // The pool knows a cause only if a new connection failed meanwhile.
    let message = error.to_string();
    match message.split_once(": ") {
        Some((_, cause)) => explain(cause, url),
        None => ConnectFault {
            kind: FaultKind::Retry,
            sentence: format!(
                "All connections to Postgres at {} stayed in use.",
                url.place()
            ),
        },
    }
}

/// What the message has in it, what it means, and what is said. The first match counts.
const KNOWN: &[(&[&str], FaultKind, &str)] = &[
    (&["__diesel_stmt_"], FaultKind::Refuse, POOLER),
    (&["prepared statement"], FaultKind::Refuse, POOLER),
    (
        &["authentication method requirement"],
        FaultKind::Refuse,
        "What answers at {place} is not the server that it should be: it does not prove that it knows the \
         password of {user}, which it was not told. Look what listens there; `hayloft server stop` and \
         another start give a private server another port.",
    ),
    (
        &["password authentication failed"],
        FaultKind::Refuse,
        "Postgres at {place} refuses the password of {user}: correct the database URL.",
    ),
    (
        &["no password supplied"],
        FaultKind::Refuse,
        "Postgres at {place} wants a password for {user}: put one into the database URL, or into ~/.pgpass.",
    ),
    (
        &["pg_hba.conf"],
        FaultKind::Refuse,
        "Postgres at {place} lets {user} in to {database} from no address like this one, or not \
         without TLS: add or change a line in its pg_hba.conf, or add ?sslmode=require to the database URL.",
    ),
    (
        &["authentication failed"],
        FaultKind::Refuse,
        "Postgres at {place} does not accept {user}: correct the user in the database URL, or the server's pg_hba.conf.",
    ),
    (
        &["is not permitted to log in"],
        FaultKind::Refuse,
        "Postgres at {place} does not let {user} log in: give another user in the database URL.",
    ),
    (
        &["permission denied for database"],
        FaultKind::Refuse,
        "Postgres at {place} does not let {user} into {database}: grant CONNECT on it.",
    ),
    (&["too many"], FaultKind::Retry, NONE_LEFT),
    (&["remaining connection slots"], FaultKind::Retry, NONE_LEFT),
    (
        &["not currently accepting connections"],
        FaultKind::Retry,
        "Postgres at {place} lets nobody into {database} now.",
    ),
    (
        &["role \"", "does not exist"],
        FaultKind::Refuse,
        "Postgres at {place} has no user like {user}: create it, or correct the database URL.",
    ),
    (
        &["database \"", "does not exist"],
        FaultKind::Refuse,
        "Postgres at {place} has no database like {database}: create it (createdb), or correct the database URL.",
    ),
    (
        &["the database system is"],
        FaultKind::Retry,
        "Postgres at {place} is starting, stopping or recovering.",
    ),
    (
        &["terminating connection"],
        FaultKind::Retry,
        "Postgres at {place} closed the connection.",
    ),
    (
        &["closed the connection"],
        FaultKind::Retry,
        "Postgres at {place} closed the connection.",
    ),
    (
        &["could not translate host name"],
        FaultKind::Retry,
        "The host of {place} cannot be found: check the database URL and the network.",
    ),
    (
        &["Connection refused"],
        FaultKind::Retry,
        "No Postgres answers at {place}: is it running, and is the port right?",
    ),
    (
        &["No such file or directory"],
        FaultKind::Retry,
        "No Postgres answers at {place}: is it running?",
    ),
    (
        &["timeout expired"],
        FaultKind::Retry,
        "Postgres at {place} did not answer in time.",
    ),
    (
        &["does not support SSL"],
        FaultKind::Refuse,
        "Postgres at {place} offers no TLS, and the database URL demands it (sslmode).",
    ),
    (
        &["certificate"],
        FaultKind::Refuse,
        "The certificate of Postgres at {place} was not accepted: check sslmode and sslrootcert.",
    ),
    (
        &["response to SSL negotiation"],
        FaultKind::Refuse,
        "What answers at {place} is no Postgres: correct the port in the database URL.",
    ),
    // libpq's complaints of the URL itself may quote any part of it: they are not repeated.
    (&["invalid"], FaultKind::Refuse, MALFORMED),
    (&["missing"], FaultKind::Refuse, MALFORMED),
    (&["unexpected"], FaultKind::Refuse, MALFORMED),
    (&["extra key/value"], FaultKind::Refuse, MALFORMED),
];

/// What is to be said of an error of a statement that tells of such a pooler.
#[must_use]
pub fn pooler_behind(message: &str) -> Option<String> {
    let is_lost = ["__diesel_stmt_", "prepared statement"]
        .iter()
        .any(|part| message.contains(part));
    let is_told = message.contains("pooler");
    (is_lost && !is_told).then(|| POOLER.replace(" at {place}", ""))
}

/// With a pooler in between, a statement that was prepared may reach a session that does not know it, or
/// one that has another of its name.
const POOLER: &str = "Between Hayloft and Postgres at {place} is a pooler that has each transaction go to \
     another session, and that does not know prepared statements. Set max_prepared_statements = 200 (PgBouncer \
     1.21 or newer) or pool_mode = session in the pooler, or connect to Postgres itself.";

const NONE_LEFT: &str = "Postgres at {place} has no connection left to give.";

const MALFORMED: &str = "Postgres' client library does not understand an option or a value in the \
                         database URL for {place}: check what follows the ?.";

pub(super) fn explain(message: &str, url: &DatabaseUrl) -> ConnectFault {
    let is_said = |parts: &[&str]| parts.iter().all(|part| message.contains(part));
    let known = KNOWN.iter().find(|(parts, _, _)| is_said(parts));
    match known {
        Some((_, kind, template)) => ConnectFault {
            kind: *kind,
            sentence: filled(template, url),
        },
        None => unknown(message, url),
    }
}

fn filled(template: &str, url: &DatabaseUrl) -> String {
    let quoted =
        |name: Option<&str>, other: &str| name.map_or(other.to_owned(), |n| format!("\"{n}\""));
    template
        .replace("{place}", &url.place())
        .replace("{user}", &quoted(url.user(), "this user"))
        .replace("{database}", &quoted(url.database(), "this database"))
}

fn unknown(message: &str, url: &DatabaseUrl) -> ConnectFault {
    let said = url
        .scrub(message.trim().trim_end_matches('.'))
        .replace('\n', " ");
    ConnectFault {
        kind: FaultKind::Retry,
        sentence: format!("No connection to Postgres at {}: {said}.", url.place()),
    }
}

#[cfg(test)]
mod tests {
    use super::{FaultKind, explain};
    use crate::db::url::DatabaseUrl;

    #[test]
    fn only_what_can_heal_is_retried_and_no_sentence_holds_the_password() {
        let url: DatabaseUrl = "postgres://bob:c4n4ry@db:5433/sales".parse().unwrap();
        let head = "connection to server at \"db\" (10.0.0.1), port 5433 failed: ";
        let table = [
            (
                "FATAL:  password authentication failed for user \"bob\"",
                FaultKind::Refuse,
                "password of \"bob\"",
            ),
            (
                "FATAL:  database \"sales\" does not exist",
                FaultKind::Refuse,
                "no database like \"sales\"",
            ),
            (
                "FATAL:  role \"bob\" does not exist",
                FaultKind::Refuse,
                "no user like \"bob\"",
            ),
            (
                "FATAL:  pg_hba.conf rejects connection for host \"10.0.0.9\", user \"bob\", database \"sales\"",
                FaultKind::Refuse,
                "pg_hba.conf",
            ),
            (
                "FATAL:  das Datenbanksystem startet",
                FaultKind::Retry,
                "das Datenbanksystem startet",
            ),
            (
                "ERROR:  prepared statement \"__diesel_stmt_0\" already exists",
                FaultKind::Refuse,
                "pooler",
            ),
            (
                "authentication method requirement \"scram-sha-256\" failed: server requested a cleartext password",
                FaultKind::Refuse,
                "not the server",
            ),
            (
                "FATAL:  the database system is starting up",
                FaultKind::Retry,
                "starting",
            ),
            (
                "FATAL:  sorry, too many clients already",
                FaultKind::Retry,
                "no connection left",
            ),
            (
                "FATAL:  too many connections for role \"bob\"",
                FaultKind::Retry,
                "no connection left",
            ),
            (
                "FATAL:  something with c4n4ry",
                FaultKind::Retry,
                "something with ***",
            ),
            ("Connection refused", FaultKind::Retry, "db:5433"),
            (
                "server does not support SSL, but SSL was required",
                FaultKind::Refuse,
                "TLS",
            ),
            (
                "server closed the connection unexpectedly",
                FaultKind::Retry,
                "closed",
            ),
            (
                "invalid URI query parameter: \"c4n4ry\"",
                FaultKind::Refuse,
                "option",
            ),
            (
                "the network has c4n4ry",
                FaultKind::Retry,
                "the network has ***.",
            ),
        ];
        for (message, kind, part) in table {
            let fault = explain(&format!("{head}{message}\n"), &url);
            assert_eq!(fault.kind, kind, "{message}");
            assert!(fault.sentence.contains(part), "{}", fault.sentence);
            assert!(!fault.sentence.contains("c4n4ry"), "{}", fault.sentence);
        }
    }
}
