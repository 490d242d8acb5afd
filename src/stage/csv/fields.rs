//! The fields of one record, without their quotes.

use std::ops::Index;

/// The fields of a record that could be split.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    /// Where each field ends.
    pub(super) ends: &'a [usize],
    /// How many bytes lie between two fields.
    pub(super) between: usize,
}

impl<'a> Fields<'a> {
    /// Of a record without quotes, as it stands in the file, with the commas.
    #[inline]
    pub(super) fn in_place(record: &'a [u8], ends: &'a [usize]) -> Self {
        Self {
            bytes: record,
            ends,
            between: 1,
        }
    }

    /// Of any other: one right behind the other.
    #[inline]
    pub(super) fn unquoted(bytes: &'a [u8], ends: &'a [usize]) -> Self {
        Self {
            bytes,
            ends,
            between: 0,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none. A record has at least one, which may be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let fields = *self;
        (0..fields.len()).map(move |position| fields.at(position))
    }

    /// Their bytes, perhaps with what stands between them.
    pub(super) fn as_slice(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    fn at(&self, position: usize) -> &'a [u8] {
        let start = match position {
            0 => 0,
            _ => self.ends[position - 1] + self.between,
        };
        &self.bytes[start..self.ends[position]]
    }
}

impl Index<usize> for Fields<'_> {
    type Output = [u8];

    /// One field, counted from 0.
    #[inline]
    fn index(&self, position: usize) -> &[u8] {
        self.at(position)
    }
}
