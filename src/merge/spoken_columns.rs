//! Rows of a temporary table → the sets of columns that they speak of.
//!
//! In: for each column of the contract, in its order, whether it is one of the set. Out: the places of those
//! that are. A statement names these alone, so the table gives the others their defaults. It never knows what
//! the rows say.

use diesel::sql_types::{Array, Bool};

use crate::db::prelude::*;

/// A set of columns that some rows speak of.
#[derive(QueryableByName)]
pub(super) struct SpokenColumns {
    #[diesel(sql_type = Array<Bool>)]
    speaks: Vec<bool>,
}

impl SpokenColumns {
    /// Their places in the contract.
    pub(super) fn places(&self) -> Vec<usize> {
        let columns = self.speaks.iter().enumerate();
        columns
            .filter(|(_, speaks)| **speaks)
            .map(|(place, _)| place)
            .collect()
    }
}
