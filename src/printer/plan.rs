//! A plan in words: what a load would do, as a table of counts, and some keys of each kind of
//! change, each version before beside the same one after. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::columns::{Columns, Side};
use super::{counts, grouped};
use crate::merge::{Plan, Sample, Version};
use crate::stage::Tally;
use crate::summary::Summary;

/// What stands for no value, and for no end.
const NOTHING: &str = "NULL";
const OPEN: &str = "–";

/// The counts, and what the table would get.
#[must_use]
pub fn counts_of(plan: &Plan, width: Option<usize>) -> Vec<String> {
    let mut lines = table_of_counts(&plan.entry.summary).lines(width);
    if !plan.added_columns.is_empty() {
        lines.push(format!("new columns: {}", plan.added_columns.join(", ")));
    }
    if plan.entry.released > 0 {
        lines.push(format!(
            "held facts that waited for these and would be loaded: {}",
            grouped(plan.entry.released)
        ));
    }
    lines
}

/// The counts of a file that would be refused.
#[must_use]
pub fn counts_of_rows(tally: Tally, width: Option<usize>) -> Vec<String> {
    let mut table = empty_table();
    for (what, count) in [
        ("read", tally.read),
        ("rejected", tally.rejected),
        ("duplicate", tally.duplicates),
    ] {
        table.row([what.to_owned(), grouped(count)]);
    }
    table.lines(width)
}

fn empty_table() -> Columns {
    Columns::new(&[("rows", Side::Left), ("", Side::Right)])
}

fn table_of_counts(summary: &Summary) -> Columns {
    let mut table = empty_table();
    table.row(["read".to_owned(), grouped(summary.rows.read)]);
    table.row(["accepted".to_owned(), grouped(summary.rows.accepted)]);
    let rows = counts::rows(&summary.rows);
    let changes = counts::changes(&summary.changes);
    for counted in changes.iter().chain(&rows) {
        if counted.count > 0 {
            table.row([counted.word.to_owned(), grouped(counted.count)]);
        }
    }
    table
}

/// The samples, a table for each kind of change. Columns that are not of the key are shown where
/// something in them differs; of new keys all are.
#[must_use]
pub fn samples_of(plan: &Plan, key: &[&str], width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for counted in counts::changes(&plan.entry.summary.changes) {
        let samples: Vec<&Sample> = plan
            .samples
            .iter()
            // A key that stays as it is has nothing to show.
            .filter(|sample| sample.action == counted.field && sample.before != sample.after)
            .collect();
        if samples.is_empty() {
            continue;
        }
        let (shown, count) = (samples.len() as u64, counted.count);
        lines.push(String::new());
        lines.push(if shown < count {
            format!("{}, {} of {}:", counted.word, shown, grouped(count))
        } else {
            format!("{}:", counted.word)
        });
        lines.extend(table_of(&samples, key).lines(width));
    }
    lines
}

fn table_of(samples: &[&Sample], key: &[&str]) -> Columns {
    let names = columns_to_show(samples, key);
    let mut heads = vec![("", Side::Left), ("from", Side::Left), ("to", Side::Left)];
    heads.extend(names.iter().map(|name| (name.as_str(), Side::Elastic)));
    let mut table = Columns::new(&heads);
    for sample in samples {
        for row in rows_of(sample) {
            table.row(cells(&row, &names));
        }
    }
    table
}

/// The names of the columns, in the table's own order.
fn columns_to_show(samples: &[&Sample], key: &[&str]) -> Vec<String> {
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

fn versions(sample: &Sample) -> impl Iterator<Item = &Version> {
    sample.before.iter().chain(&sample.after)
}

/// Whether a column has something to say of a sample: it differs, or all of it is new.
fn tells_of(sample: &Sample, name: &str) -> bool {
    let mut values = versions(sample).map(|version| value(version, name));
    let first = values.next();
    sample.before.is_empty() || values.any(|value| Some(value) != first)
}

/// One line of a sample.
struct Row<'a> {
    sign: &'static str,
    version: &'a Version,
    old: Old<'a>,
}

/// What a version is compared with.
#[derive(Clone, Copy)]
enum Old<'a> {
    /// Nothing.
    None,
    /// The same version before, in its values and its end.
    Itself(&'a Version),
    /// The version that precedes it, in its values.
    Preceding(&'a Version),
}

/// The versions before and after, side by side where they start together. What is new is compared
/// with the version that precedes it.
fn rows_of(sample: &Sample) -> Vec<Row<'_>> {
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

fn cells(row: &Row<'_>, names: &[String]) -> Vec<String> {
    let version = row.version;
    let end = match row.old {
        Old::Itself(before) => changed(&until(before.ends), until(version.ends)),
        Old::None | Old::Preceding(_) => until(version.ends),
    };
    let mut cells = vec![row.sign.to_owned(), instant(version.starts), end];
    cells.extend(names.iter().map(|name| {
        let new = shown(value(version, name));
        match row.old {
            Old::Itself(old) | Old::Preceding(old) => changed(&shown(value(old, name)), new),
            Old::None => new,
        }
    }));
    cells
}

fn changed(old: &str, new: String) -> String {
    if old == new {
        new
    } else {
        format!("{old} → {new}")
    }
}

fn value<'v>(version: &'v Version, name: &str) -> Option<&'v str> {
    let (_, value) = version.values.iter().find(|(column, _)| column == name)?;
    value.as_deref()
}

/// A value on one line: what would end the line or move the cursor is written out.
fn shown(value: Option<&str>) -> String {
    let Some(value) = value else {
        return NOTHING.to_owned();
    };
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '"' | '\'' | '\\' => text.push(character),
            _ => text.extend(character.escape_debug()),
        }
    }
    text
}

fn until(end: Option<DateTime<Utc>>) -> String {
    end.map_or_else(|| OPEN.to_owned(), instant)
}

fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.fZ").to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::contract::TableName;
    use crate::merge::ledger::Entry;
    use crate::summary::{Changes, Rows, Seconds, Status};

    fn version(starts: &str, ends: Option<&str>, values: &[(&str, Option<&str>)]) -> Version {
        let at = |text: &str| format!("2026-11-{text}T00:00:00Z").parse().unwrap();
        Version {
            starts: at(starts),
            ends: ends.map(at),
            values: values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
                .collect(),
            load_id: 7,
            line: 2,
        }
    }

    fn plan(changes: Changes, samples: Vec<Sample>) -> Plan {
        let summary = Summary {
            load_id: None,
            table: TableName::new("users"),
            file: "users.csv".into(),
            status: Status::Loaded,
            rows: Rows {
                read: 1204,
                accepted: 1203,
                rejected: 1,
                ..Rows::default()
            },
            changes,
            seconds: Seconds::default(),
        };
        Plan {
            entry: Entry {
                summary,
                reason: None,
                released: 0,
            },
            samples,
            added_columns: vec!["phone".into()],
            closes: None,
            path: "in order",
        }
    }

    #[test]
    fn the_counts_stand_under_each_other_and_those_that_are_zero_are_left_out() {
        let changes = Changes {
            inserted: 3,
            late_unchanged: 1200,
            ..Changes::default()
        };
        assert_eq!(
            counts_of(&plan(changes, Vec::new()), None),
            [
                "rows",
                "read                1,204",
                "accepted            1,203",
                "new                     3",
                "late and unchanged  1,200",
                "rejected                1",
                "new columns: phone",
            ]
        );
    }

    #[test]
    fn a_change_is_told_once_as_an_end_and_once_as_a_beginning() {
        let ann = ("email", Some("ann@x.org"));
        let town = ("town", Some("Brno"));
        let sample = Sample {
            action: "updated".into(),
            key: Uuid::nil(),
            before: vec![version("10", None, &[ann, ("name", Some("Ann")), town])],
            after: vec![
                version("10", Some("12"), &[ann, ("name", Some("Ann")), town]),
                version("12", None, &[ann, ("name", None), town]),
            ],
        };
        let changes = Changes {
            updated: 120,
            ..Changes::default()
        };
        assert_eq!(
            samples_of(&plan(changes, vec![sample]), &["email"], None),
            [
                "",
                "changed, 1 of 120:",
                "   from                  to                        email      name",
                "~  2026-11-10 00:00:00Z  – → 2026-11-12 00:00:00Z  ann@x.org  Ann",
                "+  2026-11-12 00:00:00Z  –                         ann@x.org  Ann → NULL",
            ]
        );
    }

    #[test]
    fn a_new_key_is_shown_whole_and_a_version_that_goes_with_a_minus() {
        let new = Sample {
            action: "inserted".into(),
            key: Uuid::nil(),
            before: Vec::new(),
            after: vec![version(
                "12",
                None,
                &[("email", Some("a@x")), ("name", Some("A\nB"))],
            )],
        };
        let gone = Sample {
            action: "moved".into(),
            key: Uuid::nil(),
            before: vec![version(
                "10",
                None,
                &[("email", Some("b@x")), ("name", Some("B"))],
            )],
            after: vec![version(
                "9",
                None,
                &[("email", Some("b@x")), ("name", Some("B"))],
            )],
        };
        let mut gone = gone;
        gone.after[0].starts = "2026-11-09T00:00:00.5Z".parse().unwrap();
        let changes = Changes {
            inserted: 1,
            moved: 1,
            ..Changes::default()
        };
        assert_eq!(
            samples_of(&plan(changes, vec![gone, new]), &["email"], None),
            [
                "",
                "new:",
                "   from                  to  email  name",
                "+  2026-11-12 00:00:00Z  –   a@x    A\\nB",
                "",
                "moved:",
                "   from                      to  email",
                "+  2026-11-09 00:00:00.500Z  –   b@x",
                "-  2026-11-10 00:00:00Z      –   b@x",
            ]
        );
    }
}
