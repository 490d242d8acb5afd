//! The file that Hayloft comes with, the tables of its migrations, and what is wrong when one of
//! the two is changed.

mod history;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use expect_test::expect;

use super::super::catalog::{Catalog, CatalogColumn, CatalogTable, Origin, Relation, UniqueKey};
use super::super::{
    Canonical, ColumnType, Contract, ContractFault, ContractFile, EmptyAs, Kind, Nullability,
    Precision, ServerType, Stamp, TableName,
};
use super::Contracts;

const SHIPPED: &str = include_str!("../../../hayloft.toml");

fn join(toml: &str, catalog: &Catalog) -> Result<Contracts, ContractFault> {
    Contracts::join(
        &ContractFile::parse(Path::new("hayloft.toml"), toml).unwrap(),
        catalog,
    )
}

fn shipped() -> Contracts {
    join(SHIPPED, &migrated()).unwrap()
}

/// What the migrations make.
fn migrated() -> Catalog {
    let text = || ColumnType::Text {
        sql: "text".into(),
        max_chars: None,
    };
    let users = CatalogTable::new(
        vec![
            CatalogColumn {
                origin: Origin::Generated,
                ..column("id", ColumnType::Int8)
            },
            column("user_id", ColumnType::Uuid),
            column("name", text()),
            column("email", text()),
            column("date_of_birth", ColumnType::Date),
            column(
                "effective_start_date",
                ColumnType::TimestampTz(Precision::MICROS),
            ),
            nullable(column(
                "effective_end_date",
                ColumnType::TimestampTz(Precision::MICROS),
            )),
            CatalogColumn {
                origin: Origin::Generated,
                ..column("is_current", ColumnType::Bool)
            },
            column("version_number", ColumnType::Int4),
            column("load_id", ColumnType::Int8),
            column("source_line", ColumnType::Int8),
        ],
        vec![
            unique(&["user_id", "effective_start_date"], None),
            unique(&["user_id"], CURRENT),
        ],
    );
    let transactions = CatalogTable::new(
        vec![
            column("id", ColumnType::Int8),
            column("user_id", ColumnType::Uuid),
            column("amount", ColumnType::Numeric(None)),
            column("transaction_date", ColumnType::Date),
            column("created_at", ColumnType::TimestampTz(Precision::MICROS)),
            column("updated_at", ColumnType::TimestampTz(Precision::MICROS)),
            column("load_id", ColumnType::Int8),
            column("source_line", ColumnType::Int8),
        ],
        vec![unique(&["id"], None)],
    );
    let tables = BTreeMap::from([
        ("users".into(), users),
        ("transactions".into(), transactions),
    ]);
    Catalog {
        schema: "datawarehouse".into(),
        tables,
        obstacles: BTreeMap::new(),
    }
}

const CURRENT: Option<&str> = Some("(effective_end_date IS NULL)");

fn column(name: &str, column_type: ColumnType) -> CatalogColumn {
    CatalogColumn::new(name, column_type, Nullability::Required)
}

fn nullable(column: CatalogColumn) -> CatalogColumn {
    CatalogColumn {
        nullability: Nullability::Nullable,
        ..column
    }
}

fn unique(columns: &[&str], predicate: Option<&str>) -> UniqueKey {
    let columns = columns.iter().map(|&name| name.to_owned()).collect();
    UniqueKey {
        columns,
        predicate: predicate.map(str::to_owned),
    }
}

fn names(contract: &Contract) -> Vec<&str> {
    contract
        .columns
        .iter()
        .map(|column| column.name.name())
        .collect()
}

#[test]
fn a_file_fills_what_neither_hayloft_nor_the_database_fills() {
    let contracts = shipped();
    let [users, transactions] = contracts.iter().collect::<Vec<_>>()[..] else {
        panic!("two contracts")
    };
    assert_eq!(names(users), ["name", "email", "date_of_birth"]);
    assert_eq!(users.key, [1]);
    assert_eq!(
        names(transactions),
        ["id", "user_id", "amount", "transaction_date"]
    );
    assert_eq!(transactions.key, [0]);
}

#[test]
fn a_reference_knows_the_natural_key_of_its_dimension() {
    let contracts = shipped();
    let transactions = contracts.get(&TableName::new("transactions")).unwrap();
    let Kind::Fact { references, stamps } = &transactions.kind else {
        panic!("a fact table")
    };
    assert_eq!(
        (stamps.created_at, stamps.updated_at),
        (Stamp::Kept, Stamp::Kept)
    );
    let [reference] = references.as_slice() else {
        panic!("one reference")
    };
    assert_eq!(reference.column, 1);
    assert_eq!(
        reference.dimension_table.to_string(),
        r#""datawarehouse"."users""#
    );
    assert_eq!(reference.durable_key.name(), "user_id");
    assert_eq!(reference.natural_key[0].name.name(), "email");
    assert_eq!(
        reference.natural_key[0].spelling.canonical,
        Canonical::Email
    );
}

#[test]
fn an_empty_field_is_null_in_a_key_and_where_no_text_is() {
    let contracts = shipped();
    let users = contracts.get(&TableName::new("users")).unwrap();
    let empty: Vec<_> = users
        .columns
        .iter()
        .map(|column| column.spelling.empty_as)
        .collect();
    assert_eq!(empty, [EmptyAs::Empty, EmptyAs::Null, EmptyAs::Null]);
}

#[test]
fn a_column_says_more_than_its_table() {
    let toml = SHIPPED.replace(
        "durable_key",
        "zone = \"Europe/Berlin\"\nnull_tokens = [\"-\"]\ndurable_key",
    ) + "[tables.users.columns.name]\nnull_tokens = [\"NULL\"]\nempty_as = \"null\"\n";
    let contracts = join(&toml, &migrated()).unwrap();
    let users = contracts.get(&TableName::new("users")).unwrap();
    assert_eq!(users.columns[0].spelling.null_tokens, ["NULL"]);
    assert_eq!(users.columns[0].spelling.empty_as, EmptyAs::Null);
    assert_eq!(users.columns[1].spelling.null_tokens, ["-"]);
    assert_eq!(users.columns[1].spelling.zone, chrono_tz::Europe::Berlin);
    assert_eq!(
        users.columns[2].spelling.format.as_deref(),
        Some("%d/%m/%Y")
    );
}

#[test]
fn dimensions_come_before_the_facts_that_refer_to_them() {
    let (users, facts) = SHIPPED.split_once("[tables.transactions]").unwrap();
    let contracts = join(&format!("[tables.transactions]{facts}{users}"), &migrated()).unwrap();
    let [users, transactions] = [TableName::new("users"), TableName::new("transactions")];
    let order: Vec<_> = contracts
        .iter()
        .map(|contract| contract.name.clone())
        .collect();
    assert_eq!(order, [users.clone(), transactions.clone()]);
    assert_eq!(
        contracts.routes()[0].0,
        transactions,
        "files are routed in the order of the file"
    );
    assert_eq!(
        contracts.dependencies(),
        BTreeMap::from([(transactions.clone(), vec![users.clone()])])
    );
    let referring: Vec<_> = contracts
        .referring_to(&users)
        .map(|contract| contract.name.clone())
        .collect();
    assert_eq!(referring, [transactions]);
}

#[test]
fn a_fact_table_need_not_have_stamps() {
    let mut catalog = migrated();
    facts(&mut catalog)
        .columns
        .retain(|column| !column.name.ends_with("ed_at"));
    let contracts = join(SHIPPED, &catalog).unwrap();
    let Kind::Fact { stamps, .. } = &contracts.get(&TableName::new("transactions")).unwrap().kind
    else {
        panic!("a fact table")
    };
    assert_eq!(
        (stamps.created_at, stamps.updated_at),
        (Stamp::Absent, Stamp::Absent)
    );
}

#[test]
fn a_column_numbered_by_a_sequence_is_left_to_it_unless_it_is_the_key() {
    let mut catalog = migrated();
    users(&mut catalog).columns[0].origin = Origin::Numbered;
    facts(&mut catalog).columns[0].origin = Origin::Numbered;
    let contracts = join(SHIPPED, &catalog).unwrap();
    assert_eq!(
        names(contracts.get(&TableName::new("users")).unwrap())[0],
        "name"
    );
    assert_eq!(
        names(contracts.get(&TableName::new("transactions")).unwrap())[0],
        "id"
    );
}

fn users(catalog: &mut Catalog) -> &mut CatalogTable {
    catalog.tables.get_mut("users").unwrap()
}

fn facts(catalog: &mut Catalog) -> &mut CatalogTable {
    catalog.tables.get_mut("transactions").unwrap()
}

fn find<'c>(table: &'c mut CatalogTable, name: &str) -> &'c mut CatalogColumn {
    table
        .columns
        .iter_mut()
        .find(|column| column.name == name)
        .unwrap()
}

/// What is said when the file has `new` where the shipped one has `old`.
fn rewritten(old: &str, new: &str) -> String {
    assert_eq!(
        SHIPPED.matches(old).count(),
        1,
        "{old} is in the shipped file once"
    );
    join(&SHIPPED.replace(old, new), &migrated())
        .map_or_else(|fault| fault.to_string(), |_| "It was taken.".into())
}

/// What is said when the database has changed.
fn altered(change: impl FnOnce(&mut Catalog)) -> String {
    let mut catalog = migrated();
    change(&mut catalog);
    join(SHIPPED, &catalog).map_or_else(|fault| fault.to_string(), |_| "It was taken.".into())
}

#[test]
fn what_the_file_says_and_the_database_does_not_have_is_refused() {
    const BORN: &str = "date_of_birth = { format = \"%d/%m/%Y\" }";
    const KEY: &str = "key         = [\"email\"]";
    const REFERENCES: &str = "{ user_id = \"users\" }";
    let mut told = String::new();
    for (old, new) in [
        (
            "[tables.users]",
            "[tables.usr]\nkey = [\"email\"]\ndurable_key = \"user_id\"\n[tables.users]",
        ),
        (KEY, "key = [\"emial\"]"),
        (KEY, "key = [\"id\"]"),
        (KEY, "key = [\"user_id\"]"),
        ("\"user_id\" ", "\"userid\" "),
        ("\"user_id\" ", "\"name\" "),
        (BORN, "date_of_birt = { format = \"%d/%m/%Y\" }"),
        (BORN, "version_number = { null_tokens = [\"-\"] }"),
        (BORN, "is_current = { null_tokens = [\"-\"] }"),
        (BORN, "name = { format = \"%d/%m/%Y\" }"),
        (BORN, "date_of_birth = { format = \"%d/%m/%Q\" }"),
        (BORN, "date_of_birth = { format = \"%d/%m\" }"),
        (BORN, "date_of_birth = { format = \"%d/%m/%Y %H:%M\" }"),
        (BORN, "date_of_birth = { canonical = \"email\" }"),
        (BORN, "date_of_birth = { zone = \"Europe/Berlin\" }"),
        (BORN, "date_of_birth = { empty_as = \"empty\" }"),
        ("{ canonical = \"email\" }", "{ empty_as = \"empty\" }"),
        (REFERENCES, "{ user = \"users\" }"),
        (REFERENCES, "{ user_id = \"user\" }"),
        (REFERENCES, "{ user_id = \"transactions\" }"),
        (REFERENCES, "{ amount = \"users\" }"),
        (REFERENCES, "{ load_id = \"users\" }"),
        (
            REFERENCES,
            "{ user_id = \"users\", created_at = \"users\" }",
        ),
        ("[\"id\"]", "[\"id\", \"user_id\"]"),
    ] {
        writeln!(told, "\n{new}\n{}", rewritten(old, new)).unwrap();
    }
    expect![[r#"

        [tables.usr]
        key = ["email"]
        durable_key = "user_id"
        [tables.users]
        hayloft.toml, line 3: datawarehouse.usr is not in the database. Run `hayloft migrate`, or add a migration that creates it.

        key = ["emial"]
        hayloft.toml, line 5: tables.users.key names "emial", and datawarehouse.users has no such column. Did you mean "email"?

        key = ["id"]
        hayloft.toml, line 5: tables.users.key names "id", which the database fills itself: no file does. Remove it from the setting.

        key = ["user_id"]
        hayloft.toml, line 5: tables.users.key names "user_id", which Hayloft fills itself: no file does. Remove it from the setting.

        "userid" 
        hayloft.toml, line 6: tables.users.durable_key names "userid", and datawarehouse.users has no such column. Did you mean "user_id"? If not, add a migration with: alter table datawarehouse.users add column userid uuid not null;

        "name" 
        hayloft.toml, line 6: tables.users.durable_key names "name", which is text; the durable key is a uuid. Name a uuid column, or add a migration with: alter table datawarehouse.users add column durable_key uuid not null;

        date_of_birt = { format = "%d/%m/%Y" }
        hayloft.toml, line 10: tables.users.columns names "date_of_birt", and datawarehouse.users has no such column. Did you mean "date_of_birth"?

        version_number = { null_tokens = ["-"] }
        hayloft.toml, line 10: tables.users.columns names "version_number", which Hayloft fills itself: no file does. Remove it from the setting.

        is_current = { null_tokens = ["-"] }
        hayloft.toml, line 10: tables.users.columns names "is_current", which the database fills itself: no file does. Remove it from the setting.

        name = { format = "%d/%m/%Y" }
        hayloft.toml, line 10: tables.users.columns.name.format: format is for dates and timestamps, and the column is text. Remove the setting.

        date_of_birth = { format = "%d/%m/%Q" }
        hayloft.toml, line 10: tables.users.columns.date_of_birth.format: the pattern "%d/%m/%Q" has a % that strftime does not know. Write one like "%d/%m/%Y".

        date_of_birth = { format = "%d/%m" }
        hayloft.toml, line 10: tables.users.columns.date_of_birth.format: the pattern "%d/%m" does not say a whole date: year, month and day. Write one like "%d/%m/%Y".

        date_of_birth = { format = "%d/%m/%Y %H:%M" }
        hayloft.toml, line 10: tables.users.columns.date_of_birth.format: the pattern "%d/%m/%Y %H:%M" has a time of day, and the column takes only a date. Write one like "%d/%m/%Y".

        date_of_birth = { canonical = "email" }
        hayloft.toml, line 10: tables.users.columns.date_of_birth.canonical: canonical is for text, and the column is date. Remove the setting.

        date_of_birth = { zone = "Europe/Berlin" }
        hayloft.toml, line 10: tables.users.columns.date_of_birth.zone: zone is for timestamps, and the column is date. Remove the setting.

        date_of_birth = { empty_as = "empty" }
        hayloft.toml, line 10: tables.users.columns.date_of_birth.empty_as: empty_as can be "empty" only for text, and the column is date. Remove the setting.

        { empty_as = "empty" }
        hayloft.toml, line 9: tables.users.columns.email.empty_as: the column is part of the key, and no part of a key is ever empty. Remove the setting.

        { user = "users" }
        hayloft.toml, line 15: tables.transactions.references names "user", and datawarehouse.transactions has no such column. Add a migration with: alter table datawarehouse.transactions add column user uuid not null;

        { user_id = "user" }
        hayloft.toml, line 15: tables.transactions.references.user_id names "user", and there is no section [tables.user]. Did you mean "users"?

        { user_id = "transactions" }
        hayloft.toml, line 15: tables.transactions.references.user_id names "transactions", which is a fact table. A fact refers to a dimension; remove the reference.

        { amount = "users" }
        hayloft.toml, line 15: tables.transactions.references names "amount", which is numeric; a reference holds the durable key of the dimension, a uuid. Name a uuid column, or give the column that type.

        { load_id = "users" }
        hayloft.toml, line 15: tables.transactions.references names "load_id", which Hayloft fills itself: no file does. Remove it from the setting.

        { user_id = "users", created_at = "users" }
        hayloft.toml, line 15: tables.transactions.references names "created_at", which Hayloft fills itself: no file does. Remove it from the setting.

        ["id", "user_id"]
        hayloft.toml, line 12: datawarehouse.transactions does not refuse two facts with the same key. Add a migration with: create unique index on datawarehouse.transactions (id, user_id);
    "#]].assert_eq(&told);
}

#[test]
fn what_the_database_has_and_cannot_work_is_refused() {
    type Change = fn(&mut Catalog);
    let cases: [(&str, Change); 17] = [
        ("no table", |c| drop(c.tables.remove("transactions"))),
        ("a view", |c| users(c).relation = Relation::NotATable),
        ("no version number", |c| {
            users(c)
                .columns
                .retain(|column| column.name != "version_number");
        }),
        ("no end", |c| {
            users(c)
                .columns
                .retain(|column| column.name != "effective_end_date");
        }),
        ("a date as start", |c| {
            find(users(c), "effective_start_date").column_type = ColumnType::Date;
        }),
        ("an end that must be", |c| {
            find(users(c), "effective_end_date").nullability = Nullability::Required;
        }),
        ("a plain is_current", |c| {
            find(users(c), "is_current").origin = Origin::Inserted;
        }),
        ("a durable key of text", |c| {
            find(users(c), "user_id").column_type = ColumnType::Int8;
        }),
        ("no unique keys", |c| users(c).unique_keys.clear()),
        ("another condition", |c| {
            users(c).unique_keys[1].predicate = Some("(version_number = 1)".into());
        }),
        ("a key over all versions", |c| {
            users(c).unique_keys.push(unique(&["email"], None));
        }),
        ("no fact key", |c| facts(c).unique_keys.clear()),
        ("a partial fact key", |c| {
            facts(c).unique_keys[0].predicate = Some("(amount > 0)".into());
        }),
        ("a stamp that is a date", |c| {
            find(facts(c), "updated_at").column_type = ColumnType::Date;
        }),
        ("a key of json", |c| {
            find(facts(c), "id").column_type = ColumnType::Other(ServerType::unknown("citext"));
        }),
        ("names that differ in case alone", |c| {
            users(c).columns.push(column("Name", ColumnType::Date));
        }),
        ("a fact with the natural key's name", |c| {
            let email = find(users(c), "email").clone();
            facts(c).columns.push(email);
        }),
    ];
    let mut told = String::new();
    for (name, change) in cases {
        writeln!(told, "\n{name}\n{}", altered(change)).unwrap();
    }
    expect![[r#"

        no table
        hayloft.toml, line 12: datawarehouse.transactions is not in the database. Run `hayloft migrate`, or add a migration that creates it.

        a view
        hayloft.toml, line 3: datawarehouse.users is a view or a foreign table, and only a table can be loaded. Name the table that is behind it.

        no version number
        hayloft.toml, line 3: datawarehouse.users has no column version_number, which Hayloft fills. Add a migration with: alter table datawarehouse.users add column version_number integer not null;

        no end
        hayloft.toml, line 3: datawarehouse.users has no column effective_end_date, which Hayloft fills. Add a migration with: alter table datawarehouse.users add column effective_end_date timestamp with time zone;

        a date as start
        hayloft.toml, line 3: datawarehouse.users.effective_start_date is date, and what Hayloft puts there is timestamp with time zone. Add a migration with: alter table datawarehouse.users alter column effective_start_date type timestamp with time zone;

        an end that must be
        hayloft.toml, line 3: datawarehouse.users.effective_end_date is not null, and the current version has no end. Add a migration with: alter table datawarehouse.users alter column effective_end_date drop not null;

        a plain is_current
        hayloft.toml, line 3: datawarehouse.users.is_current is not a generated column, so nothing would keep it true. Add a migration with: alter table datawarehouse.users drop column is_current, add column is_current boolean generated always as (effective_end_date is null) stored;

        a durable key of text
        hayloft.toml, line 6: tables.users.durable_key names "user_id", which is bigint; the durable key is a uuid. Name a uuid column, or add a migration with: alter table datawarehouse.users add column durable_key uuid not null;

        no unique keys
        hayloft.toml has 2 problems:
          line 3: datawarehouse.users does not refuse a second current version of one key. Add a migration with: create unique index on datawarehouse.users (user_id) where effective_end_date is null;
          line 3: datawarehouse.users does not refuse two versions of one key that begin together. Add a migration with: create unique index on datawarehouse.users (user_id, effective_start_date);

        another condition
        hayloft.toml, line 3: datawarehouse.users does not refuse a second current version of one key. Add a migration with: create unique index on datawarehouse.users (user_id) where effective_end_date is null;

        a key over all versions
        hayloft.toml, line 3: datawarehouse.users is unique by (email) over all versions, so a key could not have a second one. Add a migration that replaces this with: create unique index on datawarehouse.users (email) where effective_end_date is null;

        no fact key
        hayloft.toml, line 12: datawarehouse.transactions does not refuse two facts with the same key. Add a migration with: create unique index on datawarehouse.transactions (id);

        a partial fact key
        hayloft.toml, line 12: datawarehouse.transactions does not refuse two facts with the same key. Add a migration with: create unique index on datawarehouse.transactions (id);

        a stamp that is a date
        hayloft.toml, line 12: datawarehouse.transactions.updated_at is date, and what Hayloft puts there is timestamp with time zone. Add a migration with: alter table datawarehouse.transactions alter column updated_at type timestamp with time zone;

        a key of json
        hayloft.toml, line 14: tables.transactions.key names "id", which is citext: one value of it can be spelled in several ways, and each would be a key of its own. Take a column of another type, such as text.

        names that differ in case alone
        hayloft.toml, line 3: datawarehouse.users has columns name and "Name", which differ in case alone, and files may write a name in any case. Add a migration with: alter table datawarehouse.users rename column "Name" to another_name;

        a fact with the natural key's name
        hayloft.toml, line 12: tables.transactions.references.user_id: a file may name a member of users by "email", and datawarehouse.transactions has a column of that name itself. Say which fields of the file name this one: user_id = { to = "users", from = ["users_email"] }.
    "#]].assert_eq(&told);
}

#[test]
fn a_unique_key_may_hold_among_current_versions_or_with_the_surrogate() {
    let told = altered(|catalog| {
        users(catalog)
            .unique_keys
            .extend([unique(&["email"], CURRENT), unique(&["id"], None)]);
    });
    assert_eq!(told, "It was taken.");
}

#[test]
fn two_references_that_one_column_could_mean_are_refused() {
    let mut catalog = migrated();
    facts(&mut catalog)
        .columns
        .push(column("payee_id", ColumnType::Uuid));
    let toml = SHIPPED.replace(
        "{ user_id = \"users\" }",
        "{ user_id = \"users\", payee_id = \"users\" }",
    );
    expect![[r#"hayloft.toml, line 12: tables.transactions.references.payee_id: a file may name a member of users by "email", and so may the reference user_id. Say which fields of the file name this one: payee_id = { to = "users", from = ["users_email"] }."#]].assert_eq(&join(&toml, &catalog).unwrap_err().to_string());
}

#[test]
fn the_problems_of_all_tables_are_told_together() {
    let told = altered(|catalog| catalog.tables.clear());
    expect![[r"
        hayloft.toml has 2 problems:
          line 3: datawarehouse.users is not in the database. Run `hayloft migrate`, or add a migration that creates it.
          line 12: datawarehouse.transactions is not in the database. Run `hayloft migrate`, or add a migration that creates it."]].assert_eq(&told);
}
