//! Root → a user without its rights: `hayloft watch --user NAME`.
//!
//! Everything that a watch needs root for, it does not need: a folder and a connection. So root's
//! rights are given up before the folder, the settings or a delivery is looked at, and before there is a
//! second thread. With them only `.env` was read, of the working directory, and the system's lists of
//! users and groups.

use std::fs;

use anyhow::{Context as _, Result};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use super::Refusal;

/// A user of `/etc/passwd`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct User {
    uid: u32,
    gid: u32,
    /// The other groups.
    groups: Vec<u32>,
}

/// Goes on as this user, for good.
pub(super) fn become_user(name: &str) -> Result<()> {
    let user = User::of(name)?;
    if user.uid == geteuid().as_raw() {
        return Ok(());
    }
    if !geteuid().is_root() {
        let sentence = format!("--user {name} needs root, and Hayloft does not run as root.");
        return Err(Refusal(sentence).into());
    }
    user.replace_root()
        .with_context(|| format!("Hayloft cannot go on as `{name}`."))
}

impl User {
    fn of(name: &str) -> Result<Self> {
        let users = fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read.")?;
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        let user = Self::listed(&users, &groups, name).ok_or_else(|| {
            let add = format!("`useradd --system {name}` adds it.");
            Refusal(format!("There is no user `{name}` in /etc/passwd. {add}"))
        })?;
        if user.uid == 0 {
            let sentence = format!("`{name}` is root. Name a user with fewer rights.");
            return Err(Refusal(sentence).into());
        }
        Ok(user)
    }

    /// `NAME:x:UID:GID:…`, and of the groups `GROUP:x:GID:NAME,NAME`.
    fn listed(users: &str, groups: &str, name: &str) -> Option<Self> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let user = users.lines().map(fields).find(|user| user[0] == name)?;
        let groups = groups.lines().map(fields).filter_map(|group| {
            let is_member = group.get(3)?.split(',').any(|member| member == name);
            is_member.then(|| group.get(2)?.parse().ok())?
        });
        Some(Self {
            uid: user.get(2)?.parse().ok()?,
            gid: user.get(3)?.parse().ok()?,
            groups: groups.collect(),
        })
    }

    /// The groups first, as later there is no right to change them. These calls are about one
    /// thread, and the threads that are made later have what it has.
    fn replace_root(&self) -> Result<()> {
        if let Ok(threads) = fs::read_dir("/proc/self/task") {
            anyhow::ensure!(threads.count() == 1, "There is another thread already.");
        }
        let gid = Gid::from_raw(self.gid);
        let mut groups = vec![gid];
        groups.extend(self.groups.iter().map(|group| Gid::from_raw(*group)));
        set_thread_groups(&groups)?;
        set_thread_gid(gid)?;
        set_thread_uid(Uid::from_raw(self.uid))?;
        anyhow::ensure!(
            set_thread_uid(Uid::ROOT).is_err(),
            "Root's rights could be had again."
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::User;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nhay:x:1001:1002:Hay,,,:/:/bin/false\n\nbad";
    const GROUPS: &str = "hay:x:1002:\ndata:x:50:ann,hay\nother:x:51:hayloft\nbad\n";

    #[test]
    fn a_user_has_the_groups_that_name_it() {
        let expected = User {
            uid: 1001,
            gid: 1002,
            groups: vec![50],
        };
        assert_eq!(User::listed(USERS, GROUPS, "hay"), Some(expected));
        assert_eq!(User::listed(USERS, GROUPS, "ann"), None);
        assert_eq!(User::listed(USERS, GROUPS, "bad"), None);
    }
}
