//! The reader as a whole. The names B1, B2, … are those of the catalogue of bad inputs that the
//! reader was built against.

use std::io::{self, Read};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// `email,name,date_of_birth`
const HEADER: &str = "email,name,date_of_birth\n";

const SMALL: Limits = Limits {
    record_bytes: 64,
    field_bytes: 16,
    columns: 8,
};

/// One line for each record: its line, and its fields between bars or what is wrong with it.
fn read(source: impl Read, limits: Limits) -> Vec<String> {
    let mut told = Vec::new();
    let outcome = for_each(source, limits, |record| told.push(tell(record)));
    if let Err(fault) = outcome {
        told.push(format!("refused: {fault}"));
    }
    told
}

fn for_each(
    source: impl Read,
    limits: Limits,
    mut see: impl FnMut(&Record),
) -> Result<(), FileFault> {
    let mut file = CsvFile::open(source, limits)?;
    while let Some(record) = file.next_record()? {
        see(&record);
    }
    Ok(())
}

fn tell(record: &Record) -> String {
    let line = record.place.line;
    match &record.content {
        Ok(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|f| f.escape_ascii().to_string())
                .collect();
            format!("{line}: {}", fields.join("|"))
        }
        Err(fault) => match fault.column {
            Some(column) => format!("{line}: {} in column {column}", fault.kind),
            None => format!("{line}: {}", fault.kind),
        },
    }
}

fn under_header(rows: &[u8]) -> Vec<u8> {
    [HEADER.as_bytes(), rows].concat()
}

#[track_caller]
fn check_all(cases: &[(&str, &[u8], &[&str])], with_header: impl Fn(&[u8]) -> Vec<u8>) {
    for (name, bytes, expected) in cases {
        let file = with_header(bytes);
        assert_eq!(&read(&file[..], Limits::default()), expected, "{name}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn rows_under_a_header_of_three_columns() {
    let cases: [(&str, &[u8], &[&str]); 45] = [
        ("B2 header only", b"", &[]),
        ("plain", b"a,b,c\nd,e,f\n", &["2: a|b|c", "3: d|e|f"]),
        (
            "B6 two files, one after the other",
            b"a,b,c\n\xEF\xBB\xBFemail,name,date_of_birth\nd,e,f\n",
            &["2: a|b|c", "3: repeated_header", "4: d|e|f"],
        ),
        (
            "B6 the same, quoted",
            b"\xEF\xBB\xBF\"email\",\"name\",\"date_of_birth\"\nd,e,f\n",
            &["2: repeated_header", "3: d|e|f"],
        ),
        (
            "B6 a mark before a row that is no header",
            b"\xEF\xBB\xBFa,b,c\n\xEF\xBB\xBF\"a\",b,c\n",
            &["2: bad_encoding in column 1", "3: bad_encoding in column 1"],
        ),
        (
            "a line of nothing but a mark",
            b"\xEF\xBB\xBF\nd,e,f\n",
            &["2: bad_encoding in column 1", "3: d|e|f"],
        ),
        (
            "a mark inside a row is for those who know the column",
            b"a,\xEF\xBB\xBFb,c\n",
            &["2: a|\\xef\\xbb\\xbfb|c"],
        ),
        (
            "a mark inside a row does not open a quoted field",
            b"a,\xEF\xBB\xBF\"b\",c\n",
            &["2: unparsable_line in column 2"],
        ),
        (
            "B8 B9 what is not UTF-8 is for those who know the column",
            b"a,Andr\xE9,c\na,\x80,\xC3",
            &["2: a|Andr\\xe9|c", "3: a|\\x80|\\xc3"],
        ),
        (
            "B10 NUL in a field",
            b"a,b\0,c\na,\"b,\0\",c\nd,e,f\n",
            &[
                "2: bad_encoding in column 2",
                "3: bad_encoding in column 2",
                "4: d|e|f",
            ],
        ),
        ("B12 no line end", b"a,b,c", &["2: a|b|c"]),
        ("B12 lone CR at the end", b"a,b,c\r", &["2: a|b|c"]),
        ("B12 quoted, no line end", b"a,b,\"c\"", &["2: a|b|c"]),
        ("B12 comma, no line end", b"a,b,", &["2: a|b|"]),
        (
            "B14 text after a closing quote",
            b"\"x\"y,b,c\nd,e,f\n",
            &["2: unparsable_line in column 1", "3: d|e|f"],
        ),
        (
            "space after a closing quote",
            b"a,\"x\" ,c\n",
            &["2: unparsable_line in column 2"],
        ),
        (
            "B15 quote inside a field",
            b"a,x\"y,c\n",
            &["2: unparsable_line in column 2"],
        ),
        (
            "quote at the end of a field",
            b"a,x\",c\n",
            &["2: unparsable_line in column 2"],
        ),
        (
            "B16 quote behind a backslash",
            b"\"x\\\"y\",b,c\n",
            &["2: unparsable_line in column 1"],
        ),
        (
            "B16 the same before a comma",
            b"\"x\\\",y\",c\n",
            &["2: unparsable_line in column 2"],
        ),
        (
            "B17 space before a quote",
            b"a, \"b,c\"\n",
            &["2: unparsable_line in column 2"],
        ),
        (
            "B17 a misquoted record ends at the next line end, even between quotes",
            b"a, \"b\nc\",d,e\ng,h,i\n",
            &[
                "2: unparsable_line in column 2",
                "3: unparsable_line in column 1",
                "4: g|h|i",
            ],
        ),
        (
            "a quote is misplaced on the last line of a record",
            b"\"a\n\",\"b\r\n\",\"c\r\"d\ng,h,i\n",
            &["2: unparsable_line in column 3", "6: g|h|i"],
        ),
        (
            "B18 line ends, commas, quotes between quotes",
            b"\"a\nb\",\"c\r\nd\",\"e,\"\"f\"\"\"\nd,e,f\n",
            &["2: a\\nb|c\\r\\nd|e,\\\"f\\\"", "5: d|e|f"],
        ),
        (
            "B18 CR LF over two fields",
            b"\"a\r\",\"\nb\",\"\r\r\n\n\"\nd,e,f\n",
            &["2: a\\r|\\nb|\\r\\r\\n\\n", "8: d|e|f"],
        ),
        ("empty fields", b",,\n\"\",\"\",\"\"\n", &["2: ||", "3: ||"]),
        (
            "doubled quotes alone",
            b"\"\"\"\",\"\"\"\"\"\",c\n",
            &["2: \\\"|\\\"\\\"|c"],
        ),
        (
            "B19 short, long, trailing comma",
            b"a,b\na,b,c,d\na,b,c,\nd,e,f\n",
            &[
                "2: too_few_fields",
                "3: too_many_fields",
                "4: too_many_fields",
                "5: d|e|f",
            ],
        ),
        (
            "B21 blank line between rows",
            b"a,b,c\n\nd,e,f\n",
            &["2: a|b|c", "3: blank_line", "4: d|e|f"],
        ),
        (
            "B21 blank line under the header",
            b"\r\n\nd,e,f\n",
            &["2: blank_line", "3: blank_line", "4: d|e|f"],
        ),
        (
            "B21 blank lines at the end",
            b"a,b,c\n\n\r\n\r\n",
            &["2: a|b|c"],
        ),
        ("B21 nothing but blank lines", b"\n\r\r\n", &[]),
        (
            "B21 spaces",
            b"a,b,c\n  \nd,e,f\n",
            &["2: a|b|c", "3: too_few_fields", "4: d|e|f"],
        ),
        (
            "blank line before a fault",
            b"\n\"x\"y\n",
            &["2: blank_line", "3: unparsable_line in column 1"],
        ),
        (
            "CR CR LF ends one row, and is two lines",
            b"a,b,c\r\r\nd,e,f\r\r\n",
            &["2: a|b|c", "4: d|e|f"],
        ),
        (
            "B23 a footer, a second table, the header again",
            b"Total,3\nid,amount\nemail,name,date_of_birth\n\"email\",name,\"date_of_birth\"\n",
            &[
                "2: too_few_fields",
                "3: too_few_fields",
                "4: repeated_header",
                "5: repeated_header",
            ],
        ),
        (
            "a header in other letters is a row",
            b"Email,name,date_of_birth\n",
            &["2: Email|name|date_of_birth"],
        ),
        (
            "B29 backslash and full stop",
            b"\\.\na,\\.,c\n",
            &["2: too_few_fields", "3: a|\\\\.|c"],
        ),
        (
            "B30 backslashes and tabs",
            b"\\N,\t,\\n\n",
            &["2: \\\\N|\\t|\\\\n"],
        ),
        (
            "B31 0x1A at the end",
            b"a,b,c\n\x1A",
            &["2: a|b|c", "3: too_few_fields"],
        ),
        ("0x1A in a field", b"a,b\x1A,c\n", &["2: a|b\\x1a|c"]),
        (
            "B37 U+2028",
            "a,b\u{2028}b,c\nd,e,f\n".as_bytes(),
            &["2: a|b\\xe2\\x80\\xa8b|c", "3: d|e|f"],
        ),
        (
            "B37 U+0085",
            "a,b\u{85}b,c\nd,e,f\n".as_bytes(),
            &["2: a|b\\xc2\\x85b|c", "3: d|e|f"],
        ),
        (
            "B37 VT and FF",
            b"a,\x0B,\x0C\nd,e,f\n",
            &["2: a|\\x0b|\\x0c", "3: d|e|f"],
        ),
        (
            "apostrophes and semicolons are data",
            b"'a,b',c;d\n",
            &["2: \\'a|b\\'|c;d"],
        ),
    ];
    check_all(&cases, under_header);
}

#[test]
fn whole_files() {
    let cases: [(&str, &[u8], &[&str]); 13] = [
        ("B3 header without line end", b"email,name", &[]),
        (
            "B5 byte order mark",
            b"\xEF\xBB\xBFemail,name\na,b\n",
            &["2: a|b"],
        ),
        (
            "B5 two marks, quoted",
            b"\xEF\xBB\xBF\xEF\xBB\xBF\"email\",name\na,b\n",
            &["2: a|b"],
        ),
        (
            "B19 trailing comma on header and rows",
            b"email,name,\na,b,\n",
            &["2: a|b|"],
        ),
        (
            "B21 one column, blank line",
            b"email\na\n\nb\n\n\n",
            &["2: a", "3: ", "4: b"],
        ),
        (
            "B21 one column, two blank lines",
            b"email\r\n\r\n\r\nb",
            &["2: ", "3: ", "4: b"],
        ),
        (
            "B21 one column, quoted empty at the end",
            b"email\na\n\"\"\n",
            &["2: a", "3: "],
        ),
        ("B21 one column, spaces", b"email\n \n", &["2:  "]),
        (
            "B21 one column, the header again",
            b"email\nemail\n",
            &["2: repeated_header"],
        ),
        (
            "B23 blank lines before the header",
            b"\n\r\nemail,name\na,b\n",
            &["4: a|b"],
        ),
        (
            "a mark before a header that is not on the first line",
            b"\n\xEF\xBB\xBF\xEF\xBB\xBF\"email\",name\na,b\nemail,name\n",
            &["3: a|b", "4: repeated_header"],
        ),
        (
            "a header over two lines",
            b"\"e\r\nmail\",name\na,b\n",
            &["3: a|b"],
        ),
        (
            "B22 another delimiter is for those who know the names",
            b"a;b\n1;2\n",
            &["2: 1;2"],
        ),
    ];
    check_all(&cases, <[u8]>::to_vec);
}

#[test]
fn files_that_are_refused_say_why() {
    let wide = vec!["c"; 34_804].join(",");
    let cases: [(&str, &[u8], &str); 35] = [
        ("B1", b"", "The file is empty."),
        ("B4", b"\n\n", "no header"),
        ("B4", b"\r\n\r", "no header"),
        ("B4 mark only", b"\xEF\xBB\xBF", "no header"),
        ("B7", b"\xFF\xFEa\0,\0", "UTF-16 (little-endian)"),
        ("B7", b"\xFE\xFF\0a\0,", "UTF-16 (big-endian)"),
        ("B7", b"\xFF\xFE\0\0a\0\0\0", "UTF-32 (little-endian)"),
        ("B7", b"\0\0\xFE\xFF\0\0\0a", "UTF-32 (big-endian)"),
        ("B7 no mark", b"a\0,\0", "UTF-16 (little-endian)"),
        ("B7 no mark", b"\0a\0,", "UTF-16 (big-endian)"),
        ("B7 no mark", b"a\0\0\0,\0\0\0", "UTF-32 (little-endian)"),
        ("B7 no mark", b"\0\0\0a\0\0\0,", "UTF-32 (big-endian)"),
        (
            "B8 header",
            b"email,Andr\xE9,x\na,b\n",
            "line 1 is not valid UTF-8 at byte 10 of the file, in column 2",
        ),
        (
            "B8 marked header",
            b"\xEF\xBB\xBF\n\xC0\xAF\n",
            "line 2 is not valid UTF-8 at byte 4 of the file, in column 1",
        ),
        (
            "B10 header",
            b"email,na\0me\n",
            "line 1 has a NUL byte in column 2",
        ),
        ("B10 whole file", &[0; 5000], "NUL"),
        (
            "B13",
            b"email,name\na,b\na,\"x\ny,z\n",
            "opens a field on line 3 is never closed",
        ),
        (
            "B13 CR",
            b"email,name\r\"a\r\",\"\r\n\rx",
            "opens a field on line 3 is never closed",
        ),
        (
            "B13 at the end",
            b"email,name\r\na,\"",
            "opens a field on line 2 is never closed",
        ),
        (
            "B13 doubled",
            b"email,name\na,\"\"\"",
            "opens a field on line 2 is never closed",
        ),
        (
            "B13 header",
            b"\n\"email,name\na,b\n",
            "opens a field on line 2 is never closed",
        ),
        (
            "B22 header",
            b"\"email\";\"name\"\n",
            "line 1, in column 1: text follows the quote that closes the field (a quote that is part of the value must be doubled). It looks separated by semicolons",
        ),
        (
            "B26 header",
            b"email,na\"me\n",
            "line 1, in column 2: a quote stands inside a field",
        ),
        (
            "B27",
            wide.as_bytes(),
            "34804 columns, and 1600 is the most",
        ),
        ("B35", b"\x1F\x8B\x08\0", "looks like a gzip file"),
        (
            "B35",
            b"PK\x03\x04\x14\0",
            "looks like a zip file or an Excel workbook",
        ),
        ("B35", b"%PDF-1.7\n", "looks like a PDF"),
        ("B35", b"PAR1\x15", "looks like a Parquet file"),
        ("B35", b"<!DOCTYPE html>\n<html>", "looks like a web page"),
        ("B35", b"\n <HTML>", "looks like a web page"),
        ("B35", b"<?xml version=\"1.0\"?>", "looks like XML"),
        ("B35", b"{\"email\":1}", "looks like JSON"),
        ("B35 marked", b"\xEF\xBB\xBF [1]", "looks like JSON"),
        (
            "B35",
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
            "looks like an old Excel workbook",
        ),
        ("B35", b"\x28\xB5\x2F\xFD", "looks like a Zstandard file"),
    ];
    for (name, bytes, words) in cases {
        let told = read(bytes, Limits::default());
        let last = told.last().map(String::as_str).unwrap_or_default();
        assert!(
            last.starts_with("refused: ") && last.contains(words),
            "{name}: {told:?}"
        );
    }
}

#[test]
fn rows_before_a_quote_that_never_closes_are_read() {
    let file = under_header(b"a,b,c\n\"");
    let told = read(&file[..], Limits::default());
    assert_eq!(told[0], "2: a|b|c");
    assert!(told[1].starts_with("refused: "), "{told:?}");
}

#[test]
fn b11_lines_are_physical_whatever_ends_them() {
    for ends in [
        ["\n"; 4],
        ["\r\n"; 4],
        ["\r"; 4],
        ["\r\n", "\r", "\n", "\r"],
        ["\n", "\r\n", "\r", "\n"],
    ] {
        let [a, b, c, d] = ends;
        let file = format!("h,i{a}1,\"x{b}y\"{c}\"{d}{a}\",2{b}p{c}q,r{d}");
        let expected = [
            format!("2: 1|x{}y", b.escape_default()),
            format!("4: {}{}|2", d.escape_default(), a.escape_default()),
            // A CR at the end of one piece and an LF at the start of the next are one line end.
            format!(
                "{}: too_few_fields",
                6 + u64::from(!(d == "\r" && a == "\n"))
            ),
            format!("{}: q|r", 7 + u64::from(!(d == "\r" && a == "\n"))),
        ];
        assert_eq!(
            read(file.as_bytes(), Limits::default()),
            expected,
            "{ends:?}"
        );
    }
}

#[test]
fn places_are_bytes_of_the_file_and_raw_is_what_stands_there() {
    let bytes = b"\xEF\xBB\xBF\na,b\r\n1,\"2\r\n\"\r\nx\"\r3\n";
    let mut file = CsvFile::open(&bytes[..], Limits::default()).unwrap();
    assert_eq!(file.header().text(), "a,b");
    assert_eq!(file.header().names(), ["a", "b"]);
    let header = Place {
        line: 2,
        offset: 4,
        length: 3,
    };
    assert_eq!(file.header().place(), header);

    let expected = [(3, 9, 7), (5, 18, 2), (6, 21, 1)];
    for (line, offset, length) in expected {
        let record = file.next_record().unwrap().unwrap();
        let place = Place {
            line,
            offset,
            length,
        };
        assert_eq!(record.place, place);
        let there = &bytes[usize::try_from(offset).unwrap()..][..usize::try_from(length).unwrap()];
        assert_eq!(record.raw, Some(there));
    }
    assert!(file.next_record().unwrap().is_none());
    assert!(file.next_record().unwrap().is_none());
    assert_eq!(file.bytes_read(), bytes.len() as u64);
}

#[test]
fn header_names_are_left_as_they_are_spelt() {
    let bytes = "\" e\"\"mail\", Name ,,\u{a0}é\u{200b}\n".as_bytes();
    let file = CsvFile::open(bytes, Limits::default()).unwrap();
    assert_eq!(
        file.header().names(),
        [" e\"mail", " Name ", "", "\u{a0}é\u{200b}"]
    );
    assert_eq!(file.header().dialect_hint(), None);
}

#[test]
fn messages_name_counts_lines_and_columns_and_no_value() {
    let cases: [(&[u8], &str); 10] = [
        (
            b"secret,b,c,\n",
            "The row has 4 fields, and the header has 3: it ends in a comma, behind which there is nothing. Remove that comma.",
        ),
        (
            b"a,\"secret\nsecret\",\"sec\nret\"secret\n",
            "The row is misquoted on line 3, in column 3: a quote opens there, and on line 4 text follows the quote that closes the field (a quote that is part of the value must be doubled).",
        ),
        (
            b"secret,secret\nx,y,z\n",
            "The row has 2 fields, and the header has 3.",
        ),
        (
            b"secret",
            "The row has 1 field, and the header has 3. The file ends in this row: it may have been cut short.",
        ),
        (
            b"secret,,,secret\n",
            "The row has 4 fields, and the header has 3. A value that contains a comma must be quoted.",
        ),
        (
            b"\"secret\n\",\"secret\"secret\n",
            "The row is misquoted on line 3, in column 2: text follows the quote that closes the field (a quote that is part of the value must be doubled).",
        ),
        (
            b"a,b,secret\0\n",
            "The value in column 3 contains a NUL byte, which Postgres cannot hold.",
        ),
        (
            b"\nsecret",
            "The line is blank, and rows follow it. Remove it.",
        ),
        (
            b"email,name,date_of_birth",
            "The row is the header again, as when files are joined. Remove it.",
        ),
        (
            b"\xEF\xBB\xBFsecret",
            "The row begins with a byte order mark, as when files are joined. Remove the mark.",
        ),
    ];
    for (rows, message) in cases {
        let mut file =
            CsvFile::open(io::Cursor::new(under_header(rows)), Limits::default()).unwrap();
        let fault = file.next_record().unwrap().unwrap().content.unwrap_err();
        assert_eq!(fault.message, message);
    }
}

#[test]
fn b20_rows_of_nothing_but_commas_are_counted_and_not_split() {
    let file =
        under_header(&[b"a,b,c".to_vec(), vec![b','; 16_383], b"\nd,e,f\n".to_vec()].concat());
    let mut messages = Vec::new();
    for_each(&file[..], Limits::default(), |record| {
        messages.push(
            record
                .content
                .as_ref()
                .err()
                .map(|fault| fault.message.clone()),
        );
    })
    .unwrap();
    assert!(
        messages[0]
            .as_ref()
            .unwrap()
            .starts_with("The row has 16386 fields")
    );
    assert_eq!(messages[1], None);
}

#[test]
fn b27_as_many_columns_as_the_limit_are_accepted() {
    let limit = Limits::default().columns;
    let names = vec!["c"; limit].join(",");
    assert!(read(names.as_bytes(), Limits::default()).is_empty());
    let told = read(format!("{names},c").as_bytes(), Limits::default());
    assert!(told[0].contains("1601 columns"), "{told:?}");
}

#[test]
fn b32_a_record_may_be_as_long_as_the_limit_and_no_longer() {
    // The third field is a dozen quotes, doubled.
    let exact = format!(
        "\"{}\",\"{}\",\"{}\"",
        "x".repeat(16),
        "y".repeat(16),
        "\"".repeat(24)
    );
    assert_eq!(exact.len(), SMALL.record_bytes);
    for (row, code) in [
        (exact.clone(), None),
        (exact.replacen('x', "xz", 1), Some("too_long")),
    ] {
        for line_end in ["", "\n", "\r\n"] {
            let told = read(format!("a,b,c\n{row}{line_end}").as_bytes(), SMALL);
            assert_eq!(told.len(), 1);
            assert_eq!(
                told[0].strip_prefix("2: ").filter(|t| t.starts_with("too")),
                code
            );
        }
    }
}

#[test]
fn b32_a_field_may_be_as_long_as_the_limit_and_no_longer() {
    let told = read(
        format!("a,b\n1,\"{}\"\n1,{}\n", "\"\"".repeat(16), "x".repeat(17)).as_bytes(),
        SMALL,
    );
    assert!(told[0].starts_with("2: 1|"), "{told:?}");
    assert_eq!(told[1], "3: too_long in column 2");
}

#[test]
fn b32_what_follows_a_record_that_is_too_long_is_read() {
    let long = "x".repeat(1000);
    let cases = [
        format!("a,{long}\n"),
        format!("a,{long}\r\n"),
        format!("a,\"{long}\"\n"),
        format!("a,\"{long}\"\"{long},\"\r"),
        format!("{long}\",\"\n"),
        format!("\"{}\"\n", ",\"\"".repeat(500)),
    ];
    for long in cases {
        let told = read(format!("h,i\n{long}b,c\n").as_bytes(), SMALL);
        assert_eq!(told, ["2: too_long", "3: b|c"], "{long}");
    }
    // The same, but for the lines that the record takes up.
    let told = read(
        format!("h,i\n\"{}\",x\nb,c\n", "\r\n".repeat(500)).as_bytes(),
        SMALL,
    );
    assert_eq!(told, ["2: too_long", "503: b|c"]);
}

#[test]
fn a_mark_inside_a_record_that_is_too_long_is_no_start_of_a_record() {
    // Two reads, and all that is kept of the record after the first is the mark's first byte.
    let first = ["h,i\n".as_bytes(), &[b'x'; sniff::SAMPLE_BYTES], b"\xEF"].concat();
    let source = (&first[..]).chain(&b"\xBB\xBF\"\nb,c\n"[..]);
    assert_eq!(read(source, SMALL), ["2: too_long", "3: b|c"]);
}

/// Hands out a start, then one byte for ever so long.
fn huge(start: &str, byte: u8) -> impl Read {
    io::Cursor::new(start.to_owned()).chain(io::repeat(byte).take(200 << 20))
}

#[test]
fn b13_b32_a_huge_field_is_not_held_in_memory() {
    let mut file = CsvFile::open(huge("a,b\n1,\"2\n", b'x'), SMALL).unwrap();
    let fault = file.next_record().err().unwrap();
    assert!(matches!(fault, FileFault::QuoteNeverClosed { line: 2 }));
    assert!(file.splitter.memory() < 1 << 20);

    let mut file = CsvFile::open(huge("a,b\n1,", b'x'), SMALL).unwrap();
    let record = file.next_record().unwrap().unwrap();
    assert_eq!(record.place.length, 2 + (200 << 20));
    assert!(record.raw.is_none());
    assert!(file.splitter.memory() < 1 << 20);
}

#[test]
fn a_header_without_end_is_refused() {
    let told = read(huge("a,", b'x'), SMALL);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("The header on line 1 is longer than 64 bytes"),
        "{told:?}"
    );
}

#[test]
fn blank_lines_without_end_are_refused() {
    let told = read(huge("a,b\n1,2\n", b'\n'), SMALL);
    assert_eq!(told[0], "2: 1|2");
    assert!(
        told[1].contains("More than 64 bytes of blank lines begin at line 3"),
        "{told:?}"
    );
}

#[test]
fn b34_many_rows_are_read_with_the_right_lines() {
    let file = HEADER.to_owned() + &"a,\"b\r\n\",\r\n".repeat(70_000);
    let mut line = 0;
    for_each(file.as_bytes(), Limits::default(), |record| {
        assert_eq!(record.content.as_ref().unwrap().len(), 3);
        line = record.place.line;
    })
    .unwrap();
    assert_eq!(line, 2 + 2 * 69_999);
}

#[test]
fn a_source_that_fails_is_told_as_that() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let opened = CsvFile::open(Failing, Limits::default()).err().unwrap();
    assert!(matches!(opened, FileFault::Io(_)));

    let source = io::Cursor::new(under_header(&b"a,b,c\n".repeat(10_000))).chain(Failing);
    let mut rows = 0;
    let fault = for_each(source, Limits::default(), |_| rows += 1).unwrap_err();
    assert!(matches!(fault, FileFault::Io(_)));
    assert!(rows > 0);
}

/// Reads a few bytes at a time, a different number each time.
struct Dribble<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.step = self.step % 7 + 1;
        let count = self.step.min(buffer.len());
        self.rest.read(&mut buffer[..count])
    }
}

/// How many line ends stand before a byte of the file, counted in the plainest way.
fn line_at(file: &[u8], offset: u64) -> u64 {
    let before = String::from_utf8_lossy(&file[..usize::try_from(offset).unwrap()]).into_owned();
    let ends = before
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .matches('\n')
        .count();
    ends as u64 + 1
}

#[derive(Clone, Debug)]
struct Field {
    value: String,
    quoted: bool,
}

fn field() -> impl Strategy<Value = Field> {
    let piece = prop_oneof![
        Just("a"),
        Just("é"),
        Just(" "),
        Just(","),
        Just("\""),
        Just("\n"),
        Just("\r"),
        Just("\r\n"),
        Just(";"),
        Just("\\"),
        Just("'"),
        Just("\u{2028}"),
        Just("0123456789"),
    ];
    (vec(piece, 0..6), any::<bool>()).prop_map(|(pieces, quoted)| Field {
        value: pieces.concat(),
        quoted,
    })
}

fn table() -> impl Strategy<Value = Vec<(Vec<Field>, &'static str)>> {
    let line_end = || prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    (1..5_usize).prop_flat_map(move |columns| vec((vec(field(), columns), line_end()), 0..12))
}

fn write(field: &Field, only_one: bool) -> String {
    let must = field.value.contains([',', '"', '\r', '\n']) || (only_one && field.value.is_empty());
    if must || field.quoted {
        format!("\"{}\"", field.value.replace('"', "\"\""))
    } else {
        field.value.clone()
    }
}

/// Bytes that matter to the reader, and few that do not.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(&b"a"[..]), 4 => Just(&b","[..]), 4 => Just(&b"\""[..]), 2 => Just(&b"\n"[..]),
        2 => Just(&b"\r"[..]), 2 => Just(&b"\r\n"[..]), 1 => Just(&b"\0"[..]),
        1 => Just(&b"\xEF\xBB\xBF"[..]), 1 => Just(&b"\xE9"[..]), 1 => Just(&b"h,i"[..]),
        1 => Just(&b"\",\""[..]), 1 => Just(&b"\"\n"[..]),
    ];
    let start = prop_oneof![Just(&b""[..]), Just(&b"h,i\n"[..]), Just(&b"h\r"[..])];
    (start, vec(piece, 0..40)).prop_map(|(start, pieces)| [start, &pieces.concat()].concat())
}

proptest! {
    #[test]
    fn what_was_written_correctly_is_read_back(rows in table(), ended in any::<bool>()) {
        let columns = rows.first().map_or(2, |(fields, _)| fields.len());
        let names: Vec<String> = (0..columns).map(|n| format!("column {n}")).collect();
        let mut file = names.join(",") + "\n";
        let mut expected = Vec::new();
        for (index, (fields, line_end)) in rows.iter().enumerate() {
            let line = line_at(file.as_bytes(), file.len() as u64);
            let written: Vec<String> = fields.iter().map(|f| write(f, columns == 1)).collect();
            let values: Vec<Vec<u8>> = fields.iter().map(|f| f.value.clone().into_bytes()).collect();
            expected.push((line, values));
            file += &written.join(",");
            if ended || index + 1 < rows.len() {
                file += line_end;
            }
        }
        let mut found = Vec::new();
        for_each(file.as_bytes(), Limits::default(), |record| {
            let values = record.content.as_ref().unwrap().iter().map(<[u8]>::to_vec).collect();
            found.push((record.place.line, values));
        }).unwrap();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_byte_is_lost_and_no_line_is_miscounted(file in noise(), small in any::<bool>()) {
        let limits = if small { Limits { record_bytes: 9, field_bytes: 5, columns: 3 } } else { Limits::default() };
        let Ok(mut reader) = CsvFile::open(&file[..], limits) else {
            return Ok(());
        };
        let mut place = reader.header().place();
        let outcome = loop {
            prop_assert_eq!(place.line, line_at(&file, place.offset));
            let done = usize::try_from(place.offset + place.length).unwrap();
            let next = match reader.next_record() {
                Ok(next) => next.map(|record| record.place),
                Err(fault) => break Err(fault),
            };
            let Some(next) = next else {
                // What stands behind the last record is blank.
                break Ok(file[done..].iter().all(|byte| matches!(byte, b'\r' | b'\n')));
            };
            // What stands between two records is a single line end.
            let between = &file[done..usize::try_from(next.offset).unwrap()];
            prop_assert!(matches!(between, b"\n" | b"\r" | b"\r\n" | b"\r\r\n"));
            place = next;
        };
        let is_right = match outcome {
            Ok(all_seen) => all_seen,
            Err(FileFault::QuoteNeverClosed { .. } | FileFault::TooManyBlankLines { .. }) => true,
            Err(_) => false,
        };
        prop_assert!(is_right);
    }

    #[test]
    fn the_size_of_the_reads_makes_no_difference(file in noise(), step in 0..7_usize, small in any::<bool>()) {
        let limits = if small { Limits { record_bytes: 9, field_bytes: 5, columns: 3 } } else { Limits::default() };
        // The first bytes are always read before anything is scanned.
        let file = [&b"h,i\n"[..], &b"1,2\n".repeat(sniff::SAMPLE_BYTES / 4), &file].concat();
        let at_once = read(&file[..], limits);
        prop_assert_eq!(read(Dribble { rest: &file, step }, limits), at_once);
    }

    #[test]
    fn bytes_of_any_kind_do_not_make_it_panic(file in vec(any::<u8>(), 0..200)) {
        read(&file[..], Limits::default());
        read(&under_header(&file)[..], SMALL);
    }
}
