//! `real`, `double precision`: decimal or exponent notation, finite, and not lost to zero.

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
    let value = value + 0.0; // as above
    if let Some(key_text) = key_text {
        let _ = write!(key_text, "{value}");
    }
    wire::put_float8(row, value);
    Ok(())
}

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
