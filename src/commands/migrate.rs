//! `hayloft migrate`: brings the database to the newest migration; with `--reset`, makes it anew.

use anyhow::Result;

use super::{ExitStatus, Refusal, confirm, office};
use crate::cli::{MigrateArgs, OutputFormat};
use crate::db::migrations;
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
    let applied = if args.reset {
        if !args.yes && !confirmed(&url.place(), printer)? {
            return Ok(ExitStatus::Refused);
        }
        migrations::reset(&mut conn, Some(&folder))?
    } else {
        migrations::migrate(&mut conn, Some(&folder))?
    };
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
    let question = format!(
        "This drops every table of Hayloft at {place}, with the whole history and the ledger.\n\
         There is no way back. Type `{CONFIRMATION}` to go on: "
    );
    match confirm::ask(&question)? {
        Some(answer) if answer == CONFIRMATION => return Ok(true),
        Some(_) => printer.say("nothing was dropped"),
        None => printer.error(
            "Nothing was dropped: --reset drops every table with all that is in it, and there is \
             nobody at the terminal to ask. Say --yes as well if that is meant.",
        ),
    }
    Ok(false)
}
