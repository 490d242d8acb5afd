//! What a crash leaves of a load whose second session looks rows up, and what comes between the two.

use std::process::Command;

use crate::scenario::{Stopped, assert_sound, cut_off, wait_until_empty};
use crate::support::{HAYLOFT_TOML, Warehouse};

const QUICK: &str = "\n[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";

/// So many that some thousand rows are few beside them.
const PEOPLE: usize = 120_000;

/// Whom the file names: one of every 25, and some who are new.
const EVERY: usize = 25;
const KNOWN: usize = PEOPLE / EVERY;
const NEW: usize = 10;

/// Of the known, every third is as before.
const RENAMED: usize = KNOWN / 3 * 2;

fn person(number: usize, name: char) -> String {
    format!("p{number}@x.org,{name},01/02/1990\n")
}

/// A table with people, and a file in the folder that renames some of them and brings a few.
fn warehouse() -> Warehouse {
    let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}{QUICK}"));
    let header = "email,name,date_of_birth\n";
    let people: String = (0..PEOPLE).map(|number| person(number, 'P')).collect();
    warehouse
        .load("users-base.csv", format!("{header}{people}"))
        .exits(0);
    let known = (0..KNOWN).map(|number| person(number * EVERY, ['P', 'Q', 'R'][number % 3]));
    let new = (PEOPLE..PEOPLE + NEW).map(|number| person(number, 'N'));
    let file: String = known.chain(new).collect();
    warehouse.drop_file("users.csv", format!("{header}{file}"));
    warehouse
}

/// Stops it when it has brought in what the second session found first.
fn stop(warehouse: &Warehouse) -> Stopped {
    let mut command = warehouse.command(&["watch", "--format", "json"]);
    Stopped::at("merge::ahead", &mut command)
}

/// Versions, open ones, keys in the manifests, loads.
const STATE: &str = "
    select count(*), count(*) filter (where is_current),
        (select sum(octet_length(keys) / 8) from hayloft.manifest),
        (select count(*) from hayloft.load where status = 'loaded')
    from datawarehouse.users";

fn assert_nothing_happened(warehouse: &Warehouse) {
    assert_eq!(
        warehouse.query(STATE),
        format!("{PEOPLE} | {PEOPLE} | {PEOPLE} | 1\n")
    );
}

#[track_caller]
fn assert_end(warehouse: &Warehouse) {
    let (versions, open) = (PEOPLE + RENAMED + NEW, PEOPLE + NEW);
    let spoken = PEOPLE + KNOWN + NEW;
    assert_eq!(
        warehouse.query(STATE),
        format!("{versions} | {open} | {spoken} | 2\n")
    );
    assert_sound(warehouse);
}

#[test]
fn killed_while_one_session_looks_up_and_the_other_writes() {
    let warehouse = warehouse();
    stop(&warehouse).kill();
    assert_nothing_happened(&warehouse);
    let watch = warehouse.watch();
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    assert_end(&warehouse);
}

#[test]
fn both_sessions_cut_off() {
    let warehouse = warehouse();
    let stopped = stop(&warehouse);
    cut_off(&warehouse);
    let watch = stopped.go_on();
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    assert_end(&warehouse);
}

/// The one that looks up, or that has the log written meanwhile.
const SECOND: &str = "
    from pg_stat_activity
    where datname = current_database() and application_name = 'hayloft'
        and state <> 'idle in transaction' and query <> 'BEGIN'";

#[test]
fn a_load_goes_on_alone_when_its_second_session_is_cut_off() {
    let warehouse = warehouse();
    let stopped = stop(&warehouse);
    warehouse.wait_until(&format!("select count(*) > 0 {SECOND}"), "t");
    warehouse.query(&format!("select pg_terminate_backend(pid, 10000) {SECOND}"));
    let load = stopped.go_on().next_load();
    assert_eq!(load["changes"]["updated"], RENAMED, "{load}");
    assert_eq!(load["changes"]["unchanged"], KNOWN - RENAMED, "{load}");
    assert_eq!(load["changes"]["inserted"], NEW, "{load}");
    // A second attempt would have opened a second load.
    assert_eq!(load["load_id"], 2, "{load}");
    assert_end(&warehouse);
}

#[test]
fn a_load_goes_on_alone_when_its_second_session_stands_still() {
    let warehouse = warehouse();
    let stopped = stop(&warehouse);
    let standing = StandsStill::second(&warehouse);
    let load = stopped.go_on().next_load();
    drop(standing);
    assert_eq!(load["changes"]["updated"], RENAMED, "{load}");
    assert_eq!(load["load_id"], 2, "{load}");
    assert_end(&warehouse);
}

/// A process of the server that stands still until this is dropped: nobody could drop a database
/// meanwhile.
struct StandsStill(String);

impl StandsStill {
    fn second(warehouse: &Warehouse) -> Self {
        let process = warehouse.query(&format!("select pid {SECOND}"));
        let standing = Self(process.trim().to_owned());
        assert!(standing.signal("STOP"), "{process:?} takes no signal");
        standing
    }

    fn signal(&self, name: &str) -> bool {
        let sent = Command::new("kill").args(["-s", name, &self.0]).status();
        sent.is_ok_and(|status| status.success())
    }
}

impl Drop for StandsStill {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

/// Of those whom the file renames, the last in the order of the keys.
const LAST: &str = "user_id = (
    select user_id from datawarehouse.users where load_id = 1 and (source_line - 2) % 75 = 25
    order by user_id desc limit 1)";

/// A file that names everybody in its table, but for a few: it is compared with the whole table, and
/// what differs is looked up when it has been.
fn snapshot() -> Warehouse {
    let toml = HAYLOFT_TOML.replace(
        "durable_key = \"user_id\"",
        "durable_key = \"user_id\"\nmode = \"snapshot\"",
    );
    let warehouse = Warehouse::with_contract(&format!("{toml}{QUICK}"));
    let header = "email,name,date_of_birth\n";
    let people: String = (0..KNOWN + GONE)
        .map(|number| person(number, 'P'))
        .collect();
    warehouse
        .load("users-base.csv", format!("{header}{people}"))
        .exits(0);
    let file: String = (0..KNOWN)
        .map(|number| person(number, ['P', 'Q', 'R'][number % 3]))
        .collect();
    warehouse.drop_file("users.csv", format!("{header}{file}"));
    warehouse
}

/// Whom a snapshot does not name.
const GONE: usize = 5;

#[test]
fn killed_while_what_differs_of_a_table_is_looked_up() {
    let warehouse = snapshot();
    stop(&warehouse).kill();
    let all = KNOWN + GONE;
    assert_eq!(
        warehouse.query(STATE),
        format!("{all} | {all} | {all} | 1\n")
    );
    let watch = warehouse.watch();
    wait_until_empty(&warehouse);
    assert_eq!(watch.stop(), 0);
    let (versions, spoken) = (all + RENAMED, all + KNOWN);
    assert_eq!(
        warehouse.query(STATE),
        format!("{versions} | {KNOWN} | {spoken} | 2\n")
    );
    assert_sound(&warehouse);
}

#[test]
fn a_snapshot_goes_on_alone_when_its_second_session_is_cut_off() {
    let warehouse = snapshot();
    let stopped = stop(&warehouse);
    warehouse.wait_until(&format!("select count(*) > 0 {SECOND}"), "t");
    warehouse.query(&format!("select pg_terminate_backend(pid, 10000) {SECOND}"));
    let load = stopped.go_on().next_load();
    assert_snapshot_loaded(&warehouse, &load);
}

#[test]
fn a_snapshot_goes_on_alone_when_its_second_session_stands_still() {
    let warehouse = snapshot();
    let stopped = stop(&warehouse);
    let standing = StandsStill::second(&warehouse);
    let load = stopped.go_on().next_load();
    drop(standing);
    assert_snapshot_loaded(&warehouse, &load);
}

#[track_caller]
fn assert_snapshot_loaded(warehouse: &Warehouse, load: &serde_json::Value) {
    assert_eq!(load["changes"]["updated"], RENAMED, "{load}");
    assert_eq!(load["changes"]["unchanged"], KNOWN - RENAMED, "{load}");
    assert_eq!(load["changes"]["closed_by_absence"], GONE, "{load}");
    // A second attempt would have opened a second load.
    assert_eq!(load["load_id"], 2, "{load}");
    assert_sound(warehouse);
}

#[test]
fn a_version_that_somebody_closes_when_it_was_compared_stays_closed() {
    let warehouse = snapshot();
    let stopped = stop(&warehouse);
    let last = format!(
        "user_id = (
             select user_id from datawarehouse.users
             where load_id = 1 and source_line % 3 = 0 and source_line < {KNOWN}
             order by user_id desc limit 1)"
    );
    warehouse.execute(&format!(
        "update datawarehouse.users set effective_end_date = clock_timestamp() where {last}"
    ));
    let closed = format!(
        "select effective_end_date from datawarehouse.users where version_number = 1 and {last}"
    );
    let before = warehouse.query(&closed);
    let load = stopped.go_on().next_load();
    assert_eq!(load["changes"]["updated"], RENAMED - 1, "{load}");
    assert_eq!(load["changes"]["reopened"], 1, "{load}");
    assert_eq!(load["changes"]["closed_by_absence"], GONE, "{load}");
    assert_eq!(warehouse.query(&closed), before);
    assert_sound(&warehouse);
}

/// What was looked up says that there is a version to be closed.
#[test]
fn a_version_that_somebody_takes_away_meanwhile_is_not_taken_for_there() {
    let warehouse = warehouse();
    let stopped = stop(&warehouse);
    warehouse.execute(&format!("delete from datawarehouse.users where {LAST}"));
    let load = stopped.go_on().next_load();
    assert_eq!(load["changes"]["updated"], RENAMED - 1, "{load}");
    assert_eq!(load["changes"]["inserted"], NEW + 1, "{load}");
    assert_unbroken(&warehouse);
}

#[track_caller]
fn assert_unbroken(warehouse: &Warehouse) {
    assert_eq!(
        warehouse.query(
            "select count(*) from (
                 select user_id from datawarehouse.users group by user_id
                 having count(*) <> max(version_number) or count(*) filter (where is_current) <> 1
             ) as broken"
        ),
        "0\n"
    );
}

#[test]
fn a_version_that_somebody_closes_meanwhile_stays_closed_when_it_was() {
    let warehouse = warehouse();
    let stopped = stop(&warehouse);
    warehouse.execute(&format!(
        "update datawarehouse.users set effective_end_date = clock_timestamp() where {LAST}"
    ));
    let closed = format!(
        "select effective_end_date from datawarehouse.users where version_number = 1 and {LAST}"
    );
    let before = warehouse.query(&closed);
    let load = stopped.go_on().next_load();
    assert_eq!(load["changes"]["updated"], RENAMED - 1, "{load}");
    assert_eq!(load["changes"]["reopened"], 1, "{load}");
    assert_eq!(warehouse.query(&closed), before);
    assert_sound(&warehouse);
}

/// What was looked up says which number the next version gets.
#[test]
fn a_version_that_somebody_numbers_anew_meanwhile_is_followed_by_the_next_number() {
    let warehouse = warehouse();
    let stopped = stop(&warehouse);
    warehouse.execute(&format!(
        "with older as (
             update datawarehouse.users set version_number = 2 where {LAST} returning *
         )
         insert into datawarehouse.users
             (user_id, name, email, date_of_birth, effective_start_date, effective_end_date,
                 version_number, load_id, source_line)
         select user_id, 'O', email, date_of_birth, effective_start_date - interval '1 hour',
             effective_start_date, 1, load_id, source_line
         from older"
    ));
    let load = stopped.go_on().next_load();
    assert_eq!(load["changes"]["updated"], RENAMED, "{load}");
    assert_eq!(
        warehouse.query(
            "select string_agg(version_number::text, ' ' order by effective_start_date)
             from datawarehouse.users
             where user_id in (select user_id from datawarehouse.users where name = 'O')"
        ),
        "1 2 3\n"
    );
    assert_unbroken(&warehouse);
}
