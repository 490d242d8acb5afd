//! `hayloft server start|stop`: Hayloft's own Postgres.

use anyhow::{Result, bail};

use super::ExitStatus;
use super::office;
use crate::cli::{OutputFormat, ServerCommand};
use crate::db::Embedded;
use crate::db::embedded::Stop;
use crate::printer::Printer;
use crate::settings::{Database, Settings};

pub(super) fn run(
    command: ServerCommand,
    settings: &Settings,
    printer: &Printer,
) -> Result<ExitStatus> {
    let Database::Embedded { home } = &settings.database else {
        bail!("DATABASE_URL names a server that is not Hayloft's own, to start or to stop.");
    };
    match command {
        ServerCommand::Start => {
            let url = office::url(settings, printer)?;
            match printer.format() {
                OutputFormat::Text => printer.out(url.expose()),
                OutputFormat::Json => printer.json(&serde_json::json!({ "url": url.expose() })),
            }
        }
        ServerCommand::Stop => match Embedded::in_folder(home).stop()? {
            Stop::Stopped => printer.say("stopped"),
            Stop::WasNotRunning => printer.say("it was not running"),
        },
    }
    Ok(ExitStatus::Done)
}
