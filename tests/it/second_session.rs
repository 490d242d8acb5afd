//! The session that a large load has beside its own.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Instant;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Integer;
use expect_test::expect;
use hayloft::db::second::Lent;
use hayloft::db::{DatabaseUrl, SecondSession};

use crate::support::{PATIENCE, Warehouse};

#[derive(QueryableByName)]
struct Process {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

fn pid(conn: &mut PgConnection) -> i32 {
    let process: Process = sql_query("select pg_backend_pid() as pid")
        .get_result(conn)
        .unwrap();
    process.pid
}

fn begin(warehouse: &Warehouse) -> SecondSession {
    let url: DatabaseUrl = warehouse.url().parse().unwrap();
    SecondSession::begin(&url)
}

/// A load does without it if it is not there very soon; a test waits for it.
fn lend(second: &SecondSession) -> Lent {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match second.lender().lend() {
            Some(lent) => return lent,
            None => assert!(Instant::now() < deadline, "there is no second session"),
        }
    }
}

#[test]
fn it_can_be_borrowed_again_once_it_was_given_back() {
    let warehouse = Warehouse::new();
    let second = begin(&warehouse);
    let mut lent = lend(&second);
    let first = pid(&mut lent.conn);
    lent.give_back();
    let mut again = lend(&second);
    assert_eq!(pid(&mut again.conn), first);
}

#[test]
fn it_is_gone_if_it_was_not_given_back() {
    let warehouse = Warehouse::new();
    let second = begin(&warehouse);
    drop(lend(&second));
    assert!(second.lender().lend().is_none());
}

#[test]
fn there_is_none_where_the_server_takes_no_connection() {
    let url: DatabaseUrl = "postgres://nobody@127.0.0.1:1/none".parse().unwrap();
    assert!(SecondSession::begin(&url).lender().lend().is_none());
}

#[test]
fn it_has_the_server_write_its_log_and_ends_with_its_owner() {
    let warehouse = Warehouse::new();
    let writing = "select count(*) from pg_stat_activity
        where datname = current_database() and query like '%pg_current_xact_id%'
          and application_name = 'hayloft'";
    let second = begin(&warehouse);
    warehouse.wait_until(writing, "1");
    drop(second);
    warehouse.wait_until(writing, "0");
}

/// One a row, the number and the name.
fn people(numbers: impl Iterator<Item = (usize, &'static str)>) -> String {
    let mut text = "email,name,date_of_birth\n".to_owned();
    for (number, name) in numbers {
        writeln!(text, "p{number}@x.org,{name},01/02/1990").unwrap();
    }
    text
}

#[test]
fn a_large_file_changes_what_differs_adds_who_is_new_and_can_be_undone() {
    let warehouse = Warehouse::new();
    let first = people((0..6000).map(|number| (number, "P")));
    warehouse.load("users-1.csv", first).exits(0);
    let other = |number: usize| if number.is_multiple_of(5) { "Q" } else { "P" };
    let second = people((10..6100).rev().map(|number| (number, other(number))));
    let load = warehouse.load("users-2.csv", second).exits(0).only();
    assert_eq!(load["changes"]["inserted"], 100, "{load}");
    assert_eq!(load["changes"]["updated"], 1198, "{load}");
    assert_eq!(load["changes"]["unchanged"], 4792, "{load}");
    let versions = "select name, is_current, count(*), min(version_number), max(version_number)
        from datawarehouse.users group by 1, 2 order by 1, 2";
    assert_eq!(
        warehouse.query(versions),
        "P | f | 1198 | 1 | 1\nP | t | 4882 | 1 | 1\nQ | t | 1218 | 1 | 2\n"
    );
    warehouse.assert_sound();

    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(warehouse.query(versions), "P | t | 6000 | 1 | 1\n");
    warehouse.assert_sound();
}

#[test]
fn a_file_that_changes_nearly_everybody_can_be_undone() {
    let warehouse = Warehouse::new();
    let first = people((0..7000).map(|number| (number, "P")));
    warehouse.load("users-1.csv", first).exits(0);
    let other = |number: usize| if number < 6000 { "Q" } else { "P" };
    let second = people((5..7300).rev().map(|number| (number, other(number))));
    let load = warehouse.load("users-2.csv", second).exits(0).only();
    assert_eq!(load["changes"]["inserted"], 300, "{load}");
    assert_eq!(load["changes"]["updated"], 5995, "{load}");
    assert_eq!(load["changes"]["unchanged"], 1000, "{load}");
    let versions = "select name, is_current, version_number, count(*)
        from datawarehouse.users group by 1, 2, 3 order by 1, 2, 3";
    assert_eq!(
        warehouse.query(versions),
        "P | f | 1 | 5995\nP | t | 1 | 1305\nQ | t | 2 | 5995\n"
    );
    warehouse.assert_sound();

    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(warehouse.query(versions), "P | t | 1 | 7000\n");
    warehouse.assert_sound();
}

/// Has one watch load these files, each of some people under one name. It keeps its statements as they
/// were planned when the table was small: with a wrong index, each row of a later file would read all
/// of it.
#[track_caller]
fn assert_read_by_key(files: &[(Range<usize>, &'static str)], versions: u64) {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    for (number, (some, name)) in files.iter().enumerate() {
        let file = people(some.clone().map(|person| (person, *name)));
        warehouse.drop_file(&format!("users-{number}.csv"), file);
        assert_eq!(watch.next_load()["status"], "loaded");
    }
    assert_eq!(watch.stop(), 0);
    warehouse.wait_until(
        "select n_tup_ins from pg_stat_user_tables where relname = 'users'",
        &versions.to_string(),
    );
    let read = "select idx_tup_read from pg_stat_user_indexes where indexrelname = 'users_open'";
    let read: u64 = warehouse.query(read).trim().parse().unwrap();
    assert!(
        read < 6 * versions,
        "{read} entries were read for {versions}"
    );
}

#[test]
fn a_table_that_grows_by_small_files_is_read_by_key() {
    let files: Vec<_> = (0..40)
        .map(|number| number * 50..number * 50 + 100)
        .zip(["P", "Q"].into_iter().cycle())
        .collect();
    assert_read_by_key(&files, 40 * 100);
}

#[test]
fn a_table_that_grows_by_large_files_is_read_by_key() {
    let files = [
        (0..100, "P"),
        (0..5000, "Q"),
        (0..6000, "R"),
        (0..6000, "S"),
    ];
    assert_read_by_key(&files, 100 + 5000 + 6000 + 6000);
}

#[test]
fn a_large_snapshot_that_would_close_too_much_is_held_and_changes_nothing() {
    let toml = crate::support::HAYLOFT_TOML.replace(
        "durable_key = \"user_id\"",
        "durable_key = \"user_id\"\nmode = \"snapshot\"",
    );
    let warehouse = Warehouse::with_contract(&toml);
    let first = people((0..9000).map(|number| (number, "P")));
    warehouse.load("users-1.csv", first).exits(0);
    let too_few = people((0..5000).map(|number| (number, "Q")));
    warehouse.load("users-2.csv", too_few).exits(2);
    let versions = "select name, count(*) filter (where is_current), count(*)
        from datawarehouse.users group by 1 order by 1";
    assert_eq!(warehouse.query(versions), "P | 9000 | 9000\n");

    let enough = people((0..8000).map(|number| (number, if number < 7 { "Q" } else { "P" })));
    let load = warehouse.load("users-3.csv", enough).exits(0).only();
    assert_eq!(load["changes"]["updated"], 7, "{load}");
    assert_eq!(load["changes"]["closed_by_absence"], 1000, "{load}");
    assert_eq!(warehouse.query(versions), "P | 7993 | 9000\nQ | 7 | 7\n");
    warehouse.assert_sound();
}

/// A table with so many people that some thousand are few beside them, and a second name for some.
fn many() -> Warehouse {
    let warehouse = Warehouse::new();
    let everybody = people((0..100_000).map(|number| (number, "P")));
    warehouse.load("users-1.csv", everybody).exits(0);
    let renamed = people((0..100).map(|number| (number * 1000, "Q")));
    warehouse.load("users-2.csv", renamed).exits(0);
    warehouse
}

/// That the second session is the one that looks up, `tests/crash/ahead.rs` shows.
#[test]
fn a_large_file_that_is_small_beside_its_table_is_looked_up_and_can_be_undone() {
    let warehouse = many();
    // Closed, as it was by an undo or a snapshot.
    warehouse.execute(
        "update datawarehouse.users set effective_end_date = clock_timestamp()
         where effective_end_date is null and name = 'Q' and source_line <= 11",
    );
    let versions = "select name, is_current, version_number, count(*)
        from datawarehouse.users group by 1, 2, 3 order by 1, 2, 3";
    let before = "P | f | 1 | 100\nP | t | 1 | 99900\nQ | f | 2 | 10\nQ | t | 2 | 90\n";
    assert_eq!(warehouse.query(versions), before);

    let known = (0..4500).map(|number| (number * 20, if number % 2 == 0 { "P" } else { "R" }));
    let file = people(known.chain((100_000..100_007).map(|number| (number, "N"))));
    warehouse.write("users-3.csv", &file);
    let plan = warehouse.run(&["plan", "users-3.csv"]).exits(0).stdout;
    assert!(plan.contains("in order, key by key"), "{plan}");
    let load = warehouse.load("users-3.csv", file).exits(0).only();
    let changes = &load["changes"];
    assert_eq!(changes["inserted"], 7, "{load}");
    assert_eq!(changes["reopened"], 10, "{load}");
    assert_eq!(changes["updated"], 2250 + 80, "{load}");
    assert_eq!(changes["unchanged"], 4500 - 2250 - 90, "{load}");
    expect![[r"
        N | t | 1 | 7
        P | f | 1 | 2350
        P | t | 1 | 97650
        P | t | 3 | 90
        Q | f | 2 | 90
        Q | t | 2 | 10
        R | t | 2 | 2250
    "]]
    .assert_eq(&warehouse.query(versions));
    warehouse.assert_sound();

    let id = load["load_id"].to_string();
    warehouse.run(&["undo", &id, "--yes"]).exits(0);
    // No load says that the ten were closed.
    assert_eq!(
        warehouse.query(versions),
        "P | f | 1 | 100\nP | t | 1 | 99900\nQ | t | 2 | 100\n"
    );
    warehouse.assert_sound();
}

#[test]
fn columns_that_such_a_file_does_not_name_keep_their_values() {
    let warehouse = many();
    warehouse.execute("alter table datawarehouse.users alter column date_of_birth drop not null");
    let known = (0..4500).map(|number| format!("p{}@x.org,R\n", number * 20));
    let file = format!("email,name\n{}", known.collect::<String>());
    let load = warehouse.load("users-3.csv", file).exits(0).only();
    assert_eq!(load["changes"]["updated"], 4500, "{load}");
    assert_eq!(
        warehouse.query(
            "select date_of_birth, count(*) from datawarehouse.users
             where name = 'R' and is_current group by 1"
        ),
        "1990-02-01 | 4500\n"
    );
    warehouse.assert_sound();
}

/// Of those whom [`small_beside_its_table`] renames, the last in the order of the keys: by then the
/// second session looks up.
const LAST: &str = "user_id = (
    select user_id from datawarehouse.users
    where load_id = 1 and (source_line - 2) % 20 = 0 and source_line - 2 < 90000
    order by user_id desc limit 1)";

/// The last of those of them who have two versions.
const LAST_OF_TWO: &str = "user_id = (
    select user_id from datawarehouse.users
    where load_id = 2 and source_line - 2 < 90
    order by user_id desc limit 1)";

fn small_beside_its_table() -> String {
    people((0..4500).map(|number| (number * 20, "R")))
}

#[track_caller]
fn assert_refused(warehouse: &Warehouse) {
    let before = warehouse.users();
    let load = warehouse.load("users-3.csv", small_beside_its_table());
    assert!(
        load.stderr.contains("versions that do not fit together"),
        "{}",
        load.stderr
    );
    assert_eq!(warehouse.users(), before);
}

#[test]
fn a_key_is_refused_that_such_a_file_finds_with_a_gap_in_its_numbers() {
    let warehouse = many();
    warehouse.execute(&format!(
        "update datawarehouse.users set version_number = 2 where {LAST}"
    ));
    assert_refused(&warehouse);
}

#[test]
fn a_key_is_refused_that_such_a_file_finds_with_its_numbers_swapped() {
    let warehouse = many();
    warehouse.execute(&format!(
        "update datawarehouse.users set version_number = 3 - version_number where {LAST_OF_TWO}"
    ));
    assert_refused(&warehouse);
}

#[test]
fn a_key_is_refused_that_such_a_file_would_close_before_a_closed_version_ends() {
    let warehouse = many();
    // The table's own constraints would refuse it, too; a contract does not ask for them.
    warehouse.execute(&format!(
        "alter table datawarehouse.users
             drop constraint users_interval, drop constraint users_no_overlap;
         update datawarehouse.users
         set effective_start_date = now() + interval '1 hour' * version_number,
             effective_end_date = effective_end_date + interval '2 hours'
         where {LAST_OF_TWO}"
    ));
    assert_refused(&warehouse);
}

#[test]
fn such_a_file_is_refused_if_a_trigger_changes_a_number() {
    let warehouse = many();
    let last = warehouse.query(&format!(
        "select user_id from datawarehouse.users where {LAST} limit 1"
    ));
    warehouse.execute(&format!(
        "create function renumber() returns trigger language plpgsql
             as 'begin new.version_number := 7; return new; end';
         create trigger renumber before insert on datawarehouse.users
             for each row when (new.user_id = '{}') execute function renumber()",
        last.trim()
    ));
    assert_refused(&warehouse);
}
