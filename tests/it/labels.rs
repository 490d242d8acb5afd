//! Labels of an enum that get other names between loads: what the ledger keeps goes by the new ones.

use crate::support::{Run, Warehouse};

const TABLES: &str = "
create type datawarehouse.metal as enum ('gold', 'tin', 'iron');
create table datawarehouse.acc (
    acc_id uuid not null, code text not null,
    effective_start_date timestamptz not null, effective_end_date timestamptz,
    version_number int not null, load_id bigint not null, source_line bigint not null,
    primary key (acc_id, effective_start_date)
);
create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null;
";

const CONTRACT: &str = r#"
[tables.acc]
key = ["code"]
durable_key = "acc_id"
effective = { file_name = "%Y-%m-%d" }
"#;

/// Accounts with a tier of some type.
fn accounts(tier: &str) -> Warehouse {
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.execute(TABLES);
    warehouse.execute(tier);
    warehouse
}

/// The tier of account a on a day.
fn load(warehouse: &Warehouse, day: &str, tier: &str) {
    let file = format!("code,tier\na,\"{tier}\"\n");
    warehouse
        .load(&format!("acc-2026-01-{day}.csv"), file)
        .exits(0);
}

fn rename(warehouse: &Warehouse, from: &str, to: &str) {
    warehouse.execute(&format!(
        "alter type datawarehouse.metal rename value '{from}' to '{to}'"
    ));
}

/// What was called gold is called tin, and the other way round.
fn swap(warehouse: &Warehouse) {
    rename(warehouse, "gold", "aside");
    rename(warehouse, "tin", "gold");
    rename(warehouse, "aside", "tin");
}

fn turn(warehouse: &Warehouse, turn: &str, load: &str) -> Run {
    warehouse.run(&[turn, load, "--yes"])
}

fn tiers(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select tier, effective_start_date::date from datawarehouse.acc order by version_number",
    )
}

const PLAIN: &str = "alter table datawarehouse.acc add column tier datawarehouse.metal";

#[test]
fn kept_labels_get_their_new_names() {
    let types = [
        (PLAIN, ["gold", "tin", "iron"], ["tin", "gold", "iron"]),
        (
            "alter table datawarehouse.acc add column tier datawarehouse.metal[]",
            ["{gold,iron}", "{tin,NULL}", "{}"],
            ["{tin,iron}", "{gold,NULL}", "{}"],
        ),
    ];
    for (tier, before, after) in types {
        let warehouse = accounts(tier);
        load(&warehouse, "01", before[0]);
        load(&warehouse, "05", before[1]);
        load(&warehouse, "09", before[2]);
        turn(&warehouse, "undo", "2").exits(0);

        swap(&warehouse);
        let run = warehouse.run(&["migrate"]).exits(0);
        assert!(run.stderr.contains("2 label(s)"), "{run:#?}");

        turn(&warehouse, "redo", "2").exits(0);
        load(&warehouse, "03", after[1]);
        let [first, second, third] = after;
        let shown = format!("{first} | 2026-01-01\n{second} | 2026-01-03\n{third} | 2026-01-09\n");
        assert_eq!(tiers(&warehouse), shown);
        warehouse.run(&["check", "--values"]).exits(0);
        turn(&warehouse, "undo", "1").exits(0);
        turn(&warehouse, "redo", "1").exits(0);
        assert_eq!(tiers(&warehouse), shown);
        warehouse.assert_sound();
    }
}

#[test]
fn kept_labels_are_not_read_before_they_follow() {
    let warehouse = accounts(PLAIN);
    load(&warehouse, "01", "gold");
    load(&warehouse, "02", "tin");
    swap(&warehouse);
    for arguments in [&["check", "--values"][..], &["why", "acc", "a"]] {
        let run = warehouse.run(arguments).exits(2);
        assert!(run.stderr.contains("run `hayloft migrate`"), "{run:#?}");
    }
    warehouse.run(&["check"]).exits(0);
    warehouse.run(&["migrate"]).exits(0);
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_label_renamed_while_watching_is_seen_by_the_load() {
    let warehouse = accounts(PLAIN);
    load(&warehouse, "01", "gold");
    load(&warehouse, "05", "tin");
    rename(&warehouse, "gold", "golden");
    load(&warehouse, "03", "iron");
    turn(&warehouse, "undo", "3").exits(0);
    turn(&warehouse, "undo", "2").exits(0);
    assert_eq!(tiers(&warehouse), "golden | 2026-01-01\n");
    turn(&warehouse, "redo", "2").exits(0);
    warehouse.assert_sound();
}

#[test]
fn an_added_label_is_no_news_but_known() {
    let warehouse = accounts(PLAIN);
    load(&warehouse, "01", "gold");
    warehouse.execute("alter type datawarehouse.metal add value 'zinc'");
    let run = warehouse.run(&["migrate"]).exits(0);
    assert!(!run.stderr.contains("label"), "{run:#?}");
    load(&warehouse, "05", "zinc");
    load(&warehouse, "09", "gold");
    rename(&warehouse, "zinc", "new zinc");
    turn(&warehouse, "undo", "2").exits(0);
    turn(&warehouse, "redo", "2").exits(0);
    assert_eq!(
        tiers(&warehouse),
        "gold | 2026-01-01\nnew zinc | 2026-01-05\ngold | 2026-01-09\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_label_deep_within_a_value_is_named() {
    let warehouse = accounts(
        "create type datawarehouse.piece as (metal datawarehouse.metal, grams integer);
         alter table datawarehouse.acc add column tier datawarehouse.piece",
    );
    load(&warehouse, "01", "(gold,1)");
    load(&warehouse, "05", "(iron,2)");
    load(&warehouse, "09", "(tin,3)");
    turn(&warehouse, "undo", "2").exits(0);
    turn(&warehouse, "undo", "1").exits(0);
    swap(&warehouse);
    turn(&warehouse, "redo", "2").exits(0);
    let before = tiers(&warehouse);
    assert_eq!(before, "(iron,2) | 2026-01-05\n(gold,3) | 2026-01-09\n");
    let run = turn(&warehouse, "redo", "1").exits(2);
    for part in ["`tier`", "`acc`", "load 1", "line 2"] {
        assert!(run.stderr.contains(part), "{part}: {run:#?}");
    }
    assert!(!run.stderr.contains("(gold"), "{run:#?}");
    assert_eq!(tiers(&warehouse), before);
}

#[test]
fn held_facts_and_those_of_before_follow_their_labels() {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "create type datawarehouse.metal as enum ('gold', 'tin', 'iron');
         alter table datawarehouse.transactions
             add column metal datawarehouse.metal, add column metals datawarehouse.metal[]",
    );
    let users = |name: &str, email: &str| {
        let file = format!("email,name,date_of_birth\n{email},Ann,01/02/1990\n");
        warehouse.load(name, file).exits(0);
    };
    let pay = |id: u32, email: &str, metal: &str| {
        let file = format!(
            "id,email,amount,transaction_date,metal,metals\n\
             {id},{email},1,01/01/2025,{metal},\"{{{metal}}}\"\n"
        );
        warehouse.load("transactions.csv", file).exits(0);
    };
    users("users.csv", "ann@x.org");
    pay(1, "ann@x.org", "gold");
    pay(1, "ann@x.org", "tin");
    pay(2, "zoe@x.org", "gold");
    swap(&warehouse);
    turn(&warehouse, "undo", "3").exits(0);

    users("users-2.csv", "zoe@x.org");

    assert_eq!(
        warehouse.query("select id, metal, metals from datawarehouse.transactions order by id"),
        "1 | tin | {tin}\n2 | tin | {tin}\n"
    );
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_domain_over_an_enum_is_compared() {
    let warehouse = accounts(
        "create domain datawarehouse.coin as datawarehouse.metal;
         alter table datawarehouse.acc add column tier datawarehouse.coin;
         create table datawarehouse.pay (
             coin datawarehouse.coin primary key, acc_id uuid not null, made datawarehouse.coin,
             load_id bigint not null, source_line bigint not null)",
    );
    let facts = "[tables.pay]\nkind = \"fact\"\nkey = [\"coin\"]\n\
                 references = { acc_id = \"acc\" }\n";
    warehouse.write("hayloft.toml", format!("{CONTRACT}{facts}"));
    for (day, tier) in [("01", "tin"), ("02", "gold"), ("03", "gold")] {
        load(&warehouse, day, tier);
    }
    for (name, rows) in [
        ("pay.csv", "gold,a,tin\niron,zoe,tin\n"),
        ("pay-2.csv", "gold,a,iron\niron,zoe,iron\n"),
    ] {
        let file = format!("coin,code,made\n{rows}");
        warehouse.load(name, file).exits(0);
    }
    let zoe = "code,tier\nzoe,tin\n";
    warehouse.load("acc-2026-01-04.csv", zoe).exits(0);
    let made = || warehouse.query("select coin, made from datawarehouse.pay order by 1");
    assert_eq!(made(), "gold | iron\niron | iron\n");
    turn(&warehouse, "undo", "5").exits(0);
    assert_eq!(made(), "gold | tin\niron | tin\n");
    turn(&warehouse, "redo", "5").exits(0);
    turn(&warehouse, "undo", "2").exits(0);

    assert_eq!(made(), "gold | iron\niron | iron\n");
    assert_eq!(
        warehouse.query(
            "select code, tier, effective_start_date::date from datawarehouse.acc order by 1, 3"
        ),
        "a | tin | 2026-01-01\na | gold | 2026-01-03\nzoe | tin | 2026-01-04\n"
    );
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_renamed_label_of_the_key_is_refused() {
    let contract = CONTRACT.replace(r#"key = ["code"]"#, r#"key = ["tier"]"#);
    let warehouse = Warehouse::with_contract(&contract);
    warehouse.execute(TABLES);
    warehouse.execute(PLAIN);
    load(&warehouse, "01", "gold");
    rename(&warehouse, "gold", "golden");
    let run = warehouse
        .load("acc-2026-01-05.csv", "code,tier\nb,golden\n")
        .exits(2);
    assert!(
        run.stderr
            .contains("`tier`, which is part of the natural key"),
        "{run:#?}"
    );
    rename(&warehouse, "golden", "gold");
    load(&warehouse, "05", "gold");
    warehouse.assert_sound();
}
