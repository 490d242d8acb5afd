//! Whether two texts that Postgres printed are one value.
//!
//! A type may print one value in several ways: `1.0` and `1.00`, as a number or inside of a document.
//! The statements compare values, so the folds have to as well.

use std::borrow::Cow;

use super::fold::{Cell, Observation, Said};
use super::store::Shown;
use crate::contract::{Column, ColumnType};

/// Whether two texts are one value, as the database compares them.
pub(super) fn is_same(column: &Column, one: &Cell, other: &Cell) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none() && other.is_none();
    };
    one == other
        || match &column.column_type {
            ColumnType::Numeric(_) => plain(one) == plain(other),
            ColumnType::Float4 | ColumnType::Float8 => {
                one.parse::<f64>().ok() == other.parse::<f64>().ok() && one.parse::<f64>().is_ok()
            }
            ColumnType::Json(_) => plain_numbers(one) == plain_numbers(other),
            _ => false,
        }
}

/// Gives all spellings of a document the one that the table has, or that was said first: whoever
/// compares texts then compares values.
pub(super) fn spell_alike(columns: &[Column], shown: &[Shown], said: &mut [Observation]) {
    let documents = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| matches!(column.column_type, ColumnType::Json(_)));
    for (place, column) in documents {
        let mut known: Vec<Cell> = Vec::new();
        for shown in shown {
            note(column, &mut known, &shown.version.cells[place]);
        }
        for observation in &mut *said {
            if let Said::Present(values) = &mut observation.said {
                let cell = &mut values.cells[place];
                *cell = note(column, &mut known, cell);
            }
        }
    }
}

/// The spelling that is known, or this one from now on.
fn note(column: &Column, known: &mut Vec<Cell>, cell: &Cell) -> Cell {
    if let Some(alike) = known.iter().find(|known| is_same(column, known, cell)) {
        return alike.clone();
    }
    known.push(cell.clone());
    cell.clone()
}

/// A decimal number without the zeros at its end: its scale is no part of its value.
fn plain(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

/// A document as `jsonb` prints it, with plain numbers. Not by way of a parser, whose numbers would
/// have fewer digits.
fn plain_numbers(document: &str) -> Cow<'_, str> {
    if !document.contains('.') {
        return Cow::Borrowed(document);
    }
    let mut plainly = String::with_capacity(document.len());
    let mut rest = document;
    while let Some(begin) = rest.find(|next: char| next == '"' || next.is_ascii_digit()) {
        let (before, from) = rest.split_at(begin);
        let (token, after) = from.split_at(end_of_token(from));
        plainly.push_str(before);
        plainly.push_str(if token.starts_with('"') {
            token
        } else {
            plain(token)
        });
        rest = after;
    }
    plainly.push_str(rest);
    Cow::Owned(plainly)
}

/// Where the text or the number ends that begins here.
fn end_of_token(text: &str) -> usize {
    if !text.starts_with('"') {
        let is_of_number = |next: char| next.is_ascii_digit() || next == '.';
        return text.find(|next| !is_of_number(next)).unwrap_or(text.len());
    }
    let mut is_escaped = false;
    for (place, next) in text.char_indices().skip(1) {
        match next {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::plain_numbers;

    #[test]
    fn the_scale_of_a_number_in_a_document_is_no_part_of_its_value() {
        for (document, plain) in [
            ("1.00", "1"),
            ("[10, -0.50]", "[10, -0.5]"),
            (r#"{"a": 1.0, "b": [2.50]}"#, r#"{"a": 1, "b": [2.5]}"#),
            (r#"{"1.0": "2.0"}"#, r#"{"1.0": "2.0"}"#),
            (r#"{"a\"1.0": 1.0}"#, r#"{"a\"1.0": 1}"#),
            (r#"["\\", 1.0]"#, r#"["\\", 1]"#),
            ("12345678901234567890.10", "12345678901234567890.1"),
        ] {
            assert_eq!(plain_numbers(document), plain, "{document}");
        }
    }
}
