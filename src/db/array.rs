//! Arrays as parameters, of elements that are in their binary form already.
//!
//! In: the fields of many rows, column by column, as [`crate::wire`] writes them. Out: one parameter
//! for each column, so that a statement takes the rows with it, and no table has to be made for them.

use std::io::Write;

use diesel::pg::{Pg, PgTypeMetadata};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::HasSqlType;

/// The SQL type of an [`Elements`]: whatever the statement casts it to.
#[derive(Clone, Copy, Debug, QueryId)]
pub struct ArrayOfElements;

/// Says that the type is not said: the server takes that of the cast.
impl HasSqlType<ArrayOfElements> for Pg {
    fn metadata(_: &mut Self::MetadataLookup) -> PgTypeMetadata {
        PgTypeMetadata::new(0, 0)
    }
}

/// The elements of an array, each with its length before it.
#[derive(Clone, Debug)]
pub struct Elements {
    type_oid: u32,
    count: i32,
    bytes: Vec<u8>,
}

impl Elements {
    /// No elements yet, of the type with this number in the catalog.
    #[must_use]
    pub fn of(type_oid: u32) -> Self {
        Self {
            type_oid,
            count: 0,
            bytes: Vec::new(),
        }
    }

    /// Adds one, which `put` writes as one of [`crate::wire`]'s fields.
    pub fn push(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.bytes);
        self.count += 1;
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count.unsigned_abs().into()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes all of them away.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

impl ToSql<ArrayOfElements, Pg> for Elements {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        const DIMENSIONS: i32 = 1;
        const HAS_NULLS: i32 = 1;
        const FIRST: i32 = 1;
        out.write_all(&DIMENSIONS.to_be_bytes())?;
        out.write_all(&HAS_NULLS.to_be_bytes())?;
        out.write_all(&self.type_oid.to_be_bytes())?;
        out.write_all(&self.count.to_be_bytes())?;
        out.write_all(&FIRST.to_be_bytes())?;
        out.write_all(&self.bytes)?;
        Ok(IsNull::No)
    }
}
