//! Parse, key and stage, each alone and without a database: `script/bench --rooms`.
//!
//! What they tell is how much of a core the loader's own work takes. The server takes many times
//! more, so this is about not standing in its way.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use hayloft::contract::catalog::{Catalog, CatalogColumn, CatalogTable, UniqueKey};
use hayloft::contract::{
    ColumnType, Contract, ContractFile, Contracts, Nullability, Precision, TableName, WAREHOUSE,
};
use hayloft::stage::csv::{CsvFile, Limits};
use hayloft::stage::key::KeyScheme;
use hayloft::stage::{self, Progress, Source};
use uuid::Uuid;

const ROWS: usize = 100_000;

fn main() {
    divan::main();
}

/// Bytes to records.
#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let text = people();
    let counted = bencher
        .counter(BytesCount::of_str(&text))
        .counter(ItemsCount::new(ROWS));
    counted.bench(|| {
        let mut file = CsvFile::open(text.as_bytes(), Limits::default()).unwrap();
        while let Some(record) = file.next_record().unwrap() {
            black_box(record.content.unwrap());
        }
    });
}

/// Natural keys to durable ones.
#[divan::bench(args = ["plain", "secret"])]
fn key(bencher: Bencher<'_, '_>, scheme: &str) {
    let scheme = match scheme {
        "secret" => KeyScheme::with_secret(b"hush"),
        _ => KeyScheme::plain(),
    };
    let emails: Vec<[String; 1]> = (0..ROWS).map(|number| [email(number)]).collect();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        for email in &emails {
            black_box(scheme.durable_key(email));
        }
    });
}

/// A file to rows that are ready for the server: in memory, and with too little of it.
#[divan::bench(args = ["held", "spilled"])]
fn stage(bencher: Bencher<'_, '_>, rows: &str) {
    let limits = stage::Limits {
        memory_bytes: if rows == "held" { 1 << 30 } else { 1 << 22 },
        ..stage::Limits::default()
    };
    let text = people();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let (contract, keys) = (users(), KeyScheme::plain());
    let counted = bencher
        .counter(BytesCount::of_str(&text))
        .counter(ItemsCount::new(ROWS));
    counted.bench_local(|| staged(&file, &contract, &keys, &limits));
}

fn staged(
    mut file: &File,
    contract: &Contract,
    keys: &KeyScheme,
    limits: &stage::Limits,
) -> stage::Staged {
    file.seek(SeekFrom::Start(0)).unwrap();
    let source = Source {
        claim: Uuid::nil(),
        name: "users.csv".to_owned(),
        file: file.try_clone().unwrap(),
    };
    stage::stage(source, contract, keys, limits, &Unheard).unwrap()
}

struct Unheard;

impl Progress for Unheard {
    fn advanced(&self, _: u64) {}
}

fn people() -> String {
    let mut text = "name,email,date_of_birth\n".to_owned();
    for number in 0..ROWS {
        let (day, month) = (number % 28 + 1, number % 12 + 1);
        let year = 1940 + number % 66;
        let email = email(number);
        writeln!(text, "Rosemary Fletcher,{email},{day:02}/{month:02}/{year}").unwrap();
    }
    text
}

fn email(number: usize) -> String {
    format!("rosemary.fletcher{number}@example.com")
}

/// The contract of the dimension that the program ships with, as its catalog would give it.
fn users() -> Contract {
    let toml = include_str!("../hayloft.toml");
    let (users, _) = toml.split_once("[tables.transactions]").unwrap();
    let file = ContractFile::parse(&PathBuf::from("hayloft.toml"), users).unwrap();
    let text = || ColumnType::Text {
        sql: "text".to_owned(),
        max_chars: None,
    };
    let given = |name, column_type| CatalogColumn::new(name, column_type, Nullability::Required);
    let key = |columns: &[&str], predicate: Option<&str>| UniqueKey {
        columns: columns.iter().map(ToString::to_string).collect(),
        predicate: predicate.map(ToOwned::to_owned),
    };
    let users = CatalogTable::new(
        vec![
            given("user_id", ColumnType::Uuid),
            given("name", text()),
            given("email", text()),
            given("date_of_birth", ColumnType::Date),
            given(
                "effective_start_date",
                ColumnType::TimestampTz(Precision::MICROS),
            ),
            CatalogColumn::new(
                "effective_end_date",
                ColumnType::TimestampTz(Precision::MICROS),
                Nullability::Nullable,
            ),
            given("version_number", ColumnType::Int4),
            given("load_id", ColumnType::Int8),
            given("source_line", ColumnType::Int8),
        ],
        vec![
            key(&["user_id", "effective_start_date"], None),
            key(&["user_id"], Some("(effective_end_date IS NULL)")),
        ],
    );
    let catalog = Catalog {
        schema: WAREHOUSE.to_owned(),
        tables: BTreeMap::from([("users".to_owned(), users)]),
        obstacles: BTreeMap::new(),
    };
    let contracts = Contracts::join(&file, &catalog).unwrap();
    contracts.get(&TableName::new("users")).unwrap().clone()
}
