//! What becomes of one fact, without a database: a key, an amount and a note; the note names the
//! member.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::super::same::is_same;
use super::chain::{Entry, Forgotten, Past, Row, Rules, Saying, Settled, Waiting, Words, settle};
use crate::contract::{Column, ColumnType, JsonKind};
use crate::merge::history::fold::Cell;
use crate::merge::sql::tests::contract;

/// `id`, `user_id`, `amount` and the date, of which the second names a member.
fn columns() -> Vec<Column> {
    contract("transactions").columns
}

fn cells(texts: [&str; 3]) -> Vec<Cell> {
    let [member, amount, date] = texts;
    ["7", member, amount, date]
        .map(|text| (text != "-").then(|| Arc::from(text)))
        .to_vec()
}

/// A row of a load, at the instant of its number. A column with `-` is none of the file's.
fn saying(load: i64, words: Words, texts: [&str; 3]) -> Saying {
    let cells = cells(texts);
    Saying {
        at: load * 10,
        load,
        line: 2,
        counts: true,
        authored: cells.iter().map(Option::is_some).collect(),
        cells,
        misfits: BTreeSet::new(),
        words,
        digest: None,
    }
}

/// A row whose words are nowhere but in the table.
fn silent(load: i64) -> Saying {
    Saying {
        authored: Arc::from([true; 4]),
        cells: vec![None; 4],
        ..saying(load, Words::Shown, ["-"; 3])
    }
}

fn row(load: i64, texts: [&str; 3]) -> Row {
    Row {
        cells: cells(texts),
        load,
        line: 2,
    }
}

fn past(shown: Option<Row>, said: Vec<Saying>) -> Past {
    Past {
        key: Uuid::nil(),
        shown,
        waiting: None,
        said,
        let_in: Vec::new(),
        kept_columns: BTreeSet::new(),
        entry: Entry::Open,
    }
}

fn settled(past: &Past, counts: impl Fn(&Saying) -> bool) -> Settled {
    let columns = columns();
    let known = ["ann", "bob"].map(|member| (1, Arc::from(member)));
    let rules = Rules {
        columns: &columns,
        references: &[1],
        known: &HashSet::from(known),
    };
    settle(&rules, past, counts)
}

fn fact(settled: &Settled) -> Option<&Row> {
    settled.fact.as_ref().map(|(row, _)| row)
}

#[test]
fn a_row_without_words_said_what_stood_when_it_came() {
    let mut past = past(
        Some(row(4, ["ann", "3", "d"])),
        vec![
            saying(1, Words::Kept, ["ann", "1", "d"]),
            silent(2),
            Saying {
                counts: false,
                ..saying(3, Words::Kept, ["bob", "2", "d"])
            },
            silent(4),
            silent(5),
        ],
    );
    past.resolve().unwrap();
    let amounts: Vec<_> = past
        .said
        .iter()
        .map(|said| said.cells[2].as_deref().unwrap())
        .collect();
    assert_eq!(amounts, ["1", "1", "2", "3", "3"]);
}

#[test]
fn what_a_row_relied_on_is_written_down_when_it_goes() {
    let mut past = past(
        Some(row(1, ["ann", "1", "d"])),
        vec![
            saying(1, Words::Shown, ["ann", "1", "d"]),
            silent(2),
            silent(3),
        ],
    );
    past.resolve().unwrap();
    let without = settled(&past, |said| said.load != 1);
    assert_eq!(fact(&without), Some(&row(2, ["ann", "1", "d"])));
    // The first row has no fact any more that shows what it said; the third says what the second does.
    assert_eq!(without.kept, [0]);
    let with_none = settled(&past, |_| false);
    assert_eq!(fact(&with_none), None);
    assert_eq!(with_none.kept, [0, 1, 2]);
}

#[test]
fn each_column_has_its_own_last_word() {
    let past = past(
        None,
        vec![
            saying(1, Words::Kept, ["ann", "1", "d"]),
            saying(2, Words::Kept, ["-", "2", "-"]),
            saying(3, Words::Kept, ["bob", "-", "-"]),
        ],
    );
    assert_eq!(
        fact(&settled(&past, |_| true)),
        Some(&row(3, ["bob", "2", "d"]))
    );
    let without = settled(&past, |said| said.load != 2);
    assert_eq!(fact(&without), Some(&row(3, ["bob", "1", "d"])));
    let alone = settled(&past, |said| said.load == 2);
    assert_eq!(fact(&alone), Some(&row(2, ["-", "2", "-"])));
}

#[test]
fn a_fact_stops_before_the_row_that_names_an_unknown_member() {
    let past = past(
        None,
        vec![
            saying(1, Words::Kept, ["ann", "1", "d"]),
            saying(2, Words::Kept, ["zoe", "2", "-"]),
            saying(3, Words::Kept, ["-", "3", "-"]),
        ],
    );
    let settled_ = settled(&past, |_| true);
    assert_eq!(fact(&settled_), Some(&row(1, ["ann", "1", "d"])));
    let [id, member, amount, _] = <[Cell; 4]>::try_from(cells(["zoe", "3", "-"])).unwrap();
    let waiting = Waiting {
        cells: vec![Some(id), Some(member), Some(amount), None],
        misfits: BTreeSet::new(),
        load: 3,
        line: 2,
    };
    assert_eq!(settled_.waiting, Some(waiting));
    assert_eq!(settled_.waits_from, 1);
    // Without the row that named her, the later one waits for nobody.
    let without = settled(&past, |said| said.load != 2);
    assert_eq!(fact(&without), Some(&row(3, ["ann", "3", "d"])));
    assert_eq!(without.waiting, None);
}

#[test]
fn a_row_of_which_nothing_is_left_is_left_out_and_one_of_old_times_is_told() {
    let mut deleted = past(
        None,
        vec![silent(1), saying(2, Words::Kept, ["ann", "1", "d"])],
    );
    deleted.resolve().unwrap();
    assert_eq!(deleted.said.len(), 1);
    let old = Saying {
        line: 0,
        ..silent(1)
    };
    assert_eq!(past(None, vec![old]).resolve(), Err(Forgotten));
}

#[test]
fn texts_of_one_value_are_the_same() {
    let of = |column_type| Column {
        column_type,
        ..columns().swap_remove(2)
    };
    let cell = |text: &str| -> Cell { Some(Arc::from(text)) };
    let numeric = of(ColumnType::Numeric(None));
    assert!(is_same(&numeric, &cell("1.50"), &cell("1.5")));
    assert!(is_same(&numeric, &cell("10.0"), &cell("10")));
    assert!(!is_same(&numeric, &cell("10"), &cell("1")));
    assert!(!is_same(&numeric, &cell("0"), &None));
    assert!(is_same(&numeric, &None, &None));
    let json = of(ColumnType::Json(JsonKind::Text));
    let document = |number: &str| cell(&format!(r#"{{"a": {number}}}"#));
    assert!(is_same(&json, &document("1.0"), &document("1")));
    // As floating numbers these would be one.
    let (one, other) = ("12345678901234567890.1", "12345678901234567890.2");
    assert!(!is_same(&json, &document(one), &document(other)));
    assert!(is_same(&of(ColumnType::Float8), &cell("-0"), &cell("0")));
    assert!(!is_same(&of(ColumnType::Bool), &cell("t"), &cell("true")));
}
