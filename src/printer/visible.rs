//! Text that a terminal can be shown: control characters, and those that reorder or hide what stands
//! beside them, are written out. A name, a header or a row may hold any of them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A text, with what a terminal would obey written out. Line ends and tabs stay.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    let is_plain = |character: char| matches!(character, '\n' | '\t') || !is_obeyed(character);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    Cow::Owned(shown)
}

/// The same of bytes, which need not be a text.
#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&text(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// A JSON text, with these characters as escapes of JSON: they can only stand in strings.
#[must_use]
pub fn in_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_obeyed) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if is_obeyed(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does something to a terminal, or to the text around it, rather than stand there.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'
                ..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_is_written_out() {
        for (raw, shown) in [
            ("Žofie\n\t10 €", "Žofie\n\t10 €"),
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("a\rb", "a\\u{d}b"),
            ("a\u{9b}31mb", "a\\u{9b}31mb"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{2066}b\u{7f}", "a\\u{2066}b\\u{7f}"),
        ] {
            assert_eq!(text(raw), shown);
            assert_eq!(bytes(raw.as_bytes()), shown);
        }
        assert_eq!(bytes(b"a\xffb"), "a\\xffb");
    }

    #[test]
    fn json_says_the_same_with_escapes() {
        let value = "a\u{9b}\u{202e}\u{e0001}\u{7f}\x1bž";
        let json = serde_json::to_string(value).unwrap();
        let shown = in_json(&json);
        assert!(!shown.chars().any(is_obeyed), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
    }
}
