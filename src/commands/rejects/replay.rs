//! `hayloft rejects replay`: loads mended rows as if they had been right from the start.
//!
//! It is a load like any other, but its instant is that of the load that rejected the rows. So
//! they take their old place in time, and what the table has newer news of is not overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use tempfile::TempDir;

use super::export::below_header;
use super::fields::{self, Fields};
use super::{Cells, excel, known};
use crate::commands::office::{self, Migrating};
use crate::commands::{ExitStatus, Refusal, load};
use crate::contract::{Contracts, TableName};
use crate::ledger::loads::Known;
use crate::ledger::rejects::{self, Standing};
use crate::merge::Instant;
use crate::pipeline::Wish;
use crate::printer::Printer;
use crate::retire::Disposal;
use crate::settings::Settings;
use crate::summary::Status;
use crate::watch::{Arrival, display_name};

pub(super) fn run(
    load_id: i64,
    file: &Path,
    cells: Cells,
    settings: &Settings,
    printer: &Printer,
) -> Result<ExitStatus> {
    let desk = office::desk(settings, printer, Migrating::Run)?;
    let parent = known(&mut *desk.database.get()?, load_id)?;
    let at = instant_of(&parent)?;
    let table = table_of(&parent, &desk.contracts())?;
    let standing = rejects::standing(&mut *desk.database.get()?, load_id)?;
    if let Some(sentence) = nothing_to_mend(load_id, standing) {
        return Err(Refusal(sentence).into());
    }
    if cells == Cells::Plain {
        let rows = rejects::originals(&mut *desk.database.get()?, load_id)?;
        refuse_guarded(file, &below_header(None, &rows))?;
    }
    let unguarded = Unguarded::of(file, cells)?;
    let fields = fields::of(&mut *desk.database.get()?, &parent, &desk.contracts())?;
    refuse_names_of_then(&parent, &fields, unguarded.path(file))?;
    let arrival = Arrival::in_place(unguarded.path(file), table)
        .map_err(|error| Refusal(error.to_string()))?;
    let wish = Wish {
        // The person's own file, which they may want to look at again.
        disposal: Some(Disposal::Leave),
        instant: Some(Instant::OfParent { load_id, at }),
        ..Wish::CONTRACT
    };
    let status = load::one(&desk, &arrival, &wish, printer);
    let open = rejects::originals(&mut *desk.database.get()?, load_id)?.len();
    if status <= ExitStatus::Rejects && open > 0 {
        printer.say(&format!(
            "  The file has fewer rows than load {load_id} rejected, so all {open} stay open."
        ));
    }
    Ok(status)
}

/// Once columns were renamed, a name may be that of another column than it was when the rows were
/// exported. Only the header that an export writes now is known to mean what it says.
fn refuse_names_of_then(parent: &Known, fields: &Fields, file: &Path) -> Result<()> {
    let Some(wanted) = fields.wanted() else {
        return Ok(());
    };
    // What cannot be read is told when it is loaded.
    let Some(names) = fields::names(&fs::read(file).unwrap_or_default()) else {
        return Ok(());
    };
    let is_same = |(one, other): (&String, &&str)| one.to_lowercase() == other.to_lowercase();
    if names.len() == wanted.len() && names.iter().zip(&wanted).all(is_same) {
        return Ok(());
    }
    let number = parent.load_id;
    let wanted = display_name(wanted.join(",").as_ref());
    Err(Refusal(format!(
        "Nothing was loaded: since load {number}, columns were renamed or dropped, and the file does not \
         have the header that `hayloft rejects export {number}` writes now: {wanted}. A file that was \
         exported earlier may call other columns by these names. Export the rows again, and correct those."
    ))
    .into())
}

/// A file that was exported for a spreadsheet would be loaded with the apostrophes. Where the rows had
/// such of their own, it cannot be told from another.
fn refuse_guarded(file: &Path, originals: &[u8]) -> Result<()> {
    if excel::first_guard(originals).is_some() {
        return Ok(());
    }
    // What cannot be read is told when it is loaded.
    let csv = fs::read(file).unwrap_or_default();
    let Some(line) = excel::first_guard(&csv) else {
        return Ok(());
    };
    let name = display_name(file.as_os_str());
    Err(Refusal(format!(
        "`{name}` was not loaded. On line {line} a cell has an apostrophe before what a spreadsheet \
         takes for a formula, and no rejected row had that. If the file is an export with \
         --excel-safe, replay it with --excel-safe, which takes the apostrophes off; if not, take them \
         off."
    ))
    .into())
}

/// The rows as they were before an export for a spreadsheet: in a file of the same name, in a folder
/// that is gone once they are loaded.
struct Unguarded(Option<(TempDir, PathBuf)>);

impl Unguarded {
    fn of(file: &Path, cells: Cells) -> Result<Self> {
        let (Cells::ExcelSafe, Some(name)) = (cells, file.file_name()) else {
            return Ok(Self(None));
        };
        let Ok(csv) = fs::read(file) else {
            return Ok(Self(None));
        };
        let folder =
            tempfile::tempdir().context("No folder can be made for the corrected rows.")?;
        let path = folder.path().join(name);
        fs::write(&path, excel::unguarded(&csv))
            .context("The corrected rows cannot be written to a folder of their own.")?;
        Ok(Self(Some((folder, path))))
    }

    fn path<'p>(&'p self, file: &'p Path) -> &'p Path {
        self.0.as_ref().map_or(file, |(_, path)| path)
    }
}

fn instant_of(parent: &Known) -> Result<DateTime<Utc>, Refusal> {
    let number = parent.load_id;
    if parent.status == Status::Undone {
        return Err(Refusal(format!(
            "Load {number} is undone, so mended rows of it would stand alone. `hayloft redo \
             {number}` puts it in again; then replay them."
        )));
    }
    parent.effective_at.ok_or_else(|| {
        Refusal(match parent.status {
            Status::Skipped => format!(
                "Load {number} was skipped, as its file had been loaded before: it rejected \
                 nothing."
            ),
            Status::Loaded => format!(
                "Load {number} is an undo or a redo, and rejected nothing. Name the load that it was \
                 about."
            ),
            _ => format!(
                "Load {number} was refused as a whole, so none of its rows have a place to take: \
                 load the mended file as usual."
            ),
        })
    })
}

/// Why no row of the load is to be put in, if none is. Where the load of the mended rows was undone,
/// they are to be put in again, although the rejects were noted as done.
fn nothing_to_mend(load: i64, standing: Standing) -> Option<String> {
    match standing {
        Standing { open: 1.., .. } => None,
        Standing {
            replayed: 1..,
            replay: Some(replay),
            ..
        } => Some(format!(
            "What load {load} rejected was put in already, last by load {replay}. If that was \
             wrong, `hayloft undo {replay}` takes it out; then replay it again. What load {replay} \
             rejected in its turn is replayed under its own number."
        )),
        Standing { replayed: 1.., .. } => None,
        _ => Some(format!(
            "Load {load} rejected nothing, so there is no place to take. Load the file as usual, or \
             find the load that is meant with `hayloft rejects list`."
        )),
    }
}

fn table_of(parent: &Known, contracts: &Contracts) -> Result<TableName, Refusal> {
    let table = TableName::new(parent.table.clone());
    if contracts.get(&table).is_some() {
        return Ok(table);
    }
    Err(Refusal(format!(
        "Load {} was of table `{table}`, which hayloft.toml no longer names.",
        parent.load_id
    )))
}

#[cfg(test)]
mod tests {
    use super::{Known, Status, instant_of};

    #[test]
    fn only_a_load_that_was_loaded_can_have_rows_replayed() {
        let load = |status: Status, effective_at: Option<&str>| Known {
            load_id: 7,
            table: "users".into(),
            file: "users.csv".into(),
            status,
            header: None,
            columns: None,
            read: 3,
            effective_at: effective_at.map(|at| at.parse().unwrap()),
        };
        assert!(instant_of(&load(Status::Loaded, Some("2026-11-21T10:00:00Z"))).is_ok());
        let undone = instant_of(&load(Status::Undone, Some("2026-11-21T10:00:00Z"))).unwrap_err();
        assert!(undone.to_string().contains("hayloft redo 7"));
        for (status, part) in [
            (Status::Skipped, "was skipped"),
            (Status::Failed, "refused as a whole"),
            (Status::Loaded, "is an undo or a redo"),
        ] {
            let refusal = instant_of(&load(status, None)).unwrap_err().to_string();
            assert!(refusal.contains(part), "{refusal}");
        }
    }
}
