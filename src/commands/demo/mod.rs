//! `hayloft demo`: two days of deliveries, played on real files and a real Postgres.
//!
//! Nothing comes in but a folder to live in. The example files are made on the spot (to the byte
//! what is committed in `example_data/`), the database is a server of the demo's own, and the
//! contract is compiled in; so it never touches anybody's warehouse, and shows the same wherever
//! it is called. What it says is checked: where the tables hold anything else, it fails.

mod look;
mod watched;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use diesel::PgConnection;
use diesel::connection::SimpleConnection;

use self::look::Counts;
use self::watched::Imports;
use super::ExitStatus;
use crate::cli::OutputFormat;
use crate::contract::{ContractFile, Contracts};
use crate::db::pool::{self, Database};
use crate::db::{DatabaseUrl, Embedded, migrations};
use crate::digits::grouped;
use crate::generate::{self, EXAMPLE_SEED, Generated, PROTAGONIST_EMAIL, Sizes};
use crate::merge::schema;
use crate::pipeline::{Desk, Register};
use crate::printer::Printer;
use crate::printer::columns::Columns;
use crate::retire::Shelves;
use crate::settings::{self, Settings};
use crate::stage::{Limits, key::KeyScheme};
use crate::summary::Status;

/// The contract of the example tables, whatever `hayloft.toml` lies where the demo is called.
const CONTRACT: &str = include_str!("../../../hayloft.toml");

/// Its name, in the demo's home.
const CONTRACT_FILE: &str = "hayloft.toml";

/// What an earlier demo left. Never run on any other server than the demo's own.
const CLEAR: &str = "
    drop schema if exists datawarehouse, hayloft cascade;
    drop table if exists public.__diesel_schema_migrations;
";

/// One connection for each of the two tables, and one to look with.
const CONNECTIONS: u32 = 3;

pub(super) fn run(settings: &Settings, printer: &Printer) -> Result<ExitStatus> {
    let settings::Database::Embedded { home } = &settings.database else {
        bail!("The demo uses a server of its own and no other.");
    };
    let folder = tempfile::tempdir().context("No folder can be made for the demo's files.")?;
    let imports = folder.path().join("imports");
    let narrator = Narrator { printer };
    narrator.begins(home, &imports);
    let url = empty_database(home)?;
    let desk = desk(url, folder.path(), &imports)?;
    // For who looks around afterwards, wherever they are.
    fs::write(home.join(CONTRACT_FILE), CONTRACT)
        .context("The demo's contract cannot be written.")?;
    let sizes = Sizes::default();
    let story = Story {
        files: generate::generate(folder.path(), EXAMPLE_SEED, sizes)?,
        sizes,
        narrator,
    };
    watched::watched(&desk, &imports, printer, |imports| {
        story.play(imports, &mut *desk.database.get()?)
    })?;
    narrator.ends(home);
    Ok(ExitStatus::Done)
}

fn empty_database(home: &Path) -> Result<DatabaseUrl> {
    let url = Embedded::in_folder(home)
        .ensure_running()
        .context("The demo's own Postgres cannot be used.")?;
    let mut conn = pool::connect_once(&url)?;
    conn.batch_execute(CLEAR)
        .context("What an earlier demo left cannot be dropped. Is somebody looking at it?")?;
    migrations::migrate(&mut conn, None)?;
    Ok(url)
}

fn desk(url: DatabaseUrl, folder: &Path, imports: &Path) -> Result<Desk> {
    let file = ContractFile::parse(&folder.join("hayloft.toml"), CONTRACT)?;
    let database = Database::connect(url, CONNECTIONS)?;
    let contracts = Contracts::join(
        &file,
        &schema::follow(&mut *database.get()?, &file)?.catalog,
    )?;
    Ok(Desk {
        database,
        register: Register::new(file, contracts),
        // Never with a person's secret, so that everybody's demo makes the same keys.
        keys: KeyScheme::plain(),
        limits: Limits::default(),
        shelves: Shelves::of(imports),
    })
}

/// What is dropped, and what must come of it.
struct Story<'a> {
    files: Generated,
    sizes: Sizes,
    narrator: Narrator<'a>,
}

impl Story<'_> {
    fn play(&self, imports: &Imports<'_>, conn: &mut PgConnection) -> Result<()> {
        let first = self.the_first_files(imports, conn)?;
        let transactions = look::transactions(conn, PROTAGONIST_EMAIL)?;
        let second = self.the_next_files(imports, conn, &first)?;
        self.the_first_file_again(imports, conn, &second)?;
        self.one_person(conn, &transactions)?;
        self.narrator.counts(&second);
        Ok(())
    }

    fn the_first_files(&self, imports: &Imports<'_>, conn: &mut PgConnection) -> Result<Counts> {
        let Sizes {
            users,
            shared_emails,
            transactions,
            awaited_transactions,
            orphan_transactions,
            ..
        } = self.sizes;
        let held = awaited_transactions + orphan_transactions;
        self.narrator.tell(&format!(
            "\n1. Two files are dropped into the folder: {} people, then {} transactions.\n",
            grouped(users),
            grouped(transactions)
        ));
        self.deliver(imports, "inserts", &["users.csv", "transactions.csv"])?;
        let found = look::counts(conn)?;
        let expected = Counts {
            people: users - shared_emails,
            versions: users - shared_emails,
            transactions: transactions - held,
            held,
            rejects: 0,
            duplicates: shared_emails,
        };
        compare(found, expected)?;
        self.narrator.tell(&format!(
            "\n{shared_emails} e-mail addresses came twice with different values: the later line \
             won, the earlier one is\nkept among the rejects, as a warning. {held} transactions \
             name people whom no file has brought yet:\nthey are held, not lost. Both files are \
             gone from the folder, now that their rows are safe."
        ));
        Ok(found)
    }

    fn the_next_files(
        &self,
        imports: &Imports<'_>,
        conn: &mut PgConnection,
        before: &Counts,
    ) -> Result<Counts> {
        let Sizes {
            changed_users,
            new_users,
            bad_users,
            new_transactions,
            awaited_transactions,
            orphan_transactions,
            ..
        } = self.sizes;
        self.narrator.tell(&format!(
            "\n2. The next day's files: {changed_users} people changed, {new_users} are new, and \
             {bad_users} rows are broken.\n"
        ));
        self.deliver(imports, "updates", &["users.csv", "transactions.csv"])?;
        let found = look::counts(conn)?;
        let expected = Counts {
            people: before.people + new_users,
            versions: before.versions + new_users + changed_users,
            transactions: before.transactions + awaited_transactions + new_transactions,
            held: orphan_transactions,
            rejects: bad_users,
            duplicates: before.duplicates,
        };
        compare(found, expected)?;
        self.narrator.tell(&format!(
            "\n{awaited_transactions} held transactions went in together with their people; \
             {orphan_transactions} still wait. Whoever changed has a new\nversion, and the old one \
             is closed. The broken rows stopped no other; here they are:\n"
        ));
        self.narrator.table(&look::rejects(conn)?);
        Ok(found)
    }

    fn the_first_file_again(
        &self,
        imports: &Imports<'_>,
        conn: &mut PgConnection,
        before: &Counts,
    ) -> Result<()> {
        self.narrator
            .tell("\n3. By mistake, the first users.csv is dropped a second time.\n");
        imports.deliver(self.file("inserts", "users.csv")?)?;
        let status = imports.ended()?;
        ensure!(
            status == Status::Skipped,
            "The file should have been skipped, and was {}.",
            status.code()
        );
        compare(look::counts(conn)?, *before)
    }

    fn one_person(&self, conn: &mut PgConnection, before: &[look::Transaction]) -> Result<()> {
        let versions = look::versions(conn, PROTAGONIST_EMAIL)?;
        ensure!(
            versions.len() == 2,
            "{PROTAGONIST_EMAIL} should have 2 versions, and has {}.",
            versions.len()
        );
        self.narrator.tell(&format!(
            "\n4. One person's history: {PROTAGONIST_EMAIL} (times are UTC).\n"
        ));
        self.narrator.table(&look::one_below_the_other(&versions));
        self.narrator.tell(
            "\n   Her transactions, before and after the second day's file. A fact has no \
             versions: a\n   correction replaces it.\n",
        );
        let after = look::transactions(conn, PROTAGONIST_EMAIL)?;
        self.narrator.table(&look::side_by_side(before, &after));
        Ok(())
    }

    /// Drops the files of one day, each when the one before has come to its end: the demo says
    /// which rows are held at that moment.
    fn deliver(&self, imports: &Imports<'_>, day: &str, names: &[&str]) -> Result<()> {
        for name in names {
            imports.deliver(self.file(day, name)?)?;
            let status = imports.ended()?;
            ensure!(
                status == Status::Loaded,
                "The file should have been loaded, and was {}.",
                status.code()
            );
        }
        imports.is_empty()
    }

    fn file(&self, day: &str, name: &str) -> Result<&PathBuf> {
        let ending = Path::new(day).join(name);
        let mut paths = self.files.files.iter().map(|file| &file.path);
        paths
            .find(|path| path.ends_with(&ending))
            .with_context(|| format!("There is no example file {}.", ending.display()))
    }
}

fn compare(found: Counts, expected: Counts) -> Result<()> {
    ensure!(
        found == expected,
        "The tables do not hold what they should.\n  found:    {found:?}\n  expected: {expected:?}"
    );
    Ok(())
}

/// Says what happens, to a person. A script that asked for JSON gets the objects of the loads.
#[derive(Clone, Copy)]
struct Narrator<'a> {
    printer: &'a Printer,
}

impl Narrator<'_> {
    fn begins(self, home: &Path, imports: &Path) {
        self.tell(&format!(
            "Hayloft loads what is dropped into a folder. This demo has a folder and a Postgres \
             of its own:\n\n   folder    {}\n   database  {}\n\nNo other database is touched.",
            imports.display(),
            home.display()
        ));
    }

    fn counts(self, counts: &Counts) {
        self.tell(&format!(
            "\nIn the end: {} people in {} versions, {} transactions, {} held, {} rejects.\n\
             Every count was compared with what the example files promise.",
            grouped(counts.people),
            grouped(counts.versions),
            grouped(counts.transactions),
            counts.held,
            counts.rejects
        ));
    }

    fn ends(self, home: &Path) {
        let home = home.display();
        // As it was called, so that the commands work where `hayloft` is not on the PATH.
        let program = env::args().next().unwrap_or_else(|| "hayloft".to_owned());
        self.tell(&format!(
            "\nLook around; the server runs on, and the next demo begins anew:\n\n   \
             export DATABASE_URL=$(cat {home}/postgres.url) HAYLOFT_CONFIG={home}/{CONTRACT_FILE}\n   \
             psql \"$DATABASE_URL\" -c 'select * from datawarehouse.users limit 5'\n   \
             {program} status\n   \
             {program} rejects list\n   \
             {program} why users {PROTAGONIST_EMAIL}\n   \
             unset DATABASE_URL HAYLOFT_CONFIG\n   \
             {program} server stop --home {home}"
        ));
    }

    fn table(self, table: &Columns) {
        for line in table.lines(None) {
            self.tell(&format!("   {line}"));
        }
    }

    fn tell(self, text: &str) {
        if self.printer.format() == OutputFormat::Text {
            self.printer.out(text);
        }
    }
}
