//! What history is, as simple as it can be said: no store, no increments, nothing is fast.
//!
//! What the loads said comes in; the versions that the table must hold go out. Written from the
//! rules (semantics §5, §7, §8, §9, §10) and never from the engine.

use std::collections::{BTreeMap, BTreeSet};

/// Small whole numbers stand for instants.
pub(super) type Instant = i64;

/// By column; `None` is NULL. A column that is not here is not spoken of.
pub(super) type Values = BTreeMap<String, Option<String>>;

/// All versions, by key, in the order of time.
pub(super) type History = BTreeMap<String, Vec<Version>>;

/// What the columns mean.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Each column but the key.
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) new_column: NewColumn,
    pub(super) late: Late,
    pub(super) defaults: Defaults,
}

/// What a column has of which nothing was said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Defaults {
    /// NULL.
    None,
    /// The default that the table had when the load came that began the key.
    OfLoad,
}

/// What becomes of a row when something later is known of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Late {
    /// It takes its place.
    Fits,
    /// It is not used.
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Type2,
    Type1,
    Type0,
}

/// What the first value of a column is, of which the running version knew nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NewColumn {
    /// Something that was always so: it is filled in.
    Fills,
    /// A change from NULL.
    Changes,
}

/// What one load said.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// Its place in the order of loads.
    pub(super) number: usize,
    pub(super) rows: Vec<Observation>,
    /// Of a snapshot: whoever it does not name is absent.
    pub(super) absence: Option<Absence>,
}

/// Every key but these is absent at this instant.
#[derive(Clone, Debug)]
pub(super) struct Absence {
    pub(super) at: Instant,
    pub(super) named: BTreeSet<String>,
}

/// A row that could be used.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub(super) key: String,
    pub(super) at: Instant,
    /// Breaks ties; the highest counts.
    pub(super) sequence: Vec<i64>,
    pub(super) load: usize,
    pub(super) line: u64,
    pub(super) said: Said,
    /// What the table had for columns of which nothing is said, when its load came.
    pub(super) defaults: Values,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// There, with these values.
    Present(Values),
    Absent,
}

/// One version of a key. `[from, to)`; without an end it is the current one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Version {
    /// 1 for the first of the key.
    pub(super) number: usize,
    pub(super) from: Instant,
    pub(super) to: Option<Instant>,
    /// Every column but the key.
    pub(super) values: Values,
    /// The load and the line that began it.
    pub(super) load: usize,
    pub(super) line: u64,
}

/// The table that these loads make. A key that was never there has no versions, and is left out.
pub(super) fn table(rules: &Rules, loads: &[Load]) -> History {
    let keys: BTreeSet<&String> = loads
        .iter()
        .flat_map(|load| load.rows.iter().map(|row| &row.key))
        .collect();
    keys.into_iter()
        .map(|key| (key.clone(), versions(rules, &said_of(key, loads))))
        .filter(|(_, versions)| !versions.is_empty())
        .collect()
}

fn said_of(key: &str, loads: &[Load]) -> Vec<Observation> {
    let mut said = Vec::new();
    for load in loads {
        said.extend(load.rows.iter().filter(|row| row.key == key).cloned());
        if let Some(absence) = &load.absence
            && !absence.named.contains(key)
        {
            said.push(Observation {
                key: key.to_owned(),
                at: absence.at,
                sequence: Vec::new(),
                load: load.number,
                line: 0,
                said: Said::Absent,
                defaults: Values::new(),
            });
        }
    }
    share_defaults(&mut said);
    said
}

/// Of rows that only the order of their loads tells apart, the first gives its defaults to all.
fn share_defaults(said: &mut [Observation]) {
    said.sort_by_key(|one| (one.at, one.sequence.clone(), one.load, one.line));
    let tied = |one: &Observation, other: &Observation| {
        (one.at, &one.sequence) == (other.at, &other.sequence)
    };
    for tied in said.chunk_by_mut(tied) {
        let mut first = Values::new();
        for one in tied.iter() {
            let Said::Present(row) = &one.said else {
                continue;
            };
            for (column, default) in &one.defaults {
                if !row.contains_key(column) {
                    first.entry(column.clone()).or_insert(default.clone());
                }
            }
        }
        for one in tied {
            one.defaults.extend(first.clone());
        }
    }
}

/// The history of one key.
pub(super) fn versions(rules: &Rules, said: &[Observation]) -> Vec<Version> {
    let counting = counting(said);
    let mut versions = intervals(rules, &counting);
    for version in &mut versions {
        for (column, value) in values_for_all(rules, &counting) {
            version.values.insert(column, value);
        }
    }
    versions
}

/// At each instant the greatest, in the order of time.
fn counting(said: &[Observation]) -> Vec<&Observation> {
    let mut ordered: Vec<&Observation> = said.iter().collect();
    ordered.sort_by_key(|one| (one.at, &one.sequence, one.load, one.line));
    let mut greatest: Vec<&Observation> = Vec::new();
    for one in ordered {
        greatest.pop_if(|before| before.at == one.at);
        greatest.push(one);
    }
    greatest
}

/// The fold over what was said of the columns that keep history.
fn intervals(rules: &Rules, counting: &[&Observation]) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::new();
    // The columns that somebody spoke of since the key was last absent.
    let mut known: BTreeSet<String> = BTreeSet::new();
    for one in counting {
        let running = versions.last_mut().filter(|version| version.to.is_none());
        let Said::Present(row) = &one.said else {
            if let Some(running) = running {
                running.to = Some(one.at);
            }
            known.clear();
            continue;
        };
        let authored = of_role(rules, Role::Type2, row);
        let state = match &running {
            Some(running) => running.values.clone(),
            None => nothing_known(rules, one),
        };
        let mut new = state.clone();
        new.extend(authored.clone());
        let news: Vec<&String> = new
            .keys()
            .filter(|column| new[*column] != state[*column])
            .collect();
        let only_fills = rules.new_column == NewColumn::Fills
            && news.iter().all(|column| !known.contains(*column));
        match running {
            Some(_) if news.is_empty() => {}
            Some(running) if only_fills => running.values = new,
            running => {
                if let Some(running) = running {
                    running.to = Some(one.at);
                }
                versions.push(Version {
                    number: versions.len() + 1,
                    from: one.at,
                    to: None,
                    values: new,
                    load: one.load,
                    line: one.line,
                });
            }
        }
        known.extend(authored.into_keys());
    }
    versions
}

/// What a key has that this begins.
fn nothing_known(rules: &Rules, first: &Observation) -> Values {
    columns(rules, Role::Type2)
        .map(|column| {
            let default = default(rules, first, &column);
            (column, default)
        })
        .collect()
}

fn default(rules: &Rules, first: &Observation, column: &str) -> Option<String> {
    match rules.defaults {
        Defaults::None => None,
        Defaults::OfLoad => first.defaults.get(column).cloned().flatten(),
    }
}

fn of_role(rules: &Rules, role: Role, row: &Values) -> Values {
    columns(rules, role)
        .filter_map(|column| {
            row.get(&column)
                .map(|value| (column.clone(), value.clone()))
        })
        .collect()
}

fn columns(rules: &Rules, role: Role) -> impl Iterator<Item = String> {
    rules
        .roles
        .iter()
        .filter(move |(_, own)| **own == role)
        .map(|(column, _)| column.clone())
}

/// The columns that have one value in all versions of a key: of type 1 the newest that was said,
/// of type 0 the oldest; where nothing was said, the default with which the key first came.
fn values_for_all(rules: &Rules, counting: &[&Observation]) -> Values {
    let said = |column: &String| {
        let mut values: Vec<Option<String>> = Vec::new();
        for one in counting {
            if let Said::Present(row) = &one.said {
                values.extend(row.get(column).cloned());
            }
        }
        let is_there = |one: &&&Observation| matches!(one.said, Said::Present(_));
        if let (true, Some(first)) = (values.is_empty(), counting.iter().find(is_there)) {
            values.push(default(rules, first, column));
        }
        values
    };
    let newest =
        columns(rules, Role::Type1).map(|column| (column.clone(), said(&column).pop().flatten()));
    let oldest = columns(rules, Role::Type0)
        .map(|column| (column.clone(), said(&column).into_iter().next().flatten()));
    newest.chain(oldest).collect()
}

/// All columns keep history from now on. What the loads that count said of those that did not is
/// what the table shows in them, if it has rows: so it stays as it is.
pub(super) fn begin_history<'l>(
    rules: &Rules,
    table: &History,
    counting: impl Iterator<Item = &'l mut Load>,
) {
    if table.is_empty() {
        return;
    }
    let begun: Vec<String> = columns(rules, Role::Type1)
        .chain(columns(rules, Role::Type0))
        .collect();
    for row in counting.flat_map(|load| &mut load.rows) {
        let Said::Present(values) = &mut row.said else {
            continue;
        };
        for column in &begun {
            match table.get(&row.key) {
                Some(versions) => {
                    values.insert(column.clone(), versions[0].values[column].clone());
                }
                None => {
                    values.entry(column.clone()).or_default();
                }
            }
        }
    }
}

/// What is used of a load that comes after these.
pub(super) fn used(rules: &Rules, counting: &[Load], mut coming: Load) -> Load {
    if rules.late == Late::Fits {
        return coming;
    }
    let last = |key: &str| said_of(key, counting).iter().map(|one| one.at).max();
    coming.rows.retain(|row| last(&row.key) <= Some(row.at));
    if let Some(absence) = &mut coming.absence {
        // That somebody was absent is late like a row, where it would end something.
        let at = absence.at;
        let is_there =
            |version: &Version| version.from <= at && version.to.is_none_or(|to| at < to);
        let late = table(rules, counting)
            .into_iter()
            .filter(|(key, versions)| last(key) > Some(at) && versions.iter().any(is_there));
        absence.named.extend(late.map(|(key, _)| key));
    }
    coming
}
