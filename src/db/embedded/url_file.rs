//! The file `.hayloft/postgres.url`: the one place that knows the password, and the port that is
//! tried first. It exists before the cluster does, so that no cluster is ever without it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::place::short_digest;
use crate::db::url::DatabaseUrl;

/// User and database of every embedded server.
pub(super) const NAME: &str = "hayloft";

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("postgres.url")
}

/// The URL of this folder's server, made on first use.
pub(super) fn read_or_make(folder: &Path) -> Result<DatabaseUrl> {
    if path(folder).exists() {
        return read(folder);
    }
    // Two of them: 244 random bits, in letters that no URL or shell takes for something else.
    let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let url = DatabaseUrl::embedded(NAME, &password, free_port(folder)?, NAME);
    write(folder, &url)?;
    Ok(url)
}

pub(super) fn read(folder: &Path) -> Result<DatabaseUrl> {
    let path = path(folder);
    let read = || {
        let mut text = String::new();
        fs::File::options()
            .read(true)
            .custom_flags(super::no_link())
            .open(&path)?
            .read_to_string(&mut text)?;
        io::Result::Ok(text)
    };
    let text = read().with_context(|| {
        format!(
            "The file {} with the embedded database's password cannot be read; if it is lost, so \
             is the way into that database.",
            path.display()
        )
    })?;
    text.parse()
        .with_context(|| format!("The file {} is damaged.", path.display()))
}

/// The password in a URL that this module made.
pub(super) fn password(url: &DatabaseUrl) -> &str {
    url.get("password").unwrap_or_default()
}

/// The port in a URL that this module made.
pub(super) fn port(url: &DatabaseUrl) -> u16 {
    url.get("port")
        .and_then(|port| port.parse().ok())
        .unwrap_or(0)
}

/// The same URL at another port.
pub(super) fn at_port(url: &DatabaseUrl, port: u16) -> DatabaseUrl {
    DatabaseUrl::embedded(NAME, password(url), port, NAME)
}

/// Replaces the file in one step; a temporary file is its owner's alone from the beginning.
pub(super) fn write(folder: &Path, url: &DatabaseUrl) -> Result<()> {
    let written = || -> io::Result<()> {
        let mut file = NamedTempFile::with_prefix_in(".postgres.url-", folder)?;
        writeln!(file, "{}", url.expose())?;
        file.as_file().sync_all()?;
        // What root writes into somebody's folder stays readable to them.
        let owner = fs::metadata(folder)?;
        std::os::unix::fs::fchown(file.as_file(), Some(owner.uid()), Some(owner.gid())).or_else(
            |error| {
                if super::Account::caller_is_root() {
                    Err(error)
                } else {
                    Ok(())
                }
            },
        )?;
        file.persist(path(folder))?;
        fs::File::open(folder)?.sync_all()
    };
    written().with_context(|| format!("The file {} cannot be written.", path(folder).display()))
}

/// The first of ten thousand ports, from one that the folder's name decides.
///
/// They lie below those that the system gives to outgoing connections: one of these would be
/// taken by a browser sooner or later, and the URL would change.
pub(super) fn free_port(folder: &Path) -> Result<u16> {
    let start = u16::from_str_radix(&short_digest(folder)[..4], 16).unwrap_or(0) % 10_000;
    (0..10_000)
        .map(|step| 20_000 + (start + step) % 10_000)
        .find(|port| is_free(*port))
        .context("No port from 20000 to 29999 is free on 127.0.0.1.")
}

pub(super) fn is_free(port: u16) -> bool {
    port != 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
