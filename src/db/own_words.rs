//! Whether a message is the server's own, so that people may see it.
//!
//! A trigger can say whatever it likes, and what it says may hold values of a row. So a message is shown
//! only if it has the form of one that is known. Of a value that such a message ends or begins with, the
//! message is rid before ([`without_value`](super::without_value)).

/// The messages that may be met. What stands in braces differs each time: see [`Gap`].
const KNOWN: [&str; 66] = [
    "a value is out of range for type {type}",
    "bigint out of range",
    "cache lookup failed for {name} {name}",
    "canceling statement due to conflict with recovery",
    "canceling statement due to lock timeout",
    "canceling statement due to statement timeout",
    "canceling statement due to user request",
    "cannot execute {command} in a read-only transaction",
    "cannot insert a non-DEFAULT value into column \"{name}\"",
    "cannot insert multiple commands into a prepared statement",
    "column \"{name}\" can only be updated to DEFAULT",
    "column \"{name}\" does not exist",
    "column {name} does not exist",
    "column \"{name}\" is of type {type} but expression is of type {type}",
    "column \"{name}\" of relation \"{name}\" does not exist",
    "conflicting key value violates exclusion constraint \"{name}\"",
    "could not extend file \"{name}\"",
    "current transaction is aborted, commands ignored until end of transaction block",
    "date/time field value out of range",
    "deadlock detected",
    "division by zero",
    "duplicate key value violates unique constraint \"{name}\"",
    "function {name} does not exist",
    "index row requires {number} bytes, maximum size is {number}",
    "index row size {number} exceeds btree version {number} maximum {number} for index \"{name}\"",
    "insert or update on table \"{name}\" violates foreign key constraint \"{name}\"",
    "integer out of range",
    "invalid input syntax for type {type}",
    "lock not available",
    "must be owner of {kind} {name}",
    "new row for relation \"{name}\" violates check constraint \"{name}\"",
    "new row violates row-level security policy for table \"{name}\"",
    "no partition of relation \"{name}\" found for row",
    "null value in column \"{name}\" of relation \"{name}\" violates not-null constraint",
    "numeric field overflow",
    "operator does not exist",
    "out of memory",
    "out of shared memory",
    "permission denied for {kind} {name}",
    "query would be affected by row-level security policy for table \"{name}\"",
    "relation \"{name}\" does not exist",
    "remaining connection slots are reserved for non-replication superuser connections",
    "remaining connection slots are reserved for roles with the SUPERUSER attribute",
    "remaining connection slots are reserved for roles with privileges of the \"{name}\" role",
    "role \"{name}\" does not exist",
    "row is too big: size {number}, maximum size {number}",
    "schema \"{name}\" does not exist",
    "smallint out of range",
    "sorry, too many clients already",
    "table row type and query-specified row type do not match",
    "terminating connection due to administrator command",
    "terminating connection due to conflict with recovery",
    "terminating connection due to idle-in-transaction timeout",
    "terminating connection due to idle-session timeout",
    "terminating connection due to transaction timeout",
    "terminating connection due to unexpected postmaster exit",
    "the database system is in recovery mode",
    "the database system is not accepting connections",
    "the database system is not yet accepting connections",
    "the database system is shutting down",
    "the database system is starting up",
    "tuple concurrently updated",
    "type \"{name}\" does not exist",
    "update or delete on table \"{name}\" violates foreign key constraint \"{name}\" on table \"{name}\"",
    "value for domain {name} violates check constraint \"{name}\"",
    "value too long for type {type}",
];

/// Whether a message has the form of one of the server's own.
#[must_use]
pub fn is_servers_own(message: &str) -> bool {
    KNOWN.iter().any(|known| has_form(message, known))
}

/// What may stand in a gap.
#[derive(Clone, Copy)]
enum Gap {
    /// A name, perhaps with its schema: one word.
    Name,
    Number,
    /// A type: one word, or several that are known, with a modifier.
    Type,
    /// A command: words in capitals.
    Command,
    /// What kind of object a name is of.
    Kind,
}

/// Whether a text has the form.
fn has_form(text: &str, form: &str) -> bool {
    let Some((before, gap, after)) = first_gap(form) else {
        return text == form;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.skip(1)
        .any(|end| gap.takes(&rest[..end]) && has_form(&rest[end..], after))
}

/// What is before the first gap of a form, and after it.
fn first_gap(form: &str) -> Option<(&str, Gap, &str)> {
    let (before, rest) = form.split_once('{')?;
    let (gap, after) = rest.split_once('}')?;
    let gap = match gap {
        "number" => Gap::Number,
        "type" => Gap::Type,
        "command" => Gap::Command,
        "kind" => Gap::Kind,
        _ => Gap::Name,
    };
    Some((before, gap, after))
}

/// Types whose names are of several words, without their modifiers.
const LONG_TYPES: [&str; 7] = [
    "bit varying",
    "character varying",
    "double precision",
    "time with time zone",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
];

const KINDS: [&str; 12] = [
    "database",
    "domain",
    "foreign table",
    "function",
    "language",
    "materialized view",
    "relation",
    "schema",
    "sequence",
    "table",
    "type",
    "view",
];

/// As long as the server lets a name be, in bytes.
const LONGEST_NAME: usize = 63;

impl Gap {
    fn takes(self, text: &str) -> bool {
        match self {
            Self::Name => is_name(text),
            Self::Number => text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Type => is_type(text),
            Self::Command => {
                let belongs = |letter: char| letter.is_ascii_uppercase() || letter == ' ';
                text.len() <= LONGEST_NAME && text.chars().all(belongs)
            }
            Self::Kind => KINDS.contains(&text),
        }
    }
}

fn is_name(text: &str) -> bool {
    let belongs = |letter: char| letter.is_alphanumeric() || "_$()[]/-".contains(letter);
    text.split('.')
        .all(|part| (1..=LONGEST_NAME).contains(&part.len()) && part.chars().all(belongs))
}

fn is_type(text: &str) -> bool {
    let text = text.strip_suffix("[]").unwrap_or(text);
    let plain = without_modifier(text).unwrap_or_else(|| text.to_owned());
    LONG_TYPES.contains(&plain.as_str()) || is_name(&plain)
}

/// `timestamp(3) with time zone` → `timestamp with time zone`.
fn without_modifier(text: &str) -> Option<String> {
    let (before, rest) = text.split_once('(')?;
    let (modifier, after) = rest.split_once(')')?;
    let belongs = |byte: u8| byte.is_ascii_digit() || b",-".contains(&byte);
    modifier
        .bytes()
        .all(belongs)
        .then(|| format!("{before}{after}"))
}

#[cfg(test)]
mod tests {
    use super::is_servers_own;

    #[test]
    fn messages_of_the_server_are_known() {
        for message in [
            "permission denied for table users",
            "permission denied for schema datawarehouse",
            "relation \"datawarehouse.x\" does not exist",
            "duplicate key value violates unique constraint \"users_pkey\"",
            "new row for relation \"acc\" violates check constraint \"small\"",
            "null value in column \"n\" of relation \"acc\" violates not-null constraint",
            "column \"n\" of relation \"acc\" does not exist",
            "invalid input syntax for type timestamp with time zone",
            "value too long for type character varying(5)",
            "invalid input syntax for type timestamp(3) with time zone",
            "cannot execute CREATE TABLE in a read-only transaction",
            "column t.n does not exist",
            "update or delete on table \"a\" violates foreign key constraint \"b\" on table \"c\"",
            "canceling statement due to statement timeout",
            "index row size 2712 exceeds btree version 4 maximum 2704 for index \"i\"",
            "the database system is starting up",
            "must be owner of table acc",
        ] {
            assert!(is_servers_own(message), "{message}");
        }
    }

    #[test]
    fn what_a_trigger_says_is_not() {
        for message in [
            "not 9 of c050",
            "permission denied for Ann Miller 1980-01-02",
            "permission denied for table Ann Miller",
            "permission denied for user ann@x.org",
            "relation ann does not exist",
            "relation \"Ann Miller\" does not exist",
            "canceling statement due to Ann",
            "value too long for type Ann Miller",
            "Ann does not exist",
            "division by zero: Ann",
            "relation \"ann@x.org\" does not exist",
            "",
        ] {
            assert!(!is_servers_own(message), "{message}");
        }
    }
}
