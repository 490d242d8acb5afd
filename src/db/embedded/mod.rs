//! The database for those who name none: a private Postgres server, run from the machine's own
//! binaries, with its data below the project's `.hayloft` folder.
//!
//! A folder comes in, a [`DatabaseUrl`] goes out. The server keeps running when the command that
//! started it ends, so that `psql` and `DBeaver` reach it with a URL that stays the same, and it
//! belongs to no terminal. What lies on the disk is at every moment either no cluster or a whole
//! one, and one command at a time starts or stops it; so killing Hayloft anywhere is harmless.
//!
//! In `.hayloft`: `postgres` is the data directory (or a link to it), `postgres.url` holds the
//! URL with its password and is for its owner alone, `postgres.lock` is locked while a server is
//! made, started or stopped.

mod account;
mod binaries;
mod cluster;
mod place;
mod server;
mod url_file;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::OFlags;

use self::account::Account;
use self::binaries::Search;
use self::cluster::Cluster;
use self::server::Seen;
use super::url::DatabaseUrl;

/// The embedded server of one `.hayloft` folder, running or not.
#[derive(Debug, Clone)]
pub struct Embedded {
    folder: PathBuf,
    search: Search,
}

/// What there is of an embedded server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It runs and lets us in.
    Running {
        /// Where, with the password.
        url: DatabaseUrl,
        /// The process id of the postmaster.
        pid: i32,
        /// As the server says it, like `15.18`.
        version: String,
    },
    /// There is data, and no server that answers.
    Stopped,
    /// Nothing was made yet.
    Absent,
}

/// What [`Embedded::stop`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It ran, and has stopped.
    Stopped,
    /// There was nothing to stop.
    WasNotRunning,
}

impl Embedded {
    /// The server of this `.hayloft` folder, which need not exist yet.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            search: Search::by_environment(),
        }
    }

    /// Takes the Postgres binaries from one of these folders, and looks nowhere else.
    #[must_use]
    pub fn with_binaries_in(mut self, folders: Vec<PathBuf>) -> Self {
        self.search = Search::Only(folders);
        self
    }

    /// Makes the cluster if there is none, starts the server if none runs, and waits until it
    /// lets us in.
    pub fn ensure_running(&self) -> Result<DatabaseUrl> {
        let folder = made(&self.folder)?;
        let _lock = lock(&folder)?;
        let cluster = match Cluster::find(&folder)? {
            Some(cluster) => cluster,
            None => cluster::create(&folder, &self.search.newest()?)?,
        };
        match server::settled(&cluster)? {
            Seen::Ready(running) => Ok(running.url),
            Seen::Starting { .. } | Seen::Down => {
                let binaries = self.search.of_major(cluster.major()?)?;
                server::start(&cluster, &binaries)
            }
        }
    }

    /// Stops the server: open transactions are rolled back, and it waits until all is on disk.
    pub fn stop(&self) -> Result<Stop> {
        let Some((cluster, _lock)) = self.found()? else {
            return Ok(Stop::WasNotRunning);
        };
        if matches!(server::look(&cluster)?, Seen::Down) {
            return Ok(Stop::WasNotRunning);
        }
        server::stop(&cluster, &self.search.of_major(cluster.major()?)?)?;
        Ok(Stop::Stopped)
    }

    /// What there is, without changing it. A server that is just starting counts as stopped.
    pub fn state(&self) -> Result<State> {
        if !self.folder.exists() {
            return Ok(State::Absent);
        }
        let folder = self
            .folder
            .canonicalize()
            .with_context(|| unusable(&self.folder))?;
        let Some(cluster) = Cluster::find(&folder)? else {
            return Ok(State::Absent);
        };
        Ok(match server::look(&cluster)? {
            Seen::Ready(running) => State::Running {
                url: running.url,
                pid: running.pid,
                version: running.version,
            },
            Seen::Starting { .. } | Seen::Down => State::Stopped,
        })
    }

    fn found(&self) -> Result<Option<(Cluster, File)>> {
        if !self.folder.exists() {
            return Ok(None);
        }
        let folder = self
            .folder
            .canonicalize()
            .with_context(|| unusable(&self.folder))?;
        let lock = lock(&folder)?;
        Ok(Cluster::find(&folder)?.map(|cluster| (cluster, lock)))
    }
}

/// Root's server runs as somebody else, who must get through the folder, but not list it.
fn made(folder: &Path) -> Result<PathBuf> {
    if !folder.exists() {
        fs::create_dir_all(folder).with_context(|| unusable(folder))?;
        let mode = if Account::caller_is_root() {
            0o711
        } else {
            0o700
        };
        fs::set_permissions(folder, Permissions::from_mode(mode))
            .with_context(|| unusable(folder))?;
    }
    folder.canonicalize().with_context(|| unusable(folder))
}

/// Held until the file is dropped, or until the process ends however it ends.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("postgres.lock");
    let unusable = || format!("The lock file {} cannot be used.", path.display());
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        // Who can open it can hold it. What is there under its name is no link to something else.
        .mode(0o600)
        .custom_flags(no_link())
        .open(&path)
        .with_context(unusable)?;
    file.lock().with_context(unusable)?;
    Ok(file)
}

/// The flag for `open` by which a link is not followed.
fn no_link() -> i32 {
    i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

fn unusable(folder: &Path) -> String {
    format!(
        "The folder {} for the embedded database cannot be used.",
        folder.display()
    )
}
