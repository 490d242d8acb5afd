//! `hayloft takeover TABLE`: shows what would be taken over, asks, and does it.

use anyhow::Result;
use chrono::{DateTime, TimeZone, Utc};
use serde::Serialize;

use super::load::AtTerminal;
use super::office::{self, Migrating};
use super::preview::{self, Preview};
use super::{ExitStatus, Refusal, confirm};
use crate::cli::{OutputFormat, TakeoverArgs, VersionEnd};
use crate::contract::TableName;
use crate::digits::grouped;
use crate::error::{LoadError, Verdict};
use crate::merge::sql::EndMeaning;
use crate::merge::{Plan, SourceNotes, SourceWish};
use crate::pipeline::{self, Desk, TakeoverOf};
use crate::printer::Printer;
use crate::settings::Settings;

pub(super) fn run(
    args: &TakeoverArgs,
    settings: &Settings,
    printer: &Printer,
) -> Result<ExitStatus> {
    let desk = office::desk(settings, printer, Migrating::Run)?;
    let table = TableName::new(args.table.as_str());
    if desk.contracts().get(&table).is_none() {
        return Err(Refusal(format!("`{table}` is not in hayloft.toml.")).into());
    }
    let source = source(args);
    let of = TakeoverOf {
        source: source.as_ref(),
        open_end: open_end(args),
    };
    let attendant = AtTerminal::new(printer, &args.table, 0);
    let (plan, notes) = match pipeline::plan_takeover(&desk, &table, of, args.rows, &attendant) {
        Ok(plan) => plan,
        Err(error) => return Ok(tell_failure(&error, printer)),
    };
    show(&plan, notes.as_ref(), &desk, printer);
    if !args.yes && !confirmed(&plan, &table, printer)? {
        return Ok(ExitStatus::Refused);
    }
    match pipeline::take_over(&desk, &table, of, &attendant) {
        Ok((entry, notes)) => {
            let load = entry.summary.load_id.unwrap_or_default();
            printer.turn("taken over", load, &entry);
            for sentence in notes.iter().flat_map(SourceNotes::sentences) {
                printer.say(&format!("  {sentence}"));
            }
            Ok(ExitStatus::Done)
        }
        Err(error) => Ok(tell_failure(&error, printer)),
    }
}

/// From when on an end is none. The rows have it as a local time or as an instant of UTC, and which of
/// them is nobody's question that far away: the earlier one is taken.
fn open_end(args: &TakeoverArgs) -> Option<DateTime<Utc>> {
    let instant = args.open_end?;
    let local = args.zone.from_local_datetime(&instant.naive_utc());
    let local = local.earliest().map(|local| local.to_utc());
    Some(local.map_or(instant, |local| local.min(instant)))
}

fn source(args: &TakeoverArgs) -> Option<SourceWish> {
    let (table, starts) = (args.from.clone()?, args.start.clone()?);
    Some(SourceWish {
        table,
        starts,
        ends: args.end.clone(),
        current: args.current.clone(),
        columns: args.columns.clone(),
        zone: args.zone,
        end_meaning: match args.end_is {
            VersionEnd::FirstAfter => EndMeaning::FirstAfter,
            VersionEnd::LastDay => EndMeaning::LastDay,
            VersionEnd::LastSecond => EndMeaning::LastSecond,
            VersionEnd::LastMicrosecond => EndMeaning::LastMicrosecond,
        },
    })
}

/// What would be taken over, and from which columns.
#[derive(Serialize)]
struct Taking<'a> {
    #[serde(flatten)]
    preview: Preview<'a>,
    /// Of rows of another table.
    source: Option<&'a SourceNotes>,
}

fn show(plan: &Plan, notes: Option<&SourceNotes>, desk: &Desk, printer: &Printer) {
    if printer.format() == OutputFormat::Json {
        return printer.json(&Taking {
            preview: Preview::of(plan, "taken over"),
            source: notes,
        });
    }
    let table = &plan.entry.summary.table;
    printer.out(&format!("Taking over would change `{table}`."));
    for sentence in notes.into_iter().flat_map(SourceNotes::sentences) {
        printer.out(&sentence);
    }
    if let Some(contract) = desk.contracts().get(table) {
        preview::tables(plan, contract, printer);
    }
}

fn confirmed(plan: &Plan, table: &TableName, printer: &Printer) -> Result<bool> {
    let statements = grouped(plan.entry.summary.rows.read);
    let question = format!("Take over `{table}` ({statements} statements)? [y/N] ");
    match confirm::ask(&question)? {
        Some(answer) if ["y", "yes"].contains(&answer.to_lowercase().as_str()) => return Ok(true),
        Some(_) => printer.say("nothing was changed"),
        None => printer.error(
            "Nothing was changed: there is nobody at the terminal to ask. Pass --yes to confirm.",
        ),
    }
    Ok(false)
}

fn tell_failure(error: &LoadError, printer: &Printer) -> ExitStatus {
    printer.error(&error.to_string());
    match error.verdict() {
        _ if error.is_of_the_settings() => ExitStatus::Refused,
        Verdict::Refuse | Verdict::Hold | Verdict::GiveBack => ExitStatus::Refused,
        Verdict::Retry | Verdict::Stop => ExitStatus::Fault,
    }
}
