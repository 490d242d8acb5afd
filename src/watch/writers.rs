//! Who has a file open for writing, by what the kernel shows of the processes.
//!
//! In: files, by identity. Out: those that a process can still write to, through a descriptor or
//! through a shared mapping, and why that answer may be incomplete. Events cannot tell this of a
//! writer that was there before the watch, nor of a file that was renamed while it was open.
//!
//! `/proc/PID/fd` shows in the mode of each link whether it was opened for writing, so no descriptor
//! is read. A read lease would answer the same question in one call, but no crate offers it without
//! `unsafe`, and it is refused for files of other users.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fmt;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, makedev, open, openat, readlinkat, stat, statat,
};
use rustix::io::Errno;

use super::display_name;
use super::folder::identity_of;
use super::settle::Identity;

/// A process that can write to a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileWriter {
    /// Its number.
    pub pid: u32,
    /// What it calls itself, safe to show.
    pub name: String,
}

impl fmt::Display for FileWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.name)
    }
}

/// Why the kernel does not show every process that may have a file open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blindness {
    /// The file system is shared with other machines, or with a program that stands between.
    SharedFileSystem(&'static str),
    /// This process runs in a container, and sees no process outside of it.
    Container,
    /// Processes of other users are shown to root alone.
    OtherUsers,
    /// There is no `/proc`.
    NoProcesses,
}

impl fmt::Display for Blindness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedFileSystem(kind) => write!(
                f,
                "the folder lies on {kind}, where others may write from another machine"
            ),
            Self::Container => {
                f.write_str("this is a container, and processes outside of it are not shown")
            }
            Self::OtherUsers => f.write_str("processes of other users are shown to root alone"),
            Self::NoProcesses => f.write_str("this system has no /proc"),
        }
    }
}

/// What one look at the processes found.
#[derive(Debug)]
pub(crate) struct Writers {
    found: BTreeMap<Identity, FileWriter>,
    blindness: Option<Blindness>,
}

/// How much to look at. Mappings take several times as long as descriptors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ScanDepth {
    /// For no file: whether all processes may be looked into. Nothing is listed.
    Blindness,
    /// For files whose closing was told: that comes when the last mapping is gone.
    Descriptors,
    /// For files of which nothing is known.
    DescriptorsAndMappings,
}

impl Writers {
    /// Looks for processes that can write to one of these files.
    pub(crate) fn of(files: &[Identity], depth: ScanDepth) -> Self {
        let mut scan = ProcessScan {
            files,
            depth,
            found: BTreeMap::new(),
            hidden: Hidden::Nothing,
        };
        let blindness = match scan.at_all() {
            Err(_) => Some(Blindness::NoProcesses),
            Ok(()) if is_in_a_container() => Some(Blindness::Container),
            Ok(()) if scan.hidden == Hidden::Something => Some(Blindness::OtherUsers),
            Ok(()) => None,
        };
        Self {
            found: scan.found,
            blindness,
        }
    }

    /// Of nobody.
    pub(crate) fn none() -> Self {
        Self {
            found: BTreeMap::new(),
            blindness: None,
        }
    }

    /// Who can write to this file, if somebody was found.
    pub(crate) fn writer(&self, file: Identity) -> Option<&FileWriter> {
        self.found.get(&file)
    }

    /// Why somebody may have been overlooked.
    pub(crate) fn blindness(&self) -> Option<Blindness> {
        self.blindness
    }
}

/// Whether a process could not be looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hidden {
    Nothing,
    Something,
}

struct ProcessScan<'a> {
    files: &'a [Identity],
    depth: ScanDepth,
    found: BTreeMap<Identity, FileWriter>,
    hidden: Hidden,
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

impl ProcessScan<'_> {
    fn at_all(&mut self) -> rustix::io::Result<()> {
        let proc = open("/proc", DIRECTORY, Mode::empty())?;
        // With `hidepid` not even the names of other users' processes are shown.
        if statat(&proc, "1", AtFlags::empty()).is_err() {
            self.hidden = Hidden::Something;
        }
        for entry in Dir::read_from(&proc)? {
            let entry = entry?;
            if let Some(pid) = number(entry.file_name()) {
                let looked = self.at_process(&proc, entry.file_name(), pid);
                self.notice_hidden(&proc, entry.file_name(), looked);
            }
        }
        Ok(())
    }

    fn at_process(&mut self, proc: &OwnedFd, name: &CStr, pid: u32) -> rustix::io::Result<()> {
        let process = openat(proc, name, DIRECTORY, Mode::empty())?;
        if self.depth == ScanDepth::Blindness {
            return openat(&process, "fd", DIRECTORY, Mode::empty()).map(drop);
        }
        self.at_descriptors(&process, pid)?;
        match self.depth {
            ScanDepth::Blindness | ScanDepth::Descriptors => Ok(()),
            ScanDepth::DescriptorsAndMappings => self.at_mappings(&process, pid),
        }
    }

    /// What may not be looked at may be a writer, whichever step is refused: with `hidepid=1` it is the
    /// first one. What ends meanwhile has nothing open any more.
    fn notice_hidden(&mut self, proc: &OwnedFd, name: &CStr, looked: rustix::io::Result<()>) {
        if looked.is_err_and(is_refused) && may_be_a_program(proc, name) {
            self.hidden = Hidden::Something;
        }
    }

    fn at_descriptors(&mut self, process: &OwnedFd, pid: u32) -> rustix::io::Result<()> {
        let descriptors = openat(process, "fd", DIRECTORY, Mode::empty())?;
        for entry in Dir::read_from(&descriptors)? {
            let entry = entry?;
            let name = entry.file_name();
            if number(name).is_none() {
                continue;
            }
            // Of the link itself: its mode says how the file was opened.
            let Ok(link) = statat(&descriptors, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if !Mode::from_raw_mode(link.st_mode).contains(Mode::WUSR) {
                continue;
            }
            match statat(&descriptors, name, AtFlags::empty()) {
                Ok(target) => self.note(identity_of(&target), process, pid),
                Err(error) if is_refused(error) => self.hidden = Hidden::Something,
                // It was closed meanwhile.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// A shared mapping outlives the descriptor that it was made with.
    fn at_mappings(&mut self, process: &OwnedFd, pid: u32) -> rustix::io::Result<()> {
        for line in text_of(process, "maps")?.split(|byte| *byte == b'\n') {
            let Some(mapping) = Mapping::parse(line) else {
                continue;
            };
            let target = self
                .files
                .iter()
                .find(|file| file.inode == mapping.inode)
                .copied();
            if let Some(file) = target.filter(|file| mapping.is_of(*file)) {
                self.note(file, process, pid);
            }
        }
        Ok(())
    }

    fn note(&mut self, file: Identity, process: &OwnedFd, pid: u32) {
        if self.files.contains(&file) {
            self.found.entry(file).or_insert_with(|| FileWriter {
                pid,
                name: name_of(process),
            });
        }
    }
}

/// A file that a process has mapped so that its writes reach it.
struct Mapping<'a> {
    device: (u32, u32),
    inode: u64,
    path: &'a [u8],
}

impl<'a> Mapping<'a> {
    /// Reads a line of `/proc/PID/maps`: range, rights, offset, device, inode, path.
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = line
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty());
        let rights = words.nth(1)?;
        if !matches!(rights, [_, b'w', _, b's']) {
            return None;
        }
        let device = std::str::from_utf8(words.nth(1)?).ok()?;
        let (major, minor) = device.split_once(':')?;
        let inode = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        // A name may have spaces in it.
        let path = line.iter().position(|byte| *byte == b'/')?;
        Some(Self {
            device: (
                u32::from_str_radix(major, 16).ok()?,
                u32::from_str_radix(minor, 16).ok()?,
            ),
            inode,
            path: line.get(path..)?,
        })
    }

    /// Some file systems (btrfs, overlay) show another device here than to `stat`, so the path is
    /// asked; it may be one that is not to be reached from here.
    fn is_of(&self, file: Identity) -> bool {
        let (major, minor) = self.device;
        stat(self.path).map_or_else(
            |_| makedev(major, minor) == file.device,
            |found| identity_of(&found) == file,
        )
    }
}

/// The number that initial process namespace has on every machine.
const FIRST_NAMESPACE: &[u8] = b"pid:[4026531836]";

fn is_in_a_container() -> bool {
    readlinkat(CWD, "/proc/self/ns/pid", Vec::new())
        .is_ok_and(|namespace| namespace.to_bytes() != FIRST_NAMESPACE)
}

fn is_refused(error: Errno) -> bool {
    matches!(error, Errno::ACCESS | Errno::PERM)
}

/// The kernel's own threads, which nobody may look into, have no command line. Where that may not be
/// read either, it may be a program.
fn may_be_a_program(proc: &OwnedFd, name: &CStr) -> bool {
    let process = openat(proc, name, DIRECTORY, Mode::empty());
    match process.and_then(|process| text_of(&process, "cmdline")) {
        Ok(text) => !text.is_empty(),
        Err(error) => is_refused(error),
    }
}

fn name_of(process: &OwnedFd) -> String {
    use std::os::unix::ffi::OsStrExt as _;

    let name = text_of(process, "comm").unwrap_or_default();
    display_name(std::ffi::OsStr::from_bytes(name.trim_ascii_end()))
}

fn text_of(process: &OwnedFd, name: &str) -> rustix::io::Result<Vec<u8>> {
    let file = openat(
        process,
        name,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut text = Vec::new();
    std::fs::File::from(file)
        .read_to_end(&mut text)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(text)
}

fn number(name: &CStr) -> Option<u32> {
    name.to_str().ok()?.parse().ok()
}

/// Why others may write to a folder's files unseen, by the kind of its file system.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn shared_file_system(folder: BorrowedFd<'_>) -> Option<Blindness> {
    /// What `statfs` calls them.
    const SHARED: [(u32, &str); 12] = [
        (0x6969, "NFS"),
        (0xFF53_4D42, "CIFS"),
        (0xFE53_4D42, "SMB"),
        (0x517B, "SMB"),
        (0x6573_5546, "FUSE"),
        (0x0102_1997, "9p"),
        (0x00C3_6400, "Ceph"),
        (0x5346_414F, "AFS"),
        (0x0116_1970, "GFS2"),
        (0x7461_636F, "OCFS2"),
        (0x0BD0_0BD0, "Lustre"),
        (0x786F_4256, "a shared folder of VirtualBox"),
    ];
    let found = rustix::fs::fstatfs(folder.as_fd()).ok()?;
    // The width of the field differs between machines; the numbers have 32 bits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let kind = found.f_type as u32;
    let (_, name) = SHARED.iter().find(|(number, _)| *number == kind)?;
    Some(Blindness::SharedFileSystem(name))
}

/// Elsewhere there is no `/proc` either.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn shared_file_system(_folder: BorrowedFd<'_>) -> Option<Blindness> {
    None
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::*;

    fn identity(path: &Path) -> Identity {
        let found = path.metadata().unwrap();
        Identity {
            device: found.dev(),
            inode: found.ino(),
        }
    }

    #[test]
    fn whoever_can_write_is_found_and_readers_are_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("users.csv");
        let create = File::create(&path).unwrap();
        let file = identity(&path);
        let found = Writers::of(&[file], ScanDepth::DescriptorsAndMappings)
            .writer(file)
            .cloned()
            .unwrap();
        assert_eq!(found.pid, std::process::id());
        drop(create);
        assert_eq!(
            Writers::of(&[file], ScanDepth::DescriptorsAndMappings).writer(file),
            None
        );

        let reader = File::open(&path).unwrap();
        assert_eq!(
            Writers::of(&[file], ScanDepth::DescriptorsAndMappings).writer(file),
            None
        );
        drop(reader);

        for options in [
            OpenOptions::new().append(true),
            OpenOptions::new().read(true).write(true),
        ] {
            let writer = options.open(&path).unwrap();
            assert!(
                Writers::of(&[file], ScanDepth::DescriptorsAndMappings)
                    .writer(file)
                    .is_some()
            );
            drop(writer);
        }
    }

    #[test]
    fn a_writer_is_found_whatever_the_file_is_called_by_now() {
        let home = tempfile::tempdir().unwrap();
        let (old, new) = (home.path().join("old"), home.path().join("new"));
        let writer = File::create(&old).unwrap();
        std::fs::hard_link(&old, home.path().join("other")).unwrap();
        std::fs::rename(&old, &new).unwrap();
        let file = identity(&new);
        assert!(
            Writers::of(&[file], ScanDepth::DescriptorsAndMappings)
                .writer(file)
                .is_some()
        );
        drop(writer);
    }

    #[test]
    fn a_mapping_counts_where_its_writes_reach_the_file() {
        let line = |rights: &str| format!("7f-80 {rights} 00001000 fe:01 42   /in/my users.csv");
        let parse = |line: &str| {
            Mapping::parse(line.as_bytes())
                .map(|mapping| (mapping.device, mapping.inode, mapping.path.to_vec()))
        };
        let expected = ((0xfe, 1), 42, b"/in/my users.csv".to_vec());
        assert_eq!(parse(&line("rw-s")), Some(expected));
        for rights in ["r--s", "rw-p", "---p"] {
            assert_eq!(parse(&line(rights)), None, "{rights}");
        }
        for other in [
            "",
            "7f-80 rw-p 0 00:00 0 [stack]",
            "7f-80 rw-s 0 00:01 9 anon",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
