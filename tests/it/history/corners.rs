//! Where the way in which rows come must be of no account, and neither the laws nor the examples
//! come by.

use crate::support::{HAYLOFT_TOML, Warehouse};

/// The users, in files of one date each or as they come, with these settings and roles.
fn warehouse(settings: &str, columns: &str) -> Warehouse {
    Warehouse::with_contract(&contract(settings, columns))
}

fn contract(settings: &str, columns: &str) -> String {
    format!(
        "[tables.users]\nkey = [\"email\"]\ndurable_key = \"user_id\"\n{settings}\n\
         [tables.users.columns]\nemail = {{ canonical = \"email\" }}\n\
         date_of_birth = {{ format = \"%d/%m/%Y\" }}\n{columns}\n"
    )
}

const NAMES: &str = "select name, effective_end_date is null as is_current
    from datawarehouse.users order by effective_start_date";

#[test]
fn a_json_document_is_the_same_in_every_spelling_also_when_its_file_is_late() {
    let warehouse = warehouse("effective = { file_name = \"%Y-%m-%d\" }", "");
    warehouse.execute("alter table datawarehouse.users add column likes json");
    let likes = |day: &str, likes: &str| {
        let row = format!(
            "ann@x.org,Ann,01/02/1990,\"{}\"",
            likes.replace('"', "\"\"")
        );
        let file = format!("email,name,date_of_birth,likes\n{row}\n");
        let load = warehouse.load(&format!("users-{day}.csv"), &file).only();
        load["changes"].clone()
    };
    likes("2026-02-01", r#"{"a": 1, "b": 2}"#);
    assert_eq!(likes("2026-04-01", r#"{ "b":2,"a":1 }"#)["unchanged"], 1);
    assert_eq!(
        likes("2026-03-01", r#"{"b": 2, "a": 1}"#)["late_unchanged"],
        1
    );
    assert_eq!(likes("2026-01-01", r#"{"a": 0}"#)["split"], 1);
    let starts = "select effective_start_date::date::text from datawarehouse.users order by 1";
    assert_eq!(warehouse.query(starts), "2026-01-01\n2026-02-01\n");
}

#[test]
fn a_sequence_that_the_contract_no_longer_has_refuses_no_row() {
    let warehouse = warehouse("sequence = [\"lsn\"]", "name = { role = \"type1\" }");
    let ranked = "email,name,date_of_birth,lsn\nann@x.org,Ann,01/02/1990,7\n";
    warehouse.load("users.csv", ranked).exits(0);
    let lower = ranked.replace("Ann,", "Anne,").replace(",7", ",6");
    let refused = warehouse.load("users-2.csv", &lower).only();
    assert_eq!(refused["rows"]["rejected"], 1);
    warehouse.write("hayloft.toml", contract("", "name = { role = \"type1\" }"));
    warehouse.run(&["migrate", "--from-now", "users"]).exits(0);
    let plain = "email,name,date_of_birth\nann@x.org,Anne,01/02/1990\n";
    let load = warehouse.load("users-3.csv", plain).only();
    assert_eq!(load["changes"]["overwritten"], 1);
    assert_eq!(warehouse.query(NAMES), "Anne | t\n");
}

#[test]
fn a_late_row_that_the_contract_refuses_is_a_reject_and_says_so() {
    let settings = "effective = { file_name = \"%Y-%m-%d\" }\nlate = \"reject\"";
    let warehouse = warehouse(settings, "");
    let file = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
    warehouse.load("users-2026-02-01.csv", file).exits(0);
    let late = format!("{}bob@x.org,Bob,01/02/1990\n", file.replace("Ann", "Anne"));
    let load = warehouse.load("users-2026-01-01.csv", &late).only();
    assert_eq!(load["rows"]["accepted"], 1);
    assert_eq!(load["rows"]["rejected"], 1);
    assert_eq!(load["changes"]["inserted"], 1);
    let rejects = "select line, kind from hayloft.reject";
    assert_eq!(warehouse.query(rejects), "2 | late\n");
    // The other row is not: nothing was known of its key.
    assert_eq!(warehouse.query(NAMES), "Bob | t\nAnn | t\n");
}

#[test]
fn mended_rows_of_a_snapshot_say_nothing_of_who_is_absent() {
    let settings = "mode = \"snapshot\"\neffective = { file_name = \"%Y-%m-%d\" }";
    let warehouse = warehouse(settings, "");
    let file = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,soon\n";
    warehouse.load("users-2026-02-01.csv", file).exits(1);
    let mended = "email,name,date_of_birth\nbob@x.org,Bob,01/02/1990\n";
    warehouse.write("mended.csv", mended);
    warehouse
        .run(&["rejects", "replay", "1", "mended.csv"])
        .exits(0);
    let names = "select name, effective_start_date::date::text, effective_end_date is null
        from datawarehouse.users order by name";
    assert_eq!(
        warehouse.query(names),
        "Ann | 2026-02-01 | t\nBob | 2026-02-01 | t\n"
    );
    // The next one does, and it is known that Bob was there before.
    let without = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
    let load = warehouse.load("users-2026-03-01.csv", without).only();
    assert_eq!(load["changes"]["closed_by_absence"], 1);
}

#[test]
fn a_load_whose_keys_were_made_with_another_secret_is_not_put_in_again() {
    let secret = |warehouse: Warehouse, letter: &str| {
        warehouse.env("HAYLOFT_KEY_SECRET", &letter.repeat(32))
    };
    let warehouse = secret(warehouse("", ""), "a");
    let file = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
    warehouse.load("users.csv", file).exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    // Without rows, the table takes keys of any kind.
    let warehouse = secret(warehouse, "b");
    let load = warehouse.load("users-2.csv", file.replace("Ann,", "Anna,"));
    load.exits(0);
    let refused = warehouse.run(&["redo", "1", "--yes"]).exits(2);
    assert!(refused.stderr.contains("HAYLOFT_KEY_SECRET"), "{refused:?}");
    assert_eq!(warehouse.query(NAMES), "Anna | t\n");
}

#[test]
fn the_scale_of_a_number_in_a_document_is_no_change_also_when_its_file_is_late() {
    for kind in ["json", "jsonb"] {
        for months in [["02", "03"], ["03", "02"]] {
            let warehouse = warehouse("effective = { file_name = \"%Y-%m-%d\" }", "");
            warehouse.execute(&format!(
                "alter table datawarehouse.users add column likes {kind}"
            ));
            for month in months {
                let likes = if month == "02" { "1.0" } else { "1.00" };
                let row = format!("ann@x.org,Ann,01/02/1990,\"{{\"\"a\"\": {likes}}}\"");
                let file = format!("email,name,date_of_birth,likes\n{row}\n");
                warehouse
                    .load(&format!("users-2026-{month}-01.csv"), file)
                    .exits(0);
            }
            let starts = "select effective_start_date::date::text from datawarehouse.users";
            assert_eq!(warehouse.query(starts), "2026-02-01\n", "{kind}");
        }
    }
}

#[test]
fn a_corrected_snapshot_does_not_take_a_member_from_its_facts() {
    let settings = "durable_key = \"user_id\"\nmode = \"snapshot\"\n\
                    effective = { file_name = \"%Y-%m-%d\" }";
    let toml = HAYLOFT_TOML.replace("durable_key = \"user_id\"", settings);
    let warehouse = Warehouse::with_contract(&toml);
    let without = "email,name,date_of_birth\nbob@x.org,Bob,01/02/1990\n";
    let file = format!("{without}ann@x.org,Ann,01/02/1990\n");
    warehouse.load("users-2026-01-01.csv", file).exits(0);
    let fact = "id,email,amount,transaction_date\n1,ann@x.org,10,01/01/2026\n";
    warehouse.load("transactions.csv", fact).exits(0);
    let run = warehouse.load("users-2026-01-01.csv", without).exits(2);
    assert!(run.stderr.contains("1 row(s) of `transactions`"), "{run:?}");
    assert_eq!(warehouse.query(NAMES), "Bob | t\nAnn | t\n");
    warehouse.run(&["check"]).exits(0);
    // Without the fact, nobody asks for her.
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    warehouse.load("users-2026-01-01.csv", without).exits(0);
    assert_eq!(warehouse.query(NAMES), "Bob | t\n");
}

#[test]
fn mended_rows_of_an_old_snapshot_are_not_the_latest() {
    let warehouse = warehouse("mode = \"snapshot\"", "");
    let header = "email,name,date_of_birth\n";
    let old = format!("{header}ann@x.org,Ann,01/02/1990\nbob@x.org,Bob,soon\n");
    warehouse.load("users.csv", old).exits(1);
    let new = format!("{header}ann@x.org,Anna,01/02/1990\n");
    warehouse.load("users-2.csv", &new).exits(0);
    warehouse.write("mended.csv", format!("{header}bob@x.org,Bob,01/02/1990\n"));
    warehouse
        .run(&["rejects", "replay", "1", "mended.csv"])
        .exits(0);
    let again = warehouse.load("users-2.csv", &new).exits(0).only();
    assert_eq!(again["status"], "skipped");
    assert_eq!(
        warehouse.query(
            "select name, effective_end_date is null from datawarehouse.users
             order by email, effective_start_date"
        ),
        "Ann | f\nAnna | t\nBob | f\n"
    );
}

#[test]
fn a_first_value_that_is_said_again_is_remembered() {
    let warehouse = warehouse(
        "effective = { file_name = \"%Y-%m-%d\" }",
        "name = { role = \"type0\" }",
    );
    for (day, name) in [(1, "Ann"), (2, "Anna"), (3, "Ann")] {
        let file = format!("email,name,date_of_birth\nann@x.org,{name},01/02/1990\n");
        let name = format!("users-2026-01-0{day}.csv");
        warehouse.load(&name, &file).exits(0);
    }
    warehouse.run(&["check", "--values"]).exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    assert_eq!(warehouse.query(NAMES), "Anna | t\n");
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    assert_eq!(warehouse.query(NAMES), "Ann | t\n");
    warehouse.run(&["check", "--values"]).exits(0);
}
