//! `hayloft accept FILE`: loads a file once although it closes or changes more keys than its table's
//! guards allow. The ledger notes who said that it is right.

use std::fs;

use anyhow::Result;

use super::ExitStatus;
use super::load::{self, Wanted};
use super::office::{self, Migrating};
use crate::cli::AcceptArgs;
use crate::merge::Consent;
use crate::pipeline::Wish;
use crate::printer::Printer;
use crate::retire::Disposal;
use crate::settings::Settings;

pub(super) fn run(args: &AcceptArgs, settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    let desk = office::desk(settings, printer, Migrating::Run)?;
    let files = std::slice::from_ref(&args.file);
    let table = args.table.as_deref();
    let (arrivals, mut worst) = load::arrivals(files, table, Wanted::Load, &desk, printer);
    let wish = Wish {
        // A person's own file stays, as with `hayloft load`.
        disposal: (!desk.shelves.has_held(&args.file)).then_some(Disposal::Leave),
        consent: Consent::Given { by: who() },
        ..Wish::CONTRACT
    };
    for arrival in arrivals {
        worst = worst.max(load::one(&desk, &arrival, &wish, printer));
    }
    Ok(worst)
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
