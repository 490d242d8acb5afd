//! How much is generated.

use anyhow::ensure;

use super::spread::LANES;

/// How many rows of each kind. The default is what is committed in `example_data/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Rows of `inserts/users.csv`.
    pub users: u64,
    /// Addresses in `inserts/users.csv` that two different people have.
    pub shared_emails: u64,
    /// Rows of `inserts/transactions.csv`.
    pub transactions: u64,
    /// Transactions there whose people are first heard of in `updates/users.csv`.
    pub awaited_transactions: u64,
    /// Transactions there of whose people no good row ever comes.
    pub orphan_transactions: u64,
    /// People of `inserts/users.csv` who are otherwise in `updates/users.csv`.
    pub changed_users: u64,
    /// People who are first heard of in `updates/users.csv`.
    pub new_users: u64,
    /// Rows of `updates/users.csv` that cannot be used.
    pub bad_users: u64,
    /// Transactions that `updates/transactions.csv` corrects.
    pub changed_transactions: u64,
    /// Transactions that are new in `updates/transactions.csv`.
    pub new_transactions: u64,
}

/// Below this, a quarter of the rows is not even one for each of the protagonist's.
const FEWEST_USERS: u64 = 10;

/// Above this, products of two counts would no longer fit.
const MOST_ROWS: u64 = 2_000_000_000;

impl Default for Sizes {
    fn default() -> Self {
        Self {
            users: 10_000,
            shared_emails: 36,
            transactions: 20_000,
            awaited_transactions: 12,
            orphan_transactions: 2,
            changed_users: 200,
            new_users: 60,
            bad_users: 6,
            changed_transactions: 100,
            new_transactions: 150,
        }
    }
}

impl Sizes {
    /// The default in proportion, for so many people. Few people leave no room for the rare kinds.
    #[must_use]
    pub fn for_users(users: u64) -> Self {
        let default = Self::default();
        let scaled = |count: u64| count.saturating_mul(users) / default.users;
        Self {
            users,
            shared_emails: scaled(default.shared_emails),
            transactions: scaled(default.transactions),
            awaited_transactions: scaled(default.awaited_transactions),
            orphan_transactions: scaled(default.orphan_transactions),
            changed_users: scaled(default.changed_users).max(1),
            new_users: scaled(default.new_users),
            bad_users: scaled(default.bad_users),
            changed_transactions: scaled(default.changed_transactions).max(1),
            new_transactions: scaled(default.new_transactions).max(1),
        }
    }

    /// Whether there is room for every special row.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.users >= FEWEST_USERS && self.transactions >= FEWEST_USERS * 2,
            "Example data needs at least {FEWEST_USERS} people and {} transactions. Ask for more.",
            FEWEST_USERS * 2
        );
        ensure!(
            [
                self.users,
                self.transactions,
                self.new_users,
                self.bad_users,
                self.new_transactions
            ]
            .iter()
            .all(|rows| *rows <= MOST_ROWS),
            "Example data has at most {MOST_ROWS} rows of a kind. Ask for fewer."
        );
        let of_users = self.changed_users.max(self.shared_emails);
        let of_transactions = self
            .changed_transactions
            .max(self.awaited_transactions)
            .max(self.orphan_transactions);
        ensure!(
            of_users <= self.users / LANES && of_transactions <= self.transactions / LANES,
            "At most a quarter of the people can change or share an address, and at most a \
             quarter of the transactions can change or wait. Ask for fewer of those, or for more \
             in all."
        );
        ensure!(
            self.changed_users > 0 && self.changed_transactions > 0 && self.new_transactions > 0,
            "At least one person and one transaction must change, and one transaction be new: \
             the demonstration's person lives there."
        );
        ensure!(
            self.awaited_transactions <= self.new_users,
            "Each awaited transaction needs a new person of its own. Ask for as many new people."
        );
        Ok(())
    }
}
