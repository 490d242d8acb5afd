//! What a person wrote, and the sentence that comes back.

mod history;

use std::fmt::Write as _;
use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::{CompleteEntry, ContractFile, KindEntry, Limits, LoadSection, WatchSection};
use crate::contract::{ContractFault, Duplicates, OnDone, Redelivery, UnknownColumns, Unresolved};

fn parse(text: &str) -> Result<ContractFile, ContractFault> {
    ContractFile::parse(Path::new("hayloft.toml"), text)
}

fn refused(text: &str, expected: &Expect) {
    expected.assert_eq(&parse(text).unwrap_err().to_string());
}

/// A table in which nothing else is wrong, with the given lines from line 4 on.
fn users(lines: &str) -> String {
    format!("[tables.users]\nkey = [\"email\"]\ndurable_key = \"user_id\"\n{lines}")
}

/// The same for a fact table.
fn sales(lines: &str) -> String {
    format!("[tables.sales]\nkind = \"fact\"\nkey = [\"id\"]\n{lines}")
}

#[test]
fn the_file_that_hayloft_comes_with_is_understood() {
    let file = parse(include_str!("../../../hayloft.toml")).unwrap();
    let [users, transactions] = file.tables.as_slice() else {
        panic!("two tables")
    };
    assert_eq!(users.name.as_str(), "users");
    assert!(
        matches!(&users.kind, KindEntry::Dimension { durable_key, .. } if durable_key.value == "user_id")
    );
    assert_eq!(users.columns.len(), 2);
    let KindEntry::Fact {
        references,
        unresolved,
    } = &transactions.kind
    else {
        panic!("a fact table")
    };
    assert_eq!(references[0].column, "user_id");
    assert_eq!(references[0].dimension.value, "users");
    assert_eq!(*unresolved, Unresolved::Hold);
}

#[test]
fn what_is_not_said_has_its_default() {
    let file = parse(&users("")).unwrap();
    assert_eq!(file.watch, WatchSection::default());
    assert_eq!(file.limits, Limits::default());
    assert_eq!(file.load, LoadSection::default());
    let users = &file.tables[0];
    assert_eq!(users.pattern, None);
    assert_eq!(users.duplicates, Duplicates::Last);
    assert_eq!(users.unknown_columns, UnknownColumns::Refuse);
    assert_eq!(users.guards.max_reject_rows, None);
    assert!((users.guards.max_reject_fraction - 0.1).abs() < f64::EPSILON);
    assert_eq!(users.redelivery, Redelivery::Auto);
    assert_eq!(users.on_done, OnDone::Delete);
    assert_eq!(users.zone, chrono_tz::UTC);
    assert!(users.null_tokens.is_empty());
}

#[test]
fn what_is_said_is_taken() {
    let text = users(
        r#"match = "kunden-*.csv"
           duplicates = "fail_file"
           on_new_column = "ignore"
           redelivery = "always"
           on_done = "archive"
           zone = "Europe/Berlin"
           null_tokens = ["NULL", "n/a"]
           mode = "incremental"
           effective = "load_time"
           guards = { max_reject_rows = 1_000, max_reject_fraction = 1 }
           [watch]
           imports = "/srv/in"
           settle = "500ms"
           sweep = "1m"
           [limits]
           field_bytes = 10
           record_bytes = 20
           columns = 3
           file_bytes = 0xff
           memory_bytes = 1_000_000
           [load]
           workers = 4
        "#,
    );
    let file = parse(&text).unwrap();
    let users = &file.tables[0];
    assert_eq!(users.pattern.as_deref(), Some("kunden-*.csv"));
    assert_eq!(users.duplicates, Duplicates::FailFile);
    assert_eq!(users.unknown_columns, UnknownColumns::Ignore);
    assert_eq!(users.redelivery, Redelivery::Always);
    assert_eq!(users.on_done, OnDone::Archive);
    assert_eq!(users.zone, chrono_tz::Europe::Berlin);
    assert_eq!(users.null_tokens, ["NULL", "n/a"]);
    assert_eq!(users.guards.max_reject_rows, Some(1000));
    assert!((users.guards.max_reject_fraction - 1.0).abs() < f64::EPSILON);
    let (settle, sweep) = (Duration::from_millis(500), Duration::from_secs(60));
    let complete = CompleteEntry {
        settle: Some(settle),
        ..CompleteEntry::default()
    };
    assert_eq!(
        file.watch,
        WatchSection {
            imports: "/srv/in".into(),
            complete,
            sweep
        }
    );
    let limits = Limits {
        field_bytes: 10,
        record_bytes: 20,
        columns: 3,
        file_bytes: Some(255),
        memory_bytes: 1_000_000,
    };
    assert_eq!(file.limits, limits);
    assert_eq!(file.load.workers, NonZero::new(4));
}

#[test]
fn tables_keep_the_order_of_the_file() {
    let section = |name| format!("[tables.{name}]\nkey = [\"a\"]\ndurable_key = \"k\"\n");
    let file = parse(&(section("zebra") + &section("ant") + &section("mule"))).unwrap();
    let names: Vec<&str> = file
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(names, ["zebra", "ant", "mule"]);
}

#[test]
fn a_missing_file_says_where_it_was_looked_for_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hayloft.toml");
    let message = ContractFile::read(&path).unwrap_err().to_string();
    assert!(
        message.contains(&format!("{} does not exist", path.display())),
        "{message}"
    );
    assert!(message.contains("--config or HAYLOFT_CONFIG"), "{message}");
    assert!(
        message.ends_with("\n  durable_key = \"user_id\""),
        "{message}"
    );
}

/// Each text's last line, and what is said of the whole.
fn told(texts: &[String]) -> String {
    let mut told = String::new();
    for text in texts {
        let last_line = text.lines().last().unwrap_or("(an empty file)");
        let answer = parse(text).map_or_else(|fault| fault.to_string(), |_| "It was taken.".into());
        write!(told, "\n{last_line}\n{answer}\n").unwrap();
    }
    told
}

#[test]
fn what_is_not_a_contract_at_all_is_refused() {
    let texts = [
        String::new(),
        "[tables]".into(),
        "tables = 3".into(),
        "[tables.users".into(),
        "[tables.users]\nkey = [\"email\"]\nkey = [\"email\"]".into(),
        "[table.users]\nkey = [\"email\"]".into(),
    ];
    expect![[r#"

        (an empty file)
        hayloft.toml, line 1: No table is named. Write a section [tables.users] for files named users.csv.

        [tables]
        hayloft.toml, line 1: No table is named. Write a section [tables.users] for files named users.csv.

        tables = 3
        hayloft.toml, line 1: tables must be a table.

        [tables.users
        hayloft.toml, line 1: This is not TOML: unclosed table, expected `]`.

        key = ["email"]
        hayloft.toml, line 3: This is not TOML: duplicate key.

        key = ["email"]
        hayloft.toml has 2 problems:
          line 1: No table is named. Write a section [tables.users] for files named users.csv.
          line 1: table is not a setting. Did you mean "tables"?
    "#]].assert_eq(&told(&texts));
}

#[test]
fn a_setting_that_is_not_known_is_refused_with_the_nearest_that_is() {
    let texts = [
        users("kee = 1"),
        users("colour = 1"),
        users("[tables.users.columns]\nemail = { cannonical = \"email\" }"),
        users("[tables.users.columns]\nemail = \"email\""),
        users("guards = { max_rejects = 1 }"),
        users("[watch]\nsettel = \"2s\""),
    ];
    expect![[r#"

        kee = 1
        hayloft.toml, line 4: tables.users.kee is not a setting. Did you mean "key"?

        colour = 1
        hayloft.toml, line 4: tables.users.colour is not a setting. There is: kind, durable_key, mode, op, effective, sequence, deletes, late, horizon, max_future, references, unresolved, match, key, duplicates, on_new_column, guards, redelivery, on_done, zone, null_tokens, watch, columns.

        email = { cannonical = "email" }
        hayloft.toml, line 5: tables.users.columns.email.cannonical is not a setting. Did you mean "canonical"?

        email = "email"
        hayloft.toml, line 5: tables.users.columns.email must be a table.

        guards = { max_rejects = 1 }
        hayloft.toml, line 4: tables.users.guards.max_rejects is not a setting. Did you mean "max_reject_rows"?

        settel = "2s"
        hayloft.toml, line 5: watch.settel is not a setting. Did you mean "settle"?
    "#]].assert_eq(&told(&texts));
}

#[test]
fn a_table_needs_a_key_and_a_dimension_a_durable_key() {
    let texts = [
        "[tables.users]\nkind = \"dimension\"".into(),
        "[tables.users]\nkey = \"email\"\ndurable_key = \"user_id\"".into(),
        "[tables.users]\nkey = []\ndurable_key = \"user_id\"".into(),
        "[tables.users]\nkey = [\"email\", \"email\"]\ndurable_key = \"user_id\"".into(),
        "[tables.users]\nkey = [1]\ndurable_key = \"\"".into(),
    ];
    expect![[r#"

        kind = "dimension"
        hayloft.toml has 2 problems:
          line 1: tables.users.durable_key is missing: the uuid column that is made from the key. Add a line like durable_key = "user_id", or kind = "fact" if the table has no history.
          line 1: tables.users.key is missing: the columns that say which rows are about the same thing. Add a line like key = ["email"].

        durable_key = "user_id"
        hayloft.toml, line 2: tables.users.key must be a list of texts in square brackets.

        durable_key = "user_id"
        hayloft.toml, line 1: tables.users.key names no column. Name at least one, like key = ["email"].

        durable_key = "user_id"
        hayloft.toml, line 2: tables.users.key names "email" twice. Remove one.

        durable_key = ""
        hayloft.toml has 2 problems:
          line 2: tables.users.key must be a text in quotation marks.
          line 3: tables.users.durable_key is empty. Give it a value, or remove the line.
    "#]].assert_eq(&told(&texts));
}

#[test]
fn each_kind_of_table_has_settings_of_its_own() {
    let texts = [
        users("kind = \"facts\"\nunresolved = \"hold\""),
        users("references = { user_id = \"users\" }\nunresolved = \"hold\""),
        sales("durable_key = \"user_id\""),
        sales("references = { user_id = 1 }"),
        sales("unresolved = \"hodl\""),
    ];
    expect![[r#"

        unresolved = "hold"
        hayloft.toml, line 4: tables.users.kind is "facts"; it can be "dimension" or "fact". Did you mean "fact"?

        unresolved = "hold"
        hayloft.toml has 2 problems:
          line 4: tables.users.references is a setting of a fact. Remove it, or write tables.users.kind = "fact".
          line 5: tables.users.unresolved is a setting of a fact. Remove it, or write tables.users.kind = "fact".

        durable_key = "user_id"
        hayloft.toml, line 4: tables.sales.durable_key is a setting of a dimension. Remove it, or write tables.sales.kind = "dimension".

        references = { user_id = 1 }
        hayloft.toml, line 4: tables.sales.references.user_id must be a text in quotation marks.

        unresolved = "hodl"
        hayloft.toml, line 4: tables.sales.unresolved is "hodl"; it can be "hold" or "reject". Did you mean "hold"?
    "#]].assert_eq(&told(&texts));
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_what_it_must_be() {
    let texts = [
        users("on_done = true"),
        users("match = \"\""),
        users("zone = \"Europe/Berln\""),
        users("zone = \"CEST-ish\""),
        users("null_tokens = \"NULL\""),
        users("guards = { max_reject_rows = -1, max_reject_fraction = 1.5 }"),
        users("guards = { max_reject_fraction = nan }"),
        users("[watch]\nsettle = 2\nsweep = \"0s\""),
        users("[limits]\nfield_bytes = 0\ncolumns = 1.5"),
        users("[limits]\nfield_bytes = 100\nrecord_bytes = 10"),
        users("[load]\nworkers = 0"),
    ];
    expect![[r#"

        on_done = true
        hayloft.toml, line 4: tables.users.on_done must be a text in quotation marks.

        match = ""
        hayloft.toml, line 4: tables.users.match is empty. Give it a value, or remove the line.

        zone = "Europe/Berln"
        hayloft.toml, line 4: tables.users.zone is not a time zone; write one like "Europe/Berlin".

        zone = "CEST-ish"
        hayloft.toml, line 4: tables.users.zone is not a time zone; write one like "Europe/London".

        null_tokens = "NULL"
        hayloft.toml, line 4: tables.users.null_tokens must be a list of texts in square brackets.

        guards = { max_reject_rows = -1, max_reject_fraction = 1.5 }
        hayloft.toml has 2 problems:
          line 4: tables.users.guards.max_reject_rows must be a whole number from 0.
          line 4: tables.users.guards.max_reject_fraction must be a number from 0.0 to 1.0.

        guards = { max_reject_fraction = nan }
        hayloft.toml, line 4: tables.users.guards.max_reject_fraction must be a number from 0.0 to 1.0.

        sweep = "0s"
        hayloft.toml has 2 problems:
          line 5: watch.settle must be a length of time such as "500ms", "2s" or "1m".
          line 6: watch.sweep is 0, which would list the folder without pause. Write "5s".

        columns = 1.5
        hayloft.toml has 2 problems:
          line 5: limits.field_bytes must be a whole number from 1.
          line 6: limits.columns must be a whole number from 1.

        record_bytes = 10
        hayloft.toml, line 4: limits.record_bytes is less than limits.field_bytes: no row could hold such a field. Raise the one or lower the other.

        workers = 0
        hayloft.toml, line 5: load.workers must be a whole number from 1.
    "#]].assert_eq(&told(&texts));
}

#[test]
fn all_problems_of_the_file_are_told_together_in_the_order_of_their_lines() {
    let text = users(
        "on_done = \"burn\"\n[tables.sales]\nkind = \"fact\"\n[load]\nworkers = 0\n[serve]\n",
    );
    refused(
        &text,
        &expect![[r#"
            hayloft.toml has 4 problems:
              line 4: tables.users.on_done is "burn"; it can be "delete", "archive" or "keep".
              line 5: tables.sales.key is missing: the columns that say which rows are about the same thing. Add a line like key = ["email"].
              line 8: load.workers must be a whole number from 1.
              line 9: serve is not a setting. There is: tables, watch, limits, load."#]],
    );
}
