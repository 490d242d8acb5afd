//! `hayloft rejects list`: the loads with open rejects, or the open rejects of one load.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

use anyhow::Result;
use chrono::Utc;
use diesel::PgConnection;
use serde_json::{Value, json};

use crate::cli::OutputFormat;
use crate::commands::ExitStatus;
use crate::ledger::loads::Known;
use crate::ledger::rejects::{self, Finding};
use crate::printer::Printer;
use crate::printer::columns::{Columns, Side};
use crate::status::text::rejects_by_load;
use crate::watch::display_name;

/// Whether the rows themselves are shown. They may hold personal data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Originals {
    Shown,
    Hidden,
}

impl Originals {
    pub(super) fn when(wanted: bool) -> Self {
        if wanted { Self::Shown } else { Self::Hidden }
    }
}

pub(super) fn loads(conn: &mut PgConnection, printer: &Printer) -> Result<ExitStatus> {
    let loads = rejects::by_load(conn)?;
    match printer.format() {
        OutputFormat::Json => loads.iter().for_each(|load| printer.json(load)),
        OutputFormat::Text if loads.is_empty() => printer.say("No load has open rejects."),
        OutputFormat::Text => printer.columns(&rejects_by_load(&loads, Utc::now())),
    }
    Ok(ExitStatus::Done)
}

pub(super) fn findings(
    conn: &mut PgConnection,
    load: &Known,
    originals: Originals,
    printer: &Printer,
) -> Result<ExitStatus> {
    let findings = rejects::of_load(conn, load.load_id)?;
    match printer.format() {
        OutputFormat::Json => findings
            .iter()
            .for_each(|finding| printer.json(&object(load.load_id, finding, originals))),
        OutputFormat::Text if findings.is_empty() => {
            printer.say(&format!("Load {} has no open rejects.", load.load_id));
        }
        OutputFormat::Text => tell(&findings, originals, printer),
    }
    Ok(ExitStatus::Done)
}

fn tell(findings: &[Finding], originals: Originals, printer: &Printer) {
    let mut table = Columns::new(&[
        ("line", Side::Right),
        ("column", Side::Left),
        ("severity", Side::Left),
        ("kind", Side::Left),
        ("message", Side::Left),
    ]);
    for finding in findings {
        table.row([
            finding.line.to_string(),
            finding.column_name.clone().unwrap_or_default(),
            finding.severity.code().to_owned(),
            finding.kind.code().to_owned(),
            finding.message.clone(),
        ]);
    }
    let lines = table.lines(None);
    // The first line names the columns.
    let mut rows = std::iter::once(None).chain(findings.iter().map(Some));
    for line in lines {
        printer.out(&line);
        if let (Some(Some(finding)), Originals::Shown) = (rows.next(), originals) {
            printer.out(&format!("      {}", visible(&finding.original)));
        }
    }
}

/// A row on one line, with what could move the cursor written out.
fn visible(original: &[u8]) -> String {
    display_name(OsStr::from_bytes(original))
}

fn object(load_id: i64, finding: &Finding, originals: Originals) -> Value {
    let mut object = json!({
        "load_id": load_id,
        "line": finding.line,
        "column_number": finding.column_number,
        "column": finding.column_name,
        "kind": finding.kind.code(),
        "severity": finding.severity.code(),
        "message": finding.message,
    });
    if originals == Originals::Shown {
        match std::str::from_utf8(&finding.original) {
            Ok(text) => object["original"] = json!(text),
            Err(_) => object["original_hex"] = json!(hex(&finding.original)),
        }
    }
    object
}

/// JSON has no bytes, and what is no text must come through whole.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{Finding, Originals, object, visible};
    use crate::stage::reject::{RejectKind, Severity};

    fn finding(original: &[u8]) -> Finding {
        Finding {
            line: 7,
            column_number: Some(3),
            column_name: Some("date_of_birth".into()),
            kind: RejectKind::BadType,
            severity: Severity::Error,
            message: "not a date".into(),
            original: original.to_vec(),
        }
    }

    #[test]
    fn a_row_is_in_the_json_only_for_who_asks_for_it() {
        let hidden = object(1, &finding(b"ann@x.org"), Originals::Hidden).to_string();
        assert!(!hidden.contains("ann"), "{hidden}");
        let shown = object(1, &finding(b"ann@x.org"), Originals::Shown);
        assert_eq!(shown["original"], "ann@x.org");
    }

    #[test]
    fn a_row_that_is_no_text_comes_as_hexadecimal_digits() {
        let shown = object(1, &finding(b"a\xff\n"), Originals::Shown);
        assert_eq!(shown["original_hex"], "61ff0a");
        assert!(shown.get("original").is_none());
    }

    #[test]
    fn a_row_cannot_move_the_cursor() {
        assert_eq!(visible(b"\"a\",\x1b[2J\n\xff"), "\"a\",\\u{1b}[2J\\n\\xff");
    }
}
