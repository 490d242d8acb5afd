//! `tsvector`: the server moves positions that are too large for it, and drops those that are too
//! many.

use super::ValueFault;

/// The largest position, and how many a lexeme has at most.
const MOST: (u32, usize) = (16_383, 255);

/// Refuses positions that the server would not keep. All else is the server's to judge.
pub(super) fn check(text: &str) -> Result<(), ValueFault> {
    let mut rest = text;
    while let Some(at) = rest.find(['\'', '\\', ':']) {
        let after = &rest[at + 1..];
        rest = match rest.as_bytes()[at] {
            b'\'' => after_quoted(after),
            b'\\' => after
                .get(after.chars().next().map_or(0, char::len_utf8)..)
                .unwrap_or(""),
            _ => after_positions(after)?,
        };
    }
    Ok(())
}

fn after_quoted(text: &str) -> &str {
    let mut chars = text.char_indices();
    while let Some((at, next)) = chars.next() {
        match next {
            '\\' => {
                chars.next();
            }
            // A doubled one begins the next quoted stretch, which is the same lexeme's.
            '\'' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

fn after_positions(text: &str) -> Result<&str, ValueFault> {
    let end = text
        .find(|next: char| !(next.is_ascii_alphanumeric() || matches!(next, ',' | '*')))
        .unwrap_or(text.len());
    let (positions, rest) = text.split_at(end);
    let mut count = 0;
    for position in positions.split(',') {
        count += 1;
        let digits = position.trim_end_matches(|next: char| !next.is_ascii_digit());
        if !digits.is_empty() && digits.parse::<u32>().map_or(true, |number| number > MOST.0) {
            return Err(ValueFault::overflow(format!(
                "has a lexeme at a position beyond {}, which Postgres would move",
                MOST.0
            )));
        }
    }
    if count > MOST.1 {
        return Err(ValueFault::overflow(format!(
            "has a lexeme at more than {} positions, of which Postgres would drop some",
            MOST.1
        )));
    }
    Ok(rest)
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
        ] {
            assert_eq!(check(text).is_ok(), is_kept, "{text}");
        }
        let many = |count: usize| format!("a:{}", vec!["1"; count].join(","));
        assert!(check(&many(255)).is_ok());
        assert!(check(&many(256)).is_err());
    }
}
