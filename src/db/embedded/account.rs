//! As whom the server runs.
//!
//! Postgres refuses to run as root. Root's server therefore runs as `postgres`, or as `nobody`
//! where there is no such user; everybody else's runs as themselves.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// The user of the server's processes and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// Who runs Hayloft.
    Caller,
    /// Somebody without rights, whom root becomes.
    Other { uid: u32, gid: u32 },
}

/// In this order; the first that the machine has is taken.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

impl Account {
    pub(super) fn caller_is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    /// Who will own a new cluster.
    pub(super) fn for_new_cluster() -> Result<Self> {
        if !Self::caller_is_root() {
            return Ok(Self::Caller);
        }
        let users = fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read.")?;
        UNPRIVILEGED.iter().find_map(|name| listed(&users, name)).context(
            "Postgres does not run as root, and this machine has neither a user `postgres` nor a \
             user `nobody`: add one (`useradd --system postgres`), or run Hayloft as another user.",
        )
    }

    /// Who owns this cluster, and so must run it.
    pub(super) fn of_cluster(data: &Path) -> Result<Self> {
        let owner = fs::metadata(data).with_context(|| {
            format!("The data directory {} cannot be looked at.", data.display())
        })?;
        if owner.uid() == rustix::process::geteuid().as_raw() {
            return Ok(Self::Caller);
        }
        if !Self::caller_is_root() {
            bail!(
                "The embedded database in {} belongs to another user (uid {}), probably because \
                 Hayloft was run as root before: run it so again, or give a DATABASE_URL.",
                data.display(),
                owner.uid()
            );
        }
        Ok(Self::Other {
            uid: owner.uid(),
            gid: owner.gid(),
        })
    }

    /// Hands over a file or folder that the caller made.
    pub(super) fn take(&self, path: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = *self {
            std::os::unix::fs::lchown(path, Some(uid), Some(gid))
                .with_context(|| format!("{} cannot be given to uid {uid}.", path.display()))?;
        }
        Ok(())
    }

    /// Whether it can get into this folder: found by trying, as modes don't tell the whole truth.
    pub(super) fn can_enter(&self, folder: &Path, program: &Path) -> bool {
        *self == Self::Caller
            || self
                .command(program)
                .arg("--version")
                .current_dir(folder)
                .output()
                .is_ok()
    }

    /// Runs a program to its end as this user; its output comes back, nothing goes to the terminal.
    pub(super) fn run<S: AsRef<OsStr>>(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Output> {
        self.command(program)
            .args(arguments)
            .output()
            .with_context(|| format!("{} cannot be run.", program.display()))
    }

    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            // A folder that everybody can be in: the caller's own may be closed to the account.
            .current_dir("/")
            .stdin(Stdio::null())
            // Out of the terminal's reach: Ctrl-C is for Hayloft, not for the server.
            .process_group(0)
            // We read what they say, and it goes into error messages.
            .env("LC_ALL", "C")
            .env_remove("LANGUAGE");
        for (name, _) in std::env::vars_os() {
            // PGDATA, PGPORT and the like are meant for another server.
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Self::Other { uid, gid } = *self {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// The ids of a user in the text of `/etc/passwd`.
fn listed(users: &str, name: &str) -> Option<Account> {
    let fields = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let user = fields.into_iter().find(|fields| fields[0] == name)?;
    let id = |index: usize| user.get(index)?.parse::<u32>().ok();
    // An account that is root under another name would help nobody.
    let uid = id(2).filter(|uid| *uid != 0)?;
    Some(Account::Other { uid, gid: id(3)? })
}

#[cfg(test)]
mod tests {
    use super::{Account, listed};

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users =
            "root:x:0:0::/:\npostgresql:x:7:7::/:\n\npostgres:x:101:104::/:\ntoor:x:0:0::/:";
        assert_eq!(
            listed(users, "postgres"),
            Some(Account::Other { uid: 101, gid: 104 })
        );
        assert_eq!(listed(users, "nobody"), None);
        assert_eq!(listed(users, "toor"), None);
    }
}
