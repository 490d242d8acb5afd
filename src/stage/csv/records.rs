//! Records that are kept beyond the next one, to be looked at later or on another thread.
//!
//! In: records, one by one. Out: the same, in the same order. The bytes that they have in a file
//! are not kept, only their fields.

use super::fault::RecordFault;
use super::fields::Fields;
use super::{Place, Record};

/// Some records of a file.
#[derive(Default, Debug)]
pub struct Records {
    kept: Vec<Kept>,
    /// The bytes of the fields of all records, one record behind the other.
    bytes: Vec<u8>,
    /// Where each field ends, from the first byte of its record.
    ends: Vec<usize>,
    /// What is odd about some of them, by their place among the others.
    warnings: Vec<(usize, Box<RecordFault>)>,
}

#[derive(Debug)]
struct Kept {
    place: Place,
    content: Result<Extent, Box<RecordFault>>,
}

/// What a record's fields take up.
#[derive(Debug)]
struct Extent {
    bytes: usize,
    ends: usize,
    between: usize,
}

impl Records {
    /// How much memory they take, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.ends) + size_of_val(&*self.kept)
    }

    /// Where each record stands.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.kept.iter().map(|kept| kept.place)
    }

    /// Each record's place, and its fields or the reason why there are none.
    pub fn iter(&self) -> impl Iterator<Item = (Place, Result<Fields<'_>, &RecordFault>)> {
        let (mut bytes, mut ends) = (&self.bytes[..], &self.ends[..]);
        self.kept.iter().map(move |kept| {
            let content = match &kept.content {
                Ok(extent) => {
                    let fields = Fields {
                        bytes: &bytes[..extent.bytes],
                        ends: &ends[..extent.ends],
                        between: extent.between,
                    };
                    (bytes, ends) = (&bytes[extent.bytes..], &ends[extent.ends..]);
                    Ok(fields)
                }
                Err(fault) => Err(&**fault),
            };
            (kept.place, content)
        })
    }

    /// What is odd about some of them: which it is, counted from 0, and what.
    pub fn warnings(&self) -> impl Iterator<Item = (usize, &RecordFault)> {
        let warnings = self.warnings.iter();
        warnings.map(|(record, warning)| (*record, &**warning))
    }

    /// Forgets them all. Their memory is kept for others.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.bytes.clear();
        self.ends.clear();
        self.warnings.clear();
    }

    pub(super) fn push(&mut self, record: Record<'_>) {
        if let Some(warning) = record.warning {
            self.warnings.push((self.kept.len(), warning));
        }
        let content = record.content.map(|fields| {
            self.bytes.extend_from_slice(fields.bytes);
            self.ends.extend_from_slice(fields.ends);
            Extent {
                bytes: fields.bytes.len(),
                ends: fields.ends.len(),
                between: fields.between,
            }
        });
        self.kept.push(Kept {
            place: record.place,
            content,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CsvFile, Limits};
    use super::*;

    /// What is seen of a record once it is gone.
    fn seen(place: Place, content: Result<Fields<'_>, &RecordFault>) -> String {
        let fields = content.map(|fields| fields.iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        format!("{place:?} {fields:?}")
    }

    #[test]
    fn kept_records_are_what_was_read_also_in_memory_that_was_used_before() {
        let file = "a,b\n1,2\n\n\"q,\"\"\n\",\n1,2,3\n\"x\"y,2\n,\n\u{feff}1,2\nlast,\"row\"";
        let mut one_by_one = Vec::new();
        let mut reader = CsvFile::open(file.as_bytes(), Limits::default()).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            let content = record.content.as_ref().map(|fields| *fields);
            one_by_one.push(seen(record.place, content.map_err(|fault| &**fault)));
        }
        assert_eq!(one_by_one.len(), 8);

        let mut reader = CsvFile::open(file.as_bytes(), Limits::default()).unwrap();
        let (mut records, mut kept) = (Records::default(), Vec::new());
        for count in [3, 1, 4] {
            records.clear();
            for _ in 0..count {
                assert!(reader.read_into(&mut records).unwrap());
            }
            assert_eq!(records.places().count(), count);
            kept.extend((records.iter()).map(|(place, content)| seen(place, content)));
        }
        assert!(!reader.read_into(&mut records).unwrap());
        assert_eq!(kept, one_by_one);
    }
}
