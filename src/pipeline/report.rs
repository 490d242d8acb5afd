//! What is wrong with a file that was refused: said at the terminal, and laid beside the file when
//! it is set aside. It holds no value of the file.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::merge::ledger::Entry;
use crate::stage::reject::{Reject, Severity};
use crate::stage::{Finding, Findings};
use crate::watch::display_name;

/// The most rejected rows that a report lists.
const MOST: usize = 1000;

/// Why a file was refused, or held.
#[derive(Clone, Debug)]
pub struct Report {
    file: String,
    table: String,
    /// The sentence that says why, without the lines.
    pub reason: String,
    counts: Option<String>,
    /// One line for each finding that cost a row.
    pub lines: Vec<String>,
    left_out: u64,
    examples: Vec<String>,
}

impl Report {
    /// From what the ledger has of the load, and what staging found, if it came that far.
    pub(super) fn new(entry: &Entry, findings: Option<&mut Findings>) -> Self {
        let (summary, rows) = (&entry.summary, &entry.summary.rows);
        let counts = (rows.read > 0).then(|| {
            format!(
                "Rows: {} read, {} rejected, {} duplicates.",
                rows.read, rows.rejected, rows.duplicates
            )
        });
        let mut report = Self {
            file: summary.file.clone(),
            table: summary.table.to_string(),
            reason: reason_of(entry),
            counts,
            lines: Vec::new(),
            left_out: 0,
            examples: Vec::new(),
        };
        if let Some(findings) = findings {
            report.list(findings);
        }
        report
    }

    /// The same, with some of what the file would have done.
    pub(super) fn with_examples(mut self, examples: Vec<String>) -> Self {
        self.examples = examples;
        self
    }

    /// The text that lies beside a file that has to be mended; it lies at `place`. Where its own name was
    /// taken there, the name that it has is for no table.
    pub(super) fn to_mend(&self, place: &Path) -> String {
        let named = display_name(place.file_name().unwrap_or_default());
        let name = if named == self.file {
            String::new()
        } else {
            format!(
                " as {}, since it is for no table under the name that it has here. A file that belongs to it, as \
                 its `.effective`, goes with it, and takes that name, too",
                quoted(&self.file)
            )
        };
        self.text(&format!(
            "Nothing of it is in the table. Mend the file and move it back into the imports folder{name}."
        ))
    }

    /// The text that lies beside a file that a person has to let in; it lies at `place`.
    pub(super) fn to_release(&self, place: &Path) -> String {
        let place = quoted(&display_name(place.as_os_str()));
        self.text(&format!(
            "Nothing of it is in the table. If the file is right, this loads it, once:\n\n    \
             hayloft accept {place}\n\nIf it is not, remove it, and have a right one sent."
        ))
    }

    fn text(&self, what_to_do: &str) -> String {
        let (file, table, reason) = (&self.file, &self.table, &self.reason);
        let mut text = format!("`{file}` was not loaded into `{table}`.\n\n{reason}\n\n");
        if let Some(counts) = &self.counts {
            let _ = writeln!(text, "{counts}");
        }
        let _ = writeln!(text, "{what_to_do}");
        if !self.examples.is_empty() {
            let _ = writeln!(text, "\n{}", self.examples.join("\n"));
        }
        if !self.lines.is_empty() {
            let _ = writeln!(text, "\n{}", self.lines.join("\n"));
        }
        if self.left_out > 0 {
            let _ = writeln!(text, "… and {} more", self.left_out);
        }
        text
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

/// The most lines that the ledger's reason repeats.
const TOLD: usize = 10;

/// What stands before each of these lines.
const LINE: &str = "\n  line ";

/// A reason, with the first of the rows that are wrong: the ledger says what the terminal says.
pub(super) fn with_lines(reason: &str, findings: &mut Findings) -> String {
    let (mut text, mut left_out) = (reason.to_owned(), 0_u64);
    let mut told = 0;
    let read = findings.read_back(|finding: Finding| {
        if finding.reject.kind.severity() == Severity::Error {
            if told < TOLD {
                let _ = write!(text, "\n  {}", line(&finding.reject));
                told += 1;
            } else {
                left_out += 1;
            }
        }
        Ok::<_, io::Error>(())
    });
    if read.is_ok() && left_out > 0 {
        let _ = write!(text, "\n  … and {left_out} more");
    }
    text
}

/// The sentence alone.
fn reason_of(entry: &Entry) -> String {
    let reason = entry.reason.as_deref();
    let reason = reason.unwrap_or("The ledger does not say why.");
    let sentence = reason.split(LINE).next().unwrap_or(reason);
    sentence.to_owned()
}

/// A path as it can be typed into a shell.
fn quoted(path: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "/._-~".contains(character);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// Line, column, sentence, and the machine's word for it.
pub(super) fn line(reject: &Reject) -> String {
    let mut text = format!("line {}", reject.place.line);
    if let Some(column) = &reject.column {
        let _ = write!(text, ", column {}", column.number);
    }
    let _ = write!(text, ": {}  [{}]", reject.message, reject.kind);
    text
}
