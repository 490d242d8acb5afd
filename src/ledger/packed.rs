//! How the ledger packs the keys and lines of a manifest, for those who write it and those who read
//! it.
//!
//! A key is its first eight bytes, a line four, both big-endian, so that keys sort as their bytes
//! do. Lines lie apart from the keys, in the same order: who looks for a key reads keys alone.

use uuid::Uuid;

/// What is kept of a key: two keys that share it are so rare that nothing more is kept.
pub type Prefix = [u8; 8];

/// What is kept of this key.
#[must_use]
pub fn prefix(key: Uuid) -> Prefix {
    key.as_u64_pair().0.to_be_bytes()
}

/// Keys, one after the other.
#[must_use]
pub fn pack_prefixes(prefixes: &[Prefix]) -> Vec<u8> {
    prefixes.as_flattened().to_vec()
}

/// Lines, one after the other.
#[must_use]
pub fn pack_lines(lines: impl Iterator<Item = u32>) -> Vec<u8> {
    lines.flat_map(u32::to_be_bytes).collect()
}

/// The keys, each by itself. Bytes at the end that are no whole key are left out.
#[must_use]
pub fn prefixes(packed: &[u8]) -> &[Prefix] {
    packed.as_chunks().0
}

/// The line of the key at a place, if there is one: the greatest number stands for one that did not
/// fit.
#[must_use]
pub fn line(packed: &[u8], place: usize) -> Option<u32> {
    let (lines, _) = packed.as_chunks();
    lines.get(place).map(|line| u32::from_be_bytes(*line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_back() {
        let keys = [prefix(Uuid::from_u128(3 << 64)), prefix(Uuid::max())];
        assert_eq!(prefixes(&pack_prefixes(&keys)), keys);
        let lines = pack_lines([7, u32::MAX].into_iter());
        assert_eq!(line(&lines, 0), Some(7));
        assert_eq!(line(&lines, 1), Some(u32::MAX));
        assert_eq!(line(&lines, 2), None);
    }

    #[test]
    fn keys_sort_as_what_is_kept_of_them() {
        let (low, high) = (
            Uuid::from_u128(2 << 100),
            Uuid::from_u128(1 << 101 | 1 << 127),
        );
        assert!(low < high);
        assert!(prefix(low) < prefix(high));
    }
}
