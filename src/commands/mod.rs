//! What the program can do: one verb a file, each a function from what was typed to an
//! [`ExitStatus`].

mod accept;
mod check;
mod confirm;
mod demo;
mod generate;
mod load;
mod migrate;
mod office;
mod plan;
mod preview;
mod rejects;
mod server;
mod status;
mod takeover;
mod undo;
mod user;
mod watch;
mod why;

use std::process::ExitCode;

use anyhow::Result;
use diesel::result::Error as DbError;

use crate::cli::{Cli, Command};
use crate::contract::ContractFault;
use crate::db::access::AccessFault;
use crate::db::migrations::MigrationFault;
use crate::db::url::BadUrl;
use crate::db::{self, ConnectFault, FaultKind};
use crate::directory::Untrusted;
use crate::history::views::ViewsError;
use crate::logging;
use crate::merge::Turn;
use crate::printer::Printer;
use crate::settings::{Settings, SettingsFault};
use crate::watch::FolderError;

/// What the shell is told. The worse of two is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExitStatus {
    /// Everything was done.
    Done = 0,
    /// It was loaded, and some rows are in the rejects.
    Rejects = 1,
    /// A file, a setting or a command has to be mended first.
    Refused = 2,
    /// Hayloft or the database failed; nothing was lost.
    Fault = 3,
}

impl ExitStatus {
    /// It was looked at, and something is wrong.
    pub const DAMAGED: Self = Self::Rejects;
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// What was asked for cannot be done. The sentence says why, and what to do instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

/// Does what was typed, unless `.env`, which is read before anything else, could not be.
#[must_use]
pub fn run(cli: &Cli, dot_env: Result<(), SettingsFault>) -> ExitStatus {
    match dot_env
        .map_err(anyhow::Error::from)
        .and_then(|()| attempt(cli))
    {
        Ok(status) => status,
        Err(error) => {
            let plain = Printer::new(cli.global.format, &crate::settings::log(&cli.global));
            let text = told(&error);
            if let Some(advice) = db::pooler_behind(&text) {
                plain.error(&format!("{text}\n  {advice}"));
                return ExitStatus::Refused;
            }
            plain.error(&text);
            judge(&error)
        }
    }
}

fn attempt(cli: &Cli) -> Result<ExitStatus> {
    if let Command::Watch(args) = &cli.command
        && let Some(name) = &args.user
    {
        user::become_user(name)?;
    }
    let settings = Settings::read(cli)?;
    logging::start(&settings.log)?;
    let printer = Printer::new(settings.format, &settings.log);
    match &cli.command {
        Command::Watch(args) => watch::run(args, &settings, &printer),
        Command::Load(args) => load::run(args, &settings, &printer),
        Command::Plan(args) => plan::run(args, &settings, &printer),
        Command::Undo(args) => undo::run(args, Turn::Undo, &settings, &printer),
        Command::Redo(args) => undo::run(args, Turn::Redo, &settings, &printer),
        Command::Takeover(args) => takeover::run(args, &settings, &printer),
        Command::Accept(args) => accept::run(args, &settings, &printer),
        Command::Migrate(args) => migrate::run(args, &settings, &printer),
        Command::Check(args) => check::run(args, &settings, &printer),
        Command::Status(args) => status::run(args, &settings, &printer),
        Command::Why(args) => why::run(args, &settings, &printer),
        Command::Rejects(command) => rejects::run(command, &settings, &printer),
        Command::Generate(args) => generate::run(args, &printer),
        Command::Demo => demo::run(&settings, &printer),
        Command::Server(command) => server::run(*command, &settings, &printer),
    }
}

/// The error and its causes, as one text: each cause on a line of its own, unless the line before
/// has told it.
fn told(error: &anyhow::Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !lines.last().is_some_and(|line| line.contains(&cause)) {
            lines.push(cause);
        }
    }
    lines.join("\n  because: ")
}

fn judge(error: &anyhow::Error) -> ExitStatus {
    if let Some(fault) = error.downcast_ref::<ConnectFault>() {
        return match fault.kind {
            FaultKind::Refuse => ExitStatus::Refused,
            FaultKind::Retry => ExitStatus::Fault,
        };
    }
    let is_denied = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<DbError>().is_some_and(db::is_denied)
    };
    if error.chain().any(is_denied) {
        return ExitStatus::Refused;
    }
    let contract = error.downcast_ref::<ContractFault>();
    if matches!(contract, Some(ContractFault::Catalog { .. })) {
        return ExitStatus::Fault;
    }
    let migration = error.downcast_ref::<MigrationFault>();
    if matches!(migration, Some(MigrationFault::Failed { .. })) {
        return ExitStatus::Fault;
    }
    let views = error.downcast_ref::<ViewsError>();
    let mendable = contract.is_some()
        || matches!(views, Some(ViewsError::NameTooLong { .. }))
        || error.is::<Refusal>()
        || error.is::<SettingsFault>()
        || error.is::<AccessFault>()
        || migration.is_some()
        || error.is::<FolderError>()
        || error.is::<Untrusted>()
        || error.is::<BadUrl>();
    if mendable {
        ExitStatus::Refused
    } else {
        ExitStatus::Fault
    }
}
