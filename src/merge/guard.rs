//! When too many rejects refuse the whole file (semantics §15.3).

use thiserror::Error;

use crate::contract::Guards;

/// More rejects than the contract allows.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum GuardBreach {
    /// Not one row is usable.
    #[error("Every row was rejected: {read} of {read}.")]
    Every {
        /// Rows in the file.
        read: u64,
    },
    /// Too many.
    #[error("{rejected} rows were rejected, and max_reject_rows allows {limit}.")]
    Rows {
        /// Rejected rows.
        rejected: u64,
        /// The limit.
        limit: u64,
    },
    /// Too large a share.
    #[error(
        "{rejected} of {read} rows were rejected, more than max_reject_fraction = {limit} allows."
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
