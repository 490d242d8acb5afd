//! Domains: each is its base type, and its checks hold row by row.

use super::{Bad, Is, things, try_type};
use crate::support::Warehouse;

#[test]
fn a_domain_follows_its_base_type_and_its_checks() {
    let warehouse = things();
    warehouse.execute(
        "create domain datawarehouse.price as numeric(6,2) constraint above_zero check (value > 0);
         create domain datawarehouse.low as datawarehouse.price check (value < 100);
         create domain datawarehouse.short as varchar(5);
         create domain datawarehouse.whole as integer not null;
         create domain datawarehouse.\"Odd Name\" as date;
         create domain datawarehouse.address as inet check (masklen(value) = 32);
         create domain datawarehouse.tags as varchar(3)[] check (cardinality(value) < 3);
         create domain datawarehouse.flags as bit(3)",
    );
    for (sql_type, samples) in [
        (
            "datawarehouse.price",
            &[
                ("1.5", Is("1.50")),
                ("1.239", Bad("overflow", "does not round")),
                (
                    "-1",
                    Bad(
                        "check_failed",
                        "the check above_zero of the domain datawarehouse.price",
                    ),
                ),
            ][..],
        ),
        (
            "datawarehouse.low",
            &[
                ("99.99", Is("99.99")),
                (
                    "100",
                    Bad("check_failed", "a check of the domain datawarehouse.low: "),
                ),
                ("-1", Bad("check_failed", "above_zero")),
                ("1.239", Bad("overflow", "does not round")),
            ],
        ),
        (
            "datawarehouse.short",
            &[
                ("abcde", Is("abcde")),
                ("", Is("")),
                ("abcdefgh", Bad("overflow", "more than 5 characters")),
                ("abcde   ", Bad("overflow", "more than 5 characters")),
            ],
        ),
        (
            "datawarehouse.\"Odd Name\"",
            &[
                ("2024-02-29", Is("2024-02-29")),
                ("today", Bad("bad_type", "is not a date")),
            ],
        ),
        (
            "datawarehouse.address",
            &[
                ("10.0.0.1", Is("10.0.0.1/32")),
                ("10.0.0.0/8", Bad("check_failed", "address_check")),
                ("x", Bad("bad_type", "inet")),
            ],
        ),
        (
            "datawarehouse.tags",
            &[
                ("{a,b}", Is("{a,b}")),
                ("{a,b,c}", Bad("check_failed", "tags_check")),
                ("{abcd}", Bad("overflow", "more than 3 characters")),
            ],
        ),
        (
            "datawarehouse.flags",
            &[
                ("101", Is("101")),
                ("1011", Bad("overflow", "neither rounds nor cuts off")),
            ],
        ),
    ] {
        try_type(&warehouse, sql_type, samples);
    }
}

const STAR: &str = r#"
[tables.acc]
key         = ["code"]
durable_key = "acc_id"
effective   = { column = "since" }
sequence    = ["rank"]

[tables.acc.guards]
max_reject_fraction = 1.0

[tables.pay]
kind       = "fact"
key        = ["pay_id"]
references = { acc_id = "acc" }
"#;

/// A star whose columns are all of domains.
fn star() -> Warehouse {
    let warehouse = Warehouse::with_contract(STAR);
    warehouse.execute(
        "create domain datawarehouse.code as varchar(4) check (value ~ '^[A-Z]');
         create domain datawarehouse.member as uuid;
         create domain datawarehouse.day as date check (value > '2000-01-01');
         create domain datawarehouse.rank as bigint;
         create domain datawarehouse.price as numeric(6,2) not null check (value > 0);
         create table datawarehouse.acc (
            acc_id datawarehouse.member not null, code datawarehouse.code not null,
            since datawarehouse.day, rank datawarehouse.rank, amount datawarehouse.price,
            effective_start_date timestamptz not null, effective_end_date timestamptz,
            version_number int not null, load_id bigint not null, source_line bigint not null,
            primary key (acc_id, effective_start_date));
         create unique index on datawarehouse.acc (acc_id) where effective_end_date is null;
         create table datawarehouse.pay (
            pay_id datawarehouse.rank primary key, acc_id datawarehouse.member not null,
            amount datawarehouse.price,
            load_id bigint not null, source_line bigint not null)",
    );
    warehouse
}

const VERSIONS: &str = "
    select code, since, rank, amount, effective_start_date::date, effective_end_date::date
    from datawarehouse.acc order by code, effective_start_date";

#[test]
fn domains_can_be_keys_instants_and_references() {
    let warehouse = star();
    let payments = "pay_id,code,amount\n1,AB,5\n2,CD,6\n3,AB,0\n";
    warehouse.load("pay.csv", payments).exits(1);
    let file = "code,since,rank,amount\nAB,2024-03-01,1,1.50\nCD,2024-03-01,1,2\n";
    warehouse.load("acc-1.csv", file).exits(0);
    // A late row, a correction by sequence, and rows that are no values of their domains.
    let file = "code,since,rank,amount
AB,2024-01-01,1,3
AB,2024-03-01,2,4
ab,2024-03-01,1,1
ABCDE,2024-03-01,1,1
EF,1999-01-01,1,1
EF,2024-03-01,1,
EF,2024-03-01,x,1
EF,2024-03-01,1,1.239
EF,2024-03-01,1,-1
";
    warehouse.load("acc-2.csv", file).exits(1);
    assert_eq!(
        warehouse.query(VERSIONS),
        "AB | 2024-01-01 | 1 | 3.00 | 2024-01-01 | 2024-03-01
AB | 2024-03-01 | 2 | 4.00 | 2024-03-01 | ∅
CD | 2024-03-01 | 1 | 2.00 | 2024-03-01 | ∅\n"
    );
    assert_eq!(
        warehouse
            .query("select line, column_name, kind from hayloft.reject order by load_id, line"),
        "4 | amount | check_failed
4 | code | check_failed
5 | code | overflow
6 | since | check_failed
7 | amount | not_null
8 | rank | bad_type
9 | amount | overflow
10 | amount | check_failed\n"
    );
    assert_eq!(
        warehouse.query(
            "select pay_id, code, pay.amount from datawarehouse.pay
             join datawarehouse.acc_current using (acc_id) order by pay_id"
        ),
        "1 | AB | 5.00\n2 | CD | 6.00\n"
    );
    warehouse.assert_sound();
    let before = warehouse.query(VERSIONS);
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    assert_eq!(
        warehouse.query(VERSIONS),
        "AB | 2024-03-01 | 1 | 1.50 | 2024-03-01 | ∅
CD | 2024-03-01 | 1 | 2.00 | 2024-03-01 | ∅\n"
    );
    warehouse.run(&["redo", "3", "--yes"]).exits(0);
    assert_eq!(warehouse.query(VERSIONS), before);
    warehouse.assert_sound();
}

#[test]
fn a_key_of_which_two_spellings_are_equal_is_refused() {
    let warehouse = things();
    warehouse.execute(
        "create extension citext schema public;
         create domain datawarehouse.nick as public.citext;
         create collation datawarehouse.caseless (
            provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    );
    for sql_type in [
        "public.citext",
        "datawarehouse.nick",
        "text collate datawarehouse.caseless",
    ] {
        warehouse.execute(&format!(
            "drop table if exists datawarehouse.things;
             create table datawarehouse.things (
                label {sql_type} primary key, value text,
                load_id bigint not null, source_line bigint not null)"
        ));
        let run = warehouse.load("things.csv", "label,value\nAnn,1\nANN,2\n");
        assert_eq!(run.status, 2, "{sql_type} {run:#?}");
        assert!(run.stderr.contains("several ways"), "{sql_type} {run:#?}");
        assert_eq!(warehouse.query("select from datawarehouse.things"), "");
    }
}
