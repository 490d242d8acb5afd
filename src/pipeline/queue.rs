//! Which delivery may run now.
//!
//! In: deliveries, in the order in which they arrived, and which tables refer to which. Out: the
//! next one that may run. Pure: it knows neither files nor threads nor a database.
//!
//! The rules: one piece of work of a table at a time, in order of arrival, which is one delivery
//! unless whoever runs it takes more of the table with it; a second one may be made ready meanwhile
//! where many wait; a table waits while a table that it refers to has deliveries waiting or running,
//! so that dimensions come before facts; all else may run side by side, the longest waiting first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::contract::TableName;

/// Something that is for a table.
pub trait ForTable {
    /// The table.
    fn table(&self) -> &TableName;
}

/// The deliveries that wait, and which tables are busy.
#[derive(Debug)]
pub struct Queue<T> {
    references: BTreeMap<TableName, BTreeSet<TableName>>,
    lines: BTreeMap<TableName, Line<T>>,
    next_turn: Turn,
}

/// Counts arrivals, across tables.
type Turn = u64;

/// The deliveries of one table. A line with neither waiting nor running is removed.
#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<(Turn, T)>,
    /// How many pieces of work.
    running: usize,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            running: 0,
        }
    }
}

impl<T: ForTable> Queue<T> {
    /// Takes each table with the tables that it refers to. A table that refers to itself does not
    /// wait for itself.
    pub fn new(references: impl IntoIterator<Item = (TableName, BTreeSet<TableName>)>) -> Self {
        let without_self = |(table, mut others): (TableName, BTreeSet<TableName>)| {
            others.remove(&table);
            (table, others)
        };
        Self {
            references: references.into_iter().map(without_self).collect(),
            lines: BTreeMap::new(),
            next_turn: 0,
        }
    }

    /// Puts a delivery at the end of its table's line.
    pub fn push(&mut self, item: T) {
        let turn = self.next_turn;
        self.next_turn += 1;
        let line = self.lines.entry(item.table().clone()).or_default();
        line.waiting.push_back((turn, item));
    }

    /// Takes out the longest waiting delivery that may run now; its table is busy until
    /// [`Queue::done`].
    #[expect(
        clippy::should_implement_trait,
        reason = "it is a queue, not an iterator: None ends nothing"
    )]
    pub fn next(&mut self) -> Option<T> {
        let table = self
            .first_in_line(|table| self.may_run(table))
            .or_else(|| self.out_of_a_circle())?;
        let line = self.lines.get_mut(&table)?;
        let (_, item) = line.waiting.pop_front()?;
        line.running = 1;
        Some(item)
    }

    /// Takes out the first delivery of a busy table of which enough wait, to be made ready while
    /// the ones before are brought to their end. One piece of work of a table may be ahead, and
    /// so many of all tables: what is made ready keeps files open.
    pub fn ahead(
        &mut self,
        most: usize,
        enough: impl Fn(&TableName) -> Option<usize>,
    ) -> Option<T> {
        let ahead = self.lines.values().filter(|line| line.running > 1);
        if ahead.count() >= most {
            return None;
        }
        let could = |(table, line): &(&TableName, &Line<T>)| {
            let enough = enough(table);
            line.running == 1 && enough.is_some_and(|enough| line.waiting.len() >= enough)
        };
        let (table, _) = self
            .lines
            .iter()
            .filter(could)
            .find(|(table, _)| self.may_run(table))?;
        let table = table.clone();
        let line = self.lines.get_mut(&table)?;
        let (_, item) = line.waiting.pop_front()?;
        line.running += 1;
        Some(item)
    }

    /// Takes out one more delivery of a table that is busy, for whoever takes several of them to
    /// their end together: they are done when all are.
    pub fn one_more(&mut self, table: &TableName) -> Option<T> {
        let line = self.lines.get_mut(table)?;
        if line.running == 0 {
            return None;
        }
        line.waiting.pop_front().map(|(_, item)| item)
    }

    /// A piece of the table's work has come to its end, good or bad.
    pub fn done(&mut self, table: &TableName) {
        if let Some(line) = self.lines.get_mut(table) {
            line.running = line.running.saturating_sub(1);
            if line.waiting.is_empty() && line.running == 0 {
                self.lines.remove(table);
            }
        }
    }

    /// How many deliveries wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lines.values().map(|line| line.waiting.len()).sum()
    }

    /// How many pieces of work run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.lines.values().map(|line| line.running).sum()
    }

    /// Whether nothing waits and nothing runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lines.is_empty()
    }

    fn may_run(&self, table: &TableName) -> bool {
        let mut references = self.references.get(table).into_iter().flatten();
        !references.any(|reference| self.lines.contains_key(reference))
    }

    /// Tables that refer to each other in a circle would wait for each other for ever. When
    /// nothing runs and nothing may, the longest waiting goes first.
    fn out_of_a_circle(&self) -> Option<TableName> {
        if self.running() == 0 {
            self.first_in_line(|_| true)
        } else {
            None
        }
    }

    fn first_in_line(&self, may_run: impl Fn(&TableName) -> bool) -> Option<TableName> {
        let free = self
            .lines
            .iter()
            .filter(|(table, line)| line.running == 0 && may_run(table));
        let (_, table) = free
            .filter_map(|(table, line)| Some((line.waiting.front()?.0, table)))
            .min()?;
        Some(table.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Item(TableName, u32);

    impl ForTable for Item {
        fn table(&self) -> &TableName {
            &self.0
        }
    }

    fn table(name: &str) -> TableName {
        TableName::new(name)
    }

    fn item(name: &str, number: u32) -> Item {
        Item(table(name), number)
    }

    /// Facts `transactions` refer to `users`; `products` stand alone; `a` and `b` to each other.
    fn queue(items: &[(&str, u32)]) -> Queue<Item> {
        let refer = |from: &str, to: &str| (table(from), BTreeSet::from([table(to)]));
        let mut queue = Queue::new([
            refer("transactions", "users"),
            refer("a", "b"),
            refer("b", "a"),
            refer("staff", "staff"),
        ]);
        for (name, number) in items {
            queue.push(item(name, *number));
        }
        queue
    }

    #[test]
    fn deliveries_of_one_table_run_one_at_a_time_in_order_of_arrival() {
        let mut queue = queue(&[("users", 1), ("users", 2)]);
        assert_eq!(queue.next(), Some(item("users", 1)));
        assert_eq!(queue.next(), None);
        queue.done(&table("users"));
        assert_eq!(queue.next(), Some(item("users", 2)));
    }

    #[test]
    fn more_than_one_of_a_busy_table_are_done_together() {
        let mut queue = queue(&[("users", 1), ("users", 2), ("users", 3), ("products", 4)]);
        let users = table("users");
        assert_eq!(queue.one_more(&users), None, "it is not busy");
        assert_eq!(queue.next(), Some(item("users", 1)));
        assert_eq!(queue.one_more(&users), Some(item("users", 2)));
        assert_eq!(queue.next(), Some(item("products", 4)));
        assert_eq!(queue.next(), None);
        queue.done(&users);
        assert_eq!(queue.next(), Some(item("users", 3)));
        assert_eq!(queue.one_more(&users), None, "none is left");
    }

    #[test]
    fn of_a_busy_table_one_piece_of_work_goes_ahead_if_enough_wait() {
        let mut queue = queue(&[("users", 1), ("users", 2), ("users", 3), ("users", 4)]);
        let users = table("users");
        let two = |_: &TableName| Some(2);
        assert_eq!(queue.ahead(1, two), None, "it is not busy");
        assert_eq!(queue.next(), Some(item("users", 1)));
        assert_eq!(queue.ahead(1, |_| None), None, "its work cannot go ahead");
        assert_eq!(queue.ahead(1, |_| Some(4)), None, "three wait");
        assert_eq!(queue.ahead(1, two), Some(item("users", 2)));
        assert_eq!(queue.ahead(1, two), None, "one is ahead");
        queue.done(&users);
        assert_eq!(queue.running(), 1);
        assert_eq!(queue.next(), None, "the one that went ahead runs");
        assert_eq!(queue.ahead(1, two), Some(item("users", 3)));
        queue.done(&users);
        queue.done(&users);
        assert_eq!(queue.next(), Some(item("users", 4)));
        queue.done(&users);
        assert!(queue.is_idle());
    }

    #[test]
    fn of_all_tables_only_so_many_pieces_of_work_are_ahead() {
        let mut queue = queue(&[("users", 1), ("users", 2), ("products", 3), ("products", 4)]);
        let one = |_: &TableName| Some(1);
        assert!(queue.next().is_some() && queue.next().is_some());
        assert_eq!(queue.ahead(0, one), None);
        assert!(queue.ahead(1, one).is_some());
        assert_eq!(queue.ahead(1, one), None, "one is ahead");
        assert!(queue.ahead(2, one).is_some());
    }

    #[test]
    fn in_a_circle_of_references_nothing_goes_ahead() {
        let mut queue = queue(&[("a", 1), ("b", 2), ("a", 3), ("a", 4)]);
        assert_eq!(queue.next(), Some(item("a", 1)));
        assert_eq!(queue.ahead(1, |_| Some(1)), None);
    }

    #[test]
    fn facts_wait_for_the_dimension_that_they_refer_to() {
        let mut queue = queue(&[("transactions", 1), ("users", 2), ("users", 3)]);
        assert_eq!(queue.next(), Some(item("users", 2)));
        assert_eq!(queue.next(), None, "users 2 runs");
        queue.done(&table("users"));
        assert_eq!(queue.next(), Some(item("users", 3)), "users 3 waited");
        queue.done(&table("users"));
        assert_eq!(queue.next(), Some(item("transactions", 1)));
    }

    #[test]
    fn tables_that_have_nothing_to_do_with_each_other_run_side_by_side() {
        let mut queue = queue(&[("products", 1), ("users", 2), ("products", 3)]);
        assert_eq!(queue.next(), Some(item("products", 1)));
        assert_eq!(queue.next(), Some(item("users", 2)));
        assert_eq!(queue.next(), None);
        assert_eq!((queue.running(), queue.waiting()), (2, 1));
    }

    #[test]
    fn the_longest_waiting_goes_first_whatever_its_table_is_called() {
        let mut queue = queue(&[("users", 1), ("products", 2)]);
        assert_eq!(queue.next(), Some(item("users", 1)));
    }

    #[test]
    fn a_circle_of_references_is_not_a_standstill() {
        let mut queue = queue(&[("a", 1), ("b", 2)]);
        assert_eq!(queue.next(), Some(item("a", 1)));
        assert_eq!(queue.next(), None);
        queue.done(&table("a"));
        assert_eq!(queue.next(), Some(item("b", 2)));
    }

    #[test]
    fn a_table_that_refers_to_itself_does_not_wait_for_itself() {
        let mut queue = queue(&[("staff", 1), ("staff", 2)]);
        assert_eq!(queue.next(), Some(item("staff", 1)));
        assert_eq!(queue.next(), None);
        queue.done(&table("staff"));
        assert_eq!(queue.next(), Some(item("staff", 2)));
    }

    #[test]
    fn idle_means_that_nothing_waits_and_nothing_runs() {
        let mut queue = queue(&[("users", 1)]);
        assert!(!queue.is_idle());
        queue.next();
        assert!(!queue.is_idle(), "it runs");
        queue.done(&table("users"));
        assert!(queue.is_idle());
    }
}
