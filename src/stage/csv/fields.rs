//! The fields of one record, without their quotes.

use std::ops::Index;

use csv::ByteRecord;

/// The fields of a record that could be split.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(Held<'a>);

#[derive(Clone, Copy, Debug)]
enum Held<'a> {
    /// Of a record without quotes: the bytes of the file, and where in them each field ends. One
    /// byte, the comma, lies between two fields.
    InPlace { record: &'a [u8], ends: &'a [usize] },
    /// Of any other: a copy, made by the csv crate.
    Copied(&'a ByteRecord),
}

impl<'a> Fields<'a> {
    pub(super) fn in_place(record: &'a [u8], ends: &'a [usize]) -> Self {
        Self(Held::InPlace { record, ends })
    }

    pub(super) fn copied(record: &'a ByteRecord) -> Self {
        Self(Held::Copied(record))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Held::InPlace { ends, .. } => ends.len(),
            Held::Copied(record) => record.len(),
        }
    }

    /// Whether there are none. A record has at least one, which may be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let fields = *self;
        (0..fields.len()).map(move |position| fields.at(position))
    }

    /// Their bytes, perhaps with what stands between them.
    pub(super) fn as_slice(&self) -> &'a [u8] {
        match self.0 {
            Held::InPlace { record, .. } => record,
            Held::Copied(record) => record.as_slice(),
        }
    }

    fn at(&self, position: usize) -> &'a [u8] {
        match self.0 {
            Held::InPlace { record, ends } => {
                let start = match position {
                    0 => 0,
                    _ => ends[position - 1] + 1,
                };
                &record[start..ends[position]]
            }
            Held::Copied(record) => &record[position],
        }
    }
}

impl Index<usize> for Fields<'_> {
    type Output = [u8];

    /// One field, counted from 0.
    fn index(&self, position: usize) -> &[u8] {
        self.at(position)
    }
}
