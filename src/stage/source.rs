//! The bytes of one file: read once, digested on the way, and watched for change.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Limits, Originals, Progress, StageFault};

/// A file that is ready to be read, opened by somebody who knows where it lies.
#[derive(Debug)]
pub struct Source {
    /// The id of the claim: the identity of this delivery in the ledger.
    pub claim: Uuid,
    /// The file's name as people may see it, without its folder.
    pub name: String,
    /// The open file.
    pub file: File,
}

/// What was delivered, once it has been read to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The id of the claim.
    pub claim: Uuid,
    /// The file's name as people may see it, without its folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The digest of all of its bytes.
    pub sha256: [u8; 32],
    /// The header line as the file spells it; `None` when the file did not get that far.
    pub header: Option<String>,
}

/// A file being read.
pub(super) struct Reading<'a> {
    source: Source,
    before: Metadata,
    digest: Sha256,
    bytes: u64,
    progress: &'a dyn Progress,
}

impl<'a> Reading<'a> {
    pub(super) fn start(
        source: Source,
        limits: &Limits,
        progress: &'a dyn Progress,
    ) -> Result<Self, StageFault> {
        let before = source.file.metadata().map_err(StageFault::Unreadable)?;
        if let Some(limit) = limits.file_bytes.filter(|limit| before.len() > *limit) {
            return Err(StageFault::TooLarge {
                bytes: before.len(),
                limit,
            });
        }
        Ok(Self {
            source,
            before,
            digest: Sha256::new(),
            bytes: 0,
            progress,
        })
    }

    pub(super) fn originals(&self) -> Result<Originals, StageFault> {
        Originals::of(&self.source.file).map_err(StageFault::Unreadable)
    }

    /// Vouches that the bytes that were read are the whole of the file, and still are.
    pub(super) fn finish(self, header: String) -> Result<Delivery, StageFault> {
        let after = self
            .source
            .file
            .metadata()
            .map_err(StageFault::Unreadable)?;
        if after.len() != self.bytes || Stamp::of(&after) != Stamp::of(&self.before) {
            return Err(StageFault::Changed);
        }
        Ok(Delivery {
            claim: self.source.claim,
            file: self.source.name,
            bytes: self.bytes,
            sha256: self.digest.finalize().into(),
            header: Some(header),
        })
    }
}

/// What tells one state of a file from any other, of this file or of another one. The change time
/// rather than the modification time: whoever restores the latter (`rsync`, `cp -p`) cannot
/// restore the former.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// Of what is known of the file without reading it.
    #[must_use]
    pub fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// Which file it is, whatever its state: its device and its number there.
    #[must_use]
    pub fn file(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// The size and digest of a file that staging did not read to its end, for the ledger's note of
/// its failure.
pub fn digest(file: &File) -> io::Result<(u64, [u8; 32])> {
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        // By position, so that it does not matter how far the reader came.
        let count = file.read_at(&mut buffer, bytes)?;
        if count == 0 {
            return Ok((bytes, digest.finalize().into()));
        }
        digest.update(&buffer[..count]);
        bytes += count as u64;
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.file.read(buffer)?;
        self.digest.update(&buffer[..count]);
        self.bytes += count as u64;
        self.progress.advanced(count as u64);
        Ok(count)
    }
}
