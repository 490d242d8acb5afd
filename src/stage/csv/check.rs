//! Whether a well-formed record fits the header and the limits.
//!
//! In: a record, split or not yet. Out: nothing, or the fault. Only the header's shape is known
//! here, not what its names stand for.

use csv::ByteRecord;
use memchr::{memchr, memchr_iter};

use super::fault::RecordFault;
use super::fields::Fields;
use super::scan::LineEnd;
use super::{Judgement, Limits};

/// What splitting a record forgets.
pub(super) struct Row {
    pub(super) starts_with_mark: bool,
    pub(super) length: usize,
    pub(super) line_end: LineEnd,
}

pub(super) fn check(
    row: &Row,
    fields: &Fields<'_>,
    header: &ByteRecord,
    limits: &Limits,
) -> Judgement {
    if is_the_header(fields, header) {
        return fault(RecordFault::repeated_header());
    }
    if row.starts_with_mark {
        return fault(RecordFault::byte_order_mark());
    }
    if memchr(0, fields.as_slice()).is_some()
        && let Some(column) = column_with_nul(fields.iter())
    {
        return fault(RecordFault::nul(column));
    }
    if fields.len() < header.len() {
        return fault(RecordFault::too_few_fields(
            fields.len(),
            header.len(),
            row.line_end,
        ));
    }
    if fields.len() == header.len() + 1 && fields[header.len()].is_empty() {
        return fault(RecordFault::comma_at_the_end(fields.len(), header.len()));
    }
    if fields.len() > header.len() {
        return fault(RecordFault::too_many_fields(fields.len(), header.len()));
    }
    // No field is longer than its record, so most records need no look at each field.
    if row.length > limits.field_bytes
        && let Some(column) = column_where(fields.iter(), |field| field.len() > limits.field_bytes)
    {
        return fault(RecordFault::field_too_long(column, limits.field_bytes));
    }
    Ok(())
}

fn fault(fault: RecordFault) -> Judgement {
    Err(Box::new(fault))
}

fn is_the_header(fields: &Fields<'_>, header: &ByteRecord) -> bool {
    fields.len() == header.len() && fields[0] == header[0] && fields.iter().eq(header)
}

/// The number of fields, if it is over the limit.
pub(super) fn more_fields_than(limit: usize, raw: &[u8]) -> Option<usize> {
    let could_be = raw.len() >= limit;
    could_be
        .then(|| count_fields(raw))
        .filter(|count| *count > limit)
}

/// The number of fields in a record whose quotes are right, or in the first part of one.
///
/// A doubled quote leaves the quotes and enters them again, with nothing in between.
pub(super) fn count_fields(raw: &[u8]) -> usize {
    let outside_quotes = raw.split(|byte| *byte == b'"').step_by(2);
    let commas: usize = outside_quotes
        .map(|part| memchr_iter(b',', part).count())
        .sum();
    commas + 1
}

/// The first column that holds a NUL, counted from 1.
pub(super) fn column_with_nul<'f>(fields: impl Iterator<Item = &'f [u8]>) -> Option<usize> {
    column_where(fields, |field| field.contains(&0))
}

fn column_where<'f>(
    mut fields: impl Iterator<Item = &'f [u8]>,
    is_at_fault: impl Fn(&[u8]) -> bool,
) -> Option<usize> {
    fields.position(is_at_fault).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_between_quotes_do_not_count_as_fields() {
        let cases: [(&[u8], usize); 7] = [
            (b"", 1),
            (b"a,b", 2),
            (b",", 2),
            (b"\"a,b\",c", 2),
            (b"\"a\"\",b\",c", 2),
            (b"\"\",\"\"", 2),
            (b"a,\"b,c", 2),
        ];
        for (raw, count) in cases {
            assert_eq!(count_fields(raw), count, "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn a_row_has_too_many_fields_from_one_over_the_limit() {
        assert_eq!(more_fields_than(3, b",,"), None);
        assert_eq!(more_fields_than(3, b",,,"), Some(4));
        assert_eq!(more_fields_than(3, b"a,\",,,,,\",c"), None);
    }
}
