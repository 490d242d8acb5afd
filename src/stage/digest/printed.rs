//! What Postgres prints → what is digested.
//!
//! Staging digests the binary form of a value; here the same bytes are made of its text. The session
//! sees to the text: ISO dates, UTC, as many digits of a float as tell it from all others.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Form;
use crate::stage::value::{canonical_json, decimal_field};

/// A value that is not text itself.
pub(super) enum Encoded<'t> {
    Bytes(Cow<'t, [u8]>),
    Number(i64),
    /// The value of a `numeric` field.
    Decimal(Vec<u8>),
}

/// `None` for a text that no value of this form has.
pub(super) fn encoded(form: Form, text: &str) -> Option<Encoded<'_>> {
    let owned = |bytes: &[u8]| Encoded::Bytes(Cow::Owned(bytes.to_vec()));
    Some(match form {
        Form::Text | Form::Printed => Encoded::Bytes(Cow::Borrowed(text.as_bytes())),
        Form::Padded => Encoded::Bytes(Cow::Borrowed(text.trim_end_matches(' ').as_bytes())),
        Form::Whole => Encoded::Number(whole(text)?),
        Form::Decimal => Encoded::Decimal(decimal_field(text)?),
        Form::Real => owned(&real(text)?.to_be_bytes()),
        Form::Double => owned(&double(text)?.to_be_bytes()),
        Form::Bool => owned(&[u8::from(truth(text)?)]),
        Form::Date => owned(&i32::try_from(date(text)?).ok()?.to_be_bytes()),
        Form::Timestamp | Form::Instant => owned(&instant(text)?.to_be_bytes()),
        Form::Uuid => owned(uuid::Uuid::try_parse(text).ok()?.as_bytes()),
        Form::Document => {
            let document = document(text.as_bytes())?;
            Encoded::Bytes(Cow::Owned(document.into_bytes()))
        }
    })
}

fn whole(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_whole = fraction.bytes().all(|digit| digit == b'0');
    whole.parse().ok().filter(|_| is_whole)
}

/// With one zero, as staging has it.
fn real(text: &str) -> Option<f32> {
    text.parse::<f32>().ok().map(|value| value + 0.0)
}

fn double(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().map(|value| value + 0.0)
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "t" => Some(true),
        "false" | "f" => Some(false),
        _ => None,
    }
}

/// Days since 2000-01-01.
fn date(text: &str) -> Option<i64> {
    let (text, is_before_christ) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut parts = text.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if is_before_christ { 1 - year } else { year };
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && parts.next().is_none();
    is_date.then(|| days_to(year, month, day))
}

/// Days from 2000-01-01 to a day of the Gregorian calendar. A year begins with March here, so that
/// its last day is the one that some years have.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    const TO_2000: i64 = 730_425;
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - TO_2000
}

/// Microseconds since 2000-01-01.
fn instant(text: &str) -> Option<i64> {
    const SECOND: i64 = 1_000_000;
    let (text, era) = match text.strip_suffix(" BC") {
        Some(text) => (text, " BC"),
        None => (text, ""),
    };
    let (day, clock) = text.split_once(' ')?;
    let (clock, east) = match clock.find(['+', '-']) {
        Some(sign) => (&clock[..sign], offset(&clock[sign..])?),
        None => (clock, 0),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let micros: i64 = if fraction.is_empty() {
        0
    } else {
        format!("{fraction:0<6}").parse().ok()?
    };
    let seconds = seconds(clock)? - east;
    let days = date(&format!("{day}{era}"))?;
    days.checked_mul(86_400)?
        .checked_add(seconds)?
        .checked_mul(SECOND)?
        .checked_add(micros)
}

fn offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    Some(sign * seconds(&text[1..])?)
}

/// Hours, and minutes and seconds where they are there.
fn seconds(text: &str) -> Option<i64> {
    let mut seconds = 0;
    let mut unit = 3600;
    for part in text.split(':') {
        seconds += part.parse::<i64>().ok()? * unit;
        unit /= 60;
    }
    Some(seconds)
}

// ---- documents --------------------------------------------------------------------------------

/// What begins the binary form of a `jsonb`. No document begins so.
const VERSION: u8 = 1;

/// A document in the one form that all of its spellings share. `None` if it is none.
pub(super) fn document(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value.strip_prefix(&[VERSION]).unwrap_or(value)).ok()?;
    Some(with_plain_numbers(&canonical_json(text)?))
}

fn with_plain_numbers(document: &str) -> String {
    let mut plain = String::with_capacity(document.len());
    let mut rest = document;
    while let Some(begin) =
        rest.find(|next: char| next == '"' || next == '-' || next.is_ascii_digit())
    {
        let (before, from) = rest.split_at(begin);
        plain.push_str(before);
        let (token, after) = if from.starts_with('"') {
            from.split_at(end_of_string(from))
        } else {
            let is_of_number = |next: char| next.is_ascii_digit() || "+-.eE".contains(next);
            let end = from.find(|next| !is_of_number(next)).unwrap_or(from.len());
            from.split_at(end)
        };
        if token.starts_with('"') {
            plain.push_str(token);
        } else {
            put_number(token, &mut plain);
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (place, next) in text.bytes().enumerate().skip(1) {
        match next {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

/// The digits without zeros at either end, and where the point stands among them.
fn put_number(number: &str, plain: &mut String) {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i64>() else {
        return plain.push_str(number);
    };
    let digits = format!("{whole}{fraction}");
    let from_first = digits.trim_start_matches('0');
    let zeros = digits.len() - from_first.len();
    let significant = from_first.trim_end_matches('0');
    if significant.is_empty() {
        return plain.push('0');
    }
    let place = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let point = exponent + place(whole.len()) - place(zeros);
    let _ = write!(plain, "{sign}{significant}e{point}");
}
