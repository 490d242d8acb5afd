//! Waits until the machine has nothing else to do.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the cores are looked at. The system counts in hundredths of a second.
const WINDOW: Duration = Duration::from_millis(200);

/// How long is waited at most: what does not end by then belongs to the machine.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits until the cores have stood still for a while, as far as the system tells that.
///
/// A server that has just copied a database and written a checkpoint gives pages back and files
/// away for some tenths of a second, on a core that a load could use.
pub(crate) fn wait_until_idle() {
    let deadline = Instant::now() + PATIENCE;
    let Some(mut before) = Cores::now() else {
        return;
    };
    while Instant::now() < deadline {
        sleep(WINDOW);
        let Some(after) = Cores::now() else {
            return;
        };
        if after.stood_still_since(before) {
            return;
        }
        before = after;
    }
}

/// What all cores did since the system began, in hundredths of a second.
#[derive(Clone, Copy)]
struct Cores {
    all: u64,
    idle: u64,
}

impl Cores {
    /// `None` where the system does not tell. See proc(5) for the file: the fourth number of the first
    /// line is the time in which a core had nothing to do, nor anything to wait for.
    fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let numbers = stat.lines().next()?.strip_prefix("cpu ")?;
        let numbers: Vec<u64> = numbers
            .split_whitespace()
            .map_while(|number| number.parse().ok())
            .collect();
        Some(Self {
            all: numbers.iter().sum(),
            idle: *numbers.get(3)?,
        })
    }

    /// Whether at most a twentieth was used.
    fn stood_still_since(self, before: Self) -> bool {
        let all = self.all.saturating_sub(before.all);
        let idle = self.idle.saturating_sub(before.idle);
        all.saturating_sub(idle) * 20 <= all
    }
}
