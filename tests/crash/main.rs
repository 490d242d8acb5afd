//! What a crash leaves behind, and that the next start makes good.
//!
//! Each test drops the same files on the same base, stops the program at one step, and does
//! something to it there: kills it, tells it to end, takes its connections away. Then the program
//! runs undisturbed until nothing is left to do. The end is always that of a run that nothing
//! disturbed, to the last count in the ledger.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test may fail, and says how to replay it"
)]

mod ahead;
mod backlog;
mod beside;
mod claims;
mod history;
mod indexes;
mod proxy;
mod random;
mod scenario;
mod story;
#[path = "../it/support/mod.rs"]
mod support;

use diesel::connection::SimpleConnection as _;

use scenario::Scenario;

/// Makes a test of each step of a file's way. The number is that of the ledger's entries when the
/// step is reached: `users.csv` is loaded first, `users.refused.csv` is refused second, and
/// `transactions.csv` is loaded third.
macro_rules! at_each_step {
    ($run:path) => {
        at_each_step! { $run;
            seen_in_the_folder = "watch::seen", 0;
            found_settled = "watch::settled", 0;
            claimed_and_the_claim_not_synced = "watch::claimed", 0;
            one_of_three_claimed = "watch::settled#2", 0;
            all_claimed_and_no_claim_synced = "watch::claimed#3", 0;
            claims_synced = "watch::synced", 0;
            opened = "stage::begin", 0;
            staged = "stage::done", 0;
            about_to_merge = "merge::begin", 0;
            transaction_begun = "merge::begun", 0;
            entered_in_the_ledger = "merge::ledger", 0;
            table_locked = "merge::locked", 0;
            rows_landed = "merge::landed", 0;
            versions_closed_and_opened = "merge::brought_in", 0;
            new_versions_opened = "merge::opened", 0;
            held_facts_released = "merge::released", 0;
            rejects_written = "merge::rejects", 0;
            about_to_commit = "merge::commit", 0;
            committed = "merge::committed", 1;
            about_to_retire = "retire::begin", 1;
            removed_and_the_removal_not_synced = "retire::removed", 1;
            removal_synced = "retire::synced", 1;
            ended_and_not_told = "load::ended", 1;
            refusal_about_to_commit = "refusal::commit", 1;
            refusal_committed = "refusal::committed", 2;
            set_aside_and_the_move_not_synced = "retire::moved", 2;
            set_aside_and_not_told = "load::ended#2", 2;
            facts_entered_in_the_ledger = "merge::ledger#2", 2;
            facts_landed = "merge::landed#2", 2;
            facts_held = "merge::held", 2;
            facts_updated = "merge::updated", 2;
            facts_inserted = "merge::inserted", 2;
            facts_about_to_commit = "merge::commit#2", 2;
            facts_committed = "merge::committed#2", 3;
            facts_removed = "retire::removed#2", 3;
            everything_ended_and_not_told = "load::ended#3", 3;
        }
    };
    ($run:path; $($name:ident = $step:literal, $entries:literal;)*) => {
        $(
            #[test]
            fn $name() {
                $run($step, $entries);
            }
        )*
    };
}

#[test]
fn undisturbed() {
    let scenario = Scenario::new();
    scenario.run_to_the_end();
    scenario.assert_end();
}

/// SIGKILL at the step, then a new start.
mod killed_when {
    use super::Scenario;

    at_each_step!(killed);

    fn killed(step: &str, entries: usize) {
        let scenario = Scenario::new();
        let stopped = scenario.stop_at(step);
        assert_eq!(scenario.entries(), entries, "in the ledger at {step}");
        stopped.kill();
        scenario.run_to_the_end();
        scenario.assert_end();
    }
}

/// SIGKILL at the step, and again when the second start comes to the same step.
mod killed_twice_when {
    use super::Scenario;

    at_each_step! { killed_twice;
        about_to_commit = "merge::commit", 0;
        about_to_retire = "retire::begin", 1;
        refusal_about_to_commit = "refusal::commit", 1;
        refusal_committed = "refusal::committed", 2;
    }

    fn killed_twice(step: &str, entries: usize) {
        let scenario = Scenario::new();
        for _ in 0..2 {
            let stopped = scenario.stop_at(step);
            assert_eq!(scenario.entries(), entries, "in the ledger at {step}");
            stopped.kill();
        }
        scenario.run_to_the_end();
        scenario.assert_end();
    }
}

/// SIGTERM at the step: what runs is brought to its end, and the program says that all is well.
mod told_to_stop_when {
    use super::Scenario;

    at_each_step!(told_to_stop);

    fn told_to_stop(step: &str, entries: usize) {
        let scenario = Scenario::new();
        let stopped = scenario.stop_at(step);
        assert_eq!(scenario.entries(), entries, "in the ledger at {step}");
        stopped.watch.signal("TERM");
        assert_eq!(stopped.go_on().ended(), 0);
        scenario.run_to_the_end();
        scenario.assert_end();
    }
}

/// A second signal while the program hangs at the step: it ends at once.
mod told_twice_to_stop_when {
    use super::Scenario;

    at_each_step! { told_twice;
        claimed_and_the_claim_not_synced = "watch::claimed", 0;
        rows_landed = "merge::landed", 0;
        committed = "merge::committed", 1;
        removed_and_the_removal_not_synced = "retire::removed", 1;
    }

    fn told_twice(step: &str, entries: usize) {
        let scenario = Scenario::new();
        let stopped = scenario.stop_at(step);
        assert_eq!(scenario.entries(), entries, "in the ledger at {step}");
        assert_eq!(stopped.end_at_once(), 130);
        scenario.run_to_the_end();
        scenario.assert_end();
    }
}

/// The server ends every connection of the program at the step: the load is tried again, by
/// itself, and happens once.
mod cut_off_when {
    use super::Scenario;

    at_each_step!(cut_off);

    fn cut_off(step: &str, entries: usize) {
        let scenario = Scenario::new();
        let stopped = scenario.stop_at(step);
        assert_eq!(scenario.entries(), entries, "in the ledger at {step}");
        scenario.cut_off();
        let watch = stopped.go_on();
        scenario.wait_for_the_end();
        assert_eq!(watch.stop(), 0);
        scenario.assert_end();
    }
}

/// A COMMIT that hangs in the server until the test lets go of a lock.
const HANGING_COMMIT: &str = "
    create function hang() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock_shared(4711); return null; end $$;
    create constraint trigger hang after update on hayloft.load
        deferrable initially deferred for each row execute function hang();";

const COMMITS_HANGING: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'hayloft'
      and query ilike 'commit%' and wait_event_type = 'Lock'";

/// A session whose first statement of a load waits for the outcome of another's.
const WAITING_FOR_THE_OUTCOME: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'hayloft'
      and query like 'insert into hayloft.load%' and wait_event = 'transactionid'";

#[test]
fn a_start_while_the_server_still_commits_for_the_one_that_was_killed_waits_and_loads_nothing_twice()
 {
    let scenario = Scenario::new();
    scenario.warehouse.execute(HANGING_COMMIT);
    let mut lock = scenario.warehouse.connection();
    lock.batch_execute("select pg_advisory_lock(4711)").unwrap();
    let stopped = scenario.stop_at("merge::commit");
    let watch = stopped.go_on();
    scenario.warehouse.wait_until(COMMITS_HANGING, "1");
    watch.signal("KILL");
    assert_eq!(watch.ended(), 128 + 9);

    let again = scenario.warehouse.start_watch();
    scenario.warehouse.wait_until(WAITING_FOR_THE_OUTCOME, "1");
    assert_eq!(scenario.entries(), 0);
    drop(lock);
    scenario.wait_for_the_end();
    assert_eq!(again.stop(), 0);
    scenario.assert_end();
}

#[test]
fn a_connection_that_is_cut_while_the_server_commits_has_the_load_happen_once() {
    let scenario = Scenario::new();
    scenario.warehouse.execute(HANGING_COMMIT);
    let mut lock = scenario.warehouse.connection();
    lock.batch_execute("select pg_advisory_lock(4711)").unwrap();
    let watch = scenario.stop_at("merge::commit").go_on();
    scenario.warehouse.wait_until(COMMITS_HANGING, "1");
    scenario.cut_off();
    drop(lock);
    scenario.wait_for_the_end();
    assert_eq!(watch.stop(), 0);
    scenario.assert_end();
}
