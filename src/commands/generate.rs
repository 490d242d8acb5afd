//! `hayloft generate`: example files.

use anyhow::Result;

use super::ExitStatus;
use crate::cli::{GenerateArgs, OutputFormat};
use crate::digits::grouped;
use crate::generate::{self, Sizes};
use crate::printer::Printer;

pub(super) fn run(args: &GenerateArgs, printer: &Printer) -> Result<ExitStatus> {
    let generated = generate::generate(&args.output, args.seed, Sizes::for_users(args.users))?;
    for file in generated.files {
        let place = file.path.display().to_string();
        match printer.format() {
            OutputFormat::Text => {
                printer.out(&format!("{place:<44} {:>12} rows", grouped(file.rows)));
            }
            OutputFormat::Json => {
                printer.json(&serde_json::json!({ "file": place, "rows": file.rows }));
            }
        }
    }
    Ok(ExitStatus::Done)
}
