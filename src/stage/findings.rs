//! What was found wrong with rows, each with the row's original bytes, ready for the rejects store.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::reject::{Place, Reject};
use super::spool::Spool;

/// One finding with the row it is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong, and where.
    pub reject: Reject,
    /// The line of the row that won, where this one lost against another row of its file.
    pub winner_line: Option<u64>,
    /// The row as it stands in the file.
    pub original: Original,
}

/// A row as it stands in the file, without its line end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Original {
    /// The usual case.
    Text(String),
    /// Bytes that Postgres would not take as a text.
    Bytes(Vec<u8>),
}

/// The findings of one file, in the order of its lines as far as one reading tells them.
pub type Findings = Spool<Finding>;

/// Reads rows of the file again, by their place, long after the reader has moved on. Merge has
/// this instead of the file: it can quote a row and learns nothing else.
#[derive(Debug)]
pub struct Originals(File);

impl Originals {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self(file.try_clone()?))
    }

    /// The row that stands at `place`.
    pub fn read(&self, place: Place) -> io::Result<Original> {
        let length = usize::try_from(place.length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, place.offset)?;
        Ok(Original::from_bytes(bytes))
    }
}

impl Original {
    /// A text, unless Postgres would not take it as one.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Self::Text(text),
            Ok(text) => Self::Bytes(text.into_bytes()),
            Err(not_text) => Self::Bytes(not_text.into_bytes()),
        }
    }
}
