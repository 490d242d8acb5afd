//! Types that the server reads: what it gets is a text of one meaning, whatever its settings are.
//!
//! A type that is made of others is taken apart, and each part is parsed as a value of its type:
//! by Hayloft's own rules, where it is one of those. Of other types, what the server would round,
//! cut off or guess without a word is refused.

use super::clock::ClockParser;
use super::nested;
use super::numeric::NumericParser;
use super::text::{self, TextParser};
use super::{Family, Parsed, ValueFault, float, interval, lexemes, pairs};
use crate::contract::{Canonical, IntervalLimit, ServerType, Spelling, TextForm};
use crate::wire;

#[derive(Clone, Debug)]
pub(super) enum ServerParser {
    Any,
    Array(Box<Family>),
    Range(Box<Family>),
    Multirange(Box<Family>),
    Composite(Vec<Family>),
    Clock(ClockParser),
    Interval,
    LimitedInterval(IntervalLimit),
    Money,
    Bytes(usize),
    Unsigned(u64),
    TextSearchVector,
    Pairs,
    Floats,
    Network,
}

impl ServerParser {
    pub(super) fn new(of_server: &ServerType, spelling: &Spelling) -> Result<Self, String> {
        // What the contract says of the column's spelling is said of the value as a whole.
        let of_part = Spelling {
            format: None,
            canonical: Canonical::Verbatim,
            ..spelling.clone()
        };
        let part = |part| Family::new(part, &of_part);
        Ok(match &of_server.form {
            TextForm::Any => Self::Any,
            TextForm::Array(element) => Self::Array(Box::new(part(element)?)),
            TextForm::Range(bound) => Self::Range(Box::new(part(bound)?)),
            TextForm::Multirange(bound) => Self::Multirange(Box::new(part(bound)?)),
            TextForm::Composite(fields) => {
                Self::Composite(fields.iter().map(part).collect::<Result<_, _>>()?)
            }
            TextForm::Time(precision) => Self::Clock(ClockParser::local(*precision)),
            TextForm::TimeTz(precision) => Self::Clock(ClockParser::with_offset(*precision)),
            TextForm::Interval => Self::Interval,
            TextForm::LimitedInterval(limit) => Self::LimitedInterval(*limit),
            TextForm::Money => Self::Money,
            TextForm::Bytes(most) => Self::Bytes(*most),
            TextForm::Unsigned(most) => Self::Unsigned(*most),
            TextForm::TextSearchVector => Self::TextSearchVector,
            TextForm::Pairs => Self::Pairs,
            TextForm::Floats => Self::Floats,
            TextForm::Network => Self::Network,
        })
    }

    pub(super) fn encode(&self, field: &[u8], row: &mut Vec<u8>) -> Result<Parsed, ValueFault> {
        if matches!(self, Self::Any) {
            let as_delivered = TextParser {
                max_chars: None,
                canonical: Canonical::Verbatim,
            };
            as_delivered.encode(field, row, None)?;
            return Ok(Parsed::Value);
        }
        let mut text = String::with_capacity(field.len());
        let parsed = self.write(field, &mut text)?;
        wire::put_bytes(row, text.as_bytes());
        Ok(parsed)
    }

    /// Writes what the server gets.
    pub(super) fn write(&self, field: &[u8], out: &mut String) -> Result<Parsed, ValueFault> {
        let delivered = text::utf8(field)?;
        match self {
            Self::Array(element) => return nested::array(delivered, element, out),
            Self::Range(bound) => return nested::range(delivered, bound, out),
            Self::Multirange(bound) => return nested::multirange(delivered, bound, out),
            Self::Composite(fields) => return nested::composite(delivered, fields, out),
            Self::Clock(clock) => clock.write(field, out)?,
            Self::Money => NumericParser { limit: None }.write(field, out)?,
            Self::Unsigned(most) => write_unsigned(delivered, *most, out)?,
            Self::Any => out.push_str(delivered),
            Self::Interval => {
                interval::check_exact(delivered)?;
                out.push_str(delivered);
            }
            Self::LimitedInterval(limit) => {
                interval::check_limit(delivered, *limit)?;
                out.push_str(delivered);
            }
            Self::Bytes(most) => {
                check_bytes(delivered, *most)?;
                out.push_str(delivered);
            }
            Self::TextSearchVector => {
                lexemes::check(delivered)?;
                out.push_str(delivered);
            }
            Self::Pairs => {
                pairs::check(delivered)?;
                out.push_str(delivered);
            }
            Self::Floats => {
                float::check_each(delivered)?;
                out.push_str(delivered);
            }
            Self::Network => {
                check_network(delivered)?;
                out.push_str(delivered);
            }
        }
        Ok(Parsed::Value)
    }
}

fn check_bytes(text: &str, most: usize) -> Result<(), ValueFault> {
    if text.len() <= most {
        return Ok(());
    }
    let bytes = if most == 1 { "byte" } else { "bytes" };
    Err(ValueFault::overflow(format!(
        "has more than {most} {bytes}, and Hayloft does not cut off"
    )))
}

/// Of a network that lacks parts of its address a server guesses the width: `10.1` is `10.1.0.0/16`.
fn check_network(text: &str) -> Result<(), ValueFault> {
    let address = text.split('/').next().unwrap_or(text);
    if address.contains(':') || address.matches('.').count() == 3 {
        return Ok(());
    }
    Err(ValueFault::bad_type(
        "is not a network with its whole address, 10.1.0.0/16",
    ))
}

/// A server takes `-1` for the largest number, and, until version 16, any text for 0.
fn write_unsigned(text: &str, most: u64, out: &mut String) -> Result<(), ValueFault> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ValueFault::bad_type("is not a whole number without a sign"));
    }
    let digits = text.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    if digits.parse::<u64>().is_ok_and(|number| number <= most) {
        out.push_str(digits);
        return Ok(());
    }
    Err(ValueFault::overflow(format!(
        "is not a whole number from 0 to {most}"
    )))
}
