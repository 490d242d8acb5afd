//! A process from its start to its exit.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use wait4::Wait4;

/// What one run took.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// From start to exit.
    pub(crate) seconds: f64,
    /// Of all cores, in the process itself; the server is another process.
    pub(crate) cpu_seconds: f64,
    /// The most memory that it had at once.
    pub(crate) peak_mib: f64,
}

/// Runs a command to its end. It must succeed.
pub(crate) fn run(command: &mut Command) -> Result<Cost> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let stdout = read(child.stdout.take())?;
    // Both programs say little: a full pipe of errors cannot block one that still writes.
    let stderr = read(child.stderr.take())?;
    let ended = child.wait4()?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(
        ended.status.success(),
        "{command:?} ended with {}.\n{stdout}{stderr}",
        ended.status
    );
    let used = ended.rusage;
    Ok(Cost {
        seconds,
        cpu_seconds: (used.utime + used.stime).as_secs_f64(),
        peak_mib: mebibytes(used.maxrss),
    })
}

fn read(pipe: Option<impl Read>) -> Result<String> {
    let mut text = String::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_string(&mut text)?;
    }
    Ok(text)
}

#[allow(clippy::cast_precision_loss, reason = "a tenth of a MiB is enough")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The middle one; of an even number, the mean of the middle two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

/// The value that 99 of 100 do not exceed.
pub(crate) fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * 99).div_ceil(100).max(1) - 1;
    values.get(place).copied().unwrap_or(f64::NAN)
}
