//! Files that say what was done, and when: what is wrong with them beside their values.

use super::{Case, Done, USERS, refused, try_out};
use crate::support::{HAYLOFT_TOML, Warehouse};

/// The dimension that the program ships with, as a feed.
fn feed() -> Warehouse {
    let key = "key         = [\"email\"]";
    let settings = "mode = \"feed\"\nop = \"op\"\nsequence = [\"lsn\"]\nzone = \"Europe/Berlin\"\n\
                    effective = { column = \"changed\", format = \"%d/%m/%Y %H:%M\" }";
    let toml = HAYLOFT_TOML.replacen(key, &format!("{key}\n{settings}"), 1);
    assert_ne!(toml, HAYLOFT_TOML);
    Warehouse::with_contract(&toml)
}

#[test]
fn a_row_that_does_not_say_what_was_done_when_or_in_what_order_is_a_reject() {
    let file = "op,changed,lsn,email,name,date_of_birth\n\
                c,01/02/2024 10:00,1,ann@x.org,Ann,01/02/1990\n\
                x,01/02/2024 10:00,2,bob@x.org,Bob,01/02/1990\n\
                u,,3,bob@x.org,Bob,01/02/1990\n\
                u,2024-02-01,4,bob@x.org,Bob,01/02/1990\n\
                u,31/03/2024 02:30,5,bob@x.org,Bob,01/02/1990\n\
                u,01/02/2024 10:00,,bob@x.org,Bob,01/02/1990\n\
                u,01/02/2024 10:00,0x7,bob@x.org,Bob,01/02/1990\n\
                d,01/02/2024 10:00,8,not an address,,\n";
    let warehouse = feed();
    let done = Done::load(&warehouse, &USERS, "users.csv", file.as_bytes());
    assert_eq!(done.rows, ["2 Ann"]);
    let rejects: Vec<_> = done
        .rejects
        .iter()
        .map(|reject| (reject.line, &*reject.kind, reject.column.as_deref()))
        .collect();
    let (op, changed, lsn) = (Some("op"), Some("changed"), Some("lsn"));
    assert_eq!(
        rejects,
        [
            (3, "bad_op", op),
            (4, "bad_instant", changed),
            (5, "bad_instant", changed),
            (6, "nonexistent_time", changed),
            (7, "not_null", lsn),
            (8, "bad_type", lsn),
            (9, "bad_type", Some("email")),
        ]
    );
}

#[test]
fn a_file_without_a_field_that_a_feed_needs_is_refused_naming_it() {
    let lacks = |what, file: &str, says| -> Case { refused("feed", what, file, &[says]) };
    let cases = [
        lacks(
            "no op",
            "changed,lsn,email,name,date_of_birth\n",
            "The header lacks `op`",
        ),
        lacks(
            "no instant and no order",
            "op,email,name,date_of_birth\n",
            "The header lacks `changed` and `lsn`",
        ),
        lacks(
            "a field that nobody knows",
            "op,changed,lsn,email,name,date_of_birth,phone\n",
            "`phone`, is not in table `users`",
        ),
    ];
    try_out(&feed(), &USERS, &cases);
}
