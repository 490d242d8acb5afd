//! The two directories, `imports/` and `imports/.claimed/`, opened once.
//!
//! In: a path. Out: what can be told of the names in it, from outside, and the renames between
//! the two. Every call goes through the opened directories and follows no link, so that a link
//! that is swapped in between two calls leads nowhere. Only directories and the lock are opened
//! here: no delivery ever is.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{
    Access, AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat, accessat, fchmod, fstat,
    fsync, mkdirat, open, openat, renameat_with, stat, statat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::settle::{Identity, Observation};
use super::writers::{Blindness, shared_file_system};
use super::{ARCHIVE, FAILED, HELD, KEPT, Why};
use crate::directory::{Directory, Untrusted, trust};
use crate::failpoint;

const CLAIMED: &str = ".claimed";
const LOCK: &str = ".hayloft.lock";

/// The watched folder. While it lives, no other Hayloft can open the same folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    imports: OwnedFd,
    claimed: OwnedFd,
    lock: Arc<File>,
}

/// One of the two directories.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Room {
    /// `imports/`: what people dropped.
    Imports,
    /// `imports/.claimed/`: what was taken, named by its claim.
    Claimed,
}

/// What can be told of a name without opening it.
#[derive(Debug)]
pub(crate) enum Sight {
    /// Nothing has that name.
    Gone,
    /// A file that may be taken.
    File(Observation),
    /// Something that is left where it is.
    Other(Identity, Why),
}

/// Why a folder cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has the lock.
    #[error(
        "another Hayloft is already watching `{}`; stop it first, or watch another folder",
        .0.display()
    )]
    Taken(PathBuf),
    /// The folder cannot be made, opened or locked.
    #[error("the folder `{}` cannot be {what}: {source}", path.display())]
    Unusable {
        /// The folder, or the part of it that is at fault.
        path: PathBuf,
        /// What was tried: "created", "opened", "locked".
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The lock file cannot be made, opened or locked.
    #[error("the lock file `{}` cannot be {what}: {source}", path.display())]
    NoLock {
        /// The file.
        path: PathBuf,
        /// What was tried: "created", "opened", "locked".
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The lock file is another user's.
    #[error(
        "the lock file `{}` cannot be opened: it belongs to uid {owner}, and this is uid {own}. As root, \
         give the folder to the user who watches it: chown -R {own} {}",
        path.display(),
        folder.display()
    )]
    LockOfOther {
        /// The file.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who watches.
        own: u32,
    },
    /// One of Hayloft's own names in the folder is not what Hayloft would make.
    #[error("the folder cannot be watched: {0}")]
    Untrusted(#[from] Untrusted),
}

impl Folder {
    /// Opens the folder and locks it; makes it where it is missing.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FolderError> {
        // Absolute, so that what events name can be compared with it, whatever becomes of the
        // working directory. Links in the path itself are the operator's business.
        let path = path.as_ref();
        let path = std::path::absolute(path).map_err(unusable(path, "found"))?;
        std::fs::create_dir_all(&path).map_err(unusable(&path, "created"))?;
        Self::open_existing(path, None)
    }

    /// Opens what is now at the path. The folder itself is not made anew: where a volume was
    /// unmounted, a directory made in its place would only hide that it is missing.
    pub(crate) fn reopen(&self) -> Result<Self, FolderError> {
        // Ours already, if only `.claimed` was replaced.
        let lock = self.is_at_its_path().then(|| Arc::clone(&self.lock));
        Self::open_existing(self.path.clone(), lock)
    }

    fn open_existing(path: PathBuf, lock: Option<Arc<File>>) -> Result<Self, FolderError> {
        let directory = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let imports = open(&path, directory, Mode::empty()).map_err(unusable(&path, "opened"))?;
        let lock = match lock {
            Some(lock) => lock,
            None => Arc::new(take_lock(&imports, &path)?),
        };
        trust_shelves(&imports, &path)?;
        let claimed_path = path.join(CLAIMED);
        match mkdirat(&imports, CLAIMED, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(unusable(&claimed_path, "created")(error)),
        }
        let found = statat(&imports, CLAIMED, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(unusable(&claimed_path, "looked at"))?;
        trust(&claimed_path, &found, FileType::Directory)?;
        let claimed = openat(
            &imports,
            CLAIMED,
            directory | OFlags::NOFOLLOW,
            Mode::empty(),
        )
        .map_err(unusable(&claimed_path, "opened"))?;
        let found = fstat(&claimed).map_err(unusable(&claimed_path, "looked at"))?;
        trust(&claimed_path, &found, FileType::Directory)?;
        Ok(Self {
            path,
            imports,
            claimed,
            lock,
        })
    }

    /// The folder, as an absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory in which claimed files lie.
    pub(crate) fn claimed(&self) -> io::Result<Directory> {
        Directory::of(&self.path.join(CLAIMED), self.claimed.as_fd())
    }

    /// Where a claimed file lies.
    pub(crate) fn claimed_path(&self, claimed_name: &OsStr) -> PathBuf {
        self.path.join(CLAIMED).join(claimed_name)
    }

    /// Whether the paths still lead to the opened directories. They do not when the folder was
    /// removed and made anew, renamed away, or mounted over; no event tells of that.
    pub(crate) fn is_in_place(&self) -> bool {
        self.is_at_its_path()
            && same_file(
                fstat(&self.claimed),
                statat(&self.imports, CLAIMED, AtFlags::SYMLINK_NOFOLLOW),
            )
    }

    fn is_at_its_path(&self) -> bool {
        same_file(fstat(&self.imports), stat(&self.path))
    }

    /// The names in a room, in no order.
    pub(crate) fn names(&self, room: Room) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(self.fd(room))? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// Looks at a name, without following a link and without ever waiting for a FIFO.
    pub(crate) fn look(&self, room: Room, name: &OsStr) -> io::Result<Sight> {
        let stat = match statat(self.fd(room), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Sight::Gone),
            Err(error) => return Err(error.into()),
        };
        let identity = identity_of(&stat);
        Ok(match self.why_not(room, name, &stat) {
            Some(why) => Sight::Other(identity, why),
            None => Sight::File(observation_of(&stat)),
        })
    }

    fn why_not(&self, room: Room, name: &OsStr, stat: &Stat) -> Option<Why> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Some(Why::Directory),
            FileType::Symlink => return Some(Why::SymbolicLink),
            _ => return Some(Why::SpecialFile),
        }
        if stat.st_nlink > 1 {
            return Some(Why::HardLinked);
        }
        // Asked twice: later files do not wait for one that may not be read, so it is not one because of
        // an answer that was wrong for a moment.
        let is_denied = || {
            let asked = accessat(self.fd(room), name, Access::READ_OK, AtFlags::EACCESS);
            matches!(asked, Err(Errno::ACCESS))
        };
        (is_denied() && is_denied()).then_some(Why::Unreadable)
    }

    /// Gives a file a new name in the other room. Never replaces a file: where the new name is
    /// taken, or the file system cannot promise to respect it, nothing is done.
    pub(crate) fn rename(&self, from: (Room, &OsStr), to: (Room, &OsStr)) -> io::Result<()> {
        failpoint!("watch::rename", Errno::MFILE.into());
        let (from_fd, to_fd) = (self.fd(from.0), self.fd(to.0));
        Ok(renameat_with(
            from_fd,
            from.1,
            to_fd,
            to.1,
            RenameFlags::NOREPLACE,
        )?)
    }

    /// Why others may write to the files here without any process of this machine.
    pub(crate) fn shared_file_system(&self) -> Option<Blindness> {
        shared_file_system(self.imports.as_fd())
    }

    /// Makes renames between the rooms survive a power cut.
    pub(crate) fn sync(&self) -> io::Result<()> {
        fsync(&self.claimed)?;
        Ok(fsync(&self.imports)?)
    }

    fn fd(&self, room: Room) -> BorrowedFd<'_> {
        match room {
            Room::Imports => self.imports.as_fd(),
            Room::Claimed => self.claimed.as_fd(),
        }
    }
}

/// How long a lock is waited for. Whoever asks for the status has it for a moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

fn take_lock(imports: &OwnedFd, folder: &Path) -> Result<File, FolderError> {
    let path = folder.join(LOCK);
    let fault = |what, source| FolderError::NoLock {
        path: path.clone(),
        what,
        source,
    };
    let lock = open_lock(imports).map_err(|error| match untrusted_lock(imports, &path) {
        Some(untrusted) => untrusted.into(),
        None => not_opened(imports, folder, error),
    })?;
    let found = fstat(&lock).map_err(|error| fault("looked at", error.into()))?;
    trust(&path, &found, FileType::RegularFile)?;
    if found.st_uid == geteuid().as_raw() {
        // An earlier version made it for all to read.
        fchmod(&lock, OWNER_ALONE).map_err(|error| fault("closed to others", error.into()))?;
    }
    let asked = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if asked.elapsed() < LOCK_PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(FolderError::Taken(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(fault("locked", error)),
        }
    }
}

/// Why the lock file was neither opened nor made.
fn not_opened(imports: &OwnedFd, folder: &Path, error: Errno) -> FolderError {
    let path = folder.join(LOCK);
    let own = geteuid().as_raw();
    let what = match statat(imports, LOCK, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if found.st_uid != own => {
            return FolderError::LockOfOther {
                path,
                folder: folder.to_owned(),
                owner: found.st_uid,
                own,
            };
        }
        Ok(_) => "opened",
        Err(_) => "created",
    };
    FolderError::NoLock {
        path,
        what,
        source: error.into(),
    }
}

/// Whoever can open the lock file can hold the lock, even for reading alone.
const OWNER_ALONE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Opens the lock file, or makes it where nothing has its name. In a folder with a sticky bit the
/// kernel may refuse to open a file of another user as one that may be made.
fn open_lock(imports: &OwnedFd) -> rustix::io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let made = flags | OFlags::CREATE | OFlags::EXCL;
    let mut lock = openat(imports, LOCK, flags, Mode::empty());
    if matches!(lock, Err(Errno::NOENT)) {
        lock = openat(imports, LOCK, made, OWNER_ALONE);
    }
    if matches!(lock, Err(Errno::EXIST)) {
        // Another watch made it in this moment.
        lock = openat(imports, LOCK, flags, Mode::empty());
    }
    lock.map(File::from)
}

fn untrusted_lock(imports: &OwnedFd, path: &Path) -> Option<Untrusted> {
    let found = statat(imports, LOCK, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    trust(path, &found, FileType::RegularFile).err()
}

/// Whether a watch holds a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchState {
    /// One does.
    Running,
    /// None does.
    NotRunning,
    /// It cannot be told: the lock file cannot be opened.
    Unknown,
}

/// Asks for the lock of a folder, and gives it back at once.
#[must_use]
pub fn watch_state(folder: &Path) -> WatchState {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let lock = match open(folder.join(LOCK), flags, Mode::empty()) {
        Ok(lock) => File::from(lock),
        Err(Errno::NOENT | Errno::NOTDIR) => return WatchState::NotRunning,
        Err(_) => return WatchState::Unknown,
    };
    match lock.try_lock_shared() {
        Ok(()) => WatchState::NotRunning,
        Err(TryLockError::WouldBlock) => WatchState::Running,
        Err(TryLockError::Error(_)) => WatchState::Unknown,
    }
}

/// The folders to which files are moved are looked at when one is moved, and before the first, when
/// a person is there to read it.
fn trust_shelves(imports: &OwnedFd, folder: &Path) -> Result<(), FolderError> {
    for name in [FAILED, HELD, KEPT, ARCHIVE] {
        match statat(imports, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => trust(&folder.join(name), &found, FileType::Directory)?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(unusable(&folder.join(name), "looked at")(error)),
        }
    }
    Ok(())
}

fn unusable<E: Into<io::Error>>(path: &Path, what: &'static str) -> impl FnOnce(E) -> FolderError {
    let path = path.to_owned();
    move |error| FolderError::Unusable {
        path,
        what,
        source: error.into(),
    }
}

fn same_file(one: rustix::io::Result<Stat>, other: rustix::io::Result<Stat>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => identity_of(&one) == identity_of(&other),
        _ => false,
    }
}

// The widths of these fields differ between systems.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
#[allow(clippy::cast_sign_loss, clippy::cast_possible_wrap)]
pub(super) fn identity_of(stat: &Stat) -> Identity {
    Identity {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
    }
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
#[allow(clippy::cast_sign_loss, clippy::cast_possible_wrap)]
fn observation_of(stat: &Stat) -> Observation {
    Observation {
        identity: identity_of(stat),
        size: stat.st_size as u64,
        ctime: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
    }
}
