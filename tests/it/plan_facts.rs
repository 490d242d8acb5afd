//! `hayloft plan` of facts: what they were and what they would be.

use expect_test::expect;
use serde_json::Value;

use crate::support::Warehouse;

const USERS: &str =
    "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n";
const HEADER: &str = "id,email,amount,transaction_date\n";

/// Two users, and three facts; a fourth waits for Zoe.
fn loaded() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", USERS).exits(0);
    let rows = [
        "1,ann@x.org,10",
        "2,bob@x.org,20",
        "3,ann@x.org,30",
        "4,zoe@x.org,40",
    ];
    warehouse.load("transactions.csv", file(&rows)).exits(0);
    warehouse
}

/// Rows of transactions: `1,ann@x.org,10`.
fn file(rows: &[&str]) -> String {
    rows.iter()
        .fold(HEADER.to_owned(), |text, row| text + row + ",01/01/2025\n")
}

const NEXT: [&str; 5] = [
    "1,ann@x.org,11",
    "2,bob@x.org,20.0",
    "4,zoe@x.org,41",
    "5,yan@x.org,50",
    "6,ann@x.org,60",
];

fn plan(warehouse: &Warehouse, more: &[&str]) -> Value {
    warehouse.write("transactions-2.csv", file(&NEXT));
    let plan = ["plan", "transactions-2.csv", "--format", "json"];
    warehouse.run(&[&plan, more].concat()).exits(0).only()
}

/// The samples of a kind, as the id and the amount before and after.
fn told(plan: &Value, action: &str) -> Vec<String> {
    let amount = |versions: &Value| {
        let versions = versions.as_array().unwrap();
        assert!(versions.len() <= 1, "{versions:?}");
        versions
            .first()
            .map_or("-".to_owned(), |it| it["values"]["amount"].to_string())
    };
    let samples = plan["samples"].as_array().unwrap();
    let of_kind = samples.iter().filter(|sample| sample["action"] == action);
    let told = of_kind.map(|it| format!("{} {}", amount(&it["before"]), amount(&it["after"])));
    told.collect()
}

#[test]
fn each_kind_is_told_before_and_after() {
    let warehouse = loaded();
    let plan = plan(&warehouse, &[]);
    assert_eq!(told(&plan, "inserted"), [r#"- "60.00""#]);
    assert_eq!(told(&plan, "updated"), [r#""10.00" "11.00""#]);
    assert_eq!(told(&plan, "held"), [r#""40.00" "41.00""#, r#"- "50.00""#]);
    assert_eq!(plan["samples"].as_array().unwrap().len(), 4, "{plan}");
    let samples = plan["samples"].as_array().unwrap();
    let updated = samples
        .iter()
        .find(|sample| sample["action"] == "updated")
        .unwrap();
    assert_eq!(updated["before"][0]["load_id"], 2);
    assert_eq!(updated["before"][0]["line"], 2);
    assert_eq!(updated["after"][0]["load_id"], Value::Null);
    let load = warehouse
        .load("transactions-2.csv", file(&NEXT))
        .exits(0)
        .only();
    assert_eq!(plan["changes"], load["changes"]);
    assert_eq!(plan["rows"], load["rows"]);
}

#[test]
fn a_plan_writes_nothing_of_facts() {
    let warehouse = loaded();
    let everything =
        "select (select string_agg(t::text, ' ' order by id) from datawarehouse.transactions as t),
        (select string_agg(h::text, ' ' order by fact_key) from hayloft.held_fact as h),
        (select count(*) from hayloft.payload), (select count(*) from hayloft.load)";
    let before = warehouse.query(everything);
    plan(&warehouse, &[]);
    assert_eq!(warehouse.query(everything), before);
}

#[test]
fn so_many_of_each_kind_are_told() {
    let warehouse = loaded();
    let few = plan(&warehouse, &["--rows", "1"]);
    assert_eq!(told(&few, "held"), [r#""40.00" "41.00""#]);
    assert_eq!(
        plan(&warehouse, &["--rows", "0"])["samples"],
        Value::Array(Vec::new())
    );
}

#[test]
fn people_see_one_row_a_fact() {
    let warehouse = loaded();
    plan(&warehouse, &[]);
    let run = warehouse.run(&["plan", "transactions-2.csv"]).exits(0);
    let is_key = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    let words = run
        .stdout
        .split(' ')
        .map(|word| if is_key(word) { "KEY" } else { word });
    expect![[r"
        `transactions-2.csv` would be loaded into `transactions` (in order).
        rows
        read       5
        accepted   5
        new        1
        changed    1
        unchanged  1
        held       2

        new:
           id  user_id                               amount  transaction_date
        +  6   KEY  60.00   2025-01-01

        changed:
           id  amount
        ~  1   10.00 → 11.00

        held:
           id  user_id                               amount         transaction_date
        ~  4   KEY  40.00 → 41.00  2025-01-01
        +  5   KEY  50.00          2025-01-01
    "]]
    .assert_eq(&words.collect::<Vec<_>>().join(" "));
}

#[test]
fn a_redo_tells_of_facts_that_come_back() {
    let warehouse = loaded();
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    let redo = warehouse
        .run(&["redo", "2", "--format", "json"])
        .exits(2)
        .only();
    let mut inserted = told(&redo, "inserted");
    inserted.sort();
    assert_eq!(inserted, [r#"- "10.00""#, r#"- "20.00""#, r#"- "30.00""#]);
    assert_eq!(told(&redo, "held"), [r#"- "40.00""#]);
}

#[test]
fn an_undo_tells_of_rows_that_wait() {
    let warehouse = loaded();
    warehouse.load("transactions-2.csv", file(&NEXT)).exits(0);
    let undo = warehouse
        .run(&["undo", "3", "--format", "json"])
        .exits(2)
        .only();
    assert_eq!(told(&undo, "closed"), [r#""60.00" -"#]);
    assert_eq!(told(&undo, "updated"), [r#""11.00" "10.00""#]);
    let mut held = told(&undo, "held");
    held.sort();
    assert_eq!(held, [r#""41.00" "40.00""#, r#""50.00" -"#]);
}
