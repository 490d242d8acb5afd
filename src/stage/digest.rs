//! Four bytes that stand for what a row said.
//!
//! In: the values of a row, as staging encodes them or as Postgres prints them. Out: the same number
//! for the same values, whichever way they came. The ledger keeps it beside the row's key and line,
//! so that the table can be compared later with what its files said.
//!
//! The digest of a row is the sum of the digests of its values, so the order of the columns does not
//! matter. That of a value depends on the column and on the value itself, not on its spelling: `1.0`
//! and `1.00`, or a document with its keys in another order, are one value. A row that says NULL has
//! another digest than one that does not have the column. It finds what was changed by mistake; it is
//! no signature, and proves nothing against somebody who rewrites the ledger as well.

mod printed;

use crate::contract::{Column, ColumnType};

/// What a row said: the sum of what its values are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Digest(pub u32);

impl Digest {
    /// Of a row that says that its key is not there.
    pub const ABSENT: Self = Self(0x4162_7365);

    /// With one more value.
    #[must_use]
    pub fn and(self, value: u32) -> Self {
        Self(self.0.wrapping_add(value))
    }
}

/// In which form the values of a column are digested: a word in the ledger. A type that a migration
/// changed does not change what was digested, so what a load said is compared in the form that its
/// column had when it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As its bytes.
    Text,
    /// The same, without the spaces at its end: they are no part of a `char(n)`.
    Padded,
    /// A whole number.
    Whole,
    /// A decimal, whatever its scale.
    Decimal,
    /// A `real`.
    Real,
    /// A `double precision`.
    Double,
    /// True or false.
    Bool,
    /// A day.
    Date,
    /// A `timestamp`.
    Timestamp,
    /// A `timestamptz`.
    Instant,
    /// A uuid.
    Uuid,
    /// A JSON document, whatever the order of its keys and the scale of its numbers.
    Document,
    /// The text that the server prints: of a type that only the server reads.
    Printed,
}

impl Form {
    /// The form of a type's values.
    #[must_use]
    pub fn of(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8 => Self::Whole,
            ColumnType::Numeric(_) => Self::Decimal,
            ColumnType::Float4 => Self::Real,
            ColumnType::Float8 => Self::Double,
            ColumnType::Bool => Self::Bool,
            ColumnType::Date => Self::Date,
            ColumnType::Timestamp(_) => Self::Timestamp,
            ColumnType::TimestampTz(_) => Self::Instant,
            ColumnType::Uuid => Self::Uuid,
            ColumnType::Text { sql, .. } if is_padded(sql) => Self::Padded,
            ColumnType::Text { .. } | ColumnType::Enum { .. } => Self::Text,
            ColumnType::Json(_) => Self::Document,
            ColumnType::Other(_) => Self::Printed,
        }
    }
}

fn is_padded(sql: &str) -> bool {
    sql.starts_with("character(") || sql == "character" || sql == "bpchar"
}

/// Digests the values of one column.
#[derive(Clone, Copy, Debug)]
pub struct ValueDigest {
    seed: u64,
    form: Form,
}

impl ValueDigest {
    /// Of the values that a column has.
    #[must_use]
    pub fn of(column: &Column) -> Self {
        Self::in_form(column, Form::of(&column.column_type))
    }

    /// Of the values that it had when they were of this form.
    #[must_use]
    pub fn in_form(column: &Column, form: Form) -> Self {
        Self {
            seed: hash(SEED, identity(column).as_bytes()),
            form,
        }
    }

    /// Of a field as staging encodes it, its length before it. Nothing where only the server can read
    /// the value: that one is added when the server has printed it.
    #[inline]
    #[must_use]
    pub fn field(self, field: &[u8]) -> u32 {
        let value = match (self.form, field.split_first_chunk::<4>()) {
            (Form::Printed, _) => return 0,
            (_, Some((length, value))) if i32::from_be_bytes(*length) >= 0 => value,
            _ => return self.null(),
        };
        match self.form {
            Form::Padded => self.bytes(trimmed(value)),
            Form::Whole => self.number(whole(value)),
            Form::Decimal => self.decimal(value),
            Form::Document => self.document(value),
            _ => self.bytes(value),
        }
    }

    /// Of a value as the server prints it.
    #[must_use]
    pub fn printed(self, text: Option<&str>) -> u32 {
        let Some(text) = text else {
            return self.null();
        };
        match printed::encoded(self.form, text) {
            Some(printed::Encoded::Bytes(bytes)) => self.bytes(&bytes),
            Some(printed::Encoded::Number(number)) => self.number(number),
            Some(printed::Encoded::Decimal(field)) => self.decimal(&field),
            // No file can have said it.
            None => fold(hash(self.seed ^ UNREADABLE, text.as_bytes())),
        }
    }

    fn null(self) -> u32 {
        fold(hash(self.seed ^ NULL, &[]))
    }

    #[inline]
    fn bytes(self, bytes: &[u8]) -> u32 {
        fold(hash(self.seed, bytes))
    }

    #[inline]
    fn number(self, number: i64) -> u32 {
        fold(hash(self.seed, &number.to_le_bytes()))
    }

    /// A `numeric` without its scale: the number of its groups, weight, sign, scale, groups.
    fn decimal(self, value: &[u8]) -> u32 {
        let (Some(head), Some(groups)) = (value.get(..6), value.get(8..)) else {
            return self.bytes(value);
        };
        let mut number = [0; 8];
        number[..6].copy_from_slice(head);
        fold(hash(hash(self.seed, &number), groups))
    }

    fn document(self, value: &[u8]) -> u32 {
        match printed::document(value) {
            Some(document) => self.bytes(document.as_bytes()),
            None => fold(hash(self.seed ^ UNREADABLE, value)),
        }
    }
}

/// What a column is known by.
fn identity(column: &Column) -> &str {
    column.id.as_str()
}

fn trimmed(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| *byte != b' ');
    &value[..end.map_or(0, |last| last + 1)]
}

fn whole(value: &[u8]) -> i64 {
    let negative = value.first().is_some_and(|byte| byte & 0x80 != 0);
    let begin: i64 = if negative { -1 } else { 0 };
    value
        .iter()
        .fold(begin, |number, byte| number << 8 | i64::from(*byte))
}

// ---- the hash ---------------------------------------------------------------------------------

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const NULL: u64 = 0xd1b5_4a32_d192_ed03;
const UNREADABLE: u64 = 0x8cb9_2ba7_2f3d_8dd7;
const STEP: u64 = 0xf135_7aea_2e62_a9c5;
const END: u64 = 0xda94_2042_e4dd_58b5;

/// Sixty-four bits of these bytes, in which each bit depends on all of theirs.
#[inline]
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(END);
    for word in words {
        state = mixed(state ^ u64::from_le_bytes(*word), STEP);
    }
    if !tail.is_empty() {
        state = mixed(state ^ word_of(tail), STEP);
    }
    state ^= state >> 32;
    state = state.wrapping_mul(STEP);
    state ^= state >> 29;
    mixed(state, END)
}

/// At most eight bytes as a number, the first one the lowest. They are not copied into a word first:
/// what was written in pieces and is read as a whole has to wait for the memory.
#[inline]
fn word_of(tail: &[u8]) -> u64 {
    match (tail.first_chunk::<4>(), tail.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            let behind = 8 * (tail.len() - 4);
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << behind
        }
        _ => tail
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Both halves of the product: the low bits of one depend on the high bits of the other.
#[inline]
fn mixed(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

#[inline]
fn fold(hash: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let halves = (hash as u32, (hash >> 32) as u32);
    halves.0 ^ halves.1
}

#[cfg(test)]
mod tests;
