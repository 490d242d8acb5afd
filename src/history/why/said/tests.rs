//! What became of observations: each test is a small history.

use super::super::{FactRow, Shown};
use super::fixtures::{
    absent, columns, instant, origin, present, saying, silence, undone, version,
};
use super::{Judged, Observation, Outcome, judge};
use crate::contract::Role;

fn judged(observations: Vec<Observation>, versions: &[super::Version], phone: Role) -> Vec<Judged> {
    judge(
        observations,
        &Shown::Versions(versions.to_vec()),
        &columns(phone),
    )
}

fn outcomes(observations: Vec<Observation>, versions: &[super::Version]) -> Vec<Outcome> {
    let judged = judged(observations, versions, Role::Type2).into_iter();
    judged.map(|judged| judged.outcome).collect()
}

#[test]
fn a_row_opens_a_version_or_confirms_it() {
    let versions = [version(1, 5, Some(12)), version(2, 12, None)];
    assert_eq!(
        outcomes(
            vec![present(3, 15), present(4, 12), present(1, 5), present(2, 8)],
            &versions
        ),
        [
            Outcome::Opened(1),
            Outcome::Confirmed(1),
            Outcome::Opened(2),
            Outcome::Confirmed(2),
        ]
    );
}

#[test]
fn of_several_at_one_instant_the_greatest_counts_and_the_sequence_comes_before_the_load() {
    let versions = [version(1, 5, None)];
    let mut first = present(1, 5);
    first.sequence = vec![9];
    assert_eq!(
        outcomes(vec![present(2, 5), first, present(3, 5)], &versions),
        [
            Outcome::Lost(origin(1, Some(2))),
            Outcome::Lost(origin(1, Some(2))),
            Outcome::Opened(1),
        ]
    );
}

#[test]
fn one_that_was_undone_wins_nothing() {
    let versions = [version(1, 5, None)];
    assert_eq!(
        outcomes(
            vec![present(1, 5), undone(present(2, 5)), undone(absent(3, 9))],
            &versions
        ),
        [Outcome::Opened(1), Outcome::Undone, Outcome::Undone]
    );
}

#[test]
fn an_absence_ends_a_version_or_finds_the_key_gone() {
    let versions = [version(1, 5, Some(8)), version(2, 12, None)];
    let observations = vec![
        silence(9, 2),
        present(1, 5),
        silence(2, 8),
        absent(3, 9),
        present(4, 12),
        absent(5, 14),
    ];
    assert_eq!(
        outcomes(observations, &versions),
        [
            Outcome::AbsentAlready,
            Outcome::Opened(1),
            Outcome::Closed(1),
            Outcome::AbsentAlready,
            Outcome::Opened(2),
            Outcome::Ignored,
        ]
    );
}

#[test]
fn what_a_row_said_is_its_payload_or_what_the_version_shows_of_the_file_s_columns() {
    let versions = [version(1, 5, None)];
    let mut narrow = present(2, 8);
    narrow.columns = Some(vec!["email".into(), "phone".into()]);
    let lost = saying(undone(present(3, 9)), &[("name", Some("Nan"))]);
    let judged = judged(vec![present(1, 5), narrow, lost], &versions, Role::Type2);
    let names: Vec<_> = judged.iter().map(|judged| judged.values.get(&1)).collect();
    assert_eq!(
        names,
        [Some(&Some("Ann1".into())), None, Some(&Some("Nan".into()))]
    );
}

#[test]
fn a_column_without_history_says_the_same_until_a_payload_says_otherwise() {
    let mut only = version(1, 5, None);
    only.values[2] = Some("p3".into());
    let observations = vec![
        saying(present(1, 5), &[("phone", Some("p1"))]),
        present(2, 8),
        saying(present(3, 9), &[("phone", Some("p3"))]),
        present(4, 10),
    ];
    let judged = judged(observations, &[only], Role::Type1);
    let phones: Vec<_> = judged
        .iter()
        .map(|judged| judged.values[&2].as_deref().unwrap())
        .collect();
    assert_eq!(phones, ["p1", "p1", "p3", "p3"]);
    let overwrote: Vec<_> = judged.iter().map(|judged| &judged.overwrote[..]).collect();
    assert_eq!(overwrote, [&[][..], &[], &[2], &[]]);
}

#[test]
fn what_lost_or_was_undone_hands_no_value_on() {
    let mut only = version(1, 5, None);
    only.values[2] = Some("p1".into());
    let observations = vec![
        saying(present(1, 5), &[("phone", Some("lost"))]),
        present(2, 5),
        saying(undone(present(3, 8)), &[("phone", Some("undone"))]),
        present(4, 9),
    ];
    let judged = judged(observations, &[only], Role::Type1);
    let phones: Vec<_> = judged
        .iter()
        .map(|judged| judged.values[&2].as_deref().unwrap())
        .collect();
    assert_eq!(phones, ["lost", "p1", "undone", "p1"]);
    assert!(judged.iter().all(|judged| judged.overwrote.is_empty()));
}

#[test]
fn a_column_that_nobody_spoke_of_is_filled_by_the_first_who_does() {
    let mut only = version(1, 5, None);
    only.values[2] = Some("p".into());
    let mut narrow = present(1, 5);
    narrow.columns = Some(vec!["email".into(), "name".into()]);
    let judged = judged(
        vec![narrow, present(2, 8), present(3, 9)],
        &[only],
        Role::Type2,
    );
    let filled: Vec<_> = judged.iter().map(|judged| &judged.filled[..]).collect();
    assert_eq!(filled, [&[][..], &[2], &[]]);
}

#[test]
fn a_fact_was_written_by_one_row_which_superseded_earlier_ones() {
    let fact = FactRow {
        values: vec![Some("ann@x.org".into()), Some("Ann".into()), None],
        misfits: std::collections::BTreeSet::new(),
        created_at: None,
        updated_at: Some(instant(9)),
        origin: origin(2, Some(2)),
    };
    let observations = vec![
        present(1, 5),
        present(2, 6),
        present(3, 7),
        undone(present(4, 8)),
    ];
    let shown = Shown::Fact(Some(fact));
    let judged = judge(observations, &shown, &columns(Role::Type2)).into_iter();
    assert_eq!(
        judged.map(|judged| judged.outcome).collect::<Vec<_>>(),
        [
            Outcome::Superseded(origin(2, Some(2))),
            Outcome::Wrote,
            Outcome::Repeated,
            Outcome::Undone,
        ]
    );
}
