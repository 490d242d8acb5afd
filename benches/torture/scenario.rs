//! What the program is at while something is done to it, and what must be there in the end.

use std::os::unix::process::ExitStatusExt as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::warehouse::{Server, Warehouse, ask};

/// What the program is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Scenario {
    /// A watch takes files of every kind
    Watch,
    /// A file is loaded by name, and removed
    Load,
    /// The tables are made
    Migrate,
    /// A load between two others is undone
    Undo,
    /// A held snapshot is let in
    AcceptCloses,
    /// Mended rows are loaded
    Replay,
}

/// Quick to take up what lies in the folder; nothing depends on how quick.
const CONTRACT: &str = r#"
[watch]
settle = "10ms"
sweep = "100ms"

[tables.users]
key = ["email"]
durable_key = "user_id"

[tables.users.columns]
email = { canonical = "email" }
date_of_birth = { format = "%d/%m/%Y" }

[tables.shops]
key = ["code"]
durable_key = "shop_id"
mode = "snapshot"
on_done = "archive"

[tables.transactions]
kind = "fact"
key = ["id"]
references = { user_id = "users" }
unresolved = "hold"

[tables.transactions.columns]
transaction_date = { format = "%d/%m/%Y" }
"#;

const SHOPS: &str = "
create table datawarehouse.shops (
    shop_id uuid not null, code text not null, city text,
    effective_start_date timestamptz not null, effective_end_date timestamptz,
    version_number integer not null, load_id bigint not null, source_line bigint not null,
    primary key (shop_id, effective_start_date)
);
create unique index shops_open on datawarehouse.shops (shop_id) where effective_end_date is null;";

const USERS: &str = "email,name,date_of_birth
ann@x.org,Ann,01/02/1990
bob@x.org,Bob,03/04/1985
cat@x.org,Cat,05/06/1980
";

/// Fact 9 waits for Dan.
const TRANSACTIONS: &str = "id,email,amount,transaction_date
1,ann@x.org,10.00,01/01/2024
2,bob@x.org,20.00,02/01/2024
9,dan@x.org,90.00,09/01/2024
";

/// Somebody who changes, somebody who comes, a duplicate and two rejects.
const MORE_USERS: &str = "email,name,date_of_birth
ann@x.org,Anna,01/02/1990
dan@x.org,Dan,07/08/1970
eve@x.org,Eve,09/10/1960
eve@x.org,Eva,09/10/1960
,Nobody,01/01/2000
fay@x.org,Fay,31/02/2000
";

/// A fact that changes, one of somebody who came just now, one that waits, and a reject.
const MORE_TRANSACTIONS: &str = "id,email,amount,transaction_date
2,bob@x.org,25.50,02/01/2024
3,dan@x.org,30.00,03/01/2024
4,zoe@x.org,40.00,04/01/2024
5,ann@x.org,much,05/01/2024
";

fn shops(numbers: std::ops::Range<u32>) -> String {
    let rows = numbers.map(|number| format!("s{number},City {}\n", number % 7));
    format!("code,city\n{}", rows.collect::<String>())
}

impl Scenario {
    /// The warehouse as it is before the program is at it.
    pub(crate) fn prepare(self, server: &Server) -> Result<Warehouse> {
        let warehouse = Warehouse::empty(server, &CONTRACT.replace(SHOPS_SECTION, ""))?;
        if self == Self::Migrate {
            return Ok(warehouse);
        }
        warehouse.run_well(&["migrate"])?;
        diesel::connection::SimpleConnection::batch_execute(&mut warehouse.connection()?, SHOPS)?;
        warehouse.write("hayloft.toml", CONTRACT)?;
        warehouse.run_well(&["migrate"])?;
        for (name, text) in [
            ("users.base.csv", USERS),
            ("transactions.base.csv", TRANSACTIONS),
            ("shops.base.csv", &shops(0..40)),
        ] {
            warehouse.write(name, text)?;
            warehouse.run_well(&["load", name])?;
        }
        self.prepare_more(&warehouse)?;
        Ok(warehouse)
    }

    fn prepare_more(self, warehouse: &Warehouse) -> Result<()> {
        match self {
            Self::Watch => {
                warehouse.write("imports/users.csv", MORE_USERS)?;
                warehouse.write("imports/users.2.csv", &USERS.replace("Cat", "Kate"))?;
                warehouse.write("imports/transactions.csv", MORE_TRANSACTIONS)?;
                warehouse.write("imports/shops.csv", &shops(2..44))?;
                warehouse.write("imports/shops.2.csv", &shops(40..44))?;
                warehouse.write("imports/users.broken.csv", "name\nGil\n")
            }
            Self::Load => warehouse.write("users.csv", MORE_USERS),
            Self::Migrate => Ok(()),
            Self::Undo => {
                for (name, text) in [
                    ("users.csv", MORE_USERS.to_owned()),
                    ("users.2.csv", MORE_USERS.replace("Anna", "Anne")),
                ] {
                    warehouse.write(name, &text)?;
                    warehouse.run_well(&["load", name])?;
                }
                Ok(())
            }
            Self::AcceptCloses => {
                warehouse.write("imports/shops.csv", &shops(0..3))?;
                watch_to_the_end(warehouse)?;
                ensure!(warehouse.path(HELD).exists(), "the snapshot is not held");
                Ok(())
            }
            Self::Replay => {
                warehouse.write("users.csv", MORE_USERS)?;
                warehouse.run_well(&["load", "users.csv"])?;
                warehouse.write(
                    "mended.csv",
                    "email,name,date_of_birth\ngus@x.org,Gus,01/01/2000\nfay@x.org,Fay,28/02/2000\n",
                )
            }
        }
    }

    /// What is typed.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Watch => &["watch"],
            Self::Load => &["load", "--retire", "users.csv"],
            Self::Migrate => &["migrate"],
            Self::Undo => &["undo", "4", "--yes"],
            Self::AcceptCloses => &["accept-closes", HELD],
            Self::Replay => &["rejects", "replay", "4", "mended.csv"],
        }
    }

    /// Whether the program ends by itself.
    pub(crate) fn ends_by_itself(self) -> bool {
        self != Self::Watch
    }

    /// Brings the work to its end, undisturbed, whatever was left of it.
    pub(crate) fn finish(self, warehouse: &Warehouse) -> Result<()> {
        match self {
            Self::Watch => watch_to_the_end(warehouse),
            Self::Load if !warehouse.path("users.csv").exists() => Ok(()),
            Self::AcceptCloses if !warehouse.path(HELD).exists() => Ok(()),
            Self::Load | Self::AcceptCloses | Self::Migrate => warehouse.run_well(self.arguments()),
            // Typed again after it was done, the answer is that it is done.
            Self::Undo | Self::Replay => {
                let status = warehouse.run(self.arguments())?;
                ensure!(status <= 2, "{:?} ended with {status}", self.arguments());
                Ok(())
            }
        }
    }

    /// Everything that the work leaves, but ids and times.
    pub(crate) fn end(self, warehouse: &Warehouse) -> Result<String> {
        let mut conn = warehouse.connection()?;
        if self == Self::Migrate {
            return ask(&mut conn, include_str!("migrated.sql"));
        }
        let damage = warehouse.damage()?;
        let database = ask(&mut conn, include_str!("end.sql"))?;
        let folders = [
            "imports",
            "imports/.claimed",
            "imports/failed",
            "imports/held",
        ]
        .map(|folder| format!("{folder}: {}\n", warehouse.names(folder).join(" ")))
        .concat();
        // In the archive a file has its claim before its name.
        let archived = warehouse.names("imports/archive");
        let mut archived: Vec<&str> = archived
            .iter()
            .map(|name| name.split_once('~').map_or(&**name, |(_, name)| name))
            .collect();
        archived.sort_unstable();
        Ok(format!(
            "{database}\n{folders}archive: {}\ndamage: {damage:?}\n",
            archived.join(" ")
        ))
    }
}

const HELD: &str = "imports/held/shops.csv";

/// What random files are loaded by: nothing is refused for what is in it.
pub(crate) const SOAKED: &str = r#"
[watch]
settle = "10ms"
sweep = "100ms"

[tables.users]
key = ["email"]
durable_key = "user_id"

[tables.users.columns]
email = { canonical = "email" }
date_of_birth = { format = "%d/%m/%Y" }

[tables.transactions]
kind = "fact"
key = ["id"]
references = { user_id = "users" }
unresolved = "hold"

[tables.transactions.columns]
transaction_date = { format = "%d/%m/%Y" }
"#;

const SHOPS_SECTION: &str = "[tables.shops]
key = [\"code\"]
durable_key = \"shop_id\"
mode = \"snapshot\"
on_done = \"archive\"
";

/// Whether nothing lies in the folder, and nothing is claimed.
pub(crate) fn is_empty(names: &[String], claimed: &[String]) -> bool {
    claimed.is_empty() && !names.iter().any(|name| name.contains(".csv"))
}

/// How long an undisturbed watch may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the watch undisturbed until nothing is left to do.
pub(crate) fn watch_to_the_end(warehouse: &Warehouse) -> Result<()> {
    let mut child = warehouse
        .command(&["watch"])?
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + LIMIT;
    let mut ended = None;
    while ended.is_none()
        && Instant::now() < deadline
        && !is_empty(
            &warehouse.names("imports"),
            &warehouse.names("imports/.claimed"),
        )
    {
        thread::sleep(Duration::from_millis(10));
        ended = child.try_wait()?;
    }
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let _ = kill(pid, Signal::SIGTERM);
    let status = child.wait()?;
    // It may have had nothing to do, and have been told to end before it listened.
    let is_unheard = status.signal() == Some(Signal::SIGTERM as i32);
    ensure!(
        status.success() || is_unheard,
        "the watch ended with {status}"
    );
    Ok(())
}
