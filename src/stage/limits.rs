//! What a file may measure. Over a limit, a row is a reject and a file is refused; neither is a
//! crash, and none of the limits is the memory of the machine.

use super::csv;

/// The limits of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest file, in bytes.
    pub file_bytes: u64,
    /// Limits of rows, fields and columns.
    pub csv: csv::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 1 << 40, csv: csv::Limits::default() }
    }
}
