//! Migrations between loads: a table's history survives whatever its columns are called, and whatever
//! becomes of them.

use diesel::connection::SimpleConnection as _;

use crate::support::{Run, Warehouse};

/// A dimension with one attribute, and facts about it.
const TABLES: &str = "
create table datawarehouse.acc (
    acc_id uuid not null, code text not null, tier text,
    effective_start_date timestamptz not null, effective_end_date timestamptz,
    version_number int not null, load_id bigint not null, source_line bigint not null,
    primary key (acc_id, effective_start_date)
);
create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null;
create table datawarehouse.pay (
    pay_id bigint primary key, acc_id uuid not null, note text,
    load_id bigint not null, source_line bigint not null
);
";

const CONTRACT: &str = r#"
[tables.acc]
key = ["code"]
durable_key = "acc_id"
effective = { file_name = "%Y-%m-%d" }

[tables.pay]
kind = "fact"
key = ["pay_id"]
references = { acc_id = "acc" }
"#;

fn accounts() -> Warehouse {
    accounts_by(CONTRACT)
}

fn accounts_by(contract: &str) -> Warehouse {
    let warehouse = Warehouse::with_contract(contract);
    warehouse.execute(TABLES);
    warehouse
}

/// A migration of one's own, applied as such: the views are put aside for it.
fn migrate(warehouse: &Warehouse, number: u32, up: &str) -> Run {
    let folder = format!("migrations/2126-01-01-{number:06}_own");
    warehouse.write(&format!("{folder}/up.sql"), up);
    warehouse.write(&format!("{folder}/down.sql"), "select 1");
    warehouse.run(&["migrate"]).exits(0)
}

/// Two versions of a key that a person wrote, which differ in `extra` alone.
fn write_by_hand(warehouse: &Warehouse, code: &str) {
    warehouse.execute(&format!(
        "insert into datawarehouse.acc (acc_id, code, tier, extra, effective_start_date,
             effective_end_date, version_number, load_id, source_line)
         select key, '{code}', 'gold', extra, starts, ends, number, 0, 0
         from gen_random_uuid() as key, (values
             ('x', '2025-01-01'::timestamptz, '2025-06-01'::timestamptz, 1),
             ('y', '2025-06-01', null, 2)) as row (extra, starts, ends, number)"
    ));
}

/// Code, value of the column, first and last day.
fn history(warehouse: &Warehouse, column: &str) -> String {
    warehouse.query(&format!(
        "select code, {column}, effective_start_date::date, effective_end_date::date, version_number
         from datawarehouse.acc order by code, version_number"
    ))
}

#[test]
fn a_renamed_column_keeps_its_history() {
    let warehouse = Warehouse::new();
    let users = |name: &str, value: &str| {
        format!("email,{name},date_of_birth\nann@x.org,{value},01/02/1990\n")
    };
    let names = |column: &str| {
        warehouse.query(&format!(
            "select {column}, version_number, is_current from datawarehouse.users
             order by version_number"
        ))
    };
    warehouse.load("users-1.csv", users("name", "Ann")).exits(0);
    warehouse
        .load("users-2.csv", users("name", "Anna"))
        .exits(0);
    warehouse.execute("alter table datawarehouse.users rename column name to full_name");
    let run = warehouse
        .load("users-3.csv", users("full_name", "Annie"))
        .exits(0);
    assert!(
        run.stderr.contains("`name` is called `full_name` now"),
        "{run:#?}"
    );
    assert_eq!(
        names("full_name"),
        "Ann | 1 | f\nAnna | 2 | f\nAnnie | 3 | t\n"
    );
    warehouse.run(&["check"]).exits(0);
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    assert_eq!(names("full_name"), "Ann | 1 | f\nAnna | 2 | t\n");
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.run(&["redo", "2", "--yes"]).exits(0);
    assert_eq!(names("full_name"), "Ann | 1 | f\nAnna | 2 | t\n");
    let why = warehouse.run(&["why", "users", "ann@x.org"]).exits(0);
    assert!(why.stdout.contains("Anna"), "{why:#?}");
    warehouse.assert_sound();
}

#[test]
fn a_late_file_leaves_a_renamed_column_alone() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\na,silver\n")
        .exits(0);
    warehouse.execute("alter table datawarehouse.acc rename column tier to level");
    let before = history(&warehouse, "level");
    warehouse.load("acc-2026-01-02.csv", "code\na\n").exits(0);
    assert_eq!(history(&warehouse, "level"), before);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "level"),
        "a | gold | 2026-01-01 | ∅ | 1\n"
    );
    warehouse.run(&["redo", "2", "--yes"]).exits(0);
    assert_eq!(history(&warehouse, "level"), before);
    warehouse.assert_sound();
}

#[test]
fn columns_that_swap_names_keep_their_values() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc add column region text");
    warehouse
        .load("acc-2026-01-01.csv", "code,tier,region\na,gold,EU\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-02.csv", "code,tier,region\na,silver,US\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier,region\na,iron,UK\n")
        .exits(0);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.execute(
        "alter table datawarehouse.acc rename column tier to other;
         alter table datawarehouse.acc rename column region to tier;
         alter table datawarehouse.acc rename column other to region;",
    );
    warehouse.run(&["redo", "2", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "tier, region"),
        "a | EU | gold | 2026-01-01 | 2026-01-02 | 1\n\
         a | US | silver | 2026-01-02 | 2026-01-03 | 2\n\
         a | UK | iron | 2026-01-03 | ∅ | 3\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_column_added_under_an_old_name_starts_empty() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\na,silver\n")
        .exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc drop column tier;
         alter table datawarehouse.acc add column tier text;",
    );
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    assert_eq!(history(&warehouse, "tier"), "a | ∅ | 2026-01-01 | ∅ | 1\n");
    warehouse
        .load("acc-2026-01-04.csv", "code,tier\na,new\n")
        .exits(0);
    assert_eq!(
        history(&warehouse, "tier"),
        "a | new | 2026-01-01 | ∅ | 1\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_renamed_table_keeps_its_history_and_held_facts() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-02.csv", "code,tier\na,iron\n")
        .exits(0);
    warehouse
        .load("pay.csv", "pay_id,code,note\n1,b,first\n")
        .exits(0);
    warehouse.execute(
        "alter table datawarehouse.acc rename to account;
         alter table datawarehouse.pay rename to payment;
         alter table datawarehouse.payment rename column note to memo;",
    );
    let renamed = CONTRACT
        .replace("tables.acc]", "tables.account]")
        .replace("tables.pay]", "tables.payment]")
        .replace("acc_id = \"acc\"", "acc_id = \"account\"");
    warehouse.write("hayloft.toml", renamed);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(
        warehouse.query("select code, tier from datawarehouse.account"),
        "a | gold\n"
    );
    warehouse
        .load("account-2026-01-03.csv", "code,tier\nb,tin\n")
        .exits(0);
    assert_eq!(
        warehouse.query("select pay_id, memo from datawarehouse.payment"),
        "1 | first\n"
    );
    warehouse.assert_sound();
}

#[test]
fn two_tables_that_swap_names_keep_their_loads() {
    let second = CONTRACT.replace("tables.acc]", "tables.bcc]");
    let second = second.split("[tables.pay]").next().unwrap();
    let warehouse = accounts_by(&format!("{CONTRACT}{second}"));
    warehouse.execute("create table datawarehouse.bcc (like datawarehouse.acc including all)");
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("bcc-2026-01-01.csv", "code,tier\nb,tin\n")
        .exits(0);
    warehouse
        .load("bcc-2026-01-02.csv", "code,tier\nb,iron\n")
        .exits(0);
    warehouse.execute(
        "alter table datawarehouse.acc rename to other;
         alter table datawarehouse.bcc rename to acc;
         alter table datawarehouse.other rename to bcc;",
    );
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "tier"),
        "b | tin | 2026-01-01 | ∅ | 1\n"
    );
    warehouse
        .load("bcc-2026-01-02.csv", "code,tier\na,zinc\n")
        .exits(0);
    assert_eq!(
        warehouse.query("select code, tier from datawarehouse.bcc order by version_number"),
        "a | gold\na | zinc\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_table_made_anew_forgets_the_old_loads() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\na,silver\n")
        .exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    warehouse.execute("drop table datawarehouse.acc cascade; drop table datawarehouse.pay;");
    warehouse.execute(TABLES);
    warehouse
        .load("acc-2026-01-02.csv", "code,tier\na,iron\n")
        .exits(0);
    assert_eq!(
        history(&warehouse, "tier"),
        "a | iron | 2026-01-02 | ∅ | 1\n"
    );
    let run = warehouse.run(&["undo", "2", "--yes"]);
    assert_ne!(run.status, 0, "{run:#?}");
    warehouse.assert_sound();
}

#[test]
fn a_backfill_stands_until_a_file_speaks() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\na,silver\n")
        .exits(0);
    warehouse.execute(
        "alter table datawarehouse.acc add column segment text;
         update datawarehouse.acc set segment = 'v' || version_number;",
    );
    warehouse
        .load("acc-2026-01-05.csv", "code,tier\na,iron\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-07.csv", "code,segment\na,said\n")
        .exits(0);
    let all = "a | gold | v1 | 2026-01-01 | 2026-01-03 | 1\n\
               a | silver | v2 | 2026-01-03 | 2026-01-05 | 2\n\
               a | iron | v2 | 2026-01-05 | 2026-01-07 | 3\n\
               a | iron | said | 2026-01-07 | ∅ | 4\n";
    assert_eq!(history(&warehouse, "tier, segment"), all);
    warehouse.assert_sound();
    for load in ["1", "2"] {
        warehouse.run(&["undo", load, "--yes"]).exits(0);
        warehouse.assert_sound();
        warehouse.run(&["redo", load, "--yes"]).exits(0);
        assert_eq!(history(&warehouse, "tier, segment"), all, "{load}");
    }
    // A late file that does not have the column.
    warehouse
        .load("acc-2026-01-02.csv", "code,tier\na,zinc\n")
        .exits(0);
    assert_eq!(
        history(&warehouse, "tier, segment"),
        "a | gold | v1 | 2026-01-01 | 2026-01-02 | 1\n\
         a | zinc | v1 | 2026-01-02 | 2026-01-03 | 2\n\
         a | silver | v2 | 2026-01-03 | 2026-01-05 | 3\n\
         a | iron | v2 | 2026-01-05 | 2026-01-07 | 4\n\
         a | iron | said | 2026-01-07 | ∅ | 5\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_backfill_outlives_every_load_of_its_key() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse.execute("alter table datawarehouse.acc add column segment text default 'x'");
    warehouse.run(&["migrate"]).exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    assert_eq!(history(&warehouse, "segment"), "");
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "segment"),
        "a | x | 2026-01-01 | ∅ | 1\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_baseline_is_shown_and_can_be_undone() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse.execute(
        "alter table datawarehouse.acc add column segment text;
         update datawarehouse.acc set segment = 'filled';",
    );
    warehouse.run(&["migrate"]).exits(0);
    let why = warehouse.run(&["why", "--all", "acc", "a"]).exits(0);
    assert!(why.stdout.contains("baseline of segment"), "{}", why.stdout);
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "segment"),
        "a | ∅ | 2026-01-01 | ∅ | 1\n"
    );
    warehouse.run(&["redo", "2", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "segment"),
        "a | filled | 2026-01-01 | ∅ | 1\n"
    );
    warehouse.assert_sound();
}

#[test]
fn kept_values_follow_a_new_type() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc add column size numeric(8, 2)");
    warehouse
        .load("acc-2026-01-01.csv", "code,size\na,1.50\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,size\na,2.50\n")
        .exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc alter column size type numeric(9, 3)",
    );
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "size"),
        "a | 1.500 | 2026-01-01 | 2026-01-03 | 1\na | 2.500 | 2026-01-03 | ∅ | 2\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_kept_value_that_no_longer_fits_is_named() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc add column size numeric");
    warehouse
        .load("acc-2026-01-01.csv", "code,size\na,1.50\nb,7\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,size\na,2\nb,8\n")
        .exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc alter column size type integer",
    );
    let before = history(&warehouse, "size");
    let run = warehouse.run(&["redo", "1", "--yes"]).exits(2);
    for part in ["`size`", "`acc`", "integer", "load 1", "line 2"] {
        assert!(run.stderr.contains(part), "{part}: {run:#?}");
    }
    assert!(!run.stderr.contains("1.50"), "{run:#?}");
    assert_eq!(history(&warehouse, "size"), before);
    migrate(
        &warehouse,
        2,
        "alter table datawarehouse.acc alter column size type numeric(4, 2)",
    );
    warehouse.run(&["redo", "1", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "size"),
        "a | 1.50 | 2026-01-01 | 2026-01-03 | 1\na | 2.00 | 2026-01-03 | ∅ | 2\n\
         b | 7.00 | 2026-01-01 | 2026-01-03 | 1\nb | 8.00 | 2026-01-03 | ∅ | 2\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_dump_and_restore_keeps_identities() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\na,silver\n")
        .exits(0);
    warehouse.execute(
        "alter table datawarehouse.acc rename column tier to level;
         alter table datawarehouse.acc add column tier text;",
    );
    warehouse
        .load("acc-2026-01-04.csv", "code,tier,level\na,new,silver\n")
        .exits(0);
    let Some(restored) = warehouse.restored() else {
        return;
    };
    restored.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(
        history(&restored, "level, tier"),
        "a | gold | ∅ | 2026-01-01 | 2026-01-04 | 1\na | silver | new | 2026-01-04 | ∅ | 2\n"
    );
    restored.run(&["redo", "2", "--yes"]).exits(0);
    assert_eq!(
        history(&restored, "level, tier"),
        history(&warehouse, "level, tier")
    );
    restored.assert_sound();
}

#[test]
fn a_type_changed_while_watching_is_seen() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc add column size numeric");
    let watch = warehouse.watch();
    warehouse.drop_file("acc-2026-01-01.csv", "code,size\na,1\n");
    warehouse.wait_until(
        "select count(*) from hayloft.load where status = 'loaded'",
        "1",
    );
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc alter column size type integer",
    );
    warehouse.drop_file(
        "acc-2026-01-02.csv",
        "code,size\na,2.50\nb,3\nc,3.49\nd,4\n",
    );
    warehouse.wait_until(
        "select count(*) from hayloft.load where status = 'loaded'",
        "2",
    );
    assert_eq!(
        warehouse.query("select line, kind, column_name from hayloft.reject order by line"),
        "2 | bad_type | size\n4 | bad_type | size\n"
    );
    assert_eq!(
        history(&warehouse, "size"),
        "a | 1 | 2026-01-01 | ∅ | 1\nb | 3 | 2026-01-02 | ∅ | 1\nd | 4 | 2026-01-02 | ∅ | 1\n"
    );
    drop(watch);
}

#[test]
fn a_renamed_column_and_a_backfill_are_proved() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    let migration = "alter table datawarehouse.acc rename column tier to level;
         alter table datawarehouse.acc add column segment text;
         update datawarehouse.acc set segment = 'filled';";
    migrate(&warehouse, 1, migration);
    let check = |status| {
        let run = warehouse.run(&["check", "acc", "--values", "--format", "json"]);
        run.exits(status).only()["values"].clone()
    };
    assert_eq!(check(0)["compared"], 2);
    warehouse.execute("update datawarehouse.acc set segment = 'other'");
    assert_eq!(check(1)["named"][0]["columns"][0], "segment");
    warehouse.execute("update datawarehouse.acc set segment = 'filled', level = 'tin'");
    assert_eq!(check(1)["contradictions"], 1);
}

#[test]
fn a_wider_type_leaves_rows_proved() {
    for (before, wide, other) in [
        ("varchar(4)", "text", "varchar(5)"),
        ("numeric(4, 1)", "numeric(6, 2)", "integer"),
        ("integer", "bigint", "numeric"),
    ] {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "alter table datawarehouse.acc add column size {before}"
        ));
        for day in ["01", "03"] {
            let file = format!("code,size\na,{day}\n");
            warehouse
                .load(&format!("acc-2026-01-{day}.csv"), file)
                .exits(0);
        }
        let unproven = |number, to: &str| {
            let migration = format!("alter table datawarehouse.acc alter column size type {to}");
            migrate(&warehouse, number, &migration);
            let arguments = ["check", "acc", "--values", "--format", "json"];
            let checked = warehouse.run(&arguments).exits(0).only();
            checked["values"]["unproven"].as_array().unwrap().len()
        };
        assert_eq!(unproven(1, wide), 0, "{wide}");
        assert_eq!(unproven(2, other), 1, "{other}");
    }
}

#[test]
fn a_dropped_column_leaves_rows_of_no_load() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc add column extra text");
    warehouse.run(&["migrate"]).exits(0);
    write_by_hand(&warehouse, "hand");
    let by_hand = "hand | gold | 2025-01-01 | 2025-06-01 | 1\n\
                   hand | gold | 2025-06-01 | ∅ | 2\n";
    let run = migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc drop column extra",
    );
    assert_eq!(history(&warehouse, "tier"), by_hand);
    assert!(!run.stderr.contains("joined"), "{run:#?}");
}

#[test]
fn a_new_type_leaves_keys_with_unknown_versions() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc add column extra text");
    for (day, extra) in [("01", "x"), ("03", "y")] {
        let file = format!("code,tier,extra\na,gold,{extra}\nb,gold,{extra}\n");
        warehouse
            .load(&format!("acc-2026-01-{day}.csv"), file)
            .exits(0);
    }
    warehouse.execute(
        "update datawarehouse.acc set load_id = 0 where code = 'b' and version_number = 1",
    );
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc alter column extra type char(1) using null",
    );
    assert_eq!(
        history(&warehouse, "tier"),
        "a | gold | 2026-01-01 | ∅ | 1\n\
         b | gold | 2026-01-01 | 2026-01-03 | 1\nb | gold | 2026-01-03 | ∅ | 2\n"
    );
}

#[test]
fn joined_versions_are_told_and_noted() {
    let warehouse = accounts();
    warehouse.execute("alter table datawarehouse.acc add column extra text");
    for (day, extra) in [("01", "x"), ("03", "y"), ("05", "z")] {
        let file = format!("code,tier,extra\na,gold,{extra}\n");
        warehouse
            .load(&format!("acc-2026-01-{day}.csv"), file)
            .exits(0);
    }
    let run = migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc drop column extra",
    );
    assert!(run.stderr.contains("acc: 2 version(s)"), "{run:#?}");
    assert_eq!(
        warehouse.query(
            "select after ->> 'versions_joined' from hayloft.contract_change
             where after ? 'versions_joined'"
        ),
        "2\n"
    );
    assert_eq!(
        history(&warehouse, "tier"),
        "a | gold | 2026-01-01 | ∅ | 1\n"
    );
}

#[test]
fn a_value_that_a_type_cuts_does_not_fit() {
    for (column, value, migration) in [
        ("text", "abcdef", "char(3) using 'abc'"),
        ("timestamptz", "2026-01-01T10:00:00Z", "date using null"),
        ("float8", "0.1234567890123", "real using null"),
        ("text", "abcdef", "datawarehouse.short using 'abc'"),
        ("text", "1.239", "numeric(4, 2) using null"),
        ("text", "2026-01-01 10:00", "date using null"),
        ("numeric", "16777217", "real using null"),
    ] {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "create domain datawarehouse.short as varchar(5);
             alter table datawarehouse.acc add column size {column}"
        ));
        warehouse
            .load("acc-2026-01-01.csv", format!("code,size\na,{value}\n"))
            .exits(0);
        warehouse.run(&["undo", "1", "--yes"]).exits(0);
        migrate(
            &warehouse,
            1,
            &format!("alter table datawarehouse.acc alter column size type {migration}"),
        );
        let misfits = warehouse.query("select misfits from hayloft.payload");
        assert_eq!(misfits, "{size}\n", "{column} to {migration}");
        let run = warehouse.run(&["redo", "1", "--yes"]).exits(2);
        assert!(run.stderr.contains("`size`"), "{run:#?}");
    }
}

#[test]
fn a_value_that_a_type_takes_whole_fits() {
    for (column, value, to, shown) in [
        ("text", "007", "integer", "7"),
        ("text", "1.50", "numeric(4, 2)", "1.50"),
        ("text", "abc", "char(3)", "abc"),
        ("varchar(5)", "abcde", "text", "abcde"),
        ("date", "2026-01-01", "text", "2026-01-01"),
        ("text", "2026-01-01", "date", "2026-01-01"),
        ("integer", "7", "numeric(9, 3)", "7.000"),
        ("float8", "0.5", "real", "0.5"),
        ("text", r#"{"b":1}"#, "jsonb", r#"{"b": 1}"#),
    ] {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "alter table datawarehouse.acc add column size {column}"
        ));
        let quoted = value.replace('"', "\"\"");
        warehouse
            .load("acc-2026-01-01.csv", format!("code,size\na,\"{quoted}\"\n"))
            .exits(0);
        warehouse.run(&["undo", "1", "--yes"]).exits(0);
        migrate(
            &warehouse,
            1,
            &format!(
                "alter table datawarehouse.acc alter column size type {to} using size::text::{to}"
            ),
        );
        warehouse.run(&["redo", "1", "--yes"]).exits(0);
        assert_eq!(
            warehouse.query("select size from datawarehouse.acc"),
            format!("{shown}\n"),
            "{column} to {to}"
        );
        warehouse.assert_sound();
    }
}

#[test]
fn a_row_by_hand_restores_no_dropped_table() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse.execute("drop table datawarehouse.acc cascade; drop table datawarehouse.pay;");
    warehouse.execute(TABLES);
    warehouse.execute("alter table datawarehouse.acc add column extra text");
    write_by_hand(&warehouse, "hand");
    let run = warehouse.run(&["migrate"]).exits(0);
    assert!(run.stderr.contains("made anew"), "{run:#?}");
    let run = warehouse
        .load("acc-2026-01-02.csv", "code,tier\nhand,iron\n")
        .exits(2);
    assert!(run.stderr.contains("no load brought"), "{run:#?}");
    assert_ne!(warehouse.run(&["undo", "1", "--yes"]).status, 0);
}

#[test]
fn an_emptied_partitioned_table_is_made_anew() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse.execute(
        "drop table datawarehouse.acc cascade;
         create table datawarehouse.acc (
             acc_id uuid not null, code text not null, tier text,
             effective_start_date timestamptz not null, effective_end_date timestamptz,
             version_number int not null, load_id bigint not null, source_line bigint not null,
             primary key (acc_id, effective_start_date)
         ) partition by hash (acc_id);
         create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null;
         create table datawarehouse.acc_all partition of datawarehouse.acc
             for values with (modulus 1, remainder 0);",
    );
    let run = warehouse.run(&["migrate"]);
    assert!(run.stderr.contains("made anew"), "{run:#?}");
}

#[test]
fn a_table_made_anew_with_its_rows_goes_on() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\na,iron\n")
        .exits(0);
    warehouse.execute(
        "drop table datawarehouse.pay;
         create table datawarehouse.kept as select * from datawarehouse.acc;
         drop table datawarehouse.acc cascade;",
    );
    warehouse.execute(TABLES);
    warehouse.execute(
        "insert into datawarehouse.acc
             (acc_id, code, tier, effective_start_date, effective_end_date, version_number, load_id,
              source_line)
         select acc_id, code, tier, effective_start_date, effective_end_date, version_number, load_id,
             source_line
         from datawarehouse.kept",
    );
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(
        history(&warehouse, "tier"),
        "a | gold | 2026-01-01 | ∅ | 1\n"
    );
    warehouse.assert_sound();
}

#[test]
fn one_refused_change_keeps_no_table_waiting() {
    let second = CONTRACT.replace("tables.acc]", "tables.bcc]");
    let second = second.split("[tables.pay]").next().unwrap();
    let warehouse = accounts_by(&format!("{CONTRACT}{second}"));
    warehouse.execute(
        "create table datawarehouse.bcc (like datawarehouse.acc including all);
         alter table datawarehouse.acc add column extra text",
    );
    for (day, extra) in [("01", "x"), ("03", "y")] {
        let file = format!("code,tier,extra\na,gold,{extra}\n");
        warehouse
            .load(&format!("acc-2026-01-{day}.csv"), file)
            .exits(0);
    }
    warehouse.execute(
        "create function datawarehouse.refuse() returns trigger language plpgsql as
             $$ begin raise exception 'secret %', old.code; end $$;
         create trigger stays before delete on datawarehouse.acc
             for each row execute function datawarehouse.refuse();
         alter table datawarehouse.acc drop column extra cascade",
    );
    let run = warehouse.run(&["migrate"]).exits(2);
    assert!(run.stderr.contains("`acc` was changed"), "{run:#?}");
    assert!(!run.stderr.contains("secret"), "{run:#?}");
    warehouse
        .load("bcc-2026-01-01.csv", "code,tier\nb,tin\n")
        .exits(0);
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    warehouse
        .load("acc-2026-01-05.csv", "code,tier\na,iron\n")
        .exits(2);
    warehouse.execute("drop trigger stays on datawarehouse.acc");
    warehouse.run(&["migrate"]).exits(0);
    assert_eq!(
        history(&warehouse, "tier"),
        "a | gold | 2026-01-01 | ∅ | 1\n"
    );
}

#[test]
fn a_misfit_leaves_its_key_as_it_is() {
    let contract = CONTRACT.replace(
        "[tables.pay]",
        "[tables.acc.columns.size]\nrole = \"type1\"\n[tables.pay]",
    );
    let warehouse = accounts_by(&contract);
    warehouse
        .execute("alter table datawarehouse.acc add column extra text, add column size numeric");
    for (day, extra, size) in [("01", "x", "1.50"), ("03", "y", "2")] {
        let file = format!("code,tier,extra,size\na,gold,{extra},{size}\nb,tin,{extra},2\n");
        warehouse
            .load(&format!("acc-2026-01-{day}.csv"), file)
            .exits(0);
    }
    migrate(
        &warehouse,
        1,
        "alter table datawarehouse.acc drop column extra;
         alter table datawarehouse.acc alter column size type integer",
    );
    assert_eq!(
        history(&warehouse, "tier"),
        "a | gold | 2026-01-01 | 2026-01-03 | 1\na | gold | 2026-01-03 | ∅ | 2\n\
         b | tin | 2026-01-01 | ∅ | 1\n"
    );
    let run = warehouse.run(&["undo", "2", "--yes"]).exits(2);
    assert!(run.stderr.contains("`size`"), "{run:#?}");
}

#[test]
fn held_facts_find_members_of_the_new_table() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse
        .load("pay.csv", "pay_id,code,note\n1,b,first\n")
        .exits(0);
    warehouse.execute("drop table datawarehouse.acc cascade");
    let acc = TABLES
        .split("create table datawarehouse.pay")
        .next()
        .unwrap();
    warehouse.execute(acc);
    warehouse
        .load("acc-2026-01-02.csv", "code,tier\nb,tin\n")
        .exits(0);
    assert_eq!(
        warehouse.query("select pay_id, note from datawarehouse.pay"),
        "1 | first\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_table_being_written_waits_for_the_next_look() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", "code,tier\na,gold\n")
        .exits(0);
    warehouse.execute("alter table datawarehouse.acc add column segment text default 'old'");
    let mut writer = warehouse.connection();
    writer
        .batch_execute("begin; update datawarehouse.acc set segment = 'new'")
        .unwrap();
    let stated = || warehouse.query("select action from hayloft.load where action = 'baseline'");
    warehouse.run(&["migrate"]).exits(0);
    assert_eq!(stated(), "");
    writer.batch_execute("commit").unwrap();
    warehouse.run(&["migrate"]).exits(0);
    assert_eq!(stated(), "baseline\n");
    warehouse.assert_sound();
}
