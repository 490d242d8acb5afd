//! Which rows of a file a table refuses, by a constraint, a trigger or whatever else it has of its own.
//!
//! In: a load that the table refused. Out: the lines of the rows that it refuses, each with what
//! refuses it; the load then begins again without them, as if the file did not have them. A load that
//! goes well pays nothing for this.
//!
//! All rows land in a table. The server is asked of them in one go ([`sieve`]). Only where it cannot say
//! which row is refused they are tried otherwise: groups of them are brought in as a load would, each
//! group in a savepoint of its own, and a group that is refused is halved until single rows are left
//! ([`halves`]). Rows are tried in the order of the file, and what is taken stays: of two rows that
//! exclude each other, the first is loaded. Rows of one key are tried together, as they are one history. Once a row of a key was
//! refused, the rows that would be used instead are tried as well, up to the first that is taken
//! ([`Alternatives`](crate::stage::Alternatives)): so it takes few loads to find them all. In the end all
//! of it is rolled back.

pub(super) mod halves;
mod sieve;

use std::collections::BTreeMap;
use std::ops::Range;

use diesel::connection::SimpleConnection;
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use uuid::Uuid;

use self::halves::{Attempt, Judge, Search};
use self::sieve::Answer;
use super::counts::{self, signed, unsigned};
use super::deferred::Deferred;
use super::dimension::{Delivered, Way};
use super::guard::guard;
use super::ledger::Opened;
use super::load::{self, Load};
use super::turning::Turning;
use super::{Instant, MergeError, fact, landing, sql};
use crate::contract::{Kind, Reference};
use crate::db::attempt::{self, Purpose, RuleBreach};
use crate::db::prelude::*;
use crate::db::{is_canceled, is_denied, transaction};
use crate::stage::{Staged, TableReject};

/// Rows that their table refuses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offenders(Vec<TableReject>);

impl Offenders {
    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[TableReject] {
        &self.0
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// How many are looked for at least, even if fewer already refuse the file: its report names them.
const ENOUGH: u64 = 1000;

/// Whether an error may be about some of the rows. One that Diesel has no kind for may be, unless it is
/// told of a lock that somebody else has, of a statement that took too long, or of rights.
pub(super) fn may_be_of_rows(error: &MergeError) -> bool {
    use diesel::result::DatabaseErrorKind as Kind;
    let MergeError::Database(error @ DbError::DatabaseError(kind, _)) = error else {
        return false;
    };
    match kind {
        Kind::UniqueViolation
        | Kind::ForeignKeyViolation
        | Kind::NotNullViolation
        | Kind::CheckViolation
        | Kind::ExclusionViolation
        | Kind::RestrictViolation => true,
        Kind::Unknown => !is_canceled(error) && !is_denied(error),
        _ => false,
    }
}

/// The error of a load, once it is known whether it is about some of its rows.
pub(super) fn explain(
    conn: &mut PgConnection,
    load: &Load<'_>,
    staged: &Staged,
    error: MergeError,
) -> MergeError {
    if !may_be_of_rows(&error) {
        return error;
    }
    match find(conn, load, staged) {
        Ok(Offenders(rows)) if rows.is_empty() => error,
        Ok(offenders) => MergeError::RowsRefused {
            table: load.contract.name.clone(),
            offenders,
        },
        Err(found) => found,
    }
}

/// The error of an undo or a redo, once it is known whether a rule of a table refuses what would be.
pub(super) fn explain_turn(
    conn: &mut PgConnection,
    turning: &Turning<'_>,
    error: MergeError,
) -> MergeError {
    if !may_be_of_rows(&error) {
        return error;
    }
    let (done, caught) = attempt::catching(|| {
        transaction(conn, |conn| {
            conn.batch_execute(attempt::PREPARE)?;
            turning.run(conn)?;
            Deferred::of_load(conn, turning.contracts, turning.contract)?.check(conn)?;
            Err::<(), MergeError>(DbError::RollbackTransaction.into())
        })
    });
    match (caught, done) {
        (Some((_, breach)), _) => MergeError::TableRefuses {
            table: turning.contract.name.clone(),
            breach: Box::new(breach),
        },
        (None, Err(MergeError::Database(DbError::RollbackTransaction)) | Ok(())) => error,
        (None, Err(found)) => found,
    }
}

/// Looks for the rows, in a transaction that is rolled back.
fn find(
    conn: &mut PgConnection,
    load: &Load<'_>,
    staged: &Staged,
) -> Result<Offenders, MergeError> {
    let mut found = None;
    let ended = transaction(conn, |conn| {
        found = Some(look(conn, load, staged)?);
        Err::<(), MergeError>(DbError::RollbackTransaction.into())
    });
    match (found, ended) {
        (Some(found), _) => Ok(found),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Ok(Offenders::default()),
    }
}

fn look(
    conn: &mut PgConnection,
    load: &Load<'_>,
    staged: &Staged,
) -> Result<Offenders, MergeError> {
    let coming = (&staged.delivery, load.terms.parent());
    let opened = load::open(conn, load.contract, &[coming])?.pop();
    let Some(Opened::New(load_id)) = opened else {
        return Ok(Offenders::default());
    };
    load.make_ready(conn)?;
    let at = load.instant(conn)?;
    load.add_columns(conn, staged)?;
    conn.batch_execute(attempt::PREPARE)?;
    load.shared.work_in_sets(conn)?;
    let target = match &load.contract.kind {
        Kind::Dimension {
            durable_key,
            history,
        } => {
            let delivered = Delivered {
                closes_absent: false,
                ..load.delivered((durable_key, history), load_id, at, staged)
            };
            let way = delivered.land_to_search(conn)?;
            Target::Dimension(Box::new(delivered), way)
        }
        Kind::Fact { references, .. } => {
            let shape = load.shape(staged);
            landing::land(conn, shape, staged)?;
            fact::refuse(conn, shape, references, staged)?;
            Target::Fact(references)
        }
    };
    let bringing = Bringing {
        load,
        staged,
        load_id,
        at,
        target,
    };
    let deferred = Deferred::of_load(conn, load.contracts, load.contract)?;
    // Rows that come instead of others are not among those that are asked for in one go.
    if staged.alternatives.is_empty()
        && let Answer::Rows(offenders) = sieve::ask(conn, &bringing, &deferred)?
    {
        return Ok(offenders);
    }
    conn.batch_execute(include_str!("offenders/gather.sql"))?;
    if !staged.alternatives.is_empty() {
        bringing.land_alternatives(conn)?;
        conn.batch_execute(include_str!("offenders/gather_alternatives.sql"))?;
    }
    let turns = counts::count(conn, include_str!("offenders/turns.sql"))?;
    let mut trial = Trial {
        conn,
        deferred,
        bringing,
        found: Vec::new(),
    };
    halves::search(turns, &mut trial)?;
    Ok(Offenders(trial.found))
}

/// What the rows are brought into.
enum Target<'a> {
    Dimension(Box<Delivered<'a>>, Way),
    Fact(&'a [Reference]),
}

/// Brings in the rows that are in the landing table.
struct Bringing<'t, 'a> {
    load: &'t Load<'a>,
    staged: &'t Staged,
    load_id: i64,
    at: chrono::DateTime<chrono::Utc>,
    target: Target<'t>,
}

impl Bringing<'_, '_> {
    /// Lands the rows that would be used instead of others.
    fn land_alternatives(&self, conn: &mut PgConnection) -> Result<(), MergeError> {
        match &self.target {
            Target::Dimension(delivered, _) => delivered.land_alternatives(conn),
            Target::Fact(references) => {
                let shape = self.load.shape(self.staged);
                landing::land_alternatives(conn, shape, self.staged)?;
                fact::refuse(conn, shape, references, self.staged)?;
                Ok(())
            }
        }
    }

    /// So many are there.
    fn bring_in(&self, conn: &mut PgConnection, rows: u64) -> Result<(), MergeError> {
        let shape = self.load.shape(self.staged);
        match &self.target {
            Target::Dimension(delivered, way) => delivered.bring_in_group(conn, *way, rows),
            Target::Fact(references) => {
                let coming = fact::Coming {
                    load_id: self.load_id,
                    at: self.at,
                    samples: 0,
                };
                let applied = match self.load.terms.instant {
                    Instant::LoadTime => fact::apply(conn, shape, references, coming),
                    _ => fact::apply_late(conn, shape, coming),
                };
                applied.map(drop)
            }
        }
    }
}

/// Brings in groups of rows, and sees what becomes of them.
struct Trial<'t, 'a> {
    conn: &'t mut PgConnection,
    bringing: Bringing<'t, 'a>,
    deferred: Deferred,
    found: Vec<TableReject>,
}

/// What becomes of a group that was tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Taken,
    Nothing,
}

impl Trial<'_, '_> {
    /// Tries the rows of some turns: all of them, or those on some lines.
    fn attempt(
        &mut self,
        turns: &Range<u64>,
        lines: Option<&[i64]>,
        keep: Keep,
    ) -> Result<Option<RuleBreach>, MergeError> {
        let (bringing, deferred) = (&self.bringing, &self.deferred);
        let shape = bringing.load.shape(bringing.staged);
        let conn = &mut *self.conn;
        let mut taken = false;
        let (done, caught) = attempt::catching(|| {
            transaction(conn, |conn| {
                let rows = sql_query(sql::land_searched(shape))
                    .bind::<BigInt, _>(signed(turns.start))
                    .bind::<BigInt, _>(signed(turns.end))
                    .bind::<Nullable<Array<BigInt>>, _>(lines)
                    .execute(conn)?;
                bringing.bring_in(conn, rows as u64)?;
                deferred.check(conn)?;
                clear_away(conn)?;
                taken = true;
                match keep {
                    Keep::Taken => Ok(()),
                    Keep::Nothing => Err(MergeError::from(DbError::RollbackTransaction)),
                }
            })
        });
        match (caught, done) {
            (Some((Purpose::Close, breach)), _) => self.cannot_close(turns, breach),
            (Some((Purpose::Write(_) | Purpose::Check, breach)), _) => Ok(Some(breach)),
            (None, _) if taken => Ok(None),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Ok(None),
        }
    }

    /// To close a version is not what a row says: where that alone is refused, no row can be loaded that
    /// changes something, and the table has to be seen to.
    fn cannot_close(
        &self,
        turns: &Range<u64>,
        breach: RuleBreach,
    ) -> Result<Option<RuleBreach>, MergeError> {
        if turns.end - turns.start > 1 {
            return Ok(Some(breach));
        }
        Err(MergeError::CannotClose {
            table: self.bringing.load.contract.name.clone(),
            breach: Box::new(breach),
        })
    }

    /// Tries the rows of one key, one after the other beside those that were taken; instead of one that
    /// is refused, those that would be used in its place.
    fn try_key(&mut self, turn: u64) -> Result<(), MergeError> {
        let turns = turn..turn + 1;
        let lines: Vec<LineOfTurn> = sql_query(include_str!("offenders/lines.sql"))
            .bind::<BigInt, _>(signed(turn))
            .load(self.conn)?;
        let mut taken = Vec::new();
        for line in lines {
            if let Some(breach) = self.try_beside(&turns, &mut taken, line.line)? {
                self.note(&line, &breach);
                self.try_alternatives(&turns, &mut taken, &line, breach)?;
            }
        }
        self.attempt(&turns, Some(&taken), Keep::Taken)?;
        Ok(())
    }

    fn try_beside(
        &mut self,
        turns: &Range<u64>,
        taken: &mut Vec<i64>,
        line: i64,
    ) -> Result<Option<RuleBreach>, MergeError> {
        taken.push(line);
        let refused = self.attempt(turns, Some(taken), Keep::Nothing)?;
        if refused.is_some() {
            taken.pop();
        }
        Ok(refused)
    }

    /// What says the same as a row that was refused need not be tried.
    fn try_alternatives(
        &mut self,
        turns: &Range<u64>,
        taken: &mut Vec<i64>,
        refused: &LineOfTurn,
        breach: RuleBreach,
    ) -> Result<(), MergeError> {
        let Some(contest) = self.bringing.staged.alternatives.of(unsigned(refused.line)) else {
            return Ok(());
        };
        let mut breaches = BTreeMap::from([(contest.print, breach)]);
        for other in &contest.others {
            let line = LineOfTurn {
                line: signed(other.line),
                key: refused.key,
            };
            let breach = match breaches.get(&other.print) {
                Some(known) => Some(known.clone()),
                None => self.try_beside(turns, taken, line.line)?,
            };
            let Some(breach) = breach else {
                break;
            };
            self.note(&line, &breach);
            breaches.insert(other.print, breach);
            if self.is_enough() {
                break;
            }
        }
        Ok(())
    }

    fn note(&mut self, line: &LineOfTurn, breach: &RuleBreach) {
        self.found.push(TableReject {
            line: unsigned(line.line),
            key: line.key,
            column: breach.column_name.clone(),
            message: breach.sentence(),
        });
    }

    /// Whether those that were found refuse the file, so that no others matter.
    fn is_enough(&self) -> bool {
        let found = self.found.len() as u64;
        let tally = &self.bringing.staged.tally;
        let guards = &self.bringing.load.contract.guards;
        found >= ENOUGH && guard(guards, tally.read, tally.rejected + found).is_err()
    }
}

impl Judge for Trial<'_, '_> {
    type Error = MergeError;

    fn attempt(&mut self, range: Range<u64>) -> Result<Attempt, MergeError> {
        let refused = Trial::attempt(self, &range, None, Keep::Taken)?;
        Ok(match refused {
            None => Attempt::Taken,
            Some(_) => Attempt::Refused,
        })
    }

    fn one(&mut self, number: u64) -> Result<Search, MergeError> {
        self.try_key(number)?;
        Ok(if self.is_enough() {
            Search::Stop
        } else {
            Search::GoOn
        })
    }
}

#[derive(QueryableByName)]
struct LineOfTurn {
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    key: Uuid,
}

fn clear_away(conn: &mut PgConnection) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Made {
        #[diesel(sql_type = Text)]
        statement: String,
    }
    conn.batch_execute("truncate pg_temp.hayloft_landing")?;
    let made: Vec<Made> = sql_query(include_str!("offenders/clear_away.sql")).load(conn)?;
    for Made { statement } in made {
        conn.batch_execute(&statement)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel::result::DatabaseErrorKind as Kind;

    use super::*;

    #[test]
    fn locks_and_time_are_not_about_rows() {
        let table = [
            ("canceling statement due to lock timeout", false),
            ("canceling statement due to statement timeout", false),
            ("permission denied for table acc", false),
            ("not 9", true),
            ("division by zero", true),
        ];
        for (message, expected) in table {
            let told = Box::new(message.to_owned());
            let error = MergeError::Database(DbError::DatabaseError(Kind::Unknown, told));
            assert_eq!(may_be_of_rows(&error), expected, "{message}");
        }
    }
}
