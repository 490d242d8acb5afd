//! Where the log goes. It is for operators: one event for each load, and what helps to find out
//! why. It never holds a value of a row.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use tracing::level_filters::LevelFilter;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::cli::LogFormat;
use crate::directory::Untrusted;
use crate::settings::{Log, Verbosity};

/// Starts the log. To be called once.
pub fn start(log: &Log) -> Result<()> {
    let (writer, level) = match &log.file {
        Some(path) => (BoxMakeWriter::new(daily(path)?), file_level(log.verbosity)),
        None => (BoxMakeWriter::new(std::io::stderr), stderr_level(log)),
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(writer);
    let started = match log.format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .try_init(),
        LogFormat::Text => builder.with_ansi(false).with_target(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("The log cannot be started: {error}."))
}

/// `hayloft.log` becomes `hayloft.2026-11-21.log`, and the next day another; 14 are kept.
fn daily(path: &Path) -> Result<RollingFileAppender> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    trust(folder, path)?;
    let part =
        |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(part(path.file_stem()))
        .filename_suffix(part(path.extension()))
        .max_log_files(14)
        .build(folder)
        .with_context(|| format!("The log file {} cannot be written.", path.display()))
}

/// Finds that nobody else can have the log written where it does not belong: the file of each day is
/// opened by its name.
fn trust(folder: &Path, path: &Path) -> Result<()> {
    let Ok(found) = fs::metadata(folder) else {
        return Ok(());
    };
    let mode = found.permissions().mode();
    if mode & 0o002 != 0 && mode & 0o1000 == 0 {
        return Err(Untrusted::Writable(folder.to_owned()).into());
    }
    let stem = path.file_stem().unwrap_or_default().as_encoded_bytes();
    for entry in fs::read_dir(folder)?.flatten() {
        let is_a_log = entry.file_name().as_encoded_bytes().starts_with(stem);
        if is_a_log && entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            return Err(Untrusted::Link(entry.path()).into());
        }
    }
    Ok(())
}

fn file_level(verbosity: Verbosity) -> LevelFilter {
    match verbosity {
        Verbosity::Verbose => LevelFilter::DEBUG,
        Verbosity::Quiet | Verbosity::Normal => LevelFilter::INFO,
    }
}

/// As text, stderr is for people, who are told what they want to know by the printer.
fn stderr_level(log: &Log) -> LevelFilter {
    match (log.format, log.verbosity) {
        (_, Verbosity::Quiet) => LevelFilter::ERROR,
        (LogFormat::Text, Verbosity::Normal) => LevelFilter::WARN,
        (LogFormat::Json, Verbosity::Normal) => LevelFilter::INFO,
        (_, Verbosity::Verbose) => LevelFilter::DEBUG,
    }
}
