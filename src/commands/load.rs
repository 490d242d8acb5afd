//! `hayloft load FILE…`: the same way as a dropped file's, for files anywhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;

use super::ExitStatus;
use super::office::{self, Migrating};
use crate::cli::LoadArgs;
use crate::contract::{Contracts, Redelivery, TableName};
use crate::error::{LoadError, Verdict};
use crate::pipeline::{self, Attendant, Desk, Outcome, Patience, Report, Wish};
use crate::printer::{Bar, Printer};
use crate::retire::Disposal;
use crate::settings::Settings;
use crate::stage::Progress;
use crate::summary::{Changes, Rows, Seconds, Status, Summary};
use crate::watch::{
    Arrival, Beside, Recognised, Unknown, absence, delivered_name, display_name, other_format,
};

/// A load by hand gives up after about half a minute: somebody is waiting at the terminal.
const MOST_ATTEMPTS: u32 = 8;

pub(super) fn run(args: &LoadArgs, settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    let desk = office::desk(settings, printer, Migrating::unless(args.no_migrate))?;
    let wish = Wish {
        disposal: (!args.retire).then_some(Disposal::Leave),
        redelivery: args.again.then_some(Redelivery::Always),
        ..Wish::CONTRACT
    };
    let table = args.table.as_deref();
    let (arrivals, mut worst) = arrivals(&args.files, table, Wanted::Load, &desk, printer);
    for arrival in arrivals {
        worst = worst.max(one(&desk, &arrival, &wish, printer));
    }
    Ok(worst)
}

/// What a person wants of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// That it is loaded.
    Load,
    /// To see what it would do.
    Plan,
}

impl Wanted {
    /// What is said of a file with which that does not go.
    fn failed(self) -> &'static str {
        match self {
            Self::Load => "was not loaded",
            Self::Plan => "cannot be planned",
        }
    }
}

/// The files that are for a table, dimensions before the facts that refer to them, whatever order
/// was typed. What is for none is told at once.
pub(super) fn arrivals(
    files: &[PathBuf],
    table: Option<&str>,
    wanted: Wanted,
    desk: &Desk,
    printer: &Printer,
) -> (Vec<Arrival>, ExitStatus) {
    let contracts = desk.contracts();
    let mut worst = ExitStatus::Done;
    let mut arrivals = Vec::new();
    for path in files {
        match arrival(path, table, wanted, &contracts) {
            Ok(arrival) => arrivals.push(arrival),
            Err(sentence) => {
                printer.error(&sentence);
                worst = worst.max(ExitStatus::Refused);
            }
        }
    }
    arrivals.sort_by_key(|arrival| rank(&contracts, arrival.table()));
    (arrivals, worst)
}

/// Loads one file and tells how it went.
pub(super) fn one(desk: &Desk, arrival: &Arrival, wish: &Wish, printer: &Printer) -> ExitStatus {
    let bytes = std::fs::metadata(arrival.path()).map_or(0, |metadata| metadata.len());
    let attendant = AtTerminal::new(printer, arrival.name(), bytes);
    let loaded = pipeline::load(desk, arrival, wish, &attendant);
    drop(attendant);
    match loaded {
        Ok(outcome) => tell(&outcome, printer),
        Err(error) => tell_failure(arrival, &error, Wanted::Load, printer),
    }
}

/// Tells how a file's way ended.
pub(super) fn tell(outcome: &Outcome, printer: &Printer) -> ExitStatus {
    let entry = outcome.entry();
    printer.load(entry);
    match outcome {
        Outcome::Done(entry) if entry.summary.rows.rejected > 0 => {
            if let Some(load_id) = entry.summary.load_id {
                printer.say(&format!(
                    "  `hayloft rejects list {load_id}` shows what was rejected."
                ));
            }
            ExitStatus::Rejects
        }
        Outcome::Done(_) => ExitStatus::Done,
        Outcome::Refused {
            entry,
            place,
            report,
        } => {
            let mut text = format!("`{}` was not loaded. {}", entry.summary.file, report.reason);
            match place {
                Some(place) => {
                    let place = display_name(place.as_os_str());
                    let _ = write!(text, "\n  It lies in {place}, with a report beside it.");
                }
                None => append_findings(&mut text, report),
            }
            printer.error(&text);
            ExitStatus::Refused
        }
    }
}

/// The first rows that are wrong, for a person who has no report to open.
fn append_findings(text: &mut String, report: &Report) {
    const MOST: usize = 10;
    for line in report.lines.iter().take(MOST) {
        let _ = write!(text, "\n  {line}");
    }
    if report.lines.len() > MOST {
        let _ = write!(text, "\n  … and {} more", report.lines.len() - MOST);
    }
}

/// Tells of a load that did not come to an end.
pub(super) fn tell_failure(
    arrival: &Arrival,
    error: &LoadError,
    wanted: Wanted,
    printer: &Printer,
) -> ExitStatus {
    let loaded = matches!(error, LoadError::Retire(_));
    if !loaded {
        printer.load_failed(
            &Summary {
                load_id: None,
                table: arrival.table().clone(),
                file: arrival.name().to_owned(),
                status: Status::Failed,
                rows: Rows::default(),
                changes: Changes::default(),
                seconds: Seconds::default(),
            },
            &error.to_string(),
        );
    }
    let what = if loaded { "is loaded" } else { wanted.failed() };
    printer.error(&format!("`{}` {what}. {error}", arrival.name()));
    match error.verdict() {
        _ if error.is_of_the_settings() => ExitStatus::Refused,
        Verdict::GiveBack | Verdict::Refuse | Verdict::Hold => ExitStatus::Refused,
        Verdict::Retry | Verdict::Stop => ExitStatus::Fault,
    }
}

fn arrival(
    path: &Path,
    table: Option<&str>,
    wanted: Wanted,
    contracts: &Contracts,
) -> Result<Arrival, String> {
    if let Err(error) = path.metadata() {
        let shown = display_name(path.as_os_str());
        let failed = wanted.failed();
        return Err(format!("`{shown}` {failed}. {}", absence(&error)));
    }
    let name = delivered_name(path);
    if table.is_some() && pipeline::routes(contracts).is_of_other_format(&name) {
        return Err(of_other_format(&display_name(&name), wanted));
    }
    let table = match table {
        Some(table) => TableName::new(table),
        None => named_for(path, wanted, contracts)?,
    };
    if let Some(fault) = contracts.fault_of(&table) {
        let (shown, failed) = (display_name(path.as_os_str()), wanted.failed());
        return Err(format!("`{shown}` {failed}. {fault}"));
    }
    if contracts.get(&table).is_none() {
        return Err(format!(
            "`{table}` is not a table of hayloft.toml. {}",
            known(contracts)
        ));
    }
    Arrival::in_place(path, table).map_err(|error| error.to_string())
}

fn of_other_format(shown: &str, wanted: Wanted) -> String {
    let mut why = other_format(shown);
    why.replace_range(..1, "O");
    format!("`{shown}` {}. {why}.", wanted.failed())
}

fn named_for(path: &Path, wanted: Wanted, contracts: &Contracts) -> Result<TableName, String> {
    let name = delivered_name(path);
    let shown = display_name(&name);
    let failed = wanted.failed();
    match pipeline::routes(contracts).recognise(&name) {
        Recognised::Delivery { table, .. } => Ok(table),
        Recognised::Unknown(Unknown::Format) => Err(of_other_format(&shown, wanted)),
        Recognised::Beside { what, .. } => {
            let what = match what {
                Beside::Effective => "says from when on the file beside it holds",
                Beside::Marker(_) => "says that the file beside it is complete",
            };
            Err(format!("`{shown}` {failed}. It {what}: name that one."))
        }
        Recognised::Unknown(_) | Recognised::Temporary => Err(format!(
            "`{shown}` {failed}. Its name does not say which table it is for: name it with \
             --table. {}",
            known(contracts)
        )),
    }
}

fn known(contracts: &Contracts) -> String {
    let names: Vec<String> = contracts
        .iter()
        .map(|contract| format!("`{}`", contract.name))
        .collect();
    format!("The tables are {}.", names.join(", "))
}

fn rank(contracts: &Contracts, table: &TableName) -> Option<usize> {
    contracts
        .iter()
        .position(|contract| contract.name == *table)
}

/// A person who sees a bar, and who does not wait for ever, unless it is for another load.
pub(super) struct AtTerminal<'a> {
    printer: &'a Printer,
    bar: Bar,
    file: &'a str,
}

impl Progress for AtTerminal<'_> {
    fn advanced(&self, bytes: u64) {
        self.bar.advanced(bytes);
    }

    fn all_read(&self, rows: u64) {
        self.bar.all_read(rows);
    }
}

impl<'a> AtTerminal<'a> {
    pub(super) fn new(printer: &'a Printer, file: &'a str, bytes: u64) -> Self {
        Self {
            printer,
            bar: printer.bar(file, bytes),
            file,
        }
    }

    fn tell(&self, error: &LoadError, attempt: u32) {
        if attempt == 2 {
            self.printer
                .warn(&format!("`{}` waits. {error}", self.file));
        }
    }
}

impl Attendant for AtTerminal<'_> {
    fn wait(&self, error: &LoadError, attempt: u32) -> Patience {
        if attempt >= MOST_ATTEMPTS {
            return Patience::GiveUp;
        }
        self.tell(error, attempt);
        thread::sleep(pipeline::pause(attempt));
        Patience::Again
    }

    fn wait_for_turn(&self, error: &LoadError, turn: u32) -> Patience {
        self.tell(error, turn);
        thread::sleep(pipeline::TURN);
        Patience::Again
    }
}
