//! What can be typed: the command line as clap types, and its help. What it means together with
//! the environment and `hayloft.toml` is [`crate::settings`]' business; nothing else looks at
//! these types but the commands, each at its own.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::secret::Secret;

/// The whole command line.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "hayloft",
    version,
    about = "Drop a table-named file into a folder; get a correct, queryable history in Postgres.",
    after_help = AFTER_HELP,
    arg_required_else_help = true,
    propagate_version = true
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  hayloft demo                         See the whole of it in a minute
  hayloft watch                        Load whatever is dropped into imports/
  hayloft plan imports/users.csv       Say what a load would do, and do nothing
  hayloft load imports/users.csv       Load one file and exit
  hayloft why users ann@example.com    Say why one key is as it is
  hayloft undo 17                      Take load 17 back

Exit codes:
  0  everything was done
  1  it was loaded, and some rows are in the rejects; or a check found damage, or `status --check`
     something that waits for a person
  2  refused: a file, a setting or a command has to be mended first; or you said no
  3  Hayloft or the database failed; nothing was lost, and it can be tried again

The database is --database-url, else DATABASE_URL, which a .env file may hold. With neither,
Hayloft runs a Postgres of its own in .hayloft/.";

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArgs {
    /// The database, as postgres://user:password@host:port/name. Other users of the machine can
    /// see a command line; `DATABASE_URL` they cannot
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: Option<Secret>,

    /// What the tables promise
    #[arg(
        long,
        global = true,
        env = "HAYLOFT_CONFIG",
        default_value = "hayloft.toml",
        value_name = "FILE"
    )]
    pub config: PathBuf,

    /// Where Hayloft keeps its own Postgres
    #[arg(
        long,
        global = true,
        env = "HAYLOFT_HOME",
        default_value = ".hayloft",
        value_name = "DIR"
    )]
    pub home: PathBuf,

    /// How results are written to standard output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: OutputFormat,

    /// How the log is written to standard error
    #[arg(long, global = true, value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// Write the log to this file instead, with a new one each day
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Say only what went wrong
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more: each step of each file
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// How results are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OutputFormat {
    /// Sentences and tables, for people
    #[default]
    Text,
    /// One JSON object a line, for scripts
    Json,
}

/// How the log is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// One sentence a line, for people
    #[default]
    Text,
    /// One JSON object a line, for a log store
    Json,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Watch the folder, and load each file that is dropped into it.
    #[command(after_help = WATCH_HELP)]
    Watch(WatchArgs),
    /// Load the named files, and exit.
    #[command(after_help = LOAD_HELP)]
    Load(LoadArgs),
    /// Say what files would do to the tables, and do nothing.
    #[command(after_help = PLAN_HELP)]
    Plan(PlanArgs),
    /// Take a load back: the table is as if it had never been.
    #[command(after_help = UNDO_HELP)]
    Undo(TurnArgs),
    /// Put a load that was taken back in again, at its old place.
    #[command(after_help = REDO_HELP)]
    Redo(TurnArgs),
    /// Take over rows that no load brought, or a table of versions made by another program.
    #[command(after_help = TAKEOVER_HELP)]
    Takeover(TakeoverArgs),
    /// Load a file once that was held: it closes or changes more keys than its table allows.
    #[command(after_help = ACCEPT_HELP, alias = "accept-closes")]
    Accept(AcceptArgs),
    /// Bring the database to the newest migration.
    #[command(after_help = MIGRATE_HELP)]
    Migrate(MigrateArgs),
    /// Say where the database is, what the tables hold, and how the last loads went.
    #[command(after_help = STATUS_HELP)]
    Status(StatusArgs),
    /// Say why a key is as it is: its versions on a line of time, each with who brought it.
    #[command(after_help = WHY_HELP)]
    Why(WhyArgs),
    /// Check every rule of the history and of the ledger, and name what is damaged.
    #[command(after_help = CHECK_HELP)]
    Check(CheckArgs),
    /// Look at the rows that could not be used, correct them, and load them again.
    #[command(subcommand, arg_required_else_help = true)]
    Rejects(RejectsCommand),
    /// Write example files: users and transactions, with everything that goes wrong in real ones.
    #[command(after_help = GENERATE_HELP)]
    Generate(GenerateArgs),
    /// Show it all: make a database, load the example files, and query the history.
    #[command(after_help = DEMO_HELP)]
    Demo,
    /// Start or stop Hayloft's own Postgres.
    #[command(subcommand, arg_required_else_help = true)]
    Server(ServerCommand),
}

const WATCH_HELP: &str = "\
Examples:
  hayloft watch
  hayloft watch --imports /srv/incoming
  hayloft watch --user hayloft     As root: with the rights of another user

A file belongs to the table that it is named for: users.csv and users-2026-05-01.csv to users.
It is deleted once its rows are in the database, not before, unless its table says otherwise. One
that is refused is set aside in failed/, and one that would close or change too many keys in held/, each
with a report.";

const LOAD_HELP: &str = "\
Examples:
  hayloft load users.csv transactions.csv
  hayloft load export-17.csv --table users
  hayloft load users.csv --again    Load the same bytes a second time

The files stay where they are, unless --retire is given.";

const PLAN_HELP: &str = "\
Examples:
  hayloft plan users.csv
  hayloft plan users.csv --rows 20
  hayloft plan users.csv transactions.csv --format json

Nothing is written, and the files stay where they are. Counts and exit code are those of the load
that follows. What is shown are values of rows: personal data, if the table has some. Of several
files each is planned on the tables as they are now, not on what the file before it would make of
them.";

const UNDO_HELP: &str = "\
Examples:
  hayloft undo 17
  hayloft undo 17 --yes    Without asking

It shows first what would change, with values of rows, and asks. Any load can be taken back, in
any order; loads after it stay. Members to which facts refer are not taken away: undo the loads of
these facts first. An undo is a load in the ledger itself, and `hayloft redo 17` puts load 17 in
again.";

const REDO_HELP: &str = "\
Examples:
  hayloft redo 17
  hayloft redo 17 --yes    Without asking

The number is that of the load, not of its undo. It shows first what would change, with values of
rows, and asks. What was loaded since stays: the rows take the place in time that they had.";

const TAKEOVER_HELP: &str = "\
Examples:
  hayloft takeover users                       Rows that are in the table already
  hayloft takeover users --from snapshots.users_snapshot --start dbt_valid_from --end dbt_valid_to
  hayloft takeover users --from old_users --start start_date --end end_date --current is_active
  hayloft takeover users --from old_users --start start_date --end end_date --open-end 9999-12-31

It shows first what would be done, with values of rows, and asks. Each row becomes a statement of a
load of its own, from its start on; that load can be undone like any other. A column is filled by the
one of its name, unless --column says another; durable keys are made as for a file.";

const ACCEPT_HELP: &str = "\
Examples:
  hayloft accept imports/held/users.csv
  hayloft accept export-17.csv --table users

A file that would close or change more keys than the table's guards allow is held: more often than
not it is half a file, or a column of it has slipped. `hayloft plan` shows what it would do. If it
is right, this loads it once, and the ledger notes who said so (closes_accepted_by). A file in
imports/held is then dealt with like any loaded one, and its report is removed; a file elsewhere
stays where it is. `hayloft accept-closes` is the command's old name.";

const MIGRATE_HELP: &str = "\
Examples:
  hayloft migrate
  hayloft migrate --from-now users    Load users by its new contract from now on
  hayloft migrate --reset --yes       Drop everything and begin anew, without asking

The migrations are Diesel's; `diesel migration run` applies the same. Besides, this makes the views
of each dimension (users_current, users_history, users_changes, users_asof) and keeps them.

A table that has rows is not loaded by a contract with another mode, effective, sequence or role of
a column until --from-now says that it is meant. What was loaded before stays as it is.";

const STATUS_HELP: &str = "\
Examples:
  hayloft status
  hayloft status --format json
  hayloft status --check           For a monitor: exits with 1 if something waits for a person

Nothing is started or changed by it. It says whether a watch holds the folder. Exit codes:
  0  files can be loaded, whatever became of earlier ones
  1  with --check: something waits for a person
  2  something has to be mended first: a setting, a migration, a private server that is stopped
  3  the database cannot be asked";

const WHY_HELP: &str = "\
Examples:
  hayloft why users ann@example.com
  hayloft why users ann@example.com --at 2026-03-01
  hayloft why users ann@example.com --all
  hayloft why prices SHOP-1 2026-03-01    A key of two parts, in the order of hayloft.toml

The key is the natural key, spelled as in a file, or the UUID that was made from it. What is
printed holds personal data, if the table does.";

const CHECK_HELP: &str = "\
Examples:
  hayloft check
  hayloft check users --format json
  hayloft check users --values

It reads every row, and writes nothing. Keys are told as UUIDs.

With --values it also compares the table with what each row of each file said, by the digest that the
ledger keeps of it, and makes every version anew from the ledger. It names what no file said, with the
load, file and line that said otherwise, and counts what cannot be told: of rows that were loaded
before digests were kept, for one.

Exit codes:
  0  all is sound
  1  something is damaged";

const GENERATE_HELP: &str = "\
Examples:
  hayloft generate
  hayloft generate --output /tmp/big --users 1000000

The same sizes and seed always make the same files.";

const DEMO_HELP: &str = "\
Example:
  hayloft demo";

/// `hayloft watch`
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// The folder to watch [default: imports]
    #[arg(long, env = "HAYLOFT_IMPORTS", value_name = "DIR")]
    pub imports: Option<PathBuf>,
    /// Leave the database as it is, even if it lacks a migration
    #[arg(long)]
    pub no_migrate: bool,
    /// Run as this user of /etc/passwd; for root, whose rights are given up first of all
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// `hayloft load`
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The table, where the files are not named for it
    #[arg(long)]
    pub table: Option<String>,
    /// Do with a loaded file what its table says: delete it, if it says nothing
    #[arg(long)]
    pub retire: bool,
    /// Load a file even if the same bytes were loaded before
    #[arg(long)]
    pub again: bool,
    /// Leave the database as it is, even if it lacks a migration
    #[arg(long)]
    pub no_migrate: bool,
}

/// `hayloft plan`
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The table, where the files are not named for it
    #[arg(long)]
    pub table: Option<String>,
    /// How many keys to show of each kind of change, before and after
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    pub rows: usize,
    /// Plan for `hayloft load --again`: the same bytes as before count as new
    #[arg(long)]
    pub again: bool,
}

/// `hayloft undo` and `hayloft redo`
#[derive(Args, Clone, Debug)]
pub struct TurnArgs {
    /// The load's number
    pub load: i64,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// How many keys to show of each kind of change, before and after
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    pub rows: usize,
}

/// `hayloft takeover`
#[derive(Args, Clone, Debug)]
pub struct TakeoverArgs {
    /// The dimension
    pub table: String,
    /// Another table that the rows come from, with its schema or in `datawarehouse`
    #[arg(long, value_name = "TABLE", requires = "start")]
    pub from: Option<String>,
    /// The column in which a version starts
    #[arg(long, value_name = "COLUMN", requires = "from")]
    pub start: Option<String>,
    /// The column in which it ends [default: it ends where the next one starts]
    #[arg(long, value_name = "COLUMN", requires = "from")]
    pub end: Option<String>,
    /// The column that says whether it is the current one: true, t, yes, y or 1
    #[arg(long, value_name = "COLUMN", requires = "from")]
    pub current: Option<String>,
    /// Which column fills one of the dimension, where the names differ
    #[arg(long = "column", value_name = "NAME=COLUMN", value_parser = pair, requires = "from")]
    pub columns: Vec<(String, String)>,
    /// What the end of a version names
    #[arg(long, value_enum, default_value_t = VersionEnd::FirstAfter)]
    pub end_is: VersionEnd,
    /// The zone of dates, and of times that have none
    #[arg(long, default_value = "UTC", value_name = "ZONE", value_parser = zone)]
    pub zone: chrono_tz::Tz,
    /// From this time on, in UTC or in the zone, an end means that there is none, as 9999-12-31 does
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub open_end: Option<DateTime<Utc>>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// How many keys to show of each kind of change, before and after
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    pub rows: usize,
}

/// What the end of a version names.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum VersionEnd {
    /// The first instant at which it no longer holds
    FirstAfter,
    /// The last day on which it holds
    LastDay,
    /// The last second in which it holds
    LastSecond,
    /// The last microsecond in which it holds
    LastMicrosecond,
}

/// A zone of the IANA's list: `Europe/Prague`.
fn zone(text: &str) -> Result<chrono_tz::Tz, String> {
    let unknown = |_| "it is no zone such as UTC or Europe/Prague".to_owned();
    text.parse().map_err(unknown)
}

/// `NAME=COLUMN`
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, column)) if !name.is_empty() && !column.is_empty() => {
            Ok((name.to_owned(), column.to_owned()))
        }
        _ => Err("it is not NAME=COLUMN".to_owned()),
    }
}

/// `hayloft accept`
#[derive(Args, Clone, Debug)]
pub struct AcceptArgs {
    /// The file
    pub file: PathBuf,
    /// The table, where the file is not named for it
    #[arg(long)]
    pub table: Option<String>,
}

/// `hayloft migrate`
#[derive(Args, Clone, Debug)]
pub struct MigrateArgs {
    /// Drop all tables with all that is in them first
    #[arg(long)]
    pub reset: bool,
    /// Do not ask before dropping
    #[arg(long, requires = "reset")]
    pub yes: bool,
    /// Take the contract of this table as hayloft.toml has it now, for what is loaded from now on;
    /// may be given several times
    #[arg(long, value_name = "TABLE", conflicts_with = "reset")]
    pub from_now: Vec<String>,
    /// Run the migrations of this folder instead of those that Hayloft was built with
    #[arg(long, value_name = "DIR")]
    pub migrations: Option<PathBuf>,
}

/// `hayloft status`
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// The folder that is watched [default: imports]
    #[arg(long, env = "HAYLOFT_IMPORTS", value_name = "DIR")]
    pub imports: Option<PathBuf>,
    /// Exit with 1 if something waits for a person: files in failed/ or held/, files that no table
    /// takes, rows in the rejects
    #[arg(long)]
    pub check: bool,
}

/// `hayloft why`
#[derive(Args, Clone, Debug)]
pub struct WhyArgs {
    /// The table, as hayloft.toml names it
    pub table: String,
    /// The natural key, in as many parts as it has; or the UUID of the durable key
    #[arg(required = true, allow_negative_numbers = true)]
    pub key: Vec<String>,
    /// Say what held at this time: a date (midnight UTC), or a date and a time (UTC, unless it
    /// names an offset)
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub at: Option<DateTime<Utc>>,
    /// Show everything that was said of the key: also what changed nothing, lost against another
    /// row, or was undone
    #[arg(long)]
    pub all: bool,
}

/// `2026-03-01`, `2026-03-01 12:30[:00[.5]]` in UTC, or with an offset.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    let offset = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%#z"));
    if let Ok(instant) = offset {
        return Ok(instant.to_utc());
    }
    let formats = [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ];
    let mut times = formats
        .iter()
        .filter_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let date = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    times
        .next()
        .or_else(date)
        .map(|time| time.and_utc())
        .ok_or_else(|| "write it as 2026-03-01 or 2026-03-01T12:30".to_owned())
}

/// `hayloft check`
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The tables; all of hayloft.toml if none is named
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Also compare each value with what the files said
    #[arg(long)]
    pub values: bool,
    /// Show the values that no file said
    #[arg(long, requires = "values")]
    pub show_values: bool,
}

/// `hayloft rejects`
#[derive(Subcommand, Clone, Debug)]
pub enum RejectsCommand {
    /// List the rejects of one load, or the loads that have some.
    #[command(
        after_help = "Examples:\n  hayloft rejects list\n  hayloft rejects list 17 --originals"
    )]
    List {
        /// The load's number
        load: Option<i64>,
        /// Show the rows as they came, too: they may hold personal data
        #[arg(long, requires = "load")]
        originals: bool,
    },
    /// Write the rows of a load that could not be used, as they came, below their header.
    #[command(after_help = "Example:\n  hayloft rejects export 17 --output mended.csv")]
    Export {
        /// The load's number
        load: i64,
        /// The file to write; standard output if none is given
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Put an apostrophe before each cell that a spreadsheet would take for a formula; replay the
        /// file with the same flag
        #[arg(long)]
        excel_safe: bool,
    },
    /// Load corrected rows as if they had been right from the start.
    #[command(after_help = "Example:\n  hayloft rejects replay 17 mended.csv")]
    Replay {
        /// The number of the load that they were rejected by
        load: i64,
        /// The corrected rows, below their header
        file: PathBuf,
        /// Take the apostrophes off that an export with this flag has put before formulas
        #[arg(long)]
        excel_safe: bool,
    },
}

/// `hayloft generate`
#[derive(Args, Clone, Debug)]
pub struct GenerateArgs {
    /// The folder to write to
    #[arg(long, default_value = "example_data", value_name = "DIR")]
    pub output: PathBuf,
    /// How many people; everything else is in proportion
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    pub users: u64,
    /// Another seed makes other people
    #[arg(long, default_value_t = crate::generate::EXAMPLE_SEED)]
    pub seed: u64,
}

/// `hayloft server`
#[derive(Subcommand, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerCommand {
    /// Start it, and say its URL; it runs on until it is stopped.
    #[command(after_help = "Example:\n  hayloft server start")]
    Start,
    /// Stop it; what is in it stays.
    #[command(after_help = "Example:\n  hayloft server stop")]
    Stop,
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use clap::{CommandFactory, Parser};

    use super::{Cli, Command, instant};

    #[test]
    fn clap_finds_no_fault_with_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_gives_an_example() {
        fn check(command: &clap::Command) {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} says what it does");
            if command.has_subcommands() {
                command.get_subcommands().for_each(check);
            } else {
                let after = command
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(
                    after.contains(&name.to_string()),
                    "{name} has an example: {after:?}"
                );
                assert!(
                    after.starts_with("Example"),
                    "{name} has an example: {after:?}"
                );
            }
        }
        Cli::command().get_subcommands().for_each(check);
    }

    #[test]
    fn what_is_typed_wrongly_is_refused() {
        for typed in [
            "hayloft",
            "hayloft load",
            "hayloft migrate --yes",
            "hayloft plan",
            "hayloft undo",
            "hayloft undo seventeen",
            "hayloft accept",
            "hayloft accept-closes",
            "hayloft migrate --from-now",
            "hayloft migrate --reset --from-now users",
            "hayloft --quiet --verbose status",
            "hayloft rejects",
            "hayloft why users",
            "hayloft why users ann --at yesterday",
            "hayloft rejects export",
            "hayloft rejects list seventeen",
            "hayloft --format xml status",
        ] {
            assert!(Cli::try_parse_from(typed.split(' ')).is_err(), "{typed}");
        }
    }

    #[test]
    fn what_every_command_takes_may_stand_before_or_after_it() {
        for typed in [
            "hayloft --home elsewhere server stop",
            "hayloft server stop --home elsewhere",
        ] {
            let cli = Cli::try_parse_from(typed.split(' ')).unwrap();
            assert_eq!(cli.global.home.to_str(), Some("elsewhere"), "{typed}");
            assert!(matches!(cli.command, Command::Server(_)));
        }
    }

    #[test]
    fn an_instant_is_a_date_or_a_time_in_utc_or_with_an_offset() {
        for (text, expected) in [
            ("2026-03-01", "2026-03-01T00:00:00Z"),
            ("2026-03-01 12:30", "2026-03-01T12:30:00Z"),
            ("2026-03-01T12:30", "2026-03-01T12:30:00Z"),
            ("2026-03-01T12:30Z", "2026-03-01T12:30:00Z"),
            ("2026-03-01T12:30+02:00", "2026-03-01T10:30:00Z"),
            ("2026-03-01 12:30:01.25", "2026-03-01T12:30:01.25Z"),
            ("2026-03-01T12:30:01", "2026-03-01T12:30:01Z"),
            ("2026-03-01T12:30:01+02:00", "2026-03-01T10:30:01Z"),
        ] {
            assert_eq!(instant(text).unwrap().to_rfc3339(), {
                let expected: DateTime<Utc> = expected.parse().unwrap();
                expected.to_rfc3339()
            });
        }
        for text in ["now", "2026-02-30", "01/03/2026", ""] {
            assert!(instant(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_that_was_typed_is_not_in_debug_output_or_help() {
        let typed = [
            "hayloft",
            "--database-url",
            "postgres://u:hunter2@h/d",
            "status",
        ];
        let cli = Cli::try_parse_from(typed).unwrap();
        assert!(!format!("{cli:?}").contains("hunter2"));
    }
}
