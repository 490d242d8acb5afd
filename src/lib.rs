//! Drop a file that is named for a table into a folder; get a correct, queryable history in
//! Postgres.
//!
//! This is the way of one file, `users.csv`, from its drop to its deletion, and the order in which
//! to read the source.
//!
//! Before the first file comes, [`contract`] joins what people wrote in `hayloft.toml` with what
//! Postgres knows of the tables, into one [`contract::Contract`] a table. A contract that cannot
//! hold is refused here, and after this nobody looks at the text again.
//!
//! 1. Somebody copies `users.csv` into `imports/`. [`watch`] hears of it, waits until it stands
//!    still, finds by its name that it is for `users`, and renames it into `imports/.claimed/`
//!    under an id that will be its identity in the ledger. That is an [`watch::Arrival`].
//! 2. [`stage`] reads it: the CSV strictly, each field by its column's type, the natural key
//!    (`email`) into a durable one (`user_id`), and of rows with the same key the one that counts.
//!    That is a [`stage::Staged`]: rows, and findings about those that cannot be used. A bad row is
//!    a value here; an error is what stops the whole file.
//! 3. [`merge`] loads it, in one transaction: first the ledger's row under the claim's id, then the
//!    rows into versions of a dimension or into facts, then the rejects, and the counts. Small files
//!    that wait together share a transaction. After the commit, and only then, there is a
//!    [`merge::Receipt`].
//! 4. [`retire`], shown the receipt, deletes the file; or archives it, if the contract says so.
//!    It is the only code that removes a person's file.
//! 5. The [`summary::Summary`] of it all is a line at the terminal, a JSON object, an event of the
//!    log, and the ledger's row.
//!
//! [`pipeline`] is the one place that knows this order. Killed between any two steps, the process
//! takes the file up again at its next start: it is still there under the same claim, and the
//! ledger knows whether it was committed.
//!
//! Afterwards, [`ledger`] and [`status`] answer what was loaded, what was rejected and what waits;
//! corrected rows go the same way again, as of the instant of the load that rejected them.
//! [`pipeline::turn()`] takes a load back, or puts it in again; [`history`] says whether all is sound,
//! and why a key is as it is.
//!
//! What can go wrong, and whether that means *again*, *give back*, *refuse* or *stop*, is decided
//! in one place, [`error`]. What each room may never do is in `ARCHITECTURE.md`, and in
//! `tests/house.rs`.

// hayloft.toml and the catalog → what each table promises.
pub mod contract;

// Folder → Arrival.
pub mod watch;

// Arrival + contract → Staged.
pub mod stage;

// Staged + contract → Receipt.
pub mod merge;

// Receipt → the file gone.
pub mod retire;

// All of it, in this order; for each table, one file after the other.
pub mod pipeline;

// What is said of a load, and what an error means.
pub mod digits;
pub mod error;
pub mod summary;

// The one way to names in a folder that others can write to.
pub mod directory;

// Where the database is, and what goes over the wire.
pub mod db;
pub mod wire;

// What can be typed, and what it means.
pub mod cli;
pub mod secret;
pub mod settings;

// What can be asked and changed afterwards: views of the history, whether it is sound, and why a
// key is as it is.
pub mod history;

// What can be asked of the ledger and the folder afterwards.
pub mod ledger;
pub mod status;

// The commands, and what people and operators read of them.
pub mod commands;
pub mod logging;
pub mod printer;

// Example files, and the stopping places of the crash tests.
pub mod failpoint;
pub mod generate;
