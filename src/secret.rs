//! A text that must not be seen: no log line, message or `Debug` output can show it.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A secret. It has no `Display`; whoever needs the text asks for it by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that must not be seen.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Any text can be a secret, so no error message ever has a reason to repeat it.
impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_does_not_show_a_secret_nor_its_length() {
        let shown = |text| format!("{:?} {:#?}", Secret::new(text), Some(Secret::new(text)));
        assert!(!shown("hunter2").contains("hunter2"));
        assert_eq!(shown("hunter2"), shown("a longer one"));
    }
}
