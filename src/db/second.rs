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
//! It helps, and nobody waits for it: a pooler may have no second connection to the server until the
//! load has given back its own.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

use super::pool;
use super::url::DatabaseUrl;

/// How long the log is left alone. A load writes up to half a MiB of it a millisecond.
const PAUSE: Duration = Duration::from_millis(5);

/// How long somebody who could do without the session waits for it. To make one takes 10 ms.
const PATIENCE: Duration = Duration::from_millis(100);

/// A session beside that of a load, for as long as this is kept.
pub struct SecondSession {
    place: Arc<Place>,
    thread: Option<JoinHandle<()>>,
}

/// Where the session is while nobody works with it.
#[derive(Default)]
struct Place {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    conn: Option<PgConnection>,
    /// Whether somebody has borrowed it.
    out: bool,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Needed,
    /// Nobody needs it any more: whoever has it lets it go.
    Over,
    /// The thread has ended.
    Gone,
}

impl SecondSession {
    /// Begins one. A thread connects it, and keeps the server's log written.
    #[must_use]
    pub fn begin(url: &DatabaseUrl) -> Self {
        let place = Arc::new(Place::default());
        let (url, of_thread) = (url.clone(), Arc::clone(&place));
        let thread = Builder::new().spawn(move || {
            of_thread.keep_log_written(&url);
            of_thread.leave(Stage::Gone);
        });
        if thread.is_err() {
            place.leave(Stage::Gone);
        }
        Self {
            place,
            thread: thread.ok(),
        }
    }

    /// Who lends it.
    #[must_use]
    pub fn lender(&self) -> Lender {
        Lender(Arc::clone(&self.place))
    }
}

/// Lends a session, for as long as that is kept.
pub struct Lender(Arc<Place>);

impl Lender {
    /// Lends the session, if it is there by now or very soon.
    #[must_use]
    pub fn lend(&self) -> Option<Lent> {
        let awaited = |inside: &mut Inside| inside.conn.is_none() && inside.stage == Stage::Needed;
        let mut inside = self.0.wait(PATIENCE, awaited);
        let conn = inside.conn.take()?;
        inside.out = true;
        let out = Out(Arc::clone(&self.0));
        Some(Lent { conn, out })
    }
}

impl Drop for SecondSession {
    /// Waits for the thread, and for whoever has it, if that is soon: a process that ends while a thread
    /// still connects can crash in OpenSSL's own clean-up.
    fn drop(&mut self) {
        self.place.leave(Stage::Over);
        let in_use = |inside: &mut Inside| inside.stage == Stage::Over || inside.out;
        let inside = self.place.wait(PATIENCE, in_use);
        if inside.stage == Stage::Gone
            && let Some(thread) = self.thread.take()
        {
            drop(inside);
            let _ = thread.join();
        }
    }
}

/// The session while it is borrowed. Who does not give it back has lost it, and it is closed.
pub struct Lent {
    /// The session itself.
    pub conn: PgConnection,
    out: Out,
}

impl Lent {
    /// Gives it back, as it was.
    pub fn give_back(self) {
        self.out.0.put(self.conn);
    }
}

/// Says that somebody has the session.
struct Out(Arc<Place>);

impl Drop for Out {
    fn drop(&mut self) {
        self.0.inside().out = false;
        self.0.changed.notify_all();
    }
}

impl Place {
    /// Until the session is lost, or nobody needs it any more.
    fn keep_log_written(&self, url: &DatabaseUrl) {
        let Ok(conn) = pool::unpooled(url) else {
            return;
        };
        self.put(conn);
        loop {
            let mut inside = self.wait(PAUSE, |inside| inside.stage == Stage::Needed);
            if inside.stage != Stage::Needed {
                return;
            }
            // Somebody has it.
            let Some(mut conn) = inside.conn.take() else {
                continue;
            };
            drop(inside);
            if write_log(&mut conn).is_err() {
                return;
            }
            self.put(conn);
        }
    }

    fn put(&self, conn: PgConnection) {
        let mut inside = self.inside();
        if inside.stage == Stage::Needed {
            inside.conn = Some(conn);
        }
        self.changed.notify_all();
    }

    /// Lets the session go.
    fn leave(&self, stage: Stage) {
        let mut inside = self.inside();
        if inside.stage != Stage::Gone {
            inside.stage = stage;
        }
        inside.conn = None;
        self.changed.notify_all();
    }

    fn wait(
        &self,
        most: Duration,
        condition: impl FnMut(&mut Inside) -> bool,
    ) -> MutexGuard<'_, Inside> {
        let woken = self
            .changed
            .wait_timeout_while(self.inside(), most, condition);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_log(conn: &mut PgConnection) -> QueryResult<()> {
    conn.batch_execute(include_str!("second/write_log.sql"))
}

impl fmt::Debug for SecondSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondSession")
    }
}

impl fmt::Debug for Lender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lender")
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}
