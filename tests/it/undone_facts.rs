//! Loads of transactions that are undone and redone, one by one: what the table, the ledger and a
//! person see of it.

use crate::support::{HAYLOFT_TOML, Warehouse};
use expect_test::expect;
use serde_json::Value;

const USERS: &str =
    "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n";
const ZOE: &str = "email,name,date_of_birth\nzoe@x.org,Zoe,01/01/2000\n";
const YAN: &str = "email,name,date_of_birth\nyan@x.org,Yan,01/01/2000\n";
const HEADER: &str = "id,email,amount,transaction_date\n";

/// The users are load 1.
fn with_users() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    warehouse
}

/// Loads rows of transactions: `1,ann@x.org,10`.
fn load(warehouse: &Warehouse, rows: &[&str]) -> Value {
    let rows = rows
        .iter()
        .fold(HEADER.to_owned(), |text, row| text + row + ",01/01/2025\n");
    warehouse.load("transactions.csv", rows).exits(0).only()
}

fn turn(warehouse: &Warehouse, verb: &str, load: &str) {
    warehouse.run(&[verb, load, "--yes"]).exits(0);
    assert_checked(warehouse);
}

fn assert_checked(warehouse: &Warehouse) {
    warehouse.run(&["check"]).exits(0);
}

/// Each fact with its load and line.
fn facts(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select id, amount, load_id, source_line from datawarehouse.transactions order by id",
    )
}

fn held(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select row ->> 'id', row ->> 'amount', load_id, source_line,
             (select count(*) from hayloft.held_reference as waits
              where waits.fact_key = held_fact.fact_key)
         from hayloft.held_fact order by 1",
    )
}

fn everything(warehouse: &Warehouse) -> String {
    facts(warehouse) + &held(warehouse)
}

#[test]
fn what_a_load_inserted_goes_with_it_and_comes_back() {
    let warehouse = with_users();
    load(&warehouse, &["1,ann@x.org,10", "2,bob@x.org,20"]);
    load(&warehouse, &["3,ann@x.org,30"]);
    let all = "select * from datawarehouse.transactions order by id";
    let before = warehouse.query(all);
    turn(&warehouse, "undo", "2");
    expect![[r"
        3 | 30.00 | 3 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    turn(&warehouse, "redo", "2");
    assert_eq!(warehouse.query(all), before);
}

#[test]
fn what_a_load_changed_is_as_it_was() {
    let warehouse = with_users();
    load(&warehouse, &["1,ann@x.org,10", "2,bob@x.org,20"]);
    let before = facts(&warehouse);
    load(&warehouse, &["2,bob@x.org,20", "1,bob@x.org,11"]);
    let after = facts(&warehouse);
    expect![[r"
        1 | 11.00 | 3 | 3
        2 | 20.00 | 2 | 3
    "]]
    .assert_eq(&after);
    turn(&warehouse, "undo", "3");
    assert_eq!(facts(&warehouse), before);
    let member = "select name from datawarehouse.users join datawarehouse.transactions
                  using (user_id) where transactions.id = 1";
    assert_eq!(warehouse.query(member).trim(), "Ann");
    turn(&warehouse, "redo", "3");
    assert_eq!(facts(&warehouse), after);
    assert_eq!(warehouse.query(member).trim(), "Bob");
}

#[test]
fn what_a_later_load_confirmed_stays_and_is_its_own() {
    let warehouse = with_users();
    load(&warehouse, &["1,ann@x.org,10", "2,bob@x.org,20"]);
    load(&warehouse, &["1,ann@x.org,10.00"]);
    turn(&warehouse, "undo", "2");
    expect![[r"
        1 | 10.00 | 3 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    turn(&warehouse, "undo", "3");
    assert_eq!(facts(&warehouse), "");
    // In the order of the loads it makes no difference in which they come back.
    turn(&warehouse, "redo", "2");
    turn(&warehouse, "redo", "3");
    expect![[r"
        1 | 10.00 | 2 | 2
        2 | 20.00 | 2 | 3
    "]]
    .assert_eq(&facts(&warehouse));
}

#[test]
fn a_load_that_changed_nothing_writes_nothing_when_it_goes() {
    let warehouse = with_users();
    load(&warehouse, &["1,ann@x.org,10"]);
    load(&warehouse, &["1,ann@x.org,10"]);
    let rows = "select ctid, xmin, * from datawarehouse.transactions";
    let before = warehouse.query(rows);
    turn(&warehouse, "undo", "3");
    turn(&warehouse, "redo", "3");
    assert_eq!(warehouse.query(rows), before);
    assert_eq!(
        warehouse.query("select count(*) from hayloft.payload"),
        "0\n"
    );
}

#[test]
fn a_load_in_the_middle_takes_only_its_own_words_along() {
    let warehouse = with_users();
    warehouse.execute(
        "alter table datawarehouse.transactions add column note text,
         alter column amount drop not null, alter column user_id drop not null,
         alter column transaction_date drop not null",
    );
    for (name, text) in [
        (
            "transactions-1.csv",
            "id,email,amount,note\n1,ann@x.org,10,first\n",
        ),
        ("transactions-2.csv", "id,amount,note\n1,11,second\n"),
        ("transactions-3.csv", "id,amount\n1,12\n"),
    ] {
        warehouse.load(name, text).exits(0);
    }
    let fact = "select amount, note, user_id is not null, load_id
                from datawarehouse.transactions";
    assert_eq!(warehouse.query(fact), "12.00 | second | t | 4\n");
    turn(&warehouse, "undo", "3");
    assert_eq!(warehouse.query(fact), "12.00 | first | t | 4\n");
    turn(&warehouse, "undo", "2");
    assert_eq!(warehouse.query(fact), "12.00 | ∅ | f | 4\n");
    turn(&warehouse, "redo", "3");
    assert_eq!(warehouse.query(fact), "12.00 | second | f | 4\n");
    turn(&warehouse, "undo", "4");
    assert_eq!(warehouse.query(fact), "11.00 | second | f | 3\n");
    turn(&warehouse, "redo", "2");
    turn(&warehouse, "redo", "4");
    assert_eq!(warehouse.query(fact), "12.00 | second | t | 4\n");
}

#[test]
fn a_held_row_goes_and_what_it_superseded_waits_again() {
    let warehouse = with_users();
    load(&warehouse, &["1,zoe@x.org,10"]);
    load(&warehouse, &["1,zoe@x.org,11", "2,zoe@x.org,20"]);
    let before = everything(&warehouse);
    let plan = warehouse
        .run(&["undo", "3", "--format", "json"])
        .exits(2)
        .only();
    assert_eq!(plan["rows"]["held"], 2, "{plan}");
    assert_eq!(everything(&warehouse), before);
    turn(&warehouse, "undo", "3");
    expect![[r"
        1 | 10.00 | 2 | 2 | 1
    "]]
    .assert_eq(&everything(&warehouse));
    turn(&warehouse, "undo", "2");
    assert_eq!(everything(&warehouse), "");
    turn(&warehouse, "redo", "3");
    turn(&warehouse, "redo", "2");
    assert_eq!(everything(&warehouse), before);
    warehouse.load("zoe-users.csv", ZOE).exits(2);
    warehouse.load("users-2.csv", ZOE).exits(0);
    expect![[r"
        1 | 11.00 | 3 | 2
        2 | 20.00 | 3 | 3
    "]]
    .assert_eq(&everything(&warehouse));
}

#[test]
fn rows_that_were_let_in_go_with_the_load_that_brought_them() {
    let warehouse = with_users();
    load(&warehouse, &["1,ann@x.org,10"]);
    load(&warehouse, &["1,zoe@x.org,11", "2,zoe@x.org,20"]);
    warehouse.load("users-2.csv", ZOE).exits(0);
    let after = facts(&warehouse);
    expect![[r"
        1 | 11.00 | 3 | 2
        2 | 20.00 | 3 | 3
    "]]
    .assert_eq(&after);
    turn(&warehouse, "undo", "3");
    expect![[r"
        1 | 10.00 | 2 | 2
    "]]
    .assert_eq(&everything(&warehouse));
    turn(&warehouse, "redo", "3");
    assert_eq!(everything(&warehouse), after);
}

#[test]
fn a_load_that_comes_back_waits_for_members_that_went_meanwhile() {
    let warehouse = with_users();
    warehouse.load("users-2.csv", ZOE).exits(0);
    load(&warehouse, &["1,ann@x.org,10"]);
    load(&warehouse, &["1,zoe@x.org,11"]);
    let refused = warehouse.run(&["undo", "2", "--yes"]).exits(2);
    assert!(
        refused
            .stderr
            .contains("1 row(s) of `transactions` refer to 1 member(s)"),
        "{refused:#?}"
    );
    turn(&warehouse, "undo", "4");
    turn(&warehouse, "undo", "2");
    turn(&warehouse, "redo", "4");
    expect![[r"
        1 | 10.00 | 3 | 2
        1 | 11.00 | 4 | 2 | 1
    "]]
    .assert_eq(&everything(&warehouse));
    turn(&warehouse, "redo", "2");
    expect![[r"
        1 | 11.00 | 4 | 2
    "]]
    .assert_eq(&everything(&warehouse));
}

#[test]
fn a_row_behind_which_another_waits_is_let_in_when_its_own_member_comes() {
    let warehouse = with_users();
    load(&warehouse, &["1,zoe@x.org,10"]);
    load(&warehouse, &["1,yan@x.org,11"]);
    assert_eq!(facts(&warehouse), "");
    warehouse.load("users-2.csv", ZOE).exits(0);
    expect![[r"
        1 | 10.00 | 2 | 2
        1 | 11.00 | 3 | 2 | 1
    "]]
    .assert_eq(&everything(&warehouse));
    assert_checked(&warehouse);
    warehouse.load("users-3.csv", YAN).exits(0);
    expect![[r"
        1 | 11.00 | 3 | 2
    "]]
    .assert_eq(&everything(&warehouse));
    assert_checked(&warehouse);
}

#[test]
fn a_plan_shows_what_would_happen_and_is_right() {
    let warehouse = with_users();
    load(
        &warehouse,
        &["1,ann@x.org,10", "2,bob@x.org,20", "3,ann@x.org,30"],
    );
    load(
        &warehouse,
        &["2,bob@x.org,21", "3,ann@x.org,30", "4,ann@x.org,40"],
    );
    let plan = warehouse
        .run(&["undo", "3", "--format", "json"])
        .exits(2)
        .only();
    assert_eq!(plan["changes"]["updated"], 1);
    assert_eq!(plan["changes"]["closed"], 1);
    assert_eq!(plan["changes"]["unchanged"], 1);
    let samples = plan["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 2, "{plan}");
    let updated = samples
        .iter()
        .find(|sample| sample["action"] == "updated")
        .unwrap();
    assert_eq!(updated["before"][0]["values"]["amount"], "21.00");
    assert_eq!(updated["before"][0]["load_id"], 3);
    assert_eq!(updated["after"][0]["values"]["amount"], "20.00");
    assert_eq!(updated["after"][0]["load_id"], 2);
    let text = warehouse.run(&["undo", "3"]).exits(2).stdout;
    assert!(text.contains("21.00"), "{text}");
    assert!(text.contains("20.00"), "{text}");

    let run = warehouse
        .run(&["undo", "3", "--yes", "--format", "json"])
        .exits(0);
    let done = run.json();
    assert_eq!(done[0]["changes"], plan["changes"]);
    let counts = "select keys_updated, keys_closed, keys_unchanged from hayloft.load
                  where action = 'undo'";
    assert_eq!(warehouse.query(counts), "1 | 1 | 1\n");
}

#[test]
fn a_file_whose_load_was_undone_can_be_loaded_again() {
    let warehouse = with_users();
    let rows = ["1,ann@x.org,10"];
    load(&warehouse, &rows);
    turn(&warehouse, "undo", "2");
    let again = load(&warehouse, &rows);
    assert_eq!(again["status"], "loaded");
    assert_eq!(again["changes"]["inserted"], 1);
    expect![[r"
        1 | 10.00 | 5 | 2
    "]]
    .assert_eq(&facts(&warehouse));
    // It comes back at its old place, and the newer load said nothing new.
    turn(&warehouse, "redo", "2");
    expect![[r"
        1 | 10.00 | 2 | 2
    "]]
    .assert_eq(&facts(&warehouse));
}

#[test]
fn a_mended_row_takes_its_old_place_and_does_not_overwrite_a_newer_one() {
    let warehouse = with_users();
    let broken = format!(
        "{HEADER}1,ann@x.org,ten,01/01/2025\n2,bob@x.org,twenty,01/01/2025\n3,ann@x.org,30,01/01/2025\n"
    );
    warehouse.load("transactions.csv", broken).exits(1);
    load(&warehouse, &["1,ann@x.org,11"]);
    warehouse.write(
        "mended.csv",
        format!("{HEADER}1,ann@x.org,10,01/01/2025\n2,bob@x.org,20,01/01/2025\n"),
    );
    let replayed = warehouse
        .run(&["rejects", "replay", "2", "mended.csv", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(replayed["rows"]["accepted"], 2, "{replayed}");
    assert_eq!(replayed["changes"]["inserted"], 1);
    assert_eq!(replayed["changes"]["late_unchanged"], 1);
    expect![[r"
        1 | 11.00 | 3 | 2
        2 | 20.00 | 4 | 3
        3 | 30.00 | 2 | 4
    "]]
    .assert_eq(&facts(&warehouse));
    assert_checked(&warehouse);
    turn(&warehouse, "undo", "3");
    expect![[r"
        1 | 10.00 | 4 | 2
        2 | 20.00 | 4 | 3
        3 | 30.00 | 2 | 4
    "]]
    .assert_eq(&facts(&warehouse));
}

#[test]
fn why_tells_what_rows_said_that_do_not_count() {
    let warehouse = with_users();
    load(&warehouse, &["1,ann@x.org,10"]);
    load(&warehouse, &["1,ann@x.org,11"]);
    load(&warehouse, &["1,ann@x.org,11"]);
    turn(&warehouse, "undo", "3");
    let object = warehouse
        .run(&["why", "transactions", "1", "--all", "--format", "json"])
        .exits(0)
        .only();
    let observations = object["observations"].as_array().unwrap();
    let story: Vec<String> = observations
        .iter()
        .map(|said| {
            format!(
                "{} {} {}",
                said["load_id"], said["outcome"], said["values"]["amount"]
            )
        })
        .collect();
    assert_eq!(
        story,
        [
            r#"2 "superseded" "10.00""#,
            r#"3 "undone" "11.00""#,
            r#"4 "wrote" "11.00""#
        ]
    );
    let text = warehouse
        .run(&["why", "transactions", "1", "--all"])
        .exits(0)
        .stdout;
    assert!(text.contains("undone"), "{text}");
}

#[test]
fn a_fact_is_found_again_whatever_its_natural_key_is_made_of() {
    let contract = format!(
        "{HAYLOFT_TOML}\n[tables.visits]\nkind = \"fact\"\n\
         key = [\"user_id\", \"day\", \"at\", \"local\", \"price\", \"code\", \"open\", \"ratio\"]\n\
         references = {{ user_id = \"users\" }}\n\
         [tables.visits.columns]\nday = {{ format = \"%d/%m/%Y\" }}\n\
         local = {{ format = \"%d/%m/%Y %H:%M\" }}\n"
    );
    let warehouse = Warehouse::with_contract(HAYLOFT_TOML);
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.execute(
        "create table datawarehouse.visits (user_id uuid not null, day date not null,
             at timestamptz not null, local timestamp not null, price numeric not null,
             code char(4) not null, open boolean not null, ratio double precision not null,
             said json, address inet, load_id bigint not null, source_line bigint not null,
             primary key (user_id, day, at, local, price, code, open, ratio))",
    );
    warehouse.write("hayloft.toml", contract);
    let header = "email,day,at,local,price,code,open,ratio,said,address\n";
    let row = "ann@x.org,03/02/2025,2025-02-03T04:05:06.7+02:00,03/02/2025 04:05,1.50,Ab,yes,0.25,";
    warehouse
        .load(
            "visits-1.csv",
            format!("{header}{row}\"{{\"\"a\"\":1}}\",::1\n"),
        )
        .exits(0);
    warehouse
        .load(
            "visits-2.csv",
            format!("{header}{row}\"{{\"\"a\"\": 2}}\",::2\n"),
        )
        .exits(0);
    let said = "select said ->> 'a', address, load_id from datawarehouse.visits";
    turn(&warehouse, "undo", "3");
    assert_eq!(warehouse.query(said), "1 | ::1 | 2\n");
    turn(&warehouse, "undo", "2");
    assert_eq!(warehouse.query(said), "");
    turn(&warehouse, "redo", "3");
    assert_eq!(warehouse.query(said), "2 | ::2 | 3\n");
    turn(&warehouse, "redo", "2");
    assert_eq!(warehouse.query(said), "2 | ::2 | 3\n");
    turn(&warehouse, "undo", "3");
    assert_eq!(warehouse.query(said), "1 | ::1 | 2\n");
}

#[test]
fn a_value_that_no_file_ever_gave_comes_back_with_its_fact() {
    let warehouse = with_users();
    warehouse.execute(
        "alter table datawarehouse.transactions add column channel text default 'shop',
         add column note text",
    );
    load(&warehouse, &["1,ann@x.org,10"]);
    warehouse.execute("update datawarehouse.transactions set note = 'seen'");
    turn(&warehouse, "undo", "2");
    turn(&warehouse, "redo", "2");
    let fact = "select amount, channel, note from datawarehouse.transactions";
    assert_eq!(warehouse.query(fact), "10.00 | shop | seen\n");
}

/// Sales are of a user, in a shop.
#[test]
fn a_held_row_waits_also_for_the_member_that_an_undo_takes_away() {
    let contract = format!(
        "{HAYLOFT_TOML}\n[tables.shops]\nkey = [\"shop\"]\ndurable_key = \"shop_id\"\n\
         [tables.sales]\nkind = \"fact\"\nkey = [\"id\"]\n\
         references = {{ user_id = \"users\", shop_id = \"shops\" }}\n"
    );
    let warehouse = Warehouse::with_contract(HAYLOFT_TOML);
    warehouse.execute(
        "create table datawarehouse.shops (shop_id uuid not null, shop text not null,
             effective_start_date timestamptz not null, effective_end_date timestamptz,
             version_number integer not null, load_id bigint not null, source_line bigint not null,
             primary key (shop_id, effective_start_date));
         create unique index on datawarehouse.shops (shop_id) where effective_end_date is null;
         create table datawarehouse.sales (id bigint primary key, user_id uuid not null,
             shop_id uuid not null, load_id bigint not null, source_line bigint not null)",
    );
    warehouse.write("hayloft.toml", contract);
    warehouse.load("users.csv", USERS).exits(0);
    warehouse
        .load("sales.csv", "id,email,shop\n1,ann@x.org,Corner\n")
        .exits(0);
    let waits = "select dimension from hayloft.held_reference order by 1";
    assert_eq!(warehouse.query(waits), "shops\n");
    turn(&warehouse, "undo", "1");
    assert_eq!(warehouse.query(waits), "shops\nusers\n");
    warehouse.load("shops.csv", "shop\nCorner\n").exits(0);
    let sales = "select id, load_id from datawarehouse.sales";
    assert_eq!(warehouse.query(sales), "");
    turn(&warehouse, "redo", "1");
    assert_eq!(warehouse.query(sales), "1 | 2\n");
}

#[test]
fn why_tells_a_fact_from_the_newer_row_that_waits_beside_it() {
    let warehouse = with_users();
    load(&warehouse, &["1,ann@x.org,10"]);
    load(&warehouse, &["1,ann@x.org,10"]);
    load(&warehouse, &["1,yan@x.org,11"]);
    load(&warehouse, &["1,zoe@x.org,12"]);
    let why = ["why", "transactions", "1", "--all", "--format", "json"];
    let object = warehouse.run(&why).exits(0).only();
    assert_eq!(object["row"]["values"]["amount"], "10.00");
    assert_eq!(object["waiting"]["values"]["amount"], "12.00");
    assert_eq!(object["held_for"][0], "users");
    let observations = object["observations"].as_array().unwrap();
    let outcomes: Vec<_> = observations
        .iter()
        .map(|said| said["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["wrote", "confirmed", "superseded", "held"]);
    let text = warehouse.run(&why[..4]).exits(0).stdout;
    assert!(
        text.contains("A newer row waits for a member of users."),
        "{text}"
    );
}
