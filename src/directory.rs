//! A directory that was opened once, and the names in it.
//!
//! In: a path that an operator gave, or a name below such a directory. Out: a handle through which
//! names are opened, made and looked at. A link that is swapped in between two calls leads nowhere:
//! no call follows one in a name, and the handle stays with the directory that was checked.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, fstat, fsync, mkdirat, open, openat, statat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    fd: OwnedFd,
}

/// Why a name below a folder that others can write to is not used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Untrusted {
    /// It is a link.
    #[error(
        "`{}` is a link, and links are not followed there: remove it, or put what it leads to in its \
         place", .0.display()
    )]
    Link(PathBuf),
    /// It is something else than it should be.
    #[error("`{}` is in the way: it is no {what}. Move it away", path.display())]
    OtherKind {
        /// The name.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// It belongs to somebody who may do with it what they like.
    #[error(
        "`{}` belongs to another user (uid {owner}): give it to the one who runs Hayloft \
         (`chown`), or move it away", path.display()
    )]
    OtherOwner {
        /// The name.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Anybody may put links into it.
    #[error(
        "`{}` can be written to by all users: take that away (`chmod o-w`), after a look at what is \
         in it", .0.display()
    )]
    Writable(PathBuf),
}

impl From<Untrusted> for io::Error {
    fn from(untrusted: Untrusted) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, untrusted)
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

impl Directory {
    /// What a path leads to. Links in it are the business of whoever gave the path.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let fd = open(&path, DIRECTORY, Mode::empty())?;
        Ok(Self { path, fd })
    }

    /// The same directory by a handle that somebody else has.
    pub(crate) fn of(path: &Path, fd: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            fd: fd.try_clone_to_owned()?,
        })
    }

    /// A directory in this one, if it can be trusted.
    pub fn below(&self, name: &str) -> io::Result<Self> {
        let path = self.path.join(name);
        match openat(&self.fd, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => {
                trust(&path, &fstat(&fd)?, FileType::Directory)?;
                Ok(Self { path, fd })
            }
            Err(error) => {
                // A link, or no directory: which of them is said.
                let found = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
                trust(&path, &found, FileType::Directory)?;
                Err(error.into())
            }
        }
    }

    /// The same; made where it is missing.
    pub fn make_below(&self, name: &str) -> io::Result<Self> {
        match mkdirat(&self.fd, name, Mode::from_raw_mode(0o755)) {
            // The new one itself has to survive a power cut, and all that is put into it.
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        self.below(name)
    }

    /// Where it was found, for people.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether something has this name.
    #[must_use]
    pub fn has(&self, name: &OsStr) -> bool {
        statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Whether both are the same directory.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (fstat(&self.fd), fstat(&other.fd)) {
            (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
            _ => false,
        }
    }

    /// Opens a regular file to read it, and waits for no pipe.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.fd, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(file)
    }

    /// What is known of a file without opening it to be read. Of a link, that it is one.
    pub fn metadata(&self, name: &OsStr) -> io::Result<Metadata> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(openat(&self.fd, name, flags, Mode::empty())?).metadata()
    }

    /// Makes a file that is not there yet.
    pub fn create_file(&self, name: &OsStr) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.fd, name, flags, Mode::from_raw_mode(0o644))?;
        Ok(File::from(file))
    }

    /// Makes what was made, moved or removed in it survive a power cut.
    pub fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.fd)?)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Finds that a name is of its kind, and root's or ours, and that not everybody can write to it. Its group
/// may, and in a sticky directory all may make names of their own: so no name in it is ever followed
/// as a link.
pub(crate) fn trust(path: &Path, found: &Stat, kind: FileType) -> Result<(), Untrusted> {
    let path = path.to_owned();
    let other_kind = || match kind {
        FileType::Directory => "directory",
        _ => "file",
    };
    match FileType::from_raw_mode(found.st_mode) {
        found if found == kind => {}
        FileType::Symlink => return Err(Untrusted::Link(path)),
        _ => {
            let what = other_kind();
            return Err(Untrusted::OtherKind { path, what });
        }
    }
    if found.st_uid != 0 && found.st_uid != geteuid().as_raw() {
        let owner = found.st_uid;
        return Err(Untrusted::OtherOwner { path, owner });
    }
    let mode = Mode::from_raw_mode(found.st_mode);
    if mode.contains(Mode::WOTH) && !mode.contains(Mode::SVTX) {
        return Err(Untrusted::Writable(path));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn told(home: &Directory, name: &str) -> String {
        home.make_below(name).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_trusted_is_refused_with_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let directory = Directory::open(home.path()).unwrap();
        fs::create_dir(at("elsewhere")).unwrap();
        symlink(at("elsewhere"), at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        fs::write(at("file"), "").unwrap();
        for (name, mode) in [("open", 0o777), ("sticky", 0o1777), ("group", 0o775)] {
            fs::create_dir(at(name)).unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        }
        for (name, part) in [
            ("link", "is a link"),
            ("dangling", "is a link"),
            ("file", "no directory"),
            ("open", "chmod o-w"),
        ] {
            let told = told(&directory, name);
            assert!(told.contains(part), "{name}: {told}");
        }
        for name in ["sticky", "group", "new"] {
            assert!(directory.make_below(name).is_ok(), "{name}");
        }
        assert!(!at("nowhere").exists());
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("failed");
        fs::create_dir(&path).unwrap();
        // Only root can make one; others cannot be given one here.
        if geteuid().is_root() {
            chown(&path, Some(12_345), None).unwrap();
            let told = told(&Directory::open(home.path()).unwrap(), "failed");
            assert!(told.contains("uid 12345"), "{told}");
        }
    }

    #[test]
    fn a_link_that_is_swapped_in_between_leads_nowhere() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("victim")).unwrap();
        fs::write(at("victim/report"), "precious").unwrap();
        let failed = Directory::open(home.path())
            .and_then(|home| home.make_below("failed"))
            .unwrap();

        fs::rename(at("failed"), at("moved")).unwrap();
        symlink(at("victim"), at("failed")).unwrap();

        failed.create_file(OsStr::new("report")).unwrap();
        assert!(at("moved/report").exists());
        assert_eq!(fs::read(at("victim/report")).unwrap(), b"precious");
        symlink(at("victim/report"), at("moved/link")).unwrap();
        assert!(failed.create_file(OsStr::new("link")).is_err());
        assert!(failed.open_file(OsStr::new("link")).is_err());
        assert_eq!(fs::read(at("victim/report")).unwrap(), b"precious");
    }
}
