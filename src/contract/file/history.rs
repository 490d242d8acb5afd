//! The settings of one `[tables.x]` that say how its history is made.
//!
//! In: a section. Out: a [`HistoryEntry`] whose settings go together. Whether the fields that it
//! names are columns of the table too, and what those are like, is not known here.

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::At;
use crate::contract::section::{Section, Word};
use crate::contract::{Deletes, Late};

/// What a person wrote about a dimension's history, with every default in place.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryEntry {
    /// What a row, and an absent row, means.
    pub mode: ModeEntry,
    /// From when on what a file says holds.
    pub effective: EffectiveEntry,
    /// The fields that decide between rows of one key at one instant.
    pub sequence: Vec<At<String>>,
    /// What becomes of a key that is said to be absent.
    pub deletes: Deletes,
    /// What becomes of a row that comes late.
    pub late: Late,
    /// Rows older than this are refused, if there is a limit.
    pub horizon: Option<TimeDelta>,
    /// How far ahead of the clock an instant may lie.
    pub max_future: TimeDelta,
}

/// What a row, and an absent row, means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModeEntry {
    /// An absent row says nothing.
    Incremental,
    /// A key without a row is absent.
    Snapshot,
    /// A field tells what was done.
    Feed {
        /// The field's name.
        op: At<String>,
    },
}

/// From when on what a file says holds. A zone that is not said is the table's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EffectiveEntry {
    /// From the time of the load.
    LoadTime,
    /// From the instant in a field of each row.
    Column {
        /// The field's name.
        name: At<String>,
        /// Its strftime pattern.
        format: Option<At<String>>,
        /// The zone of instants that name none.
        zone: Option<Tz>,
    },
    /// From the instant in the file's name.
    FileName {
        /// The strftime pattern of the part that is an instant.
        pattern: At<String>,
        /// The zone of instants that name none.
        zone: Option<Tz>,
    },
    /// From the instant in the file beside it.
    Sidecar,
}

impl HistoryEntry {
    pub(super) fn is_feed(&self) -> bool {
        matches!(self.mode, ModeEntry::Feed { .. })
    }
}

/// The settings that are read here: a table of facts has none of them.
pub(super) const SETTINGS: &[&str] = &[
    "mode",
    "op",
    "effective",
    "sequence",
    "deletes",
    "late",
    "horizon",
    "max_future",
];

/// What was written, each setting on its own.
pub(super) struct Written {
    mode: ModeWord,
    op: Option<At<String>>,
    effective: Option<At<EffectiveEntry>>,
    sequence: Option<Vec<At<String>>>,
    deletes: Option<At<Deletes>>,
    late: Option<Late>,
    horizon: Option<At<TimeDelta>>,
    max_future: Option<At<TimeDelta>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ModeWord {
    Incremental,
    Snapshot,
    Feed,
    /// It is said, but not in a word that is known: nothing follows from it.
    Unclear,
}

#[derive(Clone, Copy)]
enum EffectiveWord {
    LoadTime,
    Column,
    FileName,
    Sidecar,
}

const MODES: &[(&str, Word<ModeWord>)] = &[
    ("incremental", Word::Means(ModeWord::Incremental)),
    ("snapshot", Word::Means(ModeWord::Snapshot)),
    ("feed", Word::Means(ModeWord::Feed)),
];

const EFFECTIVE: &[(&str, Word<EffectiveWord>)] = &[
    ("load_time", Word::Means(EffectiveWord::LoadTime)),
    ("column", Word::Means(EffectiveWord::Column)),
    ("file_name", Word::Means(EffectiveWord::FileName)),
    ("sidecar", Word::Means(EffectiveWord::Sidecar)),
    ("mtime", Word::NotYet),
];

/// What the instant in a field is to the row.
const INSTANTS: &[(&str, Word<()>)] = &[("exact", Word::Means(())), ("hint", Word::NotYet)];

const DELETES: &[(&str, Word<Deletes>)] = &[
    ("close", Word::Means(Deletes::Close)),
    ("ignore", Word::Means(Deletes::Ignore)),
    ("tombstone_row", Word::NotYet),
];

const LATE: &[(&str, Word<Late>)] = &[
    ("fix", Word::Means(Late::Fix)),
    ("reject", Word::Means(Late::Reject)),
    ("arrival", Word::NotYet),
];

/// Reads the settings, whatever the kind of the table.
pub(super) fn read(section: &mut Section<'_>) -> Written {
    let without = if section.has("mode") {
        ModeWord::Unclear
    } else {
        ModeWord::Incremental
    };
    Written {
        mode: section.word("mode", MODES).unwrap_or(without),
        op: section.name("op"),
        effective: read_effective(section),
        sequence: section.texts("sequence"),
        deletes: section.word_at("deletes", DELETES),
        late: section.word("late", LATE),
        horizon: section.period("horizon"),
        max_future: section.period("max_future"),
    }
}

/// `None`, and a problem, where it cannot be understood.
fn read_effective(section: &mut Section<'_>) -> Option<At<EffectiveEntry>> {
    if section.has_table("effective") {
        return read_effective_table(section.section("effective")?);
    }
    let word = section.word_at("effective", EFFECTIVE)?;
    let example = match word.value {
        EffectiveWord::LoadTime => return Some(at(word.line, EffectiveEntry::LoadTime)),
        EffectiveWord::Sidecar => return Some(at(word.line, EffectiveEntry::Sidecar)),
        EffectiveWord::Column => COLUMN_EXAMPLE,
        EffectiveWord::FileName => FILE_NAME_EXAMPLE,
    };
    let path = section.path_of("effective");
    section.refuse(
        word.line,
        format!("{path} does not say which. Write effective = {example}."),
    );
    None
}

const COLUMN_EXAMPLE: &str = "{ column = \"changed_at\" }";
const FILE_NAME_EXAMPLE: &str = "{ file_name = \"%Y-%m-%d\" }";

fn read_effective_table(mut section: Section<'_>) -> Option<At<EffectiveEntry>> {
    let line = section.line();
    let column = section.name("column");
    let file_name = section.name("file_name");
    let zone = section.zone("zone").map(|at| at.value);
    section.refuse_not_yet("mtime");
    let is_column = section.has("column");
    let is_either = is_column || section.has("file_name") || section.has("mtime");
    let format = is_column.then(|| section.name("format")).flatten();
    if is_column {
        section.word("role", INSTANTS);
    }
    if !is_either || (is_column && section.has("file_name")) {
        section.refuse(
            line,
            format!(
                "{} must have one of column and file_name. Write {COLUMN_EXAMPLE} or \
                 {FILE_NAME_EXAMPLE}.",
                section.own_path()
            ),
        );
    }
    section.finish();
    let effective = match (column, file_name) {
        (Some(name), None) => EffectiveEntry::Column { name, format, zone },
        (None, Some(pattern)) => EffectiveEntry::FileName { pattern, zone },
        _ => return None,
    };
    Some(at(line, effective))
}

fn at<T>(line: usize, value: T) -> At<T> {
    At { value, line }
}

impl Written {
    /// What a dimension makes of it. Where settings do not go together, the problem is noted.
    pub(super) fn check(self, section: &Section<'_>) -> HistoryEntry {
        self.check_mode(section);
        self.check_fields(section);
        self.check_deletes(section);
        self.check_horizon(section);
        HistoryEntry {
            deletes: self
                .deletes
                .map_or_else(|| default_deletes(self.mode), |deletes| deletes.value),
            mode: match self.mode {
                ModeWord::Incremental | ModeWord::Unclear => ModeEntry::Incremental,
                ModeWord::Snapshot => ModeEntry::Snapshot,
                ModeWord::Feed => ModeEntry::Feed {
                    op: self.op.unwrap_or_else(|| at(section.line(), String::new())),
                },
            },
            effective: self
                .effective
                .map_or(EffectiveEntry::LoadTime, |effective| effective.value),
            sequence: self.sequence.unwrap_or_default(),
            late: self.late.unwrap_or(Late::Fix),
            horizon: self.horizon.map(|horizon| horizon.value),
            max_future: self
                .max_future
                .map_or(TimeDelta::days(1), |max_future| max_future.value),
        }
    }

    fn check_mode(&self, section: &Section<'_>) {
        match self.mode {
            ModeWord::Feed => {
                Self::require_op(section);
                self.require_column(section);
            }
            ModeWord::Snapshot => {
                self.refuse_op(section);
                self.refuse_column(section);
            }
            ModeWord::Incremental => self.refuse_op(section),
            ModeWord::Unclear => {}
        }
    }

    fn require_op(section: &Section<'_>) {
        if !section.has("op") {
            let path = section.path_of("op");
            section.refuse(
                section.line_at("mode").unwrap_or(section.line()),
                format!(
                    "{path} is missing: the field of a feed that tells what was done. Add a line \
                     like op = \"op\"."
                ),
            );
        }
    }

    fn refuse_op(&self, section: &Section<'_>) {
        if let Some(op) = &self.op {
            let (path, mode) = (section.path_of("op"), section.path_of("mode"));
            section.refuse(
                op.line,
                format!("{path} is a setting of a feed. Remove it, or write {mode} = \"feed\"."),
            );
        }
    }

    fn require_column(&self, section: &Section<'_>) {
        let is_column = |effective: &At<EffectiveEntry>| {
            matches!(effective.value, EffectiveEntry::Column { .. })
        };
        let is_unclear = self.effective.is_none() && section.has("effective");
        if !is_unclear && !self.effective.as_ref().is_some_and(is_column) {
            let path = section.path_of("effective");
            let line = section
                .line_at("effective")
                .or_else(|| section.line_at("mode"));
            section.refuse(
                line.unwrap_or(section.line()),
                format!(
                    "{path} must name a field in a feed: each row holds from an instant of its \
                     own. Add a line like effective = {COLUMN_EXAMPLE}."
                ),
            );
        }
    }

    fn refuse_column(&self, section: &Section<'_>) {
        if let Some(At {
            value: EffectiveEntry::Column { .. },
            line,
        }) = self.effective
        {
            let path = section.path_of("effective");
            section.refuse(
                line,
                format!(
                    "{path} names a field, and all rows of a snapshot hold from one instant. Take \
                     it from the file's name, like {FILE_NAME_EXAMPLE}, or remove the line for the \
                     time of the load."
                ),
            );
        }
    }

    /// A field means one thing.
    fn check_fields(&self, section: &Section<'_>) {
        let effective = match &self.effective {
            Some(At {
                value: EffectiveEntry::Column { name, .. },
                ..
            }) => Some(name),
            _ => None,
        };
        let sequence = self.sequence.as_deref();
        if sequence.is_some_and(<[_]>::is_empty) {
            refuse_empty_sequence(section);
        }
        let mut seen: Vec<(&str, &str)> = Vec::new();
        let single = [("op", self.op.as_ref()), ("effective", effective)];
        let fields = single
            .into_iter()
            .filter_map(|(setting, field)| Some((setting, field?)))
            .chain(
                sequence
                    .unwrap_or_default()
                    .iter()
                    .map(|field| ("sequence", field)),
            );
        for (setting, field) in fields {
            let name = field.value.as_str();
            let path = section.path_of(setting);
            if name.is_empty() {
                section.refuse(field.line, format!("{path} has an empty name. Remove it."));
            } else if let Some((earlier, _)) = seen.iter().find(|(_, other)| is_same(other, name)) {
                let sentence = if *earlier == setting {
                    format!("{path} names {name:?} twice. Remove one.")
                } else {
                    let earlier = section.path_of(earlier);
                    format!("{path} names {name:?}, and so does {earlier}. Remove one.")
                };
                section.refuse(field.line, sentence);
            }
            seen.push((setting, name));
        }
    }

    fn check_deletes(&self, section: &Section<'_>) {
        if let (
            ModeWord::Incremental,
            Some(At {
                value: Deletes::Close,
                line,
            }),
        ) = (self.mode, &self.deletes)
        {
            let (path, mode) = (section.path_of("deletes"), section.path_of("mode"));
            section.refuse(
                *line,
                format!(
                    "{path} = \"close\" closes nothing here: no row of an incremental file is a \
                     delete. Remove it, or write {mode} = \"snapshot\" or \"feed\"."
                ),
            );
        }
    }

    fn check_horizon(&self, section: &Section<'_>) {
        if let Some(zero) = self.horizon.as_ref().filter(|at| at.value.is_zero()) {
            let path = section.path_of("horizon");
            section.refuse(
                zero.line,
                format!("{path} is 0, which would refuse every row. Write one like \"90d\"."),
            );
        }
    }
}

fn refuse_empty_sequence(section: &Section<'_>) {
    let path = section.path_of("sequence");
    section.refuse(
        section.line_at("sequence").unwrap_or(section.line()),
        format!("{path} names no field. Name at least one, or remove the line."),
    );
}

fn default_deletes(mode: ModeWord) -> Deletes {
    match mode {
        ModeWord::Incremental | ModeWord::Unclear => Deletes::Ignore,
        ModeWord::Snapshot | ModeWord::Feed => Deletes::Close,
    }
}

/// Names of a header are compared without regard to case.
fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
