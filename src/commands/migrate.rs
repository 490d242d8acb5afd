//! `hayloft migrate`: brings the database to the newest migration; with `--reset`, makes it anew.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result};

use super::office::{self, Way};
use super::{ExitStatus, Refusal};
use crate::cli::{MigrateArgs, OutputFormat};
use crate::printer::Printer;
use crate::settings::Settings;

/// What has to be typed before everything is dropped.
const CONFIRMATION: &str = "drop everything";

pub(super) fn run(
    args: &MigrateArgs,
    settings: &Settings,
    printer: &Printer,
) -> Result<ExitStatus> {
    let url = office::url(settings, printer)?;
    let folder = args
        .migrations
        .clone()
        .unwrap_or_else(|| office::own_migrations(settings));
    if let Some(missing) = args.migrations.as_ref().filter(|folder| !folder.is_dir()) {
        let sentence = format!("The folder {} does not exist.", missing.display());
        return Err(Refusal(sentence).into());
    }
    let mut conn = crate::db::pool::connect_once(&url)?;
    if args.reset && !args.yes && !confirmed(&url.place(), printer)? {
        return Ok(ExitStatus::Refused);
    }
    let way = if args.reset {
        Way::FromNothing
    } else {
        Way::Onward
    };
    let applied = office::migrate(&mut conn, &folder, way, settings, printer)?;
    match printer.format() {
        OutputFormat::Json => printer.json(&serde_json::json!({ "applied": applied })),
        OutputFormat::Text if applied.is_empty() => printer.say("the database is up to date"),
        OutputFormat::Text => {
            for name in applied {
                printer.out(&format!("applied {name}"));
            }
        }
    }
    Ok(ExitStatus::Done)
}

/// Asks at a terminal, and nowhere else: a script that means it says so with `--yes`.
fn confirmed(place: &str, printer: &Printer) -> Result<bool> {
    if !io::stdin().is_terminal() {
        printer.error(
            "Nothing was dropped: --reset drops every table with all that is in it, and there is \
             nobody at the terminal to ask. Say --yes as well if that is meant.",
        );
        return Ok(false);
    }
    let _ = write!(
        io::stderr(),
        "This drops every table of Hayloft at {place}, with the whole history and the ledger.\n\
         There is no way back. Type `{CONFIRMATION}` to go on: "
    );
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("The answer cannot be read.")?;
    if answer.trim() == CONFIRMATION {
        return Ok(true);
    }
    printer.say("nothing was dropped");
    Ok(false)
}
