//! `hayloft.toml`: what people write.
//!
//! In: the text of the file. Out: a [`ContractFile`], in which every setting is of its kind, every
//! default is in place, and each value knows its line. Whether the tables and columns that it
//! names exist is not known here; `resolve` asks the catalog.

mod complete;
mod history;
mod table;

use std::fs;
use std::io::ErrorKind;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

pub use complete::{CompleteEntry, ReadyWord};
pub use history::{EffectiveEntry, HistoryEntry, ModeEntry};
pub use table::{ColumnEntry, KindEntry, ReferenceEntry, ReferencesRead, TableEntry};

use super::Completeness;
use super::fault::{ContractFault, Problem};
pub use super::section::At;
use super::section::{Section, Source};

/// The whole file, understood.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ContractFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// The tables, in the order of the file.
    pub tables: Vec<TableEntry>,
    /// `[watch]`
    pub watch: WatchSection,
    /// `[limits]`
    pub limits: Limits,
    /// `[load]`
    pub load: LoadSection,
}

/// `[watch]`: how the folder is watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchSection {
    /// The folder that files are dropped into, seen from the folder of the contract.
    pub imports: PathBuf,
    /// When a file is complete, for tables that say nothing else.
    pub complete: CompleteEntry,
    /// How often the folder is listed, whatever the notifications say.
    pub sweep: Duration,
}

/// `[limits]`: what a file may be at most. They keep one broken file from taking all the memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes in one field.
    pub field_bytes: u64,
    /// Bytes in one row.
    pub record_bytes: u64,
    /// Columns in a header.
    pub columns: u64,
    /// Bytes in a file, if there is a limit.
    pub file_bytes: Option<u64>,
    /// Bytes of memory for the rows of one file; what is more goes to a temporary file.
    pub memory_bytes: u64,
}

/// `[load]`: how files are loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LoadSection {
    /// How many tables load at the same time; `None` leaves it to the machine.
    pub workers: Option<NonZero<usize>>,
}

impl Default for WatchSection {
    fn default() -> Self {
        Self {
            imports: "imports".into(),
            complete: CompleteEntry::default(),
            sweep: Duration::from_secs(5),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        // Postgres takes no more than 1600 columns in a table.
        Self {
            field_bytes: 1 << 20,
            record_bytes: 8 << 20,
            columns: 1600,
            file_bytes: None,
            memory_bytes: 1 << 30,
        }
    }
}

impl ContractFile {
    /// Whether a table is a dimension, as far as the file says.
    #[must_use]
    pub fn is_dimension(&self, table: &str) -> bool {
        let entry = self.tables.iter().find(|it| it.name.as_str() == table);
        entry.is_some_and(|entry| matches!(entry.kind, KindEntry::Dimension { .. }))
    }

    /// Reads the file, or says all that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ContractFault> {
        Self::read_each(path)?.sound()
    }

    /// Reads the file. What is wrong with a table is said in its entry, and keeps nothing from the others.
    pub fn read_each(path: &Path) -> Result<Self, ContractFault> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse_each(path, &text),
            Err(source) if source.kind() == ErrorKind::NotFound => {
                let looked_for = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                Err(ContractFault::Missing { looked_for })
            }
            Err(source) => Err(ContractFault::Unreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// When a file of a table is complete.
    #[must_use]
    pub fn completeness(&self, table: &TableEntry) -> Completeness {
        table.watch.below(&self.watch.complete)
    }

    /// Reads the text of a file; `path` is for messages and for what stands beside the file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ContractFault> {
        Self::parse_each(path, text)?.sound()
    }

    fn parse_each(path: &Path, text: &str) -> Result<Self, ContractFault> {
        let source = Source::new(text);
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(ContractFault::refused(path, not_toml(&source, &errors)));
        }
        let file = read_root(path, Section::root(&source, document.get_ref()));
        let mut problems = source.into_problems();
        if problems.is_empty() {
            return Ok(file);
        }
        problems.extend(file.problems());
        Err(ContractFault::refused(path, problems))
    }

    /// The file, if nothing is wrong with any table.
    fn sound(self) -> Result<Self, ContractFault> {
        let problems: Vec<Problem> = self.problems().collect();
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(ContractFault::refused(&self.path, problems))
        }
    }

    fn problems(&self) -> impl Iterator<Item = Problem> {
        self.tables.iter().flat_map(|entry| entry.problems.clone())
    }
}

fn not_toml(source: &Source<'_>, errors: &[toml::de::Error]) -> Vec<Problem> {
    errors
        .iter()
        .map(|error| {
            let line = source.line_of(error.span().map_or(0, |span| span.start));
            Problem::new(line, format!("This is not TOML: {}.", error.message()))
        })
        .collect()
}

fn read_root(path: &Path, mut root: Section<'_>) -> ContractFile {
    let file = ContractFile {
        path: path.to_owned(),
        tables: read_tables(&mut root),
        watch: root.section("watch").map(read_watch).unwrap_or_default(),
        limits: root.section("limits").map(read_limits).unwrap_or_default(),
        load: root.section("load").map(read_load).unwrap_or_default(),
    };
    refuse_idle_markers(&file, &root);
    root.finish();
    file
}

/// A marker that is named where none is waited for was meant to be.
fn refuse_idle_markers(file: &ContractFile, root: &Section<'_>) {
    for table in &file.tables {
        if let Some(marker) = &table.watch.marker
            && file.completeness(table).marker().is_none()
        {
            root.refuse(
                marker.line,
                format!(
                    "tables.{0}.watch.marker is named, and nothing waits for it. Write \
                     tables.{0}.watch.ready = \"marker\" too, or remove it.",
                    table.name
                ),
            );
        }
    }
}

fn read_tables(root: &mut Section<'_>) -> Vec<TableEntry> {
    let tables = root.section("tables");
    let is_of_another_kind = tables.is_none() && root.has("tables");
    let sections = tables.map(Section::named_sections).unwrap_or_default();
    if sections.is_empty() && !is_of_another_kind {
        root.refuse(
            1,
            "No table is named. Write a section [tables.users] for files named users.csv.",
        );
    }
    sections
        .into_iter()
        .map(|(name, section)| TableEntry::read(&name, section))
        .collect()
}

fn read_watch(mut section: Section<'_>) -> WatchSection {
    let default = WatchSection::default();
    let imports = section
        .name("imports")
        .map_or(default.imports, |at| at.value.into());
    let complete = CompleteEntry::read(&mut section);
    let sweep = section.duration("sweep");
    if let Some(zero) = sweep.as_ref().filter(|at| at.value.is_zero()) {
        section.refuse(
            zero.line,
            "watch.sweep is 0, which would list the folder without pause. Write \"5s\".",
        );
    }
    let sweep = sweep.map_or(default.sweep, |at| at.value);
    section.finish();
    WatchSection {
        imports,
        complete,
        sweep,
    }
}

fn read_limits(mut section: Section<'_>) -> Limits {
    let default = Limits::default();
    let mut at_most = |key, default| section.count(key, 1).unwrap_or(default);
    let field_bytes = at_most("field_bytes", default.field_bytes);
    let record_bytes = at_most("record_bytes", default.record_bytes.max(field_bytes));
    let columns = at_most("columns", default.columns);
    let memory_bytes = at_most("memory_bytes", default.memory_bytes);
    let file_bytes = section.count("file_bytes", 1);
    if record_bytes < field_bytes {
        section.refuse(
            section.line(),
            "limits.record_bytes is less than limits.field_bytes: no row could hold such a field. \
             Raise the one or lower the other.",
        );
    }
    section.finish();
    Limits {
        field_bytes,
        record_bytes,
        columns,
        file_bytes,
        memory_bytes,
    }
}

fn read_load(mut section: Section<'_>) -> LoadSection {
    let workers = section
        .count("workers", 1)
        .and_then(|count| usize::try_from(count).ok())
        .and_then(NonZero::new);
    section.finish();
    LoadSection { workers }
}

#[cfg(test)]
mod tests;
