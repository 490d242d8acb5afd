//! Whether a value that takes up several lines has swallowed rows: two stray quotes, one at the
//! beginning of a field and one at the end of another, make one value of all that lies between.
//!
//! That is well-formed, and may even be meant. So it is a warning, where nearly all lines within the
//! record have as many fields as the header. Where the second quote stands elsewhere, the record is
//! misquoted, and each of its lines is told of as the row that it probably is.

use std::ops::Range;

use super::check::count_fields;
use super::fault::RecordFault;

/// What is odd about a record of several lines, if it is.
pub(super) fn warning(raw: &[u8], line: u64, columns: usize) -> Option<Box<RecordFault>> {
    let lines: Vec<&[u8]> = lines(raw).map(|range| &raw[range]).collect();
    let rows = rows(&lines, columns)?;
    let last = line + lines.len() as u64 - 1;
    let opened = lines[0]
        .iter()
        .rposition(|byte| *byte == b'"')
        .unwrap_or_default();
    let column = count_fields(&raw[..opened]);
    Some(Box::new(RecordFault::swallowed_rows(
        (line, last),
        rows,
        column,
    )))
}

/// Where the lines of a misquoted record lie that look like rows, the first and the last included, if
/// the quote has swallowed some.
pub(super) fn swallowed(raw: &[u8], columns: usize) -> Option<Vec<Range<usize>>> {
    let ranges: Vec<Range<usize>> = lines(raw).collect();
    let lines: Vec<&[u8]> = ranges.iter().map(|range| &raw[range.clone()]).collect();
    rows(&lines, columns)?;
    Some(ranges)
}

/// How many of the lines look like rows, if nearly all do.
fn rows(lines: &[&[u8]], columns: usize) -> Option<usize> {
    // In a file of one column each line is as good as a row.
    if columns < 2 || lines.len() < 2 {
        return None;
    }
    let alike = |lines: &[&[u8]]| {
        let alike = lines.iter().filter(|line| commas(line) + 1 == columns);
        alike.count()
    };
    // The first and the last have what stands before and behind the value, too.
    let within = &lines[1..lines.len() - 1];
    let rows = alike(lines);
    (rows > 1 && alike(within) * 10 >= within.len() * 9).then_some(rows)
}

/// Where the physical lines lie, without their ends.
fn lines(raw: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = &raw[start..];
        let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
            next = None;
            return Some(start..raw.len());
        };
        let line_end = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        next = Some(start + end + line_end);
        Some(start..start + end)
    })
}

/// Without regard to quotes: which of them was not meant is what nobody knows.
fn commas(line: &[u8]) -> usize {
    memchr::memchr_iter(b',', line).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_odd(raw: &str, columns: usize) -> bool {
        warning(raw.as_bytes(), 2, columns).is_some()
    }

    #[test]
    fn lines_that_look_like_rows_are_told_of() {
        assert!(is_odd("1,\"Ann\n2,Bob\"", 2));
        assert!(is_odd("1,\"Ann,10\n2,Bob\",20", 3));
        assert!(is_odd("\"1,Ann\r\n2,Bob\r\n3,Cy\",x", 2));
        let message = warning(b"1,\"Ann\r2,Bob\r\n3,Cy\n4,Di\"", 5, 2).unwrap();
        assert_eq!(message.column, Some(2));
        assert_eq!(
            message.message,
            "The value that begins in column 2 takes up lines 5 to 8, and 4 of these have as many \
             fields as the header. It was loaded as one value: was a quote lost, or one too many?"
        );
    }

    #[test]
    fn a_text_of_several_lines_is_a_text() {
        assert!(!is_odd("1,\"12 Main St\nSpringfield\",x", 3));
        assert!(!is_odd("1,x,\"first line\nsecond line\"", 3));
        assert!(!is_odd("\"first\nsecond\",x,y", 3));
        assert!(!is_odd("\"a, b\nc\nd, e\nf\",x", 2));
        assert!(!is_odd("\"a\nb\"", 1));
        assert!(!is_odd("1,\"Dear Ann,\n\nthanks\n\nBob\"", 2));
    }
}
