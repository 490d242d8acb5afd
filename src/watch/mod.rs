//! Folder → Arrival.
//!
//! In: the folder `imports/` and the names that tables take. Out: [`WatchEvent`]s, most of all
//! [`Arrival`]s: files that are complete, claimed by a durable rename, and named for a table. This
//! room never opens a file for its content, and never removes one.
//!
//! Events are hints; a look at the directory is the truth. The watch subscribes first and looks
//! second, so that nothing falls between the two, and it looks again every few seconds, because
//! events get lost: when the kernel's queue overflows, when the folder is replaced or mounted
//! over, on network file systems. Without events everything still works, only later.
//!
//! Read on in this order: [`name`](Routes) says which table a file is for, [`settle`](Patience)
//! whether it is complete, [`claim`](ClaimId) makes it ours, and [`Watcher`] does that all day.
//!
//! Of a table whose files have sidecars (`users.csv.effective` beside `users.csv`), a file is not
//! taken before its sidecar is there, and the two are claimed, given back and set aside together.
//! What is in a sidecar is not known here either.
//!
//! What is left where it is, and said once ([`Why`]): names that are for no table, and everything
//! that is not a plain file with one name. A file with a second hard link is left alone until
//! that link is gone: through it somebody else could change the file while it is read, or have
//! Hayloft read, with its own rights, what the one who linked it may not.

mod ahead;
mod arrival;
mod claim;
mod events;
mod folder;
mod name;
mod settle;
mod sweep;
mod take;
mod watcher;
mod writers;

use std::fmt;
use std::time::Duration;

pub use arrival::{Arrival, ArrivalError, Origin, Released};
pub(crate) use arrival::{absence, delivered_name};
pub(crate) use claim::Claim;
pub use claim::ClaimId;
pub use folder::{Folder, FolderError, WatchState, watch_state};
pub(crate) use name::SIDECAR;
pub use name::{Beside, Format, Recognised, Routes, Unknown, display_name, other_format};
pub use settle::{Hint, Identity, Observation, Patience, Settling, Verdict};
pub use watcher::{Stopper, Watcher};
pub use writers::{Blindness, FileWriter};
pub(crate) use writers::{ScanDepth, Writers};

/// Below the imports: files that were refused.
pub(crate) const FAILED: &str = "failed";
/// Below the imports: files that a person has to let in.
pub(crate) const HELD: &str = "held";
/// Below the imports: loaded files of tables with `on_done = "keep"`.
pub(crate) const KEPT: &str = "kept";
/// Below the imports: loaded files of tables with `on_done = "archive"`.
pub(crate) const ARCHIVE: &str = "archive";

/// What the watch tells.
#[derive(Debug)]
pub enum WatchEvent {
    /// A file has arrived. Of one table they come in the order in which they were dropped.
    Arrived(Arrival),
    /// Something in the folder is left where it is. Said once for each file and reason.
    LeftAlone {
        /// Its name, safe to show.
        name: String,
        /// Why.
        why: Why,
    },
    /// The kernel does not show every process that may have a file open. Said once.
    Blind(Blindness),
    /// Something is wrong; said once, and `Ready` ends it.
    Degraded(Trouble),
    /// The folder is watched, and everything that lay in it has been looked at.
    Ready(Mode),
}

/// How the watch learns of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The kernel tells, and a sweep looks for what it left out.
    Events,
    /// Sweeps alone.
    Polling,
}

/// What is wrong with the watch as a whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// The folder cannot be used. Nothing arrives until it can.
    #[error("nothing can arrive for now: {0}")]
    Folder(String),
    /// The kernel gives no events. Files arrive a few seconds later.
    #[error(
        "the system gives no file events ({0}), so the folder is looked through every few \
         seconds instead; on Linux, raising fs.inotify.max_user_instances usually helps"
    )]
    NoEvents(String),
}

/// Why something is left where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// No table takes the name.
    UnknownTable,
    /// The name does not end in a format that Hayloft reads.
    UnknownFormat,
    /// It is a directory; sub-folders are never entered.
    Directory,
    /// It is a symbolic link; links are never followed.
    SymbolicLink,
    /// It is a FIFO, a socket or a device.
    SpecialFile,
    /// It has another name, elsewhere.
    HardLinked,
    /// Hayloft may not read it.
    Unreadable,
    /// Its name is too long to be claimed.
    NameTooLong,
    /// It lies in `.claimed/` and its name is not a claim's.
    NotAClaim,
    /// Its table has files with sidecars, and its own does not come.
    NoSidecar,
    /// Its table takes files that a marker shows to be complete, and its own does not come. This is
    /// the marker's suffix.
    NoMarker(String),
    /// A process has it open for writing, and has had it open for long.
    OpenForWriting(FileWriter),
    /// It is a sidecar in `.claimed/`, and its file is nowhere.
    SidecarAlone,
    /// The system refused the rename.
    NotClaimable(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTable => f.write_str(
                "no table in hayloft.toml takes a file of this name; \
                 name it TABLE.csv or TABLE-anything.csv",
            ),
            Self::UnknownFormat => f.write_str(
                "only .csv files are read; unpack it if it is packed, or save it as CSV",
            ),
            Self::Directory => f.write_str("it is a directory; put files into imports itself"),
            Self::SymbolicLink => {
                f.write_str("it is a symbolic link, which is never followed; move the file here")
            }
            Self::SpecialFile => f.write_str("it is a FIFO, a socket or a device, not a file"),
            Self::HardLinked => f.write_str(
                "it has another name elsewhere (a hard link); \
                 remove that one, or copy the file here",
            ),
            Self::Unreadable => f.write_str(
                "Hayloft may not read it; change its owner or its mode (chmod a+r) \
                 and it will be taken",
            ),
            Self::NameTooLong => write!(
                f,
                "its name is longer than {} bytes; give it a shorter one",
                claim::LONGEST_NAME
            ),
            Self::NotAClaim => {
                f.write_str("it was put into .claimed by somebody else; move it to imports")
            }
            Self::NoSidecar => f.write_str(
                "the file beside it, of the same name with .effective at its end, is not here, and \
                 says from when on it holds; it is taken when that comes",
            ),
            Self::NoMarker(suffix) => write!(
                f,
                "its table takes a file once its marker is here, an empty file of the same name \
                 with {suffix} at its end"
            ),
            Self::OpenForWriting(writer) => write!(
                f,
                "{writer} has it open for writing; it is taken when that closes it"
            ),
            Self::SidecarAlone => f.write_str(
                "it lies in .claimed without the file that it was sent with; remove it, or move \
                 it to imports beside that file",
            ),
            Self::NotClaimable(error) => write!(
                f,
                "it cannot be moved into imports/.claimed ({error}); it is tried again, and later files \
                 of its table wait for it"
            ),
        }
    }
}

/// How patient the watch is, and how far it runs ahead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How long a file must stand still when no event told that it is complete, and its table says
    /// nothing else.
    pub settle: Duration,
    /// How often the folder is looked through.
    pub sweep: Duration,
    /// The most arrivals of one table at a time. Further files stay in the folder.
    pub ahead: usize,
    /// Whether to ask for events at all.
    pub mode: Mode,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(2),
            sweep: Duration::from_secs(5),
            ahead: 128,
            mode: Mode::Events,
        }
    }
}

#[cfg(test)]
mod tests {
    /// Words that open a file for its content, or remove one. `folder.rs` opens directories and
    /// the lock, `writers.rs` what the kernel tells of processes, and nothing else.
    const FORBIDDEN: [&str; 10] = [
        "File::open",
        "fs::read",
        "read_to_",
        "BufReader",
        "OpenOptions",
        "openat(",
        "fs::copy",
        "remove_",
        "unlink",
        "fs::write",
    ];

    #[test]
    fn the_watch_never_opens_a_file_for_its_content_and_never_removes_one() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/watch");
        let mut files = 0;
        for entry in std::fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            let source = std::fs::read_to_string(&path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            let is_folder = path.ends_with("folder.rs");
            let is_writers = path.ends_with("writers.rs");
            for word in FORBIDDEN {
                let allowed = match word {
                    // Once for `.claimed`, and the lock, which is made where it is missing.
                    "openat(" if is_folder => 4,
                    // What `/proc` has of a process.
                    "openat(" if is_writers => 5,
                    "read_to_" if is_writers => 1,
                    _ => 0,
                };
                let found = source.matches(word).count();
                assert_eq!(found, allowed, "{word} in {}", path.display());
            }
            files += 1;
        }
        assert!(files >= 10, "the sources were found");
    }
}
