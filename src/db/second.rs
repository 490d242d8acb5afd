//! A second session for a large load.
//!
//! What a load writes goes through one session, since it is one transaction; and a session is one
//! process of the server, which keeps one core busy. What need not be in the transaction is done by
//! another one meanwhile:
//!
//! - It has the server write its log. A process that fills the log's buffers (`wal_buffers`, 16 MiB
//!   unless it is set) has to write them out before it goes on, a page at a time; every few
//!   milliseconds is often enough that it never has to. Of a first load that is a tenth.
//! - Whoever has something to read may borrow it.
//!
//! It helps, and nothing depends on it: where the server has no connection left, or the session is
//! lost, the load goes on without.

use std::convert::Infallible;
use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

use super::pool;
use super::url::DatabaseUrl;

/// How long the log is left alone. A load writes up to half a MiB of it a millisecond.
const PAUSE: Duration = Duration::from_millis(5);

/// A session beside that of a load, for as long as this is kept.
pub struct SecondSession {
    /// Set once it is known whether there is one.
    session: Arc<OnceLock<Session>>,
    /// Dropped, it ends the thread.
    going: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// `None` where there is no session, or none any more.
type Session = Mutex<Option<PgConnection>>;

impl SecondSession {
    /// Begins one. A thread connects it, so that nobody waits for that.
    #[must_use]
    pub fn begin(url: &DatabaseUrl) -> Self {
        let session = Arc::new(OnceLock::new());
        let (going, gone) = mpsc::channel();
        let (url, place) = (url.clone(), Arc::clone(&session));
        let thread = Builder::new().spawn(move || {
            let session = place.get_or_init(|| Mutex::new(pool::unpooled(&url).ok()));
            keep_log_written(session, &gone);
        });
        if thread.is_err() {
            session.get_or_init(Session::default);
        }
        Self {
            session,
            going: Some(going),
            thread: thread.ok(),
        }
    }

    /// Borrows the session, if there is one. Waits until that is known.
    #[must_use]
    pub fn lend(&self) -> Option<Lent<'_>> {
        let session = self.session.wait().lock();
        let mut session = session.unwrap_or_else(PoisonError::into_inner);
        let conn = session.take()?;
        Some(Lent { session, conn })
    }
}

/// The session while it is borrowed. Who does not give it back has lost it, and it is closed.
pub struct Lent<'a> {
    session: MutexGuard<'a, Option<PgConnection>>,
    /// The session itself.
    pub conn: PgConnection,
}

impl Lent<'_> {
    /// Gives it back, as it was.
    pub fn give_back(mut self) {
        *self.session = Some(self.conn);
    }
}

/// Until there is no session, or nobody needs it any more.
fn keep_log_written(session: &Session, gone: &Receiver<Infallible>) {
    while gone.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        // Somebody has it.
        let Ok(mut session) = session.try_lock() else {
            continue;
        };
        if !matches!(session.as_mut().map(write_log), Some(Ok(()))) {
            *session = None;
            return;
        }
    }
}

fn write_log(conn: &mut PgConnection) -> QueryResult<()> {
    conn.batch_execute(include_str!("second/write_log.sql"))
}

impl Drop for SecondSession {
    /// Waits for the thread: a process that ends while one still talks to the server can crash in
    /// OpenSSL's own clean-up.
    fn drop(&mut self) {
        self.going.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for SecondSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondSession")
    }
}

impl fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}
