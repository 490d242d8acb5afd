//! What is wrong with a file that was refused: said at the terminal, and laid beside the file when
//! it is set aside. It holds no value of the file.

use std::fmt::{self, Write as _};
use std::io;

use crate::merge::ledger::Entry;
use crate::stage::reject::{Reject, Severity};
use crate::stage::{Finding, Findings};

/// The most rejected rows that a report lists.
const MOST: usize = 1000;

/// Why a file was refused. `Display` is the text that lies beside the file.
#[derive(Clone, Debug)]
pub struct Report {
    file: String,
    table: String,
    reason: String,
    counts: Option<String>,
    /// One line for each finding that cost a row.
    pub lines: Vec<String>,
    left_out: u64,
}

impl Report {
    /// From what the ledger has of the load, and what staging found, if it came that far.
    pub(super) fn new(entry: &Entry, findings: Option<&mut Findings>) -> Self {
        let (summary, rows) = (&entry.summary, &entry.summary.rows);
        let counts = (rows.read > 0).then(|| {
            format!(
                "{} rows read, {} rejected, {} duplicates.",
                rows.read, rows.rejected, rows.duplicates
            )
        });
        let mut report = Self {
            file: summary.file.clone(),
            table: summary.table.to_string(),
            reason: entry.reason.clone().unwrap_or_default(),
            counts,
            lines: Vec::new(),
            left_out: 0,
        };
        if let Some(findings) = findings {
            report.list(findings);
        }
        report
    }

    fn list(&mut self, findings: &mut Findings) {
        let read = findings.read_back(|finding: Finding| {
            if finding.reject.kind.severity() == Severity::Error {
                if self.lines.len() < MOST {
                    self.lines.push(line(&finding.reject));
                } else {
                    self.left_out += 1;
                }
            }
            Ok::<_, io::Error>(())
        });
        if let Err(error) = read {
            self.lines
                .push(format!("(the list is not complete: {error})"));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "`{}` was not loaded into `{}`.\n\n{}\n",
            self.file, self.table, self.reason
        )?;
        if let Some(counts) = &self.counts {
            writeln!(f, "{counts}")?;
        }
        f.write_str(
            "Nothing of it is in the table. Mend the file and move it back into the imports \
             folder.\n",
        )?;
        if !self.lines.is_empty() {
            writeln!(f, "\n{}", self.lines.join("\n"))?;
        }
        if self.left_out > 0 {
            writeln!(f, "… and {} more", self.left_out)?;
        }
        Ok(())
    }
}

/// Line, column, sentence, and the machine's word for it.
fn line(reject: &Reject) -> String {
    let mut text = format!("line {}", reject.place.line);
    if let Some(column) = &reject.column {
        let _ = write!(text, ", column {}", column.number);
    }
    let _ = write!(text, ": {}  [{}]", reject.message, reject.kind);
    text
}
