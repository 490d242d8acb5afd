//! A server that is a list of replies: what no real one does at the right moment.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::db::copy::{CopyError, read_binary};

/// One reply for each statement, in their order.
fn connect(replies: Vec<Vec<u8>>) -> PgConnection {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        serve(stream, replies)
    });
    let url = format!("postgres://a:b@127.0.0.1:{port}/c?sslmode=disable&gssencmode=disable");
    let mut conn = PgConnection::establish(&url).unwrap();
    track(&mut conn);
    conn
}

fn serve(mut stream: TcpStream, replies: Vec<Vec<u8>>) -> io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    read_rest(&mut stream, length)?;
    stream.write_all(&[message(b'R', &[0; 4]), end()].concat())?;
    // Diesel sets two things when it has connected.
    let set = [message(b'1', b""), message(b'2', b""), message(b'n', b"")];
    let set = [set.concat(), message(b'C', b"SET\0"), end()].concat();
    for reply in [vec![set.clone(), set], replies].concat() {
        read_statement(&mut stream)?;
        stream.write_all(&reply)?;
    }
    read_statement(&mut stream)
}

/// A query, or all up to a `Sync`.
fn read_statement(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        read_rest(stream, length)?;
        if matches!(kind, b'Q' | b'S') {
            return Ok(());
        }
    }
}

fn read_rest(stream: &mut TcpStream, length: [u8; 4]) -> io::Result<()> {
    let rest = u64::from(u32::from_be_bytes(length)) - 4;
    io::copy(&mut stream.take(rest), &mut io::sink()).map(drop)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], body].concat()
}

/// What ends a reply.
fn end() -> Vec<u8> {
    message(b'Z', b"I")
}

fn refusal() -> Vec<u8> {
    message(b'E', b"SERROR\0VERROR\0C22012\0Mdivision by zero\0\0")
}

fn ask(conn: &mut PgConnection) -> DbError {
    sql_query("select 1 / 0").execute(conn).unwrap_err()
}

#[test]
fn the_late_end_of_a_refusal_is_noticed() {
    let refused = [refusal(), end()].concat();
    let mut conn = connect(vec![refused, end()]);
    assert!(is_told_by_server(&ask(&mut conn)));
    assert!(!has_lost_reply(&mut conn));
    assert!(!is_told_by_server(&ask(&mut conn)));
    assert!(has_lost_reply(&mut conn));
    assert!(!is_told_by_server(&ask(&mut conn)));
}

#[test]
fn a_refusal_after_a_refusal_leaves_replies_in_step() {
    let refused = [refusal(), end()].concat();
    let answered = [message(b'C', b"SELECT 1\0"), end()].concat();
    let mut conn = connect(vec![
        refused.clone(),
        answered,
        refused.clone(),
        refused.clone(),
        refused,
    ]);
    for _ in 0..3 {
        assert!(is_told_by_server(&ask(&mut conn)));
        assert!(!has_lost_reply(&mut conn));
    }
}

#[test]
fn the_late_end_of_a_copy_is_noticed() {
    let binary = message(b'H', &[1, 0, 0]);
    let trailer = [crate::wire::HEADER, crate::wire::TRAILER].concat();
    let rows = [binary, message(b'd', &trailer), message(b'c', b"")].concat();
    let late = [message(b'C', b"COPY 0\0"), end()].concat();
    let nothing = [message(b'T', &[0, 0]), message(b'D', &[0, 0])].concat();
    let answered = [nothing, message(b'C', b"SELECT 1\0"), end()].concat();
    let mut conn = connect(vec![[rows, end()].concat(), late, answered]);
    let read = read_binary(&mut conn, "select", |_| Ok(()));
    assert!(matches!(read, Err(CopyError::Database(_))), "{read:?}");
    assert!(has_lost_reply(&mut conn));
}

fn raising_a_line() -> Vec<u8> {
    let report = message(b'E', b"SERROR\0VERROR\0CP0001\0Mno\n\0\0");
    [report, end()].concat()
}

fn answering(number: [u8; 8]) -> Vec<u8> {
    let column = [
        b"number\0".as_slice(),
        &[0; 6],
        &[0, 0, 0, 20],
        &[0, 8],
        &[255; 4],
        &[0, 1],
    ];
    let columns = message(b'T', &[&[0, 1], &column.concat()[..]].concat());
    let row = message(b'D', &[&[0, 1, 0, 0, 0, 8], &number[..]].concat());
    let begun = [message(b'1', b""), message(b'2', b"")].concat();
    [begun, columns, row, message(b'C', b"SELECT 1\0"), end()].concat()
}

#[test]
fn an_unclear_error_is_the_clients_where_nothing_answers() {
    let answered = [message(b'C', b"SELECT 1\0"), end()].concat();
    let other = answering([1; 8]);
    let mut conn = connect(vec![raising_a_line(), answered, other]);
    assert!(!is_told_by_server(&ask(&mut conn)));
    assert!(is_suspect(&mut conn));
    assert!(has_lost_reply(&mut conn));
}

fn reported(kind: Kind, message: &str) -> DbError {
    DbError::DatabaseError(kind, Box::new(message.to_owned()))
}

#[test]
fn only_a_report_of_the_server_leaves_replies_in_step() {
    let table = [
        (reported(Kind::CheckViolation, "new row violates"), true),
        (reported(Kind::Unknown, "deadlock detected"), true),
        (DbError::NotFound, true),
        (
            reported(
                Kind::Unknown,
                "could not receive data from server: Input/output error\n",
            ),
            false,
        ),
        (
            reported(Kind::Unknown, "lost synchronization with server\n"),
            false,
        ),
        (reported(Kind::Unknown, ""), false),
        (reported(Kind::Unknown, "no\n"), false),
        (reported(Kind::ClosedConnection, "terminating"), false),
        (reported(Kind::UnableToSendCommand, "another"), false),
        (DbError::DeserializationError("not a number".into()), false),
        (DbError::BrokenTransactionManager, false),
    ];
    for (error, expected) in table {
        assert_eq!(is_told_by_server(&error), expected, "{error:?}");
    }
}
