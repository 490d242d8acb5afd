//! Records without quotes, which most are: one search finds the ends of their fields and their own.
//!
//! A quote changes what the commas and line ends behind it mean, so whatever has one is left to the
//! scanner's full walk and the csv crate; so is what the window does not hold to its end. The two
//! ways agree, or a test fails (`the_size_of_the_reads_makes_no_difference`).

use memchr::{memchr, memchr3_iter};

/// Finds the ends of such a record's fields.
pub(super) struct Plain {
    /// The most fields that are noted: a record of nothing but commas would take eight bytes of
    /// memory for each.
    most: usize,
    /// The offset in the source up to which there is no quote, from the record that was last looked
    /// at; or one at or before that record, if that is not known.
    quote_free_to: u64,
    /// Where each field of the latest record ends, from the record's start.
    ends: Vec<usize>,
}

impl Plain {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            quote_free_to: 0,
            ends: Vec::new(),
        }
    }

    /// Where the record ends that `held` begins with, if it has no quotes and ends in there.
    pub(super) fn find_end(&mut self, held: &[u8], offset: u64) -> Option<usize> {
        self.ends.clear();
        let before_quote = self.before_quote(held, offset);
        for at in memchr3_iter(b',', b'\n', b'\r', before_quote) {
            self.ends.push(at);
            if before_quote[at] != b',' {
                return Some(at);
            }
            if self.ends.len() == self.most {
                break;
            }
        }
        self.ends.clear();
        None
    }

    /// Where the fields end; nothing for a record that has quotes, or whose end was not found.
    pub(super) fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// The search for the next quote goes through the whole of `held`, and is then remembered: for
    /// a file without quotes it is one fast pass, and for one with quotes everywhere they are near.
    fn before_quote<'b>(&mut self, held: &'b [u8], offset: u64) -> &'b [u8] {
        if self.quote_free_to <= offset {
            let free = memchr(b'"', held).unwrap_or(held.len());
            self.quote_free_to = offset + free as u64;
        }
        let free = usize::try_from(self.quote_free_to - offset).unwrap_or(usize::MAX);
        &held[..free.min(held.len())]
    }
}
