//! Late rows, corrections, undo: the general way from what was said to the table.
//!
//! In: the touched keys, and a load that comes, goes or returns. Out: their versions as they
//! follow from all that counts. A load whose rows come in order does not need this: it compares
//! with the current versions and is done. Here each touched key is read with all that was ever said
//! of it ([`store`]), folded anew ([`fold`]), and what differs is written back ([`record`]), in the
//! load's own transaction. What it costs goes with the touched keys and their past, not with
//! the table.

mod change;
mod facts;
mod fold;
mod natural;
pub(super) mod prove;
mod record;
mod refold;
mod returning;
mod same;
mod seal;
mod settle;
mod store;
mod turn;

pub(super) use change::keep_as_shown;
pub(super) use facts::{
    Coming, FactRow, Facts, let_in_behind, refold_landed, take_over_facts, turn_facts,
};
pub(super) use fold::{Cell, Defaults};
pub(super) use natural::Natural;
pub(super) use record::document;
pub(super) use refold::{Arrival, Refolded, refold};
pub(super) use returning::vouch_for_returning;
pub(super) use seal::seal;
pub(super) use settle::Event;
pub(super) use store::cells;
pub use turn::Turn;
pub(super) use turn::{Begun, Target, Turned, keep_members_of_facts, open, turn_dimension};

use self::fold::{NewValues, Rules};
use crate::contract::{Contract, Ident, UnknownColumns};

/// A dimension, and what its columns mean.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) contract: &'a Contract,
    pub(super) durable_key: &'a Ident,
    rules: Rules,
}

impl<'a> Table<'a> {
    pub(super) fn new(contract: &'a Contract, durable_key: &'a Ident) -> Self {
        let new_values = match contract.unknown_columns {
            UnknownColumns::Version => NewValues::Change,
            _ => NewValues::Fill,
        };
        let rules = Rules {
            columns: store::column_rules(contract),
            new_values,
        };
        Self {
            contract,
            durable_key,
            rules,
        }
    }
}
