//! Which row counts, and what the others are.

use std::collections::HashMap;

use proptest::prelude::*;

use super::held::Entry;
use super::*;
use crate::contract::Duplicates;

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
        digest: Digest::ABSENT,
        sequence: &[],
        cells: cells.as_bytes(),
    }
}

fn rows(policy: Duplicates, head: Head, all: &[Row<'_>]) -> Rows {
    gathered(policy, head, usize::MAX, all)
}

fn gathered(policy: Duplicates, head: Head, most_bytes: usize, all: &[Row<'_>]) -> Rows {
    let mut gathering = Gathering::with(policy, head, most_bytes);
    for row in all {
        gathering.push(row).unwrap();
    }
    gathering.finish().unwrap()
}

fn for_each(rows: &Rows, mut take: impl FnMut(Row<'_>)) {
    let mut rows = rows.in_order();
    while let Some(row) = rows.next_row().unwrap() {
        take(row);
    }
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
    let mut lines = Vec::new();
    for_each(rows, |row| lines.push(row.place.line));
    lines
}

/// The lines of the rows at the positions that are wanted.
fn lines_of(rows: &Rows, wanted: impl Fn(usize) -> bool) -> Vec<u64> {
    let mut lines = Vec::new();
    let mut rows = rows.in_order();
    while let Some(row) = rows.next_wanted(&wanted).unwrap() {
        lines.push(row.place.line);
    }
    lines
}

/// One key, these cells on lines 2, 3, …: which line wins, and what the others are.
fn outcome(policy: Duplicates, cells: &[&str]) -> (u64, Vec<(u64, Loss)>) {
    let all: Vec<_> = (2..)
        .zip(cells)
        .map(|(line, cells)| row(line, cells))
        .collect();
    let mut rows = rows(policy, PLAIN, &all);
    let losses = losses(&mut rows);
    let winner = rows.held().unwrap().get(0).unwrap();
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
    assert_eq!(rows.len(), 1);
    assert_eq!(rows.held().unwrap().get(0).unwrap().key, BOB);
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
        let winner = rows.held().unwrap().get(0).unwrap();
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
    let mut kept = Vec::new();
    for_each(&rows, |row| {
        kept.push((row.place.line, row.at, row.sequence.to_vec(), row.presence));
    });
    let (there, absent) = (Presence::Present, Presence::Absent);
    assert_eq!(
        kept,
        [
            (3, Some(-10), b"1".to_vec(), there),
            (5, Some(20), b"1".to_vec(), absent),
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
    assert_eq!(lines(&rows(Duplicates::Last, kept, &all)), [3, 2]);
}

#[test]
fn memory_is_bounded_by_keys_not_by_rows() {
    let most_bytes = 4_000;
    let mut gathering = Gathering::with(Duplicates::Last, PLAIN, most_bytes);
    for line in 0..10_000 {
        gathering.push(&row(line, &format!("{line:0100}"))).unwrap();
        assert!(gathering.held.memory() <= most_bytes);
    }
    assert!(gathering.runs.is_empty(), "one row needs no disk");
    assert_eq!(gathering.finish().unwrap().len(), 1);
}

#[test]
fn the_usual_row_takes_little_more_memory_than_its_cells() {
    let rows = rows(Duplicates::Last, PLAIN, &[row(2, "abc")]);
    assert_eq!(rows.held().unwrap().bytes.len(), 16 + 24 + 3);
    assert_eq!(size_of::<Entry>(), 20);
}

#[test]
fn the_place_in_the_largest_file_is_kept() {
    let farthest = Place {
        line: (1 << 48) - 1,
        offset: (1 << 48) - 1,
        length: u64::from(u32::MAX),
    };
    let there = Row {
        place: farthest,
        ..row(2, "x")
    };
    let rows = rows(Duplicates::Last, PLAIN, &[there]);
    assert_eq!(rows.held().unwrap().get(0).unwrap().place, farthest);
}

#[test]
fn a_place_too_far_is_refused() {
    let places = [
        (1 << 48, 0, 0),
        (0, 1 << 48, 0),
        (0, 0, u64::from(u32::MAX) + 1),
    ];
    for (line, offset, length) in places {
        let place = Place {
            line,
            offset,
            length,
        };
        let mut gathering = Gathering::with(Duplicates::Last, PLAIN, 1 << 20);
        let too_far = Row {
            place,
            ..row(2, "x")
        };
        assert!(gathering.push(&too_far).is_err());
    }
}

#[test]
fn rows_are_in_the_order_of_their_keys_and_each_is_found() {
    // Keys that begin alike, and keys that are spread as digests are.
    let alike = (0..50).map(|low| Uuid::from_u64_pair(1 << 63, low));
    let spread =
        (1..2_000_u64).map(|n| Uuid::from_u64_pair(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n));
    let keys: Vec<Uuid> = alike.chain(spread).collect();
    let all: Vec<_> = (2..)
        .zip(&keys)
        .map(|(line, key)| Row {
            key: *key,
            ..row(line, "x")
        })
        .collect();
    let rows = rows(Duplicates::Last, PLAIN, &all);
    let held = rows.held().unwrap();
    for (line, key) in (2..).zip(&keys) {
        let position = held.find(*key).unwrap();
        assert_eq!(held.get(position).unwrap().place.line, line);
    }
    let nobody = [0, u128::MAX, 1 << 127 | 1 << 64].map(Uuid::from_u128);
    assert_eq!(nobody.map(|key| held.find(key)), [const { None }; 3]);
    let mut sorted = keys;
    sorted.sort_unstable();
    let mut found = Vec::new();
    for_each(&rows, |row| found.push(row.key));
    assert_eq!(found, sorted);
}

#[test]
fn of_rows_with_instants_of_their_own_the_first_of_the_key_is_found() {
    let said = |line, key, at| Row {
        key,
        at: Some(at),
        ..row(line, "x")
    };
    let all = [
        said(2, BOB, 7),
        said(3, ANN, 5),
        said(4, BOB, 3),
        said(5, ANN, 9),
    ];
    let rows = rows(Duplicates::Last, FEED, &all);
    let held = rows.held().unwrap();
    assert_eq!((held.find(ANN), held.find(BOB)), (Some(0), Some(2)));
    assert_eq!(lines(&rows), [3, 5, 4, 2]);
}

/// A row, small enough that many are alike.
type Said = (u128, i64, u8, &'static str);

fn said() -> impl Strategy<Value = Vec<Said>> {
    let cells = prop_oneof![Just("a"), Just("b"), Just("a longer one")];
    proptest::collection::vec((0..6_u128, -1..2_i64, 0..3_u8, cells), 0..60)
}

fn policy() -> impl Strategy<Value = Duplicates> {
    prop_oneof![
        Just(Duplicates::Last),
        Just(Duplicates::First),
        Just(Duplicates::RejectKey)
    ]
}

/// Winners by key and line, and every loss by its line.
type Settled = (Vec<(Uuid, u64)>, Vec<(u64, Loss)>);

fn settled(rows: &mut Rows) -> Settled {
    let mut winners = Vec::new();
    for_each(rows, |row| winners.push((row.key, row.place.line)));
    assert_eq!(rows.len(), winners.len());
    (winners, losses(rows))
}

/// The same by a map and one row after the other.
fn by_hand(policy: Duplicates, head: Head, all: &[Row<'_>]) -> Settled {
    let identity = |row: &Row<'_>| {
        let own = row.at.filter(|_| head.instant > 0);
        (row.key, own.map(|at| (at, row.sequence.to_vec())))
    };
    let mut winners: HashMap<_, &Row<'_>> = HashMap::new();
    for row in all {
        let best = winners.entry(identity(row)).or_insert(row);
        let same = row.sequence == best.sequence && row.cells != best.cells;
        if row.sequence > best.sequence || (same && policy == Duplicates::Last) {
            *best = row;
        }
    }
    let lost = all.iter().filter_map(|row| {
        let winner = winners[&identity(row)];
        let line = winner.place.line;
        if row.place.line == line {
            return None;
        }
        Some((
            row.place.line,
            if row.cells == winner.cells {
                Loss::Exact
            } else if row.sequence == winner.sequence {
                lost_to(line)
            } else {
                superseded_by(line)
            },
        ))
    });
    let lost = lost.collect();
    let mut stand: Vec<_> = winners.into_iter().collect();
    stand.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    (
        stand
            .into_iter()
            .map(|(_, row)| (row.key, row.place.line))
            .collect(),
        lost,
    )
}

proptest! {
    #[test]
    fn the_memory_makes_no_difference_and_all_is_as_by_hand(
        said in said(), policy in policy(), own_instants in any::<bool>(), most_bytes in 0..3_000_usize
    ) {
        let head = Head { instant: if own_instants { 8 } else { 0 }, sequence: 1, ..PLAIN };
        let sequences: Vec<[u8; 1]> = said.iter().map(|said| [said.2]).collect();
        let all: Vec<Row<'_>> = (2..)
            .zip(said.iter().zip(&sequences))
            .map(|(line, ((key, at, _, cells), sequence))| Row {
                key: Uuid::from_u128(*key << 64),
                at: own_instants.then_some(*at),
                sequence,
                ..row(line, cells)
            })
            .collect();
        let by_hand = by_hand(policy, head, &all);
        let mut held = gathered(policy, head, usize::MAX, &all);
        prop_assert_eq!(&settled(&mut held), &by_hand);
        let mut spilled = gathered(policy, head, most_bytes, &all);
        prop_assert_eq!(&settled(&mut spilled), &by_hand);
        prop_assert_eq!(held.remove_contested().unwrap(), spilled.remove_contested().unwrap());
        prop_assert_eq!(held.len(), spilled.len());
        prop_assert_eq!(lines(&held), lines(&spilled));
        let of_three: Vec<u64> = lines(&held).into_iter().skip(1).step_by(3).collect();
        let is_wanted = |position: usize| position % 3 == 1;
        prop_assert_eq!(&lines_of(&held, is_wanted), &of_three);
        prop_assert_eq!(&lines_of(&spilled, is_wanted), &of_three);
    }
}
