//! The content of one file: as the programs see it (`now`) and as it is on the platter (`durable`).

use fuser::Errno;
use std::collections::BTreeSet;

/// The granularity in which an fsync copies.
const PAGE: usize = 4096;

/// A file's bytes twice, and which pages differ.
#[derive(Debug, Default)]
pub(super) struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.now.len()
    }

    /// What a power cut would leave.
    pub(super) fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub(super) fn read(&self, offset: u64, size: usize) -> &[u8] {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.now.len());
        let end = start.saturating_add(size).min(self.now.len());
        &self.now[start..end]
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Errno> {
        let start = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
        let end = start.checked_add(data.len()).ok_or(Errno::EFBIG)?;
        if end > self.now.len() {
            self.resize(end);
        }
        self.now[start..end].copy_from_slice(data);
        self.mark(start, end);
        Ok(())
    }

    /// Bytes beyond a shorter end are forgotten; bytes up to a longer end are zero, and news to the platter.
    pub(super) fn resize(&mut self, len: usize) {
        let old = self.now.len();
        self.now.resize(len, 0);
        if len > old {
            self.mark(old, len);
        }
    }

    /// Everything written so far survives a power cut. Copies only the pages that changed since the last time.
    pub(super) fn fsync(&mut self) {
        self.durable.resize(self.now.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            let start = (page * PAGE).min(self.now.len());
            let end = (start + PAGE).min(self.now.len());
            self.durable[start..end].copy_from_slice(&self.now[start..end]);
        }
    }

    fn mark(&mut self, start: usize, end: usize) {
        if start < end {
            self.dirty.extend(start / PAGE..=(end - 1) / PAGE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fsynced_bytes_are_durable() -> Result<(), Errno> {
        let mut file = Content::default();
        file.write(0, b"one")?;
        assert_eq!(file.durable(), b"");
        file.fsync();
        file.write(3, b"two")?;
        assert_eq!(file.durable(), b"one");
        file.fsync();
        assert_eq!(file.durable(), b"onetwo");
        Ok(())
    }

    #[test]
    fn the_copy_of_dirty_pages_equals_a_copy_of_the_file() -> Result<(), Errno> {
        // A fixed pseudo-random walk over writes, holes and truncations.
        let mut file = Content::default();
        let mut x = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..4000_u64 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let offset = (x >> 20) % 60_000;
            match (x >> 8) % 5 {
                0 => file.resize(usize::try_from(offset).unwrap_or(0)),
                1 => {
                    file.fsync();
                    assert_eq!(file.now, file.durable, "round {round}");
                    assert!(file.dirty.is_empty());
                }
                _ => file.write(
                    offset,
                    &vec![round.to_le_bytes()[0] | 1; usize::try_from((x >> 40) % 9000).unwrap_or(0)],
                )?,
            }
        }
        Ok(())
    }
}
