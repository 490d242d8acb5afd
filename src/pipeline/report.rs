//! The report that lies beside a file that was set aside: what is wrong with it, line by line.
//! It holds no value of the file.

use std::fmt::Write as _;
use std::io;

use crate::merge::ledger::Entry;
use crate::stage::reject::{Reject, RejectColumn, Severity};
use crate::stage::{Finding, Findings};

/// The most findings that a report lists.
const MOST: usize = 1000;

/// Why the file was refused, and every finding.
pub(super) fn full(entry: &Entry, findings: Option<&mut Findings>) -> String {
    let mut text = short(entry);
    if let Some(findings) = findings {
        list(&mut text, findings);
    }
    text
}

/// Why the file was refused.
pub(super) fn short(entry: &Entry) -> String {
    let summary = &entry.summary;
    let rows = &summary.rows;
    let mut text = format!(
        "`{}` was not loaded into `{}`.\n\n",
        summary.file, summary.table
    );
    if let Some(reason) = &entry.reason {
        let _ = writeln!(text, "{reason}\n");
    }
    if rows.read > 0 {
        let _ = writeln!(
            text,
            "{} rows read, {} rejected, {} duplicates.",
            rows.read, rows.rejected, rows.duplicates
        );
    }
    text.push_str(
        "Nothing of it is in the table. Mend the file and move it back into the imports folder.\n",
    );
    text
}

fn list(text: &mut String, findings: &mut Findings) {
    let mut lines = Vec::new();
    let mut left_out = 0_u64;
    let read = findings.read_back(|finding: Finding| {
        if finding.reject.kind.severity() == Severity::Error {
            if lines.len() < MOST {
                lines.push(line(&finding.reject));
            } else {
                left_out += 1;
            }
        }
        Ok::<_, io::Error>(())
    });
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{}", lines.join("\n"));
    }
    if left_out > 0 {
        let _ = writeln!(text, "… and {left_out} more");
    }
    if let Err(error) = read {
        let _ = writeln!(text, "(the list is not complete: {error})");
    }
}

/// `line 7, column 3 (date_of_birth): is not a date …  [bad_type]`
fn line(reject: &Reject) -> String {
    let column = match &reject.column {
        Some(RejectColumn {
            number: Some(number),
            name,
        }) => format!(", column {number} ({name})"),
        Some(RejectColumn { number: None, name }) => format!(", column {name}"),
        None => String::new(),
    };
    let (place, message, kind) = (reject.place.line, &reject.message, reject.kind);
    format!("line {place}{column}: {message}  [{kind}]")
}
