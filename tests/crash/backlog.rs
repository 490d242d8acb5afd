//! What a crash leaves where many files wait, and some are ready while others are merged.
//!
//! Each file gives the same person another name, so that each version follows the one of the file
//! before: whatever comes between, none is left out, loaded twice or out of its order.

use crate::scenario::{Stopped, assert_sound, cut_off, wait_until_empty};
use crate::support::{HAYLOFT_TOML, Warehouse};

/// Enough for four groups.
const FILES: std::ops::Range<usize> = 100..210;

const QUICK: &str = "\n[watch]\nsettle = \"10ms\"\nsweep = \"200ms\"\n";

/// Makes a test of each step, of each thing that can come between. At most two groups are on their
/// way at a time, so the second time one is ready, another is not at its end.
macro_rules! at_each_step {
    ($($run:ident)*) => {
        $(
            mod $run {
                use super::Backlog;

                #[test]
                fn one_is_ready() {
                    Backlog::new().$run("together::ready");
                }

                #[test]
                fn one_is_ready_ahead() {
                    Backlog::new().$run("together::ready#2");
                }

                #[test]
                fn another_is_ready_ahead() {
                    Backlog::new().$run("together::ready#3");
                }

                #[test]
                fn the_second_is_entered_in_the_ledger() {
                    Backlog::new().$run("merge::ledger#2");
                }

                #[test]
                fn the_second_is_about_to_commit() {
                    Backlog::new().$run("merge::commit#2");
                }

                #[test]
                fn the_second_is_committed() {
                    Backlog::new().$run("merge::committed#2");
                }

                #[test]
                fn some_are_removed_and_the_removal_is_not_synced() {
                    Backlog::new().$run("retire::removed#20");
                }

                #[test]
                fn all_of_a_group_are_removed_and_some_not_told() {
                    Backlog::new().$run("load::ended#40");
                }
            }
        )*
    };
}

at_each_step! { killed told_to_stop cut_off }

struct Backlog {
    warehouse: Warehouse,
}

impl Backlog {
    fn new() -> Self {
        let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}{QUICK}"));
        for number in FILES {
            let file = format!("email,name,date_of_birth\nann@x.org,Ann {number},01/02/1990\n");
            warehouse.drop_file(&format!("users-{number}.csv"), file);
        }
        Self { warehouse }
    }

    fn stop_at(&self, step: &str) -> Stopped {
        Stopped::at(
            step,
            &mut self.warehouse.command(&["watch", "--format", "json"]),
        )
    }

    fn killed(&self, step: &str) {
        self.stop_at(step).kill();
        self.run_to_the_end();
    }

    fn told_to_stop(&self, step: &str) {
        let stopped = self.stop_at(step);
        stopped.watch.signal("TERM");
        assert_eq!(stopped.go_on().ended(), 0);
        // A group that was ready is left claimed, and nothing of it is loaded.
        assert!(self.assert_in_order() < FILES.len());
        assert!(!self.warehouse.names("imports/.claimed").is_empty());
        self.run_to_the_end();
    }

    fn cut_off(&self, step: &str) {
        let stopped = self.stop_at(step);
        cut_off(&self.warehouse);
        let watch = stopped.go_on();
        wait_until_empty(&self.warehouse);
        assert_eq!(watch.stop(), 0);
        self.run_to_the_end();
    }

    fn run_to_the_end(&self) {
        let watch = self.warehouse.watch();
        wait_until_empty(&self.warehouse);
        assert_eq!(watch.stop(), 0);
        assert_sound(&self.warehouse);
        assert_eq!(self.assert_in_order(), FILES.len());
    }

    /// Asserts that the first of the files are loaded, and no other; returns how many.
    fn assert_in_order(&self) -> usize {
        let versions = self
            .warehouse
            .query("select name from datawarehouse.users order by version_number");
        let names: Vec<_> = versions.lines().map(str::trim).collect();
        let expected = FILES.map(|number| format!("Ann {number}"));
        assert_eq!(names, expected.take(names.len()).collect::<Vec<_>>());
        names.len()
    }
}
