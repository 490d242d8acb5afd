//! Values that the ledger keeps, of a column whose enum calls its labels otherwise now (semantics §20.3).
//!
//! In: the column, and the new name of each label by its old one. Out: kept values, defaults and held rows with
//! the new names. An enum by itself or in a list is known label by label. Of a value that has labels somewhere
//! within, only its text is kept: if a renamed one may be in it, it is marked, and whatever needs it is
//! refused. What such a row said was digested by the old names, so these digests hold no longer.

use std::collections::BTreeMap;

use diesel::sql_query;
use diesel::sql_types::Text;

use crate::contract::{ColumnId, ColumnType, TextForm};
use crate::db::prelude::*;
use crate::merge::conversion;

/// A column whose labels have other names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relabelled<'a> {
    pub(super) table: &'a str,
    pub(super) column: &'a ColumnId,
    pub(super) column_type: &'a ColumnType,
    /// The type as the catalog spells it.
    pub(super) type_sql: &'a str,
    /// The new names by the old ones.
    pub(super) labels: &'a BTreeMap<String, String>,
}

/// Gives what the ledger keeps of a column, and what facts say of it that are held, the new names.
pub(super) fn convert(conn: &mut PgConnection, relabelled: Relabelled<'_>) -> QueryResult<()> {
    let Relabelled {
        table,
        column,
        type_sql,
        labels,
        ..
    } = relabelled;
    let place = Place::of(relabelled.column_type);
    let labels = serde_json::json!(labels).to_string();
    sql_query(place.function()).execute(conn)?;
    super::lapse(conn, table, column)?;
    sql_query(include_str!("relabel/convert.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .bind::<Text, _>(&labels)
        .bind::<Text, _>(type_sql)
        .execute(conn)?;
    sql_query(include_str!("relabel/convert_defaults.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .bind::<Text, _>(&labels)
        .bind::<Text, _>(type_sql)
        .execute(conn)?;
    conversion::prepare_held(conn)?;
    sql_query(include_str!("relabel/convert_held.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .bind::<Text, _>(&labels)
        .bind::<Text, _>(type_sql)
        .bind::<Text, _>(place.read_as(type_sql))
        .execute(conn)
        .map(drop)
}

/// Where in a value its labels are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// The value is one.
    Itself,
    /// It is an array of them.
    Elements,
    /// Somewhere else.
    Within,
}

impl Place {
    fn of(column_type: &ColumnType) -> Self {
        let is_enum = |it: &ColumnType| matches!(it, ColumnType::Enum { .. });
        match column_type {
            it if is_enum(it) => Self::Itself,
            ColumnType::Other(other) => match &other.form {
                TextForm::Array(element) if is_enum(element) => Self::Elements,
                _ => Self::Within,
            },
            _ => Self::Within,
        }
    }

    fn function(self) -> &'static str {
        match self {
            Self::Itself => include_str!("relabel/label.sql"),
            Self::Elements => include_str!("relabel/list.sql"),
            Self::Within => include_str!("relabel/within.sql"),
        }
    }

    /// As which type a value is read whose labels its own type does not know any more.
    fn read_as(self, type_sql: &str) -> &str {
        match self {
            Self::Itself => "text",
            Self::Elements => "text[]",
            Self::Within => type_sql,
        }
    }
}
