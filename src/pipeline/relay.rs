//! In which order pieces of work of one table come to its two bottlenecks.
//!
//! While one is merged the next is made ready, and while that is merged the one before is retired.
//! Each merges when the one before has, and ends when that has. A piece of work that is dropped, for
//! whatever reason, lets the next one go on.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::contract::TableName;

/// The last piece of work of each table.
#[derive(Default, Debug)]
pub(super) struct Relays(BTreeMap<TableName, [Before; 2]>);

/// Nothing is ever sent: that the channel is closed says that something is over.
type Before = Receiver<Infallible>;

/// One piece of work's place in the order of its table.
#[derive(Debug)]
pub(super) struct Relay {
    merge: Leg,
    end: Leg,
}

#[derive(Debug)]
struct Leg {
    before: Option<Before>,
    own: Option<Sender<Infallible>>,
}

impl Relays {
    /// A place behind all that were asked for before.
    pub(super) fn next(&mut self, table: &TableName) -> Relay {
        let (merge, merged) = channel();
        let (end, ended) = channel();
        let before = self.0.insert(table.clone(), [merged, ended]);
        let [merged, ended] = before.map_or([None, None], |both| both.map(Some));
        Relay {
            merge: Leg {
                before: merged,
                own: Some(merge),
            },
            end: Leg {
                before: ended,
                own: Some(end),
            },
        }
    }
}

impl Relay {
    /// Waits until all before have merged what they have.
    pub(super) fn wait_to_merge(&self) {
        self.merge.wait();
    }

    /// Nothing of this one is left to merge.
    pub(super) fn has_merged(&mut self) {
        self.merge.own = None;
    }

    /// Waits until all before have come to their end.
    pub(super) fn wait_to_end(&self) {
        self.end.wait();
    }
}

impl Leg {
    fn wait(&self) {
        if let Some(before) = &self.before {
            // An error, that is: the other end is gone.
            let _ = before.recv();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    #[test]
    fn each_merges_and_ends_after_the_one_before() {
        let users = TableName::new("users");
        let mut relays = Relays::default();
        let works: Vec<_> = (0..20).map(|_| relays.next(&users)).collect();
        let (merged, ended) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            // The last one is the first to wait.
            for (number, mut relay) in works.into_iter().enumerate().rev() {
                let (merged, ended) = (&merged, &ended);
                scope.spawn(move || {
                    relay.wait_to_merge();
                    merged.lock().unwrap().push(number);
                    relay.has_merged();
                    relay.wait_to_end();
                    ended.lock().unwrap().push(number);
                });
            }
        });
        let in_order: Vec<_> = (0..20).collect();
        assert_eq!(merged.into_inner().unwrap(), in_order);
        assert_eq!(ended.into_inner().unwrap(), in_order);
    }

    #[test]
    fn a_piece_of_work_that_dies_lets_the_next_one_go_on() {
        let users = TableName::new("users");
        let mut relays = Relays::default();
        let (first, second) = (relays.next(&users), relays.next(&users));
        drop(first);
        second.wait_to_merge();
        second.wait_to_end();
    }

    #[test]
    fn tables_do_not_wait_for_each_other() {
        let mut relays = Relays::default();
        let _users = relays.next(&TableName::new("users"));
        relays.next(&TableName::new("products")).wait_to_merge();
    }
}
