//! JSON, as text and in its binary form.

use super::*;

#[test]
fn json_is_checked_and_stored_as_delivered() {
    let parser = parser(ColumnType::Json(JsonKind::Text));
    let field = "{ \"b\": 1.0, \"a\": [null, \"\\u0000\", 1e999] }";
    assert_eq!(value(&parser, field), field.as_bytes());
    let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(value(&parser, &deep(128)), deep(128).as_bytes());
    assert_rejects(
        &parser,
        RejectKind::BadType,
        "{|{'a': 1}|[1,]|nul|01|\"a|1 2|NaN|\"\\ud800\"|\"\t\"|\
         {\"a\": 1, \"a\": 1}|{\"a\": 1, \"\\u0061\": 2}| ",
    );
    for field in [&deep(129), &deep(100_000)] {
        assert_eq!(reject(&parser, field), RejectKind::BadType, "{field:?}");
    }
}

#[test]
fn jsonb_has_one_form_and_keeps_every_digit() {
    let parser = parser(ColumnType::Json(JsonKind::Binary));
    for (field, expected) in [
        (
            "{ \"b\": 1.10, \"a\": {\"d\": [], \"c\": {}} }",
            "{\"a\":{\"c\":{},\"d\":[]},\"b\":1.10}",
        ),
        (" [ 1 , -0.5e3, true,null ] ", "[1,-0.5e3,true,null]"),
        (
            "123456789012345678901234567890.12345678901234567890",
            "123456789012345678901234567890.12345678901234567890",
        ),
        ("\"\\u0041\\/\\n\\u00e9\"", "\"A/\\n\u{e9}\""),
        (
            "{\"$serde_json::private::RawValue\": 1}",
            "{\"$serde_json::private::RawValue\":1}",
        ),
    ] {
        let bytes = value(&parser, field);
        assert_eq!(bytes[0], 1, "the version of the form");
        assert_eq!(String::from_utf8_lossy(&bytes[1..]), expected, "{field:?}");
    }
    assert_rejects(
        &parser,
        RejectKind::BadType,
        "\"\\u0000\"|{\"a\\u0000\": 1}|{",
    );
    assert_rejects(
        &parser,
        RejectKind::Overflow,
        "1e131072|[1e-16384]|1e99999999999",
    );
}
