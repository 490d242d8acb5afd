//! The columns that Hayloft fills itself: their names and types. No file ever fills them.

use super::{ColumnType, Contract, Kind, Nullability, Precision};

/// When a version begins to hold.
pub const EFFECTIVE_START_DATE: &str = "effective_start_date";
/// When it ceases to hold; NULL while it does.
pub const EFFECTIVE_END_DATE: &str = "effective_end_date";
/// The number of the version, from 1 for each key.
pub const VERSION_NUMBER: &str = "version_number";
/// The load that wrote the row.
pub const LOAD_ID: &str = "load_id";
/// The line of the file that the row came from.
pub const SOURCE_LINE: &str = "source_line";
/// When a fact was first stored.
pub const CREATED_AT: &str = "created_at";
/// When a value of a fact last changed.
pub const UPDATED_AT: &str = "updated_at";
/// Whether a version is the current one. The database keeps it, as a generated column.
pub const IS_CURRENT: &str = "is_current";

/// A column that Hayloft fills.
#[derive(Clone, Copy, Debug)]
pub(super) struct Managed {
    pub(super) name: &'static str,
    pub(super) column_type: &'static ColumnType,
    pub(super) nullability: Nullability,
}

const fn required(name: &'static str, column_type: &'static ColumnType) -> Managed {
    Managed {
        name,
        column_type,
        nullability: Nullability::Required,
    }
}

const EFFECTIVE_END: Managed = Managed {
    nullability: Nullability::Nullable,
    ..required(
        EFFECTIVE_END_DATE,
        &ColumnType::TimestampTz(Precision::MICROS),
    )
};

/// Whether a name, in whatever case, is that of a column that Hayloft fills in this table.
#[must_use]
pub fn is_managed(contract: &Contract, name: &str) -> bool {
    let (durable_key, managed) = match &contract.kind {
        Kind::Dimension { durable_key, .. } => (Some(durable_key.name()), OF_A_DIMENSION),
        Kind::Fact { .. } => (None, OF_A_FACT),
    };
    let stamps = STAMPS.iter().filter(|_| durable_key.is_none());
    let names = managed.iter().chain(stamps).map(|managed| managed.name);
    let current = durable_key.map(|_| IS_CURRENT);
    names
        .chain(durable_key)
        .chain(current)
        .any(|own| own.eq_ignore_ascii_case(name))
}

/// What every dimension has beside its durable key.
pub(super) const OF_A_DIMENSION: &[Managed] = &[
    required(
        EFFECTIVE_START_DATE,
        &ColumnType::TimestampTz(Precision::MICROS),
    ),
    EFFECTIVE_END,
    required(VERSION_NUMBER, &ColumnType::Int4),
    required(LOAD_ID, &ColumnType::Int8),
    required(SOURCE_LINE, &ColumnType::Int8),
];

/// What every fact table has.
pub(super) const OF_A_FACT: &[Managed] = &[
    required(LOAD_ID, &ColumnType::Int8),
    required(SOURCE_LINE, &ColumnType::Int8),
];

/// What a fact table may have.
pub(super) const STAMPS: [Managed; 2] = [
    required(CREATED_AT, &ColumnType::TimestampTz(Precision::MICROS)),
    required(UPDATED_AT, &ColumnType::TimestampTz(Precision::MICROS)),
];
