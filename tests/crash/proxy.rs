//! A connection that breaks when the server has committed and the client has not heard of it; and a
//! server that seems to have no time for a second one.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Stands between the program and the server.
pub struct Proxy {
    port: u16,
    /// Whether the answer to the next COMMIT is swallowed.
    armed: Arc<AtomicBool>,
}

impl Proxy {
    /// In front of the server of this URL.
    pub fn before(url: &str) -> Self {
        Self::carrying(url, usize::MAX)
    }

    /// The same. It takes any number of clients, as a pooler does, and carries what the first one
    /// says.
    pub fn for_one(url: &str) -> Self {
        Self::carrying(url, 1)
    }

    fn carrying(url: &str, clients: usize) -> Self {
        let server = address(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let armed = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&armed);
        thread::spawn(move || {
            let mut waiting = Vec::new();
            for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
                if number < clients {
                    let server = TcpStream::connect(&server).unwrap();
                    carry(client, server, &shared);
                } else {
                    waiting.push(client);
                }
            }
        });
        Self { port, armed }
    }

    /// The URL, by way of the proxy.
    pub fn url(&self, url: &str) -> String {
        url.replace(address(url), &format!("127.0.0.1:{}", self.port))
    }

    /// From now on, the first COMMIT reaches the server, and nothing comes back.
    pub fn swallow_the_next_answer_to_a_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub fn has_swallowed(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

/// `HOST:PORT` of `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
fn address(url: &str) -> &str {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split_once('/').unwrap().0
}

fn carry(mut client: TcpStream, mut server: TcpStream, armed: &Arc<AtomicBool>) {
    let (mut to_client, mut from_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    let unheard = Arc::new(AtomicBool::new(false));
    let (armed, swallow) = (Arc::clone(armed), Arc::clone(&unheard));
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            let commits = buffer[..read]
                .windows(7)
                .any(|bytes| bytes.eq_ignore_ascii_case(b"commit\0"));
            if commits && armed.swap(false, Ordering::SeqCst) {
                unheard.store(true, Ordering::SeqCst);
            }
            if server.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = from_server.read(&mut buffer) {
            if swallow.load(Ordering::SeqCst) || to_client.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
}
