//! When a snapshot would close too many keys by not naming them (semantics §10.4).

use std::iter;

use thiserror::Error;
use uuid::Uuid;

use crate::contract::Guards;
use crate::digits::grouped;

/// What a snapshot would do to the keys that it does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) struct Crowd {
    /// Usable rows in the file.
    pub(in crate::merge) rows: u64,
    /// Keys that are there at its instant.
    pub(in crate::merge) open: u64,
    /// Those of them that it does not name.
    pub(in crate::merge) would_close: u64,
}

/// A snapshot would close more keys than the contract allows.
#[derive(Clone, PartialEq, Debug, Error)]
#[error(
    "The file would close {} of {} open keys by not naming them: {limit}.",
    grouped(*.would_close),
    grouped(*.open)
)]
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

impl CloseBreach {
    /// Some of the keys, below a heading.
    #[must_use]
    pub fn examples(&self) -> Vec<String> {
        let heading = "Among the keys that it would close:".to_owned();
        let keys = self.sample.iter().map(Uuid::to_string);
        iter::once(heading).chain(keys).collect()
    }
}

/// The limit that a snapshot breaks.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
pub enum CloseLimit {
    /// It has no usable row at all.
    #[error("a file without rows closes nothing")]
    NoRows,
    /// It has too few usable rows.
    #[error("a file that closes keys must have at least min_rows = {} rows", grouped(*.0))]
    MinRows(u64),
    /// Too many keys.
    #[error("more than max_close_rows = {} allows", grouped(*.0))]
    MaxCloseRows(u64),
    /// Too large a share of the keys.
    #[error("more than max_close_fraction = {0} allows")]
    MaxCloseFraction(f64),
}

/// The limit that a snapshot breaks, if it breaks one. A file without rows never closes anything;
/// the others are asked only in tables that are no toys.
pub(in crate::merge) fn closes(guards: &Guards, crowd: Crowd) -> Option<CloseBreach> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(guards: &Guards, rows: u64, open: u64, would_close: u64) -> Option<CloseLimit> {
        let crowd = Crowd {
            rows,
            open,
            would_close,
        };
        closes(guards, crowd).map(|breach| breach.limit)
    }

    #[test]
    fn a_share_of_closes_on_the_limit_is_allowed() {
        let guards = Guards::DEFAULT;
        let broken = Some(CloseLimit::MaxCloseFraction(0.2));
        assert_eq!(limit(&guards, 81, 100, 19), None);
        assert_eq!(limit(&guards, 80, 100, 20), None);
        assert_eq!(limit(&guards, 79, 100, 21), broken);
    }

    #[test]
    fn a_number_of_closes_on_the_limit_is_allowed() {
        let guards = Guards {
            max_close_rows: Some(5),
            ..Guards::DEFAULT
        };
        let broken = Some(CloseLimit::MaxCloseRows(5));
        assert_eq!(limit(&guards, 96, 100, 4), None);
        assert_eq!(limit(&guards, 95, 100, 5), None);
        assert_eq!(limit(&guards, 94, 100, 6), broken);
    }

    #[test]
    fn a_file_of_just_enough_rows_may_close() {
        let guards = Guards {
            min_rows: 90,
            ..Guards::DEFAULT
        };
        assert_eq!(limit(&guards, 89, 100, 1), Some(CloseLimit::MinRows(90)));
        assert_eq!(limit(&guards, 90, 100, 1), None);
        assert_eq!(limit(&guards, 91, 100, 1), None);
        assert_eq!(limit(&guards, 89, 100, 0), None, "it closes nothing");
    }

    #[test]
    fn closes_are_asked_from_twenty_open_keys_on() {
        let guards = Guards::DEFAULT;
        let broken = Some(CloseLimit::MaxCloseFraction(0.2));
        assert_eq!(limit(&guards, 1, 19, 18), None);
        assert_eq!(limit(&guards, 1, 20, 19), broken);
        assert_eq!(limit(&guards, 1, 21, 20), broken);
    }

    #[test]
    fn a_file_without_rows_closes_nothing_however_small_the_table() {
        let guards = Guards::DEFAULT;
        assert_eq!(limit(&guards, 0, 1, 1), Some(CloseLimit::NoRows));
        assert_eq!(limit(&guards, 0, 0, 0), None);
        assert_eq!(limit(&guards, 1, 1, 1), None);
    }
}
