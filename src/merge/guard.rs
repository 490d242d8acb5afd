//! When too many rejects refuse the whole file (semantics §15.3), and when a snapshot would close
//! too many keys (§10.4).

use thiserror::Error;

use uuid::Uuid;

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
    #[error("{rejected} row(s) were rejected, and max_reject_rows allows {limit}.")]
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

/// Whether a snapshot may close as many keys as it would.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Closes {
    /// As the contract's guards say.
    Guarded,
    /// A person has looked, and lets it.
    Accepted {
        /// Who.
        by: String,
    },
}

/// What a snapshot would do to the keys that it does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Crowd {
    /// Usable rows in the file.
    pub(super) rows: u64,
    /// Keys that are there at its instant.
    pub(super) open: u64,
    /// Those of them that it does not name.
    pub(super) would_close: u64,
}

/// A snapshot would close more keys than the contract allows.
#[derive(Clone, PartialEq, Debug, Error)]
#[error("The file would close {would_close} of {open} open keys by not naming them: {limit}.")]
pub struct CloseBreach {
    /// Keys that it would close.
    pub would_close: u64,
    /// Keys that are open.
    pub open: u64,
    /// Usable rows in the file.
    pub rows: u64,
    /// Which limit.
    pub limit: CloseLimit,
    /// Some of the keys that it would close.
    pub sample: Vec<Uuid>,
}

/// The limit that a snapshot breaks.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
pub enum CloseLimit {
    /// It has no usable row at all.
    #[error("a file without rows closes nothing")]
    NoRows,
    /// It has too few usable rows.
    #[error("a file that closes keys must have at least min_rows = {0} rows")]
    MinRows(u64),
    /// Too many keys.
    #[error("more than max_close_rows = {0} allows")]
    MaxCloseRows(u64),
    /// Too large a share of the keys.
    #[error("more than max_close_fraction = {0} allows")]
    MaxCloseFraction(f64),
}

/// The limit that a snapshot breaks, if it breaks one. A file without rows never closes anything;
/// the others are asked only in tables that are no toys.
pub(super) fn closes(guards: &Guards, crowd: Crowd) -> Option<CloseBreach> {
    let Crowd {
        rows,
        open,
        would_close,
    } = crowd;
    if would_close == 0 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of keys needs no 53 bits"
    )]
    let share = would_close as f64 / open.max(1) as f64;
    let limit = if rows == 0 {
        CloseLimit::NoRows
    } else if open < Guards::CLOSE_FLOOR {
        return None;
    } else if rows < guards.min_rows {
        CloseLimit::MinRows(guards.min_rows)
    } else if let Some(limit) = guards.max_close_rows.filter(|limit| would_close > *limit) {
        CloseLimit::MaxCloseRows(limit)
    } else if share > guards.max_close_fraction {
        CloseLimit::MaxCloseFraction(guards.max_close_fraction)
    } else {
        return None;
    };
    Some(CloseBreach {
        would_close,
        open,
        rows,
        limit,
        sample: Vec::new(),
    })
}
