//! Rules of a table's own: what breaks one is a reject that names it, and the rest is loaded.

use serde_json::Value;

use crate::support::{Run, Warehouse};

mod deferred;
mod dimensions;
mod facts;
mod many;
mod triggers;
mod turns;
mod ways;

const ACC: &str = "[tables.acc]\nkey = [\"code\"]\ndurable_key = \"acc_id\"\n";

/// A dimension `acc` with these columns beside its key, and these settings.
fn acc(columns: &str, settings: &str) -> Warehouse {
    let warehouse = Warehouse::with_contract(&format!("{ACC}{settings}\n"));
    warehouse.run(&["migrate"]);
    warehouse.execute(&format!(
        "create table datawarehouse.acc (
             acc_id uuid not null, code text not null, {columns},
             effective_start_date timestamptz not null, effective_end_date timestamptz,
             version_number integer not null, load_id bigint not null, source_line bigint not null,
             primary key (acc_id, effective_start_date));
         create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null",
    ));
    warehouse
}

/// The current versions: the code and a column.
fn current(warehouse: &Warehouse, column: &str) -> String {
    warehouse.query(&format!(
        "select code, {column} from datawarehouse.acc where effective_end_date is null order by code"
    ))
}

/// What was rejected, by load.
fn rejects(warehouse: &Warehouse) -> String {
    warehouse.query("select load_id, line, kind, message from hayloft.reject order by 1, 2, 3")
}

/// The counts of a load that has rejects.
#[track_caller]
fn with_rejects(run: Run) -> Value {
    run.exits(1).only()
}

/// Asserts that this text is nowhere where a value must not be.
#[track_caller]
fn assert_untold(warehouse: &Warehouse, run: &Run, value: &str) {
    assert!(!run.stdout.contains(value), "{run:#?}");
    assert!(!run.stderr.contains(value), "{run:#?}");
    let told = warehouse.query("select message from hayloft.reject");
    assert!(!told.contains(value), "{told}");
    let reasons = warehouse.query("select reason from hayloft.load");
    assert!(!reasons.contains(value), "{reasons}");
}
