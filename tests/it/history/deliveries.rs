//! Random files about a few members: as they are meant, as they are written, and what they say.
//!
//! Members, values and instants are few, so that late rows, ties, corrections and returns are
//! common. What a file says is told to the definition from what was meant; only the program
//! reads what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::fold::{
    Absence, Defaults, Instant, Late, Load, NewColumn, Observation, Role, Rules, Said, Values,
};
use crate::dice::Dice;

/// How files of a table speak: what its contract says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Way {
    /// Rows from the instant in the file's name on.
    Incremental,
    /// Rows from the instant in a field of theirs on.
    Stamped,
    /// All members as of the instant in the file's name.
    Snapshot,
    /// The same, where of several rows of a member the one of the highest number counts.
    RankedSnapshot,
    /// What was done, when, and in which order.
    Feed,
    /// The same, where nobody is ever deleted.
    FeedThatKeeps,
}

impl Way {
    pub(super) const ALL: [Self; 6] = [
        Self::Incremental,
        Self::Stamped,
        Self::Snapshot,
        Self::RankedSnapshot,
        Self::Feed,
        Self::FeedThatKeeps,
    ];

    fn settings(self) -> &'static str {
        match self {
            Self::Incremental => "mode = \"incremental\"\neffective = { file_name = \"%Y-%m-%d\" }",
            Self::Stamped => "mode = \"incremental\"\neffective = { column = \"changed_at\" }",
            Self::Snapshot => "mode = \"snapshot\"\neffective = { file_name = \"%Y-%m-%d\" }",
            Self::RankedSnapshot => {
                "mode = \"snapshot\"\neffective = { file_name = \"%Y-%m-%d\" }\n\
                 sequence = [\"lsn\"]"
            }
            Self::Feed => {
                "mode = \"feed\"\nop = \"op\"\neffective = { column = \"changed_at\" }\n\
                 sequence = [\"lsn\"]"
            }
            Self::FeedThatKeeps => {
                "mode = \"feed\"\nop = \"op\"\neffective = { column = \"changed_at\" }\n\
                 sequence = [\"lsn\"]\ndeletes = \"ignore\""
            }
        }
    }

    /// Whether each row has an instant of its own.
    pub(super) fn is_stamped(self) -> bool {
        matches!(self, Self::Stamped | Self::Feed | Self::FeedThatKeeps)
    }

    /// Whether a file says who is absent.
    pub(super) fn is_snapshot(self) -> bool {
        matches!(self, Self::Snapshot | Self::RankedSnapshot)
    }

    fn is_ranked(self) -> bool {
        self.is_feed() || self == Self::RankedSnapshot
    }

    fn is_feed(self) -> bool {
        matches!(self, Self::Feed | Self::FeedThatKeeps)
    }
}

/// The table of these tests: a member's grade is known to some files only.
pub(super) const MEMBERS: &str = "
    create table datawarehouse.members (
        id                   bigint generated always as identity,
        member_id            uuid not null,
        email                text not null,
        name                 text,
        grade                numeric(6, 1),
        phone                text,
        origin               text,
        effective_start_date timestamptz not null,
        effective_end_date   timestamptz,
        is_current           boolean generated always as (effective_end_date is null) stored,
        version_number       integer not null,
        load_id              bigint not null,
        source_line          bigint not null,
        primary key (member_id, effective_start_date),
        check (effective_end_date > effective_start_date),
        exclude using gist (
            member_id with =, tstzrange(effective_start_date, effective_end_date) with &&
        ) where (effective_end_date is not null)
    );
    create unique index on datawarehouse.members (member_id) where effective_end_date is null;";

/// The contract of [`MEMBERS`] for files that speak this way.
pub(super) fn contract(way: Way, rules: &Rules) -> String {
    let new_column = match rules.new_column {
        NewColumn::Fills => "fill_current",
        NewColumn::Changes => "version",
    };
    let late = match rules.late {
        Late::Fits => "fix",
        Late::Refused => "reject",
    };
    let mut toml = format!(
        "[tables.members]\nkey = [\"email\"]\ndurable_key = \"member_id\"\n{}\n\
         on_new_column = \"{new_column}\"\nlate = \"{late}\"\nnull_tokens = [\"-\"]\n\
         guards = {{ max_close_fraction = 1.0, max_reject_fraction = 1.0 }}\n\
         [tables.members.columns]\nemail = {{ canonical = \"email\" }}\n",
        way.settings()
    );
    for (column, role) in &rules.roles {
        let role = match role {
            Role::Type2 => "type2",
            Role::Type1 => "type1",
            Role::Type0 => "type0",
        };
        let _ = writeln!(toml, "{column} = {{ role = \"{role}\" }}");
    }
    toml
}

/// Two columns with history, one that keeps the newest value, one that keeps the first.
pub(super) fn rules(new_column: NewColumn) -> Rules {
    let roles = [
        ("name", Role::Type2),
        ("grade", Role::Type2),
        ("phone", Role::Type1),
        ("origin", Role::Type0),
    ];
    Rules {
        roles: roles.map(|(column, role)| (column.to_owned(), role)).into(),
        new_column,
        late: Late::Fits,
        defaults: Defaults::None,
    }
}

/// The columns have defaults, which are others from file to file.
pub(super) fn with_defaults() -> Rules {
    Rules {
        defaults: Defaults::OfLoad,
        ..rules(NewColumn::Fills)
    }
}

/// The defaults that the table has when a file of this instant comes.
pub(super) fn defaults(at: Instant) -> Values {
    let turn = usize::try_from(at).unwrap();
    let value = |(column, values): (&str, [&str; 3])| {
        let value = values[turn % values.len()].to_owned();
        (column.to_owned(), Some(value))
    };
    COLUMNS.map(value).into()
}

/// No history at all: the newest value of each column counts.
pub(super) fn only_the_newest() -> Rules {
    let columns = COLUMNS.map(|(column, _)| (column.to_owned(), Role::Type1));
    Rules {
        roles: columns.into(),
        new_column: NewColumn::Fills,
        late: Late::Fits,
        defaults: Defaults::None,
    }
}

/// Where something later is known of a key, an older row is not used.
pub(super) fn nothing_late() -> Rules {
    Rules {
        late: Late::Refused,
        ..rules(NewColumn::Fills)
    }
}

/// Each column and its values, as Postgres prints them.
const COLUMNS: [(&str, [&str; 3]); 4] = [
    ("name", ["A", "B", "b"]),
    ("grade", ["1.0", "2.0", "-0.5"]),
    ("phone", ["p0", "p1", "p2"]),
    ("origin", ["o0", "o1", "o2"]),
];

/// Other spellings of the grades.
const GRADES: [[&str; 3]; 3] = [
    ["1.0", "1", "1.00"],
    ["2.0", "2", "02.0"],
    ["-0.5", "-0.5", "-0.50"],
];
pub(super) const LAST_INSTANT: Instant = 9;
const SEQUENCES: [i64; 5] = [-1, 0, 9, 10, 10];

/// A file as it is meant.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    /// Its name among the deliveries of a case.
    pub(super) label: usize,
    pub(super) way: Way,
    /// The instant in its name.
    pub(super) at: Instant,
    /// The columns that it has, beside the key and what the way asks for.
    pub(super) authored: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    /// How it is written; 0 is plainly.
    pub(super) spelling: u64,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    /// A member, or a key that cannot be read.
    pub(super) member: Option<usize>,
    /// An instant, or a text that is none.
    pub(super) at: Option<Instant>,
    pub(super) op: Op,
    pub(super) lsn: i64,
    /// By column the number of its value; `None` is NULL.
    pub(super) values: BTreeMap<&'static str, Option<usize>>,
    /// Whether its grade is no number.
    pub(super) is_broken: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Is,
    IsNot,
    Nonsense,
}

pub(super) fn key(member: usize) -> String {
    format!("k{member}@x.org")
}

// ---- what a file says --------------------------------------------------------------------------

impl Delivery {
    /// What it says if it is loaded in this place; `None` if none of its rows can be used, and it
    /// is refused.
    pub(super) fn says(&self, number: usize) -> Option<Load> {
        let used: Vec<(u64, &Row)> = (2..)
            .zip(&self.rows)
            .filter(|(_, row)| self.is_usable(row))
            .collect();
        if used.is_empty() && !self.rows.is_empty() {
            return None;
        }
        let rows = used
            .into_iter()
            .filter_map(|(line, row)| self.observation(number, line, row));
        let rows = without_repetitions(rows);
        let says_who_is_absent =
            self.way.is_snapshot() && self.rows.iter().all(|row| row.member.is_some());
        let absence = says_who_is_absent.then(|| Absence {
            at: self.at,
            named: self
                .rows
                .iter()
                .filter_map(|row| row.member)
                .map(key)
                .collect(),
        });
        Some(Load {
            number,
            rows,
            absence,
        })
    }

    fn observation(&self, number: usize, line: u64, row: &Row) -> Option<Observation> {
        let said = match self.op(row) {
            Op::IsNot if self.way == Way::FeedThatKeeps => return None,
            Op::IsNot => Said::Absent,
            _ => Said::Present(self.values(row)),
        };
        Some(Observation {
            key: key(row.member?),
            at: self.instant(row)?,
            sequence: self.sequence(row),
            load: number,
            line,
            said,
            defaults: defaults(self.at),
        })
    }

    fn values(&self, row: &Row) -> Values {
        let value = |column: &str, number: usize| {
            let (_, values) = COLUMNS.iter().find(|(name, _)| *name == column).unwrap();
            values[number].to_owned()
        };
        self.authored
            .iter()
            .map(|column| {
                let number = row.values[column];
                (
                    (*column).to_owned(),
                    number.map(|number| value(column, number)),
                )
            })
            .collect()
    }

    /// Of a delete nothing is read but the key, the instant and the order.
    pub(super) fn is_usable(&self, row: &Row) -> bool {
        let is_broken =
            row.is_broken && self.authored.contains(&"grade") && self.op(row) != Op::IsNot;
        row.member.is_some()
            && self.instant(row).is_some()
            && self.op(row) != Op::Nonsense
            && !is_broken
    }

    fn op(&self, row: &Row) -> Op {
        if self.way.is_feed() { row.op } else { Op::Is }
    }

    fn instant(&self, row: &Row) -> Option<Instant> {
        if self.way.is_stamped() {
            row.at
        } else {
            Some(self.at)
        }
    }

    fn sequence(&self, row: &Row) -> Vec<i64> {
        if self.way.is_ranked() {
            vec![row.lsn]
        } else {
            Vec::new()
        }
    }

    /// Leaves out rows that would compete with an earlier one.
    pub(super) fn keep_one_row_a_place(&mut self) {
        let mut taken = BTreeSet::new();
        let rows = std::mem::take(&mut self.rows);
        self.rows = rows
            .into_iter()
            .filter(|row| taken.insert((row.member, self.instant(row), self.sequence(row))))
            .collect();
    }

    /// Leaves out the rows that can be used and are not in such a place.
    pub(super) fn keep_places(&mut self, keeps: impl Fn(&(usize, Instant, Vec<i64>)) -> bool) {
        let rows = std::mem::take(&mut self.rows);
        let is_kept = |row: &Row| self.place(row).is_none_or(|place| keeps(&place));
        self.rows = rows.into_iter().filter(is_kept).collect();
    }

    fn place(&self, row: &Row) -> Option<(usize, Instant, Vec<i64>)> {
        Some((row.member?, self.instant(row)?, self.sequence(row)))
    }

    /// Of whom, as of when and in which order its rows speak.
    pub(super) fn places(&self) -> BTreeSet<(usize, Instant, Vec<i64>)> {
        self.rows.iter().filter_map(|row| self.place(row)).collect()
    }
}

/// A row that says what the latest one in its place does is the same observation, and is known by
/// the line of the first (semantics §6).
fn without_repetitions(rows: impl Iterator<Item = Observation>) -> Vec<Observation> {
    let mut observations: Vec<Observation> = Vec::new();
    for row in rows {
        let in_its_place = |other: &&Observation| {
            (&other.key, other.at, &other.sequence) == (&row.key, row.at, &row.sequence)
        };
        let latest = observations.iter().rfind(in_its_place);
        if latest.is_none_or(|latest| latest.said != row.said) {
            observations.push(row);
        }
    }
    observations
}

// ---- how a file is written ---------------------------------------------------------------------

impl Delivery {
    pub(super) fn file_name(&self) -> String {
        format!("members-L{}-{}.csv", self.label, date(self.at))
    }

    pub(super) fn text(&self) -> String {
        let mut dice = Dice(self.spelling);
        let mut columns = vec![self.column("email", |row| row.member.map_or(String::new(), key))];
        for column in &self.authored {
            columns.push(self.column(column, |row| cell(column, row)));
        }
        if self.way.is_stamped() {
            columns.push(self.column("changed_at", |row| {
                row.at
                    .map_or("soon".to_owned(), |at| format!("{}T00:00:00Z", date(at)))
            }));
        }
        if self.way.is_ranked() {
            columns.push(self.column("lsn", |row| row.lsn.to_string()));
        }
        if self.way.is_feed() {
            columns.push(self.column("op", |row| match row.op {
                Op::Is => "update".to_owned(),
                Op::IsNot => "delete".to_owned(),
                Op::Nonsense => "dance".to_owned(),
            }));
        }
        if self.spelling != 0 {
            columns = dice.shuffled(columns);
        }
        self.written(&columns, &mut dice)
    }

    fn column(&self, name: &str, cell: impl Fn(&Row) -> String) -> Vec<String> {
        std::iter::once(name.to_owned())
            .chain(self.rows.iter().map(cell))
            .collect()
    }

    /// Puts the columns together, one or the other way.
    fn written(&self, columns: &[Vec<String>], dice: &mut Dice) -> String {
        let is_plain = self.spelling == 0;
        let end = if is_plain || dice.one_in(2) {
            "\n"
        } else {
            "\r\n"
        };
        let mut text = String::new();
        if !is_plain && dice.one_in(2) {
            text.push('\u{feff}');
        }
        for row in 0..=self.rows.len() {
            for (place, column) in columns.iter().enumerate() {
                let mut cell = column[row].clone();
                if !is_plain && row > 0 {
                    cell = spelled(&column[0], &cell, dice);
                }
                if !is_plain && dice.one_in(2) {
                    cell = format!("\"{cell}\"");
                }
                let _ = write!(text, "{}{cell}", if place == 0 { "" } else { "," });
            }
            text.push_str(end);
        }
        text
    }
}

fn cell(column: &str, row: &Row) -> String {
    if column == "grade" && row.is_broken {
        return "much".to_owned();
    }
    let (_, values) = COLUMNS.iter().find(|(name, _)| *name == column).unwrap();
    row.values[column].map_or("-".to_owned(), |number| values[number].to_owned())
}

/// Another spelling of the same value.
fn spelled(column: &str, cell: &str, dice: &mut Dice) -> String {
    match column {
        "email" if dice.one_in(2) => cell.to_uppercase(),
        "email" => format!(" {cell} "),
        "grade" => GRADES
            .iter()
            .find(|grades| grades[0] == cell)
            .map_or(cell.to_owned(), |grades| grades[dice.below(3)].to_owned()),
        "op" => {
            let spellings: &[&str] = match cell {
                "update" => &["u", "U", "update", "UPSERT", "c", "I", "r", "insert"],
                "delete" => &["d", "D", "Delete", "DELETE"],
                _ => &["dance"],
            };
            spellings[dice.below(spellings.len())].to_owned()
        }
        "changed_at" => cell.replace("T00:00:00Z", "T01:00:00.000+01:00"),
        _ => cell.to_owned(),
    }
}

/// Day 0 is the first of January 2020.
pub(super) fn date(at: Instant) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2020, 1, 1).unwrap();
    (first + chrono::TimeDelta::days(at)).to_string()
}

// ---- chance ------------------------------------------------------------------------------------

impl Dice {
    /// A file about some of so many members.
    pub(super) fn file_of_members(
        &mut self,
        label: usize,
        ways: &[Way],
        members: usize,
    ) -> Delivery {
        let way = ways[self.below(ways.len())];
        let authored = COLUMNS
            .iter()
            .map(|(column, _)| *column)
            .filter(|column| match *column {
                "name" => !self.one_in(12),
                "grade" => self.one_in(2),
                _ => !self.one_in(3),
            })
            .collect();
        let length = 1 + self.below(2 * members);
        let has_keys = !self.one_in(4);
        let mut rows: Vec<Row> = Vec::new();
        for _ in 0..length {
            let row = match rows.len() {
                // The same row again.
                earlier @ 1.. if self.one_in(12) => rows[self.below(earlier)].clone(),
                _ => self.member(members, has_keys),
            };
            rows.push(row);
        }
        Delivery {
            label,
            way,
            at: self.instant(),
            authored,
            rows,
            spelling: 0,
        }
    }

    /// A row about one of so many members; now and then about nobody, unless all have keys.
    fn member(&mut self, members: usize, has_keys: bool) -> Row {
        let values = COLUMNS.map(|(column, values)| {
            let value = self.below(values.len() + 1);
            // The first two values are the more common ones.
            let value = if self.one_in(2) { value % 2 } else { value };
            (column, (value < values.len()).then_some(value))
        });
        Row {
            member: (has_keys || !self.one_in(10)).then(|| self.below(members)),
            at: (!self.one_in(30)).then(|| self.instant()),
            op: match self.below(20) {
                0 => Op::Nonsense,
                1..=6 => Op::IsNot,
                _ => Op::Is,
            },
            lsn: SEQUENCES[self.below(SEQUENCES.len())],
            values: values.into(),
            is_broken: self.one_in(12),
        }
    }

    fn instant(&mut self) -> Instant {
        1 + Instant::try_from(self.below(LAST_INSTANT.try_into().unwrap())).unwrap()
    }
}
