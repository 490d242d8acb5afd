//! `hayloft rejects`: looks at the rows that could not be used, writes them to a file to be
//! mended, and loads them again.

mod excel;
mod export;
mod fields;
mod list;
mod replay;

use anyhow::Result;
use diesel::PgConnection;

use super::{ExitStatus, Refusal, office};
use crate::cli::RejectsCommand;
use crate::contract::Contracts;
use crate::db::access::refuse_unless_ledger_is_open;
use crate::db::pool;
use crate::ledger::{
    self,
    loads::{self, Known},
};
use crate::printer::Printer;
use crate::settings::Settings;

pub(super) fn run(
    command: &RejectsCommand,
    settings: &Settings,
    printer: &Printer,
) -> Result<ExitStatus> {
    match command {
        RejectsCommand::List { load: None, .. } => {
            list::loads(&mut ledger(settings, printer)?, printer)
        }
        RejectsCommand::List {
            load: Some(load),
            originals,
        } => {
            let mut conn = ledger(settings, printer)?;
            let load = known(&mut conn, *load)?;
            list::findings(&mut conn, &load, list::Originals::when(*originals), printer)
        }
        RejectsCommand::Export {
            load,
            output,
            excel_safe,
        } => {
            let mut conn = ledger(settings, printer)?;
            let load = known(&mut conn, *load)?;
            let cells = Cells::when(*excel_safe);
            let contracts = Contracts::load_to_look(&mut conn, &settings.contract_file)?;
            let fields = fields::of(&mut conn, &load, &contracts)?;
            let rows = export::Rows { load, fields };
            export::run(&mut conn, &rows, output.as_deref(), cells, printer)
        }
        RejectsCommand::Replay {
            load,
            file,
            excel_safe,
        } => replay::run(*load, file, Cells::when(*excel_safe), settings, printer),
    }
}

/// How cells are written that a spreadsheet would take for formulas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cells {
    /// As they came.
    Plain,
    /// With an apostrophe in front.
    ExcelSafe,
}

impl Cells {
    fn when(excel_safe: bool) -> Self {
        if excel_safe {
            Self::ExcelSafe
        } else {
            Self::Plain
        }
    }
}

/// A connection to a database that has a ledger.
fn ledger(settings: &Settings, printer: &Printer) -> Result<PgConnection> {
    let mut conn = pool::connect_to_look(&office::url(settings, printer)?)?;
    refuse_unless_ledger_is_open(&mut conn)?;
    if !ledger::exists(&mut conn)? {
        let sentence = "Nothing was ever loaded into this database: it has no ledger. \
                        `hayloft migrate` makes one.";
        return Err(Refusal(sentence.to_owned()).into());
    }
    Ok(conn)
}

fn known(conn: &mut PgConnection, load: i64) -> Result<Known> {
    let unknown = || {
        Refusal(format!(
            "There is no load {load}. `hayloft rejects list` names the loads that have rejects."
        ))
    };
    Ok(loads::find(conn, load)?.ok_or_else(unknown)?)
}
