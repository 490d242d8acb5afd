//! `hayloft accept-closes FILE`: loads a snapshot although it closes more keys than its table's
//! guards allow, once. The ledger notes who said that it is right.

use std::fs;

use anyhow::Result;

use super::load::{self, Wanted};
use super::office::{self, Migrating};
use super::{ExitStatus, Refusal};
use crate::cli::AcceptClosesArgs;
use crate::contract::{Contracts, Kind, Mode};
use crate::merge::Closes;
use crate::pipeline::Wish;
use crate::printer::Printer;
use crate::retire::Disposal;
use crate::settings::Settings;
use crate::watch::Arrival;

pub(super) fn run(
    args: &AcceptClosesArgs,
    settings: &Settings,
    printer: &Printer,
) -> Result<ExitStatus> {
    let desk = office::desk(settings, printer, Migrating::Run)?;
    let files = std::slice::from_ref(&args.file);
    let table = args.table.as_deref();
    let (arrivals, mut worst) = load::arrivals(files, table, Wanted::Load, &desk, printer);
    let contracts = desk.contracts();
    for arrival in &arrivals {
        refuse_without_closes(arrival, &contracts)?;
    }
    let wish = Wish {
        // A person's own file stays, as with `hayloft load`.
        disposal: (!desk.shelves.has_held(&args.file)).then_some(Disposal::Leave),
        closes: Closes::Accepted { by: who() },
        ..Wish::CONTRACT
    };
    for arrival in arrivals {
        worst = worst.max(load::one(&desk, &arrival, &wish, printer));
    }
    Ok(worst)
}

/// Only who is missing in a snapshot is closed by that.
fn refuse_without_closes(arrival: &Arrival, contracts: &Contracts) -> Result<(), Refusal> {
    let is_snapshot = contracts.get(arrival.table()).is_some_and(|contract| {
        matches!(&contract.kind, Kind::Dimension { history, .. } if history.mode == Mode::Snapshot)
    });
    if is_snapshot {
        return Ok(());
    }
    let (name, table) = (arrival.name(), arrival.table());
    Err(Refusal(format!(
        "`{name}` was not loaded. The files of `{table}` are not snapshots, so no key is closed for \
         being absent from one, and there is nothing to accept. `hayloft load` loads it."
    )))
}

/// The user of the operating system: by name, or by number where the machine's own list does not
/// have them.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&users, uid).unwrap_or_else(|| format!("uid {uid}"))
}

fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_user_is_named_as_the_machine_names_them() {
        let users = "root:x:0:0::/:\nhalf:x\nann:x:1000:100:Ann:/home/ann:/bin/sh\n";
        assert_eq!(name_of(users, 1000).as_deref(), Some("ann"));
        assert_eq!(name_of(users, 100), None);
    }
}
