//! Waits until the machine has nothing else to do.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::say;

/// How long the cores are looked at.
const WINDOW: Duration = Duration::from_millis(200);

/// How much of that all together may work: a tenth of what one can, in hundredths of a second, in which
/// the system counts.
const NOTHING: u64 = 2;

/// How long is waited at most: what does not end by then belongs to the machine.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits until the cores have stood still for a while, as far as the system tells that.
///
/// A server that has just copied a database and written a checkpoint gives pages back and files
/// away for some tenths of a second, on a core that a load could use.
pub(crate) fn wait_until_idle() {
    let deadline = Instant::now() + PATIENCE;
    let Some(mut before) = worked() else {
        return;
    };
    while Instant::now() < deadline {
        sleep(WINDOW);
        let Some(after) = worked() else {
            return;
        };
        if after.saturating_sub(before) <= NOTHING {
            return;
        }
        before = after;
    }
    say("    the machine has other things to do");
}

/// How long the cores have worked since the system began, in hundredths of a second. `None` where the
/// system does not tell.
///
/// See proc(5) for the file: the fourth number of the first line is the time in which a core had nothing
/// to do, nor anything to wait for. Those after the eighth are part of others.
fn worked() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let numbers = stat.lines().next()?.strip_prefix("cpu ")?;
    let numbers = numbers.split_whitespace().take(8).enumerate();
    let worked = numbers.filter(|(place, _)| *place != 3);
    worked.map(|(_, number)| number.parse::<u64>().ok()).sum()
}
