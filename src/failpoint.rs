//! Named stopping places, for the tests that kill the process at each step.
//!
//! In a build with the feature `failpoints`, `HAYLOFT_STOP_AT=NAME` has the process say on stderr
//! that it has come to that place, and wait there for a line on stdin. `NAME#2` is the second time
//! that it comes there. Who started it can kill it meanwhile, or a connection, and let it go on.

/// Stops the process here when a crash test asks for it; nothing at all otherwise.
///
/// The steps that have one are those at which a crash could lose a file or load it twice.
#[macro_export]
macro_rules! failpoint {
    ($name:expr) => {
        fail::fail_point!($name)
    };
}

/// Prepares the stop that `HAYLOFT_STOP_AT` asks for.
#[cfg(feature = "failpoints")]
pub fn arm() {
    use std::sync::atomic::{AtomicU64, Ordering};

    let Ok(wanted) = std::env::var("HAYLOFT_STOP_AT") else {
        return;
    };
    let (name, turn) = match wanted.split_once('#') {
        Some((name, turn)) => (name.to_owned(), turn.parse().unwrap_or(1)),
        None => (wanted, 1),
    };
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
