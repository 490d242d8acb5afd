//! Whether a value that takes up several lines has swallowed rows: two stray quotes, one at the
//! beginning of a field and one at the end of another, make one value of all that lies between.
//!
//! That is well-formed, and may even be meant. So it is a warning, where nearly all lines within the record
//! have as many fields as the header.

use super::check::count_fields;
use super::fault::RecordFault;

/// What is odd about a record of several lines, if it is.
pub(super) fn warning(raw: &[u8], line: u64, columns: usize) -> Option<Box<RecordFault>> {
    // In a file of one column each line is as good as a row.
    if columns < 2 {
        return None;
    }
    let lines: Vec<&[u8]> = lines(raw).collect();
    if lines.len() < 2 {
        return None;
    }
    let alike = |lines: &[&[u8]]| {
        let alike = lines.iter().filter(|line| commas(line) + 1 == columns);
        alike.count()
    };
    // The first and the last have what stands before and behind the value, too.
    let within = &lines[1..lines.len() - 1];
    let rows = alike(&lines);
    if rows < 2 || alike(within) * 10 < within.len() * 9 {
        return None;
    }
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

/// The physical lines, without their ends.
fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(raw);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
            rest = None;
            return Some(bytes);
        };
        let line_end = if bytes[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = Some(&bytes[end + line_end..]);
        Some(&bytes[..end])
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
