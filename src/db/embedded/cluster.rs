//! A cluster: the files of one server.
//!
//! A new one is made aside and renamed into its place when all of it is there, database and
//! settings included. What a killed attempt leaves behind is therefore never taken for a cluster.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context, Result, bail};
use uuid::Uuid;

use super::account::Account;
use super::binaries::Binaries;
use super::url_file::NAME;
use super::{place, url_file};

/// The cluster of one `.hayloft` folder.
#[derive(Debug)]
pub(super) struct Cluster {
    /// The `.hayloft` folder.
    pub(super) folder: PathBuf,
    /// The data directory, with no link in its path.
    pub(super) data: PathBuf,
    /// Who owns it and runs it.
    pub(super) account: Account,
}

impl Cluster {
    pub(super) fn find(folder: &Path) -> Result<Option<Self>> {
        let Some(data) = place::existing(folder)? else {
            return Ok(None);
        };
        let account = Account::of_cluster(&data)?;
        Ok(Some(Self {
            folder: folder.to_owned(),
            data,
            account,
        }))
    }

    /// The major version that made it and alone can read it.
    pub(super) fn major(&self) -> Result<i32> {
        let path = self.data.join("PG_VERSION");
        let text = fs::read_to_string(&path).ok();
        text.and_then(|text| text.trim().parse().ok())
            .with_context(|| {
                format!(
                    "{} holds no Postgres cluster: PG_VERSION is not in it.",
                    self.data.display()
                )
            })
    }

    /// What the server says about itself.
    pub(super) fn log(&self) -> PathBuf {
        self.data.join("server.log")
    }
}

/// Makes the cluster of this folder.
pub(super) fn create(folder: &Path, binaries: &Binaries) -> Result<Cluster> {
    tracing::info!("making the embedded database in {}", folder.display());
    let account = Account::for_new_cluster()?;
    let place = place::free(folder, &account, &binaries.program("initdb"))?;
    let url = url_file::read_or_make(folder)?;
    clear_leftovers(&place);
    let aside = Aside::beside(&place, &account)?;
    let data = aside.folder.join("data");
    initdb(
        &account,
        binaries,
        &aside.folder,
        &data,
        url_file::password(&url),
    )?;
    add_settings(&account, &data)?;
    create_database(&account, binaries, &data)?;
    place::settle(&data, &place, folder)?;
    Ok(Cluster {
        folder: folder.to_owned(),
        data: place.canonicalize()?,
        account,
    })
}

/// Where a cluster is made before it has its place; gone with everything in it when dropped.
struct Aside {
    folder: PathBuf,
}

impl Aside {
    fn beside(place: &Path, account: &Account) -> Result<Self> {
        // A name of its own: an initdb that outlived its Hayloft may still be writing elsewhere.
        let folder = place.with_extension(format!("new-{}", Uuid::new_v4().simple()));
        place::private_folder(&folder, account)?;
        Ok(Self { folder })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next attempt.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes what killed attempts have left, as far as it can be removed.
fn clear_leftovers(place: &Path) {
    let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
        return;
    };
    let start = format!("{}.new-", name.to_string_lossy());
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&start) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The password goes by a file that only the account can read: a command line is everybody's.
fn initdb(
    account: &Account,
    binaries: &Binaries,
    aside: &Path,
    data: &Path,
    password: &str,
) -> Result<()> {
    let password_file = aside.join("password");
    private_file(&password_file, account, password)?;
    let mut arguments = vec![
        format!("--pgdata={}", data.display()),
        format!("--pwfile={}", password_file.display()),
        format!("--username={NAME}"),
        "--auth=scram-sha-256".to_owned(),
        "--encoding=UTF8".to_owned(),
        // Sorts by bytes, and does so after every upgrade of the system's library as well.
        "--locale=C".to_owned(),
        "--data-checksums".to_owned(),
    ];
    if cfg!(target_os = "linux") {
        // lower() and ilike know the letters beyond ASCII.
        arguments.push("--lc-ctype=C.UTF-8".to_owned());
    }
    let output = account.run(&binaries.program("initdb"), arguments)?;
    succeeded("initdb", &output)
}

fn add_settings(account: &Account, data: &Path) -> Result<()> {
    private_file(
        &data.join("hayloft.conf"),
        account,
        include_str!("hayloft.conf"),
    )?;
    let main = data.join("postgresql.conf");
    let appended = || -> std::io::Result<()> {
        let mut file = File::options().append(true).open(&main)?;
        writeln!(file, "\ninclude 'hayloft.conf'")?;
        file.sync_all()
    };
    appended().with_context(|| format!("{} cannot be written.", main.display()))
}

/// Made in single-user mode, before anybody can connect.
///
/// Its search path leaves out the schema of the user's name: that is the ledger's, and there a
/// table that somebody names without a schema would land, Diesel's own included.
fn create_database(account: &Account, binaries: &Binaries, data: &Path) -> Result<()> {
    let statements =
        format!("create database {NAME}\nalter database {NAME} set search_path = public\n");
    let program = binaries.program("postgres");
    let run = || -> std::io::Result<Output> {
        let mut child = account
            .command(&program)
            .args(["--single", "-c", "exit_on_error=on", "-D"])
            .arg(data)
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // If it has ended already, its exit status says more than a broken pipe.
            let _ = stdin.write_all(statements.as_bytes());
        }
        child.wait_with_output()
    };
    succeeded(
        "postgres --single",
        &run().with_context(|| format!("{} cannot be run.", program.display()))?,
    )
}

fn private_file(path: &Path, account: &Account, content: &str) -> Result<()> {
    let written = || -> std::io::Result<()> {
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    written().with_context(|| format!("The file {} cannot be written.", path.display()))?;
    account.take(path)
}

fn succeeded(program: &str, output: &Output) -> Result<()> {
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "The embedded database was not made: {program} ended with {}, and said: {}",
            output.status,
            said.trim()
        );
    }
    Ok(())
}
