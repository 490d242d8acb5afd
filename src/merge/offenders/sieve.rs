//! Which rows of a file a table refuses, asked of the server in one go.
//!
//! All rows are brought in as a load would. Where a statement of that is refused, the server is given
//! its rows some at a time, and keeps those that it takes: so it is the server itself that says which
//! rule refuses which row, in its own order, and a row that is not written is not asked. Keys that change
//! have their versions closed before, all of them, so that a value may go over from one to another.
//!
//! What is checked only at the commit is checked there too. If it is that which refuses, all is done once
//! more with every check made at once.

use diesel::result::Error as DbError;

use super::{Bringing, ENOUGH, Offenders, TableReject};
use crate::contract::Guards;
use crate::db::attempt::{self, Caught, Purpose, RefusedRow, Sieve};
use crate::db::prelude::*;
use crate::db::transaction;
use crate::merge::MergeError;
use crate::merge::counts::{self, signed, unsigned};
use crate::merge::deferred::Deferred;
use crate::merge::guard::guard;
use crate::stage::{Staged, Tally};

/// What the server could say.
pub(super) enum Answer {
    /// These rows are refused, and maybe more that can be found once these are gone. None, if all of
    /// them are taken.
    Rows(Offenders),
    /// Something is refused, and no row of the file by itself.
    Unclear,
}

/// When the constraints are checked that can wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checks {
    AtTheEnd,
    AtOnce,
}

/// Asks for the rows in the landing table. Nothing of them stays written.
pub(super) fn ask(
    conn: &mut PgConnection,
    bringing: &Bringing<'_, '_>,
    deferred: &Deferred,
) -> Result<Answer, MergeError> {
    for checks in [Checks::AtTheEnd, Checks::AtOnce] {
        match ask_with(conn, bringing, deferred, checks)? {
            Asked::RefusedAtTheEnd if checks == Checks::AtTheEnd => {}
            Asked::RefusedAtTheEnd => break,
            Asked::Answered(answer) => return Ok(answer),
        }
    }
    Ok(Answer::Unclear)
}

enum Asked {
    Answered(Answer),
    RefusedAtTheEnd,
}

fn ask_with(
    conn: &mut PgConnection,
    bringing: &Bringing<'_, '_>,
    deferred: &Deferred,
    checks: Checks,
) -> Result<Asked, MergeError> {
    let sieve = Sieve {
        load: bringing.load_id,
        enough: enough(bringing.staged, &bringing.load.contract.guards),
    };
    let (done, caught) = attempt::sieving(sieve, || {
        transaction(conn, |conn| {
            if checks == Checks::AtOnce {
                deferred.check_at_once(conn)?;
            }
            let rows = counts::landed(conn)?;
            bringing.bring_in(conn, rows)?;
            deferred.check(conn)?;
            Err::<(), _>(MergeError::from(DbError::RollbackTransaction))
        })
    });
    match (caught, done) {
        (Some(Caught::Rows(rows)), _) => Ok(Asked::Answered(Answer::Rows(offenders(rows)))),
        (Some(Caught::Whole(Purpose::Check, _)), _) => Ok(Asked::RefusedAtTheEnd),
        (Some(Caught::Whole(..)), _) => Ok(Asked::Answered(Answer::Unclear)),
        (None, Err(MergeError::Database(DbError::RollbackTransaction)) | Ok(())) => {
            Ok(Asked::Answered(Answer::Rows(Offenders::default())))
        }
        (None, Err(error)) => Err(error),
    }
}

fn offenders(mut rows: Vec<RefusedRow>) -> Offenders {
    rows.dedup_by_key(|row| row.line);
    let rejects = rows.into_iter().filter_map(|row| {
        Some(TableReject {
            line: unsigned(row.line?),
            key: row.key,
            column: row.breach.column_name.clone(),
            message: row.breach.sentence(),
        })
    });
    Offenders(rejects.collect())
}

/// How many refused rows are enough: so many refuse the file, and its report names them.
fn enough(staged: &Staged, guards: &Guards) -> i64 {
    let Tally { read, rejected, .. } = staged.tally;
    let refuses = |found: u64| guard(guards, read, rejected + found).is_err();
    let (mut few, mut many) = (ENOUGH, ENOUGH.max(staged.rows.len() as u64));
    if !refuses(many) {
        return i64::MAX;
    }
    while few < many {
        let middle = few + (many - few) / 2;
        if refuses(middle) {
            many = middle;
        } else {
            few = middle + 1;
        }
    }
    signed(many)
}
