//! The deliveries, and what is right after each.
//!
//! In: a number of people. Out: CSV files, the same on every machine to the byte, and the rows
//! that a dimension must have after loading them, as counts and sums of fingerprints. Every person
//! is computed from a number, so that ten million need no more memory than ten. It knows no
//! database and nothing of Hayloft: even the durable keys are made here a second time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const FIRST: &str = "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William \
    Barbara Richard Susan Joseph Jessica Thomas Sarah Christopher Karen Charles Lisa Daniel Nancy \
    Matthew Betty Anthony Sandra Mark Margaret Donald Ashley Steven Kimberly Andrew Emily Paul \
    Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Melissa Timothy Deborah";
const LAST: &str = "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez \
    Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson \
    White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres \
    Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts \
    O'Connor Fernandez Fischer Gutierrez";
const DOMAINS: [&str; 7] = [
    "mail.example.com",
    "example.com",
    "example.org",
    "example.net",
    "post.example.org",
    "gutierrez.example",
    "smith-jones.example",
];

/// One of the measured loads.
#[derive(
    clap::ValueEnum, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    /// Everybody, into an empty dimension.
    W1,
    /// The same file again: nothing changes.
    W2,
    /// Nearly everybody again: 1 % have another name, 0.5 % are new, 0.5 % are not in the file.
    W3,
    /// 5,000 with another name, and 5,000 who are new.
    W4,
}

impl Workload {
    pub(crate) const ALL: [Self; 4] = [Self::W1, Self::W2, Self::W3, Self::W4];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::W1 => "W1",
            Self::W2 => "W2",
            Self::W3 => "W3",
            Self::W4 => "W4",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::W1 => "N people into an empty dimension",
            Self::W2 => "the same file again",
            Self::W3 => "N rows, 1 % changed, 0.5 % new",
            Self::W4 => "10,000 rows on N, half changed, half new",
        }
    }
}

/// How a durable key is made of an address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys {
    /// The first half of the SHA-256 of the address.
    Plain,
    /// Hayloft's scheme: the length goes before the address, and the UUID says its version.
    Hayloft,
}

/// The rows that a dimension must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Right {
    pub(crate) open: Rows,
    pub(crate) closed: Rows,
}

/// A number of rows, and the sum of their fingerprints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) count: u64,
    pub(crate) sum: u128,
}

/// N people, and those who come later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub(crate) people: u64,
}

/// What a delivery says of a person, compared with the first one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Same,
    Renamed,
    New,
    LeftOut,
}

struct Person {
    name: String,
    email: String,
    born: (u64, u64, u64),
}

impl Population {
    /// Writes the file of a load, unless it is there, and tells where it is.
    pub(crate) fn deliver(self, folder: &Path, workload: Workload) -> io::Result<PathBuf> {
        let workload = match workload {
            Workload::W2 => Workload::W1,
            other => other,
        };
        let folder = folder.join(self.people.to_string());
        let path = folder.join(format!("{}.csv", workload.name().to_lowercase()));
        if !path.exists() {
            fs::create_dir_all(&folder)?;
            self.write(&path, workload)?;
        }
        Ok(path)
    }

    /// How many rows the file of a load has.
    pub(crate) fn rows(self, workload: Workload) -> u64 {
        match workload {
            Workload::W1 | Workload::W2 | Workload::W3 => self.people,
            Workload::W4 => self.count_renamed(workload) + self.count_new(workload),
        }
    }

    /// What a dimension must hold after a load.
    pub(crate) fn right_after(self, workload: Workload, keys: Keys) -> Right {
        let mut right = Right::default();
        for index in 0..self.people + self.count_new(workload) {
            let first = Person::new(index, Name::First);
            match self.fate(workload, index) {
                Fate::Same | Fate::New | Fate::LeftOut => right.open.add(first.print(keys, 1)),
                Fate::Renamed => {
                    right.closed.add(first.print(keys, 1));
                    let second = Person::new(index, Name::Second);
                    right.open.add(second.print(keys, 2));
                }
            }
        }
        right
    }

    fn write(self, path: &Path, workload: Workload) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        out.write_all(b"name,email,date_of_birth\n")?;
        let order = Shuffle::new(self.people + self.count_new(workload), workload as u64);
        for place in 0..order.length {
            let index = order.at(place);
            let name = match (self.fate(workload, index), workload) {
                (Fate::LeftOut, _) | (Fate::Same, Workload::W4) => continue,
                (Fate::Same | Fate::New, _) => Name::First,
                (Fate::Renamed, _) => Name::Second,
            };
            Person::new(index, name).write(&mut out)?;
        }
        out.flush()
    }

    fn fate(self, workload: Workload, index: u64) -> Fate {
        if index >= self.people {
            return Fate::New;
        }
        let rank = Shuffle::new(self.people, 16 + workload as u64).at(index);
        let renamed = self.count_renamed(workload);
        match workload {
            _ if rank < renamed => Fate::Renamed,
            Workload::W3 if rank < renamed + self.count_new(workload) => Fate::LeftOut,
            _ => Fate::Same,
        }
    }

    fn count_renamed(self, workload: Workload) -> u64 {
        match workload {
            Workload::W1 | Workload::W2 => 0,
            Workload::W3 => self.people / 100,
            Workload::W4 => self.people.min(5000),
        }
    }

    fn count_new(self, workload: Workload) -> u64 {
        match workload {
            Workload::W1 | Workload::W2 => 0,
            Workload::W3 => self.people / 200,
            Workload::W4 => 5000,
        }
    }
}

/// Small files about people whom no population has.
pub(crate) fn strangers(file: u64, rows: u64) -> String {
    let first = (1 << 40) + file * rows;
    let mut out = b"name,email,date_of_birth\n".to_vec();
    for index in first..first + rows {
        // Writing into memory does not fail.
        let _ = Person::new(index, Name::First).write(&mut out);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The durable key of the last person of such a file.
pub(crate) fn last_stranger(file: u64, rows: u64, keys: Keys) -> Uuid {
    let last = (1 << 40) + (file + 1) * rows - 1;
    keys.of(&Person::new(last, Name::First).email)
}

#[derive(Clone, Copy)]
enum Name {
    First,
    Second,
}

impl Person {
    fn new(index: u64, name: Name) -> Self {
        let chance = mix(index * 2 + 1);
        let first = pick(FIRST, chance);
        let last = match name {
            Name::First => pick(LAST, chance >> 8),
            Name::Second => pick(LAST, (chance >> 8) % count(LAST) + 7),
        };
        let domain = DOMAINS[usize::try_from((chance >> 20) % 7).unwrap_or_default()];
        Self {
            name: format!("{first} {last}"),
            email: format!("{}{index}@{domain}", first.to_lowercase()),
            born: (
                1940 + (chance >> 40) % 66,
                1 + (chance >> 32) % 12,
                1 + (chance >> 24) % 28,
            ),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (year, month, day) = self.born;
        writeln!(
            out,
            "{},{},{day:02}/{month:02}/{year}",
            self.name, self.email
        )
    }

    /// As `check.sql` makes it.
    fn print(&self, keys: Keys, version: u32) -> u64 {
        let (year, month, day) = self.born;
        let text = format!(
            "{}|{}|{}|{year}-{month:02}-{day:02}|{version}",
            keys.of(&self.email),
            self.email,
            self.name
        );
        first_half(&Sha256::digest(text)).as_u64_pair().0 >> 4
    }
}

impl Keys {
    fn of(self, email: &str) -> Uuid {
        match self {
            Self::Plain => first_half(&Sha256::digest(email)),
            Self::Hayloft => {
                let mut digest = Sha256::new();
                digest.update((email.len() as u64).to_be_bytes());
                digest.update(email);
                Uuid::new_v8(first_half(&digest.finalize()).into_bytes())
            }
        }
    }
}

impl Rows {
    fn add(&mut self, print: u64) {
        self.count += 1;
        self.sum += u128::from(print);
    }
}

fn first_half(digest: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes)
}

fn count(words: &str) -> u64 {
    words.split_ascii_whitespace().count() as u64
}

fn pick(words: &'static str, chance: u64) -> &'static str {
    let place = usize::try_from(chance % count(words)).unwrap_or_default();
    words
        .split_ascii_whitespace()
        .nth(place)
        .unwrap_or_default()
}

/// The numbers below a length in an order that looks random: a Feistel network over the next power
/// of four, asked again while it leads outside.
struct Shuffle {
    length: u64,
    half: u32,
    seed: u64,
}

impl Shuffle {
    fn new(length: u64, seed: u64) -> Self {
        let bits = u64::BITS - length.saturating_sub(1).leading_zeros();
        Self {
            length,
            half: bits.div_ceil(2).max(1),
            seed: mix(seed),
        }
    }

    fn at(&self, place: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let mut at = place;
        loop {
            let (mut left, mut right) = (at >> self.half, at & mask);
            for round in 0..4 {
                let turned = mix(right ^ self.seed.rotate_left(round)) & mask;
                (left, right) = (right, left ^ turned);
            }
            at = left << self.half | right;
            if at < self.length {
                return at;
            }
        }
    }
}

/// The last step of `SplitMix64`.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
