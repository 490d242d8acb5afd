//! One `[tables.x]` of `hayloft.toml`.

use chrono_tz::Tz;

use super::At;
use super::complete::CompleteEntry;
use super::history::{self, HistoryEntry};
use crate::contract::fault::Problem;
use crate::contract::section::{NamedValue, Section, Word};
use crate::contract::{
    Canonical, Duplicates, EmptyAs, Guards, MaxChange, OnDone, Redelivery, Role, TableName,
    UnknownColumns, Unresolved,
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
    /// When a file of it is complete, where that is another than for all.
    pub watch: CompleteEntry,
    /// The columns of which anything is said.
    pub columns: Vec<ColumnEntry>,
    /// Whether it is known which dimensions it refers to.
    pub references: ReferencesRead,
    /// What is wrong with the section. Where there is anything, something else may stand in its place
    /// above, and nothing is loaded by it.
    pub problems: Vec<Problem>,
}

/// Whether what a section says of references could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReferencesRead {
    /// All of it.
    Whole,
    /// Not all of it, or it is not known whether the table may have any.
    Partly,
}

/// What only one kind of table has.
#[derive(Clone, PartialEq, Debug)]
pub enum KindEntry {
    /// A slowly changing dimension.
    Dimension {
        /// The name of the column that is made from the natural key.
        durable_key: At<String>,
        /// How its history is made.
        history: HistoryEntry,
    },
    /// Facts.
    Fact {
        /// The columns that name a member of a dimension.
        references: Vec<ReferenceEntry>,
        /// What becomes of a fact whose member is unknown.
        unresolved: Unresolved,
    },
}

/// `references = { user_id = "users" }`, or `{ user_id = { to = "users", from = ["user_email"] } }`
#[derive(Clone, PartialEq, Debug)]
pub struct ReferenceEntry {
    /// The fact's column.
    pub column: String,
    /// The dimension.
    pub dimension: At<String>,
    /// The fields of a file that name the member, in the order of the dimension's key; those of the key's
    /// own names, where nothing is said.
    pub from: Option<Vec<At<String>>>,
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
    /// What a change of it means.
    pub role: Option<At<Role>>,
}

impl TableEntry {
    /// Reads one section. Where something is wrong, the problem is noted and a default or an
    /// empty name stands in its place, so that the rest is checked too.
    pub(super) fn read(name: &str, mut section: Section<'_>) -> Self {
        let source = section.source();
        let before = source.count();
        let word = read_kind_word(&mut section);
        let (kind, references_read) = read_kind(&mut section, word);
        let mut entry = Self {
            name: TableName::new(name),
            line: section.line(),
            pattern: section.name("match").map(|at| at.value),
            key: read_key(&mut section),
            duplicates: read_duplicates(&mut section, &kind),
            unknown_columns: read_unknown_columns(&mut section, word),
            guards: section
                .section("guards")
                .map_or(Guards::DEFAULT, |guards| read_guards(guards, word)),
            redelivery: section
                .word("redelivery", REDELIVERY)
                .unwrap_or(Redelivery::Auto),
            on_done: section.word("on_done", ON_DONE).unwrap_or(OnDone::Delete),
            zone: section.zone("zone").map_or(Tz::UTC, |at| at.value),
            null_tokens: values(section.texts("null_tokens")).unwrap_or_default(),
            watch: section
                .section("watch")
                .map(CompleteEntry::read_whole)
                .unwrap_or_default(),
            columns: section
                .section("columns")
                .map(|columns| read_columns(columns, word))
                .unwrap_or_default(),
            kind,
            references: references_read,
            problems: Vec::new(),
        };
        for key in NOT_YET {
            section.refuse_not_yet(key);
        }
        section.finish();
        entry.problems = source.take_after(before);
        entry
    }
}

/// Settings that are promised and not kept yet.
const NOT_YET: &[&str] = &["scope", "null_means", "previous_key"];

const NO_KIND: KindEntry = KindEntry::Fact {
    references: Vec::new(),
    unresolved: Unresolved::Hold,
};

const DUPLICATES: &[(&str, Word<Duplicates>)] = &[
    ("last", Word::Means(Duplicates::Last)),
    ("first", Word::Means(Duplicates::First)),
    ("reject_key", Word::Means(Duplicates::RejectKey)),
    ("fail_file", Word::Means(Duplicates::FailFile)),
];

const ON_NEW_COLUMN: &[(&str, Word<UnknownColumns>)] = &[
    ("fail", Word::Means(UnknownColumns::Refuse)),
    ("ignore", Word::Means(UnknownColumns::Ignore)),
    ("fill_current", Word::Means(UnknownColumns::FillCurrent)),
    ("version", Word::Means(UnknownColumns::Version)),
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

const ROLES: &[(&str, Word<Role>)] = &[
    ("type2", Word::Means(Role::Type2)),
    ("type1", Word::Means(Role::Type1)),
    ("type0", Word::Means(Role::Type0)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum KindWord {
    Dimension,
    Fact,
    /// It is said, but not in a word that is known. Which settings the table may have is not
    /// known either, so nothing is said of them.
    Unclear,
}

const KINDS: &[(&str, Word<KindWord>)] = &[
    ("dimension", Word::Means(KindWord::Dimension)),
    ("fact", Word::Means(KindWord::Fact)),
];

fn read_kind_word(section: &mut Section<'_>) -> KindWord {
    let without = if section.has("kind") {
        KindWord::Unclear
    } else {
        KindWord::Dimension
    };
    section.word("kind", KINDS).unwrap_or(without)
}

fn read_kind(section: &mut Section<'_>, word: KindWord) -> (KindEntry, ReferencesRead) {
    let durable_key = section.name("durable_key");
    let history = history::read(section);
    let noted = section.source().count();
    let references = section.section("references").map(read_references);
    let read = if section.source().count() > noted || word == KindWord::Unclear {
        ReferencesRead::Partly
    } else {
        ReferencesRead::Whole
    };
    let unresolved = section.word("unresolved", UNRESOLVED);
    let kind = match word {
        KindWord::Unclear => NO_KIND,
        KindWord::Dimension => {
            refuse_foreign(section, "fact", &["references", "unresolved"]);
            KindEntry::Dimension {
                durable_key: durable_key.unwrap_or_else(|| missing_durable_key(section)),
                history: history.check(section),
            }
        }
        KindWord::Fact => {
            refuse_foreign(section, "dimension", &["durable_key"]);
            refuse_foreign(section, "dimension", history::SETTINGS);
            KindEntry::Fact {
                references: references.unwrap_or_default(),
                unresolved: unresolved.unwrap_or(Unresolved::Hold),
            }
        }
    };
    (kind, read)
}

/// Refuses settings that only tables of the given kind have.
fn refuse_foreign(section: &Section<'_>, kind: &str, settings: &[&str]) {
    for key in settings {
        if let Some(line) = section.line_at(key) {
            let (path, own) = (section.path_of(key), section.path_of("kind"));
            section.refuse(
                line,
                format!("{path} is a setting of a {kind}. Remove it, or write {own} = {kind:?}."),
            );
        }
    }
}

/// The same in a section below the table's, where the kind is not said.
fn refuse_in_fact(section: &Section<'_>, word: KindWord, settings: &[&str]) {
    if word != KindWord::Fact {
        return;
    }
    for key in settings {
        if let Some(line) = section.line_at(key) {
            let path = section.path_of(key);
            section.refuse(
                line,
                format!("{path} is a setting of a dimension. Remove it."),
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
        .named_values()
        .into_iter()
        .filter_map(|(column, value)| read_reference(column, value))
        .collect()
}

fn read_reference(column: String, value: NamedValue<'_>) -> Option<ReferenceEntry> {
    let mut section = match value {
        NamedValue::Text(dimension) => {
            return Some(ReferenceEntry {
                column,
                dimension,
                from: None,
            });
        }
        NamedValue::Section(section) => section,
    };
    let dimension = section.name("to");
    if !section.has("to") {
        let (line, path) = (section.line(), section.own_path().to_owned());
        section.refuse(
            line,
            format!(
                "{path} does not say which dimension it refers to. Write to = \"users\" in it."
            ),
        );
    }
    let from = section.texts("from");
    section.finish();
    Some(ReferenceEntry {
        column,
        dimension: dimension?,
        from,
    })
}

/// In a feed the order of the lines says which row is the last, so there is nothing to choose.
fn read_duplicates(section: &mut Section<'_>, kind: &KindEntry) -> Duplicates {
    let duplicates = section.word_at("duplicates", DUPLICATES);
    let is_feed = matches!(
        kind,
        KindEntry::Dimension { history, .. } if history.is_feed()
    );
    if let Some(at) = duplicates
        .as_ref()
        .filter(|at| is_feed && at.value != Duplicates::Last)
    {
        let path = section.path_of("duplicates");
        section.refuse(
            at.line,
            format!(
                "{path} can only be \"last\" in a feed: what was done last stands on the last \
                 line. Remove it."
            ),
        );
    }
    duplicates.map_or(Duplicates::Last, |at| at.value)
}

fn read_unknown_columns(section: &mut Section<'_>, word: KindWord) -> UnknownColumns {
    let unknown = section.word_at("on_new_column", ON_NEW_COLUMN);
    if let Some(at) = unknown
        .as_ref()
        .filter(|at| at.value == UnknownColumns::Version && word == KindWord::Fact)
    {
        let path = section.path_of("on_new_column");
        section.refuse(
            at.line,
            format!(
                "{path} = \"version\" is for a dimension, and a fact has no versions. Write \
                 \"fill_current\"."
            ),
        );
    }
    unknown.map_or(UnknownColumns::Refuse, |at| at.value)
}

fn read_guards(mut section: Section<'_>, word: KindWord) -> Guards {
    let default = Guards::DEFAULT;
    let guards = Guards {
        max_reject_rows: section.count("max_reject_rows", 0),
        max_reject_fraction: section
            .fraction("max_reject_fraction")
            .unwrap_or(default.max_reject_fraction),
        min_rows: section.count("min_rows", 1).unwrap_or(default.min_rows),
        max_close_rows: section.count("max_close_rows", 0),
        max_close_fraction: section
            .fraction("max_close_fraction")
            .unwrap_or(default.max_close_fraction),
        max_change_rows: section.count("max_change_rows", 0),
        max_change: section
            .fraction("max_change_fraction")
            .map_or(default.max_change, MaxChange::Fraction),
    };
    let of_dimensions = ["min_rows", "max_close_rows", "max_close_fraction"];
    refuse_in_fact(&section, word, &of_dimensions);
    section.finish();
    guards
}

fn read_columns(section: Section<'_>, word: KindWord) -> Vec<ColumnEntry> {
    section
        .named_sections()
        .into_iter()
        .map(|(name, column)| read_column(name, column, word))
        .collect()
}

fn read_column(name: String, mut section: Section<'_>, word: KindWord) -> ColumnEntry {
    let entry = ColumnEntry {
        name,
        line: section.line(),
        format: section.name("format"),
        zone: section.zone("zone"),
        canonical: section.word_at("canonical", CANONICAL),
        null_tokens: values(section.texts("null_tokens")),
        empty_as: section.word_at("empty_as", EMPTY_AS),
        role: section.word_at("role", ROLES),
    };
    refuse_in_fact(&section, word, &["role"]);
    section.finish();
    entry
}

fn values(texts: Option<Vec<At<String>>>) -> Option<Vec<String>> {
    texts.map(|texts| texts.into_iter().map(|at| at.value).collect())
}
