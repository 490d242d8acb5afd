//! What becomes of transactions: inserted, updated in place, held until their person comes.

use crate::support::{HAYLOFT_TOML, Warehouse};
use expect_test::expect;

const USERS: &str =
    "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n";
const HEADER: &str = "id,email,amount,transaction_date\n";

fn with_users() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    warehouse
}

fn transactions(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

fn facts(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select fact.id, member.email, amount, transaction_date, fact.load_id, fact.source_line
         from datawarehouse.transactions as fact
         join datawarehouse.users as member on member.user_id = fact.user_id and member.is_current
         order by fact.id",
    )
}

fn held(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select row ->> 'id', row ->> 'amount', load_id, source_line from hayloft.held_fact
         order by 1",
    )
}

#[test]
fn facts_are_inserted_with_exact_amounts() {
    let warehouse = with_users();
    let load = warehouse
        .load(
            "transactions.csv",
            transactions(
                "1,ann@x.org,0.10,01/01/2025\n2,bob@x.org,-9999999999.99,31/12/2024\n3, ANN@x.org,7,02/01/2025\n",
            ),
        )
        .exits(0)
        .only();
    assert_eq!(load["changes"]["inserted"], 3);
    expect![[r"
        1 | ann@x.org | 0.10 | 2025-01-01 | 2 | 2
        2 | bob@x.org | -9999999999.99 | 2024-12-31 | 2 | 3
        3 | ann@x.org | 7.00 | 2025-01-02 | 2 | 4
    "]]
    .assert_eq(&facts(&warehouse));
    warehouse.assert_sound();
}

#[test]
fn many_amounts_add_up_to_the_cent() {
    let warehouse = with_users();
    let rows = (1..=1000).fold(String::new(), |rows, id| {
        rows + &format!("{id},ann@x.org,0.1,01/01/2025\n")
    });
    warehouse
        .load("transactions.csv", transactions(&rows))
        .exits(0);
    let sum = warehouse.query("select sum(amount) from datawarehouse.transactions");
    assert_eq!(sum.trim(), "100.00");
}

#[test]
fn a_fact_is_updated_in_place_and_only_where_a_value_differs() {
    let warehouse = with_users();
    warehouse
        .load(
            "transactions.csv",
            transactions("1,ann@x.org,10.00,01/01/2025\n2,bob@x.org,20.00,01/01/2025\n"),
        )
        .exits(0);
    let untouched = "select ctid, xmin, * from datawarehouse.transactions where id = 2";
    let before = warehouse.query(untouched);
    let load = warehouse
        .load(
            "transactions-2.csv",
            transactions("1,ann@x.org,10.5,01/01/2025\n2,bob@x.org,20,01/01/2025\n"),
        )
        .exits(0)
        .only();
    assert_eq!(load["changes"]["updated"], 1);
    assert_eq!(load["changes"]["unchanged"], 1);
    assert_eq!(load["changes"]["inserted"], 0);
    assert_eq!(warehouse.query(untouched), before);
    expect![[r"
        1 | 10.50 | t | 3
        2 | 20.00 | f | 2
    "]]
    .assert_eq(&warehouse.query(
        "select id, amount, updated_at > created_at, load_id from datawarehouse.transactions
         order by id",
    ));
    warehouse.assert_sound();
}

#[test]
fn the_same_file_of_facts_again_changes_nothing() {
    let warehouse = with_users();
    let file = transactions("1,ann@x.org,10.00,01/01/2025\n");
    warehouse.load("transactions.csv", &file).exits(0);
    let rows = "select ctid, xmin, * from datawarehouse.transactions";
    let before = warehouse.query(rows);
    let again = warehouse.load("transactions.csv", &file).exits(0).only();
    assert_eq!(again["status"], "loaded");
    assert_eq!(again["changes"]["unchanged"], 1);
    assert_eq!(warehouse.query(rows), before);
    warehouse.assert_sound();
}

#[test]
fn a_file_may_give_the_durable_key_in_place_of_the_email() {
    let warehouse = with_users();
    let ann = warehouse.query("select user_id from datawarehouse.users where name = 'Ann'");
    let file = format!(
        "id,user_id,amount,transaction_date\n1,{},5.00,01/01/2025\n",
        ann.trim()
    );
    warehouse.load("transactions.csv", file).exits(0);
    expect![[r"
        1 | ann@x.org | 5.00 | 2025-01-01 | 2 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    // The same fact, by e-mail, is the same fact.
    let load = warehouse
        .load(
            "transactions-2.csv",
            transactions("1,ann@x.org,5.00,01/01/2025\n"),
        )
        .exits(0)
        .only();
    assert_eq!(load["changes"]["unchanged"], 1);
    warehouse.assert_sound();
}

#[test]
fn a_fact_of_an_unknown_user_is_held_until_the_user_arrives() {
    let warehouse = Warehouse::new();
    let load = warehouse
        .load(
            "transactions.csv",
            transactions("1,ann@x.org,10.00,01/01/2025\n2,bob@x.org,20.00,02/01/2025\n3,zoe@x.org,30.00,03/01/2025\n"),
        )
        .exits(0)
        .only();
    assert_eq!(load["rows"]["accepted"], 3);
    assert_eq!(load["rows"]["held"], 3);
    assert_eq!(facts(&warehouse), "");
    warehouse.assert_sound();

    let run = warehouse.load("users.csv", USERS).exits(0);
    assert!(run.stderr.contains("loaded now: 2."), "{}", run.stderr);
    // With the load and line that brought them.
    expect![[r"
        1 | ann@x.org | 10.00 | 2025-01-01 | 1 | 2
        2 | bob@x.org | 20.00 | 2025-01-02 | 1 | 3
    "]]
    .assert_eq(&facts(&warehouse));
    expect![[r"
        3 | 30.00 | 1 | 4
    "]]
    .assert_eq(&held(&warehouse));
    assert_eq!(
        warehouse
            .query("select facts_released from hayloft.load where load_id = 2")
            .trim(),
        "2"
    );
    warehouse.assert_sound();
}

#[test]
fn a_newer_row_for_a_known_user_stands_in_for_the_held_one() {
    let warehouse = with_users();
    warehouse
        .load(
            "transactions-1.csv",
            transactions("1,zoe@x.org,10.00,01/01/2025\n"),
        )
        .exits(0);
    warehouse
        .load(
            "transactions-2.csv",
            transactions("1,ann@x.org,11.00,01/01/2025\n"),
        )
        .exits(0);
    assert_eq!(held(&warehouse), "");
    warehouse
        .load(
            "users-2.csv",
            "email,name,date_of_birth\nzoe@x.org,Zoe,01/01/2000\n",
        )
        .exits(0);
    expect![[r"
        1 | ann@x.org | 11.00 | 2025-01-01 | 3 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    warehouse.assert_sound();
}

#[test]
fn a_held_row_that_comes_anew_is_held_once_in_its_newest_form() {
    let warehouse = with_users();
    for (number, amount) in ["10.00", "11.00", "12.00"].into_iter().enumerate() {
        let row = format!("1,zoe@x.org,{amount},01/01/2025\n");
        let load = warehouse
            .load(&format!("transactions-{number}.csv"), transactions(&row))
            .exits(0)
            .only();
        assert_eq!(load["rows"]["held"], 1);
    }
    expect![[r"
        1 | 12.00 | 4 | 2
    "]]
    .assert_eq(&held(&warehouse));
    warehouse
        .load(
            "users-2.csv",
            "email,name,date_of_birth\nzoe@x.org,Zoe,01/01/2000\n",
        )
        .exits(0);
    expect![[r"
        1 | zoe@x.org | 12.00 | 2025-01-01 | 4 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    warehouse.assert_sound();
}

#[test]
fn a_correction_that_moves_a_loaded_fact_to_an_unknown_user_is_held() {
    let warehouse = with_users();
    warehouse
        .load(
            "transactions-1.csv",
            transactions("1,ann@x.org,10.00,01/01/2025\n"),
        )
        .exits(0);
    warehouse
        .load(
            "transactions-2.csv",
            transactions("1,zoe@x.org,12.00,01/01/2025\n"),
        )
        .exits(0);
    expect![[r"
        1 | ann@x.org | 10.00 | 2025-01-01 | 2 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    warehouse
        .load(
            "users-2.csv",
            "email,name,date_of_birth\nzoe@x.org,Zoe,01/01/2000\n",
        )
        .exits(0);
    expect![[r"
        1 | zoe@x.org | 12.00 | 2025-01-01 | 3 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    warehouse.assert_sound();
}

#[test]
fn a_contract_may_refuse_facts_of_unknown_users() {
    let reject = HAYLOFT_TOML.replace("unresolved = \"hold\"", "unresolved = \"reject\"");
    let warehouse = Warehouse::with_contract(&reject);
    warehouse.load("users.csv", USERS).exits(0);
    let load = warehouse
        .load(
            "transactions.csv",
            transactions("1,ann@x.org,10.00,01/01/2025\n2,zoe@x.org,20.00,02/01/2025\n"),
        )
        .exits(1)
        .only();
    expect![[r#"{"accepted":1,"duplicates":0,"held":0,"read":2,"rejected":1}"#]]
        .assert_eq(&load["rows"].to_string());
    expect![[r"
        3 | 2 | email | unresolved_reference | `email` names a member that `users` does not have. | 2,zoe@x.org,20.00,02/01/2025
    "]]
    .assert_eq(&warehouse.query(
        "select line, column_number, column_name, kind, message, original from hayloft.reject",
    ));
    assert_eq!(held(&warehouse), "");
    warehouse.assert_sound();
}

/// Fact and member may come in either order: the end is the same.
#[test]
fn files_dropped_together_end_alike_in_either_order() {
    let rows = transactions("1,ann@x.org,10.00,01/01/2025\n2,bob@x.org,20.00,02/01/2025\n");
    let mut ends = Vec::new();
    for order in [
        ["users.csv", "transactions.csv"],
        ["transactions.csv", "users.csv"],
    ] {
        let warehouse = Warehouse::new();
        for name in order {
            let content = if name == "users.csv" { USERS } else { &rows };
            warehouse.drop_file(name, content);
        }
        let watch = warehouse.watch();
        watch.next_load();
        watch.next_load();
        assert_eq!(watch.stop(), 0);
        warehouse.assert_sound();
        assert_eq!(held(&warehouse), "");
        ends.push(warehouse.query(
            "select fact.id, member.email, amount, transaction_date, source_line
             from datawarehouse.transactions as fact
             join datawarehouse.users as member using (user_id, source_line) order by id",
        ));
    }
    assert_eq!(ends[0].lines().count(), 2);
    assert_eq!(ends[0], ends[1]);
}

/// What a file says nothing about stays as it was, whether the fact waited in the ledger or not.
#[test]
fn a_held_row_that_comes_anew_keeps_what_the_newer_file_does_not_name() {
    let note = "alter table datawarehouse.transactions add column note text";
    let mut ends = Vec::new();
    for users_first in [true, false] {
        let warehouse = Warehouse::new();
        warehouse.execute(note);
        if users_first {
            warehouse.load("users.csv", USERS).exits(0);
        }
        warehouse
            .load(
                "transactions-1.csv",
                "id,email,amount,transaction_date,note\n1,ann@x.org,10.00,01/01/2025,kept\n",
            )
            .exits(0);
        warehouse
            .load(
                "transactions-2.csv",
                transactions("1,ann@x.org,11.00,01/01/2025\n"),
            )
            .exits(0);
        if !users_first {
            warehouse.load("users.csv", USERS).exits(0);
        }
        ends.push(warehouse.query("select id, amount, note from datawarehouse.transactions"));
    }
    expect![[r"
        1 | 11.00 | kept
    "]]
    .assert_eq(&ends[0]);
    assert_eq!(ends[0], ends[1]);
}

const ZOE: &str = "email,name,date_of_birth\nzoe@x.org,Zoe,01/01/2000\n";

/// One more column, and all but the key may be left out of a file.
const NULLABLE: &str = "alter table datawarehouse.transactions add column note text,
    alter column amount drop not null, alter column transaction_date drop not null,
    alter column user_id drop not null";

/// Loads the files one after another, with Zoe known from the beginning or at the end.
fn ends_of(files: &[&str]) -> [String; 2] {
    [true, false].map(|zoe_first| {
        let warehouse = with_users();
        warehouse.execute(NULLABLE);
        if zoe_first {
            warehouse.load("users-2.csv", ZOE).exits(0);
        }
        for (number, file) in files.iter().enumerate() {
            let name = format!("transactions-{number}.csv");
            warehouse.load(&name, file).exits(0);
            if zoe_first {
                assert_eq!(held(&warehouse), "");
            }
            warehouse.assert_sound();
        }
        if !zoe_first {
            warehouse.load("users-2.csv", ZOE).exits(0);
            warehouse.assert_sound();
        }
        assert_eq!(held(&warehouse), "");
        warehouse.query(
            "select fact.id, member.email, amount, transaction_date, note, file_name,
                 fact.source_line
             from datawarehouse.transactions as fact
             join hayloft.load using (load_id)
             left join datawarehouse.users as member
                 on member.user_id = fact.user_id and member.is_current
             order by fact.id",
        )
    })
}

#[test]
fn a_newer_row_for_a_known_user_goes_in_with_what_the_held_one_said() {
    let warehouse = with_users();
    warehouse.execute(NULLABLE);
    warehouse
        .load(
            "transactions-1.csv",
            transactions("1,zoe@x.org,9.99,01/01/2025\n2,zoe@x.org,8.00,01/01/2025\n"),
        )
        .exits(0);
    let load = warehouse
        .load(
            "transactions-2.csv",
            "id,email\n3,bob@x.org\n1,ann@x.org\n4,zoe@x.org\n",
        )
        .exits(0)
        .only();
    expect![[r#"{"accepted":3,"duplicates":0,"held":1,"read":3,"rejected":0}"#]]
        .assert_eq(&load["rows"].to_string());
    expect![[r#"{"absent_already":0,"closed":0,"closed_by_absence":0,"corrected":0,"deactivated":0,"filled":0,"inserted":2,"late_unchanged":0,"moved":0,"overwritten":0,"reopened":0,"split":0,"unchanged":0,"updated":0}"#]]
        .assert_eq(&load["changes"].to_string());
    expect![[r"
        1 | ann@x.org | 9.99 | 2025-01-01 | 3 | 3
        3 | bob@x.org | ∅ | ∅ | 3 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    expect![[r"
        2 | 8.00 | 2 | 3
        4 | ∅ | 3 | 4
    "]]
    .assert_eq(&held(&warehouse));
    warehouse.assert_sound();
}

#[test]
fn a_loaded_fact_that_waits_counts_as_updated_or_unchanged_when_it_goes_in() {
    for (amount, counted) in [("12.00", "updated"), ("10.00", "unchanged")] {
        let warehouse = with_users();
        warehouse.execute(NULLABLE);
        for (number, row) in [
            "1,ann@x.org,10.00,01/01/2025",
            &format!("1,zoe@x.org,{amount},01/01/2025"),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("transactions-{number}.csv");
            warehouse.load(&name, transactions(row)).exits(0);
        }
        let load = warehouse
            .load("transactions-2.csv", "id,email\n1,ann@x.org\n")
            .exits(0)
            .only();
        assert_eq!(load["changes"][counted], 1, "{load}");
        assert_eq!(load["changes"]["inserted"], 0);
        let row = warehouse.query("select amount from datawarehouse.transactions");
        assert_eq!(row.trim(), amount);
        warehouse.assert_sound();
    }
}

#[test]
fn a_fact_whose_newer_rows_say_less_ends_alike_in_either_order() {
    let first = "id,email,amount,transaction_date,note\n1,zoe@x.org,9.99,01/01/2025,kept\n";
    let cases: [(&str, &[&str]); 4] = [
        (
            "the newer names a known user",
            &[first, "id,email\n1,ann@x.org\n"],
        ),
        ("the newer names no user", &[first, "id,amount\n1,5\n"]),
        (
            "the fact was loaded, for a known user",
            &[
                "id,email,amount,transaction_date,note\n1,ann@x.org,1,02/02/2025,old\n",
                "id,email,amount\n1,zoe@x.org,2\n",
                "id,note\n1,new\n",
                "id,email\n1,bob@x.org\n",
            ],
        ),
        (
            "known, and unknown again",
            &[first, "id,email\n1,ann@x.org\n", "id,email\n1,zoe@x.org\n"],
        ),
    ];
    for (case, files) in cases {
        let [zoe_first, zoe_last] = ends_of(files);
        assert_eq!(zoe_first.lines().count(), 1, "{case}");
        assert!(!zoe_first.contains('∅'), "{case}: {zoe_first}");
        assert_eq!(zoe_first, zoe_last, "{case}");
    }
}

#[test]
fn a_secret_that_changed_is_refused_while_facts_are_held() {
    let warehouse = Warehouse::new();
    let early = transactions("1,ann@x.org,10.00,01/01/2025\n");
    warehouse.load("transactions.csv", early).exits(0);
    let warehouse = warehouse.env("HAYLOFT_KEY_SECRET", "a secret of some length");
    // With it, Ann would get a key that the fact does not wait for.
    warehouse.load("users.csv", USERS).exits(2);
}

#[test]
fn facts_of_two_tables_about_one_dimension_load_side_by_side() {
    let contract = format!(
        "{HAYLOFT_TOML}\n[tables.refunds]\nkind = \"fact\"\nkey = [\"id\"]\n\
         references = {{ user_id = \"users\" }}\n\
         [tables.refunds.columns]\ntransaction_date = {{ format = \"%d/%m/%Y\" }}\n"
    );
    let warehouse = Warehouse::with_contract(HAYLOFT_TOML);
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.execute(
        "create table datawarehouse.refunds (like datawarehouse.transactions including all)",
    );
    warehouse.write("hayloft.toml", contract);
    let row = transactions("1,ann@x.org,10.00,01/01/2025\n");
    warehouse.write("transactions.csv", &row);
    let locked = warehouse.locked("datawarehouse.transactions");
    let slow = warehouse.start(&["load", "transactions.csv"]);
    warehouse.wait_until_blocked();

    // The first load is in the middle of its transaction, and has asked for the keys of `users`.
    warehouse.load("refunds.csv", &row).exits(0);

    drop(locked);
    slow.finish().exits(0);
}

#[test]
fn a_column_may_have_any_name_also_where_facts_wait() {
    let warehouse = Warehouse::new();
    // Names that the statements might give to rows, and some that have to be quoted.
    let names = [
        "waiting",
        "newer",
        "held",
        "fact",
        "known",
        "ready",
        "arriving",
        "populated",
        "landing",
        "refold",
        "touched",
        "member",
        "row",
        "name",
        "key",
        "fact_key",
        "cells",
        "Select",
        "a \"b' c",
    ];
    let quoted = |name: &&str| format!("add column \"{}\" text", name.replace('"', "\"\""));
    let columns: Vec<String> = names.iter().map(quoted).collect();
    warehouse.execute("alter table datawarehouse.users add column \"row\" text");
    warehouse.execute(&format!(
        "alter table datawarehouse.transactions {}",
        columns.join(", ")
    ));
    let fields: Vec<String> = names
        .iter()
        .map(|name| format!("\"{}\"", name.replace('"', "\"\"")))
        .collect();
    let file = |value: &str| {
        format!(
            "id,email,amount,transaction_date,{}\n1,ann@x.org,1,01/01/2025{}\n",
            fields.join(","),
            format!(",{value}").repeat(names.len())
        )
    };
    let values =
        "select distinct waiting, newer, \"row\", \"a \"\"b' c\" from datawarehouse.transactions";
    warehouse.load("transactions.csv", file("a")).exits(0);
    warehouse.load("transactions.csv", file("b")).exits(0);
    warehouse
        .load(
            "users.csv",
            "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n",
        )
        .exits(0);
    assert_eq!(warehouse.query(values), "b | b | b | b\n");
    warehouse.load("transactions.csv", file("c")).exits(0);
    warehouse.run(&["undo", "4", "--yes"]).exits(0);
    assert_eq!(warehouse.query(values), "b | b | b | b\n");
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    assert_eq!(warehouse.query(values), "");
    // The member goes, so what comes back waits.
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    warehouse.run(&["redo", "3", "--yes"]).exits(0);
    assert_eq!(warehouse.query(values), "a | a | a | a\n");
    warehouse.run(&["check"]).exits(0);
}

/// Users dated by their file, one of them known.
fn with_dated_users() -> Warehouse {
    let contract = HAYLOFT_TOML.replace(
        "[tables.users]\n",
        "[tables.users]\neffective = { file_name = \"%Y-%m-%d\" }\n",
    );
    let warehouse = Warehouse::with_contract(&contract);
    people(&warehouse, "2019-01-01", "ann@x.org");
    warehouse
}

fn people(warehouse: &Warehouse, day: &str, email: &str) {
    let file = format!("email,name,date_of_birth\n{email},Zoe,01/01/2000\n");
    warehouse.load(&format!("users-{day}.csv"), file).exits(0);
}

fn fact(warehouse: &Warehouse, rows: &str) {
    warehouse
        .load("transactions.csv", transactions(rows))
        .exits(0);
}

/// Of each fact the file that has the instant of its stamps, by its load.
fn stamped_by(warehouse: &Warehouse) -> String {
    let of = |stamp: &str| {
        format!("(select min(load_id) from hayloft.load where effective_at = fact.{stamp})")
    };
    warehouse.query(&format!(
        "select id, {}, {} from datawarehouse.transactions as fact order by id",
        of("created_at"),
        of("updated_at")
    ))
}

#[test]
fn a_fact_let_in_never_goes_back_in_time() {
    let warehouse = with_dated_users();
    fact(
        &warehouse,
        "1,zoe@x.org,1,01/01/2025\n2,ann@x.org,1,01/01/2025\n",
    );
    fact(&warehouse, "2,zoe@x.org,2,01/01/2025\n");
    // A row behind which a newer one waits for somebody else.
    fact(&warehouse, "2,yan@x.org,3,01/01/2025\n");

    people(&warehouse, "2020-02-02", "zoe@x.org");

    assert_eq!(stamped_by(&warehouse), "1 | 2 | 2\n2 | 2 | 3\n");
    warehouse.run(&["check", "--values"]).exits(0);

    people(&warehouse, "2020-01-01", "yan@x.org");

    assert_eq!(stamped_by(&warehouse), "1 | 2 | 2\n2 | 2 | 4\n");
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_fact_let_in_has_the_members_instant() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    fact(
        &warehouse,
        "1,zoe@x.org,1,01/01/2025\n2,ann@x.org,1,01/01/2025\n",
    );
    fact(&warehouse, "2,zoe@x.org,2,01/01/2025\n");
    fact(&warehouse, "2,yan@x.org,3,01/01/2025\n");

    people(&warehouse, "5", "zoe@x.org");

    assert_eq!(stamped_by(&warehouse), "1 | 5 | 5\n2 | 2 | 5\n");
    people(&warehouse, "6", "yan@x.org");
    assert_eq!(stamped_by(&warehouse), "1 | 5 | 5\n2 | 2 | 6\n");
    warehouse.run(&["check", "--values"]).exits(0);

    // Whoever takes back what came later finds the fact as it was.
    fact(
        &warehouse,
        "1,zoe@x.org,2,01/01/2025\n2,ann@x.org,4,01/01/2025\n",
    );
    warehouse.run(&["undo", "7", "--yes"]).exits(0);
    assert_eq!(stamped_by(&warehouse), "1 | 5 | 5\n2 | 2 | 6\n");
    warehouse.run(&["undo", "4", "--yes"]).exits(0);
    assert_eq!(stamped_by(&warehouse), "1 | 5 | 5\n2 | 2 | 5\n");
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_stamp_of_another_members_load_is_found() {
    let warehouse = Warehouse::new();
    fact(&warehouse, "1,zoe@x.org,1,01/01/2025\n");
    people(&warehouse, "2", "zoe@x.org");
    people(&warehouse, "3", "ann@x.org");
    warehouse.run(&["check", "--values"]).exits(0);
    for stamp in ["created_at", "updated_at"] {
        warehouse.execute(&format!(
            "update datawarehouse.transactions
             set {stamp} = (select effective_at from hayloft.load where load_id = 3)"
        ));
        let run = warehouse.run(&["check", "--values"]).exits(1);
        assert!(run.stdout.contains(stamp), "{run:#?}");
        warehouse.execute(&format!(
            "update datawarehouse.transactions
             set {stamp} = (select effective_at from hayloft.load where load_id = 2)"
        ));
    }
    warehouse.run(&["check", "--values"]).exits(0);
}

/// Before the ledger kept when facts were let in, any load of the dimension may have done so.
#[test]
fn stamps_of_before_they_were_kept_are_believed() {
    let warehouse = Warehouse::new();
    fact(&warehouse, "1,zoe@x.org,1,01/01/2025\n");
    people(&warehouse, "2", "zoe@x.org");
    warehouse.execute("delete from hayloft.let_in");
    warehouse.run(&["check", "--values"]).exits(1);
    warehouse.execute("update hayloft.load set let_in = 'not kept'");
    warehouse.run(&["check", "--values"]).exits(0);
}
