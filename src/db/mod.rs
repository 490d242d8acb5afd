//! The way to Postgres: where it is, how a session with it behaves, and which tables it must have.
//!
//! A [`DatabaseUrl`] comes in, given by a person or by the [`embedded`] server; a [`pool::Pool`]
//! of sessions that all behave alike goes out. Nothing in here knows of files, contracts or rows.

pub mod access;
pub mod array;
pub mod attempt;
pub mod connect_fault;
pub mod copy;
pub mod embedded;
mod language;
mod message;
pub mod migrations;
mod own_words;
pub mod pool;
pub mod prelude;
pub mod prepared;
mod replies;
mod run;
pub mod second;
mod session;
mod transaction;
pub mod url;
mod yes_or_no;

pub use connect_fault::{ConnectFault, FaultKind, explain_connection_error, pooler_behind};
pub use embedded::Embedded;
pub use message::{
    is_canceled, is_denied, is_denied_text, is_lock_timeout, may_be_foreign, takes_no_writes,
    without_value,
};
pub use own_words::is_servers_own;
pub use prepared::Prepare;
pub use replies::{has_lost_reply, is_told_by_server};
pub use run::Run;
pub use second::SecondSession;
pub use transaction::{DatabaseCause, transaction};
pub use url::DatabaseUrl;
pub use yes_or_no::YesOrNo;
