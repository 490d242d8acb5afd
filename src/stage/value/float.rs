//! `real`, `double precision`: decimal or exponent notation, finite, not lost to zero, and with no digit
//! that the type would change.
//!
//! A float is seldom the decimal number itself. What is asked is that it has the digits that the field
//! has: `0.1` is kept, and `16777217` as a `real` is not, since that is 16777216.

use std::fmt::Write;

use super::ValueFault;
use crate::wire;

pub(super) fn float4(
    field: &[u8],
    row: &mut Vec<u8>,
    key_text: Option<&mut String>,
) -> Result<(), ValueFault> {
    let text = literal(field)?;
    let value: f32 = text.parse().map_err(|_| not_a_number())?;
    check(text, value.is_finite(), value == 0.0)?;
    let known = if value.is_normal() { f32::DIGITS } else { 0 };
    check_digits(text, known, |digits| format!("{value:.digits$e}"))?;
    let value = value + 0.0; // -0.0 + 0.0 is 0.0: one zero, one encoding
    if let Some(key_text) = key_text {
        let _ = write!(key_text, "{value}");
    }
    wire::put_float4(row, value);
    Ok(())
}

pub(super) fn float8(
    field: &[u8],
    row: &mut Vec<u8>,
    key_text: Option<&mut String>,
) -> Result<(), ValueFault> {
    let text = literal(field)?;
    let value: f64 = text.parse().map_err(|_| not_a_number())?;
    check(text, value.is_finite(), value == 0.0)?;
    check_float8(text, value)?;
    let value = value + 0.0; // as above
    if let Some(key_text) = key_text {
        let _ = write!(key_text, "{value}");
    }
    wire::put_float8(row, value);
    Ok(())
}

/// Refuses a text of several numbers if one of them would be rounded.
pub(super) fn check_each(text: &str) -> Result<(), ValueFault> {
    let is_of_number = |next: char| next.is_ascii_digit() || ".eE+-".contains(next);
    for number in text.split(|next| !is_of_number(next)) {
        if let Ok(value) = number.parse::<f64>() {
            check(number, value.is_finite(), value == 0.0)?;
            check_float8(number, value)?;
        }
    }
    Ok(())
}

/// More digits than any `double precision` has, written exactly: that are 767.
const MOST_DIGITS: usize = 768;

fn not_a_number() -> ValueFault {
    ValueFault::bad_type("is not a number")
}

/// The field as text, if it has the shape of a number; Rust alone would also take `inf`, `+5`
/// and `.5`.
fn literal(field: &[u8]) -> Result<&str, ValueFault> {
    let rest = field.strip_prefix(b"-").unwrap_or(field);
    let mut rest = digits(rest).ok_or_else(not_a_number)?;
    if let [b'.', fraction @ ..] = rest {
        rest = digits(fraction).ok_or_else(not_a_number)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let sign = usize::from(matches!(exponent, [b'+' | b'-', ..]));
        let exponent = &exponent[sign..];
        rest = digits(exponent).ok_or_else(not_a_number)?;
    }
    if !rest.is_empty() {
        return Err(not_a_number());
    }
    std::str::from_utf8(field).map_err(|_| not_a_number())
}

/// What follows the digits, of which there must be one.
fn digits(bytes: &[u8]) -> Option<&[u8]> {
    let count = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (count > 0).then(|| &bytes[count..])
}

fn check(text: &str, is_finite: bool, is_zero: bool) -> Result<(), ValueFault> {
    if !is_finite {
        return Err(ValueFault::overflow("is too large for its type"));
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    if is_zero && mantissa.contains(|digit: char| ('1'..='9').contains(&digit)) {
        return Err(ValueFault::overflow("is too close to zero for its type"));
    }
    Ok(())
}

fn check_float8(text: &str, value: f64) -> Result<(), ValueFault> {
    let known = if value.is_normal() { f64::DIGITS } else { 0 };
    check_digits(text, known, |digits| format!("{value:.digits$e}"))
}

/// Refuses a number that its float does not give back to the last digit. So many digits are always
/// given back; `print` writes the float exactly, with so many digits behind the point of its mantissa.
fn check_digits(
    text: &str,
    known: u32,
    print: impl FnOnce(usize) -> String,
) -> Result<(), ValueFault> {
    let count = text.bytes().filter(u8::is_ascii_digit).count();
    if u32::try_from(count).is_ok_and(|count| count <= known) {
        return Ok(());
    }
    let delivered = significant(text);
    let is_given_back = match delivered.len() {
        0 => true,
        // No float has as many.
        MOST_DIGITS.. => false,
        count => significant(&print(count - 1)) == delivered,
    };
    if is_given_back {
        return Ok(());
    }
    Err(ValueFault::overflow(
        "has more digits than its type keeps, and Hayloft does not round",
    ))
}

/// The digits of the mantissa, without the zeros around them.
fn significant(text: &str) -> String {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}
