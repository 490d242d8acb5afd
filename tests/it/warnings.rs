//! What is loaded as it stands, and is odd: a warning in the rejects says so.

use serde_json::Value;

use crate::support::{HAYLOFT_TOML, Warehouse};

const H: &str = "email,name,date_of_birth\n";

fn users() -> Warehouse {
    Warehouse::with_contract(HAYLOFT_TOML)
}

/// Loads a file of users, of which all rows count, and gives the warnings.
fn warnings(warehouse: &Warehouse, file: &str, rows: &str) -> Vec<Value> {
    let name = format!("users-{file}.csv");
    let load = warehouse.load(&name, format!("{H}{rows}"));
    let load = load.exits(0).only();
    assert_eq!(load["rows"]["rejected"], 0, "{load}");
    let number = load["load_id"].to_string();
    let list = warehouse.run(&["rejects", "list", &number, "--format", "json"]);
    list.exits(0).json()
}

#[test]
fn a_value_that_swallowed_rows_is_told_of() {
    use std::fmt::Write as _;
    let warehouse = users();
    let mut rows = String::from("a@x.org,\"Ann,01/02/1990\n");
    for number in 0..9 {
        let _ = writeln!(rows, "p{number}@x.org,P{number},01/02/1990");
    }
    rows.push_str("z@x.org,Zed\",01/02/1990\nb@x.org,Bob,01/02/1990\n");
    let told = warnings(&warehouse, "1", &rows);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["kind"], "swallowed_rows");
    assert_eq!(told[0]["severity"], "warning");
    assert_eq!(told[0]["line"], 2);
    assert_eq!(told[0]["column"], "name");
    let message = told[0]["message"].as_str().unwrap();
    assert!(
        message.contains("lines 2 to 12, and 11 of these"),
        "{message}"
    );
    let names = warehouse.query("select count(*) from datawarehouse.users");
    assert_eq!(names, "2\n");
}

#[test]
fn an_address_of_several_lines_is_no_swallowed_row() {
    let rows = "a@x.org,\"Ann\n12 Main St, Springfield\nUSA\",01/02/1990\n";
    assert!(warnings(&users(), "1", rows).is_empty());
}

#[test]
fn a_column_in_apostrophes_is_told_of_once() {
    let warehouse = users();
    let rows = "a@x.org,'Ann',01/02/1990\nb@x.org,'Bob',01/02/1990\n";
    let told = warnings(&warehouse, "1", rows);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["kind"], "other_quotes");
    assert_eq!(told[0]["column"], "name");
    assert_eq!(told[0]["line"], 2);
    let rows =
        "a@x.org,'Ann',01/02/1990\nb@x.org,Bob O'Neil,01/02/1990\nc@x.org,'t Hart,01/02/1990\n";
    assert!(warnings(&warehouse, "2", rows).is_empty());
}

#[test]
fn nine_of_ten_values_are_nearly_all() {
    use std::fmt::Write as _;
    let warehouse = users();
    for (plain, told) in [(9, 1), (10, 1), (11, 0)] {
        let mut rows = String::new();
        for number in 0..100 {
            let quote = if number < plain { "" } else { "'" };
            let _ = writeln!(rows, "p{number}@x.org,{quote}P{quote},01/02/1990");
        }
        let found = warnings(&warehouse, &plain.to_string(), &rows).len();
        assert_eq!(found, told, "{plain} of 100 are plain");
        warehouse.execute("truncate datawarehouse.users");
    }
}

#[test]
fn a_text_in_another_encoding_is_told_of() {
    let warehouse = users();
    for (file, name, encoding) in [
        ("qp", "J=C3=BCrgen", "quoted-printable"),
        ("html", "J&uuml;rgen", "HTML entities"),
        ("utf7", "J+APw-rgen", "UTF-7"),
        ("twice", "JÃ¼rgen", "UTF-8 twice over"),
        ("url", "J%C3%BCrgen", "percent-encoding"),
        ("json", "J\\u00fcrgen", "escapes"),
    ] {
        let rows = format!("j@x.org,{name},01/02/1990\na@x.org,Ann,01/02/1990\n");
        let told = warnings(&warehouse, file, &rows);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["kind"], "other_encoding");
        assert_eq!(
            (&told[0]["column"], &told[0]["line"]),
            (&"name".into(), &2.into())
        );
        let message = told[0]["message"].as_str().unwrap();
        assert!(message.contains(encoding), "{message}");
        assert!(!message.contains(name), "{message}");
        // Where others are in UTF-8, it is how that one is spelled.
        let mixed = format!("{rows}b@x.org,Žofie,01/02/1990\n");
        assert!(warnings(&warehouse, &format!("{file}-2"), &mixed).is_empty());
    }
}
