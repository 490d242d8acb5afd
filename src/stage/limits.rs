//! What a file may measure. Over a limit, a row is a reject and a file is refused; neither is a
//! crash, and none of the limits is the memory of the machine.

use super::csv;

/// The limits of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// The largest file, in bytes, if there is a limit.
    pub file_bytes: Option<u64>,
    /// Limits of rows, fields and columns.
    pub csv: csv::Limits,
}
