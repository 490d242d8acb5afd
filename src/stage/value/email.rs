//! The one canonical form of an e-mail address, and what is one.
//!
//! Trimmed of white space, NFC, lower case by Unicode's rules (of no language: Turkish İ becomes
//! i with a dot above, never plain i). One `@` with something on both sides; none of: white space,
//! control characters, characters without width or shape, a `"`; at most 254 bytes. Quoted local
//! parts are legal mail addresses, but nobody's, and they alone may hold white space and a second
//! `@`, so they are refused. Nothing else is asked: whether mail arrives, only mail can tell.

use std::borrow::Cow;

use super::ValueFault;
use super::text::nfc;

/// The most bytes of an address that mail can carry (RFC 5321).
const MOST_BYTES: usize = 254;

pub(super) fn canonical(text: &str) -> Result<Cow<'_, str>, ValueFault> {
    if is_canonical(text.as_bytes()) {
        return Ok(Cow::Borrowed(text));
    }
    let address = folded(text.trim());
    check(&address)?;
    Ok(address)
}

/// Whether this is an address, spelt as it is kept, as nearly every one is. What is not so simple may
/// be one too. The loops look at all bytes without a branch, so they take many at once.
fn is_canonical(text: &[u8]) -> bool {
    if text.len() > MOST_BYTES || text.first() == Some(&b'@') || text.last() == Some(&b'@') {
        return false;
    }
    // What can be seen, but upper case and the quote.
    let is_usual = |byte: u8| matches!(byte, b'!' | b'#'..=b'@' | b'['..=b'~');
    let all_usual = text.iter().fold(true, |all, byte| all & is_usual(*byte));
    // It is not longer than what a byte can count.
    let at_signs = (text.iter()).fold(0_u8, |count, byte| count + u8::from(*byte == b'@'));
    all_usual && at_signs == 1
}

fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    // Lower case may undo NFC, so that comes last as well.
    Cow::Owned(nfc(&nfc(text).to_lowercase()).into_owned())
}

fn check(address: &str) -> Result<(), ValueFault> {
    if address.len() > MOST_BYTES {
        return Err(ValueFault::overflow(format!(
            "is longer than {MOST_BYTES} bytes, which no e-mail address is"
        )));
    }
    match fault(address) {
        None => Ok(()),
        Some(reason) => Err(ValueFault::bad_type(format!(
            "is not an e-mail address: it {reason}"
        ))),
    }
}

fn fault(address: &str) -> Option<&'static str> {
    let Some((local, domain)) = address.split_once('@') else {
        return Some("has no @");
    };
    if local.contains('"') {
        return Some("has a quoted part before the @, which Hayloft does not take");
    }
    if domain.contains('@') {
        return Some("has more than one @");
    }
    if local.is_empty() || domain.is_empty() {
        return Some("has nothing on one side of the @");
    }
    if address.chars().any(char::is_whitespace) {
        return Some("has white space inside");
    }
    if address.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Some("has a character inside that cannot be seen");
    }
    None
}

/// Characters that take no room on the screen (Unicode's format characters, and the others that
/// it says may be left out when drawn): two addresses that differ by one look the same.
fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && matches!(u32::from(c),
            0x00ad | 0x034f | 0x0600..=0x0605 | 0x061c | 0x06dd | 0x070f | 0x0890..=0x0891
            | 0x08e2 | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x202a..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff
            | 0xffa0 | 0xfff0..=0xfffb | 0x1_10bd | 0x1_10cd | 0x1_3430..=0x1_343f
            | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a | 0xe_0000..=0xe_0fff)
}
