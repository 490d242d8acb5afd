//! Which row counts, and what the others are.

use super::*;

const PLAIN: Head = Head {
    instant: 0,
    sequence: 0,
    presence: 0,
    ignored: None,
};

/// Rows that share an instant, with a sequence.
const SEQUENCED: Head = Head {
    sequence: 1,
    ..PLAIN
};

/// Rows of a feed.
const FEED: Head = Head {
    instant: 8,
    sequence: 0,
    presence: 1,
    ignored: None,
};

fn place(line: u64) -> Place {
    Place {
        line,
        offset: 0,
        length: 0,
    }
}

const ANN: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

/// A row of Ann, of which more can be said.
const fn row(line: u64, cells: &str) -> Row<'_> {
    Row {
        key: ANN,
        place: Place {
            line,
            offset: 0,
            length: 0,
        },
        presence: Presence::Present,
        at: None,
        sequence: &[],
        cells: cells.as_bytes(),
    }
}

fn rows(policy: Duplicates, head: Head, all: &[Row<'_>]) -> Rows {
    let mut rows = Rows::with(policy, head);
    for row in all {
        rows.push(row).unwrap();
    }
    rows
}

fn losses(rows: &mut Rows) -> Vec<(u64, Loss)> {
    let mut losses = Vec::new();
    rows.losses(|place, loss| {
        losses.push((place.line, loss));
        Ok::<_, io::Error>(())
    })
    .unwrap();
    losses.sort_by_key(|(line, _)| *line);
    losses
}

fn lines(rows: &Rows) -> Vec<u64> {
    rows.iter().map(|row| row.place.line).collect()
}

/// One key, these cells on lines 2, 3, …: which line wins, and what the others are.
fn outcome(policy: Duplicates, cells: &[&str]) -> (u64, Vec<(u64, Loss)>) {
    let all: Vec<_> = (2..)
        .zip(cells)
        .map(|(line, cells)| row(line, cells))
        .collect();
    let mut rows = rows(policy, PLAIN, &all);
    let losses = losses(&mut rows);
    let winner = rows.iter().next().unwrap();
    assert_eq!(
        winner.cells,
        cells[usize::try_from(winner.place.line).unwrap() - 2].as_bytes()
    );
    (winner.place.line, losses)
}

const fn lost_to(winner: u64) -> Loss {
    Loss::Conflicting { winner }
}

const fn superseded_by(winner: u64) -> Loss {
    Loss::Superseded { winner }
}

#[test]
fn of_equal_rows_the_first_stands() {
    assert_eq!(
        outcome(Duplicates::Last, &["a", "a"]),
        (2, vec![(3, Loss::Exact)])
    );
}

#[test]
fn of_different_rows_the_last_wins_and_the_loser_knows_the_winner() {
    assert_eq!(
        outcome(Duplicates::Last, &["a", "b"]),
        (3, vec![(2, lost_to(3))])
    );
}

#[test]
fn a_row_that_comes_back_makes_its_earlier_self_an_exact_duplicate() {
    assert_eq!(
        outcome(Duplicates::Last, &["a", "a", "b", "a"]),
        (5, vec![(2, Loss::Exact), (3, Loss::Exact), (4, lost_to(5))])
    );
}

#[test]
fn the_first_wins_where_the_contract_says_so() {
    assert_eq!(
        outcome(Duplicates::First, &["a", "b", "a"]),
        (2, vec![(3, lost_to(2)), (4, Loss::Exact)])
    );
}

#[test]
fn a_contested_key_is_taken_out_whole_and_an_agreed_one_stays() {
    let bob = |line, cells| Row {
        key: BOB,
        ..row(line, cells)
    };
    let all = [row(2, "a"), bob(3, "x"), row(4, "b"), bob(5, "x")];
    let mut rows = rows(Duplicates::RejectKey, PLAIN, &all);
    assert_eq!(rows.remove_contested().unwrap(), [(ANN, place(2))]);
    assert_eq!(rows.iter().map(|row| row.key).collect::<Vec<_>>(), [BOB]);
}

#[test]
fn a_key_contested_at_one_instant_is_taken_out_at_all() {
    let at = |at, row: Row<'static>| Row {
        at: Some(at),
        ..row
    };
    let other = Row {
        key: BOB,
        ..row(5, "x")
    };
    let all = [
        at(7, row(2, "a")),
        at(8, row(3, "a")),
        at(8, row(4, "b")),
        at(8, other),
    ];
    let mut rows = rows(Duplicates::RejectKey, FEED, &all);
    let removed = rows.remove_contested().unwrap();
    assert_eq!(removed, [(ANN, place(2)), (ANN, place(3))]);
    assert_eq!(lines(&rows), [5]);
}

#[test]
fn the_greatest_sequence_wins_whatever_is_done_with_duplicates() {
    let sequenced = |line, sequence, cells| Row {
        sequence,
        ..row(line, cells)
    };
    let all = [
        sequenced(2, b"5", "a"),
        sequenced(3, b"7", "b"),
        sequenced(4, b"6", "c"),
        sequenced(5, b"6", "d"),
        sequenced(6, b"1", "b"),
    ];
    for policy in [
        Duplicates::Last,
        Duplicates::First,
        Duplicates::RejectKey,
        Duplicates::FailFile,
    ] {
        let mut rows = rows(policy, SEQUENCED, &all);
        assert_eq!(
            losses(&mut rows),
            [
                (2, superseded_by(3)),
                (4, superseded_by(3)),
                (5, superseded_by(3)),
                (6, Loss::Exact)
            ],
            "{policy:?}"
        );
        assert_eq!(rows.remove_contested().unwrap(), [], "{policy:?}");
        let winner = rows.iter().next().unwrap();
        assert_eq!((winner.sequence, winner.cells), (&b"7"[..], &b"b"[..]));
    }
}

#[test]
fn rows_of_one_sequence_are_duplicates_like_others() {
    let all = [("6", "a"), ("7", "b"), ("7", "c"), ("7", "c")];
    let all: Vec<_> = (2..)
        .zip(all)
        .map(|(line, (sequence, cells))| Row {
            sequence: sequence.as_bytes(),
            ..row(line, cells)
        })
        .collect();
    let mut last = rows(Duplicates::Last, SEQUENCED, &all);
    assert_eq!(lines(&last), [4]);
    assert_eq!(
        losses(&mut last),
        [(2, superseded_by(4)), (3, lost_to(4)), (5, Loss::Exact)]
    );
    let mut first = rows(Duplicates::First, SEQUENCED, &all);
    assert_eq!(lines(&first), [3]);
    assert_eq!(
        losses(&mut first),
        [(2, superseded_by(3)), (4, lost_to(3)), (5, lost_to(3))]
    );
    let mut neither = rows(Duplicates::RejectKey, SEQUENCED, &all);
    assert_eq!(neither.remove_contested().unwrap().len(), 1);
    assert!(neither.is_empty());
}

#[test]
fn rows_with_instants_of_their_own_are_one_a_key_instant_and_sequence() {
    let head = Head {
        sequence: 1,
        ..FEED
    };
    let said = |line, at, sequence, cells| Row {
        at: Some(at),
        sequence,
        ..row(line, cells)
    };
    let gone = Row {
        presence: Presence::Absent,
        ..said(5, 20, b"1", "")
    };
    let all = [
        said(2, 20, b"1", "a"),
        said(3, -10, b"1", "b"),
        said(4, 20, b"2", "c"),
        gone,
        said(6, -10, b"1", "b"),
    ];
    let mut rows = rows(Duplicates::Last, head, &all);
    let kept: Vec<_> = rows
        .iter()
        .map(|row| (row.place.line, row.at, row.sequence.to_vec(), row.presence))
        .collect();
    let (there, absent) = (Presence::Present, Presence::Absent);
    assert_eq!(
        kept,
        [
            (5, Some(20), b"1".to_vec(), absent),
            (3, Some(-10), b"1".to_vec(), there),
            (4, Some(20), b"2".to_vec(), there),
        ]
    );
    assert_eq!(losses(&mut rows), [(2, lost_to(5)), (6, Loss::Exact)]);
}

#[test]
fn a_delete_differs_from_a_row_of_nothing_but_nulls() {
    let there = Row {
        at: Some(1),
        ..row(2, "")
    };
    let gone = Row {
        presence: Presence::Absent,
        at: Some(1),
        ..row(3, "")
    };
    let mut rows = rows(Duplicates::Last, FEED, &[there, gone]);
    assert_eq!(losses(&mut rows), [(2, lost_to(3))]);
}

#[test]
fn a_delete_that_means_nothing_wins_against_no_row() {
    let delete = Row {
        presence: Presence::Absent,
        at: Some(5),
        ..row(3, "")
    };
    let present = Row {
        at: Some(5),
        ..row(2, "Ann")
    };
    let all = [present, delete];
    let kept = Head {
        ignored: Some(Presence::Absent),
        ..FEED
    };
    assert_eq!(lines(&rows(Duplicates::Last, FEED, &all)), [3]);
    assert_eq!(lines(&rows(Duplicates::Last, kept, &all)), [2, 3]);
}

#[test]
fn memory_is_bounded_by_keys_not_by_rows() {
    let mut rows = Rows::with(Duplicates::Last, PLAIN);
    for line in 0..10_000 {
        rows.push(&row(line, &format!("{line:0100}"))).unwrap();
    }
    assert_eq!(rows.len(), 1);
    assert!(
        rows.bytes.len() <= 400,
        "{} bytes for one row of 100",
        rows.bytes.len()
    );
}

#[test]
fn the_usual_row_takes_no_more_memory_than_its_cells() {
    let rows = rows(Duplicates::Last, PLAIN, &[row(2, "abc")]);
    assert_eq!(rows.bytes, b"abc");
    assert_eq!(size_of::<Winner>(), 56);
}
