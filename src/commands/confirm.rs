//! Asking a person before something is done that they may regret.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};

/// Asks at a terminal, and nowhere else: a script that means it says so with a flag. `None` if
/// there is nobody to ask.
pub(super) fn ask(question: &str) -> Result<Option<String>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let _ = write!(io::stderr(), "{question}");
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("The answer cannot be read.")?;
    Ok(Some(answer.trim().to_owned()))
}
