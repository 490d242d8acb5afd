//! What the example data promises, checked on what is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use super::*;

const FILES: [(&str, u64); 4] = [
    ("inserts/users.csv", 10_000),
    ("inserts/transactions.csv", 20_000),
    ("updates/users.csv", 266),
    ("updates/transactions.csv", 250),
];

/// What a fault is called, and whether a row has it.
type Fault = (&'static str, fn(&Row) -> bool);

fn committed_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("example_data")
}

/// The rows of a committed file, without the header.
fn committed(name: &str) -> Vec<Row> {
    read(&committed_folder().join(name))
}

fn read(path: &Path) -> Vec<Row> {
    csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .unwrap()
        .into_records()
        .map(|record| record.unwrap().iter().map(String::from).collect())
        .collect()
}

fn address(row: &[String], column: usize) -> String {
    row[column].to_lowercase()
}

fn is_good_person(row: &Row) -> bool {
    row.len() == 3
        && row[1].matches('@').count() == 1
        && NaiveDate::parse_from_str(&row[2], "%d/%m/%Y").is_ok()
}

fn first_people() -> BTreeMap<String, Vec<Row>> {
    let mut people = BTreeMap::<_, Vec<Row>>::new();
    for row in committed("inserts/users.csv") {
        people.entry(address(&row, 1)).or_default().push(row);
    }
    people
}

/// The good rows of `updates/users.csv` whose people were there before, and the others.
fn updated_people() -> (Vec<Row>, Vec<Row>) {
    let before = first_people();
    committed("updates/users.csv")
        .into_iter()
        .filter(is_good_person)
        .partition(|row| before.contains_key(&address(row, 1)))
}

#[test]
fn the_committed_files_are_what_the_generator_makes_byte_for_byte() {
    if env::var_os("UPDATE_EXPECT").is_some() {
        generate(&committed_folder(), EXAMPLE_SEED, Sizes::default()).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), EXAMPLE_SEED, Sizes::default()).unwrap();
    for (name, _) in FILES {
        let (made, kept) = (folder.path().join(name), committed_folder().join(name));
        assert!(
            fs::read(made).unwrap() == fs::read(kept).unwrap(),
            "example_data/{name} is not what the generator makes. If the change is meant: \
             UPDATE_EXPECT=1 cargo test generate::"
        );
    }
}

#[test]
fn it_says_what_it_wrote_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let generated = generate(folder.path(), EXAMPLE_SEED, Sizes::default()).unwrap();
    let expected = FILES.map(|(name, rows)| GeneratedFile {
        path: folder.path().join(name),
        rows,
    });
    assert_eq!(generated.files, expected);
    for file in generated.files {
        assert_eq!(read(&file.path).len() as u64, file.rows);
    }
}

#[test]
fn every_row_is_good_except_six_of_the_updated_people() {
    for (name, bad) in [("inserts/users.csv", 0), ("updates/users.csv", 6)] {
        let rows = committed(name);
        let good = rows.iter().filter(|row| is_good_person(row)).count();
        assert_eq!(rows.len() - good, bad, "{name}");
    }
    for name in ["inserts/transactions.csv", "updates/transactions.csv"] {
        for row in committed(name) {
            assert!(row[0].parse::<u64>().is_ok(), "{row:?}");
            assert_eq!(row[1].matches('@').count(), 1, "{row:?}");
            let (_, cents) = row[2].split_once('.').unwrap();
            assert!(cents.len() == 2 && row[2].parse::<f64>().is_ok(), "{row:?}");
            NaiveDate::parse_from_str(&row[3], "%d/%m/%Y").unwrap();
        }
    }
}

#[test]
fn each_bad_row_has_a_fault_of_its_own() {
    let bad: Vec<Row> = committed("updates/users.csv")
        .into_iter()
        .filter(|row| !is_good_person(row))
        .collect();
    let faults: [Fault; 6] = [
        ("no such day", |row| {
            row.len() == 3 && row[2] == "31/02/1990"
        }),
        ("no e-mail", |row| row.len() == 3 && row[1].is_empty()),
        ("another format", |row| {
            row.len() == 3 && NaiveDate::parse_from_str(&row[2], "%Y-%m-%d").is_ok()
        }),
        ("a field too few", |row| row.len() == 2),
        ("two @", |row| row.len() == 3 && row[1].contains("@@")),
        ("no date", |row| row.len() == 3 && row[2].is_empty()),
    ];
    for (fault, has_it) in faults {
        assert_eq!(bad.iter().filter(|row| has_it(row)).count(), 1, "{fault}");
    }
}

#[test]
fn thirty_six_addresses_belong_to_two_different_people_and_the_others_to_one() {
    let people = first_people();
    let shared: Vec<&Vec<Row>> = people.values().filter(|rows| rows.len() > 1).collect();
    assert_eq!(people.len(), 10_000 - 36);
    assert_eq!(shared.len(), 36);
    for rows in shared {
        assert_eq!(rows.len(), 2);
        assert!(rows[0][0] != rows[1][0] && rows[0][2] != rows[1][2]);
    }
}

#[test]
fn two_hundred_people_change_and_none_of_them_shares_an_address() {
    let before = first_people();
    let (changed, _) = updated_people();
    let addresses: BTreeSet<String> = changed.iter().map(|row| address(row, 1)).collect();
    assert_eq!((changed.len(), addresses.len()), (200, 200));
    for row in changed {
        let [old] = before[&address(&row, 1)].as_slice() else {
            panic!("a changed person shares an address");
        };
        let (name_differs, birth_differs) = (old[0] != row[0], old[2] != row[2]);
        assert!(name_differs ^ birth_differs, "exactly one of the two");
    }
}

#[test]
fn sixty_people_are_new_and_twelve_transactions_waited_for_them() {
    let (_, new) = updated_people();
    let new: BTreeSet<String> = new.iter().map(|row| address(row, 1)).collect();
    let before = first_people();
    let waiting: BTreeSet<String> = committed("inserts/transactions.csv")
        .iter()
        .map(|row| address(row, 1))
        .filter(|email| !before.contains_key(email))
        .collect();
    assert_eq!(new.len(), 60);
    assert_eq!(waiting.intersection(&new).count(), 12);
    assert_eq!(waiting.difference(&new).count(), 2);
}

#[test]
fn one_transaction_waits_for_a_person_whose_row_is_bad() {
    let bad = committed("updates/users.csv")
        .into_iter()
        .find(|row| row.get(2).is_some_and(|day| day == "31/02/1990"))
        .unwrap();
    let waiting = committed("inserts/transactions.csv")
        .iter()
        .filter(|row| address(row, 1) == bad[1])
        .count();
    assert_eq!(waiting, 1);
}

#[test]
fn a_hundred_transactions_change_and_fifty_new_ones_are_of_new_people() {
    let before: BTreeMap<String, Row> = committed("inserts/transactions.csv")
        .into_iter()
        .map(|row| (row[0].clone(), row))
        .collect();
    assert_eq!(before.len(), 20_000, "no id twice");
    let (changed, new): (Vec<Row>, Vec<Row>) = committed("updates/transactions.csv")
        .into_iter()
        .partition(|row| before.contains_key(&row[0]));
    for row in &changed {
        let old = &before[&row[0]];
        assert_eq!(old[1], row[1], "a correction leaves its person");
        assert!((old[2] != row[2]) ^ (old[3] != row[3]), "amount or day");
    }
    let first = first_people();
    let of_new_people = new
        .iter()
        .filter(|row| !first.contains_key(&address(row, 1)))
        .count();
    assert_eq!((changed.len(), new.len(), of_new_people), (100, 150, 50));
}

#[test]
fn the_protagonist_has_a_new_name_and_a_corrected_amount() {
    let hers = |name, column: usize| -> Vec<Row> {
        committed(name)
            .into_iter()
            .filter(|row| address(row, column) == PROTAGONIST_EMAIL)
            .collect()
    };
    assert_eq!(
        hers("inserts/users.csv", 1),
        [["Zoë Müller", PROTAGONIST_EMAIL, "14/03/1991"]]
    );
    assert_eq!(
        hers("updates/users.csv", 1),
        [["Zoë Müller-O'Connor", PROTAGONIST_EMAIL, "14/03/1991"]]
    );
    let before = hers("inserts/transactions.csv", 1);
    let after = hers("updates/transactions.csv", 1);
    let corrected: Vec<_> = after
        .iter()
        .filter_map(|row| before.iter().find(|old| old[0] == row[0]).zip(Some(row)))
        .collect();
    assert!(before.len() >= 4 && corrected.len() == 1 && after.len() == 2);
    let (old, new) = corrected[0];
    assert_eq!((old[2].as_str(), new[2].as_str()), ("1249.00", "124.90"));
    assert_eq!(old[3], new[3]);
}

#[test]
fn names_and_addresses_are_as_varied_as_promised() {
    let people = committed("inserts/users.csv");
    let names = |wanted: fn(&str) -> bool| people.iter().filter(|row| wanted(&row[0])).count();
    assert!(names(|name| name.contains(',')) > 10);
    assert!(names(|name| name.contains('"')) > 10);
    assert!(names(|name| name.contains("O'Connor")) > 10);
    assert!(names(|name| !name.is_ascii()) > 3_000);
    assert!(people.iter().all(|row| row[1].is_ascii()));
    let capitals = people
        .iter()
        .filter(|row| row[1] != address(row, 1))
        .count();
    assert_eq!(capitals, 100);
}

#[test]
fn another_seed_makes_other_people() {
    let rows = |seed| People::new(seed, Sizes::default()).inserts().take(50);
    let same = rows(1).zip(rows(2)).filter(|(one, two)| one == two).count();
    assert!(same <= 1, "at most the protagonist");
}

#[test]
fn the_files_for_other_numbers_of_people_keep_their_proportions() {
    let folder = tempfile::tempdir().unwrap();
    for (users, rows) in [
        (10, [10, 20, 1, 2]),
        (1_000, [1_000, 2_000, 26, 25]),
        (20_000, [20_000, 40_000, 532, 500]),
    ] {
        let generated = generate(folder.path(), 1, Sizes::for_users(users)).unwrap();
        let written: Vec<u64> = generated.files.iter().map(|file| file.rows).collect();
        assert_eq!(written, rows, "{users} people");
    }
}

#[test]
fn sizes_that_leave_no_room_are_refused() {
    let default = Sizes::default();
    let impossible = [
        Sizes {
            changed_users: 2_501,
            ..default
        },
        Sizes {
            awaited_transactions: 61,
            ..default
        },
        Sizes {
            changed_transactions: 0,
            ..default
        },
        Sizes::for_users(9),
        Sizes::for_users(u64::MAX),
    ];
    let folder = tempfile::tempdir().unwrap();
    for sizes in impossible {
        let refused = generate(folder.path(), 1, sizes);
        assert!(refused.is_err(), "{sizes:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
