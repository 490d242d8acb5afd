//! Texts, e-mail addresses, and the keys that are made of them.

use super::*;

fn email() -> ValueParser {
    let mut column = column(text(None));
    column.spelling.canonical = Canonical::Email;
    ValueParser::new(&column).unwrap()
}

#[test]
fn a_text_is_stored_byte_for_byte() {
    let parser = parser(text(None));
    for field in [
        "=1+1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "<script>alert(1)</script>",
        "'; DROP TABLE users;--",
        "%s%n",
        "\u{1b}[31mred",
        " padded ",
        "e\u{301}",
        "line\nbreak",
        "\\N",
        "\u{feff}bom",
        ZWSP,
        "\u{202e}right to left",
        "💩",
        "NULL",
        "undefined",
        "\u{fffe}",
        "İ",
    ] {
        assert_eq!(value(&parser, field), field.as_bytes(), "{field:?}");
    }
}

#[test]
fn a_text_that_is_too_long_is_refused_by_its_characters_and_never_cut_off() {
    let parser = parser(text(Some(3)));
    assert_eq!(value(&parser, "äöü"), "äöü".as_bytes());
    assert_rejects(&parser, RejectKind::Overflow, "abcd|äöü |💩💩💩💩");
    assert_eq!(
        fault(&parser, "abcd").message,
        "has more than 3 characters, and Hayloft does not cut off"
    );
}

#[test]
fn an_email_address_has_one_form() {
    let parser = email();
    for (field, expected) in [
        ("a@b.c", "a@b.c"),
        ("A@B.C", "a@b.c"),
        (" a@b.c\t", "a@b.c"),
        ("\u{a0}a@b.c\n", "a@b.c"),
        ("JOSE\u{301}@x.org", "jos\u{e9}@x.org"),
        ("JOS\u{c9}@x.org", "jos\u{e9}@x.org"),
        ("\u{130}@x.org", "i\u{307}@x.org"),
        ("o'neil+tag@x.org", "o'neil+tag@x.org"),
    ] {
        assert_eq!(value(&parser, field), expected.as_bytes(), "{field:?}");
        assert_eq!(key_text(&parser, field), expected, "{field:?}");
        assert_eq!(
            value(&parser, expected),
            expected.as_bytes(),
            "its own form"
        );
    }
    assert_rejects(
        &parser,
        RejectKind::BadType,
        "abc|a@b@c|@b.c|a@|@|a b@c.d|a@b .c|a@b\n.c|a@b.c\u{feff}|\"a b\"@c.d|\
         \"a@b\"@c.d|a\u{ad}@b.c|a\u{e0041}@b.c|a\u{3000}@b.c|a\u{7}@b.c|a\u{200b}@b.c",
    );
    let fits = format!("{}@x.org", "a".repeat(254 - 6));
    assert_eq!(value(&parser, &fits), fits.as_bytes());
    assert_rejects(&parser, RejectKind::Overflow, &format!("a{fits}"));
    assert_eq!(
        fault(&parser, "a@b@c").message,
        "is not an e-mail address: it has more than one @"
    );
    for blank in ["", " ", "\u{a0}\t"] {
        assert_eq!(
            parser.parse(blank.as_bytes(), &mut Vec::new()),
            Ok(Parsed::Null)
        );
    }
}

#[test]
fn a_key_part_without_a_value_is_no_key() {
    for (parser, fields) in [
        (email(), &["", " ", "\u{a0}"][..]),
        (parser(text(None)), &["", " ", "\u{2003}\t"]),
        (parser(ColumnType::Int8), &[""]),
    ] {
        for field in fields {
            let (mut row, mut text) = (Vec::new(), "left over".to_owned());
            let fault = parser
                .parse_key_part(field.as_bytes(), &mut row, &mut text)
                .unwrap_err();
            assert_eq!(fault.kind, RejectKind::NullKey, "{field:?}");
            assert!(row.is_empty() && text.is_empty());
        }
    }
}

#[test]
fn a_text_key_part_is_stored_as_it_is_hashed() {
    let parser = parser(text(Some(4)));
    for (field, expected) in [
        (" ab ", "ab"),
        ("e\u{301}", "\u{e9}"),
        ("AB", "AB"),
        ("  abcd  ", "abcd"),
    ] {
        let (mut row, mut text) = (Vec::new(), String::new());
        parser
            .parse_key_part(field.as_bytes(), &mut row, &mut text)
            .unwrap();
        assert_eq!(
            (&row[4..], text.as_str()),
            (expected.as_bytes(), expected),
            "{field:?}"
        );
    }
    let long = super::parser(text(None));
    let fault = |bytes: usize| {
        long.parse_key_part(
            "k".repeat(bytes).as_bytes(),
            &mut Vec::new(),
            &mut String::new(),
        )
    };
    assert_eq!(fault(1000), Ok(Parsed::Value));
    assert_eq!(fault(1001).unwrap_err().kind, RejectKind::Overflow);
}

#[test]
fn equal_keys_get_equal_uuids_and_others_do_not() {
    let key = |parser: &ValueParser, field: &str| {
        KeyScheme::with_secret(b"hush").durable_key(&[key_text(parser, field)])
    };
    let (email, int, name) = (email(), parser(ColumnType::Int4), parser(text(None)));
    for (parser, one, other) in [
        (&email, "Ann@x.org", " ann@X.ORG "),
        (&email, "jose\u{301}@x.org", "JOS\u{c9}@x.org"),
        (&int, "007", "7"),
        (&int, "-0", "0"),
        (&name, "e\u{301} ", "\u{e9}"),
    ] {
        assert_eq!(
            key(parser, one),
            key(parser, other),
            "{one:?} and {other:?}"
        );
    }
    for (parser, one, other) in [
        (&email, "ann@x.org", "anne@x.org"),
        (&email, "\u{130}@x.org", "i@x.org"),
        (&int, "7", "-7"),
        (&name, "Ann", "ann"),
    ] {
        assert_ne!(
            key(parser, one),
            key(parser, other),
            "{one:?} and {other:?}"
        );
    }
}

proptest! {
    #[test]
    fn the_form_of_an_email_address_is_its_own_form(field in "\\PC{1,8}@\\PC{1,8}") {
        let parser = email();
        let mut row = Vec::new();
        if parser.parse(field.as_bytes(), &mut row) == Ok(Parsed::Value) {
            let form = String::from_utf8(row[4..].to_vec()).unwrap();
            prop_assert_eq!(value(&parser, &form), form.as_bytes());
        }
    }
}
