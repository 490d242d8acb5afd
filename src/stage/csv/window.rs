//! A stretch of the source, held in memory from the record that is being looked at onwards.
//!
//! It knows bytes and their offset in the source, nothing of lines. It grows when asked for more
//! than it holds; whoever asks is the one who keeps it small, by consuming.

use std::io::{self, Read};

/// U+FEFF in UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

const CHUNK: usize = 128 * 1024;

/// What follows the marks that these bytes begin with. Some programs mark a text that is already
/// marked, so there may be several.
pub(super) fn without_marks(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(BYTE_ORDER_MARK) {
        bytes = rest;
    }
    bytes
}

pub(super) struct Window<R> {
    source: R,
    buffer: Vec<u8>,
    /// Bytes before this are done with.
    start: usize,
    /// Bytes from this on are room for reading.
    end: usize,
    /// The offset of `start` in the source.
    offset: u64,
    reached_end: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            reached_end: false,
        }
    }

    /// What is held: read, and not yet consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where in the source the held bytes begin.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How much of the source was read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.offset + self.bytes().len() as u64
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    /// Holds more bytes than before, or says false: the source has ended.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.reached_end {
            return Ok(false);
        }
        self.make_room();
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    // A file that grows now is not read on: it would be two files in one.
                    self.reached_end = true;
                    return Ok(false);
                }
                Ok(count) => {
                    self.end += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// At least so many bytes, fewer only at the end of the source.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.bytes().len() < count && self.fill()? {}
        Ok(self.bytes())
    }

    /// Is done with the first bytes held.
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.bytes().len());
        self.start += count;
        self.offset += count as u64;
    }

    /// Goes beyond the marks that the source begins with.
    pub(super) fn drop_byte_order_marks(&mut self) -> io::Result<()> {
        while self
            .peek(BYTE_ORDER_MARK.len())?
            .starts_with(BYTE_ORDER_MARK)
        {
            self.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end < self.buffer.len() {
            return;
        }
        // Moving pays only if it frees at least half; otherwise a long record would be moved again
        // and again.
        if self.start > self.buffer.len() / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else {
            let larger = (self.buffer.len() * 2).max(CHUNK);
            self.buffer.resize(larger, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_small_when_what_it_holds_is_consumed() {
        let mut window = Window::new(io::repeat(b'x').take(64 << 20));
        while window.fill().unwrap() {
            let all_but_one = window.bytes().len() - 1;
            window.consume(all_but_one);
        }
        assert_eq!(window.bytes_read(), 64 << 20);
        assert!(window.buffer.len() <= 2 * CHUNK, "{}", window.buffer.len());
    }

    #[test]
    fn an_interrupted_read_is_tried_again_and_another_error_is_told() {
        struct Shaky(Vec<io::ErrorKind>);
        impl Read for Shaky {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(self.0.remove(0).into())
            }
        }
        let kinds = vec![
            io::ErrorKind::Interrupted,
            io::ErrorKind::StaleNetworkFileHandle,
        ];
        let error = Window::new(Shaky(kinds)).fill().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StaleNetworkFileHandle);
    }
}
