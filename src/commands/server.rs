//! `hayloft server start|stop`: Hayloft's own Postgres.

use anyhow::Result;

use super::office;
use super::{ExitStatus, Refusal};
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
        let sentence = "DATABASE_URL names a database, perhaps in .env. Only Hayloft's own server \
                        can be started and stopped here: unset the variable to use that.";
        return Err(Refusal(sentence.to_owned()).into());
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
