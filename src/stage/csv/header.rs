//! The first line with text: the names of the columns.
//!
//! Out: the names exactly as they are spelt. Which of them the table knows, and what to make of
//! one that is empty, doubled or in other letters, is decided where the contract is known.

use std::fmt;
use std::io::Read;

use csv::ByteRecord;

use super::Limits;
use super::check::{column_with_nul, count_fields, more_fields_than};
use super::fault::FileFault;
use super::scan::{Misquoted, Shape};
use super::split::Splitter;
use crate::stage::reject::Place;

/// The column names of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    names: Vec<String>,
    text: String,
    place: Place,
}

impl Header {
    /// The names, without their quotes and otherwise as they are spelt. At least one, but any may
    /// be empty.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The line as it stands in the file, without byte order mark and line end: what an export of
    /// this file's rows begins with.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// How this header seems to be meant, if not as CSV with commas. A guess: worth telling when
    /// the names are not the expected ones, and only then.
    #[must_use]
    pub fn dialect_hint(&self) -> Option<DialectHint> {
        DialectHint::of(&self.text)
    }
}

/// Another way of writing tables as text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialectHint {
    /// `sep=;` before the header, for Excel.
    SepLine,
    /// `# …` before the header.
    Comment,
    /// `'a','b'`
    SingleQuotes,
    /// `a;b`
    Semicolons,
    /// `a<tab>b`
    Tabs,
    /// `a|b`
    Bars,
    /// `a b`
    Spaces,
}

impl DialectHint {
    fn of(text: &str) -> Option<Self> {
        let is_sep_line = text
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("sep="));
        if is_sep_line {
            Some(Self::SepLine)
        } else if text.starts_with('#') {
            Some(Self::Comment)
        } else if text.len() > 1 && text.starts_with('\'') && text.ends_with('\'') {
            Some(Self::SingleQuotes)
        } else {
            Self::by_delimiter(text)
        }
    }

    /// Spaces come last: they stand in names, too.
    fn by_delimiter(text: &str) -> Option<Self> {
        let count = |delimiter| text.matches(delimiter).count();
        let commas = count(',');
        [
            (';', Self::Semicolons),
            ('\t', Self::Tabs),
            ('|', Self::Bars),
        ]
        .into_iter()
        .find(|(delimiter, _)| count(*delimiter) > commas)
        .map(|(_, hint)| hint)
        .or_else(|| (commas == 0 && text.trim().contains(' ')).then_some(Self::Spaces))
    }
}

impl fmt::Display for DialectHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SepLine => {
                "It looks like a \"sep=\" line for Excel; the first line must be the header."
            }
            Self::Comment => "It looks like a comment; the first line must be the header.",
            Self::SingleQuotes => "It looks quoted with '; only \" is a quote.",
            Self::Semicolons => "It looks separated by semicolons; only commas separate.",
            Self::Tabs => "It looks separated by tabs; only commas separate.",
            Self::Bars => "It looks separated by vertical bars; only commas separate.",
            Self::Spaces => "It looks separated by spaces; only commas separate.",
        })
    }
}

/// Reads the header, and leaves its fields as bytes to compare rows with.
pub(super) fn read<R: Read>(
    splitter: &mut Splitter<R>,
    fields: &mut ByteRecord,
    limits: &Limits,
) -> Result<Header, FileFault> {
    go_to_first_line_with_text(splitter)?;
    let scanned = *splitter.latest();
    let place = scanned.place;
    let line = place.line;
    let raw = splitter.raw().unwrap_or_default().to_vec();

    match scanned.shape {
        Shape::WellFormed | Shape::Blank => {}
        Shape::Misquoted(misquoted) => return Err(misquoted_header(&raw, misquoted)),
        Shape::TooLong => {
            let limit = limits.record_bytes;
            return Err(FileFault::HeaderTooLong { line, limit });
        }
    }
    if let Some(count) = more_fields_than(limits.columns, &raw) {
        let limit = limits.columns;
        return Err(FileFault::TooManyColumns { line, count, limit });
    }
    splitter.split_into(fields, line)?;
    if let Some(column) = column_with_nul(fields.iter()) {
        return Err(FileFault::HeaderNul { line, column });
    }
    Ok(Header {
        // There may be marks after the file's first bytes: blank lines may come first.
        text: utf8(&raw, place)?.trim_start_matches('\u{FEFF}').to_owned(),
        // Lossless: the whole line was UTF-8, and fields are cut from it at ASCII bytes.
        names: fields
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect(),
        place,
    })
}

fn go_to_first_line_with_text<R: Read>(splitter: &mut Splitter<R>) -> Result<(), FileFault> {
    while splitter.advance()? {
        if !matches!(splitter.latest().shape, Shape::Blank) {
            return Ok(());
        }
    }
    Err(FileFault::NoHeader)
}

fn misquoted_header(raw: &[u8], misquoted: Misquoted) -> FileFault {
    FileFault::HeaderMisquoted {
        line: misquoted.line,
        column: count_fields(&raw[..misquoted.at]),
        what: misquoted.what,
        // Any text has spaces.
        hint: DialectHint::of(&String::from_utf8_lossy(raw))
            .filter(|hint| *hint != DialectHint::Spaces),
    }
}

fn utf8(raw: &[u8], place: Place) -> Result<&str, FileFault> {
    std::str::from_utf8(raw).map_err(|error| FileFault::HeaderNotUtf8 {
        line: place.line,
        offset: place.offset + error.valid_up_to() as u64,
        column: count_fields(&raw[..error.valid_up_to()]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_in_another_dialect_is_recognised() {
        let cases = [
            ("email,name", None),
            ("email", None),
            ("first name,last name", None),
            ("a;b,c", None),
            ("email;name", Some(DialectHint::Semicolons)),
            ("\"email\";\"name\"", Some(DialectHint::Semicolons)),
            ("email\tname", Some(DialectHint::Tabs)),
            ("email|name", Some(DialectHint::Bars)),
            ("email name", Some(DialectHint::Spaces)),
            ("email ", None),
            ("sep=;", Some(DialectHint::SepLine)),
            ("SEP=,", Some(DialectHint::SepLine)),
            ("# exported", Some(DialectHint::Comment)),
            ("'email','name'", Some(DialectHint::SingleQuotes)),
            ("'", None),
            ("säp=", None),
        ];
        for (text, hint) in cases {
            assert_eq!(DialectHint::of(text), hint, "{text}");
        }
    }
}
