//! What the loads of one transaction know of each other, so that the server is asked once for all.
//!
//! In: what the first of them asks, and what each has done. Out: the answers for those that follow.
//! Under the locks nobody else loads into the table, or lets a fact wait for it, so that only these
//! loads can change an answer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;

use super::held::LettingIn;
use super::history::Defaults;
use super::ledger::{self, Deliveries, Seen, Sha256};
use super::sql::Shape;
use super::{MergeError, brought, defaults, held, swallowed};
use crate::contract::{Contract, TableName};
use crate::db::prelude::*;
use crate::stage::Staged;
use crate::summary::Changes;

/// Has the server look rows up by their keys, until the end of the transaction.
pub(super) const LOOK_UP: &str = include_str!("shared/look_up.sql");

/// What is known in a transaction.
#[derive(Default, Debug)]
pub(super) struct Shared {
    /// The bytes of all files whose loads share the transaction.
    bytes: Vec<Sha256>,
    /// How facts are let in that waited for members.
    pub(super) letting_in: LettingIn,
    /// Which of these the ledger has.
    delivered: RefCell<Option<Deliveries>>,
    /// The instant of the last load that took its time from the server's clock.
    time: Cell<Option<DateTime<Utc>>>,
    /// About how many rows the table has, if it has some.
    size: Cell<Option<u64>>,
    /// Columns, and those of them that some load before did not speak of.
    unsure: RefCell<Option<(Vec<String>, Vec<String>)>>,
    /// Columns, and the defaults of the others.
    defaults: RefCell<Option<(Vec<String>, Defaults)>>,
    /// Loads of the table of which it was asked whether they count, and they do.
    counting: RefCell<BTreeSet<i64>>,
    awaited: Cell<Awaited>,
    /// Whether rows are in the table as they are written to it.
    as_told: Cell<Option<bool>>,
    planner: Cell<Planner>,
    tables: Cell<Tables>,
}

/// Whether facts wait for members of the table.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Awaited {
    #[default]
    Perhaps,
    Not,
}

/// How the server plans statements.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Planner {
    #[default]
    Free,
    /// Each row is looked up by an index, by a plan that is made once.
    LookUp,
}

/// Whether there may be temporary tables.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Tables {
    #[default]
    None,
    Perhaps,
}

impl Shared {
    /// For the loads of these files.
    pub(super) fn of<'s>(files: impl Iterator<Item = &'s Staged>) -> Self {
        Self {
            bytes: files.map(|staged| staged.delivery.sha256).collect(),
            ..Self::default()
        }
    }

    /// The same, with facts let in like this.
    pub(super) fn with(self, letting_in: LettingIn) -> Self {
        Self { letting_in, ..self }
    }

    /// Whether the bytes of a file were loaded into the table before.
    pub(super) fn seen(
        &self,
        conn: &mut PgConnection,
        table: &TableName,
        bytes: &Sha256,
    ) -> QueryResult<Seen> {
        let mut delivered = self.delivered.borrow_mut();
        let deliveries = match delivered.as_mut() {
            Some(deliveries) => deliveries,
            None => delivered.insert(ledger::delivered(conn, table, &self.bytes)?),
        };
        Ok(deliveries.seen(bytes))
    }

    /// The instant of a load that takes its time from the load itself. The clock is read once, and
    /// each load comes after the one before.
    pub(super) fn load_time(
        &self,
        conn: &mut PgConnection,
        table: &TableName,
    ) -> QueryResult<DateTime<Utc>> {
        let time = match self.time.get() {
            Some(before) => before + TimeDelta::microseconds(1),
            None => ledger::load_time(conn, table)?,
        };
        self.time.set(Some(time));
        Ok(time)
    }

    /// About how many rows the table has; `None` if it has none at all.
    pub(super) fn size(
        &self,
        conn: &mut PgConnection,
        contract: &Contract,
    ) -> QueryResult<Option<u64>> {
        if self.size.get().is_none() && !ledger::is_empty(conn, contract)? {
            self.size.set(Some(ledger::estimate_rows(conn, contract)?));
        }
        Ok(self.size.get())
    }

    /// Of these columns, those that some load that counts did not speak of.
    pub(super) fn unsure_columns(
        &self,
        conn: &mut PgConnection,
        contract: &Contract,
        columns: &[&str],
    ) -> QueryResult<Vec<String>> {
        let mut known = self.unsure.borrow_mut();
        if let Some((of, unsure)) = known.as_ref()
            && of == columns
        {
            return Ok(unsure.clone());
        }
        let unsure = ledger::unsure_columns(conn, contract, columns)?;
        let of = columns.iter().map(|&column| column.to_owned()).collect();
        *known = Some((of, unsure.clone()));
        Ok(unsure)
    }

    /// What new keys get in the columns of which a file does not speak.
    pub(super) fn defaults(
        &self,
        conn: &mut PgConnection,
        shape: Shape<'_>,
    ) -> QueryResult<Defaults> {
        let mut known = self.defaults.borrow_mut();
        let ids = shape.ids();
        if let Some((of, defaults)) = known.as_ref()
            && *of == ids
        {
            return Ok(Arc::clone(defaults));
        }
        let defaults = defaults::evaluate(conn, shape)?;
        let of = ids.into_iter().map(ToOwned::to_owned).collect();
        *known = Some((of, Arc::clone(&defaults)));
        Ok(defaults)
    }

    /// Finds that versions, of which these are the loads, were brought by loads that count.
    pub(super) fn vouch_for_loads(
        &self,
        conn: &mut PgConnection,
        contract: &Contract,
        loads: impl IntoIterator<Item = i64>,
    ) -> Result<(), MergeError> {
        let mut counting = self.counting.borrow_mut();
        let asked = loads.into_iter().filter(|load| !counting.contains(load));
        let mut asked: BTreeSet<i64> = asked.collect();
        brought::vouch(conn, contract, &asked)?;
        counting.append(&mut asked);
        Ok(())
    }

    /// Whether any fact waits for a member of the dimension.
    pub(super) fn is_awaited(
        &self,
        conn: &mut PgConnection,
        dimension: &Contract,
    ) -> QueryResult<bool> {
        if self.awaited.get() == Awaited::Not {
            return Ok(false);
        }
        let awaited = held::is_awaited(conn, dimension)?;
        if !awaited {
            self.awaited.set(Awaited::Not);
        }
        Ok(awaited)
    }

    /// Whether no trigger and no rule makes something else of what is written to the table.
    pub(super) fn keeps_rows_as_told(
        &self,
        conn: &mut PgConnection,
        contract: &Contract,
    ) -> QueryResult<bool> {
        let as_told = match self.as_told.get() {
            Some(known) => known,
            None => swallowed::keeps_rows_as_told(conn, contract)?,
        };
        self.as_told.set(Some(as_told));
        Ok(as_told)
    }

    /// Takes in what a load has done that had these bytes and columns.
    pub(super) fn loaded(
        &self,
        load_id: i64,
        bytes: &Sha256,
        columns: &[String],
        changes: &Changes,
    ) {
        if let Some(deliveries) = self.delivered.borrow_mut().as_mut() {
            deliveries.loads.insert(*bytes, load_id);
            deliveries.latest = Some(load_id);
        }
        self.counting.borrow_mut().insert(load_id);
        self.unsure.borrow_mut().take_if(|(of, _)| of != columns);
        let versions = changes.inserted + changes.updated + changes.reopened;
        self.size.set(self.size.get().map(|size| size + versions));
    }

    /// From here on few rows are looked up in a large table. What is asked beside that is asked of
    /// few rows as well.
    pub(super) fn look_up(&self, conn: &mut PgConnection) -> QueryResult<()> {
        if self.planner.replace(Planner::LookUp) == Planner::Free {
            conn.batch_execute(LOOK_UP)?;
        }
        Ok(())
    }

    /// From here on the server plans each statement as it sees fit.
    pub(super) fn plan_freely(&self, conn: &mut PgConnection) -> QueryResult<()> {
        if self.planner.replace(Planner::Free) == Planner::LookUp {
            conn.batch_execute(include_str!("shared/look_up_no_more.sql"))?;
        }
        Ok(())
    }

    /// From here on that, and there may be temporary tables.
    pub(super) fn work_in_sets(&self, conn: &mut PgConnection) -> QueryResult<()> {
        self.tables.set(Tables::Perhaps);
        self.plan_freely(conn)
    }

    /// Makes room for the next load.
    pub(super) fn clear_away(&self, conn: &mut PgConnection) -> QueryResult<()> {
        if self.tables.replace(Tables::None) == Tables::Perhaps {
            super::landing::clear_away(conn)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    /// What a statement sets, or gives back.
    fn settings(sql: &str) -> Vec<&str> {
        sql.lines()
            .filter_map(|line| {
                line.strip_prefix("set local ")
                    .or(line.strip_prefix("reset "))
            })
            .filter_map(|line| line.split([' ', ';']).next())
            .collect()
    }

    #[test]
    fn what_is_set_for_the_look_up_is_given_back() {
        let set = settings(super::LOOK_UP);
        assert!(set.contains(&"enable_hashjoin"));
        assert_eq!(set, settings(include_str!("shared/look_up_no_more.sql")));
    }
}
