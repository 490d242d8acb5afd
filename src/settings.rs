//! Command line + environment + `.env` + `hayloft.toml` → [`Settings`], or a sentence saying what
//! is wrong. Nobody after this looks at flags or at the environment.
//!
//! A flag beats the environment, which beats `.env`, which beats `hayloft.toml`, which beats the
//! default. The variables:
//!
//! | variable | flag | meaning |
//! | --- | --- | --- |
//! | `DATABASE_URL` | `--database-url` | the database; without it, Hayloft runs a Postgres of its own |
//! | `HAYLOFT_CONFIG` | `--config` | what the tables promise; `hayloft.toml` |
//! | `HAYLOFT_HOME` | `--home` | where Hayloft's own Postgres lives; `.hayloft` |
//! | `HAYLOFT_IMPORTS` | `watch --imports` | the folder that files are dropped into; `imports` |
//! | `HAYLOFT_KEY_SECRET` | none | makes durable keys that nobody can guess; without it they are plain SHA-256 |
//!
//! `HAYLOFT_KEY_SECRET` has no flag, because every user of a machine can see a command line.

use std::env;
use std::ffi::OsString;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::cli::{Cli, Command, GlobalArgs, LogFormat, OutputFormat, RejectsCommand};
use crate::contract::file::Limits;
use crate::contract::{ContractFault, ContractFile};
use crate::secret::Secret;

/// Everything that was set, each value parsed and of one meaning.
#[derive(Debug)]
pub struct Settings {
    /// Which database.
    pub database: Database,
    /// What durable keys are made with, if not with plain SHA-256.
    pub key_secret: Option<Secret>,
    /// How results are written.
    pub format: OutputFormat,
    /// How much is said, and where.
    pub log: Log,
    /// How the folder is watched.
    pub watching: Watching,
    /// What a file may be at most.
    pub limits: Limits,
    /// How many tables load at the same time.
    pub workers: NonZero<usize>,
    /// `hayloft.toml`; without a table for the commands that load nothing, which do not read it.
    pub contract_file: ContractFile,
    /// What is wrong with `hayloft.toml`, for a command that goes on without it.
    pub contract_fault: Option<ContractFault>,
}

/// Which database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Database {
    /// This one.
    Given {
        /// Its URL, perhaps with a password.
        url: Secret,
    },
    /// Hayloft's own, which it starts where it is not running.
    Embedded {
        /// The folder that it lives in.
        home: PathBuf,
    },
}

/// How much is said, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// How much.
    pub verbosity: Verbosity,
    /// In which form.
    pub format: LogFormat,
    /// The file, if not standard error.
    pub file: Option<PathBuf>,
}

/// How much is said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verbosity {
    /// What went wrong.
    Quiet,
    /// What a person wants to know of each file.
    Normal,
    /// Each step.
    Verbose,
}

/// How the folder is watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watching {
    /// The folder.
    pub imports: PathBuf,
    /// How often the folder is listed, whatever the notifications say.
    pub sweep: Duration,
}

/// Why there are no settings. A person has to mend each of these.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFault {
    /// `.env` is not what it should be.
    #[error("{} cannot be used: {reason}. Write one NAME=value a line.", .path.display())]
    DotEnv {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the line: it may hold a password.
        reason: String,
    },
    /// The URL is set, to nothing.
    #[error(
        "DATABASE_URL is set and empty. Set it to postgres://user:password@host:port/name, or \
         unset it to let Hayloft run a Postgres of its own."
    )]
    EmptyDatabaseUrl,
    /// The secret could be guessed, or is none.
    #[error(
        "HAYLOFT_KEY_SECRET {what}. Set it to a random text of {} bytes or more, such as `openssl \
         rand -hex 32` prints, or unset it. Once a table has rows, it must stay what it is.",
        SHORTEST_SECRET
    )]
    KeySecret {
        /// What is wrong with it.
        what: &'static str,
    },
    /// `hayloft.toml` is not what it should be.
    #[error(transparent)]
    Contract(#[from] ContractFault),
}

const SHORTEST_SECRET: usize = 16;

/// Puts what `.env` holds into the environment, where it is not set there. To be called first of
/// all, before the command line is read and before there is a second thread.
pub fn load_dot_env() -> Result<(), SettingsFault> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(error) => Err(SettingsFault::DotEnv {
            path: ".env".into(),
            reason: told(&error),
        }),
    }
}

/// dotenvy's own message repeats the line, which may hold a password.
fn told(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(_, at) => format!(
            "there is a line with a mistake near its character {}",
            at + 1
        ),
        dotenvy::Error::Io(error) => error.to_string(),
        _ => "it names a variable that cannot be one".into(),
    }
}

impl Settings {
    /// Reads what is set beside the command line, and joins the two.
    pub fn read(cli: &Cli) -> Result<Self, SettingsFault> {
        let path = &cli.global.config;
        let without = || ContractFile {
            path: path.clone(),
            ..ContractFile::default()
        };
        let (contract_file, contract_fault) = match use_of_contract(&cli.command) {
            Use::Needs => (ContractFile::read_each(path)?, None),
            Use::Shows => match ContractFile::read_each(path) {
                Ok(file) => (file, None),
                Err(fault) => (without(), Some(fault)),
            },
            Use::None => (without(), None),
        };
        let settings = Self::join(cli, env::var_os("HAYLOFT_KEY_SECRET"), contract_file)?;
        Ok(Self {
            contract_fault,
            ..settings
        })
    }

    fn join(
        cli: &Cli,
        key_secret: Option<OsString>,
        contract_file: ContractFile,
    ) -> Result<Self, SettingsFault> {
        let imports = match &cli.command {
            Command::Watch(args) => args.imports.as_deref(),
            Command::Status(args) => args.imports.as_deref(),
            _ => None,
        };
        Ok(Self {
            database: database(cli)?,
            key_secret: key_secret.map(parse_key_secret).transpose()?,
            format: cli.global.format,
            log: log(&cli.global),
            watching: watching(imports, &contract_file),
            limits: contract_file.limits,
            workers: contract_file.load.workers.unwrap_or_else(default_workers),
            contract_file,
            contract_fault: None,
        })
    }
}

/// What a command wants of `hayloft.toml`.
enum Use {
    /// It is about tables, and cannot begin without.
    Needs,
    /// It shows what is in it, and whatever else there is if that is broken or missing.
    Shows,
    /// It works without, and while the file is being mended.
    None,
}

fn use_of_contract(command: &Command) -> Use {
    match command {
        Command::Watch(_)
        | Command::Load(_)
        | Command::Plan(_)
        | Command::Undo(_)
        | Command::Redo(_)
        | Command::Takeover(_)
        | Command::Accept(_)
        | Command::Check(_)
        | Command::Why(_)
        | Command::Rejects(RejectsCommand::Replay { .. }) => Use::Needs,
        Command::Status(_)
        | Command::Migrate(_)
        | Command::Rejects(RejectsCommand::Export { .. }) => Use::Shows,
        Command::Rejects(_) | Command::Generate(_) | Command::Demo | Command::Server(_) => {
            Use::None
        }
    }
}

/// The demo begins by dropping every table, so it has a server of its own, whatever is named.
fn database(cli: &Cli) -> Result<Database, SettingsFault> {
    let args = &cli.global;
    if matches!(cli.command, Command::Demo) {
        return Ok(Database::Embedded {
            home: args.home.join("demo"),
        });
    }
    match &args.database_url {
        Some(url) if url.expose().trim().is_empty() => Err(SettingsFault::EmptyDatabaseUrl),
        Some(url) => Ok(Database::Given { url: url.clone() }),
        None => Ok(Database::Embedded {
            home: args.home.clone(),
        }),
    }
}

fn parse_key_secret(secret: OsString) -> Result<Secret, SettingsFault> {
    let refused = |what| Err(SettingsFault::KeySecret { what });
    match secret.into_string() {
        Err(_) => refused("is not UTF-8 text"),
        Ok(secret) if secret.trim().is_empty() => refused("is set and empty"),
        Ok(secret) if secret.len() < SHORTEST_SECRET => {
            refused("is so short that it can be guessed")
        }
        Ok(secret) => Ok(Secret::new(secret)),
    }
}

/// How much is said, and where; for errors that come before there are settings, too.
pub(crate) fn log(args: &GlobalArgs) -> Log {
    let verbosity = match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
    Log {
        verbosity,
        format: args.log_format,
        file: args.log_file.clone(),
    }
}

/// A folder that was typed is seen from where it was typed; one in `hayloft.toml`, from there.
fn watching(typed: Option<&Path>, file: &ContractFile) -> Watching {
    let beside_the_file = || {
        file.path
            .parent()
            .unwrap_or(Path::new(""))
            .join(&file.watch.imports)
    };
    Watching {
        imports: typed.map_or_else(beside_the_file, Path::to_owned),
        sweep: file.watch.sweep,
    }
}

/// Each load that works keeps one connection of the database busy and about one processor of this machine.
fn default_workers() -> NonZero<usize> {
    const MOST: NonZero<usize> = NonZero::new(8).unwrap();
    thread::available_parallelism()
        .unwrap_or(NonZero::<usize>::MIN)
        .min(MOST)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn cli(typed: &str) -> Cli {
        Cli::try_parse_from(typed.split(' ')).unwrap()
    }

    fn join(typed: &str, toml: &str) -> Settings {
        let toml = format!("{toml}\n[tables.users]\nkey = [\"email\"]\ndurable_key = \"user_id\"");
        let file = ContractFile::parse(Path::new("conf/hayloft.toml"), &toml).unwrap();
        Settings::join(&cli(typed), None, file).unwrap()
    }

    #[test]
    fn a_url_that_is_given_is_taken_and_without_one_the_database_is_our_own() {
        // The machine that runs the tests may have a DATABASE_URL; a flag beats it.
        let given = join("hayloft --database-url postgres://h/d status", "");
        assert_eq!(
            given.database,
            Database::Given {
                url: Secret::new("postgres://h/d")
            }
        );
        let mut without = cli("hayloft --home here status");
        without.global.database_url = None;
        let settings = Settings::join(&without, None, ContractFile::default()).unwrap();
        assert_eq!(
            settings.database,
            Database::Embedded {
                home: "here".into()
            }
        );
    }

    #[test]
    fn the_demo_never_gets_the_database_that_is_given() {
        let typed = "hayloft --database-url postgres://h/d --home here demo";
        let settings = Settings::join(&cli(typed), None, ContractFile::default()).unwrap();
        let home = "here/demo".into();
        assert_eq!(settings.database, Database::Embedded { home });
    }

    #[test]
    fn an_empty_url_is_not_taken_for_none() {
        for typed in [
            "hayloft --database-url= status",
            "hayloft --database-url=\t status",
        ] {
            let fault = Settings::join(&cli(typed), None, ContractFile::default()).unwrap_err();
            assert!(matches!(fault, SettingsFault::EmptyDatabaseUrl), "{fault}");
        }
    }

    #[test]
    fn a_folder_that_is_typed_beats_the_file_and_the_file_beats_the_default() {
        const SET: &str = "[watch]\nimports = \"in\"";
        const ABSOLUTE: &str = "[watch]\nimports = \"/in\"";
        for (typed, toml, expected) in [
            ("hayloft watch --imports out", SET, "out"),
            ("hayloft watch", SET, "conf/in"),
            ("hayloft watch", ABSOLUTE, "/in"),
            ("hayloft watch", "", "conf/imports"),
        ] {
            let mut cli = cli(typed);
            if let (Command::Watch(args), false) = (&mut cli.command, typed.contains("--imports")) {
                args.imports = None;
            }
            let file = join(typed, toml).contract_file;
            let settings = Settings::join(&cli, None, file).unwrap();
            assert_eq!(
                settings.watching.imports,
                Path::new(expected),
                "{typed} with {toml}"
            );
        }
    }

    #[test]
    fn workers_and_limits_come_from_the_file() {
        let settings = join(
            "hayloft watch",
            "[load]\nworkers = 3\n[limits]\ncolumns = 7",
        );
        assert_eq!(settings.workers.get(), 3);
        assert_eq!(settings.limits.columns, 7);
    }

    #[test]
    fn a_key_secret_that_could_be_guessed_is_refused_without_being_repeated() {
        for (secret, expected) in [
            ("", Some("is set and empty")),
            ("                    ", Some("is set and empty")),
            (
                "fifteen-bytes-x",
                Some("is so short that it can be guessed"),
            ),
            ("sixteen-bytes-xy", None),
        ] {
            match (parse_key_secret(secret.into()), expected) {
                (Ok(taken), None) => assert_eq!(taken.expose(), secret),
                (Err(fault), Some(expected)) => {
                    let message = fault.to_string();
                    assert!(message.contains(expected), "{message}");
                    assert!(secret.is_empty() || !message.contains(secret), "{message}");
                }
                (result, _) => panic!("{secret:?} gave {result:?}"),
            }
        }
    }

    #[test]
    fn no_secret_is_in_debug_output() {
        let cli = cli("hayloft --database-url postgres://u:hunter2@h/d status");
        let settings = Settings::join(
            &cli,
            Some("hunter2hunter2hunter2".into()),
            ContractFile::default(),
        );
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn a_mistake_in_dot_env_is_told_without_the_line() {
        let text = "DATABASE_URL='postgres://u:hunter2@h/d";
        let error = dotenvy::from_read_iter(text.as_bytes())
            .find_map(Result::err)
            .unwrap();
        assert!(
            error.to_string().contains("hunter2"),
            "else there would be nothing to hide"
        );
        assert!(!told(&error).contains("hunter2"));
    }

    #[test]
    fn a_command_that_loads_nothing_does_without_a_contract() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("hayloft.toml");
        let read = |command: &str| {
            let typed = format!(
                "hayloft --database-url postgres://h/d --config {} {command}",
                missing.display()
            );
            Settings::read(&cli(&typed))
        };
        for command in ["server stop", "generate", "rejects list"] {
            assert!(read(command).unwrap().contract_fault.is_none(), "{command}");
        }
        for command in ["migrate", "status", "rejects export 1"] {
            let shown = read(command).unwrap();
            assert!(
                matches!(shown.contract_fault, Some(ContractFault::Missing { .. })),
                "{command}"
            );
            assert_eq!(shown.watching.imports, folder.path().join("imports"));
        }
        for command in ["watch", "load users.csv", "rejects replay 1 f.csv"] {
            let fault = read(command).unwrap_err();
            assert!(
                matches!(
                    fault,
                    SettingsFault::Contract(ContractFault::Missing { .. })
                ),
                "{command}"
            );
        }
    }
}
