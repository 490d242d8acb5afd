//! Placeholder until the room is built.

use anyhow::Result;

use super::ExitStatus;
use crate::cli::RejectsCommand;
use crate::printer::Printer;
use crate::settings::Settings;

pub(super) fn run(
    _command: &RejectsCommand,
    _settings: &Settings,
    _printer: &Printer,
) -> Result<ExitStatus> {
    anyhow::bail!("not built yet")
}
