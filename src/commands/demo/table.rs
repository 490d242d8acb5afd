//! Rows under a header, in columns as wide as they need to be.

use std::fmt::{self, Write as _};

/// How far a table stands from the left edge.
const INDENT: &str = "   ";

/// A table of texts.
#[derive(Debug)]
pub(super) struct Table {
    lines: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        let header = header.iter().map(ToString::to_string).collect();
        let mut lines = vec![header];
        lines.extend(rows);
        Self { lines }
    }

    /// How many rows stand below the header.
    pub(super) fn rows(&self) -> usize {
        self.lines.len().saturating_sub(1)
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let mut text = String::new();
            for (column, cell) in line.iter().enumerate() {
                let width = self.width(column);
                write!(text, "  {cell:<width$}")?;
            }
            write!(f, "{INDENT}{}", text.trim())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_no_line_ends_in_space() {
        let row = |cells: [&str; 2]| cells.map(ToString::to_string).to_vec();
        let table = Table::new(&["a", "b"], [row(["Zoë", "1"]), row(["x", "22"])]);
        assert_eq!(table.to_string(), "   a    b\n   Zoë  1\n   x    22");
        assert_eq!(table.rows(), 2);
    }
}
