//! Which of many things are refused, where some together are refused if one of them is. Pure.
//!
//! What is taken stays taken, so that the next is tried beside it. A thing that is refused costs about
//! one attempt for each halving; many that are taken cost one for all.

use std::ops::Range;

/// How many are tried together at first, and at most.
const FIRST: u64 = 1 << 10;
const MOST: u64 = 1 << 17;

/// What an attempt came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) enum Attempt {
    /// All of them are taken.
    Taken,
    /// None of them is.
    Refused,
}

/// Whether to look for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) enum Search {
    /// There may be more.
    GoOn,
    /// It is enough.
    Stop,
}

/// Who can be asked.
pub(in crate::merge) trait Judge {
    type Error;

    /// Tries all of these.
    fn attempt(&mut self, range: Range<u64>) -> Result<Attempt, Self::Error>;

    /// Looks at one that is refused, or that has to be since its neighbours are taken.
    fn one(&mut self, number: u64) -> Result<Search, Self::Error>;
}

/// Goes through so many things in their order.
pub(in crate::merge) fn search<J: Judge>(total: u64, judge: &mut J) -> Result<(), J::Error> {
    let (mut from, mut size) = (0, FIRST);
    while from < total {
        let range = from..total.min(from + size);
        from = range.end;
        let taken = range.end - range.start > 1 && judge.attempt(range.clone())? == Attempt::Taken;
        if taken {
            size = (size * 2).min(MOST);
            continue;
        }
        size = (size / 2).max(FIRST);
        if split(range, judge)? == Search::Stop {
            break;
        }
    }
    Ok(())
}

/// Goes through things of which one at least is refused.
fn split<J: Judge>(range: Range<u64>, judge: &mut J) -> Result<Search, J::Error> {
    if range.end - range.start == 1 {
        return judge.one(range.start);
    }
    let middle = range.start + (range.end - range.start) / 2;
    let (left, right) = (range.start..middle, middle..range.end);
    if judge.attempt(left.clone())? == Attempt::Taken {
        // So it is one of the others.
        return split(right, judge);
    }
    if split(left, judge)? == Search::Stop {
        return Ok(Search::Stop);
    }
    if right.end - right.start > 1 && judge.attempt(right.clone())? == Attempt::Taken {
        return Ok(Search::GoOn);
    }
    split(right, judge)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use super::*;

    /// Refuses some, and counts what it is asked.
    struct Refusing {
        bad: BTreeSet<u64>,
        found: BTreeSet<u64>,
        taken: BTreeSet<u64>,
        attempts: u64,
        enough: usize,
    }

    impl Judge for Refusing {
        type Error = Infallible;

        fn attempt(&mut self, range: Range<u64>) -> Result<Attempt, Infallible> {
            self.attempts += 1;
            if self.bad.range(range.clone()).next().is_some() {
                return Ok(Attempt::Refused);
            }
            self.taken.extend(range);
            Ok(Attempt::Taken)
        }

        fn one(&mut self, number: u64) -> Result<Search, Infallible> {
            self.attempts += 1;
            if self.bad.contains(&number) {
                self.found.insert(number);
            } else {
                self.taken.insert(number);
            }
            Ok(if self.found.len() >= self.enough {
                Search::Stop
            } else {
                Search::GoOn
            })
        }
    }

    fn searched(total: u64, bad: impl IntoIterator<Item = u64>, enough: usize) -> Refusing {
        let mut judge = Refusing {
            bad: bad.into_iter().collect(),
            found: BTreeSet::new(),
            taken: BTreeSet::new(),
            attempts: 0,
            enough,
        };
        search(total, &mut judge).unwrap();
        judge
    }

    #[test]
    fn all_are_either_taken_or_found() {
        for total in [0, 1, 2, 3, 7, 1023, 1024, 1025, 5000] {
            for step in [1, 2, 3, 500, 1024, 10_000] {
                for first in [0, 1, 1023] {
                    let bad: BTreeSet<u64> = (first..total).step_by(step).collect();
                    let judge = searched(total, bad.clone(), usize::MAX);
                    assert_eq!(judge.found, bad, "{total} {step} {first}");
                    assert_eq!((judge.found.len() + judge.taken.len()) as u64, total);
                }
            }
        }
    }

    #[test]
    fn one_of_a_million_costs_few_attempts() {
        let judge = searched(1_000_000, [777_777], usize::MAX);
        assert!(judge.attempts < 60, "{}", judge.attempts);
        let judge = searched(1_000_000, (0..1_000_000).step_by(100_000), usize::MAX);
        assert!(judge.attempts < 10 * 40, "{}", judge.attempts);
    }

    #[test]
    fn enough_is_enough() {
        let judge = searched(100_000, 0..100_000, 10);
        assert_eq!(judge.found.len(), 10);
    }
}
