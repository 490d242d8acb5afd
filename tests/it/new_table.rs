//! A table of one's own: a migration and a few lines in hayloft.toml, and no line of code.

use crate::support::{Warehouse, shipped_migrations};
use expect_test::expect;

/// A dimension of many types with a key of two parts, and facts about it.
pub(crate) const UP: &str = "
create type datawarehouse.mood as enum ('calm', 'busy', 'It''s \"fine\"');

create table datawarehouse.stations (
    station_key          uuid not null,
    country              text not null,
    number               integer not null,
    title                text,
    height               numeric(8, 3),
    active               boolean,
    opened_at            timestamptz,
    mood                 datawarehouse.mood,
    address              inet,
    service              interval,
    \"Odd Name\"           double precision,
    notes                jsonb,
    effective_start_date timestamptz not null,
    effective_end_date   timestamptz,
    is_current           boolean generated always as (effective_end_date is null) stored,
    version_number       integer not null,
    load_id              bigint not null,
    source_line          bigint not null,
    primary key (station_key, effective_start_date)
);
create unique index on datawarehouse.stations (station_key) where effective_end_date is null;

create table datawarehouse.readings (
    station_key uuid not null,
    taken_on    date not null,
    value       numeric not null,
    address     inet,
    load_id     bigint not null,
    source_line bigint not null,
    primary key (station_key, taken_on)
);
";

const DOWN: &str = "
drop table datawarehouse.readings;
drop table datawarehouse.stations;
drop type datawarehouse.mood;
";

pub(crate) const CONTRACT: &str = concat!(
    include_str!("../../hayloft.toml"),
    r#"
[tables.stations]
key         = ["country", "number"]
durable_key = "station_key"

[tables.stations.columns]
opened_at = { format = "%d.%m.%Y %H:%M", zone = "Europe/Prague" }
title     = { empty_as = "null" }

[tables.readings]
kind       = "fact"
key        = ["station_key", "taken_on"]
references = { station_key = "stations" }
"#
);

const STATIONS: &str = "\
country,number,title,height,active,opened_at,mood,address,service,Odd Name,notes
CZ,1,Petřín,318.5,yes,01.07.1991 10:00,calm,10.0.0.1,1 day 02:00,0.5,\"{\"\"b\"\": 1, \"\"a\"\": [true]}\"
CZ,2,,,,,,,,,
DE,1,\"Fern, \"\"Turm\"\"\",-0.125,false,31.12.1999 23:59,\"It's \"\"fine\"\"\",fe80::1/64,3 mons,-1e300,null
";

const READINGS: &str = "\
country,number,taken_on,value,address
CZ,1,2025-01-01,1.50,10.0.0.9
DE,1,2025-01-01,-2,
PL,7,2025-01-02,3.25,10.0.0.7
";

/// The shipped tables, and these two.
fn observatory() -> Warehouse {
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.write("migrations/2126-01-01-000000_stations/up.sql", UP);
    warehouse.write("migrations/2126-01-01-000000_stations/down.sql", DOWN);
    warehouse
}

const ALL: &str = "
    select country, number, title, height, active, opened_at, mood, address, service, \"Odd Name\",
        notes, version_number
    from datawarehouse.stations order by country, number, version_number";

#[test]
fn every_type_survives_the_way_into_the_table() {
    let warehouse = observatory();
    let run = warehouse.load("stations.csv", STATIONS).exits(0);
    assert!(run.stderr.contains("applied migration"), "{}", run.stderr);
    expect![[r#"
        CZ | 1 | Petřín | 318.500 | t | 1991-07-01 08:00:00+00 | calm | 10.0.0.1 | 1 day 02:00:00 | 0.5 | {"a": [true], "b": 1} | 1
        CZ | 2 | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | 1
        DE | 1 | Fern, "Turm" | -0.125 | f | 1999-12-31 22:59:00+00 | It's "fine" | fe80::1/64 | 3 mons | -1e+300 | null | 1
    "#]]
    .assert_eq(&warehouse.query(ALL));
    warehouse.assert_sound();
}

#[test]
fn another_spelling_of_the_same_values_is_no_change() {
    let warehouse = observatory();
    warehouse.load("stations.csv", STATIONS).exits(0);
    let before = warehouse.query("select ctid, xmin from datawarehouse.stations");
    let respelled = STATIONS
        .replace("318.5,yes", "318.500,TRUE")
        .replace("1 day 02:00,0.5", "1 day 02:00:00,5e-1")
        .replace("fe80::1/64,3 mons", "FE80::1/64,3 months")
        .replace(
            "{\"\"b\"\": 1, \"\"a\"\": [true]}",
            "{\"\"a\"\":[true],\"\"b\"\":1}",
        );
    assert_ne!(respelled, STATIONS);
    let load = warehouse.load("stations-2.csv", respelled).exits(0).only();
    assert_eq!(load["changes"]["unchanged"], 3, "{load}");
    let after = warehouse.query("select ctid, xmin from datawarehouse.stations");
    assert_eq!(before, after);
    warehouse.assert_sound();
}

#[test]
fn a_change_of_any_column_and_to_and_from_null_is_a_version() {
    let warehouse = observatory();
    let header = STATIONS.lines().next().unwrap();
    let empty = "CZ,1,,,,,,,,,";
    let filled = [
        (2, "Petřín"),
        (3, "1.0"),
        (4, "true"),
        (5, "01.07.1991 10:00"),
        (6, "busy"),
        (7, "10.0.0.1"),
        (8, "2 days"),
        (9, "0.25"),
        (10, "{}"),
    ];
    warehouse
        .load("stations.csv", format!("{header}\n{empty}\n"))
        .exits(0);
    let mut version = 1;
    for (column, value) in filled {
        for (step, value) in ["", value, ""].into_iter().enumerate() {
            let mut fields: Vec<&str> = empty.split(',').collect();
            fields[column] = value;
            // A second member, so that no two files have the same bytes.
            let file = format!(
                "{header}\n{}\nXX,{column}{step},,,,,,,,,\n",
                fields.join(",")
            );
            let load = warehouse.load("stations.csv", file).exits(0).only();
            version += u64::from(step > 0);
            assert_eq!(
                load["changes"]["updated"],
                u64::from(step > 0),
                "{column} {step}"
            );
        }
    }
    let versions = warehouse.query("select max(version_number) from datawarehouse.stations");
    assert_eq!(versions.trim(), version.to_string());
    warehouse.assert_sound();
}

#[test]
fn a_key_of_two_parts_is_not_the_key_of_their_concatenation() {
    let warehouse = observatory();
    let load = warehouse
        .load("stations.csv", "country,number\nA1,1\nA,11\nA11,1\nA1,01\n")
        .exits(0)
        .only();
    assert_eq!(load["changes"]["inserted"], 3);
    // `1` and `01` are one number.
    assert_eq!(load["rows"]["duplicates"], 1);
    warehouse.assert_sound();
}

#[test]
fn facts_name_their_member_by_both_parts_and_wait_for_it() {
    let warehouse = observatory();
    let run = warehouse.load("readings.csv", READINGS).exits(0);
    assert_eq!(run.only()["rows"]["held"], 3);
    warehouse.load("stations.csv", STATIONS).exits(0);
    let facts = "
        select country, number, taken_on, value, reading.address, reading.load_id, reading.source_line
        from datawarehouse.readings as reading
        join datawarehouse.stations as station using (station_key)
        where is_current order by 1, 2, 3";
    expect![[r"
        CZ | 1 | 2025-01-01 | 1.5 | 10.0.0.9 | 1 | 2
        DE | 1 | 2025-01-01 | -2 | ∅ | 1 | 3
    "]]
    .assert_eq(&warehouse.query(facts));
    let corrected = READINGS
        .replace("1.50,10.0.0.9", "1.5,10.0.0.10")
        .replace("PL,7", "CZ,2");
    let load = warehouse.load("readings-2.csv", corrected).exits(0).only();
    expect![[r#"{"absent_already":0,"closed":0,"closed_by_absence":0,"corrected":0,"deactivated":0,"filled":0,"inserted":1,"late_unchanged":0,"moved":0,"overwritten":0,"reopened":0,"split":0,"unchanged":1,"updated":1}"#]]
        .assert_eq(&load["changes"].to_string());
    expect![[r"
        CZ | 1 | 2025-01-01 | 1.5 | 10.0.0.10 | 3 | 2
        CZ | 2 | 2025-01-02 | 3.25 | 10.0.0.7 | 3 | 4
        DE | 1 | 2025-01-01 | -2 | ∅ | 1 | 3
    "]]
    .assert_eq(&warehouse.query(facts));
    warehouse.assert_sound();
}

#[test]
fn a_value_that_only_the_server_can_read_is_a_reject_with_line_and_column() {
    let warehouse = observatory();
    let file = "\
address,title,number,country
10.0.0.1,good,1,CZ
10.0.0.256,bad,2,CZ
,none,3,CZ
'); drop table datawarehouse.stations; --,worse,4,CZ
";
    let load = warehouse.load("stations.csv", file).exits(1).only();
    expect![[r#"{"accepted":2,"duplicates":0,"held":0,"read":4,"rejected":2}"#]]
        .assert_eq(&load["rows"].to_string());
    expect![[r"
        3 | 1 | address | bad_type | `address` is not a value of type inet. | 10.0.0.256,bad,2,CZ
        5 | 1 | address | bad_type | `address` is not a value of type inet. | '); drop table datawarehouse.stations; --,worse,4,CZ
    "]]
    .assert_eq(&warehouse.query(
        "select line, column_number, column_name, kind, message, original
         from hayloft.reject order by line",
    ));
    warehouse.assert_sound();
}

#[test]
fn a_file_of_values_that_the_server_cannot_read_is_refused_with_its_lines() {
    let warehouse = observatory();
    let watch = warehouse.watch();
    warehouse.drop_file(
        "stations.csv",
        "country,number,address\nCZ,1,canary-1\nCZ,2,canary-2\n",
    );
    let load = watch.next_load();
    assert_eq!(load["status"], "failed");
    assert_eq!(load["rows"]["rejected"], 2);
    assert_eq!(load["rows"]["accepted"], 0);
    assert_eq!(watch.stop(), 0);
    let report =
        std::fs::read_to_string(warehouse.path("imports/failed/stations.csv.report.txt")).unwrap();
    assert!(
        report.contains("line 2, column 3: `address` is not a value of type inet."),
        "{report}"
    );
    assert!(
        report.contains("line 3, column 3: `address` is not a value of type inet."),
        "{report}"
    );
    assert!(!report.contains("canary"), "{report}");
    warehouse.assert_sound();
}

#[test]
fn an_unknown_label_of_an_enum_is_a_reject() {
    let warehouse = observatory();
    let file = "country,number,mood\nCZ,1,calm\nCZ,2,Calm\n";
    warehouse.load("stations.csv", file).exits(1);
    expect![[r"
        3 | 3 | mood | bad_type
    "]]
    .assert_eq(
        &warehouse.query(
            "select line, column_number, column_name, kind from hayloft.reject order by line",
        ),
    );
    warehouse.assert_sound();
}

#[test]
fn a_migration_of_ones_own_is_run_by_migrate_and_undone_by_reset() {
    let warehouse = observatory();
    let applied = warehouse
        .run(&["migrate", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(applied["applied"].as_array().unwrap().len(), 1, "{applied}");
    warehouse.load("stations.csv", STATIONS).exits(0);
    let reset = warehouse
        .run(&["migrate", "--reset", "--yes", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(
        reset["applied"].as_array().unwrap().len(),
        shipped_migrations() + 1,
        "{reset}"
    );
    assert_eq!(
        warehouse
            .query("select count(*) from datawarehouse.stations")
            .trim(),
        "0"
    );
    warehouse.assert_sound();
}

#[test]
fn without_the_migration_the_table_is_asked_for() {
    let warehouse = Warehouse::with_contract(CONTRACT);
    let run = warehouse.load("stations.csv", STATIONS).exits(2);
    assert!(
        run.stderr.contains("datawarehouse.stations is not in the database. Run `hayloft migrate`, or add a migration that creates it."),
        "{}",
        run.stderr
    );
}
