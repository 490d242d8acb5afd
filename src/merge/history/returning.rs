//! That a load which comes back has the keys of now.
//!
//! A table without rows takes keys that are made otherwise: with another secret, or of other
//! columns. What an undone load said is kept by its own keys; put in again, it would give everybody
//! a second one.

use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use uuid::Uuid;

use super::natural::Natural;
use crate::contract::Contract;
use crate::db::prelude::*;
use crate::merge::{MergeError, sql};
use crate::stage::key::KeyScheme;

#[derive(QueryableByName)]
struct Remembered {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

/// Makes the key of one of its rows anew, and compares. All of them were made in one way.
pub(in crate::merge) fn vouch_for_returning(
    conn: &mut PgConnection,
    contract: &Contract,
    keys: &KeyScheme,
    load_id: i64,
) -> Result<(), MergeError> {
    let remembered: Option<Remembered> = sql_query(sql::read_remembered_key(contract))
        .bind::<BigInt, _>(load_id)
        .get_result(conn)
        .optional()?;
    let Some(remembered) = remembered else {
        return Ok(());
    };
    let natural = Natural::of(contract, keys);
    match natural.and_then(|it| it.key(&remembered.cells)) {
        Some(key) if key == remembered.key => Ok(()),
        _ => Err(MergeError::NotTurned(format!(
            "The keys of load {load_id} were made otherwise than those of `{}` now: with another \
             HAYLOFT_KEY_SECRET, or of other columns. Put in again, it would give everybody a second \
             key; load its file again instead.",
            contract.name
        ))),
    }
}
