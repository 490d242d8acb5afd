//! One table of a TOML file, read key by key.
//!
//! In: the parsed text with its spans. Out: values with the line they stand on, and a [`Problem`]
//! for each value of the wrong kind and for each key that nobody asked for. Reading goes on after
//! a problem, so that all of them are told at once. This module does not know what the keys mean.
//!
//! Serde's derive would stop at the first problem, and knows no lines once a value is read.

use std::cell::RefCell;
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Problem, nearest, suggestion};

/// A value and the line that it stands on, counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// The line.
    pub line: usize,
}

/// A word that a setting can be.
#[derive(Clone, Copy)]
pub(super) enum Word<T> {
    /// It means this.
    Means(T),
    /// It is promised, and refused until it is kept.
    NotYet,
}

/// What a person may write in a long or a short form.
pub(super) enum NamedValue<'t> {
    /// The short one.
    Text(At<String>),
    /// The long one.
    Section(Section<'t>),
}

/// The text and what was found wrong in it so far.
pub(super) struct Source<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

/// One table of the file.
pub(super) struct Section<'t> {
    source: &'t Source<'t>,
    entries: &'t DeTable<'t>,
    path: String,
    line: usize,
    known: Vec<&'static str>,
    /// Promised, and refused until they are kept; nobody is told to use them.
    not_yet: Vec<&'static str>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    /// The line that a byte of the text is on.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        let before = self
            .text
            .as_bytes()
            .get(..byte)
            .unwrap_or(self.text.as_bytes());
        1 + memchr::memchr_iter(b'\n', before).count()
    }

    /// How many problems are noted by now.
    pub(super) fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Takes the problems out that were noted after the first ones.
    pub(super) fn take_after(&self, first: usize) -> Vec<Problem> {
        self.problems.borrow_mut().split_off(first)
    }

    pub(super) fn refuse(&self, line: usize, sentence: impl Into<String>) {
        self.problems
            .borrow_mut()
            .push(Problem::new(line, sentence));
    }
}

impl<'t> Section<'t> {
    /// The whole file.
    pub(super) fn root(source: &'t Source<'t>, entries: &'t DeTable<'t>) -> Self {
        Self {
            source,
            entries,
            path: String::new(),
            line: 1,
            known: Vec::new(),
            not_yet: Vec::new(),
        }
    }

    /// Where the section is from.
    pub(super) fn source(&self) -> &'t Source<'t> {
        self.source
    }

    /// The line that the section begins on.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The full name of one of the section's keys.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The full name of the section.
    pub(super) fn own_path(&self) -> &str {
        &self.path
    }

    pub(super) fn refuse(&self, line: usize, sentence: impl Into<String>) {
        self.source.refuse(line, sentence);
    }

    /// Whether the key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether the key is there as a table.
    pub(super) fn has_table(&self, key: &str) -> bool {
        self.entries
            .get(key)
            .is_some_and(|value| value.get_ref().is_table())
    }

    /// The line of a key's value, if the key is there.
    pub(super) fn line_at(&self, key: &str) -> Option<usize> {
        self.entries.get(key).map(|value| self.line_of(value))
    }

    /// Refuses a setting that is promised and not kept yet.
    pub(super) fn refuse_not_yet(&mut self, key: &'static str) {
        self.not_yet.push(key);
        if let Some(line) = self.line_at(key) {
            let path = self.path_of(key);
            self.refuse(line, format!("{path} is not available yet. Remove it."));
        }
    }

    /// Refuses every key that was not asked for.
    pub(super) fn finish(self) {
        let is_known = |key: &str| self.known.contains(&key) || self.not_yet.contains(&key);
        for key in self
            .entries
            .keys()
            .filter(|key| !is_known(key.get_ref().as_ref()))
        {
            let suggestion = suggestion(key.get_ref(), self.known.iter().copied());
            let path = self.path_of(key.get_ref());
            self.refuse(
                self.source.line_of(key.span().start),
                format!("{path} is not a setting.{suggestion}"),
            );
        }
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<At<String>> {
        let value = self.value(key)?;
        self.text_of(key, value)
    }

    /// A text that is not empty.
    pub(super) fn name(&mut self, key: &'static str) -> Option<At<String>> {
        let text = self.text(key)?;
        if text.value.is_empty() {
            self.refuse(
                text.line,
                format!(
                    "{} is empty. Give it a value, or remove the line.",
                    self.path_of(key)
                ),
            );
            return None;
        }
        Some(text)
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<At<String>>> {
        let value = self.value(key)?;
        match value.get_ref().as_array() {
            Some(items) => items.iter().map(|item| self.text_of(key, item)).collect(),
            None => self.wrong_kind(key, value, "a list of texts in square brackets"),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, Word<T>)],
    ) -> Option<T> {
        self.word_at(key, words).map(|at| at.value)
    }

    /// One of a few words, with its line.
    pub(super) fn word_at<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, Word<T>)],
    ) -> Option<At<T>> {
        let value = self.value(key)?;
        let line = self.line_of(value);
        let Some(word) = value.get_ref().as_str() else {
            return self.wrong_kind(key, value, "a text in quotation marks");
        };
        let path = self.path_of(key);
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, Word::Means(meaning))) => {
                return Some(At {
                    value: *meaning,
                    line,
                });
            }
            Some((_, Word::NotYet)) => {
                self.refuse(
                    line,
                    format!(
                        "{path} = {word:?} is not available yet; it can be {}.",
                        available(words)
                    ),
                );
            }
            None => {
                let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
                let hint = nearest(word, &names)
                    .map(|name| format!(" Did you mean {name:?}?"))
                    .unwrap_or_default();
                self.refuse(
                    line,
                    format!("{path} is {word:?}; it can be {}.{hint}", available(words)),
                );
            }
        }
        None
    }

    /// A whole number that is at least `least`.
    pub(super) fn count(&mut self, key: &'static str, least: u64) -> Option<u64> {
        let value = self.value(key)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
        match number.filter(|number| *number >= least) {
            Some(number) => Some(number),
            None => self.wrong_kind(key, value, &format!("a whole number from {least}")),
        }
    }

    /// A share of a whole.
    pub(super) fn fraction(&mut self, key: &'static str) -> Option<f64> {
        let value = self.value(key)?;
        let written = match value.get_ref() {
            DeValue::Float(float) => Some(float.as_str()),
            DeValue::Integer(integer) => Some(integer.as_str()),
            _ => None,
        };
        let number = written.and_then(|text| f64::from_str(text).ok());
        match number.filter(|number| (0.0..=1.0).contains(number)) {
            Some(number) => Some(number),
            None => self.wrong_kind(key, value, "a number from 0.0 to 1.0"),
        }
    }

    /// A length of time.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<At<Duration>> {
        let value = self.value(key)?;
        match value.get_ref().as_str().and_then(duration) {
            Some(duration) => Some(At {
                value: duration,
                line: self.line_of(value),
            }),
            None => self.wrong_kind(
                key,
                value,
                "a length of time such as \"500ms\", \"2s\" or \"1m\"",
            ),
        }
    }

    /// A length of time that may go over days.
    pub(super) fn period(&mut self, key: &'static str) -> Option<At<TimeDelta>> {
        const LONGEST: TimeDelta = TimeDelta::days(365_000);
        let value = self.value(key)?;
        let period = value
            .get_ref()
            .as_str()
            .and_then(duration)
            .and_then(|duration| TimeDelta::from_std(duration).ok());
        match period.filter(|period| *period <= LONGEST) {
            Some(period) => Some(At {
                value: period,
                line: self.line_of(value),
            }),
            None => self.wrong_kind(
                key,
                value,
                "a length of time such as \"30m\", \"12h\" or \"90d\", and of at most 365000d",
            ),
        }
    }

    /// A time zone of the IANA database.
    pub(super) fn zone(&mut self, key: &'static str) -> Option<At<Tz>> {
        let name = self.text(key)?;
        if let Ok(zone) = Tz::from_str(&name.value) {
            return Some(At {
                value: zone,
                line: name.line,
            });
        }
        let known: Vec<&str> = chrono_tz::TZ_VARIANTS
            .iter()
            .map(|zone| zone.name())
            .collect();
        let hint = nearest(&name.value, &known).unwrap_or("Europe/London");
        self.refuse(
            name.line,
            format!(
                "{} is not a time zone; write one like {hint:?}.",
                self.path_of(key)
            ),
        );
        None
    }

    /// A table below this one.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'t>> {
        let value = self.value(key)?;
        self.below(key, value)
    }

    /// The tables below this one, each by the name that the person gave it, in the file's order.
    pub(super) fn named_sections(self) -> Vec<(String, Section<'t>)> {
        let mut sections: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(name, value)| {
                let section = self.below(name.get_ref(), value)?;
                Some((name.get_ref().to_string(), section))
            })
            .collect();
        sections.sort_by_key(|(_, section)| section.line);
        sections
    }

    /// What this table has, each by the name that the person gave it, in the file's order: a text, or a
    /// table of its own.
    pub(super) fn named_values(self) -> Vec<(String, NamedValue<'t>)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let value = |(name, value): (&Spanned<_>, &'t Spanned<DeValue<'t>>)| {
            let name: &str = AsRef::<std::borrow::Cow<'_, str>>::as_ref(name);
            let read = if value.get_ref().as_table().is_some() {
                NamedValue::Section(self.below(name, value)?)
            } else {
                NamedValue::Text(self.text_of(name, value)?)
            };
            Some((name.to_owned(), read))
        };
        entries.into_iter().filter_map(value).collect()
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.entries.get(key)
    }

    fn below(&self, key: &str, value: &'t Spanned<DeValue<'t>>) -> Option<Section<'t>> {
        let Some(entries) = value.get_ref().as_table() else {
            return self.wrong_kind(key, value, "a table");
        };
        let line = self.line_of(value);
        Some(Section {
            source: self.source,
            entries,
            path: self.path_of(key),
            line,
            known: Vec::new(),
            not_yet: Vec::new(),
        })
    }

    fn text_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<At<String>> {
        match value.get_ref().as_str() {
            Some(text) => Some(At {
                value: text.to_owned(),
                line: self.line_of(value),
            }),
            None => self.wrong_kind(key, value, "a text in quotation marks"),
        }
    }

    fn wrong_kind<T>(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Option<T> {
        let path = self.path_of(key);
        self.refuse(self.line_of(value), format!("{path} must be {wanted}."));
        None
    }

    fn line_of(&self, value: &Spanned<DeValue<'_>>) -> usize {
        self.source.line_of(value.span().start)
    }
}

fn available<T>(words: &[(&'static str, Word<T>)]) -> String {
    let names: Vec<String> = words
        .iter()
        .filter(|(_, word)| matches!(word, Word::Means(_)))
        .map(|(name, _)| format!("{name:?}"))
        .collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit.trim_start() {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::duration;

    #[test]
    fn a_length_of_time_has_a_number_and_a_unit() {
        for (text, expected) in [
            ("500ms", Some(Duration::from_millis(500))),
            ("2s", Some(Duration::from_secs(2))),
            ("2 s", Some(Duration::from_secs(2))),
            ("5m", Some(Duration::from_secs(300))),
            ("2", None),
            ("s", None),
            ("-2s", None),
            ("1.5s", None),
            ("2h", Some(Duration::from_secs(7200))),
            ("90d", Some(Duration::from_secs(7_776_000))),
            ("2w", None),
            ("18446744073709551615m", None),
            ("", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
