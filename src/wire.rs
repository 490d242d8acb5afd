//! The binary COPY format of Postgres, in a byte buffer.
//!
//! In: values that are already checked. Out: the bytes of a header, tuples of fields, a trailer;
//! and, of the fields that a server sends, each by itself. It never knows what a column is called or where a value came from.
//!
//! All integers are big-endian. A field is its length as `i32` and its bytes; NULL is the length
//! -1 and no bytes. Dates count days and times count microseconds from 2000-01-01, not from 1970.
//!
//! Equal values are written as equal bytes, so that two rows can be compared without decoding
//! them. The parsers in `stage::value` see to the rest of that promise.

use std::io;

use chrono::{NaiveDate, NaiveDateTime};
use uuid::Uuid;

/// What a stream begins with: the signature, no flags, no header extension.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What a stream ends with: a tuple of -1 fields.
pub const TRAILER: &[u8] = &[0xff, 0xff];

/// The most bytes of one field; the server refuses a longer one.
pub const MAX_FIELD: usize = 0x3fff_ffff;

/// Days from chrono's day 1 (0001-01-01) to the epoch of Postgres, 2000-01-01.
const EPOCH_DAYS: i32 = 730_120;

/// Seconds from 1970-01-01 to 2000-01-01.
const EPOCH_SECONDS: i64 = 946_684_800;

/// Begins a tuple of this many fields.
pub fn put_tuple(out: &mut Vec<u8>, fields: usize) -> io::Result<()> {
    let fields = i16::try_from(fields).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("A row of {fields} columns cannot be copied: Postgres takes at most 32767."),
        )
    })?;
    out.extend_from_slice(&fields.to_be_bytes());
    Ok(())
}

/// A NULL of any type.
pub fn put_null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
}

/// Anything that travels as its bytes: `text`, `varchar`, `bytea`, `json`, an enum's label.
///
/// A length that does not fit becomes the largest length, which the server refuses; the parsers
/// turn such a value away at [`MAX_FIELD`], long before.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A `boolean`.
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    put_bytes(out, &[u8::from(value)]);
}

/// A `smallint`.
pub fn put_int2(out: &mut Vec<u8>, value: i16) {
    put_bytes(out, &value.to_be_bytes());
}

/// An `integer`.
pub fn put_int4(out: &mut Vec<u8>, value: i32) {
    put_bytes(out, &value.to_be_bytes());
}

/// A `bigint`.
pub fn put_int8(out: &mut Vec<u8>, value: i64) {
    put_bytes(out, &value.to_be_bytes());
}

/// A `real`.
pub fn put_float4(out: &mut Vec<u8>, value: f32) {
    put_bytes(out, &value.to_be_bytes());
}

/// A `double precision`.
pub fn put_float8(out: &mut Vec<u8>, value: f64) {
    put_bytes(out, &value.to_be_bytes());
}

/// A `uuid`.
pub fn put_uuid(out: &mut Vec<u8>, value: Uuid) {
    put_bytes(out, value.as_bytes());
}

/// A `date`.
pub fn put_date(out: &mut Vec<u8>, value: NaiveDate) {
    use chrono::Datelike;
    put_int4(out, value.num_days_from_ce() - EPOCH_DAYS);
}

/// A `timestamp`, or a `timestamptz` given in UTC. What is finer than a microsecond is cut off.
pub fn put_timestamp(out: &mut Vec<u8>, value: NaiveDateTime) {
    let utc = value.and_utc();
    let seconds = utc.timestamp() - EPOCH_SECONDS;
    put_int8(
        out,
        seconds * 1_000_000 + i64::from(utc.timestamp_subsec_micros()),
    );
}

/// A `timestamptz`, given in microseconds since 1970 in UTC.
pub fn put_micros(out: &mut Vec<u8>, micros: i64) {
    put_int8(out, micros - EPOCH_SECONDS * 1_000_000);
}

/// A `jsonb`, from the text of the document.
pub fn put_jsonb(out: &mut Vec<u8>, text: &[u8]) {
    const VERSION: u8 = 1;
    let length = i32::try_from(text.len() + 1).unwrap_or(i32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(VERSION);
    out.extend_from_slice(text);
}

/// Takes the next field off `fields`, its length before it, as one of the `put_` functions wrote it.
/// `None` at their end, or where there is no field.
pub fn next_field<'a>(fields: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, _) = fields.split_first_chunk()?;
    // The length of NULL is -1, and it has no bytes.
    let bytes = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
    let (field, rest) = fields.split_at_checked(length.len() + bytes)?;
    *fields = rest;
    Some(field)
}

/// The value of a `uuid` field, its length before it.
#[must_use]
pub fn uuid(field: &[u8]) -> Option<Uuid> {
    let bytes = field.get(4..)?;
    bytes.try_into().ok().map(Uuid::from_bytes)
}

/// The sign of a `numeric`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// Zero or more.
    Positive,
    /// Less than zero.
    Negative,
}

/// A `numeric`: groups of four decimal digits, the first of which stands at 10000 to the power
/// of `weight`, and the number of digits to show after the point.
pub fn put_numeric(
    out: &mut Vec<u8>,
    sign: Sign,
    weight: i16,
    scale: u16,
    groups: impl ExactSizeIterator<Item = u16>,
) {
    let sign: u16 = match sign {
        Sign::Positive => 0x0000,
        Sign::Negative => 0x4000,
    };
    let count = u16::try_from(groups.len()).unwrap_or(u16::MAX);
    let length = i32::from(count) * 2 + 8;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out);
        out
    }

    #[test]
    fn the_header_is_the_nineteen_bytes_of_the_manual() {
        assert_eq!(HEADER.len(), 11 + 4 + 4);
        assert_eq!(&HEADER[..11], b"PGCOPY\n\xff\r\n\0");
        assert_eq!(TRAILER, (-1_i16).to_be_bytes());
    }

    #[test]
    fn null_has_a_length_of_minus_one_and_the_empty_text_of_zero() {
        assert_eq!(field(put_null), [0xff; 4]);
        assert_eq!(field(|out| put_bytes(out, b"")), [0; 4]);
    }

    #[test]
    fn dates_and_times_count_from_the_year_2000() {
        let day = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        assert_eq!(field(|out| put_date(out, day)), [0, 0, 0, 4, 0, 0, 0, 0]);
        let eve = day.pred_opt().unwrap();
        assert_eq!(field(|out| put_date(out, eve))[4..], (-1_i32).to_be_bytes());
        let instant = eve.and_hms_nano_opt(23, 59, 59, 999_998_999).unwrap();
        assert_eq!(
            field(|out| put_timestamp(out, instant))[4..],
            (-2_i64).to_be_bytes(),
            "998 999 nanoseconds are 998 microseconds, also before the epoch"
        );
    }

    #[test]
    fn fields_are_taken_off_as_they_were_put() {
        let key = Uuid::from_u128(7);
        let row = field(|out| {
            put_uuid(out, key);
            put_null(out);
            put_bytes(out, b"");
            put_bytes(out, b"Ann");
        });
        let mut rest = row.as_slice();
        assert_eq!(next_field(&mut rest).and_then(uuid), Some(key));
        assert_eq!(next_field(&mut rest), Some(field(put_null).as_slice()));
        assert_eq!(next_field(&mut rest), Some([0; 4].as_slice()));
        assert_eq!(next_field(&mut rest), Some(b"\0\0\0\x03Ann".as_slice()));
        assert_eq!(next_field(&mut rest), None);
        assert_eq!(uuid(&row[..19]), None, "cut short");
        let mut cut = &row[..19];
        assert_eq!(next_field(&mut cut), None);
    }

    #[test]
    fn a_row_of_too_many_columns_is_an_error_and_writes_nothing() {
        let mut out = Vec::new();
        assert!(put_tuple(&mut out, 32_768).is_err());
        assert!(out.is_empty());
        put_tuple(&mut out, 2).unwrap();
        assert_eq!(out, [0, 2]);
    }
}
