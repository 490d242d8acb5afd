//! Names that may become SQL.
//!
//! Binds cannot carry the name of a table or a column, so names are written into the text of a
//! statement. That happens through [`Ident`] only, whose `Display` is the quoted form: no name
//! reaches a statement unquoted, and no other type in the crate prints itself as SQL.

use std::fmt;

/// The name of a table, column or schema, as the catalog spells it.
///
/// `Display` is the quoted SQL form; [`Ident::name`] is the bare name, for people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ident(String);

impl Ident {
    /// Vouches for a name: either the catalog returned it, or it is a constant of this crate.
    /// Nothing that came from a file's header or name goes through here; what a header may name is
    /// asked of [`Ident::of_new_column`].
    #[must_use]
    pub fn vouched(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name of a column that a table is to get, from a file's header: in lower case, since
    /// headers are compared without regard to case. A header may hold anything, so this takes only
    /// what nobody would have to quote: a letter or `_`, then letters, digits and `_`.
    pub fn of_new_column(header: &str) -> Result<Self, NameFault> {
        let name = header.to_lowercase();
        let begins = |c: char| c.is_alphabetic() || c == '_';
        let goes_on = |c: char| c.is_alphanumeric() || c == '_';
        if !name.starts_with(begins) || !name.chars().all(goes_on) {
            return Err(NameFault::NotAName);
        }
        if name.len() > Self::LONGEST {
            return Err(NameFault::TooLong);
        }
        Ok(Self(name))
    }

    /// The most bytes of a name; Postgres cuts off the rest.
    pub const LONGEST: usize = 63;

    /// The bare name, for messages and for comparison with a header.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Why a header cannot be the name of a new column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameFault {
    /// It has a character that would have to be quoted.
    NotAName,
    /// Postgres would cut it off.
    TooLong,
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A table with its schema. `Display` is the quoted SQL form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QualifiedName {
    /// The schema, `datawarehouse` unless a test says otherwise.
    pub schema: Ident,
    /// The table.
    pub table: Ident,
}

impl QualifiedName {
    /// The name of something that stands beside the table and is called after it; `None` where
    /// Postgres would cut the name off.
    #[must_use]
    pub fn beside(&self, ending: &'static str) -> Option<Self> {
        let name = format!("{}{ending}", self.table.name());
        (name.len() <= Ident::LONGEST).then(|| Self {
            schema: self.schema.clone(),
            table: Ident::vouched(name),
        })
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// The name of a table in `hayloft.toml`: what a file is named for. For people and for
/// look-ups, never for SQL; SQL takes a [`QualifiedName`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TableName(String);

impl TableName {
    /// Takes the name as it stands in `hayloft.toml` or in the ledger.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The bare name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ident, NameFault};

    #[test]
    fn a_quote_in_a_name_cannot_end_the_name() {
        let name = Ident::vouched(r#"users"; drop table x;--"#);
        assert_eq!(name.to_string(), r#""users""; drop table x;--""#);
    }

    #[test]
    fn a_header_makes_a_name_only_if_nobody_would_have_to_quote_it() {
        for (header, expected) in [
            ("phone", Ok("phone")),
            ("Phone", Ok("phone")),
            ("_x1", Ok("_x1")),
            ("straße", Ok("straße")),
            ("größe_2", Ok("größe_2")),
            ("", Err(NameFault::NotAName)),
            ("1st", Err(NameFault::NotAName)),
            ("phone number", Err(NameFault::NotAName)),
            ("phone-number", Err(NameFault::NotAName)),
            ("a\"; drop table x;--", Err(NameFault::NotAName)),
            ("ann@x.org", Err(NameFault::NotAName)),
            ("caf\u{65}\u{301}", Err(NameFault::NotAName)),
            ("a\u{200b}b", Err(NameFault::NotAName)),
            ("a\0", Err(NameFault::NotAName)),
        ] {
            let name = Ident::of_new_column(header);
            assert_eq!(
                name.as_ref().map(Ident::name).map_err(|e| *e),
                expected,
                "{header:?}"
            );
        }
        assert!(Ident::of_new_column(&"a".repeat(63)).is_ok());
        assert_eq!(
            Ident::of_new_column(&"a".repeat(64)),
            Err(NameFault::TooLong)
        );
        assert_eq!(
            Ident::of_new_column(&"ä".repeat(32)),
            Err(NameFault::TooLong)
        );
    }
}
