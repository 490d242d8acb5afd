//! An [`Answer`] → lines that show the history of a key from the top to the bottom: a rail beside
//! the versions, which is broken where the key was not there. Pure: the clock and the width are
//! told. What is drawn are values of rows, so the lines are for stdout alone.

pub mod axis;
pub mod line;
mod words;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use chrono::{DateTime, Utc};

use self::line::Line;
use self::words::{brought, ended, lasted, outcome};
use crate::history::why::said::{Judged, Outcome, Presence, Source};
use crate::history::why::{Answer, Depth, FactRow, Moment, Part, Shown, Values, Version};
use crate::printer::change::{ARROW, change};
use crate::printer::instant::exact;
use crate::watch::display_name;

/// How an answer is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View {
    /// The instant that was asked for, if one was.
    pub at: Option<DateTime<Utc>>,
    /// Whether the observations are shown.
    pub depth: Depth,
    /// The present instant.
    pub now: DateTime<Utc>,
    /// Columns of the terminal; `None` for a file or a pipe, where nothing is cut.
    pub width: Option<usize>,
}

/// The axis where nobody says how wide it may be.
const USUAL_WIDTH: usize = 80;

/// Lines that say the same thing over and over are told as one, from this many on.
const MONOTONOUS: usize = 3;

/// Draws an answer.
#[must_use]
pub fn lines(answer: &Answer, view: &View) -> Vec<Line> {
    let drawing = Drawing { answer, view };
    let mut lines = drawing.head();
    lines.extend(match &answer.shown {
        Shown::Versions(_) => drawing.history(),
        Shown::Fact(fact) => drawing.fact(fact.as_ref()),
        Shown::Held(fact, dimensions) => drawing.held(fact, dimensions),
        Shown::FactAndHeld(fact, _, dimensions) => drawing.fact_and_held(fact, dimensions),
    });
    if lines.last().is_some_and(|line| line.length() == 0) {
        lines.pop();
    }
    match view.width {
        Some(width) => lines.into_iter().map(|line| line.cut(width)).collect(),
        None => lines,
    }
}

struct Drawing<'a> {
    answer: &'a Answer,
    view: &'a View,
}

/// Beside what a line stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rail {
    /// A version.
    Version,
    /// Nothing: the key is not there.
    Gap,
}

impl Rail {
    fn begin(self) -> Line {
        Line::new().plain(match self {
            Self::Version => "│ ",
            Self::Gap => "  ",
        })
    }
}

impl Drawing<'_> {
    /// The table and the key, in both its forms.
    fn head(&self) -> Vec<Line> {
        let table = visible(&self.answer.table);
        let mut key: Vec<(String, String)> = self
            .answer
            .natural_key()
            .into_iter()
            .map(|(name, value)| (visible(name), shown_value(value)))
            .collect();
        if let Some(column) = &self.answer.durable_column {
            key.push((visible(column), self.answer.durable_key.to_string()));
        }
        let wide = key.iter().map(|(name, _)| length(name)).max().unwrap_or(0);
        let mut lines: Vec<Line> = Vec::new();
        for (name, value) in key {
            let label = if lines.is_empty() { &table } else { "" };
            let indent = length(&table);
            let line = Line::new().strong(format!("{label:<indent$}  "));
            lines.push(line.plain(format!("{name:<wide$}  {value}")));
        }
        lines.push(Line::new());
        lines
    }

    // ---- versions --------------------------------------------------------------------------

    fn history(&self) -> Vec<Line> {
        let versions = self.answer.versions();
        let mut lines = self.axis();
        if versions.is_empty() && self.view.at.is_none() {
            lines.push(Line::new().strong("It has no version. This was said of it:"));
            lines.push(Line::new());
        }
        if let Some(at) = self.view.at {
            let moment = Moment::of(versions, at);
            lines.extend(words::moment(self.answer, moment, at));
            lines.push(Line::new());
            lines.extend(self.at_moment(moment));
            return lines;
        }
        let earliest = Moment::of(versions, DateTime::<Utc>::MIN_UTC);
        let unopened = self.observations(Rail::Gap, earliest);
        if !unopened.is_empty() {
            lines.extend(unopened);
            lines.push(Line::new());
        }
        for (place, version) in versions.iter().enumerate() {
            let before = place.checked_sub(1).and_then(|place| versions.get(place));
            let after = versions.get(place + 1);
            lines.extend(self.version(version, before));
            lines.extend(self.after(version, after));
        }
        lines
    }

    /// What holds around one instant: a version as a whole, or what was said in a gap.
    fn at_moment(&self, moment: Moment<'_>) -> Vec<Line> {
        let Moment::Held(version) = moment else {
            return self.observations(Rail::Gap, moment);
        };
        let versions = self.answer.versions();
        let begun = versions.partition_point(|other| other.from < version.from);
        let before = begun.checked_sub(1).and_then(|place| versions.get(place));
        let mut lines = vec![self.title(version, before)];
        lines.extend(self.values(&version.values, before.map(|before| &before.values)));
        lines.extend(self.brought_by(version));
        lines.extend(self.observations(Rail::Version, moment));
        lines
    }

    fn axis(&self) -> Vec<Line> {
        let width = self.view.width.unwrap_or(USUAL_WIDTH);
        let indent = "  ";
        let room = width.saturating_sub(2 * indent.len());
        let axis = axis::axis(self.answer.versions(), self.view.at, self.view.now, room);
        let Some(axis) = axis else {
            return Vec::new();
        };
        let pointer = axis.pointer.map(|pointer| Line::new().strong(pointer));
        let drawn = [Line::new().plain(axis.line), Line::new().faint(axis.labels)];
        let indented = |line: Line| {
            let spans = line.spans().iter();
            spans.fold(Line::new().plain(indent), |line, span| {
                line.with(span.text.clone(), span.weight)
            })
        };
        let mut lines: Vec<Line> = pointer.into_iter().chain(drawn).map(indented).collect();
        lines.push(Line::new());
        lines
    }

    fn version(&self, version: &Version, before: Option<&Version>) -> Vec<Line> {
        let mut lines = vec![self.title(version, before)];
        match before {
            Some(before) => lines.extend(self.changes(&version.values, &before.values)),
            None => lines.extend(self.values(&version.values, None)),
        }
        lines.extend(self.brought_by(version));
        lines.extend(self.observations(Rail::Version, Moment::Held(version)));
        lines
    }

    fn title(&self, version: &Version, before: Option<&Version>) -> Line {
        let continues = before.is_some_and(|before| before.to == Some(version.from));
        let corner = if continues && self.view.at.is_none() {
            "├ "
        } else {
            "┌ "
        };
        let line = Line::new()
            .plain(corner)
            .strong(format!("version {}", version.number));
        let from = exact(version.from);
        match version.to {
            Some(to) => {
                let lasted = lasted(to - version.from);
                line.plain(format!("  {from} → {}", exact(to)))
                    .faint(format!("  {lasted}"))
            }
            None => line.plain(format!("  {from} → now  ")).strong("current"),
        }
    }

    /// What stands between a version and the next: nothing, if they touch.
    fn after(&self, version: &Version, next: Option<&Version>) -> Vec<Line> {
        let Some(to) = version.to else {
            return vec![Line::new().plain("▼")];
        };
        match next {
            Some(next) if next.from == to => return vec![Line::new().plain("│")],
            Some(next) if next.from < to => {
                let damage = "│ overlaps the next one: somebody changed the table";
                return vec![Line::new().strong(damage)];
            }
            _ => {}
        }
        let cause = self.answer.ended_by(version);
        let mut lines = vec![
            Line::new()
                .plain(format!("└ {}  ", exact(to)))
                .plain(ended(cause)),
        ];
        let moment = match next {
            Some(next) => Moment::Between(version, next),
            None => Moment::AfterLast(version),
        };
        lines.push(Line::new());
        lines.extend(self.observations(Rail::Gap, moment));
        let absent = match next {
            Some(next) => format!("  not there for {}", lasted(next.from - to)),
            None => "  not there since then".to_owned(),
        };
        lines.push(Line::new().faint(absent));
        if next.is_some() {
            lines.push(Line::new());
        }
        lines
    }

    /// The row that brought a version, unless it is told among the observations.
    fn brought_by(&self, version: &Version) -> Option<Line> {
        let mut observations = self.answer.observations.iter();
        let told = self.view.depth == Depth::Observations
            && observations.any(|judged| judged.outcome == Outcome::Opened(version.number));
        (!told).then(|| {
            let line = Rail::Version.begin().plain("  ");
            line.faint(brought(&version.origin))
        })
    }

    // ---- values ----------------------------------------------------------------------------

    fn value_columns(&self) -> impl Iterator<Item = (usize, String)> {
        let columns = self.answer.columns.iter().enumerate();
        columns
            .filter(|(_, column)| column.part == Part::Value)
            .map(|(place, column)| (place, visible(&column.name)))
    }

    fn widest_name(&self) -> usize {
        let names = self.value_columns().map(|(_, name)| length(&name));
        names.max().unwrap_or(0)
    }

    /// Every value on a line of its own, with what was before where it differs.
    fn values(&self, values: &Values, before: Option<&Values>) -> Vec<Line> {
        let columns = self.value_columns();
        columns
            .map(|(place, name)| self.value(&name, place, values, before))
            .collect()
    }

    /// The same of a fact, of which a value may not fit its column.
    fn values_of_fact(&self, fact: &FactRow) -> Vec<Line> {
        let value = |(place, name): (usize, String)| {
            let line = self.value(&name, place, &fact.values, None);
            if fact.misfits.contains(&place) {
                line.faint(words::NO_FIT)
            } else {
                line
            }
        };
        self.value_columns().map(value).collect()
    }

    /// What changed on lines of their own, and the rest on one.
    fn changes(&self, values: &Values, before: &Values) -> Vec<Line> {
        let (changed, same): (Vec<_>, Vec<_>) = self
            .value_columns()
            .partition(|(place, _)| values.get(*place) != before.get(*place));
        let mut lines: Vec<Line> = changed
            .iter()
            .map(|(place, name)| self.value(name, *place, values, Some(before)))
            .collect();
        let same: Vec<String> = same
            .iter()
            .map(|(place, name)| format!("{name} {}", shown(values.get(*place))))
            .collect();
        if !same.is_empty() {
            let line = Rail::Version.begin().plain("  ");
            lines.push(line.faint(format!("as before: {}", same.join(" · "))));
        }
        lines
    }

    fn value(&self, name: &str, place: usize, values: &Values, before: Option<&Values>) -> Line {
        let wide = self.widest_name();
        let line = Rail::Version.begin().plain(format!("  {name:<wide$}  "));
        let value = shown(values.get(place));
        let before = before.map(|before| before.get(place));
        let Some(before) = before.filter(|before| *before != values.get(place)) else {
            return line.plain(value);
        };
        let room = self.view.width.unwrap_or(usize::MAX);
        let (before, value) = change(&shown(before), &value, room.saturating_sub(line.length()));
        line.plain(before).plain(ARROW).strong(value)
    }

    // ---- observations ----------------------------------------------------------------------

    /// What was said while this held.
    fn observations(&self, rail: Rail, moment: Moment<'_>) -> Vec<Line> {
        if self.view.depth == Depth::Versions {
            return Vec::new();
        }
        let (from, to) = moment.interval();
        let within = |judged: &&Judged| {
            let at = judged.observation.at;
            from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to)
        };
        let judged: Vec<&Judged> = self.answer.observations.iter().filter(within).collect();
        let widest = |text: fn(&Judged) -> String| {
            let lengths = judged.iter().map(|judged| length(&text(judged)));
            lengths.max().unwrap_or(0)
        };
        let widths = (widest(instant), widest(outcome));
        let mut lines = Vec::new();
        for run in judged.chunk_by(|one, other| is_monotonous(one) && is_monotonous(other)) {
            match run {
                [first, .., last] if run.len() >= MONOTONOUS => {
                    lines.push(rail.begin().plain(words::run(first, last, run.len())));
                }
                _ => lines.extend(
                    run.iter()
                        .flat_map(|judged| self.observation(rail, judged, widths)),
                ),
            }
        }
        lines
    }

    fn observation(&self, rail: Rail, judged: &Judged, widths: (usize, usize)) -> Vec<Line> {
        let (instants, outcomes) = widths;
        let line = rail
            .begin()
            .plain(format!("· {:<instants$}  ", instant(judged)))
            .strong(format!("{:<outcomes$}", outcome(judged)));
        let by = words::by(&judged.observation);
        let room = self.view.width.unwrap_or(usize::MAX);
        let mut lines = if line.length() + "  ".len() + length(&by) <= room {
            vec![line.plain(format!("  {by}"))]
        } else {
            vec![line, rail.begin().plain(format!("    {by}"))]
        };
        let said = self.said(judged);
        if !said.is_empty() {
            lines.push(rail.begin().plain("    ").faint(said));
        }
        lines
    }

    /// The values that the drawing does not show elsewhere: of what lost or was undone, and what
    /// was filled or replaced; and the defaults that the key began with.
    fn said(&self, judged: &Judged) -> String {
        let unseen = matches!(
            judged.outcome,
            Outcome::Lost(_) | Outcome::Undone | Outcome::NotShown | Outcome::Superseded(_)
        );
        let is_told = |place: &usize| {
            unseen
                || judged.filled.contains(place)
                || judged.overwrote.contains(place)
                || judged.defaults.contains_key(place)
        };
        let misfits = self.answer.misfits(&judged.observation);
        let columns = self.value_columns();
        let values = columns.filter(|(place, _)| is_told(place));
        let texts: Vec<String> = values
            .filter_map(|(place, name)| {
                let (value, source) = match judged.defaults.get(&place) {
                    Some(default) => (default, words::DEFAULT),
                    None => (judged.values.get(&place)?, ""),
                };
                let fits = if misfits.contains(&place) {
                    words::NO_FIT
                } else {
                    ""
                };
                Some(format!("{name} {}{source}{fits}", shown(Some(value))))
            })
            .collect();
        texts.join(" · ")
    }

    // ---- facts -----------------------------------------------------------------------------

    fn fact(&self, fact: Option<&FactRow>) -> Vec<Line> {
        let mut lines = Vec::new();
        match fact {
            Some(fact) => {
                lines.extend(self.values_of_fact(fact));
                lines.extend(words::stamps(fact).map(|text| Rail::Version.begin().plain(text)));
                let line = Rail::Version.begin().plain("  ");
                lines.push(line.faint(brought(&fact.origin)));
            }
            None => lines.push(Line::new().strong("Not in the table. This was said of it:")),
        }
        lines.extend(self.observations(Rail::Version, Moment::NeverThere));
        lines
    }

    fn held(&self, fact: &FactRow, dimensions: &[String]) -> Vec<Line> {
        let mut lines = vec![Line::new().strong(words::waits(dimensions))];
        lines.extend(self.fact(Some(fact)));
        lines
    }

    fn fact_and_held(&self, fact: &FactRow, dimensions: &[String]) -> Vec<Line> {
        let mut lines = vec![Line::new().strong(words::newer_waits(dimensions))];
        lines.extend(self.fact(Some(fact)));
        lines
    }
}

fn instant(judged: &Judged) -> String {
    exact(judged.observation.at)
}

/// A snapshot without the key, which was not there anyway.
fn is_monotonous(judged: &Judged) -> bool {
    judged.outcome == Outcome::AbsentAlready
        && judged.observation.presence == Presence::Absent
        && judged.observation.source == Source::Silence
}

/// A value, with what could move the cursor written out.
fn shown(value: Option<&Option<String>>) -> String {
    shown_value(value.and_then(|value| value.as_deref()))
}

fn shown_value(value: Option<&str>) -> String {
    match value {
        None => "∅".to_owned(),
        Some("") => "\"\"".to_owned(),
        Some(text) => visible(text),
    }
}

fn visible(text: &str) -> String {
    display_name(OsStr::from_bytes(text.as_bytes()))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests;
