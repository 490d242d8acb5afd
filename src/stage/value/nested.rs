//! Values that are made of others: arrays, ranges, multiranges and composite values, as Postgres
//! writes them. Each part is parsed as a value of its own type, and written in quotes, so that it
//! has one meaning for any server.

use super::{Family, Parsed, ValueFault};

/// How many dimensions an array has at most: what Postgres calls `MAXDIM`.
const MOST_DIMENSIONS: usize = 6;

/// `{a,"b c",NULL}`, also of several dimensions and with bounds before it, `[2:3]={a,b}`.
pub(super) fn array(text: &str, element: &Family, out: &mut String) -> Result<Parsed, ValueFault> {
    let mut cursor = Cursor::new(text);
    cursor.skip_space();
    if cursor.peek() == Some(b'[') {
        out.push_str(cursor.dimensions().ok_or_else(no_array)?);
    }
    cursor.skip_space();
    let mut nest = Nest {
        cursor,
        out,
        parsed: Parsed::Value,
    };
    nest.elements(element, MOST_DIMENSIONS)?;
    nest.end(no_array)
}

/// `[a,b)`, or `empty`.
pub(super) fn range(text: &str, bound: &Family, out: &mut String) -> Result<Parsed, ValueFault> {
    let mut nest = Nest::new(text, out);
    nest.range(bound)?;
    nest.end(no_range)
}

/// `{[a,b),[c,d)}`
pub(super) fn multirange(
    text: &str,
    bound: &Family,
    out: &mut String,
) -> Result<Parsed, ValueFault> {
    let mut nest = Nest::new(text, out);
    nest.ranges(bound)?;
    nest.end(no_range)
}

/// `(a,"b c",)`, where nothing is NULL.
pub(super) fn composite(
    text: &str,
    fields: &[Family],
    out: &mut String,
) -> Result<Parsed, ValueFault> {
    let mut nest = Nest::new(text, out);
    nest.fields(fields)?;
    nest.end(no_composite)
}

/// A value that is taken apart, and what is written of it.
struct Nest<'t, 'o> {
    cursor: Cursor<'t>,
    out: &'o mut String,
    parsed: Parsed,
}

impl<'t, 'o> Nest<'t, 'o> {
    fn new(text: &'t str, out: &'o mut String) -> Self {
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        Self {
            cursor,
            out,
            parsed: Parsed::Value,
        }
    }

    fn end(mut self, fault: fn() -> ValueFault) -> Result<Parsed, ValueFault> {
        self.cursor.skip_space();
        match self.cursor.peek() {
            None => Ok(self.parsed),
            Some(_) => Err(fault()),
        }
    }

    /// Elements in braces, which may be in so many braces in all.
    fn elements(&mut self, element: &Family, depth: usize) -> Result<(), ValueFault> {
        let inner = depth.checked_sub(1).ok_or_else(too_many_dimensions)?;
        self.take(b'{').ok_or_else(no_array)?;
        self.cursor.skip_space();
        if self.take(b'}').is_some() {
            return Ok(());
        }
        loop {
            self.cursor.skip_space();
            self.element(element, inner)?;
            self.cursor.skip_space();
            if self.take(b',').is_none() {
                return self.take(b'}').ok_or_else(no_array);
            }
        }
    }

    fn element(&mut self, element: &Family, depth: usize) -> Result<(), ValueFault> {
        if self.cursor.peek() == Some(b'{') {
            return self.elements(element, depth);
        }
        let value = if self.cursor.take(b'"') {
            self.cursor.quoted().ok_or_else(no_array)?
        } else {
            let ends = |byte| matches!(byte, b',' | b'}' | b'{' | b'"');
            let Word { text, escapes } = self.cursor.unquoted(ends).ok_or_else(no_array)?;
            if text.is_empty() {
                return Err(no_array());
            }
            if text.eq_ignore_ascii_case("null") && escapes == Escapes::None {
                self.out.push_str("NULL");
                return Ok(());
            }
            text
        };
        self.part(element, &value, "an element")
    }

    fn range(&mut self, bound: &Family) -> Result<(), ValueFault> {
        if self.cursor.take_word("empty") {
            self.out.push_str("empty");
            return Ok(());
        }
        self.take(b'[')
            .or_else(|| self.take(b'('))
            .ok_or_else(no_range)?;
        self.bound(bound)?;
        self.take(b',').ok_or_else(no_range)?;
        self.bound(bound)?;
        self.take(b']')
            .or_else(|| self.take(b')'))
            .ok_or_else(no_range)
    }

    fn bound(&mut self, bound: &Family) -> Result<(), ValueFault> {
        let ends = |byte| matches!(byte, b',' | b']' | b')' | b'[' | b'(');
        if self.cursor.peek().is_some_and(ends) {
            return Ok(());
        }
        let value = self.cursor.mixed(ends).ok_or_else(no_range)?;
        if bound.is_of_time() && is_infinite(&value) {
            self.quote(value.trim());
            return Ok(());
        }
        self.part(bound, &value, "a bound")
    }

    fn ranges(&mut self, bound: &Family) -> Result<(), ValueFault> {
        self.take(b'{').ok_or_else(no_range)?;
        self.cursor.skip_space();
        if self.take(b'}').is_some() {
            return Ok(());
        }
        loop {
            self.cursor.skip_space();
            self.range(bound)?;
            self.cursor.skip_space();
            if self.take(b',').is_none() {
                return self.take(b'}').ok_or_else(no_range);
            }
        }
    }

    fn fields(&mut self, fields: &[Family]) -> Result<(), ValueFault> {
        self.take(b'(').ok_or_else(no_composite)?;
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                self.take(b',').ok_or_else(no_composite)?;
            }
            let ends = |byte| matches!(byte, b',' | b')' | b'(');
            if self.cursor.peek().is_some_and(ends) {
                continue;
            }
            let value = self.cursor.mixed(ends).ok_or_else(no_composite)?;
            self.part(field, &value, "a field")?;
        }
        self.take(b')').ok_or_else(no_composite)
    }

    /// Writes a part as the value that it is.
    fn part(&mut self, family: &Family, value: &str, part: &str) -> Result<(), ValueFault> {
        let value = if family.minds_space() {
            value
        } else {
            value.trim()
        };
        let mut written = String::with_capacity(value.len());
        let parsed = family
            .write(value.as_bytes(), &mut written)
            .map_err(|fault| {
                let message = format!("has {part} that {}", fault.message);
                ValueFault { message, ..fault }
            })?;
        if parsed == Parsed::Ambiguous {
            self.parsed = parsed;
        }
        self.quote(&written);
        Ok(())
    }

    fn quote(&mut self, text: &str) {
        self.out.push('"');
        for next in text.chars() {
            if matches!(next, '"' | '\\') {
                self.out.push('\\');
            }
            self.out.push(next);
        }
        self.out.push('"');
    }

    /// Takes a mark of the syntax, and writes it.
    fn take(&mut self, mark: u8) -> Option<()> {
        self.cursor.take(mark).then(|| self.out.push(mark.into()))
    }
}

fn is_infinite(value: &str) -> bool {
    let value = value.trim();
    ["infinity", "-infinity"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

fn no_array() -> ValueFault {
    ValueFault::bad_type("is not an array as Postgres writes one, {a,b}")
}

fn too_many_dimensions() -> ValueFault {
    ValueFault::bad_type(format!(
        "is an array of more than {MOST_DIMENSIONS} dimensions, and Postgres has none of these"
    ))
}

fn no_range() -> ValueFault {
    ValueFault::bad_type("is not a range as Postgres writes one, [a,b)")
}

fn no_composite() -> ValueFault {
    ValueFault::bad_type("is not a composite value of its type as Postgres writes one, (a,b)")
}

/// What stands in a text without quotes.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) escapes: Escapes,
}

/// Whether a backslash stood before a character. `n\ull` is a text of four letters, not NULL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Escapes {
    None,
    Some,
}

/// Where one is in a text. The marks of the syntax are ASCII.
pub(super) struct Cursor<'t> {
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.bytes().next()
    }

    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    pub(super) fn take(&mut self, mark: u8) -> bool {
        match self.rest.strip_prefix(char::from(mark)) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = self
            .rest
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word));
        if is_it {
            self.rest = &self.rest[word.len()..];
        }
        is_it
    }

    /// The bounds of an array, with the `=` after them.
    fn dimensions(&mut self) -> Option<&'t str> {
        let end = self.rest.find('=')? + 1;
        let (dimensions, rest) = self.rest.split_at(end);
        let is_part = |next: char| next.is_ascii_digit() || "[]:=+-".contains(next);
        self.rest = rest;
        dimensions.chars().all(is_part).then_some(dimensions)
    }

    /// What stands before the next quote, which is taken too; a backslash makes any character plain.
    pub(super) fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.next()? {
                '"' => return Some(text),
                '\\' => text.push(self.next()?),
                next => text.push(next),
            }
        }
    }

    /// What stands before one of these marks, without the space at its end. `None` where a backslash
    /// is the last character.
    pub(super) fn unquoted(&mut self, ends: impl Fn(u8) -> bool) -> Option<Word> {
        let (mut text, mut escapes) = (String::new(), Escapes::None);
        let mut kept = 0;
        while let Some(byte) = self.peek().filter(|byte| !ends(*byte)) {
            if self.take(b'\\') {
                escapes = Escapes::Some;
                text.push(self.next()?);
                kept = text.len();
                continue;
            }
            text.push(self.next()?);
            if !is_space(char::from(byte)) {
                kept = text.len();
            }
        }
        text.truncate(kept);
        Some(Word { text, escapes })
    }

    /// What stands before one of these marks, of which parts may be in quotes, a quote within them
    /// doubled. `None` where a quote has no end.
    fn mixed(&mut self, ends: impl Fn(u8) -> bool) -> Option<String> {
        let mut text = String::new();
        while let Some(byte) = self.peek().filter(|byte| !ends(*byte)) {
            match byte {
                b'"' => {
                    self.take(b'"');
                    self.quoted_part(&mut text)?;
                }
                b'\\' => {
                    self.take(b'\\');
                    text.push(self.next()?);
                }
                _ => text.push(self.next()?),
            }
        }
        Some(text)
    }

    fn quoted_part(&mut self, text: &mut String) -> Option<()> {
        loop {
            text.push_str(&self.quoted()?);
            if !self.take(b'"') {
                return Some(());
            }
            text.push('"');
        }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }
}

/// As Postgres sees it.
fn is_space(next: char) -> bool {
    matches!(next, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}
