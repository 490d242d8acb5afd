//! B54, B55: UUIDs, texts, labels, documents, and types that the server reads.

use super::super::hex;
use super::{Bad, Done, Is, Null, SAMPLES, samples, try_column};

#[test]
fn b54_a_uuid_has_36_characters_with_hyphens() {
    let not = || Bad("bad_type", "is not a UUID");
    try_column(
        &samples(),
        "number",
        &[
            (
                "B54",
                "0189dc30-6c1d-7aaa-bbbb-0123456789ab",
                Is("0189dc30-6c1d-7aaa-bbbb-0123456789ab"),
            ),
            (
                "B54",
                "0189DC30-6C1D-7AAA-BBBB-0123456789AC",
                Is("0189dc30-6c1d-7aaa-bbbb-0123456789ac"),
            ),
            (
                "B54",
                "00000000-0000-0000-0000-000000000000",
                Is("00000000-0000-0000-0000-000000000000"),
            ),
            ("B54", "", Null),
            ("B54", "{0189dc30-6c1d-7aaa-bbbb-0123456789ab}", not()),
            ("B54", "0189dc306c1d7aaabbbb0123456789ab", not()),
            ("B54", "0189dc30-6c1d-7aaa-bbbb-0123456789a", not()),
            ("B54", "0189dc30-6c1d-7aaa-bbbb-0123456789abc", not()),
            ("B54", "0189dc30-6c1d-7aaa-bbbb-0123456789ag", not()),
            ("B54", "0189dc306-c1d-7aaa-bbbb-0123456789ab", not()),
            (
                "B54",
                "urn:uuid:0189dc30-6c1d-7aaa-bbbb-0123456789ab",
                not(),
            ),
            (
                "B54",
                " 0189dc30-6c1d-7aaa-bbbb-0123456789ab",
                Bad("bad_type", "white space around it"),
            ),
        ],
    );
}

/// Texts with a meaning to somebody else: a spreadsheet, a shell, a browser, a terminal, SQL, a
/// template, COPY. Written as fields of CSV, and what they are.
const NAUGHTY: &[(&str, &str)] = &[
    ("=1+1", "=1+1"),
    ("@SUM(A1)", "@SUM(A1)"),
    ("+1", "+1"),
    ("-2+3", "-2+3"),
    (
        "\"=HYPERLINK(\"\"http://x.org\"\",\"\"x\"\")\"",
        "=HYPERLINK(\"http://x.org\",\"x\")",
    ),
    ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    ("\tindented", "\tindented"),
    ("\"\rreturned\"", "\rreturned"),
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    (
        "<img src=x onerror=alert(1)>",
        "<img src=x onerror=alert(1)>",
    ),
    ("'; DROP TABLE users; --", "'; DROP TABLE users; --"),
    ("$$; select 1; $$", "$$; select 1; $$"),
    ("$1", "$1"),
    ("%s%n%x", "%s%n%x"),
    ("{} {0} {{x}}", "{} {0} {{x}}"),
    ("${HOME} $(id) `id`", "${HOME} $(id) `id`"),
    ("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m"),
    ("\u{1b}]0;title\u{7}", "\u{1b}]0;title\u{7}"),
    ("\u{8}\u{8}erased", "\u{8}\u{8}erased"),
    ("\u{7f}\u{1}\u{1f}", "\u{7f}\u{1}\u{1f}"),
    ("\u{1a}", "\u{1a}"),
    ("\u{202e}desrever", "\u{202e}desrever"),
    ("zero\u{200b}width\u{feff}", "zero\u{200b}width\u{feff}"),
    ("z\u{351}\u{310}\u{301}a", "z\u{351}\u{310}\u{301}a"),
    ("cafe\u{301}", "cafe\u{301}"),
    (
        "\u{fdfd}\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
        "\u{fdfd}\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
    ),
    ("\u{ffff}\u{10ffff}\u{e000}", "\u{ffff}\u{10ffff}\u{e000}"),
    ("\\N", "\\N"),
    ("\\.", "\\."),
    ("\\\\server\\share", "\\\\server\\share"),
    ("\\x41\\u0041", "\\x41\\u0041"),
    ("../../etc/passwd", "../../etc/passwd"),
    ("null", "null"),
    ("undefined", "undefined"),
    ("  both sides  ", "  both sides  "),
    ("\"line\nLF\r\nCRLF\"", "line\nLF\r\nCRLF"),
    ("\u{a0}", "\u{a0}"),
    ("'", "'"),
    ("\"\"\"\"", "\""),
];

#[test]
fn b55_a_text_is_stored_byte_for_byte_and_no_surface_shows_it() {
    let warehouse = samples();
    let mut file = "label,blank,whole\n".to_owned();
    for (number, (field, _)) in NAUGHTY.iter().enumerate() {
        // Once in a row that is loaded, and once in one that is a reject.
        file += &format!("good {number},{field},1\nbad {number},{field},x\n");
    }
    let done = Done::load(&warehouse, &SAMPLES, "samples.csv", file.as_bytes());
    assert_eq!(done.rows.len(), NAUGHTY.len());
    assert_eq!(done.rejects.len(), NAUGHTY.len());
    for (number, (field, text)) in NAUGHTY.iter().enumerate() {
        let stored = warehouse.query(&format!(
            "select encode(convert_to(blank, 'UTF8'), 'hex') from datawarehouse.samples
             where label = 'good {number}'"
        ));
        assert_eq!(stored.trim_end(), hex(text), "{text:?}");
        let reject = &done.rejects[number];
        assert_eq!(
            reject.original,
            hex(format!("bad {number},{field},x")),
            "{text:?}"
        );
        assert_eq!((&*reject.kind, reject.number), ("bad_type", Some(3)));
    }
    let status = warehouse.run(&["status"]);
    for said in [
        &done.run.stdout,
        &done.run.stderr,
        &status.stdout,
        &status.stderr,
    ] {
        assert!(!said.contains("script") && !said.contains("DROP") && !said.contains('\u{1b}'));
    }
}

#[test]
fn b55_a_text_over_its_length_is_a_reject_and_is_counted_in_characters() {
    try_column(
        &samples(),
        "short",
        &[
            ("B55", "12345", Is("12345")),
            ("B55", "äöüßé", Is("äöüßé")),
            ("B55", "123456", Bad("overflow", "more than 5 characters")),
            // The server would cut off spaces and say nothing.
            ("B55", "12345 ", Bad("overflow", "more than 5 characters")),
            (
                "B55",
                "cafe\u{301}s",
                Bad("overflow", "more than 5 characters"),
            ),
        ],
    );
}

#[test]
fn b55_a_label_is_one_of_its_type_exactly() {
    let not = || Bad("bad_type", "is not one of red, dark blue");
    try_column(
        &samples(),
        "colour",
        &[
            ("B55", "red", Is("red")),
            ("B55", "dark blue", Is("dark blue")),
            ("B55", "", Null),
            ("B55", "Red", not()),
            ("B55", "green", not()),
            ("B55", " red", Bad("bad_type", "white space around it")),
        ],
    );
}

#[test]
fn b55_a_document_is_json_with_each_key_once() {
    let warehouse = samples();
    let not = || Bad("bad_type", "is not JSON");
    try_column(
        &warehouse,
        "document",
        &[
            (
                "B55",
                "\"{\"\"b\"\": 1, \"\"a\"\": [true, null]}\"",
                Is("{\"a\": [true, null], \"b\": 1}"),
            ),
            (
                "B62",
                "12345678901234567890123456789.10",
                Is("12345678901234567890123456789.10"),
            ),
            ("B55", "null", Is("null")),
            ("B55", "", Null),
            ("B60", "{", not()),
            ("B60", "NaN", not()),
            ("B60", "\"[1,]\"", not()),
            ("B60", "1 2", not()),
            ("B60", "'a'", not()),
            (
                "B61",
                "\"{\"\"a\"\": 1, \"\"a\"\": 2}\"",
                Bad("bad_type", "a key twice"),
            ),
            (
                "B63",
                "\"\"\"null\\u0000byte\"\"\"",
                Bad("bad_type", "\\u0000"),
            ),
            ("B63", "\"\"\"\\ud800\"\"\"", not()),
            ("B62", "1e999999", Bad("overflow", "jsonb cannot hold")),
        ],
    );
    try_column(
        &warehouse,
        "raw",
        &[
            ("B55", "\"{ \"\"b\"\" : 1 }\"", Is("{ \"b\" : 1 }")),
            (
                "B61",
                "\"{\"\"a\"\": 1, \"\"a\"\": 2}\"",
                Bad("bad_type", "a key twice"),
            ),
            ("B60", "{]", not()),
        ],
    );
}

#[test]
fn b55_what_the_server_has_to_read_and_cannot_is_a_reject_without_the_value() {
    try_column(
        &samples(),
        "address",
        &[
            ("B55", "192.0.2.1", Is("192.0.2.1")),
            ("B55", "2001:db8::1", Is("2001:db8::1")),
            ("B55", "", Null),
            ("B55", "192.0.2.256", Bad("bad_type", "inet")),
            ("B55", "localhost", Bad("bad_type", "inet")),
            (
                "B55",
                "'; drop table datawarehouse.samples; --",
                Bad("bad_type", "inet"),
            ),
        ],
    );
}
