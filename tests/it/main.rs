//! Everything that is tried out from the outside: the real program, on real files and a real
//! Postgres. One binary, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod dimension;
mod embedded;
mod model;
mod support;
mod watch;
