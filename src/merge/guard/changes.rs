//! When a file would change so much of the table that a person has to say that it is right.
//!
//! Each row of a spreadsheet in which one column slipped is as valid as any other. What gives the
//! file away is how much it changes.

use std::iter;

use thiserror::Error;
use uuid::Uuid;

use crate::contract::{Guards, MaxChange};
use crate::digits::grouped;

/// A file would change more of its table than the contract allows.
#[derive(Clone, PartialEq, Debug, Error)]
#[error(
    "The file would change {} of {} {}: {limit}.",
    grouped(*.changed),
    grouped(*.known),
    .what.words()
)]
pub struct ChangeBreach {
    /// Keys, or facts, that it would change.
    pub changed: u64,
    /// Keys that are open, or facts that are there, before it.
    pub known: u64,
    /// What these are.
    pub what: Counted,
    /// Which limit.
    pub limit: ChangeLimit,
    /// Some of the keys that it would change; facts have no durable key.
    pub keys: Vec<Uuid>,
    /// Some of the lines that change a fact.
    pub lines: Vec<u64>,
}

impl ChangeBreach {
    /// Some of the keys, or lines, below a heading.
    #[must_use]
    pub fn examples(&self) -> Vec<String> {
        let keys = self.keys.iter().map(Uuid::to_string);
        let lines = self.lines.iter().map(|line| format!("line {line}"));
        let heading = match self.what {
            _ if self.keys.is_empty() && self.lines.is_empty() => return Vec::new(),
            Counted::Keys => "Among the keys that it would change:",
            Counted::Facts => "Among the lines that would change a fact:",
        };
        let heading = iter::once(heading.to_owned());
        heading.chain(keys).chain(lines).collect()
    }
}

/// What a table is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// The open keys of a dimension.
    Keys,
    /// Facts.
    Facts,
}

impl Counted {
    fn words(self) -> &'static str {
        match self {
            Self::Keys => "open keys",
            Self::Facts => "facts",
        }
    }
}

/// The limit that a file breaks.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
pub enum ChangeLimit {
    /// Too many keys.
    #[error("more than max_change_rows = {} allows", grouped(*.0))]
    MaxChangeRows(u64),
    /// Too large a share of the keys.
    #[error("more than max_change_fraction = {0} allows")]
    MaxChangeFraction(f64),
    /// The contract names no share. This one is large, and is a breach if the loads before changed
    /// little.
    #[error(
        "more than half, and no load before changed half as many. Where that is usual, \
         max_change_fraction in hayloft.toml sets another limit"
    )]
    Unusual,
}

/// The share from which on a change is unusual, where the contract names none.
const UNUSUAL: f64 = 0.5;

/// The limit that so many changes of so many known keys break, if they break one.
pub(in crate::merge) fn broken_limit(
    guards: &Guards,
    changed: u64,
    known: u64,
) -> Option<ChangeLimit> {
    if known < Guards::CHANGE_FLOOR {
        return None;
    }
    if let Some(limit) = guards.max_change_rows.filter(|limit| changed > *limit) {
        return Some(ChangeLimit::MaxChangeRows(limit));
    }
    match guards.max_change {
        MaxChange::Fraction(limit) if share(changed, known) > limit => {
            Some(ChangeLimit::MaxChangeFraction(limit))
        }
        MaxChange::Usual if known >= Guards::UNUSUAL_FLOOR && share(changed, known) > UNUSUAL => {
            Some(ChangeLimit::Unusual)
        }
        MaxChange::Fraction(_) | MaxChange::Usual => None,
    }
}

/// How far the known keys have to be counted until it is clear that so many changes break no limit.
/// It goes with the changes and not with the table. Zero, where there is nothing to count.
pub(in crate::merge) fn keys_to_count(guards: &Guards, changed: u64) -> u64 {
    let for_rows = match guards.max_change_rows {
        Some(limit) if changed > limit => Guards::CHANGE_FLOOR,
        _ => 0,
    };
    let (limit, floor) = match guards.max_change {
        MaxChange::Fraction(limit) => (limit, Guards::CHANGE_FLOOR),
        MaxChange::Usual => (UNUSUAL, Guards::UNUSUAL_FLOOR),
    };
    // So many known keys, and the changes are no more than the share that is allowed.
    let harmless = whole(changed, limit);
    let for_share = if harmless <= floor { 0 } else { harmless };
    for_rows.max(for_share)
}

/// From how many known keys on `changed` is no larger share than `limit`.
fn whole(changed: u64, limit: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "one key more or less; a division by zero makes the largest number"
    )]
    let whole = (changed as f64 / limit).ceil() as u64;
    if changed == 0 || limit >= 1.0 {
        0
    } else {
        whole
    }
}

/// A share of what is known: a key that was closed can be changed, too, so there may be more changes.
fn share(changed: u64, known: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of keys needs no 53 bits"
    )]
    let share = changed.min(known) as f64 / known.max(1) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards(max_change: MaxChange, max_change_rows: Option<u64>) -> Guards {
        Guards {
            max_change_rows,
            max_change,
            ..Guards::DEFAULT
        }
    }

    fn half() -> Guards {
        guards(MaxChange::Fraction(0.5), None)
    }

    #[test]
    fn a_share_on_the_limit_is_allowed() {
        let limit = Some(ChangeLimit::MaxChangeFraction(0.5));
        assert_eq!(broken_limit(&half(), 199, 400), None);
        assert_eq!(broken_limit(&half(), 200, 400), None);
        assert_eq!(broken_limit(&half(), 201, 400), limit);
    }

    #[test]
    fn a_count_on_the_limit_is_allowed() {
        let guards = guards(MaxChange::Usual, Some(10));
        let limit = Some(ChangeLimit::MaxChangeRows(10));
        assert_eq!(broken_limit(&guards, 9, 400), None);
        assert_eq!(broken_limit(&guards, 10, 400), None);
        assert_eq!(broken_limit(&guards, 11, 400), limit);
    }

    #[test]
    fn a_table_below_the_floor_may_change_whole() {
        let named = guards(MaxChange::Fraction(0.5), Some(10));
        assert_eq!(broken_limit(&named, 19, 19), None);
        assert!(broken_limit(&named, 20, 20).is_some());
        assert!(broken_limit(&named, 21, 21).is_some());
        let unnamed = guards(MaxChange::Usual, None);
        assert_eq!(broken_limit(&unnamed, 99, 99), None);
        assert_eq!(broken_limit(&unnamed, 100, 100), Some(ChangeLimit::Unusual));
        assert_eq!(broken_limit(&unnamed, 50, 100), None);
        assert_eq!(broken_limit(&unnamed, 51, 100), Some(ChangeLimit::Unusual));
    }

    #[test]
    fn a_share_of_one_allows_everything() {
        let all = guards(MaxChange::Fraction(1.0), None);
        assert_eq!(broken_limit(&all, 500, 400), None);
        assert_eq!(keys_to_count(&all, 500), 0);
    }

    #[test]
    fn a_share_of_zero_allows_no_change() {
        let none = guards(MaxChange::Fraction(0.0), None);
        assert_eq!(broken_limit(&none, 0, 400), None);
        assert!(broken_limit(&none, 1, 400).is_some());
        assert_eq!(keys_to_count(&none, 0), 0);
        assert_eq!(keys_to_count(&none, 1), u64::MAX);
    }

    #[test]
    fn as_many_keys_are_counted_as_the_changes_need() {
        assert_eq!(keys_to_count(&half(), 10), 0, "of 20 keys, 10 are half");
        assert_eq!(keys_to_count(&half(), 11), 22);
        assert_eq!(keys_to_count(&half(), 5000), 10_000);
        let usual = guards(MaxChange::Usual, Some(3));
        assert_eq!(keys_to_count(&usual, 3), 0);
        assert_eq!(keys_to_count(&usual, 4), 20);
        assert_eq!(keys_to_count(&usual, 51), 102);
    }

    #[test]
    fn counting_that_far_decides() {
        for changed in 1..300 {
            for guards in [half(), guards(MaxChange::Usual, Some(40))] {
                let enough = keys_to_count(&guards, changed);
                for known in [enough, enough + 1, enough + 1000] {
                    let (counted, all) = (known.min(enough), known);
                    let is_clear = broken_limit(&guards, changed, counted).is_none();
                    if is_clear {
                        assert_eq!(broken_limit(&guards, changed, all), None, "{changed} {all}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_breach_says_how_many_of_how_many_and_the_limit() {
        let breach = ChangeBreach {
            changed: 4000,
            known: 12_345,
            what: Counted::Keys,
            limit: ChangeLimit::MaxChangeRows(1000),
            keys: Vec::new(),
            lines: Vec::new(),
        };
        assert_eq!(
            breach.to_string(),
            "The file would change 4,000 of 12,345 open keys: more than max_change_rows = 1,000 \
             allows."
        );
    }
}
