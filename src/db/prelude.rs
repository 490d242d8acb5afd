//! What whoever speaks to Postgres begins with: of Diesel's own prelude what is used here, and [`Run`]
//! instead of its `RunQueryDsl`.

pub use diesel::prelude::{
    Connection, ConnectionError, ConnectionResult, OptionalExtension, PgConnection, QueryResult,
    Queryable, QueryableByName,
};

pub use super::run::Run;
