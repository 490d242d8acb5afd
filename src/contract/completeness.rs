//! When a file is complete: `[watch]` for all tables, `[tables.x.watch]` for one.

use std::time::Duration;

/// When a file of a table is complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completeness {
    /// How long it must not change where it has to stand still.
    pub settle: Duration,
    /// What shows that it is complete.
    pub ready: ReadyWhen,
}

/// What shows that a file is complete. No file is while a process has it open for writing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadyWhen {
    /// Its writer closed it, or renamed it into place. Where that cannot be known, it stands still.
    Closed,
    /// It stands still, also after it was closed: for writers that append and close in between.
    Still,
    /// A file of the same name with this at its end lies beside it.
    Marker(String),
}

impl Completeness {
    /// What the name of the marker has after that of its file, if the table has markers.
    #[must_use]
    pub fn marker(&self) -> Option<&str> {
        match &self.ready {
            ReadyWhen::Marker(suffix) => Some(suffix),
            ReadyWhen::Closed | ReadyWhen::Still => None,
        }
    }
}

impl Default for Completeness {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(2),
            ready: ReadyWhen::Closed,
        }
    }
}
