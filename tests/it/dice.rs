//! Chance that can be had again.
//!
//! Tests of random cases print the seed of the one that failed. Of their environment they take:
//! `HAYLOFT_PROPERTY_SECONDS`, how long each tries; `HAYLOFT_PROPERTY_SEED`, the one case to replay;
//! `HAYLOFT_PROPERTY_FROM`, the seed that all others come from, so that the same cases are tried again.

#![allow(clippy::print_stderr, reason = "says how much was tried")]

use std::time::{Duration, Instant};

/// Numbers that look random, the same for the same seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below the bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % bound as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn shuffled<T>(&mut self, mut all: Vec<T>) -> Vec<T> {
        for end in (1..all.len()).rev() {
            all.swap(end, self.below(end + 1));
        }
        all
    }
}

/// Tries cases for so many seconds, if the environment says no other number.
pub(crate) fn try_cases(seconds: u64, try_case: impl FnMut(u64) -> Result<(), String>) {
    let seconds = number_of("HAYLOFT_PROPERTY_SECONDS").unwrap_or(seconds);
    let end = Instant::now() + Duration::from_secs(seconds);
    try_cases_until(|| Instant::now() >= end, try_case);
}

/// Tries cases, at least one, until it is enough. A difference fails the test, and tells its seed.
pub(crate) fn try_cases_until(
    is_enough: impl Fn() -> bool,
    mut try_case: impl FnMut(u64) -> Result<(), String>,
) {
    let mut one = |seed: u64| {
        if let Err(difference) = try_case(seed) {
            panic!("{difference}\nHAYLOFT_PROPERTY_SEED={seed} replays it");
        }
    };
    if let Some(seed) = number_of("HAYLOFT_PROPERTY_SEED") {
        return one(seed);
    }
    let from = number_of("HAYLOFT_PROPERTY_FROM");
    let from = from.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let mut seeds = Dice(from);
    let mut cases = 0;
    while cases == 0 || !is_enough() {
        one(seeds.number());
        cases += 1;
    }
    eprintln!("{cases} cases, from seed {from} on");
}

/// A variable of the environment that is a number, where it is there.
pub(crate) fn number_of(variable: &str) -> Option<u64> {
    let number = std::env::var(variable).ok()?;
    Some(number.parse().expect("a number is said in the environment"))
}
