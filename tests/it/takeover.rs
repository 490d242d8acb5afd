//! Rows that no load brought, and tables of versions that other programs made.

use crate::support::{Run, Warehouse};

const TABLE: &str = "
create table datawarehouse.acc (
    acc_id uuid not null, code text not null, tier text,
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
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.execute(TABLE);
    warehouse
}

fn history(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select code, tier, effective_start_date::date, effective_end_date::date, version_number
         from datawarehouse.acc order by code, version_number",
    )
}

/// The durable key of a code, as a load makes it.
fn key_of(code: &str) -> String {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-01.csv", format!("code\n{code}\n"))
        .exits(0);
    warehouse
        .query("select acc_id from datawarehouse.acc")
        .trim()
        .to_owned()
}

fn insert(warehouse: &Warehouse, code: &str, tier: &str, from: &str, to: &str) {
    let key = key_of(code);
    warehouse.execute(&format!(
        "insert into datawarehouse.acc values
         ('{key}', '{code}', '{tier}', '{from}', {to}, 1, 0, 0)"
    ));
}

#[test]
fn a_load_upon_rows_by_hand_is_refused() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "null");
    let before = history(&warehouse);
    let run = warehouse
        .load("acc-2025-12-15.csv", "code,tier\na,tin\n")
        .exits(2);
    assert!(run.stderr.contains("hayloft takeover acc"), "{run:#?}");
    assert_eq!(history(&warehouse), before);
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    assert_eq!(history(&warehouse), before);
    warehouse.assert_sound();
    warehouse
        .load("acc-2025-12-15.csv", "code,tier\na,tin\n")
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | tin | 2025-12-15 | 2026-01-01 | 1\na | gold | 2026-01-01 | ∅ | 2\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_takeover_asks_and_shows_its_plan() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "null");
    let run = warehouse.run(&["takeover", "acc"]).exits(2);
    assert!(run.stdout.contains("Taking over would change"), "{run:#?}");
    assert!(run.stderr.contains("--yes"), "{run:#?}");
    assert_eq!(warehouse.query("select count(*) from hayloft.load"), "0\n");
}

#[test]
fn rows_by_hand_between_loads_are_taken_over() {
    let warehouse = accounts();
    warehouse
        .load("acc-2026-01-05.csv", "code,tier\na,gold\n")
        .exits(0);
    insert(&warehouse, "b", "iron", "2026-01-02", "'2026-01-04'");
    let run = warehouse
        .load("acc-2026-01-03.csv", "code,tier\nb,zinc\n")
        .exits(2);
    assert!(run.stderr.contains("hayloft takeover acc"), "{run:#?}");
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\nb,zinc\n")
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | gold | 2026-01-05 | ∅ | 1\n\
         b | iron | 2026-01-02 | 2026-01-03 | 1\n\
         b | zinc | 2026-01-03 | 2026-01-04 | 2\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_takeover_can_be_undone_and_redone() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "'2026-02-01'");
    insert(&warehouse, "b", "tin", "2026-01-01", "null");
    let before = history(&warehouse);
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    let load = warehouse.query("select load_id from hayloft.load");
    warehouse.run(&["undo", load.trim(), "--yes"]).exits(0);
    assert_eq!(history(&warehouse), "");
    warehouse.run(&["redo", load.trim(), "--yes"]).exits(0);
    assert_eq!(history(&warehouse), before);
    warehouse.assert_sound();
    let again = warehouse.run(&["takeover", "acc", "--yes"]).exits(2);
    assert!(again.stderr.contains("Every row of it"), "{again:#?}");
}

#[test]
fn neighbours_that_say_the_same_become_one() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "'2026-01-05'");
    insert(&warehouse, "a", "gold", "2026-01-05", "null");
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    assert_eq!(history(&warehouse), "a | gold | 2026-01-01 | ∅ | 1\n");
    warehouse.assert_sound();
}

#[test]
fn rows_that_overlap_are_not_taken_over() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "'2026-01-05'");
    insert(&warehouse, "a", "tin", "2026-01-04", "null");
    let run = warehouse.run(&["takeover", "acc", "--yes"]).exits(2);
    assert!(run.stderr.contains("overlap"), "{run:#?}");
}

#[test]
fn another_durable_key_is_not_taken_over() {
    let warehouse = accounts();
    warehouse.execute(
        "insert into datawarehouse.acc values
         (gen_random_uuid(), 'a', 'gold', '2026-01-01', null, 1, 0, 0)",
    );
    let run = warehouse.run(&["takeover", "acc", "--yes"]).exits(2);
    assert!(run.stderr.contains("--from"), "{run:#?}");
}

#[test]
fn a_dbt_snapshot_becomes_a_history() {
    let warehouse = accounts();
    warehouse.execute(
        "create schema snapshots;
         create table snapshots.acc_snapshot (
             dbt_scd_id text, code text, tier varchar(20),
             dbt_valid_from timestamp, dbt_valid_to timestamp, dbt_updated_at timestamp);
         insert into snapshots.acc_snapshot values
             ('x', ' a', 'gold', '2026-01-01', '2026-01-05'),
             ('y', ' a', 'tin', '2026-01-05', null),
             ('z', 'b', 'iron', '2026-01-02', '2026-01-04');",
    );
    warehouse
        .run(&[
            "takeover",
            "acc",
            "--from",
            "snapshots.acc_snapshot",
            "--start",
            "dbt_valid_from",
            "--end",
            "dbt_valid_to",
            "--yes",
        ])
        .exits(0);
    assert_eq!(
        history(&warehouse),
        "a | gold | 2026-01-01 | 2026-01-05 | 1\n\
         a | tin | 2026-01-05 | ∅ | 2\n\
         b | iron | 2026-01-02 | 2026-01-04 | 1\n"
    );
    warehouse
        .load("acc-2026-01-03.csv", "code,tier\nb,zinc\n")
        .exits(0);
    warehouse.assert_sound();
}

#[test]
fn a_watchers_table_with_flags_becomes_a_history() {
    let warehouse = accounts();
    warehouse.execute(
        "create table datawarehouse.old (
             id serial, acc_code text, tier text, start_date date, end_date date, is_active text);
         insert into datawarehouse.old (acc_code, tier, start_date, end_date, is_active) values
             ('a', 'gold', '2026-01-01', '2026-01-04', 'N'),
             ('a', 'tin', '2026-01-05', '9999-12-31', 'Y');",
    );
    warehouse
        .run(&[
            "takeover",
            "acc",
            "--from",
            "old",
            "--start",
            "start_date",
            "--end",
            "end_date",
            "--end-is",
            "last-day",
            "--current",
            "is_active",
            "--open-end",
            "9999-12-31",
            "--column",
            "code=acc_code",
            "--zone",
            "Europe/Prague",
            "--yes",
        ])
        .exits(0);
    assert_eq!(
        warehouse.query(
            "select tier, effective_start_date, effective_end_date from datawarehouse.acc
             order by effective_start_date"
        ),
        "gold | 2025-12-31 23:00:00+00 | 2026-01-04 23:00:00+00\n\
         tin | 2026-01-04 23:00:00+00 | ∅\n"
    );
    warehouse.assert_sound();
}

#[test]
fn a_value_that_would_be_cut_is_refused() {
    let warehouse = accounts();
    warehouse.execute(
        "alter table datawarehouse.acc alter column tier type varchar(3);
         create table datawarehouse.old (code text, tier text, since timestamptz);
         insert into datawarehouse.old values ('a', 'gold', '2026-01-01');",
    );
    let run = warehouse
        .run(&[
            "takeover", "acc", "--from", "old", "--start", "since", "--yes",
        ])
        .exits(2);
    assert!(
        run.stderr
            .contains("1 row(s) of \"datawarehouse\".\"old\" have a value that column `tier`"),
        "{run:#?}"
    );
    assert!(!run.stderr.contains("gold"), "{run:#?}");
    assert_eq!(history(&warehouse), "");
}

#[test]
fn a_value_that_was_taken_over_is_proved_from_then_on() {
    let warehouse = accounts();
    insert(&warehouse, "a", "gold", "2026-01-01", "'2026-02-01'");
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    warehouse.run(&["check", "--values"]).exits(0);
    warehouse.execute("update datawarehouse.acc set tier = 'tin'");
    let checked = warehouse
        .run(&["check", "--values", "--format", "json"])
        .exits(1)
        .only();
    assert_eq!(checked["values"]["compared"], 2);
    assert_eq!(checked["values"]["named"][0]["what"], "said_otherwise");
}

/// Takes `old` over, with these arguments more.
fn take_old(warehouse: &Warehouse, more: &[&str]) -> Run {
    let usual = ["takeover", "acc", "--from", "old", "--start", "since"];
    warehouse.run(&[&usual[..], more, &["--yes"]].concat())
}

#[track_caller]
fn assert_told(run: &Run, parts: &[&str]) {
    for part in parts {
        assert!(run.stderr.contains(part), "{part}: {run:#?}");
    }
}

#[test]
fn a_local_time_means_what_a_file_means() {
    let warehouse = accounts();
    warehouse.execute(
        "create table datawarehouse.old (code text, tier text, since timestamp, until timestamp);
         insert into datawarehouse.old values
             ('a', 'gold', '2025-10-26 02:30', '2025-10-26 03:00'),
             ('b', 'tin', '2025-10-26 01:30', null), ('c', 'tin', '2025-07-01', null),
             ('d', 'tin', '2025-03-30 02:45', null);",
    );
    let arguments = ["--end", "until", "--zone", "Europe/Prague"];
    let skipped = take_old(&warehouse, &arguments).exits(2);
    assert_told(&skipped, &["1 row(s)", "\"since\"", "Europe/Prague skips"]);
    assert!(!skipped.stderr.contains("02:45"), "{skipped:#?}");
    warehouse.execute("delete from datawarehouse.old where code = 'd'");

    let run = take_old(&warehouse, &arguments).exits(0);

    let sentence = "1 value(s) are a local time that the zone repeats";
    assert!(run.stdout.contains(sentence), "{run:#?}");
    assert_told(&run, &[sentence]);
    assert_eq!(
        warehouse.query(
            "select code, effective_start_date, effective_end_date from datawarehouse.acc order by code"
        ),
        "a | 2025-10-26 00:30:00+00 | 2025-10-26 02:00:00+00\n\
         b | 2025-10-25 23:30:00+00 | ∅\n\
         c | 2025-06-30 22:00:00+00 | ∅\n"
    );
}

#[test]
fn a_day_without_midnight_begins_when_it_begins() {
    let warehouse = accounts();
    warehouse.execute(
        "create table datawarehouse.old (code text, tier text, since date);
         insert into datawarehouse.old values ('a', 'gold', '2018-11-04');",
    );
    take_old(&warehouse, &["--zone", "America/Sao_Paulo"]).exits(0);
    let starts = "select effective_start_date from datawarehouse.acc";
    assert_eq!(warehouse.query(starts), "2018-11-04 03:00:00+00\n");
}

#[test]
fn what_nothing_fills_and_what_is_unused_is_told() {
    let warehouse = accounts();
    warehouse.execute(
        "create table datawarehouse.old (code text, level text, since timestamptz);
         insert into datawarehouse.old values ('a', 'gold', '2026-01-01');",
    );
    let arguments = ["takeover", "acc", "--from", "old", "--start", "since"];
    let plan = warehouse.run(&arguments).exits(2);
    for part in ["fills \"tier\"", "Not used of", ": \"level\""] {
        assert!(plan.stdout.contains(part), "{part}: {plan:#?}");
    }
    let json = [&arguments[..], &["--format", "json"]].concat();
    let plan = warehouse.run(&json).exits(2).only();
    assert_eq!(plan["source"]["unused_columns"][0], "\"level\"");
    let run = take_old(&warehouse, &[]).exits(0);
    assert_told(&run, &["fills \"tier\"", ": \"level\""]);
}

#[test]
fn a_mapping_that_cannot_hold_is_refused() {
    let warehouse = accounts();
    warehouse.execute(
        "alter table datawarehouse.acc add column price numeric not null;
         create table datawarehouse.old (code text, a text, b text, since timestamptz);",
    );
    for (arguments, part) in [
        (
            &["--column", "tier=a", "--column", "tier=b"][..],
            "names `tier` twice",
        ),
        (&["--column", "color=a"], "no column `color`"),
        (&["--column", "tier=color"], "no column `color`"),
        (&[], "--column price=NAME"),
    ] {
        assert_told(&take_old(&warehouse, arguments).exits(2), &[part]);
    }
}

#[test]
fn a_flag_that_contradicts_its_end_is_refused() {
    let warehouse = accounts();
    warehouse.execute(
        "create table datawarehouse.old (code text, since date, until date, is_last text);
         insert into datawarehouse.old values
             ('a', '2026-01-01', '2026-01-05', 'Y'), ('b', '2026-01-01', null, 'N'),
             ('c', '2026-01-01', '2027-01-01', null), ('d', '2026-01-01', '9999-12-31', 'Y');",
    );
    let arguments = [
        "--end",
        "until",
        "--current",
        "is_last",
        "--open-end",
        "9999-12-31",
    ];
    let run = take_old(&warehouse, &arguments).exits(2);
    assert_told(
        &run,
        &["1 row(s)", "current and have an end", "have no end"],
    );
    warehouse.execute("delete from datawarehouse.old where code in ('a', 'b')");
    take_old(&warehouse, &arguments).exits(0);
}

#[test]
fn a_text_that_is_no_one_time_is_refused() {
    for (born, since) in [
        ("today", "2026-01-01"),
        ("2026-01-01", "now"),
        ("2026-01-01", "yesterday"),
        ("2026-01-01 10:00:00.1234567", "2026-01-01"),
        ("2026-01-01", "2026-01-01 10:00:00.1234567"),
    ] {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "alter table datawarehouse.acc add column born timestamp;
             create table datawarehouse.old (code text, born text, since text);
             insert into datawarehouse.old values ('a', '{born}', '{since}');"
        ));
        for zone in ["UTC", "Europe/Prague"] {
            let run = take_old(&warehouse, &["--zone", zone]).exits(2);
            assert_told(&run, &["1 row(s)"]);
            assert!(!run.stderr.contains("today"), "{run:#?}");
        }
    }
}

#[test]
fn a_far_end_in_any_zone_is_none() {
    for zone in ["Europe/Prague", "America/New_York"] {
        for end in ["date", "timestamp", "timestamptz"] {
            let warehouse = accounts();
            warehouse.execute(&format!(
                "create table datawarehouse.old (code text, since date, until {end});
                 insert into datawarehouse.old values ('a', '2026-01-01', '9999-12-31');"
            ));
            let arguments = ["--end", "until", "--open-end", "9999-12-31", "--zone", zone];
            take_old(&warehouse, &arguments).exits(0);
            let current = "select count(*) from datawarehouse.acc where effective_end_date is null";
            assert_eq!(warehouse.query(current), "1\n", "{zone} {end}");
        }
    }
}

#[test]
fn values_that_do_not_fit_are_told_by_column() {
    let warehouse = accounts();
    warehouse.execute(
        "alter table datawarehouse.acc add column price numeric(6, 2), add column born date not null;
         create table datawarehouse.old (code text, price text, born text, since text);
         insert into datawarehouse.old values
             ('a', 'cheap', '2026-01-01', '2026-01-01'), ('b', '1', 'then', 'once'),
             ('c', '1', '2026-01-01', 'later');",
    );
    let run = take_old(&warehouse, &[]).exits(2);
    assert_told(&run, &["`price`", "`born`", "2 row(s)", "\"since\""]);
    assert!(!run.stderr.contains("cheap"), "{run:#?}");
    warehouse.execute("update datawarehouse.old set price = 1, born = null, since = null");
    let run = take_old(&warehouse, &[]).exits(2);
    assert_told(&run, &["3 row(s)", "no value for `born`", "no start"]);
}

#[test]
fn another_type_cuts_no_value_in_silence() {
    let cases = [
        ("timestamp", "date", "2026-01-05 08:30", "2026-01-05 00:00"),
        ("double precision", "real", "0.123456789", "0.5"),
        ("numeric", "integer", "1.5", "2"),
        ("interval", "time", "1 day 02:00", "02:00"),
        ("bit(4)", "bit(3)", "1011", ""),
        (
            "text",
            "timestamp",
            "2026-01-05 08:30+02",
            "2026-01-05 08:30",
        ),
        ("character varying(9)", "character(3)", "gold", "tin"),
    ];
    for (before, after, cut, whole) in cases {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "alter table datawarehouse.acc add column value {after};
             create table datawarehouse.old (code text, tier text, value {before}, since date);
             insert into datawarehouse.old values
                 ('a', 'gold', '{cut}', '2026-01-01'), ('b', 'tin', nullif('{whole}', '')::{before}, '2026-01-01');"
        ));
        let run = take_old(&warehouse, &[]).exits(2);
        assert_told(&run, &["1 row(s)", "column `value`", "cut or rounded"]);
        assert!(!run.stderr.contains(cut), "{run:#?}");
        assert_eq!(history(&warehouse), "");

        warehouse.execute("delete from datawarehouse.old where code = 'a'");
        take_old(&warehouse, &[]).exits(0);
        warehouse.run(&["check", "--values"]).exits(0);
    }
}

#[test]
fn a_text_with_a_zone_is_that_instant() {
    let written = [
        ("Z", "10:00:00+00"),
        ("+00", "10:00:00+00"),
        ("+02", "08:00:00+00"),
        (" Europe/Paris", "08:00:00+00"),
        ("", "07:00:00+00"),
    ];
    for (zone, at) in written {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "alter table datawarehouse.acc add column seen timestamptz;
             create table datawarehouse.old (code text, tier text, seen text, since text, until text);
             insert into datawarehouse.old values
                 ('a', 'gold', '2026-07-01 10:00:00{zone}', '2026-07-02 10:00:00{zone}', '2026-07-03 10:00:00{zone}');"
        ));
        take_old(&warehouse, &["--end", "until", "--zone", "Europe/Helsinki"]).exits(0);
        assert_eq!(
            warehouse.query(
                "select seen, effective_start_date, effective_end_date from datawarehouse.acc"
            ),
            format!("2026-07-01 {at} | 2026-07-02 {at} | 2026-07-03 {at}\n"),
            "{zone}"
        );
    }
}

#[test]
fn a_start_with_a_zone_is_never_local() {
    for zone in ["UTC", "Europe/Prague"] {
        let warehouse = accounts();
        warehouse.execute(
            "create table datawarehouse.old (code text, tier text, since text);
             insert into datawarehouse.old values
                 ('a', 'gold', '2026-01-01 12:00+05'), ('b', 'tin', '2025-10-26 02:30+01'),
                 ('c', 'tin', '2025-03-30 02:30Z');",
        );
        let run = take_old(&warehouse, &["--zone", zone]).exits(0);
        assert!(!run.stdout.contains("repeats"), "{run:#?}");
        assert_eq!(
            warehouse
                .query("select code, effective_start_date from datawarehouse.acc order by code"),
            "a | 2026-01-01 07:00:00+00\n\
             b | 2025-10-26 01:30:00+00\n\
             c | 2025-03-30 02:30:00+00\n",
            "{zone}"
        );
    }
}

#[test]
fn an_end_at_infinity_is_none() {
    let first_after = ["--end", "until"];
    let last_day = ["--end", "until", "--end-is", "last-day"];
    let flagged = [
        &last_day[..],
        &["--current", "is_last", "--zone", "Europe/Prague"],
    ]
    .concat();
    for (until, arguments) in [
        ("timestamptz", &first_after[..]),
        ("timestamptz", &flagged),
        ("timestamp", &flagged),
        ("date", &last_day),
        ("text", &first_after),
        ("text", &flagged),
    ] {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "create table datawarehouse.old (code text, tier text, since date, until {until}, is_last text);
             insert into datawarehouse.old values
                 ('a', 'gold', '2026-01-01', '2026-01-04', 'N'),
                 ('a', 'tin', '2026-01-05', 'infinity', 'Y');"
        ));
        take_old(&warehouse, arguments).exits(0);
        let open = "select tier from datawarehouse.acc where effective_end_date is null";
        assert_eq!(warehouse.query(open), "tin\n", "{until} {arguments:?}");
    }
}

#[test]
fn an_instant_without_bound_is_refused() {
    for type_sql in ["timestamptz", "timestamp", "date", "text"] {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "create table datawarehouse.old (code text, tier text, since {type_sql}, until {type_sql})"
        ));
        for (since, until, column) in [
            ("infinity", "infinity", "since"),
            ("-infinity", "2026-01-05", "since"),
            ("2026-01-01", "-infinity", "until"),
        ] {
            warehouse.execute(&format!(
                "truncate datawarehouse.old;
                 insert into datawarehouse.old values
                     ('a', 'gold', '{since}', '{until}'), ('b', 'tin', '2026-01-01', null);"
            ));
            let arguments = ["--end", "until", "--zone", "Europe/Prague"];
            let run = take_old(&warehouse, &arguments).exits(2);
            assert_told(&run, &["1 row(s)", &format!("\"{column}\""), "infinity"]);
            assert_eq!(history(&warehouse), "");
        }
    }
}

#[test]
fn an_attribute_without_zone_is_of_the_zone() {
    for local in ["timestamp", "text"] {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "alter table datawarehouse.acc add column seen timestamptz, add column born timestamptz;
             create table datawarehouse.old (code text, tier text, seen {local}, born date, since date);
             insert into datawarehouse.old values
                 ('a', 'gold', '2025-10-26 02:30', '2025-07-01', '2026-01-01'),
                 ('b', 'tin', '2025-03-30 02:45', null, '2026-01-01');"
        ));
        let zone = ["--zone", "Europe/Prague"];
        let skipped = take_old(&warehouse, &zone).exits(2);
        assert_told(&skipped, &["1 row(s)", "\"seen\"", "Europe/Prague skips"]);
        warehouse.execute("delete from datawarehouse.old where code = 'b'");

        let run = take_old(&warehouse, &zone).exits(0);

        assert_told(&run, &["1 value(s) are a local time that the zone repeats"]);
        assert_eq!(
            warehouse.query("select seen, born from datawarehouse.acc"),
            "2025-10-26 00:30:00+00 | 2025-06-30 22:00:00+00\n"
        );
        warehouse.run(&["check", "--values"]).exits(0);
    }
}

#[test]
fn a_last_day_ends_where_the_next_begins() {
    let cases = [
        ("date", "2026-03-29", "2026-03-29 22:00:00+00"),
        ("timestamp", "2026-03-28 15:00", "2026-03-28 23:00:00+00"),
        (
            "timestamptz",
            "2026-03-28 23:00+00",
            "2026-03-29 22:00:00+00",
        ),
        (
            "timestamptz",
            "2026-10-24 22:00+00",
            "2026-10-25 23:00:00+00",
        ),
        ("date", "9999-12-31", "9999-12-31 23:00:00+00"),
        ("text", "2026-03-28 23:30Z", "2026-03-29 22:00:00+00"),
        ("text", "2026-03-28 23:30", "2026-03-28 23:00:00+00"),
    ];
    for (until, last, end) in cases {
        let warehouse = accounts();
        warehouse.execute(&format!(
            "create table datawarehouse.old (code text, tier text, since date, until {until});
             insert into datawarehouse.old values ('a', 'gold', '2026-01-01', '{last}');"
        ));
        let arguments = [
            "--end",
            "until",
            "--end-is",
            "last-day",
            "--zone",
            "Europe/Prague",
        ];
        take_old(&warehouse, &arguments).exits(0);
        let ends = "select effective_end_date from datawarehouse.acc";
        assert_eq!(warehouse.query(ends), format!("{end}\n"), "{until} {last}");
    }
}

#[test]
fn overlaps_of_another_table_are_found_by_query() {
    let warehouse = accounts();
    warehouse.execute(
        "create table datawarehouse.old (code text, tier text, since date, until date);
         insert into datawarehouse.old values
             ('a', 'gold', '2026-01-01', '2026-01-05'), ('a', 'tin', '2026-01-04', null),
             ('b', 'tin', '2026-01-04', null);",
    );
    let run = take_old(&warehouse, &["--end", "until"]).exits(2);
    let (_, query) = run.stderr.split_once("This query finds them: ").unwrap();
    let found = warehouse.query(query.trim().trim_end_matches(';'));
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(found.starts_with("a | gold"), "{found}");
}

#[test]
fn a_version_by_hand_between_others_is_named() {
    let warehouse = accounts();
    for (day, tier) in [(1, "gold"), (5, "tin")] {
        warehouse
            .load(
                &format!("acc-2026-01-0{day}.csv"),
                format!("code,tier\na,{tier}\n"),
            )
            .exits(0);
    }
    let key = key_of("a");
    warehouse.execute(&format!(
        "update datawarehouse.acc set effective_end_date = '2026-01-03' where tier = 'gold';
         insert into datawarehouse.acc values
         ('{key}', 'a', 'zinc', '2026-01-03', '2026-01-05', 7, 0, 0)"
    ));
    let file = warehouse.write("acc-2026-01-09.csv", "code,tier\na,iron\n");
    for command in ["plan", "load"] {
        let run = warehouse.run(&[command, file.to_str().unwrap()]).exits(2);
        assert_told(
            &run,
            &[
                "1 key(s) of `acc`",
                "`hayloft check acc`",
                "`hayloft takeover acc`",
            ],
        );
    }
    warehouse.run(&["takeover", "acc", "--yes"]).exits(0);
    warehouse.run(&["load", file.to_str().unwrap()]).exits(0);
}
