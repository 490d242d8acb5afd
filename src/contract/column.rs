//! What one column of a table promises: its type from the catalog, its spelling from the contract.

use chrono_tz::Tz;

use super::{ColumnId, Ident, Role, ServerType};

/// One column that a file may fill.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// The name, as the catalog spells it.
    pub name: Ident,
    /// What the ledger calls it, whatever its name is now.
    pub id: ColumnId,
    /// The type, from the catalog. Of a domain, its base type.
    pub column_type: ColumnType,
    /// The domain, if it is one with checks.
    pub domain: Option<Domain>,
    /// Whether NULL is refused.
    pub nullability: Nullability,
    /// How the file spells a value.
    pub spelling: Spelling,
    /// What a change of it means.
    pub role: Role,
}

/// Whether a column takes NULL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nullability {
    /// `NOT NULL` in the catalog: a row without a value here is a reject.
    Required,
    /// NULL is a value like any other.
    Nullable,
}

/// The Postgres types that Hayloft parses itself, and the rest.
///
/// Nothing of a file is ever parsed by the server for the types named here: its rules depend on
/// session settings (`DateStyle`) and on its version, and accept `now` as a date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ColumnType {
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `numeric` or `numeric(precision, scale)`
    Numeric(Option<NumericLimit>),
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `boolean`
    Bool,
    /// `date`
    Date,
    /// `timestamp without time zone`
    Timestamp(Precision),
    /// `timestamp with time zone`
    TimestampTz(Precision),
    /// `uuid`
    Uuid,
    /// `text`, `varchar(n)`, `char(n)`: with the most characters that fit, where there is a limit.
    Text {
        /// The catalog's spelling of the type, for whatever a value is brought to before it is compared.
        sql: String,
        /// The most characters (not bytes) that the column takes.
        max_chars: Option<u32>,
    },
    /// `json` or `jsonb`
    Json(JsonKind),
    /// An enum: one of these labels, exactly.
    Enum {
        /// The catalog's spelling of the type.
        sql: String,
        /// The labels, in the type's own order.
        labels: Vec<String>,
    },
    /// Any other type. Its values travel as text and the server parses them.
    Other(ServerType),
}

/// A domain with checks, which the server alone can make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Domain {
    /// The catalog's spelling of its name.
    pub sql: String,
    /// The names of its checks, and of those of the domains that it is made of.
    pub checks: Vec<String>,
}

/// What `numeric(precision, scale)` allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumericLimit {
    /// Digits in all.
    pub precision: u16,
    /// Digits after the point. A negative one is of zeros before it.
    pub scale: i16,
}

/// How many digits of a second a time keeps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Precision(u8);

impl Precision {
    /// All that Postgres has room for: microseconds.
    pub const MICROS: Self = Self(6);

    /// That many, if Postgres keeps no more.
    #[must_use]
    pub fn new(digits: u8) -> Option<Self> {
        Some(Self(digits)).filter(|precision| *precision <= Self::MICROS)
    }

    /// The number of digits.
    #[must_use]
    pub fn digits(self) -> u8 {
        self.0
    }

    /// As it stands behind the name of a type.
    fn sql(self) -> String {
        match self {
            Self::MICROS => String::new(),
            Self(digits) => format!("({digits})"),
        }
    }
}

/// The two JSON types differ in their binary form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JsonKind {
    /// `json`
    Text,
    /// `jsonb`
    Binary,
}

impl ColumnType {
    /// The type as SQL: the catalog's own spelling, or a keyword.
    #[must_use]
    pub fn sql(&self) -> String {
        match self {
            Self::Int2 => "smallint".into(),
            Self::Int4 => "integer".into(),
            Self::Int8 => "bigint".into(),
            Self::Numeric(None) => "numeric".into(),
            Self::Numeric(Some(limit)) => format!("numeric({},{})", limit.precision, limit.scale),
            Self::Float4 => "real".into(),
            Self::Float8 => "double precision".into(),
            Self::Bool => "boolean".into(),
            Self::Date => "date".into(),
            Self::Timestamp(digits) => format!("timestamp{} without time zone", digits.sql()),
            Self::TimestampTz(digits) => format!("timestamp{} with time zone", digits.sql()),
            Self::Uuid => "uuid".into(),
            Self::Json(JsonKind::Text) => "json".into(),
            Self::Json(JsonKind::Binary) => "jsonb".into(),
            Self::Text { sql, .. } | Self::Enum { sql, .. } => sql.clone(),
            Self::Other(of_server) => of_server.sql.clone(),
        }
    }
}

/// How a file spells the values of a column; what the catalog cannot know.
#[derive(Clone, PartialEq, Debug)]
pub struct Spelling {
    /// The strftime pattern of a date or a timestamp; `None` is ISO 8601.
    pub format: Option<String>,
    /// The zone of timestamps that name none.
    pub zone: Tz,
    /// The canonical form of a text.
    pub canonical: Canonical,
    /// Texts that mean NULL, beside the empty field.
    pub null_tokens: Vec<String>,
    /// What an empty field means.
    pub empty_as: EmptyAs,
}

/// The canonical form that a text is brought to before it is stored, compared or hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Canonical {
    /// As delivered. (A key part is trimmed and brought to NFC whatever this says.)
    Verbatim,
    /// An e-mail address: trimmed, NFC, lower case, and checked to be one.
    Email,
}

/// What an empty field means (semantics: `empty_as`). A CSV reader cannot tell `a,,b` from
/// `a,"",b`, so both mean the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EmptyAs {
    /// NULL: the default for everything but text, and for text that is part of a key.
    Null,
    /// The empty text: the default for text.
    Empty,
}
