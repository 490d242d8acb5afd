//! Rows of cells → aligned lines. Pure: the printer knows how wide the terminal is, and this
//! only hears it.

/// On which side a column's cells stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
    /// Names that may be long: they stand left, and are shortened where the line is too long.
    Elastic,
}

/// A table of text.
#[derive(Clone, Debug)]
pub struct Columns {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

const GAP: &str = "  ";

/// A name is not shortened below this, as nobody would know it again.
const SHORTEST: usize = 12;

impl Columns {
    /// A table with these columns; the names become its first row.
    #[must_use]
    pub fn new(columns: &[(&str, Side)]) -> Self {
        Self {
            sides: columns.iter().map(|(_, side)| *side).collect(),
            rows: vec![columns.iter().map(|(name, _)| (*name).to_owned()).collect()],
        }
    }

    /// Adds a row. Cells beyond the last column are not shown; none at all are a gap.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// How long the longest line is, if nothing is shortened.
    #[must_use]
    pub fn width(&self) -> usize {
        let widths = self.widths(usize::MAX);
        widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
    }

    /// The lines, no longer than `width` if the names can be shortened so far.
    #[must_use]
    pub fn lines(&self, width: Option<usize>) -> Vec<String> {
        let widths = self.widths(width.unwrap_or(usize::MAX));
        self.rows
            .iter()
            .map(|row| self.line(row, &widths))
            .collect()
    }

    /// Whether no line is longer than `width`.
    #[must_use]
    pub fn fits(&self, width: Option<usize>) -> bool {
        let Some(most) = width else { return true };
        let lines = self.lines(width);
        lines.iter().all(|line| line.chars().count() <= most)
    }

    fn widths(&self, most: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.sides.len())
            .map(|column| self.rows.iter().map(|row| length(row.get(column))).max())
            .map(Option::unwrap_or_default)
            .collect();
        let whole = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        let mut excess = whole.saturating_sub(most);
        for (width, side) in widths.iter_mut().zip(&self.sides) {
            if *side == Side::Elastic {
                let given = excess.min(width.saturating_sub(SHORTEST));
                *width -= given;
                excess -= given;
            }
        }
        widths
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells: Vec<String> = row
            .iter()
            .zip(&self.sides)
            .zip(widths)
            .map(|((cell, side), width)| match side {
                Side::Left => format!("{cell:<width$}"),
                Side::Right => format!("{cell:>width$}"),
                Side::Elastic => format!("{:<width$}", shortened(cell, *width)),
            })
            .collect();
        cells.join(GAP).trim_end().to_owned()
    }
}

fn length(cell: Option<&String>) -> usize {
    cell.map_or(0, |cell| cell.chars().count())
}

/// The beginning and the end of a name: its date or number often stands last.
#[must_use]
pub fn shortened(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        return name.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let end = width / 2;
    let beginning = width.saturating_sub(end + 1);
    let characters = name.chars();
    let first: String = characters.clone().take(beginning).collect();
    let last: String = characters.skip(count - end).collect();
    format!("{first}…{last}")
}

#[cfg(test)]
mod tests {
    use super::{Columns, Side, shortened};

    fn table() -> Columns {
        let mut table = Columns::new(&[
            ("load", Side::Right),
            ("file", Side::Elastic),
            ("status", Side::Left),
        ]);
        table.row(["7", "transactions-2026-11-21.csv", "loaded"].map(String::from));
        table.row(["12", "žofie.csv", "failed"].map(String::from));
        table
    }

    #[test]
    fn numbers_stand_right_words_left_and_no_line_ends_in_spaces() {
        assert_eq!(
            table().lines(None),
            [
                "load  file                         status",
                "   7  transactions-2026-11-21.csv  loaded",
                "  12  žofie.csv                    failed",
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_shortens_names_and_nothing_else() {
        assert_eq!(
            table().lines(Some(31)),
            [
                "load  file               status",
                "   7  transact…1-21.csv  loaded",
                "  12  žofie.csv          failed",
            ]
        );
        let narrowest = table().lines(Some(1));
        assert_eq!(narrowest[2], "  12  žofie.csv     failed");
    }

    #[test]
    fn a_shortened_name_is_as_long_as_it_may_be() {
        for (name, width, expected) in [
            ("users.csv", 9, "users.csv"),
            ("users.csv", 8, "use….csv"),
            ("žžžžžžžž", 5, "žž…žž"),
        ] {
            assert_eq!(shortened(name, width), expected);
        }
    }
}
