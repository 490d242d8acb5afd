//! What is wrong with a contract: every problem of every table, each a sentence that says how to
//! mend it, told together so that a person mends them in one go.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why there is no contract. Only [`ContractFault::Catalog`] can go away by itself.
#[derive(Debug, thiserror::Error)]
pub enum ContractFault {
    /// There is no such file.
    #[error(
        "There is no contract: {} does not exist. Start Hayloft in the folder that has \
         hayloft.toml, name the file with --config or HAYLOFT_CONFIG, or write one with, for each \
         table, a section like this:\n\n  [tables.users]\n  key         = [\"email\"]\n  \
         durable_key = \"user_id\"",
        .looked_for.display()
    )]
    Missing {
        /// Where it was looked for.
        looked_for: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("{} cannot be read: {source}.", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file says something that cannot be.
    #[error("{0}")]
    Refused(Problems),
    /// The database did not answer the question what its tables look like.
    #[error("The database could not be asked what its tables look like: {source}.")]
    Catalog {
        /// What the database said.
        #[from]
        source: diesel::result::Error,
    },
}

/// All that is wrong with one file, in the order of its lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems {
    path: PathBuf,
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Problem {
    /// The line of the file, counted from 1.
    pub line: usize,
    /// What is wrong, and how to mend it.
    pub sentence: String,
}

impl Problem {
    /// A problem of the given line.
    #[must_use]
    pub fn new(line: usize, sentence: impl Into<String>) -> Self {
        Self {
            line,
            sentence: sentence.into(),
        }
    }
}

impl ContractFault {
    /// All problems of one file.
    pub(super) fn refused(path: &Path, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        problems.dedup();
        Self::Refused(Problems {
            path: path.to_owned(),
            problems,
        })
    }
}

impl Problems {
    /// The problems, in the order of their lines.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.problems.as_slice() {
            [only] => write!(f, "{path}, line {}: {}", only.line, only.sentence),
            several => {
                write!(f, "{path} has {} problems:", several.len())?;
                several.iter().try_for_each(|problem| {
                    write!(f, "\n  line {}: {}", problem.line, problem.sentence)
                })
            }
        }
    }
}

/// A second sentence that names what was probably meant, or lists what there is; it begins with
/// a space, so that it can follow any sentence.
pub(super) fn suggestion<'n>(meant: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(meant, &known) {
        Some(name) => format!(" Did you mean {name:?}?"),
        None if known.is_empty() => String::new(),
        None => format!(" There is: {}.", known.join(", ")),
    }
}

/// The nearest name, if one is near enough for the two to be the same word mistyped.
pub(super) fn nearest<'n>(meant: &str, known: &[&'n str]) -> Option<&'n str> {
    const SAME_WORD: f64 = 0.6;
    known
        .iter()
        .map(|name| {
            (
                strsim::normalized_damerau_levenshtein(&meant.to_lowercase(), &name.to_lowercase()),
                *name,
            )
        })
        .filter(|(likeness, _)| *likeness >= SAME_WORD)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{nearest, suggestion};

    #[test]
    fn the_nearest_name_is_named_only_when_it_is_near() {
        let known = ["email", "name", "date_of_birth"];
        for (meant, expected) in [
            ("emial", Some("email")),
            ("EMAIL", Some("email")),
            ("e_mail", Some("email")),
            ("dateofbirth", Some("date_of_birth")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(meant, &known), expected, "{meant}");
        }
        assert_eq!(
            suggestion("zzz", known),
            " There is: email, name, date_of_birth."
        );
        assert_eq!(suggestion("zzz", []), "");
    }
}
