//! `numeric`: exact decimals, of any length that Postgres takes, and never rounded.
//!
//! `1`, `01` and `1.00` are one value and get the same bytes: a limited column shows its scale, an
//! unlimited one no zeros at the end.

use super::ValueFault;
use crate::contract::NumericLimit;
use crate::wire::{self, Sign};

/// The most digits that Postgres takes before the point, and after it.
const MOST: (usize, usize) = (131_072, 16_383);

#[derive(Clone, Copy, Debug)]
pub(super) struct NumericParser {
    pub(super) limit: Option<NumericLimit>,
}

impl NumericParser {
    pub(super) fn encode(
        self,
        field: &[u8],
        row: &mut Vec<u8>,
        key_text: Option<&mut String>,
    ) -> Result<(), ValueFault> {
        let decimal = self.parse(field)?;
        // A negative scale rounds before the point, and shows nothing after it.
        let shown = (self.limit).map(|limit| u16::try_from(limit.scale).unwrap_or_default());
        decimal.put(row, shown);
        if let Some(text) = key_text {
            decimal.write(text);
        }
        Ok(())
    }

    /// Writes the shortest text of the number.
    pub(super) fn write(self, field: &[u8], text: &mut String) -> Result<(), ValueFault> {
        self.parse(field)?.write(text);
        Ok(())
    }

    fn parse(self, field: &[u8]) -> Result<Decimal<'_>, ValueFault> {
        let decimal =
            Decimal::parse(field).ok_or_else(|| ValueFault::bad_type("is not a decimal number"))?;
        self.check(&decimal)?;
        Ok(decimal)
    }

    fn check(self, decimal: &Decimal<'_>) -> Result<(), ValueFault> {
        let (most_whole, most_fraction) = match self.limit {
            Some(limit) => (
                usize::from(limit.precision).cast_signed() - isize::from(limit.scale),
                usize::try_from(limit.scale).unwrap_or_default(),
            ),
            None => (MOST.0.cast_signed(), MOST.1),
        };
        if decimal.fraction.len() > most_fraction {
            return Err(ValueFault::overflow(format!(
                "has more than {most_fraction} digits after the point, and Hayloft does not round"
            )));
        }
        let zeros = self.limit.map_or(0, |limit| -isize::from(limit.scale));
        if zeros > 0 && !decimal.is_zero() && decimal.zeros().cast_signed() < zeros {
            return Err(ValueFault::overflow(format!(
                "has other digits than zeros in the last {zeros} places before the point, and \
                 Hayloft does not round"
            )));
        }
        if !decimal.is_zero() && decimal.magnitude() > most_whole {
            return Err(ValueFault::overflow(match self.limit {
                Some(limit) => format!(
                    "is too large for numeric({},{})",
                    limit.precision, limit.scale
                ),
                None => format!("has more than {most_whole} digits before the point"),
            }));
        }
        Ok(())
    }
}

/// The digits of a number: no zeros before the first of `whole`, none after the last of
/// `fraction`. Zero has neither, and no sign.
struct Decimal<'a> {
    sign: Sign,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Decimal<'a> {
    fn parse(field: &'a [u8]) -> Option<Self> {
        let (sign, digits) = match field {
            [b'-', digits @ ..] => (Sign::Negative, digits),
            digits => (Sign::Positive, digits),
        };
        let (whole, fraction) = match memchr::memchr(b'.', digits) {
            Some(point) => (&digits[..point], Some(&digits[point + 1..])),
            None => (digits, None),
        };
        if !is_digits(whole) || !fraction.is_none_or(is_digits) {
            return None;
        }
        let whole = &whole[count_zeros(whole.iter())..];
        let fraction = fraction.unwrap_or_default();
        let fraction = &fraction[..fraction.len() - count_zeros(fraction.iter().rev())];
        let is_zero = whole.is_empty() && fraction.is_empty();
        let sign = if is_zero { Sign::Positive } else { sign };
        Some(Self {
            sign,
            whole,
            fraction,
        })
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// How far the first digit stands before the point: 2 for 10, 1 for 1, 0 for 0.1, -1 for 0.01.
    fn magnitude(&self) -> isize {
        if self.whole.is_empty() {
            -count_zeros(self.fraction.iter()).cast_signed()
        } else {
            self.whole.len().cast_signed()
        }
    }

    /// How many zeros stand before the point.
    fn zeros(&self) -> usize {
        count_zeros(self.whole.iter().rev())
    }

    /// Writes the number in groups of four digits, counted from the point both ways, without the
    /// groups of zeros at either end.
    fn put(&self, row: &mut Vec<u8>, scale: Option<u16>) {
        let before = self.whole.len().div_ceil(4);
        let after = self.fraction.len().div_ceil(4);
        let shown = scale.unwrap_or_else(|| saturating(self.fraction.len()));
        if self.is_zero() {
            return wire::put_numeric(row, self.sign, 0, shown, std::iter::empty());
        }
        let first = if before == 0 {
            count_zeros(self.fraction.iter()) / 4
        } else {
            0
        };
        let last = if after == 0 {
            count_zeros(self.whole.iter().rev()) / 4
        } else {
            0
        };
        let weight = before.cast_signed() - 1 - first.cast_signed();
        let weight = i16::try_from(weight).unwrap_or(i16::MAX);
        let groups = (first..before + after - last).map(|index| self.group(index, before));
        wire::put_numeric(row, self.sign, weight, shown, groups);
    }

    fn group(&self, index: usize, before: usize) -> u16 {
        (4 * index..4 * index + 4).fold(0, |group, place| {
            group * 10 + u16::from(self.digit(place, 4 * before) - b'0')
        })
    }

    /// The digit at a place, where `point` places come before the point.
    fn digit(&self, place: usize, point: usize) -> u8 {
        let padding = point - self.whole.len();
        let digit = if place < point {
            place.checked_sub(padding).map(|index| self.whole[index])
        } else {
            self.fraction.get(place - point).copied()
        };
        digit.unwrap_or(b'0')
    }

    /// The shortest text of the number.
    fn write(&self, text: &mut String) {
        let digits = |text: &mut String, digits: &[u8]| {
            text.extend(digits.iter().copied().map(char::from));
        };
        if self.sign == Sign::Negative {
            text.push('-');
        }
        digits(
            text,
            if self.whole.is_empty() {
                b"0"
            } else {
                self.whole
            },
        );
        if !self.fraction.is_empty() {
            text.push('.');
            digits(text, self.fraction);
        }
    }
}

fn is_digits(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

fn count_zeros<'a>(digits: impl Iterator<Item = &'a u8>) -> usize {
    digits.take_while(|digit| **digit == b'0').count()
}

fn saturating(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
