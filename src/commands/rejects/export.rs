//! `hayloft rejects export`: the rejected rows as they came, below their header, ready to be
//! mended and loaded again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use diesel::PgConnection;

use super::fields::{self, Field, Fields};
use super::{Cells, excel};
use crate::commands::{ExitStatus, Refusal};
use crate::ledger::loads::Known;
use crate::ledger::rejects::{self, Original};
use crate::printer::Printer;
use crate::summary::Status;
use crate::watch::display_name;

/// The rows of which load, and what their fields are called.
pub(super) struct Rows {
    pub(super) load: Known,
    pub(super) fields: Fields,
}

pub(super) fn run(
    conn: &mut PgConnection,
    of: &Rows,
    output: Option<&Path>,
    cells: Cells,
    printer: &Printer,
) -> Result<ExitStatus> {
    let Rows { load, fields } = of;
    let number = load.load_id;
    let rows = rejects::originals(conn, number)?;
    if rows.is_empty() {
        return Err(Refusal(none_to_export(load)).into());
    }
    let (header, rows) = match fields {
        Fields::AsDelivered => (load.header.clone(), rows),
        Fields::Renamed(fields) => {
            let header = fields::header_line(fields);
            (Some(header), with_names_of_now(load, fields, &rows)?)
        }
    };
    let header = header.as_deref();
    let (text, flag) = match cells {
        Cells::Plain => (below_header(header, &rows), ""),
        Cells::ExcelSafe => (guarded_below_header(header, &rows), " --excel-safe"),
    };
    let Some(path) = output else {
        printer
            .bytes(&text)
            .context("The rows could not all be written.")?;
        return Ok(ExitStatus::Done);
    };
    write_new(path, &text)?;
    let place = display_name(path.as_os_str());
    printer.say(&format!(
        "{} row(s) are in {place}. Once they are right, `hayloft rejects replay {number} {place}{flag}` \
         loads them.",
        rows.len()
    ));
    Ok(ExitStatus::Done)
}

fn none_to_export(load: &Known) -> String {
    let number = load.load_id;
    match load.status {
        Status::Failed => format!(
            "Load {number} was refused as a whole: there are no rejected rows of it, but the \
             file itself, which is to be mended and dropped again."
        ),
        _ => format!("Load {number} has no open rejects that a mended row could replace."),
    }
}

/// The rows without those fields that fill nothing any more.
fn with_names_of_now(load: &Known, fields: &[Field], rows: &[Original]) -> Result<Vec<Original>> {
    let kept = rows.iter().map(|row| {
        let original = fields::without_left_out(&row.original, fields)?;
        Some(Original { original })
    });
    let kept: Option<Vec<Original>> = kept.collect();
    kept.ok_or_else(|| {
        let number = load.load_id;
        Refusal(format!(
            "A column that load {number} filled is gone since, and some of its rejected rows have more or \
             fewer cells than their header, so it is not known which cells to leave out. `hayloft rejects list \
             {number} --originals` shows the rows; their header would be {}.",
            fields::header_line(fields)
        ))
        .into()
    })
}

/// Bytes, not text: a row may be a reject because it is no text. Only the line ends are ours.
pub(super) fn below_header(header: Option<&str>, rows: &[Original]) -> Vec<u8> {
    let header = header.map(str::as_bytes);
    let rows = rows.iter().map(|row| row.original.as_slice());
    let mut text = Vec::new();
    for line in header.into_iter().chain(rows) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text
}

/// The same, each line by itself guarded against being taken for a formula.
fn guarded_below_header(header: Option<&str>, rows: &[Original]) -> Vec<u8> {
    let header = header.map(|header| excel::guarded(header.as_bytes()));
    let rows = rows.iter().map(|row| excel::guarded(&row.original));
    let mut text = Vec::new();
    for line in header.into_iter().chain(rows) {
        text.extend_from_slice(&line);
        text.push(b'\n');
    }
    text
}

/// Writes a file for this user alone, and never over another one.
fn write_new(path: &Path, text: &[u8]) -> Result<()> {
    let place = display_name(path.as_os_str());
    let created = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = match created {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let sentence =
                format!("`{place}` is there already, and was not overwritten. Name another file.");
            return Err(Refusal(sentence).into());
        }
        Err(error) => {
            return Err(Refusal(format!("`{place}` cannot be made: {error}.")).into());
        }
    };
    if let Err(error) = file.write_all(text) {
        // Half of the rows would pass for all of them.
        let _ = fs::remove_file(path);
        return Err(error).with_context(|| format!("`{place}` could not be written."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{Original, below_header, guarded_below_header, write_new};

    #[test]
    fn rows_stay_as_they_are_and_each_ends_its_line() {
        let rows = [&b"a,\"two\nlines\""[..], b"\xff,b"].map(|original| Original {
            original: original.to_vec(),
        });
        assert_eq!(
            below_header(Some("x,y"), &rows),
            b"x,y\na,\"two\nlines\"\n\xff,b\n"
        );
    }

    #[test]
    fn a_misquoted_row_leaves_those_below_it_guarded() {
        let rows = [&b"a,\"open"[..], b"=1,b"].map(|original| Original {
            original: original.to_vec(),
        });
        let text = guarded_below_header(Some("x,y"), &rows);
        assert_eq!(text, b"x,y\na,\"open\n'=1,b\n");
    }

    #[test]
    fn a_file_is_for_its_owner_alone_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mended.csv");
        write_new(&path, b"first").unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let error = write_new(&path, b"second").unwrap_err().to_string();

        assert!(error.contains("not overwritten"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }
}
