//! `hayloft undo LOAD` and `hayloft redo LOAD`: shows what would change, asks, and does it.

use anyhow::Result;

use super::load::AtTerminal;
use super::office::{self, Migrating};
use super::preview::{self, Preview};
use super::{ExitStatus, Refusal, confirm};
use crate::cli::{OutputFormat, TurnArgs};
use crate::contract::{Contracts, TableName};
use crate::digits::grouped;
use crate::error::{LoadError, Verdict};
use crate::ledger::loads::{self, Known};
use crate::merge::{Plan, Turn};
use crate::pipeline::{self, Desk};
use crate::printer::Printer;
use crate::settings::Settings;

pub(super) fn run(
    args: &TurnArgs,
    turn: Turn,
    settings: &Settings,
    printer: &Printer,
) -> Result<ExitStatus> {
    let desk = office::desk(settings, printer, Migrating::Run)?;
    let load = known(&desk, args.load)?;
    let table = table_of(&load, &desk.contracts())?;
    let attendant = AtTerminal::new(printer, &load.file, 0);
    let which = (&table, args.load);
    let planned = pipeline::plan_turn(&desk, which, turn, args.rows, &attendant);
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => return Ok(tell_failure(turn, &load, &error, printer)),
    };
    show(&plan, turn, &load, &desk, printer);
    if !args.yes && !confirmed(turn, &load, printer)? {
        return Ok(ExitStatus::Refused);
    }
    match pipeline::turn(&desk, which, turn, &attendant) {
        Ok(entry) => {
            printer.turn(done(turn), args.load, &entry);
            Ok(ExitStatus::Done)
        }
        Err(error) => Ok(tell_failure(turn, &load, &error, printer)),
    }
}

fn known(desk: &Desk, load: i64) -> Result<Known> {
    let unknown = || {
        Refusal(format!(
            "There is no load {load}. `hayloft status` shows the last loads."
        ))
    };
    Ok(loads::find(&mut *desk.database.get()?, load)?.ok_or_else(unknown)?)
}

fn table_of(load: &Known, contracts: &Contracts) -> Result<TableName, Refusal> {
    let table = TableName::new(load.table.clone());
    if contracts.get(&table).is_some() {
        return Ok(table);
    }
    if let Some(fault) = contracts.fault_of(&table) {
        return Err(Refusal(fault.to_string()));
    }
    Err(Refusal(format!(
        "Load {} was of table `{table}`, which hayloft.toml no longer names.",
        load.load_id
    )))
}

fn show(plan: &Plan, turn: Turn, load: &Known, desk: &Desk, printer: &Printer) {
    if printer.format() == OutputFormat::Json {
        return printer.json(&Preview::of(plan, done(turn)));
    }
    let verb = match turn {
        Turn::Undo => "Undoing",
        Turn::Redo => "Redoing",
    };
    printer.out(&format!(
        "{verb} load {} would change `{}`.",
        load.load_id, load.table
    ));
    let contracts = desk.contracts();
    if let Some(contract) = contracts.get(&plan.entry.summary.table) {
        preview::tables(plan, contract, printer);
    }
}

fn confirmed(turn: Turn, load: &Known, printer: &Printer) -> Result<bool> {
    match confirm::ask(&question(turn, load))? {
        Some(answer) if ["y", "yes"].contains(&answer.to_lowercase().as_str()) => return Ok(true),
        Some(_) => printer.say("nothing was changed"),
        None => printer.error(
            "Nothing was changed: there is nobody at the terminal to ask. Say --yes if it is meant.",
        ),
    }
    Ok(false)
}

/// `Undo load 7 (users.csv, 1,204 rows)? [y/N]`
fn question(turn: Turn, load: &Known) -> String {
    let verb = match turn {
        Turn::Undo => "Undo",
        Turn::Redo => "Redo",
    };
    let rows = grouped(u64::try_from(load.read).unwrap_or_default());
    let unit = if load.read == 1 { "row" } else { "rows" };
    format!(
        "{verb} load {} ({}, {rows} {unit})? [y/N] ",
        load.load_id, load.file
    )
}

fn tell_failure(turn: Turn, load: &Known, error: &LoadError, printer: &Printer) -> ExitStatus {
    let done = done(turn);
    printer.error(&format!("Load {} was not {done}. {error}", load.load_id));
    match error.verdict() {
        _ if error.is_of_the_settings() => ExitStatus::Refused,
        Verdict::Refuse | Verdict::Hold | Verdict::GiveBack => ExitStatus::Refused,
        Verdict::Retry | Verdict::Stop => ExitStatus::Fault,
    }
}

/// What has been done then.
fn done(turn: Turn) -> &'static str {
    match turn {
        Turn::Undo => "undone",
        Turn::Redo => "redone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::Status;

    #[test]
    fn the_question_names_the_file_and_how_much_it_was() {
        let load = Known {
            load_id: 7,
            table: "users".into(),
            file: "users.csv".into(),
            status: Status::Loaded,
            header: None,
            columns: None,
            read: 1204,
            effective_at: None,
        };
        assert_eq!(
            question(Turn::Undo, &load),
            "Undo load 7 (users.csv, 1,204 rows)? [y/N] "
        );
    }
}
