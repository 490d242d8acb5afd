//! Bad files, by the number of their fault: the bytes that come in, and what is said and done.
//!
//! Cases go in tables: many files through one warehouse, one after another. Beside what a case
//! expects, every load is held against what must be true of any: the rows add up, in the ledger as
//! in what was said; a reject stands where the file has it, by byte and by line, with the bytes of
//! its row; the file is as it was; and nobody's address is said anywhere.

#![allow(
    clippy::format_push_string,
    clippy::too_many_lines,
    reason = "tables of cases are long, and their files are put together from pieces"
)]

mod encoding;
mod feeds;
mod header;
mod history;
mod keys;
mod limits;
mod names;
mod quotes;
mod rows;
mod values;

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::support::{HAYLOFT_TOML, Run, Warehouse};

/// The header of `users`, with its line end.
const H: &str = "email,name,date_of_birth\n";

/// A good row of `users`.
const ANN: &str = "ann@x.org,Ann,01/02/1990\n";

/// Another.
const BOB: &str = "bob@x.org,Bob,03/04/1985\n";

/// One file and what is expected of it.
struct Case {
    fault: &'static str,
    what: &'static str,
    file: Vec<u8>,
    expected: Expected,
}

enum Expected {
    /// Not loaded; the sentence has these parts.
    Refused(Vec<&'static str>),
    /// Loaded: these rows, each with its line, and these rejects.
    Loaded {
        rows: Vec<&'static str>,
        rejects: Vec<Rejected>,
    },
}

/// A line of the file, the column at fault or nothing, the kind, and a part of the sentence.
type Rejected = (u64, &'static str, &'static str, &'static str);

/// A file that is refused as a whole, in a sentence with these parts.
fn refused(
    fault: &'static str,
    what: &'static str,
    file: impl AsRef<[u8]>,
    says: &[&'static str],
) -> Case {
    let expected = Expected::Refused(says.to_vec());
    Case {
        fault,
        what,
        file: file.as_ref().to_vec(),
        expected,
    }
}

/// A file of which every row is loaded.
fn loaded(
    fault: &'static str,
    what: &'static str,
    file: impl AsRef<[u8]>,
    rows: &[&'static str],
) -> Case {
    rejecting(fault, what, file, rows, &[])
}

/// A file of which some rows are loaded, and the others are rejects.
fn rejecting(
    fault: &'static str,
    what: &'static str,
    file: impl AsRef<[u8]>,
    rows: &[&'static str],
    rejects: &[Rejected],
) -> Case {
    let expected = Expected::Loaded {
        rows: rows.to_vec(),
        rejects: rejects.to_vec(),
    };
    Case {
        fault,
        what,
        file: file.as_ref().to_vec(),
        expected,
    }
}

/// The pieces of a file, of text and of bytes, one after another.
fn join(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

/// A table that cases are loaded into, and what its rows are told by.
struct Table {
    name: &'static str,
    told_by: &'static str,
}

const USERS: Table = Table {
    name: "users",
    told_by: "name",
};

/// The tables that the program ships with. The same bytes are loaded again, so that a case may
/// repeat another's.
fn users() -> Warehouse {
    let again = "key         = [\"email\"]\nredelivery = \"always\"";
    let toml = HAYLOFT_TOML.replace("key         = [\"email\"]", again);
    assert_ne!(toml, HAYLOFT_TOML);
    Warehouse::with_contract(&toml)
}

/// Loads each case into the emptied table, and tells of all that went otherwise than expected.
#[track_caller]
fn try_out(warehouse: &Warehouse, table: &Table, cases: &[Case]) {
    let mut surprises = String::new();
    for case in cases {
        warehouse.execute(&format!("truncate datawarehouse.{}", table.name));
        let name = format!("{}.csv", table.name);
        let done = Done::load(warehouse, table, &name, &case.file);
        let (was, should_be) = (done.told(), case.expected.told());
        let unsaid = done.unsaid(&case.expected);
        if was != should_be || !unsaid.is_empty() {
            let (fault, what) = (case.fault, case.what);
            let _ = write!(
                surprises,
                "\n{fault} {what}\n expected:\n{should_be} was:\n{was} not said: {unsaid:?}\n{}",
                done.run.stderr
            );
        }
    }
    assert!(surprises.is_empty(), "{surprises}");
}

/// A load, and what the database has of it.
struct Done {
    run: Run,
    said: Value,
    ledger: Value,
    rejects: Vec<Reject>,
    rows: Vec<String>,
}

/// A row of the rejects store.
#[derive(serde::Deserialize, Clone, Debug)]
struct Reject {
    line: u64,
    offset: usize,
    number: Option<u64>,
    column: Option<String>,
    kind: String,
    severity: String,
    message: String,
    winner: Option<u64>,
    original: String,
}

impl Done {
    /// Loads a file, and holds the outcome against what must be true of any load.
    #[track_caller]
    fn load(warehouse: &Warehouse, table: &Table, name: &str, file: &[u8]) -> Self {
        let run = warehouse.load(name, file);
        let said = run.only();
        let load_id = &said["load_id"];
        assert!(load_id.is_i64(), "the ledger does not know of it: {run:#?}");
        let (table_name, told_by) = (table.name, table.told_by);
        let found = warehouse.query(&format!(
            "select json_build_object(
                'ledger', (select row_to_json(l) from hayloft.load l where load_id = {load_id}),
                'rows', (
                    select coalesce(json_agg(source_line || ' ' || {told_by} order by source_line), '[]')
                    from datawarehouse.{table_name} where load_id = {load_id}),
                'rejects', (
                    select coalesce(json_agg(json_build_object(
                        'line', line, 'offset', byte_offset, 'number', column_number,
                        'column', column_name, 'kind', kind, 'severity', severity,
                        'message', message, 'winner', winner_line,
                        'original', encode(coalesce(original_bytes, convert_to(original, 'UTF8')), 'hex')
                    ) order by line, column_number), '[]')
                    from hayloft.reject where load_id = {load_id}))"
        ));
        let mut found: Value = serde_json::from_str(&found).unwrap();
        let done = Self {
            run,
            said,
            ledger: found["ledger"].take(),
            rejects: serde_json::from_value(found["rejects"].take()).unwrap(),
            rows: serde_json::from_value(found["rows"].take()).unwrap(),
        };
        done.check_account();
        done.check_places(file);
        done.check_silence(file);
        assert_eq!(
            fs::read(warehouse.path(name)).unwrap(),
            file,
            "the file is not what it was"
        );
        done
    }

    fn count(&self, what: &str) -> u64 {
        self.said["rows"][what].as_u64().unwrap()
    }

    /// Every row has one fate, and the ledger, the output and the tables agree on it.
    #[track_caller]
    fn check_account(&self) {
        let [read, accepted, rejected, duplicates, held] =
            ["read", "accepted", "rejected", "duplicates", "held"].map(|what| self.count(what));
        assert_eq!(read, accepted + rejected + duplicates, "{:#?}", self.run);
        for (said, kept) in [
            ("read", "rows_read"),
            ("accepted", "rows_accepted"),
            ("rejected", "rows_rejected"),
            ("duplicates", "rows_duplicate"),
            ("held", "rows_held"),
        ] {
            assert_eq!(self.said["rows"][said], self.ledger[kept], "{kept}");
        }
        assert_eq!(self.said["status"], self.ledger["status"]);
        if self.said["status"] == "loaded" {
            let mut lines: Vec<u64> = self.of_severity("error").map(|it| it.line).collect();
            lines.dedup();
            assert_eq!(lines.len() as u64, rejected, "{:#?}", self.rejects);
            assert_eq!(self.ledger["reason"], Value::Null);
        } else {
            let changes = self.said["changes"].as_object().unwrap();
            assert!(changes.values().all(|count| count == 0), "{:#?}", self.run);
            assert!(self.rows.is_empty() && self.rejects.is_empty());
            let reason = self.ledger["reason"].as_str().unwrap();
            assert!(self.run.stderr.contains(reason), "{:#?}", self.run);
        }
        assert!(held <= accepted);
    }

    /// A reject has the bytes of its row, which begin where it says, by byte and by line.
    #[track_caller]
    fn check_places(&self, file: &[u8]) {
        for reject in &self.rejects {
            let original = bytes_of(&reject.original);
            let from = &file[reject.offset..];
            assert!(from.starts_with(&original), "{reject:?}");
            assert_eq!(reject.line, line_at(file, reject.offset), "{reject:?}");
        }
    }

    /// What is said, kept as a reason, or written as the sentence of a reject has nobody's address.
    #[track_caller]
    fn check_silence(&self, file: &[u8]) {
        let mut texts = vec![self.run.stdout.as_str(), &self.run.stderr];
        texts.extend(self.ledger["reason"].as_str());
        texts.extend(self.rejects.iter().map(|reject| reject.message.as_str()));
        for address in addresses(file) {
            for text in &texts {
                assert!(!text.contains(&address), "{address} is told: {text}");
            }
        }
    }

    fn of_severity(&self, severity: &'static str) -> impl Iterator<Item = &Reject> {
        let is_it = move |reject: &&Reject| reject.severity == severity;
        self.rejects.iter().filter(is_it)
    }

    /// The outcome in the words of an expectation, without its sentences.
    fn told(&self) -> String {
        if self.said["status"] != "loaded" {
            return format!("  {}, exit {}\n", self.said["status"], self.run.status);
        }
        let rejects = self.rejects.iter();
        let rejects = rejects.map(|it| (it.line, it.column.as_deref().unwrap_or(""), &*it.kind));
        told(self.run.status, self.rows.iter(), rejects)
    }

    /// The parts of sentences that were expected, and are not in what was said.
    fn unsaid(&self, expected: &Expected) -> Vec<&'static str> {
        match expected {
            Expected::Refused(says) => {
                let is_unsaid = |part: &&&str| !self.run.stderr.contains(**part);
                says.iter().filter(is_unsaid).copied().collect()
            }
            Expected::Loaded { rejects, .. } => rejects
                .iter()
                .zip(&self.rejects)
                .filter(|(expected, reject)| !reject.message.contains(expected.3))
                .map(|(expected, _)| expected.3)
                .collect(),
        }
    }
}

impl Expected {
    fn told(&self) -> String {
        match self {
            Self::Refused(_) => "  \"failed\", exit 2\n".to_owned(),
            Self::Loaded { rows, rejects } => {
                let exit = i32::from(!rejects.is_empty());
                let rejects = rejects.iter();
                told(
                    exit,
                    rows.iter(),
                    rejects.map(|&(line, column, kind, _)| (line, column, kind)),
                )
            }
        }
    }
}

fn told<'a>(
    exit: i32,
    rows: impl Iterator<Item = impl AsRef<str>>,
    rejects: impl Iterator<Item = (u64, &'a str, &'a str)>,
) -> String {
    let mut text = format!("  loaded, exit {exit}\n");
    for row in rows {
        let _ = writeln!(text, "  row {}", row.as_ref());
    }
    for (line, column, kind) in rejects {
        let _ = writeln!(text, "  reject {line} {column} {kind}");
    }
    text
}

/// The physical line of a byte: LF, CRLF and a lone CR each end one.
fn line_at(file: &[u8], offset: usize) -> u64 {
    let ends = file[..offset]
        .iter()
        .enumerate()
        .filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => file.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
    ends.count() as u64 + 1
}

/// What stands around each `@`, as far as an address could go.
fn addresses(file: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(file);
    let words = text.split(|c: char| !(c.is_alphanumeric() || "@.-_+%".contains(c)));
    let mut found: Vec<String> = words
        .filter(|word| word.contains('@') && word.len() > 3)
        .map(ToOwned::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The digits of bytes, as `encode(…, 'hex')` writes them.
fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
}

/// Bytes from their digits, as `encode(…, 'hex')` writes them.
fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}
