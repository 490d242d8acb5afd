//! What a file is, when it only bears the name of a CSV file.
//!
//! In: its first bytes. Out: nothing, or what they look like. Only what can be told beyond doubt
//! is refused here; everything else is for the header to find out.

use std::fmt;

use super::fault::FileFault;
use super::window::BYTE_ORDER_MARK;

/// How much is looked at.
pub(super) const SAMPLE_BYTES: usize = 1024;

/// A format that people give a `.csv` name to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Compressed with gzip.
    Gzip,
    /// Compressed with bzip2.
    Bzip2,
    /// Compressed with LZ4.
    Lz4,
    /// A 7-Zip archive.
    SevenZip,
    /// A RAR archive.
    Rar,
    /// An `SQLite` database.
    Sqlite,
    /// Avro.
    Avro,
    /// ORC.
    Orc,
    /// Arrow, or Feather.
    Arrow,
    /// Compressed with xz.
    Xz,
    /// Compressed with Zstandard.
    Zstd,
    /// Zip, or an Excel workbook, which is one.
    Zip,
    /// An Excel workbook of before 2007.
    OldExcel,
    /// PDF.
    Pdf,
    /// Parquet.
    Parquet,
    /// A web page, often an error page of the server that should have sent the file.
    Html,
    /// XML.
    Xml,
    /// JSON, or JSON lines.
    Json,
}

/// An encoding that is not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// UTF-16, least significant byte first.
    Utf16Le,
    /// UTF-16, most significant byte first.
    Utf16Be,
    /// UTF-32, least significant byte first.
    Utf32Le,
    /// UTF-32, most significant byte first.
    Utf32Be,
}

const MAGIC: [(&[u8], Format); 15] = [
    (b"\x1F\x8B", Format::Gzip),
    (b"\x04\x22\x4D\x18", Format::Lz4),
    (b"7z\xBC\xAF\x27\x1C", Format::SevenZip),
    (b"Rar!\x1A\x07", Format::Rar),
    (b"SQLite format 3\0", Format::Sqlite),
    (b"Obj\x01", Format::Avro),
    (b"ORC\x0A", Format::Orc),
    (b"ARROW1\0\0", Format::Arrow),
    (b"\xFD7zXZ\0", Format::Xz),
    (b"\x28\xB5\x2F\xFD", Format::Zstd),
    (b"PK\x03\x04", Format::Zip),
    (b"PK\x05\x06", Format::Zip),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Format::OldExcel),
    (b"%PDF", Format::Pdf),
    (b"PAR1", Format::Parquet),
];

/// In lower case, after white space.
const TEXT_STARTS: [(&[u8], Format); 5] = [
    (b"<!doctype", Format::Html),
    (b"<html", Format::Html),
    (b"<?xml", Format::Xml),
    (b"{", Format::Json),
    (b"[", Format::Json),
];

/// Refuses a file whose first bytes cannot be those of a CSV file.
pub(super) fn refuse_other_formats(sample: &[u8]) -> Result<(), FileFault> {
    if sample.is_empty() {
        return Err(FileFault::Empty);
    }
    if sample.iter().all(|byte| *byte == 0) {
        return Err(FileFault::OnlyNul);
    }
    if let Some(encoding) = encoding_by_mark(sample).or_else(|| encoding_by_nul(sample)) {
        return Err(FileFault::NotUtf8(encoding));
    }
    match format(sample) {
        Some(format) => Err(FileFault::NotCsv(format)),
        None => Ok(()),
    }
}

/// The mark of UTF-32 begins with that of UTF-16, so it is looked for first.
fn encoding_by_mark(sample: &[u8]) -> Option<Encoding> {
    match sample {
        [0xFF, 0xFE, 0, 0, ..] => Some(Encoding::Utf32Le),
        [0, 0, 0xFE, 0xFF, ..] => Some(Encoding::Utf32Be),
        [0xFF, 0xFE, ..] => Some(Encoding::Utf16Le),
        [0xFE, 0xFF, ..] => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// A header begins with ASCII, whose other bytes are NUL in the wide encodings.
fn encoding_by_nul(sample: &[u8]) -> Option<Encoding> {
    match sample {
        [1..=0xFF, 0, 0, 0, ..] => Some(Encoding::Utf32Le),
        [0, 0, 0, 1..=0xFF, ..] => Some(Encoding::Utf32Be),
        [1..=0xFF, 0, 1..=0xFF, 0, ..] => Some(Encoding::Utf16Le),
        [0, 1..=0xFF, 0, 1..=0xFF, ..] => Some(Encoding::Utf16Be),
        _ => None,
    }
}

fn format(sample: &[u8]) -> Option<Format> {
    let text = sample
        .strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(sample)
        .trim_ascii_start();
    let by_magic = MAGIC
        .into_iter()
        .find(|(magic, _)| sample.starts_with(magic));
    let by_text = || {
        TEXT_STARTS.into_iter().find(|(start, _)| {
            text.get(..start.len())
                .is_some_and(|bytes| bytes.eq_ignore_ascii_case(start))
        })
    };
    // The fourth byte is the size of its blocks.
    let is_bzip2 = sample.starts_with(b"BZh") && sample.get(4..10) == Some(b"1AY&SY");
    let by_magic = by_magic.or_else(|| is_bzip2.then_some((&b"BZh"[..], Format::Bzip2)));
    by_magic.or_else(by_text).map(|(_, format)| format)
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "a gzip file",
            Self::Bzip2 => "a bzip2 file",
            Self::Lz4 => "an LZ4 file",
            Self::SevenZip => "a 7-Zip archive",
            Self::Rar => "a RAR archive",
            Self::Sqlite => "an SQLite database",
            Self::Avro => "an Avro file",
            Self::Orc => "an ORC file",
            Self::Arrow => "an Arrow file",
            Self::Xz => "an xz file",
            Self::Zstd => "a Zstandard file",
            Self::Zip => "a zip file or an Excel workbook",
            Self::OldExcel => "an old Excel workbook",
            Self::Pdf => "a PDF",
            Self::Parquet => "a Parquet file",
            Self::Html => "a web page",
            Self::Xml => "XML",
            Self::Json => "JSON",
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf16Le => "UTF-16 (little-endian)",
            Self::Utf16Be => "UTF-16 (big-endian)",
            Self::Utf32Le => "UTF-32 (little-endian)",
            Self::Utf32Be => "UTF-32 (big-endian)",
        })
    }
}
