//! A line of a drawing: pieces of text, each with a weight. The weight is decoration: without it
//! the line says the same.

/// How a piece of text stands out, where the terminal can show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// As it is.
    Plain,
    /// What changed.
    Strong,
    /// What did not.
    Faint,
}

/// A piece of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The text.
    pub text: String,
    /// How it stands out.
    pub weight: Weight,
}

/// A line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line(Vec<Span>);

impl Line {
    /// An empty line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The pieces.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Adds a piece.
    #[must_use]
    pub fn with(mut self, text: impl Into<String>, weight: Weight) -> Self {
        let text = text.into();
        self.0.push(Span { text, weight });
        self
    }

    /// Adds text as it is.
    #[must_use]
    pub fn plain(self, text: impl Into<String>) -> Self {
        self.with(text, Weight::Plain)
    }

    /// Adds text that stands out.
    #[must_use]
    pub fn strong(self, text: impl Into<String>) -> Self {
        self.with(text, Weight::Strong)
    }

    /// Adds text that stands back.
    #[must_use]
    pub fn faint(self, text: impl Into<String>) -> Self {
        self.with(text, Weight::Faint)
    }

    /// How many characters there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.iter().map(|span| span.text.chars().count()).sum()
    }

    /// The line without weights.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }

    /// The line, no longer than this; where something is missing it ends in `…`.
    #[must_use]
    pub fn cut(mut self, width: usize) -> Self {
        if self.length() <= width {
            return self;
        }
        let mut left = width.saturating_sub(1);
        for span in &mut self.0 {
            span.text = span.text.chars().take(left).collect();
            left -= span.text.chars().count();
        }
        self.0.retain(|span| !span.text.is_empty());
        self.faint("…")
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_is_cut_across_its_pieces() {
        let line = Line::new().plain("name  ").strong("Ann → Anne");
        assert_eq!(line.clone().cut(16).text(), "name  Ann → Anne");
        assert_eq!(line.clone().cut(9).text(), "name  An…");
        assert_eq!(line.cut(4).text(), "nam…");
        assert_eq!(Line::new().plain("žžžž").cut(3).text(), "žž…");
    }
}
