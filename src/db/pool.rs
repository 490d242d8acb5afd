//! Connections that all behave alike, whatever the server's, the database's or the role's
//! defaults are.
//!
//! A [`DatabaseUrl`] comes in; a pool goes out whose server is one that Hayloft can work with.
//! Who takes a connection need not know how it was made.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diesel::pg::PgConnection;
use diesel::r2d2::{ConnectionManager, Error as PoolFault, ManageConnection, NopErrorHandler};
use diesel::sql_types::{Bool, Integer, Text};

use super::access::Need;
use super::connect_fault::{
    ConnectFault, FaultKind, explain, explain_connection_error, explain_pool_error,
};
use super::prelude::*;
use super::replies;
use super::session;
use super::url::DatabaseUrl;

/// Connections to one database.
pub type Pool = diesel::r2d2::Pool<Manager>;

/// A connection that goes back to its pool when it is dropped.
pub type PooledConnection = diesel::r2d2::PooledConnection<Manager>;

/// The oldest major version whose SQL Hayloft speaks.
pub const OLDEST_SERVER: i32 = 15;

/// How long a caller waits for a connection. A pool is as large as the number of loads that work, so
/// that only a database that is away makes anybody wait, which is to be known soon.
const PATIENCE: Duration = Duration::from_secs(3);

/// Connects, looks at what answers, and makes a pool of at most `size` connections.
///
/// The first connection is made without the pool, as the pool would try for half a minute before
/// it says that the password is wrong. It is the pool's from then on.
pub fn connect(url: &DatabaseUrl, size: u32) -> Result<Pool, ConnectFault> {
    let target = with_bounds(url);
    let mut first = plain_connection(&target)?;
    check_server(&mut first, url, Need::Load)?;
    settle(&mut first, url)?;
    Pool::builder()
        .max_size(size)
        // None is made in the background for the next caller: a process that ends while another
        // thread is still connecting can crash in OpenSSL's own clean-up.
        .min_idle(Some(0))
        .connection_timeout(PATIENCE)
        // The default one logs libpq's text, unread by us, and again at each attempt.
        .error_handler(Box::new(NopErrorHandler))
        .build(Manager::new(first, &target))
        .map_err(|error| explain_pool_error(&error, url))
}

/// Makes a pool's connections, each when it is needed. The first one is there already: a server
/// takes several milliseconds for each.
pub struct Manager {
    first: Mutex<Option<PgConnection>>,
    others: ConnectionManager<PgConnection>,
}

impl Manager {
    fn new(first: PgConnection, target: &DatabaseUrl) -> Self {
        Self {
            first: Mutex::new(Some(first)),
            others: ConnectionManager::new(target.for_connecting()),
        }
    }

    fn another(&self) -> Result<PgConnection, PoolFault> {
        let mut conn = self.others.connect()?;
        replies::track(&mut conn);
        session::pin(&mut conn).map_err(PoolFault::QueryError)?;
        Ok(conn)
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Manager")
    }
}

impl ManageConnection for Manager {
    type Connection = PgConnection;
    type Error = PoolFault;

    fn connect(&self) -> Result<PgConnection, PoolFault> {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        match first.take() {
            Some(pinned) => Ok(pinned),
            None => self.another(),
        }
    }

    fn is_valid(&self, conn: &mut PgConnection) -> Result<(), PoolFault> {
        replies::ensure_in_step(conn)?;
        self.others.is_valid(conn)
    }

    fn has_broken(&self, conn: &mut PgConnection) -> bool {
        replies::has_lost_reply(conn) || self.others.has_broken(conn)
    }
}

/// A database that was reached once, with a pool of connections to it.
#[derive(Clone)]
pub struct Database {
    url: DatabaseUrl,
    pool: Pool,
}

impl Database {
    /// See [`connect`].
    pub fn connect(url: DatabaseUrl, size: u32) -> Result<Self, ConnectFault> {
        let pool = connect(&url, size)?;
        Ok(Self { url, pool })
    }

    /// A connection, as soon as one is free.
    pub fn get(&self) -> Result<PooledConnection, ConnectFault> {
        self.pool
            .get()
            .map_err(|error| explain_pool_error(&error, &self.url))
    }

    /// Where the database is.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.url.place())
    }
}

/// One connection outside of any pool, with the same pinned session.
pub fn connect_once(url: &DatabaseUrl) -> Result<PgConnection, ConnectFault> {
    connect_for(url, Need::Load)
}

/// The same for whoever writes nothing: the server may be a standby, or the role one that only reads.
pub fn connect_to_look(url: &DatabaseUrl) -> Result<PgConnection, ConnectFault> {
    connect_for(url, Need::Look)
}

fn connect_for(url: &DatabaseUrl, need: Need) -> Result<PgConnection, ConnectFault> {
    let mut conn = plain_connection(&with_bounds(url))?;
    check_server(&mut conn, url, need)?;
    settle(&mut conn, url)?;
    Ok(conn)
}

/// Makes a session of a server that was looked at one of ours.
fn settle(conn: &mut PgConnection, url: &DatabaseUrl) -> Result<(), ConnectFault> {
    session::pin(conn)
        .and_then(|()| session::make_do(conn, url))
        .and_then(|()| replies::ensure_in_step(conn))
        .map_err(|error| explain(&error.to_string(), url))
}

/// The same, to a server that was looked at before.
pub(super) fn unpooled(url: &DatabaseUrl) -> Result<PgConnection, ConnectFault> {
    let mut conn = plain_connection(&with_bounds(url))?;
    session::pin(&mut conn).map_err(|error| explain(&error.to_string(), url))?;
    Ok(conn)
}

pub(super) fn plain_connection(url: &DatabaseUrl) -> Result<PgConnection, ConnectFault> {
    let mut conn = PgConnection::establish(&url.for_connecting())
        .map_err(|error| explain_connection_error(&error, url))?;
    replies::track(&mut conn);
    Ok(conn)
}

/// Bounds for every way in which the other side can fall silent: without them a load would wait
/// two hours for a server whose cable was pulled.
fn with_bounds(url: &DatabaseUrl) -> DatabaseUrl {
    url.clone()
        .or_option("connect_timeout", 10)
        .or_option("keepalives_idle", 30)
        .or_option("keepalives_interval", 10)
        .or_option("keepalives_count", 3)
        .or_option("tcp_user_timeout", 60_000)
}

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Integer)]
    version_num: i32,
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Bool)]
    read_only: bool,
    #[diesel(sql_type = Bool)]
    durable: bool,
}

/// Asked before the session is pinned, as an older server does not know all of that.
const LOOK_AT_SERVER: &str = "
    select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as version_num,
           pg_catalog.current_setting('server_version') as version,
           pg_catalog.current_setting('server_encoding') as encoding,
           pg_catalog.pg_is_in_recovery()
               or pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool as read_only,
           pg_catalog.current_setting('fsync')::pg_catalog.bool
               and pg_catalog.current_setting('full_page_writes')::pg_catalog.bool as durable";

fn check_server(
    conn: &mut PgConnection,
    url: &DatabaseUrl,
    need: Need,
) -> Result<(), ConnectFault> {
    let server: Server = diesel::sql_query(LOOK_AT_SERVER)
        .get_result(conn)
        .map_err(|error| explain(&error.to_string(), url))?;
    if !server.durable {
        tracing::warn!(
            "Postgres at {} runs with fsync or full_page_writes off: a power cut can lose loads \
             whose files are gone.",
            url.place()
        );
    }
    judge(&server, url, need)
}

fn judge(server: &Server, url: &DatabaseUrl, need: Need) -> Result<(), ConnectFault> {
    let place = url.place();
    let (kind, sentence) = if server.version_num / 10_000 < OLDEST_SERVER {
        let version = &server.version;
        let sentence = format!(
            "Postgres at {place} is version {version}, and Hayloft needs {OLDEST_SERVER} or newer."
        );
        (FaultKind::Refuse, sentence)
    } else if server.encoding != "UTF8" {
        let encoding = &server.encoding;
        let sentence = format!(
            "The database at {place} is encoded in {encoding}, and Hayloft needs UTF8: create \
             another one (createdb --encoding=UTF8 --template=template0)."
        );
        (FaultKind::Refuse, sentence)
    } else if server.read_only && need == Need::Load {
        (
            FaultKind::Retry,
            format!("Postgres at {place} takes no writes now: it is a standby, or read-only."),
        )
    } else {
        return Ok(());
    };
    Err(ConnectFault { kind, sentence })
}

#[cfg(test)]
mod tests {
    use super::{FaultKind, Need, Server, judge};
    use crate::db::url::DatabaseUrl;

    #[test]
    fn a_server_is_judged_by_version_encoding_and_whether_it_takes_writes() {
        let url: DatabaseUrl = "postgres://db/d".parse().unwrap();
        let table = [
            (150_018, "UTF8", false, None),
            (180_000, "UTF8", false, None),
            (
                140_009,
                "UTF8",
                false,
                Some((FaultKind::Refuse, "needs 15")),
            ),
            (
                150_018,
                "SQL_ASCII",
                false,
                Some((FaultKind::Refuse, "SQL_ASCII")),
            ),
            (
                150_018,
                "UTF8",
                true,
                Some((FaultKind::Retry, "takes no writes")),
            ),
        ];
        for (version_num, encoding, read_only, expected) in table {
            let server = Server {
                version_num,
                version: "14.9".to_owned(),
                encoding: encoding.to_owned(),
                read_only,
                durable: true,
            };
            match (judge(&server, &url, Need::Load), expected) {
                (Ok(()), None) => {}
                (Err(fault), Some((kind, part))) => {
                    assert_eq!(fault.kind, kind);
                    assert!(fault.sentence.contains(part), "{fault}");
                }
                (judged, _) => panic!("{judged:?}"),
            }
            let looked = judge(&server, &url, Need::Look);
            assert_eq!(looked.is_ok(), expected.is_none() || read_only);
        }
    }
}
