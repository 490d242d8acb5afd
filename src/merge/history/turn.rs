//! Undo and redo: a load stops counting, or counts again (semantics §13).
//!
//! What the load said stays in the ledger; only its status changes, and the history of the keys
//! of which it spoke is made anew. So the result is that of a past in which it never came, whatever
//! came after it, and to undo the undoing gives back what was. A turn is itself a load in the
//! ledger.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::{Event, Table, refold};
use crate::contract::{Contract, Contracts, Ident, Kind, TableName};
use crate::db::prelude::*;
use crate::failpoint;
use crate::ledger::words::{Absence, Action, Instants, Word};
use crate::merge::counts::unsigned;
use crate::merge::held::LettingIn;
use crate::merge::ledger::{self, Entry};
use crate::merge::plan::Told;
use crate::merge::sql::{self, Holding, Spoken};
use crate::merge::{MergeError, held, locks};
use crate::summary::{Changes, Status};

/// What happens to a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It no longer counts.
    Undo,
    /// It counts again.
    Redo,
}

/// The load that a turn is about.
#[derive(QueryableByName, Debug)]
pub(in crate::merge) struct Target {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    pub(in crate::merge) file_name: String,
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(sql_type = Text)]
    action: Action,
    /// Of a turn, the load that it was about.
    #[diesel(sql_type = Nullable<BigInt>)]
    turned: Option<i64>,
    #[diesel(sql_type = Text)]
    instants: Instants,
    #[diesel(sql_type = Text)]
    absence: Absence,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    effective_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    rows_accepted: i64,
}

impl Target {
    /// Reads the load, and refuses one that cannot be turned.
    pub(in crate::merge) fn find(
        conn: &mut PgConnection,
        table: &TableName,
        load_id: i64,
        turn: Turn,
    ) -> Result<Self, MergeError> {
        let target: Option<Self> = sql_query(include_str!("../ledger/target.sql"))
            .bind::<BigInt, _>(load_id)
            .get_result(conn)
            .optional()?;
        let Some(target) = target else {
            return Err(MergeError::NotTurned(format!(
                "There is no load {load_id}. `hayloft status` lists the loads."
            )));
        };
        match target.obstacle(table, load_id, turn) {
            Some(obstacle) => Err(MergeError::NotTurned(obstacle)),
            None => Ok(target),
        }
    }

    fn obstacle(&self, table: &TableName, load_id: i64, turn: Turn) -> Option<String> {
        if self.table_name != table.as_str() {
            let own = &self.table_name;
            return Some(format!(
                "Load {load_id} is one of `{own}`, not of `{table}`."
            ));
        }
        if let Some(other) = self.turned {
            return Some(if self.action == Action::Undo {
                format!(
                    "Load {load_id} is the undo of load {other}. `hayloft redo {other}` puts load \
                     {other} in again."
                )
            } else {
                format!(
                    "Load {load_id} is the redo of load {other}. `hayloft undo {other}` takes load \
                     {other} out again."
                )
            });
        }
        Some(match (turn, self.status) {
            (Turn::Undo, Status::Loaded) | (Turn::Redo, Status::Undone) => return None,
            (Turn::Undo, Status::Undone) => {
                format!("It is undone already; `hayloft redo {load_id}` puts it in again.")
            }
            (Turn::Redo, Status::Loaded) => {
                format!("It counts already; `hayloft undo {load_id}` takes it out.")
            }
            (_, Status::Skipped) => {
                "It was skipped, so there is nothing of it in the table.".to_owned()
            }
            (_, Status::Failed) => "It failed, so there is nothing of it in the table.".to_owned(),
            (_, Status::Loading) => MergeError::NoEnd { load_id }.to_string(),
        })
    }

    pub(in crate::merge) fn rows(&self) -> u64 {
        unsigned(self.rows_accepted)
    }

    pub(in crate::merge) fn at(&self) -> DateTime<Utc> {
        self.effective_at.unwrap_or_default()
    }
}

/// What a turn did.
#[derive(Debug)]
pub(in crate::merge) struct Turned {
    pub(in crate::merge) changes: Changes,
    /// Rows of the load that wait, or that waited until it went.
    pub(in crate::merge) held: u64,
    /// Facts of other loads that were waiting for these members.
    pub(in crate::merge) released: u64,
    pub(in crate::merge) told: Told,
}

/// Makes the history anew of the keys of which a load of a dimension spoke.
pub(in crate::merge) fn turn_dimension(
    conn: &mut PgConnection,
    contracts: &Contracts,
    contract: &Contract,
    durable_key: &Ident,
    (load_id, target): (i64, &Target),
    turn: Turn,
    samples: usize,
) -> Result<Turned, MergeError> {
    touch(conn, contract, durable_key, load_id, target, turn)?;
    failpoint!("undo::touched");
    let table = Table::new(contract, durable_key);
    let (event, status) = match turn {
        Turn::Undo => (Event::Goes, Status::Undone),
        Turn::Redo => (Event::Returns, Status::Loaded),
    };
    let refolded = refold(conn, &table, event, load_id, None, samples)?;
    failpoint!("undo::refolded");
    set_status(conn, load_id, status)?;
    failpoint!("undo::marked");
    let dependants: Vec<&Contract> = contracts.referring_to(&contract.name).collect();
    keep_members_of_facts(conn, contract, durable_key, &dependants)?;
    let spoken = [Spoken::Touched];
    let at = target.at();
    let released = if held::is_awaited(conn, contract)? {
        held::release(
            conn,
            contract,
            durable_key,
            &dependants,
            &spoken,
            &[],
            (at, LettingIn::Together),
        )?
        .released
    } else {
        0
    };
    failpoint!("undo::released");
    Ok(Turned {
        changes: refolded.changes,
        held: 0,
        released,
        told: Told::Keys(refolded.told),
    })
}

/// Touches the keys of which the load spoke, and those that it called absent.
fn touch(
    conn: &mut PgConnection,
    contract: &Contract,
    durable_key: &Ident,
    load_id: i64,
    target: &Target,
    turn: Turn,
) -> QueryResult<()> {
    sql_query(sql::CREATE_TOUCHED).execute(conn)?;
    let by_load = |statement: &str| sql_query(statement).bind::<BigInt, _>(load_id);
    by_load(include_str!("touch_payloads.sql")).execute(conn)?;
    if target.instants == Instants::Own {
        by_load(include_str!("touch_observed.sql")).execute(conn)?;
    } else {
        by_load(&sql::touch_spoken(contract, durable_key)).execute(conn)?;
    }
    if target.absence == Absence::Closes {
        let absent = match turn {
            Turn::Undo => {
                sql_query(include_str!("touch_beaten.sql"))
                    .bind::<Text, _>(contract.name.as_str())
                    .bind::<Timestamptz, _>(target.at())
                    .execute(conn)?;
                sql::touch_ended(contract, durable_key)
            }
            Turn::Redo => sql::touch_present(contract, durable_key),
        };
        sql_query(absent)
            .bind::<Timestamptz, _>(target.at())
            .execute(conn)?;
    }
    conn.batch_execute("analyze pg_temp.hayloft_touched")
}

pub(in crate::merge) fn set_status(
    conn: &mut PgConnection,
    load_id: i64,
    status: Status,
) -> QueryResult<()> {
    sql_query(include_str!("../ledger/set_status.sql"))
        .bind::<BigInt, _>(load_id)
        .bind::<Text, _>(status.word())
        .execute(conn)
        .map(drop)
}

/// Looks after the facts that name a touched key of which no version is left: an undo takes a member
/// away, and so does a row that says of the one instant at which it was there that it was not.
pub(in crate::merge) fn keep_members_of_facts(
    conn: &mut PgConnection,
    dimension: &Contract,
    durable_key: &Ident,
    dependants: &[&Contract],
) -> Result<(), MergeError> {
    for fact in dependants {
        refuse_orphans(conn, fact, dimension, durable_key)?;
        await_lost(conn, fact, dimension)?;
    }
    Ok(())
}

/// Refuses to take members away to which facts refer: these would have no dimension.
fn refuse_orphans(
    conn: &mut PgConnection,
    fact: &Contract,
    dimension: &Contract,
    durable_key: &Ident,
) -> Result<(), MergeError> {
    #[derive(QueryableByName)]
    struct Orphans {
        #[diesel(sql_type = BigInt)]
        facts: i64,
        #[diesel(sql_type = BigInt)]
        members: i64,
    }
    for statement in sql::count_orphans(fact, dimension, durable_key) {
        let orphans: Orphans = sql_query(statement).get_result(conn)?;
        if orphans.facts > 0 {
            return Err(MergeError::Referenced {
                table: fact.name.clone(),
                facts: unsigned(orphans.facts),
                members: unsigned(orphans.members),
            });
        }
    }
    Ok(())
}

/// A held fact may wait for one member and name another that was known: if that one goes, it waits
/// for both.
fn await_lost(conn: &mut PgConnection, fact: &Contract, dimension: &Contract) -> QueryResult<()> {
    let Kind::Fact { references, .. } = &fact.kind else {
        return Ok(());
    };
    let of_dimension = references
        .iter()
        .filter(|reference| reference.dimension == dimension.name);
    for reference in of_dimension {
        let statement = sql::note_awaited(fact, reference, Holding::OfTouchedMembers);
        sql_query(statement)
            .bind::<Text, _>(fact.name.as_str())
            .bind::<Text, _>(dimension.name.as_str())
            .execute(conn)?;
    }
    Ok(())
}

/// What the ledger answers to the first statement of a turn.
pub(in crate::merge) enum Begun {
    /// It is new, has this number, and is about this load.
    New(i64, Target),
    /// It was done before: an earlier attempt was committed, and nobody heard of it.
    Before(Box<Entry>),
}

/// Writes the ledger's row of a turn, as the first statement of its transaction.
pub(in crate::merge) fn open(
    conn: &mut PgConnection,
    contracts: &Contracts,
    contract: &Contract,
    load_id: i64,
    turn: Turn,
    claim: Uuid,
) -> Result<Begun, MergeError> {
    #[derive(QueryableByName)]
    struct New {
        #[diesel(sql_type = BigInt)]
        load_id: i64,
    }
    let action = match turn {
        Turn::Undo => Action::Undo,
        Turn::Redo => Action::Redo,
    };
    let new: Option<New> = sql_query(include_str!("../ledger/open_turn.sql"))
        .bind::<BigInt, _>(load_id)
        .bind::<diesel::sql_types::Uuid, _>(claim)
        .bind::<Text, _>(action.word())
        .get_result(conn)
        .optional()?;
    failpoint!("undo::ledger");
    if new.is_none()
        && let Some(entry) = ledger::find(conn, claim)?
    {
        return Ok(Begun::Before(Box::new(entry)));
    }
    conn.batch_execute(include_str!("../transaction.sql"))?;
    locks::take(conn, contract, contracts)?;
    failpoint!("undo::locked");
    // Asked once the table is ours: another turn may have been before us.
    let target = Target::find(conn, &contract.name, load_id, turn)?;
    let number = new.map_or(0, |new| new.load_id);
    Ok(Begun::New(number, target))
}
