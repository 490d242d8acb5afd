//! What goes wrong in real deliveries, one example each.
//!
//! In: a good person. Out: their row with one fault, never two, so that what Hayloft says about
//! the row can be compared with the fault.

use super::people::Person;
use super::{Row, spelt};

/// The row of a person with the `nth` fault; after the last fault comes the first again.
pub(super) fn spoil(person: Person, nth: u64) -> Row {
    let Person { name, email, born } = person;
    match nth % 6 {
        // A day that the calendar does not have. The first: a transaction waits for this person.
        0 => vec![name, email, "31/02/1990".into()],
        // A key that is not there.
        1 => vec![name, String::new(), spelt(born)],
        // A right date in another format than the contract's.
        2 => vec![name, email, born.format("%Y-%m-%d").to_string()],
        // The name is missing, and so is its comma: too few fields.
        3 => vec![email, spelt(born)],
        // Two @ are no address.
        4 => vec![name, email.replace('@', "@@"), spelt(born)],
        // A required value that is not there.
        _ => vec![name, email, String::new()],
    }
}
