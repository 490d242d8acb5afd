//! `hayloft plan FILE…`: what files would do, each on the tables as they are now. Nothing is
//! written: no row, no migration, no file.

use anyhow::Result;
use diesel::PgConnection;

use super::load::{self, AtTerminal, Wanted};
use super::office::{self, Migrating};
use super::preview::{self, Preview};
use super::{ExitStatus, Refusal};
use crate::cli::{OutputFormat, PlanArgs};
use crate::contract::{Contract, Redelivery};
use crate::db::{migrations, pool};
use crate::ledger;
use crate::merge::Plan;
use crate::pipeline::{self, Desk, Forecast, Planned, Wish};
use crate::printer::{Printer, plan, width};
use crate::settings::Settings;
use crate::stage::Tally;
use crate::summary::{Changes, Status};
use crate::watch::Arrival;

/// The most rejected rows that people are shown.
const MOST_REJECTS: usize = 10;

pub(super) fn run(args: &PlanArgs, settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    refuse_without_tables(settings, printer)?;
    let desk = office::desk(settings, printer, Migrating::Leave)?;
    let wish = Wish {
        redelivery: args.again.then_some(Redelivery::Always),
        ..Wish::CONTRACT
    };
    let table = args.table.as_deref();
    let (arrivals, mut worst) = load::arrivals(&args.files, table, Wanted::Plan, &desk, printer);
    if arrivals.len() > 1 {
        printer.say(
            "Each file is planned on the tables as they are now, not on what the file before it \
             would make of them.",
        );
    }
    for arrival in &arrivals {
        worst = worst.max(one(&desk, arrival, &wish, args.rows, printer));
    }
    Ok(worst)
}

/// A plan makes neither a database nor a table.
fn refuse_without_tables(settings: &Settings, printer: &Printer) -> Result<()> {
    let missing = |what: &str| {
        Refusal(format!(
            "There is nothing to plan on: {what}. `hayloft migrate` makes it ready; a plan itself \
             writes nothing."
        ))
    };
    if !office::has_database(settings)? {
        return Err(missing("there is no database yet").into());
    }
    let mut conn: PgConnection = pool::connect_once(&office::url(settings, printer)?)?;
    // Asked first: asking for migrations makes Diesel's own table where there is none.
    if !ledger::exists(&mut conn)? {
        return Err(missing("the database has no ledger").into());
    }
    let own = office::own_migrations(settings);
    if !migrations::pending(&mut conn, Some(&own))?
        .shipped
        .is_empty()
    {
        return Err(missing("the database lacks a migration").into());
    }
    Ok(())
}

fn one(
    desk: &Desk,
    arrival: &Arrival,
    wish: &Wish,
    samples: usize,
    printer: &Printer,
) -> ExitStatus {
    let bytes = std::fs::metadata(arrival.path()).map_or(0, |metadata| metadata.len());
    let attendant = AtTerminal::new(printer, arrival.name(), bytes);
    let planned = pipeline::plan(desk, arrival, wish, samples, &attendant);
    drop(attendant);
    match planned {
        Ok(planned) => tell(&planned, arrival, desk, printer),
        Err(error) => load::tell_failure(arrival, &error, Wanted::Plan, printer),
    }
}

fn tell(planned: &Planned, arrival: &Arrival, desk: &Desk, printer: &Printer) -> ExitStatus {
    match &planned.forecast {
        Forecast::Merge(found) => {
            let contracts = desk.contracts();
            if let Some(contract) = contracts.get(arrival.table()) {
                tell_plan(planned, found, contract, printer);
            }
            exit_status(found)
        }
        Forecast::Refuse { reason, tally } => {
            tell_refusal(planned, arrival, reason, *tally, printer);
            ExitStatus::Refused
        }
    }
}

fn tell_plan(planned: &Planned, found: &Plan, contract: &Contract, printer: &Printer) {
    let (outcome, reason) = ending(found);
    if printer.format() == OutputFormat::Json {
        let mut preview = Preview::of(found, outcome).with_rejects(&planned.rejects);
        preview.reason = reason;
        return printer.json(&preview);
    }
    let summary = &found.entry.summary;
    let (file, table) = (&summary.file, &summary.table);
    printer.out(&match &reason {
        None => format!("`{file}` would be loaded into `{table}` ({}).", found.path),
        Some(reason) => format!("`{file}` would be {outcome}. {reason}"),
    });
    if summary.status != Status::Skipped {
        preview::tables(found, contract, printer);
        tell_rejects(planned, printer);
    }
}

/// The word for how a load would end, and why, where it would not be loaded.
fn ending(found: &Plan) -> (&'static str, Option<String>) {
    let entry = &found.entry;
    match (found.breach(), entry.summary.status) {
        (Some(breach), _) => (
            "held",
            Some(format!(
                "{breach} `hayloft accept` would load it all the same."
            )),
        ),
        (None, Status::Loaded) => ("loaded", None),
        (None, status) => (
            status.code(),
            Some(entry.reason.clone().unwrap_or_default()),
        ),
    }
}

fn exit_status(found: &Plan) -> ExitStatus {
    let summary = &found.entry.summary;
    if found.breach().is_some() || summary.status == Status::Failed {
        ExitStatus::Refused
    } else if summary.rows.rejected > 0 {
        ExitStatus::Rejects
    } else {
        ExitStatus::Done
    }
}

fn tell_refusal(
    planned: &Planned,
    arrival: &Arrival,
    reason: &str,
    tally: Option<Tally>,
    printer: &Printer,
) {
    if printer.format() == OutputFormat::Json {
        let tally = tally.unwrap_or_default();
        let preview = Preview {
            table: arrival.table().as_str(),
            file: arrival.name(),
            outcome: "refused",
            reason: Some(reason.to_owned()),
            path: None,
            rows: tally.into(),
            changes: Changes::default(),
            held_facts_released: 0,
            held_facts_refused: 0,
            added_columns: &[],
            close_guard: None,
            change_guard: None,
            samples: Vec::new(),
            rejects: Vec::new(),
        };
        return printer.json(&preview.with_rejects(&planned.rejects));
    }
    printer.out(&format!("`{}` would be refused. {reason}", arrival.name()));
    for line in tally.map_or_else(Vec::new, |tally| plan::counts_of_rows(tally, width())) {
        printer.out(&line);
    }
    tell_rejects(planned, printer);
}

fn tell_rejects(planned: &Planned, printer: &Printer) {
    if planned.rejects.is_empty() {
        return;
    }
    printer.out("");
    printer.out("rejected:");
    for line in planned.lines().take(MOST_REJECTS) {
        printer.out(&format!("  {line}"));
    }
    let more = (planned.rejects.len().saturating_sub(MOST_REJECTS)) as u64 + planned.left_out;
    if more > 0 {
        printer.out(&format!("  … and {more} more"));
    }
}
