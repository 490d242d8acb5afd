//! `hayloft why`: why a key is as it is. What it prints are values of rows, and goes to stdout
//! alone.

use anyhow::Result;
use chrono::Utc;

use super::{ExitStatus, Refusal, office};
use crate::cli::{OutputFormat, WhyArgs};
use crate::contract::{Contract, Contracts, Kind, TableName};
use crate::db::pool;
use crate::history::why::{self, Depth, WhyFault, object::object};
use crate::printer::timeline::{self, View};
use crate::printer::{Printer, width};
use crate::settings::Settings;

pub(super) fn run(args: &WhyArgs, settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    if !office::has_database(settings)? {
        let sentence = "Nothing was ever loaded here: there is no database yet. `hayloft load` \
                        makes one.";
        return Err(Refusal(sentence.to_owned()).into());
    }
    let mut conn = pool::connect_to_look(&office::url(settings, printer)?)?;
    office::vouch_for_ledger(&mut conn, settings)?;
    let contracts = Contracts::load_to_look(&mut conn, &settings.contract_file)?;
    let contract = contract(&contracts, args)?;
    office::vouch_for_labels(contract)?;
    let depth = Depth::when(args.all);
    let keys = office::keys(settings);
    let answer = why::ask(&mut conn, contract, &keys, &args.key, depth).map_err(refusal)?;
    let depth = answer.depth(depth);
    match printer.format() {
        OutputFormat::Json => printer.json(&object(&answer, args.at, depth)),
        OutputFormat::Text => {
            let view = View {
                at: args.at,
                depth,
                now: Utc::now(),
                width: width(),
            };
            printer.drawing(&timeline::lines(&answer, &view));
        }
    }
    Ok(ExitStatus::Done)
}

fn contract<'c>(contracts: &'c Contracts, args: &WhyArgs) -> Result<&'c Contract, Refusal> {
    let table = &args.table;
    let name = TableName::new(table.clone());
    if let Some(fault) = contracts.fault_of(&name) {
        return Err(Refusal(fault.to_string()));
    }
    let contract = contracts.get(&name).ok_or_else(|| {
        let names: Vec<String> = contracts
            .iter()
            .map(|contract| format!("`{}`", contract.name))
            .collect();
        Refusal(format!(
            "hayloft.toml has no table of that name. It has {}.",
            names.join(", ")
        ))
    })?;
    if args.at.is_some() && matches!(contract.kind, Kind::Fact { .. }) {
        return Err(Refusal(format!(
            "`{table}` holds facts, which have one row and no versions: leave out --at."
        )));
    }
    Ok(contract)
}

/// What a person has typed wrongly is refused; what the database did stays a fault.
fn refusal(fault: WhyFault) -> anyhow::Error {
    match fault {
        WhyFault::Key(_) | WhyFault::OtherSecret { .. } | WhyFault::Unknown { .. } => {
            Refusal(fault.to_string()).into()
        }
        WhyFault::Database(_) => fault.into(),
    }
}
