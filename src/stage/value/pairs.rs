//! `hstore`: of a key that comes twice the server keeps one value, and does not say which.

use std::collections::BTreeSet;

use super::ValueFault;
use super::nested::Cursor;

/// Refuses a key that comes twice, and what is not read to its end as the server reads it.
pub(super) fn check(text: &str) -> Result<(), ValueFault> {
    let mut cursor = Cursor::new(text);
    let mut keys = BTreeSet::new();
    loop {
        cursor.skip_space();
        if cursor.peek().is_none() {
            return Ok(());
        }
        let key = pair(&mut cursor).ok_or_else(no_pairs)?;
        if !keys.insert(key) {
            return Err(ValueFault::bad_type("has a key twice"));
        }
        cursor.skip_space();
        if cursor.peek().is_some() && !cursor.take(b',') {
            return Err(no_pairs());
        }
    }
}

/// The key of the next pair. A key may have a comma in it, and a value an equals sign.
fn pair(cursor: &mut Cursor<'_>) -> Option<String> {
    let key = word(cursor, b'=')?;
    cursor.skip_space();
    if !(cursor.take(b'=') && cursor.take(b'>')) {
        return None;
    }
    cursor.skip_space();
    word(cursor, b',')?;
    Some(key)
}

/// A text in quotes, or one that ends at this mark or at a space.
fn word(cursor: &mut Cursor<'_>, mark: u8) -> Option<String> {
    if cursor.take(b'"') {
        return cursor.quoted();
    }
    let word = cursor.unquoted(|byte| byte == mark || byte.is_ascii_whitespace())?;
    (!word.text.is_empty()).then_some(word.text)
}

fn no_pairs() -> ValueFault {
    ValueFault::bad_type("is not an hstore as Postgres writes one, \"a\"=>\"b\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_twice_is_refused() {
        for (text, is_kept) in [
            ("", true),
            ("a=>1, b=>2", true),
            ("a=>1,", true),
            (r#""a"=>"1", "A"=>"1""#, true),
            ("a=>1, a=>1", false),
            (r#"a=>1, "a"=>NULL"#, false),
            (r#""x y"=>"a=>b", a=>1"#, true),
            (r#""a\"b"=>1,"a\"b"=>2"#, false),
            ("a=>b=c", true),
            ("a=>b=c,a=>2", false),
            ("a,b=>1, c=>2", true),
            ("a,b=>1, a,b=>2", false),
            (r"a\=b=>1, a\=b=>2", false),
        ] {
            assert_eq!(check(text).is_ok(), is_kept, "{text}");
        }
    }

    #[test]
    fn what_is_not_read_to_its_end_is_refused() {
        for text in [
            "nonsense",
            "a=>",
            "a=>,b=>1",
            "a=>1 b=>2",
            "=>1",
            r#"a=>"1"#,
            "a => 1 => 2",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
