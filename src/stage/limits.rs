//! What a file may measure, and how much memory it may take. Over a limit, a row is a reject and a
//! file is refused; neither is a crash, and none of the limits is the memory of the machine.

use super::csv;

/// The limits of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest file, in bytes, if there is a limit.
    pub file_bytes: Option<u64>,
    /// The most memory for rows, in bytes. More rows than that are no fault: they go to a temporary
    /// file.
    pub memory_bytes: usize,
    /// Limits of rows, fields and columns.
    pub csv: csv::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: None,
            memory_bytes: 1 << 30,
            csv: csv::Limits::default(),
        }
    }
}
