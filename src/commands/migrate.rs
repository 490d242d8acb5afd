//! `hayloft migrate`: brings the database to the newest migration; with `--reset`, makes it anew.

use anyhow::Result;
use diesel::PgConnection;

use super::office::{self, Heard, Views, Way};
use super::{ExitStatus, Refusal, confirm};
use crate::cli::{MigrateArgs, OutputFormat};
use crate::contract::{Contract, Contracts, TableName};

use crate::merge::ledger::{self, contract::Taken};
use crate::merge::{MergeError, schema};
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
    if args.reset && !args.yes && !confirmed(&url.place(), printer)? {
        return Ok(ExitStatus::Refused);
    }
    let way = if args.reset {
        Way::FromNothing
    } else {
        Way::Onward
    };
    let office::Migrated {
        applied,
        blocked,
        views,
        news,
        ..
    } = office::migrate(&mut conn, &folder, way, settings, printer)?;
    let taken = take_from_now(&args.from_now, &mut conn, settings)?;
    match printer.format() {
        OutputFormat::Json => printer.json(&serde_json::json!({
            "applied": applied,
            "from_now": taken.iter().map(OfTable::json).collect::<Vec<_>>(),
        })),
        OutputFormat::Text if applied.is_empty() && taken.is_empty() => {
            printer.say("the database is up to date");
        }
        OutputFormat::Text => {
            for name in applied {
                printer.out(&format!("applied {name}"));
            }
            for one in taken {
                printer.out(&one.told());
            }
        }
    }
    if let Some(sentence) = blocked {
        printer.error(&sentence);
        return Ok(ExitStatus::Fault);
    }
    Ok(match (views, news) {
        (Views::Kept, Heard::All) => ExitStatus::Done,
        (Views::Lost, _) | (_, Heard::Some) => ExitStatus::Refused,
    })
}

/// A table, and what was taken of its contract.
struct OfTable {
    table: String,
    taken: Taken,
}

impl OfTable {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "table": self.table, "changes": self.differences() })
    }

    fn told(&self) -> String {
        let table = &self.table;
        match &self.taken {
            Taken::NothingLoaded => {
                format!("{table}: it was never loaded, so it takes any contract")
            }
            Taken::Same => format!("{table}: the contract is the one it was loaded under"),
            Taken::Changed(_) => format!(
                "{table}: taken for what comes from now on: {}",
                self.differences().join("; ")
            ),
        }
    }

    fn differences(&self) -> Vec<String> {
        match &self.taken {
            Taken::NothingLoaded | Taken::Same => Vec::new(),
            Taken::Changed(changed) => {
                let differences = changed.differences().iter();
                differences.map(ToString::to_string).collect()
            }
        }
    }
}

fn take_from_now(
    tables: &[String],
    conn: &mut PgConnection,
    settings: &Settings,
) -> Result<Vec<OfTable>> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(fault) = &settings.contract_fault {
        return Err(Refusal(fault.to_string()).into());
    }
    let contracts = Contracts::join_each(
        &settings.contract_file,
        &schema::follow(conn, &settings.contract_file)?.catalog,
    );
    tables
        .iter()
        .map(|table| {
            let contract = office::contract_of(&contracts, &TableName::new(table.as_str()))?;
            Ok(OfTable {
                table: table.clone(),
                taken: take_one(conn, &contracts, contract)?,
            })
        })
        .collect()
}

fn take_one(conn: &mut PgConnection, contracts: &Contracts, contract: &Contract) -> Result<Taken> {
    match ledger::contract::take_from_now(conn, contracts, contract) {
        Err(
            error @ (MergeError::OtherContract(_)
            | MergeError::OtherKeyColumns { .. }
            | MergeError::TableBusy { .. }),
        ) => Err(Refusal(error.to_string()).into()),
        other => Ok(other?),
    }
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
