//! The settings of history beside the columns of the table, and the columns that it may get.

use super::*;
use crate::contract::{
    Deletes, Effective, History, Mode, NewColumnFault, Precision, Role, SequenceField,
    UnknownColumns,
};

const KEY: &str = "key         = [\"email\"]       # the natural key, as the file names it";
const BORN: &str = "date_of_birth = { format = \"%d/%m/%Y\" }";

/// The shipped file with these lines in the section of the dimension.
fn said(lines: &str) -> String {
    SHIPPED.replace(KEY, &format!("{KEY}\n{lines}"))
}

/// The tables of the migrations, and a feed's fields as columns of the dimension.
fn with_fields() -> Catalog {
    let mut catalog = migrated();
    users(&mut catalog).columns.extend([
        nullable(column(
            "changed_at",
            ColumnType::TimestampTz(Precision::MICROS),
        )),
        nullable(column("lsn", ColumnType::Int8)),
        nullable(column("amount", ColumnType::Numeric(None))),
    ]);
    catalog
}

fn history_of(toml: &str, catalog: &Catalog) -> History {
    let contracts = join(toml, catalog).unwrap();
    match &contracts.get(&TableName::new("users")).unwrap().kind {
        Kind::Dimension { history, .. } => history.clone(),
        Kind::Fact { .. } => panic!("a dimension"),
    }
}

const FEED: &str = "mode = \"feed\"\nop = \"op\"\nsequence = [\"lsn\"]\nzone = \"Europe/Berlin\"\n";

#[test]
fn the_fields_of_a_feed_need_not_be_columns() {
    let toml = said(&format!(
        "{FEED}effective = {{ column = \"changed_at\", format = \"%d/%m/%Y %H:%M\" }}"
    ));
    for catalog in [migrated(), with_fields()] {
        let history = history_of(&toml, &catalog);
        assert_eq!(history.mode, Mode::Feed { op: "op".into() });
        let lsn = SequenceField { name: "lsn".into() };
        assert_eq!(history.sequence, [lsn]);
        assert_eq!(history.deletes, Deletes::Close);
        let effective = Effective::Column {
            name: "changed_at".into(),
            format: Some("%d/%m/%Y %H:%M".into()),
            zone: chrono_tz::Europe::Berlin,
        };
        assert_eq!(history.effective, effective);
    }
}

#[test]
fn an_instant_that_is_a_column_is_spelled_as_the_column_is() {
    let feed = format!("{FEED}effective = {{ column = \"changed_at\" }}");
    let entry = "changed_at = { format = \"%d/%m/%Y\", zone = \"Asia/Tokyo\" }";
    let toml = said(&feed).replace(BORN, &format!("{BORN}\n{entry}"));
    let effective = Effective::Column {
        name: "changed_at".into(),
        format: Some("%d/%m/%Y".into()),
        zone: chrono_tz::Asia::Tokyo,
    };
    assert_eq!(history_of(&toml, &with_fields()).effective, effective);
}

#[test]
fn an_instant_of_the_whole_file_is_in_the_zone_of_the_table_or_in_its_own() {
    let zone = "zone = \"Europe/Berlin\"\n";
    for (setting, expected) in [
        (
            "\"sidecar\"",
            Effective::Sidecar {
                zone: chrono_tz::Europe::Berlin,
            },
        ),
        (
            "{ file_name = \"%Y%m%d\" }",
            Effective::FileName {
                pattern: "%Y%m%d".into(),
                zone: chrono_tz::Europe::Berlin,
            },
        ),
        (
            "{ file_name = \"%Y%m%d\", zone = \"UTC\" }",
            Effective::FileName {
                pattern: "%Y%m%d".into(),
                zone: chrono_tz::UTC,
            },
        ),
    ] {
        let toml = said(&format!("{zone}effective = {setting}"));
        assert_eq!(history_of(&toml, &migrated()).effective, expected);
    }
}

#[test]
fn a_column_has_the_role_that_is_said_or_is_of_type_2() {
    let toml = SHIPPED.replace(BORN, "date_of_birth = { role = \"type0\" }");
    let contracts = join(&toml, &migrated()).unwrap();
    let users = contracts.get(&TableName::new("users")).unwrap();
    let roles: Vec<_> = users.columns.iter().map(|column| column.role).collect();
    assert_eq!(roles, [Role::Type2, Role::Type2, Role::Type0]);
}

#[test]
fn fields_that_cannot_be_what_they_should_are_refused() {
    let mut told = String::new();
    let with_column =
        |lines: &str, columns: &str| said(lines).replace(BORN, &format!("{BORN}\n{columns}"));
    for (lines, columns) in [
        (
            "mode = \"feed\"\nop = \"load_id\"\neffective = { column = \"x\" }",
            "",
        ),
        (
            "mode = \"feed\"\nop = \"LSN\"\neffective = { column = \"x\" }",
            "",
        ),
        (
            "mode = \"feed\"\nop = \"email\"\neffective = { column = \"x\" }",
            "",
        ),
        ("effective = { column = \"effective_start_date\" }", ""),
        ("effective = { column = \"id\" }", ""),
        ("effective = { column = \"lsn\" }", ""),
        ("effective = { column = \"x\", format = \"%H:%M\" }", ""),
        ("effective = { column = \"x\", format = \"%d/%m/%y\" }", ""),
        ("effective = { file_name = \"users\" }", ""),
        (
            "effective = { column = \"changed_at\", format = \"%d/%m/%Y\" }",
            "changed_at = { format = \"%m/%d/%Y\" }",
        ),
        ("sequence = [\"amount\", \"version_number\"]", ""),
        ("", "email = { role = \"type1\" }"),
    ] {
        let toml = if columns.starts_with("email") {
            SHIPPED.replace("{ canonical = \"email\" }", "{ role = \"type1\" }")
        } else {
            with_column(lines, columns)
        };
        let answer =
            join(&toml, &with_fields()).map_or_else(|fault| fault.to_string(), |_| "Taken.".into());
        writeln!(told, "\n{}\n{answer}", format!("{lines} {columns}").trim()).unwrap();
    }
    expect![[r#"

        mode = "feed"
        op = "load_id"
        effective = { column = "x" }
        hayloft.toml, line 7: tables.users.op names "load_id", which Hayloft fills itself: no file does. Remove it from the setting.

        mode = "feed"
        op = "LSN"
        effective = { column = "x" }
        hayloft.toml, line 7: tables.users.op names "LSN", and datawarehouse.users.lsn is bigint; what is read there is a word. Name another field.

        mode = "feed"
        op = "email"
        effective = { column = "x" }
        hayloft.toml, line 7: tables.users.op names "email", which is part of the key and the same in all rows of a member. Name another field.

        effective = { column = "effective_start_date" }
        hayloft.toml, line 6: tables.users.effective names "effective_start_date", which Hayloft fills itself: no file does. Remove it from the setting.

        effective = { column = "id" }
        hayloft.toml, line 6: tables.users.effective names "id", which the database fills itself: no file does. Remove it from the setting.

        effective = { column = "lsn" }
        hayloft.toml, line 6: tables.users.effective names "lsn", and datawarehouse.users.lsn is bigint; what is read there is a date or a timestamp. Name another field.

        effective = { column = "x", format = "%H:%M" }
        hayloft.toml, line 6: tables.users.effective.format: the pattern "%H:%M" does not say a whole date and time of day. Write one like "%d/%m/%Y %H:%M:%S".

        effective = { column = "x", format = "%d/%m/%y" }
        hayloft.toml, line 6: tables.users.effective.format: the pattern "%d/%m/%y" has a year of two digits, so the century would be a guess. Write one like "%d/%m/%Y %H:%M:%S".

        effective = { file_name = "users" }
        hayloft.toml, line 6: tables.users.effective.file_name: the pattern "users" does not say a whole date: year, month and day. Write one like "%Y-%m-%d".

        effective = { column = "changed_at", format = "%d/%m/%Y" } changed_at = { format = "%m/%d/%Y" }
        hayloft.toml, line 6: tables.users.effective.format is "%d/%m/%Y", and tables.users.columns.changed_at.format is "%m/%d/%Y": no field is both. Remove one.

        sequence = ["amount", "version_number"]
        hayloft.toml has 2 problems:
          line 6: tables.users.sequence names "amount", and datawarehouse.users.amount is numeric; what is read there is an integer. Name another field.
          line 6: tables.users.sequence names "version_number", which Hayloft fills itself: no file does. Remove it from the setting.

        email = { role = "type1" }
        hayloft.toml, line 9: tables.users.columns.email.role: the column is part of the key, and another key is another member. Remove the setting.
    "#]].assert_eq(&told);
}

#[test]
fn a_new_column_is_a_text_that_reads_as_it_will_once_it_is_in_the_catalog() {
    let toml = said("on_new_column = \"fill_current\"\nnull_tokens = [\"-\"]");
    let contracts = join(&toml, &migrated()).unwrap();
    let contract = contracts.get(&TableName::new("users")).unwrap();
    assert_eq!(contract.unknown_columns, UnknownColumns::FillCurrent);
    let new = contract.new_column("Phone").unwrap();

    let mut later = migrated();
    let text = users(&mut later).columns[2].column_type.clone();
    users(&mut later)
        .columns
        .push(nullable(column("phone", text)));
    let contracts = join(&toml, &later).unwrap();
    let contract = contracts.get(&TableName::new("users")).unwrap();
    let known = contract.columns.last().unwrap();
    assert_eq!(format!("{new:?}"), format!("{known:?}"));
}

#[test]
fn a_new_column_takes_no_name_that_means_something_else() {
    let contracts = shipped();
    let refused = |table: &str, name: &str| {
        let contract = contracts.get(&TableName::new(table)).unwrap();
        contract.new_column(name).map(|column| column.name)
    };
    for (table, name, fault) in [
        ("users", "phone number", NewColumnFault::NotAName),
        ("users", "User_ID", NewColumnFault::Managed),
        ("users", "is_current", NewColumnFault::Managed),
        ("users", "ID", NewColumnFault::Taken),
        ("users", "xmin", NewColumnFault::Reserved),
        ("users", "hayloft_key", NewColumnFault::Reserved),
        ("transactions", "created_at", NewColumnFault::Managed),
        ("transactions", "email", NewColumnFault::Taken),
    ] {
        assert_eq!(refused(table, name), Err(fault), "{table}.{name}");
    }
    let long = "x".repeat(64);
    assert_eq!(refused("users", &long), Err(NewColumnFault::TooLong));
    assert!(refused("users", "created_at").is_ok());
    assert!(refused("transactions", "user_name").is_ok());
}
