//! Which rows are special, and in which order kinds of rows mix, without a list of them.
//!
//! In: how many of how many. Out: places, evenly spread but not regular, that can be asked both
//! ways (where is the third? is this one of them?) in constant time and memory, so that a file
//! of a hundred million rows can be written row by row.

use super::random::{Purpose, Random};

/// How many lanes there are. Places of different lanes never meet.
pub(super) const LANES: u64 = 4;

/// `chosen` of `total` places: one somewhere in each of `chosen` equal stretches.
///
/// Only every fourth place can be chosen, by lane; so spreads over the same rows in different
/// lanes have no row in common. `chosen` is at most `total / LANES` ([`super::Sizes`] sees to it).
#[derive(Clone, Copy)]
pub(super) struct Spread {
    pub(super) seed: u64,
    pub(super) lane: u64,
    pub(super) chosen: u64,
    pub(super) total: u64,
}

impl Spread {
    /// Where the `nth` chosen one is.
    pub(super) fn place(&self, nth: u64) -> u64 {
        let (start, end) = (self.stretch(nth), self.stretch(nth + 1));
        let mut random = Random::new(self.seed, Purpose::Spread, nth * LANES + self.lane);
        (start + random.below(end - start)) * LANES + self.lane
    }

    /// Which chosen one this place is, if it is one.
    pub(super) fn nth_at(&self, place: u64) -> Option<u64> {
        if self.chosen == 0 || place % LANES != self.lane || place / LANES >= self.slots() {
            return None;
        }
        let slot = place / LANES;
        // The last stretch that starts at or before the slot: `stretch`, turned round.
        let nth = ((slot + 1) * self.chosen - 1) / self.slots();
        (self.place(nth) == place).then_some(nth)
    }

    fn stretch(&self, nth: u64) -> u64 {
        nth * self.slots() / self.chosen
    }

    fn slots(&self) -> u64 {
        self.total / LANES
    }
}

/// So many things of each kind, one after the other, mixed as if drawn from an urn. Each comes
/// with its kind and its number within the kind.
pub(super) struct Urn<const KINDS: usize> {
    random: Random,
    sizes: [u64; KINDS],
    drawn: [u64; KINDS],
}

impl<const KINDS: usize> Urn<KINDS> {
    pub(super) fn new(random: Random, sizes: [u64; KINDS]) -> Self {
        Self {
            random,
            sizes,
            drawn: [0; KINDS],
        }
    }
}

impl<const KINDS: usize> Iterator for Urn<KINDS> {
    type Item = (usize, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let left: u64 = self.sizes.iter().sum::<u64>() - self.drawn.iter().sum::<u64>();
        let mut ball = self.random.below(left);
        for kind in 0..KINDS {
            let left_of_kind = self.sizes[kind] - self.drawn[kind];
            if ball < left_of_kind {
                self.drawn[kind] += 1;
                return Some((kind, self.drawn[kind] - 1));
            }
            ball -= left_of_kind;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_questions_have_the_same_answer() {
        for (chosen, total) in [(200, 10_000), (36, 10_000), (0, 100), (25, 100), (7, 103)] {
            let spread = Spread {
                seed: 5,
                lane: 2,
                chosen,
                total,
            };
            let asked_by_number: Vec<u64> = (0..chosen).map(|nth| spread.place(nth)).collect();
            let asked_by_place: Vec<u64> = (0..total)
                .filter(|place| spread.nth_at(*place).is_some())
                .collect();
            assert_eq!(asked_by_number, asked_by_place, "{chosen} of {total}");
            assert!(
                asked_by_number
                    .iter()
                    .zip(0..)
                    .all(|(place, nth)| spread.nth_at(*place) == Some(nth)),
                "{chosen} of {total}"
            );
        }
    }

    #[test]
    fn an_urn_gives_each_thing_once_and_mixes_the_kinds() {
        let drawn: Vec<_> =
            Urn::new(Random::new(5, Purpose::PeopleOrder, 0), [20, 0, 10]).collect();
        for (kind, size) in [(0, 20), (1, 0), (2, 10)] {
            let numbers: Vec<u64> = drawn
                .iter()
                .filter(|(drawn_kind, _)| *drawn_kind == kind)
                .map(|(_, number)| *number)
                .collect();
            assert_eq!(numbers, (0..size).collect::<Vec<_>>(), "kind {kind}");
        }
        let changes = drawn.windows(2).filter(|two| two[0].0 != two[1].0).count();
        assert!(changes > 5, "{drawn:?}");
    }
}
