//! Columns that have a default, and that files leave out.

use crate::support::Warehouse;

const ACCOUNTS: &str = "
create table datawarehouse.acc (
    acc_id uuid not null, code text not null, tier text default 'new', level integer not null default 1,
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

fn accounts() -> Warehouse {
    accounts_by(CONTRACT)
}

fn accounts_by(contract: &str) -> Warehouse {
    let warehouse = Warehouse::with_contract(contract);
    warehouse.execute(ACCOUNTS);
    warehouse
}

/// A migration of one's own, applied as such: the views are put aside for it.
fn migrate(warehouse: &Warehouse, number: u32, up: &str) {
    let folder = format!("migrations/2126-01-01-{number:06}_own");
    warehouse.write(&format!("{folder}/up.sql"), up);
    warehouse.write(&format!("{folder}/down.sql"), "select 1");
    warehouse.run(&["migrate"]).exits(0);
}

/// Code, the columns with a default, first and last day.
fn history(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select code, tier, level, effective_start_date::date, effective_end_date::date
         from datawarehouse.acc order by code, version_number",
    )
}

fn kept(warehouse: &Warehouse) -> String {
    warehouse.query("select load_id, defaults from hayloft.load where action = 'load' order by 1")
}

/// Nothing is wrong, and nothing in the table is there by no load.
fn is_proved(warehouse: &Warehouse) {
    let run = warehouse.run(&["check", "--values"]).exits(0);
    assert!(!run.stdout.contains("no file"), "{}", run.stdout);
    warehouse.assert_sound();
}

#[test]
fn new_keys_get_the_default() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code\na\nb\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-02.csv", "code,tier\na,gold\nb,\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code\na\nb\nc\n")
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | gold | 1 | 2026-01-01 | ∅\n\
         b |  | 1 | 2026-01-01 | ∅\n\
         c | new | 1 | 2026-01-03 | ∅\n"
    );
    assert_eq!(
        kept(&warehouse),
        "1 | {\"tier\": \"new\", \"level\": \"1\"}\n\
         2 | {\"level\": \"1\"}\n\
         3 | {\"tier\": \"new\", \"level\": \"1\"}\n"
    );
    is_proved(&warehouse);
}

#[test]
fn a_file_with_all_columns_keeps_no_default() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier,level\na,gold,3\n")
        .exits(0);
    assert_eq!(kept(&warehouse), "1 | ∅\n");
    is_proved(&warehouse);
}

#[test]
fn a_default_counts_as_of_its_load() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
    warehouse.execute("alter table datawarehouse.acc alter column tier set default 'basic'");
    warehouse
        .load("acc-2026-01-02.csv", "code\na\nb\n")
        .exits(0);
    let both = "a | new | 1 | 2026-01-01 | ∅\nb | basic | 1 | 2026-01-02 | ∅\n";
    assert_eq!(history(&warehouse), both);
    is_proved(&warehouse);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse),
        "a | basic | 1 | 2026-01-02 | ∅\nb | basic | 1 | 2026-01-02 | ∅\n"
    );
    is_proved(&warehouse);
    warehouse.execute("alter table datawarehouse.acc alter column tier drop default");
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    assert_eq!(history(&warehouse), both);
    is_proved(&warehouse);
}

#[test]
fn a_late_file_begins_a_key_with_its_default() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-03.csv", "code\na\n").exits(0);
    warehouse.execute("alter table datawarehouse.acc alter column tier set default 'basic'");
    warehouse
        .load("acc-2026-01-01.csv", "code\na\nb\n")
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | basic | 1 | 2026-01-01 | ∅\nb | basic | 1 | 2026-01-01 | ∅\n"
    );
    is_proved(&warehouse);
    warehouse
        .load("acc-2026-01-02.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(history(&warehouse), "a | gold | 1 | 2026-01-02 | ∅\n");
    is_proved(&warehouse);
}

#[test]
fn a_key_that_comes_back_gets_the_default_anew() {
    let contract = CONTRACT.to_owned() + "mode = \"snapshot\"\n";
    let warehouse = accounts_by(&contract);
    warehouse
        .load("acc-2026-01-01.csv", "code\na\nb\n")
        .exits(0);
    warehouse.load("acc-2026-01-02.csv", "code\nb\n").exits(0);
    warehouse.execute("alter table datawarehouse.acc alter column tier set default 'basic'");
    warehouse
        .load("acc-2026-01-03.csv", "code\na\nb\n")
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | new | 1 | 2026-01-01 | 2026-01-02\n\
         a | basic | 1 | 2026-01-03 | ∅\n\
         b | new | 1 | 2026-01-01 | ∅\n"
    );
    is_proved(&warehouse);
}

#[test]
fn a_default_is_carried_from_version_to_version() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc add column name text");
    warehouse
        .load("acc-2026-01-01.csv", "code,name\na,Ann\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,name\na,Anna\nb,Bob\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-02.csv", "code,name,level\na,Anne,2\n")
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | new | 1 | 2026-01-01 | 2026-01-02\n\
         a | new | 2 | 2026-01-02 | 2026-01-03\n\
         a | new | 2 | 2026-01-03 | ∅\n\
         b | new | 1 | 2026-01-03 | ∅\n"
    );
    is_proved(&warehouse);
}

#[test]
fn a_column_without_history_shows_one_default() {
    for role in ["type0", "type1"] {
        let contract =
            CONTRACT.to_owned() + "mode = \"snapshot\"\ncolumns = { tier = { role = \"ROLE\" } }\n";
        let warehouse = accounts_by(&contract.replace("ROLE", role));
        warehouse
            .load("acc-2026-01-01.csv", "code\na\nb\n")
            .exits(0);
        warehouse.load("acc-2026-01-02.csv", "code\nb\n").exits(0);
        warehouse.execute("alter table datawarehouse.acc alter column tier set default 'basic'");
        warehouse
            .load("acc-2026-01-03.csv", "code\na\nb\n")
            .exits(0);
        let tiers = || {
            warehouse.query("select tier, count(*) from datawarehouse.acc group by tier order by 1")
        };
        assert_eq!(tiers(), "new | 3\n");
        is_proved(&warehouse);
        warehouse
            .load("acc-2026-01-04.csv", "code,tier\na,gold\nb,gold\n")
            .exits(0);
        assert_eq!(tiers(), "gold | 3\n");
        is_proved(&warehouse);
        warehouse.run(&["undo", "4", "--yes"]).exits(0);
        assert_eq!(tiers(), "new | 3\n");
        is_proved(&warehouse);
    }
}

#[test]
fn a_time_as_default_is_that_of_the_load() {
    let warehouse = accounts();
    warehouse.execute(
        "alter table datawarehouse.acc add column seen timestamptz not null default now(),
             add column day date default current_date",
    );
    warehouse
        .load("acc-2026-01-01.csv", "code\na\nb\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-02.csv", "code\nb\nc\nd\n")
        .exits(0);
    let seen = || {
        warehouse.query(
            "select load_id, count(*), count(distinct seen), count(day) from datawarehouse.acc
             group by load_id order by 1",
        )
    };
    assert_eq!(seen(), "1 | 2 | 1 | 2\n2 | 2 | 1 | 2\n");
    let times = || warehouse.query("select code, seen from datawarehouse.acc order by 1");
    let before = times();
    for load in ["1", "2"] {
        warehouse.run(&["undo", load, "--yes"]).exits(0);
        warehouse.run(&["redo", load, "--yes"]).exits(0);
    }
    assert_eq!(times(), before);
    is_proved(&warehouse);
}

const VARYING: [&str; 4] = [
    "gen_random_uuid()::text",
    "'no ' || random()",
    "clock_timestamp()::text",
    "statement_timestamp()::text",
];

#[test]
fn a_needed_default_of_each_row_is_refused() {
    for default in VARYING {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "alter table datawarehouse.acc alter column tier set default {default},
                 alter column tier set not null"
        ));
        let run = warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(2);
        assert!(
            run.stderr.contains("another value for each row"),
            "{run:#?}"
        );
        warehouse
            .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
            .exits(0);
        is_proved(&warehouse);
    }
}

#[test]
fn a_default_of_each_row_is_null() {
    for default in VARYING {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "alter table datawarehouse.acc alter column tier set default {default}"
        ));
        warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
        warehouse.load("acc-2026-01-02.csv", "code\nb\n").exits(0);
        assert_eq!(
            history(&warehouse),
            "a | ∅ | 1 | 2026-01-01 | ∅\nb | ∅ | 1 | 2026-01-02 | ∅\n"
        );
        is_proved(&warehouse);
    }
}

#[test]
fn a_column_of_a_sequence_is_the_servers() {
    let warehouse = accounts();
    warehouse.execute(
        "alter table datawarehouse.acc add column number bigserial,
             add column id bigint generated always as identity",
    );
    warehouse
        .load("acc-2026-01-01.csv", "code\na\nb\n")
        .exits(0);
    warehouse.load("acc-2026-01-02.csv", "code\nc\n").exits(0);
    assert_eq!(
        warehouse.query("select number, id from datawarehouse.acc order by 1"),
        "1 | 1\n2 | 2\n3 | 3\n"
    );
    is_proved(&warehouse);
}

#[test]
fn without_a_default_a_needed_column_is_needed() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc alter column level drop default");
    let run = warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(2);
    assert!(run.stderr.contains("The header lacks `level`"), "{run:#?}");
}

#[test]
fn a_domain_has_a_default_of_its_own() {
    let warehouse = accounts();
    warehouse.execute(
        "create domain datawarehouse.size as numeric(6, 2) not null default 1 check (value > 0);
         alter table datawarehouse.acc add column size datawarehouse.size",
    );
    warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
    warehouse.load("acc-2026-01-02.csv", "code\nb\n").exits(0);
    assert_eq!(
        warehouse.query("select code, size from datawarehouse.acc order by 1"),
        "a | 1.00\nb | 1.00\n"
    );
    is_proved(&warehouse);
}

#[test]
fn a_changed_default_in_a_version_is_found() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code\na\nb\n")
        .exits(0);
    warehouse.execute("update datawarehouse.acc set tier = 'gold' where code = 'a'");
    let checked = warehouse
        .run(&["check", "acc", "--values", "--format", "json"])
        .exits(1)
        .only();
    let named = &checked["values"]["named"];
    assert_eq!(named[0]["what"], "does_not_follow");
    assert_eq!(named[0]["columns"], serde_json::json!(["tier"]));
    assert_eq!(checked["values"]["contradictions"], 1);
}

#[test]
fn a_default_follows_a_new_type() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc alter column level type numeric(6, 1)",
    );
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    assert_eq!(history(&warehouse), "a | new | 1.0 | 2026-01-01 | ∅\n");
    is_proved(&warehouse);
}

#[test]
fn a_default_that_no_longer_fits_is_named() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc alter column tier drop default,
             alter column tier type integer using 7",
    );
    let run = warehouse.run(&["redo", "1", "--yes"]).exits(2);
    assert!(run.stderr.contains("tier"), "{run:#?}");
    assert_eq!(history(&warehouse), "");
    migrate(
        &warehouse,
        2,
        "alter table datawarehouse.acc alter column tier type text",
    );
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    assert_eq!(history(&warehouse), "a | new | 1 | 2026-01-01 | ∅\n");
    is_proved(&warehouse);
}

#[test]
fn a_default_follows_its_renamed_label() {
    let warehouse = accounts();
    warehouse.execute(
        "create type datawarehouse.metal as enum ('gold', 'tin');
         alter table datawarehouse.acc add column metal datawarehouse.metal default 'tin'",
    );
    warehouse.load("acc-2026-01-02.csv", "code\na\n").exits(0);
    warehouse
        .load("acc-2026-01-01.csv", "code,metal\na,gold\n")
        .exits(0);
    warehouse.execute("alter type datawarehouse.metal rename value 'tin' to 'zinc'");
    warehouse.run(&["migrate"]).exits(0);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(
        warehouse.query("select code, metal from datawarehouse.acc"),
        "a | zinc\n"
    );
    is_proved(&warehouse);
}

#[test]
fn a_plan_counts_what_comes_with_defaults() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
    warehouse.write("acc-2026-01-02.csv", "code,level\na,2\nb,2\n");
    let planned = warehouse
        .run(&["plan", "acc-2026-01-02.csv", "--format", "json"])
        .exits(0)
        .only();
    let loaded = warehouse
        .run(&["load", "acc-2026-01-02.csv", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(planned["changes"], loaded["changes"]);
}

#[test]
fn why_names_the_default() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
    warehouse
        .load("acc-2026-01-02.csv", "code,level\na,2\n")
        .exits(0);
    let why = warehouse.run(&["why", "--all", "acc", "a"]).exits(0);
    assert!(
        why.stdout
            .contains("tier new (the default) · level 1 (the default)"),
        "{}",
        why.stdout
    );
    let why = warehouse
        .run(&["why", "--all", "acc", "a", "--format", "json"])
        .exits(0)
        .only();
    let defaults = |place: usize| why["observations"][place]["defaults"].to_string();
    assert_eq!(defaults(0), "{\"level\":\"1\",\"tier\":\"new\"}");
    assert_eq!(defaults(1), "{}");
}

#[test]
fn a_column_with_a_default_comes_later() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-02.csv", "code\na\n").exits(0);
    warehouse.execute("alter table datawarehouse.acc add column area text not null default 'EU'");
    warehouse
        .load("acc-2026-01-03.csv", "code\na\nb\n")
        .exits(0);
    warehouse.execute("alter table datawarehouse.acc alter column area set default 'US'");
    warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
    assert_eq!(
        warehouse.query(
            "select code, area, effective_start_date::date from datawarehouse.acc order by 1, 3"
        ),
        "a | EU | 2026-01-01\nb | EU | 2026-01-03\n"
    );
    is_proved(&warehouse);
}

#[test]
fn what_a_person_put_there_stays() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-02.csv", "code\na\n").exits(0);
    warehouse.execute("update datawarehouse.acc set tier = 'vip'");
    warehouse
        .load("acc-2026-01-05.csv", "code,level\na,5\n")
        .exits(0);
    for (file, level) in [("acc-2026-01-03.csv", 3), ("acc-2026-01-01.csv", 1)] {
        warehouse
            .load(file, format!("code,level\na,{level}\n"))
            .exits(0);
    }
    let tiers =
        || warehouse.query("select level, tier from datawarehouse.acc order by version_number");
    assert_eq!(tiers(), "1 | vip\n3 | vip\n5 | vip\n");
    for load in ["1", "4"] {
        warehouse.run(&["undo", load, "--yes"]).exits(0);
    }
    assert_eq!(tiers(), "3 | vip\n5 | vip\n");
    let run = warehouse.run(&["check", "--values"]).exits(1);
    assert!(run.stdout.contains("tier"), "a hand is told of: {run:#?}");
}

#[test]
fn the_same_file_again_keeps_its_time() {
    let warehouse = accounts();
    warehouse.execute(
        "alter table datawarehouse.acc add column seen timestamptz not null default now()",
    );
    let file = "code\na\nb\n";
    warehouse.load("acc-2026-01-01.csv", file).exits(0);
    let times = || warehouse.query("select code, seen from datawarehouse.acc order by 1");
    let before = times();
    let again = ["load", "acc-2026-01-01.csv", "--again", "--format", "json"];
    let again = warehouse.run(&again).exits(0).only();
    assert_eq!(again["changes"]["unchanged"], 2, "{again}");
    assert_eq!(times(), before);
    is_proved(&warehouse);
}

#[test]
fn a_default_that_stands_nowhere_need_not_fit() {
    let warehouse = accounts();
    warehouse.load("acc-2026-01-01.csv", "code\na\n").exits(0);
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc alter column tier drop default,
             alter column tier type integer using 7",
    );
    let tiers =
        || warehouse.query("select level, tier from datawarehouse.acc order by version_number");
    warehouse
        .load("acc-2026-01-03.csv", "code,level\na,3\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-02.csv", "code,level\na,2\n")
        .exits(0);
    assert_eq!(tiers(), "2 | 7\n3 | 7\n");
    warehouse
        .load("acc-2026-01-04.csv", "code,tier\na,8\n")
        .exits(0);
    assert_eq!(tiers(), "2 | 7\n3 | 8\n");
    let run = warehouse.run(&["undo", "4", "--yes"]).exits(2);
    assert!(
        run.stderr.contains("the default that it had at load 1"),
        "{run:#?}"
    );
}

#[test]
fn a_domain_over_a_sequence_takes_values() {
    let warehouse = accounts();
    warehouse.execute(
        "create sequence datawarehouse.numbers;
         create domain datawarehouse.number as bigint default nextval('datawarehouse.numbers');
         alter table datawarehouse.acc add column number datawarehouse.number",
    );
    warehouse
        .load("acc-2026-01-01.csv", "code,number\na,70\n")
        .exits(0);
    assert_eq!(
        warehouse.query("select code, number from datawarehouse.acc"),
        "a | 70\n"
    );
}
