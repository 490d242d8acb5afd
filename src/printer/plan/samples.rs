//! Samples of one kind → lines. A table, where it fits; else a line for each value that is to be
//! seen, as a table whose cells are cut shows everything but what changed. Pure.

use chrono::{DateTime, Utc};

use super::rows::{Row, Shown, columns_to_show, rows_of, value, versions};
use crate::merge::{Sample, Subject, Version};
use crate::printer::change::{ARROW, change};
use crate::printer::columns::{Columns, Side, shortened};
use crate::printer::instant::Precision;

/// What stands for no value, for no end, and for a column of which a row says nothing.
const NOTHING: &str = "NULL";
const OPEN: &str = "–";
const UNSAID: &str = "–";

/// A cell is not longer, however wide the terminal: a long value would move the next column out of
/// sight.
const LONGEST_CELL: usize = 60;

/// The lines, no longer than `width`.
pub(super) fn lines(samples: &[&Sample], key: &[&str], width: Option<usize>) -> Vec<String> {
    let drawing = Drawing {
        samples,
        key,
        times: Times::of(samples),
        names: columns_to_show(samples, key),
        precision: Precision::of(instants(samples)),
    };
    let table = drawing.table();
    match width {
        Some(width) if table.width() > width => drawing.list(width),
        _ => table.lines(None),
    }
}

fn instants<'a>(samples: &'a [&'a Sample]) -> impl Iterator<Item = DateTime<Utc>> {
    let versions = samples.iter().copied().flat_map(versions);
    versions.flat_map(|version| [Some(version.starts), version.ends].into_iter().flatten())
}

struct Drawing<'a> {
    samples: &'a [&'a Sample],
    key: &'a [&'a str],
    times: Times,
    names: Vec<String>,
    precision: Precision,
}

/// Whether a row holds for a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Times {
    /// From an instant to another, as a version does.
    Told,
    /// A fact is as it is.
    None,
}

impl Times {
    fn of(samples: &[&Sample]) -> Self {
        let is_fact = |sample: &&Sample| sample.subject == Subject::Fact;
        if samples.iter().all(is_fact) {
            Self::None
        } else {
            Self::Told
        }
    }
}

impl Drawing<'_> {
    // ---- as a table ------------------------------------------------------------------------

    fn table(&self) -> Columns {
        let own: &[&str] = match self.times {
            Times::Told => &["", "from", "to"],
            Times::None => &[""],
        };
        let heads: Vec<(&str, Side)> = own
            .iter()
            .copied()
            .chain(self.names.iter().map(String::as_str))
            .map(|name| (name, Side::Left))
            .collect();
        let mut table = Columns::new(&heads);
        let keys: Vec<Vec<Row<'_>>> = self.samples.iter().map(|sample| rows_of(sample)).collect();
        let run_together = keys.iter().all(|rows| rows.len() < 2);
        for (place, rows) in keys.iter().enumerate() {
            if place > 0 && !run_together {
                table.row([]);
            }
            for row in rows {
                table.row(self.cells(row));
            }
        }
        table
    }

    fn cells(&self, row: &Row<'_>) -> Vec<String> {
        let mut cells = vec![row.sign.to_owned()];
        if self.times == Times::Told {
            cells.extend([self.precision.print(row.version.starts), self.end(row)]);
        }
        let values = self.names.iter();
        cells.extend(values.map(|name| cell(row, name, LONGEST_CELL)));
        cells
    }

    // ---- as a list -------------------------------------------------------------------------

    fn list(&self, width: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for (place, sample) in self.samples.iter().enumerate() {
            if place > 0 {
                lines.push(String::new());
            }
            let rows = rows_of(sample);
            let begin = lines.len();
            let first = rows.first().copied();
            let (of_key, others): (Vec<&String>, Vec<&String>) = self
                .names
                .iter()
                .partition(|name| self.key.contains(&name.as_str()));
            lines.extend(first.iter().flat_map(|row| list(row, &of_key, width)));
            let mut above = None;
            for row in &rows {
                match self.times {
                    Times::Told => lines.extend(self.interval(row, width)),
                    Times::None => mark(&mut lines[begin..], row.sign),
                }
                let others = others.iter().copied();
                let told = others.filter(|name| is_told(row, above, name));
                lines.extend(list(row, &told.collect::<Vec<_>>(), width));
                above = Some(row);
            }
        }
        lines
    }

    /// From when to when, on one line if it fits.
    fn interval(&self, row: &Row<'_>, width: usize) -> Vec<String> {
        let from = format!(
            "{:<3}from {}",
            row.sign,
            self.precision.print(row.version.starts)
        );
        let to = format!("to {}", self.end(row));
        let whole = format!("{from} {to}");
        if length(&whole) <= width {
            vec![whole]
        } else {
            vec![from, format!("   {to}")]
        }
    }

    // ---- both ------------------------------------------------------------------------------

    fn end(&self, row: &Row<'_>) -> String {
        let print = |end: Option<DateTime<Utc>>| {
            end.map_or_else(|| OPEN.to_owned(), |at| self.precision.print(at))
        };
        let end = print(row.version.ends);
        let old = row.itself().filter(|old| old.ends != row.version.ends);
        match old {
            Some(old) => format!("{}{ARROW}{end}", print(old.ends)),
            None => end,
        }
    }
}

/// Puts a sign at the beginning of the first line, which is indented.
fn mark(lines: &mut [String], sign: &str) {
    if let Some(line) = lines.first_mut() {
        line.replace_range(..sign.len(), sign);
    }
}

/// Values with their names, a line each.
fn list(row: &Row<'_>, names: &[&String], width: usize) -> Vec<String> {
    const INDENT: &str = "     ";
    let widest = names.iter().map(|name| length(name)).max().unwrap_or(0);
    let lines = names.iter().map(|name| {
        let label = format!("{INDENT}{name:<widest$}  ");
        let room = width.saturating_sub(length(&label));
        let line = label + &cell(row, name, room);
        line.trim_end().to_owned()
    });
    lines.collect()
}

/// What is as in the line above, and as before, is not told again.
fn is_told(row: &Row<'_>, above: Option<&Row<'_>>, name: &str) -> bool {
    let is_new = |other: &Version| value(other, name) != value(row.version, name);
    above.is_none_or(|above| is_new(above.version)) || row.compared().is_some_and(is_new)
}

/// A value, beside what it was where it differs.
fn cell(row: &Row<'_>, name: &str, room: usize) -> String {
    let (new, old) = (value(row.version, name), row.compared());
    let old = old.map(|old| value(old, name)).filter(|old| *old != new);
    match old {
        Some(old) => {
            let (old, new) = change(&shown(old), &shown(new), room);
            format!("{old}{ARROW}{new}")
        }
        None => shortened(&shown(new), room),
    }
}

/// A value on one line: what would end the line or move the cursor is written out.
fn shown(value: Shown<'_>) -> String {
    let value = match value {
        Shown::Value(value) => value,
        Shown::Null => return NOTHING.to_owned(),
        Shown::Unsaid => return UNSAID.to_owned(),
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

fn length(text: &str) -> usize {
    text.chars().count()
}
