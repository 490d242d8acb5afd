//! B48, B49: which rows are about the same person, and which of them counts.

use super::{ANN, BOB, Done, H, Table, USERS, loaded, refused, rejecting, try_out, users};
use crate::support::{HAYLOFT_TOML, Warehouse};

#[test]
fn b48_spellings_of_one_address_are_one_person_and_others_are_not() {
    const SAME: &[[&str; 2]] = &[
        ["A@B.C", "a@b.c"],
        [" padded@b.c ", "padded@b.c"],
        ["\u{a0}nbsp@b.c\u{2003}", "nbsp@b.c"],
        ["caf\u{e9}@b.c", "cafe\u{301}@b.c"],
        ["CAF\u{c8}@b.c", "cafe\u{300}@b.c"],
        ["\u{130}stanbul@b.c", "i\u{307}stanbul@b.c"],
        ["\u{212b}ngstrom@b.c", "\u{e5}ngstrom@b.c"],
    ];
    const DIFFERENT: &[[&str; 2]] = &[
        ["d0@b.c", "d0@b.cc"],
        ["d1+tag@b.c", "d1@b.c"],
        ["d.2@b.c", "d2@b.c"],
        ["stra\u{df}e@b.c", "strasse@b.c"],
        ["\u{131}@b.c", "i@b.c"],
        ["\u{43e}@b.c", "o@b.c"],
        ["\u{ff41}6@b.c", "a6@b.c"],
    ];
    let warehouse = users();
    for spelling in 0..2 {
        let mut file = H.to_owned();
        for (group, pairs) in [("same", SAME), ("different", DIFFERENT)] {
            for (number, pair) in pairs.iter().enumerate() {
                file += &format!("{},{group} {number},01/02/1990\n", pair[spelling]);
            }
        }
        Done::load(&warehouse, &USERS, "users.csv", file.as_bytes());
    }
    let unlike = warehouse.query(
        "select string_agg(name, ', ' order by name)
         from (
            select name, count(distinct user_id) as keys, count(*) as versions
            from datawarehouse.users group by name
         ) as people
         where keys <> versions or keys <> case when name like 'same%' then 1 else 2 end",
    );
    assert_eq!(unlike, "∅\n");
    let all = warehouse.query("select count(distinct name), count(*) from datawarehouse.users");
    assert_eq!(all, format!("14 | {}\n", SAME.len() + 2 * DIFFERENT.len()));
}

#[test]
fn b48_what_is_no_address_is_a_reject() {
    let long = format!("{}@x.org", "x".repeat(249));
    let cases: &[(&str, &str, &str)] = &[
        ("two@@x.org", "bad_type", "more than one @"),
        ("one@two@x.org", "bad_type", "more than one @"),
        ("none", "bad_type", "no @"),
        ("@x.org", "bad_type", "nothing on one side"),
        ("nobody@", "bad_type", "nothing on one side"),
        ("\"\"\"quoted\"\"@x.org\"", "bad_type", "quoted part"),
        ("a b@x.org", "bad_type", "white space"),
        ("\"line\nbreak@x.org\"", "bad_type", "white space"),
        ("tab\tbed@x.org", "bad_type", "white space"),
        ("zero\u{200b}width@x.org", "bad_type", "cannot be seen"),
        ("\u{202e}turned@x.org", "bad_type", "cannot be seen"),
        ("mar\u{feff}ked@x.org", "bad_type", "cannot be seen"),
        ("\u{feff}joined@x.org", "bad_encoding", "byte order mark"),
        ("bell\u{7}@x.org", "bad_type", "cannot be seen"),
        (&long, "overflow", "longer than 254 bytes"),
        ("", "null_key", "part of the key"),
        ("\u{a0}\u{2003}", "null_key", "part of the key"),
    ];
    let mut file = H.to_owned() + ANN;
    for (address, ..) in cases {
        file += &format!("{address},x,01/02/1990\n");
    }
    let done = Done::load(&users(), &USERS, "users.csv", file.as_bytes());
    assert_eq!(done.rows, ["2 Ann"]);
    assert_eq!(done.rejects.len(), cases.len());
    for ((address, kind, says), reject) in cases.iter().zip(&done.rejects) {
        assert_eq!(
            (reject.number, reject.column.as_deref()),
            (Some(1), Some("email"))
        );
        assert_eq!(reject.kind, *kind, "{address}");
        assert!(
            reject.message.contains(says),
            "{address}: {}",
            reject.message
        );
    }
}

/// `users` with another word for rows that share a key.
fn with_duplicates(word: &str) -> Warehouse {
    let again = format!("redelivery = \"always\"\nduplicates = \"{word}\"\nkey         =");
    Warehouse::with_contract(&HAYLOFT_TOML.replacen("key         =", &again, 1))
}

/// Ann twice the same, Bob twice and Cy thrice with other values, Di by two spellings.
const CROWD: &str = "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,01/02/1990
ann@x.org,Ann,01/02/1990
bob@x.org,Bobby,01/02/1990
cy@x.org,Cy,01/02/1990
cy@x.org,Cyd,01/02/1990
cy@x.org,Cyrus,01/02/1990
Di@x.org,Di,01/02/1990
 di@X.ORG,Diana,01/02/1990
";

/// What lost, and to which line.
fn lost(done: &Done) -> Vec<(u64, u64)> {
    let warnings = done.of_severity("warning");
    warnings
        .map(|reject| {
            assert_eq!(reject.kind, "conflicting_duplicate");
            let winner = reject.winner.unwrap();
            assert!(
                reject.message.contains(&format!("Line {winner} ")),
                "{reject:?}"
            );
            (reject.line, winner)
        })
        .collect()
}

#[test]
fn b49_the_last_row_of_a_key_wins_and_each_loser_is_told_with_its_winner() {
    let done = Done::load(&users(), &USERS, "users.csv", CROWD.as_bytes());
    assert_eq!(done.run.status, 0);
    assert_eq!(done.rows, ["2 Ann", "5 Bobby", "8 Cyrus", "10 Diana"]);
    assert_eq!(lost(&done), [(3, 5), (6, 8), (7, 8), (9, 10)]);
    assert_eq!((done.count("accepted"), done.count("duplicates")), (4, 5));
}

#[test]
fn b49_the_first_row_wins_where_the_contract_says_so() {
    let done = Done::load(
        &with_duplicates("first"),
        &USERS,
        "users.csv",
        CROWD.as_bytes(),
    );
    assert_eq!(done.run.status, 0);
    assert_eq!(done.rows, ["2 Ann", "3 Bob", "6 Cy", "9 Di"]);
    assert_eq!(lost(&done), [(5, 3), (7, 6), (8, 6), (10, 9)]);
}

#[test]
fn b49_a_contested_key_or_the_file_is_refused_where_the_contract_says_so() {
    let contested = |line| (line, "", "contested_key", "same key");
    try_out(
        &with_duplicates("reject_key"),
        &USERS,
        &[rejecting(
            "B49",
            "reject_key",
            CROWD,
            &["2 Ann"],
            &[3, 5, 6, 7, 8, 9, 10].map(contested),
        )],
    );
    try_out(
        &with_duplicates("fail_file"),
        &USERS,
        &[
            refused(
                "B49",
                "fail_file",
                CROWD,
                &["have the same key", "Keep one of them"],
            ),
            loaded(
                "B49",
                "fail_file, all the same",
                format!("{H}{ANN}{ANN}{BOB}"),
                &["2 Ann", "4 Bob"],
            ),
        ],
    );
}

#[test]
fn b49_a_rival_is_found_however_far_apart_the_rows_are() {
    const BETWEEN: usize = 20_000;
    let mut file = format!("{H}{ANN}");
    for number in 0..BETWEEN {
        file += &format!("u{number}@x.org,User {number},01/02/1990\n");
    }
    file += "ANN@x.org,Anna,01/02/1990\n";
    let by_first_letters = Table {
        name: "users",
        told_by: "left(name, 3)",
    };
    let done = Done::load(&users(), &by_first_letters, "users.csv", file.as_bytes());
    assert_eq!(lost(&done), [(2, BETWEEN as u64 + 3)]);
    assert_eq!(done.rows.last().unwrap(), &format!("{} Ann", BETWEEN + 3));
}
