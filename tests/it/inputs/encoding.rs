//! B1–B12, B31, B35–B37: what the bytes are, before anyone asks for columns.

use super::{ANN, BOB, Case, H, USERS, hex, join, loaded, refused, rejecting, try_out, users};

fn utf16(text: &str, unit: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

fn utf32(text: &str) -> Vec<u8> {
    text.chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect()
}

#[test]
fn b1_to_b4_a_file_without_rows_is_empty_and_one_without_a_header_is_refused() {
    try_out(
        &users(),
        &USERS,
        &[
            refused("B1", "zero bytes", "", &["The file is empty"]),
            loaded("B2", "header only", H, &[]),
            loaded("B3", "header without line end", H.trim_end(), &[]),
            refused("B4", "two line ends", "\n\n", &["blank", "header"]),
            refused("B4", "one CRLF", "\r\n", &["blank", "header"]),
            loaded(
                "B4",
                "blank lines, then all",
                format!("\n\r\n{H}{ANN}"),
                &["4 Ann"],
            ),
            refused("B5", "a byte order mark only", b"\xef\xbb\xbf", &["header"]),
        ],
    );
}

#[test]
fn b2_a_header_alone_changes_nobody() {
    let warehouse = users();
    warehouse.load("users.csv", format!("{H}{ANN}")).exits(0);
    let load = warehouse.load("users.csv", H).exits(0).only();
    assert_eq!(load["changes"]["deactivated"], 0);
    assert_eq!(warehouse.users(), "ann@x.org | 1 | Ann | 1990-02-01 | t\n");
}

#[test]
fn b5_to_b7_a_byte_order_mark_is_dropped_and_another_encoding_is_named() {
    let text = format!("{H}{ANN}");
    let bom = b"\xef\xbb\xbf";
    try_out(
        &users(),
        &USERS,
        &[
            loaded(
                "B5",
                "mark of UTF-8",
                join(&[bom, text.as_bytes()]),
                &["2 Ann"],
            ),
            loaded(
                "B5",
                "mark of UTF-8, twice",
                join(&[bom, bom, text.as_bytes()]),
                &["2 Ann"],
            ),
            loaded(
                "B5",
                "mark, then a quoted name",
                join(&[bom, b"\"email\",name,date_of_birth\n", ANN.as_bytes()]),
                &["2 Ann"],
            ),
            rejecting(
                "B6",
                "two files joined, the second with its mark",
                join(&[text.as_bytes(), bom, H.as_bytes(), BOB.as_bytes()]),
                &["2 Ann", "4 Bob"],
                &[(3, "", "repeated_header", "header again")],
            ),
            refused(
                "B7",
                "UTF-16, low byte first",
                join(&[b"\xff\xfe", &utf16(&text, u16::to_le_bytes)]),
                &["UTF-16", "Save it as UTF-8"],
            ),
            refused(
                "B7",
                "UTF-16, high byte first",
                join(&[b"\xfe\xff", &utf16(&text, u16::to_be_bytes)]),
                &["UTF-16"],
            ),
            refused(
                "B7",
                "UTF-16 unmarked",
                utf16(&text, u16::to_le_bytes),
                &["UTF-16"],
            ),
            refused(
                "B7",
                "UTF-16 unmarked",
                utf16(&text, u16::to_be_bytes),
                &["UTF-16"],
            ),
            refused(
                "B7",
                "UTF-32",
                join(&[b"\xff\xfe\0\0", &utf32(&text)]),
                &["UTF-32"],
            ),
            refused("B7", "UTF-32 unmarked", utf32(&text), &["UTF-32"]),
        ],
    );
}

/// A row with these bytes as its name, between two good ones.
fn name_of(fault: &'static str, what: &'static str, name: &[u8], says: &'static str) -> Case {
    let rest: &[u8] = b",01/01/2000\n";
    rejecting(
        fault,
        what,
        join(&[
            H.as_bytes(),
            ANN.as_bytes(),
            b"a@b.c,",
            name,
            rest,
            BOB.as_bytes(),
        ]),
        &["2 Ann", "4 Bob"],
        &[(3, "name", "bad_encoding", says)],
    )
}

#[test]
fn b8_to_b10_bytes_that_are_no_text_cost_their_row_and_are_told_by_column_and_byte() {
    try_out(
        &users(),
        &USERS,
        &[
            name_of("B8", "Latin-1", b"Andr\xe9", "UTF-8: byte 5"),
            name_of("B9", "a lone continuation", b"\x80", "UTF-8: byte 1"),
            name_of("B9", "overlong", b"x\xc0\xaf", "UTF-8: byte 2"),
            name_of("B9", "a surrogate", b"xy\xed\xa0\x80", "UTF-8: byte 3"),
            name_of("B9", "beyond Unicode", b"\xf5\x80\x80\x80", "UTF-8: byte 1"),
            rejecting(
                "B9",
                "half a letter at the end of the file",
                join(&[H.as_bytes(), ANN.as_bytes(), b"a@b.c,x,01/01/2000\xc3"]),
                &["2 Ann"],
                &[(3, "date_of_birth", "bad_encoding", "UTF-8: byte 11")],
            ),
            refused(
                "B9",
                "in the header",
                b"email,nam\xe9,date_of_birth\na@b.c,x,01/01/2000\n",
                &["header", "line 1", "UTF-8"],
            ),
            name_of("B10", "NUL", b"A\0B", "NUL"),
            refused(
                "B10",
                "NUL in the header",
                "email,na\0me,date_of_birth\n",
                &["header", "line 1"],
            ),
            refused("B10", "nothing but NUL", [0; 4096], &["NUL"]),
        ],
    );
}

#[test]
fn b11_lines_are_counted_as_people_count_them_whatever_ends_them() {
    let rows = [
        "email,name,date_of_birth",
        "ann@x.org,Ann,01/02/1990",
        "bad@x.org,\"Al\nso\",99/99/9999",
        "bob@x.org,Bob,03/04/1985",
        "short",
    ];
    let ended_by = |end: &str| rows.map(|row| row.replace('\n', end) + end).concat();
    let mixed = "email,name,date_of_birth\r\nann@x.org,Ann,01/02/1990\rbad@x.org,\"Al\n\rso\",x\nbob@x.org,Bob,03/04/1985\n\rshort\r\n";
    let lines: &[_] = &["2 Ann", "5 Bob"];
    let rejects = [
        (3, "date_of_birth", "bad_type", "date"),
        (6, "", "too_few_fields", "1 field"),
    ];
    try_out(
        &users(),
        &USERS,
        &[
            rejecting("B11", "LF", ended_by("\n"), lines, &rejects),
            rejecting("B11", "CRLF", ended_by("\r\n"), lines, &rejects),
            rejecting("B11", "CR", ended_by("\r"), lines, &rejects),
            rejecting(
                "B11",
                "all three, and LF CR, which is two",
                mixed,
                &["2 Ann", "6 Bob"],
                &[
                    (3, "date_of_birth", "bad_type", "date"),
                    (7, "", "blank_line", "blank"),
                    (8, "", "too_few_fields", "1 field"),
                ],
            ),
        ],
    );
}

#[test]
fn b12_b31_the_last_row_needs_no_line_end_and_a_stray_byte_at_the_end_is_told() {
    let start = format!("{H}{ANN}");
    let file = |end: &[u8]| join(&[start.as_bytes(), BOB.trim_end().as_bytes(), end]);
    let both: &[_] = &["2 Ann", "3 Bob"];
    try_out(
        &users(),
        &USERS,
        &[
            loaded("B12", "no line end", file(b""), both),
            loaded("B12", "a lone CR", file(b"\r"), both),
            loaded("B12", "blank lines after it", file(b"\n\r\n\n"), both),
            rejecting(
                "B12",
                "cut short in the last row",
                file(b"\ncy@x.org,Cy"),
                both,
                &[(4, "", "too_few_fields", "may have been cut short")],
            ),
            rejecting(
                "B31",
                "the end mark of DOS on a line of its own",
                file(b"\n\x1a"),
                both,
                &[(4, "", "too_few_fields", "1 field")],
            ),
            rejecting(
                "B31",
                "the same behind the last value",
                file(b"\x1a"),
                &["2 Ann"],
                &[(3, "date_of_birth", "bad_type", "date")],
            ),
        ],
    );
}

#[test]
fn b35_another_format_under_the_name_of_csv_is_called_by_its_name() {
    let looks = |what, start: &[u8], is| {
        refused("B35", what, join(&[start, &[7; 100]]), &["looks like", is])
    };
    try_out(
        &users(),
        &USERS,
        &[
            looks("gzip", b"\x1f\x8b\x08\0", "gzip"),
            looks("zip or xlsx", b"PK\x03\x04\x14\0", "zip"),
            looks("xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
            looks("PDF", b"%PDF-1.7\n", "PDF"),
            looks("Parquet", b"PAR1\x15\0", "Parquet"),
            looks("a web page", b"<!DOCTYPE html><html>", "web page"),
            looks("a web page", b"\n\n  <HTML lang=en>", "web page"),
            looks("XML", b"<?xml version=\"1.0\"?>", "XML"),
            looks("JSON", b"{\"email\": ", "JSON"),
            looks("JSON", b"[{\"email\": ", "JSON"),
        ],
    );
}

#[test]
fn b36_a_compressed_file_is_refused_by_its_name_and_by_its_bytes() {
    let warehouse = users();
    let run = warehouse.load("users.csv.gz", b"\x1f\x8b\x08").exits(2);
    assert!(run.stderr.contains("Only .csv files are read"), "{run:#?}");
    assert_eq!(warehouse.query("select count(*) from hayloft.load"), "0\n");
}

#[test]
fn b37_what_only_unicode_calls_a_line_end_is_data() {
    let names = ["a\u{2028}b", "a\u{85}b", "a\u{b}b", "a\u{c}b", "a\u{2029}b"];
    let warehouse = users();
    let mut file = H.to_owned();
    for (number, name) in names.iter().enumerate() {
        file += &format!("u{number}@x.org,{name},01/02/1990\n");
    }
    warehouse.load("users.csv", file).exits(0);
    assert_eq!(
        warehouse.query(
            "select string_agg(encode(convert_to(name, 'UTF8'), 'hex'), ' ' order by source_line),
                    string_agg(source_line::text, ' ' order by source_line)
             from datawarehouse.users"
        ),
        format!(
            "{} | 2 3 4 5 6\n",
            names.iter().map(hex).collect::<Vec<_>>().join(" ")
        )
    );
}

#[test]
fn a_header_alone_is_loaded_each_time_it_comes() {
    let warehouse = users();
    for number in 1..3 {
        let load = warehouse.load(&format!("users-{number}.csv"), H);
        let load = load.exits(0).only();
        assert_eq!(
            (&load["status"], &load["rows"]["read"]),
            (&"loaded".into(), &0.into())
        );
    }
    warehouse.load("users.csv", format!("{H}{ANN}")).exits(0);
    let load = warehouse.load("users-3.csv", H).exits(0).only();
    assert_eq!(load["status"], "loaded");
    assert_eq!(warehouse.users(), "ann@x.org | 1 | Ann | 1990-02-01 | t\n");
}

#[test]
fn rows_that_end_in_cr_cr_lf_are_read() {
    let twice = format!("{H}{ANN}{BOB}").replace('\n', "\r\r\n");
    try_out(
        &users(),
        &USERS,
        &[loaded("4", "converted twice", twice, &["3 Ann", "5 Bob"])],
    );
}

#[test]
fn a_file_of_another_format_is_named() {
    let named: &[(&[u8], &str)] = &[
        (b"BZh91AY&SY\x00\x01", "a bzip2 file"),
        (b"BZh11AY&SY\x00\x01", "a bzip2 file"),
        (b"\x1f\x8b\x08\x00", "a gzip file"),
        (b"\xfd7zXZ\x00", "an xz file"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
        (b"\x04\x22\x4d\x18", "an LZ4 file"),
        (b"PK\x03\x04", "a zip file or an Excel workbook"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\x00", "a RAR archive"),
        (b"PAR1", "a Parquet file"),
        (b"ARROW1\x00\x00", "an Arrow file"),
        (b"Obj\x01", "an Avro file"),
        (b"%PDF-1.4", "a PDF"),
        (b"SQLite format 3\x00", "an SQLite database"),
    ];
    let cases: Vec<Case> = named
        .iter()
        .map(|(magic, says)| {
            let file = join(&[magic, b"\x00more\nbytes,\x00\n"]);
            refused("4", says, file, &[*says])
        })
        .collect();
    try_out(&users(), &USERS, &cases);
}
