//! The durable key: a UUID made from the natural key of a row.
//!
//! In: the canonical texts of the parts of a key, as the value parsers leave them. Out: the same
//! UUID for the same key, in every file and on every machine that has the same secret. It never
//! knows what a part means or how a file spelled it.
//!
//! The scheme, version 1: for each part its length in bytes as eight big-endian bytes, then its
//! bytes; over all of that SHA-256, or HMAC-SHA-256 where there is a secret; of the digest the
//! first 128 bits, with the version (8) and the variant of RFC 9562 written over six of them. The
//! lengths keep `("ab", "c")` and `("a", "bc")` apart.
//!
//! Whoever has a list of addresses can hash it, so a plain key is a pseudonym and no more. Only
//! with a secret is it more than that, and only while the secret is one.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How a natural key becomes a durable key.
#[derive(Clone)]
pub struct KeyScheme(Hash);

#[derive(Clone)]
enum Hash {
    Plain,
    /// The state after the secret: each key goes on from a copy.
    Keyed(Box<Hmac<Sha256>>),
}

impl KeyScheme {
    /// The version of the scheme. Another version makes other keys from the same parts.
    pub const VERSION: i32 = 1;

    /// What the fingerprint is made of. No key can be made of the same bytes: they would begin
    /// with the length of a part, and `hayloft ` is no length that fits in memory.
    const FINGERPRINT: &[u8] = b"hayloft durable key scheme, version 1";

    /// Keys that anyone can make from the natural key.
    #[must_use]
    pub fn plain() -> Self {
        Self(Hash::Plain)
    }

    /// Keys that only a holder of the secret can make.
    #[must_use]
    pub fn with_secret(secret: &[u8]) -> Self {
        Self(Hash::Keyed(Box::new(Hmac::new(&block(secret).into()))))
    }

    /// The same for the same scheme and secret, and different for any other: what the ledger
    /// keeps to refuse a changed secret. It does not give the secret away.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        match &self.0 {
            Hash::Plain => Sha256::digest(Self::FINGERPRINT).into(),
            Hash::Keyed(mac) => {
                let mut mac = mac.as_ref().clone();
                Mac::update(&mut mac, Self::FINGERPRINT);
                mac.finalize().into_bytes().into()
            }
        }
    }

    /// The durable key of a natural key, given the canonical text of each part.
    #[must_use]
    pub fn durable_key(&self, parts: &[impl AsRef<str>]) -> Uuid {
        let digest: [u8; 32] = match &self.0 {
            Hash::Plain => sha256(parts),
            Hash::Keyed(mac) => {
                let mut mac = mac.as_ref().clone();
                prefixed(parts, |bytes| Mac::update(&mut mac, bytes));
                mac.finalize().into_bytes().into()
            }
        };
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = digest;
        Uuid::new_v8(first)
    }
}

impl fmt::Debug for KeyScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Hash::Plain => "KeyScheme(SHA-256)",
            Hash::Keyed(_) => "KeyScheme(HMAC-SHA-256, secret not shown)",
        })
    }
}

/// The secret as HMAC uses it: filled up with zeros to a block, or hashed where it is longer.
fn block(secret: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    if secret.len() <= block.len() {
        block[..secret.len()].copy_from_slice(secret);
    } else {
        block[..32].copy_from_slice(&Sha256::digest(secret));
    }
    block
}

fn sha256(parts: &[impl AsRef<str>]) -> [u8; 32] {
    let mut block = Block::new();
    prefixed(parts, |bytes| block.put(bytes));
    block.digest().unwrap_or_else(|| {
        let mut hash = Sha256::new();
        prefixed(parts, |bytes| Digest::update(&mut hash, bytes));
        hash.finalize().into()
    })
}

/// A message of one block, which a key of one part usually is. To digest it in one step takes half
/// the time of the way for messages of any length, which has to expect more at every step.
struct Block {
    bytes: [u8; 64],
    length: usize,
}

impl Block {
    /// The most bytes that leave room for SHA-256's own end of a message: a one bit, and the length.
    const MOST: usize = 64 - 1 - size_of::<u64>();

    /// What SHA-256 starts from (FIPS 180-4, 5.3.3).
    const START: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];

    fn new() -> Self {
        Self {
            bytes: [0; 64],
            length: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let start = self.length;
        self.length += bytes.len();
        if self.length <= Self::MOST {
            self.bytes[start..self.length].copy_from_slice(bytes);
        }
    }

    /// `None` if it was too much for one block.
    fn digest(&mut self) -> Option<[u8; 32]> {
        if self.length > Self::MOST {
            return None;
        }
        self.bytes[self.length] = 0x80;
        let bits = self.length as u64 * 8;
        self.bytes[Self::MOST + 1..].copy_from_slice(&bits.to_be_bytes());
        let mut state = Self::START;
        compress256(&mut state, std::slice::from_ref(&self.bytes));
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.to_be_bytes();
        }
        Some(digest)
    }
}

/// Gives each part to the hash, after its length.
fn prefixed(parts: &[impl AsRef<str>], mut update: impl FnMut(&[u8])) {
    for part in parts {
        let part = part.as_ref().as_bytes();
        update(&(part.len() as u64).to_be_bytes());
        update(part);
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};
    use uuid::{Uuid, Variant, Version};

    use super::KeyScheme;

    /// Parts; the key by SHA-256; by HMAC with the secret `hush`; by HMAC with 65 times `k`, one
    /// byte more than a block. Made with Python's hashlib and hmac.
    const VECTORS: &[(&[&str], &str, &str, &str)] = &[
        (
            &["ann@example.org"],
            "49d0ff4a-90f7-8004-9d73-6ec580d4213b",
            "5588ee01-8d3a-8e47-8e3a-b62052d0b617",
            "77072086-e5d9-8937-98c3-8de350599a9d",
        ),
        (
            &["ab", "c"],
            "601d5476-e2cc-8e2c-87a2-bba7a3226597",
            "b1050cb2-3cae-8c8a-9a47-3a9a5c95fb93",
            "e8de4fd8-99fc-873f-bf0c-1068f0f6272a",
        ),
        (
            &["a", "bc"],
            "3fafa1cf-2f19-87c1-929b-eb20cf0983f7",
            "4106d487-e894-88ac-9937-50aba675aeb7",
            "faa247c3-9f45-8a7d-9deb-f3f90875fa77",
        ),
        (
            &["zoë", "7"],
            "47f1c1d5-6d89-8330-80cc-0b3c8e7185bb",
            "c276f563-6113-8a15-8a44-0f71e0571fd3",
            "e6df3375-06f4-8c8c-898a-bb04b4b8f26c",
        ),
    ];

    #[test]
    fn keys_are_those_that_another_implementation_makes() {
        for (parts, plain, hush, long) in VECTORS {
            let key = |scheme: KeyScheme| scheme.durable_key(parts).to_string();
            assert_eq!(key(KeyScheme::plain()), *plain, "{parts:?}");
            assert_eq!(key(KeyScheme::with_secret(b"hush")), *hush, "{parts:?}");
            assert_eq!(key(KeyScheme::with_secret(&[b'k'; 65])), *long, "{parts:?}");
        }
    }

    #[test]
    fn a_key_of_any_length_is_the_first_half_of_the_digest() {
        for length in 0..200 {
            let part = "k".repeat(length);
            let message = [&(length as u64).to_be_bytes()[..], part.as_bytes()].concat();
            let half = Sha256::digest(message)[..16].try_into().unwrap();
            let key = KeyScheme::plain().durable_key(&[part]);
            assert_eq!(key, Uuid::new_v8(half), "{length}");
        }
    }

    #[test]
    fn every_key_is_a_uuid_of_version_8() {
        for number in 0..1000 {
            let key = KeyScheme::plain().durable_key(&[number.to_string()]);
            assert_eq!(key.get_version(), Some(Version::Custom));
            assert_eq!(key.get_variant(), Variant::RFC4122);
        }
    }

    #[test]
    fn the_fingerprint_tells_secrets_apart_and_is_stable() {
        let hex = |scheme: &KeyScheme| {
            let bytes = scheme.fingerprint();
            bytes.map(|byte| format!("{byte:02x}")).concat()
        };
        assert_eq!(
            hex(&KeyScheme::plain()),
            "42c423e5e9e6b28965ba94806c83fb298210e9c1d901b0bf776c5280b90f2874"
        );
        assert_eq!(
            hex(&KeyScheme::with_secret(b"hush")),
            "0c251a709941c15825fdb1800c26792ee0dbe43ae597be3165b91b7c493ed531"
        );
        assert_ne!(
            hex(&KeyScheme::with_secret(b"hush")),
            hex(&KeyScheme::with_secret(b"Hush"))
        );
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let shown = format!("{:?}", KeyScheme::with_secret(b"hush"));
        assert_eq!(shown, "KeyScheme(HMAC-SHA-256, secret not shown)");
    }
}
