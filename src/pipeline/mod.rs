//! The one place that knows the order: watch → stage → merge → retire.
//!
//! [`load`] takes one file all the way. [`Dispatcher`] does that all day, for whatever the watch
//! brings: the files of one table in the order of their arrival, facts after their dimensions,
//! and tables that have nothing to do with each other side by side.

mod desk;
mod dispatch;
mod gate;
pub mod queue;
mod report;
mod stop;

pub use desk::{Attendant, Desk, Outcome, Patience, TURN, Wish, load, pause};
pub use dispatch::{Dispatcher, News, ShowProgress};
pub use report::Report;
pub use stop::Stop;
