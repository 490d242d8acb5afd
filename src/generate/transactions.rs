//! The rows of the two `transactions.csv`.
//!
//! In: a seed, the sizes, and the people for their addresses. Out: rows, one at a time, each made
//! from its number alone. Row `n` of `inserts/transactions.csv` is the transaction with id `n`.

use chrono::{Days, NaiveDate};

use super::people::{People, shouted};
use super::random::{Purpose, Random};
use super::spread::{Spread, Urn};
use super::{Row, Sizes, date, spelt};

/// The header of both files.
pub(super) const HEADER: [&str; 4] = ["id", "email", "amount", "transaction_date"];

const FIRST_DAY: NaiveDate = date(2025, 1, 1);
const DAYS: u64 = 365;
const FIRST_DAY_OF_UPDATES: NaiveDate = date(2026, 1, 1);
const DAYS_OF_UPDATES: u64 = 14;

/// What the protagonist paid, before and after the correction: the decimal point had slipped.
const SLIPPED_CENTS: i64 = 124_900;
const RIGHT_CENTS: i64 = 12_490;

/// All transactions.
#[derive(Clone, Copy)]
pub(super) struct Transactions {
    seed: u64,
    sizes: Sizes,
    people: People,
    /// Some of the protagonist's.
    protagonists: Spread,
    /// For people who are first heard of in `updates/users.csv`.
    awaited: Spread,
    /// For people of whom no good row ever comes.
    orphans: Spread,
    corrected: Spread,
}

struct Transaction {
    id: u64,
    email: String,
    cents: i64,
    day: NaiveDate,
}

impl Transactions {
    pub(super) fn new(seed: u64, sizes: Sizes, people: People) -> Self {
        let spread = |lane, chosen| Spread {
            seed,
            lane,
            chosen,
            total: sizes.transactions,
        };
        Self {
            seed,
            sizes,
            people,
            protagonists: spread(0, 3),
            awaited: spread(1, sizes.awaited_transactions),
            orphans: spread(2, sizes.orphan_transactions),
            corrected: spread(3, sizes.changed_transactions),
        }
    }

    /// The rows of `inserts/transactions.csv`.
    pub(super) fn inserts(self) -> impl Iterator<Item = Row> {
        (0..self.sizes.transactions).map(move |number| self.delivered(number).row())
    }

    /// The rows of `updates/transactions.csv`.
    pub(super) fn updates(self) -> impl Iterator<Item = Row> {
        let order = Random::new(self.seed, Purpose::TransactionOrder, 0);
        let kinds = [self.sizes.changed_transactions, self.sizes.new_transactions];
        Urn::new(order, kinds).map(move |(kind, nth)| match kind {
            0 => self.correction(nth).row(),
            _ => self.newer(nth).row(),
        })
    }

    /// A transaction as first delivered.
    fn delivered(&self, number: u64) -> Transaction {
        let mut random = Random::new(self.seed, Purpose::Transaction, number);
        let owner = self.owner(number, &mut random);
        let day = number * DAYS / self.sizes.transactions;
        Transaction {
            id: number + 1,
            email: self.spelling(owner, &mut random),
            cents: if self.is_her_slip(number) {
                SLIPPED_CENTS
            } else {
                cents(&mut random)
            },
            day: FIRST_DAY + Days::new(day.saturating_sub(random.below(3))),
        }
    }

    /// Whether it is the protagonist's that is corrected later: the first of the corrected ones.
    fn is_her_slip(&self, number: u64) -> bool {
        self.corrected.nth_at(number) == Some(0)
    }

    fn owner(&self, number: u64, random: &mut Random) -> u64 {
        if self.protagonists.nth_at(number).is_some() || self.is_her_slip(number) {
            self.people.protagonist()
        } else if let Some(nth) = self.awaited.nth_at(number) {
            self.people.newcomer(nth)
        } else if let Some(nth) = self.orphans.nth_at(number) {
            self.orphan_owner(nth)
        } else {
            random.below(self.sizes.users)
        }
    }

    /// The first waits for a person whose row is bad, so a replay of that row lets it in. The
    /// others wait for ever.
    fn orphan_owner(&self, nth: u64) -> u64 {
        match nth {
            0 if self.sizes.bad_users > 0 => self.people.spoilt(0),
            _ => self.people.stranger(nth),
        }
    }

    /// The `nth` corrected transaction: another amount or another day, the rest as delivered.
    fn correction(&self, nth: u64) -> Transaction {
        let number = self.corrected.place(nth);
        let mut transaction = self.delivered(number);
        let mut random = Random::new(self.seed, Purpose::TransactionChange, number);
        match random.below(3) {
            _ if nth == 0 => transaction.cents = RIGHT_CENTS,
            // The decimal point had slipped.
            0 => transaction.cents /= 10,
            // A fee was forgotten.
            1 => transaction.cents -= i64::try_from(random.between(1, 99)).unwrap_or(1),
            _ => transaction.day = transaction.day + Days::new(random.between(1, 5)),
        }
        transaction
    }

    /// The `nth` new transaction of the updates: the first is the protagonist's, under her new
    /// name; every third is one of a new person.
    fn newer(&self, nth: u64) -> Transaction {
        let number = self.sizes.transactions + nth;
        let mut random = Random::new(self.seed, Purpose::Transaction, number);
        let owner = match nth % 3 {
            _ if nth == 0 => self.people.protagonist(),
            1 if self.sizes.new_users > 0 => {
                self.people.newcomer(random.below(self.sizes.new_users))
            }
            _ => random.below(self.sizes.users),
        };
        let day = nth * DAYS_OF_UPDATES / self.sizes.new_transactions;
        Transaction {
            id: number + 1,
            email: self.spelling(owner, &mut random),
            cents: cents(&mut random),
            day: FIRST_DAY_OF_UPDATES + Days::new(day),
        }
    }

    fn spelling(&self, owner: u64, random: &mut Random) -> String {
        let email = self.people.email(owner);
        if random.once_in(200) {
            shouted(&email)
        } else {
            email
        }
    }
}

impl Transaction {
    fn row(self) -> Row {
        vec![
            self.id.to_string(),
            self.email,
            decimal(self.cents),
            spelt(self.day),
        ]
    }
}

/// Many small amounts, few large ones, now and then money that goes back. Never between -1 and 1,
/// so that a slipped decimal point always makes a difference.
fn cents(random: &mut Random) -> i64 {
    let amount = match random.below(100) {
        0..60 => random.between(100, 4_999),
        60..90 => random.between(5_000, 49_999),
        90..99 => random.between(50_000, 499_999),
        _ => random.between(500_000, 4_999_999),
    };
    let amount = i64::try_from(amount).unwrap_or_default();
    if random.once_in(50) { -amount } else { amount }
}

fn decimal(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_written_as_a_decimal_with_two_places() {
        for (cents, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (100, "1.00"),
            (-4_999_999, "-49999.99"),
        ] {
            assert_eq!(decimal(cents), text);
        }
    }
}
