//! Whether a message is the server's own, so that people may see it.
//!
//! A trigger can say whatever it likes, and what it says may hold values of a row. So a message is shown
//! only if it has the form of one that is known. Of a value that such a message ends or begins with, the
//! message is rid before ([`without_value`](super::without_value)).

/// The messages that may be met, without quotes. `%` stands for names, types and numbers.
const KNOWN: [&str; 52] = [
    "a value is out of range for type %",
    "cache lookup failed for % %",
    "canceling statement due to %",
    "cannot execute % in a read-only transaction",
    "cannot insert a non-DEFAULT value into column %",
    "cannot insert multiple commands into a prepared statement",
    "column % can only be updated to DEFAULT",
    "column % does not exist",
    "column % is of type % but expression is of type %",
    "column % of relation % does not exist",
    "conflicting key value violates exclusion constraint %",
    "could not extend file %",
    "current transaction is aborted, commands ignored until end of transaction block",
    "date/time field value out of range",
    "deadlock detected",
    "division by zero",
    "duplicate key value violates unique constraint %",
    "function % does not exist",
    "index row requires % bytes, maximum size is %",
    "index row size % exceeds btree version % maximum % for index %",
    "insert or update on table % violates foreign key constraint %",
    "integer out of range",
    "bigint out of range",
    "smallint out of range",
    "invalid input syntax for type %",
    "lock not available",
    "must be owner of % %",
    "new row for relation % violates check constraint %",
    "new row violates row-level security policy for table %",
    "no partition of relation % found for row",
    "null value in column % of relation % violates not-null constraint",
    "numeric field overflow",
    "operator does not exist",
    "operator does not exist: %",
    "out of memory",
    "out of shared memory",
    "permission denied for % %",
    "query would be affected by row-level security policy for table %",
    "relation % does not exist",
    "remaining connection slots are reserved for %",
    "role % does not exist",
    "row is too big: size %, maximum size %",
    "schema % does not exist",
    "sorry, too many clients already",
    "table row type and query-specified row type do not match",
    "terminating connection due to %",
    "the database system is %",
    "tuple concurrently updated",
    "type % does not exist",
    "update or delete on table % violates foreign key constraint % on table %",
    "value for domain % violates check constraint %",
    "value too long for type %",
];

/// Whether a message has the form of one of the server's own.
#[must_use]
pub fn is_servers_own(message: &str) -> bool {
    let message = message.replace('"', "");
    KNOWN.iter().any(|known| has_form(&message, known))
}

/// Whether a text has the form: each `%` stands for a name, a type or a number of few words.
fn has_form(text: &str, form: &str) -> bool {
    let Some((before, after)) = form.split_once('%') else {
        return text == form;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    let ends = rest
        .char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .skip(1);
    ends.take_while(|end| is_name(&rest[..*end]))
        .any(|end| has_form(&rest[end..], after))
}

fn is_name(text: &str) -> bool {
    let belongs = |letter: char| letter.is_alphanumeric() || "_$.,()[]/- ".contains(letter);
    text.len() <= 128 && text.chars().all(belongs)
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
            "permission denied for user ann@x.org",
            "Ann does not exist",
            "division by zero: Ann",
            "relation \"ann@x.org\" does not exist",
            "",
        ] {
            assert!(!is_servers_own(message), "{message}");
        }
    }
}
