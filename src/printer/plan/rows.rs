//! The versions of a key before and after → one row for each that is to be seen, with what it is
//! compared with. Nothing here knows how it is drawn.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::merge::{Sample, Subject, Version};

/// A version of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// What happens to it: `+`, `-`, `~`, or nothing.
    pub(super) sign: &'static str,
    pub(super) version: &'a Version,
    pub(super) old: Old<'a>,
}

/// What a version is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Old<'a> {
    /// Nothing.
    None,
    /// The same version before, in its values and its end.
    Itself(&'a Version),
    /// The version that precedes it, in its values.
    Preceding(&'a Version),
}

impl<'a> Row<'a> {
    /// The same version before.
    pub(super) fn itself(&self) -> Option<&'a Version> {
        match self.old {
            Old::Itself(old) => Some(old),
            Old::None | Old::Preceding(_) => None,
        }
    }

    /// The version whose values it is compared with.
    pub(super) fn compared(&self) -> Option<&'a Version> {
        match self.old {
            Old::Itself(old) | Old::Preceding(old) => Some(old),
            Old::None => None,
        }
    }
}

/// What is to be seen of a sample.
pub(super) fn rows_of(sample: &Sample) -> Vec<Row<'_>> {
    match sample.subject {
        Subject::Key => versions_side_by_side(sample),
        Subject::Fact => fact(sample).into_iter().collect(),
    }
}

/// A fact beside what it was.
fn fact(sample: &Sample) -> Option<Row<'_>> {
    let (before, after) = (sample.before.first(), sample.after.first());
    let (sign, version, old) = match (before, after) {
        (Some(before), Some(after)) if before.values == after.values => ("", after, Old::None),
        (Some(before), Some(after)) => ("~", after, Old::Itself(before)),
        (None, Some(after)) => ("+", after, Old::None),
        (before, None) => ("-", before?, Old::None),
    };
    Some(Row { sign, version, old })
}

/// The versions before and after, side by side where they start together. What is new is compared
/// with the version that precedes it.
fn versions_side_by_side(sample: &Sample) -> Vec<Row<'_>> {
    let mut starts: BTreeMap<DateTime<Utc>, [Option<&Version>; 2]> = BTreeMap::new();
    for version in &sample.before {
        starts.entry(version.starts).or_default()[0] = Some(version);
    }
    for version in &sample.after {
        starts.entry(version.starts).or_default()[1] = Some(version);
    }
    let mut rows = Vec::new();
    let mut preceding = None;
    for pair in starts.into_values() {
        let (sign, version, old) = match pair {
            [Some(before), Some(after)] if is_same(before, after) => ("", after, Old::None),
            [Some(before), Some(after)] => ("~", after, Old::Itself(before)),
            [Some(before), None] => ("-", before, Old::None),
            [None, Some(after)] => ("+", after, preceding.map_or(Old::None, Old::Preceding)),
            [None, None] => continue,
        };
        rows.push(Row { sign, version, old });
        preceding = pair[1].or(preceding);
    }
    rows
}

fn is_same(before: &Version, after: &Version) -> bool {
    before.ends == after.ends && before.values == after.values
}

/// The names of the columns that are to be seen, in the table's own order.
pub(super) fn columns_to_show(samples: &[&Sample], key: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for version in samples.iter().copied().flat_map(versions) {
        for (name, _) in &version.values {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names.retain(|name| {
        let tells = samples.iter().any(|sample| tells_of(sample, name));
        tells || key.contains(&name.as_str())
    });
    names
}

/// Whether a column has something to say of a sample: it differs, or all of it is new, or goes.
fn tells_of(sample: &Sample, name: &str) -> bool {
    let mut values = versions(sample).map(|version| value(version, name));
    let first = values.next();
    let is_alone =
        sample.before.is_empty() || sample.subject == Subject::Fact && sample.after.is_empty();
    is_alone || values.any(|value| Some(value) != first)
}

pub(super) fn versions(sample: &Sample) -> impl Iterator<Item = &Version> {
    sample.before.iter().chain(&sample.after)
}

/// The value of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shown<'v> {
    /// A value.
    Value(&'v str),
    /// NULL.
    Null,
    /// The row says nothing of the column.
    Unsaid,
}

pub(super) fn value<'v>(version: &'v Version, name: &str) -> Shown<'v> {
    let mut values = version.values.iter();
    match values.find(|(column, _)| column == name) {
        Some((_, Some(value))) => Shown::Value(value),
        Some((_, None)) => Shown::Null,
        None => Shown::Unsaid,
    }
}
