//! `json` and `jsonb`: checked to be JSON by `serde_json`, never read into a number.
//!
//! `json` is stored as delivered. `jsonb` is brought to one form: no white space, the keys of an
//! object sorted by their bytes, strings with the least escapes, numbers as written (so `1` and
//! `1.0` differ here, though the server finds them equal). A document that says a key twice says
//! two things, so it is refused, and so is one that is nested deeper than [`DEPTH`].

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::ValueFault;
use super::text::utf8;
use crate::contract::JsonKind;
use crate::wire;

/// The deepest nesting, as in `serde_json` itself.
const DEPTH: usize = 128;

pub(super) fn encode(
    kind: JsonKind,
    field: &[u8],
    row: &mut Vec<u8>,
    key_text: Option<&mut String>,
) -> Result<(), ValueFault> {
    let canonical = canonical(kind, utf8(field)?)?;
    match kind {
        JsonKind::Text => wire::put_bytes(row, field),
        JsonKind::Binary => wire::put_jsonb(row, canonical.as_bytes()),
    }
    if let Some(text) = key_text {
        text.push_str(&canonical);
    }
    Ok(())
}

/// The form that all spellings of a document share, but for those of its numbers.
pub(super) fn canonical(kind: JsonKind, text: &str) -> Result<String, ValueFault> {
    let document: &RawValue = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ValueFault::bad_type(format!(
            "is not JSON from line {line}, column {column} of the field on"
        ))
    })?;
    let mut canonical = String::with_capacity(text.len());
    Writer {
        kind,
        out: &mut canonical,
    }
    .value(document, DEPTH)?;
    Ok(canonical)
}

/// Writes the canonical form of a document. `serde_json` takes each level apart; what it hands
/// out is the text of the parts, so a number keeps every digit.
struct Writer<'a> {
    kind: JsonKind,
    out: &'a mut String,
}

impl Writer<'_> {
    fn value(&mut self, value: &RawValue, depth: usize) -> Result<(), ValueFault> {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'{') => self.object(from_str(text)?, deeper(depth)?),
            Some(b'[') => self.array(&from_str::<Vec<&RawValue>>(text)?, deeper(depth)?),
            Some(b'"') => self.string(&from_str::<String>(text)?),
            Some(b'-' | b'0'..=b'9') => self.number(text),
            _ => {
                self.out.push_str(text);
                Ok(())
            }
        }
    }

    fn object(&mut self, object: Object<'_>, depth: usize) -> Result<(), ValueFault> {
        let mut members = object.members;
        members.sort_by(|a, b| a.0.cmp(&b.0));
        if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(ValueFault::bad_type(
                "is JSON that has a key twice in one object",
            ));
        }
        self.out.push('{');
        for (index, (key, value)) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.string(key)?;
            self.out.push(':');
            self.value(value, depth)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn array(&mut self, values: &[&RawValue], depth: usize) -> Result<(), ValueFault> {
        self.out.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.value(value, depth)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), ValueFault> {
        if self.kind == JsonKind::Binary && text.contains('\0') {
            return Err(ValueFault::bad_type(
                "is JSON with \\u0000, which jsonb cannot hold",
            ));
        }
        let quoted = serde_json::to_string(text).map_err(|_| not_json())?;
        self.out.push_str(&quoted);
        Ok(())
    }

    fn number(&mut self, text: &str) -> Result<(), ValueFault> {
        if self.kind == JsonKind::Binary && !fits_numeric(text) {
            return Err(ValueFault::overflow(
                "is JSON with a number that jsonb cannot hold",
            ));
        }
        self.out.push_str(text);
        Ok(())
    }
}

/// The members of an object in the order of the text, those with the same key included.
struct Object<'a> {
    members: Vec<(String, &'a RawValue)>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object { members })
            }
        }

        deserializer.deserialize_map(Members)
    }
}

fn deeper(depth: usize) -> Result<usize, ValueFault> {
    depth.checked_sub(1).ok_or_else(|| {
        ValueFault::bad_type(format!("is JSON that is nested more than {DEPTH} deep"))
    })
}

/// Takes a level apart. What can still be wrong is an escape that is no character.
fn from_str<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ValueFault> {
    serde_json::from_str(text).map_err(|_| not_json())
}

fn not_json() -> ValueFault {
    ValueFault::bad_type("is not JSON: it has a \\u escape that is no character")
}

/// Whether a number stays within the digits of `numeric`, in which jsonb keeps its numbers.
fn fits_numeric(number: &str) -> bool {
    const WHOLE: i64 = 131_072;
    const FRACTION: i64 = 16_383;
    let digits = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i32>().map(i64::from) else {
        return false;
    };
    digits(whole.trim_start_matches('-')) + exponent <= WHOLE
        && digits(fraction) - exponent <= FRACTION
}
