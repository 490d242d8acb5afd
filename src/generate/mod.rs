//! Example data that looks like a day's work and is the same for everybody.
//!
//! In: a folder, a seed and the sizes. Out: two deliveries of two tables, written row by row, so
//! that a hundred million people need no more memory than ten. This room never reads a file, a
//! clock or a database; what it writes follows from its arguments alone, to the byte, and what is
//! committed in `example_data/` is what it makes of [`EXAMPLE_SEED`] and the default [`Sizes`].
//!
//! `inserts/` is the first delivery. All its rows are good.
//! - `users.csv`: 10,000 rows. 36 addresses belong to two different people each; one row of the
//!   two must win, and the other must be told about. Every hundredth address has capitals.
//! - `transactions.csv`: 20,000 rows. The people of 12 are not in `users.csv` and come with the
//!   updates. 2 more wait: one for a person whose row there is bad, one for nobody.
//!
//! `updates/` is the next one: what changed, what is new, what went wrong.
//! - `users.csv`: 200 people with another name or date of birth, none of whom shares an address;
//!   60 new people; and 6 bad rows, each with one fault: a day that does not exist, no e-mail, a
//!   date in another format, a field too few, an e-mail with two `@`, no date.
//! - `transactions.csv`: 100 corrected ones (another amount or day) and 150 new ones, every third
//!   of a new person. All its rows are good.
//!
//! Names have umlauts, apostrophes, commas and quotation marks. Addresses use only domains that
//! are reserved for examples.

mod bad_rows;
mod names;
mod people;
mod random;
mod sizes;
mod spread;
#[cfg(test)]
mod tests;
mod transactions;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::NaiveDate;

use people::People;
pub use sizes::Sizes;
use transactions::Transactions;

/// The seed of the committed files.
pub const EXAMPLE_SEED: u64 = 2026;

/// The person whose story the demonstration tells: she is Zoë Müller in `inserts/users.csv` and
/// Zoë Müller-O'Connor in `updates/users.csv`. One of her transactions is corrected there too (the
/// decimal point had slipped), and one is new.
pub const PROTAGONIST_EMAIL: &str = "zoe.mueller@example.com";

/// The fields of one row, in the order of the header; a bad row may have too few.
type Row = Vec<String>;

/// What was written, in the order in which to deliver it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generated {
    /// First the inserts, then the updates; of each, first the people.
    pub files: Vec<GeneratedFile>,
}

/// One file that was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GeneratedFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many rows it has below its header, bad ones included.
    pub rows: u64,
}

/// Writes the four files into `folder`, which is made if it is missing. Files that are there are
/// replaced.
pub fn generate(folder: &Path, seed: u64, sizes: Sizes) -> anyhow::Result<Generated> {
    sizes.check()?;
    let people = People::new(seed, sizes);
    let transactions = Transactions::new(seed, sizes, people);
    let (inserts, updates) = (folder.join("inserts"), folder.join("updates"));
    let files = vec![
        write(&inserts, "users.csv", &people::HEADER, people.inserts())?,
        write(
            &inserts,
            "transactions.csv",
            &transactions::HEADER,
            transactions.inserts(),
        )?,
        write(&updates, "users.csv", &people::HEADER, people.updates())?,
        write(
            &updates,
            "transactions.csv",
            &transactions::HEADER,
            transactions.updates(),
        )?,
    ];
    Ok(Generated { files })
}

fn write(
    folder: &Path,
    name: &str,
    header: &[&str],
    rows: impl Iterator<Item = Row>,
) -> anyhow::Result<GeneratedFile> {
    let path = folder.join(name);
    let rows = fs::create_dir_all(folder)
        .map_err(csv::Error::from)
        .and_then(|()| write_rows(&path, header, rows))
        .with_context(|| format!("The example file {} could not be written.", path.display()))?;
    Ok(GeneratedFile { path, rows })
}

fn write_rows(
    path: &Path,
    header: &[&str],
    rows: impl Iterator<Item = Row>,
) -> Result<u64, csv::Error> {
    // Flexible: one of the bad rows has a field too few.
    let mut file = csv::WriterBuilder::new().flexible(true).from_path(path)?;
    file.write_record(header)?;
    let mut count = 0;
    for row in rows {
        file.write_record(&row)?;
        count += 1;
    }
    file.flush()?;
    Ok(count)
}

/// A date as the files spell it.
fn spelt(day: NaiveDate) -> String {
    day.format("%d/%m/%Y").to_string()
}

/// A date that is known to the compiler; a wrong one does not compile.
const fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => panic!("there is no such day"),
    }
}
