//! `smallint`, `integer`, `bigint`: an optional `-` and ASCII digits.

use std::fmt::{Display, Write};
use std::ops::RangeInclusive;

use super::ValueFault;
use crate::wire;

pub(super) fn int2(
    field: &[u8],
    row: &mut Vec<u8>,
    key_text: Option<&mut String>,
) -> Result<(), ValueFault> {
    wire::put_int2(row, value(field, key_text, &(i16::MIN..=i16::MAX))?);
    Ok(())
}

pub(super) fn int4(
    field: &[u8],
    row: &mut Vec<u8>,
    key_text: Option<&mut String>,
) -> Result<(), ValueFault> {
    wire::put_int4(row, value(field, key_text, &(i32::MIN..=i32::MAX))?);
    Ok(())
}

pub(super) fn int8(
    field: &[u8],
    row: &mut Vec<u8>,
    key_text: Option<&mut String>,
) -> Result<(), ValueFault> {
    wire::put_int8(row, value(field, key_text, &(i64::MIN..=i64::MAX))?);
    Ok(())
}

pub(super) fn value<T: TryFrom<i64> + Display>(
    field: &[u8],
    key_text: Option<&mut String>,
    range: &RangeInclusive<T>,
) -> Result<T, ValueFault> {
    let (negative, digits) = split(field)?;
    let value = whole(negative, digits).and_then(|whole| T::try_from(whole).ok());
    let Some(value) = value else {
        return Err(ValueFault::overflow(format!(
            "is not between {} and {}",
            range.start(),
            range.end()
        )));
    };
    if let Some(text) = key_text {
        let _ = write!(text, "{value}");
    }
    Ok(value)
}

/// Whether there is a minus, and the digits, of which there is at least one.
fn split(field: &[u8]) -> Result<(bool, &[u8]), ValueFault> {
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ValueFault::bad_type("is not a whole number"));
    }
    Ok((negative, digits))
}

/// Counts downwards: below zero there is room for one more than above.
fn whole(negative: bool, digits: &[u8]) -> Option<i64> {
    let below = digits.iter().try_fold(0_i64, |below, digit| {
        below.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))
    })?;
    if negative {
        Some(below)
    } else {
        below.checked_neg()
    }
}
