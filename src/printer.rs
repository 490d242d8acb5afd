//! Everything that a person reads at the terminal. Data goes to stdout, talk to stderr; a closed
//! pipe is nobody's mistake; colour is decoration, never meaning.

pub mod ago;
pub mod change;
pub mod columns;
pub mod counts;
pub mod instant;
pub mod plan;
pub mod timeline;
pub mod visible;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::columns::Columns;
use self::timeline::line::{Line, Weight};
use crate::cli::{LogFormat, OutputFormat};
use crate::digits::grouped;
use crate::merge::ledger::Entry;
use crate::settings::{Log, Verbosity};
use crate::stage::Progress;
use crate::summary::{Status, Summary};

/// How talk leaves the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Voice {
    /// As sentences on stderr.
    Words,
    /// As events of the log, which somebody's log store reads from stderr.
    Log,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Paint {
    Plain,
    Colour,
}

/// The way to the terminal.
#[derive(Clone, Debug)]
pub struct Printer {
    format: OutputFormat,
    verbosity: Verbosity,
    voice: Voice,
    stdout: Paint,
    stderr: Paint,
    bar: ProgressBar,
    bar_taken: Arc<AtomicBool>,
    times: Times,
}

/// Whether lines begin with the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Times {
    None,
    /// Where a terminal shows them: elsewhere somebody else notes when they came.
    AtTerminals,
}

impl Printer {
    /// A printer for this process's stdout and stderr.
    #[must_use]
    pub fn new(format: OutputFormat, log: &Log) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let voice = match (log.format, &log.file) {
            (LogFormat::Json, None) => Voice::Log,
            _ => Voice::Words,
        };
        Self {
            format,
            verbosity: log.verbosity,
            voice,
            stdout: paint(&io::stdout()),
            stderr: paint(&io::stderr()),
            bar,
            bar_taken: Arc::default(),
            times: Times::None,
        }
    }

    /// The same printer, whose lines begin with the time where a terminal shows them: for what runs
    /// all day.
    #[must_use]
    pub fn with_times(self) -> Self {
        Self {
            times: Times::AtTerminals,
            ..self
        }
    }

    fn timed(&self, line: &str, is_terminal: bool) -> String {
        match self.times {
            Times::AtTerminals if is_terminal => at(&chrono::Local::now(), line),
            Times::AtTerminals | Times::None => line.to_owned(),
        }
    }

    /// How data is wanted.
    #[must_use]
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Writes the line of one load: data, so it goes to stdout.
    pub fn load(&self, entry: &Entry) {
        match self.format {
            OutputFormat::Text => {
                let summary = &entry.summary;
                if self.verbosity > Verbosity::Quiet || went_wrong(summary) {
                    let what = visible::text(&what(summary)).into_owned();
                    let line = line(how(summary), &what, summary, self.stdout);
                    self.print(&self.timed(&line, io::stdout().is_terminal()));
                }
            }
            OutputFormat::Json => self.json(&Told::of(entry)),
        }
        let file = &entry.summary.file;
        match (entry.summary.status, &entry.reason) {
            (Status::Skipped, Some(reason)) => {
                self.say(&format!("`{file}` was skipped. {reason}"));
            }
            (Status::Undone, _) => self.say(&format!(
                "`{file}` was loaded, and its load has been undone since. The file is done with."
            )),
            _ => {}
        }
        self.tell_released(entry);
    }

    /// Writes the line of a load that was taken back or put in again: `undone`, or `redone`.
    pub fn turn(&self, done: &str, target: i64, entry: &Entry) {
        match self.format {
            OutputFormat::Text => {
                let summary = &entry.summary;
                let what = format!("load {target} ({})", what(summary));
                let how = (format!("{done:<7}"), GREEN);
                let what = visible::text(&what).into_owned();
                self.print(&line((&how.0, how.1), &what, summary, self.stdout));
            }
            OutputFormat::Json => self.json(&entry.summary),
        }
        self.tell_released(entry);
    }

    fn tell_released(&self, entry: &Entry) {
        if entry.released > 0 {
            let rows = grouped(entry.released);
            self.say(&format!(
                "  Held facts that waited for these are loaded now: {rows}."
            ));
        }
        if entry.refused > 0 {
            let rows = grouped(entry.refused);
            self.say(&format!(
                "  Held facts that waited for these stay held, as their table refuses them: {rows}. \
                 `hayloft status` says why."
            ));
        }
    }

    /// Writes the object of a load that the ledger knows nothing of. People have the error.
    pub fn load_failed(&self, summary: &Summary, reason: &str) {
        if self.format == OutputFormat::Json {
            self.json(&Told {
                summary,
                held_facts_released: 0,
                held_facts_refused: 0,
                reason: Some(reason),
            });
        }
    }

    /// Writes one JSON object to stdout, on one line.
    pub fn json(&self, value: &impl serde::Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.out(&visible::in_json(&text)),
            Err(error) => self.error(&format!("The result cannot be written as JSON: {error}.")),
        }
    }

    /// Writes a line of data to stdout.
    ///
    /// What is in it may come from a file, a database or the command line, so nothing of it can move
    /// the cursor.
    pub fn out(&self, line: &str) {
        self.print(&visible::text(line));
    }

    /// Writes a line to stdout that has colours.
    fn print(&self, line: &str) {
        self.bar.suspend(|| {
            // A closed pipe: whoever read it has read enough.
            let _ = writeln!(io::stdout().lock(), "{line}");
        });
    }

    /// Writes bytes to stdout: as they are, unless a terminal would read them. Who redirects them to a file wants to know if they did
    /// not all get there.
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let shown = io::stdout().is_terminal().then(|| visible::bytes(bytes));
        let bytes = shown.as_ref().map_or(bytes, String::as_bytes);
        self.bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => other,
            }
        })
    }

    /// Writes aligned lines of data to stdout, no wider than the terminal if there is one.
    pub fn columns(&self, columns: &Columns) {
        for line in columns.lines(width()) {
            self.out(&line);
        }
    }

    /// Writes drawn lines of data to stdout, with their emphasis where a terminal shows it.
    pub fn drawing(&self, lines: &[Line]) {
        for line in lines {
            let spans = line.spans().iter();
            let text: String = spans
                .map(|span| (visible::text(&span.text), span.weight))
                .map(|(text, weight)| match weight {
                    Weight::Plain => text.into_owned(),
                    Weight::Strong => styled(&text, BOLD, self.stdout),
                    Weight::Faint => styled(&text, FAINT, self.stdout),
                })
                .collect();
            self.print(&text);
        }
    }

    /// Says something that a person wants to know.
    pub fn say(&self, line: &str) {
        match self.voice {
            Voice::Log => tracing::info!("{line}"),
            Voice::Words if self.verbosity >= Verbosity::Normal => {
                self.err(&visible::text(line));
            }
            Voice::Words => {}
        }
    }

    /// Says that something needs attention.
    pub fn warn(&self, line: &str) {
        match self.voice {
            Voice::Log => tracing::warn!("{line}"),
            Voice::Words if self.verbosity >= Verbosity::Normal => {
                self.err(&format!(
                    "{}: {}",
                    painted("warning", YELLOW, self.stderr),
                    visible::text(line)
                ));
            }
            Voice::Words => {}
        }
    }

    /// Says what went wrong.
    pub fn error(&self, line: &str) {
        match self.voice {
            Voice::Log => tracing::error!("{line}"),
            Voice::Words => {
                self.err(&format!(
                    "{}: {}",
                    painted("error", RED, self.stderr),
                    visible::text(line)
                ));
            }
        }
    }

    fn err(&self, line: &str) {
        let line = self.timed(line, io::stderr().is_terminal());
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{line}");
        });
    }

    /// Shows how far the reading of a long file is, if somebody is looking. The bar is gone when
    /// the value is dropped.
    #[must_use]
    pub fn bar(&self, file: &str, bytes: u64) -> Bar {
        /// Shorter files are read before a bar could be seen.
        const LONG: u64 = 16 << 20;
        let talking = self.voice == Voice::Words && self.verbosity >= Verbosity::Normal;
        if bytes < LONG || !talking || !io::stderr().is_terminal() {
            return Bar(None);
        }
        self.begin_bar(file, bytes, READING)
    }

    /// Shows how many rows of a table were read, if somebody is looking.
    #[must_use]
    pub fn rows_bar(&self, table: &str, rows: u64) -> Bar {
        /// Fewer are read before a bar could be seen.
        const MANY: u64 = 50_000;
        let talking = self.voice == Voice::Words && self.verbosity >= Verbosity::Normal;
        if rows < MANY || !talking || !io::stderr().is_terminal() {
            return Bar(None);
        }
        self.begin_bar(
            table,
            rows,
            "{msg}  {bar:32}  {human_pos} of {human_len} rows  {eta} left",
        )
    }

    fn begin_bar(&self, what: &str, length: u64, template: &str) -> Bar {
        // One bar at a time: of two long files that load side by side, the first has it.
        if self.bar_taken.swap(true, Ordering::AcqRel) {
            return Bar(None);
        }
        self.bar.reset();
        self.bar.set_length(length);
        self.show(template);
        self.bar.set_message(visible::text(what).into_owned());
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        Bar(Some(self.clone()))
    }

    fn show(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

/// While the file is read: how far, and how fast so far.
const READING: &str = "{msg}  {bar:32}  {bytes} of {total_bytes}  {bytes_per_sec}";

/// While the database works. It does not tell how far it is, so only the time is shown.
const WRITING: &str = "{msg}  {spinner} {prefix}  {elapsed}";

/// The object of a load: its counts, and where it did not load, why.
#[derive(serde::Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    /// Held facts that went in, and those that their table refuses, if there are any.
    #[serde(skip_serializing_if = "is_none")]
    held_facts_released: u64,
    #[serde(skip_serializing_if = "is_none")]
    held_facts_refused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            summary: &entry.summary,
            held_facts_released: entry.released,
            held_facts_refused: entry.refused,
            reason: entry.reason.as_deref(),
        }
    }
}

// As serde asks it.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// How often the bar of a database that works moves.
const TICK: Duration = Duration::from_millis(200);

/// A line with the time before it.
fn at<Z: chrono::TimeZone<Offset: std::fmt::Display>>(
    time: &chrono::DateTime<Z>,
    line: &str,
) -> String {
    format!("{}  {line}", time.format("%H:%M:%S"))
}

/// What is said even where only that is wanted which went wrong.
fn went_wrong(summary: &Summary) -> bool {
    summary.status == Status::Failed || summary.rows.rejected > 0
}

/// A progress bar, or none.
#[derive(Debug)]
pub struct Bar(Option<Printer>);

impl Progress for Bar {
    fn advanced(&self, bytes: u64) {
        if let Some(printer) = &self.0 {
            printer.bar.inc(bytes);
        }
    }

    fn all_read(&self, rows: u64) {
        if let Some(printer) = &self.0 {
            let rows = grouped(rows);
            printer
                .bar
                .set_prefix(format!("{rows} rows go into the database"));
            printer.bar.reset_elapsed();
            printer.show(WRITING);
            // It moves by itself: nobody tells it of anything until all is done.
            printer.bar.enable_steady_tick(TICK);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(printer) = &self.0 {
            printer.bar.disable_steady_tick();
            printer.bar.finish_and_clear();
            printer.bar.set_draw_target(ProgressDrawTarget::hidden());
            printer.bar_taken.store(false, Ordering::Release);
        }
    }
}

/// How a load ended, and the colour of that.
fn how(summary: &Summary) -> (&'static str, &'static str) {
    match summary.status {
        Status::Loaded if summary.rows.rejected > 0 => ("loaded ", YELLOW),
        Status::Loaded => ("loaded ", GREEN),
        Status::Skipped => ("skipped", YELLOW),
        Status::Failed => ("failed ", RED),
        Status::Undone => ("undone ", YELLOW),
        // The ledger gives nobody the entry of a load that has not ended.
        Status::Loading => ("loading", RED),
    }
}

/// `loaded   users.csv     10,000 rows: 9,964 new · 36 duplicate  (0.41 s, load 1)`
fn line((word, colour): (&str, &str), what: &str, summary: &Summary, paint: Paint) -> String {
    let mut line = format!(
        "{}  {what:<20} {:>10} {}",
        painted(word, colour, paint),
        grouped(summary.rows.read),
        if summary.rows.read == 1 {
            "row"
        } else {
            "rows"
        }
    );
    let parts = in_words(summary);
    if !parts.is_empty() {
        let _ = write!(line, ": {}", parts.join(" · "));
    }
    let _ = write!(line, "  ({:.2} s", summary.seconds.total);
    if let Some(load_id) = summary.load_id {
        let _ = write!(line, ", load {load_id}");
    }
    line.push(')');
    line
}

/// The file, and its table where the name of the file does not say it.
fn what(summary: &Summary) -> String {
    let (file, table) = (&summary.file, summary.table.as_str());
    if file.to_lowercase().starts_with(&table.to_lowercase()) {
        file.clone()
    } else {
        format!("{file} → {table}")
    }
}

/// The counts that are not zero, in words.
fn in_words(summary: &Summary) -> Vec<String> {
    let rows = counts::rows(&summary.rows);
    counts::changes(&summary.changes)
        .iter()
        .chain(&rows)
        .filter(|counted| counted.count > 0)
        .map(|counted| format!("{} {}", grouped(counted.count), counted.word))
        .collect()
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BOLD: &str = "1";
const FAINT: &str = "2";

/// Columns of the terminal that stdout goes to; `None` for a file or a pipe.
#[must_use]
pub fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

fn paint(stream: &impl IsTerminal) -> Paint {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && stream.is_terminal() {
        Paint::Colour
    } else {
        Paint::Plain
    }
}

fn painted(text: &str, colour: &str, paint: Paint) -> String {
    styled(text, &format!("1;{colour}"), paint)
}

fn styled(text: &str, style: &str, paint: Paint) -> String {
    match paint {
        Paint::Colour => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
        Paint::Plain => text.to_owned(),
    }
}
