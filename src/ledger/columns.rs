//! How the columns of a table were called when a load spoke of them.

use std::collections::BTreeMap;

use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};

use crate::contract::TableName;
use crate::db::prelude::*;

/// What the ledger knew of a table's columns from one load on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnsSince {
    /// By the id of a column its name, a space, and its type: at the load, and after each change.
    states: Vec<BTreeMap<String, String>>,
}

/// The columns of a table at a load, and since.
pub fn since(
    conn: &mut PgConnection,
    table: &TableName,
    load_id: i64,
) -> QueryResult<ColumnsSince> {
    #[derive(QueryableByName)]
    struct State {
        #[diesel(sql_type = Text)]
        columns: String,
    }
    let states = sql_query(include_str!("column_names.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<BigInt, _>(load_id)
        .load::<State>(conn)?;
    let states = states.iter().map(|state| {
        serde_json::from_str(&state.columns)
            .map_err(|error| DbError::DeserializationError(error.into()))
    });
    Ok(ColumnsSince {
        states: states.collect::<QueryResult<_>>()?,
    })
}

impl ColumnsSince {
    /// Whether one of these columns is unknown: it was renamed or dropped before the ledger kept which
    /// column is which.
    #[must_use]
    pub fn lacks(&self, ids: &[String]) -> bool {
        let known = self.states.first();
        ids.iter()
            .any(|id| known.is_none_or(|known| !known.contains_key(id)))
    }

    /// Whether a column was renamed or dropped since.
    #[must_use]
    pub fn moved(&self) -> bool {
        let steps = self.states.iter().zip(self.states.iter().skip(1));
        steps.into_iter().any(|(before, after)| {
            before
                .iter()
                .any(|(id, told)| after.get(id).is_none_or(|now| may_be_renamed(told, now)))
        })
    }

    /// Which of some names a column had at the load. A name may have a space in it, so the longest that
    /// fits is the one.
    #[must_use]
    pub fn place(&self, id: &str, names: &[String]) -> Option<usize> {
        let told = self.states.first()?.get(id)?.to_lowercase();
        let fits = |name: &str| {
            let rest = told.strip_prefix(&name.to_lowercase());
            rest.is_some_and(|rest| rest.starts_with(' '))
        };
        let places = (0..names.len()).filter(|place| fits(&names[*place]));
        places.max_by_key(|place| names[*place].len())
    }
}

/// Whether the name is another one, and not the type alone. Where a name has spaces that cannot always
/// be told, and then it may be.
fn may_be_renamed(before: &str, after: &str) -> bool {
    let first = |told: &str| told.split(' ').next().map(ToOwned::to_owned);
    let last = |told: &str| told.rsplit(' ').next().map(ToOwned::to_owned);
    before != after && (first(before) != first(after) || last(before) == last(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(states: &[&[(&str, &str)]]) -> ColumnsSince {
        let state = |state: &&[(&str, &str)]| {
            let columns = state.iter();
            columns
                .map(|(id, told)| ((*id).to_owned(), (*told).to_owned()))
                .collect()
        };
        ColumnsSince {
            states: states.iter().map(state).collect(),
        }
    }

    #[test]
    fn another_type_is_no_other_name() {
        for (before, after, moved) in [
            ("tier text", "tier text", false),
            ("tier integer", "tier bigint", false),
            ("tier text", "level text", true),
            ("tier text", "level integer", true),
            ("my tier text", "my level text", true),
        ] {
            let since = columns(&[&[("tier", before)], &[("tier", after)]]);
            assert_eq!(since.moved(), moved, "{before} {after}");
        }
    }

    #[test]
    fn names_that_swap_and_swap_back_have_moved() {
        let (one, other) = (
            [("a", "a text"), ("b", "b text")],
            [("a", "b text"), ("b", "a text")],
        );
        assert!(columns(&[&one, &other, &one]).moved());
        assert!(columns(&[&one, &one[..1]]).moved(), "one was dropped");
        assert!(!columns(&[&one[..1], &one]).moved(), "one was added");
    }

    #[test]
    fn a_name_with_a_space_is_not_its_beginning() {
        let since = columns(&[&[("a", "a text"), ("a b", "A b text")]]);
        let names = ["a", "a B"].map(ToOwned::to_owned);
        assert_eq!(since.place("a", &names), Some(0));
        assert_eq!(since.place("a b", &names), Some(1));
        assert_eq!(since.place("c", &names), None);
    }
}
