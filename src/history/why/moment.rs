//! What held at one instant: a version, or none, and between which ones.

use chrono::{DateTime, Utc};

use super::Version;

/// What the versions say of an instant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Moment<'a> {
    /// This version held.
    Held(&'a Version),
    /// There never was a version.
    NeverThere,
    /// The first version begins later.
    BeforeFirst(&'a Version),
    /// One version had ended, and the next had not begun.
    Between(&'a Version, &'a Version),
    /// The last version had ended.
    AfterLast(&'a Version),
}

impl<'a> Moment<'a> {
    /// Looks an instant up in versions that lie in their order.
    #[must_use]
    pub fn of(versions: &'a [Version], at: DateTime<Utc>) -> Self {
        let begun = versions.partition_point(|version| version.from <= at);
        let (past, future) = versions.split_at(begun);
        match (past.last(), future.first()) {
            (Some(last), _) if last.covers(at) => Self::Held(last),
            (Some(last), Some(next)) => Self::Between(last, next),
            (Some(last), None) => Self::AfterLast(last),
            (None, Some(first)) => Self::BeforeFirst(first),
            (None, None) => Self::NeverThere,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Held(_) => "held",
            Self::NeverThere => "never_there",
            Self::BeforeFirst(_) => "before_first",
            Self::Between(..) => "between",
            Self::AfterLast(_) => "after_last",
        }
    }

    /// The interval around the instant in which nothing of this changes.
    #[must_use]
    pub fn interval(self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        match self {
            Self::Held(version) => (Some(version.from), version.to),
            Self::NeverThere => (None, None),
            Self::BeforeFirst(first) => (None, Some(first.from)),
            Self::Between(last, next) => (last.to, Some(next.from)),
            Self::AfterLast(last) => (last.to, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::said::fixtures::{instant, version};
    use super::Moment;

    #[test]
    fn an_instant_is_in_a_version_or_before_between_or_after_them() {
        let versions = [version(1, 5, Some(8)), version(2, 12, Some(20))];
        let code = |at| Moment::of(&versions, instant(at)).code();
        let codes: Vec<_> = [4, 5, 7, 8, 11, 12, 19, 20].into_iter().map(code).collect();
        assert_eq!(
            codes,
            [
                "before_first",
                "held",
                "held",
                "between",
                "between",
                "held",
                "held",
                "after_last"
            ]
        );
        assert_eq!(Moment::of(&[], instant(5)), Moment::NeverThere);
    }
}
