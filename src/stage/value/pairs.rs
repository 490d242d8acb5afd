//! `hstore`: of a key that comes twice the server keeps one value, and does not say which.

use std::collections::BTreeSet;

use super::ValueFault;
use super::nested::Cursor;

/// Refuses a key that comes twice. All else is the server's to judge.
pub(super) fn check(text: &str) -> Result<(), ValueFault> {
    let mut cursor = Cursor::new(text);
    let mut keys = BTreeSet::new();
    while let Some(key) = pair(&mut cursor) {
        if !keys.insert(key) {
            return Err(ValueFault::bad_type("has a key twice"));
        }
    }
    Ok(())
}

/// The key of the next pair, if there is one.
fn pair(cursor: &mut Cursor<'_>) -> Option<String> {
    let key = word(cursor)?;
    cursor.skip_space();
    if !(cursor.take(b'=') && cursor.take(b'>')) {
        return None;
    }
    word(cursor)?;
    cursor.skip_space();
    cursor.take(b',');
    Some(key)
}

fn word(cursor: &mut Cursor<'_>) -> Option<String> {
    cursor.skip_space();
    if cursor.take(b'"') {
        return cursor.quoted();
    }
    let word = cursor.unquoted(|byte| matches!(byte, b'=' | b',') || byte.is_ascii_whitespace())?;
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_twice_is_refused() {
        for (text, is_kept) in [
            ("", true),
            ("a=>1, b=>2", true),
            (r#""a"=>"1", "A"=>"1""#, true),
            ("a=>1, a=>1", false),
            (r#"a=>1, "a"=>NULL"#, false),
            (r#""x y"=>"a=>b", a=>1"#, true),
            (r#""a\"b"=>1,"a\"b"=>2"#, false),
            ("nonsense", true),
        ] {
            assert_eq!(check(text).is_ok(), is_kept, "{text}");
        }
    }
}
