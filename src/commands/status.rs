//! `hayloft status`: where the database is, what the tables hold, and how the last loads went.

use anyhow::Result;
use diesel::PgConnection;

use super::{ExitStatus, Refusal, office, told};
use crate::cli::{OutputFormat, StatusArgs};
use crate::contract::catalog::Catalog;
use crate::contract::{ContractFault, Contracts};
use crate::db::access::Need;
use crate::db::embedded::State;
use crate::db::{DatabaseUrl, Embedded, pool};
use crate::merge::ledger;
use crate::printer::{Printer, width};
use crate::settings::{Database, Settings};
use crate::status::{self, Question, Report, ServerKind, ServerState, text};

pub(super) fn run(args: &StatusArgs, settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    if let (Some(fault), false) = (&settings.contract_fault, office::has_database(settings)?) {
        // Most likely the wrong folder: looking around in it must not make a database there.
        return Err(Refusal(fault.to_string()).into());
    }
    let url = match whereabouts(settings)? {
        Whereabouts::At(url) => url,
        Whereabouts::NotRunning(state) => return Ok(without_server(state, settings, printer)),
    };
    let mut conn = pool::connect_to_look(&url)?;
    let report = ask(&mut conn, &url, settings)?;
    show(&report, printer);
    let judged = judge(&mut conn, &report, settings, printer)?;
    if args.check {
        Ok(judged.max(check(&report, printer)))
    } else {
        Ok(judged)
    }
}

fn show(report: &Report, printer: &Printer) {
    match printer.format() {
        OutputFormat::Json => printer.json(report),
        OutputFormat::Text => {
            for line in text::lines(report, width()) {
                printer.out(&line);
            }
        }
    }
}

/// Where the database is, if it is anywhere. Whoever only looks starts no server.
enum Whereabouts {
    At(DatabaseUrl),
    NotRunning(ServerState),
}

fn whereabouts(settings: &Settings) -> Result<Whereabouts> {
    let home = match &settings.database {
        Database::Given { url } => return Ok(Whereabouts::At(url.expose().parse()?)),
        Database::Embedded { home } => home,
    };
    Ok(match Embedded::in_folder(home).state()? {
        State::Running { url, .. } => Whereabouts::At(url),
        State::Stopped => Whereabouts::NotRunning(ServerState::Stopped),
        State::Absent => Whereabouts::NotRunning(ServerState::Absent),
    })
}

/// The folder can be looked at all the same.
fn without_server(state: ServerState, settings: &Settings, printer: &Printer) -> ExitStatus {
    let report = status::report_without_server(state, &question(settings, ""));
    show(&report, printer);
    printer.error(match state {
        ServerState::Absent => {
            "No DATABASE_URL is set, and no private Postgres server was made yet. `hayloft watch`, \
             `hayloft load` or `hayloft server start` makes one."
        }
        ServerState::Running | ServerState::Stopped => {
            "Hayloft's own Postgres is stopped. `hayloft server start` starts it, and so does each \
             command that loads."
        }
    });
    ExitStatus::Refused
}

/// Says what waits for a person.
fn check(report: &Report, printer: &Printer) -> ExitStatus {
    let waiting = report.waits_for_a_person();
    if waiting.is_empty() {
        return ExitStatus::Done;
    }
    printer.error(&format!("For a person to look at: {}.", waiting.join(", ")));
    ExitStatus::Rejects
}

fn ask(conn: &mut PgConnection, url: &DatabaseUrl, settings: &Settings) -> Result<Report> {
    let shown = match &settings.database {
        // A server that nobody but this user can reach; the URL is what they came for.
        Database::Embedded { .. } => url.expose().to_owned(),
        Database::Given { .. } => url.to_string(),
    };
    status::report(conn, &question(settings, &shown))
}

fn question<'a>(settings: &'a Settings, url: &'a str) -> Question<'a> {
    Question {
        kind: match &settings.database {
            Database::Embedded { .. } => ServerKind::Embedded,
            Database::Given { .. } => ServerKind::Given,
        },
        url,
        migrations: office::own_migrations(settings),
        file: &settings.contract_file,
        imports: &settings.watching.imports,
    }
}

/// Whether files could be loaded now. What stands in the way is said after everything else, and
/// is not said to be wrong with the tables where they are only not there yet.
fn judge(
    conn: &mut PgConnection,
    report: &Report,
    settings: &Settings,
    printer: &Printer,
) -> Result<ExitStatus> {
    if let Some(fault) = &settings.contract_fault {
        printer.error(&fault.to_string());
        return Ok(ExitStatus::Refused);
    }
    for sentence in &report.obstacles {
        printer.error(sentence);
    }
    if !report.pending_migrations.is_empty() || !report.obstacles.is_empty() {
        return Ok(ExitStatus::Refused);
    }
    let file = &settings.contract_file;
    // Whether this role could load them is not asked: it may be one that only reads.
    let catalog = Catalog::of(conn, file, Need::Look).map_err(ContractFault::from)?;
    let contracts = Contracts::join_each(file, &catalog);
    let waiting = judge_contracts(conn, &contracts, printer)?;
    match contracts.fault() {
        None => Ok(waiting),
        Some(fault) => {
            printer.error(&told(&fault.into()));
            Ok(ExitStatus::Refused)
        }
    }
}

/// Whether a table waits for a person's word about its contract.
fn judge_contracts(
    conn: &mut PgConnection,
    contracts: &Contracts,
    printer: &Printer,
) -> Result<ExitStatus> {
    let mut status = ExitStatus::Done;
    for contract in contracts.iter() {
        if let Some(changed) = ledger::contract::waiting(conn, contract)? {
            printer.error(&changed.to_string());
            status = ExitStatus::Refused;
        }
    }
    Ok(status)
}
