//! When too many rejects refuse the whole file (semantics §15.3), and when a file would close
//! ([`closes`], §10.4) or change ([`changes`]) so many keys that a person has to say that it is right.

pub(super) mod changes;
pub(super) mod closes;

use thiserror::Error;

use crate::contract::Guards;
use crate::digits::grouped;

pub use self::changes::{ChangeBreach, ChangeLimit};
pub use self::closes::{CloseBreach, CloseLimit};

/// More rejects than the contract allows.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum GuardBreach {
    /// Not one row is usable.
    #[error("Every row was rejected: {0} of {0}.", grouped(*.read))]
    Every {
        /// Rows in the file.
        read: u64,
    },
    /// Too many.
    #[error(
        "{} row(s) were rejected, and max_reject_rows allows {}.",
        grouped(*.rejected),
        grouped(*.limit)
    )]
    Rows {
        /// Rejected rows.
        rejected: u64,
        /// The limit.
        limit: u64,
    },
    /// Too large a share.
    #[error(
        "{} of {} rows were rejected, more than max_reject_fraction = {limit} allows.",
        grouped(*.rejected),
        grouped(*.read)
    )]
    Fraction {
        /// Rejected rows.
        rejected: u64,
        /// Rows in the file.
        read: u64,
        /// The limit.
        limit: f64,
    },
}

/// Whether so many rejects refuse the whole file.
pub fn guard(guards: &Guards, read: u64, rejected: u64) -> Result<(), GuardBreach> {
    if read > 0 && rejected == read {
        return Err(GuardBreach::Every { read });
    }
    if let Some(limit) = guards.max_reject_rows.filter(|limit| rejected > *limit) {
        return Err(GuardBreach::Rows { rejected, limit });
    }
    let limit = guards.max_reject_fraction;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of rows needs no 53 bits"
    )]
    let share = rejected as f64 / read.max(1) as f64;
    if read >= Guards::FRACTION_FLOOR && share > limit {
        return Err(GuardBreach::Fraction {
            rejected,
            read,
            limit,
        });
    }
    Ok(())
}

/// Whether a file may close and change as many keys as it would.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Consent {
    /// As the contract's guards say.
    NotAsked,
    /// A person has looked, and lets it.
    Given {
        /// Who.
        by: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards(fraction: f64, rows: Option<u64>) -> Guards {
        Guards {
            max_reject_fraction: fraction,
            max_reject_rows: rows,
            ..Guards::DEFAULT
        }
    }

    #[test]
    fn a_share_of_rejects_on_the_limit_is_allowed() {
        let guards = guards(0.1, None);
        assert_eq!(guard(&guards, 100, 9), Ok(()));
        assert_eq!(guard(&guards, 100, 10), Ok(()));
        let breach = GuardBreach::Fraction {
            rejected: 11,
            read: 100,
            limit: 0.1,
        };
        assert_eq!(guard(&guards, 100, 11), Err(breach));
    }

    #[test]
    fn a_number_of_rejects_on_the_limit_is_allowed() {
        let guards = guards(1.0, Some(3));
        assert_eq!(guard(&guards, 10, 2), Ok(()));
        assert_eq!(guard(&guards, 10, 3), Ok(()));
        let breach = GuardBreach::Rows {
            rejected: 4,
            limit: 3,
        };
        assert_eq!(guard(&guards, 10, 4), Err(breach));
    }

    #[test]
    fn a_limit_of_no_rejects_refuses_the_first() {
        let guards = guards(1.0, Some(0));
        assert_eq!(guard(&guards, 10, 0), Ok(()));
        assert!(guard(&guards, 10, 1).is_err());
    }

    #[test]
    fn the_share_is_asked_from_twenty_rows_on() {
        let guards = guards(0.1, None);
        assert_eq!(guard(&guards, 19, 18), Ok(()));
        assert!(guard(&guards, 20, 18).is_err());
        assert!(guard(&guards, 21, 18).is_err());
    }

    #[test]
    fn a_file_without_a_usable_row_is_refused_whatever_its_size() {
        let guards = guards(1.0, None);
        assert_eq!(guard(&guards, 0, 0), Ok(()));
        assert_eq!(guard(&guards, 1, 1), Err(GuardBreach::Every { read: 1 }));
        assert_eq!(guard(&guards, 2, 1), Ok(()));
    }

    #[test]
    fn the_numbers_of_a_breach_are_easy_to_read() {
        let breach = guard(&guards(0.1, None), 123_456, 98_765).unwrap_err();
        assert_eq!(
            breach.to_string(),
            "98,765 of 123,456 rows were rejected, more than max_reject_fraction = 0.1 allows."
        );
    }
}
