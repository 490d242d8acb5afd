//! Named stopping places, for the tests that kill the process at each step.

/// Stops the process here when a crash test asks for it; nothing at all otherwise.
///
/// The steps that have one are those at which a crash could lose a file or load it twice.
#[macro_export]
macro_rules! failpoint {
    ($name:expr) => {
        fail::fail_point!($name)
    };
}
