//! One `[tables.x]` of `hayloft.toml`.

use chrono_tz::Tz;

use super::At;
use crate::contract::section::{Section, Word};
use crate::contract::{
    Canonical, Duplicates, EmptyAs, Guards, OnDone, Redelivery, TableName, UnknownColumns,
    Unresolved,
};

/// What a person wrote about one table, with every default in place.
#[derive(Clone, PartialEq, Debug)]
pub struct TableEntry {
    /// The table's name, which its files are named for.
    pub name: TableName,
    /// The line that the section begins on.
    pub line: usize,
    /// Which file names belong to the table, if not `<table>*`.
    pub pattern: Option<String>,
    /// Dimension or fact, with what only that kind has.
    pub kind: KindEntry,
    /// The natural key: names of columns.
    pub key: Vec<At<String>>,
    /// What becomes of rows of one file that share a key but differ.
    pub duplicates: Duplicates,
    /// What becomes of a column that the table does not have.
    pub unknown_columns: UnknownColumns,
    /// When too many rejects refuse the whole file.
    pub guards: Guards,
    /// Whether bytes that were loaded before are loaded again.
    pub redelivery: Redelivery,
    /// What becomes of a file once it is loaded.
    pub on_done: OnDone,
    /// The zone of timestamps that name none, where the column says nothing else.
    pub zone: Tz,
    /// Texts that mean NULL, where the column says nothing else.
    pub null_tokens: Vec<String>,
    /// The columns of which anything is said.
    pub columns: Vec<ColumnEntry>,
}

/// What only one kind of table has.
#[derive(Clone, PartialEq, Debug)]
pub enum KindEntry {
    /// A slowly changing dimension.
    Dimension {
        /// The name of the column that is made from the natural key.
        durable_key: At<String>,
    },
    /// Facts.
    Fact {
        /// The columns that name a member of a dimension.
        references: Vec<ReferenceEntry>,
        /// What becomes of a fact whose member is unknown.
        unresolved: Unresolved,
    },
}

/// `references = { user_id = "users" }`
#[derive(Clone, PartialEq, Debug)]
pub struct ReferenceEntry {
    /// The fact's column.
    pub column: String,
    /// The dimension.
    pub dimension: At<String>,
}

impl ReferenceEntry {
    /// The fact's column, with its line.
    #[must_use]
    pub fn name(&self) -> At<String> {
        At {
            value: self.column.clone(),
            line: self.dimension.line,
        }
    }
}

/// What a person wrote about one column.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnEntry {
    /// The column's name.
    pub name: String,
    /// The line that it stands on.
    pub line: usize,
    /// The strftime pattern of a date or a timestamp.
    pub format: Option<At<String>>,
    /// The zone of timestamps that name none.
    pub zone: Option<At<Tz>>,
    /// The canonical form of a text.
    pub canonical: Option<At<Canonical>>,
    /// Texts that mean NULL.
    pub null_tokens: Option<Vec<String>>,
    /// What an empty field means.
    pub empty_as: Option<At<EmptyAs>>,
}

impl TableEntry {
    /// Reads one section. Where something is wrong, the problem is noted and a default or an
    /// empty name stands in its place, so that the rest is checked too; a file with a problem is
    /// never given out.
    pub(super) fn read(name: &str, mut section: Section<'_>) -> Self {
        refuse_what_is_not_kept_yet(&mut section);
        let entry = Self {
            name: TableName::new(name),
            line: section.line(),
            pattern: section.name("match").map(|at| at.value),
            kind: read_kind(&mut section),
            key: read_key(&mut section),
            duplicates: section
                .word("duplicates", DUPLICATES)
                .unwrap_or(Duplicates::Last),
            unknown_columns: section
                .word("on_new_column", ON_NEW_COLUMN)
                .unwrap_or(UnknownColumns::Refuse),
            guards: section
                .section("guards")
                .map_or(DEFAULT_GUARDS, read_guards),
            redelivery: section
                .word("redelivery", REDELIVERY)
                .unwrap_or(Redelivery::Auto),
            on_done: section.word("on_done", ON_DONE).unwrap_or(OnDone::Delete),
            zone: section.zone("zone").map_or(Tz::UTC, |at| at.value),
            null_tokens: values(section.texts("null_tokens")).unwrap_or_default(),
            columns: section
                .section("columns")
                .map(read_columns)
                .unwrap_or_default(),
        };
        section.finish();
        entry
    }
}

const DEFAULT_GUARDS: Guards = Guards {
    max_reject_rows: None,
    max_reject_fraction: 0.1,
    min_rows: 1,
    max_close_rows: None,
    max_close_fraction: 0.2,
};

const NO_KIND: KindEntry = KindEntry::Fact {
    references: Vec::new(),
    unresolved: Unresolved::Hold,
};

const MODES: &[(&str, Word<()>)] = &[
    ("incremental", Word::Means(())),
    ("snapshot", Word::NotYet),
    ("feed", Word::NotYet),
];

const EFFECTIVE: &[(&str, Word<()>)] = &[
    ("load_time", Word::Means(())),
    ("file_name", Word::NotYet),
    ("mtime", Word::NotYet),
    ("sidecar", Word::NotYet),
    ("column", Word::NotYet),
];

const DUPLICATES: &[(&str, Word<Duplicates>)] = &[
    ("last", Word::Means(Duplicates::Last)),
    ("first", Word::Means(Duplicates::First)),
    ("reject_key", Word::Means(Duplicates::RejectKey)),
    ("fail_file", Word::Means(Duplicates::FailFile)),
];

const ON_NEW_COLUMN: &[(&str, Word<UnknownColumns>)] = &[
    ("fail", Word::Means(UnknownColumns::Refuse)),
    ("ignore", Word::Means(UnknownColumns::Ignore)),
    ("fill_current", Word::NotYet),
    ("version", Word::NotYet),
];

const REDELIVERY: &[(&str, Word<Redelivery>)] = &[
    ("auto", Word::Means(Redelivery::Auto)),
    ("always", Word::Means(Redelivery::Always)),
];

const ON_DONE: &[(&str, Word<OnDone>)] = &[
    ("delete", Word::Means(OnDone::Delete)),
    ("archive", Word::Means(OnDone::Archive)),
    ("keep", Word::Means(OnDone::Keep)),
];

const UNRESOLVED: &[(&str, Word<Unresolved>)] = &[
    ("hold", Word::Means(Unresolved::Hold)),
    ("reject", Word::Means(Unresolved::Reject)),
];

const CANONICAL: &[(&str, Word<Canonical>)] = &[("email", Word::Means(Canonical::Email))];

const EMPTY_AS: &[(&str, Word<EmptyAs>)] = &[
    ("null", Word::Means(EmptyAs::Null)),
    ("empty", Word::Means(EmptyAs::Empty)),
];

#[derive(Clone, Copy)]
enum KindWord {
    Dimension,
    Fact,
}

const KINDS: &[(&str, Word<KindWord>)] = &[
    ("dimension", Word::Means(KindWord::Dimension)),
    ("fact", Word::Means(KindWord::Fact)),
];

/// `mode` and `effective` may be written, so that a contract can say what it relies on; each has
/// one value so far.
fn refuse_what_is_not_kept_yet(section: &mut Section<'_>) {
    section.word("mode", MODES);
    section.word("effective", EFFECTIVE);
}

fn read_kind(section: &mut Section<'_>) -> KindEntry {
    let kind = section.word("kind", KINDS);
    let durable_key = section.name("durable_key");
    let references = section.section("references");
    let unresolved = section.word_at("unresolved", UNRESOLVED);
    match kind {
        // Which settings it may have is not known, so nothing is said of them.
        None if section.has("kind") => NO_KIND,
        None | Some(KindWord::Dimension) => {
            let of_facts = [
                ("references", references.map(|at| at.line())),
                ("unresolved", unresolved.map(|at| at.line)),
            ];
            refuse_foreign(section, "fact", of_facts);
            KindEntry::Dimension {
                durable_key: durable_key.unwrap_or_else(|| missing_durable_key(section)),
            }
        }
        Some(KindWord::Fact) => {
            refuse_foreign(
                section,
                "dimension",
                [("durable_key", durable_key.map(|at| at.line))],
            );
            KindEntry::Fact {
                references: references.map(read_references).unwrap_or_default(),
                unresolved: unresolved.map_or(Unresolved::Hold, |at| at.value),
            }
        }
    }
}

fn refuse_foreign<const N: usize>(
    section: &Section<'_>,
    kind: &str,
    settings: [(&str, Option<usize>); N],
) {
    for (key, line) in settings {
        if let Some(line) = line {
            let (path, own) = (section.path_of(key), section.path_of("kind"));
            section.refuse(
                line,
                format!("{path} is a setting of a {kind}. Remove it, or write {own} = {kind:?}."),
            );
        }
    }
}

fn missing_durable_key(section: &Section<'_>) -> At<String> {
    let line = section.line();
    if !section.has("durable_key") {
        let path = section.path_of("durable_key");
        section.refuse(
            line,
            format!(
                "{path} is missing: the uuid column that is made from the key. Add a line like \
                 durable_key = \"user_id\", or kind = \"fact\" if the table has no history."
            ),
        );
    }
    At {
        value: String::new(),
        line,
    }
}

fn read_key(section: &mut Section<'_>) -> Vec<At<String>> {
    let path = section.path_of("key");
    let Some(key) = section.texts("key") else {
        if !section.has("key") {
            section.refuse(
                section.line(),
                format!(
                    "{path} is missing: the columns that say which rows are about the same thing. \
                     Add a line like key = [\"email\"]."
                ),
            );
        }
        return Vec::new();
    };
    if key.is_empty() {
        section.refuse(
            section.line(),
            format!("{path} names no column. Name at least one, like key = [\"email\"]."),
        );
    }
    for (index, part) in key.iter().enumerate() {
        if key
            .iter()
            .take(index)
            .any(|earlier| earlier.value == part.value)
        {
            section.refuse(
                part.line,
                format!("{path} names {:?} twice. Remove one.", part.value),
            );
        }
    }
    key
}

fn read_references(section: Section<'_>) -> Vec<ReferenceEntry> {
    section
        .named_texts()
        .into_iter()
        .map(|(column, dimension)| ReferenceEntry { column, dimension })
        .collect()
}

fn read_guards(mut section: Section<'_>) -> Guards {
    let guards = Guards {
        max_reject_rows: section.count("max_reject_rows", 0),
        max_reject_fraction: section
            .fraction("max_reject_fraction")
            .unwrap_or(DEFAULT_GUARDS.max_reject_fraction),
        ..DEFAULT_GUARDS
    };
    section.finish();
    guards
}

fn read_columns(section: Section<'_>) -> Vec<ColumnEntry> {
    section
        .named_sections()
        .into_iter()
        .map(|(name, column)| read_column(name, column))
        .collect()
}

fn read_column(name: String, mut section: Section<'_>) -> ColumnEntry {
    let entry = ColumnEntry {
        name,
        line: section.line(),
        format: section.name("format"),
        zone: section.zone("zone"),
        canonical: section.word_at("canonical", CANONICAL),
        null_tokens: values(section.texts("null_tokens")),
        empty_as: section.word_at("empty_as", EMPTY_AS),
    };
    section.finish();
    entry
}

fn values(texts: Option<Vec<At<String>>>) -> Option<Vec<String>> {
    texts.map(|texts| texts.into_iter().map(|at| at.value).collect())
}
