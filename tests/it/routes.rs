//! Which table a file goes to, and which of the files that are there come first.

use crate::support::{HAYLOFT_TOML, Warehouse};

const USERS: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";

/// A second table, whose name begins like that of the first.
fn two_tables() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.run(&["migrate"]).exits(0);
    warehouse.execute(
        "create table datawarehouse.\"users-eu\" (like datawarehouse.users including all)",
    );
    let toml = format!(
        "{HAYLOFT_TOML}\n[tables.users-eu]\nkey = [\"email\"]\ndurable_key = \"user_id\"\n\
         [tables.users-eu.columns]\ndate_of_birth = {{ format = \"%d/%m/%Y\" }}\n"
    );
    warehouse.write("hayloft.toml", toml);
    warehouse
}

#[test]
fn of_two_tables_that_fit_the_longer_name_wins() {
    let warehouse = two_tables();
    for (file, table) in [
        ("users-eu.csv", "users-eu"),
        ("users-eu-1.csv", "users-eu"),
        ("users-eur.csv", "users"),
        ("users-e.csv", "users"),
    ] {
        let loaded = warehouse.load(file, USERS);
        assert!(loaded.status == 0, "{file}: {loaded:#?}");
        let last = "select table_name from hayloft.load order by load_id desc limit 1";
        assert_eq!(warehouse.query(last), format!("{table}\n"), "{file}");
    }
}

#[test]
fn files_that_are_there_load_members_before_their_facts() {
    let warehouse = Warehouse::new();
    let sales = "id,email,amount,transaction_date\n1,ann@x.org,2.50,01/02/2026\n";
    warehouse.drop_file("transactions.csv", sales);
    warehouse.drop_file("users.csv", USERS);
    let watch = warehouse.watch();
    let loaded = [watch.next_load(), watch.next_load()];
    assert_eq!(watch.stop(), 0);
    assert_eq!(loaded[0]["table"], "users");
    assert_eq!(loaded[1]["table"], "transactions");
    assert_eq!(loaded[1]["rows"]["held"], 0);
}
