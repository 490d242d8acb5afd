//! What is wrong with one table keeps nothing from the others.

use crate::support::{HAYLOFT_TOML, Warehouse};

const PLACES: &str = "
    create table datawarehouse.places (
        place_id uuid not null, code text not null, title text,
        effective_start_date timestamptz not null, effective_end_date timestamptz,
        version_number int not null, load_id bigint not null, source_line bigint not null,
        primary key (place_id, effective_start_date)
    );
    create unique index on datawarehouse.places (place_id) where effective_end_date is null;";

const CONTRACT: &str = "\n[tables.places]\nkey = [\"code\"]\ndurable_key = \"place_id\"\n";

const FIRST: &str = "code,title\na,A\n";
const SECOND: &str = "code,title\na,B\n";
const USERS: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
const FACTS: &str = "id,email,amount,transaction_date\n1,ann@x.org,1.00,01/01/2025\n";

fn warehouse() -> Warehouse {
    let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}{CONTRACT}"));
    warehouse.execute(PLACES);
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.load("places.csv", FIRST).exits(0);
    warehouse
}

/// Everything that can be done with `places`, and what is said of another table.
fn only_places_works(warehouse: &Warehouse, broken: &str, said: &str) {
    warehouse.load("places-2.csv", SECOND).exits(0);
    warehouse.run(&["why", "places", "a"]).exits(0);
    warehouse.run(&["check", "places"]).exits(0);
    warehouse.run(&["plan", "places.csv", "--again"]).exits(0);
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    let status = warehouse.run(&["status"]).exits(2);
    assert!(status.stderr.contains(said), "{status:#?}");
    assert!(status.stdout.contains("places-2.csv"), "{status:#?}");
    let check = warehouse.run(&["check"]).exits(2);
    assert!(check.stderr.contains(said), "{check:#?}");
    assert!(check.stdout.contains("places"), "{check:#?}");
    for command in [
        vec!["load", "users.csv"],
        vec!["plan", "users.csv"],
        vec!["undo", "1", "--yes"],
        vec!["check", broken],
        vec!["why", broken, "ann@x.org"],
    ] {
        let run = warehouse.run(&command).exits(2);
        assert!(run.stderr.contains(said), "{command:?}: {run:#?}");
    }
}

fn others_load_under_watch(warehouse: &Warehouse, said: &str) {
    let watch = warehouse.start_watch();
    watch.wait_for(said);
    watch.wait_for("watching ");
    warehouse.drop_file("users-9.csv", USERS);
    watch.wait_for("`users-9.csv` is not loaded yet");
    warehouse.drop_file("places-9.csv", "code,title\nz,Z\n");
    assert_eq!(watch.next_load()["table"], "places");
    assert_eq!(watch.stop(), 0);
}

#[test]
fn a_mistake_in_one_section_concerns_its_table() {
    let warehouse = warehouse();
    let toml =
        format!("{HAYLOFT_TOML}{CONTRACT}").replace("[tables.users]", "[tables.users]\nmodus = 1");
    warehouse.write("hayloft.toml", &toml);
    let said = "modus";
    only_places_works(&warehouse, "users", said);
    others_load_under_watch(&warehouse, said);
    warehouse.write("hayloft.toml", format!("{HAYLOFT_TOML}{CONTRACT}"));
    let watch = warehouse.watch();
    assert_eq!(watch.next_load()["file"], "users-9.csv");
}

#[test]
fn a_table_that_lost_a_column_concerns_itself() {
    let warehouse = warehouse();
    warehouse.execute("alter table datawarehouse.users drop column source_line cascade");
    let said = "source_line";
    only_places_works(&warehouse, "users", said);
    others_load_under_watch(&warehouse, said);
}

#[test]
fn a_migration_that_fails_keeps_no_other_table() {
    let warehouse = warehouse();
    warehouse.write(
        "migrations/2126-01-01-000000_odd/up.sql",
        "alter table datawarehouse.nothing add column x int",
    );
    let run = warehouse.load("places-2.csv", SECOND).exits(0);
    assert!(
        run.stderr.contains("2126-01-01-000000_odd was not applied"),
        "{run:#?}"
    );
    warehouse.run(&["why", "places", "a"]).exits(0);
    warehouse.run(&["check"]).exits(0);
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    warehouse.run(&["status"]).exits(2);
    warehouse.run(&["migrate"]).exits(3);
}

#[test]
fn members_of_facts_that_are_not_understood_are_kept() {
    let warehouse = warehouse();
    warehouse.load("transactions.csv", FACTS).exits(0);
    // The facts' own files are refused, and their members are still known.
    let guarded = HAYLOFT_TOML.replace("[tables.transactions]", "[tables.transactions]\nmodus = 1");
    warehouse.write("hayloft.toml", &guarded);
    let undo = warehouse.run(&["undo", "1", "--yes"]).exits(2);
    assert!(undo.stderr.contains("refer to 1 member"), "{undo:#?}");
    warehouse
        .load("users-2.csv", USERS.replace("Ann", "Anna"))
        .exits(0);
    // Which columns refer to the dimension is not known any more.
    warehouse.write("hayloft.toml", format!("{HAYLOFT_TOML}{CONTRACT}"));
    warehouse.execute("alter table datawarehouse.transactions drop column source_line");
    for command in [vec!["load", "users.csv"], vec!["undo", "1", "--yes"]] {
        let run = warehouse.run(&command).exits(2);
        assert!(
            run.stderr.contains("`users` and `transactions`"),
            "{run:#?}"
        );
    }
    warehouse.run(&["why", "users", "ann@x.org"]).exits(0);
    // A table that is not there yet has no facts.
    warehouse.execute("drop table datawarehouse.transactions");
    warehouse
        .load("users-3.csv", USERS.replace("Ann", "Annie"))
        .exits(0);
}
