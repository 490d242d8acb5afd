//! Numbers that look like chance and are the same on every machine.
//!
//! In: a seed, what the numbers are for, and which one of those things. Out: a stream of numbers
//! of its own for that thing. So person 7,000 can be made without the 6,999 before, and a new
//! question about people does not change the transactions. Our own and not a crate's, because a
//! crate may improve its generator, and then the committed files would no longer be what the
//! generator makes.

/// The step of `SplitMix64` (Steele, Lea and Flood, 2014): odd, and 2⁶⁴ over the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// `SplitMix64`.
pub(super) struct Random(u64);

/// What the numbers are for. The values are part of what a seed means: never renumber them.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Person = 1,
    PersonChange = 2,
    Transaction = 3,
    TransactionChange = 4,
    Spread = 5,
    PeopleOrder = 6,
    TransactionOrder = 7,
    Email = 8,
}

impl Random {
    /// The stream of the `index`-th thing of its kind.
    pub(super) fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let kind = mix(seed.wrapping_add(STEP.wrapping_mul(purpose as u64)));
        Self(mix(kind ^ mix(index.wrapping_add(STEP))))
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number from 0 to `bound - 1`; 0 when there is none.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let scaled = u128::from(self.draw()) * u128::from(bound);
        u64::try_from(scaled >> 64).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True once in `times`, on average.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A place in something of this length.
    pub(super) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.place(items.len())]
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut random = Random(1_234_567);
        let drawn = [random.draw(), random.draw(), random.draw()];
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn each_number_below_a_bound_comes_about_equally_often() {
        let mut random = Random::new(1, Purpose::Person, 0);
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[random.place(7)] += 1;
        }
        assert!(
            seen.iter().all(|count| (850..1_150).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn seed_purpose_and_index_each_lead_to_other_numbers() {
        let first = |seed, purpose, index| Random::new(seed, purpose, index).draw();
        let all = [
            first(1, Purpose::Person, 0),
            first(2, Purpose::Person, 0),
            first(1, Purpose::Transaction, 0),
            first(1, Purpose::Person, 1),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
