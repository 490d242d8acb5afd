//! A session that has lost a reply of its server: nothing of it is committed, and it is thrown away.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DbError};
use diesel::sql_query;
use diesel::sql_types::Integer;
use hayloft::db::{DatabaseUrl, pool, transaction};

use crate::support::Warehouse;

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

fn pid(conn: &mut PgConnection) -> i32 {
    let session: Session = sql_query("select pg_backend_pid() as pid")
        .get_result(conn)
        .unwrap();
    session.pid
}

/// What libpq says when `recv()` fails and the connection lives.
fn lost() -> DbError {
    let text = "could not receive data from server: Input/output error\n";
    DbError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned()))
}

fn refused() -> DbError {
    let text = "new row violates something".to_owned();
    DbError::DatabaseError(DatabaseErrorKind::CheckViolation, Box::new(text))
}

/// Writes a row in a transaction in which something fails that the writer does not mind.
fn write(conn: &mut PgConnection, error: fn() -> DbError) -> QueryResult<()> {
    transaction(conn, |conn| {
        conn.batch_execute("insert into public.written values (1)")?;
        let _ = transaction(conn, |_| Err::<(), _>(error()));
        Ok(())
    })
}

#[test]
fn a_session_that_lost_a_reply_never_commits() {
    let warehouse = Warehouse::new();
    warehouse.execute("create table public.written (number int)");
    let url: DatabaseUrl = warehouse.url().parse().unwrap();

    let mut conn = pool::connect_once(&url).unwrap();
    write(&mut conn, refused).unwrap();
    write(&mut conn, refused).unwrap();
    write(&mut conn, lost).unwrap_err();
    write(&mut conn, refused).unwrap_err();
    drop(conn);
    warehouse.wait_until("select count(*) from public.written", "2");
}

#[test]
fn the_pool_throws_away_a_session_that_lost_a_reply() {
    let warehouse = Warehouse::new();
    let url: DatabaseUrl = warehouse.url().parse().unwrap();
    let pool = pool::connect(&url, 1).unwrap();
    let fail = |error: fn() -> DbError| {
        let mut conn = pool.get().unwrap();
        transaction(&mut conn, |_| Err::<(), _>(error())).unwrap_err();
        pid(&mut conn)
    };
    let first = fail(refused);
    assert_eq!(fail(refused), first);
    assert_eq!(fail(lost), first);
    assert_ne!(fail(refused), first);
    let no_number = || DbError::DeserializationError("not a number".into());
    let second = fail(no_number);
    assert_ne!(fail(refused), second);
}
