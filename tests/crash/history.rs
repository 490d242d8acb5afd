//! What a crash leaves of an undo, of a late file, of a snapshot, of a file with a sidecar.
//!
//! As for a plain file: killed at a step, the database holds what it held before, or all that was
//! to be done; and once the same is done again, the end is that of a run that nothing disturbed.

use crate::proxy::Proxy;
use crate::scenario::cut_off;
use crate::story::Story;

/// Whether what is done has happened at a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Happened {
    No,
    Yes,
    /// With one of several files.
    Partly,
    /// In the database; but a file that a person named still lies there, and is loaded as often as
    /// it is named.
    ButTheFileIsThere,
}

use Happened::{ButTheFileIsThere, No, Partly, Yes};

/// Makes a test of each step, of each thing that can come between.
macro_rules! at_each_step {
    ($story:ident; $($name:ident = $step:literal, $happened:expr;)*) => {
        mod $story {
            #[test]
            fn undisturbed() {
                super::undisturbed(&crate::story::Story::$story());
            }

            mod killed_when {
                #[allow(unused_imports, reason = "few stories have all of them")]
                use super::super::{ButTheFileIsThere, No, Partly, Yes, killed};
                $(
                    #[test]
                    fn $name() {
                        killed(&crate::story::Story::$story(), $step, $happened);
                    }
                )*
            }

            mod cut_off_when {
                use super::super::cut_off_at;
                $(
                    #[test]
                    fn $name() {
                        cut_off_at(&crate::story::Story::$story(), $step);
                    }
                )*
            }
        }
    };
}

fn undisturbed(story: &Story) {
    story.go();
    story.assert_end();
    story.go_again();
    story.assert_end();
}

fn killed(story: &Story, step: &str, happened: Happened) {
    let before = story.tables();
    story.stop_at(step).kill();
    match happened {
        No => {
            assert_eq!(story.tables(), before, "at {step}");
            story.go();
        }
        Partly => story.go(),
        ButTheFileIsThere => {
            story.assert_end_of_tables();
            story.go();
            return story.assert_end_and_a_load_without_effect();
        }
        Yes => {
            story.assert_end_of_tables();
            story.go_again();
        }
    }
    story.assert_end();
}

/// The server ends every connection at the step: what was begun is tried again by itself.
fn cut_off_at(story: &Story, step: &str) {
    let stopped = story.stop_at(step);
    cut_off(&story.warehouse);
    story.wait_for_the_end(stopped.go_on());
    story.assert_end();
}

/// The server has committed, the answer does not arrive, and the program tries again by itself.
fn unheard(mut story: Story, step: &str) {
    let proxy = Proxy::before(story.warehouse.url());
    let url = proxy.url(story.warehouse.url());
    story.warehouse = story.warehouse.env("DATABASE_URL", &url);
    let stopped = story.stop_at(step);
    proxy.swallow_the_next_answer_to_a_commit();
    story.wait_for_the_end(stopped.go_on());
    assert!(proxy.has_swallowed());
    story.assert_end();
}

#[test]
fn an_undo_whose_commit_is_not_heard_of_happens_once_and_says_so() {
    unheard(Story::undo(), "undo::commit");
}

#[test]
fn a_redo_whose_commit_is_not_heard_of_happens_once_and_says_so() {
    unheard(Story::redo(), "undo::commit");
}

#[test]
fn a_late_file_whose_commit_is_not_heard_of_is_loaded_once() {
    unheard(Story::late(), "merge::commit");
}

#[test]
fn files_whose_shared_commit_is_not_heard_of_are_loaded_once() {
    unheard(Story::together(), "merge::commit");
}

#[test]
fn a_held_file_whose_commit_is_not_heard_of_is_let_in_once() {
    unheard(Story::accept_closes(), "merge::commit");
}

at_each_step! { undo;
    planned_and_entered = "undo::ledger", No;
    planned_and_refolded = "undo::refolded", No;
    about_to_begin = "undo::begin", No;
    transaction_begun = "undo::begun", No;
    entered_in_the_ledger = "undo::ledger#2", No;
    table_locked = "undo::locked#2", No;
    keys_touched = "undo::touched#2", No;
    histories_made = "refold::gathered#2", No;
    versions_shrunk = "refold::shrunk#2", No;
    versions_deleted = "refold::deleted#2", No;
    versions_rewritten = "refold::rewritten#2", No;
    versions_inserted = "refold::inserted#2", No;
    payloads_written = "refold::remembered#2", No;
    refolded = "undo::refolded#2", No;
    marked = "undo::marked#2", No;
    facts_looked_after = "undo::released#2", No;
    about_to_commit = "undo::commit", No;
    committed = "undo::committed", Yes;
}

at_each_step! { redo;
    planned_and_refolded = "undo::refolded", No;
    about_to_begin = "undo::begin", No;
    transaction_begun = "undo::begun", No;
    entered_in_the_ledger = "undo::ledger#2", No;
    table_locked = "undo::locked#2", No;
    keys_touched = "undo::touched#2", No;
    histories_made = "refold::gathered#2", No;
    versions_shrunk = "refold::shrunk#2", No;
    versions_rewritten = "refold::rewritten#2", No;
    versions_inserted = "refold::inserted#2", No;
    payloads_written = "refold::remembered#2", No;
    marked = "undo::marked#2", No;
    facts_released = "undo::released#2", No;
    about_to_commit = "undo::commit", No;
    committed = "undo::committed", Yes;
}

at_each_step! { undo_of_facts;
    planned_and_refolded = "undo::refolded", No;
    about_to_begin = "undo::begin", No;
    entered_in_the_ledger = "undo::ledger#2", No;
    facts_written = "undo::refolded#2", No;
    marked = "undo::marked#2", No;
    about_to_commit = "undo::commit", No;
    committed = "undo::committed", Yes;
}

at_each_step! { redo_of_facts;
    entered_in_the_ledger = "undo::ledger#2", No;
    facts_written = "undo::refolded#2", No;
    marked = "undo::marked#2", No;
    about_to_commit = "undo::commit", No;
    committed = "undo::committed", Yes;
}

at_each_step! { late;
    rows_landed = "merge::landed", No;
    histories_made = "refold::gathered", No;
    versions_shrunk = "refold::shrunk", No;
    versions_deleted = "refold::deleted", No;
    versions_rewritten = "refold::rewritten", No;
    versions_inserted = "refold::inserted", No;
    payloads_written = "refold::remembered", No;
    observations_written = "merge::observed", No;
    held_facts_released = "merge::released", No;
    described = "merge::described", No;
    about_to_commit = "merge::commit", No;
    committed = "merge::committed", Yes;
    removed = "retire::removed", Yes;
}

// Whether the first of them went ahead of the others depends on who was quicker.
at_each_step! { together;
    all_entered_in_the_ledger = "merge::ledger", No;
    table_locked = "merge::locked", No;
    first_brought_in = "merge::brought_in", No;
    all_brought_in = "merge::brought_in#3", Partly;
    facts_released = "merge::released", No;
    about_to_commit = "merge::commit", No;
    committed = "merge::committed", Partly;
    about_to_retire = "retire::begin", Partly;
    one_removed = "retire::removed", Partly;
    two_removed = "retire::removed#2", Partly;
    all_removed_and_not_told = "load::ended#3", Yes;
}

at_each_step! { snapshot;
    versions_closed_and_opened = "merge::brought_in", No;
    new_versions_opened_and_absent_ones_closed = "merge::absent", No;
    opened = "merge::opened", No;
    described = "merge::described", No;
    about_to_commit = "merge::commit", No;
    committed = "merge::committed", Yes;
    removed = "retire::removed", Yes;
}

at_each_step! { late_snapshot;
    histories_made = "refold::gathered", No;
    versions_shrunk = "refold::shrunk", No;
    versions_inserted = "refold::inserted", No;
    payloads_written = "refold::remembered", No;
    described = "merge::described", No;
    about_to_commit = "merge::commit", No;
    committed = "merge::committed", Yes;
}

at_each_step! { held;
    landed = "merge::landed", No;
    refusal_about_to_commit = "refusal::commit", No;
    refusal_committed = "refusal::committed", Yes;
    set_aside_and_the_move_not_synced = "retire::moved", Yes;
    set_aside_and_not_told = "load::ended", Yes;
}

at_each_step! { accept_closes;
    staged = "stage::done", No;
    landed = "merge::landed", No;
    absent_ones_closed = "merge::absent", No;
    described = "merge::described", No;
    about_to_commit = "merge::commit", No;
    committed = "merge::committed", ButTheFileIsThere;
    about_to_retire = "retire::begin", ButTheFileIsThere;
    report_removed = "retire::removed", ButTheFileIsThere;
    file_removed_and_the_removal_not_synced = "retire::removed#2", Yes;
    removal_synced = "retire::synced", Yes;
}

at_each_step! { sidecars;
    sidecar_claimed = "watch::sidecar", No;
    claimed_and_the_claim_not_synced = "watch::claimed", No;
    second_sidecar_claimed = "watch::sidecar#2", No;
    claims_synced = "watch::synced", No;
    opened = "stage::begin", No;
    about_to_commit = "merge::commit", No;
    committed = "merge::committed", Partly;
    about_to_retire = "retire::begin", Partly;
    sidecar_removed = "retire::removed", Partly;
    file_removed = "retire::removed#2", Partly;
    refusal_about_to_commit = "refusal::commit", Partly;
    refusal_committed = "refusal::committed", Yes;
    sidecar_set_aside = "retire::sidecar", Yes;
    set_aside_and_the_move_not_synced = "retire::moved", Yes;
    set_aside_and_not_told = "load::ended#2", Yes;
}

at_each_step! { markers;
    marker_claimed = "watch::sidecar", No;
    claimed_and_the_claim_not_synced = "watch::claimed", No;
    claims_synced = "watch::synced", No;
    committed = "merge::committed", Partly;
    marker_removed = "retire::removed", Partly;
    file_removed = "retire::removed#2", Partly;
    refusal_committed = "refusal::committed", Yes;
    marker_set_aside = "retire::sidecar", Yes;
    set_aside_and_the_move_not_synced = "retire::moved", Yes;
}
