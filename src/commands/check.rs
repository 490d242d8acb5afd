//! `hayloft check`: whether the history and the ledger are sound; a line a table.

mod values;

use anyhow::Result;
use diesel::PgConnection;
use serde::Serialize;

use super::{ExitStatus, Refusal, office};
use crate::cli::{CheckArgs, OutputFormat};
use crate::contract::{Contract, Contracts, TableName};
use crate::db::pool;
use crate::digits::grouped;
use crate::history::check::{self, Examined};
use crate::merge::{self, Proof, Telling};
use crate::printer::columns::{Columns, Side};
use crate::printer::{Printer, width};
use crate::settings::Settings;
use crate::stage::Progress as _;
use crate::stage::key::KeyScheme;

pub(super) fn run(args: &CheckArgs, settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    if !office::has_database(settings)? {
        let sentence = "There is no database here yet: nothing was loaded.";
        return Err(Refusal(sentence.into()).into());
    }
    let mut conn = pool::connect_to_look(&office::url(settings, printer)?)?;
    office::vouch_for_ledger(&mut conn, settings)?;
    let contracts = Contracts::load_to_look(&mut conn, &settings.contract_file)?;
    let named = named(&contracts, &args.tables)?;
    let keys = office::keys(settings);
    let checked = check::as_of_now(&mut conn, |conn| -> Result<Vec<Checked>> {
        let tables = named.iter();
        tables
            .map(|contract| look_at(conn, contract, args, &keys, printer))
            .collect()
    })?;
    match printer.format() {
        OutputFormat::Json => checked.iter().for_each(|table| printer.json(table)),
        OutputFormat::Text => {
            tell(&checked, printer);
            for proof in checked.iter().filter_map(|table| table.values.as_ref()) {
                values::tell(proof, printer);
            }
        }
    }
    if let (Some(fault), true) = (contracts.fault(), args.tables.is_empty()) {
        printer.error(&fault.to_string());
        return Ok(ExitStatus::Refused);
    }
    Ok(if checked.iter().all(|table| table.examined.sound) {
        ExitStatus::Done
    } else {
        ExitStatus::DAMAGED
    })
}

/// A table that was looked at.
#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    examined: Examined,
    /// Whether its values are what the files said, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Proof>,
}

fn look_at(
    conn: &mut PgConnection,
    contract: &Contract,
    args: &CheckArgs,
    keys: &KeyScheme,
    printer: &Printer,
) -> Result<Checked> {
    let mut examined = check::examine_table(conn, contract)?;
    let values = if args.values {
        office::vouch_for_labels(contract)?;
        let telling = if args.show_values {
            Telling::Values
        } else {
            Telling::Places
        };
        let rows = u64::try_from(examined.rows).unwrap_or(0);
        let bar = printer.rows_bar(contract.name.as_str(), rows);
        let advance = |rows| bar.advanced(rows);
        Some(merge::prove(conn, contract, keys, telling, &advance)?)
    } else {
        None
    };
    examined.sound &= values.as_ref().is_none_or(Proof::holds);
    Ok(Checked { examined, values })
}

/// The tables that were named, or all.
fn named<'c>(contracts: &'c Contracts, names: &[String]) -> Result<Vec<&'c Contract>> {
    if names.is_empty() {
        return Ok(contracts.iter().collect());
    }
    names
        .iter()
        .map(|name| office::contract_of(contracts, &TableName::new(name.as_str())))
        .collect()
}

fn tell(checked: &[Checked], printer: &Printer) {
    let mut table = Columns::new(&[
        ("table", Side::Left),
        ("rows", Side::Right),
        ("keys", Side::Right),
        ("verdict", Side::Left),
    ]);
    let examined = || checked.iter().map(|table| &table.examined);
    for one in examined() {
        table.row([
            one.table.to_string(),
            count(one.rows),
            count(one.keys),
            if one.sound { "sound" } else { "damaged" }.to_owned(),
        ]);
    }
    for line in table.lines(width()) {
        printer.out(&line);
    }
    for one in examined() {
        for fault in &one.faults {
            printer.out("");
            printer.out(&format!("{}: {}", one.table, fault.sentence));
            printer.out(&format!("  {}", fault.examples.join("\n  ")));
            let examples = i64::try_from(fault.examples.len()).unwrap_or(i64::MAX);
            if fault.count > examples {
                printer.out(&format!("  and {} more", count(fault.count - examples)));
            }
            printer.out(&format!("  {}", fault.mend));
        }
    }
}

fn count(number: i64) -> String {
    grouped(u64::try_from(number).unwrap_or(0))
}
