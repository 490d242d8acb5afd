//! What the ledger writes down of a contract, and in what two such records differ.
//!
//! In: the contract of a table that has rows, and the one it was loaded under. Out: each
//! [`Difference`] that gives what is loaded another meaning, and whether it can be taken from now
//! on. How a file spells a value is no part of it: that may change with every file.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalog::CatalogColumn;
use super::{Canonical, Contract, Effective, Kind, Mode, Role, UnknownColumns};

/// What must not change silently under a table that has rows.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What a row, and an absent row, means.
    pub mode: String,
    /// Where instants come from.
    pub effective: String,
    /// The fields that break ties, in their order.
    pub sequence: Vec<String>,
    /// The role of each column, by its id in the ledger; of one in the key, how the key is made of it. A column that is not
    /// here was not there, or nothing was written down of it yet.
    pub roles: BTreeMap<String, String>,
    /// Whether a value in a column that is new is a version of its own; `None` if nothing was
    /// written down of it yet. Every history that is made anew is made by this, so another word
    /// would write over the past.
    pub new_column: Option<String>,
}

/// Something that was otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What.
    pub what: What,
    /// What it was, as it is written down.
    pub before: String,
    /// What it is.
    pub now: String,
    /// Whether it can be taken.
    pub change: Change,
}

/// What can be otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// What a row, and an absent row, means.
    Mode,
    /// Where instants come from.
    Effective,
    /// The fields that break ties.
    Sequence,
    /// The role of this column, or how the key is made of it.
    Role(String),
    /// Whether a value in a new column is a version.
    NewColumn,
}

/// Whether a difference can be taken under rows that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// From now on: it says nothing of what was loaded.
    FromNowOn,
    /// Never: values of history would be written over.
    Never,
}

impl Record {
    /// What is written down of a contract.
    #[must_use]
    pub fn of(contract: &Contract) -> Self {
        let Kind::Dimension { history, .. } = &contract.kind else {
            return Self::usual(keys(contract).collect());
        };
        Self {
            mode: history.mode.word().to_owned(),
            effective: effective(&history.effective, |name| field_id(contract, name)),
            sequence: history
                .sequence
                .iter()
                .map(|field| field_id(contract, &field.name))
                .collect(),
            roles: keys(contract).chain(roles(contract, |role| role)).collect(),
            new_column: Some(new_column(contract).to_owned()),
        }
    }

    /// What held for a table that was loaded before any of this was written down.
    #[must_use]
    pub fn before_records(contract: &Contract) -> Self {
        match contract.kind {
            Kind::Dimension { .. } => Self::usual(roles(contract, |_| Role::default()).collect()),
            Kind::Fact { .. } => Self::usual(BTreeMap::new()),
        }
    }

    fn usual(roles: BTreeMap<String, String>) -> Self {
        Self {
            mode: Mode::Incremental.word().to_owned(),
            effective: effective(&Effective::LoadTime, str::to_owned),
            sequence: Vec::new(),
            roles,
            new_column: None,
        }
    }

    /// The role of a column, if it was there.
    #[must_use]
    pub fn role_of(&self, column: &str) -> Option<Role> {
        let word = self.roles.get(column)?;
        let roles = [Role::Type0, Role::Type1, Role::Type2];
        roles.into_iter().find(|known| role(*known) == word)
    }

    /// In what the record of now differs, of all that gives a load another meaning. A column that
    /// is new, or gone, is no difference.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let settings = [
            (What::Mode, self.mode.clone(), now.mode.clone()),
            (
                What::Effective,
                self.effective.clone(),
                now.effective.clone(),
            ),
            (
                What::Sequence,
                listed(&self.sequence),
                listed(&now.sequence),
            ),
        ];
        let settings = settings.into_iter().map(|(what, before, now)| Difference {
            what,
            before,
            now,
            change: Change::FromNowOn,
        });
        let roles = self.roles.iter().filter_map(|(column, before)| {
            let now = now.roles.get(column)?;
            Some(Difference {
                what: What::Role(column.clone()),
                before: before.clone(),
                now: now.clone(),
                change: change_of_role(before, now),
            })
        });
        let new_column = self.new_column.iter().zip(&now.new_column);
        let new_column = new_column.map(|(before, now)| Difference {
            what: What::NewColumn,
            before: before.clone(),
            now: now.clone(),
            change: Change::Never,
        });
        let all = settings.chain(roles).chain(new_column);
        all.filter(|difference| difference.before != difference.now)
            .collect()
    }
}

/// A column that becomes type 2 keeps in each version what it has, and gets a version for what
/// comes. One that becomes type 0 or type 1 would have one value in all versions, those of the past
/// included. And a key that is made otherwise is another key: everybody would come a second time.
fn change_of_role(before: &str, now: &str) -> Change {
    if !is_of_key(before) && now == role(Role::Type2) {
        Change::FromNowOn
    } else {
        Change::Never
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what, before, now, ..
        } = self;
        match what {
            What::Mode => write!(f, "`mode` was changed from {before} to {now}"),
            What::Sequence => write!(f, "`sequence` was changed from {before} to {now}"),
            What::Effective => write!(
                f,
                "`effective` was changed: instants came from {}, and come from {} now",
                source(before),
                source(now)
            ),
            What::Role(column) if is_of_key(before) && is_of_key(now) => write!(
                f,
                "keys were made of {column:?} {}, and are made of it {} now",
                manner(before),
                manner(now)
            ),
            What::Role(column) => write!(
                f,
                "the role of {column:?} was changed from {before} to {now}"
            ),
            What::NewColumn if now == VERSION => f.write_str(
                "`on_new_column` was changed: a value in a new column made no version of its own, \
                 and makes one now",
            ),
            What::NewColumn => f.write_str(
                "`on_new_column` was changed: a value in a new column made a version of its own, \
                 and makes none now",
            ),
        }
    }
}

/// Where instants come from, in words.
fn source(effective: &str) -> &str {
    match effective {
        LOAD_TIME => "the time of the load",
        FILE_NAME => "the name of the file",
        SIDECAR => "the sidecar file",
        column => column,
    }
}

const VERSION: &str = "version";
const LOAD_TIME: &str = "load_time";
const FILE_NAME: &str = "file_name";
const SIDECAR: &str = "sidecar";

/// How the key is made of a column, without the word that says that it is of the key.
fn manner(role: &str) -> &str {
    match role.strip_prefix(KEY).map_or(role, str::trim_start) {
        "as email" => "as an e-mail address",
        other => other,
    }
}

const KEY: &str = "key";

fn is_of_key(role: &str) -> bool {
    role.starts_with(KEY)
}

/// How the key is made of each of its columns.
fn keys(contract: &Contract) -> impl Iterator<Item = (String, String)> {
    contract.key.iter().map(|place| {
        let column = &contract.columns[*place];
        let canonical = match column.spelling.canonical {
            Canonical::Verbatim => "as delivered",
            Canonical::Email => "as email",
        };
        (column.id.as_str().to_owned(), format!("{KEY} {canonical}"))
    })
}

fn roles(
    contract: &Contract,
    recorded: impl Fn(Role) -> Role,
) -> impl Iterator<Item = (String, String)> {
    let columns = contract.columns.iter().enumerate();
    columns
        .filter(|(place, _)| !contract.key.contains(place))
        .map(move |(_, column)| {
            let id = column.id.as_str().to_owned();
            (id, role(recorded(column.role)).to_owned())
        })
}

fn new_column(contract: &Contract) -> &'static str {
    match contract.unknown_columns {
        UnknownColumns::Version => VERSION,
        UnknownColumns::Refuse | UnknownColumns::Ignore | UnknownColumns::FillCurrent => {
            "no version"
        }
    }
}

/// What the ledger calls a field: by the id of its column, where the table has one. A rename of the
/// column is then no other contract.
fn field_id(contract: &Contract, name: &str) -> String {
    let of_field = |column: &&CatalogColumn| column.name.eq_ignore_ascii_case(name);
    let column = contract.source.columns.iter().find(of_field);
    column.map_or_else(|| name.to_owned(), |column| column.id.as_str().to_owned())
}

fn effective(effective: &Effective, id: impl Fn(&str) -> String) -> String {
    match effective {
        Effective::LoadTime => LOAD_TIME.to_owned(),
        Effective::Column { name, .. } => format!("column {:?}", id(name)),
        Effective::FileName { .. } => FILE_NAME.to_owned(),
        Effective::Sidecar { .. } => SIDECAR.to_owned(),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Type0 => "type0",
        Role::Type1 => "type1",
        Role::Type2 => "type2",
    }
}

fn listed(fields: &[String]) -> String {
    if fields.is_empty() {
        return "none".to_owned();
    }
    fields.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Change, Record};

    fn record(roles: &[(&str, &str)]) -> Record {
        let roles = roles
            .iter()
            .map(|(column, role)| ((*column).to_owned(), (*role).to_owned()));
        Record::usual(roles.collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn what_gives_a_load_another_meaning_can_be_taken_from_now_on() {
        let before = record(&[]);
        let now = Record {
            mode: "feed".into(),
            effective: "column \"changed_at\"".into(),
            sequence: vec!["lsn".into(), "part".into()],
            ..before.clone()
        };
        let told: Vec<String> = before
            .differences(&now)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "`mode` was changed from incremental to feed",
                "`effective` was changed: instants came from the time of the load, and come from \
                 column \"changed_at\" now",
                "`sequence` was changed from none to lsn, part",
            ]
        );
        let changes = before.differences(&now);
        assert!(changes.iter().all(|one| one.change == Change::FromNowOn));
        assert_eq!(before.differences(&before), []);
    }

    #[test]
    fn a_role_that_would_write_over_history_is_never_taken() {
        for (before, now, expected) in [
            ("type0", "type1", Change::Never),
            ("type0", "type2", Change::FromNowOn),
            ("type1", "type0", Change::Never),
            ("type1", "type2", Change::FromNowOn),
            ("type2", "type0", Change::Never),
            ("type2", "type1", Change::Never),
            ("key as email", "key as delivered", Change::Never),
            ("key as email", "type2", Change::Never),
            ("type2", "key as email", Change::Never),
        ] {
            let (one, other) = (record(&[("phone", before)]), record(&[("phone", now)]));
            let differences = one.differences(&other);
            assert_eq!(differences.len(), 1, "{before} {now}");
            assert_eq!(differences[0].change, expected, "{before} {now}");
        }
    }

    #[test]
    fn a_column_that_is_new_or_gone_is_no_difference() {
        let (with, without) = (record(&[("phone", "type1")]), record(&[]));
        assert_eq!(with.differences(&without), []);
        assert_eq!(without.differences(&with), []);
    }
}
