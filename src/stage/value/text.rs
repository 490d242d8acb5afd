//! `text`, `varchar(n)`, `char(n)`, and types that the server parses from text.
//!
//! A text is stored byte for byte. Only a part of a key is trimmed and brought to NFC, so that
//! spellings that look the same are the same key; and an e-mail address, see [`super::email`].

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{ValueFault, email};
use crate::contract::Canonical;
use crate::wire;

/// The most bytes of a part of a key: an index entry of Postgres holds about 2,700 in all.
const KEY_BYTES: usize = 1000;

#[derive(Clone, Copy, Debug)]
pub(super) struct TextParser {
    pub(super) max_chars: Option<u32>,
    pub(super) canonical: Canonical,
}

impl TextParser {
    pub(super) fn encode(
        self,
        field: &[u8],
        row: &mut Vec<u8>,
        key_text: Option<&mut String>,
    ) -> Result<(), ValueFault> {
        if self.canonical == Canonical::Verbatim && key_text.is_none() && self.takes_as_it_is(field)
        {
            wire::put_bytes(row, field);
            return Ok(());
        }
        let delivered = utf8(field)?;
        let text = match (self.canonical, &key_text) {
            (Canonical::Email, _) => email::canonical(delivered)?,
            (Canonical::Verbatim, Some(_)) => nfc(delivered.trim()),
            (Canonical::Verbatim, None) => Cow::Borrowed(delivered),
        };
        self.check_length(&text)?;
        if let Some(key_text) = key_text {
            check_key_length(&text)?;
            key_text.push_str(&text);
        }
        wire::put_bytes(row, text.as_bytes());
        Ok(())
    }

    /// Whether nothing can be wrong with a text, as with nearly every one: ASCII, no NUL, and not
    /// even as many bytes as it may have characters. Looks at all bytes without a branch, and so at
    /// many at once.
    fn takes_as_it_is(self, field: &[u8]) -> bool {
        let fits = (self.max_chars).is_none_or(|most| field.len() as u64 <= u64::from(most));
        fits && (field.iter()).fold(true, |all, byte| all & (0x01..0x80).contains(byte))
    }

    fn check_length(self, text: &str) -> Result<(), ValueFault> {
        let Some(most) = self.max_chars else {
            return Ok(());
        };
        let fits = usize::try_from(most).is_ok_and(|most| {
            // No text has more characters than bytes, so most need not be counted.
            text.len() <= most || text.chars().nth(most).is_none()
        });
        if fits {
            return Ok(());
        }
        Err(ValueFault::overflow(format!(
            "has more than {most} characters, and Hayloft does not cut off"
        )))
    }
}

fn check_key_length(text: &str) -> Result<(), ValueFault> {
    if text.len() <= KEY_BYTES {
        return Ok(());
    }
    Err(ValueFault::overflow(format!(
        "has more than {KEY_BYTES} bytes, too many for a part of a key"
    )))
}

/// The field as text, if Postgres can hold it as text.
pub(super) fn utf8(field: &[u8]) -> Result<&str, ValueFault> {
    let text = std::str::from_utf8(field).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        ValueFault::bad_encoding(format!("is not UTF-8: byte {byte} of the field"))
    })?;
    match memchr::memchr(0, field) {
        None => Ok(text),
        Some(index) => Err(ValueFault::bad_encoding(format!(
            "has a NUL, which Postgres cannot hold: byte {} of the field",
            index + 1
        ))),
    }
}

/// Whether nothing is left when the text is trimmed.
pub(super) fn is_blank(field: &[u8]) -> bool {
    match field.first() {
        None => true,
        Some(first) if first.is_ascii_graphic() => false,
        Some(_) => std::str::from_utf8(field).is_ok_and(|text| text.trim().is_empty()),
    }
}

/// The composed form, which nearly every text already has.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}
