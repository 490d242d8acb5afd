//! Files that are called `.csv` and are something else.

use super::FileFault;

/// UTF-8's byte order mark.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// Refuses a file by its first bytes.
pub(super) fn refuse_other_formats(start: &[u8]) -> Result<(), FileFault> {
    if start.is_empty() {
        return Err(FileFault::Empty);
    }
    match looks_like(start) {
        Some(format) => Err(FileFault::LooksLike(format)),
        None => Ok(()),
    }
}

/// A field without the mark that stands before a second file that was appended to a first.
pub(super) fn without_mark(field: &[u8]) -> &[u8] {
    field.strip_prefix(MARK).unwrap_or(field)
}

fn looks_like(start: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 9] = [
        (b"\xff\xfe\0\0", "UTF-32; save it as UTF-8"),
        (b"\0\0\xfe\xff", "UTF-32; save it as UTF-8"),
        (b"\xff\xfe", "UTF-16; save it as UTF-8"),
        (b"\xfe\xff", "UTF-16; save it as UTF-8"),
        (b"\x1f\x8b", "a gzip archive; unpack it first"),
        (
            b"PK\x03\x04",
            "a zip archive or an Excel workbook; export it as CSV",
        ),
        (
            b"\xd0\xcf\x11\xe0",
            "an old Excel workbook; export it as CSV",
        ),
        (b"%PDF", "a PDF"),
        (b"PAR1", "a Parquet file"),
    ];
    let known = SIGNATURES
        .iter()
        .find(|(signature, _)| start.starts_with(signature));
    known
        .map(|(_, format)| *format)
        .or_else(|| wide_characters(start))
        .or_else(|| markup(start))
}

/// UTF-16 and UTF-32 without a mark: of ASCII text every second byte, or three of four, is NUL.
fn wide_characters(start: &[u8]) -> Option<&'static str> {
    match start {
        [0, 0, 0, 0, ..] => Some("nothing but NUL bytes; was the disk full?"),
        [0, 0, 0, _, ..] | [_, 0, 0, 0, ..] => Some("UTF-32; save it as UTF-8"),
        [0, _, 0, _, ..] | [_, 0, _, 0, ..] => Some("UTF-16; save it as UTF-8"),
        _ => None,
    }
}

fn markup(start: &[u8]) -> Option<&'static str> {
    let text = without_mark(start).trim_ascii_start();
    let begins =
        |tag: &[u8]| text.len() >= tag.len() && text[..tag.len()].eq_ignore_ascii_case(tag);
    if begins(b"<!doctype") || begins(b"<html") {
        return Some("a web page (was it an error page that was saved?)");
    }
    if begins(b"<?xml") {
        return Some("XML");
    }
    match text.first() {
        Some(b'{' | b'[') => Some("JSON"),
        _ => None,
    }
}
