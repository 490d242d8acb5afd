//! Policies that hide rows from the role that loads.

use crate::rights::Loader;
use crate::support::{HAYLOFT_TOML, Warehouse};

const USERS: &str =
    "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,01/02/1990\n";
const OTHERS: &str = "email,name,date_of_birth\ncid@x.org,Cid,01/02/1990\n";

/// A second dimension, which refers to nothing.
const PLACES: &str = "
    create table datawarehouse.places (
        place_id uuid not null, code text not null, title text,
        effective_start_date timestamptz not null, effective_end_date timestamptz,
        version_number int not null, load_id bigint not null, source_line bigint not null,
        primary key (place_id, effective_start_date)
    );
    create unique index on datawarehouse.places (place_id) where effective_end_date is null;";

fn loader() -> Loader {
    let toml =
        format!("{HAYLOFT_TOML}\n[tables.places]\nkey = [\"code\"]\ndurable_key = \"place_id\"\n")
            .replace("[tables.users]", "[tables.users]\nmode = \"snapshot\"");
    let warehouse = Warehouse::with_contract(&toml);
    warehouse.execute(PLACES);
    Loader::of(warehouse)
}

const HIDE: &str = "alter table datawarehouse.users enable row level security;
    create policy only_ann on datawarehouse.users using (name = 'Ann') with check (true)";

#[test]
fn a_policy_that_hides_rows_refuses_its_table_alone() {
    let loader = loader();
    let (warehouse, role) = (&loader.warehouse, &loader.role);
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.execute(HIDE);
    for command in [
        "load users.csv",
        "check",
        "check users",
        "why users ann@x.org",
        "undo 1 --yes",
        "status",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let run = warehouse.run(&words).exits(2);
        assert!(
            run.stderr.contains("(policy only_ann)"),
            "{command}: {run:#?}"
        );
        assert!(
            run.stderr.contains(&format!("alter role {role} bypassrls")),
            "{command}: {run:#?}"
        );
    }
    warehouse.load("places.csv", "code,title\na,A\n").exits(0);
    warehouse.run(&["why", "places", "a"]).exits(0);

    warehouse.execute(&format!("alter role {role} bypassrls"));
    warehouse.load("users-2.csv", OTHERS).exits(0);
    assert_eq!(
        warehouse
            .query("select count(*) from datawarehouse.users where effective_end_date is null"),
        "1\n"
    );
}

#[test]
fn a_policy_that_is_forced_on_the_owner_counts() {
    let loader = loader();
    let (warehouse, role) = (&loader.warehouse, &loader.role);
    warehouse.execute(&format!(
        "{HIDE}; grant create on schema datawarehouse to {role}; alter table datawarehouse.users owner to {role}"
    ));
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.execute("alter table datawarehouse.users force row level security");
    let run = warehouse.load("users-2.csv", OTHERS).exits(2);
    assert!(
        run.stderr.contains("no force row level security"),
        "{run:#?}"
    );
}

#[test]
fn a_ledger_of_which_rows_are_hidden_is_refused() {
    let loader = loader();
    let warehouse = &loader.warehouse;
    warehouse.load("users.csv", USERS).exits(0);
    warehouse.execute("alter table hayloft.load enable row level security");
    for command in ["load users.csv", "check", "rejects list", "status"] {
        let words: Vec<&str> = command.split(' ').collect();
        let run = warehouse.run(&words).exits(2);
        assert!(
            run.stderr.contains("hides rows of hayloft.load"),
            "{command}: {run:#?}"
        );
    }
}

#[test]
fn a_policy_that_comes_while_watching_closes_nothing() {
    let loader = loader();
    let warehouse = &loader.warehouse;
    warehouse.load("users.csv", USERS).exits(0);
    let watch = warehouse.watch();
    warehouse.execute(&HIDE.replace("name = 'Ann'", "name <> 'Bob'"));
    warehouse.drop_file("users-2.csv", OTHERS);
    watch.wait_for("`users-2.csv` is not loaded yet");
    warehouse.drop_file("places.csv", "code,title\na,A\n");
    assert_eq!(watch.next_load()["table"], "places");
    assert_eq!(
        warehouse
            .query("select count(*) from datawarehouse.users where effective_end_date is null"),
        "2\n"
    );
    assert_eq!(watch.stop(), 0);
}
