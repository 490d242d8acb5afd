//! Rules of a fact table.

use super::{ACC, acc, rejects, with_rejects};
use crate::support::Warehouse;

const PAY: &str =
    "[tables.pay]\nkind = \"fact\"\nkey = [\"pay_id\"]\nreferences = { acc_id = \"acc\" }\n";

/// The dimension `acc` with `a` and `b`, and facts with these columns.
pub(super) fn pay(columns: &str) -> Warehouse {
    let warehouse = acc("tier text", "");
    warehouse.execute(&format!(
        "create table datawarehouse.pay (
             pay_id bigint primary key, acc_id uuid not null, {columns},
             load_id bigint not null, source_line bigint not null)"
    ));
    warehouse.write("hayloft.toml", format!("{ACC}{PAY}"));
    warehouse
        .load("acc.csv", "code,tier\na,gold\nb,tin\n")
        .exits(0);
    warehouse
}

fn facts(warehouse: &Warehouse) -> String {
    warehouse.query("select pay_id, amount from datawarehouse.pay order by 1")
}

#[test]
fn a_refused_fact_is_a_reject() {
    let rules = [
        "alter table datawarehouse.pay add constraint small check (amount < 100)",
        "create function public.f() returns trigger language plpgsql as $$
         begin
             if new.amount >= 100 then raise exception 'too much: %', new.amount; end if;
             return new;
         end $$;
         create trigger small before insert or update on datawarehouse.pay
         for each row execute function public.f()",
    ];
    for rule in rules {
        let warehouse = pay("amount integer");
        warehouse.execute(rule);
        let first = "pay_id,code,amount\n1,a,10\n2,b,123456\n3,a,30\n4,unknown,40\n";
        let load = with_rejects(warehouse.load("pay.csv", first));
        assert_eq!(load["rows"]["held"], 1);
        assert_eq!(facts(&warehouse), "1 | 10\n3 | 30\n");

        // Newer values of facts that are there, of one that waits, and of none.
        let second = "pay_id,code,amount\n1,a,11\n3,a,123456\n4,unknown,41\n5,b,123456\n6,b,60\n";
        let run = warehouse.load("pay-2.csv", second);
        super::assert_untold(&warehouse, &run, "123456");
        let load = with_rejects(run);

        assert_eq!(load["rows"]["rejected"], 2, "{rule}");
        assert_eq!(facts(&warehouse), "1 | 11\n3 | 30\n6 | 60\n", "{rule}");
        let told = rejects(&warehouse);
        assert_eq!(told.matches("check_failed").count(), 3, "{told}");
        assert_eq!(told.matches("`small` refuses the row").count(), 3, "{told}");
        warehouse.run(&["check"]).exits(0);
    }
}

#[test]
fn a_fact_of_a_partition_that_is_missing_is_a_reject() {
    let warehouse = acc("tier text", "");
    warehouse.execute(
        "create table datawarehouse.pay (
             pay_id bigint primary key, acc_id uuid not null, amount integer,
             load_id bigint not null, source_line bigint not null) partition by range (pay_id);
         create table datawarehouse.pay_low partition of datawarehouse.pay for values from (0) to (10)",
    );
    warehouse.write("hayloft.toml", format!("{ACC}{PAY}"));
    warehouse.load("acc.csv", "code,tier\na,gold\n").exits(0);

    with_rejects(warehouse.load("pay.csv", "pay_id,code,amount\n1,a,1\n10,a,2\n2,a,3\n"));

    assert_eq!(facts(&warehouse), "1 | 1\n2 | 3\n");
    assert!(
        rejects(&warehouse).contains("no partition has a place for the row"),
        "{}",
        rejects(&warehouse)
    );
}

#[test]
fn a_mended_fact_keeps_its_old_place() {
    let warehouse = pay("amount integer constraint small check (amount < 100)");
    let load = with_rejects(warehouse.load("pay.csv", "pay_id,code,amount\n1,a,500\n2,a,20\n"));
    warehouse
        .load("pay-2.csv", "pay_id,code,amount\n1,b,30\n")
        .exits(0);
    warehouse.write("mended.csv", "pay_id,code,amount\n1,a,50\n2,a,700\n");

    let id = load["load_id"].to_string();
    let replay = ["rejects", "replay", &id, "mended.csv", "--format", "json"];
    let replayed = with_rejects(warehouse.run(&replay));

    assert_eq!(replayed["rows"]["rejected"], 1);
    assert_eq!(facts(&warehouse), "1 | 30\n2 | 20\n");
    warehouse.run(&["check"]).exits(0);
}

#[test]
fn a_held_fact_that_is_refused_stays_held() {
    let warehouse = pay("amount integer constraint small check (amount < 100)");
    let file = "pay_id,code,amount\n1,zoe,500\n2,zoe,20\n3,yan,30\n4,zoe,600\n";
    warehouse.load("pay.csv", file).exits(0);
    warehouse.write("acc-2.csv", "code,tier\nzoe,tin\nyan,tin\n");
    let plan = warehouse.run(&["plan", "acc-2.csv"]).exits(0);
    let stays = "held facts that would stay held, as their table refuses them: 2";
    assert!(plan.stdout.contains(stays), "{plan:#?}");

    let run = warehouse
        .run(&["load", "acc-2.csv", "--format", "json"])
        .exits(0);

    super::assert_untold(&warehouse, &run, "500");
    let stay = "stay held, as their table refuses them: 2. `hayloft status`";
    assert!(run.stderr.contains(stay), "{run:#?}");
    let load = run.only();
    assert_eq!(
        (
            load["held_facts_released"].as_u64(),
            load["held_facts_refused"].as_u64()
        ),
        (Some(2), Some(2))
    );
    assert_eq!(facts(&warehouse), "2 | 20\n3 | 30\n");
    assert_eq!(
        warehouse.query("select row ->> 'amount', reason from hayloft.held_fact order by 1"),
        "500 | The constraint `small` refuses the row.\n\
         600 | The constraint `small` refuses the row.\n"
    );
    warehouse.run(&["check"]).exits(0);

    let status = warehouse.run(&["status"]).exits(0);
    let told = "1 key(s) of acc; the table refuses them: The constraint `small` refuses the row.";
    assert!(status.stdout.contains(told), "{status:#?}");

    // A newer row for the fact takes it in.
    warehouse
        .load("pay-2.csv", "pay_id,code,amount\n1,zoe,50\n")
        .exits(0);
    assert_eq!(facts(&warehouse), "1 | 50\n2 | 20\n3 | 30\n");
    warehouse.run(&["check"]).exits(0);
}

#[test]
fn a_refused_held_fact_is_proved_as_held() {
    let warehouse = pay("amount integer constraint small check (amount < 100), note text");
    for (name, file) in [
        (
            "pay.csv",
            "pay_id,code,amount\n1,zoe,500\n2,a,20\n3,a,30\n4,zoe,70\n",
        ),
        ("pay-2.csv", "pay_id,code,note\n1,zoe,gift\n2,a,gift\n"),
        ("pay-3.csv", "pay_id,code,amount\n2,zoe,600\n3,zoe,40\n"),
    ] {
        warehouse.load(name, file).exits(0);
    }

    warehouse.load("acc-2.csv", "code,tier\nzoe,tin\n").exits(0);

    assert_eq!(facts(&warehouse), "2 | 20\n3 | 40\n4 | 70\n");
    warehouse.run(&["check", "--values"]).exits(0);

    // A row that waits for no reason is another thing.
    warehouse.execute("update hayloft.held_fact set reason = null");
    let run = warehouse.run(&["check", "--values"]).exits(1);
    assert!(run.stdout.contains("the held row"), "{run:#?}");
}

#[test]
fn a_held_fact_gets_the_default_of_a_new_column() {
    let warehouse = pay("amount integer");
    warehouse
        .load("pay.csv", "pay_id,code,amount\n1,zoe,5\n")
        .exits(0);
    warehouse.execute("alter table datawarehouse.pay add column kind text not null default 'cash'");

    warehouse.load("acc-2.csv", "code,tier\nzoe,tin\n").exits(0);

    assert_eq!(
        warehouse.query("select pay_id, amount, kind from datawarehouse.pay"),
        "1 | 5 | cash\n"
    );
}

#[test]
fn each_held_fact_gets_its_own_default() {
    let warehouse = pay("amount integer");
    warehouse
        .load("pay.csv", "pay_id,code,amount\n1,zoe,5\n2,zoe,6\n")
        .exits(0);
    warehouse.execute(
        "create sequence datawarehouse.pay_number;
         alter table datawarehouse.pay add column kind text default 'cash',
             add column number bigint not null default nextval('datawarehouse.pay_number')",
    );
    warehouse
        .load(
            "pay-2.csv",
            "pay_id,code,amount,kind\n3,zoe,7,card\n4,zoe,8,\n",
        )
        .exits(0);
    warehouse.execute(
        "alter table datawarehouse.pay add column token uuid not null default gen_random_uuid()",
    );

    warehouse.load("acc-2.csv", "code,tier\nzoe,tin\n").exits(0);

    assert_eq!(
        warehouse.query("select pay_id, amount, kind from datawarehouse.pay order by 1"),
        "1 | 5 | cash\n2 | 6 | cash\n3 | 7 | card\n4 | 8 | \n"
    );
    assert_eq!(
        warehouse
            .query("select count(distinct number), count(distinct token) from datawarehouse.pay"),
        "4 | 4\n"
    );
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_held_fact_keeps_what_it_leaves_out() {
    let warehouse = pay("amount integer, kind text not null default 'cash'");
    warehouse
        .load("pay.csv", "pay_id,code,amount,kind\n1,a,5,card\n")
        .exits(0);
    warehouse
        .load("pay-2.csv", "pay_id,code,amount\n1,zoe,6\n")
        .exits(0);

    warehouse.load("acc-2.csv", "code,tier\nzoe,tin\n").exits(0);

    assert_eq!(
        warehouse.query("select pay_id, amount, kind from datawarehouse.pay"),
        "1 | 6 | card\n"
    );
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_fact_that_comes_late_gets_the_default() {
    let warehouse = pay("amount integer check (amount < 100), kind text not null default 'cash'");
    let load = with_rejects(warehouse.load("pay.csv", "pay_id,code,amount\n1,a,500\n3,a,5\n"));
    warehouse.write("mended.csv", "pay_id,code,amount\n1,a,50\n");
    let id = load["load_id"].to_string();
    warehouse
        .run(&["rejects", "replay", &id, "mended.csv"])
        .exits(0);
    // A row behind which another waits.
    for code in ["zoe", "yan"] {
        let file = format!("pay_id,code,amount\n2,{code},60\n");
        warehouse.load(&format!("pay-{code}.csv"), file).exits(0);
    }

    warehouse.load("acc-2.csv", "code,tier\nzoe,tin\n").exits(0);

    assert_eq!(
        warehouse.query("select pay_id, amount, kind from datawarehouse.pay order by 1"),
        "1 | 50 | cash\n2 | 60 | cash\n3 | 5 | cash\n"
    );
    warehouse.run(&["check", "--values"]).exits(0);
}

#[test]
fn a_load_undone_lets_no_fact_in() {
    let contract =
        format!("{ACC}max_future = \"1000d\"\neffective = {{ file_name = \"%Y-%m-%d\" }}\n{PAY}");
    let warehouse = acc("tier text", "");
    warehouse.execute(
        "create table datawarehouse.pay (
             pay_id bigint primary key, acc_id uuid not null, amount integer,
             created_at timestamptz not null, updated_at timestamptz not null,
             load_id bigint not null, source_line bigint not null)",
    );
    warehouse.write("hayloft.toml", contract);
    let zoe = |day: &str| {
        let file = format!("acc-2027-02-{day}.csv");
        warehouse.load(&file, "code,tier\nzoe,tin\n").exits(0);
    };
    let turn = |turn: &str, load: &str| {
        warehouse.run(&[turn, load, "--yes"]).exits(0);
    };
    warehouse
        .load("pay.csv", "pay_id,code,amount\n1,zoe,1\n")
        .exits(0);
    zoe("10");
    turn("undo", "1");
    turn("undo", "2");
    turn("redo", "1");
    zoe("05");
    warehouse
        .load("pay-2.csv", "pay_id,code,amount\n1,zoe,2\n")
        .exits(0);
    let last = warehouse.query("select max(load_id) from hayloft.load");

    turn("undo", last.trim());

    assert_eq!(
        warehouse.query("select amount, updated_at::date from datawarehouse.pay"),
        "1 | 2027-02-05\n"
    );
    warehouse.run(&["check", "--values"]).exits(0);
}
