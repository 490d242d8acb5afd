//! `settle`, `ready` and `marker` of `[watch]` and of `[tables.x.watch]`.

use std::time::Duration;

use crate::contract::section::{At, Section, Word};
use crate::contract::{Completeness, ReadyWhen};

/// What one section says of when a file is complete; what it leaves out is for the other to say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CompleteEntry {
    /// How long a file must not change.
    pub settle: Option<Duration>,
    /// What shows that it is complete.
    pub ready: Option<ReadyWord>,
    /// What the name of its marker ends in.
    pub marker: Option<At<String>>,
}

/// `ready`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadyWord {
    /// `"closed"`
    Closed,
    /// `"still"`
    Still,
    /// `"marker"`
    Marker,
}

const READY: &[(&str, Word<ReadyWord>)] = &[
    ("closed", Word::Means(ReadyWord::Closed)),
    ("still", Word::Means(ReadyWord::Still)),
    ("marker", Word::Means(ReadyWord::Marker)),
];

/// What a marker's name ends in where nothing else is said.
const MARKER: &str = ".done";

/// Endings that mean something else in the folder.
const TAKEN: [&str; 9] = [
    ".csv",
    ".effective",
    ".report.txt",
    ".tmp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".swp",
];

impl CompleteEntry {
    /// Reads the three settings; whatever else the section has is for the caller.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            settle: section.duration("settle").map(|at| at.value),
            ready: section.word("ready", READY),
            marker: section.name("marker").and_then(|at| usable(at, section)),
        }
    }

    /// The same as a section of its own, `[tables.x.watch]`.
    pub(super) fn read_whole(mut section: Section<'_>) -> Self {
        let entry = Self::read(&mut section);
        section.finish();
        entry
    }

    /// What holds for a table whose own section says this, below what is said for all.
    #[must_use]
    pub fn below(&self, all: &Self) -> Completeness {
        let marker = self.marker.as_ref().or(all.marker.as_ref());
        let default = Completeness::default();
        Completeness {
            settle: self.settle.or(all.settle).unwrap_or(default.settle),
            ready: match self.ready.or(all.ready) {
                None | Some(ReadyWord::Closed) => ReadyWhen::Closed,
                Some(ReadyWord::Still) => ReadyWhen::Still,
                Some(ReadyWord::Marker) => {
                    ReadyWhen::Marker(marker.map_or(MARKER, |at| &at.value).to_owned())
                }
            },
        }
    }
}

fn usable(marker: At<String>, section: &Section<'_>) -> Option<At<String>> {
    let text = &marker.value;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let looks_right = text.starts_with('.') && text.len() > 1 && text.len() <= 32;
    let lower = text.to_ascii_lowercase();
    if looks_right && text.bytes().all(is_plain) && !TAKEN.iter().any(|end| lower.ends_with(end)) {
        return Some(marker);
    }
    section.refuse(
        marker.line,
        format!(
            "{} is {text:?}, which cannot end the name of a marker. Write a dot and a few letters \
             that no other file in the folder ends in, such as \".done\".",
            section.path_of("marker")
        ),
    );
    None
}
