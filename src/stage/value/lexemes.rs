//! `tsvector`: the server moves positions that are too large for it, drops those that are too many, and
//! keeps one weight of a position that comes twice.

use std::collections::{BTreeMap, BTreeSet};

use super::ValueFault;

/// The largest position, and how many a lexeme has at most.
const MOST: (u32, usize) = (16_383, 255);

/// Refuses positions that the server would not keep. What a lexeme is made of is the server's to judge.
pub(super) fn check(text: &str) -> Result<(), ValueFault> {
    let mut places: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    let mut reader = Reader { rest: text };
    while let Some(lexeme) = reader.lexeme() {
        let places = places.entry(lexeme).or_default();
        for position in reader.positions() {
            note(position, places)?;
        }
    }
    Ok(())
}

fn note(position: &str, places: &mut BTreeSet<u32>) -> Result<(), ValueFault> {
    let digits = position.trim_end_matches(|next: char| !next.is_ascii_digit());
    if digits.is_empty() {
        return Ok(());
    }
    let number = digits.parse().ok().filter(|number| *number <= MOST.0);
    let Some(number) = number else {
        return Err(ValueFault::overflow(format!(
            "has a lexeme at a position beyond {}, which Postgres would move",
            MOST.0
        )));
    };
    if !places.insert(number) {
        return Err(ValueFault::overflow(
            "has a lexeme twice at one position, of which Postgres would drop one",
        ));
    }
    if places.len() > MOST.1 {
        return Err(ValueFault::overflow(format!(
            "has a lexeme at more than {} positions, of which Postgres would drop some",
            MOST.1
        )));
    }
    Ok(())
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// The next lexeme, if there is one: in quotes from its first character on, or up to a space or a
    /// colon.
    fn lexeme(&mut self) -> Option<String> {
        self.rest = self.rest.trim_ascii_start();
        match self.rest.strip_prefix('\'') {
            Some(rest) => {
                self.rest = rest;
                Some(self.quoted())
            }
            None => (!self.rest.is_empty()).then(|| self.unquoted()),
        }
    }

    fn quoted(&mut self) -> String {
        let mut lexeme = String::new();
        while let Some(next) = self.next() {
            match next {
                '\'' if !self.rest.starts_with('\'') => break,
                // The next one is plain: a quote that is doubled, or whatever is behind a backslash.
                '\'' | '\\' => lexeme.extend(self.next()),
                _ => lexeme.push(next),
            }
        }
        lexeme
    }

    fn unquoted(&mut self) -> String {
        let mut lexeme = String::new();
        let ends = |next: char| next == ':' || next.is_ascii_whitespace();
        while !self.rest.starts_with(ends) {
            match self.next() {
                Some('\\') => lexeme.extend(self.next()),
                Some(next) => lexeme.push(next),
                None => break,
            }
        }
        // A colon without a lexeme: the server refuses it.
        lexeme
    }

    /// The positions behind a lexeme, each with its weight.
    fn positions(&mut self) -> impl Iterator<Item = &'t str> + use<'t> {
        let positions = match self.rest.strip_prefix(':') {
            Some(rest) => {
                let is_part =
                    |next: char| next.is_ascii_alphanumeric() || matches!(next, ',' | '*');
                let end = rest.find(|next| !is_part(next)).unwrap_or(rest.len());
                let (positions, rest) = rest.split_at(end);
                self.rest = rest;
                positions
            }
            None => "",
        };
        positions.split(',')
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_that_would_be_moved_is_refused() {
        for (text, is_kept) in [
            ("a fat cat", true),
            ("fat:2,4A cat:3", true),
            ("fat:16383", true),
            ("fat:16384", false),
            ("fat:1,99999B", false),
            ("'fat:99999':1", true),
            ("'it''s:99999':1", true),
            ("fat\\:99999", true),
            ("fat:99999999999999", false),
            ("it's:99999 b's:5", false),
            ("'a'b:99999", false),
            ("a::1", true),
            ("a:1A,1B", false),
            ("a:1 b:1", true),
            ("a:1 a:1", false),
            ("a:1 'a':2", true),
            ("a", true),
            ("", true),
            ("'a", true),
            ("a\\", true),
        ] {
            assert_eq!(check(text).is_ok(), is_kept, "{text}");
        }
        let many = |range: std::ops::Range<u32>| {
            let positions: Vec<String> = range.map(|position| position.to_string()).collect();
            format!("a:{}", positions.join(","))
        };
        assert!(check(&many(1..256)).is_ok());
        assert!(check(&many(1..257)).is_err());
        assert!(check(&[many(1..200), many(200..256)].join(" ")).is_ok());
        assert!(check(&[many(1..200), many(200..257)].join(" ")).is_err());
    }
}
