//! Rows that go with the statement that brings them in, as arrays; and statements that a session
//! keeps. Diesel does not promise what either is built on.

use std::fmt::Write as _;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use expect_test::expect;
use hayloft::db::Prepare as _;
use hayloft::db::array::{ArrayOfElements, Elements};
use hayloft::wire;

use crate::support::{HAYLOFT_TOML, Warehouse};

/// A dimension with a column of each type that Hayloft reads itself.
const GAUGES: &str = "
create type datawarehouse.mood as enum ('calm', 'It''s \"busy\"');
create table datawarehouse.gauges (
    gauge_key            uuid not null,
    number               integer not null,
    small                smallint,
    big                  bigint,
    exact                numeric,
    money                numeric(12, 2),
    rough                real,
    fine                 double precision,
    active               boolean,
    day                  date,
    local                timestamp,
    instant              timestamptz,
    other                uuid,
    label                varchar(12),
    code                 char(4),
    mood                 datawarehouse.mood,
    said                 json,
    noted                jsonb,
    effective_start_date timestamptz not null,
    effective_end_date   timestamptz,
    is_current           boolean generated always as (effective_end_date is null) stored,
    version_number       integer not null,
    load_id              bigint not null,
    source_line          bigint not null,
    primary key (gauge_key, effective_start_date)
);
create unique index on datawarehouse.gauges (gauge_key) where effective_end_date is null;";

const HEADER: &str = "number,small,big,exact,money,rough,fine,active,day,local,instant,other,label,\
                      code,mood,said,noted\n";

fn gauges() -> Warehouse {
    let warehouse = Warehouse::with_contract(&format!(
        "{HAYLOFT_TOML}\n[tables.gauges]\nkey = [\"number\"]\ndurable_key = \"gauge_key\"\n\
         columns = {{ label = {{ empty_as = \"null\" }}, code = {{ empty_as = \"null\" }} }}\n"
    ));
    warehouse.execute(GAUGES);
    warehouse
}

const OPEN: &str = "
    select number, version_number, small, big, exact, money, rough, fine, active, day, local,
        instant at time zone 'UTC', other, label, code, mood, said, noted
    from datawarehouse.gauges where effective_end_date is null order by number";

#[test]
fn a_value_of_every_type_changes_to_what_the_file_says() {
    let warehouse = gauges();
    let empty = format!("{HEADER}1,,,,,,,,,,,,,,,,\n2,,,,,,,,,,,,,,,,\n");
    warehouse.load("gauges.csv", empty).exits(0);
    let values = format!(
        "{HEADER}\
         1,-32768,9223372036854775807,-0.000000123450000,1234567890.10,1.5,-2.5e-300,true,\
         2024-02-29,1999-12-31T23:59:59.999999,2024-06-30T12:00:00+02:00,\
         0b5cf0b8-4cd3-4f0e-8a1b-0d7f0e5e3f11,\"a, \"\"b\"\"\",ab,\"It's \"\"busy\"\"\",\
         \"{{\"\"a\"\": 1}}\",\"{{\"\"b\"\": [2]}}\"\n\
         2,,,,,,,,,,,,,,,,\n"
    );
    let load = warehouse.load("gauges-2.csv", &values).exits(0).only();
    assert_eq!(load["changes"]["updated"], 1, "{load}");
    assert_eq!(load["changes"]["unchanged"], 1, "{load}");
    expect![[r#"
        1 | 2 | -32768 | 9223372036854775807 | -0.00000012345 | 1234567890.10 | 1.5 | -2.5e-300 | t | 2024-02-29 | 1999-12-31 23:59:59.999999 | 2024-06-30 10:00:00 | 0b5cf0b8-4cd3-4f0e-8a1b-0d7f0e5e3f11 | a, "b" | ab   | It's "busy" | {"a": 1} | {"b": [2]}
        2 | 1 | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅
    "#]].assert_eq(&warehouse.query(OPEN));

    let again = warehouse
        .load("gauges-3.csv", values + "\n")
        .exits(0)
        .only();
    assert_eq!(again["changes"]["unchanged"], 2, "{again}");
}

#[test]
fn a_file_of_more_rows_than_go_with_one_statement_is_brought_in_whole() {
    const ROWS: usize = 20_000;
    let people = |name: &str, from: usize| {
        let mut file = "email,name,date_of_birth\n".to_owned();
        for person in from..from + ROWS {
            let _ = writeln!(file, "p{person}@x.org,{name},01/02/1990");
        }
        file
    };
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", people("Ann", 0)).exits(0);
    let load = warehouse
        .load("users-2.csv", people("Anna", 5_000))
        .exits(0);
    let changes = &load.only()["changes"];
    assert_eq!(changes["updated"], 15_000);
    assert_eq!(changes["inserted"], 5_000);
    assert_eq!(changes["unchanged"], 0);
    expect![[r"
        1 | Ann | f | 15000
        1 | Ann | t | 5000
        1 | Anna | t | 5000
        2 | Anna | t | 15000
    "]]
    .assert_eq(&warehouse.query(
        "select version_number, name, is_current, count(*) from datawarehouse.users
         group by 1, 2, 3 order by 1, 2, 3",
    ));
    warehouse.assert_sound();
}

/// As it was closed by an earlier load, so far as the next one can tell.
const CLOSE_THE_SECOND: &str = "
    update datawarehouse.gauges set effective_end_date = clock_timestamp() where number = 2";

#[test]
fn a_key_that_comes_back_opens_a_version_whatever_the_last_one_said() {
    let warehouse = gauges();
    let mut everybody = "number,small,label\n".to_owned();
    for number in 1..=100 {
        let _ = writeln!(everybody, "{number},7,as before");
    }
    warehouse.load("gauges.csv", everybody).exits(0);
    warehouse.execute(CLOSE_THE_SECOND);

    // `label` is silent: what held before the gap does not hold after it.
    let file = "number,small\n1,7\n2,7\n3,8\n101,7\n";
    warehouse.write("gauges-2.csv", file);
    let plan = warehouse.run(&["plan", "gauges-2.csv"]).exits(0).stdout;
    assert!(plan.contains("in order, key by key"), "{plan}");
    let load = warehouse.load("gauges-2.csv", file).exits(0).only();
    let changes = &load["changes"];
    assert_eq!(changes["unchanged"], 1, "{load}");
    assert_eq!(changes["reopened"], 1, "{load}");
    assert_eq!(changes["updated"], 1, "{load}");
    assert_eq!(changes["inserted"], 1, "{load}");
    expect![[r"
        1 | 1 | t | 7 | as before
        2 | 1 | f | 7 | as before
        2 | 2 | t | 7 | ∅
        3 | 1 | f | 7 | as before
        3 | 2 | t | 8 | as before
        101 | 1 | t | 7 | ∅
    "]]
    .assert_eq(&warehouse.query(
        "select number, version_number, is_current, small, label from datawarehouse.gauges
         where number in (1, 2, 3, 101) order by 1, 2",
    ));
}

#[test]
fn a_key_whose_current_version_starts_before_a_closed_one_is_refused() {
    let warehouse = gauges();
    let file = |value: i32| {
        let mut file = "number,small\n".to_owned();
        for number in 1..=100 {
            let value = if number == 2 { value } else { 0 };
            let _ = writeln!(file, "{number},{value}");
        }
        file
    };
    warehouse.load("gauges.csv", file(1)).exits(0);
    warehouse.load("gauges-2.csv", file(2)).exits(0);
    warehouse.execute(
        "update datawarehouse.gauges set effective_start_date = '2001-01-01'
         where number = 2 and effective_end_date is null",
    );
    let before = warehouse.query(OPEN);
    let load = warehouse
        .load("gauges-3.csv", "number,small\n2,3\n")
        .exits(2);
    assert!(
        load.stderr.contains("versions that do not fit together"),
        "{}",
        load.stderr
    );
    assert_eq!(warehouse.query(OPEN), before);
}

#[test]
fn a_key_that_comes_back_before_its_last_version_ended_is_refused() {
    let warehouse = gauges();
    warehouse
        .load("gauges.csv", "number,small\n1,1\n2,2\n")
        .exits(0);
    warehouse.execute(
        "update datawarehouse.gauges set effective_end_date = now() + interval '1 hour'
         where number = 2",
    );
    let before = warehouse.query(OPEN);
    let load = warehouse
        .load("gauges-2.csv", "number,small\n2,3\n")
        .exits(2);
    assert!(
        load.stderr.contains("versions that do not fit together"),
        "{}",
        load.stderr
    );
    assert_eq!(warehouse.query(OPEN), before);
}

#[test]
fn a_version_that_always_held_is_closed_like_any_other() {
    let warehouse = gauges();
    warehouse
        .load("gauges.csv", "number,small\n1,1\n2,2\n")
        .exits(0);
    warehouse.execute(
        "update datawarehouse.gauges set effective_start_date = '-infinity' where number = 2",
    );
    let load = warehouse
        .load("gauges-2.csv", "number,small\n1,7\n2,7\n")
        .exits(0)
        .only();
    assert_eq!(load["changes"]["updated"], 2, "{load}");
}

#[test]
fn a_file_that_does_not_fit_into_memory_is_compared_side_by_side() {
    const ROWS: usize = 20_000;
    let toml = HAYLOFT_TOML.replace(
        "durable_key = \"user_id\"",
        "durable_key = \"user_id\"\nmode = \"snapshot\"\nguards = { max_close_fraction = 0.2 }",
    );
    let warehouse =
        Warehouse::with_contract(&format!("{toml}\n[limits]\nmemory_bytes = 1_000_000\n"));
    let people = |changed: usize, gone: usize| {
        let mut file = "email,name,date_of_birth\n".to_owned();
        for person in gone..ROWS {
            let name = if person % changed == 0 { "Anna" } else { "Ann" };
            let _ = writeln!(file, "p{person}@x.org,{name},01/02/1990");
        }
        file
    };
    let everybody = people(usize::MAX, 0);
    warehouse.load("users.csv", &everybody).exits(0);
    warehouse.write("users-2.csv", people(7, 100) + "new@x.org,New,01/02/1990\n");
    let plan = warehouse.run(&["plan", "users-2.csv"]).exits(0);
    assert!(
        plan.stdout.contains("compared with the whole table"),
        "{}",
        plan.stdout
    );
    let load = warehouse
        .run(&["load", "--format", "json", "users-2.csv"])
        .exits(0)
        .only();
    let changes = &load["changes"];
    let renamed = (100..ROWS).filter(|person| person % 7 == 0).count();
    assert_eq!(changes["updated"], renamed);
    assert_eq!(changes["inserted"], 1);
    assert_eq!(changes["closed_by_absence"], 100);
    assert_eq!(changes["unchanged"], ROWS - 100 - renamed);
    warehouse.assert_sound();
}

#[test]
fn rows_of_great_length_go_a_few_at_a_time() {
    let warehouse = Warehouse::new();
    let people = |first: char| {
        let name = first.to_string().repeat(900_000);
        let row = |person: usize| format!("p{person}@x.org,{name},01/02/1990\n");
        let rows: String = (0..20).map(row).collect();
        format!("email,name,date_of_birth\n{rows}")
    };
    warehouse.load("users.csv", people('a')).exits(0);
    let load = warehouse.load("users-2.csv", people('b')).exits(0).only();
    assert_eq!(load["changes"]["updated"], 20);
    warehouse.assert_sound();
}

#[test]
fn a_session_goes_on_when_the_table_changes_between_two_loads() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    let load = |file: &str, name: &str| {
        let text = format!("email,name,date_of_birth\nann@x.org,{name},01/02/1990\n");
        warehouse.drop_file(file, text);
        watch.next_load()
    };
    // More often than the server plans anew.
    for number in 0..8 {
        assert_eq!(
            load("users.csv", &format!("Ann {number}"))["status"],
            "loaded"
        );
    }
    warehouse.execute("alter table datawarehouse.users add column phone text");
    assert_eq!(load("users.csv", "Anna")["status"], "loaded");
    warehouse.execute(
        "drop view datawarehouse.users_current, datawarehouse.users_history, datawarehouse.users_changes cascade;
         drop function if exists datawarehouse.users_asof;
         alter table datawarehouse.users alter column name type varchar(40)",
    );
    let changed = load("users.csv", "Anne");
    assert_eq!(changed["changes"]["updated"], 1, "{changed}");
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn a_file_is_not_refused_for_what_its_table_was_like_some_time_ago() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    warehouse.execute("alter table datawarehouse.users add column phone varchar(3)");
    let file = "email,name,date_of_birth,phone\nann@x.org,Ann,01/02/1990,555\n";
    warehouse.drop_file("users.csv", file);
    assert_eq!(watch.next_load()["status"], "loaded");
    warehouse.execute("alter table datawarehouse.users alter column phone type varchar(9)");
    warehouse.drop_file("users-2.csv", file.replace("555", "555 4444"));
    assert_eq!(watch.next_load()["status"], "loaded");
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn an_array_arrives_element_by_element_and_null_is_none_of_them() {
    #[derive(QueryableByName)]
    struct Joined {
        #[diesel(sql_type = Text)]
        joined: String,
    }
    const INT4: u32 = 23;
    let warehouse = Warehouse::new();
    let mut numbers = Elements::of(INT4);
    assert!(numbers.is_empty());
    numbers.push(|out| wire::put_int4(out, -7));
    numbers.push(wire::put_null);
    numbers.push(|out| wire::put_int4(out, 12));
    let row: Joined = sql_query("select array_to_string($1::integer[], ',', 'null') as joined")
        .bind::<ArrayOfElements, _>(&numbers)
        .get_result(&mut warehouse.connection())
        .unwrap();
    assert_eq!(row.joined, "-7,null,12");
}

#[test]
fn a_prepared_statement_is_kept_and_others_are_not() {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let warehouse = Warehouse::new();
    let mut conn = warehouse.connection();
    for _ in 0..3 {
        sql_query("set local work_mem = '1MB'")
            .prepared()
            .run(&mut conn)
            .unwrap();
        let _: Count = sql_query("select 7::bigint as count")
            .prepared()
            .get_result(&mut conn)
            .unwrap();
        sql_query("select 8").execute(&mut conn).unwrap();
    }
    let kept: Count = sql_query(
        "select count(*) as count from pg_prepared_statements
         where statement in ('set local work_mem = ''1MB''', 'select 7::bigint as count', 'select 8')",
    )
    .get_result(&mut conn)
    .unwrap();
    assert_eq!(kept.count, 2);
}
