//! What the role needs that loads.

use uuid::Uuid;

use crate::support::Warehouse;

const README: &str = include_str!("../../README.md");

/// A role with the rights that the README names, and a warehouse that is used by it.
struct Loader {
    warehouse: Warehouse,
    role: String,
}

impl Loader {
    fn new() -> Self {
        let warehouse = Warehouse::new();
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
