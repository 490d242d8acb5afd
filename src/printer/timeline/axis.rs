//! Versions → a line on which their lengths can be seen.
//!
//! Each version and each gap is a piece as long as its share of the time, but never so short that
//! its number could not be read. Pure: the clock and the width are told.

use chrono::{DateTime, TimeDelta, Utc};

use crate::history::why::Version;

/// The line and what stands above and below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Axis {
    /// Where the asked instant lies, if one was asked for.
    pub pointer: Option<String>,
    /// The pieces: `├── 1 ──┼─ 2 ─┤····├━━ 3 ━━▶`.
    pub line: String,
    /// When they begin.
    pub labels: String,
}

/// A version or a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Piece {
    kind: Kind,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Past(i32),
    Current(i32),
    Gap,
}

impl Kind {
    fn name(self) -> String {
        match self {
            Self::Past(number) | Self::Current(number) => format!(" {number} "),
            Self::Gap => String::new(),
        }
    }

    /// The least characters between the ticks.
    fn least(self) -> usize {
        match self {
            Self::Gap => 3,
            version => version.name().chars().count() + 2,
        }
    }
}

/// A piece at its place.
struct Placed {
    piece: Piece,
    start: usize,
    length: usize,
}

/// Draws versions, which lie in their order, up to now. `None` for none.
#[must_use]
pub fn axis(
    versions: &[Version],
    at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    width: usize,
) -> Option<Axis> {
    let pieces = pieces(versions, now);
    let shown = newest_that_fit(&pieces, width);
    let elided = shown.len() < pieces.len();
    let placed = place(shown, usize::from(elided), width);
    let last = placed.last()?;
    let end = last.start + 1 + last.length;
    let mut line = if elided { "…" } else { "" }.to_owned();
    let mut before = None;
    for placed in &placed {
        line.push(tick(before, Some(placed.piece.kind)));
        line.push_str(&body(placed));
        before = Some(placed.piece.kind);
    }
    line.push(tick(before, None));
    Some(Axis {
        pointer: at.and_then(|at| pointer(&placed, at)),
        line: line.trim_end().to_owned(),
        labels: labels(&placed, end, width),
    })
}

fn pieces(versions: &[Version], now: DateTime<Utc>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut next = versions.iter().skip(1);
    for version in versions {
        let (kind, to) = match version.to {
            Some(to) => (Kind::Past(version.number), to),
            None => (Kind::Current(version.number), now.max(version.from)),
        };
        let from = version.from;
        pieces.push(Piece { kind, from, to });
        // After the last one the key is not there up to now.
        let resumed = next.next().map_or(now, |next| next.from);
        if version.to.is_some() && to < resumed {
            pieces.push(Piece {
                kind: Kind::Gap,
                from: to,
                to: resumed,
            });
        }
    }
    pieces
}

/// Where there are too many, the oldest are left out.
fn newest_that_fit(pieces: &[Piece], width: usize) -> &[Piece] {
    let fits = |pieces: &[Piece], room: usize| least(pieces) <= room;
    if fits(pieces, width) {
        return pieces;
    }
    let mut shown = pieces;
    while let [_, rest @ ..] = shown {
        shown = rest;
        if fits(shown, width.saturating_sub(1)) {
            break;
        }
    }
    shown
}

fn least(pieces: &[Piece]) -> usize {
    let bodies: usize = pieces.iter().map(|piece| piece.kind.least()).sum();
    bodies + pieces.len() + 1
}

/// Shares what is left over among the pieces as their times are.
fn place(pieces: &[Piece], indent: usize, width: usize) -> Vec<Placed> {
    let extra = width.saturating_sub(least(pieces) + indent);
    let times: Vec<f64> = pieces
        .iter()
        .map(|piece| time(piece.to - piece.from))
        .collect();
    let whole: f64 = times.iter().sum();
    let mut placed = Vec::new();
    let (mut start, mut past, mut given) = (indent, 0.0, 0);
    for (piece, time) in pieces.iter().zip(times) {
        past += time;
        // Rounded along the way, so that the pieces add up to the width.
        let due = share(extra, past, whole);
        let length = piece.kind.least() + due - given;
        given = due;
        placed.push(Placed {
            piece: *piece,
            start,
            length,
        });
        start += 1 + length;
    }
    placed
}

fn time(delta: TimeDelta) -> f64 {
    delta.as_seconds_f64().max(0.0)
}

/// So many of `room` characters as `part` is of `whole`.
fn share(room: usize, part: f64, whole: f64) -> usize {
    if whole <= 0.0 {
        return 0;
    }
    // A terminal's width is exact in a float, and the quotient is between 0 and 1.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let characters = (room as f64 * (part / whole)).round() as usize;
    characters.min(room)
}

fn tick(before: Option<Kind>, after: Option<Kind>) -> char {
    let there = |kind: Option<Kind>| kind.is_some_and(|kind| kind != Kind::Gap);
    match (before, after) {
        (Some(Kind::Current(_)), None) => '▶',
        (_, Some(Kind::Current(_))) if !there(before) => '┝',
        (_, Some(Kind::Current(_))) => '┾',
        _ => match (there(before), there(after)) {
            (true, true) => '┼',
            (true, false) => '┤',
            (false, true) => '├',
            (false, false) => ' ',
        },
    }
}

fn body(placed: &Placed) -> String {
    let fill = match placed.piece.kind {
        Kind::Past(_) => '─',
        Kind::Current(_) => '━',
        Kind::Gap => '·',
    };
    let name = placed.piece.kind.name();
    let room = placed.length - name.chars().count();
    let fill = |count: usize| fill.to_string().repeat(count);
    format!("{}{name}{}", fill(room / 2), fill(room - room / 2))
}

fn pointer(placed: &[Placed], at: DateTime<Utc>) -> Option<String> {
    let at_or_after = placed.iter().rev().find(|placed| placed.piece.from <= at)?;
    let Piece { from, to, .. } = at_or_after.piece;
    let part = share(at_or_after.length, time(at - from), time(to - from));
    let place = at_or_after.start + part + usize::from(part == 0 && at > from);
    Some(format!("{}▼", " ".repeat(place)))
}

/// When the pieces begin, as many as there is room for; and, at the end, `now`.
fn labels(placed: &[Placed], end: usize, width: usize) -> String {
    let print = coarsest(placed);
    let last = placed.last().map(|placed| placed.piece);
    let closing = match last.map(|piece| (piece.kind, piece.to)) {
        Some((Kind::Past(_), to)) => print(to),
        _ => "now".to_owned(),
    };
    let closing_start = (end + 1).min(width).saturating_sub(closing.chars().count());
    let mut line = String::new();
    let mut length = 0;
    for placed in placed {
        let label = print(placed.piece.from);
        let label_length = label.chars().count();
        let clear = placed.start == 0 || length == 0 || placed.start >= length + 2;
        if clear && placed.start + label_length + 2 <= closing_start {
            line.push_str(&" ".repeat(placed.start - length));
            line.push_str(&label);
            length = placed.start + label_length;
        }
    }
    line.push_str(&" ".repeat(closing_start.saturating_sub(length)));
    line + &closing
}

type Print = fn(DateTime<Utc>) -> String;

/// Days, unless all is within a few of them; the list below has the instants themselves.
fn coarsest(placed: &[Placed]) -> Print {
    let first = placed.first().map(|placed| placed.piece.from);
    let last = placed.last().map(|placed| placed.piece.to);
    let span = first
        .zip(last)
        .map_or(TimeDelta::zero(), |(first, last)| last - first);
    if span > TimeDelta::days(4) {
        |at| at.format("%Y-%m-%d").to_string()
    } else if span > TimeDelta::days(1) {
        |at| at.format("%m-%d %H:%M").to_string()
    } else if span > TimeDelta::minutes(10) {
        |at| at.format("%H:%M").to_string()
    } else if span > TimeDelta::seconds(10) {
        |at| at.format("%H:%M:%S").to_string()
    } else {
        |at| at.format("%H:%M:%S%.3f").to_string()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use expect_test::{Expect, expect};

    use super::axis;
    use crate::history::why::Version;
    use crate::history::why::said::fixtures::{instant, version};

    fn drawn(versions: &[Version], at: Option<DateTime<Utc>>, width: usize, expected: &Expect) {
        let axis = axis(versions, at, instant(60), width).unwrap();
        let lines = axis.pointer.into_iter().chain([axis.line, axis.labels]);
        let lines: Vec<String> = lines.collect();
        for line in &lines {
            assert!(line.chars().count() <= width, "{line:?} is too long");
        }
        expected.assert_eq(&(lines.join("\n") + "\n"));
    }

    #[test]
    fn the_lengths_are_as_the_times_and_a_gap_is_a_gap() {
        let versions = [
            version(1, 1, Some(20)),
            version(2, 20, Some(25)),
            version(3, 40, None),
        ];
        drawn(
            &versions,
            None,
            60,
            &expect![[r"
            ├─────── 1 ───────┼── 2 ───┤············┝━━━━━━━ 3 ━━━━━━━━▶
            2026-01-01        2026-01-20            2026-02-09       now
        "]],
        );
        drawn(
            &versions,
            Some(instant(30)),
            40,
            &expect![[r"
                                 ▼
            ├─── 1 ────┼── 2 ──┤·······┝━━━━ 3 ━━━━▶
            2026-01-01         2026-01-25        now
        "]],
        );
    }

    #[test]
    fn a_key_that_is_gone_has_no_arrow() {
        let versions = [version(1, 1, Some(20)), version(2, 20, Some(25))];
        drawn(
            &versions,
            Some(instant(1)),
            50,
            &expect![[r"
            ▼
            ├────── 1 ───────┼── 2 ──┤·······················
            2026-01-01       2026-01-20                    now
        "]],
        );
    }

    #[test]
    fn a_short_version_keeps_its_number_and_too_many_lose_the_oldest() {
        let versions: Vec<Version> = (1_i32..=14)
            .map(|number| {
                let from = i64::from(number);
                version(number, from, (number < 14).then_some(from + 1))
            })
            .collect();
        drawn(
            &versions,
            None,
            60,
            &expect![[r"
            …├─ 7 ─┼─ 8 ─┼─ 9 ─┼─ 10 ─┼─ 11 ─┼─ 12 ──┼─ 13 ─┾━━━ 14 ━━━▶
             2026-01-07  2026-01-09   2026-01-11     2026-01-13      now
        "]],
        );
    }

    #[test]
    fn one_version_is_an_arrow() {
        drawn(
            &[version(1, 58, None)],
            None,
            30,
            &expect![[r"
                ┝━━━━━━━━━━━━ 1 ━━━━━━━━━━━━━▶
                02-27 00:00                now
            "]],
        );
        assert_eq!(axis(&[], None, instant(1), 60), None);
    }
}
