//! A queue on disk for what may be as long as the file itself: rejects and losers.
//!
//! Small ones stay in memory; longer ones go to an unlinked temporary file, which the system
//! removes however the process ends.

use std::fmt;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::SpooledTempFile;

/// What is kept in memory before a file is made, in bytes.
const IN_MEMORY: usize = 1 << 20;

/// Values of one kind, written once and read back in the same order, as often as wanted.
pub struct Spool<T> {
    file: Option<BufWriter<SpooledTempFile>>,
    count: u64,
    kind: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned> Spool<T> {
    /// Nothing spooled, and no file made.
    #[must_use]
    pub fn new() -> Self {
        Self {
            file: None,
            count: 0,
            kind: PhantomData,
        }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a value at the end.
    pub fn push(&mut self, value: &T) -> io::Result<()> {
        let file = self
            .file
            .get_or_insert_with(|| BufWriter::new(SpooledTempFile::new(IN_MEMORY)));
        serde_json::to_writer(&mut *file, value)?;
        file.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }

    /// Gives every value to `take`, from the first; stops at the first error.
    pub fn read_back<E: From<io::Error>>(
        &mut self,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(0))?;
        for line in BufReader::new(file.get_mut()).lines() {
            take(serde_json::from_str(&line?).map_err(io::Error::from)?)?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

impl<T: Serialize + DeserializeOwned> Default for Spool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Spool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spool({} values)", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(spool: &mut Spool<u32>) -> Vec<u32> {
        let mut values = Vec::new();
        spool
            .read_back(|value| {
                values.push(value);
                Ok::<_, io::Error>(())
            })
            .unwrap();
        values
    }

    #[test]
    fn what_goes_in_comes_out_in_order_and_more_can_follow() {
        let mut spool = Spool::new();
        assert!(contents(&mut spool).is_empty());
        spool.push(&1).unwrap();
        spool.push(&2).unwrap();
        assert_eq!(contents(&mut spool), [1, 2]);
        spool.push(&3).unwrap();
        assert_eq!(contents(&mut spool), [1, 2, 3]);
        assert_eq!(spool.len(), 3);
    }

    #[test]
    fn a_spool_longer_than_memory_goes_on_on_disk() {
        let mut spool = Spool::new();
        let count = u32::try_from(IN_MEMORY / 4).unwrap();
        for value in 0..count {
            spool.push(&value).unwrap();
        }
        assert!(spool.file.as_ref().unwrap().get_ref().is_rolled());
        assert_eq!(contents(&mut spool), (0..count).collect::<Vec<_>>());
    }
}
