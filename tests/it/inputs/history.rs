//! B50–B53: values that change, people that are absent, and facts about nobody.

use super::{ANN, BOB, Done, H, Table, users};
use crate::support::{HAYLOFT_TOML, Warehouse};

/// A dimension with a text, a number and a date that may be NULL.
fn things() -> Warehouse {
    let warehouse =
        Warehouse::with_contract("[tables.things]\nkey = [\"code\"]\ndurable_key = \"thing_id\"\n");
    warehouse.execute(
        "create table datawarehouse.things (
            thing_id uuid not null, code text not null, label text, price numeric, since date,
            effective_start_date timestamptz not null, effective_end_date timestamptz,
            version_number int not null, load_id bigint not null, source_line bigint not null,
            primary key (thing_id, effective_start_date));
         create unique index on datawarehouse.things (thing_id) where effective_end_date is null",
    );
    warehouse
}

const THINGS: Table = Table {
    name: "things",
    told_by: "code",
};

#[test]
fn b50_each_real_change_makes_one_version_and_no_other_spelling_does() {
    let table: &[(&str, &[&str], &str)] = &[
        ("no change", &["x,1,2020-01-01", "x,1,2020-01-01"], "1"),
        ("to NULL", &["x,1,2020-01-01", "x,,2020-01-01"], "1 2"),
        ("from NULL", &["x,,", "x,,2020-01-01"], "1 2"),
        ("NULL again", &["x,,", "x,,"], "1"),
        ("1.0 and 1.00", &["x,1.0,", "x,1.00,", "x,01,"], "1"),
        ("-0", &["x,0,", "x,-0.0,"], "1"),
        ("quoted or not", &["x,1,", "\"x\",\"1\",\"\""], "1"),
        ("white space alone", &["x,,", "x ,,", " x,,"], "1 2 3"),
        ("empty to white space", &[",,", " ,,"], "1 2"),
        ("case alone", &["x,,", "X,,"], "1 2"),
        (
            "one letter in two forms",
            &["caf\u{e9},,", "cafe\u{301},,"],
            "1 2",
        ),
        ("A, B, A", &["A,,", "B,,", "A,,"], "1 2 3"),
    ];
    let warehouse = things();
    let deliveries = table.iter().map(|(_, rows, _)| rows.len()).max().unwrap();
    for delivery in 0..deliveries {
        let mut file = "code,label,price,since\n".to_owned();
        for (code, rows, _) in table {
            if let Some(row) = rows.get(delivery) {
                file += &format!("\"{code}\",{row}\n");
            }
        }
        let done = Done::load(
            &warehouse,
            &THINGS,
            &format!("things-{delivery}.csv"),
            file.as_bytes(),
        );
        assert_eq!(done.run.status, 0, "{:#?}", done.run);
    }
    for (code, _, versions) in table {
        let found = warehouse.query(&format!(
            "select string_agg(version_number::text, ' ' order by effective_start_date),
                    count(*) filter (where effective_end_date is null)
             from datawarehouse.things where code = '{code}'"
        ));
        assert_eq!(found, format!("{versions} | 1\n"), "{code}");
    }
}

#[test]
fn b51_who_is_absent_stays_as_they_were() {
    let warehouse = users();
    let mut file = format!("{H}{ANN}");
    for number in 0..200 {
        file += &format!("u{number}@x.org,User {number},01/02/1990\n");
    }
    warehouse.load("users.csv", &file).exits(0);
    for (what, next, updated) in [
        ("all but one", format!("{H}{BOB}"), 0),
        ("nobody is there", H.to_owned(), 0),
        ("all are changed", file.replace("1990", "1991"), 201),
    ] {
        let load = warehouse.load("users.csv", next).exits(0).only();
        assert_eq!(load["changes"]["updated"], updated, "{what}");
        assert_eq!(load["changes"]["deactivated"], updated, "{what}");
        let current = warehouse.query("select count(*) from datawarehouse.users where is_current");
        assert_eq!(current, "202\n", "{what}");
    }
}

const FACTS: Table = Table {
    name: "transactions",
    told_by: "amount",
};

#[test]
fn b52_a_fact_about_nobody_is_held_or_is_a_reject_that_names_no_address() {
    let facts =
        "id,email,amount,transaction_date\n1,eve@x.org,2.50,01/02/2020\n2,ann@x.org,3,01/02/2020\n";
    let holding = users();
    holding.load("users.csv", format!("{H}{ANN}")).exits(0);
    let done = Done::load(&holding, &FACTS, "transactions.csv", facts.as_bytes());
    assert_eq!((done.run.status, done.count("held")), (0, 1));
    assert_eq!(done.rows, ["3 3.00"]);

    let toml = HAYLOFT_TOML.replace("unresolved = \"hold\"", "unresolved = \"reject\"");
    let rejecting = Warehouse::with_contract(&toml);
    rejecting.load("users.csv", format!("{H}{ANN}")).exits(0);
    let done = Done::load(&rejecting, &FACTS, "transactions.csv", facts.as_bytes());
    assert_eq!((done.run.status, done.count("held")), (1, 0));
    assert_eq!(done.rows, ["3 3.00"]);
    let [reject] = done.rejects.as_slice() else {
        panic!("{:#?}", done.rejects)
    };
    assert_eq!((reject.line, &*reject.kind), (2, "unresolved_reference"));
}

#[test]
fn b53_purchases_that_repeat_are_kept_unless_they_are_one_by_their_key() {
    let warehouse = users();
    warehouse.load("users.csv", format!("{H}{ANN}")).exits(0);
    let row = |id: u8| format!("{id},ann@x.org,2.50,01/02/2020\n");
    let file =
        "id,email,amount,transaction_date\n".to_owned() + &row(1) + &row(2) + &row(2) + &row(3);
    let done = Done::load(&warehouse, &FACTS, "transactions.csv", file.as_bytes());
    assert_eq!(done.rows, ["2 2.50", "3 2.50", "5 2.50"]);
    assert_eq!(done.count("duplicates"), 1);
    assert!(done.rejects.is_empty());
    // The same file once more says nothing new.
    let load = warehouse.load("transactions.csv", &file).exits(0).only();
    assert_eq!(
        (&load["changes"]["inserted"], &load["changes"]["unchanged"]),
        (&0.into(), &3.into())
    );
}
