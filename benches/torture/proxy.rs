//! Stands between the program and the server, and cuts sessions around their COMMIT.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result};

/// What happens to the next COMMIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Cut {
    /// Nothing.
    None = 0,
    /// It never reaches the server.
    Before = 1,
    /// It reaches the server, and the answer never comes back.
    After = 2,
}

/// A running proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    port: u16,
    armed: Arc<AtomicU8>,
    cuts: Arc<AtomicU64>,
}

impl Proxy {
    /// In front of the server at this address.
    pub(crate) fn before(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self {
            port: listener.local_addr()?.port(),
            armed: Arc::default(),
            cuts: Arc::default(),
        };
        let (server, shared) = (server.to_owned(), proxy.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(std::io::Result::ok) {
                // Without a server the client is told so by the end of the connection.
                if let Ok(server) = TcpStream::connect(&server) {
                    let _ = shared.carry(client, server);
                }
            }
        });
        Ok(proxy)
    }

    /// The URL, by way of the proxy.
    pub(crate) fn url(&self, url: &str) -> Result<String> {
        Ok(url.replace(address(url)?, &format!("127.0.0.1:{}", self.port)))
    }

    pub(crate) fn arm(&self, cut: Cut) {
        self.armed.store(cut as u8, Ordering::SeqCst);
    }

    /// How often a session was cut.
    pub(crate) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }

    fn carry(&self, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        let (mut to_client, mut from_server) = (client.try_clone()?, server.try_clone()?);
        let cut = Arc::new(AtomicU8::new(0));
        let (own, noticed) = (self.clone(), Arc::clone(&cut));
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = client.read(&mut buffer) {
                if is_commit(&buffer[..read]) {
                    let armed = own.armed.swap(0, Ordering::SeqCst);
                    own.cuts.fetch_add(u64::from(armed != 0), Ordering::SeqCst);
                    noticed.fetch_max(armed, Ordering::SeqCst);
                }
                if noticed.load(Ordering::SeqCst) == Cut::Before as u8
                    || server.write_all(&buffer[..read]).is_err()
                {
                    break;
                }
            }
            let _ = (
                server.shutdown(Shutdown::Both),
                client.shutdown(Shutdown::Both),
            );
        });
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = from_server.read(&mut buffer) {
                if cut.load(Ordering::SeqCst) == Cut::After as u8
                    || to_client.write_all(&buffer[..read]).is_err()
                {
                    break;
                }
            }
            let _ = to_client.shutdown(Shutdown::Both);
        });
        Ok(())
    }
}

fn is_commit(bytes: &[u8]) -> bool {
    bytes
        .windows(7)
        .any(|window| window.eq_ignore_ascii_case(b"commit\0"))
}

/// `HOST:PORT` of `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
pub(crate) fn address(url: &str) -> Result<&str> {
    let (_, rest) = url.rsplit_once('@').context("a URL with a user")?;
    Ok(rest.split_once('/').context("a URL with a database")?.0)
}
