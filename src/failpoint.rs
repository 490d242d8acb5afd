//! Named stopping places, for the tests that kill the process at each step.
//!
//! In a build with the feature `failpoints`, `HAYLOFT_STOP_AT=NAME` has the process say on stderr
//! that it has come to that place, and wait there for a line on stdin. `NAME#2` is the second time
//! that it comes there. Who started it can kill it meanwhile, or a connection, and let it go on.
//! `HAYLOFT_FAIL_AT=NAME#2` has what is done there fail instead, that one time.

/// Stops the process here when a crash test asks for it, or returns the error; nothing at all otherwise.
///
/// The steps that have one are those at which a crash could lose a file or load it twice.
#[macro_export]
macro_rules! failpoint {
    ($name:expr) => {
        fail::fail_point!($name)
    };
    ($name:expr, $error:expr) => {
        fail::fail_point!($name, |_| Err($error))
    };
}

/// Prepares the stop that `HAYLOFT_STOP_AT` asks for, and the error that `HAYLOFT_FAIL_AT` asks for.
#[cfg(feature = "failpoints")]
pub fn arm() {
    if let Some((name, turn)) = wanted("HAYLOFT_FAIL_AT") {
        let before = turn.saturating_sub(1);
        let _ = fail::cfg(name, &format!("{before}*off->1*return->off"));
    }
    if let Some((name, turn)) = wanted("HAYLOFT_STOP_AT") {
        arm_stop(name, turn);
    }
}

/// The name and the turn that a variable of the environment has.
#[cfg(feature = "failpoints")]
fn wanted(variable: &str) -> Option<(String, u64)> {
    let wanted = std::env::var(variable).ok()?;
    Some(match wanted.split_once('#') {
        Some((name, turn)) => (name.to_owned(), turn.parse().unwrap_or(1)),
        None => (wanted, 1),
    })
}

#[cfg(feature = "failpoints")]
fn arm_stop(name: String, turn: u64) {
    use std::sync::atomic::{AtomicU64, Ordering};

    let passed = AtomicU64::new(0);
    let _ = fail::cfg_callback(name.clone(), move || {
        if passed.fetch_add(1, Ordering::Relaxed) + 1 == turn {
            stop(&name);
        }
    });
}

#[cfg(feature = "failpoints")]
fn stop(name: &str) {
    use std::io::{self, Write as _};

    let _ = writeln!(io::stderr(), "stopped at {name}");
    let _ = io::stdin().read_line(&mut String::new());
}
