//! The one place that knows the order: watch → stage → merge → retire.
//!
//! [`load`] takes one file all the way. [`Dispatcher`] does that all day, for whatever the watch
//! brings: the files of one table in the order of their arrival, facts after their dimensions,
//! and tables that have nothing to do with each other side by side. [`plan()`] goes the same way up to
//! the commit, [`turn()`] takes a load back or puts it in again, and [`take_over`] makes a load of rows
//! that none brought.

mod desk;
mod dispatch;
mod gate;
mod instant;
mod plan;
pub mod queue;
mod register;
mod relay;
mod report;
mod stop;
mod takeover;
mod together;
mod turn;
mod way;

pub use desk::{Attendant, Desk, Outcome, Patience, TURN, Wish, pause};
pub use dispatch::{Dispatcher, News, ShowProgress};
pub use instant::{InstantFault, routes, routes_of};
pub use plan::{Forecast, Planned, plan};
pub use register::Register;
pub use report::Report;
pub use stop::Stop;
pub use takeover::{TakeoverOf, plan_takeover, take_over};
pub use turn::{plan_turn, turn};
pub use way::load;
