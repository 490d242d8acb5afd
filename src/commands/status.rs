//! `hayloft status`: where the database is, what the tables hold, and how the last loads went.

use anyhow::Result;
use diesel::PgConnection;

use super::{ExitStatus, Refusal, office, told};
use crate::cli::OutputFormat;
use crate::contract::catalog::Catalog;
use crate::contract::{ContractFault, Contracts};
use crate::db::access::Need;
use crate::db::{DatabaseUrl, pool};
use crate::merge::ledger;
use crate::printer::{Printer, width};
use crate::settings::{Database, Settings};
use crate::status::{self, Question, Report, ServerKind, text};

pub(super) fn run(settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    if let (Some(fault), false) = (&settings.contract_fault, office::has_database(settings)?) {
        // Most likely the wrong folder: looking around in it must not make a database there.
        return Err(Refusal(fault.to_string()).into());
    }
    let url = office::url(settings, printer)?;
    let mut conn = pool::connect_to_look(&url)?;
    let report = ask(&mut conn, &url, settings)?;
    match printer.format() {
        OutputFormat::Json => printer.json(&report),
        OutputFormat::Text => {
            for line in text::lines(&report, width()) {
                printer.out(&line);
            }
        }
    }
    judge(&mut conn, &report, settings, printer)
}

fn ask(conn: &mut PgConnection, url: &DatabaseUrl, settings: &Settings) -> Result<Report> {
    let (kind, shown) = match &settings.database {
        // A server that nobody but this user can reach; the URL is what they came for.
        Database::Embedded { .. } => (ServerKind::Embedded, url.expose().to_owned()),
        Database::Given { .. } => (ServerKind::Given, url.to_string()),
    };
    let question = Question {
        kind,
        url: &shown,
        migrations: &office::own_migrations(settings),
        tables: &settings.contract_file.tables,
        imports: &settings.watching.imports,
    };
    status::report(conn, &question)
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
