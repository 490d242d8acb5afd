//! Types whose values the server reads from a text, and what is asked of such a text before.
//!
//! A server rounds a value to the modifier of a type (`time(0)`), and some types take more texts
//! than have one meaning (`now` as a time). So a text has a [`TextForm`], which Hayloft holds it
//! against; and what the server then reads is read twice, as the plain type and as the type of the
//! column, and has to be the same.

use super::{ColumnType, Precision};

/// A type that the server reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerType {
    /// The catalog's spelling of the type.
    pub sql: String,
    /// The type that a text is first read as: the same without modifiers, which change values.
    pub plain: String,
    /// How two values of the plain type are compared.
    pub equality: Equality,
    /// What a text must look like.
    pub form: TextForm,
}

/// How values of a type are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Equality {
    /// By the type's own operator: a value may have several texts, `1.5` and `1.50`.
    Value,
    /// As the server prints them: the type may have no operator, or one that overlooks something.
    Text,
}

/// What the text of a value looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TextForm {
    /// Whatever the server takes.
    Any,
    /// `{a,b}`
    Array(Box<ColumnType>),
    /// `[a,b)`
    Range(Box<ColumnType>),
    /// `{[a,b),[c,d)}`
    Multirange(Box<ColumnType>),
    /// `(a,b)`
    Composite(Vec<ColumnType>),
    /// `HH:MM:SS`
    Time(Precision),
    /// `HH:MM:SS+HH:MM`
    TimeTz(Precision),
    /// A span of time, no finer than a microsecond.
    Interval,
    /// The same as a part of a type that no modifier can be taken from: the server cannot be asked
    /// what it makes of it.
    LimitedInterval(IntervalLimit),
    /// A plain decimal number, which reaches the server as one.
    Money,
    /// A text of so many bytes at most.
    Bytes(usize),
    /// A whole number from 0 to this one.
    Unsigned(u64),
    /// Lexemes with their positions.
    TextSearchVector,
    /// Pairs of a key and a value.
    Pairs,
    /// Numbers of double precision, whatever stands between them.
    Floats,
    /// A network with all parts of its address.
    Network,
}

/// What the modifier of an `interval` lets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntervalLimit {
    /// The least field; what is smaller is dropped.
    pub least: IntervalField,
    /// Of the seconds, if they are kept.
    pub precision: Precision,
}

/// A field of an `interval`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IntervalField {
    /// Also the months and all below are dropped if it is the least one.
    Year,
    /// Whole months.
    Month,
    /// Whole days.
    Day,
    /// Whole hours.
    Hour,
    /// Whole minutes.
    Minute,
    /// Seconds, as precise as they are.
    Second,
}

impl ServerType {
    /// A type that Hayloft knows nothing of but its name.
    #[must_use]
    pub fn unknown(sql: impl Into<String>) -> Self {
        let sql = sql.into();
        Self {
            plain: sql.clone(),
            sql,
            equality: Equality::Text,
            form: TextForm::Any,
        }
    }

    /// Whether its texts depend on a setting, of which the plain type's do not.
    #[must_use]
    pub fn is_money(&self) -> bool {
        self.form == TextForm::Money
    }
}
