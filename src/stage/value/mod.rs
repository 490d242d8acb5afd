//! One field of a file becomes one field of the binary COPY format.
//!
//! In: the bytes of a field and what its column promises. Out: the value's bytes, appended to a
//! row; or the reason why the field is no value of the column. It never knows which line or file
//! the field is from, and no sentence that it makes holds anything of the field.
//!
//! The server never parses a value of the types before the arrays: what it takes depends on its
//! version and on the session. These are the rules instead. Equal values have equal bytes.
//!
//! | type | taken | refused |
//! | --- | --- | --- |
//! | any | the contract's `null_tokens`, exactly; the empty field as `empty_as` says | not UTF-8, a NUL byte |
//! | integers | `-` if negative, digits; leading zeros | `+5`, ` 42`, `1e3`, `1_000`, `0x1A`, digits that are not ASCII; out of range |
//! | numeric | `-` if negative, digits, at most one `.` with digits on both sides | exponents, thousands separators, currencies, `(5)`, `5-`, `NaN`, `Infinity`; digits that the scale has no room for: nothing is rounded |
//! | floats | as numeric, also with an exponent | `NaN`, `Infinity`; what is finite but too large or too small; digits that are not given back |
//! | boolean | `true` `t` `yes` `y` `1`, `false` `f` `no` `n` `0`, in any case | everything else |
//! | date | the contract's format, or `YYYY-MM-DD`; every digit present | `now`, `infinity`, days that do not exist, years but 1 to 9999 |
//! | timestamp | the contract's format, or `YYYY-MM-DD HH:MM:SS[.f…]` with a space or `T` | `24:00:00`, second 60; an offset |
//! | timestamptz | the same, and `Z`, `±HH` or `±HH:MM`; without one, local time of the contract's zone | a local time that the zone skips |
//! | uuid | 36 characters with hyphens, in any case | braces, no hyphens |
//! | text | as delivered; as a key part trimmed and in NFC | more characters than fit: nothing is cut off |
//! | text, e-mail | trimmed, NFC, lower case; blank is NULL | what is not `local@domain`; see `email.rs` |
//! | json, jsonb | as delivered; jsonb with sorted keys and numbers as written | not JSON, a key twice, too deep; `\u0000` in jsonb |
//! | enum | a label, exactly | everything else |
//! | arrays, ranges, multiranges, composite types | as Postgres writes them, each part by the rules of its own type | a part that is refused by itself |
//! | time, timetz | `HH:MM`, `HH:MM:SS[.f…]`; timetz with an offset | `now`, a date, an offset that is missing or too much; digits that are not kept |
//! | money | as numeric | currencies, separators |
//! | name, "char" | as delivered | more bytes than fit |
//! | oid, xid, cid, xid8 | digits | a sign; out of range |
//! | interval, tsvector, hstore, cidr, point and its like | what the server takes | what it would round, move, drop or guess |
//! | other | as delivered, as text | left to the server |

mod boolean;
mod clock;
mod date;
mod email;
mod fixed;
mod float;
pub mod instant;
mod integer;
mod interval;
mod json;
mod label;
mod lexemes;
mod nested;
mod numeric;
mod pairs;
mod pattern;
mod server;
mod strftime;
mod text;
mod timestamp;
mod uuid;

use thiserror::Error;

use self::date::DateParser;
use self::label::LabelParser;
use self::numeric::NumericParser;
use self::server::ServerParser;
use self::text::TextParser;
use self::timestamp::{TimestampParser, TimestampTzParser};
use super::reject::RejectKind;
use crate::contract::{
    Canonical, Column, ColumnType, EmptyAs, Ident, JsonKind, Nullability, Spelling,
};
use crate::wire;

/// Parses the fields of one column. Made once for a column and a load.
#[derive(Clone, Debug)]
pub struct ValueParser {
    name: Ident,
    nullability: Nullability,
    null_tokens: Vec<String>,
    empty: EmptyAs,
    family: Family,
}

/// What a field turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parsed {
    /// A value.
    Value,
    /// NULL.
    Null,
    /// A local time that occurs twice; the earlier instant was taken.
    Ambiguous,
}

/// Why a field is no value of its column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueFault {
    /// The machine's word.
    pub kind: RejectKind,
    /// What is wrong, as a predicate about the column ("is not a whole number"). It never holds
    /// anything of the field.
    pub message: String,
}

/// A contract that cannot apply to its column, in a sentence.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{0}")]
pub struct FormatFault(String);

/// The families of types, each with what it needs to parse a field.
#[derive(Clone, Debug)]
enum Family {
    Int2,
    Int4,
    Int8,
    Numeric(NumericParser),
    Float4,
    Float8,
    Bool,
    Date(DateParser),
    Timestamp(TimestampParser),
    TimestampTz(TimestampTzParser),
    Uuid,
    Text(TextParser),
    Json(JsonKind),
    Label(LabelParser),
    Server(ServerParser),
}

impl ValueParser {
    /// Understands what a column promises, or says why it cannot be kept.
    pub fn new(column: &Column) -> Result<Self, FormatFault> {
        let fault = |reason: String| {
            let name = column.name.name();
            FormatFault(format!(
                "The contract of column {name} cannot hold: {reason}"
            ))
        };
        check_spelling(&column.column_type, &column.spelling).map_err(fault)?;
        Ok(Self {
            name: column.name.clone(),
            nullability: column.nullability,
            null_tokens: column.spelling.null_tokens.clone(),
            empty: column.spelling.empty_as,
            family: Family::new(&column.column_type, &column.spelling).map_err(fault)?,
        })
    }

    /// The name of the column.
    #[must_use]
    pub fn column_name(&self) -> &str {
        self.name.name()
    }

    /// Parses a field and appends its value to `row`. After an error `row` is as it was.
    #[inline]
    pub fn parse(&self, field: &[u8], row: &mut Vec<u8>) -> Result<Parsed, ValueFault> {
        if !self.is_null(field) {
            return self.encode(field, row, None);
        }
        if self.nullability == Nullability::Required {
            return Err(ValueFault::not_null());
        }
        wire::put_null(row);
        Ok(Parsed::Null)
    }

    /// The same for a part of a natural key. It leaves in `text` what is hashed: one text for all
    /// spellings of one value.
    pub fn parse_key_part(
        &self,
        field: &[u8],
        row: &mut Vec<u8>,
        text: &mut String,
    ) -> Result<Parsed, ValueFault> {
        text.clear();
        if self.is_null(field) || self.is_blank(field) {
            return Err(ValueFault::null_key());
        }
        self.encode(field, row, Some(text))
    }

    /// Whether a field stands for no value.
    #[must_use]
    pub fn means_null(&self, field: &[u8]) -> bool {
        self.is_null(field) || field.trim_ascii().is_empty()
    }

    #[inline]
    fn is_null(&self, field: &[u8]) -> bool {
        (field.is_empty() && self.empty == EmptyAs::Null)
            || self
                .null_tokens
                .iter()
                .any(|token| token.as_bytes() == field)
            || (self.is_email() && text::is_blank(field))
    }

    fn is_blank(&self, field: &[u8]) -> bool {
        field.is_empty() || (self.is_text() && text::is_blank(field))
    }

    fn is_text(&self) -> bool {
        matches!(self.family, Family::Text(_))
    }

    fn is_email(&self) -> bool {
        matches!(&self.family, Family::Text(text) if text.canonical == Canonical::Email)
    }

    fn encode(
        &self,
        field: &[u8],
        row: &mut Vec<u8>,
        key_text: Option<&mut String>,
    ) -> Result<Parsed, ValueFault> {
        if field.len() >= wire::MAX_FIELD {
            return Err(ValueFault::overflow("is longer than Postgres can take"));
        }
        let start = row.len();
        self.family.encode(field, row, key_text).map_err(|fault| {
            row.truncate(start);
            self.explain(field, fault)
        })
    }

    /// The better reason for a fault, looked for only now so that good fields don't pay for it.
    fn explain(&self, field: &[u8], fault: ValueFault) -> ValueFault {
        let text = match text::utf8(field) {
            Ok(text) => text,
            Err(encoding) => return encoding,
        };
        let trimmed = text.trim();
        let only_the_space_is_wrong = trimmed.len() < text.len()
            && fault.kind == RejectKind::BadType
            && self
                .family
                .encode(trimmed.as_bytes(), &mut Vec::new(), None)
                .is_ok();
        if only_the_space_is_wrong {
            let message = format!("{}; only the white space around it is wrong", fault.message);
            return ValueFault::bad_type(message);
        }
        fault
    }
}

impl Family {
    fn new(column_type: &ColumnType, spelling: &Spelling) -> Result<Self, String> {
        Ok(match column_type {
            ColumnType::Int2 => Self::Int2,
            ColumnType::Int4 => Self::Int4,
            ColumnType::Int8 => Self::Int8,
            ColumnType::Numeric(limit) => Self::Numeric(NumericParser { limit: *limit }),
            ColumnType::Float4 => Self::Float4,
            ColumnType::Float8 => Self::Float8,
            ColumnType::Bool => Self::Bool,
            ColumnType::Date => Self::Date(DateParser::new(spelling)?),
            ColumnType::Timestamp(precision) => {
                Self::Timestamp(TimestampParser::new(spelling, *precision)?)
            }
            ColumnType::TimestampTz(precision) => {
                Self::TimestampTz(TimestampTzParser::new(spelling, *precision)?)
            }
            ColumnType::Uuid => Self::Uuid,
            ColumnType::Json(kind) => Self::Json(*kind),
            ColumnType::Enum { labels, .. } => Self::Label(LabelParser::new(labels)),
            ColumnType::Text { max_chars, .. } => Self::Text(TextParser {
                max_chars: *max_chars,
                canonical: spelling.canonical,
            }),
            ColumnType::Other(of_server) => Self::Server(ServerParser::new(of_server, spelling)?),
        })
    }

    fn encode(
        &self,
        field: &[u8],
        row: &mut Vec<u8>,
        key_text: Option<&mut String>,
    ) -> Result<Parsed, ValueFault> {
        match self {
            Self::Int2 => integer::int2(field, row, key_text)?,
            Self::Int4 => integer::int4(field, row, key_text)?,
            Self::Int8 => integer::int8(field, row, key_text)?,
            Self::Numeric(numeric) => numeric.encode(field, row, key_text)?,
            Self::Float4 => float::float4(field, row, key_text)?,
            Self::Float8 => float::float8(field, row, key_text)?,
            Self::Bool => boolean::encode(field, row, key_text)?,
            Self::Date(date) => date.encode(field, row, key_text)?,
            Self::Timestamp(timestamp) => timestamp.encode(field, row, key_text)?,
            Self::TimestampTz(timestamp) => return timestamp.encode(field, row, key_text),
            Self::Uuid => uuid::encode(field, row, key_text)?,
            Self::Text(text) => text.encode(field, row, key_text)?,
            Self::Json(kind) => json::encode(*kind, field, row, key_text)?,
            Self::Label(label) => label.encode(field, row, key_text)?,
            Self::Server(server) => return server.encode(field, row),
        }
        Ok(Parsed::Value)
    }

    /// Writes a part of a value as a text that means the same to any server.
    fn write(&self, part: &[u8], out: &mut String) -> Result<Parsed, ValueFault> {
        let mut unused = Vec::new();
        match self {
            Self::Server(server) => server.write(part, out),
            // As a key, a text would be trimmed; and a document is kept as it was delivered.
            Self::Text(_) | Self::Json(_) => {
                let parsed = self.encode(part, &mut unused, None)?;
                out.push_str(text::utf8(part)?);
                Ok(parsed)
            }
            Self::TimestampTz(_) => {
                let parsed = self.encode(part, &mut unused, Some(out))?;
                out.push('Z');
                Ok(parsed)
            }
            _ => self.encode(part, &mut unused, Some(out)),
        }
    }

    /// Whether white space around a value is a part of it.
    fn minds_space(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Label(_) | Self::Server(_))
    }

    fn is_of_time(&self) -> bool {
        matches!(
            self,
            Self::Date(_) | Self::Timestamp(_) | Self::TimestampTz(_)
        )
    }
}

/// Reads a whole number that is no column's value, by the rules of `bigint`.
pub(super) fn whole_number(field: &[u8]) -> Result<i64, ValueFault> {
    integer::value(field, None, &(i64::MIN..=i64::MAX))
}

/// The value of a `numeric` field, as [`ValueParser`] encodes it where the column has no limit. `None`
/// if the text is no decimal number.
pub(super) fn decimal_field(text: &str) -> Option<Vec<u8>> {
    let mut row = Vec::new();
    let numeric = NumericParser { limit: None };
    numeric.encode(text.as_bytes(), &mut row, None).ok()?;
    Some(row.split_off(size_of::<i32>()))
}

/// A document without white space, with the keys of each object in order, and numbers as written.
/// `None` if it is none.
pub(super) fn canonical_json(text: &str) -> Option<String> {
    json::canonical(JsonKind::Text, text).ok()
}

/// Refuses what the contract says of a type that cannot have it.
fn check_spelling(column_type: &ColumnType, spelling: &Spelling) -> Result<(), String> {
    use ColumnType::{Date, Enum, Other, Text, Timestamp, TimestampTz};
    let sql = column_type.sql();
    if spelling.format.is_some() && !matches!(column_type, Date | Timestamp(_) | TimestampTz(_)) {
        return Err(format!(
            "a format is for dates and timestamps, and the column is {sql}. Remove the format."
        ));
    }
    if spelling.canonical == Canonical::Email && !matches!(column_type, Text { .. }) {
        return Err(format!(
            "an e-mail address is a text, and the column is {sql}. Remove canonical = \"email\"."
        ));
    }
    let takes_empty = matches!(column_type, Text { .. } | Enum { .. } | Other(_));
    if spelling.empty_as == EmptyAs::Empty && !takes_empty {
        return Err(format!(
            "there is no empty value of type {sql}. Remove empty_as = \"empty\"."
        ));
    }
    Ok(())
}

impl ValueFault {
    fn bad_type(message: impl Into<String>) -> Self {
        Self {
            kind: RejectKind::BadType,
            message: message.into(),
        }
    }

    fn overflow(message: impl Into<String>) -> Self {
        Self {
            kind: RejectKind::Overflow,
            message: message.into(),
        }
    }

    fn bad_encoding(message: impl Into<String>) -> Self {
        Self {
            kind: RejectKind::BadEncoding,
            message: message.into(),
        }
    }

    fn not_null() -> Self {
        Self {
            kind: RejectKind::NotNull,
            message: "has no value, and the column must have one".into(),
        }
    }

    /// Of a local time that occurs twice, which costs nothing but a warning.
    pub(super) fn ambiguous_time() -> Self {
        Self {
            kind: RejectKind::AmbiguousTime,
            message: "is a local time that its zone has twice (the clock was set back), and the \
                      earlier one was taken"
                .into(),
        }
    }

    fn null_key() -> Self {
        Self {
            kind: RejectKind::NullKey,
            message: "has no value, and it is part of the key".into(),
        }
    }
}

#[cfg(test)]
mod tests;
