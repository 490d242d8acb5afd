//! What a person delivers is in the database, and nowhere else.

use crate::support::Warehouse;

/// Good rows, a duplicate, and rows that are wrong in each of their columns.
const FILE: &str = "email,name,date_of_birth\n\
    secret.one@x.org,Secret One,01/02/1990\n\
    secret.one@x.org,Secret Two,01/02/1990\n\
    secret.three@@x.org,Secret Three,01/02/1990\n\
    secret.four@x.org,Secret Four,secret.date\n\
    secret.five@x.org,Secret Five\n\
    secret.six@x.org,Secret Six,02/02/1990\n";

#[test]
fn no_message_and_no_log_line_holds_a_value_of_a_row() {
    let warehouse = Warehouse::new();
    for (name, guards, status) in [
        ("users.csv", "", 1),
        (
            "users-refused.csv",
            "[tables.users.guards]\nmax_reject_rows = 1\n",
            2,
        ),
    ] {
        warehouse.write(
            "hayloft.toml",
            format!("{}\n{guards}", crate::support::HAYLOFT_TOML),
        );
        warehouse.write(name, FILE);
        for log in ["text", "json"] {
            let run = warehouse
                .run(&["load", "--again", "--verbose", "--log-format", log, name])
                .exits(status);
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(said.contains(name), "something is said: {said}");
            assert!(!said.to_lowercase().contains("secret"), "{said}");
        }
    }
}
