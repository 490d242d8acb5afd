//! File name → table.
//!
//! In: the name of a file, as bytes, and the tables that `hayloft.toml` has. Out: which table the
//! name is for, or why it is for none. Pure: this file never touches the disk, and nothing of a
//! name ever leaves it but the name of a configured table, so no file name can become SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

use unicode_normalization::UnicodeNormalization as _;

use crate::contract::{Completeness, TableName};

/// What a file name says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recognised {
    /// A name that writers use for files that are not ready. Never said, never touched.
    Temporary,
    /// A file beside a delivery, which goes where that goes.
    Beside {
        /// The table of the delivery.
        table: TableName,
        /// What it is there for.
        what: Beside,
    },
    /// A name that is for no table, or not of a format that can be read.
    Unknown(Unknown),
    /// A file for a table.
    Delivery {
        /// The table, as `hayloft.toml` names it.
        table: TableName,
        /// How the file is to be read.
        format: Format,
    },
}

/// Why a name is not a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unknown {
    /// No table of `hayloft.toml` takes it.
    Table,
    /// Its ending is not one that Hayloft reads.
    Format,
}

/// What a file beside a delivery is there for. Its name is that of the delivery, and a suffix.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Beside {
    /// It says from when on the delivery holds.
    Effective,
    /// It says that the delivery is complete. This is its suffix.
    Marker(String),
}

impl Beside {
    /// What its name has after that of the delivery.
    #[must_use]
    pub fn suffix(&self) -> &str {
        match self {
            Self::Effective => SIDECAR,
            Self::Marker(suffix) => suffix,
        }
    }

    /// Its name, beside a file of this name.
    #[must_use]
    pub fn name(&self, file: &OsStr) -> OsString {
        let mut name = file.to_owned();
        name.push(self.suffix());
        name
    }

    /// The name of the file that it lies beside, if it is one of this kind.
    pub(crate) fn file<'n>(&self, name: &'n OsStr) -> Option<&'n OsStr> {
        let name = name.as_bytes();
        let (file, end) = name.split_at_checked(name.len().checked_sub(self.suffix().len())?)?;
        end.eq_ignore_ascii_case(self.suffix().as_bytes())
            .then(|| OsStr::from_bytes(file))
    }
}

/// How a file is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated values.
    Csv,
}

/// The tables and the names that are for them.
#[derive(Clone, Debug)]
pub struct Routes {
    /// Whole-name patterns, folded, in the order of `hayloft.toml`.
    patterns: Vec<(String, TableName)>,
    /// Tables without a pattern: the folded name, longest first.
    named: Vec<(String, TableName)>,
    /// Which table's files come first, of those that are found at once.
    order: Vec<TableName>,
    /// The tables that each refers to: their files come first.
    references: BTreeMap<TableName, BTreeSet<TableName>>,
    /// What lies beside the files of tables that have such.
    beside: BTreeMap<TableName, Vec<Beside>>,
    /// When a file is complete, of tables that say so.
    completeness: BTreeMap<TableName, Completeness>,
}

/// What the name of a sidecar has after that of its file.
pub(crate) const SIDECAR: &str = ".effective";

/// Endings of files that are being written, or that an editor left.
const TEMPORARY: [&str; 6] = [
    ".tmp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".swp",
];

/// Endings that are certainly not CSV, whatever a pattern says: `users*` must not feed a
/// compressed file to the CSV reader.
const FOREIGN: [&str; 13] = [
    ".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".json", ".jsonl", ".ndjson", ".xlsx", ".xls",
    ".parquet", ".avro",
];

/// Those of them, and others, in which something is packed.
const PACKED: [&str; 13] = [
    ".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".tgz", ".rar", ".lz4", ".br", ".lzma",
    ".z",
];

/// Endings of other formats, which a pattern may take all the same: what is in them may be CSV.
const OTHER: [&str; 6] = [".tsv", ".tab", ".psv", ".ods", ".orc", ".xml"];

/// What to do with a file whose name says that it is not CSV.
#[must_use]
pub fn other_format(name: &str) -> String {
    let name = name.to_lowercase();
    let has = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let advice = if has(&PACKED) {
        "unpack it"
    } else if has(&[".tsv", ".tab", ".psv"]) {
        "save it as CSV, with commas between the fields"
    } else {
        "save it as CSV"
    };
    format!("only .csv files are read; {advice}")
}

impl Routes {
    /// Takes each table with its `match` pattern, in the order of `hayloft.toml`.
    ///
    /// A pattern is a whole file name in which `*` stands for any run of characters; the first
    /// that matches wins. A table without one takes `TABLE.csv` and `TABLE` followed by `.`, `-`
    /// or a space, anything, and `.csv`; where two tables fit, the longer name wins.
    pub fn new(tables: impl IntoIterator<Item = (TableName, Option<String>)>) -> Self {
        let mut routes = Self {
            patterns: Vec::new(),
            named: Vec::new(),
            order: Vec::new(),
            references: BTreeMap::new(),
            beside: BTreeMap::new(),
            completeness: BTreeMap::new(),
        };
        for (table, pattern) in tables {
            match pattern {
                Some(pattern) => routes.patterns.push((fold(pattern.as_bytes()), table)),
                None => routes.named.push((fold(table.as_str().as_bytes()), table)),
            }
        }
        routes
            .named
            .sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        routes
    }

    /// Has files that are found at once come in this order of their tables, dimensions before the
    /// facts that refer to them. Tables that are not named come first, by name.
    #[must_use]
    pub fn in_order(mut self, tables: impl IntoIterator<Item = TableName>) -> Self {
        self.order = tables.into_iter().collect();
        self
    }

    /// Takes each table with the tables that it refers to.
    #[must_use]
    pub fn with_references(
        mut self,
        tables: impl IntoIterator<Item = (TableName, Vec<TableName>)>,
    ) -> Self {
        for (table, others) in tables {
            self.references.entry(table).or_default().extend(others);
        }
        self
    }

    /// Has the files of these tables wait for the file beside them, `FILE.effective`.
    #[must_use]
    pub fn with_sidecars(mut self, tables: impl IntoIterator<Item = TableName>) -> Self {
        for table in tables {
            self.beside
                .entry(table)
                .or_default()
                .push(Beside::Effective);
        }
        self
    }

    /// Has files be complete when these say so. Where a marker shows it, they wait for that.
    #[must_use]
    pub fn with_completeness(
        mut self,
        tables: impl IntoIterator<Item = (TableName, Completeness)>,
    ) -> Self {
        for (table, completeness) in tables {
            if let Some(suffix) = completeness.marker() {
                let marker = Beside::Marker(suffix.to_owned());
                self.beside.entry(table.clone()).or_default().push(marker);
            }
            self.completeness.insert(table, completeness);
        }
        self
    }

    /// What lies beside each file of a table.
    pub(crate) fn beside(&self, table: &TableName) -> &[Beside] {
        self.beside.get(table).map_or(&[], Vec::as_slice)
    }

    /// When the files of tables are complete, where they say so.
    pub(super) fn completeness(&self) -> &BTreeMap<TableName, Completeness> {
        &self.completeness
    }

    /// The place of a table in that order.
    pub(super) fn rank(&self, table: &TableName) -> Option<usize> {
        self.order.iter().position(|other| other == table)
    }

    /// Whether a table is one of these, or refers to one.
    pub(super) fn is_behind(&self, table: &TableName, blocked: &BTreeSet<TableName>) -> bool {
        let references = self.references.get(table);
        blocked.contains(table) || references.is_some_and(|others| !others.is_disjoint(blocked))
    }

    /// Says what a name is for. Case does not matter, nor does the Unicode form.
    #[must_use]
    pub fn recognise(&self, name: &OsStr) -> Recognised {
        let folded = fold(name.as_bytes());
        if is_temporary(&folded) {
            return Recognised::Temporary;
        }
        match self.is_beside(name) {
            Some((table, what)) => Recognised::Beside { table, what },
            None => self.file(&folded),
        }
    }

    /// The table whose files have something of this name beside them.
    fn is_beside(&self, name: &OsStr) -> Option<(TableName, Beside)> {
        let mut all = self
            .beside
            .iter()
            .flat_map(|(table, all)| all.iter().map(move |what| (table, what)));
        let (table, what) = all.find(|(table, what)| {
            let file = what
                .file(name)
                .map(|file| self.file(&fold(file.as_bytes())));
            matches!(file, Some(Recognised::Delivery { table: of, .. }) if of == **table)
        })?;
        Some((table.clone(), what.clone()))
    }

    /// Whether the name says that the file is in another format, and no pattern takes it all the same.
    #[must_use]
    pub fn is_of_other_format(&self, name: &OsStr) -> bool {
        let folded = fold(name.as_bytes());
        let mut other = FOREIGN.iter().chain(&PACKED).chain(&OTHER);
        matches!(self.file(&folded), Recognised::Unknown(_))
            && other.any(|ending| folded.ends_with(ending))
    }

    fn file(&self, name: &str) -> Recognised {
        if FOREIGN.iter().any(|ending| name.ends_with(ending)) {
            return Recognised::Unknown(Unknown::Format);
        }
        if let Some(table) = self.by_pattern(name) {
            return delivery(table);
        }
        let Some(stem) = name.strip_suffix(".csv") else {
            return Recognised::Unknown(Unknown::Format);
        };
        match self.by_table_name(stem) {
            Some(table) => delivery(table),
            None => Recognised::Unknown(Unknown::Table),
        }
    }

    fn by_pattern(&self, name: &str) -> Option<&TableName> {
        let (_, table) = self
            .patterns
            .iter()
            .find(|(pattern, _)| matches(pattern, name))?;
        Some(table)
    }

    fn by_table_name(&self, stem: &str) -> Option<&TableName> {
        let (_, table) = self
            .named
            .iter()
            .find(|(table, _)| is_named_for(table, stem))?;
        Some(table)
    }
}

/// The name for logs and for people: control characters, characters that reorder or hide text,
/// and bytes that are not UTF-8 are written out, so that a name can neither forge a log line nor
/// move a terminal's cursor.
#[must_use]
pub fn display_name(name: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\'' => shown.push(character),
                _ => shown.extend(character.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

fn delivery(table: &TableName) -> Recognised {
    Recognised::Delivery {
        table: table.clone(),
        format: Format::Csv,
    }
}

/// Bytes that are not UTF-8 become U+FFFD, which no table name has, so they count as "anything".
fn fold(name: &[u8]) -> String {
    let name: String = String::from_utf8_lossy(name).nfc().collect();
    name.to_lowercase()
}

fn is_temporary(name: &str) -> bool {
    name.starts_with('.')
        || name.ends_with('~')
        || TEMPORARY.iter().any(|ending| name.ends_with(ending))
}

fn is_named_for(table: &str, stem: &str) -> bool {
    stem.strip_prefix(table)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', ' ']))
}

/// Whether the whole of `name` fits a pattern in which `*` is any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    // `split` yields at least one part.
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ReadyWhen;

    fn routes() -> Routes {
        let table = |name: &str| (TableName::new(name), None);
        Routes::new([
            table("users"),
            table("users-archive"),
            table("transactions"),
            (
                TableName::new("orders"),
                Some("Export_*_orders*.txt".into()),
            ),
            (TableName::new("prices"), Some("prices*".into())),
            table("rates"),
            (TableName::new("stock"), Some("stock*".into())),
        ])
        .with_sidecars(["rates", "stock"].map(TableName::new))
        .with_completeness([(TableName::new("stock"), with_marker(".ok"))])
    }

    fn with_marker(suffix: &str) -> Completeness {
        Completeness {
            ready: ReadyWhen::Marker(suffix.into()),
            ..Completeness::default()
        }
    }

    fn said(name: &[u8]) -> String {
        match routes().recognise(OsStr::from_bytes(name)) {
            Recognised::Temporary => "temporary".into(),
            Recognised::Beside { table, what } => {
                format!("{what:?} beside a file for {table}").to_lowercase()
            }
            Recognised::Unknown(Unknown::Table) => "unknown table".into(),
            Recognised::Unknown(Unknown::Format) => "unknown format".into(),
            Recognised::Delivery { table, .. } => format!("for {table}"),
        }
    }

    #[test]
    fn each_name_is_for_the_table_that_people_expect() {
        let table: &[(&[u8], &str)] = &[
            (b"users.csv", "for users"),
            (b"users.2026-11-21.csv", "for users"),
            (b"users-0042.csv", "for users"),
            (b"users (1).csv", "for users"),
            (b"Users.CSV", "for users"),
            (b"USERS-2024-01-01.Csv", "for users"),
            (b"users-\xff.csv", "for users"),
            (b"users \n\x1b[2J.csv", "for users"),
            ("users-\u{202e}vsc.csv".as_bytes(), "for users"),
            ("users-🐎.csv".as_bytes(), "for users"),
            (b"users-$(id).csv", "for users"),
            (b"users .csv", "for users"),
            (b"users-archive.csv", "for users-archive"),
            (b"users-archive-7.csv", "for users-archive"),
            (b"users-archives.csv", "for users"),
            (b"transactions.csv", "for transactions"),
            (b"users_archive.csv", "unknown table"),
            (b"users2.csv", "unknown table"),
            (b"user.csv", "unknown table"),
            (b" users.csv", "unknown table"),
            (b"-users.csv", "unknown table"),
            (b"public.users.csv", "unknown table"),
            (b"pg_authid.csv", "unknown table"),
            (b"users\"; drop table x;--.csv", "unknown table"),
            (b"$(id).csv", "unknown table"),
            (b"%2e%2e.csv", "unknown table"),
            (b"<img src=x>.csv", "unknown table"),
            (b"\xff\xfe.csv", "unknown table"),
            (b"users.csv.gz", "unknown format"),
            (b"users.json", "unknown format"),
            (b"users.xlsx", "unknown format"),
            (b"users", "unknown format"),
            (b"users.csv ", "unknown format"),
            (b".users.csv", "temporary"),
            (b"._users.csv", "temporary"),
            (b".DS_Store", "temporary"),
            (b"users.csv~", "temporary"),
            (b"users.csv.tmp", "temporary"),
            (b"users.csv.part", "temporary"),
            (b"users.csv.partial", "temporary"),
            (b"users.csv.filepart", "temporary"),
            (b"users.csv.crdownload", "temporary"),
            (b"users.csv.SWP", "temporary"),
        ];
        for (name, expected) in table {
            let shown = display_name(OsStr::from_bytes(name));
            assert_eq!(said(name), *expected, "{shown}");
        }
    }

    #[test]
    fn a_sidecar_is_known_by_its_file_where_the_table_has_sidecars() {
        let table: &[(&str, &str)] = &[
            ("rates-2026.csv", "for rates"),
            (
                "rates-2026.csv.effective",
                "effective beside a file for rates",
            ),
            (
                "Rates-2026.CSV.Effective",
                "effective beside a file for rates",
            ),
            ("rates-2026.effective", "unknown format"),
            ("rates.csv.effective.tmp", "temporary"),
            ("stock_7", "for stock"),
            ("stock_7.effective", "effective beside a file for stock"),
            ("users.csv.effective", "unknown format"),
            ("stock_7.ok", "marker(\".ok\") beside a file for stock"),
            ("stock_7.OK", "marker(\".ok\") beside a file for stock"),
            ("stock_7.ok.tmp", "temporary"),
            // The sign for Kelvin is another letter, and longer.
            ("stock_7.o\u{212a}", "for stock"),
            ("rates-2026.csv.ok", "unknown format"),
            ("users.csv.ok", "unknown format"),
        ];
        for (name, expected) in table {
            assert_eq!(said(name.as_bytes()), *expected, "{name}");
        }
    }

    #[test]
    fn a_pattern_takes_the_whole_name_and_replaces_the_rule() {
        let table: &[(&str, &str)] = &[
            ("export_7_orders.txt", "for orders"),
            ("EXPORT_7_ORDERS_late.TXT", "for orders"),
            ("export_7_orders.txt.tmp", "temporary"),
            ("my_export_7_orders.txt", "unknown format"),
            ("export_orders.txt", "unknown format"),
            ("orders.csv", "unknown table"),
            ("prices", "for prices"),
            ("prices_eu.csv", "for prices"),
            ("prices.csv.gz", "unknown format"),
        ];
        for (name, expected) in table {
            assert_eq!(said(name.as_bytes()), *expected, "{name}");
        }
    }

    #[test]
    fn what_is_packed_is_to_be_unpacked_and_nothing_else() {
        for (name, part) in [
            ("users.csv.GZ", "unpack it"),
            ("users.tgz", "unpack it"),
            ("users.tsv", "with commas"),
            ("users.xlsx", "save it as CSV"),
            ("users.txt", "save it as CSV"),
        ] {
            assert!(other_format(name).ends_with(part) || other_format(name).contains(part));
            assert_eq!(other_format(name).contains("unpack"), part == "unpack it");
        }
    }

    #[test]
    fn a_pattern_may_take_what_is_not_called_csv() {
        let tables = [(TableName::new("users"), Some("users*.tsv".into()))];
        let routes = Routes::new(tables);
        for (name, other) in [
            ("users.tsv", false),
            ("other.tsv", true),
            ("users.xlsx", true),
            ("export-17", false),
            ("export-17.txt", false),
        ] {
            assert_eq!(routes.is_of_other_format(OsStr::new(name)), other, "{name}");
        }
    }

    #[test]
    fn a_star_may_stand_for_nothing_but_no_character_serves_twice() {
        for (pattern, name, fits) in [
            ("a*a", "aa", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("ab*ba", "aba", false),
            ("a*b*c", "a-b-b-c", true),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_name() {
        let routes = Routes::new([(TableName::new("caf\u{e9}"), None)]);
        let name = OsStr::from_bytes("cafe\u{301}.csv".as_bytes());
        assert!(matches!(
            routes.recognise(name),
            Recognised::Delivery { .. }
        ));
    }

    #[test]
    fn a_shown_name_holds_nothing_that_moves_a_cursor_or_ends_a_line() {
        let table: &[(&[u8], &str)] = &[
            (b"users (1).csv", "users (1).csv"),
            (b"it's \"so\".csv", "it's \"so\".csv"),
            (b"a\nb\t\x1b[2J\0", "a\\nb\\t\\u{1b}[2J\\0"),
            (b"\xff.csv", "\\xff.csv"),
            ("\u{202e}vsc".as_bytes(), "\\u{202e}vsc"),
            ("\u{200b}\u{feff}x".as_bytes(), "\\u{200b}\\u{feff}x"),
            ("\u{2028}".as_bytes(), "\\u{2028}"),
            ("é🐎".as_bytes(), "é🐎"),
            (b"a\\b", "a\\\\b"),
        ];
        for (name, expected) in table {
            assert_eq!(display_name(OsStr::from_bytes(name)), *expected);
        }
    }
}
