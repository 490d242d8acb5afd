//! The answer of a statement that asks one question.

use diesel::sql_types::Bool;

use super::prelude::*;

/// A row with one column, `answer`.
#[derive(QueryableByName, Clone, Copy, Debug)]
pub struct YesOrNo {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

impl YesOrNo {
    /// Whether it is so.
    #[must_use]
    pub fn is_yes(self) -> bool {
        self.answer
    }
}
