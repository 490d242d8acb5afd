//! What the role needs that loads.

use uuid::Uuid;

use crate::support::{Run, Warehouse};

const README: &str = include_str!("../../README.md");

/// A role with the rights that the README names, and a warehouse that is used by it.
pub(crate) struct Loader {
    pub(crate) warehouse: Warehouse,
    pub(crate) role: String,
}

impl Loader {
    pub(crate) fn new() -> Self {
        Self::of(Warehouse::new())
    }

    /// A role that loads into these tables.
    pub(crate) fn of(warehouse: Warehouse) -> Self {
        let role = format!("loader_{}", Uuid::now_v7().simple());
        warehouse.execute(&rights().replace("loader", &role));
        let (_, server) = warehouse.url().split_once('@').unwrap();
        let url = format!("postgres://{role}:s3cret@{server}");
        let warehouse = warehouse.env("DATABASE_URL", &url);
        Self { warehouse, role }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        let role = &self.role;
        let drop = format!("drop owned by {role}; drop role {role}");
        self.warehouse.execute(&drop);
    }
}

/// The statements of the README.
fn rights() -> &'static str {
    let (_, rest) = README.split_once("### A role that only loads").unwrap();
    let (_, rest) = rest.split_once("```sql\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn a_role_with_the_rights_of_the_readme_loads_undoes_and_looks() {
    let loader = Loader::new();
    let warehouse = &loader.warehouse;
    let users = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob,Bob,01/02/1990\n";
    warehouse.load("users-1.csv", users).exits(1);
    let renamed = users
        .replace(",Ann,", ",Anna,")
        .replace("bob,", "bob@x.org,");
    warehouse.load("users-2.csv", renamed).exits(0);
    let facts = "id,email,amount,transaction_date\n1,ann@x.org,1.00,01/01/2024\n";
    warehouse.load("transactions.csv", facts).exits(0);
    for command in [
        "plan --again users-1.csv",
        "undo 2 --yes",
        "redo 2 --yes",
        "status",
        "check",
        "why users ann@x.org",
        "rejects list 1",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let run = warehouse.run(&words);
        assert!(run.status <= 1, "{command}: {run:#?}");
    }

    let watch = warehouse.watch();
    warehouse.drop_file("users-3.csv", users.replace(",Ann,", ",Annie,"));
    assert_eq!(watch.next_load()["changes"]["updated"], 1);
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

const USERS: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob,Bob,01/02/1990\n";

/// What looks at a warehouse with one load, and writes nothing.
const LOOKS: [&str; 6] = [
    "status",
    "check",
    "why users ann@x.org",
    "rejects list",
    "rejects list 1",
    "rejects export 1 --output rejected.csv",
];

fn run(warehouse: &Warehouse, command: &str) -> Run {
    warehouse.run(&command.split(' ').collect::<Vec<_>>())
}

#[test]
fn who_may_only_read_is_answered() {
    let loader = Loader::new();
    let (warehouse, role) = (&loader.warehouse, &loader.role);
    warehouse.load("users.csv", USERS).exits(1);
    warehouse.execute(&format!(
        "revoke insert, update, delete on all tables in schema hayloft, datawarehouse from {role};
         revoke all on public.__diesel_schema_migrations from {role};
         revoke temporary on database {database} from public, {role};
         alter role {role} set default_transaction_read_only = on",
        database = warehouse.database(),
    ));
    for command in LOOKS {
        let run = run(warehouse, command);
        assert!(run.status <= 1, "{command}: {run:#?}");
    }
    let run = warehouse.load("users-2.csv", USERS).exits(3);
    assert!(run.stderr.contains("takes no writes"), "{run:#?}");
}

#[test]
fn a_role_that_may_not_migrate_says_who_has_to() {
    let loader = Loader::new();
    let warehouse = &loader.warehouse;
    warehouse.load("users.csv", USERS).exits(1);
    warehouse.execute(
        "delete from public.__diesel_schema_migrations where version = (
             select max(version) from public.__diesel_schema_migrations
         )",
    );
    for command in [
        "check",
        "why users ann@x.org",
        "load users.csv",
        "watch",
        "migrate",
    ] {
        let run = run(warehouse, command).exits(2);
        assert!(
            run.stderr.contains("`hayloft migrate`"),
            "{command}: {run:#?}"
        );
    }
    let status = run(warehouse, "status").exits(2);
    assert!(status.stdout.contains("1 is pending"), "{status:#?}");
}

#[test]
fn a_missing_grant_is_named_and_hides_no_other_table() {
    let loader = Loader::new();
    let (warehouse, role) = (&loader.warehouse, &loader.role);
    warehouse.load("users.csv", USERS).exits(1);
    warehouse.execute(&format!(
        "revoke select on datawarehouse.transactions from {role}"
    ));
    let grant = format!("grant select on datawarehouse.transactions to {role};");

    let status = run(warehouse, "status").exits(2);
    assert!(status.stderr.contains(&grant), "{status:#?}");
    assert!(status.stdout.contains("users.csv"), "{status:#?}");
    let check = run(warehouse, "check").exits(2);
    assert!(check.stderr.contains(&grant), "{check:#?}");
    assert!(check.stdout.contains("sound"), "{check:#?}");
    run(warehouse, "check users").exits(0);
    run(warehouse, "why users ann@x.org").exits(0);
    let why = run(warehouse, "why transactions 1").exits(2);
    assert!(why.stderr.contains(&grant), "{why:#?}");

    warehouse.execute(&format!(
        "grant select on datawarehouse.transactions to {role}; revoke delete on datawarehouse.users from {role}"
    ));
    let undo = run(warehouse, "undo 1 --yes").exits(2);
    assert!(
        undo.stderr.contains("grant select, insert, update, delete"),
        "{undo:#?}"
    );
    warehouse.execute(&format!("revoke usage on schema hayloft from {role}"));
    for command in ["status", "check", "load users.csv", "rejects list"] {
        let run = run(warehouse, command).exits(2);
        let grant = format!("grant usage on schema hayloft to {role};");
        assert!(run.stderr.contains(&grant), "{command}: {run:#?}");
    }
}
